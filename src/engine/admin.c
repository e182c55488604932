/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables and streams: created, changed, deleted. Each request takes a commit_seq, which dates the
 * first and the last record that a shard may hold. Ids come from counters that only grow, so what a
 * deleted table left behind can never be taken for a new one's.
 */
#include "engine/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define IDS_VERSION 1

/* ---- rows of the catalog ----------------------------------------------------------------------
 */

void batch_put_table(struct engine *engine, struct arena *a, struct engine_table *table)
{
    struct open_batch *batch = &engine->batch;
    uint8_t key[5] = {ROW_TABLE};
    put_be32(key + 1, table->id);
    buf_reset(&batch->row);
    descriptor_put_table(a, &batch->row, table);
    batch_put_row(engine, KV_META, bytes_of(key, sizeof(key)), &batch->row);
    batch_take_catalog(engine, catalog_with_table(batch->catalog, table));
}

void batch_put_stream(struct engine *engine, struct arena *a, struct engine_stream *stream)
{
    struct open_batch *batch = &engine->batch;
    uint8_t key[5] = {ROW_STREAM};
    put_be32(key + 1, stream->id);
    buf_reset(&batch->row);
    descriptor_put_stream(a, &batch->row, stream);
    batch_put_row(engine, KV_META, bytes_of(key, sizeof(key)), &batch->row);
    batch_take_catalog(engine, catalog_with_stream(batch->catalog, stream));
}

void batch_put_next_ids(struct engine *engine)
{
    struct open_batch *batch = &engine->batch;
    uint8_t key = ROW_NEXT;
    buf_reset(&batch->row);
    buf_put_u8(&batch->row, IDS_VERSION);
    buf_put_be32(&batch->row, engine->next_table_id);
    buf_put_be32(&batch->row, engine->next_stream_id);
    buf_put_be32(&batch->row, engine->next_shard);
    batch_put_row(engine, KV_META, bytes_of(&key, 1), &batch->row);
}

/* ---- streams ----------------------------------------------------------------------------------
 */

/* Shard i of n: an equal part of the placement hashes. */
static struct engine_shard make_shard(struct engine *engine, uint32_t i, uint32_t n, uint64_t seq)
{
    __extension__ typedef unsigned __int128 wide;
    struct engine_shard shard = {.number = engine->next_shard++, .first_seq = seq};
    shard.hash_first = (uint64_t)((((wide)i << 64) + n - 1) / n);
    shard.hash_last = (uint64_t)((((wide)(i + 1) << 64) + n - 1) / n - 1);
    (void)snprintf(shard.id, sizeof(shard.id), "shardId-%020" PRId64 "-%08" PRIx32,
                   engine->batch.commit_ms, shard.number);
    return shard;
}

/* Finds a label, the creation time, that no stream of this table's name has had. */
static struct weir_bytes choose_label(struct engine *engine, struct arena *a,
                                      const struct engine_table *table,
                                      struct engine_stream *stream)
{
    for (int64_t ms = stream->created_ms;; ms++) {
        char text[ISO8601_SIZE];
        iso8601_ms(ms, text);
        (void)snprintf(stream->label, sizeof(stream->label), "%.23s", text);
        struct weir_bytes arn = bytes_str(arena_printf(a, "%s%.*s/stream/%s", engine->arn_prefix,
                                                       BYTES_ARG(table->name), stream->label));
        if (arn.ptr == NULL || catalog_stream_view(engine->batch.catalog, arn) == NULL) {
            return arn;
        }
    }
}

/* A new stream for the table; NULL without memory. */
static struct engine_stream *make_stream(struct engine *engine, struct arena *a,
                                         const struct engine_table *table,
                                         enum engine_view_type view, uint64_t seq)
{
    uint32_t count = engine->stream_shards;
    struct engine_stream stream = {.id = engine->next_stream_id++,
                                   .table_name = table->name,
                                   .view = view,
                                   .enabled = true,
                                   .created_ms = engine->batch.commit_ms,
                                   .partition = table->partition,
                                   .sort = table->sort,
                                   .shard_count = count};
    stream.arn = choose_label(engine, a, table, &stream);
    stream.shards = ARENA_ARRAY(a, struct engine_shard, count);
    if (stream.arn.ptr == NULL || stream.shards == NULL ||
        !waiters_add_shards(engine, engine->next_shard + count)) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        stream.shards[i] = make_shard(engine, i, count, seq);
    }
    return stream_new(&stream);
}

/* The stream with every shard closed at seq; NULL without memory. */
static struct engine_stream *close_stream(struct engine *engine, struct arena *a,
                                          const struct engine_stream *old, uint64_t seq)
{
    struct engine_stream stream = stream_fields(old);
    stream.enabled = false;
    stream.disabled_ms = engine->batch.commit_ms;
    stream.shards = ARENA_ARRAY(a, struct engine_shard, old->shard_count);
    if (stream.shards == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < old->shard_count; i++) {
        stream.shards[i] = old->shards[i];
        stream.shards[i].last_seq = old->shards[i].last_seq == 0 ? seq : old->shards[i].last_seq;
    }
    struct engine_stream *closed = stream_new(&stream);
    for (uint32_t i = 0; closed != NULL && i < closed->shard_count; i++) {
        batch_touch_shard(engine, closed->shards[i].number, UINT64_MAX);
    }
    return closed;
}

/* ---- the requests -----------------------------------------------------------------------------
 */

static enum weir_status no_memory(struct engine_request *request)
{
    return error_set(&request->error, WEIR_NO_MEMORY, "no memory for the table");
}

/* Puts the table, and its stream if that is new, into the batch; it is the request's result. */
static enum weir_status put_result(struct engine *engine, struct engine_request *request,
                                   const struct engine_table *prototype,
                                   struct engine_stream *new_stream)
{
    struct engine_table *table = table_new(prototype);
    if (table == NULL) {
        return no_memory(request);
    }
    if (new_stream != NULL) {
        batch_put_stream(engine, request->arena, new_stream);
    }
    batch_put_table(engine, request->arena, table);
    batch_put_next_ids(engine);
    request->table = table;
    return WEIR_OK;
}

/* The spec's indexes with ids and counters; NULL without memory. */
static struct engine_index *make_indexes(struct engine *engine, struct arena *a,
                                         const struct engine_table_spec *spec)
{
    struct engine_index *indexes = ARENA_ARRAY(a, struct engine_index, spec->index_count);
    bool made = indexes != NULL;
    for (uint32_t i = 0; made && i < spec->index_count; i++) {
        indexes[i] = spec->indexes[i];
        indexes[i].id = engine->next_table_id++;
        indexes[i].counters = counters_new(indexes[i].id);
        made = indexes[i].counters != NULL;
    }
    return made ? indexes : NULL;
}

static enum weir_status create_table(struct engine *engine, struct engine_request *request)
{
    const struct engine_table_spec *spec = &request->spec;
    if (catalog_table_view(engine->batch.catalog, spec->name) != NULL) {
        return error_set(&request->error, WEIR_RESOURCE_IN_USE, "Table already exists: %.*s",
                         BYTES_ARG(spec->name));
    }
    uint64_t seq = batch_next_seq(engine);
    struct engine_table table = {.id = engine->next_table_id++,
                                 .name = spec->name,
                                 .partition = spec->partition,
                                 .sort = spec->sort,
                                 .created_ms = engine->batch.commit_ms,
                                 .provisioned = spec->provisioned,
                                 .read_units = spec->read_units,
                                 .write_units = spec->write_units,
                                 .billing_changed_ms = engine->batch.commit_ms,
                                 .deletion_protected = spec->deletion_protected,
                                 .stream_enabled = spec->stream_enabled};
    env_uuid4(engine->env, table.table_uuid);
    table.counters = counters_new(table.id);
    table.indexes = make_indexes(engine, request->arena, spec);
    table.index_count = table.indexes == NULL ? 0 : spec->index_count;
    if (spec->stream_enabled) {
        table.stream = make_stream(engine, request->arena, &table, spec->view, seq);
    }
    enum weir_status status;
    if (table.counters == NULL || table.indexes == NULL ||
        (spec->stream_enabled && table.stream == NULL)) {
        status = no_memory(request);
    } else {
        status = put_result(engine, request, &table, table.stream);
    }
    engine_stream_unref(table.stream);
    counters_unref(table.counters);
    for (uint32_t i = 0; i < table.index_count; i++) {
        counters_unref(table.indexes[i].counters);
    }
    return status;
}

static void drop_counters(struct engine *engine, struct engine_table_counters *counters)
{
    uint8_t key[5] = {ROW_COUNTERS};
    put_be32(key + 1, counters->table_id);
    kv_batch_delete(engine->kv, engine->batch.kv, KV_META, bytes_of(key, sizeof(key)));
    counters->dropped = true;
}

static void delete_indexes(struct engine *engine, const struct engine_table *table)
{
    for (uint32_t i = 0; i < table->index_count; i++) {
        batch_delete_index(engine, table->indexes[i].id);
        drop_counters(engine, table->indexes[i].counters);
    }
    if (table->ttl_index != 0) {
        batch_delete_index(engine, table->ttl_index);
    }
}

static void delete_rows(struct engine *engine, const struct engine_table *table)
{
    struct open_batch *batch = &engine->batch;
    uint8_t from[4];
    uint8_t to[4];
    put_be32(from, table->id);
    put_be32(to, table->id + 1);
    kv_batch_delete_range(engine->kv, batch->kv, KV_ITEMS, bytes_of(from, 4), bytes_of(to, 4));
    uint8_t key[5] = {ROW_TABLE};
    put_be32(key + 1, table->id);
    kv_batch_delete(engine->kv, batch->kv, KV_META, bytes_of(key, sizeof(key)));
    batch->dirty = true;
    drop_counters(engine, table->counters);
    delete_indexes(engine, table);
}

static enum weir_status delete_table(struct engine *engine, struct engine_request *request,
                                     struct engine_table *table)
{
    if (table->deletion_protected) {
        return error_set(&request->error, WEIR_VALIDATION,
                         "Resource cannot be deleted as it is currently protected against "
                         "deletion. Disable deletion protection first.");
    }
    uint64_t seq = batch_next_seq(engine);
    request->table = table_ref(table);
    if (table->stream_enabled) {
        struct engine_stream *closed = close_stream(engine, request->arena, table->stream, seq);
        if (closed == NULL) {
            engine_table_unref(request->table);
            request->table = NULL;
            return no_memory(request);
        }
        batch_put_stream(engine, request->arena, closed);
        engine_stream_unref(closed);
    }
    delete_rows(engine, table);
    batch_take_catalog(engine, catalog_without_table(engine->batch.catalog, table->name));
    return WEIR_OK;
}

static enum weir_status check_ttl(const struct engine_request *request,
                                  const struct engine_table *table, struct weir_error *err)
{
    bool on = table->ttl_attribute.len > 0;
    bool turn_on = request->ttl_attribute.len > 0;
    if (!on && !turn_on) {
        return error_set(err, WEIR_VALIDATION, "TimeToLive is already disabled");
    }
    if (on && turn_on) {
        return bytes_eq(table->ttl_attribute, request->ttl_attribute)
                   ? error_set(err, WEIR_VALIDATION, "TimeToLive is already enabled")
                   : error_set(err, WEIR_VALIDATION,
                               "TimeToLive is active on a different AttributeName: current "
                               "AttributeName is %.*s",
                               BYTES_ARG(table->ttl_attribute));
    }
    return WEIR_OK;
}

static enum weir_status update_ttl(struct engine *engine, struct engine_request *request,
                                   struct engine_table *table)
{
    enum weir_status status = check_ttl(request, table, &request->error);
    if (status != WEIR_OK) {
        return status;
    }
    (void)batch_next_seq(engine);
    struct engine_table changed = table_fields(table);
    changed.ttl_attribute = request->ttl_attribute;
    changed.ttl_changed_ms = engine->batch.commit_ms;
    if (table->ttl_index != 0) {
        batch_delete_index(engine, table->ttl_index);
    }
    changed.ttl_filling = request->ttl_attribute.len > 0;
    changed.ttl_index = changed.ttl_filling ? engine->next_table_id++ : 0;
    table->counters->expiry_from_s = 0;
    engine->expiry_ns = 0;
    return put_result(engine, request, &changed, NULL);
}

static enum weir_status check_stream(const struct engine_request *request,
                                     const struct engine_table *table, struct weir_error *err)
{
    if (request->stream_enabled == table->stream_enabled) {
        return error_set(err, WEIR_VALIDATION, "%s: TableName: %.*s",
                         table->stream_enabled ? "Table already has an enabled stream"
                                               : "Table has no stream to disable",
                         BYTES_ARG(table->name));
    }
    return WEIR_OK;
}

static enum weir_status update_stream(struct engine *engine, struct engine_request *request,
                                      struct engine_table *table)
{
    enum weir_status status = check_stream(request, table, &request->error);
    if (status != WEIR_OK) {
        return status;
    }
    uint64_t seq = batch_next_seq(engine);
    struct engine_table changed = table_fields(table);
    changed.stream_enabled = request->stream_enabled;
    changed.stream = request->stream_enabled
                         ? make_stream(engine, request->arena, table, request->view, seq)
                         : close_stream(engine, request->arena, table->stream, seq);
    if (changed.stream == NULL) {
        return no_memory(request);
    }
    status = put_result(engine, request, &changed, changed.stream);
    engine_stream_unref(changed.stream);
    return status;
}

static void set_units(struct engine_index *index, const struct engine_table_spec *spec)
{
    for (uint32_t i = 0; i < spec->index_count; i++) {
        if (bytes_eq(spec->indexes[i].name, index->name)) {
            index->read_units = spec->indexes[i].read_units;
            index->write_units = spec->indexes[i].write_units;
        }
    }
}

static enum weir_status change_billing(struct engine *engine, struct engine_request *request,
                                       struct engine_table *changed)
{
    const struct engine_table_spec *spec = &request->spec;
    struct engine_index *indexes =
        ARENA_ARRAY(request->arena, struct engine_index, changed->index_count);
    if (indexes == NULL) {
        return no_memory(request);
    }
    for (uint32_t i = 0; i < changed->index_count; i++) {
        indexes[i] = changed->indexes[i];
        if (!spec->provisioned) {
            indexes[i].read_units = indexes[i].write_units = 0;
        }
        set_units(&indexes[i], spec);
    }
    if (changed->provisioned != spec->provisioned) {
        changed->billing_changed_ms = engine->batch.commit_ms;
    }
    changed->provisioned = spec->provisioned;
    changed->read_units = spec->read_units;
    changed->write_units = spec->write_units;
    changed->indexes = indexes;
    return WEIR_OK;
}

static enum weir_status update_table(struct engine *engine, struct engine_request *request,
                                     struct engine_table *table)
{
    (void)batch_next_seq(engine);
    struct engine_table changed = table_fields(table);
    if ((request->changes & ENGINE_CHANGE_PROTECTION) != 0) {
        changed.deletion_protected = request->spec.deletion_protected;
    }
    enum weir_status status = WEIR_OK;
    if ((request->changes & ENGINE_CHANGE_BILLING) != 0) {
        status = change_billing(engine, request, &changed);
    }
    return status == WEIR_OK ? put_result(engine, request, &changed, NULL) : status;
}

static enum weir_status change_table(struct engine *engine, struct engine_request *request)
{
    struct engine_table *table = catalog_table_view(engine->batch.catalog, request->table_name);
    if (table == NULL) {
        return error_set(&request->error, WEIR_RESOURCE_NOT_FOUND,
                         "Requested resource not found: Table: %.*s not found",
                         BYTES_ARG(request->table_name));
    }
    if (request->kind == ENGINE_DELETE_TABLE) {
        return delete_table(engine, request, table);
    }
    if (request->kind == ENGINE_UPDATE_TTL) {
        return update_ttl(engine, request, table);
    }
    if (request->kind == ENGINE_UPDATE_TABLE) {
        return update_table(engine, request, table);
    }
    WEIR_ASSERT(request->kind == ENGINE_UPDATE_STREAM);
    return update_stream(engine, request, table);
}

void admin_execute(struct engine *engine, struct engine_request *request)
{
    request->status = request->kind == ENGINE_CREATE_TABLE ? create_table(engine, request)
                                                           : change_table(engine, request);
}
