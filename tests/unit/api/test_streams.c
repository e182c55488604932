/* SPDX-License-Identifier: Apache-2.0 */
/* Iterators and GetRecords on a clock that the test turns: expiry, trimming, waiting at the tip. */
#include "api_test.h"

#include "api/records.h"

#define MINUTE_MS (60 * 1000)
#define HOUR_MS (60 * MINUTE_MS)

static const char *stream_arn(struct fixture *f)
{
    const struct weir_value *response = test_ok(f, "DescribeTable", "{'TableName':'tab'}");
    return test_text(f, value_get(response, "Table"), "LatestStreamArn");
}

/* The one shard of the stream. */
static const char *shard_id(struct fixture *f)
{
    const struct weir_value *response =
        test_ok(f, "DescribeStream", arena_printf(f->a, "{'StreamArn':'%s'}", stream_arn(f)));
    const struct weir_value *shards = value_get(value_get(response, "StreamDescription"), "Shards");
    return test_text(f, &shards->u.list.at[0], "ShardId");
}

static const char *iterator_request(struct fixture *f, const char *type, const char *more)
{
    return arena_printf(f->a, "{'StreamArn':'%s','ShardId':'%s','ShardIteratorType':'%s'%s}",
                        stream_arn(f), shard_id(f), type, more);
}

static const char *iterator(struct fixture *f, const char *type)
{
    return test_text(f, test_ok(f, "GetShardIterator", iterator_request(f, type, "")),
                     "ShardIterator");
}

static const char *records_request(struct fixture *f, const char *iterator)
{
    return arena_printf(f->a, "{'ShardIterator':'%s'}", iterator);
}

static uint32_t record_count(const struct weir_value *response)
{
    return value_get(response, "Records")->u.list.count;
}

static const struct weir_value *read_records(struct fixture *f, const char *iterator)
{
    return test_ok(f, "GetRecords", records_request(f, iterator));
}

static void advance(struct fixture *f, int64_t ms)
{
    env_fake_advance(f->env, ms);
    test_turn(f);
}

/* ---- iterators ------------------------------------------------------------------------------ */

static void test_K3_iterator_expires_after_fifteen_minutes(void **state)
{
    struct fixture *f = *state;
    test_create(f, true);
    const char *text = iterator(f, "LATEST");
    advance(f, LIMIT_ITERATOR_AGE_MS);
    (void)read_records(f, text);
    advance(f, 1);
    test_fails(f, "GetRecords", records_request(f, text), WEIR_ITERATOR_EXPIRED, NULL);
    struct api_call *call = test_run(f, "GetRecords", records_request(f, text));
    assert_non_null(strstr(test_body(f, call), "v20120810#ExpiredIteratorException"));
}

static void test_next_iterator_has_an_age_of_its_own(void **state)
{
    struct fixture *f = *state;
    test_create(f, true);
    const char *text = iterator(f, "LATEST");
    advance(f, LIMIT_ITERATOR_AGE_MS);
    text = test_text(f, read_records(f, text), "NextShardIterator");
    advance(f, LIMIT_ITERATOR_AGE_MS);
    (void)read_records(f, text);
}

static void test_iterators_of_one_moment_differ(void **state)
{
    struct fixture *f = *state;
    test_create(f, true);
    assert_string_not_equal(iterator(f, "LATEST"), iterator(f, "LATEST"));
}

static void test_changed_iterator_is_invalid(void **state)
{
    struct fixture *f = *state;
    test_create(f, true);
    const char *text = iterator(f, "LATEST");
    size_t length = strlen(text);
    test_fails(f, "GetRecords", records_request(f, arena_printf(f->a, "%sA", text)),
               WEIR_VALIDATION, "Invalid ShardIterator");
    test_fails(f, "GetRecords",
               records_request(f, arena_printf(f->a, "%.*s", (int)length - 1, text)),
               WEIR_VALIDATION, "Invalid ShardIterator");
    char *version = arena_printf(f->a, "%s", text);
    version[length - 40] = 'B';
    test_fails(f, "GetRecords", records_request(f, version), WEIR_VALIDATION,
               "Invalid ShardIterator");
}

/* ---- trimming ------------------------------------------------------------------------------- */

static const char *first_sequence(struct fixture *f)
{
    const struct weir_value *records =
        value_get(read_records(f, iterator(f, "TRIM_HORIZON")), "Records");
    return test_text(f, value_get(&records->u.list.at[0], "dynamodb"), "SequenceNumber");
}

/* A day and a bit in steps, so that marks of time are made on the way. */
static void let_a_day_pass(struct fixture *f)
{
    for (int hour = 0; hour < 26; hour++) {
        advance(f, HOUR_MS);
        test_put(f, arena_printf(f->a, "hour-%d", hour));
    }
}

static void test_K3_position_before_the_horizon_is_trimmed(void **state)
{
    struct fixture *f = *state;
    test_create(f, true);
    test_put(f, "a");
    const char *more = arena_printf(f->a, ",'SequenceNumber':'%s'", first_sequence(f));
    const char *at = iterator_request(f, "AT_SEQUENCE_NUMBER", more);
    (void)test_ok(f, "GetShardIterator", at);
    let_a_day_pass(f);
    struct api_call *call = test_run(f, "GetShardIterator", at);
    assert_int_equal(call->status, WEIR_TRIMMED);
    assert_non_null(strstr(test_body(f, call), "v20120810#TrimmedDataAccessException"));
    assert_true(record_count(read_records(f, iterator(f, "TRIM_HORIZON"))) < 26);
}

static void test_idle_shard_is_not_overtaken_by_trimming(void **state)
{
    struct fixture *f = *state;
    test_create(f, true);
    (void)test_ok(f, "CreateTable",
                  "{'TableName':'busy','BillingMode':'PAY_PER_REQUEST',"
                  "'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'}],"
                  "'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}]}");
    const char *text = iterator(f, "LATEST");
    for (int i = 0; i < 30 * 6; i++) {
        advance(f, 10 * MINUTE_MS);
        (void)test_ok(f, "PutItem",
                      arena_printf(f->a, "{'TableName':'busy','Item':{'pk':{'S':'%d'}}}", i));
        text = test_text(f, read_records(f, text), "NextShardIterator");
    }
    test_put(f, "a");
    assert_int_equal(record_count(read_records(f, text)), 1);
}

/* ---- reading and waiting -------------------------------------------------------------------- */

static void test_nothing_new_is_answered_at_once(void **state)
{
    struct fixture *f = *state;
    test_create(f, true);
    struct api_call *call = test_call(f, records_request(f, iterator(f, "LATEST")));
    assert_int_equal(api_start_named(f->api, call, BYTES_LIT("GetRecords")), API_DONE);
    assert_int_equal(record_count(call->response), 0);
}

static void test_something_new_blocks(void **state)
{
    struct fixture *f = *state;
    test_create(f, true);
    const char *text = iterator(f, "LATEST");
    test_put(f, "a");
    struct api_call *call = test_call(f, records_request(f, text));
    assert_int_equal(api_start_named(f->api, call, BYTES_LIT("GetRecords")), API_BLOCKING);
    assert_int_equal(api_resume(call), API_DONE);
    assert_int_equal(record_count(call->response), 1);
}

static struct api_call *wait_at_tip(struct fixture *f, uint32_t wait_ms)
{
    struct api_call *call = test_call(f, records_request(f, iterator(f, "LATEST")));
    call->wait_ms = wait_ms;
    assert_int_equal(api_start_named(f->api, call, BYTES_LIT("GetRecords")), API_WAITING);
    return call;
}

static void test_waiting_ends_with_a_record(void **state)
{
    struct fixture *f = *state;
    test_create(f, true);
    struct api_call *call = wait_at_tip(f, 1000);
    unsigned before = f->wakes;
    test_turn(f);
    assert_int_equal(f->wakes, before);
    struct api_call *put = test_call(f, "{'TableName':'tab','Item':{'pk':{'S':'a'}}}");
    assert_int_equal(api_start_named(f->api, put, BYTES_LIT("PutItem")), API_WAITING);
    test_turn(f);
    assert_int_equal(f->wakes, before + 2);
    assert_int_equal(api_resume(put), API_DONE);
    assert_int_equal(api_resume(call), API_BLOCKING);
    assert_int_equal(api_resume(call), API_DONE);
    assert_int_equal(record_count(call->response), 1);
}

static void test_waiting_ends_with_its_time(void **state)
{
    struct fixture *f = *state;
    test_create(f, true);
    struct api_call *call = wait_at_tip(f, 1000);
    unsigned before = f->wakes;
    advance(f, 999);
    assert_int_equal(f->wakes, before);
    advance(f, 1);
    assert_int_equal(f->wakes, before + 1);
    assert_int_equal(api_resume(call), API_BLOCKING);
    assert_int_equal(api_resume(call), API_DONE);
    assert_int_equal(record_count(call->response), 0);
    assert_non_null(value_get(call->response, "NextShardIterator"));
}

static void test_waiting_is_bounded(void **state)
{
    struct fixture *f = *state;
    test_create(f, true);
    struct api_call *call = wait_at_tip(f, UINT32_MAX);
    unsigned before = f->wakes;
    advance(f, LIMIT_WAIT_MS);
    assert_int_equal(f->wakes, before + 1);
    call->may_block = true;
    assert_int_equal(api_resume(call), API_DONE);
}

static void test_record_elsewhere_does_not_end_the_waiting(void **state)
{
    struct fixture *f = *state;
    test_create(f, true);
    (void)test_ok(f, "CreateTable",
                  "{'TableName':'else','BillingMode':'PAY_PER_REQUEST',"
                  "'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'}],"
                  "'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}],"
                  "'StreamSpecification':{'StreamEnabled':true,'StreamViewType':'KEYS_ONLY'}}");
    struct api_call *call = wait_at_tip(f, 1000);
    (void)test_ok(f, "PutItem", "{'TableName':'else','Item':{'pk':{'S':'a'}}}");
    unsigned before = f->wakes;
    advance(f, 1000);
    assert_int_equal(f->wakes, before + 1);
    call->may_block = true;
    assert_int_equal(api_resume(call), API_DONE);
    assert_int_equal(record_count(call->response), 0);
}

static void test_closed_shard_does_not_wait(void **state)
{
    struct fixture *f = *state;
    test_create(f, true);
    const char *text = iterator(f, "LATEST");
    (void)test_ok(f, "UpdateTable",
                  "{'TableName':'tab','StreamSpecification':{'StreamEnabled':false}}");
    struct api_call *call = test_call(f, records_request(f, text));
    call->wait_ms = 1000;
    call->may_block = true;
    assert_int_equal(api_start_named(f->api, call, BYTES_LIT("GetRecords")), API_DONE);
    assert_null(value_get(call->response, "NextShardIterator"));
}

static struct weir_bytes encoded_key(struct fixture *f)
{
    struct buf bytes;
    struct weir_value *item;
    buf_init(&bytes, 1024);
    assert_int_equal(value_to_item(f->a, test_parse(f, "{'pk':{'S':'a'}}"), &item, NULL), WEIR_OK);
    value_encode_item(&bytes, item);
    struct weir_bytes copy = arena_dup(f->a, buf_bytes(&bytes));
    buf_fini(&bytes);
    return copy;
}

static void test_K2_ttl_delete_carries_the_services_identity(void **state)
{
    struct fixture *f = *state;
    test_create(f, true);
    struct engine_stream *stream;
    assert_int_equal(engine_stream_ref(f->engine, bytes_str(stream_arn(f)), &stream, NULL),
                     WEIR_OK);
    struct engine_record records[2] = {
        {.commit_seq = 1, .event = ENGINE_REMOVE, .by_ttl = true, .keys = encoded_key(f)},
        {.commit_seq = 2, .event = ENGINE_REMOVE, .by_ttl = false, .keys = encoded_key(f)},
    };
    struct api_call *call = test_call(f, "{}");
    call->response = value_new_map(f->a, VALUE_PLAIN);
    records_add(call, call->response, stream, records, 2);
    engine_stream_unref(stream);
    const struct weir_value *list = value_get(call->response, "Records");
    const struct weir_value *identity = value_get(&list->u.list.at[0], "userIdentity");
    assert_string_equal(test_text(f, identity, "PrincipalId"), "dynamodb.amazonaws.com");
    assert_string_equal(test_text(f, identity, "Type"), "Service");
    assert_null(value_get(&list->u.list.at[1], "userIdentity"));
}

/* Whatever the bytes of an iterator are, the answer is a definite one. */
static void test_any_iterator_is_answered(void **state)
{
    struct fixture *f = *state;
    test_create(f, true);
    const char *text = iterator(f, "LATEST");
    size_t length = strlen(text);
    for (size_t at = length - 40; at < length; at++) {
        for (const char *c = "AZaz09-_"; *c != '\0'; c++) {
            char *changed = arena_printf(f->a, "%s", text);
            changed[at] = *c;
            struct api_call *call = test_run(f, "GetRecords", records_request(f, changed));
            assert_true(call->status == WEIR_OK || call->status == WEIR_VALIDATION ||
                        call->status == WEIR_ITERATOR_EXPIRED || call->status == WEIR_TRIMMED ||
                        call->status == WEIR_RESOURCE_NOT_FOUND);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_K3_iterator_expires_after_fifteen_minutes),
        TEST(test_next_iterator_has_an_age_of_its_own),
        TEST(test_iterators_of_one_moment_differ),
        TEST(test_changed_iterator_is_invalid),
        TEST(test_K3_position_before_the_horizon_is_trimmed),
        TEST(test_idle_shard_is_not_overtaken_by_trimming),
        TEST(test_nothing_new_is_answered_at_once),
        TEST(test_something_new_blocks),
        TEST(test_waiting_ends_with_a_record),
        TEST(test_waiting_ends_with_its_time),
        TEST(test_waiting_is_bounded),
        TEST(test_record_elsewhere_does_not_end_the_waiting),
        TEST(test_closed_shard_does_not_wait),
        TEST(test_K2_ttl_delete_carries_the_services_identity),
        TEST(test_any_iterator_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
