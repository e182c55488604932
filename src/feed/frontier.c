/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is out, and how far a shard was handled without a hole: the frontier is the last record of
 * the run of done records that begins with the oldest one out.
 *
 *     out:      [ d d d . d . ] [ d d ] [ . . d ]        d done, . not
 *     frontier:       ^
 *
 * A batch whose records are all done gives its memory back at once, also behind a hole; only its
 * last sequence number is kept until the frontier passes it.
 */
#include "feed/feed_internal.h"

#include <stdlib.h>

#include "base/error.h"

struct frontier_batch *frontier_add(struct feed_shard *shard, struct arena *take_arena,
                                    struct feed_record *records, uint32_t count)
{
    WEIR_ASSERT(count > 0);
    struct weir_bytes last = records[count - 1].sequence;
    WEIR_ASSERT(last.len < FEED_SEQUENCE_SIZE);
    bool *done = ARENA_ARRAY(take_arena, bool, count);
    struct frontier_batch *b = calloc(1, sizeof(*b));
    if (done == NULL || b == NULL) {
        free(b);
        return NULL;
    }
    b->batch = (struct feed_batch){.shard_id = shard->id, .records = records, .count = count};
    b->shard = shard;
    b->arena = take_arena;
    b->done = done;
    b->bytes = arena_used(take_arena);
    shard->feed->unhandled_bytes += b->bytes;
    memcpy(b->last_sequence, last.ptr, last.len);
    for (uint32_t i = 0; i < count; i++) {
        records[i].batch = &b->batch;
        records[i].index = i;
    }
    *shard->last = b;
    shard->last = &b->next;
    shard->feed->unhandled += count;
    return b;
}

static void set_handled(struct feed_shard *shard, struct weir_bytes sequence)
{
    shard->handled.kind = POSITION_AFTER;
    memcpy(shard->handled.sequence, sequence.ptr, sequence.len);
    shard->handled.sequence[sequence.len] = '\0';
}

/* Takes what is complete from the head of the queue; a later batch was complete before. */
static void pass_complete(struct feed_shard *shard)
{
    while (shard->first != NULL && shard->first->prefix == shard->first->batch.count) {
        struct frontier_batch *b = shard->first;
        set_handled(shard, bytes_str(b->last_sequence));
        shard->first = b->next;
        if (shard->first == NULL) {
            shard->last = &shard->first;
        }
        free(b);
    }
}

/* True when the shard's frontier moved. May free the batch. */
static bool mark_done(struct frontier_batch *b, uint32_t index)
{
    struct feed_shard *shard = b->shard;
    WEIR_ASSERT(index < b->batch.count);
    WEIR_ASSERT(!b->done[index]);
    b->done[index] = true;
    b->done_count++;
    uint32_t before = b->prefix;
    while (b->prefix < b->batch.count && b->done[b->prefix]) {
        b->prefix++;
    }
    bool at_head = shard->first == b;
    bool moved = at_head && b->prefix > before;
    if (moved) {
        set_handled(shard, b->batch.records[b->prefix - 1].sequence);
    }
    if (b->done_count == b->batch.count) {
        shard->feed->unhandled_bytes -= b->bytes;
        arena_free(b->arena);
        b->arena = NULL;
        b->done = NULL;
        b->batch.records = NULL;
    }
    if (at_head) {
        pass_complete(shard);
    }
    return moved;
}

void feed_done(const struct feed_record *record)
{
    struct frontier_batch *b = (struct frontier_batch *)record->batch;
    struct feed_shard *shard = b->shard;
    struct feed *feed = shard->feed;
    feed->unhandled--;
    feed->figures.records_handled++;
    shard->handled_count++;
    if (mark_done(b, record->index)) {
        position_touch(shard);
    }
    feed_turn_soon(feed);
}

const struct feed_record *frontier_oldest(const struct feed_shard *shard)
{
    const struct frontier_batch *b = shard->first;
    return b == NULL ? NULL : &b->batch.records[b->prefix];
}

void frontier_free(struct feed_shard *shard)
{
    while (shard->first != NULL) {
        struct frontier_batch *b = shard->first;
        shard->first = b->next;
        arena_free(b->arena);
        free(b);
    }
    shard->last = &shard->first;
}
