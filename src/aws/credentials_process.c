/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that prints credentials. It is started without a shell, in a process group of its own,
 * with nothing of ours but the environment: input from /dev/null, both outputs in pipes, no other
 * descriptor. It has a time and an amount of output; over either it is killed with all it started,
 * and always waited for.
 */
#include "aws/credentials_internal.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 64
#define COMPLAINT_BYTES_MAX ((size_t)4096)
#define SLICE_MS 50 /* how soon a close is noticed */
#define WHO "credential_process"

extern char **environ;

/* ---- words -------------------------------------------------------------------------------------
 */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Moves one word to `to`, which may be where it is, without its quotes. Returns what follows the
 * blank behind it; NULL when a quote stays open. */
static const char *split_word(const char *from, char *to)
{
    char quote = '\0';
    for (; *from != '\0' && (quote != '\0' || !is_blank(*from)); from++) {
        bool escapes = *from == '\\' && quote != '\'';
        if (quote == '\0' && (*from == '\'' || *from == '"')) {
            quote = *from;
        } else if (quote != '\0' && *from == quote) {
            quote = '\0';
        } else if (escapes && from[1] == '\0') {
            return NULL;
        } else if (escapes && (quote == '\0' || from[1] == '"' || from[1] == '\\')) {
            *to++ = *++from;
        } else {
            *to++ = *from;
        }
    }
    const char *next = *from == '\0' ? from : from + 1;
    *to = '\0';
    return quote == '\0' ? next : NULL;
}

bool process_split(char *text, char **words, size_t max)
{
    const char *from = text;
    char *to = text;
    size_t count = 0;
    for (;;) {
        while (is_blank(*from)) {
            from++;
        }
        if (*from == '\0' || count + 1 == max) {
            words[count] = NULL;
            return *from == '\0' && count > 0;
        }
        words[count++] = to;
        from = split_word(from, to);
        if (from == NULL) {
            return false;
        }
        to += strlen(to) + 1;
    }
}

/* ---- the child ---------------------------------------------------------------------------------
 */

struct child {
    pid_t pid;
    struct pollfd pipes[2]; /* its output and its complaints; fd -1: at their end */
    struct buf output;
    struct buf complaints;
};

static void close_pipe(int pipe_fds[2])
{
    for (size_t i = 0; i < 2; i++) {
        if (pipe_fds[i] >= 0) {
            (void)close(pipe_fds[i]);
        }
    }
}

/* Our threads block all signals, and the program may ignore some: a child inherits neither. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int failed = posix_spawnattr_setsigmask(attributes, &none);
    failed = failed != 0 ? failed : posix_spawnattr_setsigdefault(attributes, &all);
    failed = failed != 0 ? failed : posix_spawnattr_setpgroup(attributes, 0);
    return failed != 0 ? failed
                       : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
                                                                  POSIX_SPAWN_SETSIGDEF |
                                                                  POSIX_SPAWN_SETPGROUP);
}

static int set_files(posix_spawn_file_actions_t *files, int output, int complaints)
{
    int failed = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    failed = failed != 0 ? failed : posix_spawn_file_actions_adddup2(files, output, 1);
    failed = failed != 0 ? failed : posix_spawn_file_actions_adddup2(files, complaints, 2);
    return failed != 0 ? failed : posix_spawn_file_actions_addclosefrom_np(files, 3);
}

static int spawn(pid_t *ret_pid, char *const *words, int output, int complaints)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&files);
    if (failed != 0) {
        return failed;
    }
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = set_attributes(&attributes);
        failed = failed != 0 ? failed : set_files(&files, output, complaints);
        failed = failed != 0 ? failed
                             : posix_spawnp(ret_pid, words[0], &files, &attributes, words, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return failed;
}

/* A pipe whose ends are above the child's 0, 1 and 2, or its dup2 would step on them. */
static int open_pipe(int pipe_fds[2])
{
    int low[2];
    if (pipe2(low, O_CLOEXEC) != 0) {
        return errno;
    }
    pipe_fds[0] = fcntl(low[0], F_DUPFD_CLOEXEC, 3);
    pipe_fds[1] = fcntl(low[1], F_DUPFD_CLOEXEC, 3);
    int failed = pipe_fds[0] < 0 || pipe_fds[1] < 0 ? errno : 0;
    close_pipe(low);
    return failed;
}

static enum weir_status child_start(struct child *child, char *const *words, struct weir_error *err)
{
    int output[2] = {-1, -1}, complaints[2] = {-1, -1};
    buf_init(&child->output, FETCH_ANSWER_BYTES_MAX);
    buf_init(&child->complaints, COMPLAINT_BYTES_MAX);
    int failed = open_pipe(output);
    failed = failed != 0 ? failed : open_pipe(complaints);
    failed = failed != 0 ? failed : spawn(&child->pid, words, output[1], complaints[1]);
    if (failed != 0) {
        close_pipe(output);
        close_pipe(complaints);
        return error_set(err, WEIR_CREDENTIALS, "%s: cannot start %.100s: %s", WHO, words[0],
                         strerror(failed));
    }
    (void)close(output[1]);
    (void)close(complaints[1]);
    child->pipes[0] = (struct pollfd){.fd = output[0], .events = POLLIN};
    child->pipes[1] = (struct pollfd){.fd = complaints[0], .events = POLLIN};
    return WEIR_OK;
}

static void pipe_end(struct pollfd *pipe)
{
    if (pipe->fd >= 0) {
        (void)close(pipe->fd);
        pipe->fd = -1;
    }
}

/* What does not fit of the complaints is dropped; what does not fit of the output is an error, by
 * the buffer's status. */
static void pipe_read(struct pollfd *pipe, struct buf *to)
{
    uint8_t part[4096];
    ssize_t got = read(pipe->fd, part, sizeof(part));
    if (got > 0) {
        buf_put(to, bytes_of(part, (size_t)got));
        explicit_bzero(part, (size_t)got);
    } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
        pipe_end(pipe);
    }
}

/* Until the child has closed its output: what it leaves in the background may hold its complaints'
 * pipe open. */
static enum weir_status child_read(struct credentials_fetch *fetch, struct child *child,
                                   struct weir_error *err)
{
    uint64_t start = env_mono_ns(fetch->env);
    while (child->pipes[0].fd >= 0) {
        uint64_t spent_ms = (env_mono_ns(fetch->env) - start) / 1000000;
        if (atomic_load(&fetch->stopped)) {
            return error_set(err, WEIR_CLOSED, "%s: the client was closed", WHO);
        }
        if (spent_ms >= fetch->process_timeout_ms) {
            return error_set(err, WEIR_CREDENTIALS, "%s did not end within %u ms and was killed",
                             WHO, fetch->process_timeout_ms);
        }
        if (poll(child->pipes, 2, SLICE_MS) <= 0) {
            continue;
        }
        if (child->pipes[0].revents != 0) {
            pipe_read(&child->pipes[0], &child->output);
        }
        if (child->pipes[1].fd >= 0 && child->pipes[1].revents != 0) {
            pipe_read(&child->pipes[1], &child->complaints);
        }
        if (buf_status(&child->output) != WEIR_OK) {
            return error_set(err, WEIR_CREDENTIALS, "%s printed more than %zu bytes", WHO,
                             FETCH_ANSWER_BYTES_MAX);
        }
    }
    return WEIR_OK;
}

/* Waits as long as reading may; then it is killed. A child that the program reaped for us has
 * nothing to say but its output: it counts as ended well. */
static int child_reap(struct credentials_fetch *fetch, const struct child *child, bool kill_it)
{
    int status = 0;
    uint64_t start = env_mono_ns(fetch->env);
    for (;;) {
        uint64_t spent_ms = (env_mono_ns(fetch->env) - start) / 1000000;
        if (kill_it || atomic_load(&fetch->stopped) || spent_ms >= fetch->process_timeout_ms) {
            (void)kill(-child->pid, SIGKILL);
            kill_it = true;
        }
        pid_t got = waitpid(child->pid, &status, kill_it ? 0 : WNOHANG);
        if (got == child->pid) {
            return status;
        }
        if (got < 0 && errno != EINTR) {
            return 0;
        }
        (void)poll(NULL, 0, kill_it ? 0 : 1);
    }
}

/* The first line of what it complained about, for people. */
static void first_line(struct buf *complaints, char to[161])
{
    size_t len = 0;
    for (size_t i = 0; i < complaints->len && complaints->ptr[i] != '\n' && len < 160; i++) {
        uint8_t c = complaints->ptr[i];
        to[len++] = c < ' ' || c == 127 ? '?' : (char)c;
    }
    to[len] = '\0';
}

static enum weir_status exit_failure(struct child *child, int exit, struct weir_error *err)
{
    char line[161];
    first_line(&child->complaints, line);
    if (WIFSIGNALED(exit)) {
        return error_set(err, WEIR_CREDENTIALS, "%s was ended by signal %d", WHO, WTERMSIG(exit));
    }
    return error_set(err, WEIR_CREDENTIALS, "%s ended with exit status %d%s%s", WHO,
                     WEXITSTATUS(exit), line[0] == '\0' ? "" : ": ", line);
}

/* ---- the answer --------------------------------------------------------------------------------
 */

static enum weir_status read_output(const struct child *child, struct credentials **ret,
                                    struct weir_error *err)
{
    static const struct credentials_names names = {
        .access_key_id = "AccessKeyId",
        .secret_access_key = "SecretAccessKey",
        .session_token = "SessionToken",
        .expiration = "Expiration",
        .version_1 = true,
    };
    enum weir_status status =
        credentials_from_json(buf_bytes(&child->output), NULL, &names, WHO, ret, err);
    return status == WEIR_PROTOCOL ? error_set(err, WEIR_CREDENTIALS, "%s", err->message) : status;
}

static enum weir_status run(struct credentials_fetch *fetch, char *const *words,
                            struct credentials **ret, struct weir_error *err)
{
    struct child child = {.pid = -1};
    enum weir_status status = child_start(&child, words, err);
    if (status == WEIR_OK) {
        status = child_read(fetch, &child, err);
        int exit = child_reap(fetch, &child, status != WEIR_OK);
        if (status == WEIR_OK && child.pipes[1].fd >= 0 && poll(&child.pipes[1], 1, 0) > 0) {
            pipe_read(&child.pipes[1], &child.complaints);
        }
        if (status == WEIR_OK) {
            status = exit == 0 ? read_output(&child, ret, err) : exit_failure(&child, exit, err);
        }
        pipe_end(&child.pipes[0]);
        pipe_end(&child.pipes[1]);
    }
    secret_buf_fini(&child.output);
    secret_buf_fini(&child.complaints);
    return status;
}

/* ---- the source --------------------------------------------------------------------------------
 */

static enum weir_status process_find(const struct credentials_scope *scope, bool *ret_found,
                                     char why[FINDING_MAX], struct weir_error *err)
{
    char *words[WORDS_MAX];
    char *command = settings_of_profile(scope->settings, scope->profile, "credential_process");
    bool usable = command == NULL || process_split(command, words, WORDS_MAX);
    *ret_found = command != NULL;
    (void)snprintf(why, FINDING_MAX, "the profile \"%.60s\" has %s credential_process%s%.100s",
                   scope->profile, command == NULL ? "no" : "the", command == NULL ? "" : " ",
                   command == NULL || !usable ? "" : words[0]);
    free(command);
    return usable ? WEIR_OK
                  : error_set(err, WEIR_CONFIG,
                              "the credential_process of the profile \"%s\" has an open quote, or "
                              "more than %d words",
                              scope->profile, WORDS_MAX - 1);
}

static enum weir_status process_fetch(struct credentials_fetch *fetch,
                                      const struct credentials_scope *scope,
                                      struct credentials **ret, struct weir_error *err)
{
    char *words[WORDS_MAX];
    char *command = settings_of_profile(scope->settings, scope->profile, "credential_process");
    enum weir_status status = command == NULL || !process_split(command, words, WORDS_MAX)
                                  ? error_set(err, WEIR_NO_MEMORY, "out of memory for credentials")
                                  : run(fetch, words, ret, err);
    secret_free(command);
    return status;
}

const struct credentials_provider credentials_process = {
    .name = "custom-process",
    .of_profile = true,
    .find = process_find,
    .fetch = process_fetch,
};
