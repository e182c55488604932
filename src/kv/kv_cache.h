/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KV_KV_CACHE_H
#define WEIR_KV_KV_CACHE_H

/*
 * The newest rows of one family, in memory: what was written or read lately, found by a hash
 * instead of by searching memtables and blocks. Never the truth: a row may be missing at any time.
 *
 *     read      get ── a row ──► done
 *                └─ none, a ticket ──► read the store ──► keep(row, ticket)
 *     commit    begin(writes) ──► the store's commit ──► end(writes)
 *
 * Reads never go back in time. From begin to end the shards that a commit touches answer nothing,
 * so a reader of such a key asks the store, which shows the old row or the new one and then only
 * the new one. A ticket is of no use once its shard was written to, so a reader that took the old
 * row out of the store cannot put it into the cache behind the commit.
 */
#include "base/bytes.h"

struct kv_cache;

/* A key and what is stored under it, or that nothing is; immutable, shared by reference count. */
struct kv_cache_row;

/* What a batch is about to do to the cache's family. Zeroed: nothing. */
struct kv_cache_writes {
    struct kv_cache_row *first, *last;
    bool all; /* more than what is listed: every row may change */
};

/* The rows take bytes_max at most, those that a reader holds aside. NULL without memory. */
struct kv_cache *kv_cache_new(size_t bytes_max);
void kv_cache_free(struct kv_cache *cache); /* accepts NULL */

/* The row, to be unreferenced; NULL: not here, and *ret_ticket is for kv_cache_keep. @thread any */
struct kv_cache_row *kv_cache_get(struct kv_cache *cache, struct weir_bytes key,
                                  uint64_t *ret_ticket);
struct weir_bytes kv_cache_row_value(const struct kv_cache_row *row);
void kv_cache_row_unref(struct kv_cache_row *row);
/* Keeps what the store answered after the kv_cache_get that gave the ticket, unless it may be old
 * by now. @thread any */
void kv_cache_keep(struct kv_cache *cache, struct weir_bytes key, struct weir_bytes value,
                   uint64_t ticket);

/* Notes a put; a deletion has a NULL value. */
void kv_cache_note(struct kv_cache_writes *writes, struct weir_bytes key,
                   const struct weir_bytes *value);
/* Forgets what was noted. */
void kv_cache_writes_clear(struct kv_cache_writes *writes);

/* Around the store's commit of what was noted; one commit at a time. After a failed one the rows
 * stay out for good, since nobody knows what is stored. */
void kv_cache_begin(struct kv_cache *cache, const struct kv_cache_writes *writes);
void kv_cache_end(struct kv_cache *cache, const struct kv_cache_writes *writes);

#endif
