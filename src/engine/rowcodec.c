/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of items and stream records on the disk; docs/disk-format.md is the reference. An
 * item's size is in front of its encoding, so that pages can be counted without decoding.
 */
#include "engine/internal.h"

/* Versions of a stream record. */
#define RECORD_WHOLE 1  /* each image by itself */
#define RECORD_SHARED 2 /* the old image by what it does not share with the new one */
#define RECORD_BY_TTL 1 /* flag */

bool varint_take(struct weir_bytes *from, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < from->len && i < 10; i++) {
        uint8_t byte = from->ptr[i];
        if (i == 9 && byte > 1) {
            return false;
        }
        value |= (uint64_t)(byte & 0x7F) << (7 * i);
        if ((byte & 0x80) == 0) {
            from->ptr += i + 1;
            from->len -= i + 1;
            *ret_value = value;
            return true;
        }
    }
    return false;
}

void item_row_put(struct buf *to, const struct row *row)
{
    buf_put_varint(to, row->item_bytes);
    buf_put(to, row->encoding);
}

enum weir_status item_row_take(struct weir_bytes value, struct row *ret_row, struct weir_error *err)
{
    uint64_t item_bytes;
    if (!varint_take(&value, &item_bytes) || value.len == 0 || item_bytes > LIMIT_ITEM_BYTES) {
        return error_set(err, WEIR_CORRUPTION, "a stored item has a damaged header");
    }
    *ret_row = (struct row){.encoding = value, .item_bytes = (size_t)item_bytes};
    return WEIR_OK;
}

void stream_key_put(uint8_t to[STREAM_KEY_BYTES], uint32_t stream_id, uint32_t shard, uint64_t seq)
{
    put_be32(to, stream_id);
    put_be32(to + 4, shard);
    put_be64(to + 8, seq);
}

static void image_put(struct buf *to, struct weir_bytes image)
{
    buf_put_varint(to, image.len);
    buf_put(to, image);
}

static bool image_take(struct weir_bytes *from, struct weir_bytes *ret_image)
{
    uint64_t len;
    if (!varint_take(from, &len) || len > from->len) {
        return false;
    }
    *ret_image = bytes_of(from->ptr, (size_t)len);
    from->ptr += len;
    from->len -= (size_t)len;
    return true;
}

/* ---- stream records --------------------------------------------------------------------------
 *
 * Most writes change little of an item, so of two images the old one is only what it does not share
 * with the new one's beginning and end.
 */

/* How many bytes both begin with. */
static size_t shared_before(struct weir_bytes x, struct weir_bytes y)
{
    size_t max = x.len < y.len ? x.len : y.len;
    size_t at = 0;
    while (at + sizeof(uint64_t) <= max && memcmp(x.ptr + at, y.ptr + at, sizeof(uint64_t)) == 0) {
        at += sizeof(uint64_t);
    }
    while (at < max && x.ptr[at] == y.ptr[at]) {
        at++;
    }
    return at;
}

/* How many bytes both end with. */
static size_t shared_behind(struct weir_bytes x, struct weir_bytes y)
{
    size_t max = x.len < y.len ? x.len : y.len;
    const uint8_t *x_end = x.ptr + x.len;
    const uint8_t *y_end = y.ptr + y.len;
    size_t at = 0;
    while (at + sizeof(uint64_t) <= max &&
           memcmp(x_end - at - sizeof(uint64_t), y_end - at - sizeof(uint64_t), sizeof(uint64_t)) ==
               0) {
        at += sizeof(uint64_t);
    }
    while (at < max && x_end[-1 - (ptrdiff_t)at] == y_end[-1 - (ptrdiff_t)at]) {
        at++;
    }
    return at;
}

static void old_image_put(struct buf *to, struct weir_bytes old, struct weir_bytes new)
{
    size_t before = shared_before(old, new);
    size_t behind = shared_behind(bytes_of(old.ptr + before, old.len - before),
                                  bytes_of(new.ptr + before, new.len - before));
    buf_put_varint(to, before);
    buf_put_varint(to, behind);
    image_put(to, bytes_of(old.ptr + before, old.len - before - behind));
}

static enum weir_status damaged(struct weir_error *err)
{
    return error_set(err, WEIR_CORRUPTION, "a stored stream record is damaged or cut short");
}

static enum weir_status old_image_take(struct arena *a, struct weir_bytes *from,
                                       struct weir_bytes new, struct weir_bytes *ret_old,
                                       struct weir_error *err)
{
    uint64_t before;
    uint64_t behind;
    struct weir_bytes middle;
    if (!varint_take(from, &before) || !varint_take(from, &behind) || !image_take(from, &middle) ||
        before > new.len || behind > new.len - before) {
        return damaged(err);
    }
    size_t len = (size_t)before + middle.len + (size_t)behind;
    uint8_t *old = arena_alloc(a, len);
    if (old == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "the records need more memory than may be used");
    }
    memcpy(old, new.ptr, before);
    memcpy(old + before, middle.ptr, middle.len);
    memcpy(old + before + middle.len, new.ptr + new.len - behind, behind);
    *ret_old = bytes_of(old, len);
    return WEIR_OK;
}

void stream_record_put(struct buf *to, const struct engine_record *record)
{
    bool shares = record->new_image.len > 0 && record->old_image.len > 0;
    buf_put_u8(to, shares ? RECORD_SHARED : RECORD_WHOLE);
    buf_put_u8(to, (uint8_t)record->event);
    buf_put_u8(to, record->by_ttl ? RECORD_BY_TTL : 0);
    buf_put_be64(to, (uint64_t)record->commit_ms);
    buf_put_varint(to, record->size_bytes);
    image_put(to, record->keys);
    image_put(to, record->new_image);
    if (shares) {
        old_image_put(to, record->old_image, record->new_image);
    } else {
        image_put(to, record->old_image);
    }
}

/* Up to the size; *rest is moved behind it. */
static bool header_take(struct weir_bytes *rest, struct engine_record *record)
{
    if (rest->len < 11 || (rest->ptr[0] != RECORD_WHOLE && rest->ptr[0] != RECORD_SHARED) ||
        rest->ptr[1] > ENGINE_REMOVE) {
        return false;
    }
    record->event = (enum engine_event)rest->ptr[1];
    record->by_ttl = (rest->ptr[2] & RECORD_BY_TTL) != 0;
    record->commit_ms = (int64_t)get_be64(rest->ptr + 3);
    *rest = bytes_of(rest->ptr + 11, rest->len - 11);
    return varint_take(rest, &record->size_bytes);
}

enum weir_status stream_record_size(struct weir_bytes value, uint64_t *ret_bytes,
                                    struct weir_error *err)
{
    struct engine_record record;
    if (!header_take(&value, &record)) {
        return damaged(err);
    }
    *ret_bytes = record.size_bytes;
    return WEIR_OK;
}

enum weir_status stream_record_take(struct arena *a, struct weir_bytes value,
                                    struct engine_record *ret_record, struct weir_error *err)
{
    struct engine_record record = {0};
    struct weir_bytes rest = value;
    if (!header_take(&rest, &record) || !image_take(&rest, &record.keys) ||
        !image_take(&rest, &record.new_image)) {
        return damaged(err);
    }
    if (value.ptr[0] == RECORD_SHARED) {
        enum weir_status status =
            old_image_take(a, &rest, record.new_image, &record.old_image, err);
        if (status != WEIR_OK) {
            return status;
        }
    } else if (!image_take(&rest, &record.old_image)) {
        return damaged(err);
    }
    if (rest.len != 0) {
        return damaged(err);
    }
    *ret_record = record;
    return WEIR_OK;
}

void key_successor(uint8_t *key, size_t *len)
{
    while (*len > 0 && key[*len - 1] == 0xFF) {
        (*len)--;
    }
    WEIR_ASSERT(*len > 0);
    key[*len - 1]++;
}
