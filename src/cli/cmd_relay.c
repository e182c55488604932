/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/relay_setup.h"

#define DEFAULT_CONFIG "weir.yaml"
#define ARENA_BYTES (16 * 1024 * 1024)

static void stop(void *relay)
{
    weir_relay_stop(relay);
}

/* --config must be there; the default file may be missing. */
static enum weir_status load_config(struct arena *a, const struct cli_args *args,
                                    struct config **ret_config, struct weir_error *err)
{
    const char *path = cli_get(args, "config");
    enum weir_status status = config_load(a, path == NULL ? DEFAULT_CONFIG : path, ret_config, err);
    if (status == WEIR_NOT_FOUND && path == NULL) {
        *ret_config = NULL;
        return WEIR_OK;
    }
    return status == WEIR_NOT_FOUND ? WEIR_CONFIG : status;
}

static void report(const struct cli_args *args, struct arena *a,
                   const struct weir_relay_status *status)
{
    char delivered[32], duplicates[32], lag[32];
    if (!cli_json(args)) {
        snprintf(delivered, sizeof(delivered), "%llu", (unsigned long long)status->delivered);
        snprintf(duplicates, sizeof(duplicates), "%llu", (unsigned long long)status->duplicates);
        snprintf(lag, sizeof(lag), "%lld", (long long)status->lag_ms);
        log_event(LOG_INFO, "relay stopped", "delivered", delivered, "duplicates", duplicates,
                  "lag_ms", lag, NULL);
        return;
    }
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    value_add_int(a, document, "delivered", (int64_t)status->delivered);
    value_add_int(a, document, "duplicates", (int64_t)status->duplicates);
    value_add_int(a, document, "marked", (int64_t)status->marked);
    value_add_int(a, document, "skipped", (int64_t)status->skipped);
    value_add_int(a, document, "retries", (int64_t)status->retries);
    value_add_int(a, document, "rejected", (int64_t)status->rejected);
    value_add_int(a, document, "lagMs", status->lag_ms);
    if (document != NULL) {
        struct buf text;
        buf_init(&text, 4096);
        json_write(&text, document);
        fprintf(stderr, "%.*s\n", BYTES_ARG(buf_bytes(&text)));
        buf_fini(&text);
    }
}

static enum weir_status run(struct weir_relay *relay, const struct cli_args *args, struct arena *a,
                            struct weir_error *err)
{
    struct relay_watch watch = {
        .relay = relay, .name = cli_get(args, "name"), .progress = cli_progress(args)};
    enum weir_status status = cli_on_stop(stop, relay, err);
    if (status == WEIR_OK) {
        status = relay_watch_start(&watch, err);
    }
    if (status == WEIR_OK) {
        status = weir_relay_run(relay, err);
    }
    relay_watch_stop(&watch);
    struct weir_relay_status figures;
    weir_relay_read_status(relay, &figures);
    report(args, a, &figures);
    return status;
}

static enum weir_status open_and_run(struct arena *a, const struct cli_args *args,
                                     struct weir_error *err)
{
    struct config *config = NULL;
    struct weir_client *client = NULL;
    struct weir_relay *relay = NULL;
    uint32_t index = 0;
    enum weir_status status = load_config(a, args, &config, err);
    if (status == WEIR_OK) {
        status = relay_setup_find(config, cli_get(args, "name"), &index, err);
    }
    if (status == WEIR_OK) {
        status = cli_open_client(args, config == NULL ? NULL : config_text(config, "endpoint"),
                                 &client, err);
    }
    if (status == WEIR_OK) {
        status = relay_setup_open(a, client, config, index, args, &relay, err);
    }
    if (status == WEIR_OK) {
        status = run(relay, args, a, err);
    }
    weir_relay_close(relay);
    weir_client_close(client);
    return status;
}

int cmd_relay_run(const struct cli_args *args)
{
    struct weir_error err = {0};
    struct arena *a = arena_new(ARENA_BYTES);
    enum weir_status status =
        a == NULL ? error_set(&err, WEIR_NO_MEMORY, "no memory") : open_and_run(a, args, &err);
    arena_free(a);
    return status == WEIR_OK ? 0 : cli_fail(args, status, &err);
}
