/* SPDX-License-Identifier: Apache-2.0 */

/*
 * weir dev: the engine, its HTTP front, the outboxes' tables and every relay of weir.yaml in one
 * process. Relays reach the engine over HTTP like anybody else, each in a thread of its own.
 */

#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/engine_host.h"
#include "cli/relay_setup.h"
#include "weir/outbox.h"

#define ARENA_BYTES (16 * 1024 * 1024)

const struct cli_option cmd_dev_options[] = {
    CLI_SERVER_OPTIONS,
    {0},
};

static sem_t stop_wanted;

struct dev_relay {
    struct weir_relay *relay;
    struct relay_watch watch;
    pthread_t thread;
    bool running;
    const char *name;        /* the configuration's */
    enum weir_status status; /* the thread's, read after it ended */
    struct weir_error error;
};

struct dev {
    struct engine_host host;
    struct arena *arena;
    struct config *config; /* NULL: there is no file */
    struct weir_client *client;
    struct dev_relay relays[RELAY_SETUP_MAX];
    uint32_t relay_count;
};

static void stop(void *unused)
{
    (void)unused;
    (void)sem_post(&stop_wanted);
}

/* ---- outboxes -------------------------------------------------------------------------------- */

static enum weir_status prepare_outboxes(struct dev *dev, struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < config_count(dev->config, "outboxes"); i++) {
        struct weir_outbox_options options;
        status = outbox_setup_read(dev->arena, dev->config, i, &options, err);
        if (status == WEIR_OK) {
            status = outbox_setup_prepare(dev->client, &options, err);
        }
    }
    return status;
}

/* ---- relays ---------------------------------------------------------------------------------- */

/* A relay that cannot go on ends the whole: a person is there to see why. */
static void *run_relay(void *arg)
{
    struct dev_relay *r = arg;
    r->status = weir_relay_run(r->relay, &r->error);
    if (r->status != WEIR_OK) {
        log_event(LOG_ERROR, "a relay ended", "relay", r->name, "error", r->error.message, NULL);
        stop(NULL);
    }
    return NULL;
}

static enum weir_status start_relay(struct dev *dev, uint32_t index, struct weir_error *err)
{
    struct dev_relay *r = &dev->relays[dev->relay_count++];
    r->name = relay_setup_name(dev->config, index);
    enum weir_status status =
        relay_setup_open(dev->arena, dev->client, dev->config, index, NULL, &r->relay, err);
    if (status == WEIR_OK) {
        r->watch = (struct relay_watch){.relay = r->relay, .name = r->name};
        status = relay_watch_start(&r->watch, err);
    }
    if (status == WEIR_OK && pthread_create(&r->thread, NULL, run_relay, r) != 0) {
        status = error_set(err, WEIR_IO, "cannot start a thread for relay %s", r->name);
    }
    r->running = status == WEIR_OK;
    if (r->running) {
        log_event(LOG_INFO, "relaying", "relay", r->name, "order", relay_setup_order(r->relay),
                  NULL);
    }
    return status;
}

static enum weir_status start_relays(struct dev *dev, struct weir_error *err)
{
    uint32_t count = config_count(dev->config, "relays");
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < count; i++) {
        status = start_relay(dev, i, err);
    }
    return status;
}

/* The first failure of a relay, which was logged, is how the whole ended. */
static enum weir_status stop_relays(struct dev *dev, struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; i < dev->relay_count; i++) {
        weir_relay_stop(dev->relays[i].relay);
    }
    for (uint32_t i = 0; i < dev->relay_count; i++) {
        struct dev_relay *r = &dev->relays[i];
        if (r->running) {
            (void)pthread_join(r->thread, NULL);
        }
        relay_watch_stop(&r->watch);
        weir_relay_close(r->relay);
        if (status == WEIR_OK && r->status != WEIR_OK) {
            status = r->status;
            *err = r->error;
        }
    }
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum weir_status load(struct dev *dev, const struct cli_args *args, struct weir_error *err)
{
    enum weir_status status = cli_load_config(args, dev->arena, &dev->config, err);
    if (status == WEIR_OK && dev->config == NULL) {
        log_event(LOG_INFO, "there is no weir.yaml: no relays", NULL);
        return WEIR_OK;
    }
    return status == WEIR_OK ? relay_setup_check(dev->config, err) : status;
}

static enum weir_status open_client(struct dev *dev, struct weir_error *err)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    options.endpoint_url = dev->host.endpoint;
    return weir_client_open(&options, &dev->client, err);
}

static enum weir_status start(struct dev *dev, const struct cli_args *args, struct weir_error *err)
{
    enum weir_status status = load(dev, args, err);
    if (status == WEIR_OK) {
        status = engine_host_start(&dev->host, args, dev->config, err);
    }
    if (status == WEIR_OK) {
        engine_host_announce(&dev->host);
        status = open_client(dev, err);
    }
    if (status == WEIR_OK) {
        status = prepare_outboxes(dev, err);
    }
    return status == WEIR_OK ? start_relays(dev, err) : status;
}

/* A server that checks signatures takes the keys of its file alone, which are not for printing. */
static void print_environment(const struct dev *dev, const struct cli_args *args)
{
    const char *region = cli_get(args, "region");
    region = region != NULL ? region : config_text(dev->config, "region");
    region = region != NULL ? region : "us-east-1";
    bool any_keys = dev->host.keys == NULL;
    fprintf(stderr,
            "\nFor AWS SDKs and the AWS CLI:\n\n"
            "  export AWS_ENDPOINT_URL_DYNAMODB=%s \\\n"
            "         AWS_ENDPOINT_URL_DYNAMODB_STREAMS=%s \\\n"
            "         AWS_REGION=%s AWS_DEFAULT_REGION=%s%s\n",
            dev->host.endpoint, dev->host.endpoint, region, region, any_keys ? " \\" : "");
    fprintf(stderr, "%s\n\n",
            any_keys
                ? "         AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local"
                : "\nand AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: one of the access keys that "
                  "the server takes.");
}

int cmd_dev(const struct cli_args *args)
{
    static struct dev dev; /* large, and one per process */
    struct weir_error err = {0};
    (void)sem_init(&stop_wanted, 0, 0);
    dev.arena = arena_new(ARENA_BYTES);
    enum weir_status status = dev.arena == NULL ? error_set(&err, WEIR_NO_MEMORY, "no memory")
                                                : cli_on_stop(stop, NULL, &err);
    if (status == WEIR_OK) {
        status = start(&dev, args, &err);
    }
    if (status == WEIR_OK) {
        const char *format = cli_get(args, "log-format");
        bool json_lines = format != NULL && strcmp(format, "json") == 0;
        if (!cli_has(args, "quiet") && !json_lines) {
            print_environment(&dev, args);
        }
        while (sem_wait(&stop_wanted) != 0) {
        }
        log_event(LOG_INFO, "stopping", NULL);
    }
    struct weir_error relay_err = {0};
    enum weir_status relay_status = stop_relays(&dev, &relay_err);
    if (status == WEIR_OK && relay_status != WEIR_OK) {
        status = relay_status;
        err = relay_err;
    }
    weir_client_close(dev.client);
    engine_host_stop(&dev.host);
    arena_free(dev.arena);
    return status == WEIR_OK ? 0 : cli_fail(args, status, &err);
}
