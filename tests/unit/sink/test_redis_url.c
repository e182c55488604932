/* SPDX-License-Identifier: Apache-2.0 */
/* The table of redis URLs. */
#include "unit/sink/sink_fixture.h"

#include "sink/sink_redis_url.h"

static void urls_that_are_good(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host;
        unsigned port;
        const char *user, *password;
        unsigned database;
    } cases[] = {
        {"redis://localhost", "localhost", 6379, "", "", 0},
        {"redis://localhost/", "localhost", 6379, "", "", 0},
        {"redis://10.0.0.1:6380/3", "10.0.0.1", 6380, "", "", 3},
        {"redis://:secret@h:1", "h", 1, "", "secret", 0},
        {"redis://bob:s%3a%40%2F%25@h/15", "h", 6379, "bob", "s:@/%", 15},
        {"redis://:p%41@h", "h", 6379, "", "pA", 0},
        {"redis://[::1]:6381/2", "::1", 6381, "", "", 2},
        {"redis://[fe80::2]", "fe80::2", 6379, "", "", 0},
        {"redis://h:65535/65536", "h", 65535, "", "", 65536},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_url url;
        struct weir_error err = {0};
        if (redis_url_parse(cases[i].url, &url, &err) != WEIR_OK) {
            fail_msg("%s: %s", cases[i].url, err.message);
        }
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        assert_string_equal(url.user, cases[i].user);
        assert_string_equal(url.password, cases[i].password);
        assert_int_equal(url.database, cases[i].database);
    }
}

static void urls_that_are_refused_with_their_reason(void **state)
{
    (void)state;
    static const struct {
        const char *url, *says;
    } cases[] = {
        {"", "begin with redis://"},
        {"localhost:6379", "begin with redis://"},
        {"rediss://h", "TLS"},
        {"redis://", "host is missing"},
        {"redis://:6379", "host is missing"},
        {"redis://h:", "port"},
        {"redis://h:0", "port"},
        {"redis://h:65536", "port"},
        {"redis://h:99999999999", "port"},
        {"redis://h:6a", "port"},
        {"redis://h/x", "database"},
        {"redis://h/-1", "database"},
        {"redis://h/65537", "database"},
        {"redis://h/0?a=b", "database"},
        {"redis://[::1", "brackets"},
        {"redis://[::1]x", "brackets"},
        {"redis://secret@h", "user:password"},
        {"redis://@h", "user:password"},
        {"redis://:secret%@h", "encoded"},
        {"redis://:secret%4@h", "encoded"},
        {"redis://:secret%zz@h", "encoded"},
        {"redis://:secret%00@h", "encoded"},
        {"redis://h?secret", "host"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_url url;
        struct weir_error err = {0};
        if (redis_url_parse(cases[i].url, &url, &err) != WEIR_CONFIG) {
            fail_msg("%s was taken", cases[i].url);
        }
        assert_says(err.message, cases[i].says);
        assert_null(strstr(err.message, "secret"));
    }
}

static void texts_that_are_too_long_are_refused(void **state)
{
    (void)state;
    char url[700];
    struct redis_url parsed;
    (void)snprintf(url, sizeof(url), "redis://%0255d", 0);
    assert_int_equal(redis_url_parse(url, &parsed, NULL), WEIR_OK);
    (void)snprintf(url, sizeof(url), "redis://%0256d", 0);
    assert_int_equal(redis_url_parse(url, &parsed, NULL), WEIR_CONFIG);
    (void)snprintf(url, sizeof(url), "redis://:%0511d@h", 0);
    assert_int_equal(redis_url_parse(url, &parsed, NULL), WEIR_OK);
    (void)snprintf(url, sizeof(url), "redis://:%0512d@h", 0);
    assert_int_equal(redis_url_parse(url, &parsed, NULL), WEIR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_that_are_good),
        cmocka_unit_test(urls_that_are_refused_with_their_reason),
        cmocka_unit_test(texts_that_are_too_long_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
