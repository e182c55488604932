/* SPDX-License-Identifier: Apache-2.0 */
/* Stored rows: what is written is read back, and damage is seen, never followed. */
#include "engine_test.h"

#include "engine/internal.h"
#include "value/keycodec.h"

static const uint8_t image[] = {0x01, 0x00};

static struct buf encoded_record(uint64_t size_bytes)
{
    struct engine_record record = {.event = ENGINE_MODIFY,
                                   .commit_ms = TEST_START_MS,
                                   .by_ttl = true,
                                   .keys = bytes_of(image, 2),
                                   .new_image = bytes_of(image, 1),
                                   .size_bytes = size_bytes};
    struct buf bytes;
    buf_init(&bytes, 1024);
    stream_record_put(&bytes, &record);
    return bytes;
}

static enum weir_status take(struct fixture *f, struct weir_bytes value,
                             struct engine_record *ret_record)
{
    return stream_record_take(f->a, value, ret_record, NULL);
}

static void records_come_back_whole(void **state)
{
    static const uint64_t sizes[] = {0, 127, 128, LIMIT_ITEM_BYTES, UINT64_MAX};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct buf bytes = encoded_record(sizes[i]);
        struct engine_record record;
        uint64_t size_bytes;
        assert_int_equal(stream_record_size(buf_bytes(&bytes), &size_bytes, NULL), WEIR_OK);
        assert_true(size_bytes == sizes[i]);
        assert_int_equal(take(*state, buf_bytes(&bytes), &record), WEIR_OK);
        assert_int_equal(record.event, ENGINE_MODIFY);
        assert_true(record.by_ttl);
        assert_true(record.commit_ms == TEST_START_MS);
        assert_true(record.size_bytes == sizes[i]);
        assert_int_equal(record.keys.len, 2);
        assert_int_equal(record.new_image.len, 1);
        assert_int_equal(record.old_image.len, 0);
        buf_fini(&bytes);
    }
}

static void a_record_has_these_bytes(void **state)
{
    (void)state;
    static const uint8_t golden[] = {0x01, 0x01, 0x01, 0x00, 0x00, 0x01, 0x9A, 0xA3, 0x11,
                                     0x12, 0x13, 0x80, 0x02, 0x02, 0x01, 0x00, 0x00, 0x00};
    struct engine_record record = {.event = ENGINE_MODIFY,
                                   .by_ttl = true,
                                   .commit_ms = 0x019AA3111213,
                                   .size_bytes = 256,
                                   .keys = bytes_of(image, 2)};
    struct buf bytes;
    buf_init(&bytes, 1024);
    stream_record_put(&bytes, &record);
    assert_int_equal(bytes.len, sizeof(golden));
    assert_memory_equal(bytes.ptr, golden, sizeof(golden));
    buf_fini(&bytes);
}

static struct buf encoded_pair(struct weir_bytes old, struct weir_bytes new)
{
    struct engine_record record = {.event = ENGINE_MODIFY,
                                   .commit_ms = 0x019AA3111213,
                                   .size_bytes = 256,
                                   .keys = bytes_of(image, 2),
                                   .new_image = new,
                                   .old_image = old};
    struct buf bytes;
    buf_init(&bytes, 1024);
    stream_record_put(&bytes, &record);
    return bytes;
}

static void a_record_of_two_images_has_these_bytes(void **state)
{
    (void)state;
    static const uint8_t golden[] = {0x02, 0x01, 0x00, 0x00, 0x00, 0x01, 0x9A, 0xA3, 0x11, 0x12,
                                     0x13, 0x80, 0x02, 0x02, 0x01, 0x00, 0x06, 'a',  'b',  'c',
                                     'd',  'e',  'f',  0x02, 0x03, 0x02, 'x',  'y'};
    struct buf bytes = encoded_pair(BYTES_LIT("abxydef"), BYTES_LIT("abcdef"));
    assert_int_equal(bytes.len, sizeof(golden));
    assert_memory_equal(bytes.ptr, golden, sizeof(golden));
    buf_fini(&bytes);
}

static void a_record_of_two_images_of_the_old_version_is_read(void **state)
{
    static const uint8_t golden[] = {0x01, 0x01, 0x00, 0x00, 0x00, 0x01, 0x9A, 0xA3,
                                     0x11, 0x12, 0x13, 0x80, 0x02, 0x02, 0x01, 0x00,
                                     0x03, 'n',  'e',  'w',  0x03, 'o',  'l',  'd'};
    struct engine_record record;
    assert_int_equal(take(*state, bytes_of(golden, sizeof(golden)), &record), WEIR_OK);
    assert_true(record.commit_ms == 0x019AA3111213);
    assert_true(bytes_eq_str(record.new_image, "new"));
    assert_true(bytes_eq_str(record.old_image, "old"));
}

/* Every pair of short texts over two letters, and long ones: shared beginnings and ends of every
 * length, overlapping ones included. */
static void two_images_come_back_whole(void **state)
{
    static const char *const texts[] = {"a",
                                        "b",
                                        "aa",
                                        "ab",
                                        "ba",
                                        "aaa",
                                        "aba",
                                        "abab",
                                        "baba",
                                        "aaaaaaaaaaaaaaaa",
                                        "aaaaaaaaaaaaaaaaa",
                                        "aaaaaaaabaaaaaaaa",
                                        "aaaaaaaabaaaaaaaaa",
                                        "baaaaaaaaaaaaaaaa",
                                        "aaaaaaaaaaaaaaaab",
                                        "a longer text, of which the middle differs, and an end",
                                        "a longer text, of which the center differs, and an end"};
    size_t count = sizeof(texts) / sizeof(texts[0]);
    for (size_t i = 0; i < count * count; i++) {
        const char *old = texts[i / count];
        const char *new = texts[i % count];
        struct buf bytes = encoded_pair(bytes_str(old), bytes_str(new));
        struct engine_record record;
        assert_int_equal(take(*state, buf_bytes(&bytes), &record), WEIR_OK);
        assert_true(bytes_eq_str(record.old_image, old));
        assert_true(bytes_eq_str(record.new_image, new));
        buf_fini(&bytes);
    }
}

static void shared_bytes_beyond_the_new_image_are_corruption(void **state)
{
    struct buf bytes = encoded_pair(BYTES_LIT("abxydef"), BYTES_LIT("abcdef"));
    static const uint8_t wrong[][2] = {{7, 0}, {0, 7}, {4, 3}, {0xFF, 0}, {2, 0x7F}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        bytes.ptr[23] = wrong[i][0];
        bytes.ptr[24] = wrong[i][1];
        struct engine_record record;
        assert_int_equal(take(*state, buf_bytes(&bytes), &record), WEIR_CORRUPTION);
    }
    buf_fini(&bytes);
}

static void check_cuts(struct fixture *f, struct buf take_bytes)
{
    struct engine_record record;
    for (size_t len = 0; len < take_bytes.len; len++) {
        uint8_t *cut = test_malloc(len + 1); /* its own piece, so that overruns are seen */
        memcpy(cut, take_bytes.ptr, len);
        assert_int_equal(take(f, bytes_of(cut, len), &record), WEIR_CORRUPTION);
        test_free(cut);
    }
    buf_put_u8(&take_bytes, 0);
    assert_int_equal(take(f, buf_bytes(&take_bytes), &record), WEIR_CORRUPTION);
    buf_fini(&take_bytes);
}

static void every_cut_of_a_record_is_corruption(void **state)
{
    check_cuts(*state, encoded_record(300));
    check_cuts(*state, encoded_pair(BYTES_LIT("abxydef"), BYTES_LIT("abcdef")));
}

static void a_row_key_is_table_hash_partition_sort(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", true, TEST_NO_STREAM);
    struct engine_table *table = test_table(f, "things");
    struct buf key;
    buf_init(&key, 1024);
    assert_int_equal(
        engine_row_key(table, test_item(f, "{'pk':{'S':'a'},'sk':{'S':'bc'}}"), true, &key, NULL),
        WEIR_OK);
    static const uint8_t keys[] = {'a', 0x00, 0x01, 'b', 'c', 0x00, 0x01};
    assert_int_equal(key.len, 12 + sizeof(keys));
    assert_int_equal(get_be32(key.ptr), table->id);
    assert_true(get_be64(key.ptr + 4) == keycodec_hash(bytes_of(keys, 3)));
    assert_memory_equal(key.ptr + 12, keys, sizeof(keys));
    buf_fini(&key);
    engine_table_unref(table);
}

static void damaged_rows_are_corruption(void **state)
{
    (void)state;
    static const uint8_t endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02};
    static const uint8_t nothing[] = {0x05};
    static const uint8_t huge[] = {0xFF, 0xFF, 0xFF, 0x7F, 0x01};
    struct row row;
    assert_int_equal(item_row_take(bytes_of(endless, sizeof(endless)), &row, NULL),
                     WEIR_CORRUPTION);
    assert_int_equal(item_row_take(bytes_of(nothing, sizeof(nothing)), &row, NULL),
                     WEIR_CORRUPTION);
    assert_int_equal(item_row_take(bytes_of(huge, sizeof(huge)), &row, NULL), WEIR_CORRUPTION);
    assert_int_equal(item_row_take(BYTES_NONE, &row, NULL), WEIR_CORRUPTION);
}

static void test_K4_a_damaged_item_is_reported_and_not_served(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, TEST_NO_STREAM);
    struct engine_table *table = test_table(f, "things");
    struct buf key;
    buf_init(&key, 1024);
    assert_int_equal(engine_row_key(table, test_item(f, "{'pk':{'S':'a'}}"), true, &key, NULL),
                     WEIR_OK);
    struct kv_batch *batch = kv_batch(f->mem);
    static const uint8_t damaged[] = {0x03, 0x09, 0x09};
    kv_batch_put(f->mem, batch, KV_ITEMS, buf_bytes(&key), bytes_of(damaged, sizeof(damaged)));
    uint64_t next = engine_committed_seq(f->engine) + 1;
    assert_int_equal(kv_commit(f->mem, batch, next, NULL), WEIR_OK);
    kv_batch_free(f->mem, batch);
    buf_fini(&key);
    struct engine_op *op = test_do(f, &(struct test_op){.kind = ENGINE_DELETE,
                                                        .table = "things",
                                                        .item = "{'pk':{'S':'a'}}",
                                                        .condition = "attribute_exists(pk)"});
    assert_int_equal(op->status, WEIR_CORRUPTION);
    engine_table_unref(table);
}

static void a_damaged_catalog_does_not_open(void **state)
{
    (void)state;
    struct engine_options options = {.env = env_system()};
    assert_int_equal(kv_mem_open(&options.kv, NULL), WEIR_OK);
    struct kv_batch *batch = kv_batch(options.kv);
    static const uint8_t key[] = {ROW_TABLE, 0, 0, 0, 1};
    kv_batch_put(options.kv, batch, KV_META, bytes_of(key, sizeof(key)), bytes_of(image, 2));
    assert_int_equal(kv_commit(options.kv, batch, 1, NULL), WEIR_OK);
    kv_batch_free(options.kv, batch);
    options.opened.commit_number = 1;
    struct engine *engine;
    struct weir_error err = {0};
    assert_int_equal(engine_open(&options, &engine, &err), WEIR_CORRUPTION);
    assert_non_null(strstr(err.message, "table"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_come_back_whole),
        TEST(a_record_has_these_bytes),
        TEST(a_record_of_two_images_has_these_bytes),
        TEST(a_record_of_two_images_of_the_old_version_is_read),
        TEST(two_images_come_back_whole),
        TEST(shared_bytes_beyond_the_new_image_are_corruption),
        TEST(every_cut_of_a_record_is_corruption),
        TEST(a_row_key_is_table_hash_partition_sort),
        TEST(damaged_rows_are_corruption),
        TEST(a_damaged_catalog_does_not_open),
    };
    /* The store's files are its own tests' business; here rows are written past the engine. */
    const struct CMUnitTest in_memory[] = {
        TEST(test_K4_a_damaged_item_is_reported_and_not_served),
    };
    return RUN_BOTH(tests) + RUN_IN_MEMORY(in_memory);
}
