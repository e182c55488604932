/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of items and stream records on the disk; docs/disk-format.md is the reference. An
 * item's size is in front of its encoding, so that pages can be counted without decoding.
 */
#include "engine/internal.h"

#define RECORD_VERSION 1
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

void stream_record_put(struct buf *to, const struct engine_record *record)
{
    buf_put_u8(to, RECORD_VERSION);
    buf_put_u8(to, (uint8_t)record->event);
    buf_put_u8(to, record->by_ttl ? RECORD_BY_TTL : 0);
    buf_put_be64(to, (uint64_t)record->commit_ms);
    buf_put_varint(to, record->size_bytes);
    image_put(to, record->keys);
    image_put(to, record->new_image);
    image_put(to, record->old_image);
}

enum weir_status stream_record_take(struct weir_bytes value, struct engine_record *ret_record,
                                    struct weir_error *err)
{
    if (value.len < 11 || value.ptr[0] != RECORD_VERSION || value.ptr[1] > ENGINE_REMOVE) {
        return error_set(err, WEIR_CORRUPTION, "a stored stream record has a damaged header");
    }
    struct engine_record record = {.event = (enum engine_event)value.ptr[1],
                                   .by_ttl = (value.ptr[2] & RECORD_BY_TTL) != 0,
                                   .commit_ms = (int64_t)get_be64(value.ptr + 3)};
    struct weir_bytes rest = bytes_of(value.ptr + 11, value.len - 11);
    if (!varint_take(&rest, &record.size_bytes) || !image_take(&rest, &record.keys) ||
        !image_take(&rest, &record.new_image) || !image_take(&rest, &record.old_image) ||
        rest.len != 0) {
        return error_set(err, WEIR_CORRUPTION, "a stored stream record is cut short");
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
