/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TTL: items whose time of expiry has passed are deleted in batches of the committer's own, between
 * those of requests, a bounded number at a time.
 *
 *     TTL switched on ──► filling: entries of the items that are there already,      cursor in the
 *                         in the order of their row keys                             same batch
 *                    ──► sweeping: entries in [now - 5 years, now) ──► is the item    once a second
 *                         as it is now expired? ──► deleted, REMOVE record by TTL
 *     TTL switched off ─► all entries go as one range
 *
 * Writes keep the entries from the moment TTL is switched on, so filling meets some that are there;
 * it derives the same ones again. The tables take turns, so that none waits behind a long one.
 */
#include "engine/internal.h"

#include "value/keycodec.h"

#define ITEMS_PER_RUN 256
#define SCRATCH_PER_RUN ((size_t)8 * 1024 * 1024)

struct run {
    struct engine *engine;
    uint32_t items; /* looked at so far */
    bool more;      /* something is left to do now */
};

static bool has_budget(const struct run *run)
{
    return run->items < ITEMS_PER_RUN && arena_used(run->engine->scratch) < SCRATCH_PER_RUN &&
           run->engine->batch.bytes < LIMIT_COMMIT_BYTES;
}

/* ---- filling ----------------------------------------------------------------------------------
 */

static void cursor_key_put(uint8_t to[5], uint32_t index_id)
{
    to[0] = ROW_BACKFILL;
    put_be32(to + 1, index_id);
}

void batch_delete_index(struct engine *engine, uint32_t index_id)
{
    struct open_batch *batch = &engine->batch;
    uint8_t from[4];
    uint8_t to[4];
    put_be32(from, index_id);
    put_be32(to, index_id + 1);
    kv_batch_delete_range(engine->kv, batch->kv, KV_INDEX, bytes_of(from, 4), bytes_of(to, 4));
    uint8_t key[5];
    cursor_key_put(key, index_id);
    kv_batch_delete(engine->kv, batch->kv, KV_META, bytes_of(key, sizeof(key)));
    batch->dirty = true;
}

/* Publishes the table with other TTL fields. */
static void change_table(struct engine *engine, const struct engine_table *table,
                         uint32_t ttl_index, bool filling)
{
    struct engine_table prototype = table_fields(table);
    prototype.ttl_index = ttl_index;
    prototype.ttl_filling = filling;
    struct engine_table *changed = table_new(&prototype);
    if (changed == NULL) {
        engine->batch.status = WEIR_NO_MEMORY;
        return;
    }
    batch_put_table(engine, engine->scratch, changed);
    engine_table_unref(changed);
}

/* TTL that was switched on before there were entries. */
static void begin_filling(struct engine *engine, const struct engine_table *table)
{
    uint32_t ttl_index = engine->next_table_id++;
    batch_put_next_ids(engine);
    change_table(engine, table, ttl_index, true);
}

static enum weir_status read_cursor(struct engine *engine, const struct engine_table *table,
                                    struct buf *to)
{
    uint8_t key[5];
    cursor_key_put(key, table->ttl_index);
    struct kv_value value = {0};
    enum weir_status status =
        kv_get(engine->kv, NULL, KV_META, bytes_of(key, sizeof(key)), false, &value, NULL);
    if (status == WEIR_OK) {
        buf_put(to, value.bytes);
        buf_put_u8(to, 0); /* behind the row that was the last */
    } else if (status == WEIR_NOT_FOUND) {
        buf_put_be32(to, table->id);
        status = WEIR_OK;
    }
    kv_value_fini(&value);
    return status;
}

static void put_cursor(struct engine *engine, const struct engine_table *table,
                       const struct buf *last)
{
    uint8_t key[5];
    cursor_key_put(key, table->ttl_index);
    batch_put_row(engine, KV_META, bytes_of(key, sizeof(key)), last);
}

/* Puts the entry of one stored item. */
static enum weir_status fill_item(struct engine *engine, const struct engine_table *table,
                                  struct weir_bytes row_key, struct weir_bytes stored)
{
    struct row row;
    struct weir_value *item;
    struct weir_bytes key = BYTES_NONE;
    enum weir_status status = item_row_take(stored, &row, NULL);
    if (status == WEIR_OK) {
        status = value_decode_item(engine->scratch, row.encoding, &item, NULL);
    }
    if (status == WEIR_OK) {
        status = ttl_derive(engine->scratch, table, item, row_key, &key, NULL);
    }
    if (status == WEIR_OK && key.len > 0) {
        buf_reset(&engine->batch.row);
        batch_put_row(engine, KV_INDEX, key, &engine->batch.row);
    }
    return status;
}

/* Goes on from the cursor; returns whether the end was reached. An item that cannot be read keeps
 * the cursor in front of it. */
static bool fill_from(struct run *run, const struct engine_table *table, struct kv_iter *iter,
                      struct buf *last)
{
    struct engine *engine = run->engine;
    bool found = kv_iter_seek(engine->kv, iter, BYTES_NONE);
    while (found && has_budget(run)) {
        struct weir_bytes row_key = kv_iter_key(engine->kv, iter);
        if (fill_item(engine, table, row_key, kv_iter_value(engine->kv, iter)) != WEIR_OK) {
            return false;
        }
        buf_reset(last);
        buf_put(last, row_key);
        run->items++;
        found = kv_iter_next(engine->kv, iter);
    }
    run->more = run->more || found;
    return !found && kv_iter_status(engine->kv, iter, NULL) == WEIR_OK;
}

static void fill(struct run *run, const struct engine_table *table)
{
    struct engine *engine = run->engine;
    uint8_t to[4];
    put_be32(to, table->id + 1);
    struct buf from;
    struct buf last;
    buf_init(&from, ROW_KEY_BYTES_MAX);
    buf_init(&last, ROW_KEY_BYTES_MAX);
    struct kv_iter *iter = NULL;
    if (read_cursor(engine, table, &from) == WEIR_OK) {
        iter = kv_iter(engine->kv, NULL, KV_ITEMS, buf_bytes(&from), bytes_of(to, sizeof(to)));
    }
    if (iter != NULL && fill_from(run, table, iter, &last)) {
        uint8_t key[5];
        cursor_key_put(key, table->ttl_index);
        kv_batch_delete(engine->kv, engine->batch.kv, KV_META, bytes_of(key, sizeof(key)));
        change_table(engine, table, table->ttl_index, false);
        run->more = true; /* what is expired can be swept now */
    } else if (last.len > 0) {
        put_cursor(engine, table, &last);
    }
    kv_iter_free(engine->kv, iter);
    buf_fini(&from);
    buf_fini(&last);
}

/* ---- sweeping ---------------------------------------------------------------------------------
 */

static enum weir_status take_key_attribute(struct arena *a, struct weir_value *key,
                                           const struct engine_key_attribute *attribute,
                                           struct weir_bytes *rest)
{
    struct weir_value *to = value_add(a, key, attribute->name);
    return to == NULL ? WEIR_NO_MEMORY : keycodec_take(a, attribute->type, rest, to, NULL);
}

/* The key attributes that a row key holds, sorted as an item's members are. */
static enum weir_status key_of_row(struct arena *a, const struct engine_table *table,
                                   struct weir_bytes row_key, struct weir_value **ret_key)
{
    struct weir_value *key = value_new_map(a, VALUE_ITEM);
    struct weir_bytes rest = bytes_of(row_key.ptr + 12, row_key.len - 12);
    enum weir_status status = take_key_attribute(a, key, &table->partition, &rest);
    if (status == WEIR_OK && table->sort.name.len > 0) {
        status = take_key_attribute(a, key, &table->sort, &rest);
    }
    *ret_key = key;
    return status == WEIR_OK ? value_sort_map(key, NULL) : status;
}

/* Deletes the item of an entry, if it still expires when the entry says; otherwise the entry, which
 * then is nobody's. */
static enum weir_status expire(struct engine *engine, struct engine_table *table,
                               struct weir_bytes entry)
{
    struct arena *a = engine->scratch;
    struct engine_op op = {.kind = ENGINE_DELETE, .table = table, .want_old = true};
    struct weir_value *key = NULL;
    struct effect effect;
    op.row_key = arena_dup(a, bytes_of(entry.ptr + TTL_PREFIX_BYTES, entry.len - TTL_PREFIX_BYTES));
    enum weir_status status =
        op.row_key.ptr == NULL ? WEIR_NO_MEMORY : key_of_row(a, table, op.row_key, &key);
    op.key = key;
    if (status == WEIR_OK) {
        status = write_evaluate(engine, a, &op, &effect, NULL);
    }
    if (status != WEIR_OK) {
        return status;
    }
    if (effect.changed && bytes_eq(effect.ttl_before, entry)) {
        effect.by_ttl = true;
        write_apply(engine, &effect);
        ATOMIC_COUNT(engine->figures.expired, 1);
    } else {
        kv_batch_delete(engine->kv, engine->batch.kv, KV_INDEX, entry);
        engine->batch.dirty = true;
    }
    return WEIR_OK;
}

static uint64_t now_s(const struct engine *engine)
{
    return engine->batch.commit_ms <= 0 ? 0 : (uint64_t)engine->batch.commit_ms / 1000;
}

/* Where the sweep begins: what is older than five years stays, and what was swept is not read
 * again. */
static uint64_t sweep_from_s(const struct engine *engine, const struct engine_table *table)
{
    uint64_t now = now_s(engine);
    uint64_t oldest = now > LIMIT_TTL_PAST_S ? now - LIMIT_TTL_PAST_S : 0;
    uint64_t from = table->counters->expiry_from_s;
    return from > oldest ? from : oldest;
}

/* Returns whether everything that is expired is gone. An item that cannot be read is left for the
 * next time. */
static bool sweep_from(struct run *run, struct engine_table *table, struct kv_iter *iter)
{
    struct engine *engine = run->engine;
    bool whole = true;
    bool found = kv_iter_seek(engine->kv, iter, BYTES_NONE);
    while (found && has_budget(run)) {
        struct weir_bytes entry = kv_iter_key(engine->kv, iter);
        whole =
            entry.len > TTL_PREFIX_BYTES + 12 && expire(engine, table, entry) == WEIR_OK && whole;
        run->items++;
        found = kv_iter_next(engine->kv, iter);
    }
    run->more = run->more || found;
    return whole && !found && kv_iter_status(engine->kv, iter, NULL) == WEIR_OK;
}

static void sweep(struct run *run, struct engine_table *table)
{
    struct engine *engine = run->engine;
    uint8_t from[TTL_PREFIX_BYTES];
    uint8_t to[TTL_PREFIX_BYTES];
    if (sweep_from_s(engine, table) >= now_s(engine)) {
        return;
    }
    ttl_prefix_put(from, table->ttl_index, sweep_from_s(engine, table));
    ttl_prefix_put(to, table->ttl_index, now_s(engine));
    struct kv_iter *iter =
        kv_iter(engine->kv, NULL, KV_INDEX, bytes_of(from, sizeof(from)), bytes_of(to, sizeof(to)));
    if (iter != NULL && sweep_from(run, table, iter)) {
        table->counters->expiry_from_s = now_s(engine);
    }
    kv_iter_free(engine->kv, iter);
}

/* ---- a run ------------------------------------------------------------------------------------
 */

void expiry_load(struct engine *engine)
{
    engine->expiry_ns = 0;
}

bool expiry_is_due(struct engine *engine)
{
    return !engine->failed && env_mono_ns(engine->env) >= engine->expiry_ns;
}

static void look_after(struct run *run, struct engine_table *table)
{
    if (table->ttl_index == 0) {
        begin_filling(run->engine, table);
        run->more = true;
    } else if (table->ttl_filling) {
        fill(run, table);
    } else {
        sweep(run, table);
    }
}

/* Without a table that has TTL, there is no next time until one gets it. */
void expiry_run(struct engine *engine)
{
    struct run run = {.engine = engine};
    const struct catalog *before = engine->catalog; /* stays while the open one changes */
    uint32_t first = engine->expiry_at;
    bool any = false;
    batch_begin(engine);
    arena_reset(engine->scratch);
    for (uint32_t i = 0; i < before->table_count; i++) {
        uint32_t at = (first + i) % before->table_count;
        struct engine_table *table = before->tables[at];
        if (table->ttl_attribute.len == 0) {
            continue;
        }
        any = true;
        if (!has_budget(&run)) {
            run.more = true;
            break;
        }
        look_after(&run, table);
        engine->expiry_at = at + 1;
    }
    engine->expiry_ns = run.more ? 0
                        : any    ? env_mono_ns(engine->env) + engine->ttl_sweep_ns
                                 : UINT64_MAX;
    (void)batch_commit(engine); /* a failure stops the engine, which its next request says */
}
