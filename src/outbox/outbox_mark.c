/* SPDX-License-Identifier: Apache-2.0 */

/* Marking one message, marking many, and recording a failed attempt. */

#include "outbox/outbox_store.h"

#include "base/error.h"
#include "base/utf8.h"

enum weir_status outbox_check_ref(const struct outbox_layout *layout, struct weir_bytes key,
                                  struct weir_bytes id, struct weir_error *err)
{
    if (id.len == 0 || id.len > WEIR_MESSAGE_ID_MAX) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "id has %zu bytes: 1 to %d", id.len,
                         WEIR_MESSAGE_ID_MAX);
    }
    if (layout->kind->row_prefix == NULL && (key.len == 0 || key.len > LIMIT_PARTITION_KEY_BYTES)) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "key has %zu bytes: 1 to %d", key.len,
                         LIMIT_PARTITION_KEY_BYTES);
    }
    return WEIR_OK;
}

enum weir_status outbox_check_marking(const struct weir_outbox *outbox, struct weir_error *err)
{
    return outbox->layout.mark != WEIR_MARK_NONE
               ? WEIR_OK
               : error_set(err, WEIR_INVALID_ARGUMENT,
                           "this outbox was opened with mark \"none\": its rows are not marked");
}

/* After a lost answer a deletion's condition fails because the row is gone: by that attempt. */
static bool is_deleted_by_lost_attempt(const char *operation, const struct weir_value *members,
                                       const struct weir_error *error)
{
    return strcmp(operation, "DeleteItem") == 0 && error->outcome == WEIR_OUTCOME_UNKNOWN &&
           value_get(members, "Item") == NULL;
}

/* One conditional write of one row. */
static enum weir_status write_row(struct weir_outbox *outbox, struct arena *a,
                                  const char *operation, struct weir_value *request,
                                  struct weir_bytes key, struct weir_bytes id,
                                  struct weir_error *err)
{
    struct weir_value *response = NULL;
    const struct weir_value *members = NULL;
    struct weir_error error = {0};
    value_add_str(a, request, "ReturnValuesOnConditionCheckFailure", BYTES_LIT("ALL_OLD"));
    enum weir_status status =
        request == NULL ? outbox_no_memory(&error)
                        : outbox_call(outbox, operation, request, a, &response, &members, &error);
    if (status == WEIR_CONDITION_FAILED) {
        status = is_deleted_by_lost_attempt(operation, members, &error)
                     ? WEIR_OK
                     : outbox_not_found(&outbox->layout, key, id, &error);
    }
    if (status != WEIR_OK && err != NULL) {
        *err = error;
    }
    return status;
}

enum weir_status weir_outbox_mark(struct weir_outbox *outbox, const char *key, size_t key_len,
                                  const char *id, size_t id_len, struct weir_error *err)
{
    struct arena *a = NULL;
    struct weir_bytes of = bytes_of(key, key_len), name = bytes_of(id, id_len);
    enum weir_status status = outbox_call_begin(outbox, &a, err);
    if (status == WEIR_OK) {
        status = outbox_check_marking(outbox, err);
    }
    if (status == WEIR_OK) {
        status = outbox_check_ref(&outbox->layout, of, name, err);
    }
    if (status == WEIR_OK) {
        status = write_row(outbox, a, outbox_mark_operation(&outbox->layout),
                           outbox_mark_request(a, &outbox->layout, of, name,
                                               env_wall_ms(client_env(outbox->client))),
                           of, name, err);
    }
    arena_free(a);
    return status;
}

/* ---- a failed attempt ------------------------------------------------------------------------ */

/* Whole characters of at most WEIR_OUTBOX_ERROR_MAX bytes. */
static struct weir_bytes cut_text(struct weir_bytes text)
{
    size_t len = text.len;
    if (len > WEIR_OUTBOX_ERROR_MAX) {
        len = WEIR_OUTBOX_ERROR_MAX;
        while (len > 0 && (text.ptr[len] & 0xC0) == 0x80) {
            len--;
        }
    }
    return bytes_of(text.ptr, len);
}

static struct weir_value *failure_request(struct arena *a, const struct outbox_layout *layout,
                                          struct weir_bytes key, struct weir_bytes id,
                                          struct weir_bytes text)
{
    struct weir_value *request = outbox_keyed_request(a, layout, outbox_key(a, layout, key, id));
    value_add_str(a, request, "ConditionExpression", BYTES_LIT("attribute_exists(#proof)"));
    value_add_str(a, request, "UpdateExpression", BYTES_LIT("SET #error = :text ADD #count :one"));
    struct weir_value *names = value_new_map(a, VALUE_PLAIN);
    outbox_add_name(a, names, "#proof", layout, layout->kind->proof);
    outbox_add_name(a, names, "#error", layout, OUTBOX_LAST_ERROR);
    outbox_add_name(a, names, "#count", layout, OUTBOX_RETRY_COUNT);
    if (request == NULL || names == NULL) {
        return NULL;
    }
    value_add_value(a, request, "ExpressionAttributeNames", names);
    struct weir_value *values = value_new_map(a, VALUE_ITEM);
    outbox_add_text(a, values, BYTES_LIT(":text"), text);
    outbox_add_number(a, values, BYTES_LIT(":one"), 1);
    outbox_add_values(a, request, values);
    return request;
}

enum weir_status weir_outbox_record_failure(struct weir_outbox *outbox, const char *key,
                                            size_t key_len, const char *id, size_t id_len,
                                            const char *text, size_t text_len,
                                            struct weir_error *err)
{
    struct arena *a = NULL;
    struct weir_bytes of = bytes_of(key, key_len), name = bytes_of(id, id_len);
    struct weir_bytes error_text = cut_text(bytes_of(text, text_len));
    enum weir_status status = outbox_call_begin(outbox, &a, err);
    if (status == WEIR_OK) {
        status = outbox_check_ref(&outbox->layout, of, name, err);
    }
    if (status == WEIR_OK && !utf8_valid(error_text)) {
        status = error_set(err, WEIR_INVALID_ARGUMENT, "the error's text is not UTF-8");
    }
    if (status == WEIR_OK) {
        status =
            write_row(outbox, a, "UpdateItem",
                      failure_request(a, &outbox->layout, of, name, error_text), of, name, err);
    }
    arena_free(a);
    return status;
}
