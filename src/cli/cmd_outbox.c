/* SPDX-License-Identifier: Apache-2.0 */

/* What every command of weir outbox begins and ends with: the outbox as weir.yaml and the options
 * describe it. */

#include "cli/cmd_outbox.h"

#include <string.h>

#include "base/error.h"

#define CONFIG_ARENA_BYTES ((size_t)32 * 1024 * 1024)

/* ---- --name FIELD=ATTRIBUTE ------------------------------------------------------------------ */

static enum weir_status take_name(struct arena *a, const char *text, struct weir_outbox_name *to,
                                  struct weir_error *err)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0') {
        return error_set(err, WEIR_INVALID_ARGUMENT, "--name is \"%.80s\": FIELD=ATTRIBUTE", text);
    }
    to->field = arena_printf(a, "%.*s", (int)(equals - text), text);
    to->name = equals + 1;
    return to->field == NULL ? error_set(err, WEIR_NO_MEMORY, "no memory for names") : WEIR_OK;
}

/* Behind the configuration's, so that the command line has the last word. */
static enum weir_status take_names(struct outbox_session *s)
{
    struct weir_outbox_options *o = &s->options;
    struct weir_outbox_name *names =
        ARENA_ARRAY(s->arena, struct weir_outbox_name, o->name_count + s->args->given_count + 1);
    enum weir_status status =
        names == NULL ? error_set(&s->err, WEIR_NO_MEMORY, "no memory for names") : WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < o->name_count; i++) {
        names[i] = o->names[i];
    }
    for (unsigned i = 0; status == WEIR_OK && i < s->args->given_count; i++) {
        if (strcmp(s->args->given[i].option->name, "name") == 0) {
            status = take_name(s->arena, s->args->given[i].value, &names[o->name_count++], &s->err);
        }
    }
    o->names = names;
    return status;
}

/* ---- the session ----------------------------------------------------------------------------- */

static enum weir_status take_options(struct outbox_session *s, const struct config *config,
                                     bool create)
{
    enum weir_status status = outbox_setup_check(config, &s->err);
    if (status == WEIR_OK) {
        status =
            outbox_setup_find(s->arena, config, cli_get(s->args, "table"), &s->options, &s->err);
    }
    if (status == WEIR_OK) {
        outbox_setup_take_layout(s->args, &s->options);
        status = take_names(s);
    }
    if (cli_has(s->args, "mark")) {
        s->options.mark = outbox_setup_mark(cli_get(s->args, "mark"));
    }
    s->options.no_create = !create || s->options.no_create != 0;
    return status;
}

enum weir_status outbox_session_open(struct outbox_session *s, const struct cli_args *args,
                                     bool create)
{
    struct config *config = NULL;
    *s = (struct outbox_session){.args = args, .arena = arena_new(CONFIG_ARENA_BYTES)};
    enum weir_status status = s->arena == NULL ? error_set(&s->err, WEIR_NO_MEMORY, "no memory")
                                               : cli_load_config(args, s->arena, &config, &s->err);
    if (status == WEIR_OK) {
        status = take_options(s, config, create);
    }
    if (status == WEIR_OK) {
        status = cli_open_client(args, config, &s->client, &s->err);
    }
    return status == WEIR_OK ? weir_outbox_open(s->client, &s->options, &s->outbox, &s->err)
                             : status;
}

int outbox_session_close(struct outbox_session *s, enum weir_status status)
{
    weir_outbox_close(s->outbox);
    cli_close_client(s->client);
    arena_free(s->arena);
    return status == WEIR_OK ? 0 : cli_fail(s->args, status, &s->err);
}

bool outbox_session_by_message(const struct outbox_session *s)
{
    return s->options.layout != NULL && strcmp(s->options.layout, "by-message") == 0;
}

const char *outbox_session_mark(const struct outbox_session *s)
{
    return s->options.mark == WEIR_MARK_NONE     ? "none"
           : s->options.mark == WEIR_MARK_DELETE ? "delete"
                                                 : "update";
}

enum weir_status outbox_take_words(struct outbox_session *s, struct weir_outbox_ref *ret_ref)
{
    const struct cli_args *args = s->args;
    bool by_message = outbox_session_by_message(s);
    if (args->word_count != 2 && !(by_message && args->word_count == 1)) {
        return error_set(&s->err, WEIR_INVALID_ARGUMENT, "weir outbox %s %s: %s needed",
                         args->command->name, by_message ? "ID" : "KEY ID",
                         by_message ? "the message's id is" : "ordering key and message id are");
    }
    const char *id = args->words[args->word_count - 1];
    const char *key = args->word_count == 2 ? args->words[0] : "";
    *ret_ref = (struct weir_outbox_ref){{key, strlen(key)}, {id, strlen(id)}};
    return WEIR_OK;
}
