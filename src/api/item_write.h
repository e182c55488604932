/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_ITEM_WRITE_H
#define WEIR_API_ITEM_WRITE_H

/*
 * What PutItem, UpdateItem and DeleteItem share: one operation on one item, prepared on the
 * caller's thread, evaluated by the committer, answered with the images that were asked for.
 */

#include "api/capacity.h"
#include "api/expressions.h"

enum item_returns {
    RETURN_NONE,
    RETURN_ALL_OLD,
    RETURN_UPDATED_OLD,
    RETURN_ALL_NEW,
    RETURN_UPDATED_NEW,
};

struct item_write {
    struct engine_op op;
    enum item_returns returns;
    enum capacity_mode capacity;
    bool item_on_failure; /* ReturnValuesOnConditionCheckFailure: ALL_OLD */
};

/* In call->state, with the request's parameters on what to answer; NULL without memory. */
struct item_write *item_write_new(struct api_call *call);
/* What PutItem and DeleteItem read, in the service's order of checks: the item under `member`
 * ("Item" or "Key") and the condition (NULL: none). They can return the old item only. */
enum weir_status item_write_read(struct api_call *call, const struct item_write *w,
                                 const char *member, struct weir_value **ret_item,
                                 struct expr_condition **ret_condition);
/* The op is prepared: sets condition and images, and submits. */
enum api_progress item_write_submit(struct api_call *call, struct item_write *w,
                                    const struct expr_condition *condition);
/* After done(): the answer. */
enum api_progress item_write_resume(struct api_call *call);

/* The members of an error body for a failed condition: the item that failed it. */
void item_write_failed_item(struct api_call *call, struct weir_value *to,
                            const struct engine_op *op);

#endif
