/* SPDX-License-Identifier: Apache-2.0 */
/* The simple store: check, commit, handle, forget. */
#include "unit/dedup/dedup_fixture.h"

static int32_t is_duplicate(struct fixture *f, const char *worker, const char *message)
{
    struct weir_dedup_id id = id_of(worker, message);
    int32_t duplicate = -1;
    if (weir_dedup_check(f->dedup, &id, &duplicate, &f->err) != WEIR_OK) {
        fail_msg("%s", f->err.message);
    }
    return duplicate;
}

static void test_H1_message_is_a_duplicate_after_its_commit(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("billing", "m-1");
    assert_int_equal(is_duplicate(&f, "billing", "m-1"), 0);
    assert_int_equal(is_duplicate(&f, "billing", "m-1"), 0); /* asking changes nothing */
    assert_status(weir_dedup_commit(f.dedup, &id, &f.err), WEIR_OK);
    assert_int_equal(is_duplicate(&f, "billing", "m-1"), 1);
    assert_int_equal(is_duplicate(&f, "billing", "m-2"), 0);
    assert_int_equal(is_duplicate(&f, "mailing", "m-1"), 0);
    dedup_fixture_close(&f);
}

static void test_H1_another_process_sees_the_commit_and_cannot_repeat_it(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup *other = fixture_dedup(&f, NULL);
    struct weir_dedup_id id = id_of("w", "m");
    assert_status(weir_dedup_commit(other, &id, &f.err), WEIR_OK);
    const struct weir_value *before = fixture_row(&f, "w", "m");
    assert_status(weir_dedup_commit(f.dedup, &id, &f.err), WEIR_ALREADY_EXISTS);
    assert_says("message m of worker w was processed already");
    assert_string_equal(f.err.code, "");
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    assert_true(value_equal(before, fixture_row(&f, "w", "m")));
    assert_int_equal(is_duplicate(&f, "w", "m"), 1);
    weir_dedup_close(other);
    dedup_fixture_close(&f);
}

static void row_without_status_by_another_program_is_a_completed_one(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    (void)fixture_call(
        &f, "PutItem",
        arena_printf(f.arena,
                     "{\"TableName\":\"" TABLE "\",\"Item\":{\"worker_id\":{\"S\":\"w\"},"
                     "\"message_id\":{\"S\":\"m\"},\"expires_at\":{\"N\":\"%lld\"}}}",
                     (long long)env_wall_ms(f.clock) / 1000 + 10));
    assert_int_equal(is_duplicate(&f, "w", "m"), 1);
    env_fake_advance(f.clock, 12000);
    assert_int_equal(is_duplicate(&f, "w", "m"), 0);
    dedup_fixture_close(&f);
}

static void row_that_is_malformed_is_an_error_and_no_duplicate(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    int32_t duplicate = -1;
    (void)fixture_call(&f, "PutItem",
                       "{\"TableName\":\"" TABLE "\",\"Item\":{\"worker_id\":{\"S\":\"w\"},"
                       "\"message_id\":{\"S\":\"m\"},\"token\":{\"N\":\"1\"}}}");
    assert_status(weir_dedup_check(f.dedup, &id, &duplicate, &f.err), WEIR_MALFORMED_MESSAGE);
    assert_says("token");
    assert_int_equal(duplicate, -1);
    dedup_fixture_close(&f);
}

static void test_H3_expired_row_is_no_duplicate_though_it_is_there(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    int64_t committed_s = env_wall_ms(f.clock) / 1000;
    assert_status(weir_dedup_commit(f.dedup, &id, &f.err), WEIR_OK);
    long long expires = atoll(fixture_text(&f, fixture_row(&f, "w", "m"), "expires_at"));
    assert_in_range(expires, committed_s + 3600, committed_s + 3601); /* 60 minutes by default */
    env_fake_advance(f.clock, 3600 * 1000);
    assert_int_equal(is_duplicate(&f, "w", "m"), 1);
    env_fake_advance(f.clock, 2000);
    assert_int_equal(is_duplicate(&f, "w", "m"), 0);
    assert_non_null(fixture_row(&f, "w", "m"));
    assert_status(weir_dedup_commit(f.dedup, &id, &f.err), WEIR_OK);
    assert_int_equal(is_duplicate(&f, "w", "m"), 1);
    dedup_fixture_close(&f);
}

static void test_H3_without_retention_a_row_never_expires(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_options options = WEIR_DEDUP_OPTIONS_INIT;
    options.retention_s = -1;
    weir_dedup_close(f.dedup);
    f.dedup = fixture_dedup(&f, &options);
    struct weir_dedup_id id = id_of("w", "m");
    assert_status(weir_dedup_commit(f.dedup, &id, &f.err), WEIR_OK);
    assert_null(value_get(fixture_row(&f, "w", "m"), "expires_at"));
    env_fake_advance(f.clock, 100LL * 366 * 86400 * 1000);
    assert_int_equal(is_duplicate(&f, "w", "m"), 1);
    struct weir_claim claim = fixture_claim(&f, f.dedup, "w", "m2", WEIR_CLAIM_ACQUIRED);
    struct weir_dedup_id claimed = id_of("w", "m2");
    assert_status(weir_dedup_complete(f.dedup, &claimed, claim.token, NULL, 0, &f.err), WEIR_OK);
    assert_null(value_get(fixture_row(&f, "w", "m2"), "expires_at"));
    dedup_fixture_close(&f);
}

/* ---- handle ---------------------------------------------------------------------------------- */

/* What a handler does, and how often it did. */
struct work {
    struct fixture *f;
    unsigned runs;
    enum weir_status status;
    const char *drop_table; /* deleted by the handler; NULL: none */
    const char *text;       /* of its error; NULL: it fills none */
};

static enum weir_status run(void *arg, struct weir_error *err)
{
    struct work *work = arg;
    work->runs++;
    if (work->drop_table != NULL) {
        (void)fixture_call(
            work->f, "DeleteTable",
            arena_printf(work->f->arena, "{\"TableName\":\"%s\"}", work->drop_table));
    }
    if (work->status != WEIR_OK && work->text != NULL) {
        err->status = work->status;
        (void)snprintf(err->message, sizeof(err->message), "%s", work->text);
    }
    return work->status;
}

/* Delivers message "m" of the worker to `run`; fails the test unless it ends so. */
static void deliver(struct work *work, const char *worker, enum weir_status wanted,
                    enum weir_handled wanted_handled)
{
    struct weir_dedup_id id = id_of(worker, "m");
    enum weir_handled handled = 0;
    assert_int_equal(weir_dedup_handle(work->f->dedup, &id, run, work, &handled, &work->f->err),
                     wanted);
    assert_int_equal(handled, wanted_handled);
}

static void test_H2_second_delivery_is_acknowledged_without_running(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct work work = {.f = &f};
    deliver(&work, "w", WEIR_OK, WEIR_HANDLED_RUN);
    deliver(&work, "w", WEIR_OK, WEIR_HANDLED_DUPLICATE);
    assert_int_equal(work.runs, 1);
    dedup_fixture_close(&f);
}

static void test_H2_group_that_is_checked_is_the_group_that_is_committed(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct work work = {.f = &f};
    const char *groups[] = {"a", "b"};
    for (unsigned i = 0; i < 2; i++) {
        deliver(&work, groups[i], WEIR_OK, WEIR_HANDLED_RUN);
        assert_non_null(fixture_row(&f, groups[i], "m"));
        assert_int_equal(fixture_count(&f, TABLE), i + 1);
    }
    assert_int_equal(work.runs, 2);
    dedup_fixture_close(&f);
}

static void test_H2_handler_that_fails_is_not_committed_and_not_acknowledged(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct work work = {.f = &f, .status = WEIR_SINK_REJECTED, .text = "no stock"};
    deliver(&work, "w", WEIR_SINK_REJECTED, 0);
    assert_string_equal(f.err.message, "the handler: no stock");
    assert_int_equal(fixture_count(&f, TABLE), 0);
    work.text = NULL;
    deliver(&work, "w", WEIR_SINK_REJECTED, 0);
    assert_int_equal(f.err.status, WEIR_SINK_REJECTED);
    work.status = WEIR_OK;
    deliver(&work, "w", WEIR_OK, WEIR_HANDLED_RUN);
    assert_int_equal(work.runs, 3);
    dedup_fixture_close(&f);
}

static void test_H2_store_that_cannot_be_read_leaves_the_message_unacknowledged(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct work work = {.f = &f};
    (void)fixture_call(&f, "DeleteTable", "{\"TableName\":\"" TABLE "\"}");
    deliver(&work, "w", WEIR_RESOURCE_NOT_FOUND, 0);
    assert_int_equal(work.runs, 0);
    dedup_fixture_close(&f);
}

static void test_H2_commit_that_fails_after_the_handler_is_reported_and_acknowledged(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct work work = {.f = &f, .drop_table = TABLE};
    deliver(&work, "w", WEIR_OK, WEIR_HANDLED_NOT_COMMITTED);
    assert_int_equal(f.err.status, WEIR_RESOURCE_NOT_FOUND);
    assert_int_equal(work.runs, 1);
    dedup_fixture_close(&f);
}

static enum weir_status commit_elsewhere(void *arg, struct weir_error *err)
{
    struct weir_dedup_id id = id_of("w", "m");
    return weir_dedup_commit(arg, &id, err);
}

static void test_H2_commit_that_another_delivery_made_meanwhile_is_reported(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup *other = fixture_dedup(&f, NULL);
    struct weir_dedup_id id = id_of("w", "m");
    enum weir_handled handled = 0;
    assert_status(weir_dedup_handle(f.dedup, &id, commit_elsewhere, other, &handled, &f.err),
                  WEIR_OK);
    assert_int_equal(handled, WEIR_HANDLED_NOT_COMMITTED);
    assert_int_equal(f.err.status, WEIR_ALREADY_EXISTS);
    weir_dedup_close(other);
    dedup_fixture_close(&f);
}

/* ---- upkeep ---------------------------------------------------------------------------------- */

static void forgotten_message_is_new_again(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m"), other = id_of("w", "m2");
    assert_status(weir_dedup_forget(f.dedup, &id, &f.err), WEIR_NOT_FOUND);
    assert_status(weir_dedup_commit(f.dedup, &id, &f.err), WEIR_OK);
    assert_status(weir_dedup_commit(f.dedup, &other, &f.err), WEIR_OK);
    assert_status(weir_dedup_forget(f.dedup, &id, &f.err), WEIR_OK);
    assert_int_equal(is_duplicate(&f, "w", "m"), 0);
    assert_int_equal(is_duplicate(&f, "w", "m2"), 1);
    dedup_fixture_close(&f);
}

static void test_L4_figures_tell_duplicates_conflicts_and_errors_apart(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup *other = fixture_dedup(&f, NULL);
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_dedup_figures figures;
    int32_t duplicate;
    assert_int_equal(is_duplicate(&f, "w", "m"), 0);               /* a miss */
    assert_status(weir_dedup_commit(other, &id, &f.err), WEIR_OK); /* another's count */
    assert_status(weir_dedup_commit(f.dedup, &id, &f.err), WEIR_ALREADY_EXISTS); /* a conflict */
    assert_int_equal(is_duplicate(&f, "w", "m"), 1);                             /* a cache hit */
    (void)fixture_claim(&f, f.dedup, "w", "m", WEIR_CLAIM_COMPLETED);            /* a hit */
    (void)fixture_claim(&f, f.dedup, "w", "m2", WEIR_CLAIM_ACQUIRED);            /* a miss */
    (void)fixture_claim(&f, f.dedup, "w", "m2", WEIR_CLAIM_IN_PROGRESS);         /* a conflict */
    env_fake_advance(f.clock, 60001);
    (void)fixture_claim(&f, f.dedup, "w", "m2", WEIR_CLAIM_ACQUIRED); /* a miss, taken over */
    (void)fixture_call(&f, "DeleteTable", "{\"TableName\":\"" TABLE "\"}");
    id = id_of("w", "m3");
    assert_status(weir_dedup_check(f.dedup, &id, &duplicate, &f.err), WEIR_RESOURCE_NOT_FOUND);
    weir_dedup_read_figures(f.dedup, &figures);
    assert_int_equal(figures.hits, 2);
    assert_int_equal(figures.cache_hits, 1);
    assert_int_equal(figures.misses, 3);
    assert_int_equal(figures.takeovers, 1);
    assert_int_equal(figures.conflicts, 2);
    assert_int_equal(figures.errors, 1);
    weir_dedup_close(other);
    dedup_fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_H1_message_is_a_duplicate_after_its_commit),
        cmocka_unit_test(test_H1_another_process_sees_the_commit_and_cannot_repeat_it),
        cmocka_unit_test(row_without_status_by_another_program_is_a_completed_one),
        cmocka_unit_test(row_that_is_malformed_is_an_error_and_no_duplicate),
        cmocka_unit_test(test_H3_expired_row_is_no_duplicate_though_it_is_there),
        cmocka_unit_test(test_H3_without_retention_a_row_never_expires),
        cmocka_unit_test(test_H2_second_delivery_is_acknowledged_without_running),
        cmocka_unit_test(test_H2_group_that_is_checked_is_the_group_that_is_committed),
        cmocka_unit_test(test_H2_handler_that_fails_is_not_committed_and_not_acknowledged),
        cmocka_unit_test(test_H2_store_that_cannot_be_read_leaves_the_message_unacknowledged),
        cmocka_unit_test(test_H2_commit_that_fails_after_the_handler_is_reported_and_acknowledged),
        cmocka_unit_test(test_H2_commit_that_another_delivery_made_meanwhile_is_reported),
        cmocka_unit_test(forgotten_message_is_new_again),
        cmocka_unit_test(test_L4_figures_tell_duplicates_conflicts_and_errors_apart),
    };
    return fixture_run("store", tests, sizeof(tests) / sizeof(tests[0]));
}
