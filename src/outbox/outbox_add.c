/* SPDX-License-Identifier: Apache-2.0 */

/* Adding one message, in a call of its own or in the caller's transaction. */

#include "outbox/outbox_store.h"

#include "base/error.h"

static void added(struct weir_outbox_added *ret_added, struct weir_bytes id,
                  const struct weir_value *response)
{
    struct weir_capacity capacity = {0};
    if (ret_added != NULL) {
        client_consumed("PutItem", response, &capacity);
        memcpy(ret_added->id, id.ptr, id.len);
        ret_added->id[id.len] = '\0';
        ret_added->write_units = capacity.write_units;
    }
}

void outbox_ask_put(struct arena *a, struct weir_value *put)
{
    value_add_str(a, put, "ReturnConsumedCapacity", BYTES_LIT("TOTAL"));
    value_add_str(a, put, "ReturnValuesOnConditionCheckFailure", BYTES_LIT("ALL_OLD"));
}

enum weir_status outbox_judge_put(struct arena *a, const struct weir_value *put,
                                  const struct weir_value *error_members, struct weir_bytes id,
                                  struct weir_error *error)
{
    const struct weir_value *there = value_get(error_members, "Item");
    struct weir_value *row = NULL;
    if (error->outcome == WEIR_OUTCOME_UNKNOWN && there != NULL &&
        value_to_item(a, there, &row, NULL) == WEIR_OK &&
        value_equal(row, value_get(put, "Item"))) {
        return WEIR_OK;
    }
    return outbox_refuse(error, WEIR_ALREADY_EXISTS, "message %.*s exists already", BYTES_ARG(id));
}

/* PutItem's request is the Put of a transaction, and what it should answer. */
static enum weir_status put_now(struct weir_outbox *outbox, struct arena *a, struct weir_value *put,
                                struct weir_bytes id, struct weir_outbox_added *ret_added,
                                struct weir_error *err)
{
    struct weir_value *response = NULL;
    const struct weir_value *members = NULL;
    struct weir_error error = {0};
    outbox_ask_put(a, put);
    enum weir_status status = outbox_call(outbox, "PutItem", put, a, &response, &members, &error);
    if (status == WEIR_CONDITION_FAILED) {
        status = outbox_judge_put(a, put, members, id, &error);
    }
    if (status != WEIR_OK && err != NULL) {
        *err = error;
    }
    if (status == WEIR_OK) {
        added(ret_added, id, response);
    }
    return status;
}

static enum weir_status add(struct weir_outbox *outbox, const struct weir_message *message,
                            struct weir_outbox_added *ret_added, char **ret_json,
                            size_t *ret_json_len, struct weir_error *err)
{
    struct arena *a = NULL;
    struct weir_value *element = NULL;
    struct weir_bytes id;
    char *json = NULL;
    size_t json_len = 0;
    enum weir_status status = outbox_call_begin(outbox, &a, err);
    if (status == WEIR_OK) {
        status = outbox_put_element(a, &outbox->layout, client_env(outbox->client), message,
                                    &element, &id, err);
    }
    if (status == WEIR_OK && ret_json != NULL) { /* first: nothing may fail once it is stored */
        status =
            outbox_text_of(value_get(value_get(element, "Put"), "Item"), &json, &json_len, err);
    }
    if (status == WEIR_OK) {
        status = put_now(outbox, a, &element->u.map.at[0].value, id, ret_added, err);
    }
    if (status == WEIR_OK && ret_json != NULL) {
        *ret_json = json;
        *ret_json_len = json_len;
    } else {
        weir_free(json);
    }
    arena_free(a);
    return status;
}

enum weir_status weir_outbox_add(struct weir_outbox *outbox, const struct weir_message *message,
                                 struct weir_outbox_added *ret_added, struct weir_error *err)
{
    return add(outbox, message, ret_added, NULL, NULL, err);
}

enum weir_status weir_outbox_add_returning(struct weir_outbox *outbox,
                                           const struct weir_message *message,
                                           struct weir_outbox_added *ret_added, char **ret_json,
                                           size_t *ret_json_len, struct weir_error *err)
{
    return add(outbox, message, ret_added, ret_json, ret_json_len, err);
}

enum weir_status weir_outbox_render(struct weir_outbox *outbox, const struct weir_message *message,
                                    char **ret_json, size_t *ret_json_len, struct weir_error *err)
{
    struct arena *a = NULL;
    struct weir_value *element = NULL;
    struct weir_bytes id;
    enum weir_status status = outbox_call_begin(outbox, &a, err);
    if (status == WEIR_OK) {
        status = outbox_put_element(a, &outbox->layout, client_env(outbox->client), message,
                                    &element, &id, err);
    }
    if (status == WEIR_OK) {
        status = outbox_text_of(element, ret_json, ret_json_len, err);
    }
    arena_free(a);
    return status;
}

/* ---- staging --------------------------------------------------------------------------------- */

/* The row of a staged message of this outbox and key, or NULL if the element is something else. */
static struct weir_value *staged_row(const struct outbox_layout *layout, struct weir_value *element,
                                     struct weir_bytes key)
{
    const struct weir_value *put = value_get(element, "Put");
    const struct weir_value *table = value_get(put, "TableName");
    const struct weir_value *item = value_get(put, "Item");
    bool ours = table != NULL && bytes_eq(table->u.bytes, layout->table) && item != NULL &&
                item->form == VALUE_ITEM && outbox_is_message(layout, item) &&
                bytes_eq(outbox_text(layout, item, OUTBOX_KEY), key);
    return ours ? (struct weir_value *)item : NULL; /* txn_element's nodes may be amended */
}

static enum weir_status set_count(struct arena *a, const struct outbox_layout *layout,
                                  struct weir_value *row, enum outbox_field field, uint32_t count,
                                  struct weir_error *err)
{
    const struct weir_value *there = outbox_value(layout, row, field);
    char *text = arena_printf(a, "%u", count);
    struct weir_bytes name = arena_dup(a, layout->names[field]);
    struct weir_value *node = there != NULL ? (struct weir_value *)there : value_add(a, row, name);
    if (text == NULL || name.ptr == NULL || node == NULL) {
        return outbox_no_memory(err);
    }
    value_set_n(node, bytes_str(text));
    return value_sort_map(row, err);
}

/* Gives the messages of one key in this transaction their places, when there are several. */
static enum weir_status number_places(const struct outbox_layout *layout, struct weir_txn *txn,
                                      struct weir_bytes key, struct weir_error *err)
{
    struct weir_value *rows[LIMIT_TRANSACT_ITEMS];
    uint32_t count = 0;
    if (!outbox_has(layout, OUTBOX_POSITION)) {
        return WEIR_OK;
    }
    for (uint32_t i = 0; i < weir_txn_count(txn); i++) {
        struct weir_value *row = staged_row(layout, txn_element(txn, i), key);
        if (row != NULL) {
            rows[count++] = row;
        }
    }
    struct arena *a = txn_arena(txn);
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; count > 1 && status == WEIR_OK && i < count; i++) {
        status = set_count(a, layout, rows[i], OUTBOX_POSITION, i + 1, err);
        if (status == WEIR_OK) {
            status = set_count(a, layout, rows[i], OUTBOX_OF, count, err);
        }
    }
    return status;
}

static enum weir_status check_handles(const struct weir_outbox *outbox, const struct weir_txn *txn,
                                      struct weir_error *err)
{
    return outbox != NULL && txn != NULL ? WEIR_OK
                                         : error_set(err, WEIR_CLOSED, "the %s is not open",
                                                     outbox == NULL ? "outbox" : "transaction");
}

static enum weir_status stage_element(struct weir_outbox *outbox, struct weir_txn *txn,
                                      struct weir_value *element, struct weir_bytes id,
                                      char *ret_id, struct weir_error *err)
{
    const struct outbox_layout *layout = &outbox->layout;
    struct weir_bytes key =
        outbox_text(layout, value_get(value_get(element, "Put"), "Item"), OUTBOX_KEY);
    enum weir_status status = txn_add_document(txn, element, WEIR_ALREADY_EXISTS, err);
    if (status == WEIR_OK) {
        status = number_places(layout, txn, key, err);
    }
    if (status == WEIR_OK && ret_id != NULL) {
        memcpy(ret_id, id.ptr, id.len);
        ret_id[id.len] = '\0';
    }
    return status;
}

enum weir_status weir_outbox_stage(struct weir_outbox *outbox, struct weir_txn *txn,
                                   const struct weir_message *message, char *ret_id,
                                   struct weir_error *err)
{
    struct weir_value *element = NULL;
    struct weir_bytes id;
    enum weir_status status = check_handles(outbox, txn, err);
    if (status == WEIR_OK) {
        status = outbox_put_element(txn_arena(txn), &outbox->layout, client_env(outbox->client),
                                    message, &element, &id, err);
    }
    return status == WEIR_OK ? stage_element(outbox, txn, element, id, ret_id, err) : status;
}

static enum weir_status check_room(const struct weir_txn *txn, const struct weir_message *messages,
                                   uint32_t count, struct weir_error *err)
{
    if (count == 0 || messages == NULL) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "there is no message to stage");
    }
    if (count > LIMIT_TRANSACT_ITEMS - weir_txn_count(txn)) {
        return error_set(err, WEIR_TOO_LARGE,
                         "a transaction has at most %d elements: %u are there, %u more do not fit",
                         LIMIT_TRANSACT_ITEMS, weir_txn_count(txn), count);
    }
    return WEIR_OK;
}

/* All elements are made before the first is added: nothing may be half staged. */
enum weir_status weir_outbox_stage_many(struct weir_outbox *outbox, struct weir_txn *txn,
                                        const struct weir_message *messages, uint32_t count,
                                        char (*ret_ids)[WEIR_MESSAGE_ID_MAX + 1],
                                        struct weir_error *err)
{
    struct weir_value *elements[LIMIT_TRANSACT_ITEMS];
    struct weir_bytes ids[LIMIT_TRANSACT_ITEMS];
    enum weir_status status = check_handles(outbox, txn, err);
    if (status == WEIR_OK) {
        status = check_room(txn, messages, count, err);
    }
    for (uint32_t i = 0; status == WEIR_OK && i < count; i++) {
        status = outbox_put_element(txn_arena(txn), &outbox->layout, client_env(outbox->client),
                                    outbox_message_at(messages, i), &elements[i], &ids[i], err);
        if (status != WEIR_OK) {
            (void)error_wrap(err, status, "place %u", i);
        }
    }
    for (uint32_t i = 0; status == WEIR_OK && i < count; i++) {
        status = stage_element(outbox, txn, elements[i], ids[i],
                               ret_ids == NULL ? NULL : ret_ids[i], err);
    }
    return status;
}
