/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one action of an update makes of its path: arithmetic, lists and sets. Results keep the
 * invariants of value.h: canonical numbers, sorted sets.
 */

#include "expr/expr_change.h"

#include "base/error.h"
#include "value/number.h"

static enum weir_status wrong_type(const struct change_context *c)
{
    return error_set(c->err, WEIR_VALIDATION,
                     c->legacy ? "Type mismatch for attribute to update"
                               : "An operand in the update expression has an incorrect data type");
}

static enum weir_status no_memory(const struct change_context *c)
{
    return error_set(c->err, WEIR_NO_MEMORY, "no memory for the updated attribute");
}

static enum weir_status add_numbers(const struct change_context *c, struct weir_bytes left,
                                    struct weir_bytes right, bool subtract,
                                    struct weir_value *ret_value)
{
    struct number a;
    struct number b;
    struct number result;
    enum weir_status status = number_parse(left, &a, c->err);
    if (status == WEIR_OK) {
        status = number_parse(right, &b, c->err);
    }
    if (status == WEIR_OK) {
        status = subtract ? number_subtract(&a, &b, &result, c->err)
                          : number_add(&a, &b, &result, c->err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    char text[NUMBER_TEXT_MAX];
    struct weir_bytes canonical = arena_dup(c->arena, bytes_of(text, number_format(&result, text)));
    if (canonical.ptr == NULL) {
        return no_memory(c);
    }
    value_set_n(ret_value, canonical);
    return WEIR_OK;
}

static enum weir_status join_lists(const struct change_context *c, const struct value_list *left,
                                   const struct value_list *right, struct weir_value *ret_value)
{
    size_t count = (size_t)left->count + right->count;
    struct weir_value *at = ARENA_ARRAY(c->arena, struct weir_value, count);
    if (at == NULL) {
        return no_memory(c);
    }
    if (left->count > 0) {
        memcpy(at, left->at, left->count * sizeof(*at));
    }
    if (right->count > 0) {
        memcpy(at + left->count, right->at, right->count * sizeof(*at));
    }
    *ret_value = (struct weir_value){.type = VALUE_L, .form = VALUE_ATTRIBUTE};
    ret_value->u.list = (struct value_list){.at = at, .count = (uint32_t)count};
    return WEIR_OK;
}

/* Both sets are sorted: a merge. A union takes all members, a difference those of `left` alone. */
static enum weir_status merge_sets(const struct change_context *c, const struct weir_value *left,
                                   const struct weir_value *right, bool difference,
                                   struct weir_value *ret_value)
{
    const struct value_list *a = &left->u.list;
    const struct value_list *b = &right->u.list;
    size_t room = (size_t)a->count + (difference ? 0 : b->count);
    struct weir_value *at = ARENA_ARRAY(c->arena, struct weir_value, room);
    if (at == NULL) {
        return no_memory(c);
    }
    uint32_t count = 0;
    uint32_t i = 0;
    uint32_t j = 0;
    while (i < a->count || (!difference && j < b->count)) {
        int order = i == a->count ? 1 : j == b->count ? -1 : value_compare(&a->at[i], &b->at[j]);
        if (order < 0 || (order == 0 && !difference)) {
            at[count++] = a->at[i];
        } else if (order > 0 && !difference) {
            at[count++] = b->at[j];
        }
        i += order <= 0;
        j += order >= 0;
    }
    *ret_value = (struct weir_value){.type = left->type, .form = VALUE_ATTRIBUTE};
    ret_value->u.list = (struct value_list){.at = at, .count = count};
    return WEIR_OK;
}

static bool is_set(const struct weir_value *value)
{
    return value->type == VALUE_SS || value->type == VALUE_NS || value->type == VALUE_BS;
}

/* The operand of a SET. *ret_found is false when it, or one it needs, is not in the item; a wrong
 * type is an error all the same. */
static enum weir_status evaluate(const struct change_context *c, const struct node *node,
                                 struct weir_value *ret_value, bool *ret_found);

/* Both operands of an operator that takes one type only. */
static enum weir_status evaluate_pair(const struct change_context *c, const struct node *node,
                                      enum value_type type, struct weir_value operands[2],
                                      bool *ret_found)
{
    const struct node *child = node->first;
    *ret_found = true;
    for (int i = 0; i < 2; i++, child = child->next) {
        bool found = false;
        enum weir_status status = evaluate(c, child, &operands[i], &found);
        if (status != WEIR_OK) {
            return status;
        }
        if (found && operands[i].type != type) {
            return wrong_type(c);
        }
        *ret_found = *ret_found && found;
    }
    return WEIR_OK;
}

static enum weir_status evaluate_sum(const struct change_context *c, const struct node *node,
                                     struct weir_value *ret_value, bool *ret_found)
{
    struct weir_value operands[2];
    enum weir_status status = evaluate_pair(c, node, VALUE_N, operands, ret_found);
    if (status != WEIR_OK || !*ret_found) {
        return status;
    }
    return add_numbers(c, operands[0].u.bytes, operands[1].u.bytes, node->type == NODE_MINUS,
                       ret_value);
}

static enum weir_status evaluate_append(const struct change_context *c, const struct node *node,
                                        struct weir_value *ret_value, bool *ret_found)
{
    struct weir_value operands[2];
    enum weir_status status = evaluate_pair(c, node, VALUE_L, operands, ret_found);
    if (status != WEIR_OK || !*ret_found) {
        return status;
    }
    return join_lists(c, &operands[0].u.list, &operands[1].u.list, ret_value);
}

static enum weir_status evaluate_path(const struct change_context *c, const struct node *node,
                                      struct weir_value *ret_value, bool *ret_found)
{
    const struct weir_value *value = path_resolve(&node->path, node->path.count, c->item);
    *ret_found = value != NULL;
    if (value != NULL) {
        *ret_value = *value;
    }
    return WEIR_OK;
}

static enum weir_status evaluate(const struct change_context *c, const struct node *node,
                                 struct weir_value *ret_value, bool *ret_found)
{
    switch (node->type) {
    case NODE_VALUE:
        *ret_value = *node->value;
        *ret_found = true;
        return WEIR_OK;
    case NODE_PATH:
        return evaluate_path(c, node, ret_value, ret_found);
    case NODE_PLUS:
    case NODE_MINUS:
        return evaluate_sum(c, node, ret_value, ret_found);
    default:
        break;
    }
    if (node->function == FUNCTION_LIST_APPEND) {
        return evaluate_append(c, node, ret_value, ret_found);
    }
    enum weir_status status = evaluate_path(c, node->first, ret_value, ret_found);
    return status != WEIR_OK || *ret_found ? status : evaluate(c, node->last, ret_value, ret_found);
}

static enum weir_status compute_set(const struct change_context *c, const struct action *action,
                                    struct change *ret_change)
{
    bool found = false;
    enum weir_status status = evaluate(c, action->value, &ret_change->value, &found);
    ret_change->kind = CHANGE_SET;
    ret_change->missing = !found;
    return status;
}

static enum weir_status compute_add(const struct change_context *c, const struct action *action,
                                    const struct weir_value *old, struct change *ret_change)
{
    const struct weir_value *operand = action->value->value;
    ret_change->kind = CHANGE_SET;
    if (old == NULL) {
        ret_change->value = *operand;
        return WEIR_OK;
    }
    if (old->type != operand->type) {
        return wrong_type(c);
    }
    if (old->type == VALUE_N) {
        return add_numbers(c, old->u.bytes, operand->u.bytes, false, &ret_change->value);
    }
    if (is_set(old)) {
        return merge_sets(c, old, operand, false, &ret_change->value);
    }
    return join_lists(c, &old->u.list, &operand->u.list, &ret_change->value);
}

static enum weir_status compute_delete(const struct change_context *c, const struct action *action,
                                       const struct weir_value *old, struct change *ret_change)
{
    if (old == NULL) {
        ret_change->kind = CHANGE_NONE;
        return WEIR_OK;
    }
    if (old->type != action->value->value->type) {
        return wrong_type(c);
    }
    enum weir_status status = merge_sets(c, old, action->value->value, true, &ret_change->value);
    ret_change->kind = ret_change->value.u.list.count > 0 ? CHANGE_SET : CHANGE_REMOVE;
    return status;
}

enum weir_status change_compute(const struct change_context *c, const struct action *action,
                                struct change *ret_change)
{
    const struct weir_value *old = NULL;
    *ret_change = (struct change){.kind = CHANGE_REMOVE};
    if (action->kind == ACTION_ADD || action->kind == ACTION_DELETE) {
        old = path_resolve(&action->path, action->path.count, c->item);
    }
    switch (action->kind) {
    case ACTION_SET:
        return compute_set(c, action, ret_change);
    case ACTION_ADD:
        return compute_add(c, action, old, ret_change);
    case ACTION_DELETE:
        return compute_delete(c, action, old, ret_change);
    default:
        return WEIR_OK;
    }
}
