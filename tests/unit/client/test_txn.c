/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions where the answers are scripted: tokens, reasons, and what unknown outcomes do. */
#include "client/txn_internal.h"
#include "unit/client/client_fixture.h"

#define ELEMENT "{\"Put\":{\"TableName\":\"t\",\"Item\":{\"pk\":{\"S\":\"a\"}}}}"
#define CANCELED(reasons)                                                            \
    "{\"__type\":\"com.amazonaws.dynamodb.v20120810#TransactionCanceledException\"," \
    "\"Message\":\"cancelled\",\"CancellationReasons\":[" reasons "]}"
#define NONE "{\"Code\":\"None\"}"
#define FAILED(code) "{\"Code\":\"" code "\",\"Message\":\"why\"}"

static struct weir_txn *txn_of_two(struct fixture *f)
{
    struct weir_txn *txn = NULL;
    assert_int_equal(weir_txn_new(f->client, &txn, NULL), WEIR_OK);
    assert_int_equal(weir_txn_add(txn, ELEMENT, strlen(ELEMENT), NULL), WEIR_OK);
    assert_int_equal(weir_txn_add(txn, ELEMENT, strlen(ELEMENT), NULL), WEIR_OK);
    return txn;
}

/* The token of the i-th request. */
static void token_of(struct fixture *f, unsigned index, char to[UUID_TEXT_SIZE])
{
    const char *at = strstr(script_server_request(f->server, index), "\"ClientRequestToken\":\"");
    assert_non_null(at);
    memcpy(to, at + 22, UUID_TEXT_SIZE - 1);
    to[UUID_TEXT_SIZE - 1] = '\0';
}

static void assert_same_token(struct fixture *f, unsigned one, unsigned other, bool same)
{
    char first[UUID_TEXT_SIZE], second[UUID_TEXT_SIZE];
    token_of(f, one, first);
    token_of(f, other, second);
    assert_int_equal(strcmp(first, second) == 0, same);
}

static void reasons_map_to_statuses(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum weir_status status;
        int index;
    } cases[] = {
        {CANCELED(NONE "," FAILED("ConditionalCheckFailed")), WEIR_CONDITION_FAILED, 1},
        {CANCELED(FAILED("ValidationError") "," NONE), WEIR_VALIDATION, 0},
        {CANCELED(NONE "," FAILED("ItemCollectionSizeLimitExceeded")), WEIR_COLLECTION_TOO_LARGE,
         1},
        {CANCELED(FAILED("ConditionalCheckFailed") "," FAILED("ValidationError")),
         WEIR_CONDITION_FAILED, 0},
        {CANCELED(NONE "," FAILED("SomethingNew")), WEIR_TXN_CANCELED, 1},
        {CANCELED(""), WEIR_TXN_CANCELED, -1},
        {FAILURE("TransactionCanceledException"), WEIR_TXN_CANCELED, -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        const struct script_step steps[] = {{.status = 400, .body = cases[i].body}};
        fixture_open(&f, steps, 1, 3);
        struct weir_txn *txn = txn_of_two(&f);
        assert_int_equal(weir_txn_commit(txn, &f.err), cases[i].status);
        assert_int_equal(f.err.status, cases[i].status);
        assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
        assert_int_equal(weir_txn_failed_index(txn), cases[i].index);
        assert_int_equal(weir_txn_count(txn), 0);
        assert_string_equal(f.err.request_id, "REQUEST0");
        weir_txn_free(txn);
        fixture_close(&f);
    }
}

static void conflict_is_committed_again(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step conflict = {.status = 400,
                                         .body = CANCELED(NONE "," FAILED("TransactionConflict"))};
    const struct script_step steps[] = {conflict, conflict, {.status = 200}, conflict,
                                        conflict, conflict, conflict,        conflict};
    fixture_open(&f, steps, 8, 3);
    struct weir_txn *txn = txn_of_two(&f);
    assert_int_equal(weir_txn_commit(txn, &f.err), WEIR_OK);
    assert_int_equal(script_server_count(f.server), 3);
    assert_int_equal(weir_txn_failed_index(txn), -1);
    weir_txn_free(txn);
    txn = txn_of_two(&f);
    assert_int_equal(weir_txn_commit(txn, &f.err), WEIR_TXN_CONFLICT);
    assert_int_equal(f.err.retryable, 1);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(weir_txn_failed_index(txn), 1);
    assert_int_equal(script_server_count(f.server), 8);
    weir_txn_free(txn);
    fixture_close(&f);
}

static void unknown_transaction_is_retried_with_its_token(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, STEPS({.action = SCRIPT_CUT}), 1, 3);
    struct weir_txn *txn = txn_of_two(&f);
    assert_int_equal(weir_txn_commit(txn, &f.err), WEIR_OK);
    assert_int_equal(script_server_count(f.server), 2);
    assert_same_token(&f, 0, 1, true);
    weir_txn_free(txn);
    fixture_close(&f);
}

static void unknown_transaction_keeps_its_list_and_token(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, STEPS({.action = SCRIPT_CUT}), 1, 1);
    struct weir_txn *txn = txn_of_two(&f);
    assert_int_equal(weir_txn_commit(txn, &f.err), WEIR_UNREACHABLE);
    assert_int_equal(f.err.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_int_equal(weir_txn_count(txn), 2);
    assert_int_equal(weir_txn_add(txn, ELEMENT, strlen(ELEMENT), NULL), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_txn_commit(txn, &f.err), WEIR_OK);
    assert_same_token(&f, 0, 1, true);
    assert_int_equal(weir_txn_count(txn), 0);
    assert_int_equal(weir_txn_add(txn, ELEMENT, strlen(ELEMENT), NULL), WEIR_OK);
    assert_int_equal(weir_txn_commit(txn, &f.err), WEIR_OK);
    assert_same_token(&f, 1, 2, false);
    weir_txn_free(txn);
    fixture_close(&f);
}

static void cancellation_settles_an_unknown_commit_and_throttling_does_not(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {
        {.action = SCRIPT_CUT},
        {.status = 400, .body = FAILURE("ThrottlingException")},
        {.status = 400, .body = CANCELED(NONE "," FAILED("ConditionalCheckFailed"))}};
    fixture_open(&f, steps, 3, 1);
    struct weir_txn *txn = txn_of_two(&f);
    assert_int_equal(weir_txn_commit(txn, &f.err), WEIR_UNREACHABLE);
    assert_int_equal(weir_txn_commit(txn, &f.err), WEIR_THROTTLED);
    assert_int_equal(f.err.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_int_equal(weir_txn_count(txn), 2);
    assert_int_equal(weir_txn_commit(txn, &f.err), WEIR_CONDITION_FAILED);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(weir_txn_count(txn), 0);
    weir_txn_free(txn);
    fixture_close(&f);
}

static void cancellation_settles_an_unknown_attempt_of_the_same_commit(void **state)
{
    (void)state;
    struct fixture f;
    const struct script_step steps[] = {
        {.action = SCRIPT_CUT},
        {.status = 400, .body = CANCELED(NONE "," FAILED("ConditionalCheckFailed"))}};
    fixture_open(&f, steps, 2, 3);
    struct weir_txn *txn = txn_of_two(&f);
    assert_int_equal(weir_txn_commit(txn, &f.err), WEIR_CONDITION_FAILED);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    weir_txn_free(txn);
    fixture_close(&f);
}

static void token_is_not_used_after_ten_minutes(void **state)
{
    (void)state;
    struct weir_env *env = env_fake_new(1, 1795218240000);
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    struct aws_environment environment = {pairs_get, NULL};
    struct weir_client *client = NULL;
    struct weir_txn *txn = NULL;
    struct weir_error err = {0};
    char url[64];
    struct script_server *server =
        script_server_start(STEPS({.action = SCRIPT_CUT}, {.action = SCRIPT_CUT}), 2);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", script_server_port(server));
    options.endpoint_url = url;
    options.max_attempts = 1;
    assert_int_equal(client_open_with(&options, &environment, env, &client, &err), WEIR_OK);
    assert_int_equal(weir_txn_new(client, &txn, &err), WEIR_OK);
    assert_int_equal(weir_txn_add(txn, ELEMENT, strlen(ELEMENT), NULL), WEIR_OK);
    assert_int_equal(weir_txn_commit(txn, &err), WEIR_UNREACHABLE);
    env_fake_advance(env, LIMIT_TRANSACT_TOKEN_MS / 2);
    assert_int_equal(weir_txn_commit(txn, &err), WEIR_UNREACHABLE);
    env_fake_advance(env, LIMIT_TRANSACT_TOKEN_MS / 2); /* counted from the first */
    assert_int_equal(weir_txn_commit(txn, &err), WEIR_INVALID_ARGUMENT);
    assert_int_equal(err.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_int_equal(script_server_count(server), 2);
    weir_txn_free(txn);
    weir_client_close(client);
    script_server_stop(server);
    env_fake_free(env);
}

/* Attempts left or not: the service would not know the token again. */
static void attempts_end_with_the_age_of_the_token(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_value *document = NULL;
    const char json[] = "{\"TransactItems\":[" ELEMENT "]}";
    fixture_open(&f, STEPS({.action = SCRIPT_CUT}, {.action = SCRIPT_CUT}), 2, 3);
    assert_int_equal(json_parse(f.arena, bytes_str(json), &document, NULL), WEIR_OK);
    struct client_request request = {.operation = "TransactWriteItems",
                                     .document = document,
                                     .arena = f.arena,
                                     .token_since_ns = env_mono_ns(env_system()) -
                                                       LIMIT_TRANSACT_TOKEN_MS * UINT64_C(1000000)};
    assert_int_equal(client_run(f.client, &request), WEIR_UNREACHABLE);
    assert_int_equal(request.error.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_int_equal(script_server_count(f.server), 1);
    fixture_close(&f);
}

/* Committed again, with a millisecond left: once, and not a second time behind a wait. */
static void attempts_of_a_later_commit_end_with_the_age_of_the_token(void **state)
{
    (void)state;
    const struct script_step cut = {.action = SCRIPT_CUT};
    struct fixture f;
    struct weir_txn *txn = NULL;
    fixture_open(&f, STEPS(cut, cut, cut), 3, 1);
    assert_int_equal(weir_txn_new(f.client, &txn, NULL), WEIR_OK);
    assert_int_equal(weir_txn_add(txn, ELEMENT, strlen(ELEMENT), NULL), WEIR_OK);
    assert_int_equal(weir_txn_commit(txn, NULL), WEIR_UNREACHABLE);
    struct weir_env *env = env_fake_new(1, 1795218240000);
    env_fake_advance(env, LIMIT_TRANSACT_TOKEN_MS);
    txn->uncertain_since_ns = env_mono_ns(env) - (LIMIT_TRANSACT_TOKEN_MS - 1) * UINT64_C(1000000);
    f.client->env = env;
    f.client->max_attempts = 2;
    assert_int_equal(weir_txn_commit(txn, NULL), WEIR_UNREACHABLE);
    assert_int_equal(script_server_count(f.server), 2);
    weir_txn_free(txn);
    f.client->env = env_system();
    fixture_close(&f);
    env_fake_free(env);
}

static void call_without_a_token_is_given_one(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, STEPS({.action = SCRIPT_CUT}), 1, 3);
    assert_int_equal(fixture_call(&f, "TransactWriteItems", "{\"TransactItems\":[" ELEMENT "]}"),
                     WEIR_OK);
    assert_same_token(&f, 0, 1, true);
    assert_int_equal(fixture_call(&f, "TransactWriteItems", "{\"TransactItems\":[" ELEMENT "]}"),
                     WEIR_OK);
    assert_same_token(&f, 1, 2, false);
    assert_int_equal(fixture_call(&f, "TransactWriteItems", "{\"ClientRequestToken\":\"mine\"}"),
                     WEIR_OK);
    assert_non_null(
        strstr(script_server_request(f.server, 3), "{\"ClientRequestToken\":\"mine\"}"));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons_map_to_statuses),
        cmocka_unit_test(conflict_is_committed_again),
        cmocka_unit_test(unknown_transaction_is_retried_with_its_token),
        cmocka_unit_test(unknown_transaction_keeps_its_list_and_token),
        cmocka_unit_test(cancellation_settles_an_unknown_commit_and_throttling_does_not),
        cmocka_unit_test(cancellation_settles_an_unknown_attempt_of_the_same_commit),
        cmocka_unit_test(token_is_not_used_after_ten_minutes),
        cmocka_unit_test(attempts_end_with_the_age_of_the_token),
        cmocka_unit_test(attempts_of_a_later_commit_end_with_the_age_of_the_token),
        cmocka_unit_test(call_without_a_token_is_given_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
