/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DEDUP_DEDUP_STORE_H
#define WEIR_DEDUP_DEDUP_STORE_H

/* What the store's files share: the handle, one call's beginning, and what its end counts as. */

#include <stdatomic.h>

#include "dedup/dedup.h"
#include "dedup/dedup_cache.h"

/* One call: an item of 400 KB, its request and its answer, as trees and as text. */
#define DEDUP_CALL_BYTES (16 * 1024 * 1024)
#define DEDUP_BATCH_BYTES \
    (32 * 1024 * 1024) /* 100 rows or a page of them, and what is made of them */
#define DEDUP_NAMES_BYTES 4096
#define DEDUP_IS_FOREIGN "is a message of an outbox"
#define DEDUP_ROW_NOT_SHOWN "is there, but the service did not show the row that refused the write"

struct weir_dedup {
    /* Immutable after open. */
    struct weir_client *client;
    struct weir_env *env;       /* the client's; tests put a clock of their own */
    struct dedup_policy policy; /* its bytes are in `names` */
    struct arena *names;
    struct dedup_cache *cache; /* NULL: none */

    /* Any thread. */
    atomic_ullong hits, cache_hits, misses, takeovers, conflicts, errors;
};

/* WEIR_CLOSED unless the dedup is open. */
enum weir_status dedup_check_open(const struct weir_dedup *dedup, struct weir_error *err);

/* The same for a batch, and WEIR_INVALID_ARGUMENT for one of nothing. */
enum weir_status dedup_check_count(const struct weir_dedup *dedup, uint32_t count,
                                   struct weir_error *err);

/* An arena for one call, and the call in it; call->arena is the caller's to free, also after
 * failure. WEIR_CLOSED when the dedup is not open. */
enum weir_status dedup_call_begin(const struct weir_dedup *dedup, const struct weir_dedup_id *id,
                                  struct dedup_call *ret_call, struct weir_error *err);
/* The same in a transaction's arena, which is not the caller's. */
enum weir_status dedup_call_begin_in(const struct weir_dedup *dedup, struct weir_txn *txn,
                                     const struct weir_dedup_id *id, struct dedup_call *ret_call,
                                     struct weir_error *err);

/*
 * A conditional write. WEIR_CONDITION_FAILED comes with the row that was in the way, decoded, and
 * with error->outcome saying whether an earlier attempt of this very call may have been applied.
 * ret_response may be NULL. document NULL is WEIR_NO_MEMORY.
 */
enum weir_status dedup_write(const struct weir_dedup *dedup, const struct dedup_call *call,
                             const char *operation, struct weir_value *document,
                             struct weir_value **ret_response, struct dedup_row *ret_row,
                             struct weir_error *error);

/*
 * What an answer says: WEIR_CONDITION_FAILED with the row that was in the way, decoded from the
 * error's members; every other status as it is.
 */
enum weir_status dedup_judge(const struct dedup_call *call, enum weir_status status,
                             const struct weir_value *members, struct dedup_row *ret_row,
                             struct weir_error *error);

/* A write that is prepared before it is sent and settled when it is answered, for the single call
 * and the batch alike. */
struct dedup_commit {
    struct weir_bytes token;
};
struct weir_value *dedup_commit_document(const struct weir_dedup *dedup,
                                         const struct dedup_call *call,
                                         struct dedup_commit *ret_commit, struct weir_error *error);
enum weir_status dedup_commit_settle(struct weir_dedup *dedup, const struct dedup_call *call,
                                     const struct dedup_commit *commit, enum weir_status status,
                                     const struct dedup_row *row, struct weir_error *error);

struct dedup_claim {
    struct weir_bytes token, hash;
    int64_t until_ms;
};
struct weir_value *dedup_claim_document(const struct weir_dedup *dedup,
                                        const struct dedup_call *call,
                                        const struct weir_claim_request *request,
                                        struct dedup_claim *ret_claim, struct weir_error *error);
enum weir_status dedup_claim_settle(struct weir_dedup *dedup, const struct dedup_call *call,
                                    const struct dedup_claim *claim, enum weir_status status,
                                    const struct weir_value *response, const struct dedup_row *row,
                                    struct weir_claim *ret_claim, struct weir_error *error);

/* Sets the error in words of this layer's, keeping the outcome that the service's had. */
enum weir_status dedup_refuse(const struct dedup_call *call, enum weir_status status,
                              const char *what, struct weir_error *error);

/* Counts the status, gives the error to the caller who wants it, frees the call's arena. */
enum weir_status dedup_call_end(struct weir_dedup *dedup, struct dedup_call *call,
                                enum weir_status status, const struct weir_error *error,
                                struct weir_error *err);

/* Counts a call's end in the figures. */
void dedup_count(struct weir_dedup *dedup, enum weir_status status);

/* The element that stages a completed row, in the call's arena; NULL without memory. */
struct weir_value *dedup_completed_element(const struct weir_dedup *dedup,
                                           const struct dedup_call *call);

/* The text of a document, malloc'ed and NUL-terminated. WEIR_TOO_LARGE above `max` bytes. */
enum weir_status dedup_text_of(const struct weir_value *document, size_t max, char **ret_json,
                               size_t *ret_json_len, struct weir_error *err);

/* A token of this process and moment. */
enum weir_status dedup_token_new(const struct weir_dedup *dedup, const struct dedup_call *call,
                                 struct weir_bytes *ret_token, struct weir_error *err);

/* Remembers in memory what the table says now. */
void dedup_remember(struct weir_dedup *dedup, const struct dedup_call *call, int64_t expires_at_s);

#endif
