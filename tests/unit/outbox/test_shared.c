/* SPDX-License-Identifier: Apache-2.0 */
/* An outbox inside the deduplication's table: neither takes the other's rows. */
#include "unit/outbox/outbox_fixture.h"
#include "weir/dedup.h"

static struct weir_dedup_id id_of(const char *worker, const char *message)
{
    return (struct weir_dedup_id){worker, strlen(worker), message, strlen(message)};
}

static struct weir_outbox *outbox_inside(struct fixture *f)
{
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.table = "deduplication-table";
    options.partition_name = "worker_id";
    options.sort_name = "message_id";
    options.ttl_name = "expires_at";
    return fixture_outbox(f, &options);
}

static const struct weir_value *row_of(struct fixture *f, const char *worker, const char *message)
{
    return fixture_item(f, "deduplication-table",
                        arena_printf(f->arena,
                                     "{\"worker_id\":{\"S\":\"%s\"},\"message_id\":{\"S\":\"%s\"}}",
                                     worker, message));
}

static void test_A8_no_operation_takes_a_row_of_the_deduplication(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    assert_int_equal(weir_dedup_open(f.client, NULL, &f.dedup, &f.err), WEIR_OK);
    struct weir_outbox *outbox = outbox_inside(&f);
    struct weir_dedup_id done = id_of("w", "done"), held = id_of("w", "held");
    struct weir_claim_request request = {.id = held};
    struct weir_claim claim;
    struct weir_outbox_stats stats;
    struct weir_outbox_purged purged = {0};
    uint32_t count = 9;
    char *json = NULL;
    size_t len = 0;
    assert_status(weir_dedup_commit(f.dedup, &done, &f.err), WEIR_OK);
    assert_status(weir_dedup_claim(f.dedup, &request, &claim, &f.err), WEIR_OK);
    fixture_add(&f, outbox, "w", "m", 1);
    static const char *const ids[] = {"done", "held"};
    for (int i = 0; i < 2; i++) {
        const struct weir_value *before = row_of(&f, "w", ids[i]);
        assert_status(weir_outbox_mark(outbox, "w", 1, ids[i], 4, &f.err), WEIR_NOT_FOUND);
        assert_status(weir_outbox_record_failure(outbox, "w", 1, ids[i], 4, "e", 1, &f.err),
                      WEIR_NOT_FOUND);
        assert_status(weir_outbox_redispatch(outbox, "w", 1, ids[i], 4, 1, &f.err), WEIR_NOT_FOUND);
        assert_status(weir_outbox_get(outbox, "w", 1, ids[i], 4, &json, &len, &f.err),
                      WEIR_NOT_FOUND);
        assert_true(value_equal(before, row_of(&f, "w", ids[i])));
    }
    assert_string_equal(fixture_all_pending(&f, outbox, NULL, 10), "m");
    assert_string_equal(fixture_all_pending(&f, outbox, "w", 10), "m");
    assert_status(weir_outbox_stats(outbox, &stats, &f.err), WEIR_OK);
    assert_int_equal(stats.pending, 1);
    assert_int_equal(stats.published, 0);
    assert_status(weir_outbox_redispatch_stuck(outbox, 0, 10, &count, &f.err), WEIR_OK);
    assert_int_equal(count, 1);
    fixture_mark(&f, outbox, "w", "m");
    assert_status(weir_outbox_purge(outbox, env_wall_ms(client_env(f.client)) + 1000, 0, NULL, 0,
                                    &purged, &f.err),
                  WEIR_OK);
    assert_int_equal(purged.deleted, 1);
    assert_int_equal(fixture_count(&f, "deduplication-table"), 2);
    weir_outbox_close(outbox);
    weir_dedup_close(f.dedup);
    fixture_close(&f);
}

static void test_A8_claims_take_no_row_of_the_outbox(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = outbox_inside(&f); /* its table first, the other way round */
    assert_int_equal(weir_dedup_open(f.client, NULL, &f.dedup, &f.err), WEIR_OK);
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_claim_request request = {.id = id};
    struct weir_claim claim;
    fixture_add(&f, outbox, "w", "m", 1);
    for (int published = 0; published < 2; published++) {
        const struct weir_value *before = row_of(&f, "w", "m");
        assert_status(weir_dedup_claim(f.dedup, &request, &claim, &f.err), WEIR_CONFIG);
        assert_status(weir_dedup_commit(f.dedup, &id, &f.err), WEIR_CONFIG);
        assert_status(weir_dedup_forget(f.dedup, &id, &f.err), WEIR_NOT_FOUND);
        assert_true(value_equal(before, row_of(&f, "w", "m")));
        fixture_mark(&f, outbox, "w", "m");
    }
    weir_outbox_close(outbox);
    weir_dedup_close(f.dedup);
    fixture_close(&f);
}

static void test_A7_every_operation_of_an_outbox_that_is_not_open(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_message message = message_of("k", "m");
    struct weir_outbox_ref ref = {text("k"), text("m")};
    struct weir_outbox_result result;
    struct weir_outbox_purged purged;
    struct weir_txn *txn = NULL;
    uint32_t count = 0;
    char *out = NULL;
    size_t len = 0;
    assert_status(weir_txn_new(f.client, &txn, &f.err), WEIR_OK);
    assert_status(weir_outbox_add_returning(NULL, &message, NULL, &out, &len, &f.err), WEIR_CLOSED);
    assert_status(weir_outbox_add_many(NULL, &message, 1, 0, &result, &f.err), WEIR_CLOSED);
    assert_status(weir_outbox_stage_many(NULL, txn, &message, 1, NULL, &f.err), WEIR_CLOSED);
    assert_status(weir_outbox_get(NULL, "k", 1, "m", 1, &out, &len, &f.err), WEIR_CLOSED);
    assert_status(
        weir_outbox_find(NULL, WEIR_OUTBOX_BY_AGGREGATE, "k", 1, 1, NULL, 0, &out, &len, &f.err),
        WEIR_CLOSED);
    assert_status(weir_outbox_mark_many(NULL, &ref, 1, &result, &f.err), WEIR_CLOSED);
    assert_status(weir_outbox_record_failure(NULL, "k", 1, "m", 1, "e", 1, &f.err), WEIR_CLOSED);
    assert_status(weir_outbox_redispatch(NULL, "k", 1, "m", 1, 0, &f.err), WEIR_CLOSED);
    assert_status(weir_outbox_redispatch_stuck(NULL, 0, 1, &count, &f.err), WEIR_CLOSED);
    assert_status(weir_outbox_purge(NULL, 0, 0, NULL, 0, &purged, &f.err), WEIR_CLOSED);
    assert_null(out);
    weir_txn_free(txn);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_A7_every_operation_of_an_outbox_that_is_not_open),
        cmocka_unit_test(test_A8_claims_take_no_row_of_the_outbox),
        cmocka_unit_test(test_A8_no_operation_takes_a_row_of_the_deduplication),
    };
    return fixture_run("shared", tests, sizeof(tests) / sizeof(tests[0]));
}
