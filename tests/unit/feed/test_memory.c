/* SPDX-License-Identifier: Apache-2.0 */
/* The feed over weir's engine in this process: real stream records, real waiting at the tip. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

static enum weir_status call(struct harness *h, const char *operation, const char *json)
{
    char *answer = NULL;
    size_t answer_len = 0;
    struct weir_error err = {0};
    enum weir_status status = weir_call(h->client, operation, strlen(operation), json, strlen(json),
                                        &answer, &answer_len, &err);
    if (status != WEIR_OK) {
        fail_msg("%s: %s", operation, err.message);
    }
    weir_free(answer);
    return status;
}

static void put(struct harness *h, uint32_t value, uint32_t version)
{
    char json[256];
    (void)snprintf(
        json, sizeof(json),
        "{\"TableName\":\"orders\",\"Item\":{\"pk\":{\"S\":\"%u\"},\"v\":{\"N\":\"%u\"}}}", value,
        version);
    (void)call(h, "PutItem", json);
}

static int setup(void **state)
{
    static struct harness h;
    harness_init(&h, "memory:");
    (void)call(&h, "CreateTable",
               "{\"TableName\":\"orders\",\"BillingMode\":\"PAY_PER_REQUEST\","
               "\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}],"
               "\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}],"
               "\"StreamSpecification\":{\"StreamEnabled\":true,"
               "\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"}}");
    *state = &h;
    return 0;
}

static int teardown(void **state)
{
    harness_fini(*state);
    return 0;
}

static void test_E1_inserts_updates_and_removals_come_with_their_images(void **state)
{
    struct harness *h = *state;
    put(h, 1, 1);
    put(h, 1, 2);
    (void)call(h, "DeleteItem", "{\"TableName\":\"orders\",\"Key\":{\"pk\":{\"S\":\"1\"}}}");
    harness_open(h);
    run_until_seen(h, 3);
    assert_int_equal(h->seen[0].event, FEED_INSERT);
    assert_true(h->seen[0].has_new && !h->seen[0].has_old);
    assert_int_equal(h->seen[1].event, FEED_MODIFY);
    assert_true(h->seen[1].has_new && h->seen[1].has_old);
    assert_int_equal(h->seen[2].event, FEED_REMOVE);
    assert_true(!h->seen[2].has_new && h->seen[2].has_old);
    assert_false(h->seen[2].by_ttl);
    harness_close(h);
}

static void test_E4_changes_of_an_item_keep_their_order_over_restarts(void **state)
{
    enum { ITEMS = 20, VERSIONS = 30, TOTAL = ITEMS * VERSIONS };
    struct harness *h = *state;
    uint32_t next[ITEMS] = {0};
    for (uint32_t i = 0; i < TOTAL; i++) {
        put(h, i % ITEMS, i / ITEMS);
    }
    h->options.unhandled_max = 50;
    h->hold = true;
    harness_open(h);
    run_until_seen(h, 50);
    for (uint32_t i = 0; i < 40; i++) {
        const struct weir_value *v = value_get(h->seen[i].record->new_image, "v");
        uint32_t item = h->seen[i].value;
        char text[16];
        (void)snprintf(text, sizeof(text), "%u", next[item]++);
        assert_true(bytes_eq_str(v->u.bytes, text));
        done_at(h, i);
    }
    harness_close(h);
    harness_forget(h);
    h->hold = false;
    h->options.unhandled_max = 0;
    harness_open(h);
    run_until(h, saw_tip);
    assert_int_equal(h->seen_count, TOTAL - 40);
    for (uint32_t i = 0; i < h->seen_count; i++) {
        next[h->seen[i].value]++;
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        assert_int_equal(next[i], VERSIONS);
    }
    harness_close(h);
}

static void an_idle_shard_costs_one_held_request(void **state)
{
    struct harness *h = *state;
    harness_open(h);
    run_until(h, saw_tip);
    run_for(h, 50);
    uint64_t before = figures(h).get_records_calls;
    run_for(h, 600);
    assert_int_equal(figures(h).get_records_calls, before);
    put(h, 7, 1);
    run_until_seen(h, 1);
    assert_int_equal(h->seen[0].value, 7);
    harness_close(h);
}

static void test_E2_from_now_on_sees_later_changes_only(void **state)
{
    struct harness *h = *state;
    for (uint32_t i = 0; i < 10; i++) {
        put(h, i, 1);
    }
    h->options.start = FEED_START_NOW;
    harness_open(h);
    run_until(h, saw_tip);
    put(h, 77, 1);
    run_until_seen(h, 1);
    run_until(h, saw_tip);
    assert_int_equal(h->seen_count, 1);
    assert_int_equal(h->seen[0].value, 77);
    harness_close(h);
}

static void a_disabled_stream_is_refused_at_the_start(void **state)
{
    struct harness *h = *state;
    (void)call(h, "UpdateTable",
               "{\"TableName\":\"orders\",\"StreamSpecification\":{\"StreamEnabled\":false}}");
    harness_open(h);
    run_until(h, saw_failure);
    assert_int_equal(h->failure, WEIR_CONFIG);
    harness_close(h);
}

/* The whole set of a closed stream is read, and the end of each shard stored. */
static bool all_ended(struct harness *h)
{
    return figures(h).shards_open == 0 && figures(h).shards_ended > 0;
}

static void a_stream_that_is_disabled_while_followed_is_read_to_its_end(void **state)
{
    struct harness *h = *state;
    harness_open(h);
    run_until(h, saw_tip);
    for (uint32_t i = 0; i < 10; i++) {
        put(h, i, 1);
    }
    (void)call(h, "UpdateTable",
               "{\"TableName\":\"orders\",\"StreamSpecification\":{\"StreamEnabled\":false}}");
    run_until(h, all_ended);
    assert_int_equal(h->seen_count, 10);
    harness_close(h);
}

static void a_missing_table_is_named(void **state)
{
    struct harness *h = *state;
    h->options.table = "nothing-here";
    harness_open(h);
    run_until(h, saw_failure);
    assert_int_equal(h->failure, WEIR_RESOURCE_NOT_FOUND);
    assert_non_null(strstr(h->failure_error.message, "nothing-here"));
    harness_close(h);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_E1_inserts_updates_and_removals_come_with_their_images),
        TEST(test_E4_changes_of_an_item_keep_their_order_over_restarts),
        TEST(an_idle_shard_costs_one_held_request),
        TEST(test_E2_from_now_on_sees_later_changes_only),
        TEST(a_disabled_stream_is_refused_at_the_start),
        TEST(a_stream_that_is_disabled_while_followed_is_read_to_its_end),
        TEST(a_missing_table_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
