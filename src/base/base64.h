/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BASE_BASE64_H
#define WEIR_BASE_BASE64_H

/* Base64 of RFC 4648: the standard alphabet, with padding. */

#include "base/bytes.h"

/* The length of the text of `len` bytes; SIZE_MAX when that does not fit. */
static inline size_t base64_text_len(size_t len)
{
    size_t groups = len / 3 + (len % 3 != 0);
    return groups > SIZE_MAX / 4 ? SIZE_MAX : groups * 4;
}

/* Writes base64_text_len(bytes.len) characters. */
void base64_encode(struct weir_bytes bytes, uint8_t *to);

/*
 * Decodes into `to`, which has room for text.len / 4 * 3 bytes. Strict: false when a character is
 * outside the alphabet, the length is no multiple of four, the padding is misplaced, or bits behind
 * the last byte are set.
 */
bool base64_decode(struct weir_bytes text, uint8_t *to, size_t *ret_len);

#endif
