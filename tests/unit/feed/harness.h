/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_FEED_HARNESS_H
#define WEIR_TESTS_FEED_HARNESS_H

/*
 * A feed on a loop in the test's thread, and all that it said. Waiting is for a condition, never
 * for a time: run_until gives up, and fails the test, after a minute.
 */

#include "fake_stream.h"
#include "feed/feed.h"

#define SEEN_MAX 20000

/* One record as it was handed out. */
struct seen {
    uint32_t value; /* of its partition key */
    char shard[64];
    enum feed_event event;
    bool by_ttl;
    bool has_new, has_old;
    const struct feed_record *record; /* NULL: done */
};

/* The system's clocks, the wall clock shifted. */
struct shifted_env {
    struct weir_env env;
    int64_t shift_ms;
};

struct harness {
    struct shifted_env env;
    struct loop *loop;
    struct weir_client *client;
    struct feed *feed;
    struct feed_options options; /* for the next open */
    bool hold;                   /* records are not done at once */
    bool free_in_batch;          /* the handler frees the feed */

    struct seen *seen;
    uint32_t seen_count, batches, tips, failures, stops;
    enum weir_status failure;
    struct weir_error failure_error;

    bool (*until)(struct harness *h);
    struct loop_timer *check, *deadline;
    uint32_t wanted; /* for conditions */
};

/* A loop and a client on "fake:" or "memory:". */
void harness_init(struct harness *h, const char *endpoint);
void harness_fini(struct harness *h);
/* Opens and starts a feed with h->options. */
void harness_open(struct harness *h);
/* Stops it, waits, frees it. */
void harness_close(struct harness *h);
/* What a killed process leaves: nothing is stored, nothing released. */
void harness_crash(struct harness *h);
/* Forgets what was seen. */
void harness_forget(struct harness *h);

void run_until(struct harness *h, bool (*until)(struct harness *h));
/* Conditions. */
bool saw_wanted(struct harness *h); /* h->wanted records */
bool saw_tip(struct harness *h);    /* on_tip, and still at it */
bool saw_failure(struct harness *h);
void run_until_seen(struct harness *h, uint32_t count);
/* Lets what is under way and due happen: turns of the loop, and `ms` of timers. */
void run_for(struct harness *h, uint32_t ms);

/* Marks the i-th record seen as done. */
void done_at(struct harness *h, uint32_t index);
struct feed_figures figures(struct harness *h);

/* The stored checkpoint of a shard ("" when there is no row), and another attribute, as text.
 * Static storage. */
const char *stored(struct harness *h, const char *pipeline, const char *shard);
const char *stored_attribute(struct harness *h, const char *pipeline, const char *shard,
                             const char *attribute);

#endif
