/* SPDX-License-Identifier: Apache-2.0 */
/* Positions: only the contiguous handled prefix is stored, under a fencing token, and a new feed
 * goes on from there. */
#include "fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"

static struct fake_shard *one_shard(uint32_t count)
{
    struct fake_shard *shard = fake_add_shard("shardId-a", NULL);
    fake_add_records(shard, 0, count);
    return shard;
}

static bool stored_some(struct harness *h)
{
    return figures(h).checkpoints >= h->wanted;
}

static bool held_some(struct harness *h)
{
    (void)h;
    return fake.held_count > 0;
}

/* Sequence numbers of one_shard are value + 1. */
static void test_E4_a_hole_is_never_stored_over(void **state)
{
    struct harness *h = *state;
    one_shard(10);
    fake.read_page = 4;
    h->hold = true;
    harness_open(h);
    run_until_seen(h, 10);
    done_at(h, 0);
    done_at(h, 1);
    for (uint32_t i = 3; i < 10; i++) {
        done_at(h, i);
    }
    h->wanted = 1;
    run_until(h, stored_some);
    run_for(h, 30);
    assert_string_equal(stored(h, "p", "shardId-a"), "2");
    harness_crash(h);

    harness_forget(h);
    harness_open(h);
    run_until_seen(h, 8);
    assert_values(h, 0, 2, 8);
    harness_crash(h);
}

static void test_E4_the_hole_once_filled_moves_the_position_over_all(void **state)
{
    struct harness *h = *state;
    one_shard(10);
    fake.read_page = 3;
    h->hold = true;
    harness_open(h);
    run_until_seen(h, 10);
    for (uint32_t i = 10; i-- > 0;) {
        done_at(h, i);
    }
    h->wanted = 1;
    run_until(h, stored_some);
    assert_string_equal(stored(h, "p", "shardId-a"), "10");
    harness_close(h);
    harness_forget(h);
    harness_open(h);
    run_until(h, saw_tip);
    assert_int_equal(h->seen_count, 0);
    harness_close(h);
}

static void test_E4_positions_are_flushed_by_count(void **state)
{
    struct harness *h = *state;
    one_shard(10);
    h->options.flush_count = 10;
    h->options.flush_ms = 3600 * 1000;
    h->hold = true;
    harness_open(h);
    run_until_seen(h, 10);
    for (uint32_t i = 0; i < 9; i++) {
        done_at(h, i);
    }
    run_for(h, 30);
    assert_int_equal(figures(h).checkpoints, 0);
    assert_string_equal(stored(h, "p", "shardId-a"), "TRIM_HORIZON");
    done_at(h, 9);
    h->wanted = 1;
    run_until(h, stored_some);
    assert_string_equal(stored(h, "p", "shardId-a"), "10");
    harness_close(h);
}

static void one_write_is_under_way_and_the_next_has_the_newest_position(void **state)
{
    struct harness *h = *state;
    one_shard(100);
    h->options.flush_count = 1;
    h->hold = true;
    harness_open(h);
    run_until_seen(h, 100);
    uint32_t before = fake.position_writes;
    fake.hold = "UpdateItem";
    done_at(h, 0);
    run_until(h, held_some);
    for (uint32_t i = 1; i < 100; i++) {
        done_at(h, i);
        run_for(h, i % 25 == 0 ? 2 : 0);
    }
    assert_int_equal(fake.held_count, 1);
    fake_release();
    h->wanted = 2;
    run_until(h, stored_some);
    assert_string_equal(stored(h, "p", "shardId-a"), "100");
    assert_int_equal(fake.position_writes - before, 2);
    harness_close(h);
}

static void test_E4_a_feed_that_was_replaced_loses_the_lease_and_moves_nothing(void **state)
{
    struct harness *h = *state;
    struct harness other;
    one_shard(10);
    h->hold = true;
    harness_open(h);
    run_until_seen(h, 10);
    assert_string_equal(stored_attribute(h, "p", "shardId-a", "leaseCounter"), "1");

    harness_init(&other, "fake:");
    other.hold = true;
    harness_open(&other);
    run_until_seen(&other, 10);
    assert_string_equal(stored_attribute(h, "p", "shardId-a", "leaseCounter"), "2");
    done_at(&other, 0);
    other.wanted = 1;
    run_until(&other, stored_some);

    done_at(h, 0);
    done_at(h, 1);
    run_until(h, saw_failure);
    assert_int_equal(h->failure, WEIR_LEASE_LOST);
    assert_non_null(strstr(h->failure_error.message, "table orders, shard shardId-a, at "));
    assert_string_equal(stored(h, "p", "shardId-a"), "1");
    harness_close(h);
    assert_string_not_equal(stored_attribute(h, "p", "shardId-a", "leaseOwner"), "");
    harness_close(&other);
    harness_fini(&other);
}

static void test_F8_stop_stores_the_position_and_gives_the_lease_back(void **state)
{
    struct harness *h = *state;
    one_shard(5);
    h->options.flush_ms = 3600 * 1000;
    h->options.owner = "worker-1";
    h->hold = true;
    harness_open(h);
    run_until_seen(h, 5);
    assert_string_equal(stored_attribute(h, "p", "shardId-a", "leaseOwner"), "worker-1");
    for (uint32_t i = 0; i < 3; i++) {
        done_at(h, i);
    }
    harness_close(h); /* two records are still out */
    assert_string_equal(stored(h, "p", "shardId-a"), "3");
    assert_string_equal(stored_attribute(h, "p", "shardId-a", "leaseOwner"), "");
}

static void stop_is_prompt_when_the_position_table_cannot_be_reached(void **state)
{
    struct harness *h = *state;
    one_shard(5);
    h->options.flush_ms = 3600 * 1000;
    harness_open(h);
    run_until_seen(h, 5);
    fake_fail("UpdateItem", WEIR_UNREACHABLE, 1000);
    harness_close(h);
    assert_int_equal(h->stops, 1);
    assert_string_equal(stored(h, "p", "shardId-a"), "TRIM_HORIZON");
}

static void a_write_that_fails_is_made_again(void **state)
{
    struct harness *h = *state;
    one_shard(5);
    h->hold = true;
    harness_open(h);
    run_until_seen(h, 5);
    fake_fail("UpdateItem", WEIR_UNREACHABLE, 5);
    for (uint32_t i = 0; i < 5; i++) {
        done_at(h, i);
    }
    h->wanted = 1;
    run_until(h, stored_some);
    assert_string_equal(stored(h, "p", "shardId-a"), "5");
    assert_int_equal(h->failures, 0);
    harness_close(h);
}

static void the_position_table_is_made_in_spite_of_throttling(void **state)
{
    struct harness *h = *state;
    one_shard(1);
    h->options.position_table = "my-positions";
    fake_fail("CreateTable", WEIR_THROTTLED, 3);
    fake_fail("Scan", WEIR_THROTTLED, 3);
    harness_open(h);
    run_until_seen(h, 1);
    h->wanted = 1;
    run_until(h, stored_some);
    assert_string_equal(stored(h, "p", "shardId-a"), "1");
    harness_close(h);
}

static void pipelines_have_positions_of_their_own(void **state)
{
    struct harness *h = *state;
    one_shard(3);
    harness_open(h);
    run_until_seen(h, 3);
    harness_close(h);
    harness_forget(h);
    h->options.pipeline = "q";
    harness_open(h);
    run_until_seen(h, 3);
    assert_values(h, 0, 0, 3);
    harness_close(h);
}

static void without_a_pipeline_nothing_is_stored(void **state)
{
    struct harness *h = *state;
    one_shard(3);
    h->options.pipeline = NULL;
    harness_open(h);
    run_until_seen(h, 3);
    run_until(h, saw_tip);
    run_for(h, 20);
    assert_int_equal(fake.position_writes, 0);
    assert_string_equal(stored(h, "p", "shardId-a"), "");
    harness_close(h);
}

/* ---- from now on ----------------------------------------------------------------------------- */

static void make_old(struct fake_shard *shard)
{
    for (uint32_t i = 0; i < shard->count; i++) {
        shard->records[i].created_s -= 3600;
    }
}

static void test_E2_from_now_on_sees_later_changes_only(void **state)
{
    struct harness *h = *state;
    struct fake_shard *closed = fake_add_shard("shardId-0", NULL);
    fake_add_records(closed, 1000, 5);
    closed->closed = true;
    struct fake_shard *shard = one_shard(5);
    h->options.start = FEED_START_NOW;
    harness_open(h);
    run_until(h, saw_tip);
    assert_int_equal(h->seen_count, 0);
    assert_int_equal(closed->reads, 0);
    fake_add_records(shard, 5, 2);
    run_until_seen(h, 2);
    assert_values(h, 0, 5, 2);
    /* A shard born later is read from its beginning. */
    fake_add_records(fake_add_shard("shardId-b", "shardId-a"), 7, 2);
    shard->closed = true;
    run_until_seen(h, 4);
    assert_values(h, 0, 5, 4);
    assert_int_equal(fake.latest_iterators, 1);
    harness_close(h);
}

/* Killed before the first record: what came since the start arrives, what was before does not. */
static void test_E2_from_now_on_survives_a_restart_before_the_first_record(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = one_shard(5);
    make_old(shard);
    h->options.start = FEED_START_NOW;
    harness_open(h);
    run_until(h, saw_tip);
    harness_crash(h);
    fake_add_records(shard, 5, 3);
    harness_open(h);
    run_until_seen(h, 3);
    run_until(h, saw_tip);
    assert_values(h, 0, 5, 3);
    assert_int_equal(fake.latest_iterators, 1);
    harness_close(h);
}

static void test_E2_a_stored_position_is_stronger_than_from_now_on(void **state)
{
    struct harness *h = *state;
    struct fake_shard *shard = one_shard(5);
    make_old(shard);
    harness_open(h);
    run_until_seen(h, 5);
    harness_close(h);
    fake_add_records(shard, 5, 3);
    make_old(shard);
    harness_forget(h);
    h->options.start = FEED_START_NOW;
    harness_open(h);
    run_until_seen(h, 3);
    assert_values(h, 0, 5, 3);
    assert_int_equal(fake.latest_iterators, 0);
    harness_close(h);
}

/* A closed-looking-open parent with an open child: the child's backlog is not skipped. */
static void from_now_on_does_not_skip_in_a_child_whose_parent_is_open(void **state)
{
    struct harness *h = *state;
    struct fake_shard *parent = one_shard(2);
    make_old(parent);
    parent->closed = parent->looks_open = true;
    fake_add_records(fake_add_shard("shardId-b", "shardId-a"), 10, 2);
    h->options.start = FEED_START_NOW;
    harness_open(h);
    run_until_seen(h, 2);
    assert_values(h, 0, 10, 2);
    harness_close(h);
}

/* ---- rows that are not ours ------------------------------------------------------------------ */

static void put_row(const char *key, const char *checkpoint)
{
    struct arena *a = arena_new(1024 * 1024);
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    struct weir_value *response = NULL;
    struct weir_error err = {0};
    value_add_str(a, request, "TableName", BYTES_LIT("weir-positions"));
    struct weir_value *item = value_add_map(a, request, "Item");
    value_add_str(a, value_add_map(a, item, "leaseKey"), "S", bytes_str(key));
    value_add_str(a, value_add_map(a, item, "checkpoint"), "S", bytes_str(checkpoint));
    value_add_str(a, value_add_map(a, item, "leaseCounter"), "N", BYTES_LIT("41"));
    if (client_call(fake.inner, "PutItem", request, a, &response, NULL, &err) != WEIR_OK) {
        fail_msg("%s", err.message);
    }
    arena_free(a);
}

/* Makes the position table. */
static void open_once(struct harness *h)
{
    h->options.pipeline = "first";
    harness_open(h);
    run_until(h, saw_tip);
    harness_close(h);
    harness_forget(h);
    h->options.pipeline = "p";
}

static void test_E2_a_checkpoint_that_is_no_position_is_an_error(void **state)
{
    struct harness *h = *state;
    one_shard(3);
    open_once(h);
    put_row("p/shardId-a", "yesterday");
    harness_open(h);
    run_until(h, saw_failure);
    assert_int_equal(h->failure, WEIR_CONFIG);
    assert_non_null(strstr(h->failure_error.message, "\"yesterday\" is no position"));
    harness_close(h);
}

static void a_row_of_another_consumer_is_gone_on_from(void **state)
{
    struct harness *h = *state;
    one_shard(5);
    open_once(h);
    put_row("p/shardId-a", "3");
    harness_open(h);
    run_until_seen(h, 2);
    assert_values(h, 0, 3, 2);
    assert_string_equal(stored_attribute(h, "p", "shardId-a", "leaseCounter"), "42");
    harness_close(h);
}

static void latest_in_a_row_does_not_skip(void **state)
{
    struct harness *h = *state;
    one_shard(5);
    open_once(h);
    put_row("p/shardId-a", "LATEST");
    harness_open(h);
    run_until_seen(h, 5);
    assert_int_equal(fake.latest_iterators, 0);
    harness_close(h);
}

/* ---- a defect of the caller ------------------------------------------------------------------ */

static void doing_a_record_twice_is_caught(void **state)
{
    struct harness *h = *state;
    one_shard(2);
    h->hold = true;
    harness_open(h);
    run_until_seen(h, 2);
    const struct feed_record *record = h->seen[0].record;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGABRT, SIG_DFL);
        (void)close(STDERR_FILENO);
        feed_done(record);
        feed_done(record);
        _exit(0);
    }
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFSIGNALED(result));
    assert_int_equal(WTERMSIG(result), SIGABRT);
    harness_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(test_E4_a_hole_is_never_stored_over),
        FAKE_TEST(test_E4_the_hole_once_filled_moves_the_position_over_all),
        FAKE_TEST(test_E4_positions_are_flushed_by_count),
        FAKE_TEST(one_write_is_under_way_and_the_next_has_the_newest_position),
        FAKE_TEST(test_E4_a_feed_that_was_replaced_loses_the_lease_and_moves_nothing),
        FAKE_TEST(test_F8_stop_stores_the_position_and_gives_the_lease_back),
        FAKE_TEST(stop_is_prompt_when_the_position_table_cannot_be_reached),
        FAKE_TEST(a_write_that_fails_is_made_again),
        FAKE_TEST(the_position_table_is_made_in_spite_of_throttling),
        FAKE_TEST(pipelines_have_positions_of_their_own),
        FAKE_TEST(without_a_pipeline_nothing_is_stored),
        FAKE_TEST(test_E2_from_now_on_sees_later_changes_only),
        FAKE_TEST(test_E2_from_now_on_survives_a_restart_before_the_first_record),
        FAKE_TEST(test_E2_a_stored_position_is_stronger_than_from_now_on),
        FAKE_TEST(from_now_on_does_not_skip_in_a_child_whose_parent_is_open),
        FAKE_TEST(test_E2_a_checkpoint_that_is_no_position_is_an_error),
        FAKE_TEST(a_row_of_another_consumer_is_gone_on_from),
        FAKE_TEST(latest_in_a_row_does_not_skip),
        FAKE_TEST(doing_a_record_twice_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
