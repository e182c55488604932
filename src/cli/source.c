/* SPDX-License-Identifier: Apache-2.0 */

/* Text from a file or from standard input, in bounded memory. */

#include "cli/source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* How long a stop may go unseen while nothing comes. */
#define STOP_POLL_MS 100

enum weir_status source_open(struct source *s, const char *path, const atomic_bool *stop,
                             struct weir_error *err)
{
    struct stat about;
    bool is_stdin = strcmp(path, "-") == 0;
    *s = (struct source){
        .name = is_stdin ? "stdin" : path, .fd = STDIN_FILENO, .line = 1, .stop = stop, .err = err};
    if (!is_stdin) {
        s->fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (s->fd < 0) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "%s: %s", path, strerror(errno));
    }
    if (fstat(s->fd, &about) == 0 && S_ISDIR(about.st_mode)) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "%s is a folder", s->name);
    }
    if (fstat(s->fd, &about) == 0 && S_ISREG(about.st_mode)) {
        s->size = (uint64_t)about.st_size;
    }
    s->step = malloc(SOURCE_STEP_BYTES);
    return s->step == NULL ? error_set(err, WEIR_NO_MEMORY, "no memory to read with") : WEIR_OK;
}

void source_close(struct source *s)
{
    free(s->step);
    s->step = NULL;
    if (s->name != NULL && s->fd > STDIN_FILENO) {
        (void)close(s->fd);
    }
}

static bool is_stopped(const struct source *s)
{
    return s->stop != NULL && atomic_load(s->stop);
}

/* Waits until something can be read; false once stopped. */
static bool wait_readable(const struct source *s)
{
    struct pollfd input = {.fd = s->fd, .events = POLLIN};
    while (!is_stopped(s)) {
        if (poll(&input, 1, STOP_POLL_MS) != 0) {
            return true;
        }
    }
    return false;
}

bool source_fill(struct source *s)
{
    ssize_t got = -1;
    while (!s->ended && got < 0) {
        if (!wait_readable(s)) {
            s->ended = true;
            return false;
        }
        got = read(s->fd, s->step, SOURCE_STEP_BYTES);
        if (got < 0 && errno != EINTR && errno != EAGAIN) {
            s->status =
                error_set(s->err, WEIR_IO, "%s cannot be read: %s", s->name, strerror(errno));
            s->ended = true;
        }
    }
    if (got <= 0) {
        s->ended = true;
        return false;
    }
    s->len = (size_t)got;
    s->at = 0;
    s->read_bytes += (uint64_t)got;
    return true;
}

static void take_up_to(struct source *s, size_t count, struct buf *to)
{
    buf_put(to, bytes_of(s->step + s->at, count));
    s->at += count;
}

enum weir_status source_line(struct source *s, struct buf *to, uint64_t *ret_line)
{
    bool any = false;
    buf_reset(to);
    *ret_line = s->line;
    while (source_peek(s) != SOURCE_END) {
        const uint8_t *end = memchr(s->step + s->at, '\n', s->len - s->at);
        any = true;
        if (end == NULL) {
            take_up_to(s, s->len - s->at, to);
            continue;
        }
        take_up_to(s, (size_t)(end - (s->step + s->at)), to);
        s->at++;
        s->line++;
        break;
    }
    if (s->status != WEIR_OK) {
        return s->status;
    }
    if (!any || is_stopped(s)) {
        return WEIR_NOT_FOUND;
    }
    if (buf_status(to) != WEIR_OK) {
        return error_set(s->err, WEIR_TOO_LARGE, "the line is longer than %zu bytes", to->max);
    }
    return WEIR_OK;
}
