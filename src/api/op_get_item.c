/* SPDX-License-Identifier: Apache-2.0 */

/*
 * GetItem: tried without the disk on the caller's thread, which is how most of them end; only one
 * that needs the disk goes to a thread that may block.
 */

#include "api/item_read.h"
#include "api/operations.h"
#include "api/request.h"

static const struct shape_member members[] = {
    {"ReturnConsumedCapacity", &shape_capacity, false},
    {"AttributesToGet", &shape_name_list, false},
    {"TableName", &shape_item_table, true},
    {"Key", &shape_item, true},
    {"ConsistentRead", &shape_boolean, false},
    {"ProjectionExpression", &shape_string, false},
    {"ExpressionAttributeNames", &shape_names, false},
    {0},
};
const struct shape shape_get_item = {.kind = SHAPE_STRUCT, .members = members};

static enum weir_status read_request(struct api_call *call, struct weir_value **ret_key,
                                     struct expr_projection **ret_projection)
{
    enum weir_status status = expressions_mix(call, call->request, &expression_use_get);
    if (status == WEIR_OK) {
        status = request_item(call, call->request, "Key", ret_key);
    }
    struct expressions e;
    if (status == WEIR_OK) {
        status = expressions_begin(call, call->request, &expression_use_get, &e);
    }
    if (status == WEIR_OK) {
        status = expressions_projection(&e, ret_projection);
    }
    return status == WEIR_OK ? expressions_end(&e) : status;
}

static enum weir_status add_capacity(struct api_call *call, const struct item_key *key,
                                     struct weir_bytes stored, struct weir_value *response)
{
    enum capacity_mode mode = capacity_mode_of(call->request);
    if (mode == CAPACITY_NONE) {
        return WEIR_OK;
    }
    size_t bytes;
    enum weir_status status = item_stored_size(call, stored, &bytes);
    if (status == WEIR_OK) {
        bool consistent = request_bool(call->request, "ConsistentRead", false);
        capacity_add(call, response, mode, key->table->name,
                     capacity_read_units(bytes, consistent));
    }
    return status;
}

static enum api_progress answer(struct api_call *call, const struct item_key *key,
                                struct weir_bytes stored)
{
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    enum weir_status status = WEIR_OK;
    if (stored.len > 0) {
        status = item_show(call, stored, key->projection,
                           value_add(call->arena, response, BYTES_LIT("Item")));
    }
    if (status == WEIR_OK) {
        status = add_capacity(call, key, stored, response);
    }
    return status == WEIR_OK ? call_answer(call, response) : call_fail(call);
}

static enum api_progress read_item(struct api_call *call, bool cached_only)
{
    struct item_key *key = call->state;
    struct weir_bytes stored;
    enum weir_status status = engine_get(call->api->engine, NULL, call->arena, key->row_key,
                                         cached_only, &stored, &call->error);
    if (status == WEIR_UNAVAILABLE && cached_only) {
        call->error = (struct weir_error){0};
        return API_BLOCKING;
    }
    enum api_progress progress = status == WEIR_OK ? answer(call, key, stored) : call_fail(call);
    item_key_fini(key);
    return progress;
}

enum api_progress op_get_item_start(struct api_call *call)
{
    struct weir_value *key;
    struct expr_projection *projection;
    struct engine_table *table;
    struct item_key *state = ARENA_NEW(call->arena, struct item_key);
    if (state == NULL) {
        (void)call_no_memory(call);
        return call_fail(call);
    }
    call->state = state;
    if (read_request(call, &key, &projection) != WEIR_OK ||
        call_item_table(call, request_table(call->request), &table) != WEIR_OK ||
        item_key_init(call, table, key, projection, state) != WEIR_OK) {
        return call_fail(call);
    }
    return read_item(call, !call->may_block);
}

enum api_progress op_get_item_resume(struct api_call *call)
{
    return read_item(call, false);
}
