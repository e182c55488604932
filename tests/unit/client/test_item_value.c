/* SPDX-License-Identifier: Apache-2.0 */
/* Items built and read: every type, sticky errors, limits, copies. */
#include "unit/client/item_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define DIGITS_38 "12345678901234567890123456789012345678"

/* ---- building and reading -------------------------------------------------------------------- */

static struct weir_item *item_of_all_types(void)
{
    static const struct weir_text tags[] = {{"b", 1}, {"a", 1}};
    static const struct weir_text primes[] = {{"10", 2}, {"2", 1}, {"3.0", 3}};
    static const struct weir_text blobs[] = {{"\xff", 1}, {"\0\1", 2}};
    struct weir_item *item = new_item();
    (void)weir_item_set_string(item, WEIR_STR("s"), WEIR_STR("text"));
    (void)weir_item_set_number(item, WEIR_STR("n"), WEIR_STR("-012.50e1"));
    (void)weir_item_set_binary(item, WEIR_STR("b"), "\0\xff", 2);
    (void)weir_item_set_bool(item, WEIR_STR("t"), 1);
    (void)weir_item_set_null(item, WEIR_STR("z"));
    (void)weir_item_set_string_set(item, WEIR_STR("ss"), tags, 2);
    (void)weir_item_set_number_set(item, WEIR_STR("ns"), primes, 3);
    (void)weir_item_set_binary_set(item, WEIR_STR("bs"), blobs, 2);
    (void)weir_item_begin_map(item, WEIR_STR("m"));
    (void)weir_item_set_int64(item, WEIR_STR("least"), INT64_MIN);
    (void)weir_item_begin_list(item, WEIR_STR("l"));
    (void)weir_item_set_uint64(item, NULL, 0, UINT64_MAX);
    (void)weir_item_begin_map(item, NULL, 0);
    (void)weir_item_end(item);
    (void)weir_item_end(item);
    (void)weir_item_end(item);
    return item;
}

#define ALL_JSON                                                                         \
    "{\"b\":{\"B\":\"AP8=\"},\"bs\":{\"BS\":[\"AAE=\",\"/w==\"]},"                       \
    "\"m\":{\"M\":{\"l\":{\"L\":[{\"N\":\"18446744073709551615\"},{\"M\":{}}]},"         \
    "\"least\":{\"N\":\"-9223372036854775808\"}}},\"n\":{\"N\":\"-125\"},"               \
    "\"ns\":{\"NS\":[\"2\",\"3\",\"10\"]},\"s\":{\"S\":\"text\"},\"ss\":{\"SS\":[\"a\"," \
    "\"b\"]},\"t\":{\"BOOL\":true},\"z\":{\"NULL\":true}}"

static void all_ten_types_are_built_and_written(void **state)
{
    (void)state;
    struct weir_item *item = item_of_all_types();
    assert_int_equal(weir_item_status(item, NULL), WEIR_OK);
    assert_item(item, ALL_JSON);
    assert_int_equal(weir_item_count(item), 9);
    struct weir_item *back = item_of(ALL_JSON);
    assert_int_equal(weir_item_equal(item, back), 1);
    weir_item_free(back);
    weir_item_free(item);
}

static void getters_give_what_was_set(void **state)
{
    (void)state;
    struct weir_item *item = item_of_all_types();
    struct weir_error err = {0};
    const char *text = NULL;
    const void *bytes = NULL;
    size_t len = 0;
    int32_t truth = 0;
    int64_t integer = 0;
    uint64_t natural = 0;
    assert_int_equal(weir_item_get_string(item, WEIR_STR("s"), &text, &len, &err), WEIR_OK);
    assert_text(text, len, "text");
    assert_int_equal(weir_item_get_number(item, WEIR_STR("n"), &text, &len, &err), WEIR_OK);
    assert_text(text, len, "-125");
    assert_int_equal(weir_item_get_int64(item, WEIR_STR("n"), &integer, &err), WEIR_OK);
    assert_int_equal(integer, -125);
    assert_int_equal(weir_item_get_binary(item, WEIR_STR("b"), &bytes, &len, &err), WEIR_OK);
    assert_int_equal(len, 2);
    assert_memory_equal(bytes, "\0\xff", 2);
    assert_int_equal(weir_item_get_bool(item, WEIR_STR("t"), &truth, &err), WEIR_OK);
    assert_int_equal(truth, 1);
    const struct weir_value *value = NULL;
    assert_int_equal(weir_item_find(item, WEIR_STR("m.l[0]"), &value, &err), WEIR_OK);
    assert_int_equal(weir_value_uint64(value, &natural, &err), WEIR_OK);
    assert_true(natural == UINT64_MAX);
    assert_int_equal(weir_value_int64(value, &integer, &err), WEIR_TOO_LARGE);
    assert_int_equal(weir_item_find(item, WEIR_STR("m.least"), &value, &err), WEIR_OK);
    assert_int_equal(weir_value_int64(value, &integer, &err), WEIR_OK);
    assert_true(integer == INT64_MIN);
    assert_int_equal(weir_value_uint64(value, &natural, &err), WEIR_TOO_LARGE);
    weir_item_free(item);
}

static void getters_check_the_type_and_name_the_attribute(void **state)
{
    (void)state;
    struct weir_item *item = item_of_all_types();
    struct weir_error err = {0};
    const char *text = "untouched";
    const void *bytes = NULL;
    size_t len = 77;
    int32_t truth = 5;
    int64_t integer = 5;
    uint64_t natural = 5;
    assert_int_equal(weir_item_get_string(item, WEIR_STR("n"), &text, &len, &err),
                     WEIR_INVALID_ARGUMENT);
    assert_string_equal(err.message,
                        "attribute \"n\": the value is a number (N), not a string (S)");
    assert_int_equal(weir_item_get_string(item, WEIR_STR("gone"), &text, &len, &err),
                     WEIR_NOT_FOUND);
    assert_int_equal(weir_item_get_number(item, WEIR_STR("s"), &text, &len, NULL),
                     WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_item_get_int64(item, WEIR_STR("s"), &integer, NULL),
                     WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_item_get_uint64(item, WEIR_STR("n"), &natural, NULL), WEIR_TOO_LARGE);
    assert_int_equal(weir_item_get_binary(item, WEIR_STR("s"), &bytes, &len, NULL),
                     WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_item_get_bool(item, WEIR_STR("z"), &truth, NULL), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_item_get_bool(NULL, WEIR_STR("z"), &truth, NULL), WEIR_NOT_FOUND);
    assert_string_equal(text, "untouched");
    assert_true(len == 77 && truth == 5 && integer == 5 && natural == 5 && bytes == NULL);
    weir_item_free(item);
}

static void fraction_is_no_integer_and_is_not_rounded(void **state)
{
    (void)state;
    struct weir_item *item =
        item_of("{\"n\":{\"N\":\"1.5\"},\"big\":{\"N\":\"18446744073709551616\"}}");
    int64_t integer = 0;
    uint64_t natural = 0;
    assert_int_equal(weir_item_get_int64(item, WEIR_STR("n"), &integer, NULL), WEIR_TOO_LARGE);
    assert_int_equal(weir_item_get_uint64(item, WEIR_STR("n"), &natural, NULL), WEIR_TOO_LARGE);
    assert_int_equal(weir_item_get_uint64(item, WEIR_STR("big"), &natural, NULL), WEIR_TOO_LARGE);
    weir_item_free(item);
}

static void attributes_are_in_the_byte_order_of_their_names(void **state)
{
    static const char *const wanted[] = {"A", "B", "a", "b", "\xc3\xa9"};
    (void)state;
    struct weir_item *item = new_item();
    for (unsigned i = 0; i < 5; i++) {
        (void)weir_item_set_int64(item, WEIR_STR(wanted[(i * 3) % 5]), i);
    }
    for (uint32_t i = 0; i < 5; i++) {
        const char *name = NULL;
        size_t len = 0;
        assert_non_null(weir_item_attribute(item, i, &name, &len));
        assert_text(name, len, wanted[i]);
    }
    assert_null(weir_item_attribute(item, 5, NULL, NULL));
    weir_item_free(item);
}

static void values_are_walked_without_names(void **state)
{
    (void)state;
    struct weir_item *item = item_of_all_types();
    const char *text = NULL;
    size_t len = 0;
    const struct weir_value *set = weir_item_get(item, WEIR_STR("ns"));
    assert_int_equal(weir_value_type(set), WEIR_TYPE_NUMBER_SET);
    assert_int_equal(weir_value_count(set), 3);
    assert_int_equal(weir_value_number(weir_value_element(set, 2), &text, &len, NULL), WEIR_OK);
    assert_text(text, len, "10");
    assert_null(weir_value_element(set, 3));
    const struct weir_value *map = weir_item_get(item, WEIR_STR("m"));
    assert_int_equal(weir_value_type(map), WEIR_TYPE_MAP);
    assert_null(weir_value_element(map, 0));
    assert_ptr_equal(weir_value_member_at(map, 0, &text, &len),
                     weir_value_member(map, WEIR_STR("l")));
    assert_text(text, len, "l");
    assert_null(weir_value_member(map, WEIR_STR("no")));
    assert_null(weir_value_member_at(set, 0, NULL, NULL));
    assert_int_equal(weir_value_count(weir_item_get(item, WEIR_STR("s"))), 0);
    assert_int_equal(weir_value_type(NULL), WEIR_TYPE_NONE);
    assert_int_equal(weir_value_count(NULL), 0);
    assert_null(weir_value_element(NULL, 0));
    assert_null(weir_value_member(NULL, "a", 1));
    weir_item_free(item);
}

static void setting_again_replaces_and_removing_takes_away(void **state)
{
    (void)state;
    struct weir_item *item = new_item();
    (void)weir_item_set_string(item, WEIR_STR("a"), WEIR_STR("x"));
    (void)weir_item_set_null(item, WEIR_STR("b"));
    (void)weir_item_set_int64(item, WEIR_STR("a"), 1);
    assert_item(item, "{\"a\":{\"N\":\"1\"},\"b\":{\"NULL\":true}}");
    assert_int_equal(weir_item_remove(item, WEIR_STR("a")), WEIR_OK);
    assert_int_equal(weir_item_remove(item, WEIR_STR("a")), WEIR_OK);
    assert_item(item, "{\"b\":{\"NULL\":true}}");
    weir_item_clear(item);
    assert_item(item, "{}");
    weir_item_free(item);
}

static void views_of_the_item_itself_may_be_set(void **state)
{
    (void)state;
    struct weir_item *item = new_item();
    char big[4096];
    memset(big, 'x', sizeof(big));
    (void)weir_item_set_string(item, WEIR_STR("a"), big, sizeof(big));
    for (int i = 0; i < 500; i++) {
        const char *text = NULL;
        size_t len = 0;
        assert_int_equal(weir_item_get_string(item, WEIR_STR("a"), &text, &len, NULL), WEIR_OK);
        assert_int_equal(len, sizeof(big));
        assert_int_equal(weir_item_set_string(item, WEIR_STR("a"), text, len), WEIR_OK);
        assert_int_equal(
            weir_item_set_value(item, WEIR_STR("b"), weir_item_get(item, WEIR_STR("a"))), WEIR_OK);
    }
    assert_int_equal(weir_item_bytes(item), 2 * (sizeof(big) + 1));
    weir_item_free(item);
}

static void setting_over_and_over_stays_within_memory(void **state)
{
    (void)state;
    struct weir_item *item = new_item();
    char *big = calloc(1, 1 << 20);
    assert_non_null(big);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(weir_item_set_binary(item, WEIR_STR("a"), big, 1 << 20), WEIR_OK);
    }
    free(big);
    weir_item_free(item);
}

static void memory_has_a_limit(void **state)
{
    (void)state;
    struct weir_item *item = new_item();
    struct weir_error err = {0};
    size_t most = ITEM_MEMORY_MAX - (1 << 20);
    char *big = calloc(1, ITEM_MEMORY_MAX + 1);
    assert_non_null(big);
    assert_int_equal(weir_item_set_binary(item, WEIR_STR("a"), big, most), WEIR_OK);
    assert_int_equal(weir_item_set_binary(item, WEIR_STR("b"), big, ITEM_MEMORY_MAX + 1),
                     WEIR_NO_MEMORY);
    assert_int_equal(weir_item_status(item, &err), WEIR_NO_MEMORY);
    assert_non_null(strstr(err.message, "64 MiB"));
    free(big);
    weir_item_free(item);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void first_error_sticks_until_the_item_is_cleared(void **state)
{
    (void)state;
    struct weir_item *item = new_item();
    struct weir_item *copy = NULL;
    struct weir_error err = {0};
    char *json = NULL;
    assert_int_equal(weir_item_set_number(item, WEIR_STR("n"), WEIR_STR("abc")), WEIR_VALIDATION);
    assert_int_equal(weir_item_set_string(item, WEIR_STR("s"), "\xff", 1), WEIR_VALIDATION);
    assert_int_equal(weir_item_set_null(item, WEIR_STR("z")), WEIR_VALIDATION);
    assert_int_equal(weir_item_remove(item, WEIR_STR("z")), WEIR_VALIDATION);
    assert_int_equal(weir_item_end(item), WEIR_VALIDATION);
    assert_int_equal(weir_item_status(item, &err), WEIR_VALIDATION);
    assert_string_equal(err.message, "The parameter cannot be converted to a numeric value: abc");
    assert_int_equal(weir_item_count(item), 0);
    assert_int_equal(weir_item_copy(item, &copy, NULL), WEIR_VALIDATION);
    assert_int_equal(weir_item_to_json(item, &json, NULL, NULL), WEIR_VALIDATION);
    weir_item_clear(item);
    assert_int_equal(weir_item_status(item, NULL), WEIR_OK);
    assert_int_equal(weir_item_set_null(item, WEIR_STR("z")), WEIR_OK);
    weir_item_free(item);
}

/* The status of the item after one setter, which is freed. */
#define STATUS_OF(setter)                                       \
    do {                                                        \
        item = new_item();                                      \
        status = (setter);                                      \
        assert_int_equal(weir_item_status(item, NULL), status); \
        weir_item_free(item);                                   \
    } while (0)

static void setters_refuse_what_dynamodb_refuses(void **state)
{
    static const struct weir_text twice[] = {{"1", 1}, {"1.0", 3}};
    static const struct weir_text same[] = {{"a", 1}, {"a", 1}};
    static const struct weir_text bad[] = {{"\xff", 1}};
    (void)state;
    struct weir_item *item;
    enum weir_status status;
    STATUS_OF(weir_item_set_number(item, WEIR_STR("n"), WEIR_STR("")));
    assert_int_equal(status, WEIR_VALIDATION);
    STATUS_OF(weir_item_set_number(item, WEIR_STR("n"), WEIR_STR(DIGITS_38)));
    assert_int_equal(status, WEIR_OK);
    STATUS_OF(weir_item_set_number(item, WEIR_STR("n"), WEIR_STR(DIGITS_38 "9")));
    assert_int_equal(status, WEIR_VALIDATION);
    STATUS_OF(weir_item_set_number(item, WEIR_STR("n"), WEIR_STR("9e125")));
    assert_int_equal(status, WEIR_OK);
    STATUS_OF(weir_item_set_number(item, WEIR_STR("n"), WEIR_STR("1e126")));
    assert_int_equal(status, WEIR_VALIDATION);
    STATUS_OF(weir_item_set_string_set(item, WEIR_STR("s"), NULL, 0));
    assert_int_equal(status, WEIR_VALIDATION);
    STATUS_OF(weir_item_set_number_set(item, WEIR_STR("s"), twice, 2));
    assert_int_equal(status, WEIR_VALIDATION);
    STATUS_OF(weir_item_set_string_set(item, WEIR_STR("s"), same, 2));
    assert_int_equal(status, WEIR_VALIDATION);
    STATUS_OF(weir_item_set_binary_set(item, WEIR_STR("s"), same, 2));
    assert_int_equal(status, WEIR_VALIDATION);
    STATUS_OF(weir_item_set_string_set(item, WEIR_STR("s"), bad, 1));
    assert_int_equal(status, WEIR_INVALID_ARGUMENT);
    STATUS_OF(weir_item_set_number_set(item, WEIR_STR("s"), bad, 1));
    assert_int_equal(status, WEIR_VALIDATION);
    STATUS_OF(weir_item_set_binary_set(item, WEIR_STR("s"), bad, 1));
    assert_int_equal(status, WEIR_OK);
}

static void names_are_checked(void **state)
{
    (void)state;
    struct weir_item *item;
    enum weir_status status;
    char *long_name = malloc(LIMIT_ATTRIBUTE_NAME_MAX + 1);
    assert_non_null(long_name);
    memset(long_name, 'n', LIMIT_ATTRIBUTE_NAME_MAX + 1);
    STATUS_OF(weir_item_set_null(item, NULL, 0));
    assert_int_equal(status, WEIR_INVALID_ARGUMENT);
    STATUS_OF(weir_item_set_null(item, "\xff", 1));
    assert_int_equal(status, WEIR_INVALID_ARGUMENT);
    STATUS_OF(weir_item_set_null(item, long_name, LIMIT_ATTRIBUTE_NAME_MAX));
    assert_int_equal(status, WEIR_OK);
    STATUS_OF(weir_item_set_null(item, long_name, LIMIT_ATTRIBUTE_NAME_MAX + 1));
    assert_int_equal(status, WEIR_TOO_LARGE);
    STATUS_OF(weir_item_end(item));
    assert_int_equal(status, WEIR_INVALID_ARGUMENT);
    STATUS_OF(weir_item_set_value(item, WEIR_STR("v"), NULL));
    assert_int_equal(status, WEIR_INVALID_ARGUMENT);
    free(long_name);
}

static void lists_take_no_names(void **state)
{
    (void)state;
    struct weir_item *item = new_item();
    (void)weir_item_begin_list(item, WEIR_STR("l"));
    assert_int_equal(weir_item_set_null(item, WEIR_STR("x")), WEIR_INVALID_ARGUMENT);
    weir_item_clear(item);
    (void)weir_item_begin_list(item, WEIR_STR("l"));
    assert_int_equal(weir_item_remove(item, WEIR_STR("x")), WEIR_INVALID_ARGUMENT);
    weir_item_free(item);
}

static void nesting_of_32_levels_is_the_most(void **state)
{
    (void)state;
    struct weir_item *item = new_item();
    for (int i = 0; i < LIMIT_NESTING_LEVELS; i++) {
        assert_int_equal(weir_item_begin_list(item, i == 0 ? "l" : NULL, i == 0), WEIR_OK);
    }
    for (int i = 0; i < LIMIT_NESTING_LEVELS; i++) {
        assert_int_equal(weir_item_end(item), WEIR_OK);
    }
    struct weir_item *outer = new_item();
    assert_int_equal(weir_item_set_value(outer, WEIR_STR("l"), weir_item_get(item, WEIR_STR("l"))),
                     WEIR_OK);
    (void)weir_item_begin_list(outer, WEIR_STR("m"));
    assert_int_equal(weir_item_set_value(outer, NULL, 0, weir_item_get(item, WEIR_STR("l"))),
                     WEIR_VALIDATION);
    weir_item_clear(item);
    for (int i = 0; i < LIMIT_NESTING_LEVELS; i++) {
        (void)weir_item_begin_list(item, i == 0 ? "l" : NULL, i == 0);
    }
    assert_int_equal(weir_item_set_null(item, NULL, 0), WEIR_VALIDATION);
    weir_item_free(outer);
    weir_item_free(item);
}

static void empty_texts_may_have_no_address(void **state)
{
    static const struct weir_text empty = {NULL, 0};
    (void)state;
    struct weir_item *item = new_item();
    const struct weir_value *value = NULL;
    struct weir_error err = {0};
    (void)weir_item_set_string(item, WEIR_STR("s"), NULL, 0);
    (void)weir_item_set_binary(item, WEIR_STR("b"), NULL, 0);
    (void)weir_item_set_string_set(item, WEIR_STR("ss"), &empty, 1);
    (void)weir_item_set_binary_set(item, WEIR_STR("bs"), &empty, 1);
    (void)weir_item_remove(item, NULL, 0);
    assert_item(item, "{\"b\":{\"B\":\"\"},\"bs\":{\"BS\":[\"\"]},\"s\":{\"S\":\"\"},"
                      "\"ss\":{\"SS\":[\"\"]}}");
    assert_null(weir_item_get(item, NULL, 0));
    assert_int_equal(weir_item_find(item, NULL, 0, &value, &err), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_item_set_number(item, WEIR_STR("n"), NULL, 0), WEIR_VALIDATION);
    weir_item_free(item);
}

static void no_item_is_an_error_and_no_crash(void **state)
{
    (void)state;
    struct weir_error err = {0};
    struct weir_item *copy = NULL;
    const struct weir_value *value = NULL;
    char *json = NULL;
    assert_int_equal(weir_item_set_null(NULL, WEIR_STR("a")), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_item_set_number(NULL, WEIR_STR("a"), WEIR_STR("1")),
                     WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_item_remove(NULL, WEIR_STR("a")), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_item_begin_map(NULL, WEIR_STR("a")), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_item_end(NULL), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_item_status(NULL, &err), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_item_copy(NULL, &copy, &err), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_item_to_plain_json(NULL, &json, NULL, &err), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_item_find(NULL, WEIR_STR("a"), &value, &err), WEIR_NOT_FOUND);
    assert_null(weir_item_get(NULL, WEIR_STR("a")));
    assert_int_equal(weir_item_count(NULL), 0);
    assert_int_equal(weir_item_bytes(NULL), 0);
    assert_int_equal(weir_item_equal(NULL, NULL), 1);
    weir_item_clear(NULL);
    weir_item_free(NULL);
}

static void open_map_keeps_the_item_from_being_used(void **state)
{
    (void)state;
    struct weir_item *item = new_item();
    struct weir_error err = {0};
    char *json = NULL;
    (void)weir_item_begin_map(item, WEIR_STR("m"));
    assert_int_equal(weir_item_to_json(item, &json, NULL, &err), WEIR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "weir_item_end"));
    (void)weir_item_end(item);
    assert_item(item, "{\"m\":{\"M\":{}}}");
    weir_item_free(item);
}

/* ---- size, copies, equality ------------------------------------------------------------------ */

static void size_is_counted_as_dynamodb_counts_it(void **state)
{
    (void)state;
    struct weir_item *item = new_item();
    assert_int_equal(weir_item_bytes(item), 0);
    (void)weir_item_set_string(item, WEIR_STR("pk"), WEIR_STR("abc"));
    assert_int_equal(weir_item_bytes(item), 5);
    (void)weir_item_begin_list(item, WEIR_STR("l"));
    (void)weir_item_set_bool(item, NULL, 0, 0);
    (void)weir_item_end(item);
    assert_int_equal(weir_item_bytes(item), 5 + 1 + 3 + 1 + 1);
    weir_item_free(item);
}

static void copy_is_equal_and_stands_alone(void **state)
{
    (void)state;
    struct weir_item *item = item_of_all_types();
    struct weir_item *copy = NULL;
    assert_int_equal(weir_item_copy(item, &copy, NULL), WEIR_OK);
    assert_int_equal(weir_item_equal(item, copy), 1);
    assert_int_equal(
        weir_value_equal(weir_item_get(item, WEIR_STR("m")), weir_item_get(copy, WEIR_STR("m"))),
        1);
    (void)weir_item_set_null(copy, WEIR_STR("extra"));
    assert_int_equal(weir_item_equal(item, copy), 0);
    weir_item_free(item);
    assert_int_equal(weir_item_remove(copy, WEIR_STR("extra")), WEIR_OK);
    assert_item(copy, ALL_JSON);
    assert_int_equal(weir_item_equal(copy, NULL), 0);
    weir_item_free(copy);
}

static void item_may_become_a_map_of_another(void **state)
{
    (void)state;
    struct weir_item *inner = item_of("{\"a\":{\"N\":\"1\"}}");
    struct weir_item *outer = new_item();
    (void)weir_item_set_value(outer, WEIR_STR("m"), weir_item_value(inner));
    weir_item_free(inner);
    assert_item(outer, "{\"m\":{\"M\":{\"a\":{\"N\":\"1\"}}}}");
    weir_item_free(outer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ten_types_are_built_and_written),
        cmocka_unit_test(getters_give_what_was_set),
        cmocka_unit_test(getters_check_the_type_and_name_the_attribute),
        cmocka_unit_test(fraction_is_no_integer_and_is_not_rounded),
        cmocka_unit_test(attributes_are_in_the_byte_order_of_their_names),
        cmocka_unit_test(values_are_walked_without_names),
        cmocka_unit_test(setting_again_replaces_and_removing_takes_away),
        cmocka_unit_test(views_of_the_item_itself_may_be_set),
        cmocka_unit_test(setting_over_and_over_stays_within_memory),
        cmocka_unit_test(memory_has_a_limit),
        cmocka_unit_test(first_error_sticks_until_the_item_is_cleared),
        cmocka_unit_test(setters_refuse_what_dynamodb_refuses),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(lists_take_no_names),
        cmocka_unit_test(nesting_of_32_levels_is_the_most),
        cmocka_unit_test(empty_texts_may_have_no_address),
        cmocka_unit_test(no_item_is_an_error_and_no_crash),
        cmocka_unit_test(open_map_keeps_the_item_from_being_used),
        cmocka_unit_test(size_is_counted_as_dynamodb_counts_it),
        cmocka_unit_test(copy_is_equal_and_stands_alone),
        cmocka_unit_test(item_may_become_a_map_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
