/* SPDX-License-Identifier: Apache-2.0 */
/* The client over the engine in this process: operations, transactions, waiting, sharing, closing.
 */
#include "base/fault.h"
#include "base/loop.h"
#include "client/client_internal.h"
#include "weir/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define TABLE(name)                                                                  \
    "{\"TableName\":\"" name "\",\"BillingMode\":\"PAY_PER_REQUEST\","               \
    "\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}]," \
    "\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}],"               \
    "\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":\"NEW_IMAGE\"}}"
#define ITEM(pk) "{\"pk\":{\"S\":\"" pk "\"}}"
#define KEY(pk) "{\"TableName\":\"orders\",\"Key\":" ITEM(pk) "}"
#define NEW(pk)                                                                         \
    "{\"Put\":{\"TableName\":\"orders\",\"Item\":" ITEM(pk) ",\"ConditionExpression\":" \
                                                            "\"attribute_not_exists(pk)\"}}"

static struct weir_client *open_at(const char *url)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    struct weir_client *client = NULL;
    struct weir_error err = {0};
    options.endpoint_url = url;
    if (weir_client_open(&options, &client, &err) != WEIR_OK) {
        fail_msg("%s: %s", weir_status_name(err.status), err.message);
    }
    return client;
}

static enum weir_status open_status(const char *url, struct weir_error *err)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    struct weir_client *client = NULL;
    options.endpoint_url = url;
    enum weir_status status = weir_client_open(&options, &client, err);
    weir_client_close(client);
    return status;
}

/* The answer, to be freed; fails the test on another status than `wanted`. */
static char *call(struct weir_client *client, const char *operation, const char *json,
                  enum weir_status wanted)
{
    char *answer = NULL;
    struct weir_error err = {0};
    enum weir_status status =
        weir_call(client, operation, strlen(operation), json, strlen(json), &answer, NULL, &err);
    if (status != wanted) {
        fail_msg("%s: %s, not %s: %s", operation, weir_status_name(status),
                 weir_status_name(wanted), err.message);
    }
    return answer;
}

static void expect(struct weir_client *client, const char *operation, const char *json,
                   const char *part)
{
    char *answer = call(client, operation, json, WEIR_OK);
    if (strstr(answer, part) == NULL) {
        fail_msg("%s answered %s, without %s", operation, answer, part);
    }
    weir_free(answer);
}

static struct weir_client *open_with_table(const char *url)
{
    struct weir_client *client = open_at(url);
    weir_free(call(client, "CreateTable", TABLE("orders"), WEIR_OK));
    return client;
}

static bool has_item(struct weir_client *client, const char *key)
{
    char *answer = call(client, "GetItem", key, WEIR_OK);
    bool has = strstr(answer, "\"Item\"") != NULL;
    weir_free(answer);
    return has;
}

/* ---- operations --------------------------------------------------------------------------------
 */

static void operations_work_by_name(void **state)
{
    (void)state;
    struct weir_client *client = open_with_table("memory:");
    expect(client, "ListTables", "{}", "\"orders\"");
    expect(client, "DescribeTable", "{\"TableName\":\"orders\"}", "\"ACTIVE\"");
    expect(client, "PutItem",
           "{\"TableName\":\"orders\",\"Item\":{\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}}", "{}");
    expect(client, "GetItem", KEY("a"), "\"n\":{\"N\":\"1\"}");
    expect(client, "UpdateItem",
           "{\"TableName\":\"orders\",\"Key\":" ITEM(
               "a") ",\"UpdateExpression\":\"ADD n :one\","
                    "\"ExpressionAttributeValues\":{\":one\":{\"N\":\"1\"}},\"ReturnValues\":\"ALL_"
                    "NEW\"}",
           "\"n\":{\"N\":\"2\"}");
    expect(client, "Query",
           "{\"TableName\":\"orders\",\"KeyConditionExpression\":\"pk = :pk\","
           "\"ExpressionAttributeValues\":{\":pk\":{\"S\":\"a\"}}}",
           "\"Count\":1");
    expect(client, "Scan", "{\"TableName\":\"orders\"}", "\"ScannedCount\":1");
    expect(client, "BatchWriteItem",
           "{\"RequestItems\":{\"orders\":[{\"PutRequest\":{\"Item\":" ITEM("b") "}}]}}",
           "\"UnprocessedItems\":{}");
    expect(client, "BatchGetItem", "{\"RequestItems\":{\"orders\":{\"Keys\":[" ITEM("b") "]}}}",
           "\"S\":\"b\"");
    expect(client, "TransactGetItems", "{\"TransactItems\":[{\"Get\":" KEY("b") "}]}",
           "\"S\":\"b\"");
    expect(client, "ListStreams", "{}", "\"StreamArn\"");
    expect(client, "DeleteItem", KEY("a"), "{}");
    assert_false(has_item(client, KEY("a")));
    expect(client, "DeleteTable", "{\"TableName\":\"orders\"}", "\"TableDescription\"");
    weir_client_close(client);
}

static void errors_are_the_services(void **state)
{
    (void)state;
    struct weir_client *client = open_with_table("memory:");
    char *answer = NULL;
    struct weir_error err = {0};
    assert_int_equal(
        weir_call(client, "GetItem", 7, "{\"TableName\":\"nowhere\",\"Key\":" ITEM("a") "}",
                  strlen("{\"TableName\":\"nowhere\",\"Key\":" ITEM("a") "}"), &answer, NULL, &err),
        WEIR_RESOURCE_NOT_FOUND);
    assert_string_equal(err.code, "ResourceNotFoundException");
    assert_int_equal(err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(err.http_status, 0);
    weir_free(call(client, "NoSuchOperation", "{}", WEIR_UNKNOWN_OPERATION));
    weir_free(call(client, "PutItem", "{}", WEIR_VALIDATION));
    weir_client_close(client);
}

static void memory_clients_share_nothing(void **state)
{
    (void)state;
    struct weir_client *one = open_with_table("memory:");
    struct weir_client *other = open_at("memory:");
    expect(other, "ListTables", "{}", "\"TableNames\":[]");
    weir_client_close(one);
    weir_client_close(other);
}

static void malformed_endpoints_are_refused(void **state)
{
    (void)state;
    struct weir_error err = {0};
    static const char *const urls[] = {"memory:name", "file:", "file:?durability=sync",
                                       "file:x?durability=often", "file:x?sync"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        assert_int_equal(open_status(urls[i], &err), WEIR_CONFIG);
    }
    assert_int_equal(open_status("file:/nonexistent/parent/data", &err), WEIR_IO);
}

/* ---- transactions ------------------------------------------------------------------------------
 */

static struct weir_txn *txn_open(struct weir_client *client)
{
    struct weir_txn *txn = NULL;
    assert_int_equal(weir_txn_new(client, &txn, NULL), WEIR_OK);
    return txn;
}

static void add(struct weir_txn *txn, const char *json)
{
    struct weir_error err = {0};
    if (weir_txn_add(txn, json, strlen(json), &err) != WEIR_OK) {
        fail_msg("%s", err.message);
    }
}

static void test_B5_writes_commit_all_or_nothing(void **state)
{
    (void)state;
    struct weir_client *client = open_with_table("memory:");
    struct weir_txn *txn = txn_open(client);
    struct weir_error err = {0};
    add(txn, NEW("a"));
    assert_int_equal(weir_txn_put(txn, "orders", 6, ITEM("b"), strlen(ITEM("b")), NULL), WEIR_OK);
    assert_int_equal(weir_txn_count(txn), 2);
    assert_int_equal(weir_txn_commit(txn, &err), WEIR_OK);
    assert_true(has_item(client, KEY("a")) && has_item(client, KEY("b")));
    add(txn, NEW("c"));
    add(txn, NEW("a"));
    assert_int_equal(weir_txn_commit(txn, &err), WEIR_CONDITION_FAILED);
    assert_int_equal(err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(weir_txn_failed_index(txn), 1);
    assert_false(has_item(client, KEY("c")));
    weir_txn_free(txn);
    weir_client_close(client);
}

static void test_B5_leaving_without_commit_writes_nothing(void **state)
{
    (void)state;
    struct weir_client *client = open_with_table("memory:");
    struct weir_txn *txn = txn_open(client);
    add(txn, NEW("a"));
    weir_txn_free(txn);
    assert_false(has_item(client, KEY("a")));
    weir_client_close(client);
}

static void test_B5_empty_commit_is_a_no_op(void **state)
{
    (void)state;
    struct weir_client *client = open_with_table("memory:");
    struct weir_txn *txn = txn_open(client);
    assert_int_equal(weir_txn_commit(txn, NULL), WEIR_OK);
    assert_int_equal(weir_txn_failed_index(txn), -1);
    weir_txn_free(txn);
    weir_client_close(client);
}

static void test_B5_list_is_cleared_by_success_and_by_failure(void **state)
{
    (void)state;
    struct weir_client *client = open_with_table("memory:");
    struct weir_txn *txn = txn_open(client);
    add(txn, NEW("a"));
    assert_int_equal(weir_txn_commit(txn, NULL), WEIR_OK);
    assert_int_equal(weir_txn_count(txn), 0);
    weir_free(call(client, "DeleteItem", KEY("a"), WEIR_OK));
    assert_int_equal(weir_txn_commit(txn, NULL), WEIR_OK);
    assert_false(has_item(client, KEY("a")));
    add(txn, NEW("b"));
    add(txn, "{\"ConditionCheck\":{\"TableName\":\"orders\",\"Key\":" ITEM(
                 "x") ","
                      "\"ConditionExpression\":\"attribute_exists(pk)\"}}");
    assert_int_equal(weir_txn_commit(txn, NULL), WEIR_CONDITION_FAILED);
    assert_int_equal(weir_txn_failed_index(txn), 1);
    assert_int_equal(weir_txn_count(txn), 0);
    add(txn, NEW("b"));
    assert_int_equal(weir_txn_commit(txn, NULL), WEIR_OK);
    weir_txn_free(txn);
    weir_client_close(client);
}

static void test_B6_error_is_that_of_the_first_failing_element(void **state)
{
    (void)state;
    struct weir_client *client = open_with_table("memory:");
    weir_free(
        call(client, "PutItem", "{\"TableName\":\"orders\",\"Item\":" ITEM("a") "}", WEIR_OK));
    struct weir_txn *txn = txn_open(client);
    struct weir_value *staged = NULL;
    struct weir_error err = {0};
    add(txn, NEW("b"));
    assert_int_equal(json_parse(txn_arena(txn), BYTES_LIT(NEW("a")), &staged, NULL), WEIR_OK);
    assert_int_equal(txn_add_document(txn, staged, WEIR_ALREADY_EXISTS, NULL), WEIR_OK);
    add(txn, "{\"ConditionCheck\":{\"TableName\":\"orders\",\"Key\":" ITEM(
                 "x") ","
                      "\"ConditionExpression\":\"attribute_exists(pk)\"}}");
    assert_int_equal(weir_txn_commit(txn, &err), WEIR_ALREADY_EXISTS);
    assert_int_equal(err.status, WEIR_ALREADY_EXISTS);
    assert_string_equal(err.code, "TransactionCanceledException");
    assert_int_equal(weir_txn_failed_index(txn), 1);
    weir_txn_free(txn);
    weir_client_close(client);
}

static void test_B7_the_101st_element_is_refused(void **state)
{
    (void)state;
    struct weir_client *client = open_with_table("memory:");
    struct weir_txn *txn = txn_open(client);
    for (int i = 0; i < 100; i++) {
        char element[128];
        (void)snprintf(element, sizeof(element),
                       "{\"Put\":{\"TableName\":\"orders\",\"Item\":{\"pk\":{\"S\":\"%d\"}}}}", i);
        add(txn, element);
    }
    assert_int_equal(weir_txn_add(txn, NEW("a"), strlen(NEW("a")), NULL), WEIR_TOO_LARGE);
    assert_int_equal(weir_txn_commit(txn, NULL), WEIR_OK);
    expect(client, "Scan", "{\"TableName\":\"orders\"}", "\"Count\":100");
    weir_txn_free(txn);
    weir_client_close(client);
}

static void elements_of_another_shape_are_refused(void **state)
{
    (void)state;
    struct weir_client *client = open_at("memory:");
    struct weir_txn *txn = txn_open(client);
    static const char *const wrong[] = {"[]", "{}", "{\"Get\":{}}", "{\"Put\":1}",
                                        "{\"Put\":{},\"Delete\":{}}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(weir_txn_add(txn, wrong[i], strlen(wrong[i]), NULL),
                         WEIR_INVALID_ARGUMENT);
    }
    assert_int_equal(weir_txn_add(txn, "{", 1, NULL), WEIR_SERIALIZATION);
    assert_int_equal(weir_txn_count(txn), 0);
    weir_txn_free(txn);
    weir_client_close(client);
}

static void test_A7_commit_after_closing_is_a_definite_error(void **state)
{
    (void)state;
    struct weir_client *client = open_with_table("memory:");
    struct weir_txn *txn = txn_open(client);
    struct weir_error err = {0};
    add(txn, NEW("a"));
    weir_client_close(client);
    assert_int_equal(weir_txn_commit(txn, &err), WEIR_CLOSED);
    assert_int_equal(err.outcome, WEIR_NOT_APPLIED);
    weir_txn_free(txn);
}

/* ---- on disk -----------------------------------------------------------------------------------
 */

struct folder {
    char path[64];
    char url[128];
};

static void folder_make(struct folder *folder, const char *query)
{
    (void)snprintf(folder->path, sizeof(folder->path), "/tmp/weir-embed-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    (void)snprintf(folder->url, sizeof(folder->url), "file:%s/data%s", folder->path, query);
}

static void folder_remove(const struct folder *folder)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", folder->path);
    assert_int_equal(system(command), 0);
}

static void reopening_keeps_what_was_written(void **state)
{
    (void)state;
    static const char *const queries[] = {"", "?durability=sync", "?durability=relaxed"};
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct folder folder;
        folder_make(&folder, queries[i]);
        struct weir_client *client = open_with_table(folder.url);
        struct weir_txn *txn = txn_open(client);
        add(txn, NEW("a"));
        assert_int_equal(weir_txn_commit(txn, NULL), WEIR_OK);
        weir_txn_free(txn);
        weir_client_close(client);
        client = open_at(folder.url);
        assert_true(has_item(client, KEY("a")));
        weir_client_close(client);
        folder_remove(&folder);
    }
}

static void clients_of_one_folder_share_its_engine(void **state)
{
    (void)state;
    struct folder folder;
    struct weir_error err = {0};
    char relaxed[160];
    folder_make(&folder, "");
    struct weir_client *one = open_with_table(folder.url);
    struct weir_client *other = open_at(folder.url);
    weir_free(call(one, "PutItem", "{\"TableName\":\"orders\",\"Item\":" ITEM("a") "}", WEIR_OK));
    assert_true(has_item(other, KEY("a")));
    (void)snprintf(relaxed, sizeof(relaxed), "%s?durability=relaxed", folder.url);
    assert_int_equal(open_status(relaxed, &err), WEIR_CONFIG);
    weir_client_close(one);
    assert_true(has_item(other, KEY("a")));
    weir_client_close(other);
    assert_int_equal(open_status(relaxed, &err), WEIR_OK);
    folder_remove(&folder);
}

/* ---- asynchronous ------------------------------------------------------------------------------
 */

#define REQUESTS 50

struct async {
    struct loop *loop;
    struct weir_client *client;
    struct client_request requests[REQUESTS];
    struct weir_value *documents[REQUESTS];
    struct arena *arenas[REQUESTS];
    unsigned started, done, succeeded, closed;
    bool starting;
    struct loop_task task;
};

static void on_done(struct client_request *request)
{
    struct async *a = request->arg;
    assert_false(a->starting);
    a->succeeded += request->status == WEIR_OK;
    a->closed += request->status == WEIR_CLOSED || request->status == WEIR_CANCELLED;
    if (++a->done == a->started) {
        loop_stop(a->loop);
    }
}

static struct client_request *async_start(struct async *a, const char *operation, const char *json,
                                          uint32_t wait_ms)
{
    unsigned i = a->started++;
    a->arenas[i] = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    assert_int_equal(json_parse(a->arenas[i], bytes_str(json), &a->documents[i], NULL), WEIR_OK);
    a->requests[i] = (struct client_request){.operation = operation,
                                             .document = a->documents[i],
                                             .arena = a->arenas[i],
                                             .wait_ms = wait_ms,
                                             .loop = a->loop,
                                             .done = on_done,
                                             .arg = a};
    a->starting = true;
    client_start(a->client, &a->requests[i]);
    a->starting = false;
    return &a->requests[i];
}

static void async_open(struct async *a)
{
    *a = (struct async){.client = open_with_table("memory:")};
    assert_int_equal(loop_uv_new(env_system(), &a->loop, NULL), WEIR_OK);
}

static void async_free(struct async *a)
{
    for (unsigned i = 0; i < a->started; i++) {
        arena_free(a->arenas[i]);
    }
    loop_free(a->loop);
}

static void start_many(void *arg)
{
    struct async *a = arg;
    for (int i = 0; i < REQUESTS; i++) {
        char json[128];
        (void)snprintf(json, sizeof(json),
                       "{\"TableName\":\"orders\",\"Item\":{\"pk\":{\"S\":\"%d\"}}}", i / 2);
        if (i % 2 == 0) {
            (void)async_start(a, "PutItem", json, 0);
        } else {
            (void)async_start(a, "Scan", "{\"TableName\":\"orders\"}", 0);
        }
    }
}

static void asynchronous_calls_complete_on_their_loop(void **state)
{
    (void)state;
    struct async a;
    async_open(&a);
    a.task = (struct loop_task){.fn = start_many, .arg = &a};
    loop_post(a.loop, &a.task);
    loop_run(a.loop);
    assert_int_equal(a.done, REQUESTS);
    assert_int_equal(a.succeeded, REQUESTS);
    expect(a.client, "Scan", "{\"TableName\":\"orders\"}", "\"Count\":25");
    weir_client_close(a.client);
    async_free(&a);
}

/* Copies the text value of `name` in the answer. */
static void text_of(const char *answer, const char *name, char *to, size_t size)
{
    char quoted[64];
    (void)snprintf(quoted, sizeof(quoted), "\"%s\":\"", name);
    const char *start = strstr(answer, quoted);
    assert_non_null(start);
    start += strlen(quoted);
    size_t len = strcspn(start, "\"");
    assert_true(len < size);
    memcpy(to, start, len);
    to[len] = '\0';
}

/* A GetRecords request at the tip of the first shard. */
static void tip_request(struct weir_client *client, char *to, size_t size)
{
    char arn[1100], shard[80], iterator[2100], json[1400];
    char *answer = call(client, "ListStreams", "{}", WEIR_OK);
    text_of(answer, "StreamArn", arn, sizeof(arn));
    weir_free(answer);
    (void)snprintf(json, sizeof(json), "{\"StreamArn\":\"%s\"}", arn);
    answer = call(client, "DescribeStream", json, WEIR_OK);
    text_of(answer, "ShardId", shard, sizeof(shard));
    weir_free(answer);
    (void)snprintf(json, sizeof(json),
                   "{\"StreamArn\":\"%s\",\"ShardId\":\"%s\",\"ShardIteratorType\":\"LATEST\"}",
                   arn, shard);
    answer = call(client, "GetShardIterator", json, WEIR_OK);
    text_of(answer, "ShardIterator", iterator, sizeof(iterator));
    weir_free(answer);
    (void)snprintf(to, size, "{\"ShardIterator\":\"%s\"}", iterator);
}

static void waiting_at_the_tip_ends_when_its_time_is_over(void **state)
{
    (void)state;
    struct async a;
    char json[2200];
    async_open(&a);
    tip_request(a.client, json, sizeof(json));
    uint64_t before_ns = env_mono_ns(env_system());
    struct client_request *request = async_start(&a, "GetRecords", json, 500);
    loop_run(a.loop);
    assert_true(env_mono_ns(env_system()) - before_ns >= 490000000); /* not before its time */
    assert_int_equal(request->status, WEIR_OK);
    assert_int_equal(value_get(request->response, "Records")->u.list.count, 0);
    weir_client_close(a.client);
    async_free(&a);
}

static void waiting_at_the_tip_sees_a_write(void **state)
{
    (void)state;
    struct async a;
    char json[2200];
    async_open(&a);
    tip_request(a.client, json, sizeof(json));
    struct client_request *request = async_start(&a, "GetRecords", json, 20000);
    for (int i = 0; i < 32; i++) { /* keys of every shard */
        char put[128];
        (void)snprintf(put, sizeof(put),
                       "{\"TableName\":\"orders\",\"Item\":{\"pk\":{\"S\":\"k%d\"}}}", i);
        weir_free(call(a.client, "PutItem", put, WEIR_OK));
    }
    loop_run(a.loop);
    assert_int_equal(request->status, WEIR_OK);
    assert_true(value_get(request->response, "Records")->u.list.count > 0);
    weir_client_close(a.client);
    async_free(&a);
}

static void on_cancel(void *arg)
{
    client_cancel(arg);
}

static void waiting_at_the_tip_can_be_cancelled(void **state)
{
    (void)state;
    struct async a;
    char json[2200];
    async_open(&a);
    tip_request(a.client, json, sizeof(json));
    struct client_request *request = async_start(&a, "GetRecords", json, 20000);
    a.task = (struct loop_task){.fn = on_cancel, .arg = request};
    loop_post(a.loop, &a.task);
    loop_run(a.loop);
    assert_int_equal(request->status, WEIR_CANCELLED);
    weir_client_close(a.client);
    async_free(&a);
}

/* Closing may come between a call's beginning and its reaching the transport. */
static void a_cancel_before_the_transport_has_the_call_holds_for_it(void **state)
{
    (void)state;
    struct async a;
    char json[2200];
    async_open(&a);
    tip_request(a.client, json, sizeof(json));
    struct client_transport *transport = a.client->transport;
    struct arena *arena = arena_new(1 << 20);
    struct weir_value *document = NULL;
    assert_int_equal(json_parse(arena, bytes_str(json), &document, NULL), WEIR_OK);
    struct client_request request = {.operation = "GetRecords",
                                     .document = document,
                                     .arena = arena,
                                     .wait_ms = 20000,
                                     .client = a.client};
    transport->ops->cancel(transport, &request);
    transport->ops->cancel(transport, &request);
    assert_true(transport->ops->call(transport, &request));
    assert_int_equal(request.status, WEIR_CANCELLED);
    request.wait_ms = 1; /* only for the one call */
    assert_true(transport->ops->call(transport, &request));
    assert_int_equal(request.status, WEIR_OK);
    arena_free(arena);
    weir_client_close(a.client);
    async_free(&a);
}

static void closing_ends_waiting_calls(void **state)
{
    (void)state;
    struct async a;
    char json[2200];
    async_open(&a);
    tip_request(a.client, json, sizeof(json));
    struct client_request *request = async_start(&a, "GetRecords", json, 20000);
    weir_client_close(a.client);
    loop_run(a.loop);
    assert_int_equal(request->status, WEIR_CLOSED);
    async_free(&a);
}

/* ---- threads and failures ----------------------------------------------------------------------
 */

#define THREADS 6
#define ADDS 200

static void *add_many(void *arg)
{
    static const char update[] = "{\"TableName\":\"orders\",\"Key\":" ITEM(
        "n") ",\"UpdateExpression\":\"ADD n :one\","
             "\"ExpressionAttributeValues\":{\":one\":{\"N\":\"1\"}}}";
    uintptr_t failed = 0;
    for (int i = 0; i < ADDS; i++) {
        char *answer = NULL;
        failed += weir_call(arg, "UpdateItem", 10, update, strlen(update), &answer, NULL, NULL) !=
                  WEIR_OK;
        weir_free(answer);
    }
    return (void *)failed;
}

static void client_is_used_from_many_threads(void **state)
{
    (void)state;
    struct weir_client *client = open_with_table("memory:");
    pthread_t threads[THREADS];
    char wanted[64];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, client), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    (void)snprintf(wanted, sizeof(wanted), "\"n\":{\"N\":\"%d\"}", THREADS * ADDS);
    expect(client, "GetItem", KEY("n"), wanted);
    weir_client_close(client);
}

static void failed_commit_leaves_a_write_unknown(void **state)
{
    (void)state;
    struct folder folder;
    struct weir_error err = {0};
    char *answer = NULL;
    static const char put[] = "{\"TableName\":\"orders\",\"Item\":" ITEM("a") "}";
    folder_make(&folder, "");
    struct weir_client *client = open_with_table(folder.url);
    assert_int_equal(fault_arm("kv.commit=errors@1", NULL), WEIR_OK);
    enum weir_status status =
        weir_call(client, "PutItem", 7, put, strlen(put), &answer, NULL, &err);
    assert_int_equal(fault_arm(NULL, NULL), WEIR_OK);
    assert_int_not_equal(status, WEIR_OK);
    assert_int_equal(err.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_int_equal(err.retryable, 0);
    weir_client_close(client);
    client = open_at(folder.url);
    weir_free(call(client, "PutItem", put, WEIR_OK));
    weir_client_close(client);
    folder_remove(&folder);
}

static int setup(void **state)
{
    (void)state;
    return weir_engine_register(NULL) == WEIR_OK && weir_engine_register(NULL) == WEIR_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_work_by_name),
        cmocka_unit_test(errors_are_the_services),
        cmocka_unit_test(memory_clients_share_nothing),
        cmocka_unit_test(malformed_endpoints_are_refused),
        cmocka_unit_test(test_B5_writes_commit_all_or_nothing),
        cmocka_unit_test(test_B5_leaving_without_commit_writes_nothing),
        cmocka_unit_test(test_B5_empty_commit_is_a_no_op),
        cmocka_unit_test(test_B5_list_is_cleared_by_success_and_by_failure),
        cmocka_unit_test(test_B6_error_is_that_of_the_first_failing_element),
        cmocka_unit_test(test_B7_the_101st_element_is_refused),
        cmocka_unit_test(elements_of_another_shape_are_refused),
        cmocka_unit_test(test_A7_commit_after_closing_is_a_definite_error),
        cmocka_unit_test(reopening_keeps_what_was_written),
        cmocka_unit_test(clients_of_one_folder_share_its_engine),
        cmocka_unit_test(asynchronous_calls_complete_on_their_loop),
        cmocka_unit_test(waiting_at_the_tip_ends_when_its_time_is_over),
        cmocka_unit_test(waiting_at_the_tip_sees_a_write),
        cmocka_unit_test(waiting_at_the_tip_can_be_cancelled),
        cmocka_unit_test(a_cancel_before_the_transport_has_the_call_holds_for_it),
        cmocka_unit_test(closing_ends_waiting_calls),
        cmocka_unit_test(client_is_used_from_many_threads),
        cmocka_unit_test(failed_commit_leaves_a_write_unknown),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
