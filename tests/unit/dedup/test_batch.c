/* SPDX-License-Identifier: Apache-2.0 */
/* Claims and commits of many ids: a result for each, whatever becomes of the others. */
#include "unit/dedup/dedup_fixture.h"
#include "unit/support/tap.h"

#include "client/parallel.h"

#include <sys/resource.h>

#define MANY 120

static void test_H7_commits_have_a_result_per_id(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    static struct weir_dedup_result results[MANY];
    struct weir_dedup_id ids[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        ids[i] = id_of("w", arena_printf(f.arena, "m-%u", i));
    }
    assert_status(weir_dedup_commit(f.dedup, &ids[7], &f.err), WEIR_OK);
    ids[20] = ids[19];       /* twice */
    ids[30].message_len = 0; /* wrong */
    assert_status(weir_dedup_commit_many(f.dedup, ids, MANY, results, &f.err), WEIR_OK);
    for (unsigned i = 0; i < MANY; i++) {
        enum weir_status wanted = i == 7 || i == 20 ? WEIR_ALREADY_EXISTS
                                  : i == 30         ? WEIR_INVALID_ARGUMENT
                                                    : WEIR_OK;
        if (results[i].status != wanted || results[i].error.status != wanted) {
            fail_msg("%u: %s", i, results[i].error.message);
        }
    }
    assert_int_equal(fixture_count(&f, TABLE), MANY - 2);
    dedup_fixture_close(&f);
}

static void test_H7_claims_have_a_result_per_id(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup *other = fixture_dedup(&f, NULL);
    struct weir_dedup_id done = id_of("w", "done");
    struct weir_claim claim = fixture_claim(&f, other, "w", "done", WEIR_CLAIM_ACQUIRED);
    assert_status(weir_dedup_complete(other, &done, claim.token, "r", 1, &f.err), WEIR_OK);
    (void)fixture_claim(&f, other, "w", "held", WEIR_CLAIM_ACQUIRED);
    const struct weir_claim_request requests[] = {
        request_of("w", "new", "payload"),  request_of("w", "done", "payload"),
        request_of("w", "held", "payload"), request_of("w", "done", "another"),
        request_of("", "wrong", "payload"), request_of("w", "new", "payload"),
        request_of("w", "last", "payload"),
    };
    struct weir_claim_result results[7];
    memset(results, 0xa5, sizeof(results));
    assert_status(weir_dedup_claim_many(f.dedup, requests, 7, results, &f.err), WEIR_OK);
    const struct {
        enum weir_status status;
        enum weir_claim_outcome outcome;
    } wanted[] = {
        {WEIR_OK, WEIR_CLAIM_ACQUIRED},    {WEIR_OK, WEIR_CLAIM_COMPLETED},
        {WEIR_OK, WEIR_CLAIM_IN_PROGRESS}, {WEIR_IDEMPOTENT_MISMATCH, 0},
        {WEIR_INVALID_ARGUMENT, 0},        {WEIR_OK, WEIR_CLAIM_IN_PROGRESS},
        {WEIR_OK, WEIR_CLAIM_ACQUIRED},
    };
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(results[i].status, wanted[i].status);
        assert_int_equal(results[i].error.status, wanted[i].status);
        assert_int_equal(results[i].claim.outcome, wanted[i].outcome);
        weir_free(results[i].claim.result);
    }
    assert_int_equal(results[1].claim.result_len, 1);
    struct weir_dedup_id id = id_of("w", "last");
    assert_status(weir_dedup_release(f.dedup, &id, results[6].claim.token, &f.err), WEIR_OK);
    weir_dedup_close(other);
    dedup_fixture_close(&f);
}

/* Every place of the batch has one and the same id: one wins, wherever it stands in the window. */
static void test_H7_equal_ids_in_a_batch_are_as_calls_one_after_the_other(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    static struct weir_claim_result results[MANY];
    struct weir_claim_request requests[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        requests[i] = request_of("w", i % 2 == 0 ? "a" : "b", "payload");
    }
    assert_status(weir_dedup_claim_many(f.dedup, requests, MANY, results, &f.err), WEIR_OK);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(results[i].status, WEIR_OK);
        assert_int_equal(results[i].claim.outcome,
                         i < 2 ? WEIR_CLAIM_ACQUIRED : WEIR_CLAIM_IN_PROGRESS);
    }
    assert_int_equal(fixture_count(&f, TABLE), 2);
    dedup_fixture_close(&f);
}

struct concurrency {
    struct tap tap; /* first */
    unsigned now, most;
};

static void enter(struct tap *tap, struct client_request *request)
{
    struct concurrency *c = (struct concurrency *)tap;
    (void)request;
    c->now++;
    c->most = c->now > c->most ? c->now : c->most;
}

static void leave(struct tap *tap, struct client_request *request)
{
    (void)request;
    ((struct concurrency *)tap)->now--;
}

static void test_H7_batch_works_side_by_side_and_within_its_bound(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    static struct weir_dedup_result results[MANY];
    struct weir_dedup_id ids[MANY];
    struct concurrency c = {.tap = {.before = enter, .after = leave}};
    for (unsigned i = 0; i < MANY; i++) {
        ids[i] = id_of("w", arena_printf(f.arena, "m-%u", i));
    }
    tap_insert(&c.tap, f.client);
    assert_status(weir_dedup_commit_many(f.dedup, ids, MANY, results, &f.err), WEIR_OK);
    tap_remove(&c.tap);
    assert_in_range(c.most, 2, PARALLEL_SIZE);
    assert_int_equal(c.now, 0);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(results[i].status, WEIR_OK);
    }
    assert_int_equal(fixture_count(&f, TABLE), MANY);
    dedup_fixture_close(&f);
}

/* Counts attempts that are sent while one of the same key is under way. */
struct twins {
    struct tap tap; /* first */
    const struct client_request *under_way[PARALLEL_SIZE];
    unsigned met;
};

static const struct weir_value *message_of(const struct client_request *request)
{
    return value_get(value_get(request->document, "Item"), "message_id");
}

static void twins_enter(struct tap *tap, struct client_request *request)
{
    struct twins *twins = (struct twins *)tap;
    unsigned room = PARALLEL_SIZE;
    for (unsigned i = 0; i < PARALLEL_SIZE; i++) {
        if (twins->under_way[i] == NULL) {
            room = i;
        } else if (value_equal(message_of(twins->under_way[i]), message_of(request))) {
            twins->met++;
        }
    }
    assert_int_not_equal(room, PARALLEL_SIZE);
    twins->under_way[room] = request;
}

static void twins_leave(struct tap *tap, struct client_request *request)
{
    struct twins *twins = (struct twins *)tap;
    for (unsigned i = 0; i < PARALLEL_SIZE; i++) {
        twins->under_way[i] = twins->under_way[i] == request ? NULL : twins->under_way[i];
    }
}

static void test_H7_equal_ids_are_never_under_way_together(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    static struct weir_dedup_result results[MANY];
    struct weir_dedup_id ids[MANY];
    struct twins twins = {.tap = {.before = twins_enter, .after = twins_leave}};
    for (unsigned i = 0; i < MANY; i++) {
        ids[i] = id_of("w", arena_printf(f.arena, "m-%u", i / 3));
    }
    tap_insert(&twins.tap, f.client);
    assert_status(weir_dedup_commit_many(f.dedup, ids, MANY, results, &f.err), WEIR_OK);
    tap_remove(&twins.tap);
    assert_int_equal(twins.met, 0);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(results[i].status, i % 3 == 0 ? WEIR_OK : WEIR_ALREADY_EXISTS);
    }
    dedup_fixture_close(&f);
}

/* Ids that cannot be sent use none of the memory of those behind them. */
static void ids_that_are_refused_are_many(void **state)
{
    (void)state;
    enum { REFUSED = 12000 };
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_result *results = calloc(REFUSED + 1, sizeof(*results));
    struct weir_dedup_id *ids = calloc(REFUSED + 1, sizeof(*ids));
    char *worker = malloc(LIMIT_PARTITION_KEY_BYTES);
    assert_true(results != NULL && ids != NULL && worker != NULL);
    memset(worker, 'w', LIMIT_PARTITION_KEY_BYTES);
    for (unsigned i = 0; i < REFUSED; i++) {
        ids[i] = (struct weir_dedup_id){worker, LIMIT_PARTITION_KEY_BYTES, "", 0};
    }
    ids[REFUSED] = id_of("w", "m");
    assert_status(weir_dedup_commit_many(f.dedup, ids, REFUSED + 1, results, &f.err), WEIR_OK);
    for (unsigned i = 0; i < REFUSED; i++) {
        assert_int_equal(results[i].status, WEIR_INVALID_ARGUMENT);
    }
    assert_int_equal(results[REFUSED].status, WEIR_OK);
    free(worker);
    free(ids);
    free(results);
    dedup_fixture_close(&f);
}

/* Without descriptors there is no loop. */
static void batch_that_cannot_begin_writes_no_results(void **state)
{
    (void)state;
    struct fixture f;
    struct rlimit limit;
    struct rlimit none;
    struct weir_claim_result result, before;
    dedup_fixture_open(&f);
    struct weir_claim_request request = request_of("w", "m", "p");
    memset(&result, 0x5A, sizeof(result));
    before = result;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){3, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum weir_status status = weir_dedup_claim_many(f.dedup, &request, 1, &result, &f.err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_not_equal(status, WEIR_OK);
    assert_memory_equal(&result, &before, sizeof(result));
    assert_null(fixture_row(&f, "w", "m"));
    dedup_fixture_close(&f);
}

/* ---- checks ---------------------------------------------------------------------------------- */

static void test_H7_checks_have_a_result_per_id(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup *other = fixture_dedup(&f, NULL);
    static struct weir_dedup_checked results[MANY];
    struct weir_dedup_id ids[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        ids[i] = id_of("w", arena_printf(f.arena, "m-%u", i));
        if (i % 3 == 0) {
            assert_status(weir_dedup_commit(i % 2 == 0 ? other : f.dedup, &ids[i], &f.err),
                          WEIR_OK);
        }
    }
    (void)fixture_claim(&f, other, "w", "m-1", WEIR_CLAIM_ACQUIRED); /* no duplicate */
    ids[5] = ids[3];                                                 /* twice, remembered */
    ids[7] = ids[6];                                                 /* twice, read */
    ids[8].message_len = 0;                                          /* wrong */
    assert_status(weir_dedup_check_many(f.dedup, ids, MANY, results, &f.err), WEIR_OK);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(results[i].status, i == 8 ? WEIR_INVALID_ARGUMENT : WEIR_OK);
        assert_int_equal(results[i].error.status, results[i].status);
        assert_int_equal(results[i].duplicate, i != 8 && (i % 3 == 0 || i == 5 || i == 7));
    }
    weir_dedup_close(other);
    dedup_fixture_close(&f);
}

static void test_H3_check_of_many_knows_expired_rows(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id ids[] = {id_of("w", "a"), id_of("w", "b")};
    struct weir_dedup_checked results[2];
    assert_status(weir_dedup_commit(f.dedup, &ids[0], &f.err), WEIR_OK);
    env_fake_advance(f.clock, 3602 * 1000);
    assert_status(weir_dedup_commit(f.dedup, &ids[1], &f.err), WEIR_OK);
    assert_status(weir_dedup_check_many(f.dedup, ids, 2, results, &f.err), WEIR_OK);
    assert_int_equal(results[0].duplicate, 0);
    assert_int_equal(results[1].duplicate, 1);
    dedup_fixture_close(&f);
}

/* Turns the answer to the first attempts into one that left every key but the first unprocessed. */
struct stingy {
    struct tap tap; /* first */
    const struct weir_value *asked;
    unsigned rounds;
};

static void keep_asked(struct tap *tap, struct client_request *request)
{
    ((struct stingy *)tap)->asked = request->document;
}

static void leave_unprocessed(struct tap *tap, struct client_request *request)
{
    struct stingy *stingy = (struct stingy *)tap;
    const struct weir_value *of_table = value_get(value_get(request->response, "Responses"), TABLE);
    if (strcmp(request->operation, "BatchGetItem") != 0 || stingy->rounds == 0) {
        return;
    }
    stingy->rounds--;
    struct weir_value *response = value_new_map(request->arena, VALUE_PLAIN);
    struct weir_value *tables = value_add_map(request->arena, response, "Responses");
    struct weir_value *rows = value_add_list(request->arena, tables, TABLE);
    if (of_table->u.list.count > 0) {
        *value_append(request->arena, rows) = of_table->u.list.at[0];
    }
    value_add_value(request->arena, response, "UnprocessedKeys",
                    value_get(stingy->asked, "RequestItems"));
    request->response = response;
}

static void test_H7_keys_that_were_left_unprocessed_are_asked_for_again(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup *other = fixture_dedup(&f, NULL);
    struct weir_dedup_id ids[] = {id_of("w", "a"), id_of("w", "b"), id_of("w", "c")};
    struct weir_dedup_checked results[3];
    struct stingy stingy = {.tap = {.before = keep_asked, .after = leave_unprocessed}};
    assert_status(weir_dedup_commit(other, &ids[1], &f.err), WEIR_OK);
    tap_insert(&stingy.tap, f.client);
    stingy.rounds = 2;
    assert_status(weir_dedup_check_many(f.dedup, ids, 3, results, &f.err), WEIR_OK);
    assert_int_equal(stingy.rounds, 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(results[i].status, WEIR_OK);
        assert_int_equal(results[i].duplicate, i == 1);
    }
    /* For ever: the one that was answered has its answer, the others none. */
    assert_status(weir_dedup_forget(f.dedup, &ids[1], &f.err), WEIR_OK);
    assert_status(weir_dedup_commit(other, &ids[2], &f.err), WEIR_OK);
    stingy.rounds = 1000;
    assert_status(weir_dedup_check_many(f.dedup, ids, 3, results, &f.err), WEIR_OK);
    assert_int_equal(results[0].status, WEIR_THROTTLED);
    assert_int_equal(results[1].status, WEIR_THROTTLED);
    assert_int_equal(results[2].status, WEIR_OK);
    assert_int_equal(results[2].duplicate, 1);
    tap_remove(&stingy.tap);
    weir_dedup_close(other);
    dedup_fixture_close(&f);
}

static void test_H7_keys_that_come_one_at_a_time_all_come(void **state)
{
    (void)state;
    enum { KEYS = 15 };
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup *other = fixture_dedup(&f, NULL);
    struct weir_dedup_id ids[KEYS];
    struct weir_dedup_checked results[KEYS];
    struct stingy stingy = {.tap = {.before = keep_asked, .after = leave_unprocessed}};
    for (unsigned i = 0; i < KEYS; i++) {
        ids[i] = id_of("w", arena_printf(f.arena, "m-%u", i));
        assert_status(weir_dedup_commit(other, &ids[i], &f.err), WEIR_OK);
    }
    tap_insert(&stingy.tap, f.client);
    stingy.rounds = KEYS - 1;
    assert_status(weir_dedup_check_many(f.dedup, ids, KEYS, results, &f.err), WEIR_OK);
    tap_remove(&stingy.tap);
    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(results[i].status, WEIR_OK);
        assert_int_equal(results[i].duplicate, 1);
    }
    weir_dedup_close(other);
    dedup_fixture_close(&f);
}

static void answer_nonsense(struct tap *tap, struct client_request *request)
{
    struct weir_value *document = NULL;
    const char *json = tap->arg;
    assert_int_equal(json_parse(request->arena, bytes_str(json), &document, NULL), WEIR_OK);
    request->response = document;
}

/* Whatever comes, nothing that is no string is read as one. */
static void answers_of_other_types_are_survived(void **state)
{
    static const char *const answers[] = {
        "{\"Responses\":{\"" TABLE "\":\"rows\"}}",
        "{\"Responses\":{\"" TABLE "\":[{\"worker_id\":{\"L\":[]},\"message_id\":{\"M\":{}}}]}}",
        "{\"Responses\":{\"" TABLE
        "\":[{\"worker_id\":{\"BOOL\":true},\"message_id\":{\"S\":\"m\"}}]"
        ",\"x\":7}}",
        "{\"Responses\":{},\"UnprocessedKeys\":{\"" TABLE "\":{\"Keys\":\"all of them\"}}}"};
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct weir_dedup_checked result;
        struct tap tap = {.after = answer_nonsense, .arg = (void *)(uintptr_t)answers[i]};
        tap_insert(&tap, f.client);
        assert_status(weir_dedup_check_many(f.dedup, &id, 1, &result, &f.err), WEIR_OK);
        tap_remove(&tap);
        assert_int_equal(result.duplicate, 0);
    }
    dedup_fixture_close(&f);
}

static void test_A8_check_of_many_refuses_an_outbox_message_alone(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id ids[] = {id_of("w", "m"), id_of("w", "n")};
    struct weir_dedup_checked results[2];
    (void)fixture_call(&f, "PutItem",
                       "{\"TableName\":\"" TABLE "\",\"Item\":{\"worker_id\":{\"S\":\"w\"},"
                       "\"message_id\":{\"S\":\"m\"},\"messageType\":{\"S\":\"t\"}}}");
    assert_status(weir_dedup_check_many(f.dedup, ids, 2, results, &f.err), WEIR_OK);
    assert_int_equal(results[0].status, WEIR_CONFIG);
    assert_int_equal(results[1].status, WEIR_OK);
    dedup_fixture_close(&f);
}

/* ---- staging --------------------------------------------------------------------------------- */

static void test_H6_many_rows_are_staged_together_or_none(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id ids[101];
    struct weir_txn *txn = NULL;
    for (unsigned i = 0; i < 101; i++) {
        ids[i] = id_of("w", arena_printf(f.arena, "m-%u", i));
    }
    assert_status(weir_txn_new(f.client, &txn, &f.err), WEIR_OK);
    assert_status(weir_dedup_stage_many(f.dedup, txn, ids, 101, &f.err), WEIR_TOO_LARGE);
    assert_int_equal(weir_txn_count(txn), 0);
    ids[50].worker_len = 0;
    assert_status(weir_dedup_stage_many(f.dedup, txn, ids, 100, &f.err), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_txn_count(txn), 0);
    ids[50] = ids[49];
    assert_status(weir_dedup_stage_many(f.dedup, txn, ids, 100, &f.err), WEIR_INVALID_ARGUMENT);
    assert_says("49 and 50");
    assert_int_equal(weir_txn_count(txn), 0);
    ids[50] = ids[100];
    assert_status(weir_dedup_stage_many(f.dedup, txn, ids, 100, &f.err), WEIR_OK);
    assert_status(weir_dedup_stage_many(f.dedup, txn, ids, 1, &f.err), WEIR_TOO_LARGE);
    assert_status(weir_txn_commit(txn, &f.err), WEIR_OK);
    assert_int_equal(fixture_count(&f, TABLE), 100);
    /* One that is a duplicate refuses all of them. */
    ids[0] = id_of("w", "new");
    assert_status(weir_dedup_stage_many(f.dedup, txn, ids, 2, &f.err), WEIR_OK);
    assert_status(weir_txn_commit(txn, &f.err), WEIR_ALREADY_EXISTS);
    assert_int_equal(weir_txn_failed_index(txn), 1);
    assert_int_equal(fixture_count(&f, TABLE), 100);
    weir_txn_free(txn);
    dedup_fixture_close(&f);
}

static void batch_of_nothing_is_an_error(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    assert_status(weir_dedup_commit_many(f.dedup, NULL, 0, NULL, &f.err), WEIR_INVALID_ARGUMENT);
    assert_status(weir_dedup_claim_many(f.dedup, NULL, 0, NULL, &f.err), WEIR_INVALID_ARGUMENT);
    assert_status(weir_dedup_check_many(f.dedup, NULL, 0, NULL, &f.err), WEIR_INVALID_ARGUMENT);
    assert_status(weir_dedup_stage_many(f.dedup, NULL, NULL, 0, &f.err), WEIR_INVALID_ARGUMENT);
    dedup_fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_H7_commits_have_a_result_per_id),
        cmocka_unit_test(test_H7_claims_have_a_result_per_id),
        cmocka_unit_test(test_H7_equal_ids_in_a_batch_are_as_calls_one_after_the_other),
        cmocka_unit_test(test_H7_batch_works_side_by_side_and_within_its_bound),
        cmocka_unit_test(test_H7_equal_ids_are_never_under_way_together),
        cmocka_unit_test(ids_that_are_refused_are_many),
        cmocka_unit_test(batch_that_cannot_begin_writes_no_results),
        cmocka_unit_test(test_H7_checks_have_a_result_per_id),
        cmocka_unit_test(test_H7_keys_that_come_one_at_a_time_all_come),
        cmocka_unit_test(answers_of_other_types_are_survived),
        cmocka_unit_test(test_H3_check_of_many_knows_expired_rows),
        cmocka_unit_test(test_H7_keys_that_were_left_unprocessed_are_asked_for_again),
        cmocka_unit_test(test_A8_check_of_many_refuses_an_outbox_message_alone),
        cmocka_unit_test(test_H6_many_rows_are_staged_together_or_none),
        cmocka_unit_test(batch_of_nothing_is_an_error),
    };
    return fixture_run("batch", tests, sizeof(tests) / sizeof(tests[0]));
}
