/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that decides on retries: see retry.h. */
#include "client/retry.h"

#include "client/operation.h"

void retry_settle(struct client_request *request)
{
    const struct operation *operation = operation_find(bytes_str(request->operation));
    if (!operation->writes) {
        request->error.outcome = WEIR_NOT_APPLIED;
        return;
    }
    if (request->error.outcome == WEIR_OUTCOME_UNKNOWN) {
        request->unknown = true;
        return;
    }
    bool settles = request->status == WEIR_TXN_CANCELED &&
                   value_get(request->document, "ClientRequestToken") != NULL;
    request->unknown = request->unknown && !settles;
    request->error.outcome = request->unknown ? WEIR_OUTCOME_UNKNOWN : WEIR_NOT_APPLIED;
}

/* What "may succeed later" (the table's word, or the transport's), without what a wait of seconds
 * does not change. */
static bool error_passes(const struct client_request *request)
{
    enum weir_status status = request->status;
    return request->error.retryable == 1 && status != WEIR_NO_MEMORY && status != WEIR_CANCELLED &&
           status != WEIR_LOCK_HELD && status != WEIR_NO_SPACE;
}

bool retry_wanted(const struct client_request *request, uint32_t attempts_max)
{
    if (request->status == WEIR_OK || request->cancelled || request->attempts >= attempts_max ||
        !error_passes(request)) {
        return false;
    }
    return request->error.outcome != WEIR_OUTCOME_UNKNOWN ||
           operation_may_repeat(operation_find(bytes_str(request->operation)), request->document);
}

bool retry_token_holds(const struct client_request *request, uint64_t age_ms)
{
    const struct operation *operation = operation_find(bytes_str(request->operation));
    return operation->repeat != REPEAT_WITH_TOKEN || age_ms < LIMIT_TRANSACT_TOKEN_MS;
}

static bool cancelled_for(const struct client_request *request, const char *code)
{
    const struct weir_value *reasons = value_get(request->error_members, "CancellationReasons");
    if (request->status != WEIR_TXN_CANCELED || reasons == NULL || reasons->type != VALUE_L) {
        return false;
    }
    for (uint32_t i = 0; i < reasons->u.list.count; i++) {
        const struct weir_value *found = value_get(&reasons->u.list.at[i], "Code");
        if (found != NULL && found->type == VALUE_S && bytes_eq_str(found->u.bytes, code)) {
            return true;
        }
    }
    return false;
}

bool retry_is_throttled(const struct client_request *request)
{
    enum weir_status status = request->status;
    return status == WEIR_THROTTLED || status == WEIR_PROVISIONED_EXCEEDED ||
           status == WEIR_TXN_IN_PROGRESS || cancelled_for(request, "ThrottlingError") ||
           cancelled_for(request, "ProvisionedThroughputExceeded");
}

bool retry_is_condition(const struct client_request *request)
{
    return request->status == WEIR_CONDITION_FAILED ||
           cancelled_for(request, "ConditionalCheckFailed");
}

uint64_t retry_delay_ms(struct weir_env *env, uint32_t attempts)
{
    uint64_t bound = RETRY_BASE_MS;
    for (uint32_t i = 1; i < attempts && bound < RETRY_CAP_MS; i++) {
        bound *= 2;
    }
    bound = bound > RETRY_CAP_MS ? RETRY_CAP_MS : bound;
    return env_random_below(env, bound + 1);
}
