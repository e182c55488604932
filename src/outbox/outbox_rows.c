/* SPDX-License-Identifier: Apache-2.0 */

/* Reading rows: one, or page after page of a Scan or a Query. */

#include "outbox/outbox_store.h"

#include "base/error.h"

static enum weir_status visit_page(struct arena *a, const struct weir_value *response,
                                   struct outbox_read *read, bool *ret_enough,
                                   struct weir_error *err)
{
    const struct weir_value *items = value_get(response, "Items");
    for (uint32_t i = 0; items != NULL && i < items->u.list.count; i++) {
        struct weir_value *item = NULL;
        enum weir_status status = value_to_item(a, &items->u.list.at[i], &item, err);
        if (status != WEIR_OK) {
            return status;
        }
        enum outbox_visit visit = read->row(read, item);
        if (visit == OUTBOX_VISIT_NO_MEMORY) {
            return error_set(err, WEIR_NO_MEMORY, "no memory for a list of messages");
        }
        if (visit == OUTBOX_VISIT_ENOUGH) {
            *ret_enough = true;
            return WEIR_OK;
        }
    }
    return WEIR_OK;
}

/* One page; *start_key is the next one's, NULL at the end. */
static enum weir_status read_page(struct weir_outbox *outbox, struct outbox_read *read,
                                  struct arena *a, const struct weir_value **start_key,
                                  struct weir_error *err)
{
    struct weir_value *response = NULL;
    bool enough = false;
    arena_reset(a);
    struct weir_value *request = read->request(a, read);
    if (request == NULL) {
        return outbox_no_memory(err);
    }
    if (*start_key != NULL) {
        value_add_value(a, request, "ExclusiveStartKey", *start_key);
    }
    enum weir_status status =
        outbox_call(outbox, read->operation, request, a, &response, NULL, err);
    if (status == WEIR_OK) {
        status = visit_page(a, response, read, &enough, err);
    }
    *start_key = status == WEIR_OK && !enough ? value_get(response, "LastEvaluatedKey") : NULL;
    return status;
}

/* Two arenas in turn: the start key of the next page lives in the page before. */
enum weir_status outbox_read_rows(struct weir_outbox *outbox, struct outbox_read *read,
                                  struct weir_error *err)
{
    struct arena *arenas[2] = {arena_new(OUTBOX_CALL_BYTES), arena_new(OUTBOX_CALL_BYTES)};
    const struct weir_value *start_key = read->start_key;
    enum weir_status status = WEIR_OK;
    if (arenas[0] == NULL || arenas[1] == NULL) {
        status = outbox_no_memory(err);
    }
    for (unsigned turn = 0; status == WEIR_OK; turn = !turn) {
        status = read_page(outbox, read, arenas[turn], &start_key, err);
        if (start_key == NULL) {
            break;
        }
    }
    arena_free(arenas[0]);
    arena_free(arenas[1]);
    return status;
}

static void add_key_condition(struct arena *a, struct weir_value *request,
                              const struct outbox_layout *layout, struct weir_bytes key)
{
    if (layout->kind->hash != OUTBOX_KEY) {
        value_add_str(a, request, "IndexName", BYTES_LIT("AggregateIdIndex"));
    }
    value_add_str(a, request, "KeyConditionExpression", BYTES_LIT("#key = :key"));
    struct weir_value *values = value_new_map(a, VALUE_ITEM);
    outbox_add_text(a, values, BYTES_LIT(":key"), key);
    outbox_add_values(a, request, values);
}

struct weir_value *outbox_rows_request(struct arena *a, const struct outbox_layout *layout,
                                       struct weir_bytes key)
{
    bool indexed = key.len > 0 && layout->kind->hash != OUTBOX_KEY;
    bool derived = layout->kind->hash == OUTBOX_ROW;
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", layout->table);
    value_add_bool(a, request, "ConsistentRead", !indexed);
    value_add_str(a, request, "ProjectionExpression",
                  derived ? BYTES_LIT("#key, #id, #created, #published, #retries, #proof, "
                                      "#parked.#created, #row")
                          : BYTES_LIT("#key, #id, #created, #published, #retries, #proof, "
                                      "#parked.#created"));
    struct weir_value *names = value_new_map(a, VALUE_PLAIN);
    outbox_add_name(a, names, "#key", layout, OUTBOX_KEY);
    outbox_add_name(a, names, "#id", layout, OUTBOX_ID);
    outbox_add_name(a, names, "#created", layout, OUTBOX_CREATED_AT);
    outbox_add_name(a, names, "#published", layout, OUTBOX_PUBLISHED);
    outbox_add_name(a, names, "#retries", layout, OUTBOX_RETRY_COUNT);
    outbox_add_name(a, names, "#proof", layout, layout->kind->proof);
    outbox_add_name(a, names, "#parked", layout, OUTBOX_PARKED);
    if (derived) {
        outbox_add_name(a, names, "#row", layout, OUTBOX_ROW);
    }
    if (names != NULL) {
        value_add_value(a, request, "ExpressionAttributeNames", names);
    }
    if (key.len > 0) {
        add_key_condition(a, request, layout, key);
    }
    return request;
}

struct weir_bytes outbox_id_of_row(const struct outbox_layout *layout, const struct weir_value *row)
{
    const char *prefix = layout->kind->row_prefix;
    if (prefix == NULL) {
        return outbox_text(layout, row, OUTBOX_ID);
    }
    struct weir_bytes key = outbox_text(layout, row, OUTBOX_ROW);
    return bytes_starts_with(key, bytes_str(prefix))
               ? bytes_of(key.ptr + strlen(prefix), key.len - strlen(prefix))
               : BYTES_NONE;
}

bool outbox_is_published(const struct outbox_layout *layout, const struct weir_value *row)
{
    const struct weir_value *flag = outbox_value(layout, row, OUTBOX_PUBLISHED);
    return flag != NULL && flag->type == VALUE_BOOL && flag->truth;
}

enum weir_status outbox_read_row(struct weir_outbox *outbox, struct arena *a,
                                 struct weir_value *key, struct weir_value **ret_row,
                                 struct weir_error *err)
{
    struct weir_value *response = NULL;
    struct weir_value *request = outbox_keyed_request(a, &outbox->layout, key);
    if (request == NULL) {
        return outbox_no_memory(err);
    }
    value_add_bool(a, request, "ConsistentRead", true);
    enum weir_status status = outbox_call(outbox, "GetItem", request, a, &response, NULL, err);
    *ret_row = NULL;
    if (status != WEIR_OK || value_get(response, "Item") == NULL) {
        return status;
    }
    return value_to_item(a, value_get(response, "Item"), ret_row, err);
}
