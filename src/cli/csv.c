/* SPDX-License-Identifier: Apache-2.0 */

/* Comma-separated values, RFC 4180. */

#include "cli/csv.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

#define CSV_RECORD_BYTES ((size_t)16 * 1024 * 1024)
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* Where a field lies in `bytes`, which may still move. */
struct csv_place {
    size_t begin, end;
    bool quoted;
};

static enum weir_status refuse(struct csv_reader *r, const char *what)
{
    int c;
    while ((c = source_next(r->from)) != SOURCE_END && c != '\n') {
    }
    return error_set(r->err, WEIR_VALIDATION, "%s", what);
}

static bool ends_field(int c)
{
    return c == ',' || c == '\n' || c == '\r' || c == SOURCE_END;
}

static enum weir_status read_quoted(struct csv_reader *r)
{
    (void)source_next(r->from);
    for (;;) {
        int c = source_next(r->from);
        if (c == SOURCE_END) {
            return error_set(r->err, WEIR_VALIDATION, "the text ends inside quotes");
        }
        if (c == '"' && source_peek(r->from) != '"') {
            break;
        }
        if (c == '"') {
            (void)source_next(r->from);
        }
        buf_put_u8(&r->bytes, (uint8_t)c);
    }
    return ends_field(source_peek(r->from)) ? WEIR_OK
                                            : refuse(r, "text behind a field's closing quote");
}

static enum weir_status read_bare(struct csv_reader *r)
{
    int c;
    while (!ends_field(c = source_peek(r->from))) {
        if (c == '"') {
            return refuse(r, "a quote inside a field that is not in quotes");
        }
        buf_put_u8(&r->bytes, (uint8_t)source_next(r->from));
    }
    return WEIR_OK;
}

static enum weir_status read_field(struct csv_reader *r, struct csv_place *ret_place)
{
    ret_place->begin = r->bytes.len;
    ret_place->quoted = source_peek(r->from) == '"';
    enum weir_status status = ret_place->quoted ? read_quoted(r) : read_bare(r);
    ret_place->end = r->bytes.len;
    return status;
}

/* What stands behind a field; *ret_more: another field does. */
static enum weir_status read_separator(struct csv_reader *r, bool *ret_more)
{
    int c = source_next(r->from);
    *ret_more = c == ',';
    if (c == '\r' && source_next(r->from) != '\n') {
        return refuse(r, "a carriage return without a line feed");
    }
    return WEIR_OK;
}

static enum weir_status read_places(struct csv_reader *r)
{
    bool more = true;
    while (more) {
        if (r->count == CSV_FIELDS_MAX) {
            return refuse(r, "more than 4096 fields");
        }
        enum weir_status status = read_field(r, &r->places[r->count]);
        if (status == WEIR_OK) {
            status = read_separator(r, &more);
        }
        if (status != WEIR_OK) {
            return status;
        }
        r->count++;
    }
    if (buf_status(&r->bytes) != WEIR_OK) {
        return error_set(r->err, WEIR_TOO_LARGE, "the record is longer than %zu bytes",
                         r->bytes.max);
    }
    return utf8_valid(buf_bytes(&r->bytes))
               ? WEIR_OK
               : error_set(r->err, WEIR_VALIDATION, "the text is not UTF-8");
}

static void skip_byte_order_mark(struct source *from)
{
    const char *mark = BYTE_ORDER_MARK;
    if (source_done(from) == 0 && source_peek(from) == (uint8_t)mark[0]) {
        for (size_t i = 0; i < sizeof(BYTE_ORDER_MARK) - 1; i++) {
            (void)source_next(from);
        }
    }
}

static void skip_empty_lines(struct source *from)
{
    int c;
    while ((c = source_peek(from)) == '\n' || c == '\r') {
        (void)source_next(from);
    }
}

enum weir_status csv_open(struct csv_reader *r, struct source *from, struct weir_error *err)
{
    *r = (struct csv_reader){.from = from, .err = err};
    buf_init(&r->bytes, CSV_RECORD_BYTES);
    r->places = calloc(CSV_FIELDS_MAX, sizeof(r->places[0]));
    r->at = calloc(CSV_FIELDS_MAX, sizeof(r->at[0]));
    return r->places == NULL || r->at == NULL
               ? error_set(err, WEIR_NO_MEMORY, "no memory to read records with")
               : WEIR_OK;
}

void csv_close(struct csv_reader *r)
{
    free(r->places);
    free(r->at);
    buf_fini(&r->bytes);
}

enum weir_status csv_read(struct csv_reader *r)
{
    buf_reset(&r->bytes);
    r->count = 0;
    skip_byte_order_mark(r->from);
    skip_empty_lines(r->from);
    r->line = r->from->line;
    if (source_peek(r->from) == SOURCE_END) {
        return r->from->status != WEIR_OK ? r->from->status : WEIR_NOT_FOUND;
    }
    enum weir_status status = read_places(r);
    if (r->from->status != WEIR_OK) {
        return r->from->status;
    }
    for (size_t i = 0; status == WEIR_OK && i < r->count; i++) {
        const struct csv_place *place = &r->places[i];
        r->at[i].text = bytes_of(r->bytes.ptr + place->begin, place->end - place->begin);
        r->at[i].quoted = place->quoted;
    }
    return status;
}

static bool needs_quotes(struct weir_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '"' || c == ',' || c == '\n' || c == '\r') {
            return true;
        }
    }
    return text.len == 0;
}

void csv_write(struct buf *to, struct weir_bytes text)
{
    if (!needs_quotes(text)) {
        buf_put(to, text);
        return;
    }
    buf_put_u8(to, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"') {
            buf_put_u8(to, '"');
        }
        buf_put_u8(to, text.ptr[i]);
    }
    buf_put_u8(to, '"');
}
