/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that complete on a loop, their cancelling, and closing while calls are under way. */
#include "unit/client/client_fixture.h"

#include "base/loop.h"
#include "client/queue_loop.h"

#include <pthread.h>

#define PUT "{\"TableName\":\"t\",\"Item\":{\"pk\":{\"S\":\"a\"}}}"
#define REQUESTS_MAX 32

struct async {
    struct fixture f;
    struct loop *loop;
    struct client_request requests[REQUESTS_MAX];
    struct arena *arenas[REQUESTS_MAX];
    unsigned started, done, done_early;
    bool starting;
    bool close_when_done_once;
    struct loop_task task;
};

static void on_done(struct client_request *request)
{
    struct async *a = request->arg;
    a->done_early += a->starting;
    a->done++;
    if (a->close_when_done_once) {
        a->close_when_done_once = false;
        weir_client_close(a->f.client);
        a->f.client = NULL;
    }
    if (a->done == a->started) {
        loop_stop(a->loop);
    }
}

static struct client_request *start(struct async *a, const char *operation)
{
    struct weir_value *document = NULL;
    unsigned i = a->started++;
    a->arenas[i] = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    assert_int_equal(json_parse(a->arenas[i], BYTES_LIT(PUT), &document, NULL), WEIR_OK);
    a->requests[i] = (struct client_request){.operation = operation,
                                             .document = document,
                                             .arena = a->arenas[i],
                                             .loop = a->loop,
                                             .done = on_done,
                                             .arg = a};
    a->starting = true;
    client_start(a->f.client, &a->requests[i]);
    a->starting = false;
    return &a->requests[i];
}

static void async_open(struct async *a, const struct script_step *steps, size_t count,
                       uint32_t max_attempts)
{
    *a = (struct async){.started = 0};
    fixture_open(&a->f, steps, count, max_attempts);
    assert_int_equal(loop_uv_new(env_system(), &a->loop, NULL), WEIR_OK);
}

static void async_close(struct async *a)
{
    assert_int_equal(a->done, a->started);
    assert_int_equal(a->done_early, 0);
    fixture_close(&a->f);
    for (unsigned i = 0; i < a->started; i++) {
        arena_free(a->arenas[i]);
    }
    loop_free(a->loop);
}

static void calls_complete_on_their_loop(void **state)
{
    (void)state;
    struct async a;
    async_open(&a, NULL, 0, 1);
    for (int i = 0; i < REQUESTS_MAX; i++) {
        (void)start(&a, i % 2 == 0 ? "PutItem" : "GetItem");
    }
    loop_run(a.loop);
    for (int i = 0; i < REQUESTS_MAX; i++) {
        assert_int_equal(a.requests[i].status, WEIR_OK);
        assert_int_equal(a.requests[i].response->type, VALUE_M);
    }
    async_close(&a);
}

static void call_is_retried_on_its_loop(void **state)
{
    (void)state;
    struct async a;
    const struct script_step throttled = {.status = 400, .body = FAILURE("ThrottlingException")};
    const struct script_step steps[] = {
        throttled, {.action = SCRIPT_CUT}, throttled, {.status = 200}};
    async_open(&a, steps, 4, 4);
    struct client_request *request = start(&a, "PutItem");
    loop_run(a.loop);
    assert_int_equal(request->status, WEIR_OK);
    assert_int_equal(request->attempts, 4);
    async_close(&a);
}

static void refused_call_completes_on_its_loop(void **state)
{
    (void)state;
    struct async a;
    const struct script_step steps[] = {
        {.status = 400, .body = FAILURE("ConditionalCheckFailedException")}};
    async_open(&a, steps, 1, 4);
    struct client_request *request = start(&a, "PutItem");
    loop_run(a.loop);
    assert_int_equal(request->status, WEIR_CONDITION_FAILED);
    assert_non_null(value_get(request->error_members, "__type"));
    async_close(&a);
}

static void cancel_first(void *arg)
{
    struct async *a = arg;
    client_cancel(&a->requests[0]);
}

static void *cancel_later(void *arg)
{
    struct async *a = arg;
    script_server_await(a->f.server, 1);
    a->task = (struct loop_task){.fn = cancel_first, .arg = a};
    loop_post(a->loop, &a->task);
    return NULL;
}

static void cancelled_call_ends_early_and_a_sent_write_is_unknown(void **state)
{
    (void)state;
    struct async a;
    pthread_t thread;
    async_open(&a, STEPS({.action = SCRIPT_HANG}), 1, 4);
    struct client_request *request = start(&a, "PutItem");
    assert_int_equal(pthread_create(&thread, NULL, cancel_later, &a), 0);
    loop_run(a.loop);
    (void)pthread_join(thread, NULL);
    assert_int_equal(request->status, WEIR_CANCELLED);
    assert_int_equal(request->error.outcome, WEIR_OUTCOME_UNKNOWN);
    async_close(&a);
}

static void closing_ends_what_is_under_way(void **state)
{
    (void)state;
    struct async a;
    const struct script_step hang = {.action = SCRIPT_HANG};
    const struct script_step steps[] = {hang, hang, hang, hang};
    async_open(&a, steps, 4, 4);
    for (int i = 0; i < 4; i++) {
        (void)start(&a, i % 2 == 0 ? "PutItem" : "GetItem");
    }
    script_server_await(a.f.server, 4);
    weir_client_close(a.f.client);
    a.f.client = NULL;
    loop_run(a.loop);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(a.requests[i].status, WEIR_CLOSED);
        assert_int_equal(a.requests[i].error.outcome,
                         i % 2 == 0 ? WEIR_OUTCOME_UNKNOWN : WEIR_NOT_APPLIED);
    }
    async_close(&a);
}

static void closing_inside_done_ends_the_others(void **state)
{
    (void)state;
    struct async a;
    const struct script_step steps[] = {{.action = SCRIPT_HANG}, {.status = 200}};
    async_open(&a, steps, 2, 10);
    (void)start(&a, "GetItem");
    script_server_await(a.f.server, 1);
    (void)start(&a, "GetItem");
    a.close_when_done_once = true;
    loop_run(a.loop);
    assert_int_equal(a.requests[0].status, WEIR_CLOSED);
    assert_int_equal(a.requests[1].status, WEIR_OK);
    async_close(&a);
}

struct blocked {
    struct fixture f;
    struct weir_error err;
    enum weir_status status;
    const char *operation;
};

static void *call_blocked(void *arg)
{
    struct blocked *b = arg;
    char *answer = NULL;
    b->status = weir_call(b->f.client, b->operation, strlen(b->operation), PUT, strlen(PUT),
                          &answer, NULL, &b->err);
    weir_free(answer);
    return NULL;
}

static void closing_ends_a_synchronous_call(void **state)
{
    (void)state;
    struct blocked b = {.operation = "PutItem"};
    pthread_t thread;
    fixture_open(&b.f, STEPS({.action = SCRIPT_HANG}), 1, 3);
    assert_int_equal(pthread_create(&thread, NULL, call_blocked, &b), 0);
    script_server_await(b.f.server, 1);
    weir_client_close(b.f.client);
    b.f.client = NULL;
    (void)pthread_join(thread, NULL);
    assert_int_equal(b.status, WEIR_CLOSED);
    assert_int_equal(b.err.outcome, WEIR_OUTCOME_UNKNOWN);
    fixture_close(&b.f);
}

/* Only the loop's thread, which is this one, ends a request's backoff. */
static void close_in_backoff(void *arg)
{
    struct async *a = arg;
    pthread_mutex_lock(&a->f.client->mu);
    bool waits = a->requests[0].state == REQUEST_BACKOFF;
    pthread_mutex_unlock(&a->f.client->mu);
    if (!waits) {
        loop_post(a->loop, &a->task);
        return;
    }
    weir_client_close(a->f.client);
    a->f.client = NULL;
}

#define THROTTLED_STEPS 240

static void throttle_all(struct script_step steps[THROTTLED_STEPS])
{
    for (size_t i = 0; i < THROTTLED_STEPS; i++) {
        steps[i] = (struct script_step){.status = 400, .body = FAILURE("ThrottlingException")};
    }
}

static void closing_ends_a_call_that_waits_for_another_attempt(void **state)
{
    (void)state;
    struct async a;
    struct script_step steps[THROTTLED_STEPS];
    throttle_all(steps);
    async_open(&a, steps, THROTTLED_STEPS, 100);
    struct client_request *request = start(&a, "PutItem");
    a.task = (struct loop_task){.fn = close_in_backoff, .arg = &a};
    loop_post(a.loop, &a.task);
    loop_run(a.loop);
    assert_int_equal(request->status, WEIR_CLOSED);
    assert_int_equal(request->error.outcome, WEIR_NOT_APPLIED);
    async_close(&a);
}

static void on_cancel(void *arg)
{
    struct async *a = arg;
    pthread_mutex_lock(&a->f.client->mu);
    bool waits = a->requests[0].state == REQUEST_BACKOFF;
    pthread_mutex_unlock(&a->f.client->mu);
    if (waits) {
        client_cancel(&a->requests[0]);
    } else {
        loop_post(a->loop, &a->task);
    }
}

static void call_that_waits_for_another_attempt_can_be_cancelled(void **state)
{
    (void)state;
    struct async a;
    struct script_step steps[THROTTLED_STEPS];
    throttle_all(steps);
    async_open(&a, steps, THROTTLED_STEPS, 100);
    struct client_request *request = start(&a, "PutItem");
    a.task = (struct loop_task){.fn = on_cancel, .arg = &a};
    loop_post(a.loop, &a.task);
    loop_run(a.loop);
    assert_int_equal(request->status, WEIR_CANCELLED);
    assert_int_equal(request->error.outcome, WEIR_NOT_APPLIED);
    async_close(&a);
}

static void closing_ends_a_synchronous_call_that_is_retried(void **state)
{
    (void)state;
    struct blocked b = {.operation = "PutItem"};
    struct script_step steps[THROTTLED_STEPS];
    pthread_t thread;
    throttle_all(steps);
    fixture_open(&b.f, steps, THROTTLED_STEPS, 100);
    assert_int_equal(pthread_create(&thread, NULL, call_blocked, &b), 0);
    script_server_await(b.f.server, 2);
    weir_client_close(b.f.client);
    b.f.client = NULL;
    (void)pthread_join(thread, NULL);
    assert_int_equal(b.status, WEIR_CLOSED);
    fixture_close(&b.f);
}

/* On a loop whose clock stands: nothing but closing ends the wait. */
static void closing_ends_a_wait_between_attempts(void **state)
{
    (void)state;
    struct async a;
    struct queue_loop q;
    const struct script_step throttled = {.status = 400, .body = FAILURE("ThrottlingException")};
    struct weir_env *env = env_fake_new(1, 1795218240000);
    async_open(&a, &throttled, 1, 4);
    struct loop *own = a.loop;
    assert_int_equal(queue_loop_init(&q, env, NULL), WEIR_OK);
    a.loop = &q.loop;
    struct client_request *request = start(&a, "PutItem");
    a.loop = own;
    while (request->backoff == NULL) {
        assert_true(queue_loop_wait(&q, -1));
        queue_loop_turn(&q);
    }
    assert_int_equal(a.done, 0);
    weir_client_close(a.f.client);
    queue_loop_turn(&q);
    assert_int_equal(a.done, 1);
    assert_int_equal(request->status, WEIR_CLOSED);
    assert_int_equal(request->error.outcome, WEIR_NOT_APPLIED);
    queue_loop_fini(&q);
    env_fake_free(env);
    a.f.client = NULL;
    async_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_complete_on_their_loop),
        cmocka_unit_test(call_is_retried_on_its_loop),
        cmocka_unit_test(refused_call_completes_on_its_loop),
        cmocka_unit_test(cancelled_call_ends_early_and_a_sent_write_is_unknown),
        cmocka_unit_test(closing_ends_what_is_under_way),
        cmocka_unit_test(closing_inside_done_ends_the_others),
        cmocka_unit_test(closing_ends_a_wait_between_attempts),
        cmocka_unit_test(closing_ends_a_synchronous_call),
        cmocka_unit_test(closing_ends_a_call_that_waits_for_another_attempt),
        cmocka_unit_test(call_that_waits_for_another_attempt_can_be_cancelled),
        cmocka_unit_test(closing_ends_a_synchronous_call_that_is_retried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
