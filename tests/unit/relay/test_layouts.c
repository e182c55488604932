/* SPDX-License-Identifier: Apache-2.0 */
/* The relay over every layout, set of names and way of marking, over every endpoint. */
#include "unit/relay/relay_fixture.h"

#include "weir/dedup.h"

/* The fixture without failing calls, and with an outbox of these options; and a sink. */
static void open_over(struct relay_fixture *r, struct sink *sink,
                      struct weir_outbox_options options)
{
    *r = (struct relay_fixture){.options = WEIR_RELAY_OPTIONS_INIT, .outbox_options = options};
    fixture_open(&r->f);
    r->flaky.outer = r->f.client;
    r->options.outbox = &r->outbox_options;
    r->options.once = 1;
    r->outbox = fixture_outbox(&r->f, &options);
    sink_init(sink, WEIR_PARTIAL_ATOMIC);
}

static void close_over(struct relay_fixture *r, struct sink *sink)
{
    sink_fini(sink);
    weir_outbox_close(r->outbox);
    fixture_close(&r->f);
}

static struct weir_outbox_options partitioned(void)
{
    return (struct weir_outbox_options)WEIR_OUTBOX_OPTIONS_INIT;
}

static const struct weir_outbox_name renamed[] = {
    {"payload", "body"}, {"isPublished", "sent"}, {"createdAt", "born"}, {"pendingShard", "todo"}};

/* An outbox with names of its own inside the deduplication's table. */
static struct weir_outbox_options inside_dedup(void)
{
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.table = "deduplication-table";
    options.partition_name = "worker_id";
    options.sort_name = "message_id";
    options.ttl_name = "expires_at";
    options.names = renamed;
    options.name_count = sizeof(renamed) / sizeof(renamed[0]);
    return options;
}

static struct weir_outbox_options sharded(void)
{
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.pending_shards = 3;
    return options;
}

static struct weir_outbox_options (*const kinds[])(void) = {partitioned, by_message, sharded,
                                                            inside_dedup};

static uint64_t pending(struct relay_fixture *r)
{
    struct weir_outbox_stats stats;
    assert_int_equal(weir_outbox_stats(r->outbox, &stats, &r->f.err), WEIR_OK);
    return stats.pending;
}

static bool is_there(struct relay_fixture *r, const char *key, const char *id)
{
    char *json = NULL;
    size_t len = 0;
    enum weir_status status =
        weir_outbox_get(r->outbox, key, strlen(key), id, strlen(id), &json, &len, &r->f.err);
    assert_true(status == WEIR_OK || status == WEIR_NOT_FOUND);
    weir_free(json);
    return status == WEIR_OK;
}

static void add_some(struct relay_fixture *r)
{
    for (int i = 0; i < 6; i++) {
        add(r, arena_printf(r->f.arena, "k%d", i % 2), arena_printf(r->f.arena, "m%d", i));
    }
}

static unsigned rows(struct relay_fixture *r)
{
    const char *table = r->outbox_options.table;
    return fixture_count(&r->f, table == NULL ? "outbox" : table);
}

/* Runs once more, to carry nothing: whatever the first run had read of its own marks already, both
 * together pass over this many records. */
static void assert_skipped_by_both(struct relay_fixture *r, struct sink *sink, uint64_t records)
{
    unsigned carried = sink->count;
    uint64_t skipped = r->status.skipped;
    assert_run(r, sink, WEIR_OK);
    assert_int_equal(sink->count, carried);
    assert_int_equal(r->status.delivered, 0);
    assert_int_equal(skipped + r->status.skipped, records);
}

static void each_kind_is_carried_once_and_marked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct relay_fixture r;
        struct sink sink;
        open_over(&r, &sink, kinds[i]());
        add_some(&r);
        for (int runs = 0; runs < 2; runs++) { /* the second reads the marks, and passes them */
            assert_run(&r, &sink, WEIR_OK);
            assert_int_equal(sink.count, 6);
        }
        assert_int_equal(pending(&r), 0);
        assert_true(is_there(&r, "k0", "m0"));
        close_over(&r, &sink);
    }
}

static void test_D5_mark_delete_removes_the_row_and_publishes_nothing_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct relay_fixture r;
        struct sink sink;
        struct weir_outbox_options options = kinds[i]();
        options.mark = WEIR_MARK_DELETE;
        open_over(&r, &sink, options);
        add_some(&r);
        assert_run(&r, &sink, WEIR_OK);
        assert_int_equal(sink.count, 6);
        assert_int_equal(r.status.marked, 6);
        assert_int_equal(rows(&r), 0);
        assert_skipped_by_both(&r, &sink, 6);
        close_over(&r, &sink);
    }
}

/* A row that went while its message was under way: no mark, and no ghost in its place. */
static enum weir_delivery delivered_from_a_row_that_goes(struct sink *sink,
                                                         const struct weir_sink_message *m)
{
    struct relay_fixture *r = sink->arg;
    struct weir_outbox_options options = r->outbox_options;
    options.mark = WEIR_MARK_DELETE;
    struct weir_outbox *outbox = fixture_outbox(&r->f, &options);
    assert_int_equal(
        weir_outbox_mark(outbox, m->key.ptr, m->key.len, m->id.ptr, m->id.len, &r->f.err), WEIR_OK);
    weir_outbox_close(outbox);
    return WEIR_DELIVERED;
}

static void test_D1_marking_what_is_gone_leaves_no_ghost(void **state)
{
    (void)state;
    static const enum weir_mark marks[] = {WEIR_MARK_UPDATE, WEIR_MARK_DELETE};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        for (size_t j = 0; j < sizeof(marks) / sizeof(marks[0]); j++) {
            struct relay_fixture r;
            struct sink sink;
            struct weir_outbox_options options = kinds[i]();
            options.mark = marks[j];
            open_over(&r, &sink, options);
            sink.decide = delivered_from_a_row_that_goes;
            sink.arg = &r;
            add(&r, "k", "m");
            assert_run(&r, &sink, WEIR_OK);
            assert_int_equal(r.status.delivered, 1);
            assert_int_equal(r.status.marked, 0);
            assert_int_equal(rows(&r), 0);
            close_over(&r, &sink);
        }
    }
}

static void test_D5_mark_none_leaves_each_row_as_it_was(void **state)
{
    (void)state;
    static struct weir_outbox_options (*const plain[])(void) = {partitioned, by_message};
    for (size_t i = 0; i < 2; i++) {
        struct relay_fixture r;
        struct sink sink;
        struct weir_outbox_options options = plain[i]();
        struct weir_outbox_stats stats;
        options.mark = WEIR_MARK_NONE;
        open_over(&r, &sink, options);
        add(&r, "k", "m");
        const struct weir_value *before = fixture_row_of(&r.f, r.outbox, "k", "m");
        assert_run(&r, &sink, WEIR_OK);
        assert_int_equal(sink.count, 1);
        assert_true(value_equal(before, fixture_row_of(&r.f, r.outbox, "k", "m")));
        assert_null(value_get(before, "ttl"));
        assert_int_equal(weir_outbox_stats(r.outbox, &stats, &r.f.err), WEIR_OK);
        assert_int_equal(stats.pending, 1);
        assert_int_equal(stats.pending_by_checkpoint, 1);
        assert_run(&r, &sink, WEIR_OK); /* the position is the truth */
        assert_int_equal(sink.count, 1);
        close_over(&r, &sink);
    }
}

static void put_by_message(struct relay_fixture *r, const char *id, const char *rest)
{
    (void)fixture_call(
        &r->f, "PutItem",
        arena_printf(r->f.arena,
                     "{\"TableName\":\"outbox\",\"Item\":{\"PK\":{\"S\":\"MESSAGE#%s\"},"
                     "\"MessageId\":{\"S\":\"%s\"},\"AggregateId\":{\"S\":\"k\"}%s}}",
                     id, id, rest));
}

#define MESSAGE ",\"Message\":{\"S\":\"x\"},\"Topic\":{\"S\":\"t\"}"

static void test_E1_only_inserts_of_unpublished_rows_of_by_message_are_carried(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    open_over(&r, &sink, by_message());
    put_by_message(&r, "no-flag", MESSAGE);
    put_by_message(&r, "published", MESSAGE ",\"IsDispatched\":{\"BOOL\":true}");
    put_by_message(&r, "unpublished", MESSAGE ",\"IsDispatched\":{\"BOOL\":false}");
    put_by_message(&r, "published", MESSAGE ",\"IsDispatched\":{\"BOOL\":false}"); /* MODIFY */
    put_by_message(&r, "no message", "");
    (void)fixture_call(&r.f, "DeleteItem",
                       "{\"TableName\":\"outbox\",\"Key\":{\"PK\":{\"S\":\"MESSAGE#published\"}}}");
    assert_run(&r, &sink, WEIR_OK);
    assert_int_equal(r.status.delivered, 2);
    assert_non_null(strstr(sink_ids(&r, &sink, NULL), "no-flag"));
    assert_null(strstr(sink_ids(&r, &sink, NULL), "no message"));
    assert_skipped_by_both(&r, &sink, 4 + 2);
    close_over(&r, &sink);
}

/* The row's copy in between is an insert too, and is no message. */
static void test_E1_dispatching_again_publishes_the_message_and_not_its_copy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct relay_fixture r;
        struct sink sink;
        open_over(&r, &sink, kinds[i]());
        add(&r, "k", "m");
        assert_run(&r, &sink, WEIR_OK);
        assert_int_equal(weir_outbox_redispatch(r.outbox, "k", 1, "m", 1, 1, &r.f.err), WEIR_OK);
        assert_int_equal(pending(&r), 1);
        assert_run(&r, &sink, WEIR_OK);
        assert_string_equal(sink_ids(&r, &sink, NULL), "m m");
        assert_int_equal(pending(&r), 0);
        close_over(&r, &sink);
    }
}

static void test_A8_the_relay_and_claims_in_one_table_take_no_row_of_the_other(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    struct weir_claim claim;
    open_over(&r, &sink, inside_dedup());
    struct fixture *f = &r.f;
    struct weir_claim_request request = {.id = {"w", 1, "claimed", 7}};
    struct weir_dedup_id done = {"w", 1, "done", 4};
    assert_int_equal(weir_dedup_open(f->client, NULL, &f->dedup, &f->err), WEIR_OK);
    assert_int_equal(weir_dedup_claim(f->dedup, &request, &claim, &f->err), WEIR_OK);
    assert_int_equal(weir_dedup_commit(f->dedup, &done, &f->err), WEIR_OK);
    add(&r, "w", "m");
    assert_run(&r, &sink, WEIR_OK);
    assert_string_equal(sink_ids(&r, &sink, NULL), "m");
    assert_skipped_by_both(&r, &sink, 2 + 1);
    assert_int_equal(fixture_count(f, "deduplication-table"), 3);
    weir_dedup_close(f->dedup);
    close_over(&r, &sink);
}

static void test_E9_the_relay_says_which_order_it_promises(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct relay_fixture r;
        struct sink sink;
        struct weir_relay *relay = NULL;
        open_over(&r, &sink, kinds[i]());
        assert_int_equal(
            weir_relay_open_driver(r.f.client, &r.options, &sink.driver, &relay, &r.f.err),
            WEIR_OK);
        assert_int_equal(weir_relay_promised_order(relay),
                         kinds[i] == by_message ? WEIR_ORDER_NONE : WEIR_ORDER_PER_KEY);
        weir_relay_close(relay);
        close_over(&r, &sink);
    }
}

static void a_row_that_cannot_be_read_is_named_by_its_keys(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct sink sink;
    open_over(&r, &sink, by_message());
    put_by_message(&r, "broken", ",\"Message\":{\"S\":\"x\"},\"Topic\":{\"N\":\"1\"}");
    struct fixture f;
    assert_run(&r, &sink, WEIR_MALFORMED_MESSAGE);
    f.err = r.f.err;
    assert_says("row MESSAGE#broken of table outbox: ");
    close_over(&r, &sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_carried_once_and_marked),
        cmocka_unit_test(test_D5_mark_delete_removes_the_row_and_publishes_nothing_more),
        cmocka_unit_test(test_D1_marking_what_is_gone_leaves_no_ghost),
        cmocka_unit_test(test_D5_mark_none_leaves_each_row_as_it_was),
        cmocka_unit_test(test_E1_only_inserts_of_unpublished_rows_of_by_message_are_carried),
        cmocka_unit_test(test_E1_dispatching_again_publishes_the_message_and_not_its_copy),
        cmocka_unit_test(test_A8_the_relay_and_claims_in_one_table_take_no_row_of_the_other),
        cmocka_unit_test(test_E9_the_relay_says_which_order_it_promises),
        cmocka_unit_test(a_row_that_cannot_be_read_is_named_by_its_keys),
    };
    return fixture_run("layouts", tests, sizeof(tests) / sizeof(tests[0]));
}
