/* SPDX-License-Identifier: Apache-2.0 */

/*
 * weir outbox put: one message from the command line, or many from the lines of standard input.
 *
 * Lines go in portions of up to PORTION_LINES. A portion with a line that is wrong is not sent at
 * all, and what cannot be added ends the run behind its portion, so that no message of a key is
 * stored before one that was given before it. A message that is there already is no such failure: a
 * file can be put again after a run that ended half-way.
 */

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/env.h"
#include "base/error.h"
#include "base/limits.h"
#include "cli/outbox_lines.h"

#define READ_STEP_BYTES 65536
#define PORTION_LINES 200
#define PORTION_BYTES ((size_t)512 * 1024 * 1024)
#define LINE_BYTES ((size_t)4 * 1024 * 1024) /* a payload of 400 KB, every byte of it escaped */

const struct cli_option cmd_outbox_put_options[] = {
    CLI_OUTBOX_OPTIONS,
    {"type", 0, "TYPE", "message type; required, unless --many"},
    {"id", 0, "ID", "message id (a UUIDv7)"},
    {"payload", 0, "TEXT", "the payload; - or nothing: standard input"},
    {"headers", 0, "JSON", "a JSON object of strings"},
    {"content-type", 0, "TYPE", "e.g. application/json"},
    {"destination", 0, "NAME", "topic, queue or stream"},
    {"aggregate-id", 0, "ID", "what the message is about: an order's id"},
    {"aggregate-type", 0, "TYPE", "what kind of thing that is: order"},
    {"correlation-id", 0, "ID", "the same for all messages of one business process"},
    {"causation-id", 0, "ID", "id of the message or request that caused this one"},
    {"many", 0, NULL, "a message per line of standard input, as JSON; alone"},
    {0},
};

static struct weir_text text_of_bytes(struct weir_bytes bytes)
{
    return (struct weir_text){(const char *)bytes.ptr, bytes.len};
}

/* ---- one ------------------------------------------------------------------------------------- */

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

static enum weir_status put(struct outbox_session *s, struct buf *payload,
                            struct weir_outbox_added *ret_added)
{
    const struct cli_args *args = s->args;
    struct weir_message message = WEIR_MESSAGE_INIT;
    const char *given = cli_get(args, "payload");
    enum weir_status status = WEIR_OK;
    if (given == NULL || strcmp(given, "-") == 0) {
        status = read_payload(payload, &s->err);
        message.payload = text_of_bytes(buf_bytes(payload));
    } else {
        message.payload = cli_text(given);
    }
    message.key = cli_text(args->words[0]);
    message.id = cli_text(cli_get(args, "id"));
    message.type = cli_text(cli_get(args, "type"));
    message.headers = cli_text(cli_get(args, "headers"));
    message.content_type = cli_text(cli_get(args, "content-type"));
    message.destination = cli_text(cli_get(args, "destination"));
    message.aggregate_id = cli_text(cli_get(args, "aggregate-id"));
    message.aggregate_type = cli_text(cli_get(args, "aggregate-type"));
    message.correlation_id = cli_text(cli_get(args, "correlation-id"));
    message.causation_id = cli_text(cli_get(args, "causation-id"));
    return status == WEIR_OK ? weir_outbox_add(s->outbox, &message, ret_added, &s->err) : status;
}

static void print_added(const struct cli_args *args, const struct weir_outbox_added *added)
{
    if (!cli_json(args)) {
        printf("%s\n", added->id);
        return;
    }
    struct arena *a = arena_new(OUTBOX_ANSWER_BYTES);
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, document, "id", bytes_str(added->id));
    value_add_double(a, document, "writeUnits", added->write_units);
    (void)(document != NULL && cli_print_json(document));
    arena_free(a);
}

static int put_one(const struct cli_args *args)
{
    struct outbox_session s;
    struct weir_outbox_added added;
    struct buf payload;
    buf_init(&payload, LIMIT_ITEM_BYTES);
    enum weir_status status = outbox_session_open(&s, args, true);
    if (status == WEIR_OK) {
        status = put(&s, &payload, &added);
    }
    if (status == WEIR_OK) {
        print_added(args, &added);
    }
    buf_fini(&payload);
    return outbox_session_close(&s, status);
}

/* ---- a line as a message --------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t offset; /* of a struct weir_text in struct weir_message */
} line_texts[] = {
    {"key", offsetof(struct weir_message, key)},
    {"id", offsetof(struct weir_message, id)},
    {"type", offsetof(struct weir_message, type)},
    {"payload", offsetof(struct weir_message, payload)},
    {"contentType", offsetof(struct weir_message, content_type)},
    {"destination", offsetof(struct weir_message, destination)},
    {"aggregateId", offsetof(struct weir_message, aggregate_id)},
    {"aggregateType", offsetof(struct weir_message, aggregate_type)},
    {"correlationId", offsetof(struct weir_message, correlation_id)},
    {"causationId", offsetof(struct weir_message, causation_id)},
    {"traceparent", offsetof(struct weir_message, traceparent)},
    {"tracestate", offsetof(struct weir_message, tracestate)},
};

/* A document inside the line, as its text. */
static enum weir_status take_json(struct arena *a, const struct weir_value *value,
                                  struct weir_text *to, struct weir_error *err)
{
    struct buf text;
    buf_init(&text, LINE_BYTES);
    json_write(&text, value);
    struct weir_bytes copy = arena_dup(a, buf_bytes(&text));
    bool good = buf_status(&text) == WEIR_OK && copy.ptr != NULL;
    buf_fini(&text);
    *to = text_of_bytes(copy);
    return good ? WEIR_OK : error_set(err, WEIR_NO_MEMORY, "no memory for a line");
}

static enum weir_status take_base64(struct arena *a, const struct weir_value *value,
                                    struct weir_text *to, struct weir_error *err)
{
    size_t len = 0;
    uint8_t *raw = value->type == VALUE_S ? arena_alloc(a, value->u.bytes.len + 1) : NULL;
    if (raw == NULL || !base64_decode(value->u.bytes, raw, &len)) {
        return error_set(err, WEIR_VALIDATION, "payloadBase64 is not Base64");
    }
    *to = text_of_bytes(bytes_of(raw, len));
    return WEIR_OK;
}

static enum weir_status take_created(const struct weir_value *value, struct weir_message *message,
                                     struct weir_error *err)
{
    return value->type == VALUE_S && iso8601_parse(value->u.bytes, &message->created_at_ms)
               ? WEIR_OK
               : error_set(err, WEIR_VALIDATION,
                           "createdAt is a time such as 2026-11-20T00:00:00.000Z");
}

static enum weir_status take_sequence(const struct weir_value *value, struct weir_message *message,
                                      struct weir_error *err)
{
    uint64_t number = 0;
    bool good = value->type == VALUE_N && value->u.bytes.len > 0 && value->u.bytes.len < 19;
    for (size_t i = 0; good && i < value->u.bytes.len; i++) {
        good = value->u.bytes.ptr[i] >= '0' && value->u.bytes.ptr[i] <= '9';
        number = number * 10 + (uint64_t)(value->u.bytes.ptr[i] - '0');
    }
    message->sequence = number;
    return good && number > 0 ? WEIR_OK
                              : error_set(err, WEIR_VALIDATION, "sequence is a number from 1");
}

static enum weir_status take_text(struct arena *a, const struct value_member *member, size_t which,
                                  struct weir_message *message, struct weir_error *err)
{
    struct weir_text *to = (struct weir_text *)((char *)message + line_texts[which].offset);
    if (member->value.type == VALUE_S) {
        *to = text_of_bytes(member->value.u.bytes);
        return WEIR_OK;
    }
    return strcmp(line_texts[which].name, "payload") == 0
               ? take_json(a, &member->value, to, err)
               : error_set(err, WEIR_VALIDATION, "%s is a text", line_texts[which].name);
}

static enum weir_status take_member(struct arena *a, const struct value_member *member,
                                    struct weir_message *message, struct weir_error *err)
{
    for (size_t i = 0; i < sizeof(line_texts) / sizeof(line_texts[0]); i++) {
        if (bytes_eq(member->name, bytes_str(line_texts[i].name))) {
            return take_text(a, member, i, message, err);
        }
    }
    if (bytes_eq(member->name, BYTES_LIT("payloadBase64"))) {
        return take_base64(a, &member->value, &message->payload, err);
    }
    if (bytes_eq(member->name, BYTES_LIT("headers"))) {
        return take_json(a, &member->value, &message->headers, err);
    }
    if (bytes_eq(member->name, BYTES_LIT("createdAt"))) {
        return take_created(&member->value, message, err);
    }
    if (bytes_eq(member->name, BYTES_LIT("sequence"))) {
        return take_sequence(&member->value, message, err);
    }
    return error_set(err, WEIR_VALIDATION, "there is no field \"%.*s\"", BYTES_ARG(member->name));
}

static enum weir_status take_line(struct arena *a, struct weir_bytes line,
                                  struct weir_message *message, struct weir_error *err)
{
    struct weir_value *document = NULL;
    *message = (struct weir_message)WEIR_MESSAGE_INIT;
    enum weir_status status = json_parse(a, line, &document, err);
    if (status == WEIR_OK && document->type != VALUE_M) {
        status = error_set(err, WEIR_SERIALIZATION, "a message is a JSON object");
    }
    for (uint32_t i = 0; status == WEIR_OK && i < document->u.map.count; i++) {
        status = take_member(a, &document->u.map.at[i], message, err);
    }
    return status;
}

/* ---- many ------------------------------------------------------------------------------------ */

struct many {
    struct outbox_lines in;
    struct weir_message messages[PORTION_LINES];
    bool refused; /* the portion has a line that is wrong, and is not sent */
    uint64_t added, existing, failed;
};

static void say(struct many *m, uint64_t line, const char *id, enum weir_status status,
                const struct weir_error *error)
{
    m->added += status == WEIR_OK;
    m->existing += status == WEIR_ALREADY_EXISTS;
    m->failed += status != WEIR_OK && status != WEIR_ALREADY_EXISTS;
    if (cli_json(m->in.s.args)) {
        struct weir_outbox_ref ref = {.id = cli_text(id)};
        outbox_print_result(line, &ref, status, error);
    } else if (status == WEIR_OK) {
        printf("%s\n", id);
    } else {
        outbox_print_failed(line, error);
    }
}

/* A message of the portion as the outbox would take it, without sending. */
static enum weir_status check_message(struct many *m, const struct weir_message *message,
                                      struct weir_error *err)
{
    char *json = NULL;
    size_t len = 0;
    enum weir_status status = weir_outbox_render(m->in.s.outbox, message, &json, &len, err);
    weir_free(json);
    return status;
}

static enum weir_status take_message(struct outbox_lines *in, struct weir_bytes text,
                                     struct weir_error *err)
{
    struct many *m = (struct many *)in;
    struct weir_message *message = &m->messages[in->count];
    enum weir_status status = take_line(in->arena, text, message, err);
    return status == WEIR_OK ? check_message(m, message, err) : status;
}

static void refuse_line(struct outbox_lines *in, uint64_t line, enum weir_status status,
                        const struct weir_error *error)
{
    struct many *m = (struct many *)in;
    m->refused = true;
    say(m, line, "", status, error);
}

static const struct outbox_lines_kind put_lines_kind = {
    .portion_lines = PORTION_LINES,
    .portion_bytes = PORTION_BYTES,
    .line_bytes = LINE_BYTES,
    .create = true,
    .take = take_message,
    .wrong = refuse_line,
};

static enum weir_status send_portion(struct many *m)
{
    struct outbox_lines *in = &m->in;
    struct weir_error not_sent = {0};
    enum weir_status status = WEIR_OK;
    if (m->refused) {
        (void)error_set(&not_sent, WEIR_CANCELLED, "not sent, since a line beside it is wrong");
    } else if (in->count > 0) {
        status =
            weir_outbox_add_many(in->s.outbox, m->messages, in->count, 0, in->results, &in->s.err);
    }
    for (uint32_t i = 0; status == WEIR_OK && i < in->count; i++) {
        const struct weir_outbox_result *r = &in->results[i];
        if (m->refused) {
            say(m, in->numbers[i], "", WEIR_CANCELLED, &not_sent);
        } else {
            say(m, in->numbers[i], r->id, r->status, &r->error);
        }
    }
    return status;
}

static enum weir_status put_lines(struct many *m)
{
    enum weir_status status = WEIR_OK;
    while (status == WEIR_OK && !m->in.ended && m->failed == 0) {
        status = outbox_lines_read(&m->in);
        if (status == WEIR_OK) {
            status = send_portion(m);
        }
    }
    return status;
}

static void print_summary(const struct many *m)
{
    if (cli_json(m->in.s.args) || cli_has(m->in.s.args, "quiet")) {
        return;
    }
    (void)fflush(stdout); /* the ids stand before it where both go to one place */
    fprintf(stderr, "weir: added %llu", (unsigned long long)m->added);
    if (m->existing > 0) {
        fprintf(stderr, "; %llu existed", (unsigned long long)m->existing);
    }
    if (m->failed > 0) {
        fprintf(stderr, "; %llu not added", (unsigned long long)m->failed);
    }
    fprintf(stderr, "%s\n", m->in.ended ? "" : "; what stands behind these lines was not read");
}

static int put_many(const struct cli_args *args)
{
    struct many *m = calloc(1, sizeof(*m));
    if (m == NULL) {
        return cli_fail(args, WEIR_NO_MEMORY, &(struct weir_error){0});
    }
    enum weir_status status = outbox_lines_open(&m->in, &put_lines_kind, args);
    if (status == WEIR_OK) {
        status = put_lines(m);
    }
    if (m->in.s.outbox != NULL) { /* also when standard input cannot be read */
        print_summary(m);
    }
    bool some_not = m->failed + m->existing > 0;
    int code = outbox_lines_close(&m->in, status);
    free(m);
    return code == 0 && some_not ? 1 : code;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* --many takes everything from its lines. */
static bool says_a_message(const struct cli_args *args)
{
    static const char *const of_one[] = {
        "type",        "id",           "payload",        "headers",        "content-type",
        "destination", "aggregate-id", "aggregate-type", "correlation-id", "causation-id"};
    for (size_t i = 0; i < sizeof(of_one) / sizeof(of_one[0]); i++) {
        if (cli_has(args, of_one[i])) {
            return true;
        }
    }
    return args->word_count > 0;
}

int cmd_outbox_put(const struct cli_args *args)
{
    struct weir_error err = {0};
    if (cli_has(args, "many")) {
        if (!says_a_message(args)) {
            return put_many(args);
        }
        (void)error_set(&err, WEIR_INVALID_ARGUMENT,
                        "weir outbox put --many: the lines say all of a message");
        return cli_fail(args, WEIR_INVALID_ARGUMENT, &err);
    }
    if (args->word_count != 1 || !cli_has(args, "type")) {
        (void)error_set(&err, WEIR_INVALID_ARGUMENT,
                        "weir outbox put KEY --type TYPE: key and type are needed");
        return cli_fail(args, WEIR_INVALID_ARGUMENT, &err);
    }
    return put_one(args);
}
