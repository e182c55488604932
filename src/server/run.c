/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives a call of the API: parse, start, and one step after the other, on the front's thread or on
 * one that may block, until its answer is made. What is long (large bodies, large answers to
 * compress, gzip bodies, whose size is not known) is done away from the loop.
 */
#include "server/internal.h"

#include "base/error.h"

static void on_wake(struct api_call *call)
{
    struct request *request = call->owner;
    front_send(request->front, &request->wake);
}

/* ---- on a thread of the pool, or on the loop ------------------------------------------------- */

/* The body's bytes, unpacked when they came in gzip. */
static enum weir_status unpack_body(struct request *request, struct weir_error *err)
{
    struct buf plain;
    buf_init(&plain, LIMIT_BODY_BYTES);
    enum weir_status status = gzip_unpack(buf_bytes(&request->body), &plain);
    if (status != WEIR_OK) {
        buf_fini(&plain);
        if (status == WEIR_TOO_LARGE) {
            return error_set(err, WEIR_BODY_TOO_LARGE, "The request's body is larger than 16 MB");
        }
        return error_set(err, status, "The request's body is not valid gzip");
    }
    buf_fini(&request->body);
    request->body = plain;
    return WEIR_OK;
}

static bool is_packed_body(const struct request *request)
{
    return request->head.body_coding.len == 4; /* of "gzip" and "identity", which were let in */
}

static void check_signature(struct request *request)
{
    struct server *server = request->front->server;
    const uint8_t *mark =
        request->uri.len == 0 ? NULL : memchr(request->uri.ptr, '?', request->uri.len);
    size_t path_len = mark == NULL ? request->uri.len : (size_t)(mark - request->uri.ptr);
    struct signed_request was_signed = {
        .method = BYTES_LIT("POST"),
        .path = bytes_of(request->uri.ptr, path_len),
        .headers = request->headers,
        .header_count = request->header_count,
        .body = buf_bytes(&request->body),
    };
    if (mark != NULL) {
        was_signed.query = bytes_of(mark + 1, request->uri.len - path_len - 1);
    }
    request->verdict = signature_check(server->signature_keys, server->signature_region,
                                       &was_signed, env_wall_ms(server->env), request->arena);
}

static enum weir_status parse_body(struct request *request)
{
    struct weir_error *err = &request->call.error;
    if (request->front->server->signature_keys != NULL) {
        check_signature(request);
        if (request->verdict.type != NULL) {
            return WEIR_BAD_CREDENTIALS;
        }
    }
    if (is_packed_body(request)) {
        enum weir_status status = unpack_body(request, err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    return json_parse(request->arena, buf_bytes(&request->body), &request->document, err);
}

static void finish_away(struct request *request, struct gzip *gzip)
{
    answer_call(request);
    if (answer_wants_pack(request)) {
        answer_pack(request, gzip);
    }
}

/* The pool's: one errand, then back through the mailbox. */
static void on_errand(struct pool_job *job, struct gzip *gzip)
{
    struct request *request =
        (struct request *)(void *)((char *)job - offsetof(struct request, job));
    switch (request->errand) {
    case ERRAND_PARSE:
        request->parse_status = parse_body(request);
        break;
    case ERRAND_RESUME:
        request->progress = api_resume(&request->call);
        if (request->progress == API_DONE) {
            finish_away(request, gzip);
        }
        break;
    case ERRAND_COMPRESS:
        answer_pack(request, gzip);
        break;
    }
    front_send(request->front, &request->home);
}

static void send_away(struct request *request, enum request_errand errand)
{
    request->call.hold = false; /* nobody flushes after a thread of the pool */
    request_move(request, REQUEST_AWAY);
    counter_add(&request->front->counters.away, 1);
    request->errand = errand;
    request->job.fn = on_errand;
    pool_put(&request->front->server->pool, &request->job);
}

/* ---- on the loop: an answer that is held back ------------------------------------------------ */

static void on_late(void *arg)
{
    struct request *request = arg;
    request->is_due = true;
    front_send(request->front, &request->wake);
}

static bool hold_back(struct request *request)
{
    struct front *front = request->front;
    if (request->late_timer == NULL) {
        request->late_timer = loop_timer_new(front->loop, on_late, request);
    }
    if (request->late_timer == NULL || front->is_stopping || request->is_abandoned) {
        return false;
    }
    request->is_late = true;
    loop_timer_start(front->loop, request->late_timer, request->fate.delay_ms);
    request_move(request, REQUEST_WAITING);
    return true;
}

/* The answer is made. */
static void ready(struct request *request)
{
    if (request->fate.action != WEATHER_DELAY || !hold_back(request)) {
        request_move(request, REQUEST_READY);
    }
}

static void release(struct request *request)
{
    request->is_late = request->is_due = false;
    request_move(request, REQUEST_RUNNING);
    request_move(request, REQUEST_READY);
}

void run_hurry(struct request *request)
{
    if (request->is_late && !request->is_due) {
        loop_timer_start(request->front->loop, request->late_timer, 0);
    }
}

/* ---- on the loop: from step to answer -------------------------------------------------------- */

/* The call is done, on the loop: its answer. */
static void finish(struct request *request)
{
    answer_call(request);
    if (answer_wants_pack(request)) {
        if (request->answer.body.len > SERVER_COMPRESS_OFF_LOOP_BYTES) {
            send_away(request, ERRAND_COMPRESS);
            return;
        }
        answer_pack(request, &request->front->gzip);
    }
    ready(request);
}

/* The request is RUNNING and this is what its step came to. */
static void settle(struct request *request, enum api_progress progress)
{
    switch (progress) {
    case API_DONE:
        finish(request);
        return;
    case API_WAITING:
        front_hold(request->front);
        request_move(request, REQUEST_WAITING);
        return;
    case API_BLOCKING:
        send_away(request, ERRAND_RESUME);
        return;
    }
    WEIR_ASSERT(false);
}

static void resume_call(struct request *request)
{
    request_move(request, REQUEST_RUNNING);
    settle(request, api_resume(&request->call));
}

/* Asks the weather about the call; false when that is its answer already. */
static bool weather_lets(struct request *request, const char *operation)
{
    request->fate = weather_next(request->front->server->weather, operation);
    if (weather_is_before(request->fate.action)) {
        answer_weather(request);
        request_move(request, REQUEST_READY);
        return false;
    }
    if (request->fate.action == WEATHER_HALF) {
        const struct weir_value *kept = NULL;
        weather_halve(request->arena, request->document, &kept, &request->rest);
        request->call.request = kept == NULL ? request->document : kept;
    }
    return true;
}

/* The body was parsed, or not. */
static void start_call(struct request *request, enum weir_status parse_status)
{
    struct front *front = request->front;
    request_move(request, REQUEST_RUNNING);
    if (request->verdict.type != NULL) {
        counter_add(&front->counters.unauthenticated, 1);
        answer_unauthenticated(request);
        request_move(request, REQUEST_READY);
        return;
    }
    if (parse_status != WEIR_OK) {
        request->call.status = parse_status;
        settle(request, API_DONE);
        return;
    }
    int index = operation_index(front->server, request->head.target);
    if (index >= 0) {
        counter_add(&front->counters.operations[index], 1);
    }
    request->call.request = request->document;
    if (front->server->weather != NULL && index >= 0 &&
        !weather_lets(request, front->server->operations[index])) {
        return;
    }
    settle(request, api_start(front->server->api, &request->call, request->head.target));
}

void run_start(struct request *request)
{
    request->was_woken = false;
    request->call = (struct api_call){
        .arena = request->arena,
        .wait_ms = request->head.wait_ms,
        .hold = true,
        .wake = on_wake,
        .owner = request,
    };
    if (is_packed_body(request) || request->body.len > SERVER_OFF_LOOP_BYTES) {
        send_away(request, ERRAND_PARSE);
    } else {
        start_call(request, parse_body(request));
    }
}

void run_woken(struct request *request)
{
    if (request->state == REQUEST_AWAY) {
        /* The thread that asked for the wake has not handed the call back yet. */
        WEIR_ASSERT(!request->was_woken);
        request->was_woken = true;
        return;
    }
    WEIR_ASSERT(request->state == REQUEST_WAITING);
    if (request->is_late) {
        release(request);
    } else {
        resume_call(request);
    }
}

static void returned_from_resume(struct request *request)
{
    if (request->progress == API_DONE) {
        ready(request);
    } else if (request->progress == API_BLOCKING) {
        request_move(request, REQUEST_RUNNING);
        send_away(request, ERRAND_RESUME);
    } else if (request->was_woken) {
        request->was_woken = false;
        resume_call(request);
    } else {
        request_move(request, REQUEST_WAITING);
    }
}

void run_returned(struct request *request)
{
    WEIR_ASSERT(request->state == REQUEST_AWAY);
    switch (request->errand) {
    case ERRAND_PARSE:
        start_call(request, request->parse_status);
        return;
    case ERRAND_RESUME:
        returned_from_resume(request);
        return;
    case ERRAND_COMPRESS:
        ready(request);
        return;
    }
}
