/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KV_KV_STOP_H
#define WEIR_KV_KV_STOP_H

/*
 * Fail-stop, for both stores: after one failed commit nobody knows what the store will hold when
 * it is opened again, so every later commit repeats the first failure.
 *
 * Threads: the one that commits.
 */

#include <stdio.h>

#include "base/error.h"

struct kv_stop {
    enum weir_status status; /* WEIR_OK while commits are taken */
    char message[WEIR_ERROR_MESSAGE_MAX];
};

/* The first failure: its batch may be there after reopening. Returns `status`. */
static inline enum weir_status kv_stop_set(struct kv_stop *stop, enum weir_status status,
                                           const char *message, struct weir_error *err)
{
    stop->status = status;
    (void)snprintf(stop->message, sizeof(stop->message), "%s", message);
    (void)error_set(err, status, "%s", stop->message);
    if (err != NULL) {
        err->outcome = WEIR_OUTCOME_UNKNOWN;
    }
    return status;
}

/* WEIR_OK, or the first failure again; the refused batch was not applied. */
static inline enum weir_status kv_stop_check(const struct kv_stop *stop, struct weir_error *err)
{
    if (stop->status == WEIR_OK) {
        return WEIR_OK;
    }
    return error_set(err, stop->status, "%s", stop->message);
}

#endif
