/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VALUE_STORAGE_H
#define WEIR_VALUE_STORAGE_H

/*
 * Reading the item encoding (docs/disk-format.md) piece by piece, for the decoder and for the
 * writer of JSON. A reader never goes past its end; the first thing that is wrong makes it bad,
 * and a bad reader gives nothing more, so a caller may check at the end of each value.
 */

#include "value/value.h"

#define STORAGE_VERSION 1

/* Frozen: they are on the disk. */
enum storage_tag {
    STORAGE_S = 'S',
    STORAGE_N = 'N',
    STORAGE_B = 'B',
    STORAGE_FALSE = 'f',
    STORAGE_TRUE = 't',
    STORAGE_NULL = '0',
    STORAGE_M = 'M',
    STORAGE_L = 'L',
    STORAGE_SS = 's',
    STORAGE_NS = 'n',
    STORAGE_BS = 'b',
};

struct storage_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

/* The version byte; then the members of the item are to be read. */
struct storage_reader storage_open(struct weir_bytes bytes);
/* The type of the value that follows; VALUE_TYPE_COUNT and bad if there is none. BOOL is complete
 * with it: *ret_truth. NULL is, too. */
enum value_type storage_take_type(struct storage_reader *r, bool *ret_truth);
/* The length and bytes of a name, an S or a B. */
struct weir_bytes storage_take_bytes(struct storage_reader *r);
/* The same for an N: bad if it is no canonical number. */
struct weir_bytes storage_take_number(struct storage_reader *r);
/* A count of elements, each of which takes at least `element_min` of the bytes that are left. */
uint32_t storage_take_count(struct storage_reader *r, size_t element_min);
/* Bad unless `next` comes after `last` in the order of the set's type. */
void storage_check_order(struct storage_reader *r, enum value_type set, struct weir_bytes last,
                         struct weir_bytes next);

#define STORAGE_MEMBER_MIN 2 /* an empty name's length, a tag */
#define STORAGE_VALUE_MIN 1  /* a tag */
#define STORAGE_BYTES_MIN 1  /* a length */

/* The last word on a reader: WEIR_CORRUPTION if it went bad or has bytes left. */
enum weir_status storage_close(const struct storage_reader *r, struct weir_error *err);

#endif
