/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SINK_H
#define WEIR_SINK_H

/*
 * A sink: where a relay delivers messages. Drivers come with weir (stdout, file, redis), and an
 * application may bring its own through the table of functions below.
 *
 *                    submit(batch)                    one weir_sink_complete(batch)
 *     relay ───────────────────────────► driver ──────────────────────────────────► relay
 *
 * Threads: open, submit and close are called on the relay's thread; weir_sink_complete may be
 * called from any thread, also inside submit.
 */

#include "weir/outbox.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A message on its way. Everything lives until the batch is completed. */
struct weir_sink_message {
    struct weir_text id;  /* stable: the same at every attempt */
    struct weir_text key; /* the ordering key */
    struct weir_text type;
    struct weir_text destination; /* topic, queue, stream; absent: the sink's default */
    struct weir_text payload;
    struct weir_text content_type;
    struct weir_text headers; /* a JSON object, or absent */
    struct weir_text correlation_id;
    struct weir_text causation_id;
    struct weir_text aggregate_id;
    struct weir_text aggregate_type;
    struct weir_text traceparent;
    struct weir_text tracestate;
    struct weir_text created_at; /* ISO 8601 */
};

/* What became of one message. */
enum weir_delivery {
    WEIR_DELIVERED = 0,
    WEIR_DUPLICATE = 1, /* it was there before: shown, not guessed; counts as delivered */
    WEIR_REJECTED = 2,  /* this message cannot be taken; another attempt may be made */
    WEIR_UNREACHABLE_SINK =
        3, /* the sink is down; no message is to blame; may have been delivered */
};

struct weir_sink_result {
    enum weir_delivery delivery;
    char reason[256]; /* REJECTED, UNREACHABLE: what happened, NUL-terminated */
};

/* What a partly failed batch means. */
enum weir_partial {
    WEIR_PARTIAL_ATOMIC = 0, /* all or nothing */
    WEIR_PARTIAL_PREFIX = 1, /* nothing of a key succeeds after a failure of that key */
    WEIR_PARTIAL_NONE = 2,   /* no promise: at most one message per key is in flight */
};

struct weir_sink_batch {
    const struct weir_sink_message *messages; /* in commit order per key */
    struct weir_sink_result
        *results; /* `count`, the driver's to fill; left as it was: unreachable */
    uint32_t count;
    void *driver; /* the driver's own */
};

struct weir_sink_driver {
    uint32_t struct_size;
    uint32_t batch_max;        /* messages in a batch; 0: 256 */
    uint32_t in_flight_max;    /* batches submitted and not completed; 0: 1 */
    enum weir_partial partial; /* see above */
    const char *name;          /* for logs and metrics */
    /* Delivers the batch and reports it with weir_sink_complete, exactly once. */
    void (*submit)(void *sink, struct weir_sink_batch *batch);
    /* Completes at once what is in flight, WEIR_UNREACHABLE_SINK where its fate is not known: the
     * relay's time to stop is over. NULL: completions never take long. */
    void (*abandon)(void *sink);
    /* No batch is in flight. Frees. */
    void (*close)(void *sink);
    void *sink; /* passed to the functions */
};

WEIR_API void weir_sink_complete(struct weir_sink_batch *batch);

#ifdef __cplusplus
}
#endif
#endif
