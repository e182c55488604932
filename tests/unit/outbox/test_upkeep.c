/* SPDX-License-Identifier: Apache-2.0 */
/* Marks of many, deletion instead of marks, failed attempts, clean-up, dispatching again. */
#include "unit/outbox/outbox_fixture.h"

#define BASE_MS 1700000000000

static bool published(struct fixture *f, struct weir_outbox *outbox, const char *key,
                      const char *id)
{
    const struct weir_value *row = fixture_row_of(f, outbox, key, id);
    assert_non_null(row);
    return outbox_is_published(&outbox->layout, row);
}

/* ---- marking --------------------------------------------------------------------------------- */

struct marks {
    struct weir_outbox_ref refs[250];
    struct weir_outbox_result results[250];
};

/* 250 messages and their names; the test frees it. */
static struct marks *marks_of(struct fixture *f, struct weir_outbox *outbox)
{
    struct weir_message *messages = calloc(250, sizeof(messages[0]));
    struct weir_outbox_result *results = calloc(250, sizeof(results[0]));
    struct marks *marks = calloc(1, sizeof(*marks));
    assert_true(messages != NULL && results != NULL && marks != NULL);
    for (uint32_t i = 0; i < 250; i++) {
        messages[i] =
            message_of(arena_printf(f->arena, "k%u", i % 50), arena_printf(f->arena, "m%03u", i));
        marks->refs[i] = (struct weir_outbox_ref){messages[i].key, messages[i].id};
    }
    assert_int_equal(weir_outbox_add_many(outbox, messages, 250, 0, results, &f->err), WEIR_OK);
    free(messages);
    free(results);
    return marks;
}

static void chunks_of_a_hundred(struct fixture *f, struct weir_outbox *outbox)
{
    struct marks *marks = marks_of(f, outbox);
    marks->refs[150].id = text("absent");
    assert_int_equal(weir_outbox_mark_many(outbox, marks->refs, 250, marks->results, &f->err),
                     WEIR_OK);
    for (uint32_t i = 0; i < 250; i++) {
        const struct weir_outbox_result *result = &marks->results[i];
        enum weir_status wanted = i == 150              ? WEIR_NOT_FOUND
                                  : i >= 100 && i < 200 ? WEIR_TXN_CANCELED
                                                        : WEIR_OK;
        if (result->status != wanted) {
            fail_msg("%u: %s: %s", i, weir_status_name(result->status), result->error.message);
        }
        assert_string_equal(result->id, marks->refs[i].id.ptr);
        if (i != 150) {
            assert_int_equal(published(f, outbox, marks->refs[i].key.ptr, result->id),
                             wanted == WEIR_OK);
        }
    }
    assert_non_null(strstr(marks->results[100].error.message, "message absent"));
    assert_int_equal(marks->results[100].error.outcome, WEIR_NOT_APPLIED);
    assert_non_null(strstr(marks->results[150].error.message, "no message absent"));
    assert_int_equal(fixture_count(f, "outbox"), 250); /* no ghost */
    free(marks);
}

static void test_D3_250_marks_in_atomic_chunks_that_fail_as_units(void **state)
{
    (void)state;
    fixture_each_layout(chunks_of_a_hundred);
}

static void wrong_marks_of_many_mark_nothing(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    struct weir_outbox_ref refs[3] = {
        {text("k"), text("a")}, {text("k"), text("b")}, {text("k"), text("a")}};
    struct weir_outbox_result results[3];
    fixture_add(&f, outbox, "k", "a", 0);
    fixture_add(&f, outbox, "k", "b", 0);
    assert_status(weir_outbox_mark_many(outbox, refs, 0, results, &f.err), WEIR_INVALID_ARGUMENT);
    assert_status(weir_outbox_mark_many(NULL, refs, 1, results, &f.err), WEIR_CLOSED);
    assert_status(weir_outbox_mark_many(outbox, refs, 3, results, &f.err), WEIR_INVALID_ARGUMENT);
    assert_says("message a comes twice");
    refs[2].id = text("");
    assert_status(weir_outbox_mark_many(outbox, refs, 3, results, &f.err), WEIR_INVALID_ARGUMENT);
    assert_says("place 2");
    assert_false(published(&f, outbox, "k", "a"));
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void unknown_marks(struct fixture *f, struct weir_outbox *outbox)
{
    fixture_add(f, outbox, "k", "m", BASE_MS);
    assert_int_equal(weir_outbox_mark(outbox, "k", 1, "ghost", 5, &f->err), WEIR_NOT_FOUND);
    assert_non_null(strstr(f->err.message, "no message ghost"));
    assert_int_equal(fixture_count(f, "outbox"), 1);
    assert_false(published(f, outbox, "k", "m"));
}

static void test_D1_unknown_id_is_not_found_in_both_layouts(void **state)
{
    (void)state;
    fixture_each_layout(unknown_marks);
}

static void marked_twice(struct fixture *f, struct weir_outbox *outbox)
{
    const struct outbox_layout *layout = &outbox->layout;
    fixture_add(f, outbox, "k", "m", BASE_MS);
    for (int times = 1; times <= 2; times++) {
        int64_t at;
        fixture_mark(f, outbox, "k", "m");
        const struct weir_value *row = fixture_row_of(f, outbox, "k", "m");
        assert_true(outbox_is_published(layout, row));
        assert_true(iso8601_parse(outbox_text(layout, row, OUTBOX_PUBLISHED_AT), &at));
        assert_null(outbox_value(layout, row, OUTBOX_PENDING));
        assert_string_equal(member_text(f, fixture_get(f, outbox, "k", "m"), "dispatchCount"),
                            times == 1 ? "1" : "2");
    }
    assert_int_equal(fixture_count(f, "outbox"), 1);
}

static void test_D2_marked_twice_counts_two_in_both_layouts(void **state)
{
    (void)state;
    fixture_each_layout(marked_twice);
}

static void lifetimes(struct fixture *f, struct weir_outbox *outbox)
{
    const struct outbox_layout *layout = &outbox->layout;
    int64_t at;
    fixture_add(f, outbox, "k", "m", BASE_MS);
    fixture_add(f, outbox, "k", "n", BASE_MS);
    assert_null(outbox_value(layout, fixture_row_of(f, outbox, "k", "m"), OUTBOX_TTL));
    fixture_mark(f, outbox, "k", "m");
    const struct weir_value *row = fixture_row_of(f, outbox, "k", "m");
    assert_true(iso8601_parse(outbox_text(layout, row, OUTBOX_PUBLISHED_AT), &at));
    assert_int_equal(atoll(fixture_text(f, row, "ttl")), at / 1000 + 604800);
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.layout = layout->kind->name;
    options.retention_s = -1;
    struct weir_outbox *keeping = fixture_outbox(f, &options);
    fixture_mark(f, keeping, "k", "n");
    assert_null(outbox_value(layout, fixture_row_of(f, outbox, "k", "n"), OUTBOX_TTL));
    weir_outbox_close(keeping);
}

static void test_C5_ttl_is_set_when_published_and_never_without_retention(void **state)
{
    (void)state;
    fixture_each_layout(lifetimes);
}

static void test_D5_delete_removes_the_row_that_exists(void **state)
{
    (void)state;
    for (int layout = 0; layout < 2; layout++) {
        struct fixture f;
        fixture_open(&f);
        struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
        options.layout = layout == 0 ? "partitioned" : "by-message";
        options.mark = WEIR_MARK_DELETE;
        struct weir_outbox *outbox = fixture_outbox(&f, &options);
        struct weir_outbox_ref refs[2] = {{text("k"), text("b")}, {text("k"), text("c")}};
        struct weir_outbox_result results[2];
        for (const char *id = "abc"; *id != '\0'; id++) {
            fixture_add(&f, outbox, "k", arena_printf(f.arena, "%c", *id), BASE_MS);
        }
        fixture_mark(&f, outbox, "k", "a");
        assert_int_equal(fixture_count(&f, "outbox"), 2);
        assert_status(weir_outbox_mark(outbox, "k", 1, "a", 1, &f.err), WEIR_NOT_FOUND);
        assert_status(weir_outbox_mark_many(outbox, refs, 2, results, &f.err), WEIR_OK);
        assert_int_equal(results[0].status, WEIR_OK);
        assert_int_equal(fixture_count(&f, "outbox"), 0);
        weir_outbox_close(outbox);
        fixture_close(&f);
    }
}

static void test_D5_delete_spares_rows_that_are_no_message(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.mark = WEIR_MARK_DELETE;
    struct weir_outbox *outbox = fixture_outbox(&f, &options);
    (void)fixture_call(&f, "PutItem",
                       "{\"TableName\":\"outbox\",\"Item\":{\"pk\":{\"S\":\"w\"},"
                       "\"sk\":{\"S\":\"claim\"}}}");
    assert_status(weir_outbox_mark(outbox, "w", 1, "claim", 5, &f.err), WEIR_NOT_FOUND);
    assert_int_equal(fixture_count(&f, "outbox"), 1);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void test_D5_none_marks_nothing_and_statistics_say_so(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.mark = WEIR_MARK_NONE;
    struct weir_outbox *none = fixture_outbox(&f, &options), *update = fixture_outbox(&f, NULL);
    struct weir_outbox_ref ref = {text("k"), text("m")};
    struct weir_outbox_result result;
    struct weir_outbox_stats stats;
    fixture_add(&f, none, "k", "m", 0);
    const struct weir_value *before = fixture_row(&f, "outbox", "k", "m");
    assert_status(weir_outbox_mark(none, "k", 1, "m", 1, &f.err), WEIR_INVALID_ARGUMENT);
    assert_says("none");
    assert_status(weir_outbox_mark_many(none, &ref, 1, &result, &f.err), WEIR_INVALID_ARGUMENT);
    assert_true(value_equal(before, fixture_row(&f, "outbox", "k", "m")));
    assert_null(value_get(before, "ttl"));
    assert_status(weir_outbox_stats(none, &stats, &f.err), WEIR_OK);
    assert_int_equal(stats.pending_by_checkpoint, 1);
    assert_int_equal(stats.pending, 1);
    assert_status(weir_outbox_stats(update, &stats, &f.err), WEIR_OK);
    assert_int_equal(stats.pending_by_checkpoint, 0);
    weir_outbox_close(none);
    weir_outbox_close(update);
    fixture_close(&f);
}

/* ---- failed attempts ------------------------------------------------------------------------- */

static void failures(struct fixture *f, struct weir_outbox *outbox)
{
    struct weir_outbox_stats stats;
    fixture_add(f, outbox, "k", "m", 0);
    for (int times = 1; times <= 3; times++) {
        const char *error = arena_printf(f->arena, "no route %d: \xc3\xa9", times);
        assert_int_equal(
            weir_outbox_record_failure(outbox, "k", 1, "m", 1, error, strlen(error), &f->err),
            WEIR_OK);
        const struct weir_value *document = fixture_get(f, outbox, "k", "m");
        assert_string_equal(member_text(f, document, "lastError"), error);
        assert_int_equal(atoi(member_text(f, document, "retryCount")), times);
        assert_false(value_get(document, "isPublished")->truth);
    }
    assert_int_equal(weir_outbox_record_failure(outbox, "k", 1, "ghost", 5, "e", 1, &f->err),
                     WEIR_NOT_FOUND);
    assert_non_null(strstr(f->err.message, "no message ghost"));
    assert_int_equal(fixture_count(f, "outbox"), 1);
    assert_int_equal(weir_outbox_stats(outbox, &stats, &f->err), WEIR_OK);
    assert_int_equal(stats.failing, 1);
    char *longest = calloc(1, 3000);
    for (int i = 0; i < 1000; i++) {
        memcpy(longest + 3 * (size_t)i, "\xe2\x82\xac", 3);
    }
    assert_int_equal(weir_outbox_record_failure(outbox, "k", 1, "m", 1, longest, 3000, &f->err),
                     WEIR_OK);
    assert_int_equal(strlen(member_text(f, fixture_get(f, outbox, "k", "m"), "lastError")), 1023);
    assert_int_equal(weir_outbox_record_failure(outbox, "k", 1, "m", 1, "\xff", 1, &f->err),
                     WEIR_INVALID_ARGUMENT);
    free(longest);
}

static void test_C3_failed_attempt_adds_one_and_keeps_the_error(void **state)
{
    (void)state;
    fixture_each_layout(failures);
}

/* ---- clean-up -------------------------------------------------------------------------------- */

static void purge(struct fixture *f, struct weir_outbox *outbox)
{
    struct weir_outbox_purged purged = {0};
    struct marks *marks = marks_of(f, outbox);
    fixture_add(f, outbox, "k", "pending", 1);
    assert_int_equal(weir_outbox_mark_many(outbox, marks->refs, 250, marks->results, &f->err),
                     WEIR_OK);
    int64_t later = env_wall_ms(client_env(f->client)) + 1000;
    assert_int_equal(weir_outbox_purge(outbox, BASE_MS, 0, NULL, 0, &purged, &f->err), WEIR_OK);
    assert_int_equal(purged.deleted, 0);
    assert_null(purged.next);
    uint64_t deleted = 0;
    const char *token = "";
    unsigned calls = 0;
    do { /* in pieces of 100, from where the former ended */
        assert_int_equal(
            weir_outbox_purge(outbox, later, 100, token, strlen(token), &purged, &f->err), WEIR_OK);
        assert_int_equal(purged.deleted, calls < 2 ? 100 : 50);
        deleted += purged.deleted;
        token = purged.next == NULL ? "" : arena_printf(f->arena, "%s", purged.next);
        weir_free(purged.next);
        calls++;
    } while (token[0] != '\0');
    assert_int_equal(deleted, 250);
    assert_int_equal(calls, 3);
    assert_int_equal(fixture_count(f, "outbox"), 1);
    assert_false(published(f, outbox, "k", "pending"));
    assert_int_equal(weir_outbox_purge(outbox, later, 1, "*", 1, &purged, &f->err),
                     WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_outbox_purge(NULL, later, 1, NULL, 0, &purged, &f->err), WEIR_CLOSED);
    free(marks);
}

static void test_C4_clean_up_deletes_published_rows_before_the_cutoff_only(void **state)
{
    (void)state;
    fixture_each_layout(purge);
}

static void test_C4_clean_up_reads_all_pages(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    struct weir_outbox_purged purged = {0};
    char *filler = calloc(1, 100000);
    for (int i = 0; i < 30; i++) { /* 4 MB: several pages */
        struct weir_message message =
            message_of(arena_printf(f.arena, "k%d", i), arena_printf(f.arena, "m%d", i));
        message.payload = (struct weir_text){filler, 100000};
        assert_status(weir_outbox_add(outbox, &message, NULL, &f.err), WEIR_OK);
        if (i % 2 == 0) {
            fixture_mark(&f, outbox, message.key.ptr, message.id.ptr);
        }
    }
    free(filler);
    assert_status(weir_outbox_purge(outbox, env_wall_ms(client_env(f.client)) + 1000, 0, NULL, 0,
                                    &purged, &f.err),
                  WEIR_OK);
    assert_int_equal(purged.deleted, 15);
    struct weir_outbox_stats stats;
    assert_status(weir_outbox_stats(outbox, &stats, &f.err), WEIR_OK);
    assert_int_equal(stats.pending, 15);
    assert_int_equal(stats.published, 0);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

/* ---- dispatching again ----------------------------------------------------------------------- */

/* Inserts of a message in the table's stream, as a relay counts them. */
static unsigned inserts(struct fixture *f, struct weir_outbox *outbox, const char *id)
{
    const struct weir_value *table =
        value_get(fixture_call(f, "DescribeTable", "{\"TableName\":\"outbox\"}"), "Table");
    const char *arn = fixture_text(f, table, "LatestStreamArn");
    const struct weir_value *shards =
        value_get(value_get(fixture_call(f, "DescribeStream",
                                         arena_printf(f->arena, "{\"StreamArn\":\"%s\"}", arn)),
                            "StreamDescription"),
                  "Shards");
    unsigned count = 0;
    for (uint32_t i = 0; i < shards->u.list.count; i++) {
        const struct weir_value *iterator =
            fixture_call(f, "GetShardIterator",
                         arena_printf(f->arena,
                                      "{\"StreamArn\":\"%s\",\"ShardId\":\"%s\","
                                      "\"ShardIteratorType\":\"TRIM_HORIZON\"}",
                                      arn, fixture_text(f, &shards->u.list.at[i], "ShardId")));
        const struct weir_value *records =
            value_get(fixture_call(f, "GetRecords",
                                   arena_printf(f->arena, "{\"ShardIterator\":\"%s\"}",
                                                fixture_text(f, iterator, "ShardIterator"))),
                      "Records");
        for (uint32_t j = 0; j < records->u.list.count; j++) {
            const struct weir_value *record = &records->u.list.at[j];
            const struct weir_value *image = value_get(value_get(record, "dynamodb"), "NewImage");
            struct weir_value *item = NULL;
            if (image == NULL || strcmp(fixture_text(f, record, "eventName"), "INSERT") != 0) {
                continue;
            }
            assert_int_equal(value_to_item(f->arena, image, &item, &f->err), WEIR_OK);
            count += outbox_is_message(&outbox->layout, item) &&
                     bytes_eq_str(outbox_id_of_row(&outbox->layout, item), id);
        }
    }
    return count;
}

static void again(struct fixture *f, struct weir_outbox *outbox)
{
    fixture_add(f, outbox, "k", "m", BASE_MS);
    const struct weir_value *before = fixture_row_of(f, outbox, "k", "m");
    assert_int_equal(weir_outbox_record_failure(outbox, "k", 1, "m", 1, "e", 1, &f->err), WEIR_OK);
    assert_int_equal(inserts(f, outbox, "m"), 1);
    assert_int_equal(weir_outbox_redispatch(outbox, "k", 1, "m", 1, 0, &f->err), WEIR_OK);
    assert_int_equal(inserts(f, outbox, "m"), 2);
    assert_true(value_equal(before, fixture_row_of(f, outbox, "k", "m"))); /* its counts are gone */
    assert_int_equal(fixture_count(f, "outbox"), 1);
    fixture_mark(f, outbox, "k", "m");
    assert_int_equal(weir_outbox_redispatch(outbox, "k", 1, "m", 1, 0, &f->err),
                     WEIR_ALREADY_EXISTS);
    assert_non_null(strstr(f->err.message, "published"));
    assert_int_equal(inserts(f, outbox, "m"), 2);
    assert_int_equal(weir_outbox_redispatch(outbox, "k", 1, "m", 1, 1, &f->err), WEIR_OK);
    assert_int_equal(inserts(f, outbox, "m"), 3);
    assert_false(published(f, outbox, "k", "m"));
    assert_null(outbox_value(&outbox->layout, fixture_row_of(f, outbox, "k", "m"), OUTBOX_TTL));
    assert_int_equal(weir_outbox_redispatch(outbox, "k", 1, "n", 1, 0, &f->err), WEIR_NOT_FOUND);
    assert_int_equal(weir_outbox_redispatch(NULL, "k", 1, "n", 1, 0, &f->err), WEIR_CLOSED);
}

static void test_C6_redispatch_inserts_the_message_again_under_its_id(void **state)
{
    (void)state;
    fixture_each_layout(again);
}

/* Does the first of the two steps as a process that then dies. */
static void interrupt(struct fixture *f, struct weir_outbox *outbox, const char *id)
{
    const struct outbox_layout *layout = &outbox->layout;
    bool by_id = layout->kind->row_prefix != NULL;
    const struct weir_value *row = fixture_row_of(f, outbox, "k", id);
    struct buf text_of_row;
    buf_init(&text_of_row, 1 << 20);
    json_write(&text_of_row, row);
    buf_put_u8(&text_of_row, 0);
    const char *place = fixture_text(
        f, outbox_copy_key(f->arena, layout, bytes_str("k"), bytes_str(id)), by_id ? "PK" : "sk");
    const char *table = "\"TableName\":\"outbox\"";
    const char *row_key =
        by_id ? arena_printf(f->arena, "{\"PK\":{\"S\":\"MESSAGE#%s\"}}", id)
              : arena_printf(f->arena, "{\"pk\":{\"S\":\"k\"},\"sk\":{\"S\":\"%s\"}}", id);
    const char *copy_key =
        by_id ? arena_printf(f->arena, "\"PK\":{\"S\":\"%s\"}", place)
              : arena_printf(f->arena, "\"pk\":{\"S\":\"k\"},\"sk\":{\"S\":\"%s\"}", place);
    (void)fixture_call(f, "TransactWriteItems",
                       arena_printf(f->arena,
                                    "{\"TransactItems\":[{\"Delete\":{%s,\"Key\":%s}},"
                                    "{\"Put\":{%s,\"Item\":{%s,\"%s\":{\"M\":%s}}}}]}",
                                    table, row_key, table, copy_key,
                                    by_id ? "RedispatchRow" : "redispatchRow",
                                    (const char *)text_of_row.ptr));
    buf_fini(&text_of_row);
}

static void interrupted(struct fixture *f, struct weir_outbox *outbox)
{
    struct weir_outbox_stats stats;
    uint32_t count = 0;
    fixture_add(f, outbox, "k", "a", BASE_MS);
    fixture_add(f, outbox, "k", "b", BASE_MS + 1);
    const struct weir_value *a = fixture_row_of(f, outbox, "k", "a");
    const struct weir_value *b = fixture_row_of(f, outbox, "k", "b");
    interrupt(f, outbox, "a");
    interrupt(f, outbox, "b");
    assert_int_equal(weir_outbox_stats(outbox, &stats, &f->err), WEIR_OK);
    assert_int_equal(stats.pending, 2); /* and still counted */
    assert_int_equal(stats.interrupted, 2);
    assert_true(stats.oldest_pending_ms > 1000000);
    assert_int_equal(weir_outbox_redispatch(outbox, "k", 1, "a", 1, 0, &f->err), WEIR_OK);
    assert_true(value_equal(a, fixture_row_of(f, outbox, "k", "a")));
    assert_int_equal(weir_outbox_redispatch_stuck(outbox, INT32_MAX * 1000LL, 10, &count, &f->err),
                     WEIR_OK);
    assert_int_equal(count, 1);
    assert_true(value_equal(b, fixture_row_of(f, outbox, "k", "b")));
    assert_int_equal(inserts(f, outbox, "b"), 2);
    assert_int_equal(fixture_count(f, "outbox"), 2);
    interrupt(f, outbox, "a");
    fixture_add(f, outbox, "k", "a", BASE_MS + 5); /* added anew meanwhile: the copy goes */
    const struct weir_value *newer = fixture_row_of(f, outbox, "k", "a");
    assert_int_equal(weir_outbox_redispatch(outbox, "k", 1, "a", 1, 0, &f->err), WEIR_OK);
    assert_true(value_equal(newer, fixture_row_of(f, outbox, "k", "a")));
    assert_int_equal(fixture_count(f, "outbox"), 2);
}

static void test_C6_redispatch_that_died_in_the_middle_is_finished(void **state)
{
    (void)state;
    fixture_each_layout(interrupted);
}

static void stuck(struct fixture *f, struct weir_outbox *outbox)
{
    int64_t now = env_wall_ms(client_env(f->client));
    uint32_t count = 0;
    fixture_add(f, outbox, "k", "oldest", now - 90000);
    fixture_add(f, outbox, "k", "older", now - 80000);
    fixture_add(f, outbox, "l", "old", now - 70000);
    fixture_add(f, outbox, "l", "young", now);
    fixture_add(f, outbox, "l", "done", now - 90000);
    fixture_mark(f, outbox, "l", "done");
    assert_int_equal(weir_outbox_redispatch_stuck(outbox, 60000, 2, &count, &f->err), WEIR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(inserts(f, outbox, "oldest"), 2);
    assert_int_equal(inserts(f, outbox, "older"), 2);
    assert_int_equal(inserts(f, outbox, "old"), 1);
    assert_int_equal(weir_outbox_redispatch_stuck(outbox, 60000, 1000, &count, &f->err), WEIR_OK);
    assert_int_equal(count, 3);
    assert_int_equal(inserts(f, outbox, "old"), 2);
    assert_int_equal(inserts(f, outbox, "young"), 1);
    assert_int_equal(inserts(f, outbox, "done"), 1);
    assert_int_equal(fixture_count(f, "outbox"), 5);
    assert_int_equal(weir_outbox_redispatch_stuck(outbox, 60000, 0, &count, &f->err),
                     WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_outbox_redispatch_stuck(outbox, -1, 1, &count, &f->err),
                     WEIR_INVALID_ARGUMENT);
}

static void test_C6_stuck_messages_are_dispatched_again_oldest_first(void **state)
{
    (void)state;
    fixture_each_layout(stuck);
}

static void test_C6_where_nothing_is_marked_nothing_published_is_dispatched_again(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.mark = WEIR_MARK_NONE;
    struct weir_outbox *outbox = fixture_outbox(&f, &options);
    uint32_t count = 0;
    fixture_add(&f, outbox, "k", "m", BASE_MS);
    assert_status(weir_outbox_redispatch_stuck(outbox, 0, 10, &count, &f.err),
                  WEIR_INVALID_ARGUMENT);
    assert_status(weir_outbox_redispatch(outbox, "k", 1, "m", 1, 0, &f.err), WEIR_INVALID_ARGUMENT);
    assert_int_equal(inserts(&f, outbox, "m"), 1);
    assert_status(weir_outbox_redispatch(outbox, "k", 1, "m", 1, 1, &f.err), WEIR_OK);
    assert_int_equal(inserts(&f, outbox, "m"), 2);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_C3_failed_attempt_adds_one_and_keeps_the_error),
        cmocka_unit_test(test_C4_clean_up_deletes_published_rows_before_the_cutoff_only),
        cmocka_unit_test(test_C4_clean_up_reads_all_pages),
        cmocka_unit_test(test_C6_redispatch_inserts_the_message_again_under_its_id),
        cmocka_unit_test(test_C6_redispatch_that_died_in_the_middle_is_finished),
        cmocka_unit_test(test_C6_where_nothing_is_marked_nothing_published_is_dispatched_again),
        cmocka_unit_test(test_C6_stuck_messages_are_dispatched_again_oldest_first),
        cmocka_unit_test(test_C5_ttl_is_set_when_published_and_never_without_retention),
        cmocka_unit_test(test_D1_unknown_id_is_not_found_in_both_layouts),
        cmocka_unit_test(test_D2_marked_twice_counts_two_in_both_layouts),
        cmocka_unit_test(test_D3_250_marks_in_atomic_chunks_that_fail_as_units),
        cmocka_unit_test(wrong_marks_of_many_mark_nothing),
        cmocka_unit_test(test_D5_delete_removes_the_row_that_exists),
        cmocka_unit_test(test_D5_delete_spares_rows_that_are_no_message),
        cmocka_unit_test(test_D5_none_marks_nothing_and_statistics_say_so),
    };
    return fixture_run("upkeep", tests, sizeof(tests) / sizeof(tests[0]));
}
