/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BASE_BYTES_H
#define WEIR_BASE_BYTES_H

/*
 * A view of bytes: pointer and length, by value, owned by somebody else. No reliance on NUL.
 * ptr may be NULL only when len is 0.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct weir_bytes {
    const uint8_t *ptr;
    size_t len;
};

#define BYTES_LIT(s) ((struct weir_bytes){(const uint8_t *)(s), sizeof(s) - 1})
#define BYTES_NONE ((struct weir_bytes){NULL, 0})

/* printf("%.*s", BYTES_ARG(b)): for names that are known to be printable. */
#define BYTES_ARG(b) (int)(b).len, (const char *)(b).ptr

static inline struct weir_bytes bytes_of(const void *ptr, size_t len)
{
    return (struct weir_bytes){(const uint8_t *)ptr, len};
}

static inline struct weir_bytes bytes_str(const char *s)
{
    return bytes_of(s, s == NULL ? 0 : strlen(s));
}

static inline bool bytes_eq(struct weir_bytes a, struct weir_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool bytes_eq_str(struct weir_bytes a, const char *s)
{
    return bytes_eq(a, bytes_str(s));
}

/* Unsigned byte order, a prefix before what it begins. <0, 0, >0. */
static inline int bytes_cmp(struct weir_bytes a, struct weir_bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);
    if (order != 0) {
        return order;
    }
    return a.len < b.len ? -1 : a.len > b.len ? 1 : 0;
}

static inline bool bytes_starts_with(struct weir_bytes a, struct weir_bytes prefix)
{
    return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.ptr, prefix.ptr, prefix.len) == 0);
}

/* What stands between the words of a line, the CR of a line end included. */
static inline bool bytes_is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The bytes without the blanks around them. */
static inline struct weir_bytes bytes_trim(struct weir_bytes text)
{
    while (text.len > 0 && bytes_is_blank(text.ptr[0])) {
        text = bytes_of(text.ptr + 1, text.len - 1);
    }
    while (text.len > 0 && bytes_is_blank(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* Big-endian integers, as keys and disk formats use them. */
static inline void put_be32(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value >> 24);
    to[1] = (uint8_t)(value >> 16);
    to[2] = (uint8_t)(value >> 8);
    to[3] = (uint8_t)value;
}

static inline void put_be64(uint8_t *to, uint64_t value)
{
    put_be32(to, (uint32_t)(value >> 32));
    put_be32(to + 4, (uint32_t)value);
}

static inline uint32_t get_be32(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static inline uint64_t get_be64(const uint8_t *from)
{
    return (uint64_t)get_be32(from) << 32 | get_be32(from + 4);
}

#endif
