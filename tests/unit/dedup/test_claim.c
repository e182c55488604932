/* SPDX-License-Identifier: Apache-2.0 */
/* Leased claims: every arrow of the state diagram, by its holder, by a stalled holder, by clocks
 * that are wrong, and with answers that are lost. */
#include "unit/dedup/dedup_fixture.h"
#include "unit/support/tap.h"

#include "base/error.h"

#define LEASE_MS 60000 /* the default */
#define SKEW_MS 30000

static const char *state_of(struct fixture *f, const char *message)
{
    return fixture_text(f, fixture_row(f, "w", message), "status");
}

static struct weir_claim acquire(struct fixture *f, struct weir_dedup *dedup)
{
    return fixture_claim(f, dedup, "w", "m", WEIR_CLAIM_ACQUIRED);
}

static void test_H4_claim_is_exclusive_until_its_lease_ends(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup *other = fixture_dedup(&f, NULL);
    struct weir_claim mine = acquire(&f, f.dedup);
    assert_int_equal(mine.until_ms, env_wall_ms(f.clock) + LEASE_MS);
    assert_int_equal(strlen(mine.token), WEIR_CLAIM_TOKEN_SIZE - 1);
    assert_int_equal(mine.taken_over, 0);
    assert_null(mine.result);
    env_fake_advance(f.clock, LEASE_MS);
    struct weir_claim theirs = fixture_claim(&f, other, "w", "m", WEIR_CLAIM_IN_PROGRESS);
    assert_int_equal(theirs.until_ms, mine.until_ms);
    assert_string_equal(theirs.token, "");
    env_fake_advance(f.clock, 1);
    theirs = acquire(&f, other);
    assert_int_equal(theirs.taken_over, 1);
    assert_string_not_equal(theirs.token, mine.token);
    (void)fixture_claim(&f, other, "x", "m", WEIR_CLAIM_ACQUIRED); /* another worker's */
    weir_dedup_close(other);
    dedup_fixture_close(&f);
}

static void test_H4_renewed_lease_is_not_taken_over(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_claim claim = acquire(&f, f.dedup);
    int64_t until_ms = 0;
    env_fake_advance(f.clock, LEASE_MS - 1);
    assert_status(weir_dedup_renew(f.dedup, &id, claim.token, &until_ms, &f.err), WEIR_OK);
    assert_int_equal(until_ms, env_wall_ms(f.clock) + LEASE_MS);
    env_fake_advance(f.clock, LEASE_MS);
    assert_int_equal(fixture_claim(&f, f.dedup, "w", "m", WEIR_CLAIM_IN_PROGRESS).until_ms,
                     until_ms);
    assert_status(weir_dedup_complete(f.dedup, &id, claim.token, NULL, 0, &f.err), WEIR_OK);
    assert_string_equal(state_of(&f, "m"), "COMPLETED");
    dedup_fixture_close(&f);
}

static void test_H4_released_claim_can_be_made_at_once(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_claim first = acquire(&f, f.dedup);
    assert_status(weir_dedup_release(f.dedup, &id, first.token, &f.err), WEIR_OK);
    assert_int_equal(fixture_count(&f, TABLE), 0);
    struct weir_claim second = acquire(&f, f.dedup);
    assert_int_equal(second.taken_over, 0);
    assert_status(weir_dedup_release(f.dedup, &id, first.token, &f.err), WEIR_LEASE_LOST);
    assert_string_equal(fixture_text(&f, fixture_row(&f, "w", "m"), "token"), second.token);
    dedup_fixture_close(&f);
}

/* Each of the holder's moves with this token must be refused, and the row stay as it is. */
static void assert_all_moves_refused(struct fixture *fixture, const char *token,
                                     enum weir_status wanted)
{
    struct fixture f = *fixture;
    struct weir_dedup_id id = id_of("w", "m");
    int64_t until_ms;
    const struct weir_value *before = fixture_row(&f, "w", "m");
    assert_status(weir_dedup_renew(f.dedup, &id, token, &until_ms, &f.err), wanted);
    assert_status(weir_dedup_release(f.dedup, &id, token, &f.err), wanted);
    assert_status(weir_dedup_fail(f.dedup, &id, token, "e", 1, 0, &f.err), wanted);
    if (wanted == WEIR_LEASE_LOST) {
        assert_status(weir_dedup_complete(f.dedup, &id, token, "late", 4, &f.err), wanted);
    }
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    const struct weir_value *after = fixture_row(&f, "w", "m");
    assert_true(before == NULL ? after == NULL : value_equal(before, after));
    fixture->err = f.err;
}

static void test_H4_stalled_holder_moves_nothing_after_a_takeover(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup *other = fixture_dedup(&f, NULL);
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_claim stalled = acquire(&f, f.dedup);
    env_fake_advance(f.clock, LEASE_MS + 1);
    struct weir_claim holder = acquire(&f, other);
    assert_all_moves_refused(&f, stalled.token, WEIR_LEASE_LOST);
    assert_says("message m of worker w is not held by this claim any more");
    assert_status(weir_dedup_complete(other, &id, holder.token, "theirs", 6, &f.err), WEIR_OK);
    assert_all_moves_refused(&f, stalled.token, WEIR_LEASE_LOST);
    struct weir_claim claim = fixture_claim(&f, f.dedup, "w", "m", WEIR_CLAIM_COMPLETED);
    assert_memory_equal(claim.result, "theirs", 6);
    weir_free(claim.result);
    weir_dedup_close(other);
    dedup_fixture_close(&f);
}

static void holder_whose_lease_ended_still_holds_until_it_is_taken_over(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_claim claim = acquire(&f, f.dedup);
    env_fake_advance(f.clock, 10 * LEASE_MS);
    assert_status(weir_dedup_complete(f.dedup, &id, claim.token, NULL, 0, &f.err), WEIR_OK);
    (void)fixture_claim(&f, f.dedup, "w", "m", WEIR_CLAIM_COMPLETED);
    dedup_fixture_close(&f);
}

static void test_H4_completed_claim_cannot_be_released_renewed_or_failed(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_claim claim = acquire(&f, f.dedup);
    assert_status(weir_dedup_complete(f.dedup, &id, claim.token, "r", 1, &f.err), WEIR_OK);
    assert_all_moves_refused(&f, claim.token, WEIR_ALREADY_EXISTS);
    /* Completing again changes nothing: the first result stays. */
    const struct weir_value *before = fixture_row(&f, "w", "m");
    assert_status(weir_dedup_complete(f.dedup, &id, claim.token, "other", 5, &f.err), WEIR_OK);
    assert_true(value_equal(before, fixture_row(&f, "w", "m")));
    dedup_fixture_close(&f);
}

static void move_without_a_claim_makes_no_row(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    const char *token = "00000000-0000-4000-8000-000000000000";
    assert_all_moves_refused(&f, token, WEIR_LEASE_LOST);
    assert_int_equal(fixture_count(&f, TABLE), 0);
    assert_status(weir_dedup_commit(f.dedup, &id, &f.err), WEIR_OK);
    assert_all_moves_refused(&f, token, WEIR_LEASE_LOST);
    static const char *const wrong[] = {"", "short", "00000000-0000-4000-8000-0000000000000",
                                        "\3770000000-0000-4000-8000-000000000000"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_status(weir_dedup_release(f.dedup, &id, wrong[i], &f.err), WEIR_INVALID_ARGUMENT);
    }
    assert_status(weir_dedup_release(f.dedup, &id, NULL, &f.err), WEIR_INVALID_ARGUMENT);
    dedup_fixture_close(&f);
}

static void commit_does_not_overrule_a_claim_that_runs(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_claim claim = acquire(&f, f.dedup);
    int32_t duplicate = -1;
    assert_status(weir_dedup_check(f.dedup, &id, &duplicate, &f.err), WEIR_OK);
    assert_int_equal(duplicate, 0);
    assert_status(weir_dedup_commit(f.dedup, &id, &f.err), WEIR_LEASE_LOST);
    assert_string_equal(fixture_text(&f, fixture_row(&f, "w", "m"), "token"), claim.token);
    env_fake_advance(f.clock, LEASE_MS + 1);
    assert_status(weir_dedup_commit(f.dedup, &id, &f.err), WEIR_OK);
    assert_all_moves_refused(&f, claim.token, WEIR_LEASE_LOST);
    dedup_fixture_close(&f);
}

static void failed_claim_waits_and_tells_why(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_claim claim = acquire(&f, f.dedup);
    assert_status(weir_dedup_fail(f.dedup, &id, claim.token, "no stock", 8, 5000, &f.err), WEIR_OK);
    assert_status(weir_dedup_fail(f.dedup, &id, claim.token, "no stock", 8, 5000, &f.err), WEIR_OK);
    assert_status(weir_dedup_complete(f.dedup, &id, claim.token, NULL, 0, &f.err), WEIR_LEASE_LOST);
    int64_t failed_ms = env_wall_ms(f.clock);
    env_fake_advance(f.clock, 5000);
    struct weir_claim waiting = fixture_claim(&f, f.dedup, "w", "m", WEIR_CLAIM_FAILED);
    assert_int_equal(waiting.until_ms, failed_ms + 5000);
    assert_int_equal(waiting.result_len, 8);
    assert_memory_equal(waiting.result, "no stock", 8);
    weir_free(waiting.result);
    env_fake_advance(f.clock, 1);
    assert_int_equal(acquire(&f, f.dedup).taken_over, 0);
    assert_null(value_get(fixture_row(&f, "w", "m"), "error"));
    static char long_text[4098];
    memset(long_text, 'e', sizeof(long_text) - 1);
    assert_status(weir_dedup_fail(f.dedup, &id, claim.token, long_text, 4097, 0, &f.err),
                  WEIR_INVALID_ARGUMENT);
    assert_status(weir_dedup_fail(f.dedup, &id, claim.token, "\xff", 1, 0, &f.err),
                  WEIR_INVALID_ARGUMENT);
    dedup_fixture_close(&f);
}

static void abandoned_claim_is_kept_for_a_day_after_its_lease(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    (void)acquire(&f, f.dedup);
    long long expires = atoll(fixture_text(&f, fixture_row(&f, "w", "m"), "expires_at"));
    int64_t lease_end_s = (env_wall_ms(f.clock) + LEASE_MS) / 1000;
    assert_in_range(expires, lease_end_s + 86400, lease_end_s + 86401);
    env_fake_advance(f.clock, LEASE_MS + 2 * 86400 * 1000LL);
    struct weir_claim_request other = request_of("w", "m", "another payload");
    struct weir_claim claim;
    assert_status(weir_dedup_claim(f.dedup, &other, &claim, &f.err), WEIR_OK);
    assert_int_equal(claim.outcome, WEIR_CLAIM_ACQUIRED);
    dedup_fixture_close(&f);
}

/* ---- results and payloads -------------------------------------------------------------------- */

static void test_H5_stored_result_is_given_back(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup *other = fixture_dedup(&f, NULL);
    struct weir_dedup_id id = id_of("w", "m");
    const char result[] = "\0\xff any bytes";
    struct weir_claim claim = acquire(&f, f.dedup);
    assert_status(weir_dedup_complete(f.dedup, &id, claim.token, result, sizeof(result), &f.err),
                  WEIR_OK);
    for (int i = 0; i < 2; i++) {
        struct weir_claim again =
            fixture_claim(&f, i == 0 ? f.dedup : other, "w", "m", WEIR_CLAIM_COMPLETED);
        assert_int_equal(again.result_len, sizeof(result));
        assert_memory_equal(again.result, result, sizeof(result));
        weir_free(again.result);
    }
    claim = fixture_claim(&f, f.dedup, "w", "m2", WEIR_CLAIM_ACQUIRED);
    id = id_of("w", "m2");
    assert_status(weir_dedup_complete(f.dedup, &id, claim.token, NULL, 0, &f.err), WEIR_OK);
    claim = fixture_claim(&f, f.dedup, "w", "m2", WEIR_CLAIM_COMPLETED);
    assert_null(claim.result);
    assert_int_equal(claim.result_len, 0);
    weir_dedup_close(other);
    dedup_fixture_close(&f);
}

static void test_H5_result_that_fits_into_no_item_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_claim claim = acquire(&f, f.dedup);
    size_t fits = LIMIT_ITEM_BYTES - 512 - 2;
    char *result = calloc(1, fits + 1);
    assert_status(weir_dedup_complete(f.dedup, &id, claim.token, result, fits + 1, &f.err),
                  WEIR_TOO_LARGE);
    assert_says("message m of worker w");
    assert_status(weir_dedup_complete(f.dedup, &id, claim.token, result, fits, &f.err), WEIR_OK);
    claim = fixture_claim(&f, f.dedup, "w", "m", WEIR_CLAIM_COMPLETED);
    assert_int_equal(claim.result_len, fits);
    weir_free(claim.result);
    free(result);
    dedup_fixture_close(&f);
}

static void test_H5_another_payload_under_the_id_is_an_error(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_claim_request other = request_of("w", "m", "another payload");
    struct weir_claim claim = acquire(&f, f.dedup), refused = {0};
    /* In progress, past its lease, completed. */
    assert_status(weir_dedup_claim(f.dedup, &other, &refused, &f.err), WEIR_IDEMPOTENT_MISMATCH);
    assert_says("another payload");
    env_fake_advance(f.clock, LEASE_MS + 1);
    assert_status(weir_dedup_claim(f.dedup, &other, &refused, &f.err), WEIR_IDEMPOTENT_MISMATCH);
    assert_status(weir_dedup_complete(f.dedup, &id, claim.token, NULL, 0, &f.err), WEIR_OK);
    assert_status(weir_dedup_claim(f.dedup, &other, &refused, &f.err), WEIR_IDEMPOTENT_MISMATCH);
    assert_int_equal(refused.outcome, 0);
    assert_int_equal(value_get(fixture_row(&f, "w", "m"), "payload_hash")->u.bytes.len, 32);
    /* No payload is a payload too; after the retention everything is forgotten. */
    other.payload_len = 0;
    assert_status(weir_dedup_claim(f.dedup, &other, &refused, &f.err), WEIR_IDEMPOTENT_MISMATCH);
    env_fake_advance(f.clock, 3602 * 1000);
    assert_status(weir_dedup_claim(f.dedup, &other, &refused, &f.err), WEIR_OK);
    assert_int_equal(refused.outcome, WEIR_CLAIM_ACQUIRED);
    dedup_fixture_close(&f);
}

/* ---- wrong clocks ---------------------------------------------------------------------------- */

/* One holder by the right clock, one claimant whose clock is off; both work, one completion
 * counts. */
static void race_with_clock(int64_t off_ms, int64_t pause_ms, enum weir_claim_outcome wanted)
{
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup *other = fixture_dedup(&f, NULL);
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_claim mine = acquire(&f, f.dedup);
    env_fake_advance(f.clock, pause_ms);
    struct weir_env *clock = other->env = fixture_clock(&f, off_ms);
    struct weir_claim theirs = fixture_claim(&f, other, "w", "m", wanted);
    if (wanted == WEIR_CLAIM_ACQUIRED) {
        assert_all_moves_refused(&f, mine.token, WEIR_LEASE_LOST);
        assert_status(weir_dedup_complete(other, &id, theirs.token, "theirs", 6, &f.err), WEIR_OK);
        assert_all_moves_refused(&f, mine.token, WEIR_LEASE_LOST);
    } else {
        assert_status(weir_dedup_complete(f.dedup, &id, mine.token, "mine", 4, &f.err), WEIR_OK);
    }
    struct weir_claim after = fixture_claim(&f, f.dedup, "w", "m", WEIR_CLAIM_COMPLETED);
    assert_memory_equal(after.result, wanted == WEIR_CLAIM_ACQUIRED ? "theirs" : "mine", 4);
    weir_free(after.result);
    weir_dedup_close(other);
    env_fake_free(clock);
    dedup_fixture_close(&f);
}

static void test_H4_clock_that_is_30_s_ahead_takes_over_early_and_one_completion_counts(void **s)
{
    (void)s;
    race_with_clock(SKEW_MS, LEASE_MS - SKEW_MS, WEIR_CLAIM_IN_PROGRESS);
    race_with_clock(SKEW_MS, LEASE_MS - SKEW_MS + 1, WEIR_CLAIM_ACQUIRED);
}

static void test_H4_clock_that_is_30_s_behind_takes_over_late_and_one_completion_counts(void **s)
{
    (void)s;
    race_with_clock(-SKEW_MS, LEASE_MS + SKEW_MS, WEIR_CLAIM_IN_PROGRESS);
    race_with_clock(-SKEW_MS, LEASE_MS + SKEW_MS + 1, WEIR_CLAIM_ACQUIRED);
}

static void test_H4_holder_whose_clock_is_30_s_behind_has_a_lease_that_is_shorter(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup *slow = fixture_dedup(&f, NULL);
    struct weir_env *clock = slow->env = fixture_clock(&f, -SKEW_MS);
    struct weir_claim stalled = acquire(&f, slow);
    assert_int_equal(stalled.until_ms, env_wall_ms(f.clock) + LEASE_MS - SKEW_MS);
    env_fake_advance(f.clock, LEASE_MS - SKEW_MS);
    (void)fixture_claim(&f, f.dedup, "w", "m", WEIR_CLAIM_IN_PROGRESS);
    env_fake_advance(f.clock, 1);
    (void)acquire(&f, f.dedup);
    assert_all_moves_refused(&f, stalled.token, WEIR_LEASE_LOST);
    weir_dedup_close(slow);
    env_fake_free(clock);
    dedup_fixture_close(&f);
}

/* ---- lost answers ---------------------------------------------------------------------------- */

/* Loses the next answers on their way back. */
struct lossy {
    struct tap tap; /* first */
    unsigned losses;
};

static void lose(struct tap *tap, struct client_request *request)
{
    struct lossy *lossy = (struct lossy *)tap;
    if (lossy->losses > 0) {
        lossy->losses--;
        request->status = error_set(&request->error, WEIR_TIMEOUT, "the answer was lost");
        request->error.outcome = WEIR_OUTCOME_UNKNOWN;
        request->response = NULL;
    }
}

static void lossy_open(struct fixture *f, struct lossy *lossy)
{
    dedup_fixture_open(f);
    *lossy = (struct lossy){.tap.after = lose};
    tap_insert(&lossy->tap, f->client);
}

static void lossy_close(struct fixture *f, struct lossy *lossy)
{
    assert_int_equal(lossy->losses, 0);
    tap_remove(&lossy->tap);
    dedup_fixture_close(f);
}

static void write_whose_answer_was_lost_is_made_again_and_recognised(void **state)
{
    (void)state;
    struct fixture f;
    struct lossy lossy;
    int64_t until_ms;
    lossy_open(&f, &lossy);
    struct weir_dedup_id id = id_of("w", "m"), other = id_of("w", "m2");
    lossy.losses = 1;
    struct weir_claim claim = acquire(&f, f.dedup);
    lossy.losses = 1;
    assert_status(weir_dedup_renew(f.dedup, &id, claim.token, &until_ms, &f.err), WEIR_OK);
    lossy.losses = 1;
    assert_status(weir_dedup_release(f.dedup, &id, claim.token, &f.err), WEIR_OK);
    claim = acquire(&f, f.dedup);
    lossy.losses = 1;
    assert_status(weir_dedup_fail(f.dedup, &id, claim.token, "e", 1, 0, &f.err), WEIR_OK);
    env_fake_advance(f.clock, 1);
    claim = acquire(&f, f.dedup);
    lossy.losses = 1;
    assert_status(weir_dedup_complete(f.dedup, &id, claim.token, "r", 1, &f.err), WEIR_OK);
    lossy.losses = 1;
    assert_status(weir_dedup_commit(f.dedup, &other, &f.err), WEIR_OK);
    assert_string_equal(state_of(&f, "m"), "COMPLETED");
    assert_string_equal(state_of(&f, "m2"), "COMPLETED");
    lossy_close(&f, &lossy);
}

static void release_of_another_claim_stays_refused_when_an_answer_was_lost(void **state)
{
    (void)state;
    struct fixture f;
    struct lossy lossy;
    lossy_open(&f, &lossy);
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_claim stalled = acquire(&f, f.dedup);
    env_fake_advance(f.clock, LEASE_MS + 1);
    struct weir_claim holder = acquire(&f, f.dedup);
    lossy.losses = 1;
    assert_status(weir_dedup_release(f.dedup, &id, stalled.token, &f.err), WEIR_LEASE_LOST);
    assert_int_equal(f.err.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_string_equal(fixture_text(&f, fixture_row(&f, "w", "m"), "token"), holder.token);
    lossy_close(&f, &lossy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_H4_claim_is_exclusive_until_its_lease_ends),
        cmocka_unit_test(test_H4_renewed_lease_is_not_taken_over),
        cmocka_unit_test(test_H4_released_claim_can_be_made_at_once),
        cmocka_unit_test(test_H4_stalled_holder_moves_nothing_after_a_takeover),
        cmocka_unit_test(holder_whose_lease_ended_still_holds_until_it_is_taken_over),
        cmocka_unit_test(test_H4_completed_claim_cannot_be_released_renewed_or_failed),
        cmocka_unit_test(move_without_a_claim_makes_no_row),
        cmocka_unit_test(commit_does_not_overrule_a_claim_that_runs),
        cmocka_unit_test(failed_claim_waits_and_tells_why),
        cmocka_unit_test(abandoned_claim_is_kept_for_a_day_after_its_lease),
        cmocka_unit_test(test_H5_stored_result_is_given_back),
        cmocka_unit_test(test_H5_result_that_fits_into_no_item_is_refused),
        cmocka_unit_test(test_H5_another_payload_under_the_id_is_an_error),
        cmocka_unit_test(
            test_H4_clock_that_is_30_s_ahead_takes_over_early_and_one_completion_counts),
        cmocka_unit_test(
            test_H4_clock_that_is_30_s_behind_takes_over_late_and_one_completion_counts),
        cmocka_unit_test(test_H4_holder_whose_clock_is_30_s_behind_has_a_lease_that_is_shorter),
        cmocka_unit_test(write_whose_answer_was_lost_is_made_again_and_recognised),
        cmocka_unit_test(release_of_another_claim_stays_refused_when_an_answer_was_lost),
    };
    return fixture_run("claim", tests, sizeof(tests) / sizeof(tests[0]));
}
