/* SPDX-License-Identifier: Apache-2.0 */
/* What only the store in memory does (power cuts), and the tree below it. */
#include "kv_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kv/kv_mem.h"
#include "kv/kv_tree.h"

static struct kv *mem_open(enum kv_durability durability)
{
    struct kv *kv = NULL;
    assert_int_equal(kv_mem_open(&kv, NULL), WEIR_OK);
    kv_mem_set_durability(kv, durability);
    return kv;
}

static void a_power_cut_goes_back_to_the_last_sync(void **state)
{
    (void)state;
    struct kv *kv = mem_open(KV_RELAXED);
    test_put(kv, 1, KV_ITEMS, "a", "1");
    kv_mem_sync(kv);
    test_put(kv, 2, KV_ITEMS, "a", "2");
    test_put(kv, 3, KV_STREAM, "b", "3");
    struct kv_snapshot *before = kv_snapshot(kv);
    assert_int_equal(kv_mem_power_cut(kv), 1);
    test_expect(kv, NULL, KV_ITEMS, "a", "1");
    test_expect(kv, NULL, KV_STREAM, "b", NULL);
    test_expect(kv, before, KV_ITEMS, "a", "2");
    kv_snapshot_free(kv, before);
    test_put(kv, 2, KV_ITEMS, "a", "other");
    assert_int_equal(kv_mem_power_cut(kv), 1);
    test_expect(kv, NULL, KV_ITEMS, "a", "1");
    kv_close(kv);
}

static void a_synced_commit_survives_a_power_cut(void **state)
{
    (void)state;
    struct kv *kv = mem_open(KV_SYNC);
    test_put(kv, 1, KV_ITEMS, "a", "1");
    test_put(kv, 2, KV_ITEMS, "a", "2");
    assert_int_equal(kv_mem_power_cut(kv), 2);
    test_expect(kv, NULL, KV_ITEMS, "a", "2");
    kv_close(kv);
}

static void without_a_sync_a_power_cut_leaves_nothing(void **state)
{
    (void)state;
    struct kv *kv = mem_open(KV_RELAXED);
    test_put(kv, 1, KV_ITEMS, "a", "1");
    assert_int_equal(kv_mem_power_cut(kv), 0);
    test_expect(kv, NULL, KV_ITEMS, "a", NULL);
    kv_close(kv);
}

static void key_of(uint64_t number, uint8_t to[8])
{
    put_be64(to, number);
}

static bool tree_put_number(struct tree_node **root, uint64_t txn, uint64_t number)
{
    uint8_t key[8];
    key_of(number, key);
    struct tree_entry *entry = tree_entry_new(bytes_of(key, 8), bytes_of(key, 8));
    return entry != NULL && tree_put(root, txn, entry);
}

static uint64_t tree_count(const struct tree_node *root)
{
    struct tree_cursor cursor = {.depth = 0};
    uint64_t count = 0;
    for (bool on = tree_cursor_first_from(&cursor, root, BYTES_NONE); on;
         on = tree_cursor_next(&cursor)) {
        count++;
    }
    return count;
}

static void a_million_entries_and_a_range_delete_keep_the_tree_sound(void **state)
{
    (void)state;
    enum { COUNT = 1000000 };
    struct tree_node *root = NULL;
    for (uint64_t i = 0; i < COUNT; i++) {
        /* ascending for the first half, scattered over the rest */
        uint64_t number = i < COUNT / 2 ? i : COUNT / 2 + (i * 7919) % (COUNT / 2);
        assert_true(tree_put_number(&root, 1 + i / 100, number));
    }
    tree_check(root);
    assert_int_equal(tree_count(root), COUNT);
    struct tree_node *old = tree_ref(root);
    uint8_t from[8];
    uint8_t to[8];
    key_of(1000, from);
    key_of(COUNT - 1000, to);
    assert_true(tree_delete_range(&root, COUNT, bytes_of(from, 8), bytes_of(to, 8)));
    tree_check(root);
    tree_check(old);
    assert_int_equal(tree_count(root), 2000);
    assert_int_equal(tree_count(old), COUNT);
    tree_unref(old);
    tree_unref(root);
}

/* Shrinks and grows again at random, with an old version kept beside it. */
static void random_changes_keep_the_tree_sound(void **state)
{
    (void)state;
    enum { SPAN = 6000 };
    uint64_t random = test_seed();
    struct tree_node *root = NULL;
    static bool model[SPAN];
    memset(model, 0, sizeof(model));
    for (uint64_t txn = 1; txn <= 3000; txn++) {
        struct tree_node *old = tree_ref(root);
        bool grows = txn / 300 % 2 == 0;
        for (int i = 0; i < 20; i++) {
            uint64_t number = test_random(&random) % SPAN;
            uint8_t key[8];
            key_of(number, key);
            model[number] = test_random(&random) % 10 < (grows ? 9 : 1);
            assert_true(model[number] ? tree_put_number(&root, txn, number)
                                      : tree_delete(&root, txn, bytes_of(key, 8)));
        }
        if (txn % 50 == 0) {
            uint8_t from[8];
            uint8_t to[8];
            uint64_t first = test_random(&random) % SPAN;
            uint64_t end = first + test_random(&random) % (SPAN / 4);
            key_of(first, from);
            key_of(end, to);
            assert_true(tree_delete_range(&root, txn, bytes_of(from, 8), bytes_of(to, 8)));
            for (uint64_t i = first; i < end && i < SPAN; i++) {
                model[i] = false;
            }
            tree_check(root);
            tree_check(old);
        }
        tree_unref(old);
    }
    for (uint64_t i = 0; i < SPAN; i++) {
        uint8_t key[8];
        key_of(i, key);
        assert_int_equal(tree_find_view(root, bytes_of(key, 8)) != NULL, model[i]);
    }
    tree_unref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut_goes_back_to_the_last_sync),
        cmocka_unit_test(a_synced_commit_survives_a_power_cut),
        cmocka_unit_test(without_a_sync_a_power_cut_leaves_nothing),
        cmocka_unit_test(a_million_entries_and_a_range_delete_keep_the_tree_sound),
        cmocka_unit_test(random_changes_keep_the_tree_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
