/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VALUE_NUMBER_H
#define WEIR_VALUE_NUMBER_H

/*
 * DynamoDB's numbers: decimal, up to 38 significant digits, magnitudes 1E-130 to
 * 9.9999999999999999999999999999999999999E+125, and zero. Exact; never a double.
 *
 *     value = (-1)^negative * 0.d1 d2 d3 ... dn * 10^exponent      d1 != 0, dn != 0
 *
 * Zero has count 0, exponent 0 and is not negative.
 */

#include "base/arena.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "weir/error.h"

struct number {
    uint8_t digits[LIMIT_NUMBER_DIGITS]; /* 0..9, most significant first */
    uint8_t count;                       /* digits in use */
    bool negative;
    int16_t exponent;
};

/* Room for the longest canonical text: sign, "0.", 129 zeros, 38 digits. */
#define NUMBER_TEXT_MAX 176

/*
 * Text ("-12.50e3") to a number. WEIR_VALIDATION with AWS's text: no number, more than 38
 * significant digits, or out of range (overflow and underflow have texts of their own).
 */
enum weir_status number_parse(struct weir_bytes text, struct number *ret_number,
                              struct weir_error *err);
/* Canonical text: plain notation, no exponent, no leading or trailing zeros, no "-0"; as AWS
 * answers it. Returns its length; `to` holds NUMBER_TEXT_MAX bytes; not NUL-terminated. */
size_t number_format(const struct number *n, char to[NUMBER_TEXT_MAX]);
/* Whether this is the canonical text of a number in range: what number_format writes. */
bool number_is_canonical(struct weir_bytes text);
/* The text itself if it is canonical already, else a canonical copy in the arena. */
enum weir_status number_canonical(struct arena *a, struct weir_bytes text,
                                  struct weir_bytes *ret_canonical, struct weir_error *err);

int number_compare(const struct number *a, const struct number *b);
/* Exact sums, or WEIR_VALIDATION when the result needs more than 38 digits or leaves the range
 * (AWS's texts for arithmetic overflow and loss of precision). */
enum weir_status number_add(const struct number *a, const struct number *b, struct number *ret_sum,
                            struct weir_error *err);
enum weir_status number_subtract(const struct number *a, const struct number *b,
                                 struct number *ret_difference, struct weir_error *err);
void number_from_int64(int64_t value, struct number *ret_number);
/* False when it is no integer or does not fit. */
bool number_to_int64(const struct number *n, int64_t *ret_value);

#endif
