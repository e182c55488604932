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
#define STOP_MS 10000

/* A text option: the command line's, the configuration's, or the default. */
static const char *choose(const struct cli_args *args, const char *option,
                          const struct config *config, const char *path, const char *fallback)
{
    const char *given = cli_get(args, option);
    const char *configured = config == NULL ? NULL : config_text(config, path);
    return given != NULL ? given : configured != NULL ? configured : fallback;
}

static enum weir_status choose_durability(const struct cli_args *args, const struct config *config,
                                          enum kv_durability *ret_durability,
                                          struct weir_error *err)
{
    const char *text = choose(args, "durability", config, "server.durability", "sync");
    if (strcmp(text, "sync") == 0) {
        *ret_durability = KV_SYNC;
    } else if (strcmp(text, "relaxed") == 0) {
        *ret_durability = KV_RELAXED;
    } else {
        return error_set(err, WEIR_INVALID_ARGUMENT, "--durability is \"%s\": sync or relaxed",
                         text);
    }
    return WEIR_OK;
}

static enum weir_status open_kv(struct engine_host *host, const struct cli_args *args,
                                const struct config *config, struct kv **ret_kv,
                                struct weir_error *err)
{
    enum kv_durability durability = KV_SYNC;
    enum weir_status status = choose_durability(args, config, &durability, err);
    if (status != WEIR_OK) {
        return status;
    }
    if (cli_has(args, "memory")) {
        if (cli_has(args, "data")) {
            return error_set(err, WEIR_INVALID_ARGUMENT, "--memory and --data: choose one");
        }
        return kv_mem_open(ret_kv, err);
    }
    const char *data = choose(args, "data", config, "server.data", DEFAULT_DATA);
    if (strlen(data) >= sizeof(host->data)) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "--data is too long");
    }
    memcpy(host->data, data, strlen(data) + 1);
    return kv_rocks_open(data, durability, ret_kv, &host->opened, err);
}

static enum weir_status open_engine(struct engine_host *host, const struct cli_args *args,
                                    const struct config *config, struct weir_error *err)
{
    int64_t shards = 0;
    struct kv *kv = NULL;
    enum weir_status status = cli_get_number(args, "stream-shards", 1, 64, 4, &shards, err);
    if (status == WEIR_OK) {
        status = open_kv(host, args, config, &kv, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    struct engine_options options = {
        .kv = kv,
        .opened = host->opened,
        .env = env_system(),
        .region = cli_get(args, "region"),
        .stream_shards = (uint32_t)shards,
    };
    status = engine_open(&options, &host->engine, err);
    if (status == WEIR_OK) {
        status = engine_committer_start(host->engine, err);
        host->committing = status == WEIR_OK;
    }
    return status;
}

static enum weir_status start_server(struct engine_host *host, const struct cli_args *args,
                                     const struct config *config, struct weir_error *err)
{
    int64_t port = 0, threads = 0;
    int64_t fallback = config_number(config, "server.port", DEFAULT_PORT);
    enum weir_status status = cli_get_number(args, "port", 0, UINT16_MAX, fallback, &port, err);
    if (status == WEIR_OK) {
        status = cli_get_number(args, "threads", 1, 64, 1, &threads, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    host->api = api_new(host->engine);
    if (host->api == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the server");
    }
    struct server_options options = {
        .api = host->api,
        .env = env_system(),
        .address = choose(args, "address", config, "server.address", "127.0.0.1"),
        .port = (uint16_t)port,
        .threads = (uint32_t)threads,
    };
    status = server_start(&options, &host->server, err);
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
    enum weir_status status = open_engine(host, args, config, err);
    if (status == WEIR_OK) {
        status = start_server(host, args, config, err);
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
    if (host->committing) {
        engine_committer_stop(host->engine);
    }
    api_free(host->api);
    engine_close(host->engine);
    *host = (struct engine_host){0};
}

void engine_host_announce(const struct engine_host *host)
{
    char lost[32];
    snprintf(lost, sizeof(lost), "%llu", (unsigned long long)host->opened.lost_commits);
    if (host->opened.unclean) {
        log_event(LOG_WARN, "the data folder was not closed; it was recovered", "torn_tail",
                  host->opened.torn_tail ? "yes" : "no", "lost_commits", lost, NULL);
    }
    log_event(LOG_INFO, "serving", "endpoint", host->endpoint, "data",
              host->data[0] == '\0' ? "memory" : host->data, NULL);
}
