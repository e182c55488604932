/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_CMD_OUTBOX_H
#define WEIR_CLI_CMD_OUTBOX_H

/* What the commands of weir outbox share: the outbox as weir.yaml describes it, opened for one
 * command, and how a message is shown. */

#include "cli/cli.h"
#include "cli/outbox_setup.h"

#define CLI_OUTBOX_OPTIONS                                                                     \
    {"table", 't', "TABLE", "the outbox's table (outbox)"},                                    \
        {"layout", 0, "partitioned|by-message", "of the table, where weir.yaml does not say"}, \
    {                                                                                          \
        "name", 0, "FIELD=ATTRIBUTE",                                                          \
            "a field whose attribute is called otherwise; may be repeated"                     \
    }
#define CLI_OUTBOX_MARK                                                  \
    {                                                                    \
        "mark", 0, "update|delete|none",                                 \
            "how its relay marks, where weir.yaml does not say (update)" \
    }

/* An answer of a few numbers and texts. */
#define OUTBOX_ANSWER_BYTES ((size_t)1024 * 1024)
/* A page of messages, and what is made of it. */
#define OUTBOX_LIST_BYTES ((size_t)1024 * 1024 * 1024)

struct outbox_session {
    const struct cli_args *args;
    struct arena *arena; /* the configuration and the outbox's options */
    struct weir_outbox_options options;
    struct weir_client *client;
    struct weir_outbox *outbox;
    struct weir_error err;
};

/* Reads weir.yaml and the options above, and opens. Close it also after a failure. */
enum weir_status outbox_session_open(struct outbox_session *s, const struct cli_args *args,
                                     bool create);
/* Frees, says the error if there is one, and gives the exit code. */
int outbox_session_close(struct outbox_session *s, enum weir_status status);
bool outbox_session_by_message(const struct outbox_session *s);
/* "update", "delete", "none" */
const char *outbox_session_mark(const struct outbox_session *s);

/* The words of the command line that name one message: KEY ID, and in by-message ID alone. */
enum weir_status outbox_take_words(struct outbox_session *s, struct weir_outbox_ref *ret_ref);

/* cmd_outbox_show.c: how messages are printed. */
/* "weir: line 3: ..." on stderr; a message may hold anybody's ids. */
void outbox_print_failed(uint64_t line, const struct weir_error *error);
/* One line: creation, key, id, type. */
void outbox_print_line(const struct weir_value *message);

#endif
