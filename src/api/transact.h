/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_TRANSACT_H
#define WEIR_API_TRANSACT_H

/*
 * How a transaction is cancelled: with a reason for each of its operations, by position. What only
 * the table's schema can tell, a key of another type or name, is a reason too; what the request
 * alone can tell refuses the request.
 */

#include "api/call.h"

/* Whether the item has the attributes of the table's key, with their types, and its attributes that
 * are keys of an index have theirs. With `exact` it must be the table's key and nothing else. */
bool transact_fits(const struct engine_table *table, const struct weir_value *item, bool exact);

/* An empty list of reasons; NULL without memory. */
struct weir_value *transact_reasons(struct api_call *call);
/* Appends one reason; `message` NULL: none. Returns it; NULL without memory. */
struct weir_value *transact_reason(struct api_call *call, struct weir_value *reasons,
                                   enum weir_status status, const char *message);
/* Ends the call: TransactionCanceledException, whose message lists the reasons' codes. */
enum api_progress transact_cancel(struct api_call *call, const struct weir_value *reasons);

#endif
