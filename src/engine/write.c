/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One operation on one item, in two steps that a transaction takes apart:
 *
 *     evaluate    old item + condition + update -> effect     pure: reads the view, changes nothing
 *     apply       effect -> open batch                        row, counters, entries, stream record
 *
 * The old item is decoded only when a condition, an update or the caller needs it; whether a write
 * changes anything is seen by comparing encodings, which are canonical.
 */
#include "engine/internal.h"

/* ---- the view -------------------------------------------------------------------------------- */

enum weir_status view_get(struct engine *engine, struct weir_bytes row_key, struct row *ret_row,
                          struct weir_error *err)
{
    const struct row *open = overlay_get(&engine->batch.rows, row_key);
    *ret_row = open != NULL ? *open : (struct row){0};
    if (open != NULL) {
        return WEIR_OK;
    }
    struct kv_value value = {0};
    enum weir_status status = kv_get(engine->kv, NULL, KV_ITEMS, row_key, false, &value, err);
    if (status != WEIR_OK) {
        return status == WEIR_NOT_FOUND ? WEIR_OK : status;
    }
    struct weir_bytes bytes = value.bytes;
    if (!batch_hold(engine, &value)) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the stored item");
    }
    return item_row_take(bytes, ret_row, err);
}

/* ---- evaluate ---------------------------------------------------------------------------------
 */

static bool needs_old_item(const struct engine_op *op, const struct engine_table *table)
{
    return op->condition != NULL || op->want_old || op->kind == ENGINE_UPDATE ||
           (table_has_entries(table) && op->kind != ENGINE_CHECK);
}

static enum weir_status read_before(struct engine *engine, struct arena *a, struct engine_op *op,
                                    const struct engine_table *table, struct row *ret_before,
                                    struct weir_error *err)
{
    enum weir_status status = view_get(engine, op->row_key, ret_before, err);
    if (status != WEIR_OK) {
        return status;
    }
    op->existed = ret_before->encoding.len > 0;
    op->old_bytes = ret_before->item_bytes;
    op->new_bytes = op->old_bytes;
    if (!op->existed || !needs_old_item(op, table)) {
        return WEIR_OK;
    }
    /* The caller reads its results after the batch. */
    ret_before->encoding = arena_dup(a, ret_before->encoding);
    if (ret_before->encoding.ptr == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the stored item");
    }
    struct weir_value *old;
    status = value_decode_item(a, ret_before->encoding, &old, err);
    if (status != WEIR_OK) {
        return status;
    }
    op->old_item = old;
    return WEIR_OK;
}

static enum weir_status check_condition(struct arena *a, const struct engine_op *op,
                                        struct weir_error *err)
{
    if (op->condition == NULL) {
        return WEIR_OK;
    }
    bool matches = false;
    enum weir_status status = expr_matches(a, op->condition, op->old_item, &matches, err);
    if (status != WEIR_OK) {
        return status;
    }
    return matches ? WEIR_OK
                   : error_set(err, WEIR_CONDITION_FAILED, "The conditional request failed");
}

/* The item after an update, and its encoding. */
static enum weir_status update_item(struct engine *engine, struct arena *a, struct engine_op *op,
                                    struct row *ret_after, struct weir_error *err)
{
    const struct weir_value *base = op->old_item != NULL ? op->old_item : op->key;
    op->new_item = base;
    if (op->update != NULL) {
        struct weir_value *updated;
        enum weir_status status = expr_apply_update(a, op->update, base, &updated, err);
        if (status != WEIR_OK) {
            return status;
        }
        op->new_item = updated;
    }
    ret_after->item_bytes = item_size(op->new_item);
    if (ret_after->item_bytes > LIMIT_ITEM_BYTES) {
        return error_set(err, WEIR_VALIDATION,
                         "Item size to update has exceeded the maximum allowed size");
    }
    struct buf *scratch = &engine->batch.image;
    buf_reset(scratch);
    value_encode_item(scratch, op->new_item);
    ret_after->encoding =
        buf_status(scratch) == WEIR_OK ? arena_dup(a, buf_bytes(scratch)) : BYTES_NONE;
    if (ret_after->encoding.ptr == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the updated item");
    }
    return WEIR_OK;
}

static enum weir_status compute_after(struct engine *engine, struct arena *a, struct engine_op *op,
                                      const struct row *before, struct row *ret_after,
                                      struct weir_error *err)
{
    switch (op->kind) {
    case ENGINE_PUT:
        *ret_after = (struct row){.encoding = op->encoded, .item_bytes = op->item_bytes};
        return WEIR_OK;
    case ENGINE_UPDATE:
        return update_item(engine, a, op, ret_after, err);
    case ENGINE_DELETE:
        *ret_after = (struct row){0};
        return WEIR_OK;
    case ENGINE_CHECK:
        break;
    }
    *ret_after = *before;
    return WEIR_OK;
}

/* The table as it is now in the open batch. */
static enum weir_status newest_table(struct engine *engine, const struct engine_table *table,
                                     const struct engine_table **ret_table, struct weir_error *err)
{
    const struct engine_table *newest = catalog_table_view(engine->batch.catalog, table->name);
    if (newest == NULL || newest->id != table->id) {
        return error_set(err, WEIR_RESOURCE_NOT_FOUND, "Requested resource not found");
    }
    *ret_table = newest;
    return WEIR_OK;
}

/* ---- entries of indexes and TTL -----------------------------------------------------------------
 */

/* The item after the operation, NULL: there is none. */
static const struct weir_value *item_after(const struct engine_op *op)
{
    return op->kind == ENGINE_PUT ? op->item : op->kind == ENGINE_UPDATE ? op->new_item : NULL;
}

static enum weir_status note_use(struct arena *a, const struct engine_index *index,
                                 const struct index_entry *before, const struct index_entry *after,
                                 struct engine_index_use *ret_use, struct weir_error *err)
{
    struct engine_index_use use = {.local = index->local,
                                   .old_bytes = before->row.item_bytes,
                                   .new_bytes = after->row.item_bytes};
    use.name = arena_dup(a, index->name);
    use.moved = !bytes_eq(before->key, after->key);
    use.changed = use.moved || !bytes_eq(before->row.encoding, after->row.encoding);
    *ret_use = use;
    return use.name.ptr == NULL ? error_set(err, WEIR_NO_MEMORY, "no memory for an index's name")
                                : WEIR_OK;
}

static enum weir_status derive_index(struct engine *engine, struct arena *a,
                                     const struct effect *effect, uint32_t i,
                                     struct engine_index_use *ret_use, struct weir_error *err)
{
    const struct engine_op *op = effect->op;
    const struct engine_index *index = &effect->table->indexes[i];
    struct buf *scratch = &engine->batch.image;
    struct index_entry *before = &effect->entries_before[i];
    struct index_entry *after = &effect->entries_after[i];
    enum weir_status status = index_derive(a, scratch, effect->table, index, op->old_item,
                                           &effect->before, op->row_key, before, err);
    if (status == WEIR_OK) {
        status = index_derive(a, scratch, effect->table, index, item_after(op), &effect->after,
                              op->row_key, after, err);
    }
    return status == WEIR_OK ? note_use(a, index, before, after, ret_use, err) : status;
}

static enum weir_status derive_indexes(struct engine *engine, struct arena *a,
                                       struct effect *effect, struct weir_error *err)
{
    uint32_t count = effect->table->index_count;
    if (count == 0) {
        return WEIR_OK;
    }
    const struct weir_value *after = item_after(effect->op);
    enum weir_status status = after == NULL ? WEIR_OK : index_check_item(effect->table, after, err);
    if (status != WEIR_OK) {
        return status;
    }
    struct engine_index_use *uses = ARENA_ARRAY(a, struct engine_index_use, count);
    effect->entries_before = ARENA_ARRAY(a, struct index_entry, count);
    effect->entries_after = ARENA_ARRAY(a, struct index_entry, count);
    if (uses == NULL || effect->entries_before == NULL || effect->entries_after == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the entries of indexes");
    }
    for (uint32_t i = 0; status == WEIR_OK && i < count; i++) {
        status = derive_index(engine, a, effect, i, &uses[i], err);
    }
    effect->op->index_uses = uses;
    effect->op->index_use_count = status == WEIR_OK ? count : 0;
    return status;
}

static enum weir_status derive_entries(struct engine *engine, struct arena *a,
                                       struct effect *effect, struct weir_error *err)
{
    const struct engine_op *op = effect->op;
    if (!effect->changed || !table_has_entries(effect->table)) {
        return WEIR_OK;
    }
    enum weir_status status = derive_indexes(engine, a, effect, err);
    if (status == WEIR_OK) {
        status = ttl_derive(a, effect->table, op->old_item, op->row_key, &effect->ttl_before, err);
    }
    if (status == WEIR_OK) {
        status = ttl_derive(a, effect->table, item_after(op), op->row_key, &effect->ttl_after, err);
    }
    return status;
}

enum weir_status write_evaluate(struct engine *engine, struct arena *a, struct engine_op *op,
                                struct effect *ret_effect, struct weir_error *err)
{
    struct effect effect = {.op = op};
    enum weir_status status = newest_table(engine, op->table, &effect.table, err);
    if (status == WEIR_OK) {
        status = read_before(engine, a, op, effect.table, &effect.before, err);
    }
    if (status == WEIR_OK) {
        status = check_condition(a, op, err);
    }
    if (status == WEIR_OK) {
        status = compute_after(engine, a, op, &effect.before, &effect.after, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    op->new_bytes = effect.after.item_bytes;
    effect.changed = !bytes_eq(effect.before.encoding, effect.after.encoding);
    status = derive_entries(engine, a, &effect, err);
    if (status == WEIR_OK) {
        *ret_effect = effect;
    }
    return status;
}

/* ---- apply ------------------------------------------------------------------------------------
 */

static void apply_row(struct engine *engine, const struct effect *effect)
{
    struct open_batch *batch = &engine->batch;
    struct weir_bytes row_key = effect->op->row_key;
    if (effect->after.encoding.len == 0) {
        kv_batch_delete(engine->kv, batch->kv, KV_ITEMS, row_key);
        batch->dirty = true;
    } else {
        buf_reset(&batch->row);
        item_row_put(&batch->row, &effect->after);
        batch_put_row(engine, KV_ITEMS, row_key, &batch->row);
    }
    (void)overlay_put(&batch->rows, row_key, &effect->after);
}

static void apply_counters(struct engine *engine, const struct effect *effect)
{
    struct engine_table_counters *counters = effect->table->counters;
    counters->open_items += effect->after.encoding.len > 0;
    counters->open_items -= effect->before.encoding.len > 0;
    counters->open_bytes += effect->after.item_bytes;
    counters->open_bytes -= effect->before.item_bytes;
    batch_touch_counters(engine, counters);
}

static void apply_entry(struct engine *engine, const struct engine_index *index,
                        const struct index_entry *before, const struct index_entry *after)
{
    struct open_batch *batch = &engine->batch;
    bool moved = !bytes_eq(before->key, after->key);
    if (!moved && bytes_eq(before->row.encoding, after->row.encoding)) {
        return;
    }
    if (moved && before->key.len > 0) {
        kv_batch_delete(engine->kv, batch->kv, KV_INDEX, before->key);
    }
    if (after->key.len > 0) {
        buf_reset(&batch->row);
        item_row_put(&batch->row, &after->row);
        batch_put_row(engine, KV_INDEX, after->key, &batch->row);
    }
    struct engine_table_counters *counters = index->counters;
    counters->open_items += after->key.len > 0;
    counters->open_items -= before->key.len > 0;
    counters->open_bytes += after->row.item_bytes;
    counters->open_bytes -= before->row.item_bytes;
    batch_touch_counters(engine, counters);
}

static void apply_ttl(struct engine *engine, const struct effect *effect)
{
    struct open_batch *batch = &engine->batch;
    if (bytes_eq(effect->ttl_before, effect->ttl_after)) {
        return;
    }
    if (effect->ttl_before.len > 0) {
        kv_batch_delete(engine->kv, batch->kv, KV_INDEX, effect->ttl_before);
    }
    if (effect->ttl_after.len > 0) {
        struct engine_table_counters *counters = effect->table->counters;
        uint64_t expiry_s = get_be64(effect->ttl_after.ptr + 4);
        if (expiry_s < counters->expiry_from_s) {
            counters->expiry_from_s = expiry_s; /* behind what the sweep has done */
        }
        buf_reset(&batch->row);
        batch_put_row(engine, KV_INDEX, effect->ttl_after, &batch->row);
    }
}

static void apply_entries(struct engine *engine, const struct effect *effect)
{
    for (uint32_t i = 0; effect->entries_after != NULL && i < effect->table->index_count; i++) {
        apply_entry(engine, &effect->table->indexes[i], &effect->entries_before[i],
                    &effect->entries_after[i]);
    }
    apply_ttl(engine, effect);
}

static enum engine_event event_of(const struct effect *effect)
{
    if (effect->before.encoding.len == 0) {
        return ENGINE_INSERT;
    }
    return effect->after.encoding.len == 0 ? ENGINE_REMOVE : ENGINE_MODIFY;
}

/* Which images the stream's view type shows, and the size that goes with them. */
static void record_images(const struct effect *effect, enum engine_view_type view,
                          struct engine_record *record)
{
    record->size_bytes = item_size(effect->op->key);
    if (view == ENGINE_VIEW_NEW_IMAGE || view == ENGINE_VIEW_NEW_AND_OLD_IMAGES) {
        record->new_image = effect->after.encoding;
        record->size_bytes += effect->after.item_bytes;
    }
    if (view == ENGINE_VIEW_OLD_IMAGE || view == ENGINE_VIEW_NEW_AND_OLD_IMAGES) {
        record->old_image = effect->before.encoding;
        record->size_bytes += effect->before.item_bytes;
    }
}

static void apply_record(struct engine *engine, const struct effect *effect, uint64_t seq)
{
    struct open_batch *batch = &engine->batch;
    const struct engine_stream *stream = effect->table->stream;
    const struct engine_shard *shard =
        stream_shard_of(stream, get_be64(effect->op->row_key.ptr + 4));
    WEIR_ASSERT(shard != NULL);
    struct engine_record record = {.commit_seq = seq,
                                   .event = event_of(effect),
                                   .commit_ms = batch->commit_ms,
                                   .by_ttl = effect->by_ttl};
    buf_reset(&batch->image);
    value_encode_item(&batch->image, effect->op->key);
    if (buf_status(&batch->image) != WEIR_OK) {
        batch->status = WEIR_NO_MEMORY;
    }
    record.keys = buf_bytes(&batch->image);
    record_images(effect, stream->view, &record);
    blocks_add(engine, stream, shard->number, &record);
    batch->stream_records++;
}

void write_apply(struct engine *engine, const struct effect *effect)
{
    if (!effect->changed) {
        return;
    }
    uint64_t seq = batch_next_seq(engine);
    apply_row(engine, effect);
    apply_counters(engine, effect);
    apply_entries(engine, effect);
    if (effect->table->stream_enabled) {
        apply_record(engine, effect, seq);
    }
}

/* ---- requests of single operations ------------------------------------------------------------
 */

void write_fail_op(struct engine_request *request, struct engine_op *op,
                   const struct weir_error *error)
{
    op->error = ARENA_NEW(request->arena, struct weir_error);
    if (op->error == NULL) {
        op->error = &request->error; /* at least it is known that one failed, and how */
    }
    *op->error = *error;
}

static void execute_op(struct engine *engine, struct engine_request *request, struct engine_op *op)
{
    struct weir_error error = {0};
    struct effect effect;
    op->status = write_evaluate(engine, request->arena, op, &effect, &error);
    if (op->status == WEIR_OK) {
        write_apply(engine, &effect);
    } else {
        write_fail_op(request, op, &error);
    }
}

void write_execute(struct engine *engine, struct engine_request *request)
{
    for (uint32_t i = 0; i < request->op_count; i++) {
        execute_op(engine, request, &request->ops[i]);
    }
    request->status = WEIR_OK;
}
