/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TEST_RANDOM_VALUE_H
#define WEIR_TEST_RANDOM_VALUE_H

/* Random numbers and random values for property tests; the seed is printed, and taken again from
 * WEIR_TEST_SEED. */

#include "value/value.h"

/* Reads or makes the seed and prints how to run again with it. */
void random_start(const char *test);
uint64_t random_u64(void);
/* 0..below-1 */
uint32_t random_below(uint32_t below);

/* The text of a number that DynamoDB takes, in one of its many spellings; NUL-terminated. */
#define RANDOM_NUMBER_MAX 256
void random_number_text(char to[RANDOM_NUMBER_MAX]);
/* A scalar of that type, S, N or B. */
struct weir_value random_scalar(struct arena *a, enum value_type type);
/* An attribute value with at most `levels` levels of nesting. */
struct weir_value random_attribute(struct arena *a, unsigned levels);
/* An item, with everything in the order that the invariants ask for. */
struct weir_value *random_item(struct arena *a);

#endif
