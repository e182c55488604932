/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ENGINE_INTERNAL_H
#define WEIR_ENGINE_INTERNAL_H

/*
 * What the engine's files share. Who may touch what:
 *
 *     struct engine
 *     ├── immutable after open      kv, env, names
 *     ├── under catalog_mu          the published catalog (itself immutable)
 *     ├── under queue_mu            closed, woken; with the mailbox of requests
 *     ├── under wait_mu             waiters, and the newest record of each shard
 *     ├── atomic                    committed_seq, trim_seq, figures
 *     └── the committer's only      the open batch, ids to give, background work
 */

#include "engine/engine.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#include <pthread.h>

/* ---- stored rows (rowcodec.c; docs/disk-format.md) ------------------------------------------ */

/* Room for any storage encoding of an item that keeps LIMIT_ITEM_BYTES: tags and lengths included.
 */
#define ENCODING_BYTES_MAX ((size_t)LIMIT_ITEM_BYTES * 4)
/* The number of secondary indexes that a table may have: twenty global and five local ones. */
#define TABLE_INDEXES_MAX 25

/* table_id, hash, and both keys with every byte escaped. */
#define ROW_KEY_BYTES_MAX (12 + 2 * (LIMIT_PARTITION_KEY_BYTES + LIMIT_SORT_KEY_BYTES) + 8)
/* index_id, hash, the index's keys and the table's. */
#define ENTRY_KEY_BYTES_MAX (2 * ROW_KEY_BYTES_MAX)
#define STREAM_KEY_BYTES 16

/* A row of KV_META or KV_TIME begins with one of these. */
enum row_kind {
    ROW_BACKFILL = 'b',  /* META: index_id -> the row key that backfill has reached */
    ROW_COUNTERS = 'c',  /* META: table_id or index_id -> items, bytes */
    ROW_LAST_TIME = 'l', /* META: -> the time of the last commit */
    ROW_MARK = 'm',      /* TIME: time -> commit_seq */
    ROW_NEXT = 'n',      /* META: -> the ids to give next */
    ROW_STREAM = 's',    /* META: stream_id -> descriptor */
    ROW_TABLE = 't',     /* META: table_id -> descriptor */
    ROW_TOKEN = 'x',     /* META: token -> time, hash; TIME: time, token -> nothing */
};

/* An item as it is stored: DynamoDB's size of it, and its encoding (len 0: there is none). */
struct row {
    struct weir_bytes encoding;
    size_t item_bytes;
};

bool varint_take(struct weir_bytes *from, uint64_t *ret_value);
void item_row_put(struct buf *to, const struct row *row);
enum weir_status item_row_take(struct weir_bytes value, struct row *ret_row,
                               struct weir_error *err);

void stream_key_put(uint8_t to[STREAM_KEY_BYTES], uint32_t stream_id, uint32_t shard, uint64_t seq);

/* WEIR_VALIDATION in AWS's words when a key attribute's value is over its limit. */
enum weir_status key_check_size(const struct weir_value *value, bool is_sort,
                                struct weir_error *err);

/* The smallest key that is larger than everything that begins with `key`; in place. Keys here never
 * consist of FF alone. */
void key_successor(uint8_t *key, size_t *len);

/* ---- tables and streams (catalog.c, descriptor.c) -------------------------------------------- */

struct engine_table_counters {
    unsigned refs;         /* atomic */
    uint64_t items, bytes; /* atomic: committed */
    /* The committer's: with the open batch. */
    uint32_t table_id;
    uint64_t open_items, open_bytes;
    uint64_t expiry_from_s; /* a table's: no entry of its TTL is before this */
    bool touched, dropped;
    struct engine_table_counters *next_touched;
};

struct engine_table_counters *counters_new(uint32_t table_id);
struct engine_table_counters *counters_ref(struct engine_table_counters *counters);
void counters_unref(struct engine_table_counters *counters); /* accepts NULL */

/* Copies with one reference, of what the prototype says; its stream and counters are referenced. */
struct engine_table *table_new(const struct engine_table *prototype);

/* The fields as a prototype for a changed one. Not the count of references (their last member):
 * other threads change it meanwhile. */
static inline struct engine_table table_fields(const struct engine_table *table)
{
    struct engine_table fields = {0};
    memcpy(&fields, table, offsetof(struct engine_table, refs));
    return fields;
}

static inline struct engine_stream stream_fields(const struct engine_stream *stream)
{
    struct engine_stream fields = {0};
    memcpy(&fields, stream, offsetof(struct engine_stream, refs));
    return fields;
}
struct engine_table *table_ref(struct engine_table *table);
struct engine_stream *stream_new(const struct engine_stream *prototype);
struct engine_stream *stream_ref(struct engine_stream *stream);
/* The open shard that an item of this placement hash goes to. NULL: every shard is closed. */
const struct engine_shard *stream_shard_of(const struct engine_stream *stream, uint64_t hash);

/* Every table by name and every stream by ARN. Immutable. */
struct catalog {
    struct engine_table **tables;
    uint32_t table_count;
    struct engine_stream **streams;
    uint32_t stream_count;
    uint32_t *slots; /* hash of a table's name -> its place + 1; 0: free */
    uint32_t slot_mask;
};

struct catalog *catalog_new(void);
void catalog_free(struct catalog *catalog); /* accepts NULL */
struct engine_table *catalog_table_view(const struct catalog *catalog, struct weir_bytes name);
struct engine_stream *catalog_stream_view(const struct catalog *catalog, struct weir_bytes arn);
/* A new catalog that differs in one entry, which it references; NULL without memory. */
struct catalog *catalog_with_table(const struct catalog *old, struct engine_table *table);
struct catalog *catalog_without_table(const struct catalog *old, struct weir_bytes name);
struct catalog *catalog_with_stream(const struct catalog *old, struct engine_stream *stream);
struct catalog *catalog_without_stream(const struct catalog *old, struct weir_bytes arn);

void descriptor_put_table(struct arena *a, struct buf *to, const struct engine_table *table);
void descriptor_put_stream(struct arena *a, struct buf *to, const struct engine_stream *stream);
enum weir_status descriptor_take_stream(struct arena *a, struct weir_bytes value,
                                        struct engine_stream **ret_stream, struct weir_error *err);
/* The table's stream is looked up in the catalog; *ret_table has no counters yet. */
enum weir_status descriptor_take_table(struct arena *a, struct weir_bytes value,
                                       const struct catalog *catalog,
                                       struct engine_table **ret_table, struct weir_error *err);

/* ---- the open batch (overlay.c, write.c, txn.c, admin.c) ----------------------------- */

/* Everything up to the next rule: @thread the committer's */

/* A hash table from keys to rows that is emptied in constant time; keys and rows are borrowed. */
struct overlay_slot {
    struct weir_bytes key;
    struct row row;
    uint64_t hash;
    uint32_t generation; /* of the overlay when it was filled; another one: free */
};
struct overlay {
    struct overlay_slot *slots;
    uint32_t generation;
    uint32_t count;
};

/* Twice what one batch can hold: the last request may go over the bound by its own operations. */
#define OVERLAY_ENTRIES_MAX (2 * LIMIT_COMMIT_OPERATIONS)

enum weir_status overlay_init(struct overlay *overlay, struct weir_error *err);
void overlay_fini(struct overlay *overlay);
void overlay_clear(struct overlay *overlay);
/* NULL when the open batch says nothing about the key. */
const struct row *overlay_get(const struct overlay *overlay, struct weir_bytes key);
/* True when the key is new. */
bool overlay_put(struct overlay *overlay, struct weir_bytes key, const struct row *row);

/* A shard that the open batch put a record into (its newest seq) or closed (UINT64_MAX). */
struct shard_touch {
    uint32_t number;
    uint64_t newest_seq;
};

/* The records of one shard that will be a row (record.h); bytes.len 0: none yet. */
struct open_block {
    uint32_t stream_id, shard;
    uint64_t last_seq;
    struct buf bytes;
};

struct open_batch {
    struct kv_batch *kv;
    bool dirty;              /* there is something to commit */
    enum weir_status status; /* sticky: applying an effect ran out of memory */
    struct overlay rows;     /* row key -> item */
    struct overlay tokens;   /* transaction token -> hash (in row.encoding) */
    struct overlay txn_keys; /* the row keys of the transaction under way */
    struct catalog *catalog; /* what the batch makes of the published one; often the same */
    struct engine_table_counters *touched;
    struct shard_touch *shards;
    uint32_t shard_count, shard_cap;
    struct kv_value *held; /* what evaluations have read */
    uint32_t held_count, held_cap;
    struct open_block *blocks; /* one for each shard; the memory is kept from batch to batch */
    uint32_t block_count, block_cap;
    uint64_t seq;      /* the last one given */
    int64_t commit_ms; /* of everything in the batch */
    uint32_t operations;
    size_t bytes;
    uint64_t stream_records;
    struct mail *requests; /* executed, in order */
    struct mail **requests_last;
    /* Scratch, kept from batch to batch. */
    struct buf row, image;
};

/* ---- entries of indexes (index.c): pure functions of an item ----------------------------------
 */

/* One entry; key.len 0: the item has none. */
struct index_entry {
    struct weir_bytes key;
    struct row row;
};

/* Keys of the wrong type, empty or too long: WEIR_VALIDATION in AWS's words. */
enum weir_status index_check_item(const struct engine_table *table, const struct weir_value *item,
                                  struct weir_error *err);
/* The entry of an item that passed index_check_item, in the arena. `row` is the item as it is
 * stored, NULL with item NULL: no entry. */
enum weir_status index_derive(struct arena *a, struct buf *scratch,
                              const struct engine_table *table, const struct engine_index *index,
                              const struct weir_value *item, const struct row *row,
                              struct weir_bytes row_key, struct index_entry *ret_entry,
                              struct weir_error *err);
/* Moves *rest over the index's keys, so that the table's are left; false if it holds none. */
bool index_skip_keys(const struct engine_index *index, struct weir_bytes *rest);

/* When the item expires, in seconds since the epoch; false: never. */
bool ttl_expiry(const struct engine_table *table, const struct weir_value *item, uint64_t *ret_s);
#define TTL_PREFIX_BYTES 12 /* index_id, time; the row key follows */
void ttl_prefix_put(uint8_t to[TTL_PREFIX_BYTES], uint32_t ttl_index, uint64_t expiry_s);
/* The key of the item's entry, in the arena; len 0: none. */
enum weir_status ttl_derive(struct arena *a, const struct engine_table *table,
                            const struct weir_value *item, struct weir_bytes row_key,
                            struct weir_bytes *ret_key, struct weir_error *err);

static inline bool table_has_entries(const struct engine_table *table)
{
    return table->index_count > 0 || table->ttl_index != 0;
}

/* What one operation does: the result of evaluating, the input of applying. */
struct effect {
    struct engine_op *op;
    const struct engine_table *table; /* the newest, the open catalog's */
    struct row before, after;
    bool changed;
    bool by_ttl;
    /* By the table's indexes; NULL when nothing changes or there are none. */
    struct index_entry *entries_before, *entries_after;
    struct weir_bytes ttl_before, ttl_after; /* keys, len 0: none */
};

#define WAITER_BUCKETS 256

struct engine {
    /* Immutable after open. */
    struct kv *kv;
    struct weir_env *env;
    char *arn_prefix; /* "arn:aws:dynamodb:<region>:<account>:table/" */
    uint32_t stream_shards;

    pthread_rwlock_t catalog_mu;
    struct catalog *catalog; /* under catalog_mu for readers; the committer swaps it */

    uint64_t committed_seq;        /* atomic */
    uint64_t trim_seq;             /* atomic */
    struct engine_figures figures; /* each atomic */

    struct mailbox mailbox;
    pthread_mutex_t queue_mu;
    pthread_cond_t queue_cond;
    bool closed; /* under queue_mu */
    bool woken;  /* under queue_mu */
    pthread_t thread;
    bool thread_runs; /* who starts and stops it */

    pthread_mutex_t wait_mu;
    struct mail *waiters[WAITER_BUCKETS]; /* under wait_mu, by shard number */
    uint64_t next_deadline_ns;            /* under wait_mu: at or before the nearest */
    uint64_t *shard_newest;               /* under wait_mu, by shard number */
    uint32_t shard_newest_count;          /* under wait_mu */
    bool waiters_closed;                  /* under wait_mu: the engine stops */

    /* The committer's. */
    struct open_batch batch;
    struct mail *backlog; /* taken from the mailbox, not yet executed */
    struct arena *scratch;
    bool failed; /* fail-stop: a commit failed */
    struct weir_error failure;
    uint32_t next_table_id, next_stream_id, next_shard;
    uint64_t background_ns;  /* when background work is due, monotonic */
    uint64_t marked_seq;     /* of the newest mark */
    int64_t sweep_ms;        /* when the next sweep over the streams is due, wall clock */
    struct buf sweep_after;  /* the ARN of the last stream swept, empty: a new round */
    uint64_t sweep_trim_seq; /* what this round deletes below */
    uint64_t swept_seq;      /* what the last whole round deleted below */
    bool compact_due;        /* the sweep deleted something */
    uint64_t ttl_sweep_ns;
    uint64_t expiry_ns; /* when TTL is looked after next, monotonic */
    uint32_t expiry_at; /* the table in the catalog that is first then */
};

#define ATOMIC_GET(field) __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define ATOMIC_SET(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)
#define ATOMIC_COUNT(field, by) (void)__atomic_fetch_add(&(field), (by), __ATOMIC_RELAXED)

/* The item under row_key as the open batch leaves it; its bytes are good until the batch's end. */
enum weir_status view_get(struct engine *engine, struct weir_bytes row_key, struct row *ret_row,
                          struct weir_error *err);

/* Pure: what the operation would do. Fills the op's results; its status is returned. */
enum weir_status write_evaluate(struct engine *engine, struct arena *a, struct engine_op *op,
                                struct effect *ret_effect, struct weir_error *err);
/* Puts the effect into the open batch. Cannot fail by itself: see open_batch.status. */
void write_apply(struct engine *engine, const struct effect *effect);

/* Keeps the detail of why an operation failed in the request's arena. */
void write_fail_op(struct engine_request *request, struct engine_op *op,
                   const struct weir_error *error);

/* Execute one request against the open batch and set its status. */
void write_execute(struct engine *engine, struct engine_request *request);
void txn_execute(struct engine *engine, struct engine_request *request);
void admin_execute(struct engine *engine, struct engine_request *request);

/* blocks.c: the records of the open batch, gathered by shard. */
void blocks_add(struct engine *engine, const struct engine_stream *stream, uint32_t shard,
                const struct engine_record *record);
/* Puts what is gathered into the batch, before its commit. */
void blocks_put(struct engine *engine);
void blocks_clear(struct open_batch *batch);
void blocks_fini(struct open_batch *batch);

/* ---- committing (committer.c): @thread the committer's --------------------------------------- */

void batch_begin(struct engine *engine);
/* Commits the open batch if it is dirty and publishes what it changed; a failure stops the engine
 * from taking writes. The caller answers the requests. */
enum weir_status batch_commit(struct engine *engine);
uint64_t batch_next_seq(struct engine *engine);
/* Keeps the value until the batch's end; false without memory, and then the value is released. */
bool batch_hold(struct engine *engine, struct kv_value *take_value);
void batch_touch_shard(struct engine *engine, uint32_t number, uint64_t newest_seq);
void batch_touch_counters(struct engine *engine, struct engine_table_counters *counters);
/* Replaces the open catalog; NULL: ran out of memory, sticky. */
void batch_take_catalog(struct engine *engine, struct catalog *take_catalog);
void batch_put_row(struct engine *engine, enum kv_family family, struct weir_bytes key,
                   const struct buf *value);

/* Stream and table changes that admin.c and background.c share; both in the open batch. */
void batch_put_table(struct engine *engine, struct arena *a, struct engine_table *table);
void batch_put_stream(struct engine *engine, struct arena *a, struct engine_stream *stream);
void batch_put_next_ids(struct engine *engine);
/* Everything of an index in one range, and how far its backfill is. */
void batch_delete_index(struct engine *engine, uint32_t index_id);

/* ---- background.c, waiter.c: @thread the committer's ----------------------------------------- */

enum weir_status background_load(struct engine *engine, struct weir_error *err);
void background_run(struct engine *engine);
bool background_is_due(struct engine *engine);

/* expiry.c: TTL. Its next look is at once when a table's TTL changed. */
void expiry_load(struct engine *engine);
void expiry_run(struct engine *engine);
bool expiry_is_due(struct engine *engine);

/* Room for shards up to this number in shard_newest; new ones have no record. */
bool waiters_add_shards(struct engine *engine, uint32_t number_max);
/* After a commit: notes the newest records and calls who waited for them. */
void waiters_wake(struct engine *engine, const struct shard_touch *shards, uint32_t count);
void waiters_expire(struct engine *engine);
uint64_t waiters_deadline_ns(struct engine *engine);

/* Wakes the committer's thread. @locks queue_mu is held */
void thread_wake_locked(struct engine *engine);

#endif
