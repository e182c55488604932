/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OUTBOX_OUTBOX_H
#define WEIR_OUTBOX_OUTBOX_H

/*
 * The outbox inside: its layout (names of attributes), rows to messages and back, and the documents
 * of its requests. Used by the store (weir/outbox.h) with synchronous calls and by the relay with
 * asynchronous ones, so that what a row means is written once.
 */

#include "client/client.h"
#include "weir/outbox.h"

struct outbox_layout {
    struct weir_bytes table;
    struct weir_bytes partition_name;
    struct weir_bytes sort_name;
    struct weir_bytes ttl_name;
    int64_t retention_s; /* 0: no ttl is set */
};

/* Checks names and fills defaults; bytes are borrowed from `options` (which may be NULL). */
enum weir_status outbox_layout_init(const struct weir_outbox_options *options,
                                    struct outbox_layout *ret_layout, struct weir_error *err);

/* A row as a message: views into the row's nodes, `payload` decoded into the arena. */
struct outbox_message {
    struct weir_bytes id, key, type, payload, headers, content_type, destination, aggregate_id,
        aggregate_type, correlation_id, causation_id, traceparent, tracestate, created_at;
    bool published;
    uint32_t position, of; /* 0: the only one of its key in its transaction */
    uint32_t dispatch_count, retry_count;
};

/* Whether the row is an outbox's at all: one without type and payload is somebody else's in the
 * same table (a claim of the deduplication, say). `row` is an item. */
bool outbox_is_message(const struct weir_value *row);

/* WEIR_MALFORMED_MESSAGE names the attribute that is missing or wrong. `row` is an item. */
enum weir_status outbox_decode(struct arena *a, const struct outbox_layout *layout,
                               const struct weir_value *row, struct outbox_message *ret_message,
                               struct weir_error *err);

/* The {"Put":{...}} element; *ret_id is the message's id, in the arena. `env` gives id and time. */
enum weir_status outbox_put_element(struct arena *a, const struct outbox_layout *layout,
                                    struct weir_env *env, const struct weir_message *message,
                                    struct weir_value **ret_element, struct weir_bytes *ret_id,
                                    struct weir_error *err);

/* The request document of UpdateItem that marks the row as published at `wall_ms`. NULL without
 * memory. */
struct weir_value *outbox_mark_request(struct arena *a, const struct outbox_layout *layout,
                                       struct weir_bytes key, struct weir_bytes id,
                                       int64_t wall_ms);

#endif
