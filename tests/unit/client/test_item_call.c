/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on one item and transactions of items, over every endpoint. */
#include "unit/client/item_fixture.h"

#define ITEM_A "{\"n\":{\"N\":\"1\"},\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"7\"}}"

static void put(struct fixture *f, const char *json)
{
    struct weir_item *item = item_of(json);
    if (weir_put_item(f->client, TABLE("orders"), item, NULL, NULL, &f->err) != WEIR_OK) {
        fail_msg("put %s: %s", json, f->err.message);
    }
    weir_item_free(item);
}

/* What is stored under the key; NULL: nothing. The caller's. */
static struct weir_item *stored(struct fixture *f, const struct weir_item *key)
{
    struct weir_read_options options = WEIR_READ_OPTIONS_INIT;
    struct weir_item *item = NULL;
    options.consistent = 1;
    enum weir_status status =
        weir_get_item(f->client, TABLE("orders"), key, &options, &item, &f->err);
    assert_true(status == WEIR_OK || status == WEIR_NOT_FOUND);
    return item;
}

static void assert_stored(struct fixture *f, const struct weir_item *key, const char *json)
{
    struct weir_item *item = stored(f, key);
    assert_item(item, json);
    weir_item_free(item);
}

/* ---- get and put ----------------------------------------------------------------------------- */

static void item_comes_back_as_it_was_put(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_item *item = key_of("a", 7);
    struct weir_item *back = NULL;
    item_fixture_open(&f);
    (void)weir_item_begin_map(item, WEIR_STR("deep"));
    (void)weir_item_set_number(item, WEIR_STR("exact"),
                               WEIR_STR("0.12345678901234567890123456789012345678"));
    (void)weir_item_set_binary(item, WEIR_STR("raw"), "\0\xff\n", 3);
    (void)weir_item_end(item);
    assert_status(weir_put_item(f.client, TABLE("orders"), item, NULL, NULL, &f.err), WEIR_OK);
    struct weir_item *key = key_of("a", 7);
    back = stored(&f, key);
    assert_int_equal(weir_item_equal(item, back), 1);
    /* The result is the caller's to change, and to put again. */
    assert_int_equal(weir_item_set_null(back, WEIR_STR("more")), WEIR_OK);
    assert_status(weir_put_item(f.client, TABLE("orders"), back, NULL, NULL, &f.err), WEIR_OK);
    weir_item_free(key);
    weir_item_free(back);
    weir_item_free(item);
    fixture_close(&f);
}

static void missing_item_is_not_found(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_item *key = key_of("gone", 1);
    struct weir_item *item = NULL;
    item_fixture_open(&f);
    assert_status(weir_get_item(f.client, TABLE("orders"), key, NULL, &item, &f.err),
                  WEIR_NOT_FOUND);
    assert_null(item);
    weir_item_free(key);
    fixture_close(&f);
}

static void projection_gives_a_part(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_read_options options = WEIR_READ_OPTIONS_INIT;
    struct weir_item *names = item_of("{\"#n\":{\"S\":\"n\"}}");
    struct weir_item *key = key_of("a", 7);
    struct weir_item *item = NULL;
    item_fixture_open(&f);
    put(&f, ITEM_A);
    options.projection = (struct weir_text){"#n", 2};
    options.names = names;
    assert_status(weir_get_item(f.client, TABLE("orders"), key, &options, &item, &f.err), WEIR_OK);
    assert_item(item, "{\"n\":{\"N\":\"1\"}}");
    weir_item_free(item);
    weir_item_free(names);
    weir_item_free(key);
    fixture_close(&f);
}

static void capacity_is_asked_only_when_wanted_and_summed(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_read_options read = WEIR_READ_OPTIONS_INIT;
    struct weir_write_options write = WEIR_WRITE_OPTIONS_INIT;
    struct weir_capacity capacity = {0};
    struct weir_item *item = item_of(ITEM_A);
    struct weir_item *key = key_of("a", 7);
    struct weir_item *back = NULL;
    item_fixture_open(&f);
    write.capacity = &capacity;
    assert_status(weir_put_item(f.client, TABLE("orders"), item, &write, NULL, &f.err), WEIR_OK);
    assert_true(capacity.write_units == 1 && capacity.read_units == 0);
    read.capacity = &capacity;
    read.consistent = 1;
    for (int i = 0; i < 2; i++) {
        assert_status(weir_get_item(f.client, TABLE("orders"), key, &read, &back, &f.err), WEIR_OK);
        weir_item_free(back);
    }
    assert_true(capacity.write_units == 1 && capacity.read_units == 2);
    read.consistent = 0;
    assert_status(weir_get_item(f.client, TABLE("orders"), key, &read, &back, &f.err), WEIR_OK);
    assert_true(capacity.read_units == 2.5);
    weir_item_free(back);
    weir_item_free(item);
    weir_item_free(key);
    fixture_close(&f);
}

static void put_gives_what_it_replaced(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_item *item = item_of(ITEM_A);
    struct weir_item *old = NULL;
    item_fixture_open(&f);
    assert_status(weir_put_item(f.client, TABLE("orders"), item, NULL, &old, &f.err), WEIR_OK);
    assert_null(old);
    (void)weir_item_set_int64(item, WEIR_STR("n"), 2);
    assert_status(weir_put_item(f.client, TABLE("orders"), item, NULL, &old, &f.err), WEIR_OK);
    assert_item(old, ITEM_A);
    weir_item_free(old);
    weir_item_free(item);
    fixture_close(&f);
}

static void failed_condition_gives_the_item_that_was_there(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_write_options options = WEIR_WRITE_OPTIONS_INIT;
    struct weir_item *item = item_of("{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"7\"}}");
    struct weir_item *existing = NULL;
    item_fixture_open(&f);
    put(&f, ITEM_A);
    options.condition = (struct weir_text){WEIR_STR("attribute_not_exists(pk)")};
    assert_status(weir_put_item(f.client, TABLE("orders"), item, &options, NULL, &f.err),
                  WEIR_CONDITION_FAILED);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    options.existing = &existing;
    assert_status(weir_put_item(f.client, TABLE("orders"), item, &options, NULL, &f.err),
                  WEIR_CONDITION_FAILED);
    assert_item(existing, ITEM_A);
    weir_item_free(existing);
    options.condition = (struct weir_text){WEIR_STR("attribute_exists(pk)")};
    (void)weir_item_set_int64(item, WEIR_STR("sk"), 8);
    assert_status(weir_put_item(f.client, TABLE("orders"), item, &options, NULL, &f.err),
                  WEIR_CONDITION_FAILED);
    assert_null(existing);
    weir_item_free(item);
    fixture_close(&f);
}

/* ---- update and delete ----------------------------------------------------------------------- */

static void update_returns_what_is_asked(void **state)
{
    static const struct {
        enum weir_return returned;
        const char *json;
    } cases[] = {
        {WEIR_RETURN_NEW, "{\"m\":{\"S\":\"y\"},\"n\":{\"N\":\"3\"},\"pk\":{\"S\":\"a\"},"
                          "\"sk\":{\"N\":\"7\"}}"},
        {WEIR_RETURN_OLD, ITEM_A},
        {WEIR_RETURN_UPDATED_NEW, "{\"m\":{\"S\":\"y\"},\"n\":{\"N\":\"3\"}}"},
        {WEIR_RETURN_UPDATED_OLD, "{\"n\":{\"N\":\"1\"}}"},
    };
    (void)state;
    struct fixture f;
    struct weir_write_options options = WEIR_WRITE_OPTIONS_INIT;
    struct weir_item *key = key_of("a", 7);
    struct weir_item *names = item_of("{\"#m\":{\"S\":\"m\"}}");
    item_fixture_open(&f);
    options.names = names;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct weir_item *values = item_of("{\":two\":{\"N\":\"2\"},\":y\":{\"S\":\"y\"}}");
        struct weir_item *item = NULL;
        put(&f, ITEM_A);
        options.values = values;
        options.returned = cases[i].returned;
        assert_status(weir_update_item(f.client, TABLE("orders"), key,
                                       WEIR_STR("SET n = n + :two, #m = :y"), &options, &item,
                                       &f.err),
                      WEIR_OK);
        weir_item_free(values); /* what is given back shares nothing with it */
        assert_item(item, cases[i].json);
        weir_item_free(item);
    }
    weir_item_free(names);
    weir_item_free(key);
    fixture_close(&f);
}

static void update_without_an_expression_makes_the_item(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_item *key = key_of("new", 1);
    item_fixture_open(&f);
    assert_status(weir_update_item(f.client, TABLE("orders"), key, NULL, 0, NULL, NULL, &f.err),
                  WEIR_OK);
    assert_stored(&f, key, "{\"pk\":{\"S\":\"new\"},\"sk\":{\"N\":\"1\"}}");
    weir_item_free(key);
    fixture_close(&f);
}

static void delete_is_conditional_and_gives_what_was_there(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_write_options options = WEIR_WRITE_OPTIONS_INIT;
    struct weir_item *key = key_of("a", 7);
    struct weir_item *values = item_of("{\":n\":{\"N\":\"2\"}}");
    struct weir_item *old = NULL;
    struct weir_item *existing = NULL;
    item_fixture_open(&f);
    put(&f, ITEM_A);
    options.condition = (struct weir_text){WEIR_STR("n = :n")};
    options.values = values;
    options.existing = &existing;
    assert_status(weir_delete_item(f.client, TABLE("orders"), key, &options, NULL, &f.err),
                  WEIR_CONDITION_FAILED);
    assert_item(existing, ITEM_A);
    weir_item_free(existing);
    (void)weir_item_set_int64(values, WEIR_STR(":n"), 1);
    assert_status(weir_delete_item(f.client, TABLE("orders"), key, &options, &old, &f.err),
                  WEIR_OK);
    assert_item(old, ITEM_A);
    weir_item_free(old);
    assert_status(weir_delete_item(f.client, TABLE("orders"), key, NULL, &old, &f.err), WEIR_OK);
    assert_null(old);
    assert_stored(&f, key, NULL);
    weir_item_free(values);
    weir_item_free(key);
    fixture_close(&f);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static void wrong_arguments_are_refused_before_anything_is_sent(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_write_options write = WEIR_WRITE_OPTIONS_INIT;
    struct weir_read_options read = {0};
    struct weir_item *item = item_of(ITEM_A);
    struct weir_item *spoilt = item_of("{}");
    struct weir_item *numbers = item_of("{\"#n\":{\"N\":\"1\"}}");
    struct weir_item *ret = NULL;
    item_fixture_open(&f);
    assert_status(weir_put_item(NULL, TABLE("orders"), item, NULL, NULL, &f.err), WEIR_CLOSED);
    assert_status(weir_get_item(NULL, TABLE("orders"), item, NULL, &ret, &f.err), WEIR_CLOSED);
    assert_status(weir_put_item(f.client, TABLE("orders"), NULL, NULL, NULL, &f.err),
                  WEIR_INVALID_ARGUMENT);
    assert_says("no item is given");
    assert_status(weir_get_item(f.client, TABLE("orders"), item, &read, &ret, &f.err),
                  WEIR_INVALID_ARGUMENT);
    assert_says("WEIR_READ_OPTIONS_INIT");
    write.returned = WEIR_RETURN_OLD;
    assert_status(weir_put_item(f.client, TABLE("orders"), item, &write, NULL, &f.err),
                  WEIR_INVALID_ARGUMENT);
    write.returned = 9;
    assert_status(weir_update_item(f.client, TABLE("orders"), item, NULL, 0, &write, NULL, &f.err),
                  WEIR_INVALID_ARGUMENT);
    write.returned = 0;
    (void)weir_item_set_number(spoilt, WEIR_STR("n"), WEIR_STR("x"));
    assert_status(weir_put_item(f.client, TABLE("orders"), spoilt, NULL, NULL, &f.err),
                  WEIR_VALIDATION);
    assert_says("numeric value: x");
    write.values = spoilt;
    assert_status(weir_put_item(f.client, TABLE("orders"), item, &write, NULL, &f.err),
                  WEIR_VALIDATION);
    write.values = NULL;
    write.names = numbers;
    assert_status(weir_put_item(f.client, TABLE("orders"), item, &write, NULL, &f.err),
                  WEIR_INVALID_ARGUMENT);
    assert_says("is a string");
    (void)weir_item_begin_list(item, WEIR_STR("open"));
    assert_status(weir_put_item(f.client, TABLE("orders"), item, NULL, NULL, &f.err),
                  WEIR_INVALID_ARGUMENT);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(fixture_count(&f, "orders"), 0);
    weir_item_free(numbers);
    weir_item_free(spoilt);
    weir_item_free(item);
    fixture_close(&f);
}

static void empty_names_and_values_are_left_out(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_write_options options = WEIR_WRITE_OPTIONS_INIT;
    struct weir_item *item = item_of(ITEM_A);
    struct weir_item *none = item_of("{}");
    item_fixture_open(&f);
    options.names = none;
    options.values = none;
    assert_status(weir_put_item(f.client, TABLE("orders"), item, &options, NULL, &f.err), WEIR_OK);
    weir_item_free(none);
    weir_item_free(item);
    fixture_close(&f);
}

static void error_of_the_service_is_passed_on(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_item *item = item_of("{\"pk\":{\"S\":\"a\"}}");
    item_fixture_open(&f);
    assert_status(weir_put_item(f.client, TABLE("orders"), item, NULL, NULL, &f.err),
                  WEIR_VALIDATION);
    assert_says("Missing the key sk in the item");
    assert_status(weir_put_item(f.client, TABLE("nowhere"), item, NULL, NULL, &f.err),
                  WEIR_RESOURCE_NOT_FOUND);
    weir_item_free(item);
    fixture_close(&f);
}

/* An item of 400 KB is the largest. */
static void item_of_409600_bytes_is_the_most(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_item *item = key_of("a", 1);
    char *text = calloc(1, LIMIT_ITEM_BYTES);
    item_fixture_open(&f);
    assert_non_null(text);
    memset(text, 'x', LIMIT_ITEM_BYTES);
    (void)weir_item_set_string(item, WEIR_STR("t"), text,
                               LIMIT_ITEM_BYTES - weir_item_bytes(item) - 1);
    assert_int_equal(weir_item_bytes(item), LIMIT_ITEM_BYTES);
    assert_status(weir_put_item(f.client, TABLE("orders"), item, NULL, NULL, &f.err), WEIR_OK);
    weir_item_clear(item);
    (void)weir_item_set_string(item, WEIR_STR("pk"), WEIR_STR("a"));
    (void)weir_item_set_int64(item, WEIR_STR("sk"), 1);
    (void)weir_item_set_string(item, WEIR_STR("t"), text, LIMIT_ITEM_BYTES - weir_item_bytes(item));
    assert_int_equal(weir_item_bytes(item), LIMIT_ITEM_BYTES + 1);
    assert_status(weir_put_item(f.client, TABLE("orders"), item, NULL, NULL, &f.err),
                  WEIR_VALIDATION);
    free(text);
    weir_item_free(item);
    fixture_close(&f);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void transaction_of_items_is_applied_as_one(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_write_options options = WEIR_WRITE_OPTIONS_INIT;
    struct weir_txn *txn = NULL;
    item_fixture_open(&f);
    put(&f, ITEM_A);
    put(&f, "{\"pk\":{\"S\":\"b\"},\"sk\":{\"N\":\"1\"}}");
    put(&f, "{\"pk\":{\"S\":\"c\"},\"sk\":{\"N\":\"1\"}}");
    struct weir_item *a = key_of("a", 7);
    struct weir_item *b = key_of("b", 1);
    struct weir_item *c = key_of("c", 1);
    struct weir_item *d = item_of("{\"pk\":{\"S\":\"d\"},\"sk\":{\"N\":\"1\"}}");
    struct weir_item *values = item_of("{\":one\":{\"N\":\"1\"}}");
    assert_status(weir_txn_new(f.client, &txn, &f.err), WEIR_OK);
    options.values = values;
    options.condition = (struct weir_text){WEIR_STR("n = :one")};
    assert_status(weir_txn_update_item(txn, TABLE("orders"), a, WEIR_STR("SET n = n + :one"),
                                       &options, &f.err),
                  WEIR_OK);
    assert_status(weir_txn_delete_item(txn, TABLE("orders"), b, NULL, &f.err), WEIR_OK);
    options.values = NULL;
    options.condition = (struct weir_text){WEIR_STR("attribute_exists(pk)")};
    assert_status(weir_txn_check_item(txn, TABLE("orders"), c, &options, &f.err), WEIR_OK);
    options.condition = (struct weir_text){WEIR_STR("attribute_not_exists(pk)")};
    assert_status(weir_txn_put_item(txn, TABLE("orders"), d, &options, &f.err), WEIR_OK);
    /* What was added is a copy. */
    weir_item_free(values);
    weir_item_clear(d);
    assert_int_equal(weir_txn_count(txn), 4);
    assert_status(weir_txn_commit(txn, &f.err), WEIR_OK);
    assert_stored(&f, a, "{\"n\":{\"N\":\"2\"},\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"7\"}}");
    assert_stored(&f, b, NULL);
    assert_int_equal(fixture_count(&f, "orders"), 3);
    weir_item_free(d);
    weir_item_free(c);
    weir_item_free(b);
    weir_item_free(a);
    weir_txn_free(txn);
    fixture_close(&f);
}

static void failed_condition_in_a_transaction_names_its_element(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_write_options options = WEIR_WRITE_OPTIONS_INIT;
    struct weir_txn *txn = NULL;
    struct weir_item *a = key_of("a", 7);
    struct weir_item *b = key_of("b", 1);
    item_fixture_open(&f);
    assert_status(weir_txn_new(f.client, &txn, &f.err), WEIR_OK);
    options.condition = (struct weir_text){WEIR_STR("attribute_exists(pk)")};
    assert_status(weir_txn_put_item(txn, TABLE("orders"), b, NULL, &f.err), WEIR_OK);
    assert_status(weir_txn_check_item(txn, TABLE("orders"), a, &options, &f.err), WEIR_OK);
    assert_status(weir_txn_commit(txn, &f.err), WEIR_CONDITION_FAILED);
    assert_int_equal(weir_txn_failed_index(txn), 1);
    assert_int_equal(fixture_count(&f, "orders"), 0);
    weir_item_free(b);
    weir_item_free(a);
    weir_txn_free(txn);
    fixture_close(&f);
}

static void transaction_refuses_what_its_elements_cannot_have(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_write_options options = WEIR_WRITE_OPTIONS_INIT;
    struct weir_write_options old = {0};
    struct weir_capacity capacity = {0};
    struct weir_item *existing = NULL;
    struct weir_item *a = key_of("a", 7);
    struct weir_txn *txn = NULL;
    item_fixture_open(&f);
    assert_status(weir_txn_put_item(NULL, TABLE("orders"), a, NULL, &f.err), WEIR_CLOSED);
    assert_status(weir_txn_new(f.client, &txn, &f.err), WEIR_OK);
    options.capacity = &capacity;
    assert_status(weir_txn_put_item(txn, TABLE("orders"), a, &options, &f.err),
                  WEIR_INVALID_ARGUMENT);
    options.capacity = NULL;
    options.existing = &existing;
    assert_status(weir_txn_put_item(txn, TABLE("orders"), a, &options, &f.err),
                  WEIR_INVALID_ARGUMENT);
    options.existing = NULL;
    options.returned = WEIR_RETURN_OLD;
    assert_status(weir_txn_update_item(txn, TABLE("orders"), a, NULL, 0, &options, &f.err),
                  WEIR_INVALID_ARGUMENT);
    assert_status(weir_txn_delete_item(txn, TABLE("orders"), a, &old, &f.err),
                  WEIR_INVALID_ARGUMENT);
    assert_status(weir_txn_delete_item(txn, TABLE("orders"), NULL, NULL, &f.err),
                  WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_txn_count(txn), 0);
    for (int i = 0; i < LIMIT_TRANSACT_ITEMS; i++) {
        assert_status(weir_txn_delete_item(txn, TABLE("orders"), a, NULL, &f.err), WEIR_OK);
    }
    assert_status(weir_txn_delete_item(txn, TABLE("orders"), a, NULL, &f.err), WEIR_TOO_LARGE);
    weir_item_free(a);
    weir_txn_free(txn);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(item_comes_back_as_it_was_put),
        cmocka_unit_test(missing_item_is_not_found),
        cmocka_unit_test(projection_gives_a_part),
        cmocka_unit_test(capacity_is_asked_only_when_wanted_and_summed),
        cmocka_unit_test(put_gives_what_it_replaced),
        cmocka_unit_test(failed_condition_gives_the_item_that_was_there),
        cmocka_unit_test(update_returns_what_is_asked),
        cmocka_unit_test(update_without_an_expression_makes_the_item),
        cmocka_unit_test(delete_is_conditional_and_gives_what_was_there),
        cmocka_unit_test(wrong_arguments_are_refused_before_anything_is_sent),
        cmocka_unit_test(empty_names_and_values_are_left_out),
        cmocka_unit_test(error_of_the_service_is_passed_on),
        cmocka_unit_test(item_of_409600_bytes_is_the_most),
        cmocka_unit_test(transaction_of_items_is_applied_as_one),
        cmocka_unit_test(failed_condition_in_a_transaction_names_its_element),
        cmocka_unit_test(transaction_refuses_what_its_elements_cannot_have),
    };
    return fixture_run("items", tests, sizeof(tests) / sizeof(tests[0]));
}
