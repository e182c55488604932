/* SPDX-License-Identifier: Apache-2.0 */
/* What every key-value store must do: one table of tests, run over each implementation. */
#include "kv_test.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

struct store {
    bool rocks;
    char path[TEST_PATH_MAX];
    struct kv *kv;
};

static struct store stores[] = {{.rocks = false}, {.rocks = true}};

static int store_setup(void **state)
{
    struct store *store = *state;
    if (store->rocks) {
        test_dir_make(store->path);
        struct kv_opened opened;
        store->kv = test_rocks_open(store->path, KV_RELAXED, &opened);
        assert_true(opened.created);
        assert_false(opened.unclean);
        assert_int_equal(opened.commit_number, 0);
    } else {
        assert_int_equal(kv_mem_open(&store->kv, NULL), WEIR_OK);
    }
    return 0;
}

static int store_teardown(void **state)
{
    struct store *store = *state;
    kv_close(store->kv);
    store->kv = NULL;
    if (store->rocks) {
        test_dir_remove(store->path);
    }
    return 0;
}

static struct kv *kv_of(void **state)
{
    return ((struct store *)*state)->kv;
}

static void put(struct kv *kv, struct kv_batch *batch, const char *key, const char *value)
{
    kv_batch_put(kv, batch, KV_ITEMS, bytes_str(key), bytes_str(value));
}

static void commit(struct kv *kv, struct kv_batch *batch, uint64_t number)
{
    struct weir_error err = {0};
    if (kv_commit(kv, batch, number, &err) != WEIR_OK) {
        fail_msg("commit %" PRIu64 ": %s", number, err.message);
    }
}

/* Writes the keys a..z of `keys`, each with itself as its value, in one commit. */
static void fill(struct kv *kv, uint64_t number, const char *const *keys)
{
    struct kv_batch *batch = kv_batch(kv);
    for (; *keys != NULL; keys++) {
        put(kv, batch, *keys, *keys);
    }
    commit(kv, batch, number);
    kv_batch_free(kv, batch);
}

static void expect_at(struct kv *kv, struct kv_iter *iter, bool found, const char *key)
{
    assert_int_equal(found, key != NULL);
    if (key != NULL) {
        assert_true(bytes_eq_str(kv_iter_key(kv, iter), key));
        assert_true(bytes_eq_str(kv_iter_value(kv, iter), key));
    }
    assert_int_equal(kv_iter_status(kv, iter, NULL), WEIR_OK);
}

static void get_of_an_absent_key_is_not_found(void **state)
{
    struct kv *kv = kv_of(state);
    test_expect(kv, NULL, KV_ITEMS, "a", NULL);
    test_put(kv, 1, KV_ITEMS, "a", "1");
    test_expect(kv, NULL, KV_ITEMS, "a", "1");
    test_expect(kv, NULL, KV_ITEMS, "", NULL);
    test_expect(kv, NULL, KV_ITEMS, "aa", NULL);
}

static void families_are_apart(void **state)
{
    struct kv *kv = kv_of(state);
    struct kv_batch *batch = kv_batch(kv);
    for (int family = 0; family < KV_FAMILY_COUNT; family++) {
        char value[2] = {(char)('0' + family), '\0'};
        kv_batch_put(kv, batch, (enum kv_family)family, bytes_str("k"), bytes_str(value));
    }
    kv_batch_delete(kv, batch, KV_INDEX, bytes_str("k"));
    commit(kv, batch, 1);
    kv_batch_free(kv, batch);
    test_expect(kv, NULL, KV_META, "k", "0");
    test_expect(kv, NULL, KV_ITEMS, "k", "1");
    test_expect(kv, NULL, KV_INDEX, "k", NULL);
    test_expect(kv, NULL, KV_STREAM, "k", "3");
    test_expect(kv, NULL, KV_TIME, "k", "4");
}

static void entries_of_a_batch_apply_in_order(void **state)
{
    struct kv *kv = kv_of(state);
    struct kv_batch *batch = kv_batch(kv);
    put(kv, batch, "a", "1");
    put(kv, batch, "a", "2");
    put(kv, batch, "b", "1");
    kv_batch_delete(kv, batch, KV_ITEMS, bytes_str("b"));
    kv_batch_delete(kv, batch, KV_ITEMS, bytes_str("c"));
    put(kv, batch, "c", "1");
    commit(kv, batch, 1);
    kv_batch_free(kv, batch);
    test_expect(kv, NULL, KV_ITEMS, "a", "2");
    test_expect(kv, NULL, KV_ITEMS, "b", NULL);
    test_expect(kv, NULL, KV_ITEMS, "c", "1");
}

static void range_delete_applies_in_order_with_other_entries(void **state)
{
    struct kv *kv = kv_of(state);
    fill(kv, 1, (const char *const[]){"a", "b", "c", "d", "e", NULL});
    struct kv_batch *batch = kv_batch(kv);
    put(kv, batch, "bb", "before");
    kv_batch_delete_range(kv, batch, KV_ITEMS, bytes_str("b"), bytes_str("d"));
    put(kv, batch, "c", "after");
    kv_batch_delete_range(kv, batch, KV_ITEMS, bytes_str("e"), bytes_str("e"));
    kv_batch_delete_range(kv, batch, KV_ITEMS, bytes_str("e"), bytes_str("a"));
    kv_batch_delete_range(kv, batch, KV_ITEMS, bytes_str("a"), BYTES_NONE);
    kv_batch_delete_range(kv, batch, KV_INDEX, bytes_str("a"), bytes_str("z"));
    commit(kv, batch, 2);
    kv_batch_free(kv, batch);
    test_expect(kv, NULL, KV_ITEMS, "a", "a");
    test_expect(kv, NULL, KV_ITEMS, "b", NULL);
    test_expect(kv, NULL, KV_ITEMS, "bb", NULL);
    test_expect(kv, NULL, KV_ITEMS, "c", "after");
    test_expect(kv, NULL, KV_ITEMS, "d", "d");
    test_expect(kv, NULL, KV_ITEMS, "e", "e");
}

static void a_batch_is_left_as_it_is_and_can_be_cleared(void **state)
{
    struct kv *kv = kv_of(state);
    struct kv_batch *batch = kv_batch(kv);
    put(kv, batch, "a", "1");
    commit(kv, batch, 1);
    test_put(kv, 2, KV_ITEMS, "a", "2");
    commit(kv, batch, 3);
    test_expect(kv, NULL, KV_ITEMS, "a", "1");
    kv_batch_clear(kv, batch);
    put(kv, batch, "b", "1");
    test_put(kv, 4, KV_ITEMS, "a", "3");
    commit(kv, batch, 5);
    kv_batch_free(kv, batch);
    test_expect(kv, NULL, KV_ITEMS, "a", "3");
    test_expect(kv, NULL, KV_ITEMS, "b", "1");
}

static void an_empty_batch_commits(void **state)
{
    struct kv *kv = kv_of(state);
    struct kv_batch *batch = kv_batch(kv);
    commit(kv, batch, 1);
    commit(kv, batch, 7);
    kv_batch_free(kv, batch);
    struct kv_iter *iter = kv_iter(kv, NULL, KV_META, BYTES_NONE, BYTES_NONE);
    assert_false(kv_iter_seek(kv, iter, BYTES_NONE));
    kv_iter_free(kv, iter);
}

static void snapshots_isolate(void **state)
{
    struct kv *kv = kv_of(state);
    fill(kv, 1, (const char *const[]){"a", "b", NULL});
    struct kv_snapshot *old = kv_snapshot(kv);
    struct kv_iter *iter = kv_iter(kv, NULL, KV_ITEMS, BYTES_NONE, BYTES_NONE);
    struct kv_batch *batch = kv_batch(kv);
    put(kv, batch, "a", "new");
    kv_batch_delete(kv, batch, KV_ITEMS, bytes_str("b"));
    put(kv, batch, "c", "c");
    commit(kv, batch, 2);
    kv_batch_free(kv, batch);
    test_expect(kv, old, KV_ITEMS, "a", "a");
    test_expect(kv, old, KV_ITEMS, "b", "b");
    test_expect(kv, old, KV_ITEMS, "c", NULL);
    test_expect(kv, NULL, KV_ITEMS, "a", "new");
    test_expect(kv, NULL, KV_ITEMS, "b", NULL);
    expect_at(kv, iter, kv_iter_seek(kv, iter, BYTES_NONE), "a");
    expect_at(kv, iter, kv_iter_next(kv, iter), "b");
    expect_at(kv, iter, kv_iter_next(kv, iter), NULL);
    kv_iter_free(kv, iter);
    iter = kv_iter(kv, old, KV_ITEMS, BYTES_NONE, BYTES_NONE);
    kv_snapshot_free(kv, old);
    expect_at(kv, iter, kv_iter_seek_for_prev(kv, iter, BYTES_NONE), "b");
    kv_iter_free(kv, iter);
}

static void a_value_stays_when_its_key_is_overwritten(void **state)
{
    struct kv *kv = kv_of(state);
    test_put(kv, 1, KV_ITEMS, "a", "first");
    struct kv_value value = {0};
    assert_int_equal(kv_get(kv, NULL, KV_ITEMS, bytes_str("a"), false, &value, NULL), WEIR_OK);
    test_put(kv, 2, KV_ITEMS, "a", "second");
    assert_true(bytes_eq_str(value.bytes, "first"));
    kv_value_fini(&value);
    kv_value_fini(&value);
}

static void iterators_walk_both_ways_inside_their_bounds(void **state)
{
    struct kv *kv = kv_of(state);
    fill(kv, 1, (const char *const[]){"a", "b", "c", "d", "e", NULL});
    struct kv_iter *iter = kv_iter(kv, NULL, KV_ITEMS, bytes_str("b"), bytes_str("e"));
    expect_at(kv, iter, kv_iter_seek(kv, iter, BYTES_NONE), "b");
    expect_at(kv, iter, kv_iter_prev(kv, iter), NULL);
    expect_at(kv, iter, kv_iter_prev(kv, iter), NULL);
    expect_at(kv, iter, kv_iter_next(kv, iter), NULL);
    expect_at(kv, iter, kv_iter_seek(kv, iter, bytes_str("b")), "b");
    expect_at(kv, iter, kv_iter_next(kv, iter), "c");
    expect_at(kv, iter, kv_iter_next(kv, iter), "d");
    expect_at(kv, iter, kv_iter_prev(kv, iter), "c");
    expect_at(kv, iter, kv_iter_next(kv, iter), "d");
    expect_at(kv, iter, kv_iter_next(kv, iter), NULL);
    expect_at(kv, iter, kv_iter_next(kv, iter), NULL);
    expect_at(kv, iter, kv_iter_seek_for_prev(kv, iter, BYTES_NONE), "d");
    expect_at(kv, iter, kv_iter_prev(kv, iter), "c");
    expect_at(kv, iter, kv_iter_prev(kv, iter), "b");
    expect_at(kv, iter, kv_iter_prev(kv, iter), NULL);
    kv_iter_free(kv, iter);
}

static void seeks_land_beside_absent_keys(void **state)
{
    struct kv *kv = kv_of(state);
    fill(kv, 1, (const char *const[]){"b", "d", "f", NULL});
    struct kv_iter *iter = kv_iter(kv, NULL, KV_ITEMS, BYTES_NONE, BYTES_NONE);
    expect_at(kv, iter, kv_iter_seek(kv, iter, bytes_str("a")), "b");
    expect_at(kv, iter, kv_iter_seek(kv, iter, bytes_str("c")), "d");
    expect_at(kv, iter, kv_iter_seek(kv, iter, bytes_str("f")), "f");
    expect_at(kv, iter, kv_iter_seek(kv, iter, bytes_str("g")), NULL);
    expect_at(kv, iter, kv_iter_seek_for_prev(kv, iter, bytes_str("a")), NULL);
    expect_at(kv, iter, kv_iter_seek_for_prev(kv, iter, bytes_str("b")), "b");
    expect_at(kv, iter, kv_iter_seek_for_prev(kv, iter, bytes_str("e")), "d");
    expect_at(kv, iter, kv_iter_seek_for_prev(kv, iter, bytes_str("z")), "f");
    kv_iter_free(kv, iter);
    iter = kv_iter(kv, NULL, KV_ITEMS, bytes_str("c"), bytes_str("f"));
    expect_at(kv, iter, kv_iter_seek(kv, iter, bytes_str("a")), "d");
    expect_at(kv, iter, kv_iter_seek(kv, iter, bytes_str("f")), NULL);
    expect_at(kv, iter, kv_iter_seek_for_prev(kv, iter, bytes_str("b")), NULL);
    expect_at(kv, iter, kv_iter_seek_for_prev(kv, iter, bytes_str("f")), "d");
    expect_at(kv, iter, kv_iter_seek_for_prev(kv, iter, bytes_str("z")), "d");
    kv_iter_free(kv, iter);
}

static void an_empty_range_has_no_entries(void **state)
{
    struct kv *kv = kv_of(state);
    fill(kv, 1, (const char *const[]){"a", "b", "c", NULL});
    const char *const ranges[][2] = {{"b", "b"}, {"c", "a"}, {"bb", "bc"}, {"d", ""}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        struct kv_iter *iter =
            kv_iter(kv, NULL, KV_ITEMS, bytes_str(ranges[i][0]), bytes_str(ranges[i][1]));
        assert_false(kv_iter_next(kv, iter));
        expect_at(kv, iter, kv_iter_seek(kv, iter, BYTES_NONE), NULL);
        expect_at(kv, iter, kv_iter_seek(kv, iter, bytes_str("b")), NULL);
        expect_at(kv, iter, kv_iter_seek_for_prev(kv, iter, BYTES_NONE), NULL);
        expect_at(kv, iter, kv_iter_seek_for_prev(kv, iter, bytes_str("b")), NULL);
        kv_iter_free(kv, iter);
    }
}

static void iterator_bounds_are_copied(void **state)
{
    struct kv *kv = kv_of(state);
    fill(kv, 1, (const char *const[]){"a", "b", "c", NULL});
    char from[] = "b";
    char to[] = "c";
    struct kv_iter *iter = kv_iter(kv, NULL, KV_ITEMS, bytes_str(from), bytes_str(to));
    from[0] = 'a';
    to[0] = 'z';
    expect_at(kv, iter, kv_iter_seek(kv, iter, BYTES_NONE), "b");
    expect_at(kv, iter, kv_iter_next(kv, iter), NULL);
    kv_iter_free(kv, iter);
}

static void empty_keys_and_values_are_entries(void **state)
{
    struct kv *kv = kv_of(state);
    struct kv_batch *batch = kv_batch(kv);
    kv_batch_put(kv, batch, KV_ITEMS, BYTES_NONE, bytes_str("of the empty key"));
    kv_batch_put(kv, batch, KV_ITEMS, bytes_str("k"), BYTES_NONE);
    commit(kv, batch, 1);
    test_expect(kv, NULL, KV_ITEMS, "", "of the empty key");
    test_expect(kv, NULL, KV_ITEMS, "k", "");
    struct kv_iter *iter = kv_iter(kv, NULL, KV_ITEMS, BYTES_NONE, BYTES_NONE);
    assert_true(kv_iter_seek(kv, iter, BYTES_NONE));
    assert_int_equal(kv_iter_key(kv, iter).len, 0);
    assert_true(kv_iter_next(kv, iter));
    assert_int_equal(kv_iter_value(kv, iter).len, 0);
    kv_iter_free(kv, iter);
    kv_batch_clear(kv, batch);
    kv_batch_delete(kv, batch, KV_ITEMS, BYTES_NONE);
    commit(kv, batch, 2);
    kv_batch_free(kv, batch);
    test_expect(kv, NULL, KV_ITEMS, "", NULL);
}

static void binary_keys_sort_as_unsigned_bytes(void **state)
{
    struct kv *kv = kv_of(state);
    const struct weir_bytes keys[] = {
        BYTES_LIT("\x00"), BYTES_LIT("\x00\x00"), BYTES_LIT("\x00\xff"),
        BYTES_LIT("\x01"), BYTES_LIT("\x7f\xff"), BYTES_LIT("\x80"),
        BYTES_LIT("\xff"), BYTES_LIT("\xff\x00"), BYTES_LIT("\xff\xff"),
    };
    enum { COUNT = sizeof(keys) / sizeof(keys[0]) };
    struct kv_batch *batch = kv_batch(kv);
    for (int i = COUNT - 1; i >= 0; i--) {
        kv_batch_put(kv, batch, KV_META, keys[i], keys[i]);
    }
    commit(kv, batch, 1);
    struct kv_iter *iter = kv_iter(kv, NULL, KV_META, BYTES_NONE, BYTES_NONE);
    bool found = kv_iter_seek(kv, iter, BYTES_NONE);
    for (int i = 0; i < COUNT; i++, found = kv_iter_next(kv, iter)) {
        assert_true(found);
        assert_true(bytes_eq(kv_iter_key(kv, iter), keys[i]));
    }
    assert_false(found);
    kv_iter_free(kv, iter);
    kv_batch_clear(kv, batch);
    kv_batch_delete_range(kv, batch, KV_META, keys[1], keys[COUNT - 1]);
    commit(kv, batch, 2);
    kv_batch_free(kv, batch);
    iter = kv_iter(kv, NULL, KV_META, BYTES_NONE, BYTES_NONE);
    assert_true(kv_iter_seek(kv, iter, BYTES_NONE));
    assert_true(bytes_eq(kv_iter_key(kv, iter), keys[0]));
    assert_true(kv_iter_next(kv, iter));
    assert_true(bytes_eq(kv_iter_key(kv, iter), keys[COUNT - 1]));
    assert_false(kv_iter_next(kv, iter));
    kv_iter_free(kv, iter);
}

static void large_values_come_back_whole(void **state)
{
    struct kv *kv = kv_of(state);
    size_t size = 400 * 1024;
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    uint64_t random = 1;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)test_random(&random);
    }
    struct kv_batch *batch = kv_batch(kv);
    for (int i = 0; i < 20; i++) {
        char key[2] = {(char)('a' + i), '\0'};
        kv_batch_put(kv, batch, KV_ITEMS, bytes_str(key), bytes_of(bytes, size));
    }
    commit(kv, batch, 1);
    kv_batch_free(kv, batch);
    struct kv_value value = {0};
    assert_int_equal(kv_get(kv, NULL, KV_ITEMS, bytes_str("t"), false, &value, NULL), WEIR_OK);
    assert_true(bytes_eq(value.bytes, bytes_of(bytes, size)));
    kv_value_fini(&value);
    struct kv_iter *iter = kv_iter(kv, NULL, KV_ITEMS, BYTES_NONE, BYTES_NONE);
    int count = 0;
    for (bool on = kv_iter_seek(kv, iter, BYTES_NONE); on; on = kv_iter_next(kv, iter)) {
        assert_true(bytes_eq(kv_iter_value(kv, iter), bytes_of(bytes, size)));
        count++;
    }
    assert_int_equal(count, 20);
    kv_iter_free(kv, iter);
    free(bytes);
}

static void compact_changes_nothing_that_is_read(void **state)
{
    struct kv *kv = kv_of(state);
    fill(kv, 1, (const char *const[]){"a", "b", NULL});
    kv_compact(kv, KV_ITEMS, bytes_str("a"), bytes_str("c"));
    kv_compact(kv, KV_ITEMS, BYTES_NONE, BYTES_NONE);
    test_expect(kv, NULL, KV_ITEMS, "a", "a");
    test_expect(kv, NULL, KV_ITEMS, "b", "b");
}

/* The model: entries of one family in a sorted array. Keys and values are short and inline. */
enum { MODEL_MAX = 4096, MODEL_KEY_MAX = 3 };
struct model_entry {
    uint8_t key[MODEL_KEY_MAX];
    size_t key_len;
    uint64_t value;
};
struct model {
    struct model_entry entries[MODEL_MAX];
    size_t count;
};

static struct weir_bytes model_key(const struct model_entry *entry)
{
    return bytes_of(entry->key, entry->key_len);
}

static size_t model_place(const struct model *model, struct weir_bytes key)
{
    size_t i = 0;
    while (i < model->count && bytes_cmp(model_key(&model->entries[i]), key) < 0) {
        i++;
    }
    return i;
}

static void model_delete_range(struct model *model, struct weir_bytes from, struct weir_bytes to)
{
    size_t kept = 0;
    for (size_t i = 0; i < model->count; i++) {
        struct weir_bytes key = model_key(&model->entries[i]);
        if (bytes_cmp(key, from) < 0 || bytes_cmp(key, to) >= 0) {
            model->entries[kept++] = model->entries[i];
        }
    }
    model->count = kept;
}

static void model_put(struct model *model, const struct model_entry *entry)
{
    size_t place = model_place(model, model_key(entry));
    bool there =
        place < model->count && bytes_eq(model_key(&model->entries[place]), model_key(entry));
    if (!there) {
        assert_true(model->count < MODEL_MAX);
        memmove(&model->entries[place + 1], &model->entries[place],
                (model->count - place) * sizeof(*entry));
        model->count++;
    }
    model->entries[place] = *entry;
}

static void model_delete(struct model *model, struct weir_bytes key)
{
    size_t place = model_place(model, key);
    if (place < model->count && bytes_eq(model_key(&model->entries[place]), key)) {
        model->count--;
        memmove(&model->entries[place], &model->entries[place + 1],
                (model->count - place) * sizeof(model->entries[0]));
    }
}

/* Few distinct bytes, so that keys meet each other often. */
static struct model_entry random_entry(uint64_t *random)
{
    static const uint8_t alphabet[] = {0, 1, 'a', 'b', 'c', 'd', 'e', 0x7f, 0x80, 0xfe, 0xff};
    struct model_entry entry = {.value = test_random(random)};
    entry.key_len = test_random(random) % (MODEL_KEY_MAX + 1);
    for (size_t i = 0; i < entry.key_len; i++) {
        entry.key[i] = alphabet[test_random(random) % sizeof(alphabet)];
    }
    return entry;
}

static void random_change(struct kv *kv, struct kv_batch *batch, struct model *model,
                          uint64_t *random)
{
    struct model_entry entry = random_entry(random);
    struct model_entry other = random_entry(random);
    struct weir_bytes key = model_key(&entry);
    uint64_t dice = test_random(random) % 100;
    if (dice < 70) {
        kv_batch_put(kv, batch, KV_INDEX, key, bytes_of(&entry.value, sizeof(entry.value)));
        model_put(model, &entry);
    } else if (dice < 96) {
        kv_batch_delete(kv, batch, KV_INDEX, key);
        model_delete(model, key);
    } else {
        kv_batch_delete_range(kv, batch, KV_INDEX, key, model_key(&other));
        if (bytes_cmp(key, model_key(&other)) < 0) {
            model_delete_range(model, key, model_key(&other));
        }
    }
}

static void expect_entry(struct kv *kv, struct kv_iter *iter, const struct model_entry *entry)
{
    assert_true(bytes_eq(kv_iter_key(kv, iter), model_key(entry)));
    assert_true(bytes_eq(kv_iter_value(kv, iter), bytes_of(&entry->value, sizeof(entry->value))));
}

/* A walk over a random range from random places, forward and back. */
static void compare_range(struct kv *kv, struct kv_snapshot *snapshot, const struct model *model,
                          uint64_t *random)
{
    struct model_entry from = random_entry(random);
    struct model_entry to = random_entry(random);
    struct model_entry start = random_entry(random);
    struct weir_bytes start_key = model_key(&start);
    size_t low = model_place(model, model_key(&from));
    size_t high = to.key_len == 0 ? model->count : model_place(model, model_key(&to));
    struct kv_iter *iter = kv_iter(kv, snapshot, KV_INDEX, model_key(&from), model_key(&to));
    size_t at = model_place(model, start_key);
    at = at < low ? low : at;
    bool on = kv_iter_seek(kv, iter, start_key);
    for (; at < high; at++, on = kv_iter_next(kv, iter)) {
        assert_true(on);
        expect_entry(kv, iter, &model->entries[at]);
    }
    assert_false(on);
    size_t end = model_place(model, start_key);
    end += end < model->count && bytes_eq(model_key(&model->entries[end]), start_key);
    end = start_key.len == 0 || end > high ? high : end;
    on = kv_iter_seek_for_prev(kv, iter, start_key);
    for (; end > low; end--, on = kv_iter_prev(kv, iter)) {
        assert_true(on);
        expect_entry(kv, iter, &model->entries[end - 1]);
    }
    assert_false(on);
    assert_int_equal(kv_iter_status(kv, iter, NULL), WEIR_OK);
    kv_iter_free(kv, iter);
}

static void compare_gets(struct kv *kv, struct kv_snapshot *snapshot, const struct model *model,
                         uint64_t *random)
{
    for (int i = 0; i < 20; i++) {
        struct model_entry entry = random_entry(random);
        struct weir_bytes key = model_key(&entry);
        size_t place = model_place(model, key);
        bool there = place < model->count && bytes_eq(model_key(&model->entries[place]), key);
        struct kv_value value = {0};
        enum weir_status status = kv_get(kv, snapshot, KV_INDEX, key, false, &value, NULL);
        assert_int_equal(status, there ? WEIR_OK : WEIR_NOT_FOUND);
        if (there) {
            uint64_t *expected = &((struct model *)model)->entries[place].value;
            assert_true(bytes_eq(value.bytes, bytes_of(expected, sizeof(*expected))));
        }
        kv_value_fini(&value);
    }
}

static void compare(struct kv *kv, struct kv_snapshot *snapshot, const struct model *model,
                    uint64_t *random)
{
    compare_gets(kv, snapshot, model, random);
    for (int i = 0; i < 4; i++) {
        compare_range(kv, snapshot, model, random);
    }
}

static void random_operations_match_a_sorted_array(void **state)
{
    struct kv *kv = kv_of(state);
    uint64_t random = test_seed();
    struct model *model = calloc(1, sizeof(*model));
    struct model *old = calloc(1, sizeof(*old));
    assert_non_null(model);
    assert_non_null(old);
    struct kv_snapshot *snapshot = kv_snapshot(kv);
    struct kv_batch *batch = kv_batch(kv);
    for (uint64_t number = 1; number <= 400; number++) {
        kv_batch_clear(kv, batch);
        for (uint64_t i = test_random(&random) % 60; i > 0; i--) {
            random_change(kv, batch, model, &random);
        }
        commit(kv, batch, number);
        compare(kv, NULL, model, &random);
        compare(kv, snapshot, old, &random);
        if (number % 16 == 0) {
            kv_snapshot_free(kv, snapshot);
            snapshot = kv_snapshot(kv);
            *old = *model;
        }
    }
    kv_snapshot_free(kv, snapshot);
    kv_batch_free(kv, batch);
    free(model);
    free(old);
}

/* Every commit sets all counters to its number; a snapshot must show them equal, and rising. */
enum { COUNTERS = 40, ROUNDS = 600 };
struct readers {
    struct kv *kv;
    atomic_bool stop;
    atomic_uint torn;
    atomic_uint walks;
};

static uint64_t read_counters(struct readers *readers, struct kv_snapshot *snapshot)
{
    struct kv *kv = readers->kv;
    struct kv_iter *iter = kv_iter(kv, snapshot, KV_STREAM, BYTES_NONE, BYTES_NONE);
    uint64_t first = 0;
    unsigned count = 0;
    for (bool on = kv_iter_seek(kv, iter, BYTES_NONE); on; on = kv_iter_next(kv, iter)) {
        uint64_t value = get_be64(kv_iter_value(kv, iter).ptr);
        first = count++ == 0 ? value : first;
        if (value != first) {
            atomic_fetch_add(&readers->torn, 1);
        }
    }
    if (count != 0 && count != COUNTERS) {
        atomic_fetch_add(&readers->torn, 1);
    }
    kv_iter_free(kv, iter);
    return first;
}

static void *reader_run(void *arg)
{
    struct readers *readers = arg;
    struct kv *kv = readers->kv;
    uint64_t last = 0;
    while (!atomic_load(&readers->stop)) {
        struct kv_snapshot *snapshot = kv_snapshot(kv);
        uint64_t seen = read_counters(readers, snapshot);
        struct kv_value value = {0};
        enum weir_status status =
            kv_get(kv, snapshot, KV_STREAM, bytes_str("c07"), false, &value, NULL);
        if (seen < last || (status == WEIR_OK && get_be64(value.bytes.ptr) != seen)) {
            atomic_fetch_add(&readers->torn, 1);
        }
        last = seen;
        kv_value_fini(&value);
        kv_snapshot_free(kv, snapshot);
        atomic_fetch_add(&readers->walks, 1);
    }
    return NULL;
}

static void commit_counters(struct kv *kv, struct kv_batch *batch, uint64_t number)
{
    uint8_t value[8];
    put_be64(value, number);
    kv_batch_clear(kv, batch);
    for (int i = 0; i < COUNTERS; i++) {
        char key[8];
        (void)snprintf(key, sizeof(key), "c%02d", i);
        kv_batch_put(kv, batch, KV_STREAM, bytes_str(key), bytes_of(value, sizeof(value)));
    }
    commit(kv, batch, number);
}

static void readers_see_whole_commits_while_another_thread_commits(void **state)
{
    struct readers readers = {.kv = kv_of(state)};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, reader_run, &readers), 0);
    }
    struct kv_batch *batch = kv_batch(readers.kv);
    uint64_t number = 1;
    while (number <= ROUNDS || atomic_load(&readers.walks) < 20) {
        commit_counters(readers.kv, batch, number++);
    }
    atomic_store(&readers.stop, true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    kv_batch_free(readers.kv, batch);
    assert_int_equal(atomic_load(&readers.torn), 0);
}

static void one_failed_commit_fails_every_later_one(void **state)
{
    struct kv *kv = kv_of(state);
    test_put(kv, 1, KV_ITEMS, "a", "1");
    assert_int_equal(fault_arm("kv.commit=error@1", NULL), WEIR_OK);
    struct weir_error first = {0};
    assert_int_equal(test_try_put(kv, 2, "a", bytes_str("2"), &first), WEIR_IO);
    assert_int_equal(first.outcome, WEIR_OUTCOME_UNKNOWN);
    struct weir_error later = {0};
    assert_int_equal(test_try_put(kv, 3, "a", bytes_str("3"), &later), WEIR_IO);
    assert_int_equal(later.outcome, WEIR_NOT_APPLIED);
    assert_string_equal(later.message, first.message);
    assert_int_equal(test_try_put(kv, 4, "a", bytes_str("4"), NULL), WEIR_IO);
    assert_int_equal(fault_arm(NULL, NULL), WEIR_OK);
    test_expect(kv, NULL, KV_ITEMS, "a", "1");
}

#define TEST(function)      \
    {                       \
#function, function \
    }
static const struct {
    const char *name;
    CMUnitTestFunction function;
} tests[] = {
    TEST(get_of_an_absent_key_is_not_found),
    TEST(families_are_apart),
    TEST(entries_of_a_batch_apply_in_order),
    TEST(range_delete_applies_in_order_with_other_entries),
    TEST(a_batch_is_left_as_it_is_and_can_be_cleared),
    TEST(an_empty_batch_commits),
    TEST(snapshots_isolate),
    TEST(a_value_stays_when_its_key_is_overwritten),
    TEST(iterators_walk_both_ways_inside_their_bounds),
    TEST(seeks_land_beside_absent_keys),
    TEST(an_empty_range_has_no_entries),
    TEST(iterator_bounds_are_copied),
    TEST(empty_keys_and_values_are_entries),
    TEST(binary_keys_sort_as_unsigned_bytes),
    TEST(large_values_come_back_whole),
    TEST(compact_changes_nothing_that_is_read),
    TEST(one_failed_commit_fails_every_later_one),
    TEST(random_operations_match_a_sorted_array),
    TEST(readers_see_whole_commits_while_another_thread_commits),
};
enum { TEST_COUNT = sizeof(tests) / sizeof(tests[0]) };

int main(void)
{
    struct CMUnitTest runs[2 * TEST_COUNT];
    char names[2 * TEST_COUNT][96];
    for (size_t i = 0; i < 2 * TEST_COUNT; i++) {
        struct store *store = &stores[i / TEST_COUNT];
        (void)snprintf(names[i], sizeof(names[i]), "%s: %s", store->rocks ? "rocks" : "mem",
                       tests[i % TEST_COUNT].name);
        runs[i] = (struct CMUnitTest){names[i], tests[i % TEST_COUNT].function, store_setup,
                                      store_teardown, store};
    }
    return _cmocka_run_group_tests("conformance", runs, 2 * TEST_COUNT, NULL, NULL);
}
