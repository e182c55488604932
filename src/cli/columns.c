/* SPDX-License-Identifier: Apache-2.0 */

/* The columns of a CSV export. */

#include "cli/columns.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/formats.h"

#define NAMES_BYTES ((size_t)64 * 1024 * 1024)

/* Attributes come sorted and mostly the same, so the column after the last hit is tried first. */
static size_t find(const struct columns *columns, struct weir_bytes name, size_t *hint)
{
    for (size_t i = 0; i < columns->count; i++) {
        size_t at = (*hint + i) % columns->count;
        if (bytes_eq(columns->name[at], name)) {
            *hint = at + 1;
            return at;
        }
    }
    return columns->count;
}

static enum weir_status add(struct columns *columns, struct weir_bytes name, struct weir_error *err)
{
    if (columns->count == COLUMNS_MAX) {
        return error_set(err, WEIR_TOO_LARGE,
                         "the items have more than %d attribute names: name the wanted ones by "
                         "--columns",
                         COLUMNS_MAX);
    }
    struct weir_bytes copy = arena_dup(columns->arena, name);
    if (copy.ptr == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the columns' names");
    }
    columns->name[columns->count++] = copy;
    return WEIR_OK;
}

struct columns *columns_new(const struct data_keys *keys)
{
    struct columns *columns = calloc(1, sizeof(*columns));
    if (columns == NULL) {
        return NULL;
    }
    columns->arena = arena_new(NAMES_BYTES);
    for (unsigned i = 0; i < keys->count; i++) {
        if (columns->arena == NULL || add(columns, keys->key[i].name, NULL) != WEIR_OK) {
            columns_free(columns);
            return NULL;
        }
    }
    return columns;
}

void columns_free(struct columns *columns)
{
    if (columns != NULL) {
        arena_free(columns->arena);
        free(columns);
    }
}

enum weir_status columns_fix(struct columns *columns, const char *names, struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    size_t hint = 0;
    if (*names == '\0') {
        return error_set(err, WEIR_INVALID_ARGUMENT, "--columns is \"\": NAME,...");
    }
    columns->count = 0;
    columns->fixed = true;
    for (const char *at = names; status == WEIR_OK && *at != '\0';) {
        size_t len = strcspn(at, ",");
        if (len == 0 || find(columns, bytes_of(at, len), &hint) < columns->count) {
            return error_set(err, WEIR_INVALID_ARGUMENT,
                             "--columns: a name is empty or there twice in \"%s\"", names);
        }
        status = add(columns, bytes_of(at, len), err);
        at += len + (at[len] == ',');
    }
    return status;
}

enum weir_status columns_learn(struct columns *columns, const struct weir_value *item,
                               struct weir_error *err)
{
    size_t hint = 0;
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < item->u.map.count; i++) {
        const struct value_member *member = &item->u.map.at[i];
        if (find(columns, member->name, &hint) == columns->count) {
            status = add(columns, member->name, err);
        }
    }
    return status;
}

void columns_write_header(const struct columns *columns, struct buf *to)
{
    for (size_t i = 0; i < columns->count; i++) {
        buf_put_str(to, i > 0 ? "," : "");
        csv_write(to, columns->name[i]);
    }
    buf_put_u8(to, '\n');
}

/* Whether each attribute has a column. */
static enum weir_status check_names(const struct columns *columns, const struct weir_value *item,
                                    struct weir_error *err)
{
    size_t hint = 0;
    for (uint32_t i = 0; !columns->fixed && i < item->u.map.count; i++) {
        if (find(columns, item->u.map.at[i].name, &hint) == columns->count) {
            return error_set(err, WEIR_NOT_FOUND,
                             "the attribute \"%.*s\" came while the table was exported: try again, "
                             "or name the columns by --columns",
                             BYTES_ARG(item->u.map.at[i].name));
        }
    }
    return WEIR_OK;
}

enum weir_status columns_write(struct columns *columns, const struct weir_value *item,
                               struct buf *to, struct weir_error *err)
{
    enum weir_status status = check_names(columns, item, err);
    if (status != WEIR_OK) {
        return status;
    }
    for (size_t i = 0; i < columns->count; i++) {
        const struct weir_value *value = value_member(item, columns->name[i]);
        buf_put_str(to, i > 0 ? "," : "");
        if (value != NULL) {
            columns->types[i] |= 1u << value->type;
            format_write_cell(to, value);
        }
    }
    buf_put_u8(to, '\n');
    return WEIR_OK;
}

static bool is_key(const struct data_keys *keys, struct weir_bytes name)
{
    return bytes_eq(keys->key[0].name, name) ||
           (keys->count == 2 && bytes_eq(keys->key[1].name, name));
}

bool columns_types(const struct columns *columns, const struct data_keys *keys, struct buf *to)
{
    for (size_t i = 0; i < columns->count; i++) {
        unsigned seen = columns->types[i];
        if (seen == 0 || seen == 1u << VALUE_S || is_key(keys, columns->name[i])) {
            continue;
        }
        if ((seen & (seen - 1)) != 0) {
            buf_reset(to);
            buf_put(to, columns->name[i]);
            return false;
        }
        buf_printf(to, "%s%.*s:%s", to->len == 0 ? "" : ",", BYTES_ARG(columns->name[i]),
                   value_type_name((enum value_type)__builtin_ctz(seen)));
    }
    return true;
}
