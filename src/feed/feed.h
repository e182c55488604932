/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FEED_FEED_H
#define WEIR_FEED_FEED_H

/*
 * A table's change stream, followed: shards and their lineage, positions with a fencing token,
 * batches of records out, outcomes back in. Single-threaded over one loop and one client; time and
 * chance from the loop's env.
 *
 *     DescribeStream ─► shards (parents before children) ─► GetRecords ─► on_batch
 *                                                                           │
 *     position table ◄── flush by count and time ◄── frontier ◄── feed_done(record)
 *
 * A shard's states, and the only moves:
 *
 *     DISCOVERED ─► BLOCKED (its parent is not read to the end) ─► LEASED ─► READING ─► DRAINED
 *          └──────────────────────────────────────────────────────►│                    │
 *                        (all records out; handled ones behind) ENDED ◄──────────────────┘
 *
 * Positions: the frontier of a shard is the end of the contiguous run of records that were handled
 * (feed_done), and only it is stored; so a record that was not handled is delivered again after a
 * restart, and none behind it is lost. Rows of the position table have KCL's attribute names
 * (leaseKey, leaseOwner, leaseCounter, checkpoint, parentShardId, ownerSwitchesSinceCheckpoint);
 * every write is conditional on owner and counter, the fencing token: a feed that was replaced gets
 * WEIR_LEASE_LOST and stops.
 *
 * One worker: it takes every shard's lease when it starts. (Shares between workers come with the
 * same rows.)
 */

#include "client/client.h"

struct feed;
struct feed_batch;

enum feed_start {
    FEED_START_HORIZON, /* everything that is retained */
    FEED_START_NOW,     /* changes from now on, also those in shards born later. "Now" is, for each
                           shard, when the feed got hold of it, between feed_start and the first
                           on_tip; a restart before the first record goes back to feed_start, and
                           then up to 5 s before it may come too (clocks differ) */
};

enum feed_event { FEED_INSERT, FEED_MODIFY, FEED_REMOVE };

/* One change. Everything it points to lives until its batch is released. */
struct feed_record {
    struct feed_batch *batch;
    uint32_t index; /* in the batch */
    enum feed_event event;
    bool by_ttl;                /* deleted by the service's TTL */
    struct weir_bytes sequence; /* digits; compare within one shard only */
    struct weir_bytes event_id;
    const struct weir_value *keys;      /* items */
    const struct weir_value *new_image; /* NULL: not in this view type or event */
    const struct weir_value *old_image;
    int64_t created_s; /* ApproximateCreationDateTime */
};

struct feed_batch {
    struct weir_bytes shard_id;
    struct feed_record *records; /* oldest first, at least one */
    uint32_t count;
};

struct feed_handler {
    /* Records of one shard, in order. The handler owes feed_done for each, in any order. */
    void (*on_batch)(void *arg, struct feed_batch *batch);
    /* The feed cannot go on: no stream, view type without the image needed, lease lost, a gap.
     * Called once at most; the feed has stopped reading. */
    void (*on_failed)(void *arg, enum weir_status status, const struct weir_error *error);
    /* Every shard's records up to now were handed out: an empty read of all open shards. */
    void (*on_tip)(void *arg);
    void *arg;
};

struct feed_options {
    struct loop *loop;          /* outlives the feed */
    struct weir_client *client; /* outlives the feed */
    const char *table;          /* whose stream */
    const char *position_table; /* created when missing; NULL: "weir-positions" */
    const char *pipeline;       /* whose positions: prefix of leaseKey, "<pipeline>/<shard id>";
                                   NULL: no positions are kept (tail) */
    const char *owner;          /* leaseOwner; NULL: host and a random part */
    enum feed_start start;      /* where no position is stored */
    bool need_new_image;        /* refuse a stream whose view type lacks it */
    uint32_t flush_count;       /* store positions after that many handled records; 0: 1000 */
    uint32_t flush_ms;          /* ... or after that time; 0: 1000 */
    uint32_t poll_ms_max;       /* idle wait where the server cannot hold requests; 0: 1000 */
    uint32_t unhandled_max;     /* stop reading while that many records are out; 0: 20000 */
    struct feed_handler handler;
};

/* Fills nothing in but the object: feed_start begins. */
enum weir_status feed_new(const struct feed_options *options, struct feed **ret_feed,
                          struct weir_error *err);
void feed_start(struct feed *feed);

/* The record was handled: delivered, filtered or given up for good. Once per record. When all of a
 * batch are done it is freed. Never calls the handler. */
void feed_done(const struct feed_record *record);
/* Holds and resumes reading (the sink is down or full); records that are out stay out. */
void feed_pause(struct feed *feed);
void feed_resume(struct feed *feed);

/* Stops reading, stores the positions that were reached and gives the leases back; then calls
 * stopped(arg). Records still out may be done or not until then. Twice is harmless. */
void feed_stop(struct feed *feed, void (*stopped)(void *arg), void *arg);
/* Frees batches that are still out. Accepts NULL. Before stopped() it is what a killed process
 * leaves: nothing is stored or given back, no handler is called any more, and the memory goes once
 * the calls under way have come back on the loop. */
void feed_free(struct feed *feed);

struct feed_figures {
    uint64_t records_read, records_handled, get_records_calls, checkpoints, iterators_expired, gaps;
    uint64_t retries; /* failed calls that are made again: throttled, unreachable */
    uint32_t shards_open, shards_ended;
    /* Now minus the creation of the oldest record not handled, 0 when there is none and the tip was
     * reached. */
    int64_t lag_ms;
    bool at_tip;
};
void feed_read_figures(const struct feed *feed, struct feed_figures *ret_figures);

#endif
