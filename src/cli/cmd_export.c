/* SPDX-License-Identifier: Apache-2.0 */

/*
 * weir export: a table into a file or a pipe, segments side by side. For CSV the table is read
 * twice when its columns are not named: once for the names of the header.
 */

#include <pthread.h>
#include <string.h>

#include "base/error.h"
#include "cli/columns.h"
#include "cli/formats.h"
#include "cli/outfile.h"
#include "cli/progress.h"
#include "cli/scan.h"
#include "client/client.h"

#define PAGE_TEXT_BYTES ((size_t)256 * 1024 * 1024)
#define SEGMENTS 4

const struct cli_option cmd_export_options[] = {
    {"format", 'f', FORMAT_CHOICES, "of the file (csv if it ends in .csv, else jsonl)"},
    {"columns", 0, "NAME,...", "these columns of a CSV file, in this order (all attributes)"},
    {"segments", 0, "N", "read so many parts at the same time (4)"},
    {"consistent", 0, NULL, "consistent reads"},
    {0},
};

struct export
{
    const char *table;
    enum format format;
    struct data_session s;
    struct data_keys keys;
    struct outfile out;
    struct columns *columns; /* CSV */
    bool learning;           /* CSV: the pass for the names */
    struct progress progress;
    pthread_mutex_t mu; /* around the file, the columns and what follows */
    uint64_t items;
};

static atomic_bool stop_wanted;

static void want_stop(void *unused)
{
    (void)unused;
    atomic_store(&stop_wanted, true);
}

/* ---- a page ---------------------------------------------------------------------------------- */

/* @locks export->mu is held for CSV */
static enum weir_status write_item(struct export *export, const struct weir_value *item,
                                   struct buf *to, struct weir_error *err)
{
    switch (export->format) {
    case FORMAT_CSV:
        return export->learning ? columns_learn(export->columns, item, err)
                                : columns_write(export->columns, item, to, err);
    case FORMAT_DDB_JSON:
        buf_put_str(to, "{\"Item\":");
        data_write_item(to, item, true);
        buf_put_str(to, "}\n");
        return WEIR_OK;
    case FORMAT_JSONL:
        data_write_item(to, item, false);
        buf_put_u8(to, '\n');
        break;
    }
    return WEIR_OK;
}

static enum weir_status write_items(struct export *export, struct arena *a,
                                    const struct value_list *items, struct buf *to,
                                    struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < items->count; i++) {
        struct weir_value *item = NULL;
        status = value_to_item(a, &items->at[i], &item, err);
        if (status == WEIR_OK) {
            status = write_item(export, item, to, err);
        }
    }
    if (status == WEIR_OK && buf_status(to) != WEIR_OK) {
        status = error_set(err, buf_status(to), "a page is too large to be written");
    }
    return status;
}

/* Text is made beside other segments, except for CSV, whose columns are shared. */
static enum weir_status on_page(void *arg, struct arena *a, const struct value_list *items,
                                const struct weir_value *response, struct weir_error *err)
{
    struct export *export = arg;
    struct buf text;
    bool shared = export->format == FORMAT_CSV;
    (void)response;
    buf_init(&text, PAGE_TEXT_BYTES);
    if (shared) {
        (void)pthread_mutex_lock(&export->mu);
    }
    enum weir_status status = write_items(export, a, items, &text, err);
    if (!shared) {
        (void)pthread_mutex_lock(&export->mu);
    }
    if (status == WEIR_OK && text.len > 0) {
        status = outfile_write(&export->out, text.ptr, text.len, err);
    }
    if (status == WEIR_OK) {
        export->items += items->count;
        progress_update(&export->progress, export->items, export->items);
    }
    (void)pthread_mutex_unlock(&export->mu);
    buf_fini(&text);
    return status;
}

/* ---- the run --------------------------------------------------------------------------------- */

static enum weir_status read_table(struct export *export, const char *verb, int64_t segments)
{
    struct data_session *s = &export->s;
    struct weir_value *request = data_request(s, export->table);
    struct scan_options options = {.client = s->client,
                                   .operation = "Scan",
                                   .request = request,
                                   .segments = (unsigned)segments,
                                   .stop = &stop_wanted,
                                   .page = on_page,
                                   .arg = export};
    if (request == NULL) {
        return error_set(&s->err, WEIR_NO_MEMORY, "no memory for a request");
    }
    value_add_bool(s->arena, request, "ConsistentRead", cli_has(s->args, "consistent"));
    export->items = 0;
    progress_init(&export->progress, s->args, client_env(s->client), verb,
                  (uint64_t)(export->keys.item_count > 0 ? export->keys.item_count : 0));
    enum weir_status status = scan_run(&options, &s->err);
    progress_end(&export->progress);
    return status;
}

static enum weir_status prepare_columns(struct export *export, int64_t segments)
{
    struct data_session *s = &export->s;
    const char *names = cli_get(s->args, "columns");
    struct buf header;
    export->columns = columns_new(&export->keys);
    if (export->columns == NULL) {
        return error_set(&s->err, WEIR_NO_MEMORY, "no memory for the columns' names");
    }
    enum weir_status status = WEIR_OK;
    if (names != NULL) {
        status = columns_fix(export->columns, names, &s->err);
    } else {
        export->learning = true;
        status = read_table(export, "looking for columns", segments);
        export->learning = false;
    }
    if (status != WEIR_OK) {
        return status;
    }
    buf_init(&header, PAGE_TEXT_BYTES);
    columns_write_header(export->columns, &header);
    status = outfile_write(&export->out, header.ptr, header.len, &s->err);
    buf_fini(&header);
    return status;
}

static enum weir_status run(struct export *export)
{
    struct data_session *s = &export->s;
    const char *path = s->args->word_count > 1 ? s->args->words[1] : "-";
    int64_t segments = SEGMENTS;
    export->format = format_of(s->args, path);
    if (export->format != FORMAT_CSV && cli_has(s->args, "columns")) {
        return data_usage(s, "--columns is for --format csv");
    }
    enum weir_status status =
        cli_get_number(s->args, "segments", 1, SCAN_SEGMENTS_MAX, SEGMENTS, &segments, &s->err);
    if (status == WEIR_OK) {
        status = data_keys_get(s, export->table, NULL, &export->keys);
    }
    if (status == WEIR_OK) {
        status = outfile_open(&export->out, path, &s->err);
    }
    if (status == WEIR_OK && export->format == FORMAT_CSV) {
        status = prepare_columns(export, segments);
    }
    if (status == WEIR_OK) {
        status = read_table(export, "exporting", segments);
    }
    return status == WEIR_OK ? outfile_finish(&export->out, &s->err) : status;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* How the CSV file is read back with the same types. */
static void say_types(const struct export *export)
{
    struct buf types;
    buf_init(&types, PAGE_TEXT_BYTES);
    bool good = columns_types(export->columns, &export->keys, &types);
    if (!good) {
        fprintf(stderr,
                "weir: the attribute %.*s has values of several types, which CSV does not tell "
                "apart: use another format to read it back\n",
                BYTES_ARG(buf_bytes(&types)));
    } else if (types.len > 0) {
        fprintf(stderr, "weir: to read it back: weir import --types '%.*s'\n",
                BYTES_ARG(buf_bytes(&types)));
    }
    buf_fini(&types);
}

/* A name of --columns that is misspelled would otherwise drop its values in silence. */
static void warn_of_empty(const struct columns *columns)
{
    for (size_t i = 0; i < columns->count; i++) {
        if (columns->types[i] == 0) {
            fprintf(stderr, "weir: column %.*s is empty: no item has that attribute\n",
                    BYTES_ARG(columns->name[i]));
        }
    }
}

static void summary(const struct export *export, enum weir_status status)
{
    char items[PROGRESS_COUNT_SIZE], bytes[PROGRESS_COUNT_SIZE];
    uint64_t ms = progress_elapsed_ms(&export->progress);
    const char *part = outfile_part(&export->out);
    if (cli_json(export->s.args)) {
        fprintf(stderr, "{\"items\":%llu,\"bytes\":%llu,\"complete\":%s,\"elapsedMs\":%llu}\n",
                (unsigned long long)export->items, (unsigned long long)export->out.bytes,
                status == WEIR_OK ? "true" : "false", (unsigned long long)ms);
        return;
    }
    if (status == WEIR_OK && export->items > 0 && export->format == FORMAT_CSV) {
        warn_of_empty(export->columns);
    }
    if (cli_has(export->s.args, "quiet")) {
        return;
    }
    fprintf(stderr, "weir: exported %s, %s bytes, in %llu.%01llu s\n",
            progress_items(items, export->items), progress_count(bytes, export->out.bytes),
            (unsigned long long)(ms / 1000), (unsigned long long)(ms % 1000 / 100));
    if (status == WEIR_OK && export->format == FORMAT_CSV) {
        say_types(export);
    }
    if (status != WEIR_OK) {
        fprintf(stderr, "weir: the export is not complete%s%s\n",
                part != NULL ? "; what there is: " : "", part != NULL ? part : "");
    }
}

int cmd_export(const struct cli_args *args)
{
    struct export export = {.mu = PTHREAD_MUTEX_INITIALIZER};
    struct weir_error err = {0};
    enum weir_status status = cli_on_stop(want_stop, NULL, &err);
    if (status != WEIR_OK) {
        return cli_fail(args, status, &err);
    }
    status = data_open(&export.s, args);
    if (status == WEIR_OK && (args->word_count < 1 || args->word_count > 2)) {
        status = data_usage(&export.s, "a table, and perhaps a file");
    }
    if (status == WEIR_OK) {
        export.table = args->words[0];
        status = run(&export);
    }
    if (export.progress.env != NULL) {
        summary(&export, status);
    }
    outfile_close(&export.out);
    columns_free(export.columns);
    return data_close(&export.s, status);
}
