/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "cm.h"
#include "random_value.h"

static enum weir_status parse_status(struct weir_bytes text)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *doc = NULL;
    struct weir_error err = {0};
    enum weir_status status = json_parse(a, text, &doc, &err);

    assert_int_equal(status == WEIR_OK, doc != NULL);
    assert_int_equal(status == WEIR_OK, err.message[0] == '\0');
    arena_free(a);
    return status;
}

static void check_written(const char *text, const char *expected)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    assert_written(parsed(a, text), expected);
    arena_free(a);
}

static void documents_come_back_as_written(void **state)
{
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "0.5",
        "12.0",
        "-2.5e-300",
        "\"\"",
        "\"text\"",
        "[]",
        "{}",
        "[[],{},[1,\"two\",null,true]]",
        "{\"a\":{\"b\":[{\"c\":\"d\"}]},\"\":0,\"z\":false}",
        "\"\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        check_written(texts[i], texts[i]);
    }
    check_written(" \n\t{ \"a\" : [ 1 , 2 ] } \r\n", "{\"a\":[1,2]}");
    check_written("1E2", "100.0");
    check_written("1e30", "1e+30");
    check_written("\"\\u0041\\/\\ud83d\\ude00\"", "\"A/\xf0\x9f\x98\x80\"");
}

static void strings_are_escaped(void **state)
{
    (void)state;
    check_written("\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\"",
                  "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\"");
    check_written("\"1234567\\n\"", "\"1234567\\n\"");
    check_written("\"12345678\\n1234567890\\\"x\"", "\"12345678\\n1234567890\\\"x\"");
}

/* The scan for escapes goes eight bytes at a time: each place of each, against the parser. */
static void any_bytes_survive_writing_and_parsing(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct buf text;

    (void)state;
    random_start("json strings");
    buf_init(&text, 4096);
    for (int round = 0; round < 20000; round++) {
        struct weir_value value = random_scalar(a, VALUE_S);
        struct weir_value *back = NULL;
        buf_reset(&text);
        json_write_string(&text, value.u.bytes);
        assert_int_equal(json_parse(a, buf_bytes(&text), &back, NULL), WEIR_OK);
        assert_true(bytes_eq(back->u.bytes, value.u.bytes));
        arena_reset(a);
    }
    buf_fini(&text);
    arena_free(a);
}

static void random_items_survive_writing_and_parsing(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);

    (void)state;
    random_start("json items");
    for (int round = 0; round < 1000; round++) {
        struct weir_value *item = random_item(a);
        struct weir_value *doc = NULL;
        struct weir_value *back = NULL;
        struct buf text;
        buf_init(&text, 8 * 1024 * 1024);
        json_write(&text, item);
        assert_int_equal(json_parse(a, buf_bytes(&text), &doc, NULL), WEIR_OK);
        assert_int_equal(value_to_item(a, doc, &back, NULL), WEIR_OK);
        assert_true(value_equal(item, back));
        buf_fini(&text);
        arena_reset(a);
    }
    arena_free(a);
}

static void malformed_text_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "{",
        "}",
        "[",
        "]",
        "[1,]",
        "[,1]",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "'a'",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\x01\"",
        "01",
        "1.",
        ".1",
        "1e",
        "+1",
        "-",
        "0x1",
        "NaN",
        "Infinity",
        "1 2",
        "{} {}",
        "{}x",
        "[1] ,",
        "{\"a\":1}\n{\"a\":2}",
        "[1}",
        "{\"a\":1]",
        "/**/1",
        "1e999",
        "99999999999999999999",
        /* UTF-8: overlong, surrogate, above the last code point, cut off, stray */
        "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xe6\x97\"",
        "\"\x80\"",
        "\"\xff\"",
        /* surrogates that are not a pair */
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800x\"",
        "\"\\ud800\\n\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\ud800\"",
        "\"\\udc00\\ud800\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (parse_status(bytes_str(texts[i])) != WEIR_SERIALIZATION) {
            fail_msg("accepted: %s", texts[i]);
        }
    }
    assert_int_equal(parse_status(bytes_of("1\0", 2)), WEIR_SERIALIZATION);
    assert_int_equal(parse_status(bytes_of("\"a\0b\"", 5)), WEIR_SERIALIZATION);
}

static void every_prefix_is_refused(void **state)
{
    const char *text =
        "{\"TableName\":\"t\",\"Item\":{\"k\":{\"S\":\"\\u00e9\xc3\xa9\"},\"n\":{\"N\":"
        "\"-1.5\"},\"l\":{\"L\":[{\"BOOL\":true},{\"NULL\":true}]}},\"x\":12.5}";

    (void)state;
    for (size_t len = 0; len < strlen(text); len++) {
        /* A block of its own, so that a read past it is seen by AddressSanitizer. */
        char *copy = malloc(len + (len == 0));
        memcpy(copy, text, len);
        assert_int_equal(parse_status(bytes_of(copy, len)), WEIR_SERIALIZATION);
        free(copy);
    }
    assert_int_equal(parse_status(bytes_str(text)), WEIR_OK);
}

static void a_name_twice_is_refused_in_small_and_large_objects(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);

    (void)state;
    for (unsigned others = 0; others < 40; others++) {
        for (int twice = 0; twice < 2; twice++) {
            struct buf text;
            buf_init(&text, 4096);
            buf_put_str(&text, "[{\"twice\":0");
            for (unsigned i = 0; i < others; i++) {
                buf_printf(&text, ",\"%u\":%u", i * 31 % 41, i);
            }
            buf_put_str(&text, twice != 0 ? ",\"tw\\u0069ce\":1}]" : ",\"other\":1}]");
            assert_int_equal(parse_status(buf_bytes(&text)),
                             twice != 0 ? WEIR_SERIALIZATION : WEIR_OK);
            buf_fini(&text);
        }
    }
    arena_free(a);
}

static enum weir_status nested_status(size_t levels)
{
    char *text = malloc(2 * levels);
    memset(text, '[', levels);
    memset(text + levels, ']', levels);
    enum weir_status status = parse_status(bytes_of(text, 2 * levels));
    free(text);
    return status;
}

static void depth_is_bounded(void **state)
{
    char brackets[100000];

    (void)state;
    memset(brackets, '[', sizeof(brackets));
    assert_int_equal(nested_status(LIMIT_JSON_DEPTH - 1), WEIR_OK);
    assert_int_equal(nested_status(LIMIT_JSON_DEPTH + 1), WEIR_SERIALIZATION);
    assert_int_equal(nested_status(100000), WEIR_SERIALIZATION);
    assert_int_equal(parse_status(bytes_of(brackets, sizeof(brackets))), WEIR_SERIALIZATION);
}

static void a_full_arena_is_told_from_bad_text(void **state)
{
    const char *text = "{\"a\":[1,2.5,\"three\",{\"b\":null}],\"c\":{\"d\":{\"e\":\"f\"}}}";
    enum weir_status status = WEIR_NO_MEMORY;

    (void)state;
    for (size_t bytes = 1; status != WEIR_OK; bytes += 8) {
        struct arena *a = arena_new(bytes);
        struct weir_value *doc = NULL;
        status = json_parse(a, bytes_str(text), &doc, NULL);
        assert_true(status == WEIR_OK ? doc != NULL : status == WEIR_NO_MEMORY);
        arena_free(a);
    }
}

/* A body above the size for which a parser is kept, then a small one. */
static void large_bodies_are_parsed(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct buf text;
    struct weir_value *doc = NULL;

    (void)state;
    buf_init(&text, 8 * 1024 * 1024);
    buf_put_u8(&text, '[');
    while (text.len < LIMIT_JSON_PARSER_KEEP_BYTES + 100) {
        buf_put_str(&text, "{\"key\":\"some text\",\"n\":12},");
    }
    buf_put_str(&text, "0]");
    assert_int_equal(json_parse(a, buf_bytes(&text), &doc, NULL), WEIR_OK);
    const struct value_list *list = &doc->u.list;
    assert_bytes_str(value_get(&list->at[list->count - 2], "key")->u.bytes, "some text");
    assert_written(parsed(a, "[1]"), "[1]");
    buf_fini(&text);
    arena_free(a);
}

static void *parse_in_thread(void *arg)
{
    (void)arg;
    for (int round = 0; round < 2000; round++) {
        struct arena *a = arena_new(TEST_ARENA_BYTES);
        struct weir_value *doc = NULL;
        if (json_parse(a, BYTES_LIT("{\"a\":[1,\"x\"]}"), &doc, NULL) != WEIR_OK ||
            value_get(doc, "a")->u.list.count != 2) {
            arena_free(a);
            return (void *)1;
        }
        arena_free(a);
    }
    return NULL;
}

static void threads_have_parsers_of_their_own(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, parse_in_thread, NULL), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

static void natural_json_is_for_people(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct buf text;

    (void)state;
    buf_init(&text, 4096);
    json_write_natural(
        &text,
        item_of(a, "{\"s\":{\"S\":\"x\"},\"n\":{\"N\":\"-0.50\"},\"b\":{\"B\":\"AAE=\"},\"o\":"
                   "{\"BOOL\":true},\"z\":{\"NULL\":true},\"l\":{\"L\":[{\"N\":\"1\"}]},\"m\":"
                   "{\"M\":{\"k\":{\"S\":\"v\"}}},\"ss\":{\"SS\":[\"b\",\"a\"]},\"ns\":{\"NS\":"
                   "[\"2\",\"1\"]},\"bs\":{\"BS\":[\"AA==\"]}}"));
    assert_bytes_str(buf_bytes(&text),
                     "{\"b\":\"AAE=\",\"bs\":[\"AA==\"],\"l\":[1],\"m\":{\"k\":\"v\"},"
                     "\"n\":-0.5,\"ns\":[1,2],\"o\":true,\"s\":\"x\","
                     "\"ss\":[\"a\",\"b\"],\"z\":null}");
    buf_fini(&text);
    arena_free(a);
}

static void writing_stops_at_the_buffer_s_limit(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *doc = parsed(a, "{\"a\":[\"long enough \\n to be cut\",{\"b\":\"c\"}]}");

    (void)state;
    for (size_t max = 0; max < 45; max++) {
        struct buf text;
        buf_init(&text, max);
        json_write(&text, doc);
        assert_int_equal(buf_status(&text), max < 44 ? WEIR_TOO_LARGE : WEIR_OK);
        buf_fini(&text);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_come_back_as_written),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(any_bytes_survive_writing_and_parsing),
        cmocka_unit_test(random_items_survive_writing_and_parsing),
        cmocka_unit_test(malformed_text_is_refused),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(a_name_twice_is_refused_in_small_and_large_objects),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(a_full_arena_is_told_from_bad_text),
        cmocka_unit_test(large_bodies_are_parsed),
        cmocka_unit_test(threads_have_parsers_of_their_own),
        cmocka_unit_test(natural_json_is_for_people),
        cmocka_unit_test(writing_stops_at_the_buffer_s_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
