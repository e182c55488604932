/* SPDX-License-Identifier: Apache-2.0 */
/* Items as text: document paths, JSON in both directions. */
#include "unit/client/item_text.h"

#include "base/env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define DIGITS_38 "12345678901234567890123456789012345678"

/* ---- paths ----------------------------------------------------------------------------------- */

static void paths_lead_to_values(void **state)
{
    static const struct {
        const char *path;
        enum weir_status status;
        const char *text;
    } cases[] = {
        {"address.lines[1]", WEIR_OK, "two"},
        {"address.city", WEIR_OK, "C"},
        {"a\\.b", WEIR_OK, "dot"},
        {"a\\[0\\]", WEIR_OK, "bracket"},
        {"a\\\\", WEIR_OK, "backslash"},
        {"\\p\\l\\a\\i\\n", WEIR_OK, "p"},
        {"grid[0][1]", WEIR_OK, "cell"},
        {"grid[0][2]", WEIR_NOT_FOUND, ""},
        {"grid[1]", WEIR_NOT_FOUND, ""},
        {"grid[999999999]", WEIR_NOT_FOUND, ""},
        {"grid.x", WEIR_NOT_FOUND, ""},
        {"address[0]", WEIR_NOT_FOUND, ""},
        {"tags[0]", WEIR_NOT_FOUND, ""},
        {"plain.x", WEIR_NOT_FOUND, ""},
        {"no", WEIR_NOT_FOUND, ""},
        {"a.b", WEIR_NOT_FOUND, ""},
        {"", WEIR_INVALID_ARGUMENT, ""},
        {".", WEIR_INVALID_ARGUMENT, ""},
        {"no..x", WEIR_INVALID_ARGUMENT, ""},
        {"no.", WEIR_INVALID_ARGUMENT, ""},
        {"no[", WEIR_INVALID_ARGUMENT, ""},
        {"no[]", WEIR_INVALID_ARGUMENT, ""},
        {"no[x]", WEIR_INVALID_ARGUMENT, ""},
        {"no[-1]", WEIR_INVALID_ARGUMENT, ""},
        {"no[1", WEIR_INVALID_ARGUMENT, ""},
        {"no[1]x", WEIR_INVALID_ARGUMENT, ""},
        {"no]", WEIR_INVALID_ARGUMENT, ""},
        {"no\\", WEIR_INVALID_ARGUMENT, ""},
        {"no[1000000000]", WEIR_INVALID_ARGUMENT, ""},
    };
    (void)state;
    struct weir_item *item =
        item_of("{\"address\":{\"M\":{\"city\":{\"S\":\"C\"},\"lines\":{\"L\":[{\"S\":\"one\"},"
                "{\"S\":\"two\"}]}}},\"a.b\":{\"S\":\"dot\"},\"a[0]\":{\"S\":\"bracket\"},"
                "\"a\\\\\":{\"S\":\"backslash\"},\"plain\":{\"S\":\"p\"},\"tags\":{\"SS\":[\"t\"]},"
                "\"grid\":{\"L\":[{\"L\":[{\"NULL\":true},{\"S\":\"cell\"}]}]}}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct weir_value *value = NULL;
        const char *text = NULL;
        size_t len = 0;
        enum weir_status status = weir_item_find(item, WEIR_STR(cases[i].path), &value, NULL);
        if (status != cases[i].status) {
            fail_msg("%s: %s", cases[i].path, weir_status_name(status));
        }
        if (status == WEIR_OK) {
            assert_int_equal(weir_value_string(value, &text, &len, NULL), WEIR_OK);
            assert_text(text, len, cases[i].text);
        }
    }
    weir_item_free(item);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void plain_json_keeps_every_digit(void **state)
{
    static const char json[] = "{\"b\":{\"$binary\":\"AP8=\"},\"n\":" DIGITS_38 ",\"pk\":\"x\","
                               "\"s\":{\"$set\":[1,2]},\"tenth\":0.1}";
    (void)state;
    struct weir_item *item = NULL;
    struct weir_error err = {0};
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(weir_item_from_plain_json(json, strlen(json), &item, &err), WEIR_OK);
    assert_int_equal(weir_item_to_plain_json(item, &text, &len, &err), WEIR_OK);
    assert_text(text, len, json);
    assert_item(item,
                "{\"b\":{\"B\":\"AP8=\"},\"n\":{\"N\":\"" DIGITS_38 "\"},\"pk\":{\"S\":\"x\"},"
                "\"s\":{\"NS\":[\"1\",\"2\"]},\"tenth\":{\"N\":\"0.1\"}}");
    weir_free(text);
    weir_item_free(item);
}

static void wrong_json_is_refused(void **state)
{
    static const struct {
        const char *json;
        enum weir_status typed;
        enum weir_status plain;
    } cases[] = {
        {"", WEIR_SERIALIZATION, WEIR_SERIALIZATION},
        {"[]", WEIR_SERIALIZATION, WEIR_SERIALIZATION},
        {"null", WEIR_SERIALIZATION, WEIR_SERIALIZATION},
        {"{\"a\":}", WEIR_SERIALIZATION, WEIR_SERIALIZATION},
        {"{\"a\":1,\"a\":2}", WEIR_SERIALIZATION, WEIR_VALIDATION},
        {"{\"a\":" DIGITS_38 "1}", WEIR_SERIALIZATION, WEIR_VALIDATION},
        {"{\"a\":{\"N\":\"x\"}}", WEIR_VALIDATION, WEIR_OK},
        {"{\"a\":{\"$set\":[]}}", WEIR_VALIDATION, WEIR_VALIDATION},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct weir_item *item = NULL;
        struct weir_error err = {0};
        enum weir_status status = weir_item_from_json(WEIR_STR(cases[i].json), &item, &err);
        if (status != cases[i].typed) {
            fail_msg("typed %s: %s %s", cases[i].json, weir_status_name(status), err.message);
        }
        assert_null(item);
        status = weir_item_from_plain_json(WEIR_STR(cases[i].json), &item, &err);
        if (status != cases[i].plain) {
            fail_msg("plain %s: %s %s", cases[i].json, weir_status_name(status), err.message);
        }
        weir_item_free(item);
    }
}

/* ---- random round trips ---------------------------------------------------------------------- */

static struct weir_env *chance;

static unsigned below(unsigned bound)
{
    return (unsigned)env_random_below(chance, bound);
}

static size_t random_text(char *to)
{
    static const char *const pieces[] = {"a", "\"", "\\",  "\n",  "\xc3\xa9",
                                         "$", ".",  "[0]", "$set"};
    size_t len = 0;
    for (unsigned count = below(4); count > 0; count--) {
        const char *piece = pieces[below(9)];
        memcpy(to + len, piece, strlen(piece));
        len += strlen(piece);
    }
    return len;
}

static size_t random_number(char *to)
{
    size_t len = 0;
    if (below(2) == 0) {
        to[len++] = '-';
    }
    for (unsigned count = 1 + below(20); count > 0; count--) {
        to[len++] = (char)('0' + below(10));
    }
    return len + (size_t)sprintf(to + len, ".%ue%d", below(100000), (int)below(200) - 100);
}

static void random_set(struct weir_item *item, const char *name, size_t name_len)
{
    static const struct weir_text texts[] = {{"b", 1}, {"", 0}, {"\xc3\xa9", 2}};
    static const struct weir_text numbers[] = {{"1e2", 3}, {"-0.5", 4}, {"7", 1}};
    uint32_t count = 1 + below(3);
    switch (below(3)) {
    case 0:
        (void)weir_item_set_string_set(item, name, name_len, texts, count);
        break;
    case 1:
        (void)weir_item_set_number_set(item, name, name_len, numbers, count);
        break;
    default:
        (void)weir_item_set_binary_set(item, name, name_len, texts, count);
    }
}

static void random_value(struct weir_item *item, const char *name, size_t name_len, unsigned level);

static void random_members(struct weir_item *item, bool named, unsigned level)
{
    for (unsigned count = below(5); count > 0; count--) {
        char name[64] = "";
        size_t len = named ? random_text(name) : 0;
        if (named && len == 0) {
            name[len++] = 'k';
        }
        random_value(item, named ? name : NULL, len, level);
    }
}

static void random_value(struct weir_item *item, const char *name, size_t name_len, unsigned level)
{
    char text[128];
    switch (below(level < 5 ? 9 : 6)) {
    case 0:
        (void)weir_item_set_string(item, name, name_len, text, random_text(text));
        break;
    case 1:
        (void)weir_item_set_number(item, name, name_len, text, random_number(text));
        break;
    case 2:
        chance->random(chance, text, 16);
        (void)weir_item_set_binary(item, name, name_len, text, below(17));
        break;
    case 3:
        (void)weir_item_set_bool(item, name, name_len, (int32_t)below(2));
        break;
    case 4:
        (void)weir_item_set_null(item, name, name_len);
        break;
    case 5:
        random_set(item, name, name_len);
        break;
    case 6:
        (void)weir_item_begin_list(item, name, name_len);
        random_members(item, false, level + 1);
        (void)weir_item_end(item);
        break;
    default:
        (void)weir_item_begin_map(item, name, name_len);
        random_members(item, true, level + 1);
        (void)weir_item_end(item);
    }
}

static void random_items_survive_both_forms_of_json(void **state)
{
    (void)state;
    uint64_t seed = 0;
    const char *given = getenv("WEIR_TEST_SEED");
    env_system()->random(env_system(), &seed, sizeof(seed));
    seed = given != NULL ? strtoull(given, NULL, 10) : seed;
    print_message("rerun with WEIR_TEST_SEED=%llu\n", (unsigned long long)seed);
    chance = env_fake_new(seed, 0);
    for (int round = 0; round < 300; round++) {
        struct weir_item *item = new_item();
        struct weir_item *back = NULL;
        struct weir_item *again = NULL;
        struct weir_error err = {0};
        char *json = NULL;
        size_t len = 0;
        random_members(item, true, 1);
        if (weir_item_to_json(item, &json, &len, &err) != WEIR_OK ||
            weir_item_from_json(json, len, &back, &err) != WEIR_OK) {
            fail_msg("%s: %s", json == NULL ? "" : json, err.message);
        }
        assert_int_equal(weir_item_equal(item, back), 1);
        assert_int_equal(weir_item_bytes(item), weir_item_bytes(back));
        weir_free(json);
        if (weir_item_to_plain_json(item, &json, &len, &err) != WEIR_OK ||
            weir_item_from_plain_json(json, len, &again, &err) != WEIR_OK) {
            fail_msg("%s: %s", json, err.message);
        }
        assert_int_equal(weir_item_equal(item, again), 1);
        weir_free(json);
        weir_item_free(again);
        weir_item_free(back);
        weir_item_free(item);
    }
    env_fake_free(chance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_to_values),
        cmocka_unit_test(plain_json_keeps_every_digit),
        cmocka_unit_test(wrong_json_is_refused),
        cmocka_unit_test(random_items_survive_both_forms_of_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
