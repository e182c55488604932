/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From the feed to the lanes: which records are messages to carry, and their decoding. Inserts of
 * unpublished rows are; every other change (a mark, a deletion, TTL), and what others keep in the
 * same table, passes without effect.
 */

#include "relay/relay.h"

#include <stdlib.h>

#include "base/error.h"

/* Payloads are held decoded, beside the records of at most 1 MB that a batch brings. */
#define ARRIVAL_ARENA_BYTES (64u * 1024 * 1024)

void relay_arrival_release(struct relay_arrival *arrival)
{
    if (--arrival->open_count == 0) {
        arena_free(arrival->arena);
        free(arrival->entries);
        free(arrival);
    }
}

static struct relay_arrival *arrival_new(struct weir_relay *relay, uint32_t count)
{
    struct relay_arrival *arrival = calloc(1, sizeof(*arrival));
    if (arrival == NULL) {
        return NULL;
    }
    arrival->relay = relay;
    arrival->open_count = 1; /* held by relay_on_batch */
    arrival->arena = arena_new(ARRIVAL_ARENA_BYTES);
    arrival->entries = calloc(count, sizeof(arrival->entries[0]));
    if (arrival->arena == NULL || arrival->entries == NULL) {
        relay_arrival_release(arrival);
        return NULL;
    }
    return arrival;
}

static void skip(struct weir_relay *relay, const struct feed_record *record)
{
    RELAY_COUNT(relay, skipped, 1);
    feed_done(record);
}

/* Names the row that cannot be read: its keys are what an operator looks for. */
static void fail_malformed(struct weir_relay *relay, const struct feed_record *record,
                           enum weir_status status, struct weir_error *err)
{
    const struct outbox_kind *kind = relay->layout.kind;
    struct weir_bytes hash = outbox_text(&relay->layout, record->keys, kind->hash);
    struct weir_bytes range = outbox_text(&relay->layout, record->keys, kind->range);
    (void)error_wrap(err, status, "row %.*s%s%.*s of table %.*s", BYTES_ARG(hash),
                     range.len > 0 ? " / " : "", BYTES_ARG(range), BYTES_ARG(relay->layout.table));
    relay_fail(relay, status, err);
}

/* Takes one record in; false when the relay failed over it. */
static bool take(struct weir_relay *relay, struct relay_arrival *arrival,
                 const struct feed_record *record)
{
    struct weir_error err = {0};
    if (record->event != FEED_INSERT || record->new_image == NULL ||
        !outbox_is_message(&relay->layout, record->new_image)) {
        skip(relay, record);
        return true;
    }
    struct relay_entry *entry = &arrival->entries[record->index];
    enum weir_status status =
        outbox_decode(arrival->arena, &relay->layout, record->new_image, &entry->message, &err);
    if (status != WEIR_OK) {
        fail_malformed(relay, record, status, &err);
        return false;
    }
    if (entry->message.published) {
        skip(relay, record);
        return true;
    }
    entry->arrival = arrival;
    entry->record = record;
    if (!relay_lane_add(relay, entry)) {
        (void)error_set(&err, WEIR_NO_MEMORY, "no memory for a message in hand");
        relay_fail(relay, WEIR_NO_MEMORY, &err);
        return false;
    }
    arrival->open_count++;
    relay->in_hand++;
    return true;
}

void relay_on_batch(void *arg, struct feed_batch *batch)
{
    struct weir_relay *relay = arg;
    relay->at_tip = false;
    struct relay_arrival *arrival = arrival_new(relay, batch->count);
    if (arrival == NULL) {
        struct weir_error err = {0};
        (void)error_set(&err, WEIR_NO_MEMORY, "no memory for %u records", batch->count);
        relay_fail(relay, WEIR_NO_MEMORY, &err);
        return;
    }
    /* feed_done of the last record frees the batch, so its count is read first. */
    uint32_t count = batch->count;
    struct feed_record *records = batch->records;
    for (uint32_t i = 0; i < count && relay->phase == RELAY_RUNNING; i++) {
        if (!take(relay, arrival, &records[i])) {
            break;
        }
    }
    relay_arrival_release(arrival);
    relay_pump(relay);
    relay_settle(relay);
}
