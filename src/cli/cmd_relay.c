/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/relay_setup.h"

#define ARENA_BYTES (16 * 1024 * 1024)

const struct cli_option cmd_relay_run_options[] = {
    {"name", 0, "RELAY", "which relay of the configuration; without one: its positions' name"},
    {"outbox", 0, "TABLE", "the outbox's table (outbox)"},
    {"to", 0, "SINK", "stdout, file or redis"},
    {"set", 0, "NAME=VALUE", "a setting of the sink; may be repeated"},
    {"layout", 0, "partitioned|by-message", "of the outbox, where weir.yaml does not say"},
    {"mark", 0, "update|delete|none", "what becomes of a published row (update)"},
    {"start", 0, "horizon|now", "where to begin without a stored position (horizon)"},
    {"once", 0, NULL, "end when everything up to now is delivered"},
    {0},
};

static pthread_mutex_t relay_mu = PTHREAD_MUTEX_INITIALIZER;
static struct weir_relay *running_relay; /* under relay_mu; NULL before it is open */

static void set_running(struct weir_relay *relay)
{
    pthread_mutex_lock(&relay_mu);
    running_relay = relay;
    pthread_mutex_unlock(&relay_mu);
}

/* While the relay is not open yet, nothing is in hand. */
static void stop(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&relay_mu);
    if (running_relay == NULL) {
        _exit(0);
    }
    weir_relay_stop(running_relay);
    pthread_mutex_unlock(&relay_mu);
}

static void report(const struct cli_args *args, struct arena *a, const char *order,
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
    value_add_str(a, document, "order", bytes_str(order));
    if (document != NULL) {
        struct buf text;
        buf_init(&text, 4096);
        json_write(&text, document);
        fprintf(stderr, "%.*s\n", BYTES_ARG(buf_bytes(&text)));
        buf_fini(&text);
    }
}

/* What first deliveries promised, for programs. */
static const char *order_name(const struct weir_relay *relay)
{
    return weir_relay_promised_order(relay) == WEIR_ORDER_PER_KEY ? "per-key" : "none";
}

static enum weir_status run(struct weir_relay *relay, const char *name, const struct cli_args *args,
                            struct arena *a, struct weir_error *err)
{
    struct relay_watch watch = {.relay = relay, .name = name, .progress = cli_progress(args)};
    enum weir_status status = relay_watch_start(&watch, err);
    if (status == WEIR_OK) {
        log_event(LOG_INFO, "relaying", "relay", name, "order", relay_setup_order(relay), NULL);
        status = weir_relay_run(relay, err);
    }
    relay_watch_stop(&watch);
    struct weir_relay_status figures;
    weir_relay_read_status(relay, &figures);
    report(args, a, order_name(relay), &figures);
    return status;
}

static enum weir_status open_and_run(struct arena *a, const struct cli_args *args,
                                     struct weir_error *err)
{
    struct config *config = NULL;
    struct weir_client *client = NULL;
    struct weir_relay *relay = NULL;
    uint32_t index = 0;
    enum weir_status status = cli_on_stop(stop, NULL, err);
    if (status == WEIR_OK) {
        status = cli_load_config(args, a, &config, err);
    }
    if (status == WEIR_OK) {
        status = relay_setup_check(config, err);
    }
    if (status == WEIR_OK) {
        status = relay_setup_find(config, cli_get(args, "name"), &index, err);
    }
    if (status == WEIR_OK) {
        status = cli_open_client(args, config, &client, err);
    }
    if (status == WEIR_OK) {
        status = relay_setup_open(a, client, config, index, args, &relay, err);
    }
    if (status == WEIR_OK) {
        const char *name = cli_get(args, "name");
        set_running(relay);
        status = run(relay, name == NULL ? relay_setup_name(config, index) : name, args, a, err);
    }
    set_running(NULL);
    weir_relay_close(relay);
    cli_close_client(client);
    return status;
}

int cmd_relay_run(const struct cli_args *args)
{
    return cli_run(args, ARENA_BYTES, open_and_run);
}
