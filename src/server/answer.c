/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers. Bodies are in the request's buffers, which outlive libmicrohttpd's use of them (a
 * request is freed when its answer has been sent), so no body is copied.
 */
#include "server/internal.h"

#include "base/error.h"
#include "base/fault.h"

#include <stdio.h>

#define TYPE_API "application/x-amz-json-1.0"
#define ASKED_HEADERS_MAX 1024

/* ---- making ---------------------------------------------------------------------------------- */

void answer_refuse(struct request *request, int status, const char *type, const char *message)
{
    buf_reset(&request->out);
    if (message == NULL) {
        buf_printf(&request->out, "{\"__type\":\"%s\"}", type);
    } else {
        buf_printf(&request->out, "{\"__type\":\"%s\",\"message\":\"%s\"}", type, message);
    }
    request->answer = (struct answer){.status = status,
                                      .content_type = TYPE_API,
                                      .body = buf_bytes(&request->out),
                                      .is_api = true};
}

void answer_unauthenticated(struct request *request)
{
    struct buf *out = &request->out;
    buf_reset(out);
    buf_printf(out, "{\"__type\":\"%s\"", request->verdict.type);
    if (request->verdict.message != NULL) {
        buf_put_str(out, ",\"message\":");
        json_write_string(out, bytes_str(request->verdict.message));
    }
    buf_put_str(out, "}");
    request->answer = (struct answer){
        .status = 400, .content_type = TYPE_API, .body = buf_bytes(out), .is_api = true};
}

void answer_weather(struct request *request)
{
    struct weather_error error = weather_error_of(request->fate.action);
    if (error.type == NULL) {
        request->answer = (struct answer){.drop = true};
    } else {
        answer_refuse(request, error.status, error.type, error.message);
    }
}

/* The call is done: what the weather makes of its result. False when that is the answer. */
static bool weather_passes(struct request *request)
{
    struct api_call *call = &request->call;
    if (request->fate.action == WEATHER_ERROR_500_AFTER ||
        request->fate.action == WEATHER_DROP_AFTER) {
        answer_weather(request);
        return false;
    }
    if (request->rest != NULL && call->status == WEIR_OK) {
        call->response = weather_add_rest(request->arena, call->response, request->rest);
        if (call->response == NULL) {
            answer_refuse(request, 500, "com.amazonaws.dynamodb.v20120810#InternalServerError",
                          "The answer is too large for the memory of one request");
            return false;
        }
    }
    return true;
}

void answer_call(struct request *request)
{
    if (request->fate.action != WEATHER_NONE && !weather_passes(request)) {
        return;
    }
    buf_reset(&request->out);
    api_render(&request->call, &request->out);
    if (buf_status(&request->out) != WEIR_OK) {
        answer_refuse(request, 500, "com.amazonaws.dynamodb.v20120810#InternalServerError",
                      "The answer is too large for the memory of one request");
        return;
    }
    request->answer = (struct answer){.status = api_http_status(&request->call),
                                      .content_type = TYPE_API,
                                      .body = buf_bytes(&request->out),
                                      .is_api = true};
}

void answer_text(struct request *request, int status, const char *content_type)
{
    if (buf_status(&request->out) != WEIR_OK) {
        answer_refuse(request, 500, "com.amazonaws.dynamodb.v20120810#InternalServerError",
                      "The page is too large");
        return;
    }
    request->answer = (struct answer){
        .status = status, .content_type = content_type, .body = buf_bytes(&request->out)};
}

void answer_preflight(struct request *request)
{
    request->answer = (struct answer){.status = MHD_HTTP_NO_CONTENT, .allow = "POST, GET, OPTIONS"};
}

bool answer_wants_pack(const struct request *request)
{
    return request->head.takes_gzip && request->answer.body.len > SERVER_COMPRESS_MIN_BYTES;
}

void answer_pack(struct request *request, struct gzip *gzip)
{
    buf_reset(&request->packed);
    /* When it cannot be packed it goes as it is. */
    if (gzip_pack(gzip, request->answer.body, &request->packed)) {
        request->answer.body = buf_bytes(&request->packed);
        request->answer.is_packed = true;
    }
}

/* ---- sending --------------------------------------------------------------------------------- */

/* Failing headers are out of memory, which is found again when the answer is queued. */
static void add(struct MHD_Response *response, const char *name, const char *value)
{
    (void)MHD_add_response_header(response, name, value);
}

static void add_api_headers(const struct request *request, struct MHD_Response *response)
{
    char id[SERVER_REQUEST_ID_SIZE];
    char crc[16];
    front_request_id(request->front, id);
    struct weir_bytes body = request->answer.body;
    (void)snprintf(crc, sizeof(crc), "%lu", crc32_z(0, body.ptr, body.len));
    add(response, "x-amzn-RequestId", id);
    add(response, "x-amz-crc32", crc);
}

static void add_cross_origin_headers(const struct request *request, struct MHD_Response *response)
{
    const struct request_head *head = &request->head;
    /* Header values are NUL-terminated in the connection's memory. */
    add(response, "Access-Control-Allow-Origin", (const char *)head->origin.ptr);
    add(response, "Vary", "Origin");
    if (head->method != METHOD_OPTIONS) {
        add(response, "Access-Control-Expose-Headers", "x-amzn-RequestId, x-amz-crc32");
        return;
    }
    add(response, "Access-Control-Allow-Methods", "POST, GET, OPTIONS");
    add(response, "Access-Control-Max-Age", "172800");
    if (head->asked_headers.len > 0 && head->asked_headers.len <= ASKED_HEADERS_MAX) {
        add(response, "Access-Control-Allow-Headers", (const char *)head->asked_headers.ptr);
    }
}

static void add_headers(const struct request *request, struct MHD_Response *response)
{
    const struct answer *answer = &request->answer;
    if (answer->content_type != NULL) {
        add(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
    }
    add(response, MHD_HTTP_HEADER_SERVER, "weir");
    if (answer->is_api) {
        add_api_headers(request, response);
    }
    if (answer->is_packed) {
        add(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    }
    if (answer->allow != NULL) {
        add(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
    }
    if (request->is_cross_origin) {
        add_cross_origin_headers(request, response);
    }
    if (answer->close || request->front->is_stopping) {
        add(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
}

/* Gives the former half of the body, and then ends the connection. */
static ssize_t read_half(void *arg, uint64_t pos, char *to, size_t max)
{
    struct weir_bytes body = ((const struct request *)arg)->answer.body;
    size_t half = body.len / 2;
    if (pos >= half) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    size_t size = half - (size_t)pos < max ? half - (size_t)pos : max;
    memcpy(to, body.ptr + pos, size);
    return (ssize_t)size;
}

static struct MHD_Response *response_new(struct request *request)
{
    struct weir_bytes body = request->answer.body;
    if (request->fate.action == WEATHER_CUT) {
        return MHD_create_response_from_callback(body.len, 4096, read_half, request, NULL);
    }
    return MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.ptr,
                                           MHD_RESPMEM_PERSISTENT);
}

enum MHD_Result answer_send(struct request *request)
{
    const struct answer *answer = &request->answer;
    if (fault_hit(FAULT_SERVER_BEFORE_ANSWER) || answer->drop) {
        return MHD_NO; /* the client sees a connection that ended */
    }
    struct MHD_Response *response = response_new(request);
    if (response == NULL) {
        return MHD_NO;
    }
    add_headers(request, response);
    request_move(request, REQUEST_SENDING);
    request->since_ns = request->front->now_ns;
    if (answer->status >= 400) {
        counter_add(&request->front->counters.errors, 1);
    }
    enum MHD_Result queued =
        MHD_queue_response(request->connection, (unsigned)answer->status, response);
    MHD_destroy_response(response);
    return queued;
}
