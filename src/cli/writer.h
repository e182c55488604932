/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_WRITER_H
#define WEIR_CLI_WRITER_H

/*
 * Many puts or deletes, as fast as the endpoint takes them: BatchWriteItem with 25 at a time and
 * several batches under way.
 *
 *     caller ──► lane of the key's hash ──► batch being filled ──► queue ──► thread: call, again
 *                                           (no key twice in it)             for what is
 * unprocessed
 *
 * All writes of one key go through one lane, in order: of two with the same key the later one
 * wins, as if they had been made one after the other. Memory is bounded by lanes and batches.
 *
 * A batch that the service refuses as a whole is made again item by item, so that the one which is
 * wrong is found and the others are written.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "cli/data.h"

#define WRITER_LANES 4

enum writer_kind { WRITER_PUT, WRITER_DELETE };

/* One write that was refused for what it is, or that stayed unprocessed
 * (WEIR_UNAVAILABLE). Called from the lanes' threads, one at a time. */
typedef void writer_refused(void *arg, uint64_t origin, enum weir_status status,
                            const struct weir_error *error);

struct writer_options {
    struct weir_client *client;
    const char *table;
    const struct data_keys *keys;
    enum writer_kind kind;
    writer_refused *refused;
    void *arg;
};

struct writer;

enum weir_status writer_open(const struct writer_options *options, struct writer **ret_writer,
                             struct weir_error *err);
/* Queues the write of an item whose keys were checked (for a delete: of the item's key); waits
 * while everything is full. The item is copied. `origin` is the caller's, a line number. False
 * when the writer failed: then writer_finish tells why. @thread the caller's one */
bool writer_put(struct writer *w, const struct weir_value *item, uint64_t origin);
/* Writes what is left and waits for all of it; the first failure that was not of single items. */
enum weir_status writer_finish(struct writer *w, struct weir_error *err);
/* Accepts NULL. Without writer_finish before, what is queued is dropped. */
void writer_close(struct writer *w);

/* So far. @thread any */
uint64_t writer_written(const struct writer *w);
uint64_t writer_refused_count(const struct writer *w);
/* Of what a failure left open: items that may be written, or not. */
uint64_t writer_unknown(const struct writer *w);
bool writer_failed(const struct writer *w);

#endif
