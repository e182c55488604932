/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests of the key-value layer: kv_test.h. */
#include "kv_test.h"

#include <dirent.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

void test_dir_make(char to[TEST_PATH_MAX])
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(to, TEST_PATH_MAX, "%s/weir-kv-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(to));
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

void test_dir_remove(const char *path)
{
    assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

const char *test_path(char to[TEST_PATH_MAX], const char *dir, const char *name)
{
    assert_true(snprintf(to, TEST_PATH_MAX, "%s/%s", dir, name) < TEST_PATH_MAX);
    return to;
}

long test_file_size(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return (long)info.st_size;
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t name_len = strlen(name);
    size_t len = strlen(suffix);
    return name_len >= len && strcmp(name + name_len - len, suffix) == 0;
}

static void pick_file(char to[TEST_PATH_MAX], const char *dir, const char *suffix, bool by_size)
{
    DIR *folder = opendir(dir);
    assert_non_null(folder);
    char best[256] = "";
    long best_size = -1;
    for (struct dirent *file; (file = readdir(folder)) != NULL;) {
        if (!has_suffix(file->d_name, suffix)) {
            continue;
        }
        long size = test_file_size(test_path(to, dir, file->d_name));
        if (by_size ? size > best_size : strcmp(file->d_name, best) > 0) {
            (void)snprintf(best, sizeof(best), "%s", file->d_name);
            best_size = size;
        }
    }
    (void)closedir(folder);
    assert_true(best[0] != '\0');
    (void)test_path(to, dir, best);
}

void test_newest_file(char to[TEST_PATH_MAX], const char *dir, const char *suffix)
{
    pick_file(to, dir, suffix, false);
}

void test_largest_file(char to[TEST_PATH_MAX], const char *dir, const char *suffix)
{
    pick_file(to, dir, suffix, true);
}

static FILE *open_at(const char *path, const char *mode, long offset)
{
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET), 0);
    return file;
}

void test_file_flip(const char *path, long offset)
{
    FILE *file = open_at(path, "r+b", offset);
    int byte = fgetc(file);
    assert_int_not_equal(byte, EOF);
    assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
    assert_int_not_equal(fputc(byte ^ 0xFF, file), EOF);
    assert_int_equal(fclose(file), 0);
}

void test_file_truncate(const char *path, long size)
{
    assert_int_equal(truncate(path, size), 0);
}

void test_file_append(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "ab");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

void test_file_zero(const char *path, long offset, size_t size)
{
    FILE *file = open_at(path, "r+b", offset);
    for (size_t i = 0; i < size; i++) {
        assert_int_not_equal(fputc(0, file), EOF);
    }
    assert_int_equal(fclose(file), 0);
}

static uint64_t fnv(uint64_t hash, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t file_digest(const char *path)
{
    uint64_t hash = fnv(UINT64_C(0xcbf29ce484222325), path, strlen(path));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char part[4096];
    for (size_t size; (size = fread(part, 1, sizeof(part), file)) > 0;) {
        hash = fnv(hash, part, size);
    }
    assert_int_equal(fclose(file), 0);
    return hash;
}

uint64_t test_dir_digest(const char *dir)
{
    DIR *folder = opendir(dir);
    assert_non_null(folder);
    uint64_t sum = 0;
    char path[TEST_PATH_MAX];
    for (struct dirent *file; (file = readdir(folder)) != NULL;) {
        if (file->d_type == DT_REG) {
            sum += file_digest(test_path(path, dir, file->d_name));
        }
    }
    (void)closedir(folder);
    return sum;
}

struct kv *test_rocks_open(const char *path, enum kv_durability durability,
                           struct kv_opened *opened)
{
    struct kv *kv = NULL;
    struct kv_opened found;
    struct weir_error err = {0};
    enum weir_status status = kv_rocks_open(path, durability, &kv, &found, &err);
    if (status != WEIR_OK) {
        fail_msg("cannot open: %s: %s", weir_status_name(status), err.message);
    }
    if (opened != NULL) {
        *opened = found;
    }
    return kv;
}

enum weir_status test_try_put(struct kv *kv, uint64_t commit_number, const char *key,
                              struct weir_bytes value, struct weir_error *err)
{
    struct kv_batch *batch = kv_batch(kv);
    kv_batch_put(kv, batch, KV_ITEMS, bytes_str(key), value);
    enum weir_status status = kv_commit(kv, batch, commit_number, err);
    kv_batch_free(kv, batch);
    return status;
}

void test_put(struct kv *kv, uint64_t commit_number, enum kv_family family, const char *key,
              const char *value)
{
    struct weir_error err = {0};
    struct kv_batch *batch = kv_batch(kv);
    kv_batch_put(kv, batch, family, bytes_str(key), bytes_str(value));
    if (kv_commit(kv, batch, commit_number, &err) != WEIR_OK) {
        fail_msg("commit %" PRIu64 ": %s", commit_number, err.message);
    }
    kv_batch_free(kv, batch);
}

void test_expect(struct kv *kv, struct kv_snapshot *snapshot, enum kv_family family,
                 const char *key, const char *value)
{
    struct kv_value found = {0};
    struct weir_error err = {0};
    enum weir_status status = kv_get(kv, snapshot, family, bytes_str(key), false, &found, &err);
    if (value == NULL) {
        assert_int_equal(status, WEIR_NOT_FOUND);
        return;
    }
    if (status != WEIR_OK) {
        fail_msg("%s: %s: %s", key, weir_status_name(status), err.message);
    }
    assert_int_equal(found.bytes.len, strlen(value));
    assert_memory_equal(found.bytes.ptr, value, found.bytes.len);
    kv_value_fini(&found);
}

uint64_t test_seed(void)
{
    const char *given = getenv("WEIR_TEST_SEED");
    uint64_t seed = 0;
    if (given != NULL) {
        seed = strtoull(given, NULL, 0);
    } else {
        assert_int_equal(getrandom(&seed, sizeof(seed), 0), sizeof(seed));
    }
    print_message("rerun with WEIR_TEST_SEED=%" PRIu64 "\n", seed);
    return seed;
}

/* SplitMix64 */
uint64_t test_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}
