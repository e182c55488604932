/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes and paths of the tree, and the names of operators and functions.
 */

#include "expr/expr_internal.h"

#include <stdio.h>

struct node *node_new(struct arena *a, enum node_type type)
{
    struct node *node = ARENA_NEW(a, struct node);
    if (node != NULL) {
        node->type = type;
    }
    return node;
}

void node_append(struct node *parent, struct node *child)
{
    if (parent->last == NULL) {
        parent->first = child;
    } else {
        parent->last->next = child;
    }
    parent->last = child;
    parent->count++;
}

static const char *const function_names[] = {
    [FUNCTION_UNKNOWN] = "",
    [FUNCTION_ATTRIBUTE_EXISTS] = "attribute_exists",
    [FUNCTION_ATTRIBUTE_NOT_EXISTS] = "attribute_not_exists",
    [FUNCTION_ATTRIBUTE_TYPE] = "attribute_type",
    [FUNCTION_BEGINS_WITH] = "begins_with",
    [FUNCTION_CONTAINS] = "contains",
    [FUNCTION_SIZE] = "size",
    [FUNCTION_IF_NOT_EXISTS] = "if_not_exists",
    [FUNCTION_LIST_APPEND] = "list_append",
};

const char *function_name(enum function function)
{
    return function_names[function];
}

enum function function_of_name(struct weir_bytes name)
{
    for (size_t i = 1; i < sizeof(function_names) / sizeof(function_names[0]); i++) {
        if (bytes_eq_str(name, function_names[i])) {
            return (enum function)i;
        }
    }
    return FUNCTION_UNKNOWN;
}

const char *node_name(const struct node *node)
{
    static const char *const names[] = {
        [NODE_PATH] = "",   [NODE_VALUE] = "",  [NODE_CALL] = "", [NODE_PLUS] = "+",
        [NODE_MINUS] = "-", [NODE_EQ] = "=",    [NODE_NE] = "<>", [NODE_LT] = "<",
        [NODE_LE] = "<=",   [NODE_GT] = ">",    [NODE_GE] = ">=", [NODE_BETWEEN] = "BETWEEN",
        [NODE_IN] = "IN",   [NODE_AND] = "AND", [NODE_OR] = "OR", [NODE_NOT] = "NOT",
    };
    return node->type == NODE_CALL ? function_names[node->function] : names[node->type];
}

bool path_append(struct arena *a, struct path *path, struct path_part part)
{
    if (path->count == path->capacity) {
        uint32_t capacity = path->capacity == 0 ? 1 : 4 * path->capacity;
        struct path_part *at = ARENA_ARRAY(a, struct path_part, capacity);
        if (at == NULL) {
            return false;
        }
        if (path->count > 0) {
            memcpy(at, path->at, path->count * sizeof(*at));
        }
        path->at = at;
        path->capacity = capacity;
    }
    path->at[path->count++] = part;
    return true;
}

bool path_equal(const struct path *a, const struct path *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        const struct path_part *x = &a->at[i];
        const struct path_part *y = &b->at[i];
        if (x->kind != y->kind ||
            (x->kind == PART_INDEX ? x->index != y->index : !bytes_eq(x->name, y->name))) {
            return false;
        }
    }
    return true;
}

void path_format(const struct path *path, char *to, size_t size)
{
    size_t used = 0;
    for (uint32_t i = 0; i < path->count && used < size; i++) {
        const struct path_part *part = &path->at[i];
        const char *before = i == 0 ? "[" : ", ";
        int length =
            part->kind == PART_INDEX
                ? snprintf(to + used, size - used, "%s[%u]", before, part->index)
                : snprintf(to + used, size - used, "%s%.*s", before, BYTES_ARG(part->name));
        used += length < 0 ? 0 : (size_t)length;
    }
    if (used < size) {
        (void)snprintf(to + used, size - used, "]");
    }
}
