/* SPDX-License-Identifier: Apache-2.0 */
/* Libraries of one build work together, and others are refused before anything of theirs is
 * touched: the registration of a transport, and a client that another libweir opened. */
#include "client/client_internal.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const uint64_t next_version = CLIENT_INTERFACE + ((uint64_t)1 << 32);

static void test_start(struct client_transport *transport, struct client_request *request)
{
    (void)transport;
    request->status = error_set(&request->error, WEIR_UNREACHABLE, "nobody is here");
    request->complete(request);
}

static void test_cancel(struct client_transport *transport, struct client_request *request)
{
    (void)transport;
    (void)request;
}

static void test_close(struct client_transport *transport)
{
    (void)transport;
}

static enum weir_status test_open(const char *endpoint, const struct weir_client_options *options,
                                  struct weir_env *env, struct client_transport **ret_transport,
                                  struct weir_error *err)
{
    static const struct client_transport_ops ops = {
        .start = test_start, .cancel = test_cancel, .close = test_close};
    static struct client_transport transport = {&ops};
    (void)endpoint;
    (void)options;
    (void)env;
    (void)err;
    *ret_transport = &transport;
    return WEIR_OK;
}

static enum weir_status open_client(const char *endpoint, struct weir_client **ret_client,
                                    struct weir_error *err)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    options.endpoint_url = endpoint;
    return weir_client_open(&options, ret_client, err);
}

static void a_transport_of_the_same_build_is_registered(void **state)
{
    struct weir_client *client = NULL;
    struct weir_error err = {0};
    (void)state;
    assert_int_equal(weir_transport_register(CLIENT_INTERFACE, "same", test_open, &err), WEIR_OK);
    assert_int_equal(open_client("same:", &client, &err), WEIR_OK);
    assert_int_equal(client_check(client, &err), WEIR_OK);
    weir_client_close(client);
}

static void a_transport_of_another_version_is_refused_and_both_are_named(void **state)
{
    struct weir_client *client = NULL;
    struct weir_error err = {0};
    char other[32];
    (void)state;
    assert_int_equal(weir_transport_register(next_version, "later", test_open, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, weir_version()));
    (void)snprintf(other, sizeof(other), "%u.%u.%u", (weir_version_number() + 1) >> 16,
                   (weir_version_number() + 1) >> 8 & 0xff, (weir_version_number() + 1) & 0xff);
    assert_non_null(strstr(err.message, other));
    assert_int_equal(open_client("later:", &client, &err), WEIR_CONFIG);
    assert_null(client);
}

static void a_transport_of_another_build_of_one_version_is_refused(void **state)
{
    struct weir_error err = {0};
    (void)state;
    assert_int_equal(weir_transport_register(CLIENT_INTERFACE ^ 8, "other", test_open, &err),
                     WEIR_CONFIG);
    assert_int_equal(weir_transport_register(0, "other", test_open, NULL), WEIR_CONFIG);
}

/* The sizes have 16, 8 and 8 bits, the largest the client's own on top. */
static void sizes_do_not_run_into_the_version(void **state)
{
    (void)state;
    assert_true(sizeof(struct client_request) + sizeof(struct weir_client) <= UINT16_MAX);
    assert_true(sizeof(struct weir_value) <= UINT8_MAX);
    assert_true(sizeof(struct loop_ops) <= UINT8_MAX);
    assert_int_equal(client_interface() >> 32, weir_version_number());
}

static void a_client_of_another_version_is_refused(void **state)
{
    struct weir_client *client = NULL;
    struct weir_error err = {0};
    (void)state;
    assert_int_equal(weir_transport_register(CLIENT_INTERFACE, "same", test_open, &err), WEIR_OK);
    assert_int_equal(open_client("same:", &client, &err), WEIR_OK);
    client->interface = next_version;
    assert_int_equal(client_check(client, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "of one build"));
    weir_client_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transport_of_the_same_build_is_registered),
        cmocka_unit_test(a_transport_of_another_version_is_refused_and_both_are_named),
        cmocka_unit_test(a_transport_of_another_build_of_one_version_is_refused),
        cmocka_unit_test(sizes_do_not_run_into_the_version),
        cmocka_unit_test(a_client_of_another_version_is_refused),
    };
    return cmocka_run_group_tests_name("client/interface", tests, NULL, NULL);
}
