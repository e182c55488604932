/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key-value store in memory: one copy-on-write tree (kv_tree.h) per family.
 *
 * A version is the five roots after a commit. It never changes and is counted: a snapshot is a
 * reference to one, a commit builds the next one beside it and swaps a pointer, and a power cut
 * swaps it back to the version that was synced last.
 */
#include "kv/kv_mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fault.h"
#include "kv/kv_stop.h"
#include "kv/kv_tree.h"

#define BATCH_BYTES_MAX ((size_t)1 << 30)

/* A version; a snapshot is a reference to it. */
struct kv_snapshot {
    atomic_uint refs;
    uint64_t commit_number;
    struct tree_node *roots[KV_FAMILY_COUNT];
};

struct kv_mem {
    struct kv kv;
    /* The committing thread's. */
    enum kv_durability durability;
    uint64_t txn; /* of the last commit, failed ones included */
    struct kv_snapshot *synced;
    struct kv_stop stop;
    pthread_mutex_t mu;
    struct kv_snapshot *newest; /* under mu for other threads; replaced by the committing one */
};

/* A batch's entries in a row: op, family, the two lengths, and the bytes. */
enum batch_op { BATCH_PUT, BATCH_DELETE, BATCH_DELETE_RANGE };
struct batch_head {
    uint32_t op;
    uint32_t family;
    size_t key_len;
    size_t value_len;
};

struct kv_batch {
    struct buf entries;
};

struct kv_iter {
    struct tree_node *root; /* a reference */
    struct buf bounds;      /* holds from and to */
    struct weir_bytes from;
    struct weir_bytes to; /* empty: no bound */
    struct tree_cursor cursor;
    bool valid;
};

static struct kv_mem *mem_of(struct kv *kv)
{
    return (struct kv_mem *)kv;
}

static struct kv_snapshot *version_ref(struct kv_snapshot *version)
{
    atomic_fetch_add_explicit(&version->refs, 1, memory_order_relaxed);
    return version;
}

static void version_unref(struct kv_snapshot *version)
{
    if (atomic_fetch_sub_explicit(&version->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (unsigned i = 0; i < KV_FAMILY_COUNT; i++) {
        tree_unref(version->roots[i]);
    }
    free(version);
}

/* A version of its own with the roots of `from` (NULL: empty); NULL without memory. */
static struct kv_snapshot *version_new(const struct kv_snapshot *from)
{
    struct kv_snapshot *version = calloc(1, sizeof(*version));
    if (version == NULL) {
        return NULL;
    }
    atomic_init(&version->refs, 1);
    for (unsigned i = 0; from != NULL && i < KV_FAMILY_COUNT; i++) {
        version->roots[i] = tree_ref(from->roots[i]);
    }
    return version;
}

static struct kv_snapshot *mem_snapshot(struct kv *kv)
{
    struct kv_mem *mem = mem_of(kv);
    (void)pthread_mutex_lock(&mem->mu);
    struct kv_snapshot *version = version_ref(mem->newest);
    (void)pthread_mutex_unlock(&mem->mu);
    return version;
}

static void mem_snapshot_free(struct kv *kv, struct kv_snapshot *snapshot)
{
    (void)kv;
    version_unref(snapshot);
}

/* The version to read: the snapshot's or the newest. The caller unrefs it. */
static struct kv_snapshot *version_to_read(struct kv *kv, struct kv_snapshot *snapshot)
{
    return snapshot != NULL ? version_ref(snapshot) : mem_snapshot(kv);
}

static void version_publish(struct kv_mem *mem, struct kv_snapshot *take_version)
{
    (void)pthread_mutex_lock(&mem->mu);
    struct kv_snapshot *old = mem->newest;
    mem->newest = take_version;
    (void)pthread_mutex_unlock(&mem->mu);
    version_unref(old);
}

void kv_mem_sync(struct kv *kv)
{
    struct kv_mem *mem = mem_of(kv);
    struct kv_snapshot *old = mem->synced;
    mem->synced = version_ref(mem->newest);
    version_unref(old);
}

void kv_mem_set_durability(struct kv *kv, enum kv_durability durability)
{
    mem_of(kv)->durability = durability;
}

uint64_t kv_mem_power_cut(struct kv *kv)
{
    struct kv_mem *mem = mem_of(kv);
    mem->stop = (struct kv_stop){0};
    version_publish(mem, version_ref(mem->synced));
    return mem->synced->commit_number;
}

static void mem_close(struct kv *kv)
{
    struct kv_mem *mem = mem_of(kv);
    version_unref(mem->newest);
    version_unref(mem->synced);
    (void)pthread_mutex_destroy(&mem->mu);
    free(mem);
}

static void entry_release(void *hold)
{
    tree_entry_unref(hold);
}

static enum weir_status mem_get(struct kv *kv, struct kv_snapshot *snapshot, enum kv_family family,
                                struct weir_bytes key, bool cached_only, struct kv_value *ret_value,
                                struct weir_error *err)
{
    (void)cached_only;
    (void)err;
    struct kv_snapshot *version = version_to_read(kv, snapshot);
    struct tree_entry *entry = tree_entry_ref(tree_find_view(version->roots[family], key));
    version_unref(version);
    if (entry == NULL) {
        return WEIR_NOT_FOUND;
    }
    *ret_value = (struct kv_value){tree_entry_value(entry), entry, entry_release};
    return WEIR_OK;
}

static struct kv_batch *mem_batch(struct kv *kv)
{
    (void)kv;
    struct kv_batch *batch = malloc(sizeof(*batch));
    if (batch != NULL) {
        buf_init(&batch->entries, BATCH_BYTES_MAX);
    }
    return batch;
}

static void mem_batch_free(struct kv_batch *batch)
{
    buf_fini(&batch->entries);
    free(batch);
}

static void mem_batch_clear(struct kv_batch *batch)
{
    buf_reset(&batch->entries);
}

static void batch_add(struct kv_batch *batch, enum batch_op op, enum kv_family family,
                      struct weir_bytes key, struct weir_bytes value)
{
    struct batch_head head = {op, family, key.len, value.len};
    buf_put(&batch->entries, bytes_of(&head, sizeof(head)));
    buf_put(&batch->entries, key);
    buf_put(&batch->entries, value);
}

static void mem_batch_put(struct kv_batch *batch, enum kv_family family, struct weir_bytes key,
                          struct weir_bytes value)
{
    batch_add(batch, BATCH_PUT, family, key, value);
}

static void mem_batch_delete(struct kv_batch *batch, enum kv_family family, struct weir_bytes key)
{
    batch_add(batch, BATCH_DELETE, family, key, BYTES_NONE);
}

static void mem_batch_delete_range(struct kv_batch *batch, enum kv_family family,
                                   struct weir_bytes from, struct weir_bytes to)
{
    batch_add(batch, BATCH_DELETE_RANGE, family, from, to);
}

static bool entry_apply(struct tree_node **root, uint64_t txn, uint32_t op, struct weir_bytes key,
                        struct weir_bytes value)
{
    if (op == BATCH_DELETE) {
        return tree_delete(root, txn, key);
    }
    if (op == BATCH_DELETE_RANGE) {
        return tree_delete_range(root, txn, key, value);
    }
    struct tree_entry *entry = tree_entry_new(key, value);
    return entry != NULL && tree_put(root, txn, entry);
}

static bool batch_apply(const struct kv_batch *batch, uint64_t txn, struct kv_snapshot *version)
{
    const uint8_t *at = batch->entries.ptr;
    const uint8_t *end = at + batch->entries.len;
    while (at < end) {
        struct batch_head head;
        memcpy(&head, at, sizeof(head));
        at += sizeof(head);
        struct weir_bytes key = bytes_of(at, head.key_len);
        struct weir_bytes value = bytes_of(at + head.key_len, head.value_len);
        at += head.key_len + head.value_len;
        if (!entry_apply(&version->roots[head.family], txn, head.op, key, value)) {
            return false;
        }
    }
    return true;
}

static enum weir_status mem_commit(struct kv *kv, struct kv_batch *batch, uint64_t commit_number,
                                   struct weir_error *err)
{
    struct kv_mem *mem = mem_of(kv);
    if (mem->stop.status != WEIR_OK) {
        return kv_stop_check(&mem->stop, err);
    }
    WEIR_ASSERT(commit_number > mem->newest->commit_number);
    if (fault_hit(FAULT_KV_COMMIT)) {
        return kv_stop_set(&mem->stop, WEIR_IO, "commit: failed at the fault point kv.commit", err);
    }
    mem->txn++;
    bool whole = buf_status(&batch->entries) == WEIR_OK;
    struct kv_snapshot *next = whole ? version_new(mem->newest) : NULL;
    if (next == NULL || !batch_apply(batch, mem->txn, next)) {
        if (next != NULL) {
            version_unref(next);
        }
        return kv_stop_set(&mem->stop, WEIR_NO_MEMORY, "commit: no memory for the batch", err);
    }
    next->commit_number = commit_number;
    version_publish(mem, next);
    if (mem->durability == KV_SYNC) {
        kv_mem_sync(kv);
    }
    return WEIR_OK;
}

static void mem_iter_free(struct kv_iter *iter)
{
    tree_unref(iter->root);
    buf_fini(&iter->bounds);
    free(iter);
}

static struct kv_iter *mem_iter(struct kv *kv, struct kv_snapshot *snapshot, enum kv_family family,
                                struct weir_bytes from, struct weir_bytes to)
{
    struct kv_iter *iter = calloc(1, sizeof(*iter));
    if (iter == NULL) {
        return NULL;
    }
    buf_init(&iter->bounds, SIZE_MAX / 2);
    buf_put(&iter->bounds, from);
    buf_put(&iter->bounds, to);
    if (buf_status(&iter->bounds) != WEIR_OK) {
        mem_iter_free(iter);
        return NULL;
    }
    iter->from = bytes_of(iter->bounds.ptr, from.len);
    iter->to = bytes_of(to.len == 0 ? NULL : iter->bounds.ptr + from.len, to.len);
    struct kv_snapshot *version = version_to_read(kv, snapshot);
    iter->root = tree_ref(version->roots[family]);
    version_unref(version);
    return iter;
}

static struct weir_bytes mem_iter_key(const struct kv_iter *iter)
{
    WEIR_ASSERT(iter->valid);
    return tree_entry_key(tree_cursor_entry(&iter->cursor));
}

static struct weir_bytes mem_iter_value(const struct kv_iter *iter)
{
    WEIR_ASSERT(iter->valid);
    return tree_entry_value(tree_cursor_entry(&iter->cursor));
}

/* Ends the iteration when the cursor is at no entry or at one outside the bounds. */
static bool iter_settle(struct kv_iter *iter, bool on_entry)
{
    iter->valid = on_entry;
    if (on_entry) {
        struct weir_bytes key = mem_iter_key(iter);
        iter->valid =
            bytes_cmp(key, iter->from) >= 0 && (iter->to.len == 0 || bytes_cmp(key, iter->to) < 0);
    }
    return iter->valid;
}

static bool mem_iter_seek(struct kv_iter *iter, struct weir_bytes key)
{
    struct weir_bytes start = bytes_cmp(key, iter->from) < 0 ? iter->from : key;
    return iter_settle(iter, tree_cursor_first_from(&iter->cursor, iter->root, start));
}

static bool mem_iter_seek_for_prev(struct kv_iter *iter, struct weir_bytes key)
{
    bool below_to = iter->to.len > 0 && (key.len == 0 || bytes_cmp(key, iter->to) >= 0);
    if (below_to) {
        return iter_settle(iter, tree_cursor_last_below(&iter->cursor, iter->root, iter->to));
    }
    if (key.len == 0) {
        return iter_settle(iter, tree_cursor_last(&iter->cursor, iter->root));
    }
    return iter_settle(iter, tree_cursor_last_to(&iter->cursor, iter->root, key));
}

static bool mem_iter_next(struct kv_iter *iter)
{
    return iter->valid && iter_settle(iter, tree_cursor_next(&iter->cursor));
}

static bool mem_iter_prev(struct kv_iter *iter)
{
    return iter->valid && iter_settle(iter, tree_cursor_prev(&iter->cursor));
}

static enum weir_status mem_iter_status(struct kv_iter *iter, struct weir_error *err)
{
    (void)iter;
    (void)err;
    return WEIR_OK;
}

static void mem_compact(struct kv *kv, enum kv_family family, struct weir_bytes from,
                        struct weir_bytes to)
{
    (void)kv;
    (void)family;
    (void)from;
    (void)to;
}

static const struct kv_ops mem_ops = {
    .close = mem_close,
    .get = mem_get,
    .snapshot = mem_snapshot,
    .snapshot_free = mem_snapshot_free,
    .batch = mem_batch,
    .batch_free = mem_batch_free,
    .batch_clear = mem_batch_clear,
    .batch_put = mem_batch_put,
    .batch_delete = mem_batch_delete,
    .batch_delete_range = mem_batch_delete_range,
    .commit = mem_commit,
    .iter = mem_iter,
    .iter_free = mem_iter_free,
    .iter_seek = mem_iter_seek,
    .iter_seek_for_prev = mem_iter_seek_for_prev,
    .iter_next = mem_iter_next,
    .iter_prev = mem_iter_prev,
    .iter_key = mem_iter_key,
    .iter_value = mem_iter_value,
    .iter_status = mem_iter_status,
    .compact = mem_compact,
};

enum weir_status kv_mem_open(struct kv **ret_kv, struct weir_error *err)
{
    struct kv_mem *mem = calloc(1, sizeof(*mem));
    struct kv_snapshot *empty = version_new(NULL);
    if (mem == NULL || empty == NULL) {
        free(mem);
        free(empty);
        return error_set(err, WEIR_NO_MEMORY, "no memory for a store");
    }
    mem->kv.ops = &mem_ops;
    mem->durability = KV_SYNC;
    mem->newest = empty;
    mem->synced = version_ref(empty);
    (void)pthread_mutex_init(&mem->mu, NULL);
    *ret_kv = &mem->kv;
    return WEIR_OK;
}
