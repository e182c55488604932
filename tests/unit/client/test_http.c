/* SPDX-License-Identifier: Apache-2.0 */
/* The client over HTTP against a scripted server: retries, outcomes, and what goes over the wire.
 */
#include "unit/client/client_fixture.h"

#include "aws/sigv4.h"
#include "base/fault.h"

#include <unistd.h>
#include <zlib.h>

#define PUT "{\"TableName\":\"t\",\"Item\":{\"pk\":{\"S\":\"a\"}}}"

static void write_is_retried_after_500(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {{.status = 500, .body = FAILURE("InternalServerError")},
                                        {.status = 200}};
    fixture_open(&f, steps, 2, 3);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_OK);
    assert_int_equal(script_server_count(f.server), 2);
    fixture_close(&f);
}

static void server_error_leaves_a_write_unknown_and_a_read_not_applied(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {{.status = 500, .body = FAILURE("InternalServerError")},
                                        {.status = 500, .body = FAILURE("InternalServerError")}};
    fixture_open(&f, steps, 2, 1);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_SERVER);
    assert_int_equal(f.err.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_int_equal(f.err.http_status, 500);
    assert_int_equal(fixture_call(&f, "GetItem", "{}"), WEIR_SERVER);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    fixture_close(&f);
}

static void error_of_the_service_is_kept_whole(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {
        {.status = 400, .body = FAILURE("ConditionalCheckFailedException")}};
    fixture_open(&f, steps, 1, 3);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_CONDITION_FAILED);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(f.err.http_status, 400);
    assert_int_equal(f.err.retryable, 0);
    assert_string_equal(f.err.code, "ConditionalCheckFailedException");
    assert_string_equal(f.err.message, "as scripted");
    assert_string_equal(f.err.request_id, "REQUEST0");
    assert_int_equal(script_server_count(f.server), 1);
    fixture_close(&f);
}

static void message_may_be_written_with_a_capital(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {
        {.status = 400, .body = "{\"__type\":\"SerializationException\",\"Message\":\"no\"}"}};
    fixture_open(&f, steps, 1, 3);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_SERIALIZATION);
    assert_string_equal(f.err.message, "no");
    fixture_close(&f);
}

static void cut_answer_leaves_a_write_unknown(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {{.action = SCRIPT_CUT_MID, .status = 200},
                                        {.action = SCRIPT_CUT}};
    fixture_open(&f, steps, 2, 1);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_UNREACHABLE);
    assert_int_equal(f.err.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_int_equal(f.err.retryable, 1);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_UNREACHABLE);
    assert_int_equal(f.err.outcome, WEIR_OUTCOME_UNKNOWN);
    fixture_close(&f);
}

static void read_is_retried_after_a_cut_answer(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {
        {.action = SCRIPT_CUT_MID, .status = 200}, {.action = SCRIPT_CUT}, {.status = 200}};
    fixture_open(&f, steps, 3, 5);
    assert_int_equal(fixture_call(&f, "GetItem", "{}"), WEIR_OK);
    fixture_close(&f);
}

static void failed_condition_after_an_unknown_attempt_stays_unknown(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {
        {.action = SCRIPT_CUT},
        {.status = 400, .body = FAILURE("ConditionalCheckFailedException")}};
    fixture_open(&f, steps, 2, 3);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_CONDITION_FAILED);
    assert_int_equal(f.err.outcome, WEIR_OUTCOME_UNKNOWN);
    fixture_close(&f);
}

static void update_that_adds_is_not_made_again_when_unknown(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {
        {.action = SCRIPT_CUT}, {.action = SCRIPT_CUT}, {.status = 200}};
    fixture_open(&f, steps, 3, 3);
    assert_int_equal(fixture_call(&f, "UpdateItem", "{\"UpdateExpression\":\"ADD n :one\"}"),
                     WEIR_UNREACHABLE);
    assert_int_equal(f.err.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_int_equal(script_server_count(f.server), 1);
    assert_int_equal(fixture_call(&f, "UpdateItem", "{\"UpdateExpression\":\"SET n = :one\"}"),
                     WEIR_OK);
    assert_int_equal(script_server_count(f.server), 3);
    fixture_close(&f);
}

static void update_that_adds_is_made_again_when_throttled(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {{.status = 400, .body = FAILURE("ThrottlingException")},
                                        {.status = 200}};
    fixture_open(&f, steps, 2, 3);
    assert_int_equal(fixture_call(&f, "UpdateItem", "{\"UpdateExpression\":\"ADD n :one\"}"),
                     WEIR_OK);
    assert_int_equal(script_server_count(f.server), 2);
    fixture_close(&f);
}

/* A write on a kept connection that the server closes must not be repeated below the client. */
static void write_on_a_dead_connection_is_sent_once(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {{.status = 200}, {.action = SCRIPT_CUT}, {.status = 200}};
    fixture_open(&f, steps, 3, 1);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_OK);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_UNREACHABLE);
    assert_int_equal(f.err.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_int_equal(script_server_count(f.server), 2);
    fixture_close(&f);
}

static void throttling_is_retried_until_attempts_run_out(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step throttled = {
        .status = 400, .body = FAILURE("ProvisionedThroughputExceededException")};
    const struct script_step steps[] = {throttled, throttled, throttled, {.status = 200}};
    fixture_open(&f, steps, 4, 3);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_PROVISIONED_EXCEEDED);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(f.err.retryable, 1);
    assert_int_equal(script_server_count(f.server), 3);
    fixture_close(&f);
}

static void answer_with_a_wrong_checksum_is_fetched_again(void **state)
{
    (void)state;
    struct fixture f;
    char good[64];
    (void)snprintf(good, sizeof(good), "x-amz-crc32: %lu\r\n",
                   (unsigned long)crc32(0, (const Bytef *)"{\"a\":1}", 7));
    const struct script_step steps[] = {
        {.status = 200, .body = "{\"a\":1}", .headers = "x-amz-crc32: 12345\r\n"},
        {.status = 200, .body = "{\"a\":1}", .headers = good}};
    fixture_open(&f, steps, 2, 3);
    assert_int_equal(fixture_call(&f, "GetItem", "{}"), WEIR_OK);
    assert_int_equal(script_server_count(f.server), 2);
    fixture_close(&f);
}

static void unreadable_success_is_a_protocol_error(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {{.status = 200, .body = "<html>"},
                                        {.status = 200, .body = "[]"},
                                        {.status = 404, .body = "<html>"}};
    fixture_open(&f, steps, 3, 1);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_PROTOCOL);
    assert_int_equal(f.err.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_int_equal(fixture_call(&f, "GetItem", "{}"), WEIR_PROTOCOL);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_SERVICE_OTHER);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    fixture_close(&f);
}

static void large_answer_arrives_whole(void **state)
{
    (void)state;
    struct fixture f;
    size_t len = (size_t)3 * 1024 * 1024;
    char *body = malloc(len + 16);
    assert_non_null(body);
    memcpy(body, "{\"text\":\"", 9);
    memset(body + 9, 'x', len);
    memcpy(body + 9 + len, "\"}", 3);
    const struct script_step steps[] = {{.status = 200, .body = body}};
    fixture_open(&f, steps, 1, 1);
    char *answer = NULL;
    size_t answer_len = 0;
    assert_int_equal(weir_call(f.client, "Scan", 4, "{}", 2, &answer, &answer_len, &f.err),
                     WEIR_OK);
    assert_int_equal(answer_len, len + 11);
    assert_string_equal(answer, body);
    weir_free(answer);
    free(body);
    fixture_close(&f);
}

static void time_out_leaves_a_write_unknown(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {{.action = SCRIPT_HANG}, {.action = SCRIPT_HANG}};
    fixture_open_with(&f, steps, 2,
                      (struct weir_client_options){.max_attempts = 1, .timeout_ms = 100}, NULL);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_TIMEOUT);
    assert_int_equal(f.err.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_int_equal(f.err.http_status, 0);
    assert_int_equal(fixture_call(&f, "GetItem", "{}"), WEIR_TIMEOUT);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    fixture_close(&f);
}

static enum weir_status call_at(const char *url, uint32_t max_attempts, struct weir_error *err)
{
    static const char *const pairs[] = {"AWS_EC2_METADATA_DISABLED", "true", NULL};
    struct aws_environment environment = {pairs_get, (void *)(uintptr_t)pairs};
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    struct weir_client *client = NULL;
    char *answer = NULL;
    options.endpoint_url = url;
    options.max_attempts = max_attempts;
    assert_int_equal(client_open_with(&options, &environment, env_system(), &client, err), WEIR_OK);
    enum weir_status status = weir_call(client, "PutItem", 7, PUT, strlen(PUT), &answer, NULL, err);
    weir_free(answer);
    weir_client_close(client);
    return status;
}

static void refused_connection_is_unreachable_and_not_applied(void **state)
{
    (void)state;
    char url[64];
    struct weir_error err = {0};
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", unused_port());
    assert_int_equal(call_at(url, 1, &err), WEIR_UNREACHABLE);
    assert_int_equal(err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(call_at(url, 3, &err), WEIR_UNREACHABLE);
    assert_int_equal(err.outcome, WEIR_NOT_APPLIED);
}

static void requests_to_others_need_credentials(void **state)
{
    (void)state;
    struct weir_error err = {0};
    assert_int_equal(call_at("http://192.0.2.1:1", 1, &err), WEIR_CREDENTIALS);
    assert_int_equal(err.outcome, WEIR_NOT_APPLIED);
}

static void request_is_what_the_protocol_asks_for(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 0, 1);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_OK);
    assert_int_equal(fixture_call(&f, "ListStreams", "{}"), WEIR_OK);
    const char *put = script_server_request(f.server, 0);
    assert_memory_equal(put, "POST / HTTP/1.1\r\n", 17);
    assert_non_null(strstr(put, "\r\nx-amz-target: DynamoDB_20120810.PutItem\r\n"));
    assert_non_null(strstr(put, "\r\ncontent-type: application/x-amz-json-1.0\r\n"));
    assert_non_null(strstr(put, "\r\naccept-encoding: identity\r\n"));
    assert_non_null(strstr(put, "\r\n\r\n" PUT));
    assert_null(strcasestr(put, "\r\nexpect:"));
    assert_null(strcasestr(put, "\r\ntransfer-encoding:"));
    assert_null(strcasestr(put, "\r\nauthorization:"));
    assert_non_null(strstr(script_server_request(f.server, 1),
                           "\r\nx-amz-target: DynamoDBStreams_20120810.ListStreams\r\n"));
    fixture_close(&f);
}

/* The value of a header as it went over the wire. */
static struct weir_bytes header_sent(const char *text, const char *name)
{
    char line[64];
    (void)snprintf(line, sizeof(line), "\r\n%s: ", name);
    const char *at = strcasestr(text, line);
    assert_non_null(at);
    at += strlen(line);
    return bytes_of(at, strcspn(at, "\r"));
}

/* Signs what was received, and compares with the signature that came with it. */
static void assert_signature_holds(const char *text)
{
    static const char *const names[] = {"content-type", "host", "x-amz-date",
                                        "x-amz-security-token", "x-amz-target"};
    struct sigv4_header headers[5];
    for (size_t i = 0; i < 5; i++) {
        headers[i] = (struct sigv4_header){bytes_str(names[i]), header_sent(text, names[i])};
    }
    struct sigv4_request request = {.method = BYTES_LIT("POST"),
                                    .path = BYTES_LIT("/"),
                                    .headers = headers,
                                    .header_count = 5,
                                    .body = bytes_str(strstr(text, "\r\n\r\n") + 4),
                                    .region = BYTES_LIT("eu-west-1"),
                                    .service = BYTES_LIT("dynamodb"),
                                    .normalize_path = true};
    struct sigv4_credentials credentials = {BYTES_LIT("AKID"), BYTES_LIT("secret"),
                                            BYTES_LIT("token")};
    struct sigv4_key key = {0};
    struct buf wanted;
    char date[SIGV4_DATE_SIZE];
    (void)snprintf(date, sizeof(date), "%.*s", BYTES_ARG(headers[2].value));
    buf_init(&wanted, 4096);
    assert_int_equal(sigv4_authorization(&request, &credentials, date, &key, &wanted), WEIR_OK);
    assert_true(bytes_eq(buf_bytes(&wanted), header_sent(text, "authorization")));
    buf_fini(&wanted);
}

static void request_is_signed_when_there_are_credentials(void **state)
{
    (void)state;
    struct fixture f;
    static const char *const pairs[] = {"AWS_ACCESS_KEY_ID",
                                        "AKID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "secret",
                                        "AWS_SESSION_TOKEN",
                                        "token",
                                        "AWS_REGION",
                                        "eu-west-1",
                                        NULL};
    fixture_open_with(&f, NULL, 0, (struct weir_client_options){.max_attempts = 1}, pairs);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_OK);
    const char *put = script_server_request(f.server, 0);
    const char *authorization = strstr(put, "\r\nauthorization: AWS4-HMAC-SHA256 Credential=AKID/");
    assert_non_null(authorization);
    assert_non_null(strstr(authorization, "/eu-west-1/dynamodb/aws4_request, SignedHeaders="
                                          "content-type;host;x-amz-date;x-amz-security-token;"
                                          "x-amz-target, Signature="));
    assert_non_null(strstr(put, "\r\nx-amz-security-token: token\r\n"));
    assert_null(strstr(put, "secret"));
    assert_signature_holds(put);
    fixture_close(&f);
}

static void tls_trusts_what_the_ca_bundle_names(void **state)
{
    (void)state;
    char ca_path[] = "/tmp/weir-ca-XXXXXX";
    int fd = mkstemp(ca_path);
    assert_true(fd >= 0);
    (void)close(fd);
    struct script_server *server = script_server_start_tls(NULL, 0, ca_path);
    for (int trusted = 0; trusted < 2; trusted++) {
        const char *const pairs[] = {"AWS_ACCESS_KEY_ID",
                                     "AKID",
                                     "AWS_SECRET_ACCESS_KEY",
                                     "secret",
                                     trusted == 1 ? "AWS_CA_BUNDLE" : "UNUSED",
                                     ca_path,
                                     NULL};
        struct aws_environment environment = {pairs_get, (void *)(uintptr_t)pairs};
        struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
        struct fixture f = {.server = server};
        char url[64];
        (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", script_server_port(server));
        options.endpoint_url = url;
        assert_int_equal(client_open_with(&options, &environment, env_system(), &f.client, &f.err),
                         WEIR_OK);
        assert_int_equal(fixture_call(&f, "PutItem", PUT), trusted == 1 ? WEIR_OK : WEIR_CONFIG);
        assert_int_equal(f.err.outcome, trusted == 1 ? WEIR_APPLIED : WEIR_NOT_APPLIED);
        assert_int_equal(script_server_count(server), trusted);
        weir_client_close(f.client);
    }
    script_server_stop(server);
    (void)unlink(ca_path);
}

#define CONTAINER_KEYS                                                                 \
    "{\"AccessKeyId\":\"ROLEKEY\",\"SecretAccessKey\":\"secret\",\"Token\":\"token\"," \
    "\"Expiration\":\"2999-01-01T00:00:00Z\"}"

/* A client of a server elsewhere (TLS makes it one here), with a container's credentials. */
static void open_with_container(struct fixture *f, struct script_server *container,
                                const struct script_step *steps, size_t count, char ca_path[])
{
    char url[64], container_url[64];
    int fd = mkstemp(ca_path);
    assert_true(fd >= 0);
    (void)close(fd);
    *f = (struct fixture){.server = script_server_start_tls(steps, count, ca_path)};
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", script_server_port(f->server));
    (void)snprintf(container_url, sizeof(container_url), "http://127.0.0.1:%u",
                   script_server_port(container));
    const char *const pairs[] = {"AWS_CONTAINER_CREDENTIALS_FULL_URI", container_url,
                                 "AWS_CA_BUNDLE", ca_path, NULL};
    struct aws_environment environment = {pairs_get, (void *)(uintptr_t)pairs};
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    options.endpoint_url = url;
    options.max_attempts = 2;
    assert_int_equal(client_open_with(&options, &environment, env_system(), &f->client, &f->err),
                     WEIR_OK);
    f->arena = arena_new(LIMIT_REQUEST_ARENA_BYTES);
}

static void credentials_are_fetched_at_the_first_request(void **state)
{
    (void)state;
    static const struct script_step steps[] = {
        {.action = SCRIPT_ANSWER, .status = 500, .body = "x"},
        {.action = SCRIPT_ANSWER, .status = 200, .body = CONTAINER_KEYS}};
    char ca_path[] = "/tmp/weir-ca-XXXXXX";
    struct fixture f;
    struct script_server *container = script_server_start(steps, 2);
    open_with_container(&f, container, NULL, 0, ca_path);
    assert_int_equal(script_server_count(container), 0);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_OK); /* the 500 is tried again */
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_OK);
    assert_int_equal(script_server_count(container), 2);
    assert_non_null(strstr(script_server_request(f.server, 0), "Credential=ROLEKEY/"));
    assert_non_null(
        strstr(script_server_request(f.server, 1), "\r\nx-amz-security-token: token\r\n"));
    assert_non_null(strstr(script_server_request(f.server, 1), "x-amz-date;x-amz-security-token;"));
    fixture_close(&f);
    script_server_stop(container);
    (void)unlink(ca_path);
}

static void failed_credentials_leave_a_write_not_applied(void **state)
{
    (void)state;
    static const struct script_step steps[] = {
        {.action = SCRIPT_ANSWER, .status = 403, .body = "x"}};
    char ca_path[] = "/tmp/weir-ca-XXXXXX";
    struct fixture f;
    struct script_server *container = script_server_start(steps, 1);
    open_with_container(&f, container, NULL, 0, ca_path);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_CREDENTIALS);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    assert_non_null(strstr(f.err.message, "PutItem: "));
    assert_int_equal(script_server_count(f.server), 0);
    fixture_close(&f);
    script_server_stop(container);
    (void)unlink(ca_path);
}

static void *put_in_a_thread(void *arg)
{
    return (void *)(uintptr_t)fixture_call(arg, "PutItem", PUT);
}

static void closing_ends_a_request_that_waits_for_credentials(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.action = SCRIPT_HANG}};
    char ca_path[] = "/tmp/weir-ca-XXXXXX";
    struct fixture f;
    pthread_t thread;
    void *status = NULL;
    struct script_server *container = script_server_start(steps, 1);
    open_with_container(&f, container, NULL, 0, ca_path);
    assert_int_equal(pthread_create(&thread, NULL, put_in_a_thread, &f), 0);
    script_server_await(container, 1);
    weir_client_close(f.client);
    f.client = NULL;
    assert_int_equal(pthread_join(thread, &status), 0);
    assert_int_equal((uintptr_t)status, WEIR_CLOSED);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(script_server_count(f.server), 0);
    fixture_close(&f);
    script_server_stop(container);
    (void)unlink(ca_path);
}

static void connection_is_kept(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 0, 1);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(fixture_call(&f, i % 2 == 0 ? "PutItem" : "GetItem", PUT), WEIR_OK);
    }
    assert_int_equal(script_server_count(f.server), 100);
    assert_int_equal(script_server_connections(f.server), 1);
    fixture_close(&f);
}

static void operation_that_is_no_name_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 0, 1);
    assert_int_equal(fixture_call(&f, "", "{}"), WEIR_INVALID_ARGUMENT);
    assert_int_equal(fixture_call(&f, "Put\r\nItem", "{}"), WEIR_INVALID_ARGUMENT);
    assert_int_equal(fixture_call(&f, "PutItem", "{"), WEIR_SERIALIZATION);
    assert_int_equal(script_server_count(f.server), 0);
    fixture_close(&f);
}

static void test_A7_no_client_is_a_definite_error(void **state)
{
    (void)state;
    struct weir_error err = {0};
    struct weir_txn *txn = NULL;
    char *answer = NULL;
    assert_int_equal(weir_call(NULL, "ListTables", 10, "{}", 2, &answer, NULL, &err), WEIR_CLOSED);
    assert_int_equal(err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(weir_txn_new(NULL, &txn, &err), WEIR_CLOSED);
    assert_int_equal(weir_txn_commit(NULL, &err), WEIR_CLOSED);
    weir_client_close(NULL);
}

static void options_without_size_are_refused(void **state)
{
    (void)state;
    struct weir_client_options options = {.endpoint_url = "http://127.0.0.1:1"};
    struct weir_client *client = NULL;
    struct weir_error err = {0};
    assert_int_equal(weir_client_open(&options, &client, &err), WEIR_INVALID_ARGUMENT);
    options = (struct weir_client_options)WEIR_CLIENT_OPTIONS_INIT;
    options.endpoint_url = "gopher://x";
    assert_int_equal(weir_client_open(&options, &client, &err), WEIR_CONFIG);
    options.endpoint_url = "memory:";
    assert_int_equal(weir_client_open(&options, &client, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "weir_engine_register"));
    assert_null(client);
}

static void fault_points_stand_for_a_lost_request_and_a_lost_answer(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL, 0, 1);
    assert_int_equal(fault_arm("client.before_send=error@1,client.after_answer=error@1", NULL),
                     WEIR_OK);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_UNREACHABLE);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(script_server_count(f.server), 0);
    assert_int_equal(fixture_call(&f, "PutItem", PUT), WEIR_TIMEOUT);
    assert_int_equal(f.err.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_int_equal(script_server_count(f.server), 1);
    assert_int_equal(fault_arm(NULL, NULL), WEIR_OK);
    fixture_close(&f);
}

/* The region never comes from this machine: a bare client has none. */
static void opening_without_region_and_endpoint_is_refused(void **state)
{
    (void)state;
    struct aws_environment environment = {pairs_get, NULL};
    struct weir_client *client = NULL;
    struct weir_error err = {0};
    assert_int_equal(client_open_with(NULL, &environment, env_system(), &client, &err),
                     WEIR_CONFIG);
    assert_non_null(strstr(err.message, "neither a region nor an endpoint"));
}

static void password_in_an_endpoint_is_not_shown(void **state)
{
    (void)state;
    static const char *const urls[] = {"htp://u:s3cret@h:1", "u:s3cret@h:1", "http://u:s3cret@h:1"};
    struct aws_environment environment = {pairs_get, NULL};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        const struct weir_client_options options = {.struct_size = sizeof(options),
                                                    .endpoint_url = urls[i]};
        struct weir_client *client = NULL;
        struct weir_error err = {0};
        assert_int_equal(client_open_with(&options, &environment, env_system(), &client, &err),
                         WEIR_CONFIG);
        assert_null(strstr(err.message, "s3cret"));
        assert_non_null(strstr(err.message, "@h:1"));
    }
}

static void version_is_the_projects(void **state)
{
    (void)state;
    unsigned major, minor, patch;
    assert_int_equal(sscanf(weir_version(), "%u.%u.%u", &major, &minor, &patch), 3);
    assert_int_equal(weir_version_number(), major << 16 | minor << 8 | patch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_is_retried_after_500),
        cmocka_unit_test(server_error_leaves_a_write_unknown_and_a_read_not_applied),
        cmocka_unit_test(error_of_the_service_is_kept_whole),
        cmocka_unit_test(message_may_be_written_with_a_capital),
        cmocka_unit_test(cut_answer_leaves_a_write_unknown),
        cmocka_unit_test(read_is_retried_after_a_cut_answer),
        cmocka_unit_test(failed_condition_after_an_unknown_attempt_stays_unknown),
        cmocka_unit_test(update_that_adds_is_not_made_again_when_unknown),
        cmocka_unit_test(update_that_adds_is_made_again_when_throttled),
        cmocka_unit_test(write_on_a_dead_connection_is_sent_once),
        cmocka_unit_test(throttling_is_retried_until_attempts_run_out),
        cmocka_unit_test(answer_with_a_wrong_checksum_is_fetched_again),
        cmocka_unit_test(unreadable_success_is_a_protocol_error),
        cmocka_unit_test(large_answer_arrives_whole),
        cmocka_unit_test(time_out_leaves_a_write_unknown),
        cmocka_unit_test(refused_connection_is_unreachable_and_not_applied),
        cmocka_unit_test(requests_to_others_need_credentials),
        cmocka_unit_test(request_is_what_the_protocol_asks_for),
        cmocka_unit_test(request_is_signed_when_there_are_credentials),
        cmocka_unit_test(tls_trusts_what_the_ca_bundle_names),
        cmocka_unit_test(credentials_are_fetched_at_the_first_request),
        cmocka_unit_test(failed_credentials_leave_a_write_not_applied),
        cmocka_unit_test(closing_ends_a_request_that_waits_for_credentials),
        cmocka_unit_test(connection_is_kept),
        cmocka_unit_test(operation_that_is_no_name_is_refused),
        cmocka_unit_test(test_A7_no_client_is_a_definite_error),
        cmocka_unit_test(options_without_size_are_refused),
        cmocka_unit_test(fault_points_stand_for_a_lost_request_and_a_lost_answer),
        cmocka_unit_test(opening_without_region_and_endpoint_is_refused),
        cmocka_unit_test(password_in_an_endpoint_is_not_shown),
        cmocka_unit_test(version_is_the_projects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
