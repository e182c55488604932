/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXPR_EXPR_H
#define WEIR_EXPR_EXPR_H

/*
 * DynamoDB's expressions: text to tree, tree against an item.
 *
 *     text --lexer--> tokens --parser--> tree --+--> expr_matches(condition, item)
 *                                               +--> expr_update(update, item) -> new item
 *                                               +--> expr_project(projection, item) -> item
 *                                               +--> expr_key_condition(...) -> key range
 *
 * Parsing is linear in its input and bounded in depth. A tree is immutable, holds no reference to
 * the text it came from (names are in the arena it was parsed into; values are borrowed from the
 * expr_names' values, which must live as long), and may be evaluated from any thread.
 *
 * Placeholders: #name and :value are looked up while parsing; each use is remembered in
 * struct expr_names, so that the ones never used can be refused afterwards (expr_names_check),
 * over all expressions of a request.
 */

#include "value/value.h"

/* The placeholders of one request. `names` is the ExpressionAttributeNames document or NULL,
 * `values` the ExpressionAttributeValues as an item (value_to_item) or NULL. */
struct expr_names {
    const struct weir_value *names;
    const struct weir_value *values;
    bool *names_used;  /* one per member, in the arena */
    bool *values_used; /* one per member, in the arena */
};

/* Checks both maps themselves (syntax of the placeholders, empty maps) as AWS does.
 * `names_doc` and `values` may be NULL. */
enum weir_status expr_names_init(struct arena *a, const struct weir_value *names_doc,
                                 const struct weir_value *values, struct expr_names *ret_names,
                                 struct weir_error *err);
/* After all expressions are parsed: WEIR_VALIDATION names placeholders that none used. */
enum weir_status expr_names_check(const struct expr_names *names, struct weir_error *err);

struct expr_condition; /* also filter expressions */
struct expr_update;
struct expr_projection;

/* What kind an expression is, for the texts of errors: "Invalid ConditionExpression: ...". */
enum expr_kind {
    EXPR_CONDITION,
    EXPR_FILTER,
    EXPR_KEY_CONDITION,
    EXPR_UPDATE,
    EXPR_PROJECTION,
};

/* Each: the text to a tree in the arena. WEIR_VALIDATION with AWS's text ("Invalid
 * ConditionExpression: ..."): an empty text, one over LIMIT_EXPRESSION_BYTES, a reserved word, an
 * undefined placeholder, wrong operand types that are seen without an item, overlapping paths ...
 * `names` may be NULL: then no placeholder is defined. */
enum weir_status expr_parse_condition(struct arena *a, enum expr_kind kind, struct weir_bytes text,
                                      struct expr_names *names,
                                      struct expr_condition **ret_condition,
                                      struct weir_error *err);
enum weir_status expr_parse_update(struct arena *a, struct weir_bytes text,
                                   struct expr_names *names, struct expr_update **ret_update,
                                   struct weir_error *err);
enum weir_status expr_parse_projection(struct arena *a, struct weir_bytes text,
                                       struct expr_names *names,
                                       struct expr_projection **ret_projection,
                                       struct weir_error *err);
/* AttributesToGet: top-level names, as a projection. */
enum weir_status expr_projection_of_names(struct arena *a, const struct weir_value *list,
                                          struct expr_projection **ret_projection,
                                          struct weir_error *err);

/* Whether the item (NULL: none) satisfies the condition. The arena is for scratch. Evaluation
 * errors (WEIR_VALIDATION) are those that AWS raises only with an item at hand. */
enum weir_status expr_matches(struct arena *a, const struct expr_condition *condition,
                              const struct weir_value *item, bool *ret_matches,
                              struct weir_error *err);

/* Calls fn for the top-level attribute name of every path that the update writes (for "keys cannot
 * be updated"; its operands may read keys), or that the condition reads (for "filter cannot contain
 * key attributes"). Stops and returns false when fn does. */
bool expr_update_each_name(const struct expr_update *update,
                           bool (*fn)(void *arg, struct weir_bytes name), void *arg);
bool expr_condition_each_name(const struct expr_condition *condition,
                              bool (*fn)(void *arg, struct weir_bytes name), void *arg);
/* The same for the top-level names of a projection, each once. */
bool expr_projection_each_name(const struct expr_projection *projection,
                               bool (*fn)(void *arg, struct weir_bytes name), void *arg);

/*
 * The item after the update: a new item in the arena that shares unchanged nodes with `item` (which
 * may be NULL or only hold the key). All operands see the item as it was before. WEIR_VALIDATION as
 * AWS words it ("The document path provided in the update expression is invalid for update", ...).
 */
enum weir_status expr_apply_update(struct arena *a, const struct expr_update *update,
                                   const struct weir_value *item, struct weir_value **ret_item,
                                   struct weir_error *err);
/* ReturnValues UPDATED_OLD / UPDATED_NEW: the parts of `item` that the update's paths name; NULL
 * when there are none. */
enum weir_status expr_updated_attributes(struct arena *a, const struct expr_update *update,
                                         const struct weir_value *item,
                                         struct weir_value **ret_item, struct weir_error *err);

/* The parts of the item that the projection names (an empty item when none is there). */
enum weir_status expr_project(struct arena *a, const struct expr_projection *projection,
                              const struct weir_value *item, struct weir_value **ret_item,
                              struct weir_error *err);

/* A key condition: equality on the partition key, and at most one comparison on the sort key. */
enum expr_sort_op {
    EXPR_SORT_ALL, /* no sort key condition */
    EXPR_SORT_EQ,
    EXPR_SORT_LT,
    EXPR_SORT_LE,
    EXPR_SORT_GT,
    EXPR_SORT_GE,
    EXPR_SORT_BETWEEN, /* low <= key <= high */
    EXPR_SORT_BEGINS_WITH,
};

struct expr_key_condition {
    const struct weir_value *partition; /* in the arena */
    enum expr_sort_op sort_op;
    const struct weir_value *low; /* the operand; for BETWEEN the lower one */
    const struct weir_value *high;
};

/* Parses and resolves against the key schema (sort_name.len 0: the table has no sort key).
 * WEIR_VALIDATION with AWS's texts: missed key, unsupported operator, wrong type, ... */
struct expr_key_schema {
    struct weir_bytes partition_name;
    enum value_type partition_type;
    struct weir_bytes sort_name;
    enum value_type sort_type;
};
enum weir_status expr_parse_key_condition(struct arena *a, struct weir_bytes text,
                                          struct expr_names *names,
                                          const struct expr_key_schema *schema,
                                          struct expr_key_condition *ret_condition,
                                          struct weir_error *err);

/* The legacy parameters, translated to the same trees. `expected` is the document of Expected,
 * QueryFilter or ScanFilter; `conditional_operator` is "AND", "OR" or empty. */
enum weir_status expr_condition_of_expected(struct arena *a, const struct weir_value *expected,
                                            struct weir_bytes conditional_operator,
                                            struct expr_condition **ret_condition,
                                            struct weir_error *err);
enum weir_status expr_condition_of_filter(struct arena *a, const struct weir_value *filter,
                                          struct weir_bytes conditional_operator,
                                          struct expr_condition **ret_condition,
                                          struct weir_error *err);
enum weir_status expr_update_of_attribute_updates(struct arena *a,
                                                  const struct weir_value *attribute_updates,
                                                  struct expr_update **ret_update,
                                                  struct weir_error *err);
enum weir_status expr_key_condition_of_conditions(struct arena *a,
                                                  const struct weir_value *key_conditions,
                                                  const struct expr_key_schema *schema,
                                                  struct expr_key_condition *ret_condition,
                                                  struct weir_error *err);

/* Whether the word is one of DynamoDB's reserved words, in any case. */
bool expr_is_reserved(struct weir_bytes word);

#endif
