/* SPDX-License-Identifier: Apache-2.0 */
/* The arena: alignment, limit, reset, and sizes that overflow. */
#include "base/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <cmocka.h>

static void pieces_are_aligned_and_do_not_overlap(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    struct arena *a = arena_new(1024 * 1024);
    uint8_t *pieces[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        pieces[i] = arena_alloc(a, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)(i & 0xFF), i);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_equal(pieces[i][j], i & 0xFF);
        }
    }
    arena_free(a);
}

static void size_zero_gives_unique_pointers(void **state)
{
    (void)state;
    struct arena *a = arena_new(1024);
    void *one = arena_alloc(a, 0);
    void *two = arena_alloc(a, 0);
    assert_non_null(one);
    assert_non_null(two);
    assert_ptr_not_equal(one, two);
    arena_free(a);
}

static void limit_is_reached_and_not_passed(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 * 1024);
    for (int i = 0; i < 64; i++) {
        assert_non_null(arena_alloc(a, 1024));
    }
    assert_int_equal(arena_used(a), 64 * 1024);
    assert_null(arena_alloc(a, 1));
    assert_null(arena_alloc(a, 0));
    arena_reset(a);
    assert_int_equal(arena_used(a), 0);
    assert_non_null(arena_alloc(a, 64 * 1024));
    assert_null(arena_alloc(a, 1));
    arena_free(a);
}

static void limit_holds_for_large_pieces_between_small_ones(void **state)
{
    (void)state;
    struct arena *a = arena_new(100 * 1024);
    assert_non_null(arena_alloc(a, 16));
    assert_non_null(arena_alloc(a, 99 * 1024));
    size_t left = 100 * 1024 - arena_used(a);
    assert_int_equal(left, 1024 - 16);
    for (; left > 0; left -= 16) {
        assert_non_null(arena_alloc(a, 16));
    }
    assert_null(arena_alloc(a, 16));
    arena_free(a);
}

static void one_past_the_limit_is_refused_at_once(void **state)
{
    (void)state;
    struct arena *a = arena_new(4096);
    assert_null(arena_alloc(a, 4097));
    assert_int_equal(arena_used(a), 0);
    assert_non_null(arena_alloc(a, 4096));
    arena_free(a);
}

static void overflowing_sizes_are_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new(SIZE_MAX);
    assert_null(arena_calloc(a, SIZE_MAX / 2, 3));
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_alloc(a, SIZE_MAX - 7));
    assert_non_null(arena_alloc(a, 16));
    arena_free(a);
}

static void calloc_zeroes_memory_that_was_used_before(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 * 1024);
    for (int turn = 0; turn < 3; turn++) {
        uint8_t *piece = arena_calloc(a, 25, 40);
        for (int i = 0; i < 1000; i++) {
            assert_int_equal(piece[i], 0);
        }
        memset(piece, 0xEE, 1000);
        arena_reset(a);
    }
    arena_free(a);
}

static void dup_and_printf_copy(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 * 1024);
    char text[] = "weir";
    struct weir_bytes copy = arena_dup(a, bytes_str(text));
    text[0] = 'X';
    assert_true(bytes_eq_str(copy, "weir"));
    struct weir_bytes empty = arena_dup(a, BYTES_NONE);
    assert_non_null(empty.ptr);
    assert_int_equal(empty.len, 0);
    assert_string_equal(arena_printf(a, "%s-%d", "shard", 7), "shard-7");
    arena_free(a);
}

static void copies_over_the_limit_are_null(void **state)
{
    (void)state;
    struct arena *a = arena_new(16);
    assert_null(arena_dup(a, BYTES_LIT("a text that is longer than it")).ptr);
    assert_null(arena_printf(a, "%040d", 1));
    arena_free(a);
    arena_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_do_not_overlap),
        cmocka_unit_test(size_zero_gives_unique_pointers),
        cmocka_unit_test(limit_is_reached_and_not_passed),
        cmocka_unit_test(limit_holds_for_large_pieces_between_small_ones),
        cmocka_unit_test(one_past_the_limit_is_refused_at_once),
        cmocka_unit_test(overflowing_sizes_are_refused),
        cmocka_unit_test(calloc_zeroes_memory_that_was_used_before),
        cmocka_unit_test(dup_and_printf_copy),
        cmocka_unit_test(copies_over_the_limit_are_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
