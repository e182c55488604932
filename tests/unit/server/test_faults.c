/* SPDX-License-Identifier: Apache-2.0 */
/* Each action of the weather over a socket, on the real API: what the client sees, and what was
 * done. */
#include "whole.h"

#include "server/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

static const char *const put = "{\"TableName\":\"orders\",\"Item\":{\"pk\":{\"S\":\"a\"}}}";
static const char *const get = "{\"TableName\":\"orders\",\"Key\":{\"pk\":{\"S\":\"a\"}}}";

static struct whole *whole_of(const char *faults)
{
    struct whole *w = whole_new((struct server_options){.faults = faults});
    expect(w, "CreateTable", ORDERS_TABLE, 200, "\"TableStatus\"");
    return w;
}

static void reopen(struct whole *w)
{
    http_close(&w->client);
    http_open(&w->client, server_port(w->server));
}

static void expect_metric(struct whole *w, const char *line)
{
    struct http_answer answer;
    http_send_str(&w->client, "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    http_read(&w->client, &answer);
    buf_put_u8(&answer.body, 0);
    if (strstr((const char *)answer.body.ptr, line) == NULL) {
        fail_msg("no %s in %s", line, (const char *)answer.body.ptr);
    }
    http_answer_fini(&answer);
}

static void expect_there(struct whole *w)
{
    expect(w, "GetItem", get, 200, "\"Item\":{\"pk\"");
}

static void expect_not_there(struct whole *w)
{
    expect(w, "GetItem", get, 200, "{}");
}

static void refusals_are_not_applied(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        int status;
        const char *type;
    } cases[] = {
        {"PutItem:throttle@1", 400, "com.amazonaws.dynamodb.v20120810#ThrottlingException"},
        {"PutItem:exceed@1", 400,
         "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"},
        {"PutItem:500@1", 500, "com.amazonaws.dynamodb.v20120810#InternalServerError"},
        {"PutItem:503@1", 503, "com.amazonaws.dynamodb.v20120810#ServiceUnavailable"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct whole *w = whole_of(cases[i].rule);
        char line[128];
        expect(w, "PutItem", put, cases[i].status, cases[i].type);
        expect_not_there(w);
        expect(w, "PutItem", put, 200, "{}");
        expect_there(w);
        (void)snprintf(line, sizeof(line), "weir_server_faults_total{rule=\"%s\"} 1\n",
                       cases[i].rule);
        expect_metric(w, line);
        whole_free(w);
    }
}

static void a_late_500_was_applied(void **state)
{
    (void)state;
    struct whole *w = whole_of("PutItem:500_after@1");
    expect(w, "PutItem", put, 500, "InternalServerError");
    expect_there(w);
    whole_free(w);
}

static void a_call_dropped_before_is_not_applied(void **state)
{
    (void)state;
    struct whole *w = whole_of("PutItem:drop_before@1");
    http_post(&w->client, "PutItem", bytes_str(put), "");
    assert_true(http_ended(&w->client));
    reopen(w);
    expect_not_there(w);
    whole_free(w);
}

static void a_call_dropped_after_is_applied(void **state)
{
    (void)state;
    struct whole *w = whole_of("PutItem:drop_after@1,TransactWriteItems:drop_after@1");
    http_post(&w->client, "PutItem", bytes_str(put), "");
    assert_true(http_ended(&w->client));
    reopen(w);
    expect_there(w);
    http_post(&w->client, "TransactWriteItems",
              BYTES_LIT("{\"TransactItems\":[{\"Delete\":{\"TableName\":\"orders\",\"Key\":"
                        "{\"pk\":{\"S\":\"a\"}}}}]}"),
              "");
    assert_true(http_ended(&w->client));
    reopen(w);
    expect_not_there(w);
    whole_free(w);
}

/* The head and half of the body, then the end. */
static void expect_cut(struct whole *w, const char *operation, const char *body,
                       const char *headers)
{
    char got[65536];
    size_t len = 0;
    http_post(&w->client, operation, bytes_str(body), headers);
    for (ssize_t n = 1; n > 0; len += n > 0 ? (size_t)n : 0) {
        n = recv(w->client.fd, got + len, sizeof(got) - 1 - len, 0);
    }
    got[len] = '\0';
    const char *end = strstr(got, "\r\n\r\n");
    const char *length = strcasestr(got, "Content-Length: ");
    assert_non_null(end);
    assert_non_null(length);
    size_t size = strtoul(length + 16, NULL, 10);
    assert_true(size >= 2);
    assert_int_equal(len - (size_t)(end + 4 - got), size / 2);
    reopen(w);
}

static void an_answer_is_cut_in_the_middle(void **state)
{
    (void)state;
    struct whole *w = whole_of("PutItem:cut@1,Scan:cut");
    expect_cut(w, "PutItem", put, "");
    expect_there(w);
    expect_cut(w, "Scan", "{\"TableName\":\"orders\"}", "");
    for (unsigned i = 0; i < 200; i++) {
        char body[128];
        (void)snprintf(body, sizeof(body),
                       "{\"TableName\":\"orders\",\"Item\":{\"pk\":{\"S\":\"item %u\"}}}", i);
        expect(w, "PutItem", body, 200, "{}");
    }
    expect_cut(w, "Scan", "{\"TableName\":\"orders\"}", "");
    expect_cut(w, "Scan", "{\"TableName\":\"orders\"}", "Accept-Encoding: gzip\r\n");
    whole_free(w);
}

static void half_of_a_batch_is_not_written(void **state)
{
    (void)state;
    struct whole *w = whole_of("BatchWriteItem:half@1");
    static const char batch[] = "{\"RequestItems\":{\"orders\":["
                                "{\"PutRequest\":{\"Item\":{\"pk\":{\"S\":\"1\"}}}},"
                                "{\"PutRequest\":{\"Item\":{\"pk\":{\"S\":\"2\"}}}},"
                                "{\"PutRequest\":{\"Item\":{\"pk\":{\"S\":\"3\"}}}}]}}";
    expect(
        w, "BatchWriteItem", batch, 200,
        "\"UnprocessedItems\":{\"orders\":[{\"PutRequest\":{\"Item\":{\"pk\":{\"S\":\"3\"}}}}]}");
    expect(w, "Scan", "{\"TableName\":\"orders\"}", 200, "\"Count\":2");
    expect(w, "BatchWriteItem", batch, 200, "\"UnprocessedItems\":{}");
    expect(w, "Scan", "{\"TableName\":\"orders\"}", 200, "\"Count\":3");
    whole_free(w);
}

static void half_of_a_batch_is_not_read(void **state)
{
    (void)state;
    struct whole *w = whole_of("BatchGetItem:half@1");
    static const char batch[] = "{\"RequestItems\":{\"orders\":{\"ConsistentRead\":true,\"Keys\":["
                                "{\"pk\":{\"S\":\"a\"}},{\"pk\":{\"S\":\"b\"}}]}}}";
    expect(w, "PutItem", put, 200, "{}");
    expect(w, "BatchGetItem", batch, 200,
           "{\"Responses\":{\"orders\":[{\"pk\":{\"S\":\"a\"}}]},\"UnprocessedKeys\":{\"orders\":"
           "{\"ConsistentRead\":true,\"Keys\":[{\"pk\":{\"S\":\"b\"}}]}}}");
    expect(w, "BatchGetItem", batch, 200, "\"UnprocessedKeys\":{}");
    whole_free(w);
}

static void a_wrong_halved_batch_is_refused_as_ever(void **state)
{
    (void)state;
    struct whole *w = whole_of("BatchWriteItem:half");
    expect(w, "BatchWriteItem", "{\"RequestItems\":{\"orders\":[{},{}]}}", 400, "Validation");
    expect(w, "BatchWriteItem", "{\"RequestItems\":{\"orders\":5}}", 400, "__type");
    whole_free(w);
}

/* Another connection's call is answered while the first one's answer is held back. */
static void a_delayed_answer_holds_nobody_else(void **state)
{
    (void)state;
    struct whole *w = whole_of("PutItem:delay=300ms@1,Query:delay=1ms,Scan:delay=1ms");
    struct http_client late;
    struct http_answer answer;
    http_open(&late, server_port(w->server));
    uint64_t start_ns = env_mono_ns(env_system());
    http_post(&late, "PutItem", bytes_str(put), "");
    struct front_counters counters = {0};
    while (counters.suspended == 0) {
        server_read_counters(w->server, &counters);
    }
    expect(w, "Scan", "{\"TableName\":\"orders\"}", 200, "\"Count\"");
    http_read(&late, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(env_mono_ns(env_system()) - start_ns >= UINT64_C(290000000));
    http_answer_fini(&answer);
    http_close(&late);
    expect_there(w);
    whole_free(w);
}

static void a_stop_lets_a_delayed_answer_go(void **state)
{
    (void)state;
    struct whole *w = whole_of("PutItem:delay=60s");
    struct http_answer answer;
    http_post(&w->client, "PutItem", bytes_str(put), "");
    struct front_counters counters = {0};
    while (counters.suspended == 0) {
        server_read_counters(w->server, &counters);
    }
    uint64_t start_ns = env_mono_ns(env_system());
    server_stop(w->server, 5000);
    w->server = NULL;
    assert_true(env_mono_ns(env_system()) - start_ns < UINT64_C(30000000000));
    http_read(&w->client, &answer);
    assert_int_equal(answer.status, 200);
    http_answer_fini(&answer);
    whole_free(w);
}

static void what_is_no_call_of_the_api_is_not_counted(void **state)
{
    (void)state;
    struct whole *w = whole_of("*:500@2"); /* the first was CreateTable */
    expect(w, "Nonsense", "{}", 400, "UnknownOperationException");
    expect(w, "PutItem", "{", 400, "SerializationException");
    expect(w, "PutItem", put, 500, "InternalServerError");
    expect(w, "PutItem", put, 200, "{}");
    whole_free(w);
}

static void a_server_with_wrong_rules_does_not_start(void **state)
{
    (void)state;
    struct server *server = NULL;
    struct weir_error err = {0};
    struct server_options options = {.env = env_system(), .faults = "PutItem:explode"};
    assert_int_equal(server_start(&options, &server, &err), WEIR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "no action 'explode'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_are_not_applied),
        cmocka_unit_test(a_late_500_was_applied),
        cmocka_unit_test(a_call_dropped_before_is_not_applied),
        cmocka_unit_test(a_call_dropped_after_is_applied),
        cmocka_unit_test(an_answer_is_cut_in_the_middle),
        cmocka_unit_test(half_of_a_batch_is_not_written),
        cmocka_unit_test(half_of_a_batch_is_not_read),
        cmocka_unit_test(a_wrong_halved_batch_is_refused_as_ever),
        cmocka_unit_test(a_delayed_answer_holds_nobody_else),
        cmocka_unit_test(a_stop_lets_a_delayed_answer_go),
        cmocka_unit_test(what_is_no_call_of_the_api_is_not_counted),
        cmocka_unit_test(a_server_with_wrong_rules_does_not_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
