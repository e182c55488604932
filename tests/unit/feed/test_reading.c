/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a shard on a stream's bad days: what is lost is named, everything else arrives once. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/env.h"

static bool all_ended(struct harness *h)
{
    return figures(h).shards_open == 0 && figures(h).shards_ended > 0;
}

static bool expired_once(struct harness *h)
{
    return figures(h).iterators_expired > 0;
}

static bool read_often(struct harness *h)
{
    (void)h;
    return fake.shards[0].reads >= 20;
}

static bool held_some(struct harness *h)
{
    (void)h;
    return fake.held_count > 0;
}

static void test_E3_the_records_of_the_last_page_are_delivered(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    fake_add_records(shard, 0, 7);
    shard->closed = true;
    fake.read_page = 3;
    fake.status = "DISABLED";
    harness_open(h);
    run_until(h, all_ended);
    assert_values(h, 0, 0, 7);
    assert_int_equal(shard->reads, 3);
    harness_close(h);
}

static void test_E3_empty_pages_before_data_are_read_through(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    shard->empties = 20;
    fake_add_records(shard, 0, 2);
    harness_open(h);
    run_until_seen(h, 2);
    assert_values(h, 0, 0, 2);
    assert_int_equal(fake.horizon_iterators, 1);
    harness_close(h);
}

static void test_E3_an_expired_iterator_is_fetched_again_after_the_last_record(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    fake_add_records(shard, 0, 3);
    h->hold = true; /* the place is where reading was, not what was handled */
    harness_open(h);
    run_until_seen(h, 3);
    fake_expire_iterators();
    fake_add_records(shard, 3, 2);
    run_until_seen(h, 5);
    assert_values(h, 0, 0, 5);
    assert_true(expired_once(h));
    assert_int_equal(fake.after_iterators, 1);
    assert_int_equal(fake.horizon_iterators, 1);
    harness_close(h);
}

static void an_iterator_that_expires_before_the_first_record_loses_nothing(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    fake_add_records(shard, 0, 3);
    for (uint32_t i = 0; i < 3; i++) {
        shard->records[i].created_s -= 3600;
    }
    h->options.start = FEED_START_NOW;
    harness_open(h);
    run_until(h, saw_tip);
    fake_expire_iterators();
    fake_add_records(shard, 3, 2);
    run_until_seen(h, 2);
    assert_values(h, 0, 3, 2);
    assert_int_equal(fake.latest_iterators, 1);
    assert_int_equal(fake.horizon_iterators, 1);
    harness_close(h);
}

/* Ten records are read; the feed that goes on finds the fifth of ten more at the beginning. */
static void read_into_a_gap(struct harness *h)
{
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    fake_add_records(shard, 0, 10);
    harness_open(h);
    run_until_seen(h, 10);
    harness_close(h);
    fake_add_records(shard, 10, 10);
    shard->trimmed = shard->records[14].number;
    harness_open(h);
    run_until(h, saw_failure);
}

/* M3: what a person needs to find the place. */
static void test_M3_a_gap_names_table_shard_and_sequence(void **state)
{
    struct harness *h = *state;
    char place[128];
    read_into_a_gap(h);
    (void)snprintf(place, sizeof(place),
                   "table orders, shard shardId-a, after %s: ", stored(h, "p", "shardId-a"));
    if (strstr(h->failure_error.message, place) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", h->failure_error.message, place);
    }
    harness_close(h);
}

static void test_E7_a_trimmed_position_is_a_named_gap(void **state)
{
    struct harness *h = *state;
    read_into_a_gap(h);
    assert_int_equal(h->failure, WEIR_GAP);
    assert_non_null(strstr(h->failure_error.message, "shardId-a"));
    assert_int_equal(figures(h).gaps, 1);
    assert_int_equal(h->seen_count, 10);
    harness_close(h);
    assert_int_equal(h->failures, 1);
}

static void test_E7_a_shard_that_is_gone_after_some_reading_is_a_gap(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    fake_add_records(shard, 0, 1);
    harness_open(h);
    run_until(h, saw_tip);
    shard->gone = true;
    run_until(h, saw_failure);
    assert_int_equal(h->failure, WEIR_GAP);
    harness_close(h);
}

static void test_E7_a_shard_that_is_gone_at_the_start_is_a_gap(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    fake_add_shard("shardId-b", NULL);
    fake_add_records(shard, 0, 1);
    harness_open(h);
    run_until(h, saw_tip);
    harness_close(h);
    shard->listed = false;
    harness_open(h);
    run_until(h, saw_failure);
    assert_int_equal(h->failure, WEIR_GAP);
    assert_int_equal(figures(h).gaps, 1);
    harness_close(h);
}

static void a_shard_that_vanished_before_it_was_touched_is_passed_over(void **state)
{
    struct harness *h = *state;
    fake_add_shard("shardId-a", NULL);
    fake_add_records(fake_add_shard("shardId-b", NULL), 5, 1);
    fake_fail("GetShardIterator", WEIR_RESOURCE_NOT_FOUND, 1);
    harness_open(h);
    run_until_seen(h, 1);
    assert_int_equal(h->failures, 0);
    harness_close(h);
}

static void throttling_and_lost_connections_are_waited_out(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    fake_add_records(shard, 0, 4);
    fake.read_page = 2;
    fake_fail("GetShardIterator", WEIR_THROTTLED, 3);
    fake_fail("GetRecords", WEIR_PROVISIONED_EXCEEDED, 4);
    fake_fail("GetRecords", WEIR_UNREACHABLE, 4);
    harness_open(h);
    run_until_seen(h, 4);
    assert_values(h, 0, 0, 4);
    assert_int_equal(figures(h).retries, 3 / 2 + (4 + 4) / 2); /* the client makes two attempts */
    assert_int_equal(h->failures, 0);
    harness_close(h);
}

static void access_denied_is_an_end_not_a_loop(void **state)
{
    struct harness *h = *state;
    fake_add_shard("shardId-a", NULL);
    fake_fail("GetRecords", WEIR_ACCESS_DENIED, 1);
    harness_open(h);
    run_until(h, saw_failure);
    assert_int_equal(h->failure, WEIR_ACCESS_DENIED);
    assert_non_null(strstr(h->failure_error.message, "shard shardId-a: GetRecords"));
    harness_close(h);
}

static void a_record_that_cannot_be_read_ends_the_feed(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    fake_add_records(shard, 0, 2);
    shard->records[1].nameless = true;
    harness_open(h);
    run_until(h, saw_failure);
    assert_int_equal(h->failure, WEIR_PROTOCOL);
    assert_int_equal(h->seen_count, 0);
    harness_close(h);
}

static void records_carry_what_the_stream_says(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    fake_add_records(shard, 41, 2);
    shard->records[1].by_ttl = true;
    h->hold = true;
    harness_open(h);
    run_until_seen(h, 2);
    assert_int_equal(h->seen[0].event, FEED_INSERT);
    assert_true(h->seen[0].has_new && !h->seen[0].has_old && !h->seen[0].by_ttl);
    assert_int_equal(h->seen[1].event, FEED_REMOVE);
    assert_true(!h->seen[1].has_new && h->seen[1].has_old && h->seen[1].by_ttl);
    assert_true(bytes_eq_str(h->seen[0].record->sequence, "1"));
    assert_true(bytes_eq_str(h->seen[0].record->event_id, "1"));
    assert_int_equal(h->seen[1].record->created_s, shard->records[1].created_s);
    assert_string_equal(h->seen[0].shard, "shardId-a");
    harness_close(h);
}

static void reading_stops_while_too_many_records_are_out(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    fake_add_records(shard, 0, 50);
    fake.read_page = 10;
    h->options.unhandled_max = 20;
    h->hold = true;
    harness_open(h);
    run_until_seen(h, 20);
    run_for(h, 30);
    assert_int_equal(h->seen_count, 20);
    done_at(h, 7);
    run_until_seen(h, 30);
    for (uint32_t i = 0; i < 30; i++) {
        if (h->seen[i].record != NULL) {
            done_at(h, i);
        }
    }
    run_until_seen(h, 50);
    assert_values(h, 0, 0, 50);
    harness_close(h);
}

static void nothing_is_handed_out_while_paused(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    fake_add_records(shard, 0, 1);
    harness_open(h);
    run_until(h, saw_tip);
    fake.hold = "GetRecords";
    run_until(h, held_some);
    feed_pause(h->feed); /* while a read is under way */
    fake_add_records(shard, 1, 5);
    fake_release();
    run_for(h, 30);
    assert_int_equal(h->seen_count, 1);
    assert_false(figures(h).at_tip);
    feed_resume(h->feed);
    run_until_seen(h, 6);
    assert_values(h, 0, 0, 6);
    harness_close(h);
}

static void test_E8_lag_is_of_the_oldest_record_out_and_0_at_the_tip(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    fake_add_records(shard, 0, 2);
    shard->records[0].created_s -= 100;
    shard->records[1].created_s -= 50;
    h->hold = true;
    harness_open(h);
    run_until_seen(h, 2);
    run_until(h, saw_tip);
    assert_in_range(figures(h).lag_ms, 100000, 160000);
    done_at(h, 1);
    assert_in_range(figures(h).lag_ms, 100000, 160000);
    done_at(h, 0);
    assert_int_equal(figures(h).lag_ms, 0);
    assert_true(figures(h).at_tip);
    harness_close(h);
}

static void the_tip_is_told_each_time_it_is_reached(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    fake_add_shard("shardId-b", NULL);
    harness_open(h);
    run_until(h, saw_tip);
    assert_int_equal(h->tips, 1);
    run_until(h, read_often);
    assert_int_equal(h->tips, 1);
    fake_add_records(shard, 0, 1);
    run_until_seen(h, 1);
    run_until(h, saw_tip);
    assert_int_equal(h->tips, 2);
    harness_close(h);
}

static void a_feed_may_be_freed_inside_its_handler(void **state)
{
    struct harness *h = *state;
    fake_add_records(fake_add_shard("shardId-a", NULL), 0, 1);
    fake_add_shard("shardId-b", NULL);
    h->free_in_batch = true;
    harness_open(h);
    run_until_seen(h, 1);
    run_for(h, 30);
    assert_int_equal(h->batches, 1);
    assert_int_equal(h->stops + h->failures + h->tips, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(test_E3_the_records_of_the_last_page_are_delivered),
        FAKE_TEST(test_E3_empty_pages_before_data_are_read_through),
        FAKE_TEST(test_E3_an_expired_iterator_is_fetched_again_after_the_last_record),
        FAKE_TEST(an_iterator_that_expires_before_the_first_record_loses_nothing),
        FAKE_TEST(test_E7_a_trimmed_position_is_a_named_gap),
        FAKE_TEST(test_M3_a_gap_names_table_shard_and_sequence),
        FAKE_TEST(test_E7_a_shard_that_is_gone_after_some_reading_is_a_gap),
        FAKE_TEST(test_E7_a_shard_that_is_gone_at_the_start_is_a_gap),
        FAKE_TEST(a_shard_that_vanished_before_it_was_touched_is_passed_over),
        FAKE_TEST(throttling_and_lost_connections_are_waited_out),
        FAKE_TEST(access_denied_is_an_end_not_a_loop),
        FAKE_TEST(a_record_that_cannot_be_read_ends_the_feed),
        FAKE_TEST(records_carry_what_the_stream_says),
        FAKE_TEST(reading_stops_while_too_many_records_are_out),
        FAKE_TEST(nothing_is_handed_out_while_paused),
        FAKE_TEST(test_E8_lag_is_of_the_oldest_record_out_and_0_at_the_tip),
        FAKE_TEST(the_tip_is_told_each_time_it_is_reached),
        FAKE_TEST(a_feed_may_be_freed_inside_its_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
