/* SPDX-License-Identifier: Apache-2.0 */
/* TTL: which items expire and when, filling, sweeping, and both across a restart. */
#include "engine_test.h"

#include "engine/internal.h"

#define NOW_S (TEST_START_MS / 1000)

static void put(struct fixture *f, const char *pk, const char *sk, int64_t expiry_s)
{
    (void)test_put(f, "things",
                   arena_printf(f->a, "{'pk':{'S':'%s'},'sk':{'S':'%s'},'ttl':{'N':'%lld'}}", pk,
                                sk, (long long)expiry_s));
}

static void put_many(struct fixture *f, uint32_t count, int64_t expiry_s)
{
    for (uint32_t i = 0; i < count; i++) {
        put(f, "p", arena_printf(f->a, "%u", i), expiry_s);
    }
}

/* A second later, until nothing is left to do at once. */
static void settle(struct fixture *f)
{
    env_fake_advance(f->env, 1000);
    uint32_t turns = 0;
    do {
        (void)engine_turn(f->engine);
        assert_true(turns++ < 100);
    } while (engine_turn_due_ms(f->engine) == 0);
}

static uint32_t count(struct fixture *f)
{
    return test_scan(f, "things", NULL).count;
}

static bool is_filling(struct fixture *f)
{
    struct engine_table *table = test_table(f, "things");
    bool filling = table->ttl_filling;
    engine_table_unref(table);
    return filling;
}

static void create(struct fixture *f)
{
    test_create(f, "things", true, ENGINE_VIEW_NEW_AND_OLD_IMAGES);
}

static void only_whole_numbers_from_1970_on_are_times(void **state)
{
    struct fixture *f = *state;
    create(f);
    (void)test_set_ttl(f, "things", "ttl");
    static const struct {
        const char *value;
        int64_t expiry_s; /* -1: never */
    } cases[] = {{"{'N':'0'}", 0},
                 {"{'N':'12'}", 12},
                 {"{'N':'12.9'}", 12},
                 {"{'N':'999999999999999'}", 999999999999999},
                 {"{'N':'1000000000000000'}", -1},
                 {"{'N':'-1'}", -1},
                 {"{'S':'12'}", -1},
                 {"{'NS':['12']}", -1},
                 {"{'NULL':true}", -1}};
    struct engine_table *table = test_table(f, "things");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t expiry_s = 0;
        bool expires = ttl_expiry(
            table, test_item(f, arena_printf(f->a, "{'ttl':%s}", cases[i].value)), &expiry_s);
        assert_int_equal(expires, cases[i].expiry_s >= 0);
        assert_int_equal(expiry_s, expires ? (uint64_t)cases[i].expiry_s : 0);
    }
    uint64_t expiry_s;
    assert_false(ttl_expiry(table, test_item(f, "{'other':{'N':'12'}}"), &expiry_s));
    engine_table_unref(table);
}

static void an_item_expires_when_its_time_has_passed(void **state)
{
    struct fixture *f = *state;
    create(f);
    (void)test_set_ttl(f, "things", "ttl");
    put(f, "p", "passed", NOW_S - 1);
    put(f, "p", "soon", NOW_S + 10);
    settle(f);
    assert_int_equal(count(f), 1);
    env_fake_advance(f->env, 8000);
    settle(f); /* now its time is, but has not passed */
    assert_int_equal(count(f), 1);
    settle(f);
    settle(f);
    assert_int_equal(count(f), 0);
    assert_int_equal(test_expired(f), 2);
}

static void items_older_than_five_years_stay(void **state)
{
    struct fixture *f = *state;
    create(f);
    (void)test_set_ttl(f, "things", "ttl");
    put(f, "p", "too old", NOW_S - LIMIT_TTL_PAST_S - 10);
    put(f, "p", "old", NOW_S - LIMIT_TTL_PAST_S + 10);
    settle(f);
    assert_int_equal(count(f), 1);
    assert_int_equal(test_expired(f), 1);
}

static void test_K2_records_of_expired_items_name_the_service(void **state)
{
    struct fixture *f = *state;
    create(f);
    (void)test_set_ttl(f, "things", "ttl");
    put(f, "p", "1", NOW_S - 1);
    settle(f);
    uint32_t found;
    struct engine_record *records = test_records(f, "things", &found);
    assert_int_equal(found, 2);
    const struct engine_record *remove =
        records[0].event == ENGINE_REMOVE ? &records[0] : &records[1];
    const struct engine_record *insert =
        records[0].event == ENGINE_REMOVE ? &records[1] : &records[0];
    assert_int_equal(insert->event, ENGINE_INSERT);
    assert_false(insert->by_ttl);
    assert_int_equal(remove->event, ENGINE_REMOVE);
    assert_true(remove->by_ttl);
    assert_string_equal(test_text(f, remove->keys), "{'pk':{'S':'p'},'sk':{'S':'1'}}");
    assert_int_equal(remove->new_image.len, 0);
    assert_true(remove->old_image.len > 0);
}

static void a_turn_deletes_a_bounded_number(void **state)
{
    struct fixture *f = *state;
    create(f);
    (void)test_set_ttl(f, "things", "ttl");
    put_many(f, 600, NOW_S + 10);
    env_fake_advance(f->env, 60000);
    (void)engine_turn(f->engine);
    assert_true(test_expired(f) > 0);
    assert_true(test_expired(f) <= 256);
    assert_int_equal(engine_turn_due_ms(f->engine), 0);
    settle(f);
    assert_int_equal(test_expired(f), 600);
    assert_int_equal(count(f), 0);
    assert_int_equal(test_stored_rows(f, KV_INDEX), 0);
}

static void every_table_has_its_turn(void **state)
{
    struct fixture *f = *state;
    create(f);
    (void)test_set_ttl(f, "things", "ttl");
    test_create(f, "zoo", false, TEST_NO_STREAM);
    (void)test_set_ttl(f, "zoo", "ttl");
    put_many(f, 600, NOW_S + 10);
    (void)test_put(f, "zoo",
                   arena_printf(f->a, "{'pk':{'S':'a'},'ttl':{'N':'%lld'}}", NOW_S + 10LL));
    env_fake_advance(f->env, 60000);
    (void)engine_turn(f->engine);
    (void)engine_turn(f->engine);
    assert_int_equal(test_scan(f, "zoo", NULL).count, 0);
    assert_true(count(f) > 0);
}

static void an_item_that_got_more_time_stays(void **state)
{
    struct fixture *f = *state;
    create(f);
    (void)test_set_ttl(f, "things", "ttl");
    put(f, "p", "1", NOW_S + 5);
    put(f, "p", "1", NOW_S + 500);
    put(f, "p", "2", NOW_S + 5);
    (void)test_put(f, "things", "{'pk':{'S':'p'},'sk':{'S':'2'}}");
    env_fake_advance(f->env, 60000);
    settle(f);
    assert_int_equal(count(f), 2);
    assert_int_equal(test_expired(f), 0);
}

static void a_time_before_what_was_swept_is_swept_too(void **state)
{
    struct fixture *f = *state;
    create(f);
    (void)test_set_ttl(f, "things", "ttl");
    put(f, "p", "1", NOW_S - 1);
    settle(f);
    put(f, "p", "2", NOW_S - 1000);
    settle(f);
    assert_int_equal(count(f), 0);
}

static void filling_goes_on_after_a_restart(void **state)
{
    struct fixture *f = *state;
    create(f);
    put_many(f, 700, NOW_S + 10);
    (void)test_set_ttl(f, "things", "ttl");
    (void)engine_turn(f->engine); /* a part of them */
    assert_true(is_filling(f));
    if (f->mem != NULL) {
        assert_in_range(test_stored_rows(f, KV_INDEX), 1, 512);
    }
    test_reopen(f);
    assert_true(is_filling(f));
    put(f, "p", "0", NOW_S + 5000); /* before the cursor and behind it alike */
    put(f, "p", "699", NOW_S + 5000);
    (void)test_delete(f, "things", "{'pk':{'S':'p'},'sk':{'S':'1'}}");
    (void)test_delete(f, "things", "{'pk':{'S':'p'},'sk':{'S':'698'}}");
    settle(f);
    assert_false(is_filling(f));
    if (f->mem != NULL) {
        assert_int_equal(test_stored_rows(f, KV_INDEX), 698);
    }
    env_fake_advance(f->env, 60000);
    settle(f);
    assert_int_equal(count(f), 2);
}

static void sweeping_goes_on_after_a_restart(void **state)
{
    struct fixture *f = *state;
    create(f);
    (void)test_set_ttl(f, "things", "ttl");
    put_many(f, 600, NOW_S + 10);
    env_fake_advance(f->env, 60000);
    (void)engine_turn(f->engine);
    uint32_t left = count(f);
    assert_true(left > 0 && left < 600);
    test_reopen(f);
    settle(f);
    assert_int_equal(count(f), 0);
    struct engine_table *table = test_table(f, "things");
    uint64_t items;
    uint64_t bytes;
    engine_table_figures(table, &items, &bytes);
    assert_int_equal(items, 0);
    assert_int_equal(bytes, 0);
    engine_table_unref(table);
}

static void switching_off_removes_the_entries(void **state)
{
    struct fixture *f = *state;
    create(f);
    (void)test_set_ttl(f, "things", "ttl");
    put_many(f, 10, NOW_S + 10);
    assert_int_equal(test_set_ttl(f, "things", NULL), WEIR_OK);
    assert_int_equal(test_stored_rows(f, KV_INDEX), 0);
    env_fake_advance(f->env, 60000);
    settle(f);
    assert_int_equal(count(f), 10);
    (void)test_set_ttl(f, "things", "ttl"); /* and on again finds them */
    settle(f);
    assert_int_equal(count(f), 0);
}

static void switching_off_while_filling_ends_it(void **state)
{
    struct fixture *f = *state;
    create(f);
    put_many(f, 700, NOW_S + 10);
    (void)test_set_ttl(f, "things", "ttl");
    (void)engine_turn(f->engine);
    assert_int_equal(test_set_ttl(f, "things", NULL), WEIR_OK);
    assert_false(is_filling(f));
    settle(f);
    assert_int_equal(test_stored_rows(f, KV_INDEX), 0);
    test_reopen(f);
    env_fake_advance(f->env, 60000);
    settle(f);
    assert_int_equal(count(f), 700);
}

static void a_deleted_table_has_no_entries(void **state)
{
    struct fixture *f = *state;
    create(f);
    (void)test_set_ttl(f, "things", "ttl");
    put_many(f, 10, NOW_S + 10);
    struct engine_request *request = test_request(f, ENGINE_DELETE_TABLE);
    request->table_name = BYTES_LIT("things");
    assert_int_equal(test_run(f, request), WEIR_OK);
    engine_table_unref(request->table);
    assert_int_equal(test_stored_rows(f, KV_INDEX), 0);
    create(f);
    put(f, "p", "1", NOW_S - 10);
    settle(f);
    assert_int_equal(count(f), 1);
}

/* As a table was written before it had indexes and entries of TTL. */
static void make_old(struct fixture *f, struct weir_bytes value, struct buf *to)
{
    struct weir_value *item;
    assert_int_equal(value_decode_item(f->a, value, &item, NULL), WEIR_OK);
    struct weir_value *old = value_new_map(f->a, VALUE_ITEM);
    for (uint32_t i = 0; i < item->u.map.count; i++) {
        const struct value_member *member = &item->u.map.at[i];
        if (!bytes_eq_str(member->name, "ttlIndex") && !bytes_eq_str(member->name, "ttlFilling") &&
            !bytes_eq_str(member->name, "indexes")) {
            *value_add(f->a, old, member->name) = member->value;
        }
    }
    assert_int_equal(old->u.map.count, item->u.map.count - 2);
    value_encode_item(to, old);
}

static void ttl_of_an_older_store_is_filled(void **state)
{
    struct fixture *f = *state;
    create(f);
    put_many(f, 10, NOW_S + 10);
    (void)test_set_ttl(f, "things", "ttl");
    test_close(f);
    test_rewrite(f, KV_META, ROW_TABLE, make_old);
    test_open(f);
    struct engine_table *table = test_table(f, "things");
    assert_int_equal(table->ttl_index, 0);
    assert_int_equal(table->index_count, 0);
    engine_table_unref(table);
    env_fake_advance(f->env, 60000);
    settle(f);
    assert_int_equal(count(f), 0);
    test_reopen(f);
    put(f, "p", "1", NOW_S - 10);
    settle(f);
    assert_int_equal(count(f), 0);
}

static void without_ttl_there_is_nothing_to_wake_for(void **state)
{
    struct fixture *f = *state;
    create(f);
    settle(f);
    assert_true(engine_turn_due_ms(f->engine) > 10000);
    (void)test_set_ttl(f, "things", "ttl");
    settle(f);
    assert_in_range(engine_turn_due_ms(f->engine), 1, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_whole_numbers_from_1970_on_are_times),
        TEST(an_item_expires_when_its_time_has_passed),
        TEST(items_older_than_five_years_stay),
        TEST(test_K2_records_of_expired_items_name_the_service),
        TEST(a_turn_deletes_a_bounded_number),
        TEST(every_table_has_its_turn),
        TEST(an_item_that_got_more_time_stays),
        TEST(a_time_before_what_was_swept_is_swept_too),
        TEST(filling_goes_on_after_a_restart),
        TEST(sweeping_goes_on_after_a_restart),
        TEST(switching_off_removes_the_entries),
        TEST(switching_off_while_filling_ends_it),
        TEST(a_deleted_table_has_no_entries),
        TEST(without_ttl_there_is_nothing_to_wake_for),
    };
    /* Only the store in memory lets rows be rewritten behind the engine. */
    const struct CMUnitTest in_memory[] = {
        TEST(ttl_of_an_older_store_is_filled),
    };
    return RUN_BOTH(tests) + RUN_IN_MEMORY(in_memory);
}
