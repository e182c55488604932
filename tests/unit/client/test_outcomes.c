/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way in which an attempt can fail, for every kind of call: what is said to have happened is
 * what can be known to have happened.
 */
#include "unit/client/client_fixture.h"

#include "aws/http.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ITEM "\"TableName\":\"t\",\"Item\":{\"pk\":{\"S\":\"a\"}}"

enum { READ, PUT, CONDITIONAL_PUT, TRANSACTION, KINDS };

static const struct {
    const char *operation;
    const char *json;
} calls[KINDS] = {
    [READ] = {"GetItem", "{\"TableName\":\"t\",\"Key\":{\"pk\":{\"S\":\"a\"}}}"},
    [PUT] = {"PutItem", "{" ITEM "}"},
    [CONDITIONAL_PUT] = {"PutItem",
                         "{" ITEM ",\"ConditionExpression\":\"attribute_not_exists(pk)\"}"},
    [TRANSACTION] = {"TransactWriteItems", "{\"TransactItems\":[{\"Put\":{" ITEM "}}]}"},
};

#define ANSWER(http, text)                    \
    {                                         \
        .status = http, .body = FAILURE(text) \
    }

/* How each failure is called, and whether a write may have been applied in spite of it. */
static const struct failure {
    const char *name;
    struct script_step step;
    enum weir_status status;
    enum weir_outcome write_outcome;
} failures[] = {
    {"cut before the answer", {.action = SCRIPT_CUT}, WEIR_UNREACHABLE, WEIR_OUTCOME_UNKNOWN},
    {"cut in the middle of the answer",
     {.action = SCRIPT_CUT_MID, .status = 200},
     WEIR_UNREACHABLE,
     WEIR_OUTCOME_UNKNOWN},
    {"no answer in time", {.action = SCRIPT_HANG}, WEIR_TIMEOUT, WEIR_OUTCOME_UNKNOWN},
    {"500", ANSWER(500, "InternalServerError"), WEIR_SERVER, WEIR_OUTCOME_UNKNOWN},
    {"503", ANSWER(503, "ServiceUnavailable"), WEIR_UNAVAILABLE, WEIR_OUTCOME_UNKNOWN},
    {"502 of something between",
     {.status = 502, .body = "<html>"},
     WEIR_SERVER,
     WEIR_OUTCOME_UNKNOWN},
    {"throttled", ANSWER(400, "ThrottlingException"), WEIR_THROTTLED, WEIR_NOT_APPLIED},
    {"throughput exceeded", ANSWER(400, "ProvisionedThroughputExceededException"),
     WEIR_PROVISIONED_EXCEEDED, WEIR_NOT_APPLIED},
    {"refused", ANSWER(400, "ValidationException"), WEIR_VALIDATION, WEIR_NOT_APPLIED},
    {"condition failed", ANSWER(400, "ConditionalCheckFailedException"), WEIR_CONDITION_FAILED,
     WEIR_NOT_APPLIED},
    {"cancelled", ANSWER(400, "TransactionCanceledException"), WEIR_TXN_CANCELED, WEIR_NOT_APPLIED},
    {"404 of something else",
     {.status = 404, .body = "<html>"},
     WEIR_SERVICE_OTHER,
     WEIR_NOT_APPLIED},
    {"refused in XML",
     {.status = 403, .body = "<Error><Code>SignatureDoesNotMatch</Code></Error>"},
     WEIR_BAD_CREDENTIALS,
     WEIR_NOT_APPLIED},
    {"403 of something between",
     {.status = 403, .body = "<Error><Code>no <b>name</b></Code>"},
     WEIR_ACCESS_DENIED,
     WEIR_NOT_APPLIED},
    {"403 that is cut", {.status = 403, .body = "<Code>Sig"}, WEIR_ACCESS_DENIED, WEIR_NOT_APPLIED},
    {"401 of something between",
     {.status = 401, .body = ""},
     WEIR_BAD_CREDENTIALS,
     WEIR_NOT_APPLIED},
    {"a success that is no JSON",
     {.status = 200, .body = "<html>"},
     WEIR_PROTOCOL,
     WEIR_OUTCOME_UNKNOWN},
    {"a success that is no object",
     {.status = 200, .body = "[]"},
     WEIR_PROTOCOL,
     WEIR_OUTCOME_UNKNOWN},
    {"a success of another kind",
     {.status = 204, .body = ""},
     WEIR_SERVICE_OTHER,
     WEIR_OUTCOME_UNKNOWN},
    {"a success with a wrong checksum",
     {.status = 200, .body = "{\"a\":1}", .headers = "x-amz-crc32: 1\r\n"},
     WEIR_PROTOCOL,
     WEIR_OUTCOME_UNKNOWN},
};
#define FAILURES (sizeof(failures) / sizeof(failures[0]))

static enum weir_outcome wanted_outcome(const struct failure *failure, int kind)
{
    return kind == READ ? WEIR_NOT_APPLIED : failure->write_outcome;
}

static void fixture_of(struct fixture *f, const struct script_step *steps, size_t count,
                       uint32_t max_attempts)
{
    const struct weir_client_options options = {.max_attempts = max_attempts, .timeout_ms = 150};
    fixture_open_with(f, steps, count, options, NULL);
}

static void test_L4_one_attempt_says_what_can_be_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < FAILURES; i++) {
        const struct script_step steps[] = {failures[i].step, failures[i].step, failures[i].step,
                                            failures[i].step};
        struct fixture f;
        fixture_of(&f, steps, KINDS, 1);
        for (int kind = 0; kind < KINDS; kind++) {
            enum weir_status status = fixture_call(&f, calls[kind].operation, calls[kind].json);
            if (status != failures[i].status || f.err.status != status ||
                f.err.outcome != wanted_outcome(&failures[i], kind)) {
                fail_msg("%s, %s: %s with outcome %d: %s", failures[i].name, calls[kind].operation,
                         weir_status_name(status), (int)f.err.outcome, f.err.message);
            }
            if (failures[i].step.action == SCRIPT_ANSWER) {
                char request_id[16];
                (void)snprintf(request_id, sizeof(request_id), "REQUEST%d", kind);
                assert_string_equal(f.err.request_id, request_id);
            }
        }
        fixture_close(&f);
    }
}

/* After a failure that passes, the next attempt's answer decides, and its success is one. */
static void a_later_success_is_applied(void **state)
{
    (void)state;
    for (size_t i = 0; i < FAILURES; i++) {
        for (int kind = 0; kind < KINDS; kind++) {
            const struct script_step steps[] = {failures[i].step, {.status = 200}};
            struct fixture f;
            fixture_of(&f, steps, 2, 2);
            bool passes = weir_status_retryable(failures[i].status) == 1;
            assert_int_equal(fixture_call(&f, calls[kind].operation, calls[kind].json),
                             passes ? WEIR_OK : failures[i].status);
            assert_int_equal(script_server_count(f.server), passes ? 2 : 1);
            fixture_close(&f);
        }
    }
}

/* A condition that fails in the second attempt may have been made to fail by the first. Only a
 * transaction's token tells. */
static void a_later_refusal_settles_transactions_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < FAILURES; i++) {
        if (weir_status_retryable(failures[i].status) != 1) {
            continue;
        }
        for (int kind = 0; kind < KINDS; kind++) {
            const struct script_step steps[] = {
                failures[i].step,
                {.status = 400,
                 .body = kind == TRANSACTION ? FAILURE("TransactionCanceledException")
                                             : FAILURE("ConditionalCheckFailedException")}};
            struct fixture f;
            fixture_of(&f, steps, 2, 2);
            assert_int_equal(fixture_call(&f, calls[kind].operation, calls[kind].json),
                             kind == TRANSACTION ? WEIR_TXN_CANCELED : WEIR_CONDITION_FAILED);
            assert_int_equal(f.err.outcome, kind == TRANSACTION
                                                ? WEIR_NOT_APPLIED
                                                : wanted_outcome(&failures[i], kind));
            fixture_close(&f);
        }
    }
}

static void open_at(struct fixture *f, uint16_t port, struct weir_client_options options)
{
    char url[64];
    struct aws_environment environment = {pairs_get, NULL};
    *f = (struct fixture){.server = NULL};
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
    options.struct_size = sizeof(options);
    options.endpoint_url = url;
    assert_int_equal(client_open_with(&options, &environment, env_system(), &f->client, &f->err),
                     WEIR_OK);
}

static void what_never_left_is_not_applied(void **state)
{
    (void)state;
    struct fixture f;
    open_at(&f, unused_port(), (struct weir_client_options){.max_attempts = 2});
    for (int kind = 0; kind < KINDS; kind++) {
        assert_int_equal(fixture_call(&f, calls[kind].operation, calls[kind].json),
                         WEIR_UNREACHABLE);
        assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
        assert_string_equal(f.err.request_id, "");
    }
    weir_client_close(f.client);
}

/* What went to the proxy is its own CONNECT, not the request. */
static void what_a_proxy_refuses_to_carry_is_not_applied(void **state)
{
    (void)state;
    static const char *const keys[] = {"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY",
                                       "secret", NULL};
    const struct aws_environment environment = {pairs_get, (void *)(uintptr_t)keys};
    const struct weir_client_options options = {
        .struct_size = sizeof(options), .max_attempts = 1, .endpoint_url = "https://table.example"};
    const struct script_step refuses = {.status = 403};
    const struct script_step steps[] = {refuses, refuses, refuses, refuses};
    struct fixture f = {.server = script_server_start(steps, KINDS)};
    char proxy[64];
    (void)snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", script_server_port(f.server));
    assert_int_equal(setenv("https_proxy", proxy, 1), 0);
    assert_int_equal(client_open_with(&options, &environment, env_system(), &f.client, &f.err),
                     WEIR_OK);
    for (int kind = 0; kind < KINDS; kind++) {
        assert_int_equal(fixture_call(&f, calls[kind].operation, calls[kind].json),
                         WEIR_UNREACHABLE);
        assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
        assert_int_equal(script_server_count(f.server), kind + 1);
    }
    assert_int_equal(unsetenv("https_proxy"), 0);
    fixture_close(&f);
}

/* The handle remembers the request before: that one was sent, this one is not. */
static void what_is_cancelled_before_it_is_sent_is_not_applied(void **state)
{
    (void)state;
    struct script_server *server = script_server_start(NULL, 0);
    const struct aws_http_options options = {.env = env_system()};
    struct aws_http_request requests[2] = {0};
    struct aws_endpoint endpoint;
    struct aws_http *http = NULL;
    char url[64];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", script_server_port(server));
    assert_int_equal(aws_endpoint_init(&endpoint, url, NULL), WEIR_OK);
    assert_int_equal(aws_http_open(&options, &http, NULL), WEIR_OK);
    atomic_store(&requests[1].cancelled, true);
    for (int i = 0; i < 2; i++) {
        requests[i].endpoint = &endpoint;
        requests[i].timeout_ms = 10000;
        assert_true(aws_http_run(http, &requests[i]));
        assert_int_equal(requests[i].status, i == 0 ? WEIR_OK : WEIR_CANCELLED);
        assert_int_equal(requests[i].sent, i == 0);
        buf_fini(&requests[i].answer);
    }
    assert_int_equal(script_server_count(server), 1);
    aws_http_close(http);
    aws_endpoint_fini(&endpoint);
    script_server_stop(server);
}

static void what_was_sent_on_a_kept_connection_is_unknown(void **state)
{
    (void)state;
    const struct script_step steps[] = {{.status = 200}, {.action = SCRIPT_HANG}};
    struct fixture f;
    fixture_of(&f, steps, 2, 1);
    assert_int_equal(fixture_call(&f, calls[PUT].operation, calls[PUT].json), WEIR_OK);
    assert_int_equal(fixture_call(&f, calls[PUT].operation, calls[PUT].json), WEIR_TIMEOUT);
    assert_int_equal(f.err.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_int_equal(script_server_connections(f.server), 1);
    fixture_close(&f);
}

/* The client cannot tell whether the request was read; it must not say that it was applied. */
static void a_reset_before_the_request_is_read_is_never_a_success(void **state)
{
    (void)state;
    struct fixture f;
    for (int kind = 0; kind < KINDS; kind++) {
        fixture_of(&f, NULL, 0, 1);
        script_server_reset_next(f.server, 1);
        assert_int_equal(fixture_call(&f, calls[kind].operation, calls[kind].json),
                         WEIR_UNREACHABLE);
        if (kind == READ) {
            assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
        } else {
            assert_int_not_equal(f.err.outcome, WEIR_APPLIED);
        }
        assert_int_equal(script_server_count(f.server), 0);
        fixture_close(&f);
    }
}

/* A listener whose queue is full drops what asks to connect. */
static int full_listener(uint16_t *ret_port, int fillers[4])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, size);
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void connecting_has_a_time_of_its_own_and_sends_nothing(void **state)
{
    (void)state;
    struct fixture f;
    uint16_t port;
    int fillers[4];
    int listener = full_listener(&port, fillers);
    open_at(&f, port,
            (struct weir_client_options){
                .max_attempts = 1, .connect_timeout_ms = 100, .timeout_ms = 60000});
    for (int kind = 0; kind < KINDS; kind++) {
        assert_int_equal(fixture_call(&f, calls[kind].operation, calls[kind].json),
                         WEIR_UNREACHABLE);
        assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    }
    weir_client_close(f.client);
    for (int i = 0; i < 4; i++) {
        (void)close(fillers[i]);
    }
    (void)close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_L4_one_attempt_says_what_can_be_known),
        cmocka_unit_test(a_later_success_is_applied),
        cmocka_unit_test(a_later_refusal_settles_transactions_alone),
        cmocka_unit_test(what_never_left_is_not_applied),
        cmocka_unit_test(what_a_proxy_refuses_to_carry_is_not_applied),
        cmocka_unit_test(what_is_cancelled_before_it_is_sent_is_not_applied),
        cmocka_unit_test(what_was_sent_on_a_kept_connection_is_unknown),
        cmocka_unit_test(a_reset_before_the_request_is_read_is_never_a_success),
        cmocka_unit_test(connecting_has_a_time_of_its_own_and_sends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
