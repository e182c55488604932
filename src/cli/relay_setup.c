/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/relay_setup.h"

#include <string.h>

#include "base/error.h"

#define SETTINGS_MAX 64
#define PATH_BYTES 128

struct setup {
    struct weir_relay_options options;
    const char *table; /* NULL: the default */
    const char *mark;  /* NULL: not said */
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

static enum weir_status take_config(struct arena *a, const struct config *config, uint32_t index,
                                    struct setup *setup, struct weir_error *err)
{
    struct weir_relay_options *o = &setup->options;
    o->name = text_of(config, index, "name");
    setup->table = text_of(config, index, "from.outbox");
    setup->mark = text_of(config, index, "mark");
    o->start_now = text_is(text_of(config, index, "from.start"), "now");
    o->position_table = text_of(config, index, "position_table");
    o->retry_attempts = (uint32_t)number_of(config, index, "retry.max");
    o->retry_first_ms = (uint32_t)number_of(config, index, "retry.backoff");
    o->retry_max_ms = (uint32_t)number_of(config, index, "retry.backoff_max");
    o->drain_ms = (uint32_t)number_of(config, index, "drain");
    return take_sink(a, config, index, setup, err);
}

/* ---- from the command line ------------------------------------------------------------------- */

static enum weir_status wrong_choice(struct weir_error *err, const char *name, const char *value,
                                     const char *choices)
{
    return error_set(err, WEIR_INVALID_ARGUMENT, "--%s is \"%s\": %s", name, value, choices);
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
        setup->table = cli_get(args, "outbox");
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
    return WEIR_OK;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* The outbox as it is described, and how this relay marks it: the command line says, or the
 * environment when it says `none`, or the relay's own key. */
static enum weir_status take_outbox(struct arena *a, const struct config *config,
                                    const struct cli_args *args, struct setup *setup,
                                    struct weir_error *err)
{
    const char *given = args == NULL ? NULL : cli_get(args, "mark");
    bool skip = false;
    enum weir_status status = outbox_setup_find(a, config, setup->table, &setup->outbox, err);
    if (status == WEIR_OK) {
        status = outbox_setup_environment(&skip, err);
    }
    if (status == WEIR_OK && args != NULL) {
        outbox_setup_take_layout(args, &setup->outbox);
    }
    setup->outbox.mark = given != NULL ? outbox_setup_mark(given)
                         : skip        ? WEIR_MARK_NONE
                                       : outbox_setup_mark(setup->mark);
    setup->options.outbox = &setup->outbox;
    return status;
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
        status = take_outbox(a, config, args, &setup, err);
    }
    if (status == WEIR_OK) { /* the relay finds it there even before its first message */
        status = outbox_setup_prepare(client, &setup.outbox, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    return weir_relay_open(client, &setup.options, setup.sink, setup.settings, setup.setting_count,
                           ret_relay, err);
}

const char *relay_setup_order(const struct weir_relay *relay)
{
    return weir_relay_promised_order(relay) == WEIR_ORDER_PER_KEY ? "per key, as committed"
                                                                  : "none between rows";
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
    enum weir_status status = check_names(config, err);
    return status == WEIR_OK ? outbox_setup_check(config, err) : status;
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
