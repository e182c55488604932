/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The sinks `file` and `stdout`: one JSON line per message (message_json.h), a batch in one go.
 *
 * The file belongs to one relay at a time (a lock tells a second one). A batch is delivered when it
 * is written whole, with `sync=yes` when it is on the disk too. What a failed write left behind is
 * cut off before the next one, so that a batch is there whole or not at all; a crash may leave
 * whole lines of a batch, whose messages come again, and a torn one, which is cut off at opening.
 *
 * What cannot be cut (stdout) gets the line's end that a failed write owes: a reader meets one
 * broken line, and none that is glued to the next.
 */

#include "sink/sink_kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault.h"
#include "sink/message_json.h"

/* Text is handed to the system whenever that much has gathered; a message of an item's size may be
 * six times as long as JSON. */
#define TEXT_STEP (4u * 1024 * 1024)
#define TEXT_MAX (TEXT_STEP + 16u * 1024 * 1024)
#define BATCH_MAX 1000
#define TAIL_STEP 4096

struct file_sink {
    int fd;
    bool is_file; /* may be cut and synced; stdout may not */
    bool sync;
    bool unsure; /* a write failed: undo what it left before the next one */
    off_t end;   /* is_file: where the last delivered batch ends, while a write is unsure */
    bool torn;   /* the last thing written was no whole line */
    struct buf text;
};

/* ---- the tail -------------------------------------------------------------------------------- */

/* The end of the last whole line. */
static bool find_line_end(int fd, off_t size, off_t *ret_end)
{
    char step[TAIL_STEP];
    while (size > 0) {
        size_t len = size < TAIL_STEP ? (size_t)size : TAIL_STEP;
        if (pread(fd, step, len, size - (off_t)len) != (ssize_t)len) {
            errno = EIO;
            return false;
        }
        const char *end = memrchr(step, '\n', len);
        if (end != NULL) {
            *ret_end = size - (off_t)len + (end - step) + 1;
            return true;
        }
        size -= (off_t)len;
    }
    *ret_end = 0;
    return true;
}

static bool cut_torn_line(int fd)
{
    struct stat info;
    off_t end;
    if (fstat(fd, &info) != 0 || !find_line_end(fd, info.st_size, &end)) {
        return false;
    }
    return end == info.st_size || ftruncate(fd, end) == 0;
}

/* ---- delivering ------------------------------------------------------------------------------ */

/* A pipe that somebody else made non-blocking may be full: that is no failure. */
static bool wait_writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

static bool write_whole(struct file_sink *sink, struct weir_bytes text)
{
    while (text.len > 0) {
        ssize_t written = write(sink->fd, text.ptr, text.len);
        if (written < 0 && (errno == EINTR || (errno == EAGAIN && wait_writable(sink->fd)))) {
            continue;
        }
        if (written < 0) {
            return false;
        }
        sink->torn = written > 0 ? text.ptr[written - 1] != '\n' : sink->torn;
        text = bytes_of(text.ptr + written, text.len - (size_t)written);
    }
    return true;
}

/* A reader of stdout that went away sends SIGPIPE; one of our own making is taken back here, and
 * the failure is the write's. */
static bool write_quietly(struct file_sink *sink)
{
    sigset_t pipe_signal, before, pending;
    (void)sigemptyset(&pipe_signal);
    (void)sigaddset(&pipe_signal, SIGPIPE);
    (void)sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    (void)pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    bool good = write_whole(sink, buf_bytes(&sink->text));
    int why = errno;
    if (!good && why == EPIPE && !was_pending) {
        (void)sigtimedwait(&pipe_signal, NULL, &(struct timespec){0});
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = why;
    buf_reset(&sink->text);
    return good;
}

/* Brings the destination to where the next batch may begin. */
static bool begin_batch(struct file_sink *sink)
{
    struct stat info;
    buf_reset(&sink->text);
    if (!sink->is_file) {
        if (sink->torn) {
            buf_put_u8(&sink->text, '\n');
        }
        return true;
    }
    if (fstat(sink->fd, &info) != 0) {
        return false;
    }
    if (sink->unsure && info.st_size > sink->end && ftruncate(sink->fd, sink->end) != 0) {
        return false;
    }
    /* Somebody may have emptied the file meanwhile, as log rotation does. */
    if (!sink->unsure || info.st_size < sink->end) {
        sink->end = info.st_size;
    }
    return true;
}

/* False with errno; ENOMEM when a message's text does not fit. */
static bool write_batch(struct file_sink *sink, const struct weir_sink_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        message_json_write(&sink->text, &batch->messages[i]);
        buf_put_u8(&sink->text, '\n');
        if (buf_status(&sink->text) != WEIR_OK) {
            errno = ENOMEM;
            return false;
        }
        if (sink->text.len >= TEXT_STEP && !write_quietly(sink)) {
            return false;
        }
    }
    return write_quietly(sink);
}

static bool deliver(struct file_sink *sink, const struct weir_sink_batch *batch)
{
    if (!begin_batch(sink)) {
        return false;
    }
    sink->unsure = true;
    if (!write_batch(sink, batch) || (sink->sync && fdatasync(sink->fd) != 0)) {
        return false;
    }
    sink->unsure = false;
    return true;
}

static void file_submit(void *arg, struct weir_sink_batch *batch)
{
    struct file_sink *sink = arg;
    if (fault_hit(FAULT_SINK_SUBMIT)) {
        sink_fail_all(batch, WEIR_UNREACHABLE_SINK, "fault point sink.submit");
    } else if (deliver(sink, batch)) {
        sink_fail_all(batch, WEIR_DELIVERED, "");
    } else {
        /* A reader that went away does not come back; a full disk may be emptied. */
        sink_fail_all(batch, errno == EPIPE ? WEIR_REJECTED : WEIR_UNREACHABLE_SINK,
                      strerror(errno));
    }
    weir_sink_complete(batch);
}

static void file_close(void *arg)
{
    struct file_sink *sink = arg;
    if (sink->is_file) {
        (void)begin_batch(sink); /* what failed leaves nothing behind, if that can be had */
        (void)close(sink->fd);   /* every acknowledged byte was written before */
    }
    buf_fini(&sink->text);
    free(sink);
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum weir_status driver_on(const char *name, int fd, bool is_file, bool sync,
                                  struct weir_sink_driver *ret_driver, struct weir_error *err)
{
    struct file_sink *sink = calloc(1, sizeof(*sink));
    if (sink == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for sink %s", name);
    }
    *sink = (struct file_sink){.fd = fd, .is_file = is_file, .sync = sync};
    buf_init(&sink->text, TEXT_MAX);
    *ret_driver = (struct weir_sink_driver){
        .struct_size = sizeof(*ret_driver),
        .batch_max = BATCH_MAX,
        .in_flight_max = 1,
        .partial = WEIR_PARTIAL_ATOMIC,
        .name = name,
        .submit = file_submit,
        .close = file_close,
        .sink = sink,
    };
    return WEIR_OK;
}

static enum weir_status stdout_open(struct loop *loop, const struct sink_setting *settings,
                                    struct weir_sink_driver *ret_driver, struct weir_error *err)
{
    (void)loop;
    enum weir_status status = sink_settings_check(&sink_stdout_kind, settings, err);
    return status == WEIR_OK ? driver_on("stdout", STDOUT_FILENO, false, false, ret_driver, err)
                             : status;
}

static enum weir_status lock_and_cut(int fd, const char *path, struct weir_error *err)
{
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return error_set(err, errno == EWOULDBLOCK ? WEIR_LOCK_HELD : WEIR_IO,
                         errno == EWOULDBLOCK ? "sink file: %s is written by another process"
                                              : "sink file: %s cannot be locked",
                         path);
    }
    if (!cut_torn_line(fd)) {
        return error_set(err, WEIR_IO, "sink file: %s: %s", path, strerror(errno));
    }
    return WEIR_OK;
}

static enum weir_status parse_sync(const char *value, bool *ret_sync, struct weir_error *err)
{
    if (value == NULL || strcmp(value, "no") == 0) {
        *ret_sync = false;
    } else if (strcmp(value, "yes") == 0) {
        *ret_sync = true;
    } else {
        return error_set(err, WEIR_CONFIG, "sink file: sync is \"%s\": yes or no", value);
    }
    return WEIR_OK;
}

static enum weir_status file_open(struct loop *loop, const struct sink_setting *settings,
                                  struct weir_sink_driver *ret_driver, struct weir_error *err)
{
    (void)loop;
    bool sync = false;
    const char *path = sink_setting_find(settings, "path");
    enum weir_status status = sink_settings_check(&sink_file_kind, settings, err);
    if (status == WEIR_OK) {
        status = parse_sync(sink_setting_find(settings, "sync"), &sync, err);
    }
    if (status == WEIR_OK && (path == NULL || path[0] == '\0')) {
        status = error_set(err, WEIR_CONFIG, "sink file needs path: where the lines go");
    }
    if (status != WEIR_OK) {
        return status;
    }
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
        return error_set(err, WEIR_IO, "sink file: %s: %s", path, strerror(errno));
    }
    status = lock_and_cut(fd, path, err);
    if (status == WEIR_OK) {
        status = driver_on("file", fd, true, sync, ret_driver, err);
    }
    if (status != WEIR_OK) {
        (void)close(fd);
    }
    return status;
}

static const char *const no_settings[] = {NULL};
static const char *const file_settings[] = {"path", "sync", NULL};

const struct sink_kind sink_stdout_kind = {
    .name = "stdout",
    .summary = "JSON lines on standard output",
    .settings = no_settings,
    .open = stdout_open,
};

const struct sink_kind sink_file_kind = {
    .name = "file",
    .summary = "JSON lines appended to a file (path; sync: yes or no)",
    .settings = file_settings,
    .open = file_open,
};
