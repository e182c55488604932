/* SPDX-License-Identifier: Apache-2.0 */

/* Messages by the lines of standard input: portions of them, and what became of each. */

#include "cli/outbox_lines.h"

#include "base/error.h"

enum weir_status outbox_lines_open(struct outbox_lines *in, const struct outbox_lines_kind *kind,
                                   const struct cli_args *args)
{
    in->kind = kind;
    in->s.args = args;
    in->arena = arena_new(kind->portion_bytes);
    buf_init(&in->line, kind->line_bytes);
    if (in->arena == NULL) {
        return WEIR_NO_MEMORY;
    }
    enum weir_status status = outbox_session_open(&in->s, args, kind->create);
    return status == WEIR_OK ? source_open(&in->source, "-", NULL, &in->s.err) : status;
}

int outbox_lines_close(struct outbox_lines *in, enum weir_status status)
{
    source_close(&in->source);
    buf_fini(&in->line);
    arena_free(in->arena);
    return outbox_session_close(&in->s, status);
}

/* WEIR_NOT_FOUND at the end. What is wrong with the line itself is told, and no failure. */
static enum weir_status read_line(struct outbox_lines *in)
{
    uint64_t number = 0;
    struct weir_error error = {0};
    enum weir_status status = source_line(&in->source, &in->line, &number);
    if (status != WEIR_OK && status != WEIR_TOO_LARGE) {
        return status;
    }
    if (status == WEIR_TOO_LARGE) {
        status = error_set(&error, status, "longer than %zu bytes", in->kind->line_bytes);
    } else if (in->line.len == 0) {
        return WEIR_OK;
    } else {
        struct weir_bytes text = arena_dup(in->arena, buf_bytes(&in->line));
        status = text.ptr == NULL ? error_set(&error, WEIR_NO_MEMORY, "no memory for a line")
                                  : in->kind->take(in, text, &error);
    }
    if (status != WEIR_OK) {
        in->kind->wrong(in, number, status, &error);
        return WEIR_OK;
    }
    in->numbers[in->count++] = number;
    return WEIR_OK;
}

enum weir_status outbox_lines_read(struct outbox_lines *in)
{
    enum weir_status status = WEIR_OK;
    arena_reset(in->arena);
    in->count = 0;
    while (status == WEIR_OK && in->count < in->kind->portion_lines) {
        status = read_line(in);
    }
    in->ended = status == WEIR_NOT_FOUND;
    return in->ended ? in->source.status : status;
}

static void add_text(struct arena *a, struct weir_value *document, const char *name,
                     struct weir_text text)
{
    if (text.len > 0) {
        value_add_str(a, document, name, bytes_of(text.ptr, text.len));
    }
}

void outbox_print_result(uint64_t line, const struct weir_outbox_ref *ref, enum weir_status status,
                         const struct weir_error *error)
{
    struct arena *a = arena_new(OUTBOX_ANSWER_BYTES);
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    if (line > 0) {
        value_add_int(a, document, "line", (int64_t)line);
    }
    if (ref != NULL) {
        add_text(a, document, "key", ref->key);
        add_text(a, document, "id", ref->id);
    }
    value_add_str(a, document, "status", bytes_str(weir_status_name(status)));
    if (status != WEIR_OK) {
        value_add_str(a, document, "message", bytes_str(error->message));
    }
    (void)(document != NULL && cli_print_json(document));
    arena_free(a);
}
