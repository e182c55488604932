/* SPDX-License-Identifier: Apache-2.0 */

/* Reading items by key. See item_read.h. */

#include "api/item_read.h"

#include "api/document.h"

/* table_id, hash, and both key attributes at their longest, every byte of them escaped. */
#define ROW_KEY_BYTES_MAX (12 + 2 * (LIMIT_PARTITION_KEY_BYTES + LIMIT_SORT_KEY_BYTES) + 4)

enum weir_status item_key_init(struct api_call *call, struct engine_table *take_table,
                               const struct weir_value *key,
                               const struct expr_projection *projection, struct item_key *ret_key)
{
    struct buf row_key;
    buf_init(&row_key, ROW_KEY_BYTES_MAX);
    enum weir_status status = engine_row_key(take_table, key, true, &row_key, &call->error);
    struct weir_bytes copy = BYTES_NONE;
    if (status == WEIR_OK) {
        copy = arena_dup(call->arena, buf_bytes(&row_key));
        status = copy.ptr != NULL ? WEIR_OK : call_no_memory(call);
    }
    buf_fini(&row_key);
    if (status != WEIR_OK) {
        engine_table_unref(take_table);
        return status;
    }
    *ret_key = (struct item_key){take_table, copy, projection};
    return WEIR_OK;
}

void item_key_fini(struct item_key *key)
{
    engine_table_unref(key->table);
    key->table = NULL;
}

enum weir_status item_show(struct api_call *call, struct weir_bytes stored,
                           const struct expr_projection *projection, struct weir_value *to)
{
    if (to == NULL) {
        return call_no_memory(call);
    }
    if (projection == NULL) {
        document_set_stored(to, stored);
        return WEIR_OK;
    }
    struct weir_value *item;
    enum weir_status status = value_decode_item(call->arena, stored, &item, &call->error);
    if (status == WEIR_OK) {
        status = expr_project(call->arena, projection, item, &item, &call->error);
    }
    if (status == WEIR_OK) {
        *to = *item;
    }
    return status;
}

enum weir_status item_stored_size(struct api_call *call, struct weir_bytes stored,
                                  size_t *ret_bytes)
{
    *ret_bytes = 0;
    if (stored.len == 0) {
        return WEIR_OK;
    }
    struct weir_value *item;
    enum weir_status status = value_decode_item(call->arena, stored, &item, &call->error);
    if (status == WEIR_OK) {
        *ret_bytes = item_size(item);
    }
    return status;
}
