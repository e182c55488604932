/* SPDX-License-Identifier: Apache-2.0 */
/* The head's checks by themselves. */
#include "server/check.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const names[] = {"weir.example", "db", NULL};

static void rules_make(struct host_rules *rules, const char *address)
{
    assert_true(host_rules_init(rules, address, names));
}

static void assert_host(const struct host_rules *rules, const char *host, bool allowed)
{
    if (host_allowed(rules, bytes_str(host)) != allowed) {
        fail_msg("Host: %s should be %s", host, allowed ? "allowed" : "refused");
    }
}

static void host_is_loopback_own_address_or_a_given_name(void **state)
{
    (void)state;
    static const char *const good[] = {
        "localhost",  "LOCALHOST:8000", "127.0.0.1",        "127.0.0.1:1",  "127.9.8.7:65535",
        "[::1]",      "[::1]:8000",     "weir.example:443", "WEIR.example", "db",
        "10.1.2.3:1", "app.localhost",  "localhost:",
    };
    static const char *const bad[] = {
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.1.2.4",
        "xlocalhost",
        "[]",
        "localhost:x",
        "[::1",
        "[::1]x",
        "[::2]",
        "localhost:65536",
        "128.0.0.1",
        "weir.example.evil",
        "2130706433",
        "localhost:99999999999999999999",
    };
    struct host_rules rules;
    rules_make(&rules, "10.1.2.3");
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_host(&rules, good[i], true);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_host(&rules, bad[i], false);
    }
    host_rules_fini(&rules);
}

static void host_may_be_any_address_when_bound_to_all(void **state)
{
    (void)state;
    struct host_rules rules;
    rules_make(&rules, "0.0.0.0");
    assert_host(&rules, "192.168.1.5:8000", true);
    assert_host(&rules, "[fe80::1]", true);
    assert_host(&rules, "evil.example", false);
    host_rules_fini(&rules);
}

static void origin_is_loopback_or_a_given_name(void **state)
{
    (void)state;
    struct host_rules rules;
    rules_make(&rules, "127.0.0.1");
    assert_true(origin_allowed(&rules, BYTES_LIT("http://localhost:3000")));
    assert_true(origin_allowed(&rules, BYTES_LIT("https://127.0.0.1")));
    assert_true(origin_allowed(&rules, BYTES_LIT("http://weir.example")));
    assert_false(origin_allowed(&rules, BYTES_LIT("null")));
    assert_false(origin_allowed(&rules, BYTES_LIT("http://evil.example")));
    assert_false(origin_allowed(&rules, BYTES_LIT("localhost")));
    assert_false(origin_allowed(&rules, BYTES_LIT("http://")));
    host_rules_fini(&rules);
}

static void accept_encoding_takes_gzip_unless_its_quality_is_zero(void **state)
{
    (void)state;
    assert_true(accepts_gzip(BYTES_LIT("gzip")));
    assert_true(accepts_gzip(BYTES_LIT("deflate, GZIP;q=0.5, br")));
    assert_true(accepts_gzip(BYTES_LIT("gzip ; q=1")));
    assert_false(accepts_gzip(BYTES_LIT("identity")));
    assert_false(accepts_gzip(BYTES_LIT("gzip;q=0")));
    assert_false(accepts_gzip(BYTES_LIT("gzip; q=0.000")));
    assert_false(accepts_gzip(BYTES_LIT("xgzip, gzipx")));
    assert_false(accepts_gzip(BYTES_LIT("")));
}

static int status_with(const char *name, const char *value, const char *name2, const char *value2)
{
    struct host_rules rules;
    rules_make(&rules, "127.0.0.1");
    struct request_head head = {.method = METHOD_POST};
    head_add(&head, BYTES_LIT("Host"), BYTES_LIT("localhost"));
    head_add(&head, bytes_str(name), bytes_str(value));
    if (name2 != NULL) {
        head_add(&head, bytes_str(name2), bytes_str(value2));
    }
    int status = head_check(&head, &rules).status;
    host_rules_fini(&rules);
    return status;
}

static void framing_must_be_unambiguous(void **state)
{
    (void)state;
    assert_int_equal(status_with("Content-Length", "5", NULL, NULL), 0);
    assert_int_equal(status_with("Content-Length", "5", "content-length", "5"), 400);
    assert_int_equal(status_with("Content-Length", "5", "Transfer-Encoding", "chunked"), 400);
    assert_int_equal(status_with("Content-Length", "-5", NULL, NULL), 400);
    assert_int_equal(status_with("Content-Length", "+5", NULL, NULL), 400);
    assert_int_equal(status_with("Content-Length", "", NULL, NULL), 400);
    assert_int_equal(status_with("Content-Length", "99999999999999999999", NULL, NULL), 400);
    assert_int_equal(status_with("Content-Length ", "5", NULL, NULL), 400);
    assert_int_equal(status_with("X\tY", "5", NULL, NULL), 400);
    assert_int_equal(status_with("Transfer-Encoding", "chunked", NULL, NULL), 0);
    assert_int_equal(status_with("Transfer-Encoding", "gzip, chunked", NULL, NULL), 400);
    assert_int_equal(status_with("Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked"),
                     400);
    assert_int_equal(status_with("Host", "localhost", NULL, NULL), 400);
}

static void body_may_have_exactly_its_limit(void **state)
{
    (void)state;
    char text[32];
    (void)snprintf(text, sizeof(text), "%d", LIMIT_BODY_BYTES);
    assert_int_equal(status_with("Content-Length", text, NULL, NULL), 0);
    (void)snprintf(text, sizeof(text), "%d", LIMIT_BODY_BYTES + 1);
    assert_int_equal(status_with("Content-Length", text, NULL, NULL), 413);
}

static void content_coding_is_gzip_or_none(void **state)
{
    (void)state;
    assert_int_equal(status_with("Content-Encoding", "gzip", NULL, NULL), 0);
    assert_int_equal(status_with("Content-Encoding", "identity", NULL, NULL), 0);
    assert_int_equal(status_with("Content-Encoding", "br", NULL, NULL), 415);
}

static void wait_is_a_number_and_cut_to_its_limit(void **state)
{
    (void)state;
    struct request_head head = {0};
    head_add(&head, BYTES_LIT("x-weir-wait-ms"), BYTES_LIT("1500"));
    assert_int_equal(head.wait_ms, 1500);
    head_add(&head, BYTES_LIT("X-Weir-Wait-Ms"), BYTES_LIT("99999999"));
    assert_int_equal(head.wait_ms, LIMIT_WAIT_MS);
    assert_int_equal(status_with("X-Weir-Wait-Ms", "soon", NULL, NULL), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_is_loopback_own_address_or_a_given_name),
        cmocka_unit_test(host_may_be_any_address_when_bound_to_all),
        cmocka_unit_test(origin_is_loopback_or_a_given_name),
        cmocka_unit_test(accept_encoding_takes_gzip_unless_its_quality_is_zero),
        cmocka_unit_test(framing_must_be_unambiguous),
        cmocka_unit_test(body_may_have_exactly_its_limit),
        cmocka_unit_test(content_coding_is_gzip_or_none),
        cmocka_unit_test(wait_is_a_number_and_cut_to_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
