/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_OUTBOX_LINES_H
#define WEIR_CLI_OUTBOX_LINES_H

/*
 * The lines of standard input, each about one message, taken in portions:
 *
 *     struct marking { struct outbox_lines in; ... }
 *
 *     outbox_lines_open ──► outbox_lines_read ──► what the command does with the portion ─┐
 *                                  ▲                                                      │
 *                                  └────────────────── until `ended` ─────────────────────┘
 *
 * The command's own struct begins with this one, so that its functions find the rest.
 */

#include "cli/cmd_outbox.h"
#include "cli/source.h"

#define OUTBOX_PORTION_LINES_MAX 200

struct outbox_lines;

/* What one command makes of lines. */
struct outbox_lines_kind {
    uint32_t portion_lines; /* at most OUTBOX_PORTION_LINES_MAX */
    size_t portion_bytes;
    size_t line_bytes;
    bool create; /* the outbox's table, where it is not there */
    /* The line's text, which stays while its portion does, becomes place in->count of the portion;
     * or it is wrong: then `wrong` is told of it, and it takes no place. */
    enum weir_status (*take)(struct outbox_lines *in, struct weir_bytes text,
                             struct weir_error *err);
    void (*wrong)(struct outbox_lines *in, uint64_t line, enum weir_status status,
                  const struct weir_error *error);
};

struct outbox_lines {
    const struct outbox_lines_kind *kind;
    struct outbox_session s;
    struct source source;
    struct arena *arena; /* of the portion */
    struct buf line;
    uint64_t numbers[OUTBOX_PORTION_LINES_MAX]; /* of the portion's lines, from 1 */
    struct weir_outbox_result results[OUTBOX_PORTION_LINES_MAX]; /* the command's */
    uint32_t count;
    bool ended; /* the portion is the last */
};

/* Opens the outbox and standard input; `in` is zeroed. Close it also after a failure. */
enum weir_status outbox_lines_open(struct outbox_lines *in, const struct outbox_lines_kind *kind,
                                   const struct cli_args *args);
/* Gives the exit code, as outbox_session_close. */
int outbox_lines_close(struct outbox_lines *in, enum weir_status status);

/* The next portion; empty lines are passed over. */
enum weir_status outbox_lines_read(struct outbox_lines *in);

/* What became of one message, as a line of JSON. What is 0, NULL or empty is left out; `error` is
 * that of a status other than WEIR_OK. */
void outbox_print_result(uint64_t line, const struct weir_outbox_ref *ref, enum weir_status status,
                         const struct weir_error *error);

#endif
