/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Query and Scan against a model that keeps its items in an array and compares values: every sort
 * operator, both directions, every start key, every page size.
 */
#include "engine_test.h"

#include <stdio.h>
#include <stdlib.h>

#define MODEL_ITEMS 120

/* ---- the model --------------------------------------------------------------------------------
 */

struct model_item {
    struct weir_value partition, sort; /* S; and the type under test */
    uint32_t number;                   /* attribute n, unique */
};

struct model {
    struct fixture *f;
    const char *table;
    enum value_type sort_type;
    uint64_t seed;
    struct model_item items[MODEL_ITEMS];
    uint32_t count;
};

static struct weir_value random_sort_key(struct model *m)
{
    struct weir_value value = {0};
    if (m->sort_type == VALUE_N) {
        int number = (int)test_below(&m->seed, 200) - 100;
        const char *text = number == 0 ? "0" : arena_printf(m->f->a, "%d.5", number);
        value_set_n(&value, bytes_str(text));
        return value;
    }
    /* Few different bytes, the awkward ones among them, so that prefixes and escapes meet. */
    static const uint8_t binary[] = {0x00, 0x01, 0xFE, 0xFF};
    static const uint8_t text[] = {0x00, 0x01, 'a', 'b'};
    uint8_t *bytes = arena_alloc(m->f->a, 4);
    size_t len = 1 + test_below(&m->seed, 4);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (m->sort_type == VALUE_B ? binary : text)[test_below(&m->seed, 4)];
    }
    if (m->sort_type == VALUE_B) {
        value_set_b(&value, bytes_of(bytes, len));
    } else {
        value_set_s(&value, bytes_of(bytes, len));
    }
    return value;
}

static struct weir_value *key_of(struct model *m, const struct model_item *item)
{
    struct weir_value *key = value_new_map(m->f->a, VALUE_ITEM);
    *value_add(m->f->a, key, BYTES_LIT("pk")) = item->partition;
    *value_add(m->f->a, key, BYTES_LIT("sk")) = item->sort;
    return key;
}

static void put_item(struct model *m, const struct model_item *item)
{
    struct weir_value *value = value_new_map(m->f->a, VALUE_ITEM);
    value_set_n(value_add(m->f->a, value, BYTES_LIT("n")),
                bytes_str(arena_printf(m->f->a, "%u", item->number)));
    *value_add(m->f->a, value, BYTES_LIT("pk")) = item->partition;
    *value_add(m->f->a, value, BYTES_LIT("sk")) = item->sort;
    struct engine_request *request = test_request(m->f, ENGINE_WRITE);
    request->ops = ARENA_NEW(m->f->a, struct engine_op);
    request->op_count = 1;
    assert_int_equal(
        engine_prepare_put(m->f->a, test_table(m->f, m->table), value, request->ops, NULL),
        WEIR_OK);
    assert_int_equal(test_run(m->f, request), WEIR_OK);
    engine_op_fini(request->ops);
}

static void fill(struct model *m)
{
    static const char *const partitions[] = {"p", "q", "a longer partition"};
    for (uint32_t i = 0; i < MODEL_ITEMS; i++) {
        struct model_item item = {.sort = random_sort_key(m), .number = i};
        value_set_s(&item.partition, bytes_str(partitions[test_below(&m->seed, 3)]));
        uint32_t at = 0;
        while (at < m->count && !(value_equal(&m->items[at].partition, &item.partition) &&
                                  value_equal(&m->items[at].sort, &item.sort))) {
            at++;
        }
        m->items[at] = item;
        m->count += at == m->count;
        put_item(m, &item);
    }
}

static int by_sort_key(const void *a, const void *b)
{
    return value_compare(&((const struct model_item *)a)->sort,
                         &((const struct model_item *)b)->sort);
}

static bool matches(const struct expr_key_condition *key, const struct model_item *item)
{
    if (!value_equal(&item->partition, key->partition)) {
        return false;
    }
    if (key->sort_op == EXPR_SORT_ALL) {
        return true;
    }
    if (key->sort_op == EXPR_SORT_BEGINS_WITH) {
        return bytes_starts_with(item->sort.u.bytes, key->low->u.bytes);
    }
    int order = value_compare(&item->sort, key->low);
    switch (key->sort_op) {
    case EXPR_SORT_EQ:
        return order == 0;
    case EXPR_SORT_LT:
        return order < 0;
    case EXPR_SORT_LE:
        return order <= 0;
    case EXPR_SORT_GT:
        return order > 0;
    case EXPR_SORT_GE:
        return order >= 0;
    default:
        return order >= 0 && value_compare(&item->sort, key->high) <= 0;
    }
}

/* The answer, in order; returns how many. */
static uint32_t expected(const struct model *m, const struct expr_key_condition *key, bool backward,
                         struct model_item *answer)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        if (matches(key, &m->items[i])) {
            answer[count++] = m->items[i];
        }
    }
    qsort(answer, count, sizeof(*answer), by_sort_key);
    for (uint32_t i = 0; backward && i < count / 2; i++) {
        struct model_item other = answer[i];
        answer[i] = answer[count - 1 - i];
        answer[count - 1 - i] = other;
    }
    return count;
}

static uint32_t number_of(struct fixture *f, const struct weir_value *stored)
{
    struct weir_value *item;
    assert_int_equal(stored->form, VALUE_STORED);
    assert_int_equal(value_decode_item(f->a, stored->u.bytes, &item, NULL), WEIR_OK);
    struct weir_bytes text = value_get(item, "n")->u.bytes;
    return (uint32_t)strtoul(arena_printf(f->a, "%.*s", BYTES_ARG(text)), NULL, 10);
}

/* ---- queries ----------------------------------------------------------------------------------
 */

/* Page by page from `start` (how many items to begin after); LastEvaluatedKey only where a limit
 * stopped. */
static void check_query(struct model *m, const struct engine_page_request *query, uint32_t start)
{
    struct model_item answer[MODEL_ITEMS];
    uint32_t count = expected(m, query->key, query->backward, answer);
    struct engine_page_request request = *query;
    uint32_t seen = start < count ? start : 0;
    request.start_key = seen == 0 ? NULL : key_of(m, &answer[seen - 1]);
    for (bool more = true; more;) {
        struct engine_page page;
        assert_int_equal(engine_page_read(m->f->engine, NULL, m->f->a, &request, &page, NULL),
                         WEIR_OK);
        assert_int_equal(page.count, page.items->u.list.count);
        assert_int_equal(page.scanned_count, page.count);
        for (uint32_t i = 0; i < page.count; i++) {
            assert_true(seen < count);
            assert_int_equal(number_of(m->f, &page.items->u.list.at[i]), answer[seen++].number);
        }
        more = page.last_key != NULL;
        assert_int_equal(more, request.limit > 0 && page.count == request.limit);
        if (more) {
            assert_true(value_equal(page.last_key, key_of(m, &answer[seen - 1])));
        }
        request.start_key = page.last_key;
    }
    assert_int_equal(seen, count);
}

static void queries_agree_for(struct fixture *f, enum value_type sort_type)
{
    struct model *m = ARENA_NEW(f->a, struct model);
    *m = (struct model){.f = f, .table = "things", .sort_type = sort_type, .seed = test_seed()};
    assert_int_equal(test_create_typed(f, "things", VALUE_S, sort_type, TEST_NO_STREAM), WEIR_OK);
    fill(m);
    struct engine_table *table = test_table(f, "things");
    for (int round = 0; round < 300; round++) {
        struct weir_value low = random_sort_key(m);
        struct weir_value high = random_sort_key(m);
        uint32_t ops = sort_type == VALUE_N ? EXPR_SORT_BEGINS_WITH : EXPR_SORT_BEGINS_WITH + 1;
        struct expr_key_condition key = {.partition =
                                             &m->items[test_below(&m->seed, m->count)].partition,
                                         .sort_op = (enum expr_sort_op)test_below(&m->seed, ops),
                                         .low = &low,
                                         .high = &high};
        if (test_below(&m->seed, 2) == 0) {
            low = m->items[test_below(&m->seed, m->count)].sort;
        }
        struct engine_page_request request = {.table = table,
                                              .key = &key,
                                              .backward = test_below(&m->seed, 2) == 0,
                                              .limit = test_below(&m->seed, 12)};
        check_query(m, &request, test_below(&m->seed, 6));
    }
    engine_table_unref(table);
}

static void queries_over_strings_agree_with_the_model(void **state)
{
    queries_agree_for(*state, VALUE_S);
}

static void queries_over_numbers_agree_with_the_model(void **state)
{
    queries_agree_for(*state, VALUE_N);
}

static void queries_over_binary_agree_with_the_model(void **state)
{
    queries_agree_for(*state, VALUE_B);
}

/* ---- scans ------------------------------------------------------------------------------------
 */

static void scan_segment(struct model *m, const struct engine_table *table, uint32_t segment,
                         uint32_t segments, uint32_t limit, uint32_t *times_seen)
{
    struct engine_page_request request = {.table = (struct engine_table *)(uintptr_t)table,
                                          .segment = segment,
                                          .segment_count = segments,
                                          .limit = limit};
    do {
        struct engine_page page;
        assert_int_equal(engine_page_read(m->f->engine, NULL, m->f->a, &request, &page, NULL),
                         WEIR_OK);
        for (uint32_t i = 0; i < page.count; i++) {
            times_seen[number_of(m->f, &page.items->u.list.at[i])]++;
        }
        request.start_key = page.last_key;
    } while (request.start_key != NULL);
}

static void scan_segments_partition_the_table(void **state)
{
    struct fixture *f = *state;
    struct model *m = ARENA_NEW(f->a, struct model);
    *m = (struct model){.f = f, .table = "things", .sort_type = VALUE_S, .seed = test_seed()};
    test_create(f, "before", true, TEST_NO_STREAM); /* neighbours must not be seen */
    test_create(f, "things", true, TEST_NO_STREAM);
    test_create(f, "behind", true, TEST_NO_STREAM);
    (void)test_put(f, "before", "{'pk':{'S':'x'},'sk':{'S':'x'},'n':{'N':'0'}}");
    (void)test_put(f, "behind", "{'pk':{'S':'x'},'sk':{'S':'x'},'n':{'N':'0'}}");
    for (uint32_t i = 0; i < MODEL_ITEMS; i++) {
        struct model_item item = {.sort = random_sort_key(m), .number = i};
        value_set_s(&item.partition, bytes_str(arena_printf(f->a, "p%u", i)));
        put_item(m, &item);
    }
    struct engine_table *table = test_table(f, "things");
    static const uint32_t segments[] = {0, 1, 2, 3, 7, 1000};
    for (size_t s = 0; s < sizeof(segments) / sizeof(segments[0]); s++) {
        uint32_t times_seen[MODEL_ITEMS] = {0};
        for (uint32_t i = 0; i < (segments[s] == 0 ? 1 : segments[s]); i++) {
            scan_segment(m, table, i, segments[s], test_below(&m->seed, 9), times_seen);
        }
        for (uint32_t i = 0; i < MODEL_ITEMS; i++) {
            assert_int_equal(times_seen[i], 1);
        }
    }
    engine_table_unref(table);
}

/* ---- filters, projections, bounds -------------------------------------------------------------
 */

static void filters_and_projections_see_what_was_evaluated(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, TEST_NO_STREAM);
    for (int i = 0; i < 10; i++) {
        (void)test_put(f, "things",
                       arena_printf(f->a, "{'pk':{'S':'%d'},'n':{'N':'%d'},'x':{'S':'y'}}", i, i));
    }
    struct engine_table *table = test_table(f, "things");
    struct expr_names names;
    assert_int_equal(expr_names_init(f->a, NULL, test_item(f, "{':n':{'N':'6'}}"), &names, NULL),
                     WEIR_OK);
    struct expr_condition *filter;
    struct expr_projection *projection;
    assert_int_equal(
        expr_parse_condition(f->a, EXPR_FILTER, BYTES_LIT("n > :n"), &names, &filter, NULL),
        WEIR_OK);
    assert_int_equal(expr_parse_projection(f->a, BYTES_LIT("x"), &names, &projection, NULL),
                     WEIR_OK);
    struct engine_page_request request = {
        .table = table, .filter = filter, .projection = projection};
    struct engine_page page;
    assert_int_equal(engine_page_read(f->engine, NULL, f->a, &request, &page, NULL), WEIR_OK);
    assert_int_equal(page.count, 3);
    assert_int_equal(page.scanned_count, 10);
    assert_int_equal(page.scanned_bytes, 9 * (3 + 3 + 2) + (3 + 2 + 2));
    for (uint32_t i = 0; i < page.count; i++) {
        assert_string_equal(test_value_text(f, &page.items->u.list.at[i]), "{'x':{'S':'y'}}");
    }
    request.count_only = true;
    assert_int_equal(engine_page_read(f->engine, NULL, f->a, &request, &page, NULL), WEIR_OK);
    assert_int_equal(page.count, 3);
    assert_null(page.items);
    request = (struct engine_page_request){.table = table, .limit = 10};
    assert_int_equal(engine_page_read(f->engine, NULL, f->a, &request, &page, NULL), WEIR_OK);
    assert_non_null(page.last_key); /* the limit stopped it, though nothing follows */
    engine_table_unref(table);
}

static void a_page_holds_at_most_one_megabyte(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", true, TEST_NO_STREAM);
    for (int i = 0; i < 5; i++) {
        (void)test_put(
            f, "things",
            arena_printf(f->a, "{'pk':{'S':'a'},'sk':{'S':'%d'},'x':{'S':'%0300000d'}}", i, i));
    }
    struct engine_table *table = test_table(f, "things");
    struct weir_value partition = {0};
    value_set_s(&partition, BYTES_LIT("a"));
    struct expr_key_condition key = {.partition = &partition};
    for (int backward = 0; backward < 2; backward++) {
        struct engine_page_request request = {
            .table = table, .key = &key, .backward = backward != 0};
        struct engine_page page;
        assert_int_equal(engine_page_read(f->engine, NULL, f->a, &request, &page, NULL), WEIR_OK);
        assert_int_equal(page.count, 3);
        assert_true(page.scanned_bytes <= LIMIT_PAGE_BYTES);
        assert_string_equal(test_value_text(f, value_get(page.last_key, "sk")), "{'S':'2'}");
        request.start_key = page.last_key;
        assert_int_equal(engine_page_read(f->engine, NULL, f->a, &request, &page, NULL), WEIR_OK);
        assert_int_equal(page.count, 2);
        assert_null(page.last_key);
    }
    engine_table_unref(table);
}

static void operands_longer_than_a_key_are_refused(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", true, TEST_NO_STREAM);
    struct engine_table *table = test_table(f, "things");
    static const uint8_t zeros[LIMIT_PARTITION_KEY_BYTES + 1]; /* each takes two bytes in a key */
    struct weir_value partition = {0};
    struct weir_value low = {0};
    struct expr_key_condition key = {
        .partition = &partition, .sort_op = EXPR_SORT_LE, .low = &low, .high = &low};
    struct engine_page_request request = {.table = table, .key = &key};
    struct engine_page page;
    value_set_s(&partition, bytes_of(zeros, LIMIT_PARTITION_KEY_BYTES));
    value_set_s(&low, bytes_of(zeros, LIMIT_SORT_KEY_BYTES));
    assert_int_equal(engine_page_read(f->engine, NULL, f->a, &request, &page, NULL), WEIR_OK);
    assert_int_equal(page.count, 0);
    value_set_s(&low, bytes_of(zeros, LIMIT_SORT_KEY_BYTES + 1));
    assert_int_equal(engine_page_read(f->engine, NULL, f->a, &request, &page, NULL),
                     WEIR_VALIDATION);
    key.sort_op = EXPR_SORT_ALL;
    value_set_s(&partition, bytes_of(zeros, LIMIT_PARTITION_KEY_BYTES + 1));
    assert_int_equal(engine_page_read(f->engine, NULL, f->a, &request, &page, NULL),
                     WEIR_VALIDATION);
    engine_table_unref(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(queries_over_strings_agree_with_the_model),
        TEST(queries_over_numbers_agree_with_the_model),
        TEST(queries_over_binary_agree_with_the_model),
        TEST(scan_segments_partition_the_table),
        TEST(filters_and_projections_see_what_was_evaluated),
        TEST(a_page_holds_at_most_one_megabyte),
        TEST(operands_longer_than_a_key_are_refused),
    };
    return RUN_BOTH(tests);
}
