/* SPDX-License-Identifier: Apache-2.0 */
/* The sink `redis` against a real server. */
#include "unit/sink/redis_server.h"
#include "unit/sink/sink_fixture.h"

#include <signal.h>

static int test_setup(void **state)
{
    (void)state;
    freeReplyObject(command("FLUSHALL"));
    return 0;
}

static void assert_field(const redisReply *entry, const char *name, const char *wanted)
{
    const redisReply *field = field_of(entry, name);
    if (wanted == NULL) {
        assert_null(field);
    } else {
        assert_non_null(field);
        assert_string_equal(field->str, wanted);
    }
}

static void open_redis(struct fixture *f)
{
    fixture_open(f, "redis", (struct sink_setting[]){{"url", server.url}, {NULL, NULL}});
}

/* ---- tests -------------------------------------------------------------------------------------
 */

static void entries_carry_every_field(void **state)
{
    (void)state;
    struct fixture f;
    open_redis(&f);
    struct fixture_batch *batch = batch_new(&f);
    struct weir_sink_message *m = batch_add(batch, "k", "m-1", NULL);
    char all[256];
    for (int i = 0; i < 256; i++) {
        all[i] = (char)i;
    }
    m->payload = (struct weir_text){all, sizeof(all)};
    m->destination = text("orders");
    m->created_at = text("2023-11-14T22:13:20.123Z");
    m->content_type = text("application/octet-stream");
    m->headers = text("{\"a\":\"b\"}");
    m->correlation_id = text("c");
    m->causation_id = text("d");
    m->aggregate_id = text("1");
    m->aggregate_type = text("order");
    m->traceparent = text("00-x");
    m->tracestate = text("y=1");
    (void)batch_add(batch, "k", "m-2", "");
    batch_deliver(batch);
    assert_all(batch, WEIR_DELIVERED);
    redisReply *entries = command("XRANGE orders - +");
    assert_int_equal(entries->elements, 1);
    static const char *const wanted[][2] = {{"id", "m-1"},
                                            {"key", "k"},
                                            {"type", "t"},
                                            {"time", "2023-11-14T22:13:20.123Z"},
                                            {"contentType", "application/octet-stream"},
                                            {"headers", "{\"a\":\"b\"}"},
                                            {"correlationId", "c"},
                                            {"causationId", "d"},
                                            {"aggregateId", "1"},
                                            {"aggregateType", "order"},
                                            {"traceparent", "00-x"},
                                            {"tracestate", "y=1"}};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        assert_field(entries->element[0], wanted[i][0], wanted[i][1]);
    }
    const redisReply *data = field_of(entries->element[0], "data");
    assert_int_equal(data->len, sizeof(all));
    assert_memory_equal(data->str, all, sizeof(all));
    freeReplyObject(entries);
    entries = command("XRANGE weir - +"); /* the default stream */
    assert_int_equal(entries->elements, 1);
    assert_field(entries->element[0], "id", "m-2");
    assert_field(entries->element[0], "headers", NULL);
    assert_field(entries->element[0], "time", NULL);
    assert_field(entries->element[0], "data", "");
    freeReplyObject(entries);
    free(batch);
    fixture_close(&f);
}

/* Four batches of 500 messages in hand at once, of ten keys. */
static void pipelined_batches_arrive_in_order(void **state)
{
    (void)state;
    struct fixture f;
    static const char *const keys[] = {"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9"};
    struct fixture_batch *batches[4];
    unsigned next = 0;
    open_redis(&f);
    for (int b = 0; b < 4; b++) {
        batches[b] = batch_new(&f);
        for (int i = 0; i < 500; i++) {
            char id[32];
            (void)snprintf(id, sizeof(id), "%u", next++);
            (void)batch_add(batches[b], keys[i / 50], id, "x");
        }
        batch_submit(batches[b]);
    }
    fixture_wait(&f);
    for (int b = 0; b < 4; b++) {
        assert_all(batches[b], WEIR_DELIVERED);
        free(batches[b]);
    }
    redisReply *entries = command("XRANGE weir - +");
    assert_int_equal(entries->elements, 2000);
    for (size_t i = 0; i < 2000; i++) {
        assert_int_equal(atoi(field_of(entries->element[i], "id")->str), i);
    }
    freeReplyObject(entries);
    fixture_close(&f);
}

static void same_message_again_is_a_duplicate_also_on_another_connection(void **state)
{
    (void)state;
    struct fixture f;
    open_redis(&f);
    struct fixture_batch *batch = batch_new(&f);
    (void)batch_add(batch, "k", "1", "x");
    (void)batch_add(batch, "k", "2", "x");
    batch_deliver(batch);
    assert_all(batch, WEIR_DELIVERED);
    batch_deliver(batch);
    assert_all(batch, WEIR_DUPLICATE);
    fixture_close(&f);
    open_redis(&f);
    (void)batch_add(batch, "k", "3", "x");
    batch_deliver(batch);
    assert_deliveries(batch, 0, 2, WEIR_DUPLICATE);
    assert_deliveries(batch, 2, 3, WEIR_DELIVERED);
    assert_string_equal(ids_of("weir", NULL), "1 2 3");
    free(batch);
    fixture_close(&f);
}

/* An id is unique under its key only, and may hold any character. */
static void other_messages_are_no_duplicates(void **state)
{
    (void)state;
    struct fixture f;
    open_redis(&f);
    struct fixture_batch *batch = batch_new(&f);
    (void)batch_add(batch, "a", "created", "x");
    (void)batch_add(batch, "b", "created", "x");
    (void)batch_add(batch, "a:b", "c", "x");
    (void)batch_add(batch, "a", "b:c", "x");
    batch_add(batch, "z", "", "x")->id = (struct weir_text){"i\0a", 3};
    batch_add(batch, "z", "", "x")->id = (struct weir_text){"i\0b", 3};
    batch_add(batch, "z", "created", "x")->destination = text("elsewhere");
    batch_deliver(batch);
    assert_all(batch, WEIR_DELIVERED);
    assert_int_equal(stream_length("weir"), 6);
    assert_int_equal(stream_length("elsewhere"), 1);
    free(batch);
    fixture_close(&f);
}

static void key_of_a_refused_message_waits_and_other_keys_flow(void **state)
{
    (void)state;
    struct fixture f;
    freeReplyObject(command("SET wrong text"));
    open_redis(&f);
    struct fixture_batch *batch = batch_new(&f);
    (void)batch_add(batch, "a", "a1", "x");
    (void)batch_add(batch, "b", "b1", "x");
    batch_add(batch, "b", "b2", "x")->destination = text("wrong");
    (void)batch_add(batch, "b", "b3", "x");
    (void)batch_add(batch, "c", "c1", "x");
    batch_deliver(batch);
    assert_deliveries(batch, 0, 2, WEIR_DELIVERED);
    assert_deliveries(batch, 2, 4, WEIR_REJECTED);
    assert_deliveries(batch, 4, 5, WEIR_DELIVERED);
    assert_says(batch->results[2].reason, "WRONGTYPE");
    assert_string_equal(ids_of("weir", NULL), "a1 b1 c1");
    freeReplyObject(command("DEL wrong"));
    batch_deliver(batch);
    assert_deliveries(batch, 0, 2, WEIR_DUPLICATE);
    assert_deliveries(batch, 2, 4, WEIR_DELIVERED);
    assert_deliveries(batch, 4, 5, WEIR_DUPLICATE);
    assert_string_equal(ids_of("weir", "b"), "b1 b3");
    free(batch);
    fixture_close(&f);
}

static void server_that_died_is_unreachable_and_works_again_after(void **state)
{
    (void)state;
    struct fixture f;
    open_redis(&f);
    struct fixture_batch *batch = batch_new(&f), *other = batch_new(&f);
    (void)batch_add(batch, "k", "1", "x");
    (void)batch_add(other, "k", "2", "x");
    batch_deliver(batch);
    assert_all(batch, WEIR_DELIVERED);
    redis_server_stop();
    for (int tries = 0; tries < 2; tries++) { /* a connection that breaks, and one refused */
        batch_submit(batch);
        batch_submit(other);
        fixture_wait(&f);
        assert_all(batch, WEIR_UNREACHABLE_SINK);
        assert_all(other, WEIR_UNREACHABLE_SINK);
        assert_says(batch->results[0].reason, "127.0.0.1");
    }
    redis_server_start("");
    batch_submit(batch);
    batch_submit(other);
    fixture_wait(&f);
    assert_all(batch, WEIR_DUPLICATE); /* the server kept its memory on disk */
    assert_all(other, WEIR_DELIVERED);
    assert_string_equal(ids_of("weir", NULL), "1 2");
    free(batch);
    free(other);
    fixture_close(&f);
}

/* The server stops before it answers: the batch is in its hands, and its fate is not known. */
static void server_killed_with_a_batch_in_hand_is_unreachable(void **state)
{
    (void)state;
    struct fixture f;
    open_redis(&f);
    struct fixture_batch *first = batch_new(&f), *batch = batch_new(&f);
    (void)batch_add(first, "k", "1", "x");
    batch_deliver(first); /* connected */
    assert_int_equal(kill(server.pid, SIGSTOP), 0);
    (void)batch_add(batch, "k", "2", "x");
    batch_submit(batch);
    redis_server_stop();
    fixture_wait(&f);
    assert_all(batch, WEIR_UNREACHABLE_SINK);
    redis_server_start("");
    batch_deliver(batch);
    assert_true(batch->results[0].delivery == WEIR_DELIVERED ||
                batch->results[0].delivery == WEIR_DUPLICATE);
    assert_string_equal(ids_of("weir", NULL), "1 2");
    free(first);
    free(batch);
    fixture_close(&f);
}

static void abandoned_batch_is_completed_at_once(void **state)
{
    (void)state;
    struct fixture f;
    open_redis(&f);
    struct fixture_batch *batch = batch_new(&f);
    (void)batch_add(batch, "k", "1", "x");
    assert_int_equal(kill(server.pid, SIGSTOP), 0);
    batch_submit(batch);
    f.driver.abandon(f.driver.sink);
    fixture_wait(&f);
    assert_int_equal(kill(server.pid, SIGCONT), 0);
    assert_all(batch, WEIR_UNREACHABLE_SINK);
    assert_says(batch->results[0].reason, "abandoned");
    batch_deliver(batch);
    assert_all(batch, WEIR_DELIVERED);
    free(batch);
    fixture_close(&f);
}

static void flushed_script_is_loaded_again(void **state)
{
    (void)state;
    struct fixture f;
    open_redis(&f);
    struct fixture_batch *batch = batch_new(&f);
    (void)batch_add(batch, "a", "1", "x");
    (void)batch_add(batch, "b", "2", "x");
    batch_deliver(batch);
    freeReplyObject(command("SCRIPT FLUSH"));
    batch_deliver(batch);
    assert_all(batch, WEIR_UNREACHABLE_SINK);
    batch_deliver(batch);
    assert_all(batch, WEIR_DUPLICATE);
    assert_int_equal(stream_length("weir"), 2);
    free(batch);
    fixture_close(&f);
}

static void wrong_password_is_unreachable_with_its_reason(void **state)
{
    (void)state;
    char url[128];
    struct fixture f;
    redis_server_stop();
    redis_server_start("right");
    for (int right = 0; right < 2; right++) {
        (void)snprintf(url, sizeof(url), "redis://:%s@127.0.0.1:%d/3", right ? "right" : "wrong",
                       server.port);
        fixture_open(&f, "redis", (struct sink_setting[]){{"url", url}, {NULL, NULL}});
        struct fixture_batch *batch = batch_new(&f);
        (void)batch_add(batch, "k", "1", "x");
        batch_deliver(batch);
        assert_all(batch, right ? WEIR_DELIVERED : WEIR_UNREACHABLE_SINK);
        if (!right) {
            assert_says(batch->results[0].reason, "WRONGPASS");
            assert_null(strstr(batch->results[0].reason, "wrong"));
        }
        free(batch);
        fixture_close(&f);
    }
    open_redis(&f); /* and none at all */
    struct fixture_batch *batch = batch_new(&f);
    (void)batch_add(batch, "k", "1", "x");
    batch_deliver(batch);
    assert_all(batch, WEIR_UNREACHABLE_SINK);
    assert_says(batch->results[0].reason, "NOAUTH");
    free(batch);
    fixture_close(&f);
    freeReplyObject(command("SELECT 3"));
    assert_string_equal(ids_of("weir", NULL), "1");
    freeReplyObject(command("FLUSHALL"));
    redis_server_stop();
    redis_server_start("");
}

static void stream_and_memory_are_bounded_as_set(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, "redis",
                 (struct sink_setting[]){{"url", server.url},
                                         {"stream", "short"},
                                         {"maxlen", "100"},
                                         {"dedup_window_s", "50"},
                                         {NULL, NULL}});
    struct fixture_batch *batch = batch_new(&f);
    for (int i = 0; i < 500; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "%d", i);
        (void)batch_add(batch, "k", id, "x");
    }
    batch_deliver(batch);
    assert_all(batch, WEIR_DELIVERED);
    assert_true(stream_length("short") < 500);
    redisReply *ttl = command("TTL {short}:weir:1:k:499");
    assert_true(ttl->integer > 0 && ttl->integer <= 50);
    freeReplyObject(ttl);
    free(batch);
    fixture_close(&f);
}

/* More in hand than may wait in the connection. The last test: it leaves the disk alone. */
static void large_batches_take_turns(void **state)
{
    (void)state;
    struct fixture f;
    struct fixture_batch *batches[4];
    char *payload = malloc(400001);
    memset(payload, 'x', 400000);
    payload[400000] = '\0';
    freeReplyObject(command("CONFIG SET appendonly no"));
    fixture_open(&f, "redis",
                 (struct sink_setting[]){{"url", server.url}, {"maxlen", "1"}, {NULL, NULL}});
    for (int b = 0; b < 4; b++) {
        batches[b] = batch_new(&f);
        for (int i = 0; i < 200; i++) {
            char id[32];
            (void)snprintf(id, sizeof(id), "%d.%d", b, i);
            struct weir_sink_message *m = batch_add(batches[b], "", id, payload);
            m->key = m->id;
        }
        batch_submit(batches[b]);
    }
    fixture_wait(&f);
    for (int b = 0; b < 4; b++) {
        assert_all(batches[b], WEIR_DELIVERED);
        free(batches[b]);
    }
    free(payload);
    fixture_close(&f);
}

int main(void)
{
    if (server_missing() != 0) {
        return server_missing();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(entries_carry_every_field, test_setup),
        cmocka_unit_test_setup(pipelined_batches_arrive_in_order, test_setup),
        cmocka_unit_test_setup(same_message_again_is_a_duplicate_also_on_another_connection,
                               test_setup),
        cmocka_unit_test_setup(other_messages_are_no_duplicates, test_setup),
        cmocka_unit_test_setup(key_of_a_refused_message_waits_and_other_keys_flow, test_setup),
        cmocka_unit_test_setup(server_that_died_is_unreachable_and_works_again_after, test_setup),
        cmocka_unit_test_setup(server_killed_with_a_batch_in_hand_is_unreachable, test_setup),
        cmocka_unit_test_setup(abandoned_batch_is_completed_at_once, test_setup),
        cmocka_unit_test_setup(flushed_script_is_loaded_again, test_setup),
        cmocka_unit_test_setup(wrong_password_is_unreachable_with_its_reason, test_setup),
        cmocka_unit_test_setup(stream_and_memory_are_bounded_as_set, test_setup),
        cmocka_unit_test_setup(large_batches_take_turns, test_setup),
    };
    return cmocka_run_group_tests(tests, server_setup, server_teardown);
}
