/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions behind retries, without a transport. */
#include "client/operation.h"
#include "client/retry.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void delays_are_jittered_below_a_doubling_bound(void **state)
{
    (void)state;
    const uint64_t seed = 20261120;
    struct weir_env *env = env_fake_new(seed, 0);
    print_message("seed %llu\n", (unsigned long long)seed);
    uint64_t bound = RETRY_BASE_MS;
    for (uint32_t attempts = 1; attempts < 40; attempts++) {
        uint64_t largest = 0;
        for (int i = 0; i < 200; i++) {
            uint64_t delay = retry_delay_ms(env, attempts);
            assert_true(delay <= bound);
            largest = delay > largest ? delay : largest;
        }
        assert_true(largest > bound / 2);
        bound = bound * 2 > RETRY_CAP_MS ? RETRY_CAP_MS : bound * 2;
    }
    env_fake_free(env);
}

static bool update_may_repeat(struct arena *a, const char *expression)
{
    char json[256];
    struct weir_value *document = NULL;
    (void)snprintf(json, sizeof(json), "{\"UpdateExpression\":\"%s\"}", expression);
    assert_int_equal(json_parse(a, bytes_str(json), &document, NULL), WEIR_OK);
    return operation_may_repeat(operation_find(BYTES_LIT("UpdateItem")), document);
}

static void only_updates_that_come_out_the_same_are_repeatable(void **state)
{
    (void)state;
    struct arena *a = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    static const char *const repeatable[] = {"SET a = :a", "SET a=:a, #b = :b REMOVE c",
                                             "REMOVE a.b", "DELETE tags :t", "SET a =   :a"};
    static const char *const others[] = {"ADD n :one",
                                         "add n :one",
                                         "SET n = n + :one",
                                         "SET n = :a - :b",
                                         "SET l = list_append(l, :x)",
                                         "SET a = b",
                                         "REMOVE l[0]",
                                         "SET a = if_not_exists(b, :b)",
                                         "SET a ="};
    for (size_t i = 0; i < sizeof(repeatable) / sizeof(repeatable[0]); i++) {
        assert_true(update_may_repeat(a, repeatable[i]));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(update_may_repeat(a, others[i]));
    }
    arena_free(a);
}

static void unknown_operations_are_writes_that_are_never_repeated(void **state)
{
    (void)state;
    const struct operation *operation = operation_find(BYTES_LIT("SomethingNew"));
    assert_true(operation->writes);
    assert_false(operation_may_repeat(operation, NULL));
    assert_true(operation_find(BYTES_LIT("GetRecords"))->streams);
    assert_false(operation_find(BYTES_LIT("UpdateItem"))->streams);
    assert_false(operation_find(BYTES_LIT("BatchGetItem"))->writes);
    assert_true(operation_find(BYTES_LIT("UpdateTimeToLive"))->writes);
}

static struct client_request failed(const char *operation, enum weir_status status,
                                    enum weir_outcome outcome)
{
    struct client_request request = {.operation = operation, .status = status, .attempts = 1};
    (void)error_set(&request.error, status, "as asked");
    request.error.outcome = outcome;
    return request;
}

static void statuses_that_pass_are_retried(void **state)
{
    (void)state;
    static const enum weir_status again[] = {WEIR_THROTTLED,   WEIR_PROVISIONED_EXCEEDED,
                                             WEIR_SERVER,      WEIR_UNAVAILABLE,
                                             WEIR_UNREACHABLE, WEIR_TIMEOUT,
                                             WEIR_PROTOCOL,    WEIR_TXN_IN_PROGRESS};
    static const enum weir_status never[] = {
        WEIR_VALIDATION, WEIR_CONDITION_FAILED, WEIR_NO_MEMORY, WEIR_CLOSED,
        WEIR_CANCELLED,  WEIR_CREDENTIALS,      WEIR_NO_SPACE,  WEIR_OK};
    for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++) {
        struct client_request request = failed("PutItem", again[i], WEIR_NOT_APPLIED);
        assert_true(retry_wanted(&request, 2));
        assert_false(retry_wanted(&request, 1));
        request.cancelled = true;
        assert_false(retry_wanted(&request, 2));
    }
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        struct client_request request = failed("PutItem", never[i], WEIR_NOT_APPLIED);
        assert_false(retry_wanted(&request, 10));
    }
}

static void unknown_is_never_taken_back_but_by_a_cancelled_transaction(void **state)
{
    (void)state;
    struct client_request request = failed("PutItem", WEIR_TIMEOUT, WEIR_OUTCOME_UNKNOWN);
    retry_settle(&request);
    assert_int_equal(request.error.outcome, WEIR_OUTCOME_UNKNOWN);
    request.error.outcome = WEIR_NOT_APPLIED;
    request.status = WEIR_THROTTLED;
    retry_settle(&request);
    assert_int_equal(request.error.outcome, WEIR_OUTCOME_UNKNOWN);
    request = failed("GetItem", WEIR_TIMEOUT, WEIR_OUTCOME_UNKNOWN);
    retry_settle(&request);
    assert_int_equal(request.error.outcome, WEIR_NOT_APPLIED);
}

/* Without a token the later attempt is another transaction, whose end says nothing of the first. */
static void cancelled_transaction_settles_by_its_token_alone(void **state)
{
    (void)state;
    struct arena *a = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    static const struct {
        const char *json;
        enum weir_outcome outcome;
    } cases[] = {{"{\"ClientRequestToken\":\"t\"}", WEIR_NOT_APPLIED},
                 {"{}", WEIR_OUTCOME_UNKNOWN}};
    for (size_t i = 0; i < 2; i++) {
        struct weir_value *document = NULL;
        struct client_request request =
            failed("TransactWriteItems", WEIR_TIMEOUT, WEIR_OUTCOME_UNKNOWN);
        assert_int_equal(json_parse(a, bytes_str(cases[i].json), &document, NULL), WEIR_OK);
        request.document = document;
        retry_settle(&request);
        request.status = WEIR_TXN_CANCELED;
        request.error.outcome = WEIR_NOT_APPLIED;
        retry_settle(&request);
        assert_int_equal(request.error.outcome, cases[i].outcome);
    }
    arena_free(a);
}

static void token_holds_for_less_than_ten_minutes(void **state)
{
    (void)state;
    struct client_request request = {.operation = "TransactWriteItems"};
    assert_true(retry_token_holds(&request, LIMIT_TRANSACT_TOKEN_MS - 1));
    assert_false(retry_token_holds(&request, LIMIT_TRANSACT_TOKEN_MS));
    request.operation = "PutItem";
    assert_true(retry_token_holds(&request, LIMIT_TRANSACT_TOKEN_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_are_jittered_below_a_doubling_bound),
        cmocka_unit_test(only_updates_that_come_out_the_same_are_repeatable),
        cmocka_unit_test(unknown_operations_are_writes_that_are_never_repeated),
        cmocka_unit_test(statuses_that_pass_are_retried),
        cmocka_unit_test(unknown_is_never_taken_back_but_by_a_cancelled_transaction),
        cmocka_unit_test(cancelled_transaction_settles_by_its_token_alone),
        cmocka_unit_test(token_holds_for_less_than_ten_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
