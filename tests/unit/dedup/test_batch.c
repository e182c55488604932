/* SPDX-License-Identifier: Apache-2.0 */
/* Claims and commits of many ids: a result for each, whatever becomes of the others. */
#include "unit/dedup/dedup_fixture.h"

#define MANY 120

static void test_H7_commits_have_a_result_per_id(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
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
    fixture_close(&f);
}

static void test_H7_claims_have_a_result_per_id(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
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
    fixture_close(&f);
}

static void batch_of_nothing_is_an_error(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    assert_status(weir_dedup_commit_many(f.dedup, NULL, 0, NULL, &f.err), WEIR_INVALID_ARGUMENT);
    assert_status(weir_dedup_claim_many(f.dedup, NULL, 0, NULL, &f.err), WEIR_INVALID_ARGUMENT);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_H7_commits_have_a_result_per_id),
        cmocka_unit_test(test_H7_claims_have_a_result_per_id),
        cmocka_unit_test(batch_of_nothing_is_an_error),
    };
    return fixture_run("batch", tests, sizeof(tests) / sizeof(tests[0]));
}
