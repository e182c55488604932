/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLIENT_CLIENT_H
#define WEIR_CLIENT_CLIENT_H

/*
 * The client inside: requests and responses as documents, synchronous or completing on a loop, over
 * a transport.
 *
 *     weir_call, stores ──► client_call ───┐                       ┌─ http: libcurl multi, SigV4,
 *                                          ├─► retry ─► transport ─┤        a thread of its own
 *     feed, relay ──► client_start(loop) ──┘                       └─ embed: straight into api/
 *
 * Retries (attempts, jittered exponential backoff, what may be retried) live here, once, for every
 * transport.
 */

#include "base/loop.h"
#include "base/mailbox.h"
#include "client/pace.h"
#include "value/value.h"
#include "weir-version.h"
#include "weir/client.h"

/*
 * One call. The caller's storage, zeroed first; the caller does not touch it between client_start
 * and done(), except through client_cancel.
 */
struct client_request {
    /* In. */
    const char *operation;             /* "PutItem"; static */
    const struct weir_value *document; /* in the arena, or outliving the call */
    struct arena *arena;               /* for the response; the client's until done() */
    uint32_t wait_ms;                  /* GetRecords: X-Weir-Wait-Ms; the time-out grows by it */
    uint32_t timeout_ms;               /* of one attempt over HTTP; 0: the client's */
    uint32_t max_attempts;             /* 0: the client's */
    bool count_capacity;               /* asks what it consumes, even if the client does not */
    struct loop *loop;                 /* where done() is called */
    void (*done)(struct client_request *request);
    void *arg;

    /* Out. */
    enum weir_status status;
    struct weir_value *response; /* OK: a document */
    struct weir_error error;     /* otherwise */
    const struct weir_value
        *error_members; /* the error's body (CancellationReasons, Item), or NULL */
    uint32_t attempts;
    struct weir_capacity capacity;        /* of all attempts */
    char request_id[WEIR_REQUEST_ID_MAX]; /* of the last attempt */

    /* The client's. */
    struct mail mail;
    struct loop_task task;
    struct weir_client *client;
    void (*complete)(struct client_request *request); /* the transport calls it, any thread */
    void *transport_state;
    struct pace_call pace;
    bool cancelled;
    bool unknown;               /* an attempt of it may have been applied */
    uint64_t token_since_ns;    /* when its token was first sent; 0: by this call's first attempt */
    uint8_t state;              /* under the client's lock, as the links are */
    struct loop_timer *backoff; /* the request's loop's */
    struct client_request *prev, *next;
};

/* Starts; done() follows on request->loop, never inside this call, and also after
 * weir_client_close (WEIR_CLOSED): the loop must go on until then. @thread any */
void client_start(struct weir_client *client, struct client_request *request);
/* Asks for an early end (WEIR_CANCELLED); done() still follows once. @thread the request's loop's
 */
void client_cancel(struct client_request *request);

/* The same synchronously: the request's results are filled when it returns. loop and done are not
 * used. @thread any but a loop's */
enum weir_status client_run(struct weir_client *client, struct client_request *request);

/* A synchronous call of at most max_attempts (0: the client's). *ret_error_members may be NULL.
 * @thread any but a loop's */
enum weir_status client_call_within(struct weir_client *client, uint32_t max_attempts,
                                    const char *operation, const struct weir_value *document,
                                    struct arena *arena, struct weir_value **ret_response,
                                    const struct weir_value **ret_error_members,
                                    struct weir_error *err);
/* The same with the client's attempts. */
enum weir_status client_call(struct weir_client *client, const char *operation,
                             const struct weir_value *document, struct arena *arena,
                             struct weir_value **ret_response,
                             const struct weir_value **ret_error_members, struct weir_error *err);

/* Adds the ConsumedCapacity of an answer (one, or a list of them) to *sum; NULL has none. @thread
 * any */
void client_consumed(const char *operation, const struct weir_value *response,
                     struct weir_capacity *sum);

struct weir_env *client_env(struct weir_client *client);
/* Of one call, the first included. */
uint32_t client_max_attempts(const struct weir_client *client);

/* ---- transports ------------------------------------------------------------------------------ */

/*
 * One attempt of a request: start() takes it, and request->complete(request) is called exactly
 * once, from any thread (also inside start), with status, response and error filled. error.outcome
 * is WEIR_OUTCOME_UNKNOWN when the attempt may have reached the service and no definite answer
 * came; that reads are never applied is known above. A call that ended early because of cancel has
 * WEIR_CANCELLED. cancel of a request whose attempt is over is ignored; it is called with the
 * client's lock held and never calls complete itself. close is called once nobody is inside start
 * or call: it ends what is under way with WEIR_CLOSED, and nothing is completed after it.
 */
struct client_transport;
struct client_transport_ops {
    void (*start)(struct client_transport *transport, struct client_request *request);
    /* Runs the attempt to its end in the calling thread, without complete(). False when it cannot
     * now, and nothing was done; then, and for NULL, start() and a wait do. */
    bool (*call)(struct client_transport *transport, struct client_request *request);
    void (*cancel)(struct client_transport *transport, struct client_request *request);
    void (*close)(struct client_transport *transport);
};
struct client_transport {
    const struct client_transport_ops *ops;
};

/* Opens the part of the endpoint behind "<scheme>:". */
typedef enum weir_status (*client_transport_open)(const char *endpoint,
                                                  const struct weir_client_options *options,
                                                  struct weir_env *env,
                                                  struct client_transport **ret_transport,
                                                  struct weir_error *err);
/*
 * What must be the same in every library that touches these structures: libweir-engine and
 * libweir-relay have hidden copies of the layers below them, and work on what libweir made. The
 * version, and sizes that tell builds of one version apart when they differ.
 */
#define CLIENT_INTERFACE                                                                   \
    ((uint64_t)WEIR_VERSION_NUMBER << 32 | (uint64_t)sizeof(struct client_request) << 16 | \
     (uint64_t)sizeof(struct weir_value) << 8 | (uint64_t)sizeof(struct loop_ops))

/*
 * Adds a scheme ("memory"); the name is kept by reference. Registering again replaces. Exported by
 * libweir for libweir-engine, and for no application: `interface` is the caller's CLIENT_INTERFACE,
 * and WEIR_CONFIG names both versions when it is another. @thread any
 */
WEIR_API enum weir_status weir_transport_register(uint64_t interface, const char *scheme,
                                                  client_transport_open open,
                                                  struct weir_error *err);

static inline enum weir_status
client_transport_register(const char *scheme, client_transport_open open, struct weir_error *err)
{
    return weir_transport_register(CLIENT_INTERFACE, scheme, open, err);
}

/* ---- handles that another library opened ----------------------------------------------------- */

/* WEIR_CONFIG when a libweir with another CLIENT_INTERFACE opened it: nothing else of the client
 * may be touched then. @thread any */
enum weir_status client_check(const struct weir_client *client, struct weir_error *err);

/* ---- transactions, for the stores ------------------------------------------------------------ */

/* Takes an element over as a document built in txn_arena(txn). `on_condition` is the status that a
 * failed condition of this element becomes: WEIR_ALREADY_EXISTS for an outbox row. */
enum weir_status txn_add_document(struct weir_txn *txn, struct weir_value *element,
                                  enum weir_status on_condition, struct weir_error *err);
struct arena *txn_arena(struct weir_txn *txn);
/* How often a commit of it is tried; 0: as often as the client does. */
void txn_limit_attempts(struct weir_txn *txn, uint32_t max_attempts);
/* The i-th element, to be read or amended before commit. */
struct weir_value *txn_element(struct weir_txn *txn, uint32_t index);

#endif
