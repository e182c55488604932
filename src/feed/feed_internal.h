/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FEED_FEED_INTERNAL_H
#define WEIR_FEED_FEED_INTERNAL_H

/*
 * The feed inside: what its files share.
 *
 * The one idea: nothing here waits. Everything that can be done next is found by *advancing*: a
 * call that came back, a timer that ran out and feed_done all lead to feed_advance or
 * shard_advance, which look at the state and start what is due. So a retry is only "advance later".
 *
 * The feed's phases:
 *
 *     NEW ──► STARTING ──► RUNNING ──► FAILED
 *      │         │            │           │
 *      └─────────┴────────────┴───────────┴──► STOPPING ──► RELEASING ──► STOPPED
 *
 *     STARTING   the table's stream, the position table, its rows, the first list of shards
 *     STOPPING   reads are cancelled; positions that were reached are being written
 *     RELEASING  leases are being given back
 *
 * A shard's states:
 *
 *     DISCOVERED ──► BLOCKED ──► LEASED ──► READING ──► DRAINED ──► ENDED
 *         │ │           │          ▲                                  ▲
 *         │ └───────────┼──────────┘                                  │
 *         └─────────────┴─────────────────────────────────────────────┘
 *                         (its row says that it was handled to its end)
 *
 *     DISCOVERED listed; its lease is being taken if nothing blocks it
 *     BLOCKED    its parent is not ENDED
 *     LEASED     the row is ours; the first iterator is being fetched
 *     READING    one GetRecords at a time
 *     DRAINED    read to its end (null iterator); records may be out, SHARD_END is not stored
 *     ENDED      all handled, and SHARD_END stored; its children may start
 *
 * Calls to the service go through slots, one call at a time each: the feed's `admin` (tables, rows,
 * lists), a shard's `read` (lease, iterator, records) and a shard's `store` (positions, release).
 */

#include "feed/feed.h"

#define FEED_ATTEMPTS 2 /* of the client; beyond that the feed backs off itself */
#define FEED_BACKOFF_FIRST_MS 100
#define FEED_BACKOFF_MAX_MS 5000
#define FEED_REFRESH_MS 60000  /* between full lists of shards */
#define FEED_ENABLING_MS 1000  /* ... while the stream is ENABLING and lists none */
#define FEED_CHILDREN_TRIES 10 /* lists to find the children of a shard that ended */
#define FEED_CHILDREN_FIRST_MS 50
#define FEED_CHILDREN_MAX_MS 1000
#define FEED_TABLE_POLL_MS 200 /* while the position table is CREATING */
#define FEED_WAIT_MS 10000     /* an idle read is held that long where the server can */
#define FEED_POLL_FIRST_MS 50  /* where it cannot */
#define FEED_STOP_MS 5000      /* for the last writes of feed_stop */
/* Creation times are the service's clock in whole seconds, the start's is ours: that much earlier
 * counts as "now" where only time can tell. */
#define FEED_CLOCK_MARGIN_S 5

/* DynamoDB Streams: 21 to 40 digits (API model); room for servers that take more. */
#define FEED_SEQUENCE_SIZE 65
#define FEED_SHARD_ID_MAX 255
/* Memory of the batches that are out; reading stops above it, whatever their records count. */
#define FEED_UNHANDLED_BYTES_MAX (256u * 1024 * 1024)
/* A shard that ended is forgotten so long after, once no list shows it: lists are not consistent,
 * and a shard that is shown again must not be taken for a new one. */
#define FEED_FORGET_MS (48LL * 3600 * 1000)
#define FEED_BUCKETS 1024

enum feed_phase {
    FEED_NEW,
    FEED_STARTING,
    FEED_RUNNING,
    FEED_FAILED,
    FEED_STOPPING,
    FEED_RELEASING,
    FEED_STOPPED,
    FEED_PHASE_COUNT
};

enum shard_state {
    SHARD_DISCOVERED,
    SHARD_BLOCKED,
    SHARD_LEASED,
    SHARD_READING,
    SHARD_DRAINED,
    SHARD_ENDED,
    SHARD_STATE_COUNT
};

/* What the admin slot does next. */
enum feed_step {
    STEP_TABLE,            /* describe the table: its stream */
    STEP_POSITIONS,        /* describe the position table */
    STEP_POSITIONS_CREATE, /* it is missing */
    STEP_ROWS,             /* read this pipeline's rows, page by page */
    STEP_START,            /* make "from now on" durable */
    STEP_LIST,             /* list shards, page by page */
    STEP_TABLE_AGAIN,      /* everything ended: has the table another stream by now? */
    STEP_IDLE
};

/* A place in a shard, as it is stored. */
enum position_kind {
    POSITION_HORIZON, /* TRIM_HORIZON */
    POSITION_LATEST,  /* never stored */
    POSITION_AFTER,   /* a sequence number: that record was handled */
    POSITION_END      /* SHARD_END */
};

struct feed_position {
    enum position_kind kind;
    char sequence[FEED_SEQUENCE_SIZE]; /* AFTER */
};

struct feed_shard;

/* One call to the service at a time, and the pause before the next. */
struct feed_call {
    struct client_request request;
    struct feed *feed;
    struct feed_shard *shard; /* NULL: the feed's */
    struct arena *arena;      /* of the call; a batch may take it over */
    struct loop_timer *timer;
    void (*then)(struct feed_call *call);
    bool busy;         /* started and not done */
    bool waiting;      /* the timer runs */
    uint32_t failures; /* in a row */
};

/* A row of the position table as it was read. */
struct feed_row {
    struct weir_bytes shard_id;
    struct feed_position position;
    int64_t counter;
    int64_t switches;
};

/* A batch that is out. The struct stays until the shard's frontier has passed it; the arena, which
 * holds the records, goes when all of them are done. */
struct frontier_batch {
    struct feed_batch batch; /* first: the handler's view */
    struct feed_shard *shard;
    struct frontier_batch *next; /* later read */
    struct arena *arena;
    size_t bytes;    /* of the arena, counted in the feed */
    bool *done;      /* per record */
    uint32_t prefix; /* the first that is not done */
    uint32_t done_count;
    char last_sequence[FEED_SEQUENCE_SIZE];
};

struct feed_shard {
    struct feed *feed;
    struct feed_shard *next; /* in order of discovery */
    struct feed_shard *bucket_next;
    struct weir_bytes id; /* behind the struct */
    struct weir_bytes parent_id;
    struct feed_shard *parent; /* NULL: none, or no longer listed */
    enum shard_state state;

    bool closed_at_start; /* it had an ending number in the first list */
    uint32_t list_number; /* the last list that showed it */
    int64_t ended_ms;     /* wall clock, when it became ENDED */
    bool has_child;       /* one is listed */
    bool children_wanted; /* it ended; its children are being looked for */
    uint32_t children_tries;

    struct feed_call read;
    char *iterator;               /* NULL: to be fetched */
    struct feed_position read_to; /* where an iterator is fetched */
    int64_t skip_before_s;        /* records created before are not handed out; 0: none */
    uint32_t limit;               /* of records in a read */
    uint32_t empty_reads;         /* in a row */
    uint32_t poll_ms;             /* the last pause; 0: none */
    uint64_t asked_ns;            /* when the read under way was sent */
    int64_t last_created_s;       /* of the newest record read; 0: none */

    struct frontier_batch *first, **last; /* out, oldest first */
    struct feed_position handled;         /* the frontier */
    uint64_t handled_count;               /* since a position was sent to the table */
    bool dirty;                           /* the frontier is not stored */
    bool due;                             /* ... and is to be, now */

    struct feed_call store;
    struct feed_position storing; /* in the call under way */
    bool leased;
    bool row_known;
    struct feed_row row;
    int64_t counter; /* ours, while leased */
};

struct feed {
    /* Immutable after feed_new. */
    struct feed_options options; /* defaults filled in; texts in `names` */
    struct loop *loop;
    struct arena *names;

    enum feed_phase phase;
    enum feed_step step;
    struct feed_call admin;
    uint32_t busy_count; /* calls under way */
    uint32_t entered;    /* depth of our callbacks: no destruction inside */
    bool freeing;        /* feed_free was called while calls were under way */
    bool paused;
    bool listed; /* a full list was read to its end */
    bool at_tip;
    bool tip_due;         /* on_tip is to be called */
    bool failed_due;      /* on_failed is to be called */
    bool stopped_due;     /* stopped() is to be called */
    bool stop_overdue;    /* no more waiting for writes */
    bool turn_due;        /* the turn timer runs */
    bool flush_running;   /* the flush timer runs */
    bool refresh_due;     /* a full list is wanted */
    bool no_shard_filter; /* the server does not know CHILD_SHARDS */
    bool other_stream;    /* there are rows of another stream ARN */
    bool first_start;     /* this pipeline has no row yet */
    struct loop_timer *turn_timer, *flush_timer, *refresh_timer, *stop_timer;

    struct weir_bytes stream_arn;
    bool stream_enabled; /* its status at the last list was ENABLED */
    bool stream_enabling;
    struct arena *rows_arena;
    struct feed_row *rows; /* sorted by shard id once all are read */
    uint32_t row_count, row_room;
    char *page_key;        /* the next page's start: of rows or of shards; NULL: the first */
    int64_t skip_before_s; /* FEED_START_NOW, as made durable; 0: none */

    struct feed_shard *shards, **shards_last;
    struct feed_shard *buckets[FEED_BUCKETS];
    uint32_t list_number;           /* of the full list under way or last read */
    struct feed_shard *children_of; /* the list under way is of its children; NULL: full */
    uint32_t unhandled;             /* records out */
    size_t unhandled_bytes;         /* of the arenas of batches */

    enum weir_status failure;
    struct weir_error failure_error;
    void (*stopped)(void *arg);
    void *stopped_arg;
    struct feed_figures figures;
};

/* ---- feed.c ---------------------------------------------------------------------------------- */

void feed_move(struct feed *feed, enum feed_phase to);
/* Around everything that the loop calls: the feed is destroyed at the last leave, not inside. */
void feed_enter(struct feed *feed);
void feed_leave(struct feed *feed);
/* Looks at the whole feed at the next turn of the loop. */
void feed_turn_soon(struct feed *feed);
/* Starts what is due for one shard. */
void shard_advance(struct feed_shard *shard);
/* The feed cannot go on: reading ends now, on_failed follows. The first one counts. */
void feed_fail(struct feed *feed, enum weir_status status, const struct weir_error *error);
/* The same for a failed call, naming what it was for. */
void feed_fail_call(struct feed_call *call, const char *what);
void feed_gap(struct feed_shard *shard, const char *what);

/* ---- call.c ---------------------------------------------------------------------------------- */

bool call_init(struct feed_call *call, struct feed *feed, struct feed_shard *shard);
void call_fini(struct feed_call *call);
bool call_idle(const struct feed_call *call);
/* A fresh arena for the next call; NULL without memory (call_send then retries). */
struct arena *call_arena(struct feed_call *call);
/* Starts the call; then() follows. A NULL document counts as a failure to be retried. */
void call_send(struct feed_call *call, const char *operation, const struct weir_value *document,
               uint32_t wait_ms, void (*then)(struct feed_call *call));
/* Advances after a pause. */
void call_later(struct feed_call *call, uint64_t ms);
/* Advances after the pause that the number of failures asks for. */
void call_retry(struct feed_call *call);
/* Ends the pause; asks a call under way to end. */
void call_cancel(struct feed_call *call);
/* Whether the same call may succeed later. */
bool call_may_retry(const struct feed_call *call);

/* Members of documents; false when missing or of another type. */
bool doc_text(const struct weir_value *map, const char *name, struct weir_bytes *ret_text);
bool doc_text_is(const struct weir_value *map, const char *name, const char *text);
uint32_t doc_list(const struct weir_value *map, const char *name, const struct weir_value **ret_at);

/* Members of keys, items and expressions' values. */
void attribute_add_s(struct arena *a, struct weir_value *map, const char *name,
                     struct weir_bytes text);
void attribute_add_n(struct arena *a, struct weir_value *map, const char *name, int64_t number);

/* ---- shard.c --------------------------------------------------------------------------------- */

void shard_move(struct feed_shard *shard, enum shard_state to);
struct feed_shard *shard_find(struct feed *feed, struct weir_bytes id);
void shard_free(struct feed_shard *shard);
/* Whether its parent keeps it from being read. */
bool shard_is_blocked(const struct feed_shard *shard);
/* The shard was read to its end: its children are to be found. */
void shard_want_children(struct feed_shard *shard);
bool shard_list_is_due(const struct feed *feed);
/* Sends the next page's call of the list under way or due. */
void shard_list_advance(struct feed *feed);

/* ---- reader.c -------------------------------------------------------------------------------- */

void reader_advance(struct feed_shard *shard);

/* ---- record.c -------------------------------------------------------------------------------- */

/* Decodes a GetRecords answer into records in the arena. `skip_before_s`: leading records created
 * before it are left out; *ret_last is the last sequence number of all. */
enum weir_status records_decode(struct arena *a, const struct weir_value *response,
                                int64_t skip_before_s, struct feed_record **ret_records,
                                uint32_t *ret_count, char ret_last[FEED_SEQUENCE_SIZE],
                                struct weir_error *err);

/* ---- frontier.c ------------------------------------------------------------------------------ */

/* A batch goes out: takes the arena that holds the records. NULL without memory (nothing taken). */
struct frontier_batch *frontier_add(struct feed_shard *shard, struct arena *take_arena,
                                    struct feed_record *records, uint32_t count);
/* The oldest record that is not handled; NULL: none is out. */
const struct feed_record *frontier_oldest(const struct feed_shard *shard);
void frontier_free(struct feed_shard *shard);

/* ---- position.c ------------------------------------------------------------------------------ */

bool position_equal(const struct feed_position *a, const struct feed_position *b);
/* What a row says; false when it is no position. */
bool position_parse(struct weir_bytes checkpoint, struct feed_position *ret_position);
/* As it is stored; a view of the position. */
struct weir_bytes position_text(const struct feed_position *position);
/* Takes the shard's lease, or finds in its row that it ended. */
void position_take(struct feed_shard *shard);
/* Stores the frontier if that is due. */
void position_advance(struct feed_shard *shard);
/* Notes that the frontier moved. */
void position_touch(struct feed_shard *shard);
void position_store(struct feed_shard *shard);
void position_release(struct feed_shard *shard);

/* ---- rows.c ---------------------------------------------------------------------------------- */

/* The steps of the admin slot before the first list. */
void rows_describe_table(struct feed *feed);
void rows_describe_table_again(struct feed *feed);
void rows_describe_positions(struct feed *feed);
void rows_create_positions(struct feed *feed);
void rows_scan(struct feed *feed);
void rows_store_start(struct feed *feed);
/* A row as an item; false when it is not of this pipeline and stream. */
bool row_parse(struct feed *feed, const struct weir_value *item, struct feed_row *ret_row,
               struct weir_error *err);
const struct feed_row *row_find(const struct feed *feed, struct weir_bytes shard_id);
/* After the first list: a row that did not end, of a shard that is gone, is a gap. True: none. */
bool rows_check_gaps(struct feed *feed);
/* "<pipeline>/<suffix>" in the arena. */
struct weir_bytes row_key(const struct feed *feed, struct arena *a, struct weir_bytes suffix);
/* {"TableName": positions, "Key": {"leaseKey": key}} */
struct weir_value *row_request(struct feed *feed, struct arena *a, struct weir_bytes key);

#endif
