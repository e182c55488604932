/* SPDX-License-Identifier: Apache-2.0 */
/* Synchronous calls run in their callers' threads: their connections, and how closing ends them. */
#include "aws/http_lane.h"
#include "unit/client/client_fixture.h"

#include <pthread.h>

#define PUT "{\"TableName\":\"t\",\"Item\":{\"pk\":{\"S\":\"a\"}}}"
#define THREADS 16
#define CALLS 12 /* the server keeps up to 256 requests */

/* ---- connections ------------------------------------------------------------------------------
 */

struct caller {
    pthread_t thread;
    struct weir_client *client;
    unsigned calls;
    enum weir_status status;
    struct weir_error err;
};

static void *call_often(void *arg)
{
    struct caller *caller = arg;
    caller->status = WEIR_OK;
    for (unsigned i = 0; caller->status == WEIR_OK && i < caller->calls; i++) {
        char *answer = NULL;
        caller->status = weir_call(caller->client, "PutItem", strlen("PutItem"), PUT, strlen(PUT),
                                   &answer, NULL, &caller->err);
        weir_free(answer);
    }
    return NULL;
}

static void callers_start(struct caller *callers, unsigned count, struct weir_client *client,
                          unsigned calls)
{
    for (unsigned i = 0; i < count; i++) {
        callers[i] = (struct caller){.client = client, .calls = calls};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
}

static void callers_join(struct caller *callers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
    }
}

static void calls_side_by_side_have_a_connection_each_and_keep_it(void **state)
{
    (void)state;
    struct fixture f;
    struct caller callers[THREADS];
    fixture_open(&f, NULL, 0, 1);
    callers_start(callers, THREADS, f.client, CALLS);
    callers_join(callers, THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(callers[i].status, WEIR_OK);
    }
    unsigned connections = script_server_connections(f.server);
    assert_true(connections >= 1 && connections <= THREADS);
    assert_int_equal(script_server_count(f.server), THREADS * CALLS);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_OK);
    }
    assert_int_equal(script_server_connections(f.server), connections);
    fixture_close(&f);
}

struct lane_call {
    pthread_t thread;
    struct lanes *lanes;
    struct aws_http_request request;
};

static void *run_in_lane(void *arg)
{
    struct lane_call *call = arg;
    (void)lanes_run(call->lanes, &call->request);
    return NULL;
}

static struct lane_call lane_call_of(struct lanes *lanes, const struct aws_endpoint *endpoint)
{
    struct lane_call call = {.lanes = lanes};
    call.request.endpoint = endpoint;
    call.request.body = BYTES_LIT(PUT);
    call.request.timeout_ms = 30000;
    buf_init(&call.request.answer, 1024);
    return call;
}

static void lane_that_was_idle_too_long_is_closed_when_another_is_given_back(void **state)
{
    (void)state;
    struct weir_error err;
    struct lanes lanes;
    struct aws_endpoint endpoint = {0};
    char url[64];
    struct script_server *server = script_server_start(STEPS({.action = SCRIPT_HANG}), 1);
    struct weir_env *env = env_fake_new(1, 1700000000000);
    struct aws_http_options options = {.env = env, .connect_timeout_ms = 5000};
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", script_server_port(server));
    assert_int_equal(aws_endpoint_init(&endpoint, url, &err), WEIR_OK);
    lanes_init(&lanes, &options, NULL);

    struct lane_call hangs = lane_call_of(&lanes, &endpoint);
    struct lane_call goes = lane_call_of(&lanes, &endpoint);
    assert_int_equal(pthread_create(&hangs.thread, NULL, run_in_lane, &hangs), 0);
    script_server_await(server, 1);
    assert_true(lanes_run(&lanes, &goes.request));
    assert_int_equal(goes.request.status, WEIR_OK);
    atomic_store(&hangs.request.cancelled, true);
    lanes_wake(&lanes, &hangs.request);
    assert_int_equal(pthread_join(hangs.thread, NULL), 0);
    assert_int_equal(hangs.request.status, WEIR_CANCELLED);
    assert_true(hangs.request.sent);
    assert_int_equal(lanes.idle, 2);

    env_fake_advance(env, LANE_IDLE_MS + 1);
    assert_true(lanes_run(&lanes, &goes.request));
    assert_int_equal(goes.request.status, WEIR_OK);
    assert_int_equal(lanes.idle, 1);

    buf_fini(&hangs.request.answer);
    buf_fini(&goes.request.answer);
    lanes_fini(&lanes);
    aws_endpoint_fini(&endpoint);
    env_fake_free(env);
    script_server_stop(server);
}

static void one_lane_too_many_is_refused(void **state)
{
    (void)state;
    struct aws_http_options options = {.env = env_system(), .connect_timeout_ms = 5000};
    struct lanes lanes;
    struct aws_endpoint endpoint = {0};
    lanes_init(&lanes, &options, NULL);
    lanes.taken = LANES_MAX;
    struct lane_call call = lane_call_of(&lanes, &endpoint);
    assert_false(lanes_run(&lanes, &call.request));
    lanes.taken = 0;
    buf_fini(&call.request.answer);
    lanes_fini(&lanes);
}

/* ---- closing ----------------------------------------------------------------------------------
 */

/* Wherever the callers are then: before an attempt, in one, or between two. */
static void closing_ends_calls_at_any_moment(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        struct fixture f;
        struct caller callers[4];
        fixture_open(&f, NULL, 0, 1);
        struct weir_client *client = f.client;
        client_ref(client); /* the callers go on until they are told */
        callers_start(callers, 4, client, 60);
        script_server_await(f.server, round);
        weir_client_close(f.client);
        f.client = NULL;
        callers_join(callers, 4);
        for (int i = 0; i < 4; i++) {
            assert_true(callers[i].status == WEIR_CLOSED || callers[i].status == WEIR_OK);
        }
        client_unref(client);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_side_by_side_have_a_connection_each_and_keep_it),
        cmocka_unit_test(lane_that_was_idle_too_long_is_closed_when_another_is_given_back),
        cmocka_unit_test(one_lane_too_many_is_refused),
        cmocka_unit_test(closing_ends_calls_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
