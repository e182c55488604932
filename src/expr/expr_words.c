/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with the words of an expression, before any placeholder is looked at: reserved
 * words, list indexes, names of functions and where they stand; in the order of the text.
 */

#include "expr/expr_internal.h"

static bool is_condition_function(enum function function)
{
    return function >= FUNCTION_ATTRIBUTE_EXISTS && function <= FUNCTION_CONTAINS;
}

static bool is_update_function(enum function function)
{
    return function == FUNCTION_IF_NOT_EXISTS || function == FUNCTION_LIST_APPEND;
}

static bool misplaced(struct parser *p, const struct node *call)
{
    return parser_fail(
        p, "The function is not allowed to be used this way in an expression; function: %s",
        function_name(call->function));
}

static bool check_index(struct parser *p, struct path_part *part)
{
    uint64_t index = 0;
    for (size_t i = 0; i < part->name.len && index <= INT32_MAX; i++) {
        index = 10 * index + (uint64_t)(part->name.ptr[i] - '0');
    }
    if (index > INT32_MAX) {
        return parser_fail(p, "List index is not within the allowable range; index: [%.*s]",
                           BYTES_ARG(part->name));
    }
    part->index = (uint32_t)index;
    return true;
}

bool words_check_path(struct parser *p, struct path *path)
{
    for (uint32_t i = 0; i < path->count; i++) {
        struct path_part *part = &path->at[i];
        if (part->kind == PART_INDEX && !check_index(p, part)) {
            return false;
        }
        if (part->kind == PART_NAME && expr_is_reserved(part->name)) {
            return parser_fail(p, "Attribute name is a reserved keyword; reserved keyword: %.*s",
                               BYTES_ARG(part->name));
        }
    }
    return true;
}

static bool check_function_name(struct parser *p, const struct node *call)
{
    return call->function != FUNCTION_UNKNOWN ||
           parser_fail(p, "Invalid function name; function: %.*s", BYTES_ARG(call->text));
}

static bool check_call_in_condition(struct parser *p, const struct node *call, bool operand)
{
    if (!check_function_name(p, call)) {
        return false;
    }
    if (is_update_function(call->function)) {
        return parser_fail(p, "The function is not allowed in a condition expression; function: %s",
                           function_name(call->function));
    }
    return is_condition_function(call->function) != operand || misplaced(p, call);
}

static bool check_in_condition(struct parser *p, struct node *node, bool operand)
{
    if (node->type == NODE_PATH) {
        return words_check_path(p, &node->path);
    }
    if (node->type == NODE_CALL && !check_call_in_condition(p, node, operand)) {
        return false;
    }
    bool operands = node->type != NODE_AND && node->type != NODE_OR && node->type != NODE_NOT;
    for (struct node *child = node->first; child != NULL; child = child->next) {
        if (!check_in_condition(p, child, operands)) {
            return false;
        }
    }
    return true;
}

bool words_check_condition(struct parser *p, struct node *node)
{
    return check_in_condition(p, node, false);
}

static bool check_call_in_update(struct parser *p, const struct node *call, bool nested)
{
    if (!check_function_name(p, call)) {
        return false;
    }
    if (!is_update_function(call->function)) {
        return parser_fail(p, "The function is not allowed in an update expression; function: %s",
                           function_name(call->function));
    }
    return !(nested && call->function == FUNCTION_LIST_APPEND) || misplaced(p, call);
}

static bool check_in_update(struct parser *p, struct node *node, bool nested)
{
    if (node->type == NODE_PATH) {
        return words_check_path(p, &node->path);
    }
    if (node->type == NODE_CALL && !check_call_in_update(p, node, nested)) {
        return false;
    }
    for (struct node *child = node->first; child != NULL; child = child->next) {
        if (!check_in_update(p, child, node->type == NODE_CALL)) {
            return false;
        }
    }
    return true;
}

bool words_check_update_value(struct parser *p, struct node *node)
{
    return check_in_update(p, node, false);
}
