/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that fails under an open store: run with tests/tools/iofault.c preloaded. */
#include "kv_test.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int (*iofault_arm)(const char *text);
static unsigned (*iofault_hits)(void);

static int find_shim(void **state)
{
    (void)state;
    *(void **)&iofault_arm = dlsym(RTLD_DEFAULT, "iofault_arm");
    *(void **)&iofault_hits = dlsym(RTLD_DEFAULT, "iofault_hits");
    if (iofault_arm == NULL || iofault_hits == NULL) {
        print_error("iofault is not preloaded: run this through meson test\n");
        return -1;
    }
    return 0;
}

static int setup(void **state)
{
    static char dir[TEST_PATH_MAX];
    test_dir_make(dir);
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    assert_int_equal(iofault_arm(NULL), 0);
    test_dir_remove(*state);
    return 0;
}

static struct kv *store_of_five(const char *dir)
{
    struct kv *kv = test_rocks_open(dir, KV_SYNC, NULL);
    for (uint64_t number = 1; number <= 5; number++) {
        test_put(kv, number, KV_ITEMS, "k", "before");
    }
    return kv;
}

/* One commit meets the fault and every later one fails like it, also when the disk is well again;
 * reopening ends it, with the failed commit there or not. */
static void expect_fail_stop(const char *dir, const char *fault, enum weir_status status)
{
    struct kv *kv = store_of_five(dir);
    assert_int_equal(iofault_arm(fault), 0);
    struct weir_error first = {0};
    assert_int_equal(test_try_put(kv, 6, "k", bytes_str("failed"), &first), status);
    assert_true(iofault_hits() > 0);
    assert_int_equal(first.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_non_null(strstr(first.message, ".log"));
    assert_int_equal(iofault_arm(NULL), 0);
    struct weir_error later = {0};
    assert_int_equal(test_try_put(kv, 7, "k", bytes_str("refused"), &later), status);
    assert_int_equal(later.outcome, WEIR_NOT_APPLIED);
    assert_string_equal(later.message, first.message);
    kv_close(kv);

    struct kv_opened opened;
    kv = test_rocks_open(dir, KV_SYNC, &opened);
    assert_true(opened.unclean);
    assert_in_range(opened.commit_number, 5, 6);
    test_expect(kv, NULL, KV_ITEMS, "k", opened.commit_number == 5 ? "before" : "failed");
    test_put(kv, opened.commit_number + 1, KV_ITEMS, "k", "after");
    kv_close(kv);
}

static void a_failed_sync_stops_the_store(void **state)
{
    expect_fail_stop(*state, "fdatasync:EIO:.log:1", WEIR_IO);
}

static void a_failed_write_stops_the_store(void **state)
{
    expect_fail_stop(*state, "write:EIO:.log:1", WEIR_IO);
}

static void a_full_disk_stops_the_store_as_no_space(void **state)
{
    expect_fail_stop(*state, "write:ENOSPC:.log:1", WEIR_NO_SPACE);
}

static void a_sync_without_space_is_no_space(void **state)
{
    expect_fail_stop(*state, "fdatasync:ENOSPC:.log:1", WEIR_NO_SPACE);
}

static void a_used_up_quota_is_no_space(void **state)
{
    expect_fail_stop(*state, "write:EDQUOT:.log:1", WEIR_NO_SPACE);
}

/* Opens with the fault; a store that opens all the same must not have met it. */
static void expect_no_space_at_open(const char *dir, const char *fault)
{
    assert_int_equal(iofault_arm(fault), 0);
    struct kv *kv = NULL;
    struct kv_opened opened;
    struct weir_error err = {0};
    enum weir_status status = kv_rocks_open(dir, KV_SYNC, &kv, &opened, &err);
    unsigned hits = iofault_hits();
    assert_int_equal(iofault_arm(NULL), 0);
    kv_close(kv);
    if (hits > 0 && status != WEIR_NO_SPACE) {
        fail_msg("%s: %s: %s", fault, weir_status_name(status), err.message);
    }
}

static void opening_on_a_full_disk_is_no_space_and_harmless(void **state)
{
    kv_close(store_of_five(*state));
    static const char *const faults[] = {"write:ENOSPC:HOLDER:1", "write:ENOSPC:STATE.new:1"};
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        expect_no_space_at_open(*state, faults[i]);
    }
    for (int n = 1; n <= 12; n++) {
        char fault[32];
        (void)snprintf(fault, sizeof(fault), "write:ENOSPC::%d", n);
        expect_no_space_at_open(*state, fault);
    }
    struct kv_opened opened;
    struct kv *kv = test_rocks_open(*state, KV_SYNC, &opened);
    assert_int_equal(opened.commit_number, 5);
    test_expect(kv, NULL, KV_ITEMS, "k", "before");
    kv_close(kv);
}

/* More than the memtables hold: a commit must wait for the flush, and so hear of its failure. */
static void a_full_disk_under_a_background_flush_stops_the_store(void **state)
{
    static uint8_t large[400 * 1024];
    struct kv *kv = test_rocks_open(*state, KV_RELAXED, NULL);
    assert_int_equal(iofault_arm("write:ENOSPC:.sst:1"), 0);
    struct kv_batch *batch = kv_batch(kv);
    kv_batch_put(kv, batch, KV_META, bytes_str("large"), bytes_of(large, sizeof(large)));
    enum weir_status status = WEIR_OK;
    struct weir_error err = {0};
    uint64_t number = 0;
    while (status == WEIR_OK && number < 100) {
        status = kv_commit(kv, batch, ++number, &err);
    }
    kv_batch_free(kv, batch);
    assert_int_equal(status, WEIR_NO_SPACE);
    assert_int_equal(iofault_arm(NULL), 0);
    assert_int_equal(test_try_put(kv, number + 1, "k", bytes_str("v"), NULL), WEIR_NO_SPACE);
    kv_close(kv);
    struct kv_opened opened;
    kv = test_rocks_open(*state, KV_RELAXED, &opened);
    assert_in_range(opened.commit_number, number - 1, number);
    kv_close(kv);
}

static void a_close_that_cannot_flush_leaves_an_unclean_store(void **state)
{
    struct kv *kv = store_of_five(*state);
    assert_int_equal(iofault_arm("write:EIO:.sst:1"), 0);
    kv_close(kv);
    assert_true(iofault_hits() > 0);
    assert_int_equal(iofault_arm(NULL), 0);
    struct kv_opened opened;
    kv = test_rocks_open(*state, KV_SYNC, &opened);
    assert_true(opened.unclean);
    assert_int_equal(opened.commit_number, 5);
    test_expect(kv, NULL, KV_ITEMS, "k", "before");
    kv_close(kv);
}

static void a_failed_read_is_io(void **state)
{
    kv_close(store_of_five(*state));
    struct kv *kv = test_rocks_open(*state, KV_SYNC, NULL);
    assert_int_equal(iofault_arm("pread:EIO:.sst:1"), 0);
    struct kv_value value = {0};
    struct weir_error err = {0};
    assert_int_equal(kv_get(kv, NULL, KV_ITEMS, bytes_str("k"), false, &value, &err), WEIR_IO);
    assert_non_null(strstr(err.message, ".sst"));
    struct kv_iter *iter = kv_iter(kv, NULL, KV_ITEMS, BYTES_NONE, BYTES_NONE);
    assert_false(kv_iter_seek(kv, iter, BYTES_NONE));
    assert_int_equal(kv_iter_status(kv, iter, NULL), WEIR_IO);
    kv_iter_free(kv, iter);
    assert_int_equal(iofault_arm(NULL), 0);
    test_expect(kv, NULL, KV_ITEMS, "k", "before");
    kv_close(kv);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_failed_sync_stops_the_store),
        TEST(a_failed_write_stops_the_store),
        TEST(a_full_disk_stops_the_store_as_no_space),
        TEST(a_sync_without_space_is_no_space),
        TEST(a_used_up_quota_is_no_space),
        TEST(opening_on_a_full_disk_is_no_space_and_harmless),
        TEST(a_full_disk_under_a_background_flush_stops_the_store),
        TEST(a_close_that_cannot_flush_leaves_an_unclean_store),
        TEST(a_failed_read_is_io),
    };
    return cmocka_run_group_tests(tests, find_shim, NULL);
}
