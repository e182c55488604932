/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that complete into a queue: completions, limits, cancelling, closing in either order. */
#include "unit/client/client_fixture.h"

#include "client/queue_loop.h"

#include <poll.h>
#include <pthread.h>

#define PUT "{\"TableName\":\"t\",\"Item\":{\"pk\":{\"S\":\"a\"}}}"

struct queued {
    struct fixture f;
    struct weir_queue *queue;
};

static void queued_open(struct queued *q, const struct script_step *steps, size_t count,
                        uint32_t max_attempts)
{
    fixture_open(&q->f, steps, count, max_attempts);
    assert_int_equal(weir_queue_new(NULL, &q->queue, NULL), WEIR_OK);
}

static void queued_close(struct queued *q)
{
    weir_queue_free(q->queue);
    fixture_close(&q->f);
}

static enum weir_status start(struct queued *q, const char *operation, uint64_t tag)
{
    return weir_call_start(q->f.client, q->queue, operation, strlen(operation), PUT, strlen(PUT),
                           tag, &q->f.err);
}

static struct weir_completion next(struct queued *q)
{
    struct weir_completion completion = WEIR_COMPLETION_INIT;
    assert_int_equal(weir_queue_next(q->queue, -1, &completion), WEIR_OK);
    return completion;
}

/* With two calls, of tags 1 and 2, that the server has read and does not answer. */
static void queued_open_hanging(struct queued *q, const char *first, const char *second)
{
    static const struct script_step steps[] = {{.action = SCRIPT_HANG}, {.action = SCRIPT_HANG}};
    queued_open(q, steps, 2, 4);
    assert_int_equal(start(q, first, 1), WEIR_OK);
    script_server_await(q->f.server, 1);
    assert_int_equal(start(q, second, 2), WEIR_OK);
    script_server_await(q->f.server, 2);
}

static bool readable(struct queued *q, int timeout_ms)
{
    struct pollfd wait = {.fd = weir_queue_fd(q->queue), .events = POLLIN};
    return poll(&wait, 1, timeout_ms) == 1;
}

static void completion_is_what_the_call_would_have_returned(void **state)
{
    (void)state;
    struct queued q;
    const struct script_step steps[] = {
        {.status = 200,
         .body = "{\"a\":1,\"ConsumedCapacity\":{\"TableName\":\"t\",\"CapacityUnits\":1.0}}"}};
    queued_open(&q, steps, 1, 1);
    assert_int_equal(start(&q, "PutItem", 0x1122334455667788), WEIR_OK);
    assert_int_equal(weir_queue_count(q.queue), 1);
    struct weir_completion c = next(&q);
    assert_int_equal(c.status, WEIR_OK);
    assert_int_equal(c.tag, 0x1122334455667788);
    assert_non_null(strstr(c.json, "{\"a\":1,"));
    assert_int_equal(c.json_len, strlen(c.json));
    assert_int_equal(c.attempts, 1);
    assert_string_equal(c.request_id, "REQUEST0");
    assert_true(c.capacity.write_units == 1);
    assert_int_equal(weir_queue_count(q.queue), 0);
    weir_free(c.json);
    queued_close(&q);
}

static void failed_call_completes_with_its_error(void **state)
{
    (void)state;
    struct queued q;
    const struct script_step steps[] = {
        {.status = 400, .body = FAILURE("ConditionalCheckFailedException")},
        {.action = SCRIPT_CUT}};
    queued_open(&q, steps, 2, 1);
    assert_int_equal(start(&q, "PutItem", 1), WEIR_OK);
    struct weir_completion c = next(&q);
    assert_int_equal(c.status, WEIR_CONDITION_FAILED);
    assert_int_equal(c.error.status, WEIR_CONDITION_FAILED);
    assert_int_equal(c.error.outcome, WEIR_NOT_APPLIED);
    assert_string_equal(c.error.request_id, "REQUEST0");
    assert_non_null(strstr(c.json, "as scripted"));
    weir_free(c.json);
    assert_int_equal(start(&q, "PutItem", 2), WEIR_OK);
    c = next(&q);
    assert_int_equal(c.tag, 2);
    assert_int_equal(c.status, WEIR_UNREACHABLE);
    assert_int_equal(c.error.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_null(c.json);
    queued_close(&q);
}

static void call_is_retried_while_somebody_waits(void **state)
{
    (void)state;
    struct queued q;
    const struct script_step throttled = {.status = 400, .body = FAILURE("ThrottlingException")};
    const struct script_step steps[] = {
        throttled, {.action = SCRIPT_CUT}, throttled, {.status = 200}};
    queued_open(&q, steps, 4, 4);
    assert_int_equal(start(&q, "PutItem", 7), WEIR_OK);
    struct weir_completion c = next(&q);
    assert_int_equal(c.status, WEIR_OK);
    assert_int_equal(c.attempts, 4);
    weir_free(c.json);
    queued_close(&q);
}

/* As another event loop would: only ever waiting for the descriptor. */
static void descriptor_is_readable_whenever_there_is_something_to_do(void **state)
{
    (void)state;
    struct queued q;
    struct weir_completion c = WEIR_COMPLETION_INIT;
    const struct script_step throttled = {.status = 400, .body = FAILURE("ThrottlingException")};
    const struct script_step steps[] = {throttled, throttled, {.status = 200}};
    queued_open(&q, steps, 3, 4);
    assert_false(readable(&q, 0));
    assert_int_equal(start(&q, "PutItem", 7), WEIR_OK);
    enum weir_status status = WEIR_TIMEOUT;
    while (status == WEIR_TIMEOUT) {
        assert_true(readable(&q, 60000));
        status = weir_queue_next(q.queue, 0, &c);
    }
    assert_int_equal(status, WEIR_OK);
    assert_int_equal(c.attempts, 3);
    weir_free(c.json);
    assert_false(readable(&q, 0));
    queued_close(&q);
}

static void descriptor_stays_readable_while_completions_wait(void **state)
{
    (void)state;
    struct queued q;
    queued_open(&q, NULL, 0, 1);
    for (uint64_t tag = 0; tag < 5; tag++) {
        assert_int_equal(start(&q, "PutItem", tag), WEIR_OK);
    }
    for (uint64_t left = 5; left > 0; left--) {
        assert_int_equal(weir_queue_count(q.queue), left);
        assert_true(readable(&q, 60000));
        struct weir_completion c = next(&q);
        weir_free(c.json);
    }
    assert_false(readable(&q, 0));
    queued_close(&q);
}

static void nothing_comes_within_the_time_out(void **state)
{
    (void)state;
    struct queued q;
    struct weir_completion c = WEIR_COMPLETION_INIT;
    queued_open(&q, STEPS({.action = SCRIPT_HANG}), 1, 1);
    assert_int_equal(weir_queue_next(q.queue, 0, &c), WEIR_TIMEOUT);
    assert_int_equal(weir_queue_next(q.queue, 20, &c), WEIR_TIMEOUT);
    assert_int_equal(start(&q, "PutItem", 7), WEIR_OK);
    assert_int_equal(weir_queue_next(q.queue, 20, &c), WEIR_TIMEOUT);
    queued_close(&q);
}

static void calls_are_under_way_together_and_each_completes_once(void **state)
{
    (void)state;
    enum { CALLS = 200 };
    struct queued q;
    bool seen[CALLS] = {false};
    queued_open(&q, NULL, 0, 1);
    for (uint64_t tag = 0; tag < CALLS; tag++) {
        assert_int_equal(start(&q, "PutItem", tag), WEIR_OK);
    }
    for (int i = 0; i < CALLS; i++) {
        struct weir_completion c = next(&q);
        assert_int_equal(c.status, WEIR_OK);
        assert_true(c.tag < CALLS && !seen[c.tag]);
        seen[c.tag] = true;
        weir_free(c.json);
    }
    assert_int_equal(script_server_count(q.f.server), CALLS);
    queued_close(&q);
}

static void queue_is_bounded(void **state)
{
    (void)state;
    struct queued q;
    struct weir_queue_options options = WEIR_QUEUE_OPTIONS_INIT;
    fixture_open(&q.f, NULL, 0, 1);
    options.calls_max = 3;
    assert_int_equal(weir_queue_new(&options, &q.queue, NULL), WEIR_OK);
    for (uint64_t tag = 0; tag < 3; tag++) {
        assert_int_equal(start(&q, "PutItem", tag), WEIR_OK);
    }
    assert_int_equal(start(&q, "PutItem", 3), WEIR_TOO_LARGE);
    assert_int_equal(q.f.err.retryable, 1);
    assert_int_equal(q.f.err.outcome, WEIR_NOT_APPLIED);
    /* What is over and not taken keeps its place. */
    struct queue_loop *loop = (struct queue_loop *)q.queue;
    struct weir_counters counters = WEIR_COUNTERS_INIT;
    while (counters.calls < 3) {
        assert_true(queue_loop_wait(loop, -1));
        queue_loop_turn(loop);
        assert_int_equal(weir_client_counters(q.f.client, &counters), WEIR_OK);
    }
    assert_int_equal(start(&q, "PutItem", 3), WEIR_TOO_LARGE);
    struct weir_completion c = next(&q);
    weir_free(c.json);
    assert_int_equal(start(&q, "PutItem", 3), WEIR_OK);
    queued_close(&q);
}

static void what_cannot_be_started_takes_no_place(void **state)
{
    (void)state;
    struct queued q;
    struct weir_queue_options options = WEIR_QUEUE_OPTIONS_INIT;
    fixture_open(&q.f, NULL, 0, 1);
    options.calls_max = 1;
    assert_int_equal(weir_queue_new(&options, &q.queue, NULL), WEIR_OK);
    assert_int_equal(start(&q, "Put Item", 1), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_call_start(q.f.client, q.queue, "PutItem", 7, "{", 1, 1, &q.f.err),
                     WEIR_SERIALIZATION);
    assert_int_equal(weir_queue_count(q.queue), 0);
    assert_int_equal(start(&q, "PutItem", 1), WEIR_OK);
    struct weir_completion c = next(&q);
    assert_int_equal(c.status, WEIR_OK);
    weir_free(c.json);
    queued_close(&q);
}

static void one_call_is_cancelled_by_its_tag(void **state)
{
    (void)state;
    struct queued q;
    queued_open_hanging(&q, "PutItem", "GetItem");
    assert_int_equal(weir_queue_cancel(q.queue, 3), 0);
    assert_int_equal(weir_queue_cancel(q.queue, 1), 1);
    struct weir_completion c = next(&q);
    assert_int_equal(c.tag, 1);
    assert_int_equal(c.status, WEIR_CANCELLED);
    assert_int_equal(c.error.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_int_equal(weir_queue_count(q.queue), 1);
    assert_int_equal(weir_queue_cancel(q.queue, 2), 1);
    c = next(&q);
    assert_int_equal(c.status, WEIR_CANCELLED);
    assert_int_equal(c.error.outcome, WEIR_NOT_APPLIED);
    queued_close(&q);
}

/* Turns the queue's loop, where alone this changes, until the one call waits for another attempt
 * after at least `attempts`. */
static void await_backoff(struct queued *q, unsigned attempts)
{
    struct queue_loop *loop = (struct queue_loop *)q->queue;
    bool waits = false;
    while (!waits) {
        assert_true(queue_loop_wait(loop, -1));
        queue_loop_turn(loop);
        pthread_mutex_lock(&q->f.client->mu);
        waits = q->f.client->under_way->state == REQUEST_BACKOFF &&
                q->f.client->under_way->attempts >= attempts;
        pthread_mutex_unlock(&q->f.client->mu);
    }
}

#define THROTTLED_STEPS 90

static void waiting_retry_is_cancelled_at_once(void **state)
{
    (void)state;
    struct queued q;
    struct weir_completion c = WEIR_COMPLETION_INIT;
    struct script_step steps[THROTTLED_STEPS];
    for (size_t i = 0; i < THROTTLED_STEPS; i++) {
        steps[i] = (struct script_step){.status = 400, .body = FAILURE("ThrottlingException")};
    }
    queued_open(&q, steps, THROTTLED_STEPS, THROTTLED_STEPS);
    assert_int_equal(start(&q, "PutItem", 1), WEIR_OK);
    await_backoff(&q, 3);
    unsigned sent = script_server_count(q.f.server);
    assert_int_equal(weir_queue_cancel(q.queue, 1), 1);
    assert_int_equal(weir_queue_next(q.queue, 0, &c), WEIR_OK);
    assert_int_equal(c.status, WEIR_CANCELLED);
    assert_int_equal(c.error.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(c.attempts, sent);
    assert_int_equal(script_server_count(q.f.server), sent);
    weir_free(c.json);
    queued_close(&q);
}

static void client_may_be_closed_first(void **state)
{
    (void)state;
    struct queued q;
    queued_open_hanging(&q, "PutItem", "PutItem");
    weir_client_close(q.f.client);
    q.f.client = NULL;
    for (int i = 0; i < 2; i++) {
        struct weir_completion c = next(&q);
        assert_int_equal(c.status, WEIR_CLOSED);
        assert_int_equal(c.error.outcome, WEIR_OUTCOME_UNKNOWN);
    }
    queued_close(&q);
}

static void queue_may_be_freed_first(void **state)
{
    (void)state;
    struct queued q;
    const struct script_step steps[] = {{.status = 200}, {.action = SCRIPT_HANG}};
    queued_open(&q, steps, 2, 4);
    assert_int_equal(start(&q, "PutItem", 1), WEIR_OK);
    script_server_await(q.f.server, 1);
    assert_int_equal(start(&q, "PutItem", 2), WEIR_OK);
    script_server_await(q.f.server, 2);
    weir_queue_free(q.queue);
    q.queue = NULL;
    assert_int_equal(fixture_call(&q.f, "PutItem", PUT), WEIR_OK);
    queued_close(&q);
}

static void both_go_with_calls_under_way(void **state)
{
    (void)state;
    struct queued q;
    queued_open_hanging(&q, "PutItem", "GetItem");
    weir_client_close(q.f.client);
    q.f.client = NULL;
    queued_close(&q);
}

static void clients_share_a_queue(void **state)
{
    (void)state;
    struct queued q, other;
    queued_open(&q, NULL, 0, 1);
    fixture_open(&other.f, NULL, 0, 1);
    other.queue = q.queue;
    assert_int_equal(start(&q, "PutItem", 1), WEIR_OK);
    assert_int_equal(start(&other, "PutItem", 2), WEIR_OK);
    uint64_t tags = 0;
    for (int i = 0; i < 2; i++) {
        struct weir_completion c = next(&q);
        assert_int_equal(c.status, WEIR_OK);
        tags += c.tag;
        weir_free(c.json);
    }
    assert_int_equal(tags, 3);
    fixture_close(&other.f);
    queued_close(&q);
}

#define PER_THREAD 30

static void *start_many(void *arg)
{
    struct queued *q = arg;
    for (uint64_t i = 0; i < PER_THREAD; i++) {
        struct weir_error err;
        enum weir_status status =
            weir_call_start(q->f.client, q->queue, "PutItem", 7, PUT, strlen(PUT), i, &err);
        assert_int_equal(status, WEIR_OK);
    }
    return NULL;
}

static void *take_many(void *arg)
{
    struct queued *q = arg;
    for (int i = 0; i < PER_THREAD; i++) {
        struct weir_completion c = WEIR_COMPLETION_INIT;
        assert_int_equal(weir_queue_next(q->queue, -1, &c), WEIR_OK);
        weir_free(c.json);
    }
    return NULL;
}

static void *cancel_many(void *arg)
{
    struct queued *q = arg;
    for (uint64_t i = 0; i < PER_THREAD; i++) {
        (void)weir_queue_cancel(q->queue, i);
    }
    return NULL;
}

static void threads_start_take_and_cancel_at_the_same_time(void **state)
{
    (void)state;
    struct queued q;
    struct script_step steps[100];
    for (size_t i = 0; i < 100; i++) {
        steps[i] = i % 3 == 0
                       ? (struct script_step){.status = 400, .body = FAILURE("ThrottlingException")}
                       : (struct script_step){.status = 200};
    }
    pthread_t threads[7];
    queued_open(&q, steps, 100, 2);
    for (int i = 0; i < 6; i++) {
        (void)pthread_create(&threads[i], NULL, i % 2 == 0 ? start_many : take_many, &q);
    }
    (void)pthread_create(&threads[6], NULL, cancel_many, &q);
    for (int i = 0; i < 7; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    assert_int_equal(weir_queue_count(q.queue), 0);
    queued_close(&q);
}

static void *close_client(void *arg)
{
    weir_client_close(arg);
    return NULL;
}

static void client_is_closed_while_the_queue_is_freed(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct queued q;
        pthread_t thread;
        queued_open(&q, NULL, 0, 1);
        for (uint64_t tag = 0; tag < 8; tag++) {
            assert_int_equal(start(&q, "PutItem", tag), WEIR_OK);
        }
        assert_int_equal(pthread_create(&thread, NULL, close_client, q.f.client), 0);
        weir_queue_free(q.queue);
        (void)pthread_join(thread, NULL);
        q.f.client = NULL;
        fixture_close(&q.f);
    }
}

static void adaptive_calls_are_paced(void **state)
{
    (void)state;
    struct queued q;
    struct weir_counters counters = WEIR_COUNTERS_INIT;
    const struct script_step steps[] = {{.status = 400, .body = FAILURE("ThrottlingException")}};
    fixture_open_with(&q.f, steps, 1,
                      (struct weir_client_options){.max_attempts = 2, .retry_mode = "adaptive"},
                      NULL);
    assert_int_equal(weir_queue_new(NULL, &q.queue, NULL), WEIR_OK);
    assert_int_equal(start(&q, "PutItem", 1), WEIR_OK);
    struct weir_completion c = next(&q);
    assert_int_equal(c.status, WEIR_OK);
    weir_free(c.json);
    assert_int_equal(start(&q, "PutItem", 2), WEIR_OK); /* its ticket is not due yet */
    assert_int_equal(start(&q, "PutItem", 3), WEIR_OK);
    assert_int_equal(weir_queue_cancel(q.queue, 3), 1);
    for (int i = 0; i < 2; i++) {
        c = next(&q);
        assert_int_equal(c.status, c.tag == 3 ? WEIR_CANCELLED : WEIR_OK);
        weir_free(c.json);
    }
    assert_int_equal(weir_client_counters(q.f.client, &counters), WEIR_OK);
    assert_true(counters.paced_ms > 0);
    assert_int_equal(script_server_count(q.f.server), 3);
    queued_close(&q);
}

static void closing_ends_calls_that_wait_for_their_turn(void **state)
{
    (void)state;
    struct queued q;
    const struct script_step steps[] = {{.status = 400, .body = FAILURE("ThrottlingException")}};
    fixture_open_with(&q.f, steps, 1,
                      (struct weir_client_options){.max_attempts = 1, .retry_mode = "adaptive"},
                      NULL);
    assert_int_equal(weir_queue_new(NULL, &q.queue, NULL), WEIR_OK);
    assert_int_equal(start(&q, "PutItem", 1), WEIR_OK);
    struct weir_completion c = next(&q);
    weir_free(c.json);
    for (uint64_t tag = 2; tag < 6; tag++) {
        assert_int_equal(start(&q, "PutItem", tag), WEIR_OK);
    }
    assert_int_equal(weir_queue_next(q.queue, 0, &c), WEIR_TIMEOUT);
    weir_client_close(q.f.client);
    q.f.client = NULL;
    for (int i = 0; i < 4; i++) {
        c = next(&q);
        assert_int_equal(c.status, WEIR_CLOSED);
        assert_int_equal(c.error.outcome, WEIR_NOT_APPLIED);
    }
    queued_close(&q);
}

static void test_A7_missing_queues_are_definite_errors(void **state)
{
    (void)state;
    struct queued q;
    struct weir_completion c = WEIR_COMPLETION_INIT;
    struct weir_queue_options options = {0};
    struct weir_queue *queue = NULL;
    queued_open(&q, NULL, 0, 1);
    assert_int_equal(weir_call_start(NULL, q.queue, "PutItem", 7, PUT, strlen(PUT), 1, &q.f.err),
                     WEIR_CLOSED);
    assert_int_equal(weir_call_start(q.f.client, NULL, "PutItem", 7, PUT, strlen(PUT), 1, &q.f.err),
                     WEIR_CLOSED);
    assert_int_equal(weir_queue_next(NULL, 0, &c), WEIR_CLOSED);
    assert_int_equal(weir_queue_count(NULL), 0);
    assert_int_equal(weir_queue_cancel(NULL, 1), 0);
    assert_int_equal(weir_queue_fd(NULL), -1);
    assert_int_equal(weir_queue_new(&options, &queue, NULL), WEIR_INVALID_ARGUMENT);
    options = (struct weir_queue_options)WEIR_QUEUE_OPTIONS_INIT;
    options.calls_max = 65537;
    assert_int_equal(weir_queue_new(&options, &queue, NULL), WEIR_INVALID_ARGUMENT);
    c.struct_size = 0;
    assert_int_equal(weir_queue_next(q.queue, 0, &c), WEIR_INVALID_ARGUMENT);
    weir_queue_free(NULL);
    queued_close(&q);
}

/* ---- the loop beneath ------------------------------------------------------------------------ */

struct timed {
    struct loop *loop;
    struct loop_timer *timer;
    uint64_t due_ms;
    uint64_t *last_ms;
    unsigned *fired;
};

static void on_timed(void *arg)
{
    struct timed *t = arg;
    assert_true(t->due_ms >= *t->last_ms);
    *t->last_ms = t->due_ms;
    (*t->fired)++;
    loop_timer_free(t->loop, t->timer);
    t->timer = NULL;
}

static void timers_fire_in_order_under_a_clock_that_is_turned(void **state)
{
    (void)state;
    enum { TIMERS = 500 };
    const uint64_t seed = 20261121;
    print_message("seed %llu\n", (unsigned long long)seed);
    struct weir_env *env = env_fake_new(seed, 1795218240000);
    struct queue_loop q;
    struct timed timed[TIMERS];
    uint64_t last_ms = 0;
    unsigned fired = 0, stopped = 0;
    assert_int_equal(queue_loop_init(&q, env, NULL), WEIR_OK);
    for (int i = 0; i < TIMERS; i++) {
        timed[i] = (struct timed){&q.loop, NULL, 1 + env_random_below(env, 1000), &last_ms, &fired};
        timed[i].timer = loop_timer_new(&q.loop, on_timed, &timed[i]);
        loop_timer_start(&q.loop, timed[i].timer, timed[i].due_ms);
    }
    for (int i = 0; i < TIMERS; i += 7) {
        loop_timer_stop(&q.loop, timed[i].timer);
        stopped++;
    }
    for (int ms = 0; ms < 1000; ms++) {
        env_fake_advance(env, 1);
        queue_loop_turn(&q);
        assert_true(last_ms <= (uint64_t)ms + 1);
    }
    assert_int_equal(fired, TIMERS - stopped);
    for (int i = 0; i < TIMERS; i += 7) {
        loop_timer_free(&q.loop, timed[i].timer);
    }
    queue_loop_fini(&q);
    env_fake_free(env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completion_is_what_the_call_would_have_returned),
        cmocka_unit_test(failed_call_completes_with_its_error),
        cmocka_unit_test(call_is_retried_while_somebody_waits),
        cmocka_unit_test(descriptor_is_readable_whenever_there_is_something_to_do),
        cmocka_unit_test(descriptor_stays_readable_while_completions_wait),
        cmocka_unit_test(nothing_comes_within_the_time_out),
        cmocka_unit_test(calls_are_under_way_together_and_each_completes_once),
        cmocka_unit_test(queue_is_bounded),
        cmocka_unit_test(what_cannot_be_started_takes_no_place),
        cmocka_unit_test(one_call_is_cancelled_by_its_tag),
        cmocka_unit_test(waiting_retry_is_cancelled_at_once),
        cmocka_unit_test(client_may_be_closed_first),
        cmocka_unit_test(queue_may_be_freed_first),
        cmocka_unit_test(both_go_with_calls_under_way),
        cmocka_unit_test(clients_share_a_queue),
        cmocka_unit_test(threads_start_take_and_cancel_at_the_same_time),
        cmocka_unit_test(client_is_closed_while_the_queue_is_freed),
        cmocka_unit_test(adaptive_calls_are_paced),
        cmocka_unit_test(closing_ends_calls_that_wait_for_their_turn),
        cmocka_unit_test(test_A7_missing_queues_are_definite_errors),
        cmocka_unit_test(timers_fire_in_order_under_a_clock_that_is_turned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
