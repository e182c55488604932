/* SPDX-License-Identifier: Apache-2.0 */

/*
 * TransactWriteItems: up to 100 operations on as many items, all or nothing. A ClientRequestToken
 * makes a repeat within ten minutes harmless.
 */

#include "api/document.h"
#include "api/expressions.h"
#include "api/fingerprint.h"
#include "api/item_write.h"
#include "api/operations.h"
#include "api/request.h"
#include "api/transact.h"

#define COMMON_MEMBERS                                                     \
    {"ExpressionAttributeNames", &shape_names, false},                     \
        {"ExpressionAttributeValues", &shape_item, false},                 \
        {"ReturnValuesOnConditionCheckFailure", &shape_on_failure, false}, \
    {                                                                      \
        0                                                                  \
    }

static const struct shape_member check_members[] = {
    {"Key", &shape_item, true},
    {"TableName", &shape_item_table, true},
    {"ConditionExpression", &shape_string, true},
    COMMON_MEMBERS,
};
static const struct shape shape_check_action = {
    .kind = SHAPE_STRUCT, .name = "ConditionCheck", .members = check_members};
static const struct shape_member put_members[] = {
    {"Item", &shape_item, true},
    {"TableName", &shape_item_table, true},
    {"ConditionExpression", &shape_string, false},
    COMMON_MEMBERS,
};
static const struct shape shape_put = {.kind = SHAPE_STRUCT, .name = "Put", .members = put_members};
static const struct shape_member delete_members[] = {
    {"Key", &shape_item, true},
    {"TableName", &shape_item_table, true},
    {"ConditionExpression", &shape_string, false},
    COMMON_MEMBERS,
};
static const struct shape shape_delete = {
    .kind = SHAPE_STRUCT, .name = "Delete", .members = delete_members};
static const struct shape_member update_members[] = {
    {"Key", &shape_item, true},
    {"UpdateExpression", &shape_string, true},
    {"TableName", &shape_item_table, true},
    {"ConditionExpression", &shape_string, false},
    COMMON_MEMBERS,
};
static const struct shape shape_update = {
    .kind = SHAPE_STRUCT, .name = "Update", .members = update_members};

static const struct shape_member element_members[] = {
    {"ConditionCheck", &shape_check_action, false},
    {"Put", &shape_put, false},
    {"Delete", &shape_delete, false},
    {"Update", &shape_update, false},
    {0},
};
static const struct shape shape_element = {
    .kind = SHAPE_STRUCT, .name = "TransactWriteItem", .members = element_members};
static const struct shape shape_elements = {.kind = SHAPE_LIST,
                                            .checks = SHAPE_MIN | SHAPE_MAX,
                                            .min = 1,
                                            .max = LIMIT_TRANSACT_ITEMS,
                                            .element = &shape_element};
static const struct shape shape_token = {
    .kind = SHAPE_STRING, .checks = SHAPE_MIN | SHAPE_MAX, .min = 1, .max = 36};
static const struct shape_member members[] = {
    {"ReturnConsumedCapacity", &shape_capacity, false},
    {"ReturnItemCollectionMetrics", &shape_metrics, false},
    {"TransactItems", &shape_elements, true},
    {"ClientRequestToken", &shape_token, false},
    {0},
};
const struct shape shape_transact_write_items = {.kind = SHAPE_STRUCT, .members = members};

/* The four actions, by the kind of operation they become. */
static const struct {
    const char *name;
    enum engine_op_kind kind;
    const char *item; /* the member that has the key */
    const struct expression_use *use;
} actions[] = {
    {"ConditionCheck", ENGINE_CHECK, "Key", &expression_use_transact},
    {"Put", ENGINE_PUT, "Item", &expression_use_transact},
    {"Delete", ENGINE_DELETE, "Key", &expression_use_transact},
    {"Update", ENGINE_UPDATE, "Key", &expression_use_transact_update},
};
#define ACTION_COUNT (sizeof(actions) / sizeof(actions[0]))

struct transact_op {
    size_t action;
    const struct weir_value *from; /* the action's document */
    struct weir_value *item;       /* its Item or Key */
    struct expressions expressions;
    struct expr_update *update;
    struct expr_condition *condition;
    bool item_on_failure;
};

struct transact {
    struct transact_op *from; /* `count` of each */
    struct engine_op *ops;
    uint32_t count;
    uint32_t prepared; /* ops that hold their tables, or were refused */
    bool refused;      /* some op's item does not fit its table */
};

static void transact_fini(struct transact *t)
{
    for (uint32_t i = 0; i < t->prepared; i++) {
        engine_op_fini(&t->ops[i]);
    }
    t->prepared = 0;
}

/* ---- the request ---------------------------------------------------------------------------- */

static enum weir_status find_action(struct api_call *call, const struct weir_value *element,
                                    struct transact_op *op)
{
    unsigned found = 0;
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        const struct weir_value *from = request_member(element, actions[i].name);
        if (from != NULL) {
            op->action = i;
            op->from = from;
            found++;
        }
    }
    if (found == 0) {
        return call_invalid(call, "The action or operation requested is invalid. Verify that the "
                                  "action is typed correctly.");
    }
    if (found > 1) {
        return call_invalid(call,
                            "TransactItems can only contain one of Check, Put, Update or Delete");
    }
    op->item_on_failure =
        bytes_eq_str(request_string(op->from, "ReturnValuesOnConditionCheckFailure"), "ALL_OLD");
    return WEIR_OK;
}

static enum weir_status read_op(struct api_call *call, const struct weir_value *element,
                                struct transact_op *op)
{
    enum weir_status status = find_action(call, element, op);
    if (status != WEIR_OK) {
        return status;
    }
    const struct expression_use *use = actions[op->action].use;
    status = expressions_mix(call, op->from, use);
    if (status == WEIR_OK) {
        status = request_item(call, op->from, actions[op->action].item, &op->item);
    }
    if (status == WEIR_OK) {
        status = expressions_begin(call, op->from, use, &op->expressions);
    }
    if (status == WEIR_OK && actions[op->action].kind == ENGINE_UPDATE) {
        status = expressions_update(&op->expressions, &op->update);
    }
    if (status == WEIR_OK) {
        status = expressions_condition(&op->expressions, &op->condition);
    }
    return status == WEIR_OK ? expressions_end(&op->expressions) : status;
}

/* Keeps what preparing said: it is a reason to cancel the transaction. */
static enum weir_status refuse_op(struct api_call *call, struct engine_op *op)
{
    op->error = ARENA_NEW(call->arena, struct weir_error);
    if (op->error == NULL) {
        return call_no_memory(call);
    }
    *op->error = call->error;
    op->status = WEIR_VALIDATION;
    return WEIR_OK;
}

static enum weir_status prepare_op(struct api_call *call, const struct transact_op *from,
                                   struct engine_op *op)
{
    enum engine_op_kind kind = actions[from->action].kind;
    struct engine_table *table;
    enum weir_status status = call_item_table(call, request_table(from->from), &table);
    if (status != WEIR_OK) {
        return status;
    }
    bool fits = transact_fits(table, from->item, kind != ENGINE_PUT);
    status = kind == ENGINE_PUT
                 ? engine_prepare_put(call->arena, table, from->item, op, &call->error)
                 : engine_prepare_key(call->arena, table, kind, from->item, op, &call->error);
    if (status == WEIR_VALIDATION && !fits) {
        return refuse_op(call, op);
    }
    if (status == WEIR_OK && from->update != NULL) {
        status = engine_prepare_update(op, from->update, &call->error);
        if (status != WEIR_OK) {
            engine_op_fini(op);
        }
    }
    op->condition = from->condition;
    op->want_old = from->item_on_failure;
    return status;
}

static bool named_before(const struct transact *t, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (bytes_eq(t->ops[i].row_key, t->ops[index].row_key)) {
            return true;
        }
    }
    return false;
}

static enum weir_status prepare(struct api_call *call, struct transact *t)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        enum weir_status status = prepare_op(call, &t->from[i], &t->ops[i]);
        if (status != WEIR_OK) {
            return status;
        }
        t->prepared++;
        bytes += item_size(t->from[i].item);
        if (t->ops[i].status != WEIR_OK) {
            t->refused = true;
        } else if (named_before(t, i)) {
            return call_invalid(
                call, "Transaction request cannot include multiple operations on one item");
        }
    }
    if (bytes > LIMIT_TRANSACT_BYTES) {
        return call_invalid(
            call, "The items of the transaction are larger than its limit of 4 MB together");
    }
    return WEIR_OK;
}

static enum weir_status read_request(struct api_call *call, struct transact *t)
{
    const struct weir_value *list = request_member(call->request, "TransactItems");
    t->from = ARENA_ARRAY(call->arena, struct transact_op, list->u.list.count);
    t->ops = ARENA_ARRAY(call->arena, struct engine_op, list->u.list.count);
    if (t->from == NULL || t->ops == NULL) {
        return call_no_memory(call);
    }
    t->count = list->u.list.count;
    for (uint32_t i = 0; i < t->count; i++) {
        enum weir_status status = read_op(call, &list->u.list.at[i], &t->from[i]);
        if (status != WEIR_OK) {
            return status;
        }
    }
    return prepare(call, t);
}

/* ---- the token ------------------------------------------------------------------------------ */

static void hash_op(struct fingerprint *f, const struct transact_op *from,
                    const struct engine_op *op)
{
    fingerprint_number(f, op->kind);
    fingerprint_number(f, from->item_on_failure);
    fingerprint_bytes(f, op->row_key); /* begins with the table's id */
    fingerprint_bytes(f, op->encoded);
    fingerprint_bytes(f, request_string(from->from, "UpdateExpression"));
    fingerprint_bytes(f, request_string(from->from, "ConditionExpression"));
    fingerprint_names(f, &from->expressions.names);
}

static enum weir_status hash_request(struct api_call *call, const struct transact *t)
{
    call->engine_request.token = request_string(call->request, "ClientRequestToken");
    if (call->engine_request.token.len == 0) {
        return WEIR_OK;
    }
    struct fingerprint *f = fingerprint_new();
    if (f == NULL) {
        return call_no_memory(call);
    }
    for (uint32_t i = 0; i < t->count; i++) {
        hash_op(f, &t->from[i], &t->ops[i]);
    }
    bool hashed = fingerprint_finish(f, call->engine_request.token_hash);
    fingerprint_free(f);
    return hashed ? WEIR_OK : call_no_memory(call);
}

static enum api_progress cancel(struct api_call *call, const struct transact *t)
{
    struct weir_value *reasons = transact_reasons(call);
    for (uint32_t i = 0; i < t->count; i++) {
        const struct engine_op *op = &t->ops[i];
        struct weir_value *reason = transact_reason(call, reasons, op->status,
                                                    op->error != NULL ? op->error->message : NULL);
        if (t->from[i].item_on_failure && op->status == WEIR_CONDITION_FAILED && op->existed) {
            item_write_failed_item(call, reason, op);
        }
    }
    return transact_cancel(call, reasons);
}

enum api_progress op_transact_write_items_start(struct api_call *call)
{
    struct transact *t = ARENA_NEW(call->arena, struct transact);
    if (t == NULL) {
        (void)call_no_memory(call);
        return call_fail(call);
    }
    call->state = t;
    enum weir_status status = read_request(call, t);
    if (status == WEIR_OK && t->refused) {
        enum api_progress progress = cancel(call, t);
        transact_fini(t);
        return progress;
    }
    if (status != WEIR_OK || hash_request(call, t) != WEIR_OK) {
        transact_fini(t);
        return call_fail(call);
    }
    call->engine_request.kind = ENGINE_TRANSACTION;
    call->engine_request.ops = t->ops;
    call->engine_request.op_count = t->count;
    enum api_progress progress = call_submit(call);
    if (progress == API_DONE) {
        transact_fini(t);
    }
    return progress;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static enum api_progress fail(struct api_call *call, const struct transact *t)
{
    if (call->engine_request.status != WEIR_TXN_CANCELED) {
        call->error = call->engine_request.error;
        return call_fail(call);
    }
    return cancel(call, t);
}

/* A repeat costs reads: it only finds out that its work is done. */
static void sum_op(struct api_call *call, struct capacity_sums *sums,
                   const struct transact_op *from, const struct engine_op *op)
{
    if (call->engine_request.repeated) {
        (void)capacity_sum(sums, op->table->name,
                           2 * capacity_read_units(item_size(from->item), true));
    } else {
        capacity_sum_op(call, sums, op, 2);
    }
}

static enum api_progress answer(struct api_call *call, const struct transact *t)
{
    struct capacity_sum room[LIMIT_TRANSACT_ITEMS];
    struct capacity_sums sums = {.at = room};
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    for (uint32_t i = 0; i < t->count; i++) {
        sum_op(call, &sums, &t->from[i], &t->ops[i]);
    }
    capacity_add_sums(call, response, capacity_mode_of(call->request), &sums,
                      call->engine_request.repeated ? CAPACITY_READ : CAPACITY_WRITE);
    return call_answer(call, response);
}

enum api_progress op_transact_write_items_resume(struct api_call *call)
{
    struct transact *t = call->state;
    enum api_progress progress =
        call->engine_request.status == WEIR_OK ? answer(call, t) : fail(call, t);
    transact_fini(t);
    return progress;
}
