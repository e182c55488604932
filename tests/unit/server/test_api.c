/* SPDX-License-Identifier: Apache-2.0 */
/* The server with the real API over an engine in memory. */
#include "whole.h"

#include "server/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = whole_new((struct server_options){.threads = 2});
    return 0;
}

static int teardown(void **state)
{
    whole_free(*state);
    return 0;
}

/* Calls and gives the answer's body, NUL-terminated; free it. */
static char *call(struct http_client *client, const char *target, const char *body, int status)
{
    struct http_answer answer;
    struct buf out;
    buf_init(&out, (size_t)1024 * 1024);
    buf_printf(&out,
               "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: %s\r\n"
               "Content-Length: %zu\r\n\r\n%s",
               target, strlen(body), body);
    http_send(client, buf_bytes(&out));
    buf_fini(&out);
    http_read(client, &answer);
    buf_put_u8(&answer.body, 0);
    if (answer.status != status) {
        fail_msg("%s: %d %s", target, answer.status, (const char *)answer.body.ptr);
    }
    return (char *)answer.body.ptr;
}

static void item_goes_in_and_comes_out(void **state)
{
    struct whole *w = *state;
    expect(w, "CreateTable", ORDERS_TABLE, 200, "\"TableStatus\"");
    expect(w, "PutItem",
           "{\"TableName\":\"orders\",\"Item\":{\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"1.50\"}}}", 200,
           "{}");
    expect(w, "GetItem", "{\"TableName\":\"orders\",\"Key\":{\"pk\":{\"S\":\"a\"}}}", 200,
           "\"n\":{\"N\":\"1.5\"}");
    expect(w, "Scan", "{\"TableName\":\"orders\"}", 200, "\"Count\":1");
}

static void pipelined_writes_are_applied_in_order(void **state)
{
    struct whole *w = *state;
    expect(w, "CreateTable", ORDERS_TABLE, 200, "\"TableStatus\"");
    char body[128];
    for (int i = 0; i < 100; i++) {
        (void)snprintf(body, sizeof(body),
                       "{\"TableName\":\"orders\",\"Item\":{\"pk\":{\"S\":\"a\"},"
                       "\"n\":{\"N\":\"%d\"}}}",
                       i);
        http_post(&w->client, "PutItem", bytes_str(body), "");
    }
    for (int i = 0; i < 100; i++) {
        struct http_answer answer;
        http_read(&w->client, &answer);
        assert_int_equal(answer.status, 200);
        http_answer_fini(&answer);
    }
    expect(w, "GetItem", "{\"TableName\":\"orders\",\"Key\":{\"pk\":{\"S\":\"a\"}}}", 200,
           "\"n\":{\"N\":\"99\"}");
}

static void errors_are_as_the_service_gives_them(void **state)
{
    struct whole *w = *state;
    expect(w, "GetItem", "null", 400, "SerializationException");
    expect(w, "GetItem", "[]", 400, "SerializationException");
    expect(w, "GetItem", "{", 400, "com.amazon.coral.service#SerializationException");
    expect(w, "Nonsense", "{}", 400, "com.amazon.coral.service#UnknownOperationException");
    expect(w, "GetItem", "{\"TableName\":\"none\",\"Key\":{\"pk\":{\"S\":\"a\"}}}", 400,
           "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException");
}

/* The text of a string member, as the answers here have it: without escapes. Free it. */
static char *member(const char *json, const char *name)
{
    char key[64];
    (void)snprintf(key, sizeof(key), "\"%s\":\"", name);
    const char *at = strstr(json, key);
    assert_non_null(at);
    at += strlen(key);
    return strndup(at, strcspn(at, "\""));
}

/* An iterator at the tip of the table's only shard. */
static char *tip_iterator(struct http_client *client)
{
    char body[512];
    char *described = call(client, "DynamoDB_20120810.CreateTable", ORDERS_TABLE, 200);
    char *arn = member(described, "LatestStreamArn");
    (void)snprintf(body, sizeof(body), "{\"StreamArn\":\"%s\"}", arn);
    char *stream = call(client, "DynamoDBStreams_20120810.DescribeStream", body, 200);
    char *shard = member(stream, "ShardId");
    (void)snprintf(body, sizeof(body),
                   "{\"StreamArn\":\"%s\",\"ShardId\":\"%s\",\"ShardIteratorType\":\"LATEST\"}",
                   arn, shard);
    char *answer = call(client, "DynamoDBStreams_20120810.GetShardIterator", body, 200);
    char *iterator = member(answer, "ShardIterator");
    free(answer);
    free(shard);
    free(stream);
    free(arn);
    free(described);
    return iterator;
}

/* GetRecords that may wait, sent and not read. */
static void send_get_records(struct http_client *client, const char *iterator, const char *wait)
{
    struct buf out;
    buf_init(&out, 65536);
    buf_printf(&out,
               "POST / HTTP/1.1\r\nHost: localhost\r\nX-Weir-Wait-Ms: %s\r\n"
               "X-Amz-Target: DynamoDBStreams_20120810.GetRecords\r\nContent-Length: %zu\r\n\r\n"
               "{\"ShardIterator\":\"%s\"}",
               wait, strlen(iterator) + strlen("{\"ShardIterator\":\"\"}"), iterator);
    http_send(client, buf_bytes(&out));
    buf_fini(&out);
}

static void get_records_waits_for_the_next_record(void **state)
{
    struct whole *w = *state;
    struct http_client follower;
    struct http_answer answer;
    char *iterator = tip_iterator(&w->client);
    http_open(&follower, server_port(w->server));
    send_get_records(&follower, iterator, "20000");
    expect(w, "PutItem", "{\"TableName\":\"orders\",\"Item\":{\"pk\":{\"S\":\"fresh\"}}}", 200,
           "{}");
    http_read(&follower, &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(memmem(answer.body.ptr, answer.body.len, "fresh", 5));
    http_answer_fini(&answer);
    http_close(&follower);
    free(iterator);
}

/* The follower's wait is shorter than the stop's deadline: it gets its answer, then the end. */
static void stop_answers_get_records_that_waits(void **state)
{
    struct whole *w = *state;
    struct http_client follower;
    struct http_answer answer;
    char *iterator = tip_iterator(&w->client);
    http_open(&follower, server_port(w->server));
    send_get_records(&follower, iterator, "500");
    struct server_figures figures = {0};
    while (figures.requests < 4) {
        server_read_figures(w->server, &figures);
    }
    server_stop(w->server, 5000);
    w->server = NULL;
    http_read(&follower, &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(memmem(answer.body.ptr, answer.body.len, "\"Records\":[]", 12));
    http_answer_fini(&answer);
    assert_true(http_ended(&follower));
    http_close(&follower);
    free(iterator);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(item_goes_in_and_comes_out),           TEST(pipelined_writes_are_applied_in_order),
        TEST(errors_are_as_the_service_gives_them), TEST(get_records_waits_for_the_next_record),
        TEST(stop_answers_get_records_that_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
