/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/completion.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/config.h"
#include "cli/relay_setup.h"
#include "sink/sink.h"

#define ARENA_BYTES ((size_t)8 * 1024 * 1024)
#define PATIENCE_S 2 /* of a person who pressed a key */
#define TABLES_MS 1000
#define KIND_MAX 160

struct completing {
    FILE *to;
    const char *prefix;   /* of the candidates: "--output=" where a value follows a name */
    const char *typed;    /* of the candidate itself */
    struct cli_args args; /* what the words before say */
};

static void offer(struct completing *c, const char *candidate, const char *description)
{
    if (strncmp(candidate, c->typed, strlen(c->typed)) == 0) {
        fprintf(c->to, "%s%s\t%s\n", c->prefix, candidate, description);
    }
}

/* ---- commands -------------------------------------------------------------------------------- */

static bool group_came_before(size_t index)
{
    for (size_t i = 0; i < index; i++) {
        const char *group = cli_commands[i].group;
        if (group != NULL && strcmp(group, cli_commands[index].group) == 0) {
            return true;
        }
    }
    return false;
}

static void offer_first(struct completing *c)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = &cli_commands[i];
        if (command->group == NULL) {
            offer(c, command->name, command->summary);
        } else if (!group_came_before(i)) {
            offer(c, command->group, "commands of this name");
        }
    }
}

static void offer_second(struct completing *c, const char *group)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = &cli_commands[i];
        if (command->group != NULL && strcmp(command->group, group) == 0) {
            offer(c, command->name, command->summary);
        }
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

static void offer_choices(struct completing *c, const char *choices)
{
    for (const char *at = choices; *at != '\0';) {
        char choice[KIND_MAX];
        size_t len = strcspn(at, "|");
        snprintf(choice, sizeof(choice), "%.*s", (int)len, at);
        offer(c, choice, "");
        at += len + (at[len] == '|');
    }
}

static void offer_sinks(struct completing *c)
{
    for (size_t i = 0; sink_kind_at(i) != NULL; i++) {
        offer(c, sink_kind_at(i)->name, sink_kind_at(i)->summary);
    }
}

static void offer_relays(struct completing *c)
{
    struct arena *a = arena_new(ARENA_BYTES * 4);
    struct config *config = NULL;
    struct weir_error err = {0};
    if (a != NULL && cli_load_config(&c->args, a, &config, &err) == WEIR_OK) {
        for (uint32_t i = 0; i < config_count(config, "relays"); i++) {
            offer(c, relay_setup_name(config, i), "relay of the configuration");
        }
    }
    arena_free(a);
}

static void offer_listed(struct completing *c, struct arena *a, const char *answer, size_t len)
{
    struct weir_value *document = NULL;
    struct weir_error err = {0};
    if (a == NULL || json_parse(a, bytes_of(answer, len), &document, &err) != WEIR_OK) {
        return;
    }
    const struct weir_value *names = value_get(document, "TableNames");
    for (uint32_t i = 0; names != NULL && names->type == VALUE_L && i < names->u.list.count; i++) {
        char *name = arena_printf(a, "%.*s", BYTES_ARG(names->u.list.at[i].u.bytes));
        if (name != NULL) {
            offer(c, name, "table");
        }
    }
}

/* The names of tables, from an endpoint over HTTP alone: opening a store for a key that was pressed
 * would lock it. Whatever takes long is cut by the alarm. */
static void offer_tables(struct completing *c)
{
    struct weir_client_options options;
    struct weir_client *client = NULL;
    struct config *config = NULL;
    struct weir_error err = {0};
    char *answer = NULL;
    size_t len = 0;
    struct arena *a = arena_new(ARENA_BYTES * 4);
    if (a == NULL || cli_load_config(&c->args, a, &config, &err) != WEIR_OK ||
        cli_client_options(&c->args, config, &options, &err) != WEIR_OK) {
        arena_free(a);
        return;
    }
    options.timeout_ms = options.connect_timeout_ms = TABLES_MS;
    options.max_attempts = 1;
    (void)alarm(PATIENCE_S);
    if ((options.endpoint_url == NULL || strncmp(options.endpoint_url, "http", 4) == 0) &&
        weir_client_open(&options, &client, &err) == WEIR_OK &&
        weir_call(client, "ListTables", strlen("ListTables"), "{}", 2, &answer, &len, &err) ==
            WEIR_OK) {
        offer_listed(c, a, answer, len);
    }
    weir_free(answer);
    weir_client_close(client);
    arena_free(a);
}

/* The names in "[profile NAME]" and "[NAME]" of one of AWS's files; those of `kind` alone. */
static void offer_sections(struct completing *c, const char *variable, const char *usual,
                           const char *kind)
{
    char path[4096], line[512], name[KIND_MAX];
    const char *given = getenv(variable);
    const char *home = getenv("HOME");
    snprintf(path, sizeof(path), "%s%s", given != NULL || home == NULL ? "" : home,
             given != NULL ? given : usual);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        size_t skip = strncmp(line + 1, kind, strlen(kind)) == 0 ? 1 + strlen(kind) : 0;
        if (line[0] == '[' && (skip > 0 || strncmp(line, "[default]", 9) == 0)) {
            skip = skip > 0 ? skip : 1;
            snprintf(name, sizeof(name), "%.*s", (int)strcspn(line + skip, "]\n"), line + skip);
            offer(c, name, "profile");
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

static void offer_profiles(struct completing *c)
{
    offer_sections(c, "AWS_CONFIG_FILE", "/.aws/config", "profile ");
    offer_sections(c, "AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials", "");
}

static void offer_groups_and_names(struct completing *c)
{
    const char *first = c->args.word_count > 0 ? c->args.words[0] : NULL;
    if (first == NULL) {
        offer_first(c);
    } else if (cli_group_exists(first)) {
        offer_second(c, first);
    }
}

/* By what help calls the argument: "[TABLE]" and "TABLE..." are a TABLE. */
static void offer_kind(struct completing *c, const char *name)
{
    char kind[KIND_MAX];
    size_t skip = strspn(name, "[");
    snprintf(kind, sizeof(kind), "%.*s", (int)strcspn(name + skip, "]."), name + skip);
    if (strchr(kind, '|') != NULL) {
        offer_choices(c, kind);
    } else if (strcmp(kind, "FILE") == 0) {
        fprintf(c->to, ":file\n");
    } else if (strcmp(kind, "DIR") == 0) {
        fprintf(c->to, ":dir\n");
    } else if (strcmp(kind, "TABLE") == 0) {
        offer_tables(c);
    } else if (strcmp(kind, "PROFILE") == 0) {
        offer_profiles(c);
    } else if (strcmp(kind, "SINK") == 0) {
        offer_sinks(c);
    } else if (strcmp(kind, "RELAY") == 0) {
        offer_relays(c);
    } else if (strcmp(kind, "COMMAND") == 0) {
        offer_groups_and_names(c);
    }
}

/* The word of that index in "KEY MESSAGE-ID"; the last one when it goes on: "FILE...". */
static void offer_word(struct completing *c, const char *words, unsigned index)
{
    char name[KIND_MAX] = "";
    const char *at = words == NULL ? "" : words;
    for (unsigned i = 0; *at != '\0'; i++) {
        size_t len = strcspn(at, " ");
        snprintf(name, sizeof(name), "%.*s", (int)len, at);
        at += len + (at[len] == ' ');
        if (i == index) {
            offer_kind(c, name);
            return;
        }
    }
    if (strstr(name, "...") != NULL) {
        offer_kind(c, name);
    }
}

/* ---- options --------------------------------------------------------------------------------- */

static bool is_given(const struct completing *c, const struct cli_option *option)
{
    for (unsigned i = 0; i < c->args.given_count; i++) {
        if (c->args.given[i].option == option) {
            return true;
        }
    }
    return false;
}

static void offer_options(struct completing *c, const struct cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        char text[KIND_MAX];
        snprintf(text, sizeof(text), "--%s", options->name);
        if (!is_given(c, options) || strcmp(options->name, "set") == 0) {
            offer(c, text, options->help);
        }
    }
}

/* Reads a word before; *ret_open is the option whose value comes next. */
static void take(struct completing *c, const char *word, bool *words_only,
                 const struct cli_option **ret_open)
{
    if (*ret_open != NULL) {
        c->args.given[c->args.given_count++].value = word;
        *ret_open = NULL;
    } else if (!*words_only && strcmp(word, "--") == 0) {
        *words_only = true;
    } else if (!*words_only && word[0] == '-' && word[1] != '\0') {
        const char *name = word + (word[1] == '-' ? 2 : 1);
        size_t len = strcspn(name, "=");
        const struct cli_option *option = cli_find_option(c->args.command, name, len);
        if (option == NULL || c->args.given_count == CLI_GIVEN_MAX) {
            return;
        }
        c->args.given[c->args.given_count] = (struct cli_given){option, ""};
        if (option->arg != NULL && name[len] != '=') {
            *ret_open = option;
            return;
        }
        c->args.given[c->args.given_count++].value = name[len] == '=' ? name + len + 1 : "";
    } else if (c->args.word_count < CLI_WORDS_MAX) {
        c->args.words[c->args.word_count++] = word;
    }
}

/* "--output=js": the value of an option in the same word. */
static bool offer_after_equals(struct completing *c, const char *current)
{
    char prefix[KIND_MAX];
    const char *equals = strchr(current, '=');
    if (current[0] != '-' || current[1] != '-' || equals == NULL) {
        return false;
    }
    const struct cli_option *option =
        cli_find_option(c->args.command, current + 2, (size_t)(equals - current) - 2);
    if (option != NULL && option->arg != NULL) {
        snprintf(prefix, sizeof(prefix), "%.*s", (int)(equals - current) + 1, current);
        c->prefix = prefix;
        c->typed = equals + 1;
        offer_kind(c, option->arg);
    }
    return true;
}

static void complete_command(struct completing *c, const char *const *words, unsigned count)
{
    const struct cli_option *open = NULL;
    const char *current = words[count - 1];
    bool words_only = false;
    for (unsigned i = 0; i + 1 < count; i++) {
        take(c, words[i], &words_only, &open);
    }
    if (open != NULL) {
        offer_kind(c, open->arg);
    } else if (!words_only && current[0] == '-') {
        if (!offer_after_equals(c, current)) {
            offer_options(c, c->args.command->options);
            offer_options(c, cli_common_options);
        }
    } else {
        offer_word(c, c->args.command->words, c->args.word_count);
    }
}

void completion_print(FILE *to, const char *const *words, unsigned count)
{
    struct completing c = {.to = to, .prefix = "", .typed = count == 0 ? "" : words[count - 1]};
    if (count <= 1) {
        offer_first(&c);
        return;
    }
    c.args.command = cli_find_command(NULL, words[0]);
    unsigned taken = 1;
    if (c.args.command == NULL && cli_group_exists(words[0])) {
        if (count == 2) {
            offer_second(&c, words[0]);
            return;
        }
        c.args.command = cli_find_command(words[0], words[1]);
        taken = 2;
    }
    if (c.args.command != NULL) {
        complete_command(&c, words + taken, count - taken);
    }
}
