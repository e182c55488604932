/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_API_H
#define WEIR_API_API_H

/*
 * The DynamoDB API over the engine: a request document in, a response document out, one file per
 * operation (op_put_item.c), one table of operations (operations.c). Validation, error names and
 * texts are AWS's. Knows no HTTP: server/ (text over HTTP) and embed/ (documents in process) both
 * call it.
 *
 * A call is a step function, so that it never blocks its loop:
 *
 *              api_start
 *                  │
 *        ┌─────────┼──────────────┐
 *     API_DONE  API_WAITING   API_BLOCKING
 *        │         │ wake()       │ the owner moves to a thread that may block
 *        │         ▼              ▼
 *        │     api_resume     api_resume          (each may give any of the three again)
 *        ▼
 *     response or error
 */

#include "engine/engine.h"

struct api;

/* Does not take the engine over. NULL without memory. */
struct api *api_new(struct engine *engine);
void api_free(struct api *api); /* no call may be under way */

enum api_progress {
    API_DONE,     /* status, response or error are there */
    API_WAITING,  /* the owner's wake() will be called, or was already */
    API_BLOCKING, /* call api_resume from a thread that may block on the disk */
};

struct api_operation;

struct api_call {
    /* In: set by the owner, on a zeroed struct. */
    struct arena *arena;              /* everything of this call lives here */
    const struct weir_value *request; /* the request document */
    uint32_t wait_ms;                 /* GetRecords: wait that long at the tip (X-Weir-Wait-Ms) */
    bool hold;                        /* writes wait for api_flush, which the owner calls soon */
    bool may_block;                   /* the calling thread may block: API_BLOCKING is not used */
    void (*wake)(struct api_call *call); /* from any thread, once per API_WAITING */
    void *owner;

    /* Out, when API_DONE. */
    enum weir_status status;
    struct weir_value *response;      /* status OK: the response document, {} at least */
    struct weir_error error;          /* otherwise; error.code has the exception's name */
    struct weir_value *error_members; /* NULL, or further members of the error's body (Item,
                                         CancellationReasons) */

    /* Inside. */
    struct api *api;
    const struct api_operation *operation;
    void *state; /* the operation's own, in the arena */
    struct engine_request engine_request;
};

/*
 * Finds the operation and starts it. `target` is the value of X-Amz-Target
 * ("DynamoDB_20120810.PutItem"); one without a known prefix or name gives UNKNOWN_OPERATION.
 */
enum api_progress api_start(struct api *api, struct api_call *call, struct weir_bytes target);
/* The same by name alone ("PutItem"), for callers in process. */
enum api_progress api_start_named(struct api *api, struct api_call *call, struct weir_bytes name);
enum api_progress api_resume(struct api_call *call);
/* Lets the writes of calls with `hold` go on: those since the last flush share one batch.
 * @thread any */
void api_flush(struct api *api);

/* Renders the body of an error as AWS does, {"__type": "...#Name", "message": ...}, with
 * error_members; and of a success, the response document. Sticky errors in `to`. */
void api_render(const struct api_call *call, struct buf *to);
/* The HTTP status of a finished call. */
int api_http_status(const struct api_call *call);

/* The operations, for docs, metrics and `weir version --output json`: names in order; NULL ends. */
const char *const *api_operation_names(void);
/* Names that AWS has and this engine does not: answered by name as unsupported. */
const char *const *api_unsupported_names(void);

#endif
