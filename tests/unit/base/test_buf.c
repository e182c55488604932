/* SPDX-License-Identifier: Apache-2.0 */
/* The buffer: its maximum and one past it for every append, and the encodings. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void assert_holds(const struct buf *b, const void *bytes, size_t len)
{
    assert_int_equal(buf_status(b), WEIR_OK);
    assert_int_equal(b->len, len);
    assert_memory_equal(b->ptr, bytes, len);
}

static void fills_to_the_maximum_and_not_past_it(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5);
    buf_put(&b, BYTES_LIT("abcd"));
    buf_put_u8(&b, 'e');
    assert_holds(&b, "abcde", 5);
    buf_put_u8(&b, 'f');
    assert_int_equal(buf_status(&b), WEIR_TOO_LARGE);
    assert_int_equal(b.len, 5);
    buf_fini(&b);
}

static void status_is_sticky_until_reset(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 3);
    buf_put_str(&b, "four");
    assert_int_equal(buf_status(&b), WEIR_TOO_LARGE);
    buf_put_str(&b, "a");
    buf_printf(&b, "%d", 1);
    buf_put_base64(&b, BYTES_LIT("x"));
    assert_null(buf_reserve(&b, 0));
    assert_int_equal(b.len, 0);
    buf_reset(&b);
    buf_put_str(&b, "abc");
    assert_holds(&b, "abc", 3);
    buf_fini(&b);
}

static void printf_may_end_exactly_at_the_maximum(void **state)
{
    (void)state;
    for (size_t max = 1; max < 300; max++) {
        struct buf b;
        buf_init(&b, max);
        buf_printf(&b, "%0*d", (int)max, 7);
        assert_int_equal(buf_status(&b), WEIR_OK);
        assert_int_equal(b.len, max);
        buf_reset(&b);
        buf_printf(&b, "%0*d", (int)max + 1, 7);
        assert_int_equal(buf_status(&b), WEIR_TOO_LARGE);
        assert_int_equal(b.len, 0);
        buf_fini(&b);
    }
}

static void printf_appends_to_what_is_there(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    char expected[4096] = "";
    size_t len = 0;
    for (int i = 0; i < 200; i++) {
        buf_printf(&b, "%d,", i);
        len += (size_t)snprintf(expected + len, sizeof(expected) - len, "%d,", i);
    }
    assert_holds(&b, expected, len);
    buf_fini(&b);
}

static void integers_are_big_endian(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 12);
    buf_put_be32(&b, 0x01020304U);
    buf_put_be64(&b, 0x05060708090A0B0CU);
    assert_holds(&b, "\1\2\3\4\5\6\7\10\11\12\13\14", 12);
    buf_put_be32(&b, 1);
    assert_int_equal(buf_status(&b), WEIR_TOO_LARGE);
    buf_fini(&b);
}

static void varints_are_leb128(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        size_t len;
        const char *bytes;
    } vectors[] = {
        {0, 1, "\x00"},
        {127, 1, "\x7f"},
        {128, 2, "\x80\x01"},
        {16383, 2, "\xff\x7f"},
        {16384, 3, "\x80\x80\x01"},
        {UINT64_MAX, 10, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct buf b;
        buf_init(&b, vectors[i].len);
        buf_put_varint(&b, vectors[i].value);
        assert_holds(&b, vectors[i].bytes, vectors[i].len);
        buf_fini(&b);
    }
}

static void base64_agrees_with_rfc_4648(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/"},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct buf b;
        size_t len = strlen(vectors[i][1]);
        buf_init(&b, len);
        buf_put_base64(&b, bytes_str(vectors[i][0]));
        assert_holds(&b, vectors[i][1], len);
        buf_put_base64(&b, BYTES_LIT("f"));
        assert_int_equal(buf_status(&b), WEIR_TOO_LARGE);
        assert_int_equal(b.len, len);
        buf_fini(&b);
    }
}

static void reserve_gives_room_that_is_not_yet_counted(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    buf_put_str(&b, "ab");
    uint8_t *room = buf_reserve(&b, 998);
    assert_non_null(room);
    assert_int_equal(b.len, 2);
    memset(room, 'c', 998);
    b.len += 998;
    assert_int_equal(buf_bytes(&b).ptr[999], 'c');
    assert_non_null(buf_reserve(&b, 0));
    assert_null(buf_reserve(&b, 1));
    buf_fini(&b);
    assert_null(b.ptr);
    assert_int_equal(b.max, 1000);
}

static void sizes_that_overflow_are_too_large(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, SIZE_MAX);
    buf_put_str(&b, "ab");
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_int_equal(buf_status(&b), WEIR_TOO_LARGE);
    buf_reset(&b);
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_int_equal(buf_status(&b), WEIR_NO_MEMORY);
    buf_fini(&b);
}

static void fini_accepts_a_zeroed_one(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_fini(&b);
    buf_put_u8(&b, 1);
    assert_int_equal(buf_status(&b), WEIR_TOO_LARGE);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_to_the_maximum_and_not_past_it),
        cmocka_unit_test(status_is_sticky_until_reset),
        cmocka_unit_test(printf_may_end_exactly_at_the_maximum),
        cmocka_unit_test(printf_appends_to_what_is_there),
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(varints_are_leb128),
        cmocka_unit_test(base64_agrees_with_rfc_4648),
        cmocka_unit_test(reserve_gives_room_that_is_not_yet_counted),
        cmocka_unit_test(sizes_that_overflow_are_too_large),
        cmocka_unit_test(fini_accepts_a_zeroed_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
