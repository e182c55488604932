/* SPDX-License-Identifier: Apache-2.0 */
/* What the relay carries, in which order, and what it leaves behind it. */
#include "unit/relay/relay_fixture.h"

#include "sink/sink.h"

static void every_message_once_in_order_per_key_and_marked(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    unsigned next[20] = {0};
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    for (int i = 0; i < 300; i++) {
        int key = (i * i) % 20;
        add(&r, arena_printf(r.f.arena, "k%d", key),
            arena_printf(r.f.arena, "%d", 999 - (int)next[key]++)); /* ids fall */
    }
    assert_run(&r, &sink, WEIR_OK);
    assert_int_equal(sink.count, 300);
    assert_int_equal(r.status.delivered, 300);
    assert_int_equal(r.status.marked, 300);
    assert_int_equal(r.status.in_hand, 0);
    unsigned seen[20] = {0};
    for (unsigned i = 0; i < sink.count; i++) {
        int key = atoi(sink.log[i].key + 1);
        assert_int_equal(atoi(sink.log[i].id), 999 - (int)seen[key]++);
    }
    struct weir_outbox_stats stats;
    assert_int_equal(weir_outbox_stats(r.outbox, &stats, &r.f.err), WEIR_OK);
    assert_int_equal(stats.pending, 0);
    assert_int_equal(stats.published, 300);
    assert_run(&r, &sink, WEIR_OK); /* its position was stored */
    assert_int_equal(sink.count, 300);
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static void test_D4_own_mark_causes_no_publish(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    uint64_t skipped = 0;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    for (int i = 0; i < 10; i++) {
        add(&r, "k", arena_printf(r.f.arena, "%d", i));
    }
    for (int runs = 0; runs < 3; runs++) {
        assert_run(&r, &sink, WEIR_OK);
        skipped += r.status.skipped;
    }
    assert_int_equal(skipped, 10); /* the marks were read, and passed */
    assert_int_equal(sink.count, 10);
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static void put_row(struct relay_fixture *r, const char *id, const char *rest)
{
    (void)fixture_call(&r->f, "PutItem",
                       arena_printf(r->f.arena,
                                    "{\"TableName\":\"outbox\",\"Item\":{\"pk\":{\"S\":\"k\"},"
                                    "\"sk\":{\"S\":\"%s\"}%s}}",
                                    id, rest));
}

#define MESSAGE ",\"messageType\":{\"S\":\"t\"},\"payload\":{\"S\":\"\"}"

static void test_E1_only_inserts_of_unpublished_rows_are_carried(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    put_row(&r, "no-flag", MESSAGE);
    put_row(&r, "published", MESSAGE ",\"isPublished\":{\"BOOL\":true}");
    put_row(&r, "unpublished", MESSAGE ",\"isPublished\":{\"BOOL\":false}");
    put_row(&r, "published", MESSAGE ",\"isPublished\":{\"BOOL\":false}"); /* MODIFY */
    put_row(&r, "no-flag", MESSAGE ",\"lastError\":{\"S\":\"x\"}");        /* MODIFY */
    (void)fixture_call(&r.f, "DeleteItem",
                       "{\"TableName\":\"outbox\",\"Key\":{\"pk\":{\"S\":\"k\"},"
                       "\"sk\":{\"S\":\"published\"}}}");
    put_row(&r, "a claim of somebody else's", ",\"expires_at\":{\"N\":\"1\"}");
    assert_run(&r, &sink, WEIR_OK);
    assert_string_equal(sink_ids(&r, &sink, NULL), "no-flag unpublished");
    uint64_t skipped = r.status.skipped; /* it may have read some of its marks already */
    assert_run(&r, &sink, WEIR_OK);
    assert_int_equal(skipped + r.status.skipped, 5 + 2);
    assert_int_equal(sink.count, 2);
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static enum weir_delivery delivered_unless_marked(struct sink *sink,
                                                  const struct weir_sink_message *m)
{
    struct relay_fixture *r = sink->arg;
    char id[32];
    (void)snprintf(id, sizeof(id), "%.*s", (int)m->id.len, m->id.ptr);
    assert_false(is_marked(r, "k", id));
    return WEIR_DELIVERED;
}

static void test_F1_publish_happens_before_mark(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    sink.decide = delivered_unless_marked;
    sink.arg = &r;
    add(&r, "k", "1");
    add(&r, "k", "2");
    assert_run(&r, &sink, WEIR_OK);
    assert_true(is_marked(&r, "k", "1"));
    assert_true(is_marked(&r, "k", "2"));
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static enum weir_delivery reject(struct sink *sink, const struct weir_sink_message *m)
{
    (void)sink;
    (void)m;
    return WEIR_REJECTED;
}

static void test_F1_failing_publish_leaves_the_row_pending(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    sink.decide = reject;
    add(&r, "k", "1");
    assert_run(&r, &sink, WEIR_SINK_REJECTED);
    assert_int_equal(r.status.marked, 0);
    assert_false(is_marked(&r, "k", "1"));
    sink_fini(&sink);
    relay_fixture_close(&r);
}

/* The next `*arg` marks fail; -1: all. */
static bool marks_fail(void *arg, const struct client_request *request)
{
    int *left = arg;
    const struct weir_value *table = value_get(request->document, "TableName");
    if (strcmp(request->operation, "UpdateItem") != 0 || !bytes_eq_str(table->u.bytes, "outbox") ||
        *left == 0) {
        return false;
    }
    *left -= *left > 0;
    return true;
}

static void test_F1_failing_mark_is_retried(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    int failures = 5;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    r.flaky.fails = marks_fail;
    r.flaky.arg = &failures;
    add(&r, "k", "1");
    assert_run(&r, &sink, WEIR_OK);
    assert_int_equal(failures, 0);
    assert_int_equal(sink.count, 1);
    assert_int_equal(r.status.retries, 5);
    assert_int_equal(r.status.marked, 1);
    assert_true(is_marked(&r, "k", "1"));
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static enum weir_delivery deliver_and_stop(struct sink *sink, const struct weir_sink_message *m)
{
    (void)m;
    weir_relay_stop(sink->relay);
    return WEIR_DELIVERED;
}

static void test_F1_message_that_was_not_marked_comes_again_with_its_id(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    int failures = -1;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    sink.decide = deliver_and_stop;
    r.flaky.fails = marks_fail;
    r.flaky.arg = &failures;
    r.options.drain_ms = 30;
    add(&r, "k", "1");
    assert_run(&r, &sink, WEIR_OK);
    assert_int_equal(r.status.marked, 0);
    failures = 0;
    sink.decide = NULL;
    assert_run(&r, &sink, WEIR_OK);
    assert_string_equal(sink_ids(&r, &sink, NULL), "1 1");
    assert_true(is_marked(&r, "k", "1"));
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static void row_that_is_gone_needs_no_mark(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    add(&r, "k", "1");
    (void)fixture_call(&r.f, "DeleteItem",
                       "{\"TableName\":\"outbox\",\"Key\":{\"pk\":{\"S\":\"k\"},"
                       "\"sk\":{\"S\":\"1\"}}}");
    assert_run(&r, &sink, WEIR_OK);
    assert_int_equal(r.status.delivered, 1);
    assert_int_equal(r.status.marked, 0);
    assert_int_equal(fixture_count(&r.f, "outbox"), 0);
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static void test_F2_mark_none_leaves_rows_pending(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    r.outbox_options.mark = WEIR_MARK_NONE;
    add(&r, "k", "1");
    add(&r, "k", "2");
    const struct weir_value *before = fixture_row(&r.f, "outbox", "k", "1");
    assert_run(&r, &sink, WEIR_OK);
    assert_int_equal(r.status.delivered, 2);
    assert_int_equal(r.status.marked, 0);
    assert_true(value_equal(before, fixture_row(&r.f, "outbox", "k", "1")));
    assert_run(&r, &sink, WEIR_OK); /* the position is the truth */
    assert_string_equal(sink_ids(&r, &sink, NULL), "1 2");
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static void malformed_row_stops_with_its_keys_and_stays_before_the_position(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    put_row(&r, "good", MESSAGE);
    put_row(&r, "broken", ",\"messageType\":{\"S\":\"t\"},\"payload\":{\"S\":\"*\"}");
    put_row(&r, "behind", MESSAGE);
    for (int runs = 0; runs < 2; runs++) {
        struct fixture *f = &r.f;
        assert_run(&r, &sink, WEIR_MALFORMED_MESSAGE);
        assert_non_null(strstr(f->err.message, "row k / broken of table outbox"));
        assert_non_null(strstr(f->err.message, "payload is not Base64"));
    }
    assert_null(strstr(sink_ids(&r, &sink, NULL), "behind"));
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static void table_without_stream_or_no_table_ends_the_run(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.table = "quiet";
    options.no_stream = 1;
    weir_outbox_close(fixture_outbox(&r.f, &options));
    r.outbox_options.table = "quiet";
    assert_run(&r, &sink, WEIR_CONFIG);
    assert_non_null(strstr(r.f.err.message, "quiet"));
    r.outbox_options.table = "nowhere";
    assert_run(&r, &sink, WEIR_RESOURCE_NOT_FOUND);
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static void start_now_leaves_out_what_was_there(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    r.options.start_now = 1;
    add(&r, "k", "before");
    assert_run(&r, &sink, WEIR_OK);
    assert_int_equal(sink.count, 0);
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static void lines_reach_a_file_in_order(void **state)
{
    (void)state;
    struct relay_fixture r;
    char folder[] = "/tmp/weir-relay-XXXXXX", line[4096];
    relay_fixture_open(&r);
    assert_non_null(mkdtemp(folder));
    const char *path = arena_printf(r.f.arena, "%s/lines", folder);
    const char *setting = arena_printf(r.f.arena, "path=%s", path);
    struct weir_relay *relay = NULL;
    for (int i = 0; i < 50; i++) {
        add(&r, "k", arena_printf(r.f.arena, "%d", i));
    }
    assert_int_equal(
        weir_relay_open(r.flaky.outer, &r.options, "file", &setting, 1, &relay, &r.f.err), WEIR_OK);
    assert_int_equal(weir_relay_run(relay, &r.f.err), WEIR_OK);
    weir_relay_close(relay);
    FILE *file = fopen(path, "r");
    for (int i = 0; i < 50; i++) {
        assert_non_null(fgets(line, sizeof(line), file));
        assert_non_null(strstr(line, arena_printf(r.f.arena, "{\"id\":\"%d\",\"key\":\"k\"", i)));
    }
    assert_null(fgets(line, sizeof(line), file));
    (void)fclose(file);
    (void)unlink(path);
    (void)rmdir(folder);
    relay_fixture_close(&r);
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    struct weir_relay *relay = NULL;
    struct weir_error err;
    relay_fixture_open(&r);
    sink_init(&sink, WEIR_PARTIAL_ATOMIC);
    struct weir_client *client = r.flaky.outer;
    struct weir_relay_options options = r.options;
    const char *const bad[] = {"path"}, *const worse[] = {"=x"};
    assert_int_equal(weir_relay_open_driver(NULL, &options, &sink.driver, &relay, &err),
                     WEIR_CLOSED);
    assert_int_equal(weir_relay_open_driver(client, &options, NULL, &relay, &err),
                     WEIR_INVALID_ARGUMENT);
    sink.driver.submit = NULL;
    assert_int_equal(weir_relay_open_driver(client, &options, &sink.driver, &relay, &err),
                     WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_relay_open(client, &options, "pigeon", NULL, 0, &relay, &err),
                     WEIR_CONFIG);
    assert_non_null(strstr(err.message, "stdout, file, redis"));
    assert_int_equal(weir_relay_open(client, &options, NULL, NULL, 0, &relay, &err), WEIR_CONFIG);
    assert_int_equal(weir_relay_open(client, &options, "file", bad, 1, &relay, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "name=value"));
    assert_int_equal(weir_relay_open(client, &options, "file", worse, 1, &relay, &err),
                     WEIR_CONFIG);
    assert_int_equal(weir_relay_open(client, &options, "file", NULL, 0, &relay, &err), WEIR_CONFIG);
    struct weir_outbox_options outbox = WEIR_OUTBOX_OPTIONS_INIT;
    outbox.mark = (enum weir_mark)7;
    options.outbox = &outbox;
    assert_int_equal(weir_relay_open(client, &options, "stdout", NULL, 0, &relay, &err),
                     WEIR_CONFIG);
    outbox.mark = WEIR_MARK_UPDATE;
    outbox.layout = "other";
    assert_int_equal(weir_relay_open(client, &options, "stdout", NULL, 0, &relay, &err),
                     WEIR_CONFIG);
    outbox.struct_size = 0;
    assert_int_equal(weir_relay_open(client, &options, "stdout", NULL, 0, &relay, &err),
                     WEIR_INVALID_ARGUMENT);
    options = r.options;
    options.struct_size = 0;
    assert_int_equal(weir_relay_open(client, &options, "stdout", NULL, 0, &relay, &err),
                     WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_relay_run(NULL, &err), WEIR_CLOSED);
    assert_null(relay);
    weir_relay_stop(NULL);
    weir_relay_close(NULL);
    relay_fixture_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_once_in_order_per_key_and_marked),
        cmocka_unit_test(test_D4_own_mark_causes_no_publish),
        cmocka_unit_test(test_E1_only_inserts_of_unpublished_rows_are_carried),
        cmocka_unit_test(test_F1_publish_happens_before_mark),
        cmocka_unit_test(test_F1_failing_publish_leaves_the_row_pending),
        cmocka_unit_test(test_F1_failing_mark_is_retried),
        cmocka_unit_test(test_F1_message_that_was_not_marked_comes_again_with_its_id),
        cmocka_unit_test(row_that_is_gone_needs_no_mark),
        cmocka_unit_test(test_F2_mark_none_leaves_rows_pending),
        cmocka_unit_test(malformed_row_stops_with_its_keys_and_stays_before_the_position),
        cmocka_unit_test(table_without_stream_or_no_table_ends_the_run),
        cmocka_unit_test(start_now_leaves_out_what_was_there),
        cmocka_unit_test(lines_reach_a_file_in_order),
        cmocka_unit_test(wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
