/* SPDX-License-Identifier: Apache-2.0 */
/* The dedup row beside the consumer's own writes in one transaction. */
#include "unit/dedup/dedup_fixture.h"

#define EFFECTS                                                                      \
    "{\"TableName\":\"effects\",\"BillingMode\":\"PAY_PER_REQUEST\","                \
    "\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}]," \
    "\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}]}"

struct consumer {
    struct fixture f;
    struct weir_txn *txn;
};

static void consumer_open(struct consumer *c)
{
    dedup_fixture_open(&c->f);
    (void)fixture_call(&c->f, "CreateTable", EFFECTS);
    assert_int_equal(weir_txn_new(c->f.client, &c->txn, &c->f.err), WEIR_OK);
}

static void consumer_close(struct consumer *c)
{
    weir_txn_free(c->txn);
    dedup_fixture_close(&c->f);
}

static void add_effect(struct consumer *c, const char *key)
{
    char *item = arena_printf(c->f.arena, "{\"pk\":{\"S\":\"%s\"}}", key);
    assert_int_equal(weir_txn_put(c->txn, "effects", 7, item, strlen(item), &c->f.err), WEIR_OK);
}

static void stage(struct consumer *c, const char *worker, const char *message)
{
    struct weir_dedup_id id = id_of(worker, message);
    if (weir_dedup_stage(c->f.dedup, c->txn, &id, &c->f.err) != WEIR_OK) {
        fail_msg("%s", c->f.err.message);
    }
}

static void assert_commit(struct consumer *c, enum weir_status wanted, int32_t failed_index)
{
    enum weir_status status = weir_txn_commit(c->txn, &c->f.err);
    if (status != wanted) {
        fail_msg("%s: %s", weir_status_name(status), c->f.err.message);
    }
    assert_int_equal(weir_txn_failed_index(c->txn), failed_index);
    assert_int_equal(weir_txn_count(c->txn), 0);
}

static void assert_counts(struct consumer *c, unsigned effects, unsigned rows)
{
    assert_int_equal(fixture_count(&c->f, "effects"), effects);
    assert_int_equal(fixture_count(&c->f, TABLE), rows);
}

static void test_B5_row_and_effects_commit_together_or_not_at_all(void **state)
{
    (void)state;
    struct consumer c;
    consumer_open(&c);
    stage(&c, "w", "m");
    add_effect(&c, "e1");
    assert_counts(&c, 0, 0);
    weir_txn_free(c.txn); /* left without commit */
    assert_int_equal(weir_txn_new(c.f.client, &c.txn, &c.f.err), WEIR_OK);
    assert_counts(&c, 0, 0);
    stage(&c, "w", "m");
    add_effect(&c, "e1");
    assert_commit(&c, WEIR_OK, -1);
    assert_counts(&c, 1, 1);
    consumer_close(&c);
}

static void test_H6_duplicate_is_found_by_the_read(void **state)
{
    (void)state;
    struct consumer c;
    consumer_open(&c);
    struct weir_dedup_id id = id_of("w", "m");
    int32_t duplicate = -1;
    stage(&c, "w", "m");
    add_effect(&c, "e1");
    assert_commit(&c, WEIR_OK, -1);
    assert_int_equal(weir_dedup_check(c.f.dedup, &id, &duplicate, &c.f.err), WEIR_OK);
    assert_int_equal(duplicate, 1);
    (void)fixture_claim(&c.f, c.f.dedup, "w", "m", WEIR_CLAIM_COMPLETED);
    consumer_close(&c);
}

static void test_H6_duplicate_is_found_at_commit_and_no_effect_is_applied(void **state)
{
    (void)state;
    struct consumer c;
    consumer_open(&c);
    stage(&c, "w", "m");
    add_effect(&c, "e1");
    assert_commit(&c, WEIR_OK, -1);
    add_effect(&c, "e2");
    stage(&c, "w", "m");
    assert_commit(&c, WEIR_ALREADY_EXISTS, 1);
    assert_int_equal(c.f.err.outcome, WEIR_NOT_APPLIED);
    assert_counts(&c, 1, 1);
    stage(&c, "another", "m");
    add_effect(&c, "e3");
    assert_commit(&c, WEIR_OK, -1);
    assert_counts(&c, 2, 2);
    consumer_close(&c);
}

static void test_B6_first_failing_element_decides_the_error(void **state)
{
    (void)state;
    struct consumer c;
    consumer_open(&c);
    static const char refused[] = "{\"Put\":{\"TableName\":\"effects\",\"Item\":{\"pk\":{\"S\":"
                                  "\"e\"}},\"ConditionExpression\":\"attribute_exists(pk)\"}}";
    stage(&c, "w", "m");
    assert_commit(&c, WEIR_OK, -1);
    stage(&c, "w", "m");
    assert_int_equal(weir_txn_add(c.txn, refused, sizeof(refused) - 1, &c.f.err), WEIR_OK);
    assert_commit(&c, WEIR_ALREADY_EXISTS, 0);
    assert_int_equal(weir_txn_add(c.txn, refused, sizeof(refused) - 1, &c.f.err), WEIR_OK);
    stage(&c, "w", "m");
    assert_commit(&c, WEIR_CONDITION_FAILED, 0);
    assert_counts(&c, 0, 1);
    consumer_close(&c);
}

static void test_H3_expired_row_does_not_refuse_the_transaction(void **state)
{
    (void)state;
    struct consumer c;
    consumer_open(&c);
    stage(&c, "w", "m");
    assert_commit(&c, WEIR_OK, -1);
    env_fake_advance(c.f.clock, 3602 * 1000);
    stage(&c, "w", "m");
    add_effect(&c, "e1");
    assert_commit(&c, WEIR_OK, -1);
    assert_counts(&c, 1, 1);
    consumer_close(&c);
}

static void running_claim_refuses_the_transaction_until_its_lease_ends(void **state)
{
    (void)state;
    struct consumer c;
    consumer_open(&c);
    (void)fixture_claim(&c.f, c.f.dedup, "w", "m", WEIR_CLAIM_ACQUIRED);
    stage(&c, "w", "m");
    add_effect(&c, "e1");
    assert_commit(&c, WEIR_ALREADY_EXISTS, 0);
    env_fake_advance(c.f.clock, 60001);
    stage(&c, "w", "m");
    add_effect(&c, "e1");
    assert_commit(&c, WEIR_OK, -1);
    assert_counts(&c, 1, 1);
    consumer_close(&c);
}

static void stage_complete(struct consumer *c, const char *token)
{
    struct weir_dedup_id id = id_of("w", "m");
    char *held = strdup(token), *result = strdup("result");
    if (weir_dedup_stage_complete(c->f.dedup, c->txn, &id, held, result, 6, &c->f.err) != WEIR_OK) {
        fail_msg("%s", c->f.err.message);
    }
    memset(held, '#', strlen(held)); /* the transaction needs neither any more */
    memset(result, '#', 6);
    free(held);
    free(result);
}

static void test_H6_completion_of_a_claim_commits_with_its_effects(void **state)
{
    (void)state;
    struct consumer c;
    consumer_open(&c);
    struct weir_claim claim = fixture_claim(&c.f, c.f.dedup, "w", "m", WEIR_CLAIM_ACQUIRED);
    add_effect(&c, "e1");
    stage_complete(&c, claim.token);
    assert_commit(&c, WEIR_OK, -1);
    assert_counts(&c, 1, 1);
    struct weir_claim again = fixture_claim(&c.f, c.f.dedup, "w", "m", WEIR_CLAIM_COMPLETED);
    assert_int_equal(again.result_len, 6);
    assert_memory_equal(again.result, "result", 6);
    weir_free(again.result);
    consumer_close(&c);
}

static void test_H6_stalled_holder_applies_no_effect(void **state)
{
    (void)state;
    struct consumer c;
    consumer_open(&c);
    struct weir_claim stalled = fixture_claim(&c.f, c.f.dedup, "w", "m", WEIR_CLAIM_ACQUIRED);
    env_fake_advance(c.f.clock, 60001);
    struct weir_claim holder = fixture_claim(&c.f, c.f.dedup, "w", "m", WEIR_CLAIM_ACQUIRED);
    add_effect(&c, "e1");
    stage_complete(&c, stalled.token);
    assert_commit(&c, WEIR_LEASE_LOST, 1);
    assert_counts(&c, 0, 1);
    add_effect(&c, "e1");
    stage_complete(&c, holder.token);
    assert_commit(&c, WEIR_OK, -1);
    assert_counts(&c, 1, 1);
    consumer_close(&c);
}

static void staged_row_needs_neither_the_callers_texts_nor_the_handle(void **state)
{
    (void)state;
    struct consumer c;
    consumer_open(&c);
    char *message = strdup("m");
    stage(&c, "w", message);
    memset(message, '#', 1);
    free(message);
    weir_dedup_close(c.f.dedup);
    c.f.dedup = NULL;
    assert_commit(&c, WEIR_OK, -1);
    assert_non_null(fixture_row(&c.f, "w", "m"));
    consumer_close(&c);
}

/* What another SDK would send. */
static void rendered_element_commits_once(void **state)
{
    (void)state;
    struct consumer c;
    consumer_open(&c);
    struct weir_dedup_id id = id_of("w", "m\"\n");
    for (int i = 0; i < 2; i++) {
        char *json = NULL;
        size_t len = 0;
        assert_int_equal(weir_dedup_render(c.f.dedup, &id, &json, &len, &c.f.err), WEIR_OK);
        assert_int_equal(strlen(json), len);
        assert_int_equal(strncmp(json, "{\"Put\":{", 8), 0);
        add_effect(&c, i == 0 ? "e1" : "e2");
        assert_int_equal(weir_txn_add(c.txn, json, len, &c.f.err), WEIR_OK);
        weir_free(json);
        assert_commit(&c, i == 0 ? WEIR_OK : WEIR_CONDITION_FAILED, i == 0 ? -1 : 1);
        assert_counts(&c, 1, 1);
    }
    consumer_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_B5_row_and_effects_commit_together_or_not_at_all),
        cmocka_unit_test(test_H6_duplicate_is_found_by_the_read),
        cmocka_unit_test(test_H6_duplicate_is_found_at_commit_and_no_effect_is_applied),
        cmocka_unit_test(test_B6_first_failing_element_decides_the_error),
        cmocka_unit_test(test_H3_expired_row_does_not_refuse_the_transaction),
        cmocka_unit_test(running_claim_refuses_the_transaction_until_its_lease_ends),
        cmocka_unit_test(test_H6_completion_of_a_claim_commits_with_its_effects),
        cmocka_unit_test(test_H6_stalled_holder_applies_no_effect),
        cmocka_unit_test(staged_row_needs_neither_the_callers_texts_nor_the_handle),
        cmocka_unit_test(rendered_element_commits_once),
    };
    return fixture_run("txn", tests, sizeof(tests) / sizeof(tests[0]));
}
