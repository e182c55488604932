/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DEDUP_DEDUP_CACHE_H
#define WEIR_DEDUP_DEDUP_CACHE_H

/*
 * The ids that this process knows to be completed, so that a redelivery costs no read. At most
 * `max` of them; the one that was not asked for the longest goes first.
 *
 *     buckets   [ ]──► entry ──► entry          by hash of (worker, message)
 *     recent    entry ◄──► entry ◄──► oldest    the same entries by use
 *
 * A completed row never changes until it expires, so an entry needs no upkeep but its expiry.
 * Threads: any.
 */

#include "base/env.h"

struct dedup_cache;

/* For `max` ids, above 0. NULL without memory. */
struct dedup_cache *dedup_cache_new(struct weir_env *env, uint32_t max);
void dedup_cache_free(struct dedup_cache *cache); /* accepts NULL */

/* These accept a cache of NULL, which knows nothing. `expires_at_s` 0: never. Adding is a favour:
 * without memory nothing is added. */
bool dedup_cache_knows(struct dedup_cache *cache, struct weir_bytes worker,
                       struct weir_bytes message, int64_t now_s);
void dedup_cache_add(struct dedup_cache *cache, struct weir_bytes worker, struct weir_bytes message,
                     int64_t expires_at_s);
void dedup_cache_forget(struct dedup_cache *cache, struct weir_bytes worker,
                        struct weir_bytes message);
/* Ids that are held; for tests. */
uint32_t dedup_cache_count(struct dedup_cache *cache);

#endif
