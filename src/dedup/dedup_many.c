/* SPDX-License-Identifier: Apache-2.0 */

/* Commits and claims of many ids side by side, and rows staged together. */

#include "dedup/dedup_batch.h"

#include "base/error.h"

enum weir_status dedup_check_count(const struct weir_dedup *dedup, uint32_t count,
                                   struct weir_error *err)
{
    enum weir_status status = dedup_check_open(dedup, err);
    return status == WEIR_OK && count == 0
               ? error_set(err, WEIR_INVALID_ARGUMENT, "there are no ids")
               : status;
}

/* ---- commits --------------------------------------------------------------------------------- */

struct commits {
    const struct weir_dedup_id *ids;
    struct weir_dedup_result *results;
};

static struct weir_dedup_id commit_id(const struct dedup_batch *batch, uint32_t index)
{
    const struct commits *commits = batch->arg;
    return commits->ids[index];
}

/* Zeroed, in the lane's arena. */
static void *lane_state(struct dedup_lane *lane, size_t size, struct weir_error *error)
{
    lane->state = arena_alloc(lane->call.arena, size);
    if (lane->state == NULL) {
        (void)error_set(error, WEIR_NO_MEMORY, "no memory for a batch");
    }
    return lane->state;
}

static struct weir_value *commit_document(struct dedup_batch *batch, struct dedup_lane *lane,
                                          struct weir_error *error)
{
    struct dedup_commit *state = lane_state(lane, sizeof(*state), error);
    return state == NULL ? NULL : dedup_commit_document(batch->dedup, &lane->call, state, error);
}

static enum weir_status commit_settle(struct dedup_batch *batch, struct dedup_lane *lane,
                                      enum weir_status status, const struct weir_value *response,
                                      const struct dedup_row *row, struct weir_error *error)
{
    (void)response;
    return dedup_commit_settle(batch->dedup, &lane->call, lane->state, status, row, error);
}

static void commit_result(struct dedup_batch *batch, uint32_t index, enum weir_status status,
                          const struct weir_error *error)
{
    const struct commits *commits = batch->arg;
    commits->results[index] = (struct weir_dedup_result){.status = status};
    if (status != WEIR_OK) {
        commits->results[index].error = *error;
    }
}

enum weir_status weir_dedup_commit_many(struct weir_dedup *dedup, const struct weir_dedup_id *ids,
                                        uint32_t count, struct weir_dedup_result *ret_results,
                                        struct weir_error *err)
{
    struct commits commits = {ids, ret_results};
    struct dedup_batch batch = {
        .dedup = dedup,
        .count = count,
        .operation = "PutItem",
        .arg = &commits,
        .id = commit_id,
        .document = commit_document,
        .settle = commit_settle,
        .result = commit_result,
    };
    enum weir_status status = dedup_check_count(dedup, count, err);
    return status == WEIR_OK ? dedup_batch_run(&batch, err) : status;
}

/* ---- claims ---------------------------------------------------------------------------------- */

struct claims {
    const struct weir_claim_request *requests;
    struct weir_claim_result *results;
};

static struct weir_dedup_id claim_id(const struct dedup_batch *batch, uint32_t index)
{
    const struct claims *claims = batch->arg;
    return claims->requests[index].id;
}

static struct weir_value *claim_document(struct dedup_batch *batch, struct dedup_lane *lane,
                                         struct weir_error *error)
{
    const struct claims *claims = batch->arg;
    struct dedup_claim *state = lane_state(lane, sizeof(*state), error);
    return state == NULL ? NULL
                         : dedup_claim_document(batch->dedup, &lane->call,
                                                &claims->requests[lane->index], state, error);
}

static enum weir_status claim_settle(struct dedup_batch *batch, struct dedup_lane *lane,
                                     enum weir_status status, const struct weir_value *response,
                                     const struct dedup_row *row, struct weir_error *error)
{
    const struct claims *claims = batch->arg;
    return dedup_claim_settle(batch->dedup, &lane->call, lane->state, status, response, row,
                              &claims->results[lane->index].claim, error);
}

static void claim_result(struct dedup_batch *batch, uint32_t index, enum weir_status status,
                         const struct weir_error *error)
{
    const struct claims *claims = batch->arg;
    struct weir_claim_result *result = &claims->results[index];
    if (status == WEIR_OK) {
        *result = (struct weir_claim_result){.claim = result->claim};
    } else {
        *result = (struct weir_claim_result){.status = status, .error = *error};
    }
}

enum weir_status weir_dedup_claim_many(struct weir_dedup *dedup,
                                       const struct weir_claim_request *requests, uint32_t count,
                                       struct weir_claim_result *ret_results,
                                       struct weir_error *err)
{
    struct claims claims = {requests, ret_results};
    struct dedup_batch batch = {
        .dedup = dedup,
        .count = count,
        .operation = "PutItem",
        .arg = &claims,
        .id = claim_id,
        .document = claim_document,
        .settle = claim_settle,
        .result = claim_result,
    };
    enum weir_status status = dedup_check_count(dedup, count, err);
    return status == WEIR_OK ? dedup_batch_run(&batch, err) : status;
}

/* ---- staged together ------------------------------------------------------------------------- */

/* A transaction has one element per item. */
static enum weir_status refuse_twice(const struct weir_dedup_id *ids, uint32_t count,
                                     struct weir_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (ids[i].message_len == ids[j].message_len &&
                ids[i].worker_len == ids[j].worker_len &&
                memcmp(ids[i].message, ids[j].message, ids[i].message_len) == 0 &&
                memcmp(ids[i].worker, ids[j].worker, ids[i].worker_len) == 0) {
                return error_set(err, WEIR_INVALID_ARGUMENT,
                                 "ids %u and %u are equal: a transaction takes each once", j, i);
            }
        }
    }
    return WEIR_OK;
}

/* Checked before anything is staged, so that it is all of them or none. */
static enum weir_status build_elements(struct weir_dedup *dedup, struct weir_txn *txn,
                                       const struct weir_dedup_id *ids, uint32_t count,
                                       struct weir_value **ret_elements, struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < count; i++) {
        struct dedup_call call;
        status = dedup_call_begin_in(dedup, txn, &ids[i], &call, err);
        if (status == WEIR_OK) {
            ret_elements[i] = dedup_completed_element(dedup, &call);
            status = ret_elements[i] == NULL
                         ? error_set(err, WEIR_NO_MEMORY, "no memory for a staged row")
                         : WEIR_OK;
        }
    }
    return status;
}

enum weir_status weir_dedup_stage_many(struct weir_dedup *dedup, struct weir_txn *txn,
                                       const struct weir_dedup_id *ids, uint32_t count,
                                       struct weir_error *err)
{
    struct weir_value *elements[LIMIT_TRANSACT_ITEMS];
    enum weir_status status = dedup_check_count(dedup, count, err);
    if (status == WEIR_OK && txn == NULL) {
        status = error_set(err, WEIR_CLOSED, "the transaction is not open");
    }
    if (status == WEIR_OK && count > LIMIT_TRANSACT_ITEMS - weir_txn_count(txn)) {
        status = error_set(err, WEIR_TOO_LARGE,
                           "a transaction has at most %d elements: %u are there, and %u more",
                           LIMIT_TRANSACT_ITEMS, weir_txn_count(txn), count);
    }
    if (status == WEIR_OK) {
        status = build_elements(dedup, txn, ids, count, elements, err);
    }
    if (status == WEIR_OK) {
        status = refuse_twice(ids, count, err);
    }
    for (uint32_t i = 0; status == WEIR_OK && i < count; i++) {
        status = txn_add_document(txn, elements[i], WEIR_ALREADY_EXISTS, err);
    }
    return status;
}
