/* SPDX-License-Identifier: Apache-2.0 */
#include "value/plain_json.h"

#include "cm.h"
#include "random_value.h"

/* The value that plain text says, beside the one that DynamoDB-JSON says, and the text of both. */
static void check_same(const char *plain, const char *typed, const char *written)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *value = NULL;
    struct weir_value *expected = NULL;
    struct weir_error err = {0};
    struct buf out;
    if (plain_parse_value(a, bytes_str(plain), &value, &err) != WEIR_OK ||
        value_to_attribute(a, parsed(a, typed), &expected, &err) != WEIR_OK) {
        fail_msg("%s: %s", plain, err.message);
    }
    assert_int_equal(value->form, VALUE_ATTRIBUTE);
    assert_true(value_equal(value, expected));
    buf_init(&out, 1024 * 1024);
    plain_write_value(&out, value);
    assert_int_equal(buf_status(&out), WEIR_OK);
    assert_bytes_str(buf_bytes(&out), written);
    buf_fini(&out);
    arena_free(a);
}

static void every_type_has_a_plain_form(void **state)
{
    static const struct {
        const char *plain, *typed;
    } table[] = {
        {"\"text\"", "{\"S\":\"text\"}"},
        {"\"\"", "{\"S\":\"\"}"},
        {"12.5", "{\"N\":\"12.5\"}"},
        {"true", "{\"BOOL\":true}"},
        {"false", "{\"BOOL\":false}"},
        {"null", "{\"NULL\":true}"},
        {"[]", "{\"L\":[]}"},
        {"[1,\"a\",null]", "{\"L\":[{\"N\":\"1\"},{\"S\":\"a\"},{\"NULL\":true}]}"},
        {"{}", "{\"M\":{}}"},
        {"{\"a\":{\"b\":1}}", "{\"M\":{\"a\":{\"M\":{\"b\":{\"N\":\"1\"}}}}}"},
        {"{\"$binary\":\"AAEC\"}", "{\"B\":\"AAEC\"}"},
        {"{\"$binary\":\"\"}", "{\"B\":\"\"}"},
        {"{\"$set\":[\"a\",\"b\"]}", "{\"SS\":[\"a\",\"b\"]}"},
        {"{\"$set\":[1,20]}", "{\"NS\":[\"1\",\"20\"]}"},
        {"{\"$set\":[{\"$binary\":\"AA==\"},{\"$binary\":\"AQ==\"}]}",
         "{\"BS\":[\"AA==\",\"AQ==\"]}"},
        {"{\"$map\":{\"$set\":[\"a\"]}}", "{\"M\":{\"$set\":{\"L\":[{\"S\":\"a\"}]}}}"},
        {"{\"$map\":{\"$binary\":\"AA==\"}}", "{\"M\":{\"$binary\":{\"S\":\"AA==\"}}}"},
        {"{\"$map\":{\"$map\":{}}}", "{\"M\":{\"$map\":{\"M\":{}}}}"},
        {"{\"$binary\":1,\"x\":2}", "{\"M\":{\"$binary\":{\"N\":\"1\"},\"x\":{\"N\":\"2\"}}}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        check_same(table[i].plain, table[i].typed, table[i].plain);
    }
}

static void numbers_keep_every_digit(void **state)
{
    static const char *const digits = "12345678901234567890.123456789012345678";
    static const char *const small = "0.00000000000000000000000000000000000001";
    char typed[128];
    (void)state;
    snprintf(typed, sizeof(typed), "{\"N\":\"%s\"}", digits);
    check_same(digits, typed, digits);
    snprintf(typed, sizeof(typed), "{\"N\":\"%s\"}", small);
    check_same("1e-38", typed, small);
    check_same("-0", "{\"N\":\"0\"}", "0");
    check_same("1.50E+1", "{\"N\":\"15\"}", "15");
    check_same("0.1", "{\"N\":\"0.1\"}", "0.1");
}

static void strings_are_unescaped_and_escaped(void **state)
{
    (void)state;
    check_same("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "{\"S\":\"\\\"\\\\/\\b\\f\\n\\r\\t\"}",
               "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
    check_same("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"",
               "{\"S\":\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}",
               "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
    check_same("\"\\u0000\"", "{\"S\":\"\\u0000\"}", "\"\\u0000\"");
    check_same(" [ 1 , { \"a\" : \"\" } ]\r\n\t",
               "{\"L\":[{\"N\":\"1\"},{\"M\":{\"a\":{\"S\":\"\"}}}]}", "[1,{\"a\":\"\"}]");
}

static void an_items_own_members_are_never_special(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *item = NULL;
    struct weir_error err = {0};
    struct buf out;
    (void)state;
    assert_int_equal(plain_parse_item(a, BYTES_LIT("{\"$set\":[1]}"), &item, &err), WEIR_OK);
    assert_int_equal(item->form, VALUE_ITEM);
    assert_true(value_equal(item, item_of(a, "{\"$set\":{\"L\":[{\"N\":\"1\"}]}}")));
    buf_init(&out, 1024);
    plain_write_item(&out, item);
    assert_bytes_str(buf_bytes(&out), "{\"$set\":[1]}");
    buf_fini(&out);
    arena_free(a);
}

static void check_refused(struct weir_bytes text, enum weir_status status, const char *message)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *value = NULL;
    struct weir_error err = {0};
    if (plain_parse_value(a, text, &value, &err) != status ||
        strstr(err.message, message) == NULL) {
        fail_msg("%.*s: %d %s, expected %s", BYTES_ARG(text), (int)err.status, err.message,
                 message);
    }
    assert_null(value);
    arena_free(a);
}

static void what_is_no_json_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *text, *message;
    } table[] = {
        {"", "the text ends where a value belongs at byte 1"},
        {" ", "the text ends where a value belongs at byte 2"},
        {"[1,]", "no JSON value at byte 4"},
        {"[1 2]", "a comma or the end of the array is missing at byte 4"},
        {"{\"a\":1,}", "a member's name is missing at byte 8"},
        {"{\"a\" 1}", "a colon is missing at byte 6"},
        {"{\"a\":1", "a comma or the end of the object is missing at byte 7"},
        {"{a:1}", "a member's name is missing at byte 2"},
        {"\"a", "the text ends inside a string at byte 3"},
        {"\"a\nb\"", "a control character in a string that is not escaped at byte 3"},
        {"\"\\x\"", "a wrong escape in a string at byte 3"},
        {"\"\\u12g4\"", "a wrong escape in a string"},
        {"\"\\ud83d\"", "a wrong escape in a string"},
        {"\"\\ude00\"", "a wrong escape in a string"},
        {"\"\\ud83d\\u0041\"", "a wrong escape in a string"},
        {"\"\\ud83d\\ue000\"", "a wrong escape in a string"},
        {"01", "more text behind the JSON value at byte 2"},
        {"-", "a digit is missing at byte 2"},
        {"1.", "a digit is missing behind the point at byte 3"},
        {"1e", "a digit of the exponent is missing at byte 3"},
        {"+1", "no JSON value at byte 1"},
        {".5", "no JSON value at byte 1"},
        {"NaN", "no JSON value at byte 1"},
        {"nul", "no JSON value at byte 1"},
        {"1 2", "more text behind the JSON value at byte 3"},
        {"\xff", "the text is not UTF-8"},
        {"\"\xed\xa0\x80\"", "the text is not UTF-8"},
        {"{\"$binary\":1}", "\"$binary\" wants a string of Base64"},
        {"{\"$binary\":\"A\"}", "Base64"},
        {"{\"$map\":1}", "\"$map\" wants an object"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        check_refused(bytes_str(table[i].text), WEIR_SERIALIZATION, table[i].message);
    }
    check_refused(bytes_of("\0", 1), WEIR_SERIALIZATION, "no JSON value at byte 1");
}

static void what_dynamodb_does_not_take_is_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } table[] = {
        {"123456789012345678901234567890123456789", "38"},
        {"1e126", "Number overflow"},
        {"1e-131", "Number underflow"},
        {"{\"a\":1,\"a\":2}", "The attribute name is given twice: a"},
        {"{\"$set\":[]}", "\"$set\" wants an array with at least one member"},
        {"{\"$set\":1}", "\"$set\" wants an array with at least one member"},
        {"{\"$set\":[1,\"a\"]}", "\"$set\" wants only strings, only numbers, or only"},
        {"{\"$set\":[null]}", "\"$set\" wants only strings"},
        {"{\"$set\":[\"a\",\"a\"]}", "contains duplicates"},
        {"{\"$set\":[1,1.0]}", "contains duplicates"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        check_refused(bytes_str(table[i].text), WEIR_VALIDATION, table[i].message);
    }
}

/* `levels` arrays around nothing. */
static struct weir_bytes nested(uint8_t *to, size_t levels)
{
    memset(to, '[', levels);
    memset(to + levels, ']', levels);
    return bytes_of(to, 2 * levels);
}

static void nesting_is_bounded(void **state)
{
    static uint8_t text[200000];
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *value = NULL;
    struct weir_error err = {0};
    (void)state;
    assert_int_equal(plain_parse_value(a, nested(text, LIMIT_NESTING_LEVELS), &value, &err),
                     WEIR_OK);
    arena_free(a);
    check_refused(nested(text, LIMIT_NESTING_LEVELS + 1), WEIR_VALIDATION, "Nesting Levels");
    check_refused(nested(text, LIMIT_JSON_DEPTH + 1), WEIR_SERIALIZATION, "too many levels");
    check_refused(bytes_of(memset(text, '[', sizeof(text)), sizeof(text)), WEIR_SERIALIZATION,
                  "too many levels");
}

static void an_item_is_an_object(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *item = NULL;
    struct weir_error err = {0};
    (void)state;
    assert_int_equal(plain_parse_item(a, BYTES_LIT("[1]"), &item, &err), WEIR_SERIALIZATION);
    assert_string_equal(err.message, "an item is a JSON object");
    arena_free(a);
}

static void a_full_arena_fails_the_call(void **state)
{
    struct arena *a = arena_new(64);
    struct weir_value *item = NULL;
    struct weir_error err = {0};
    (void)state;
    assert_int_equal(
        plain_parse_item(a, BYTES_LIT("{\"a\":[1,2,3],\"b\":{\"c\":\"d\"}}"), &item, &err),
        WEIR_NO_MEMORY);
    arena_free(a);
}

static void what_was_written_reads_as_an_equal_item(void **state)
{
    (void)state;
    random_start("what_was_written_reads_as_an_equal_item");
    for (unsigned round = 0; round < 3000; round++) {
        struct arena *a = arena_new(TEST_ARENA_BYTES);
        struct weir_value *item = random_item(a);
        struct weir_value *again = NULL;
        struct weir_error err = {0};
        struct buf out;
        buf_init(&out, 16 * 1024 * 1024);
        plain_write_item(&out, item);
        assert_int_equal(buf_status(&out), WEIR_OK);
        if (plain_parse_item(a, buf_bytes(&out), &again, &err) != WEIR_OK) {
            fail_msg("%.*s: %s", BYTES_ARG(buf_bytes(&out)), err.message);
        }
        assert_true(value_equal(item, again));
        buf_fini(&out);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_a_plain_form),
        cmocka_unit_test(numbers_keep_every_digit),
        cmocka_unit_test(strings_are_unescaped_and_escaped),
        cmocka_unit_test(an_items_own_members_are_never_special),
        cmocka_unit_test(what_is_no_json_is_refused_with_its_place),
        cmocka_unit_test(what_dynamodb_does_not_take_is_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(an_item_is_an_object),
        cmocka_unit_test(a_full_arena_fails_the_call),
        cmocka_unit_test(what_was_written_reads_as_an_equal_item),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
