/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as each kind of expression, with placeholders that are defined. What parses is also
 * evaluated, against one item that has all types.
 */
#include "base/error.h"
#include "expr/expr.h"

#define ARENA_BYTES (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char names_json[] = "{\"#a\":\"a\",\"#b\":\"b\",\"#c\":\"c\"}";
static const char values_json[] =
    "{\":s\":{\"S\":\"x\"},\":n\":{\"N\":\"1\"},\":b\":{\"B\":\"YQ==\"},\":t\":{\"BOOL\":true},"
    "\":ss\":{\"SS\":[\"a\"]},\":ns\":{\"NS\":[\"1\"]},\":l\":{\"L\":[]},\":m\":{\"M\":{}}}";
static const char item_json[] =
    "{\"a\":{\"S\":\"x\"},\"b\":{\"N\":\"1\"},\"c\":{\"L\":[{\"M\":{\"a\":{\"NULL\":true}}},{\"N\":"
    "\"2\"}]},\"d\":{\"M\":{\"a\":{\"SS\":[\"a\",\"b\"]},\"b\":{\"NS\":[\"1\",\"2\"]}}}}";

static const struct weir_value *document(struct arena *a, const char *json)
{
    struct weir_value *doc = NULL;
    WEIR_ASSERT(json_parse(a, bytes_str(json), &doc, NULL) == WEIR_OK);
    return doc;
}

static struct weir_value *item_of(struct arena *a, const char *json)
{
    struct weir_value *item = NULL;
    WEIR_ASSERT(value_to_item(a, document(a, json), &item, NULL) == WEIR_OK);
    return item;
}

static void check_canonical(struct arena *a, const struct weir_value *item)
{
    struct weir_value *again = NULL;
    struct buf bytes;
    buf_init(&bytes, ARENA_BYTES);
    value_encode_item(&bytes, item);
    WEIR_ASSERT(buf_status(&bytes) == WEIR_OK);
    WEIR_ASSERT(value_decode_item(a, buf_bytes(&bytes), &again, NULL) == WEIR_OK);
    WEIR_ASSERT(value_equal(item, again));
    buf_fini(&bytes);
}

static void try_condition(struct arena *a, struct weir_bytes text, struct expr_names *names,
                          const struct weir_value *item)
{
    struct expr_condition *condition = NULL;
    bool matches = false;
    if (expr_parse_condition(a, EXPR_CONDITION, text, names, &condition, NULL) == WEIR_OK) {
        WEIR_ASSERT(expr_matches(a, condition, item, &matches, NULL) == WEIR_OK);
        WEIR_ASSERT(expr_matches(a, condition, NULL, &matches, NULL) == WEIR_OK);
    }
}

static void try_update(struct arena *a, struct weir_bytes text, struct expr_names *names,
                       const struct weir_value *item)
{
    struct expr_update *update = NULL;
    struct weir_value *updated = NULL;
    if (expr_parse_update(a, text, names, &update, NULL) != WEIR_OK) {
        return;
    }
    if (expr_apply_update(a, update, item, &updated, NULL) == WEIR_OK) {
        check_canonical(a, updated);
    }
    if (expr_apply_update(a, update, NULL, &updated, NULL) == WEIR_OK) {
        check_canonical(a, updated);
    }
}

static void try_projection(struct arena *a, struct weir_bytes text, struct expr_names *names,
                           const struct weir_value *item)
{
    struct expr_projection *projection = NULL;
    struct weir_value *projected = NULL;
    if (expr_parse_projection(a, text, names, &projection, NULL) == WEIR_OK) {
        WEIR_ASSERT(expr_project(a, projection, item, &projected, NULL) == WEIR_OK);
        check_canonical(a, projected);
    }
}

static void try_key(struct arena *a, struct weir_bytes text, struct expr_names *names)
{
    struct expr_key_schema schema = {BYTES_LIT("a"), VALUE_S, BYTES_LIT("b"), VALUE_N};
    struct expr_key_condition key = {0};
    if (expr_parse_key_condition(a, text, names, &schema, &key, NULL) == WEIR_OK) {
        WEIR_ASSERT(key.partition->type == VALUE_S);
        WEIR_ASSERT((key.sort_op == EXPR_SORT_ALL) == (key.low == NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct expr_names names = {0};
    struct weir_bytes text = bytes_of(data, size);
    const struct weir_value *item = item_of(a, item_json);
    WEIR_ASSERT(expr_names_init(a, document(a, names_json), item_of(a, values_json), &names,
                                NULL) == WEIR_OK);
    try_condition(a, text, &names, item);
    try_update(a, text, &names, item);
    try_projection(a, text, &names, item);
    try_key(a, text, &names);
    arena_free(a);
    return 0;
}
