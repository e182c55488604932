/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The placeholders of a request: their own checks, look-up by binary search, and what was left
 * unused at the end.
 */

#include "expr/expr_internal.h"

#include <stdio.h>

#include "base/error.h"

static bool is_placeholder(struct weir_bytes key, uint8_t sign)
{
    if (key.len < 2 || key.ptr[0] != sign) {
        return false;
    }
    for (size_t i = 1; i < key.len; i++) {
        uint8_t c = key.ptr[i];
        uint8_t upper = (uint8_t)(c & 0xdf);
        if (!(upper >= 'A' && upper <= 'Z') && !(c >= '0' && c <= '9') && c != '_') {
            return false;
        }
    }
    return true;
}

static enum weir_status check_keys(const struct weir_value *map, const char *what, uint8_t sign,
                                   struct weir_error *err)
{
    if (map->u.map.count == 0) {
        return error_set(err, WEIR_VALIDATION, "%s must not be empty", what);
    }
    for (uint32_t i = 0; i < map->u.map.count; i++) {
        struct weir_bytes key = map->u.map.at[i].name;
        if (key.len > LIMIT_PLACEHOLDER_BYTES) {
            return error_set(err, WEIR_VALIDATION,
                             "%s contains invalid key: The expression attribute map contains a "
                             "key that is too long; size of key: %zu",
                             what, key.len);
        }
        if (!is_placeholder(key, sign)) {
            return error_set(err, WEIR_VALIDATION,
                             "%s contains invalid key: Syntax error; key: \"%.*s\"", what,
                             BYTES_ARG(key));
        }
    }
    return WEIR_OK;
}

static enum weir_status check_names(const struct weir_value *map, struct weir_error *err)
{
    for (uint32_t i = 0; i < map->u.map.count; i++) {
        const struct value_member *member = &map->u.map.at[i];
        if (member->value.type != VALUE_S || member->value.form != VALUE_PLAIN) {
            return error_set(err, WEIR_SERIALIZATION,
                             "ExpressionAttributeNames must map strings to strings");
        }
        if (member->value.u.bytes.len == 0) {
            return error_set(err, WEIR_VALIDATION,
                             "ExpressionAttributeNames contains invalid value: Empty attribute "
                             "name for key %.*s",
                             BYTES_ARG(member->name));
        }
    }
    return WEIR_OK;
}

/* A request's names come in the request's order; a copy of the members is sorted for look-up. */
static enum weir_status sorted_names(struct arena *a, const struct weir_value *doc,
                                     const struct weir_value **ret_map, struct weir_error *err)
{
    struct weir_value *map = value_new_map(a, VALUE_PLAIN);
    struct value_member *at = ARENA_ARRAY(a, struct value_member, doc->u.map.count);
    if (map == NULL || at == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for ExpressionAttributeNames");
    }
    memcpy(at, doc->u.map.at, doc->u.map.count * sizeof(*at));
    map->u.map = (struct value_map){.at = at, .count = doc->u.map.count};
    *ret_map = map;
    return value_sort_map(map, err);
}

static enum weir_status init_names(struct arena *a, const struct weir_value *doc,
                                   struct expr_names *names, struct weir_error *err)
{
    if (doc->type != VALUE_M) {
        return error_set(err, WEIR_SERIALIZATION, "ExpressionAttributeNames must be a map");
    }
    enum weir_status status = check_keys(doc, "ExpressionAttributeNames", '#', err);
    if (status == WEIR_OK) {
        status = check_names(doc, err);
    }
    if (status == WEIR_OK) {
        status = sorted_names(a, doc, &names->names, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    names->names_used = ARENA_ARRAY(a, bool, doc->u.map.count);
    return names->names_used != NULL
               ? WEIR_OK
               : error_set(err, WEIR_NO_MEMORY, "no memory for ExpressionAttributeNames");
}

static enum weir_status init_values(struct arena *a, const struct weir_value *values,
                                    struct expr_names *names, struct weir_error *err)
{
    enum weir_status status = check_keys(values, "ExpressionAttributeValues", ':', err);
    if (status != WEIR_OK) {
        return status;
    }
    names->values = values;
    names->values_used = ARENA_ARRAY(a, bool, values->u.map.count);
    return names->values_used != NULL
               ? WEIR_OK
               : error_set(err, WEIR_NO_MEMORY, "no memory for ExpressionAttributeValues");
}

enum weir_status expr_names_init(struct arena *a, const struct weir_value *names_doc,
                                 const struct weir_value *values, struct expr_names *ret_names,
                                 struct weir_error *err)
{
    struct expr_names names = {0};
    enum weir_status status = WEIR_OK;
    if (names_doc != NULL) {
        status = init_names(a, names_doc, &names, err);
    }
    if (status == WEIR_OK && values != NULL) {
        status = init_values(a, values, &names, err);
    }
    if (status == WEIR_OK) {
        *ret_names = names;
    }
    return status;
}

int64_t names_find(const struct weir_value *map, struct weir_bytes key)
{
    size_t low = 0;
    size_t high = map == NULL ? 0 : map->u.map.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = bytes_cmp(key, map->u.map.at[middle].name);
        if (order == 0) {
            return (int64_t)middle;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return -1;
}

static enum weir_status check_used(const struct weir_value *map, const bool *used, const char *what,
                                   struct weir_error *err)
{
    char keys[WEIR_ERROR_MESSAGE_MAX] = "";
    size_t length = 0;
    for (uint32_t i = 0; map != NULL && i < map->u.map.count; i++) {
        if (!used[i] && length < sizeof(keys)) {
            int added = snprintf(keys + length, sizeof(keys) - length, "%s%.*s",
                                 length == 0 ? "" : ", ", BYTES_ARG(map->u.map.at[i].name));
            length += added < 0 ? 0 : (size_t)added;
        }
    }
    if (length == 0) {
        return WEIR_OK;
    }
    return error_set(err, WEIR_VALIDATION, "Value provided in %s unused in expressions: keys: {%s}",
                     what, keys);
}

enum weir_status expr_names_check(const struct expr_names *names, struct weir_error *err)
{
    enum weir_status status =
        check_used(names->names, names->names_used, "ExpressionAttributeNames", err);
    if (status != WEIR_OK) {
        return status;
    }
    return check_used(names->values, names->values_used, "ExpressionAttributeValues", err);
}
