/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_OUTFILE_H
#define WEIR_CLI_OUTFILE_H

/*
 * A file that is there whole or not at all: written beside its place as PATH.part, and renamed when
 * everything is on the disk. Standard output ("-"), devices and pipes are written as they are.
 */

#include "cli/cli.h"

struct outfile {
    const char *path; /* for messages */
    FILE *file;
    char *part; /* the name while it is written; NULL: written in place */
    uint64_t bytes;
};

enum weir_status outfile_open(struct outfile *out, const char *path, struct weir_error *err);
/* WEIR_IO or WEIR_NO_SPACE. */
enum weir_status outfile_write(struct outfile *out, const void *text, size_t len,
                               struct weir_error *err);
/* Flushes, syncs and renames. */
enum weir_status outfile_finish(struct outfile *out, struct weir_error *err);
/* The name under which an unfinished file has something; NULL: nothing is there. */
const char *outfile_part(const struct outfile *out);
/* Closes; what was not finished stays under its .part name, if it is anything. Accepts a zeroed
 * one. */
void outfile_close(struct outfile *out);

#endif
