/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The growing buffer. Its memory doubles, and always has one byte more than what was reserved, for
 * the NUL that vsnprintf writes: so that a text may fill the buffer to its very maximum.
 */
#include "base/buf.h"

#include "base/base64.h"

#include <stdio.h>
#include <stdlib.h>

#define BUF_CAP_FIRST 128

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_fini(struct buf *b)
{
    free(b->ptr);
    buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->status = WEIR_OK;
}

/* Doubles up to max + 1; never less than `need` bytes. */
static size_t cap_for(const struct buf *b, size_t need)
{
    size_t cap = b->cap < BUF_CAP_FIRST ? BUF_CAP_FIRST : b->cap;
    while (cap < need) {
        cap = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
    }
    return cap > b->max ? (b->max < need ? need : b->max + 1) : cap;
}

static uint8_t *grow(struct buf *b, size_t size)
{
    if (size > b->max - b->len) {
        b->status = WEIR_TOO_LARGE;
        return NULL;
    }
    size_t need;
    uint8_t *ptr = NULL;
    size_t cap = 0;
    if (!__builtin_add_overflow(b->len + size, 1, &need)) {
        cap = cap_for(b, need);
        ptr = realloc(b->ptr, cap);
    }
    if (ptr == NULL) {
        b->status = WEIR_NO_MEMORY;
        return NULL;
    }
    b->ptr = ptr;
    b->cap = cap;
    return ptr + b->len;
}

uint8_t *buf_reserve(struct buf *b, size_t size)
{
    if (b->status != WEIR_OK) {
        return NULL;
    }
    if (b->len < b->cap && size < b->cap - b->len && size <= b->max - b->len) {
        return b->ptr + b->len;
    }
    return grow(b, size);
}

void buf_put(struct buf *b, struct weir_bytes bytes)
{
    uint8_t *to = buf_reserve(b, bytes.len);
    if (to != NULL && bytes.len > 0) {
        memcpy(to, bytes.ptr, bytes.len);
        b->len += bytes.len;
    }
}

void buf_put_str(struct buf *b, const char *s)
{
    buf_put(b, bytes_str(s));
}

void buf_put_u8(struct buf *b, uint8_t value)
{
    uint8_t *to = buf_reserve(b, 1);
    if (to != NULL) {
        *to = value;
        b->len++;
    }
}

void buf_put_be32(struct buf *b, uint32_t value)
{
    uint8_t *to = buf_reserve(b, 4);
    if (to != NULL) {
        put_be32(to, value);
        b->len += 4;
    }
}

void buf_put_be64(struct buf *b, uint64_t value)
{
    uint8_t *to = buf_reserve(b, 8);
    if (to != NULL) {
        put_be64(to, value);
        b->len += 8;
    }
}

void buf_put_varint(struct buf *b, uint64_t value)
{
    uint8_t bytes[10];
    size_t len = 0;
    while (value >= 0x80) {
        bytes[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[len++] = (uint8_t)value;
    buf_put(b, bytes_of(bytes, len));
}

void buf_printf(struct buf *b, const char *format, ...)
{
    if (b->status != WEIR_OK) {
        return;
    }
    va_list args;
    va_start(args, format);
    size_t room = b->cap - b->len;
    int printed = vsnprintf(room == 0 ? NULL : (char *)b->ptr + b->len, room, format, args);
    va_end(args);
    if (printed < 0) {
        b->status = WEIR_TOO_LARGE;
        return;
    }
    size_t len = (size_t)printed;
    uint8_t *to = buf_reserve(b, len);
    if (to == NULL) {
        return;
    }
    if (len >= room) {
        va_start(args, format);
        (void)vsnprintf((char *)to, len + 1, format, args);
        va_end(args);
    }
    b->len += len;
}

void buf_put_base64(struct buf *b, struct weir_bytes bytes)
{
    size_t len = base64_text_len(bytes.len);
    uint8_t *to = buf_reserve(b, len);
    if (to != NULL) {
        base64_encode(bytes, to);
        b->len += len;
    }
}
