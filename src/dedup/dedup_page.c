/* SPDX-License-Identifier: Apache-2.0 */
#include "dedup/dedup_page.h"

#include "base/base64.h"
#include "base/error.h"

#define READ_ROWS 1000 /* of a page; the service ends one at 1 MB anyway */

enum weir_status dedup_page_read(const struct weir_dedup *dedup, struct arena *a,
                                 struct weir_bytes worker, const struct weir_value *after,
                                 struct dedup_page *ret_page, struct weir_error *err)
{
    struct weir_value *response = NULL;
    struct weir_value *document = dedup_rows(a, &dedup->policy, worker, after, READ_ROWS);
    if (document == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for rows of the dedup table");
    }
    enum weir_status status = client_call(dedup->client, worker.len > 0 ? "Query" : "Scan",
                                          document, a, &response, NULL, err);
    if (status != WEIR_OK) {
        return status;
    }
    ret_page->rows = value_get(response, "Items");
    ret_page->next = value_get(response, "LastEvaluatedKey");
    return ret_page->rows != NULL && ret_page->rows->type == VALUE_L
               ? WEIR_OK
               : error_set(err, WEIR_PROTOCOL, "the answer has no list of Items");
}

struct weir_bytes dedup_page_text(const struct weir_value *item, const char *name)
{
    const struct weir_value *value = value_get(item, name);
    return value != NULL && value->type == VALUE_S ? value->u.bytes : BYTES_NONE;
}

static enum weir_dedup_state state_of(const struct dedup_row *row, enum weir_status status)
{
    static const enum weir_dedup_state states[] = {
        [DEDUP_ABSENT] = WEIR_DEDUP_EXPIRED,      [DEDUP_IN_PROGRESS] = WEIR_DEDUP_IN_PROGRESS,
        [DEDUP_COMPLETED] = WEIR_DEDUP_COMPLETED, [DEDUP_FAILED] = WEIR_DEDUP_FAILED,
        [DEDUP_FOREIGN] = WEIR_DEDUP_ANY,
    };
    return status != WEIR_OK ? WEIR_DEDUP_MALFORMED : states[row->state];
}

enum weir_status dedup_page_look(const struct dedup_call *call, const struct weir_value *node,
                                 struct dedup_seen *ret_seen, struct weir_error *err)
{
    *ret_seen = (struct dedup_seen){0};
    enum weir_status status = value_to_item(call->arena, node, &ret_seen->item, err);
    if (status != WEIR_OK) {
        return status;
    }
    ret_seen->worker = dedup_page_text(ret_seen->item, "worker_id");
    ret_seen->message = dedup_page_text(ret_seen->item, "message_id");
    ret_seen->state =
        state_of(&ret_seen->row, dedup_decode(call, ret_seen->item, &ret_seen->row, NULL));
    return WEIR_OK;
}

enum weir_status dedup_check_worker(size_t worker_len, struct weir_error *err)
{
    return worker_len <= LIMIT_PARTITION_KEY_BYTES
               ? WEIR_OK
               : error_set(err, WEIR_INVALID_ARGUMENT, "worker has %zu bytes: at most %d",
                           worker_len, LIMIT_PARTITION_KEY_BYTES);
}

/* ---- the token: Base64 of the last row's worker, behind its length of 4 bytes, and message ----
 */

struct weir_bytes dedup_page_token(struct arena *a, const struct dedup_seen *last)
{
    size_t len = 4 + last->worker.len + last->message.len;
    uint8_t *raw = arena_alloc(a, len);
    uint8_t *text = arena_alloc(a, base64_text_len(len));
    if (raw == NULL || text == NULL) {
        return BYTES_NONE;
    }
    put_be32(raw, (uint32_t)last->worker.len);
    memcpy(raw + 4, last->worker.ptr, last->worker.len);
    memcpy(raw + 4 + last->worker.len, last->message.ptr, last->message.len);
    base64_encode(bytes_of(raw, len), text);
    return bytes_of(text, base64_text_len(len));
}

enum weir_status dedup_page_after(const struct weir_dedup *dedup, struct arena *a,
                                  struct weir_bytes token, const struct weir_value **ret_after,
                                  struct weir_error *err)
{
    struct dedup_call call;
    size_t len = 0;
    uint8_t *raw = arena_alloc(a, token.len / 4 * 3 + 1);
    if (raw == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for rows of the dedup table");
    }
    bool good = base64_decode(token, raw, &len) && len > 4 && get_be32(raw) < len - 4;
    if (good) {
        size_t worker = get_be32(raw);
        struct weir_dedup_id id = {(char *)raw + 4, worker, (char *)raw + 4 + worker,
                                   len - 4 - worker};
        good = dedup_call_init(&call, a, &dedup->policy, 0, &id, NULL) == WEIR_OK;
    }
    if (!good) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "the token is not one of a former page");
    }
    *ret_after = dedup_key(&call);
    return *ret_after == NULL
               ? error_set(err, WEIR_NO_MEMORY, "no memory for rows of the dedup table")
               : WEIR_OK;
}
