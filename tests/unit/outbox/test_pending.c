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

/* One page; *token is replaced by the page's own, NULL at the end. */
static const struct weir_value *page_of(struct fixture *f, struct weir_outbox *outbox,
                                        const char *key, uint32_t limit, const char **token)
{
    char *page = NULL;
    size_t len = 0;
    struct weir_value *document = NULL;
    struct weir_text given = text(*token);
    if (weir_outbox_pending(outbox, key, key == NULL ? 0 : strlen(key), limit, given.ptr, given.len,
                            &page, &len, &f->err) != WEIR_OK) {
        fail_msg("%s", f->err.message);
    }
    assert_int_equal(strlen(page), len);
    assert_int_equal(json_parse(f->arena, bytes_of(page, len), &document, &f->err), WEIR_OK);
    weir_free(page);
    const struct weir_value *next = value_get(document, "next");
    *token = next == NULL ? NULL : fixture_text(f, document, "next");
    return value_get(document, "messages");
}

/* "id id id" of a page. */
static const char *ids_of(struct fixture *f, const struct weir_value *messages)
{
    const char *all = "";
    for (uint32_t i = 0; i < messages->u.list.count; i++) {
        all = arena_printf(f->arena, "%s%s%s", all, i == 0 ? "" : " ",
                           fixture_text(f, &messages->u.list.at[i], "id"));
    }
    return all;
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
    assert_string_equal(ids_of(&f, page_of(&f, outbox, "k", 2, &token)), "q c");
    assert_non_null(token);
    assert_string_equal(ids_of(&f, page_of(&f, outbox, "k", 2, &token)), "z a");
    assert_non_null(token);
    assert_string_equal(ids_of(&f, page_of(&f, outbox, "k", 2, &token)), "m");
    assert_null(token);
    assert_string_equal(ids_of(&f, page_of(&f, outbox, "k", 5, &token)), "q c z a m");
    assert_null(token);
    assert_string_equal(ids_of(&f, page_of(&f, outbox, "nobody", 5, &token)), "");
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
    assert_string_equal(ids_of(&f, page_of(&f, outbox, "k", 2, &token)), "m70 m88");
    assert_string_equal(ids_of(&f, page_of(&f, outbox, "k", 2, &token)), "m89");
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
        const char *ids = ids_of(&f, page_of(&f, outbox, NULL, 7, &token));
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
    const struct weir_value *messages = page_of(&f, outbox, "k", 1, &token);
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
        count += page_of(&f, outbox, NULL, 1, &token)->u.list.count;
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
    assert_string_equal(ids_of(&f, page_of(&f, outbox, NULL, 9, &token)), "old new");
    weir_outbox_close(outbox);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_C1_oldest_first_by_creation_with_tokens),
        cmocka_unit_test(test_C1_published_rows_before_do_not_starve),
        cmocka_unit_test(test_C1_error_is_not_an_empty_list),
        cmocka_unit_test(test_C2_all_keys_oldest_first_and_published_rows_leave),
        cmocka_unit_test(page_holds_the_messages_content),
        cmocka_unit_test(keys_and_ids_of_any_characters_continue),
        cmocka_unit_test(wrong_limits_and_tokens_are_refused),
        cmocka_unit_test(stats_count_and_leave_other_rows_out),
    };
    return fixture_run("pending", tests, sizeof(tests) / sizeof(tests[0]));
}
