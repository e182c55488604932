/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Stream records as documents. An event's id must be unique and the same at every reading: its
 * first half stands for the stream, its second half is a one-to-one scrambling of the commit's
 * number, so that no two events of one stream can share it.
 */

#include "api/records.h"

#include "api/document.h"

#include <inttypes.h>

#define FNV_OFFSET UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

static uint64_t hash_of(struct weir_bytes bytes)
{
    uint64_t hash = FNV_OFFSET;
    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ bytes.ptr[i]) * FNV_PRIME;
    }
    return hash;
}

/* Invertible in all of its steps (the finalizer of SplitMix64). */
static uint64_t scramble(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* The region's name is the fourth part of an ARN. */
static struct weir_bytes region_of(struct weir_bytes arn)
{
    struct weir_bytes rest = arn;
    for (int part = 0; part < 3; part++) {
        const uint8_t *colon = memchr(rest.ptr, ':', rest.len);
        if (colon == NULL) {
            return BYTES_NONE;
        }
        rest = bytes_of(colon + 1, rest.len - (size_t)(colon + 1 - rest.ptr));
    }
    const uint8_t *end = memchr(rest.ptr, ':', rest.len);
    return end == NULL ? BYTES_NONE : bytes_of(rest.ptr, (size_t)(end - rest.ptr));
}

static const char *event_name(enum engine_event event)
{
    switch (event) {
    case ENGINE_INSERT:
        return "INSERT";
    case ENGINE_MODIFY:
        return "MODIFY";
    case ENGINE_REMOVE:
        break;
    }
    return "REMOVE";
}

static void add_change(struct api_call *call, struct weir_value *to,
                       const struct engine_stream *stream, const struct engine_record *record)
{
    struct arena *a = call->arena;
    char sequence[ENGINE_SEQUENCE_TEXT];
    engine_sequence_text(record->commit_seq, sequence);
    struct weir_value *change = value_add_map(a, to, "dynamodb");
    value_add_int(a, change, "ApproximateCreationDateTime", record->commit_ms / 1000);
    document_add_stored(a, change, "Keys", record->keys);
    if (record->new_image.len > 0) {
        document_add_stored(a, change, "NewImage", record->new_image);
    }
    if (record->old_image.len > 0) {
        document_add_stored(a, change, "OldImage", record->old_image);
    }
    value_add_str(a, change, "SequenceNumber", arena_dup(a, bytes_str(sequence)));
    value_add_int(a, change, "SizeBytes", (int64_t)record->size_bytes);
    value_add_str(a, change, "StreamViewType", bytes_str(engine_view_type_name(stream->view)));
}

static void add_identity(struct api_call *call, struct weir_value *to)
{
    struct weir_value *identity = value_add_map(call->arena, to, "userIdentity");
    value_add_str(call->arena, identity, "PrincipalId", BYTES_LIT("dynamodb.amazonaws.com"));
    value_add_str(call->arena, identity, "Type", BYTES_LIT("Service"));
}

void records_add(struct api_call *call, struct weir_value *response,
                 const struct engine_stream *stream, const struct engine_record *records,
                 uint32_t count)
{
    struct arena *a = call->arena;
    uint64_t stream_hash = hash_of(stream->arn);
    struct weir_bytes region = arena_dup(a, region_of(stream->arn));
    struct weir_value *list = value_add_list(a, response, "Records");
    for (uint32_t i = 0; i < count; i++) {
        struct weir_value *to = document_append_map(a, list);
        const char *id = arena_printf(a, "%016" PRIx64 "%016" PRIx64, stream_hash,
                                      scramble(records[i].commit_seq ^ stream_hash));
        value_add_str(a, to, "eventID", bytes_str(id));
        value_add_str(a, to, "eventName", bytes_str(event_name(records[i].event)));
        value_add_str(a, to, "eventVersion", BYTES_LIT("1.1"));
        value_add_str(a, to, "eventSource", BYTES_LIT("aws:dynamodb"));
        value_add_str(a, to, "awsRegion", region);
        add_change(call, to, stream, &records[i]);
        if (records[i].by_ttl) {
            add_identity(call, to);
        }
    }
}
