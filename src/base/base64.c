/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 by two tables, in groups of three octets and four characters. */
#include "base/base64.h"

static const char alphabet[64] = {'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M',
                                  'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z',
                                  'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm',
                                  'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
                                  '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '/'};

#define NO_DIGIT 64

/* The value of each ASCII character; NO_DIGIT outside the alphabet. */
static const uint8_t digits[128] = {
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62,
    64, 64, 64, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64, 64, 0,
    1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
    23, 24, 25, 64, 64, 64, 64, 64, 64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,
    39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64,
};

/* One group of four characters from the low 24 bits of `octets`. */
static void encode_group(uint8_t *to, uint32_t octets)
{
    to[0] = (uint8_t)alphabet[octets >> 18 & 63];
    to[1] = (uint8_t)alphabet[octets >> 12 & 63];
    to[2] = (uint8_t)alphabet[octets >> 6 & 63];
    to[3] = (uint8_t)alphabet[octets & 63];
}

void base64_encode(struct weir_bytes bytes, uint8_t *to)
{
    const uint8_t *from = bytes.ptr;
    size_t left = bytes.len;
    for (; left >= 3; left -= 3, from += 3, to += 4) {
        encode_group(to, (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2]);
    }
    if (left == 1) {
        encode_group(to, (uint32_t)from[0] << 16);
        to[2] = to[3] = '=';
    } else if (left == 2) {
        encode_group(to, (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8);
        to[3] = '=';
    }
}

/* Four characters, of which the last `padding` are '=' and count as zero; false if one is none. */
static bool decode_group(const uint8_t *from, size_t padding, uint32_t *ret_octets)
{
    uint32_t octets = 0;
    for (size_t i = 0; i < 4; i++) {
        uint8_t digit = i >= 4 - padding ? 0 : from[i] < 128 ? digits[from[i]] : NO_DIGIT;
        if (digit == NO_DIGIT) {
            return false;
        }
        octets = octets << 6 | digit;
    }
    *ret_octets = octets;
    return true;
}

static size_t padding_of(struct weir_bytes text)
{
    if (text.ptr[text.len - 1] != '=') {
        return 0;
    }
    return text.ptr[text.len - 2] == '=' ? 2 : 1;
}

bool base64_decode(struct weir_bytes text, uint8_t *to, size_t *ret_len)
{
    size_t len = 0;
    if (text.len % 4 != 0) {
        return false;
    }
    for (size_t at = 0; at < text.len; at += 4) {
        size_t padding = at + 4 == text.len ? padding_of(text) : 0;
        uint32_t octets;
        if (!decode_group(text.ptr + at, padding, &octets) ||
            (octets & ((1u << (8 * padding)) - 1)) != 0) {
            return false;
        }
        for (size_t i = 0; i < 3 - padding; i++) {
            to[len++] = (uint8_t)(octets >> (16 - 8 * i));
        }
    }
    *ret_len = len;
    return true;
}
