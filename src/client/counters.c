/* SPDX-License-Identifier: Apache-2.0 */
/* What a client's attempts and calls came to, and what they consumed. */
#include "client/client_internal.h"
#include "client/retry.h"

#include "base/error.h"
#include "base/options.h"

/* The counter of an attempt that failed. */
static uint64_t *cause_counter(struct weir_counters *c, const struct client_request *request)
{
    if (retry_is_throttled(request)) {
        return &c->throttled;
    }
    if (retry_is_condition(request)) {
        return &c->condition_failed;
    }
    switch (request->status) {
    case WEIR_TIMEOUT:
        return &c->timed_out;
    case WEIR_UNREACHABLE:
        return &c->unreachable;
    case WEIR_SERVER:
    case WEIR_UNAVAILABLE:
    case WEIR_PROTOCOL:
        return &c->server_errors;
    default:
        return &c->other_failed;
    }
}

void counters_attempt(struct weir_client *client, const struct client_request *request)
{
    bool failed = request->status != WEIR_OK;
    client->counters.attempts++;
    if (failed) {
        (*cause_counter(&client->counters, request))++;
    }
    client_consumed(request->operation, failed ? request->error_members : request->response,
                    &client->capacity);
}

void counters_call(struct weir_client *client, const struct client_request *request)
{
    client->counters.calls++;
    client->counters.unknown_outcomes +=
        request->status != WEIR_OK && request->error.outcome == WEIR_OUTCOME_UNKNOWN;
}

enum weir_status weir_client_capacity(struct weir_client *client,
                                      struct weir_capacity *ret_capacity)
{
    if (client == NULL || ret_capacity == NULL) {
        return client == NULL ? WEIR_CLOSED : WEIR_INVALID_ARGUMENT;
    }
    pthread_mutex_lock(&client->mu);
    *ret_capacity = client->capacity;
    pthread_mutex_unlock(&client->mu);
    return WEIR_OK;
}

enum weir_status weir_client_counters(struct weir_client *client,
                                      struct weir_counters *ret_counters)
{
    if (client == NULL) {
        return WEIR_CLOSED;
    }
    if (!options_sized(ret_counters)) {
        return WEIR_INVALID_ARGUMENT;
    }
    pthread_mutex_lock(&client->mu);
    struct weir_counters counters = client->counters;
    pthread_mutex_unlock(&client->mu);
    options_give(ret_counters, &counters, sizeof(counters));
    return WEIR_OK;
}
