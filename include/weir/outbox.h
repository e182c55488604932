/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OUTBOX_H
#define WEIR_OUTBOX_H

/*
 * The transactional outbox: a service writes its data and its messages in one DynamoDB transaction,
 * and a relay (weir/relay.h) carries every committed message to a broker, in order per key.
 *
 *     weir_outbox_stage(outbox, txn, &message, &err);   beside the service's own writes
 *     weir_txn_commit(txn, &err);                       both, or neither
 *
 * Layout `partitioned`: one row per message,
 *
 *     pk  S HASH   the ordering key, usually the aggregate's id
 *     sk  S RANGE  the message id
 *     messageType S, payload S (Base64), headers S (JSON), aggregateId, aggregateType,
 *     correlationId, causationId, destination, contentType, traceparent, tracestate S,
 *     createdAt, publishedAt S (ISO 8601, UTC, milliseconds), isPublished BOOL,
 *     dispatchCount, retryCount, position, of N, lastError S, ttl N (epoch seconds)
 *
 * Attributes that are not used are absent. `position` and `of` are the message's place among those
 * of its key in its transaction, from 1; absent when it is the only one.
 *
 * Threads: an outbox is thread-safe. Results are written only on success.
 */

#include "weir/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_outbox;

struct weir_outbox_options {
    uint32_t struct_size;       /* set by WEIR_OUTBOX_OPTIONS_INIT; 0 is an error */
    uint32_t no_create;         /* 1: the table must exist; 0: it is created when missing */
    uint32_t no_stream;         /* 1: created without a stream; 0: NEW_AND_OLD_IMAGES */
    uint32_t wait_ms;           /* for the table to become ACTIVE; 0: 60000 */
    int64_t retention_s;        /* kept that long after publication; 0: 604800; -1: for ever */
    const char *table;          /* NULL: "outbox" */
    const char *partition_name; /* the HASH attribute; NULL: "pk" */
    const char *sort_name;      /* the RANGE attribute; NULL: "sk" */
    const char *ttl_name;       /* NULL: "ttl" */
};

/* clang-format off */
#define WEIR_OUTBOX_OPTIONS_INIT { .struct_size = (uint32_t)sizeof(struct weir_outbox_options) }
/* clang-format on */

/*
 * Opens the outbox on a client, which must outlive it, and makes sure that its table is there:
 * creates it when missing and allowed (two that do so at once both succeed), waits for ACTIVE,
 * turns TTL on when the retention asks for it, also on a table that existed without. options NULL
 * means all defaults. WEIR_RESOURCE_NOT_FOUND: missing and no_create. WEIR_TIMEOUT: not ACTIVE
 * within wait_ms. WEIR_CONFIG: the table's keys are others than named, names clash with each other
 * or with a field's, or the retention is over a thousand years.
 */
WEIR_API enum weir_status weir_outbox_open(struct weir_client *client,
                                           const struct weir_outbox_options *options,
                                           struct weir_outbox **ret_outbox, struct weir_error *err);
/* Accepts NULL. */
WEIR_API void weir_outbox_close(struct weir_outbox *outbox);

struct weir_message {
    uint32_t struct_size; /* set by WEIR_MESSAGE_INIT; 0 is an error */
    uint32_t reserved;
    struct weir_text id;      /* absent: a UUIDv7 is made */
    struct weir_text key;     /* the ordering key; required, not empty */
    struct weir_text type;    /* messageType; required, not empty */
    struct weir_text payload; /* any bytes; may be empty */
    struct weir_text headers; /* a JSON object of strings; absent: none */
    struct weir_text content_type;
    struct weir_text destination;
    struct weir_text aggregate_id;
    struct weir_text aggregate_type;
    struct weir_text correlation_id;
    struct weir_text causation_id;
    struct weir_text traceparent;
    struct weir_text tracestate;
    int64_t created_at_ms; /* wall clock, since the epoch; 0: now */
};

/* clang-format off */
#define WEIR_MESSAGE_INIT { .struct_size = (uint32_t)sizeof(struct weir_message) }
/* clang-format on */

/* The longest message id, a sort key's limit. */
#define WEIR_MESSAGE_ID_MAX 1024

/* What adding did. */
struct weir_outbox_added {
    char id[WEIR_MESSAGE_ID_MAX + 1]; /* the message's id, NUL-terminated */
    double write_units;               /* consumed capacity, above 0 */
};

/*
 * Adds one message in a call of its own. An id that exists under this key gives
 * WEIR_ALREADY_EXISTS and leaves the row as it is, published or not.
 * WEIR_INVALID_ARGUMENT names the field that is missing or wrong; WEIR_TOO_LARGE names the message
 * that would not fit into an item of 400 KB together with what marking it adds.
 */
WEIR_API enum weir_status weir_outbox_add(struct weir_outbox *outbox,
                                          const struct weir_message *message,
                                          struct weir_outbox_added *ret_added,
                                          struct weir_error *err);

/*
 * Adds the message to a transaction that the caller commits; nothing is sent yet. The txn must be
 * of the outbox's client. ret_id may be NULL; otherwise it has WEIR_MESSAGE_ID_MAX + 1 bytes and
 * gets the id. At commit an id that exists gives WEIR_ALREADY_EXISTS and nothing is written.
 */
WEIR_API enum weir_status weir_outbox_stage(struct weir_outbox *outbox, struct weir_txn *txn,
                                            const struct weir_message *message, char *ret_id,
                                            struct weir_error *err);

/*
 * The message as an element of TransactItems in DynamoDB JSON, {"Put":{...}}, for a caller whose
 * own SDK commits. NUL-terminated, freed with weir_free.
 */
WEIR_API enum weir_status weir_outbox_render(struct weir_outbox *outbox,
                                             const struct weir_message *message, char **ret_json,
                                             size_t *ret_json_len, struct weir_error *err);

/*
 * Unpublished messages of one key (len > 0) or of all keys, oldest first by creation, up to `limit`
 * (1 to 1000), though published rows precede them. *ret_page is a JSON document, freed with
 * weir_free:
 *
 *     {"messages":[{"id":..,"key":..,"messageType":..,"payload":<Base64>,"createdAt":..,...}],
 *      "next": <continuation token, absent at the end>}
 *
 * `token` is the former page's "next", or absent. Over all keys the order is complete within what
 * one call collects: it reads the whole table.
 */
WEIR_API enum weir_status weir_outbox_pending(struct weir_outbox *outbox, const char *key,
                                              size_t key_len, uint32_t limit, const char *token,
                                              size_t token_len, char **ret_page,
                                              size_t *ret_page_len, struct weir_error *err);

/*
 * Marks one message as published: sets isPublished and publishedAt, adds 1 to dispatchCount, sets
 * ttl when there is a retention. Conditional on the row: WEIR_NOT_FOUND, and no row appears.
 */
WEIR_API enum weir_status weir_outbox_mark(struct weir_outbox *outbox, const char *key,
                                           size_t key_len, const char *id, size_t id_len,
                                           struct weir_error *err);

struct weir_outbox_stats {
    uint64_t pending;
    uint64_t published;
    int64_t oldest_pending_ms; /* its age by the client's clock; -1: nothing is pending */
};
/* Counts by reading the whole table. */
WEIR_API enum weir_status weir_outbox_stats(struct weir_outbox *outbox,
                                            struct weir_outbox_stats *ret_stats,
                                            struct weir_error *err);

#ifdef __cplusplus
}
#endif
#endif
