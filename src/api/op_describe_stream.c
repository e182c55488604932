/* SPDX-License-Identifier: Apache-2.0 */

/*
 * DescribeStream: a stream and its shards in order of birth, at most 100 in a page; or, with
 * ShardFilter, the children of one shard.
 */

#include "api/describe.h"
#include "api/document.h"
#include "api/operations.h"
#include "api/request.h"

static const struct shape shape_filter_type = {.kind = SHAPE_STRING, .choices = "[CHILD_SHARDS]"};
static const struct shape_member filter_members[] = {
    {"Type", &shape_filter_type, false},
    {"ShardId", &shape_shard_id, false},
    {0},
};
static const struct shape shape_filter = {
    .kind = SHAPE_STRUCT, .name = "ShardFilter", .members = filter_members};
static const struct shape shape_page = {.kind = SHAPE_INTEGER,
                                        .checks = SHAPE_MIN | SHAPE_MAX,
                                        .min = 1,
                                        .max = LIMIT_DESCRIBE_STREAM_SHARDS};
static const struct shape_member members[] = {
    {"StreamArn", &shape_stream_arn, true},
    {"Limit", &shape_page, false},
    {"ExclusiveStartShardId", &shape_shard_id, false},
    {"ShardFilter", &shape_filter, false},
    {0},
};
const struct shape shape_describe_stream = {.kind = SHAPE_STRUCT, .members = members};

/* Which shards are asked for. */
struct choice {
    struct weir_bytes after;  /* len 0: from the first */
    struct weir_bytes parent; /* len 0: any */
    uint32_t limit;
};

static enum weir_status read_choice(struct api_call *call, struct choice *choice)
{
    const struct weir_value *filter = request_member(call->request, "ShardFilter");
    choice->after = request_string(call->request, "ExclusiveStartShardId");
    choice->limit = (uint32_t)request_int(call->request, "Limit", LIMIT_DESCRIBE_STREAM_SHARDS);
    choice->parent = request_string(filter, "ShardId");
    if (filter != NULL && (choice->parent.len == 0 || request_member(filter, "Type") == NULL)) {
        return call_invalid(call, "One or more parameter values were invalid: ShardFilter needs "
                                  "both Type and ShardId");
    }
    return WEIR_OK;
}

/* Ids sort in order of birth. */
static bool is_chosen(const struct choice *choice, const struct engine_shard *shard)
{
    if (choice->after.len > 0 && bytes_cmp(bytes_str(shard->id), choice->after) <= 0) {
        return false;
    }
    return choice->parent.len == 0 || bytes_eq_str(choice->parent, shard->parent_id);
}

static void add_sequence(struct api_call *call, struct weir_value *to, const char *name,
                         uint64_t commit_seq)
{
    char text[ENGINE_SEQUENCE_TEXT];
    engine_sequence_text(commit_seq, text);
    value_add_str(call->arena, to, name, arena_dup(call->arena, bytes_str(text)));
}

static struct weir_bytes add_shard(struct api_call *call, struct weir_value *list,
                                   const struct engine_shard *shard, bool stream_enabled)
{
    struct weir_value *to = document_append_map(call->arena, list);
    struct weir_bytes id = arena_dup(call->arena, bytes_str(shard->id));
    value_add_str(call->arena, to, "ShardId", id);
    struct weir_value *range = value_add_map(call->arena, to, "SequenceNumberRange");
    add_sequence(call, range, "StartingSequenceNumber", shard->first_seq);
    if (shard->last_seq > 0 || !stream_enabled) {
        add_sequence(call, range, "EndingSequenceNumber", shard->last_seq);
    }
    if (shard->parent != 0) {
        value_add_str(call->arena, to, "ParentShardId",
                      arena_dup(call->arena, bytes_str(shard->parent_id)));
    }
    return id;
}

static void add_shards(struct api_call *call, struct weir_value *to,
                       const struct engine_stream *stream, const struct choice *choice)
{
    struct weir_value *list = value_add_list(call->arena, to, "Shards");
    struct weir_bytes last = BYTES_NONE;
    uint32_t count = 0;
    for (uint32_t i = 0; i < stream->shard_count; i++) {
        if (!is_chosen(choice, &stream->shards[i])) {
            continue;
        }
        if (count == choice->limit) {
            value_add_str(call->arena, to, "LastEvaluatedShardId", last);
            return;
        }
        last = add_shard(call, list, &stream->shards[i], stream->enabled);
        count++;
    }
}

static struct weir_value *response_of(struct api_call *call, const struct engine_stream *stream,
                                      const struct choice *choice)
{
    struct arena *a = call->arena;
    struct weir_value *response = value_new_map(a, VALUE_PLAIN);
    struct weir_value *to = value_add_map(a, response, "StreamDescription");
    value_add_str(a, to, "StreamArn", arena_dup(a, stream->arn));
    value_add_str(a, to, "StreamLabel", arena_dup(a, bytes_str(stream->label)));
    value_add_str(a, to, "StreamStatus", bytes_str(stream->enabled ? "ENABLED" : "DISABLED"));
    value_add_str(a, to, "StreamViewType", bytes_str(engine_view_type_name(stream->view)));
    document_add_date(a, to, "CreationRequestDateTime", stream->created_ms);
    value_add_str(a, to, "TableName", arena_dup(a, stream->table_name));
    describe_key_schema(call, to, &stream->partition, &stream->sort);
    add_shards(call, to, stream, choice);
    return response;
}

enum api_progress op_describe_stream_start(struct api_call *call)
{
    struct choice choice = {0};
    struct engine_stream *stream;
    if (read_choice(call, &choice) != WEIR_OK ||
        engine_stream_ref(call->api->engine, request_string(call->request, "StreamArn"), &stream,
                          &call->error) != WEIR_OK) {
        return call_fail(call);
    }
    struct weir_value *response = response_of(call, stream, &choice);
    engine_stream_unref(stream);
    return call_answer(call, response);
}
