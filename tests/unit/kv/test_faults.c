/* SPDX-License-Identifier: Apache-2.0 */
/* Stores that cannot be opened, or not be read: locks, permissions, damaged and missing files. */
#include "kv_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kv/kv_recover.h"

enum { ENTRIES = 4000 };

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

static enum weir_status try_open(const char *store, struct weir_error *err)
{
    struct kv *kv = NULL;
    struct kv_opened opened;
    *err = (struct weir_error){0};
    enum weir_status status = kv_rocks_open(store, KV_SYNC, &kv, &opened, err);
    if (status == WEIR_OK) {
        kv_close(kv);
    }
    return status;
}

static void expect_open_fails(const char *store, enum weir_status status, const char *part)
{
    struct weir_error err;
    enum weir_status got = try_open(store, &err);
    if (got != status || strstr(err.message, part) == NULL) {
        fail_msg("%s: %s", weir_status_name(got), err.message);
    }
}

/* A closed store with ENTRIES entries of 64 random bytes. */
static void make_store(const char *store)
{
    struct kv *kv = test_rocks_open(store, KV_RELAXED, NULL);
    struct kv_batch *batch = kv_batch(kv);
    uint64_t random = 7;
    for (int i = 0; i < ENTRIES; i++) {
        char key[16];
        uint64_t value[8];
        (void)snprintf(key, sizeof(key), "%06d", i);
        for (int k = 0; k < 8; k++) {
            value[k] = test_random(&random);
        }
        kv_batch_put(kv, batch, KV_ITEMS, bytes_str(key), bytes_of(value, sizeof(value)));
    }
    assert_int_equal(kv_commit(kv, batch, 1, NULL), WEIR_OK);
    kv_batch_free(kv, batch);
    kv_close(kv);
}

/* Runs `check` in a child process; it must return true. */
static void in_child(bool (*check)(const char *store), const char *store)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(check(store) ? 0 : 1);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
}

static bool is_refused_with_pid_and_address(const char *store)
{
    struct weir_error err;
    char pid[32];
    (void)snprintf(pid, sizeof(pid), "process %d,", (int)getppid());
    return try_open(store, &err) == WEIR_LOCK_HELD && strstr(err.message, pid) != NULL &&
           strstr(err.message, "127.0.0.1:8000") != NULL && strstr(err.message, store) != NULL;
}

static void a_second_process_is_told_who_holds_the_store(void **state)
{
    struct kv *kv = test_rocks_open(store_of(state), KV_SYNC, NULL);
    assert_int_equal(kv_rocks_announce(store_of(state), "127.0.0.1:8000", NULL), WEIR_OK);
    in_child(is_refused_with_pid_and_address, store_of(state));
    test_put(kv, 1, KV_ITEMS, "a", "1");
    kv_close(kv);
    struct weir_error err;
    assert_int_equal(try_open(store_of(state), &err), WEIR_OK);
}

static void a_second_open_in_the_same_process_is_refused(void **state)
{
    struct kv *kv = test_rocks_open(store_of(state), KV_SYNC, NULL);
    char pid[32];
    (void)snprintf(pid, sizeof(pid), "process %d", (int)getpid());
    expect_open_fails(store_of(state), WEIR_LOCK_HELD, pid);
    test_put(kv, 1, KV_ITEMS, "a", "1");
    kv_close(kv);
}

static bool cannot_announce(const char *store)
{
    return kv_rocks_announce(store, "elsewhere:1", NULL) == WEIR_CLOSED;
}

static void only_the_holder_announces(void **state)
{
    struct weir_error err = {0};
    assert_int_equal(kv_rocks_announce(store_of(state), "a:1", &err), WEIR_IO);
    struct kv *kv = test_rocks_open(store_of(state), KV_SYNC, NULL);
    in_child(cannot_announce, store_of(state));
    char address[300];
    memset(address, 'a', sizeof(address));
    address[256] = '\0';
    assert_int_equal(kv_rocks_announce(store_of(state), address, NULL), WEIR_INVALID_ARGUMENT);
    address[255] = '\0';
    assert_int_equal(kv_rocks_announce(store_of(state), address, NULL), WEIR_OK);
    assert_int_equal(kv_rocks_announce(store_of(state), "", NULL), WEIR_INVALID_ARGUMENT);
    assert_int_equal(kv_rocks_announce(store_of(state), "a\nb", NULL), WEIR_INVALID_ARGUMENT);
    kv_close(kv);
    assert_int_equal(kv_rocks_announce(store_of(state), "a:1", NULL), WEIR_CLOSED);
}

/* Another program that uses RocksDB itself knows only RocksDB's own lock. */
static void rocksdbs_own_lock_is_lock_held_too(void **state)
{
    make_store(store_of(state));
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char path[TEST_PATH_MAX];
        int fd = open(test_path(path, store_of(state), "LOCK"), O_RDWR);
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        char byte = fcntl(fd, F_SETLK, &lock) == 0 ? 'y' : 'n';
        (void)!write(ends[1], &byte, 1);
        for (;;) {
            (void)pause();
        }
    }
    char byte = 0;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    expect_open_fails(store_of(state), WEIR_LOCK_HELD, store_of(state));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static bool is_denied(const char *store)
{
    struct weir_error err;
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) {
        return false;
    }
    return try_open(store, &err) == WEIR_IO && strstr(err.message, store) != NULL &&
           strstr(err.message, "Permission denied") != NULL;
}

static void a_folder_without_permission_is_io_with_its_path(void **state)
{
    if (geteuid() != 0) {
        assert_int_equal(chmod(((struct place *)*state)->dir, 0500), 0);
    }
    in_child(is_denied, store_of(state));
    assert_int_equal(chmod(((struct place *)*state)->dir, 0700), 0);
}

static void a_missing_parent_is_io_with_its_path(void **state)
{
    char path[TEST_PATH_MAX];
    expect_open_fails(test_path(path, store_of(state), "below"), WEIR_IO, path);
    assert_int_not_equal(access(store_of(state), F_OK), 0);
}

static void a_path_below_or_at_a_file_is_io_with_its_path(void **state)
{
    char path[TEST_PATH_MAX];
    test_file_append(store_of(state), "x", 1);
    expect_open_fails(test_path(path, store_of(state), "below"), WEIR_IO, path);
    expect_open_fails(store_of(state), WEIR_IO, store_of(state));
}

/* Reads everything; returns the status at the end of the walk, and how far it came. */
static enum weir_status walk(struct kv *kv, int *ret_count, struct weir_error *err)
{
    struct kv_iter *iter = kv_iter(kv, NULL, KV_ITEMS, BYTES_NONE, BYTES_NONE);
    *ret_count = 0;
    for (bool on = kv_iter_seek(kv, iter, BYTES_NONE); on; on = kv_iter_next(kv, iter)) {
        (*ret_count)++;
    }
    enum weir_status status = kv_iter_status(kv, iter, err);
    kv_iter_free(kv, iter);
    return status;
}

static void test_K4_a_damaged_table_file_is_reported_by_reads(void **state)
{
    make_store(store_of(state));
    char sst[TEST_PATH_MAX];
    test_largest_file(sst, store_of(state), ".sst");
    test_file_flip(sst, test_file_size(sst) / 2);
    struct kv *kv = test_rocks_open(store_of(state), KV_SYNC, NULL);
    int count = 0;
    struct weir_error err = {0};
    assert_int_equal(walk(kv, &count, &err), WEIR_CORRUPTION);
    assert_in_range(count, 1, ENTRIES - 1);
    assert_non_null(strstr(err.message, strrchr(sst, '/') + 1));
    int damaged = 0;
    for (int i = 0; i < ENTRIES; i++) {
        char key[16];
        struct kv_value value = {0};
        (void)snprintf(key, sizeof(key), "%06d", i);
        enum weir_status status = kv_get(kv, NULL, KV_ITEMS, bytes_str(key), false, &value, &err);
        assert_true(status == WEIR_OK || status == WEIR_CORRUPTION);
        damaged += status == WEIR_CORRUPTION;
        kv_value_fini(&value);
    }
    assert_in_range(damaged, 1, ENTRIES - 1);
    assert_non_null(strstr(err.message, strrchr(sst, '/') + 1));
    kv_close(kv);
}

static void a_missing_table_file_is_corruption(void **state)
{
    make_store(store_of(state));
    char sst[TEST_PATH_MAX];
    test_largest_file(sst, store_of(state), ".sst");
    assert_int_equal(unlink(sst), 0);
    *strrchr(sst, '.') = '\0'; /* RocksDB names it .ldb here, which it tried last */
    expect_open_fails(store_of(state), WEIR_CORRUPTION, strrchr(sst, '/') + 1);
}

static void a_damaged_manifest_is_corruption(void **state)
{
    make_store(store_of(state));
    char path[TEST_PATH_MAX];
    char name[TEST_PATH_MAX];
    FILE *current = fopen(test_path(path, store_of(state), "CURRENT"), "r");
    assert_non_null(current);
    assert_int_equal(fscanf(current, "%255s", name), 1);
    (void)fclose(current);
    test_file_flip(test_path(path, store_of(state), name), 100);
    expect_open_fails(store_of(state), WEIR_CORRUPTION, store_of(state));
}

/* RocksDB alone would begin an empty store here. */
static void test_K4_a_missing_CURRENT_is_corruption_not_a_new_store(void **state)
{
    make_store(store_of(state));
    char path[TEST_PATH_MAX];
    assert_int_equal(unlink(test_path(path, store_of(state), "CURRENT")), 0);
    uint64_t before = test_dir_digest(store_of(state));
    expect_open_fails(store_of(state), WEIR_CORRUPTION, "CURRENT");
    assert_true(test_dir_digest(store_of(state)) == before);
    assert_int_equal(unlink(test_path(path, store_of(state), "STATE")), 0);
    expect_open_fails(store_of(state), WEIR_CORRUPTION, "CURRENT");
}

static void write_state(const char *store, const char *text)
{
    char path[TEST_PATH_MAX];
    test_file_truncate(test_path(path, store, "STATE"), 0);
    test_file_append(path, text, strlen(text));
}

static void a_store_that_is_older_than_its_state_is_corruption(void **state)
{
    make_store(store_of(state));
    write_state(store_of(state), "weir store 1\nclean 2\n");
    expect_open_fails(store_of(state), WEIR_CORRUPTION, "commit 2");
    write_state(store_of(state), "weir store 1\nclean 1\n");
    struct weir_error err;
    assert_int_equal(try_open(store_of(state), &err), WEIR_OK);
}

static void a_newer_store_is_unsupported(void **state)
{
    make_store(store_of(state));
    write_state(store_of(state), "weir store 2\nclean 1\n");
    expect_open_fails(store_of(state), WEIR_UNSUPPORTED, "version 2");
}

static void a_missing_or_unreadable_state_counts_as_unclean(void **state)
{
    make_store(store_of(state));
    write_state(store_of(state), "what?\n");
    struct kv_opened opened;
    kv_close(test_rocks_open(store_of(state), KV_SYNC, &opened));
    assert_true(opened.unclean);
    assert_int_equal(opened.commit_number, 1);
    char path[TEST_PATH_MAX];
    assert_int_equal(unlink(test_path(path, store_of(state), "STATE")), 0);
    kv_close(test_rocks_open(store_of(state), KV_SYNC, &opened));
    assert_true(opened.unclean);
    kv_close(test_rocks_open(store_of(state), KV_SYNC, &opened));
    assert_false(opened.unclean);
}

static void a_creation_that_was_cut_off_is_begun_again(void **state)
{
    assert_int_equal(mkdir(store_of(state), 0700), 0);
    char path[TEST_PATH_MAX];
    test_file_append(test_path(path, store_of(state), "STATE"), "weir store 1\ncreating\n", 22);
    test_file_append(test_path(path, store_of(state), "MANIFEST-000001"), "", 0);
    struct kv_opened opened;
    kv_close(test_rocks_open(store_of(state), KV_SYNC, &opened));
    assert_true(opened.created);
    assert_false(opened.unclean);
}

static void opening_leaves_no_litter(void **state)
{
    make_store(store_of(state));
    for (int i = 0; i < 3; i++) {
        kv_close(test_rocks_open(store_of(state), KV_SYNC, NULL));
    }
    unsigned files = 0;
    DIR *folder = opendir(store_of(state));
    assert_non_null(folder);
    for (struct dirent *file; (file = readdir(folder)) != NULL;) {
        assert_null(strstr(file->d_name, "tmp"));
        files += file->d_type == DT_REG;
    }
    (void)closedir(folder);
    assert_in_range(files, 8, 16);
}

static void a_cached_only_read_that_needs_the_disk_is_unavailable(void **state)
{
    make_store(store_of(state));
    struct kv *kv = test_rocks_open(store_of(state), KV_SYNC, NULL);
    struct kv_snapshot *snapshot = kv_snapshot(kv);
    struct weir_bytes key = bytes_str("000100");
    struct kv_value value = {0};
    assert_int_equal(kv_get(kv, NULL, KV_ITEMS, key, true, &value, NULL), WEIR_UNAVAILABLE);
    assert_int_equal(kv_get(kv, snapshot, KV_ITEMS, key, true, &value, NULL), WEIR_UNAVAILABLE);
    assert_int_equal(kv_get(kv, snapshot, KV_ITEMS, key, false, &value, NULL), WEIR_OK);
    kv_value_fini(&value);
    assert_int_equal(kv_get(kv, NULL, KV_ITEMS, key, true, &value, NULL), WEIR_OK);
    kv_value_fini(&value);
    kv_snapshot_free(kv, snapshot);
    test_put(kv, 2, KV_ITEMS, "new", "1");
    assert_int_equal(kv_get(kv, NULL, KV_ITEMS, bytes_str("new"), true, &value, NULL), WEIR_OK);
    kv_value_fini(&value);
    kv_close(kv);
}

static void error_texts_have_their_status(void **state)
{
    (void)state;
    assert_int_equal(kv_rocks_status("IO error: No space left on device: While appending to file: "
                                     "/x/000004.log: No space left on device"),
                     WEIR_NO_SPACE);
    assert_int_equal(kv_rocks_status("IO error: While open a file: /x: Permission denied"),
                     WEIR_IO);
    assert_int_equal(kv_rocks_status("IO error: While lock file: /x/LOCK: Resource temporarily "
                                     "unavailable"),
                     WEIR_LOCK_HELD);
    assert_int_equal(kv_rocks_status("Corruption: block checksum mismatch"), WEIR_CORRUPTION);
    assert_int_equal(kv_rocks_status("Result incomplete: "), WEIR_UNAVAILABLE);
    assert_int_equal(kv_rocks_status("Not implemented: "), WEIR_UNSUPPORTED);
    assert_int_equal(kv_rocks_status("something new"), WEIR_IO);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_second_process_is_told_who_holds_the_store),
        TEST(a_second_open_in_the_same_process_is_refused),
        TEST(only_the_holder_announces),
        TEST(rocksdbs_own_lock_is_lock_held_too),
        TEST(a_folder_without_permission_is_io_with_its_path),
        TEST(a_missing_parent_is_io_with_its_path),
        TEST(a_path_below_or_at_a_file_is_io_with_its_path),
        TEST(test_K4_a_damaged_table_file_is_reported_by_reads),
        TEST(a_missing_table_file_is_corruption),
        TEST(a_damaged_manifest_is_corruption),
        TEST(test_K4_a_missing_CURRENT_is_corruption_not_a_new_store),
        TEST(a_store_that_is_older_than_its_state_is_corruption),
        TEST(a_newer_store_is_unsupported),
        TEST(a_missing_or_unreadable_state_counts_as_unclean),
        TEST(a_creation_that_was_cut_off_is_begun_again),
        TEST(opening_leaves_no_litter),
        TEST(a_cached_only_read_that_needs_the_disk_is_unavailable),
        TEST(error_texts_have_their_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
