/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_EXPRESSIONS_H
#define WEIR_API_EXPRESSIONS_H

/*
 * The expressions of one request (or of one element of a batch), in the order in which AWS looks at
 * them:
 *
 *     expressions_mix      expressions and legacy parameters do not go together
 *     (the operation converts its keys and items)
 *     expressions_begin    the placeholders
 *     expressions_*        update, condition, filter, projection
 *     expressions_end      placeholders that none used
 *
 * A legacy parameter gives the same tree as the expression it stands for.
 */

#include "api/call.h"

/* Which parameters an operation has, as AWS orders them in its texts; NULL ends. */
struct expression_use {
    const char *const *expressions;
    const char *const *legacy;
};

extern const struct expression_use expression_use_put; /* also DeleteItem */
extern const struct expression_use expression_use_update;
extern const struct expression_use expression_use_get;
extern const struct expression_use expression_use_query;
extern const struct expression_use expression_use_scan;
/* Elements of a transaction, which is younger than the legacy parameters. */
extern const struct expression_use expression_use_transact;
extern const struct expression_use expression_use_transact_update;
extern const struct expression_use expression_use_transact_get;

struct expressions {
    struct api_call *call;
    const struct weir_value *from; /* the document that has the parameters */
    const struct expression_use *use;
    struct expr_names names;
};

enum weir_status expressions_mix(struct api_call *call, const struct weir_value *from,
                                 const struct expression_use *use);
enum weir_status expressions_begin(struct api_call *call, const struct weir_value *from,
                                   const struct expression_use *use,
                                   struct expressions *ret_expressions);
enum weir_status expressions_end(struct expressions *e);

/* UpdateExpression or AttributeUpdates; NULL when there is none. */
enum weir_status expressions_update(struct expressions *e, struct expr_update **ret_update);
/* ConditionExpression or Expected; NULL when there is none. */
enum weir_status expressions_condition(struct expressions *e,
                                       struct expr_condition **ret_condition);
/* FilterExpression or the legacy parameter of that name; NULL when there is none. */
enum weir_status expressions_filter(struct expressions *e, const char *legacy,
                                    struct expr_condition **ret_condition);
/* ProjectionExpression or AttributesToGet; NULL when there is none. */
enum weir_status expressions_projection(struct expressions *e,
                                        struct expr_projection **ret_projection);
/* KeyConditionExpression or KeyConditions. */
enum weir_status expressions_key_condition(struct expressions *e,
                                           const struct engine_key_attribute *partition,
                                           const struct engine_key_attribute *sort,
                                           struct expr_key_condition *ret_condition);

#endif
