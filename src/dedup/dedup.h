/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DEDUP_DEDUP_H
#define WEIR_DEDUP_DEDUP_H

/*
 * The dedup table inside: what a row says at a given moment, and the documents of the requests that
 * change one. Every document carries its condition, so what may follow what is written here, once:
 *
 *     from absent, or an ended lease    dedup_claim_put, dedup_completed_put    "is it free?"
 *     from INPROGRESS with the token    the holder's moves                        "is it mine?"
 *
 * The moment is the caller's clock, and only "is it free?" asks for it.
 */

#include "client/client.h"
#include "weir/dedup.h"

#define DEDUP_PAYLOAD_HASH_BYTES 32 /* SHA-256 */
#define DEDUP_ERROR_TEXT_MAX 4096

/* Immutable after open. */
struct dedup_policy {
    struct weir_bytes table;
    int64_t retention_s; /* 0: never expires */
    uint32_t lease_ms;
};

/* One call: who asks about what, when. Bytes and documents live in the arena. */
struct dedup_call {
    struct arena *arena;
    const struct dedup_policy *policy;
    int64_t now_ms;
    struct weir_bytes worker, message;
};

/* Checks the id and copies it into the arena. */
enum weir_status dedup_call_init(struct dedup_call *call, struct arena *a,
                                 const struct dedup_policy *policy, int64_t now_ms,
                                 const struct weir_dedup_id *id, struct weir_error *err);

enum dedup_state {
    DEDUP_ABSENT, /* no row, or an expired one */
    DEDUP_IN_PROGRESS,
    DEDUP_COMPLETED,
    DEDUP_FAILED,
    DEDUP_FOREIGN, /* an outbox's message */
};

/* Views into the row's nodes; absent ones are empty. */
struct dedup_row {
    enum dedup_state state;
    bool is_there; /* even if it is expired, and so as good as absent */
    struct weir_bytes token, payload_hash, result, error;
    int64_t lease_until_ms;
    int64_t expires_at_s; /* 0: never */
};

/* `item` is a response's member in either form; NULL is DEDUP_ABSENT. WEIR_MALFORMED_MESSAGE names
 * the attribute that has another type than ours. */
enum weir_status dedup_decode(const struct dedup_call *call, const struct weir_value *item,
                              struct dedup_row *ret_row, struct weir_error *err);

/* When a row that is completed at call->now_ms expires; 0: never. */
int64_t dedup_completed_expires_at_s(const struct dedup_call *call);

/* Documents; NULL without memory. Those of puts, updates and deletes are the request of the single
 * call and, without what dedup_want_old_row adds, the body of a transaction's element. */
struct weir_value *dedup_get(const struct dedup_call *call);
/* `hash` is a payload's: a lease of another payload's claim is not taken over. */
struct weir_value *dedup_claim_put(const struct dedup_call *call, struct weir_bytes token,
                                   struct weir_bytes hash, int64_t until_ms);
struct weir_value *dedup_completed_put(const struct dedup_call *call, struct weir_bytes token);
struct weir_value *dedup_forget(const struct dedup_call *call);

/* The row's key, an item. */
struct weir_value *dedup_key(const struct dedup_call *call);
/* BatchGetItem of these keys, of the attributes that decide. */
struct weir_value *dedup_batch_get(struct arena *a, const struct dedup_policy *policy,
                                   const struct weir_value *keys);
/* A page of the rows of one worker (len > 0), or of all, behind `after` (NULL: from the start);
 * without results and payload hashes. */
struct weir_value *dedup_rows(struct arena *a, const struct dedup_policy *policy,
                              struct weir_bytes worker, const struct weir_value *after,
                              uint32_t limit);
/* Deletes the row if it still says what `item` says. */
struct weir_value *dedup_delete_unchanged(const struct dedup_call *call,
                                          const struct weir_value *item);

/* The holder's moves. */
struct weir_value *dedup_renew_update(const struct dedup_call *call, struct weir_bytes token,
                                      int64_t until_ms);
struct weir_value *dedup_complete_update(const struct dedup_call *call, struct weir_bytes token,
                                         struct weir_bytes result);
struct weir_value *dedup_fail_update(const struct dedup_call *call, struct weir_bytes token,
                                     struct weir_bytes text, int64_t until_ms);
struct weir_value *dedup_release_delete(const struct dedup_call *call, struct weir_bytes token);

/* Asks for the row that made the condition fail. NULL stays NULL. */
void dedup_want_old_row(struct arena *a, struct weir_value *document);
/* {"Put": body}. */
struct weir_value *dedup_element(struct arena *a, const char *kind, const struct weir_value *body);

#endif
