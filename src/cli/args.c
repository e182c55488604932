/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The command line: first the command's words, then options and further words in any order.
 * "--name value", "--name=value", "-n value"; "--" ends the options.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/config_internal.h"

#define EXIT_USAGE 64

bool cli_group_exists(const char *word)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        if (cli_commands[i].group != NULL && strcmp(cli_commands[i].group, word) == 0) {
            return true;
        }
    }
    return false;
}

const struct cli_command *cli_find_command(const char *group, const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = &cli_commands[i];
        bool same_group = group == NULL
                              ? command->group == NULL
                              : command->group != NULL && strcmp(command->group, group) == 0;
        if (same_group && strcmp(command->name, name) == 0) {
            return command;
        }
    }
    return NULL;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Finds the command and how many words it took; NULL after saying what is wrong, or after help. */
static const struct cli_command *take_command(int argc, char **argv, int *ret_taken, int *ret_code)
{
    *ret_code = EXIT_USAGE;
    if (argc < 2) {
        cli_help(stderr);
        return NULL;
    }
    if (is_help(argv[1])) {
        *ret_code = 0;
        cli_help(stdout);
        return NULL;
    }
    if (strcmp(argv[1], "--version") == 0) {
        *ret_taken = 2;
        return cli_find_command(NULL, "version");
    }
    const struct cli_command *command = cli_find_command(NULL, argv[1]);
    *ret_taken = 2;
    if (command == NULL && cli_group_exists(argv[1])) {
        if (argc < 3 || is_help(argv[2]) || strcmp(argv[2], "help") == 0) {
            *ret_code = argc < 3 ? EXIT_USAGE : 0;
            cli_help_group(argc < 3 ? stderr : stdout, argv[1]);
            return NULL;
        }
        command = cli_find_command(argv[1], argv[2]);
        *ret_taken = 3;
    }
    if (command == NULL) {
        fprintf(stderr, "weir: there is no command \"%s%s%s\"; see weir help\n", argv[1],
                *ret_taken == 3 ? " " : "", *ret_taken == 3 ? argv[2] : "");
    }
    return command;
}

static const struct cli_option *find_in(const struct cli_option *options, const char *name,
                                        size_t len)
{
    for (; options != NULL && options->name != NULL; options++) {
        bool by_letter = len == 1 && options->letter == name[0];
        if (by_letter || (strlen(options->name) == len && strncmp(options->name, name, len) == 0)) {
            return options;
        }
    }
    return NULL;
}

const struct cli_option *cli_find_option(const struct cli_command *command, const char *name,
                                         size_t len)
{
    const struct cli_option *option = find_in(command->options, name, len);
    return option != NULL ? option : find_in(cli_common_options, name, len);
}

static int usage(const struct cli_command *command, const char *what, const char *about)
{
    fprintf(stderr, "weir: %s \"%s\"; see weir %s%s%s --help\n", what, about,
            command->group == NULL ? "" : command->group, command->group == NULL ? "" : " ",
            command->name);
    return EXIT_USAGE;
}

/* Whether the value is one of "text|json". */
static bool is_choice(const char *choices, const char *value)
{
    size_t len = strlen(value);
    for (const char *at = choices; at != NULL; at = strchr(at, '|')) {
        at += *at == '|';
        if (strcspn(at, "|") == len && strncmp(at, value, len) == 0) {
            return true;
        }
    }
    return false;
}

static int check_choice(const struct cli_option *option, const char *value)
{
    if (option->arg == NULL || strchr(option->arg, '|') == NULL || is_choice(option->arg, value)) {
        return 0;
    }
    fprintf(stderr, "weir: --%s is \"%s\": one of %s\n", option->name, value, option->arg);
    return EXIT_USAGE;
}

/* One option at argv[*at]; moves *at past it and its value. */
static int take_option(int argc, char **argv, int *at, struct cli_args *args)
{
    const char *text = argv[*at];
    const char *name = text + (text[1] == '-' ? 2 : 1);
    const char *equals = strchr(name, '=');
    size_t len = equals == NULL ? strlen(name) : (size_t)(equals - name);
    bool short_form = text[1] != '-';
    const struct cli_option *option =
        short_form && len != 1 ? NULL : cli_find_option(args->command, name, len);
    if (option == NULL || (!short_form && len == 1 && strlen(option->name) != 1)) {
        return usage(args->command, "there is no option", text);
    }
    (*at)++;
    const char *value = "";
    if (option->arg == NULL && equals != NULL) {
        return usage(args->command, "no value belongs to", text);
    }
    if (option->arg != NULL && equals != NULL) {
        value = equals + 1;
    } else if (option->arg != NULL) {
        if (*at >= argc) {
            return usage(args->command, "a value is missing for", text);
        }
        value = argv[(*at)++];
    }
    if (args->given_count == CLI_GIVEN_MAX) {
        return usage(args->command, "too many options before", text);
    }
    args->given[args->given_count++] = (struct cli_given){option, value};
    return check_choice(option, value);
}

static int take_word(const char *word, struct cli_args *args)
{
    if (args->command->words == NULL || args->word_count == CLI_WORDS_MAX) {
        return usage(args->command, "there is no place for", word);
    }
    args->words[args->word_count++] = word;
    return 0;
}

int cli_parse(int argc, char **argv, struct cli_args *ret_args)
{
    int at = 0, code = 0;
    *ret_args = (struct cli_args){0};
    ret_args->command = take_command(argc, argv, &at, &code);
    if (ret_args->command == NULL) {
        return code;
    }
    bool options_over = false;
    while (at < argc) {
        const char *text = argv[at];
        if (!options_over && strcmp(text, "--") == 0) {
            options_over = true;
            at++;
        } else if (!options_over && text[0] == '-' && text[1] != '\0') {
            code = take_option(argc, argv, &at, ret_args);
        } else {
            code = take_word(text, ret_args);
            at++;
        }
        if (code != 0) {
            ret_args->command = NULL;
            return code;
        }
    }
    return 0;
}

const char *cli_get(const struct cli_args *args, const char *name)
{
    for (unsigned i = args->given_count; i-- > 0;) {
        if (strcmp(args->given[i].option->name, name) == 0) {
            return args->given[i].value;
        }
    }
    return NULL;
}

enum weir_status cli_get_number(const struct cli_args *args, const char *name, int64_t min,
                                int64_t max, int64_t fallback, int64_t *ret_number,
                                struct weir_error *err)
{
    const char *text = cli_get(args, name);
    if (text == NULL) {
        *ret_number = fallback;
        return WEIR_OK;
    }
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || number < min || number > max) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "--%s is \"%s\": a number from %lld to %lld",
                         name, text, (long long)min, (long long)max);
    }
    *ret_number = number;
    return WEIR_OK;
}

enum weir_status cli_get_duration(const struct cli_args *args, const char *name, int64_t min_ms,
                                  int64_t max_ms, int64_t fallback_ms, int64_t *ret_ms,
                                  struct weir_error *err)
{
    const char *text = cli_get(args, name);
    int64_t given_ms = fallback_ms;
    if (text != NULL &&
        (!config_parse_duration(text, &given_ms) || given_ms < min_ms || given_ms > max_ms)) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "--%s is \"%s\": a time (250ms, 10s, 5m, 2h, 7d) from %lld to %lld ms",
                         name, text, (long long)min_ms, (long long)max_ms);
    }
    *ret_ms = given_ms;
    return WEIR_OK;
}
