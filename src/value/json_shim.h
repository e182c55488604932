/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VALUE_JSON_SHIM_H
#define WEIR_VALUE_JSON_SHIM_H

/*
 * simdjson for C: text in, its tape out. The tape is walked in C (json_parse.c), so that what is
 * built from input is built by code under our assertions and sanitizers.
 *
 * A tape is a row of words, a tag in the top 8 bits and a payload in the other 56:
 *
 *     'r' root            at 0: payload = index behind the last word
 *     '{' '[' container   payload = index behind its end | elements << 32 (24 bits, saturated)
 *     '}' ']' its end
 *     '"' string          payload = offset in the string block: u32 length, bytes, NUL
 *     'l' 'u' 'd' number  the next word is the int64, uint64 or double
 *     't' 'f' 'n'         true, false, null
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct json_tape {
    const uint64_t *words;
    const uint8_t *strings;
};

/*
 * Parses with this thread's parser. NULL on success, and the tape is good until the next call on
 * this thread or json_shim_done; else what is wrong, a static string ("" without memory).
 */
const char *json_shim_parse(const uint8_t *text, size_t len, unsigned depth_max,
                            struct json_tape *ret_tape);
/* Gives the memory of this thread's parser back if it has grown for bodies above `keep_bytes`. */
void json_shim_done(size_t keep_bytes);

#define JSON_SHIM_NUMBER_MAX 32
/* Shortest text that reads back as the same double, with a point in it, or an exponent if it is
 * very large or very small; and an integer's text. They return the length; not NUL-terminated. */
size_t json_shim_format_double(double number, char to[JSON_SHIM_NUMBER_MAX]);
size_t json_shim_format_int(int64_t number, char to[JSON_SHIM_NUMBER_MAX]);
size_t json_shim_format_uint(uint64_t number, char to[JSON_SHIM_NUMBER_MAX]);

#ifdef __cplusplus
}
#endif

#endif
