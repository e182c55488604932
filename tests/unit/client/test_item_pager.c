/* SPDX-License-Identifier: Apache-2.0 */
/* Query and Scan as pagers: every item once, in pages of any size, resumed anywhere. */
#include "unit/client/item_fixture.h"

#define COUNT 20u

struct opened {
    struct weir_item *values;
    struct weir_item *names;
    struct weir_page_options options;
};

/* Options of a query of partition "a". */
static struct opened query_options(void)
{
    struct opened o = {.values = item_of("{\":pk\":{\"S\":\"a\"}}"),
                       .options = WEIR_PAGE_OPTIONS_INIT};
    o.options.values = o.values;
    return o;
}

static struct weir_pager *query(struct fixture *f, const struct weir_page_options *options)
{
    struct weir_pager *pager = NULL;
    if (weir_query_open(f->client, TABLE("orders"), WEIR_STR("pk = :pk"), options, &pager,
                        &f->err) != WEIR_OK) {
        fail_msg("query: %s", f->err.message);
    }
    return pager;
}

static const struct weir_item *next(struct fixture *f, struct weir_pager *pager)
{
    const struct weir_item *item = NULL;
    if (weir_pager_next(pager, &item, &f->err) != WEIR_OK) {
        fail_msg("next: %s", f->err.message);
    }
    return item;
}

/* The sort keys first, first + step, ... up to `count` of them, then the end. */
static void assert_rest(struct fixture *f, struct weir_pager *pager, int64_t first, int64_t step,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct weir_item *item = next(f, pager);
        assert_non_null(item);
        assert_int_equal(int_of(item, "sk"), first + step * (int64_t)i);
    }
    assert_null(next(f, pager));
    assert_null(next(f, pager));
}

static void every_item_comes_once_in_pages_of_any_size(void **state)
{
    (void)state;
    struct fixture f;
    struct opened o = query_options();
    item_fixture_open(&f);
    put_many(&f, "a", COUNT);
    for (uint32_t page = 0; page <= COUNT + 1; page++) {
        o.options.page_items = page;
        struct weir_pager *pager = query(&f, &o.options);
        assert_rest(&f, pager, 0, 1, COUNT);
        weir_pager_close(pager);
    }
    weir_item_free(o.values);
    fixture_close(&f);
}

static void query_goes_backward(void **state)
{
    (void)state;
    struct fixture f;
    struct opened o = query_options();
    item_fixture_open(&f);
    put_many(&f, "a", COUNT);
    o.options.backward = 1;
    o.options.page_items = 3;
    o.options.consistent = 1;
    struct weir_pager *pager = query(&f, &o.options);
    assert_rest(&f, pager, COUNT - 1, -1, COUNT);
    weir_pager_close(pager);
    weir_item_free(o.values);
    fixture_close(&f);
}

static void limit_is_of_all_pages_together(void **state)
{
    (void)state;
    struct fixture f;
    struct opened o = query_options();
    item_fixture_open(&f);
    put_many(&f, "a", COUNT);
    for (uint32_t page = 0; page < 8; page += 3) {
        for (uint32_t limit = 1; limit <= COUNT + 1; limit++) {
            o.options.limit = limit;
            o.options.page_items = page;
            struct weir_pager *pager = query(&f, &o.options);
            assert_rest(&f, pager, 0, 1, limit < COUNT ? limit : COUNT);
            weir_pager_close(pager);
        }
    }
    weir_item_free(o.values);
    fixture_close(&f);
}

static void empty_pages_are_read_through(void **state)
{
    (void)state;
    struct fixture f;
    struct opened o = query_options();
    item_fixture_open(&f);
    put_many(&f, "a", COUNT);
    (void)weir_item_set_int64(o.values, WEIR_STR(":n"), COUNT - 2);
    o.options.filter = (struct weir_text){WEIR_STR("n >= :n")};
    o.options.page_items = 2;
    struct weir_pager *pager = query(&f, &o.options);
    assert_rest(&f, pager, COUNT - 2, 1, 2);
    weir_pager_close(pager);
    pager = query(&f, &o.options);
    uint32_t count = 0;
    assert_status(weir_pager_next_page(pager, &count, &f.err), WEIR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(int_of(weir_pager_item(pager, 1), "sk"), COUNT - 1);
    assert_null(weir_pager_item(pager, 2));
    assert_status(weir_pager_next_page(pager, &count, &f.err), WEIR_OK);
    assert_int_equal(count, 0);
    assert_null(weir_pager_item(pager, 0));
    weir_pager_close(pager);
    o.options.limit = 1;
    pager = query(&f, &o.options);
    assert_rest(&f, pager, COUNT - 2, 1, 1);
    weir_pager_close(pager);
    weir_item_free(o.values);
    fixture_close(&f);
}

static void pages_and_single_items_may_be_mixed(void **state)
{
    (void)state;
    struct fixture f;
    struct opened o = query_options();
    uint32_t count = 0;
    item_fixture_open(&f);
    put_many(&f, "a", COUNT);
    o.options.page_items = 8;
    struct weir_pager *pager = query(&f, &o.options);
    assert_int_equal(int_of(next(&f, pager), "sk"), 0);
    assert_status(weir_pager_next_page(pager, &count, &f.err), WEIR_OK);
    assert_int_equal(count, 7);
    assert_int_equal(int_of(weir_pager_item(pager, 0), "sk"), 1);
    assert_status(weir_pager_next_page(pager, &count, &f.err), WEIR_OK);
    assert_int_equal(count, 8);
    assert_rest(&f, pager, 16, 1, 4);
    weir_pager_close(pager);
    weir_item_free(o.values);
    fixture_close(&f);
}

/* Reads `before` items, takes the token, goes on with another pager. */
static void resume_after(struct fixture *f, struct weir_page_options options, uint32_t before)
{
    char *token = NULL;
    size_t len = 0;
    struct weir_pager *pager = query(f, &options);
    for (uint32_t i = 0; i < before; i++) {
        assert_int_equal(int_of(next(f, pager), "sk"), i);
    }
    /* Of a full page the service does not know that it is the last. */
    bool ended = before == COUNT && (options.page_items == 0 || COUNT % options.page_items != 0);
    assert_int_equal(weir_pager_token(pager, &token, &len, &f->err),
                     ended ? WEIR_NOT_FOUND : WEIR_OK);
    if (ended) {
        weir_pager_close(pager);
        return;
    }
    assert_int_equal(len, strlen(token));
    assert_true((len == 0) == (before == 0));
    weir_pager_close(pager);
    options.token = (struct weir_text){token, len};
    pager = query(f, &options);
    weir_free(token);
    assert_rest(f, pager, before, 1, COUNT - before);
    weir_pager_close(pager);
}

static void token_goes_on_behind_any_item(void **state)
{
    (void)state;
    struct fixture f;
    struct opened o = query_options();
    item_fixture_open(&f);
    put_many(&f, "a", COUNT);
    for (uint32_t page = 0; page < 10; page += 4) {
        for (uint32_t before = 0; before <= COUNT; before++) {
            o.options.page_items = page;
            resume_after(&f, o.options, before);
        }
    }
    weir_item_free(o.values);
    fixture_close(&f);
}

static void token_of_a_token_begins_where_it_does(void **state)
{
    (void)state;
    struct fixture f;
    struct opened o = query_options();
    char *token = NULL;
    char *again = NULL;
    item_fixture_open(&f);
    put_many(&f, "a", COUNT);
    struct weir_pager *pager = query(&f, &o.options);
    (void)next(&f, pager);
    assert_status(weir_pager_token(pager, &token, NULL, &f.err), WEIR_OK);
    weir_pager_close(pager);
    o.options.token = (struct weir_text){WEIR_STR(token)};
    pager = query(&f, &o.options);
    assert_status(weir_pager_token(pager, &again, NULL, &f.err), WEIR_OK);
    assert_string_equal(token, again);
    weir_pager_close(pager);
    weir_free(again);
    weir_free(token);
    weir_item_free(o.values);
    fixture_close(&f);
}

static void token_in_a_page_needs_the_keys_projected(void **state)
{
    (void)state;
    struct fixture f;
    struct opened o = query_options();
    char *token = NULL;
    item_fixture_open(&f);
    put_many(&f, "a", COUNT);
    o.options.projection = (struct weir_text){WEIR_STR("n")};
    o.options.page_items = 2;
    struct weir_pager *pager = query(&f, &o.options);
    (void)next(&f, pager);
    assert_status(weir_pager_token(pager, &token, NULL, &f.err), WEIR_INVALID_ARGUMENT);
    assert_says("projection");
    (void)next(&f, pager);
    assert_status(weir_pager_token(pager, &token, NULL, &f.err), WEIR_OK);
    weir_free(token);
    weir_pager_close(pager);
    weir_item_free(o.values);
    fixture_close(&f);
}

static void index_is_queried_and_resumed(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_item *values = item_of("{\":t\":{\"S\":\"t\"}}");
    struct weir_page_options options = WEIR_PAGE_OPTIONS_INIT;
    uint32_t seen = 0;
    char *token = NULL;
    item_fixture_open(&f);
    put_many(&f, "a", COUNT);
    options.values = values;
    options.index = (struct weir_text){WEIR_STR("by-tag")};
    for (;;) {
        struct weir_pager *pager = NULL;
        options.token = (struct weir_text){token, token == NULL ? 0 : strlen(token)};
        assert_status(weir_query_open(f.client, TABLE("orders"), WEIR_STR("tag = :t"), &options,
                                      &pager, &f.err),
                      WEIR_OK);
        weir_free(token);
        token = NULL;
        const struct weir_item *item = next(&f, pager);
        seen += item != NULL ? 1 : 0;
        enum weir_status status = weir_pager_token(pager, &token, NULL, &f.err);
        weir_pager_close(pager);
        if (status == WEIR_NOT_FOUND) {
            break;
        }
        assert_int_equal(status, WEIR_OK);
    }
    assert_int_equal(seen, COUNT);
    weir_item_free(values);
    fixture_close(&f);
}

static void segments_together_are_the_table(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_page_options options = WEIR_PAGE_OPTIONS_INIT;
    unsigned seen[5] = {0};
    item_fixture_open(&f);
    for (int i = 0; i < 5; i++) {
        char pk[8];
        (void)snprintf(pk, sizeof(pk), "p%d", i);
        put_many(&f, pk, 4);
    }
    options.total_segments = 3;
    options.page_items = 2;
    for (uint32_t segment = 0; segment < 3; segment++) {
        struct weir_pager *pager = NULL;
        const struct weir_item *item;
        options.segment = segment;
        assert_status(weir_scan_open(f.client, TABLE("orders"), &options, &pager, &f.err), WEIR_OK);
        while ((item = next(&f, pager)) != NULL) {
            const char *pk = NULL;
            size_t len = 0;
            assert_int_equal(weir_item_get_string(item, WEIR_STR("pk"), &pk, &len, NULL), WEIR_OK);
            seen[pk[1] - '0'] |= 1u << int_of(item, "sk");
        }
        weir_pager_close(pager);
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(seen[i], 15);
    }
    fixture_close(&f);
}

static void capacity_is_summed_over_pages(void **state)
{
    (void)state;
    struct fixture f;
    struct opened o = query_options();
    struct weir_capacity capacity = {0};
    item_fixture_open(&f);
    put_many(&f, "a", COUNT);
    o.options.capacity = &capacity;
    o.options.page_items = 5;
    o.options.consistent = 1;
    struct weir_pager *pager = query(&f, &o.options);
    assert_rest(&f, pager, 0, 1, COUNT);
    weir_pager_close(pager);
    assert_true(capacity.read_units == 5); /* the last page is empty */
    weir_item_free(o.values);
    fixture_close(&f);
}

static void items_are_kept_by_copying(void **state)
{
    (void)state;
    struct fixture f;
    struct opened o = query_options();
    struct weir_item *kept = NULL;
    item_fixture_open(&f);
    put_many(&f, "a", 2);
    struct weir_pager *pager = query(&f, &o.options);
    assert_int_equal(weir_item_copy(next(&f, pager), &kept, &f.err), WEIR_OK);
    weir_pager_close(pager);
    assert_int_equal(int_of(kept, "n"), 0);
    weir_item_free(kept);
    weir_item_free(o.values);
    fixture_close(&f);
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_page_options options = WEIR_PAGE_OPTIONS_INIT;
    struct weir_page_options none = {0};
    struct weir_pager *pager = NULL;
    struct weir_error err = {0};
    item_fixture_open(&f);
#define REFUSED(call)                                               \
    do {                                                            \
        assert_int_equal((call), WEIR_INVALID_ARGUMENT);            \
        assert_null(pager);                                         \
        options = (struct weir_page_options)WEIR_PAGE_OPTIONS_INIT; \
    } while (0)
#define QUERY \
    weir_query_open(f.client, TABLE("orders"), WEIR_STR("pk = :pk"), &options, &pager, &err)
#define SCAN weir_scan_open(f.client, TABLE("orders"), &options, &pager, &err)
    REFUSED(weir_scan_open(f.client, TABLE("orders"), &none, &pager, &err));
    options.total_segments = 1;
    REFUSED(QUERY);
    options.backward = 1;
    REFUSED(SCAN);
    options.segment = 1;
    REFUSED(SCAN);
    options.segment = 2;
    options.total_segments = 2;
    REFUSED(SCAN);
    options.total_segments = LIMIT_SCAN_SEGMENTS + 1;
    REFUSED(SCAN);
    options.page_items = UINT32_MAX;
    REFUSED(SCAN);
    options.token = (struct weir_text){WEIR_STR("nonsense")};
    REFUSED(SCAN);
    options.token = (struct weir_text){WEIR_STR("W10=")}; /* [] */
    REFUSED(SCAN);
    assert_int_equal(weir_scan_open(NULL, TABLE("orders"), NULL, &pager, &err), WEIR_CLOSED);
    options.total_segments = LIMIT_SCAN_SEGMENTS;
    options.segment = LIMIT_SCAN_SEGMENTS - 1;
    assert_int_equal(SCAN, WEIR_OK);
    assert_null(next(&f, pager));
    weir_pager_close(pager);
    fixture_close(&f);
}

static void no_pager_is_an_error_and_no_crash(void **state)
{
    (void)state;
    const struct weir_item *item = NULL;
    uint32_t count = 0;
    char *token = NULL;
    assert_int_equal(weir_pager_next(NULL, &item, NULL), WEIR_CLOSED);
    assert_int_equal(weir_pager_next_page(NULL, &count, NULL), WEIR_CLOSED);
    assert_int_equal(weir_pager_token(NULL, &token, NULL, NULL), WEIR_CLOSED);
    assert_null(weir_pager_item(NULL, 0));
    weir_pager_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_comes_once_in_pages_of_any_size),
        cmocka_unit_test(query_goes_backward),
        cmocka_unit_test(limit_is_of_all_pages_together),
        cmocka_unit_test(empty_pages_are_read_through),
        cmocka_unit_test(pages_and_single_items_may_be_mixed),
        cmocka_unit_test(token_goes_on_behind_any_item),
        cmocka_unit_test(token_of_a_token_begins_where_it_does),
        cmocka_unit_test(token_in_a_page_needs_the_keys_projected),
        cmocka_unit_test(index_is_queried_and_resumed),
        cmocka_unit_test(segments_together_are_the_table),
        cmocka_unit_test(capacity_is_summed_over_pages),
        cmocka_unit_test(items_are_kept_by_copying),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(no_pager_is_an_error_and_no_crash),
    };
    return fixture_run("pagers", tests, sizeof(tests) / sizeof(tests[0]));
}
