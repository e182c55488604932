/* SPDX-License-Identifier: Apache-2.0 */
/* A loop that is turned by who waits: see queue_loop.h. */
#include "client/queue_loop.h"

#include "base/error.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define NOT_RUNNING UINT32_MAX
#define HEAP_START 16

struct loop_timer {
    struct queue_loop *loop;
    uint32_t place; /* in the heap */
    uint64_t due_ns;
    void (*fn)(void *arg);
    void *arg;
};

static struct queue_loop *of(struct loop *loop)
{
    return (struct queue_loop *)loop;
}

/* ---- the descriptor -------------------------------------------------------------------------- */

/* The eventfd says whether anything is posted or wanted. @locks q->mu is held */
static void signal_update(struct queue_loop *q)
{
    bool readable = q->first != NULL || q->wanted;
    if (readable == q->signalled) {
        return;
    }
    uint64_t count = 1;
    ssize_t done = readable ? write(q->event_fd, &count, sizeof(count))
                            : read(q->event_fd, &count, sizeof(count));
    WEIR_ASSERT(done == (ssize_t)sizeof(count));
    q->signalled = readable;
}

void queue_loop_signal(struct queue_loop *q, bool readable)
{
    pthread_mutex_lock(&q->mu);
    q->wanted = readable;
    signal_update(q);
    pthread_mutex_unlock(&q->mu);
}

bool queue_loop_wait(struct queue_loop *q, int timeout_ms)
{
    struct pollfd wait = {.fd = q->fd, .events = POLLIN};
    return poll(&wait, 1, timeout_ms) >= 0 || errno == EINTR;
}

/* The timerfd follows the earliest timer. @locks q->turn_mu is held */
static void alarm_update(struct queue_loop *q)
{
    struct itimerspec at = {{0, 0}, {0, 0}};
    uint64_t due = q->running > 0 ? q->heap[0]->due_ns : 0;
    if (due == q->alarm_ns) {
        return;
    }
    q->alarm_ns = due;
    if (due != 0) {
        uint64_t now = env_mono_ns(q->loop.env);
        uint64_t left = due > now ? due - now : 1;
        at.it_value.tv_sec = (time_t)(left / 1000000000);
        at.it_value.tv_nsec = (long)(left % 1000000000);
    }
    int failed = timerfd_settime(q->timer_fd, 0, &at, NULL);
    WEIR_ASSERT(failed == 0);
}

/* ---- posting --------------------------------------------------------------------------------- */

static void post(struct loop *loop, struct loop_task *task)
{
    struct queue_loop *q = of(loop);
    task->next = NULL;
    pthread_mutex_lock(&q->mu);
    *q->last = task;
    q->last = &task->next;
    signal_update(q);
    pthread_mutex_unlock(&q->mu);
}

static struct loop_task *take_posted(struct queue_loop *q)
{
    pthread_mutex_lock(&q->mu);
    struct loop_task *first = q->first;
    q->first = NULL;
    q->last = &q->first;
    signal_update(q);
    pthread_mutex_unlock(&q->mu);
    return first;
}

/* ---- timers: a binary heap, the earliest first ----------------------------------------------- */

static void heap_set(struct queue_loop *q, uint32_t place, struct loop_timer *timer)
{
    q->heap[place] = timer;
    timer->place = place;
}

/* Puts the timer where it belongs, from a free place on. */
static void heap_settle(struct queue_loop *q, uint32_t place, struct loop_timer *timer)
{
    while (place > 0 && q->heap[(place - 1) / 2]->due_ns > timer->due_ns) {
        heap_set(q, place, q->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (uint32_t child = 2 * place + 1; child < q->running; child = 2 * place + 1) {
        if (child + 1 < q->running && q->heap[child + 1]->due_ns < q->heap[child]->due_ns) {
            child++;
        }
        if (q->heap[child]->due_ns >= timer->due_ns) {
            break;
        }
        heap_set(q, place, q->heap[child]);
        place = child;
    }
    heap_set(q, place, timer);
}

/* Every timer has its place before it is started, so that starting cannot fail. */
static bool heap_reserve(struct queue_loop *q)
{
    if (q->timer_count < q->heap_size) {
        return true;
    }
    uint32_t size = q->heap_size == 0 ? HEAP_START : q->heap_size * 2;
    struct loop_timer **heap = realloc(q->heap, size * sizeof(*heap));
    if (heap == NULL) {
        return false;
    }
    q->heap = heap;
    q->heap_size = size;
    return true;
}

static struct loop_timer *timer_new(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct queue_loop *q = of(loop);
    struct loop_timer *timer = heap_reserve(q) ? calloc(1, sizeof(*timer)) : NULL;
    if (timer != NULL) {
        *timer = (struct loop_timer){.loop = q, .place = NOT_RUNNING, .fn = fn, .arg = arg};
        q->timer_count++;
    }
    return timer;
}

static void timer_stop(struct loop_timer *timer)
{
    struct queue_loop *q = timer->loop;
    if (timer->place == NOT_RUNNING) {
        return;
    }
    struct loop_timer *last = q->heap[--q->running];
    if (last != timer) {
        heap_settle(q, timer->place, last);
    }
    timer->place = NOT_RUNNING;
}

static void timer_start(struct loop_timer *timer, uint64_t after_ms)
{
    struct queue_loop *q = timer->loop;
    timer_stop(timer);
    timer->due_ns = env_mono_ns(q->loop.env) + after_ms * 1000000;
    heap_settle(q, q->running++, timer);
}

static void timer_free(struct loop_timer *timer)
{
    timer_stop(timer);
    timer->loop->timer_count--;
    free(timer);
}

/* Those that are due now, in order; not those that their functions start. */
static void run_timers(struct queue_loop *q)
{
    uint64_t now = env_mono_ns(q->loop.env);
    while (q->running > 0 && q->heap[0]->due_ns <= now) {
        struct loop_timer *timer = q->heap[0];
        timer_stop(timer);
        timer->fn(timer->arg);
    }
}

/* ---- turning --------------------------------------------------------------------------------- */

void queue_loop_hold(struct queue_loop *q)
{
    pthread_mutex_lock(&q->turn_mu);
}

void queue_loop_release(struct queue_loop *q)
{
    pthread_mutex_unlock(&q->turn_mu);
}

void queue_loop_turn(struct queue_loop *q)
{
    queue_loop_hold(q);
    struct loop_task *next;
    for (struct loop_task *task = take_posted(q); task != NULL; task = next) {
        next = task->next; /* its storage may go with fn */
        task->fn(task->arg);
    }
    run_timers(q);
    alarm_update(q);
    queue_loop_release(q);
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool watch(const struct queue_loop *q, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    return fd >= 0 && epoll_ctl(q->fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void close_one(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void close_all(const struct queue_loop *q)
{
    close_one(q->event_fd);
    close_one(q->timer_fd);
    close_one(q->fd);
}

enum weir_status queue_loop_init(struct queue_loop *q, struct weir_env *env, struct weir_error *err)
{
    static const struct loop_ops ops = {
        .post = post,
        .timer_new = timer_new,
        .timer_start = timer_start,
        .timer_stop = timer_stop,
        .timer_free = timer_free,
    };
    *q = (struct queue_loop){.loop = {&ops, env}};
    q->fd = epoll_create1(EPOLL_CLOEXEC);
    q->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    q->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (q->fd < 0 || !watch(q, q->event_fd) || !watch(q, q->timer_fd)) {
        int error = errno;
        close_all(q);
        return error_set(err, WEIR_IO, "a queue's descriptors cannot be had: %s", strerror(error));
    }
    q->last = &q->first;
    (void)pthread_mutex_init(&q->turn_mu, NULL);
    (void)pthread_mutex_init(&q->mu, NULL);
    return WEIR_OK;
}

void queue_loop_fini(struct queue_loop *q)
{
    WEIR_ASSERT(q->first == NULL && q->timer_count == 0);
    free(q->heap);
    close_all(q);
    (void)pthread_mutex_destroy(&q->turn_mu);
    (void)pthread_mutex_destroy(&q->mu);
}
