/* SPDX-License-Identifier: Apache-2.0 */
#include "value/value.h"

#include "cm.h"
#include "random_value.h"

static void builders_make_documents(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *root = value_new_map(a, VALUE_PLAIN);

    (void)state;
    value_add_str(a, root, "s", BYTES_LIT("x\"y"));
    value_add_int(a, root, "min", INT64_MIN);
    value_add_double(a, root, "half", 0.5);
    value_add_double(a, root, "twelve", 12);
    value_add_double(a, root, "third", 1.0 / 3);
    value_add_double(a, root, "many", 4000000);
    value_add_double(a, root, "date", 1700000000.123);
    value_add_double(a, root, "least", 1.2345678901234567e-6);
    value_add_bool(a, root, "yes", true);
    struct weir_value *inner = value_add_map(a, root, "inner");
    value_add_int(a, inner, "one", 1);
    struct weir_value *list = value_add_list(a, root, "list");
    for (int i = 0; i < 3; i++) {
        value_set_null(value_append(a, list));
        list->u.list.at[i].form = VALUE_PLAIN;
    }
    value_add_value(a, root, "item", item_of(a, "{\"k\":{\"N\":\"01\"}}"));
    assert_written(root, "{\"s\":\"x\\\"y\",\"min\":-9223372036854775808,\"half\":0.5,"
                         "\"twelve\":12.0,\"third\":0.3333333333333333,\"many\":4000000.0,"
                         "\"date\":1700000000.123,\"least\":0.0000012345678901234567,\"yes\":true,"
                         "\"inner\":{\"one\":1},\"list\":[null,null,null],"
                         "\"item\":{\"k\":{\"N\":\"1\"}}}");
    assert_int_equal(value_get(root, "list")->u.list.count, 3);
    assert_null(value_get(root, "missing"));
    assert_null(value_get(NULL, "missing"));
    assert_null(value_get(value_get(root, "s"), "missing"));
    arena_free(a);
}

static void builders_set_each_scalar(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *item = value_new_map(a, VALUE_ITEM);

    (void)state;
    value_set_s(value_add(a, item, BYTES_LIT("s")), BYTES_LIT("x"));
    value_set_n(value_add(a, item, BYTES_LIT("n")), BYTES_LIT("1.5"));
    value_set_b(value_add(a, item, BYTES_LIT("b")), BYTES_LIT("\xff"));
    value_set_bool(value_add(a, item, BYTES_LIT("o")), false);
    value_set_null(value_add(a, item, BYTES_LIT("0")));
    (void)value_add_list(a, item, "l");
    assert_int_equal(value_sort_map(item, NULL), WEIR_OK);
    assert_written(item, "{\"0\":{\"NULL\":true},\"b\":{\"B\":\"/w==\"},\"l\":{\"L\":[]},"
                         "\"n\":{\"N\":\"1.5\"},\"o\":{\"BOOL\":false},\"s\":{\"S\":\"x\"}}");
    arena_free(a);
}

static void builders_without_memory_do_nothing(void **state)
{
    struct arena *a = arena_new(1);
    struct weir_value *root = value_new_map(a, VALUE_PLAIN);
    struct weir_error err = {0};

    (void)state;
    assert_null(root);
    assert_null(value_add(a, root, BYTES_LIT("x")));
    assert_null(value_append(a, NULL));
    assert_null(value_add_map(a, root, "m"));
    assert_null(value_add_list(a, root, "l"));
    value_add_str(a, root, "s", BYTES_LIT("x"));
    value_add_int(a, root, "i", 1);
    value_add_bool(a, root, "b", true);
    value_set_s(NULL, BYTES_LIT("x"));
    value_set_null(NULL);
    assert_int_equal(value_sort_map(root, &err), WEIR_NO_MEMORY);
    arena_free(a);
}

/* A parsed array has no room behind it; one that is shared must not be written into. */
static void appending_to_parsed_and_shared_nodes_is_safe(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *doc = parsed(a, "{\"l\":[1,2,3,4,5]}");
    struct weir_value *list = &doc->u.map.at[0].value;
    struct weir_value *root = value_new_map(a, VALUE_PLAIN);

    (void)state;
    value_add_int(a, doc, "x", 1);
    list = &doc->u.map.at[0].value;
    value_append(a, list)->form = VALUE_PLAIN;
    value_add_value(a, root, "copy", list);
    value_append(a, list)->form = VALUE_PLAIN;
    struct weir_value *added = value_append(a, (struct weir_value *)value_get(root, "copy"));
    *added = (struct weir_value){.type = VALUE_BOOL, .form = VALUE_PLAIN};
    assert_written(doc, "{\"l\":[1,2,3,4,5,null,null],\"x\":1}");
    assert_written(root, "{\"copy\":[1,2,3,4,5,null,false]}");
    arena_free(a);
}

static void maps_of_any_size_are_sorted_and_searched(void **state)
{
    static const uint32_t sizes[] = {0, 1, 2, 15, 16, 17, 40, 1000};
    struct arena *a = arena_new(TEST_ARENA_BYTES);

    (void)state;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        struct weir_value *map = value_new_map(a, VALUE_ITEM);
        for (uint32_t i = 0; i < sizes[s]; i++) {
            char *name = arena_printf(a, "%u", i * 7919 % sizes[s]);
            value_set_n(value_add(a, map, bytes_str(name)), bytes_str(name));
        }
        assert_int_equal(value_sort_map(map, NULL), WEIR_OK);
        for (uint32_t i = 0; i < sizes[s]; i++) {
            char *name = arena_printf(a, "%u", i * 7919 % sizes[s]);
            assert_bytes_str(value_get(map, name)->u.bytes, name);
            assert_true(i == 0 || bytes_cmp(map->u.map.at[i - 1].name, map->u.map.at[i].name) < 0);
        }
        assert_null(value_get(map, "x"));
    }
    arena_free(a);
}

static void an_integer_member_is_read_and_all_else_is_0(void **state)
{
    static const char text[] =
        "{\"max\":9223372036854775807,\"min\":-9223372036854775808,\"exponent\":12E1,"
        "\"over\":9223372036854775808,\"fraction\":1.5,\"text\":\"7\",\"list\":[7]}";
    static const char *const others[] = {"over", "fraction", "text", "list", "none"};
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *doc = parsed(a, text);

    (void)state;
    assert_true(value_get_int(doc, "max") == INT64_MAX);
    assert_true(value_get_int(doc, "min") == INT64_MIN);
    assert_int_equal(value_get_int(doc, "exponent"), 120);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(value_get_int(doc, others[i]), 0);
    }
    assert_int_equal(value_get_int(value_get(doc, "list"), "max"), 0);
    assert_int_equal(value_get_int(NULL, "max"), 0);
    arena_free(a);
}

static void a_name_given_twice_is_refused(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);

    (void)state;
    for (uint32_t others = 0; others < 40; others += 13) {
        struct weir_value *map = value_new_map(a, VALUE_ITEM);
        (void)value_add(a, map, BYTES_LIT("twice"));
        for (uint32_t i = 0; i < others; i++) {
            (void)value_add(a, map, bytes_str(arena_printf(a, "%u", i)));
        }
        (void)value_add(a, map, BYTES_LIT("twice"));
        assert_int_equal(value_sort_map(map, NULL), WEIR_VALIDATION);
    }
    arena_free(a);
}

static void check_size(struct arena *a, const char *attribute, size_t expected)
{
    struct weir_value *value = NULL;
    assert_int_equal(value_to_attribute(a, parsed(a, attribute), &value, NULL), WEIR_OK);
    assert_int_equal(value_size(value), expected);
}

static void sizes_are_those_of_dynamodb(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);

    (void)state;
    check_size(a, "{\"S\":\"\"}", 0);
    check_size(a, "{\"S\":\"\xc3\xa9\"}", 2);
    check_size(a, "{\"B\":\"AAAA\"}", 3);
    check_size(a, "{\"BOOL\":true}", 1);
    check_size(a, "{\"NULL\":true}", 1);
    check_size(a, "{\"N\":\"0\"}", 1);
    check_size(a, "{\"N\":\"1\"}", 2);
    check_size(a, "{\"N\":\"-1\"}", 3);
    check_size(a, "{\"N\":\"100\"}", 2);
    check_size(a, "{\"N\":\"101\"}", 3);
    check_size(a, "{\"N\":\"0.0012\"}", 2);
    check_size(a, "{\"N\":\"10.01\"}", 3);
    check_size(a, "{\"N\":\"12345678901234567890123456789012345678\"}", 20);
    check_size(a, "{\"N\":\"-12345678901234567890123456789012345678\"}", 21);
    check_size(a, "{\"L\":[]}", 3);
    check_size(a, "{\"M\":{}}", 3);
    check_size(a, "{\"L\":[{\"S\":\"ab\"},{\"BOOL\":true}]}", 3 + 3 + 2);
    check_size(a, "{\"M\":{\"name\":{\"S\":\"ab\"}}}", 3 + 4 + 2 + 1);
    check_size(a, "{\"SS\":[\"a\",\"bc\"]}", 3);
    check_size(a, "{\"NS\":[\"1\",\"-1\"]}", 5);
    assert_int_equal(
        item_size(item_of(a, "{\"shirt-color\":{\"S\":\"R\"},\"shirt-size\":{\"S\":\"M\"}}")), 23);
    arena_free(a);
}

static void check_equal(struct arena *a, const char *left, const char *right, bool equal)
{
    struct weir_value *l = item_of(a, left);
    struct weir_value *r = item_of(a, right);
    assert_int_equal(value_equal(l, r), equal);
    assert_int_equal(value_equal(r, l), equal);
}

static void equality_is_of_values(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);

    (void)state;
    check_equal(a, "{\"n\":{\"N\":\"1.0\"}}", "{\"n\":{\"N\":\"10e-1\"}}", true);
    check_equal(a, "{\"n\":{\"N\":\"1\"}}", "{\"n\":{\"N\":\"2\"}}", false);
    check_equal(a, "{\"n\":{\"N\":\"1\"}}", "{\"n\":{\"S\":\"1\"}}", false);
    check_equal(a, "{\"n\":{\"S\":\"1\"}}", "{\"m\":{\"S\":\"1\"}}", false);
    check_equal(a, "{\"s\":{\"NS\":[\"10\",\"9\"]}}", "{\"s\":{\"NS\":[\"9\",\"1e1\"]}}", true);
    check_equal(a, "{\"s\":{\"SS\":[\"b\",\"a\"]}}", "{\"s\":{\"SS\":[\"a\",\"b\"]}}", true);
    check_equal(a, "{\"s\":{\"SS\":[\"b\",\"a\"]}}", "{\"s\":{\"SS\":[\"a\"]}}", false);
    check_equal(a, "{\"l\":{\"L\":[{\"S\":\"a\"},{\"S\":\"b\"}]}}",
                "{\"l\":{\"L\":[{\"S\":\"b\"},{\"S\":\"a\"}]}}", false);
    check_equal(a, "{\"a\":{\"M\":{\"x\":{\"BOOL\":true},\"y\":{\"NULL\":true}}}}",
                "{\"a\":{\"M\":{\"y\":{\"NULL\":true},\"x\":{\"BOOL\":true}}}}", true);
    check_equal(a, "{\"a\":{\"BOOL\":true}}", "{\"a\":{\"BOOL\":false}}", false);
    check_equal(a, "{}", "{\"a\":{\"BOOL\":false}}", false);
    arena_free(a);
}

static void depth_counts_containers(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value value = {0};

    (void)state;
    assert_int_equal(value_depth(value_get(item_of(a, "{\"a\":{\"S\":\"x\"}}"), "a")), 1);
    assert_int_equal(value_depth(value_get(item_of(a, "{\"a\":{\"L\":[]}}"), "a")), 1);
    assert_int_equal(
        value_depth(value_get(item_of(a, "{\"a\":{\"M\":{\"b\":{\"L\":[{\"S\":\"x\"}]}}}}"), "a")),
        3);
    value_set_null(&value);
    for (int i = 0; i < 100; i++) {
        struct weir_value *list = value_new_list(a, VALUE_ATTRIBUTE);
        *value_append(a, list) = value;
        value = *list;
    }
    assert_int_equal(value_depth(&value), LIMIT_NESTING_LEVELS + 1);
    arena_free(a);
}

static void copies_are_deep(void **state)
{
    struct arena *from = arena_new(TEST_ARENA_BYTES);
    struct arena *to = arena_new(TEST_ARENA_BYTES);

    (void)state;
    random_start("copies");
    for (int round = 0; round < 300; round++) {
        struct weir_value *item = random_item(from);
        struct weir_value *copy = value_copy(to, item);
        struct buf text;
        buf_init(&text, 4 * 1024 * 1024);
        json_write(&text, item);
        buf_put_u8(&text, 0);
        arena_reset(from);
        assert_written(copy, (const char *)text.ptr);
        buf_fini(&text);
        arena_reset(to);
    }
    struct arena *tiny = arena_new(100);
    assert_null(value_copy(tiny, parsed(from, "[1,2,3,4,5,6,7,8,9]")));
    arena_free(tiny);
    arena_free(from);
    arena_free(to);
}

static void every_type_has_its_name(void **state)
{
    (void)state;
    assert_string_equal(value_type_name(VALUE_S), "S");
    assert_string_equal(value_type_name(VALUE_BOOL), "BOOL");
    assert_string_equal(value_type_name(VALUE_NULL), "NULL");
    assert_string_equal(value_type_name(VALUE_BS), "BS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builders_make_documents),
        cmocka_unit_test(builders_set_each_scalar),
        cmocka_unit_test(builders_without_memory_do_nothing),
        cmocka_unit_test(appending_to_parsed_and_shared_nodes_is_safe),
        cmocka_unit_test(maps_of_any_size_are_sorted_and_searched),
        cmocka_unit_test(an_integer_member_is_read_and_all_else_is_0),
        cmocka_unit_test(a_name_given_twice_is_refused),
        cmocka_unit_test(sizes_are_those_of_dynamodb),
        cmocka_unit_test(equality_is_of_values),
        cmocka_unit_test(depth_counts_containers),
        cmocka_unit_test(copies_are_deep),
        cmocka_unit_test(every_type_has_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
