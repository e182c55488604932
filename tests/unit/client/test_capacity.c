/* SPDX-License-Identifier: Apache-2.0 */
/* What calls consume, one by one and in sum; results and options of single calls, counters, and the
 * retry modes at work. */
#include "unit/client/client_fixture.h"

#include "base/fault.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#define PUT "{\"TableName\":\"t\",\"Item\":{\"pk\":{\"S\":\"a\"}}}"
#define CONSUMED(units) "\"ConsumedCapacity\":{\"TableName\":\"t\",\"CapacityUnits\":" units "}"

static struct weir_capacity consumed(const char *operation, const char *json)
{
    struct weir_capacity sum = {0, 0};
    struct arena *a = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    struct weir_value *document = NULL;
    assert_int_equal(json_parse(a, bytes_str(json), &document, NULL), WEIR_OK);
    client_consumed(operation, document, &sum);
    arena_free(a);
    return sum;
}

static void assert_units(struct weir_capacity capacity, double read_units, double write_units)
{
    if (capacity.read_units != read_units || capacity.write_units != write_units) {
        fail_msg("%g read and %g write units, not %g and %g", capacity.read_units,
                 capacity.write_units, read_units, write_units);
    }
}

static void units_are_read_or_written_as_the_operation_does(void **state)
{
    (void)state;
    assert_units(consumed("GetItem", "{" CONSUMED("0.5") "}"), 0.5, 0);
    assert_units(consumed("PutItem", "{" CONSUMED("3.0") "}"), 0, 3);
    assert_units(consumed("Query", "{" CONSUMED("128.5") ",\"Items\":[]}"), 128.5, 0);
    assert_units(consumed("PutItem", "{}"), 0, 0);
    assert_units(consumed("PutItem", "{\"ConsumedCapacity\":null}"), 0, 0);
}

static void lists_are_added_up_and_transactions_name_both(void **state)
{
    (void)state;
    assert_units(consumed("BatchWriteItem", "{\"ConsumedCapacity\":[{\"CapacityUnits\":2.0},"
                                            "{\"CapacityUnits\":1.5}]}"),
                 0, 3.5);
    assert_units(
        consumed("TransactWriteItems",
                 "{\"ConsumedCapacity\":[{\"CapacityUnits\":4.0,\"WriteCapacityUnits\":4.0},"
                 "{\"CapacityUnits\":2.0,\"ReadCapacityUnits\":2.0}]}"),
        2, 4);
    assert_units(consumed("PutItem", "{\"ConsumedCapacity\":{\"CapacityUnits\":3.0,\"Table\":"
                                     "{\"CapacityUnits\":1.0},\"GlobalSecondaryIndexes\":{\"i\":"
                                     "{\"CapacityUnits\":2.0}}}}"),
                 0, 3);
}

static void numbers_are_read_in_every_form_and_nonsense_is_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double units;
    } numbers[] = {{"0", 0},       {"7", 7},      {"12.25", 12.25}, {"1.5E1", 15},
                   {"25e-1", 2.5}, {"2E+2", 200}, {"0.1", 0.1},     {"-1", 0},
                   {"1e99", 0},    {"1e300", 0},  {"\"5\"", 0},     {"[5]", 0}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char json[128];
        (void)snprintf(json, sizeof(json), "{\"ConsumedCapacity\":{\"CapacityUnits\":%s}}",
                       numbers[i].text);
        assert_units(consumed("PutItem", json), 0, numbers[i].units);
    }
}

static struct weir_capacity client_sum(struct fixture *f)
{
    struct weir_capacity sum;
    assert_int_equal(weir_client_capacity(f->client, &sum), WEIR_OK);
    return sum;
}

static struct weir_counters counters_of(struct fixture *f)
{
    struct weir_counters counters = WEIR_COUNTERS_INIT;
    assert_int_equal(weir_client_counters(f->client, &counters), WEIR_OK);
    return counters;
}

static enum weir_status call_with(struct fixture *f, const struct weir_call_options *options,
                                  const char *operation, const char *json,
                                  struct weir_call_result *ret_result)
{
    f->err = (struct weir_error){0};
    return weir_call_with(f->client, options, operation, strlen(operation), json, strlen(json),
                          ret_result, &f->err);
}

static bool asked(struct fixture *f, unsigned index, const char *how)
{
    char member[64];
    (void)snprintf(member, sizeof(member), "\"ReturnConsumedCapacity\":\"%s\"", how);
    return strstr(script_server_request(f->server, index), member) != NULL;
}

static void a_counting_client_asks_where_the_operation_can_answer(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {{.status = 200, .body = "{" CONSUMED("2.0") "}"}};
    fixture_open_with(&f, steps, 1,
                      (struct weir_client_options){.max_attempts = 1, .count_capacity = 1}, NULL);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_OK);
    assert_true(asked(&f, 0, "TOTAL"));
    assert_int_equal(
        fixture_call(&f, "Query", "{\"TableName\":\"t\",\"ReturnConsumedCapacity\":\"INDEXES\"}"),
        WEIR_OK);
    assert_true(asked(&f, 1, "INDEXES"));
    assert_false(asked(&f, 1, "TOTAL"));
    assert_int_equal(fixture_call(&f, "DescribeTable", "{\"TableName\":\"t\"}"), WEIR_OK);
    assert_null(strstr(script_server_request(f.server, 2), "ReturnConsumedCapacity"));
    assert_units(client_sum(&f), 0, 2);
    fixture_close(&f);
}

static void sums_are_fed_by_documents_that_ask_themselves(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {{.status = 200, .body = "{" CONSUMED("0.5") "}"},
                                        {.status = 200, .body = "{" CONSUMED("1.0") "}"}};
    fixture_open(&f, steps, 2, 1);
    assert_int_equal(fixture_call(&f, "GetItem", "{\"ReturnConsumedCapacity\":\"TOTAL\"}"),
                     WEIR_OK);
    assert_int_equal(fixture_call(&f, "PutItem", "{\"ReturnConsumedCapacity\":\"TOTAL\"}"),
                     WEIR_OK);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_OK);
    assert_null(strstr(script_server_request(f.server, 2), "ReturnConsumedCapacity"));
    assert_units(client_sum(&f), 0.5, 1);
    fixture_close(&f);
}

static void one_call_can_ask(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_call_options options = WEIR_CALL_OPTIONS_INIT;
    struct weir_call_result result = WEIR_CALL_RESULT_INIT;
    const struct script_step steps[] = {{.status = 400, .body = FAILURE("ThrottlingException")},
                                        {.status = 200, .body = "{" CONSUMED("1.0") "}"}};
    fixture_open(&f, steps, 2, 3);
    options.count_capacity = 1;
    assert_int_equal(call_with(&f, &options, "PutItem", PUT, &result), WEIR_OK);
    assert_true(asked(&f, 0, "TOTAL"));
    assert_true(asked(&f, 1, "TOTAL"));
    assert_int_equal(result.attempts, 2);
    assert_string_equal(result.request_id, "REQUEST1");
    assert_string_equal(result.json, "{" CONSUMED("1.0") "}");
    assert_int_equal(result.json_len, strlen(result.json));
    assert_units(result.capacity, 0, 1);
    weir_free(result.json);
    fixture_close(&f);
}

static void a_failed_call_has_its_result_too(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_call_result result = WEIR_CALL_RESULT_INIT;
    const struct script_step steps[] = {
        {.status = 400,
         .body = "{\"__type\":\"a#ConditionalCheckFailedException\",\"message\":\"no\"," CONSUMED(
             "1.0") ",\"Item\":{\"pk\":{\"S\":\"a\"}}}"},
        {.action = SCRIPT_CUT}};
    fixture_open(&f, steps, 2, 1);
    assert_int_equal(call_with(&f, NULL, "PutItem", PUT, &result), WEIR_CONDITION_FAILED);
    assert_int_equal(result.attempts, 1);
    assert_string_equal(result.request_id, "REQUEST0");
    assert_non_null(strstr(result.json, "\"Item\":{\"pk\":{\"S\":\"a\"}}"));
    assert_units(result.capacity, 0, 1);
    assert_units(client_sum(&f), 0, 1);
    weir_free(result.json);
    assert_int_equal(call_with(&f, NULL, "PutItem", PUT, &result), WEIR_UNREACHABLE);
    assert_null(result.json);
    assert_int_equal(result.json_len, 0);
    assert_string_equal(result.request_id, "");
    assert_int_equal(call_with(&f, NULL, "Put Item", PUT, &result), WEIR_INVALID_ARGUMENT);
    assert_int_equal(result.attempts, 0);
    assert_null(result.json);
    fixture_close(&f);
}

static void one_call_can_have_a_time_out_and_attempts_of_its_own(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_call_options options = WEIR_CALL_OPTIONS_INIT;
    struct weir_call_result result = WEIR_CALL_RESULT_INIT;
    const struct script_step hang = {.action = SCRIPT_HANG};
    const struct script_step steps[] = {hang, hang, {.status = 200}};
    fixture_open_with(&f, steps, 3,
                      (struct weir_client_options){.timeout_ms = 60000, .max_attempts = 1}, NULL);
    options.timeout_ms = 50;
    options.max_attempts = 3;
    assert_int_equal(call_with(&f, &options, "GetItem", "{}", &result), WEIR_OK);
    assert_int_equal(result.attempts, 3);
    weir_free(result.json);
    fixture_close(&f);
}

static void test_L4_causes_are_counted_apart(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {
        {.status = 400, .body = FAILURE("ThrottlingException")},
        {.status = 400, .body = FAILURE("ProvisionedThroughputExceededException")},
        {.action = SCRIPT_HANG},
        {.action = SCRIPT_CUT},
        {.status = 500, .body = FAILURE("InternalServerError")},
        {.status = 400, .body = FAILURE("ConditionalCheckFailedException")},
        {.status = 400,
         .body = "{\"__type\":\"a#TransactionCanceledException\",\"CancellationReasons\":["
                 "{\"Code\":\"None\"},{\"Code\":\"ConditionalCheckFailed\"}]}"},
        {.status = 400,
         .body = "{\"__type\":\"a#TransactionCanceledException\",\"CancellationReasons\":["
                 "{\"Code\":\"ThrottlingError\"}]}"},
        {.status = 400, .body = FAILURE("ValidationException")},
        {.status = 200}};
    fixture_open_with(&f, steps, 10,
                      (struct weir_client_options){.max_attempts = 1, .timeout_ms = 150}, NULL);
    for (int i = 0; i < 10; i++) {
        (void)fixture_call(&f, i == 6 || i == 7 ? "TransactWriteItems" : "PutItem", PUT);
    }
    struct weir_counters c = counters_of(&f);
    assert_int_equal(c.calls, 10);
    assert_int_equal(c.attempts, 10);
    assert_int_equal(c.throttled, 3);
    assert_int_equal(c.timed_out, 1);
    assert_int_equal(c.unreachable, 1);
    assert_int_equal(c.server_errors, 1);
    assert_int_equal(c.condition_failed, 2);
    assert_int_equal(c.other_failed, 1);
    assert_int_equal(c.unknown_outcomes, 3);
    fixture_close(&f);
}

static void test_A7_missing_clients_and_sizes_are_definite_errors(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_capacity sum;
    struct weir_counters counters = {0};
    struct weir_call_options options = {0};
    struct weir_call_result result = WEIR_CALL_RESULT_INIT, sizeless = {0};
    fixture_open(&f, NULL, 0, 1);
    assert_int_equal(weir_client_capacity(NULL, &sum), WEIR_CLOSED);
    assert_int_equal(weir_client_counters(NULL, &counters), WEIR_CLOSED);
    assert_int_equal(weir_client_counters(f.client, &counters), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_call_with(NULL, NULL, "ListTables", 10, "{}", 2, &result, &f.err),
                     WEIR_CLOSED);
    assert_int_equal(call_with(&f, &options, "ListTables", "{}", &result), WEIR_INVALID_ARGUMENT);
    assert_int_equal(call_with(&f, NULL, "ListTables", "{}", &sizeless), WEIR_INVALID_ARGUMENT);
    assert_int_equal(call_with(&f, NULL, "ListTables", "{}", NULL), WEIR_INVALID_ARGUMENT);
    assert_int_equal(script_server_count(f.server), 0);
    fixture_close(&f);
}

/* A caller of an older version of the header has smaller structs. */
static void older_callers_are_given_what_they_know(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_counters counters = WEIR_COUNTERS_INIT;
    fixture_open(&f, NULL, 0, 1);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_OK);
    counters.struct_size = offsetof(struct weir_counters, attempts);
    counters.attempts = 77;
    assert_int_equal(weir_client_counters(f.client, &counters), WEIR_OK);
    assert_int_equal(counters.calls, 1);
    assert_int_equal(counters.attempts, 77);
    fixture_close(&f);
}

static void retry_modes_come_from_options_environment_and_nowhere_else(void **state)
{
    (void)state;
    static const struct {
        const char *option;
        const char *variable;
        enum weir_status status;
        enum aws_retry_mode mode;
    } cases[] = {
        {NULL, NULL, WEIR_OK, AWS_RETRY_STANDARD},
        {NULL, "adaptive", WEIR_OK, AWS_RETRY_ADAPTIVE},
        {NULL, "Legacy", WEIR_OK, AWS_RETRY_LEGACY},
        {"standard", "adaptive", WEIR_OK, AWS_RETRY_STANDARD},
        {"adaptive", NULL, WEIR_OK, AWS_RETRY_ADAPTIVE},
        {"fast", NULL, WEIR_CONFIG, AWS_RETRY_UNSET},
        {"", NULL, WEIR_CONFIG, AWS_RETRY_UNSET},
        {NULL, "", WEIR_OK, AWS_RETRY_STANDARD},
        {NULL, "fast", WEIR_CONFIG, AWS_RETRY_UNSET},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *const pairs[] = {"AWS_RETRY_MODE", cases[i].variable, NULL};
        struct aws_environment environment = {pairs_get, (void *)(uintptr_t)pairs};
        struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
        struct weir_client *client = NULL;
        struct weir_error err = {0};
        options.endpoint_url = "http://127.0.0.1:1";
        options.retry_mode = cases[i].option;
        assert_int_equal(client_open_with(&options, &environment, env_system(), &client, &err),
                         cases[i].status);
        if (client != NULL) {
            assert_int_equal(client->pace.mode, cases[i].mode);
        } else {
            assert_non_null(strstr(err.message, "standard, adaptive and legacy"));
        }
        weir_client_close(client);
    }
}

static void retry_mode_of_the_profile_is_taken(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-config-XXXXXX";
    int fd = mkstemp(path);
    const char text[] = "[default]\nretry_mode = adaptive\n";
    const char *const pairs[] = {"AWS_CONFIG_FILE", path, NULL};
    struct aws_environment environment = {pairs_get, (void *)(uintptr_t)pairs};
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    struct weir_client *client = NULL;
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
    options.endpoint_url = "http://127.0.0.1:1";
    assert_int_equal(client_open_with(&options, &environment, env_system(), &client, NULL),
                     WEIR_OK);
    assert_int_equal(client->pace.mode, AWS_RETRY_ADAPTIVE);
    weir_client_close(client);
    (void)unlink(path);
}

static void a_spent_quota_ends_retries(void **state)
{
    (void)state;
    struct fixture f;
    assert_int_equal(fault_arm("client.before_send=errors@1", NULL), WEIR_OK);
    fixture_open(&f, NULL, 0, 2);
    f.client->pace.quota = 2 * PACE_RETRY_COST + 1;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fixture_call(&f, "GetItem", "{}"), WEIR_UNREACHABLE);
    }
    struct weir_counters c = counters_of(&f);
    assert_int_equal(c.attempts, 2 + 2 + 1 + 1);
    assert_int_equal(c.quota_refused, 2);
    assert_int_equal(fault_arm(NULL, NULL), WEIR_OK);
    fixture_close(&f);
}

/* A client in the mode "adaptive" that was throttled, and so sends one call in two seconds of a
 * clock that only the test turns. */
struct paced {
    struct fixture f;
    struct weir_env *env;
    enum weir_status status;
};

static void paced_open(struct paced *p, const struct script_step *steps, size_t count)
{
    char url[64];
    struct aws_environment environment = {pairs_get, NULL};
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    *p = (struct paced){.env = env_fake_new(1, 1795218240000)};
    p->f.server = script_server_start(steps, count);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", script_server_port(p->f.server));
    options.endpoint_url = url;
    options.max_attempts = 1;
    options.retry_mode = "adaptive";
    assert_int_equal(client_open_with(&options, &environment, p->env, &p->f.client, &p->f.err),
                     WEIR_OK);
    assert_int_equal(fixture_call(&p->f, "PutItem", PUT), WEIR_THROTTLED);
}

static void *put_paced(void *arg)
{
    struct paced *p = arg;
    p->status = fixture_call(&p->f, "PutItem", PUT);
    return NULL;
}

/* Starts a call, and waits until it waits for its turn. */
static pthread_t start_paced(struct paced *p)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, put_paced, p), 0);
    while (counters_of(&p->f).paced_ms == 0) {
        (void)sched_yield();
    }
    assert_int_equal(script_server_count(p->f.server), 1);
    return thread;
}

static void paced_close(struct paced *p)
{
    fixture_close(&p->f);
    env_fake_free(p->env);
}

static void a_paced_call_is_sent_when_its_turn_comes(void **state)
{
    (void)state;
    struct paced p;
    paced_open(&p, STEPS({.status = 400, .body = FAILURE("ThrottlingException")}), 1);
    pthread_t thread = start_paced(&p);
    env_fake_advance(p.env, 2000);
    (void)pthread_join(thread, NULL);
    assert_int_equal(p.status, WEIR_OK);
    assert_int_equal(script_server_count(p.f.server), 2);
    paced_close(&p);
}

static void closing_ends_a_paced_call(void **state)
{
    (void)state;
    struct paced p;
    paced_open(&p, STEPS({.status = 400, .body = FAILURE("ThrottlingException")}), 1);
    pthread_t thread = start_paced(&p);
    weir_client_close(p.f.client);
    p.f.client = NULL;
    (void)pthread_join(thread, NULL);
    assert_int_equal(p.status, WEIR_CLOSED);
    assert_int_equal(p.f.err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(script_server_count(p.f.server), 1);
    paced_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_are_read_or_written_as_the_operation_does),
        cmocka_unit_test(lists_are_added_up_and_transactions_name_both),
        cmocka_unit_test(numbers_are_read_in_every_form_and_nonsense_is_nothing),
        cmocka_unit_test(a_counting_client_asks_where_the_operation_can_answer),
        cmocka_unit_test(sums_are_fed_by_documents_that_ask_themselves),
        cmocka_unit_test(one_call_can_ask),
        cmocka_unit_test(a_failed_call_has_its_result_too),
        cmocka_unit_test(one_call_can_have_a_time_out_and_attempts_of_its_own),
        cmocka_unit_test(test_L4_causes_are_counted_apart),
        cmocka_unit_test(test_A7_missing_clients_and_sizes_are_definite_errors),
        cmocka_unit_test(older_callers_are_given_what_they_know),
        cmocka_unit_test(retry_modes_come_from_options_environment_and_nowhere_else),
        cmocka_unit_test(retry_mode_of_the_profile_is_taken),
        cmocka_unit_test(a_spent_quota_ends_retries),
        cmocka_unit_test(a_paced_call_is_sent_when_its_turn_comes),
        cmocka_unit_test(closing_ends_a_paced_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
