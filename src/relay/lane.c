/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Lanes: one queue per ordering key that has messages in hand, found by key, freed when empty. What
 * keeps order is here: a lane is ready only while nothing of it is in flight, and what comes back
 * goes to its head.
 */

#include "relay/relay.h"

#include <stdlib.h>

#include "base/error.h"

/* FNV-1a: keys are short, and a chain that is a little longer does no harm. */
static size_t bucket_of(struct weir_bytes key)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < key.len; i++) {
        hash = (hash ^ key.ptr[i]) * 0x100000001b3u;
    }
    return (size_t)((hash ^ hash >> 32) % RELAY_LANE_BUCKETS);
}

void relay_lanes_init(struct relay_lanes *lanes)
{
    *lanes = (struct relay_lanes){0};
    lanes->ready_last = &lanes->ready_first;
}

static struct relay_lane *lane_new(struct weir_relay *relay, struct weir_bytes key)
{
    struct relay_lane *lane = calloc(1, sizeof(*lane) + key.len);
    if (lane == NULL) {
        return NULL;
    }
    uint8_t *copy = (uint8_t *)(lane + 1);
    memcpy(copy, key.ptr, key.len);
    lane->key = bytes_of(copy, key.len);
    lane->last = &lane->first;
    lane->relay = relay;
    return lane;
}

static struct relay_lane *find_or_add(struct weir_relay *relay, struct weir_bytes key)
{
    struct relay_lane **at = &relay->lanes.buckets[bucket_of(key)];
    for (struct relay_lane *lane = *at; lane != NULL; lane = lane->bucket_next) {
        if (bytes_eq(lane->key, key)) {
            return lane;
        }
    }
    struct relay_lane *lane = lane_new(relay, key);
    if (lane != NULL) {
        lane->bucket_next = *at;
        *at = lane;
    }
    return lane;
}

static void lane_free(struct relay_lane *lane)
{
    struct relay_lane **at = &lane->relay->lanes.buckets[bucket_of(lane->key)];
    while (*at != lane) {
        at = &(*at)->bucket_next;
    }
    *at = lane->bucket_next;
    loop_timer_free(lane->relay->loop, lane->pause_timer);
    free(lane);
}

void relay_lane_make_ready(struct relay_lane *lane)
{
    if (lane->ready || lane->in_flight || lane->paused || lane->first == NULL) {
        return;
    }
    struct relay_lanes *lanes = &lane->relay->lanes;
    lane->ready = true;
    lane->ready_next = NULL;
    *lanes->ready_last = lane;
    lanes->ready_last = &lane->ready_next;
}

struct relay_lane *relay_lane_take_ready(struct weir_relay *relay)
{
    struct relay_lanes *lanes = &relay->lanes;
    struct relay_lane *lane = lanes->ready_first;
    if (lane != NULL) {
        lanes->ready_first = lane->ready_next;
        if (lanes->ready_first == NULL) {
            lanes->ready_last = &lanes->ready_first;
        }
        lane->ready = false;
    }
    return lane;
}

bool relay_lane_add(struct weir_relay *relay, struct relay_entry *entry)
{
    struct relay_lane *lane = find_or_add(relay, entry->message.key);
    if (lane == NULL) {
        return false;
    }
    entry->lane = lane;
    entry->state = RELAY_WAITING;
    entry->next = NULL;
    *lane->last = entry;
    lane->last = &entry->next;
    relay_lane_make_ready(lane);
    return true;
}

void relay_lane_return(struct relay_entry *entry)
{
    struct relay_lane *lane = entry->lane;
    WEIR_ASSERT(entry->state == RELAY_IN_FLIGHT && lane->in_flight);
    entry->state = RELAY_WAITING;
    entry->next = lane->first;
    if (lane->first == NULL) {
        lane->last = &entry->next;
    }
    lane->first = entry;
}

void relay_lane_landed(struct relay_lane *lane)
{
    lane->in_flight = false;
    if (lane->first == NULL) {
        lane_free(lane);
    } else {
        relay_lane_make_ready(lane);
    }
}

static void pause_over(void *arg)
{
    struct relay_lane *lane = arg;
    lane->paused = false;
    relay_lane_make_ready(lane);
    relay_pump(lane->relay);
}

void relay_lane_pause(struct relay_lane *lane, uint64_t ms)
{
    struct loop *loop = lane->relay->loop;
    if (lane->pause_timer == NULL) {
        lane->pause_timer = loop_timer_new(loop, pause_over, lane);
    }
    if (lane->pause_timer != NULL) {
        lane->paused = true;
        loop_timer_start(loop, lane->pause_timer, ms);
    }
}

void relay_lanes_fini(struct weir_relay *relay)
{
    for (size_t i = 0; i < RELAY_LANE_BUCKETS; i++) {
        while (relay->lanes.buckets[i] != NULL) {
            struct relay_lane *lane = relay->lanes.buckets[i];
            while (lane->first != NULL) {
                struct relay_entry *entry = lane->first;
                lane->first = entry->next;
                relay_arrival_release(entry->arrival);
            }
            lane_free(lane);
        }
    }
    relay_lanes_init(&relay->lanes);
}
