/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLIENT_RETRY_H
#define WEIR_CLIENT_RETRY_H

/*
 * What an attempt's end means for the call: its outcome, whether another attempt follows, and when.
 *
 * Outcomes. An attempt is applied, not applied, or unknown (it was sent and no definite answer
 * came). A call that ends in success was applied. A call that ends otherwise after any attempt was
 * unknown stays unknown, whatever its last attempt says: that attempt's "the condition failed" may
 * have been caused by the earlier one. The exception is a transaction with a token: had the earlier
 * attempt been applied, the service would have answered the later one with success; a cancellation
 * therefore settles that it was not.
 */

#include "client/client.h"

#define RETRY_ATTEMPTS 10 /* AWS's SDKs, for DynamoDB */
#define RETRY_BASE_MS 50
#define RETRY_CAP_MS 20000

/* Sets error.outcome and what later attempts must know, after an attempt that failed. */
void retry_settle(struct client_request *request);
/* Whether to make another attempt, of at most `attempts_max`. */
bool retry_wanted(const struct client_request *request, uint32_t attempts_max);
/* Whether an attempt that is sent `age_ms` after the token was first used would still be known as
 * the same one: the service forgets a token after ten minutes, and a transaction made again then
 * could be applied twice. True for calls without one. */
bool retry_token_holds(const struct client_request *request, uint64_t age_ms);
/* Whether the service refused the attempt for its rate, or for a condition; of a cancelled
 * transaction, whether one of its elements was. */
bool retry_is_throttled(const struct client_request *request);
bool retry_is_condition(const struct client_request *request);
/* How long to wait after `attempts` attempts: full jitter below base * 2^(attempts-1), capped. */
uint64_t retry_delay_ms(struct weir_env *env, uint32_t attempts);

#endif
