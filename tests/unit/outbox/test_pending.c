/* SPDX-License-Identifier: Apache-2.0 */
/* Listing what is not published yet, and counting. */
#include "unit/outbox/outbox_fixture.h"

#define BASE_MS 1700000000000

static void add_at(struct fixture *f, struct weir_outbox *outbox, struct weir_text key,
                   struct weir_text id, int64_t created_ms)
{
    struct weir_message message = message_of("", "");
    message.key = key;
    message.id = id;
    message.created_at_ms = created_ms;
    if (weir_outbox_add(outbox, &message, NULL, &f->err) != WEIR_OK) {
        fail_msg("%s", f->err.message);
    }
}

static void test_C1_oldest_first_by_creation_with_tokens(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    static const char *const ids[] = {"q", "c", "z", "a", "m"}; /* in order of creation */
    static const int order[] = {3, 0, 4, 2, 1};                 /* in order of adding */
    for (int i = 0; i < 5; i++) {
        add_at(&f, outbox, text("k"), text(ids[order[i]]), BASE_MS + order[i]);
    }
    add_at(&f, outbox, text("other"), text("x"), BASE_MS - 1);
    const char *token = NULL;
    assert_string_equal(fixture_ids(&f, fixture_pending(&f, outbox, "k", 2, &token)), "q c");
    assert_non_null(token);
    assert_string_equal(fixture_ids(&f, fixture_pending(&f, outbox, "k", 2, &token)), "z a");
    assert_non_null(token);
    assert_string_equal(fixture_ids(&f, fixture_pending(&f, outbox, "k", 2, &token)), "m");
    assert_null(token);
    assert_string_equal(fixture_ids(&f, fixture_pending(&f, outbox, "k", 5, &token)), "q c z a m");
    assert_null(token);
    assert_string_equal(fixture_ids(&f, fixture_pending(&f, outbox, "nobody", 5, &token)), "");
    assert_null(token);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_C1_published_rows_before_do_not_starve(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    char *filler = calloc(1, 20000);
    for (int i = 0; i < 90; i++) { /* over a page of 1 MB, all but three published */
        struct weir_message message = message_of("k", arena_printf(f.arena, "m%02d", i));
        message.created_at_ms = BASE_MS + i;
        message.payload = (struct weir_text){filler, 20000};
        assert_status(weir_outbox_add(outbox, &message, NULL, &f.err), WEIR_OK);
        if (i != 70 && i < 88) {
            assert_status(weir_outbox_mark(outbox, "k", 1, message.id.ptr, 3, &f.err), WEIR_OK);
        }
    }
    free(filler);
    const char *token = NULL;
    assert_string_equal(fixture_ids(&f, fixture_pending(&f, outbox, "k", 2, &token)), "m70 m88");
    assert_string_equal(fixture_ids(&f, fixture_pending(&f, outbox, "k", 2, &token)), "m89");
    assert_null(token);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_C2_all_keys_oldest_first_and_published_rows_leave(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    const char *wanted = "";
    for (int i = 0; i < 40; i++) {
        int at = (i * 17) % 40;
        add_at(&f, outbox, text(arena_printf(f.arena, "key%d", at % 7)),
               text(arena_printf(f.arena, "id%d", (at * 31) % 97)), BASE_MS + at);
    }
    assert_status(weir_outbox_mark(outbox, "key0", 4, "id0", 3, &f.err), WEIR_OK);
    for (int at = 1; at < 40; at++) {
        wanted =
            arena_printf(f.arena, "%s%sid%d", wanted, wanted[0] == '\0' ? "" : " ", (at * 31) % 97);
    }
    const char *token = NULL, *all = "";
    do {
        const char *ids = fixture_ids(&f, fixture_pending(&f, outbox, NULL, 7, &token));
        all = arena_printf(f.arena, "%s%s%s", all, all[0] == '\0' ? "" : " ", ids);
    } while (token != NULL);
    assert_string_equal(all, wanted);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void page_holds_the_messages_content(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    struct weir_message message = message_of("k", "m");
    message.created_at_ms = BASE_MS;
    message.destination = text("orders");
    assert_status(weir_outbox_add(outbox, &message, NULL, &f.err), WEIR_OK);
    const char *token = NULL;
    const struct weir_value *messages = fixture_pending(&f, outbox, "k", 1, &token);
    assert_int_equal(messages->u.list.count, 1);
    const struct weir_value *first = &messages->u.list.at[0];
    assert_string_equal(fixture_text(&f, first, "key"), "k");
    assert_string_equal(fixture_text(&f, first, "messageType"), "order.placed");
    assert_string_equal(fixture_text(&f, first, "payload"), "eyJuIjoxfQ==");
    assert_string_equal(fixture_text(&f, first, "destination"), "orders");
    assert_string_equal(fixture_text(&f, first, "createdAt"), "2023-11-14T22:13:20.000Z");
    assert_null(value_get(first, "pk"));
    assert_null(value_get(first, "sk"));
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void keys_and_ids_of_any_characters_continue(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    const struct weir_text keys[] = {{"a\0b", 3}, {"\0", 1}, {"\xc3\xa9%s", 4}};
    for (int i = 0; i < 3; i++) {
        add_at(&f, outbox, keys[i], keys[i], BASE_MS);
    }
    const char *token = NULL;
    unsigned count = 0;
    do {
        count += fixture_pending(&f, outbox, NULL, 1, &token)->u.list.count;
    } while (token != NULL && count < 10);
    assert_int_equal(count, 3);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void wrong_limits_and_tokens_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    char *page = NULL;
    size_t len = 0;
    static const char *const tokens[] = {"*", "AAAA",
                                         "AAAAAAAAAAA=", "/////w==", "AAAAAAAAAAAAAAAAAAA="};
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        assert_status(weir_outbox_pending(outbox, NULL, 0, 1, tokens[i], strlen(tokens[i]), &page,
                                          &len, &f.err),
                      WEIR_INVALID_ARGUMENT);
        assert_says("token");
    }
    assert_status(weir_outbox_pending(outbox, NULL, 0, 0, NULL, 0, &page, &len, &f.err),
                  WEIR_INVALID_ARGUMENT);
    assert_status(weir_outbox_pending(outbox, NULL, 0, 1001, NULL, 0, &page, &len, &f.err),
                  WEIR_INVALID_ARGUMENT);
    assert_says("limit is 1001");
    assert_status(weir_outbox_pending(outbox, NULL, 0, 1000, NULL, 0, &page, &len, &f.err),
                  WEIR_OK);
    weir_free(page);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_C1_error_is_not_an_empty_list(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    struct weir_outbox_stats stats;
    char *page = NULL;
    size_t len = 0;
    (void)fixture_call(&f, "DeleteTable", "{\"TableName\":\"outbox\"}");
    assert_status(weir_outbox_pending(outbox, NULL, 0, 9, NULL, 0, &page, &len, &f.err),
                  WEIR_RESOURCE_NOT_FOUND);
    assert_status(weir_outbox_pending(outbox, "k", 1, 9, NULL, 0, &page, &len, &f.err),
                  WEIR_RESOURCE_NOT_FOUND);
    assert_status(weir_outbox_stats(outbox, &stats, &f.err), WEIR_RESOURCE_NOT_FOUND);
    assert_null(page);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void stats_count_and_leave_other_rows_out(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    struct weir_outbox_stats stats;
    assert_status(weir_outbox_stats(outbox, &stats, &f.err), WEIR_OK);
    assert_int_equal(stats.pending, 0);
    assert_int_equal(stats.oldest_pending_ms, -1);
    int64_t now = env_wall_ms(client_env(f.client));
    add_at(&f, outbox, text("k"), text("old"), now - 60000);
    add_at(&f, outbox, text("k"), text("older"), now - 90000);
    add_at(&f, outbox, text("l"), text("new"), now);
    assert_status(weir_outbox_mark(outbox, "k", 1, "older", 5, &f.err), WEIR_OK);
    (void)fixture_call(&f, "PutItem",
                       "{\"TableName\":\"outbox\",\"Item\":{\"pk\":{\"S\":\"worker\"},"
                       "\"sk\":{\"S\":\"claim\"}}}");
    assert_status(weir_outbox_stats(outbox, &stats, &f.err), WEIR_OK);
    assert_int_equal(stats.pending, 2);
    assert_int_equal(stats.published, 1);
    assert_true(stats.oldest_pending_ms >= 60000 && stats.oldest_pending_ms < 90000);
    const char *token = NULL;
    assert_string_equal(fixture_ids(&f, fixture_pending(&f, outbox, NULL, 9, &token)), "old new");
    weir_outbox_close(outbox);
    fixture_close(&f);
}

/* Over every way to list: the whole table, the sharded index, the layout's own index. */
static void each_way(void (*test)(struct fixture *f, struct weir_outbox *outbox))
{
    struct weir_outbox_options ways[] = {WEIR_OUTBOX_OPTIONS_INIT, WEIR_OUTBOX_OPTIONS_INIT,
                                         WEIR_OUTBOX_OPTIONS_INIT, WEIR_OUTBOX_OPTIONS_INIT};
    ways[1].pending_shards = 1;
    ways[2].pending_shards = 5;
    ways[3].layout = "by-message";
    for (int i = 0; i < 4; i++) {
        struct fixture f;
        fixture_open(&f);
        struct weir_outbox *outbox = fixture_outbox(&f, &ways[i]);
        test(&f, outbox);
        weir_outbox_close(outbox);
        fixture_close(&f);
    }
}

static void all_ways(struct fixture *f, struct weir_outbox *outbox)
{
    for (int i = 0; i < 60; i++) {
        int at = (i * 17) % 60;
        fixture_add(f, outbox, arena_printf(f->arena, "key%d", at % 7),
                    arena_printf(f->arena, "id%02d", (at * 31) % 97), BASE_MS + at / 3);
    }
    fixture_mark(f, outbox, "key0", "id00");
    /* Every page size gives the same order, and each message once. */
    const char *wanted = fixture_all_pending(f, outbox, NULL, 1000);
    assert_int_equal(strlen(wanted), 59 * 5 - 1);
    assert_null(strstr(wanted, "id00"));
    for (uint32_t limit = 1; limit <= 60; limit = limit * 3 + 1) {
        assert_string_equal(fixture_all_pending(f, outbox, NULL, limit), wanted);
    }
    /* In order of creation: three messages share a time, so compare their times. */
    const char *token = NULL;
    const struct weir_value *all = fixture_pending(f, outbox, NULL, 1000, &token);
    for (uint32_t i = 1; i < all->u.list.count; i++) {
        assert_true(strcmp(member_text(f, &all->u.list.at[i - 1], "createdAt"),
                           member_text(f, &all->u.list.at[i], "createdAt")) <= 0);
    }
    const char *of_key = fixture_all_pending(f, outbox, "key3", 1000);
    assert_int_equal(strlen(of_key), 9 * 5 - 1);
    assert_string_equal(fixture_all_pending(f, outbox, "key3", 2), of_key);
}

static void test_C2_pending_of_all_keys_by_scan_by_shards_and_by_index(void **state)
{
    (void)state;
    each_way(all_ways);
}

static void behind_published(struct fixture *f, struct weir_outbox *outbox)
{
    for (int i = 0; i < 40; i++) {
        const char *id = arena_printf(f->arena, "m%02d", i);
        fixture_add(f, outbox, "k", id, BASE_MS + i);
        if (i < 38) {
            fixture_mark(f, outbox, "k", id);
        }
    }
    const char *token = NULL;
    assert_string_equal(fixture_ids(f, fixture_pending(f, outbox, "k", 1, &token)), "m38");
    assert_non_null(token);
    assert_string_equal(fixture_ids(f, fixture_pending(f, outbox, "k", 1, &token)), "m39");
    assert_null(token);
    assert_string_equal(fixture_all_pending(f, outbox, NULL, 1), "m38 m39");
    fixture_mark(f, outbox, "k", "m38");
    assert_string_equal(fixture_all_pending(f, outbox, NULL, 1), "m39");
}

static void test_C1_published_rows_before_do_not_starve_whatever_the_way(void **state)
{
    (void)state;
    each_way(behind_published);
}

static void counted(struct fixture *f, struct weir_outbox *outbox)
{
    struct weir_outbox_stats stats;
    int64_t now = env_wall_ms(client_env(f->client));
    fixture_add(f, outbox, "k", "a", now - 60000);
    fixture_add(f, outbox, "k", "b", now - 90000);
    fixture_add(f, outbox, "l", "c", now);
    fixture_mark(f, outbox, "k", "b");
    assert_int_equal(weir_outbox_stats(outbox, &stats, &f->err), WEIR_OK);
    assert_int_equal(stats.pending, 2);
    assert_int_equal(stats.published, 1);
    assert_int_equal(stats.failing, 0);
    assert_int_equal(stats.interrupted, 0);
    assert_true(stats.oldest_pending_ms >= 60000 && stats.oldest_pending_ms < 90000);
}

static void test_C6_age_of_the_oldest_pending_message_in_both_layouts(void **state)
{
    (void)state;
    each_way(counted);
}

static void getting_one(struct fixture *f, struct weir_outbox *outbox)
{
    char *json = NULL;
    size_t len = 0;
    struct weir_message message = message_of("k", "m");
    message.headers = text("{\"A\":\"1\",\"a\":\"2\"}");
    message.correlation_id = text("c");
    message.payload = (struct weir_text){"\xff\x00", 2};
    message.created_at_ms = BASE_MS;
    assert_int_equal(weir_outbox_add(outbox, &message, NULL, &f->err), WEIR_OK);
    const struct weir_value *document = fixture_get(f, outbox, "k", "m");
    static const char *const wanted[][2] = {{"id", "m"},
                                            {"key", "k"},
                                            {"messageType", "order.placed"},
                                            {"headers", "{\"A\":\"1\",\"a\":\"2\"}"},
                                            {"correlationId", "c"},
                                            {"payload", "/wA="},
                                            {"createdAt", "2023-11-14T22:13:20.000Z"}};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        assert_string_equal(member_text(f, document, wanted[i][0]), wanted[i][1]);
    }
    assert_false(value_get(document, "isPublished")->truth);
    const char *token = NULL;
    const struct weir_value *listed = fixture_pending(f, outbox, "k", 1, &token);
    struct buf texts[2];
    for (int i = 0; i < 2; i++) {
        buf_init(&texts[i], 65536);
        json_write(&texts[i], i == 0 ? document : &listed->u.list.at[0]);
    }
    assert_true(bytes_eq(buf_bytes(&texts[0]), buf_bytes(&texts[1]))); /* as pending shows it */
    buf_fini(&texts[0]);
    buf_fini(&texts[1]);
    fixture_mark(f, outbox, "k", "m");
    document = fixture_get(f, outbox, "k", "m");
    assert_true(value_get(document, "isPublished")->truth);
    assert_string_equal(member_text(f, document, "dispatchCount"), "1");
    assert_int_equal(weir_outbox_get(outbox, "k", 1, "n", 1, &json, &len, &f->err), WEIR_NOT_FOUND);
    assert_int_equal(weir_outbox_get(outbox, "k", 1, "", 0, &json, &len, &f->err),
                     WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_outbox_get(NULL, "k", 1, "m", 1, &json, &len, &f->err), WEIR_CLOSED);
    assert_null(json);
}

static void test_B1_one_message_comes_back_as_a_document(void **state)
{
    (void)state;
    each_way(getting_one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_C1_oldest_first_by_creation_with_tokens),
        cmocka_unit_test(test_C1_published_rows_before_do_not_starve),
        cmocka_unit_test(test_C1_error_is_not_an_empty_list),
        cmocka_unit_test(test_B1_one_message_comes_back_as_a_document),
        cmocka_unit_test(test_C1_published_rows_before_do_not_starve_whatever_the_way),
        cmocka_unit_test(test_C2_pending_of_all_keys_by_scan_by_shards_and_by_index),
        cmocka_unit_test(test_C6_age_of_the_oldest_pending_message_in_both_layouts),
        cmocka_unit_test(test_C2_all_keys_oldest_first_and_published_rows_leave),
        cmocka_unit_test(page_holds_the_messages_content),
        cmocka_unit_test(keys_and_ids_of_any_characters_continue),
        cmocka_unit_test(wrong_limits_and_tokens_are_refused),
        cmocka_unit_test(stats_count_and_leave_other_rows_out),
    };
    return fixture_run("pending", tests, sizeof(tests) / sizeof(tests[0]));
}
