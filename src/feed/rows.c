/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a feed learns before it reads: the table's stream, the position table (made when missing),
 * and the rows of its pipeline.
 *
 *     leaseKey            row
 *     <pipeline>/<shard>  a shard's position and lease
 *     <pipeline>/start    a feed that began "from now on": when that was
 *
 * "From now on" must survive a restart before the first record, and there is no position for it:
 * LATEST would be a later one each time. So the start's time is stored once, and wherever a shard
 * has no position of its own, it is read from the horizon and what is older than that time is
 * skipped. Only in the process that made the start row, LATEST saves reading what would be skipped.
 *
 * Rows of another stream ARN are of a stream that was disabled since. They are ignored, and the old
 * stream is not drained: the first start on the new stream counts a gap, for what was changed
 * between the two was recorded by neither. A feed that sees its stream replaced fails with one.
 */
#include "feed/feed_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* ---- keys and rows --------------------------------------------------------------------------- */

struct weir_bytes row_key(const struct feed *feed, struct arena *a, struct weir_bytes suffix)
{
    return bytes_str(arena_printf(a, "%s/%.*s", feed->options.pipeline, BYTES_ARG(suffix)));
}

struct weir_value *row_request(struct feed *feed, struct arena *a, struct weir_bytes key)
{
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", bytes_str(feed->options.position_table));
    struct weir_value *key_map = value_add_map(a, request, "Key");
    attribute_add_s(a, key_map, "leaseKey", key);
    return request;
}

static bool item_number(const struct weir_value *item, const char *name, int64_t *ret_number)
{
    const struct weir_value *member = value_get(item, name);
    char text[32];
    if (member == NULL || member->type != VALUE_N || member->u.bytes.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, member->u.bytes.ptr, member->u.bytes.len);
    text[member->u.bytes.len] = '\0';
    char *end = NULL;
    *ret_number = strtoll(text, &end, 10);
    return end != text && *end == '\0';
}

bool row_parse(struct feed *feed, const struct weir_value *item, struct feed_row *ret_row,
               struct weir_error *err)
{
    struct weir_bytes key = BYTES_NONE, checkpoint = BYTES_NONE;
    (void)doc_text(item, "leaseKey", &key);
    (void)doc_text(item, "checkpoint", &checkpoint);
    struct feed_row row = {0};
    if (!position_parse(checkpoint, &row.position)) {
        (void)error_set(err, WEIR_CONFIG,
                        "row %.*s of table %s: checkpoint \"%.*s\" is no position", BYTES_ARG(key),
                        feed->options.position_table, BYTES_ARG(checkpoint));
        return false;
    }
    if (!item_number(item, "leaseCounter", &row.counter)) {
        (void)error_set(err, WEIR_CONFIG, "row %.*s of table %s has no usable leaseCounter",
                        BYTES_ARG(key), feed->options.position_table);
        return false;
    }
    (void)item_number(item, "ownerSwitchesSinceCheckpoint", &row.switches);
    size_t prefix = strlen(feed->options.pipeline) + 1;
    row.shard_id = key.len > prefix ? bytes_of(key.ptr + prefix, key.len - prefix) : BYTES_NONE;
    *ret_row = row;
    return true;
}

static int row_order(const void *a, const void *b)
{
    return bytes_cmp(((const struct feed_row *)a)->shard_id,
                     ((const struct feed_row *)b)->shard_id);
}

const struct feed_row *row_find(const struct feed *feed, struct weir_bytes shard_id)
{
    struct feed_row key = {.shard_id = shard_id};
    if (feed->row_count == 0) {
        return NULL;
    }
    return bsearch(&key, feed->rows, feed->row_count, sizeof(key), row_order);
}

bool rows_check_gaps(struct feed *feed)
{
    for (uint32_t i = 0; i < feed->row_count; i++) {
        const struct feed_row *row = &feed->rows[i];
        if (row->position.kind != POSITION_END && shard_find(feed, row->shard_id) == NULL) {
            struct weir_error err = {0};
            feed->figures.gaps++;
            (void)error_set(&err, WEIR_GAP,
                            "pipeline %s, table %s: shard %.*s is no longer retained, and was read "
                            "to %.*s only: records may be lost",
                            feed->options.pipeline, feed->options.table, BYTES_ARG(row->shard_id),
                            BYTES_ARG(position_text(&row->position)));
            feed_fail(feed, WEIR_GAP, &err);
            return false;
        }
    }
    return true;
}

/* ---- the table's stream ---------------------------------------------------------------------- */

/* True when the call succeeded; otherwise the step is made again, or the feed failed. */
static bool step_ok(struct feed_call *call, const char *what)
{
    if (call->feed->phase != FEED_STARTING) {
        return false;
    }
    if (call->request.status == WEIR_OK) {
        return true;
    }
    if (call_may_retry(call)) {
        call_retry(call);
    } else {
        feed_fail_call(call, what);
    }
    return false;
}

static enum weir_status check_stream(struct feed *feed, const struct weir_value *table,
                                     struct weir_error *err)
{
    struct weir_bytes arn, view = BYTES_NONE;
    const char *name = feed->options.table;
    const struct weir_value *specification = value_get(table, "StreamSpecification");
    const struct weir_value *enabled = value_get(specification, "StreamEnabled");
    (void)doc_text(specification, "StreamViewType", &view);
    if (enabled == NULL || enabled->type != VALUE_BOOL || !enabled->truth ||
        !doc_text(table, "LatestStreamArn", &arn)) {
        return error_set(err, WEIR_CONFIG,
                         "table %s has no stream: enable one with StreamViewType "
                         "NEW_AND_OLD_IMAGES",
                         name);
    }
    if (feed->options.need_new_image && !bytes_eq_str(view, "NEW_IMAGE") &&
        !bytes_eq_str(view, "NEW_AND_OLD_IMAGES")) {
        return error_set(err, WEIR_CONFIG,
                         "the stream of table %s has StreamViewType %.*s, which lacks the new "
                         "image: NEW_IMAGE or NEW_AND_OLD_IMAGES is needed",
                         name, BYTES_ARG(view));
    }
    feed->stream_arn = arena_dup(feed->names, arn);
    if (feed->stream_arn.ptr == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a stream's name");
    }
    return WEIR_OK;
}

static void on_table(struct feed_call *call)
{
    struct feed *feed = call->feed;
    if (!step_ok(call, "DescribeTable")) {
        return;
    }
    struct weir_error err = {0};
    enum weir_status status = check_stream(feed, value_get(call->request.response, "Table"), &err);
    if (status != WEIR_OK) {
        feed_fail(feed, status, &err);
        return;
    }
    feed->step = feed->options.pipeline == NULL ? STEP_LIST : STEP_POSITIONS;
}

static void describe(struct feed *feed, const char *table, void (*then)(struct feed_call *call))
{
    struct arena *a = call_arena(&feed->admin);
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", bytes_str(table));
    call_send(&feed->admin, "DescribeTable", request, 0, then);
}

void rows_describe_table(struct feed *feed)
{
    describe(feed, feed->options.table, on_table);
}

static void on_table_again(struct feed_call *call)
{
    struct feed *feed = call->feed;
    struct weir_bytes arn;
    if (feed->phase != FEED_RUNNING) {
        return;
    }
    if (call->request.status != WEIR_OK) {
        if (call_may_retry(call)) {
            call_retry(call);
        } else {
            feed_fail_call(call, "DescribeTable");
        }
        return;
    }
    feed->step = STEP_IDLE;
    if (doc_text(value_get(call->request.response, "Table"), "LatestStreamArn", &arn) &&
        !bytes_eq(arn, feed->stream_arn)) {
        struct weir_error err = {0};
        feed->figures.gaps++;
        (void)error_set(&err, WEIR_GAP,
                        "table %s: its stream was disabled, and enabled again as %.*s: changes in "
                        "between are in neither; the old one was read to its end",
                        feed->options.table, BYTES_ARG(arn));
        feed_fail(feed, WEIR_GAP, &err);
    }
}

void rows_describe_table_again(struct feed *feed)
{
    describe(feed, feed->options.table, on_table_again);
}

/* ---- the position table ---------------------------------------------------------------------- */

static void on_positions(struct feed_call *call)
{
    struct feed *feed = call->feed;
    if (feed->phase == FEED_STARTING && call->request.status == WEIR_RESOURCE_NOT_FOUND) {
        feed->step = STEP_POSITIONS_CREATE;
        return;
    }
    if (!step_ok(call, "describing the position table")) {
        return;
    }
    const struct weir_value *table = value_get(call->request.response, "Table");
    if (doc_text_is(table, "TableStatus", "CREATING")) {
        call_later(call, FEED_TABLE_POLL_MS);
    } else {
        feed->step = STEP_ROWS;
    }
}

void rows_describe_positions(struct feed *feed)
{
    describe(feed, feed->options.position_table, on_positions);
}

/* Another feed's creation at the same time is as good; and for a moment after it the service may
 * not know the table, which comes back to here. */
static void on_created(struct feed_call *call)
{
    struct feed *feed = call->feed;
    if (call->request.status == WEIR_RESOURCE_IN_USE) {
        call->request.status = WEIR_OK;
    }
    if (step_ok(call, "creating the position table")) {
        feed->step = STEP_POSITIONS;
        call_later(call, FEED_TABLE_POLL_MS / 10);
    }
}

static void append_pair(struct arena *a, struct weir_value *list, const char *name,
                        struct weir_bytes text)
{
    struct weir_value *map = value_append(a, list);
    if (map != NULL) {
        *map = (struct weir_value){.type = VALUE_M, .form = VALUE_PLAIN};
        value_add_str(a, map, "AttributeName", BYTES_LIT("leaseKey"));
        value_add_str(a, map, name, text);
    }
}

void rows_create_positions(struct feed *feed)
{
    struct arena *a = call_arena(&feed->admin);
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", bytes_str(feed->options.position_table));
    value_add_str(a, request, "BillingMode", BYTES_LIT("PAY_PER_REQUEST"));
    append_pair(a, value_add_list(a, request, "KeySchema"), "KeyType", BYTES_LIT("HASH"));
    append_pair(a, value_add_list(a, request, "AttributeDefinitions"), "AttributeType",
                BYTES_LIT("S"));
    call_send(&feed->admin, "CreateTable", request, 0, on_created);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static enum weir_status keep_row(struct feed *feed, const struct feed_row *row,
                                 struct weir_error *err)
{
    if (feed->row_count == feed->row_room) {
        uint32_t room = feed->row_room == 0 ? 64 : feed->row_room * 2;
        struct feed_row *rows = realloc(feed->rows, room * sizeof(*rows));
        if (rows == NULL) {
            return error_set(err, WEIR_NO_MEMORY, "no memory for %u positions", room);
        }
        feed->rows = rows;
        feed->row_room = room;
    }
    struct feed_row *to = &feed->rows[feed->row_count];
    *to = *row;
    to->shard_id = arena_dup(feed->rows_arena, row->shard_id);
    if (to->shard_id.ptr == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for %u positions", feed->row_count);
    }
    feed->row_count++;
    return WEIR_OK;
}

static enum weir_status use_item(struct feed *feed, const struct weir_value *item,
                                 struct weir_error *err)
{
    struct weir_bytes key = BYTES_NONE, stream = BYTES_NONE;
    struct feed_row row;
    feed->first_start = false;
    (void)doc_text(item, "leaseKey", &key);
    size_t prefix = strlen(feed->options.pipeline) + 1;
    if (key.len > prefix && bytes_eq_str(bytes_of(key.ptr + prefix, key.len - prefix), "start")) {
        int64_t ms = 0;
        if (item_number(item, "startedAtMs", &ms)) {
            feed->skip_before_s = ms / 1000 - FEED_CLOCK_MARGIN_S;
        }
        return WEIR_OK;
    }
    if (!row_parse(feed, item, &row, err)) {
        return WEIR_CONFIG;
    }
    if (doc_text(item, "streamArn", &stream) && !bytes_eq(stream, feed->stream_arn)) {
        feed->other_stream = true;
        return WEIR_OK;
    }
    return keep_row(feed, &row, err);
}

static void rows_complete(struct feed *feed)
{
    if (feed->row_count > 0) {
        qsort(feed->rows, feed->row_count, sizeof(feed->rows[0]), row_order);
    }
    if (feed->other_stream && feed->row_count == 0) {
        feed->figures.gaps++;
    }
    bool now = feed->first_start && feed->options.start == FEED_START_NOW;
    feed->step = now ? STEP_START : STEP_LIST;
}

/* Keeps leaseKey, the whole key of the position table, for the next page. */
static bool keep_page(struct feed *feed, const struct weir_value *response)
{
    struct weir_value *key = NULL;
    struct weir_bytes text;
    const struct weir_value *doc = value_get(response, "LastEvaluatedKey");
    free(feed->page_key);
    feed->page_key = NULL;
    if (doc == NULL || value_to_item(feed->admin.arena, doc, &key, NULL) != WEIR_OK ||
        !doc_text(key, "leaseKey", &text)) {
        return false;
    }
    feed->page_key = strndup((const char *)text.ptr, text.len);
    return feed->page_key != NULL;
}

static void on_rows(struct feed_call *call)
{
    struct feed *feed = call->feed;
    if (!step_ok(call, "reading positions")) {
        return;
    }
    const struct weir_value *items = NULL;
    uint32_t count = doc_list(call->request.response, "Items", &items);
    struct weir_error err = {0};
    for (uint32_t i = 0; i < count; i++) {
        struct weir_value *item = NULL;
        enum weir_status status = value_to_item(call->arena, &items[i], &item, &err);
        status = status == WEIR_OK ? use_item(feed, item, &err) : status;
        if (status != WEIR_OK) {
            feed_fail(feed, status, &err);
            return;
        }
    }
    if (!keep_page(feed, call->request.response)) {
        rows_complete(feed);
    }
}

void rows_scan(struct feed *feed)
{
    struct arena *a = call_arena(&feed->admin);
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", bytes_str(feed->options.position_table));
    value_add_bool(a, request, "ConsistentRead", true);
    value_add_str(a, request, "FilterExpression", BYTES_LIT("begins_with(leaseKey, :prefix)"));
    struct weir_value *values = value_add_map(a, request, "ExpressionAttributeValues");
    attribute_add_s(a, values, ":prefix", row_key(feed, a, BYTES_LIT("")));
    if (feed->page_key != NULL) {
        struct weir_value *key = value_add_map(a, request, "ExclusiveStartKey");
        attribute_add_s(a, key, "leaseKey", bytes_str(feed->page_key));
    }
    call_send(&feed->admin, "Scan", request, 0, on_rows);
}

/* ---- the start ------------------------------------------------------------------------------- */

static void on_start(struct feed_call *call)
{
    struct feed *feed = call->feed;
    if (feed->phase == FEED_STARTING && call->request.status == WEIR_CONDITION_FAILED) {
        /* Another feed, or an earlier attempt of this call, was first: its time is the one. */
        feed->first_start = false;
        feed->step = STEP_ROWS;
        feed->row_count = 0;
        return;
    }
    if (step_ok(call, "storing the start")) {
        feed->step = STEP_LIST;
    }
}

void rows_store_start(struct feed *feed)
{
    struct arena *a = call_arena(&feed->admin);
    int64_t now_ms = env_wall_ms(feed->loop->env);
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", bytes_str(feed->options.position_table));
    value_add_str(a, request, "ConditionExpression", BYTES_LIT("attribute_not_exists(leaseKey)"));
    struct weir_value *item = value_add_map(a, request, "Item");
    attribute_add_s(a, item, "leaseKey", row_key(feed, a, BYTES_LIT("start")));
    attribute_add_s(a, item, "streamArn", feed->stream_arn);
    attribute_add_n(a, item, "startedAtMs", now_ms);
    feed->skip_before_s = now_ms / 1000 - FEED_CLOCK_MARGIN_S;
    call_send(&feed->admin, "PutItem", request, 0, on_start);
}
