/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VALUE_KEYCODEC_H
#define WEIR_VALUE_KEYCODEC_H

/*
 * Key attributes as bytes whose unsigned byte order is the order of the values: strings and binary
 * in byte order, numbers by value. Each encoding is self-delimiting, and no encoding is a prefix
 * of another, so that keys can be put one behind another. docs/disk-format.md is the reference.
 *
 *     S, B   every byte 00 becomes 00 FF; ends with 00 01
 *     N      class and exponent in one byte, digit pairs 1..100, complemented for negatives, end
 *
 * The type of a key attribute is known from the table's schema and is not in the encoding.
 */

#include "value/value.h"

/* The longest encoding of a number. */
#define KEYCODEC_NUMBER_MAX 22

/* Appends the encoding of an S, N or B attribute value. */
void keycodec_put(struct buf *to, const struct weir_value *value);
/* Reads one encoding of that type from the front of *bytes and moves *bytes past it; the value's
 * bytes are in the arena. WEIR_CORRUPTION if it is none. */
enum weir_status keycodec_take(struct arena *a, enum value_type type, struct weir_bytes *bytes,
                               struct weir_value *ret_value, struct weir_error *err);
/* The length of the encoding at the front of `bytes`, without decoding; 0 if it is none. */
size_t keycodec_length(enum value_type type, struct weir_bytes bytes);

/*
 * The placement hash of a partition key's encoding: XXH3 64 bits, seed 0. Frozen: it is on the
 * disk, orders scans and cuts streams into shards; tests/golden/placement_hash holds it fast.
 */
uint64_t keycodec_hash(struct weir_bytes encoded_partition_key);

#endif
