/* SPDX-License-Identifier: Apache-2.0 */
/* The status table and the error object: agreement, filling, wrapping, cutting. */
#include "base/error.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void every_status_has_a_name_of_its_own_and_a_text(void **state)
{
    (void)state;
    for (int i = 0; i < WEIR_STATUS_COUNT; i++) {
        const char *name = weir_status_name((enum weir_status)i);
        assert_true(strlen(name) > 0);
        assert_true(strlen(weir_status_text((enum weir_status)i)) > 0);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(name, weir_status_name((enum weir_status)j));
        }
    }
    assert_string_equal(weir_status_name(WEIR_CONDITION_FAILED), "CONDITION_FAILED");
}

static void exceptions_lead_back_to_their_status(void **state)
{
    (void)state;
    for (int i = 0; i < WEIR_STATUS_COUNT; i++) {
        const char *exception = status_exception((enum weir_status)i);
        if (exception[0] != '\0') {
            assert_int_equal(status_from_exception(bytes_str(exception)), i);
        }
    }
}

static void unknown_exceptions_are_the_services_own(void **state)
{
    (void)state;
    assert_int_equal(status_from_exception(BYTES_LIT("NoSuchException")), WEIR_SERVICE_OTHER);
    assert_int_equal(status_from_exception(BYTES_LIT("ValidationExceptio")), WEIR_SERVICE_OTHER);
    assert_int_equal(status_from_exception(BYTES_NONE), WEIR_SERVICE_OTHER);
}

static void numbers_that_are_no_status_read_as_a_defect(void **state)
{
    (void)state;
    assert_string_equal(weir_status_name(WEIR_STATUS_COUNT), "INTERNAL");
    assert_string_equal(weir_status_name((enum weir_status)4000), "INTERNAL");
}

static void set_fills_from_the_table(void **state)
{
    (void)state;
    struct weir_error err;
    memset(&err, 0xEE, sizeof(err));
    assert_int_equal(error_set(&err, WEIR_THROTTLED, "table %s", "orders"), WEIR_THROTTLED);
    assert_int_equal(err.status, WEIR_THROTTLED);
    assert_int_equal(err.outcome, WEIR_NOT_APPLIED);
    assert_int_equal(err.http_status, 400);
    assert_int_equal(err.retryable, 1);
    assert_int_equal(weir_status_retryable(WEIR_THROTTLED), 1);
    assert_int_equal(weir_status_retryable(WEIR_VALIDATION), 0);
    assert_int_equal(status_http(WEIR_UNAVAILABLE), 503);
    assert_string_equal(err.code, "ThrottlingException");
    assert_string_equal(err.message, "table orders");
    assert_string_equal(err.request_id, "");
    assert_int_equal(error_set(NULL, WEIR_IO, "nobody listens"), WEIR_IO);
}

static void wrap_puts_what_was_done_before_the_message(void **state)
{
    (void)state;
    struct weir_error err = {0};
    (void)error_set(&err, WEIR_UNREACHABLE, "connection refused");
    assert_int_equal(error_wrap(&err, WEIR_IO, "sink %s", "orders"), WEIR_UNREACHABLE);
    assert_string_equal(err.message, "sink orders: connection refused");
    assert_int_equal(error_wrap(NULL, WEIR_IO, "x"), WEIR_IO);
}

static void wrap_of_an_unfilled_error_still_fails(void **state)
{
    (void)state;
    struct weir_error err = {0};
    assert_int_equal(error_wrap(&err, WEIR_IO, "opening"), WEIR_IO);
    assert_int_equal(err.status, WEIR_IO);
    assert_string_equal(err.message, "opening");
}

static void message_may_be_made_of_itself(void **state)
{
    (void)state;
    struct weir_error err = {0};
    (void)error_set(&err, WEIR_IO, "inner");
    (void)error_set(&err, WEIR_CONFIG, "outer (%s)", err.message);
    assert_string_equal(err.message, "outer (inner)");
    assert_int_equal(err.status, WEIR_CONFIG);
}

/* `text` fills the message from `start` on; what is left must end after a whole character. */
static void assert_cut_whole(const char *message, size_t start, const char *character)
{
    size_t len = strlen(message);
    size_t size = strlen(character);
    assert_true(len < WEIR_ERROR_MESSAGE_MAX);
    assert_true(len >= WEIR_ERROR_MESSAGE_MAX - size);
    assert_int_equal((len - start) % size, 0);
}

static void long_messages_are_cut_between_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x9f"};
    for (size_t c = 0; c < 4; c++) {
        char text[4 * WEIR_ERROR_MESSAGE_MAX + 1] = "";
        for (size_t at = 0; at + 4 < sizeof(text); at += strlen(characters[c])) {
            memcpy(text + at, characters[c], strlen(characters[c]));
        }
        for (size_t start = 0; start < 4; start++) {
            struct weir_error err;
            (void)error_set(&err, WEIR_IO, "%.*s%s", (int)start, "abcd", text);
            assert_cut_whole(err.message, start, characters[c]);
            (void)error_wrap(&err, WEIR_IO, "%s", "do");
            assert_cut_whole(err.message, start + 4, characters[c]);
        }
    }
}

static void wrap_with_a_text_as_long_as_the_message_keeps_it(void **state)
{
    (void)state;
    char text[WEIR_ERROR_MESSAGE_MAX + 100];
    struct weir_error err = {0};
    memset(text, 'w', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    (void)error_set(&err, WEIR_IO, "inner");
    assert_int_equal(error_wrap(&err, WEIR_CONFIG, "%s", text), WEIR_IO);
    assert_int_equal(strlen(err.message), WEIR_ERROR_MESSAGE_MAX - 1);
    assert_memory_equal(err.message, text, WEIR_ERROR_MESSAGE_MAX - 1);
}

static void failed_assertion_aborts_and_says_where(void **state)
{
    (void)state;
    int ends[2];
    int status = 0;
    char text[256] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(ends[1], STDERR_FILENO);
        WEIR_ASSERT(1 + 1 == 2);
        WEIR_ASSERT(ends[0] == -1);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    assert_non_null(strstr(text, "test_error.c:"));
    assert_non_null(strstr(text, "ends[0] == -1"));
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name_of_its_own_and_a_text),
        cmocka_unit_test(exceptions_lead_back_to_their_status),
        cmocka_unit_test(unknown_exceptions_are_the_services_own),
        cmocka_unit_test(numbers_that_are_no_status_read_as_a_defect),
        cmocka_unit_test(set_fills_from_the_table),
        cmocka_unit_test(wrap_puts_what_was_done_before_the_message),
        cmocka_unit_test(wrap_of_an_unfilled_error_still_fails),
        cmocka_unit_test(message_may_be_made_of_itself),
        cmocka_unit_test(long_messages_are_cut_between_characters),
        cmocka_unit_test(wrap_with_a_text_as_long_as_the_message_keeps_it),
        cmocka_unit_test(failed_assertion_aborts_and_says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
