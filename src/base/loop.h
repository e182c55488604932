/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BASE_LOOP_H
#define WEIR_BASE_LOOP_H

/*
 * The event loop as an interface: post, timer, descriptor, TCP stream, now, stop. Feed, relay and
 * sinks know nothing else of the outside; loop_uv.c (libuv) is the one for programs, and a
 * simulator can be another.
 *
 * Threads: everything here belongs to the loop's own thread, the one in loop_run, except loop_post
 * and loop_stop, which any thread may call (loop_stop also a signal handler).
 * Callbacks run on the loop's thread, never inside the call that asked for them. After a free or
 * close the callback is not called again.
 */

#include <stdbool.h>

#include "base/bytes.h"
#include "base/env.h"
#include "weir/error.h"

struct loop;

/* A unit of work for loop_post: storage of the caller, which must stay until fn is called. */
struct loop_task {
    struct loop_task *next; /* the loop's, while posted */
    void (*fn)(void *arg);
    void *arg;
};

struct loop_timer;
struct loop_poll;
struct loop_tcp;

enum { LOOP_READABLE = 1, LOOP_WRITABLE = 2 };

/* What a TCP stream reports. Any of them ends the stream's use, but for `data` and `connected`. */
struct loop_tcp_handler {
    void (*connected)(void *arg);
    /* The bytes are good during the call only. */
    void (*data)(void *arg, struct weir_bytes bytes);
    /* Refused, reset, closed by the peer (status WEIR_UNREACHABLE), with what happened in text. */
    void (*failed)(void *arg, enum weir_status status, const char *what);
    void *arg;
};

struct loop_ops {
    void (*run)(struct loop *loop);
    void (*stop)(struct loop *loop);
    void (*free)(struct loop *loop);
    void (*post)(struct loop *loop, struct loop_task *task);
    struct loop_timer *(*timer_new)(struct loop *loop, void (*fn)(void *arg), void *arg);
    void (*timer_start)(struct loop_timer *timer, uint64_t after_ms);
    void (*timer_stop)(struct loop_timer *timer);
    void (*timer_free)(struct loop_timer *timer);
    struct loop_poll *(*poll_new)(struct loop *loop, int fd, void (*fn)(void *arg, int events),
                                  void *arg);
    void (*poll_set)(struct loop_poll *poll, int events);
    void (*poll_free)(struct loop_poll *poll);
    struct loop_tcp *(*tcp_connect)(struct loop *loop, const char *host, uint16_t port,
                                    struct loop_tcp_handler handler);
    void (*tcp_write)(struct loop_tcp *tcp, struct weir_bytes bytes);
    size_t (*tcp_unsent)(const struct loop_tcp *tcp);
    void (*tcp_close)(struct loop_tcp *tcp);
};

struct loop {
    const struct loop_ops *ops; /* immutable after new */
    struct weir_env *env;       /* immutable after new */
};

/* A loop over libuv; `env` gives its clock and must outlive it. */
enum weir_status loop_uv_new(struct weir_env *env, struct loop **ret_loop, struct weir_error *err);

/* Runs until loop_stop. Tasks posted before loop_stop are run before loop_run returns. */
static inline void loop_run(struct loop *loop)
{
    loop->ops->run(loop);
}
/* @thread any, also from a signal handler. Sticky: a later loop_run returns once it has drained. */
static inline void loop_stop(struct loop *loop)
{
    loop->ops->stop(loop);
}
/* Closes what is still open on it. Accepts NULL. */
static inline void loop_free(struct loop *loop)
{
    if (loop != NULL) {
        loop->ops->free(loop);
    }
}
/* Runs task->fn on the loop's thread, in order of posting. What is posted after loop_stop waits for
 * the next loop_run; loop_free drops it without a call. @thread any */
static inline void loop_post(struct loop *loop, struct loop_task *task)
{
    loop->ops->post(loop, task);
}

/* A timer, stopped; NULL without memory. Fires once per start; restarting replaces the time. */
static inline struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    return loop->ops->timer_new(loop, fn, arg);
}
static inline void loop_timer_start(struct loop *loop, struct loop_timer *t, uint64_t after_ms)
{
    loop->ops->timer_start(t, after_ms);
}
static inline void loop_timer_stop(struct loop *loop, struct loop_timer *t)
{
    loop->ops->timer_stop(t);
}
static inline void loop_timer_free(struct loop *loop, struct loop_timer *t)
{
    if (t != NULL) {
        loop->ops->timer_free(t);
    }
}

/* Watches a descriptor that the caller owns, and makes it non-blocking; level-triggered; events 0 =
 * not watched. NULL without memory, and for a descriptor that cannot be watched (a file) or is
 * watched on this loop already. Free before closing the descriptor. */
static inline struct loop_poll *loop_poll_new(struct loop *loop, int fd,
                                              void (*fn)(void *arg, int events), void *arg)
{
    return loop->ops->poll_new(loop, fd, fn, arg);
}
static inline void loop_poll_set(struct loop *loop, struct loop_poll *p, int events)
{
    loop->ops->poll_set(p, events);
}
static inline void loop_poll_free(struct loop *loop, struct loop_poll *p)
{
    if (p != NULL) {
        loop->ops->poll_free(p);
    }
}

/* Resolves and connects; NULL without memory. `failed` or `connected` follows. */
static inline struct loop_tcp *loop_tcp_connect(struct loop *loop, const char *host, uint16_t port,
                                                struct loop_tcp_handler handler)
{
    return loop->ops->tcp_connect(loop, host, port, handler);
}
/* Copies and queues, also before `connected`. Failure is reported by `failed`; more than
 * LIMIT_TCP_UNSENT_BYTES unsent is one (WEIR_NO_MEMORY). */
static inline void loop_tcp_write(struct loop *loop, struct loop_tcp *tcp, struct weir_bytes bytes)
{
    loop->ops->tcp_write(tcp, bytes);
}
/* Bytes queued and not yet taken by the system. */
static inline size_t loop_tcp_unsent(struct loop *loop, const struct loop_tcp *tcp)
{
    return loop->ops->tcp_unsent(tcp);
}
/* Closes, also after `failed`, and drops what is unsent; the handler is not called again. Accepts
 * NULL. */
static inline void loop_tcp_close(struct loop *loop, struct loop_tcp *tcp)
{
    if (tcp != NULL) {
        loop->ops->tcp_close(tcp);
    }
}

/* Monotonic nanoseconds. */
static inline uint64_t loop_now_ns(struct loop *loop)
{
    return env_mono_ns(loop->env);
}

#endif
