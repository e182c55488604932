/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLIENT_CLIENT_INTERNAL_H
#define WEIR_CLIENT_CLIENT_INTERNAL_H

/*
 * The client's own state, shared by the files of this folder.
 *
 *                    client_start                    attempt over, another wanted
 *     (caller's) ──────────────► RUNNING ──────────────────────────────► BACKOFF
 *                                   ▲  │                                    │ │
 *                                   └──┼───────────── timer ────────────────┘ │
 *                                      ▼ over, none wanted       cancel, close▼
 *                                   ENDING ◄──────────────────────────────────┘
 *                                      │ on the request's loop
 *                                      ▼
 *                                    done()
 *
 * A first attempt whose turn has not come (mode "adaptive") begins in BACKOFF.
 *
 * Every request under way is in the client's list, so that closing reaches it, and holds a
 * reference, so that what closing leaves behind is freed by the last done().
 */

#include "aws/config.h"
#include "client/client.h"

#include <pthread.h>

enum request_state { REQUEST_IDLE, REQUEST_RUNNING, REQUEST_BACKOFF, REQUEST_ENDING };

struct weir_client {
    /* Immutable after open. */
    uint64_t interface; /* first, in every version: client_check reads it before all else */
    struct weir_env *env;
    struct client_transport *transport;
    uint32_t max_attempts;
    bool count_capacity;

    struct pace pace; /* any thread */

    /* Under mu. */
    pthread_mutex_t mu;
    pthread_cond_t changed; /* closed, or nobody inside any more */
    bool closed;
    unsigned inside; /* threads in the transport's start or call */
    unsigned refs;
    struct client_request *under_way;
    struct weir_capacity capacity;
    struct weir_counters counters;
};

/* weir_client_open with an environment and clock of the caller's. */
enum weir_status client_open_with(const struct weir_client_options *options,
                                  const struct aws_environment *environment, struct weir_env *env,
                                  struct weir_client **ret_client, struct weir_error *err);

/* CLIENT_INTERFACE, and this struct's own size. */
uint64_t client_interface(void);
/* "libweir is 0.1.0 and its caller 0.2.0": which of the two is not known here. */
enum weir_status client_refuse(uint64_t of_libweir, uint64_t of_other, struct weir_error *err);

void client_ref(struct weir_client *client);
void client_unref(struct weir_client *client);

/* Ends what waits for a next attempt, asks the transport to end the rest, and waits until no thread
 * is inside it. @locks client->mu */
void calls_close(struct weir_client *client);

/* Waits; false when the client is closed before or meanwhile. @locks client->mu */
bool client_sleep(struct weir_client *client, uint64_t wait_ms);

/* Adds an attempt, and a call, that is over to the client's sums. client->mu is held. */
void counters_attempt(struct weir_client *client, const struct client_request *request);
void counters_call(struct weir_client *client, const struct client_request *request);

/* HTTP: the transport of http: and https:, from a whole configuration. */
enum weir_status transport_http_open(const struct aws_config *config,
                                     const struct weir_client_options *options,
                                     struct weir_env *env, struct client_transport **ret_transport,
                                     struct weir_error *err);

#endif
