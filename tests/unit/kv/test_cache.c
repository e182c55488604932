/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of newest rows: what it may answer, when, and how much it may hold. */
#include "kv_test.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "kv/kv_cache.h"

#define CACHE_BYTES ((size_t)8 << 20)
#define KEYS 4u
#define COMMITS 3000u

static int setup(void **state)
{
    *state = kv_cache_new(CACHE_BYTES);
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    kv_cache_free(*state);
    return 0;
}

/* The ticket of a key that is not there. */
static uint64_t miss(struct kv_cache *cache, const char *key)
{
    uint64_t ticket = 0;
    struct kv_cache_row *row = kv_cache_get(cache, bytes_str(key), &ticket);
    if (row != NULL) {
        fail_msg("%s is in the cache: %.*s", key, BYTES_ARG(kv_cache_row_value(row)));
    }
    return ticket;
}

static void hit(struct kv_cache *cache, const char *key, const char *value)
{
    uint64_t ticket = 0;
    struct kv_cache_row *row = kv_cache_get(cache, bytes_str(key), &ticket);
    assert_non_null(row);
    assert_true(bytes_eq_str(kv_cache_row_value(row), value));
    kv_cache_row_unref(row);
}

static void keep(struct kv_cache *cache, const char *key, const char *value)
{
    kv_cache_keep(cache, bytes_str(key), bytes_str(value), miss(cache, key));
}

static void note(struct kv_cache_writes *writes, const char *key, const char *value)
{
    struct weir_bytes bytes = bytes_str(value == NULL ? "" : value);
    kv_cache_note(writes, bytes_str(key), value == NULL ? NULL : &bytes);
}

static void what_was_read_is_kept(void **state)
{
    (void)miss(*state, "a");
    keep(*state, "a", "1");
    keep(*state, "empty", "");
    hit(*state, "a", "1");
    hit(*state, "empty", "");
    (void)miss(*state, "b");
    (void)miss(*state, "");
}

static void a_row_outlives_its_place_while_it_is_held(void **state)
{
    uint64_t ticket = 0;
    keep(*state, "a", "1");
    struct kv_cache_row *row = kv_cache_get(*state, bytes_str("a"), &ticket);
    struct kv_cache_writes writes = {.all = true};
    kv_cache_begin(*state, &writes);
    kv_cache_end(*state, &writes);
    (void)miss(*state, "a");
    assert_true(bytes_eq_str(kv_cache_row_value(row), "1"));
    kv_cache_row_unref(row);
}

static void between_begin_and_end_the_store_is_asked(void **state)
{
    struct kv_cache_writes writes = {0};
    keep(*state, "a", "1");
    note(&writes, "a", "2");
    hit(*state, "a", "1");
    kv_cache_begin(*state, &writes);
    uint64_t ticket = miss(*state, "a");
    kv_cache_keep(*state, bytes_str("a"), bytes_str("1"), ticket);
    (void)miss(*state, "a");
    kv_cache_end(*state, &writes);
    hit(*state, "a", "2");
    kv_cache_writes_clear(&writes);
    hit(*state, "a", "2");
}

static void an_old_answer_is_not_kept_behind_a_commit(void **state)
{
    struct kv_cache_writes writes = {0};
    uint64_t before = miss(*state, "a");
    note(&writes, "a", NULL);
    kv_cache_begin(*state, &writes);
    uint64_t during = miss(*state, "a");
    kv_cache_end(*state, &writes);
    kv_cache_writes_clear(&writes);
    kv_cache_keep(*state, bytes_str("a"), bytes_str("old"), before);
    kv_cache_keep(*state, bytes_str("a"), bytes_str("old"), during);
    (void)miss(*state, "a");
    keep(*state, "a", "new");
    hit(*state, "a", "new");
}

static void of_two_writes_of_a_key_the_later_stays(void **state)
{
    struct kv_cache_writes writes = {0};
    note(&writes, "a", "1");
    note(&writes, "a", "2");
    note(&writes, "b", "1");
    note(&writes, "b", NULL);
    note(&writes, "c", NULL);
    note(&writes, "c", "3");
    kv_cache_begin(*state, &writes);
    kv_cache_end(*state, &writes);
    hit(*state, "a", "2");
    (void)miss(*state, "b");
    hit(*state, "c", "3");
    /* The same batch again, as a caller may commit it. */
    kv_cache_begin(*state, &writes);
    kv_cache_end(*state, &writes);
    hit(*state, "a", "2");
    kv_cache_writes_clear(&writes);
    hit(*state, "c", "3");
}

static void after_a_failed_commit_its_rows_stay_out(void **state)
{
    struct kv_cache_writes writes = {0};
    keep(*state, "a", "1");
    note(&writes, "a", "2");
    kv_cache_begin(*state, &writes);
    kv_cache_writes_clear(&writes);
    uint64_t ticket = miss(*state, "a");
    kv_cache_keep(*state, bytes_str("a"), bytes_str("1"), ticket);
    (void)miss(*state, "a");
}

static void a_write_of_everything_empties_it(void **state)
{
    struct kv_cache_writes writes = {0};
    keep(*state, "a", "1");
    keep(*state, "b", "1");
    uint64_t ticket = miss(*state, "c");
    note(&writes, "a", "2");
    writes.all = true;
    kv_cache_begin(*state, &writes);
    kv_cache_end(*state, &writes);
    kv_cache_writes_clear(&writes);
    kv_cache_keep(*state, bytes_str("c"), bytes_str("1"), ticket);
    (void)miss(*state, "a");
    (void)miss(*state, "b");
    (void)miss(*state, "c");
    keep(*state, "a", "3");
    hit(*state, "a", "3");
}

static void it_holds_no_more_than_its_bytes(void **state)
{
    static const char value[1024];
    const unsigned count = 4 * CACHE_BYTES / sizeof(value);
    char key[32];
    uint64_t ticket = 0;
    unsigned found = 0;
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(key, sizeof(key), "key-%u", i);
        kv_cache_keep(*state, bytes_str(key), bytes_of(value, sizeof(value)), miss(*state, key));
    }
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(key, sizeof(key), "key-%u", i);
        struct kv_cache_row *row = kv_cache_get(*state, bytes_str(key), &ticket);
        if (row != NULL) {
            found++;
            kv_cache_row_unref(row);
        }
    }
    assert_in_range(found, count / 8, CACHE_BYTES / sizeof(value));
}

static void a_row_in_use_stays_when_others_go(void **state)
{
    static const char value[1024];
    char key[32];
    keep(*state, "wanted", "1");
    for (unsigned i = 0; i < 4 * CACHE_BYTES / sizeof(value); i++) {
        hit(*state, "wanted", "1");
        (void)snprintf(key, sizeof(key), "key-%u", i);
        kv_cache_keep(*state, bytes_str(key), bytes_of(value, sizeof(value)), miss(*state, key));
    }
    hit(*state, "wanted", "1");
}

/* A quarter of a shard is 2 KiB here. */
static void a_large_row_is_not_kept(void **state)
{
    static const char value[4096];
    struct kv_cache_writes writes = {0};
    struct weir_bytes large = bytes_of(value, sizeof(value));
    kv_cache_keep(*state, bytes_str("a"), large, miss(*state, "a"));
    (void)miss(*state, "a");
    keep(*state, "a", "1");
    kv_cache_note(&writes, bytes_str("a"), &large);
    kv_cache_begin(*state, &writes);
    kv_cache_end(*state, &writes);
    kv_cache_writes_clear(&writes);
    (void)miss(*state, "a");
}

/* ---- under a store --------------------------------------------------------------------------- */

static void a_deleted_range_is_gone_from_newest_reads(void **state)
{
    (void)state;
    char path[TEST_PATH_MAX];
    test_dir_make(path);
    struct kv *kv = test_rocks_open(path, KV_RELAXED, NULL);
    test_put(kv, 1, KV_ITEMS, "a", "1");
    test_put(kv, 2, KV_ITEMS, "b", "1");
    test_expect(kv, NULL, KV_ITEMS, "a", "1");
    struct kv_batch *batch = kv_batch(kv);
    kv_batch_delete_range(kv, batch, KV_ITEMS, bytes_str("a"), bytes_str("b"));
    assert_int_equal(kv_commit(kv, batch, 3, NULL), WEIR_OK);
    kv_batch_free(kv, batch);
    test_expect(kv, NULL, KV_ITEMS, "a", NULL);
    test_expect(kv, NULL, KV_ITEMS, "b", "1");
    kv_close(kv);
    test_dir_remove(path);
}

struct race {
    struct kv *kv;
    atomic_uint_fast64_t committed[KEYS]; /* the value that was acknowledged last */
    atomic_uint reads;
    atomic_uint wrong;
    atomic_bool stop;
};

static uint64_t read_number(struct kv *kv, const char *key)
{
    struct kv_value value = {0};
    if (kv_get(kv, NULL, KV_ITEMS, bytes_str(key), false, &value, NULL) != WEIR_OK) {
        return 0;
    }
    uint64_t number = get_be64(value.bytes.ptr);
    kv_value_fini(&value);
    return number;
}

static void *race_reader(void *arg)
{
    struct race *race = arg;
    uint64_t last[KEYS] = {0};
    for (unsigned i = 0; !atomic_load(&race->stop); i++) {
        unsigned k = i % KEYS;
        char key[2] = {(char)('a' + k), '\0'};
        uint64_t acknowledged = atomic_load(&race->committed[k]);
        uint64_t number = read_number(race->kv, key);
        if (number < acknowledged || number < last[k]) {
            atomic_fetch_add(&race->wrong, 1);
        }
        last[k] = number;
        atomic_fetch_add(&race->reads, 1);
    }
    return NULL;
}

static void newest_reads_never_go_back_while_another_thread_commits(void **state)
{
    (void)state;
    static struct race race;
    char path[TEST_PATH_MAX];
    pthread_t threads[2];
    test_dir_make(path);
    race.kv = test_rocks_open(path, KV_RELAXED, NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, race_reader, &race), 0);
    }
    struct kv_batch *batch = kv_batch(race.kv);
    for (uint64_t n = 1; n <= COMMITS || atomic_load(&race.reads) < COMMITS; n++) {
        char key[2] = {(char)('a' + n % KEYS), '\0'};
        uint8_t value[8];
        put_be64(value, n);
        kv_batch_clear(race.kv, batch);
        kv_batch_put(race.kv, batch, KV_ITEMS, bytes_str(key), bytes_of(value, sizeof(value)));
        assert_int_equal(kv_commit(race.kv, batch, n, NULL), WEIR_OK);
        atomic_store(&race.committed[n % KEYS], n);
    }
    atomic_store(&race.stop, true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&race.wrong), 0);
    kv_batch_free(race.kv, batch);
    kv_close(race.kv);
    test_dir_remove(path);
}

#define WITH_CACHE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CACHE(what_was_read_is_kept),
        WITH_CACHE(a_row_outlives_its_place_while_it_is_held),
        WITH_CACHE(between_begin_and_end_the_store_is_asked),
        WITH_CACHE(an_old_answer_is_not_kept_behind_a_commit),
        WITH_CACHE(of_two_writes_of_a_key_the_later_stays),
        WITH_CACHE(after_a_failed_commit_its_rows_stay_out),
        WITH_CACHE(a_write_of_everything_empties_it),
        WITH_CACHE(it_holds_no_more_than_its_bytes),
        WITH_CACHE(a_row_in_use_stays_when_others_go),
        WITH_CACHE(a_large_row_is_not_kept),
        cmocka_unit_test(a_deleted_range_is_gone_from_newest_reads),
        cmocka_unit_test(newest_reads_never_go_back_while_another_thread_commits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
