/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/relay_setup.h"

#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/log.h"

#define SETTINGS_MAX 64
#define PATH_BYTES 128

struct setup {
    struct weir_relay_options options;
    struct weir_outbox_options outbox;
    const char *sink;
    const char *settings[SETTINGS_MAX];
    uint32_t setting_count;
};

static bool text_is(const char *text, const char *wanted)
{
    return text != NULL && strcmp(text, wanted) == 0;
}

/* ---- from the configuration --------------------------------------------------------------------
 */

static const char *text_of(const struct config *config, uint32_t index, const char *name)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "relays[%u].%s", index, name);
    return config_text(config, path);
}

static int64_t number_of(const struct config *config, uint32_t index, const char *name)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "relays[%u].%s", index, name);
    return config_number(config, path, 0);
}

static enum weir_status take_sink(struct arena *a, const struct config *config, uint32_t index,
                                  struct setup *setup, struct weir_error *err)
{
    char path[PATH_BYTES];
    struct config_child *children = NULL;
    uint32_t count = 0;
    snprintf(path, sizeof(path), "relays[%u].to", index);
    enum weir_status status = config_children(a, config, path, &children, &count, err);
    if (status != WEIR_OK || count == 0) {
        return status;
    }
    if (count > 1) {
        return config_error(config, path, err, "a relay has one sink");
    }
    setup->sink = children[0].name;
    snprintf(path, sizeof(path), "relays[%u].to.%s", index, setup->sink);
    status = config_children(a, config, path, &children, &count, err);
    for (uint32_t i = 0; status == WEIR_OK && i < count && i < SETTINGS_MAX; i++) {
        setup->settings[setup->setting_count++] =
            arena_printf(a, "%s=%s", children[i].name, children[i].text);
    }
    return status;
}

/* An outbox that the configuration describes lends its names to the relays that read it. */
static void take_outbox(const struct config *config, struct setup *setup)
{
    const char *wanted = setup->options.table == NULL ? "outbox" : setup->options.table;
    for (uint32_t i = 0; i < config_count(config, "outboxes"); i++) {
        struct weir_outbox_options described = WEIR_OUTBOX_OPTIONS_INIT;
        outbox_setup_read(config, i, &described);
        if (strcmp(described.table == NULL ? "outbox" : described.table, wanted) == 0) {
            setup->outbox = described;
        }
    }
}

static enum weir_status take_config(struct arena *a, const struct config *config, uint32_t index,
                                    struct setup *setup, struct weir_error *err)
{
    struct weir_relay_options *o = &setup->options;
    o->name = text_of(config, index, "name");
    o->table = text_of(config, index, "from.outbox");
    o->start_now = text_is(text_of(config, index, "from.start"), "now");
    o->mark = text_is(text_of(config, index, "mark"), "none") ? WEIR_MARK_NONE : WEIR_MARK_UPDATE;
    o->position_table = text_of(config, index, "position_table");
    o->retry_attempts = (uint32_t)number_of(config, index, "retry.max");
    o->retry_first_ms = (uint32_t)number_of(config, index, "retry.backoff");
    o->retry_max_ms = (uint32_t)number_of(config, index, "retry.backoff_max");
    o->drain_ms = (uint32_t)number_of(config, index, "drain");
    return take_sink(a, config, index, setup, err);
}

/* ---- from the command line ---------------------------------------------------------------------
 */

static enum weir_status wrong_choice(struct weir_error *err, const char *name, const char *value,
                                     const char *choices)
{
    return error_set(err, WEIR_INVALID_ARGUMENT, "--%s is \"%s\": %s", name, value, choices);
}

static enum weir_status take_mark(const char *mark, struct setup *setup, struct weir_error *err)
{
    if (mark != NULL && !text_is(mark, "update") && !text_is(mark, "none")) {
        return wrong_choice(err, "mark", mark, "update or none");
    }
    if (mark != NULL) {
        setup->options.mark = text_is(mark, "none") ? WEIR_MARK_NONE : WEIR_MARK_UPDATE;
    }
    return WEIR_OK;
}

static enum weir_status take_args(const struct cli_args *args, struct setup *setup,
                                  struct weir_error *err)
{
    const char *start = cli_get(args, "start");
    if (start != NULL && !text_is(start, "now") && !text_is(start, "horizon")) {
        return wrong_choice(err, "start", start, "horizon or now");
    }
    if (start != NULL) {
        setup->options.start_now = text_is(start, "now");
    }
    if (cli_has(args, "name")) {
        setup->options.name = cli_get(args, "name");
    }
    if (cli_has(args, "outbox")) {
        setup->options.table = cli_get(args, "outbox");
    }
    if (cli_has(args, "to")) {
        setup->sink = cli_get(args, "to");
        setup->setting_count = 0;
    }
    setup->options.once = cli_has(args, "once");
    for (unsigned i = 0; i < args->given_count && setup->setting_count < SETTINGS_MAX; i++) {
        if (strcmp(args->given[i].option->name, "set") == 0) {
            setup->settings[setup->setting_count++] = args->given[i].value;
        }
    }
    return take_mark(cli_get(args, "mark"), setup, err);
}

/* ---- opening -----------------------------------------------------------------------------------
 */

void outbox_setup_read(const struct config *config, uint32_t index,
                       struct weir_outbox_options *ret_options)
{
    char path[PATH_BYTES];
    const struct {
        const char *name;
        const char **to;
    } texts[] = {{"table", &ret_options->table},
                 {"partition_name", &ret_options->partition_name},
                 {"sort_name", &ret_options->sort_name},
                 {"ttl_name", &ret_options->ttl_name}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        snprintf(path, sizeof(path), "outboxes[%u].%s", index, texts[i].name);
        *texts[i].to = config_text(config, path);
    }
    snprintf(path, sizeof(path), "outboxes[%u].retention", index);
    int64_t retention_ms = config_number(config, path, -1);
    ret_options->retention_s = retention_ms < 0 ? 0 : retention_ms == 0 ? -1 : retention_ms / 1000;
    snprintf(path, sizeof(path), "outboxes[%u].create", index);
    ret_options->no_create = text_is(config_text(config, path), "no");
}

enum weir_status outbox_setup_prepare(struct weir_client *client,
                                      const struct weir_outbox_options *options,
                                      struct weir_error *err)
{
    struct weir_outbox *outbox = NULL;
    enum weir_status status = weir_outbox_open(client, options, &outbox, err);
    weir_outbox_close(outbox);
    return status;
}

/* The relay reads what its outbox is called, and finds it there even before its first message. */
static enum weir_status prepare_outbox(struct weir_client *client, struct setup *setup,
                                       struct weir_error *err)
{
    struct weir_relay_options *o = &setup->options;
    setup->outbox.table = o->table;
    o->partition_name = setup->outbox.partition_name;
    o->sort_name = setup->outbox.sort_name;
    o->ttl_name = setup->outbox.ttl_name;
    o->retention_s = setup->outbox.retention_s;
    return outbox_setup_prepare(client, &setup->outbox, err);
}

enum weir_status relay_setup_open(struct arena *a, struct weir_client *client,
                                  const struct config *config, uint32_t index,
                                  const struct cli_args *args, struct weir_relay **ret_relay,
                                  struct weir_error *err)
{
    struct setup setup = {.options = WEIR_RELAY_OPTIONS_INIT, .outbox = WEIR_OUTBOX_OPTIONS_INIT};
    enum weir_status status = WEIR_OK;
    if (config != NULL && config_count(config, "relays") > index) {
        status = take_config(a, config, index, &setup, err);
    }
    if (status == WEIR_OK && args != NULL) {
        status = take_args(args, &setup, err);
    }
    if (status == WEIR_OK && setup.sink == NULL) {
        status = error_set(err, WEIR_CONFIG,
                           "a relay needs a sink: `to:` in the configuration, or --to stdout, "
                           "file or redis");
    }
    if (status == WEIR_OK) {
        take_outbox(config, &setup);
        status = prepare_outbox(client, &setup, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    return weir_relay_open(client, &setup.options, setup.sink, setup.settings, setup.setting_count,
                           ret_relay, err);
}

enum weir_status relay_setup_find(const struct config *config, const char *name,
                                  uint32_t *ret_index, struct weir_error *err)
{
    uint32_t count = config_count(config, "relays");
    if (name == NULL && count <= 1) {
        *ret_index = 0;
        return WEIR_OK;
    }
    for (uint32_t i = 0; name != NULL && i < count; i++) {
        if (text_is(text_of(config, i, "name"), name)) {
            *ret_index = i;
            return WEIR_OK;
        }
    }
    (void)error_set(err, WEIR_CONFIG, "--name says which relay of the configuration:");
    for (uint32_t i = 0; i < count; i++) {
        const char *known = text_of(config, i, "name");
        size_t len = strlen(err->message);
        snprintf(err->message + len, sizeof(err->message) - len, "%s %s", i == 0 ? "" : ",",
                 known == NULL ? "(unnamed)" : known);
    }
    return WEIR_CONFIG;
}

/* ---- watching ----------------------------------------------------------------------------------
 */

#define WATCH_MS 250

static void log_sink(const struct relay_watch *watch, const struct weir_relay_status *status)
{
    char lag[32];
    snprintf(lag, sizeof(lag), "%lld", (long long)status->lag_ms);
    if (status->sink_down) {
        log_event(LOG_WARN, "the sink cannot be reached: waiting, nothing is lost", "relay",
                  watch->name, "error", status->sink_error, "lag_ms", lag, NULL);
    } else {
        log_event(LOG_INFO, "the sink is reached again", "relay", watch->name, "lag_ms", lag, NULL);
    }
}

static void print_progress(const struct weir_relay_status *s)
{
    fprintf(stderr,
            "\r\033[K delivered %llu  marked %llu  in hand %llu  retries %llu  lag %.1f s%s",
            (unsigned long long)s->delivered, (unsigned long long)s->marked,
            (unsigned long long)s->in_hand, (unsigned long long)s->retries,
            (double)s->lag_ms / 1000.0, s->sink_down ? "  sink down" : "");
    fflush(stderr);
}

static bool wait_over(struct relay_watch *watch)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += WATCH_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    return sem_timedwait(&watch->over, &until) == 0;
}

static void *watch_relay(void *arg)
{
    struct relay_watch *watch = arg;
    bool was_down = false;
    bool over = false;
    while (!over) {
        struct weir_relay_status status;
        over = wait_over(watch);
        weir_relay_read_status(watch->relay, &status);
        bool is_down = status.sink_down != 0;
        if (is_down != was_down) {
            log_sink(watch, &status);
        }
        was_down = is_down;
        if (watch->progress) {
            print_progress(&status);
        }
    }
    if (watch->progress) {
        fputc('\n', stderr);
    }
    return NULL;
}

enum weir_status relay_watch_start(struct relay_watch *watch, struct weir_error *err)
{
    (void)sem_init(&watch->over, 0, 0);
    int failed = pthread_create(&watch->thread, NULL, watch_relay, watch);
    if (failed != 0) {
        return error_set(err, WEIR_IO, "cannot start a thread: %s", strerror(failed));
    }
    watch->running = true;
    return WEIR_OK;
}

void relay_watch_stop(struct relay_watch *watch)
{
    if (watch->running) {
        (void)sem_post(&watch->over);
        (void)pthread_join(watch->thread, NULL);
        watch->running = false;
    }
}
