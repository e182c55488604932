/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key attributes as bytes in the order of their values.
 *
 * Idea of the number encoding: value = 0.P1 P2 ... Pn * 100^E with pairs P of decimal digits, P1
 * and Pn not 0. One byte holds sign and E, so that it orders magnitudes; then each pair plus one;
 * then 00. A negative number is all of it complemented. docs/disk-format.md is the reference.
 *
 *     0          80 00
 *     1          C1 02 00        0.01 * 100^1
 *     12.5       C1 0D 33 00     0.1250 * 100^1
 *     -1         3E FD FF
 */
#include "value/keycodec.h"

#include <xxhash.h>

#include "base/error.h"
#include "value/number.h"

#define ESCAPED 0xFF    /* behind 00: the byte 00 itself */
#define TERMINATOR 0x01 /* behind 00: the end */

#define NUMBER_END 0x00
#define PAIRS_MAX 20
/* E is -64..63: a half of the exponent, rounded up. */
#define E_BIAS 64
#define POSITIVE 0x80

_Static_assert(KEYCODEC_NUMBER_MAX == 1 + PAIRS_MAX + 1, "head, pairs, end");
_Static_assert((LIMIT_NUMBER_EXPONENT_MAX + 2) / 2 < E_BIAS, "E fits seven bits above");
_Static_assert((LIMIT_NUMBER_EXPONENT_MIN + 1) / 2 >= -E_BIAS, "E fits seven bits below");

static void put_escaped(struct buf *to, struct weir_bytes bytes)
{
    const uint8_t *at = bytes.ptr;
    size_t left = bytes.len;

    while (left > 0) {
        const uint8_t *zero = memchr(at, 0, left);
        size_t run = zero == NULL ? left : (size_t)(zero - at) + 1;
        buf_put(to, bytes_of(at, run));
        if (zero != NULL) {
            buf_put_u8(to, ESCAPED);
        }
        at += run;
        left -= run;
    }
    buf_put(to, bytes_of((const uint8_t[]){0, TERMINATOR}, 2));
}

/* The encoding of a number that is not negative. */
static size_t encode_magnitude(const struct number *n, uint8_t to[KEYCODEC_NUMBER_MAX])
{
    size_t len = 0;
    bool odd = n->exponent % 2 != 0;
    int e = (n->exponent + (odd ? 1 : 0)) / 2;

    to[len++] = (uint8_t)(n->count == 0 ? POSITIVE : POSITIVE + E_BIAS + e);
    for (int i = odd ? -1 : 0; i < n->count; i += 2) {
        int tens = i < 0 ? 0 : n->digits[i];
        int ones = i + 1 < n->count ? n->digits[i + 1] : 0;
        to[len++] = (uint8_t)(tens * 10 + ones + 1);
    }
    to[len++] = NUMBER_END;
    return len;
}

static void put_number(struct buf *to, struct weir_bytes text)
{
    struct number n;
    uint8_t bytes[KEYCODEC_NUMBER_MAX];

    WEIR_ASSERT(number_parse(text, &n, NULL) == WEIR_OK);
    size_t len = encode_magnitude(&n, bytes);
    for (size_t i = 0; n.negative && i < len; i++) {
        bytes[i] = (uint8_t)~bytes[i];
    }
    buf_put(to, bytes_of(bytes, len));
}

void keycodec_put(struct buf *to, const struct weir_value *value)
{
    WEIR_ASSERT(value->type == VALUE_S || value->type == VALUE_N || value->type == VALUE_B);
    if (value->type == VALUE_N) {
        put_number(to, value->u.bytes);
    } else {
        put_escaped(to, value->u.bytes);
    }
}

/* Length of an S or B encoding with its end; *ret_escaped is how many bytes 00 it stands for. */
static size_t escaped_length(struct weir_bytes bytes, size_t *ret_escaped)
{
    size_t at = 0;

    *ret_escaped = 0;
    while (at < bytes.len) {
        const uint8_t *zero = memchr(bytes.ptr + at, 0, bytes.len - at);
        if (zero == NULL) {
            return 0;
        }
        at = (size_t)(zero - bytes.ptr) + 2;
        if (at > bytes.len) {
            return 0;
        }
        if (zero[1] == TERMINATOR) {
            return at;
        }
        if (zero[1] != ESCAPED) {
            return 0;
        }
        (*ret_escaped)++;
    }
    return 0;
}

static size_t number_length(struct weir_bytes bytes)
{
    if (bytes.len == 0) {
        return 0;
    }
    uint8_t end = bytes.ptr[0] >= POSITIVE ? NUMBER_END : (uint8_t)~NUMBER_END;
    size_t longest = bytes.len < KEYCODEC_NUMBER_MAX ? bytes.len : KEYCODEC_NUMBER_MAX;
    for (size_t i = 1; i < longest; i++) {
        if (bytes.ptr[i] == end) {
            return i + 1;
        }
    }
    return 0;
}

size_t keycodec_length(enum value_type type, struct weir_bytes bytes)
{
    size_t escaped;
    return type == VALUE_N ? number_length(bytes) : escaped_length(bytes, &escaped);
}

static bool take_escaped(struct arena *a, struct weir_bytes bytes, size_t *ret_len,
                         struct weir_bytes *ret_raw)
{
    size_t escaped = 0;
    size_t len = escaped_length(bytes, &escaped);

    if (len == 0) {
        return false;
    }
    size_t raw_len = len - 2 - escaped;
    uint8_t *raw = arena_alloc(a, raw_len);
    for (size_t from = 0, to = 0; raw != NULL && to < raw_len; to++) {
        raw[to] = bytes.ptr[from];
        from += bytes.ptr[from] == 0 ? 2 : 1;
    }
    *ret_len = len;
    *ret_raw = bytes_of(raw, raw_len);
    return true;
}

/* The digits of the pairs into *n; false if it is not what encode_magnitude writes. */
static bool read_pairs(const uint8_t *pairs, size_t count, struct number *n)
{
    uint8_t digits[2 * PAIRS_MAX] = {0};

    for (size_t i = 0; i < count; i++) {
        if (pairs[i] > 100) {
            return false;
        }
        digits[2 * i] = (uint8_t)((pairs[i] - 1) / 10);
        digits[2 * i + 1] = (uint8_t)((pairs[i] - 1) % 10);
    }
    size_t first = digits[0] == 0 ? 1 : 0;
    size_t end = digits[2 * count - 1] == 0 ? 2 * count - 1 : 2 * count;
    if (end <= first || digits[first] == 0 || digits[end - 1] == 0 ||
        end - first > LIMIT_NUMBER_DIGITS) {
        return false;
    }
    n->count = (uint8_t)(end - first);
    memcpy(n->digits, digits + first, n->count);
    n->exponent = (int16_t)(n->exponent - (int)first);
    return true;
}

static bool decode_number(struct weir_bytes encoding, struct number *ret_number)
{
    uint8_t bytes[KEYCODEC_NUMBER_MAX] = {0};
    bool negative = encoding.ptr[0] < POSITIVE;
    struct number n = {.negative = negative};

    for (size_t i = 0; i < encoding.len; i++) {
        bytes[i] = negative ? (uint8_t)~encoding.ptr[i] : encoding.ptr[i];
    }
    if (encoding.len == 2) {
        *ret_number = (struct number){0};
        return bytes[0] == POSITIVE && !negative;
    }
    n.exponent = (int16_t)(2 * (bytes[0] - POSITIVE - E_BIAS));
    /* The 128 values of E are just those of the range, so it needs no check. */
    if (!read_pairs(bytes + 1, encoding.len - 2, &n)) {
        return false;
    }
    *ret_number = n;
    return true;
}

static bool take_number(struct arena *a, struct weir_bytes bytes, size_t *ret_len,
                        struct weir_bytes *ret_text)
{
    char text[NUMBER_TEXT_MAX];
    struct number n;
    size_t len = number_length(bytes);

    if (len == 0 || !decode_number(bytes_of(bytes.ptr, len), &n)) {
        return false;
    }
    *ret_len = len;
    *ret_text = arena_dup(a, bytes_of(text, number_format(&n, text)));
    return true;
}

enum weir_status keycodec_take(struct arena *a, enum value_type type, struct weir_bytes *bytes,
                               struct weir_value *ret_value, struct weir_error *err)
{
    size_t len = 0;
    struct weir_bytes taken = BYTES_NONE;

    WEIR_ASSERT(type == VALUE_S || type == VALUE_N || type == VALUE_B);
    bool good = type == VALUE_N ? take_number(a, *bytes, &len, &taken)
                                : take_escaped(a, *bytes, &len, &taken);
    if (!good) {
        return error_set(err, WEIR_CORRUPTION, "a stored key is damaged: no encoding of type %s",
                         value_type_name(type));
    }
    if (taken.ptr == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a key");
    }
    *ret_value =
        (struct weir_value){.type = (uint8_t)type, .form = VALUE_ATTRIBUTE, .u.bytes = taken};
    *bytes = bytes_of(bytes->ptr + len, bytes->len - len);
    return WEIR_OK;
}

uint64_t keycodec_hash(struct weir_bytes encoded_partition_key)
{
    return XXH3_64bits(encoded_partition_key.ptr, encoded_partition_key.len);
}
