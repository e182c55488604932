/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Placeholders to names and values, and what can be said of operands without an item: their
 * number, that they differ, their types. Operands before their operator.
 */

#include "expr/expr_internal.h"

#include <stdio.h>

#define TYPE_UNKNOWN VALUE_TYPE_COUNT

static bool resolve_part(struct parser *p, struct path_part *part)
{
    struct weir_bytes name = part->name;
    if (part->kind == PART_NAME_REF) {
        const struct weir_value *map = p->names == NULL ? NULL : p->names->names;
        int64_t at = names_find(map, name);
        if (at < 0) {
            return parser_fail(p,
                               "An expression attribute name used in the document path is not "
                               "defined; attribute name: %.*s",
                               BYTES_ARG(name));
        }
        p->names->names_used[at] = true;
        name = map->u.map.at[at].value.u.bytes;
    }
    part->name = arena_dup(p->arena, name);
    part->kind = PART_NAME;
    return part->name.ptr != NULL || parser_no_memory(p);
}

bool resolve_path(struct parser *p, struct path *path)
{
    if (path->resolved) {
        return true;
    }
    for (uint32_t i = 0; i < path->count; i++) {
        struct path_part *part = &path->at[i];
        if (part->kind == PART_INDEX) {
            part->name = BYTES_NONE;
        } else if (!resolve_part(p, part)) {
            return false;
        }
    }
    if (path->count > LIMIT_NESTING_LEVELS) {
        return parser_fail(p, "The document path has too many nesting levels; nesting levels: %u",
                           path->count);
    }
    path->resolved = true;
    return true;
}

bool resolve_names(struct parser *p, struct node *node)
{
    if (node->type == NODE_PATH) {
        return resolve_path(p, &node->path);
    }
    for (struct node *child = node->first; child != NULL; child = child->next) {
        if (!resolve_names(p, child)) {
            return false;
        }
    }
    return true;
}

static bool resolve_value(struct parser *p, struct node *node)
{
    const struct weir_value *map = p->names == NULL ? NULL : p->names->values;
    int64_t at = names_find(map, node->text);
    if (at < 0) {
        return parser_fail(p,
                           "An expression attribute value used in expression is not defined; "
                           "attribute value: %.*s",
                           BYTES_ARG(node->text));
    }
    p->names->values_used[at] = true;
    node->value = &map->u.map.at[at].value;
    return true;
}

/* What an operand's type is for every item, or TYPE_UNKNOWN. */
static enum value_type static_type(const struct node *node)
{
    if (node->type == NODE_VALUE) {
        return (enum value_type)node->value->type;
    }
    return node_is_call(node, FUNCTION_SIZE) ? VALUE_N : TYPE_UNKNOWN;
}

static bool wrong_type(struct parser *p, const struct node *node, const char *type)
{
    return parser_fail(p,
                       "Incorrect operand type for operator or function; operator or function: "
                       "%s, operand type: %s",
                       node_name(node), type);
}

#define TYPE_BIT(type) (1u << (type))
#define TYPES_ORDERED (TYPE_BIT(VALUE_S) | TYPE_BIT(VALUE_N) | TYPE_BIT(VALUE_B))
#define TYPES_SIZED                                                                  \
    (TYPE_BIT(VALUE_S) | TYPE_BIT(VALUE_B) | TYPE_BIT(VALUE_M) | TYPE_BIT(VALUE_L) | \
     TYPE_BIT(VALUE_SS) | TYPE_BIT(VALUE_NS) | TYPE_BIT(VALUE_BS))

/* Each operand whose type is known must be one of the types. */
static bool check_types(struct parser *p, const struct node *node, unsigned types)
{
    for (const struct node *child = node->first; child != NULL; child = child->next) {
        enum value_type type = static_type(child);
        if (type != TYPE_UNKNOWN && (types & TYPE_BIT(type)) == 0) {
            return wrong_type(p, node, value_type_name(type));
        }
    }
    return true;
}

static bool check_distinct(struct parser *p, const struct node *node)
{
    const struct node *first = node->first;
    if (first->type != NODE_PATH) {
        return true;
    }
    for (const struct node *other = first->next; other != NULL; other = other->next) {
        if (other->type == NODE_PATH && path_equal(&first->path, &other->path)) {
            char path[WEIR_ERROR_MESSAGE_MAX];
            path_format(&first->path, path, sizeof(path));
            return parser_fail(p,
                               "The first operand must be distinct from the remaining operands "
                               "for this operator or function; operator: %s, first operand: %s",
                               node_name(node), path);
        }
    }
    return true;
}

/* "AttributeValue: {S:a}", as the message on the bounds of BETWEEN shows a value. */
static void format_bound(const struct weir_value *value, char *to, size_t size)
{
    if (value->type == VALUE_B) {
        (void)snprintf(to, size,
                       "AttributeValue: {B:java.nio.HeapByteBuffer[pos=0 lim=%zu cap=%zu]}",
                       value->u.bytes.len, value->u.bytes.len);
        return;
    }
    (void)snprintf(to, size, "AttributeValue: {%s:%.*s}",
                   value_type_name((enum value_type)value->type), BYTES_ARG(value->u.bytes));
}

static bool check_bounds(struct parser *p, const struct node *node)
{
    const struct node *low = node->first->next;
    const struct node *high = low->next;
    if (low->type != NODE_VALUE || high->type != NODE_VALUE) {
        return true;
    }
    const char *rule = NULL;
    if (low->value->type != high->value->type) {
        rule = "same data type for lower and upper bounds";
    } else if (value_compare(low->value, high->value) > 0) {
        rule = "upper bound to be greater than or equal to lower bound";
    } else {
        return true;
    }
    char lower[WEIR_ERROR_MESSAGE_MAX / 4];
    char upper[WEIR_ERROR_MESSAGE_MAX / 4];
    format_bound(low->value, lower, sizeof(lower));
    format_bound(high->value, upper, sizeof(upper));
    return parser_fail(p,
                       "The BETWEEN operator requires %s; lower bound operand: %s, upper bound "
                       "operand: %s",
                       rule, lower, upper);
}

static bool check_operand_count(struct parser *p, const struct node *call)
{
    bool single = call->function == FUNCTION_ATTRIBUTE_EXISTS ||
                  call->function == FUNCTION_ATTRIBUTE_NOT_EXISTS ||
                  call->function == FUNCTION_SIZE;
    return call->count == (single ? 1 : 2) ||
           parser_fail(p,
                       "Incorrect number of operands for operator or function; operator or "
                       "function: %s, number of operands: %u",
                       function_name(call->function), call->count);
}

static bool check_needs_path(struct parser *p, const struct node *call)
{
    switch (call->function) {
    case FUNCTION_ATTRIBUTE_EXISTS:
    case FUNCTION_ATTRIBUTE_NOT_EXISTS:
    case FUNCTION_ATTRIBUTE_TYPE:
    case FUNCTION_IF_NOT_EXISTS:
        return call->first->type == NODE_PATH ||
               parser_fail(p,
                           "Operator or function requires a document path; operator or "
                           "function: %s",
                           function_name(call->function));
    default:
        return true;
    }
}

static bool is_type_name(struct weir_bytes name)
{
    for (int type = 0; type < VALUE_TYPE_COUNT; type++) {
        if (bytes_eq_str(name, value_type_name((enum value_type)type))) {
            return true;
        }
    }
    return false;
}

static bool check_attribute_type(struct parser *p, const struct node *call)
{
    enum value_type type = static_type(call->last);
    if (type == TYPE_UNKNOWN) {
        return wrong_type(p, call, "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}");
    }
    if (type != VALUE_S) {
        return wrong_type(p, call, value_type_name(type));
    }
    struct weir_bytes name = call->last->value->u.bytes;
    return is_type_name(name) ||
           parser_fail(p,
                       "Invalid attribute type name found; type: %.*s, valid types: "
                       "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
                       BYTES_ARG(name));
}

static bool check_call(struct parser *p, const struct node *call)
{
    if (!check_operand_count(p, call) || !check_needs_path(p, call) || !check_distinct(p, call)) {
        return false;
    }
    switch (call->function) {
    case FUNCTION_ATTRIBUTE_TYPE:
        return check_attribute_type(p, call);
    case FUNCTION_BEGINS_WITH:
        return check_types(p, call, TYPE_BIT(VALUE_S) | TYPE_BIT(VALUE_B));
    case FUNCTION_SIZE:
        return check_types(p, call, TYPES_SIZED);
    case FUNCTION_LIST_APPEND:
        return check_types(p, call, TYPE_BIT(VALUE_L));
    default:
        return true;
    }
}

static bool check_in(struct parser *p, const struct node *node)
{
    if (node->count - 1 > LIMIT_EXPRESSION_IN_OPERANDS) {
        return parser_fail(p,
                           "The IN operator is provided with too many operands; number of "
                           "operands: %u",
                           node->count - 1);
    }
    return check_distinct(p, node);
}

static bool check_node(struct parser *p, const struct node *node)
{
    switch (node->type) {
    case NODE_CALL:
        return check_call(p, node);
    case NODE_PLUS:
    case NODE_MINUS:
        return check_types(p, node, TYPE_BIT(VALUE_N));
    case NODE_EQ:
    case NODE_NE:
        return check_distinct(p, node);
    case NODE_LT:
    case NODE_LE:
    case NODE_GT:
    case NODE_GE:
        return check_distinct(p, node) && check_types(p, node, TYPES_ORDERED);
    case NODE_BETWEEN:
        return check_distinct(p, node) && check_types(p, node, TYPES_ORDERED) &&
               check_bounds(p, node);
    case NODE_IN:
        return check_in(p, node);
    default:
        return true;
    }
}

bool resolve_node(struct parser *p, struct node *node)
{
    if (node->type == NODE_PATH) {
        return resolve_path(p, &node->path);
    }
    if (node->type == NODE_VALUE) {
        return resolve_value(p, node);
    }
    for (struct node *child = node->first; child != NULL; child = child->next) {
        if (!resolve_node(p, child)) {
            return false;
        }
    }
    return check_node(p, node);
}
