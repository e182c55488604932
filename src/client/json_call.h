/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLIENT_JSON_CALL_H
#define WEIR_CLIENT_JSON_CALL_H

/* Calls with JSON in and JSON out: what the synchronous and the queued ones share. */

#include "client/client.h"

/* NULL is all defaults. WEIR_INVALID_ARGUMENT: a struct_size of 0. */
enum weir_status json_call_options(const struct weir_call_options *given,
                                   struct weir_call_options *ret_options, struct weir_error *err);

/* A zeroed request's operation and document, in the arena. WEIR_INVALID_ARGUMENT: no operation's
 * name; WEIR_SERIALIZATION. */
enum weir_status json_call_request(struct arena *arena, const struct weir_call_options *options,
                                   struct weir_bytes operation, struct weir_bytes json,
                                   struct client_request *request, struct weir_error *err);

/* The result of a request that is over; the status is the request's, or WEIR_NO_MEMORY when the
 * answer's text does not fit (then a write was applied all the same). */
enum weir_status json_call_result(const struct client_request *request,
                                  struct weir_call_result *ret_result, struct weir_error *err);

/* Copies what the caller's version of the struct has room for; its struct_size stays. */
void json_call_give(const struct weir_call_result *result, struct weir_call_result *to);

#endif
