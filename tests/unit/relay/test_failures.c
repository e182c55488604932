/* SPDX-License-Identifier: Apache-2.0 */
/* The sink rejects, is away, fails in parts, or never answers; and the relay is told to stop. */
#include "unit/relay/relay_fixture.h"

static bool is(struct weir_text given, const char *wanted)
{
    return bytes_eq_str(bytes_of(given.ptr, given.len), wanted);
}

/* ---- rejected ----------------------------------------------------------------------------------
 */

static enum weir_delivery reject_a2(struct sink *sink, const struct weir_sink_message *m)
{
    int *times = sink->arg;
    if (!is(m->id, "a2") || *times == 0) {
        return WEIR_DELIVERED;
    }
    *times -= *times > 0;
    return WEIR_REJECTED;
}

static void add_two_keys(struct relay_fixture *r)
{
    add(r, "a", "a1");
    add(r, "b", "b1");
    add(r, "a", "a2");
    add(r, "a", "a3");
    add(r, "b", "b2");
}

static void rejected_message_is_retried_and_its_key_waits(void **state)
{
    (void)state;
    const enum weir_partial partials[] = {WEIR_PARTIAL_PREFIX, WEIR_PARTIAL_NONE};
    for (int i = 0; i < 2; i++) {
        struct relay_fixture r;
        struct sink sink;
        int times = 3;
        relay_fixture_open(&r);
        sink_init(&sink, partials[i]);
        sink.decide = reject_a2;
        sink.arg = &times;
        add_two_keys(&r);
        assert_run(&r, &sink, WEIR_OK);
        assert_string_equal(sink_ids(&r, &sink, "a"), "a1 a2 a3");
        assert_string_equal(sink_ids(&r, &sink, "b"), "b1 b2");
        assert_int_equal(r.status.rejected, 3); /* not what stood behind it */
        assert_int_equal(r.status.retries, 3);
        assert_int_equal(r.status.marked, 5);
        sink_fini(&sink);
        relay_fixture_close(&r);
    }
}

static void message_rejected_to_the_end_stops_the_relay_before_it(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    int times = -1;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_PREFIX);
    sink.decide = reject_a2;
    sink.arg = &times;
    r.options.retry_attempts = 2;
    add_two_keys(&r);
    assert_run(&r, &sink, WEIR_SINK_REJECTED);
    assert_non_null(strstr(r.f.err.message, "message a2 of key a was rejected 3 times"));
    assert_non_null(strstr(r.f.err.message, "as scripted"));
    assert_string_equal(sink_ids(&r, &sink, "a"), "a1");
    assert_true(is_marked(&r, "a", "a1"));
    assert_false(is_marked(&r, "a", "a2"));
    assert_false(is_marked(&r, "a", "a3"));
    assert_int_equal(r.status.rejected, 3);
    times = 0;
    sink.count = 0;
    assert_run(&r, &sink, WEIR_OK);
    assert_string_equal(sink_ids(&r, &sink, "a"), "a2 a3");
    struct weir_outbox_stats stats;
    assert_int_equal(weir_outbox_stats(r.outbox, &stats, &r.f.err), WEIR_OK);
    assert_int_equal(stats.pending, 0);
    sink_fini(&sink);
    relay_fixture_close(&r);
}

/* ---- unreachable -------------------------------------------------------------------------------
 */

static enum weir_delivery away_for_a_while(struct sink *sink, const struct weir_sink_message *m)
{
    (void)m;
    return sink->submits <= 9 ? WEIR_UNREACHABLE_SINK : WEIR_DELIVERED;
}

static void unreachable_sink_spends_no_attempts(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    sink.decide = away_for_a_while;
    sink.driver.in_flight_max = 4;
    sink.driver.batch_max = 1;
    r.options.retry_attempts = 1;
    add_two_keys(&r);
    assert_run(&r, &sink, WEIR_OK);
    assert_string_equal(sink_ids(&r, &sink, "a"), "a1 a2 a3");
    assert_string_equal(sink_ids(&r, &sink, "b"), "b1 b2");
    assert_int_equal(r.status.rejected, 0);
    assert_int_equal(r.status.sink_failures, 9);
    assert_int_equal(r.status.sink_down, 0);
    assert_string_equal(r.status.sink_error, "");
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static void forget_the_results(struct sink *sink, struct weir_sink_batch *batch)
{
    if (sink->submits > 1) {
        sink_answer(sink, batch);
    } else {
        weir_sink_complete(batch);
    }
}

static void result_that_the_driver_forgot_is_no_delivery(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    sink.hold = forget_the_results;
    add(&r, "k", "1");
    assert_run(&r, &sink, WEIR_OK);
    assert_int_equal(sink.count, 1);
    assert_int_equal(r.status.sink_failures, 1);
    assert_int_equal(r.status.delivered, 1);
    sink_fini(&sink);
    relay_fixture_close(&r);
}

/* ---- parts -------------------------------------------------------------------------------------
 */

static void assert_keys_are_distinct(struct sink *sink, struct weir_sink_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            const struct weir_text a = batch->messages[i].key, b = batch->messages[j].key;
            assert_false(bytes_eq(bytes_of(a.ptr, a.len), bytes_of(b.ptr, b.len)));
        }
    }
    sink_answer(sink, batch);
}

static void without_a_promise_one_message_per_key_is_in_flight(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_NONE);
    sink.hold = assert_keys_are_distinct;
    for (int i = 0; i < 60; i++) {
        add(&r, arena_printf(r.f.arena, "k%d", i % 3), arena_printf(r.f.arena, "%d", i));
    }
    assert_run(&r, &sink, WEIR_OK);
    assert_int_equal(sink.count, 60);
    for (int i = 0, next[3] = {0, 1, 2}; i < 60; i++) {
        int key = sink.log[i].key[1] - '0';
        assert_int_equal(atoi(sink.log[i].id), next[key]);
        next[key] += 3;
    }
    sink_fini(&sink);
    relay_fixture_close(&r);
}

/* ---- stopping ----------------------------------------------------------------------------------
 */

static void hold_and_stop(struct sink *sink, struct weir_sink_batch *batch)
{
    sink->held = batch;
    weir_relay_stop(sink->relay);
}

static void abandon_held(void *arg)
{
    struct sink *sink = arg;
    struct weir_sink_batch *batch = sink->held;
    sink->held = NULL;
    assert_non_null(batch);
    for (uint32_t i = 0; i < batch->count; i++) {
        batch->results[i].delivery = WEIR_UNREACHABLE_SINK;
    }
    weir_sink_complete(batch);
}

static void sink_that_never_answers_is_abandoned_after_the_drain(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    sink.hold = hold_and_stop;
    sink.driver.abandon = abandon_held;
    r.options.drain_ms = 20;
    r.options.once = 0;
    add(&r, "a", "1");
    add(&r, "b", "2");
    assert_run(&r, &sink, WEIR_OK);
    assert_null(sink.held);
    assert_int_equal(sink.submits, 1);
    assert_false(is_marked(&r, "a", "1"));
    sink.hold = NULL;
    r.options.once = 1;
    assert_run(&r, &sink, WEIR_OK);
    assert_int_equal(sink_delivered(&sink), 2);
    assert_true(is_marked(&r, "a", "1"));
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static void answer_held(void *arg)
{
    struct sink *sink = arg;
    sink_answer(sink, sink->held);
}

/* Delivered after all, but the time for marking it is over: it stays before the position. */
static void answer_after_the_drain_is_not_marked_and_comes_again(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    sink.hold = hold_and_stop;
    sink.driver.abandon = answer_held;
    r.options.drain_ms = 20;
    add(&r, "a", "1");
    assert_run(&r, &sink, WEIR_OK);
    assert_false(is_marked(&r, "a", "1"));
    sink.hold = NULL;
    assert_run(&r, &sink, WEIR_OK);
    assert_string_equal(sink_ids(&r, &sink, NULL), "1 1");
    assert_true(is_marked(&r, "a", "1"));
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static void answer_and_stop(struct sink *sink, struct weir_sink_batch *batch)
{
    weir_relay_stop(sink->relay);
    sink_answer(sink, batch);
}

static void stop_finishes_and_marks_what_is_in_hand(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_NONE);
    sink.hold = answer_and_stop;
    r.options.once = 0;
    add(&r, "a", "1");
    add(&r, "a", "2");
    assert_run(&r, &sink, WEIR_OK);
    assert_string_equal(sink_ids(&r, &sink, NULL), "1");
    assert_true(is_marked(&r, "a", "1"));
    assert_false(is_marked(&r, "a", "2"));
    assert_run(&r, &sink, WEIR_OK);
    assert_string_equal(sink_ids(&r, &sink, NULL), "1 2");
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static void stop_before_run_delivers_nothing(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    r.options.once = 0;
    add(&r, "k", "1");
    assert_int_equal(
        weir_relay_open_driver(r.flaky.outer, &r.options, &sink.driver, &sink.relay, &r.f.err),
        WEIR_OK);
    weir_relay_stop(sink.relay);
    weir_relay_stop(sink.relay);
    assert_int_equal(weir_relay_run(sink.relay, &r.f.err), WEIR_OK);
    assert_int_equal(weir_relay_run(sink.relay, &r.f.err), WEIR_CLOSED);
    weir_relay_close(sink.relay);
    assert_int_equal(sink.count, 0);
    assert_true(sink.closed);
    assert_int_equal(
        weir_relay_open_driver(r.flaky.outer, &r.options, &sink.driver, &sink.relay, &r.f.err),
        WEIR_OK);
    weir_relay_close(sink.relay); /* never run */
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static void *run_in_thread(void *arg)
{
    struct weir_error err = {0};
    enum weir_status status = weir_relay_run(arg, &err);
    return (void *)(intptr_t)status;
}

static void relay_that_follows_delivers_what_comes_and_stops_from_another_thread(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    struct weir_relay_status status = {0};
    pthread_t thread;
    void *result = NULL;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    r.options.once = 0;
    assert_int_equal(
        weir_relay_open_driver(r.flaky.outer, &r.options, &sink.driver, &sink.relay, &r.f.err),
        WEIR_OK);
    assert_int_equal(pthread_create(&thread, NULL, run_in_thread, sink.relay), 0);
    for (unsigned i = 1; i <= 3; i++) {
        add(&r, "k", arena_printf(r.f.arena, "%u", i));
        while (status.marked < i) {
            weir_relay_read_status(sink.relay, &status);
            (void)usleep(1000);
        }
    }
    weir_relay_stop(sink.relay);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_int_equal((intptr_t)result, WEIR_OK);
    weir_relay_close(sink.relay);
    assert_string_equal(sink_ids(&r, &sink, NULL), "1 2 3");
    sink_fini(&sink);
    relay_fixture_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rejected_message_is_retried_and_its_key_waits),
        cmocka_unit_test(message_rejected_to_the_end_stops_the_relay_before_it),
        cmocka_unit_test(unreachable_sink_spends_no_attempts),
        cmocka_unit_test(result_that_the_driver_forgot_is_no_delivery),
        cmocka_unit_test(without_a_promise_one_message_per_key_is_in_flight),
        cmocka_unit_test(sink_that_never_answers_is_abandoned_after_the_drain),
        cmocka_unit_test(answer_after_the_drain_is_not_marked_and_comes_again),
        cmocka_unit_test(stop_finishes_and_marks_what_is_in_hand),
        cmocka_unit_test(stop_before_run_delivers_nothing),
        cmocka_unit_test(relay_that_follows_delivers_what_comes_and_stops_from_another_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
