/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of indexes: what they are of which item, how they are walked, and how they end. */
#include "engine_test.h"

#include "engine/internal.h"

static const struct weir_bytes included[] = {BYTES_LIT("x"), BYTES_LIT("z")};
static const struct engine_index indexes[] = {
    {.name = BYTES_LIT("all"),
     .partition = {.name = BYTES_LIT("g"), .type = VALUE_S},
     .sort = {.name = BYTES_LIT("r"), .type = VALUE_N}},
    {.name = BYTES_LIT("some"),
     .partition = {.name = BYTES_LIT("g"), .type = VALUE_S},
     .projection = ENGINE_PROJECT_INCLUDE,
     .included = included,
     .included_count = 2,
     .read_units = 3,
     .write_units = 4},
    {.name = BYTES_LIT("local"),
     .local = true,
     .partition = {.name = BYTES_LIT("pk"), .type = VALUE_S},
     .sort = {.name = BYTES_LIT("r"), .type = VALUE_N},
     .projection = ENGINE_PROJECT_KEYS_ONLY},
};

static void create(struct fixture *f)
{
    test_create_indexed(f, "things", TEST_NO_STREAM, indexes, 3);
}

/* The entry that the index of this number has of the item: its key, and the text of what is in it.
 */
static struct index_entry derive(struct fixture *f, uint32_t number, const char *json)
{
    struct engine_table *table = test_table(f, "things");
    struct engine_op op;
    assert_int_equal(engine_prepare_put(f->a, table, test_item(f, json), &op, NULL), WEIR_OK);
    struct row row = {.encoding = op.encoded, .item_bytes = op.item_bytes};
    struct buf scratch;
    buf_init(&scratch, 1 << 20);
    struct index_entry entry;
    assert_int_equal(index_derive(f->a, &scratch, table, &table->indexes[number], op.item, &row,
                                  op.row_key, &entry, NULL),
                     WEIR_OK);
    buf_fini(&scratch);
    engine_op_fini(&op);
    return entry;
}

static void an_entry_is_a_pure_function_of_its_item(void **state)
{
    struct fixture *f = *state;
    create(f);
    static const char item[] = "{'pk':{'S':'p'},'sk':{'S':'1'},'g':{'S':'a'},'r':{'N':'1'},"
                               "'x':{'S':'x'},'y':{'S':'y'}}";
    for (uint32_t i = 0; i < 3; i++) {
        struct index_entry one = derive(f, i, item);
        struct index_entry other = derive(f, i, item);
        assert_true(bytes_eq(one.key, other.key));
        assert_true(bytes_eq(one.row.encoding, other.row.encoding));
        assert_int_equal(one.row.item_bytes, other.row.item_bytes);
    }
}

static void entries_hold_what_is_projected(void **state)
{
    struct fixture *f = *state;
    create(f);
    static const char item[] = "{'g':{'S':'a'},'pk':{'S':'p'},'r':{'N':'1'},'sk':{'S':'1'},"
                               "'x':{'S':'x'},'y':{'S':'y'}}";
    assert_string_equal(test_text(f, derive(f, 0, item).row.encoding), item);
    assert_string_equal(test_text(f, derive(f, 1, item).row.encoding),
                        "{'g':{'S':'a'},'pk':{'S':'p'},'sk':{'S':'1'},'x':{'S':'x'}}");
    assert_string_equal(test_text(f, derive(f, 2, item).row.encoding),
                        "{'pk':{'S':'p'},'r':{'N':'1'},'sk':{'S':'1'}}");
}

static void an_item_without_an_index_key_has_no_entry(void **state)
{
    struct fixture *f = *state;
    create(f);
    static const char item[] = "{'g':{'S':'a'},'pk':{'S':'p'},'sk':{'S':'1'}}";
    assert_int_equal(derive(f, 0, item).key.len, 0);
    assert_true(derive(f, 1, item).key.len > 0);
    assert_int_equal(derive(f, 2, item).key.len, 0);
}

static void an_index_key_of_the_wrong_type_is_refused(void **state)
{
    struct fixture *f = *state;
    create(f);
    struct engine_op op;
    struct weir_error err = {0};
    assert_int_equal(engine_prepare_put(f->a, test_table(f, "things"),
                                        test_item(f, "{'pk':{'S':'p'},'sk':{'S':'1'},"
                                                     "'g':{'N':'1'}}"),
                                        &op, &err),
                     WEIR_VALIDATION);
    assert_string_equal(err.message, "One or more parameter values were invalid: Type mismatch for "
                                     "Index Key g Expected: S Actual: N IndexName: all");
    const struct engine_op *update =
        test_do(f, &(struct test_op){.kind = ENGINE_UPDATE,
                                     .table = "things",
                                     .item = "{'pk':{'S':'p'},'sk':{'S':'1'}}",
                                     .update = "SET r = :v",
                                     .values = "{':v':{'S':'one'}}"});
    assert_int_equal(update->status, WEIR_VALIDATION);
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'p'},'sk':{'S':'1'}}"), "");
    assert_int_equal(test_stored_rows(f, KV_INDEX), 0);
}

static void indexes_are_read_back_with_their_table(void **state)
{
    struct fixture *f = *state;
    create(f);
    (void)test_put(f, "things", "{'pk':{'S':'p'},'sk':{'S':'1'},'g':{'S':'a'},'r':{'N':'1'}}");
    test_reopen(f);
    struct engine_table *table = test_table(f, "things");
    assert_int_equal(table->index_count, 3);
    const struct engine_index *some = engine_index_view(table, BYTES_LIT("some"));
    assert_non_null(some);
    assert_int_equal(some->projection, ENGINE_PROJECT_INCLUDE);
    assert_int_equal(some->included_count, 2);
    assert_true(bytes_eq_str(some->included[1], "z"));
    assert_int_equal(some->read_units, 3);
    assert_int_equal(some->sort.name.len, 0);
    assert_true(engine_index_view(table, BYTES_LIT("local"))->local);
    assert_null(engine_index_view(table, BYTES_LIT("none")));
    uint64_t items;
    uint64_t bytes;
    engine_index_figures(some, &items, &bytes);
    assert_int_equal(items, 1);
    assert_int_equal(bytes, 8);
    engine_table_unref(table);
}

static void a_failed_write_leaves_the_entries(void **state)
{
    struct fixture *f = *state;
    create(f);
    static const char item[] = "{'g':{'S':'a'},'pk':{'S':'p'},'r':{'N':'1'},'sk':{'S':'1'}}";
    (void)test_put(f, "things", item);
    const struct engine_op *op =
        test_do(f, &(struct test_op){.kind = ENGINE_DELETE,
                                     .table = "things",
                                     .item = "{'pk':{'S':'p'},'sk':{'S':'1'}}",
                                     .condition = "attribute_not_exists(pk)"});
    assert_int_equal(op->status, WEIR_CONDITION_FAILED);
    assert_int_equal(op->index_use_count, 0);
    struct engine_page page = test_scan(f, "things", "all");
    assert_int_equal(page.count, 1);
    assert_string_equal(test_value_text(f, &page.items->u.list.at[0]), item);
}

static void what_a_write_did_to_its_indexes_is_told(void **state)
{
    struct fixture *f = *state;
    create(f);
    struct test_op put = {.kind = ENGINE_PUT, .table = "things"};
    put.item = "{'g':{'S':'a'},'pk':{'S':'p'},'r':{'N':'1'},'sk':{'S':'1'}}";
    const struct engine_op *op = test_do(f, &put);
    assert_int_equal(op->index_use_count, 3);
    assert_true(bytes_eq_str(op->index_uses[0].name, "all"));
    assert_true(op->index_uses[0].moved && op->index_uses[0].changed);
    assert_int_equal(op->index_uses[0].old_bytes, 0);
    assert_int_equal(op->index_uses[0].new_bytes, 11);
    put.item = "{'g':{'S':'a'},'pk':{'S':'p'},'r':{'N':'1'},'sk':{'S':'1'},'y':{'S':'y'}}";
    op = test_do(f, &put);
    assert_true(!op->index_uses[0].moved && op->index_uses[0].changed);
    assert_false(op->index_uses[1].changed);
    op = test_do(f, &put); /* changes nothing at all */
    assert_int_equal(op->index_use_count, 0);
}

static void the_entries_of_a_deleted_table_go(void **state)
{
    struct fixture *f = *state;
    create(f);
    test_create_indexed(f, "others", TEST_NO_STREAM, indexes, 3);
    static const char item[] = "{'g':{'S':'a'},'pk':{'S':'p'},'r':{'N':'1'},'sk':{'S':'1'}}";
    (void)test_put(f, "things", item);
    (void)test_put(f, "others", item);
    struct engine_request *request = test_request(f, ENGINE_DELETE_TABLE);
    request->table_name = BYTES_LIT("things");
    assert_int_equal(test_run(f, request), WEIR_OK);
    engine_table_unref(request->table);
    if (f->mem != NULL) {
        assert_int_equal(test_stored_rows(f, KV_INDEX), 3);
    }
    test_reopen(f); /* no counters are left of what is gone */
    assert_int_equal(test_scan(f, "others", "all").count, 1);
    create(f);
    assert_int_equal(test_scan(f, "things", "all").count, 0);
}

static void whole_items_are_fetched_through_a_local_index(void **state)
{
    struct fixture *f = *state;
    create(f);
    static const char item[] =
        "{'pk':{'S':'p'},'r':{'N':'1'},'sk':{'S':'1'},'y':{'S':'not projected'}}";
    (void)test_put(f, "things", item);
    struct engine_table *table = test_table(f, "things");
    struct engine_page_request request = {
        .table = table, .index = engine_index_view(table, BYTES_LIT("local")), .fetch = true};
    struct engine_view *view = engine_view_open(f->engine);
    struct engine_page page;
    assert_int_equal(engine_page_read(f->engine, view, f->a, &request, &page, NULL), WEIR_OK);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.fetched_blocks, 1);
    assert_string_equal(test_value_text(f, &page.items->u.list.at[0]), item);
    engine_view_close(view);
    engine_table_unref(table);
}

static void pages_go_on_between_equal_index_keys(void **state)
{
    struct fixture *f = *state;
    create(f);
    for (int i = 0; i < 7; i++) {
        (void)test_put(f, "things",
                       arena_printf(f->a, "{'pk':{'S':'p%d'},'sk':{'S':'1'},'g':{'S':'a'}}", i));
    }
    struct engine_table *table = test_table(f, "things");
    struct engine_page_request request = {
        .table = table, .index = engine_index_view(table, BYTES_LIT("some")), .limit = 3};
    uint32_t seen = 0;
    uint32_t pages = 0;
    do {
        struct engine_page page;
        assert_int_equal(engine_page_read(f->engine, NULL, f->a, &request, &page, NULL), WEIR_OK);
        seen += page.count;
        pages++;
        request.start_key = page.last_key;
    } while (request.start_key != NULL);
    assert_int_equal(seen, 7);
    assert_int_equal(pages, 3);
    engine_table_unref(table);
}

static void a_start_key_needs_the_keys_of_both(void **state)
{
    struct fixture *f = *state;
    create(f);
    static const char *const bad[] = {
        "{'pk':{'S':'p'},'sk':{'S':'1'}}",
        "{'g':{'S':'a'},'pk':{'S':'p'},'sk':{'N':'1'}}",
        "{'g':{'S':''},'pk':{'S':'p'},'sk':{'S':'1'}}",
        "{'g':{'S':'a'},'pk':{'S':'p'},'sk':{'S':'1'},'x':{'S':'1'}}",
    };
    struct engine_table *table = test_table(f, "things");
    const struct engine_index *some = engine_index_view(table, BYTES_LIT("some"));
    struct buf key;
    buf_init(&key, 4096);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(engine_entry_key(table, some, test_item(f, bad[i]), &key, NULL),
                         WEIR_VALIDATION);
    }
    assert_int_equal(engine_entry_key(table, some,
                                      test_item(f, "{'g':{'S':'a'},'pk':{'S':'p'},'sk':{'S':'1'}}"),
                                      &key, NULL),
                     WEIR_OK);
    buf_fini(&key);
    engine_table_unref(table);
}

static void billing_and_protection_are_changed(void **state)
{
    struct fixture *f = *state;
    create(f);
    struct engine_index units = {.name = BYTES_LIT("all"), .read_units = 7, .write_units = 8};
    struct engine_request *request = test_request(f, ENGINE_UPDATE_TABLE);
    request->table_name = BYTES_LIT("things");
    request->changes = ENGINE_CHANGE_BILLING | ENGINE_CHANGE_PROTECTION;
    request->spec = (struct engine_table_spec){.provisioned = true,
                                               .read_units = 5,
                                               .write_units = 6,
                                               .deletion_protected = true,
                                               .indexes = &units,
                                               .index_count = 1};
    assert_int_equal(test_run(f, request), WEIR_OK);
    engine_table_unref(request->table);
    test_reopen(f);
    struct engine_table *table = test_table(f, "things");
    assert_true(table->provisioned && table->deletion_protected);
    assert_int_equal(table->read_units, 5);
    assert_int_equal(table->indexes[0].write_units, 8);
    assert_int_equal(table->indexes[1].write_units, 4);
    assert_int_equal(table->index_count, 3);
    engine_table_unref(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_entry_is_a_pure_function_of_its_item),
        TEST(entries_hold_what_is_projected),
        TEST(an_item_without_an_index_key_has_no_entry),
        TEST(an_index_key_of_the_wrong_type_is_refused),
        TEST(indexes_are_read_back_with_their_table),
        TEST(a_failed_write_leaves_the_entries),
        TEST(what_a_write_did_to_its_indexes_is_told),
        TEST(the_entries_of_a_deleted_table_go),
        TEST(whole_items_are_fetched_through_a_local_index),
        TEST(pages_go_on_between_equal_index_keys),
        TEST(a_start_key_needs_the_keys_of_both),
        TEST(billing_and_protection_are_changed),
    };
    return RUN_BOTH(tests);
}
