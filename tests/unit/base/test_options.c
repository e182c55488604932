/* SPDX-License-Identifier: Apache-2.0 */
/* Options structs of older and newer callers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/options.h"

struct now {
    uint32_t struct_size;
    uint32_t first;
    const char *text;
    uint64_t added;
};
struct older {
    uint32_t struct_size;
    uint32_t first;
    const char *text;
};
struct newer {
    struct now known;
    uint64_t beyond;
};

static enum weir_status take(struct now *to, const void *from, struct weir_error *err)
{
    memset(to, 0xa5, sizeof(*to));
    return options_take(to, sizeof(*to), from, "NOW_INIT", err);
}

static void options_of_this_version_are_copied(void **state)
{
    (void)state;
    struct weir_error err = {0};
    struct now to, from = {sizeof(from), 1, "text", 2};
    assert_int_equal(take(&to, &from, &err), WEIR_OK);
    assert_memory_equal(&to, &from, sizeof(to));
}

static void no_options_are_the_defaults(void **state)
{
    (void)state;
    struct weir_error err = {0};
    struct now to, defaults = {.struct_size = sizeof(defaults)};
    assert_int_equal(take(&to, NULL, &err), WEIR_OK);
    assert_memory_equal(&to, &defaults, sizeof(to));
}

static void what_an_older_caller_lacks_is_the_default(void **state)
{
    (void)state;
    struct weir_error err = {0};
    struct now to;
    struct older from = {sizeof(from), 7, "text"};
    assert_int_equal(take(&to, &from, &err), WEIR_OK);
    assert_int_equal(to.struct_size, sizeof(to));
    assert_int_equal(to.first, 7);
    assert_string_equal(to.text, "text");
    assert_int_equal(to.added, 0);
}

static void what_a_newer_caller_asks_beyond_ours_is_refused(void **state)
{
    (void)state;
    struct weir_error err = {0};
    struct now to;
    struct newer from = {{sizeof(from), 7, "text", 3}, 0};
    assert_int_equal(take(&to, &from, &err), WEIR_OK);
    assert_int_equal(to.added, 3);
    assert_int_equal(to.struct_size, sizeof(to));
    from.beyond = 1;
    assert_int_equal(take(&to, &from, &err), WEIR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "NOW_INIT has members"));
}

static void a_size_that_was_not_set_is_refused(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0, 1, 4, 7, 4097, 0xffffffff};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct weir_error err = {0};
        struct now to, from = {sizes[i], 1, "text", 2};
        assert_int_equal(take(&to, &from, &err), WEIR_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, "begin with NOW_INIT"));
        assert_int_equal(to.first, 0xa5a5a5a5);
    }
}

static void results_are_given_as_far_as_the_caller_knows_them(void **state)
{
    (void)state;
    struct now ours = {sizeof(ours), 7, "text", 3};
    struct older old = {sizeof(old), 0, NULL};
    struct newer new = {{sizeof(new), 0, NULL, 0}, 9};
    assert_true(options_sized(&old) && options_sized(&new));
    options_give(&old, &ours, sizeof(ours));
    assert_int_equal(old.struct_size, sizeof(old));
    assert_int_equal(old.first, 7);
    assert_string_equal(old.text, "text");
    options_give(&new, &ours, sizeof(ours));
    assert_int_equal(new.known.struct_size, sizeof(new));
    assert_int_equal(new.known.added, 3);
    assert_int_equal(new.beyond, 0);
    old.struct_size = 0;
    assert_false(options_sized(&old) || options_sized(NULL));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_of_this_version_are_copied),
        cmocka_unit_test(no_options_are_the_defaults),
        cmocka_unit_test(what_an_older_caller_lacks_is_the_default),
        cmocka_unit_test(what_a_newer_caller_asks_beyond_ours_is_refused),
        cmocka_unit_test(results_are_given_as_far_as_the_caller_knows_them),
        cmocka_unit_test(a_size_that_was_not_set_is_refused),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
