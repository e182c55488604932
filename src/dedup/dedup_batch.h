/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DEDUP_DEDUP_BATCH_H
#define WEIR_DEDUP_DEDUP_BATCH_H

/*
 * Many conditional writes side by side (client/parallel.h), one lane for each that is under way.
 *
 *     ids     0 1 2 3 4 5 6 7 8 9 ...
 *     lanes   [4] [1] [5] [6]      ▲ next: starts when there is room and no lane has its id
 *
 * Ids are started in their order, and an id waits until an equal one before it is done: so the
 * results of equal ids are those of calls made one after the other.
 */

#include "dedup/dedup_store.h"

struct dedup_batch;

struct dedup_lane {
    struct dedup_call call; /* its arena holds the lane, too */
    void *state;            /* what the batch keeps for this write, in the arena */
    uint32_t index;
    struct dedup_lane *next; /* of those under way */
};

struct dedup_batch {
    /* In. */
    struct weir_dedup *dedup;
    uint32_t count;
    const char *operation; /* "PutItem", "DeleteItem" */
    void *arg;
    struct weir_dedup_id (*id)(const struct dedup_batch *batch, uint32_t index);
    /* The request, built in the lane's arena; NULL with *error set: this id is not sent. */
    struct weir_value *(*document)(struct dedup_batch *batch, struct dedup_lane *lane,
                                   struct weir_error *error);
    /* What the answer means; WEIR_CONDITION_FAILED comes with the row that was in the way. */
    enum weir_status (*settle)(struct dedup_batch *batch, struct dedup_lane *lane,
                               enum weir_status status, const struct weir_value *response,
                               const struct dedup_row *row, struct weir_error *error);
    /* Once per id, in the order of their ends. */
    void (*result)(struct dedup_batch *batch, uint32_t index, enum weir_status status,
                   const struct weir_error *error);

    /* Inside. */
    struct dedup_lane *lanes; /* under way */
    uint32_t next;
};

/* Runs it to its end. Fails only before anything is sent. @thread any but a loop's */
enum weir_status dedup_batch_run(struct dedup_batch *batch, struct weir_error *err);

#endif
