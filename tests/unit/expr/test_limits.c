/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits at and one past them, depth and length, memory running out, and what a tree may be used
 * for after its text is gone.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "expr/expr.h"

#define ARENA_BYTES (16 * 1024 * 1024)

struct fixture {
    struct arena *arena;
    struct buf text;
    struct expr_names names;
    struct weir_error err;
};

static int set_up(void **state)
{
    static const char values_json[] = "{\":v\":{\"N\":\"1\"},\":l\":{\"L\":[]}}";
    struct fixture *f = calloc(1, sizeof(*f));
    struct weir_value *doc = NULL;
    struct weir_value *values = NULL;
    assert_non_null(f);
    f->arena = arena_new(ARENA_BYTES);
    buf_init(&f->text, 64 * 1024);
    assert_int_equal(json_parse(f->arena, bytes_str(values_json), &doc, NULL), WEIR_OK);
    assert_int_equal(value_to_item(f->arena, doc, &values, NULL), WEIR_OK);
    assert_int_equal(expr_names_init(f->arena, NULL, values, &f->names, NULL), WEIR_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    buf_fini(&f->text);
    arena_free(f->arena);
    free(f);
    return 0;
}

static void repeat(struct fixture *f, const char *piece, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        buf_put_str(&f->text, piece);
    }
}

static struct expr_condition *parse(struct fixture *f)
{
    struct expr_condition *condition = NULL;
    memset(&f->err, 0, sizeof(f->err));
    if (expr_parse_condition(f->arena, EXPR_CONDITION, buf_bytes(&f->text), &f->names, &condition,
                             &f->err) != WEIR_OK) {
        return NULL;
    }
    return condition;
}

static void assert_refused(struct fixture *f, const char *message)
{
    assert_null(parse(f));
    assert_int_equal(f->err.status, WEIR_VALIDATION);
    assert_string_equal(f->err.message, message);
    buf_reset(&f->text);
}

static void assert_accepted(struct fixture *f)
{
    bool matches = false;
    struct expr_condition *condition = parse(f);
    assert_string_equal(f->err.message, "");
    assert_non_null(condition);
    assert_int_equal(expr_matches(f->arena, condition, NULL, &matches, NULL), WEIR_OK);
    buf_reset(&f->text);
}

static const char too_many_operators[] =
    "Invalid ConditionExpression: The expression contains too many operators; operator count: 301";

static void expression_size_is_limited(void **state)
{
    struct fixture *f = *state;
    repeat(f, " ", LIMIT_EXPRESSION_BYTES - 6);
    buf_put_str(&f->text, "a = :v");
    assert_accepted(f);
    repeat(f, " ", LIMIT_EXPRESSION_BYTES - 5);
    buf_put_str(&f->text, "a = :v");
    assert_refused(f, "Invalid ConditionExpression: Expression size has exceeded the maximum "
                      "allowed size; expression size: 4097");
}

static void operators_are_limited(void **state)
{
    struct fixture *f = *state;
    buf_put_str(&f->text, "NOT a<:v"); /* 2 and 2 a repetition: 300 */
    repeat(f, " or a<:v", 149);
    assert_accepted(f);
    buf_put_str(&f->text, "a<:v AND NOT NOT a<:v");
    repeat(f, " or a<:v", 148);
    assert_refused(f, too_many_operators);
    buf_put_str(&f->text, "a<:v"); /* as many as fit */
    repeat(f, " or a<:v", 500);
    assert_refused(f, too_many_operators);
}

static void operands_of_in_are_limited(void **state)
{
    struct fixture *f = *state;
    buf_put_str(&f->text, "a IN (:v");
    repeat(f, ",:v", LIMIT_EXPRESSION_IN_OPERANDS - 1);
    buf_put_str(&f->text, ")");
    assert_accepted(f);
    buf_put_str(&f->text, "a IN (:v");
    repeat(f, ",:v", LIMIT_EXPRESSION_IN_OPERANDS);
    buf_put_str(&f->text, ")");
    assert_refused(f, "Invalid ConditionExpression: The IN operator is provided with too many "
                      "operands; number of operands: 101");
}

/* Each level of parentheses could be a condition or an operand; no level may be read twice. */
static void nested_or_is_linear(void **state)
{
    struct fixture *f = *state;
    repeat(f, "(a=:v or ", 149);
    buf_put_str(&f->text, "a=:v");
    repeat(f, ")", 149);
    assert_accepted(f);
    repeat(f, "NOT (", 290);
    buf_put_str(&f->text, "a=:v");
    repeat(f, ")", 290);
    assert_accepted(f);
}

static void depth_is_bounded(void **state)
{
    struct fixture *f = *state;
    repeat(f, "(", LIMIT_EXPRESSION_BYTES);
    assert_refused(f, too_many_operators);
    repeat(f, "not ", LIMIT_EXPRESSION_BYTES / 4);
    assert_refused(f, too_many_operators);
    repeat(f, "f(", LIMIT_EXPRESSION_BYTES / 2);
    assert_refused(f, too_many_operators);
    buf_put_str(&f->text, "a = ");
    repeat(f, "(", LIMIT_EXPRESSION_BYTES - 4);
    assert_refused(f, too_many_operators);
    repeat(f, "a=:v AND (", 320);
    buf_put_str(&f->text, "a=:v");
    repeat(f, ")", 320);
    assert_refused(f, too_many_operators);
}

static void update_depth_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct expr_update *update = NULL;
    buf_put_str(&f->text, "SET a = ");
    repeat(f, "(", LIMIT_EXPRESSION_BYTES - 8);
    assert_int_equal(expr_parse_update(f->arena, buf_bytes(&f->text), &f->names, &update, &f->err),
                     WEIR_VALIDATION);
    assert_string_equal(f->err.message, "Invalid UpdateExpression: The expression contains too "
                                        "many operators; operator count: 301");
}

/* a.a...a with `parts` parts, each inside the one before it. */
static struct weir_value *nested_item(struct fixture *f, unsigned parts)
{
    struct weir_value *item = value_new_map(f->arena, VALUE_ITEM);
    struct weir_value *at = value_add(f->arena, item, BYTES_LIT("a"));
    for (unsigned i = 1; i < parts; i++) {
        *at = *value_new_map(f->arena, VALUE_ATTRIBUTE);
        at = value_add(f->arena, at, BYTES_LIT("a"));
    }
    *at = *value_new_map(f->arena, VALUE_ATTRIBUTE);
    return item;
}

static enum weir_status set_below(struct fixture *f, unsigned parts, const char *value)
{
    struct expr_update *update = NULL;
    struct weir_value *updated = NULL;
    buf_reset(&f->text);
    buf_put_str(&f->text, "SET ");
    repeat(f, "a.", parts);
    buf_put_str(&f->text, "b = ");
    buf_put_str(&f->text, value);
    assert_int_equal(expr_parse_update(f->arena, buf_bytes(&f->text), &f->names, &update, &f->err),
                     WEIR_OK);
    return expr_apply_update(f->arena, update, nested_item(f, parts), &updated, &f->err);
}

static void update_keeps_to_the_nesting_limit(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(set_below(f, LIMIT_NESTING_LEVELS - 1, ":v"), WEIR_OK);
    assert_int_equal(set_below(f, LIMIT_NESTING_LEVELS - 1, ":l"), WEIR_OK);
    assert_int_equal(set_below(f, LIMIT_NESTING_LEVELS - 1, "a"), WEIR_VALIDATION);
    assert_string_equal(f->err.message,
                        "Nesting Levels have exceeded supported limits: Attributes in the item "
                        "have nested levels beyond supported limit");
}

static void long_placeholders_are_refused(void **state)
{
    struct fixture *f = *state;
    for (unsigned length = LIMIT_PLACEHOLDER_BYTES; length <= LIMIT_PLACEHOLDER_BYTES + 1;
         length++) {
        struct expr_names names = {0};
        struct weir_value *doc = value_new_map(f->arena, VALUE_PLAIN);
        buf_reset(&f->text);
        buf_put_str(&f->text, "#");
        repeat(f, "a", length - 1);
        buf_put_u8(&f->text, 0);
        value_add_str(f->arena, doc, (const char *)f->text.ptr, BYTES_LIT("x"));
        enum weir_status status = expr_names_init(f->arena, doc, NULL, &names, &f->err);
        assert_int_equal(status, length > LIMIT_PLACEHOLDER_BYTES ? WEIR_VALIDATION : WEIR_OK);
    }
    assert_string_equal(f->err.message,
                        "ExpressionAttributeNames contains invalid key: The expression attribute "
                        "map contains a key that is too long; size of key: 256");
}

static void running_out_of_memory_fails_the_call(void **state)
{
    struct fixture *f = *state;
    static const char condition_text[] = "a.b[1] = :v AND (contains(c, :v) OR NOT d IN (:v, e))";
    static const char update_text[] = "SET a = if_not_exists(b, :v) + :v, c = list_append(d, :l)";
    unsigned refused = 0;
    for (size_t bytes = 1; bytes < 16 * 1024; bytes += 61) {
        struct arena *small = arena_new(bytes);
        struct expr_condition *condition = NULL;
        struct expr_update *update = NULL;
        struct expr_projection *projection = NULL;
        struct weir_error err = {0};
        enum weir_status statuses[] = {
            expr_parse_condition(small, EXPR_CONDITION, BYTES_LIT(condition_text), &f->names,
                                 &condition, &err),
            expr_parse_update(small, BYTES_LIT(update_text), &f->names, &update, &err),
            expr_parse_projection(small, BYTES_LIT("a.b, c[1], d"), &f->names, &projection, &err),
        };
        for (size_t i = 0; i < 3; i++) {
            assert_true(statuses[i] == WEIR_OK || statuses[i] == WEIR_NO_MEMORY);
            refused += statuses[i] == WEIR_NO_MEMORY;
        }
        arena_free(small);
    }
    assert_true(refused > 10);
}

static void a_tree_outlives_its_text(void **state)
{
    struct fixture *f = *state;
    buf_put_str(&f->text, "attribute_not_exists(abc.d[2]) AND NOT x = :v");
    struct expr_condition *condition = parse(f);
    assert_non_null(condition);
    memset(f->text.ptr, '!', f->text.len);
    bool matches = false;
    assert_int_equal(expr_matches(f->arena, condition, NULL, &matches, NULL), WEIR_OK);
    assert_true(matches);
}

struct seen {
    char names[256];
    unsigned stop_after;
};

static bool note(void *arg, struct weir_bytes name)
{
    struct seen *seen = arg;
    size_t length = strlen(seen->names);
    (void)snprintf(seen->names + length, sizeof(seen->names) - length, "%.*s ", BYTES_ARG(name));
    return --seen->stop_after > 0;
}

static void names_are_visited_until_the_visitor_stops(void **state)
{
    struct fixture *f = *state;
    struct expr_update *update = NULL;
    struct seen all = {.stop_after = 100};
    struct seen some = {.stop_after = 2};
    struct seen written = {.stop_after = 100};
    buf_put_str(&f->text, "a.b = :v AND (c[1] < size(d) OR NOT attribute_exists(e))");
    struct expr_condition *condition = parse(f);
    assert_true(expr_condition_each_name(condition, note, &all));
    assert_string_equal(all.names, "a c d e ");
    assert_false(expr_condition_each_name(condition, note, &some));
    assert_string_equal(some.names, "a c ");
    assert_int_equal(expr_parse_update(f->arena, BYTES_LIT("SET b.c = a, b.d = :v REMOVE f"),
                                       &f->names, &update, &f->err),
                     WEIR_OK);
    assert_true(expr_update_each_name(update, note, &written));
    assert_string_equal(written.names, "b f ");
}

static void update_shares_what_it_leaves_alone(void **state)
{
    struct fixture *f = *state;
    struct expr_update *update = NULL;
    struct weir_value *updated = NULL;
    struct weir_value *doc = NULL;
    struct weir_value *item = NULL;
    static const char json[] = "{\"a\":{\"L\":[{\"S\":\"x\"}]},\"b\":{\"N\":\"1\"}}";
    assert_int_equal(json_parse(f->arena, BYTES_LIT(json), &doc, NULL), WEIR_OK);
    assert_int_equal(value_to_item(f->arena, doc, &item, NULL), WEIR_OK);
    assert_int_equal(expr_parse_update(f->arena, BYTES_LIT("ADD b :v"), &f->names, &update, NULL),
                     WEIR_OK);
    assert_int_equal(expr_apply_update(f->arena, update, item, &updated, NULL), WEIR_OK);
    assert_ptr_equal(value_get(updated, "a")->u.list.at, value_get(item, "a")->u.list.at);
    assert_true(bytes_eq_str(value_get(item, "b")->u.bytes, "1"));
    assert_true(bytes_eq_str(value_get(updated, "b")->u.bytes, "2"));
}

static void reserved_words_are_known_in_any_case(void **state)
{
    (void)state;
    assert_true(expr_is_reserved(BYTES_LIT("ABORT")));
    assert_true(expr_is_reserved(BYTES_LIT("zone")));
    assert_true(expr_is_reserved(BYTES_LIT("LocalTimestamp")));
    assert_true(expr_is_reserved(BYTES_LIT("status")));
    assert_true(expr_is_reserved(BYTES_LIT("Ttl")));
    assert_false(expr_is_reserved(BYTES_LIT("")));
    assert_false(expr_is_reserved(BYTES_LIT("pk")));
    assert_false(expr_is_reserved(BYTES_LIT("REMOVE")));
    assert_false(expr_is_reserved(BYTES_LIT("LOCALTIMESTAMPS")));
    assert_false(expr_is_reserved(BYTES_LIT("STATUS_")));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(expression_size_is_limited),
        TEST(operators_are_limited),
        TEST(operands_of_in_are_limited),
        TEST(nested_or_is_linear),
        TEST(depth_is_bounded),
        TEST(update_depth_is_bounded),
        TEST(update_keeps_to_the_nesting_limit),
        TEST(long_placeholders_are_refused),
        TEST(running_out_of_memory_fails_the_call),
        TEST(a_tree_outlives_its_text),
        TEST(names_are_visited_until_the_visitor_stops),
        TEST(update_shares_what_it_leaves_alone),
        TEST(reserved_words_are_known_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
