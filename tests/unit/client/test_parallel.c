/* SPDX-License-Identifier: Apache-2.0 */
/* Calls side by side: how many, in which order they are asked for, and when it is over. */
#include "client/parallel.h"
#include "unit/client/client_fixture.h"

#define CALLS_MAX 200

struct calls {
    struct arena *arena_of[CALLS_MAX];
    unsigned count; /* to be made */
    unsigned next;  /* asked for */
    unsigned under_way, most, done;
    unsigned window; /* no more than so many at a time; 0: as many as are asked for */
    unsigned turned_away;
    enum weir_status status[CALLS_MAX];
};

static bool next(void *arg, struct arena *arena, struct parallel_call *ret_call)
{
    struct calls *c = arg;
    struct weir_value *document = NULL;
    if (c->next == c->count) {
        return false;
    }
    if (c->window != 0 && c->under_way == c->window) {
        c->turned_away++;
        return false;
    }
    assert_int_equal(json_parse(arena, BYTES_LIT("{\"TableName\":\"t\"}"), &document, NULL),
                     WEIR_OK);
    c->arena_of[c->next] = arena;
    c->under_way++;
    c->most = c->under_way > c->most ? c->under_way : c->most;
    *ret_call = (struct parallel_call){"PutItem", document, &c->arena_of[c->next++]};
    return true;
}

static void done(void *arg, void *state, const struct client_request *request)
{
    struct calls *c = arg;
    struct arena **at = state;
    assert_ptr_equal(*at, request->arena);
    c->status[at - c->arena_of] = request->status;
    c->under_way--;
    c->done++;
}

static void run(struct fixture *f, struct calls *c)
{
    const struct parallel calls = {.client = f->client,
                                   .arena_bytes = LIMIT_REQUEST_ARENA_BYTES,
                                   .arg = c,
                                   .next = next,
                                   .done = done};
    assert_int_equal(parallel_run(&calls, &f->err), WEIR_OK);
    assert_int_equal(c->next, c->count);
    assert_int_equal(c->done, c->count);
    assert_int_equal(c->under_way, 0);
}

static void calls_are_side_by_side_and_bounded(void **state)
{
    (void)state;
    struct fixture f;
    struct calls c = {.count = CALLS_MAX};
    fixture_open(&f, NULL, 0, 1);
    run(&f, &c);
    assert_int_equal(c.most, PARALLEL_SIZE);
    assert_int_equal(script_server_count(f.server), CALLS_MAX);
    fixture_close(&f);
}

static void who_waits_is_asked_again_after_each_answer(void **state)
{
    (void)state;
    struct fixture f;
    struct calls c = {.count = 10, .window = 1};
    fixture_open(&f, NULL, 0, 1);
    run(&f, &c);
    assert_int_equal(c.most, 1);
    assert_int_equal(c.turned_away, 9);
    fixture_close(&f);
}

static void nothing_to_send_is_over_at_once(void **state)
{
    (void)state;
    struct fixture f;
    struct calls c = {.count = 0};
    fixture_open(&f, NULL, 0, 1);
    run(&f, &c);
    assert_int_equal(script_server_count(f.server), 0);
    fixture_close(&f);
}

static void failed_calls_are_done_too(void **state)
{
    (void)state;
    struct fixture f;
    struct calls c = {.count = 4, .window = 1};
    const struct script_step cut = {.action = SCRIPT_CUT};
    fixture_open(&f, STEPS(cut, {.status = 200}, cut, {.status = 200}), 4, 1);
    run(&f, &c);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(c.status[i], i % 2 == 0 ? WEIR_UNREACHABLE : WEIR_OK);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_side_by_side_and_bounded),
        cmocka_unit_test(who_waits_is_asked_again_after_each_answer),
        cmocka_unit_test(nothing_to_send_is_over_at_once),
        cmocka_unit_test(failed_calls_are_done_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
