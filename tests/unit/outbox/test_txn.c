/* SPDX-License-Identifier: Apache-2.0 */
/* Messages beside the caller's own writes in one transaction. */
#include "unit/outbox/outbox_fixture.h"

#define ORDERS                                                                       \
    "{\"TableName\":\"orders\",\"BillingMode\":\"PAY_PER_REQUEST\","                 \
    "\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}]," \
    "\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}]}"
#define ORDER(id) "{\"pk\":{\"S\":\"" id "\"}}"
#define NEW_ORDER(id)                                     \
    "{\"Put\":{\"TableName\":\"orders\",\"Item\":" ORDER( \
        id) ","                                           \
            "\"ConditionExpression\":\"attribute_not_exists(pk)\"}}"

struct shop {
    struct fixture f;
    struct weir_outbox *outbox;
    struct weir_txn *txn;
};

static void shop_open(struct shop *s)
{
    fixture_open(&s->f);
    s->outbox = fixture_outbox(&s->f, NULL);
    (void)fixture_call(&s->f, "CreateTable", ORDERS);
    assert_int_equal(weir_txn_new(s->f.client, &s->txn, &s->f.err), WEIR_OK);
}

static void shop_close(struct shop *s)
{
    weir_txn_free(s->txn);
    weir_outbox_close(s->outbox);
    fixture_close(&s->f);
}

static void order(struct shop *s, const char *json)
{
    assert_int_equal(weir_txn_add(s->txn, json, strlen(json), &s->f.err), WEIR_OK);
}

static void stage(struct shop *s, const char *key, const char *id)
{
    struct weir_message message = message_of(key, id);
    if (weir_outbox_stage(s->outbox, s->txn, &message, NULL, &s->f.err) != WEIR_OK) {
        fail_msg("%s", s->f.err.message);
    }
}

static void assert_commit(struct shop *s, enum weir_status wanted)
{
    enum weir_status status = weir_txn_commit(s->txn, &s->f.err);
    if (status != wanted) {
        fail_msg("%s: %s", weir_status_name(status), s->f.err.message);
    }
}

static void assert_counts(struct shop *s, unsigned orders, unsigned messages)
{
    assert_int_equal(fixture_count(&s->f, "orders"), orders);
    assert_int_equal(fixture_count(&s->f, "outbox"), messages);
}

static void test_B5_writes_and_messages_commit_together(void **state)
{
    (void)state;
    struct shop s;
    shop_open(&s);
    order(&s, NEW_ORDER("o1"));
    stage(&s, "o1", "m1");
    stage(&s, "o1", "m2");
    assert_counts(&s, 0, 0);
    assert_commit(&s, WEIR_OK);
    assert_counts(&s, 1, 2);
    assert_int_equal(weir_txn_count(s.txn), 0);
    shop_close(&s);
}

static void test_B5_without_commit_nothing_is_written_and_empty_is_a_no_op(void **state)
{
    (void)state;
    struct shop s;
    shop_open(&s);
    assert_commit(&s, WEIR_OK);
    order(&s, NEW_ORDER("o1"));
    stage(&s, "o1", "m1");
    weir_txn_free(s.txn);
    s.txn = NULL;
    assert_counts(&s, 0, 0);
    shop_close(&s);
}

static void test_B5_failing_condition_of_the_caller_leaves_no_message(void **state)
{
    (void)state;
    struct shop s;
    shop_open(&s);
    order(&s, NEW_ORDER("o1"));
    assert_commit(&s, WEIR_OK);
    stage(&s, "o2", "m1");
    order(&s, NEW_ORDER("o2"));
    order(&s, NEW_ORDER("o1"));
    assert_commit(&s, WEIR_CONDITION_FAILED);
    assert_int_equal(weir_txn_failed_index(s.txn), 2);
    assert_int_equal(s.f.err.outcome, WEIR_NOT_APPLIED);
    assert_counts(&s, 1, 0);
    assert_int_equal(weir_txn_count(s.txn), 0); /* cleared by failure too */
    assert_commit(&s, WEIR_OK);
    assert_counts(&s, 1, 0);
    shop_close(&s);
}

static void test_B4_staged_id_that_exists_writes_nothing(void **state)
{
    (void)state;
    struct shop s;
    shop_open(&s);
    struct weir_message there = message_of("o1", "m1");
    there.payload = text("first");
    assert_int_equal(weir_outbox_add(s.outbox, &there, NULL, &s.f.err), WEIR_OK);
    for (int published = 0; published < 2; published++) {
        const struct weir_value *before = fixture_row(&s.f, "outbox", "o1", "m1");
        order(&s, NEW_ORDER("o1"));
        stage(&s, "o1", "m0");
        stage(&s, "o1", "m1");
        assert_commit(&s, WEIR_ALREADY_EXISTS);
        assert_int_equal(weir_txn_failed_index(s.txn), 2);
        assert_counts(&s, 0, 1);
        assert_true(value_equal(before, fixture_row(&s.f, "outbox", "o1", "m1")));
        assert_int_equal(weir_outbox_mark(s.outbox, "o1", 2, "m1", 2, &s.f.err), WEIR_OK);
    }
    shop_close(&s);
}

static void test_B6_error_is_that_of_the_first_failing_element(void **state)
{
    (void)state;
    struct shop s;
    shop_open(&s);
    order(&s, NEW_ORDER("o1"));
    stage(&s, "o1", "m1");
    assert_commit(&s, WEIR_OK);
    order(&s, NEW_ORDER("o1"));
    stage(&s, "o1", "m1");
    assert_commit(&s, WEIR_CONDITION_FAILED);
    assert_int_equal(weir_txn_failed_index(s.txn), 0);
    stage(&s, "o1", "m1");
    order(&s, NEW_ORDER("o1"));
    assert_commit(&s, WEIR_ALREADY_EXISTS);
    assert_int_equal(weir_txn_failed_index(s.txn), 0);
    shop_close(&s);
}

static void assert_place(struct shop *s, const char *key, const char *id, const char *position,
                         const char *of)
{
    const struct weir_value *row = fixture_row(&s->f, "outbox", key, id);
    assert_non_null(row);
    assert_string_equal(fixture_text(&s->f, row, "position"), position);
    assert_string_equal(fixture_text(&s->f, row, "of"), of);
}

static void test_E9_places_are_counted_per_key_and_transaction(void **state)
{
    (void)state;
    struct shop s;
    shop_open(&s);
    stage(&s, "a", "z");
    order(&s, NEW_ORDER("o1"));
    stage(&s, "b", "only");
    stage(&s, "a", "y");
    stage(&s, "a", "x");
    assert_commit(&s, WEIR_OK);
    stage(&s, "a", "later");
    assert_commit(&s, WEIR_OK);
    assert_place(&s, "a", "z", "1", "3");
    assert_place(&s, "a", "y", "2", "3");
    assert_place(&s, "a", "x", "3", "3");
    assert_place(&s, "b", "only", "", "");
    assert_place(&s, "a", "later", "", "");
    shop_close(&s);
}

static void test_E9_hundred_messages_of_one_key_get_their_places(void **state)
{
    (void)state;
    struct shop s;
    shop_open(&s);
    for (unsigned i = 1; i <= 100; i++) {
        stage(&s, "k", arena_printf(s.f.arena, "m%u", i));
    }
    struct weir_message surplus = message_of("k", "m101");
    assert_int_equal(weir_outbox_stage(s.outbox, s.txn, &surplus, NULL, &s.f.err), WEIR_TOO_LARGE);
    assert_int_equal(weir_txn_count(s.txn), 100);
    assert_commit(&s, WEIR_OK);
    assert_counts(&s, 0, 100);
    assert_place(&s, "k", "m1", "1", "100");
    assert_place(&s, "k", "m10", "10", "100");
    assert_place(&s, "k", "m100", "100", "100");
    shop_close(&s);
}

static void staged_messages_need_neither_the_callers_texts_nor_the_handle(void **state)
{
    (void)state;
    struct shop s;
    shop_open(&s);
    char *key = strdup("k"), *payload = strdup("abc");
    struct weir_message message = message_of(key, NULL);
    message.payload = text(payload);
    char id[WEIR_MESSAGE_ID_MAX + 1];
    assert_int_equal(weir_outbox_stage(s.outbox, s.txn, &message, id, &s.f.err), WEIR_OK);
    memset(key, '#', 1);
    memset(payload, '#', 3);
    free(key);
    free(payload);
    weir_outbox_close(s.outbox);
    s.outbox = NULL;
    assert_commit(&s, WEIR_OK);
    const struct weir_value *row = fixture_row(&s.f, "outbox", "k", id);
    assert_string_equal(fixture_text(&s.f, row, "payload"), "YWJj");
    shop_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_B5_writes_and_messages_commit_together),
        cmocka_unit_test(test_B5_without_commit_nothing_is_written_and_empty_is_a_no_op),
        cmocka_unit_test(test_B5_failing_condition_of_the_caller_leaves_no_message),
        cmocka_unit_test(test_B4_staged_id_that_exists_writes_nothing),
        cmocka_unit_test(test_B6_error_is_that_of_the_first_failing_element),
        cmocka_unit_test(test_E9_places_are_counted_per_key_and_transaction),
        cmocka_unit_test(test_E9_hundred_messages_of_one_key_get_their_places),
        cmocka_unit_test(staged_messages_need_neither_the_callers_texts_nor_the_handle),
    };
    return fixture_run("txn", tests, sizeof(tests) / sizeof(tests[0]));
}
