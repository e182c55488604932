/* SPDX-License-Identifier: Apache-2.0 */

/* The command line: every form of an option, what is refused, and help from the table. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"

#define WORDS_MAX (CLI_WORDS_MAX + 8)

static struct cli_args args;

/* Parses "weir" and the words up to NULL. */
static int parse(const char *first, ...)
{
    char *argv[WORDS_MAX + 2] = {(char *)(uintptr_t) "weir"};
    int argc = 1;
    va_list more;
    va_start(more, first);
    for (const char *word = first; word != NULL; word = va_arg(more, const char *)) {
        argv[argc++] = (char *)(uintptr_t)word;
    }
    va_end(more);
    return cli_parse(argc, argv, &args);
}

static void assert_option(const char *name, const char *expected)
{
    const char *value = cli_get(&args, name);
    assert_non_null(value);
    assert_string_equal(value, expected);
}

static void an_option_is_written_in_four_ways(void **state)
{
    (void)state;
    const char *const ways[][2] = {
        {"--port", "1"}, {"--port=1", NULL}, {"-p", "1"}, {"-p=1", NULL}};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        assert_int_equal(parse("serve", ways[i][0], ways[i][1], NULL), 0);
        assert_string_equal(args.command->name, "serve");
        assert_option("port", "1");
    }
}

static void a_flag_takes_no_value(void **state)
{
    (void)state;
    assert_int_equal(parse("serve", "--memory", "-q", NULL), 0);
    assert_true(cli_has(&args, "memory") && cli_has(&args, "quiet"));
    assert_false(cli_has(&args, "verbose"));
    assert_int_equal(parse("serve", "--memory=yes", NULL), 64);
    assert_null(args.command);
}

static void the_last_of_a_repeated_option_counts(void **state)
{
    (void)state;
    assert_int_equal(parse("serve", "-p", "1", "--port=2", NULL), 0);
    assert_option("port", "2");
    assert_int_equal(args.given_count, 2);
}

static void repeated_settings_are_all_kept_in_order(void **state)
{
    (void)state;
    assert_int_equal(parse("relay", "run", "--set", "a=1", "--set=b=2", NULL), 0);
    assert_int_equal(args.given_count, 2);
    assert_string_equal(args.given[0].value, "a=1");
    assert_string_equal(args.given[1].value, "b=2");
}

static void words_and_options_come_in_any_order(void **state)
{
    (void)state;
    assert_int_equal(parse("outbox", "put", "--type", "T", "key", "-o", "json", NULL), 0);
    assert_int_equal(args.word_count, 1);
    assert_string_equal(args.words[0], "key");
    assert_option("output", "json");
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    assert_int_equal(parse("outbox", "put", "--type", "T", "--", "--type", NULL), 0);
    assert_int_equal(args.word_count, 1);
    assert_string_equal(args.words[0], "--type");
    assert_option("type", "T");
}

static void a_single_dash_is_a_word_and_a_value(void **state)
{
    (void)state;
    assert_int_equal(parse("outbox", "put", "-", "--payload", "-", NULL), 0);
    assert_string_equal(args.words[0], "-");
    assert_option("payload", "-");
}

static void a_value_may_be_empty_or_look_like_an_option(void **state)
{
    (void)state;
    assert_int_equal(parse("serve", "--data=", NULL), 0);
    assert_option("data", "");
    assert_int_equal(parse("serve", "--data", "--memory", NULL), 0);
    assert_option("data", "--memory");
    assert_false(cli_has(&args, "memory"));
}

static void what_is_not_in_the_table_is_usage(void **state)
{
    (void)state;
    assert_int_equal(parse("brew", NULL), 64);
    assert_int_equal(parse("outbox", "brew", NULL), 64);
    assert_int_equal(parse("outbox", NULL), 64);
    assert_int_equal(parse(NULL), 64);
    assert_int_equal(parse("", NULL), 64);
    assert_int_equal(parse("--port", NULL), 64);
    assert_int_equal(parse("serve", "--brew", NULL), 64);
    assert_int_equal(parse("serve", "--por", "1", NULL), 64);
    assert_int_equal(parse("serve", "--p", "1", NULL), 64);
    assert_int_equal(parse("serve", "-x", NULL), 64);
    assert_int_equal(parse("serve", "-p1", NULL), 64);
    assert_int_equal(parse("serve", "-port", "1", NULL), 64);
    assert_int_equal(parse("serve", "--=1", NULL), 64);
    assert_int_equal(parse("serve", "word", NULL), 64);
    assert_int_equal(parse("version", "--port", "1", NULL), 64);
    assert_null(args.command);
}

static void a_missing_value_is_usage(void **state)
{
    (void)state;
    assert_int_equal(parse("serve", "--port", NULL), 64);
    assert_int_equal(parse("serve", "-p", NULL), 64);
    assert_int_equal(parse("serve", "--memory", "--data", NULL), 64);
}

static void too_many_options_and_words_are_usage(void **state)
{
    (void)state;
    char *argv[WORDS_MAX] = {(char *)(uintptr_t) "weir", (char *)(uintptr_t) "serve"};
    for (int i = 2; i < WORDS_MAX; i++) {
        argv[i] = (char *)(uintptr_t) "-q";
    }
    assert_int_equal(cli_parse(2 + CLI_GIVEN_MAX, argv, &args), 0);
    assert_int_equal(cli_parse(3 + CLI_GIVEN_MAX, argv, &args), 64);
    argv[1] = (char *)(uintptr_t) "help";
    for (int i = 2; i < WORDS_MAX; i++) {
        argv[i] = (char *)(uintptr_t) "word";
    }
    assert_int_equal(cli_parse(2 + CLI_WORDS_MAX, argv, &args), 0);
    assert_int_equal(cli_parse(3 + CLI_WORDS_MAX, argv, &args), 64);
}

static void help_and_version_have_their_options(void **state)
{
    (void)state;
    assert_int_equal(parse("--version", NULL), 0);
    assert_string_equal(args.command->name, "version");
    assert_int_equal(parse("help", "serve", NULL), 0);
    assert_string_equal(args.command->name, "help");
    assert_int_equal(parse("serve", "-h", NULL), 0);
    assert_true(cli_has(&args, "help"));
}

static void numbers_are_checked(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool good;
        int64_t number;
    } cases[] = {{"0", true, 0},      {"65535", true, 65535}, {"-1", false, 0},
                 {"65536", false, 0}, {"", false, 0},         {"x", false, 0},
                 {"1x", false, 0},    {"1.5", false, 0},      {"99999999999999999999", false, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t number = -7;
        struct weir_error err = {0};
        assert_int_equal(parse("serve", "--port", cases[i].text, NULL), 0);
        enum weir_status status = cli_get_number(&args, "port", 0, 65535, 8000, &number, &err);
        assert_int_equal(status, cases[i].good ? WEIR_OK : WEIR_INVALID_ARGUMENT);
        assert_int_equal(number, cases[i].good ? cases[i].number : -7);
    }
    int64_t number = 0;
    struct weir_error err = {0};
    assert_int_equal(parse("stream", "tail", "t", "-n", "99999999999999999999", NULL), 0);
    assert_int_equal(cli_get_number(&args, "max", 0, INT64_MAX, -1, &number, &err),
                     WEIR_INVALID_ARGUMENT);
    assert_int_equal(parse("serve", NULL), 0);
    assert_int_equal(cli_get_number(&args, "port", 0, 65535, 8000, &number, &err), WEIR_OK);
    assert_int_equal(number, 8000);
}

static void an_argument_of_choices_takes_these_alone(void **state)
{
    (void)state;
    assert_int_equal(parse("version", "-o", "json", NULL), 0);
    assert_int_equal(parse("version", "--color=never", NULL), 0);
    static const char *const wrong[] = {"yaml", "", "tex", "textx", "text|json", "|", "JSON"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(parse("version", "-o", wrong[i], NULL), 64);
        assert_null(args.command);
    }
}

static void durations_are_checked(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool good;
        int64_t ms;
    } cases[] = {{"1ms", true, 1},      {"1s", true, 1000},      {"2", true, 2000},
                 {"1h", true, 3600000}, {"3600001ms", false, 0}, {"0s", false, 0},
                 {"-1s", false, 0},     {"", false, 0},          {"soon", false, 0},
                 {"1.5s", false, 0},    {"1 s", false, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = -7;
        struct weir_error err = {0};
        assert_int_equal(parse("version", "--request-timeout", cases[i].text, NULL), 0);
        enum weir_status status =
            cli_get_duration(&args, "request-timeout", 1, 3600000, 5, &ms, &err);
        assert_int_equal(status, cases[i].good ? WEIR_OK : WEIR_INVALID_ARGUMENT);
        assert_int_equal(ms, cases[i].good ? cases[i].ms : -7);
    }
    int64_t ms = 0;
    struct weir_error err = {0};
    assert_int_equal(parse("version", "--request-timeout", "soon", NULL), 0);
    (void)cli_get_duration(&args, "request-timeout", 0, 5400000, 5, &ms, &err);
    assert_non_null(
        strstr(err.message, "\"soon\": a time (250ms, 10s, 5m, 2h, 7d) from 0s to 90m"));
    (void)cli_get_duration(&args, "request-timeout", 1, 86400000, 5, &ms, &err);
    assert_non_null(strstr(err.message, " from 1ms to 1d"));
    assert_int_equal(parse("version", NULL), 0);
    assert_int_equal(cli_get_duration(&args, "request-timeout", 1, 9, 5, &ms, NULL), WEIR_OK);
    assert_int_equal(ms, 5);
}

/* ---- the table ---------------------------------------------------------------------------------
 */

static void help_tells_of_every_command_and_option(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = &cli_commands[i];
        char *text = NULL;
        size_t len = 0;
        FILE *to = open_memstream(&text, &len);
        cli_help_command(to, command);
        assert_int_equal(fclose(to), 0);
        assert_non_null(strstr(text, command->summary));
        const struct cli_option *options = command->options;
        for (; options != NULL && options->name != NULL; options++) {
            assert_non_null(strstr(text, options->name));
        }
        assert_non_null(strstr(text, "--endpoint-url"));
        free(text);
    }
}

static bool same_letter_or_name(const struct cli_option *a, const struct cli_option *b)
{
    return strcmp(a->name, b->name) == 0 || (a->letter != 0 && a->letter == b->letter);
}

static void no_option_hides_another(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_option *options = cli_commands[i].options;
        for (; options != NULL && options->name != NULL; options++) {
            for (const struct cli_option *o = options + 1; o->name != NULL; o++) {
                assert_false(same_letter_or_name(options, o));
            }
            for (const struct cli_option *o = cli_common_options; o->name != NULL; o++) {
                assert_string_not_equal(options->name, o->name);
                assert_true(options->letter == 0 || options->letter != o->letter ||
                            cli_letter(&cli_commands[i], o) == 0);
            }
        }
    }
}

static void every_command_is_found_by_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = &cli_commands[i];
        assert_ptr_equal(cli_find_command(command->group, command->name), command);
        assert_non_null(command->run);
    }
    assert_true(cli_group_exists("outbox"));
    assert_false(cli_group_exists("serve"));
    assert_null(cli_find_command("outbox", "serve"));
    assert_null(cli_find_command(NULL, "put"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_option_is_written_in_four_ways),
        cmocka_unit_test(a_flag_takes_no_value),
        cmocka_unit_test(the_last_of_a_repeated_option_counts),
        cmocka_unit_test(repeated_settings_are_all_kept_in_order),
        cmocka_unit_test(words_and_options_come_in_any_order),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(a_single_dash_is_a_word_and_a_value),
        cmocka_unit_test(a_value_may_be_empty_or_look_like_an_option),
        cmocka_unit_test(what_is_not_in_the_table_is_usage),
        cmocka_unit_test(a_missing_value_is_usage),
        cmocka_unit_test(too_many_options_and_words_are_usage),
        cmocka_unit_test(help_and_version_have_their_options),
        cmocka_unit_test(numbers_are_checked),
        cmocka_unit_test(an_argument_of_choices_takes_these_alone),
        cmocka_unit_test(durations_are_checked),
        cmocka_unit_test(help_tells_of_every_command_and_option),
        cmocka_unit_test(no_option_hides_another),
        cmocka_unit_test(every_command_is_found_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
