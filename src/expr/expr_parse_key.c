/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key condition expressions: a condition by grammar, of which only comparisons of a key with a
 * value are left, joined by AND.
 */

#include "expr/expr_internal.h"

#include "base/error.h"

struct key_parts {
    struct key_part *at;
    uint32_t count;
};

/* These texts name the parameter themselves. */
static bool refuse(struct parser *p, const char *before, const char *what, const char *after)
{
    p->status = error_set(p->err, WEIR_VALIDATION, "%s%s%s", before, what, after);
    return false;
}

static bool check_operator(struct parser *p, const struct node *node)
{
    bool call = node->type == NODE_CALL;
    if (node->type == NODE_OR || node->type == NODE_NOT || node->type == NODE_IN ||
        node->type == NODE_NE || (call && node->function != FUNCTION_BEGINS_WITH)) {
        return refuse(p, "Invalid operator used in KeyConditionExpression: ", node_name(node), "");
    }
    if ((call || node->type == NODE_BETWEEN) && node->first->type != NODE_PATH) {
        return refuse(p, "Invalid condition in KeyConditionExpression: ", node_name(node),
                      " operator must have the key attribute as its first operand");
    }
    return true;
}

/* The one operand that is a key; the others must be values. */
static bool find_key(struct parser *p, const struct node *node, const struct node **ret_key)
{
    const struct node *key = NULL;
    for (const struct node *child = node->first; child != NULL; child = child->next) {
        if (child->type == NODE_CALL) {
            return refuse(p, "KeyConditionExpressions cannot contain nested operations", "", "");
        }
        if (child->type != NODE_PATH) {
            continue;
        }
        if (key != NULL) {
            return refuse(p, "Invalid condition in KeyConditionExpression: ",
                          "Multiple attribute names used in one condition", "");
        }
        if (child->path.count > 1) {
            return refuse(p, "KeyConditionExpressions cannot have conditions on nested attributes",
                          "", "");
        }
        key = child;
    }
    if (key == NULL) {
        return refuse(
            p, "Invalid condition in KeyConditionExpression: ", "No key attribute specified", "");
    }
    *ret_key = key;
    return true;
}

/* The operator as it reads with the key on its left. */
static enum expr_sort_op sort_op(const struct node *node, bool key_left)
{
    switch (node->type) {
    case NODE_EQ:
        return EXPR_SORT_EQ;
    case NODE_LT:
        return key_left ? EXPR_SORT_LT : EXPR_SORT_GT;
    case NODE_LE:
        return key_left ? EXPR_SORT_LE : EXPR_SORT_GE;
    case NODE_GT:
        return key_left ? EXPR_SORT_GT : EXPR_SORT_LT;
    case NODE_GE:
        return key_left ? EXPR_SORT_GE : EXPR_SORT_LE;
    case NODE_BETWEEN:
        return EXPR_SORT_BETWEEN;
    default:
        return EXPR_SORT_BEGINS_WITH;
    }
}

static bool collect_part(struct parser *p, const struct node *node, struct key_parts *parts)
{
    const struct node *key = NULL;
    if (!check_operator(p, node) || !find_key(p, node, &key)) {
        return false;
    }
    bool key_left = key == node->first;
    struct key_part part = {
        .name = key->path.at[0].name,
        .op = sort_op(node, key_left),
        .indexable = true,
        .low = key_left ? key->next->value : node->first->value,
        .high = node->type == NODE_BETWEEN ? node->last->value : NULL,
    };
    for (uint32_t i = 0; i < parts->count; i++) {
        if (bytes_eq(parts->at[i].name, part.name)) {
            return refuse(p, "KeyConditionExpressions must only contain one condition per key", "",
                          "");
        }
    }
    parts->at[parts->count++] = part;
    return true;
}

static bool collect(struct parser *p, const struct node *node, struct key_parts *parts)
{
    if (node->type != NODE_AND) {
        return collect_part(p, node, parts);
    }
    for (const struct node *child = node->first; child != NULL; child = child->next) {
        if (!collect(p, child, parts)) {
            return false;
        }
    }
    return true;
}

enum weir_status expr_parse_key_condition(struct arena *a, struct weir_bytes text,
                                          struct expr_names *names,
                                          const struct expr_key_schema *schema,
                                          struct expr_key_condition *ret_condition,
                                          struct weir_error *err)
{
    struct parser p;
    if (!parser_init(&p, a, EXPR_KEY_CONDITION, text, names, err)) {
        return p.status;
    }
    struct node *root = parse_condition(&p);
    if (root == NULL) {
        return p.status;
    }
    /* Every part has an operator of its own. */
    struct key_parts parts = {.at = ARENA_ARRAY(a, struct key_part, p.operators)};
    if (parts.at == NULL) {
        (void)parser_no_memory(&p);
        return p.status;
    }
    if (!collect(&p, root, &parts)) {
        return p.status;
    }
    return key_parts_resolve(parts.at, parts.count, schema, ret_condition, err);
}
