/* SPDX-License-Identifier: Apache-2.0 */
/* The way down a document, and the scalars that are written the same in each notation. */
#include "value/convert.h"

#include "base/error.h"
#include "value/attribute.h"
#include "value/number.h"

enum weir_status convert_no_memory(const struct conversion *c)
{
    return error_set(c->err, WEIR_NO_MEMORY, "%s", c->no_memory);
}

static enum weir_status convert_value(const struct conversion *c, const struct weir_value *doc,
                                      unsigned level, struct weir_value *to)
{
    if (level > LIMIT_NESTING_LEVELS) {
        return error_set(c->err, WEIR_VALIDATION,
                         "Nesting Levels have exceeded supported limits: Attributes in the item "
                         "have nested levels beyond supported limit");
    }
    return c->node(c, doc, level, to);
}

enum weir_status convert_list(const struct conversion *c, const struct value_list *from,
                              unsigned level, struct weir_value *to)
{
    *to = (struct weir_value){.type = VALUE_L, .form = VALUE_ATTRIBUTE};
    to->u.list.at = arena_alloc(c->arena, from->count * sizeof(to->u.list.at[0]));
    if (to->u.list.at == NULL) {
        return convert_no_memory(c);
    }
    for (uint32_t i = 0; i < from->count; i++) {
        enum weir_status status = convert_value(c, &from->at[i], level + 1, &to->u.list.at[i]);
        if (status != WEIR_OK) {
            return status;
        }
    }
    to->u.list.count = from->count;
    return WEIR_OK;
}

enum weir_status convert_map(const struct conversion *c, const struct value_map *from,
                             unsigned level, enum value_form form, struct weir_value *to)
{
    *to = (struct weir_value){.type = VALUE_M, .form = (uint8_t)form};
    to->u.map.at = arena_alloc(c->arena, from->count * sizeof(to->u.map.at[0]));
    if (to->u.map.at == NULL) {
        return convert_no_memory(c);
    }
    for (uint32_t i = 0; i < from->count; i++) {
        to->u.map.at[i].name = from->at[i].name;
        enum weir_status status =
            convert_value(c, &from->at[i].value, level + 1, &to->u.map.at[i].value);
        if (status != WEIR_OK) {
            return status;
        }
    }
    to->u.map.count = from->count;
    return value_sort_map(to, c->err);
}

enum weir_status convert_number(const struct conversion *c, struct weir_bytes text,
                                struct weir_value *to)
{
    struct weir_bytes canonical = BYTES_NONE;
    enum weir_status status = number_canonical(c->arena, text, &canonical, c->err);
    if (status == WEIR_OK) {
        value_set_n(to, canonical);
    }
    return status;
}

enum weir_status convert_binary(const struct conversion *c, struct weir_bytes text,
                                struct weir_value *to)
{
    struct weir_bytes raw = BYTES_NONE;
    enum weir_status status = attribute_decode_binary(c->arena, text, &raw, c->err);
    if (status == WEIR_OK) {
        value_set_b(to, raw);
    }
    return status;
}

enum weir_status convert_new(const struct conversion *c, const struct weir_value *doc,
                             struct weir_value **ret_value)
{
    struct weir_value *value = ARENA_NEW(c->arena, struct weir_value);
    enum weir_status status =
        value == NULL ? convert_no_memory(c) : convert_value(c, doc, 1, value);
    if (status == WEIR_OK) {
        *ret_value = value;
    }
    return status;
}

enum weir_status convert_item(const struct conversion *c, const struct value_map *from,
                              struct weir_value **ret_item)
{
    struct weir_value *item = ARENA_NEW(c->arena, struct weir_value);
    enum weir_status status =
        item == NULL ? convert_no_memory(c) : convert_map(c, from, 0, VALUE_ITEM, item);
    if (status == WEIR_OK) {
        *ret_item = item;
    }
    return status;
}
