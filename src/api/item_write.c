/* SPDX-License-Identifier: Apache-2.0 */

/* One write of one item. See item_write.h. */

#include "api/item_write.h"

#include "api/request.h"

static enum item_returns returns_of(const struct weir_value *request)
{
    static const char *const names[] = {"NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"};
    struct weir_bytes text = request_string(request, "ReturnValues");
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (bytes_eq_str(text, names[i])) {
            return (enum item_returns)i;
        }
    }
    return RETURN_NONE;
}

struct item_write *item_write_new(struct api_call *call)
{
    struct item_write *w = ARENA_NEW(call->arena, struct item_write);
    if (w == NULL) {
        (void)call_no_memory(call);
        return NULL;
    }
    w->returns = returns_of(call->request);
    w->capacity = capacity_mode_of(call->request);
    w->item_on_failure = bytes_eq_str(
        request_string(call->request, "ReturnValuesOnConditionCheckFailure"), "ALL_OLD");
    call->state = w;
    return w;
}

static enum weir_status check_old_only(struct api_call *call, const struct item_write *w)
{
    if (w->returns != RETURN_NONE && w->returns != RETURN_ALL_OLD) {
        return call_invalid(call, "ReturnValues can only be ALL_OLD or NONE");
    }
    return WEIR_OK;
}

enum weir_status item_write_read(struct api_call *call, const struct item_write *w,
                                 const char *member, struct weir_value **ret_item,
                                 struct expr_condition **ret_condition)
{
    enum weir_status status = expressions_mix(call, call->request, &expression_use_put);
    if (status == WEIR_OK) {
        status = request_item(call, call->request, member, ret_item);
    }
    if (status == WEIR_OK) {
        status = check_old_only(call, w);
    }
    struct expressions e;
    if (status == WEIR_OK) {
        status = expressions_begin(call, call->request, &expression_use_put, &e);
    }
    if (status == WEIR_OK) {
        status = expressions_condition(&e, ret_condition);
    }
    return status == WEIR_OK ? expressions_end(&e) : status;
}

enum api_progress item_write_submit(struct api_call *call, struct item_write *w,
                                    const struct expr_condition *condition)
{
    w->op.condition = condition;
    w->op.want_old =
        w->returns == RETURN_ALL_OLD || w->returns == RETURN_UPDATED_OLD || w->item_on_failure;
    call->engine_request.kind = ENGINE_WRITE;
    call->engine_request.ops = &w->op;
    call->engine_request.op_count = 1;
    enum api_progress progress = call_submit(call);
    if (progress == API_DONE) {
        engine_op_fini(&w->op);
    }
    return progress;
}

void item_write_failed_item(struct api_call *call, struct weir_value *to,
                            const struct engine_op *op)
{
    if (op->old_item != NULL) {
        value_add_value(call->arena, to, "Item", op->old_item);
    }
}

/* ---- the answer ----------------------------------------------------------------------------- */

static enum weir_status write_status(struct api_call *call, const struct item_write *w)
{
    const struct engine_request *request = &call->engine_request;
    if (request->status != WEIR_OK) {
        call->error = request->error;
        return request->status;
    }
    if (w->op.status == WEIR_OK) {
        return WEIR_OK;
    }
    if (w->op.error == NULL) {
        return call_no_memory(call);
    }
    call->error = *w->op.error;
    if (w->op.status == WEIR_CONDITION_FAILED && w->item_on_failure && w->op.existed) {
        call->error_members = value_new_map(call->arena, VALUE_PLAIN);
        item_write_failed_item(call, call->error_members, &w->op);
    }
    return w->op.status;
}

static enum weir_status updated_part(struct api_call *call, const struct item_write *w,
                                     const struct weir_value *item,
                                     const struct weir_value **ret_part)
{
    *ret_part = NULL;
    if (item == NULL || w->op.update == NULL) {
        return WEIR_OK;
    }
    struct weir_value *part = NULL;
    enum weir_status status =
        expr_updated_attributes(call->arena, w->op.update, item, &part, &call->error);
    if (status == WEIR_OK) {
        *ret_part = part;
    }
    return status;
}

static enum weir_status returned_item(struct api_call *call, const struct item_write *w,
                                      const struct weir_value **ret_item)
{
    const struct weir_value *old = w->op.existed ? w->op.old_item : NULL;
    *ret_item = NULL;
    switch (w->returns) {
    case RETURN_NONE:
        return WEIR_OK;
    case RETURN_ALL_OLD:
        *ret_item = old;
        return WEIR_OK;
    case RETURN_ALL_NEW:
        *ret_item = w->op.new_item;
        return WEIR_OK;
    case RETURN_UPDATED_OLD:
        return updated_part(call, w, old, ret_item);
    case RETURN_UPDATED_NEW:
        return updated_part(call, w, w->op.new_item, ret_item);
    }
    return WEIR_OK;
}

static enum api_progress answer(struct api_call *call, const struct item_write *w)
{
    const struct weir_value *item = NULL;
    if (returned_item(call, w, &item) != WEIR_OK) {
        return call_fail(call);
    }
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    if (item != NULL) {
        value_add_value(call->arena, response, "Attributes", item);
    }
    struct capacity_sum room[1];
    struct capacity_sums sums = {.at = room};
    capacity_sum_op(call, &sums, &w->op, 1);
    capacity_add_sum(call, response, w->capacity, room);
    return call_answer(call, response);
}

enum api_progress item_write_resume(struct api_call *call)
{
    struct item_write *w = call->state;
    enum api_progress progress =
        write_status(call, w) == WEIR_OK ? answer(call, w) : call_fail(call);
    engine_op_fini(&w->op);
    return progress;
}
