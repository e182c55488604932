/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Update expressions.
 *
 *     update := (SET set, ... | REMOVE path, ... | ADD path :value, ... | DELETE path :value, ...)+
 *     set    := path '=' value
 *     value  := operand (('+' | '-') operand)? | '(' value ')'
 *
 * The service looks at an update in an order of its own: the words section by section, then the
 * paths that are written against each other, then placeholders and types from the last action back
 * to the first.
 */

#include "expr/expr_internal.h"

static struct node *parse_arithmetic(struct parser *p, struct node *left)
{
    enum node_type type = p->current.type == TOKEN_PLUS ? NODE_PLUS : NODE_MINUS;
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

static struct node *parse_set_value(struct parser *p)
{
    struct node *node = NULL;
    if (p->current.type == TOKEN_OPEN) {
        if (!parser_enter(p)) {
            return NULL;
        }
        parser_advance(p);
        node = parse_set_value(p);
        parser_leave(p);
        if (node == NULL || !parse_close(p, node)) {
            return NULL;
        }
    } else {
        node = parse_bare_operand(p);
    }
    if (node == NULL || node->type == NODE_PLUS || node->type == NODE_MINUS) {
        return node;
    }
    bool arithmetic = p->current.type == TOKEN_PLUS || p->current.type == TOKEN_MINUS;
    return arithmetic ? parse_arithmetic(p, node) : node;
}

/* A value placeholder, which is all that ADD and DELETE take. */
static struct node *parse_placeholder(struct parser *p)
{
    if (p->current.type != TOKEN_VALUE_REF) {
        (void)parser_syntax_error(p);
        return NULL;
    }
    return parse_bare_operand(p);
}

static bool parse_action(struct parser *p, struct action *action)
{
    if (!parse_path(p, &action->path)) {
        return false;
    }
    switch (action->kind) {
    case ACTION_REMOVE:
        return true;
    case ACTION_SET:
        if (!parser_expect(p, TOKEN_EQ)) {
            return false;
        }
        action->value = parse_set_value(p);
        return action->value != NULL;
    default:
        action->value = parse_placeholder(p);
        return action->value != NULL;
    }
}

static struct action *action_append(struct parser *p, struct expr_update *update)
{
    if (update->count == update->capacity) {
        uint32_t capacity = update->capacity == 0 ? 2 : 2 * update->capacity;
        struct action *actions = ARENA_ARRAY(p->arena, struct action, capacity);
        if (actions == NULL) {
            (void)parser_no_memory(p);
            return NULL;
        }
        if (update->count > 0) {
            memcpy(actions, update->actions, update->count * sizeof(*actions));
        }
        update->actions = actions;
        update->capacity = capacity;
    }
    return &update->actions[update->count++];
}

static bool parse_clause(struct parser *p, struct expr_update *update, enum action_kind kind,
                         uint32_t clause)
{
    do {
        struct action *action = action_append(p, update);
        if (action == NULL) {
            return false;
        }
        *action = (struct action){.kind = kind, .clause = clause};
        if (!parse_action(p, action)) {
            return false;
        }
    } while (parser_accept(p, TOKEN_COMMA));
    return true;
}

static bool parse_clauses(struct parser *p, struct expr_update *update)
{
    uint32_t clause = 0;
    do {
        enum action_kind kind = ACTION_SET;
        switch (p->current.type) {
        case TOKEN_SET:
            break;
        case TOKEN_REMOVE:
            kind = ACTION_REMOVE;
            break;
        case TOKEN_ADD:
            kind = ACTION_ADD;
            break;
        case TOKEN_DELETE:
            kind = ACTION_DELETE;
            break;
        default:
            return parser_syntax_error(p);
        }
        parser_advance(p);
        if (!parse_clause(p, update, kind, clause++)) {
            return false;
        }
    } while (p->current.type != TOKEN_END);
    return true;
}

static const char *const section_names[] = {[ACTION_SET] = "SET",
                                            [ACTION_REMOVE] = "REMOVE",
                                            [ACTION_ADD] = "ADD",
                                            [ACTION_DELETE] = "DELETE"};

/* The words of all clauses of one kind, and that there is one such clause only. */
static bool check_section(struct parser *p, struct expr_update *update, enum action_kind kind)
{
    const struct action *first = NULL;
    bool repeated = false;
    for (uint32_t i = 0; i < update->count; i++) {
        struct action *action = &update->actions[i];
        if (action->kind != kind) {
            continue;
        }
        if (!words_check_path(p, &action->path) ||
            (action->value != NULL && !words_check_update_value(p, action->value))) {
            return false;
        }
        first = first == NULL ? action : first;
        repeated = repeated || action->clause != first->clause;
    }
    return !repeated ||
           parser_fail(p, "The \"%s\" section can only be used once in an update expression;",
                       section_names[kind]);
}

static bool check_words(struct parser *p, struct expr_update *update)
{
    bool checked[] = {false, false, false, false};
    for (uint32_t i = 0; i < update->count; i++) {
        enum action_kind kind = update->actions[i].kind;
        if (!checked[kind] && !check_section(p, update, kind)) {
            return false;
        }
        checked[kind] = true;
    }
    return true;
}

static bool check_paths(struct parser *p, struct expr_update *update)
{
    const struct path **paths = ARENA_ARRAY(p->arena, const struct path *, update->count);
    if (paths == NULL) {
        return parser_no_memory(p);
    }
    for (uint32_t i = 0; i < update->count; i++) {
        if (!resolve_path(p, &update->actions[i].path)) {
            return false;
        }
        paths[i] = &update->actions[i].path;
    }
    return branches_build_checked(p, paths, update->count, &update->root);
}

/* ADD and DELETE name their types in full. */
static bool check_operand(struct parser *p, const struct action *action)
{
    static const char *const type_names[VALUE_TYPE_COUNT] = {
        [VALUE_S] = "STRING",  [VALUE_N] = "NUMBER", [VALUE_B] = "BINARY", [VALUE_BOOL] = "BOOLEAN",
        [VALUE_NULL] = "NULL", [VALUE_M] = "MAP",    [VALUE_L] = "LIST"};
    if (action->kind != ACTION_ADD && action->kind != ACTION_DELETE) {
        return true;
    }
    unsigned type = action->value->value->type;
    if (type_names[type] == NULL || (type == VALUE_N && action->kind == ACTION_ADD)) {
        return true;
    }
    return parser_fail(p,
                       "Incorrect operand type for operator or function; operator: %s, operand "
                       "type: %s, typeSet: ALLOWED_FOR_%s_OPERAND",
                       section_names[action->kind], type_names[type], section_names[action->kind]);
}

static bool check_values(struct parser *p, struct expr_update *update)
{
    for (uint32_t i = update->count; i > 0; i--) {
        struct node *value = update->actions[i - 1].value;
        if (value != NULL && !resolve_names(p, value)) {
            return false;
        }
    }
    for (uint32_t i = update->count; i > 0; i--) {
        struct action *action = &update->actions[i - 1];
        if (action->value != NULL &&
            (!resolve_node(p, action->value) || !check_operand(p, action))) {
            return false;
        }
    }
    return true;
}

enum weir_status expr_parse_update(struct arena *a, struct weir_bytes text,
                                   struct expr_names *names, struct expr_update **ret_update,
                                   struct weir_error *err)
{
    struct parser p;
    if (!parser_init(&p, a, EXPR_UPDATE, text, names, err)) {
        return p.status;
    }
    struct expr_update *update = ARENA_NEW(a, struct expr_update);
    if (update == NULL) {
        (void)parser_no_memory(&p);
        return p.status;
    }
    if (!parse_clauses(&p, update) || !parser_finish(&p) || !check_words(&p, update) ||
        !check_paths(&p, update) || !check_values(&p, update)) {
        return p.status;
    }
    *ret_update = update;
    return WEIR_OK;
}

bool expr_update_each_name(const struct expr_update *update,
                           bool (*fn)(void *arg, struct weir_bytes name), void *arg)
{
    for (const struct branch *branch = update->root.first; branch != NULL; branch = branch->next) {
        if (!fn(arg, branch->part.name)) {
            return false;
        }
    }
    return true;
}
