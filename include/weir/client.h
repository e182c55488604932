/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLIENT_H
#define WEIR_CLIENT_H

/*
 * The client for Amazon DynamoDB and DynamoDB Streams, on any endpoint:
 *
 *     NULL                     the AWS_* environment and its profile
 *     "https://..."            HTTPS with AWS's signature, version 4
 *     "http://127.0.0.1:8000"  any server of the API, `weir serve` among them
 *     "file:DIR"               weir's engine inside this process, on disk   (weir/engine.h first)
 *     "memory:"                the same, in memory; each open client has a database of its own
 *
 * "file:DIR?durability=relaxed" lets an acknowledged write survive the process but not the power;
 * without it every acknowledged write survives both.
 *
 * Threads: a client is thread-safe. It has threads of its own; it must not be used after fork().
 * Strings are pointer and length where they may hold anything, NUL-terminated where they are names
 * in options. Results are written only on success.
 */

#include "weir/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_client;

/* Text or bytes of the caller's; ptr NULL and len 0: absent. */
struct weir_text {
    const char *ptr;
    size_t len;
};

/* Capacity units, as the service counted them; 0 where it was not asked. */
struct weir_capacity {
    double read_units;
    double write_units;
};

struct weir_client_options {
    uint32_t struct_size;        /* set by WEIR_CLIENT_OPTIONS_INIT; 0 is an error */
    uint32_t connect_timeout_ms; /* 0: 5000 */
    uint32_t timeout_ms;         /* of one attempt; 0: 30000 */
    uint32_t max_attempts;       /* of one call, the first included; 0: AWS_MAX_ATTEMPTS, or 10 */
    const char *endpoint_url;    /* NULL: from the environment */
    const char *region;          /* NULL: AWS_REGION, AWS_DEFAULT_REGION, the profile's */
};

/* clang-format off */
#define WEIR_CLIENT_OPTIONS_INIT { .struct_size = (uint32_t)sizeof(struct weir_client_options) }
/* clang-format on */

/*
 * Opens a client; nothing is sent yet. options NULL means all defaults.
 * WEIR_CONFIG: neither a region nor an endpoint, a half of a key pair, an unknown scheme (for
 * "file:" and "memory:" when weir_engine_register was not called); WEIR_UNSUPPORTED: a profile that
 * wants `mfa_serial` or `aws login`; WEIR_LOCK_HELD, WEIR_CORRUPTION, WEIR_IO for "file:".
 */
WEIR_API enum weir_status weir_client_open(const struct weir_client_options *options,
                                           struct weir_client **ret_client, struct weir_error *err);

/* Ends calls under way with WEIR_CLOSED, frees. Accepts NULL. Stores opened on it must be closed
 * before. */
WEIR_API void weir_client_close(struct weir_client *client);

/*
 * Any operation of the two services by its name ("PutItem", "GetRecords") with a request and a
 * response in DynamoDB's own JSON. Retries what may be retried, with backoff. *ret_json is
 * NUL-terminated, the caller's, freed with weir_free.
 * A write that failed after it was sent has err->outcome WEIR_OUTCOME_UNKNOWN.
 */
WEIR_API enum weir_status weir_call(struct weir_client *client, const char *operation,
                                    size_t operation_len, const char *json, size_t json_len,
                                    char **ret_json, size_t *ret_json_len, struct weir_error *err);

/* Frees what a function of weir returned for this. Accepts NULL. */
WEIR_API void weir_free(void *memory);

/* "0.1.0", and 0x00MMmmrr. */
WEIR_API const char *weir_version(void);
WEIR_API uint32_t weir_version_number(void);

/* ---- transactions --------------------------------------------------------------------------- */

/*
 * A transaction being put together: up to 100 writes that are applied all or not at all. Its
 * idempotency token is made when it is created: after WEIR_OUTCOME_UNKNOWN the same transaction may
 * be committed again within 10 minutes without being applied twice.
 *
 * Threads: one at a time.
 */
struct weir_txn;

WEIR_API enum weir_status weir_txn_new(struct weir_client *client, struct weir_txn **ret_txn,
                                       struct weir_error *err);
/* Without commit nothing is written. Accepts NULL. */
WEIR_API void weir_txn_free(struct weir_txn *txn);

/*
 * Adds one element of TransactItems as DynamoDB JSON: {"Put":{...}}, {"Update":{...}},
 * {"Delete":{...}} or {"ConditionCheck":{...}}. WEIR_TOO_LARGE for the 101st.
 */
WEIR_API enum weir_status weir_txn_add(struct weir_txn *txn, const char *json, size_t json_len,
                                       struct weir_error *err);
/* Adds a Put of an item in DynamoDB JSON ({"pk":{"S":"x"}}). */
WEIR_API enum weir_status weir_txn_put(struct weir_txn *txn, const char *table, size_t table_len,
                                       const char *item_json, size_t item_json_len,
                                       struct weir_error *err);

/* How many elements are in it. */
WEIR_API uint32_t weir_txn_count(const struct weir_txn *txn);

/*
 * Commits. An empty one is a no-op. When it was cancelled the status is that of the first element
 * that failed: WEIR_ALREADY_EXISTS for a staged message, WEIR_CONDITION_FAILED for an element of
 * the caller's, WEIR_TXN_CONFLICT (retried before), ...; weir_txn_failed_index says which. The list
 * is empty afterwards, after success and after definite failure; after WEIR_OUTCOME_UNKNOWN it is
 * kept, so that weir_txn_commit may be called again.
 */
WEIR_API enum weir_status weir_txn_commit(struct weir_txn *txn, struct weir_error *err);
/* The index of the element that cancelled the last commit, in order of adding; -1: none. */
WEIR_API int32_t weir_txn_failed_index(const struct weir_txn *txn);

#ifdef __cplusplus
}
#endif
#endif
