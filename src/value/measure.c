/* SPDX-License-Identifier: Apache-2.0 */
/* What can be asked of a value without changing it: size, equality, order, depth. */
#include "value/value.h"

#include "base/error.h"
#include "value/number.h"

/* DynamoDB: a list or map costs 3 bytes, and each of its elements one. */
#define CONTAINER_BYTES 3
#define ELEMENT_BYTES 1
#define NUMBER_BYTES_MAX 21

static size_t significant_digits(struct weir_bytes text)
{
    size_t digits = 0;
    size_t trailing_zeros = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c < '0' || c > '9' || (c == '0' && digits == 0)) {
            continue;
        }
        digits++;
        trailing_zeros = c == '0' ? trailing_zeros + 1 : 0;
    }
    return digits - trailing_zeros;
}

static size_t number_size(struct weir_bytes text)
{
    size_t sign = text.len > 0 && text.ptr[0] == '-' ? 1 : 0;
    size_t bytes = 1 + (significant_digits(text) + 1) / 2 + sign;
    return bytes < NUMBER_BYTES_MAX ? bytes : NUMBER_BYTES_MAX;
}

static size_t list_size(const struct value_list *list, size_t per_element)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        bytes += value_size(&list->at[i]) + per_element;
    }
    return bytes;
}

static size_t map_size(const struct value_map *map, size_t per_element)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < map->count; i++) {
        bytes += map->at[i].name.len + value_size(&map->at[i].value) + per_element;
    }
    return bytes;
}

size_t value_size(const struct weir_value *value)
{
    switch ((enum value_type)value->type) {
    case VALUE_S:
    case VALUE_B:
        return value->u.bytes.len;
    case VALUE_N:
        return number_size(value->u.bytes);
    case VALUE_M:
        return CONTAINER_BYTES + map_size(&value->u.map, ELEMENT_BYTES);
    case VALUE_L:
        return CONTAINER_BYTES + list_size(&value->u.list, ELEMENT_BYTES);
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        return list_size(&value->u.list, 0);
    case VALUE_BOOL:
    case VALUE_NULL:
    case VALUE_TYPE_COUNT:
        break;
    }
    return 1;
}

size_t item_size(const struct weir_value *item)
{
    WEIR_ASSERT(item->type == VALUE_M);
    return map_size(&item->u.map, 0);
}

static bool lists_equal(const struct value_list *a, const struct value_list *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        if (!value_equal(&a->at[i], &b->at[i])) {
            return false;
        }
    }
    return true;
}

static bool maps_equal(const struct value_map *a, const struct value_map *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        if (!bytes_eq(a->at[i].name, b->at[i].name) ||
            !value_equal(&a->at[i].value, &b->at[i].value)) {
            return false;
        }
    }
    return true;
}

/* Canonical numbers, sorted sets and sorted maps make this a walk over both side by side. */
bool value_equal(const struct weir_value *a, const struct weir_value *b)
{
    if (a->type != b->type) {
        return false;
    }
    switch ((enum value_type)a->type) {
    case VALUE_S:
    case VALUE_N:
    case VALUE_B:
        return bytes_eq(a->u.bytes, b->u.bytes);
    case VALUE_BOOL:
        return a->truth == b->truth;
    case VALUE_M:
        return maps_equal(&a->u.map, &b->u.map);
    case VALUE_L:
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        return lists_equal(&a->u.list, &b->u.list);
    case VALUE_NULL:
    case VALUE_TYPE_COUNT:
        break;
    }
    return true;
}

int value_compare(const struct weir_value *a, const struct weir_value *b)
{
    struct number left;
    struct number right;

    WEIR_ASSERT(a->type == b->type);
    WEIR_ASSERT(a->type == VALUE_S || a->type == VALUE_N || a->type == VALUE_B);
    if (a->type != VALUE_N) {
        return bytes_cmp(a->u.bytes, b->u.bytes);
    }
    WEIR_ASSERT(number_parse(a->u.bytes, &left, NULL) == WEIR_OK);
    WEIR_ASSERT(number_parse(b->u.bytes, &right, NULL) == WEIR_OK);
    return number_compare(&left, &right);
}

static unsigned depth_below(const struct weir_value *value, unsigned levels)
{
    unsigned deepest = levels;

    if (levels > LIMIT_NESTING_LEVELS) {
        return levels;
    }
    if (value->type == VALUE_L) {
        for (uint32_t i = 0; i < value->u.list.count; i++) {
            unsigned depth = depth_below(&value->u.list.at[i], levels + 1);
            deepest = depth > deepest ? depth : deepest;
        }
    } else if (value->type == VALUE_M) {
        for (uint32_t i = 0; i < value->u.map.count; i++) {
            unsigned depth = depth_below(&value->u.map.at[i].value, levels + 1);
            deepest = depth > deepest ? depth : deepest;
        }
    }
    return deepest;
}

unsigned value_depth(const struct weir_value *value)
{
    return depth_below(value, 1);
}
