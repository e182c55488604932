/* SPDX-License-Identifier: Apache-2.0 */

/* UpdateItem: changes an item's attributes in place, creating it from its key if there is none. */

#include "api/item_write.h"
#include "api/operations.h"
#include "api/request.h"

static const struct shape shape_action = {.kind = SHAPE_STRING, .choices = "[ADD, DELETE, PUT]"};
static const struct shape shape_any_value = {.kind = SHAPE_ATTRIBUTE, .name = "AttributeValue"};
static const struct shape_member update_members[] = {
    {"Action", &shape_action, false},
    {"Value", &shape_any_value, false},
    {0},
};
static const struct shape shape_value_update = {
    .kind = SHAPE_STRUCT, .name = "AttributeValueUpdate", .members = update_members};
static const struct shape shape_updates = {.kind = SHAPE_MAP, .element = &shape_value_update};

static const struct shape_member members[] = {
    {"ReturnConsumedCapacity", &shape_capacity, false},
    {"TableName", &shape_item_table, true},
    {"ReturnItemCollectionMetrics", &shape_metrics, false},
    {"ReturnValues", &shape_returns, false},
    {"Key", &shape_item, true},
    {"ConditionalOperator", &shape_operator, false},
    {"Expected", &shape_expected, false},
    {"AttributeUpdates", &shape_updates, false},
    {"ConditionExpression", &shape_string, false},
    {"UpdateExpression", &shape_string, false},
    {"ExpressionAttributeNames", &shape_names, false},
    {"ExpressionAttributeValues", &shape_item, false},
    {"ReturnValuesOnConditionCheckFailure", &shape_on_failure, false},
    {0},
};
const struct shape shape_update_item = {.kind = SHAPE_STRUCT, .members = members};

static enum weir_status read_request(struct api_call *call, struct weir_value **ret_key,
                                     struct expr_update **ret_update,
                                     struct expr_condition **ret_condition)
{
    enum weir_status status = expressions_mix(call, call->request, &expression_use_update);
    if (status == WEIR_OK) {
        status = request_item(call, call->request, "Key", ret_key);
    }
    struct expressions e;
    if (status == WEIR_OK) {
        status = expressions_begin(call, call->request, &expression_use_update, &e);
    }
    if (status == WEIR_OK) {
        status = expressions_update(&e, ret_update);
    }
    if (status == WEIR_OK) {
        status = expressions_condition(&e, ret_condition);
    }
    return status == WEIR_OK ? expressions_end(&e) : status;
}

static enum weir_status prepare(struct api_call *call, struct item_write *w,
                                const struct weir_value *key, const struct expr_update *update)
{
    struct engine_table *table;
    enum weir_status status = call_item_table(call, request_table(call->request), &table);
    if (status == WEIR_OK) {
        status = engine_prepare_key(call->arena, table, ENGINE_UPDATE, key, &w->op, &call->error);
    }
    if (status != WEIR_OK || update == NULL) {
        return status;
    }
    status = engine_prepare_update(&w->op, update, &call->error);
    if (status != WEIR_OK) {
        engine_op_fini(&w->op);
    }
    return status;
}

enum api_progress op_update_item_start(struct api_call *call)
{
    struct item_write *w = item_write_new(call);
    struct weir_value *key;
    struct expr_update *update;
    struct expr_condition *condition;
    if (w == NULL || read_request(call, &key, &update, &condition) != WEIR_OK ||
        prepare(call, w, key, update) != WEIR_OK) {
        return call_fail(call);
    }
    return item_write_submit(call, w, condition);
}

enum api_progress op_update_item_resume(struct api_call *call)
{
    return item_write_resume(call);
}
