/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of reads and writes over every endpoint: any number, equal keys, big items, refusals. */
#include "unit/client/item_fixture.h"

#define MANY 230u

static struct weir_item *many[MANY];

/* Keys (a, 0) to (a, count - 1). */
static void make_keys(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        many[i] = key_of("a", i);
    }
}

static void free_keys(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        weir_item_free(many[i]);
    }
}

static const struct weir_item *const *keys(void)
{
    return (const struct weir_item *const *)many;
}

static void any_number_of_elements_is_written_and_read(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_batch_write elements[MANY];
    struct weir_batch_result results[MANY];
    struct weir_batch_options options = WEIR_BATCH_OPTIONS_INIT;
    struct weir_read_options read = WEIR_READ_OPTIONS_INIT;
    struct weir_capacity capacity = {0};
    struct weir_batch *batch = NULL;
    item_fixture_open(&f);
    make_keys(MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        elements[i] = (struct weir_batch_write){.put = many[i]};
    }
    options.capacity = &capacity;
    assert_status(
        weir_batch_write(f.client, TABLE("orders"), elements, MANY - 1, &options, results, &f.err),
        WEIR_OK);
    for (uint32_t i = 0; i < MANY - 1; i++) {
        assert_true(results[i].status == WEIR_OK && results[i].outcome == WEIR_APPLIED);
    }
    assert_true(capacity.write_units == MANY - 1);
    read.capacity = &capacity;
    read.consistent = 1;
    assert_status(weir_batch_get(f.client, TABLE("orders"), keys(), MANY, &read, &batch, &f.err),
                  WEIR_OK);
    assert_int_equal(weir_batch_count(batch), MANY);
    for (uint32_t i = 0; i < MANY - 1; i++) {
        const struct weir_item *item = NULL;
        assert_int_equal(weir_batch_item(batch, i, &item), WEIR_OK);
        assert_int_equal(weir_item_equal(item, many[i]), 1);
    }
    const struct weir_item *none = NULL;
    assert_int_equal(weir_batch_item(batch, MANY - 1, &none), WEIR_NOT_FOUND);
    assert_int_equal(weir_batch_item(batch, MANY, &none), WEIR_INVALID_ARGUMENT);
    assert_null(none);
    assert_true(capacity.read_units == MANY); /* also for the one that is not there */
    weir_batch_free(batch);
    free_keys(MANY);
    fixture_close(&f);
}

static void key_that_is_given_twice_is_found_at_both_places(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_batch *batch = NULL;
    const struct weir_item *item = NULL;
    item_fixture_open(&f);
    put_many(&f, "a", 2);
    many[0] = key_of("a", 1);
    many[1] = key_of("gone", 1);
    many[2] = key_of("a", 0);
    many[3] = item_of("{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1.0\"}}");
    many[4] = key_of("gone", 1);
    assert_status(weir_batch_get(f.client, TABLE("orders"), keys(), 5, NULL, &batch, &f.err),
                  WEIR_OK);
    for (uint32_t i = 0; i < 4; i += 3) {
        assert_int_equal(weir_batch_item(batch, i, &item), WEIR_OK);
        assert_int_equal(int_of(item, "n"), 1);
    }
    assert_int_equal(weir_batch_item(batch, 2, &item), WEIR_OK);
    assert_int_equal(int_of(item, "n"), 0);
    assert_int_equal(weir_batch_item(batch, 1, &item), WEIR_NOT_FOUND);
    assert_int_equal(weir_batch_item(batch, 4, &item), WEIR_NOT_FOUND);
    weir_batch_free(batch);
    free_keys(5);
    fixture_close(&f);
}

static void projection_of_a_batch_has_the_keys_too(void **state)
{
    static const char *const projections[] = {"n", "#n", " pk ,n", "n, #pk,sk"};
    (void)state;
    struct fixture f;
    struct weir_read_options options = WEIR_READ_OPTIONS_INIT;
    struct weir_item *used[] = {item_of("{}"), item_of("{\"#n\":{\"S\":\"n\"}}"), item_of("{}"),
                                item_of("{\"#pk\":{\"S\":\"pk\"}}")};
    item_fixture_open(&f);
    put_many(&f, "a", 3);
    make_keys(3);
    for (int i = 0; i < 4; i++) {
        struct weir_batch *batch = NULL;
        const struct weir_item *item = NULL;
        options.projection = (struct weir_text){WEIR_STR(projections[i])};
        options.names = used[i];
        assert_status(
            weir_batch_get(f.client, TABLE("orders"), keys(), 3, &options, &batch, &f.err),
            WEIR_OK);
        assert_int_equal(weir_batch_item(batch, 2, &item), WEIR_OK);
        assert_item(item, "{\"n\":{\"N\":\"2\"},\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"2\"}}");
        weir_batch_free(batch);
        weir_item_free(used[i]);
    }
    free_keys(3);
    fixture_close(&f);
}

/* A hundred items of 300 KB are more than one answer holds. */
static void items_that_one_answer_cannot_hold_all_come(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_batch_write elements[60];
    struct weir_batch_result results[60];
    struct weir_batch *batch = NULL;
    char *text = malloc(390 * 1024);
    item_fixture_open(&f);
    assert_non_null(text);
    memset(text, 'x', 390 * 1024);
    make_keys(60);
    for (uint32_t i = 0; i < 60; i++) {
        (void)weir_item_set_string(many[i], WEIR_STR("t"), text, 390 * 1024);
        elements[i] = (struct weir_batch_write){.put = many[i]};
    }
    assert_status(weir_batch_write(f.client, TABLE("orders"), elements, 60, NULL, results, &f.err),
                  WEIR_OK);
    for (uint32_t i = 0; i < 60; i++) {
        (void)weir_item_remove(many[i], WEIR_STR("t"));
    }
    assert_status(weir_batch_get(f.client, TABLE("orders"), keys(), 60, NULL, &batch, &f.err),
                  WEIR_OK);
    for (uint32_t i = 0; i < 60; i++) {
        const struct weir_item *item = NULL;
        assert_int_equal(weir_batch_item(batch, i, &item), WEIR_OK);
        assert_true(weir_item_bytes(item) > 390 * 1024);
    }
    weir_batch_free(batch);
    free(text);
    free_keys(60);
    fixture_close(&f);
}

static void last_of_equal_keys_counts(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_batch_write elements[60];
    struct weir_batch_result results[60];
    item_fixture_open(&f);
    for (uint32_t i = 0; i < 60; i++) {
        many[i] = key_of("a", i % 2);
        (void)weir_item_set_int64(many[i], WEIR_STR("n"), i);
        elements[i] = (struct weir_batch_write){.put = many[i]};
    }
    assert_status(weir_batch_write(f.client, TABLE("orders"), elements, 60, NULL, results, &f.err),
                  WEIR_OK);
    assert_string_equal(
        fixture_text(&f, fixture_item(&f, "orders", "{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"0\"}}"),
                     "n"),
        "58");
    assert_string_equal(
        fixture_text(&f, fixture_item(&f, "orders", "{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"}}"),
                     "n"),
        "59");
    /* A delete behind a put of the same key, and the other way round. */
    struct weir_item *first = key_of("a", 0);
    struct weir_item *second = key_of("a", 1);
    struct weir_batch_write mixed[] = {
        {.put = many[0]}, {.delete_key = first}, {.delete_key = second}, {.put = many[1]}};
    assert_status(weir_batch_write(f.client, TABLE("orders"), mixed, 4, NULL, results, &f.err),
                  WEIR_OK);
    assert_int_equal(fixture_count(&f, "orders"), 1);
    assert_non_null(fixture_item(&f, "orders", "{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"}}"));
    weir_item_free(second);
    weir_item_free(first);
    free_keys(60);
    fixture_close(&f);
}

static void invalid_element_is_refused_alone(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_batch_write elements[40];
    struct weir_batch_result results[40];
    item_fixture_open(&f);
    make_keys(40);
    (void)weir_item_remove(many[7], WEIR_STR("sk"));
    for (uint32_t i = 0; i < 40; i++) {
        elements[i] = (struct weir_batch_write){.put = many[i]};
    }
    assert_status(weir_batch_write(f.client, TABLE("orders"), elements, 40, NULL, results, &f.err),
                  WEIR_VALIDATION);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(results[i].status, i == 7 ? WEIR_VALIDATION : WEIR_OK);
        assert_int_equal(results[i].outcome, i == 7 ? WEIR_NOT_APPLIED : WEIR_APPLIED);
    }
    assert_int_equal(fixture_count(&f, "orders"), 39);
    free_keys(40);
    fixture_close(&f);
}

static void table_that_is_not_there_fails_every_element(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_batch_write elements[40];
    struct weir_batch_result results[40];
    struct weir_batch_options options = WEIR_BATCH_OPTIONS_INIT;
    struct weir_batch *batch = NULL;
    const struct weir_item *item = NULL;
    item_fixture_open(&f);
    make_keys(40);
    for (uint32_t i = 0; i < 40; i++) {
        elements[i] = (struct weir_batch_write){.put = many[i]};
    }
    options.partition_key = (struct weir_text){WEIR_STR("pk")};
    options.sort_key = (struct weir_text){WEIR_STR("sk")};
    assert_status(
        weir_batch_write(f.client, TABLE("nowhere"), elements, 40, &options, results, &f.err),
        WEIR_RESOURCE_NOT_FOUND);
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(results[i].status, WEIR_RESOURCE_NOT_FOUND);
        assert_int_equal(results[i].outcome, WEIR_NOT_APPLIED);
    }
    assert_status(weir_batch_get(f.client, TABLE("nowhere"), keys(), 40, NULL, &batch, &f.err),
                  WEIR_RESOURCE_NOT_FOUND);
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(weir_batch_item(batch, i, &item), WEIR_RESOURCE_NOT_FOUND);
    }
    weir_batch_free(batch);
    free_keys(40);
    fixture_close(&f);
}

static void wrong_arguments_of_batches_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_batch_write both = {0};
    struct weir_batch_result result = {WEIR_INTERNAL, WEIR_APPLIED};
    struct weir_batch_options none = {0};
    struct weir_batch *batch = NULL;
    item_fixture_open(&f);
    make_keys(2);
    assert_status(weir_batch_write(f.client, TABLE("orders"), &both, 1, NULL, &result, &f.err),
                  WEIR_INVALID_ARGUMENT);
    both = (struct weir_batch_write){.put = many[0], .delete_key = many[0]};
    assert_status(weir_batch_write(f.client, TABLE("orders"), &both, 1, NULL, &result, &f.err),
                  WEIR_INVALID_ARGUMENT);
    both.delete_key = NULL;
    assert_status(weir_batch_write(f.client, TABLE("orders"), &both, 1, &none, &result, &f.err),
                  WEIR_INVALID_ARGUMENT);
    (void)weir_item_set_number(many[0], WEIR_STR("n"), WEIR_STR("x"));
    assert_status(weir_batch_write(f.client, TABLE("orders"), &both, 1, NULL, &result, &f.err),
                  WEIR_VALIDATION);
    assert_says("element 0");
    assert_int_equal(result.status, WEIR_INTERNAL);
    assert_status(weir_batch_write(f.client, TABLE("orders"), NULL, 0, NULL, NULL, &f.err),
                  WEIR_OK);
    assert_status(weir_batch_write(NULL, TABLE("orders"), NULL, 0, NULL, NULL, &f.err),
                  WEIR_CLOSED);
    assert_status(weir_batch_get(f.client, TABLE("orders"), keys(), 2, NULL, &batch, &f.err),
                  WEIR_VALIDATION);
    assert_null(batch);
    assert_status(weir_batch_get(NULL, TABLE("orders"), keys(), 2, NULL, &batch, &f.err),
                  WEIR_CLOSED);
    assert_status(weir_batch_get(f.client, TABLE("orders"), NULL, 0, NULL, &batch, &f.err),
                  WEIR_OK);
    assert_int_equal(weir_batch_count(batch), 0);
    weir_batch_free(batch);
    weir_batch_free(NULL);
    assert_int_equal(weir_batch_count(NULL), 0);
    free_keys(2);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_elements_is_written_and_read),
        cmocka_unit_test(key_that_is_given_twice_is_found_at_both_places),
        cmocka_unit_test(projection_of_a_batch_has_the_keys_too),
        cmocka_unit_test(items_that_one_answer_cannot_hold_all_come),
        cmocka_unit_test(last_of_equal_keys_counts),
        cmocka_unit_test(invalid_element_is_refused_alone),
        cmocka_unit_test(table_that_is_not_there_fails_every_element),
        cmocka_unit_test(wrong_arguments_of_batches_are_refused),
    };
    return fixture_run("batches", tests, sizeof(tests) / sizeof(tests[0]));
}
