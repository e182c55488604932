/* SPDX-License-Identifier: Apache-2.0 */
/* Single operations on items: what they store, answer, refuse and count. */
#include "engine_test.h"

#include <stdlib.h>

static void put_then_get_gives_the_item(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", true, TEST_NO_STREAM);
    const char *item = "{'n':{'N':'1.5'},'pk':{'S':'a'},'sk':{'S':'b'}}";
    assert_int_equal(test_put(f, "things", item), WEIR_OK);
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'a'},'sk':{'S':'b'}}"), item);
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'a'},'sk':{'S':'c'}}"), "");
}

static void put_replaces_the_whole_item(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, TEST_NO_STREAM);
    (void)test_put(f, "things", "{'pk':{'S':'a'},'x':{'N':'1'}}");
    struct engine_op *op = test_do(f, &(struct test_op){.kind = ENGINE_PUT,
                                                        .table = "things",
                                                        .item = "{'pk':{'S':'a'},'y':{'N':'2'}}",
                                                        .want_old = true});
    assert_int_equal(op->status, WEIR_OK);
    assert_true(op->existed);
    assert_string_equal(test_value_text(f, op->old_item), "{'pk':{'S':'a'},'x':{'N':'1'}}");
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'a'}}"),
                        "{'pk':{'S':'a'},'y':{'N':'2'}}");
}

static void delete_removes_and_is_idempotent(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, TEST_NO_STREAM);
    (void)test_put(f, "things", "{'pk':{'S':'a'}}");
    assert_int_equal(test_delete(f, "things", "{'pk':{'S':'a'}}"), WEIR_OK);
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'a'}}"), "");
    struct engine_op *op = test_do(
        f, &(struct test_op){.kind = ENGINE_DELETE, .table = "things", .item = "{'pk':{'S':'a'}}"});
    assert_int_equal(op->status, WEIR_OK);
    assert_false(op->existed);
    assert_int_equal(op->old_bytes, 0);
}

static void update_of_a_missing_item_creates_it_from_its_key(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, TEST_NO_STREAM);
    struct engine_op *op = test_do(f, &(struct test_op){.kind = ENGINE_UPDATE,
                                                        .table = "things",
                                                        .item = "{'pk':{'S':'a'}}",
                                                        .update = "SET n = :n ADD c :n",
                                                        .values = "{':n':{'N':'2'}}"});
    assert_int_equal(op->status, WEIR_OK);
    assert_false(op->existed);
    assert_string_equal(test_value_text(f, op->new_item),
                        "{'c':{'N':'2'},'n':{'N':'2'},'pk':{'S':'a'}}");
    assert_int_equal(op->old_bytes, 0);
    assert_int_equal(op->new_bytes, 3 + 3 + 3);

    (void)test_do(
        f, &(struct test_op){.kind = ENGINE_UPDATE, .table = "things", .item = "{'pk':{'S':'b'}}"});
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'b'}}"), "{'pk':{'S':'b'}}");
}

static void update_gives_the_item_before_and_after(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, TEST_NO_STREAM);
    (void)test_put(f, "things", "{'pk':{'S':'a'},'n':{'N':'1'}}");
    struct engine_op *op = test_do(f, &(struct test_op){.kind = ENGINE_UPDATE,
                                                        .table = "things",
                                                        .item = "{'pk':{'S':'a'}}",
                                                        .update = "SET n = n + :n",
                                                        .values = "{':n':{'N':'41'}}"});
    assert_string_equal(test_value_text(f, op->old_item), "{'n':{'N':'1'},'pk':{'S':'a'}}");
    assert_string_equal(test_value_text(f, op->new_item), "{'n':{'N':'42'},'pk':{'S':'a'}}");
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'a'}}"),
                        "{'n':{'N':'42'},'pk':{'S':'a'}}");
}

static void test_B4_a_failed_condition_leaves_the_item_and_shows_it(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, ENGINE_VIEW_KEYS_ONLY);
    (void)test_put(f, "things", "{'pk':{'S':'a'},'n':{'N':'1'}}");
    struct engine_op *op = test_do(f, &(struct test_op){.kind = ENGINE_PUT,
                                                        .table = "things",
                                                        .item = "{'pk':{'S':'a'},'n':{'N':'2'}}",
                                                        .condition = "attribute_not_exists(pk)"});
    assert_int_equal(op->status, WEIR_CONDITION_FAILED);
    assert_string_equal(op->error->message, "The conditional request failed");
    assert_string_equal(test_value_text(f, op->old_item), "{'n':{'N':'1'},'pk':{'S':'a'}}");
    assert_int_equal(op->new_bytes, op->old_bytes);
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'a'}}"),
                        "{'n':{'N':'1'},'pk':{'S':'a'}}");
    uint32_t count;
    (void)test_records(f, "things", &count);
    assert_int_equal(count, 1);
}

static void conditions_see_the_writes_before_them_in_the_batch(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, TEST_NO_STREAM);
    struct engine_request *request = test_request(f, ENGINE_WRITE);
    request->op_count = 3;
    request->ops = ARENA_ARRAY(f->a, struct engine_op, 3);
    struct test_op put = {.kind = ENGINE_PUT,
                          .table = "things",
                          .item = "{'pk':{'S':'a'}}",
                          .condition = "attribute_not_exists(pk)"};
    struct test_op remove = {
        .kind = ENGINE_DELETE, .table = "things", .item = "{'pk':{'S':'a'}}", .want_old = true};
    assert_int_equal(test_prepare(f, &put, &request->ops[0], NULL), WEIR_OK);
    assert_int_equal(test_prepare(f, &put, &request->ops[1], NULL), WEIR_OK);
    assert_int_equal(test_prepare(f, &remove, &request->ops[2], NULL), WEIR_OK);
    assert_int_equal(test_run(f, request), WEIR_OK);
    assert_int_equal(request->ops[0].status, WEIR_OK);
    assert_int_equal(request->ops[1].status, WEIR_CONDITION_FAILED);
    assert_int_equal(request->ops[2].status, WEIR_OK);
    assert_non_null(request->ops[2].old_item);
    for (int i = 0; i < 3; i++) {
        engine_op_fini(&request->ops[i]);
    }
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'a'}}"), "");
}

static void counters_are_exact_and_survive_reopening(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, TEST_NO_STREAM);
    (void)test_put(f, "things", "{'pk':{'S':'a'},'x':{'S':'12345'}}");
    (void)test_put(f, "things", "{'pk':{'S':'b'}}");
    (void)test_put(f, "things", "{'pk':{'S':'a'},'x':{'S':'123'}}");
    (void)test_put(f, "things", "{'pk':{'S':'c'}}");
    (void)test_delete(f, "things", "{'pk':{'S':'c'}}");
    for (int i = 0; i < 2; i++) {
        struct engine_table *table = test_table(f, "things");
        uint64_t items;
        uint64_t bytes;
        engine_table_figures(table, &items, &bytes);
        assert_int_equal(items, 2);
        assert_int_equal(bytes, (2 + 1 + 1 + 3) + (2 + 1));
        engine_table_unref(table);
        test_reopen(f);
    }
}

struct refused {
    const char *item;
    bool exact;
    const char *message;
};

static void keys_are_checked_in_the_service_s_words(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", true, TEST_NO_STREAM);
    static const struct refused cases[] = {
        {"{'sk':{'S':'a'}}", false,
         "One or more parameter values were invalid: Missing the key pk in the item"},
        {"{'pk':{'N':'1'},'sk':{'S':'a'}}", false,
         "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: "
         "N"},
        {"{'pk':{'S':''},'sk':{'S':'a'}}", false,
         "One or more parameter values are not valid. The AttributeValue for a key attribute "
         "cannot contain an empty string value. Key: pk"},
        {"{'pk':{'S':'a'}}", true, "The provided key element does not match the schema"},
        {"{'pk':{'S':'a'},'sk':{'N':'1'}}", true,
         "The provided key element does not match the schema"},
        {"{'pk':{'S':'a'},'sk':{'S':'b'},'x':{'S':'c'}}", true,
         "The provided key element does not match the schema"},
    };
    struct engine_table *table = test_table(f, "things");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct weir_error err = {0};
        struct buf key;
        buf_init(&key, 8192);
        assert_int_equal(
            engine_row_key(table, test_item(f, cases[i].item), cases[i].exact, &key, &err),
            WEIR_VALIDATION);
        assert_string_equal(err.message, cases[i].message);
        buf_fini(&key);
    }
    engine_table_unref(table);
}

static enum weir_status key_of_lengths(struct fixture *f, int partition, int sort)
{
    char *json = arena_printf(f->a, "{'pk':{'S':'%0*d'},'sk':{'S':'%0*d'}}", partition, 0, sort, 0);
    struct engine_table *table = test_table(f, "things");
    struct buf key;
    buf_init(&key, 8192);
    enum weir_status status = engine_row_key(table, test_item(f, json), true, &key, NULL);
    buf_fini(&key);
    engine_table_unref(table);
    return status;
}

static void keys_may_be_as_long_as_their_limits_and_no_longer(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", true, TEST_NO_STREAM);
    assert_int_equal(key_of_lengths(f, 2048, 1024), WEIR_OK);
    assert_int_equal(key_of_lengths(f, 2049, 1024), WEIR_VALIDATION);
    assert_int_equal(key_of_lengths(f, 2048, 1025), WEIR_VALIDATION);
}

/* {'pk':{'S':'a'},'x':{'S':'000...'}} of that many bytes. */
static char *item_of_size(struct fixture *f, int bytes)
{
    return arena_printf(f->a, "{'pk':{'S':'a'},'x':{'S':'%0*d'}}", bytes - 4, 0);
}

static void items_may_have_400_kb_and_no_more(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, TEST_NO_STREAM);
    assert_int_equal(test_put(f, "things", item_of_size(f, LIMIT_ITEM_BYTES)), WEIR_OK);
    struct test_op over = {
        .kind = ENGINE_PUT, .table = "things", .item = item_of_size(f, LIMIT_ITEM_BYTES + 1)};
    struct engine_op op;
    struct weir_error err = {0};
    assert_int_equal(test_prepare(f, &over, &op, &err), WEIR_VALIDATION);
    assert_string_equal(err.message, "Item size has exceeded the maximum allowed size");

    struct engine_op *updated = test_do(f, &(struct test_op){.kind = ENGINE_UPDATE,
                                                             .table = "things",
                                                             .item = "{'pk':{'S':'a'}}",
                                                             .update = "SET y = :y",
                                                             .values = "{':y':{'S':''}}"});
    assert_int_equal(updated->status, WEIR_VALIDATION);
    assert_string_equal(updated->error->message,
                        "Item size to update has exceeded the maximum allowed size");
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'a'}}"),
                        item_of_size(f, LIMIT_ITEM_BYTES));
}

static void updates_of_key_attributes_are_refused(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", true, TEST_NO_STREAM);
    struct test_op update = {.kind = ENGINE_UPDATE,
                             .table = "things",
                             .item = "{'pk':{'S':'a'},'sk':{'S':'b'}}",
                             .update = "SET x = :x, sk = :x",
                             .values = "{':x':{'S':'c'}}"};
    struct engine_op op;
    struct weir_error err = {0};
    assert_int_equal(test_prepare(f, &update, &op, &err), WEIR_VALIDATION);
    assert_string_equal(err.message, "One or more parameter values were invalid: Cannot update "
                                     "attribute sk. This attribute is part of the key");
}

static void an_update_that_cannot_be_evaluated_changes_nothing(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, TEST_NO_STREAM);
    (void)test_put(f, "things", "{'pk':{'S':'a'},'s':{'S':'x'}}");
    struct engine_op *op = test_do(f, &(struct test_op){.kind = ENGINE_UPDATE,
                                                        .table = "things",
                                                        .item = "{'pk':{'S':'a'}}",
                                                        .update = "SET s = s + :n",
                                                        .values = "{':n':{'N':'1'}}"});
    assert_int_equal(op->status, WEIR_VALIDATION);
    assert_non_null(op->error);
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'a'}}"),
                        "{'pk':{'S':'a'},'s':{'S':'x'}}");
}

static void a_view_keeps_what_was_there_when_it_was_opened(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, TEST_NO_STREAM);
    (void)test_put(f, "things", "{'pk':{'S':'a'},'n':{'N':'1'}}");
    struct engine_view *view = engine_view_open(f->engine);
    assert_non_null(view);
    (void)test_put(f, "things", "{'pk':{'S':'a'},'n':{'N':'2'}}");
    struct engine_table *table = test_table(f, "things");
    struct buf key;
    buf_init(&key, 8192);
    (void)engine_row_key(table, test_item(f, "{'pk':{'S':'a'}}"), true, &key, NULL);
    struct weir_bytes item;
    assert_int_equal(engine_get(f->engine, view, f->a, buf_bytes(&key), false, &item, NULL),
                     WEIR_OK);
    assert_string_equal(test_text(f, item), "{'n':{'N':'1'},'pk':{'S':'a'}}");
    buf_fini(&key);
    engine_table_unref(table);
    engine_view_close(view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(put_then_get_gives_the_item),
        TEST(put_replaces_the_whole_item),
        TEST(delete_removes_and_is_idempotent),
        TEST(update_of_a_missing_item_creates_it_from_its_key),
        TEST(update_gives_the_item_before_and_after),
        TEST(test_B4_a_failed_condition_leaves_the_item_and_shows_it),
        TEST(conditions_see_the_writes_before_them_in_the_batch),
        TEST(counters_are_exact_and_survive_reopening),
        TEST(keys_are_checked_in_the_service_s_words),
        TEST(keys_may_be_as_long_as_their_limits_and_no_longer),
        TEST(items_may_have_400_kb_and_no_more),
        TEST(updates_of_key_attributes_are_refused),
        TEST(an_update_that_cannot_be_evaluated_changes_nothing),
        TEST(a_view_keeps_what_was_there_when_it_was_opened),
    };
    return RUN_BOTH(tests);
}
