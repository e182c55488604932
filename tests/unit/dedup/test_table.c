/* SPDX-License-Identifier: Apache-2.0 */
/* The dedup table: its shape, who makes it, what else may live in it, and what is said when the
 * store cannot be used. */
#include "unit/dedup/dedup_fixture.h"

#include "outbox/outbox_store.h"

static void test_A1_table_has_its_keys_billing_and_ttl(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    const struct weir_value *table = fixture_table(&f, TABLE);
    assert_keys_alone(table, "worker_id", "message_id");
    assert_member(value_get(table, "BillingModeSummary"), "BillingMode", "PAY_PER_REQUEST");
    assert_true(fixture_has_ttl(&f, TABLE, "expires_at"));
    dedup_fixture_close(&f);
}

static void test_A1_second_creation_changes_nothing(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    assert_status(weir_dedup_commit(f.dedup, &id, &f.err), WEIR_OK);
    weir_dedup_close(fixture_dedup(&f, NULL));
    struct weir_dedup_options options = WEIR_DEDUP_OPTIONS_INIT;
    options.no_create = 1;
    weir_dedup_close(fixture_dedup(&f, &options));
    assert_int_equal(fixture_count(&f, TABLE), 1);
    dedup_fixture_close(&f);
}

static void test_A3_missing_table_with_creation_off(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup *dedup = NULL;
    struct weir_dedup_options options = WEIR_DEDUP_OPTIONS_INIT;
    options.table = "elsewhere";
    options.no_create = 1;
    assert_status(weir_dedup_open(f.client, &options, &dedup, &f.err), WEIR_RESOURCE_NOT_FOUND);
    assert_says("elsewhere");
    assert_null(dedup);
    dedup_fixture_close(&f);
}

static enum weir_status open_shared(struct weir_client *client, struct weir_error *err)
{
    struct weir_dedup *dedup = NULL;
    struct weir_dedup_options options = WEIR_DEDUP_OPTIONS_INIT;
    options.table = "shared";
    enum weir_status status = weir_dedup_open(client, &options, &dedup, err);
    weir_dedup_close(dedup);
    return status;
}

static void test_A3_instances_that_start_at_once_all_succeed(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    fixture_open_at_once(&f, open_shared);
    dedup_fixture_close(&f);
}

static void table_of_other_keys_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup *dedup = NULL;
    struct weir_dedup_options options = WEIR_DEDUP_OPTIONS_INIT;
    options.table = "orders";
    (void)fixture_call(&f, "CreateTable",
                       "{\"TableName\":\"orders\",\"BillingMode\":\"PAY_PER_REQUEST\","
                       "\"AttributeDefinitions\":[{\"AttributeName\":\"worker_id\","
                       "\"AttributeType\":\"S\"}],\"KeySchema\":[{\"AttributeName\":\"worker_id\","
                       "\"KeyType\":\"HASH\"}]}");
    assert_status(weir_dedup_open(f.client, &options, &dedup, &f.err), WEIR_CONFIG);
    assert_says("message_id (RANGE)");
    assert_false(fixture_has_ttl(&f, "orders", NULL)); /* nothing of another's table is changed */
    dedup_fixture_close(&f);
}

static void wrong_options_are_refused_by_name(void **state)
{
    (void)state;
    const uint32_t size = (uint32_t)sizeof(struct weir_dedup_options);
    const struct {
        struct weir_dedup_options options;
        enum weir_status status;
        const char *says;
    } cases[] = {
        {{.struct_size = 0}, WEIR_INVALID_ARGUMENT, "WEIR_DEDUP_OPTIONS_INIT"},
        {{.struct_size = size, .retention_s = -2}, WEIR_CONFIG, "retention_s"},
        {{.struct_size = size, .retention_s = INT64_MAX}, WEIR_CONFIG, "retention_s"},
        {{.struct_size = size, .local_cache_max = 1000001}, WEIR_CONFIG, "local_cache_max"},
    };
    struct fixture f;
    dedup_fixture_open(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct weir_dedup *dedup = NULL;
        assert_status(weir_dedup_open(f.client, &cases[i].options, &dedup, &f.err),
                      cases[i].status);
        assert_says(cases[i].says);
        assert_null(dedup);
    }
    dedup_fixture_close(&f);
}

static void wrong_ids_are_refused_by_field(void **state)
{
    (void)state;
    static char long_worker[2050], long_message[1026];
    memset(long_worker, 'w', sizeof(long_worker) - 1);
    memset(long_message, 'm', sizeof(long_message) - 1);
    const struct {
        struct weir_dedup_id id;
        const char *says;
    } cases[] = {
        {id_of("", "m"), "id.worker"},
        {id_of("w", ""), "id.message"},
        {id_of(long_worker, "m"), "id.worker has 2049 bytes: 1 to 2048"},
        {id_of("w", long_message), "id.message has 1025 bytes: 1 to 1024"},
        {id_of("\xff", "m"), "id.worker is not UTF-8"},
        {id_of("w", "\xc0\x80"), "id.message is not UTF-8"},
    };
    struct fixture f;
    dedup_fixture_open(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_status(weir_dedup_commit(f.dedup, &cases[i].id, &f.err), WEIR_INVALID_ARGUMENT);
        assert_says(cases[i].says);
    }
    struct weir_dedup_id longest = {long_worker, 2048, long_message, 1024};
    assert_status(weir_dedup_commit(f.dedup, &longest, &f.err), WEIR_OK);
    assert_status(weir_dedup_commit(f.dedup, NULL, &f.err), WEIR_INVALID_ARGUMENT);
    assert_int_equal(fixture_count(&f, TABLE), 1);
    dedup_fixture_close(&f);
}

static enum weir_status never_run(void *arg, struct weir_error *err)
{
    (void)arg;
    (void)err;
    fail_msg("the handler ran");
    return WEIR_OK;
}

static void test_A7_dedup_that_is_not_open_gives_a_definite_error(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    const char *token = "00000000-0000-4000-8000-000000000000";
    struct weir_dedup *dedup = NULL;
    struct weir_txn *txn = NULL;
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_claim_request request = request_of("w", "m", "p");
    struct weir_claim claim;
    struct weir_claim_result claimed;
    struct weir_dedup_result committed;
    struct weir_dedup_checked checked;
    struct weir_dedup_figures figures;
    enum weir_handled handled;
    int32_t duplicate;
    int64_t until_ms;
    char *json = NULL;
    size_t len;
    assert_status(weir_txn_new(f.client, &txn, &f.err), WEIR_OK);
    assert_status(weir_dedup_open(NULL, NULL, &dedup, &f.err), WEIR_CLOSED);
    assert_null(dedup);
    assert_status(weir_dedup_check(NULL, &id, &duplicate, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_commit(NULL, &id, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_handle(NULL, &id, never_run, NULL, &handled, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_stage(NULL, txn, &id, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_stage(f.dedup, NULL, &id, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_render(NULL, &id, &json, &len, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_claim(NULL, &request, &claim, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_renew(NULL, &id, token, &until_ms, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_complete(NULL, &id, token, NULL, 0, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_release(NULL, &id, token, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_fail(NULL, &id, token, NULL, 0, 0, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_stage_complete(NULL, txn, &id, token, NULL, 0, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_claim_many(NULL, &request, 1, &claimed, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_commit_many(NULL, &id, 1, &committed, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_check_many(NULL, &id, 1, &checked, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_stage_many(NULL, txn, &id, 1, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_stage_many(f.dedup, NULL, &id, 1, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_list(NULL, "w", 1, WEIR_DEDUP_ANY, 1, NULL, 0, &json, &len, &f.err),
                  WEIR_CLOSED);
    assert_status(weir_dedup_purge(NULL, NULL, NULL, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_forget(NULL, &id, &f.err), WEIR_CLOSED);
    assert_status(weir_dedup_commit(NULL, &id, NULL), WEIR_CLOSED);
    weir_dedup_read_figures(NULL, &figures);
    assert_int_equal(figures.misses, 0);
    assert_int_equal(weir_txn_count(txn), 0);
    assert_null(json);
    weir_txn_free(txn);
    weir_dedup_close(NULL);
    dedup_fixture_close(&f);
}

/* An outbox of the same table and keys; its message has the key (w, m). */
static struct weir_outbox *outbox_inside(struct fixture *f)
{
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    struct weir_message message = WEIR_MESSAGE_INIT;
    struct weir_outbox *outbox = NULL;
    options.table = TABLE;
    options.partition_name = "worker_id";
    options.sort_name = "message_id";
    options.ttl_name = "expires_at";
    options.retention_s = 30;
    message.key = (struct weir_text){"w", 1};
    message.id = (struct weir_text){"m", 1};
    message.type = (struct weir_text){"order.placed", 12};
    if (weir_outbox_open(f->client, &options, &outbox, &f->err) != WEIR_OK ||
        weir_outbox_add(outbox, &message, NULL, &f->err) != WEIR_OK) {
        fail_msg("%s", f->err.message);
    }
    return outbox;
}

static unsigned pending_count(struct fixture *f, struct weir_outbox *outbox)
{
    struct weir_outbox_stats stats;
    assert_int_equal(weir_outbox_stats(outbox, &stats, &f->err), WEIR_OK);
    return (unsigned)stats.pending;
}

static void test_A8_claims_and_an_outbox_share_the_table_without_taking_rows(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_outbox *outbox = outbox_inside(&f);
    struct weir_dedup_id taken = id_of("w", "m"), free_id = id_of("w", "m2");
    struct weir_claim_request request = request_of("w", "m", "p");
    struct weir_claim claim;
    int32_t duplicate = -1;
    for (int published = 0; published < 2; published++) {
        const struct weir_value *before = fixture_row(&f, "w", "m");
        assert_status(weir_dedup_check(f.dedup, &taken, &duplicate, &f.err), WEIR_CONFIG);
        assert_says("message m of worker w is a message of an outbox");
        assert_status(weir_dedup_commit(f.dedup, &taken, &f.err), WEIR_CONFIG);
        assert_status(weir_dedup_claim(f.dedup, &request, &claim, &f.err), WEIR_CONFIG);
        assert_status(weir_dedup_forget(f.dedup, &taken, &f.err), WEIR_NOT_FOUND);
        assert_true(value_equal(before, fixture_row(&f, "w", "m")));
        /* Then published, and past its retention, where a row of ours would be free. */
        assert_status(weir_outbox_mark(outbox, "w", 1, "m", 1, &f.err), WEIR_OK);
        env_fake_advance(f.clock, 60000);
    }
    assert_int_equal(duplicate, -1);
    assert_status(weir_dedup_commit(f.dedup, &free_id, &f.err), WEIR_OK);
    (void)fixture_claim(&f, f.dedup, "w", "m3", WEIR_CLAIM_ACQUIRED);
    assert_int_equal(pending_count(&f, outbox), 0);
    assert_false(
        outbox_is_message(&outbox->layout, fixture_row(&f, "w", "m2"))); /* the feed's question */
    assert_false(outbox_is_message(&outbox->layout, fixture_row(&f, "w", "m3")));
    weir_outbox_close(outbox);
    dedup_fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_A1_table_has_its_keys_billing_and_ttl),
        cmocka_unit_test(test_A1_second_creation_changes_nothing),
        cmocka_unit_test(test_A3_missing_table_with_creation_off),
        cmocka_unit_test(test_A3_instances_that_start_at_once_all_succeed),
        cmocka_unit_test(table_of_other_keys_is_refused),
        cmocka_unit_test(wrong_options_are_refused_by_name),
        cmocka_unit_test(wrong_ids_are_refused_by_field),
        cmocka_unit_test(test_A7_dedup_that_is_not_open_gives_a_definite_error),
        cmocka_unit_test(test_A8_claims_and_an_outbox_share_the_table_without_taking_rows),
    };
    return fixture_run("table", tests, sizeof(tests) / sizeof(tests[0]));
}
