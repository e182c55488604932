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

void answer_call(struct request *request)
{
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

enum MHD_Result answer_send(struct request *request)
{
    const struct answer *answer = &request->answer;
    if (fault_hit(FAULT_SERVER_BEFORE_ANSWER)) {
        return MHD_NO; /* the client sees a connection that ended */
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer->body.len, (void *)(uintptr_t)answer->body.ptr, MHD_RESPMEM_PERSISTENT);
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
