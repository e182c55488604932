/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_PROGRESS_H
#define WEIR_CLI_PROGRESS_H

/*
 * The progress bar of every long command: one line on standard error, redrawn at most ten times a
 * second, on a terminal only.
 *
 *     importing  [=======>            ]  38%  12,345 items  4,567/s  0:12 left
 *     deleting  12,345 items  4,567/s
 *
 * The second form is for work whose size is not known.
 */

#include "cli/cli.h"

struct weir_env;

struct progress {
    const char *verb; /* "importing" */
    bool shown;       /* immutable after init */
    struct weir_env *env;
    uint64_t begun_ns;
    uint64_t drawn_ns; /* 0: never */
    uint64_t total;    /* of what `done` counts; 0: not known */
};

void progress_init(struct progress *p, const struct cli_args *args, struct weir_env *env,
                   const char *verb, uint64_t total);
/* Redraws if it is time: `items` so far, and `done` of the total (bytes, or the items again). */
void progress_update(struct progress *p, uint64_t items, uint64_t done);
/* Wipes the line, so that what is said next stands alone. */
void progress_end(struct progress *p);

/* Milliseconds since init. */
uint64_t progress_elapsed_ms(const struct progress *p);

/* The line's text, for progress_update and its tests; NUL-terminated, cut to fit. */
void progress_render(char *to, size_t size, const char *verb, uint64_t items, uint64_t done,
                     uint64_t total, uint64_t elapsed_ms);
/* "1,234,567". */
#define PROGRESS_COUNT_SIZE 40
const char *progress_count(char to[PROGRESS_COUNT_SIZE], uint64_t count);
/* "1 item", "1,234,567 items". */
const char *progress_items(char to[PROGRESS_COUNT_SIZE], uint64_t count);

#endif
