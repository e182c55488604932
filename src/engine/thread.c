/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The committer's thread and its door: sleeps until a request, a waiter's deadline or background
 * work, then takes turns until nothing waits. `closed` and the mailbox are changed under one lock,
 * so that no request slips in behind the last turn.
 */
#include "engine/internal.h"

#include <errno.h>
#include <time.h>

/* A sleep is cut to this, so that a clock that jumps costs no more. */
#define SLEEP_MS_MAX 60000

void thread_wake_locked(struct engine *engine)
{
    if (!engine->woken) {
        engine->woken = true;
        pthread_cond_signal(&engine->queue_cond);
    }
}

void engine_wake(struct engine *engine)
{
    pthread_mutex_lock(&engine->queue_mu);
    thread_wake_locked(engine);
    pthread_mutex_unlock(&engine->queue_mu);
}

enum weir_status engine_submit(struct engine *engine, struct engine_request *request,
                               struct weir_error *err)
{
    if (request->op_count > LIMIT_COMMIT_OPERATIONS) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "a request has at most %d operations",
                         LIMIT_COMMIT_OPERATIONS);
    }
    bool was_empty = false;
    bool is_held = request->is_held;
    pthread_mutex_lock(&engine->queue_mu);
    bool closed = engine->closed;
    bool queued =
        !closed && mailbox_offer(&engine->mailbox, &request->mail, LIMIT_COMMIT_QUEUE, &was_empty);
    if (queued && !is_held) {
        thread_wake_locked(engine);
    }
    pthread_mutex_unlock(&engine->queue_mu);
    if (closed) {
        return error_set(err, WEIR_CLOSED, "the engine is stopped");
    }
    if (!queued) {
        ATOMIC_COUNT(engine->figures.throttled, 1);
        return error_set(err, WEIR_THROTTLED, "too many requests wait for the committer");
    }
    return WEIR_OK;
}

uint64_t engine_turn_due_ms(struct engine *engine)
{
    uint64_t now_ns = env_mono_ns(engine->env);
    uint64_t due_ns = waiters_deadline_ns(engine);
    if (!engine->failed && engine->background_ns < due_ns) {
        due_ns = engine->background_ns;
    }
    if (!engine->failed && engine->expiry_ns < due_ns) {
        due_ns = engine->expiry_ns;
    }
    uint64_t left_ns = due_ns <= now_ns ? 0 : due_ns - now_ns;
    return left_ns / 1000000 + (left_ns % 1000000 != 0);
}

/* The condition variable sleeps by the system's clock, whatever the engine's is. */
static struct timespec after_ms(uint64_t ms)
{
    uint64_t at_ns = env_mono_ns(env_system()) + ms * 1000000;
    return (struct timespec){.tv_sec = (time_t)(at_ns / 1000000000),
                             .tv_nsec = (long)(at_ns % 1000000000)};
}

/* Returns whether the thread goes on. */
static bool sleep_until_due(struct engine *engine)
{
    uint64_t ms = engine_turn_due_ms(engine);
    struct timespec until = after_ms(ms < SLEEP_MS_MAX ? ms : SLEEP_MS_MAX);
    int result = 0;
    pthread_mutex_lock(&engine->queue_mu);
    while (!engine->woken && result != ETIMEDOUT) {
        result = pthread_cond_timedwait(&engine->queue_cond, &engine->queue_mu, &until);
    }
    engine->woken = false;
    bool closed = engine->closed;
    pthread_mutex_unlock(&engine->queue_mu);
    return !closed;
}

static void *thread_main(void *arg)
{
    struct engine *engine = arg;
    bool goes_on = true;
    while (goes_on) {
        goes_on = sleep_until_due(engine);
        while (engine_turn(engine)) {
        }
    }
    engine_end_waits(engine);
    return NULL;
}

enum weir_status engine_committer_start(struct engine *engine, struct weir_error *err)
{
    WEIR_ASSERT(!engine->thread_runs);
    int failed = pthread_create(&engine->thread, NULL, thread_main, engine);
    if (failed != 0) {
        return error_set(err, WEIR_NO_MEMORY, "cannot start the committer's thread: %s",
                         strerror(failed));
    }
    (void)pthread_setname_np(engine->thread, "weir-committer"); /* only seen by people */
    engine->thread_runs = true;
    return WEIR_OK;
}

void engine_committer_stop(struct engine *engine)
{
    pthread_mutex_lock(&engine->queue_mu);
    engine->closed = true;
    thread_wake_locked(engine);
    pthread_mutex_unlock(&engine->queue_mu);
    if (engine->thread_runs) {
        (void)pthread_join(engine->thread, NULL);
        engine->thread_runs = false;
    }
}
