/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Marking: a conditional write per delivered message, a bounded number at once. A row that is gone
 * needs no mark. A call that failed is made again, for as long as it takes: the message was
 * published, and its position must not move before the mark.
 */

#include "relay/relay.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/fault.h"

#define MARKS_MAX 128
#define MARK_ARENA_BYTES (1024 * 1024)

static void mark_free(struct relay_mark *mark)
{
    arena_free(mark->arena);
    free(mark);
}

static void mark_done(struct client_request *request);

static void send(struct relay_mark *mark)
{
    struct weir_relay *relay = mark->relay;
    const struct outbox_message *message = &mark->entry->message;
    arena_reset(mark->arena);
    mark->request = (struct client_request){
        .operation = outbox_mark_operation(&relay->layout),
        .document = outbox_mark_request(mark->arena, &relay->layout, message->key, message->id,
                                        env_wall_ms(relay->loop->env)),
        .arena = mark->arena,
        .loop = relay->loop,
        .done = mark_done,
        .arg = mark,
    };
    relay->mark_count++;
    mark->next = relay->marks;
    mark->link = &relay->marks;
    if (mark->next != NULL) {
        mark->next->link = &mark->next;
    }
    relay->marks = mark;
    client_start(relay->client, &mark->request);
}

static void wait_for_turn(struct relay_mark *mark)
{
    mark->next = NULL;
    *mark->relay->marks_waiting_last = mark;
    mark->relay->marks_waiting_last = &mark->next;
}

static void start_waiting(struct weir_relay *relay)
{
    while (!relay->marks_paused && relay->mark_count < MARKS_MAX && relay->marks_waiting != NULL) {
        struct relay_mark *mark = relay->marks_waiting;
        relay->marks_waiting = mark->next;
        if (relay->marks_waiting == NULL) {
            relay->marks_waiting_last = &relay->marks_waiting;
        }
        send(mark);
    }
}

void relay_marks_resume(void *arg)
{
    struct weir_relay *relay = arg;
    relay->marks_paused = false;
    start_waiting(relay);
}

/* The table, not the message, is to blame: all marks wait. Those under way together are one
 * failure. */
static void pause_marks(struct weir_relay *relay)
{
    if (!relay->marks_paused) {
        relay->marks_paused = true;
        loop_timer_start(relay->loop, relay->mark_timer,
                         relay_backoff_ms(relay, relay->mark_failures_in_row++));
    }
}

static void marked(struct relay_mark *mark, bool row_there)
{
    struct weir_relay *relay = mark->relay;
    struct relay_entry *entry = mark->entry;
    mark_free(mark);
    (void)fault_hit(FAULT_RELAY_AFTER_MARK);
    relay->mark_failures_in_row = 0;
    if (row_there) {
        RELAY_COUNT(relay, marked, 1);
    }
    relay_entry_done(entry);
}

static void unlink_mark(struct relay_mark *mark)
{
    mark->relay->mark_count--;
    *mark->link = mark->next;
    if (mark->next != NULL) {
        mark->next->link = mark->link;
    }
}

static void give_up(struct relay_mark *mark)
{
    relay_entry_abandon(mark->entry);
    mark_free(mark);
}

static void mark_done(struct client_request *request)
{
    struct relay_mark *mark = (struct relay_mark *)request;
    struct weir_relay *relay = mark->relay;
    enum weir_status status = request->status;
    unlink_mark(mark);
    if (status == WEIR_OK || status == WEIR_CONDITION_FAILED) {
        marked(mark, status == WEIR_OK);
    } else if (relay->overdue) {
        give_up(mark);
    } else if (weir_status_retryable(status)) {
        RELAY_COUNT(relay, retries, 1);
        wait_for_turn(mark);
        pause_marks(relay);
    } else {
        struct weir_error err = request->error;
        (void)error_wrap(&err, status, "marking message %.*s of key %.*s",
                         BYTES_ARG(mark->entry->message.id), BYTES_ARG(mark->entry->message.key));
        give_up(mark);
        relay_fail(relay, status, &err);
    }
    start_waiting(relay);
    relay_pump(relay);
    relay_settle(relay);
}

void relay_mark_start(struct relay_entry *entry)
{
    struct weir_relay *relay = entry->arrival->relay;
    if (relay->overdue) { /* it comes again, and its mark with it */
        relay_entry_abandon(entry);
        return;
    }
    struct relay_mark *mark = calloc(1, sizeof(*mark));
    struct arena *arena = arena_new(MARK_ARENA_BYTES);
    if (mark == NULL || arena == NULL) {
        struct weir_error err = {0};
        free(mark);
        arena_free(arena);
        relay_entry_abandon(entry);
        (void)error_set(&err, WEIR_NO_MEMORY, "no memory for marking a message");
        relay_fail(relay, WEIR_NO_MEMORY, &err);
        return;
    }
    entry->state = RELAY_MARKING;
    mark->relay = relay;
    mark->entry = entry;
    mark->arena = arena;
    wait_for_turn(mark);
    start_waiting(relay);
}

void relay_marks_abandon(struct weir_relay *relay)
{
    while (relay->marks_waiting != NULL) {
        struct relay_mark *mark = relay->marks_waiting;
        relay->marks_waiting = mark->next;
        give_up(mark);
    }
    relay->marks_waiting_last = &relay->marks_waiting;
    for (struct relay_mark *mark = relay->marks; mark != NULL; mark = mark->next) {
        client_cancel(&mark->request);
    }
}
