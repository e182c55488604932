/* SPDX-License-Identifier: Apache-2.0 */
/* Adding and staging many in one call. */
#include "unit/outbox/outbox_fixture.h"

#define MANY_MAX 300

struct batch {
    struct weir_message messages[MANY_MAX];
    struct weir_outbox_result results[MANY_MAX];
};

/* `count` messages of `keys` keys, ids m000, m001, ...; the test frees it. */
static struct batch *batch_of(struct fixture *f, uint32_t count, uint32_t keys)
{
    struct batch *batch = calloc(1, sizeof(*batch));
    assert_non_null(batch);
    for (uint32_t i = 0; i < count; i++) {
        batch->messages[i] =
            message_of(arena_printf(f->arena, "k%u", i % keys), arena_printf(f->arena, "m%03u", i));
    }
    return batch;
}

static void add_many(struct fixture *f, struct weir_outbox *outbox, struct batch *batch,
                     uint32_t count, uint32_t overwrite)
{
    if (weir_outbox_add_many(outbox, batch->messages, count, overwrite, batch->results, &f->err) !=
        WEIR_OK) {
        fail_msg("%s", f->err.message);
    }
}

static void assert_all_added(const struct batch *batch, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (batch->results[i].status != WEIR_OK) {
            fail_msg("%u: %s", i, batch->results[i].error.message);
        }
        assert_string_equal(batch->results[i].id, batch->messages[i].id.ptr);
        assert_true(batch->results[i].write_units > 0);
    }
}

static void sixty(struct fixture *f, struct weir_outbox *outbox)
{
    for (uint32_t overwrite = 0; overwrite < 2; overwrite++) {
        struct batch *batch = batch_of(f, 60, 20);
        add_many(f, outbox, batch, 60, overwrite);
        assert_all_added(batch, 60);
        assert_int_equal(fixture_count(f, "outbox"), 60);
        free(batch);
    }
}

static void test_B8_sixty_in_one_call(void **state)
{
    (void)state;
    fixture_each_layout(sixty);
}

static void more_than_fit_side_by_side(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    struct batch *batch = batch_of(&f, MANY_MAX, MANY_MAX);
    add_many(&f, outbox, batch, MANY_MAX, 0);
    assert_all_added(batch, MANY_MAX);
    assert_int_equal(fixture_count(&f, "outbox"), MANY_MAX);
    free(batch);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void conditional_by_default(struct fixture *f, struct weir_outbox *outbox)
{
    struct batch *batch = batch_of(f, 30, 30);
    fixture_add(f, outbox, "k3", "m003", 1);
    fixture_add(f, outbox, "k4", "m004", 1);
    fixture_mark(f, outbox, "k4", "m004");
    const struct weir_value *pending = fixture_row_of(f, outbox, "k3", "m003");
    const struct weir_value *published = fixture_row_of(f, outbox, "k4", "m004");
    add_many(f, outbox, batch, 30, 0);
    for (uint32_t i = 0; i < 30; i++) {
        enum weir_status wanted = i == 3 || i == 4 ? WEIR_ALREADY_EXISTS : WEIR_OK;
        assert_int_equal(batch->results[i].status, wanted);
    }
    assert_non_null(strstr(batch->results[3].error.message, "m003"));
    assert_int_equal(batch->results[3].error.outcome, WEIR_NOT_APPLIED);
    assert_true(value_equal(pending, fixture_row_of(f, outbox, "k3", "m003")));
    assert_true(value_equal(published, fixture_row_of(f, outbox, "k4", "m004")));
    free(batch);
}

static void test_B8_adds_are_conditional_each_with_its_result(void **state)
{
    (void)state;
    fixture_each_layout(conditional_by_default);
}

static void overwrite_when_asked(struct fixture *f, struct weir_outbox *outbox)
{
    struct batch *batch = batch_of(f, 30, 30);
    fixture_add(f, outbox, "k4", "m004", 1);
    fixture_mark(f, outbox, "k4", "m004");
    add_many(f, outbox, batch, 30, 1);
    assert_all_added(batch, 30);
    assert_false(outbox_is_published(&outbox->layout, fixture_row_of(f, outbox, "k4", "m004")));
    free(batch);
}

static void test_B8_overwrite_replaces_only_when_asked_for(void **state)
{
    (void)state;
    fixture_each_layout(overwrite_when_asked);
}

static void twins(struct fixture *f, struct weir_outbox *outbox)
{
    for (uint32_t overwrite = 0; overwrite < 2; overwrite++) {
        struct batch *batch = batch_of(f, 10, 10);
        const char *again = overwrite ? "b" : "a";
        for (uint32_t i = 0; i < 10; i++) { /* ids of this turn's own */
            batch->messages[i].id = text(arena_printf(f->arena, "%s%u", again, i));
        }
        batch->messages[7] = batch->messages[2];
        batch->messages[7].payload = text("second");
        batch->messages[9] = batch->messages[2];
        add_many(f, outbox, batch, 10, overwrite);
        for (uint32_t i = 0; i < 10; i++) {
            assert_int_equal(batch->results[i].status,
                             i == 7 || i == 9 ? WEIR_ALREADY_EXISTS : WEIR_OK);
        }
        assert_non_null(strstr(batch->results[7].error.message, "twice in this call"));
        assert_non_null(strstr(batch->results[9].error.message, "first at place 2"));
        const struct weir_value *stored =
            fixture_get(f, outbox, "k2", arena_printf(f->arena, "%s2", again));
        assert_string_equal(member_text(f, stored, "payload"), "eyJuIjoxfQ==");
        free(batch);
    }
    assert_int_equal(fixture_count(f, "outbox"), 16);
}

static void test_B8_duplicate_ids_in_one_call_are_reported_and_none_is_lost(void **state)
{
    (void)state;
    fixture_each_layout(twins);
}

/* Order of commit, as the table's stream tells it. */
static const char *committed(struct fixture *f, const char *key)
{
    const struct weir_value *streams = fixture_call(f, "ListStreams", "{\"TableName\":\"outbox\"}");
    const char *arn = fixture_text(f, &value_get(streams, "Streams")->u.list.at[0], "StreamArn");
    const struct weir_value *stream =
        fixture_call(f, "DescribeStream", arena_printf(f->arena, "{\"StreamArn\":\"%s\"}", arn));
    const struct weir_value *shards = value_get(value_get(stream, "StreamDescription"), "Shards");
    const char *all = "";
    for (uint32_t i = 0; i < shards->u.list.count; i++) {
        const char *shard = fixture_text(f, &shards->u.list.at[i], "ShardId");
        const struct weir_value *iterator =
            fixture_call(f, "GetShardIterator",
                         arena_printf(f->arena,
                                      "{\"StreamArn\":\"%s\",\"ShardId\":\"%s\","
                                      "\"ShardIteratorType\":\"TRIM_HORIZON\"}",
                                      arn, shard));
        const struct weir_value *records =
            value_get(fixture_call(f, "GetRecords",
                                   arena_printf(f->arena, "{\"ShardIterator\":\"%s\"}",
                                                fixture_text(f, iterator, "ShardIterator"))),
                      "Records");
        for (uint32_t j = 0; j < records->u.list.count; j++) {
            const struct weir_value *image =
                value_get(value_get(&records->u.list.at[j], "dynamodb"), "Keys");
            struct weir_value *item = NULL;
            assert_int_equal(value_to_item(f->arena, image, &item, &f->err), WEIR_OK);
            if (strcmp(fixture_text(f, item, "pk"), key) == 0) {
                all = arena_printf(f->arena, "%s%s ", all, fixture_text(f, item, "sk"));
            }
        }
    }
    return all;
}

static void test_E9_messages_of_one_key_are_added_in_the_order_given(void **state)
{
    (void)state;
    for (uint32_t overwrite = 0; overwrite < 2; overwrite++) {
        struct fixture f;
        fixture_open(&f);
        struct weir_outbox *outbox = fixture_outbox(&f, NULL);
        struct batch *batch = batch_of(&f, 80, 2);
        const char *wanted = "";
        for (uint32_t i = 0; i < 80; i++) { /* ids against the order */
            batch->messages[i].id = text(arena_printf(f.arena, "m%03u", 99 - i));
            if (i % 2 == 1) {
                wanted = arena_printf(f.arena, "%sm%03u ", wanted, 99 - i);
            }
        }
        add_many(&f, outbox, batch, 80, overwrite);
        assert_all_added(batch, 80);
        assert_string_equal(committed(&f, "k1"), wanted);
        free(batch);
        weir_outbox_close(outbox);
        fixture_close(&f);
    }
}

static void test_B9_empty_batch_and_empty_fields_are_errors(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    struct batch *batch = batch_of(&f, 3, 3);
    struct weir_txn *txn = NULL;
    assert_status(weir_txn_new(f.client, &txn, &f.err), WEIR_OK);
    assert_status(weir_outbox_add_many(outbox, batch->messages, 0, 0, batch->results, &f.err),
                  WEIR_INVALID_ARGUMENT);
    assert_says("no message");
    assert_status(weir_outbox_stage_many(outbox, txn, batch->messages, 0, NULL, &f.err),
                  WEIR_INVALID_ARGUMENT);
    static const char *const says[] = {"message.id", "message.destination", "message.key"};
    for (int i = 0; i < 3; i++) {
        struct batch *wrong = batch_of(&f, 3, 3);
        struct weir_text *fields[] = {&wrong->messages[1].id, &wrong->messages[1].destination,
                                      &wrong->messages[1].key};
        *fields[i] = text("");
        assert_status(weir_outbox_add_many(outbox, wrong->messages, 3, 0, wrong->results, &f.err),
                      WEIR_INVALID_ARGUMENT);
        assert_says(says[i]);
        assert_says("place 1");
        assert_status(weir_outbox_add(outbox, &wrong->messages[1], NULL, &f.err),
                      WEIR_INVALID_ARGUMENT);
        assert_says(says[i]);
        assert_status(weir_outbox_stage_many(outbox, txn, wrong->messages, 3, NULL, &f.err),
                      WEIR_INVALID_ARGUMENT);
        assert_int_equal(weir_txn_count(txn), 0);
        free(wrong);
    }
    assert_int_equal(fixture_count(&f, "outbox"), 0); /* not those before the wrong one either */
    weir_txn_free(txn);
    free(batch);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_B10_topics_mix_and_ids_and_times_are_filled_in(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    struct batch *batch = batch_of(&f, 4, 4);
    batch->messages[0].destination = text("orders");
    batch->messages[1].destination = text("invoices");
    batch->messages[2].type = text(NULL); /* a topic alone will do */
    batch->messages[2].destination = text("audit");
    batch->messages[3].id = text(NULL);
    int64_t before = env_wall_ms(client_env(f.client));
    add_many(&f, outbox, batch, 4, 0);
    assert_string_equal(member_text(&f, fixture_get(&f, outbox, "k0", "m000"), "destination"),
                        "orders");
    assert_string_equal(member_text(&f, fixture_get(&f, outbox, "k1", "m001"), "destination"),
                        "invoices");
    assert_string_equal(member_text(&f, fixture_get(&f, outbox, "k2", "m002"), "messageType"),
                        "audit");
    assert_int_equal(batch->results[3].status, WEIR_OK);
    assert_int_equal(strlen(batch->results[3].id), 36);
    assert_int_equal(batch->results[3].id[14], '7');
    const struct weir_value *made = fixture_get(&f, outbox, "k3", batch->results[3].id);
    int64_t created;
    assert_true(iso8601_parse(value_get(made, "createdAt")->u.bytes, &created));
    assert_true(created >= before && created <= env_wall_ms(client_env(f.client)));
    free(batch);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_B3_unknown_topic_names_the_type_and_writes_nothing(void **state)
{
    (void)state;
    static const struct weir_outbox_topic topics[] = {
        {"order.shipped", "shipping"}, {"order.placed", "orders"}, {"a", "letters"}};
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.topics = topics;
    options.topic_count = 3;
    options.strict_topics = 1;
    for (int layout = 0; layout < 2; layout++) {
        options.layout = layout == 0 ? "partitioned" : "by-message";
        options.table = layout == 0 ? "outbox" : "messages";
        struct weir_outbox *outbox = fixture_outbox(&f, &options);
        struct batch *batch = batch_of(&f, 3, 3);
        struct weir_txn *txn = NULL;
        assert_status(weir_txn_new(f.client, &txn, &f.err), WEIR_OK);
        batch->messages[2].type = text("order.lost");
        assert_status(weir_outbox_add(outbox, &batch->messages[2], NULL, &f.err),
                      WEIR_UNKNOWN_TOPIC);
        assert_says("order.lost");
        assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
        assert_status(weir_outbox_add_many(outbox, batch->messages, 3, 0, batch->results, &f.err),
                      WEIR_UNKNOWN_TOPIC);
        assert_says("order.lost");
        assert_status(weir_outbox_stage(outbox, txn, &batch->messages[2], NULL, &f.err),
                      WEIR_UNKNOWN_TOPIC);
        assert_int_equal(weir_txn_count(txn), 0);
        assert_int_equal(fixture_count(&f, options.table), 0);
        batch->messages[2].destination = text("elsewhere"); /* given, it wins */
        batch->messages[1].destination = text("express");
        add_many(&f, outbox, batch, 3, 0);
        static const char *const wanted[] = {"orders", "express", "elsewhere"};
        for (uint32_t i = 0; i < 3; i++) {
            const struct weir_value *stored =
                fixture_get(&f, outbox, batch->messages[i].key.ptr, batch->messages[i].id.ptr);
            assert_string_equal(member_text(&f, stored, "destination"), wanted[i]);
        }
        weir_txn_free(txn);
        free(batch);
        weir_outbox_close(outbox);
    }
    options.strict_topics = 0;
    options.table = "outbox";
    options.layout = NULL;
    struct weir_outbox *lenient = fixture_outbox(&f, &options);
    struct weir_message message = message_of("k", "lenient");
    message.type = text("order.lost");
    assert_status(weir_outbox_add(lenient, &message, NULL, &f.err), WEIR_OK);
    assert_string_equal(member_text(&f, fixture_get(&f, lenient, "k", "lenient"), "destination"),
                        "");
    weir_outbox_close(lenient);
    fixture_close(&f);
}

static void test_B7_what_the_sink_cannot_carry_is_refused_with_its_id(void **state)
{
    (void)state;
    char *payload = calloc(1, 300 * 1024);
    memset(payload, 'a', 300 * 1024 - 1);
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = by_message();
    options.payload_max = 1000;
    struct weir_outbox *limited = fixture_outbox(&f, &options);
    options.payload_max = 0;
    options.sink = "sns";
    struct weir_outbox *sns = fixture_outbox(&f, &options);
    options.sink = "sqs";
    struct weir_outbox *sqs = fixture_outbox(&f, &options);
    struct weir_message message = message_of("k", "the-id");
    message.payload = (struct weir_text){payload, 1001};
    assert_status(weir_outbox_add(limited, &message, NULL, &f.err), WEIR_TOO_LARGE);
    assert_says("the-id");
    struct weir_message both[2] = {message_of("k", "small"), message};
    struct weir_outbox_result results[2];
    assert_status(weir_outbox_add_many(limited, both, 2, 0, results, &f.err), WEIR_TOO_LARGE);
    assert_says("the-id");
    assert_int_equal(fixture_count(&f, "outbox"), 0);
    message.payload.len = 1000;
    assert_status(weir_outbox_add(limited, &message, NULL, &f.err), WEIR_OK);
    message.id = text("large");
    message.payload.len = 256 * 1024;
    assert_status(weir_outbox_add(sns, &message, NULL, &f.err), WEIR_TOO_LARGE);
    assert_says("message large");
    assert_says("sns");
    message.payload.len = 250 * 1024;
    assert_status(weir_outbox_add(sns, &message, NULL, &f.err), WEIR_OK);
    message.id = text("larger");
    message.payload.len = 299 * 1024;
    assert_status(weir_outbox_add(sqs, &message, NULL, &f.err), WEIR_OK);
    free(payload);
    weir_outbox_close(limited);
    weir_outbox_close(sns);
    weir_outbox_close(sqs);
    fixture_close(&f);
}

static void test_B7_more_than_100_staged_are_refused_before_any_call(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    struct batch *batch = batch_of(&f, 101, 2);
    static char ids[100][WEIR_MESSAGE_ID_MAX + 1];
    struct weir_txn *txn = NULL;
    assert_status(weir_txn_new(f.client, &txn, &f.err), WEIR_OK);
    assert_status(weir_outbox_stage_many(outbox, txn, batch->messages, 101, NULL, &f.err),
                  WEIR_TOO_LARGE);
    assert_int_equal(weir_txn_count(txn), 0);
    assert_status(weir_outbox_stage_many(outbox, txn, batch->messages, 100, ids, &f.err), WEIR_OK);
    assert_string_equal(ids[99], "m099");
    assert_status(weir_outbox_stage_many(outbox, txn, &batch->messages[100], 1, NULL, &f.err),
                  WEIR_TOO_LARGE);
    assert_int_equal(weir_txn_count(txn), 100);
    assert_status(weir_txn_commit(txn, &f.err), WEIR_OK);
    assert_int_equal(fixture_count(&f, "outbox"), 100);
    const struct weir_value *last = fixture_row(&f, "outbox", "k1", "m099");
    assert_string_equal(fixture_text(&f, last, "position"), "50");
    assert_string_equal(fixture_text(&f, last, "of"), "50");
    weir_txn_free(txn);
    free(batch);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_E9_by_message_stores_the_sequence_and_no_places(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = by_message();
    struct weir_outbox *outbox = fixture_outbox(&f, &options);
    struct batch *batch = batch_of(&f, 3, 1);
    struct weir_txn *txn = NULL;
    assert_status(weir_txn_new(f.client, &txn, &f.err), WEIR_OK);
    batch->messages[1].sequence = 41;
    batch->messages[2].sequence = 42;
    assert_status(weir_outbox_stage_many(outbox, txn, batch->messages, 3, NULL, &f.err), WEIR_OK);
    assert_status(weir_txn_commit(txn, &f.err), WEIR_OK);
    static const char *const wanted[] = {"", "41", "42"};
    for (int i = 0; i < 3; i++) {
        const struct weir_value *row =
            fixture_message(&f, "outbox", arena_printf(f.arena, "m%03d", i));
        assert_string_equal(fixture_text(&f, row, "Sequence"), wanted[i]);
        assert_null(value_get(row, "position"));
    }
    weir_txn_free(txn);
    free(batch);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_B2_stored_document_and_capacity_come_back(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    struct weir_message message = message_of("k", "m");
    struct weir_outbox_added added = {0};
    struct weir_value *document = NULL, *item = NULL;
    char *json = NULL;
    size_t len = 0;
    assert_status(weir_outbox_add_returning(outbox, &message, &added, &json, &len, &f.err),
                  WEIR_OK);
    assert_string_equal(added.id, "m");
    assert_true(added.write_units > 0);
    assert_int_equal(strlen(json), len);
    assert_status(json_parse(f.arena, bytes_of(json, len), &document, &f.err), WEIR_OK);
    assert_status(value_to_item(f.arena, document, &item, &f.err), WEIR_OK);
    assert_true(value_equal(item, fixture_row(&f, "outbox", "k", "m")));
    weir_free(json);
    json = NULL;
    assert_status(weir_outbox_add_returning(outbox, &message, &added, &json, &len, &f.err),
                  WEIR_ALREADY_EXISTS);
    assert_null(json);
    (void)fixture_call(&f, "DeleteTable", "{\"TableName\":\"outbox\"}");
    assert_status(weir_outbox_add(outbox, &message, &added, &f.err), WEIR_RESOURCE_NOT_FOUND);
    assert_string_equal(f.err.code, "ResourceNotFoundException");
    assert_true(f.err.message[0] != '\0');
    assert_int_equal(f.err.retryable, 0);
    bool in_process = fixture_where() == FIXTURE_MEMORY || fixture_where() == FIXTURE_FILE;
    assert_int_equal(f.err.request_id[0] == '\0', in_process);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_B2_stored_document_and_capacity_come_back),
        cmocka_unit_test(test_B3_unknown_topic_names_the_type_and_writes_nothing),
        cmocka_unit_test(test_B7_more_than_100_staged_are_refused_before_any_call),
        cmocka_unit_test(test_B7_what_the_sink_cannot_carry_is_refused_with_its_id),
        cmocka_unit_test(test_B8_sixty_in_one_call),
        cmocka_unit_test(more_than_fit_side_by_side),
        cmocka_unit_test(test_B8_adds_are_conditional_each_with_its_result),
        cmocka_unit_test(test_B8_overwrite_replaces_only_when_asked_for),
        cmocka_unit_test(test_B8_duplicate_ids_in_one_call_are_reported_and_none_is_lost),
        cmocka_unit_test(test_B9_empty_batch_and_empty_fields_are_errors),
        cmocka_unit_test(test_B10_topics_mix_and_ids_and_times_are_filled_in),
        cmocka_unit_test(test_E9_messages_of_one_key_are_added_in_the_order_given),
        cmocka_unit_test(test_E9_by_message_stores_the_sequence_and_no_places),
    };
    return fixture_run("many", tests, sizeof(tests) / sizeof(tests[0]));
}
