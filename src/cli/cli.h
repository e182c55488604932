/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_CLI_H
#define WEIR_CLI_CLI_H

/*
 * The program: one file per command, one table of commands (commands.c) from which dispatch, help
 * and everything else about them comes.
 *
 * Data goes to stdout, everything else to stderr. Exit codes: cli_exit_code.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "value/value.h"
#include "weir/client.h"

/*
 * One option: "--name ARG", or a flag when arg is NULL. What ARG is called decides how it is
 * completed and checked: "text|json" are its choices, and no other value is taken; FILE, DIR,
 * TABLE, PROFILE, SINK, RELAY and COMMAND are completed as such; others not at all.
 */
struct cli_option {
    const char *name; /* without the dashes */
    char letter;      /* 0: no short form */
    const char *arg;  /* how help calls its argument; NULL: a flag */
    const char *help;
};

/* What was given for an option; repeated ones are kept in order. */
struct cli_given {
    const struct cli_option *option;
    const char *value; /* flags: "" */
};

#define CLI_GIVEN_MAX 64
#define CLI_WORDS_MAX 256

struct cli_args {
    const struct cli_command *command;
    struct cli_given given[CLI_GIVEN_MAX];
    unsigned given_count;
    const char *words[CLI_WORDS_MAX]; /* what is no option, after the command's own words */
    unsigned word_count;
};

struct cli_command {
    const char *group; /* "relay"; NULL for a command of one word */
    const char *name;  /* "run" */
    const char *words; /* how help calls what follows, "KEY MESSAGE-ID", as an option's arg;
                          NULL: nothing may */
    const char *summary;
    const char *details;              /* further paragraphs for its help; NULL: none */
    const struct cli_option *options; /* ends with a zeroed one; NULL: only the common ones */
    int (*run)(const struct cli_args *args);
};

/* commands.c */
extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;
extern const struct cli_option cli_common_options[];

/* args.c */
bool cli_group_exists(const char *word);
/* NULL when there is none; group NULL for a command of one word. */
const struct cli_command *cli_find_command(const char *group, const char *name);
/* Fills in that there is no such command (second NULL: of one word), and which may be meant:
 * WEIR_INVALID_ARGUMENT. */
enum weir_status cli_no_command(const char *first, const char *second, struct weir_error *err);
/* The command's option, or the common one, of that name or letter, without dashes; NULL: none. */
const struct cli_option *cli_find_option(const struct cli_command *command, const char *name,
                                         size_t len);
/* The letter that means the option in this command (NULL: in general): 0 where there is none, or a
 * common one's was taken by an option of the command's own. */
char cli_letter(const struct cli_command *command, const struct cli_option *option);
/* Parses; 0, or an exit code after saying on stderr what is wrong and what would be right. */
int cli_parse(int argc, char **argv, struct cli_args *ret_args);
/* The last value given, NULL if none. */
const char *cli_get(const struct cli_args *args, const char *name);
static inline bool cli_has(const struct cli_args *args, const char *name)
{
    return cli_get(args, name) != NULL;
}
/* A text, or NULL, as the library takes it. */
static inline struct weir_text cli_text(const char *text)
{
    return (struct weir_text){text, text == NULL ? 0 : strlen(text)};
}
/* A number from min to max; `fallback` when not given. WEIR_INVALID_ARGUMENT says what is wrong. */
enum weir_status cli_get_number(const struct cli_args *args, const char *name, int64_t min,
                                int64_t max, int64_t fallback, int64_t *ret_number,
                                struct weir_error *err);

/* The same of a time, in milliseconds: "250ms", "10s", "5m", "2h", "7d", a number of seconds. */
enum weir_status cli_get_duration(const struct cli_args *args, const char *name, int64_t min_ms,
                                  int64_t max_ms, int64_t fallback_ms, int64_t *ret_ms,
                                  struct weir_error *err);

/* help.c */
void cli_help(FILE *to);
void cli_help_group(FILE *to, const char *group);
void cli_help_command(FILE *to, const struct cli_command *command);

/* output.c */
/* Whether `--output json` was asked for. */
bool cli_json(const struct cli_args *args);
/* Whether what goes to `to` may be coloured: --color, CLICOLOR_FORCE, NO_COLOR, a terminal. */
bool cli_color(const struct cli_args *args, FILE *to);
/* Says an error on stderr, as text or JSON with a hint, and gives its exit code. */
int cli_fail(const struct cli_args *args, enum weir_status status, const struct weir_error *err);
int cli_exit_code(enum weir_status status);
/* Runs what needs an arena of that size and may fail; says the error, and gives the exit code. */
int cli_run(const struct cli_args *args, size_t arena_bytes,
            enum weir_status (*run)(struct arena *a, const struct cli_args *args,
                                    struct weir_error *err));
/* What a person can do about it, one sentence; NULL: the message says all there is. */
const char *cli_hint(enum weir_status status);
/* What each exit code means, for help. */
struct cli_exit {
    int code;
    const char *meaning;
};
extern const struct cli_exit cli_exits[];
extern const size_t cli_exit_count;
/* Writes the document to stdout as one line. False (and a message) when stdout took it not. */
bool cli_print_json(const struct weir_value *document);
/* Of length 0 the text may be NULL. */
bool cli_print_text(const char *text, size_t len);
/* Anybody's text, without what a terminal would act upon. */
void cli_print_clean(FILE *to, struct weir_bytes text);
static inline bool cli_is_control(uint8_t byte)
{
    return byte < ' ' || byte == 0x7F;
}
/* A text member of what is shown; "-" when it is absent. */
struct weir_bytes cli_member(const struct weir_value *map, const char *name);
/* Whether stdout is a pipe that nobody reads any more. */
bool cli_reader_gone(void);
/* Flushes stdout; `code`, or 1 after saying so when a result could not be written. A reader that
 * went away has seen enough. */
int cli_finish(int code);
/* Progress belongs on a terminal only, and not when --quiet or --no-progress was given. */
bool cli_progress(const struct cli_args *args);

/* connect.c */
struct config;
/* --config, which must be there, or weir.yaml, without which *ret_config is NULL. */
enum weir_status cli_load_config(const struct cli_args *args, struct arena *a,
                                 struct config **ret_config, struct weir_error *err);
/* What a client is opened with: --endpoint-url, --region, --profile and --request-timeout; the
 * configuration's endpoint and region (NULL: none) where neither the command line nor the
 * environment says; what is left to the client is NULL. The texts are theirs. */
enum weir_status cli_client_options(const struct cli_args *args, const struct config *config,
                                    struct weir_client_options *ret_options,
                                    struct weir_error *err);
/* Opens it. Without a configuration the one of --config or weir.yaml is read where it may decide.
 * Whoever waits is told why. */
enum weir_status cli_open_client(const struct cli_args *args, const struct config *config,
                                 struct weir_client **ret_client, struct weir_error *err);
/* Closes one of cli_open_client's. Accepts NULL. */
void cli_close_client(struct weir_client *client);

/* signals.c */
/* Runs stop(arg) at the first SIGINT or SIGTERM, in a thread of its own; a second one ends the
 * process at once with 130 or 143. Call before any other thread starts. */
enum weir_status cli_on_stop(void (*stop)(void *arg), void *arg, struct weir_error *err);

/* The commands: what runs each, and the options it takes beside the common ones. */
#define CLI_COMMAND(name)                        \
    int cmd_##name(const struct cli_args *args); \
    extern const struct cli_option cmd_##name##_options[]

CLI_COMMAND(config_keys);
CLI_COMMAND(dedup_check);
CLI_COMMAND(dedup_claim);
CLI_COMMAND(dedup_complete);
CLI_COMMAND(dedup_fail);
CLI_COMMAND(dedup_forget);
CLI_COMMAND(dedup_ls);
CLI_COMMAND(dedup_purge);
CLI_COMMAND(dedup_release);
CLI_COMMAND(dedup_renew);
CLI_COMMAND(dedup_run);
CLI_COMMAND(dev);
CLI_COMMAND(doctor);
CLI_COMMAND(env);
CLI_COMMAND(export);
CLI_COMMAND(help);
CLI_COMMAND(import);
CLI_COMMAND(item_batch_write);
CLI_COMMAND(item_delete);
CLI_COMMAND(item_get);
CLI_COMMAND(item_put);
CLI_COMMAND(item_query);
CLI_COMMAND(item_scan);
CLI_COMMAND(item_update);
CLI_COMMAND(man);
CLI_COMMAND(outbox_ls);
CLI_COMMAND(outbox_mark);
CLI_COMMAND(outbox_purge);
CLI_COMMAND(outbox_put);
CLI_COMMAND(outbox_retry);
CLI_COMMAND(outbox_show);
CLI_COMMAND(outbox_stats);
CLI_COMMAND(relay_run);
CLI_COMMAND(serve);
CLI_COMMAND(stream_tail);
CLI_COMMAND(table_create);
CLI_COMMAND(table_delete);
CLI_COMMAND(table_truncate);
CLI_COMMAND(table_wait);
int cmd_completion(const struct cli_args *args);
int cmd_stream_desc(const struct cli_args *args);
int cmd_stream_ls(const struct cli_args *args);
int cmd_table_desc(const struct cli_args *args);
int cmd_table_ls(const struct cli_args *args);
int cmd_version(const struct cli_args *args);

#endif
