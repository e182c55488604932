/* SPDX-License-Identifier: Apache-2.0 */

/*
 * GetRecords: what a shard has from a position on, and where to go on. With wait_ms the call waits
 * at the tip of an open shard for the next record, once, instead of answering with nothing.
 *
 *     start ──► nothing new? ──yes──► wait_ms? ──no──► empty answer
 *                   │ no                 │ yes
 *                   ▼                    ▼
 *               READING (blocks) ◄── WAITING
 *                   │                    ▲
 *                   ├─ nothing, and not waited yet
 *                   ▼
 *                answer
 */

#include "api/iterator.h"
#include "api/operations.h"
#include "api/records.h"
#include "api/request.h"

static const struct shape shape_text = {.kind = SHAPE_STRING,
                                        .checks = SHAPE_MIN | SHAPE_MAX,
                                        .min = 1,
                                        .max = LIMIT_STREAM_ITERATOR_BYTES};
static const struct shape shape_page = {
    .kind = SHAPE_INTEGER, .checks = SHAPE_MIN | SHAPE_MAX, .min = 1, .max = LIMIT_GET_RECORDS};
static const struct shape_member members[] = {
    {"ShardIterator", &shape_text, true},
    {"Limit", &shape_page, false},
    {0},
};
const struct shape shape_get_records = {.kind = SHAPE_STRUCT, .members = members};

struct reading {
    struct shard_iterator at;
    uint32_t limit;
    bool waiting; /* the waiter is with the engine, or just came back */
    bool waited;  /* one wait is enough: what ends it is a record, or the end of the time */
    struct engine_waiter waiter;
};

/* What a read found. */
struct found {
    struct engine_record *records;
    uint32_t count;
    uint64_t next;
    bool end;
};

/* ---- the position --------------------------------------------------------------------------- */

static enum weir_status check_trimmed(struct api_call *call, struct shard_iterator *at)
{
    uint64_t trim = engine_trim_seq(call->api->engine);
    if (at->position >= trim) {
        return WEIR_OK;
    }
    if (!at->horizon) {
        return call_error(call, WEIR_TRIMMED,
                          "The operation attempted to read past the oldest stream record in a "
                          "shard.");
    }
    at->position = trim;
    return WEIR_OK;
}

/* The stream as it is now, and the iterator's shard in it. */
static enum weir_status find_shard(struct api_call *call, const struct shard_iterator *at,
                                   struct engine_stream **ret_stream,
                                   const struct engine_shard **ret_shard)
{
    struct engine_stream *stream;
    enum weir_status status = engine_stream_ref(call->api->engine, at->arn, &stream, &call->error);
    if (status != WEIR_OK) {
        return status;
    }
    *ret_shard = stream->id == at->stream_id ? iterator_shard(stream, at->shard_number) : NULL;
    if (*ret_shard == NULL) {
        engine_stream_unref(stream);
        return call_error(call, WEIR_RESOURCE_NOT_FOUND,
                          "Requested resource not found: Shard does not exist");
    }
    *ret_stream = stream;
    return WEIR_OK;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static enum api_progress answer(struct api_call *call, const struct engine_stream *stream,
                                const struct found *found)
{
    struct reading *reading = call->state;
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    records_add(call, response, stream, found->records, found->count);
    if (!found->end) {
        struct shard_iterator next = reading->at;
        next.position = found->next;
        next.horizon = false;
        struct weir_bytes text = iterator_format(call, &next);
        if (text.len == 0) {
            (void)call_no_memory(call);
            return call_fail(call);
        }
        value_add_str(call->arena, response, "NextShardIterator", text);
    }
    return call_answer(call, response);
}

/* An idle shard's position moves on with the commits of others: otherwise trimming would overtake
 * it, although nothing was missed. `committed` was taken before the read. */
static void move_on(struct found *found, uint64_t committed)
{
    if (found->count == 0 && found->next <= committed) {
        found->next = committed + 1;
    }
}

/* ---- waiting -------------------------------------------------------------------------------- */

static void wake(struct engine_waiter *waiter)
{
    struct api_call *call = waiter->arg;
    call->wake(call);
}

/* True when the waiter is handed over: the call must not be touched then. */
static bool wait_at(struct api_call *call, uint64_t position)
{
    struct reading *reading = call->state;
    if (call->wait_ms == 0 || reading->waited) {
        return false;
    }
    uint64_t wait_ms = call->wait_ms < LIMIT_WAIT_MS ? call->wait_ms : LIMIT_WAIT_MS;
    reading->waited = true;
    reading->waiting = true;
    reading->at.position = position;
    reading->waiter = (struct engine_waiter){
        .stream_id = reading->at.stream_id,
        .shard_number = reading->at.shard_number,
        .from_seq = position,
        .deadline_ns = env_mono_ns(engine_env(call->api->engine)) + wait_ms * UINT64_C(1000000),
        .fn = wake,
        .arg = call,
    };
    if (engine_wait(call->api->engine, &reading->waiter)) {
        return true;
    }
    reading->waiting = false;
    return false;
}

/* ---- reading -------------------------------------------------------------------------------- */

static enum weir_status read_shard(struct api_call *call, const struct engine_stream *stream,
                                   const struct engine_shard *shard, struct found *found)
{
    struct reading *reading = call->state;
    uint64_t committed = engine_committed_seq(call->api->engine);
    enum weir_status status = engine_stream_read(
        call->api->engine, call->arena, stream, shard, reading->at.position, reading->limit,
        &found->records, &found->count, &found->next, &found->end, &call->error);
    if (status == WEIR_OK && !found->end) {
        move_on(found, committed);
    }
    return status;
}

static enum api_progress read_now(struct api_call *call)
{
    struct reading *reading = call->state;
    struct engine_stream *stream;
    const struct engine_shard *shard;
    struct found found = {0};
    if (check_trimmed(call, &reading->at) != WEIR_OK ||
        find_shard(call, &reading->at, &stream, &shard) != WEIR_OK) {
        return call_fail(call);
    }
    enum weir_status status = read_shard(call, stream, shard, &found);
    bool may_wait = call->wait_ms > 0 && !reading->waited;
    if (status == WEIR_OK && found.count == 0 && !found.end && may_wait) {
        engine_stream_unref(stream);
        return wait_at(call, found.next) ? API_WAITING : read_now(call);
    }
    enum api_progress progress = status == WEIR_OK ? answer(call, stream, &found) : call_fail(call);
    engine_stream_unref(stream);
    return progress;
}

/* Nothing can be there for a position behind the last commit, unless the shard has ended. */
static enum api_progress answer_at_tip(struct api_call *call)
{
    struct reading *reading = call->state;
    struct engine_stream *stream;
    const struct engine_shard *shard;
    if (find_shard(call, &reading->at, &stream, &shard) != WEIR_OK) {
        return call_fail(call);
    }
    struct found found = {.next = reading->at.position};
    bool open = stream->enabled && shard->last_seq == 0;
    if (open && wait_at(call, reading->at.position)) {
        engine_stream_unref(stream);
        return API_WAITING;
    }
    enum api_progress progress =
        open && !reading->waited ? answer(call, stream, &found) : call_block(call);
    engine_stream_unref(stream);
    return progress;
}

enum api_progress op_get_records_start(struct api_call *call)
{
    struct reading *reading = ARENA_NEW(call->arena, struct reading);
    if (reading == NULL) {
        (void)call_no_memory(call);
        return call_fail(call);
    }
    call->state = reading;
    reading->limit = (uint32_t)request_int(call->request, "Limit", LIMIT_GET_RECORDS);
    if (iterator_parse(call, request_string(call->request, "ShardIterator"), &reading->at) !=
            WEIR_OK ||
        check_trimmed(call, &reading->at) != WEIR_OK) {
        return call_fail(call);
    }
    if (reading->at.position > engine_committed_seq(call->api->engine)) {
        return answer_at_tip(call);
    }
    return call_block(call);
}

enum api_progress op_get_records_resume(struct api_call *call)
{
    struct reading *reading = call->state;
    if (reading->waiting) {
        reading->waiting = false;
        if (!call->may_block) {
            return API_BLOCKING;
        }
    }
    return read_now(call);
}
