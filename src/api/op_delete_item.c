/* SPDX-License-Identifier: Apache-2.0 */

/* DeleteItem: the item with that key goes, if the condition holds; none there is no error. */

#include "api/item_write.h"
#include "api/operations.h"
#include "api/request.h"

static const struct shape_member members[] = {
    {"ReturnConsumedCapacity", &shape_capacity, false},
    {"TableName", &shape_item_table, true},
    {"ReturnItemCollectionMetrics", &shape_metrics, false},
    {"ReturnValues", &shape_returns, false},
    {"Key", &shape_item, true},
    {"ConditionalOperator", &shape_operator, false},
    {"Expected", &shape_expected, false},
    {"ConditionExpression", &shape_string, false},
    {"ExpressionAttributeNames", &shape_names, false},
    {"ExpressionAttributeValues", &shape_item, false},
    {"ReturnValuesOnConditionCheckFailure", &shape_on_failure, false},
    {0},
};
const struct shape shape_delete_item = {.kind = SHAPE_STRUCT, .members = members};

enum api_progress op_delete_item_start(struct api_call *call)
{
    struct item_write *w = item_write_new(call);
    struct weir_value *key;
    struct expr_condition *condition;
    struct engine_table *table;
    if (w == NULL || item_write_read(call, w, "Key", &key, &condition) != WEIR_OK ||
        call_item_table(call, request_table(call->request), &table) != WEIR_OK ||
        engine_prepare_key(call->arena, table, ENGINE_DELETE, key, &w->op, &call->error) !=
            WEIR_OK) {
        return call_fail(call);
    }
    return item_write_submit(call, w, condition);
}

enum api_progress op_delete_item_resume(struct api_call *call)
{
    return item_write_resume(call);
}
