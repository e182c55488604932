/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table with chains, and a ring through its entries in the order of their use. */
#include "dedup/dedup_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/error.h"

/* A place in the ring of entries. */
struct use {
    struct use *newer, *older;
};

struct entry {
    struct use use;      /* first, so that it is the entry's address too */
    struct entry *chain; /* the next one in the bucket */
    uint64_t hash;
    int64_t expires_at_s; /* 0: never */
    size_t worker_len, message_len;
    uint8_t text[]; /* the worker, then the message */
};

struct dedup_cache {
    /* Immutable after new. */
    uint64_t seed; /* ids come from outside: nobody shall choose their buckets */
    uint32_t max;
    uint32_t bucket_mask;

    pthread_mutex_t mu;
    uint32_t count;          /* under mu */
    struct use ring;         /* under mu; its older is the newest entry, its newer the oldest */
    struct entry *buckets[]; /* under mu */
};

struct dedup_cache *dedup_cache_new(struct weir_env *env, uint32_t max)
{
    uint32_t buckets = 1;
    while (buckets < max) {
        buckets *= 2;
    }
    struct dedup_cache *cache = calloc(1, sizeof(*cache) + buckets * sizeof(struct entry *));
    if (cache == NULL) {
        return NULL;
    }
    env->random(env, &cache->seed, sizeof(cache->seed));
    cache->max = max;
    cache->bucket_mask = buckets - 1;
    cache->ring.newer = cache->ring.older = &cache->ring;
    int failed = pthread_mutex_init(&cache->mu, NULL);
    WEIR_ASSERT(failed == 0);
    return cache;
}

static void ring_remove(struct use *use)
{
    use->newer->older = use->older;
    use->older->newer = use->newer;
}

static void ring_insert_newest(struct dedup_cache *cache, struct use *use)
{
    use->newer = &cache->ring;
    use->older = cache->ring.older;
    use->older->newer = use;
    cache->ring.older = use;
}

/* The link that points at the id's entry, or at the end of its bucket's chain. */
static struct entry **find(struct dedup_cache *cache, uint64_t hash, struct weir_bytes worker,
                           struct weir_bytes message)
{
    struct entry **link = &cache->buckets[hash & cache->bucket_mask];
    while (*link != NULL) {
        const struct entry *entry = *link;
        if (entry->hash == hash && bytes_eq(bytes_of(entry->text, entry->worker_len), worker) &&
            bytes_eq(bytes_of(entry->text + entry->worker_len, entry->message_len), message)) {
            break;
        }
        link = &(*link)->chain;
    }
    return link;
}

static void drop(struct dedup_cache *cache, struct entry **link)
{
    struct entry *entry = *link;
    *link = entry->chain;
    ring_remove(&entry->use);
    cache->count--;
    free(entry);
}

static void drop_oldest(struct dedup_cache *cache)
{
    struct entry *oldest = (struct entry *)cache->ring.newer;
    struct entry **link = &cache->buckets[oldest->hash & cache->bucket_mask];
    while (*link != oldest) {
        link = &(*link)->chain;
    }
    drop(cache, link);
}

void dedup_cache_free(struct dedup_cache *cache)
{
    if (cache != NULL) {
        while (cache->count > 0) {
            drop_oldest(cache);
        }
        (void)pthread_mutex_destroy(&cache->mu);
        free(cache);
    }
}

static uint64_t hash_of(const struct dedup_cache *cache, struct weir_bytes worker,
                        struct weir_bytes message)
{
    uint64_t of_worker = XXH3_64bits_withSeed(worker.ptr, worker.len, cache->seed);
    return XXH3_64bits_withSeed(message.ptr, message.len, of_worker);
}

bool dedup_cache_knows(struct dedup_cache *cache, struct weir_bytes worker,
                       struct weir_bytes message, int64_t now_s)
{
    if (cache == NULL) {
        return false;
    }
    uint64_t hash = hash_of(cache, worker, message);
    pthread_mutex_lock(&cache->mu);
    struct entry **link = find(cache, hash, worker, message);
    struct entry *entry = *link;
    bool known = entry != NULL && (entry->expires_at_s == 0 || entry->expires_at_s >= now_s);
    if (known) {
        ring_remove(&entry->use);
        ring_insert_newest(cache, &entry->use);
    } else if (entry != NULL) {
        drop(cache, link);
    }
    pthread_mutex_unlock(&cache->mu);
    return known;
}

static struct entry *entry_new(uint64_t hash, struct weir_bytes worker, struct weir_bytes message)
{
    struct entry *entry = malloc(sizeof(*entry) + worker.len + message.len);
    if (entry != NULL) {
        *entry = (struct entry){.hash = hash, .worker_len = worker.len, .message_len = message.len};
        memcpy(entry->text, worker.ptr, worker.len);
        memcpy(entry->text + worker.len, message.ptr, message.len);
    }
    return entry;
}

/* Afterwards `link` is no good: the entry that it is in may be the one that went.
 * @locks cache->mu is held */
static void insert(struct dedup_cache *cache, struct entry **link, struct entry *take_entry)
{
    if (take_entry == NULL) {
        return;
    }
    *link = take_entry;
    ring_insert_newest(cache, &take_entry->use);
    cache->count++;
    if (cache->count > cache->max) {
        drop_oldest(cache);
    }
}

void dedup_cache_add(struct dedup_cache *cache, struct weir_bytes worker, struct weir_bytes message,
                     int64_t expires_at_s)
{
    if (cache == NULL) {
        return;
    }
    uint64_t hash = hash_of(cache, worker, message);
    pthread_mutex_lock(&cache->mu);
    struct entry **link = find(cache, hash, worker, message);
    struct entry *entry = *link;
    if (entry == NULL) {
        entry = entry_new(hash, worker, message);
        insert(cache, link, entry);
    }
    if (entry != NULL) {
        entry->expires_at_s = expires_at_s;
    }
    pthread_mutex_unlock(&cache->mu);
}

void dedup_cache_forget(struct dedup_cache *cache, struct weir_bytes worker,
                        struct weir_bytes message)
{
    if (cache == NULL) {
        return;
    }
    uint64_t hash = hash_of(cache, worker, message);
    pthread_mutex_lock(&cache->mu);
    struct entry **link = find(cache, hash, worker, message);
    if (*link != NULL) {
        drop(cache, link);
    }
    pthread_mutex_unlock(&cache->mu);
}

uint32_t dedup_cache_count(struct dedup_cache *cache)
{
    if (cache == NULL) {
        return 0;
    }
    pthread_mutex_lock(&cache->mu);
    uint32_t count = cache->count;
    pthread_mutex_unlock(&cache->mu);
    return count;
}
