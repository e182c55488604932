/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_CSV_H
#define WEIR_CLI_CSV_H

/*
 * Comma-separated values as RFC 4180 has them: fields in quotes may hold commas, line ends and
 * doubled quotes; records end with CRLF or LF; the last one may go without. Text is UTF-8; a byte
 * order mark at the beginning is skipped.
 *
 * An empty field and a quoted empty field ("") are told apart: here the first is an attribute that
 * is not there, the second an empty string.
 */

#include "cli/source.h"

struct csv_field {
    struct weir_bytes text;
    bool quoted;
};

/* A record holds at most so many fields. */
#define CSV_FIELDS_MAX 4096

struct csv_place;

/* The record at hand; good until the next csv_read. */
struct csv_reader {
    struct csv_field *at;
    size_t count;
    uint64_t line; /* of its beginning */

    /* The reader's own. */
    struct source *from;
    struct buf bytes; /* the fields' texts, one after the other */
    struct csv_place *places;
    struct weir_error *err;
};

/* `from` and `err` outlive it. */
enum weir_status csv_open(struct csv_reader *r, struct source *from, struct weir_error *err);
void csv_close(struct csv_reader *r); /* accepts a zeroed one */

/*
 * The next record. Empty lines are skipped. WEIR_NOT_FOUND at the end; WEIR_VALIDATION for what is
 * no such text, with the source behind the line of the fault, so that reading may go on;
 * WEIR_TOO_LARGE.
 */
enum weir_status csv_read(struct csv_reader *r);

/* One field, in quotes where it needs them; an empty text becomes "". */
void csv_write(struct buf *to, struct weir_bytes text);

#endif
