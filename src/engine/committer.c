/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One turn of the committer:
 *
 *     backlog ──► execute each request ──► counters, time ──► kv_commit ──► publish ──► done()
 *     (bounded)   against the open batch                        │
 *                                                               └─ failed ──► every request of the
 *                                                                  batch: unknown; later ones:
 * refused
 *
 * Nothing of a batch is published, and nobody is answered, before its commit.
 */
#include "engine/internal.h"

#include "base/fault.h"

#include <stdlib.h>

#define CACHE_LINE_BYTES 64
#define PREFETCH_BYTES_MAX 1024

/* ---- the open batch ---------------------------------------------------------------------------
 */

static void release_held(struct open_batch *batch)
{
    for (uint32_t i = 0; i < batch->held_count; i++) {
        kv_value_fini(&batch->held[i]);
    }
    batch->held_count = 0;
}

bool batch_hold(struct engine *engine, struct kv_value *take_value)
{
    struct open_batch *batch = &engine->batch;
    if (batch->held_count == batch->held_cap) {
        uint32_t cap = batch->held_cap == 0 ? LIMIT_COMMIT_OPERATIONS : batch->held_cap * 2;
        struct kv_value *bigger = realloc(batch->held, cap * sizeof(*bigger));
        if (bigger == NULL) {
            kv_value_fini(take_value);
            return false;
        }
        batch->held = bigger;
        batch->held_cap = cap;
    }
    batch->held[batch->held_count++] = *take_value;
    return true;
}

void batch_begin(struct engine *engine)
{
    struct open_batch *batch = &engine->batch;
    kv_batch_clear(engine->kv, batch->kv);
    overlay_clear(&batch->rows);
    overlay_clear(&batch->tokens);
    int64_t now_ms = env_wall_ms(engine->env);
    batch->commit_ms = now_ms > batch->commit_ms ? now_ms : batch->commit_ms;
    batch->dirty = false;
    batch->status = WEIR_OK;
    batch->catalog = engine->catalog;
    batch->shard_count = 0;
    blocks_clear(batch);
    batch->operations = 0;
    batch->bytes = 0;
    batch->stream_records = 0;
    batch->requests = NULL;
    batch->requests_last = &batch->requests;
}

uint64_t batch_next_seq(struct engine *engine)
{
    return ++engine->batch.seq;
}

void batch_put_row(struct engine *engine, enum kv_family family, struct weir_bytes key,
                   const struct buf *value)
{
    struct open_batch *batch = &engine->batch;
    if (buf_status(value) != WEIR_OK) {
        batch->status = buf_status(value);
        return;
    }
    kv_batch_put(engine->kv, batch->kv, family, key, buf_bytes(value));
    batch->bytes += key.len + value->len;
    batch->dirty = true;
}

void batch_touch_shard(struct engine *engine, uint32_t number, uint64_t newest_seq)
{
    struct open_batch *batch = &engine->batch;
    if (batch->shard_count == batch->shard_cap) {
        uint32_t cap = batch->shard_cap == 0 ? LIMIT_COMMIT_OPERATIONS : batch->shard_cap * 2;
        struct shard_touch *bigger = realloc(batch->shards, cap * sizeof(*bigger));
        if (bigger == NULL) {
            batch->status = WEIR_NO_MEMORY;
            return;
        }
        batch->shards = bigger;
        batch->shard_cap = cap;
    }
    batch->shards[batch->shard_count++] =
        (struct shard_touch){.number = number, .newest_seq = newest_seq};
}

void batch_touch_counters(struct engine *engine, struct engine_table_counters *counters)
{
    if (!counters->touched) {
        counters->touched = true;
        counters->next_touched = engine->batch.touched;
        engine->batch.touched = counters_ref(counters);
    }
}

void batch_take_catalog(struct engine *engine, struct catalog *take_catalog)
{
    struct open_batch *batch = &engine->batch;
    if (take_catalog == NULL) {
        batch->status = WEIR_NO_MEMORY;
        return;
    }
    if (batch->catalog != engine->catalog) {
        catalog_free(batch->catalog);
    }
    batch->catalog = take_catalog;
}

/* ---- committing -------------------------------------------------------------------------------
 */

static void put_counters(struct engine *engine)
{
    struct open_batch *batch = &engine->batch;
    for (const struct engine_table_counters *c = batch->touched; c != NULL; c = c->next_touched) {
        if (c->dropped) {
            continue;
        }
        uint8_t key[5] = {ROW_COUNTERS};
        put_be32(key + 1, c->table_id);
        buf_reset(&batch->row);
        buf_put_varint(&batch->row, c->open_items);
        buf_put_varint(&batch->row, c->open_bytes);
        batch_put_row(engine, KV_META, bytes_of(key, sizeof(key)), &batch->row);
    }
}

static void put_time(struct engine *engine)
{
    struct open_batch *batch = &engine->batch;
    uint8_t key = ROW_LAST_TIME;
    buf_reset(&batch->row);
    buf_put_be64(&batch->row, (uint64_t)batch->commit_ms);
    batch_put_row(engine, KV_META, bytes_of(&key, 1), &batch->row);
}

static void publish_counters(struct engine *engine)
{
    struct engine_table_counters *next = engine->batch.touched;
    engine->batch.touched = NULL;
    while (next != NULL) {
        struct engine_table_counters *counters = next;
        next = counters->next_touched;
        ATOMIC_SET(counters->items, counters->open_items);
        ATOMIC_SET(counters->bytes, counters->open_bytes);
        counters->touched = false;
        counters_unref(counters);
    }
}

static void publish_catalog(struct engine *engine)
{
    struct catalog *old = engine->catalog;
    if (engine->batch.catalog == old) {
        return;
    }
    pthread_rwlock_wrlock(&engine->catalog_mu);
    engine->catalog = engine->batch.catalog;
    pthread_rwlock_unlock(&engine->catalog_mu);
    catalog_free(old);
}

/* Readers may see a closed shard only with every record before its end: the number goes first. */
static void publish(struct engine *engine)
{
    struct open_batch *batch = &engine->batch;
    ATOMIC_SET(engine->committed_seq, batch->seq);
    publish_counters(engine);
    publish_catalog(engine);
    ATOMIC_COUNT(engine->figures.commits, 1);
    ATOMIC_COUNT(engine->figures.stream_records, batch->stream_records);
}

/* From here on the committer's own state is ahead of what is stored, so it never writes again. */
static enum weir_status fail_stop(struct engine *engine, enum weir_status status)
{
    engine->failed = true;
    if (engine->batch.catalog != engine->catalog) {
        catalog_free(engine->batch.catalog);
        engine->batch.catalog = engine->catalog;
    }
    ATOMIC_COUNT(engine->figures.commit_failures, 1);
    return status;
}

static enum weir_status commit_to_kv(struct engine *engine, struct weir_error *err)
{
    struct open_batch *batch = &engine->batch;
    if (batch->status != WEIR_OK) {
        return error_set(err, batch->status, "no memory for the batch");
    }
    if (fault_hit(FAULT_ENGINE_BEFORE_COMMIT)) {
        return error_set(err, WEIR_IO, "fault point engine.before_commit");
    }
    enum weir_status status = kv_commit(engine->kv, batch->kv, batch->seq, err);
    if (status == WEIR_OK && fault_hit(FAULT_ENGINE_AFTER_COMMIT)) {
        return error_set(err, WEIR_IO, "fault point engine.after_commit");
    }
    return status;
}

enum weir_status batch_commit(struct engine *engine)
{
    struct open_batch *batch = &engine->batch;
    blocks_put(engine);
    put_counters(engine);
    release_held(batch);
    if (!batch->dirty && batch->status == WEIR_OK) {
        return WEIR_OK;
    }
    put_time(engine);
    if (batch->seq == engine->committed_seq) {
        (void)batch_next_seq(engine);
    }
    enum weir_status status = commit_to_kv(engine, &engine->failure);
    if (status != WEIR_OK) {
        return fail_stop(engine, status);
    }
    publish(engine);
    waiters_wake(engine, batch->shards, batch->shard_count);
    return WEIR_OK;
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static struct engine_request *request_of(struct mail *mail)
{
    return (struct engine_request *)((char *)mail - offsetof(struct engine_request, mail));
}

static void execute(struct engine *engine, struct engine_request *request)
{
    switch (request->kind) {
    case ENGINE_WRITE:
        write_execute(engine, request);
        break;
    case ENGINE_TRANSACTION:
        txn_execute(engine, request);
        break;
    case ENGINE_CREATE_TABLE:
    case ENGINE_DELETE_TABLE:
    case ENGINE_UPDATE_TTL:
    case ENGINE_UPDATE_STREAM:
    case ENGINE_UPDATE_TABLE:
        admin_execute(engine, request);
        break;
    }
}

static uint32_t operations_of(const struct engine_request *request)
{
    return request->op_count == 0 ? 1 : request->op_count;
}

static bool batch_has_room(const struct engine *engine, const struct engine_request *request)
{
    const struct open_batch *batch = &engine->batch;
    return batch->operations == 0 ||
           (batch->operations + operations_of(request) <= LIMIT_COMMIT_OPERATIONS &&
            batch->bytes < LIMIT_COMMIT_BYTES);
}

/* Asks for the memory of what is to be read soon; accepts NULL. */
static void prefetch(const void *from, size_t len)
{
    for (size_t i = 0; from != NULL && i < len && i < PREFETCH_BYTES_MAX; i += CACHE_LINE_BYTES) {
        __builtin_prefetch((const char *)from + i);
    }
}

/* Requests come from another core's caches. While one executes, the bytes of the next are on their
 * way, the operation of the one behind it that says where these are, and the one behind that. */
static void prefetch_requests(struct mail *next)
{
    if (next == NULL) {
        return;
    }
    const struct engine_request *request = request_of(next);
    if (request->op_count > 0) {
        prefetch(request->ops->row_key.ptr, request->ops->row_key.len);
        prefetch(request->ops->encoded.ptr, request->ops->encoded.len);
    }
    if (next->next != NULL) {
        prefetch(request_of(next->next)->ops, sizeof(*request->ops));
        prefetch(next->next->next, offsetof(struct engine_request, token));
    }
}

/* Takes requests off the backlog into the batch, executed unless the engine has stopped writing. */
static void fill_batch(struct engine *engine)
{
    struct open_batch *batch = &engine->batch;
    while (engine->backlog != NULL && batch_has_room(engine, request_of(engine->backlog))) {
        struct mail *mail = engine->backlog;
        engine->backlog = mail->next;
        prefetch_requests(engine->backlog);
        mail->next = NULL;
        *batch->requests_last = mail;
        batch->requests_last = &mail->next;
        batch->operations += operations_of(request_of(mail));
        if (!engine->failed) {
            execute(engine, request_of(mail));
        }
    }
}

static void fail_request(const struct engine *engine, struct engine_request *request,
                         enum weir_outcome outcome)
{
    const char *what = outcome == WEIR_OUTCOME_UNKNOWN
                           ? "the commit failed, and whether it is stored is unknown"
                           : "no writes are taken since a commit failed";
    request->status =
        error_set(&request->error, WEIR_SERVER, "%s: %.400s", what, engine->failure.message);
    request->error.outcome = outcome;
    engine_table_unref(request->table);
    request->table = NULL;
    request->repeated = false;
    for (uint32_t i = 0; i < request->op_count; i++) {
        struct engine_op *op = &request->ops[i];
        op->status = WEIR_SERVER;
        op->error = &request->error;
        op->old_item = NULL;
        op->new_item = NULL;
    }
}

/* Hands the batch's requests back; each may be gone after its done(). */
static void answer(struct engine *engine, bool failed, enum weir_outcome outcome)
{
    struct mail *next = engine->batch.requests;
    engine->batch.requests = NULL;
    while (next != NULL) {
        struct engine_request *request = request_of(next);
        next = next->next;
        if (failed) {
            fail_request(engine, request, outcome);
        }
        request->done(request);
    }
}

static void turn_requests(struct engine *engine)
{
    bool refused = engine->failed;
    batch_begin(engine);
    fill_batch(engine);
    if (refused) {
        answer(engine, true, WEIR_NOT_APPLIED);
        return;
    }
    enum weir_status status = batch_commit(engine);
    ATOMIC_COUNT(engine->figures.operations, engine->batch.operations);
    answer(engine, status != WEIR_OK, WEIR_OUTCOME_UNKNOWN);
}

bool engine_turn(struct engine *engine)
{
    if (background_is_due(engine)) {
        background_run(engine);
    }
    if (expiry_is_due(engine)) {
        expiry_run(engine);
    }
    if (engine->backlog == NULL) {
        engine->backlog = mailbox_take(&engine->mailbox);
    }
    if (engine->backlog != NULL) {
        turn_requests(engine);
    }
    waiters_expire(engine);
    if (engine->backlog == NULL) {
        engine->backlog = mailbox_take(&engine->mailbox);
    }
    return engine->backlog != NULL;
}
