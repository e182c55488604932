/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ENGINE_ENGINE_H
#define WEIR_ENGINE_ENGINE_H

/*
 * The database: tables of items, transactions and change streams over a kv store. Knows no HTTP, no
 * JSON and no clock of its own.
 *
 *      loop threads                     committer (one)                   loop threads
 *   prepare ──► engine_submit ──► queue ──► engine_turn: for each request,
 *                                           in order: evaluate against view
 *                                           (snapshot + open batch), apply
 *                                           effects to the batch; then one
 *                                           kv_commit for all ──► done() ──► answer
 *   reads ────► straight from the kv's committed state, any thread
 *
 * Invariants: the order of commits is the order of stream records; a stream record is in its
 * item's own batch; an answer that saw an uncommitted write (a failed condition included) leaves
 * only after that commit; a failed commit makes every request of its batch OUTCOME_UNKNOWN and the
 * engine refuses writes from then on (fail-stop); a transaction evaluates all its operations, then
 * applies all or none.
 *
 * Commit time never runs backward: max(clock, last commit). One commit_seq counts every change of
 * an item, over all tables; on the wire a sequence number is 10^20 + commit_seq (21 digits).
 */

#include "base/env.h"
#include "base/mailbox.h"
#include "expr/expr.h"
#include "kv/kv.h"
#include "value/value.h"

struct engine;

struct engine_options {
    struct kv *kv;           /* taken over: closed by engine_close, also when opening fails */
    struct kv_opened opened; /* what opening the kv found */
    struct weir_env *env;    /* outlives the engine */
    const char *region;      /* in ARNs and records; NULL: "local" */
    const char *account;     /* NULL: "000000000000" */
    uint32_t stream_shards;  /* shards of a new stream, 1..64; 0: 4 */
    uint32_t ttl_sweep_ms;   /* between two looks for expired items; 0: 1000 */
};

/* Loads the catalog. WEIR_CORRUPTION, WEIR_IO. */
enum weir_status engine_open(const struct engine_options *options, struct engine **ret_engine,
                             struct weir_error *err);
/* The committer thread must be stopped, and no request under way. Accepts NULL. */
void engine_close(struct engine *engine);

struct weir_env *engine_env(struct engine *engine);

/* ---- tables --------------------------------------------------------------------------------- */

struct engine_key_attribute {
    struct weir_bytes name; /* len 0: the table has no sort key */
    enum value_type type;   /* VALUE_S, VALUE_N, VALUE_B */
};

enum engine_view_type {
    ENGINE_VIEW_KEYS_ONLY,
    ENGINE_VIEW_NEW_IMAGE,
    ENGINE_VIEW_OLD_IMAGE,
    ENGINE_VIEW_NEW_AND_OLD_IMAGES,
};
const char *engine_view_type_name(enum engine_view_type view);
bool engine_view_type_parse(struct weir_bytes name, enum engine_view_type *ret_view);

struct engine_stream;

enum engine_projection { ENGINE_PROJECT_ALL, ENGINE_PROJECT_KEYS_ONLY, ENGINE_PROJECT_INCLUDE };
const char *engine_projection_name(enum engine_projection projection);
bool engine_projection_parse(struct weir_bytes name, enum engine_projection *ret_projection);

/*
 * A secondary index. Its entries are a pure function of the table's items and change in the item's
 * own batch, so it is never behind. An item without one of the index's keys has no entry.
 */
struct engine_index {
    uint32_t id;
    struct weir_bytes name;
    bool local; /* its partition key is the table's; false: a global one */
    struct engine_key_attribute partition;
    struct engine_key_attribute sort; /* name.len 0: none */
    enum engine_projection projection;
    const struct weir_bytes *included; /* INCLUDE: names beside the keys, as they were given */
    uint32_t included_count;
    uint64_t read_units, write_units;
    struct engine_table_counters *counters; /* of its entries */
};

/*
 * A table as it was at one moment: immutable, shared by reference count. A change of the table
 * publishes a new one; requests that hold the old one are evaluated against the newest with the
 * same id, or fail with RESOURCE_NOT_FOUND if that is gone.
 */
struct engine_table {
    uint32_t id;
    struct weir_bytes name;
    char table_uuid[UUID_TEXT_SIZE]; /* TableId */
    struct engine_key_attribute partition;
    struct engine_key_attribute sort;
    int64_t created_ms;
    bool provisioned; /* billing mode; false: on demand */
    uint64_t read_units, write_units;
    int64_t billing_changed_ms;
    bool deletion_protected;
    struct weir_bytes ttl_attribute; /* len 0: TTL is off */
    int64_t ttl_changed_ms;
    uint32_t ttl_index; /* id of the index of times of expiry, 0: none */
    bool ttl_filling;   /* entries of older items are still being added */
    struct engine_index *indexes;
    uint32_t index_count;
    struct engine_stream *stream; /* the current or newest stream, NULL: never had one */
    bool stream_enabled;
    /* Kept by the committer beside the items, exact; read with engine_table_figures. */
    struct engine_table_counters *counters;
    unsigned refs; /* atomic */
};

/* WEIR_RESOURCE_NOT_FOUND with AWS's text. Unref when done. @thread any */
enum weir_status engine_table_ref(struct engine *engine, struct weir_bytes name,
                                  struct engine_table **ret_table, struct weir_error *err);
void engine_table_unref(struct engine_table *table); /* accepts NULL */
/* arn:aws:dynamodb:<region>:<account>:table/<name>, in the arena. */
struct weir_bytes engine_table_arn(struct engine *engine, struct arena *a,
                                   const struct engine_table *table);
void engine_table_figures(const struct engine_table *table, uint64_t *ret_items,
                          uint64_t *ret_bytes);
/* The table's index of that name; NULL if there is none. */
const struct engine_index *engine_index_view(const struct engine_table *table,
                                             struct weir_bytes name);
void engine_index_figures(const struct engine_index *index, uint64_t *ret_items,
                          uint64_t *ret_bytes);
/* Up to `limit` names after `after` (len 0: from the start), in byte order; *ret_more says whether
 * there are further ones. Names are copied into the arena. */
enum weir_status engine_table_list(struct engine *engine, struct arena *a, struct weir_bytes after,
                                   uint32_t limit, struct weir_bytes **ret_names,
                                   uint32_t *ret_count, bool *ret_more, struct weir_error *err);

/*
 * Checks that `item` holds the table's key attributes with their types and lengths, not empty, and
 * appends the row's key (table_id | hash | partition | sort) to `to`. WEIR_VALIDATION in AWS's
 * words. With `exact`, the item must hold nothing else ("The provided key element does not match
 * the schema").
 */
enum weir_status engine_row_key(const struct engine_table *table, const struct weir_value *item,
                                bool exact, struct buf *to, struct weir_error *err);

/*
 * The same for an entry of the index: `key` holds exactly the index's keys and the table's, as a
 * LastEvaluatedKey does. Appends its key (index_id | hash | index keys | table keys).
 */
enum weir_status engine_entry_key(const struct engine_table *table,
                                  const struct engine_index *index, const struct weir_value *key,
                                  struct buf *to, struct weir_error *err);

/* ---- writes --------------------------------------------------------------------------------- */

/* What a write did to one index. Sizes are those of the entry; 0: there was none, or is none. */
struct engine_index_use {
    struct weir_bytes name; /* in the request's arena */
    bool local;
    bool changed; /* the entry is another one than before */
    bool moved;   /* and under another key */
    size_t old_bytes, new_bytes;
};

enum engine_op_kind { ENGINE_PUT, ENGINE_UPDATE, ENGINE_DELETE, ENGINE_CHECK };

/* One operation on one item. Prepared by its caller with engine_prepare_*, then the committer's. */
struct engine_op {
    enum engine_op_kind kind;
    struct engine_table *table;             /* a reference, the op's */
    const struct weir_value *key;           /* the key attributes, form ITEM */
    struct weir_bytes row_key;              /* engine_row_key's */
    const struct weir_value *item;          /* PUT: the new item */
    struct weir_bytes encoded;              /* PUT: its storage encoding, made off the committer */
    size_t item_bytes;                      /* PUT: DynamoDB's size of the new item */
    const struct expr_condition *condition; /* NULL: none */
    const struct expr_update *update;       /* UPDATE; NULL: creates an item of the key alone */
    bool want_old;                          /* keep old_item although evaluation did not need it */

    /* Results, in the request's arena, good after done(). */
    enum weir_status status;           /* OK; CONDITION_FAILED; VALIDATION; ... of this operation */
    struct weir_error *error;          /* its detail, NULL when OK */
    const struct weir_value *old_item; /* before; NULL: there was none, or nobody asked */
    const struct weir_value *new_item; /* UPDATE: after */
    size_t old_bytes, new_bytes;       /* DynamoDB's sizes, 0: no item */
    bool existed;
    struct engine_index_use *index_uses; /* one for each index of the table, when it changed it */
    uint32_t index_use_count;
};

enum engine_request_kind {
    ENGINE_WRITE,         /* each operation for itself (PutItem, ..., BatchWriteItem) */
    ENGINE_TRANSACTION,   /* all or nothing */
    ENGINE_CREATE_TABLE,  /* `spec` */
    ENGINE_DELETE_TABLE,  /* `table_name` */
    ENGINE_UPDATE_TTL,    /* `table_name`, `ttl_attribute` (len 0: off) */
    ENGINE_UPDATE_STREAM, /* `table_name`, `stream_enabled`, `view` */
    ENGINE_UPDATE_TABLE,  /* `table_name`, `changes`, and of `spec` what they name */
};

enum { ENGINE_CHANGE_BILLING = 1, ENGINE_CHANGE_PROTECTION = 2 };

struct engine_table_spec {
    struct weir_bytes name;
    struct engine_key_attribute partition;
    struct engine_key_attribute sort;
    bool provisioned;
    uint64_t read_units, write_units;
    bool deletion_protected;
    bool stream_enabled;
    enum engine_view_type view;
    /* CREATE: without ids and counters. CHANGE_BILLING: names and units of those that change. */
    const struct engine_index *indexes;
    uint32_t index_count;
};

/* A request to the committer: the caller's storage, zeroed first, untouched by its caller from
 * engine_submit until done() is called. */
struct engine_request {
    struct mail mail;
    enum engine_request_kind kind;
    struct arena *arena; /* the committer's to use until done() */
    struct engine_op *ops;
    uint32_t op_count;
    /* TRANSACTION: ClientRequestToken (len 0: none) and a hash of what it stands for. A repeat
     * within LIMIT_TRANSACT_TOKEN_MS succeeds without effect and sets `repeated`; one with another
     * hash is IDEMPOTENT_MISMATCH. */
    struct weir_bytes token;
    uint8_t token_hash[32];
    struct engine_table_spec spec;
    struct weir_bytes table_name;
    struct weir_bytes ttl_attribute;
    bool stream_enabled;
    enum engine_view_type view;
    unsigned changes; /* ENGINE_CHANGE_* */
    /* Called once, on the committer's thread, after the commit: hands the request back. */
    void (*done)(struct engine_request *request);
    void *arg;
    bool is_held; /* the submission does not wake the committer: engine_wake follows soon */

    /* Results. */
    enum weir_status status; /* WRITE: that of the request as a whole; single ops have theirs.
                                TRANSACTION: OK, TXN_CANCELED (reasons in the ops), ... */
    struct weir_error error;
    bool repeated;
    struct engine_table *table; /* CREATE, DELETE, UPDATE_*: a reference, the caller's to unref */
};

/*
 * Fill an op: take the table's reference over, check sizes and keys, encode. Item and key are
 * attribute values (value_to_item). On failure the reference is given back. WEIR_VALIDATION in
 * AWS's words.
 */
enum weir_status engine_prepare_put(struct arena *a, struct engine_table *take_table,
                                    const struct weir_value *item, struct engine_op *ret_op,
                                    struct weir_error *err);
enum weir_status engine_prepare_key(struct arena *a, struct engine_table *take_table,
                                    enum engine_op_kind kind, const struct weir_value *key,
                                    struct engine_op *ret_op, struct weir_error *err);
/* UPDATE: refuses an update of key attributes ("Cannot update attribute pk. This attribute is part
 * of the key"). Call after engine_prepare_key; the op keeps the tree. */
enum weir_status engine_prepare_update(struct engine_op *op, const struct expr_update *update,
                                       struct weir_error *err);
void engine_op_fini(struct engine_op *op); /* gives the table's reference back */

/*
 * Queues a request. WEIR_THROTTLED when the queue is full, WEIR_CLOSED when the committer is
 * stopped: then done() is not called. @thread any
 */
enum weir_status engine_submit(struct engine *engine, struct engine_request *request,
                               struct weir_error *err);
/* Wakes the committer for the held requests, so that a burst becomes one batch. @thread any */
void engine_wake(struct engine *engine);

/* ---- the committer --------------------------------------------------------------------------- */

/* One turn: takes what is queued (bounded), commits, calls done() for each, runs what background
 * work is due. Returns true when more waits already. The simulator calls it; a thread below does
 * otherwise. @thread the committer's */
bool engine_turn(struct engine *engine);
/* Milliseconds until engine_turn has something to do by itself (waiters' deadlines, marks). */
uint64_t engine_turn_due_ms(struct engine *engine);

/* A thread that sleeps until there is work, and calls engine_turn. */
enum weir_status engine_committer_start(struct engine *engine, struct weir_error *err);
/* Finishes what is queued, then ends the thread; later submissions are CLOSED. */
void engine_committer_stop(struct engine *engine);

/* ---- reads ---------------------------------------------------------------------------------- */

/* A consistent view for several reads: the committed state now. NULL without memory. @thread any */
struct engine_view;
struct engine_view *engine_view_open(struct engine *engine);
void engine_view_close(struct engine_view *view);

/* The stored item under row_key, copied into the arena; *ret_item len 0 when there is none (a
 * stored item never has length 0). view NULL: the newest. WEIR_UNAVAILABLE when cached_only and the
 * disk is needed. @thread any */
enum weir_status engine_get(struct engine *engine, struct engine_view *view, struct arena *a,
                            struct weir_bytes row_key, bool cached_only,
                            struct weir_bytes *ret_item, struct weir_error *err);

#define ENGINE_READ_BLOCK_BYTES 4096 /* what reads are charged by */

/* One page of Query or Scan. */
struct engine_page_request {
    struct engine_table *table;
    const struct engine_index *index; /* of this table; NULL: the table itself */
    bool fetch; /* with index: the whole items of its entries, from the table */
    const struct expr_key_condition *key; /* Query; NULL: Scan */
    bool backward;
    const struct weir_value *start_key;  /* ExclusiveStartKey (checked), NULL: from the start */
    uint32_t limit;                      /* evaluated items, 0: none */
    uint32_t segment, segment_count;     /* Scan; count 0 means one segment */
    const struct expr_condition *filter; /* NULL: none */
    const struct expr_projection *projection; /* NULL: whole items */
    bool count_only;
};
struct engine_page {
    struct weir_value *items; /* a plain list of ITEM or STORED nodes; NULL when count_only */
    uint32_t count;           /* that passed the filter */
    uint32_t scanned_count;
    size_t scanned_bytes;  /* DynamoDB's sizes of what was evaluated */
    size_t fetched_blocks; /* sizes of fetched items, each rounded up to ENGINE_READ_BLOCK_BYTES */
    const struct weir_value *last_key; /* LastEvaluatedKey, NULL: the end was reached */
};
/* At most LIMIT_PAGE_BYTES of evaluated items. May read the disk. @thread any that may block */
enum weir_status engine_page_read(struct engine *engine, struct engine_view *view, struct arena *a,
                                  const struct engine_page_request *request,
                                  struct engine_page *ret_page, struct weir_error *err);

/* ---- streams -------------------------------------------------------------------------------- */

enum engine_event { ENGINE_INSERT, ENGINE_MODIFY, ENGINE_REMOVE };

#define ENGINE_SEQUENCE_TEXT 22 /* 21 digits and NUL */
#define ENGINE_SHARD_ID_TEXT 38 /* shardId-<20 digits>-<8 hex> and NUL */
#define ENGINE_LABEL_TEXT 24    /* 2026-11-20T23:44:00.123 and NUL */
void engine_sequence_text(uint64_t commit_seq, char to[ENGINE_SEQUENCE_TEXT]);
/* False when it is no sequence number of ours. */
bool engine_sequence_parse(struct weir_bytes text, uint64_t *ret_commit_seq);

struct engine_shard {
    uint32_t number; /* birth counter: unique in the engine */
    char id[ENGINE_SHARD_ID_TEXT];
    uint32_t parent;                      /* number, 0: none */
    char parent_id[ENGINE_SHARD_ID_TEXT]; /* "" : none */
    uint64_t hash_first, hash_last;       /* the interval of placement hashes, both inclusive */
    uint64_t first_seq;                   /* the first commit_seq that may be in it */
    uint64_t last_seq;                    /* closed: the last; open: 0 */
};

/* A stream: immutable, shared by reference count, as tables are. */
struct engine_stream {
    uint32_t id;
    struct weir_bytes arn;
    struct weir_bytes table_name;
    char label[ENGINE_LABEL_TEXT];
    enum engine_view_type view;
    bool enabled; /* false: DISABLED, every shard closed, readable for 24 h */
    int64_t created_ms;
    int64_t disabled_ms;
    struct engine_key_attribute partition;
    struct engine_key_attribute sort;
    struct engine_shard *shards; /* in order of birth */
    uint32_t shard_count;
    unsigned refs; /* atomic */
};

enum weir_status engine_stream_ref(struct engine *engine, struct weir_bytes arn,
                                   struct engine_stream **ret_stream, struct weir_error *err);
void engine_stream_unref(struct engine_stream *stream); /* accepts NULL */
/* Streams in order of ARN, of one table (table_name.len > 0) or all, after `after`. References are
 * the caller's to unref; the array is in the arena. */
enum weir_status engine_stream_list(struct engine *engine, struct arena *a,
                                    struct weir_bytes table_name, struct weir_bytes after,
                                    uint32_t limit, struct engine_stream ***ret_streams,
                                    uint32_t *ret_count, bool *ret_more, struct weir_error *err);

/* The last committed commit_seq: what LATEST starts behind. @thread any */
uint64_t engine_committed_seq(struct engine *engine);
/* Records before this commit_seq are trimmed (24 h), for every stream. @thread any */
uint64_t engine_trim_seq(struct engine *engine);

struct engine_record {
    uint64_t commit_seq;
    enum engine_event event;
    int64_t commit_ms;
    bool by_ttl;                 /* userIdentity: the service */
    struct weir_bytes keys;      /* storage encodings, in the arena */
    struct weir_bytes new_image; /* len 0: not in this view type or event */
    struct weir_bytes old_image;
    uint64_t size_bytes;
};
/* Records of one shard with commit_seq >= from_seq, oldest first, committed ones only: up to
 * `limit`, and up to LIMIT_GET_RECORDS_BYTES unless the first is larger. *ret_next_seq is where to
 * go on; *ret_end says that the shard is closed and read to its end. */
enum weir_status engine_stream_read(struct engine *engine, struct arena *a,
                                    const struct engine_stream *stream,
                                    const struct engine_shard *shard, uint64_t from_seq,
                                    uint32_t limit, struct engine_record **ret_records,
                                    uint32_t *ret_count, uint64_t *ret_next_seq, bool *ret_end,
                                    struct weir_error *err);

/*
 * Waiting at the tip: fn is called once, on the committer's thread (or engine_end_waits'), when a
 * commit put a record into the shard, or the stream changed, or the deadline passed, or the engine
 * stops. The caller's storage; do not touch until then. When the shard's newest record is at or
 * behind from_seq already, engine_wait returns false and fn is not called.
 */
struct engine_waiter {
    struct mail mail;
    uint32_t stream_id;
    uint32_t shard_number;
    uint64_t from_seq;
    uint64_t deadline_ns; /* of env_mono_ns */
    void (*fn)(struct engine_waiter *waiter);
    void *arg;
};
bool engine_wait(struct engine *engine, struct engine_waiter *waiter);
/* Calls everybody who waits, on this thread, and from then on engine_wait answers false: the first
 * step of a clean end, while requests are still answered. Twice is harmless. @thread any */
void engine_end_waits(struct engine *engine);

/* Figures for metrics and tests; each only grows. @thread any */
struct engine_figures {
    uint64_t commits, operations, stream_records, throttled, commit_failures;
    uint64_t expired; /* items deleted by TTL */
};
void engine_read_figures(struct engine *engine, struct engine_figures *ret_figures);

#endif
