/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BASE_BUF_H
#define WEIR_BASE_BUF_H

/*
 * A growing buffer that is born with its maximum. Appends past the maximum, or without memory, set
 * a sticky status and append nothing more, so that an encoder writes straight down and checks once
 * at its end (buf_status).
 */

#include <stdarg.h>

#include "base/bytes.h"
#include "weir/error.h"

struct buf {
    uint8_t *ptr; /* NULL until the first append */
    size_t len;
    size_t cap;
    size_t max;              /* len never exceeds it */
    enum weir_status status; /* WEIR_OK, WEIR_TOO_LARGE or WEIR_NO_MEMORY; sticky */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);  /* frees; accepts a zeroed one; leaves it as after buf_init */
void buf_reset(struct buf *b); /* len 0 and status OK, keeps the memory */

/* Room for `size` more bytes at the end, not yet counted in len; NULL and sticky status if over.
 * The pointer is good until the next call; the caller then adds what it wrote to len. */
uint8_t *buf_reserve(struct buf *b, size_t size);

void buf_put(struct buf *b, struct weir_bytes bytes);
void buf_put_str(struct buf *b, const char *s);
void buf_put_u8(struct buf *b, uint8_t value);
void buf_put_be32(struct buf *b, uint32_t value);
void buf_put_be64(struct buf *b, uint64_t value);
/* Unsigned LEB128, at most 10 bytes. */
void buf_put_varint(struct buf *b, uint64_t value);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Base64 with padding, the standard alphabet (RFC 4648). */
void buf_put_base64(struct buf *b, struct weir_bytes bytes);

static inline struct weir_bytes buf_bytes(const struct buf *b)
{
    return bytes_of(b->ptr, b->len);
}

static inline enum weir_status buf_status(const struct buf *b)
{
    return b->status;
}

#endif
