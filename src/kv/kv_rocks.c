/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key-value store on disk, over RocksDB's C interface; the only file that includes its header.
 *
 * Our five families are column families; RocksDB's obligatory "default" one holds a single entry,
 * the number of the last commit, which kv_commit puts at the end of every batch. So the entry is in
 * the write-ahead log with its batch, callers never meet it, and recovery (kv_recover.h) can
 * compare what is readable with what is not.
 *
 * The C interface reports errors as texts; kv_rocks_status classifies them.
 */
#include "kv/kv.h"

#include <rocksdb/c.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fault.h"
#include "kv/kv_cache.h"
#include "kv/kv_dir.h"
#include "kv/kv_recover.h"
#include "kv/kv_stop.h"
#include "kv/kv_wal.h"

#define MIB ((size_t)1 << 20)
#define BLOCK_CACHE_BYTES (64 * MIB)
#define ROW_CACHE_BYTES (64 * MIB) /* of the newest items, see kv_cache.h */
#define WAL_BYTES_MAX (256 * MIB)  /* bounds what an unclean opening has to read again */
#define OPEN_FILES_MAX 512
#define BLOOM_BITS_PER_KEY 10.0
#define BACKGROUND_JOBS 2
#define INFO_LOG_FILES 2
/*
 * RocksDB's own log (LOG) stays empty: one level above its highest. A build with assertions, such
 * as Debian's, aborts the process at the second line that it cannot write, so a full disk would
 * end the program. What matters comes back as an error text anyway. RocksDB cannot put this level
 * into its OPTIONS file, which it does not need, and leaves its attempts behind: kv_dir_tidy.
 */
#define INFO_LOG_NOTHING 6

enum { FAMILY_DEFAULT = KV_FAMILY_COUNT, FAMILY_COUNT };

enum recovery_mode { RECOVER_TOLERANT = 0, RECOVER_POINT_IN_TIME = 2, RECOVER_SKIP = 3 };

static const struct {
    const char *name;
    size_t memtable_bytes;
} families[FAMILY_COUNT] = {
    [KV_META] = {"meta", 8 * MIB},    [KV_ITEMS] = {"items", 64 * MIB},
    [KV_INDEX] = {"index", 32 * MIB}, [KV_STREAM] = {"stream", 64 * MIB},
    [KV_TIME] = {"time", 8 * MIB},    [FAMILY_DEFAULT] = {"default", 8 * MIB},
};

/* Read options of one view: everything, and only what is in memory. Never changed once made. */
struct read_views {
    rocksdb_readoptions_t *all;
    rocksdb_readoptions_t *cached;
};

/* An open RocksDB database and its column families. */
struct database {
    rocksdb_t *db;
    rocksdb_column_family_handle_t *families[FAMILY_COUNT];
};

struct kv_rocks {
    struct kv kv;
    /* Immutable after open. */
    struct kv_dir dir;
    struct database base;
    struct read_views newest;
    rocksdb_writeoptions_t *write;
    struct kv_cache *items; /* the newest rows of KV_ITEMS */
    enum kv_durability durability;
    /* The committing thread's. */
    uint64_t commit_number;
    struct kv_stop stop;
};

struct kv_snapshot {
    const rocksdb_snapshot_t *snapshot;
    struct read_views views;
};

struct kv_batch {
    rocksdb_writebatch_t *batch;
    struct kv_rocks *rocks;
    struct kv_cache_writes items;
};

struct kv_iter {
    rocksdb_iterator_t *it;
    rocksdb_readoptions_t *options;
    uint8_t *bounds; /* holds from and to; RocksDB points into it */
    bool empty;      /* from is not below to */
};

static struct kv_rocks *rocks_of(struct kv *kv)
{
    return (struct kv_rocks *)kv;
}

/* RocksDB's slices take no NULL, not even for nothing. */
static const char *text_of(struct weir_bytes bytes)
{
    return bytes.len == 0 ? "" : (const char *)bytes.ptr;
}

/* Reports and frees RocksDB's error text. */
static enum weir_status take_error(char *take_text, struct weir_error *err)
{
    enum weir_status status = error_set(err, kv_rocks_status(take_text), "%s", take_text);
    rocksdb_free(take_text);
    return status;
}

/*
 * RocksDB counts each comparison of keys and more for the thread that works, unless the thread says
 * no: a call for the thread's storage in its innermost loops. For whoever enters it to search.
 */
static void count_nothing(void)
{
    rocksdb_set_perf_level(rocksdb_disable);
}

/* --- Options ------------------------------------------------------------------------------- */

static rocksdb_options_t *family_options(rocksdb_cache_t *cache, size_t memtable_bytes,
                                         enum recovery_mode mode)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_create_missing_column_families(options, 1);
    rocksdb_options_set_paranoid_checks(options, 1);
    rocksdb_options_set_wal_recovery_mode(options, (int)mode);
    rocksdb_options_set_max_total_wal_size(options, WAL_BYTES_MAX);
    rocksdb_options_set_max_open_files(options, OPEN_FILES_MAX);
    rocksdb_options_set_max_background_jobs(options, BACKGROUND_JOBS);
    rocksdb_options_set_keep_log_file_num(options, INFO_LOG_FILES);
    rocksdb_options_set_info_log_level(options, INFO_LOG_NOTHING);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    rocksdb_options_set_enable_pipelined_write(options, 0);
    rocksdb_options_set_write_buffer_size(options, memtable_bytes);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);

    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_filter_policy(
        table, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS_PER_KEY));
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
    return options;
}

static struct read_views views_new(const rocksdb_snapshot_t *snapshot)
{
    struct read_views views = {rocksdb_readoptions_create(), rocksdb_readoptions_create()};
    rocksdb_readoptions_set_snapshot(views.all, snapshot);
    rocksdb_readoptions_set_snapshot(views.cached, snapshot);
    rocksdb_readoptions_set_read_tier(views.cached, 1); /* kBlockCacheTier */
    return views;
}

static void views_free(struct read_views *views)
{
    rocksdb_readoptions_destroy(views->all);
    rocksdb_readoptions_destroy(views->cached);
}

/* --- Opening ------------------------------------------------------------------------------- */

/* Opens with all families; *ret_text is RocksDB's error, to be freed, or NULL. */
static struct database database_open(const char *path, enum recovery_mode mode, bool read_only,
                                     char **ret_text)
{
    rocksdb_cache_t *cache = rocksdb_cache_create_lru(BLOCK_CACHE_BYTES);
    rocksdb_options_t *options[FAMILY_COUNT];
    const char *names[FAMILY_COUNT];
    for (int i = 0; i < FAMILY_COUNT; i++) {
        names[i] = families[i].name;
        options[i] = family_options(cache, families[i].memtable_bytes, mode);
    }
    struct database base = {0};
    const rocksdb_options_t *const *all = (const rocksdb_options_t *const *)options;
    *ret_text = NULL;
    if (read_only) {
        base.db = rocksdb_open_for_read_only_column_families(options[0], path, FAMILY_COUNT, names,
                                                             all, base.families, 0, ret_text);
    } else {
        base.db = rocksdb_open_column_families(options[0], path, FAMILY_COUNT, names, all,
                                               base.families, ret_text);
    }
    for (int i = 0; i < FAMILY_COUNT; i++) {
        rocksdb_options_destroy(options[i]);
    }
    rocksdb_cache_destroy(cache);
    return base;
}

static void database_close(struct database *base)
{
    if (base->db == NULL) {
        return;
    }
    for (int i = 0; i < FAMILY_COUNT; i++) {
        rocksdb_column_family_handle_destroy(base->families[i]);
    }
    rocksdb_close(base->db);
    *base = (struct database){0};
}

/* The number of the last commit; 0 in a new store. */
static enum weir_status commit_number_read(const struct database *base, uint64_t *ret_number,
                                           struct weir_error *err)
{
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();
    char *text = NULL;
    size_t len = 0;
    char *value = rocksdb_get_cf(base->db, options, base->families[FAMILY_DEFAULT], KV_COMMIT_KEY,
                                 KV_COMMIT_KEY_LEN, &len, &text);
    rocksdb_readoptions_destroy(options);
    if (text != NULL) {
        return take_error(text, err);
    }
    enum weir_status status = WEIR_OK;
    if (value != NULL && len != 8) {
        status = error_set(err, WEIR_CORRUPTION, "the commit number has %zu bytes, not 8", len);
    } else {
        *ret_number = value == NULL ? 0 : get_be64((const uint8_t *)value);
    }
    rocksdb_free(value);
    return status;
}

/* Opens read-only, which changes nothing, and reads how far it comes. */
static bool probe(const char *path, enum recovery_mode mode, uint64_t *ret_number,
                  struct weir_error *err)
{
    char *text = NULL;
    struct database base = database_open(path, mode, true, &text);
    if (text != NULL) {
        (void)take_error(text, err);
        return false;
    }
    enum weir_status status = commit_number_read(&base, ret_number, err);
    database_close(&base);
    return status == WEIR_OK;
}

/* Asks read-only openings what can be read, and judges. `why`: RocksDB's refusal, "" if none. */
static enum weir_status judge(const struct kv_dir *dir, const struct kv_wal_report *wal,
                              const char *why, uint64_t *ret_lost, struct weir_error *err)
{
    struct kv_evidence evidence = {.dir = dir, .wal = *wal};
    struct weir_error found = {0};
    evidence.readable_before =
        probe(dir->path, RECOVER_POINT_IN_TIME, &evidence.commit_before, &found);
    evidence.readable_behind = probe(dir->path, RECOVER_SKIP, &evidence.commit_behind, &found);
    (void)snprintf(evidence.damage, sizeof(evidence.damage), "%s",
                   why[0] != '\0' ? why : found.message);
    return kv_recover_judge(&evidence, ret_lost, err);
}

/*
 * Opens for writing. The tolerant mode comes first: it refuses what may be damage. A judgement lets
 * the second try go up to the damage and drop what is behind it.
 */
static enum weir_status database_recover(const struct kv_dir *dir, const struct kv_wal_report *wal,
                                         struct database *ret_base, struct kv_opened *opened,
                                         struct weir_error *err)
{
    char *text = NULL;
    if (!wal->damaged) {
        *ret_base = database_open(dir->path, RECOVER_TOLERANT, false, &text);
        if (text == NULL || kv_rocks_status(text) != WEIR_CORRUPTION) {
            return text == NULL ? WEIR_OK : take_error(text, err);
        }
    }
    enum weir_status status = judge(dir, wal, text == NULL ? "" : text, &opened->lost_commits, err);
    rocksdb_free(text);
    if (status != WEIR_OK) {
        return status;
    }
    opened->torn_tail = true;
    *ret_base = database_open(dir->path, RECOVER_POINT_IN_TIME, false, &text);
    return text == NULL ? WEIR_OK : take_error(text, err);
}

/* A store that was closed must hold what it held then: a lost file may leave an older state. */
static enum weir_status check_clean(const struct kv_dir *dir, uint64_t number,
                                    struct weir_error *err)
{
    if (dir->created || dir->state != KV_DIR_CLEAN || dir->commit_number == number) {
        return WEIR_OK;
    }
    return error_set(err, WEIR_CORRUPTION,
                     "'%s' was closed at commit %llu and now ends at commit %llu: a file is "
                     "missing, or STATE is not this store's",
                     dir->path, (unsigned long long)dir->commit_number, (unsigned long long)number);
}

/* Everything of opening but memory and the folder's lock. */
static enum weir_status rocks_start(struct kv_rocks *rocks, struct kv_opened *opened,
                                    struct weir_error *err)
{
    struct kv_dir *dir = &rocks->dir;
    struct kv_wal_report wal = {0};
    enum weir_status status = WEIR_OK;
    opened->created = dir->created;
    opened->unclean = !dir->created && dir->state == KV_DIR_OPEN;
    if (dir->created) {
        status = kv_dir_set(dir, KV_DIR_CREATING, rocks->durability, 0, err);
    } else if (dir->state != KV_DIR_CLEAN) {
        status = kv_wal_scan(dir->path, &wal, err);
    }
    opened->torn_tail = wal.torn;
    if (status == WEIR_OK) {
        status = database_recover(dir, &wal, &rocks->base, opened, err);
    }
    if (status == WEIR_OK) {
        kv_dir_tidy(dir);
        status = commit_number_read(&rocks->base, &rocks->commit_number, err);
    }
    if (status == WEIR_OK) {
        status = check_clean(dir, rocks->commit_number, err);
    }
    if (status == WEIR_OK) {
        status = kv_dir_set(dir, KV_DIR_OPEN, rocks->durability, 0, err);
    }
    opened->commit_number = rocks->commit_number;
    return status;
}

/* --- Reading ------------------------------------------------------------------------------- */

static struct kv_snapshot *rocks_snapshot(struct kv *kv)
{
    struct kv_snapshot *snapshot = malloc(sizeof(*snapshot));
    if (snapshot != NULL) {
        snapshot->snapshot = rocksdb_create_snapshot(rocks_of(kv)->base.db);
        snapshot->views = views_new(snapshot->snapshot);
    }
    return snapshot;
}

static void rocks_snapshot_free(struct kv *kv, struct kv_snapshot *snapshot)
{
    views_free(&snapshot->views);
    rocksdb_release_snapshot(rocks_of(kv)->base.db, snapshot->snapshot);
    free(snapshot);
}

static void slice_release(void *hold)
{
    rocksdb_pinnableslice_destroy(hold);
}

static enum weir_status get_stored(struct kv *kv, struct kv_snapshot *snapshot,
                                   enum kv_family family, struct weir_bytes key, bool cached_only,
                                   struct kv_value *ret_value, struct weir_error *err)
{
    struct kv_rocks *rocks = rocks_of(kv);
    const struct read_views *views = snapshot == NULL ? &rocks->newest : &snapshot->views;
    char *text = NULL;
    count_nothing();
    rocksdb_pinnableslice_t *slice =
        rocksdb_get_pinned_cf(rocks->base.db, cached_only ? views->cached : views->all,
                              rocks->base.families[family], text_of(key), key.len, &text);
    if (text != NULL) {
        return take_error(text, err);
    }
    if (slice == NULL) {
        return WEIR_NOT_FOUND;
    }
    size_t len = 0;
    const char *bytes = rocksdb_pinnableslice_value(slice, &len);
    *ret_value = (struct kv_value){bytes_of(bytes, len), slice, slice_release};
    return WEIR_OK;
}

static void row_release(void *hold)
{
    kv_cache_row_unref(hold);
}

/* The newest state of an item: from the cache, or from RocksDB and into it. */
static enum weir_status get_item(struct kv *kv, struct weir_bytes key, bool cached_only,
                                 struct kv_value *ret_value, struct weir_error *err)
{
    struct kv_cache *items = rocks_of(kv)->items;
    uint64_t ticket = 0;
    struct kv_cache_row *row = kv_cache_get(items, key, &ticket);
    if (row != NULL) {
        *ret_value = (struct kv_value){kv_cache_row_value(row), row, row_release};
        return WEIR_OK;
    }
    enum weir_status status = get_stored(kv, NULL, KV_ITEMS, key, cached_only, ret_value, err);
    if (status == WEIR_OK) {
        kv_cache_keep(items, key, ret_value->bytes, ticket);
    }
    return status;
}

static enum weir_status rocks_get(struct kv *kv, struct kv_snapshot *snapshot,
                                  enum kv_family family, struct weir_bytes key, bool cached_only,
                                  struct kv_value *ret_value, struct weir_error *err)
{
    if (snapshot == NULL && family == KV_ITEMS) {
        return get_item(kv, key, cached_only, ret_value, err);
    }
    return get_stored(kv, snapshot, family, key, cached_only, ret_value, err);
}

static void rocks_iter_free(struct kv_iter *iter)
{
    rocksdb_iter_destroy(iter->it);
    rocksdb_readoptions_destroy(iter->options);
    free(iter->bounds);
    free(iter);
}

/* Copies the bounds to where they stay, and tells the options. */
static void bounds_set(struct kv_iter *iter, struct weir_bytes from, struct weir_bytes to)
{
    char *bounds = (char *)iter->bounds;
    if (from.len > 0) {
        memcpy(bounds, from.ptr, from.len);
        rocksdb_readoptions_set_iterate_lower_bound(iter->options, bounds, from.len);
    }
    if (to.len > 0) {
        memcpy(bounds + from.len, to.ptr, to.len);
        rocksdb_readoptions_set_iterate_upper_bound(iter->options, bounds + from.len, to.len);
    }
}

static struct kv_iter *rocks_iter(struct kv *kv, struct kv_snapshot *snapshot,
                                  enum kv_family family, struct weir_bytes from,
                                  struct weir_bytes to)
{
    struct kv_rocks *rocks = rocks_of(kv);
    struct kv_iter *iter = calloc(1, sizeof(*iter));
    uint8_t *bounds = malloc(from.len + to.len + 1);
    if (iter == NULL || bounds == NULL) {
        free(iter);
        free(bounds);
        return NULL;
    }
    iter->bounds = bounds;
    iter->empty = to.len > 0 && bytes_cmp(from, to) >= 0;
    iter->options = rocksdb_readoptions_create();
    if (snapshot != NULL) {
        rocksdb_readoptions_set_snapshot(iter->options, snapshot->snapshot);
    }
    if (!iter->empty) {
        bounds_set(iter, from, to);
    }
    count_nothing();
    iter->it =
        rocksdb_create_iterator_cf(rocks->base.db, iter->options, rocks->base.families[family]);
    return iter;
}

static bool rocks_iter_seek(struct kv_iter *iter, struct weir_bytes key)
{
    if (iter->empty) {
        return false;
    }
    rocksdb_iter_seek(iter->it, text_of(key), key.len);
    return rocksdb_iter_valid(iter->it) != 0;
}

static bool rocks_iter_seek_for_prev(struct kv_iter *iter, struct weir_bytes key)
{
    if (iter->empty) {
        return false;
    }
    if (key.len == 0) {
        rocksdb_iter_seek_to_last(iter->it);
    } else {
        rocksdb_iter_seek_for_prev(iter->it, text_of(key), key.len);
    }
    return rocksdb_iter_valid(iter->it) != 0;
}

static bool rocks_iter_next(struct kv_iter *iter)
{
    if (!rocksdb_iter_valid(iter->it)) {
        return false;
    }
    rocksdb_iter_next(iter->it);
    return rocksdb_iter_valid(iter->it) != 0;
}

static bool rocks_iter_prev(struct kv_iter *iter)
{
    if (!rocksdb_iter_valid(iter->it)) {
        return false;
    }
    rocksdb_iter_prev(iter->it);
    return rocksdb_iter_valid(iter->it) != 0;
}

static struct weir_bytes rocks_iter_key(const struct kv_iter *iter)
{
    size_t len = 0;
    const char *key = rocksdb_iter_key(iter->it, &len);
    return bytes_of(key, len);
}

static struct weir_bytes rocks_iter_value(const struct kv_iter *iter)
{
    size_t len = 0;
    const char *value = rocksdb_iter_value(iter->it, &len);
    return bytes_of(value, len);
}

static enum weir_status rocks_iter_status(struct kv_iter *iter, struct weir_error *err)
{
    char *text = NULL;
    rocksdb_iter_get_error(iter->it, &text);
    return text == NULL ? WEIR_OK : take_error(text, err);
}

/* --- Writing ------------------------------------------------------------------------------- */

static struct kv_batch *rocks_batch(struct kv *kv)
{
    struct kv_batch *batch = malloc(sizeof(*batch));
    if (batch != NULL) {
        *batch = (struct kv_batch){.batch = rocksdb_writebatch_create(), .rocks = rocks_of(kv)};
    }
    return batch;
}

static void rocks_batch_free(struct kv_batch *batch)
{
    kv_cache_writes_clear(&batch->items);
    rocksdb_writebatch_destroy(batch->batch);
    free(batch);
}

static void rocks_batch_clear(struct kv_batch *batch)
{
    kv_cache_writes_clear(&batch->items);
    rocksdb_writebatch_clear(batch->batch);
}

static void rocks_batch_put(struct kv_batch *batch, enum kv_family family, struct weir_bytes key,
                            struct weir_bytes value)
{
    rocksdb_writebatch_put_cf(batch->batch, batch->rocks->base.families[family], text_of(key),
                              key.len, text_of(value), value.len);
    if (family == KV_ITEMS) {
        kv_cache_note(&batch->items, key, &value);
    }
}

static void rocks_batch_delete(struct kv_batch *batch, enum kv_family family, struct weir_bytes key)
{
    rocksdb_writebatch_delete_cf(batch->batch, batch->rocks->base.families[family], text_of(key),
                                 key.len);
    if (family == KV_ITEMS) {
        kv_cache_note(&batch->items, key, NULL);
    }
}

static void rocks_batch_delete_range(struct kv_batch *batch, enum kv_family family,
                                     struct weir_bytes from, struct weir_bytes to)
{
    if (bytes_cmp(from, to) < 0) {
        rocksdb_writebatch_delete_range_cf(batch->batch, batch->rocks->base.families[family],
                                           text_of(from), from.len, text_of(to), to.len);
        batch->items.all |= family == KV_ITEMS;
    }
}

/* Writes the batch with the commit number at its end, and takes that off again. */
static char *batch_write(struct kv_rocks *rocks, struct kv_batch *batch, uint64_t commit_number)
{
    uint8_t number[8];
    put_be64(number, commit_number);
    rocksdb_writebatch_set_save_point(batch->batch);
    rocksdb_writebatch_put_cf(batch->batch, rocks->base.families[FAMILY_DEFAULT], KV_COMMIT_KEY,
                              KV_COMMIT_KEY_LEN, (const char *)number, sizeof(number));
    char *text = NULL;
    count_nothing();
    rocksdb_write(rocks->base.db, rocks->write, batch->batch, &text);
    char *ignored = NULL; /* fails only without a save point */
    rocksdb_writebatch_rollback_to_save_point(batch->batch, &ignored);
    WEIR_ASSERT(ignored == NULL);
    return text;
}

static enum weir_status rocks_commit(struct kv *kv, struct kv_batch *batch, uint64_t commit_number,
                                     struct weir_error *err)
{
    struct kv_rocks *rocks = rocks_of(kv);
    if (rocks->stop.status != WEIR_OK) {
        return kv_stop_check(&rocks->stop, err);
    }
    WEIR_ASSERT(commit_number > rocks->commit_number);
    if (fault_hit(FAULT_KV_COMMIT)) {
        return kv_stop_set(&rocks->stop, WEIR_IO, "commit: failed at the fault point kv.commit",
                           err);
    }
    kv_cache_begin(rocks->items, &batch->items);
    char *text = batch_write(rocks, batch, commit_number);
    if (text != NULL) {
        enum weir_status status = kv_stop_set(&rocks->stop, kv_rocks_status(text), text, err);
        rocksdb_free(text);
        return status;
    }
    kv_cache_end(rocks->items, &batch->items);
    rocks->commit_number = commit_number;
    return WEIR_OK;
}

static void rocks_compact(struct kv *kv, enum kv_family family, struct weir_bytes from,
                          struct weir_bytes to)
{
    struct database *base = &rocks_of(kv)->base;
    char *ignored = NULL; /* only a hint; what is wrong with a file, its readers are told */
    rocksdb_suggest_compact_range_cf(base->db, base->families[family],
                                     from.len == 0 ? NULL : text_of(from), from.len,
                                     to.len == 0 ? NULL : text_of(to), to.len, &ignored);
    rocksdb_free(ignored);
}

/* --- Closing ------------------------------------------------------------------------------- */

/* Everything into flushed files, so that reopening has no log to read. */
static bool flush_all(struct database *base)
{
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    bool flushed = true;
    for (int i = 0; flushed && i < FAMILY_COUNT; i++) {
        char *text = NULL;
        rocksdb_flush_cf(base->db, options, base->families[i], &text);
        flushed = text == NULL;
        rocksdb_free(text);
    }
    rocksdb_flushoptions_destroy(options);
    return flushed;
}

static void rocks_free(struct kv_rocks *rocks)
{
    database_close(&rocks->base);
    views_free(&rocks->newest);
    rocksdb_writeoptions_destroy(rocks->write);
    kv_cache_free(rocks->items);
    kv_dir_close(&rocks->dir);
    free(rocks);
}

static void rocks_close(struct kv *kv)
{
    struct kv_rocks *rocks = rocks_of(kv);
    bool clean = rocks->stop.status == WEIR_OK && flush_all(&rocks->base);
    database_close(&rocks->base);
    if (clean) {
        /* If this fails, the next opening takes the store for unclean and only checks more. */
        (void)kv_dir_set(&rocks->dir, KV_DIR_CLEAN, rocks->durability, rocks->commit_number, NULL);
    }
    rocks_free(rocks);
}

static const struct kv_ops rocks_ops = {
    .close = rocks_close,
    .get = rocks_get,
    .snapshot = rocks_snapshot,
    .snapshot_free = rocks_snapshot_free,
    .batch = rocks_batch,
    .batch_free = rocks_batch_free,
    .batch_clear = rocks_batch_clear,
    .batch_put = rocks_batch_put,
    .batch_delete = rocks_batch_delete,
    .batch_delete_range = rocks_batch_delete_range,
    .commit = rocks_commit,
    .iter = rocks_iter,
    .iter_free = rocks_iter_free,
    .iter_seek = rocks_iter_seek,
    .iter_seek_for_prev = rocks_iter_seek_for_prev,
    .iter_next = rocks_iter_next,
    .iter_prev = rocks_iter_prev,
    .iter_key = rocks_iter_key,
    .iter_value = rocks_iter_value,
    .iter_status = rocks_iter_status,
    .compact = rocks_compact,
};

enum weir_status kv_rocks_open(const char *path, enum kv_durability durability, struct kv **ret_kv,
                               struct kv_opened *ret_opened, struct weir_error *err)
{
    struct kv_rocks *rocks = calloc(1, sizeof(*rocks));
    if (rocks == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a store");
    }
    rocks->kv.ops = &rocks_ops;
    rocks->durability = durability;
    rocks->newest = views_new(NULL);
    rocks->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(rocks->write, durability == KV_SYNC);
    struct kv_opened opened = {0};
    rocks->items = kv_cache_new(ROW_CACHE_BYTES);
    enum weir_status status = rocks->items == NULL
                                  ? error_set(err, WEIR_NO_MEMORY, "no memory for the cache")
                                  : kv_dir_open(path, &rocks->dir, err);
    if (status == WEIR_OK) {
        status = rocks_start(rocks, &opened, err);
    }
    if (status != WEIR_OK) {
        rocks_free(rocks);
        return error_wrap(err, status, "opening the store");
    }
    *ret_kv = &rocks->kv;
    *ret_opened = opened;
    return WEIR_OK;
}
