/* SPDX-License-Identifier: Apache-2.0 */
/* A relay works on the client's inside, so it takes only a client of its own build. */
#include "client/client_internal.h"
#include "unit/relay/relay_fixture.h"

static void submit(void *sink, struct weir_sink_batch *batch)
{
    (void)sink;
    weir_sink_complete(batch);
}

static void close_sink(void *sink)
{
    (*(unsigned *)sink)++;
}

static void a_client_of_another_version_is_refused(void **state)
{
    struct relay_fixture r;
    struct weir_relay *relay = NULL;
    unsigned closed = 0;
    const struct weir_sink_driver driver = {.struct_size = sizeof(driver),
                                            .name = "test",
                                            .submit = submit,
                                            .close = close_sink,
                                            .sink = &closed};
    (void)state;
    relay_fixture_open(&r);
    uint64_t interface = r.f.client->interface;
    r.f.client->interface ^= (uint64_t)1 << 32;
    assert_int_equal(weir_relay_open(r.f.client, &r.options, "stdout", NULL, 0, &relay, &r.f.err),
                     WEIR_CONFIG);
    assert_non_null(strstr(r.f.err.message, "of one build"));
    assert_int_equal(weir_relay_open_driver(r.f.client, &r.options, &driver, &relay, &r.f.err),
                     WEIR_CONFIG);
    assert_null(relay);
    assert_int_equal(closed, 0); /* it was not taken over */

    r.f.client->interface = interface;
    assert_int_equal(weir_relay_open_driver(r.f.client, &r.options, &driver, &relay, &r.f.err),
                     WEIR_OK);
    weir_relay_close(relay);
    assert_int_equal(closed, 1);
    relay_fixture_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_of_another_version_is_refused),
    };
    return cmocka_run_group_tests_name("relay/interface", tests, NULL, NULL);
}
