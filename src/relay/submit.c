/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Between the lanes and the sink: batches out, results in.
 *
 * A batch takes from ready lanes; while it is out, its lanes wait, so that a failed message and its
 * successors can only come back together. A sink that gives no promise about partly failed batches
 * (WEIR_PARTIAL_NONE) gets one message per key at most.
 */

#include "relay/relay.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fault.h"

#define BATCH_DEFAULT 256

static struct weir_text text_of(struct weir_bytes bytes)
{
    return (struct weir_text){(const char *)bytes.ptr, bytes.len};
}

static struct weir_sink_message message_of(const struct outbox_message *m)
{
    return (struct weir_sink_message){
        .id = text_of(m->id),
        .key = text_of(m->key),
        .type = text_of(m->type),
        .destination = text_of(m->destination),
        .payload = text_of(m->payload),
        .content_type = text_of(m->content_type),
        .headers = text_of(m->headers),
        .correlation_id = text_of(m->correlation_id),
        .causation_id = text_of(m->causation_id),
        .aggregate_id = text_of(m->aggregate_id),
        .aggregate_type = text_of(m->aggregate_type),
        .traceparent = text_of(m->traceparent),
        .tracestate = text_of(m->tracestate),
        .created_at = text_of(m->created_at),
    };
}

static void submission_free(struct relay_submission *submission)
{
    if (submission != NULL) {
        free((void *)(uintptr_t)submission->sink.batch.messages);
        free(submission->sink.batch.results);
        free(submission->entries);
        free(submission);
    }
}

static struct relay_submission *submission_new(struct weir_relay *relay, uint32_t max)
{
    struct relay_submission *submission = calloc(1, sizeof(*submission));
    if (submission == NULL) {
        return NULL;
    }
    submission->relay = relay;
    submission->sink.batch.messages = calloc(max, sizeof(struct weir_sink_message));
    submission->sink.batch.results = calloc(max, sizeof(struct weir_sink_result));
    submission->entries = calloc(max, sizeof(submission->entries[0]));
    if (submission->sink.batch.messages == NULL || submission->sink.batch.results == NULL ||
        submission->entries == NULL) {
        submission_free(submission);
        return NULL;
    }
    return submission;
}

/* Moves up to `max` of the lane's waiting messages into the submission. */
static void take_from_lane(struct relay_submission *submission, struct relay_lane *lane,
                           uint32_t max)
{
    struct weir_sink_message *messages =
        (struct weir_sink_message *)(uintptr_t)submission->sink.batch.messages;
    lane->in_flight = true;
    while (max-- > 0 && lane->first != NULL) {
        struct relay_entry *entry = lane->first;
        lane->first = entry->next;
        if (lane->first == NULL) {
            lane->last = &lane->first;
        }
        entry->state = RELAY_IN_FLIGHT;
        uint32_t at = submission->sink.batch.count++;
        messages[at] = message_of(&entry->message);
        submission->sink.batch.results[at] = (struct weir_sink_result){
            .delivery = WEIR_UNREACHABLE_SINK, .reason = "the driver gave no result"};
        submission->entries[at] = entry;
    }
}

static void fill(struct relay_submission *submission, uint32_t max)
{
    struct weir_relay *relay = submission->relay;
    while (submission->sink.batch.count < max) {
        struct relay_lane *lane = relay_lane_take_ready(relay);
        if (lane == NULL) {
            return;
        }
        bool one = relay->driver.partial == WEIR_PARTIAL_NONE;
        take_from_lane(submission, lane, one ? 1 : max - submission->sink.batch.count);
    }
}

/* ---- results --------------------------------------------------------------------------------- */

static void sink_is_up(struct weir_relay *relay)
{
    relay->sink_down = false;
    relay->sink_failures_in_row = 0;
    pthread_mutex_lock(&relay->mu);
    relay->status.sink_down = 0;
    relay->status.sink_error[0] = '\0';
    pthread_mutex_unlock(&relay->mu);
}

/* The sink waits, not the messages: none of them spends an attempt. Batches that were out together
 * are one failure. */
static void sink_is_down(struct weir_relay *relay, const char *reason)
{
    pthread_mutex_lock(&relay->mu);
    relay->status.sink_down = 1;
    relay->status.sink_failures++;
    (void)snprintf(relay->status.sink_error, sizeof(relay->status.sink_error), "%s", reason);
    pthread_mutex_unlock(&relay->mu);
    if (!relay->sink_down) {
        relay->sink_down = true;
        loop_timer_start(relay->loop, relay->sink_timer,
                         relay_backoff_ms(relay, relay->sink_failures_in_row++));
    }
}

static void delivered(struct relay_entry *entry, const struct weir_sink_result *result)
{
    struct weir_relay *relay = entry->arrival->relay;
    pthread_mutex_lock(&relay->mu);
    relay->status.delivered++;
    relay->status.duplicates += result->delivery == WEIR_DUPLICATE;
    pthread_mutex_unlock(&relay->mu);
    if (relay->layout.mark == WEIR_MARK_NONE) {
        relay_entry_done(entry);
    } else {
        relay_mark_start(entry);
    }
}

/* Only the first of a lane was refused; what stands behind it came back with it. */
static void rejected(struct relay_entry *entry, const struct weir_sink_result *result)
{
    struct weir_relay *relay = entry->arrival->relay;
    if (entry->lane->first != entry) {
        return;
    }
    RELAY_COUNT(relay, rejected, 1);
    entry->attempts++;
    if (entry->attempts <= relay->options.retry_attempts) {
        RELAY_COUNT(relay, retries, 1);
        relay_lane_pause(entry->lane, relay_backoff_ms(relay, entry->attempts - 1));
        return;
    }
    struct weir_error err = {0};
    (void)error_set(&err, WEIR_SINK_REJECTED,
                    "message %.*s of key %.*s was rejected %u times by sink %s: %s",
                    BYTES_ARG(entry->message.id), BYTES_ARG(entry->message.key), entry->attempts,
                    relay->driver.name, result->reason);
    relay_fail(relay, WEIR_SINK_REJECTED, &err);
}

static bool is_delivered(const struct weir_sink_result *result)
{
    return result->delivery == WEIR_DELIVERED || result->delivery == WEIR_DUPLICATE;
}

/* From the last to the first, so that what goes back to a lane's head ends up in order. What is
 * neither delivered nor rejected has an unknown fate. */
static void apply_results(struct relay_submission *submission)
{
    const struct weir_sink_batch *batch = &submission->sink.batch;
    const char *unreachable = NULL;
    for (uint32_t i = batch->count; i-- > 0;) {
        struct weir_sink_result *result = &batch->results[i];
        result->reason[sizeof(result->reason) - 1] = '\0';
        if (is_delivered(result)) {
            continue;
        }
        relay_lane_return(submission->entries[i]);
        if (result->delivery != WEIR_REJECTED) {
            unreachable = result->reason;
        }
    }
    if (unreachable != NULL) {
        sink_is_down(submission->relay, unreachable);
    } else {
        sink_is_up(submission->relay);
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->results[i].delivery == WEIR_REJECTED) {
            rejected(submission->entries[i], &batch->results[i]);
        }
    }
}

static void land_lanes(struct relay_submission *submission)
{
    const struct weir_sink_batch *batch = &submission->sink.batch;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct relay_lane *lane = submission->entries[i]->lane;
        bool last_of_lane = i + 1 == batch->count || submission->entries[i + 1]->lane != lane;
        if (last_of_lane) {
            relay_lane_landed(lane);
        }
    }
}

static void finish_delivered(struct relay_submission *submission)
{
    const struct weir_sink_batch *batch = &submission->sink.batch;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (is_delivered(&batch->results[i])) {
            delivered(submission->entries[i], &batch->results[i]);
        }
    }
}

/* On the loop. Lanes land before delivered entries are finished: those may be freed by it. */
static void on_completed(void *arg)
{
    struct relay_submission *submission = arg;
    struct weir_relay *relay = submission->relay;
    (void)fault_hit(FAULT_RELAY_AFTER_PUBLISH);
    apply_results(submission);
    land_lanes(submission);
    finish_delivered(submission);
    submission_free(submission);
    relay->submissions--; /* only now: until here a failure must not end the relay */
    relay_pump(relay);
    relay_settle(relay);
}

/* From whatever thread the driver completes on. */
static void completed_anywhere(struct sink_submission *sink)
{
    struct relay_submission *submission = (struct relay_submission *)sink;
    submission->task = (struct loop_task){.fn = on_completed, .arg = submission};
    loop_post(submission->relay->loop, &submission->task);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void submit(struct relay_submission *submission)
{
    struct weir_relay *relay = submission->relay;
    submission->sink.completed = completed_anywhere;
    relay->submissions++;
    (void)fault_hit(FAULT_RELAY_BEFORE_PUBLISH);
    relay->driver.submit(relay->driver.sink, &submission->sink.batch);
}

/* While the sink is down, one batch at a time asks whether it is back. */
static bool has_room(const struct weir_relay *relay)
{
    uint32_t max = relay->driver.in_flight_max == 0 || relay->sink_failures_in_row > 0
                       ? 1
                       : relay->driver.in_flight_max;
    return relay->phase == RELAY_RUNNING && !atomic_load(&relay->stop_wanted) &&
           !relay->sink_down && relay->submissions < max && relay->lanes.ready_first != NULL;
}

void relay_pump(struct weir_relay *relay)
{
    uint32_t batch_max = relay->driver.batch_max == 0 ? BATCH_DEFAULT : relay->driver.batch_max;
    batch_max = batch_max > relay->options.lanes ? relay->options.lanes : batch_max;
    while (has_room(relay)) {
        struct relay_submission *submission = submission_new(relay, batch_max);
        if (submission == NULL) {
            struct weir_error err = {0};
            (void)error_set(&err, WEIR_NO_MEMORY, "no memory for a batch of %u", batch_max);
            relay_fail(relay, WEIR_NO_MEMORY, &err);
            return;
        }
        fill(submission, batch_max);
        submit(submission);
    }
}
