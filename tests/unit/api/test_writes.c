/* SPDX-License-Identifier: Apache-2.0 */
/* Writes, batches and transactions: happy paths, main errors, tokens on a turned clock. */
#include "api_test.h"

#define ADD_ONE                                                                           \
    "{'TransactItems':[{'Update':{'TableName':'tab','Key':{'pk':{'S':'a'}},"              \
    "'UpdateExpression':'ADD n :one','ExpressionAttributeValues':{':one':{'N':'%s'}}}}]," \
    "'ClientRequestToken':'%s'}"

static const char *get_a(struct fixture *f)
{
    return test_body(f, test_run(f, "GetItem", "{'TableName':'tab','Key':{'pk':{'S':'a'}}}"));
}

static void transact(struct fixture *f, const char *number, const char *token,
                     enum weir_status status)
{
    struct api_call *call =
        test_run(f, "TransactWriteItems", arena_printf(f->a, ADD_ONE, number, token));
    assert_string_equal(weir_status_name(call->status), weir_status_name(status));
}

static void test_repeat_of_a_token_has_no_effect(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    transact(f, "1", "t", WEIR_OK);
    transact(f, "1", "t", WEIR_OK);
    transact(f, "1.0", "t", WEIR_OK);
    assert_string_equal(get_a(f), "{'Item':{'n':{'N':'1'},'pk':{'S':'a'}}}");
}

static void test_token_is_forgotten_after_ten_minutes(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    transact(f, "1", "t", WEIR_OK);
    env_fake_advance(f->env, LIMIT_TRANSACT_TOKEN_MS - 1);
    transact(f, "1", "t", WEIR_OK);
    assert_string_equal(get_a(f), "{'Item':{'n':{'N':'1'},'pk':{'S':'a'}}}");
    env_fake_advance(f->env, 1);
    transact(f, "1", "t", WEIR_OK);
    assert_string_equal(get_a(f), "{'Item':{'n':{'N':'2'},'pk':{'S':'a'}}}");
}

static void test_token_for_another_request_is_a_mismatch(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    transact(f, "1", "t", WEIR_OK);
    transact(f, "2", "t", WEIR_IDEMPOTENT_MISMATCH);
    assert_string_equal(get_a(f), "{'Item':{'n':{'N':'1'},'pk':{'S':'a'}}}");
}

static void test_repeats_in_one_turn_are_one(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    struct api_call *calls[3];
    for (int i = 0; i < 3; i++) {
        calls[i] = test_call(f, arena_printf(f->a, ADD_ONE, "1", "t"));
        assert_int_equal(api_start_named(f->api, calls[i], BYTES_LIT("TransactWriteItems")),
                         API_WAITING);
    }
    test_turn(f);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(api_resume(calls[i]), API_DONE);
        assert_int_equal(calls[i]->status, WEIR_OK);
    }
    assert_string_equal(get_a(f), "{'Item':{'n':{'N':'1'},'pk':{'S':'a'}}}");
}

static void test_canceled_transaction_renders_its_reasons(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    test_put(f, "a");
    struct api_call *call =
        test_run(f, "TransactWriteItems",
                 "{'TransactItems':[{'Put':{'TableName':'tab','Item':{'pk':{'S':'b'}}}},{'Put':{"
                 "'TableName':'tab','Item':{'pk':{'S':'a'}},'ConditionExpression':"
                 "'attribute_not_exists(pk)','ReturnValuesOnConditionCheckFailure':'ALL_OLD'}}]}");
    assert_string_equal(
        test_body(f, call),
        "{'__type':'com.amazonaws.dynamodb.v20120810#TransactionCanceledException','Message':"
        "'Transaction cancelled, please refer cancellation reasons for specific reasons [None, "
        "ConditionalCheckFailed]','CancellationReasons':[{'Code':'None'},{'Code':"
        "'ConditionalCheckFailed','Message':'The conditional request failed','Item':{'pk':{'S':"
        "'a'}}}]}");
}

static void test_failed_condition_renders_its_item(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    test_put(f, "a");
    struct api_call *call =
        test_run(f, "DeleteItem",
                 "{'TableName':'tab','Key':{'pk':{'S':'a'}},'ConditionExpression':"
                 "'attribute_exists(x)','ReturnValuesOnConditionCheckFailure':'ALL_OLD'}");
    assert_string_equal(
        test_body(f, call),
        "{'__type':'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException','message':"
        "'The conditional request failed','Item':{'pk':{'S':'a'}}}");
}

static void test_batch_always_has_unprocessed_items(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    struct api_call *call = test_run(
        f, "BatchWriteItem", "{'RequestItems':{'tab':[{'PutRequest':{'Item':{'pk':{'S':'a'}}}}]}}");
    assert_string_equal(test_body(f, call), "{'UnprocessedItems':{}}");
}

static void test_batch_get_always_has_unprocessed_keys(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    test_put(f, "a");
    struct api_call *call = test_run(
        f, "BatchGetItem", "{'RequestItems':{'tab':{'Keys':[{'pk':{'S':'a'}},{'pk':{'S':'b'}}]}}}");
    assert_string_equal(test_body(f, call),
                        "{'Responses':{'tab':[{'pk':{'S':'a'}}]},'UnprocessedKeys':{}}");
}

static void test_update_answers_with_the_images_asked_for(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    test_put(f, "a");
    struct api_call *call =
        test_run(f, "UpdateItem",
                 "{'TableName':'tab','Key':{'pk':{'S':'a'}},'UpdateExpression':'SET v = :v',"
                 "'ExpressionAttributeValues':{':v':{'N':'1'}},'ReturnValues':'UPDATED_NEW',"
                 "'ReturnConsumedCapacity':'INDEXES'}");
    assert_string_equal(test_body(f, call),
                        "{'Attributes':{'v':{'N':'1'}},'ConsumedCapacity':{'TableName':'tab',"
                        "'CapacityUnits':1.0,'Table':{'CapacityUnits':1.0}}}");
}

static void test_query_answers_with_counts(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    test_put(f, "a");
    struct api_call *call = test_run(f, "Query",
                                     "{'TableName':'tab','KeyConditionExpression':'pk = :p',"
                                     "'ExpressionAttributeValues':{':p':{'S':'a'}}}");
    assert_string_equal(test_body(f, call),
                        "{'Items':[{'pk':{'S':'a'}}],'Count':1,'ScannedCount':1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_repeat_of_a_token_has_no_effect),
        TEST(test_token_is_forgotten_after_ten_minutes),
        TEST(test_token_for_another_request_is_a_mismatch),
        TEST(test_repeats_in_one_turn_are_one),
        TEST(test_canceled_transaction_renders_its_reasons),
        TEST(test_failed_condition_renders_its_item),
        TEST(test_batch_always_has_unprocessed_items),
        TEST(test_batch_get_always_has_unprocessed_keys),
        TEST(test_update_answers_with_the_images_asked_for),
        TEST(test_query_answers_with_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
