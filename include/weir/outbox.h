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
 *     dispatchCount, retryCount, position, of N, lastError S, ttl N (epoch seconds),
 *     pendingShard S while unpublished, where the table has the index PendingIndex-<N>
 *
 * `position` and `of` are the message's place among those of its key in its transaction, from 1;
 * absent when it is the only one.
 *
 * Layout `by-message`: one row per message,
 *
 *     PK  S HASH   MESSAGE#<message id>
 *     MessageId, AggregateId (the ordering key), CorrelationId, Topic, Message S (the payload),
 *     MessageEncoding S ("base64" when Message is the Base64 of what is not UTF-8),
 *     CreatedAt, LastDispatchedAt S, IsDispatched BOOL, NotDispatched S ("x" while unpublished),
 *     ApproximateDispatchCount, RetryCount, Sequence, ttl N, Headers, ContentType, CausationId,
 *     AggregateType, MessageType, Traceparent, Tracestate, LastError S
 *     indexes, all attributes projected: CorrelationIdIndex (CorrelationId),
 *     AggregateIdIndex (AggregateId), NotDispatchedMessagesIndex (NotDispatched, CreatedAt)
 *
 * Attributes that are not used are absent, in both.
 *
 * Order: the messages of one key in order of commit in `partitioned`, those of one transaction in
 * the order they were staged. The rows of `by-message` have none; a `sequence` is stored with them,
 * and the relay does not wait by it.
 *
 * Threads: an outbox is thread-safe. Results are written only on success.
 */

#include "weir/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_outbox;

/* What marking a message as published does to its row. */
enum weir_mark {
    WEIR_MARK_UPDATE = 0, /* sets isPublished and publishedAt */
    WEIR_MARK_NONE = 1,   /* nothing: the relay's position is the truth */
    WEIR_MARK_DELETE = 2, /* deletes it */
};

/* A field of a layout by its name in documents ("payload", "headers", ...), and its attribute. */
struct weir_outbox_name {
    const char *field;
    const char *name;
};

/* Where messages of a type go when they name no destination. */
struct weir_outbox_topic {
    const char *type;
    const char *topic;
};

#define WEIR_OUTBOX_NO_RETRIES UINT32_MAX

struct weir_outbox_options {
    uint32_t struct_size;       /* set by WEIR_OUTBOX_OPTIONS_INIT; 0 is an error */
    uint32_t no_create;         /* 1: the table must exist; 0: it is created when missing */
    uint32_t no_stream;         /* 1: none is made; 0: NEW_AND_OLD_IMAGES, see weir_outbox_open */
    uint32_t wait_ms;           /* for the table to become ACTIVE; 0: 60000 */
    int64_t retention_s;        /* kept that long after publication; 0: 604800; -1: for ever */
    const char *table;          /* NULL: "outbox" */
    const char *partition_name; /* the HASH attribute; NULL: "pk", by-message "PK" */
    const char *sort_name;      /* the RANGE attribute; NULL: "sk"; by-message has none */
    const char *ttl_name;       /* NULL: "ttl" */
    const char *layout;         /* "partitioned" (NULL), "by-message" */
    const struct weir_outbox_name *names;   /* attributes called otherwise; name_count of them */
    const struct weir_outbox_topic *topics; /* topic_count of them */
    uint32_t name_count;
    uint32_t topic_count;
    uint32_t strict_topics;  /* 1: a message with neither destination nor topic is refused */
    uint32_t pending_shards; /* partitioned: of the index over pending rows, 1 to 64; 0: as the
                                table has it, none when it is created */
    uint32_t payload_max;    /* bytes; 0: what fits into an item */
    enum weir_mark mark;
    const char *sink; /* refuse what it could not carry: "sqs", "sns", "kinesis", "eventbridge" */
    uint32_t retries; /* of one call of the outbox; 0: 3, or fewer where the client makes fewer
                         attempts; WEIR_OUTBOX_NO_RETRIES: none. The commit of the caller's own
                         transaction is tried as often as the client's calls are */
};

/* clang-format off */
#define WEIR_OUTBOX_OPTIONS_INIT { .struct_size = (uint32_t)sizeof(struct weir_outbox_options) }
/* clang-format on */

/*
 * Opens the outbox on a client, which must outlive it, and makes sure that its table is there:
 * creates it when missing and allowed (two that do so at once both succeed), waits for ACTIVE,
 * turns TTL on when the retention asks for it, also on a table that existed without. A table
 * without a stream gets it by UpdateTable, unless no_stream or no_create is 1; a stream of another
 * view type stays. All of this only where the table's keys and indexes are those of the options.
 * options NULL means all defaults. WEIR_RESOURCE_NOT_FOUND: missing and no_create. WEIR_TIMEOUT:
 * not ACTIVE within wait_ms. WEIR_CONFIG: the table's keys, indexes or TTL attribute are others
 * than named, an option is wrong, two fields have one attribute, or the retention is over a
 * thousand years.
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
    struct weir_text type;    /* absent: the destination stands for it */
    struct weir_text payload; /* any bytes; may be empty */
    struct weir_text headers; /* a JSON object of strings; absent: none */
    struct weir_text content_type;
    struct weir_text destination;  /* absent: the topic map decides; not empty */
    struct weir_text aggregate_id; /* by-message: the key is it */
    struct weir_text aggregate_type;
    struct weir_text correlation_id;
    struct weir_text causation_id;
    struct weir_text traceparent;
    struct weir_text tracestate;
    int64_t created_at_ms; /* wall clock, since the epoch; 0: now */
    uint64_t sequence;     /* by-message: place in the order of its key, from 1; 0: none */
};

/* clang-format off */
#define WEIR_MESSAGE_INIT { .struct_size = (uint32_t)sizeof(struct weir_message) }
/* clang-format on */

/* The longest message id, a sort key's limit. */
#define WEIR_MESSAGE_ID_MAX 1024

/* What adding did. */
struct weir_outbox_added {
    char id[WEIR_MESSAGE_ID_MAX + 1]; /* the message's id, NUL-terminated */
    double write_units;               /* consumed capacity, above 0; 0 when the answer that told
                                         it was lost, and the row was found to be ours */
};

/*
 * Adds one message in a call of its own. An id that exists under this key (in `by-message`: at all)
 * gives WEIR_ALREADY_EXISTS and leaves the row as it is, published or not.
 * WEIR_INVALID_ARGUMENT names the field that is missing or wrong; WEIR_UNKNOWN_TOPIC the type that
 * strict topics do not know; WEIR_TOO_LARGE the message that would not fit into an item of 400 KB
 * together with what marking it adds, or into payload_max or the sink's messages. Then nothing was
 * sent. A sink's limit is compared with the payload and all texts; what its driver adds comes on
 * top.
 */
WEIR_API enum weir_status weir_outbox_add(struct weir_outbox *outbox,
                                          const struct weir_message *message,
                                          struct weir_outbox_added *ret_added,
                                          struct weir_error *err);

/* The same; *ret_json is the item as it was stored, in DynamoDB JSON, NUL-terminated, freed with
 * weir_free. */
WEIR_API enum weir_status weir_outbox_add_returning(struct weir_outbox *outbox,
                                                    const struct weir_message *message,
                                                    struct weir_outbox_added *ret_added,
                                                    char **ret_json, size_t *ret_json_len,
                                                    struct weir_error *err);

/* What became of one of many. */
struct weir_outbox_result {
    enum weir_status status;
    char id[WEIR_MESSAGE_ID_MAX + 1]; /* NUL-terminated */
    double write_units;               /* 0 where the call that failed did not say */
    struct weir_error error;          /* unless the status is WEIR_OK */
};

/*
 * Adds `count` messages, a bounded number side by side; those of one key one after the other in the
 * order given. ret_results has `count` places, in the order given, all written when the function
 * returns WEIR_OK, whatever they say:
 *
 *     WEIR_OK               added
 *     WEIR_ALREADY_EXISTS   the id exists, or came before in this call; nothing was changed
 *     WEIR_CANCELLED        not sent, since an earlier message of its key failed: so a message is
 *                           never stored before one that was given before it
 *     others                the service's answer to this message; error.outcome says whether it may
 *                           have been stored
 *
 * Every message is checked before anything is sent: a wrong one refuses the whole call, with the
 * statuses of weir_outbox_add and its place in the message. WEIR_INVALID_ARGUMENT: count is 0.
 *
 * `overwrite` 1 writes by BatchWriteItem, up to 25 in a call: a row of the same id is replaced,
 * published or not. What the service leaves unprocessed is sent again, with growing pauses, and
 * reported as WEIR_THROTTLED, not applied, if it stays so.
 */
WEIR_API enum weir_status weir_outbox_add_many(struct weir_outbox *outbox,
                                               const struct weir_message *messages, uint32_t count,
                                               uint32_t overwrite,
                                               struct weir_outbox_result *ret_results,
                                               struct weir_error *err);

/*
 * Adds the message to a transaction that the caller commits; nothing is sent yet. The txn must be
 * of the outbox's client. ret_id may be NULL; otherwise it has WEIR_MESSAGE_ID_MAX + 1 bytes and
 * gets the id. At commit an id that exists gives WEIR_ALREADY_EXISTS and nothing is written.
 */
WEIR_API enum weir_status weir_outbox_stage(struct weir_outbox *outbox, struct weir_txn *txn,
                                            const struct weir_message *message, char *ret_id,
                                            struct weir_error *err);

/* Stages all of them, in the order given, or none. ret_ids may be NULL; otherwise it has `count`
 * places. WEIR_TOO_LARGE: the transaction would have more than 100 elements. */
WEIR_API enum weir_status weir_outbox_stage_many(struct weir_outbox *outbox, struct weir_txn *txn,
                                                 const struct weir_message *messages,
                                                 uint32_t count,
                                                 char (*ret_ids)[WEIR_MESSAGE_ID_MAX + 1],
                                                 struct weir_error *err);

/*
 * The message as an element of TransactItems in DynamoDB JSON, {"Put":{...}}, for a caller whose
 * own SDK commits. NUL-terminated, freed with weir_free.
 */
WEIR_API enum weir_status weir_outbox_render(struct weir_outbox *outbox,
                                             const struct weir_message *message, char **ret_json,
                                             size_t *ret_json_len, struct weir_error *err);

/*
 * One message, read consistently, as a JSON object, freed with weir_free; `key` is not looked at in
 * `by-message` (here and below). Fields have the names of layout `partitioned` whatever the layout
 * and the attributes are called, absent ones are left out:
 *
 *     {"id":..,"key":..,"messageType":..,"destination":..,"payload":<Base64>,"headers":<text>,
 *      ..., "createdAt":..,"isPublished":false,"dispatchCount":1,"retryCount":2,"lastError":..}
 *
 * WEIR_NOT_FOUND: there is none. WEIR_MALFORMED_MESSAGE names the attribute that cannot be read.
 */
WEIR_API enum weir_status weir_outbox_get(struct weir_outbox *outbox, const char *key,
                                          size_t key_len, const char *id, size_t id_len,
                                          char **ret_json, size_t *ret_json_len,
                                          struct weir_error *err);

enum weir_outbox_index {
    WEIR_OUTBOX_BY_CORRELATION = 1,
    WEIR_OUTBOX_BY_AGGREGATE = 2,
};

/*
 * Messages by correlation or aggregate id, published or not, in no order, as a page like that of
 * weir_outbox_pending. From an index, which follows its table after a moment. WEIR_UNSUPPORTED: the
 * layout has no such index; only `by-message` has.
 */
WEIR_API enum weir_status weir_outbox_find(struct weir_outbox *outbox, enum weir_outbox_index index,
                                           const char *value, size_t value_len, uint32_t limit,
                                           const char *token, size_t token_len, char **ret_page,
                                           size_t *ret_page_len, struct weir_error *err);

/*
 * Unpublished messages of one key (len > 0) or of all keys, oldest first by creation, up to `limit`
 * (1 to 1000), though published rows precede them. *ret_page is a JSON document, freed with
 * weir_free, its messages as weir_outbox_get gives them:
 *
 *     {"messages":[{"id":..,"key":..,"messageType":..,"payload":<Base64>,"createdAt":..,...}],
 *      "next": <continuation token, absent at the end>}
 *
 * `token` is the former page's "next", or absent. Over all keys it reads the pending index where
 * there is one (it follows its table after a moment), otherwise the whole table; of one key in
 * `by-message` AggregateIdIndex, in `partitioned` the key's rows, consistently.
 */
WEIR_API enum weir_status weir_outbox_pending(struct weir_outbox *outbox, const char *key,
                                              size_t key_len, uint32_t limit, const char *token,
                                              size_t token_len, char **ret_page,
                                              size_t *ret_page_len, struct weir_error *err);

/*
 * Marks one message as published, as options.mark says: `update` sets isPublished and publishedAt,
 * takes the row out of the pending index, adds 1 to dispatchCount, and sets ttl when there is a
 * retention; `delete` deletes the row. Conditional on the row: WEIR_NOT_FOUND, and no row appears.
 * WEIR_INVALID_ARGUMENT: the outbox was opened with `none`.
 */
WEIR_API enum weir_status weir_outbox_mark(struct weir_outbox *outbox, const char *key,
                                           size_t key_len, const char *id, size_t id_len,
                                           struct weir_error *err);

/* Names a message. */
struct weir_outbox_ref {
    struct weir_text key;
    struct weir_text id;
};

/*
 * Marks `count` messages, in transactions of up to 100, one after the other: each whole or not at
 * all. ret_results has `count` places, all written when the function returns WEIR_OK:
 *
 *     WEIR_OK             marked
 *     WEIR_NOT_FOUND      there is no such message, and so none of its hundred was marked
 *     WEIR_TXN_CANCELED   not marked; the error names the id of its hundred that failed
 *     others              what the hundred's transaction met; error.outcome says whether the marks
 *                         may have been made
 *
 * WEIR_INVALID_ARGUMENT: count is 0, or an id comes twice; nothing is marked.
 */
WEIR_API enum weir_status weir_outbox_mark_many(struct weir_outbox *outbox,
                                                const struct weir_outbox_ref *refs, uint32_t count,
                                                struct weir_outbox_result *ret_results,
                                                struct weir_error *err);

/* What is kept of an error's text, in bytes. */
#define WEIR_OUTBOX_ERROR_MAX 1024

/*
 * Records a failed attempt to publish: adds 1 to retryCount and stores the text (UTF-8; cut after
 * WEIR_OUTBOX_ERROR_MAX bytes) as lastError. WEIR_NOT_FOUND, and no row appears.
 */
WEIR_API enum weir_status weir_outbox_record_failure(struct weir_outbox *outbox, const char *key,
                                                     size_t key_len, const char *id, size_t id_len,
                                                     const char *text, size_t text_len,
                                                     struct weir_error *err);

/*
 * Makes the relay see a message again, under the same id: its row is taken out and put back, which
 * is an insert to whoever follows the stream. The two steps are two transactions, and between them
 * the row is kept whole beside its place, in a row that is no message: a process that dies in the
 * middle loses nothing, and the next call for this message finishes it. retryCount, lastError and
 * the place in its transaction are dropped; it comes after what its key has by then.
 *
 * WEIR_NOT_FOUND: no such message. WEIR_ALREADY_EXISTS: it is published, which is refused unless
 * `published_too` is 1; or another has it in hands, or replaced it in this moment.
 * WEIR_INVALID_ARGUMENT: the outbox was opened with mark `none`, so whether it is published cannot
 * be known, and `published_too` is 0. A relay that holds the message at this moment publishes it
 * twice, with the same id.
 */
WEIR_API enum weir_status weir_outbox_redispatch(struct weir_outbox *outbox, const char *key,
                                                 size_t key_len, const char *id, size_t id_len,
                                                 uint32_t published_too, struct weir_error *err);

/*
 * The same for every unpublished message that was created at least `older_than_ms` ago, oldest
 * first, at most `limit` (1 to 1000), after finishing those that an earlier call left in the middle
 * (they count). *ret_count is how many. Reads the whole table. WEIR_INVALID_ARGUMENT: the outbox
 * was opened with mark `none`: published messages would be among them.
 */
WEIR_API enum weir_status weir_outbox_redispatch_stuck(struct weir_outbox *outbox,
                                                       int64_t older_than_ms, uint32_t limit,
                                                       uint32_t *ret_count, struct weir_error *err);

struct weir_outbox_purged {
    uint64_t deleted;
    char *next; /* NULL: the end was reached; otherwise the token for going on, NUL-terminated,
                   freed with weir_free */
};

/*
 * Deletes rows that were published before `before_ms` (wall clock, since the epoch), each on the
 * condition that this still holds, up to `limit` (0: all). `token` is the former call's `next`, or
 * absent. After an error the rows deleted so far are gone: call it again.
 */
WEIR_API enum weir_status weir_outbox_purge(struct weir_outbox *outbox, int64_t before_ms,
                                            uint32_t limit, const char *token, size_t token_len,
                                            struct weir_outbox_purged *ret_purged,
                                            struct weir_error *err);

struct weir_outbox_stats {
    uint64_t pending;
    uint64_t published;
    int64_t oldest_pending_ms;      /* its age by the client's clock; -1: nothing is pending */
    uint64_t failing;               /* of the pending: with a failed attempt */
    uint32_t pending_by_checkpoint; /* 1: opened with mark `none`: rows do not say what is
                                       published, `pending` counts all without a mark, and only the
                                       relay's position tells which of them are */
    uint32_t interrupted;           /* of the pending: in the middle of weir_outbox_redispatch */
};
/* Counts by reading the whole table. */
WEIR_API enum weir_status weir_outbox_stats(struct weir_outbox *outbox,
                                            struct weir_outbox_stats *ret_stats,
                                            struct weir_error *err);

/* ---- the inbox of layout `by-message` -------------------------------------------------------- */

/* Makes sure that a consumer's table `table` is there: HASH `PK` S, nothing else, its rows
 * MESSAGE#<id>. As weir_outbox_open does; wait_ms 0: 60000. */
WEIR_API enum weir_status weir_inbox_create(struct weir_client *client, const char *table,
                                            uint32_t wait_ms, struct weir_error *err);

/* Adds the row of a message to the consumer's transaction: at commit WEIR_ALREADY_EXISTS, and
 * nothing is written, when the message was processed before. */
WEIR_API enum weir_status weir_inbox_stage(struct weir_txn *txn, const char *table, const char *id,
                                           size_t id_len, struct weir_error *err);

#ifdef __cplusplus
}
#endif
#endif
