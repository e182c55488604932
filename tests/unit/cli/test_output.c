/* SPDX-License-Identifier: Apache-2.0 */

/* Exit codes, which scripts rely on. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
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

static enum weir_status run_full(struct arena *a, const struct cli_args *args,
                                 struct weir_error *err)
{
    (void)args;
    if (arena_alloc(a, 1024) == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "the test's arena is full");
    }
    return arena_alloc(a, 4096) == NULL ? WEIR_OK : error_set(err, WEIR_NOT_FOUND, "no limit");
}

static void a_command_runs_with_its_arena_and_its_failure_is_its_exit_code(void **state)
{
    struct cli_args args = {0};
    (void)state;
    assert_int_equal(cli_run(&args, 2048, run_full), 0);
    assert_int_equal(cli_run(&args, 512, run_full), cli_exit_code(WEIR_NO_MEMORY));
    assert_int_equal(cli_run(&args, 65536, run_full), cli_exit_code(WEIR_NOT_FOUND));
}

static void what_a_terminal_would_act_upon_is_shown_as_a_question_mark(void **state)
{
    char *shown = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&shown, &len);
    (void)state;
    cli_print_clean(to, BYTES_LIT("a\033[31m\n\x7f\xc3\xbc~ \0z"));
    assert_int_equal(fclose(to), 0);
    assert_string_equal(shown, "a?[31m??\xc3\xbc~ ?z");
    free(shown);
}

static void no_text_is_printed_well(void **state)
{
    (void)state;
    assert_true(cli_print_text(NULL, 0));
}

static void a_member_that_is_no_text_is_shown_as_a_dash(void **state)
{
    struct arena *a = arena_new(65536);
    struct weir_value *map = value_new_map(a, VALUE_PLAIN);
    (void)state;
    value_add_str(a, map, "text", BYTES_LIT("x"));
    value_add_int(a, map, "number", 1);
    assert_true(bytes_eq_str(cli_member(map, "text"), "x"));
    assert_true(bytes_eq_str(cli_member(map, "number"), "-"));
    assert_true(bytes_eq_str(cli_member(map, "none"), "-"));
    assert_true(bytes_eq_str(cli_member(NULL, "text"), "-"));
    arena_free(a);
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
        cmocka_unit_test(a_command_runs_with_its_arena_and_its_failure_is_its_exit_code),
        cmocka_unit_test(what_a_terminal_would_act_upon_is_shown_as_a_question_mark),
        cmocka_unit_test(no_text_is_printed_well),
        cmocka_unit_test(a_member_that_is_no_text_is_shown_as_a_dash),
        cmocka_unit_test(colour_is_for_terminals_unless_told_otherwise),
        cmocka_unit_test(what_a_person_can_mend_has_a_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
