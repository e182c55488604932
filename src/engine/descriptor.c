/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables and streams as stored rows: each is an item in the storage encoding, which has a version
 * of its own and lets members be added. Reading ignores members that it does not know.
 */
#include "engine/internal.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- writing --------------------------------------------------------------------------------- */

/* An item under construction; running out of memory is sticky. */
struct builder {
    struct arena *a;
    bool failed;
};

static struct weir_value *add(struct builder *b, struct weir_value *map, const char *name)
{
    struct weir_value *member = value_add(b->a, map, bytes_str(name));
    b->failed = b->failed || member == NULL;
    return member;
}

static void add_text(struct builder *b, struct weir_value *map, const char *name,
                     struct weir_bytes text)
{
    struct weir_value *member = add(b, map, name);
    if (member != NULL) {
        value_set_s(member, text);
    }
}

static void add_number(struct builder *b, struct weir_value *map, const char *name, uint64_t number)
{
    char *text = arena_printf(b->a, "%" PRIu64, number);
    struct weir_value *member = add(b, map, name);
    if (member != NULL) {
        value_set_n(member, bytes_str(text));
    }
    b->failed = b->failed || text == NULL;
}

static void add_truth(struct builder *b, struct weir_value *map, const char *name, bool truth)
{
    struct weir_value *member = add(b, map, name);
    if (member != NULL) {
        value_set_bool(member, truth);
    }
}

static void add_keys(struct builder *b, struct weir_value *map,
                     const struct engine_key_attribute *partition,
                     const struct engine_key_attribute *sort)
{
    add_text(b, map, "pk", partition->name);
    add_text(b, map, "pkType", bytes_str(value_type_name(partition->type)));
    if (sort->name.len > 0) {
        add_text(b, map, "sk", sort->name);
        add_text(b, map, "skType", bytes_str(value_type_name(sort->type)));
    }
}

/* Sorts and encodes, unless building it ran out of memory. */
static void encode(const struct builder *b, struct buf *to, struct weir_value *item)
{
    if (b->failed || value_sort_map(item, NULL) != WEIR_OK) {
        to->status = WEIR_NO_MEMORY;
        return;
    }
    value_encode_item(to, item);
}

static void add_index(struct builder *b, struct weir_value *list, const struct engine_index *index)
{
    struct weir_value *map = value_append(b->a, list);
    if (map == NULL) {
        b->failed = true;
        return;
    }
    *map = (struct weir_value){.type = VALUE_M, .form = VALUE_ATTRIBUTE};
    add_number(b, map, "id", index->id);
    add_text(b, map, "name", index->name);
    add_truth(b, map, "local", index->local);
    add_keys(b, map, &index->partition, &index->sort);
    add_text(b, map, "projection", bytes_str(engine_projection_name(index->projection)));
    add_number(b, map, "readUnits", index->read_units);
    add_number(b, map, "writeUnits", index->write_units);
    struct weir_value *included = add(b, map, "included");
    if (included != NULL) {
        *included = (struct weir_value){.type = VALUE_L, .form = VALUE_ATTRIBUTE};
    }
    for (uint32_t i = 0; included != NULL && i < index->included_count; i++) {
        struct weir_value *name = value_append(b->a, included);
        b->failed = b->failed || name == NULL;
        if (name != NULL) {
            value_set_s(name, index->included[i]);
        }
    }
    (void)value_sort_map(map, NULL); /* the names above are distinct */
}

static void add_indexes(struct builder *b, struct weir_value *item,
                        const struct engine_table *table)
{
    struct weir_value *list = table->index_count == 0 ? NULL : add(b, item, "indexes");
    if (list == NULL) {
        return;
    }
    *list = (struct weir_value){.type = VALUE_L, .form = VALUE_ATTRIBUTE};
    for (uint32_t i = 0; i < table->index_count; i++) {
        add_index(b, list, &table->indexes[i]);
    }
}

void descriptor_put_table(struct arena *a, struct buf *to, const struct engine_table *table)
{
    struct builder builder = {.a = a};
    struct builder *b = &builder;
    struct weir_value *item = value_new_map(a, VALUE_ITEM);
    add_number(b, item, "id", table->id);
    add_text(b, item, "name", table->name);
    add_text(b, item, "uuid", bytes_str(table->table_uuid));
    add_keys(b, item, &table->partition, &table->sort);
    add_number(b, item, "created", (uint64_t)table->created_ms);
    add_truth(b, item, "provisioned", table->provisioned);
    add_number(b, item, "readUnits", table->read_units);
    add_number(b, item, "writeUnits", table->write_units);
    add_number(b, item, "billingChanged", (uint64_t)table->billing_changed_ms);
    add_truth(b, item, "protected", table->deletion_protected);
    add_text(b, item, "ttl", table->ttl_attribute);
    add_number(b, item, "ttlChanged", (uint64_t)table->ttl_changed_ms);
    add_number(b, item, "stream", table->stream == NULL ? 0 : table->stream->id);
    add_truth(b, item, "streamEnabled", table->stream_enabled);
    add_number(b, item, "ttlIndex", table->ttl_index);
    add_truth(b, item, "ttlFilling", table->ttl_filling);
    add_indexes(b, item, table);
    encode(b, to, item);
}

static void add_shard(struct builder *b, struct weir_value *list, const struct engine_shard *shard)
{
    struct weir_value *map = value_append(b->a, list);
    if (map == NULL) {
        b->failed = true;
        return;
    }
    *map = (struct weir_value){.type = VALUE_M, .form = VALUE_ATTRIBUTE};
    add_number(b, map, "number", shard->number);
    add_text(b, map, "id", bytes_str(shard->id));
    add_number(b, map, "parent", shard->parent);
    add_text(b, map, "parentId", bytes_str(shard->parent_id));
    add_number(b, map, "hashFirst", shard->hash_first);
    add_number(b, map, "hashLast", shard->hash_last);
    add_number(b, map, "firstSeq", shard->first_seq);
    add_number(b, map, "lastSeq", shard->last_seq);
    (void)value_sort_map(map, NULL); /* the names above are distinct */
}

void descriptor_put_stream(struct arena *a, struct buf *to, const struct engine_stream *stream)
{
    struct builder builder = {.a = a};
    struct builder *b = &builder;
    struct weir_value *item = value_new_map(a, VALUE_ITEM);
    add_number(b, item, "id", stream->id);
    add_text(b, item, "arn", stream->arn);
    add_text(b, item, "table", stream->table_name);
    add_text(b, item, "label", bytes_str(stream->label));
    add_text(b, item, "view", bytes_str(engine_view_type_name(stream->view)));
    add_truth(b, item, "enabled", stream->enabled);
    add_number(b, item, "created", (uint64_t)stream->created_ms);
    add_number(b, item, "disabled", (uint64_t)stream->disabled_ms);
    add_keys(b, item, &stream->partition, &stream->sort);
    struct weir_value *shards = add(b, item, "shards");
    if (shards != NULL) {
        *shards = (struct weir_value){.type = VALUE_L, .form = VALUE_ATTRIBUTE};
        for (uint32_t i = 0; i < stream->shard_count; i++) {
            add_shard(b, shards, &stream->shards[i]);
        }
    }
    encode(b, to, item);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Reads members one by one; the first one that is missing or wrong is remembered. */
struct reader {
    const struct weir_value *map;
    const char *wrong;
};

static const struct weir_value *take(struct reader *r, const char *name, enum value_type type)
{
    const struct weir_value *member = value_get(r->map, name);
    if (member == NULL || member->type != type) {
        r->wrong = name;
        return NULL;
    }
    return member;
}

static struct weir_bytes take_text(struct reader *r, const char *name)
{
    const struct weir_value *member = take(r, name, VALUE_S);
    return member == NULL ? BYTES_NONE : member->u.bytes;
}

static bool take_truth(struct reader *r, const char *name)
{
    const struct weir_value *member = take(r, name, VALUE_BOOL);
    return member != NULL && member->truth;
}

static uint64_t take_number(struct reader *r, const char *name)
{
    const struct weir_value *member = take(r, name, VALUE_N);
    struct weir_bytes text = member == NULL ? BYTES_NONE : member->u.bytes;
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)text.ptr[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, digit, &number)) {
            r->wrong = name;
            return 0;
        }
    }
    return number;
}

static uint32_t take_number32(struct reader *r, const char *name)
{
    uint64_t number = take_number(r, name);
    if (number > UINT32_MAX) {
        r->wrong = name;
    }
    return (uint32_t)number;
}

/* Into an array of `size` bytes, NUL-terminated. */
static void take_array(struct reader *r, const char *name, char *to, size_t size)
{
    struct weir_bytes text = take_text(r, name);
    if (text.len >= size) {
        r->wrong = name;
        return;
    }
    if (text.len > 0) {
        memcpy(to, text.ptr, text.len);
    }
    to[text.len] = '\0';
}

static enum value_type take_key_type(struct reader *r, const char *name)
{
    struct weir_bytes text = take_text(r, name);
    for (enum value_type type = VALUE_S; type <= VALUE_B; type++) {
        if (bytes_eq_str(text, value_type_name(type))) {
            return type;
        }
    }
    r->wrong = name;
    return VALUE_S;
}

static void take_keys(struct reader *r, struct engine_key_attribute *partition,
                      struct engine_key_attribute *sort)
{
    partition->name = take_text(r, "pk");
    partition->type = take_key_type(r, "pkType");
    if (value_get(r->map, "sk") != NULL) {
        sort->name = take_text(r, "sk");
        sort->type = take_key_type(r, "skType");
    }
}

static enum weir_status finish(const struct reader *r, const char *what, struct weir_error *err)
{
    if (r->wrong != NULL) {
        return error_set(err, WEIR_CORRUPTION, "the stored description of a %s has a damaged '%s'",
                         what, r->wrong);
    }
    return WEIR_OK;
}

static void take_shard(struct reader *r, const struct weir_value *map,
                       struct engine_shard *ret_shard)
{
    struct reader shard = {.map = map};
    ret_shard->number = take_number32(&shard, "number");
    take_array(&shard, "id", ret_shard->id, sizeof(ret_shard->id));
    ret_shard->parent = take_number32(&shard, "parent");
    take_array(&shard, "parentId", ret_shard->parent_id, sizeof(ret_shard->parent_id));
    ret_shard->hash_first = take_number(&shard, "hashFirst");
    ret_shard->hash_last = take_number(&shard, "hashLast");
    ret_shard->first_seq = take_number(&shard, "firstSeq");
    ret_shard->last_seq = take_number(&shard, "lastSeq");
    if (shard.wrong != NULL) {
        r->wrong = shard.wrong;
    }
}

static void take_shards(struct arena *a, struct reader *r, struct engine_stream *stream)
{
    const struct weir_value *list = take(r, "shards", VALUE_L);
    if (list == NULL) {
        return;
    }
    stream->shards = ARENA_ARRAY(a, struct engine_shard, list->u.list.count);
    if (stream->shards == NULL) {
        r->wrong = "shards";
        return;
    }
    stream->shard_count = list->u.list.count;
    for (uint32_t i = 0; i < stream->shard_count; i++) {
        take_shard(r, &list->u.list.at[i], &stream->shards[i]);
    }
}

enum weir_status descriptor_take_stream(struct arena *a, struct weir_bytes value,
                                        struct engine_stream **ret_stream, struct weir_error *err)
{
    struct weir_value *item;
    enum weir_status status = value_decode_item(a, value, &item, err);
    if (status != WEIR_OK) {
        return error_wrap(err, status, "the stored description of a stream");
    }
    struct reader r = {.map = item};
    struct engine_stream stream = {.id = take_number32(&r, "id"),
                                   .arn = take_text(&r, "arn"),
                                   .table_name = take_text(&r, "table"),
                                   .enabled = take_truth(&r, "enabled"),
                                   .created_ms = (int64_t)take_number(&r, "created"),
                                   .disabled_ms = (int64_t)take_number(&r, "disabled")};
    take_array(&r, "label", stream.label, sizeof(stream.label));
    if (!engine_view_type_parse(take_text(&r, "view"), &stream.view)) {
        r.wrong = "view";
    }
    take_keys(&r, &stream.partition, &stream.sort);
    take_shards(a, &r, &stream);
    status = finish(&r, "stream", err);
    if (status != WEIR_OK) {
        return status;
    }
    *ret_stream = stream_new(&stream);
    return *ret_stream == NULL ? error_set(err, WEIR_NO_MEMORY, "no memory for a stream") : WEIR_OK;
}

static struct engine_stream *stream_of_id(const struct catalog *catalog, uint32_t id)
{
    for (uint32_t i = 0; i < catalog->stream_count; i++) {
        if (catalog->streams[i]->id == id) {
            return catalog->streams[i];
        }
    }
    return NULL;
}

static void take_included(struct arena *a, struct reader *r, struct engine_index *index)
{
    const struct weir_value *list = take(r, "included", VALUE_L);
    uint32_t count = list == NULL ? 0 : list->u.list.count;
    struct weir_bytes *included = ARENA_ARRAY(a, struct weir_bytes, count);
    for (uint32_t i = 0; included != NULL && i < count; i++) {
        const struct weir_value *name = &list->u.list.at[i];
        included[i] = name->type == VALUE_S ? name->u.bytes : BYTES_NONE;
    }
    if (included == NULL) {
        r->wrong = "included";
        return;
    }
    index->included = included;
    index->included_count = count;
}

static void take_index(struct arena *a, struct reader *r, const struct weir_value *map,
                       struct engine_index *ret_index)
{
    struct reader of = {.map = map};
    struct engine_index index = {.id = take_number32(&of, "id"),
                                 .name = take_text(&of, "name"),
                                 .local = take_truth(&of, "local"),
                                 .read_units = take_number(&of, "readUnits"),
                                 .write_units = take_number(&of, "writeUnits")};
    take_keys(&of, &index.partition, &index.sort);
    take_included(a, &of, &index);
    if (!engine_projection_parse(take_text(&of, "projection"), &index.projection)) {
        of.wrong = "projection";
    }
    if (of.wrong != NULL) {
        r->wrong = of.wrong;
    }
    *ret_index = index;
}

/* What came later than the first descriptors: absent means none. */
static void take_entries(struct arena *a, struct reader *r, struct engine_table *table)
{
    if (value_get(r->map, "ttlIndex") != NULL) {
        table->ttl_index = take_number32(r, "ttlIndex");
        table->ttl_filling = take_truth(r, "ttlFilling");
    }
    const struct weir_value *list =
        value_get(r->map, "indexes") == NULL ? NULL : take(r, "indexes", VALUE_L);
    if (list == NULL) {
        return;
    }
    if (list->u.list.count > TABLE_INDEXES_MAX) {
        r->wrong = "indexes";
        return;
    }
    table->indexes = ARENA_ARRAY(a, struct engine_index, list->u.list.count);
    if (table->indexes == NULL) {
        r->wrong = "indexes";
        return;
    }
    table->index_count = list->u.list.count;
    for (uint32_t i = 0; i < table->index_count; i++) {
        take_index(a, r, &list->u.list.at[i], &table->indexes[i]);
    }
}

enum weir_status descriptor_take_table(struct arena *a, struct weir_bytes value,
                                       const struct catalog *catalog,
                                       struct engine_table **ret_table, struct weir_error *err)
{
    struct weir_value *item;
    enum weir_status status = value_decode_item(a, value, &item, err);
    if (status != WEIR_OK) {
        return error_wrap(err, status, "the stored description of a table");
    }
    struct reader r = {.map = item};
    struct engine_table table = {.id = take_number32(&r, "id"),
                                 .name = take_text(&r, "name"),
                                 .created_ms = (int64_t)take_number(&r, "created"),
                                 .provisioned = take_truth(&r, "provisioned"),
                                 .read_units = take_number(&r, "readUnits"),
                                 .write_units = take_number(&r, "writeUnits"),
                                 .billing_changed_ms = (int64_t)take_number(&r, "billingChanged"),
                                 .deletion_protected = take_truth(&r, "protected"),
                                 .ttl_attribute = take_text(&r, "ttl"),
                                 .ttl_changed_ms = (int64_t)take_number(&r, "ttlChanged"),
                                 .stream_enabled = take_truth(&r, "streamEnabled")};
    take_array(&r, "uuid", table.table_uuid, sizeof(table.table_uuid));
    take_keys(&r, &table.partition, &table.sort);
    take_entries(a, &r, &table);
    uint32_t stream_id = take_number32(&r, "stream");
    table.stream = stream_of_id(catalog, stream_id);
    if (stream_id != 0 && table.stream == NULL) {
        r.wrong = "stream";
    }
    status = finish(&r, "table", err);
    if (status != WEIR_OK) {
        return status;
    }
    *ret_table = table_new(&table);
    return *ret_table == NULL ? error_set(err, WEIR_NO_MEMORY, "no memory for a table") : WEIR_OK;
}
