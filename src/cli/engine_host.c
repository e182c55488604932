/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/engine_host.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

#define DEFAULT_DATA ".weir"
#define DEFAULT_PORT 8000
#define STOP_MS 5000
#define DATA_PATH_MAX sizeof(((struct engine_host *)NULL)->data)

/* A text option: the command line's, the configuration's, or the default. */
static const char *choose(const struct cli_args *args, const char *option,
                          const struct config *config, const char *path, const char *fallback)
{
    const char *given = cli_get(args, option);
    const char *configured = config == NULL ? NULL : config_text(config, path);
    return given != NULL ? given : configured != NULL ? configured : fallback;
}

/* What was asked for, checked before anything is opened or made. */
struct wishes {
    enum kv_durability durability;
    bool memory;
    const char *data; /* the folder, unless memory */
    const char *address;
    const char *region;
    const char *keys;   /* file of access keys; NULL: no signature is required */
    const char *faults; /* NULL: none */
    int64_t port, threads, stream_shards;
};

static enum weir_status read_storage(const struct cli_args *args, const struct config *config,
                                     struct wishes *wishes, struct weir_error *err)
{
    const char *durability = choose(args, "durability", config, "server.durability", "sync");
    if (strcmp(durability, "sync") != 0 && strcmp(durability, "relaxed") != 0) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "--durability is \"%s\": sync or relaxed",
                         durability);
    }
    wishes->durability = strcmp(durability, "sync") == 0 ? KV_SYNC : KV_RELAXED;
    wishes->memory = cli_has(args, "memory");
    if (wishes->memory && cli_has(args, "data")) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "--memory and --data: choose one");
    }
    wishes->data = choose(args, "data", config, "server.data", DEFAULT_DATA);
    if (wishes->data[0] == '\0' || strlen(wishes->data) >= DATA_PATH_MAX) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "--data is a path of 1 to %zu bytes",
                         DATA_PATH_MAX - 1);
    }
    return WEIR_OK;
}

static enum weir_status read_wishes(const struct cli_args *args, const struct config *config,
                                    struct wishes *wishes, struct weir_error *err)
{
    int64_t port = config_number(config, "server.port", DEFAULT_PORT);
    wishes->address = choose(args, "address", config, "server.address", "127.0.0.1");
    wishes->region = choose(args, "region", config, "region", NULL);
    wishes->keys = choose(args, "require-signature", config, "server.require_signature", NULL);
    wishes->faults = choose(args, "faults", config, "server.faults", NULL);
    enum weir_status status = read_storage(args, config, wishes, err);
    if (status == WEIR_OK) {
        status = cli_get_number(args, "port", 0, UINT16_MAX, port, &wishes->port, err);
    }
    if (status == WEIR_OK) {
        status = cli_get_number(args, "threads", 1, 64, 1, &wishes->threads, err);
    }
    if (status == WEIR_OK) {
        status = cli_get_number(args, "stream-shards", 1, 64, 4, &wishes->stream_shards, err);
    }
    return status;
}

static enum weir_status open_engine(struct engine_host *host, const struct wishes *wishes,
                                    struct weir_error *err)
{
    struct kv *kv = NULL;
    enum weir_status status;
    if (wishes->memory) {
        status = kv_mem_open(&kv, err);
    } else {
        memcpy(host->data, wishes->data, strlen(wishes->data) + 1);
        status = kv_rocks_open(wishes->data, wishes->durability, &kv, &host->opened, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    struct engine_options options = {
        .kv = kv,
        .opened = host->opened,
        .env = env_system(),
        .region = wishes->region,
        .stream_shards = (uint32_t)wishes->stream_shards,
    };
    status = engine_open(&options, &host->engine, err);
    if (status == WEIR_OK) {
        status = engine_committer_start(host->engine, err);
        host->committing = status == WEIR_OK;
    }
    return status;
}

static enum weir_status start_server(struct engine_host *host, const struct wishes *wishes,
                                     struct weir_error *err)
{
    host->api = api_new(host->engine);
    if (host->api == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the server");
    }
    struct server_options options = {
        .api = host->api,
        .env = env_system(),
        .address = wishes->address,
        .port = (uint16_t)wishes->port,
        .threads = (uint32_t)wishes->threads,
        .signature_keys = host->keys,
        .signature_region = wishes->region,
        .faults = wishes->faults,
    };
    enum weir_status status = server_start(&options, &host->server, err);
    if (status == WEIR_OK) {
        bool v6 = strchr(options.address, ':') != NULL;
        snprintf(host->endpoint, sizeof(host->endpoint), "http://%s%.255s%s:%u", v6 ? "[" : "",
                 options.address, v6 ? "]" : "", server_port(host->server));
    }
    return status;
}

/* Written beside and renamed, so that who waits for the file never reads a half. */
static enum weir_status write_port(const struct engine_host *host, const struct cli_args *args,
                                   struct weir_error *err)
{
    const char *path = cli_get(args, "port-file");
    char beside[4200];
    if (path == NULL) {
        return WEIR_OK;
    }
    snprintf(beside, sizeof(beside), "%.4096s.new", path);
    FILE *file = fopen(beside, "w");
    bool good = file != NULL && fprintf(file, "%u\n", server_port(host->server)) > 0;
    good = file != NULL && fclose(file) == 0 && good && rename(beside, path) == 0;
    return good ? WEIR_OK : error_set(err, WEIR_IO, "--port-file %s: %s", path, strerror(errno));
}

/* For a second process on the same folder: how to reach this one. */
static void announce_to_others(const struct engine_host *host)
{
    struct weir_error err = {0};
    if (host->data[0] != '\0' && kv_rocks_announce(host->data, host->endpoint, &err) != WEIR_OK) {
        log_event(LOG_WARN, "the data folder does not say how to reach this process", "error",
                  err.message, NULL);
    }
}

enum weir_status engine_host_start(struct engine_host *host, const struct cli_args *args,
                                   const struct config *config, struct weir_error *err)
{
    struct wishes wishes = {0};
    enum weir_status status = read_wishes(args, config, &wishes, err);
    if (status == WEIR_OK && wishes.keys != NULL) {
        status = signature_keys_load(wishes.keys, &host->keys, err);
    }
    if (status == WEIR_OK) {
        status = open_engine(host, &wishes, err);
    }
    if (status == WEIR_OK) {
        status = start_server(host, &wishes, err);
    }
    if (status == WEIR_OK) {
        announce_to_others(host);
        status = write_port(host, args, err);
    }
    return status;
}

void engine_host_stop(struct engine_host *host)
{
    if (host->engine != NULL) {
        engine_end_waits(host->engine); /* reads held at the tip would hold the stop */
    }
    server_stop(host->server, STOP_MS);
    signature_keys_free(host->keys);
    if (host->committing) {
        engine_committer_stop(host->engine);
    }
    api_free(host->api);
    engine_close(host->engine);
    *host = (struct engine_host){0};
}

static void announce_faults(const struct engine_host *host)
{
    const char *rule;
    for (unsigned i = 0; (rule = server_fault(host->server, i)) != NULL; i++) {
        log_event(LOG_WARN, "calls will be made to fail", "rule", rule, NULL);
    }
}

void engine_host_announce(const struct engine_host *host)
{
    char lost[32];
    char keys[32];
    snprintf(keys, sizeof(keys), "%u", host->keys == NULL ? 0 : signature_keys_count(host->keys));
    snprintf(lost, sizeof(lost), "%llu", (unsigned long long)host->opened.lost_commits);
    if (host->opened.unclean) {
        log_event(LOG_WARN, "the data folder was not closed; it was recovered", "torn_tail",
                  host->opened.torn_tail ? "yes" : "no", "lost_commits", lost, NULL);
    }
    log_event(LOG_INFO, "serving", "endpoint", host->endpoint, "data",
              host->data[0] == '\0' ? "memory" : host->data, "access_keys",
              host->keys == NULL ? NULL : keys, NULL);
    announce_faults(host);
}
