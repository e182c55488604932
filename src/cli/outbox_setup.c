/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/outbox_setup.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "outbox/outbox.h"

#define PATH_BYTES 128
#define CHECK_ARENA_BYTES ((size_t)16 * 1024 * 1024)

static bool text_is(const char *text, const char *wanted)
{
    return text != NULL && strcmp(text, wanted) == 0;
}

/* ---- one outbox of the configuration --------------------------------------------------------- */

struct reading {
    struct arena *arena;
    const struct config *config;
    uint32_t index;
    struct weir_error *err;
};

static const char *path_of(const struct reading *r, const char *name, char to[PATH_BYTES])
{
    snprintf(to, PATH_BYTES, "outboxes[%u].%s", r->index, name);
    return to;
}

static const char *text_of(const struct reading *r, const char *name)
{
    char path[PATH_BYTES];
    return config_text(r->config, path_of(r, name, path));
}

static int64_t number_of(const struct reading *r, const char *name, int64_t fallback)
{
    char path[PATH_BYTES];
    return config_number(r->config, path_of(r, name, path), fallback);
}

static enum weir_status pairs_of(const struct reading *r, const char *name,
                                 struct config_child **ret_pairs, uint32_t *ret_count)
{
    char path[PATH_BYTES];
    return config_children(r->arena, r->config, path_of(r, name, path), ret_pairs, ret_count,
                           r->err);
}

static enum weir_status read_names(const struct reading *r, struct weir_outbox_options *options)
{
    struct config_child *pairs = NULL;
    enum weir_status status = pairs_of(r, "names", &pairs, &options->name_count);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_outbox_name *names =
        ARENA_ARRAY(r->arena, struct weir_outbox_name, options->name_count + 1);
    for (uint32_t i = 0; names != NULL && i < options->name_count; i++) {
        names[i] = (struct weir_outbox_name){pairs[i].name, pairs[i].text};
    }
    options->names = names;
    return names == NULL ? error_set(r->err, WEIR_NO_MEMORY, "no memory for names") : WEIR_OK;
}

static enum weir_status read_topics(const struct reading *r, struct weir_outbox_options *options)
{
    struct config_child *pairs = NULL;
    enum weir_status status = pairs_of(r, "topics", &pairs, &options->topic_count);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_outbox_topic *topics =
        ARENA_ARRAY(r->arena, struct weir_outbox_topic, options->topic_count + 1);
    for (uint32_t i = 0; topics != NULL && i < options->topic_count; i++) {
        topics[i] = (struct weir_outbox_topic){pairs[i].name, pairs[i].text};
    }
    options->topics = topics;
    return topics == NULL ? error_set(r->err, WEIR_NO_MEMORY, "no memory for topics") : WEIR_OK;
}

static void read_scalars(const struct reading *r, struct weir_outbox_options *options)
{
    int64_t retention_ms = number_of(r, "retention", -1);
    options->table = text_of(r, "table");
    options->layout = text_of(r, "layout");
    options->partition_name = text_of(r, "partition_name");
    options->sort_name = text_of(r, "sort_name");
    options->ttl_name = text_of(r, "ttl_name");
    options->sink = text_of(r, "sink");
    options->pending_shards = (uint32_t)number_of(r, "pending_shards", 0);
    options->payload_max = (uint32_t)number_of(r, "payload_max", 0);
    int64_t retries = number_of(r, "retries", -1);
    options->retries = retries == 0 ? WEIR_OUTBOX_NO_RETRIES : retries < 0 ? 0 : (uint32_t)retries;
    options->retention_s = retention_ms < 0 ? 0 : retention_ms == 0 ? -1 : retention_ms / 1000;
    options->strict_topics = text_is(text_of(r, "strict_topics"), "yes");
    options->no_create = text_is(text_of(r, "create"), "no");
    options->no_stream = text_is(text_of(r, "stream"), "no");
}

enum weir_status outbox_setup_read(struct arena *a, const struct config *config, uint32_t index,
                                   struct weir_outbox_options *ret_options, struct weir_error *err)
{
    struct reading r = {a, config, index, err};
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    read_scalars(&r, &options);
    enum weir_status status = read_names(&r, &options);
    if (status == WEIR_OK) {
        status = read_topics(&r, &options);
    }
    if (status == WEIR_OK) {
        *ret_options = options;
    }
    return status;
}

/* ---- the one of a table ---------------------------------------------------------------------- */

static const char *table_of(const struct config *config, const char *list, uint32_t index,
                            const char *name)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s[%u].%s", list, index, name);
    const char *table = config_text(config, path);
    return table == NULL ? OUTBOX_SETUP_TABLE : table;
}

enum weir_mark outbox_setup_mark(const char *text)
{
    return text_is(text, "none")     ? WEIR_MARK_NONE
           : text_is(text, "delete") ? WEIR_MARK_DELETE
                                     : WEIR_MARK_UPDATE;
}

/* Rows do not say what is published only where none of the table's relays marks them. */
static enum weir_mark mark_of_relays(const struct config *config, const char *table)
{
    enum weir_mark mark = WEIR_MARK_NONE;
    bool found = false;
    for (uint32_t i = 0; i < config_count(config, "relays"); i++) {
        char path[PATH_BYTES];
        if (!text_is(table_of(config, "relays", i, "from.outbox"), table)) {
            continue;
        }
        snprintf(path, sizeof(path), "relays[%u].mark", i);
        enum weir_mark its = outbox_setup_mark(config_text(config, path));
        found = true;
        mark = mark == WEIR_MARK_NONE ? its : mark;
    }
    return found ? mark : WEIR_MARK_UPDATE;
}

enum weir_status outbox_setup_find(struct arena *a, const struct config *config, const char *table,
                                   struct weir_outbox_options *ret_options, struct weir_error *err)
{
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    const char *wanted = table == NULL ? OUTBOX_SETUP_TABLE : table;
    bool skip = false;
    enum weir_status status = outbox_setup_environment(&skip, err);
    for (uint32_t i = 0; status == WEIR_OK && i < config_count(config, "outboxes"); i++) {
        if (text_is(table_of(config, "outboxes", i, "table"), wanted)) {
            status = outbox_setup_read(a, config, i, &options, err);
        }
    }
    if (status == WEIR_OK) {
        options.table = wanted;
        options.mark = skip ? WEIR_MARK_NONE : mark_of_relays(config, wanted);
        *ret_options = options;
    }
    return status;
}

void outbox_setup_take_layout(const struct cli_args *args, struct weir_outbox_options *options)
{
    if (cli_has(args, "layout")) {
        options->layout = cli_get(args, "layout");
    }
}

/* ---- checks ---------------------------------------------------------------------------------- */

/* What the outbox itself would refuse, said at its place in the file. */
static enum weir_status check_one(struct arena *a, const struct config *config, uint32_t index,
                                  struct weir_error *err)
{
    struct weir_outbox_options options;
    struct outbox_layout layout;
    char path[PATH_BYTES];
    enum weir_status status = outbox_setup_read(a, config, index, &options, err);
    if (status == WEIR_OK) {
        status = outbox_layout_init(a, &options, &layout, err);
    }
    if (status == WEIR_CONFIG) {
        char what[WEIR_ERROR_MESSAGE_MAX];
        snprintf(what, sizeof(what), "%s", err->message);
        bool of_names = strncmp(what, "names:", strlen("names:")) == 0;
        snprintf(path, sizeof(path), "outboxes[%u]%s", index, of_names ? ".names" : "");
        return config_error(config, path, err, what);
    }
    return status;
}

static enum weir_status check_tables(const struct config *config, uint32_t index,
                                     struct weir_error *err)
{
    char path[PATH_BYTES];
    for (uint32_t i = 0; i < index; i++) {
        if (text_is(table_of(config, "outboxes", i, "table"),
                    table_of(config, "outboxes", index, "table"))) {
            snprintf(path, sizeof(path), "outboxes[%u]", index);
            return config_error(config, path, err, "an outbox of this table was there before");
        }
    }
    return WEIR_OK;
}

enum weir_status outbox_setup_check(const struct config *config, struct weir_error *err)
{
    struct arena *a = arena_new(CHECK_ARENA_BYTES);
    enum weir_status status =
        a == NULL ? error_set(err, WEIR_NO_MEMORY, "no memory for the configuration") : WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < config_count(config, "outboxes"); i++) {
        status = check_one(a, config, i, err);
        if (status == WEIR_OK) {
            status = check_tables(config, i, err);
        }
    }
    arena_free(a);
    return status;
}

/* ---- the environment ------------------------------------------------------------------------- */

#define SKIP_MARK "OUTBOX_SKIP_MARK_MESSAGES_AS_DISPATCHED"

enum weir_status outbox_setup_skip_mark(const char *text, bool *ret_skip, struct weir_error *err)
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

enum weir_status outbox_setup_environment(bool *ret_skip, struct weir_error *err)
{
    return outbox_setup_skip_mark(getenv(SKIP_MARK), ret_skip, err);
}

/* ---- the table ------------------------------------------------------------------------------- */

enum weir_status outbox_setup_prepare(struct weir_client *client,
                                      const struct weir_outbox_options *options,
                                      struct weir_error *err)
{
    struct weir_outbox *outbox = NULL;
    enum weir_status status = weir_outbox_open(client, options, &outbox, err);
    weir_outbox_close(outbox);
    return status;
}
