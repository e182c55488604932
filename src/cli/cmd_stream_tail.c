/* SPDX-License-Identifier: Apache-2.0 */

/* weir stream tail: a table's changes as JSON lines, through the feed, keeping no position. */

#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "client/client.h"
#include "feed/feed.h"

#define LINE_MAX_BYTES (16 * 1024 * 1024)
#define REACH_ARENA_BYTES ((size_t)16 * 1024 * 1024)

const struct cli_option cmd_stream_tail_options[] = {
    {"follow", 'f', NULL, "go on with changes as they come"},
    {"from", 0, "trim|latest", "the oldest record that is retained, or what comes now (trim)"},
    {"max", 'n', "N", "end after so many records"},
    {0},
};

struct tail {
    struct loop *loop;
    struct feed *feed;
    struct buf line;
    int64_t left; /* records still to print; -1: no end */
    bool follow;
    bool stopping;
    enum weir_status status;
    struct weir_error error;
};

static void stopped(void *arg)
{
    struct tail *tail = arg;
    loop_stop(tail->loop);
}

static void stop(struct tail *tail)
{
    if (!tail->stopping) {
        tail->stopping = true;
        feed_stop(tail->feed, stopped, tail);
    }
}

static void put_image(struct buf *line, const char *name, const struct weir_value *image)
{
    if (image != NULL) {
        buf_printf(line, ",\"%s\":", name);
        json_write_natural(line, image);
    }
}

static void print_record(struct tail *tail, const struct feed_record *record)
{
    static const char *const events[] = {"INSERT", "MODIFY", "REMOVE"};
    struct buf *line = &tail->line;
    buf_reset(line);
    buf_printf(line, "{\"event\":\"%s\",\"sequence\":", events[record->event]);
    json_write_string(line, record->sequence);
    buf_put_str(line, ",\"shard\":");
    json_write_string(line, record->batch->shard_id);
    buf_printf(line, ",\"time\":%lld", (long long)record->created_s);
    if (record->by_ttl) {
        buf_put_str(line, ",\"byTtl\":true");
    }
    put_image(line, "keys", record->keys);
    put_image(line, "new", record->new_image);
    put_image(line, "old", record->old_image);
    buf_put_str(line, "}\n");
    if (buf_status(line) != WEIR_OK || !cli_print_text((const char *)line->ptr, line->len)) {
        stop(tail); /* a reader that went away has seen enough */
    }
}

static void on_batch(void *arg, struct feed_batch *batch)
{
    struct tail *tail = arg;
    uint32_t count = batch->count;
    struct feed_record *records = batch->records;
    for (uint32_t i = 0; i < count; i++) {
        if (!tail->stopping && tail->left != 0) {
            tail->left -= tail->left > 0;
            print_record(tail, &records[i]);
        }
        feed_done(&records[i]); /* the last one frees the batch */
    }
    if (tail->left == 0) {
        stop(tail);
    }
}

static void on_tip(void *arg)
{
    struct tail *tail = arg;
    if (!tail->follow) {
        stop(tail);
    }
}

static void on_failed(void *arg, enum weir_status status, const struct weir_error *error)
{
    struct tail *tail = arg;
    tail->status = status;
    tail->error = *error;
    stop(tail);
}

/* The feed waits for a service that cannot be reached, for as long as it takes; a person at a
 * terminal wants to know at once. */
static enum weir_status reach(struct weir_client *client, const char *table, struct weir_error *err)
{
    struct weir_value *response = NULL;
    struct arena *a = arena_new(REACH_ARENA_BYTES);
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", bytes_str(table));
    enum weir_status status =
        request == NULL ? error_set(err, WEIR_NO_MEMORY, "no memory for the request")
                        : client_call(client, "DescribeTable", request, a, &response, NULL, err);
    arena_free(a);
    return status == WEIR_OK ? WEIR_OK : error_wrap(err, status, "table %s", table);
}

/* ---- running --------------------------------------------------------------------------------- */

static void wanted(void *arg)
{
    loop_stop(arg);
}

/* A stop by signal ends loop_run before the feed has stopped: then it is turned on until it has. */
static enum weir_status run(struct tail *tail, struct weir_error *err)
{
    feed_start(tail->feed);
    loop_run(tail->loop);
    if (!tail->stopping) {
        stop(tail);
        loop_run(tail->loop);
    }
    if (tail->status != WEIR_OK) {
        *err = tail->error;
    }
    return tail->status;
}

static enum weir_status open_and_run(const struct cli_args *args, struct weir_client *client,
                                     struct tail *tail, struct weir_error *err)
{
    const char *from = cli_get(args, "from");
    struct feed_options options = {
        .loop = tail->loop,
        .client = client,
        .table = args->words[0],
        .start = from != NULL && strcmp(from, "latest") == 0 ? FEED_START_NOW : FEED_START_HORIZON,
        .handler = {.on_batch = on_batch, .on_failed = on_failed, .on_tip = on_tip, .arg = tail},
    };
    enum weir_status status = reach(client, options.table, err);
    if (status == WEIR_OK) {
        status = feed_new(&options, &tail->feed, err);
    }
    if (status == WEIR_OK) {
        status = cli_on_stop(wanted, tail->loop, err);
    }
    return status == WEIR_OK ? run(tail, err) : status;
}

int cmd_stream_tail(const struct cli_args *args)
{
    struct weir_client *client = NULL;
    struct weir_error err = {0};
    struct tail tail = {.follow = cli_has(args, "follow")};
    buf_init(&tail.line, LINE_MAX_BYTES);
    enum weir_status status = WEIR_OK;
    if (args->word_count != 1) {
        status =
            error_set(&err, WEIR_INVALID_ARGUMENT, "weir stream tail TABLE: a table is needed");
    }
    if (status == WEIR_OK) {
        status = cli_get_number(args, "max", 0, INT64_MAX, -1, &tail.left, &err);
    }
    if (status == WEIR_OK) {
        status = cli_open_client(args, NULL, &client, &err);
    }
    if (status == WEIR_OK) {
        status = loop_uv_new(client_env(client), &tail.loop, &err);
    }
    if (status == WEIR_OK) {
        status = open_and_run(args, client, &tail, &err);
    }
    feed_free(tail.feed);
    loop_free(tail.loop);
    cli_close_client(client);
    buf_fini(&tail.line);
    return status == WEIR_OK ? 0 : cli_fail(args, status, &err);
}
