/* SPDX-License-Identifier: Apache-2.0 */

/* Reading items in the formats of import. */

#include "cli/formats.h"

#include <string.h>

#include "base/error.h"
#include "value/attribute.h"
#include "value/number.h"
#include "value/plain_json.h"

#define NAMES_BYTES ((size_t)4 * 1024 * 1024)

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

enum format format_of(const struct cli_args *args, const char *path)
{
    const char *given = cli_get(args, "format");
    if (given != NULL) {
        return strcmp(given, "csv") == 0        ? FORMAT_CSV
               : strcmp(given, "ddb-json") == 0 ? FORMAT_DDB_JSON
                                                : FORMAT_JSONL;
    }
    return path != NULL && ends_with(path, ".csv") ? FORMAT_CSV : FORMAT_JSONL;
}

/* ---- JSON lines ------------------------------------------------------------------------------ */

/* {"Item":{...}}, unless that is an item itself: one with the key "Item". */
static const struct weir_value *unwrap(const struct format_reader *r, const struct weir_value *doc)
{
    bool wrapped = doc->type == VALUE_M && doc->u.map.count == 1 &&
                   bytes_eq_str(doc->u.map.at[0].name, "Item") &&
                   !bytes_eq_str(r->keys->key[0].name, "Item");
    return wrapped ? &doc->u.map.at[0].value : doc;
}

static enum weir_status parse_line(const struct format_reader *r, struct arena *a,
                                   struct weir_value **ret_item, struct weir_error *err)
{
    struct weir_value *doc = NULL;
    if (r->format == FORMAT_JSONL) {
        return plain_parse_item(a, buf_bytes(&r->text), ret_item, err);
    }
    enum weir_status status = json_parse(a, buf_bytes(&r->text), &doc, err);
    return status == WEIR_OK ? value_to_item(a, unwrap(r, doc), ret_item, err) : status;
}

static enum weir_status read_json(struct format_reader *r, struct arena *a,
                                  struct weir_value **ret_item, struct weir_error *err)
{
    enum weir_status status;
    uint64_t line = 0;
    do {
        status = source_line(&r->source, &r->text, &line);
    } while (status == WEIR_OK && bytes_trim(buf_bytes(&r->text)).len == 0);
    if (status == WEIR_NOT_FOUND) {
        return status;
    }
    r->line = line;
    if (status != WEIR_OK) {
        *err = *r->err;
        return status;
    }
    return parse_line(r, a, ret_item, err);
}

/* ---- CSV ------------------------------------------------------------------------------------- */

static enum weir_status parse_json_cell(struct arena *a, const struct csv_field *cell,
                                        struct weir_value *to, struct weir_error *err)
{
    struct weir_value *value = NULL;
    enum weir_status status = plain_parse_value(a, cell->text, &value, err);
    if (status == WEIR_OK) {
        *to = *value;
    }
    return status;
}

/* A set may be written as an array: its type is known from the column. */
static enum weir_status parse_set_cell(struct arena *a, const struct csv_field *cell,
                                       enum value_type type, struct weir_value *to,
                                       struct weir_error *err)
{
    struct csv_field set = *cell;
    if (cell->text.len > 0 && cell->text.ptr[0] == '[') {
        const char *text = arena_printf(a, "{\"$set\":%.*s}", BYTES_ARG(cell->text));
        set.text = bytes_str(text);
    }
    enum weir_status status = parse_json_cell(a, &set, to, err);
    return status == WEIR_OK && to->type != type
               ? error_set(err, WEIR_VALIDATION, "no set of type %s", value_type_name(type))
               : status;
}

static enum weir_status parse_scalar_cell(struct arena *a, const struct csv_field *cell,
                                          enum value_type type, struct weir_value *to,
                                          struct weir_error *err)
{
    struct weir_bytes bytes = cell->text;
    enum weir_status status = WEIR_OK;
    if (type == VALUE_S) {
        value_set_s(to, bytes);
    } else if (type == VALUE_N) {
        status = number_canonical(a, bytes, &bytes, err);
        value_set_n(to, bytes);
    } else if (type == VALUE_B) {
        status = attribute_decode_binary(a, bytes, &bytes, err);
        value_set_b(to, bytes);
    } else if (bytes_eq_str(bytes, "true") || bytes_eq_str(bytes, "false")) {
        value_set_bool(to, bytes_eq_str(bytes, "true"));
    } else {
        status = error_set(err, WEIR_VALIDATION, "a BOOL is true or false");
    }
    return status == WEIR_SERIALIZATION ? WEIR_VALIDATION : status;
}

static enum weir_status parse_as(struct arena *a, const struct csv_field *cell,
                                 enum value_type type, struct weir_value *to,
                                 struct weir_error *err)
{
    switch (type) {
    case VALUE_S:
    case VALUE_N:
    case VALUE_B:
    case VALUE_BOOL:
        return parse_scalar_cell(a, cell, type, to, err);
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        return parse_set_cell(a, cell, type, to, err);
    default:
        break;
    }
    enum weir_status status = parse_json_cell(a, cell, to, err);
    return status == WEIR_OK && to->type != type
               ? error_set(err, WEIR_VALIDATION, "it is of type %s",
                           value_type_name((enum value_type)to->type))
               : status;
}

enum weir_status format_parse_cell(struct arena *a, const struct csv_field *cell,
                                   const struct column *column, bool infer, struct weir_value *to,
                                   struct weir_error *err)
{
    if (column->typed) {
        enum weir_status status = parse_as(a, cell, column->type, to, err);
        return status == WEIR_OK
                   ? status
                   : error_wrap(err, status, "column %.*s, type %s", BYTES_ARG(column->name),
                                value_type_name(column->type));
    }
    if (infer && !cell->quoted && parse_json_cell(a, cell, to, NULL) == WEIR_OK &&
        to->type != VALUE_S) {
        return WEIR_OK;
    }
    if (infer && cell->quoted && cell->text.len > 0 &&
        (cell->text.ptr[0] == '{' || cell->text.ptr[0] == '[') &&
        parse_json_cell(a, cell, to, NULL) == WEIR_OK) {
        return WEIR_OK;
    }
    value_set_s(to, cell->text);
    return WEIR_OK;
}

static enum weir_status read_csv(struct format_reader *r, struct arena *a,
                                 struct weir_value **ret_item, struct weir_error *err)
{
    enum weir_status status = csv_read(&r->csv);
    if (status == WEIR_NOT_FOUND) {
        return status;
    }
    r->line = r->csv.line;
    if (status != WEIR_OK) {
        *err = *r->err;
        return status;
    }
    if (r->csv.count != r->column_count) {
        return error_set(err, WEIR_VALIDATION, "%zu fields where the header has %zu", r->csv.count,
                         r->column_count);
    }
    struct weir_value *item = value_new_map(a, VALUE_ITEM);
    for (size_t i = 0; i < r->csv.count; i++) {
        const struct csv_field *cell = &r->csv.at[i];
        if (cell->text.len == 0 && !cell->quoted) {
            continue;
        }
        struct weir_value *node = value_add(a, item, r->columns[i].name);
        if (node == NULL) {
            return error_set(err, WEIR_NO_MEMORY, "no memory for an item");
        }
        status = format_parse_cell(a, cell, &r->columns[i], r->infer, node, err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    *ret_item = item;
    return value_sort_map(item, err);
}

/* ---- CSV's header and --types ---------------------------------------------------------------- */

static struct column *find_column(struct format_reader *r, struct weir_bytes name)
{
    for (size_t i = 0; i < r->column_count; i++) {
        if (bytes_eq(r->columns[i].name, name)) {
            return &r->columns[i];
        }
    }
    return NULL;
}

/* One "name:TYPE" of --types; a column that the file has not is a mistake. */
static enum weir_status take_type(struct format_reader *r, struct weir_bytes given)
{
    size_t colon = given.len;
    while (colon > 0 && given.ptr[colon - 1] != ':') {
        colon--;
    }
    enum value_type type = attribute_type(bytes_of(given.ptr + colon, given.len - colon));
    if (colon < 2 || type == VALUE_TYPE_COUNT) {
        return error_set(r->err, WEIR_INVALID_ARGUMENT,
                         "--types: \"%.*s\" is no NAME:TYPE; types are S, N, B, BOOL, NULL, M, L, "
                         "SS, NS and BS",
                         BYTES_ARG(given));
    }
    struct column *column = find_column(r, bytes_of(given.ptr, colon - 1));
    if (column == NULL) {
        return error_set(r->err, WEIR_INVALID_ARGUMENT, "--types: there is no column \"%.*s\"",
                         (int)(colon - 1), (const char *)given.ptr);
    }
    column->typed = true;
    column->type = type;
    return WEIR_OK;
}

static enum weir_status take_types(struct format_reader *r)
{
    const char *at = r->types;
    enum weir_status status = WEIR_OK;
    while (status == WEIR_OK && at != NULL && *at != '\0') {
        size_t len = strcspn(at, ",");
        status = take_type(r, bytes_of(at, len));
        at += len + (at[len] == ',');
    }
    for (unsigned i = 0; status == WEIR_OK && i < r->keys->count; i++) {
        struct column *column = find_column(r, r->keys->key[i].name);
        if (column == NULL) {
            return error_set(r->err, WEIR_VALIDATION, "the header has no column for the key %.*s",
                             BYTES_ARG(r->keys->key[i].name));
        }
        column->typed = true;
        column->type = r->keys->key[i].type;
    }
    return status;
}

static enum weir_status read_header(struct format_reader *r)
{
    enum weir_status status = csv_read(&r->csv);
    if (status == WEIR_NOT_FOUND) {
        return error_set(r->err, WEIR_VALIDATION, "%s has no header", r->source.name);
    }
    if (status != WEIR_OK) {
        return error_wrap(r->err, status, "the header");
    }
    r->columns = ARENA_ARRAY(r->names, struct column, r->csv.count);
    for (size_t i = 0; r->columns != NULL && i < r->csv.count; i++) {
        struct weir_bytes name = arena_dup(r->names, r->csv.at[i].text);
        if (name.len == 0 || find_column(r, name) != NULL) {
            return error_set(r->err, WEIR_VALIDATION, "the header's name %zu is %s", i + 1,
                             name.len == 0 ? "empty" : "there twice");
        }
        r->columns[r->column_count++].name = name;
    }
    return r->columns == NULL ? error_set(r->err, WEIR_NO_MEMORY, "no memory for the header")
                              : take_types(r);
}

/* ---- any format ------------------------------------------------------------------------------ */

enum weir_status format_reader_open(struct format_reader *r, const char *path,
                                    const atomic_bool *stop, struct weir_error *err)
{
    r->err = err;
    buf_init(&r->text, DATA_LINE_BYTES);
    if (r->format != FORMAT_CSV && (r->types != NULL || r->infer)) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "--types and --infer are for --format csv");
    }
    r->names = arena_new(NAMES_BYTES);
    if (r->names == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory to read with");
    }
    enum weir_status status = source_open(&r->source, path, stop, err);
    if (status == WEIR_OK && r->format == FORMAT_CSV) {
        status = csv_open(&r->csv, &r->source, err);
        status = status == WEIR_OK ? read_header(r) : status;
    }
    return status;
}

void format_reader_close(struct format_reader *r)
{
    csv_close(&r->csv);
    source_close(&r->source);
    buf_fini(&r->text);
    arena_free(r->names);
}

/* A key that is a map is the usual sign of DynamoDB JSON read as plain JSON. */
static enum weir_status check_item(const struct format_reader *r, const struct weir_value *item,
                                   struct weir_error *err)
{
    const struct weir_value *key = value_member(item, r->keys->key[0].name);
    const struct weir_value *wrapped = value_get(item, "Item");
    enum weir_status status = data_check_keys(r->keys, item, err);
    if (status == WEIR_OK && item_size(item) > LIMIT_ITEM_BYTES) {
        return error_set(err, WEIR_VALIDATION, "the item is larger than %d bytes",
                         LIMIT_ITEM_BYTES);
    }
    bool looks_typed = (key != NULL && key->type == VALUE_M) || (key == NULL && wrapped != NULL);
    if (status != WEIR_OK && r->format == FORMAT_JSONL && looks_typed) {
        size_t len = strlen(err->message);
        snprintf(err->message + len, sizeof(err->message) - len,
                 " (is this DynamoDB JSON? then say --format ddb-json, or --typed)");
    }
    return status;
}

enum weir_status format_read(struct format_reader *r, struct arena *a, struct weir_value **ret_item,
                             struct weir_error *err)
{
    struct weir_value *item = NULL;
    enum weir_status status =
        r->format == FORMAT_CSV ? read_csv(r, a, &item, err) : read_json(r, a, &item, err);
    if (status == WEIR_OK) {
        status = check_item(r, item, err);
    }
    if (status == WEIR_OK) {
        *ret_item = item;
    }
    return status;
}

/* ---- writing cells --------------------------------------------------------------------------- */

void format_write_cell(struct buf *to, const struct weir_value *value)
{
    struct buf text;
    if (value->type == VALUE_S || value->type == VALUE_N) {
        csv_write(to, value->u.bytes);
        return;
    }
    buf_init(&text, DATA_LINE_BYTES);
    if (value->type == VALUE_B) {
        buf_put_base64(&text, value->u.bytes);
    } else {
        plain_write_value(&text, value);
    }
    csv_write(to, buf_bytes(&text));
    if (buf_status(&text) != WEIR_OK && buf_status(to) == WEIR_OK) {
        to->status = buf_status(&text);
    }
    buf_fini(&text);
}
