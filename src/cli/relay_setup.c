/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/relay_setup.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

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

/* ---- from the configuration ------------------------------------------------------------------ */

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
        const char *setting = arena_printf(a, "%s=%s", children[i].name, children[i].text);
        if (setting == NULL) {
            return error_set(err, WEIR_NO_MEMORY, "no memory for a sink's settings");
        }
        setup->settings[setup->setting_count++] = setting;
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

/* ---- from the environment -------------------------------------------------------------------- */

#define SKIP_MARK "OUTBOX_SKIP_MARK_MESSAGES_AS_DISPATCHED"

enum weir_status relay_setup_skip_mark(const char *text, bool *ret_skip, struct weir_error *err)
{
    static const struct {
        const char *text;
        bool skip;
    } known[] = {{"true", true}, {"1", true},   {"yes", true}, {"false", false},
                 {"0", false},   {"no", false}, {"", false}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcasecmp(text == NULL ? "" : text, known[i].text) == 0) {
            *ret_skip = known[i].skip;
            return WEIR_OK;
        }
    }
    return error_set(err, WEIR_CONFIG,
                     SKIP_MARK " is \"%.80s\": true, 1, yes, false, 0, no or nothing", text);
}

/* Off asks for nothing: then the configuration's `mark` stands. */
static enum weir_status take_environment(struct setup *setup, struct weir_error *err)
{
    bool skip = false;
    enum weir_status status = relay_setup_skip_mark(getenv(SKIP_MARK), &skip, err);
    if (skip) {
        setup->options.mark = WEIR_MARK_NONE;
    }
    return status;
}

/* ---- from the command line ------------------------------------------------------------------- */

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

/* Over one of the same name. */
static void put_setting(struct setup *setup, const char *setting)
{
    size_t name_len = strcspn(setting, "=");
    uint32_t at = 0;
    while (at < setup->setting_count && (strcspn(setup->settings[at], "=") != name_len ||
                                         strncmp(setup->settings[at], setting, name_len) != 0)) {
        at++;
    }
    if (at < SETTINGS_MAX) {
        setup->settings[at] = setting;
        setup->setting_count += at == setup->setting_count;
    }
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
    for (unsigned i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].option->name, "set") == 0) {
            put_setting(setup, args->given[i].value);
        }
    }
    return take_mark(cli_get(args, "mark"), setup, err);
}

/* ---- opening --------------------------------------------------------------------------------- */

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
    if (status == WEIR_OK) {
        status = take_environment(&setup, err);
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

const char *relay_setup_name(const struct config *config, uint32_t index)
{
    const char *name = text_of(config, index, "name");
    return name == NULL ? "relay" : name;
}

/* A name stands for positions and leases: two relays of one name would take them from each other.
 */
static enum weir_status check_names(const struct config *config, struct weir_error *err)
{
    for (uint32_t i = 1; i < config_count(config, "relays"); i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(relay_setup_name(config, i), relay_setup_name(config, j)) == 0) {
                char path[PATH_BYTES], what[160];
                snprintf(path, sizeof(path), "relays[%u]", i);
                snprintf(what, sizeof(what),
                         "a relay named \"%.80s\" was there before: each keeps "
                         "its positions under its name",
                         relay_setup_name(config, i));
                return config_error(config, path, err, what);
            }
        }
    }
    return WEIR_OK;
}

enum weir_status relay_setup_check(const struct config *config, struct weir_error *err)
{
    if (config_count(config, "relays") > RELAY_SETUP_MAX) {
        return config_error(config, "relays", err, "more than 64 relays");
    }
    return check_names(config, err);
}

enum weir_status relay_setup_find(const struct config *config, const char *name,
                                  uint32_t *ret_index, struct weir_error *err)
{
    uint32_t count = config_count(config, "relays");
    if (count == 0 || (name == NULL && count == 1)) {
        *ret_index = 0;
        return WEIR_OK;
    }
    for (uint32_t i = 0; name != NULL && i < count; i++) {
        if (text_is(relay_setup_name(config, i), name)) {
            *ret_index = i;
            return WEIR_OK;
        }
    }
    (void)error_set(err, WEIR_CONFIG, "--name says which relay of the configuration:");
    for (uint32_t i = 0; i < count; i++) {
        size_t len = strlen(err->message);
        snprintf(err->message + len, sizeof(err->message) - len, "%s %s", i == 0 ? "" : ",",
                 relay_setup_name(config, i));
    }
    return WEIR_CONFIG;
}
