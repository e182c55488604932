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
#include "cli/nearest.h"

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

/* A group's name, or a command's of one word. */
static const char *likely_first(const char *word)
{
    struct nearest nearest = nearest_to(word);
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = &cli_commands[i];
        nearest_offer(&nearest, command->group != NULL ? command->group : command->name);
    }
    return nearest_likely(&nearest);
}

static const char *likely_second(const char *group, const char *word)
{
    struct nearest nearest = nearest_to(word);
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = &cli_commands[i];
        if (command->group != NULL && strcmp(command->group, group) == 0) {
            nearest_offer(&nearest, command->name);
        }
    }
    return nearest_likely(&nearest);
}

/* "weir outbox put or weir item put": what a command's name without its group may mean. */
static void say_groups_with(const char *name, char *to, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < cli_command_count && len < size; i++) {
        const struct cli_command *command = &cli_commands[i];
        if (command->group != NULL && strcmp(command->name, name) == 0) {
            len += (size_t)snprintf(to + len, size - len, "%sweir %s %s", len == 0 ? "" : " or ",
                                    command->group, name);
        }
    }
}

enum weir_status cli_no_command(const char *first, const char *second, struct weir_error *err)
{
    char meant[256] = "";
    bool in_group = second != NULL && cli_group_exists(first);
    const char *likely = in_group ? likely_second(first, second) : likely_first(first);
    if (!in_group) {
        say_groups_with(first, meant, sizeof(meant));
    }
    if (meant[0] == '\0' && likely != NULL) {
        snprintf(meant, sizeof(meant), "weir %s%s%s", in_group ? first : "", in_group ? " " : "",
                 likely);
    }
    return error_set(err, WEIR_INVALID_ARGUMENT, "there is no command \"%.80s%s%.80s\"%s%s%s",
                     first, second == NULL ? "" : " ", second == NULL ? "" : second,
                     meant[0] == '\0' ? "; see weir help" : "; did you mean ", meant,
                     meant[0] == '\0' ? "" : "?");
}

/* ---- complaints ------------------------------------------------------------------------------ */

/* Whether JSON is asked for, anywhere: also behind the mistake, and in front of a command's name.
 */
static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        bool apart = strcmp(argv[i], "-o") == 0 || strcmp(argv[i], "--output") == 0;
        if ((apart && i + 1 < argc && strcmp(argv[i + 1], "json") == 0) ||
            strcmp(argv[i], "--output=json") == 0 || strcmp(argv[i], "-o=json") == 0) {
            return true;
        }
    }
    return false;
}

/* Says the error as the command line wants it said. */
static int complain(int argc, char **argv, const struct weir_error *err)
{
    static const struct cli_option output = {"output", 'o', "text|json", ""};
    struct cli_args args = {.given = {{&output, "json"}}};
    args.given_count = wants_json(argc, argv);
    return cli_fail(&args, WEIR_INVALID_ARGUMENT, err);
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Finds the command and how many words it took; NULL after saying what is wrong, or after help. */
static const struct cli_command *take_command(int argc, char **argv, int *ret_taken, int *ret_code)
{
    struct weir_error err = {0};
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
        (void)cli_no_command(argv[1], *ret_taken == 3 ? argv[2] : NULL, &err);
        *ret_code = complain(argc, argv, &err);
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

char cli_letter(const struct cli_command *command, const struct cli_option *option)
{
    bool taken = command != NULL && option->letter != 0 &&
                 cli_find_option(command, &option->letter, 1) != option;
    return taken ? '\0' : option->letter;
}

static enum weir_status usage(const struct cli_command *command, const char *what,
                              const char *about, struct weir_error *err)
{
    return error_set(err, WEIR_INVALID_ARGUMENT, "%s \"%.120s\"; see weir %s%s%s --help", what,
                     about, command->group == NULL ? "" : command->group,
                     command->group == NULL ? "" : " ", command->name);
}

static void offer_options(struct nearest *nearest, const struct cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        nearest_offer(nearest, options->name);
    }
}

static enum weir_status no_option(const struct cli_command *command, const char *text,
                                  size_t name_len, struct weir_error *err)
{
    char name[64];
    snprintf(name, sizeof(name), "%.*s", name_len < sizeof(name) ? (int)name_len : 0,
             text + strspn(text, "-"));
    struct nearest nearest = nearest_to(name);
    offer_options(&nearest, command->options);
    offer_options(&nearest, cli_common_options);
    const char *likely = name_len < 2 ? NULL : nearest_likely(&nearest);
    if (likely == NULL) {
        return usage(command, "there is no option", text, err);
    }
    return error_set(err, WEIR_INVALID_ARGUMENT,
                     "there is no option \"%.120s\"; did you mean --%s?", text, likely);
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

static enum weir_status check_choice(const struct cli_option *option, const char *value,
                                     struct weir_error *err)
{
    if (option->arg == NULL || strchr(option->arg, '|') == NULL || is_choice(option->arg, value)) {
        return WEIR_OK;
    }
    return error_set(err, WEIR_INVALID_ARGUMENT, "--%s is \"%.120s\": one of %s", option->name,
                     value, option->arg);
}

/* One option at argv[*at]; moves *at past it and its value. */
static enum weir_status take_option(int argc, char **argv, int *at, struct cli_args *args,
                                    struct weir_error *err)
{
    const char *text = argv[*at];
    const char *name = text + (text[1] == '-' ? 2 : 1);
    const char *equals = strchr(name, '=');
    size_t len = equals == NULL ? strlen(name) : (size_t)(equals - name);
    bool short_form = text[1] != '-';
    const struct cli_option *option =
        short_form && len != 1 ? NULL : cli_find_option(args->command, name, len);
    if (option == NULL || (!short_form && len == 1 && strlen(option->name) != 1)) {
        return no_option(args->command, text, len, err);
    }
    (*at)++;
    const char *value = "";
    if (option->arg == NULL && equals != NULL) {
        return usage(args->command, "no value belongs to", text, err);
    }
    if (option->arg != NULL && equals != NULL) {
        value = equals + 1;
    } else if (option->arg != NULL) {
        if (*at >= argc) {
            return usage(args->command, "a value is missing for", text, err);
        }
        value = argv[(*at)++];
    }
    if (args->given_count == CLI_GIVEN_MAX) {
        return usage(args->command, "too many options before", text, err);
    }
    args->given[args->given_count++] = (struct cli_given){option, value};
    return check_choice(option, value, err);
}

static enum weir_status take_word(const char *word, struct cli_args *args, struct weir_error *err)
{
    if (args->command->words == NULL || args->word_count == CLI_WORDS_MAX) {
        return usage(args->command, "there is no place for", word, err);
    }
    args->words[args->word_count++] = word;
    return WEIR_OK;
}

/* The first word that help names without brackets has to be there; options may stand for others. */
static enum weir_status check_words(const struct cli_args *args, struct weir_error *err)
{
    const struct cli_command *command = args->command;
    const char *words = command->words;
    if (words == NULL || words[0] == '[' || args->word_count > 0 || cli_has(args, "help")) {
        return WEIR_OK;
    }
    return error_set(err, WEIR_INVALID_ARGUMENT,
                     "%.*s is missing; usage: weir %s%s%s [OPTION...] %s", (int)strcspn(words, " "),
                     words, command->group == NULL ? "" : command->group,
                     command->group == NULL ? "" : " ", command->name, words);
}

static enum weir_status take_rest(int argc, char **argv, int at, struct cli_args *args,
                                  struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    bool options_over = false;
    while (status == WEIR_OK && at < argc) {
        const char *text = argv[at];
        if (!options_over && strcmp(text, "--") == 0) {
            options_over = true;
            at++;
        } else if (!options_over && text[0] == '-' && text[1] != '\0') {
            status = take_option(argc, argv, &at, args, err);
        } else {
            status = take_word(text, args, err);
            at++;
        }
    }
    return status == WEIR_OK ? check_words(args, err) : status;
}

int cli_parse(int argc, char **argv, struct cli_args *ret_args)
{
    struct weir_error err = {0};
    int at = 0, code = 0;
    *ret_args = (struct cli_args){0};
    ret_args->command = take_command(argc, argv, &at, &code);
    if (ret_args->command != NULL && take_rest(argc, argv, at, ret_args, &err) != WEIR_OK) {
        ret_args->command = NULL;
        code = complain(argc, argv, &err);
    }
    return ret_args->command == NULL ? code : 0;
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

/* In the largest unit that says it exactly. */
static const char *say_duration(int64_t ms, char *to, size_t size)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    size_t i = 0;
    while (ms == 0 ? units[i].ms != 1000 : ms % units[i].ms != 0) {
        i++;
    }
    snprintf(to, size, "%lld%s", (long long)(ms / units[i].ms), units[i].unit);
    return to;
}

enum weir_status cli_get_duration(const struct cli_args *args, const char *name, int64_t min_ms,
                                  int64_t max_ms, int64_t fallback_ms, int64_t *ret_ms,
                                  struct weir_error *err)
{
    const char *text = cli_get(args, name);
    int64_t given_ms = fallback_ms;
    if (text != NULL &&
        (!config_parse_duration(text, &given_ms) || given_ms < min_ms || given_ms > max_ms)) {
        char min[32], max[32];
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "--%s is \"%.120s\": a time (250ms, 10s, 5m, 2h, 7d) from %s to %s", name,
                         text, say_duration(min_ms, min, sizeof(min)),
                         say_duration(max_ms, max, sizeof(max)));
    }
    *ret_ms = given_ms;
    return WEIR_OK;
}
