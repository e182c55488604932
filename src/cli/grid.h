/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_GRID_H
#define WEIR_CLI_GRID_H

/* A table of text for people: a head, rows, columns as wide as they must be. */

#include "base/arena.h"
#include "base/buf.h"

#define GRID_COLUMNS_MAX 8

struct grid {
    struct arena *arena;
    unsigned columns;
    unsigned right; /* a bit for each column that is aligned to the right: numbers */
    const char **cells;
    size_t count, room;
    bool failed; /* memory ran out: sticky */
};

/* The head's cells end with NULL; texts are borrowed, here and below. */
void grid_init(struct grid *g, struct arena *a, unsigned right, const char *const *head);
/* The next cell, row by row; NULL is "-". */
void grid_add(struct grid *g, const char *text);
void grid_add_number(struct grid *g, int64_t number);
/* All rows, one line each; sets `to` to WEIR_NO_MEMORY after a failure. */
void grid_write(const struct grid *g, struct buf *to);

#endif
