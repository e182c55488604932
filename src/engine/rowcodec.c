/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of items on the disk; docs/disk-format.md is the reference. An item's size is in front
 * of its encoding, so that pages can be counted without decoding.
 */
#include "engine/internal.h"

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

void key_successor(uint8_t *key, size_t *len)
{
    while (*len > 0 && key[*len - 1] == 0xFF) {
        (*len)--;
    }
    WEIR_ASSERT(*len > 0);
    key[*len - 1]++;
}
