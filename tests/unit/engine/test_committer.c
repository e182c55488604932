/* SPDX-License-Identifier: Apache-2.0 */
/* The committer: bounds, failures, and many threads at once. */
#include "engine_test.h"

#include "base/fault.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- bounds -----------------------------------------------------------------------------------
 */

static void count_done(struct engine_request *request)
{
    ++*(unsigned *)request->arg;
}

static void a_full_queue_throttles_and_what_is_queued_is_done(void **state)
{
    struct fixture *f = *state;
    unsigned done = 0;
    struct engine_request *requests =
        ARENA_ARRAY(f->a, struct engine_request, LIMIT_COMMIT_QUEUE + 1);
    for (unsigned i = 0; i <= LIMIT_COMMIT_QUEUE; i++) {
        requests[i].kind = ENGINE_WRITE;
        requests[i].arena = f->a;
        requests[i].done = count_done;
        requests[i].arg = &done;
        struct weir_error err = {0};
        assert_int_equal(engine_submit(f->engine, &requests[i], &err),
                         i < LIMIT_COMMIT_QUEUE ? WEIR_OK : WEIR_THROTTLED);
    }
    assert_true(engine_turn(f->engine));
    assert_int_equal(done, LIMIT_COMMIT_OPERATIONS);
    while (engine_turn(f->engine)) {
    }
    assert_int_equal(done, LIMIT_COMMIT_QUEUE);
    struct engine_figures figures;
    engine_read_figures(f->engine, &figures);
    assert_int_equal(figures.throttled, 1);
}

static void a_request_with_too_many_operations_is_refused(void **state)
{
    struct fixture *f = *state;
    struct engine_request request = {.op_count = LIMIT_COMMIT_OPERATIONS + 1};
    assert_int_equal(engine_submit(f->engine, &request, NULL), WEIR_INVALID_ARGUMENT);
}

static void requests_of_one_turn_share_one_commit(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, ENGINE_VIEW_KEYS_ONLY);
    struct engine_figures before;
    engine_read_figures(f->engine, &before);
    struct engine_request *requests[10];
    unsigned done = 0;
    for (int i = 0; i < 10; i++) {
        struct test_op put = {.kind = ENGINE_PUT,
                              .table = "things",
                              .item = arena_printf(f->a, "{'pk':{'S':'%d'}}", i)};
        requests[i] = test_request(f, ENGINE_WRITE);
        requests[i]->ops = ARENA_NEW(f->a, struct engine_op);
        requests[i]->op_count = 1;
        requests[i]->done = count_done;
        requests[i]->arg = &done;
        assert_int_equal(test_prepare(f, &put, requests[i]->ops, NULL), WEIR_OK);
        assert_int_equal(engine_submit(f->engine, requests[i], NULL), WEIR_OK);
    }
    assert_false(engine_turn(f->engine));
    assert_int_equal(done, 10);
    struct engine_figures after;
    engine_read_figures(f->engine, &after);
    assert_int_equal(after.commits, before.commits + 1);
    assert_int_equal(after.operations, before.operations + 10);
    assert_int_equal(after.stream_records, before.stream_records + 10);
    for (int i = 0; i < 10; i++) {
        engine_op_fini(requests[i]->ops);
    }
}

/* ---- failures ---------------------------------------------------------------------------------
 */

static struct engine_request *put_request(struct fixture *f, const char *item)
{
    struct engine_request *request = test_request(f, ENGINE_WRITE);
    request->ops = ARENA_NEW(f->a, struct engine_op);
    request->op_count = 1;
    struct test_op put = {.kind = ENGINE_PUT, .table = "things", .item = item};
    assert_int_equal(test_prepare(f, &put, request->ops, NULL), WEIR_OK);
    (void)test_run(f, request);
    engine_op_fini(request->ops);
    return request;
}

static void fail_commit(struct fixture *f, const char *fault, bool stored)
{
    test_create(f, "things", false, ENGINE_VIEW_KEYS_ONLY);
    (void)test_put(f, "things", "{'pk':{'S':'before'}}");
    assert_int_equal(fault_arm(fault, NULL), WEIR_OK);
    struct engine_request *request = put_request(f, "{'pk':{'S':'a'}}");
    assert_int_equal(request->status, WEIR_SERVER);
    assert_int_equal(request->error.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_int_equal(request->ops[0].status, WEIR_SERVER);
    assert_int_equal(request->ops[0].error->outcome, WEIR_OUTCOME_UNKNOWN);

    request = put_request(f, "{'pk':{'S':'b'}}"); /* fail-stop */
    assert_int_equal(request->status, WEIR_SERVER);
    assert_int_equal(request->error.outcome, WEIR_NOT_APPLIED);
    struct engine_request *create = test_request(f, ENGINE_CREATE_TABLE);
    create->spec.name = BYTES_LIT("others");
    assert_int_equal(test_run(f, create), WEIR_SERVER);
    assert_null(create->table);
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'before'}}"), "{'pk':{'S':'before'}}");
    struct engine_figures figures;
    engine_read_figures(f->engine, &figures);
    assert_int_equal(figures.commit_failures, 1);
    (void)fault_arm(NULL, NULL);
    if (f->mem != NULL && stored) {
        return; /* only the disk tells the next opening how far it went */
    }
    test_reopen(f);
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'a'}}"),
                        stored ? "{'pk':{'S':'a'}}" : "");
    assert_string_equal(test_get(f, "things", "{'pk':{'S':'b'}}"), "");
    assert_int_equal(test_put(f, "things", "{'pk':{'S':'c'}}"), WEIR_OK);
}

static void test_K4_a_failed_commit_is_unknown_and_stops_the_engine(void **state)
{
    fail_commit(*state, "engine.before_commit=error@1", false);
}

static void test_K4_a_commit_that_fails_after_it_is_stored_is_unknown_too(void **state)
{
    fail_commit(*state, "engine.after_commit=error@1", true);
}

static void a_failed_commit_shows_no_table(void **state)
{
    struct fixture *f = *state;
    (void)engine_turn(f->engine);
    assert_int_equal(fault_arm("engine.before_commit=error@1", NULL), WEIR_OK);
    struct engine_request *create = test_request(f, ENGINE_CREATE_TABLE);
    create->spec.name = BYTES_LIT("things");
    create->spec.partition.name = BYTES_LIT("pk");
    create->spec.stream_enabled = true;
    assert_int_equal(test_run(f, create), WEIR_SERVER);
    assert_null(create->table);
    struct engine_table *table;
    assert_int_equal(engine_table_ref(f->engine, BYTES_LIT("things"), &table, NULL),
                     WEIR_RESOURCE_NOT_FOUND);
}

static void a_stopped_engine_takes_no_requests(void **state)
{
    struct fixture *f = *state;
    engine_committer_stop(f->engine);
    struct engine_request request = {.kind = ENGINE_WRITE};
    assert_int_equal(engine_submit(f->engine, &request, NULL), WEIR_CLOSED);
}

struct probe {
    struct fixture *f;
    struct engine_table *table;
    int calls;
};

static void look_while_committing(void *arg)
{
    struct probe *probe = arg;
    probe->calls++;
    for (uint32_t i = 0; i < probe->table->stream->shard_count; i++) {
        uint32_t count;
        (void)test_shard_records(probe->f, probe->table->stream, &probe->table->stream->shards[i],
                                 &count);
        assert_int_equal(count, 0);
    }
    struct engine_table *table;
    assert_int_equal(engine_table_ref(probe->f->engine, BYTES_LIT("later"), &table, NULL),
                     WEIR_RESOURCE_NOT_FOUND);
}

static void what_a_commit_under_way_has_stored_is_not_seen(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, ENGINE_VIEW_KEYS_ONLY);
    struct probe probe = {.f = f, .table = test_table(f, "things")};
    test_stored_arg = &probe;
    test_stored = look_while_committing;
    (void)test_put(f, "things", "{'pk':{'S':'a'}}");
    test_stored = NULL;
    uint32_t count;
    (void)test_records(f, "things", &count);
    assert_int_equal(count, 1);
    assert_int_equal(probe.calls, 1);
    engine_table_unref(probe.table);
}

static void a_table_whose_commit_is_under_way_is_not_seen(void **state)
{
    struct fixture *f = *state;
    test_create(f, "things", false, ENGINE_VIEW_KEYS_ONLY);
    struct probe probe = {.f = f, .table = test_table(f, "things")};
    test_stored_arg = &probe;
    test_stored = look_while_committing;
    test_create(f, "later", false, TEST_NO_STREAM);
    assert_int_equal(probe.calls, 1);
    engine_table_unref(probe.table);
    engine_table_unref(test_table(f, "later"));
}

/* ---- threads ----------------------------------------------------------------------------------
 */

#define WRITERS 3
#define WRITES 150

struct gate {
    pthread_mutex_t mu;
    pthread_cond_t cond;
    bool open;
};

static void open_gate(struct gate *gate)
{
    pthread_mutex_lock(&gate->mu);
    gate->open = true;
    pthread_cond_signal(&gate->cond);
    pthread_mutex_unlock(&gate->mu);
}

static void pass_gate(struct gate *gate)
{
    pthread_mutex_lock(&gate->mu);
    while (!gate->open) {
        pthread_cond_wait(&gate->cond, &gate->mu);
    }
    gate->open = false;
    pthread_mutex_unlock(&gate->mu);
}

static void done_gate(struct engine_request *request)
{
    open_gate(request->arg);
}

static void waiter_gate(struct engine_waiter *waiter)
{
    open_gate(waiter->arg);
}

struct writer {
    struct engine *engine;
    int number;
    int failures;
};

/* One conditional put of its own key, waited for; every other one is held until the wake. */
static bool write_one(struct writer *writer, struct arena *a, struct gate *gate, int i)
{
    struct engine_table *table;
    if (engine_table_ref(writer->engine, BYTES_LIT("things"), &table, NULL) != WEIR_OK) {
        return false;
    }
    struct weir_value *item = value_new_map(a, VALUE_ITEM);
    value_set_s(value_add(a, item, BYTES_LIT("pk")),
                bytes_str(arena_printf(a, "w%d", writer->number)));
    value_set_s(value_add(a, item, BYTES_LIT("sk")), bytes_str(arena_printf(a, "%05d", i)));
    struct engine_op op;
    if (engine_prepare_put(a, table, item, &op, NULL) != WEIR_OK) {
        return false;
    }
    struct engine_request request = {.kind = ENGINE_WRITE,
                                     .arena = a,
                                     .ops = &op,
                                     .op_count = 1,
                                     .done = done_gate,
                                     .arg = gate,
                                     .is_held = i % 2 == 1};
    bool done = engine_submit(writer->engine, &request, NULL) == WEIR_OK;
    if (done) {
        if (i % 2 == 1) {
            engine_wake(writer->engine);
        }
        pass_gate(gate);
        done = request.status == WEIR_OK && op.status == WEIR_OK;
        /* The answer is out, so a read sees the write. */
        struct weir_bytes stored = BYTES_NONE;
        done = done &&
               engine_get(writer->engine, NULL, a, op.row_key, false, &stored, NULL) == WEIR_OK &&
               stored.len > 0;
    }
    engine_op_fini(&op);
    return done;
}

static void *write_all(void *arg)
{
    struct writer *writer = arg;
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct arena *a = arena_new((size_t)1 << 20);
    for (int i = 0; i < WRITES; i++) {
        writer->failures += write_one(writer, a, &gate, i) ? 0 : 1;
        arena_reset(a);
    }
    arena_free(a);
    return NULL;
}

/* Follows one shard to the end by waiting at its tip; counts records. */
static uint32_t follow(struct engine *engine, const struct engine_stream *stream, uint32_t wanted)
{
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct arena *a = arena_new((size_t)64 << 20);
    uint64_t next = 0;
    uint64_t last = 0;
    uint32_t total = 0;
    while (total < wanted) {
        struct engine_record *records;
        uint32_t count;
        bool end;
        assert_int_equal(engine_stream_read(engine, a, stream, &stream->shards[0], next, 50,
                                            &records, &count, &next, &end, NULL),
                         WEIR_OK);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(records[i].commit_seq > last);
            last = records[i].commit_seq;
        }
        total += count;
        struct engine_waiter waiter = {.stream_id = stream->id,
                                       .shard_number = stream->shards[0].number,
                                       .from_seq = next,
                                       .deadline_ns =
                                           env_mono_ns(env_system()) + (uint64_t)20 * 1000000000,
                                       .fn = waiter_gate,
                                       .arg = &gate};
        if (count == 0 && engine_wait(engine, &waiter)) {
            pass_gate(&gate);
        }
        arena_reset(a);
    }
    arena_free(a);
    return total;
}

static void *read_pages(void *arg)
{
    struct engine *engine = arg;
    struct arena *a = arena_new((size_t)64 << 20);
    uint32_t count = 0;
    uint32_t seen = 0;
    while (count < WRITERS * WRITES) {
        struct engine_table *table;
        if (engine_table_ref(engine, BYTES_LIT("things"), &table, NULL) != WEIR_OK) {
            break;
        }
        struct engine_page_request request = {.table = table};
        struct engine_page page;
        if (engine_page_read(engine, NULL, a, &request, &page, NULL) != WEIR_OK ||
            page.count < seen) {
            engine_table_unref(table);
            break; /* what was committed does not go away */
        }
        count = seen = page.count;
        uint64_t items;
        uint64_t bytes;
        engine_table_figures(table, &items, &bytes);
        engine_table_unref(table);
        arena_reset(a);
    }
    arena_free(a);
    return (void *)(uintptr_t)count;
}

static void many_threads_write_while_others_read(void **state)
{
    struct fixture *f = *state;
    f->shards = 1;
    test_close(f);
    struct weir_env *fake = f->env;
    f->env = env_system();
    test_open(f);
    test_create(f, "things", true, ENGINE_VIEW_NEW_IMAGE);
    struct engine_table *table = test_table(f, "things");
    assert_int_equal(engine_committer_start(f->engine, NULL), WEIR_OK);
    pthread_t threads[WRITERS];
    pthread_t reader;
    struct writer writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.engine = f->engine, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_all, &writers[i]), 0);
    }
    assert_int_equal(pthread_create(&reader, NULL, read_pages, f->engine), 0);
    assert_int_equal(follow(f->engine, table->stream, WRITERS * WRITES), WRITERS * WRITES);
    for (int i = 0; i < WRITERS; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(writers[i].failures, 0);
    }
    void *counted;
    (void)pthread_join(reader, &counted);
    assert_int_equal((uintptr_t)counted, WRITERS * WRITES);
    engine_committer_stop(f->engine);
    engine_table_unref(table);
    test_close(f);
    f->env = fake;
    test_open(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_full_queue_throttles_and_what_is_queued_is_done),
        TEST(a_request_with_too_many_operations_is_refused),
        TEST(requests_of_one_turn_share_one_commit),
        TEST(test_K4_a_failed_commit_is_unknown_and_stops_the_engine),
        TEST(test_K4_a_commit_that_fails_after_it_is_stored_is_unknown_too),
        TEST(a_failed_commit_shows_no_table),
        TEST(a_stopped_engine_takes_no_requests),
        TEST(many_threads_write_while_others_read),
    };
    /* Only the store in memory tells when it has stored. */
    const struct CMUnitTest in_memory[] = {
        TEST(what_a_commit_under_way_has_stored_is_not_seen),
        TEST(a_table_whose_commit_is_under_way_is_not_seen),
    };
    return RUN_BOTH(tests) + RUN_IN_MEMORY(in_memory);
}
