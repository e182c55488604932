/* SPDX-License-Identifier: Apache-2.0 */
/* The relay into a real Redis: order, restarts of the server, and repeats that it drops. */
#include "unit/relay/relay_fixture.h"
#include "unit/sink/redis_server.h"

#define KEYS 10
#define EACH 50

static void *run_in_thread(void *arg)
{
    struct weir_error err = {0};
    return (void *)(intptr_t)weir_relay_run(arg, &err);
}

static void open_on_redis(struct relay_fixture *r, struct weir_relay **ret_relay)
{
    const char *setting = arena_printf(r->f.arena, "url=%s", server.url);
    if (weir_relay_open(r->flaky.outer, &r->options, "redis", &setting, 1, ret_relay, &r->f.err) !=
        WEIR_OK) {
        fail_msg("%s", r->f.err.message);
    }
}

static void add_all(struct relay_fixture *r, int from, int end)
{
    for (int i = from; i < end; i++) {
        for (int key = 0; key < KEYS; key++) {
            add(r, arena_printf(r->f.arena, "k%d", key), arena_printf(r->f.arena, "%d", i));
        }
    }
}

static void assert_stream(struct relay_fixture *r, int each)
{
    const char *wanted = "";
    for (int i = 0; i < each; i++) {
        wanted = arena_printf(r->f.arena, "%s%s%d", wanted, i == 0 ? "" : " ", i);
    }
    for (int key = 0; key < KEYS; key++) {
        assert_string_equal(ids_of("weir", arena_printf(r->f.arena, "k%d", key)), wanted);
    }
    assert_int_equal(stream_length("weir"), KEYS * each);
}

static void every_message_is_there_once_though_the_server_restarts(void **state)
{
    (void)state;
    struct relay_fixture r;
    struct weir_relay *relay = NULL;
    struct weir_relay_status status = {0};
    pthread_t thread;
    void *result = NULL;
    relay_fixture_open(&r);
    freeReplyObject(command("FLUSHALL"));
    r.options.once = 0;
    open_on_redis(&r, &relay);
    assert_int_equal(pthread_create(&thread, NULL, run_in_thread, relay), 0);
    add_all(&r, 0, EACH / 2);
    redis_server_stop();
    add_all(&r, EACH / 2, EACH);
    while (status.sink_failures == 0) {
        weir_relay_read_status(relay, &status);
        (void)usleep(1000);
    }
    redis_server_start("");
    while (status.marked < KEYS * EACH) {
        weir_relay_read_status(relay, &status);
        (void)usleep(1000);
    }
    weir_relay_stop(relay);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_int_equal((intptr_t)result, WEIR_OK);
    weir_relay_close(relay);
    assert_int_equal(status.rejected, 0);
    assert_stream(&r, EACH);
    relay_fixture_close(&r);
}

/* A relay without positions of its own reads everything again: the sink finds it to be there. */
static void repeats_are_found_to_be_duplicates(void **state)
{
    (void)state;
    struct relay_fixture r;
    static const char *const names[] = {"one", "two"};
    relay_fixture_open(&r);
    freeReplyObject(command("FLUSHALL"));
    r.outbox_options.mark = WEIR_MARK_NONE;
    add_all(&r, 0, 5);
    for (int i = 0; i < 2; i++) {
        struct weir_relay *relay = NULL;
        r.options.name = names[i];
        open_on_redis(&r, &relay);
        assert_int_equal(weir_relay_run(relay, &r.f.err), WEIR_OK);
        weir_relay_read_status(relay, &r.status);
        weir_relay_close(relay);
        assert_int_equal(r.status.delivered, KEYS * 5);
        assert_int_equal(r.status.duplicates, i == 0 ? 0 : KEYS * 5);
        assert_stream(&r, 5);
    }
    relay_fixture_close(&r);
}

int main(void)
{
    if (server_missing() != 0) {
        return server_missing();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_there_once_though_the_server_restarts),
        cmocka_unit_test(repeats_are_found_to_be_duplicates),
    };
    return cmocka_run_group_tests(tests, server_setup, server_teardown);
}
