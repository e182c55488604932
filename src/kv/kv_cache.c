/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shards by the key's hash, each a small hash table and a queue under a lock of its own. They are
 * many because a commit closes those it touches. What does not fit is taken from the old end of the
 * queue; a row that was asked for since it came there gets another turn.
 */
#include "kv/kv_cache.h"

#include "base/error.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <xxhash.h>

#define SHARDS 1024u
#define BUCKETS 128u
/* Of a shard's bytes: a larger row would push out too many others. */
#define ROW_SHARE 4

/* What a search reads comes last, beside the key. */
struct kv_cache_row {
    struct kv_cache_row *noted; /* the next of the batch's writes */
    bool is_deletion;
    /* Under the shard's lock, while it is in there. */
    bool used; /* asked for since it came to the old end */
    struct kv_cache_row *newer, *older;
    struct kv_cache_row *next; /* in its bucket */
    uint64_t hash;
    size_t key_len, value_len;
    atomic_uint refs;
    uint8_t data[]; /* key, value */
};

struct shard {
    pthread_mutex_t mu;
    /* Under mu. */
    unsigned writers; /* rows of the commit under way; not 0: closed */
    uint64_t version; /* of the last write */
    size_t bytes;
    struct kv_cache_row *newest, *oldest;
    struct kv_cache_row *buckets[BUCKETS];
};

struct kv_cache {
    size_t shard_bytes;
    struct shard shards[SHARDS];
};

static uint64_t hash_of(struct weir_bytes key)
{
    return XXH3_64bits(key.ptr, key.len);
}

static struct shard *shard_of(struct kv_cache *cache, uint64_t hash)
{
    return &cache->shards[hash % SHARDS];
}

/* ---- rows ------------------------------------------------------------------------------------ */

static struct weir_bytes key_of(const struct kv_cache_row *row)
{
    return bytes_of(row->data, row->key_len);
}

struct weir_bytes kv_cache_row_value(const struct kv_cache_row *row)
{
    return bytes_of(row->data + row->key_len, row->value_len);
}

static size_t bytes_taken(const struct kv_cache_row *row)
{
    return sizeof(*row) + row->key_len + row->value_len;
}

static struct kv_cache_row *row_new(struct weir_bytes key, struct weir_bytes value, uint64_t hash)
{
    struct kv_cache_row *row = malloc(sizeof(*row) + key.len + value.len);
    if (row == NULL) {
        return NULL;
    }
    *row = (struct kv_cache_row){.hash = hash, .key_len = key.len, .value_len = value.len};
    atomic_init(&row->refs, 1);
    if (key.len > 0) {
        memcpy(row->data, key.ptr, key.len);
    }
    if (value.len > 0) {
        memcpy(row->data + key.len, value.ptr, value.len);
    }
    return row;
}

void kv_cache_row_unref(struct kv_cache_row *row)
{
    if (atomic_fetch_sub_explicit(&row->refs, 1, memory_order_acq_rel) == 1) {
        free(row);
    }
}

/* ---- one shard; its lock is held ------------------------------------------------------------- */

/* Where the row is linked into its bucket, or where it would be. */
static struct kv_cache_row **find(struct shard *shard, struct weir_bytes key, uint64_t hash)
{
    struct kv_cache_row **at = &shard->buckets[hash / SHARDS % BUCKETS];
    while (*at != NULL && ((*at)->hash != hash || !bytes_eq(key_of(*at), key))) {
        at = &(*at)->next;
    }
    return at;
}

static void queue_remove(struct shard *shard, struct kv_cache_row *row)
{
    *(row->newer == NULL ? &shard->newest : &row->newer->older) = row->older;
    *(row->older == NULL ? &shard->oldest : &row->older->newer) = row->newer;
}

static void queue_add(struct shard *shard, struct kv_cache_row *row)
{
    row->newer = NULL;
    row->older = shard->newest;
    *(shard->newest == NULL ? &shard->oldest : &shard->newest->newer) = row;
    shard->newest = row;
}

static void remove_at(struct shard *shard, struct kv_cache_row **at)
{
    struct kv_cache_row *row = *at;
    if (row == NULL) {
        return;
    }
    *at = row->next;
    queue_remove(shard, row);
    shard->bytes -= bytes_taken(row);
    kv_cache_row_unref(row);
}

static void make_room(struct shard *shard, size_t bytes_max)
{
    while (shard->bytes > bytes_max) {
        struct kv_cache_row *row = shard->oldest;
        if (row->used) {
            row->used = false;
            queue_remove(shard, row);
            queue_add(shard, row);
        } else {
            remove_at(shard, find(shard, key_of(row), row->hash));
        }
    }
}

/* In the place of the one with its key; the shard takes a reference of its own. */
static void insert(const struct kv_cache *cache, struct shard *shard, struct kv_cache_row *row)
{
    struct kv_cache_row **at = find(shard, key_of(row), row->hash);
    remove_at(shard, at);
    if (bytes_taken(row) > cache->shard_bytes / ROW_SHARE) {
        return;
    }
    atomic_fetch_add_explicit(&row->refs, 1, memory_order_relaxed);
    row->used = false;
    row->next = *at;
    *at = row;
    queue_add(shard, row);
    shard->bytes += bytes_taken(row);
    make_room(shard, cache->shard_bytes);
}

static void remove_all(struct shard *shard)
{
    while (shard->oldest != NULL) {
        remove_at(shard, find(shard, key_of(shard->oldest), shard->oldest->hash));
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

struct kv_cache_row *kv_cache_get(struct kv_cache *cache, struct weir_bytes key,
                                  uint64_t *ret_ticket)
{
    uint64_t hash = hash_of(key);
    struct shard *shard = shard_of(cache, hash);
    pthread_mutex_lock(&shard->mu);
    struct kv_cache_row *row = shard->writers > 0 ? NULL : *find(shard, key, hash);
    if (row != NULL) {
        row->used = true;
        atomic_fetch_add_explicit(&row->refs, 1, memory_order_relaxed);
    }
    *ret_ticket = shard->version;
    pthread_mutex_unlock(&shard->mu);
    return row;
}

void kv_cache_keep(struct kv_cache *cache, struct weir_bytes key, struct weir_bytes value,
                   uint64_t ticket)
{
    uint64_t hash = hash_of(key);
    struct shard *shard = shard_of(cache, hash);
    struct kv_cache_row *row = row_new(key, value, hash);
    if (row == NULL) {
        return;
    }
    pthread_mutex_lock(&shard->mu);
    if (shard->writers == 0 && shard->version == ticket) {
        insert(cache, shard, row);
    }
    pthread_mutex_unlock(&shard->mu);
    kv_cache_row_unref(row);
}

/* ---- writing --------------------------------------------------------------------------------- */

void kv_cache_note(struct kv_cache_writes *writes, struct weir_bytes key,
                   const struct weir_bytes *value)
{
    struct kv_cache_row *row = row_new(key, value == NULL ? BYTES_NONE : *value, hash_of(key));
    if (row == NULL) {
        writes->all = true;
        return;
    }
    row->is_deletion = value == NULL;
    *(writes->first == NULL ? &writes->first : &writes->last->noted) = row;
    writes->last = row;
}

void kv_cache_writes_clear(struct kv_cache_writes *writes)
{
    for (struct kv_cache_row *row = writes->first, *next; row != NULL; row = next) {
        next = row->noted;
        kv_cache_row_unref(row);
    }
    *writes = (struct kv_cache_writes){0};
}

void kv_cache_begin(struct kv_cache *cache, const struct kv_cache_writes *writes)
{
    for (const struct kv_cache_row *row = writes->first; row != NULL; row = row->noted) {
        struct shard *shard = shard_of(cache, row->hash);
        pthread_mutex_lock(&shard->mu);
        shard->writers++;
        pthread_mutex_unlock(&shard->mu);
    }
    for (size_t i = 0; writes->all && i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        pthread_mutex_lock(&shard->mu);
        shard->writers++;
        remove_all(shard);
        pthread_mutex_unlock(&shard->mu);
    }
}

/* The shard answers again behind the last of its rows, so of two rows with one key only the later
 * is ever seen. */
static void end_row(const struct kv_cache *cache, struct shard *shard, struct kv_cache_row *row)
{
    pthread_mutex_lock(&shard->mu);
    if (row->is_deletion) {
        remove_at(shard, find(shard, key_of(row), row->hash));
    } else {
        insert(cache, shard, row);
    }
    shard->version++;
    shard->writers--;
    pthread_mutex_unlock(&shard->mu);
}

/* When not every write could be noted, those that were may be behind those that were not. */
static void end_all(struct kv_cache *cache, const struct kv_cache_writes *writes)
{
    for (const struct kv_cache_row *row = writes->first; row != NULL; row = row->noted) {
        struct shard *shard = shard_of(cache, row->hash);
        pthread_mutex_lock(&shard->mu);
        shard->writers--;
        pthread_mutex_unlock(&shard->mu);
    }
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        pthread_mutex_lock(&shard->mu);
        shard->version++;
        shard->writers--;
        pthread_mutex_unlock(&shard->mu);
    }
}

void kv_cache_end(struct kv_cache *cache, const struct kv_cache_writes *writes)
{
    if (writes->all) {
        end_all(cache, writes);
        return;
    }
    for (struct kv_cache_row *row = writes->first; row != NULL; row = row->noted) {
        end_row(cache, shard_of(cache, row->hash), row);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

struct kv_cache *kv_cache_new(size_t bytes_max)
{
    struct kv_cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL) {
        return NULL;
    }
    cache->shard_bytes = bytes_max / SHARDS;
    for (size_t i = 0; i < SHARDS; i++) {
        int failed = pthread_mutex_init(&cache->shards[i].mu, NULL);
        WEIR_ASSERT(failed == 0);
    }
    return cache;
}

void kv_cache_free(struct kv_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (size_t i = 0; i < SHARDS; i++) {
        remove_all(&cache->shards[i]);
        (void)pthread_mutex_destroy(&cache->shards[i].mu);
    }
    free(cache);
}
