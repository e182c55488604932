/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_AWS_HTTP_LANE_H
#define WEIR_AWS_HTTP_LANE_H

/*
 * Requests that run in their caller's thread: a caller that waits anyway needs nobody to wake it,
 * so two changes of thread are saved. A lane is one keep-alive connection with its handle.
 *
 *     lanes_run:  idle (newest first) ──take──► a caller's ──give──► idle ──► closed after a time
 *
 * The newest idle lane is taken first, so that calls one after another share a connection and what
 * a busy time opened grows old at the other end.
 */

#include "aws/http.h"

#include <pthread.h>

#define LANES_MAX 256      /* in callers' hands at a time */
#define LANES_IDLE_MAX 64  /* kept */
#define LANE_IDLE_MS 60000 /* one that was idle longer is closed when another is given back */

struct lane;

struct lanes {
    const struct aws_http_options *options; /* immutable after init */
    const char *ca_bundle;

    pthread_mutex_t mu;
    struct lane *newest; /* under mu: idle */
    struct lane *oldest; /* under mu */
    unsigned idle;       /* under mu */
    unsigned taken;      /* under mu */
};

/* The options outlive it. */
void lanes_init(struct lanes *lanes, const struct aws_http_options *options, const char *ca_bundle);
/* Nobody may be inside lanes_run any more. */
void lanes_fini(struct lanes *lanes);

/* Runs the request to its end, without done(). False when LANES_MAX are at work: nothing was done.
 * @thread any @locks lanes->mu, not while it runs */
bool lanes_run(struct lanes *lanes, struct aws_http_request *request);
/* Wakes the caller of a request whose `cancelled` is set, if it runs in a lane. @locks lanes->mu */
void lanes_wake(struct lanes *lanes, struct aws_http_request *request);

#endif
