/* SPDX-License-Identifier: Apache-2.0 */
/* Change streams: what a record holds, where it goes, how long it stays, and who waits for it. */
#include "engine_test.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- records ----------------------------------------------------------------------------------
 */

static void expect_record(struct fixture *f, const struct engine_record *record,
                          enum engine_event event, const char *new_image, const char *old_image)
{
    assert_int_equal(record->event, event);
    assert_string_equal(test_text(f, record->keys), "{'pk':{'S':'a'}}");
    assert_string_equal(test_text(f, record->new_image), new_image);
    assert_string_equal(test_text(f, record->old_image), old_image);
    assert_false(record->by_ttl);
    assert_true(record->commit_ms == TEST_START_MS);
}

static void test_K2_records_have_the_images_of_their_view_type(void **state)
{
    struct fixture *f = *state;
    const char *v1 = "{'n':{'N':'1'},'pk':{'S':'a'}}";
    const char *v2 = "{'n':{'N':'22'},'pk':{'S':'a'}}";
    for (int view = ENGINE_VIEW_KEYS_ONLY; view <= ENGINE_VIEW_NEW_AND_OLD_IMAGES; view++) {
        const char *name = engine_view_type_name((enum engine_view_type)view);
        test_create(f, name, false, view);
        (void)test_put(f, name, v1);
        (void)test_put(f, name, v2);
        (void)test_delete(f, name, "{'pk':{'S':'a'}}");
        uint32_t count;
        struct engine_record *records = test_records(f, name, &count);
        assert_int_equal(count, 3);
        bool new = view == ENGINE_VIEW_NEW_IMAGE || view == ENGINE_VIEW_NEW_AND_OLD_IMAGES;
        bool old = view == ENGINE_VIEW_OLD_IMAGE || view == ENGINE_VIEW_NEW_AND_OLD_IMAGES;
        expect_record(f, &records[0], ENGINE_INSERT, new ? v1 : "", "");
        expect_record(f, &records[1], ENGINE_MODIFY, new ? v2 : "", old ? v1 : "");
        expect_record(f, &records[2], ENGINE_REMOVE, "", old ? v2 : "");
        /* keys: 2 + 1; both versions: 2 + 1 + 1 + 2 */
        assert_int_equal(records[0].size_bytes, 3 + (new ? 6 : 0));
        assert_int_equal(records[1].size_bytes, 3 + (new ? 6 : 0) + (old ? 6 : 0));
        assert_int_equal(records[2].size_bytes, 3 + (old ? 6 : 0));
    }
}

static void test_K2_a_write_that_changes_nothing_gives_no_record(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, ENGINE_VIEW_KEYS_ONLY);
    (void)test_put(f, "things", "{'pk':{'S':'a'},'n':{'N':'1'}}");
    uint64_t before = engine_committed_seq(f->engine);
    (void)test_put(f, "things", "{'n':{'N':'1.0'},'pk':{'S':'a'}}");
    (void)test_delete(f, "things", "{'pk':{'S':'b'}}");
    (void)test_do(f, &(struct test_op){.kind = ENGINE_UPDATE,
                                       .table = "things",
                                       .item = "{'pk':{'S':'a'}}",
                                       .update = "SET n = :n",
                                       .values = "{':n':{'N':'1'}}"});
    (void)test_do(f, &(struct test_op){.kind = ENGINE_CHECK,
                                       .table = "things",
                                       .item = "{'pk':{'S':'a'}}",
                                       .condition = "attribute_exists(pk)"});
    uint32_t count;
    (void)test_records(f, "things", &count);
    assert_int_equal(count, 1);
    assert_true(engine_committed_seq(f->engine) == before);
}

static void test_K2_sequence_numbers_have_21_digits_and_come_back(void **state)
{
    (void)state;
    static const uint64_t seqs[] = {0, 1, 999, UINT64_MAX};
    for (size_t i = 0; i < sizeof(seqs) / sizeof(seqs[0]); i++) {
        char text[ENGINE_SEQUENCE_TEXT];
        engine_sequence_text(seqs[i], text);
        assert_int_equal(strlen(text), 21);
        uint64_t seq = 1;
        assert_true(engine_sequence_parse(bytes_str(text), &seq));
        assert_true(seq == seqs[i]);
    }
    static const char *const wrong[] = {"",
                                        "1",
                                        "200000000000000000001",
                                        "10000000000000000000x",
                                        "118446744073709551616",
                                        "1000000000000000000001"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint64_t seq;
        assert_false(engine_sequence_parse(bytes_str(wrong[i]), &seq));
    }
}

/* ---- shards -----------------------------------------------------------------------------------
 */

static void test_K3_shards_divide_the_hashes_and_their_ids_sort(void **state)
{
    struct fixture *f = *state;
    static const uint32_t counts[] = {1, 3, 64};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        f->shards = counts[i];
        test_reopen(f);
        char name[16];
        (void)snprintf(name, sizeof(name), "table%u", counts[i]);
        test_create(f, name, false, ENGINE_VIEW_KEYS_ONLY);
        struct engine_table *table = test_table(f, name);
        const struct engine_stream *stream = table->stream;
        assert_int_equal(stream->shard_count, counts[i]);
        uint64_t next = 0;
        for (uint32_t k = 0; k < stream->shard_count; k++) {
            assert_true(stream->shards[k].hash_first == next);
            assert_true(stream->shards[k].hash_last >= next);
            assert_int_equal(strlen(stream->shards[k].id), ENGINE_SHARD_ID_TEXT - 1);
            assert_int_equal(strncmp(stream->shards[k].id, "shardId-0000000", 15), 0);
            assert_true(k == 0 || strcmp(stream->shards[k - 1].id, stream->shards[k].id) < 0);
            next = stream->shards[k].hash_last + 1;
        }
        assert_true(next == 0);
        engine_table_unref(table);
    }
}

static void test_K3_records_of_one_partition_are_in_one_shard(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", true, ENGINE_VIEW_KEYS_ONLY);
    struct engine_table *table = test_table(f, "things");
    uint32_t used = 0;
    for (int p = 0; p < 20; p++) {
        for (int s = 0; s < 3; s++) {
            (void)test_put(f, "things",
                           arena_printf(f->a, "{'pk':{'S':'p%d'},'sk':{'S':'%d'}}", p, s));
        }
    }
    for (uint32_t i = 0; i < table->stream->shard_count; i++) {
        uint32_t count;
        struct engine_record *records =
            test_shard_records(f, table->stream, &table->stream->shards[i], &count);
        assert_int_equal(count % 3, 0);
        used += count > 0;
        for (uint32_t k = 0; k < count; k += 3) {
            const char *first = test_text(f, records[k].keys);
            const char *last = test_text(f, records[k + 2].keys);
            assert_int_equal(strncmp(first, last, strlen("{'pk':{'S':'p0'")), 0);
        }
    }
    assert_true(used > 1);
    engine_table_unref(table);
}

static void test_K3_a_disabled_stream_is_closed_and_stays_readable(void **state)
{
    struct fixture *f = *state;
    f->shards = 1;
    test_reopen(f);
    test_create(f, "things", false, ENGINE_VIEW_NEW_IMAGE);
    (void)test_put(f, "things", "{'pk':{'S':'a'}}");
    test_set_stream(f, "things", false, ENGINE_VIEW_NEW_IMAGE);
    (void)test_put(f, "things", "{'pk':{'S':'b'}}");
    test_reopen(f);
    struct engine_table *table = test_table(f, "things");
    assert_false(table->stream_enabled);
    assert_false(table->stream->enabled);
    const struct engine_shard *shard = &table->stream->shards[0];
    assert_true(shard->last_seq >= shard->first_seq);
    struct engine_record *records;
    uint32_t count;
    uint64_t next;
    bool end;
    assert_int_equal(engine_stream_read(f->engine, f->a, table->stream, shard, 0, 10, &records,
                                        &count, &next, &end, NULL),
                     WEIR_OK);
    assert_int_equal(count, 1);
    assert_true(end);

    env_fake_advance(f->env, 1);
    test_set_stream(f, "things", true, ENGINE_VIEW_OLD_IMAGE);
    struct engine_stream **streams;
    bool more;
    assert_int_equal(engine_stream_list(f->engine, f->a, BYTES_LIT("things"), BYTES_NONE, 10,
                                        &streams, &count, &more, NULL),
                     WEIR_OK);
    assert_int_equal(count, 2);
    assert_false(more);
    assert_true(bytes_eq(streams[0]->arn, table->stream->arn));
    assert_true(streams[1]->enabled);
    assert_int_equal(streams[1]->view, ENGINE_VIEW_OLD_IMAGE);
    engine_stream_unref(streams[0]);
    engine_stream_unref(streams[1]);
    engine_table_unref(table);
}

static void streams_enabled_in_the_same_millisecond_have_their_own_labels(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, ENGINE_VIEW_KEYS_ONLY);
    for (int i = 0; i < 3; i++) {
        test_set_stream(f, "things", false, ENGINE_VIEW_KEYS_ONLY);
        test_set_stream(f, "things", true, ENGINE_VIEW_KEYS_ONLY);
    }
    struct engine_stream **streams;
    uint32_t count;
    bool more;
    assert_int_equal(engine_stream_list(f->engine, f->a, BYTES_NONE, BYTES_NONE, 3, &streams,
                                        &count, &more, NULL),
                     WEIR_OK);
    assert_int_equal(count, 3);
    assert_true(more);
    assert_string_equal(streams[0]->label, "2025-11-21T00:04:00.123");
    for (uint32_t i = 0; i < count; i++) {
        assert_true(i == 0 || bytes_cmp(streams[i - 1]->arn, streams[i]->arn) < 0);
    }
    struct engine_stream *found;
    assert_int_equal(engine_stream_ref(f->engine, streams[2]->arn, &found, NULL), WEIR_OK);
    engine_stream_unref(found);
    for (uint32_t i = 0; i < count; i++) {
        engine_stream_unref(streams[i]);
    }
}

static void a_read_stops_at_its_limit_and_goes_on_from_there(void **state)
{
    struct fixture *f = *state;
    f->shards = 1;
    test_reopen(f);
    test_create(f, "things", false, ENGINE_VIEW_NEW_IMAGE);
    for (int i = 0; i < 7; i++) {
        (void)test_put(f, "things",
                       arena_printf(f->a, "{'pk':{'S':'%d'},'x':{'S':'%0300000d'}}", i, i));
    }
    struct engine_table *table = test_table(f, "things");
    struct engine_record *records;
    uint64_t next = 0;
    uint32_t total = 0;
    bool end = false;
    static const uint32_t expected[] = {2, 2, 2, 1, 0};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        uint32_t count;
        assert_int_equal(engine_stream_read(f->engine, f->a, table->stream,
                                            &table->stream->shards[0], next, 2, &records, &count,
                                            &next, &end, NULL),
                         WEIR_OK);
        assert_int_equal(count, expected[i]);
        total += count;
    }
    assert_int_equal(total, 7);
    assert_false(end);
    assert_true(next == engine_committed_seq(f->engine) + 1);
    uint32_t count;
    assert_int_equal(engine_stream_read(f->engine, f->a, table->stream, &table->stream->shards[0],
                                        0, 1000, &records, &count, &next, &end, NULL),
                     WEIR_OK);
    assert_int_equal(count, 3); /* a fourth would be over 1 MB */
    engine_table_unref(table);
}

/* Puts `count` items of `bytes` each into one commit; their keys are 000, 001, ... */
static void put_together(struct fixture *f, const char *table, uint32_t count, int bytes)
{
    struct test_op *ops = ARENA_ARRAY(f->a, struct test_op, count);
    for (uint32_t i = 0; i < count; i++) {
        ops[i] = (struct test_op){
            .kind = ENGINE_PUT,
            .table = table,
            .item = arena_printf(f->a, "{'pk':{'S':'%03u'},'x':{'S':'%0*u'}}", i, bytes, i)};
    }
    assert_int_equal(test_transact(f, ops, count, NULL, 0)->status, WEIR_OK);
}

/* Reads the first shard from from_seq on, `limit` at a time: the records first, first + 1, ... */
static void check_reading(struct fixture *f, const struct engine_stream *stream, uint64_t from_seq,
                          uint32_t limit, uint32_t first, uint32_t count)
{
    uint32_t seen = 0;
    uint64_t next = from_seq;
    while (next <= engine_committed_seq(f->engine)) {
        struct engine_record *records;
        uint32_t got;
        bool end;
        assert_int_equal(engine_stream_read(f->engine, f->a, stream, &stream->shards[0], next,
                                            limit, &records, &got, &next, &end, NULL),
                         WEIR_OK);
        assert_in_range(got, 1, limit); /* from_seq is not behind the last one */
        for (uint32_t i = 0; i < got; i++, seen++) {
            assert_string_equal(test_text(f, records[i].keys),
                                arena_printf(f->a, "{'pk':{'S':'%03u'}}", first + seen));
        }
    }
    assert_int_equal(seen, count);
}

static void records_of_one_commit_share_a_row_and_are_read_from_any_of_them(void **state)
{
    struct fixture *f = *state;
    f->shards = 1;
    test_reopen(f);
    test_create(f, "things", false, ENGINE_VIEW_NEW_AND_OLD_IMAGES);
    put_together(f, "things", 20, 10);
    uint32_t rows = test_stored_rows(f, KV_STREAM);
    assert_int_equal(rows, f->mem == NULL ? 0 : 1);
    uint32_t count;
    struct engine_record *records = test_records(f, "things", &count);
    assert_int_equal(count, 20);
    for (int reopened = 0; reopened < 2; reopened++) {
        struct engine_table *table = test_table(f, "things");
        for (uint32_t i = 0; i < count; i++) {
            uint64_t from = records[i].commit_seq;
            check_reading(f, table->stream, from, 1, i, count - i);
            check_reading(f, table->stream, from, 7, i, count - i);
            check_reading(f, table->stream, from, 1000, i, count - i);
        }
        engine_table_unref(table);
        test_reopen(f);
    }
}

static void the_records_of_a_large_commit_are_in_several_rows(void **state)
{
    struct fixture *f = *state;
    f->shards = 1;
    test_reopen(f);
    test_create(f, "things", false, ENGINE_VIEW_NEW_IMAGE);
    put_together(f, "things", 100, 2000);
    if (f->mem != NULL) {
        assert_in_range(test_stored_rows(f, KV_STREAM), 4, 10);
    }
    struct engine_table *table = test_table(f, "things");
    check_reading(f, table->stream, 0, 1, 0, 100);
    check_reading(f, table->stream, 0, 33, 0, 100);
    check_reading(f, table->stream, 0, 1000, 0, 100);
    engine_table_unref(table);
}

/* Two tables in one transaction, with their commit_seqs in turn. */
static void each_shard_gets_its_own_records_of_a_commit(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, ENGINE_VIEW_KEYS_ONLY);
    test_create(f, "others", false, ENGINE_VIEW_KEYS_ONLY);
    struct test_op ops[60];
    for (size_t i = 0; i < 60; i++) {
        ops[i] = (struct test_op){.kind = ENGINE_PUT,
                                  .table = i % 2 == 0 ? "things" : "others",
                                  .item = arena_printf(f->a, "{'pk':{'S':'%zu'}}", i)};
    }
    assert_int_equal(test_transact(f, ops, 60, NULL, 0)->status, WEIR_OK);
    bool seen[60] = {false};
    for (int t = 0; t < 2; t++) {
        struct engine_table *table = test_table(f, t == 0 ? "things" : "others");
        uint32_t total = 0;
        for (uint32_t k = 0; k < table->stream->shard_count; k++) {
            const struct engine_shard *shard = &table->stream->shards[k];
            uint32_t count;
            struct engine_record *records = test_shard_records(f, table->stream, shard, &count);
            total += count;
            for (uint32_t i = 0; i < count; i++) {
                int number = atoi(test_text(f, records[i].keys) + strlen("{'pk':{'S':'"));
                assert_int_equal(number % 2, t);
                assert_false(seen[number]);
                seen[number] = true;
            }
        }
        assert_int_equal(total, 30);
        engine_table_unref(table);
    }
}

/* What earlier programs wrote for the INSERT of {'pk':{'S':'a'}} with both images. */
static void make_old_row(struct fixture *f, struct weir_bytes value, struct buf *to)
{
    (void)value;
    static const uint8_t head[] = {0x01, 0x00, 0x00, 0x00, 0x00, 0x01,
                                   0x9A, 0xA3, 0x11, 0x12, 0x13, 0x06};
    struct buf item;
    buf_init(&item, 1024);
    value_encode_item(&item, test_item(f, "{'pk':{'S':'a'}}"));
    buf_put(to, bytes_of(head, sizeof(head)));
    for (int i = 0; i < 2; i++) { /* keys, new image */
        buf_put_varint(to, item.len);
        buf_put(to, buf_bytes(&item));
    }
    buf_put_varint(to, 0); /* no old image */
    buf_fini(&item);
}

static void records_of_earlier_programs_are_read_with_the_new_ones(void **state)
{
    struct fixture *f = *state;
    f->shards = 1;
    test_reopen(f);
    test_create(f, "things", false, ENGINE_VIEW_NEW_AND_OLD_IMAGES);
    (void)test_put(f, "things", "{'pk':{'S':'a'}}");
    test_close(f);
    test_rewrite(f, KV_STREAM, 0, make_old_row);
    test_open(f);
    (void)test_put(f, "things", "{'pk':{'S':'b'}}");
    uint32_t count;
    struct engine_record *records = test_records(f, "things", &count);
    assert_int_equal(count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const char *item = i == 0 ? "{'pk':{'S':'a'}}" : "{'pk':{'S':'b'}}";
        assert_int_equal(records[i].event, ENGINE_INSERT);
        assert_string_equal(test_text(f, records[i].keys), item);
        assert_string_equal(test_text(f, records[i].new_image), item);
        assert_int_equal(records[i].old_image.len, 0);
    }
    assert_true(records[0].commit_ms == 0x019AA3111213);
}

/* ---- trimming ---------------------------------------------------------------------------------
 */

#define HOUR_MS (3600 * 1000)

static void advance(struct fixture *f, int hours)
{
    for (int i = 0; i < hours; i++) {
        env_fake_advance(f->env, HOUR_MS);
        while (engine_turn(f->engine)) {
        }
    }
}

static void test_K3_records_are_trimmed_after_24_hours(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, ENGINE_VIEW_KEYS_ONLY);
    (void)test_put(f, "things", "{'pk':{'S':'a'}}");
    advance(f, 12);
    (void)test_put(f, "things", "{'pk':{'S':'b'}}");
    advance(f, 11);
    uint32_t count;
    (void)test_records(f, "things", &count);
    assert_int_equal(count, 2);
    advance(f, 3);
    struct engine_record *records = test_records(f, "things", &count);
    assert_int_equal(count, 1);
    assert_string_equal(test_text(f, records[0].keys), "{'pk':{'S':'b'}}");
    uint64_t trim_seq = engine_trim_seq(f->engine);
    assert_true(trim_seq > 0 && trim_seq <= records[0].commit_seq);
    test_reopen(f);
    assert_true(engine_trim_seq(f->engine) >= trim_seq);
    advance(f, 13);
    (void)test_records(f, "things", &count);
    assert_int_equal(count, 0);
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'a'}}"), "{'pk':{'S':'a'}}");
}

static void trimmed_records_and_old_streams_give_their_space_back(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, ENGINE_VIEW_KEYS_ONLY);
    (void)test_put(f, "things", "{'pk':{'S':'a'}}");
    test_set_stream(f, "things", false, ENGINE_VIEW_KEYS_ONLY);
    test_create(f, "others", false, ENGINE_VIEW_KEYS_ONLY);
    (void)test_put(f, "others", "{'pk':{'S':'a'}}");
    advance(f, 26);
    assert_int_equal(test_stored_rows(f, KV_STREAM), 0);
    for (int i = 0; i < 2; i++) {
        struct engine_table *table = test_table(f, "things");
        assert_null(table->stream);
        engine_table_unref(table);
        table = test_table(f, "others");
        assert_non_null(table->stream);
        engine_table_unref(table);
        test_reopen(f);
    }
}

/* ---- waiters ----------------------------------------------------------------------------------
 */

static void count_call(struct engine_waiter *waiter)
{
    ++*(int *)waiter->arg;
}

static struct engine_waiter waiter_at(struct fixture *f, const struct engine_stream *stream,
                                      uint64_t after_ms, int *called)
{
    return (struct engine_waiter){.stream_id = stream->id,
                                  .shard_number = stream->shards[0].number,
                                  .from_seq = engine_committed_seq(f->engine) + 1,
                                  .deadline_ns = env_mono_ns(f->env) + after_ms * 1000000,
                                  .fn = count_call,
                                  .arg = called};
}

static struct engine_table *one_shard_table(struct fixture *f)
{
    f->shards = 1;
    test_reopen(f);
    test_create(f, "things", false, ENGINE_VIEW_KEYS_ONLY);
    return test_table(f, "things");
}

static void a_waiter_is_called_when_a_record_is_committed(void **state)
{
    struct fixture *f = *state;
    struct engine_table *table = one_shard_table(f);
    int called = 0;
    struct engine_waiter waiter = waiter_at(f, table->stream, 1000, &called);
    assert_true(engine_wait(f->engine, &waiter));
    (void)engine_turn(f->engine);
    assert_int_equal(called, 0);
    (void)test_put(f, "things", "{'pk':{'S':'a'}}");
    assert_int_equal(called, 1);
    (void)test_put(f, "things", "{'pk':{'S':'b'}}");
    assert_int_equal(called, 1);
    waiter.from_seq = engine_committed_seq(f->engine); /* there already */
    assert_false(engine_wait(f->engine, &waiter));
    engine_table_unref(table);
}

static void a_waiter_is_called_at_its_deadline_and_not_before(void **state)
{
    struct fixture *f = *state;
    struct engine_table *table = one_shard_table(f);
    int called = 0;
    struct engine_waiter late = waiter_at(f, table->stream, 5000, &called);
    struct engine_waiter waiter = waiter_at(f, table->stream, 1000, &called);
    assert_true(engine_wait(f->engine, &late));
    assert_true(engine_wait(f->engine, &waiter));
    assert_int_equal(engine_turn_due_ms(f->engine), 1000);
    env_fake_advance(f->env, 999);
    (void)engine_turn(f->engine);
    assert_int_equal(called, 0);
    env_fake_advance(f->env, 1);
    assert_int_equal(engine_turn_due_ms(f->engine), 0);
    (void)engine_turn(f->engine);
    assert_int_equal(called, 1);
    assert_int_equal(engine_turn_due_ms(f->engine), 4000);
    engine_table_unref(table);
    test_close(f); /* calls whoever still waits */
    assert_int_equal(called, 2);
}

static void a_waiter_knows_after_reopening_what_is_there(void **state)
{
    struct fixture *f = *state;
    engine_table_unref(one_shard_table(f));
    (void)test_put(f, "things", "{'pk':{'S':'a'}}");
    uint64_t seq = engine_committed_seq(f->engine);
    test_create(f, "others", false, TEST_NO_STREAM);
    test_reopen(f);
    struct engine_table *table = test_table(f, "things");
    int called = 0;
    struct engine_waiter waiter = waiter_at(f, table->stream, 1000, &called);
    waiter.from_seq = seq;
    assert_false(engine_wait(f->engine, &waiter));
    waiter.from_seq = seq + 1;
    assert_true(engine_wait(f->engine, &waiter));
    engine_table_unref(table);
    test_close(f);
    assert_int_equal(called, 1);
}

static void a_waiter_is_called_when_its_stream_is_disabled(void **state)
{
    struct fixture *f = *state;
    struct engine_table *table = one_shard_table(f);
    int called = 0;
    struct engine_waiter waiter = waiter_at(f, table->stream, 1000, &called);
    assert_true(engine_wait(f->engine, &waiter));
    test_set_stream(f, "things", false, ENGINE_VIEW_KEYS_ONLY);
    assert_int_equal(called, 1);
    assert_false(engine_wait(f->engine, &waiter));
    engine_table_unref(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_K2_records_have_the_images_of_their_view_type),
        TEST(test_K2_a_write_that_changes_nothing_gives_no_record),
        TEST(test_K2_sequence_numbers_have_21_digits_and_come_back),
        TEST(test_K3_shards_divide_the_hashes_and_their_ids_sort),
        TEST(test_K3_records_of_one_partition_are_in_one_shard),
        TEST(test_K3_a_disabled_stream_is_closed_and_stays_readable),
        TEST(streams_enabled_in_the_same_millisecond_have_their_own_labels),
        TEST(a_read_stops_at_its_limit_and_goes_on_from_there),
        TEST(records_of_one_commit_share_a_row_and_are_read_from_any_of_them),
        TEST(the_records_of_a_large_commit_are_in_several_rows),
        TEST(each_shard_gets_its_own_records_of_a_commit),
        TEST(test_K3_records_are_trimmed_after_24_hours),
        TEST(trimmed_records_and_old_streams_give_their_space_back),
        TEST(a_waiter_is_called_when_a_record_is_committed),
        TEST(a_waiter_is_called_at_its_deadline_and_not_before),
        TEST(a_waiter_knows_after_reopening_what_is_there),
        TEST(a_waiter_is_called_when_its_stream_is_disabled),
    };
    /* Rows of an earlier program are written past the engine. */
    const struct CMUnitTest in_memory[] = {
        TEST(records_of_earlier_programs_are_read_with_the_new_ones),
    };
    return RUN_BOTH(tests) + RUN_IN_MEMORY(in_memory);
}
