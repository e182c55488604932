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
    uint32_t prepared; /* ops that hold their tables */
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

static enum weir_status prepare_op(struct api_call *call, const struct transact_op *from,
                                   struct engine_op *op)
{
    enum engine_op_kind kind = actions[from->action].kind;
    struct engine_table *table;
    enum weir_status status = call_item_table(call, request_table(from->from), &table);
    if (status != WEIR_OK) {
        return status;
    }
    status = kind == ENGINE_PUT
                 ? engine_prepare_put(call->arena, table, from->item, op, &call->error)
                 : engine_prepare_key(call->arena, table, kind, from->item, op, &call->error);
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
        if (named_before(t, i)) {
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

enum api_progress op_transact_write_items_start(struct api_call *call)
{
    struct transact *t = ARENA_NEW(call->arena, struct transact);
    if (t == NULL) {
        (void)call_no_memory(call);
        return call_fail(call);
    }
    call->state = t;
    if (read_request(call, t) != WEIR_OK || hash_request(call, t) != WEIR_OK) {
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

static const char *reason_code(enum weir_status status)
{
    switch (status) {
    case WEIR_OK:
        return "None";
    case WEIR_CONDITION_FAILED:
        return "ConditionalCheckFailed";
    case WEIR_TXN_CONFLICT:
        return "TransactionConflict";
    case WEIR_COLLECTION_TOO_LARGE:
        return "ItemCollectionSizeLimitExceeded";
    case WEIR_PROVISIONED_EXCEEDED:
        return "ProvisionedThroughputExceeded";
    case WEIR_THROTTLED:
        return "ThrottlingError";
    default:
        return "ValidationError";
    }
}

static void add_reason(struct api_call *call, struct weir_value *reasons,
                       const struct transact_op *from, const struct engine_op *op)
{
    struct weir_value *reason = document_append_map(call->arena, reasons);
    value_add_str(call->arena, reason, "Code", bytes_str(reason_code(op->status)));
    if (op->status == WEIR_OK) {
        return;
    }
    if (op->error != NULL) {
        value_add_str(call->arena, reason, "Message", bytes_str(op->error->message));
    }
    if (from->item_on_failure && op->status == WEIR_CONDITION_FAILED && op->existed) {
        item_write_failed_item(call, reason, op);
    }
}

/* The codes by position, as the message lists them. */
static void set_canceled(struct api_call *call, const struct transact *t)
{
    struct buf codes;
    buf_init(&codes, 64 * LIMIT_TRANSACT_ITEMS);
    for (uint32_t i = 0; i < t->count; i++) {
        buf_printf(&codes, "%s%s", i == 0 ? "" : ", ", reason_code(t->ops[i].status));
    }
    (void)call_error(call, WEIR_TXN_CANCELED,
                     "Transaction cancelled, please refer cancellation reasons for specific "
                     "reasons [%.*s]",
                     BYTES_ARG(buf_bytes(&codes)));
    buf_fini(&codes);
}

static enum api_progress fail(struct api_call *call, const struct transact *t)
{
    if (call->engine_request.status != WEIR_TXN_CANCELED) {
        call->error = call->engine_request.error;
        return call_fail(call);
    }
    set_canceled(call, t);
    if (call->error_members == NULL) {
        call->error_members = value_new_map(call->arena, VALUE_PLAIN);
    }
    struct weir_value *reasons =
        value_add_list(call->arena, call->error_members, "CancellationReasons");
    for (uint32_t i = 0; i < t->count; i++) {
        add_reason(call, reasons, &t->from[i], &t->ops[i]);
    }
    return call_fail(call);
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
