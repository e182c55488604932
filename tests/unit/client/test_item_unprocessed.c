/* SPDX-License-Identifier: Apache-2.0 */
/* Batches that a service does not finish, from a script: some, all, until attempts run out; lost
 * answers; pages that fail in between. */
#include "client/item.h"
#include "unit/client/client_fixture.h"

#define PUT(pk) "{\"PutRequest\":{\"Item\":{\"pk\":{\"S\":\"" pk "\"},\"n\":{\"N\":\"1.0\"}}}}"
#define DELETE(pk) "{\"DeleteRequest\":{\"Key\":{\"pk\":{\"S\":\"" pk "\"}}}}"
#define LEFT(list) "{\"UnprocessedItems\":{\"t\":[" list "]}}"
#define KEY(pk) "{\"pk\":{\"S\":\"" pk "\"}}"
#define FOUND(list, left) \
    "{\"Responses\":{\"t\":[" list "]},\"UnprocessedKeys\":{\"t\":{\"Keys\":[" left "]}}}"
#define OK(text)                                               \
    {                                                          \
        .action = SCRIPT_ANSWER, .status = 200, .body = (text) \
    }
#define THROTTLE                                                  \
    {                                                             \
        .action = SCRIPT_ANSWER, .status = 400,                   \
        .body = FAILURE("ProvisionedThroughputExceededException") \
    }

static const char *const names[] = {"a", "b", "c", "d"};

static struct weir_item *key_of(const char *pk)
{
    struct weir_item *key = NULL;
    assert_int_equal(weir_item_new(&key, NULL), WEIR_OK);
    (void)weir_item_set_string(key, WEIR_STR("pk"), WEIR_STR(pk));
    return key;
}

struct writes {
    struct weir_item *items[4];
    struct weir_batch_write elements[4];
    struct weir_batch_result results[4];
};

/* Puts of a, b, c and a delete of d, at most `attempts` times in a row. */
static enum weir_status write_four(struct fixture *f, struct writes *w, uint32_t attempts)
{
    struct weir_batch_options options = WEIR_BATCH_OPTIONS_INIT;
    for (int i = 0; i < 4; i++) {
        w->items[i] = key_of(names[i]);
        w->elements[i] = (struct weir_batch_write){.put = i < 3 ? w->items[i] : NULL,
                                                   .delete_key = i == 3 ? w->items[i] : NULL};
        if (i < 3) {
            (void)weir_item_set_int64(w->items[i], WEIR_STR("n"), 1);
        }
    }
    options.max_attempts = attempts;
    options.partition_key = (struct weir_text){"pk", 2};
    enum weir_status status =
        weir_batch_write(f->client, "t", 1, w->elements, 4, &options, w->results, &f->err);
    for (int i = 0; i < 4; i++) {
        weir_item_free(w->items[i]);
    }
    return status;
}

static void assert_result(const struct writes *w, int index, enum weir_status status,
                          enum weir_outcome outcome)
{
    assert_int_equal(w->results[index].status, status);
    assert_int_equal(w->results[index].outcome, outcome);
}

static void half_that_is_unprocessed_is_written_again(void **state)
{
    (void)state;
    struct fixture f;
    struct writes w;
    fixture_open(&f, STEPS(OK(LEFT(PUT("b") "," DELETE("d"))), OK(LEFT(PUT("b"))), OK("{}")), 3, 1);
    assert_int_equal(write_four(&f, &w, 2), WEIR_OK);
    for (int i = 0; i < 4; i++) {
        assert_result(&w, i, WEIR_OK, WEIR_APPLIED);
    }
    assert_int_equal(script_server_count(f.server), 3);
    const char *again = script_server_request(f.server, 1);
    assert_null(strstr(again, "\"S\":\"a\""));
    assert_non_null(strstr(again, "\"S\":\"b\""));
    assert_non_null(strstr(again, "DeleteRequest"));
    assert_null(strstr(script_server_request(f.server, 2), "DeleteRequest"));
    fixture_close(&f);
}

static void what_stays_unprocessed_is_never_a_success(void **state)
{
    (void)state;
    struct fixture f;
    struct writes w;
    const char *two = LEFT(PUT("b") "," DELETE("d"));
    fixture_open(&f, STEPS(OK(two), OK(two), OK(two), OK(two)), 4, 1);
    assert_int_equal(write_four(&f, &w, 3), WEIR_THROTTLED);
    assert_int_equal(script_server_count(f.server), 3);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(f.err.retryable, 1);
    assert_non_null(strstr(f.err.message, "2 elements"));
    assert_result(&w, 0, WEIR_OK, WEIR_APPLIED);
    assert_result(&w, 1, WEIR_THROTTLED, WEIR_NOT_APPLIED);
    assert_result(&w, 2, WEIR_OK, WEIR_APPLIED);
    assert_result(&w, 3, WEIR_THROTTLED, WEIR_NOT_APPLIED);
    fixture_close(&f);
}

static void all_unprocessed_ends_when_attempts_run_out(void **state)
{
    (void)state;
    struct fixture f;
    struct writes w;
    const char *all = LEFT(PUT("a") "," PUT("b") "," PUT("c") "," DELETE("d"));
    fixture_open(&f, STEPS(OK(all), OK(all), OK(all)), 3, 2);
    assert_int_equal(write_four(&f, &w, 0), WEIR_THROTTLED);
    assert_int_equal(script_server_count(f.server), 2);
    for (int i = 0; i < 4; i++) {
        assert_result(&w, i, WEIR_THROTTLED, WEIR_NOT_APPLIED);
    }
    fixture_close(&f);
}

#define INVALID                                                                        \
    {                                                                                  \
        .action = SCRIPT_ANSWER, .status = 400, .body = FAILURE("ValidationException") \
    }

/* A call that is refused later on is written one by one, but for what is applied already. */
static void applied_elements_are_not_written_again_one_by_one(void **state)
{
    (void)state;
    struct fixture f;
    struct writes w;
    fixture_open(&f, STEPS(OK(LEFT(PUT("b") "," PUT("c"))), INVALID, OK("{}"), INVALID), 4, 2);
    assert_int_equal(write_four(&f, &w, 3), WEIR_VALIDATION);
    assert_int_equal(script_server_count(f.server), 4);
    assert_result(&w, 0, WEIR_OK, WEIR_APPLIED);
    assert_result(&w, 1, WEIR_OK, WEIR_APPLIED);
    assert_result(&w, 2, WEIR_VALIDATION, WEIR_NOT_APPLIED);
    assert_result(&w, 3, WEIR_OK, WEIR_APPLIED);
    fixture_close(&f);
}

static void throttled_call_is_not_applied(void **state)
{
    (void)state;
    struct fixture f;
    struct writes w;
    fixture_open(&f, STEPS(OK(LEFT(PUT("c"))), THROTTLE), 2, 1);
    assert_int_equal(write_four(&f, &w, 3), WEIR_PROVISIONED_EXCEEDED);
    assert_result(&w, 0, WEIR_OK, WEIR_APPLIED);
    assert_result(&w, 2, WEIR_PROVISIONED_EXCEEDED, WEIR_NOT_APPLIED);
    assert_result(&w, 3, WEIR_OK, WEIR_APPLIED);
    fixture_close(&f);
}

static void lost_answer_leaves_elements_unknown(void **state)
{
    (void)state;
    struct fixture f;
    struct writes w;
    fixture_open(&f, STEPS(OK(LEFT(PUT("c"))), {.action = SCRIPT_CUT}), 2, 1);
    assert_int_not_equal(write_four(&f, &w, 3), WEIR_OK);
    assert_int_equal(f.err.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_result(&w, 0, WEIR_OK, WEIR_APPLIED);
    assert_int_equal(w.results[2].outcome, WEIR_OUTCOME_UNKNOWN);
    fixture_close(&f);
}

/* The attempt whose answer was lost may have written what the next one calls unprocessed. */
static void unprocessed_after_a_lost_answer_stays_unknown(void **state)
{
    (void)state;
    struct fixture f;
    struct writes w;
    fixture_open(&f, STEPS({.action = SCRIPT_CUT}, OK(LEFT(PUT("b"))), OK(LEFT(PUT("b")))), 3, 2);
    assert_int_equal(write_four(&f, &w, 2), WEIR_THROTTLED);
    assert_int_equal(f.err.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_result(&w, 0, WEIR_OK, WEIR_APPLIED);
    assert_result(&w, 1, WEIR_THROTTLED, WEIR_OUTCOME_UNKNOWN);
    fixture_close(&f);
}

static void answer_with_foreign_items_is_not_believed(void **state)
{
    static const char *const answers[] = {
        LEFT(PUT("x")),
        LEFT("{}"),
        LEFT("7"),
        LEFT(DELETE("a")),
        LEFT("{\"PutRequest\":{\"Item\":{\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"no\"}}}}"),
        LEFT(PUT("a") "," PUT("a") "," PUT("a") "," PUT("a") "," PUT("a")),
    };
    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct fixture f;
        struct writes w;
        fixture_open(&f, STEPS(OK(answers[i])), 1, 1);
        assert_int_equal(write_four(&f, &w, 1), WEIR_PROTOCOL);
        assert_int_equal(f.err.outcome, WEIR_OUTCOME_UNKNOWN);
        assert_result(&w, 0, WEIR_PROTOCOL, WEIR_OUTCOME_UNKNOWN);
        fixture_close(&f);
    }
}

static void failure_ends_a_batch_and_the_rest_is_not_applied(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_batch_write elements[60];
    struct weir_batch_result results[60];
    struct weir_item *items[60];
    struct weir_batch_options options = WEIR_BATCH_OPTIONS_INIT;
    fixture_open(&f, STEPS(OK("{}"), {.action = SCRIPT_CUT}), 2, 1);
    for (int i = 0; i < 60; i++) {
        char pk[8];
        (void)snprintf(pk, sizeof(pk), "%d", i);
        items[i] = key_of(pk);
        elements[i] = (struct weir_batch_write){.put = items[i]};
    }
    options.partition_key = (struct weir_text){"pk", 2};
    assert_int_not_equal(
        weir_batch_write(f.client, "t", 1, elements, 60, &options, results, &f.err), WEIR_OK);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(results[i].outcome, i < 25   ? WEIR_APPLIED
                                             : i < 50 ? WEIR_OUTCOME_UNKNOWN
                                                      : WEIR_NOT_APPLIED);
        assert_true((results[i].status == WEIR_OK) == (i < 25));
        weir_item_free(items[i]);
    }
    assert_int_equal(script_server_count(f.server), 2);
    fixture_close(&f);
}

/* Binary items of 390 KB are 520 KB of JSON: 25 of them stay below 16 MB; text of which every
 * character is written in six does not. */
static void call_stays_below_sixteen_megabytes(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_batch_write elements[10];
    struct weir_batch_result results[10];
    struct weir_item *items[10];
    struct weir_batch_options options = WEIR_BATCH_OPTIONS_INIT;
    char *text = malloc(390 * 1024);
    assert_non_null(text);
    memset(text, 1, 390 * 1024);
    fixture_open(&f, STEPS(OK("{}"), OK("{}")), 2, 1);
    for (int i = 0; i < 10; i++) {
        items[i] = key_of(names[i % 4]);
        (void)weir_item_set_int64(items[i], WEIR_STR("sk"), i);
        (void)weir_item_set_string(items[i], WEIR_STR("t"), text, 390 * 1024);
        elements[i] = (struct weir_batch_write){.put = items[i]};
    }
    options.partition_key = (struct weir_text){"pk", 2};
    options.sort_key = (struct weir_text){"sk", 2};
    assert_int_equal(weir_batch_write(f.client, "t", 1, elements, 10, &options, results, &f.err),
                     WEIR_OK);
    assert_int_equal(script_server_count(f.server), 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(strlen(script_server_request(f.server, i)) < LIMIT_BATCH_WRITE_BYTES);
    }
    for (int i = 0; i < 10; i++) {
        weir_item_free(items[i]);
    }
    free(text);
    fixture_close(&f);
}

static void table_that_may_not_be_described_is_written_all_the_same(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_item *items[] = {key_of("a"), key_of("b"), key_of("a")};
    struct weir_batch_write elements[] = {{.put = items[0]}, {.put = items[1]}, {.put = items[2]}};
    struct weir_batch_result results[3];
    fixture_open(
        &f,
        STEPS({.action = SCRIPT_ANSWER, .status = 400, .body = FAILURE("AccessDeniedException")},
              OK("{}"), OK("{}")),
        3, 1);
    assert_int_equal(weir_batch_write(f.client, "t", 1, elements, 3, NULL, results, &f.err),
                     WEIR_OK);
    assert_int_equal(script_server_count(f.server), 3);
    fixture_close(&f);
    /* Any other failure of the description is the call's, and nothing was written. */
    results[0].status = WEIR_INTERNAL;
    fixture_open(&f, STEPS(OK("{}")), 1, 1);
    assert_int_equal(weir_batch_write(f.client, "t", 1, elements, 3, NULL, results, &f.err),
                     WEIR_PROTOCOL);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(results[0].status, WEIR_INTERNAL);
    fixture_close(&f);
    for (int i = 0; i < 3; i++) {
        weir_item_free(items[i]);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

static enum weir_status read_three(struct fixture *f, struct weir_batch **ret_batch)
{
    struct weir_item *keys[] = {key_of("a"), key_of("b"), key_of("c")};
    enum weir_status status = weir_batch_get(
        f->client, "t", 1, (const struct weir_item *const *)keys, 3, NULL, ret_batch, &f->err);
    for (int i = 0; i < 3; i++) {
        weir_item_free(keys[i]);
    }
    return status;
}

static void keys_that_are_unprocessed_are_asked_for_again(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_batch *batch = NULL;
    const struct weir_item *item = NULL;
    fixture_open(&f,
                 STEPS(OK(FOUND(KEY("a"), KEY("b") "," KEY("c"))), OK(FOUND("", KEY("b"))),
                       OK("{\"Responses\":{\"t\":[" KEY("b") "]},\"UnprocessedKeys\":{}}")),
                 3, 2);
    assert_int_equal(read_three(&f, &batch), WEIR_OK);
    assert_int_equal(weir_batch_item(batch, 0, &item), WEIR_OK);
    assert_int_equal(weir_batch_item(batch, 1, &item), WEIR_OK);
    assert_int_equal(weir_batch_item(batch, 2, &item), WEIR_NOT_FOUND);
    assert_null(strstr(script_server_request(f.server, 1), "\"S\":\"a\""));
    weir_batch_free(batch);
    fixture_close(&f);
}

static void key_that_stays_unprocessed_is_not_missing(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_batch *batch = NULL;
    const struct weir_item *item = NULL;
    const char *answer = FOUND("", KEY("b"));
    fixture_open(&f, STEPS(OK(FOUND(KEY("a"), KEY("b"))), OK(answer), OK(answer)), 3, 2);
    assert_int_equal(read_three(&f, &batch), WEIR_THROTTLED);
    assert_int_equal(weir_batch_item(batch, 0, &item), WEIR_OK);
    assert_int_equal(weir_batch_item(batch, 1, &item), WEIR_THROTTLED);
    assert_int_equal(weir_batch_item(batch, 2, &item), WEIR_NOT_FOUND);
    weir_batch_free(batch);
    fixture_close(&f);
}

static void answer_to_another_question_is_not_believed(void **state)
{
    static const char *const answers[] = {FOUND(KEY("x"), ""), FOUND("", KEY("x")), FOUND("7", ""),
                                          FOUND(KEY("a") "," KEY("a"), "")};
    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct fixture f;
        struct weir_batch *batch = NULL;
        const struct weir_item *item = NULL;
        fixture_open(&f, STEPS(OK(answers[i])), 1, 1);
        assert_int_equal(read_three(&f, &batch), WEIR_PROTOCOL);
        assert_int_equal(weir_batch_item(batch, 1, &item), WEIR_PROTOCOL);
        weir_batch_free(batch);
        fixture_close(&f);
    }
}

static void page_that_failed_is_asked_for_again(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_pager *pager = NULL;
    const struct weir_item *item = NULL;
    char *token = NULL;
    fixture_open(&f,
                 STEPS(OK("{\"Items\":[" KEY("a") "],\"LastEvaluatedKey\":" KEY("a") "}"), THROTTLE,
                       OK("{\"Items\":[7],\"LastEvaluatedKey\":" KEY("a") "}"),
                       OK("{\"Items\":[],\"LastEvaluatedKey\":" KEY("b") "}"), THROTTLE,
                       OK("{\"Items\":[" KEY("c") "]}")),
                 6, 1);
    assert_int_equal(weir_scan_open(f.client, "t", 1, NULL, &pager, &f.err), WEIR_OK);
    assert_int_equal(weir_pager_next(pager, &item, &f.err), WEIR_OK);
    assert_int_equal(weir_pager_next(pager, &item, &f.err), WEIR_PROVISIONED_EXCEEDED);
    /* The item of before is still there. */
    assert_ptr_equal(weir_pager_item(pager, 0), item);
    assert_non_null(weir_item_get(item, WEIR_STR("pk")));
    assert_int_equal(weir_pager_next(pager, &item, &f.err), WEIR_PROTOCOL);
    assert_int_equal(weir_pager_next(pager, &item, &f.err), WEIR_PROVISIONED_EXCEEDED);
    assert_int_equal(weir_pager_token(pager, &token, NULL, &f.err), WEIR_OK);
    weir_free(token);
    assert_int_equal(weir_pager_next(pager, &item, &f.err), WEIR_OK);
    assert_non_null(item);
    assert_non_null(strstr(script_server_request(f.server, 1), "\"S\":\"a\""));
    assert_non_null(strstr(script_server_request(f.server, 5), "\"S\":\"b\""));
    assert_int_equal(weir_pager_next(pager, &item, &f.err), WEIR_OK);
    assert_null(item);
    assert_int_equal(script_server_count(f.server), 6);
    weir_pager_close(pager);
    fixture_close(&f);
}

static void written_item_whose_answer_is_unreadable_is_applied(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_item *item = key_of("a");
    struct weir_item *old = NULL;
    fixture_open(&f, STEPS(OK("{\"Attributes\":{\"a\":7}}")), 1, 1);
    assert_int_equal(weir_put_item(f.client, "t", 1, item, NULL, &old, &f.err), WEIR_PROTOCOL);
    assert_int_equal(f.err.outcome, WEIR_APPLIED);
    assert_null(old);
    weir_item_free(item);
    fixture_close(&f);
}

static void existing_item_that_is_unreadable_is_said_to_be(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_write_options options = WEIR_WRITE_OPTIONS_INIT;
    struct weir_item *item = key_of("a");
    struct weir_item *existing = item;
    fixture_open(&f,
                 STEPS({.action = SCRIPT_ANSWER,
                        .status = 400,
                        .body = "{\"__type\":\"ConditionalCheckFailedException\","
                                "\"message\":\"no\",\"Item\":{\"pk\":7}}"}),
                 1, 1);
    options.condition = (struct weir_text){WEIR_STR("attribute_not_exists(pk)")};
    options.existing = &existing;
    assert_int_equal(weir_put_item(f.client, "t", 1, item, &options, NULL, &f.err),
                     WEIR_CONDITION_FAILED);
    assert_null(existing);
    assert_non_null(strstr(f.err.message, "cannot be read"));
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    weir_item_free(item);
    fixture_close(&f);
}

/* Options that end before members of today, and options of a header to come that ask for nothing
 * new; what they ask beyond today is refused, not ignored. */
static void options_of_other_versions_are_taken(void **state)
{
    (void)state;
    struct fixture f;
    struct weir_item *key = key_of("a");
    struct weir_item *item = NULL;
    struct {
        struct weir_read_options options;
        uint64_t more;
    } later = {.options = {.struct_size = sizeof(later), .consistent = 1}};
    struct {
        uint32_t struct_size;
        uint32_t consistent;
    } earlier = {.struct_size = sizeof(earlier), .consistent = 1};
    const void *both[] = {&later, &earlier};
    fixture_open(&f, STEPS(OK("{}"), OK("{}")), 2, 1);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(weir_get_item(f.client, "t", 1, key, both[i], &item, &f.err),
                         WEIR_NOT_FOUND);
        assert_non_null(strstr(script_server_request(f.server, i), "\"ConsistentRead\":true"));
        assert_null(strstr(script_server_request(f.server, i), "ReturnConsumedCapacity"));
    }
    later.more = 1;
    assert_int_equal(weir_get_item(f.client, "t", 1, key, &later.options, &item, &f.err),
                     WEIR_INVALID_ARGUMENT);
    weir_item_free(key);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_that_is_unprocessed_is_written_again),
        cmocka_unit_test(what_stays_unprocessed_is_never_a_success),
        cmocka_unit_test(all_unprocessed_ends_when_attempts_run_out),
        cmocka_unit_test(applied_elements_are_not_written_again_one_by_one),
        cmocka_unit_test(throttled_call_is_not_applied),
        cmocka_unit_test(lost_answer_leaves_elements_unknown),
        cmocka_unit_test(unprocessed_after_a_lost_answer_stays_unknown),
        cmocka_unit_test(answer_with_foreign_items_is_not_believed),
        cmocka_unit_test(failure_ends_a_batch_and_the_rest_is_not_applied),
        cmocka_unit_test(call_stays_below_sixteen_megabytes),
        cmocka_unit_test(table_that_may_not_be_described_is_written_all_the_same),
        cmocka_unit_test(keys_that_are_unprocessed_are_asked_for_again),
        cmocka_unit_test(key_that_stays_unprocessed_is_not_missing),
        cmocka_unit_test(answer_to_another_question_is_not_believed),
        cmocka_unit_test(page_that_failed_is_asked_for_again),
        cmocka_unit_test(written_item_whose_answer_is_unreadable_is_applied),
        cmocka_unit_test(existing_item_that_is_unreadable_is_said_to_be),
        cmocka_unit_test(options_of_other_versions_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
