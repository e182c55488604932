/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parameters that expressions replaced: Expected, QueryFilter and ScanFilter, KeyConditions and
 * AttributeUpdates. Each names attributes of the top level and becomes the same tree as an
 * expression would.
 */

#include "expr/expr_internal.h"

#include "base/error.h"

#define INVALID "One or more parameter values were invalid: "

#define TYPE_BIT(type) (1u << (type))
#define TYPES_ALL ((1u << VALUE_TYPE_COUNT) - 1)
#define TYPES_SCALAR (TYPE_BIT(VALUE_S) | TYPE_BIT(VALUE_N) | TYPE_BIT(VALUE_B))
#define TYPES_CONTAINED (TYPES_SCALAR | TYPE_BIT(VALUE_BOOL) | TYPE_BIT(VALUE_NULL))

/* X(name, node, function, fewest and most operands, their types, sort operator or ALL: no key has)
 */
#define COMPARISON_TABLE(X)                                                                      \
    X(EQ, NODE_EQ, FUNCTION_UNKNOWN, 1, 1, TYPES_ALL, EXPR_SORT_EQ)                              \
    X(NE, NODE_NE, FUNCTION_UNKNOWN, 1, 1, TYPES_ALL, EXPR_SORT_ALL)                             \
    X(LE, NODE_LE, FUNCTION_UNKNOWN, 1, 1, TYPES_SCALAR, EXPR_SORT_LE)                           \
    X(LT, NODE_LT, FUNCTION_UNKNOWN, 1, 1, TYPES_SCALAR, EXPR_SORT_LT)                           \
    X(GE, NODE_GE, FUNCTION_UNKNOWN, 1, 1, TYPES_SCALAR, EXPR_SORT_GE)                           \
    X(GT, NODE_GT, FUNCTION_UNKNOWN, 1, 1, TYPES_SCALAR, EXPR_SORT_GT)                           \
    X(NOT_NULL, NODE_CALL, FUNCTION_ATTRIBUTE_EXISTS, 0, 0, 0, EXPR_SORT_ALL)                    \
    X(NULL, NODE_CALL, FUNCTION_ATTRIBUTE_NOT_EXISTS, 0, 0, 0, EXPR_SORT_ALL)                    \
    X(CONTAINS, NODE_CALL, FUNCTION_CONTAINS, 1, 1, TYPES_CONTAINED, EXPR_SORT_ALL)              \
    X(NOT_CONTAINS, NODE_NOT, FUNCTION_CONTAINS, 1, 1, TYPES_CONTAINED, EXPR_SORT_ALL)           \
    X(BEGINS_WITH, NODE_CALL, FUNCTION_BEGINS_WITH, 1, 1, TYPE_BIT(VALUE_S) | TYPE_BIT(VALUE_B), \
      EXPR_SORT_BEGINS_WITH)                                                                     \
    X(IN, NODE_IN, FUNCTION_UNKNOWN, 1, UINT32_MAX, TYPES_SCALAR, EXPR_SORT_ALL)                 \
    X(BETWEEN, NODE_BETWEEN, FUNCTION_UNKNOWN, 2, 2, TYPES_SCALAR, EXPR_SORT_BETWEEN)

struct comparison {
    const char *name;
    enum node_type node;
    enum function function;
    uint32_t operands_min;
    uint32_t operands_max;
    unsigned types;
    enum expr_sort_op sort_op;
};

static const struct comparison comparisons[] = {
#define COMPARISON_ROW(name, node, function, min, max, types, sort_op) \
    {#name, node, function, min, max, types, sort_op},
    COMPARISON_TABLE(COMPARISON_ROW)
#undef COMPARISON_ROW
};

/* One member of such a parameter. */
struct condition {
    struct weir_bytes name; /* in the arena */
    const struct comparison *comparison;
    const struct weir_value **operands;
    uint32_t count;
};

struct reader {
    struct arena *arena;
    const char *parameter; /* as validation messages write it */
    struct weir_error *err;
};

static enum weir_status no_memory(const struct reader *r)
{
    return error_set(r->err, WEIR_NO_MEMORY, "no memory for %s", r->parameter);
}

static enum weir_status check_document(const struct reader *r, const struct weir_value *doc,
                                       enum value_type type)
{
    return doc->type == type && doc->form == VALUE_PLAIN
               ? WEIR_OK
               : error_set(r->err, WEIR_SERIALIZATION, "Unexpected value type in %s", r->parameter);
}

static enum weir_status find_comparison(const struct reader *r, struct weir_bytes attribute,
                                        const struct weir_value *doc,
                                        const struct comparison **ret_comparison)
{
    if (doc == NULL) {
        return error_set(r->err, WEIR_VALIDATION,
                         "1 validation error detected: Value null at "
                         "'%s.%.*s.member.comparisonOperator' failed to satisfy constraint: Member "
                         "must not be null",
                         r->parameter, BYTES_ARG(attribute));
    }
    enum weir_status status = check_document(r, doc, VALUE_S);
    if (status != WEIR_OK) {
        return status;
    }
    for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++) {
        if (bytes_eq_str(doc->u.bytes, comparisons[i].name)) {
            *ret_comparison = &comparisons[i];
            return WEIR_OK;
        }
    }
    return error_set(
        r->err, WEIR_VALIDATION,
        "1 validation error detected: Value '%.*s' at "
        "'%s.%.*s.member.comparisonOperator' failed to satisfy constraint: Member must "
        "satisfy enum value set: [IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, "
        "NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS]",
        BYTES_ARG(doc->u.bytes), r->parameter, BYTES_ARG(attribute));
}

/* `docs` is an array of `count` documents of attribute values. */
static enum weir_status read_operands(const struct reader *r, const struct weir_value *docs,
                                      uint32_t count, struct condition *condition)
{
    condition->operands = ARENA_ARRAY(r->arena, const struct weir_value *, count);
    if (condition->operands == NULL) {
        return no_memory(r);
    }
    condition->count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct weir_value *value = NULL;
        enum weir_status status = value_to_attribute(r->arena, &docs[i], &value, r->err);
        if (status != WEIR_OK) {
            return status;
        }
        condition->operands[i] = value;
    }
    return WEIR_OK;
}

static enum weir_status check_operands(const struct reader *r, const struct condition *condition)
{
    const struct comparison *comparison = condition->comparison;
    if (condition->count < comparison->operands_min ||
        condition->count > comparison->operands_max) {
        return error_set(r->err, WEIR_VALIDATION,
                         INVALID "Invalid number of argument(s) for the %s ComparisonOperator",
                         comparison->name);
    }
    for (uint32_t i = 1; i < condition->count; i++) {
        if (condition->operands[i]->type != condition->operands[0]->type) {
            return error_set(r->err, WEIR_VALIDATION,
                             INVALID "AttributeValues inside AttributeValueList must be of same "
                                     "type");
        }
    }
    if (condition->count > 0 && (comparison->types & TYPE_BIT(condition->operands[0]->type)) == 0) {
        return error_set(r->err, WEIR_VALIDATION,
                         INVALID "ComparisonOperator %s is not valid for %s AttributeValue type",
                         comparison->name,
                         value_type_name((enum value_type)condition->operands[0]->type));
    }
    if (comparison->node == NODE_BETWEEN &&
        value_compare(condition->operands[0], condition->operands[1]) > 0) {
        return error_set(r->err, WEIR_VALIDATION,
                         "The BETWEEN condition was provided a range where the lower bound is "
                         "greater than the upper bound");
    }
    return WEIR_OK;
}

/* {ComparisonOperator, AttributeValueList}: a member of a filter or of KeyConditions. */
static enum weir_status read_comparison(const struct reader *r, const struct weir_value *doc,
                                        struct condition *condition)
{
    enum weir_status status = find_comparison(
        r, condition->name, value_get(doc, "ComparisonOperator"), &condition->comparison);
    const struct weir_value *list = value_get(doc, "AttributeValueList");
    if (status == WEIR_OK && list != NULL) {
        status = check_document(r, list, VALUE_L);
        if (status == WEIR_OK) {
            status = read_operands(r, list->u.list.at, list->u.list.count, condition);
        }
    }
    return status == WEIR_OK ? check_operands(r, condition) : status;
}

static enum weir_status refuse(const struct reader *r, const struct condition *condition,
                               const char *text)
{
    return error_set(r->err, WEIR_VALIDATION, INVALID "%s for Attribute: %.*s", text,
                     BYTES_ARG(condition->name));
}

/* {ComparisonOperator, AttributeValueList | Value}, in Expected. */
static enum weir_status read_expected_comparison(const struct reader *r,
                                                 const struct weir_value *doc,
                                                 struct condition *condition)
{
    enum weir_status status = find_comparison(
        r, condition->name, value_get(doc, "ComparisonOperator"), &condition->comparison);
    if (status != WEIR_OK) {
        return status;
    }
    const struct weir_value *value = value_get(doc, "Value");
    if (value_get(doc, "Exists") != NULL) {
        return refuse(r, condition, "Exists and ComparisonOperator cannot be used together");
    }
    if (condition->comparison->operands_min > 0 && value == NULL &&
        value_get(doc, "AttributeValueList") == NULL) {
        return error_set(r->err, WEIR_VALIDATION,
                         INVALID "Value or AttributeValueList must be used with "
                                 "ComparisonOperator: %s for Attribute: %.*s",
                         condition->comparison->name, BYTES_ARG(condition->name));
    }
    if (value == NULL) {
        return read_comparison(r, doc, condition);
    }
    status = read_operands(r, value, 1, condition);
    return status == WEIR_OK ? check_operands(r, condition) : status;
}

/* {Exists} or {Value}, in Expected. */
static enum weir_status read_existence(const struct reader *r, const struct weir_value *doc,
                                       struct condition *condition)
{
    const struct weir_value *value = value_get(doc, "Value");
    const struct weir_value *exists = value_get(doc, "Exists");
    if (exists != NULL) {
        enum weir_status status = check_document(r, exists, VALUE_BOOL);
        if (status != WEIR_OK) {
            return status;
        }
    }
    bool expected = exists == NULL || exists->truth;
    if (expected && value == NULL) {
        return refuse(r, condition,
                      exists == NULL ? "Value must be provided when Exists is null"
                                     : "Value must be provided when Exists is true");
    }
    if (!expected && value != NULL) {
        return refuse(r, condition, "Value cannot be used when Exists is false");
    }
    enum weir_status status = find_comparison(
        r, condition->name,
        &(struct weir_value){.type = VALUE_S,
                             .u.bytes = expected ? BYTES_LIT("EQ") : BYTES_LIT("NULL")},
        &condition->comparison);
    return status == WEIR_OK && expected ? read_operands(r, value, 1, condition) : status;
}

static enum weir_status read_expected(const struct reader *r, const struct weir_value *doc,
                                      struct condition *condition)
{
    bool list = value_get(doc, "AttributeValueList") != NULL;
    if (list && value_get(doc, "Value") != NULL) {
        return refuse(r, condition, "Value and AttributeValueList cannot be used together");
    }
    if (value_get(doc, "ComparisonOperator") != NULL) {
        return read_expected_comparison(r, doc, condition);
    }
    if (list) {
        return refuse(r, condition,
                      "AttributeValueList can only be used with a ComparisonOperator");
    }
    return read_existence(r, doc, condition);
}

/* The member's name and document, as far as all parameters agree. */
static enum weir_status begin_condition(const struct reader *r, const struct value_member *member,
                                        struct condition *ret_condition)
{
    *ret_condition = (struct condition){.name = arena_dup(r->arena, member->name)};
    return ret_condition->name.ptr == NULL ? no_memory(r)
                                           : check_document(r, &member->value, VALUE_M);
}

/* ---- conditions to nodes; NULL without memory ------------------------------------------------ */

static bool append_path(struct arena *a, struct node *to, struct weir_bytes name)
{
    struct node *node = node_new(a, NODE_PATH);
    if (node == NULL ||
        !path_append(a, &node->path, (struct path_part){.kind = PART_NAME, .name = name})) {
        return false;
    }
    node->path.resolved = true;
    node_append(to, node);
    return true;
}

static struct node *value_node(struct arena *a, const struct weir_value *value)
{
    struct node *node = node_new(a, NODE_VALUE);
    if (node != NULL) {
        node->value = value;
    }
    return node;
}

static struct node *comparison_node(struct arena *a, const struct condition *condition,
                                    enum node_type type, enum function function)
{
    struct node *node = node_new(a, type);
    if (node == NULL || !append_path(a, node, condition->name)) {
        return NULL;
    }
    node->function = function;
    for (uint32_t i = 0; i < condition->count; i++) {
        struct node *operand = value_node(a, condition->operands[i]);
        if (operand == NULL) {
            return NULL;
        }
        node_append(node, operand);
    }
    return node;
}

/* NOT_CONTAINS is false, too, of an attribute that is not there. */
static struct node *not_contains_node(struct arena *a, const struct condition *condition)
{
    static const struct comparison contains = {.node = NODE_CALL, .function = FUNCTION_CONTAINS};
    struct condition existence = {.name = condition->name, .comparison = &contains};
    struct node *both = node_new(a, NODE_AND);
    struct node *negation = node_new(a, NODE_NOT);
    struct node *exists = comparison_node(a, &existence, NODE_CALL, FUNCTION_ATTRIBUTE_EXISTS);
    struct node *inner = comparison_node(a, condition, NODE_CALL, FUNCTION_CONTAINS);
    if (both == NULL || negation == NULL || exists == NULL || inner == NULL) {
        return NULL;
    }
    node_append(negation, inner);
    node_append(both, exists);
    node_append(both, negation);
    return both;
}

static struct node *condition_node(struct arena *a, const struct condition *condition)
{
    const struct comparison *comparison = condition->comparison;
    return comparison->node == NODE_NOT
               ? not_contains_node(a, condition)
               : comparison_node(a, condition, comparison->node, comparison->function);
}

/* ---- the parameters -------------------------------------------------------------------------- */

typedef enum weir_status read_fn(const struct reader *r, const struct weir_value *doc,
                                 struct condition *condition);

static enum weir_status read_conditions(const struct reader *r, const struct weir_value *doc,
                                        read_fn *read, struct node *to)
{
    enum weir_status status = check_document(r, doc, VALUE_M);
    for (uint32_t i = 0; status == WEIR_OK && i < doc->u.map.count; i++) {
        const struct value_member *member = &doc->u.map.at[i];
        struct condition condition;
        status = begin_condition(r, member, &condition);
        if (status == WEIR_OK) {
            status = read(r, &member->value, &condition);
        }
        if (status != WEIR_OK) {
            return status;
        }
        struct node *node = condition_node(r->arena, &condition);
        if (node == NULL) {
            return no_memory(r);
        }
        node_append(to, node);
    }
    return status;
}

static enum weir_status condition_of(const struct reader *r, const struct weir_value *doc,
                                     struct weir_bytes conditional_operator, read_fn *read,
                                     struct expr_condition **ret_condition)
{
    struct expr_condition *condition = ARENA_NEW(r->arena, struct expr_condition);
    struct node *root = node_new(r->arena, NODE_AND);
    if (condition == NULL || root == NULL) {
        return no_memory(r);
    }
    enum weir_status status = read_conditions(r, doc, read, root);
    if (status != WEIR_OK) {
        return status;
    }
    if (root->count > 0 && bytes_eq_str(conditional_operator, "OR")) {
        root->type = NODE_OR;
    }
    condition->root = root;
    *ret_condition = condition;
    return WEIR_OK;
}

enum weir_status expr_condition_of_expected(struct arena *a, const struct weir_value *expected,
                                            struct weir_bytes conditional_operator,
                                            struct expr_condition **ret_condition,
                                            struct weir_error *err)
{
    struct reader r = {a, "expected", err};
    return condition_of(&r, expected, conditional_operator, read_expected, ret_condition);
}

enum weir_status expr_condition_of_filter(struct arena *a, const struct weir_value *filter,
                                          struct weir_bytes conditional_operator,
                                          struct expr_condition **ret_condition,
                                          struct weir_error *err)
{
    struct reader r = {a, "filter", err};
    return condition_of(&r, filter, conditional_operator, read_comparison, ret_condition);
}

enum weir_status expr_key_condition_of_conditions(struct arena *a,
                                                  const struct weir_value *key_conditions,
                                                  const struct expr_key_schema *schema,
                                                  struct expr_key_condition *ret_condition,
                                                  struct weir_error *err)
{
    struct reader r = {a, "keyConditions", err};
    struct key_part parts[2];
    enum weir_status status = check_document(&r, key_conditions, VALUE_M);
    uint32_t count = status == WEIR_OK ? key_conditions->u.map.count : 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct value_member *member = &key_conditions->u.map.at[i];
        struct condition condition;
        status = begin_condition(&r, member, &condition);
        if (status == WEIR_OK) {
            status = read_comparison(&r, &member->value, &condition);
        }
        if (status != WEIR_OK) {
            return status;
        }
        if (i < 2) {
            parts[i] = (struct key_part){
                .name = condition.name,
                .op = condition.comparison->sort_op,
                .indexable = condition.comparison->sort_op != EXPR_SORT_ALL,
                .low = condition.count > 0 ? condition.operands[0] : NULL,
                .high = condition.count > 1 ? condition.operands[1] : NULL,
            };
        }
    }
    return status == WEIR_OK ? key_parts_resolve(parts, count, schema, ret_condition, err) : status;
}
