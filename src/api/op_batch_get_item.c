/* SPDX-License-Identifier: Apache-2.0 */

/*
 * BatchGetItem: up to 100 keys of several tables, read from one view. What would make the answer
 * larger than 16 MB comes back as UnprocessedKeys, in the form of a request.
 */

#include "api/document.h"
#include "api/item_read.h"
#include "api/operations.h"
#include "api/request.h"

static const struct shape shape_keys = {.kind = SHAPE_LIST,
                                        .checks = SHAPE_MIN | SHAPE_MAX,
                                        .min = 1,
                                        .max = LIMIT_BATCH_GET_ITEMS,
                                        .element = &shape_item};
static const struct shape_member table_members[] = {
    {"Keys", &shape_keys, true},
    {"AttributesToGet", &shape_name_list, false},
    {"ConsistentRead", &shape_boolean, false},
    {"ProjectionExpression", &shape_string, false},
    {"ExpressionAttributeNames", &shape_names, false},
    {0},
};
static const struct shape shape_keys_and_attributes = {
    .kind = SHAPE_STRUCT, .name = "KeysAndAttributes", .members = table_members};
static const struct shape shape_request_items = {
    .kind = SHAPE_MAP, .checks = SHAPE_TABLE_KEYS, .element = &shape_keys_and_attributes};
static const struct shape_member members[] = {
    {"ReturnConsumedCapacity", &shape_capacity, false},
    {"RequestItems", &shape_request_items, true},
    {0},
};
const struct shape shape_batch_get_item = {.kind = SHAPE_STRUCT, .members = members};

/* The keys of one table. */
struct batch_table {
    struct weir_bytes name;
    const struct weir_value *from; /* KeysAndAttributes */
    bool consistent;
    struct expr_projection *projection;
    struct weir_value **items; /* its keys as items */
    struct item_key *keys;
    uint32_t count;
};

struct batch {
    struct batch_table *tables;
    uint32_t table_count;
    enum capacity_mode capacity;
    struct capacity_sums sums;
    size_t bytes; /* of what was read so far */
};

static void batch_fini(struct batch *batch)
{
    for (uint32_t t = 0; t < batch->table_count; t++) {
        for (uint32_t k = 0; batch->tables[t].keys != NULL && k < batch->tables[t].count; k++) {
            item_key_fini(&batch->tables[t].keys[k]);
        }
    }
}

/* ---- the request ---------------------------------------------------------------------------- */

static enum weir_status read_keys(struct api_call *call, struct batch_table *table)
{
    const struct weir_value *list = request_member(table->from, "Keys");
    table->items = ARENA_ARRAY(call->arena, struct weir_value *, list->u.list.count);
    table->keys = ARENA_ARRAY(call->arena, struct item_key, list->u.list.count);
    if (table->items == NULL || table->keys == NULL) {
        return call_no_memory(call);
    }
    table->count = list->u.list.count;
    for (uint32_t i = 0; i < table->count; i++) {
        enum weir_status status =
            value_to_item(call->arena, &list->u.list.at[i], &table->items[i], &call->error);
        if (status != WEIR_OK) {
            return status;
        }
    }
    return WEIR_OK;
}

static enum weir_status read_table(struct api_call *call, const struct value_member *member,
                                   struct batch_table *table)
{
    *table = (struct batch_table){.name = member->name, .from = &member->value};
    table->consistent = request_bool(table->from, "ConsistentRead", false);
    enum weir_status status = expressions_mix(call, table->from, &expression_use_get);
    if (status == WEIR_OK) {
        status = read_keys(call, table);
    }
    struct expressions e;
    if (status == WEIR_OK) {
        status = expressions_begin(call, table->from, &expression_use_get, &e);
    }
    if (status == WEIR_OK) {
        status = expressions_projection(&e, &table->projection);
    }
    return status == WEIR_OK ? expressions_end(&e) : status;
}

static bool named_before(const struct item_key *keys, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (bytes_eq(keys[i].row_key, keys[count].row_key)) {
            return true;
        }
    }
    return false;
}

static enum weir_status resolve_table(struct api_call *call, struct batch_table *table)
{
    for (uint32_t i = 0; i < table->count; i++) {
        struct engine_table *ref;
        enum weir_status status = call_item_table(call, request_table_of(table->name), &ref);
        if (status == WEIR_OK) {
            status = item_key_init(call, ref, table->items[i], table->projection, &table->keys[i]);
        }
        if (status != WEIR_OK) {
            return status;
        }
        if (named_before(table->keys, i)) {
            return call_invalid(call, "Provided list of item keys contains duplicates");
        }
    }
    return WEIR_OK;
}

static enum weir_status read_tables(struct api_call *call, struct batch *batch)
{
    const struct weir_value *items = request_member(call->request, "RequestItems");
    uint32_t total = 0;
    batch->tables = ARENA_ARRAY(call->arena, struct batch_table, items->u.map.count);
    batch->sums.at = ARENA_ARRAY(call->arena, struct capacity_sum, items->u.map.count);
    if (batch->tables == NULL || batch->sums.at == NULL) {
        return call_no_memory(call);
    }
    for (uint32_t i = 0; i < items->u.map.count; i++) {
        const struct weir_value *keys = request_member(&items->u.map.at[i].value, "Keys");
        total += keys == NULL ? 0 : keys->u.list.count;
        if (total > LIMIT_BATCH_GET_ITEMS) {
            return call_invalid(call, "Too many items requested for the BatchGetItem call");
        }
    }
    for (uint32_t i = 0; i < items->u.map.count; i++) {
        batch->table_count = i + 1;
        enum weir_status status =
            read_table(call, &items->u.map.at[i], &batch->tables[batch->table_count - 1]);
        if (status != WEIR_OK) {
            return status;
        }
    }
    return WEIR_OK;
}

static enum weir_status read_batch(struct api_call *call, struct batch *batch)
{
    enum weir_status status = read_tables(call, batch);
    for (uint32_t t = 0; status == WEIR_OK && t < batch->table_count; t++) {
        status = resolve_table(call, &batch->tables[t]);
    }
    return status;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static enum weir_status charge(struct api_call *call, struct batch *batch,
                               const struct batch_table *table, const struct item_key *key,
                               struct weir_bytes stored)
{
    if (batch->capacity == CAPACITY_NONE) {
        return WEIR_OK;
    }
    size_t bytes;
    enum weir_status status = item_stored_size(call, stored, &bytes);
    if (status == WEIR_OK) {
        (void)capacity_sum(&batch->sums, key->table->name,
                           capacity_read_units(bytes, table->consistent));
    }
    return status;
}

/* Reads from `*next` on; stops early when the answer is full. */
static enum weir_status get_keys(struct api_call *call, struct batch *batch,
                                 struct engine_view *view, const struct batch_table *table,
                                 struct weir_value *to, uint32_t *next)
{
    while (*next < table->count && batch->bytes < LIMIT_BATCH_GET_BYTES) {
        const struct item_key *key = &table->keys[*next];
        struct weir_bytes stored;
        enum weir_status status = engine_get(call->api->engine, view, call->arena, key->row_key,
                                             false, &stored, &call->error);
        if (status == WEIR_OK && stored.len > LIMIT_BATCH_GET_BYTES - batch->bytes) {
            return WEIR_OK;
        }
        if (status == WEIR_OK && stored.len > 0) {
            status = item_show(call, stored, key->projection, value_append(call->arena, to));
        }
        if (status == WEIR_OK) {
            status = charge(call, batch, table, key, stored);
        }
        if (status != WEIR_OK) {
            return status;
        }
        batch->bytes += stored.len;
        (*next)++;
    }
    return WEIR_OK;
}

/* The rest of a table's request: its parameters with the keys from `next` on. */
static void add_unprocessed(struct api_call *call, struct weir_value *unprocessed,
                            const struct batch_table *table, uint32_t next)
{
    struct weir_value *to = value_add(call->arena, unprocessed, table->name);
    struct weir_value *rest = value_new_map(call->arena, VALUE_PLAIN);
    for (uint32_t i = 0; i < table->from->u.map.count; i++) {
        const struct value_member *member = &table->from->u.map.at[i];
        struct weir_value *copy = value_add(call->arena, rest, member->name);
        if (copy == NULL) {
            return;
        }
        *copy = member->value;
        if (bytes_eq_str(member->name, "Keys")) {
            copy->u.list.at += next;
            copy->u.list.count -= next;
        }
    }
    if (to != NULL && rest != NULL) {
        *to = *rest;
    }
}

static enum weir_status fill_response(struct api_call *call, struct batch *batch,
                                      struct engine_view *view, struct weir_value *response)
{
    struct weir_value *responses = value_new_map(call->arena, VALUE_PLAIN);
    struct weir_value *unprocessed = value_new_map(call->arena, VALUE_PLAIN);
    for (uint32_t t = 0; t < batch->table_count; t++) {
        const struct batch_table *table = &batch->tables[t];
        struct weir_value *items = value_new_list(call->arena, VALUE_PLAIN);
        struct weir_value *to = value_add(call->arena, responses, table->name);
        uint32_t next = 0;
        enum weir_status status = get_keys(call, batch, view, table, items, &next);
        if (status != WEIR_OK) {
            return status;
        }
        if (to == NULL || items == NULL) {
            return call_no_memory(call);
        }
        *to = *items;
        if (next < table->count) {
            add_unprocessed(call, unprocessed, table, next);
        }
    }
    value_add_value(call->arena, response, "Responses", responses);
    value_add_value(call->arena, response, "UnprocessedKeys", unprocessed);
    capacity_add_sums(call, response, batch->capacity, &batch->sums, CAPACITY_PLAIN);
    return WEIR_OK;
}

static enum weir_status read_items(struct api_call *call, struct batch *batch,
                                   struct weir_value *response)
{
    struct engine_view *view = engine_view_open(call->api->engine);
    if (view == NULL) {
        return call_no_memory(call);
    }
    enum weir_status status = fill_response(call, batch, view, response);
    engine_view_close(view);
    return status;
}

enum api_progress op_batch_get_item_start(struct api_call *call)
{
    struct batch *batch = ARENA_NEW(call->arena, struct batch);
    if (batch == NULL) {
        (void)call_no_memory(call);
        return call_fail(call);
    }
    call->state = batch;
    batch->capacity = capacity_mode_of(call->request);
    if (read_batch(call, batch) != WEIR_OK) {
        batch_fini(batch);
        return call_fail(call);
    }
    return call_block(call);
}

enum api_progress op_batch_get_item_resume(struct api_call *call)
{
    struct batch *batch = call->state;
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    enum weir_status status = read_items(call, batch, response);
    batch_fini(batch);
    return status == WEIR_OK ? call_answer(call, response) : call_fail(call);
}
