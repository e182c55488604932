/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_RELAY_RELAY_H
#define WEIR_RELAY_RELAY_H

/*
 * The relay inside: what its files share. Everything runs on the relay's loop; only the status and
 * the wish to stop cross threads.
 *
 * An entry is one message on its way. Its states, and where it is held:
 *
 *     WAITING ──► IN_FLIGHT ──► MARKING ──► done (feed_done, freed)
 *        ▲            │   │
 *        └────────────┘   └──────────────► done (mark: none)
 *      rejected, or the sink unreachable:
 *      back at the head of its lane
 *
 *     WAITING    in its lane's queue
 *     IN_FLIGHT  in a submission; nothing else of its lane is in another one
 *     MARKING    in an UpdateItem call of its own
 *
 * A lane is the queue of one ordering key. It is READY when it has something waiting, nothing in
 * flight and no pause to keep; ready lanes wait in one queue for room in the sink.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "feed/feed.h"
#include "outbox/outbox.h"
#include "sink/sink.h"
#include "weir/relay.h"

struct relay_lane;

/*
 *     RUNNING ──► DRAINING ──► STOPPING ──► STOPPED
 *
 * DRAINING submits nothing more and waits for what is in the sink's hands and for marks of what was
 * delivered, until drain_ms is over; STOPPING waits for the feed to store its positions.
 */
enum relay_phase { RELAY_RUNNING, RELAY_DRAINING, RELAY_STOPPING, RELAY_STOPPED };

enum relay_entry_state { RELAY_WAITING, RELAY_IN_FLIGHT, RELAY_MARKING };

/* The messages of one feed batch: their memory goes when the last of them is done. */
struct relay_arrival {
    struct weir_relay *relay;
    struct arena *arena; /* decoded payloads */
    struct relay_entry *entries;
    uint32_t open_count; /* entries that are not done */
};

struct relay_entry {
    struct relay_entry *next; /* in its lane's queue */
    struct relay_arrival *arrival;
    struct relay_lane *lane;
    const struct feed_record *record;
    struct outbox_message message;
    enum relay_entry_state state;
    uint32_t attempts; /* rejections so far */
};

struct relay_lane {
    struct relay_lane *bucket_next;
    struct relay_lane *ready_next;
    struct weir_bytes key; /* behind the struct, in its own memory */
    struct relay_entry *first, **last;
    bool ready;     /* in the ready queue */
    bool in_flight; /* a submission holds some of its entries */
    bool paused;    /* after a rejection, until its timer */
    struct loop_timer *pause_timer;
    struct weir_relay *relay;
};

#define RELAY_LANE_BUCKETS 4096

struct relay_lanes {
    struct relay_lane *buckets[RELAY_LANE_BUCKETS];
    struct relay_lane *ready_first, **ready_last;
};

/* One batch in the sink's hands. */
struct relay_submission {
    struct sink_submission sink; /* first */
    struct loop_task task;       /* brings the completion to the loop */
    struct weir_relay *relay;
    struct relay_entry **entries; /* sink.batch.count of them */
};

struct relay_mark {
    struct client_request request; /* first */
    struct relay_mark *next;       /* in the list of those waiting, or of those under way */
    struct relay_mark **link;      /* what points to it, while it is under way */
    struct weir_relay *relay;
    struct relay_entry *entry;
    struct arena *arena;
};

struct weir_relay {
    /* Immutable after open. */
    struct weir_client *client;
    struct weir_relay_options options; /* defaults filled in; names point into `names` */
    const char *table;
    struct outbox_layout layout;
    struct weir_sink_driver driver;
    struct loop *loop;
    struct arena *names;

    /* Loop thread only. */
    struct feed *feed;
    struct relay_lanes lanes;
    uint32_t submissions;     /* in the sink's hands */
    uint32_t mark_count;      /* under way */
    struct relay_mark *marks; /* under way */
    struct relay_mark *marks_waiting, **marks_waiting_last;
    bool marks_paused; /* after a failure of the table, until mark_timer */
    uint32_t mark_failures_in_row;
    struct loop_timer *mark_timer;
    uint64_t in_hand; /* entries that are not done */
    bool sink_down;
    uint32_t sink_failures_in_row;
    struct loop_timer *sink_timer; /* until the next attempt at a sink that is down */
    struct loop_timer *drain_timer;
    struct loop_timer *status_timer;
    enum relay_phase phase;
    bool overdue; /* the time for draining is over */
    bool at_tip;
    enum weir_status failure;
    struct weir_error failure_error;

    atomic_bool stop_wanted; /* any thread, signal handlers */
    pthread_mutex_t mu;
    struct weir_relay_status status; /* under mu */
};

/* relay.c */
/* The relay cannot go on: the first failure is what run returns. */
void relay_fail(struct weir_relay *relay, enum weir_status status, const struct weir_error *error);
/* Ends when there is nothing left to wait for; called whenever something came back. */
void relay_settle(struct weir_relay *relay);
/* The entry is handled: tells the feed and frees. */
void relay_entry_done(struct relay_entry *entry);
/* The entry is given up: its position does not move, and it comes again after a restart. */
void relay_entry_abandon(struct relay_entry *entry);
/* The waiting time of attempt n (from 0): exponential with full jitter of its upper half. */
uint64_t relay_backoff_ms(struct weir_relay *relay, uint32_t attempt);

/* arrive.c */
void relay_on_batch(void *arg, struct feed_batch *batch);
void relay_arrival_release(struct relay_arrival *arrival);

/* lane.c */
void relay_lanes_init(struct relay_lanes *lanes);
/* Drops what waits and frees; nothing may be in flight. */
void relay_lanes_fini(struct weir_relay *relay);
/* False without memory. */
bool relay_lane_add(struct weir_relay *relay, struct relay_entry *entry);
/* Puts entries that came back, oldest last in the call order, at the head of their lane. */
void relay_lane_return(struct relay_entry *entry);
/* The lane's submission ended. It is freed if nothing is left in it. */
void relay_lane_landed(struct relay_lane *lane);
void relay_lane_pause(struct relay_lane *lane, uint64_t ms);
struct relay_lane *relay_lane_take_ready(struct weir_relay *relay);
void relay_lane_make_ready(struct relay_lane *lane);

/* submit.c */
/* Hands waiting messages to the sink while it has room. */
void relay_pump(struct weir_relay *relay);

/* mark.c */
void relay_mark_start(struct relay_entry *entry);
/* The pause after a failure is over. */
void relay_marks_resume(void *relay);
/* Gives up what waits for its turn, and asks for an early end of what is under way. */
void relay_marks_abandon(struct weir_relay *relay);
static inline bool relay_marks_idle(const struct weir_relay *relay)
{
    return relay->mark_count == 0 && relay->marks_waiting == NULL;
}

/* status, under mu */
#define RELAY_COUNT(relay, field, by)       \
    do {                                    \
        pthread_mutex_lock(&(relay)->mu);   \
        (relay)->status.field += (by);      \
        pthread_mutex_unlock(&(relay)->mu); \
    } while (0)

#endif
