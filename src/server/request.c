/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request from its head to its answer. What a finished one holds (arena, buffers) is kept for
 * the next, per front, so that the usual request allocates nothing here.
 */
#include "server/internal.h"

#include "base/error.h"

#include <stdlib.h>

/* Answers may be longer than what they are made of: Base64 and escapes. */
#define OUT_BYTES_MAX ((size_t)LIMIT_REQUEST_ARENA_BYTES)

#define STATE(s) (1u << REQUEST_##s)

static const unsigned moves[REQUEST_STATE_COUNT] = {
    [REQUEST_FREE] = STATE(RECEIVING),
    [REQUEST_RECEIVING] = STATE(RUNNING) | STATE(AWAY) | STATE(READY) | STATE(FREE),
    [REQUEST_RUNNING] = STATE(WAITING) | STATE(AWAY) | STATE(READY),
    [REQUEST_WAITING] = STATE(RUNNING),
    [REQUEST_AWAY] = STATE(RUNNING) | STATE(WAITING) | STATE(READY),
    [REQUEST_READY] = STATE(SENDING) | STATE(FREE),
    [REQUEST_SENDING] = STATE(FREE),
};

void request_move(struct request *request, enum request_state to)
{
    WEIR_ASSERT((moves[request->state] & 1u << to) != 0);
    request->state = to;
}

/* ---- storage -------------------------------------------------------------------------------- */

static void request_destroy(struct request *request)
{
    buf_fini(&request->body);
    buf_fini(&request->out);
    buf_fini(&request->packed);
    arena_free(request->arena);
    loop_timer_free(request->front->loop, request->late_timer);
    free(request);
}

static struct request *request_create(struct front *front)
{
    struct request *request = calloc(1, sizeof(*request));
    if (request == NULL) {
        return NULL;
    }
    request->arena = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    if (request->arena == NULL) {
        free(request);
        return NULL;
    }
    request->front = front;
    buf_init(&request->body, LIMIT_BODY_BYTES);
    buf_init(&request->out, OUT_BYTES_MAX);
    buf_init(&request->packed, OUT_BYTES_MAX);
    request->wake = (struct letter){.request = request, .is_wake = true};
    request->home = (struct letter){.request = request};
    return request;
}

struct request *request_new(struct front *front, struct peer *peer, const char *uri)
{
    struct request *request = front->free_requests;
    if (request != NULL) {
        front->free_requests = request->next_free;
        front->free_count--;
    } else {
        request = request_create(front);
        if (request == NULL) {
            return NULL;
        }
    }
    request->peer = peer;
    request->since_ns = front->now_ns;
    if (front->server->signature_keys != NULL) {
        /* libmicrohttpd will decode it in place. Without memory it is empty, and refused. */
        request->uri = arena_dup(request->arena, bytes_str(uri));
    }
    request_move(request, REQUEST_RECEIVING);
    return request;
}

static void buf_recycle(struct buf *b)
{
    buf_reset(b);
    if (b->cap > SERVER_KEEP_BUFFER_BYTES) {
        buf_fini(b);
    }
}

void request_free(struct request *request)
{
    struct front *front = request->front;
    request_move(request, REQUEST_FREE);
    front->large_bytes -= request->large_bytes;
    request->large_bytes = 0;
    if (front->free_count >= SERVER_KEEP_REQUESTS) {
        request_destroy(request);
        return;
    }
    arena_reset(request->arena);
    buf_recycle(&request->body);
    buf_recycle(&request->out);
    buf_recycle(&request->packed);
    request->connection = NULL;
    request->peer = NULL;
    request->headers_seen = request->is_cross_origin = request->is_abandoned = false;
    request->body_seen = 0;
    request->drop_status = 0;
    request->head = (struct request_head){0};
    request->answer = (struct answer){0};
    request->document = NULL;
    request->uri = BYTES_NONE;
    request->headers = NULL;
    request->header_count = 0;
    request->verdict = (struct signature_verdict){0};
    request->fate = (struct weather_fate){0};
    request->rest = NULL;
    request->next_free = front->free_requests;
    front->free_requests = request;
    front->free_count++;
}

void request_free_all(struct front *front)
{
    while (front->free_requests != NULL) {
        struct request *request = front->free_requests;
        front->free_requests = request->next_free;
        request_destroy(request);
    }
    front->free_count = 0;
}

/* ---- the head -------------------------------------------------------------------------------- */

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *key,
                                 size_t key_size, const char *value, size_t value_size)
{
    (void)kind;
    head_add(arg, bytes_of(key, key_size), bytes_of(value, value == NULL ? 0 : value_size));
    return MHD_YES;
}

struct header_list {
    struct sigv4_header *at;
    size_t count, room;
};

static enum MHD_Result on_any_header(void *arg, enum MHD_ValueKind kind, const char *key,
                                     size_t key_size, const char *value, size_t value_size)
{
    (void)kind;
    struct header_list *list = arg;
    if (list->count < list->room) {
        list->at[list->count++] = (struct sigv4_header){
            bytes_of(key, key_size), bytes_of(value, value == NULL ? 0 : value_size)};
    }
    return MHD_YES;
}

/* For the signature, which may be checked on a thread of the pool: libmicrohttpd is this one's. */
static void keep_headers(struct request *request)
{
    int count = MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, NULL, NULL);
    struct header_list list = {.room = count > 0 ? (size_t)count : 0};
    list.at = ARENA_ARRAY(request->arena, struct sigv4_header, list.room);
    if (list.at != NULL) {
        (void)MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, on_any_header,
                                          &list);
        request->headers = list.at;
        request->header_count = list.count;
    }
}

static enum head_method method_of(const char *method)
{
    if (strcmp(method, MHD_HTTP_METHOD_POST) == 0) {
        return METHOD_POST;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0) {
        return METHOD_GET;
    }
    return strcmp(method, MHD_HTTP_METHOD_OPTIONS) == 0 ? METHOD_OPTIONS : METHOD_OTHER;
}

static enum MHD_Result send_ready(struct request *request)
{
    request_move(request, REQUEST_READY);
    return answer_send(request);
}

/* All headers are there, nothing of the body was read: the moment to refuse. */
static enum MHD_Result on_head(struct request *request, const char *method, const char *version)
{
    struct request_head *head = &request->head;
    head->method = method_of(method);
    head->is_http10 = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
    (void)MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, on_header, head);
    if (request->front->server->signature_keys != NULL) {
        keep_headers(request);
    }
    struct refusal refusal = head_check(head, &request->front->server->hosts);
    if (refusal.status == 0) {
        request->is_cross_origin = head->origin.len > 0;
        return MHD_YES;
    }
    answer_refuse(request, refusal.status, refusal.type, refusal.message);
    /* The body was not read, or where it ends is in doubt. */
    request->answer.close = true;
    request->answer.allow = refusal.status == 405 ? "POST, GET, OPTIONS" : NULL;
    return send_ready(request);
}

/* ---- the body -------------------------------------------------------------------------------- */

/* libmicrohttpd takes no answer in the middle of a body: what is too much is read and dropped. */
static void drop(struct request *request, int status)
{
    request->drop_status = status;
    buf_fini(&request->body);
}

/* Counts what makes a body large; false when the front has no room for more of that. */
static bool count_large(struct request *request, size_t size)
{
    struct front *front = request->front;
    if (request->body.len + size <= SERVER_OFF_LOOP_BYTES) {
        return true;
    }
    if (size > front->server->tuning.large_bytes - front->large_bytes) {
        return false;
    }
    front->large_bytes += size;
    request->large_bytes += size;
    return true;
}

/* A piece of the body; MHD_NO closes the connection. */
static enum MHD_Result on_body(struct request *request, struct weir_bytes piece)
{
    request->body_seen += piece.len;
    if (request->body_seen > SERVER_DISCARD_BYTES) {
        return MHD_NO;
    }
    if (request->drop_status != 0) {
        return MHD_YES;
    }
    if (request->body_seen > LIMIT_BODY_BYTES) {
        drop(request, 413);
    } else if (!count_large(request, piece.len)) {
        drop(request, 503);
    } else {
        buf_put(&request->body, piece);
    }
    return buf_status(&request->body) == WEIR_OK ? MHD_YES : MHD_NO;
}

static void refuse_dropped(struct request *request)
{
    if (request->drop_status == 413) {
        answer_refuse(request, 413, "com.amazon.coral.service#RequestEntityTooLarge",
                      "The request's body is larger than 16 MB");
    } else {
        answer_refuse(request, 503, "com.amazonaws.dynamodb.v20120810#ServiceUnavailable",
                      "Too many large requests are under way; try again");
    }
}

static void on_post(struct request *request, const char *url)
{
    if (strcmp(url, "/") != 0) {
        answer_refuse(request, 404, "com.amazon.coral.service#UnknownOperationException",
                      "The API is at the path /");
    } else if (request->head.target.len == 0) {
        answer_refuse(request, 400, "com.amazon.coral.service#UnknownOperationException", NULL);
    } else {
        run_start(request);
    }
}

static void on_whole_request(struct request *request, const char *url)
{
    if (request->drop_status != 0) {
        refuse_dropped(request);
    } else if (request->head.method == METHOD_POST) {
        on_post(request, url);
    } else if (request->head.method == METHOD_GET) {
        pages_answer(request, url);
    } else {
        answer_preflight(request);
    }
    if (request->state == REQUEST_RECEIVING) {
        request_move(request, REQUEST_READY);
    }
}

static void suspend(struct request *request)
{
    MHD_suspend_connection(request->connection);
    request->is_suspended = true;
    counter_add(&request->front->counters.suspended, 1);
}

static void resume(struct request *request)
{
    request->is_suspended = false;
    counter_add(&request->front->counters.suspended, (uint64_t)-1);
    MHD_resume_connection(request->connection);
}

static void linger_begin(struct request *request)
{
    request->lingers = true;
    request->linger_turns = 0;
    request->front->lingering++;
}

static void linger_end(struct request *request)
{
    request->lingers = false;
    request->front->lingering--;
}

/* libmicrohttpd asks for an answer that is not there yet. */
static void ask_again(struct request *request)
{
    if (request->linger_turns < SERVER_LINGER_TURNS) {
        request->linger_turns++;
    } else {
        linger_end(request);
        suspend(request);
    }
}

/* The API has the request, and libmicrohttpd must not wait for it. */
static void leave(struct request *request)
{
    /* What waits on purpose, for a record or its delay, will not be there in a few turns. */
    if (request->state == REQUEST_WAITING && request->head.wait_ms == 0 && !request->is_late) {
        linger_begin(request);
    } else {
        suspend(request);
    }
}

enum MHD_Result request_handle(struct request *request, struct MHD_Connection *connection,
                               const char *url, const char *method, const char *version,
                               const char *upload, size_t *upload_size)
{
    if (request->lingers && request->state != REQUEST_READY) {
        ask_again(request);
        return MHD_YES;
    }
    request->front->steps++;
    if (!request->headers_seen) {
        request->headers_seen = true;
        request->connection = connection;
        counter_add(&request->front->counters.requests, 1);
        return on_head(request, method, version);
    }
    if (*upload_size > 0) {
        size_t size = *upload_size;
        *upload_size = 0;
        return on_body(request, bytes_of(upload, size));
    }
    if (request->state == REQUEST_RECEIVING) {
        on_whole_request(request, url);
        if (request->state != REQUEST_READY) {
            leave(request);
            return MHD_YES;
        }
    }
    if (request->lingers) {
        linger_end(request);
    }
    return answer_send(request);
}

void request_open_letter(struct letter *letter)
{
    struct request *request = letter->request;
    if (letter->is_wake) {
        run_woken(request);
    } else {
        run_returned(request);
    }
    if (request->state != REQUEST_READY) {
        return;
    }
    if (request->is_abandoned) {
        request->front->abandoned--;
        request_free(request);
    } else if (request->is_suspended) {
        resume(request);
    }
}

void request_end(struct request *request)
{
    if (request->lingers) {
        linger_end(request);
    }
    if (request->state != REQUEST_WAITING && request->state != REQUEST_AWAY) {
        request_free(request);
        return;
    }
    request->is_abandoned = true;
    request->peer = NULL;
    request->connection = NULL;
    request->front->abandoned++;
    run_hurry(request);
}
