/* SPDX-License-Identifier: Apache-2.0 */

/*
 * BatchWriteItem: up to 25 puts and deletes, each for itself, without conditions. One that the
 * engine had no room for comes back in UnprocessedItems, in the form of a request.
 */

#include "api/capacity.h"
#include "api/document.h"
#include "api/operations.h"
#include "api/request.h"

static const struct shape_member delete_members[] = {{"Key", &shape_item, true}, {0}};
static const struct shape shape_delete = {
    .kind = SHAPE_STRUCT, .name = "DeleteRequest", .members = delete_members};
static const struct shape_member put_members[] = {{"Item", &shape_item, true}, {0}};
static const struct shape shape_put = {
    .kind = SHAPE_STRUCT, .name = "PutRequest", .members = put_members};
static const struct shape_member write_members[] = {
    {"DeleteRequest", &shape_delete, false},
    {"PutRequest", &shape_put, false},
    {0},
};
static const struct shape shape_write = {
    .kind = SHAPE_STRUCT, .name = "WriteRequest", .members = write_members};
static const struct shape shape_writes = {.kind = SHAPE_LIST, .element = &shape_write};
static const struct shape shape_request_items = {.kind = SHAPE_MAP,
                                                 .checks = SHAPE_TABLE_KEYS | SHAPE_VALUE_LENGTH,
                                                 .min = 1,
                                                 .max = LIMIT_BATCH_WRITE_ITEMS,
                                                 .element = &shape_writes};
static const struct shape_member members[] = {
    {"ReturnConsumedCapacity", &shape_capacity, false},
    {"ReturnItemCollectionMetrics", &shape_metrics, false},
    {"RequestItems", &shape_request_items, true},
    {0},
};
const struct shape shape_batch_write_item = {.kind = SHAPE_STRUCT, .members = members};

struct batch_write {
    const struct value_member *table; /* the element of RequestItems */
    const struct weir_value *from;    /* the WriteRequest */
    struct weir_value *item;          /* the Item or the Key */
    bool put;
};

struct batch {
    struct batch_write writes[LIMIT_BATCH_WRITE_ITEMS];
    struct engine_op ops[LIMIT_BATCH_WRITE_ITEMS]; /* in the same order */
    uint32_t count;
    uint32_t prepared; /* ops that hold their tables */
};

static void batch_fini(struct batch *batch)
{
    for (uint32_t i = 0; i < batch->prepared; i++) {
        engine_op_fini(&batch->ops[i]);
    }
    batch->prepared = 0;
}

/* ---- the request ---------------------------------------------------------------------------- */

static enum weir_status read_write(struct api_call *call, const struct value_member *table,
                                   const struct weir_value *from, struct batch *batch)
{
    const struct weir_value *put = request_member(from, "PutRequest");
    const struct weir_value *delete = request_member(from, "DeleteRequest");
    if ((put == NULL) == (delete == NULL)) {
        return call_invalid(call, "Supplied AttributeValue has more than one datatypes set, must "
                                  "contain exactly one of the supported datatypes");
    }
    if (batch->count == LIMIT_BATCH_WRITE_ITEMS) {
        return call_invalid(call, "Too many items requested for the BatchWriteItem call");
    }
    struct batch_write *write = &batch->writes[batch->count++];
    *write = (struct batch_write){.table = table, .from = from, .put = put != NULL};
    return put != NULL ? request_item(call, put, "Item", &write->item)
                       : request_item(call, delete, "Key", &write->item);
}

static enum weir_status read_writes(struct api_call *call, struct batch *batch)
{
    const struct weir_value *items = request_member(call->request, "RequestItems");
    for (uint32_t t = 0; t < items->u.map.count; t++) {
        const struct value_member *table = &items->u.map.at[t];
        for (uint32_t i = 0; i < table->value.u.list.count; i++) {
            enum weir_status status = read_write(call, table, &table->value.u.list.at[i], batch);
            if (status != WEIR_OK) {
                return status;
            }
        }
    }
    return WEIR_OK;
}

static bool has_type(const struct engine_key_attribute *attribute, const struct weir_value *item)
{
    const struct weir_value *value = value_member(item, attribute->name);
    return value == NULL || value->type == (uint8_t)attribute->type;
}

/* In a batch a key of another type is refused as a wrong key is, and not by its name. */
static enum weir_status prepare_put(struct api_call *call, struct engine_table *take_table,
                                    const struct weir_value *item, struct engine_op *op)
{
    if (!has_type(&take_table->partition, item) || !has_type(&take_table->sort, item)) {
        engine_table_unref(take_table);
        return call_invalid(call, "The provided key element does not match the schema");
    }
    return engine_prepare_put(call->arena, take_table, item, op, &call->error);
}

static enum weir_status prepare_one(struct api_call *call, const struct batch_write *write,
                                    struct engine_op *op)
{
    struct engine_table *table;
    enum weir_status status = call_item_table(call, request_table_of(write->table->name), &table);
    if (status != WEIR_OK) {
        return status;
    }
    return write->put ? prepare_put(call, table, write->item, op)
                      : engine_prepare_key(call->arena, table, ENGINE_DELETE, write->item, op,
                                           &call->error);
}

static bool named_before(const struct batch *batch, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (bytes_eq(batch->ops[i].row_key, batch->ops[index].row_key)) {
            return true;
        }
    }
    return false;
}

static enum weir_status prepare(struct api_call *call, struct batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        enum weir_status status = prepare_one(call, &batch->writes[i], &batch->ops[i]);
        if (status != WEIR_OK) {
            return status;
        }
        batch->prepared++;
        if (named_before(batch, i)) {
            return call_invalid(call, "Provided list of item keys contains duplicates");
        }
    }
    return WEIR_OK;
}

enum api_progress op_batch_write_item_start(struct api_call *call)
{
    struct batch *batch = ARENA_NEW(call->arena, struct batch);
    if (batch == NULL) {
        (void)call_no_memory(call);
        return call_fail(call);
    }
    call->state = batch;
    if (read_writes(call, batch) != WEIR_OK || prepare(call, batch) != WEIR_OK) {
        batch_fini(batch);
        return call_fail(call);
    }
    call->engine_request.kind = ENGINE_WRITE;
    call->engine_request.ops = batch->ops;
    call->engine_request.op_count = batch->count;
    enum api_progress progress = call_submit(call);
    if (progress == API_DONE) {
        batch_fini(batch);
    }
    return progress;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static bool is_retryable(enum weir_status status)
{
    return status == WEIR_THROTTLED || status == WEIR_PROVISIONED_EXCEEDED;
}

static enum weir_status batch_status(struct api_call *call, const struct batch *batch)
{
    if (call->engine_request.status != WEIR_OK) {
        call->error = call->engine_request.error;
        return call->engine_request.status;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct engine_op *op = &batch->ops[i];
        if (op->status == WEIR_OK || is_retryable(op->status)) {
            continue;
        }
        if (op->error == NULL) {
            return call_no_memory(call);
        }
        call->error = *op->error;
        return op->status;
    }
    return WEIR_OK;
}

static void add_unprocessed(struct api_call *call, struct weir_value *response,
                            const struct batch *batch)
{
    struct weir_value *unprocessed = value_add_map(call->arena, response, "UnprocessedItems");
    const struct value_member *last = NULL;
    struct weir_value *list = NULL;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct batch_write *write = &batch->writes[i];
        if (!is_retryable(batch->ops[i].status)) {
            continue;
        }
        if (last != write->table) {
            struct weir_value *empty = value_new_list(call->arena, VALUE_PLAIN);
            list = value_add(call->arena, unprocessed, write->table->name);
            if (list == NULL || empty == NULL) {
                return;
            }
            *list = *empty;
            last = write->table;
        }
        struct weir_value *element = value_append(call->arena, list);
        if (element != NULL) {
            *element = *write->from;
        }
    }
}

static void add_capacity(struct api_call *call, struct weir_value *response,
                         const struct batch *batch)
{
    struct capacity_sum room[LIMIT_BATCH_WRITE_ITEMS];
    struct capacity_sums sums = {.at = room};
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->ops[i].status == WEIR_OK) {
            capacity_sum_op(call, &sums, &batch->ops[i], 1);
        }
    }
    capacity_add_sums(call, response, capacity_mode_of(call->request), &sums, CAPACITY_PLAIN);
}

enum api_progress op_batch_write_item_resume(struct api_call *call)
{
    struct batch *batch = call->state;
    enum api_progress progress;
    if (batch_status(call, batch) != WEIR_OK) {
        progress = call_fail(call);
    } else {
        struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
        add_unprocessed(call, response, batch);
        add_capacity(call, response, batch);
        progress = call_answer(call, response);
    }
    batch_fini(batch);
    return progress;
}
