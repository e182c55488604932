/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_RELAY_H
#define WEIR_RELAY_H

/*
 * The relay: follows an outbox's stream and delivers every committed message to a sink, in order
 * per key, marks it as published, and remembers how far it came, so that killing it at any moment
 * loses nothing.
 *
 *     stream ─► outbox rows ─► lanes by key ─► sink ─► mark ─► position
 *
 * What is promised. In layout `partitioned`, first deliveries of one key are in the order of
 * commit; a redelivery after a failure repeats a contiguous run. The rows of `by-message` have no
 * order (weir_relay_order says which of the two holds). A message is published before it is marked,
 * and marked before the position passes it. Duplicates appear only where the sink cannot drop them.
 *
 * Threads: open, run and close from one thread; stop and status from any, stop also from a signal
 * handler.
 */

#include "weir/outbox.h"
#include "weir/sink.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_relay;

struct weir_relay_options {
    uint32_t struct_size; /* set by WEIR_RELAY_OPTIONS_INIT; 0 is an error */
    uint32_t start_now;   /* 1: without a stored position begin with what comes; 0: with all that
                             is retained */
    const char *name;     /* of the pipeline: its positions; NULL: "relay" */
    const struct weir_outbox_options *outbox; /* as it was opened: table, layout, names, retention
                                                 and mark; read by open alone. NULL: defaults */
    const char *position_table;               /* NULL: "weir-positions" */
    uint32_t once;           /* 1: run ends when everything up to now is delivered */
    uint32_t drain_ms;       /* for stop: finish what is in hand within; 0: 10000 */
    uint32_t lanes;          /* messages of different keys in flight at once; 0: 1024 */
    uint32_t retry_first_ms; /* waiting after a failure of the sink; 0: 200 */
    uint32_t retry_max_ms;   /* ... doubling up to; 0: 10000 */
    uint32_t retry_attempts; /* of a message that its sink rejects; 0: 3 */
};

/* clang-format off */
#define WEIR_RELAY_OPTIONS_INIT { .struct_size = (uint32_t)sizeof(struct weir_relay_options) }
/* clang-format on */

/*
 * A relay from an outbox on `client`, of any layout and names, to a sink by name ("stdout", "file",
 * "redis") with settings as "name=value" texts, settings_count of them. Client must outlive it.
 * WEIR_CONFIG names what is wrong.
 */
WEIR_API enum weir_status weir_relay_open(struct weir_client *client,
                                          const struct weir_relay_options *options,
                                          const char *sink, const char *const *settings,
                                          uint32_t settings_count, struct weir_relay **ret_relay,
                                          struct weir_error *err);
/* The same with a driver of the application's; it is closed by weir_relay_close. */
WEIR_API enum weir_status weir_relay_open_driver(struct weir_client *client,
                                                 const struct weir_relay_options *options,
                                                 const struct weir_sink_driver *driver,
                                                 struct weir_relay **ret_relay,
                                                 struct weir_error *err);

/*
 * Works until weir_relay_stop (WEIR_OK), until done when `once` (WEIR_OK), or until it cannot go
 * on: WEIR_RESOURCE_NOT_FOUND or WEIR_CONFIG (no table, no stream, wrong view type), WEIR_GAP,
 * WEIR_LEASE_LOST, WEIR_MALFORMED_MESSAGE or WEIR_SINK_REJECTED with the row's key and id: its
 * position stays before that row. An unreachable sink or table is waited for.
 */
WEIR_API enum weir_status weir_relay_run(struct weir_relay *relay, struct weir_error *err);

/* Asks run to end: stops reading, finishes or abandons what is in hand within drain_ms, stores the
 * positions. Async-signal-safe. */
WEIR_API void weir_relay_stop(struct weir_relay *relay);

/* What first deliveries promise of their order. */
enum weir_relay_order {
    WEIR_ORDER_NONE = 0,    /* `by-message`: each row for itself */
    WEIR_ORDER_PER_KEY = 1, /* `partitioned`: the messages of one key as they were committed, those
                               of one transaction as its stream has them, which on weir's engine
                               is as they were staged */
};
WEIR_API enum weir_relay_order weir_relay_promised_order(const struct weir_relay *relay);

struct weir_relay_status {
    uint64_t delivered;  /* messages acknowledged by the sink, duplicates included */
    uint64_t duplicates; /* that the sink found to be there already */
    uint64_t marked;
    uint64_t skipped; /* records that are no unpublished insert */
    uint64_t retries;
    uint64_t rejected;
    uint64_t sink_failures; /* batches that found the sink unreachable */
    uint64_t in_hand;       /* read and not yet handled */
    int64_t lag_ms;
    uint32_t at_tip;      /* 1: everything committed was read */
    uint32_t sink_down;   /* 1: waiting for the sink */
    char sink_error[256]; /* why, while sink_down */
};
WEIR_API void weir_relay_read_status(const struct weir_relay *relay,
                                     struct weir_relay_status *ret_status);

/* After run returned. Accepts NULL. */
WEIR_API void weir_relay_close(struct weir_relay *relay);

#ifdef __cplusplus
}
#endif
#endif
