/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser's base: its tokens and errors, and what all grammars share, paths and operands.
 */

#include "expr/expr_internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

static const char *const kind_names[] = {
    [EXPR_CONDITION] = "ConditionExpression",        [EXPR_FILTER] = "FilterExpression",
    [EXPR_KEY_CONDITION] = "KeyConditionExpression", [EXPR_UPDATE] = "UpdateExpression",
    [EXPR_PROJECTION] = "ProjectionExpression",
};

bool parser_fail(struct parser *p, const char *format, ...)
{
    if (p->status != WEIR_OK) {
        return false;
    }
    char message[WEIR_ERROR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    p->status = error_set(p->err, WEIR_VALIDATION, "Invalid %s: %s", kind_names[p->kind], message);
    return false;
}

bool parser_no_memory(struct parser *p)
{
    if (p->status == WEIR_OK) {
        p->status = error_set(p->err, WEIR_NO_MEMORY, "no memory for the %s", kind_names[p->kind]);
    }
    return false;
}

struct weir_bytes parser_token_text(const struct parser *p, struct token token)
{
    if (token.type == TOKEN_END) {
        return BYTES_LIT("<EOF>");
    }
    return bytes_of(p->text.ptr + token.start, token.end - token.start);
}

/* The service shows the token and, with white space as written, its neighbours. */
bool parser_syntax_error(struct parser *p)
{
    struct weir_bytes token = parser_token_text(p, p->current);
    size_t end = p->current.type == TOKEN_END ? p->current.end : p->following.end;
    struct weir_bytes near = bytes_of(p->text.ptr + p->previous.start, end - p->previous.start);
    return parser_fail(p, "Syntax error; token: \"%.*s\", near: \"%.*s\"", BYTES_ARG(token),
                       BYTES_ARG(near));
}

void parser_advance(struct parser *p)
{
    p->previous = p->current;
    p->current = p->following;
    p->following = token_at(p->text, p->current.end);
}

bool parser_init(struct parser *p, struct arena *a, enum expr_kind kind, struct weir_bytes text,
                 struct expr_names *names, struct weir_error *err)
{
    *p = (struct parser){.arena = a, .text = text, .kind = kind, .names = names, .err = err};
    if (text.len > LIMIT_EXPRESSION_BYTES) {
        return parser_fail(p,
                           "Expression size has exceeded the maximum allowed size; expression "
                           "size: %zu",
                           text.len);
    }
    p->current = token_at(text, 0);
    if (p->current.type == TOKEN_END) {
        return parser_fail(p, "The expression can not be empty;");
    }
    p->previous = (struct token){TOKEN_END, p->current.start, p->current.start};
    p->following = token_at(text, p->current.end);
    return true;
}

bool parser_accept(struct parser *p, enum token_type type)
{
    if (p->current.type != type) {
        return false;
    }
    parser_advance(p);
    return true;
}

bool parser_expect(struct parser *p, enum token_type type)
{
    return parser_accept(p, type) || parser_syntax_error(p);
}

static bool too_many_operators(struct parser *p)
{
    return parser_fail(p, "The expression contains too many operators; operator count: %d",
                       LIMIT_EXPRESSION_OPERATORS + 1);
}

bool parser_enter(struct parser *p)
{
    if (p->depth == EXPR_DEPTH_MAX) {
        return too_many_operators(p);
    }
    p->depth++;
    return true;
}

void parser_leave(struct parser *p)
{
    p->depth--;
}

bool parser_finish(struct parser *p)
{
    if (p->status != WEIR_OK) {
        return false;
    }
    if (p->current.type != TOKEN_END) {
        return parser_syntax_error(p);
    }
    return p->operators <= LIMIT_EXPRESSION_OPERATORS || too_many_operators(p);
}

struct node *parser_node(struct parser *p, enum node_type type)
{
    struct node *node = node_new(p->arena, type);
    if (node == NULL) {
        (void)parser_no_memory(p);
    } else if (type != NODE_PATH && type != NODE_VALUE && type != NODE_AND && type != NODE_OR) {
        p->operators++; /* AND and OR are counted by the word */
    }
    return node;
}

static bool parse_part(struct parser *p, struct path *path)
{
    struct path_part part = {.kind = PART_NAME, .name = parser_token_text(p, p->current)};
    if (p->current.type == TOKEN_NAME_REF) {
        part.kind = PART_NAME_REF;
    } else if (p->current.type != TOKEN_NAME) {
        return parser_syntax_error(p);
    }
    parser_advance(p);
    return path_append(p->arena, path, part) || parser_no_memory(p);
}

static bool parse_index(struct parser *p, struct path *path)
{
    struct path_part part = {.kind = PART_INDEX, .name = parser_token_text(p, p->current)};
    if (!parser_expect(p, TOKEN_INDEX) || !parser_expect(p, TOKEN_CLOSE_INDEX)) {
        return false;
    }
    return path_append(p->arena, path, part) || parser_no_memory(p);
}

bool parse_path(struct parser *p, struct path *ret_path)
{
    *ret_path = (struct path){0};
    if (!parse_part(p, ret_path)) {
        return false;
    }
    for (;;) {
        if (parser_accept(p, TOKEN_DOT)) {
            if (!parse_part(p, ret_path)) {
                return false;
            }
        } else if (parser_accept(p, TOKEN_OPEN_INDEX)) {
            if (!parse_index(p, ret_path)) {
                return false;
            }
        } else {
            return true;
        }
    }
}

static struct node *parse_call(struct parser *p)
{
    struct node *call = parser_node(p, NODE_CALL);
    if (call == NULL || !parser_enter(p)) {
        return NULL;
    }
    call->text = parser_token_text(p, p->current);
    call->function = function_of_name(call->text);
    parser_advance(p);
    parser_advance(p); /* the parenthesis, by which the caller knew it for a call */
    do {
        struct node *operand = parse_operand(p);
        if (operand == NULL) {
            return NULL;
        }
        node_append(call, operand);
    } while (parser_accept(p, TOKEN_COMMA));
    parser_leave(p);
    return parser_expect(p, TOKEN_CLOSE) ? call : NULL;
}

struct node *parse_bare_operand(struct parser *p)
{
    struct node *node = NULL;
    if (p->current.type == TOKEN_NAME && p->following.type == TOKEN_OPEN) {
        return parse_call(p);
    }
    if (p->current.type == TOKEN_VALUE_REF) {
        node = parser_node(p, NODE_VALUE);
        if (node != NULL) {
            node->text = parser_token_text(p, p->current);
            parser_advance(p);
        }
        return node;
    }
    node = parser_node(p, NODE_PATH);
    return node != NULL && parse_path(p, &node->path) ? node : NULL;
}

bool parse_close(struct parser *p, struct node *inner)
{
    if (!parser_expect(p, TOKEN_CLOSE)) {
        return false;
    }
    if (inner->parens) {
        return parser_fail(p, "The expression has redundant parentheses;");
    }
    inner->parens = true;
    return true;
}

struct node *parse_operand(struct parser *p)
{
    if (p->current.type != TOKEN_OPEN) {
        return parse_bare_operand(p);
    }
    if (!parser_enter(p)) {
        return NULL;
    }
    parser_advance(p);
    struct node *inner = parse_operand(p);
    parser_leave(p);
    return inner != NULL && parse_close(p, inner) ? inner : NULL;
}
