/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of secondary indexes and of TTL, as pure functions of an item: the same item always gives
 * the same entries, so a write deletes those of the item before and puts those of the item after,
 * and backfill derives them again from what is stored.
 *
 *     KV_INDEX   index_id | hash | index keys | table keys   ->  the projected item, as a row
 *     KV_INDEX   ttl_index | time | row key                  ->  nothing
 *
 * An entry's key begins as a row key does, so that Query and Scan walk both alike.
 */
#include "engine/internal.h"

#include "value/keycodec.h"

/* Seconds have fewer digits for 30 million years. */
#define EXPIRY_DIGITS_MAX 15

static const char *const projection_names[] = {"ALL", "KEYS_ONLY", "INCLUDE"};

const char *engine_projection_name(enum engine_projection projection)
{
    return projection_names[projection];
}

bool engine_projection_parse(struct weir_bytes name, enum engine_projection *ret_projection)
{
    for (size_t i = 0; i < sizeof(projection_names) / sizeof(projection_names[0]); i++) {
        if (bytes_eq_str(name, projection_names[i])) {
            *ret_projection = (enum engine_projection)i;
            return true;
        }
    }
    return false;
}

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "no memory for an entry of an index");
}

/* ---- what an item may hold --------------------------------------------------------------------
 */

static enum weir_status check_key(const struct engine_index *index,
                                  const struct engine_key_attribute *attribute,
                                  const struct weir_value *item, struct weir_error *err)
{
    const struct weir_value *value = value_member(item, attribute->name);
    if (attribute->name.len == 0 || value == NULL) {
        return WEIR_OK;
    }
    if (value->type != (uint8_t)attribute->type) {
        return error_set(err, WEIR_VALIDATION,
                         "One or more parameter values were invalid: Type mismatch for Index Key "
                         "%.*s Expected: %s Actual: %s IndexName: %.*s",
                         BYTES_ARG(attribute->name), value_type_name(attribute->type),
                         value_type_name((enum value_type)value->type), BYTES_ARG(index->name));
    }
    if (value->type != VALUE_N && value->u.bytes.len == 0) {
        return error_set(err, WEIR_VALIDATION,
                         "One or more parameter values are not valid. A value specified for a "
                         "secondary index key is not supported. The AttributeValue for a key "
                         "attribute cannot contain an empty %s value. IndexName: %.*s, IndexKey: "
                         "%.*s",
                         value->type == VALUE_S ? "string" : "binary", BYTES_ARG(index->name),
                         BYTES_ARG(attribute->name));
    }
    return key_check_size(value, attribute == &index->sort, err);
}

enum weir_status index_check_item(const struct engine_table *table, const struct weir_value *item,
                                  struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < table->index_count; i++) {
        const struct engine_index *index = &table->indexes[i];
        status = check_key(index, &index->partition, item, err);
        if (status == WEIR_OK) {
            status = check_key(index, &index->sort, item, err);
        }
    }
    return status;
}

/* ---- an entry ---------------------------------------------------------------------------------
 */

static bool is_projected(const struct engine_table *table, const struct engine_index *index,
                         struct weir_bytes name)
{
    if (bytes_eq(name, table->partition.name) || bytes_eq(name, table->sort.name) ||
        bytes_eq(name, index->partition.name) || bytes_eq(name, index->sort.name)) {
        return true;
    }
    for (uint32_t i = 0; i < index->included_count; i++) {
        if (bytes_eq(name, index->included[i])) {
            return true;
        }
    }
    return false;
}

/* The members that the index holds; they stay in the item's order. NULL without memory. */
static struct weir_value *project(struct arena *a, const struct engine_table *table,
                                  const struct engine_index *index, const struct weir_value *item)
{
    struct weir_value *projected = value_new_map(a, VALUE_ITEM);
    for (uint32_t i = 0; projected != NULL && i < item->u.map.count; i++) {
        const struct value_member *member = &item->u.map.at[i];
        if (!is_projected(table, index, member->name)) {
            continue;
        }
        struct weir_value *to = value_add(a, projected, member->name);
        if (to == NULL) {
            return NULL;
        }
        *to = member->value;
    }
    return projected;
}

static enum weir_status derive_row(struct arena *a, struct buf *scratch,
                                   const struct engine_table *table,
                                   const struct engine_index *index, const struct weir_value *item,
                                   const struct row *row, struct row *ret_row,
                                   struct weir_error *err)
{
    if (index->projection == ENGINE_PROJECT_ALL) {
        *ret_row = *row;
        return WEIR_OK;
    }
    const struct weir_value *projected = project(a, table, index, item);
    if (projected == NULL) {
        return no_memory(err);
    }
    buf_reset(scratch);
    value_encode_item(scratch, projected);
    struct weir_bytes encoding =
        buf_status(scratch) == WEIR_OK ? arena_dup(a, buf_bytes(scratch)) : BYTES_NONE;
    if (encoding.ptr == NULL) {
        return no_memory(err);
    }
    *ret_row = (struct row){.encoding = encoding, .item_bytes = item_size(projected)};
    return WEIR_OK;
}

/* The prefix that rows and entries have in common: id, hash of the partition key, the keys. */
static void put_keys(struct buf *to, uint32_t id, const struct weir_value *partition,
                     const struct weir_value *sort)
{
    size_t start = to->len;
    buf_put_be32(to, id);
    buf_put_be64(to, 0); /* the hash, known when the partition key is encoded */
    keycodec_put(to, partition);
    if (buf_status(to) == WEIR_OK) {
        size_t at = start + 12;
        put_be64(to->ptr + start + 4, keycodec_hash(bytes_of(to->ptr + at, to->len - at)));
    }
    if (sort != NULL) {
        keycodec_put(to, sort);
    }
}

enum weir_status index_derive(struct arena *a, struct buf *scratch,
                              const struct engine_table *table, const struct engine_index *index,
                              const struct weir_value *item, const struct row *row,
                              struct weir_bytes row_key, struct index_entry *ret_entry,
                              struct weir_error *err)
{
    *ret_entry = (struct index_entry){0};
    bool has_sort = index->sort.name.len > 0;
    const struct weir_value *partition = value_member(item, index->partition.name);
    const struct weir_value *sort = has_sort ? value_member(item, index->sort.name) : NULL;
    if (partition == NULL || (has_sort && sort == NULL)) {
        return WEIR_OK;
    }
    buf_reset(scratch);
    put_keys(scratch, index->id, partition, sort);
    buf_put(scratch, bytes_of(row_key.ptr + 12, row_key.len - 12));
    struct weir_bytes key =
        buf_status(scratch) == WEIR_OK ? arena_dup(a, buf_bytes(scratch)) : BYTES_NONE;
    if (key.ptr == NULL) {
        return no_memory(err);
    }
    ret_entry->key = key;
    return derive_row(a, scratch, table, index, item, row, &ret_entry->row, err);
}

static bool skip_key(const struct engine_key_attribute *attribute, struct weir_bytes *rest)
{
    size_t len = keycodec_length(attribute->type, *rest);
    rest->ptr += len;
    rest->len -= len;
    return len > 0;
}

bool index_skip_keys(const struct engine_index *index, struct weir_bytes *rest)
{
    return skip_key(&index->partition, rest) &&
           (index->sort.name.len == 0 || skip_key(&index->sort, rest));
}

/* ---- a start key ------------------------------------------------------------------------------
 */

static const struct weir_value *take_key(const struct weir_value *key,
                                         const struct engine_key_attribute *attribute,
                                         bool *ret_matches)
{
    if (attribute->name.len == 0) {
        return NULL;
    }
    const struct weir_value *value = value_member(key, attribute->name);
    bool good = value != NULL && value->type == (uint8_t)attribute->type &&
                (value->type == VALUE_N || value->u.bytes.len > 0);
    *ret_matches = *ret_matches && good;
    return value;
}

/* How many attributes the keys of the index and of the table are together. */
static uint32_t key_count(const struct engine_table *table, const struct engine_index *index)
{
    const struct weir_bytes names[] = {table->partition.name, table->sort.name,
                                       index->partition.name, index->sort.name};
    uint32_t count = 0;
    for (uint32_t i = 0; i < 4; i++) {
        bool counts = names[i].len > 0;
        for (uint32_t k = 0; counts && k < i; k++) {
            counts = !bytes_eq(names[i], names[k]);
        }
        count += counts;
    }
    return count;
}

enum weir_status engine_entry_key(const struct engine_table *table,
                                  const struct engine_index *index, const struct weir_value *key,
                                  struct buf *to, struct weir_error *err)
{
    bool matches = key->u.map.count == key_count(table, index);
    const struct weir_value *index_partition = take_key(key, &index->partition, &matches);
    const struct weir_value *index_sort = take_key(key, &index->sort, &matches);
    const struct weir_value *partition = take_key(key, &table->partition, &matches);
    const struct weir_value *sort = take_key(key, &table->sort, &matches);
    if (!matches) {
        return error_set(err, WEIR_VALIDATION,
                         "The provided key element does not match the schema");
    }
    const struct weir_value *values[] = {index_partition, index_sort, partition, sort};
    for (size_t i = 0; i < 4; i++) {
        enum weir_status status =
            values[i] == NULL ? WEIR_OK : key_check_size(values[i], i % 2 == 1, err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    put_keys(to, index->id, index_partition, index_sort);
    keycodec_put(to, partition);
    if (sort != NULL) {
        keycodec_put(to, sort);
    }
    return buf_status(to) == WEIR_OK ? WEIR_OK
                                     : error_set(err, buf_status(to), "no room for a key");
}

/* ---- TTL --------------------------------------------------------------------------------------
 */

bool ttl_expiry(const struct engine_table *table, const struct weir_value *item, uint64_t *ret_s)
{
    const struct weir_value *value =
        table->ttl_attribute.len == 0 ? NULL : value_member(item, table->ttl_attribute);
    if (value == NULL || value->type != VALUE_N) {
        return false;
    }
    struct weir_bytes text = value->u.bytes;
    uint64_t seconds = 0;
    for (size_t i = 0; i < text.len && text.ptr[i] != '.'; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || i == EXPIRY_DIGITS_MAX) {
            return false; /* before 1970, or never */
        }
        seconds = seconds * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *ret_s = seconds;
    return true;
}

void ttl_prefix_put(uint8_t to[TTL_PREFIX_BYTES], uint32_t ttl_index, uint64_t expiry_s)
{
    put_be32(to, ttl_index);
    put_be64(to + 4, expiry_s);
}

enum weir_status ttl_derive(struct arena *a, const struct engine_table *table,
                            const struct weir_value *item, struct weir_bytes row_key,
                            struct weir_bytes *ret_key, struct weir_error *err)
{
    *ret_key = BYTES_NONE;
    uint64_t expiry_s;
    if (table->ttl_index == 0 || !ttl_expiry(table, item, &expiry_s)) {
        return WEIR_OK;
    }
    uint8_t *key = arena_alloc(a, TTL_PREFIX_BYTES + row_key.len);
    if (key == NULL) {
        return no_memory(err);
    }
    ttl_prefix_put(key, table->ttl_index, expiry_s);
    memcpy(key + TTL_PREFIX_BYTES, row_key.ptr, row_key.len);
    *ret_key = bytes_of(key, TTL_PREFIX_BYTES + row_key.len);
    return WEIR_OK;
}
