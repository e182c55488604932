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
 * Over HTTP a synchronous call runs in its caller's thread, on a connection that it has to itself:
 * at most 256 at a time, of which up to 64 are kept for later calls, each for a minute or so. One
 * call after another uses the same. Asynchronous calls, and synchronous ones beyond 256, share a
 * thread of the client's and at most 256 further connections.
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
    const char *profile;     /* explicitly; its credentials then come before the environment's keys.
                                NULL: AWS_PROFILE, AWS_DEFAULT_PROFILE, "default" */
    const char *retry_mode;  /* NULL: AWS_RETRY_MODE, the profile's retry_mode, or "standard" */
    uint32_t count_capacity; /* 1: every request asks what it consumes */
};

/* clang-format off */
#define WEIR_CLIENT_OPTIONS_INIT { .struct_size = (uint32_t)sizeof(struct weir_client_options) }
/* clang-format on */

/*
 * Retry modes, as AWS's SDKs define them (botocore, 2026-08). All wait a random time below 50 ms
 * before the second attempt, doubling, at most 20 s, and make max_attempts at most.
 * "standard" makes no more retries than the client's quota pays for: 500 tokens; a retry takes 5,
 * one after a time-out 10; a success brings back what its last retry took, or 1. So a service that
 * is down is not also flooded. With the quota spent, calls end with the error of the attempt that
 * failed.
 * "adaptive" is "standard", and attempts are paced below the rate at which the service throttled
 * before.
 * "legacy" is nothing but attempts and waits.
 */

/*
 * Opens a client; nothing is sent yet. options NULL means all defaults.
 * WEIR_CONFIG: neither a region nor an endpoint, a half of a key pair, an unknown retry mode, an
 * unknown scheme (for "file:" and "memory:" when weir_engine_register was not called);
 * WEIR_UNSUPPORTED: a profile that wants `mfa_serial` or `aws login`; WEIR_LOCK_HELD,
 * WEIR_CORRUPTION, WEIR_IO for "file:".
 */
WEIR_API enum weir_status weir_client_open(const struct weir_client_options *options,
                                           struct weir_client **ret_client, struct weir_error *err);

/* Ends calls under way with WEIR_CLOSED, frees. Accepts NULL. Stores opened on it must be closed
 * before; queues and transactions need not be. */
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

/* What may be different in one call. All zero but struct_size: as the client's options say. */
struct weir_call_options {
    uint32_t struct_size;    /* set by WEIR_CALL_OPTIONS_INIT; 0 is an error */
    uint32_t timeout_ms;     /* of one attempt over HTTP; in this process nothing times out */
    uint32_t max_attempts;   /* the first included */
    uint32_t count_capacity; /* 1: ask what it consumes */
};

/* What came of one call. */
struct weir_call_result {
    uint32_t struct_size; /* set by WEIR_CALL_RESULT_INIT; 0 is an error */
    uint32_t attempts;    /* 0: refused before the first */
    /* The answer; of a failed call the service's error as it was said (with CancellationReasons, or
     * the Item of a failed condition), NULL if it said nothing. NUL-terminated, the caller's, freed
     * with weir_free. */
    char *json;
    size_t json_len;
    struct weir_capacity capacity;        /* of all attempts, as far as the service reported */
    char request_id[WEIR_REQUEST_ID_MAX]; /* of the last attempt; "" if it has none */
};

/* clang-format off */
#define WEIR_CALL_OPTIONS_INIT { .struct_size = (uint32_t)sizeof(struct weir_call_options) }
#define WEIR_CALL_RESULT_INIT { .struct_size = (uint32_t)sizeof(struct weir_call_result) }
/* clang-format on */

/*
 * weir_call with options (NULL: none) and a result, which is written also when the call fails; then
 * only WEIR_INVALID_ARGUMENT (a struct_size of 0) leaves it as it was. weir_free(result.json)
 * belongs after every call.
 */
WEIR_API enum weir_status
weir_call_with(struct weir_client *client, const struct weir_call_options *options,
               const char *operation, size_t operation_len, const char *json, size_t json_len,
               struct weir_call_result *ret_result, struct weir_error *err);

/*
 * Capacity units that the client's calls consumed since it was opened, those of its stores and
 * transactions included, and failed ones as far as the service says. Complete with count_capacity;
 * otherwise of the calls whose documents asked (ReturnConsumedCapacity). WEIR_CLOSED: client NULL.
 */
WEIR_API enum weir_status weir_client_capacity(struct weir_client *client,
                                               struct weir_capacity *ret_capacity);

/* Counts since the client was opened. Each attempt that failed counts under one of the causes. */
struct weir_counters {
    uint32_t struct_size; /* set by WEIR_COUNTERS_INIT; 0 is an error */
    uint32_t reserved;
    uint64_t calls;
    uint64_t attempts;
    uint64_t throttled;     /* attempts that the service refused for their rate */
    uint64_t timed_out;     /* attempts without an answer in time */
    uint64_t unreachable;   /* attempts that found no service, or lost it */
    uint64_t server_errors; /* attempts that failed within the service, or answered nonsense */
    uint64_t
        condition_failed;  /* attempts refused by a condition, of their own or a transaction's */
    uint64_t other_failed; /* attempts that failed otherwise */
    uint64_t unknown_outcomes; /* calls that ended without saying whether they were applied */
    uint64_t quota_refused;    /* retries that the quota did not pay for */
    uint64_t paced_ms;         /* waited before attempts in the mode "adaptive" */
};

/* clang-format off */
#define WEIR_COUNTERS_INIT { .struct_size = (uint32_t)sizeof(struct weir_counters) }
/* clang-format on */

/* WEIR_CLOSED: client NULL; WEIR_INVALID_ARGUMENT: struct_size 0. @thread any */
WEIR_API enum weir_status weir_client_counters(struct weir_client *client,
                                               struct weir_counters *ret_counters);

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

/* One element that is more than a put of an item. Texts that are not given are left out. */
struct weir_txn_write {
    uint32_t struct_size;         /* set by WEIR_TXN_WRITE_INIT; 0 is an error */
    uint32_t return_item;         /* 1: when the condition fails, weir_txn_reason_at has the item */
    struct weir_text table;       /* name or ARN */
    struct weir_text json;        /* the key in DynamoDB JSON; of weir_txn_put_with the item */
    struct weir_text update;      /* the update expression, of weir_txn_update alone */
    struct weir_text condition;   /* the condition expression */
    struct weir_text names_json;  /* {"#n":"name"} */
    struct weir_text values_json; /* {":v":{"S":"x"}} */
};

/* clang-format off */
#define WEIR_TXN_WRITE_INIT { .struct_size = (uint32_t)sizeof(struct weir_txn_write) }
/* clang-format on */

/*
 * Adds a Put, an Update, a Delete or a ConditionCheck. WEIR_INVALID_ARGUMENT: a text that it needs
 * (table and json; update of an Update; condition of a ConditionCheck) is missing, or one that it
 * cannot have is given; WEIR_SERIALIZATION: not JSON; WEIR_TOO_LARGE for the 101st. An element that
 * was refused is not in the transaction.
 */
WEIR_API enum weir_status
weir_txn_put_with(struct weir_txn *txn, const struct weir_txn_write *write, struct weir_error *err);
WEIR_API enum weir_status weir_txn_update(struct weir_txn *txn, const struct weir_txn_write *write,
                                          struct weir_error *err);
WEIR_API enum weir_status weir_txn_delete(struct weir_txn *txn, const struct weir_txn_write *write,
                                          struct weir_error *err);
WEIR_API enum weir_status weir_txn_check(struct weir_txn *txn, const struct weir_txn_write *write,
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

/* Why one element cancelled the last commit, or that it did not. */
struct weir_txn_reason {
    uint32_t struct_size;       /* set by WEIR_TXN_REASON_INIT; 0 is an error */
    int32_t status;             /* an enum weir_status: WEIR_OK for an element that was in order */
    struct weir_text code;      /* the service's: "ConditionalCheckFailed", "None" */
    struct weir_text message;   /* the service's; absent when in order */
    struct weir_text item_json; /* with return_item: the item that failed the condition */
};

/* clang-format off */
#define WEIR_TXN_REASON_INIT { .struct_size = (uint32_t)sizeof(struct weir_txn_reason) }
/* clang-format on */

/*
 * How many elements the last commit gives reasons for: all of a commit that was cancelled, 0 of any
 * other. Elements are counted in the order of adding.
 */
WEIR_API uint32_t weir_txn_reason_count(const struct weir_txn *txn);
/* The texts are the transaction's until its next commit or its end. WEIR_NOT_FOUND: no such
 * element, or the last commit was not cancelled; WEIR_INVALID_ARGUMENT: struct_size 0. */
WEIR_API enum weir_status weir_txn_reason_at(const struct weir_txn *txn, uint32_t index,
                                             struct weir_txn_reason *ret_reason);
/* What the last commit consumed, as far as the service was asked (count_capacity) and reported. */
WEIR_API enum weir_status weir_txn_capacity(const struct weir_txn *txn,
                                            struct weir_capacity *ret_capacity);

/* ---- asynchronous calls --------------------------------------------------------------------- */

/*
 * A queue into which calls complete. A call is started with a tag of the caller's, goes on by
 * itself, and its completion is taken from the queue, in order of completing:
 *
 *     weir_call_start(tag) ──► under way ──► complete, waiting ──► weir_queue_next ──► caller's
 *                              └─ calls_max at most are here ─┘
 *
 * A queue has no thread. What is left to do for a call when its answer has come, other attempts
 * among it, is done inside weir_queue_next: somebody must be in it, or come when weir_queue_fd
 * becomes readable.
 *
 * Calls of several clients may share a queue. A client may be closed before the queue, and the
 * queue be freed before the client, with calls under way.
 *
 * Threads: thread-safe, but for weir_queue_free.
 */
struct weir_queue;

struct weir_queue_options {
    uint32_t struct_size; /* set by WEIR_QUEUE_OPTIONS_INIT; 0 is an error */
    uint32_t calls_max;   /* under way or waiting to be taken; 0: 1024, at most 65536 */
};

/* One call that is over: what weir_call_with would have returned. Everything is the caller's. */
struct weir_completion {
    uint32_t struct_size; /* set by WEIR_COMPLETION_INIT; 0 is an error */
    int32_t status;       /* an enum weir_status */
    uint64_t tag;
    char *json; /* as of struct weir_call_result; freed with weir_free */
    size_t json_len;
    struct weir_capacity capacity;
    uint32_t attempts;
    uint32_t reserved;
    char request_id[WEIR_REQUEST_ID_MAX];
    struct weir_error error; /* when status is not WEIR_OK */
};

/* clang-format off */
#define WEIR_QUEUE_OPTIONS_INIT { .struct_size = (uint32_t)sizeof(struct weir_queue_options) }
#define WEIR_COMPLETION_INIT { .struct_size = (uint32_t)sizeof(struct weir_completion) }
/* clang-format on */

/* options NULL means all defaults. WEIR_INVALID_ARGUMENT, WEIR_NO_MEMORY, WEIR_IO (descriptors). */
WEIR_API enum weir_status weir_queue_new(const struct weir_queue_options *options,
                                         struct weir_queue **ret_queue, struct weir_error *err);
/* Cancels what is under way, waits until it has ended, and drops what nobody took: whether those
 * writes were applied is then not known. Nobody may be inside another function of the queue.
 * Accepts NULL. */
WEIR_API void weir_queue_free(struct weir_queue *queue);

/* Starts weir_call, or weir_call_with's options, without waiting for it. The texts are copied.
 * When this fails nothing was started and no completion follows: WEIR_TOO_LARGE when calls_max are
 * in the queue already, and what is wrong with the arguments. */
WEIR_API enum weir_status weir_call_start(struct weir_client *client, struct weir_queue *queue,
                                          const char *operation, size_t operation_len,
                                          const char *json, size_t json_len, uint64_t tag,
                                          struct weir_error *err);
WEIR_API enum weir_status weir_call_start_with(struct weir_client *client, struct weir_queue *queue,
                                               const struct weir_call_options *options,
                                               const char *operation, size_t operation_len,
                                               const char *json, size_t json_len, uint64_t tag,
                                               struct weir_error *err);

/*
 * Takes the next completion, waiting for it up to timeout_ms (0: not at all, -1: without end).
 * WEIR_TIMEOUT: none came; WEIR_CLOSED: queue NULL; WEIR_INVALID_ARGUMENT: the struct_size is 0;
 * WEIR_IO. A call's own failure is in the completion.
 */
WEIR_API enum weir_status weir_queue_next(struct weir_queue *queue, int32_t timeout_ms,
                                          struct weir_completion *ret_completion);
/*
 * A descriptor for poll, select or epoll: readable when weir_queue_next has something to do. It may
 * then still have no completion to give. Only to be waited on; the queue's.
 */
WEIR_API int weir_queue_fd(const struct weir_queue *queue);
/* Calls under way, and completions that wait to be taken. */
WEIR_API uint32_t weir_queue_count(struct weir_queue *queue);
/*
 * Asks the calls under way that have this tag to end. Their completions still come: WEIR_CANCELLED,
 * with the outcome unknown for a write that was sent; or what the call came to before. Returns how
 * many were asked.
 */
WEIR_API uint32_t weir_queue_cancel(struct weir_queue *queue, uint64_t tag);

#ifdef __cplusplus
}
#endif
#endif
