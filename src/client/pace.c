/* SPDX-License-Identifier: Apache-2.0 */
/* The quota of retries and the rate of attempts: see pace.h. */
#include "client/pace.h"

#include <math.h>

#define SMOOTHING 0.8
#define COUNTING_S 0.5
#define RATE_MIN 0.5
#define RATE_START 1.0
#define BETA 0.7
#define SCALE 0.4
#define MEASURED_TIMES_MAX 2.0

static double seconds(uint64_t now_ns)
{
    return (double)now_ns / 1e9;
}

static double at_most(double value, double bound)
{
    return value < bound ? value : bound;
}

/* ---- the bucket ------------------------------------------------------------------------------ */

/* Tokens beyond the bucket's capacity are lost. @locks pace->mu is held */
static void bucket_fill(struct pace *pace, double now)
{
    if (now > pace->filled_at) {
        pace->made += (now - pace->filled_at) * pace->rate;
        pace->filled_at = now;
    }
    pace->made = at_most(pace->made, pace->taken + pace->capacity);
}

/* What was made until now was made at the old rate. @locks pace->mu is held */
static void bucket_set_rate(struct pace *pace, double rate, double now)
{
    bucket_fill(pace, now);
    pace->rate = rate > RATE_MIN ? rate : RATE_MIN;
    pace->capacity = rate >= 1 ? rate : 1;
    bucket_fill(pace, now);
}

/* ---- the rate -------------------------------------------------------------------------------- */

/* @locks pace->mu is held */
static double measure(struct pace *pace, double now)
{
    double half_second = floor(now / COUNTING_S) * COUNTING_S;
    pace->counted++;
    if (half_second > pace->counted_since) {
        double current = pace->counted / (half_second - pace->counted_since);
        pace->measured_rate = current * SMOOTHING + pace->measured_rate * (1 - SMOOTHING);
        pace->counted = 0;
        pace->counted_since = half_second;
    }
    return pace->measured_rate;
}

/* @locks pace->mu is held */
static double rate_after_throttling(struct pace *pace, double measured, double now)
{
    pace->last_max = pace->limiting ? at_most(measured, pace->rate) : measured;
    pace->last_throttled = now;
    pace->k = cbrt(pace->last_max * (1 - BETA) / SCALE);
    pace->limiting = true;
    return pace->last_max * BETA;
}

static double rate_after_success(const struct pace *pace, double now)
{
    double t = now - pace->last_throttled - pace->k;
    return SCALE * t * t * t + pace->last_max;
}

/* ---- for calls ------------------------------------------------------------------------------- */

void pace_init(struct pace *pace, enum aws_retry_mode mode, uint64_t now_ns)
{
    double now = seconds(now_ns);
    *pace = (struct pace){
        .mode = mode,
        .quota = PACE_QUOTA,
        .counted_since = floor(now),
        .last_throttled = now,
        .rate = RATE_START,
        .capacity = RATE_START,
        .filled_at = now,
    };
    (void)pthread_mutex_init(&pace->mu, NULL);
}

void pace_fini(struct pace *pace)
{
    (void)pthread_mutex_destroy(&pace->mu);
}

bool pace_take_retry(struct pace *pace, struct pace_call *call, bool after_timeout)
{
    uint32_t cost = after_timeout ? PACE_TIMEOUT_COST : PACE_RETRY_COST;
    if (pace->mode == AWS_RETRY_LEGACY) {
        return true;
    }
    pthread_mutex_lock(&pace->mu);
    bool paid = pace->quota >= cost;
    if (paid) {
        pace->quota -= cost;
        call->quota = cost;
    }
    pthread_mutex_unlock(&pace->mu);
    return paid;
}

/* @locks pace->mu is held */
static uint64_t ticket_wait_ms(struct pace *pace, struct pace_call *call, double now)
{
    bucket_fill(pace, now);
    if (call->ticket == 0) {
        pace->taken += 1;
        call->ticket = pace->taken;
    }
    if (pace->made >= call->ticket) {
        call->ticket = 0;
        return 0;
    }
    double wait_ms = ceil((call->ticket - pace->made) / pace->rate * 1000);
    return (uint64_t)at_most(wait_ms, PACE_ASK_AGAIN_MS);
}

uint64_t pace_wait_ms(struct pace *pace, struct pace_call *call, uint64_t now_ns)
{
    if (pace->mode != AWS_RETRY_ADAPTIVE) {
        return 0;
    }
    pthread_mutex_lock(&pace->mu);
    uint64_t wait_ms = pace->limiting ? ticket_wait_ms(pace, call, seconds(now_ns)) : 0;
    pthread_mutex_unlock(&pace->mu);
    return wait_ms;
}

/* @locks pace->mu is held */
static void refund(struct pace *pace, const struct pace_call *call)
{
    uint32_t amount = call->quota > 0 ? call->quota : PACE_SUCCESS_REFUND;
    uint32_t room = PACE_QUOTA - pace->quota;
    pace->quota += amount < room ? amount : room;
}

void pace_attempt_over(struct pace *pace, struct pace_call *call, bool success, bool throttled,
                       uint64_t now_ns)
{
    double now = seconds(now_ns);
    if (pace->mode == AWS_RETRY_LEGACY) {
        return;
    }
    pthread_mutex_lock(&pace->mu);
    if (success) {
        refund(pace, call);
    }
    if (pace->mode == AWS_RETRY_ADAPTIVE) {
        double measured = measure(pace, now);
        double rate =
            throttled ? rate_after_throttling(pace, measured, now) : rate_after_success(pace, now);
        bucket_set_rate(pace, at_most(rate, MEASURED_TIMES_MAX * measured), now);
    }
    pthread_mutex_unlock(&pace->mu);
}
