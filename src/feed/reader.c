/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading one shard: an iterator, then GetRecords after GetRecords until the iterator is null.
 *
 * At the tip an idle read is held by servers that can (X-Weir-Wait-Ms); one that came back empty
 * long before its time was not held, and then pauses that double take its place. The first empty
 * read after records is never held, so that the tip is known at once.
 *
 * An iterator that is lost is fetched again where reading was, never where it would skip: LATEST is
 * used once, for shards that were open when a feed "from now on" started for the first time.
 */
#include "feed/feed_internal.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"

/* ---- iterators ------------------------------------------------------------------------------- */

/* The shard is not there any more. One that was never touched and has no known parent was beyond
 * the horizon; of any other, records were lost. */
static void shard_is_gone(struct feed_shard *shard)
{
    if (shard->read_to.kind == POSITION_AFTER || shard->row_known || shard->parent != NULL) {
        feed_gap(shard, "it is no longer retained");
        return;
    }
    if (shard->state == SHARD_LEASED) {
        shard_move(shard, SHARD_READING);
    }
    shard_move(shard, SHARD_DRAINED);
    shard_want_children(shard);
}

static void read_failed(struct feed_shard *shard, const char *what)
{
    struct feed_call *call = &shard->read;
    if (call->request.status == WEIR_TRIMMED) {
        feed_gap(shard, "the records after its position are trimmed");
    } else if (call->request.status == WEIR_RESOURCE_NOT_FOUND) {
        shard_is_gone(shard);
    } else if (call_may_retry(call)) {
        if (call->request.status == WEIR_NO_MEMORY && shard->limit > 1) {
            shard->limit /= 2;
        }
        call_retry(call);
    } else {
        feed_fail_call(call, what);
    }
}

static bool keep_iterator(struct feed_shard *shard, const struct weir_value *response,
                          const char *name)
{
    struct weir_bytes text;
    free(shard->iterator);
    shard->iterator = NULL;
    if (!doc_text(response, name, &text) || text.len == 0) {
        return false;
    }
    shard->iterator = strndup((const char *)text.ptr, text.len);
    return true;
}

static void on_iterator(struct feed_call *call)
{
    struct feed_shard *shard = call->shard;
    struct feed *feed = shard->feed;
    if (feed->phase != FEED_RUNNING) {
        return;
    }
    if (call->request.status != WEIR_OK) {
        read_failed(shard, "GetShardIterator");
        return;
    }
    if (!keep_iterator(shard, call->request.response, "ShardIterator")) {
        call_retry(call);
        return;
    }
    if (shard->read_to.kind == POSITION_LATEST) {
        shard->read_to.kind = POSITION_HORIZON;
        shard->skip_before_s = env_wall_ms(feed->loop->env) / 1000 - FEED_CLOCK_MARGIN_S;
    }
    if (shard->state == SHARD_LEASED) {
        shard_move(shard, SHARD_READING);
    }
}

static void fetch_iterator(struct feed_shard *shard)
{
    struct feed *feed = shard->feed;
    struct arena *a = call_arena(&shard->read);
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "StreamArn", feed->stream_arn);
    value_add_str(a, request, "ShardId", shard->id);
    switch (shard->read_to.kind) {
    case POSITION_AFTER:
        value_add_str(a, request, "ShardIteratorType", BYTES_LIT("AFTER_SEQUENCE_NUMBER"));
        value_add_str(a, request, "SequenceNumber", bytes_str(shard->read_to.sequence));
        break;
    case POSITION_LATEST:
        value_add_str(a, request, "ShardIteratorType", BYTES_LIT("LATEST"));
        break;
    case POSITION_HORIZON:
    case POSITION_END:
        WEIR_ASSERT(shard->read_to.kind != POSITION_END);
        value_add_str(a, request, "ShardIteratorType", BYTES_LIT("TRIM_HORIZON"));
        break;
    }
    call_send(&shard->read, "GetShardIterator", request, 0, on_iterator);
}

/* ---- records --------------------------------------------------------------------------------- */

/* The pause after an empty read. */
static void pause_after_empty(struct feed_shard *shard, bool held)
{
    if (held || shard->empty_reads == 1) {
        shard->poll_ms = 0;
        return;
    }
    uint32_t max = shard->feed->options.poll_ms_max;
    uint32_t next = shard->poll_ms == 0 ? FEED_POLL_FIRST_MS : shard->poll_ms * 2;
    shard->poll_ms = next > max ? max : next;
    call_later(&shard->read, shard->poll_ms);
}

/* Hands the records out. False without memory: the same read is made again. */
static bool hand_out(struct feed_shard *shard, struct feed_record *records, uint32_t count,
                     struct frontier_batch **ret_batch)
{
    struct feed *feed = shard->feed;
    struct frontier_batch *b = frontier_add(shard, shard->read.arena, records, count);
    if (b == NULL) {
        return false;
    }
    shard->read.arena = NULL;
    shard->skip_before_s = 0;
    shard->last_created_s = records[count - 1].created_s;
    feed->figures.records_read += count;
    feed->at_tip = false;
    feed->tip_due = false;
    *ret_batch = b;
    return true;
}

static void after_read(struct feed_shard *shard, bool more, bool empty, bool held)
{
    if (!more) {
        shard_move(shard, SHARD_DRAINED);
        shard_want_children(shard);
        return;
    }
    if (empty) {
        shard->empty_reads++;
        pause_after_empty(shard, held);
    } else {
        shard->empty_reads = 0;
        shard->poll_ms = 0;
    }
}

static void take_records(struct feed_shard *shard, bool held)
{
    struct feed_call *call = &shard->read;
    struct feed *feed = shard->feed;
    struct feed_record *records = NULL;
    struct frontier_batch *b = NULL;
    uint32_t kept = 0;
    char last[FEED_SEQUENCE_SIZE] = "";
    enum weir_status status =
        records_decode(call->arena, call->request.response, shard->skip_before_s, &records, &kept,
                       last, &call->request.error);
    bool more =
        status == WEIR_OK && keep_iterator(shard, call->request.response, "NextShardIterator");
    if (status == WEIR_OK && kept > 0 && !hand_out(shard, records, kept, &b)) {
        status = WEIR_NO_MEMORY;
        free(shard->iterator);
        shard->iterator = NULL;
    }
    if (status != WEIR_OK) {
        call->request.status = status;
        if (status == WEIR_NO_MEMORY) {
            read_failed(shard, "reading records");
        } else {
            feed_fail_call(call, "reading records"); /* reading it again would not mend it */
        }
        return;
    }
    if (last[0] != '\0') {
        shard->read_to.kind = POSITION_AFTER;
        memcpy(shard->read_to.sequence, last, sizeof(last));
    }
    after_read(shard, more, last[0] == '\0', held);
    if (b != NULL) {
        /* Last: the handler may do anything, and the batch may be gone when it returns. */
        feed->options.handler.on_batch(feed->options.handler.arg, &b->batch);
    }
}

static void on_records(struct feed_call *call)
{
    struct feed_shard *shard = call->shard;
    struct feed *feed = shard->feed;
    if (feed->phase != FEED_RUNNING) {
        return;
    }
    if (call->request.status == WEIR_ITERATOR_EXPIRED) {
        feed->figures.iterators_expired++;
        free(shard->iterator);
        shard->iterator = NULL;
        return;
    }
    if (call->request.status != WEIR_OK) {
        read_failed(shard, "GetRecords");
        return;
    }
    const struct weir_value *records = NULL;
    if (feed->paused && doc_list(call->request.response, "Records", &records) > 0) {
        /* The iterator stands: they are read again after feed_resume. */
        shard->empty_reads = 0;
        feed->at_tip = false;
        feed->tip_due = false;
        return;
    }
    uint64_t took_ns = loop_now_ns(feed->loop) - shard->asked_ns;
    take_records(shard, took_ns >= (uint64_t)FEED_WAIT_MS * 1000000u / 2);
}

static void get_records(struct feed_shard *shard)
{
    struct arena *a = call_arena(&shard->read);
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "ShardIterator", bytes_str(shard->iterator));
    value_add_int(a, request, "Limit", shard->limit);
    shard->feed->figures.get_records_calls++;
    shard->asked_ns = loop_now_ns(shard->feed->loop);
    call_send(&shard->read, "GetRecords", request, shard->empty_reads == 0 ? 0 : FEED_WAIT_MS,
              on_records);
}

void reader_advance(struct feed_shard *shard)
{
    struct feed *feed = shard->feed;
    WEIR_ASSERT(shard->state == SHARD_LEASED || shard->state == SHARD_READING);
    if (!call_idle(&shard->read)) {
        return;
    }
    if (shard->iterator == NULL) {
        fetch_iterator(shard);
    } else if (!feed->paused && feed->unhandled < feed->options.unhandled_max &&
               feed->unhandled_bytes < FEED_UNHANDLED_BYTES_MAX) {
        get_records(shard);
    }
}
