/* SPDX-License-Identifier: Apache-2.0 */

/* TransactGetItems: up to 100 items as they were at one moment, from one view. */

#include "api/document.h"
#include "api/item_read.h"
#include "api/operations.h"
#include "api/request.h"
#include "api/transact.h"

static const struct shape_member get_members[] = {
    {"Key", &shape_item, true},
    {"TableName", &shape_item_table, true},
    {"ProjectionExpression", &shape_string, false},
    {"ExpressionAttributeNames", &shape_names, false},
    {0},
};
static const struct shape shape_get = {.kind = SHAPE_STRUCT, .name = "Get", .members = get_members};
static const struct shape_member element_members[] = {{"Get", &shape_get, true}, {0}};
static const struct shape shape_element = {
    .kind = SHAPE_STRUCT, .name = "TransactGetItem", .members = element_members};
static const struct shape shape_elements = {.kind = SHAPE_LIST,
                                            .checks = SHAPE_MIN | SHAPE_MAX,
                                            .min = 1,
                                            .max = LIMIT_TRANSACT_ITEMS,
                                            .element = &shape_element};
static const struct shape_member members[] = {
    {"ReturnConsumedCapacity", &shape_capacity, false},
    {"TransactItems", &shape_elements, true},
    {0},
};
const struct shape shape_transact_get_items = {.kind = SHAPE_STRUCT, .members = members};

struct transact_get {
    struct item_key keys[LIMIT_TRANSACT_ITEMS];
    const char *refused[LIMIT_TRANSACT_ITEMS]; /* why the key does not fit the table, or NULL */
    uint32_t count;
    bool canceled; /* some key was refused */
};

static void transact_fini(struct transact_get *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        item_key_fini(&t->keys[i]);
    }
    t->count = 0;
}

static enum weir_status read_get(struct api_call *call, const struct weir_value *get,
                                 struct item_key *ret_key, const char **ret_refused)
{
    struct weir_value *key;
    struct expressions e;
    struct expr_projection *projection = NULL;
    struct engine_table *table;
    enum weir_status status = expressions_mix(call, get, &expression_use_transact_get);
    if (status == WEIR_OK) {
        status = request_item(call, get, "Key", &key);
    }
    if (status == WEIR_OK) {
        status = expressions_begin(call, get, &expression_use_transact_get, &e);
    }
    if (status == WEIR_OK) {
        status = expressions_projection(&e, &projection);
    }
    if (status == WEIR_OK) {
        status = expressions_end(&e);
    }
    if (status == WEIR_OK) {
        status = call_item_table(call, request_table(get), &table);
    }
    if (status != WEIR_OK) {
        return status;
    }
    bool fits = transact_fits(table, key, true);
    status = item_key_init(call, table, key, projection, ret_key);
    if (status == WEIR_VALIDATION && !fits) {
        *ret_refused = arena_printf(call->arena, "%s", call->error.message);
        return *ret_refused != NULL ? WEIR_OK : call_no_memory(call);
    }
    return status;
}

static bool named_before(const struct transact_get *t)
{
    for (uint32_t i = 0; i + 1 < t->count; i++) {
        if (bytes_eq(t->keys[i].row_key, t->keys[t->count - 1].row_key)) {
            return true;
        }
    }
    return false;
}

static enum weir_status read_request(struct api_call *call, struct transact_get *t)
{
    const struct weir_value *list = request_member(call->request, "TransactItems");
    for (uint32_t i = 0; i < list->u.list.count; i++) {
        const struct weir_value *get = request_member(&list->u.list.at[i], "Get");
        enum weir_status status = read_get(call, get, &t->keys[i], &t->refused[i]);
        if (status != WEIR_OK) {
            return status;
        }
        t->count = i + 1;
        if (t->refused[i] != NULL) {
            t->canceled = true;
        } else if (named_before(t)) {
            return call_invalid(
                call, "Transaction request cannot include multiple operations on one item");
        }
    }
    return WEIR_OK;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static enum weir_status get_one(struct api_call *call, struct engine_view *view,
                                const struct item_key *key, struct weir_value *responses,
                                size_t *ret_bytes)
{
    struct weir_bytes stored;
    enum weir_status status = engine_get(call->api->engine, view, call->arena, key->row_key, false,
                                         &stored, &call->error);
    struct weir_value *response = document_append_map(call->arena, responses);
    if (status == WEIR_OK && stored.len > 0) {
        status = item_show(call, stored, key->projection,
                           value_add(call->arena, response, BYTES_LIT("Item")));
    }
    return status == WEIR_OK ? item_stored_size(call, stored, ret_bytes) : status;
}

static enum weir_status get_all(struct api_call *call, const struct transact_get *t,
                                struct engine_view *view, struct weir_value *response)
{
    struct capacity_sum room[LIMIT_TRANSACT_ITEMS];
    struct capacity_sums sums = {.at = room};
    size_t total = 0;
    struct weir_value *responses = value_add_list(call->arena, response, "Responses");
    for (uint32_t i = 0; i < t->count; i++) {
        size_t bytes = 0;
        enum weir_status status = get_one(call, view, &t->keys[i], responses, &bytes);
        if (status != WEIR_OK) {
            return status;
        }
        total += bytes;
        if (total > LIMIT_TRANSACT_BYTES) {
            return call_invalid(
                call, "The items of the transaction are larger than its limit of 4 MB together");
        }
        (void)capacity_sum(&sums, t->keys[i].table->name, 2 * capacity_read_units(bytes, true));
    }
    capacity_add_sums(call, response, capacity_mode_of(call->request), &sums, CAPACITY_READ);
    return WEIR_OK;
}

static enum api_progress cancel(struct api_call *call, const struct transact_get *t)
{
    struct weir_value *reasons = transact_reasons(call);
    for (uint32_t i = 0; i < t->count; i++) {
        (void)transact_reason(call, reasons, t->refused[i] == NULL ? WEIR_OK : WEIR_VALIDATION,
                              t->refused[i]);
    }
    return transact_cancel(call, reasons);
}

enum api_progress op_transact_get_items_start(struct api_call *call)
{
    struct transact_get *t = ARENA_NEW(call->arena, struct transact_get);
    if (t == NULL) {
        (void)call_no_memory(call);
        return call_fail(call);
    }
    call->state = t;
    if (read_request(call, t) != WEIR_OK) {
        transact_fini(t);
        return call_fail(call);
    }
    if (t->canceled) {
        enum api_progress progress = cancel(call, t);
        transact_fini(t);
        return progress;
    }
    return call_block(call);
}

enum api_progress op_transact_get_items_resume(struct api_call *call)
{
    struct transact_get *t = call->state;
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    struct engine_view *view = engine_view_open(call->api->engine);
    enum weir_status status =
        view != NULL ? get_all(call, t, view, response) : call_no_memory(call);
    if (view != NULL) {
        engine_view_close(view);
    }
    transact_fini(t);
    return status == WEIR_OK ? call_answer(call, response) : call_fail(call);
}
