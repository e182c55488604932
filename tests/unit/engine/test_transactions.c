/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions: all or nothing, reasons by position, and tokens on a clock that is turned. */
#include "engine_test.h"

#define COUNT(ops) (uint32_t)(sizeof(ops) / sizeof((ops)[0]))

static void test_B5_a_transaction_applies_all_its_operations(void **state)
{
    struct fixture *f = *state;
    test_create(f, "orders", false, ENGINE_VIEW_KEYS_ONLY);
    test_create(f, "outbox", true, ENGINE_VIEW_KEYS_ONLY);
    (void)test_put(f, "orders", "{'pk':{'S':'old'}}");
    (void)test_put(f, "orders", "{'pk':{'S':'guard'}}");
    struct test_op ops[] = {
        {.kind = ENGINE_PUT, .table = "orders", .item = "{'pk':{'S':'o1'}}"},
        {.kind = ENGINE_PUT, .table = "outbox", .item = "{'pk':{'S':'o1'},'sk':{'S':'m1'}}"},
        {.kind = ENGINE_UPDATE,
         .table = "orders",
         .item = "{'pk':{'S':'o2'}}",
         .update = "SET n = :n",
         .values = "{':n':{'N':'1'}}"},
        {.kind = ENGINE_DELETE, .table = "orders", .item = "{'pk':{'S':'old'}}"},
        {.kind = ENGINE_CHECK,
         .table = "orders",
         .item = "{'pk':{'S':'guard'}}",
         .condition = "attribute_exists(pk)"},
    };
    assert_int_equal(test_transact(f, ops, COUNT(ops), NULL, 0)->status, WEIR_OK);
    assert_string_equal(test_get(f, "orders", "{'pk':{'S':'o1'}}"), "{'pk':{'S':'o1'}}");
    assert_string_equal(test_get(f, "orders", "{'pk':{'S':'o2'}}"),
                        "{'n':{'N':'1'},'pk':{'S':'o2'}}");
    assert_string_equal(test_get(f, "orders", "{'pk':{'S':'old'}}"), "");
    assert_string_equal(test_get(f, "outbox", "{'pk':{'S':'o1'},'sk':{'S':'m1'}}"),
                        "{'pk':{'S':'o1'},'sk':{'S':'m1'}}");
    uint32_t count;
    (void)test_records(f, "orders", &count);
    assert_int_equal(count, 2 + 3);
    (void)test_records(f, "outbox", &count);
    assert_int_equal(count, 1);
}

static void test_B5_a_cancelled_transaction_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    test_create(f, "orders", false, ENGINE_VIEW_KEYS_ONLY);
    (void)test_put(f, "orders", "{'pk':{'S':'there'},'n':{'N':'7'}}");
    uint64_t before = engine_committed_seq(f->engine);
    struct test_op ops[] = {
        {.kind = ENGINE_PUT, .table = "orders", .item = "{'pk':{'S':'new'}}"},
        {.kind = ENGINE_PUT,
         .table = "orders",
         .item = "{'pk':{'S':'there'}}",
         .condition = "attribute_not_exists(pk)"},
        {.kind = ENGINE_DELETE, .table = "orders", .item = "{'pk':{'S':'none'}}"},
    };
    struct engine_request *request = test_transact(f, ops, COUNT(ops), "token", 1);
    assert_int_equal(request->status, WEIR_TXN_CANCELED);
    assert_string_equal(request->error.message,
                        "Transaction cancelled, please refer cancellation reasons for specific "
                        "reasons [None, ConditionalCheckFailed, None]");
    assert_int_equal(request->ops[0].status, WEIR_OK);
    assert_int_equal(request->ops[1].status, WEIR_CONDITION_FAILED);
    assert_string_equal(test_value_text(f, request->ops[1].old_item),
                        "{'n':{'N':'7'},'pk':{'S':'there'}}");
    assert_string_equal(test_get(f, "orders", "{'pk':{'S':'new'}}"), "");
    assert_true(engine_committed_seq(f->engine) == before);
    uint32_t count;
    (void)test_records(f, "orders", &count);
    assert_int_equal(count, 1);

    ops[1].condition = NULL; /* nor is its token remembered */
    request = test_transact(f, ops, COUNT(ops), "token", 2);
    assert_int_equal(request->status, WEIR_OK);
    assert_false(request->repeated);
}

static void every_operation_sees_the_items_before_the_transaction(void **state)
{
    struct fixture *f = *state;
    test_create(f, "orders", false, TEST_NO_STREAM);
    struct test_op ops[] = {
        {.kind = ENGINE_PUT, .table = "orders", .item = "{'pk':{'S':'a'}}"},
        {.kind = ENGINE_CHECK,
         .table = "orders",
         .item = "{'pk':{'S':'b'}}",
         .condition = "attribute_exists(pk)"},
        {.kind = ENGINE_PUT, .table = "orders", .item = "{'pk':{'S':'c'}}"},
    };
    assert_int_equal(test_transact(f, ops, COUNT(ops), NULL, 0)->status, WEIR_TXN_CANCELED);
    ops[1].condition = "attribute_not_exists(pk)";
    assert_int_equal(test_transact(f, ops, COUNT(ops), NULL, 0)->status, WEIR_OK);
}

static void two_operations_on_one_item_are_refused(void **state)
{
    struct fixture *f = *state;
    test_create(f, "orders", false, TEST_NO_STREAM);
    struct test_op ops[] = {
        {.kind = ENGINE_PUT, .table = "orders", .item = "{'pk':{'S':'a'}}"},
        {.kind = ENGINE_DELETE, .table = "orders", .item = "{'pk':{'S':'a'}}"},
    };
    struct engine_request *request = test_transact(f, ops, COUNT(ops), NULL, 0);
    assert_int_equal(request->status, WEIR_VALIDATION);
    assert_string_equal(request->error.message,
                        "Transaction request cannot include multiple operations on one item");
    assert_string_equal(test_get(f, "orders", "{'pk':{'S':'a'}}"), "");
}

static struct engine_request *add_one(struct fixture *f, const char *token, uint8_t hash)
{
    struct test_op ops[] = {{.kind = ENGINE_UPDATE,
                             .table = "orders",
                             .item = "{'pk':{'S':'a'}}",
                             .update = "ADD n :one",
                             .values = "{':one':{'N':'1'}}"}};
    return test_transact(f, ops, 1, token, hash);
}

static const char *sum(struct fixture *f)
{
    return test_get(f, "orders", "{'pk':{'S':'a'}}");
}

static void a_token_takes_effect_once_within_ten_minutes_across_reopening(void **state)
{
    struct fixture *f = *state;
    test_create(f, "orders", false, TEST_NO_STREAM);
    assert_int_equal(add_one(f, "t", 1)->status, WEIR_OK);
    env_fake_advance(f->env, LIMIT_TRANSACT_TOKEN_MS - 1);
    test_reopen(f);
    struct engine_request *again = add_one(f, "t", 1);
    assert_int_equal(again->status, WEIR_OK);
    assert_true(again->repeated);
    assert_string_equal(sum(f), "{'n':{'N':'1'},'pk':{'S':'a'}}");
    assert_int_equal(add_one(f, "t", 2)->status, WEIR_IDEMPOTENT_MISMATCH);

    env_fake_advance(f->env, 1);
    again = add_one(f, "t", 2);
    assert_int_equal(again->status, WEIR_OK);
    assert_false(again->repeated);
    assert_string_equal(sum(f), "{'n':{'N':'2'},'pk':{'S':'a'}}");
}

static void a_token_used_again_after_it_expired_is_not_swept_with_its_old_use(void **state)
{
    struct fixture *f = *state;
    test_create(f, "orders", false, TEST_NO_STREAM);
    (void)add_one(f, "t", 1);
    env_fake_advance(f->env, LIMIT_TRANSACT_TOKEN_MS - 30000);
    (void)engine_turn(f->engine); /* sweeps, so that the next use comes before the next sweep */
    env_fake_advance(f->env, 30000);
    assert_false(add_one(f, "t", 1)->repeated);
    env_fake_advance(f->env, 120 * 1000);
    (void)engine_turn(f->engine);
    assert_true(add_one(f, "t", 1)->repeated);
}

static void an_expired_token_s_rows_are_deleted(void **state)
{
    struct fixture *f = *state;
    test_create(f, "orders", false, TEST_NO_STREAM);
    (void)add_one(f, NULL, 0);
    uint32_t before = test_stored_rows(f, KV_META);
    (void)add_one(f, "t", 1);
    (void)add_one(f, "u", 1);
    assert_int_equal(test_stored_rows(f, KV_META), f->mem == NULL ? 0 : before + 2);
    env_fake_advance(f->env, LIMIT_TRANSACT_TOKEN_MS - 1);
    (void)engine_turn(f->engine);
    assert_int_equal(test_stored_rows(f, KV_META), f->mem == NULL ? 0 : before + 2);
    env_fake_advance(f->env, 60 * 1000);
    (void)engine_turn(f->engine);
    assert_int_equal(test_stored_rows(f, KV_META), before);
}

static void repeated_and_done(struct engine_request *request)
{
    *(int *)request->arg += request->repeated ? 10 : 1;
}

static void a_repeat_within_the_open_batch_is_seen(void **state)
{
    struct fixture *f = *state;
    test_create(f, "orders", false, TEST_NO_STREAM);
    struct test_op op = {.kind = ENGINE_UPDATE,
                         .table = "orders",
                         .item = "{'pk':{'S':'a'}}",
                         .update = "ADD n :one",
                         .values = "{':one':{'N':'1'}}"};
    struct engine_request *requests[2];
    int done = 0;
    for (int i = 0; i < 2; i++) {
        requests[i] = test_request(f, ENGINE_TRANSACTION);
        requests[i]->ops = ARENA_NEW(f->a, struct engine_op);
        requests[i]->op_count = 1;
        requests[i]->token = BYTES_LIT("t");
        requests[i]->done = repeated_and_done;
        requests[i]->arg = &done;
        assert_int_equal(test_prepare(f, &op, requests[i]->ops, NULL), WEIR_OK);
        assert_int_equal(engine_submit(f->engine, requests[i], NULL), WEIR_OK);
    }
    while (engine_turn(f->engine)) {
    }
    assert_int_equal(done, 11);
    engine_op_fini(requests[0]->ops);
    engine_op_fini(requests[1]->ops);
    assert_string_equal(sum(f), "{'n':{'N':'1'},'pk':{'S':'a'}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_B5_a_transaction_applies_all_its_operations),
        TEST(test_B5_a_cancelled_transaction_leaves_no_trace),
        TEST(every_operation_sees_the_items_before_the_transaction),
        TEST(two_operations_on_one_item_are_refused),
        TEST(a_token_takes_effect_once_within_ten_minutes_across_reopening),
        TEST(a_token_used_again_after_it_expired_is_not_swept_with_its_old_use),
        TEST(an_expired_token_s_rows_are_deleted),
        TEST(a_repeat_within_the_open_batch_is_seen),
    };
    return RUN_BOTH(tests);
}
