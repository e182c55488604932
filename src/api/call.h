/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_CALL_H
#define WEIR_API_CALL_H

/*
 * What every operation is made of: the table's row, and the few ways in which a step of a call
 * ends. A step function ends in exactly one of call_answer, call_fail, call_submit, call_block, or
 * API_WAITING after it handed a waiter over; after the last three it must not touch the call.
 */

#include "api/api.h"
#include "base/error.h"

struct api {
    struct engine *engine;
};

struct shape;

enum api_service { API_DYNAMODB, API_STREAMS };

struct api_operation {
    const char *name;
    enum api_service service;
    const struct shape *shape; /* what its request must look like */
    enum api_progress (*start)(struct api_call *call);
    enum api_progress (*resume)(struct api_call *call); /* NULL: it never waits */
};

/* The operation of that name, NULL if there is none. */
const struct api_operation *operations_find(struct weir_bytes name);
/* Whether AWS has an operation of that name that this engine does not. */
bool operations_unsupported(struct weir_bytes name);

/* Ends with the response; NULL means that memory ran out. */
enum api_progress call_answer(struct api_call *call, struct weir_value *response);
/* Ends with call->error, which is set. */
enum api_progress call_fail(struct api_call *call);
/* Goes on in the operation's resume, on a thread that may block: at once if this one may. */
enum api_progress call_block(struct api_call *call);
/* Hands call->engine_request to the committer; goes on in resume. */
enum api_progress call_submit(struct api_call *call);

/* Sets call->error, keeps a text of any length for the answer, and returns `status`. */
enum weir_status call_error(struct api_call *call, enum weir_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with WEIR_VALIDATION. */
enum weir_status call_invalid(struct api_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
enum weir_status call_no_memory(struct api_call *call);

/* The table for an operation on items, whose absence AWS words without its name. */
enum weir_status call_item_table(struct api_call *call, struct weir_bytes name,
                                 struct engine_table **ret_table);
/* The table for an operation on the table itself. */
enum weir_status call_table(struct api_call *call, struct weir_bytes name,
                            struct engine_table **ret_table);

#endif
