/* SPDX-License-Identifier: Apache-2.0 */

/* A file that is there whole or not at all. */

#include "cli/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static enum weir_status failed(const struct outfile *out, const char *what, struct weir_error *err)
{
    int code = errno;
    bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
    return error_set(err, full ? WEIR_NO_SPACE : WEIR_IO, "%s cannot be %s: %s",
                     out->part != NULL ? out->part : out->path, what, strerror(code));
}

/* Whether something other than a file is at that place. */
static bool is_special(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && !S_ISREG(about.st_mode);
}

enum weir_status outfile_open(struct outfile *out, const char *path, struct weir_error *err)
{
    *out = (struct outfile){.path = path};
    if (strcmp(path, "-") == 0) {
        out->path = "standard output";
        out->file = stdout;
        return WEIR_OK;
    }
    if (!is_special(path)) {
        size_t size = strlen(path) + sizeof(".part");
        out->part = malloc(size);
        if (out->part == NULL) {
            return error_set(err, WEIR_NO_MEMORY, "no memory for a name");
        }
        snprintf(out->part, size, "%s.part", path);
    }
    out->file = fopen(out->part != NULL ? out->part : path, "wbe");
    return out->file == NULL ? failed(out, "opened", err) : WEIR_OK;
}

enum weir_status outfile_write(struct outfile *out, const void *text, size_t len,
                               struct weir_error *err)
{
    if (fwrite(text, 1, len, out->file) != len || fflush(out->file) != 0) {
        return failed(out, "written", err);
    }
    out->bytes += len;
    return WEIR_OK;
}

enum weir_status outfile_finish(struct outfile *out, struct weir_error *err)
{
    if (fflush(out->file) != 0) {
        return failed(out, "written", err);
    }
    if (out->part == NULL) {
        return WEIR_OK;
    }
    if (fsync(fileno(out->file)) != 0) {
        return failed(out, "written", err);
    }
    if (rename(out->part, out->path) != 0) {
        return failed(out, "renamed", err);
    }
    free(out->part);
    out->part = NULL;
    return WEIR_OK;
}

const char *outfile_part(const struct outfile *out)
{
    struct stat about;
    return out->part != NULL && stat(out->part, &about) == 0 && about.st_size > 0 ? out->part
                                                                                  : NULL;
}

void outfile_close(struct outfile *out)
{
    if (out->file != NULL && out->file != stdout) {
        (void)fclose(out->file);
        if (out->part != NULL && outfile_part(out) == NULL) {
            (void)unlink(out->part);
        }
    }
    free(out->part);
}
