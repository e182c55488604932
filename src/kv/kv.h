/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KV_KV_H
#define WEIR_KV_KV_H

/*
 * An ordered key-value store over bytes: families, point reads, snapshots, iterators, and batches
 * that are applied whole or not at all. Two implementations pass the same conformance tests:
 * kv_rocks.c (RocksDB, the only file that includes its header) and kv_mem.c (a copy-on-write tree,
 * for `memory:` and simulation).
 *
 * Threads: reads, snapshots and iterators from any thread; an iterator or a batch belongs to one
 * thread at a time; kv_commit from one thread at a time.
 */

#include "base/buf.h"
#include "base/bytes.h"
#include "weir/error.h"

enum kv_family { KV_META, KV_ITEMS, KV_INDEX, KV_STREAM, KV_TIME, KV_FAMILY_COUNT };

enum kv_durability {
    KV_RELAXED, /* an acknowledged commit survives the process's death */
    KV_SYNC,    /* ... and loss of power: fdatasync before kv_commit returns */
};

struct kv;
struct kv_snapshot;
struct kv_batch;
struct kv_iter;

/* A value that was read: bytes that stay until kv_value_fini. Zeroed = nothing held. */
struct kv_value {
    struct weir_bytes bytes;
    void *hold;                  /* the implementation's */
    void (*release)(void *hold); /* NULL when nothing is held */
};

static inline void kv_value_fini(struct kv_value *value)
{
    if (value->release != NULL) {
        value->release(value->hold);
    }
    *value = (struct kv_value){0};
}

struct kv_ops {
    void (*close)(struct kv *kv);
    enum weir_status (*get)(struct kv *kv, struct kv_snapshot *snapshot, enum kv_family family,
                            struct weir_bytes key, bool cached_only, struct kv_value *ret_value,
                            struct weir_error *err);
    struct kv_snapshot *(*snapshot)(struct kv *kv);
    void (*snapshot_free)(struct kv *kv, struct kv_snapshot *snapshot);
    struct kv_batch *(*batch)(struct kv *kv);
    void (*batch_free)(struct kv_batch *batch);
    void (*batch_clear)(struct kv_batch *batch);
    void (*batch_put)(struct kv_batch *batch, enum kv_family family, struct weir_bytes key,
                      struct weir_bytes value);
    void (*batch_delete)(struct kv_batch *batch, enum kv_family family, struct weir_bytes key);
    void (*batch_delete_range)(struct kv_batch *batch, enum kv_family family,
                               struct weir_bytes from, struct weir_bytes to);
    enum weir_status (*commit)(struct kv *kv, struct kv_batch *batch, uint64_t commit_number,
                               struct weir_error *err);
    struct kv_iter *(*iter)(struct kv *kv, struct kv_snapshot *snapshot, enum kv_family family,
                            struct weir_bytes from, struct weir_bytes to);
    void (*iter_free)(struct kv_iter *iter);
    bool (*iter_seek)(struct kv_iter *iter, struct weir_bytes key);
    bool (*iter_seek_for_prev)(struct kv_iter *iter, struct weir_bytes key);
    bool (*iter_next)(struct kv_iter *iter);
    bool (*iter_prev)(struct kv_iter *iter);
    struct weir_bytes (*iter_key)(const struct kv_iter *iter);
    struct weir_bytes (*iter_value)(const struct kv_iter *iter);
    enum weir_status (*iter_status)(struct kv_iter *iter, struct weir_error *err);
    void (*compact)(struct kv *kv, enum kv_family family, struct weir_bytes from,
                    struct weir_bytes to);
};

struct kv {
    const struct kv_ops *ops;
};

/* What opening found. */
struct kv_opened {
    uint64_t commit_number; /* of the last whole batch; 0 for a new store */
    bool created;           /* it was not there before */
    bool unclean;           /* the last user did not close it */
    uint64_t lost_commits;  /* relaxed and unclean: commits at the end that are known to be gone */
    bool torn_tail; /* an unfinished last write was dropped; nothing acknowledged with sync */
};

/*
 * Opens or creates the store in folder `path` (which it locks). Failures:
 *   WEIR_LOCK_HELD    another process has it open: message has its pid and address if known
 *   WEIR_CORRUPTION   a damaged file, by name, with the commit numbers before and after; nothing
 *                     was changed on disk
 *   WEIR_IO           missing parent, no permission
 * Recovery: see docs/disk-format.md; acknowledged commits are never dropped in silence.
 */
enum weir_status kv_rocks_open(const char *path, enum kv_durability durability, struct kv **ret_kv,
                               struct kv_opened *ret_opened, struct weir_error *err);
/* What a second process is told: written into the lock's side file, e.g. "127.0.0.1:8000". */
enum weir_status kv_rocks_announce(const char *path, const char *address, struct weir_error *err);

/* A store in memory, empty. */
enum weir_status kv_mem_open(struct kv **ret_kv, struct weir_error *err);

/* Flushes and closes; no snapshot, iterator, value or batch may be left. Accepts NULL. */
static inline void kv_close(struct kv *kv)
{
    if (kv != NULL) {
        kv->ops->close(kv);
    }
}

/*
 * Point read, of the snapshot or (NULL) of the newest state. WEIR_NOT_FOUND when the key is not
 * there (err is not filled then); WEIR_UNAVAILABLE when cached_only is set and the answer needs the
 * disk; WEIR_CORRUPTION, WEIR_IO.
 */
static inline enum weir_status kv_get(struct kv *kv, struct kv_snapshot *snapshot,
                                      enum kv_family family, struct weir_bytes key,
                                      bool cached_only, struct kv_value *ret_value,
                                      struct weir_error *err)
{
    return kv->ops->get(kv, snapshot, family, key, cached_only, ret_value, err);
}

/* The state now, to read from until it is freed; NULL without memory. */
static inline struct kv_snapshot *kv_snapshot(struct kv *kv)
{
    return kv->ops->snapshot(kv);
}
static inline void kv_snapshot_free(struct kv *kv, struct kv_snapshot *snapshot)
{
    if (snapshot != NULL) {
        kv->ops->snapshot_free(kv, snapshot);
    }
}

/* An empty batch; NULL without memory. */
static inline struct kv_batch *kv_batch(struct kv *kv)
{
    return kv->ops->batch(kv);
}
static inline void kv_batch_free(struct kv *kv, struct kv_batch *batch)
{
    if (batch != NULL) {
        kv->ops->batch_free(batch);
    }
}
static inline void kv_batch_clear(struct kv *kv, struct kv_batch *batch)
{
    kv->ops->batch_clear(batch);
}
static inline void kv_batch_put(struct kv *kv, struct kv_batch *batch, enum kv_family family,
                                struct weir_bytes key, struct weir_bytes value)
{
    kv->ops->batch_put(batch, family, key, value);
}
static inline void kv_batch_delete(struct kv *kv, struct kv_batch *batch, enum kv_family family,
                                   struct weir_bytes key)
{
    kv->ops->batch_delete(batch, family, key);
}
/* Keys in [from, to). Applied in order with the batch's other entries. */
static inline void kv_batch_delete_range(struct kv *kv, struct kv_batch *batch,
                                         enum kv_family family, struct weir_bytes from,
                                         struct weir_bytes to)
{
    kv->ops->batch_delete_range(batch, family, from, to);
}

/*
 * Applies the batch, whole or not at all, and stores commit_number (which must be larger than the
 * last) in it. After WEIR_OK it is as durable as the store was opened for. After any error whether
 * it is there is unknown, and every later commit fails too until the store is reopened.
 * The batch is left as it is. WEIR_NO_SPACE, WEIR_IO, WEIR_CORRUPTION.
 */
static inline enum weir_status kv_commit(struct kv *kv, struct kv_batch *batch,
                                         uint64_t commit_number, struct weir_error *err)
{
    return kv->ops->commit(kv, batch, commit_number, err);
}

/*
 * Iterates over keys in [from, to) of the snapshot (NULL: the state now); an empty `to` means to
 * the end of the family. Both are copied. Positioned nowhere until the first seek. NULL without
 * memory. Functions that move return whether they stand on an entry; at the end always ask
 * kv_iter_status: on a damaged file an iterator just stops early.
 */
static inline struct kv_iter *kv_iter(struct kv *kv, struct kv_snapshot *snapshot,
                                      enum kv_family family, struct weir_bytes from,
                                      struct weir_bytes to)
{
    return kv->ops->iter(kv, snapshot, family, from, to);
}
static inline void kv_iter_free(struct kv *kv, struct kv_iter *iter)
{
    if (iter != NULL) {
        kv->ops->iter_free(iter);
    }
}
/* To the first entry >= key (at least `from`). */
static inline bool kv_iter_seek(struct kv *kv, struct kv_iter *iter, struct weir_bytes key)
{
    return kv->ops->iter_seek(iter, key);
}
/* To the last entry <= key (below `to`). An empty key means the last of the range. */
static inline bool kv_iter_seek_for_prev(struct kv *kv, struct kv_iter *iter, struct weir_bytes key)
{
    return kv->ops->iter_seek_for_prev(iter, key);
}
static inline bool kv_iter_next(struct kv *kv, struct kv_iter *iter)
{
    return kv->ops->iter_next(iter);
}
static inline bool kv_iter_prev(struct kv *kv, struct kv_iter *iter)
{
    return kv->ops->iter_prev(iter);
}
/* Views, good until the iterator moves or is freed. */
static inline struct weir_bytes kv_iter_key(struct kv *kv, const struct kv_iter *iter)
{
    return kv->ops->iter_key(iter);
}
static inline struct weir_bytes kv_iter_value(struct kv *kv, const struct kv_iter *iter)
{
    return kv->ops->iter_value(iter);
}
static inline enum weir_status kv_iter_status(struct kv *kv, struct kv_iter *iter,
                                              struct weir_error *err)
{
    return kv->ops->iter_status(iter, err);
}

/* Gives space back for deleted ranges, in the background's own time; may be a no-op. */
static inline void kv_compact(struct kv *kv, enum kv_family family, struct weir_bytes from,
                              struct weir_bytes to)
{
    kv->ops->compact(kv, family, from, to);
}

#endif
