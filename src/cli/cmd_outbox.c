/* SPDX-License-Identifier: Apache-2.0 */

/* weir outbox put | ls | stats. */

#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "weir/outbox.h"

#define ANSWER_ARENA_BYTES 65536 /* an answer of a few numbers and one id */
#define READ_STEP_BYTES 65536
#define ARENA_BYTES ((size_t)1024 * 1024 * 1024)

#define OUTBOX_OPTIONS                                       \
    {                                                        \
        "table", 't', "TABLE", "the outbox's table (outbox)" \
    }

const struct cli_option cmd_outbox_stats_options[] = {OUTBOX_OPTIONS, {0}};

const struct cli_option cmd_outbox_ls_options[] = {
    OUTBOX_OPTIONS,
    {"key", 'k', "KEY", "of one ordering key only"},
    {"limit", 'n', "N", "at most so many (100)"},
    {"next", 0, "TOKEN", "go on after an earlier page"},
    {0},
};

const struct cli_option cmd_outbox_put_options[] = {
    OUTBOX_OPTIONS,
    {"type", 0, "TYPE", "message type; required"},
    {"id", 0, "ID", "message id (a UUIDv7)"},
    {"payload", 0, "TEXT", "the payload; - or nothing: standard input"},
    {"headers", 0, "JSON", "a JSON object of strings"},
    {"content-type", 0, "TYPE", "e.g. application/json"},
    {"destination", 0, "NAME", "topic, queue or stream"},
    {"aggregate-id", 0, "ID", ""},
    {"aggregate-type", 0, "TYPE", ""},
    {"correlation-id", 0, "ID", ""},
    {"causation-id", 0, "ID", ""},
    {0},
};

struct session {
    struct weir_client *client;
    struct weir_outbox *outbox;
};

/* Reading commands want the table to be there; put may create it. */
static enum weir_status session_open(struct session *s, const struct cli_args *args, bool create,
                                     struct weir_error *err)
{
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.table = cli_get(args, "table");
    options.no_create = !create;
    enum weir_status status = cli_open_client(args, NULL, &s->client, err);
    return status == WEIR_OK ? weir_outbox_open(s->client, &options, &s->outbox, err) : status;
}

static int session_end(struct session *s, const struct cli_args *args, enum weir_status status,
                       const struct weir_error *err)
{
    weir_outbox_close(s->outbox);
    weir_client_close(s->client);
    return status == WEIR_OK ? 0 : cli_fail(args, status, err);
}

/* ---- put ------------------------------------------------------------------------------------- */

static struct weir_text text_of(const char *text)
{
    struct weir_text none = {0};
    return text == NULL ? none : (struct weir_text){text, strlen(text)};
}

/* The payload from standard input, up to what fits into an item. */
static enum weir_status read_payload(struct buf *to, struct weir_error *err)
{
    char step[READ_STEP_BYTES];
    size_t got;
    while (buf_status(to) == WEIR_OK && (got = fread(step, 1, sizeof(step), stdin)) > 0) {
        buf_put(to, bytes_of(step, got));
    }
    if (ferror(stdin)) {
        return error_set(err, WEIR_IO, "standard input cannot be read");
    }
    if (buf_status(to) != WEIR_OK) {
        return error_set(err, WEIR_TOO_LARGE, "the payload is larger than an item of %d bytes",
                         LIMIT_ITEM_BYTES);
    }
    return WEIR_OK;
}

static enum weir_status put(struct session *s, const struct cli_args *args, struct buf *payload,
                            struct weir_outbox_added *ret_added, struct weir_error *err)
{
    struct weir_message message = WEIR_MESSAGE_INIT;
    const char *given = cli_get(args, "payload");
    enum weir_status status = WEIR_OK;
    if (given == NULL || strcmp(given, "-") == 0) {
        status = read_payload(payload, err);
        message.payload = (struct weir_text){(const char *)payload->ptr, payload->len};
    } else {
        message.payload = text_of(given);
    }
    message.key = text_of(args->words[0]);
    message.id = text_of(cli_get(args, "id"));
    message.type = text_of(cli_get(args, "type"));
    message.headers = text_of(cli_get(args, "headers"));
    message.content_type = text_of(cli_get(args, "content-type"));
    message.destination = text_of(cli_get(args, "destination"));
    message.aggregate_id = text_of(cli_get(args, "aggregate-id"));
    message.aggregate_type = text_of(cli_get(args, "aggregate-type"));
    message.correlation_id = text_of(cli_get(args, "correlation-id"));
    message.causation_id = text_of(cli_get(args, "causation-id"));
    return status == WEIR_OK ? weir_outbox_add(s->outbox, &message, ret_added, err) : status;
}

static void print_added(const struct cli_args *args, const struct weir_outbox_added *added)
{
    if (!cli_json(args)) {
        printf("%s\n", added->id);
        return;
    }
    struct arena *a = arena_new(ANSWER_ARENA_BYTES);
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, document, "id", bytes_str(added->id));
    value_add_double(a, document, "writeUnits", added->write_units);
    (void)(document != NULL && cli_print_json(document));
    arena_free(a);
}

int cmd_outbox_put(const struct cli_args *args)
{
    struct session s = {0};
    struct weir_error err = {0};
    struct weir_outbox_added added;
    struct buf payload;
    if (args->word_count != 1 || !cli_has(args, "type")) {
        (void)error_set(&err, WEIR_INVALID_ARGUMENT,
                        "weir outbox put KEY --type TYPE: key and type are needed");
        return cli_fail(args, WEIR_INVALID_ARGUMENT, &err);
    }
    buf_init(&payload, LIMIT_ITEM_BYTES);
    enum weir_status status = session_open(&s, args, true, &err);
    if (status == WEIR_OK) {
        status = put(&s, args, &payload, &added, &err);
    }
    if (status == WEIR_OK) {
        print_added(args, &added);
    }
    buf_fini(&payload);
    return session_end(&s, args, status, &err);
}

/* ---- ls -------------------------------------------------------------------------------------- */

static struct weir_bytes member_text(const struct weir_value *message, const char *name)
{
    const struct weir_value *value = value_get(message, name);
    return value != NULL && value->type == VALUE_S ? value->u.bytes : BYTES_LIT("-");
}

static enum weir_status print_page(const char *page, size_t len, struct weir_error *err)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct weir_value *document = NULL;
    enum weir_status status = a == NULL ? error_set(err, WEIR_NO_MEMORY, "no memory for the list")
                                        : json_parse(a, bytes_of(page, len), &document, err);
    const struct weir_value *messages = value_get(document, "messages");
    for (uint32_t i = 0; status == WEIR_OK && messages != NULL && i < messages->u.list.count; i++) {
        const struct weir_value *message = &messages->u.list.at[i];
        printf("%.*s  %.*s  %.*s  %.*s\n", BYTES_ARG(member_text(message, "createdAt")),
               BYTES_ARG(member_text(message, "key")), BYTES_ARG(member_text(message, "id")),
               BYTES_ARG(member_text(message, "messageType")));
    }
    const struct weir_value *next = value_get(document, "next");
    if (status == WEIR_OK && next != NULL) {
        fprintf(stderr, "there are more: --next %.*s\n", BYTES_ARG(next->u.bytes));
    }
    arena_free(a);
    return status;
}

int cmd_outbox_ls(const struct cli_args *args)
{
    struct session s = {0};
    struct weir_error err = {0};
    int64_t limit = 0;
    char *page = NULL;
    size_t len = 0;
    const char *key = cli_get(args, "key");
    const char *next = cli_get(args, "next");
    enum weir_status status = cli_get_number(args, "limit", 1, 1000, 100, &limit, &err);
    if (status == WEIR_OK) {
        status = session_open(&s, args, false, &err);
    }
    if (status == WEIR_OK) {
        status = weir_outbox_pending(s.outbox, key, key == NULL ? 0 : strlen(key), (uint32_t)limit,
                                     next, next == NULL ? 0 : strlen(next), &page, &len, &err);
    }
    if (status == WEIR_OK && cli_json(args)) {
        (void)(cli_print_text(page, len) && cli_print_text("\n", 1));
    } else if (status == WEIR_OK) {
        status = print_page(page, len, &err);
    }
    weir_free(page);
    return session_end(&s, args, status, &err);
}

/* ---- stats ----------------------------------------------------------------------------------- */

static void print_stats(const struct cli_args *args, const struct weir_outbox_stats *stats)
{
    if (!cli_json(args)) {
        printf("pending    %llu\npublished  %llu\n", (unsigned long long)stats->pending,
               (unsigned long long)stats->published);
        if (stats->oldest_pending_ms >= 0) {
            printf("oldest     %.1f s\n", (double)stats->oldest_pending_ms / 1000.0);
        }
        return;
    }
    struct arena *a = arena_new(ANSWER_ARENA_BYTES);
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    value_add_int(a, document, "pending", (int64_t)stats->pending);
    value_add_int(a, document, "published", (int64_t)stats->published);
    if (stats->oldest_pending_ms >= 0) {
        value_add_int(a, document, "oldestPendingMs", stats->oldest_pending_ms);
    }
    (void)(document != NULL && cli_print_json(document));
    arena_free(a);
}

int cmd_outbox_stats(const struct cli_args *args)
{
    struct session s = {0};
    struct weir_error err = {0};
    struct weir_outbox_stats stats;
    enum weir_status status = session_open(&s, args, false, &err);
    if (status == WEIR_OK) {
        status = weir_outbox_stats(s.outbox, &stats, &err);
    }
    if (status == WEIR_OK) {
        print_stats(args, &stats);
    }
    return session_end(&s, args, status, &err);
}
