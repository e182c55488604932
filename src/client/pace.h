/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLIENT_PACE_H
#define WEIR_CLIENT_PACE_H

/*
 * What a client's calls share in deciding on attempts: the quota that retries are paid from, and
 * the rate below which attempts are sent. Rules and constants: AWS's SDKs, after botocore's modes
 * `standard` and `adaptive` (2026-08).
 *
 * The rate. Attempts are counted in half seconds, smoothed. At the first throttling the limiter
 * switches on: the rate falls to 0.7 of what was measured, and grows again along a cubic curve that
 * is flat where the service throttled last and steep beyond it:
 *
 *     rate |              .            rate(t) = 0.4 (t - k)^3 + last_max
 *          |   last_max ______.-'      k: where the curve passes last_max again
 *          |      _.-'
 *          |    .'
 *          +----|-------|----------- t since the throttling
 *               0       k
 *
 * Attempts take tickets from a token bucket of that rate, in order: an attempt may go once the
 * tokens made so far reach its ticket. An ask again after PACE_ASK_AGAIN_MS at the latest sees a
 * rate that changed meanwhile.
 *
 * Time is an argument, so that tests turn the clock. @thread any @locks pace->mu
 */

#include "aws/config.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define PACE_QUOTA 500
#define PACE_RETRY_COST 5
#define PACE_TIMEOUT_COST 10
#define PACE_SUCCESS_REFUND 1
#define PACE_ASK_AGAIN_MS 250

struct pace {
    enum aws_retry_mode mode; /* immutable after init */

    pthread_mutex_t mu;
    uint32_t quota; /* under mu, as what follows */

    /* Seconds on the caller's clock, attempts per second. */
    bool limiting;
    double measured_rate;
    double counted_since; /* the half second at which counting began */
    uint32_t counted;
    double last_max;
    double last_throttled;
    double k;
    double rate;     /* of the bucket */
    double capacity; /* of the bucket */
    double made;     /* tokens since the start, less those that did not fit */
    double taken;    /* tickets since the start */
    double filled_at;
};

/* What one call holds of it; zeroed first. */
struct pace_call {
    double ticket;  /* 0: none */
    uint32_t quota; /* what its last retry took */
};

void pace_init(struct pace *pace, enum aws_retry_mode mode, uint64_t now_ns);
void pace_fini(struct pace *pace);

/* Takes what a retry costs; false when the quota does not have it. */
bool pace_take_retry(struct pace *pace, struct pace_call *call, bool after_timeout);
/* 0: the next attempt may be sent now. Otherwise ask again after so many milliseconds. */
uint64_t pace_wait_ms(struct pace *pace, struct pace_call *call, uint64_t now_ns);
/* After every attempt. */
void pace_attempt_over(struct pace *pace, struct pace_call *call, bool success, bool throttled,
                       uint64_t now_ns);

#endif
