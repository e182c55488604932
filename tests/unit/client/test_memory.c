/* SPDX-License-Identifier: Apache-2.0 */
/* Over a whole engine: queued calls by the thousand, transactions from their parts, and what both
 * consume. */
#include "base/error.h"
#include "weir/client.h"
#include "weir/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define TABLE                                                                        \
    "{\"TableName\":\"orders\",\"BillingMode\":\"PAY_PER_REQUEST\","                 \
    "\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}]," \
    "\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}]}"

struct memory {
    struct weir_client *client;
    struct weir_txn *txn;
    struct weir_error err;
};

static struct weir_text text(const char *s)
{
    return (struct weir_text){s, strlen(s)};
}

/* The answer, to be freed. */
static char *call(struct memory *m, const char *operation, const char *json)
{
    char *answer = NULL;
    if (weir_call(m->client, operation, strlen(operation), json, strlen(json), &answer, NULL,
                  &m->err) != WEIR_OK) {
        fail_msg("%s: %s", operation, m->err.message);
    }
    return answer;
}

static int setup(void **state)
{
    static struct memory m;
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    m = (struct memory){.client = NULL};
    assert_int_equal(weir_engine_register(&m.err), WEIR_OK);
    options.endpoint_url = "memory:";
    options.count_capacity = 1;
    assert_int_equal(weir_client_open(&options, &m.client, &m.err), WEIR_OK);
    weir_free(call(&m, "CreateTable", TABLE));
    assert_int_equal(weir_txn_new(m.client, &m.txn, &m.err), WEIR_OK);
    *state = &m;
    return 0;
}

static int teardown(void **state)
{
    struct memory *m = *state;
    weir_txn_free(m->txn);
    weir_client_close(m->client);
    return 0;
}

/* Whether the item's text has this in it; NULL: whether there is no item. */
static bool item_has(struct memory *m, const char *pk, const char *part)
{
    char json[128];
    (void)snprintf(json, sizeof(json), "{\"TableName\":\"orders\",\"Key\":{\"pk\":{\"S\":\"%s\"}}}",
                   pk);
    char *answer = call(m, "GetItem", json);
    bool found = part == NULL ? strstr(answer, "\"Item\"") == NULL : strstr(answer, part) != NULL;
    weir_free(answer);
    return found;
}

static void put(struct memory *m, const char *pk, int n)
{
    char json[160];
    (void)snprintf(
        json, sizeof(json),
        "{\"TableName\":\"orders\",\"Item\":{\"pk\":{\"S\":\"%s\"},\"n\":{\"N\":\"%d\"}}}", pk, n);
    weir_free(call(m, "PutItem", json));
}

static struct weir_txn_write write_of(const char *key_json)
{
    struct weir_txn_write write = WEIR_TXN_WRITE_INIT;
    write.table = text("orders");
    write.json = text(key_json);
    return write;
}

static void test_B5_elements_from_their_parts_commit_together(void **state)
{
    struct memory *m = *state;
    put(m, "updated", 1);
    put(m, "deleted", 1);
    put(m, "checked", 1);
    struct weir_txn_write write = write_of("{\"pk\":{\"S\":\"new\"},\"n\":{\"N\":\"9\"}}");
    write.condition = text("attribute_not_exists(pk)");
    assert_int_equal(weir_txn_put_with(m->txn, &write, &m->err), WEIR_OK);
    write = write_of("{\"pk\":{\"S\":\"updated\"}}");
    write.update = text("SET #n = #n + :one");
    write.condition = text("#n = :was");
    write.names_json = text("{\"#n\":\"n\"}");
    write.values_json = text("{\":one\":{\"N\":\"1\"},\":was\":{\"N\":\"1\"}}");
    assert_int_equal(weir_txn_update(m->txn, &write, &m->err), WEIR_OK);
    write = write_of("{\"pk\":{\"S\":\"deleted\"}}");
    assert_int_equal(weir_txn_delete(m->txn, &write, &m->err), WEIR_OK);
    write = write_of("{\"pk\":{\"S\":\"checked\"}}");
    write.condition = text("attribute_exists(pk)");
    assert_int_equal(weir_txn_check(m->txn, &write, &m->err), WEIR_OK);
    assert_int_equal(weir_txn_count(m->txn), 4);
    assert_int_equal(weir_txn_commit(m->txn, &m->err), WEIR_OK);
    assert_true(item_has(m, "new", "\"n\":{\"N\":\"9\"}"));
    assert_true(item_has(m, "updated", "\"n\":{\"N\":\"2\"}"));
    assert_true(item_has(m, "deleted", NULL));
    struct weir_capacity capacity;
    assert_int_equal(weir_txn_capacity(m->txn, &capacity), WEIR_OK);
    assert_true(capacity.write_units == 8); /* two for each of the four */
    assert_int_equal(weir_txn_reason_count(m->txn), 0);
}

static bool is_text(struct weir_text got, const char *wanted)
{
    return got.len == strlen(wanted) && memcmp(got.ptr, wanted, got.len) == 0;
}

static void test_B6_each_element_has_its_reason_after_a_cancellation(void **state)
{
    struct memory *m = *state;
    struct weir_txn_reason reason = WEIR_TXN_REASON_INIT;
    put(m, "taken", 5);
    struct weir_txn_write write = write_of("{\"pk\":{\"S\":\"free\"}}");
    write.condition = text("attribute_not_exists(pk)");
    assert_int_equal(weir_txn_put_with(m->txn, &write, &m->err), WEIR_OK);
    write.json = text("{\"pk\":{\"S\":\"taken\"}}");
    write.return_item = 1;
    assert_int_equal(weir_txn_put_with(m->txn, &write, &m->err), WEIR_OK);
    write = write_of("{\"pk\":{\"S\":\"missing\"}}");
    write.condition = text("attribute_exists(pk)");
    assert_int_equal(weir_txn_check(m->txn, &write, &m->err), WEIR_OK);
    assert_int_equal(weir_txn_commit(m->txn, &m->err), WEIR_CONDITION_FAILED);
    assert_int_equal(m->err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(weir_txn_failed_index(m->txn), 1);
    assert_int_equal(weir_txn_count(m->txn), 0);
    assert_int_equal(weir_txn_reason_count(m->txn), 3);
    assert_int_equal(weir_txn_reason_at(m->txn, 0, &reason), WEIR_OK);
    assert_int_equal(reason.status, WEIR_OK);
    assert_true(is_text(reason.code, "None"));
    assert_null(reason.item_json.ptr);
    assert_int_equal(weir_txn_reason_at(m->txn, 1, &reason), WEIR_OK);
    assert_int_equal(reason.status, WEIR_CONDITION_FAILED);
    assert_true(is_text(reason.code, "ConditionalCheckFailed"));
    assert_true(is_text(reason.message, "The conditional request failed"));
    assert_true(is_text(reason.item_json, "{\"n\":{\"N\":\"5\"},\"pk\":{\"S\":\"taken\"}}"));
    assert_int_equal(weir_txn_reason_at(m->txn, 2, &reason), WEIR_OK);
    assert_int_equal(reason.status, WEIR_CONDITION_FAILED);
    assert_null(reason.item_json.ptr);
    assert_int_equal(weir_txn_reason_at(m->txn, 3, &reason), WEIR_NOT_FOUND);
    assert_true(item_has(m, "free", NULL));
    assert_int_equal(weir_txn_commit(m->txn, &m->err), WEIR_OK);
    assert_int_equal(weir_txn_reason_count(m->txn), 0);
}

static void elements_that_lack_something_are_refused(void **state)
{
    struct memory *m = *state;
    struct weir_txn_write none = WEIR_TXN_WRITE_INIT, sizeless = {0};
    struct weir_txn_write key = write_of("{\"pk\":{\"S\":\"a\"}}");
    assert_int_equal(weir_txn_delete(m->txn, &none, &m->err), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_txn_delete(m->txn, &sizeless, &m->err), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_txn_delete(m->txn, NULL, &m->err), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_txn_update(m->txn, &key, &m->err), WEIR_INVALID_ARGUMENT);
    assert_non_null(strstr(m->err.message, "update expression"));
    assert_int_equal(weir_txn_check(m->txn, &key, &m->err), WEIR_INVALID_ARGUMENT);
    assert_non_null(strstr(m->err.message, "condition"));
    struct weir_txn_write bad = key;
    bad.update = text("SET a = :a");
    assert_int_equal(weir_txn_delete(m->txn, &bad, &m->err), WEIR_INVALID_ARGUMENT);
    bad = key;
    bad.names_json = text("[]");
    assert_int_equal(weir_txn_delete(m->txn, &bad, &m->err), WEIR_INVALID_ARGUMENT);
    bad = key;
    bad.values_json = text("{");
    assert_int_equal(weir_txn_delete(m->txn, &bad, &m->err), WEIR_SERIALIZATION);
    bad = key;
    bad.json = text("\"a\"");
    assert_int_equal(weir_txn_delete(m->txn, &bad, &m->err), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_txn_count(m->txn), 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(weir_txn_delete(m->txn, &key, &m->err), WEIR_OK);
    }
    assert_int_equal(weir_txn_delete(m->txn, &key, &m->err), WEIR_TOO_LARGE);
}

static void test_A7_missing_transactions_are_definite_errors(void **state)
{
    struct memory *m = *state;
    struct weir_txn_write key = write_of("{\"pk\":{\"S\":\"a\"}}");
    struct weir_txn_reason reason = WEIR_TXN_REASON_INIT, sizeless = {0};
    struct weir_capacity capacity;
    assert_int_equal(weir_txn_put_with(NULL, &key, &m->err), WEIR_CLOSED);
    assert_int_equal(weir_txn_update(NULL, &key, &m->err), WEIR_CLOSED);
    assert_int_equal(weir_txn_delete(NULL, &key, &m->err), WEIR_CLOSED);
    assert_int_equal(weir_txn_check(NULL, &key, &m->err), WEIR_CLOSED);
    assert_int_equal(weir_txn_reason_at(NULL, 0, &reason), WEIR_CLOSED);
    assert_int_equal(weir_txn_reason_at(m->txn, 0, &sizeless), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_txn_capacity(NULL, &capacity), WEIR_CLOSED);
    assert_int_equal(weir_txn_reason_count(NULL), 0);
}

/* The transaction outlives the client's handle, and says so. */
static void test_A7_commit_after_closing_is_a_definite_error(void **state)
{
    struct memory *m = *state;
    struct weir_txn_write key = write_of("{\"pk\":{\"S\":\"a\"}}");
    assert_int_equal(weir_txn_delete(m->txn, &key, &m->err), WEIR_OK);
    weir_client_close(m->client);
    m->client = NULL;
    assert_int_equal(weir_txn_commit(m->txn, &m->err), WEIR_CLOSED);
    assert_int_equal(m->err.outcome, WEIR_NOT_APPLIED);
}

static void start_put(struct memory *m, struct weir_queue *queue, uint64_t tag)
{
    char json[160];
    int len = snprintf(json, sizeof(json),
                       "{\"TableName\":\"orders\",\"Item\":{\"pk\":{\"S\":\"order-%u\"}}}",
                       (unsigned)tag);
    assert_int_equal(
        weir_call_start(m->client, queue, "PutItem", 7, json, (size_t)len, tag, &m->err), WEIR_OK);
}

static void thousand_calls_are_under_way_and_each_completes_once(void **state)
{
    enum { CALLS = 1000 };
    struct memory *m = *state;
    struct weir_queue *queue = NULL;
    bool seen[CALLS] = {false};
    double units = 0;
    assert_int_equal(weir_queue_new(NULL, &queue, &m->err), WEIR_OK);
    for (uint64_t tag = 0; tag < CALLS; tag++) {
        start_put(m, queue, tag);
    }
    for (int i = 0; i < CALLS; i++) {
        struct weir_completion c = WEIR_COMPLETION_INIT;
        assert_int_equal(weir_queue_next(queue, -1, &c), WEIR_OK);
        assert_int_equal(c.status, WEIR_OK);
        assert_true(c.tag < CALLS && !seen[c.tag]);
        seen[c.tag] = true;
        units += c.capacity.write_units;
        weir_free(c.json);
    }
    assert_true(units == CALLS);
    struct weir_capacity sum;
    assert_int_equal(weir_client_capacity(m->client, &sum), WEIR_OK);
    assert_true(sum.write_units == CALLS);
    weir_queue_free(queue);
}

static void queue_is_freed_with_writes_under_way(void **state)
{
    struct memory *m = *state;
    struct weir_queue *queue = NULL;
    for (int round = 0; round < 10; round++) {
        assert_int_equal(weir_queue_new(NULL, &queue, &m->err), WEIR_OK);
        for (uint64_t tag = 0; tag < 50; tag++) {
            start_put(m, queue, tag);
        }
        weir_queue_free(queue);
    }
    assert_true(item_has(m, "order-0", "order-0"));
}

static void client_is_closed_with_writes_under_way(void **state)
{
    struct memory *m = *state;
    struct weir_queue *queue = NULL;
    assert_int_equal(weir_queue_new(NULL, &queue, &m->err), WEIR_OK);
    for (uint64_t tag = 0; tag < 200; tag++) {
        start_put(m, queue, tag);
    }
    weir_client_close(m->client);
    m->client = NULL;
    uint64_t tags = 0;
    for (unsigned i = 0; i < 200; i++) {
        struct weir_completion c = WEIR_COMPLETION_INIT;
        assert_int_equal(weir_queue_next(queue, -1, &c), WEIR_OK);
        assert_true(c.status == WEIR_OK || c.status == WEIR_CLOSED);
        tags += c.tag;
        weir_free(c.json);
    }
    assert_int_equal(tags, 199 * 200 / 2); /* each of them, once */
    assert_int_equal(weir_queue_count(queue), 0);
    weir_queue_free(queue);
}

static void a_failed_condition_gives_the_item(void **state)
{
    struct memory *m = *state;
    struct weir_call_result result = WEIR_CALL_RESULT_INIT;
    const char *json = "{\"TableName\":\"orders\",\"Item\":{\"pk\":{\"S\":\"a\"}},"
                       "\"ConditionExpression\":\"attribute_not_exists(pk)\","
                       "\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}";
    put(m, "a", 3);
    assert_int_equal(
        weir_call_with(m->client, NULL, "PutItem", 7, json, strlen(json), &result, &m->err),
        WEIR_CONDITION_FAILED);
    assert_non_null(strstr(result.json, "\"n\":{\"N\":\"3\"}"));
    weir_free(result.json);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_B5_elements_from_their_parts_commit_together),
        TEST(test_B6_each_element_has_its_reason_after_a_cancellation),
        TEST(elements_that_lack_something_are_refused),
        TEST(test_A7_missing_transactions_are_definite_errors),
        TEST(test_A7_commit_after_closing_is_a_definite_error),
        TEST(thousand_calls_are_under_way_and_each_completes_once),
        TEST(queue_is_freed_with_writes_under_way),
        TEST(client_is_closed_with_writes_under_way),
        TEST(a_failed_condition_gives_the_item),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
