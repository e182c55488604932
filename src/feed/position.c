/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One shard's row in the position table: its lease is taken, its frontier stored, its lease given
 * back. Every write is conditional on what was read or taken (owner and counter), so a feed that
 * was replaced learns it at its next write and cannot move a position that is no longer its own.
 *
 * A write that is repeated because its outcome is unknown is harmless: taking reads the row again
 * when the condition fails, storing stores the same or a later position, releasing removes what
 * may be gone already.
 */
#include "feed/feed_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fault.h"

bool position_equal(const struct feed_position *a, const struct feed_position *b)
{
    return a->kind == b->kind &&
           (a->kind != POSITION_AFTER || strcmp(a->sequence, b->sequence) == 0);
}

/* LATEST and AT_TIMESTAMP are what other consumers store before their first record. */
bool position_parse(struct weir_bytes checkpoint, struct feed_position *ret_position)
{
    *ret_position = (struct feed_position){.kind = POSITION_HORIZON};
    if (bytes_eq_str(checkpoint, "TRIM_HORIZON") || bytes_eq_str(checkpoint, "LATEST") ||
        bytes_eq_str(checkpoint, "AT_TIMESTAMP")) {
        return true;
    }
    if (bytes_eq_str(checkpoint, "SHARD_END")) {
        ret_position->kind = POSITION_END;
        return true;
    }
    if (checkpoint.len == 0 || checkpoint.len >= FEED_SEQUENCE_SIZE) {
        return false;
    }
    for (size_t i = 0; i < checkpoint.len; i++) {
        if (checkpoint.ptr[i] < '0' || checkpoint.ptr[i] > '9') {
            return false;
        }
    }
    ret_position->kind = POSITION_AFTER;
    memcpy(ret_position->sequence, checkpoint.ptr, checkpoint.len);
    return true;
}

struct weir_bytes position_text(const struct feed_position *position)
{
    switch (position->kind) {
    case POSITION_AFTER:
        return bytes_str(position->sequence);
    case POSITION_END:
        return BYTES_LIT("SHARD_END");
    case POSITION_HORIZON:
    case POSITION_LATEST:
        break;
    }
    return BYTES_LIT("TRIM_HORIZON");
}

static void add_parents(struct arena *a, struct weir_value *map, const char *name,
                        struct weir_bytes parent)
{
    struct weir_value *set = value_add_list(a, value_add_map(a, map, name), "SS");
    struct weir_value *member = value_append(a, set);
    if (member != NULL) {
        *member = (struct weir_value){.type = VALUE_S, .form = VALUE_PLAIN};
        member->u.bytes = parent;
    }
}

static struct weir_value *shard_request(struct feed_shard *shard, struct arena *a)
{
    return row_request(shard->feed, a, row_key(shard->feed, a, shard->id));
}

/* ---- taking ---------------------------------------------------------------------------------- */

static void use_row(struct feed_shard *shard, const struct feed_row *row)
{
    shard->row_known = true;
    shard->row = *row;
    shard->row.shard_id = shard->id;
}

static void on_row(struct feed_call *call)
{
    struct feed_shard *shard = call->shard;
    struct feed *feed = shard->feed;
    struct feed_row row;
    if (feed->phase != FEED_RUNNING) {
        return;
    }
    if (call->request.status != WEIR_OK) {
        if (call_may_retry(call)) {
            call_retry(call);
        } else {
            feed_fail_call(call, "reading a position");
        }
        return;
    }
    struct weir_value *item = NULL;
    const struct weir_value *doc = value_get(call->request.response, "Item");
    struct weir_error *err = &call->request.error;
    shard->row_known = false;
    if (doc == NULL) {
        return;
    }
    call->request.status = value_to_item(call->arena, doc, &item, err);
    if (call->request.status == WEIR_OK && row_parse(feed, item, &row, err)) {
        use_row(shard, &row);
    } else {
        call->request.status = WEIR_CONFIG;
        feed_fail_call(call, "reading a position");
    }
}

static void read_row(struct feed_shard *shard)
{
    struct arena *a = call_arena(&shard->read);
    struct weir_value *request = shard_request(shard, a);
    value_add_bool(a, request, "ConsistentRead", true);
    call_send(&shard->read, "GetItem", request, 0, on_row);
}

static void leased(struct feed_shard *shard)
{
    shard->handled =
        shard->row_known ? shard->row.position : (struct feed_position){.kind = POSITION_HORIZON};
    if (shard->handled.kind == POSITION_AFTER) {
        shard->read_to = shard->handled;
    }
    shard->skip_before_s = shard->feed->skip_before_s;
    shard_move(shard, SHARD_LEASED);
}

static void on_taken(struct feed_call *call)
{
    struct feed_shard *shard = call->shard;
    if (shard->feed->phase != FEED_RUNNING) {
        return;
    }
    if (call->request.status == WEIR_OK) {
        shard->counter = shard->row_known ? shard->row.counter + 1 : 1;
        shard->leased = true;
        leased(shard);
    } else if (call->request.status == WEIR_CONDITION_FAILED) {
        read_row(shard);
    } else if (call_may_retry(call)) {
        call_retry(call);
    } else {
        feed_fail_call(call, "taking a lease");
    }
}

static void send_take(struct feed_shard *shard)
{
    struct feed *feed = shard->feed;
    struct arena *a = call_arena(&shard->read);
    struct weir_value *request = shard_request(shard, a);
    bool known = shard->row_known;
    bool parent = shard->parent_id.len > 0;
    value_add_str(a, request, "ConditionExpression",
                  known ? BYTES_LIT("leaseCounter = :read")
                        : BYTES_LIT("attribute_not_exists(leaseKey)"));
    char *update = arena_printf(
        a,
        "SET leaseOwner = :me, leaseCounter = :next, ownerSwitchesSinceCheckpoint = :switches, "
        "streamArn = :stream, checkpoint = if_not_exists(checkpoint, :horizon), "
        "checkpointSubSequenceNumber = if_not_exists(checkpointSubSequenceNumber, :zero)%s",
        parent ? ", parentShardId = :parents" : "");
    value_add_str(a, request, "UpdateExpression", bytes_str(update));
    struct weir_value *values = value_add_map(a, request, "ExpressionAttributeValues");
    attribute_add_s(a, values, ":me", bytes_str(feed->options.owner));
    attribute_add_n(a, values, ":next", known ? shard->row.counter + 1 : 1);
    attribute_add_n(a, values, ":switches", known ? shard->row.switches + 1 : 0);
    attribute_add_s(a, values, ":stream", feed->stream_arn);
    attribute_add_s(a, values, ":horizon", BYTES_LIT("TRIM_HORIZON"));
    attribute_add_n(a, values, ":zero", 0);
    if (known) {
        attribute_add_n(a, values, ":read", shard->row.counter);
    }
    if (parent) {
        add_parents(a, values, ":parents", shard->parent_id);
    }
    call_send(&shard->read, "UpdateItem", request, 0, on_taken);
}

void position_take(struct feed_shard *shard)
{
    if (!call_idle(&shard->read)) {
        return;
    }
    if (shard->feed->options.pipeline == NULL) {
        leased(shard);
    } else if (shard->row_known && shard->row.position.kind == POSITION_END) {
        shard->handled = shard->row.position;
        shard_move(shard, SHARD_ENDED);
    } else {
        send_take(shard);
    }
}

/* ---- storing --------------------------------------------------------------------------------- */

void position_touch(struct feed_shard *shard)
{
    struct feed *feed = shard->feed;
    if (feed->options.pipeline == NULL) {
        return;
    }
    shard->dirty = true;
    if (!feed->flush_running) {
        feed->flush_running = true;
        loop_timer_start(feed->loop, feed->flush_timer, feed->options.flush_ms);
    }
}

static void stored(struct feed_shard *shard)
{
    shard->feed->figures.checkpoints++;
    shard->dirty = !position_equal(&shard->storing, &shard->handled);
    (void)fault_hit(FAULT_FEED_AFTER_CHECKPOINT); /* nothing is left that could fail */
    if (shard->storing.kind == POSITION_END) {
        /* The owner stays in the row: nobody takes the lease of a shard that ended. */
        shard->leased = false;
        shard_move(shard, SHARD_ENDED);
    }
}

static void lease_lost(struct feed_call *call)
{
    struct feed_shard *shard = call->shard;
    shard->leased = false;
    shard->dirty = false;
    (void)error_set(&call->request.error, WEIR_LEASE_LOST,
                    "pipeline %s, table %s, shard %.*s, at %.*s: another worker took the lease",
                    shard->feed->options.pipeline, shard->feed->options.table, BYTES_ARG(shard->id),
                    BYTES_ARG(position_text(&shard->storing)));
    feed_fail(shard->feed, WEIR_LEASE_LOST, &call->request.error);
}

static void on_stored(struct feed_call *call)
{
    struct feed_shard *shard = call->shard;
    bool stopping = shard->feed->phase >= FEED_STOPPING;
    if (call->request.status == WEIR_OK) {
        stored(shard);
    } else if (call->request.status == WEIR_CONDITION_FAILED) {
        lease_lost(call);
    } else if (stopping) {
        shard->dirty = false; /* a stop is prompt: what was not stored is delivered again */
    } else if (call_may_retry(call)) {
        shard->due = true;
        call_retry(call);
    } else {
        shard->dirty = false;
        feed_fail_call(call, "storing a position");
    }
}

void position_store(struct feed_shard *shard)
{
    struct feed *feed = shard->feed;
    struct feed_call *call = &shard->store;
    if (fault_hit(FAULT_FEED_BEFORE_CHECKPOINT)) {
        call_retry(call);
        return;
    }
    struct arena *a = call_arena(call);
    struct weir_value *request = shard_request(shard, a);
    shard->storing = shard->handled;
    shard->handled_count = 0;
    shard->due = false;
    value_add_str(a, request, "UpdateExpression",
                  BYTES_LIT("SET checkpoint = :position, checkpointSubSequenceNumber = :zero, "
                            "ownerSwitchesSinceCheckpoint = :zero"));
    value_add_str(a, request, "ConditionExpression",
                  BYTES_LIT("leaseOwner = :me AND leaseCounter = :mine"));
    struct weir_value *values = value_add_map(a, request, "ExpressionAttributeValues");
    attribute_add_s(a, values, ":position", position_text(&shard->storing));
    attribute_add_n(a, values, ":zero", 0);
    attribute_add_s(a, values, ":me", bytes_str(feed->options.owner));
    attribute_add_n(a, values, ":mine", shard->counter);
    call_send(call, "UpdateItem", request, 0, on_stored);
}

/* A shard that was read to its end and whose records are all handled. */
static bool is_finished(const struct feed_shard *shard)
{
    return shard->state == SHARD_DRAINED && shard->first == NULL;
}

void position_advance(struct feed_shard *shard)
{
    struct feed *feed = shard->feed;
    if (is_finished(shard) && !shard->leased && feed->options.pipeline == NULL) {
        shard_move(shard, SHARD_ENDED);
        return;
    }
    if (!shard->leased || !call_idle(&shard->store)) {
        return;
    }
    if (is_finished(shard) && shard->handled.kind != POSITION_END) {
        shard->handled.kind = POSITION_END;
        shard->dirty = true;
    }
    if (shard->dirty && (shard->due || shard->handled.kind == POSITION_END ||
                         shard->handled_count >= feed->options.flush_count)) {
        position_store(shard);
    }
}

/* ---- releasing ------------------------------------------------------------------------------- */

/* Whatever the answer: a row that could not be released is taken over all the same. */
static void on_released(struct feed_call *call)
{
    call->shard->leased = false;
}

void position_release(struct feed_shard *shard)
{
    struct feed_call *call = &shard->store;
    struct arena *a = call_arena(call);
    struct weir_value *request = shard_request(shard, a);
    value_add_str(a, request, "UpdateExpression", BYTES_LIT("REMOVE leaseOwner"));
    value_add_str(a, request, "ConditionExpression",
                  BYTES_LIT("leaseOwner = :me AND leaseCounter = :mine"));
    struct weir_value *values = value_add_map(a, request, "ExpressionAttributeValues");
    attribute_add_s(a, values, ":me", bytes_str(shard->feed->options.owner));
    attribute_add_n(a, values, ":mine", shard->counter);
    call_send(call, "UpdateItem", request, 0, on_released);
}
