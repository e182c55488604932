/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be done about an operation before the committer sees it: keys checked and encoded, sizes
 * measured, the item encoded. Runs on the callers' threads. The texts are AWS's.
 */
#include "engine/internal.h"

#include "value/keycodec.h"

/* ---- keys ------------------------------------------------------------------------------------ */

static enum weir_status key_mismatch(struct weir_error *err)
{
    return error_set(err, WEIR_VALIDATION, "The provided key element does not match the schema");
}

enum weir_status key_check_size(const struct weir_value *value, bool is_sort,
                                struct weir_error *err)
{
    if (value->type == VALUE_N) {
        return WEIR_OK;
    }
    if (!is_sort && value->u.bytes.len > LIMIT_PARTITION_KEY_BYTES) {
        return error_set(err, WEIR_VALIDATION,
                         "One or more parameter values were invalid: Size of hashkey has exceeded "
                         "the maximum size limit of%d bytes",
                         LIMIT_PARTITION_KEY_BYTES);
    }
    if (is_sort && value->u.bytes.len > LIMIT_SORT_KEY_BYTES) {
        return error_set(err, WEIR_VALIDATION,
                         "One or more parameter values were invalid: Aggregated size of all range "
                         "keys has exceeded the size limit of %d bytes",
                         LIMIT_SORT_KEY_BYTES);
    }
    return WEIR_OK;
}

static enum weir_status check_not_empty(const struct engine_key_attribute *attribute,
                                        const struct weir_value *value, struct weir_error *err)
{
    if (value->type == VALUE_N || value->u.bytes.len > 0) {
        return WEIR_OK;
    }
    return error_set(err, WEIR_VALIDATION,
                     "One or more parameter values are not valid. The AttributeValue for a key "
                     "attribute cannot contain an empty %s value. Key: %.*s",
                     value->type == VALUE_S ? "string" : "binary", BYTES_ARG(attribute->name));
}

/* The item's value of one key attribute. */
static enum weir_status find_key(const struct engine_key_attribute *attribute,
                                 const struct weir_value *item, bool is_sort, bool exact,
                                 const struct weir_value **ret_value, struct weir_error *err)
{
    const struct weir_value *value = value_member(item, attribute->name);
    if (value == NULL) {
        return exact ? key_mismatch(err)
                     : error_set(err, WEIR_VALIDATION,
                                 "One or more parameter values were invalid: Missing the key %.*s "
                                 "in the item",
                                 BYTES_ARG(attribute->name));
    }
    if (value->type != (uint8_t)attribute->type) {
        return exact ? key_mismatch(err)
                     : error_set(err, WEIR_VALIDATION,
                                 "One or more parameter values were invalid: Type mismatch for key "
                                 "%.*s expected: %s actual: %s",
                                 BYTES_ARG(attribute->name), value_type_name(attribute->type),
                                 value_type_name((enum value_type)value->type));
    }
    *ret_value = value;
    enum weir_status status = check_not_empty(attribute, value, err);
    return status == WEIR_OK ? key_check_size(value, is_sort, err) : status;
}

enum weir_status engine_row_key(const struct engine_table *table, const struct weir_value *item,
                                bool exact, struct buf *to, struct weir_error *err)
{
    bool has_sort = table->sort.name.len > 0;
    if (exact && item->u.map.count != (has_sort ? 2U : 1U)) {
        return key_mismatch(err);
    }
    const struct weir_value *partition;
    const struct weir_value *sort = NULL;
    enum weir_status status = find_key(&table->partition, item, false, exact, &partition, err);
    if (status == WEIR_OK && has_sort) {
        status = find_key(&table->sort, item, true, exact, &sort, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    size_t start = to->len;
    buf_put_be32(to, table->id);
    buf_put_be64(to, 0); /* the hash, known when the partition key is encoded */
    keycodec_put(to, partition);
    if (buf_status(to) == WEIR_OK) {
        size_t at = start + 12;
        put_be64(to->ptr + start + 4, keycodec_hash(bytes_of(to->ptr + at, to->len - at)));
    }
    if (sort != NULL) {
        keycodec_put(to, sort);
    }
    if (buf_status(to) != WEIR_OK) {
        return error_set(err, buf_status(to), "no room for a key");
    }
    return WEIR_OK;
}

/* ---- operations ------------------------------------------------------------------------------ */

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "the request needs more memory than it may use");
}

/* Moves what the buffer holds into the arena, and ends the buffer. */
static enum weir_status settle(struct arena *a, struct buf *take_buf, struct weir_bytes *ret_bytes,
                               struct weir_error *err)
{
    struct weir_bytes copy = BYTES_NONE;
    if (buf_status(take_buf) == WEIR_OK) {
        copy = arena_dup(a, buf_bytes(take_buf));
    }
    buf_fini(take_buf);
    *ret_bytes = copy;
    return copy.ptr == NULL ? no_memory(err) : WEIR_OK;
}

static enum weir_status prepare_row_key(struct arena *a, const struct weir_value *item, bool exact,
                                        struct engine_op *op, struct weir_error *err)
{
    struct buf row_key;
    buf_init(&row_key, ROW_KEY_BYTES_MAX);
    enum weir_status status = engine_row_key(op->table, item, exact, &row_key, err);
    if (status != WEIR_OK) {
        buf_fini(&row_key);
        return status;
    }
    return settle(a, &row_key, &op->row_key, err);
}

/* The key attributes alone, sorted by name as an item's members are. */
static const struct weir_value *key_of_item(struct arena *a, const struct engine_table *table,
                                            const struct weir_value *item)
{
    struct weir_value *key = value_new_map(a, VALUE_ITEM);
    const struct engine_key_attribute *first = &table->partition;
    const struct engine_key_attribute *second = &table->sort;
    if (second->name.len > 0 && bytes_cmp(second->name, first->name) < 0) {
        first = &table->sort;
        second = &table->partition;
    }
    const struct engine_key_attribute *attributes[] = {first, second};
    for (size_t i = 0; i < 2; i++) {
        const struct weir_value *value = value_member(item, attributes[i]->name);
        if (attributes[i]->name.len == 0) {
            continue;
        }
        struct weir_value *to = value_add(a, key, arena_dup(a, attributes[i]->name));
        if (to == NULL) {
            return NULL;
        }
        *to = *value;
    }
    return key;
}

static enum weir_status prepare_put(struct arena *a, const struct weir_value *item,
                                    struct engine_op *op, struct weir_error *err)
{
    enum weir_status status = prepare_row_key(a, item, false, op, err);
    if (status != WEIR_OK) {
        return status;
    }
    status = index_check_item(op->table, item, err);
    if (status != WEIR_OK) {
        return status;
    }
    op->item = item;
    op->item_bytes = item_size(item);
    if (op->item_bytes > LIMIT_ITEM_BYTES) {
        return error_set(err, WEIR_VALIDATION, "Item size has exceeded the maximum allowed size");
    }
    op->key = key_of_item(a, op->table, item);
    if (op->key == NULL) {
        return no_memory(err);
    }
    struct buf encoded;
    buf_init(&encoded, ENCODING_BYTES_MAX);
    value_encode_item(&encoded, item);
    return settle(a, &encoded, &op->encoded, err);
}

enum weir_status engine_prepare_put(struct arena *a, struct engine_table *take_table,
                                    const struct weir_value *item, struct engine_op *ret_op,
                                    struct weir_error *err)
{
    struct engine_op op = {.kind = ENGINE_PUT, .table = take_table};
    enum weir_status status = prepare_put(a, item, &op, err);
    if (status != WEIR_OK) {
        engine_table_unref(take_table);
        return status;
    }
    *ret_op = op;
    return WEIR_OK;
}

enum weir_status engine_prepare_key(struct arena *a, struct engine_table *take_table,
                                    enum engine_op_kind kind, const struct weir_value *key,
                                    struct engine_op *ret_op, struct weir_error *err)
{
    WEIR_ASSERT(kind != ENGINE_PUT);
    struct engine_op op = {.kind = kind, .table = take_table, .key = key};
    enum weir_status status = prepare_row_key(a, key, true, &op, err);
    if (status != WEIR_OK) {
        engine_table_unref(take_table);
        return status;
    }
    *ret_op = op;
    return WEIR_OK;
}

struct key_search {
    const struct engine_table *table;
    struct weir_bytes found;
};

static bool is_no_key(void *arg, struct weir_bytes name)
{
    struct key_search *search = arg;
    const struct engine_table *table = search->table;
    if (bytes_eq(name, table->partition.name) ||
        (table->sort.name.len > 0 && bytes_eq(name, table->sort.name))) {
        search->found = name;
        return false;
    }
    return true;
}

enum weir_status engine_prepare_update(struct engine_op *op, const struct expr_update *update,
                                       struct weir_error *err)
{
    WEIR_ASSERT(op->kind == ENGINE_UPDATE);
    struct key_search search = {.table = op->table};
    if (update != NULL && !expr_update_each_name(update, is_no_key, &search)) {
        return error_set(err, WEIR_VALIDATION,
                         "One or more parameter values were invalid: Cannot update attribute %.*s. "
                         "This attribute is part of the key",
                         BYTES_ARG(search.found));
    }
    op->update = update;
    return WEIR_OK;
}

void engine_op_fini(struct engine_op *op)
{
    engine_table_unref(op->table);
    op->table = NULL;
}
