/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: created, listed, changed, deleted, and read back from the store. */
#include "engine_test.h"

#include <stdio.h>

static enum weir_status change(struct fixture *f, enum engine_request_kind kind, const char *table,
                               const char *ttl, bool enabled, char **ret_message)
{
    struct engine_request *request = test_request(f, kind);
    request->table_name = bytes_str(table);
    request->ttl_attribute = bytes_str(ttl);
    request->stream_enabled = enabled;
    enum weir_status status = test_run(f, request);
    engine_table_unref(request->table);
    *ret_message = request->error.message;
    return status;
}

static void a_table_name_is_taken_once(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, TEST_NO_STREAM);
    struct engine_request *request = test_request(f, ENGINE_CREATE_TABLE);
    request->spec.name = BYTES_LIT("things");
    request->spec.partition.name = BYTES_LIT("id");
    assert_int_equal(test_run(f, request), WEIR_RESOURCE_IN_USE);
    assert_string_equal(request->error.message, "Table already exists: things");
    assert_null(request->table);
}

static void unknown_tables_are_not_found(void **state)
{
    struct fixture *f = *state;
    struct engine_table *table;
    struct weir_error err = {0};
    assert_int_equal(engine_table_ref(f->engine, BYTES_LIT("none"), &table, &err),
                     WEIR_RESOURCE_NOT_FOUND);
    assert_string_equal(err.message, "Requested resource not found");
    char *message;
    assert_int_equal(change(f, ENGINE_DELETE_TABLE, "none", NULL, false, &message),
                     WEIR_RESOURCE_NOT_FOUND);
    assert_string_equal(message, "Requested resource not found: Table: none not found");
}

static void tables_are_listed_in_order_page_by_page(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"mid", "zoo", "ant", "Bee", "mid-2"};
    static const char *const sorted[] = {"Bee", "ant", "mid", "mid-2", "zoo"};
    for (size_t i = 0; i < 5; i++) {
        test_create(f, names[i], false, TEST_NO_STREAM);
    }
    struct weir_bytes after = BYTES_NONE;
    size_t seen = 0;
    bool more = true;
    while (more) {
        struct weir_bytes *page;
        uint32_t count;
        assert_int_equal(engine_table_list(f->engine, f->a, after, 2, &page, &count, &more, NULL),
                         WEIR_OK);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(bytes_eq_str(page[i], sorted[seen++]));
        }
        after = page[count - 1];
    }
    assert_int_equal(seen, 5);
}

static void a_deleted_table_s_rows_never_come_back(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, ENGINE_VIEW_KEYS_ONLY);
    (void)test_put(f, "things", "{'pk':{'S':'a'}}");
    struct engine_table *old = test_table(f, "things");
    char *message;
    assert_int_equal(change(f, ENGINE_DELETE_TABLE, "things", NULL, false, &message), WEIR_OK);
    assert_int_equal(test_stored_rows(f, KV_ITEMS), 0);
    test_create(f, "things", false, TEST_NO_STREAM);
    struct engine_table *table = test_table(f, "things");
    assert_true(table->id > old->id);
    uint64_t items;
    uint64_t bytes;
    engine_table_figures(table, &items, &bytes);
    assert_int_equal(items, 0);
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'a'}}"), "");
    engine_table_unref(table);

    struct engine_stream *stream; /* of the deleted table: closed, still to be read */
    assert_int_equal(engine_stream_ref(f->engine, old->stream->arn, &stream, NULL), WEIR_OK);
    assert_false(stream->enabled);
    uint32_t count = 0;
    for (uint32_t i = 0; i < stream->shard_count; i++) {
        uint32_t some;
        (void)test_shard_records(f, stream, &stream->shards[i], &some);
        count += some;
    }
    assert_int_equal(count, 1);
    engine_stream_unref(stream);
    engine_table_unref(old);
    test_reopen(f);
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'a'}}"), "");
}

static void operations_on_a_table_that_was_replaced_are_refused(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, TEST_NO_STREAM);
    struct engine_request *request = test_request(f, ENGINE_WRITE);
    request->ops = ARENA_NEW(f->a, struct engine_op);
    request->op_count = 1;
    struct test_op put = {.kind = ENGINE_PUT, .table = "things", .item = "{'pk':{'S':'a'}}"};
    assert_int_equal(test_prepare(f, &put, request->ops, NULL), WEIR_OK);
    char *message;
    (void)change(f, ENGINE_DELETE_TABLE, "things", NULL, false, &message);
    test_create(f, "things", false, TEST_NO_STREAM);
    assert_int_equal(test_run(f, request), WEIR_OK);
    assert_int_equal(request->ops[0].status, WEIR_RESOURCE_NOT_FOUND);
    engine_op_fini(&request->ops[0]);
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'a'}}"), "");
}

static void a_protected_table_is_not_deleted(void **state)
{
    struct fixture *f = *state;
    struct engine_request *request = test_request(f, ENGINE_CREATE_TABLE);
    request->spec.name = BYTES_LIT("things");
    request->spec.partition.name = BYTES_LIT("pk");
    request->spec.deletion_protected = true;
    assert_int_equal(test_run(f, request), WEIR_OK);
    engine_table_unref(request->table);
    char *message;
    assert_int_equal(change(f, ENGINE_DELETE_TABLE, "things", NULL, false, &message),
                     WEIR_VALIDATION);
    assert_string_equal(message, "Resource cannot be deleted as it is currently protected against "
                                 "deletion. Disable deletion protection first.");
    engine_table_unref(test_table(f, "things"));
}

static void ttl_is_switched_only_to_what_it_is_not(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, TEST_NO_STREAM);
    char *message;
    assert_int_equal(change(f, ENGINE_UPDATE_TTL, "things", NULL, false, &message),
                     WEIR_VALIDATION);
    assert_string_equal(message, "TimeToLive is already disabled");
    assert_int_equal(change(f, ENGINE_UPDATE_TTL, "things", "ttl", false, &message), WEIR_OK);
    assert_int_equal(change(f, ENGINE_UPDATE_TTL, "things", "ttl", false, &message),
                     WEIR_VALIDATION);
    assert_string_equal(message, "TimeToLive is already enabled");
    assert_int_equal(change(f, ENGINE_UPDATE_TTL, "things", "other", false, &message),
                     WEIR_VALIDATION);
    test_reopen(f);
    struct engine_table *table = test_table(f, "things");
    assert_true(bytes_eq_str(table->ttl_attribute, "ttl"));
    engine_table_unref(table);
    assert_int_equal(change(f, ENGINE_UPDATE_TTL, "things", NULL, false, &message), WEIR_OK);
    table = test_table(f, "things");
    assert_int_equal(table->ttl_attribute.len, 0);
    engine_table_unref(table);
}

static void test_K3_a_stream_is_switched_only_to_what_it_is_not(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, TEST_NO_STREAM);
    char *message;
    assert_int_equal(change(f, ENGINE_UPDATE_STREAM, "things", NULL, false, &message),
                     WEIR_VALIDATION);
    assert_string_equal(message, "Table has no stream to disable: TableName: things");
    assert_int_equal(change(f, ENGINE_UPDATE_STREAM, "things", NULL, true, &message), WEIR_OK);
    assert_int_equal(change(f, ENGINE_UPDATE_STREAM, "things", NULL, true, &message),
                     WEIR_VALIDATION);
    assert_string_equal(message, "Table already has an enabled stream: TableName: things");
}

static void reopening_keeps_every_field_of_a_table_and_its_stream(void **state)
{
    struct fixture *f = *state;
    struct engine_request *request = test_request(f, ENGINE_CREATE_TABLE);
    request->spec = (struct engine_table_spec){
        .name = BYTES_LIT("things"),
        .partition = {.name = BYTES_LIT("id"), .type = VALUE_N},
        .sort = {.name = BYTES_LIT("at"), .type = VALUE_B},
        .provisioned = true,
        .read_units = 5,
        .write_units = UINT64_MAX,
        .deletion_protected = true,
        .stream_enabled = true,
        .view = ENGINE_VIEW_OLD_IMAGE,
    };
    assert_int_equal(test_run(f, request), WEIR_OK);
    struct engine_table *old = request->table;
    test_reopen(f);
    struct engine_table *table = test_table(f, "things");
    assert_true(table != old);
    assert_int_equal(table->id, old->id);
    assert_string_equal(table->table_uuid, old->table_uuid);
    assert_true(bytes_eq(table->partition.name, old->partition.name));
    assert_int_equal(table->partition.type, VALUE_N);
    assert_true(bytes_eq(table->sort.name, old->sort.name));
    assert_int_equal(table->sort.type, VALUE_B);
    assert_true(table->created_ms == old->created_ms);
    assert_true(table->provisioned && table->deletion_protected && table->stream_enabled);
    assert_int_equal(table->read_units, 5);
    assert_true(table->write_units == UINT64_MAX);
    assert_true(bytes_eq(table->stream->arn, old->stream->arn));
    assert_string_equal(table->stream->label, old->stream->label);
    assert_int_equal(table->stream->view, ENGINE_VIEW_OLD_IMAGE);
    assert_int_equal(table->stream->shard_count, old->stream->shard_count);
    assert_memory_equal(table->stream->shards, old->stream->shards,
                        old->stream->shard_count * sizeof(struct engine_shard));
    struct weir_bytes arn = engine_table_arn(f->engine, f->a, table);
    assert_true(bytes_eq_str(arn, "arn:aws:dynamodb:local:000000000000:table/things"));
    engine_table_unref(old);
    engine_table_unref(table);
}

static void ids_of_deleted_tables_are_not_given_again_after_reopening(void **state)
{
    struct fixture *f = *state;
    test_create(f, "one", false, TEST_NO_STREAM);
    struct engine_table *one = test_table(f, "one");
    uint32_t id = one->id;
    engine_table_unref(one);
    char *message;
    (void)change(f, ENGINE_DELETE_TABLE, "one", NULL, false, &message);
    test_reopen(f);
    test_create(f, "two", false, TEST_NO_STREAM);
    struct engine_table *two = test_table(f, "two");
    assert_true(two->id > id);
    engine_table_unref(two);
}

static void a_hundred_tables_are_all_found(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 100; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "table-%d", i);
        test_create(f, name, false, TEST_NO_STREAM);
    }
    test_reopen(f);
    for (int i = 0; i < 100; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "table-%d", i);
        struct engine_table *table = test_table(f, name);
        assert_true(bytes_eq_str(table->name, name));
        engine_table_unref(table);
    }
}

static void too_many_stream_shards_are_refused_and_the_store_is_closed(void **state)
{
    (void)state;
    struct engine_options options = {.env = env_system(), .stream_shards = 65};
    assert_int_equal(kv_mem_open(&options.kv, NULL), WEIR_OK);
    struct engine *engine;
    assert_int_equal(engine_open(&options, &engine, NULL), WEIR_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_table_name_is_taken_once),
        TEST(unknown_tables_are_not_found),
        TEST(tables_are_listed_in_order_page_by_page),
        TEST(a_deleted_table_s_rows_never_come_back),
        TEST(operations_on_a_table_that_was_replaced_are_refused),
        TEST(a_protected_table_is_not_deleted),
        TEST(ttl_is_switched_only_to_what_it_is_not),
        TEST(test_K3_a_stream_is_switched_only_to_what_it_is_not),
        TEST(reopening_keeps_every_field_of_a_table_and_its_stream),
        TEST(ids_of_deleted_tables_are_not_given_again_after_reopening),
        TEST(a_hundred_tables_are_all_found),
        TEST(too_many_stream_shards_are_refused_and_the_store_is_closed),
    };
    return RUN_BOTH(tests);
}
