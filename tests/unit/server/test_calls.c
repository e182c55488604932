/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that wait, wake and block; many connections; stopping. */
#include "harness.h"

#include "base/fault.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cmocka.h>

#define MANY 200

static struct harness *harness(void **state)
{
    return *state;
}

static void assert_post(struct http_client *client, const char *operation, const char *headers,
                        const char *expected)
{
    struct http_answer answer;
    http_post(client, operation, BYTES_LIT("{\"a\":1}"), headers);
    http_read(client, &answer);
    assert_int_equal(answer.status, 200);
    assert_body_is(&answer, expected);
    http_answer_fini(&answer);
}

static void wake_may_come_before_the_step_returns(void **state)
{
    struct http_client client;
    http_open(&client, harness(state)->port);
    for (int i = 0; i < 200; i++) {
        assert_post(&client, "WakeAtOnce", "", "{\"a\":1}");
    }
    http_close(&client);
    AWAIT(harness(state), suspended, 0);
}

static void held_writes_go_on_at_the_end_of_the_turn(void **state)
{
    struct http_client client;
    http_open(&client, harness(state)->port);
    for (int i = 0; i < 50; i++) {
        assert_post(&client, "WakeOnFlush", "", "{\"a\":1}");
    }
    http_close(&client);
    AWAIT(harness(state), suspended, 0);
}

static void blocking_step_runs_off_the_loop(void **state)
{
    struct http_client client;
    http_open(&client, harness(state)->port);
    assert_post(&client, "Block", "", "{\"OnLoop\":false}");
    http_close(&client);
    AWAIT(harness(state), away, 1);
}

/* The call goes on on the loop, once its thread has handed it back. */
static void wake_may_come_while_the_step_is_away(void **state)
{
    struct http_client client;
    http_open(&client, harness(state)->port);
    for (int i = 0; i < 200; i++) {
        assert_post(&client, "BlockThenWake", "", "{\"OnLoop\":true}");
    }
    http_close(&client);
}

static void wait_header_reaches_the_call(void **state)
{
    struct http_client client;
    struct http_answer answer;
    http_open(&client, harness(state)->port);
    http_post(&client, "Hold", BYTES_LIT("{}"), "X-Weir-Wait-Ms: 1234\r\n");
    await_held(harness(state), 1);
    fake_release(harness(state)->api);
    http_read(&client, &answer);
    assert_body_is(&answer, "{\"WaitMs\":1234}");
    http_answer_fini(&answer);
    http_close(&client);
}

static void client_may_go_away_while_its_call_waits(void **state)
{
    struct http_client clients[20];
    for (int i = 0; i < 20; i++) {
        http_open(&clients[i], harness(state)->port);
        http_post(&clients[i], "Hold", BYTES_LIT("{}"), "");
    }
    await_held(harness(state), 20);
    AWAIT(harness(state), suspended, 20);
    for (int i = 0; i < 20; i++) {
        http_close(&clients[i]);
    }
    /* The loop goes on meanwhile, and the calls are still under way. */
    assert_status(harness(state), "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 200);
    assert_int_equal(fake_done(harness(state)->api), 0);
    fake_release(harness(state)->api);
    AWAIT(harness(state), open, 0);
    assert_int_equal(fake_done(harness(state)->api), 20);
}

static void reset(struct http_client *client)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int failed = setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    assert_int_equal(failed, 0);
    http_close(client);
}

/* A reset is seen at once while the connection lingers, and with the answer once it is suspended;
 * the calls end either way. */
static void client_may_reset_while_its_call_waits(void **state)
{
    struct http_client clients[20];
    for (int i = 0; i < 20; i++) {
        http_open(&clients[i], harness(state)->port);
        http_post(&clients[i], "Hold", BYTES_LIT("{}"), "");
    }
    await_held(harness(state), 20);
    for (int i = 0; i < 20; i++) {
        reset(&clients[i]);
    }
    assert_status(harness(state), "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 200);
    assert_int_equal(fake_done(harness(state)->api), 0);
    fake_release(harness(state)->api);
    AWAIT(harness(state), open, 0);
    AWAIT(harness(state), suspended, 0);
    assert_int_equal(fake_done(harness(state)->api), 20);
}

static void waiting_call_is_not_cut_at_the_requests_deadline(void **state)
{
    struct http_client holding;
    struct http_client idle;
    struct http_answer answer;
    http_open(&holding, harness(state)->port);
    http_post(&holding, "Hold", BYTES_LIT("{}"), "");
    await_held(harness(state), 1);
    /* A connection that began later was cut: the deadline has passed for both. */
    http_open(&idle, harness(state)->port);
    assert_true(http_ended(&idle));
    http_close(&idle);
    AWAIT(harness(state), cut, 1);
    fake_release(harness(state)->api);
    http_read(&holding, &answer);
    assert_int_equal(answer.status, 200);
    http_answer_fini(&answer);
    http_close(&holding);
}

static void many_connections_are_served_side_by_side(void **state)
{
    static struct http_client clients[MANY];
    char body[32];
    for (int i = 0; i < MANY; i++) {
        http_open(&clients[i], harness(state)->port);
    }
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < MANY; i++) {
            static const char *const ways[] = {"WakeAtOnce", "WakeOnFlush", "Echo"};
            (void)snprintf(body, sizeof(body), "{\"n\":%d}", i * 10 + round);
            http_post(&clients[i], ways[i % 3], bytes_str(body), "");
        }
        for (int i = 0; i < MANY; i++) {
            struct http_answer answer;
            http_read(&clients[i], &answer);
            (void)snprintf(body, sizeof(body), "{\"n\":%d}", i * 10 + round);
            assert_body_is(&answer, body);
            http_answer_fini(&answer);
        }
    }
    struct server_figures figures;
    server_read_figures(harness(state)->server, &figures);
    assert_int_equal(figures.requests, 5 * MANY);
    assert_int_equal(figures.connections, MANY);
    assert_int_equal(figures.errors, 0);
    for (int i = 0; i < MANY; i++) {
        http_close(&clients[i]);
    }
    AWAIT(harness(state), open, 0);
}

struct stopper {
    struct harness *harness;
    uint32_t deadline_ms;
    pthread_t thread;
};

static void *stopper_thread(void *arg)
{
    struct stopper *stopper = arg;
    server_stop(stopper->harness->server, stopper->deadline_ms);
    return NULL;
}

static void stopper_start(struct stopper *stopper, struct harness *h, uint32_t deadline_ms)
{
    *stopper = (struct stopper){.harness = h, .deadline_ms = deadline_ms};
    assert_int_equal(pthread_create(&stopper->thread, NULL, stopper_thread, stopper), 0);
}

/* The server is gone after this: the teardown finds none. */
static void stopper_join(struct stopper *stopper)
{
    assert_int_equal(pthread_join(stopper->thread, NULL), 0);
    stopper->harness->server = NULL;
}

static void stop_answers_calls_that_wait(void **state)
{
    struct harness *h = harness(state);
    struct http_client holding[10];
    struct http_client idle;
    struct http_answer answer;
    struct stopper stopper;
    char text[32];
    http_open(&idle, h->port);
    assert_post(&idle, "Echo", "", "{\"a\":1}");
    for (int i = 0; i < 10; i++) {
        http_open(&holding[i], h->port);
        http_post(&holding[i], "Hold", BYTES_LIT("{}"), "X-Weir-Wait-Ms: 20000\r\n");
    }
    await_held(h, 10);
    stopper_start(&stopper, h, 30000);
    /* The idle connection ends first: from here on nothing new is accepted. */
    assert_true(http_ended(&idle));
    fake_release(h->api);
    for (int i = 0; i < 10; i++) {
        http_read(&holding[i], &answer);
        assert_body_is(&answer, "{\"WaitMs\":20000}");
        assert_true(http_header(&answer, "Connection", text, sizeof(text)));
        assert_string_equal(text, "close");
        assert_true(http_ended(&holding[i]));
        http_answer_fini(&answer);
        http_close(&holding[i]);
    }
    http_close(&idle);
    stopper_join(&stopper);
}

static void stop_cuts_unfinished_requests_at_its_deadline(void **state)
{
    struct harness *h = harness(state);
    struct http_client client;
    http_open(&client, h->port);
    http_send_str(&client, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{");
    AWAIT(h, requests, 1);
    server_stop(h->server, 50);
    h->server = NULL;
    assert_true(http_ended(&client));
    http_close(&client);
}

/* Their memory is the engine's until they come back, so the stop waits, and answers them. */
static void stop_waits_for_calls_beyond_its_deadline(void **state)
{
    struct harness *h = harness(state);
    struct http_client holding;
    struct http_client unfinished;
    struct http_answer answer;
    struct stopper stopper;
    http_open(&holding, h->port);
    http_post(&holding, "Hold", BYTES_LIT("{}"), "");
    await_held(h, 1);
    http_open(&unfinished, h->port);
    http_send_str(&unfinished, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n");
    AWAIT(h, requests, 2);
    stopper_start(&stopper, h, 50);
    /* This one is cut at the stop's deadline, which therefore is over. */
    assert_true(http_ended(&unfinished));
    assert_int_equal(fake_held(h->api), 1);
    fake_release(h->api);
    http_read(&holding, &answer);
    assert_int_equal(answer.status, 200);
    http_answer_fini(&answer);
    stopper_join(&stopper);
    http_close(&holding);
    http_close(&unfinished);
}

/* Nobody is left to answer, but the API still has the calls. */
static void stop_waits_for_calls_whose_client_is_gone(void **state)
{
    struct harness *h = harness(state);
    struct http_client gone;
    struct http_client idle;
    struct stopper stopper;
    http_open(&idle, h->port);
    assert_post(&idle, "Echo", "", "{\"a\":1}");
    http_open(&gone, h->port);
    http_post(&gone, "Hold", BYTES_LIT("{}"), "");
    await_held(h, 1);
    reset(&gone);
    stopper_start(&stopper, h, 50);
    assert_true(http_ended(&idle));
    assert_int_equal(fake_held(h->api), 1);
    fake_release(h->api);
    stopper_join(&stopper);
    http_close(&idle);
}

/* Faults are armed while no thread runs. */
static int setup_with_fault(void **state)
{
    return fault_arm("server.before_answer=error@2", NULL) == WEIR_OK ? harness_setup(state) : -1;
}

static int teardown_with_fault(void **state)
{
    (void)harness_teardown(state);
    return fault_arm(NULL, NULL) == WEIR_OK ? 0 : -1;
}

static void fault_before_the_answer_ends_the_connection(void **state)
{
    struct harness *h = harness(state);
    struct http_client client;
    http_open(&client, h->port);
    assert_post(&client, "WakeAtOnce", "", "{\"a\":1}");
    http_post(&client, "WakeAtOnce", BYTES_LIT("{}"), "");
    assert_true(http_ended(&client));
    http_close(&client);
    AWAIT(h, open, 0);
    /* The call itself was made: what its client must take for an unknown outcome. */
    assert_int_equal(fake_done(h->api), 2);
}

static void limit_of_open_files_is_raised(void **state)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max < 512 ? limit.rlim_max : 512;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    struct server_options options = {.api = harness(state)->api, .env = env_system()};
    struct server *server = NULL;
    assert_int_equal(server_start(&options, &server, NULL), WEIR_OK);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(limit.rlim_cur == limit.rlim_max);
    server_stop(server, 100);
}

static void address_may_be_ipv6(void **state)
{
    struct harness *h = harness(state);
    struct server_options options = {.api = h->api, .env = env_system(), .address = "::1"};
    struct server *server = NULL;
    struct weir_error err = {0};
    if (server_start(&options, &server, &err) != WEIR_OK) {
        assert_non_null(strstr(err.message, "::1"));
        skip(); /* a machine without IPv6 */
    }
    assert_true(server_port(server) > 0);
    server_stop(server, 100);
}

static void port_is_free_again_after_stop(void **state)
{
    struct harness *h = harness(state);
    assert_status(h, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200);
    server_stop(h->server, 1000);
    h->server = NULL;
    struct server_options options = {.api = h->api, .env = env_system(), .port = h->port};
    struct weir_error err = {0};
    assert_int_equal(server_start(&options, &h->server, &err), WEIR_OK);
    assert_status(h, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)
#define TEST_TWO(f) cmocka_unit_test_setup_teardown(f, harness_setup_two_loops, harness_teardown)
#define TEST_IMPATIENT(f) \
    cmocka_unit_test_setup_teardown(f, harness_setup_impatient, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(wake_may_come_before_the_step_returns),
        TEST(held_writes_go_on_at_the_end_of_the_turn),
        TEST(blocking_step_runs_off_the_loop),
        TEST(wake_may_come_while_the_step_is_away),
        TEST(wait_header_reaches_the_call),
        TEST_TWO(client_may_go_away_while_its_call_waits),
        TEST_TWO(client_may_reset_while_its_call_waits),
        TEST_IMPATIENT(waiting_call_is_not_cut_at_the_requests_deadline),
        TEST(many_connections_are_served_side_by_side),
        TEST_TWO(many_connections_are_served_side_by_side),
        TEST(stop_answers_calls_that_wait),
        TEST_TWO(stop_answers_calls_that_wait),
        TEST(stop_cuts_unfinished_requests_at_its_deadline),
        TEST(stop_waits_for_calls_beyond_its_deadline),
        TEST(stop_waits_for_calls_whose_client_is_gone),
        cmocka_unit_test_setup_teardown(fault_before_the_answer_ends_the_connection,
                                        setup_with_fault, teardown_with_fault),
        TEST(limit_of_open_files_is_raised),
        TEST(address_may_be_ipv6),
        TEST_TWO(port_is_free_again_after_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
