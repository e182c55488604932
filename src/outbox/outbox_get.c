/* SPDX-License-Identifier: Apache-2.0 */

/* Reading messages that are asked for: one by its id, some by an index. */

#include "outbox/outbox_store.h"

#include "base/error.h"

enum weir_status weir_outbox_get(struct weir_outbox *outbox, const char *key, size_t key_len,
                                 const char *id, size_t id_len, char **ret_json,
                                 size_t *ret_json_len, struct weir_error *err)
{
    struct arena *a = NULL;
    struct weir_value *row = NULL;
    struct weir_value document;
    struct weir_bytes name = bytes_of(id, id_len), of = bytes_of(key, key_len);
    enum weir_status status = outbox_call_begin(outbox, &a, err);
    if (status == WEIR_OK) {
        status = outbox_check_ref(&outbox->layout, of, name, err);
    }
    if (status == WEIR_OK) {
        status = outbox_read_row(outbox, a, outbox_key(a, &outbox->layout, of, name), &row, err);
    }
    if (status == WEIR_OK && (row == NULL || !outbox_is_message(&outbox->layout, row))) {
        status = outbox_not_found(&outbox->layout, of, name, err);
    }
    if (status == WEIR_OK) {
        status = outbox_document(a, &outbox->layout, row, &document, err);
    }
    if (status == WEIR_OK) {
        status = outbox_text_of(&document, ret_json, ret_json_len, err);
    }
    arena_free(a);
    return status;
}

/* ---- by an index ----------------------------------------------------------------------------- */

static const struct outbox_index *index_of(const struct outbox_layout *layout,
                                           enum weir_outbox_index wanted)
{
    enum outbox_field hash =
        wanted == WEIR_OUTBOX_BY_CORRELATION ? OUTBOX_CORRELATION_ID : OUTBOX_KEY;
    for (size_t i = 0; i < layout->kind->index_count; i++) {
        if (layout->kind->indexes[i].hash == hash) {
            return &layout->kind->indexes[i];
        }
    }
    return NULL;
}

/* The key of a page's last row in the index: what hashes there, and its own. */
static struct weir_value *start_key_of(struct arena *a, const struct outbox_layout *layout,
                                       const struct outbox_index *index, struct weir_bytes value,
                                       struct weir_bytes row_key)
{
    struct weir_value *key = value_new_map(a, VALUE_ITEM);
    outbox_add_text(a, key, layout->names[index->hash], value);
    outbox_add_text(a, key, layout->names[layout->kind->hash], row_key);
    return key == NULL || value_sort_map(key, NULL) != WEIR_OK ? NULL : key;
}

static struct weir_value *find_request(struct arena *a, const struct outbox_layout *layout,
                                       const struct outbox_index *index, struct weir_bytes value,
                                       uint32_t limit, struct weir_bytes behind)
{
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", layout->table);
    value_add_str(a, request, "IndexName", bytes_str(index->name));
    value_add_int(a, request, "Limit", limit);
    value_add_str(a, request, "KeyConditionExpression", BYTES_LIT("#value = :value"));
    struct weir_value *names = value_add_map(a, request, "ExpressionAttributeNames");
    outbox_add_name(a, names, "#value", layout, index->hash);
    struct weir_value *values = value_new_map(a, VALUE_ITEM);
    outbox_add_text(a, values, BYTES_LIT(":value"), value);
    outbox_add_values(a, request, values);
    if (behind.len > 0) {
        struct weir_value *key = start_key_of(a, layout, index, value, behind);
        if (key == NULL) {
            return NULL;
        }
        value_add_value(a, request, "ExclusiveStartKey", key);
    }
    return request;
}

static enum weir_status add_found(struct arena *a, const struct outbox_layout *layout,
                                  const struct weir_value *response, struct weir_value *page,
                                  struct weir_error *err)
{
    const struct weir_value *items = value_get(response, "Items");
    struct weir_value *messages = value_new_list(a, VALUE_PLAIN);
    struct weir_value *row = NULL;
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && items != NULL && i < items->u.list.count; i++) {
        struct weir_value *node = value_append(a, messages);
        status = node == NULL ? outbox_no_memory(err)
                              : value_to_item(a, &items->u.list.at[i], &row, err);
        if (status == WEIR_OK) {
            status = outbox_document(a, layout, row, node, err);
        }
    }
    if (status == WEIR_OK) {
        value_add_value(a, page, "messages", messages);
    }
    if (status == WEIR_OK && value_get(response, "LastEvaluatedKey") != NULL && row != NULL) {
        struct weir_bytes last = outbox_text(layout, row, layout->kind->hash);
        value_add_str(a, page, "next", outbox_token(a, &last, 1));
    }
    return status;
}

static enum weir_status find(struct weir_outbox *outbox, struct arena *a,
                             const struct outbox_index *index, struct weir_bytes value,
                             uint32_t limit, struct weir_bytes behind, struct weir_value *page,
                             struct weir_error *err)
{
    struct weir_value *response = NULL;
    struct weir_value *request = find_request(a, &outbox->layout, index, value, limit, behind);
    if (request == NULL) {
        return outbox_no_memory(err);
    }
    enum weir_status status = outbox_call(outbox, "Query", request, a, &response, NULL, err);
    return status == WEIR_OK ? add_found(a, &outbox->layout, response, page, err) : status;
}

enum weir_status weir_outbox_find(struct weir_outbox *outbox, enum weir_outbox_index wanted,
                                  const char *value, size_t value_len, uint32_t limit,
                                  const char *token, size_t token_len, char **ret_page,
                                  size_t *ret_page_len, struct weir_error *err)
{
    struct arena *a = NULL;
    struct weir_bytes behind = BYTES_NONE;
    enum weir_status status = outbox_page_begin(outbox, limit, &a, err);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_value *page = value_new_map(a, VALUE_PLAIN);
    const struct outbox_index *index = index_of(&outbox->layout, wanted);
    if (index == NULL) {
        status = error_set(err, WEIR_UNSUPPORTED,
                           "layout %s has no index by correlation or aggregate id",
                           outbox->layout.kind->name);
    } else if (value_len == 0) {
        status = error_set(err, WEIR_INVALID_ARGUMENT, "the id to look for must not be empty");
    } else if (token_len > 0) {
        status = outbox_token_decode(a, bytes_of(token, token_len), &behind, 1, err);
    }
    if (status == WEIR_OK) {
        status = find(outbox, a, index, bytes_of(value, value_len), limit, behind, page, err);
    }
    if (status == WEIR_OK) {
        status = outbox_text_of(page, ret_page, ret_page_len, err);
    }
    arena_free(a);
    return status;
}
