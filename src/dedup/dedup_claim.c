/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Claims and the holder's moves. A move is one conditional write; what a refusal means is read from
 * the row that caused it: by its token ours or another's, by its state where it stands.
 */

#include "dedup/dedup_store.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/utf8.h"

/* What a row needs beside its keys and its result; for naming a result that cannot fit. */
#define ROW_OVERHEAD_BYTES 512

_Static_assert(WEIR_CLAIM_TOKEN_SIZE == UUID_TEXT_SIZE, "a token is a UUID");

/* ---- claiming -------------------------------------------------------------------------------- */

static enum weir_status payload_hash(const struct dedup_call *call,
                                     const struct weir_claim_request *request,
                                     struct weir_bytes *ret_hash, struct weir_error *error)
{
    uint8_t *digest = arena_alloc(call->arena, DEDUP_PAYLOAD_HASH_BYTES);
    const void *payload = request->payload_len == 0 ? "" : request->payload;
    if (digest == NULL ||
        EVP_Digest(payload, request->payload_len, digest, NULL, EVP_sha256(), NULL) != 1) {
        return error_set(error, WEIR_NO_MEMORY, "no memory for the payload's hash");
    }
    *ret_hash = bytes_of(digest, DEDUP_PAYLOAD_HASH_BYTES);
    return WEIR_OK;
}

/* A claim that was answered: what it asked for, and what its caller is told. */
struct attempt {
    const struct dedup_call *call;
    const struct dedup_claim *asked;
    struct weir_claim claim;
};

static enum weir_status acquired(struct weir_dedup *dedup, struct attempt *attempt, bool taken_over)
{
    struct weir_claim *claim = &attempt->claim;
    claim->outcome = WEIR_CLAIM_ACQUIRED;
    claim->taken_over = taken_over;
    claim->until_ms = attempt->asked->until_ms;
    memcpy(claim->token, attempt->asked->token.ptr, attempt->asked->token.len);
    atomic_fetch_add(&dedup->misses, 1);
    if (taken_over) {
        atomic_fetch_add(&dedup->takeovers, 1);
    }
    return WEIR_OK;
}

/* Not acquired, for a reason that is an answer; `kept` is what the row has to say. */
static enum weir_status answer(struct attempt *attempt, enum weir_claim_outcome outcome,
                               int64_t until_ms, struct weir_bytes kept, struct weir_error *error)
{
    if (kept.len > 0) {
        attempt->claim.result = malloc(kept.len);
        if (attempt->claim.result == NULL) {
            return error_set(error, WEIR_NO_MEMORY, "no memory for a claim's result");
        }
        memcpy(attempt->claim.result, kept.ptr, kept.len);
        attempt->claim.result_len = kept.len;
    }
    attempt->claim.outcome = outcome;
    attempt->claim.until_ms = until_ms;
    return WEIR_OK;
}

static enum weir_status read_refusal(struct weir_dedup *dedup, struct attempt *attempt,
                                     const struct dedup_row *row, struct weir_error *error)
{
    if (row->state == DEDUP_ABSENT) {
        return dedup_refuse(attempt->call, WEIR_PROTOCOL, DEDUP_ROW_NOT_SHOWN, error);
    }
    if (row->state == DEDUP_FOREIGN) {
        return dedup_refuse(attempt->call, WEIR_CONFIG, DEDUP_IS_FOREIGN, error);
    }
    if (bytes_eq(row->token, attempt->asked->token)) {
        return acquired(dedup, attempt, false); /* by an attempt whose answer was lost */
    }
    if (row->payload_hash.len > 0 && !bytes_eq(row->payload_hash, attempt->asked->hash)) {
        return dedup_refuse(attempt->call, WEIR_IDEMPOTENT_MISMATCH,
                            "was claimed with another payload", error);
    }
    if (row->state == DEDUP_COMPLETED) {
        atomic_fetch_add(&dedup->hits, 1);
        dedup_remember(dedup, attempt->call, row->expires_at_s);
        return answer(attempt, WEIR_CLAIM_COMPLETED, 0, row->result, error);
    }
    atomic_fetch_add(&dedup->conflicts, 1);
    return row->state == DEDUP_FAILED
               ? answer(attempt, WEIR_CLAIM_FAILED, row->lease_until_ms, row->error, error)
               : answer(attempt, WEIR_CLAIM_IN_PROGRESS, row->lease_until_ms, BYTES_NONE, error);
}

/* Whether the row that the claim replaced was another's claim. */
static bool was_claimed(const struct dedup_call *call, const struct weir_value *response)
{
    struct dedup_row old;
    return dedup_decode(call, value_get(response, "Attributes"), &old, NULL) == WEIR_OK &&
           old.state == DEDUP_IN_PROGRESS;
}

struct weir_value *dedup_claim_document(const struct weir_dedup *dedup,
                                        const struct dedup_call *call,
                                        const struct weir_claim_request *request,
                                        struct dedup_claim *ret_claim, struct weir_error *error)
{
    struct weir_value *document = NULL;
    ret_claim->until_ms = call->now_ms + call->policy->lease_ms;
    enum weir_status status = payload_hash(call, request, &ret_claim->hash, error);
    if (status == WEIR_OK) {
        status = dedup_token_new(dedup, call, &ret_claim->token, error);
    }
    if (status == WEIR_OK) {
        document = dedup_claim_put(call, ret_claim->token, ret_claim->hash, ret_claim->until_ms);
        if (document == NULL) {
            (void)error_set(error, WEIR_NO_MEMORY, "no memory for a claim");
        }
    }
    return document;
}

enum weir_status dedup_claim_settle(struct weir_dedup *dedup, const struct dedup_call *call,
                                    const struct dedup_claim *claim, enum weir_status status,
                                    const struct weir_value *response, const struct dedup_row *row,
                                    struct weir_claim *ret_claim, struct weir_error *error)
{
    struct attempt attempt = {.call = call, .asked = claim};
    if (status == WEIR_OK) {
        status = acquired(dedup, &attempt, was_claimed(call, response));
    } else if (status == WEIR_CONDITION_FAILED) {
        status = read_refusal(dedup, &attempt, row, error);
    }
    if (status == WEIR_OK) {
        *ret_claim = attempt.claim;
    }
    return status;
}

static enum weir_status claim(struct weir_dedup *dedup, const struct dedup_call *call,
                              const struct weir_claim_request *request,
                              struct weir_claim *ret_claim, struct weir_error *error)
{
    struct dedup_claim state;
    struct weir_value *response = NULL;
    struct dedup_row row = {0};
    struct weir_value *document = dedup_claim_document(dedup, call, request, &state, error);
    if (document == NULL) {
        return error->status;
    }
    enum weir_status status = dedup_write(dedup, call, "PutItem", document, &response, &row, error);
    return dedup_claim_settle(dedup, call, &state, status, response, &row, ret_claim, error);
}

enum weir_status weir_dedup_claim(struct weir_dedup *dedup,
                                  const struct weir_claim_request *request,
                                  struct weir_claim *ret_claim, struct weir_error *err)
{
    struct dedup_call call;
    struct weir_error error = {0};
    enum weir_status status =
        dedup_call_begin(dedup, request == NULL ? NULL : &request->id, &call, &error);
    if (status == WEIR_OK) {
        status = claim(dedup, &call, request, ret_claim, &error);
    }
    return dedup_call_end(dedup, &call, status, &error, err);
}

/* ---- the holder's moves ---------------------------------------------------------------------- */

/* A move under way: the state that the row has once it is made. */
struct move {
    struct dedup_call call;
    struct weir_bytes token;
    enum dedup_state after;
};

static enum weir_status check_token(const char *token, struct weir_bytes *ret_token,
                                    struct weir_error *error)
{
    if (token == NULL || strnlen(token, WEIR_CLAIM_TOKEN_SIZE) != WEIR_CLAIM_TOKEN_SIZE - 1 ||
        !utf8_valid(bytes_str(token))) {
        return error_set(error, WEIR_INVALID_ARGUMENT, "this is no claim's token");
    }
    *ret_token = bytes_str(token);
    return WEIR_OK;
}

static enum weir_status move_begin(const struct weir_dedup *dedup, const struct weir_dedup_id *id,
                                   const char *token, enum dedup_state after, struct move *ret_move,
                                   struct weir_error *error)
{
    ret_move->after = after;
    enum weir_status status = dedup_call_begin(dedup, id, &ret_move->call, error);
    return status == WEIR_OK ? check_token(token, &ret_move->token, error) : status;
}

/*
 * The row says why the move was refused, or that it was made: by this call's attempt whose answer
 * was lost, or by an equal call before. Of a row that is gone only the former can be known.
 */
static enum weir_status settle_move(const struct move *move, const struct dedup_row *row,
                                    struct weir_error *error)
{
    bool ours = bytes_eq(row->token, move->token);
    bool made = move->after == DEDUP_ABSENT
                    ? !row->is_there && error->outcome == WEIR_OUTCOME_UNKNOWN
                    : ours && row->state == move->after && move->after != DEDUP_IN_PROGRESS;
    if (made) {
        return WEIR_OK;
    }
    if (ours && row->state == DEDUP_COMPLETED) {
        return dedup_refuse(&move->call, WEIR_ALREADY_EXISTS, "is completed", error);
    }
    return dedup_refuse(&move->call, WEIR_LEASE_LOST, "is not held by this claim any more", error);
}

/* *ret_row is the row that refused the write, absent otherwise. */
static enum weir_status make_move_over(const struct weir_dedup *dedup, const struct move *move,
                                       struct weir_value *document, struct dedup_row *ret_row,
                                       struct weir_error *error)
{
    const char *operation = move->after == DEDUP_ABSENT ? "DeleteItem" : "UpdateItem";
    *ret_row = (struct dedup_row){0};
    enum weir_status status =
        dedup_write(dedup, &move->call, operation, document, NULL, ret_row, error);
    return status == WEIR_CONDITION_FAILED ? settle_move(move, ret_row, error) : status;
}

static enum weir_status make_move(const struct weir_dedup *dedup, const struct move *move,
                                  struct weir_value *document, struct weir_error *error)
{
    struct dedup_row row;
    return make_move_over(dedup, move, document, &row, error);
}

enum weir_status weir_dedup_renew(struct weir_dedup *dedup, const struct weir_dedup_id *id,
                                  const char *token, int64_t *ret_until_ms, struct weir_error *err)
{
    struct move move;
    struct weir_error error = {0};
    int64_t until_ms = 0;
    enum weir_status status = move_begin(dedup, id, token, DEDUP_IN_PROGRESS, &move, &error);
    if (status == WEIR_OK) {
        until_ms = move.call.now_ms + dedup->policy.lease_ms;
        status =
            make_move(dedup, &move, dedup_renew_update(&move.call, move.token, until_ms), &error);
    }
    if (status == WEIR_OK) {
        *ret_until_ms = until_ms;
    }
    return dedup_call_end(dedup, &move.call, status, &error, err);
}

static enum weir_status check_result(const struct dedup_call *call, size_t result_len,
                                     struct weir_error *error)
{
    size_t row = call->worker.len + call->message.len + ROW_OVERHEAD_BYTES;
    return result_len <= LIMIT_ITEM_BYTES - row
               ? WEIR_OK
               : dedup_refuse(call, WEIR_TOO_LARGE, "has a result that fits into no item of 400 KB",
                              error);
}

enum weir_status weir_dedup_complete(struct weir_dedup *dedup, const struct weir_dedup_id *id,
                                     const char *token, const char *result, size_t result_len,
                                     struct weir_error *err)
{
    struct move move;
    struct dedup_row row;
    struct weir_error error = {0};
    enum weir_status status = move_begin(dedup, id, token, DEDUP_COMPLETED, &move, &error);
    if (status == WEIR_OK) {
        status = check_result(&move.call, result_len, &error);
    }
    if (status == WEIR_OK) {
        status = make_move_over(
            dedup, &move,
            dedup_complete_update(&move.call, move.token, bytes_of(result, result_len)), &row,
            &error);
    }
    if (status == WEIR_OK) { /* a row that was completed before keeps its expiry */
        dedup_remember(dedup, &move.call,
                       row.is_there ? row.expires_at_s : dedup_completed_expires_at_s(&move.call));
    }
    return dedup_call_end(dedup, &move.call, status, &error, err);
}

enum weir_status weir_dedup_release(struct weir_dedup *dedup, const struct weir_dedup_id *id,
                                    const char *token, struct weir_error *err)
{
    struct move move;
    struct weir_error error = {0};
    enum weir_status status = move_begin(dedup, id, token, DEDUP_ABSENT, &move, &error);
    if (status == WEIR_OK) {
        status = make_move(dedup, &move, dedup_release_delete(&move.call, move.token), &error);
    }
    return dedup_call_end(dedup, &move.call, status, &error, err);
}

static enum weir_status check_failure(struct weir_bytes text, struct weir_error *error)
{
    return text.len <= DEDUP_ERROR_TEXT_MAX && utf8_valid(text)
               ? WEIR_OK
               : error_set(error, WEIR_INVALID_ARGUMENT,
                           "the text of a failure has %zu bytes: at most %d, of UTF-8", text.len,
                           DEDUP_ERROR_TEXT_MAX);
}

enum weir_status weir_dedup_fail(struct weir_dedup *dedup, const struct weir_dedup_id *id,
                                 const char *token, const char *text, size_t text_len,
                                 uint32_t retry_after_ms, struct weir_error *err)
{
    struct move move;
    struct weir_error error = {0};
    enum weir_status status = move_begin(dedup, id, token, DEDUP_FAILED, &move, &error);
    if (status == WEIR_OK) {
        status = check_failure(bytes_of(text, text_len), &error);
    }
    if (status == WEIR_OK) {
        status = make_move(dedup, &move,
                           dedup_fail_update(&move.call, move.token, bytes_of(text, text_len),
                                             move.call.now_ms + retry_after_ms),
                           &error);
    }
    return dedup_call_end(dedup, &move.call, status, &error, err);
}

/* ---- completing in the caller's transaction -------------------------------------------------- */

/* The update with copies of what the caller may free before the commit. */
static struct weir_value *complete_element(const struct dedup_call *call, struct weir_bytes token,
                                           struct weir_bytes result)
{
    token = arena_dup(call->arena, token);
    result = arena_dup(call->arena, result);
    return token.ptr == NULL || result.ptr == NULL
               ? NULL
               : dedup_element(call->arena, "Update", dedup_complete_update(call, token, result));
}

enum weir_status weir_dedup_stage_complete(struct weir_dedup *dedup, struct weir_txn *txn,
                                           const struct weir_dedup_id *id, const char *token,
                                           const char *result, size_t result_len,
                                           struct weir_error *err)
{
    struct dedup_call call;
    struct weir_error error = {0};
    struct weir_bytes held;
    enum weir_status status = dedup_call_begin_in(dedup, txn, id, &call, &error);
    if (status == WEIR_OK) {
        status = check_token(token, &held, &error);
    }
    if (status == WEIR_OK) {
        status = check_result(&call, result_len, &error);
    }
    if (status == WEIR_OK) {
        status = txn_add_document(txn, complete_element(&call, held, bytes_of(result, result_len)),
                                  WEIR_LEASE_LOST, &error);
    }
    if (status != WEIR_OK && err != NULL) {
        *err = error;
    }
    return status;
}
