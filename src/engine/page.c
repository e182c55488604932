/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads of items: one by its key, and pages of Query and Scan. A page is one walk over a range of
 * row keys, which the request is first translated to:
 *
 *     Query      table_id | hash | partition |  [low, high) of the sort key's encodings
 *     Scan       table_id | [first, last] of the placement hashes of the segment
 *
 * Entries of an index have such keys too, with the index's id and keys, and the table's behind
 * them.
 *
 * No key encoding is a prefix of another, so what has one sort key, a row or the entries of several
 * items, is everything that begins with its encoding.
 */
#include "engine/internal.h"

#include "value/keycodec.h"

#include <stdlib.h>

struct engine_view {
    struct engine *engine;
    struct kv_snapshot *snapshot;
};

struct engine_view *engine_view_open(struct engine *engine)
{
    struct engine_view *view = malloc(sizeof(*view));
    if (view != NULL) {
        *view = (struct engine_view){.engine = engine, .snapshot = kv_snapshot(engine->kv)};
    }
    if (view != NULL && view->snapshot == NULL) {
        free(view);
        return NULL;
    }
    return view;
}

void engine_view_close(struct engine_view *view)
{
    if (view != NULL) {
        kv_snapshot_free(view->engine->kv, view->snapshot);
        free(view);
    }
}

static struct kv_snapshot *snapshot_of(const struct engine_view *view)
{
    return view == NULL ? NULL : view->snapshot;
}

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "the read needs more memory than it may use");
}

enum weir_status engine_get(struct engine *engine, struct engine_view *view, struct arena *a,
                            struct weir_bytes row_key, bool cached_only,
                            struct weir_bytes *ret_item, struct weir_error *err)
{
    struct kv_value value = {0};
    enum weir_status status =
        kv_get(engine->kv, snapshot_of(view), KV_ITEMS, row_key, cached_only, &value, err);
    if (status == WEIR_NOT_FOUND) {
        *ret_item = BYTES_NONE;
        return WEIR_OK;
    }
    struct row row = {0};
    if (status == WEIR_OK) {
        status = item_row_take(value.bytes, &row, err);
    }
    if (status == WEIR_OK) {
        struct weir_bytes copy = arena_dup(a, row.encoding);
        status = copy.ptr == NULL ? no_memory(err) : WEIR_OK;
        *ret_item = status == WEIR_OK ? copy : *ret_item;
    }
    kv_value_fini(&value);
    return status;
}

/* ---- the range of a page ----------------------------------------------------------------------
 */

/* Keys of rows or entries in [from, to). */
struct range {
    struct buf from, to;
};

static uint32_t id_of(const struct engine_page_request *request)
{
    return request->index == NULL ? request->table->id : request->index->id;
}

/* Up to the end of everything that begins with what is in the buffer. */
static void make_successor(struct buf *key)
{
    if (buf_status(key) == WEIR_OK) {
        key_successor(key->ptr, &key->len);
    }
}

static void put_sort_key(struct buf *to, struct weir_bytes prefix, const struct weir_value *value)
{
    buf_reset(to);
    buf_put(to, prefix);
    keycodec_put(to, value);
}

/* The key itself is in front of the range: its only successor is itself and a zero byte. */
static void make_exclusive(struct buf *key)
{
    buf_put_u8(key, 0);
}

/* The prefix of every string or binary that begins with the value: its encoding without its end. */
static void put_sort_prefix(struct buf *to, struct weir_bytes prefix,
                            const struct weir_value *value)
{
    put_sort_key(to, prefix, value);
    if (buf_status(to) == WEIR_OK) {
        to->len -= 2;
    }
}

/* Narrows a range over the whole partition, whose rows begin with `prefix`. */
static void narrow_to_sort_key(const struct expr_key_condition *key, struct weir_bytes prefix,
                               struct range *range)
{
    switch (key->sort_op) {
    case EXPR_SORT_ALL:
        break;
    case EXPR_SORT_EQ:
        put_sort_key(&range->from, prefix, key->low);
        put_sort_key(&range->to, prefix, key->low);
        make_successor(&range->to);
        break;
    case EXPR_SORT_LT:
        put_sort_key(&range->to, prefix, key->low);
        break;
    case EXPR_SORT_LE:
        put_sort_key(&range->to, prefix, key->low);
        make_successor(&range->to);
        break;
    case EXPR_SORT_GT:
        put_sort_key(&range->from, prefix, key->low);
        make_successor(&range->from);
        break;
    case EXPR_SORT_GE:
        put_sort_key(&range->from, prefix, key->low);
        break;
    case EXPR_SORT_BETWEEN:
        put_sort_key(&range->from, prefix, key->low);
        put_sort_key(&range->to, prefix, key->high);
        make_successor(&range->to);
        break;
    case EXPR_SORT_BEGINS_WITH:
        put_sort_prefix(&range->from, prefix, key->low);
        put_sort_prefix(&range->to, prefix, key->low);
        make_successor(&range->to);
        break;
    }
}

static enum weir_status query_range(const struct engine_page_request *request, struct range *range)
{
    struct buf prefix;
    buf_init(&prefix, ROW_KEY_BYTES_MAX);
    buf_put_be32(&prefix, id_of(request));
    buf_put_be64(&prefix, 0);
    keycodec_put(&prefix, request->key->partition);
    enum weir_status status = buf_status(&prefix);
    if (status == WEIR_OK) {
        put_be64(prefix.ptr + 4, keycodec_hash(bytes_of(prefix.ptr + 12, prefix.len - 12)));
        buf_put(&range->from, buf_bytes(&prefix));
        buf_put(&range->to, buf_bytes(&prefix));
        make_successor(&range->to);
        narrow_to_sort_key(request->key, buf_bytes(&prefix), range);
    }
    buf_fini(&prefix);
    return status;
}

/* The first placement hash of segment i of n; for i = n, 2^64, there is none: returns false. */
static bool segment_first(uint32_t i, uint32_t n, uint64_t *ret_hash)
{
    __extension__ typedef unsigned __int128 wide;
    *ret_hash = (uint64_t)((((wide)i << 64) + n - 1) / n);
    return i < n;
}

static void scan_range(const struct engine_page_request *request, struct range *range)
{
    uint32_t count = request->segment_count == 0 ? 1 : request->segment_count;
    uint64_t hash;
    (void)segment_first(request->segment, count, &hash);
    buf_put_be32(&range->from, id_of(request));
    buf_put_be64(&range->from, hash);
    if (segment_first(request->segment + 1, count, &hash)) {
        buf_put_be32(&range->to, id_of(request));
        buf_put_be64(&range->to, hash);
    } else {
        buf_put_be32(&range->to, id_of(request) + 1);
    }
}

/* Cuts off what the pages before this one have covered. */
static enum weir_status start_after(const struct engine_page_request *request, struct range *range,
                                    struct weir_error *err)
{
    struct buf key;
    buf_init(&key, ENTRY_KEY_BYTES_MAX);
    enum weir_status status =
        request->index == NULL
            ? engine_row_key(request->table, request->start_key, true, &key, err)
            : engine_entry_key(request->table, request->index, request->start_key, &key, err);
    struct buf *bound = request->backward ? &range->to : &range->from;
    if (status == WEIR_OK) {
        if (!request->backward) {
            make_exclusive(&key);
        }
        int order = bytes_cmp(buf_bytes(&key), buf_bytes(bound));
        if (request->backward ? order < 0 : order > 0) {
            buf_reset(bound);
            buf_put(bound, buf_bytes(&key));
        }
    }
    buf_fini(&key);
    return status;
}

/* The operands are not an item's keys yet: what is longer than those can be would not fit. */
static enum weir_status check_operands(const struct expr_key_condition *key, struct weir_error *err)
{
    enum weir_status status = key_check_size(key->partition, false, err);
    if (status == WEIR_OK && key->sort_op != EXPR_SORT_ALL) {
        status = key_check_size(key->low, true, err);
    }
    if (status == WEIR_OK && key->sort_op == EXPR_SORT_BETWEEN) {
        status = key_check_size(key->high, true, err);
    }
    return status;
}

static enum weir_status make_range(const struct engine_page_request *request, struct range *range,
                                   struct weir_error *err)
{
    buf_init(&range->from, ENTRY_KEY_BYTES_MAX);
    buf_init(&range->to, ENTRY_KEY_BYTES_MAX);
    enum weir_status status = WEIR_OK;
    if (request->key != NULL) {
        status = check_operands(request->key, err);
        if (status == WEIR_OK && query_range(request, range) != WEIR_OK) {
            status = no_memory(err);
        }
    } else {
        scan_range(request, range);
    }
    if (status == WEIR_OK && request->start_key != NULL) {
        status = start_after(request, range, err);
    }
    if (status == WEIR_OK &&
        (buf_status(&range->from) != WEIR_OK || buf_status(&range->to) != WEIR_OK)) {
        status = no_memory(err);
    }
    return status;
}

/* ---- the walk ---------------------------------------------------------------------------------
 */

struct walk {
    struct engine *engine;
    struct arena *a;       /* of the request: what the page holds */
    struct arena *scratch; /* of one item; NULL: items are not decoded */
    const struct engine_page_request *request;
    struct kv_snapshot *snapshot;
    struct kv_iter *iter;
    struct engine_page page;
    struct buf last;    /* the key evaluated last */
    struct buf row_key; /* of the item being fetched */
};

static enum weir_status add_stored(struct walk *walk, struct weir_bytes encoding,
                                   struct weir_error *err)
{
    struct weir_bytes copy = arena_dup(walk->a, encoding);
    struct weir_value *item = value_append(walk->a, walk->page.items);
    if (copy.ptr == NULL || item == NULL) {
        return no_memory(err);
    }
    *item = (struct weir_value){.type = VALUE_B, .form = VALUE_STORED, .u.bytes = copy};
    return WEIR_OK;
}

static enum weir_status add_projected(struct walk *walk, const struct weir_value *item,
                                      struct weir_error *err)
{
    struct weir_value *projected;
    enum weir_status status =
        expr_project(walk->scratch, walk->request->projection, item, &projected, err);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_value *copy = value_copy(walk->a, projected);
    struct weir_value *to = value_append(walk->a, walk->page.items);
    if (copy == NULL || to == NULL) {
        return no_memory(err);
    }
    *to = *copy;
    to->form = VALUE_ITEM;
    return WEIR_OK;
}

/* Filters, projects and keeps one item. */
static enum weir_status take_item(struct walk *walk, struct weir_bytes encoding,
                                  struct weir_error *err)
{
    const struct engine_page_request *request = walk->request;
    struct weir_value *item = NULL;
    if (walk->scratch != NULL) {
        arena_reset(walk->scratch);
        enum weir_status status = value_decode_item(walk->scratch, encoding, &item, err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    bool passes = true;
    if (request->filter != NULL) {
        enum weir_status status = expr_matches(walk->scratch, request->filter, item, &passes, err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    if (!passes) {
        return WEIR_OK;
    }
    walk->page.count++;
    if (request->count_only) {
        return WEIR_OK;
    }
    return request->projection == NULL ? add_stored(walk, encoding, err)
                                       : add_projected(walk, item, err);
}

static enum weir_status add_key_attribute(struct arena *a, struct weir_value *key,
                                          const struct engine_key_attribute *attribute,
                                          struct weir_bytes *rest, struct weir_error *err)
{
    struct weir_value ignored;
    if (value_member(key, attribute->name) != NULL) { /* a key of the index and of the table */
        return keycodec_take(a, attribute->type, rest, &ignored, err);
    }
    struct weir_bytes name = arena_dup(a, attribute->name);
    struct weir_value *to = value_add(a, key, name);
    if (name.ptr == NULL || to == NULL) {
        return no_memory(err);
    }
    return keycodec_take(a, attribute->type, rest, to, err);
}

static enum weir_status add_key_attributes(struct arena *a, struct weir_value *key,
                                           const struct engine_key_attribute *partition,
                                           const struct engine_key_attribute *sort,
                                           struct weir_bytes *rest, struct weir_error *err)
{
    enum weir_status status = add_key_attribute(a, key, partition, rest, err);
    if (status == WEIR_OK && sort->name.len > 0) {
        status = add_key_attribute(a, key, sort, rest, err);
    }
    return status;
}

/* LastEvaluatedKey of the row evaluated last. */
static enum weir_status set_last_key(struct walk *walk, struct weir_error *err)
{
    const struct engine_table *table = walk->request->table;
    const struct engine_index *index = walk->request->index;
    struct weir_bytes rest = bytes_of(walk->last.ptr + 12, walk->last.len - 12);
    struct weir_value *key = value_new_map(walk->a, VALUE_ITEM);
    if (key == NULL) {
        return no_memory(err);
    }
    enum weir_status status = WEIR_OK;
    if (index != NULL) {
        status = add_key_attributes(walk->a, key, &index->partition, &index->sort, &rest, err);
    }
    if (status == WEIR_OK) {
        status = add_key_attributes(walk->a, key, &table->partition, &table->sort, &rest, err);
    }
    if (status == WEIR_OK) {
        status = value_sort_map(key, err);
        walk->page.last_key = key;
    }
    return status;
}

static bool limit_is_reached(const struct walk *walk)
{
    return walk->request->limit > 0 && walk->page.scanned_count >= walk->request->limit;
}

static bool page_is_full(const struct walk *walk, size_t item_bytes)
{
    return walk->page.scanned_count > 0 && walk->page.scanned_bytes + item_bytes > LIMIT_PAGE_BYTES;
}

static bool step(struct walk *walk)
{
    return walk->request->backward ? kv_iter_prev(walk->engine->kv, walk->iter)
                                   : kv_iter_next(walk->engine->kv, walk->iter);
}

static bool first(struct walk *walk)
{
    return walk->request->backward ? kv_iter_seek_for_prev(walk->engine->kv, walk->iter, BYTES_NONE)
                                   : kv_iter_seek(walk->engine->kv, walk->iter, BYTES_NONE);
}

/* The table's row key of the entry evaluated last. */
static bool make_row_key(struct walk *walk)
{
    const struct engine_table *table = walk->request->table;
    struct weir_bytes keys = bytes_of(walk->last.ptr + 12, walk->last.len - 12);
    if (!index_skip_keys(walk->request->index, &keys)) {
        return false;
    }
    size_t partition_len = keycodec_length(table->partition.type, keys);
    buf_reset(&walk->row_key);
    buf_put_be32(&walk->row_key, table->id);
    buf_put_be64(&walk->row_key, keycodec_hash(bytes_of(keys.ptr, partition_len)));
    buf_put(&walk->row_key, keys);
    return partition_len > 0 && buf_status(&walk->row_key) == WEIR_OK;
}

/* The same as take_item of the whole item behind an entry. */
static enum weir_status take_fetched(struct walk *walk, struct weir_error *err)
{
    struct kv_value value = {0};
    struct row row = {0};
    if (!make_row_key(walk)) {
        return error_set(err, WEIR_CORRUPTION, "an entry of an index has a damaged key");
    }
    enum weir_status status = kv_get(walk->engine->kv, walk->snapshot, KV_ITEMS,
                                     buf_bytes(&walk->row_key), false, &value, err);
    if (status == WEIR_NOT_FOUND) {
        return error_set(err, WEIR_CORRUPTION, "an entry of an index has no item");
    }
    if (status == WEIR_OK) {
        status = item_row_take(value.bytes, &row, err);
    }
    if (status == WEIR_OK) {
        walk->page.fetched_blocks +=
            (row.item_bytes + ENGINE_READ_BLOCK_BYTES - 1) / ENGINE_READ_BLOCK_BYTES;
        status = take_item(walk, row.encoding, err);
    }
    kv_value_fini(&value);
    return status;
}

static enum weir_status run(struct walk *walk, struct weir_error *err)
{
    for (bool found = first(walk); found; found = step(walk)) {
        struct weir_bytes key = kv_iter_key(walk->engine->kv, walk->iter);
        struct row row;
        enum weir_status status =
            item_row_take(kv_iter_value(walk->engine->kv, walk->iter), &row, err);
        if (status != WEIR_OK) {
            return status;
        }
        if (page_is_full(walk, row.item_bytes)) {
            return set_last_key(walk, err);
        }
        buf_reset(&walk->last);
        buf_put(&walk->last, key);
        if (buf_status(&walk->last) != WEIR_OK) {
            return no_memory(err);
        }
        walk->page.scanned_count++;
        walk->page.scanned_bytes += row.item_bytes;
        status =
            walk->request->fetch ? take_fetched(walk, err) : take_item(walk, row.encoding, err);
        if (status != WEIR_OK) {
            return status;
        }
        if (limit_is_reached(walk)) {
            return set_last_key(walk, err);
        }
    }
    return kv_iter_status(walk->engine->kv, walk->iter, err);
}

static enum weir_status open_walk(struct walk *walk, const struct range *range,
                                  struct weir_error *err)
{
    const struct engine_page_request *request = walk->request;
    bool decodes = request->filter != NULL || (request->projection != NULL && !request->count_only);
    walk->scratch = decodes ? arena_new(LIMIT_REQUEST_ARENA_BYTES) : NULL;
    walk->iter =
        kv_iter(walk->engine->kv, walk->snapshot, request->index == NULL ? KV_ITEMS : KV_INDEX,
                buf_bytes(&range->from), buf_bytes(&range->to));
    if (walk->iter == NULL || (decodes && walk->scratch == NULL)) {
        return no_memory(err);
    }
    return WEIR_OK;
}

static void close_walk(struct walk *walk)
{
    kv_iter_free(walk->engine->kv, walk->iter);
    arena_free(walk->scratch);
    buf_fini(&walk->last);
    buf_fini(&walk->row_key);
}

/* Walks the range; an empty one (a lower bound above the upper) gives an empty page. */
static enum weir_status walk_range(struct walk *walk, const struct range *range,
                                   struct weir_error *err)
{
    if (!walk->request->count_only) {
        walk->page.items = value_new_list(walk->a, VALUE_PLAIN);
        if (walk->page.items == NULL) {
            return no_memory(err);
        }
    }
    if (bytes_cmp(buf_bytes(&range->from), buf_bytes(&range->to)) >= 0) {
        return WEIR_OK;
    }
    enum weir_status status = open_walk(walk, range, err);
    return status == WEIR_OK ? run(walk, err) : status;
}

enum weir_status engine_page_read(struct engine *engine, struct engine_view *view, struct arena *a,
                                  const struct engine_page_request *request,
                                  struct engine_page *ret_page, struct weir_error *err)
{
    WEIR_ASSERT(!request->fetch || (request->index != NULL && view != NULL));
    struct walk walk = {
        .engine = engine, .a = a, .request = request, .snapshot = snapshot_of(view)};
    struct range range;
    buf_init(&walk.last, ENTRY_KEY_BYTES_MAX);
    buf_init(&walk.row_key, ROW_KEY_BYTES_MAX);
    enum weir_status status = make_range(request, &range, err);
    if (status == WEIR_OK) {
        status = walk_range(&walk, &range, err);
    }
    if (status == WEIR_OK) {
        *ret_page = walk.page;
    }
    close_walk(&walk);
    buf_fini(&range.from);
    buf_fini(&range.to);
    return status;
}
