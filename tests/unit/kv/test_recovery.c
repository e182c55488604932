/* SPDX-License-Identifier: Apache-2.0 */
/* Reopening a store on disk whose user died, with its log whole, torn, or damaged. */
#include "kv_test.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kv/kv_wal.h"

enum { COMMITS = 400, VALUE_BYTES = 200, KEYS_PER_COMMIT = 3 };

struct place {
    char dir[TEST_PATH_MAX];
    char store[TEST_PATH_MAX];
};

static int setup(void **state)
{
    static struct place place;
    test_dir_make(place.dir);
    (void)test_path(place.store, place.dir, "store");
    *state = &place;
    return 0;
}

static int teardown(void **state)
{
    test_dir_remove(((struct place *)*state)->dir);
    return 0;
}

static const char *store_of(void **state)
{
    return ((struct place *)*state)->store;
}

/* Commit `number` puts itself under three keys, in two families. */
static enum weir_status commit_numbered(struct kv *kv, uint64_t number)
{
    uint8_t value[VALUE_BYTES];
    memset(value, (int)(number * 31), sizeof(value));
    put_be64(value, number);
    struct kv_batch *batch = kv_batch(kv);
    for (int i = 0; i < KEYS_PER_COMMIT; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "%d-%08" PRIu64, i, number);
        kv_batch_put(kv, batch, i == 0 ? KV_STREAM : KV_ITEMS, bytes_str(key),
                     bytes_of(value, sizeof(value)));
    }
    enum weir_status status = kv_commit(kv, batch, number, NULL);
    kv_batch_free(kv, batch);
    return status;
}

static bool has_entry(struct kv *kv, int i, uint64_t number)
{
    char key[32];
    (void)snprintf(key, sizeof(key), "%d-%08" PRIu64, i, number);
    struct kv_value value = {0};
    enum weir_status status =
        kv_get(kv, NULL, i == 0 ? KV_STREAM : KV_ITEMS, bytes_str(key), false, &value, NULL);
    assert_true(status == WEIR_OK || status == WEIR_NOT_FOUND);
    if (status == WEIR_OK) {
        assert_int_equal(value.bytes.len, VALUE_BYTES);
        assert_int_equal(get_be64(value.bytes.ptr), number);
    }
    kv_value_fini(&value);
    return status == WEIR_OK;
}

/* Commits 1 to `last` must be there, and nothing of the next ones. */
static void expect_exactly(struct kv *kv, uint64_t last)
{
    for (uint64_t number = 1; number <= last + 3; number++) {
        for (int i = 0; i < KEYS_PER_COMMIT; i++) {
            if (has_entry(kv, i, number) != (number <= last)) {
                fail_msg("entry %d of commit %" PRIu64 ", last %" PRIu64, i, number, last);
            }
        }
    }
}

/* In the child: commits from `first` on, `count` of them, and tells each over the pipe. */
static void child_run(const char *store, enum kv_durability durability, uint64_t first,
                      uint64_t count, int pipe_fd)
{
    struct kv *kv = NULL;
    struct kv_opened opened;
    if (kv_rocks_open(store, durability, &kv, &opened, NULL) != WEIR_OK) {
        _exit(1);
    }
    for (uint64_t number = first; number < first + count; number++) {
        if (commit_numbered(kv, number) != WEIR_OK ||
            write(pipe_fd, &number, sizeof(number)) != sizeof(number)) {
            _exit(2);
        }
    }
    (void)raise(SIGKILL);
}

/* Lets a child commit and die, or kills it after `kill_after` acknowledgements (0: never). Returns
 * the last acknowledged commit. */
static uint64_t write_and_die(const char *store, enum kv_durability durability, uint64_t first,
                              uint64_t count, uint64_t kill_after)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        child_run(store, durability, first, count, ends[1]);
    }
    (void)close(ends[1]);
    uint64_t number = 0;
    uint64_t last = first - 1;
    for (uint64_t seen = 1; read(ends[0], &number, sizeof(number)) == sizeof(number); seen++) {
        last = number;
        if (seen == kill_after) {
            assert_int_equal(kill(child, SIGKILL), 0);
        }
    }
    (void)close(ends[0]);
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    return last;
}

static enum weir_status try_open(const char *store, enum kv_durability durability,
                                 struct kv **ret_kv, struct kv_opened *opened,
                                 struct weir_error *err)
{
    *err = (struct weir_error){0};
    *ret_kv = NULL;
    return kv_rocks_open(store, durability, ret_kv, opened, err);
}

/* Opening must refuse, name `file`, and leave every file as it was. */
static void expect_refusal(const char *store, const char *file, struct weir_error *err)
{
    struct kv *kv;
    struct kv_opened opened;
    char holder[TEST_PATH_MAX];
    test_file_truncate(test_path(holder, store, "HOLDER"), 0); /* who died, could not */
    uint64_t before = test_dir_digest(store);
    assert_int_equal(try_open(store, KV_SYNC, &kv, &opened, err), WEIR_CORRUPTION);
    if (test_dir_digest(store) != before) {
        fail_msg("opening changed files: %s", err->message);
    }
    if (strstr(err->message, file) == NULL) {
        fail_msg("'%s' is not in: %s", file, err->message);
    }
}

static void test_K4_acknowledged_commits_survive_kill_9(void **state)
{
    uint64_t random = test_seed();
    uint64_t last = 0;
    for (int round = 0; round < 6; round++) {
        uint64_t kill_after = 1 + test_random(&random) % 150;
        uint64_t acknowledged =
            write_and_die(store_of(state), KV_SYNC, last + 1, 100000, kill_after);
        struct kv_opened opened;
        struct kv *kv = test_rocks_open(store_of(state), KV_SYNC, &opened);
        assert_true(opened.unclean);
        assert_int_equal(opened.lost_commits, 0);
        assert_in_range(opened.commit_number, acknowledged, acknowledged + 1);
        last = opened.commit_number;
        expect_exactly(kv, last);
        kv_close(kv);
    }
}

static void test_K4_relaxed_commits_survive_the_death_of_the_process(void **state)
{
    uint64_t last = write_and_die(store_of(state), KV_RELAXED, 1, COMMITS, 0);
    assert_int_equal(last, COMMITS);
    struct kv_opened opened;
    struct kv *kv = test_rocks_open(store_of(state), KV_RELAXED, &opened);
    assert_true(opened.unclean);
    assert_false(opened.torn_tail);
    assert_int_equal(opened.lost_commits, 0);
    assert_int_equal(opened.commit_number, COMMITS);
    expect_exactly(kv, COMMITS);
    kv_close(kv);
}

static void a_closed_store_is_clean_and_keeps_its_commit_number(void **state)
{
    struct kv_opened opened;
    struct kv *kv = test_rocks_open(store_of(state), KV_SYNC, &opened);
    assert_true(opened.created);
    for (uint64_t number = 1; number <= 10; number++) {
        assert_int_equal(commit_numbered(kv, number), WEIR_OK);
    }
    kv_close(kv);
    kv = test_rocks_open(store_of(state), KV_SYNC, &opened);
    assert_false(opened.created);
    assert_false(opened.unclean);
    assert_false(opened.torn_tail);
    assert_int_equal(opened.commit_number, 10);
    expect_exactly(kv, 10);
    assert_int_equal(commit_numbered(kv, 11), WEIR_OK);
    kv_close(kv);
}

static void test_K4_a_flipped_byte_in_the_log_is_refused_and_named(void **state)
{
    (void)write_and_die(store_of(state), KV_SYNC, 1, COMMITS, 0);
    char log[TEST_PATH_MAX];
    test_newest_file(log, store_of(state), ".log");
    test_file_flip(log, test_file_size(log) / 2);
    struct weir_error err;
    expect_refusal(store_of(state), strrchr(log, '/') + 1, &err);
    char behind[64];
    (void)snprintf(behind, sizeof(behind), "up to commit %d;", COMMITS);
    assert_non_null(strstr(err.message, behind));
    struct kv_wal_report wal;
    assert_int_equal(kv_wal_scan(store_of(state), &wal, NULL), WEIR_OK);
    assert_in_range(wal.commit_before, COMMITS / 2 - 2, COMMITS / 2 + 1);
    assert_int_equal(wal.commit_next, wal.commit_before + 2);
    (void)snprintf(behind, sizeof(behind), "up to commit %" PRIu64 ",", wal.commit_before);
    assert_non_null(strstr(err.message, behind));
    test_file_flip(log, test_file_size(log) / 2);
    struct kv_opened opened;
    struct kv *kv = test_rocks_open(store_of(state), KV_SYNC, &opened);
    assert_int_equal(opened.commit_number, COMMITS);
    kv_close(kv);
}

/* RocksDB alone takes this length field for the end of the log, and drops what follows. */
static void test_K4_a_flipped_length_near_the_end_is_refused(void **state)
{
    (void)write_and_die(store_of(state), KV_SYNC, 1, COMMITS, 0);
    char log[TEST_PATH_MAX];
    test_newest_file(log, store_of(state), ".log");
    long block = test_file_size(log) / 32768 * 32768;
    test_file_flip(log, block + 5);
    struct weir_error err;
    expect_refusal(store_of(state), strrchr(log, '/') + 1, &err);
}

/* RocksDB alone takes zeros for padding, skips to the next block, and reads on. */
static void test_K4_a_zeroed_stretch_in_the_middle_is_refused(void **state)
{
    (void)write_and_die(store_of(state), KV_SYNC, 1, COMMITS, 0);
    char log[TEST_PATH_MAX];
    test_newest_file(log, store_of(state), ".log");
    test_file_zero(log, 32768, 32768);
    struct weir_error err;
    expect_refusal(store_of(state), strrchr(log, '/') + 1, &err);
}

static void copy_all(const char *from, const char *to)
{
    char command[3 * TEST_PATH_MAX + 32];
    (void)snprintf(command, sizeof(command), "rm -rf '%s' && cp -a '%s' '%s'", to, from, to);
    assert_int_equal(system(command), 0);
}

/* Whatever byte is damaged: refused, or (at the very end) only the last commit is gone. */
static void test_K4_a_flipped_byte_anywhere_loses_nothing_in_silence(void **state)
{
    uint64_t random = test_seed();
    (void)write_and_die(store_of(state), KV_SYNC, 1, COMMITS, 0);
    char copy[TEST_PATH_MAX];
    (void)test_path(copy, ((struct place *)*state)->dir, "copy");
    int refused = 0;
    for (int round = 0; round < 24; round++) {
        copy_all(store_of(state), copy);
        char log[TEST_PATH_MAX];
        test_newest_file(log, copy, ".log");
        long size = test_file_size(log);
        uint64_t span = round % 2 == 0 ? (uint64_t)size : 2000;
        test_file_flip(log, size - 1 - (long)(test_random(&random) % span));
        struct kv *kv;
        struct kv_opened opened;
        struct weir_error err;
        enum weir_status status = try_open(copy, KV_SYNC, &kv, &opened, &err);
        if (status != WEIR_OK) {
            assert_int_equal(status, WEIR_CORRUPTION);
            refused++;
            continue;
        }
        assert_true(opened.torn_tail);
        assert_int_equal(opened.commit_number, COMMITS - 1);
        expect_exactly(kv, COMMITS - 1);
        kv_close(kv);
    }
    assert_true(refused > 0);
}

/* Opens after `damage` to the log's tail, which may cost commits above `at_least` only. */
static void expect_torn(const char *store, uint64_t at_least)
{
    struct kv_opened opened;
    struct kv *kv = test_rocks_open(store, KV_SYNC, &opened);
    assert_true(opened.unclean);
    assert_true(opened.torn_tail);
    assert_int_equal(opened.lost_commits, 0);
    assert_int_equal(opened.commit_number, at_least);
    expect_exactly(kv, at_least);
    kv_close(kv);
    kv = test_rocks_open(store, KV_SYNC, &opened);
    assert_false(opened.unclean);
    assert_false(opened.torn_tail);
    expect_exactly(kv, at_least);
    kv_close(kv);
}

static void a_cut_tail_is_dropped(void **state)
{
    (void)write_and_die(store_of(state), KV_SYNC, 1, COMMITS, 0);
    char log[TEST_PATH_MAX];
    test_newest_file(log, store_of(state), ".log");
    test_file_truncate(log, test_file_size(log) - 5);
    expect_torn(store_of(state), COMMITS - 1);
}

static void a_damaged_last_record_is_dropped(void **state)
{
    (void)write_and_die(store_of(state), KV_SYNC, 1, COMMITS, 0);
    char log[TEST_PATH_MAX];
    test_newest_file(log, store_of(state), ".log");
    test_file_flip(log, -20);
    expect_torn(store_of(state), COMMITS - 1);
}

static void garbage_behind_the_last_record_is_dropped(void **state)
{
    uint64_t random = test_seed();
    (void)write_and_die(store_of(state), KV_SYNC, 1, COMMITS, 0);
    uint8_t garbage[3000];
    for (size_t i = 0; i < sizeof(garbage); i++) {
        garbage[i] = (uint8_t)test_random(&random);
    }
    char log[TEST_PATH_MAX];
    test_newest_file(log, store_of(state), ".log");
    test_file_append(log, garbage, sizeof(garbage));
    expect_torn(store_of(state), COMMITS);
}

static void zeros_behind_the_last_record_are_dropped(void **state)
{
    (void)write_and_die(store_of(state), KV_SYNC, 1, COMMITS, 0);
    static const uint8_t zeros[100000];
    char log[TEST_PATH_MAX];
    test_newest_file(log, store_of(state), ".log");
    test_file_append(log, zeros, sizeof(zeros));
    expect_torn(store_of(state), COMMITS);
}

static void relaxed_loses_a_damaged_tail_and_says_how_much(void **state)
{
    (void)write_and_die(store_of(state), KV_RELAXED, 1, COMMITS, 0);
    char log[TEST_PATH_MAX];
    test_newest_file(log, store_of(state), ".log");
    test_file_flip(log, test_file_size(log) / 2);
    struct kv_wal_report wal;
    assert_int_equal(kv_wal_scan(store_of(state), &wal, NULL), WEIR_OK);
    assert_true(wal.damaged);
    struct kv_opened opened;
    struct kv *kv = test_rocks_open(store_of(state), KV_RELAXED, &opened);
    assert_true(opened.unclean);
    assert_true(opened.torn_tail);
    assert_int_equal(opened.commit_number, wal.commit_before);
    assert_int_equal(opened.lost_commits, COMMITS - wal.commit_before);
    expect_exactly(kv, wal.commit_before);
    kv_close(kv);
}

/* How strict recovery is depends on what was promised when the commits were made. */
static void a_synced_store_is_judged_as_such_when_opened_relaxed(void **state)
{
    (void)write_and_die(store_of(state), KV_SYNC, 1, COMMITS, 0);
    char log[TEST_PATH_MAX];
    test_newest_file(log, store_of(state), ".log");
    test_file_flip(log, test_file_size(log) / 2);
    struct kv *kv;
    struct kv_opened opened;
    struct weir_error err;
    assert_int_equal(try_open(store_of(state), KV_RELAXED, &kv, &opened, &err), WEIR_CORRUPTION);
}

static void relaxed_loses_what_is_behind_a_zeroed_stretch_and_nothing_else(void **state)
{
    (void)write_and_die(store_of(state), KV_RELAXED, 1, COMMITS, 0);
    char log[TEST_PATH_MAX];
    test_newest_file(log, store_of(state), ".log");
    test_file_zero(log, 32768, 32768);
    struct kv_opened opened;
    struct kv *kv = test_rocks_open(store_of(state), KV_RELAXED, &opened);
    assert_true(opened.torn_tail);
    assert_int_equal(opened.commit_number + opened.lost_commits, COMMITS);
    assert_true(opened.lost_commits > 0);
    expect_exactly(kv, opened.commit_number);
    kv_close(kv);
}

/* A log is written to its end before the next one is begun. */
static void a_cut_log_before_another_one_is_damage(void **state)
{
    (void)write_and_die(store_of(state), KV_SYNC, 1, COMMITS, 0);
    char log[TEST_PATH_MAX];
    char next[TEST_PATH_MAX];
    test_newest_file(log, store_of(state), ".log");
    copy_all(log, test_path(next, store_of(state), "900000.log"));
    struct kv_wal_report wal;
    assert_int_equal(kv_wal_scan(store_of(state), &wal, NULL), WEIR_OK);
    assert_false(wal.torn);
    assert_int_equal(wal.commit_before, COMMITS);
    long size = test_file_size(log);
    test_file_truncate(log, size - 5);
    assert_int_equal(kv_wal_scan(store_of(state), &wal, NULL), WEIR_OK);
    assert_true(wal.damaged);
    assert_string_equal(wal.file, strrchr(log, '/') + 1);
    assert_int_equal(wal.commit_before, COMMITS - 1);
    assert_int_equal(wal.commit_next, 1);
    assert_int_equal(wal.commit_after, COMMITS);
    assert_in_range(wal.offset, size - 1000, size - 6);
}

/* Batches above 32 KiB are several records; a cut inside the last one costs that one only. */
static void a_large_batch_is_whole_or_gone(void **state)
{
    (void)write_and_die(store_of(state), KV_SYNC, 1, 5, 0);
    struct kv *kv = test_rocks_open(store_of(state), KV_SYNC, NULL);
    expect_exactly(kv, 5);
    kv_close(kv);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static uint8_t large[300 * 1024];
        struct kv_opened opened;
        if (kv_rocks_open(store_of(state), KV_SYNC, &kv, &opened, NULL) != WEIR_OK ||
            test_try_put(kv, 6, "large", bytes_of(large, sizeof(large)), NULL) != WEIR_OK ||
            test_try_put(kv, 7, "larger", bytes_of(large, sizeof(large)), NULL) != WEIR_OK) {
            _exit(1);
        }
        (void)raise(SIGKILL);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    char log[TEST_PATH_MAX];
    test_newest_file(log, store_of(state), ".log");
    test_file_truncate(log, test_file_size(log) - 100 * 1024);
    struct kv_opened opened;
    kv = test_rocks_open(store_of(state), KV_SYNC, &opened);
    assert_true(opened.torn_tail);
    assert_int_equal(opened.commit_number, 6);
    test_expect(kv, NULL, KV_ITEMS, "larger", NULL);
    kv_close(kv);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_K4_acknowledged_commits_survive_kill_9),
        TEST(test_K4_relaxed_commits_survive_the_death_of_the_process),
        TEST(a_closed_store_is_clean_and_keeps_its_commit_number),
        TEST(test_K4_a_flipped_byte_in_the_log_is_refused_and_named),
        TEST(test_K4_a_flipped_length_near_the_end_is_refused),
        TEST(test_K4_a_zeroed_stretch_in_the_middle_is_refused),
        TEST(test_K4_a_flipped_byte_anywhere_loses_nothing_in_silence),
        TEST(a_cut_tail_is_dropped),
        TEST(a_damaged_last_record_is_dropped),
        TEST(garbage_behind_the_last_record_is_dropped),
        TEST(zeros_behind_the_last_record_are_dropped),
        TEST(relaxed_loses_a_damaged_tail_and_says_how_much),
        TEST(a_synced_store_is_judged_as_such_when_opened_relaxed),
        TEST(relaxed_loses_what_is_behind_a_zeroed_stretch_and_nothing_else),
        TEST(a_cut_log_before_another_one_is_damage),
        TEST(a_large_batch_is_whole_or_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
