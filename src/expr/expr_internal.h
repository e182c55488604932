/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXPR_INTERNAL_H
#define WEIR_EXPR_INTERNAL_H

/*
 * What the files of the expression layer share: tokens, the parser, the tree, and the tree of
 * paths.
 *
 * An expression becomes usable in three steps, and the first step that finds fault decides the
 * message, as in the service:
 *
 *     1. parse    the grammar; a syntax error, doubled parentheses
 *     2. words    reserved words, list indexes, names and places of functions (written order)
 *     3. resolve  placeholders, then per node its operands' number, sameness and types
 *
 * The grammar needs one token of look-ahead. A parenthesis may hold a condition or an operand, so
 * the condition parser reads "either" and decides at the token after it: linear, no backtracking.
 *
 * A node's children are a linked list. AND and OR take any number of children, so a long chain is
 * wide and not deep; depth comes only from what is nested in the text.
 *
 *     a = :v AND (b OR c) AND NOT d        AND ── (=) ── (OR) ── (NOT)
 *                                                 │       │        │
 *                                               a─:v     b─c       d
 *
 * The paths of an update or a projection are put into a tree of branches, sorted as the members of
 * a map are, so that both are applied to an item by merging the two in one walk:
 *
 *     SET a.b = :x, a.c[2] = :y REMOVE d       ┬─ a ─┬─ b  (action 0)
 *                                              │     └─ c ── [2]  (action 1)
 *                                              └─ d  (action 2)
 */

#include "expr/expr.h"

/* Deeper nesting has more than LIMIT_EXPRESSION_OPERATORS operators or doubled parentheses, either
 * of which the service refuses: each level takes at most a NOT and a parenthesis. */
#define EXPR_DEPTH_MAX (2 * LIMIT_EXPRESSION_OPERATORS + 2)

/* ---- tokens --------------------------------------------------------------------------------- */

enum token_type {
    TOKEN_END,
    TOKEN_NAME,      /* abc */
    TOKEN_NAME_REF,  /* #abc */
    TOKEN_VALUE_REF, /* :abc */
    TOKEN_INDEX,     /* 0, 12 */
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_OPEN_INDEX,
    TOKEN_CLOSE_INDEX,
    TOKEN_COMMA,
    TOKEN_DOT,
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_EQ,
    TOKEN_NE,
    TOKEN_LT,
    TOKEN_LE,
    TOKEN_GT,
    TOKEN_GE,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_NOT,
    TOKEN_IN,
    TOKEN_BETWEEN,
    TOKEN_SET,
    TOKEN_REMOVE,
    TOKEN_ADD,
    TOKEN_DELETE,
    TOKEN_UNKNOWN, /* nothing the grammar has a place for */
};

struct token {
    enum token_type type;
    size_t start; /* offsets in the text */
    size_t end;
};

/* The token that begins at or after `at` (white space is skipped). TOKEN_END at the end. */
struct token token_at(struct weir_bytes text, size_t at);

/* ---- the tree ------------------------------------------------------------------------------- */

enum part_kind {
    PART_NAME,
    PART_INDEX,
    PART_NAME_REF, /* until it is resolved */
};

struct path_part {
    struct weir_bytes name; /* of an index, until it is checked: its digits */
    uint32_t index;
    enum part_kind kind;
};

struct path {
    struct path_part *at;
    uint32_t count;
    uint32_t capacity;
    bool resolved; /* the names are real and in the arena */
};

enum node_type {
    NODE_PATH,
    NODE_VALUE,
    NODE_CALL,
    NODE_PLUS,
    NODE_MINUS,
    NODE_EQ,
    NODE_NE,
    NODE_LT,
    NODE_LE,
    NODE_GT,
    NODE_GE,
    NODE_BETWEEN,
    NODE_IN,
    NODE_AND, /* no child at all: true */
    NODE_OR,
    NODE_NOT,
};

enum function {
    FUNCTION_UNKNOWN,
    FUNCTION_ATTRIBUTE_EXISTS,
    FUNCTION_ATTRIBUTE_NOT_EXISTS,
    FUNCTION_ATTRIBUTE_TYPE,
    FUNCTION_BEGINS_WITH,
    FUNCTION_CONTAINS,
    FUNCTION_SIZE,
    FUNCTION_IF_NOT_EXISTS,
    FUNCTION_LIST_APPEND,
};

struct node {
    enum node_type type;
    enum function function; /* NODE_CALL */
    bool parens;            /* written in parentheses of its own */
    uint32_t count;         /* children */
    struct node *first;
    struct node *last;
    struct node *next;              /* sibling */
    struct path path;               /* NODE_PATH */
    struct weir_bytes text;         /* while parsing: the placeholder, the function's name */
    const struct weir_value *value; /* NODE_VALUE, resolved */
};

struct expr_condition {
    struct node *root;
};

/* A step of the paths of an update or projection; siblings are sorted: names by bytes, then indexes
 * by number (siblings are all of one kind). */
struct branch {
    struct path_part part;
    bool leaf;       /* a path ends here; it has no children then */
    uint32_t action; /* of a leaf: the place of its path in the order of the text */
    uint32_t count;  /* children */
    struct branch *first;
    struct branch *last;
    struct branch *next;
};

enum action_kind { ACTION_SET, ACTION_REMOVE, ACTION_ADD, ACTION_DELETE };

struct action {
    enum action_kind kind;
    uint32_t clause; /* which clause of the text it stands in, from 0 */
    struct path path;
    struct node *value; /* NULL for REMOVE */
};

struct expr_update {
    struct action *actions; /* in the order of the text */
    uint32_t count;
    uint32_t capacity;
    struct branch root;
    bool legacy; /* made of AttributeUpdates: ADD takes lists, other texts */
};

struct expr_projection {
    struct branch root;
};

struct node *node_new(struct arena *a, enum node_type type);
void node_append(struct node *parent, struct node *child);
static inline bool node_is_call(const struct node *node, enum function function)
{
    return node->type == NODE_CALL && node->function == function;
}
/* "=", "BETWEEN", "attribute_exists": as messages name the operator or function. */
const char *node_name(const struct node *node);
enum function function_of_name(struct weir_bytes name);
const char *function_name(enum function function);

/* Appends a part, growing the path in the arena; false without memory. */
bool path_append(struct arena *a, struct path *path, struct path_part part);
bool path_equal(const struct path *a, const struct path *b);
/* "[a, [1], b]", as messages show it; cut to `size`. */
void path_format(const struct path *path, char *to, size_t size);

/* ---- the parser ----------------------------------------------------------------------------- */

struct parser {
    struct arena *arena;
    struct weir_bytes text;
    enum expr_kind kind;
    struct expr_names *names; /* NULL: nothing is defined */
    struct weir_error *err;
    enum weir_status status; /* sticky: the first error wins */
    struct token previous;
    struct token current;
    struct token following;
    unsigned depth;
    unsigned operators;
};

/* Checks the text's length and reads the first tokens; false with the error set. */
bool parser_init(struct parser *p, struct arena *a, enum expr_kind kind, struct weir_bytes text,
                 struct expr_names *names, struct weir_error *err);
/* Sets "Invalid <Kind>: <message>" unless an error is set already; returns false. */
bool parser_fail(struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* WEIR_NO_MEMORY; returns false. */
bool parser_no_memory(struct parser *p);
/* "Syntax error" at the current token; returns false. */
bool parser_syntax_error(struct parser *p);
void parser_advance(struct parser *p);
/* Whether the current token is of that type; if so, it is passed over. */
bool parser_accept(struct parser *p, enum token_type type);
/* The same, but anything else is a syntax error. */
bool parser_expect(struct parser *p, enum token_type type);
/* Counts a level of nesting; false with the error set when it is too deep. */
bool parser_enter(struct parser *p);
void parser_leave(struct parser *p);
/* After the last rule: nothing may follow, and the operators must not be too many. */
bool parser_finish(struct parser *p);
struct weir_bytes parser_token_text(const struct parser *p, struct token token);

/* NULL (or false) with the error set. */
struct node *parser_node(struct parser *p, enum node_type type);
bool parse_path(struct parser *p, struct path *ret_path);
struct node *parse_operand(struct parser *p);
/* What the closing parenthesis of a parenthesis around `inner` leads to. */
bool parse_close(struct parser *p, struct node *inner);
/* An operand that does not begin with a parenthesis. */
struct node *parse_bare_operand(struct parser *p);
struct node *parse_condition(struct parser *p);

/* ---- checks --------------------------------------------------------------------------------- */

/* Step 2 over a condition, and over the operand of a SET. */
bool words_check_condition(struct parser *p, struct node *node);
bool words_check_path(struct parser *p, struct path *path);
bool words_check_update_value(struct parser *p, struct node *node);
/* Step 3. Placeholders are replaced in the tree; what is resolved already is passed over. */
bool resolve_path(struct parser *p, struct path *path);
bool resolve_names(struct parser *p, struct node *node);
bool resolve_node(struct parser *p, struct node *node);

/* The place of the placeholder in the sorted map, or -1. */
int64_t names_find(const struct weir_value *map, struct weir_bytes key);

/* Two paths that cannot be in one tree, in the order of the text. */
struct path_clash {
    const char *what; /* "overlap", "conflict"; NULL: there is none */
    const struct path *first;
    const struct path *second;
};

/* Sorts the paths into a tree under *ret_root. False with *ret_clash filled when two of them
 * overlap or conflict, or with the error set when memory ran out. */
bool branches_build(struct parser *p, const struct path *const *paths, uint32_t count,
                    struct branch *ret_root, struct path_clash *ret_clash);
/* The same; a clash is an error of the expression. */
bool branches_build_checked(struct parser *p, const struct path *const *paths, uint32_t count,
                            struct branch *ret_root);

/* ---- evaluation ----------------------------------------------------------------------------- */

/* The value at the path, or NULL; item may be NULL. */
const struct weir_value *path_resolve(const struct path *path, uint32_t parts,
                                      const struct weir_value *item);
/* The parts of `value` that the branches name, into *to; false when there are none. Clears
 * *ret_memory_ok when the arena is full. */
bool branches_select(struct arena *a, const struct branch *branch, const struct weir_value *value,
                     struct weir_value *to, bool *ret_memory_ok);

/* The end of reading a key condition, whether written as an expression or as KeyConditions. */
struct key_part {
    struct weir_bytes name;
    enum expr_sort_op op;
    bool indexable; /* false: an operator that no key has */
    const struct weir_value *low;
    const struct weir_value *high;
};
enum weir_status key_parts_resolve(const struct key_part *parts, uint32_t count,
                                   const struct expr_key_schema *schema,
                                   struct expr_key_condition *ret_condition,
                                   struct weir_error *err);

#endif
