/* SPDX-License-Identifier: Apache-2.0 */
/* Adding one message: what is stored, what is refused, what is left alone. */
#include "unit/outbox/outbox_fixture.h"

static struct outbox_message decoded(struct fixture *f, const struct weir_value *row)
{
    struct outbox_layout layout;
    struct outbox_message message;
    assert_int_equal(outbox_layout_init(f->arena, NULL, &layout, &f->err), WEIR_OK);
    if (outbox_decode(f->arena, &layout, row, &message, &f->err) != WEIR_OK) {
        fail_msg("%s", f->err.message);
    }
    return message;
}

static void assert_attribute(struct fixture *f, const struct weir_value *row, const char *name,
                             const char *wanted)
{
    assert_string_equal(fixture_text(f, row, name), wanted);
}

static void test_B1_every_field_is_stored(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    struct weir_message message = full_message_of("order-1", "m-1");
    message.headers = text("{\"X-Trace\":\"a\",\"tenant\":\"t\\u00e9\",\"A\":\"\"}");
    message.aggregate_id = text("1");
    struct weir_outbox_added added;
    assert_status(weir_outbox_add(outbox, &message, &added, &f.err), WEIR_OK);
    assert_string_equal(added.id, "m-1");
    assert_true(added.write_units > 0);
    const struct weir_value *row = fixture_row(&f, "outbox", "order-1", "m-1");
    static const char *const wanted[][2] = {
        {"pk", "order-1"},
        {"sk", "m-1"},
        {"messageType", "order.placed"},
        {"payload", "eyJuIjoxfQ=="},
        {"headers", "{\"X-Trace\":\"a\",\"tenant\":\"t\\u00e9\",\"A\":\"\"}"},
        {"contentType", "application/json"},
        {"destination", "orders"},
        {"aggregateId", "1"},
        {"aggregateType", "order"},
        {"correlationId", "c"},
        {"causationId", "d"},
        {"traceparent", "00-x"},
        {"tracestate", "y=1"},
        {"createdAt", "2023-11-14T22:13:20.123Z"},
    };
    size_t count = sizeof(wanted) / sizeof(wanted[0]);
    fixture_assert_texts(&f, row, wanted, count);
    assert_int_equal(value_get(row, "isPublished")->type, VALUE_BOOL);
    assert_false(value_get(row, "isPublished")->truth);
    assert_int_equal(row->u.map.count, count + 1);
    struct outbox_message back = decoded(&f, row);
    assert_true(bytes_eq(back.payload, bytes_of(message.payload.ptr, message.payload.len)));
    assert_true(bytes_eq_str(back.headers, message.headers.ptr));
    assert_true(bytes_eq_str(back.tracestate, "y=1"));
    assert_true(bytes_eq_str(back.destination, "orders"));
    assert_false(back.published);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_B1_empty_optional_fields_are_absent(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    struct weir_message message = message_of("k", "m");
    message.headers = text("");
    message.correlation_id = text("");
    assert_status(weir_outbox_add(outbox, &message, NULL, &f.err), WEIR_OK);
    const struct weir_value *row = fixture_row(&f, "outbox", "k", "m");
    assert_int_equal(row->u.map.count, 6); /* keys, type, payload, createdAt, isPublished */
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_B1_payloads_of_any_bytes_come_back_unchanged(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    char all[256];
    for (int i = 0; i < 256; i++) {
        all[i] = (char)i;
    }
    const size_t lengths[] = {0, 1, 2, 3, 255, 256};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        char *id = arena_printf(f.arena, "m%zu", lengths[i]);
        struct weir_message message = message_of("k", id);
        message.payload = (struct weir_text){all + 256 - lengths[i], lengths[i]};
        assert_status(weir_outbox_add(outbox, &message, NULL, &f.err), WEIR_OK);
        struct outbox_message back = decoded(&f, fixture_row(&f, "outbox", "k", id));
        assert_true(bytes_eq(back.payload, bytes_of(message.payload.ptr, message.payload.len)));
    }
    struct weir_message absent = message_of("k", "absent");
    absent.payload = (struct weir_text){NULL, 0};
    assert_status(weir_outbox_add(outbox, &absent, NULL, &f.err), WEIR_OK);
    assert_int_equal(decoded(&f, fixture_row(&f, "outbox", "k", "absent")).payload.len, 0);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_B10_absent_id_and_time_are_filled_in(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    struct weir_message message = message_of("k", NULL);
    struct weir_outbox_added first, second;
    int64_t before = env_wall_ms(client_env(f.client));
    assert_status(weir_outbox_add(outbox, &message, &first, &f.err), WEIR_OK);
    assert_status(weir_outbox_add(outbox, &message, &second, &f.err), WEIR_OK);
    assert_string_not_equal(first.id, second.id);
    assert_int_equal(strlen(first.id), 36);
    assert_int_equal(first.id[14], '7');
    const struct weir_value *row = fixture_row(&f, "outbox", "k", first.id);
    int64_t created;
    assert_true(iso8601_parse(value_get(row, "createdAt")->u.bytes, &created));
    assert_true(created >= before && created <= env_wall_ms(client_env(f.client)));
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_B4_add_never_overwrites(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    struct weir_message first = message_of("k", "m");
    struct weir_message second = message_of("k", "m");
    second.payload = text("other");
    second.type = text("other");
    struct weir_outbox_added added = {.write_units = -1};
    assert_status(weir_outbox_add(outbox, &first, NULL, &f.err), WEIR_OK);
    for (int published = 0; published < 2; published++) {
        const struct weir_value *before = fixture_row(&f, "outbox", "k", "m");
        assert_status(weir_outbox_add(outbox, &second, &added, &f.err), WEIR_ALREADY_EXISTS);
        assert_says("message m exists already");
        assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
        assert_true(added.write_units < 0); /* results are written only on success */
        assert_true(value_equal(before, fixture_row(&f, "outbox", "k", "m")));
        assert_status(weir_outbox_mark(outbox, "k", 1, "m", 1, &f.err), WEIR_OK);
    }
    struct weir_message elsewhere = message_of("other key", "m");
    assert_status(weir_outbox_add(outbox, &elsewhere, NULL, &f.err), WEIR_OK);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_B9_wrong_messages_are_refused_by_field(void **state)
{
    (void)state;
    static char long_id[WEIR_MESSAGE_ID_MAX + 2], long_key[2050];
    memset(long_id, 'i', sizeof(long_id) - 1);
    memset(long_key, 'k', sizeof(long_key) - 1);
    struct weir_message cases[12];
    const char *says[12] = {"message.id",      "message.key",     "message.type",
                            "message.id",      "message.key",     "message.headers",
                            "message.headers", "message.headers", "WEIR_MESSAGE_INIT",
                            "message.key is",  "message.id is",   "message.destination is"};
    for (size_t i = 0; i < 12; i++) {
        cases[i] = message_of("k", "m");
    }
    cases[0].id = (struct weir_text){"", 0};
    cases[1].key = text("");
    cases[2].type = text(NULL);
    cases[3].id = text(long_id);
    cases[4].key = text(long_key);
    cases[5].headers = text("[\"a\"]");
    cases[6].headers = text("{\"a\":1}");
    cases[7].headers = text("{\"a\":\"b\"");
    cases[8].struct_size = 0;
    cases[9].key = text("\xff");
    cases[10].id = text("\xc3");
    cases[11].destination = text("\xed\xa0\x80");
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    for (size_t i = 0; i < 12; i++) {
        struct weir_outbox_added added;
        assert_status(weir_outbox_add(outbox, &cases[i], &added, &f.err), WEIR_INVALID_ARGUMENT);
        assert_says(says[i]);
    }
    assert_status(weir_outbox_add(outbox, NULL, NULL, &f.err), WEIR_INVALID_ARGUMENT);
    assert_int_equal(fixture_count(&f, "outbox"), 0);
    long_id[WEIR_MESSAGE_ID_MAX] = '\0';
    struct weir_message longest = message_of("k", long_id);
    struct weir_outbox_added added;
    assert_status(weir_outbox_add(outbox, &longest, &added, &f.err), WEIR_OK);
    assert_string_equal(added.id, long_id);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

/* The largest payload that fits can be staged with its place and marked; one byte group more is
 * refused with the message's id. */
static void test_B7_message_over_an_items_size_is_refused_with_its_id(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    size_t low = 1000, high = 400 * 1024;
    char *payload = calloc(1, high);
    struct weir_txn *txn = NULL;
    assert_status(weir_txn_new(f.client, &txn, &f.err), WEIR_OK);
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        char *json = NULL;
        size_t json_len;
        struct weir_message message = message_of("k", "the-id");
        message.payload = (struct weir_text){payload, middle};
        enum weir_status status = weir_outbox_render(outbox, &message, &json, &json_len, &f.err);
        assert_true(status == WEIR_OK || status == WEIR_TOO_LARGE);
        if (status == WEIR_TOO_LARGE) {
            assert_says("message the-id");
        }
        weir_free(json);
        *(status == WEIR_OK ? &low : &high) = middle;
    }
    assert_true(low > 300 * 1000);
    struct weir_message largest = message_of("k", "the-id");
    struct weir_message beside = message_of("k", "beside");
    largest.payload = (struct weir_text){payload, low};
    assert_status(weir_outbox_stage(outbox, txn, &largest, NULL, &f.err), WEIR_OK);
    assert_status(weir_outbox_stage(outbox, txn, &beside, NULL, &f.err), WEIR_OK);
    assert_status(weir_txn_commit(txn, &f.err), WEIR_OK);
    assert_status(weir_outbox_mark(outbox, "k", 1, "the-id", 6, &f.err), WEIR_OK);
    largest.id = text("second");
    largest.payload.len = high;
    assert_status(weir_outbox_add(outbox, &largest, NULL, &f.err), WEIR_TOO_LARGE);
    assert_status(weir_outbox_stage(outbox, txn, &largest, NULL, &f.err), WEIR_TOO_LARGE);
    assert_says("message second");
    assert_int_equal(weir_txn_count(txn), 0);
    weir_txn_free(txn);
    free(payload);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void rendered_element_commits_by_another_sdk(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    struct weir_message message = message_of("k", "m");
    message.headers = text("{\"a\":\"b\"}");
    char *json = NULL;
    size_t json_len = 0;
    assert_status(weir_outbox_render(outbox, &message, &json, &json_len, &f.err), WEIR_OK);
    assert_int_equal(strlen(json), json_len);
    assert_int_equal(fixture_count(&f, "outbox"), 0);
    char *request = arena_printf(f.arena, "{\"TransactItems\":[%s]}", json);
    (void)fixture_call(&f, "TransactWriteItems", request);
    const struct weir_value *row = fixture_row(&f, "outbox", "k", "m");
    assert_attribute(&f, row, "headers", "{\"a\":\"b\"}");
    assert_true(bytes_eq_str(decoded(&f, row).payload, "{\"n\":1}"));
    char *answer = NULL;
    assert_status(weir_call(f.client, "TransactWriteItems", 18, request, strlen(request), &answer,
                            NULL, &f.err),
                  WEIR_TXN_CANCELED);
    weir_free(answer);
    weir_free(json);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void rows_that_are_no_message_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *row, *says;
    } cases[] = {
        {"{\"pk\":{\"S\":\"k\"},\"sk\":{\"S\":\"m\"},\"payload\":{\"S\":\"\"}}",
         "messageType is missing"},
        {"{\"pk\":{\"S\":\"k\"},\"sk\":{\"S\":\"m\"},\"messageType\":{\"S\":\"t\"}}",
         "payload is missing"},
        {"{\"pk\":{\"S\":\"k\"},\"sk\":{\"S\":\"m\"},\"messageType\":{\"N\":\"1\"},"
         "\"payload\":{\"S\":\"\"}}",
         "messageType is not a string"},
        {"{\"pk\":{\"S\":\"k\"},\"sk\":{\"S\":\"m\"},\"messageType\":{\"S\":\"t\"},"
         "\"payload\":{\"S\":\"*\"}}",
         "payload is not Base64"},
        {"{\"pk\":{\"S\":\"k\"},\"messageType\":{\"S\":\"t\"},\"payload\":{\"S\":\"\"}}",
         "sk is missing"},
        {"{\"pk\":{\"S\":\"k\"},\"sk\":{\"S\":\"m\"},\"messageType\":{\"S\":\"t\"},"
         "\"payload\":{\"S\":\"\"},\"isPublished\":{\"S\":\"no\"}}",
         "isPublished is not a boolean"},
        {"{\"pk\":{\"S\":\"k\"},\"sk\":{\"S\":\"m\"},\"messageType\":{\"S\":\"t\"},"
         "\"payload\":{\"S\":\"\"},\"position\":{\"N\":\"-1\"}}",
         "position is not a count"},
    };
    struct fixture f = {.arena = arena_new(1 << 20)};
    struct outbox_layout layout;
    assert_status(outbox_layout_init(f.arena, NULL, &layout, &f.err), WEIR_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct weir_value *document = NULL, *row = NULL;
        struct outbox_message message;
        assert_status(json_parse(f.arena, bytes_str(cases[i].row), &document, &f.err), WEIR_OK);
        assert_status(value_to_item(f.arena, document, &row, &f.err), WEIR_OK);
        assert_status(outbox_decode(f.arena, &layout, row, &message, &f.err),
                      WEIR_MALFORMED_MESSAGE);
        assert_says(cases[i].says);
    }
    arena_free(f.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_B1_every_field_is_stored),
        cmocka_unit_test(test_B1_empty_optional_fields_are_absent),
        cmocka_unit_test(test_B1_payloads_of_any_bytes_come_back_unchanged),
        cmocka_unit_test(test_B10_absent_id_and_time_are_filled_in),
        cmocka_unit_test(test_B4_add_never_overwrites),
        cmocka_unit_test(test_B9_wrong_messages_are_refused_by_field),
        cmocka_unit_test(test_B7_message_over_an_items_size_is_refused_with_its_id),
        cmocka_unit_test(rendered_element_commits_by_another_sdk),
        cmocka_unit_test(rows_that_are_no_message_are_named),
    };
    return fixture_run("add", tests, sizeof(tests) / sizeof(tests[0]));
}
