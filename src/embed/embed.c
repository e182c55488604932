/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The in-process transport: a client's request goes straight into api/ as the document it is.
 *
 *     call    api_start, then api_resume after each wake, all in the caller's thread
 *     start   api_start in the caller's thread; what has to wait or may block goes on in a worker:
 *
 *             api_start ──► DONE ─────────────────────────────────► complete()
 *                  │  BLOCKING ──► queue ──► worker: api_resume ──►  "
 *                  └─ WAITING ──► wake() (the committer's thread) ──► queue
 *
 * Waiting at a stream's tip is cut into slices, since an API call that waits cannot be taken back:
 * a cancel, or closing, is seen at the end of a slice.
 */
#include "base/error.h"
#include "client/client.h"
#include "embed/database.h"
#include "weir/engine.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define WORKERS 2
#define TIP_SLICE_MS 200

struct embed_call {
    struct api_call api;
    struct embed_transport *transport;
    struct client_request *request;
    struct embed_call *next; /* in the queue */
    uint64_t deadline_ns;    /* of waiting at the tip; 0: none */
    bool cancelled;          /* under the transport's mu */

    /* A synchronous call's. */
    pthread_mutex_t mu;
    pthread_cond_t wake;
    bool woken; /* under mu */
};

struct embed_transport {
    struct client_transport base;

    /* Immutable after open. */
    struct embed_database *database;
    struct weir_env *env;
    pthread_t workers[WORKERS];
    unsigned worker_count;

    pthread_mutex_t mu;
    pthread_cond_t work;      /* the queue has something, or stop */
    pthread_cond_t idle;      /* nothing is under way */
    struct embed_call *first; /* under mu: the queue, oldest first */
    struct embed_call *last;  /* under mu */
    unsigned under_way;       /* under mu: asynchronous calls */
    bool stop;                /* under mu */
};

/* ---- one API call ------------------------------------------------------------------------------
 */

static uint32_t slice_ms(const struct embed_call *call)
{
    uint64_t now = env_mono_ns(call->transport->env);
    uint64_t left_ms = now < call->deadline_ns ? (call->deadline_ns - now) / 1000000 : 0;
    return (uint32_t)(left_ms < TIP_SLICE_MS ? left_ms : TIP_SLICE_MS);
}

static enum api_progress begin(struct embed_call *call, bool may_block,
                               void (*wake)(struct api_call *api))
{
    struct client_request *request = call->request;
    call->api = (struct api_call){
        .arena = request->arena,
        .request = request->document,
        .wait_ms = call->deadline_ns == 0 ? 0 : slice_ms(call),
        .may_block = may_block,
        .wake = wake,
        .owner = call,
    };
    return api_start_named(embed_database_api(call->transport->database), &call->api,
                           bytes_str(request->operation));
}

static bool is_cancelled(struct embed_call *call)
{
    pthread_mutex_lock(&call->transport->mu);
    bool cancelled = call->cancelled;
    pthread_mutex_unlock(&call->transport->mu);
    return cancelled;
}

/* An answer of GetRecords that holds nothing yet, on a shard that goes on. */
static bool is_at_tip(const struct embed_call *call)
{
    const struct weir_value *records = value_get(call->api.response, "Records");
    return call->api.status == WEIR_OK && records != NULL && records->u.list.count == 0 &&
           value_get(call->api.response, "NextShardIterator") != NULL;
}

static bool wants_another_slice(struct embed_call *call)
{
    return call->deadline_ns != 0 && is_at_tip(call) && slice_ms(call) > 0 && !is_cancelled(call);
}

/* The request's results from the finished API call. */
static void fill(struct embed_call *call)
{
    struct client_request *request = call->request;
    request->status = call->api.status;
    request->response = call->api.response;
    request->error_members = call->api.error_members;
    if (call->api.status != WEIR_OK) {
        request->error = call->api.error;
        if (request->status == WEIR_SERVER) {
            request->error.retryable = 0; /* an engine that failed stays so until it is reopened */
        }
    } else if (call->deadline_ns != 0 && is_at_tip(call) && is_cancelled(call)) {
        request->response = NULL;
        request->status = error_set(&request->error, WEIR_CANCELLED, "%s: cancelled while waiting",
                                    request->operation);
    }
    if (request->status != WEIR_OK) {
        request->error.http_status = 0;
    }
}

static void call_init(struct embed_call *call, struct embed_transport *t,
                      struct client_request *request)
{
    *call = (struct embed_call){.transport = t, .request = request};
    if (request->wait_ms > 0) {
        call->deadline_ns = env_mono_ns(t->env) + (uint64_t)request->wait_ms * 1000000;
    }
}

/* The transport_state of a request that was cancelled while it had no call. */
static const char cancelled_early;

/* From here on cancel reaches the call; one that came before holds for it. */
static void attach(struct embed_call *call)
{
    struct embed_transport *t = call->transport;
    pthread_mutex_lock(&t->mu);
    call->cancelled = call->request->transport_state == &cancelled_early;
    call->request->transport_state = call;
    pthread_mutex_unlock(&t->mu);
}

static void detach(struct embed_call *call)
{
    struct embed_transport *t = call->transport;
    pthread_mutex_lock(&t->mu);
    call->request->transport_state = NULL;
    pthread_mutex_unlock(&t->mu);
}

static void embed_cancel(struct client_transport *transport, struct client_request *request)
{
    struct embed_transport *t = (struct embed_transport *)transport;
    pthread_mutex_lock(&t->mu);
    struct embed_call *call = request->transport_state;
    if (call == NULL) {
        request->transport_state = (void *)&cancelled_early;
    } else if (request->transport_state != &cancelled_early) {
        call->cancelled = true;
    }
    pthread_mutex_unlock(&t->mu);
}

/* ---- synchronous -------------------------------------------------------------------------------
 */

static void wake_caller(struct api_call *api)
{
    struct embed_call *call = api->owner;
    pthread_mutex_lock(&call->mu);
    call->woken = true;
    (void)pthread_cond_signal(&call->wake);
    pthread_mutex_unlock(&call->mu);
}

static void run_to_end(struct embed_call *call)
{
    enum api_progress progress = begin(call, true, wake_caller);
    while (progress != API_DONE) {
        if (progress == API_WAITING) {
            pthread_mutex_lock(&call->mu);
            while (!call->woken) {
                (void)pthread_cond_wait(&call->wake, &call->mu);
            }
            call->woken = false;
            pthread_mutex_unlock(&call->mu);
        }
        progress = api_resume(&call->api);
    }
}

static bool embed_call_sync(struct client_transport *transport, struct client_request *request)
{
    struct embed_transport *t = (struct embed_transport *)transport;
    struct embed_call call;
    call_init(&call, t, request);
    (void)pthread_mutex_init(&call.mu, NULL);
    (void)pthread_cond_init(&call.wake, NULL);
    attach(&call);
    do {
        run_to_end(&call);
    } while (wants_another_slice(&call));
    fill(&call);
    detach(&call);
    (void)pthread_cond_destroy(&call.wake);
    (void)pthread_mutex_destroy(&call.mu);
    return true;
}

/* ---- asynchronous ------------------------------------------------------------------------------
 */

static void queue_put(struct embed_call *call)
{
    struct embed_transport *t = call->transport;
    pthread_mutex_lock(&t->mu);
    call->next = NULL;
    if (t->first == NULL) {
        t->first = call;
    } else {
        t->last->next = call;
    }
    t->last = call;
    (void)pthread_cond_signal(&t->work);
    pthread_mutex_unlock(&t->mu);
}

/* NULL: the workers are to stop. */
static struct embed_call *queue_take(struct embed_transport *t)
{
    pthread_mutex_lock(&t->mu);
    while (t->first == NULL && !t->stop) {
        (void)pthread_cond_wait(&t->work, &t->mu);
    }
    struct embed_call *call = t->first;
    if (call != NULL) {
        t->first = call->next;
    }
    pthread_mutex_unlock(&t->mu);
    return call;
}

static void wake_worker(struct api_call *api)
{
    queue_put(api->owner);
}

static void finish(struct embed_call *call)
{
    struct embed_transport *t = call->transport;
    struct client_request *request = call->request;
    fill(call);
    detach(call);
    free(call);
    request->complete(request);
    pthread_mutex_lock(&t->mu);
    if (--t->under_way == 0) {
        (void)pthread_cond_broadcast(&t->idle);
    }
    pthread_mutex_unlock(&t->mu);
}

/* Once it waits, the call belongs to whoever wakes it. */
static void go_on(struct embed_call *call, enum api_progress progress)
{
    while (progress == API_DONE) {
        if (!wants_another_slice(call)) {
            finish(call);
            return;
        }
        progress = begin(call, false, wake_worker);
    }
    if (progress == API_BLOCKING) {
        queue_put(call);
    }
}

static void embed_start(struct client_transport *transport, struct client_request *request)
{
    struct embed_transport *t = (struct embed_transport *)transport;
    struct embed_call *call = malloc(sizeof(*call));
    if (call == NULL) {
        request->status = error_set(&request->error, WEIR_NO_MEMORY, "out of memory for a request");
        request->complete(request);
        return;
    }
    call_init(call, t, request);
    pthread_mutex_lock(&t->mu);
    t->under_way++;
    pthread_mutex_unlock(&t->mu);
    attach(call);
    go_on(call, begin(call, false, wake_worker));
}

static void *worker(void *arg)
{
    struct embed_transport *t = arg;
    for (struct embed_call *call = queue_take(t); call != NULL; call = queue_take(t)) {
        call->api.may_block = true;
        go_on(call, api_resume(&call->api));
    }
    return NULL;
}

/* ---- open and close ----------------------------------------------------------------------------
 */

static void transport_free(struct embed_transport *t)
{
    pthread_mutex_lock(&t->mu);
    t->stop = true;
    (void)pthread_cond_broadcast(&t->work);
    pthread_mutex_unlock(&t->mu);
    for (unsigned i = 0; i < t->worker_count; i++) {
        (void)pthread_join(t->workers[i], NULL);
    }
    if (t->database != NULL) {
        embed_database_release(t->database);
    }
    (void)pthread_cond_destroy(&t->work);
    (void)pthread_cond_destroy(&t->idle);
    (void)pthread_mutex_destroy(&t->mu);
    free(t);
}

static void embed_close(struct client_transport *transport)
{
    struct embed_transport *t = (struct embed_transport *)transport;
    pthread_mutex_lock(&t->mu);
    while (t->under_way > 0) {
        (void)pthread_cond_wait(&t->idle, &t->mu);
    }
    pthread_mutex_unlock(&t->mu);
    transport_free(t);
}

static const struct client_transport_ops embed_ops = {
    .start = embed_start,
    .call = embed_call_sync,
    .cancel = embed_cancel,
    .close = embed_close,
};

/* Signals are for the program's own threads. */
static bool workers_start(struct embed_transport *t)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (t->worker_count < WORKERS &&
           pthread_create(&t->workers[t->worker_count], NULL, worker, t) == 0) {
        t->worker_count++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return t->worker_count == WORKERS;
}

static struct embed_transport *transport_new(struct weir_env *env)
{
    struct embed_transport *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return NULL;
    }
    t->base.ops = &embed_ops;
    t->env = env;
    (void)pthread_mutex_init(&t->mu, NULL);
    (void)pthread_cond_init(&t->work, NULL);
    (void)pthread_cond_init(&t->idle, NULL);
    return t;
}

/* Takes the database over, also on failure. */
static enum weir_status transport_over(struct embed_database *take_database, struct weir_env *env,
                                       struct client_transport **ret_transport,
                                       struct weir_error *err)
{
    struct embed_transport *t = transport_new(env);
    if (t == NULL) {
        embed_database_release(take_database);
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a client");
    }
    t->database = take_database;
    if (!workers_start(t)) {
        transport_free(t);
        return error_set(err, WEIR_NO_MEMORY, "no thread can be started for the engine's client");
    }
    *ret_transport = &t->base;
    return WEIR_OK;
}

static enum weir_status open_memory(const char *endpoint, const struct weir_client_options *options,
                                    struct weir_env *env, struct client_transport **ret_transport,
                                    struct weir_error *err)
{
    struct embed_database *database = NULL;
    (void)options;
    if (endpoint[0] != '\0') {
        return error_set(err, WEIR_CONFIG,
                         "the endpoint \"memory:%.100s\" has a name: each client has a database of "
                         "its own, \"memory:\" is all there is",
                         endpoint);
    }
    enum weir_status status = embed_database_memory(env, &database, err);
    return status == WEIR_OK ? transport_over(database, env, ret_transport, err) : status;
}

/* "DIR" or "DIR?durability=sync|relaxed"; *ret_path is the caller's. */
static enum weir_status parse_file(const char *endpoint, char **ret_path,
                                   enum kv_durability *ret_durability, struct weir_error *err)
{
    const char *query = strrchr(endpoint, '?');
    size_t len = query == NULL ? strlen(endpoint) : (size_t)(query - endpoint);
    *ret_durability = KV_SYNC;
    if (query != NULL && strcmp(query, "?durability=relaxed") == 0) {
        *ret_durability = KV_RELAXED;
    } else if (len == 0 || (query != NULL && strcmp(query, "?durability=sync") != 0)) {
        return error_set(err, WEIR_CONFIG,
                         "the endpoint \"file:%.200s\" is not of the form "
                         "file:DIR[?durability=sync|relaxed]",
                         endpoint);
    }
    *ret_path = strndup(endpoint, len);
    return *ret_path == NULL ? error_set(err, WEIR_NO_MEMORY, "out of memory for a client")
                             : WEIR_OK;
}

static enum weir_status open_file(const char *endpoint, const struct weir_client_options *options,
                                  struct weir_env *env, struct client_transport **ret_transport,
                                  struct weir_error *err)
{
    struct embed_database *database = NULL;
    char *path = NULL;
    enum kv_durability durability;
    (void)options;
    enum weir_status status = parse_file(endpoint, &path, &durability, err);
    if (status == WEIR_OK) {
        status = embed_database_file(path, durability, env, &database, err);
    }
    free(path);
    return status == WEIR_OK ? transport_over(database, env, ret_transport, err) : status;
}

enum weir_status weir_engine_register(struct weir_error *err)
{
    enum weir_status status = client_transport_register("memory", open_memory, err);
    return status == WEIR_OK ? client_transport_register("file", open_file, err) : status;
}
