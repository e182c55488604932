/* SPDX-License-Identifier: Apache-2.0 */

/* weir man: the manual as roff, from the tables of commands and of configuration keys. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/config.h"

#define PATH_BYTES 4096
#define MANUAL_DATE "2026-11-21" /* of the pages' last change; fixed, so that builds repeat */

const struct cli_option cmd_man_options[] = {
    {"all", 0, "DIR", "write every page there, into man1 and man5"},
    {0},
};

/* ---- roff ------------------------------------------------------------------------------------ */

/* Text: what roff would take for its own is escaped; a line that begins with a control character
 * is shielded. */
static void put(FILE *to, const char *text)
{
    bool line_begins = true;
    for (; *text != '\0'; text++) {
        if (line_begins && (*text == '.' || *text == '\'')) {
            fputs("\\&", to);
        }
        line_begins = *text == '\n';
        switch (*text) {
        case '\\':
            fputs("\\e", to);
            break;
        case '-':
            fputs("\\-", to);
            break;
        case '\'':
            fputs("\\(aq", to);
            break;
        case '`':
            fputs("\\(ga", to);
            break;
        case '^':
            fputs("\\(ha", to);
            break;
        case '~':
            fputs("\\(ti", to);
            break;
        default:
            fputc(*text, to);
        }
    }
}

static void heading(FILE *to, const char *name)
{
    fprintf(to, ".SH %s\n", name);
}

static void title(FILE *to, const char *name, int section)
{
    fputs(".TH \"", to);
    for (const char *c = name; *c != '\0'; c++) {
        fputc(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c, to);
    }
    fprintf(to, "\" %d \"%s\" \"weir %s\" \"weir manual\"\n", section, MANUAL_DATE, weir_version());
}

static void name_line(FILE *to, const char *name, const char *summary)
{
    heading(to, "NAME");
    put(to, name);
    fputs(" \\- ", to);
    put(to, summary);
    fputc('\n', to);
}

static void option_list(FILE *to, const char *name, const struct cli_command *command,
                        const struct cli_option *options)
{
    if (options == NULL || options->name == NULL) {
        return;
    }
    heading(to, name);
    for (; options->name != NULL; options++) {
        fputs(".TP\n", to);
        if (cli_letter(command, options) != 0) {
            fprintf(to, "\\fB\\-%c\\fR, ", options->letter);
        }
        fputs("\\fB\\-\\-", to);
        put(to, options->name);
        fputs("\\fR", to);
        if (options->arg != NULL) {
            fputs(" \\fI", to);
            put(to, options->arg);
            fputs("\\fR", to);
        }
        fputc('\n', to);
        put(to, options->help);
        fputc('\n', to);
    }
}

static void exits(FILE *to)
{
    heading(to, "EXIT STATUS");
    for (size_t i = 0; i < cli_exit_count; i++) {
        fprintf(to, ".TP\n%d\n", cli_exits[i].code);
        put(to, cli_exits[i].meaning);
        fputc('\n', to);
    }
}

/* ---- pages ----------------------------------------------------------------------------------- */

static void page_name(const struct cli_command *command, char to[96])
{
    snprintf(to, 96, "weir%s%s-%s", command->group == NULL ? "" : "-",
             command->group == NULL ? "" : command->group, command->name);
}

static void main_page(FILE *to)
{
    title(to, "weir", 1);
    name_line(to, "weir", "reliable messaging on DynamoDB tables and streams");
    heading(to, "SYNOPSIS");
    fputs("\\fBweir\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...]\n", to);
    heading(to, "DESCRIPTION");
    put(to,
        "Results go to standard output, everything else to standard error. Options may be "
        "written\n--name VALUE or --name=VALUE, in any order with other words; -- ends them.\n");
    heading(to, "COMMANDS");
    for (size_t i = 0; i < cli_command_count; i++) {
        char page[96];
        page_name(&cli_commands[i], page);
        fputs(".TP\n\\fB", to);
        put(to, page);
        fputs("\\fR(1)\n", to);
        put(to, cli_commands[i].summary);
        fputc('\n', to);
    }
    option_list(to, "OPTIONS OF EVERY COMMAND", NULL, cli_common_options);
    exits(to);
    heading(to, "ENVIRONMENT");
    put(to, "Endpoint, region, profile and credentials come from the AWS_ variables as AWS's own "
            "tools\nread them; weir doctor shows which decide.\n");
    heading(to, "FILES");
    fputs(".TP\n\\fIweir.yaml\\fR\n", to);
    put(to, "The configuration, in the current folder.\n");
    heading(to, "SEE ALSO");
    fputs("\\fBweir.yaml\\fR(5)\n", to);
}

static void usage_line(FILE *to, const struct cli_command *command)
{
    fputs("\\fBweir ", to);
    if (command->group != NULL) {
        fprintf(to, "%s ", command->group);
    }
    fprintf(to, "%s\\fR [\\fIOPTION\\fR...]", command->name);
    if (command->words != NULL) {
        fputs(" \\fI", to);
        put(to, command->words);
        fputs("\\fR", to);
    }
    fputc('\n', to);
}

static void command_page(FILE *to, const struct cli_command *command)
{
    char page[96];
    page_name(command, page);
    title(to, page, 1);
    name_line(to, page, command->summary);
    heading(to, "SYNOPSIS");
    usage_line(to, command);
    if (command->details != NULL) {
        heading(to, "DESCRIPTION");
        put(to, command->details);
        fputc('\n', to);
    }
    option_list(to, "OPTIONS", command, command->options);
    option_list(to, "OPTIONS OF EVERY COMMAND", command, cli_common_options);
    exits(to);
    heading(to, "SEE ALSO");
    fputs("\\fBweir\\fR(1), \\fBweir.yaml\\fR(5)\n", to);
}

static void configuration_page(FILE *to)
{
    title(to, "weir.yaml", 5);
    name_line(to, "weir.yaml", "configuration of weir");
    heading(to, "DESCRIPTION");
    put(to, "Read from the current folder, or from the file that --config names. Precedence: "
            "command line,\nenvironment, this file, default. An unknown key, a key set twice and a "
            "value out of its range\nare errors that name file, line and column.\n");
    fputs(".PP\n", to);
    put(to, "${VAR} and ${VAR:-default} are replaced by the environment's value; a variable that "
            "is neither\ndefined nor has a default is an error. A duration is a number with ms, s, "
            "m, h or d; without\na unit, seconds. [] stands for an element of a list.\n");
    heading(to, "KEYS");
    for (size_t i = 0; config_key_at(i) != NULL; i++) {
        const struct config_key *key = config_key_at(i);
        fputs(".TP\n\\fB", to);
        put(to, key->path);
        fputs("\\fR", to);
        if (key->choices != NULL) {
            fputs(" \\fI", to);
            put(to, key->choices);
            fputs("\\fR", to);
        }
        fputc('\n', to);
        put(to, key->help);
        if (key->fallback[0] != '\0') {
            fputs("; default \\fI", to);
            put(to, key->fallback);
            fputs("\\fR", to);
        }
        fputs(".\n", to);
    }
    heading(to, "SEE ALSO");
    fputs("\\fBweir\\fR(1)\n", to);
}

/* ---- where they go --------------------------------------------------------------------------- */

static bool open_page(const char *folder, const char *name, int section, FILE **ret_file,
                      struct weir_error *err)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/man%d/%s.%d", folder, section, name, section);
    *ret_file = fopen(path, "we");
    if (*ret_file == NULL) {
        (void)error_set(err, WEIR_IO, "%.400s: %s", path, strerror(errno));
    }
    return *ret_file != NULL;
}

static bool close_page(FILE *file, struct weir_error *err)
{
    if (fclose(file) == 0) {
        return true;
    }
    (void)error_set(err, WEIR_IO, "a page cannot be written: %s", strerror(errno));
    return false;
}

static bool make_folders(const char *folder, struct weir_error *err)
{
    for (int section = 1; section <= 5; section += 4) {
        char path[PATH_BYTES];
        snprintf(path, sizeof(path), "%s/man%d", folder, section);
        if (mkdir(path, 0777) != 0 && errno != EEXIST) {
            (void)error_set(err, WEIR_IO, "%.400s: %s", path, strerror(errno));
            return false;
        }
    }
    return true;
}

static bool write_all(const char *folder, struct weir_error *err)
{
    FILE *to = NULL;
    bool good = make_folders(folder, err) && open_page(folder, "weir", 1, &to, err);
    if (good) {
        main_page(to);
        good = close_page(to, err);
    }
    if (good && (good = open_page(folder, "weir.yaml", 5, &to, err))) {
        configuration_page(to);
        good = close_page(to, err);
    }
    for (size_t i = 0; good && i < cli_command_count; i++) {
        char page[96];
        page_name(&cli_commands[i], page);
        if ((good = open_page(folder, page, 1, &to, err))) {
            command_page(to, &cli_commands[i]);
            good = close_page(to, err);
        }
    }
    return good;
}

/* Whether there is such a page. */
static bool write_one(FILE *to, const struct cli_args *args)
{
    const char *first = args->word_count > 0 ? args->words[0] : NULL;
    const char *second = args->word_count > 1 ? args->words[1] : NULL;
    if (first == NULL) {
        main_page(to);
        return true;
    }
    if (second == NULL && strcmp(first, "weir.yaml") == 0) {
        configuration_page(to);
        return true;
    }
    const struct cli_command *command =
        second == NULL ? cli_find_command(NULL, first) : cli_find_command(first, second);
    if (command == NULL || args->word_count > 2) {
        return false;
    }
    command_page(to, command);
    return true;
}

int cmd_man(const struct cli_args *args)
{
    struct weir_error err = {0};
    const char *folder = cli_get(args, "all");
    if (folder != NULL) {
        return write_all(folder, &err) ? 0 : cli_fail(args, err.status, &err);
    }
    /* A fixed command: nothing of the command line reaches the shell. */
    FILE *reader = isatty(STDOUT_FILENO) ? popen("man -l -", "w") : NULL;
    bool found = write_one(reader == NULL ? stdout : reader, args);
    if (reader != NULL && pclose(reader) != 0 && found) {
        (void)write_one(stdout, args); /* there is no man here that could show it */
    }
    if (!found) {
        return cli_fail(
            args,
            cli_no_command(args->words[0], args->word_count > 1 ? args->words[1] : NULL, &err),
            &err);
    }
    return 0;
}
