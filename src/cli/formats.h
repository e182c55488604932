/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_FORMATS_H
#define WEIR_CLI_FORMATS_H

/*
 * The formats of import and export: items as plain JSON lines, as DynamoDB JSON lines (also those
 * of AWS's export to S3), and as CSV.
 *
 *     jsonl       {"pk":"o-1","total":12.5}
 *     ddb-json    {"Item":{"pk":{"S":"o-1"},"total":{"N":"12.5"}}}      without "Item" when read
 *     csv         pk,total
 *                 o-1,12.5
 *
 * A CSV cell is the attribute's text: S as it is, N its digits, B Base64, BOOL true or false, the
 * others plain JSON. What type it has is not in the file: keys have the table's types, others those
 * of --types, and without it they are text; --infer takes what reads as JSON (a number, true,
 * false, null, an array, an object) for that. An empty cell is no attribute, a quoted empty one an
 * empty text.
 */

#include "cli/csv.h"
#include "cli/data.h"

enum format { FORMAT_JSONL, FORMAT_DDB_JSON, FORMAT_CSV };

#define FORMAT_CHOICES "jsonl|ddb-json|csv"

/* --format, or what the file's name ends in (.csv), or JSON lines. */
enum format format_of(const struct cli_args *args, const char *path);

struct column {
    struct weir_bytes name;
    bool typed; /* whether `type` is known */
    enum value_type type;
};

struct format_reader {
    enum format format;
    struct source source;
    const struct data_keys *keys;
    const char *types; /* --types; NULL: none */
    bool infer;
    uint64_t line; /* of the item at hand */

    /* The reader's own. */
    struct weir_error *err;
    struct buf text; /* a line */
    struct csv_reader csv;
    struct column *columns; /* CSV, in `names` */
    size_t column_count;
    struct arena *names;
};

/* Opens; for CSV reads the header. The zeroed reader's format, keys, types and infer are set. Also
 * after a failure format_reader_close must follow. WEIR_INVALID_ARGUMENT for wrong --types. */
enum weir_status format_reader_open(struct format_reader *r, const char *path,
                                    const atomic_bool *stop, struct weir_error *err);
void format_reader_close(struct format_reader *r);
/* The next item, its keys checked; r->line tells its line. WEIR_NOT_FOUND at the end and once
 * stopped. WEIR_VALIDATION, WEIR_SERIALIZATION and WEIR_TOO_LARGE are of this item alone, and
 * reading may go on. */
enum weir_status format_read(struct format_reader *r, struct arena *a, struct weir_value **ret_item,
                             struct weir_error *err);

/* What a cell says. */
enum weir_status format_parse_cell(struct arena *a, const struct csv_field *cell,
                                   const struct column *column, bool infer, struct weir_value *to,
                                   struct weir_error *err);
/* An attribute as a cell. */
void format_write_cell(struct buf *to, const struct weir_value *value);

#endif
