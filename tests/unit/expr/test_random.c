/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random expressions, well-formed and broken, against random items: no call may crash or run on,
 * every refusal has a text, and what an update makes is canonical: it survives the storage codec
 * unchanged. WEIR_TEST_SEED runs one seed again.
 */

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/error.h"
#include "expr/expr.h"

#define ROUNDS 20000
#define ARENA_BYTES (4 * 1024 * 1024)

struct run {
    uint64_t random;
    struct arena *arena;
    struct buf text;
    struct expr_names names;
    const struct weir_value *values;
    const struct weir_value *names_doc;
    unsigned accepted;
    unsigned applied;
};

/* xorshift64* */
static uint32_t below(struct run *r, uint32_t bound)
{
    r->random ^= r->random >> 12;
    r->random ^= r->random << 25;
    r->random ^= r->random >> 27;
    return (uint32_t)((r->random * 0x2545f4914f6cdd1dull) >> 33) % bound;
}

static void put_one_of(struct run *r, const char *const *words, uint32_t count)
{
    buf_put_str(&r->text, words[below(r, count)]);
}

#define PUT_ONE_OF(r, ...)                            \
    put_one_of(r, (const char *const[]){__VA_ARGS__}, \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void put_path(struct run *r)
{
    PUT_ONE_OF(r, "a", "b", "c", "#d", "e");
    while (below(r, 3) == 0) {
        PUT_ONE_OF(r, ".a", ".b", ".#d", "[0]", "[1]", "[3]", "[9]");
    }
}

static void put_value(struct run *r)
{
    PUT_ONE_OF(r, ":s", ":n", ":b", ":ss", ":ns", ":l", ":m", ":t");
}

static void put_operand(struct run *r)
{
    switch (below(r, 4)) {
    case 0:
        put_value(r);
        break;
    case 1:
        buf_put_str(&r->text, "size(");
        put_path(r);
        buf_put_str(&r->text, ")");
        break;
    default:
        put_path(r);
    }
}

static void put_condition(struct run *r, unsigned depth)
{
    switch (below(r, depth == 0 ? 4 : 8)) {
    case 0:
        PUT_ONE_OF(r, "attribute_exists(", "attribute_not_exists(");
        put_path(r);
        buf_put_str(&r->text, ")");
        break;
    case 1:
        PUT_ONE_OF(r, "begins_with(", "contains(");
        put_path(r);
        buf_put_str(&r->text, ",");
        put_operand(r);
        buf_put_str(&r->text, ")");
        break;
    case 2:
        put_operand(r);
        PUT_ONE_OF(r, " IN (", " BETWEEN :n AND ((");
        put_operand(r);
        PUT_ONE_OF(r, ")", ")", ",:n)");
        break;
    case 3:
        put_operand(r);
        PUT_ONE_OF(r, "=", "<>", "<", "<=", ">", ">=");
        put_operand(r);
        break;
    case 4:
        buf_put_str(&r->text, "NOT ");
        put_condition(r, depth - 1);
        break;
    case 5:
        buf_put_str(&r->text, "(");
        put_condition(r, depth - 1);
        buf_put_str(&r->text, ")");
        break;
    default:
        put_condition(r, depth - 1);
        PUT_ONE_OF(r, " AND ", " OR ");
        put_condition(r, depth - 1);
    }
}

static void put_set_value(struct run *r)
{
    switch (below(r, 5)) {
    case 0:
        PUT_ONE_OF(r, "if_not_exists(", "list_append(");
        put_path(r);
        buf_put_str(&r->text, ",");
        PUT_ONE_OF(r, ":n", ":l", "a", "c");
        buf_put_str(&r->text, ")");
        break;
    case 1:
        PUT_ONE_OF(r, "a", ":n", "b.a");
        PUT_ONE_OF(r, " + ", " - ");
        PUT_ONE_OF(r, "a", ":n", "b.a");
        break;
    case 2:
        put_path(r);
        break;
    default:
        put_value(r);
    }
}

static void put_update(struct run *r)
{
    static const char *const words[] = {"SET ", " REMOVE ", " ADD ", " DELETE "};
    for (unsigned kind = 0; kind < 4; kind++) {
        for (unsigned i = 0, count = below(r, 3); i < count; i++) {
            buf_put_str(&r->text, i == 0 ? words[kind] : ",");
            put_path(r);
            buf_put_str(&r->text, kind == 0 ? " = " : " ");
            if (kind == 0) {
                put_set_value(r);
            } else if (kind > 1) {
                PUT_ONE_OF(r, ":n", ":ss", ":ns");
            }
        }
    }
}

/* A few bytes of the text are overwritten, or it is cut. */
static void damage(struct run *r)
{
    static const char bytes[] = "()[].,:#=<>+-aA1 \"\xc3\xa9\t\n\x00";
    for (unsigned i = below(r, 4); i > 0 && r->text.len > 0; i--) {
        r->text.ptr[below(r, (uint32_t)r->text.len)] = (uint8_t)bytes[below(r, sizeof(bytes))];
    }
    if (below(r, 4) == 0) {
        r->text.len = below(r, (uint32_t)r->text.len + 1);
    }
}

static void put_random_value(struct run *r, struct buf *json, unsigned depth)
{
    static const char *const scalars[] = {
        "{\"S\":\"x\"}",          "{\"N\":\"1\"}",          "{\"N\":\"-2.5\"}", "{\"B\":\"YQ==\"}",
        "{\"SS\":[\"a\",\"b\"]}", "{\"NS\":[\"1\",\"3\"]}", "{\"BOOL\":true}",  "{\"NULL\":true}",
    };
    if (depth == 0 || below(r, 2) == 0) {
        buf_put_str(json, scalars[below(r, 8)]);
        return;
    }
    bool list = below(r, 2) == 0;
    buf_put_str(json, list ? "{\"L\":[" : "{\"M\":{");
    for (uint32_t i = 0, count = below(r, 5); i < count; i++) {
        buf_printf(json, list ? "%s" : "%s\"%c\":", i == 0 ? "" : ",", 'a' + (int)i);
        put_random_value(r, json, depth - 1);
    }
    buf_put_str(json, list ? "]}" : "}}");
}

static struct weir_value *item_of(struct run *r, struct weir_bytes json)
{
    struct weir_value *doc = NULL;
    struct weir_value *item = NULL;
    assert_int_equal(json_parse(r->arena, json, &doc, NULL), WEIR_OK);
    assert_int_equal(value_to_item(r->arena, doc, &item, NULL), WEIR_OK);
    return item;
}

static struct weir_value *random_item(struct run *r)
{
    struct buf json;
    buf_init(&json, 1024 * 1024);
    buf_put_str(&json, "{");
    for (uint32_t i = 0, count = below(r, 6); i < count; i++) {
        buf_printf(&json, "%s\"%c\":", i == 0 ? "" : ",", 'a' + (int)i);
        put_random_value(r, &json, 3);
    }
    buf_put_str(&json, "}");
    struct weir_value *item = item_of(r, buf_bytes(&json));
    buf_fini(&json);
    return item;
}

static void check_status(struct run *r, enum weir_status status, const struct weir_error *err)
{
    assert_true(status == WEIR_OK || status == WEIR_VALIDATION);
    assert_true((status == WEIR_OK) == (err->message[0] == '\0'));
    r->accepted += status == WEIR_OK;
}

/* Back from its encoding, the item has the same encoding. */
static void check_canonical(struct run *r, const struct weir_value *item)
{
    struct buf once;
    struct buf twice;
    struct weir_value *again = NULL;
    buf_init(&once, 1024 * 1024);
    buf_init(&twice, 1024 * 1024);
    value_encode_item(&once, item);
    assert_int_equal(buf_status(&once), WEIR_OK);
    assert_int_equal(value_decode_item(r->arena, buf_bytes(&once), &again, NULL), WEIR_OK);
    value_encode_item(&twice, again);
    assert_true(bytes_eq(buf_bytes(&once), buf_bytes(&twice)));
    buf_fini(&once);
    buf_fini(&twice);
}

static void try_condition(struct run *r, const struct weir_value *item)
{
    struct expr_condition *condition = NULL;
    struct weir_error err = {0};
    enum weir_status status = expr_parse_condition(r->arena, EXPR_FILTER, buf_bytes(&r->text),
                                                   &r->names, &condition, &err);
    check_status(r, status, &err);
    bool matches = false;
    if (status == WEIR_OK) {
        assert_int_equal(expr_matches(r->arena, condition, item, &matches, NULL), WEIR_OK);
    }
}

static void try_update(struct run *r, const struct weir_value *item)
{
    struct expr_update *update = NULL;
    struct weir_value *updated = NULL;
    struct weir_error err = {0};
    enum weir_status status =
        expr_parse_update(r->arena, buf_bytes(&r->text), &r->names, &update, &err);
    check_status(r, status, &err);
    if (status != WEIR_OK) {
        return;
    }
    status = expr_apply_update(r->arena, update, item, &updated, &err);
    assert_true(status == WEIR_OK || status == WEIR_VALIDATION);
    if (status == WEIR_OK) {
        r->applied++;
        check_canonical(r, updated);
        assert_int_equal(expr_updated_attributes(r->arena, update, updated, &updated, &err),
                         WEIR_OK);
        if (updated != NULL) {
            check_canonical(r, updated);
        }
    }
}

static void try_projection(struct run *r, const struct weir_value *item)
{
    struct expr_projection *projection = NULL;
    struct weir_value *projected = NULL;
    struct weir_error err = {0};
    enum weir_status status =
        expr_parse_projection(r->arena, buf_bytes(&r->text), &r->names, &projection, &err);
    check_status(r, status, &err);
    if (status == WEIR_OK) {
        assert_int_equal(expr_project(r->arena, projection, item, &projected, &err), WEIR_OK);
        check_canonical(r, projected);
    }
}

static void round_(struct run *r)
{
    static const char values[] =
        "{\":s\":{\"S\":\"x\"},\":n\":{\"N\":\"2.5\"},\":b\":{\"B\":\"YQ==\"},\":ss\":{\"SS\":["
        "\"b\",\"c\"]},\":ns\":{\"NS\":[\"1\",\"2\"]},\":l\":{\"L\":[{\"N\":\"1\"}]},\":m\":{\"M\":"
        "{\"a\":{\"N\":\"1\"}}},\":t\":{\"BOOL\":true}}";
    struct weir_value *names = NULL;
    assert_int_equal(json_parse(r->arena, BYTES_LIT("{\"#d\":\"d\"}"), &names, NULL), WEIR_OK);
    assert_int_equal(
        expr_names_init(r->arena, names, item_of(r, BYTES_LIT(values)), &r->names, NULL), WEIR_OK);
    const struct weir_value *item = random_item(r);
    buf_reset(&r->text);
    uint32_t what = below(r, 3);
    if (what == 0) {
        put_condition(r, 5);
    } else if (what == 1) {
        put_update(r);
    } else {
        put_path(r);
        buf_put_str(&r->text, ", ");
        put_path(r);
    }
    if (below(r, 4) == 0) {
        damage(r);
    }
    (what == 0 ? try_condition : what == 1 ? try_update : try_projection)(r, item);
}

static void random_expressions_are_refused_or_evaluated(void **state)
{
    (void)state;
    const char *given = getenv("WEIR_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("WEIR_TEST_SEED=%" PRIu64 "\n", seed);
    struct run r = {.random = seed * 2 + 1, .arena = arena_new(ARENA_BYTES)};
    buf_init(&r.text, 64 * 1024);
    for (unsigned i = 0; i < ROUNDS; i++) {
        round_(&r);
        arena_reset(r.arena);
    }
    assert_true(r.accepted > ROUNDS / 10);
    assert_true(r.applied > ROUNDS / 200);
    buf_fini(&r.text);
    arena_free(r.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_expressions_are_refused_or_evaluated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
