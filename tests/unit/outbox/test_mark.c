/* SPDX-License-Identifier: Apache-2.0 */
/* Marking a message as published. */
#include "unit/outbox/outbox_fixture.h"

static void add(struct fixture *f, struct weir_outbox *outbox, const char *key, const char *id)
{
    struct weir_message message = message_of(key, id);
    assert_int_equal(weir_outbox_add(outbox, &message, NULL, &f->err), WEIR_OK);
}

static void test_D1_unknown_id_is_not_found_and_no_ghost_row_appears(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    add(&f, outbox, "k", "m");
    assert_status(weir_outbox_mark(outbox, "k", 1, "n", 1, &f.err), WEIR_NOT_FOUND);
    assert_says("message n of key k");
    assert_status(weir_outbox_mark(outbox, "l", 1, "m", 1, &f.err), WEIR_NOT_FOUND);
    assert_status(weir_outbox_mark(outbox, "l", 1, "m", 1, NULL), WEIR_NOT_FOUND);
    assert_int_equal(fixture_count(&f, "outbox"), 1);
    assert_false(value_get(fixture_row(&f, "outbox", "k", "m"), "isPublished")->truth);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_D2_flag_and_time_are_set_and_twice_counts_two(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.retention_s = 1000;
    struct weir_outbox *outbox = fixture_outbox(&f, &options);
    add(&f, outbox, "k", "m");
    int64_t before = env_wall_ms(client_env(f.client));
    for (int times = 1; times <= 2; times++) {
        assert_status(weir_outbox_mark(outbox, "k", 1, "m", 1, &f.err), WEIR_OK);
        const struct weir_value *row = fixture_row(&f, "outbox", "k", "m");
        int64_t published;
        assert_true(value_get(row, "isPublished")->truth);
        assert_true(iso8601_parse(value_get(row, "publishedAt")->u.bytes, &published));
        assert_true(published >= before && published <= env_wall_ms(client_env(f.client)));
        assert_string_equal(fixture_text(&f, row, "dispatchCount"), times == 1 ? "1" : "2");
        assert_string_equal(fixture_text(&f, row, "payload"), "eyJuIjoxfQ==");
        assert_int_equal(fixture_count(&f, "outbox"), 1);
    }
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_C5_ttl_is_publication_plus_retention_on_published_rows_only(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.retention_s = 1000;
    struct weir_outbox *outbox = fixture_outbox(&f, &options);
    add(&f, outbox, "k", "m");
    assert_null(value_get(fixture_row(&f, "outbox", "k", "m"), "ttl"));
    assert_status(weir_outbox_mark(outbox, "k", 1, "m", 1, &f.err), WEIR_OK);
    const struct weir_value *row = fixture_row(&f, "outbox", "k", "m");
    int64_t published;
    assert_true(iso8601_parse(value_get(row, "publishedAt")->u.bytes, &published));
    assert_int_equal(value_get(row, "ttl")->type, VALUE_N);
    assert_int_equal(atoll(fixture_text(&f, row, "ttl")), published / 1000 + 1000);
    weir_outbox_close(outbox);

    options.retention_s = -1;
    outbox = fixture_outbox(&f, &options);
    add(&f, outbox, "k", "n");
    assert_status(weir_outbox_mark(outbox, "k", 1, "n", 1, &f.err), WEIR_OK);
    assert_null(value_get(fixture_row(&f, "outbox", "k", "n"), "ttl"));
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_A5_retention_is_a_week_unless_said_otherwise(void **state)
{
    (void)state;
    struct outbox_layout layout;
    struct arena *a = arena_new(1 << 20);
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    assert_int_equal(outbox_layout_init(a, NULL, &layout, NULL), WEIR_OK);
    assert_int_equal(layout.retention_s, 604800);
    options.retention_s = -1;
    assert_int_equal(outbox_layout_init(a, &options, &layout, NULL), WEIR_OK);
    assert_int_equal(layout.retention_s, 0);
    options.retention_s = 5;
    assert_int_equal(outbox_layout_init(a, &options, &layout, NULL), WEIR_OK);
    assert_int_equal(layout.retention_s, 5);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_D1_unknown_id_is_not_found_and_no_ghost_row_appears),
        cmocka_unit_test(test_D2_flag_and_time_are_set_and_twice_counts_two),
        cmocka_unit_test(test_C5_ttl_is_publication_plus_retention_on_published_rows_only),
        cmocka_unit_test(test_A5_retention_is_a_week_unless_said_otherwise),
    };
    return fixture_run("mark", tests, sizeof(tests) / sizeof(tests[0]));
}
