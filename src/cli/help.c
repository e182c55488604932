/* SPDX-License-Identifier: Apache-2.0 */

/* Help, from the table of commands. */

#include <string.h>

#include "cli/cli.h"

static void print_command_line(FILE *to, const struct cli_command *command)
{
    char name[64];
    snprintf(name, sizeof(name), "%s%s%s", command->group == NULL ? "" : command->group,
             command->group == NULL ? "" : " ", command->name);
    fprintf(to, "  %-16s %s\n", name, command->summary);
}

void cli_help(FILE *to)
{
    fprintf(to, "weir: reliable messaging on DynamoDB tables and streams\n\n"
                "usage: weir COMMAND [OPTION...]\n\n");
    for (size_t i = 0; i < cli_command_count; i++) {
        print_command_line(to, &cli_commands[i]);
    }
    fprintf(to, "\nweir COMMAND --help tells more of each.\n"
                "Exit codes: 0 done, 1 failed, 3 not found, 4 condition failed, 64 usage,\n"
                "65 bad data, 66 a gap, 69 unreachable, 75 try again, 77 credentials,\n"
                "78 configuration.\n");
}

void cli_help_group(FILE *to, const char *group)
{
    fprintf(to, "usage: weir %s COMMAND [OPTION...]\n\n", group);
    for (size_t i = 0; i < cli_command_count; i++) {
        if (cli_commands[i].group != NULL && strcmp(cli_commands[i].group, group) == 0) {
            print_command_line(to, &cli_commands[i]);
        }
    }
}

static void print_options(FILE *to, const struct cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        char left[64];
        char letter[8] = "    ";
        if (options->letter != 0) {
            snprintf(letter, sizeof(letter), "-%c, ", options->letter);
        }
        snprintf(left, sizeof(left), "%s--%s%s%s", letter, options->name,
                 options->arg == NULL ? "" : " ", options->arg == NULL ? "" : options->arg);
        fprintf(to, "  %-28s %s\n", left, options->help);
    }
}

void cli_help_command(FILE *to, const struct cli_command *command)
{
    fprintf(to, "usage: weir %s%s%s [OPTION...]%s%s\n\n%s\n",
            command->group == NULL ? "" : command->group, command->group == NULL ? "" : " ",
            command->name, command->words == NULL ? "" : " ",
            command->words == NULL ? "" : command->words, command->summary);
    if (command->details != NULL) {
        fprintf(to, "\n%s\n", command->details);
    }
    if (command->options != NULL && command->options->name != NULL) {
        fprintf(to, "\noptions\n");
        print_options(to, command->options);
    }
    fprintf(to, "\ncommon options\n");
    print_options(to, cli_common_options);
}

int cmd_help(const struct cli_args *args)
{
    (void)args;
    cli_help(stdout);
    return 0;
}
