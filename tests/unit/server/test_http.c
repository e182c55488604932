/* SPDX-License-Identifier: Apache-2.0 */
/* The wire: framing, limits, headers, pages. */
#include "harness.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define HOST "Host: localhost\r\n"
#define TARGET "X-Amz-Target: DynamoDB_20120810.Echo\r\n"

static struct harness *harness(void **state)
{
    return *state;
}

static void health_pages_answer(void **state)
{
    struct http_answer answer;
    exchange(harness(state), "GET / HTTP/1.1\r\n" HOST "\r\n", &answer);
    assert_int_equal(answer.status, 200);
    assert_body_is(&answer, "healthy: weir\n");
    http_answer_fini(&answer);
    assert_status(harness(state), "GET /livez HTTP/1.1\r\n" HOST "\r\n", 200);
    assert_status(harness(state), "GET /readyz HTTP/1.1\r\n" HOST "\r\n", 200);
    assert_status(harness(state), "GET /nowhere HTTP/1.1\r\n" HOST "\r\n", 404);
}

static void metrics_count_requests_and_operations(void **state)
{
    struct harness *h = harness(state);
    assert_status(h, "POST / HTTP/1.1\r\n" HOST TARGET "Content-Length: 2\r\n\r\n{}", 200);
    assert_status(h, "PUT / HTTP/1.1\r\n" HOST "\r\n", 405);
    struct http_answer answer;
    exchange(h, "GET /metrics HTTP/1.1\r\n" HOST "\r\n", &answer);
    buf_put_u8(&answer.body, 0);
    const char *text = (const char *)answer.body.ptr;
    assert_non_null(strstr(text, "\nweir_server_requests_total 3\n"));
    assert_non_null(strstr(text, "\nweir_server_errors_total 1\n"));
    assert_non_null(strstr(text, "\nweir_server_connections_total 3\n"));
    assert_non_null(strstr(text, "\nweir_server_operations_total{operation=\"Echo\"} 1\n"));
    assert_non_null(strstr(text, "\nweir_server_operations_total{operation=\"Hold\"} 0\n"));
    http_answer_fini(&answer);
    struct server_figures figures;
    server_read_figures(h->server, &figures);
    assert_int_equal(figures.requests, 3);
    assert_int_equal(figures.errors, 1);
    assert_int_equal(figures.connections, 3);
}

static int render_unready(void *arg, struct buf *body)
{
    buf_put_str(body, arg);
    return 503;
}

static void mounted_page_hides_the_earlier_of_its_path(void **state)
{
    char reasons[] = "{\"reasons\":[]}";
    struct server_page page = {"/readyz", "application/json", render_unready, reasons};
    assert_int_equal(server_mount(harness(state)->server, &page), WEIR_OK);
    struct http_answer answer;
    exchange(harness(state), "GET /readyz HTTP/1.1\r\n" HOST "\r\n", &answer);
    assert_int_equal(answer.status, 503);
    assert_body_is(&answer, reasons);
    char type[64];
    assert_true(http_header(&answer, "Content-Type", type, sizeof(type)));
    assert_string_equal(type, "application/json");
    http_answer_fini(&answer);
}

static void answer_has_the_protocols_headers(void **state)
{
    struct http_client client;
    struct http_answer answer;
    char first[64];
    char text[64];
    http_open(&client, harness(state)->port);
    http_post(&client, "Echo", BYTES_LIT("{\"a\":[1,\"x\"]}"), "");
    http_read(&client, &answer);
    assert_int_equal(answer.status, 200);
    assert_body_is(&answer, "{\"a\":[1,\"x\"]}");
    assert_crc_is_right(&answer);
    assert_true(http_header(&answer, "Content-Type", text, sizeof(text)));
    assert_string_equal(text, "application/x-amz-json-1.0");
    assert_true(http_header(&answer, "Server", text, sizeof(text)));
    assert_string_equal(text, "weir");
    assert_true(http_header(&answer, "x-amzn-RequestId", first, sizeof(first)));
    assert_int_equal(strlen(first), 32);
    assert_false(http_header(&answer, "Connection", text, sizeof(text)));
    http_answer_fini(&answer);
    http_post(&client, "Echo", BYTES_LIT("{}"), "");
    http_read(&client, &answer);
    assert_true(http_header(&answer, "x-amzn-RequestId", text, sizeof(text)));
    assert_string_not_equal(first, text);
    http_answer_fini(&answer);
    http_close(&client);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct http_client client;
    char body[32];
    http_open(&client, harness(state)->port);
    for (int i = 0; i < 50; i++) {
        (void)snprintf(body, sizeof(body), "{\"n\":%d}", i);
        http_post(&client, i % 2 == 0 ? "Echo" : "WakeAtOnce", bytes_str(body), "");
    }
    for (int i = 0; i < 50; i++) {
        struct http_answer answer;
        http_read(&client, &answer);
        (void)snprintf(body, sizeof(body), "{\"n\":%d}", i);
        assert_body_is(&answer, body);
        http_answer_fini(&answer);
    }
    http_close(&client);
}

static void chunked_body_is_put_together(void **state)
{
    struct http_answer answer;
    exchange(harness(state),
             "POST / HTTP/1.1\r\n" HOST TARGET "Transfer-Encoding: chunked\r\n\r\n"
             "3\r\n{\"a\r\n4;x=y\r\n\":[1\r\n2\r\n]}\r\n0\r\nTrailer: t\r\n\r\n",
             &answer);
    assert_int_equal(answer.status, 200);
    assert_body_is(&answer, "{\"a\":[1]}");
    http_answer_fini(&answer);
}

static void chunked_body_over_the_limit_is_refused(void **state)
{
    struct http_client client;
    struct http_answer answer;
    char *piece = malloc(1024 * 1024);
    memset(piece, ' ', 1024 * 1024);
    http_open(&client, harness(state)->port);
    http_send_str(&client, "POST / HTTP/1.1\r\n" HOST TARGET "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 17; i++) {
        http_send_str(&client, "100000\r\n");
        http_send(&client, bytes_of(piece, 1024 * 1024));
        http_send_str(&client, "\r\n");
    }
    http_send_str(&client, "0\r\n\r\n");
    http_read(&client, &answer);
    assert_int_equal(answer.status, 413);
    assert_crc_is_right(&answer);
    http_answer_fini(&answer);
    /* It was read to its end, so the connection goes on. */
    http_post(&client, "Echo", BYTES_LIT("{}"), "");
    http_read(&client, &answer);
    assert_int_equal(answer.status, 200);
    http_answer_fini(&answer);
    http_close(&client);
    free(piece);
}

static void large_bodies_share_a_bound(void **state)
{
    struct http_client first;
    struct http_client second;
    struct http_answer answer;
    const size_t size = (size_t)900 * 1024;
    uint8_t *body = malloc(size);
    memset(body, ' ', size);
    memcpy(body, "{}", 2);
    http_open(&first, harness(state)->port);
    http_open(&second, harness(state)->port);
    /* It holds its room until it is answered. */
    http_post(&first, "Hold", bytes_of(body, size), "");
    await_held(harness(state), 1);
    http_post(&second, "Echo", bytes_of(body, size), "");
    http_read(&second, &answer);
    assert_int_equal(answer.status, 503);
    http_answer_fini(&answer);
    http_post(&second, "Echo", BYTES_LIT("{}"), "");
    http_read(&second, &answer);
    assert_int_equal(answer.status, 200);
    http_answer_fini(&answer);
    fake_release(harness(state)->api);
    http_read(&first, &answer);
    assert_int_equal(answer.status, 200);
    http_answer_fini(&answer);
    http_close(&first);
    AWAIT(harness(state), open, 1);
    http_post(&second, "Echo", bytes_of(body, size), "");
    http_read(&second, &answer);
    assert_int_equal(answer.status, 200);
    http_answer_fini(&answer);
    http_close(&second);
    free(body);
}

static void body_of_exactly_the_limit_is_taken(void **state)
{
    struct http_client client;
    struct http_answer answer;
    uint8_t *body = malloc(LIMIT_BODY_BYTES);
    memset(body, ' ', LIMIT_BODY_BYTES);
    memcpy(body, "{\"a\":1}", 7);
    http_open(&client, harness(state)->port);
    http_post(&client, "Echo", bytes_of(body, LIMIT_BODY_BYTES), "");
    http_read(&client, &answer);
    assert_int_equal(answer.status, 200);
    assert_body_is(&answer, "{\"a\":1}");
    http_answer_fini(&answer);
    http_close(&client);
    free(body);
    AWAIT(harness(state), away, 1);
}

static void expect_is_continued_or_refused_before_the_body(void **state)
{
    struct http_client client;
    struct http_answer answer;
    http_open(&client, harness(state)->port);
    http_send_str(&client, "POST / HTTP/1.1\r\n" HOST TARGET
                           "Expect: 100-continue\r\nContent-Length: 7\r\n\r\n");
    http_read(&client, &answer);
    assert_int_equal(answer.status, 100);
    http_answer_fini(&answer);
    http_send_str(&client, "{\"a\":1}");
    http_read(&client, &answer);
    assert_body_is(&answer, "{\"a\":1}");
    http_answer_fini(&answer);
    http_close(&client);
    assert_status(harness(state),
                  "POST / HTTP/1.1\r\n" HOST TARGET
                  "Expect: 100-continue\r\nContent-Length: 16777217\r\n\r\n",
                  413);
    assert_status(harness(state),
                  "POST / HTTP/1.1\r\n" HOST TARGET "Content-Length: 16777217\r\n\r\n{", 413);
}

static void assert_json_refused(void **state, struct weir_bytes body)
{
    struct http_client client;
    struct http_answer answer;
    http_open(&client, harness(state)->port);
    http_post(&client, "Echo", body, "");
    http_read(&client, &answer);
    assert_int_equal(answer.status, 400);
    assert_non_null(memmem(answer.body.ptr, answer.body.len, "SerializationException", 22));
    assert_crc_is_right(&answer);
    http_answer_fini(&answer);
    /* And the connection goes on. */
    http_post(&client, "Echo", BYTES_LIT("{}"), "");
    http_read(&client, &answer);
    assert_int_equal(answer.status, 200);
    http_answer_fini(&answer);
    http_close(&client);
}

static void broken_json_is_a_serialization_error(void **state)
{
    assert_json_refused(state, BYTES_LIT(""));
    assert_json_refused(state, BYTES_LIT("{\"a\":"));
    assert_json_refused(state, BYTES_LIT("{} {}"));
    assert_json_refused(state, BYTES_LIT("{\"a\":\"\xff\"}"));
    char nested[200000];
    memset(nested, '[', 100000);
    memset(nested + 100000, ']', 100000);
    assert_json_refused(state, bytes_of(nested, 100000));
    assert_json_refused(state, bytes_of(nested, sizeof(nested)));
}

static void broken_json_in_a_large_body_is_a_serialization_error(void **state)
{
    size_t size = SERVER_OFF_LOOP_BYTES + 1;
    uint8_t *body = malloc(size);
    memset(body, '[', size);
    assert_json_refused(state, bytes_of(body, size));
    free(body);
    AWAIT(harness(state), away, 1);
}

static void operation_must_be_named_and_known(void **state)
{
    struct http_answer answer;
    exchange(harness(state), "POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", &answer);
    assert_int_equal(answer.status, 400);
    assert_body_is(&answer, "{\"__type\":\"com.amazon.coral.service#UnknownOperationException\"}");
    http_answer_fini(&answer);
    exchange(harness(state),
             "POST / HTTP/1.1\r\n" HOST
             "X-Amz-Target: DynamoDB_20120810.Nonsense\r\nContent-Length: 2\r\n\r\n{}",
             &answer);
    assert_int_equal(answer.status, 400);
    assert_non_null(memmem(answer.body.ptr, answer.body.len, "UnknownOperation", 16));
    http_answer_fini(&answer);
}

static void assert_refused_and_closed(void **state, const char *text, int status)
{
    struct http_client client;
    struct http_answer answer;
    http_open(&client, harness(state)->port);
    http_send_str(&client, text);
    http_read(&client, &answer);
    if (answer.status != status) {
        fail_msg("%d instead of %d for\n%s", answer.status, status, text);
    }
    assert_true(http_ended(&client));
    http_answer_fini(&answer);
    http_close(&client);
}

static void ambiguous_framing_is_refused_and_the_connection_closed(void **state)
{
#define START "POST / HTTP/1.1\r\n" HOST TARGET
    assert_refused_and_closed(
        state, START "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" START "\r\n", 400);
    assert_refused_and_closed(
        state, START "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        400);
    assert_refused_and_closed(state, START "Content-Length : 2\r\n\r\n{}", 400);
    assert_refused_and_closed(state, START "X-Any : 2\r\nContent-Length: 2\r\n\r\n{}", 400);
    assert_refused_and_closed(state, START "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                              400);
#undef START
}

static void methods_other_than_three_are_refused(void **state)
{
    struct http_answer answer;
    char allow[64];
    exchange(harness(state), "DELETE / HTTP/1.1\r\n" HOST "\r\n", &answer);
    assert_int_equal(answer.status, 405);
    assert_true(http_header(&answer, "Allow", allow, sizeof(allow)));
    assert_string_equal(allow, "POST, GET, OPTIONS");
    http_answer_fini(&answer);
    assert_status(harness(state), "POST /x HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 404);
}

/* libmicrohttpd's own answer, not JSON; the rest of the server does not notice. */
static void huge_headers_are_refused(void **state)
{
    struct http_client client;
    struct http_answer answer;
    struct buf text;
    buf_init(&text, (size_t)4 * LIMIT_HEADER_BYTES);
    buf_put_str(&text, "GET / HTTP/1.1\r\n" HOST "X-Long: ");
    while (text.len < (size_t)2 * LIMIT_HEADER_BYTES) {
        buf_put_u8(&text, 'x');
    }
    buf_put_str(&text, "\r\n\r\n");
    http_open(&client, harness(state)->port);
    http_send(&client, buf_bytes(&text));
    http_read(&client, &answer);
    assert_true(answer.status == 431 || answer.status == 413);
    http_answer_fini(&answer);
    http_close(&client);
    buf_fini(&text);
    assert_status(harness(state), "GET / HTTP/1.1\r\n" HOST "\r\n", 200);
}

static void foreign_host_and_origin_are_refused(void **state)
{
    struct harness *h = harness(state);
    assert_status(h, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421);
    assert_status(h, "GET / HTTP/1.1\r\nHost: weir.example:80\r\n\r\n", 200);
    assert_status(h, "GET / HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\n\r\n", 403);
    assert_status(h, "OPTIONS / HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\n\r\n", 403);
    assert_status(h, "GET / HTTP/1.0\r\n\r\n", 200);
}

static void loopback_origin_gets_cross_origin_headers(void **state)
{
    struct http_answer answer;
    char text[128];
    exchange(harness(state),
             "OPTIONS / HTTP/1.1\r\n" HOST "Origin: http://localhost:3000\r\n"
             "Access-Control-Request-Headers: x-amz-target\r\n\r\n",
             &answer);
    assert_int_equal(answer.status, 204);
    assert_true(http_header(&answer, "Access-Control-Allow-Origin", text, sizeof(text)));
    assert_string_equal(text, "http://localhost:3000");
    assert_true(http_header(&answer, "Access-Control-Allow-Headers", text, sizeof(text)));
    assert_string_equal(text, "x-amz-target");
    http_answer_fini(&answer);
    exchange(harness(state),
             "POST / HTTP/1.1\r\n" HOST TARGET
             "Origin: http://localhost:3000\r\nContent-Length: 2\r\n\r\n{}",
             &answer);
    assert_true(http_header(&answer, "Access-Control-Allow-Origin", text, sizeof(text)));
    http_answer_fini(&answer);
}

static void gzip_answer_is_for_who_asks_and_long_ones(void **state)
{
    static const char *const lengths[] = {"{\"Length\":5000}", "{\"Length\":500000}"};
    for (size_t i = 0; i < 2; i++) {
        struct http_client client;
        struct http_answer answer;
        struct buf plain;
        char text[64];
        http_open(&client, harness(state)->port);
        http_post(&client, "Long", bytes_str(lengths[i]), "Accept-Encoding: gzip\r\n");
        http_read(&client, &answer);
        assert_true(http_header(&answer, "Content-Encoding", text, sizeof(text)));
        assert_string_equal(text, "gzip");
        assert_crc_is_right(&answer);
        buf_init(&plain, LIMIT_BODY_BYTES);
        assert_int_equal(gzip_unpack(buf_bytes(&answer.body), &plain), WEIR_OK);
        http_answer_fini(&answer);
        http_post(&client, "Long", bytes_str(lengths[i]), "Accept-Encoding: identity\r\n");
        http_read(&client, &answer);
        assert_false(http_header(&answer, "Content-Encoding", text, sizeof(text)));
        assert_crc_is_right(&answer);
        assert_true(bytes_eq(buf_bytes(&plain), buf_bytes(&answer.body)));
        http_answer_fini(&answer);
        http_post(&client, "Echo", BYTES_LIT("{}"), "Accept-Encoding: gzip\r\n");
        http_read(&client, &answer);
        assert_false(http_header(&answer, "Content-Encoding", text, sizeof(text)));
        http_answer_fini(&answer);
        buf_fini(&plain);
        http_close(&client);
    }
}

/* The gzip of `plain` as a request; returns the answer's status. */
static int post_packed(void **state, struct weir_bytes plain, size_t cut, struct buf *ret_body)
{
    struct gzip gzip = {0};
    struct buf packed;
    struct http_client client;
    struct http_answer answer;
    buf_init(&packed, (size_t)2 * LIMIT_BODY_BYTES);
    assert_true(gzip_pack(&gzip, plain, &packed));
    gzip_fini(&gzip);
    http_open(&client, harness(state)->port);
    http_post(&client, "Echo", bytes_of(packed.ptr, packed.len - cut),
              "Content-Encoding: gzip\r\n");
    http_read(&client, &answer);
    buf_put(ret_body, buf_bytes(&answer.body));
    int status = answer.status;
    http_answer_fini(&answer);
    http_close(&client);
    buf_fini(&packed);
    return status;
}

static void gzip_request_is_unpacked_with_a_bound(void **state)
{
    struct buf body;
    buf_init(&body, LIMIT_BODY_BYTES);
    assert_int_equal(post_packed(state, BYTES_LIT("{\"a\":1}"), 0, &body), 200);
    assert_true(bytes_eq_str(buf_bytes(&body), "{\"a\":1}"));
    assert_int_equal(post_packed(state, BYTES_LIT("{\"a\":1}"), 3, &body), 400);
    uint8_t *bomb = malloc(LIMIT_BODY_BYTES + 1);
    memset(bomb, ' ', LIMIT_BODY_BYTES + 1);
    bomb[0] = '1';
    assert_int_equal(post_packed(state, bytes_of(bomb, LIMIT_BODY_BYTES + 1), 0, &body), 413);
    assert_int_equal(post_packed(state, bytes_of(bomb, LIMIT_BODY_BYTES), 0, &body), 200);
    free(bomb);
    buf_fini(&body);
}

static void port_in_use_is_an_error_that_names_it(void **state)
{
    struct server_options options = {
        .api = harness(state)->api, .env = env_system(), .port = harness(state)->port};
    struct server *second = NULL;
    struct weir_error err = {0};
    char port[16];
    assert_int_equal(server_start(&options, &second, &err), WEIR_IO);
    assert_null(second);
    (void)snprintf(port, sizeof(port), "port %u", harness(state)->port);
    assert_non_null(strstr(err.message, "127.0.0.1"));
    assert_non_null(strstr(err.message, port));
    assert_non_null(strstr(err.message, "in use"));
}

static void address_that_is_not_ours_is_an_error(void **state)
{
    struct server_options options = {
        .api = harness(state)->api, .env = env_system(), .address = "192.0.2.1"};
    struct server *second = NULL;
    struct weir_error err = {0};
    assert_int_equal(server_start(&options, &second, &err), WEIR_IO);
    assert_non_null(strstr(err.message, "192.0.2.1"));
}

static void late_request_is_cut(void **state)
{
    static const char *const texts[] = {"", "PO", "POST / HTTP/1.1\r\nHost: loc",
                                        "POST / HTTP/1.1\r\n" HOST TARGET
                                        "Content-Length: 5\r\n\r\n{"};
    struct http_client clients[4];
    for (size_t i = 0; i < 4; i++) {
        http_open(&clients[i], harness(state)->port);
        http_send_str(&clients[i], texts[i]);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_true(http_ended(&clients[i]));
        http_close(&clients[i]);
    }
    AWAIT(harness(state), cut, 4);
    AWAIT(harness(state), open, 0);
}

static void trickled_request_is_cut_although_it_is_never_idle(void **state)
{
    struct http_client client;
    http_open(&client, harness(state)->port);
    http_send_str(&client, "POST / HTTP/1.1\r\n" HOST TARGET "Content-Length: 100000\r\n\r\n");
    struct front_counters counters = {0};
    for (int i = 0; i < 20000 && counters.cut == 0; i++) {
        http_send_str(&client, " ");
        (void)usleep(1000);
        server_read_counters(harness(state)->server, &counters);
    }
    assert_int_equal(counters.cut, 1);
    AWAIT(harness(state), open, 0);
    http_close(&client);
}

static void client_that_does_not_read_its_answer_is_cut(void **state)
{
    struct http_client client;
    http_open(&client, harness(state)->port);
    http_post(&client, "Long", BYTES_LIT("{\"Length\":33554432}"), "");
    AWAIT(harness(state), cut, 1);
    AWAIT(harness(state), open, 0);
    http_close(&client);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)
#define TEST_IMPATIENT(f) \
    cmocka_unit_test_setup_teardown(f, harness_setup_impatient, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(health_pages_answer),
        TEST(metrics_count_requests_and_operations),
        TEST(mounted_page_hides_the_earlier_of_its_path),
        TEST(answer_has_the_protocols_headers),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(chunked_body_is_put_together),
        TEST(chunked_body_over_the_limit_is_refused),
        cmocka_unit_test_setup_teardown(large_bodies_share_a_bound, harness_setup_cramped,
                                        harness_teardown),
        TEST(body_of_exactly_the_limit_is_taken),
        TEST(expect_is_continued_or_refused_before_the_body),
        TEST(broken_json_is_a_serialization_error),
        TEST(broken_json_in_a_large_body_is_a_serialization_error),
        TEST(operation_must_be_named_and_known),
        TEST(ambiguous_framing_is_refused_and_the_connection_closed),
        TEST(methods_other_than_three_are_refused),
        TEST(huge_headers_are_refused),
        TEST(foreign_host_and_origin_are_refused),
        TEST(loopback_origin_gets_cross_origin_headers),
        TEST(gzip_answer_is_for_who_asks_and_long_ones),
        TEST(gzip_request_is_unpacked_with_a_bound),
        TEST(port_in_use_is_an_error_that_names_it),
        TEST(address_that_is_not_ours_is_an_error),
        TEST_IMPATIENT(late_request_is_cut),
        TEST_IMPATIENT(trickled_request_is_cut_although_it_is_never_idle),
        TEST_IMPATIENT(client_that_does_not_read_its_answer_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
