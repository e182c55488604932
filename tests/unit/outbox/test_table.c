/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox's table: its shape, who makes it, and what is said when it cannot be used. */
#include "unit/outbox/outbox_fixture.h"

static bool ttl_is_off(struct fixture *f, const char *table)
{
    char *json = arena_printf(f->arena, "{\"TableName\":\"%s\"}", table);
    const struct weir_value *ttl =
        value_get(fixture_call(f, "DescribeTimeToLive", json), "TimeToLiveDescription");
    return bytes_eq_str(value_get(ttl, "TimeToLiveStatus")->u.bytes, "DISABLED");
}

static void test_A2_default_table(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    const struct weir_value *table = fixture_table(&f, "outbox");
    assert_keys_alone(table, "pk", "sk");
    assert_member(value_get(table, "BillingModeSummary"), "BillingMode", "PAY_PER_REQUEST");
    assert_member(value_get(table, "StreamSpecification"), "StreamViewType", "NEW_AND_OLD_IMAGES");
    assert_true(value_get(value_get(table, "StreamSpecification"), "StreamEnabled")->truth);
    assert_true(fixture_has_ttl(&f, "outbox", "ttl"));
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_A2_custom_names_without_stream_and_retention(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.table = "events";
    options.partition_name = "worker_id";
    options.sort_name = "message_id";
    options.no_stream = 1;
    options.retention_s = -1;
    struct weir_outbox *outbox = fixture_outbox(&f, &options);
    const struct weir_value *table = fixture_table(&f, "events");
    assert_keys_alone(table, "worker_id", "message_id");
    assert_null(value_get(table, "StreamSpecification"));
    assert_null(value_get(table, "LatestStreamArn"));
    assert_true(ttl_is_off(&f, "events"));
    struct weir_message message = message_of("w1", "m1");
    assert_status(weir_outbox_add(outbox, &message, NULL, &f.err), WEIR_OK);
    assert_status(weir_outbox_mark(outbox, "w1", 2, "m1", 2, &f.err), WEIR_OK);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_A2_ttl_is_turned_on_for_a_table_that_existed_without(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.retention_s = -1;
    weir_outbox_close(fixture_outbox(&f, &options));
    assert_true(ttl_is_off(&f, "outbox"));
    options.retention_s = 60;
    options.ttl_name = "expires";
    options.no_create = 1;
    weir_outbox_close(fixture_outbox(&f, &options));
    assert_true(fixture_has_ttl(&f, "outbox", "expires"));
    weir_outbox_close(fixture_outbox(&f, &options)); /* a second time changes nothing */
    fixture_close(&f);
}

static enum weir_status open_and_close(struct weir_client *client, struct weir_error *err)
{
    struct weir_outbox *outbox = NULL;
    enum weir_status status = weir_outbox_open(client, NULL, &outbox, err);
    weir_outbox_close(outbox);
    return status;
}

/* Some servers go on naming the stream of a deleted table of the same name. */
static void assert_no_stream(struct fixture *f)
{
    assert_null(value_get(fixture_table(f, "outbox"), "StreamSpecification"));
}

static void make_without_stream(struct fixture *f)
{
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.no_stream = 1;
    weir_outbox_close(fixture_outbox(f, &options));
    assert_no_stream(f);
}

/* The ARN of the stream that the relay follows. */
static const char *stream_of(struct fixture *f)
{
    const struct weir_value *table = fixture_table(f, "outbox");
    assert_member(table, "TableStatus", "ACTIVE");
    assert_member(value_get(table, "StreamSpecification"), "StreamViewType", "NEW_AND_OLD_IMAGES");
    return fixture_text(f, table, "LatestStreamArn");
}

static void test_A2_stream_is_turned_on_for_a_table_that_existed_without(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    make_without_stream(&f);
    options.no_create = 1; /* the table is somebody else's to make */
    weir_outbox_close(fixture_outbox(&f, &options));
    assert_no_stream(&f);
    weir_outbox_close(fixture_outbox(&f, NULL));
    const char *stream = stream_of(&f);
    weir_outbox_close(fixture_outbox(&f, NULL)); /* a second time changes nothing */
    assert_string_equal(stream_of(&f), stream);
    fixture_close(&f);
}

static void test_A2_instances_that_turn_the_stream_on_at_once_all_succeed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    make_without_stream(&f);
    fixture_open_at_once(&f, open_and_close);
    assert_string_not_equal(stream_of(&f), "");
    fixture_close(&f);
}

static void test_A3_missing_table_with_creation_off(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = NULL;
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.no_create = 1;
    assert_status(weir_outbox_open(f.client, &options, &outbox, &f.err), WEIR_RESOURCE_NOT_FOUND);
    assert_says("outbox");
    assert_null(outbox);
    fixture_close(&f);
}

static void test_A3_instances_that_start_at_once_all_succeed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_open_at_once(&f, open_and_close);
    assert_true(fixture_has_ttl(&f, "outbox", "ttl"));
    fixture_close(&f);
}

static void table_of_other_keys_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = NULL;
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.retention_s = -1;
    options.no_stream = 1;
    weir_outbox_close(fixture_outbox(&f, &options));
    options = (struct weir_outbox_options)WEIR_OUTBOX_OPTIONS_INIT;
    options.sort_name = "id";
    assert_status(weir_outbox_open(f.client, &options, &outbox, &f.err), WEIR_CONFIG);
    assert_says("id (RANGE)");
    assert_true(ttl_is_off(&f, "outbox")); /* nothing of another's table is changed */
    assert_no_stream(&f);
    fixture_close(&f);
}

static void wrong_options_are_refused_by_name(void **state)
{
    (void)state;
    static char long_name[300];
    memset(long_name, 'a', sizeof(long_name) - 1);
    const struct {
        struct weir_outbox_options options;
        enum weir_status status;
        const char *says;
    } cases[] = {
        {{.struct_size = 0}, WEIR_INVALID_ARGUMENT, "WEIR_OUTBOX_OPTIONS_INIT"},
        {{.struct_size = sizeof(cases[0].options), .partition_name = ""},
         WEIR_CONFIG,
         "partition_name"},
        {{.struct_size = sizeof(cases[0].options), .sort_name = long_name},
         WEIR_CONFIG,
         "sort_name"},
        {{.struct_size = sizeof(cases[0].options), .sort_name = "payload"},
         WEIR_CONFIG,
         "attribute \"payload\" would be two fields, id and payload"},
        {{.struct_size = sizeof(cases[0].options), .ttl_name = "messageType"},
         WEIR_CONFIG,
         "messageType and ttl"},
        {{.struct_size = sizeof(cases[0].options), .partition_name = "sk"},
         WEIR_CONFIG,
         "must have different names"},
        {{.struct_size = sizeof(cases[0].options), .ttl_name = "sk"},
         WEIR_CONFIG,
         "must have different names"},
        {{.struct_size = sizeof(cases[0].options), .retention_s = INT64_MAX},
         WEIR_CONFIG,
         "retention_s"},
    };
    struct fixture f;
    fixture_open(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct weir_outbox *outbox = NULL;
        assert_status(weir_outbox_open(f.client, &cases[i].options, &outbox, &f.err),
                      cases[i].status);
        assert_says(cases[i].says);
        assert_null(outbox);
    }
    fixture_close(&f);
}

static void test_A7_outbox_that_is_not_open_gives_a_definite_error(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = NULL;
    struct weir_txn *txn = NULL;
    struct weir_message message = message_of("k", "m");
    struct weir_outbox_added added;
    struct weir_outbox_stats stats;
    char *out = NULL;
    size_t out_len = 0;
    assert_status(weir_outbox_open(NULL, NULL, &outbox, &f.err), WEIR_CLOSED);
    assert_null(outbox);
    assert_status(weir_txn_new(f.client, &txn, &f.err), WEIR_OK);
    assert_status(weir_outbox_add(NULL, &message, &added, &f.err), WEIR_CLOSED);
    assert_status(weir_outbox_stage(NULL, txn, &message, NULL, &f.err), WEIR_CLOSED);
    assert_status(weir_outbox_render(NULL, &message, &out, &out_len, &f.err), WEIR_CLOSED);
    assert_status(weir_outbox_pending(NULL, NULL, 0, 1, NULL, 0, &out, &out_len, &f.err),
                  WEIR_CLOSED);
    assert_status(weir_outbox_mark(NULL, "k", 1, "m", 1, &f.err), WEIR_CLOSED);
    assert_status(weir_outbox_stats(NULL, &stats, &f.err), WEIR_CLOSED);
    assert_int_equal(weir_txn_count(txn), 0);
    assert_null(out);
    outbox = fixture_outbox(&f, NULL);
    assert_status(weir_outbox_stage(outbox, NULL, &message, NULL, &f.err), WEIR_CLOSED);
    assert_status(weir_outbox_mark(NULL, "k", 1, "m", 1, NULL), WEIR_CLOSED);
    weir_txn_free(txn);
    weir_outbox_close(outbox);
    weir_outbox_close(NULL);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_A2_default_table),
        cmocka_unit_test(test_A2_custom_names_without_stream_and_retention),
        cmocka_unit_test(test_A2_ttl_is_turned_on_for_a_table_that_existed_without),
        cmocka_unit_test(test_A2_stream_is_turned_on_for_a_table_that_existed_without),
        cmocka_unit_test(test_A2_instances_that_turn_the_stream_on_at_once_all_succeed),
        cmocka_unit_test(test_A3_missing_table_with_creation_off),
        cmocka_unit_test(test_A3_instances_that_start_at_once_all_succeed),
        cmocka_unit_test(table_of_other_keys_is_refused),
        cmocka_unit_test(wrong_options_are_refused_by_name),
        cmocka_unit_test(test_A7_outbox_that_is_not_open_gives_a_definite_error),
    };
    return fixture_run("table", tests, sizeof(tests) / sizeof(tests[0]));
}
