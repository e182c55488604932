/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DEDUP_H
#define WEIR_DEDUP_H

/*
 * Deduplication for consumers: a relay delivers at least once, and a consumer that remembers what
 * it processed has the effect once. Three ways to use one table, from the strongest to the
 * simplest:
 *
 *   weir_dedup_stage    the row is part of the transaction with the consumer's own writes: a
 *                       duplicate is found at commit, and none of its writes is applied
 *   weir_dedup_claim    effects outside DynamoDB: one worker holds the message for a lease's time,
 *                       completes it, and its result is given back to whoever asks again
 *   weir_dedup_handle   check, run, commit: a duplicate is not run again; one that arrives while
 *                       the first still runs, or after a crash between run and commit, is
 *
 * A message is known by a worker (the consumer, or group of consumers, that shares the memory) and
 * a message id. Two workers know nothing of each other. One row each:
 *
 *     worker_id     S HASH
 *     message_id    S RANGE
 *     status        S   INPROGRESS, COMPLETED, FAILED; a row without is a completed one
 *     token         S   of the claim or commit that wrote the row
 *     lease_until   N   end of the lease, or of a failure's wait; milliseconds since the epoch
 *     payload_hash  B   SHA-256 of the claimed message's payload
 *     result        B   given to weir_dedup_complete
 *     error         S   given to weir_dedup_fail
 *     claimed_at, completed_at S (ISO 8601, UTC, milliseconds)
 *     expires_at    N   TTL, epoch seconds: the row counts as absent from then on, deleted or not
 *
 *               claim                   complete
 *     absent ────────────► INPROGRESS ──────────────► COMPLETED
 *      ▲ │ ▲                │   ▲  │                      ▲
 *      │ │ └─── release ────┘   │  └─ fail ─► FAILED      │
 *      │ │                      └─ claim, waited ─┘       │
 *      │ └────────────────── commit, stage ───────────────┘
 *      └ expires_at, from each of the three
 *
 * Renewing leaves a row INPROGRESS with a later lease_until; taking over, which is a claim once the
 * lease has ended, leaves it INPROGRESS with another token. To commit and stage, a row whose lease
 * or wait has ended is as good as absent.
 *
 * Every arrow is one conditional write. Those that leave INPROGRESS depend on the claim's token and
 * on no clock: a worker whose claim was taken over can neither complete nor release it, however
 * wrong the clocks are. A clock that is ahead takes over early, one that is behind holds shorter
 * leases; the effect may then run twice, but one completion counts. Rows in the same table that
 * hold a messageType or a redispatchRow belong to an outbox and are left alone: under their keys,
 * checks, commits and claims give WEIR_CONFIG.
 *
 * Threads: a dedup is thread-safe. Results are written only on success.
 */

#include "weir/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_dedup;

/* local_cache_max: no cache. */
#define WEIR_DEDUP_NO_CACHE UINT32_MAX

struct weir_dedup_options {
    uint32_t struct_size;     /* set by WEIR_DEDUP_OPTIONS_INIT; 0 is an error */
    uint32_t no_create;       /* 1: the table must exist; 0: it is created when missing */
    uint32_t wait_ms;         /* for the table to become ACTIVE; 0: 60000 */
    uint32_t lease_ms;        /* of a claim; 0: 60000 */
    int64_t retention_s;      /* of a completed row; 0: 3600; -1: never expires */
    uint32_t local_cache_max; /* completed ids kept in memory; 0: 256; at most 1000000 */
    uint32_t reserved;
    const char *table; /* NULL: "deduplication-table" */
};

/* clang-format off */
#define WEIR_DEDUP_OPTIONS_INIT { .struct_size = (uint32_t)sizeof(struct weir_dedup_options) }
/* clang-format on */

/*
 * Opens the store on a client, which must outlive it, and makes sure that its table is there:
 * creates it when missing and allowed (two that do so at once both succeed), waits for ACTIVE,
 * turns TTL on. options NULL means all defaults. WEIR_RESOURCE_NOT_FOUND: missing and no_create.
 * WEIR_TIMEOUT: not ACTIVE within wait_ms. WEIR_CONFIG: an option out of range, or the table's keys
 * are not worker_id and message_id. Every function gives WEIR_CLOSED for a dedup of NULL.
 */
WEIR_API enum weir_status weir_dedup_open(struct weir_client *client,
                                          const struct weir_dedup_options *options,
                                          struct weir_dedup **ret_dedup, struct weir_error *err);
/* Accepts NULL. */
WEIR_API void weir_dedup_close(struct weir_dedup *dedup);

/* What a row is kept under: a view of the caller's texts. UTF-8, not empty; the worker has at most
 * 2048 bytes, the message id 1024. Others are WEIR_INVALID_ARGUMENT. */
struct weir_dedup_id {
    const char *worker;
    size_t worker_len;
    const char *message;
    size_t message_len;
};

/* ---- check and commit ------------------------------------------------------------------------ */

/*
 * Whether the worker has processed the message: *ret_duplicate is 1 or 0. Reads consistently,
 * unless this process remembers it. A claim that is not completed is no duplicate.
 */
WEIR_API enum weir_status weir_dedup_check(struct weir_dedup *dedup, const struct weir_dedup_id *id,
                                           int32_t *ret_duplicate, struct weir_error *err);

/*
 * Remembers the message as processed. WEIR_ALREADY_EXISTS: it is remembered already.
 * WEIR_LEASE_LOST: another worker's claim of it runs.
 */
WEIR_API enum weir_status weir_dedup_commit(struct weir_dedup *dedup,
                                            const struct weir_dedup_id *id, struct weir_error *err);

/* What becomes of a message; anything but WEIR_OK is the failure that weir_dedup_handle gives
 * back. */
typedef enum weir_status (*weir_dedup_handler)(void *arg, struct weir_error *err);

enum weir_handled {
    WEIR_HANDLED_RUN = 1,           /* the handler ran, and that is remembered */
    WEIR_HANDLED_DUPLICATE = 2,     /* processed before: the handler did not run */
    WEIR_HANDLED_NOT_COMMITTED = 3, /* the handler ran; err says why that is not remembered */
};

/*
 * Runs the handler unless the message was processed before, and remembers it. The handler is called
 * at most once, before this function returns, in the caller's thread, with no lock held.
 *
 * WEIR_OK means: acknowledge the message; *ret_handled says what was done. In the one case
 * WEIR_HANDLED_NOT_COMMITTED err is filled although the status is WEIR_OK: the effect is there, so
 * the message is done with, but a redelivery would run it again. Any other status means: do not
 * acknowledge. It is that of the check (the handler did not run) or the handler's.
 */
WEIR_API enum weir_status weir_dedup_handle(struct weir_dedup *dedup,
                                            const struct weir_dedup_id *id,
                                            weir_dedup_handler handler, void *arg,
                                            enum weir_handled *ret_handled, struct weir_error *err);

/* ---- in the consumer's transaction ----------------------------------------------------------- */

/*
 * Adds the completed row to a transaction that the caller commits; nothing is sent yet. The txn
 * must be of the dedup's client. At commit a message that was processed before, or that another
 * worker's claim holds, gives WEIR_ALREADY_EXISTS, and nothing is written.
 */
WEIR_API enum weir_status weir_dedup_stage(struct weir_dedup *dedup, struct weir_txn *txn,
                                           const struct weir_dedup_id *id, struct weir_error *err);

/*
 * The same as an element of TransactItems in DynamoDB JSON, {"Put":{...}}, for a caller whose own
 * SDK commits. Its condition and its expiry are of the moment of the call. NUL-terminated, freed
 * with weir_free.
 */
WEIR_API enum weir_status weir_dedup_render(struct weir_dedup *dedup,
                                            const struct weir_dedup_id *id, char **ret_json,
                                            size_t *ret_json_len, struct weir_error *err);

/* ---- claims ---------------------------------------------------------------------------------- */

/* The token's text: 36 characters and NUL. */
#define WEIR_CLAIM_TOKEN_SIZE 37

enum weir_claim_outcome {
    WEIR_CLAIM_ACQUIRED = 1,    /* process the message, then complete, release or fail */
    WEIR_CLAIM_COMPLETED = 2,   /* processed before: `result` */
    WEIR_CLAIM_IN_PROGRESS = 3, /* another claim holds it until `until_ms` */
    WEIR_CLAIM_FAILED = 4,      /* it failed and waits until `until_ms`: `result` is the error */
};

struct weir_claim {
    enum weir_claim_outcome outcome;
    uint32_t taken_over; /* ACQUIRED: 1 when the lease of another's claim had ended */
    int64_t until_ms;    /* ACQUIRED: end of the lease; by the wall clock of who wrote it */
    char token[WEIR_CLAIM_TOKEN_SIZE]; /* ACQUIRED: needed by everything below */
    char *result;                      /* freed with weir_free; NULL: there is none */
    size_t result_len;
};

struct weir_claim_request {
    struct weir_dedup_id id;
    const char *payload; /* any bytes; only their SHA-256 is stored */
    size_t payload_len;
};

/*
 * Claims the message for lease_ms in one write, without reading before: of any number at once
 * exactly one acquires it. A lease that has ended is taken over. WEIR_OK with the outcome in
 * *ret_claim; WEIR_IDEMPOTENT_MISMATCH: the id was claimed with another payload.
 */
WEIR_API enum weir_status weir_dedup_claim(struct weir_dedup *dedup,
                                           const struct weir_claim_request *request,
                                           struct weir_claim *ret_claim, struct weir_error *err);

/*
 * The holder's moves. All give WEIR_LEASE_LOST when `token` (NUL-terminated) does not hold the
 * claim any more: taken over, released, failed or expired. A lease that has ended but was not
 * taken over still holds.
 *
 * renew: lease_ms from now; *ret_until_ms is its end. complete: stores the result (any bytes, len 0
 * for none); repeated with the same token it changes nothing and gives WEIR_OK. release: the
 * message may be claimed at once. fail: stores the error (UTF-8, at most 4096 bytes) and lets
 * nobody claim the message for retry_after_ms. Those three give WEIR_ALREADY_EXISTS after complete.
 * WEIR_TOO_LARGE: the result does not fit into an item of 400 KB.
 */
WEIR_API enum weir_status weir_dedup_renew(struct weir_dedup *dedup, const struct weir_dedup_id *id,
                                           const char *token, int64_t *ret_until_ms,
                                           struct weir_error *err);
WEIR_API enum weir_status weir_dedup_complete(struct weir_dedup *dedup,
                                              const struct weir_dedup_id *id, const char *token,
                                              const char *result, size_t result_len,
                                              struct weir_error *err);
WEIR_API enum weir_status weir_dedup_release(struct weir_dedup *dedup,
                                             const struct weir_dedup_id *id, const char *token,
                                             struct weir_error *err);
WEIR_API enum weir_status weir_dedup_fail(struct weir_dedup *dedup, const struct weir_dedup_id *id,
                                          const char *token, const char *text, size_t text_len,
                                          uint32_t retry_after_ms, struct weir_error *err);

/* Completing as a part of the caller's transaction: at commit WEIR_LEASE_LOST, and nothing is
 * written, when the token does not hold the claim. */
WEIR_API enum weir_status weir_dedup_stage_complete(struct weir_dedup *dedup, struct weir_txn *txn,
                                                    const struct weir_dedup_id *id,
                                                    const char *token, const char *result,
                                                    size_t result_len, struct weir_error *err);

/* ---- batches --------------------------------------------------------------------------------- */

/* What became of one of many. */
struct weir_dedup_result {
    enum weir_status status;
    struct weir_error error; /* unless the status is WEIR_OK */
};
struct weir_claim_result {
    enum weir_status status;
    struct weir_claim claim; /* WEIR_OK */
    struct weir_error error; /* otherwise */
};

struct weir_dedup_checked {
    enum weir_status status;
    int32_t duplicate;       /* WEIR_OK: 1 or 0 */
    struct weir_error error; /* otherwise */
};

/*
 * Claims, or commits, `count` messages, each by a conditional write of its own as the single call
 * does, some of them at a time side by side: ret_results has `count` places, in the order given,
 * all written. An id that comes twice is in progress, or exists, the second time. WEIR_OK means
 * that every place has its result, whatever it says. Any other status is from before anything was
 * sent, and no result is written: WEIR_INVALID_ARGUMENT: count is 0; WEIR_NO_MEMORY; WEIR_IO: no
 * descriptors.
 */
WEIR_API enum weir_status weir_dedup_claim_many(struct weir_dedup *dedup,
                                                const struct weir_claim_request *requests,
                                                uint32_t count,
                                                struct weir_claim_result *ret_results,
                                                struct weir_error *err);
WEIR_API enum weir_status weir_dedup_commit_many(struct weir_dedup *dedup,
                                                 const struct weir_dedup_id *ids, uint32_t count,
                                                 struct weir_dedup_result *ret_results,
                                                 struct weir_error *err);

/*
 * Checks `count` messages, 100 to a request: as weir_dedup_check for each, at the same cost in
 * units and a hundredth of the requests. Results as above; an id that comes twice has the same
 * answer twice.
 */
WEIR_API enum weir_status weir_dedup_check_many(struct weir_dedup *dedup,
                                                const struct weir_dedup_id *ids, uint32_t count,
                                                struct weir_dedup_checked *ret_results,
                                                struct weir_error *err);

/*
 * Stages `count` messages into one transaction: all of them, or on failure none. WEIR_TOO_LARGE:
 * more than 100 elements together with those that are there; WEIR_INVALID_ARGUMENT: an id comes
 * twice.
 */
WEIR_API enum weir_status weir_dedup_stage_many(struct weir_dedup *dedup, struct weir_txn *txn,
                                                const struct weir_dedup_id *ids, uint32_t count,
                                                struct weir_error *err);

/* ---- upkeep ---------------------------------------------------------------------------------- */

/*
 * Deletes what is remembered of the message, whoever holds it: the next delivery is a new one.
 * WEIR_NOT_FOUND: nothing was. Other processes that have it in their cache remember it until it
 * expires or falls out.
 */
WEIR_API enum weir_status weir_dedup_forget(struct weir_dedup *dedup,
                                            const struct weir_dedup_id *id, struct weir_error *err);

/* What a row is at the moment of reading it. */
enum weir_dedup_state {
    WEIR_DEDUP_ANY = 0, /* to the list: all of them */
    WEIR_DEDUP_IN_PROGRESS = 1,
    WEIR_DEDUP_COMPLETED = 2,
    WEIR_DEDUP_FAILED = 3,
    WEIR_DEDUP_EXPIRED = 4,   /* counts as absent, and TTL has not deleted it yet */
    WEIR_DEDUP_MALFORMED = 5, /* another program's; checks and claims of it fail */
};

/*
 * What is remembered: rows of one worker (worker_len > 0), by message id, or of all, in the table's
 * order; of one state, or of any. Up to `limit` (1 to 1000) of them. *ret_page is a JSON
 * document, freed with weir_free:
 *
 *     {"rows":[{"worker":..,"message":..,"status":"COMPLETED","token":..,"claimedAt":..,
 *               "completedAt":..,"leaseUntil":..,"expiresAt":..,"error":..}],
 *      "next": <continuation token, absent at the end>}
 *
 * Times are ISO 8601, members that a row does not have are absent, results are left out. `token` is
 * the former page's "next", or absent. It reads as many rows as it takes to find `limit` of the
 * state: of one worker, or of the whole table.
 */
WEIR_API enum weir_status weir_dedup_list(struct weir_dedup *dedup, const char *worker,
                                          size_t worker_len, enum weir_dedup_state state,
                                          uint32_t limit, const char *token, size_t token_len,
                                          char **ret_page, size_t *ret_page_len,
                                          struct weir_error *err);

enum weir_dedup_purge_what {
    WEIR_DEDUP_PURGE_EXPIRED = 1,   /* what counts as absent already */
    WEIR_DEDUP_PURGE_COMPLETED = 2, /* what was completed before completed_before_ms */
    WEIR_DEDUP_PURGE_WORKER = 3,    /* all of a worker's rows, claims that run among them */
};

struct weir_dedup_purge_options {
    uint32_t struct_size; /* set by WEIR_DEDUP_PURGE_OPTIONS_INIT; 0 is an error */
    enum weir_dedup_purge_what what;
    struct weir_text worker;     /* of this worker alone; absent: of all */
    int64_t completed_before_ms; /* wall clock, since the epoch */
    uint32_t limit;              /* rows to delete at most; 0: all */
    uint32_t reserved;
    struct weir_text token; /* a former call's `next`, to go on behind it; absent: from the start */
};

/* clang-format off */
#define WEIR_DEDUP_PURGE_OPTIONS_INIT { .struct_size = (uint32_t)sizeof(struct weir_dedup_purge_options) }
/* clang-format on */

struct weir_dedup_purged {
    uint64_t deleted;
    uint64_t kept; /* changed between the read and the delete, so it stays */
    uint32_t more; /* 1: the limit was reached before the end */
    uint32_t reserved;
    char *next; /* with more: the token for going on, NUL-terminated, freed with weir_free */
};

/*
 * Deletes rows, each on the condition that it is still as it was read: one that was claimed,
 * renewed or completed meanwhile stays. An outbox's rows in the same table are left alone.
 * ret_purged may be NULL; it is written on failure too, with what was deleted before. Reads the
 * whole table, or the worker's rows, from the token on. WEIR_INVALID_ARGUMENT names the option that
 * is wrong.
 */
WEIR_API enum weir_status weir_dedup_purge(struct weir_dedup *dedup,
                                           const struct weir_dedup_purge_options *options,
                                           struct weir_dedup_purged *ret_purged,
                                           struct weir_error *err);

/* Counts since opening. */
struct weir_dedup_figures {
    uint64_t hits;       /* checks and claims that found the message processed */
    uint64_t cache_hits; /* of these, answered from memory */
    uint64_t misses;     /* checks that did not, and claims that were acquired */
    uint64_t takeovers;  /* of these, claims whose earlier holder's lease had ended */
    uint64_t conflicts;  /* claims, commits and holder's moves that another's row refused */
    uint64_t errors;     /* calls that failed for another reason */
};
WEIR_API void weir_dedup_read_figures(const struct weir_dedup *dedup,
                                      struct weir_dedup_figures *ret_figures);

#ifdef __cplusplus
}
#endif
#endif
