/* SPDX-License-Identifier: Apache-2.0 */

/* GetShardIterator: where to begin reading a shard. */

#include "api/iterator.h"
#include "api/operations.h"
#include "api/request.h"

static const struct shape shape_type = {
    .kind = SHAPE_STRING,
    .choices = "[AFTER_SEQUENCE_NUMBER, LATEST, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"};
static const struct shape shape_sequence = {
    .kind = SHAPE_STRING, .checks = SHAPE_MIN | SHAPE_MAX, .min = 21, .max = 40};
static const struct shape_member members[] = {
    {"StreamArn", &shape_stream_arn, true},
    {"ShardId", &shape_shard_id, true},
    {"ShardIteratorType", &shape_type, true},
    {"SequenceNumber", &shape_sequence, false},
    {0},
};
const struct shape shape_get_shard_iterator = {.kind = SHAPE_STRUCT, .members = members};

static const struct engine_shard *shard_of(const struct engine_stream *stream, struct weir_bytes id)
{
    for (uint32_t i = 0; i < stream->shard_count; i++) {
        if (bytes_eq_str(id, stream->shards[i].id)) {
            return &stream->shards[i];
        }
    }
    return NULL;
}

/* AT_ and AFTER_SEQUENCE_NUMBER. A number beyond the newest commit is of another history (a
 * restored or recreated database): taking it would skip records silently. */
static enum weir_status sequence_position(struct api_call *call, bool after, uint64_t *ret_position)
{
    struct weir_bytes text = request_string(call->request, "SequenceNumber");
    uint64_t seq = 0;
    if (text.len == 0) {
        return call_invalid(call, "One or more parameter values were invalid: SequenceNumber is "
                                  "required for this ShardIteratorType");
    }
    if (!engine_sequence_parse(text, &seq)) {
        return call_invalid(call, "Invalid SequenceNumber: %.*s", BYTES_ARG(text));
    }
    if (seq > engine_committed_seq(call->api->engine) + 1) {
        return call_invalid(call, "Invalid SequenceNumber: %.*s is after the end of the stream",
                            BYTES_ARG(text));
    }
    *ret_position = after ? seq + 1 : seq;
    if (*ret_position < engine_trim_seq(call->api->engine)) {
        return call_error(call, WEIR_TRIMMED,
                          "The operation attempted to read past the oldest stream record in a "
                          "shard.");
    }
    return WEIR_OK;
}

static enum weir_status position_of(struct api_call *call, const struct engine_shard *shard,
                                    struct shard_iterator *iterator)
{
    struct weir_bytes type = request_string(call->request, "ShardIteratorType");
    enum weir_status status = WEIR_OK;
    if (bytes_eq_str(type, "TRIM_HORIZON")) {
        iterator->horizon = true;
        iterator->position = engine_trim_seq(call->api->engine);
    } else if (bytes_eq_str(type, "LATEST")) {
        iterator->position = engine_committed_seq(call->api->engine) + 1;
    } else {
        bool after = bytes_eq_str(type, "AFTER_SEQUENCE_NUMBER");
        status = sequence_position(call, after, &iterator->position);
    }
    if (iterator->position < shard->first_seq) {
        iterator->position = shard->first_seq;
    }
    return status;
}

static enum weir_status make_iterator(struct api_call *call, const struct engine_stream *stream,
                                      struct weir_bytes *ret_text)
{
    const struct engine_shard *shard = shard_of(stream, request_string(call->request, "ShardId"));
    if (shard == NULL) {
        return call_error(call, WEIR_RESOURCE_NOT_FOUND,
                          "Requested resource not found: Shard does not exist");
    }
    struct shard_iterator iterator = {
        .arn = stream->arn, .stream_id = stream->id, .shard_number = shard->number};
    enum weir_status status = position_of(call, shard, &iterator);
    if (status == WEIR_OK) {
        *ret_text = iterator_format(call, &iterator);
        status = ret_text->len > 0 ? WEIR_OK : call_no_memory(call);
    }
    return status;
}

enum api_progress op_get_shard_iterator_start(struct api_call *call)
{
    struct engine_stream *stream;
    if (engine_stream_ref(call->api->engine, request_string(call->request, "StreamArn"), &stream,
                          &call->error) != WEIR_OK) {
        return call_fail(call);
    }
    struct weir_bytes text = BYTES_NONE;
    enum weir_status status = make_iterator(call, stream, &text);
    engine_stream_unref(stream);
    if (status != WEIR_OK) {
        return call_fail(call);
    }
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    value_add_str(call->arena, response, "ShardIterator", text);
    return call_answer(call, response);
}
