/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_COLUMNS_H
#define WEIR_CLI_COLUMNS_H

/*
 * The columns of a CSV export: the names of --columns, or all names that the table's items have,
 * and the types that were seen under each, so that a person can be told how to read it back.
 */

#include "cli/data.h"

#define COLUMNS_MAX 4096

struct columns {
    struct arena *arena;
    struct weir_bytes name[COLUMNS_MAX];
    unsigned types[COLUMNS_MAX]; /* a bit for each enum value_type that was seen */
    size_t count;
    bool fixed; /* --columns: others are left out on purpose */
};

/* The keys come first. NULL without memory. */
struct columns *columns_new(const struct data_keys *keys);
void columns_free(struct columns *columns); /* accepts NULL */
/* The names of --columns, in their order, instead of the keys and what is found. */
enum weir_status columns_fix(struct columns *columns, const char *names, struct weir_error *err);
/* Adds the item's names. WEIR_TOO_LARGE past COLUMNS_MAX. */
enum weir_status columns_learn(struct columns *columns, const struct weir_value *item,
                               struct weir_error *err);

void columns_write_header(const struct columns *columns, struct buf *to);
/* The item as a record. WEIR_NOT_FOUND for an attribute that has no column, which must not be
 * dropped: it came after the names were gathered. */
enum weir_status columns_write(struct columns *columns, const struct weir_value *item,
                               struct buf *to, struct weir_error *err);

/* The --types that read the file back, "" when none is needed. False when a column has values of
 * several types, which no option tells apart; its name is then in the text. */
bool columns_types(const struct columns *columns, const struct data_keys *keys, struct buf *to);

#endif
