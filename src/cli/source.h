/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_SOURCE_H
#define WEIR_CLI_SOURCE_H

/*
 * Text that comes from a file or from standard input, of any length, in bounded memory: by bytes
 * and by lines. It can be stopped from another thread while it waits for more.
 */

#include <stdatomic.h>

#include "cli/cli.h"

#define SOURCE_STEP_BYTES (256 * 1024)

struct source {
    const char *name; /* the path, or "stdin" */
    int fd;
    uint8_t *step; /* what was read last */
    size_t len, at;
    uint64_t read_bytes; /* all that was read so far, `step` included */
    uint64_t size;       /* of a regular file; 0: not known */
    uint64_t line;       /* of the byte at hand, from 1 */
    const atomic_bool *stop;
    bool ended;
    enum weir_status status; /* sticky */
    struct weir_error *err;
};

/* Opens the path, "-" being standard input. `stop` may be NULL; it and `err` outlive the source.
 * WEIR_INVALID_ARGUMENT when there is no such file. */
enum weir_status source_open(struct source *s, const char *path, const atomic_bool *stop,
                             struct weir_error *err);
void source_close(struct source *s); /* accepts one that is zeroed */

/* Bytes that were handed out: where the reader is, for progress. */
static inline uint64_t source_done(const struct source *s)
{
    return s->read_bytes - (s->len - s->at);
}

#define SOURCE_END (-1)
/* Reads more; false at the end, after an error, and once stopped. */
bool source_fill(struct source *s);

/* The next byte, or SOURCE_END: then s->status tells the end from an error. */
static inline int source_next(struct source *s)
{
    if (s->at == s->len && !source_fill(s)) {
        return SOURCE_END;
    }
    s->line += s->step[s->at] == '\n';
    return s->step[s->at++];
}
/* The same, without taking it. */
static inline int source_peek(struct source *s)
{
    return s->at == s->len && !source_fill(s) ? SOURCE_END : s->step[s->at];
}

/* The next line without its end, into `to` (reset before), and its number. WEIR_NOT_FOUND at the
 * end and once stopped; WEIR_TOO_LARGE for a line that `to` cannot hold, which is skipped. */
enum weir_status source_line(struct source *s, struct buf *to, uint64_t *ret_line);

#endif
