/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions and filters.
 *
 *     or      := and (OR and)*
 *     and     := not (AND not)*
 *     not     := NOT not | primary
 *     primary := '(' or ')' | call | operand tail
 *     tail    := comparator operand | BETWEEN operand AND operand | IN '(' operand, ... ')'
 *
 * Each rule may also return a bare path or value, which only a parenthesis or a tail can follow:
 * whoever needs a condition asks for one.
 */

#include "expr/expr_internal.h"

static struct node *parse_or(struct parser *p);

static bool is_plain_operand(const struct node *node)
{
    return node->type == NODE_PATH || node->type == NODE_VALUE;
}

/* A bare operand where a condition must be: the token after it is wrong. */
static bool need_condition(struct parser *p, const struct node *node)
{
    return !is_plain_operand(node) || parser_syntax_error(p);
}

static struct node *parse_comparison(struct parser *p, enum node_type type, struct node *left)
{
    struct node *node = parser_node(p, type);
    if (node == NULL) {
        return NULL;
    }
    parser_advance(p);
    struct node *right = parse_operand(p);
    if (right == NULL) {
        return NULL;
    }
    node_append(node, left);
    node_append(node, right);
    return node;
}

static struct node *parse_between(struct parser *p, struct node *left)
{
    struct node *node = parse_comparison(p, NODE_BETWEEN, left);
    if (node == NULL || !parser_expect(p, TOKEN_AND)) {
        return NULL;
    }
    struct node *high = parse_operand(p);
    if (high == NULL) {
        return NULL;
    }
    node_append(node, high);
    return node;
}

static struct node *parse_in(struct parser *p, struct node *left)
{
    struct node *node = parser_node(p, NODE_IN);
    if (node == NULL) {
        return NULL;
    }
    node_append(node, left);
    parser_advance(p);
    if (!parser_expect(p, TOKEN_OPEN)) {
        return NULL;
    }
    do {
        struct node *operand = parse_operand(p);
        if (operand == NULL) {
            return NULL;
        }
        node_append(node, operand);
    } while (parser_accept(p, TOKEN_COMMA));
    return parser_expect(p, TOKEN_CLOSE) ? node : NULL;
}

static struct node *parse_tail(struct parser *p, struct node *left)
{
    switch (p->current.type) {
    case TOKEN_EQ:
        return parse_comparison(p, NODE_EQ, left);
    case TOKEN_NE:
        return parse_comparison(p, NODE_NE, left);
    case TOKEN_LT:
        return parse_comparison(p, NODE_LT, left);
    case TOKEN_LE:
        return parse_comparison(p, NODE_LE, left);
    case TOKEN_GT:
        return parse_comparison(p, NODE_GT, left);
    case TOKEN_GE:
        return parse_comparison(p, NODE_GE, left);
    case TOKEN_BETWEEN:
        return parse_between(p, left);
    case TOKEN_IN:
        return parse_in(p, left);
    default:
        return left;
    }
}

static struct node *parse_parenthesis(struct parser *p)
{
    if (!parser_enter(p)) {
        return NULL;
    }
    parser_advance(p);
    struct node *inner = parse_or(p);
    parser_leave(p);
    return inner != NULL && parse_close(p, inner) ? inner : NULL;
}

static struct node *parse_primary(struct parser *p)
{
    struct node *node =
        p->current.type == TOKEN_OPEN ? parse_parenthesis(p) : parse_bare_operand(p);
    if (node == NULL) {
        return NULL;
    }
    return is_plain_operand(node) || node->type == NODE_CALL ? parse_tail(p, node) : node;
}

static struct node *parse_not(struct parser *p)
{
    if (p->current.type != TOKEN_NOT) {
        return parse_primary(p);
    }
    struct node *node = parser_node(p, NODE_NOT);
    if (node == NULL || !parser_enter(p)) {
        return NULL;
    }
    parser_advance(p);
    struct node *operand = parse_not(p);
    parser_leave(p);
    if (operand == NULL || !need_condition(p, operand)) {
        return NULL;
    }
    node_append(node, operand);
    return node;
}

/* rule (WORD rule)*: one rule alone is itself, several are the children of one node. */
static struct node *parse_chain(struct parser *p, enum node_type type, enum token_type word,
                                struct node *(*rule)(struct parser *p))
{
    struct node *first = rule(p);
    if (first == NULL || p->current.type != word) {
        return first;
    }
    struct node *node = parser_node(p, type);
    if (node == NULL || !need_condition(p, first)) {
        return NULL;
    }
    node_append(node, first);
    while (parser_accept(p, word)) {
        p->operators++;
        struct node *operand = rule(p);
        if (operand == NULL || !need_condition(p, operand)) {
            return NULL;
        }
        node_append(node, operand);
    }
    return node;
}

static struct node *parse_and(struct parser *p)
{
    return parse_chain(p, NODE_AND, TOKEN_AND, parse_not);
}

static struct node *parse_or(struct parser *p)
{
    return parse_chain(p, NODE_OR, TOKEN_OR, parse_and);
}

struct node *parse_condition(struct parser *p)
{
    struct node *root = parse_or(p);
    if (root == NULL || !need_condition(p, root) || !parser_finish(p) ||
        !words_check_condition(p, root) || !resolve_node(p, root)) {
        return NULL;
    }
    return root;
}

enum weir_status expr_parse_condition(struct arena *a, enum expr_kind kind, struct weir_bytes text,
                                      struct expr_names *names,
                                      struct expr_condition **ret_condition, struct weir_error *err)
{
    struct parser p;
    if (!parser_init(&p, a, kind, text, names, err)) {
        return p.status;
    }
    struct node *root = parse_condition(&p);
    if (root == NULL) {
        return p.status;
    }
    struct expr_condition *condition = ARENA_NEW(a, struct expr_condition);
    if (condition == NULL) {
        (void)parser_no_memory(&p);
        return p.status;
    }
    condition->root = root;
    *ret_condition = condition;
    return WEIR_OK;
}
