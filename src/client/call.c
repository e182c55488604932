/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a call: attempts, the waits between them, its end. A synchronous call goes through
 * it in its own thread; an asynchronous one on its loop, where complete() posts it to after each
 * attempt. See client_internal.h for the states.
 */
#include "client/client_internal.h"
#include "client/operation.h"
#include "client/retry.h"

#include "base/error.h"
#include "base/fault.h"

#include <errno.h>
#include <time.h>

/* ---- the list of what is under way ----------------------------------------------------------- */

/* @locks client->mu is held */
static void list_add(struct weir_client *client, struct client_request *request)
{
    request->state = REQUEST_IDLE;
    request->transport_state = NULL;
    request->prev = NULL;
    request->next = client->under_way;
    if (client->under_way != NULL) {
        client->under_way->prev = request;
    }
    client->under_way = request;
    client->refs++;
}

/* @locks client->mu is held */
static void list_remove(struct weir_client *client, struct client_request *request)
{
    if (request->prev != NULL) {
        request->prev->next = request->next;
    } else {
        client->under_way = request->next;
    }
    if (request->next != NULL) {
        request->next->prev = request->prev;
    }
}

/* Takes a reference for the request, which call_leave's caller gives back. */
static void call_enter(struct weir_client *client, struct client_request *request)
{
    pthread_mutex_lock(&client->mu);
    list_add(client, request);
    pthread_mutex_unlock(&client->mu);
}

static void call_leave(struct weir_client *client, struct client_request *request)
{
    pthread_mutex_lock(&client->mu);
    list_remove(client, request);
    counters_call(client, request);
    pthread_mutex_unlock(&client->mu);
}

/* ---- ends that are ours ---------------------------------------------------------------------- */

/* The outcome of earlier attempts stays what it was. */
static void end_early(struct client_request *request, enum weir_status status, const char *what)
{
    request->status = error_set(&request->error, status, "%s: %s", request->operation, what);
    request->error.http_status = 0;
    if (request->unknown) {
        request->error.outcome = WEIR_OUTCOME_UNKNOWN;
    }
}

static void end_closed(struct client_request *request)
{
    end_early(request, WEIR_CLOSED, "the client is closed");
}

/* As if the network had failed before, or after, the service saw the request. */
static bool fault_before(struct client_request *request)
{
    if (!fault_hit(FAULT_CLIENT_BEFORE_SEND)) {
        return false;
    }
    request->status = error_set(&request->error, WEIR_UNREACHABLE, "%s: fault client.before_send",
                                request->operation);
    return true;
}

static void fault_after(struct client_request *request)
{
    if (request->status == WEIR_OK && fault_hit(FAULT_CLIENT_AFTER_ANSWER)) {
        request->status = error_set(&request->error, WEIR_TIMEOUT, "%s: fault client.after_answer",
                                    request->operation);
        request->error.outcome = WEIR_OUTCOME_UNKNOWN;
        request->response = NULL;
    }
}

/* ---- attempts -------------------------------------------------------------------------------- */

/* A member is added to a copy: the document is the caller's. */
static enum weir_status add_member(struct client_request *request, const char *name,
                                   struct weir_bytes text)
{
    struct weir_value *copy = value_new_map(request->arena, VALUE_PLAIN);
    for (uint32_t i = 0; i < request->document->u.map.count; i++) {
        const struct value_member *member = &request->document->u.map.at[i];
        struct weir_value *node = value_add(request->arena, copy, member->name);
        if (node == NULL) {
            return WEIR_NO_MEMORY;
        }
        *node = member->value;
    }
    value_add_str(request->arena, copy, name, text);
    if (value_get(copy, name) == NULL) {
        return WEIR_NO_MEMORY;
    }
    request->document = copy;
    return WEIR_OK;
}

static bool lacks(const struct client_request *request, const char *name)
{
    return request->document != NULL && request->document->type == VALUE_M &&
           value_get(request->document, name) == NULL;
}

/* A token makes a transaction repeatable: AWS's SDKs add one too. */
static enum weir_status add_token(struct weir_client *client, struct client_request *request)
{
    char *token = arena_alloc(request->arena, UUID_TEXT_SIZE);
    if (token == NULL) {
        return WEIR_NO_MEMORY;
    }
    env_uuid4(client->env, token);
    return add_member(request, "ClientRequestToken", bytes_str(token));
}

static enum weir_status complete_document(struct weir_client *client,
                                          struct client_request *request)
{
    const struct operation *operation = operation_find(bytes_str(request->operation));
    enum weir_status status = WEIR_OK;
    if (operation->repeat == REPEAT_WITH_TOKEN && lacks(request, "ClientRequestToken")) {
        status = add_token(client, request);
    }
    if (status == WEIR_OK && operation->counts &&
        (client->count_capacity || request->count_capacity) &&
        lacks(request, "ReturnConsumedCapacity")) {
        status = add_member(request, "ReturnConsumedCapacity", BYTES_LIT("TOTAL"));
    }
    return status;
}

/* False: the request cannot be made, its error is filled. */
static bool prepare(struct weir_client *client, struct client_request *request)
{
    request->client = client;
    request->attempts = 0;
    request->capacity = (struct weir_capacity){0};
    request->pace = (struct pace_call){0};
    request->request_id[0] = '\0';
    request->unknown = false;
    request->cancelled = false;
    request->backoff = NULL;
    if (request->token_since_ns == 0) {
        request->token_since_ns = env_mono_ns(client->env);
    }
    if (request->max_attempts == 0) {
        request->max_attempts = client->max_attempts;
    }
    if (complete_document(client, request) != WEIR_OK) {
        end_early(request, WEIR_NO_MEMORY, "out of memory for a request");
        return false;
    }
    return true;
}

/* False when the client is closed. */
static bool attempt_enter(struct weir_client *client, struct client_request *request)
{
    pthread_mutex_lock(&client->mu);
    bool open = !client->closed;
    if (open) {
        request->state = REQUEST_RUNNING;
        client->inside++;
    } else {
        request->state = REQUEST_ENDING;
    }
    pthread_mutex_unlock(&client->mu);
    if (open) {
        request->attempts++;
        request->response = NULL;
        request->error_members = NULL;
        request->error = (struct weir_error){0};
        request->request_id[0] = '\0';
    }
    return open;
}

/* The request may be gone by now: only the client is touched. */
static void attempt_leave(struct weir_client *client)
{
    pthread_mutex_lock(&client->mu);
    client->inside--;
    bool wake = client->inside == 0 && client->closed;
    if (wake) {
        (void)pthread_cond_broadcast(&client->changed);
    }
    pthread_mutex_unlock(&client->mu);
}

/* After every attempt, in the thread that decides. */
static void attempt_judge(struct weir_client *client, struct client_request *request)
{
    fault_after(request);
    bool ok = request->status == WEIR_OK;
    if (!ok) {
        retry_settle(request);
    }
    client_consumed(request->operation, ok ? request->response : request->error_members,
                    &request->capacity);
    pace_attempt_over(&client->pace, &request->pace, ok, !ok && retry_is_throttled(request),
                      env_mono_ns(client->env));
    pthread_mutex_lock(&client->mu);
    counters_attempt(client, request);
    bool closed = client->closed;
    pthread_mutex_unlock(&client->mu);
    if (closed && !request->cancelled && request->status == WEIR_CANCELLED) {
        end_closed(request);
    }
}

/* Whether another attempt follows, after *ret_wait_ms. It is paid for here. */
static bool attempt_again(struct weir_client *client, struct client_request *request,
                          uint64_t *ret_wait_ms)
{
    uint64_t age_ms = (env_mono_ns(client->env) - request->token_since_ns) / 1000000;
    if (!retry_wanted(request, request->max_attempts)) {
        return false;
    }
    *ret_wait_ms = retry_delay_ms(client->env, request->attempts);
    if (!retry_token_holds(request, age_ms + *ret_wait_ms)) {
        return false;
    }
    bool paid = pace_take_retry(&client->pace, &request->pace, request->status == WEIR_TIMEOUT);
    if (!paid) {
        pthread_mutex_lock(&client->mu);
        client->counters.quota_refused++;
        pthread_mutex_unlock(&client->mu);
    }
    return paid;
}

/* 0: the next attempt may be sent now. */
static uint64_t attempt_wait_ms(struct weir_client *client, struct client_request *request)
{
    return pace_wait_ms(&client->pace, &request->pace, env_mono_ns(client->env));
}

static void count_paced(struct weir_client *client, uint64_t wait_ms)
{
    pthread_mutex_lock(&client->mu);
    client->counters.paced_ms += wait_ms;
    pthread_mutex_unlock(&client->mu);
}

/* ---- synchronous ----------------------------------------------------------------------------- */

struct sync_wait {
    pthread_mutex_t mu;
    pthread_cond_t over;
    bool done;
};

static void sync_complete(struct client_request *request)
{
    struct sync_wait *wait = request->arg;
    pthread_mutex_lock(&wait->mu);
    wait->done = true;
    (void)pthread_cond_signal(&wait->over);
    pthread_mutex_unlock(&wait->mu);
}

static void start_and_wait(struct weir_client *client, struct client_request *request)
{
    struct sync_wait wait = {.done = false};
    (void)pthread_mutex_init(&wait.mu, NULL);
    (void)pthread_cond_init(&wait.over, NULL);
    request->complete = sync_complete;
    request->arg = &wait;
    client->transport->ops->start(client->transport, request);
    attempt_leave(client);
    pthread_mutex_lock(&wait.mu);
    while (!wait.done) {
        (void)pthread_cond_wait(&wait.over, &wait.mu);
    }
    pthread_mutex_unlock(&wait.mu);
    request->arg = NULL;
    (void)pthread_cond_destroy(&wait.over);
    (void)pthread_mutex_destroy(&wait.mu);
}

static void attempt_sync(struct weir_client *client, struct client_request *request)
{
    if (fault_before(request)) {
        attempt_leave(client);
    } else if (client->transport->ops->call != NULL &&
               client->transport->ops->call(client->transport, request)) {
        attempt_leave(client);
    } else {
        start_and_wait(client, request);
    }
    pthread_mutex_lock(&client->mu);
    request->state = REQUEST_ENDING;
    pthread_mutex_unlock(&client->mu);
}

/* A condition waits by the system's clock, whatever the env's says. */
bool client_sleep(struct weir_client *client, uint64_t wait_ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + wait_ms % 1000 * 1000000;
    until.tv_sec += (time_t)(wait_ms / 1000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    int waited = 0;
    pthread_mutex_lock(&client->mu);
    while (!client->closed && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&client->changed, &client->mu, &until);
    }
    bool open = !client->closed;
    pthread_mutex_unlock(&client->mu);
    return open;
}

/* False when the client is closed. */
static bool pace_sync(struct weir_client *client, struct client_request *request)
{
    bool open = true;
    uint64_t wait_ms = attempt_wait_ms(client, request);
    while (wait_ms > 0 && open) {
        count_paced(client, wait_ms);
        open = client_sleep(client, wait_ms);
        wait_ms = attempt_wait_ms(client, request);
    }
    return open;
}

static void run_sync(struct weir_client *client, struct client_request *request)
{
    for (;;) {
        if (!pace_sync(client, request) || !attempt_enter(client, request)) {
            end_closed(request);
            return;
        }
        attempt_sync(client, request);
        attempt_judge(client, request);
        uint64_t wait_ms = 0;
        if (!attempt_again(client, request, &wait_ms)) {
            return;
        }
        if (!client_sleep(client, wait_ms)) {
            end_closed(request);
            return;
        }
    }
}

enum weir_status client_run(struct weir_client *client, struct client_request *request)
{
    call_enter(client, request);
    if (prepare(client, request)) {
        run_sync(client, request);
    }
    call_leave(client, request);
    client_unref(client);
    return request->status;
}

enum weir_status client_call_within(struct weir_client *client, uint32_t max_attempts,
                                    const char *operation, const struct weir_value *document,
                                    struct arena *arena, struct weir_value **ret_response,
                                    const struct weir_value **ret_error_members,
                                    struct weir_error *err)
{
    struct client_request request = {
        .operation = operation, .document = document, .arena = arena, .max_attempts = max_attempts};
    if (client_run(client, &request) == WEIR_OK) {
        if (ret_response != NULL) {
            *ret_response = request.response;
        }
        return WEIR_OK;
    }
    if (ret_error_members != NULL) {
        *ret_error_members = request.error_members;
    }
    if (err != NULL) {
        *err = request.error;
    }
    return request.status;
}

enum weir_status client_call(struct weir_client *client, const char *operation,
                             const struct weir_value *document, struct arena *arena,
                             struct weir_value **ret_response,
                             const struct weir_value **ret_error_members, struct weir_error *err)
{
    return client_call_within(client, 0, operation, document, arena, ret_response,
                              ret_error_members, err);
}

/* ---- asynchronous ---------------------------------------------------------------------------- */

static void post(struct client_request *request, void (*fn)(void *arg))
{
    request->task = (struct loop_task){.fn = fn, .arg = request};
    loop_post(request->loop, &request->task);
}

/* @thread the request's loop's */
static void end(struct client_request *request)
{
    struct weir_client *client = request->client;
    loop_timer_free(request->loop, request->backoff);
    request->backoff = NULL;
    call_leave(client, request);
    request->done(request);
    client_unref(client);
}

static void on_end(void *arg)
{
    end(arg);
}

static void on_end_closed(void *arg)
{
    end_closed(arg);
    end(arg);
}

static void on_end_cancelled(void *arg)
{
    end_early(arg, WEIR_CANCELLED, "cancelled");
    end(arg);
}

static void on_attempt_over(void *arg);

static void async_complete(struct client_request *request)
{
    struct weir_client *client = request->client;
    pthread_mutex_lock(&client->mu);
    request->state = REQUEST_ENDING;
    pthread_mutex_unlock(&client->mu);
    post(request, on_attempt_over);
}

/* After the transport took it, the request may be over and gone at any time. */
static void attempt_async(struct weir_client *client, struct client_request *request)
{
    if (!attempt_enter(client, request)) {
        post(request, on_end_closed);
        return;
    }
    request->complete = async_complete;
    if (fault_before(request)) {
        async_complete(request);
    } else {
        client->transport->ops->start(client->transport, request);
    }
    attempt_leave(client);
}

static void on_backoff_over(void *arg);

/* False when the call ends instead: closed, or without memory for a timer as it is. */
static bool backoff(struct weir_client *client, struct client_request *request, uint64_t wait_ms)
{
    if (request->backoff == NULL) {
        request->backoff = loop_timer_new(request->loop, on_backoff_over, request);
    }
    if (request->backoff == NULL) {
        return false;
    }
    pthread_mutex_lock(&client->mu);
    bool open = !client->closed;
    if (open) {
        request->state = REQUEST_BACKOFF;
    }
    pthread_mutex_unlock(&client->mu);
    if (open) {
        loop_timer_start(request->loop, request->backoff, wait_ms);
    } else {
        end_closed(request);
    }
    return open;
}

/* Sends the next attempt, or waits for its turn. @thread the request's loop's */
static void attempt_paced(void *arg)
{
    struct client_request *request = arg;
    struct weir_client *client = request->client;
    uint64_t wait_ms = attempt_wait_ms(client, request);
    if (request->cancelled) {
        on_end_cancelled(request);
    } else if (wait_ms == 0) {
        attempt_async(client, request);
    } else {
        count_paced(client, wait_ms);
        end_early(request, WEIR_NO_MEMORY, "out of memory for a timer");
        if (!backoff(client, request, wait_ms)) {
            end(request);
        }
    }
}

static void on_backoff_over(void *arg)
{
    struct client_request *request = arg;
    struct weir_client *client = request->client;
    pthread_mutex_lock(&client->mu);
    bool due = request->state == REQUEST_BACKOFF;
    if (due) {
        request->state = REQUEST_IDLE; /* from here on closing leaves it to the next attempt */
    }
    pthread_mutex_unlock(&client->mu);
    if (due) {
        /* Kept until attempt_async is done with the client: the request's own reference may go. */
        client_ref(client);
        attempt_paced(request);
        client_unref(client);
    }
}

static void on_attempt_over(void *arg)
{
    struct client_request *request = arg;
    struct weir_client *client = request->client;
    uint64_t wait_ms = 0;
    attempt_judge(client, request);
    if (attempt_again(client, request, &wait_ms) && backoff(client, request, wait_ms)) {
        return;
    }
    end(request);
}

/* A timer can only be made on the request's loop: one that has to wait is posted there. */
void client_start(struct weir_client *client, struct client_request *request)
{
    client_ref(client);
    call_enter(client, request);
    if (!prepare(client, request)) {
        post(request, on_end);
    } else if (attempt_wait_ms(client, request) > 0) {
        post(request, attempt_paced);
    } else {
        attempt_async(client, request);
    }
    client_unref(client);
}

/* Closing has cancelled all attempts that run, and frees the transport: it is not touched then. */
void client_cancel(struct client_request *request)
{
    struct weir_client *client = request->client;
    bool waiting = false;
    request->cancelled = true;
    pthread_mutex_lock(&client->mu);
    if (request->state == REQUEST_RUNNING && !client->closed) {
        client->transport->ops->cancel(client->transport, request);
    } else if (request->state == REQUEST_BACKOFF) {
        request->state = REQUEST_ENDING;
        waiting = true;
    }
    pthread_mutex_unlock(&client->mu);
    if (waiting) {
        loop_timer_stop(request->loop, request->backoff);
        post(request, on_end_cancelled);
    }
}

void calls_close(struct weir_client *client)
{
    pthread_mutex_lock(&client->mu);
    client->closed = true;
    (void)pthread_cond_broadcast(&client->changed);
    for (struct client_request *request = client->under_way; request != NULL;
         request = request->next) {
        if (request->state == REQUEST_RUNNING) {
            client->transport->ops->cancel(client->transport, request);
        } else if (request->state == REQUEST_BACKOFF) {
            request->state = REQUEST_ENDING;
            post(request, on_end_closed);
        }
    }
    while (client->inside > 0) {
        (void)pthread_cond_wait(&client->changed, &client->mu);
    }
    pthread_mutex_unlock(&client->mu);
}
