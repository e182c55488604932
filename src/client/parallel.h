/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLIENT_PARALLEL_H
#define WEIR_CLIENT_PARALLEL_H

/*
 * Many calls side by side, for a synchronous caller: a loop in the calling thread, and at most
 * PARALLEL_SIZE requests on their way.
 *
 *     next() ──► [ | | | ... ] ──► done()
 *       ▲          on their way       │
 *       └──────── asked again ────────┘
 *
 * What comes next is asked for whenever a call came back, so one call may wait for another's
 * answer.
 */

#include "client/client.h"

#define PARALLEL_SIZE 32

struct parallel_call {
    const char *operation;             /* static */
    const struct weir_value *document; /* in the arena given */
    void *state;                       /* the caller's, for done(); may be in the arena */
};

struct parallel {
    struct weir_client *client;
    uint32_t max_attempts; /* of one call; 0: the client's */
    size_t arena_bytes;    /* of one call: its request, its answer, and what next and done make */
    void *arg;
    /* Fills *ret_call. False: nothing can be sent now. An arena that was not used for a call is
     * given again. */
    bool (*next)(void *arg, struct arena *arena, struct parallel_call *ret_call);
    /* The arena, and so everything in it, is reused when this returns. */
    void (*done)(void *arg, void *state, const struct client_request *request);
};

/* Returns when nothing is on its way and nothing comes next. Fails only before anything was asked
 * for: WEIR_NO_MEMORY, WEIR_IO (the loop's descriptors). @thread any but a loop's */
enum weir_status parallel_run(const struct parallel *calls, struct weir_error *err);

#endif
