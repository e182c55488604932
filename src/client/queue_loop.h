/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLIENT_QUEUE_LOOP_H
#define WEIR_CLIENT_QUEUE_LOOP_H

/*
 * A loop without a thread: whoever has something to wait for turns it. Its "own thread" is the one
 * inside queue_loop_turn, or that holds it by queue_loop_hold; one at a time.
 *
 *     loop_post (any thread) ──► posted ──┐                    ┌─► fd: readable while a turn has
 *     loop_timer_start ────────► timers ──┴─ queue_loop_turn   │   something to do, or the owner
 *                                                              │   says so (queue_loop_signal)
 *     an eventfd and a timerfd under one epoll descriptor ─────┘
 *
 * It has posting and timers, which is what calls need; no descriptors, no streams.
 */

#include "base/loop.h"

#include <pthread.h>

struct queue_loop {
    struct loop loop; /* first: what calls are given */

    int fd; /* the epoll descriptor; immutable after init, as the other two */
    int event_fd;
    int timer_fd;

    pthread_mutex_t turn_mu;  /* held by whoever is the loop's thread */
    struct loop_timer **heap; /* under turn_mu, as what follows: timers that run */
    uint32_t running;
    uint32_t heap_size;
    uint32_t timer_count; /* those that run and those that do not */
    uint64_t alarm_ns;    /* what the timerfd is set to; 0: nothing */

    pthread_mutex_t mu;
    struct loop_task *first; /* under mu: posted, oldest first */
    struct loop_task **last; /* under mu */
    bool wanted;             /* under mu: the owner's signal */
    bool signalled;          /* under mu: the eventfd is not 0 */
};

/* WEIR_IO: no descriptors. */
enum weir_status queue_loop_init(struct queue_loop *q, struct weir_env *env,
                                 struct weir_error *err);
/* Nothing may be posted or timed any more. */
void queue_loop_fini(struct queue_loop *q);

/* Runs what is posted and due. Never waits, but for another turn. @thread any */
void queue_loop_turn(struct queue_loop *q);
/* Makes the descriptor readable until it is taken back. @thread any @locks q->mu */
void queue_loop_signal(struct queue_loop *q, bool readable);
/* Waits for the descriptor up to timeout_ms (-1: without end); false: it failed. @thread any */
bool queue_loop_wait(struct queue_loop *q, int timeout_ms);

/* The calling thread is the loop's until it lets go. */
void queue_loop_hold(struct queue_loop *q);
void queue_loop_release(struct queue_loop *q);

#endif
