/* SPDX-License-Identifier: Apache-2.0 */
/* What a client library makes of the server: libcurl, with its own ideas of Expect and gzip. */
#include "harness.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
    buf_put(arg, bytes_of(data, size * count));
    return size * count;
}

static CURL *curl_new(struct harness *h, struct buf *answer)
{
    char url[64];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", h->port);
    CURL *curl = curl_easy_init();
    assert_non_null(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    return curl;
}

static long perform(CURL *curl, const char *target, struct weir_bytes body)
{
    struct curl_slist *headers = curl_slist_append(NULL, target);
    long status = 0;
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)body.ptr);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body.len);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    return status;
}

/* A body of 2 MB: libcurl sends Expect: 100-continue by itself. */
static void large_body_round_trip(void **state)
{
    const size_t size = (size_t)2 * 1024 * 1024;
    uint8_t *body = malloc(size);
    struct buf answer;
    buf_init(&answer, 2 * size);
    memset(body, 'x', size);
    memcpy(body, "{\"a\":\"", 6);
    memcpy(body + size - 2, "\"}", 2);
    CURL *curl = curl_new(*state, &answer);
    assert_int_equal(perform(curl, "X-Amz-Target: DynamoDB_20120810.Echo", bytes_of(body, size)),
                     200);
    assert_true(bytes_eq(buf_bytes(&answer), bytes_of(body, size)));
    curl_easy_cleanup(curl);
    buf_fini(&answer);
    free(body);
}

static void one_connection_serves_many_requests_in_gzip(void **state)
{
    struct harness *h = *state;
    struct buf answer;
    buf_init(&answer, LIMIT_BODY_BYTES);
    CURL *curl = curl_new(h, &answer);
    (void)curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
    for (int i = 0; i < 50; i++) {
        buf_reset(&answer);
        assert_int_equal(
            perform(curl, "X-Amz-Target: DynamoDB_20120810.Long", BYTES_LIT("{\"Length\":3000}")),
            200);
        assert_int_equal(answer.len, 3000 + strlen("{\"Text\":\"\"}"));
    }
    curl_easy_cleanup(curl);
    buf_fini(&answer);
    struct server_figures figures;
    server_read_figures(h->server, &figures);
    assert_int_equal(figures.connections, 1);
    assert_int_equal(figures.requests, 50);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(large_body_round_trip),
        TEST(one_connection_serves_many_requests_in_gzip),
    };
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
