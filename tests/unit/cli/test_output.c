/* SPDX-License-Identifier: Apache-2.0 */

/* Exit codes, which scripts rely on. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/cli.h"

static void test_L4_exit_codes_tell_failures_apart(void **state)
{
    (void)state;
    const struct {
        enum weir_status status;
        int code;
    } table[] = {
        {WEIR_OK, 0},
        {WEIR_NOT_FOUND, 3},
        {WEIR_RESOURCE_NOT_FOUND, 3},
        {WEIR_CONDITION_FAILED, 4},
        {WEIR_ALREADY_EXISTS, 4},
        {WEIR_INVALID_ARGUMENT, 64},
        {WEIR_VALIDATION, 65},
        {WEIR_SERIALIZATION, 65},
        {WEIR_MALFORMED_MESSAGE, 65},
        {WEIR_TOO_LARGE, 65},
        {WEIR_UNKNOWN_TOPIC, 65},
        {WEIR_UNSUPPORTED, 64},
        {WEIR_GAP, 66},
        {WEIR_TRIMMED, 66},
        {WEIR_UNREACHABLE, 69},
        {WEIR_TIMEOUT, 69},
        {WEIR_UNAVAILABLE, 69},
        {WEIR_THROTTLED, 75},
        {WEIR_PROVISIONED_EXCEEDED, 75},
        {WEIR_LOCK_HELD, 75},
        {WEIR_ACCESS_DENIED, 77},
        {WEIR_BAD_CREDENTIALS, 77},
        {WEIR_CREDENTIALS, 77},
        {WEIR_CONFIG, 78},
        {WEIR_IO, 1},
        {WEIR_CORRUPTION, 1},
        {WEIR_INTERNAL, 1},
        {WEIR_SINK_REJECTED, 1},
        {WEIR_LEASE_LOST, 1},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_int_equal(cli_exit_code(table[i].status), table[i].code);
    }
}

static void no_failure_is_reported_as_success(void **state)
{
    (void)state;
    for (int status = WEIR_OK + 1; status < WEIR_STATUS_COUNT; status++) {
        assert_int_not_equal(cli_exit_code((enum weir_status)status), 0);
    }
}

static void every_exit_code_is_explained(void **state)
{
    (void)state;
    for (int status = 0; status < WEIR_STATUS_COUNT; status++) {
        int code = cli_exit_code((enum weir_status)status);
        size_t i = 0;
        while (i < cli_exit_count && cli_exits[i].code != code) {
            i++;
        }
        assert_true(i < cli_exit_count);
    }
}

static bool color(const char *wish, const char *no_color, const char *force)
{
    static const struct cli_option option = {"color", 0, "auto|always|never", ""};
    struct cli_args args = {.given = {{&option, wish}}, .given_count = wish != NULL};
    no_color == NULL ? unsetenv("NO_COLOR") : setenv("NO_COLOR", no_color, 1);
    force == NULL ? unsetenv("CLICOLOR_FORCE") : setenv("CLICOLOR_FORCE", force, 1);
    FILE *no_terminal = tmpfile();
    assert_non_null(no_terminal);
    bool colors = cli_color(&args, no_terminal);
    fclose(no_terminal);
    return colors;
}

/* The option is over NO_COLOR, that over CLICOLOR_FORCE, that over what stdout is. */
static void colour_is_for_terminals_unless_told_otherwise(void **state)
{
    (void)state;
    assert_false(color(NULL, NULL, NULL));
    assert_false(color("auto", NULL, NULL));
    assert_true(color(NULL, NULL, "1"));
    assert_false(color(NULL, NULL, "0"));
    assert_false(color(NULL, NULL, ""));
    assert_false(color(NULL, "1", "1"));
    assert_true(color(NULL, "", "1"));
    assert_true(color("always", "1", NULL));
    assert_false(color("never", NULL, "1"));
}

static void what_a_person_can_mend_has_a_hint(void **state)
{
    (void)state;
    static const enum weir_status mendable[] = {WEIR_UNREACHABLE, WEIR_CREDENTIALS,
                                                WEIR_BAD_CREDENTIALS, WEIR_RESOURCE_NOT_FOUND};
    for (size_t i = 0; i < sizeof(mendable) / sizeof(mendable[0]); i++) {
        assert_non_null(cli_hint(mendable[i]));
    }
    assert_null(cli_hint(WEIR_OK));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_L4_exit_codes_tell_failures_apart),
        cmocka_unit_test(no_failure_is_reported_as_success),
        cmocka_unit_test(every_exit_code_is_explained),
        cmocka_unit_test(colour_is_for_terminals_unless_told_otherwise),
        cmocka_unit_test(what_a_person_can_mend_has_a_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
