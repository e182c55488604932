/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading change streams: records of one shard in order of commit_seq, between trim_seq and the
 * last commit that was published. What a commit under way has put there already is not seen.
 */
#include "engine/record.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- names ------------------------------------------------------------------------------------
 */

static const char *const view_names[] = {"KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE",
                                         "NEW_AND_OLD_IMAGES"};
_Static_assert(sizeof(view_names) / sizeof(view_names[0]) == ENGINE_VIEW_NEW_AND_OLD_IMAGES + 1,
               "a name for each view type");

const char *engine_view_type_name(enum engine_view_type view)
{
    return view_names[view];
}

bool engine_view_type_parse(struct weir_bytes name, enum engine_view_type *ret_view)
{
    for (size_t i = 0; i < sizeof(view_names) / sizeof(view_names[0]); i++) {
        if (bytes_eq_str(name, view_names[i])) {
            *ret_view = (enum engine_view_type)i;
            return true;
        }
    }
    return false;
}

void engine_sequence_text(uint64_t commit_seq, char to[ENGINE_SEQUENCE_TEXT])
{
    (void)snprintf(to, ENGINE_SEQUENCE_TEXT, "1%020" PRIu64, commit_seq);
}

bool engine_sequence_parse(struct weir_bytes text, uint64_t *ret_commit_seq)
{
    if (text.len != ENGINE_SEQUENCE_TEXT - 1 || text.ptr[0] != '1') {
        return false;
    }
    uint64_t seq = 0;
    for (size_t i = 1; i < text.len; i++) {
        uint64_t digit = (uint64_t)text.ptr[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(seq, 10, &seq) ||
            __builtin_add_overflow(seq, digit, &seq)) {
            return false;
        }
    }
    *ret_commit_seq = seq;
    return true;
}

/* ---- records ----------------------------------------------------------------------------------
 */

#define RECORDS_FIRST 32

struct records {
    struct arena *a;
    struct engine_record *at;
    uint32_t count, room;
    uint64_t bytes;
};

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "the records need more memory than may be used");
}

static bool make_room(struct records *records)
{
    if (records->count < records->room) {
        return true;
    }
    uint32_t room = records->room == 0 ? RECORDS_FIRST : records->room * 2;
    struct engine_record *bigger = ARENA_ARRAY(records->a, struct engine_record, room);
    if (bigger == NULL) {
        return false;
    }
    if (records->count > 0) {
        memcpy(bigger, records->at, records->count * sizeof(*bigger));
    }
    records->at = bigger;
    records->room = room;
    return true;
}

/* What a read is after, and what it has. */
struct take {
    uint64_t from_seq;
    uint32_t limit;
    struct records records;
    bool full; /* a record is left that is not wanted any more */
};

static bool is_full(const struct take *take, const struct engine_record *next)
{
    const struct records *records = &take->records;
    return records->count == take->limit ||
           (records->count > 0 && records->bytes + next->size_bytes > LIMIT_GET_RECORDS_BYTES);
}

/* Takes the row's records that are wanted; the row is a copy that stays. */
static enum weir_status take_row(struct take *take, struct record_reader *reader,
                                 struct weir_error *err)
{
    struct records *records = &take->records;
    while (!record_reader_ended(reader)) {
        struct stored_record stored;
        enum weir_status status = record_reader_next(reader, &stored, err);
        if (status != WEIR_OK) {
            return status;
        }
        if (stored.record.commit_seq < take->from_seq) {
            continue;
        }
        take->full = is_full(take, &stored.record);
        if (take->full) {
            return WEIR_OK;
        }
        status = stored_record_finish(records->a, &stored, err);
        if (status != WEIR_OK) {
            return status;
        }
        if (!make_room(records)) {
            return no_memory(err);
        }
        records->at[records->count++] = stored.record;
        records->bytes += stored.record.size_bytes;
    }
    return WEIR_OK;
}

/* Takes records until the limit, the bytes, or the range is used up (*ret_all). */
static enum weir_status take_records(struct kv *kv, struct kv_iter *iter, struct take *take,
                                     bool *ret_all, struct weir_error *err)
{
    bool found = kv_iter_seek(kv, iter, BYTES_NONE);
    while (found && !take->full && take->records.count < take->limit) {
        struct weir_bytes copy = arena_dup(take->records.a, kv_iter_value(kv, iter));
        if (copy.ptr == NULL) {
            return no_memory(err);
        }
        struct record_reader reader;
        enum weir_status status = record_reader_open(kv_iter_key(kv, iter), copy, &reader, err);
        if (status == WEIR_OK) {
            status = take_row(take, &reader, err);
        }
        if (status != WEIR_OK) {
            return status;
        }
        found = take->full || kv_iter_next(kv, iter);
    }
    *ret_all = !found;
    return kv_iter_status(kv, iter, err);
}

static enum weir_status read_range(struct engine *engine, const struct engine_stream *stream,
                                   const struct engine_shard *shard, uint64_t to_seq,
                                   struct take *take, bool *ret_all, struct weir_error *err)
{
    uint8_t from[STREAM_KEY_BYTES];
    uint8_t to[STREAM_KEY_BYTES];
    stream_key_put(from, stream->id, shard->number, take->from_seq);
    stream_key_put(to, stream->id, shard->number, to_seq);
    struct kv_iter *iter = kv_iter(engine->kv, NULL, KV_STREAM, bytes_of(from, sizeof(from)),
                                   bytes_of(to, sizeof(to)));
    if (iter == NULL) {
        return no_memory(err);
    }
    enum weir_status status = take_records(engine->kv, iter, take, ret_all, err);
    kv_iter_free(engine->kv, iter);
    return status;
}

enum weir_status engine_stream_read(struct engine *engine, struct arena *a,
                                    const struct engine_stream *stream,
                                    const struct engine_shard *shard, uint64_t from_seq,
                                    uint32_t limit, struct engine_record **ret_records,
                                    uint32_t *ret_count, uint64_t *ret_next_seq, bool *ret_end,
                                    struct weir_error *err)
{
    /* Read before the iterator is made, so that everything up to here is in it. */
    uint64_t end_seq = engine_committed_seq(engine) + 1;
    uint64_t trim_seq = engine_trim_seq(engine);
    from_seq = from_seq < trim_seq ? trim_seq : from_seq;
    struct take take = {.from_seq = from_seq, .limit = limit, .records.a = a};
    const struct records *records = &take.records;
    bool all = true;
    if (from_seq < end_seq) {
        enum weir_status status = read_range(engine, stream, shard, end_seq, &take, &all, err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    uint64_t next_seq = from_seq < end_seq ? end_seq : from_seq;
    if (!all) {
        next_seq = records->count > 0 ? records->at[records->count - 1].commit_seq + 1 : from_seq;
    }
    *ret_records = records->at;
    *ret_count = records->count;
    *ret_next_seq = next_seq;
    *ret_end = all && shard->last_seq != 0 && next_seq > shard->last_seq;
    return WEIR_OK;
}
