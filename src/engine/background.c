/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the committer does by itself once a minute, in a batch of its own:
 *
 *     a mark         KV_TIME 'm' time -> commit_seq     when anything was committed since the last
 *     trim_seq       behind the newest mark that is 24 h old: every read starts there at the
 * earliest old tokens     transaction tokens past their ten minutes are deleted the sweep      once
 * an hour, stream by stream: records below trim_seq, streams disabled for 24 h; a bounded number of
 * shards at a time
 *
 * Trimming is the moving of trim_seq; the sweep only gives space back.
 */
#include "engine/internal.h"

#define BACKGROUND_NS (60ULL * 1000000000)
#define SWEEP_MS (3600LL * 1000)
#define SWEEP_SHARDS 256
#define TOKENS_PER_RUN 4096
#define TIME_KEY_BYTES 9 /* kind, time */

static void time_key_put(uint8_t to[TIME_KEY_BYTES], enum row_kind kind, int64_t ms)
{
    to[0] = (uint8_t)kind;
    put_be64(to + 1, (uint64_t)ms);
}

/* ---- marks ------------------------------------------------------------------------------------
 */

struct mark {
    int64_t ms;
    uint64_t seq; /* 0: no mark */
};

/* The newest mark that is not later than until_ms. */
static enum weir_status newest_mark(struct engine *engine, int64_t until_ms, struct mark *ret_mark,
                                    struct weir_error *err)
{
    uint8_t from[TIME_KEY_BYTES];
    uint8_t to[TIME_KEY_BYTES];
    time_key_put(from, ROW_MARK, 0);
    time_key_put(to, ROW_MARK, until_ms + 1);
    *ret_mark = (struct mark){0};
    struct kv_iter *iter =
        kv_iter(engine->kv, NULL, KV_TIME, bytes_of(from, sizeof(from)), bytes_of(to, sizeof(to)));
    if (iter == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory to look for marks");
    }
    enum weir_status status = WEIR_OK;
    if (kv_iter_seek_for_prev(engine->kv, iter, BYTES_NONE)) {
        struct weir_bytes key = kv_iter_key(engine->kv, iter);
        struct weir_bytes value = kv_iter_value(engine->kv, iter);
        if (key.len == TIME_KEY_BYTES && value.len == 8) {
            *ret_mark =
                (struct mark){.ms = (int64_t)get_be64(key.ptr + 1), .seq = get_be64(value.ptr)};
        } else {
            status = error_set(err, WEIR_CORRUPTION, "a stored mark is damaged");
        }
    } else {
        status = kv_iter_status(engine->kv, iter, err);
    }
    kv_iter_free(engine->kv, iter);
    return status;
}

static void put_mark(struct engine *engine)
{
    struct open_batch *batch = &engine->batch;
    if (batch->seq == engine->marked_seq) {
        return;
    }
    engine->marked_seq = batch_next_seq(engine);
    uint8_t key[TIME_KEY_BYTES];
    time_key_put(key, ROW_MARK, batch->commit_ms);
    buf_reset(&batch->row);
    buf_put_be64(&batch->row, engine->marked_seq);
    batch_put_row(engine, KV_TIME, bytes_of(key, sizeof(key)), &batch->row);
}

/* Moves trim_seq behind the newest mark of 24 h ago, and drops the marks before that one. */
static enum weir_status move_trim(struct engine *engine, struct weir_error *err)
{
    struct open_batch *batch = &engine->batch;
    int64_t until_ms = batch->commit_ms - LIMIT_STREAM_RETENTION_MS;
    if (until_ms <= 0) {
        return WEIR_OK;
    }
    struct mark mark;
    enum weir_status status = newest_mark(engine, until_ms, &mark, err);
    if (status != WEIR_OK || mark.seq < engine->trim_seq || mark.seq == 0) {
        return status;
    }
    ATOMIC_SET(engine->trim_seq, mark.seq + 1);
    uint8_t from[TIME_KEY_BYTES];
    uint8_t to[TIME_KEY_BYTES];
    time_key_put(from, ROW_MARK, 0);
    time_key_put(to, ROW_MARK, mark.ms);
    kv_batch_delete_range(engine->kv, batch->kv, KV_TIME, bytes_of(from, sizeof(from)),
                          bytes_of(to, sizeof(to)));
    batch->dirty = true;
    return WEIR_OK;
}

enum weir_status background_load(struct engine *engine, struct weir_error *err)
{
    struct mark mark;
    enum weir_status status = newest_mark(engine, INT64_MAX - 1, &mark, err);
    if (status != WEIR_OK) {
        return status;
    }
    engine->marked_seq = mark.seq;
    int64_t now_ms = env_wall_ms(engine->env);
    now_ms = now_ms > engine->batch.commit_ms ? now_ms : engine->batch.commit_ms;
    if (now_ms <= LIMIT_STREAM_RETENTION_MS) {
        return WEIR_OK;
    }
    status = newest_mark(engine, now_ms - LIMIT_STREAM_RETENTION_MS, &mark, err);
    if (status == WEIR_OK && mark.seq > 0) {
        engine->trim_seq = mark.seq + 1;
    }
    return status;
}

/* ---- transaction tokens -----------------------------------------------------------------------
 */

static void delete_token(struct engine *engine, struct weir_bytes time_key)
{
    struct open_batch *batch = &engine->batch;
    kv_batch_delete(engine->kv, batch->kv, KV_TIME, time_key);
    buf_reset(&batch->row);
    buf_put_u8(&batch->row, ROW_TOKEN);
    buf_put(&batch->row, bytes_of(time_key.ptr + TIME_KEY_BYTES, time_key.len - TIME_KEY_BYTES));
    kv_batch_delete(engine->kv, batch->kv, KV_META, buf_bytes(&batch->row));
    batch->dirty = true;
}

/* A damaged or unreadable row only ends the run: the next one tries again. */
static void expire_tokens(struct engine *engine)
{
    uint8_t from[TIME_KEY_BYTES];
    uint8_t to[TIME_KEY_BYTES];
    int64_t until_ms = engine->batch.commit_ms - LIMIT_TRANSACT_TOKEN_MS;
    if (until_ms <= 0) {
        return;
    }
    time_key_put(from, ROW_TOKEN, 0);
    time_key_put(to, ROW_TOKEN, until_ms + 1);
    struct kv_iter *iter =
        kv_iter(engine->kv, NULL, KV_TIME, bytes_of(from, sizeof(from)), bytes_of(to, sizeof(to)));
    if (iter == NULL) {
        return;
    }
    bool found = kv_iter_seek(engine->kv, iter, BYTES_NONE);
    for (uint32_t i = 0; found && i < TOKENS_PER_RUN; i++) {
        struct weir_bytes key = kv_iter_key(engine->kv, iter);
        if (key.len > TIME_KEY_BYTES) {
            delete_token(engine, key);
        }
        found = kv_iter_next(engine->kv, iter);
    }
    if (found) {
        engine->background_ns = 0; /* go on with the next turn */
    }
    kv_iter_free(engine->kv, iter);
}

/* ---- the sweep --------------------------------------------------------------------------------
 */

static void delete_records(struct engine *engine, const struct engine_stream *stream)
{
    struct open_batch *batch = &engine->batch;
    for (uint32_t i = 0; i < stream->shard_count; i++) {
        uint8_t from[STREAM_KEY_BYTES];
        uint8_t to[STREAM_KEY_BYTES];
        stream_key_put(from, stream->id, stream->shards[i].number, 0);
        stream_key_put(to, stream->id, stream->shards[i].number, engine->sweep_trim_seq);
        kv_batch_delete_range(engine->kv, batch->kv, KV_STREAM, bytes_of(from, sizeof(from)),
                              bytes_of(to, sizeof(to)));
    }
    batch->dirty = true;
    engine->compact_due = true;
}

/* The stream is gone from its table too, so that the table can be read back without it. */
static void forget_in_table(struct engine *engine, const struct engine_stream *stream)
{
    const struct engine_table *table =
        catalog_table_view(engine->batch.catalog, stream->table_name);
    if (table == NULL || table->stream == NULL || table->stream->id != stream->id) {
        return;
    }
    struct engine_table prototype = table_fields(table);
    prototype.stream = NULL;
    struct engine_table *changed = table_new(&prototype);
    if (changed == NULL) {
        engine->batch.status = WEIR_NO_MEMORY;
        return;
    }
    batch_put_table(engine, engine->scratch, changed);
    engine_table_unref(changed);
}

static void delete_stream(struct engine *engine, const struct engine_stream *stream)
{
    struct open_batch *batch = &engine->batch;
    uint8_t from[4];
    uint8_t to[4];
    put_be32(from, stream->id);
    put_be32(to, stream->id + 1);
    kv_batch_delete_range(engine->kv, batch->kv, KV_STREAM, bytes_of(from, 4), bytes_of(to, 4));
    uint8_t key[5] = {ROW_STREAM};
    put_be32(key + 1, stream->id);
    kv_batch_delete(engine->kv, batch->kv, KV_META, bytes_of(key, sizeof(key)));
    batch->dirty = true;
    engine->compact_due = true;
    forget_in_table(engine, stream);
    batch_take_catalog(engine, catalog_without_stream(batch->catalog, stream->arn));
}

static void sweep_stream(struct engine *engine, const struct engine_stream *stream, bool trim_moved)
{
    if (!stream->enabled &&
        stream->disabled_ms + LIMIT_STREAM_RETENTION_MS <= engine->batch.commit_ms) {
        delete_stream(engine, stream);
    } else if (trim_moved) {
        delete_records(engine, stream);
    }
}

static void end_sweep(struct engine *engine)
{
    engine->swept_seq = engine->sweep_trim_seq;
    engine->sweep_ms = engine->batch.commit_ms + SWEEP_MS;
    buf_reset(&engine->sweep_after);
}

/* Some streams in order of their ARN, after the one where the last run stopped. */
static void sweep(struct engine *engine)
{
    if (engine->sweep_after.len == 0) {
        if (engine->batch.commit_ms < engine->sweep_ms) {
            return;
        }
        engine->sweep_trim_seq = engine->trim_seq;
    }
    bool trim_moved = engine->sweep_trim_seq > engine->swept_seq;
    const struct catalog *before = engine->catalog; /* stays while the open one changes */
    uint32_t shards = 0;
    for (uint32_t i = 0; i < before->stream_count; i++) {
        const struct engine_stream *stream = before->streams[i];
        if (bytes_cmp(stream->arn, buf_bytes(&engine->sweep_after)) <= 0) {
            continue;
        }
        if (shards >= SWEEP_SHARDS) {
            engine->background_ns = 0; /* go on with the next turn */
            return;
        }
        sweep_stream(engine, stream, trim_moved);
        shards += stream->shard_count;
        buf_reset(&engine->sweep_after);
        buf_put(&engine->sweep_after, stream->arn);
    }
    end_sweep(engine);
}

/* ---- a run ------------------------------------------------------------------------------------
 */

bool background_is_due(struct engine *engine)
{
    return !engine->failed && env_mono_ns(engine->env) >= engine->background_ns;
}

void background_run(struct engine *engine)
{
    engine->background_ns = env_mono_ns(engine->env) + BACKGROUND_NS;
    batch_begin(engine);
    arena_reset(engine->scratch);
    if (move_trim(engine, NULL) != WEIR_OK) {
        return; /* the store cannot be read: nothing is changed, and the next run tries again */
    }
    put_mark(engine);
    expire_tokens(engine);
    sweep(engine);
    if (batch_commit(engine) == WEIR_OK && engine->compact_due) {
        engine->compact_due = false;
        kv_compact(engine->kv, KV_STREAM, BYTES_NONE, BYTES_NONE);
    }
}
