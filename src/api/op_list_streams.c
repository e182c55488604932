/* SPDX-License-Identifier: Apache-2.0 */

/* ListStreams: the streams of one table or of all, disabled ones that are still readable included.
 */

#include "api/document.h"
#include "api/operations.h"
#include "api/request.h"

static const struct shape shape_page = {
    .kind = SHAPE_INTEGER, .checks = SHAPE_MIN | SHAPE_MAX, .min = 1, .max = LIMIT_LIST_STREAMS};
static const struct shape_member members[] = {
    {"TableName", &shape_item_table, false},
    {"Limit", &shape_page, false},
    {"ExclusiveStartStreamArn", &shape_stream_arn, false},
    {0},
};
const struct shape shape_list_streams = {.kind = SHAPE_STRUCT, .members = members};

/* Adds the streams and gives their references back; returns the last one's ARN. */
static struct weir_bytes add_streams(struct api_call *call, struct weir_value *list,
                                     struct engine_stream **streams, uint32_t count)
{
    struct weir_bytes last = BYTES_NONE;
    for (uint32_t i = 0; i < count; i++) {
        struct weir_value *to = document_append_map(call->arena, list);
        last = arena_dup(call->arena, streams[i]->arn);
        value_add_str(call->arena, to, "StreamArn", last);
        value_add_str(call->arena, to, "TableName", arena_dup(call->arena, streams[i]->table_name));
        value_add_str(call->arena, to, "StreamLabel",
                      arena_dup(call->arena, bytes_str(streams[i]->label)));
        engine_stream_unref(streams[i]);
    }
    return last;
}

enum api_progress op_list_streams_start(struct api_call *call)
{
    struct weir_bytes after = request_string(call->request, "ExclusiveStartStreamArn");
    uint32_t limit = (uint32_t)request_int(call->request, "Limit", LIMIT_LIST_STREAMS);
    struct engine_stream **streams = NULL;
    uint32_t count = 0;
    bool more = false;
    if (engine_stream_list(call->api->engine, call->arena, request_table(call->request), after,
                           limit, &streams, &count, &more, &call->error) != WEIR_OK) {
        return call_fail(call);
    }
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    struct weir_value *list = value_add_list(call->arena, response, "Streams");
    struct weir_bytes last = add_streams(call, list, streams, count);
    if (more) {
        value_add_str(call->arena, response, "LastEvaluatedStreamArn", last);
    }
    return call_answer(call, response);
}
