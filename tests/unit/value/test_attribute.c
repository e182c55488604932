/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#define INVALID "One or more parameter values were invalid: "

static void refused(const char *attribute, enum weir_status status, const char *message)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *value = NULL;
    struct weir_error err = {0};
    struct weir_value *doc = parsed(a, attribute);

    assert_int_equal(value_to_attribute(a, doc, &value, &err), status);
    assert_string_equal(err.message, message);
    assert_null(value);
    /* The same inside an item, and deeper. */
    char text[4096];
    (void)snprintf(text, sizeof(text), "{\"x\":{\"M\":{\"y\":{\"L\":[%s]}}}}", attribute);
    assert_int_equal(value_to_item(a, parsed(a, text), &value, &err), status);
    assert_string_equal(err.message, message);
    assert_null(value);
    arena_free(a);
}

static void becomes(const char *attribute, const char *expected)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *value = NULL;
    struct weir_error err = {0};

    if (value_to_attribute(a, parsed(a, attribute), &value, &err) != WEIR_OK) {
        fail_msg("%s: %s", attribute, err.message);
    }
    assert_int_equal(value->form, VALUE_ATTRIBUTE);
    assert_written(value, expected);
    arena_free(a);
}

static void attributes_become_canonical(void **state)
{
    (void)state;
    becomes("{\"S\":\"\"}", "{\"S\":\"\"}");
    becomes("{\"N\":\"-01.50E1\"}", "{\"N\":\"-15\"}");
    becomes("{\"B\":\"\"}", "{\"B\":\"\"}");
    becomes("{\"B\":\"AAE=\"}", "{\"B\":\"AAE=\"}");
    becomes("{\"BOOL\":false}", "{\"BOOL\":false}");
    becomes("{\"NULL\":true}", "{\"NULL\":true}");
    becomes("{\"M\":{\"b\":{\"S\":\"1\"},\"a\":{\"S\":\"2\"}}}",
            "{\"M\":{\"a\":{\"S\":\"2\"},\"b\":{\"S\":\"1\"}}}");
    becomes("{\"L\":[{\"S\":\"b\"},{\"S\":\"a\"}]}", "{\"L\":[{\"S\":\"b\"},{\"S\":\"a\"}]}");
    becomes("{\"M\":{}}", "{\"M\":{}}");
    becomes("{\"SS\":[\"b\",\"\",\"a\"]}", "{\"SS\":[\"\",\"a\",\"b\"]}");
    becomes("{\"NS\":[\"10\",\"9\",\"-1e1\"]}", "{\"NS\":[\"-10\",\"9\",\"10\"]}");
    becomes("{\"BS\":[\"/w==\",\"AA==\",\"\"]}", "{\"BS\":[\"\",\"AA==\",\"/w==\"]}");
    becomes("{\"S\":\"x\",\"N\":null,\"unknown\":[1]}", "{\"S\":\"x\"}");
}

static void values_are_refused_with_the_service_s_words(void **state)
{
    const char *empty =
        "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes";
    const char *several = "Supplied AttributeValue has more than one datatypes set, must contain "
                          "exactly one of the supported datatypes";

    (void)state;
    refused("{}", WEIR_VALIDATION, empty);
    refused("{\"a\":\"\"}", WEIR_VALIDATION, empty);
    refused("{\"S\":null}", WEIR_VALIDATION, empty);
    refused("null", WEIR_VALIDATION, empty);
    refused("{\"S\":\"a\",\"N\":\"1\"}", WEIR_VALIDATION, several);
    refused("{\"S\":\"a\",\"N\":\"b\"}", WEIR_VALIDATION,
            "The parameter cannot be converted to a numeric value: b");
    refused("{\"N\":\"\"}", WEIR_VALIDATION,
            "The parameter cannot be converted to a numeric value");
    refused("{\"NS\":[\"1\",\"b\"]}", WEIR_VALIDATION,
            "The parameter cannot be converted to a numeric value: b");
    refused("{\"N\":\"123456789012345678901234567890123456789\"}", WEIR_VALIDATION,
            "Attempting to store more than 38 significant digits in a Number");
    refused("{\"SS\":[]}", WEIR_VALIDATION, INVALID "An string set  may not be empty");
    refused("{\"NS\":[]}", WEIR_VALIDATION, INVALID "An number set  may not be empty");
    refused("{\"BS\":[]}", WEIR_VALIDATION, INVALID "Binary sets should not be empty");
    refused("{\"SS\":[\"a\",\"a\"]}", WEIR_VALIDATION,
            INVALID "Input collection [a, a] contains duplicates.");
    refused("{\"SS\":[\"b\",\"a\",\"b\"]}", WEIR_VALIDATION,
            INVALID "Input collection [b, a, b] contains duplicates.");
    refused("{\"BS\":[\"Yg==\",\"Yg==\"]}", WEIR_VALIDATION,
            INVALID "Input collection [Yg==, Yg==]of type BS contains duplicates.");
    refused("{\"NS\":[\"1\",\"1.0\"]}", WEIR_VALIDATION, "Input collection contains duplicates");
    refused("{\"NULL\":false}", WEIR_VALIDATION,
            INVALID "Null attribute value types must have the value of true");
    refused("{\"SS\":[null]}", WEIR_VALIDATION, INVALID "A set may not contain null");
}

static void wrong_json_types_are_refused_with_the_service_s_words(void **state)
{
    static const struct {
        const char *attribute, *message;
    } vectors[] = {
        {"{\"S\":true}", "TRUE_VALUE cannot be converted to String"},
        {"{\"S\":false}", "FALSE_VALUE cannot be converted to String"},
        {"{\"N\":23}", "NUMBER_VALUE cannot be converted to String"},
        {"{\"N\":2147483648}", "NUMBER_VALUE cannot be converted to String"},
        {"{\"N\":34.56}", "DECIMAL_VALUE cannot be converted to String"},
        {"{\"S\":[]}", "Unrecognized collection type class java.lang.String"},
        {"{\"S\":{}}", "Start of structure or map found where not expected"},
        {"{\"B\":true}", "only base-64-encoded strings are convertible to bytes"},
        {"{\"B\":23}", "only base-64-encoded strings are convertible to bytes"},
        {"{\"B\":[]}", "Unrecognized collection type class java.nio.ByteBuffer"},
        {"{\"B\":{}}", "Start of structure or map found where not expected"},
        {"{\"B\":\"23456\"}",
         "Base64 encoded length is expected a multiple of 4 bytes but found: 5"},
        {"{\"B\":\"=+/=\"}", "Invalid last non-pad Base64 character dectected"},
        {"{\"B\":\"+/+=\"}", "Invalid last non-pad Base64 character dectected"},
        {"{\"B\":\"+===\"}", "Invalid Base64 character found"},
        {"{\"B\":\"====\"}", "Invalid Base64 character found"},
        {"{\"B\":\"a-_b\"}", "Invalid Base64 character found"},
        {"{\"BOOL\":\"23\"}", "Unexpected token received from parser"},
        {"{\"BOOL\":23}", "NUMBER_VALUE cannot be converted to Boolean"},
        {"{\"NULL\":34.56}", "DECIMAL_VALUE cannot be converted to Boolean"},
        {"{\"NULL\":[]}", "Unrecognized collection type class java.lang.Boolean"},
        {"{\"BOOL\":{}}", "Start of structure or map found where not expected"},
        {"{\"SS\":\"23\"}", "Unexpected field type"},
        {"{\"NS\":23}", "Unexpected field type"},
        {"{\"BS\":{}}", "Start of structure or map found where not expected"},
        {"{\"L\":true}", "Unexpected field type"},
        {"{\"SS\":[1]}", "NUMBER_VALUE cannot be converted to String"},
        {"{\"BS\":[1.5]}", "only base-64-encoded strings are convertible to bytes"},
        {"{\"BS\":[\"a\"]}",
         "Base64 encoded length is expected a multiple of 4 bytes but found: 1"},
        {"{\"L\":[\"23\"]}", "Unexpected value type in payload"},
        {"{\"L\":[[]]}",
         "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue"},
        {"{\"M\":\"23\"}", "Unexpected field type"},
        {"{\"M\":[]}", "Unrecognized collection type java.util.Map<java.lang.String, "
                       "com.amazonaws.dynamodb.v20120810.AttributeValue>"},
        {"{\"M\":{\"a\":true}}", "Unexpected value type in payload"},
        {"23", "Unexpected value type in payload"},
        {"[]", "Unrecognized collection type class "
               "com.amazonaws.dynamodb.v20120810.AttributeValue"},
        /* Found before any value is looked at. */
        {"{\"N\":\"x\",\"L\":[{\"S\":1}]}", "NUMBER_VALUE cannot be converted to String"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        refused(vectors[i].attribute, WEIR_SERIALIZATION, vectors[i].message);
    }
}

static void an_item_must_be_a_map(void **state)
{
    static const char *const others[] = {"null", "1", "\"x\"", "[]", "true"};
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *item = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(value_to_item(a, parsed(a, others[i]), &item, NULL), WEIR_SERIALIZATION);
    }
    arena_free(a);
}

/* {"x": <levels - 1 lists around a string>} */
static char *nested(struct arena *a, unsigned levels)
{
    struct buf text;
    buf_init(&text, 1024 * 1024);
    buf_put_str(&text, "{\"x\":");
    for (unsigned i = 1; i < levels; i++) {
        buf_put_str(&text, i % 2 == 0 ? "{\"L\":[" : "{\"M\":{\"y\":");
    }
    buf_put_str(&text, "{\"S\":\"\"}");
    for (unsigned i = levels - 1; i > 0; i--) {
        buf_put_str(&text, i % 2 == 0 ? "]}" : "}}");
    }
    buf_put_str(&text, "}");
    buf_put_u8(&text, 0);
    char *copy = (char *)(uintptr_t)arena_dup(a, buf_bytes(&text)).ptr;
    buf_fini(&text);
    return copy;
}

static void nesting_of_32_levels_is_taken_and_33_refused(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *item = NULL;
    struct weir_error err = {0};

    (void)state;
    item = item_of(a, nested(a, 32));
    assert_int_equal(value_depth(value_get(item, "x")), 32);
    assert_int_equal(value_to_item(a, parsed(a, nested(a, 33)), &item, &err), WEIR_VALIDATION);
    assert_string_equal(err.message, "Nesting Levels have exceeded supported limits: Attributes in "
                                     "the item have nested levels beyond supported limit");
    /* The document may be deep enough for 60 levels of items: not the parser says no. */
    assert_int_equal(value_to_item(a, parsed(a, nested(a, 60)), &item, &err), WEIR_VALIDATION);
    arena_free(a);
}

static void attribute_nodes_are_taken_as_they_are(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *item = item_of(a, "{\"k\":{\"S\":\"x\"}}");
    struct weir_value *back = NULL;

    (void)state;
    assert_int_equal(value_to_item(a, item, &back, NULL), WEIR_OK);
    assert_ptr_equal(back, item);
    assert_int_equal(value_to_attribute(a, value_get(item, "k"), &back, NULL), WEIR_OK);
    assert_ptr_equal(back, value_get(item, "k"));
    /* A document that was built in this process may hold both kinds. */
    struct weir_value *mixed = value_new_map(a, VALUE_PLAIN);
    value_add_value(a, mixed, "z", value_get(item, "k"));
    value_add_value(a, mixed, "a", parsed(a, "{\"N\":\"2.0\"}"));
    assert_int_equal(value_to_item(a, mixed, &back, NULL), WEIR_OK);
    assert_written(back, "{\"a\":{\"N\":\"2\"},\"z\":{\"S\":\"x\"}}");
    arena_free(a);
}

static void strings_are_borrowed(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value *doc = parsed(a, "{\"name\":{\"S\":\"text\"}}");
    struct weir_value *item = NULL;

    (void)state;
    assert_int_equal(value_to_item(a, doc, &item, NULL), WEIR_OK);
    assert_ptr_equal(value_get(item, "name")->u.bytes.ptr,
                     value_get(value_get(doc, "name"), "S")->u.bytes.ptr);
    arena_free(a);
}

/* Every size of arena up to enough: the answer is a value or WEIR_NO_MEMORY. */
static void lack_of_memory_is_reported(void **state)
{
    const char *text =
        "{\"a\":{\"M\":{\"b\":{\"L\":[{\"NS\":[\"01\",\"2.0\"]},{\"B\":\"AAAA\"}]}}},"
        "\"n\":{\"N\":\"1e3\"},\"s\":{\"BS\":[\"AA==\",\"AQ==\"]}}";
    struct arena *docs = arena_new(TEST_ARENA_BYTES);
    enum weir_status status = WEIR_NO_MEMORY;

    (void)state;
    for (size_t bytes = 1; status != WEIR_OK; bytes += 8) {
        struct arena *a = arena_new(bytes);
        struct weir_value *item = NULL;
        status = value_to_item(a, parsed(docs, text), &item, NULL);
        assert_true(status == WEIR_OK ? item != NULL : status == WEIR_NO_MEMORY);
        arena_free(a);
    }
    arena_free(docs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_become_canonical),
        cmocka_unit_test(values_are_refused_with_the_service_s_words),
        cmocka_unit_test(wrong_json_types_are_refused_with_the_service_s_words),
        cmocka_unit_test(an_item_must_be_a_map),
        cmocka_unit_test(nesting_of_32_levels_is_taken_and_33_refused),
        cmocka_unit_test(attribute_nodes_are_taken_as_they_are),
        cmocka_unit_test(strings_are_borrowed),
        cmocka_unit_test(lack_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
