/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an item satisfies a condition. Comparing an attribute that is not there, or two values of
 * different types, is false and no error; only <> is true of them.
 */

#include "expr/expr_internal.h"

#include <stdio.h>

/* An operand's value: most are somewhere already, a size is made here. */
struct operand {
    const struct weir_value *value; /* NULL: not there */
    struct weir_value made;
    char digits[16];
};

const struct weir_value *path_resolve(const struct path *path, uint32_t parts,
                                      const struct weir_value *item)
{
    const struct weir_value *value = item;
    for (uint32_t i = 0; i < parts && value != NULL; i++) {
        const struct path_part *part = &path->at[i];
        if (part->kind == PART_NAME) {
            value = value_member(value, part->name);
        } else if (value->type == VALUE_L && part->index < value->u.list.count) {
            value = &value->u.list.at[part->index];
        } else {
            value = NULL;
        }
    }
    return value;
}

/* A string's length is counted in UTF-16 units, as the service's own strings are. */
static size_t string_length(struct weir_bytes text)
{
    size_t length = 0;
    for (size_t i = 0; i < text.len; i++) {
        length += (text.ptr[i] & 0xc0) != 0x80;
        length += text.ptr[i] >= 0xf0;
    }
    return length;
}

static bool value_length(const struct weir_value *value, size_t *ret_length)
{
    switch ((enum value_type)value->type) {
    case VALUE_S:
        *ret_length = string_length(value->u.bytes);
        return true;
    case VALUE_B:
        *ret_length = value->u.bytes.len;
        return true;
    case VALUE_L:
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        *ret_length = value->u.list.count;
        return true;
    case VALUE_M:
        *ret_length = value->u.map.count;
        return true;
    default:
        return false;
    }
}

static void load(struct operand *operand, const struct node *node, const struct weir_value *item);

static void load_size(struct operand *operand, const struct node *call,
                      const struct weir_value *item)
{
    size_t length = 0;
    load(operand, call->first, item);
    if (operand->value == NULL || !value_length(operand->value, &length)) {
        operand->value = NULL;
        return;
    }
    int digits = snprintf(operand->digits, sizeof(operand->digits), "%zu", length);
    value_set_n(&operand->made, bytes_of(operand->digits, (size_t)digits));
    operand->value = &operand->made;
}

static void load(struct operand *operand, const struct node *node, const struct weir_value *item)
{
    if (node->type == NODE_VALUE) {
        operand->value = node->value;
    } else if (node->type == NODE_PATH) {
        operand->value = path_resolve(&node->path, node->path.count, item);
    } else {
        load_size(operand, node, item);
    }
}

static bool is_ordered(const struct weir_value *value)
{
    return value->type == VALUE_S || value->type == VALUE_N || value->type == VALUE_B;
}

/* Whether the two can be ordered, and how. */
static bool order(const struct weir_value *a, const struct weir_value *b, int *ret_order)
{
    if (a == NULL || b == NULL || a->type != b->type || !is_ordered(a)) {
        return false;
    }
    *ret_order = value_compare(a, b);
    return true;
}

static bool equal(const struct weir_value *a, const struct weir_value *b)
{
    return a != NULL && b != NULL && value_equal(a, b);
}

static bool compare(const struct node *node, const struct weir_value *item)
{
    struct operand left;
    struct operand right;
    load(&left, node->first, item);
    load(&right, node->last, item);
    if (node->type == NODE_EQ || node->type == NODE_NE) {
        return equal(left.value, right.value) == (node->type == NODE_EQ);
    }
    int sign = 0;
    if (!order(left.value, right.value, &sign)) {
        return false;
    }
    switch (node->type) {
    case NODE_LT:
        return sign < 0;
    case NODE_LE:
        return sign <= 0;
    case NODE_GT:
        return sign > 0;
    default:
        return sign >= 0;
    }
}

static bool between(const struct node *node, const struct weir_value *item)
{
    struct operand value;
    struct operand low;
    struct operand high;
    int below = 0;
    int above = 0;
    load(&value, node->first, item);
    load(&low, node->first->next, item);
    load(&high, node->last, item);
    return order(low.value, value.value, &below) && below <= 0 &&
           order(value.value, high.value, &above) && above <= 0;
}

static bool in(const struct node *node, const struct weir_value *item)
{
    struct operand value;
    load(&value, node->first, item);
    for (const struct node *other = node->first->next; other != NULL; other = other->next) {
        struct operand candidate;
        load(&candidate, other, item);
        if (equal(value.value, candidate.value)) {
            return true;
        }
    }
    return false;
}

static bool begins_with(const struct weir_value *value, const struct weir_value *prefix)
{
    if (value == NULL || prefix == NULL || value->type != prefix->type ||
        (value->type != VALUE_S && value->type != VALUE_B)) {
        return false;
    }
    return bytes_starts_with(value->u.bytes, prefix->u.bytes);
}

static bool contains_bytes(struct weir_bytes bytes, struct weir_bytes part)
{
    return part.len == 0 ||
           (bytes.len > 0 && memmem(bytes.ptr, bytes.len, part.ptr, part.len) != NULL);
}

static bool contains_member(const struct value_list *list, const struct weir_value *member)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (value_equal(&list->at[i], member)) {
            return true;
        }
    }
    return false;
}

static bool contains(const struct weir_value *value, const struct weir_value *part)
{
    if (value == NULL || part == NULL) {
        return false;
    }
    switch ((enum value_type)value->type) {
    case VALUE_S:
    case VALUE_B:
        return value->type == part->type && contains_bytes(value->u.bytes, part->u.bytes);
    case VALUE_L:
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        return contains_member(&value->u.list, part);
    default:
        return false;
    }
}

static bool call(const struct node *node, const struct weir_value *item)
{
    struct operand first;
    struct operand second;
    load(&first, node->first, item);
    load(&second, node->last, item);
    switch (node->function) {
    case FUNCTION_ATTRIBUTE_EXISTS:
        return first.value != NULL;
    case FUNCTION_ATTRIBUTE_NOT_EXISTS:
        return first.value == NULL;
    case FUNCTION_ATTRIBUTE_TYPE:
        return first.value != NULL &&
               bytes_eq_str(second.value->u.bytes,
                            value_type_name((enum value_type)first.value->type));
    case FUNCTION_BEGINS_WITH:
        return begins_with(first.value, second.value);
    default:
        return contains(first.value, second.value);
    }
}

static bool holds(const struct node *node, const struct weir_value *item);

/* AND is decided by the first that is false, OR by the first that is true. */
static bool chain(const struct node *node, const struct weir_value *item)
{
    bool decisive = node->type == NODE_OR;
    for (const struct node *child = node->first; child != NULL; child = child->next) {
        if (holds(child, item) == decisive) {
            return decisive;
        }
    }
    return !decisive;
}

static bool holds(const struct node *node, const struct weir_value *item)
{
    switch (node->type) {
    case NODE_AND:
    case NODE_OR:
        return chain(node, item);
    case NODE_NOT:
        return !holds(node->first, item);
    case NODE_BETWEEN:
        return between(node, item);
    case NODE_IN:
        return in(node, item);
    case NODE_CALL:
        return call(node, item);
    default:
        return compare(node, item);
    }
}

enum weir_status expr_matches(struct arena *a, const struct expr_condition *condition,
                              const struct weir_value *item, bool *ret_matches,
                              struct weir_error *err)
{
    (void)a;
    (void)err; /* what can be wrong with a condition was seen without the item */
    *ret_matches = holds(condition->root, item);
    return WEIR_OK;
}

static bool each_name(const struct node *node, bool (*fn)(void *arg, struct weir_bytes name),
                      void *arg)
{
    if (node->type == NODE_PATH) {
        return fn(arg, node->path.at[0].name);
    }
    for (const struct node *child = node->first; child != NULL; child = child->next) {
        if (!each_name(child, fn, arg)) {
            return false;
        }
    }
    return true;
}

bool expr_condition_each_name(const struct expr_condition *condition,
                              bool (*fn)(void *arg, struct weir_bytes name), void *arg)
{
    return each_name(condition->root, fn, arg);
}
