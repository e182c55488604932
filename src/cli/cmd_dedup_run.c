/* SPDX-License-Identifier: Apache-2.0 */

/*
 * weir dedup run: a command around which a message is claimed.
 *
 *     claim ─► command, the lease renewed beside it ─► exit 0: complete
 *                                                  └─► else:   release
 *
 * A command that does not end the message (it failed, it was killed, its lease was lost) is run
 * again with the next delivery.
 */

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/cmd_dedup.h"

#define LEASE_MS 60000
#define EXIT_NOT_RUN 127
#define EXIT_SIGNALLED 128

const struct cli_option cmd_dedup_run_options[] = {
    CLI_DEDUP_TABLE,
    {"lease", 0, "TIME", "renewed while the command runs; outlives a crash so long (60s)"},
    {"retention", 0, "TIME", "how long it is remembered: 1h, 7d (1h)"},
    {0},
};

struct run {
    struct weir_dedup *dedup;
    struct weir_dedup_id id;
    struct weir_claim claim;
    uint32_t lease_ms;
    pthread_t renewer;
    sem_t over;
};

static _Atomic pid_t child; /* 0: none that may be signalled */
static atomic_bool stopped; /* set before `child` is read, which is set before this is read */

static void end_child(void)
{
    pid_t pid = child;
    if (pid > 0) {
        (void)kill(pid, SIGTERM);
    }
}

/* @thread that of signals */
static void stop(void *arg)
{
    (void)arg;
    stopped = true;
    end_child();
}

static void *renew(void *arg)
{
    struct run *run = arg;
    for (;;) {
        struct timespec until;
        int64_t until_ms = 0;
        struct weir_error err = {0};
        uint64_t step_ms = run->lease_ms / 3 + 1;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += (long)(step_ms % 1000) * 1000000L;
        until.tv_sec += (time_t)(step_ms / 1000) + until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (sem_timedwait(&run->over, &until) == 0) {
            return NULL;
        }
        if (errno == ETIMEDOUT &&
            weir_dedup_renew(run->dedup, &run->id, run->claim.token, &until_ms, &err) != WEIR_OK) {
            log_event(LOG_WARN, "the lease could not be renewed", "worker", run->id.worker,
                      "message_id", run->id.message, "error", err.message, NULL);
        }
    }
}

/* Signals as the command would have them without us. */
static enum weir_status spawn(char *const argv[], struct weir_error *err)
{
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    pid_t pid = 0;
    (void)sigemptyset(&none);
    (void)sigemptyset(&usual);
    (void)sigaddset(&usual, SIGPIPE);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &usual);
    int failed = posix_spawnp(&pid, argv[0], NULL, &attributes, argv, environ);
    (void)posix_spawnattr_destroy(&attributes);
    if (failed != 0) {
        return error_set(err, WEIR_IO, "%.200s: %s", argv[0], strerror(failed));
    }
    child = pid;
    if (stopped) {
        end_child();
    }
    return WEIR_OK;
}

/* The command's exit code, as a shell has it. Its pid is forgotten before it can be another's. */
static int wait_for_child(void)
{
    int status = 0;
    siginfo_t info;
    pid_t pid = child;
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
    }
    child = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? EXIT_SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_command(const struct cli_args *args, struct run *run, char *const argv[],
                       struct weir_error *err)
{
    (void)sem_init(&run->over, 0, 0);
    enum weir_status status = spawn(argv, err);
    if (status != WEIR_OK) {
        (void)cli_fail(args, status, err);
        return EXIT_NOT_RUN;
    }
    bool renews = pthread_create(&run->renewer, NULL, renew, run) == 0;
    int code = wait_for_child();
    if (renews) {
        (void)sem_post(&run->over);
        (void)pthread_join(run->renewer, NULL);
    }
    return code;
}

/* What becomes of the message. */
static enum weir_status settle(const struct run *run, int code, struct weir_error *err)
{
    if (code == 0) {
        return weir_dedup_complete(run->dedup, &run->id, run->claim.token, NULL, 0, err);
    }
    struct weir_error ignored = {0}; /* the lease ends by itself */
    (void)weir_dedup_release(run->dedup, &run->id, run->claim.token, &ignored);
    return WEIR_OK;
}

static int not_acquired(const struct cli_args *args, const struct weir_claim *claim,
                        const struct weir_dedup_id *id)
{
    bool done = claim->outcome == WEIR_CLAIM_COMPLETED;
    if (cli_json(args)) {
        fprintf(stderr, "{\"outcome\":\"%s\"}\n", dedup_outcome_name(claim->outcome));
    } else if (!done || !cli_has(args, "quiet")) {
        fprintf(stderr, "weir: %s %s: %s\n", id->worker, id->message,
                done ? "processed before; not run"
                     : "another claim holds it, or it failed and waits; not run");
    }
    return done ? 0 : cli_exit_code(WEIR_LOCK_HELD);
}

static enum weir_status begin(struct run *run, struct dedup_session *s, const struct cli_args *args,
                              struct weir_error *err)
{
    int64_t lease_ms = LEASE_MS;
    struct weir_claim_request request = {.id = {0}};
    if (args->word_count < 3) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "weir dedup run WORKER MESSAGE -- COMMAND...: all three are needed");
    }
    run->id = (struct weir_dedup_id){args->words[0], strlen(args->words[0]), args->words[1],
                                     strlen(args->words[1])};
    request.id = run->id;
    enum weir_status status = cli_on_stop(stop, NULL, err);
    if (status == WEIR_OK) {
        status = cli_get_duration(args, "lease", 1, INT32_MAX, LEASE_MS, &lease_ms, err);
    }
    run->lease_ms = (uint32_t)lease_ms;
    if (status == WEIR_OK) {
        status = dedup_session_open(s, args, true, err);
    }
    run->dedup = s->dedup;
    return status == WEIR_OK ? weir_dedup_claim(s->dedup, &request, &run->claim, err) : status;
}

int cmd_dedup_run(const struct cli_args *args)
{
    struct dedup_session s = {0};
    struct run run = {0};
    struct weir_error err = {0};
    char *argv[CLI_WORDS_MAX + 1] = {NULL};
    int code = 0;
    for (unsigned i = 2; i < args->word_count; i++) {
        argv[i - 2] = (char *)(uintptr_t)args->words[i];
    }
    enum weir_status status = begin(&run, &s, args, &err);
    if (status == WEIR_OK && run.claim.outcome != WEIR_CLAIM_ACQUIRED) {
        code = not_acquired(args, &run.claim, &run.id);
    } else if (status == WEIR_OK) {
        code = run_command(args, &run, argv, &err);
        status = settle(&run, code, &err);
    }
    weir_free(run.claim.result);
    dedup_session_close(&s);
    return status == WEIR_OK ? code : cli_fail(args, status, &err);
}
