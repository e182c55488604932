/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Items from a file into a table. Nothing is dropped silently: each item that was read is written,
 * or named with its line and what is wrong, and the summary's numbers add up.
 */

#include "cli/loader.h"

#include <string.h>

#include "base/error.h"
#include "cli/progress.h"
#include "client/client.h"

#define EXIT_BAD_DATA 65

struct load {
    const struct load_options *options;
    struct data_session s;
    struct data_keys keys;
    struct format_reader reader;
    struct writer *writer;
    struct progress progress;
    struct arena *item_arena;
    uint64_t read;            /* items that were good as they stood in the file */
    uint64_t bad_read;        /* that were not */
    atomic_uint_fast64_t bad; /* of those above and those that the service refused */
    atomic_uint_fast64_t unprocessed;
};

static atomic_bool stop_wanted;

static void want_stop(void *unused)
{
    (void)unused;
    atomic_store(&stop_wanted, true);
}

/* ---- what was wrong -------------------------------------------------------------------------- */

static void say_bad(const struct load *load, uint64_t line, enum weir_status status,
                    const struct weir_error *error)
{
    if (cli_json(load->s.args)) {
        struct weir_error named = *error;
        (void)error_wrap(&named, status, "%s:%llu", load->reader.source.name,
                         (unsigned long long)line);
        (void)cli_fail(load->s.args, status, &named);
        return;
    }
    fprintf(stderr, "%sweir: %s:%llu: %s\n", load->progress.shown ? "\r\033[K" : "",
            load->reader.source.name, (unsigned long long)line, error->message);
}

/* @thread the writer's, one at a time */
static void on_refused(void *arg, uint64_t line, enum weir_status status,
                       const struct weir_error *error)
{
    struct load *load = arg;
    atomic_fetch_add(status == WEIR_UNAVAILABLE ? &load->unprocessed : &load->bad, 1);
    say_bad(load, line, status, error);
}

static bool is_of_one_item(enum weir_status status)
{
    return status == WEIR_VALIDATION || status == WEIR_SERIALIZATION || status == WEIR_TOO_LARGE;
}

static bool must_end(const struct load *load)
{
    return (atomic_load(&load->bad) > 0 && !load->options->skip_bad) || atomic_load(&stop_wanted) ||
           (load->writer != NULL && writer_failed(load->writer));
}

/* ---- the run --------------------------------------------------------------------------------- */

static void show(struct load *load)
{
    uint64_t items = load->writer == NULL ? load->read : writer_written(load->writer);
    progress_update(&load->progress, items, source_done(&load->reader.source));
}

/* One item from the file to the writer. */
static enum weir_status load_item(struct load *load)
{
    struct weir_value *item = NULL;
    struct weir_error err = {0};
    arena_reset(load->item_arena);
    enum weir_status status = format_read(&load->reader, load->item_arena, &item, &err);
    if (is_of_one_item(status)) {
        load->bad_read++;
        atomic_fetch_add(&load->bad, 1);
        say_bad(load, load->reader.line, status, &err);
        return WEIR_OK;
    }
    if (status != WEIR_OK) {
        load->s.err = err;
        return status;
    }
    load->read++;
    if (load->writer != NULL) {
        (void)writer_put(load->writer, item, load->reader.line);
    }
    return WEIR_OK;
}

static enum weir_status load_all(struct load *load)
{
    enum weir_status status = WEIR_OK;
    while (status == WEIR_OK && !must_end(load)) {
        status = load_item(load);
        show(load);
    }
    if (load->writer != NULL) {
        struct weir_error err = {0};
        enum weir_status written = writer_finish(load->writer, &err);
        if (written != WEIR_OK && (status == WEIR_OK || status == WEIR_NOT_FOUND)) {
            load->s.err = err;
            return written;
        }
    }
    return status == WEIR_NOT_FOUND ? WEIR_OK : status;
}

static enum weir_status load_open(struct load *load)
{
    const struct load_options *options = load->options;
    struct data_session *s = &load->s;
    enum weir_status status = data_keys_get(s, options->table, NULL, &load->keys);
    if (status != WEIR_OK) {
        return status;
    }
    load->reader = (struct format_reader){.format = options->format,
                                          .keys = &load->keys,
                                          .types = cli_get(s->args, "types"),
                                          .infer = cli_has(s->args, "infer")};
    status = format_reader_open(&load->reader, options->path, &stop_wanted, &s->err);
    load->item_arena = arena_new(DATA_ARENA_BYTES);
    if (status == WEIR_OK && load->item_arena == NULL) {
        status = error_set(&s->err, WEIR_NO_MEMORY, "no memory for an item");
    }
    struct writer_options writer = {.client = s->client,
                                    .table = options->table,
                                    .keys = &load->keys,
                                    .kind = options->kind,
                                    .refused = on_refused,
                                    .arg = load};
    if (status == WEIR_OK && !options->dry_run) {
        status = writer_open(&writer, &load->writer, &s->err);
    }
    progress_init(&load->progress, s->args, client_env(s->client), options->verb,
                  load->reader.source.size);
    return status;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Items that may be written although no answer said so. */
static uint64_t unknown_count(const struct load *load)
{
    return load->writer == NULL ? 0 : writer_unknown(load->writer);
}

static void summary_json(const struct load *load, uint64_t written, bool stopped)
{
    fprintf(stderr,
            "{\"read\":%llu,\"written\":%llu,\"bad\":%llu,\"unprocessed\":%llu,\"unknown\":%llu,"
            "\"line\":%llu,\"stopped\":%s,\"elapsedMs\":%llu}\n",
            (unsigned long long)(load->read + load->bad_read), (unsigned long long)written,
            (unsigned long long)atomic_load(&load->bad),
            (unsigned long long)atomic_load(&load->unprocessed),
            (unsigned long long)unknown_count(load), (unsigned long long)load->reader.line,
            stopped ? "true" : "false", (unsigned long long)progress_elapsed_ms(&load->progress));
}

static void summary_text(const struct load *load, uint64_t written, bool stopped)
{
    char count[PROGRESS_COUNT_SIZE];
    uint64_t bad = atomic_load(&load->bad), unprocessed = atomic_load(&load->unprocessed);
    uint64_t ms = progress_elapsed_ms(&load->progress);
    if (load->options->dry_run) {
        fprintf(stderr, "weir: %s good for table %s; nothing was written",
                progress_items(count, load->read), load->options->table);
    } else {
        fprintf(stderr, "weir: %s %s in %llu.%01llu s", load->options->past,
                progress_items(count, written), (unsigned long long)(ms / 1000),
                (unsigned long long)(ms % 1000 / 100));
    }
    if (bad > 0) {
        fprintf(stderr, "; %s bad", progress_count(count, bad));
    }
    if (unprocessed > 0) {
        fprintf(stderr, "; %s left unprocessed", progress_count(count, unprocessed));
    }
    if (unknown_count(load) > 0) {
        fprintf(stderr, "; of %s it is not known", progress_count(count, unknown_count(load)));
    }
    uint64_t told = written + bad + unprocessed + unknown_count(load);
    if (!load->options->dry_run && load->read + load->bad_read > told) {
        fprintf(stderr, "; %s more read and not written",
                progress_count(count, load->read + load->bad_read - told));
    }
    if (stopped) {
        fprintf(stderr, "; stopped at %s:%llu", load->reader.source.name,
                (unsigned long long)load->reader.line);
    }
    fputc('\n', stderr);
}

static void summary(const struct load *load, bool failed)
{
    uint64_t written = load->writer == NULL ? 0 : writer_written(load->writer);
    bool stopped = failed || atomic_load(&stop_wanted) ||
                   (atomic_load(&load->bad) > 0 && !load->options->skip_bad);
    if (cli_json(load->s.args)) {
        summary_json(load, written, stopped);
    } else if (!cli_has(load->s.args, "quiet")) {
        summary_text(load, written, stopped);
    }
}

static int exit_code(const struct load *load)
{
    if (atomic_load(&load->bad) > 0 && !load->options->skip_bad) {
        return EXIT_BAD_DATA;
    }
    bool incomplete = atomic_load(&load->bad) > 0 || atomic_load(&load->unprocessed) > 0 ||
                      atomic_load(&stop_wanted);
    return incomplete ? 1 : 0;
}

int load_run(const struct cli_args *args, const struct load_options *options)
{
    struct load load = {.options = options};
    enum weir_status status = cli_on_stop(want_stop, NULL, &load.s.err);
    if (status != WEIR_OK) {
        return cli_fail(args, status, &load.s.err);
    }
    status = data_open(&load.s, args);
    if (status == WEIR_OK) {
        status = load_open(&load);
    }
    if (status == WEIR_OK) {
        status = load_all(&load);
        progress_end(&load.progress);
        summary(&load, status != WEIR_OK);
    }
    writer_close(load.writer);
    format_reader_close(&load.reader);
    arena_free(load.item_arena);
    int code = data_close(&load.s, status);
    return code != 0 ? code : exit_code(&load);
}
