/* SPDX-License-Identifier: Apache-2.0 */
/* What every operation costs, in the service's capacity units, for rows of up to 1 KB: the table of
 * docs/guide/dedup.md. */
#include "unit/dedup/dedup_fixture.h"
#include "unit/support/tap.h"

struct costs {
    struct fixture f;
    struct meter meter;
    struct weir_dedup_id id;
    char token[WEIR_CLAIM_TOKEN_SIZE];
};

static void costs_open(struct costs *c)
{
    struct weir_dedup_options options = WEIR_DEDUP_OPTIONS_INIT;
    options.local_cache_max = WEIR_DEDUP_NO_CACHE;
    fixture_open(&c->f);
    c->f.dedup = fixture_dedup(&c->f, &options);
    c->id = id_of("w", "m");
    meter_insert(&c->meter, c->f.client);
}

static void costs_close(struct costs *c)
{
    meter_remove(&c->meter);
    dedup_fixture_close(&c->f);
}

static void claim(struct costs *c, enum weir_claim_outcome wanted)
{
    struct weir_claim claimed = fixture_claim(&c->f, c->f.dedup, "w", "m", wanted);
    memcpy(c->token, claimed.token, sizeof(c->token));
    weir_free(claimed.result);
}

static enum weir_status do_nothing(void *arg, struct weir_error *err)
{
    (void)arg;
    (void)err;
    return WEIR_OK;
}

static void check_costs_a_read_unit_and_commit_a_write_unit(void **state)
{
    (void)state;
    struct costs c;
    int32_t duplicate;
    costs_open(&c);
    assert_int_equal(weir_dedup_check(c.f.dedup, &c.id, &duplicate, &c.f.err), WEIR_OK);
    assert_cost(&c.meter, "check of no row", 1, 0, 1);
    assert_int_equal(weir_dedup_commit(c.f.dedup, &c.id, &c.f.err), WEIR_OK);
    assert_cost(&c.meter, "commit", 0, 1, 1);
    assert_int_equal(weir_dedup_check(c.f.dedup, &c.id, &duplicate, &c.f.err), WEIR_OK);
    assert_cost(&c.meter, "check of a row", 1, 0, 1);
    assert_int_equal(weir_dedup_forget(c.f.dedup, &c.id, &c.f.err), WEIR_OK);
    assert_cost(&c.meter, "forget", 0, 1, 1);
    costs_close(&c);
}

static void check_of_what_is_remembered_costs_nothing(void **state)
{
    (void)state;
    struct costs c;
    int32_t duplicate;
    costs_open(&c);
    struct weir_dedup *remembering = fixture_dedup(&c.f, NULL);
    assert_int_equal(weir_dedup_commit(remembering, &c.id, &c.f.err), WEIR_OK);
    meter_reset(&c.meter);
    assert_int_equal(weir_dedup_check(remembering, &c.id, &duplicate, &c.f.err), WEIR_OK);
    assert_int_equal(duplicate, 1);
    assert_cost(&c.meter, "check from memory", 0, 0, 0);
    weir_dedup_close(remembering);
    costs_close(&c);
}

static void each_move_of_a_claim_costs_a_write_unit_and_no_read(void **state)
{
    (void)state;
    struct costs c;
    int64_t until_ms;
    costs_open(&c);
    claim(&c, WEIR_CLAIM_ACQUIRED);
    assert_cost(&c.meter, "claim", 0, 1, 1);
    assert_int_equal(weir_dedup_renew(c.f.dedup, &c.id, c.token, &until_ms, &c.f.err), WEIR_OK);
    assert_cost(&c.meter, "renew", 0, 1, 1);
    assert_int_equal(weir_dedup_fail(c.f.dedup, &c.id, c.token, "e", 1, 0, &c.f.err), WEIR_OK);
    assert_cost(&c.meter, "fail", 0, 1, 1);
    env_fake_advance(c.f.clock, 1);
    claim(&c, WEIR_CLAIM_ACQUIRED);
    assert_cost(&c.meter, "claim after a failure", 0, 1, 1);
    assert_int_equal(weir_dedup_release(c.f.dedup, &c.id, c.token, &c.f.err), WEIR_OK);
    assert_cost(&c.meter, "release", 0, 1, 1);
    claim(&c, WEIR_CLAIM_ACQUIRED);
    env_fake_advance(c.f.clock, 60001);
    meter_reset(&c.meter);
    claim(&c, WEIR_CLAIM_ACQUIRED);
    assert_cost(&c.meter, "takeover", 0, 1, 1);
    assert_int_equal(weir_dedup_complete(c.f.dedup, &c.id, c.token, "r", 1, &c.f.err), WEIR_OK);
    assert_cost(&c.meter, "complete", 0, 1, 1);
    costs_close(&c);
}

/* The service bills a write that its condition refused, and says nothing of it in the error. */
static void duplicate_that_a_claim_or_commit_finds_takes_one_request(void **state)
{
    (void)state;
    struct costs c;
    costs_open(&c);
    assert_int_equal(weir_dedup_commit(c.f.dedup, &c.id, &c.f.err), WEIR_OK);
    meter_reset(&c.meter);
    claim(&c, WEIR_CLAIM_COMPLETED);
    assert_cost(&c.meter, "claim of a duplicate", 0, 0, 1);
    assert_int_equal(weir_dedup_commit(c.f.dedup, &c.id, &c.f.err), WEIR_ALREADY_EXISTS);
    assert_cost(&c.meter, "commit of a duplicate", 0, 0, 1);
    costs_close(&c);
}

static void staged_row_costs_two_write_units(void **state)
{
    (void)state;
    struct costs c;
    struct weir_txn *txn = NULL;
    costs_open(&c);
    assert_int_equal(weir_txn_new(c.f.client, &txn, &c.f.err), WEIR_OK);
    assert_int_equal(weir_dedup_stage(c.f.dedup, txn, &c.id, &c.f.err), WEIR_OK);
    assert_cost(&c.meter, "stage", 0, 0, 0);
    assert_int_equal(weir_txn_commit(txn, &c.f.err), WEIR_OK);
    assert_cost(&c.meter, "commit of the transaction", 0, 2, 1);
    weir_txn_free(txn);
    costs_close(&c);
}

static void batch_costs_what_its_ids_cost_and_checks_take_few_requests(void **state)
{
    (void)state;
    struct costs c;
    struct weir_dedup_id ids[120];
    static struct weir_dedup_result committed[120];
    static struct weir_dedup_checked checked[120];
    costs_open(&c);
    for (unsigned i = 0; i < 120; i++) {
        ids[i] = id_of("w", arena_printf(c.f.arena, "m-%u", i));
    }
    assert_int_equal(weir_dedup_commit_many(c.f.dedup, ids, 120, committed, &c.f.err), WEIR_OK);
    assert_cost(&c.meter, "commit of many", 0, 120, 120);
    assert_int_equal(weir_dedup_check_many(c.f.dedup, ids, 120, checked, &c.f.err), WEIR_OK);
    assert_cost(&c.meter, "check of many", 120, 0, 2);
    costs_close(&c);
}

static void result_of_3_kb_costs_a_write_unit_per_kb_begun(void **state)
{
    (void)state;
    struct costs c;
    static char result[3 * 1024];
    costs_open(&c);
    claim(&c, WEIR_CLAIM_ACQUIRED);
    meter_reset(&c.meter);
    assert_int_equal(
        weir_dedup_complete(c.f.dedup, &c.id, c.token, result, sizeof(result), &c.f.err), WEIR_OK);
    assert_cost(&c.meter, "complete with 3 KB", 0, 4, 1);
    costs_close(&c);
}

static void handler_costs_a_read_and_a_write_and_a_duplicate_the_read(void **state)
{
    (void)state;
    struct costs c;
    enum weir_handled handled;
    costs_open(&c);
    assert_int_equal(weir_dedup_handle(c.f.dedup, &c.id, do_nothing, NULL, &handled, &c.f.err),
                     WEIR_OK);
    assert_cost(&c.meter, "handle", 1, 1, 2);
    assert_int_equal(weir_dedup_handle(c.f.dedup, &c.id, do_nothing, NULL, &handled, &c.f.err),
                     WEIR_OK);
    assert_int_equal(handled, WEIR_HANDLED_DUPLICATE);
    assert_cost(&c.meter, "handle of a duplicate", 1, 0, 1);
    costs_close(&c);
}

/* Ten rows of some 150 bytes are 1 read unit: 4 KB begun. */
static void list_and_purge_cost_what_they_read_and_delete(void **state)
{
    (void)state;
    struct costs c;
    struct weir_dedup_id ids[10];
    struct weir_dedup_result committed[10];
    struct weir_dedup_purge_options options = WEIR_DEDUP_PURGE_OPTIONS_INIT;
    char *page = NULL;
    size_t len;
    options.what = WEIR_DEDUP_PURGE_WORKER;
    options.worker = (struct weir_text){"w", 1};
    costs_open(&c);
    for (unsigned i = 0; i < 10; i++) {
        ids[i] = id_of("w", arena_printf(c.f.arena, "m-%u", i));
    }
    assert_int_equal(weir_dedup_commit_many(c.f.dedup, ids, 10, committed, &c.f.err), WEIR_OK);
    meter_reset(&c.meter);
    assert_int_equal(
        weir_dedup_list(c.f.dedup, "w", 1, WEIR_DEDUP_ANY, 100, NULL, 0, &page, &len, &c.f.err),
        WEIR_OK);
    weir_free(page);
    assert_cost(&c.meter, "list", 1, 0, 1);
    assert_int_equal(weir_dedup_purge(c.f.dedup, &options, NULL, &c.f.err), WEIR_OK);
    assert_cost(&c.meter, "purge", 1, 10, 11);
    costs_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_costs_a_read_unit_and_commit_a_write_unit),
        cmocka_unit_test(check_of_what_is_remembered_costs_nothing),
        cmocka_unit_test(each_move_of_a_claim_costs_a_write_unit_and_no_read),
        cmocka_unit_test(duplicate_that_a_claim_or_commit_finds_takes_one_request),
        cmocka_unit_test(staged_row_costs_two_write_units),
        cmocka_unit_test(result_of_3_kb_costs_a_write_unit_per_kb_begun),
        cmocka_unit_test(handler_costs_a_read_and_a_write_and_a_duplicate_the_read),
        cmocka_unit_test(list_and_purge_cost_what_they_read_and_delete),
        cmocka_unit_test(batch_costs_what_its_ids_cost_and_checks_take_few_requests),
    };
    return fixture_run("cost", tests, sizeof(tests) / sizeof(tests[0]));
}
