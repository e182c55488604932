/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_LOADER_H
#define WEIR_CLI_LOADER_H

/* Items from a file into a table: what import and batch-write both do. */

#include "cli/formats.h"
#include "cli/writer.h"

struct load_options {
    const char *verb; /* for progress: "importing" */
    const char *past; /* for the summary: "imported" */
    const char *table;
    const char *path;
    enum format format;
    enum writer_kind kind;
    bool skip_bad; /* go on after an item that is wrong */
    bool dry_run;  /* read and check only */
};

/*
 * Runs to the end and says on stderr what was wrong, by file and line, and how it ended. Gives the
 * exit code: 0 all is written; 65 after a bad item that stopped it; 1 when items were skipped or
 * stayed unprocessed, or a signal ended it. Ends the session.
 */
int load_run(const struct cli_args *args, const struct load_options *options);

#endif
