/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_KV_TEST_H
#define WEIR_TESTS_KV_TEST_H

/* What the tests of the key-value layer share: temporary folders, files, short calls on a store. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "kv/kv.h"

#define TEST_PATH_MAX 512

/* A new folder under TMPDIR; written to `to`. */
void test_dir_make(char to[TEST_PATH_MAX]);
/* Removes it with everything in it. */
void test_dir_remove(const char *path);
/* "<dir>/<name>" */
const char *test_path(char to[TEST_PATH_MAX], const char *dir, const char *name);

/* The file of `dir` with the highest number and this suffix (".log"), or the largest in bytes. */
void test_newest_file(char to[TEST_PATH_MAX], const char *dir, const char *suffix);
void test_largest_file(char to[TEST_PATH_MAX], const char *dir, const char *suffix);
long test_file_size(const char *path);
/* Inverts the byte at `offset`; from the end when negative. */
void test_file_flip(const char *path, long offset);
void test_file_truncate(const char *path, long size);
void test_file_append(const char *path, const void *bytes, size_t size);
/* Overwrites `size` bytes from `offset` with zeros. */
void test_file_zero(const char *path, long offset, size_t size);

/* A number that is the same for the same files with the same contents in `dir`. */
uint64_t test_dir_digest(const char *dir);

/* A store that must open. `opened` may be NULL. */
struct kv *test_rocks_open(const char *path, enum kv_durability durability,
                           struct kv_opened *opened);
/* One commit of one entry that must succeed. */
void test_put(struct kv *kv, uint64_t commit_number, enum kv_family family, const char *key,
              const char *value);
/* What a commit of one entry returns. */
enum weir_status test_try_put(struct kv *kv, uint64_t commit_number, const char *key,
                              struct weir_bytes value, struct weir_error *err);
/* The key's value must be `value`, or the key must not be there (NULL). */
void test_expect(struct kv *kv, struct kv_snapshot *snapshot, enum kv_family family,
                 const char *key, const char *value);

/* A seed: of WEIR_TEST_SEED, or a new one; printed. */
uint64_t test_seed(void);
uint64_t test_random(uint64_t *state);

#endif
