/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions: every operation is evaluated against the view as it is before the transaction, and
 * only when all of them may is the first one applied. A client's token and what it stands for are
 * in the same batch, for ten minutes.
 *
 *     KV_META  'x' token            -> version, time, hash
 *     KV_TIME  'x' time token       -> nothing         (to find the old ones)
 */
#include "engine/internal.h"

#include <stdio.h>

#define TOKEN_VERSION 1
#define TOKEN_HASH_BYTES 32
#define TOKEN_ROW_BYTES (1 + 8 + TOKEN_HASH_BYTES)

/* ---- tokens -----------------------------------------------------------------------------------
 */

struct token {
    bool found;
    int64_t used_ms;
    uint8_t hash[TOKEN_HASH_BYTES];
};

static void token_key_put(struct buf *to, struct weir_bytes token)
{
    buf_put_u8(to, ROW_TOKEN);
    buf_put(to, token);
}

static void token_time_key_put(struct buf *to, int64_t used_ms, struct weir_bytes token)
{
    buf_put_u8(to, ROW_TOKEN);
    buf_put_be64(to, (uint64_t)used_ms);
    buf_put(to, token);
}

static enum weir_status token_take(struct weir_bytes value, struct token *ret_token,
                                   struct weir_error *err)
{
    if (value.len != TOKEN_ROW_BYTES || value.ptr[0] != TOKEN_VERSION) {
        return error_set(err, WEIR_CORRUPTION, "a stored transaction token is damaged");
    }
    ret_token->found = true;
    ret_token->used_ms = (int64_t)get_be64(value.ptr + 1);
    memcpy(ret_token->hash, value.ptr + 9, TOKEN_HASH_BYTES);
    return WEIR_OK;
}

static enum weir_status token_get(struct engine *engine, struct weir_bytes token,
                                  struct token *ret_token, struct weir_error *err)
{
    struct open_batch *batch = &engine->batch;
    *ret_token = (struct token){0};
    const struct row *open = overlay_get(&batch->tokens, token);
    if (open != NULL) {
        ret_token->found = true;
        ret_token->used_ms = batch->commit_ms;
        memcpy(ret_token->hash, open->encoding.ptr, TOKEN_HASH_BYTES);
        return WEIR_OK;
    }
    buf_reset(&batch->row);
    token_key_put(&batch->row, token);
    struct kv_value value = {0};
    enum weir_status status =
        kv_get(engine->kv, NULL, KV_META, buf_bytes(&batch->row), false, &value, err);
    if (status == WEIR_NOT_FOUND) {
        return WEIR_OK;
    }
    if (status == WEIR_OK) {
        status = token_take(value.bytes, ret_token, err);
    }
    kv_value_fini(&value);
    return status;
}

/* Remembers the token, in the place of what it may have stood for more than ten minutes ago. */
static void token_put(struct engine *engine, const struct engine_request *request,
                      const struct token *old)
{
    struct open_batch *batch = &engine->batch;
    struct buf *key = &batch->row;
    if (old->found) {
        buf_reset(key);
        token_time_key_put(key, old->used_ms, request->token);
        kv_batch_delete(engine->kv, batch->kv, KV_TIME, buf_bytes(key));
    }
    buf_reset(&batch->image);
    buf_reset(key);
    token_time_key_put(key, batch->commit_ms, request->token);
    batch_put_row(engine, KV_TIME, buf_bytes(key), &batch->image);

    buf_put_u8(&batch->image, TOKEN_VERSION);
    buf_put_be64(&batch->image, (uint64_t)batch->commit_ms);
    buf_put(&batch->image, bytes_of(request->token_hash, TOKEN_HASH_BYTES));
    buf_reset(key);
    token_key_put(key, request->token);
    batch_put_row(engine, KV_META, buf_bytes(key), &batch->image);

    struct row row = {.encoding = bytes_of(request->token_hash, TOKEN_HASH_BYTES)};
    (void)overlay_put(&batch->tokens, request->token, &row);
}

/* ---- evaluating all, then applying all --------------------------------------------------------
 */

static bool names_an_item_twice(struct engine *engine, const struct engine_request *request)
{
    struct overlay *keys = &engine->batch.txn_keys;
    overlay_clear(keys);
    for (uint32_t i = 0; i < request->op_count; i++) {
        if (!overlay_put(keys, request->ops[i].row_key, &(struct row){0})) {
            return true;
        }
    }
    return false;
}

/* What cancels a transaction with a reason of its own, as opposed to failing the request. */
static bool is_reason(enum weir_status status)
{
    return status == WEIR_CONDITION_FAILED || status == WEIR_VALIDATION;
}

static const char *reason_code(enum weir_status status)
{
    return status == WEIR_CONDITION_FAILED ? "ConditionalCheckFailed"
           : status == WEIR_VALIDATION     ? "ValidationError"
                                           : "None";
}

static enum weir_status cancel(struct engine_request *request)
{
    char codes[WEIR_ERROR_MESSAGE_MAX] = "";
    size_t len = 0;
    for (uint32_t i = 0; i < request->op_count && len < sizeof(codes); i++) {
        int added = snprintf(codes + len, sizeof(codes) - len, "%s%s", i == 0 ? "" : ", ",
                             reason_code(request->ops[i].status));
        len += added > 0 ? (size_t)added : 0;
    }
    return error_set(&request->error, WEIR_TXN_CANCELED,
                     "Transaction cancelled, please refer cancellation reasons for specific "
                     "reasons [%s]",
                     codes);
}

static enum weir_status evaluate_all(struct engine *engine, struct engine_request *request,
                                     struct effect *effects)
{
    bool canceled = false;
    for (uint32_t i = 0; i < request->op_count; i++) {
        struct engine_op *op = &request->ops[i];
        struct weir_error error = {0};
        op->status = write_evaluate(engine, request->arena, op, &effects[i], &error);
        if (op->status == WEIR_OK) {
            continue;
        }
        write_fail_op(request, op, &error);
        if (!is_reason(op->status)) {
            request->error = error;
            return op->status;
        }
        canceled = true;
    }
    return canceled ? cancel(request) : WEIR_OK;
}

static enum weir_status run(struct engine *engine, struct engine_request *request)
{
    if (names_an_item_twice(engine, request)) {
        return error_set(&request->error, WEIR_VALIDATION,
                         "Transaction request cannot include multiple operations on one item");
    }
    struct effect *effects = ARENA_ARRAY(request->arena, struct effect, request->op_count);
    if (effects == NULL) {
        return error_set(&request->error, WEIR_NO_MEMORY, "no memory for the transaction");
    }
    enum weir_status status = evaluate_all(engine, request, effects);
    for (uint32_t i = 0; status == WEIR_OK && i < request->op_count; i++) {
        write_apply(engine, &effects[i]);
    }
    return status;
}

static enum weir_status repeat(struct engine_request *request, const struct token *token)
{
    if (memcmp(token->hash, request->token_hash, TOKEN_HASH_BYTES) != 0) {
        return error_set(&request->error, WEIR_IDEMPOTENT_MISMATCH,
                         "The client request token was used before with other parameters");
    }
    request->repeated = true;
    return WEIR_OK;
}

void txn_execute(struct engine *engine, struct engine_request *request)
{
    struct token token = {0};
    enum weir_status status = WEIR_OK;
    if (request->token.len > 0) {
        status = token_get(engine, request->token, &token, &request->error);
    }
    bool fresh = token.found && engine->batch.commit_ms - token.used_ms < LIMIT_TRANSACT_TOKEN_MS;
    if (status == WEIR_OK && fresh) {
        status = repeat(request, &token);
    } else if (status == WEIR_OK) {
        status = run(engine, request);
        if (status == WEIR_OK && request->token.len > 0) {
            token_put(engine, request, &token);
        }
    }
    request->status = status;
}
