/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operations: found by target and by name, complete, and refused by name. */
#include "api_test.h"

static unsigned count_of(const char *const *names)
{
    unsigned count = 0;
    while (names[count] != NULL) {
        count++;
    }
    return count;
}

static void test_names_are_sorted_and_distinct(void **state)
{
    (void)state;
    const char *const *lists[] = {api_operation_names(), api_unsupported_names()};
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 1; lists[i][k] != NULL; k++) {
            assert_true(strcmp(lists[i][k - 1], lists[i][k]) < 0);
        }
    }
}

/* AWS's models of 2026-08 have 58 operations on tables and 4 on streams. */
static void test_K1_every_operation_of_the_model_is_answered_by_name(void **state)
{
    (void)state;
    assert_int_equal(count_of(api_operation_names()) + count_of(api_unsupported_names()), 58 + 4);
}

static void test_K1_every_operation_is_found_and_refuses_an_empty_request_or_answers(void **state)
{
    struct fixture *f = *state;
    for (const char *const *name = api_operation_names(); *name != NULL; name++) {
        struct api_call *call = test_run(f, *name, "{}");
        assert_int_not_equal(call->status, WEIR_UNKNOWN_OPERATION);
        assert_true(call->status == WEIR_OK || call->status == WEIR_VALIDATION);
    }
}

static void test_K1_unsupported_operations_say_so_by_name(void **state)
{
    struct fixture *f = *state;
    for (const char *const *name = api_unsupported_names(); *name != NULL; name++) {
        test_fails(f, *name, "{}", WEIR_UNKNOWN_OPERATION,
                   arena_printf(f->a, "weir does not support the operation %s", *name));
    }
}

static void expect_target(struct fixture *f, const char *target, enum weir_status status)
{
    struct api_call *call = test_call(f, "{}");
    call->may_block = true;
    assert_int_equal(api_start(f->api, call, bytes_str(target)), API_DONE);
    assert_int_equal(call->status, status);
}

static void test_target_must_have_the_services_prefix(void **state)
{
    struct fixture *f = *state;
    expect_target(f, "DynamoDB_20120810.ListTables", WEIR_OK);
    expect_target(f, "DynamoDBStreams_20120810.ListStreams", WEIR_OK);
    expect_target(f, "DynamoDBStreams_20120810.ListTables", WEIR_UNKNOWN_OPERATION);
    expect_target(f, "DynamoDB_20120810.ListStreams", WEIR_UNKNOWN_OPERATION);
    expect_target(f, "DynamoDB_20120810.", WEIR_UNKNOWN_OPERATION);
    expect_target(f, "DynamoDB_20120810", WEIR_UNKNOWN_OPERATION);
    expect_target(f, "ListTables", WEIR_UNKNOWN_OPERATION);
    expect_target(f, "", WEIR_UNKNOWN_OPERATION);
}

static void test_request_must_be_an_object(void **state)
{
    struct fixture *f = *state;
    const char *const requests[] = {"null", "[]", "1", "'x'", "true"};
    for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        test_fails(f, "ListTables", requests[i], WEIR_SERIALIZATION, NULL);
    }
}

static void test_errors_render_in_their_namespaces(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *operation, *request, *body;
    } cases[] = {
        {"ListTables", "{'Limit':0}",
         "{'__type':'com.amazon.coral.validate#ValidationException','message':'1 validation error "
         "detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value "
         "greater than or equal to 1'}"},
        {"ListTables", "{'Limit':'1'}",
         "{'__type':'com.amazon.coral.service#SerializationException','Message':'STRING_VALUE "
         "cannot be converted to Integer'}"},
        {"ListBackups", "{}",
         "{'__type':'com.amazon.coral.service#UnknownOperationException','message':'weir does not "
         "support the operation ListBackups'}"},
        {"DescribeTable", "{'TableName':'none'}",
         "{'__type':'com.amazonaws.dynamodb.v20120810#ResourceNotFoundException','message':"
         "'Requested resource not found: Table: none not found'}"},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct api_call *call = test_run(f, cases[i].operation, cases[i].request);
        assert_int_equal(api_http_status(call), 400);
        assert_string_equal(test_body(f, call), cases[i].body);
    }
}

static void test_failures_of_ours_render_as_internal_errors(void **state)
{
    struct fixture *f = *state;
    struct api_call *call = test_call(f, "{}");
    call->status = call->error.status = WEIR_CORRUPTION;
    assert_int_equal(api_http_status(call), 500);
    assert_non_null(strstr(test_body(f, call), "v20120810#InternalServerError"));
}

static void test_long_messages_are_rendered_whole(void **state)
{
    struct fixture *f = *state;
    char name[1025];
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct api_call *call =
        test_run(f, "GetItem", arena_printf(f->a, "{'TableName':'%s','Key':{}}", name));
    assert_int_equal(strlen(call->error.message), WEIR_ERROR_MESSAGE_MAX - 1);
    assert_non_null(strstr(test_body(f, call), name));
    assert_non_null(strstr(test_body(f, call), "less than or equal to 255"));
}

static void test_an_arena_that_is_full_fails_the_call_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    test_create(f, false);
    struct weir_value *request = test_parse(f, "{'TableName':'tab','Item':{'pk':{'S':'a'}}}");
    for (size_t room = 0; room < 4096; room += 64) {
        struct api_call *call = test_call(f, "{}");
        call->request = request;
        call->arena = arena_new(room);
        enum api_progress progress = api_start_named(f->api, call, BYTES_LIT("PutItem"));
        if (progress == API_WAITING) {
            test_turn(f);
            progress = api_resume(call);
        }
        assert_int_equal(progress, API_DONE);
        assert_true(call->status == WEIR_OK || call->status == WEIR_NO_MEMORY);
        arena_free(call->arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names_are_sorted_and_distinct),
        TEST(test_K1_every_operation_of_the_model_is_answered_by_name),
        TEST(test_K1_every_operation_is_found_and_refuses_an_empty_request_or_answers),
        TEST(test_K1_unsupported_operations_say_so_by_name),
        TEST(test_target_must_have_the_services_prefix),
        TEST(test_request_must_be_an_object),
        TEST(test_errors_render_in_their_namespaces),
        TEST(test_failures_of_ours_render_as_internal_errors),
        TEST(test_long_messages_are_rendered_whole),
        TEST(test_an_arena_that_is_full_fails_the_call_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
