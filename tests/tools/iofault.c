/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File faults for tests, by LD_PRELOAD: chosen calls on chosen files fail with a chosen error.
 *
 *     WEIR_IOFAULT=fdatasync:EIO:.log:3      from the third fdatasync of a *.log file on
 *     WEIR_IOFAULT=write:ENOSPC::1           every write (write, pwrite) to a regular file
 *
 * as <call>:<error>:<end of the file's name>:<n>. Calls: write (also pwrite), pread, fdatasync
 * (also fsync). A test that runs under it arms and disarms while running: it finds iofault_arm with
 * dlsym. Not for AddressSanitizer, which wants to be the first library itself.
 *
 * Threads: any.
 */
/* With 64-bit offsets asked for, the header gives pread64's symbol to pread: both are needed. */
#undef _FILE_OFFSET_BITS

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define PATH_BYTES 4096

EXPORT int iofault_arm(const char *text);
EXPORT unsigned iofault_hits(void);

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static char fault_call[16];   /* under mu; "" = not armed */
static char fault_suffix[64]; /* under mu */
static int fault_errno;       /* under mu */
static unsigned fault_from;   /* under mu */
static unsigned fault_seen;   /* under mu */
static atomic_uint hits;
static atomic_bool armed;

static int errno_of(const char *name)
{
    static const struct {
        const char *name;
        int value;
    } table[] = {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EACCES", EACCES}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(name, table[i].name) == 0) {
            return table[i].value;
        }
    }
    return 0;
}

/* Arms from a text as above, or disarms (NULL or ""). 0, or -1 if it does not read. */
int iofault_arm(const char *text)
{
    char call[16] = "";
    char error[16] = "";
    char rest[80] = "";
    atomic_store(&armed, false);
    if (text == NULL || text[0] == '\0') {
        return 0;
    }
    char *colon = NULL;
    if (sscanf(text, "%15[^:]:%15[^:]:%79s", call, error, rest) != 3 || errno_of(error) == 0 ||
        (colon = strrchr(rest, ':')) == NULL) {
        return -1;
    }
    *colon = '\0';
    (void)pthread_mutex_lock(&mu);
    (void)snprintf(fault_call, sizeof(fault_call), "%s", call);
    (void)snprintf(fault_suffix, sizeof(fault_suffix), "%.63s", rest);
    fault_errno = errno_of(error);
    fault_from = (unsigned)strtoul(colon + 1, NULL, 10);
    fault_seen = 0;
    (void)pthread_mutex_unlock(&mu);
    atomic_store(&hits, 0);
    atomic_store(&armed, true);
    return 0;
}

unsigned iofault_hits(void)
{
    return atomic_load(&hits);
}

__attribute__((constructor)) static void arm_from_environment(void)
{
    if (iofault_arm(getenv("WEIR_IOFAULT")) != 0) {
        static const char text[] = "iofault: WEIR_IOFAULT is not <call>:<error>:<suffix>:<n>\n";
        (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
        _exit(64);
    }
}

/* Whether `fd` is a regular file whose name ends as armed. */
static bool is_target(int fd)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return false;
    }
    char link[64];
    char path[PATH_BYTES];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof(path));
    size_t suffix = strlen(fault_suffix);
    return len >= 0 && (size_t)len >= suffix &&
           memcmp(path + (size_t)len - suffix, fault_suffix, suffix) == 0;
}

/* True with errno set when this call must fail. */
static bool fails(const char *call, int fd)
{
    if (!atomic_load(&armed)) {
        return false;
    }
    int before = errno;
    (void)pthread_mutex_lock(&mu);
    bool hit = strcmp(call, fault_call) == 0 && is_target(fd) && ++fault_seen >= fault_from;
    int error = fault_errno;
    (void)pthread_mutex_unlock(&mu);
    errno = hit ? error : before;
    if (hit) {
        atomic_fetch_add(&hits, 1);
    }
    return hit;
}

/* The function of this name in the next library. */
static void *next_library(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL) {
        abort();
    }
    return function;
}

EXPORT ssize_t write(int fd, const void *bytes, size_t size)
{
    ssize_t (*real)(int, const void *, size_t);
    *(void **)&real = next_library("write");
    return fails("write", fd) ? -1 : real(fd, bytes, size);
}

EXPORT ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off_t);
    *(void **)&real = next_library("pwrite");
    return fails("write", fd) ? -1 : real(fd, bytes, size, offset);
}

EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off_t);
    *(void **)&real = next_library("pwrite64");
    return fails("write", fd) ? -1 : real(fd, bytes, size, offset);
}

EXPORT ssize_t pread(int fd, void *bytes, size_t size, off_t offset)
{
    ssize_t (*real)(int, void *, size_t, off_t);
    *(void **)&real = next_library("pread");
    return fails("pread", fd) ? -1 : real(fd, bytes, size, offset);
}

EXPORT ssize_t pread64(int fd, void *bytes, size_t size, off_t offset)
{
    ssize_t (*real)(int, void *, size_t, off_t);
    *(void **)&real = next_library("pread64");
    return fails("pread", fd) ? -1 : real(fd, bytes, size, offset);
}

EXPORT int fdatasync(int fd)
{
    int (*real)(int);
    *(void **)&real = next_library("fdatasync");
    return fails("fdatasync", fd) ? -1 : real(fd);
}

EXPORT int fsync(int fd)
{
    int (*real)(int);
    *(void **)&real = next_library("fsync");
    return fails("fdatasync", fd) ? -1 : real(fd);
}
