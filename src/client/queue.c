/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that complete into a queue.
 *
 *     weir_call_start ──► calls ──► done() ──► ready ──► weir_queue_next
 *
 * The calls' loop is turned by whoever is inside weir_queue_next, so an answer goes from the
 * transport's thread straight to the caller's, which also writes its JSON. Locks, outermost first:
 * the loop's turn, a client's, the queue's.
 */
#include "client/client_internal.h"
#include "client/json_call.h"
#include "client/queue_loop.h"

#include "base/error.h"
#include "base/options.h"

#include <stdlib.h>

#define CALLS_MAX 1024
#define CALLS_MAX_MAX 65536
#define SPARE_CALLS_MAX 64
/* A spare call's arena keeps one block: no call of more than this leaves it behind. */
#define SPARE_ARENA_BYTES ((size_t)256 * 1024)

struct queue_call {
    struct client_request request; /* first */
    struct queue_call *prev, *next;
    struct weir_queue *queue;
    struct arena *arena;
    uint64_t tag;
};

struct call_list {
    struct queue_call *first, *last;
    uint32_t count;
};

struct weir_queue {
    struct queue_loop loop; /* first */
    uint32_t calls_max;     /* immutable after new */

    pthread_mutex_t mu;
    uint32_t starting;       /* under mu, as what follows: on their way into `calls` */
    struct call_list calls;  /* under way */
    struct call_list ready;  /* over, oldest first */
    struct call_list spares; /* for reuse */
};

/* ---- lists ----------------------------------------------------------------------------------- */

static void list_append(struct call_list *list, struct queue_call *call)
{
    call->prev = list->last;
    call->next = NULL;
    *(list->last != NULL ? &list->last->next : &list->first) = call;
    list->last = call;
    list->count++;
}

static void list_remove(struct call_list *list, struct queue_call *call)
{
    *(call->prev != NULL ? &call->prev->next : &list->first) = call->next;
    *(call->next != NULL ? &call->next->prev : &list->last) = call->prev;
    list->count--;
}

static struct queue_call *list_take(struct call_list *list)
{
    struct queue_call *call = list->first;
    if (call != NULL) {
        list_remove(list, call);
    }
    return call;
}

/* ---- calls, kept for reuse ------------------------------------------------------------------- */

static void call_free(struct queue_call *call)
{
    arena_free(call->arena);
    free(call);
}

static struct queue_call *call_new(struct weir_queue *queue)
{
    struct queue_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        return NULL;
    }
    call->queue = queue;
    call->arena = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    if (call->arena == NULL) {
        free(call);
        return NULL;
    }
    return call;
}

/* A place in the queue, and a call for it. WEIR_TOO_LARGE when there is none. @locks queue->mu */
static enum weir_status call_take(struct weir_queue *queue, struct queue_call **ret_call,
                                  struct weir_error *err)
{
    pthread_mutex_lock(&queue->mu);
    bool room = queue->starting + queue->calls.count + queue->ready.count < queue->calls_max;
    struct queue_call *call = room ? list_take(&queue->spares) : NULL;
    queue->starting += room;
    pthread_mutex_unlock(&queue->mu);
    if (!room) {
        (void)error_set(err, WEIR_TOO_LARGE,
                        "the queue has its %u calls: take completions from it first",
                        queue->calls_max);
        if (err != NULL) {
            err->retryable = 1;
        }
        return WEIR_TOO_LARGE;
    }
    *ret_call = call != NULL ? call : call_new(queue);
    if (*ret_call == NULL) {
        pthread_mutex_lock(&queue->mu);
        queue->starting--;
        pthread_mutex_unlock(&queue->mu);
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a call");
    }
    return WEIR_OK;
}

/* @locks queue->mu */
static void call_give(struct weir_queue *queue, struct queue_call *call)
{
    bool small = arena_used(call->arena) <= SPARE_ARENA_BYTES;
    arena_reset(call->arena);
    pthread_mutex_lock(&queue->mu);
    bool kept = small && queue->spares.count < SPARE_CALLS_MAX;
    if (kept) {
        list_append(&queue->spares, call);
    }
    pthread_mutex_unlock(&queue->mu);
    if (!kept) {
        call_free(call);
    }
}

/* ---- starting -------------------------------------------------------------------------------- */

/* @thread the loop's @locks queue->mu */
static void on_done(struct client_request *request)
{
    struct queue_call *call = (struct queue_call *)request;
    struct weir_queue *queue = call->queue;
    pthread_mutex_lock(&queue->mu);
    list_remove(&queue->calls, call);
    list_append(&queue->ready, call);
    queue_loop_signal(&queue->loop, true);
    pthread_mutex_unlock(&queue->mu);
}

/* Nobody turns the loop meanwhile, so the call is not over before it is in the list and started. */
static void call_start(struct weir_client *client, struct weir_queue *queue,
                       struct queue_call *call)
{
    queue_loop_hold(&queue->loop);
    pthread_mutex_lock(&queue->mu);
    queue->starting--;
    list_append(&queue->calls, call);
    pthread_mutex_unlock(&queue->mu);
    client_start(client, &call->request);
    queue_loop_release(&queue->loop);
}

enum weir_status weir_call_start_with(struct weir_client *client, struct weir_queue *queue,
                                      const struct weir_call_options *options,
                                      const char *operation, size_t operation_len, const char *json,
                                      size_t json_len, uint64_t tag, struct weir_error *err)
{
    struct weir_call_options known;
    struct queue_call *call = NULL;
    if (client == NULL || queue == NULL) {
        return error_set(err, WEIR_CLOSED, "no %s: it was never opened",
                         client == NULL ? "client" : "queue");
    }
    enum weir_status status = json_call_options(options, &known, err);
    if (status == WEIR_OK) {
        status = call_take(queue, &call, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    call->tag = tag;
    call->request = (struct client_request){.loop = &queue->loop.loop, .done = on_done};
    status = json_call_request(call->arena, &known, bytes_of(operation, operation_len),
                               bytes_of(json, json_len), &call->request, err);
    if (status == WEIR_OK) {
        call_start(client, queue, call);
        return WEIR_OK;
    }
    pthread_mutex_lock(&queue->mu);
    queue->starting--;
    pthread_mutex_unlock(&queue->mu);
    call_give(queue, call);
    return status;
}

enum weir_status weir_call_start(struct weir_client *client, struct weir_queue *queue,
                                 const char *operation, size_t operation_len, const char *json,
                                 size_t json_len, uint64_t tag, struct weir_error *err)
{
    return weir_call_start_with(client, queue, NULL, operation, operation_len, json, json_len, tag,
                                err);
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* NULL: none is over. @locks queue->mu */
static struct queue_call *take_ready(struct weir_queue *queue)
{
    pthread_mutex_lock(&queue->mu);
    struct queue_call *call = list_take(&queue->ready);
    queue_loop_signal(&queue->loop, queue->ready.count > 0);
    pthread_mutex_unlock(&queue->mu);
    return call;
}

static void give(const struct queue_call *call, struct weir_completion *to)
{
    struct weir_call_result result;
    struct weir_completion completion = {.tag = call->tag};
    completion.status = (int32_t)json_call_result(&call->request, &result, &completion.error);
    completion.json = result.json;
    completion.json_len = result.json_len;
    completion.capacity = result.capacity;
    completion.attempts = result.attempts;
    memcpy(completion.request_id, result.request_id, sizeof(completion.request_id));
    options_give(to, &completion, sizeof(completion));
}

/* What is left of a time-out that began at start_ns. */
static int wait_left_ms(uint64_t start_ns, int32_t timeout_ms)
{
    if (timeout_ms < 0) {
        return -1;
    }
    uint64_t passed = (env_mono_ns(env_system()) - start_ns) / 1000000;
    return passed < (uint64_t)timeout_ms ? (int)((uint64_t)timeout_ms - passed) : 0;
}

enum weir_status weir_queue_next(struct weir_queue *queue, int32_t timeout_ms,
                                 struct weir_completion *ret_completion)
{
    if (queue == NULL) {
        return WEIR_CLOSED;
    }
    if (!options_sized(ret_completion)) {
        return WEIR_INVALID_ARGUMENT;
    }
    uint64_t start_ns = timeout_ms > 0 ? env_mono_ns(env_system()) : 0;
    for (;;) {
        queue_loop_turn(&queue->loop);
        struct queue_call *call = take_ready(queue);
        if (call != NULL) {
            give(call, ret_completion);
            call_give(queue, call);
            return WEIR_OK;
        }
        int left_ms = wait_left_ms(start_ns, timeout_ms);
        if (left_ms == 0) {
            return WEIR_TIMEOUT;
        }
        if (!queue_loop_wait(&queue->loop, left_ms)) {
            return WEIR_IO;
        }
    }
}

int weir_queue_fd(const struct weir_queue *queue)
{
    return queue == NULL ? -1 : queue->loop.fd;
}

uint32_t weir_queue_count(struct weir_queue *queue)
{
    if (queue == NULL) {
        return 0;
    }
    pthread_mutex_lock(&queue->mu);
    uint32_t count = queue->calls.count + queue->ready.count;
    pthread_mutex_unlock(&queue->mu);
    return count;
}

/* ---- cancelling ------------------------------------------------------------------------------ */

/* While the loop is held no call ends, so the list under way only grows at its end. */
static uint32_t cancel_where(struct weir_queue *queue, bool all, uint64_t tag)
{
    uint32_t asked = 0;
    queue_loop_hold(&queue->loop);
    pthread_mutex_lock(&queue->mu);
    struct queue_call *call = queue->calls.first;
    while (call != NULL) {
        if (all || call->tag == tag) {
            pthread_mutex_unlock(&queue->mu);
            client_cancel(&call->request);
            asked++;
            pthread_mutex_lock(&queue->mu);
        }
        call = call->next;
    }
    pthread_mutex_unlock(&queue->mu);
    queue_loop_release(&queue->loop);
    return asked;
}

uint32_t weir_queue_cancel(struct weir_queue *queue, uint64_t tag)
{
    return queue == NULL ? 0 : cancel_where(queue, false, tag);
}

/* ---- life ------------------------------------------------------------------------------------ */

enum weir_status weir_queue_new(const struct weir_queue_options *options,
                                struct weir_queue **ret_queue, struct weir_error *err)
{
    struct weir_queue_options known;
    enum weir_status status =
        options_take(&known, sizeof(known), options, "WEIR_QUEUE_OPTIONS_INIT", err);
    if (status != WEIR_OK) {
        return status;
    }
    if (known.calls_max > CALLS_MAX_MAX) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "calls_max is %u, above %d", known.calls_max,
                         CALLS_MAX_MAX);
    }
    struct weir_queue *queue = calloc(1, sizeof(*queue));
    if (queue == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a queue");
    }
    status = queue_loop_init(&queue->loop, env_system(), err);
    if (status != WEIR_OK) {
        free(queue);
        return status;
    }
    queue->calls_max = known.calls_max == 0 ? CALLS_MAX : known.calls_max;
    (void)pthread_mutex_init(&queue->mu, NULL);
    *ret_queue = queue;
    return WEIR_OK;
}

static void free_all(struct call_list *list)
{
    for (struct queue_call *call = list_take(list); call != NULL; call = list_take(list)) {
        call_free(call);
    }
}

void weir_queue_free(struct weir_queue *queue)
{
    if (queue == NULL) {
        return;
    }
    (void)cancel_where(queue, true, 0);
    queue_loop_signal(&queue->loop, false);
    while (queue->calls.count > 0) {
        queue_loop_turn(&queue->loop);
        free_all(&queue->ready);
        queue_loop_signal(&queue->loop, false);
        if (queue->calls.count > 0) {
            (void)queue_loop_wait(&queue->loop, -1);
        }
    }
    free_all(&queue->ready);
    free_all(&queue->spares);
    queue_loop_fini(&queue->loop);
    (void)pthread_mutex_destroy(&queue->mu);
    free(queue);
}
