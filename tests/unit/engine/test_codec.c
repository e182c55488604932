/* SPDX-License-Identifier: Apache-2.0 */
/* Stored rows: what is written is read back, and damage is seen, never followed. */
#include "engine_test.h"

#include "engine/record.h"
#include "value/keycodec.h"

static const uint8_t image[] = {0x01, 0x00};

#define SEQ 0x1122334455667788

/* ---- stream records ---------------------------------------------------------------------------
 */

static struct weir_bytes key_of(uint64_t last_seq, uint8_t to[STREAM_KEY_BYTES])
{
    stream_key_put(to, 1, 2, last_seq);
    return bytes_of(to, STREAM_KEY_BYTES);
}

/* Reads a whole row; WEIR_OK: `count` records, finished. */
static enum weir_status read_row(struct fixture *f, uint64_t last_seq, struct weir_bytes value,
                                 struct engine_record *records, uint32_t max, uint32_t *ret_count)
{
    uint8_t key[STREAM_KEY_BYTES];
    struct record_reader reader;
    enum weir_status status = record_reader_open(key_of(last_seq, key), value, &reader, NULL);
    *ret_count = 0;
    while (status == WEIR_OK && !record_reader_ended(&reader)) {
        struct stored_record stored;
        status = record_reader_next(&reader, &stored, NULL);
        if (status == WEIR_OK) {
            status = stored_record_finish(f->a, &stored, NULL);
        }
        if (status == WEIR_OK) {
            assert_true(*ret_count < max);
            records[(*ret_count)++] = stored.record;
        }
    }
    return status;
}

static enum weir_status read_one(struct fixture *f, uint64_t seq, struct weir_bytes value,
                                 struct engine_record *ret_record)
{
    uint32_t count;
    enum weir_status status = read_row(f, seq, value, ret_record, 1, &count);
    assert_int_equal(count, status == WEIR_OK ? 1 : 0);
    return status;
}

static void put_block(struct buf *to, const struct engine_record *records, uint32_t count)
{
    uint64_t previous = records[0].commit_seq - 1;
    buf_init(to, 4096);
    record_block_begin(to, records[0].commit_ms, previous);
    for (uint32_t i = 0; i < count; i++) {
        record_block_put(to, previous, &records[i]);
        previous = records[i].commit_seq;
    }
    assert_int_equal(buf_status(to), WEIR_OK);
}

static struct engine_record sample(uint64_t seq, struct weir_bytes old, struct weir_bytes new)
{
    return (struct engine_record){.commit_seq = seq,
                                  .event = ENGINE_MODIFY,
                                  .commit_ms = 0x019AA3111213,
                                  .size_bytes = 256,
                                  .keys = bytes_of(image, 2),
                                  .new_image = new,
                                  .old_image = old};
}

static struct buf encoded_pair(struct weir_bytes old, struct weir_bytes new)
{
    struct engine_record record = sample(SEQ, old, new);
    struct buf bytes;
    put_block(&bytes, &record, 1);
    return bytes;
}

/* Three records: two images, one image by TTL, and none; the last one's commit_seq is SEQ. */
static struct buf encoded_three(void)
{
    struct engine_record records[] = {
        sample(SEQ - 300, BYTES_LIT("abxydef"), BYTES_LIT("abcdef")),
        sample(SEQ - 299, BYTES_LIT("gone"), BYTES_NONE),
        sample(SEQ, BYTES_NONE, BYTES_NONE),
    };
    records[1].event = ENGINE_REMOVE;
    records[1].by_ttl = true;
    records[2].event = ENGINE_INSERT;
    struct buf bytes;
    put_block(&bytes, records, 3);
    return bytes;
}

static void the_records_of_a_row_come_back_in_order(void **state)
{
    struct buf bytes = encoded_three();
    struct engine_record got[3];
    uint32_t count;
    assert_int_equal(read_row(*state, SEQ, buf_bytes(&bytes), got, 3, &count), WEIR_OK);
    assert_int_equal(count, 3);
    static const struct {
        uint64_t seq;
        enum engine_event event;
        bool by_ttl;
        const char *new_image, *old_image;
    } expected[] = {{SEQ - 300, ENGINE_MODIFY, false, "abcdef", "abxydef"},
                    {SEQ - 299, ENGINE_REMOVE, true, "", "gone"},
                    {SEQ, ENGINE_INSERT, false, "", ""}};
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(got[i].commit_seq == expected[i].seq);
        assert_int_equal(got[i].event, expected[i].event);
        assert_int_equal(got[i].by_ttl, expected[i].by_ttl);
        assert_true(got[i].commit_ms == 0x019AA3111213);
        assert_true(got[i].size_bytes == 256);
        assert_true(bytes_eq(got[i].keys, bytes_of(image, 2)));
        assert_true(bytes_eq_str(got[i].new_image, expected[i].new_image));
        assert_true(bytes_eq_str(got[i].old_image, expected[i].old_image));
    }
    buf_fini(&bytes);
}

static void every_size_comes_back(void **state)
{
    static const uint64_t sizes[] = {0, 127, 128, LIMIT_ITEM_BYTES, UINT64_MAX};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct engine_record record = sample(SEQ, BYTES_NONE, BYTES_LIT("new"));
        record.size_bytes = sizes[i];
        struct buf bytes;
        put_block(&bytes, &record, 1);
        struct engine_record got;
        assert_int_equal(read_one(*state, SEQ, buf_bytes(&bytes), &got), WEIR_OK);
        assert_true(got.size_bytes == sizes[i]);
        buf_fini(&bytes);
    }
}

static void a_row_of_records_has_these_bytes(void **state)
{
    (void)state;
    static const uint8_t golden[] = {
        0x03, 0x00, 0x00, 0x01, 0x9A, 0xA3, 0x11, 0x12, 0x13, /* version, commit_ms */
        0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x76, 0x5B,       /* the commit_seq before the first */
        0x01, 0x09, 0x80, 0x02, 0x02, 0x01, 0x00, 0x06, 'a',  'b', 'c', 'd', 'e', 'f',
        0x02, 0x03, 0x02, 'x',  'y',                                              /* two images */
        0x01, 0x06, 0x80, 0x02, 0x02, 0x01, 0x00, 0x00, 0x04, 'g', 'o', 'n', 'e', /* removed by TTL
                                                                                   */
        0xAB, 0x02, 0x00, 0x80, 0x02, 0x02, 0x01, 0x00, 0x00, 0x00};
    struct buf bytes = encoded_three();
    assert_int_equal(bytes.len, sizeof(golden));
    assert_memory_equal(bytes.ptr, golden, sizeof(golden));
    buf_fini(&bytes);
}

static void rows_of_the_first_version_are_read(void **state)
{
    static const uint8_t by_ttl[] = {0x01, 0x01, 0x01, 0x00, 0x00, 0x01, 0x9A, 0xA3, 0x11,
                                     0x12, 0x13, 0x80, 0x02, 0x02, 0x01, 0x00, 0x00, 0x00};
    struct engine_record record;
    assert_int_equal(read_one(*state, SEQ, bytes_of(by_ttl, sizeof(by_ttl)), &record), WEIR_OK);
    assert_true(record.commit_seq == SEQ);
    assert_int_equal(record.event, ENGINE_MODIFY);
    assert_true(record.by_ttl);
    assert_true(record.commit_ms == 0x019AA3111213);
    assert_true(record.size_bytes == 256);
    assert_true(bytes_eq(record.keys, bytes_of(image, 2)));

    static const uint8_t images[] = {0x01, 0x01, 0x00, 0x00, 0x00, 0x01, 0x9A, 0xA3,
                                     0x11, 0x12, 0x13, 0x80, 0x02, 0x02, 0x01, 0x00,
                                     0x03, 'n',  'e',  'w',  0x03, 'o',  'l',  'd'};
    assert_int_equal(read_one(*state, SEQ, bytes_of(images, sizeof(images)), &record), WEIR_OK);
    assert_false(record.by_ttl);
    assert_true(bytes_eq_str(record.new_image, "new"));
    assert_true(bytes_eq_str(record.old_image, "old"));
}

static const uint8_t version_2[] = {0x02, 0x01, 0x00, 0x00, 0x00, 0x01, 0x9A, 0xA3, 0x11, 0x12,
                                    0x13, 0x80, 0x02, 0x02, 0x01, 0x00, 0x06, 'a',  'b',  'c',
                                    'd',  'e',  'f',  0x02, 0x03, 0x02, 'x',  'y'};

static void rows_of_the_second_version_are_read(void **state)
{
    struct engine_record record;
    assert_int_equal(read_one(*state, SEQ, bytes_of(version_2, sizeof(version_2)), &record),
                     WEIR_OK);
    assert_true(record.commit_seq == SEQ);
    assert_true(record.commit_ms == 0x019AA3111213);
    assert_true(bytes_eq_str(record.new_image, "abcdef"));
    assert_true(bytes_eq_str(record.old_image, "abxydef"));
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
        assert_int_equal(read_one(*state, SEQ, buf_bytes(&bytes), &record), WEIR_OK);
        assert_true(bytes_eq_str(record.old_image, old));
        assert_true(bytes_eq_str(record.new_image, new));
        buf_fini(&bytes);
    }
}

static void shared_bytes_beyond_the_new_image_are_corruption(void **state)
{
    struct buf bytes = encoded_pair(BYTES_LIT("abxydef"), BYTES_LIT("abcdef"));
    size_t shared_at = bytes.len - 5;
    static const uint8_t wrong[][2] = {{7, 0}, {0, 7}, {4, 3}, {0xFF, 0}, {2, 0x7F}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        bytes.ptr[shared_at] = wrong[i][0];
        bytes.ptr[shared_at + 1] = wrong[i][1];
        struct engine_record record;
        assert_int_equal(read_one(*state, SEQ, buf_bytes(&bytes), &record), WEIR_CORRUPTION);
    }
    buf_fini(&bytes);
}

static void check_cuts(struct fixture *f, struct weir_bytes whole)
{
    struct engine_record records[3];
    uint32_t count;
    assert_int_equal(read_row(f, SEQ, whole, records, 3, &count), WEIR_OK);
    for (size_t len = 0; len <= whole.len + 1; len++) {
        if (len == whole.len) {
            continue;
        }
        uint8_t *cut = test_calloc(1, len + 1); /* its own piece, so that overruns are seen */
        memcpy(cut, whole.ptr, len < whole.len ? len : whole.len);
        assert_int_equal(read_row(f, SEQ, bytes_of(cut, len), records, 3, &count), WEIR_CORRUPTION);
        test_free(cut);
    }
}

static void every_cut_of_a_row_is_corruption(void **state)
{
    struct buf three = encoded_three();
    check_cuts(*state, buf_bytes(&three));
    buf_fini(&three);
    check_cuts(*state, bytes_of(version_2, sizeof(version_2)));
}

/* Every byte, changed to every other value: refused, or read without leaving the row. */
static void a_changed_byte_never_leads_out_of_the_row(void **state)
{
    struct fixture *f = *state;
    struct buf bytes = encoded_three();
    size_t len = bytes.len;
    uint8_t *row = test_malloc(len); /* its own piece, so that overruns are seen */
    unsigned refused = 0;
    for (size_t at = 0; at < len; at++) {
        for (unsigned by = 1; by < 256; by++) {
            memcpy(row, bytes.ptr, len);
            row[at] ^= (uint8_t)by;
            struct engine_record records[8];
            uint32_t count;
            arena_reset(f->a);
            enum weir_status status = read_row(f, SEQ, bytes_of(row, len), records, 8, &count);
            assert_true(status == WEIR_OK || status == WEIR_CORRUPTION);
            refused += status == WEIR_CORRUPTION;
            for (uint32_t i = 0; i < count; i++) {
                assert_true(records[i].new_image.len + records[i].keys.len < len);
                assert_true(records[i].commit_seq <= SEQ);
            }
        }
    }
    assert_true(refused > len * 100);
    test_free(row);
    buf_fini(&bytes);
}

/* A row's key says where it ends, its bytes where it begins and how far each record is from the
 * one before; what does not meet in the middle is damage. */
static void sequence_numbers_that_do_not_meet_the_key_are_corruption(void **state)
{
    struct buf bytes = encoded_three();
    struct engine_record records[3];
    uint32_t count;
    static const uint64_t wrong[] = {0, 1, SEQ - 301, SEQ - 300, SEQ - 1, SEQ + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(read_row(*state, wrong[i], buf_bytes(&bytes), records, 3, &count),
                         WEIR_CORRUPTION);
    }
    bytes.ptr[17] = 0; /* the first record's step */
    assert_int_equal(read_row(*state, SEQ, buf_bytes(&bytes), records, 3, &count), WEIR_CORRUPTION);
    buf_fini(&bytes);
}

static void unknown_versions_kinds_and_keys_are_corruption(void **state)
{
    struct buf bytes = encoded_pair(BYTES_LIT("old"), BYTES_LIT("new"));
    struct engine_record record;
    static const uint8_t kinds[] = {0x03, 0x0B, 0x10, 0x81};
    for (size_t i = 0; i < sizeof(kinds); i++) {
        bytes.ptr[18] = kinds[i];
        assert_int_equal(read_one(*state, SEQ, buf_bytes(&bytes), &record), WEIR_CORRUPTION);
    }
    bytes.ptr[18] = 0x09;
    assert_int_equal(read_one(*state, SEQ, buf_bytes(&bytes), &record), WEIR_OK);
    static const uint8_t versions[] = {0, 4, 0xFF};
    for (size_t i = 0; i < sizeof(versions); i++) {
        bytes.ptr[0] = versions[i];
        assert_int_equal(read_one(*state, SEQ, buf_bytes(&bytes), &record), WEIR_CORRUPTION);
    }
    uint8_t key[STREAM_KEY_BYTES];
    struct record_reader reader;
    (void)key_of(SEQ, key);
    assert_int_equal(
        record_reader_open(bytes_of(key, STREAM_KEY_BYTES - 1), buf_bytes(&bytes), &reader, NULL),
        WEIR_CORRUPTION);
    buf_fini(&bytes);
}

/* ---- items ------------------------------------------------------------------------------------
 */

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
        TEST(the_records_of_a_row_come_back_in_order),
        TEST(every_size_comes_back),
        TEST(a_row_of_records_has_these_bytes),
        TEST(rows_of_the_first_version_are_read),
        TEST(rows_of_the_second_version_are_read),
        TEST(two_images_come_back_whole),
        TEST(shared_bytes_beyond_the_new_image_are_corruption),
        TEST(every_cut_of_a_row_is_corruption),
        TEST(a_changed_byte_never_leads_out_of_the_row),
        TEST(sequence_numbers_that_do_not_meet_the_key_are_corruption),
        TEST(unknown_versions_kinds_and_keys_are_corruption),
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
