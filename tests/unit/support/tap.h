/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_SUPPORT_TAP_H
#define WEIR_TESTS_SUPPORT_TAP_H

/*
 * Stands between a client and its transport, over any endpoint: sees every attempt before it is
 * sent and after it was answered, and may change either. So a test loses an answer, or counts what
 * the attempts cost.
 *
 * Insert while no call is under way, and remove before the client is closed. The two functions are
 * called on any thread, one at a time.
 */

#include <pthread.h>

#include "client/client.h"

#define TAP_UNDER_WAY_MAX 256

struct tap {
    struct client_transport base;
    struct client_transport *inner;
    struct weir_client *client;
    void (*before)(struct tap *tap, struct client_request *request); /* may be NULL */
    void (*after)(struct tap *tap, struct client_request *request);  /* may be NULL */
    void *arg;

    pthread_mutex_t mu;
    struct {
        struct client_request *request; /* NULL: free */
        void (*complete)(struct client_request *request);
    } under_way[TAP_UNDER_WAY_MAX]; /* under mu */
};

void tap_insert(struct tap *tap, struct weir_client *client);
void tap_remove(struct tap *tap);

/* A tap that adds up what answers say was consumed; `after` and `before` are its own. */
struct meter {
    struct tap tap; /* first */
    struct weir_capacity sum;
    unsigned attempts;
};
void meter_insert(struct meter *meter, struct weir_client *client);
void meter_reset(struct meter *meter);
/* Fails the test unless this is what `what` cost, and its attempts, since the last reset; resets.
 */
void assert_cost(struct meter *meter, const char *what, double read_units, double write_units,
                 unsigned attempts);
void meter_remove(struct meter *meter);

#endif
