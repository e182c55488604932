/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OUTBOX_OUTBOX_PARALLEL_H
#define WEIR_OUTBOX_OUTBOX_PARALLEL_H

/*
 * Many calls side by side, for a synchronous caller: a loop in the calling thread, and a bounded
 * number of requests on their way. What comes next is asked for whenever one came back, so that a
 * call may wait for another's answer.
 */

#include "outbox/outbox_store.h"

#define OUTBOX_PARALLEL_SIZE 32
/* A message of 400 KB, its Base64, and what the answer brings. */
#define OUTBOX_PARALLEL_BYTES (8 * 1024 * 1024)

struct outbox_parallel_call {
    const char *operation;
    struct weir_value *document; /* in the arena given */
    uint32_t index;              /* the caller's, for `done` */
};

struct outbox_parallel {
    struct weir_client *client;
    /* False: nothing can be sent now; asked again after the next answer. */
    bool (*next)(void *arg, struct arena *arena, struct outbox_parallel_call *ret_call);
    void (*done)(void *arg, uint32_t index, const struct client_request *request);
    void *arg;
};

/* Returns when nothing is on its way and nothing comes next. WEIR_NO_MEMORY: nothing was sent. */
enum weir_status outbox_parallel_run(const struct outbox_parallel *calls, struct weir_error *err);

#endif
