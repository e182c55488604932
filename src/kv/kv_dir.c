/* SPDX-License-Identifier: Apache-2.0 */
/* The store's folder, its lock and its state: kv_dir.h. */
#include "kv/kv_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define STATE_HEAD "weir store "
#define STATE_VERSION 1
#define SIDE_FILE_MAX 512
#define ADDRESS_MAX 255

static enum weir_status errno_status(int error)
{
    return error == ENOSPC || error == EDQUOT ? WEIR_NO_SPACE : WEIR_IO;
}

static enum weir_status fail(struct weir_error *err, const char *what, const char *path,
                             const char *name)
{
    int error = errno;
    return error_set(err, errno_status(error), "cannot %s '%s%s%s': %s", what, path,
                     name[0] == '\0' ? "" : "/", name, strerror(error));
}

/* A side file's text, NUL-terminated; "" when it is empty. False with errno on failure. */
static bool text_read(int fd, char to[SIDE_FILE_MAX])
{
    ssize_t size = pread(fd, to, SIDE_FILE_MAX - 1, 0);
    to[size < 0 ? 0 : size] = '\0';
    return size >= 0;
}

static bool text_write(int fd, const char *text)
{
    size_t size = strlen(text);
    return pwrite(fd, text, size, 0) == (ssize_t)size && ftruncate(fd, (off_t)size) == 0;
}

/* The folder and, when it is new, its name in the parent. */
static enum weir_status folder_make(const char *path, struct weir_error *err)
{
    if (mkdir(path, 0777) != 0) {
        return errno == EEXIST ? WEIR_OK : fail(err, "create the folder", path, "");
    }
    char *above = NULL;
    if (asprintf(&above, "%s/..", path) < 0) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a store");
    }
    int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    enum weir_status status = synced ? WEIR_OK : fail(err, "sync the parent of", path, "");
    if (fd >= 0) {
        (void)close(fd);
    }
    free(above);
    return status;
}

static bool printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

/* Says who holds the lock, as far as HOLDER's text is what it should be. */
static enum weir_status lock_held(const struct kv_dir *dir, struct weir_error *err)
{
    char text[SIDE_FILE_MAX];
    char address[ADDRESS_MAX + 1] = "";
    int pid = 0;
    int fields =
        text_read(dir->lock, text) ? sscanf(text, "pid %d\naddress %255[^\n]\n", &pid, address) : 0;
    if (fields < 1 || !printable(address)) {
        return error_set(err, WEIR_LOCK_HELD, "'%s' is open in another process", dir->path);
    }
    if (fields == 1) {
        return error_set(err, WEIR_LOCK_HELD, "'%s' is open in process %d", dir->path, pid);
    }
    return error_set(err, WEIR_LOCK_HELD, "'%s' is open in process %d, which listens on %s",
                     dir->path, pid, address);
}

static enum weir_status lock_take(struct kv_dir *dir, struct weir_error *err)
{
    dir->lock = openat(dir->fd, "HOLDER", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (dir->lock < 0) {
        return fail(err, "open", dir->path, "HOLDER");
    }
    if (flock(dir->lock, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? lock_held(dir, err) : fail(err, "lock", dir->path, "HOLDER");
    }
    dir->locked = true;
    char text[SIDE_FILE_MAX];
    (void)snprintf(text, sizeof(text), "pid %d\n", (int)getpid());
    return text_write(dir->lock, text) ? WEIR_OK : fail(err, "write", dir->path, "HOLDER");
}

/* Whether a file of this name can only come from a store. */
static bool is_store_file(const char *name)
{
    size_t len = strlen(name);
    bool numbered = len > 4 && name[0] >= '0' && name[0] <= '9' &&
                    (strcmp(name + len - 4, ".log") == 0 || strcmp(name + len - 4, ".sst") == 0);
    return numbered || strncmp(name, "MANIFEST-", 9) == 0;
}

/* Without CURRENT RocksDB would begin a new, empty store: refuse when there was one. */
static enum weir_status check_no_store(const struct kv_dir *dir, struct weir_error *err)
{
    DIR *folder = opendir(dir->path);
    if (folder == NULL) {
        return fail(err, "list", dir->path, "");
    }
    enum weir_status status = WEIR_OK;
    for (struct dirent *file; status == WEIR_OK && (file = readdir(folder)) != NULL;) {
        if (is_store_file(file->d_name)) {
            status = error_set(err, WEIR_CORRUPTION,
                               "'%s/CURRENT' is missing, but '%s' is there: nothing was changed",
                               dir->path, file->d_name);
        }
    }
    (void)closedir(folder);
    return status;
}

static enum weir_status state_parse(struct kv_dir *dir, const char *text, struct weir_error *err)
{
    unsigned version = 0;
    int head = 0;
    if (sscanf(text, STATE_HEAD "%u\n%n", &version, &head) == 1 && version > STATE_VERSION) {
        return error_set(err, WEIR_UNSUPPORTED,
                         "'%s' was written by a newer weir (store version %u, this one knows %d)",
                         dir->path, version, STATE_VERSION);
    }
    const char *rest = text + head;
    if (head == 0) {
        dir->state = KV_DIR_OPEN;
    } else if (strcmp(rest, "creating\n") == 0) {
        dir->state = KV_DIR_CREATING;
    } else if (sscanf(rest, "clean %" SCNu64, &dir->commit_number) == 1) {
        dir->state = KV_DIR_CLEAN;
    } else {
        dir->state = KV_DIR_OPEN;
        dir->durability = strcmp(rest, "open relaxed\n") == 0 ? KV_RELAXED : KV_SYNC;
    }
    return WEIR_OK;
}

static enum weir_status state_read(struct kv_dir *dir, bool *ret_found, struct weir_error *err)
{
    dir->state = KV_DIR_OPEN;
    dir->durability = KV_SYNC;
    int fd = openat(dir->fd, "STATE", O_RDONLY | O_CLOEXEC);
    *ret_found = fd >= 0;
    if (fd < 0) {
        return errno == ENOENT ? WEIR_OK : fail(err, "open", dir->path, "STATE");
    }
    char text[SIDE_FILE_MAX];
    enum weir_status status =
        text_read(fd, text) ? state_parse(dir, text, err) : fail(err, "read", dir->path, "STATE");
    (void)close(fd);
    return status;
}

/* STATE and CURRENT together: is there a store, and how was it left? */
static enum weir_status inspect(struct kv_dir *dir, struct weir_error *err)
{
    bool has_state = false;
    enum weir_status status = state_read(dir, &has_state, err);
    if (status != WEIR_OK) {
        return status;
    }
    if (faccessat(dir->fd, "CURRENT", F_OK, 0) == 0) {
        return WEIR_OK;
    }
    if (errno != ENOENT) {
        return fail(err, "look at", dir->path, "CURRENT");
    }
    if (has_state && dir->state != KV_DIR_CREATING) {
        return error_set(err, WEIR_CORRUPTION,
                         "'%s/CURRENT' is missing, but 'STATE' is there: nothing was changed",
                         dir->path);
    }
    dir->created = true;
    return has_state ? WEIR_OK : check_no_store(dir, err);
}

enum weir_status kv_dir_open(const char *path, struct kv_dir *ret_dir, struct weir_error *err)
{
    struct kv_dir dir = {.fd = -1, .lock = -1};
    enum weir_status status = folder_make(path, err);
    if (status != WEIR_OK) {
        return status;
    }
    dir.path = strdup(path);
    if (dir.path == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a store");
    }
    dir.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    status = dir.fd < 0 ? fail(err, "open the folder", path, "") : lock_take(&dir, err);
    if (status == WEIR_OK) {
        status = inspect(&dir, err);
    }
    if (status != WEIR_OK) {
        kv_dir_close(&dir);
        return status;
    }
    *ret_dir = dir;
    return WEIR_OK;
}

void kv_dir_close(struct kv_dir *dir)
{
    if (dir->path == NULL) {
        return;
    }
    if (dir->locked) {
        (void)!ftruncate(dir->lock, 0); /* tidiness: without the lock its text means nothing */
    }
    if (dir->lock >= 0) {
        (void)close(dir->lock);
    }
    if (dir->fd >= 0) {
        (void)close(dir->fd);
    }
    free(dir->path);
    *dir = (struct kv_dir){0};
}

void kv_dir_tidy(const struct kv_dir *dir)
{
    DIR *folder = opendir(dir->path);
    if (folder == NULL) {
        return;
    }
    for (struct dirent *file; (file = readdir(folder)) != NULL;) {
        const char *name = file->d_name;
        size_t len = strlen(name);
        if (strncmp(name, "OPTIONS-", 8) == 0 && len > 6 && strcmp(name + len - 6, ".dbtmp") == 0) {
            (void)unlinkat(dir->fd, name, 0); /* the next opening tries again */
        }
    }
    (void)closedir(folder);
}

static void state_format(char to[SIDE_FILE_MAX], enum kv_dir_state state,
                         enum kv_durability durability, uint64_t commit_number)
{
    int head = snprintf(to, SIDE_FILE_MAX, STATE_HEAD "%d\n", STATE_VERSION);
    char *rest = to + head;
    size_t size = SIDE_FILE_MAX - (size_t)head;
    if (state == KV_DIR_CREATING) {
        (void)snprintf(rest, size, "creating\n");
    } else if (state == KV_DIR_OPEN) {
        (void)snprintf(rest, size, "open %s\n", durability == KV_SYNC ? "sync" : "relaxed");
    } else {
        (void)snprintf(rest, size, "clean %" PRIu64 "\n", commit_number);
    }
}

enum weir_status kv_dir_set(struct kv_dir *dir, enum kv_dir_state state,
                            enum kv_durability durability, uint64_t commit_number,
                            struct weir_error *err)
{
    char text[SIDE_FILE_MAX];
    state_format(text, state, durability, commit_number);
    int fd = openat(dir->fd, "STATE.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        return fail(err, "create", dir->path, "STATE.new");
    }
    bool done = text_write(fd, text) && fsync(fd) == 0 &&
                renameat(dir->fd, "STATE.new", dir->fd, "STATE") == 0 && fsync(dir->fd) == 0;
    enum weir_status status = done ? WEIR_OK : fail(err, "write", dir->path, "STATE");
    (void)close(fd);
    return status;
}

enum weir_status kv_rocks_announce(const char *path, const char *address, struct weir_error *err)
{
    if (strlen(address) == 0 || strlen(address) > ADDRESS_MAX || !printable(address)) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "an address to announce has 1 to %d printable characters", ADDRESS_MAX);
    }
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = folder < 0 ? -1 : openat(folder, "HOLDER", O_RDWR | O_CLOEXEC);
    char text[SIDE_FILE_MAX] = "";
    int pid = 0;
    enum weir_status status = WEIR_OK;
    if (fd < 0 || !text_read(fd, text)) {
        status = fail(err, "read", path, "HOLDER");
    } else if (sscanf(text, "pid %d", &pid) != 1 || pid != (int)getpid()) {
        status = error_set(err, WEIR_CLOSED, "'%s' is not open in this process", path);
    } else {
        (void)snprintf(text, sizeof(text), "pid %d\naddress %s\n", pid, address);
        status = text_write(fd, text) ? WEIR_OK : fail(err, "write", path, "HOLDER");
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (folder >= 0) {
        (void)close(folder);
    }
    return status;
}
