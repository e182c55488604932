/* SPDX-License-Identifier: Apache-2.0 */
/* The step function: what waits, what blocks, what is done at once; each on a loop's thread. */
#include "api_test.h"

#include "base/fault.h"

static enum api_progress start(struct fixture *f, struct api_call *call, const char *operation)
{
    return api_start_named(f->api, call, bytes_str(operation));
}

static void test_write_waits_for_the_commit(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    unsigned before = f->wakes;
    struct api_call *call = test_call(f, "{'TableName':'tab','Item':{'pk':{'S':'a'}}}");
    assert_int_equal(start(f, call, "PutItem"), API_WAITING);
    assert_int_equal(f->wakes, before);
    test_turn(f);
    assert_int_equal(f->wakes, before + 1);
    assert_int_equal(api_resume(call), API_DONE);
    assert_string_equal(test_body(f, call), "{}");
}

static void test_writes_of_one_turn_see_each_other(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    const char *request = "{'TableName':'tab','Item':{'pk':{'S':'a'}},"
                          "'ConditionExpression':'attribute_not_exists(pk)'}";
    struct api_call *first = test_call(f, request);
    struct api_call *second = test_call(f, request);
    assert_int_equal(start(f, first, "PutItem"), API_WAITING);
    assert_int_equal(start(f, second, "PutItem"), API_WAITING);
    test_turn(f);
    assert_int_equal(api_resume(first), API_DONE);
    assert_int_equal(api_resume(second), API_DONE);
    assert_int_equal(first->status, WEIR_OK);
    assert_int_equal(second->status, WEIR_CONDITION_FAILED);
}

static void test_refused_write_is_done_at_once(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    struct api_call *call = test_call(f, "{'TableName':'tab','Item':{'x':{'S':'a'}}}");
    assert_int_equal(start(f, call, "PutItem"), API_DONE);
    assert_int_equal(call->status, WEIR_VALIDATION);
    assert_int_equal(call->error.outcome, WEIR_NOT_APPLIED);
}

static void test_cached_get_is_done_at_once(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    test_put(f, "a");
    struct api_call *call = test_call(f, "{'TableName':'tab','Key':{'pk':{'S':'a'}}}");
    assert_int_equal(start(f, call, "GetItem"), API_DONE);
    assert_string_equal(test_body(f, call), "{'Item':{'pk':{'S':'a'}}}");
}

static void test_get_gives_the_stored_bytes_without_decoding(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    test_put(f, "a");
    const struct weir_value *response =
        test_ok(f, "GetItem", "{'TableName':'tab','Key':{'pk':{'S':'a'}}}");
    assert_int_equal(value_get(response, "Item")->form, VALUE_STORED);
}

static void test_reads_of_many_items_block(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *operation, *request;
    } reads[] = {
        {"Query", "{'TableName':'tab','KeyConditionExpression':'pk = :p',"
                  "'ExpressionAttributeValues':{':p':{'S':'a'}}}"},
        {"Scan", "{'TableName':'tab'}"},
        {"BatchGetItem", "{'RequestItems':{'tab':{'Keys':[{'pk':{'S':'a'}}]}}}"},
        {"TransactGetItems",
         "{'TransactItems':[{'Get':{'TableName':'tab','Key':{'pk':{'S':'a'}}}}]}"},
    };
    test_create(f, false);
    test_put(f, "a");
    for (unsigned i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        struct api_call *call = test_call(f, reads[i].request);
        assert_int_equal(start(f, call, reads[i].operation), API_BLOCKING);
        assert_int_equal(api_resume(call), API_DONE);
        assert_int_equal(call->status, WEIR_OK);
        assert_non_null(strstr(test_body(f, call), "{'pk':{'S':'a'}}"));
    }
}

static void test_thread_that_may_block_is_never_asked_to(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    struct api_call *call = test_call(f, "{'TableName':'tab'}");
    call->may_block = true;
    assert_int_equal(start(f, call, "Scan"), API_DONE);
}

static void test_stopped_engine_is_unavailable(void **state)
{
    struct fixture *f = *state;
    struct weir_error err = {0};
    test_create(f, false);
    assert_int_equal(engine_committer_start(f->engine, &err), WEIR_OK);
    engine_committer_stop(f->engine);
    struct api_call *call = test_call(f, "{'TableName':'tab','Item':{'pk':{'S':'a'}}}");
    assert_int_equal(start(f, call, "PutItem"), API_DONE);
    assert_int_equal(call->status, WEIR_UNAVAILABLE);
    assert_int_equal(api_http_status(call), 503);
}

static void test_table_that_goes_in_between_is_not_found(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    struct api_call *gone = test_call(f, "{'TableName':'tab'}");
    struct api_call *put = test_call(f, "{'TableName':'tab','Item':{'pk':{'S':'a'}}}");
    assert_int_equal(start(f, gone, "DeleteTable"), API_WAITING);
    assert_int_equal(start(f, put, "PutItem"), API_WAITING);
    test_turn(f);
    assert_int_equal(api_resume(gone), API_DONE);
    assert_int_equal(api_resume(put), API_DONE);
    assert_int_equal(put->status, WEIR_RESOURCE_NOT_FOUND);
    assert_string_equal(put->error.message, "Requested resource not found");
}

static void test_failed_commit_leaves_the_outcome_unknown(void **state)
{
    struct fixture *f = *state;
    struct weir_error err = {0};
    test_create(f, false);
    struct api_call *call = test_call(f, "{'TableName':'tab','Item':{'pk':{'S':'a'}}}");
    assert_int_equal(start(f, call, "PutItem"), API_WAITING);
    assert_int_equal(fault_arm("kv.commit=error@1", &err), WEIR_OK);
    test_turn(f);
    assert_int_equal(fault_arm(NULL, &err), WEIR_OK);
    assert_int_equal(api_resume(call), API_DONE);
    assert_int_not_equal(call->status, WEIR_OK);
    assert_int_equal(call->error.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_true(api_http_status(call) >= 500);
}

/* Requests in process hold items, not DynamoDB-JSON. */
static void test_items_in_process_need_no_json(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    struct weir_value *item = value_new_map(f->a, VALUE_ITEM);
    value_set_s(value_add(f->a, item, BYTES_LIT("pk")), BYTES_LIT("a"));
    value_set_b(value_add(f->a, item, BYTES_LIT("b")), BYTES_LIT("\x01"));
    assert_int_equal(value_sort_map(item, NULL), WEIR_OK);
    struct weir_value *request = value_new_map(f->a, VALUE_PLAIN);
    value_add_str(f->a, request, "TableName", BYTES_LIT("tab"));
    value_add_value(f->a, request, "Item", item);
    struct api_call *call = test_call(f, "{}");
    call->request = request;
    assert_int_equal(start(f, call, "PutItem"), API_WAITING);
    test_turn(f);
    assert_int_equal(api_resume(call), API_DONE);
    assert_int_equal(call->status, WEIR_OK);
    struct api_call *get = test_run(f, "GetItem", "{'TableName':'tab','Key':{'pk':{'S':'a'}}}");
    assert_string_equal(test_body(f, get), "{'Item':{'b':{'B':'AQ=='},'pk':{'S':'a'}}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_write_waits_for_the_commit),
        TEST(test_writes_of_one_turn_see_each_other),
        TEST(test_refused_write_is_done_at_once),
        TEST(test_cached_get_is_done_at_once),
        TEST(test_get_gives_the_stored_bytes_without_decoding),
        TEST(test_reads_of_many_items_block),
        TEST(test_thread_that_may_block_is_never_asked_to),
        TEST(test_stopped_engine_is_unavailable),
        TEST(test_table_that_goes_in_between_is_not_found),
        TEST(test_failed_commit_leaves_the_outcome_unknown),
        TEST(test_items_in_process_need_no_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
