/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalog: every table by name, every stream by ARN. A catalog, a table and a stream never
 * change; a change makes new ones that share the rest. The published catalog is swapped under a
 * lock that readers hold only while they look a name up and count a reference.
 */
#include "engine/internal.h"

#include "value/keycodec.h"

#include <stdlib.h>

/* ---- reference counts ----------------------------------------------------------------------- */

static void refs_add(unsigned *refs)
{
    (void)__atomic_fetch_add(refs, 1, __ATOMIC_RELAXED);
}

/* True when it was the last. */
static bool refs_drop(unsigned *refs)
{
    return __atomic_fetch_sub(refs, 1, __ATOMIC_ACQ_REL) == 1;
}

struct engine_table_counters *counters_new(uint32_t table_id)
{
    struct engine_table_counters *counters = calloc(1, sizeof(*counters));
    if (counters != NULL) {
        counters->refs = 1;
        counters->table_id = table_id;
    }
    return counters;
}

struct engine_table_counters *counters_ref(struct engine_table_counters *counters)
{
    refs_add(&counters->refs);
    return counters;
}

void counters_unref(struct engine_table_counters *counters)
{
    if (counters != NULL && refs_drop(&counters->refs)) {
        free(counters);
    }
}

/* Moves *view into the storage at *to and advances that. */
static void place(uint8_t **to, struct weir_bytes *view)
{
    if (view->len > 0) {
        memcpy(*to, view->ptr, view->len);
    }
    view->ptr = *to;
    *to += view->len;
}

/* ---- tables -----------------------------------------------------------------------------------
 * One piece of memory: the table, its indexes, the views of the names that they include, all text.
 */

static size_t index_text_size(const struct engine_index *index)
{
    size_t size = index->name.len + index->partition.name.len + index->sort.name.len;
    for (uint32_t i = 0; i < index->included_count; i++) {
        size += index->included[i].len;
    }
    return size;
}

static void place_index(struct weir_bytes **views, uint8_t **text, struct engine_index *index)
{
    struct weir_bytes *included = *views;
    *views += index->included_count;
    for (uint32_t i = 0; i < index->included_count; i++) {
        included[i] = index->included[i];
        place(text, &included[i]);
    }
    index->included = included;
    place(text, &index->name);
    place(text, &index->partition.name);
    place(text, &index->sort.name);
    if (index->counters != NULL) {
        (void)counters_ref(index->counters);
    }
}

/* After the table: its indexes, and where the text begins. */
static uint8_t *place_indexes(struct engine_table *table, uint32_t view_count)
{
    const struct engine_index *from = table->indexes;
    table->indexes = (struct engine_index *)(table + 1);
    struct weir_bytes *views = (struct weir_bytes *)(table->indexes + table->index_count);
    uint8_t *text = (uint8_t *)(views + view_count);
    for (uint32_t i = 0; i < table->index_count; i++) {
        table->indexes[i] = from[i];
        place_index(&views, &text, &table->indexes[i]);
    }
    return text;
}

struct engine_table *table_new(const struct engine_table *prototype)
{
    const struct engine_table *p = prototype;
    size_t text = p->name.len + p->partition.name.len + p->sort.name.len + p->ttl_attribute.len;
    uint32_t views = 0;
    for (uint32_t i = 0; i < p->index_count; i++) {
        text += index_text_size(&p->indexes[i]);
        views += p->indexes[i].included_count;
    }
    struct engine_table *table = malloc(sizeof(*table) + p->index_count * sizeof(*p->indexes) +
                                        views * sizeof(struct weir_bytes) + text);
    if (table == NULL) {
        return NULL;
    }
    *table = *p;
    table->refs = 1;
    uint8_t *to = place_indexes(table, views);
    place(&to, &table->name);
    place(&to, &table->partition.name);
    place(&to, &table->sort.name);
    place(&to, &table->ttl_attribute);
    if (table->stream != NULL) {
        (void)stream_ref(table->stream);
    }
    if (table->counters != NULL) {
        (void)counters_ref(table->counters);
    }
    return table;
}

struct engine_table *table_ref(struct engine_table *table)
{
    refs_add(&table->refs);
    return table;
}

void engine_table_unref(struct engine_table *table)
{
    if (table != NULL && refs_drop(&table->refs)) {
        for (uint32_t i = 0; i < table->index_count; i++) {
            counters_unref(table->indexes[i].counters);
        }
        engine_stream_unref(table->stream);
        counters_unref(table->counters);
        free(table);
    }
}

struct engine_stream *stream_new(const struct engine_stream *prototype)
{
    const struct engine_stream *p = prototype;
    size_t shards = p->shard_count * sizeof(*p->shards);
    size_t text = p->arn.len + p->table_name.len + p->partition.name.len + p->sort.name.len;
    struct engine_stream *stream = malloc(sizeof(*stream) + shards + text);
    if (stream == NULL) {
        return NULL;
    }
    *stream = *p;
    stream->refs = 1;
    stream->shards = (struct engine_shard *)(stream + 1);
    if (shards > 0) {
        memcpy(stream->shards, p->shards, shards);
    }
    uint8_t *to = (uint8_t *)(stream->shards + p->shard_count);
    place(&to, &stream->arn);
    place(&to, &stream->table_name);
    place(&to, &stream->partition.name);
    place(&to, &stream->sort.name);
    return stream;
}

struct engine_stream *stream_ref(struct engine_stream *stream)
{
    refs_add(&stream->refs);
    return stream;
}

void engine_stream_unref(struct engine_stream *stream)
{
    if (stream != NULL && refs_drop(&stream->refs)) {
        free(stream);
    }
}

const struct engine_shard *stream_shard_of(const struct engine_stream *stream, uint64_t hash)
{
    for (uint32_t i = 0; i < stream->shard_count; i++) {
        const struct engine_shard *shard = &stream->shards[i];
        if (shard->last_seq == 0 && shard->hash_first <= hash && hash <= shard->hash_last) {
            return shard;
        }
    }
    return NULL;
}

/* ---- the catalog itself ---------------------------------------------------------------------- */

/* The first place whose name is not below `name`. */
static uint32_t table_place(const struct catalog *catalog, struct weir_bytes name)
{
    uint32_t low = 0;
    uint32_t high = catalog->table_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (bytes_cmp(catalog->tables[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static uint32_t stream_place(const struct catalog *catalog, struct weir_bytes arn)
{
    uint32_t low = 0;
    uint32_t high = catalog->stream_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (bytes_cmp(catalog->streams[middle]->arn, arn) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct engine_table *catalog_table_view(const struct catalog *catalog, struct weir_bytes name)
{
    uint32_t i = (uint32_t)keycodec_hash(name) & catalog->slot_mask;
    for (; catalog->slots[i] != 0; i = (i + 1) & catalog->slot_mask) {
        struct engine_table *table = catalog->tables[catalog->slots[i] - 1];
        if (bytes_eq(table->name, name)) {
            return table;
        }
    }
    return NULL;
}

struct engine_stream *catalog_stream_view(const struct catalog *catalog, struct weir_bytes arn)
{
    uint32_t i = stream_place(catalog, arn);
    bool found = i < catalog->stream_count && bytes_eq(catalog->streams[i]->arn, arn);
    return found ? catalog->streams[i] : NULL;
}

/* Empty, with room for that many entries. */
static struct catalog *catalog_sized(uint32_t tables, uint32_t streams)
{
    uint32_t slots = 16;
    while (slots / 2 < tables) {
        slots *= 2;
    }
    struct catalog *catalog = calloc(1, sizeof(*catalog));
    if (catalog == NULL) {
        return NULL;
    }
    catalog->tables = calloc(tables + (size_t)1, sizeof(*catalog->tables));
    catalog->streams = calloc(streams + (size_t)1, sizeof(*catalog->streams));
    catalog->slots = calloc(slots, sizeof(*catalog->slots));
    catalog->slot_mask = slots - 1;
    if (catalog->tables == NULL || catalog->streams == NULL || catalog->slots == NULL) {
        catalog_free(catalog);
        return NULL;
    }
    return catalog;
}

struct catalog *catalog_new(void)
{
    return catalog_sized(0, 0);
}

void catalog_free(struct catalog *catalog)
{
    if (catalog == NULL) {
        return;
    }
    for (uint32_t i = 0; i < catalog->table_count; i++) {
        engine_table_unref(catalog->tables[i]);
    }
    for (uint32_t i = 0; i < catalog->stream_count; i++) {
        engine_stream_unref(catalog->streams[i]);
    }
    free(catalog->tables);
    free(catalog->streams);
    free(catalog->slots);
    free(catalog);
}

static void append_table(struct catalog *catalog, struct engine_table *table)
{
    uint32_t i = (uint32_t)keycodec_hash(table->name) & catalog->slot_mask;
    while (catalog->slots[i] != 0) {
        i = (i + 1) & catalog->slot_mask;
    }
    catalog->tables[catalog->table_count++] = table_ref(table);
    catalog->slots[i] = catalog->table_count;
}

static void append_stream(struct catalog *catalog, struct engine_stream *stream)
{
    catalog->streams[catalog->stream_count++] = stream_ref(stream);
}

static void append_tables(struct catalog *to, const struct catalog *from, uint32_t first,
                          uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        append_table(to, from->tables[i]);
    }
}

static void append_streams(struct catalog *to, const struct catalog *from, uint32_t first,
                           uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        append_stream(to, from->streams[i]);
    }
}

/* The old catalog with `table` (NULL: nothing) in the place of `name`. */
static struct catalog *with_table(const struct catalog *old, struct weir_bytes name,
                                  struct engine_table *table)
{
    struct catalog *catalog = catalog_sized(old->table_count + 1, old->stream_count);
    if (catalog == NULL) {
        return NULL;
    }
    uint32_t at = table_place(old, name);
    bool found = at < old->table_count && bytes_eq(old->tables[at]->name, name);
    append_tables(catalog, old, 0, at);
    if (table != NULL) {
        append_table(catalog, table);
    }
    append_tables(catalog, old, found ? at + 1 : at, old->table_count);
    append_streams(catalog, old, 0, old->stream_count);
    return catalog;
}

static struct catalog *with_stream(const struct catalog *old, struct weir_bytes arn,
                                   struct engine_stream *stream)
{
    struct catalog *catalog = catalog_sized(old->table_count, old->stream_count + 1);
    if (catalog == NULL) {
        return NULL;
    }
    uint32_t at = stream_place(old, arn);
    bool found = at < old->stream_count && bytes_eq(old->streams[at]->arn, arn);
    append_streams(catalog, old, 0, at);
    if (stream != NULL) {
        append_stream(catalog, stream);
    }
    append_streams(catalog, old, found ? at + 1 : at, old->stream_count);
    append_tables(catalog, old, 0, old->table_count);
    return catalog;
}

struct catalog *catalog_with_table(const struct catalog *old, struct engine_table *table)
{
    return with_table(old, table->name, table);
}

struct catalog *catalog_without_table(const struct catalog *old, struct weir_bytes name)
{
    return with_table(old, name, NULL);
}

struct catalog *catalog_with_stream(const struct catalog *old, struct engine_stream *stream)
{
    return with_stream(old, stream->arn, stream);
}

struct catalog *catalog_without_stream(const struct catalog *old, struct weir_bytes arn)
{
    return with_stream(old, arn, NULL);
}

/* ---- looking things up ------------------------------------------------------------------------
 */

enum weir_status engine_table_ref(struct engine *engine, struct weir_bytes name,
                                  struct engine_table **ret_table, struct weir_error *err)
{
    pthread_rwlock_rdlock(&engine->catalog_mu);
    struct engine_table *table = catalog_table_view(engine->catalog, name);
    if (table != NULL) {
        *ret_table = table_ref(table);
    }
    pthread_rwlock_unlock(&engine->catalog_mu);
    if (table == NULL) {
        return error_set(err, WEIR_RESOURCE_NOT_FOUND, "Requested resource not found");
    }
    return WEIR_OK;
}

enum weir_status engine_stream_ref(struct engine *engine, struct weir_bytes arn,
                                   struct engine_stream **ret_stream, struct weir_error *err)
{
    pthread_rwlock_rdlock(&engine->catalog_mu);
    struct engine_stream *stream = catalog_stream_view(engine->catalog, arn);
    if (stream != NULL) {
        *ret_stream = stream_ref(stream);
    }
    pthread_rwlock_unlock(&engine->catalog_mu);
    if (stream == NULL) {
        return error_set(err, WEIR_RESOURCE_NOT_FOUND,
                         "Requested resource not found: Stream: %.*s not found", BYTES_ARG(arn));
    }
    return WEIR_OK;
}

struct weir_bytes engine_table_arn(struct engine *engine, struct arena *a,
                                   const struct engine_table *table)
{
    return bytes_str(arena_printf(a, "%s%.*s", engine->arn_prefix, BYTES_ARG(table->name)));
}

void engine_table_figures(const struct engine_table *table, uint64_t *ret_items,
                          uint64_t *ret_bytes)
{
    *ret_items = ATOMIC_GET(table->counters->items);
    *ret_bytes = ATOMIC_GET(table->counters->bytes);
}

const struct engine_index *engine_index_view(const struct engine_table *table,
                                             struct weir_bytes name)
{
    for (uint32_t i = 0; i < table->index_count; i++) {
        if (bytes_eq(table->indexes[i].name, name)) {
            return &table->indexes[i];
        }
    }
    return NULL;
}

void engine_index_figures(const struct engine_index *index, uint64_t *ret_items,
                          uint64_t *ret_bytes)
{
    *ret_items = ATOMIC_GET(index->counters->items);
    *ret_bytes = ATOMIC_GET(index->counters->bytes);
}

/* @locks catalog_mu is held */
static bool copy_names(const struct catalog *catalog, struct arena *a, uint32_t first,
                       struct weir_bytes *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        names[i] = arena_dup(a, catalog->tables[first + i]->name);
        if (names[i].ptr == NULL) {
            return false;
        }
    }
    return true;
}

enum weir_status engine_table_list(struct engine *engine, struct arena *a, struct weir_bytes after,
                                   uint32_t limit, struct weir_bytes **ret_names,
                                   uint32_t *ret_count, bool *ret_more, struct weir_error *err)
{
    pthread_rwlock_rdlock(&engine->catalog_mu);
    const struct catalog *catalog = engine->catalog;
    uint32_t first = table_place(catalog, after);
    if (first < catalog->table_count && bytes_eq(catalog->tables[first]->name, after)) {
        first++;
    }
    uint32_t left = catalog->table_count - first;
    uint32_t count = left < limit ? left : limit;
    struct weir_bytes *names = ARENA_ARRAY(a, struct weir_bytes, count);
    bool copied = names != NULL && copy_names(catalog, a, first, names, count);
    pthread_rwlock_unlock(&engine->catalog_mu);
    if (!copied) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the list of tables");
    }
    *ret_names = names;
    *ret_count = count;
    *ret_more = left > limit;
    return WEIR_OK;
}

enum weir_status engine_stream_list(struct engine *engine, struct arena *a,
                                    struct weir_bytes table_name, struct weir_bytes after,
                                    uint32_t limit, struct engine_stream ***ret_streams,
                                    uint32_t *ret_count, bool *ret_more, struct weir_error *err)
{
    pthread_rwlock_rdlock(&engine->catalog_mu);
    const struct catalog *catalog = engine->catalog;
    uint32_t room = limit < catalog->stream_count ? limit : catalog->stream_count;
    struct engine_stream **streams = ARENA_ARRAY(a, struct engine_stream *, room);
    uint32_t count = 0;
    bool more = false;
    for (uint32_t i = stream_place(catalog, after); streams != NULL && i < catalog->stream_count;
         i++) {
        struct engine_stream *stream = catalog->streams[i];
        if (bytes_eq(stream->arn, after) ||
            (table_name.len > 0 && !bytes_eq(stream->table_name, table_name))) {
            continue;
        }
        if (count == limit) {
            more = true;
            break;
        }
        streams[count++] = stream_ref(stream);
    }
    pthread_rwlock_unlock(&engine->catalog_mu);
    if (streams == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the list of streams");
    }
    *ret_streams = streams;
    *ret_count = count;
    *ret_more = more;
    return WEIR_OK;
}
