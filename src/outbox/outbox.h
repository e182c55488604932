/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OUTBOX_OUTBOX_H
#define WEIR_OUTBOX_OUTBOX_H

/*
 * The outbox inside: its layouts (names of attributes), rows to messages and back, and the
 * documents of its requests. Used by the store (weir/outbox.h) with synchronous calls and by the
 * relay with asynchronous ones, so that what a row means is written once.
 *
 * A layout is data: which fields it has, what their attributes are called, which of them are keys,
 * which indexes it has. All other files ask for a field, and skip what the layout does not have.
 */

#include "client/client.h"
#include "weir/outbox.h"

/* X(FIELD, name in documents, attribute in `partitioned`, attribute in `by-message`, type) */
#define OUTBOX_FIELD_TABLE(X)                                                                \
    X(ROW, "row", NULL, "PK", VALUE_S)                                                       \
    X(KEY, "key", "pk", "AggregateId", VALUE_S)                                              \
    X(ID, "id", "sk", "MessageId", VALUE_S)                                                  \
    X(TYPE, "messageType", "messageType", "MessageType", VALUE_S)                            \
    X(DESTINATION, "destination", "destination", "Topic", VALUE_S)                           \
    X(PAYLOAD, "payload", "payload", "Message", VALUE_S)                                     \
    X(ENCODING, "encoding", NULL, "MessageEncoding", VALUE_S)                                \
    X(HEADERS, "headers", "headers", "Headers", VALUE_S)                                     \
    X(CONTENT_TYPE, "contentType", "contentType", "ContentType", VALUE_S)                    \
    X(AGGREGATE_ID, "aggregateId", "aggregateId", NULL, VALUE_S)                             \
    X(AGGREGATE_TYPE, "aggregateType", "aggregateType", "AggregateType", VALUE_S)            \
    X(CORRELATION_ID, "correlationId", "correlationId", "CorrelationId", VALUE_S)            \
    X(CAUSATION_ID, "causationId", "causationId", "CausationId", VALUE_S)                    \
    X(TRACEPARENT, "traceparent", "traceparent", "Traceparent", VALUE_S)                     \
    X(TRACESTATE, "tracestate", "tracestate", "Tracestate", VALUE_S)                         \
    X(CREATED_AT, "createdAt", "createdAt", "CreatedAt", VALUE_S)                            \
    X(PUBLISHED, "isPublished", "isPublished", "IsDispatched", VALUE_BOOL)                   \
    X(PUBLISHED_AT, "publishedAt", "publishedAt", "LastDispatchedAt", VALUE_S)               \
    X(PENDING, "pendingShard", "pendingShard", "NotDispatched", VALUE_S)                     \
    X(DISPATCH_COUNT, "dispatchCount", "dispatchCount", "ApproximateDispatchCount", VALUE_N) \
    X(RETRY_COUNT, "retryCount", "retryCount", "RetryCount", VALUE_N)                        \
    X(LAST_ERROR, "lastError", "lastError", "LastError", VALUE_S)                            \
    X(POSITION, "position", "position", NULL, VALUE_N)                                       \
    X(OF, "of", "of", NULL, VALUE_N)                                                         \
    X(SEQUENCE, "sequence", NULL, "Sequence", VALUE_N)                                       \
    X(TTL, "ttl", "ttl", "ttl", VALUE_N)                                                     \
    X(PARKED, "redispatch", "redispatchRow", "RedispatchRow", VALUE_M)

enum outbox_field {
#define OUTBOX_FIELD_ENUM(field, document, partitioned, by_message, type) OUTBOX_##field,
    OUTBOX_FIELD_TABLE(OUTBOX_FIELD_ENUM)
#undef OUTBOX_FIELD_ENUM
        OUTBOX_FIELD_COUNT,
    OUTBOX_NO_FIELD = OUTBOX_FIELD_COUNT
};

struct outbox_field_info {
    const char *document; /* its name in documents and options */
    const char *partitioned;
    const char *by_message;
    enum value_type type;
};
extern const struct outbox_field_info outbox_fields[OUTBOX_FIELD_COUNT];

/* A global index: its name, its keys; all attributes are projected, or only keys. */
struct outbox_index {
    const char *name;
    enum outbox_field hash, range; /* range: OUTBOX_NO_FIELD for none */
    bool all;
};

/* What tells one layout from another, apart from names. */
struct outbox_kind {
    const char *name;
    enum outbox_field hash, range; /* the table's keys; range: OUTBOX_NO_FIELD for none */
    const char *row_prefix;        /* before the id in OUTBOX_ROW */
    enum outbox_field proof;       /* every message of this layout has it, nobody else's row */
    bool plain_payload;            /* UTF-8 is stored as it is */
    bool topic_required;           /* no row is without a destination */
    const struct outbox_index *indexes;
    size_t index_count;
    const char *pending_value; /* OUTBOX_PENDING's, where it is the same for all */
};

struct outbox_topic {
    struct weir_bytes type, topic;
};

#define OUTBOX_SHARDS_MAX 64
#define OUTBOX_SHARD_INDEX "PendingIndex-"

struct outbox_layout {
    const struct outbox_kind *kind;
    struct weir_bytes table;
    struct weir_bytes names[OUTBOX_FIELD_COUNT]; /* ptr NULL: the layout has no such field */
    int64_t retention_s;                         /* 0: no ttl is set */
    uint32_t pending_shards;                     /* 0: without such an index */
    enum weir_mark mark;
    const struct outbox_topic *topics; /* sorted by type */
    uint32_t topic_count;
    bool strict_topics;
    size_t payload_max; /* 0: none */
    const char *sink;   /* static; NULL: none */
    size_t sink_max;
};

/* Checks names and fills defaults; bytes, and topics, are copied into the arena. `options` may be
 * NULL. */
enum weir_status outbox_layout_init(struct arena *a, const struct weir_outbox_options *options,
                                    struct outbox_layout *ret_layout, struct weir_error *err);
static inline bool outbox_has(const struct outbox_layout *layout, enum outbox_field field)
{
    return field != OUTBOX_NO_FIELD && layout->names[field].ptr != NULL;
}
/* The attribute's value, or NULL; `row` is an item. */
static inline const struct weir_value *outbox_value(const struct outbox_layout *layout,
                                                    const struct weir_value *row,
                                                    enum outbox_field field)
{
    return outbox_has(layout, field) ? value_member(row, layout->names[field]) : NULL;
}
/* The text of a string attribute, BYTES_NONE for any other. */
struct weir_bytes outbox_text(const struct outbox_layout *layout, const struct weir_value *row,
                              enum outbox_field field);

/* A row as a message: views into the row's nodes, `payload` decoded into the arena. */
struct outbox_message {
    struct weir_bytes id, key, type, payload, headers, content_type, destination, aggregate_id,
        aggregate_type, correlation_id, causation_id, traceparent, tracestate, created_at;
    bool published;
    uint32_t position, of; /* 0: the only one of its key in its transaction */
    uint32_t dispatch_count, retry_count;
    uint64_t sequence; /* 0: none */
};

/* Whether the row is a message at all: others may keep rows in the same table (a claim of the
 * deduplication, say). `row` is an item. */
bool outbox_is_message(const struct outbox_layout *layout, const struct weir_value *row);

/* WEIR_MALFORMED_MESSAGE names the attribute that is missing or wrong. `row` is an item. */
enum weir_status outbox_decode(struct arena *a, const struct outbox_layout *layout,
                               const struct weir_value *row, struct outbox_message *ret_message,
                               struct weir_error *err);

/* The {"Put":{...}} element; *ret_id is the message's id, in the arena. `env` gives id and time. */
enum weir_status outbox_put_element(struct arena *a, const struct outbox_layout *layout,
                                    struct weir_env *env, const struct weir_message *message,
                                    struct weir_value **ret_element, struct weir_bytes *ret_id,
                                    struct weir_error *err);

/* The request that marks the row as published at `wall_ms`, as layout->mark says, and its
 * operation. NULL without memory; never asked for under WEIR_MARK_NONE. */
const char *outbox_mark_operation(const struct outbox_layout *layout);
struct weir_value *outbox_mark_request(struct arena *a, const struct outbox_layout *layout,
                                       struct weir_bytes key, struct weir_bytes id,
                                       int64_t wall_ms);

#endif
