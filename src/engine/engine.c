/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing: the catalog, counters and ids are read back from KV_META; everything else is
 * read when it is asked for.
 */
#include "engine/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define STREAM_SHARDS_DEFAULT 4
#define STREAM_SHARDS_MAX 64
#define SCRATCH_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define TTL_SWEEP_MS_DEFAULT 1000
#define ARN_BYTES_MAX 1024

/* ---- loading ----------------------------------------------------------------------------------
 */

typedef enum weir_status load_row(struct engine *engine, struct weir_bytes key,
                                  struct weir_bytes value, struct weir_error *err);

/* Calls load for each row of KV_META of this kind. */
static enum weir_status each_row(struct engine *engine, enum row_kind kind, load_row *load,
                                 struct weir_error *err)
{
    uint8_t from = (uint8_t)kind;
    uint8_t to = (uint8_t)(kind + 1);
    struct kv_iter *iter = kv_iter(engine->kv, NULL, KV_META, bytes_of(&from, 1), bytes_of(&to, 1));
    if (iter == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory to read the catalog");
    }
    enum weir_status status = WEIR_OK;
    bool found = kv_iter_seek(engine->kv, iter, BYTES_NONE);
    while (found && status == WEIR_OK) {
        status = load(engine, kv_iter_key(engine->kv, iter), kv_iter_value(engine->kv, iter), err);
        found = kv_iter_next(engine->kv, iter);
    }
    if (status == WEIR_OK) {
        status = kv_iter_status(engine->kv, iter, err);
    }
    kv_iter_free(engine->kv, iter);
    return status;
}

/* While loading, the catalog is ours alone. */
static enum weir_status take_catalog(struct engine *engine, struct catalog *catalog,
                                     struct weir_error *err)
{
    if (catalog == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the catalog");
    }
    catalog_free(engine->catalog);
    engine->catalog = catalog;
    return WEIR_OK;
}

static enum weir_status load_stream(struct engine *engine, struct weir_bytes key,
                                    struct weir_bytes value, struct weir_error *err)
{
    (void)key; /* the descriptor has the id too */
    struct engine_stream *stream;
    arena_reset(engine->scratch);
    enum weir_status status = descriptor_take_stream(engine->scratch, value, &stream, err);
    if (status == WEIR_OK) {
        status = take_catalog(engine, catalog_with_stream(engine->catalog, stream), err);
        engine_stream_unref(stream);
    }
    return status;
}

static enum weir_status load_table(struct engine *engine, struct weir_bytes key,
                                   struct weir_bytes value, struct weir_error *err)
{
    (void)key;
    struct engine_table *table;
    arena_reset(engine->scratch);
    enum weir_status status =
        descriptor_take_table(engine->scratch, value, engine->catalog, &table, err);
    if (status != WEIR_OK) {
        return status;
    }
    table->counters = counters_new(table->id);
    bool counted = table->counters != NULL;
    for (uint32_t i = 0; i < table->index_count; i++) {
        table->indexes[i].counters = counters_new(table->indexes[i].id);
        counted = counted && table->indexes[i].counters != NULL;
    }
    status = !counted ? error_set(err, WEIR_NO_MEMORY, "no memory for a table")
                      : take_catalog(engine, catalog_with_table(engine->catalog, table), err);
    engine_table_unref(table);
    return status;
}

/* Of a table or an index. */
static struct engine_table_counters *counters_of_id(const struct catalog *catalog, uint32_t id)
{
    for (uint32_t i = 0; i < catalog->table_count; i++) {
        const struct engine_table *table = catalog->tables[i];
        if (table->id == id) {
            return table->counters;
        }
        for (uint32_t k = 0; k < table->index_count; k++) {
            if (table->indexes[k].id == id) {
                return table->indexes[k].counters;
            }
        }
    }
    return NULL;
}

static enum weir_status load_counters(struct engine *engine, struct weir_bytes key,
                                      struct weir_bytes value, struct weir_error *err)
{
    uint64_t items;
    uint64_t bytes;
    struct engine_table_counters *counters =
        key.len == 5 ? counters_of_id(engine->catalog, get_be32(key.ptr + 1)) : NULL;
    if (counters == NULL || !varint_take(&value, &items) || !varint_take(&value, &bytes)) {
        return error_set(err, WEIR_CORRUPTION, "the stored counters of a table are damaged");
    }
    counters->items = counters->open_items = items;
    counters->bytes = counters->open_bytes = bytes;
    return WEIR_OK;
}

static enum weir_status load_next_ids(struct engine *engine, struct weir_bytes key,
                                      struct weir_bytes value, struct weir_error *err)
{
    (void)key;
    if (value.len != 13 || value.ptr[0] != 1) {
        return error_set(err, WEIR_CORRUPTION, "the stored ids to give next are damaged");
    }
    engine->next_table_id = get_be32(value.ptr + 1);
    engine->next_stream_id = get_be32(value.ptr + 5);
    engine->next_shard = get_be32(value.ptr + 9);
    return WEIR_OK;
}

static enum weir_status load_last_time(struct engine *engine, struct weir_bytes key,
                                       struct weir_bytes value, struct weir_error *err)
{
    (void)key;
    if (value.len != 8) {
        return error_set(err, WEIR_CORRUPTION, "the stored time of the last commit is damaged");
    }
    engine->batch.commit_ms = (int64_t)get_be64(value.ptr);
    return WEIR_OK;
}

/* The newest record's commit_seq, 0 when there is none. */
static enum weir_status newest_record(struct engine *engine, const struct engine_stream *stream,
                                      const struct engine_shard *shard, uint64_t *ret_seq,
                                      struct weir_error *err)
{
    uint8_t from[STREAM_KEY_BYTES];
    uint8_t to[STREAM_KEY_BYTES];
    stream_key_put(from, stream->id, shard->number, 0);
    stream_key_put(to, stream->id, shard->number, UINT64_MAX);
    struct kv_iter *iter = kv_iter(engine->kv, NULL, KV_STREAM, bytes_of(from, sizeof(from)),
                                   bytes_of(to, sizeof(to)));
    if (iter == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory to read the streams");
    }
    *ret_seq = 0;
    if (kv_iter_seek_for_prev(engine->kv, iter, BYTES_NONE)) {
        struct weir_bytes key = kv_iter_key(engine->kv, iter);
        *ret_seq = key.len == STREAM_KEY_BYTES ? get_be64(key.ptr + 8) : 0;
    }
    enum weir_status status = kv_iter_status(engine->kv, iter, err);
    kv_iter_free(engine->kv, iter);
    return status;
}

static enum weir_status load_tip(struct engine *engine, const struct engine_stream *stream,
                                 const struct engine_shard *shard, struct weir_error *err)
{
    if (shard->number >= engine->shard_newest_count) {
        return error_set(err, WEIR_CORRUPTION, "a stored shard has an unknown number");
    }
    uint64_t *newest = &engine->shard_newest[shard->number];
    if (shard->last_seq != 0) {
        *newest = UINT64_MAX; /* closed: nobody waits for more */
        return WEIR_OK;
    }
    return newest_record(engine, stream, shard, newest, err);
}

static enum weir_status load_tips(struct engine *engine, struct weir_error *err)
{
    if (!waiters_add_shards(engine, engine->next_shard)) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the shards' positions");
    }
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < engine->catalog->stream_count; i++) {
        const struct engine_stream *stream = engine->catalog->streams[i];
        for (uint32_t k = 0; status == WEIR_OK && k < stream->shard_count; k++) {
            status = load_tip(engine, stream, &stream->shards[k], err);
        }
    }
    return status;
}

static enum weir_status load(struct engine *engine, struct weir_error *err)
{
    static const struct {
        enum row_kind kind;
        load_row *load;
    } rows[] = {{ROW_LAST_TIME, load_last_time},
                {ROW_NEXT, load_next_ids},
                {ROW_STREAM, load_stream},
                {ROW_TABLE, load_table},
                {ROW_COUNTERS, load_counters}};
    enum weir_status status = WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && i < sizeof(rows) / sizeof(rows[0]); i++) {
        status = each_row(engine, rows[i].kind, rows[i].load, err);
    }
    if (status == WEIR_OK) {
        status = load_tips(engine, err);
    }
    expiry_load(engine);
    return status == WEIR_OK ? background_load(engine, err) : status;
}

/* ---- open and close ---------------------------------------------------------------------------
 */

static void init_locks(struct engine *engine)
{
    pthread_condattr_t monotonic;
    int failed = pthread_condattr_init(&monotonic);
    failed |= pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    failed |= pthread_cond_init(&engine->queue_cond, &monotonic);
    failed |= pthread_mutex_init(&engine->queue_mu, NULL);
    failed |= pthread_mutex_init(&engine->wait_mu, NULL);
    failed |= pthread_rwlock_init(&engine->catalog_mu, NULL);
    WEIR_ASSERT(failed == 0);
    (void)pthread_condattr_destroy(&monotonic);
    mailbox_init(&engine->mailbox);
}

static void init_batch(struct open_batch *batch)
{
    buf_init(&batch->row, ENCODING_BYTES_MAX + 16);
    buf_init(&batch->image, ENCODING_BYTES_MAX);
    batch->requests_last = &batch->requests;
}

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "no memory to open the engine");
}

static enum weir_status init(struct engine *engine, const struct engine_options *options,
                             struct weir_error *err)
{
    const char *region = options->region == NULL ? "local" : options->region;
    const char *account = options->account == NULL ? "000000000000" : options->account;
    if (asprintf(&engine->arn_prefix, "arn:aws:dynamodb:%s:%s:table/", region, account) < 0) {
        engine->arn_prefix = NULL;
        return no_memory(err);
    }
    struct open_batch *batch = &engine->batch;
    engine->catalog = catalog_new();
    engine->scratch = arena_new(SCRATCH_BYTES_MAX);
    batch->kv = kv_batch(engine->kv);
    if (engine->catalog == NULL || engine->scratch == NULL || batch->kv == NULL) {
        return no_memory(err);
    }
    struct overlay *overlays[] = {&batch->rows, &batch->tokens, &batch->txn_keys};
    enum weir_status status = WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && i < sizeof(overlays) / sizeof(overlays[0]); i++) {
        status = overlay_init(overlays[i], err);
    }
    return status;
}

enum weir_status engine_open(const struct engine_options *options, struct engine **ret_engine,
                             struct weir_error *err)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    if (engine == NULL) {
        kv_close(options->kv);
        return no_memory(err);
    }
    engine->kv = options->kv;
    engine->env = options->env;
    engine->stream_shards =
        options->stream_shards == 0 ? STREAM_SHARDS_DEFAULT : options->stream_shards;
    engine->next_table_id = engine->next_stream_id = engine->next_shard = 1;
    engine->next_deadline_ns = engine->expiry_ns = UINT64_MAX;
    engine->ttl_sweep_ns =
        (options->ttl_sweep_ms == 0 ? TTL_SWEEP_MS_DEFAULT : options->ttl_sweep_ms) * 1000000ULL;
    engine->committed_seq = engine->batch.seq = options->opened.commit_number;
    buf_init(&engine->sweep_after, ARN_BYTES_MAX);
    init_locks(engine);
    init_batch(&engine->batch);
    enum weir_status status = engine->stream_shards > STREAM_SHARDS_MAX
                                  ? error_set(err, WEIR_INVALID_ARGUMENT,
                                              "a stream has at most %d shards", STREAM_SHARDS_MAX)
                                  : init(engine, options, err);
    if (status == WEIR_OK) {
        status = load(engine, err);
    }
    if (status != WEIR_OK) {
        engine_close(engine);
        return status;
    }
    *ret_engine = engine;
    return WEIR_OK;
}

static void fini_batch(struct engine *engine)
{
    struct open_batch *batch = &engine->batch;
    while (batch->touched != NULL) { /* left by a failed commit */
        struct engine_table_counters *counters = batch->touched;
        batch->touched = counters->next_touched;
        counters_unref(counters);
    }
    kv_batch_free(engine->kv, batch->kv);
    overlay_fini(&batch->rows);
    overlay_fini(&batch->tokens);
    overlay_fini(&batch->txn_keys);
    buf_fini(&batch->row);
    buf_fini(&batch->image);
    blocks_fini(batch);
    free(batch->held);
    free(batch->shards);
}

void engine_close(struct engine *engine)
{
    if (engine == NULL) {
        return;
    }
    WEIR_ASSERT(!engine->thread_runs);
    WEIR_ASSERT(engine->backlog == NULL);
    engine_end_waits(engine);
    fini_batch(engine);
    catalog_free(engine->catalog);
    arena_free(engine->scratch);
    buf_fini(&engine->sweep_after);
    free(engine->shard_newest);
    free(engine->arn_prefix);
    mailbox_fini(&engine->mailbox);
    (void)pthread_rwlock_destroy(&engine->catalog_mu);
    (void)pthread_mutex_destroy(&engine->wait_mu);
    (void)pthread_mutex_destroy(&engine->queue_mu);
    (void)pthread_cond_destroy(&engine->queue_cond);
    kv_close(engine->kv);
    free(engine);
}

/* ---- what can be asked ------------------------------------------------------------------------
 */

struct weir_env *engine_env(struct engine *engine)
{
    return engine->env;
}

uint64_t engine_committed_seq(struct engine *engine)
{
    return ATOMIC_GET(engine->committed_seq);
}

uint64_t engine_trim_seq(struct engine *engine)
{
    return ATOMIC_GET(engine->trim_seq);
}

void engine_read_figures(struct engine *engine, struct engine_figures *ret_figures)
{
    ret_figures->commits = ATOMIC_GET(engine->figures.commits);
    ret_figures->operations = ATOMIC_GET(engine->figures.operations);
    ret_figures->stream_records = ATOMIC_GET(engine->figures.stream_records);
    ret_figures->throttled = ATOMIC_GET(engine->figures.throttled);
    ret_figures->expired = ATOMIC_GET(engine->figures.expired);
    ret_figures->commit_failures = ATOMIC_GET(engine->figures.commit_failures);
}
