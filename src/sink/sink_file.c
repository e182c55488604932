/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The sinks `file` and `stdout`: one JSON line per message (message_json.h), a batch in one go.
 *
 * The file belongs to one relay at a time (a lock tells a second one). A batch is delivered when it
 * is written whole, with `sync=yes` when it is on the disk too. What a failed write or a crash left
 * behind is a line without its end at most, and is cut off before the next write: its message was
 * not acknowledged and comes again.
 */

#include "sink/sink_kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault.h"
#include "sink/message_json.h"

/* 256 messages of an item's size, as Base64, and then some. */
#define TEXT_MAX (512u * 1024 * 1024)
#define BATCH_MAX 1000
#define TAIL_STEP 4096

struct file_sink {
    int fd;
    bool is_file; /* may be cut and synced; stdout may not */
    bool sync;
    bool unsure; /* a write failed: cut off what it left before the next one */
    struct buf text;
};

/* ---- the tail ----------------------------------------------------------------------------------
 */

/* The end of the last whole line. */
static bool find_line_end(int fd, off_t size, off_t *ret_end)
{
    char step[TAIL_STEP];
    while (size > 0) {
        size_t len = size < TAIL_STEP ? (size_t)size : TAIL_STEP;
        if (pread(fd, step, len, size - (off_t)len) != (ssize_t)len) {
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

/* ---- delivering --------------------------------------------------------------------------------
 */

static bool write_whole(int fd, struct weir_bytes text)
{
    while (text.len > 0) {
        ssize_t written = write(fd, text.ptr, text.len);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return false;
        }
        text = bytes_of(text.ptr + written, text.len - (size_t)written);
    }
    return true;
}

static bool deliver(struct file_sink *sink)
{
    if (sink->unsure && sink->is_file && !cut_torn_line(sink->fd)) {
        return false;
    }
    sink->unsure = true;
    if (!write_whole(sink->fd, buf_bytes(&sink->text)) ||
        (sink->sync && fdatasync(sink->fd) != 0)) {
        return false;
    }
    sink->unsure = false;
    return true;
}

static void render(struct file_sink *sink, const struct weir_sink_batch *batch)
{
    buf_reset(&sink->text);
    for (uint32_t i = 0; i < batch->count; i++) {
        message_json_write(&sink->text, &batch->messages[i]);
        buf_put_u8(&sink->text, '\n');
    }
}

static void file_submit(void *arg, struct weir_sink_batch *batch)
{
    struct file_sink *sink = arg;
    render(sink, batch);
    if (buf_status(&sink->text) != WEIR_OK) {
        sink_fail_all(batch, WEIR_UNREACHABLE_SINK, "no memory for the batch's text");
    } else if (fault_hit(FAULT_SINK_SUBMIT)) {
        sink_fail_all(batch, WEIR_UNREACHABLE_SINK, "fault point sink.submit");
    } else if (deliver(sink)) {
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
        (void)close(sink->fd); /* every acknowledged byte was written before */
    }
    buf_fini(&sink->text);
    free(sink);
}

/* ---- opening -----------------------------------------------------------------------------------
 */

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
                         "sink file: %s is written by another process", path);
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
