/* SPDX-License-Identifier: Apache-2.0 */

/* weir outbox mark: one message as published, or those that the lines of standard input name. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "cli/outbox_lines.h"

#define PORTION_LINES 100 /* as many as one transaction takes */
#define PORTION_BYTES ((size_t)16 * 1024 * 1024)
#define LINE_BYTES ((size_t)16 * 1024) /* a key and an id */

const struct cli_option cmd_outbox_mark_options[] = {CLI_OUTBOX_OPTIONS, CLI_OUTBOX_MARK, {0}};

struct marking {
    struct outbox_lines in;
    struct weir_outbox_ref refs[PORTION_LINES];
    uint64_t marked, failed;
};

/* ---- what is said ---------------------------------------------------------------------------- */

static void say(struct marking *m, const struct weir_outbox_ref *ref, uint64_t line,
                enum weir_status status, const struct weir_error *error)
{
    m->marked += status == WEIR_OK;
    m->failed += status != WEIR_OK;
    if (cli_json(m->in.s.args)) {
        outbox_print_result(line, ref, status, error);
    } else if (status != WEIR_OK) {
        outbox_print_failed(line, error);
    }
}

/* ---- lines ----------------------------------------------------------------------------------- */

static enum weir_status take_document(struct outbox_lines *in, struct weir_bytes line,
                                      struct weir_outbox_ref *ref, struct weir_error *err)
{
    struct weir_value *document = NULL;
    enum weir_status status = json_parse(in->arena, line, &document, err);
    const struct weir_value *key = value_get(document, "key"), *id = value_get(document, "id");
    bool has_key = key != NULL && key->type == VALUE_S;
    bool has_id = id != NULL && id->type == VALUE_S;
    if (status == WEIR_OK && (!has_id || (!has_key && !outbox_session_by_message(&in->s)))) {
        status = error_set(err, WEIR_VALIDATION, "texts \"key\" and \"id\" are needed");
    }
    if (status == WEIR_OK) {
        ref->id = (struct weir_text){(const char *)id->u.bytes.ptr, id->u.bytes.len};
        ref->key = (struct weir_text){has_key ? (const char *)key->u.bytes.ptr : "",
                                      has_key ? key->u.bytes.len : 0};
    }
    return status;
}

/* KEY, a tab, ID; in by-message ID alone will do. */
static enum weir_status take_words(struct outbox_lines *in, struct weir_bytes line,
                                   struct weir_outbox_ref *ref, struct weir_error *err)
{
    const char *text = (const char *)line.ptr;
    const char *tab = memchr(text, '\t', line.len);
    if (tab == NULL && !outbox_session_by_message(&in->s)) {
        return error_set(err, WEIR_VALIDATION, "KEY, a tab and ID are needed, or a JSON object");
    }
    size_t key_len = tab == NULL ? 0 : (size_t)(tab - text);
    size_t id_at = tab == NULL ? 0 : key_len + 1;
    ref->key = (struct weir_text){text, key_len};
    ref->id = (struct weir_text){text + id_at, line.len - id_at};
    return WEIR_OK;
}

static bool same_text(struct weir_text a, struct weir_text b)
{
    return bytes_eq(bytes_of(a.ptr, a.len), bytes_of(b.ptr, b.len));
}

/* What would refuse the whole portion is said of its line. */
static enum weir_status check_ref(const struct marking *m, const struct weir_outbox_ref *ref,
                                  struct weir_error *err)
{
    bool by_message = outbox_session_by_message(&m->in.s);
    if (ref->id.len == 0 || ref->id.len > WEIR_MESSAGE_ID_MAX) {
        return error_set(err, WEIR_VALIDATION, "the id has %zu bytes: 1 to %d", ref->id.len,
                         WEIR_MESSAGE_ID_MAX);
    }
    if (!by_message && (ref->key.len == 0 || ref->key.len > LIMIT_PARTITION_KEY_BYTES)) {
        return error_set(err, WEIR_VALIDATION, "the key has %zu bytes: 1 to %d", ref->key.len,
                         LIMIT_PARTITION_KEY_BYTES);
    }
    for (uint32_t i = 0; i < m->in.count; i++) {
        if (same_text(ref->id, m->refs[i].id) &&
            (by_message || same_text(ref->key, m->refs[i].key))) {
            return error_set(err, WEIR_VALIDATION, "the same message as line %llu",
                             (unsigned long long)m->in.numbers[i]);
        }
    }
    return WEIR_OK;
}

static enum weir_status take_line(struct outbox_lines *in, struct weir_bytes text,
                                  struct weir_error *err)
{
    struct marking *m = (struct marking *)in;
    struct weir_outbox_ref *ref = &m->refs[in->count];
    enum weir_status status =
        text.ptr[0] == '{' ? take_document(in, text, ref, err) : take_words(in, text, ref, err);
    return status == WEIR_OK ? check_ref(m, ref, err) : status;
}

static void refuse_line(struct outbox_lines *in, uint64_t line, enum weir_status status,
                        const struct weir_error *error)
{
    say((struct marking *)in, NULL, line, status, error);
}

static const struct outbox_lines_kind mark_lines_kind = {
    .portion_lines = PORTION_LINES,
    .portion_bytes = PORTION_BYTES,
    .line_bytes = LINE_BYTES,
    .take = take_line,
    .wrong = refuse_line,
};

static enum weir_status mark_portion(struct marking *m)
{
    struct outbox_lines *in = &m->in;
    enum weir_status status =
        in->count == 0
            ? WEIR_OK
            : weir_outbox_mark_many(in->s.outbox, m->refs, in->count, in->results, &in->s.err);
    for (uint32_t i = 0; status == WEIR_OK && i < in->count; i++) {
        say(m, &m->refs[i], in->numbers[i], in->results[i].status, &in->results[i].error);
    }
    return status;
}

static enum weir_status mark_lines(struct marking *m)
{
    enum weir_status status = WEIR_OK;
    while (status == WEIR_OK && !m->in.ended) {
        status = outbox_lines_read(&m->in);
        if (status == WEIR_OK) {
            status = mark_portion(m);
        }
    }
    return status;
}

/* ---- the command ----------------------------------------------------------------------------- */

static enum weir_status mark_one(struct outbox_session *s)
{
    struct weir_outbox_ref ref;
    enum weir_status status = outbox_take_words(s, &ref);
    if (status == WEIR_OK) {
        status =
            weir_outbox_mark(s->outbox, ref.key.ptr, ref.key.len, ref.id.ptr, ref.id.len, &s->err);
    }
    if (status == WEIR_OK && cli_json(s->args)) {
        outbox_print_result(0, &ref, WEIR_OK, NULL);
    }
    return status;
}

static int mark_many(const struct cli_args *args)
{
    struct marking *m = calloc(1, sizeof(*m));
    if (m == NULL) {
        return cli_fail(args, WEIR_NO_MEMORY, &(struct weir_error){0});
    }
    enum weir_status status = outbox_lines_open(&m->in, &mark_lines_kind, args);
    if (status == WEIR_OK) {
        status = mark_lines(m);
    }
    bool some_failed = m->failed > 0;
    if (m->in.ended && !cli_json(args) && !cli_has(args, "quiet")) {
        fprintf(stderr, "weir: marked %llu", (unsigned long long)m->marked);
        some_failed ? fprintf(stderr, "; %llu not\n", (unsigned long long)m->failed)
                    : fprintf(stderr, "\n");
    }
    int code = outbox_lines_close(&m->in, status);
    free(m);
    return code == 0 && some_failed ? 1 : code;
}

int cmd_outbox_mark(const struct cli_args *args)
{
    struct outbox_session s;
    if (args->word_count == 0 && !isatty(STDIN_FILENO)) {
        return mark_many(args);
    }
    enum weir_status status = outbox_session_open(&s, args, false);
    if (status == WEIR_OK) {
        status = mark_one(&s);
    }
    return outbox_session_close(&s, status);
}
