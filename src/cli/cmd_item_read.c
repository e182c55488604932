/* SPDX-License-Identifier: Apache-2.0 */

/*
 * weir item query | scan: items as JSON lines, page by page as they come, so that a table of any
 * size goes through a pipe.
 */

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/error.h"
#include "cli/cmd_item.h"
#include "cli/progress.h"
#include "cli/scan.h"

#define PAGE_TEXT_BYTES ((size_t)256 * 1024 * 1024)

#define READ_OPTIONS                                                                         \
    {"index", 'i', "NAME", "read this index"}, {"limit", 'n', "N", "at most so many items"}, \
        {"filter", 0, "EXPR", "only items for which this holds"},                            \
        {"projection", 0, "EXPR", "only these attributes"},                                  \
        {"names", 0, "JSON", "names of the expressions: {\"#s\":\"status\"}"},               \
        {"values", 0, "JSON", "values of the expressions: {\":n\":5}"},                      \
        {"count", 'c', NULL, "print how many there are instead of the items"},               \
        {"consistent", 0, NULL, "consistent reads"},                                         \
    {                                                                                        \
        "typed", 't', NULL, "DynamoDB JSON in and out: {\"pk\":{\"S\":\"o-1\"}}"             \
    }

const struct cli_option cmd_item_query_options[] = {
    {"sort", 's', "COND", "'= V', '< V', '<= V', '> V', '>= V', 'begins V', 'between V and V'"},
    {"key-condition", 0, "EXPR", "the whole key condition, instead of the words and --sort"},
    {"reverse", 0, NULL, "greatest sort key first"},
    READ_OPTIONS,
    {0},
};

const struct cli_option cmd_item_scan_options[] = {
    {"segments", 0, "N", "read so many parts at the same time (1)"},
    READ_OPTIONS,
    {0},
};

struct reading {
    bool typed;
    bool count_only;
    pthread_mutex_t mu; /* around stdout and what follows */
    int64_t left;       /* items still to print; -1: no end */
    uint64_t counted;
    uint64_t scanned;
    struct progress progress;
};

/* The first `count` items as lines. */
static enum weir_status write_lines(const struct reading *reading, struct arena *a,
                                    const struct value_list *items, uint32_t count, struct buf *to,
                                    struct weir_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        struct weir_value *item = NULL;
        enum weir_status status = value_to_item(a, &items->at[i], &item, err);
        if (status != WEIR_OK) {
            return status;
        }
        data_write_item(to, item, reading->typed);
        buf_put_u8(to, '\n');
    }
    return buf_status(to) == WEIR_OK ? WEIR_OK
                                     : error_set(err, buf_status(to), "a page is too large");
}

/* @locks reading->mu is held */
static enum weir_status print_page(struct reading *reading, struct arena *a,
                                   const struct value_list *items, struct weir_error *err)
{
    struct buf lines;
    uint32_t count = items->count;
    if (reading->left >= 0 && reading->left < count) {
        count = (uint32_t)reading->left;
    }
    buf_init(&lines, PAGE_TEXT_BYTES);
    enum weir_status status = write_lines(reading, a, items, count, &lines, err);
    if (status == WEIR_OK && !cli_print_text((const char *)lines.ptr, lines.len)) {
        status =
            WEIR_CLOSED; /* cli_finish tells whether the reader went away or the disk is full */
    }
    buf_fini(&lines);
    reading->counted += count;
    reading->left -= reading->left > 0 ? count : 0;
    return status == WEIR_OK && reading->left == 0 ? WEIR_CLOSED : status;
}

static enum weir_status on_page(void *arg, struct arena *a, const struct value_list *items,
                                const struct weir_value *response, struct weir_error *err)
{
    struct reading *reading = arg;
    enum weir_status status = WEIR_OK;
    (void)pthread_mutex_lock(&reading->mu);
    if (reading->count_only) {
        reading->counted += (uint64_t)value_get_int(response, "Count");
    } else if (reading->left != 0) {
        status = print_page(reading, a, items, err);
    }
    reading->scanned += (uint64_t)value_get_int(response, "ScannedCount");
    progress_update(&reading->progress, reading->scanned, reading->scanned);
    (void)pthread_mutex_unlock(&reading->mu);
    return status;
}

static enum weir_status add_read_options(struct data_session *s, struct weir_value *request,
                                         const struct reading *reading)
{
    const char *index = cli_get(s->args, "index");
    if (index != NULL) {
        value_add_str(s->arena, request, "IndexName", bytes_str(index));
    }
    if (cli_has(s->args, "consistent")) {
        value_add_bool(s->arena, request, "ConsistentRead", true);
    }
    if (reading->count_only) {
        value_add_str(s->arena, request, "Select", BYTES_LIT("COUNT"));
    }
    /* A page need not be longer than what is asked for, unless a filter thins it out. */
    if (reading->left > 0 && !cli_has(s->args, "filter")) {
        value_add_int(s->arena, request, "Limit", reading->left);
    }
    return data_add_expressions(s, request);
}

static enum weir_status run(struct data_session *s, const char *operation,
                            struct weir_value *request, int64_t segments, int64_t limit)
{
    struct reading reading = {
        .typed = cli_has(s->args, "typed"), .count_only = cli_has(s->args, "count"), .left = limit};
    struct scan_options options = {.client = s->client,
                                   .operation = operation,
                                   .request = request,
                                   .segments = (unsigned)segments,
                                   .page = on_page,
                                   .arg = &reading};
    if (reading.count_only && limit >= 0) {
        return data_usage(s, "--count counts all: not with --limit");
    }
    enum weir_status status = add_read_options(s, request, &reading);
    if (status != WEIR_OK) {
        return status;
    }
    (void)pthread_mutex_init(&reading.mu, NULL);
    /* Where the items themselves are seen going by, a line between them would only disturb. */
    progress_init(&reading.progress, s->args, env_system(), "reading", 0);
    reading.progress.shown &= reading.count_only || !isatty(STDOUT_FILENO);
    status = limit == 0 ? WEIR_OK : scan_run(&options, &s->err);
    progress_end(&reading.progress);
    (void)pthread_mutex_destroy(&reading.mu);
    if (status == WEIR_RESOURCE_NOT_FOUND) {
        return data_name_table(s, request);
    }
    if (status == WEIR_OK && reading.count_only) {
        printf("%llu\n", (unsigned long long)reading.counted);
    }
    return status;
}

/* ---- query ----------------------------------------------------------------------------------- */

static enum weir_status add_key_condition(struct data_session *s, struct weir_value *request)
{
    struct data_keys keys;
    const char *expression = cli_get(s->args, "key-condition");
    bool simple = s->args->word_count == 2;
    if ((expression != NULL) == simple || (cli_has(s->args, "sort") && !simple) ||
        s->args->word_count > 2) {
        return data_usage(s, "a partition key's value and perhaps --sort, or --key-condition");
    }
    if (!simple) {
        value_add_str(s->arena, request, "KeyConditionExpression", bytes_str(expression));
        return WEIR_OK;
    }
    enum weir_status status = data_keys_get(s, s->args->words[0], cli_get(s->args, "index"), &keys);
    return status == WEIR_OK ? item_add_simple_query(s, &keys, request) : status;
}

int cmd_item_query(const struct cli_args *args)
{
    struct data_session s;
    int64_t limit = -1;
    enum weir_status status = item_open(&s, args);
    if (status == WEIR_OK) {
        status = cli_get_number(args, "limit", 0, INT32_MAX, -1, &limit, &s.err);
    }
    if (status != WEIR_OK) {
        return data_close(&s, status);
    }
    struct weir_value *request = data_request(&s, args->words[0]);
    value_add_bool(s.arena, request, "ScanIndexForward", !cli_has(args, "reverse"));
    status = add_key_condition(&s, request);
    if (status == WEIR_OK) {
        status = run(&s, "Query", request, 1, limit);
    }
    return data_close(&s, status);
}

/* ---- scan ------------------------------------------------------------------------------------ */

int cmd_item_scan(const struct cli_args *args)
{
    struct data_session s;
    int64_t limit = -1, segments = 1;
    enum weir_status status = item_open(&s, args);
    if (status == WEIR_OK && args->word_count > 1) {
        status = data_usage(&s, "a table alone");
    }
    if (status == WEIR_OK) {
        status = cli_get_number(args, "limit", 0, INT32_MAX, -1, &limit, &s.err);
    }
    if (status == WEIR_OK) {
        status = cli_get_number(args, "segments", 1, SCAN_SEGMENTS_MAX, 1, &segments, &s.err);
    }
    if (status == WEIR_OK) {
        status = run(&s, "Scan", data_request(&s, args->words[0]), segments, limit);
    }
    return data_close(&s, status);
}
