/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts as data: their tables, names of one's own, what each has and has not. */
#include "unit/outbox/outbox_fixture.h"

#include <pthread.h>

static const struct weir_value *table_of(struct fixture *f, const char *name)
{
    char *json = arena_printf(f->arena, "{\"TableName\":\"%s\"}", name);
    return value_get(fixture_call(f, "DescribeTable", json), "Table");
}

/* "HASH RANGE PROJECTION" of an index; "" when there is none. */
static const char *index_of(struct fixture *f, const struct weir_value *table, const char *name)
{
    const struct weir_value *indexes = value_get(table, "GlobalSecondaryIndexes");
    for (uint32_t i = 0; indexes != NULL && i < indexes->u.list.count; i++) {
        const struct weir_value *index = &indexes->u.list.at[i];
        const struct weir_value *schema = value_get(index, "KeySchema");
        if (strcmp(member_text(f, index, "IndexName"), name) != 0) {
            continue;
        }
        const char *text = member_text(f, &schema->u.list.at[0], "AttributeName");
        if (schema->u.list.count == 2) {
            text = arena_printf(f->arena, "%s %s", text,
                                member_text(f, &schema->u.list.at[1], "AttributeName"));
        }
        return arena_printf(f->arena, "%s %s", text,
                            member_text(f, value_get(index, "Projection"), "ProjectionType"));
    }
    return "";
}

static void test_A4_by_message_table_has_its_key_and_three_indexes(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = by_message();
    weir_outbox_close(fixture_outbox(&f, &options));
    const struct weir_value *table = table_of(&f, "outbox");
    const struct weir_value *schema = value_get(table, "KeySchema");
    assert_int_equal(schema->u.list.count, 1);
    assert_string_equal(member_text(&f, &schema->u.list.at[0], "AttributeName"), "PK");
    assert_string_equal(member_text(&f, &schema->u.list.at[0], "KeyType"), "HASH");
    assert_string_equal(index_of(&f, table, "CorrelationIdIndex"), "CorrelationId ALL");
    assert_string_equal(index_of(&f, table, "AggregateIdIndex"), "AggregateId ALL");
    assert_string_equal(index_of(&f, table, "NotDispatchedMessagesIndex"),
                        "NotDispatched CreatedAt ALL");
    assert_int_equal(value_get(table, "GlobalSecondaryIndexes")->u.list.count, 3);
    assert_int_equal(value_get(table, "AttributeDefinitions")->u.list.count, 5);
    assert_string_equal(member_text(&f, value_get(table, "StreamSpecification"), "StreamViewType"),
                        "NEW_AND_OLD_IMAGES");
    weir_outbox_close(fixture_outbox(&f, &options)); /* a second time is no change */
    fixture_close(&f);
}

static void test_A4_inbox_has_its_key_only_and_rows_of_message_ids(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_txn *txn = NULL;
    assert_status(weir_inbox_create(f.client, "inbox", 0, &f.err), WEIR_OK);
    assert_status(weir_inbox_create(f.client, "inbox", 0, &f.err), WEIR_OK);
    const struct weir_value *table = table_of(&f, "inbox");
    assert_int_equal(value_get(table, "KeySchema")->u.list.count, 1);
    assert_null(value_get(table, "GlobalSecondaryIndexes"));
    assert_status(weir_txn_new(f.client, &txn, &f.err), WEIR_OK);
    for (int times = 0; times < 2; times++) {
        assert_status(weir_inbox_stage(txn, "inbox", "m1", 2, &f.err), WEIR_OK);
        assert_status(weir_txn_commit(txn, &f.err), times == 0 ? WEIR_OK : WEIR_ALREADY_EXISTS);
    }
    const struct weir_value *row = fixture_message(&f, "inbox", "m1");
    assert_int_equal(row->u.map.count, 1);
    assert_status(weir_inbox_stage(txn, "inbox", "", 0, &f.err), WEIR_INVALID_ARGUMENT);
    assert_status(weir_inbox_stage(NULL, "inbox", "m", 1, &f.err), WEIR_CLOSED);
    assert_status(weir_inbox_create(NULL, "inbox", 0, &f.err), WEIR_CLOSED);
    weir_txn_free(txn);
    weir_outbox_close(fixture_outbox(&f, NULL));
    assert_status(weir_inbox_create(f.client, "outbox", 0, &f.err), WEIR_CONFIG);
    fixture_close(&f);
}

struct opening {
    struct weir_client *client;
    enum weir_status status;
    struct weir_error err;
};

static void *open_by_message(void *arg)
{
    struct opening *opening = arg;
    struct weir_outbox *outbox = NULL;
    struct weir_outbox_options options = by_message();
    opening->status = weir_outbox_open(opening->client, &options, &outbox, &opening->err);
    weir_outbox_close(outbox);
    return NULL;
}

static void test_A3_two_creators_of_one_by_message_table_both_succeed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct opening openings[2] = {{.client = f.client}, {.client = f.client}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, open_by_message, &openings[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        if (openings[i].status != WEIR_OK) {
            fail_msg("%s", openings[i].err.message);
        }
    }
    fixture_close(&f);
}

static void test_A5_defaults(void **state)
{
    (void)state;
    struct outbox_layout layout;
    struct arena *a = arena_new(1 << 20);
    assert_int_equal(outbox_layout_init(a, NULL, &layout, NULL), WEIR_OK);
    assert_true(bytes_eq_str(layout.table, "outbox"));
    assert_true(bytes_eq_str(layout.names[OUTBOX_KEY], "pk"));
    assert_true(bytes_eq_str(layout.names[OUTBOX_ID], "sk"));
    assert_true(bytes_eq_str(layout.names[OUTBOX_TTL], "ttl"));
    assert_int_equal(layout.retention_s, 604800);
    assert_int_equal(layout.mark, WEIR_MARK_UPDATE);
    arena_free(a);
    struct fixture f;
    fixture_open(&f);
    weir_outbox_close(fixture_outbox(&f, NULL)); /* created when missing, with a stream */
    assert_non_null(value_get(table_of(&f, "outbox"), "StreamSpecification"));
    fixture_close(&f);
}

static void attributes_may_have_other_names(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    const struct weir_outbox_name names[] = {{"payload", "body of it"}, {"messageType", "type"},
                                             {"createdAt", "date"},     {"isPublished", "status"},
                                             {"lastError", "a.b"},      {"key", "hash"}};
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.names = names;
    options.name_count = 6;
    options.pending_shards = 2;
    struct weir_outbox *outbox = fixture_outbox(&f, &options);
    fixture_add(&f, outbox, "k", "m", 1700000000000);
    fixture_add(&f, outbox, "k", "n", 1700000000001);
    const struct weir_value *row =
        fixture_item(&f, "outbox", "{\"hash\":{\"S\":\"k\"},\"sk\":{\"S\":\"m\"}}");
    assert_string_equal(fixture_text(&f, row, "body of it"), "eyJuIjoxfQ==");
    assert_string_equal(fixture_text(&f, row, "type"), "order.placed");
    assert_string_equal(fixture_text(&f, row, "date"), "2023-11-14T22:13:20.000Z");
    assert_status(weir_outbox_record_failure(outbox, "k", 1, "m", 1, "no route", 8, &f.err),
                  WEIR_OK);
    const struct weir_value *document = fixture_get(&f, outbox, "k", "m");
    assert_string_equal(member_text(&f, document, "lastError"), "no route");
    assert_string_equal(member_text(&f, document, "messageType"), "order.placed");
    assert_string_equal(fixture_all_pending(&f, outbox, NULL, 1), "m n");
    assert_string_equal(fixture_all_pending(&f, outbox, "k", 1), "m n");
    fixture_mark(&f, outbox, "k", "m");
    assert_string_equal(fixture_all_pending(&f, outbox, NULL, 1), "n");
    struct weir_outbox_stats stats;
    assert_status(weir_outbox_stats(outbox, &stats, &f.err), WEIR_OK);
    assert_int_equal(stats.pending, 1);
    assert_int_equal(stats.published, 1);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void wrong_names_topics_and_layouts_are_refused_by_name(void **state)
{
    (void)state;
    static const struct weir_outbox_name unknown[] = {{"paylaod", "p"}};
    static const struct weir_outbox_name clash[] = {{"payload", "headers"}};
    static const struct weir_outbox_name empty[] = {{"payload", ""}};
    static const struct weir_outbox_name no_field[] = {{NULL, "p"}};
    static const struct weir_outbox_topic half[] = {{"t", NULL}};
    static const struct weir_outbox_topic twice[] = {{"t", "a"}, {"t", "b"}};
    struct weir_outbox_options cases[12];
    static const char *const says[12] = {
        "no field \"paylaod\"", "payload and headers", "payload: an attribute name",
        "no field \"\"",        "topics: place 0",     "type t is there twice",
        "layout is \"row\"",    "sink is \"mqtt\"",    "pending_shards is 65",
        "has no sort key",      "an index over",       "mark is 7"};
    for (int i = 0; i < 12; i++) {
        cases[i] = (struct weir_outbox_options)WEIR_OUTBOX_OPTIONS_INIT;
    }
    const struct weir_outbox_name *names[] = {unknown, clash, empty, no_field};
    for (int i = 0; i < 4; i++) {
        cases[i].names = names[i];
        cases[i].name_count = 1;
    }
    cases[4].topics = half;
    cases[4].topic_count = 1;
    cases[5].topics = twice;
    cases[5].topic_count = 2;
    cases[6].layout = "row";
    cases[7].sink = "mqtt";
    cases[8].pending_shards = 65;
    cases[9] = by_message();
    cases[9].sort_name = "sk";
    cases[10] = by_message();
    cases[10].pending_shards = 2;
    cases[11].mark = (enum weir_mark)7;
    struct fixture f;
    fixture_open(&f);
    for (int i = 0; i < 12; i++) {
        struct weir_outbox *outbox = NULL;
        assert_status(weir_outbox_open(f.client, &cases[i], &outbox, &f.err), WEIR_CONFIG);
        assert_says(says[i]);
        assert_null(outbox);
    }
    fixture_close(&f);
}

static void test_B1_by_message_stores_every_field(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = by_message();
    struct weir_outbox *outbox = fixture_outbox(&f, &options);
    struct weir_message message = full_message_of("order-1", "m-1");
    message.headers = text("{\"X-Trace\":\"a\",\"x-trace\":\"b\"}");
    message.sequence = 7;
    assert_status(weir_outbox_add(outbox, &message, NULL, &f.err), WEIR_OK);
    const struct weir_value *row = fixture_message(&f, "outbox", "m-1");
    static const char *const wanted[][2] = {
        {"PK", "MESSAGE#m-1"},
        {"MessageId", "m-1"},
        {"AggregateId", "order-1"},
        {"CorrelationId", "c"},
        {"Topic", "orders"},
        {"Message", "{\"n\":1}"},
        {"MessageType", "order.placed"},
        {"CreatedAt", "2023-11-14T22:13:20.123Z"},
        {"NotDispatched", "x"},
        {"Headers", "{\"X-Trace\":\"a\",\"x-trace\":\"b\"}"},
        {"ContentType", "application/json"},
        {"CausationId", "d"},
        {"AggregateType", "order"},
        {"Traceparent", "00-x"},
        {"Tracestate", "y=1"},
        {"Sequence", "7"},
    };
    size_t count = sizeof(wanted) / sizeof(wanted[0]);
    fixture_assert_texts(&f, row, wanted, count);
    assert_false(value_get(row, "IsDispatched")->truth);
    assert_int_equal(row->u.map.count, count + 1);
    struct outbox_message back;
    assert_status(outbox_decode(f.arena, &outbox->layout, row, &back, &f.err), WEIR_OK);
    assert_true(bytes_eq_str(back.id, "m-1"));
    assert_true(bytes_eq_str(back.key, "order-1"));
    assert_true(bytes_eq_str(back.aggregate_id, "order-1"));
    assert_true(bytes_eq_str(back.payload, "{\"n\":1}"));
    assert_true(bytes_eq_str(back.destination, "orders"));
    assert_int_equal(back.sequence, 7);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void any_payload_comes_back(struct fixture *f, struct weir_outbox *outbox)
{
    char all[257];
    for (int i = 0; i < 256; i++) {
        all[i] = (char)i;
    }
    const struct weir_text payloads[] = {{all, 256},  {all + 128, 1},          {"", 0},
                                         {"a\0b", 3}, {"{\"\xc3\xa9\":1}", 8}, {"\xff\xfe", 2}};
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        const char *id = arena_printf(f->arena, "m%zu", i);
        struct weir_message message = message_of("k", id);
        struct outbox_message back;
        message.payload = payloads[i];
        assert_int_equal(weir_outbox_add(outbox, &message, NULL, &f->err), WEIR_OK);
        const struct weir_value *row = fixture_row_of(f, outbox, "k", id);
        assert_int_equal(outbox_decode(f->arena, &outbox->layout, row, &back, &f->err), WEIR_OK);
        assert_true(bytes_eq(back.payload, bytes_of(payloads[i].ptr, payloads[i].len)));
    }
}

static void test_B1_payloads_of_any_bytes_in_both_layouts(void **state)
{
    (void)state;
    fixture_each_layout(any_payload_comes_back);
}

static void message_is_stored_as_text_unless_it_is_none(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = by_message();
    struct weir_outbox *outbox = fixture_outbox(&f, &options);
    struct weir_message message = message_of("k", "m");
    message.payload = (struct weir_text){"\xff\x00\x01", 3};
    assert_status(weir_outbox_add(outbox, &message, NULL, &f.err), WEIR_OK);
    const struct weir_value *row = fixture_message(&f, "outbox", "m");
    assert_string_equal(fixture_text(&f, row, "Message"), "/wAB");
    assert_string_equal(fixture_text(&f, row, "MessageEncoding"), "base64");
    assert_string_equal(fixture_text(&f, row, "Topic"), "order.placed"); /* the type, for want */
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void what_a_layout_lacks_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = by_message();
    options.table = "messages";
    struct weir_outbox *by_id = fixture_outbox(&f, &options), *by_key = fixture_outbox(&f, NULL);
    struct weir_message message = message_of("k", "m");
    char *page = NULL;
    size_t len = 0;
    message.sequence = 1;
    assert_status(weir_outbox_add(by_key, &message, NULL, &f.err), WEIR_INVALID_ARGUMENT);
    assert_says("message.sequence");
    message.aggregate_id = text("other");
    assert_status(weir_outbox_add(by_id, &message, NULL, &f.err), WEIR_INVALID_ARGUMENT);
    assert_says("message.aggregateId");
    message.key = text(NULL);
    assert_status(weir_outbox_add(by_id, &message, NULL, &f.err),
                  WEIR_OK); /* alone it is the key */
    assert_string_equal(fixture_text(&f, fixture_message(&f, "messages", "m"), "AggregateId"),
                        "other");
    assert_status(weir_outbox_find(by_key, WEIR_OUTBOX_BY_CORRELATION, "c", 1, 9, NULL, 0, &page,
                                   &len, &f.err),
                  WEIR_UNSUPPORTED);
    weir_outbox_close(by_id);
    weir_outbox_close(by_key);
    fixture_close(&f);
}

static const char *found(struct fixture *f, struct weir_outbox *outbox,
                         enum weir_outbox_index index, const char *value, uint32_t limit)
{
    const char *all = "", *token = "";
    do {
        char *page = NULL;
        size_t len = 0;
        struct weir_value *document = NULL;
        if (weir_outbox_find(outbox, index, value, strlen(value), limit, token, strlen(token),
                             &page, &len, &f->err) != WEIR_OK) {
            fail_msg("%s", f->err.message);
        }
        assert_int_equal(json_parse(f->arena, bytes_of(page, len), &document, &f->err), WEIR_OK);
        weir_free(page);
        const char *ids = fixture_ids(f, value_get(document, "messages"));
        all =
            arena_printf(f->arena, "%s%s%s", all, all[0] == '\0' || ids[0] == '\0' ? "" : " ", ids);
        token = member_text(f, document, "next");
    } while (token[0] != '\0');
    return all;
}

static void by_message_is_found_by_correlation_and_aggregate(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = by_message();
    struct weir_outbox *outbox = fixture_outbox(&f, &options);
    for (int i = 0; i < 7; i++) {
        struct weir_message message =
            message_of(i % 2 == 0 ? "even" : "odd", arena_printf(f.arena, "m%d", i));
        message.correlation_id = text(i < 3 ? "first" : "");
        assert_status(weir_outbox_add(outbox, &message, NULL, &f.err), WEIR_OK);
    }
    fixture_mark(&f, outbox, "", "m1");
    const char *odd = found(&f, outbox, WEIR_OUTBOX_BY_AGGREGATE, "odd", 2);
    assert_non_null(strstr(odd, "m1"));
    assert_non_null(strstr(odd, "m3"));
    assert_non_null(strstr(odd, "m5"));
    assert_int_equal(strlen(odd), strlen("m1 m3 m5"));
    assert_int_equal(strlen(found(&f, outbox, WEIR_OUTBOX_BY_CORRELATION, "first", 9)),
                     strlen("m0 m1 m2"));
    assert_string_equal(found(&f, outbox, WEIR_OUTBOX_BY_CORRELATION, "nobody", 9), "");
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void pending_index_belongs_to_its_table(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    struct weir_outbox *outbox = NULL;
    options.table = "plain";
    weir_outbox_close(fixture_outbox(&f, &options));
    options.pending_shards = 4;
    assert_status(weir_outbox_open(f.client, &options, &outbox, &f.err), WEIR_CONFIG);
    assert_says("no index PendingIndex-4");
    options.table = "sharded";
    weir_outbox_close(fixture_outbox(&f, &options));
    assert_string_equal(index_of(&f, table_of(&f, "sharded"), "PendingIndex-4"),
                        "pendingShard createdAt KEYS_ONLY");
    options.pending_shards = 5;
    assert_status(weir_outbox_open(f.client, &options, &outbox, &f.err), WEIR_CONFIG);
    assert_says("has 4 shards, not 5");
    options.pending_shards = 0; /* whoever does not ask writes into it all the same */
    outbox = fixture_outbox(&f, &options);
    fixture_add(&f, outbox, "k", "m", 0);
    assert_string_not_equal(fixture_text(&f, fixture_row(&f, "sharded", "k", "m"), "pendingShard"),
                            "");
    fixture_mark(&f, outbox, "k", "m");
    assert_null(value_get(fixture_row(&f, "sharded", "k", "m"), "pendingShard"));
    weir_outbox_close(outbox);
    options = by_message();
    options.table = "sharded";
    assert_status(weir_outbox_open(f.client, &options, &outbox, &f.err), WEIR_CONFIG);
    assert_says("PK (HASH) alone");
    fixture_close(&f);
}

static void by_message_table_without_its_indexes_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = NULL;
    struct weir_outbox_options options = by_message();
    options.table = "bare";
    assert_status(weir_inbox_create(f.client, "bare", 0, &f.err), WEIR_OK);
    assert_status(weir_outbox_open(f.client, &options, &outbox, &f.err), WEIR_CONFIG);
    assert_says("no index CorrelationIdIndex (CorrelationId)");
    fixture_close(&f);
}

static void ttl_on_another_attribute_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = NULL;
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.ttl_name = "expires_at";
    weir_outbox_close(fixture_outbox(&f, &options));
    assert_status(weir_outbox_open(f.client, NULL, &outbox, &f.err), WEIR_CONFIG);
    assert_says("TTL on attribute expires_at, not on ttl");
    options.ttl_name = NULL;
    options.retention_s = -1;
    weir_outbox_close(fixture_outbox(&f, &options));
    fixture_close(&f);
}

/* Memory that ends anywhere in the middle leaves no member out: a message without its payload would
 * be another message. */
static void document_of_a_message_is_whole_or_an_error(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_value whole, *row = NULL;
    struct weir_message message = full_message_of("k", "m");
    unsigned failures = 0;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    const struct outbox_layout *layout = &outbox->layout;
    assert_status(outbox_row_of(f.arena, layout, f.clock, &message, BYTES_LIT("m"), &row, &f.err),
                  WEIR_OK);
    assert_status(outbox_document(f.arena, layout, row, &whole, &f.err), WEIR_OK);
    for (size_t limit = 16; limit < 16384; limit += 16) {
        struct weir_value document;
        struct arena *a = arena_new(limit);
        enum weir_status status = outbox_document(a, layout, row, &document, &f.err);
        if (status == WEIR_OK) {
            assert_int_equal(document.u.map.count, whole.u.map.count);
        } else {
            assert_int_equal(status, WEIR_NO_MEMORY);
            failures++;
        }
        arena_free(a);
    }
    assert_in_range(failures, 1, 16384 / 16 - 2); /* the last ones have room */
    weir_outbox_close(outbox);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_A3_two_creators_of_one_by_message_table_both_succeed),
        cmocka_unit_test(test_A4_by_message_table_has_its_key_and_three_indexes),
        cmocka_unit_test(test_A4_inbox_has_its_key_only_and_rows_of_message_ids),
        cmocka_unit_test(test_A5_defaults),
        cmocka_unit_test(attributes_may_have_other_names),
        cmocka_unit_test(wrong_names_topics_and_layouts_are_refused_by_name),
        cmocka_unit_test(test_B1_by_message_stores_every_field),
        cmocka_unit_test(test_B1_payloads_of_any_bytes_in_both_layouts),
        cmocka_unit_test(message_is_stored_as_text_unless_it_is_none),
        cmocka_unit_test(what_a_layout_lacks_is_refused),
        cmocka_unit_test(by_message_is_found_by_correlation_and_aggregate),
        cmocka_unit_test(pending_index_belongs_to_its_table),
        cmocka_unit_test(by_message_table_without_its_indexes_is_refused),
        cmocka_unit_test(ttl_on_another_attribute_is_refused),
        cmocka_unit_test(document_of_a_message_is_whole_or_an_error),
    };
    return fixture_run("layout", tests, sizeof(tests) / sizeof(tests[0]));
}
