/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop over libuv, whose header is included nowhere else.
 *
 * libuv frees a handle's memory only after a turn of its own, so every object here is closed first
 * and freed when libuv reports its last handle closed. An object is the `data` of its handles and
 * begins with how it is closed, by which loop_free closes whatever its user left open.
 *
 * A TCP stream moves so; `closed` may join any of these states and ends all calls to the user:
 *
 *     RESOLVING ──► CONNECTING ──► OPEN ──► FAILED
 *                    │      ▲
 *                    ▼      │ the next address, on a new socket
 *                   REOPENING
 *     any ──► FAILED: `failed` was called, or `later` is about to call it
 *
 * One write is with libuv at a time; what is written meanwhile gathers in a buffer and follows as
 * one write, so many small writes in a turn become few system calls.
 */
#include "base/loop.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

#define READ_BYTES (64 * 1024)
#define WRITE_BYTES_KEPT (1024 * 1024) /* larger write buffers are given back when empty */

/* What every object with handles begins with. */
struct owner {
    void (*close)(struct owner *owner);
};

struct loop_uv {
    struct loop loop;
    uv_loop_t uv;        /* loop thread only */
    uv_async_t wake;     /* any thread sends */
    uint8_t *read_bytes; /* loop thread only; of the stream that is read just now */
    pthread_mutex_t mu;
    struct loop_task *first; /* under mu; oldest first */
    struct loop_task **last; /* under mu */
    atomic_bool stopping;
    /* Calls of loop_stop under way: loop_free waits for them, since the flag they set may have
     * ended loop_run before they touched the loop for the last time. */
    atomic_uint stoppers;
};

struct loop_timer {
    struct owner owner;
    uv_timer_t handle;
    void (*fn)(void *arg);
    void *arg;
};

struct loop_poll {
    struct owner owner;
    uv_poll_t handle;
    int events; /* LOOP_READABLE | LOOP_WRITABLE, as asked for */
    void (*fn)(void *arg, int events);
    void *arg;
};

enum tcp_state { TCP_RESOLVING, TCP_CONNECTING, TCP_REOPENING, TCP_OPEN, TCP_FAILED };

struct loop_tcp {
    struct owner owner;
    struct loop_tcp_handler handler;
    struct loop_uv *loop;
    enum tcp_state state;
    bool closed;
    unsigned refs; /* what libuv still holds: the two handles, the resolver's request */
    char *peer;    /* "host:port", for messages */
    uv_tcp_t handle;
    uv_timer_t later; /* reports a failure found inside the user's own call */
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    uv_write_t write;
    struct addrinfo *addresses;  /* all that were resolved */
    const struct addrinfo *next; /* the next one to try */
    bool writing;                /* `sending` is with libuv */
    struct buf sending;
    struct buf gathered; /* follows `sending` */
    enum weir_status failed_status;
    char failed_what[256];
};

static struct loop_uv *uv_of(struct loop *loop)
{
    return (struct loop_uv *)((char *)loop - offsetof(struct loop_uv, loop));
}

/* ---- Tasks, wake, stop ---- */

static void wake(struct loop_uv *l)
{
    int failed = uv_async_send(&l->wake);
    WEIR_ASSERT(failed == 0);
}

/* The wake is sent under the lock: once the task can run, it may end and free the loop. */
static void post(struct loop *loop, struct loop_task *task)
{
    struct loop_uv *l = uv_of(loop);
    task->next = NULL;
    pthread_mutex_lock(&l->mu);
    bool was_empty = l->first == NULL;
    *l->last = task;
    l->last = &task->next;
    if (was_empty) {
        wake(l);
    }
    pthread_mutex_unlock(&l->mu);
}

static struct loop_task *take_tasks(struct loop_uv *l)
{
    pthread_mutex_lock(&l->mu);
    struct loop_task *all = l->first;
    l->first = NULL;
    l->last = &l->first;
    pthread_mutex_unlock(&l->mu);
    return all;
}

/* The flag is read before the tasks are taken, so that those posted before the stop are here. */
static void on_wake(uv_async_t *handle)
{
    struct loop_uv *l = handle->data;
    bool stopping = atomic_load(&l->stopping);
    for (struct loop_task *task = take_tasks(l), *next; task != NULL; task = next) {
        next = task->next;
        task->fn(task->arg);
    }
    if (stopping) {
        uv_stop(&l->uv);
    }
}

/* Nothing here but atomics and a write to libuv's descriptor: a signal handler may call it. */
static void stop(struct loop *loop)
{
    struct loop_uv *l = uv_of(loop);
    int saved_errno = errno;
    atomic_fetch_add(&l->stoppers, 1);
    atomic_store(&l->stopping, true);
    wake(l);
    atomic_fetch_sub(&l->stoppers, 1);
    errno = saved_errno;
}

/* ---- Run and free ---- */

/* libuv writes to sockets without MSG_NOSIGNAL. A signal of our own making is taken back here; one
 * that was pending before, or is not blocked by us, is the program's. */
static void run_without_sigpipe(uv_loop_t *uv)
{
    sigset_t sigpipe;
    sigset_t before;
    sigset_t pending;
    (void)sigemptyset(&sigpipe);
    (void)sigaddset(&sigpipe, SIGPIPE);
    (void)sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    (void)pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
    (void)uv_run(uv, UV_RUN_DEFAULT);
    if (!was_pending) {
        static const struct timespec at_once = {0, 0};
        (void)sigtimedwait(&sigpipe, NULL, &at_once);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void run(struct loop *loop)
{
    struct loop_uv *l = uv_of(loop);
    run_without_sigpipe(&l->uv);
    atomic_store(&l->stopping, false);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    struct loop_uv *l = arg;
    if (handle == (uv_handle_t *)&l->wake) {
        uv_close(handle, NULL);
    } else {
        struct owner *owner = handle->data;
        owner->close(owner);
    }
}

/* A host name that is being resolved is waited for: libuv's thread writes into the request. */
static void free_loop(struct loop *loop)
{
    struct loop_uv *l = uv_of(loop);
    while (atomic_load(&l->stoppers) != 0) {
        (void)sched_yield();
    }
    uv_walk(&l->uv, close_handle, l);
    while (uv_loop_close(&l->uv) == UV_EBUSY) {
        (void)uv_run(&l->uv, UV_RUN_DEFAULT);
    }
    (void)pthread_mutex_destroy(&l->mu);
    free(l->read_bytes);
    free(l);
}

/* ---- Timers ---- */

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void timer_close(struct owner *owner)
{
    struct loop_timer *timer = (struct loop_timer *)owner;
    if (!uv_is_closing((uv_handle_t *)&timer->handle)) {
        uv_close((uv_handle_t *)&timer->handle, on_timer_closed);
    }
}

static struct loop_timer *timer_new(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct loop_timer *timer = calloc(1, sizeof(*timer));
    if (timer == NULL) {
        return NULL;
    }
    timer->owner.close = timer_close;
    timer->fn = fn;
    timer->arg = arg;
    int failed = uv_timer_init(&uv_of(loop)->uv, &timer->handle);
    WEIR_ASSERT(failed == 0);
    timer->handle.data = timer;
    return timer;
}

static void on_timer(uv_timer_t *handle)
{
    struct loop_timer *timer = handle->data;
    timer->fn(timer->arg);
}

/* libuv counts from the start of the turn and in whole milliseconds; both would be too early. */
static void timer_start(struct loop_timer *timer, uint64_t after_ms)
{
    uv_update_time(timer->handle.loop);
    uint64_t at_least = after_ms == 0 || after_ms == UINT64_MAX ? after_ms : after_ms + 1;
    int failed = uv_timer_start(&timer->handle, on_timer, at_least, 0);
    WEIR_ASSERT(failed == 0);
}

static void timer_stop(struct loop_timer *timer)
{
    (void)uv_timer_stop(&timer->handle); /* never fails */
}

static void timer_free(struct loop_timer *timer)
{
    timer_close(&timer->owner);
}

/* ---- Descriptors ---- */

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void poll_close(struct owner *owner)
{
    struct loop_poll *poll = (struct loop_poll *)owner;
    if (!uv_is_closing((uv_handle_t *)&poll->handle)) {
        uv_close((uv_handle_t *)&poll->handle, on_poll_closed);
    }
}

/* NULL also for what epoll cannot watch, or watches already on this loop. */
static struct loop_poll *poll_new(struct loop *loop, int fd, void (*fn)(void *arg, int events),
                                  void *arg)
{
    struct loop_poll *poll = calloc(1, sizeof(*poll));
    if (poll == NULL) {
        return NULL;
    }
    poll->owner.close = poll_close;
    poll->fn = fn;
    poll->arg = arg;
    if (uv_poll_init(&uv_of(loop)->uv, &poll->handle, fd) != 0) {
        free(poll);
        return NULL;
    }
    poll->handle.data = poll;
    return poll;
}

static void on_poll(uv_poll_t *handle, int failed, int events);

static void poll_set(struct loop_poll *poll, int events)
{
    poll->events = events;
    int wanted =
        (events & LOOP_READABLE ? UV_READABLE : 0) | (events & LOOP_WRITABLE ? UV_WRITABLE : 0);
    int failed =
        wanted == 0 ? uv_poll_stop(&poll->handle) : uv_poll_start(&poll->handle, wanted, on_poll);
    WEIR_ASSERT(failed == 0);
}

/* After an error on the descriptor libuv stops watching; the user's own read or write will find
 * the error, so it is told that both can be done, and the watch stays level-triggered. */
static void on_poll(uv_poll_t *handle, int failed, int events)
{
    struct loop_poll *poll = handle->data;
    int happened =
        (events & UV_READABLE ? LOOP_READABLE : 0) | (events & UV_WRITABLE ? LOOP_WRITABLE : 0);
    if (failed != 0) {
        poll_set(poll, poll->events);
        happened = poll->events;
    }
    if (happened != 0) {
        poll->fn(poll->arg, happened);
    }
}

static void poll_free(struct loop_poll *poll)
{
    poll_close(&poll->owner);
}

/* ---- TCP: end of life ---- */

static void tcp_unref(struct loop_tcp *tcp)
{
    if (--tcp->refs > 0) {
        return;
    }
    if (tcp->addresses != NULL) {
        uv_freeaddrinfo(tcp->addresses);
    }
    buf_fini(&tcp->sending);
    buf_fini(&tcp->gathered);
    free(tcp->peer);
    free(tcp);
}

static void on_tcp_closed(uv_handle_t *handle)
{
    tcp_unref(handle->data);
}

/* Without waiting for what is unsent. A handle that is closing here is one in TCP_REOPENING, whose
 * own callback gives up its reference. */
static void tcp_close_owner(struct owner *owner)
{
    struct loop_tcp *tcp = (struct loop_tcp *)owner;
    if (tcp->closed) {
        return;
    }
    tcp->closed = true;
    if (tcp->state == TCP_RESOLVING) {
        (void)uv_cancel((uv_req_t *)&tcp->resolve); /* too late is as good */
    }
    uv_close((uv_handle_t *)&tcp->later, on_tcp_closed);
    if (!uv_is_closing((uv_handle_t *)&tcp->handle)) {
        uv_close((uv_handle_t *)&tcp->handle, on_tcp_closed);
    }
}

static void tcp_close(struct loop_tcp *tcp)
{
    tcp_close_owner(&tcp->owner);
}

/* ---- TCP: failure ---- */

static void tcp_set_failed(struct loop_tcp *tcp, int uv_status, const char *doing)
{
    tcp->state = TCP_FAILED;
    tcp->failed_status = uv_status == UV_ENOMEM ? WEIR_NO_MEMORY : WEIR_UNREACHABLE;
    const char *why = uv_status == UV_EOF ? "closed by the peer" : uv_strerror(uv_status);
    (void)snprintf(tcp->failed_what, sizeof(tcp->failed_what), "%s %.128s: %s", doing, tcp->peer,
                   why);
    if (!uv_is_closing((uv_handle_t *)&tcp->handle)) {
        (void)uv_read_stop((uv_stream_t *)&tcp->handle); /* nothing to stop is as good */
    }
}

/* From libuv's callbacks; the user may close the stream in the call. */
static void tcp_fail(struct loop_tcp *tcp, int uv_status, const char *doing)
{
    tcp_set_failed(tcp, uv_status, doing);
    tcp->handler.failed(tcp->handler.arg, tcp->failed_status, tcp->failed_what);
}

static void on_later(uv_timer_t *handle)
{
    struct loop_tcp *tcp = handle->data;
    tcp->handler.failed(tcp->handler.arg, tcp->failed_status, tcp->failed_what);
}

/* From inside the user's call. */
static void tcp_fail_later(struct loop_tcp *tcp, int uv_status, const char *doing)
{
    tcp_set_failed(tcp, uv_status, doing);
    int failed = uv_timer_start(&tcp->later, on_later, 0, 0);
    WEIR_ASSERT(failed == 0);
}

/* ---- TCP: writing ---- */

static void on_written(uv_write_t *request, int failed);

/* Gives everything gathered to libuv; returns libuv's status. */
static int tcp_flush(struct loop_tcp *tcp)
{
    if (tcp->writing || tcp->gathered.len == 0) {
        return 0;
    }
    struct buf empty = tcp->sending;
    tcp->sending = tcp->gathered;
    tcp->gathered = empty;
    tcp->writing = true;
    uv_buf_t bytes = {.base = (char *)tcp->sending.ptr, .len = tcp->sending.len};
    int failed = uv_write(&tcp->write, (uv_stream_t *)&tcp->handle, &bytes, 1, on_written);
    if (failed != 0) {
        tcp->writing = false;
    }
    return failed;
}

static void on_written(uv_write_t *request, int failed)
{
    struct loop_tcp *tcp = request->data;
    tcp->writing = false;
    buf_reset(&tcp->sending);
    if (tcp->sending.cap > WRITE_BYTES_KEPT) {
        buf_fini(&tcp->sending);
    }
    if (tcp->closed || tcp->state != TCP_OPEN) {
        return;
    }
    if (failed == 0) {
        failed = tcp_flush(tcp);
    }
    if (failed != 0) {
        tcp_fail(tcp, failed, "cannot write to");
    }
}

static void tcp_write(struct loop_tcp *tcp, struct weir_bytes bytes)
{
    if (tcp->state == TCP_FAILED) {
        return;
    }
    buf_put(&tcp->gathered, bytes);
    int failed = 0;
    if (buf_status(&tcp->gathered) != WEIR_OK) {
        failed = UV_ENOMEM;
    } else if (tcp->state == TCP_OPEN) {
        failed = tcp_flush(tcp);
    }
    if (failed != 0) {
        tcp_fail_later(tcp, failed, "cannot write to");
    }
}

static size_t tcp_unsent(const struct loop_tcp *tcp)
{
    const uv_stream_t *stream = (const uv_stream_t *)&tcp->handle;
    return tcp->gathered.len + (tcp->writing ? uv_stream_get_write_queue_size(stream) : 0);
}

/* ---- TCP: reading ---- */

/* All streams share the loop's bytes: libuv reads and reports one before it turns to another. */
static void on_read_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_room)
{
    (void)suggested;
    struct loop_tcp *tcp = handle->data;
    *ret_room = (uv_buf_t){.base = (char *)tcp->loop->read_bytes, .len = READ_BYTES};
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *room)
{
    struct loop_tcp *tcp = stream->data;
    if (len > 0) {
        tcp->handler.data(tcp->handler.arg, bytes_of(room->base, (size_t)len));
    } else if (len < 0) {
        tcp_fail(tcp, (int)len, "lost the connection to");
    }
}

/* ---- TCP: resolving and connecting ---- */

static void on_connected(uv_connect_t *request, int failed);

static void tcp_try_next(struct loop_tcp *tcp)
{
    const struct addrinfo *address = tcp->next;
    tcp->next = address->ai_next;
    tcp->state = TCP_CONNECTING;
    int failed = uv_tcp_connect(&tcp->connect, &tcp->handle, address->ai_addr, on_connected);
    if (failed != 0) {
        on_connected(&tcp->connect, failed);
    }
}

static void tcp_handle_init(struct loop_tcp *tcp)
{
    int failed = uv_tcp_init(&tcp->loop->uv, &tcp->handle);
    WEIR_ASSERT(failed == 0);
    tcp->handle.data = tcp;
}

/* A socket that failed to connect cannot be used again; this one takes its place. */
static void on_reopened(uv_handle_t *handle)
{
    struct loop_tcp *tcp = handle->data;
    if (tcp->closed) {
        tcp_unref(tcp);
        return;
    }
    tcp_handle_init(tcp);
    if (tcp->state == TCP_REOPENING) {
        tcp_try_next(tcp);
    }
}

static void on_connected(uv_connect_t *request, int failed)
{
    struct loop_tcp *tcp = request->data;
    if (tcp->closed || tcp->state != TCP_CONNECTING) {
        return;
    }
    if (failed != 0 && tcp->next != NULL) {
        tcp->state = TCP_REOPENING;
        uv_close((uv_handle_t *)&tcp->handle, on_reopened);
        return;
    }
    if (failed == 0) {
        (void)uv_tcp_nodelay(&tcp->handle, 1); /* without it, only slower */
        tcp->state = TCP_OPEN;
        failed = uv_read_start((uv_stream_t *)&tcp->handle, on_read_room, on_read);
    }
    if (failed == 0) {
        failed = tcp_flush(tcp);
    }
    if (failed != 0) {
        tcp_fail(tcp, failed, "cannot connect to");
    } else {
        tcp->handler.connected(tcp->handler.arg);
    }
}

static void on_resolved(uv_getaddrinfo_t *request, int failed, struct addrinfo *addresses)
{
    struct loop_tcp *tcp = request->data;
    tcp->addresses = addresses;
    tcp->next = addresses;
    if (!tcp->closed && tcp->state == TCP_RESOLVING) {
        if (failed == 0 && addresses != NULL) {
            tcp_try_next(tcp);
        } else {
            tcp_fail(tcp, failed == 0 ? UV_EAI_NODATA : failed, "cannot resolve");
        }
    }
    tcp_unref(tcp);
}

static void tcp_resolve(struct loop_tcp *tcp, const char *host, uint16_t port)
{
    char service[8];
    (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    int failed = uv_getaddrinfo(&tcp->loop->uv, &tcp->resolve, on_resolved, host, service, &hints);
    if (failed == 0) {
        tcp->refs++;
    } else {
        tcp_fail_later(tcp, failed, "cannot resolve");
    }
}

static char *peer_text(const char *host, uint16_t port)
{
    size_t size = strlen(host) + sizeof(":65535");
    char *text = malloc(size);
    if (text != NULL) {
        (void)snprintf(text, size, "%s:%u", host, (unsigned)port);
    }
    return text;
}

static struct loop_tcp *tcp_connect(struct loop *loop, const char *host, uint16_t port,
                                    struct loop_tcp_handler handler)
{
    struct loop_tcp *tcp = calloc(1, sizeof(*tcp));
    char *peer = peer_text(host, port);
    if (tcp == NULL || peer == NULL) {
        free(tcp);
        free(peer);
        return NULL;
    }
    tcp->owner.close = tcp_close_owner;
    tcp->handler = handler;
    tcp->loop = uv_of(loop);
    tcp->peer = peer;
    buf_init(&tcp->sending, LIMIT_TCP_UNSENT_BYTES);
    buf_init(&tcp->gathered, LIMIT_TCP_UNSENT_BYTES);
    tcp_handle_init(tcp);
    int failed = uv_timer_init(&tcp->loop->uv, &tcp->later);
    WEIR_ASSERT(failed == 0);
    tcp->refs = 2;
    tcp->later.data = tcp->resolve.data = tcp->connect.data = tcp->write.data = tcp;
    tcp_resolve(tcp, host, port);
    return tcp;
}

/* ---- The loop itself ---- */

static const struct loop_ops ops = {
    .run = run,
    .stop = stop,
    .free = free_loop,
    .post = post,
    .timer_new = timer_new,
    .timer_start = timer_start,
    .timer_stop = timer_stop,
    .timer_free = timer_free,
    .poll_new = poll_new,
    .poll_set = poll_set,
    .poll_free = poll_free,
    .tcp_connect = tcp_connect,
    .tcp_write = tcp_write,
    .tcp_unsent = tcp_unsent,
    .tcp_close = tcp_close,
};

static enum weir_status uv_error(int uv_status, struct weir_error *err)
{
    enum weir_status status = uv_status == UV_ENOMEM ? WEIR_NO_MEMORY : WEIR_IO;
    return error_set(err, status, "cannot make an event loop: %s", uv_strerror(uv_status));
}

enum weir_status loop_uv_new(struct weir_env *env, struct loop **ret_loop, struct weir_error *err)
{
    struct loop_uv *l = calloc(1, sizeof(*l));
    uint8_t *read_bytes = malloc(READ_BYTES);
    int failed = l == NULL || read_bytes == NULL ? UV_ENOMEM : uv_loop_init(&l->uv);
    if (failed == 0) {
        failed = uv_async_init(&l->uv, &l->wake, on_wake);
        if (failed != 0) {
            (void)uv_loop_close(&l->uv);
        }
    }
    if (failed != 0) {
        free(read_bytes);
        free(l);
        return uv_error(failed, err);
    }
    l->loop = (struct loop){.ops = &ops, .env = env};
    l->wake.data = l;
    l->read_bytes = read_bytes;
    l->last = &l->first;
    failed = pthread_mutex_init(&l->mu, NULL);
    WEIR_ASSERT(failed == 0);
    *ret_loop = &l->loop;
    return WEIR_OK;
}
