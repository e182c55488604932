/* SPDX-License-Identifier: Apache-2.0 */

/* The other places that weir.yaml names: where messages go, and where the engine keeps its data. */

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/relay_setup.h"
#include "sink/sink_redis_url.h"

#define SINKS "sinks"
#define DATA "data folder"
#define FREE_FAIL_BYTES (100ull * 1024 * 1024)
#define FREE_WARN_BYTES (1024ull * 1024 * 1024)

/* ---- Redis ----------------------------------------------------------------------------------- */

static bool wait_for(int fd, short what, uint32_t ms)
{
    struct pollfd waits = {.fd = fd, .events = what};
    return poll(&waits, 1, (int)ms) == 1;
}

static int connect_one(const struct addrinfo *at, uint32_t ms)
{
    int error = 0;
    socklen_t len = sizeof(error);
    int fd = socket(at->ai_family, at->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (connect(fd, at->ai_addr, at->ai_addrlen) == 0) {
        return fd;
    }
    error = errno;
    if (error == EINPROGRESS) {
        bool ended =
            wait_for(fd, POLLOUT, ms) && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0;
        error = ended ? error : ETIMEDOUT;
    }
    if (error != 0) {
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int connect_to(const char *host, uint16_t port, uint32_t ms, const char **ret_why)
{
    char service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int fd = -1;
    snprintf(service, sizeof(service), "%u", port);
    int failed = getaddrinfo(host, service, &hints, &list);
    if (failed != 0) {
        *ret_why = gai_strerror(failed);
        return -1;
    }
    for (const struct addrinfo *at = list; at != NULL && fd < 0; at = at->ai_next) {
        fd = connect_one(at, ms);
        *ret_why = fd < 0 ? strerror(errno) : "";
    }
    freeaddrinfo(list);
    return fd;
}

static void put_word(struct buf *to, const char *word)
{
    buf_printf(to, "$%zu\r\n", strlen(word));
    buf_put_str(to, word);
    buf_put_str(to, "\r\n");
}

/* The request's text: AUTH where there is a password, then PING. */
static void put_redis(struct buf *to, const struct redis_url *url)
{
    if (url->password[0] != '\0') {
        buf_put_str(to, url->user[0] == '\0' ? "*2\r\n" : "*3\r\n");
        put_word(to, "AUTH");
        if (url->user[0] != '\0') {
            put_word(to, url->user);
        }
        put_word(to, url->password);
    }
    buf_put_str(to, "*1\r\n$4\r\nPING\r\n");
}

/* Lines of the answer up to one that is +PONG or an error; "" when none came in time. */
static void read_redis(int fd, uint32_t ms, char *to, size_t size)
{
    size_t len = 0;
    to[0] = '\0';
    while (len + 1 < size && wait_for(fd, POLLIN, ms)) {
        ssize_t got = read(fd, to + len, size - 1 - len);
        if (got <= 0) {
            break;
        }
        len += (size_t)got;
        to[len] = '\0';
        if (strstr(to, "+PONG\r\n") != NULL || (strchr(to, '-') != NULL && to[len - 1] == '\n')) {
            break;
        }
    }
}

static void show_redis(struct doctor *doctor, const char *name, const char *text)
{
    struct redis_url url;
    struct weir_error err = {0};
    const char *why = "";
    char answer[512];
    if (redis_url_parse(text == NULL ? "" : text, &url, &err) != WEIR_OK) {
        doctor->invalid = true;
        doctor_add(doctor, SINKS, name, DOCTOR_FAIL, "Correct the sink's url.", "%s", err.message);
        return;
    }
    int fd = connect_to(url.host, url.port, doctor->step_ms, &why);
    if (fd < 0) {
        doctor_add(doctor, SINKS, name, DOCTOR_FAIL,
                   "Check host and port; until it answers the relay waits, and nothing is lost.",
                   "redis at %s:%u: %s", url.host, url.port, why);
        explicit_bzero(&url, sizeof(url));
        return;
    }
    struct buf request;
    buf_init(&request, sizeof(url) * 2);
    put_redis(&request, &url);
    bool sent = send(fd, request.ptr, request.len, MSG_NOSIGNAL) == (ssize_t)request.len;
    read_redis(fd, sent ? doctor->step_ms : 0, answer, sizeof(answer));
    const char *refusal = strchr(answer, '-');
    if (strstr(answer, "+PONG") != NULL) {
        doctor_add(doctor, SINKS, name, DOCTOR_OK, NULL, "redis at %s:%u answers", url.host,
                   url.port);
    } else {
        doctor_add(doctor, SINKS, name, DOCTOR_FAIL,
                   refusal == NULL ? "Check that it is a Redis or Valkey server without TLS."
                                   : "Check user and password in the sink's url.",
                   "redis at %s:%u: %.*s", url.host, url.port,
                   refusal == NULL ? 9 : (int)strcspn(refusal + 1, "\r\n"),
                   refusal == NULL ? "no answer" : refusal + 1);
    }
    explicit_bzero(request.ptr, request.len);
    explicit_bzero(&url, sizeof(url));
    buf_fini(&request);
    (void)close(fd);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* The folder that the path is in. */
static const char *folder_of(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL   ? "."
           : slash == path ? "/"
                           : arena_printf(a, "%.*s", (int)(slash - path), path);
}

static void show_file(struct doctor *doctor, const char *name, const char *path)
{
    if (path == NULL || path[0] == '\0') {
        doctor->invalid = true;
        doctor_add(doctor, SINKS, name, DOCTOR_FAIL, "Set to.file.path.", "the file has no path");
        return;
    }
    bool there = access(path, F_OK) == 0;
    const char *asked = there ? path : folder_of(doctor->arena, path);
    if (asked != NULL && access(asked, W_OK) == 0) {
        doctor_add(doctor, SINKS, name, DOCTOR_OK, NULL, "file %s: writable", path);
    } else {
        doctor_add(doctor, SINKS, name, DOCTOR_FAIL,
                   "Make its folder, or give this user the right to write there.", "file %s: %s",
                   path, strerror(errno));
    }
}

static void show_sink(struct doctor *doctor, uint32_t index)
{
    char path[64], name[80];
    struct weir_error err = {0};
    struct config_child *kinds = NULL;
    uint32_t count = 0;
    snprintf(path, sizeof(path), "relays[%u].to", index);
    snprintf(name, sizeof(name), "%s", relay_setup_name(doctor->config, index));
    if (config_children(doctor->arena, doctor->config, path, &kinds, &count, &err) != WEIR_OK ||
        count == 0) {
        doctor_add(doctor, SINKS, name, DOCTOR_WARN, "Set `to:`, or run it with --to.",
                   "the relay has no sink");
        return;
    }
    if (strcmp(kinds[0].name, "redis") == 0) {
        snprintf(path, sizeof(path), "relays[%u].to.redis.url", index);
        show_redis(doctor, name, config_text(doctor->config, path));
    } else if (strcmp(kinds[0].name, "file") == 0) {
        snprintf(path, sizeof(path), "relays[%u].to.file.path", index);
        show_file(doctor, name, config_text(doctor->config, path));
    } else {
        doctor_add(doctor, SINKS, name, DOCTOR_OK, NULL, "%s: nothing to reach", kinds[0].name);
    }
}

void doctor_sinks(struct doctor *doctor)
{
    doctor_step(doctor, "looking at sinks");
    for (uint32_t i = 0; i < config_count(doctor->config, "relays"); i++) {
        show_sink(doctor, i);
    }
}

/* ---- the data folder ------------------------------------------------------------------------- */

/* The pid that has the file locked, from the kernel's table of locks: asking for the lock itself
 * could get in the way of a server that is starting. 0: nobody, or not known. */
static int lock_holder(const char *path)
{
    struct stat file;
    char line[256];
    int holder = 0;
    FILE *locks = stat(path, &file) == 0 ? fopen("/proc/locks", "re") : NULL;
    while (locks != NULL && holder == 0 && fgets(line, sizeof(line), locks) != NULL) {
        unsigned high = 0, low = 0;
        unsigned long long inode = 0;
        int pid = 0;
        if (sscanf(line, "%*s FLOCK %*s %*s %d %x:%x:%llu", &pid, &high, &low, &inode) == 4 &&
            inode == file.st_ino && high == major(file.st_dev) && low == minor(file.st_dev)) {
            holder = pid;
        }
    }
    if (locks != NULL) {
        (void)fclose(locks);
    }
    return holder;
}

/* "http://127.0.0.1:8000", as the holder announced it; "" when it did not. */
static void read_address(const char *path, char to[256])
{
    char line[300];
    FILE *file = fopen(path, "re");
    to[0] = '\0';
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        (void)sscanf(line, "address %255s", to);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

static void show_space(struct doctor *doctor, const char *path)
{
    struct statvfs space;
    if (statvfs(path, &space) != 0) {
        return;
    }
    unsigned long long left = (unsigned long long)space.f_bavail * space.f_frsize;
    enum doctor_state state = left < FREE_FAIL_BYTES   ? DOCTOR_FAIL
                              : left < FREE_WARN_BYTES ? DOCTOR_WARN
                                                       : DOCTOR_OK;
    doctor_add(doctor, DATA, "space", state,
               state == DOCTOR_OK ? NULL : "Free space: without it every write fails.",
               "%.1f GiB free", (double)left / (1024.0 * 1024 * 1024));
}

static void show_holder(struct doctor *doctor, const char *path)
{
    char address[256];
    const char *holder = arena_printf(doctor->arena, "%s/HOLDER", path);
    int pid = holder == NULL ? 0 : lock_holder(holder);
    if (pid == 0) {
        doctor_add(doctor, DATA, "holder", DOCTOR_NOTE, NULL, "no process has it open");
        return;
    }
    read_address(holder, address);
    doctor_add(doctor, DATA, "holder", DOCTOR_OK, NULL, "process %d%s%s", pid,
               address[0] == '\0' ? "" : ", which listens on ", address);
}

void doctor_data_folder(struct doctor *doctor)
{
    const char *path = cli_get(doctor->args, "data");
    path = path == NULL ? config_text(doctor->config, "server.data") : path;
    path = path == NULL ? ".weir" : path;
    struct stat found;
    if (stat(path, &found) != 0) {
        const char *above = folder_of(doctor->arena, path);
        bool can = errno == ENOENT && above != NULL && access(above, W_OK) == 0;
        doctor_add(doctor, DATA, path, can ? DOCTOR_NOTE : DOCTOR_WARN,
                   can ? NULL : "Give weir serve a --data folder that this user can make.",
                   can ? "not there; weir serve makes it" : "not there, and cannot be made: %s",
                   strerror(errno));
        return;
    }
    bool good = S_ISDIR(found.st_mode) && access(path, R_OK | W_OK | X_OK) == 0;
    doctor_add(doctor, DATA, path, good ? DOCTOR_OK : DOCTOR_FAIL,
               good ? NULL : "Give this user the right to write there, or choose another --data.",
               good                     ? "writable"
               : S_ISDIR(found.st_mode) ? "not writable"
                                        : "not a folder");
    show_space(doctor, path);
    show_holder(doctor, path);
}
