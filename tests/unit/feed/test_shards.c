/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery and lineage: pages, parents and children, what a feed starts with and what it refuses.
 */
#include "feed/feed_internal.h"
#include "fixture.h"

#include <stdio.h>
#include <string.h>

static uint32_t place_of(const struct harness *h, uint32_t value)
{
    for (uint32_t i = 0; i < h->seen_count; i++) {
        if (h->seen[i].value == value) {
            return i;
        }
    }
    fail_msg("record %u was not seen", value);
    return 0;
}

static bool all_ended(struct harness *h)
{
    return figures(h).shards_open == 0 && figures(h).shards_ended > 0;
}

static void test_E3_every_page_of_the_list_is_read(void **state)
{
    struct harness *h = *state;
    for (uint32_t i = 0; i < 250; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "shardId-%05u", i);
        fake_add_records(fake_add_shard(id, NULL), i, 1);
    }
    harness_open(h);
    run_until_seen(h, 250);
    assert_int_equal(fake.lists, 3);
    run_until(h, saw_tip);
    assert_int_equal(h->seen_count, 250);
    assert_int_equal(figures(h).shards_open, 250);
    harness_close(h);
}

/* The parent comes on a later page than its child, and looks open though it is closed. */
static void test_E3_a_parent_is_handled_to_its_end_before_its_child(void **state)
{
    struct harness *h = *state;
    fake.list_page = 1;
    fake.read_page = 2;
    fake_add_records(fake_add_shard("shardId-b", "shardId-a"), 100, 3);
    struct fake_shard *parent = fake_add_shard("shardId-a", NULL);
    fake_add_records(parent, 0, 5);
    parent->closed = parent->looks_open = true;
    h->hold = true;
    harness_open(h);
    run_until_seen(h, 5);
    run_for(h, 30);
    assert_int_equal(h->seen_count, 5); /* the child waits for the handling, not for the reading */
    assert_int_equal(fake.shards[0].reads, 0);
    for (uint32_t i = 5; i-- > 0;) {
        done_at(h, i);
    }
    run_until_seen(h, 8);
    assert_string_equal(stored(h, "p", "shardId-a"), "SHARD_END");
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(h->seen[i].value, i);
    }
    assert_string_equal(stored_attribute(h, "p", "shardId-b", "parentShardId"), "shardId-a");
    harness_close(h);
}

static void test_E3_children_are_found_when_a_shard_ends(void **state)
{
    struct harness *h = *state;
    struct fake_shard *parent = fake_add_shard("shardId-a", NULL);
    fake_add_records(parent, 0, 2);
    harness_open(h);
    run_until(h, saw_tip);
    fake_add_records(fake_add_shard("shardId-b", "shardId-a"), 10, 1);
    fake_add_records(fake_add_shard("shardId-c", "shardId-a"), 20, 1);
    fake_add_records(parent, 2, 1);
    parent->closed = true;
    run_until_seen(h, 5);
    assert_int_equal(fake.filtered_lists, 1);
    assert_true(place_of(h, 2) < place_of(h, 10));
    assert_true(place_of(h, 2) < place_of(h, 20));
    harness_close(h);
}

static void children_are_found_without_the_filter(void **state)
{
    struct harness *h = *state;
    struct fake_shard *parent = fake_add_shard("shardId-a", NULL);
    fake.no_filter = true;
    fake_add_records(parent, 0, 1);
    parent->closed = true;
    fake_add_records(fake_add_shard("shardId-b", "shardId-a"), 10, 1);
    fake.shards[1].listed = false;
    harness_open(h);
    run_until_seen(h, 1);
    run_for(h, 20);
    fake.shards[1].listed = true; /* the list shows a child late */
    run_until_seen(h, 2);
    assert_int_equal(fake.filtered_lists, 1);
    harness_close(h);
}

static void a_shard_whose_parent_is_not_listed_is_read(void **state)
{
    struct harness *h = *state;
    fake_add_records(fake_add_shard("shardId-b", "shardId-forgotten"), 1, 1);
    harness_open(h);
    run_until_seen(h, 1);
    harness_close(h);
}

static void a_disabled_stream_is_read_to_its_end(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    fake.status = "DISABLED";
    fake_add_records(shard, 0, 3);
    shard->closed = true;
    harness_open(h);
    run_until(h, all_ended);
    run_until(h, saw_tip);
    assert_int_equal(h->seen_count, 3);
    harness_close(h);
}

static void throttled_lists_are_made_again(void **state)
{
    struct harness *h = *state;
    fake_add_records(fake_add_shard("shardId-a", NULL), 0, 1);
    fake_fail("DescribeStream", WEIR_LIMIT_EXCEEDED, 1);
    fake_fail("DescribeTable", WEIR_THROTTLED, 2);
    harness_open(h);
    run_until_seen(h, 1);
    assert_true(figures(h).retries > 0);
    harness_close(h);
}

/* The periodic list, ahead of its time. */
static void refresh(struct harness *h)
{
    h->feed->refresh_due = true;
    feed_turn_soon(h->feed);
}

static bool refreshed(struct harness *h)
{
    return !h->feed->refresh_due && h->feed->step == STEP_IDLE;
}

static void test_E3_shards_are_found_by_the_periodic_list(void **state)
{
    struct harness *h = *state;
    fake_add_shard("shardId-a", NULL);
    harness_open(h);
    run_until(h, saw_tip);
    fake_add_records(fake_add_shard("shardId-z", "shardId-never-seen"), 0, 1);
    refresh(h);
    run_until_seen(h, 1);
    harness_close(h);
}

static void test_E7_a_stream_enabled_again_is_a_named_gap(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    fake_add_records(shard, 0, 3);
    harness_open(h);
    run_until(h, saw_tip);
    fake.status = "DISABLED";
    shard->closed = true;
    run_until(h, all_ended);
    refresh(h);
    run_until(h, refreshed);
    assert_int_equal(h->failures, 0);
    fake.arn = "arn:fake:2";
    refresh(h);
    run_until(h, saw_failure);
    assert_int_equal(h->failure, WEIR_GAP);
    assert_non_null(strstr(h->failure_error.message, "arn:fake:2"));
    harness_close(h);

    /* The next start follows the new stream, and counts that there was one. */
    harness_forget(h);
    shard->listed = false;
    fake.status = "ENABLED";
    fake_add_records(fake_add_shard("shardId-b", NULL), 10, 2);
    harness_open(h);
    run_until_seen(h, 2);
    assert_int_equal(figures(h).gaps, 1);
    assert_int_equal(h->failures, 0);
    harness_close(h);
}

static void a_shard_is_forgotten_48_hours_after_its_end_when_no_list_shows_it(void **state)
{
    struct harness *h = *state;
    struct fake_shard *parent = fake_add_shard("shardId-a", NULL);
    fake_add_records(parent, 0, 1);
    parent->closed = true;
    fake_add_records(fake_add_shard("shardId-b", "shardId-a"), 10, 1);
    harness_open(h);
    run_until(h, saw_tip);
    assert_int_equal(h->seen_count, 2);
    h->env.shift_ms = FEED_FORGET_MS + 1000;
    refresh(h);
    run_until(h, refreshed);
    assert_non_null(shard_find(h->feed, BYTES_LIT("shardId-a"))); /* it is listed */
    parent->listed = false;
    h->env.shift_ms = 0;
    refresh(h);
    run_until(h, refreshed);
    assert_non_null(shard_find(h->feed, BYTES_LIT("shardId-a"))); /* it is young */
    h->env.shift_ms = FEED_FORGET_MS + 1000;
    refresh(h);
    run_until(h, refreshed);
    assert_null(shard_find(h->feed, BYTES_LIT("shardId-a")));
    /* Shown again, it is known from its row to have ended. */
    parent->listed = true;
    refresh(h);
    run_until(h, refreshed);
    fake_add_records(&fake.shards[1], 11, 1);
    run_until_seen(h, 3);
    run_until(h, saw_tip);
    assert_int_equal(h->seen_count, 3);
    assert_int_equal(parent->reads, 1);
    harness_close(h);
}

static void test_E5_a_table_without_a_stream_is_refused(void **state)
{
    struct harness *h = *state;
    fake.view = NULL;
    harness_open(h);
    run_until(h, saw_failure);
    assert_int_equal(h->failure, WEIR_CONFIG);
    assert_non_null(strstr(h->failure_error.message, "table orders has no stream"));
    harness_close(h);
    assert_int_equal(h->failures, 1);
}

static void test_E5_a_view_without_the_needed_image_is_refused(void **state)
{
    struct harness *h = *state;
    fake.view = "KEYS_ONLY";
    h->options.need_new_image = true;
    harness_open(h);
    run_until(h, saw_failure);
    assert_int_equal(h->failure, WEIR_CONFIG);
    assert_non_null(strstr(h->failure_error.message, "KEYS_ONLY"));
    harness_close(h);
}

static void test_E5_stopping_twice_or_unstarted_is_harmless(void **state)
{
    struct harness *h = *state;
    struct weir_error err = {0};
    fake_add_shard("shardId-a", NULL);
    assert_int_equal(feed_new(&h->options, &h->feed, &err), WEIR_OK);
    harness_close(h);
    harness_open(h);
    run_until(h, saw_tip);
    feed_stop(h->feed, NULL, NULL);
    harness_close(h);
    assert_int_equal(h->stops, 1);
}

static void a_pipeline_name_with_a_slash_is_refused(void **state)
{
    struct harness *h = *state;
    struct weir_error err = {0};
    h->options.pipeline = "a/b";
    assert_int_equal(feed_new(&h->options, &h->feed, &err), WEIR_CONFIG);
    h->options.pipeline = "";
    assert_int_equal(feed_new(&h->options, &h->feed, &err), WEIR_CONFIG);
    assert_null(h->feed);
}

static void a_lineage_with_a_loop_is_refused(void **state)
{
    struct harness *h = *state;
    fake_add_shard("shardId-a", "shardId-b");
    fake_add_shard("shardId-b", "shardId-a");
    harness_open(h);
    run_until(h, saw_failure);
    assert_int_equal(h->failure, WEIR_PROTOCOL);
    harness_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(test_E3_every_page_of_the_list_is_read),
        FAKE_TEST(test_E3_a_parent_is_handled_to_its_end_before_its_child),
        FAKE_TEST(test_E3_children_are_found_when_a_shard_ends),
        FAKE_TEST(children_are_found_without_the_filter),
        FAKE_TEST(a_shard_whose_parent_is_not_listed_is_read),
        FAKE_TEST(a_disabled_stream_is_read_to_its_end),
        FAKE_TEST(throttled_lists_are_made_again),
        FAKE_TEST(test_E3_shards_are_found_by_the_periodic_list),
        FAKE_TEST(test_E7_a_stream_enabled_again_is_a_named_gap),
        FAKE_TEST(a_shard_is_forgotten_48_hours_after_its_end_when_no_list_shows_it),
        FAKE_TEST(test_E5_a_table_without_a_stream_is_refused),
        FAKE_TEST(test_E5_a_view_without_the_needed_image_is_refused),
        FAKE_TEST(test_E5_stopping_twice_or_unstarted_is_harmless),
        FAKE_TEST(a_pipeline_name_with_a_slash_is_refused),
        FAKE_TEST(a_lineage_with_a_loop_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
