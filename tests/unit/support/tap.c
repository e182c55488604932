/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/support/tap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "client/client_internal.h"

/* One at a time: complete() knows its request alone. */
static struct tap *inserted;

static void see(struct tap *tap, void (*fn)(struct tap *tap, struct client_request *request),
                struct client_request *request)
{
    if (fn != NULL) {
        pthread_mutex_lock(&tap->mu);
        fn(tap, request);
        pthread_mutex_unlock(&tap->mu);
    }
}

static void keep_complete(struct tap *tap, struct client_request *request)
{
    size_t i = 0;
    pthread_mutex_lock(&tap->mu);
    while (i < TAP_UNDER_WAY_MAX && tap->under_way[i].request != NULL) {
        i++;
    }
    if (i == TAP_UNDER_WAY_MAX) {
        fail_msg("more than %d attempts under way", TAP_UNDER_WAY_MAX);
    }
    tap->under_way[i].request = request;
    tap->under_way[i].complete = request->complete;
    pthread_mutex_unlock(&tap->mu);
}

static void give_complete(struct tap *tap, struct client_request *request)
{
    size_t i = 0;
    pthread_mutex_lock(&tap->mu);
    while (tap->under_way[i].request != request) {
        i++;
    }
    request->complete = tap->under_way[i].complete;
    tap->under_way[i].request = NULL;
    pthread_mutex_unlock(&tap->mu);
}

static void complete_through(struct client_request *request)
{
    struct tap *tap = inserted;
    give_complete(tap, request);
    see(tap, tap->after, request);
    request->complete(request);
}

static void tap_start(struct client_transport *transport, struct client_request *request)
{
    struct tap *tap = (struct tap *)transport;
    see(tap, tap->before, request);
    keep_complete(tap, request);
    request->complete = complete_through;
    tap->inner->ops->start(tap->inner, request);
}

static bool tap_call(struct client_transport *transport, struct client_request *request)
{
    struct tap *tap = (struct tap *)transport;
    see(tap, tap->before, request);
    if (!tap->inner->ops->call(tap->inner, request)) {
        return false; /* tap_start follows */
    }
    see(tap, tap->after, request);
    return true;
}

static void tap_cancel(struct client_transport *transport, struct client_request *request)
{
    struct tap *tap = (struct tap *)transport;
    tap->inner->ops->cancel(tap->inner, request);
}

static void tap_close(struct client_transport *transport)
{
    (void)transport;
    fail_msg("a tap is removed before its client is closed");
}

void tap_insert(struct tap *tap, struct weir_client *client)
{
    static const struct client_transport_ops over_start = {
        .start = tap_start, .cancel = tap_cancel, .close = tap_close};
    static const struct client_transport_ops over_call = {
        .start = tap_start, .call = tap_call, .cancel = tap_cancel, .close = tap_close};
    tap->inner = client->transport;
    tap->client = client;
    tap->base.ops = tap->inner->ops->call == NULL ? &over_start : &over_call;
    (void)pthread_mutex_init(&tap->mu, NULL);
    client->transport = &tap->base;
    inserted = tap;
}

void tap_remove(struct tap *tap)
{
    tap->client->transport = tap->inner;
    (void)pthread_mutex_destroy(&tap->mu);
    inserted = NULL;
}

/* ---- the meter ------------------------------------------------------------------------------- */

/* The same request, with the wish to know what it costs; nodes of the original are not touched. */
static void ask_for_cost(struct tap *tap, struct client_request *request)
{
    (void)tap;
    if (value_get(request->document, "ReturnConsumedCapacity") != NULL) {
        return;
    }
    struct weir_value *copy = value_copy(request->arena, request->document);
    value_add_str(request->arena, copy, "ReturnConsumedCapacity", BYTES_LIT("TOTAL"));
    assert_non_null(copy);
    request->document = copy;
}

static void add_up(struct tap *tap, struct client_request *request)
{
    struct meter *meter = (struct meter *)tap;
    meter->attempts++;
    if (request->status == WEIR_OK) {
        client_consumed(request->operation, request->response, &meter->sum);
    }
}

void meter_insert(struct meter *meter, struct weir_client *client)
{
    *meter = (struct meter){.tap = {.before = ask_for_cost, .after = add_up}};
    tap_insert(&meter->tap, client);
}

void meter_reset(struct meter *meter)
{
    meter->sum = (struct weir_capacity){0};
    meter->attempts = 0;
}

void assert_cost(struct meter *meter, const char *what, double read_units, double write_units,
                 unsigned attempts)
{
    const struct weir_capacity *sum = &meter->sum;
    if (sum->read_units != read_units || sum->write_units != write_units ||
        meter->attempts != attempts) {
        fail_msg("%s: %g read, %g write units in %u attempts, not %g, %g in %u", what,
                 sum->read_units, sum->write_units, meter->attempts, read_units, write_units,
                 attempts);
    }
    meter_reset(meter);
}

void meter_remove(struct meter *meter)
{
    tap_remove(&meter->tap);
}
