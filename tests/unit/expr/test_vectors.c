/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the vector files: one JSON object a line, which names an expression or a legacy parameter,
 * what it is evaluated with, and the result or the exact message.
 *
 *     {"default": {"values": ..., "item": ...}}      for the lines that follow
 *     {"condition": "a = :v", "expect": true}
 *     {"update": "SET a = :v", "item": ..., "expect": <item> or "message"}
 *
 * The files are given as arguments, each with the least number of vectors it must hold:
 * a file that is read in part must not pass.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "expr/expr.h"

#define ARENA_BYTES (16 * 1024 * 1024)
#define FILE_BYTES (1024 * 1024)

struct vector {
    struct arena *arena;
    const struct weir_value *line;
    const struct weir_value *defaults;
    const char *file;
    unsigned number;
    const struct weir_value *expect;
    struct expr_names names;
    const struct weir_value *item;
    unsigned failures;
};

static const struct weir_value *find(const struct vector *v, const char *name)
{
    const struct weir_value *value = value_get(v->line, name);
    value = value != NULL ? value : value_get(v->defaults, name);
    return value != NULL && value->type != VALUE_NULL ? value : NULL;
}

/* Vectors are independent: all that fail are shown. */
static void complain(struct vector *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void complain(struct vector *v, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    print_error("%s:%u: %s\n", v->file, v->number, text);
    v->failures++;
}

static struct weir_value *to_item(struct vector *v, const struct weir_value *doc)
{
    struct weir_value *item = NULL;
    struct weir_error err = {0};
    if (value_to_item(v->arena, doc, &item, &err) != WEIR_OK) {
        complain(v, "the vector's own item is wrong: %s", err.message);
    }
    assert_non_null(item);
    return item;
}

/* True when an error was expected and is the one; then there is no result to look at. */
static bool expected_error(struct vector *v, enum weir_status status, const struct weir_error *err)
{
    bool message = v->expect->type == VALUE_S;
    if (status == WEIR_OK) {
        if (message) {
            complain(v, "passed, but should fail: %.*s", BYTES_ARG(v->expect->u.bytes));
        }
        return message;
    }
    if (!message || !bytes_eq_str(v->expect->u.bytes, err->message)) {
        complain(v, "failed: %s", err->message);
    }
    assert_int_equal(status, err->status);
    assert_true(status == WEIR_VALIDATION || status == WEIR_SERIALIZATION);
    return true;
}

static void expect_truth(struct vector *v, bool truth)
{
    if (v->expect->type != VALUE_BOOL || v->expect->truth != truth) {
        complain(v, "is %s", truth ? "true" : "false");
    }
}

/* Encodings are equal only if the results are canonical, which value_equal would not show. */
static void expect_item(struct vector *v, const struct weir_value *item)
{
    struct buf text;
    struct buf actual;
    struct buf expected;
    buf_init(&text, FILE_BYTES);
    buf_init(&actual, FILE_BYTES);
    buf_init(&expected, FILE_BYTES);
    bool same = item == NULL && v->expect->type == VALUE_NULL;
    if (item != NULL && v->expect->type == VALUE_M) {
        assert_int_equal(item->form, VALUE_ITEM);
        value_encode_item(&actual, item);
        value_encode_item(&expected, to_item(v, v->expect));
        same = bytes_eq(buf_bytes(&actual), buf_bytes(&expected));
    }
    if (!same) {
        if (item != NULL) {
            json_write(&text, item);
        }
        buf_put_u8(&text, 0);
        complain(v, "is %s", (const char *)text.ptr);
    }
    buf_fini(&text);
    buf_fini(&actual);
    buf_fini(&expected);
}

static void match(struct vector *v, const struct expr_condition *condition)
{
    struct weir_error err = {0};
    bool matches = false;
    assert_int_equal(expr_matches(v->arena, condition, v->item, &matches, &err), WEIR_OK);
    expect_truth(v, matches);
}

static void run_condition(struct vector *v, const struct weir_value *subject)
{
    struct expr_condition *condition = NULL;
    struct weir_error err = {0};
    enum expr_kind kind = value_get(v->line, "filter") != NULL ? EXPR_FILTER : EXPR_CONDITION;
    enum weir_status status =
        expr_parse_condition(v->arena, kind, subject->u.bytes, &v->names, &condition, &err);
    if (!expected_error(v, status, &err)) {
        match(v, condition);
    }
}

static void apply(struct vector *v, const struct expr_update *update)
{
    struct weir_value *updated = NULL;
    struct weir_error err = {0};
    enum weir_status status = expr_apply_update(v->arena, update, v->item, &updated, &err);
    if (!expected_error(v, status, &err)) {
        expect_item(v, updated);
    }
}

static void run_update(struct vector *v, const struct weir_value *subject)
{
    struct expr_update *update = NULL;
    struct weir_error err = {0};
    enum weir_status status =
        expr_parse_update(v->arena, subject->u.bytes, &v->names, &update, &err);
    if (status != WEIR_OK) {
        (void)expected_error(v, status, &err);
        return;
    }
    apply(v, update);
}

static void run_updated(struct vector *v, const struct weir_value *subject)
{
    struct expr_update *update = NULL;
    struct weir_value *attributes = NULL;
    struct weir_error err = {0};
    assert_int_equal(expr_parse_update(v->arena, subject->u.bytes, &v->names, &update, &err),
                     WEIR_OK);
    assert_int_equal(expr_updated_attributes(v->arena, update, v->item, &attributes, &err),
                     WEIR_OK);
    expect_item(v, attributes);
}

static void project(struct vector *v, enum weir_status status, struct expr_projection *projection,
                    struct weir_error *err)
{
    struct weir_value *projected = NULL;
    if (expected_error(v, status, err)) {
        return;
    }
    assert_int_equal(expr_project(v->arena, projection, v->item, &projected, err), WEIR_OK);
    expect_item(v, projected);
}

static void run_projection(struct vector *v, const struct weir_value *subject)
{
    struct expr_projection *projection = NULL;
    struct weir_error err = {0};
    enum weir_status status =
        expr_parse_projection(v->arena, subject->u.bytes, &v->names, &projection, &err);
    project(v, status, projection, &err);
}

static void run_attributes(struct vector *v, const struct weir_value *subject)
{
    struct expr_projection *projection = NULL;
    struct weir_error err = {0};
    enum weir_status status = expr_projection_of_names(v->arena, subject, &projection, &err);
    project(v, status, projection, &err);
}

static enum value_type type_named(struct weir_bytes name)
{
    int type = 0;
    while (!bytes_eq_str(name, value_type_name((enum value_type)type))) {
        type++;
        assert_true(type < VALUE_TYPE_COUNT);
    }
    return (enum value_type)type;
}

/* "schema": ["pk", "S", "sk", "N"], or the first two. */
static struct expr_key_schema schema_of(struct vector *v)
{
    const struct weir_value *list = find(v, "schema");
    const struct weir_value *at = list->u.list.at;
    struct expr_key_schema schema = {.partition_name = at[0].u.bytes,
                                     .partition_type = type_named(at[1].u.bytes)};
    if (list->u.list.count == 4) {
        schema.sort_name = at[2].u.bytes;
        schema.sort_type = type_named(at[3].u.bytes);
    }
    return schema;
}

/* The key condition as an item: {"partition": ..., "op": {"S": ">="}, "low": ..., "high": ...} */
static void expect_key(struct vector *v, const struct expr_key_condition *key)
{
    static const char *const operators[] = {
        "all", "=", "<", "<=", ">", ">=", "between", "begins_with"};
    struct weir_value *item = value_new_map(v->arena, VALUE_ITEM);
    value_add_value(v->arena, item, "partition", key->partition);
    value_set_s(value_add(v->arena, item, BYTES_LIT("op")), bytes_str(operators[key->sort_op]));
    if (key->low != NULL) {
        value_add_value(v->arena, item, "low", key->low);
    }
    if (key->high != NULL) {
        value_add_value(v->arena, item, "high", key->high);
    }
    assert_int_equal(value_sort_map(item, NULL), WEIR_OK);
    expect_item(v, item);
}

static void run_key(struct vector *v, const struct weir_value *subject)
{
    struct expr_key_schema schema = schema_of(v);
    struct expr_key_condition key = {0};
    struct weir_error err = {0};
    enum weir_status status =
        expr_parse_key_condition(v->arena, subject->u.bytes, &v->names, &schema, &key, &err);
    if (!expected_error(v, status, &err)) {
        expect_key(v, &key);
    }
}

static void run_key_conditions(struct vector *v, const struct weir_value *subject)
{
    struct expr_key_schema schema = schema_of(v);
    struct expr_key_condition key = {0};
    struct weir_error err = {0};
    enum weir_status status =
        expr_key_condition_of_conditions(v->arena, subject, &schema, &key, &err);
    if (!expected_error(v, status, &err)) {
        expect_key(v, &key);
    }
}

static void run_legacy_condition(struct vector *v, const struct weir_value *subject)
{
    const struct weir_value *operator_ = value_get(v->line, "operator");
    struct weir_bytes word = operator_ == NULL ? BYTES_NONE : operator_->u.bytes;
    struct expr_condition *condition = NULL;
    struct weir_error err = {0};
    enum weir_status status =
        value_get(v->line, "Expected") != NULL
            ? expr_condition_of_expected(v->arena, subject, word, &condition, &err)
            : expr_condition_of_filter(v->arena, subject, word, &condition, &err);
    if (!expected_error(v, status, &err)) {
        match(v, condition);
    }
}

static void run_attribute_updates(struct vector *v, const struct weir_value *subject)
{
    struct expr_update *update = NULL;
    struct weir_error err = {0};
    enum weir_status status = expr_update_of_attribute_updates(v->arena, subject, &update, &err);
    if (status != WEIR_OK) {
        (void)expected_error(v, status, &err);
        return;
    }
    apply(v, update);
}

/* The conditions of the list are parsed; then nothing may be left unused. */
static void run_used(struct vector *v, const struct weir_value *subject)
{
    struct weir_error err = {0};
    for (uint32_t i = 0; i < subject->u.list.count; i++) {
        struct expr_condition *condition = NULL;
        assert_int_equal(expr_parse_condition(v->arena, EXPR_CONDITION,
                                              subject->u.list.at[i].u.bytes, &v->names, &condition,
                                              &err),
                         WEIR_OK);
    }
    if (!expected_error(v, expr_names_check(&v->names, &err), &err)) {
        expect_truth(v, true);
    }
}

static const struct {
    const char *name;
    void (*run)(struct vector *v, const struct weir_value *subject);
} subjects[] = {
    {"condition", run_condition},
    {"filter", run_condition},
    {"update", run_update},
    {"updated", run_updated},
    {"projection", run_projection},
    {"AttributesToGet", run_attributes},
    {"key", run_key},
    {"KeyConditions", run_key_conditions},
    {"Expected", run_legacy_condition},
    {"ScanFilter", run_legacy_condition},
    {"AttributeUpdates", run_attribute_updates},
    {"used", run_used},
};

/* False when the placeholders themselves were to be refused, and were. */
static bool prepare(struct vector *v)
{
    const struct weir_value *values = find(v, "values");
    const struct weir_value *item = find(v, "item");
    struct weir_error err = {0};
    v->expect = value_get(v->line, "expect");
    assert_non_null(v->expect);
    v->item = item == NULL ? NULL : to_item(v, item);
    enum weir_status status = expr_names_init(
        v->arena, find(v, "names"), values == NULL ? NULL : to_item(v, values), &v->names, &err);
    if (status == WEIR_OK) {
        return true;
    }
    (void)expected_error(v, status, &err);
    return false;
}

static void run_vector(struct vector *v)
{
    if (!prepare(v)) {
        return;
    }
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        const struct weir_value *subject = value_get(v->line, subjects[i].name);
        if (subject != NULL) {
            subjects[i].run(v, subject);
            return;
        }
    }
    complain(v, "no subject");
}

static struct weir_value *parse_line(struct vector *v, const char *line, size_t length)
{
    struct weir_value *doc = NULL;
    struct weir_error err = {0};
    if (json_parse(v->arena, bytes_of(line, length), &doc, &err) != WEIR_OK) {
        complain(v, "%s", err.message);
    }
    assert_non_null(doc);
    return doc;
}

struct vector_file {
    const char *path;
    unsigned vectors_min;
};

static void vectors_give_what_they_expect(void **state)
{
    const struct vector_file *wanted = *state;
    FILE *file = fopen(wanted->path, "r");
    assert_non_null(file);
    struct arena *kept = arena_new(ARENA_BYTES);
    struct arena *scratch = arena_new(ARENA_BYTES);
    struct vector v = {.file = wanted->path};
    unsigned vectors = 0;
    char *line = NULL;
    size_t room = 0;
    ssize_t length = 0;
    while ((length = getline(&line, &room, file)) >= 0) {
        v.number++;
        if (length <= 1 || line[0] == '#') {
            continue;
        }
        v.arena = strncmp(line, "{\"default\"", 10) == 0 ? kept : scratch;
        v.line = parse_line(&v, line, (size_t)length);
        if (v.arena == kept) {
            v.defaults = value_get(v.line, "default");
            continue;
        }
        run_vector(&v);
        vectors++;
        arena_reset(scratch);
    }
    assert_int_equal(v.failures, 0);
    assert_true(vectors >= wanted->vectors_min);
    free(line);
    arena_free(scratch);
    arena_free(kept);
    assert_int_equal(fclose(file), 0);
}

int main(int argc, char **argv)
{
    struct vector_file files[16];
    struct CMUnitTest tests[16];
    size_t count = 0;
    for (int i = 1; i + 1 < argc && count < 16; i += 2, count++) {
        files[count] = (struct vector_file){argv[i], (unsigned)atoi(argv[i + 1])};
        tests[count] = (struct CMUnitTest){.name = argv[i],
                                           .test_func = vectors_give_what_they_expect,
                                           .initial_state = &files[count]};
    }
    return count == 0 ? 1 : _cmocka_run_group_tests("vectors", tests, count, NULL, NULL);
}
