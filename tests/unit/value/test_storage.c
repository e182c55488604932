/* SPDX-License-Identifier: Apache-2.0 */
#include "value/storage.h"

#include "cm.h"
#include "random_value.h"

#define BUFFER_BYTES (4 * 1024 * 1024)

/* A copy that ends where the memory ends, so that a read past it is seen by AddressSanitizer. */
static struct weir_bytes exact_copy(struct weir_bytes bytes)
{
    uint8_t *copy = malloc(bytes.len == 0 ? 1 : bytes.len);
    if (bytes.len > 0) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    return bytes_of(copy, bytes.len);
}

/* Both readers on these bytes: they agree, and what they accept is canonical. True if accepted. */
static bool check_readers(struct arena *a, struct weir_bytes bytes)
{
    struct weir_bytes copy = exact_copy(bytes);
    struct weir_value *item = NULL;
    struct buf stored;
    struct buf written;

    buf_init(&stored, BUFFER_BYTES);
    buf_init(&written, BUFFER_BYTES);
    enum weir_status decoded = value_decode_item(a, copy, &item, NULL);
    enum weir_status streamed = value_stored_to_json(&stored, copy, NULL);
    assert_int_equal(decoded, streamed);
    assert_true(decoded == WEIR_OK || decoded == WEIR_CORRUPTION);
    if (decoded == WEIR_OK) {
        assert_int_equal(item->form, VALUE_ITEM);
        json_write(&written, item);
        assert_true(bytes_eq(buf_bytes(&stored), buf_bytes(&written)));
        buf_reset(&written);
        value_encode_item(&written, item);
        assert_true(bytes_eq(buf_bytes(&written), copy));
    }
    buf_fini(&stored);
    buf_fini(&written);
    free((void *)(uintptr_t)copy.ptr);
    return decoded == WEIR_OK;
}

static void random_items_come_back_the_same(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);

    (void)state;
    random_start("storage");
    for (int round = 0; round < 2000; round++) {
        struct weir_value *item = random_item(a);
        struct weir_value *back = NULL;
        struct buf bytes;
        buf_init(&bytes, BUFFER_BYTES);
        value_encode_item(&bytes, item);
        assert_int_equal(buf_status(&bytes), WEIR_OK);
        assert_int_equal(value_decode_item(a, buf_bytes(&bytes), &back, NULL), WEIR_OK);
        assert_true(value_equal(item, back));
        assert_int_equal(item_size(item), item_size(back));
        assert_true(check_readers(a, buf_bytes(&bytes)));
        buf_fini(&bytes);
        arena_reset(a);
    }
    arena_free(a);
}

static void names_and_bytes_are_borrowed(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *back = NULL;
    struct buf bytes;

    (void)state;
    buf_init(&bytes, BUFFER_BYTES);
    value_encode_item(&bytes, item_of(a, "{\"a\":{\"S\":\"x\"}}"));
    assert_int_equal(value_decode_item(a, buf_bytes(&bytes), &back, NULL), WEIR_OK);
    assert_in_range((uintptr_t)back->u.map.at[0].name.ptr, (uintptr_t)bytes.ptr,
                    (uintptr_t)bytes.ptr + bytes.len);
    assert_in_range((uintptr_t)value_get(back, "a")->u.bytes.ptr, (uintptr_t)bytes.ptr,
                    (uintptr_t)bytes.ptr + bytes.len);
    buf_fini(&bytes);
    arena_free(a);
}

static void equal_items_have_equal_encodings(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct buf left;
    struct buf right;

    (void)state;
    buf_init(&left, BUFFER_BYTES);
    buf_init(&right, BUFFER_BYTES);
    value_encode_item(&left, item_of(a, "{\"b\":{\"NS\":[\"2\",\"1e1\",\"-0.50\"]},\"a\":{\"M\":"
                                        "{\"y\":{\"N\":\"00\"},\"x\":{\"SS\":[\"q\",\"p\"]}}}}"));
    value_encode_item(&right, item_of(a, "{\"a\":{\"M\":{\"x\":{\"SS\":[\"p\",\"q\"]},\"y\":{\"N\":"
                                         "\"-0\"}}},\"b\":{\"NS\":[\"-.5\",\"10\",\"2.0\"]}}"));
    assert_true(bytes_eq(buf_bytes(&left), buf_bytes(&right)));
    buf_fini(&left);
    buf_fini(&right);
    arena_free(a);
}

static void every_truncation_is_refused(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct buf bytes;

    (void)state;
    random_start("storage truncation");
    for (int round = 0; round < 100; round++) {
        buf_init(&bytes, BUFFER_BYTES);
        value_encode_item(&bytes, random_item(a));
        for (size_t len = 0; len<bytes.len; len += bytes.len> 2000 ? 97 : 1) {
            assert_false(check_readers(a, bytes_of(bytes.ptr, len)));
        }
        buf_put_u8(&bytes, 0);
        assert_false(check_readers(a, buf_bytes(&bytes)));
        buf_fini(&bytes);
        arena_reset(a);
    }
    arena_free(a);
}

static void flipped_bits_are_refused_or_another_item(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);

    (void)state;
    random_start("storage flips");
    for (int round = 0; round < 3000; round++) {
        struct buf bytes;
        buf_init(&bytes, BUFFER_BYTES);
        value_encode_item(&bytes, random_item(a));
        for (uint32_t flips = 1 + random_below(3); flips > 0; flips--) {
            uint32_t at = random_below((uint32_t)bytes.len);
            bytes.ptr[at] = (uint8_t)(random_below(2) == 0 ? bytes.ptr[at] ^ 1u << random_below(8)
                                                           : random_u64());
        }
        (void)check_readers(a, buf_bytes(&bytes));
        buf_fini(&bytes);
        arena_reset(a);
    }
    arena_free(a);
}

static void what_is_not_canonical_is_refused(void **state)
{
#define DAMAGED(s)                          \
    {                                       \
        (const uint8_t *)(s), sizeof(s) - 1 \
    }
    static const struct weir_bytes damaged[] = {
        DAMAGED(""),
        DAMAGED("\2\0"),       /* another version */
        DAMAGED("\1\1\1a"),    /* no value */
        DAMAGED("\1\1\1aX"),   /* no such tag */
        DAMAGED("\1\1\1aN\0"), /* numbers */
        DAMAGED("\1\1\1aN\2"
                "01"),
        DAMAGED("\1\1\1aN\2"
                "-0"),
        DAMAGED("\1\1\1aN\3"
                "1.0"),
        DAMAGED("\1\1\1aN\3"
                "1e2"),
        DAMAGED("\1\2\1b0\1a0"),     /* names out of order */
        DAMAGED("\1\2\1a0\1a0"),     /* a name twice */
        DAMAGED("\1\1\1as\0"),       /* an empty set */
        DAMAGED("\1\1\1as\2\1b\1a"), /* members out of order */
        DAMAGED("\1\1\1as\2\1a\1a"), /* a member twice */
        DAMAGED("\1\1\1an\2\1"
                "9"
                "\1"
                "2"), /* numbers out of order */
        DAMAGED("\1\1\1an\2\1"
                "9"
                "\1"
                "x"),                            /* no number */
        DAMAGED("\1\x81\0\1a0"),                 /* a long varint */
        DAMAGED("\1\xff\xff\xff\xff\x1f\1a0"),   /* above 32 bits */
        DAMAGED("\1\xff\xff\xff\xff\x0f\1a0"),   /* more members than bytes */
        DAMAGED("\1\1\1aL\xff\xff\xff\xff\x0f"), /* more elements than bytes */
        DAMAGED("\1\1\1aS\x05"
                "abcd"), /* a string past the end */
    };
    struct arena *a = arena_new(TEST_ARENA_BYTES);

    (void)state;
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        assert_false(check_readers(a, damaged[i]));
    }
    assert_true(check_readers(a, BYTES_LIT("\1\0")));
    arena_free(a);
}

/* An item with one attribute of that depth, as nodes. */
static struct weir_value *nested_item(struct arena *a, unsigned levels)
{
    struct weir_value *item = value_new_map(a, VALUE_ITEM);
    struct weir_value *at = value_add(a, item, BYTES_LIT("a"));

    for (unsigned level = 1; level < levels; level++) {
        *at = (struct weir_value){.type = VALUE_L, .form = VALUE_ATTRIBUTE};
        at = value_append(a, at);
    }
    return item;
}

static void nesting_is_bounded_in_both_directions(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct buf bytes;

    (void)state;
    buf_init(&bytes, BUFFER_BYTES);
    value_encode_item(&bytes, nested_item(a, LIMIT_NESTING_LEVELS));
    assert_int_equal(buf_status(&bytes), WEIR_OK);
    assert_true(check_readers(a, buf_bytes(&bytes)));
    buf_reset(&bytes);
    value_encode_item(&bytes, nested_item(a, LIMIT_NESTING_LEVELS + 1));
    assert_int_equal(buf_status(&bytes), WEIR_TOO_LARGE);
    buf_reset(&bytes);
    buf_put(&bytes, BYTES_LIT("\1\1\1a"));
    for (int i = 0; i < 100000; i++) {
        buf_put(&bytes, BYTES_LIT("L\1"));
    }
    buf_put_u8(&bytes, '0');
    assert_false(check_readers(a, buf_bytes(&bytes)));
    buf_fini(&bytes);
    arena_free(a);
}

static void lack_of_room_is_told_from_damage(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct arena *tiny = arena_new(64);
    struct weir_value *back = NULL;
    struct buf bytes;
    struct buf small;

    (void)state;
    buf_init(&bytes, BUFFER_BYTES);
    buf_init(&small, 20);
    value_encode_item(&bytes, item_of(a, "{\"a\":{\"L\":[{\"N\":\"1\"},{\"N\":\"2\"}]}}"));
    assert_int_equal(value_decode_item(tiny, buf_bytes(&bytes), &back, NULL), WEIR_NO_MEMORY);
    assert_null(back);
    assert_int_equal(value_stored_to_json(&small, buf_bytes(&bytes), NULL), WEIR_TOO_LARGE);
    buf_fini(&bytes);
    buf_fini(&small);
    arena_free(a);
    arena_free(tiny);
}

static struct weir_value stored_node(struct weir_bytes bytes)
{
    return (struct weir_value){.type = VALUE_B, .form = VALUE_STORED, .u.bytes = bytes};
}

static void stored_nodes_stand_for_their_items(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *item = item_of(a, "{\"n\":{\"N\":\"2\"},\"s\":{\"SS\":[\"x\"]}}");
    struct weir_value *answer = value_new_map(a, VALUE_PLAIN);
    struct weir_value *back = NULL;
    struct buf bytes;
    struct buf text;

    (void)state;
    buf_init(&bytes, BUFFER_BYTES);
    buf_init(&text, BUFFER_BYTES);
    value_encode_item(&bytes, item);
    struct weir_value stored = stored_node(buf_bytes(&bytes));
    value_add_value(a, answer, "Item", &stored);
    assert_written(answer, "{\"Item\":{\"n\":{\"N\":\"2\"},\"s\":{\"SS\":[\"x\"]}}}");
    json_write_natural(&text, &stored);
    assert_bytes_str(buf_bytes(&text), "{\"n\":2,\"s\":[\"x\"]}");
    buf_reset(&text);
    value_encode_item(&text, &stored);
    assert_true(bytes_eq(buf_bytes(&text), buf_bytes(&bytes)));
    assert_int_equal(value_to_item(a, &stored, &back, NULL), WEIR_OK);
    assert_true(value_equal(back, item));
    buf_fini(&bytes);
    buf_fini(&text);
    arena_free(a);
}

static void damaged_stored_nodes_spoil_the_answer(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value stored = stored_node(BYTES_LIT("\1\1\1aX"));
    struct weir_value *back = NULL;
    struct buf text;

    (void)state;
    buf_init(&text, BUFFER_BYTES);
    json_write(&text, &stored);
    assert_int_equal(buf_status(&text), WEIR_CORRUPTION);
    buf_reset(&text);
    json_write_natural(&text, &stored);
    assert_int_equal(buf_status(&text), WEIR_CORRUPTION);
    assert_int_equal(value_to_item(a, &stored, &back, NULL), WEIR_CORRUPTION);
    buf_fini(&text);
    arena_free(a);
}

/* Lines of "hexadecimal encoding, tab, DynamoDB-JSON": what is on disks must stay readable. */
static void items_of_version_1_stay_readable(void **state)
{
    FILE *file = fopen(GOLDEN_DIR "/item_v1.txt", "r");
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    char line[8192];
    int lines = 0;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        char *tab = strchr(line, '\t');
        struct buf encoding;
        if (line[0] == '#') {
            continue;
        }
        assert_non_null(tab);
        *strchr(tab, '\n') = '\0';
        buf_init(&encoding, BUFFER_BYTES);
        for (const char *at = line; at < tab; at += 2) {
            unsigned byte = 0;
            assert_int_equal(sscanf(at, "%2x", &byte), 1);
            buf_put_u8(&encoding, (uint8_t)byte);
        }
        struct buf json;
        buf_init(&json, BUFFER_BYTES);
        assert_int_equal(value_stored_to_json(&json, buf_bytes(&encoding), NULL), WEIR_OK);
        assert_bytes_str(buf_bytes(&json), tab + 1);
        buf_reset(&json);
        value_encode_item(&json, item_of(a, tab + 1));
        assert_true(bytes_eq(buf_bytes(&json), buf_bytes(&encoding)));
        buf_fini(&json);
        buf_fini(&encoding);
        lines++;
    }
    (void)fclose(file);
    assert_true(lines >= 10);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_items_come_back_the_same),
        cmocka_unit_test(names_and_bytes_are_borrowed),
        cmocka_unit_test(equal_items_have_equal_encodings),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(flipped_bits_are_refused_or_another_item),
        cmocka_unit_test(what_is_not_canonical_is_refused),
        cmocka_unit_test(nesting_is_bounded_in_both_directions),
        cmocka_unit_test(lack_of_room_is_told_from_damage),
        cmocka_unit_test(stored_nodes_stand_for_their_items),
        cmocka_unit_test(damaged_stored_nodes_spoil_the_answer),
        cmocka_unit_test(items_of_version_1_stay_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
