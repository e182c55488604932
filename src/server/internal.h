/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SERVER_INTERNAL_H
#define WEIR_SERVER_INTERNAL_H

/*
 * The parts of the server and how they hang together.
 *
 *     server ──┬─► front 0: thread, loop, MHD daemon ──► peers (connections) ──► request
 *              ├─► front 1: ...                          all of one front belong to its thread
 *              ├─► pool: threads that may block
 *              └─► pages: what GET answers
 *
 * All fronts accept on one listening socket. A request's life, all moves on its front's thread:
 *
 *     RECEIVING ──► RUNNING ──► READY ──► SENDING ──► (free)
 *         │          │  ▲  ▲      ▲
 *         │          ▼  │  │      │
 *         │     WAITING─┘  │      │      the connection is suspended in
 *         │       ▲        │      │      WAITING and AWAY, or lingers
 *         └────► AWAY ─────┴──────┘
 *
 * While AWAY it belongs to a thread of the pool, which hands it back through the front's mailbox.
 * A wake of the API comes through the same mailbox, from any thread. Since the front alone takes
 * from it, a wake or a return is never seen before the front has suspended the connection.
 *
 * Suspending and resuming cost as much as receiving the request, and most writes are committed
 * within a turn or two. So a connection whose call does not wait on purpose lingers first:
 * libmicrohttpd asks for its answer in each of its turns, and only when it did so
 * SERVER_LINGER_TURNS times is the connection suspended. A connection that lingers may end
 * meanwhile: its request is then abandoned, and freed when the API is done with it.
 */

#include <microhttpd.h>

#include "base/mailbox.h"
#include "server/check.h"
#include "server/gzip.h"
#include "server/pool.h"
#include "server/server.h"
#include "server/signature.h"
#include "server/weather.h"

/* An idle connection is kept for longer than clients keep theirs, so that they close first. */
#define SERVER_IDLE_MS (180 * 1000)
/* Bodies above this are parsed, answers above it compressed, on a thread of the pool. */
#define SERVER_OFF_LOOP_BYTES ((size_t)256 * 1024)
#define SERVER_COMPRESS_OFF_LOOP_BYTES ((size_t)64 * 1024)
#define SERVER_COMPRESS_MIN_BYTES 1024
/* What a finished request keeps for the next one. */
#define SERVER_KEEP_BUFFER_BYTES ((size_t)64 * 1024)
#define SERVER_KEEP_REQUESTS 256
/* Writes of one turn of the loop go to the committer together, but so many at most. */
#define SERVER_HELD_MAX 32
/* Turns of libmicrohttpd that a request lingers before its connection is suspended, and how long
 * the loop sleeps between them when nothing else happens. */
#define SERVER_LINGER_TURNS 16
#define SERVER_LINGER_MS 1
/* What the large bodies (above SERVER_OFF_LOOP_BYTES) of one front may take together. */
#define SERVER_LARGE_BYTES ((size_t)256 * 1024 * 1024)
/* A body over its limit is read to its end before the answer, up to here. */
#define SERVER_DISCARD_BYTES ((uint64_t)4 * LIMIT_BODY_BYTES)
#define SERVER_REQUEST_ID_SIZE 33
#define SERVER_OPERATION_SLOTS 256

/* What tests make smaller. */
struct server_tuning {
    uint32_t deadline_ms; /* for a request to arrive, and for its answer to be taken */
    uint32_t idle_ms;
    uint32_t sweep_ms;
    size_t large_bytes; /* what large bodies may take together */
};

enum weir_status server_start_tuned(const struct server_options *options,
                                    const struct server_tuning *tuning, struct server **ret_server,
                                    struct weir_error *err);

/* One writer, the front's thread; read by any. Each but the gauges only grows. */
struct front_counters {
    uint64_t requests;
    uint64_t errors;          /* answers of status 400 and above */
    uint64_t connections;     /* accepted */
    uint64_t open;            /* gauge: connections */
    uint64_t suspended;       /* gauge: connections */
    uint64_t cut;             /* connections closed at a deadline */
    uint64_t away;            /* calls that went to the pool */
    uint64_t unauthenticated; /* calls whose signature was refused */
    uint64_t *operations;     /* one for each of api_operation_names */
};

enum request_state {
    REQUEST_FREE,
    REQUEST_RECEIVING,
    REQUEST_RUNNING,
    REQUEST_WAITING,
    REQUEST_AWAY,
    REQUEST_READY,
    REQUEST_SENDING,
    REQUEST_STATE_COUNT
};

/* What a thread of the pool does for a request. */
enum request_errand { ERRAND_PARSE, ERRAND_RESUME, ERRAND_COMPRESS };

struct request;

struct letter {
    struct mail mail;
    struct request *request;
    bool is_wake; /* or a return from the pool */
};

struct answer {
    int status;
    const char *content_type;
    struct weir_bytes body; /* in `out` or `packed` */
    bool is_api;            /* with the headers of the DynamoDB protocol */
    bool is_packed;         /* gzip */
    bool close;             /* the connection cannot go on */
    bool drop;              /* the connection ends instead */
    const char *allow;      /* NULL, or the header's value */
};

struct peer;

struct request {
    struct front *front;
    struct request *next_free;
    struct peer *peer;
    struct MHD_Connection *connection;
    enum request_state state;
    uint64_t since_ns; /* of RECEIVING, and of SENDING */
    bool is_suspended;
    bool lingers;
    bool is_abandoned; /* its connection is gone */
    unsigned linger_turns;
    bool headers_seen;
    bool is_cross_origin; /* from a page whose origin was allowed: answers say so */
    int drop_status;      /* not 0: the rest of the body is dropped, and this is its answer */
    uint64_t body_seen;   /* bytes, discarded ones included */
    size_t large_bytes;   /* counted in the front's */
    struct request_head head;
    struct arena *arena;
    struct buf body;   /* as it came */
    struct buf out;    /* the answer's body */
    struct buf packed; /* the same in gzip */
    struct answer answer;
    struct api_call call;
    struct weir_value *document;
    struct letter wake;
    struct letter home;
    bool was_woken;                     /* a wake came while AWAY */
    struct weir_bytes uri;              /* as it came; only when signatures are required */
    const struct sigv4_header *headers; /* all; only when signatures are required */
    size_t header_count;
    struct signature_verdict verdict;
    struct weather_fate fate;
    const struct weir_value *rest; /* of a halved batch: what the API did not see */
    struct loop_timer *late_timer; /* made when first needed */
    bool is_late;                  /* WAITING with its answer made, for late_timer */
    bool is_due;                   /* late_timer fired: the wake is on its way */
    struct pool_job job;
    enum request_errand errand;
    enum api_progress progress;    /* of ERRAND_RESUME */
    enum weir_status parse_status; /* of ERRAND_PARSE */
};

/* A connection. */
struct peer {
    struct peer *next;
    struct peer *prev;
    struct front *front;
    int fd;
    bool is_used;            /* it had a request */
    bool is_shut;            /* closed by the sweep; libmicrohttpd will notice */
    uint64_t since_ns;       /* of its last request's end, or of its start */
    struct request *request; /* NULL between requests */
};

struct front {
    /* Immutable after start. */
    struct server *server;
    struct loop *loop;
    struct MHD_Daemon *daemon;
    pthread_t thread;
    bool thread_started;

    /* Loop thread only. */
    struct loop_poll *poll;
    struct loop_timer *pump_timer;
    struct loop_timer *sweep_timer;
    struct loop_timer *stop_timer;
    bool pump_timer_runs;
    unsigned held;      /* calls since the last flush that may wait for it */
    unsigned lingering; /* requests */
    unsigned abandoned; /* requests */
    uint64_t steps;     /* calls of libmicrohttpd that were more than asking again */
    bool sweep_runs;
    bool is_stopping;
    bool is_past_stop; /* the stop's deadline is over */
    uint64_t now_ns;   /* as of this turn */
    struct peer peers; /* head of the ring */
    struct request *free_requests;
    unsigned free_count;
    size_t large_bytes; /* of bodies, see SERVER_LARGE_BYTES */
    struct gzip gzip;
    uint8_t chance[2048]; /* for request ids */
    size_t chance_used;

    /* Any thread. */
    struct mailbox box;
    struct loop_task box_task;
    struct loop_task stop_task;
    struct front_counters counters;
};

struct mount {
    struct mount *next; /* older */
    struct server_page page;
};

struct server {
    /* Immutable after start. */
    struct api *api;
    struct weir_env *env;
    struct server_tuning tuning;
    struct host_rules hosts;
    struct signature_keys *signature_keys; /* NULL: none are required */
    struct weir_bytes signature_region;    /* len 0: any */
    char *signature_region_text;           /* what it is a view of */
    struct weather *weather;               /* NULL: none */
    uint16_t port;
    int listen_fd;
    struct front *fronts;
    uint32_t front_count;
    struct pool pool;
    uint32_t stop_ms; /* written before the fronts are told to stop */
    const char *const *operations;
    unsigned operation_count;
    uint8_t operation_slots[SERVER_OPERATION_SLOTS]; /* index + 1, by hash of the name */
    int64_t started_ms;

    /* Under pages_mu. */
    pthread_mutex_t pages_mu;
    struct mount *mounts; /* newest first */
};

static inline void counter_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline uint64_t counter_read(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* The sums over all fronts; `operations` is not filled. @thread any */
void server_read_counters(const struct server *server, struct front_counters *ret_counters);

/* listen.c: binds and listens. The host's name or address; port 0 finds a free one. */
enum weir_status listen_open(const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port,
                             struct weir_error *err);

/* front.c. front_init's failures leave something for front_fini, which accepts a zeroed one. */
enum weir_status front_init(struct front *front, struct server *server, struct weir_error *err);
enum weir_status front_start(struct front *front, struct weir_error *err);
void front_stop(struct front *front); /* asks; @thread any */
void front_join(struct front *front);
void front_fini(struct front *front);
/* Sends through the mailbox of its front; one wake-up of the loop per burst. @thread any */
void front_send(struct front *front, struct letter *letter);
/* A call on the loop may have left a write behind that waits for the flush at the turn's end. */
void front_hold(struct front *front);
/* REQUEST_ID_SIZE - 1 characters and NUL. */
void front_request_id(struct front *front, char to[SERVER_REQUEST_ID_SIZE]);

/* request.c. All on the front's thread. */
struct request *request_new(struct front *front, struct peer *peer, const char *uri);
void request_free(struct request *request);
void request_free_all(struct front *front); /* the kept ones */
/* Its connection is gone: frees it, now or when the API is done with it. */
void request_end(struct request *request);
/* The two callbacks of libmicrohttpd in a request's life. */
enum MHD_Result request_handle(struct request *request, struct MHD_Connection *connection,
                               const char *url, const char *method, const char *version,
                               const char *upload, size_t *upload_size);
/* A letter came: goes on with the call. */
void request_open_letter(struct letter *letter);
/* The one place where a request changes its state. */
void request_move(struct request *request, enum request_state to);

/* run.c: a complete request of the API, from its body to its answer. */
void run_start(struct request *request);
void run_woken(struct request *request);
void run_returned(struct request *request);

/* The answer of a request that is held back leaves now: nobody has the time to wait for it. */
void run_hurry(struct request *request);

/* answer.c. The first ones make the answer; answer_send gives it to libmicrohttpd. */
void answer_call(struct request *request); /* of a finished call. @thread its owner's */
void answer_refuse(struct request *request, int status, const char *type, const char *message);
/* Of a call whose signature was refused. */
void answer_unauthenticated(struct request *request);
/* What the weather answers, or does, before the call reached the API. */
void answer_weather(struct request *request);
void answer_text(struct request *request, int status, const char *content_type);
void answer_preflight(struct request *request);
/* Whether the client takes gzip and it is worth it; then answer_pack makes it. */
bool answer_wants_pack(const struct request *request);
void answer_pack(struct request *request, struct gzip *gzip);
enum MHD_Result answer_send(struct request *request);

/* pages.c */
void pages_init(struct server *server);
enum weir_status pages_mount_builtin(struct server *server);
void pages_fini(struct server *server);
/* Answers a GET. */
void pages_answer(struct request *request, const char *path);
/* The operation's place in api_operation_names, -1 when unknown. */
int operation_index(const struct server *server, struct weir_bytes target);

#endif
