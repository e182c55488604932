/* SPDX-License-Identifier: Apache-2.0 */

/* The client's counters, looked at now and then: attempts fail, and for a while none was good. */

#include "cli/patience.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"
#include "base/log.h"

#define LOOK_MS 250
#define SILENCE_NS 1000000000u

/* One per process, as the client whose calls a command waits for. */
static struct {
    struct weir_client *client; /* NULL: nobody watches */
    bool on_terminal;           /* otherwise: a debug line */
    pthread_t thread;
    sem_t over;
} watch;

bool patience_wait(sem_t *over, unsigned ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    return sem_timedwait(over, &until) == 0;
}

/* Attempts that the client repeats. */
static uint64_t repeated(const struct weir_counters *c)
{
    return c->throttled + c->timed_out + c->unreachable + c->server_errors;
}

static const char *reason(const struct weir_counters *now, const struct weir_counters *before)
{
    return now->unreachable > before->unreachable ? "the service cannot be reached"
           : now->timed_out > before->timed_out   ? "the service does not answer in time"
           : now->throttled > before->throttled   ? "the service throttles"
                                                  : "the service answers with errors";
}

static void say(const char *why)
{
    if (watch.on_terminal) {
        fprintf(stderr, "\r\033[Kweir: %s; trying again\n", why);
    } else {
        log_event(LOG_DEBUG, "trying again", "reason", why, NULL);
    }
}

static void *run(void *unused)
{
    struct weir_counters good = WEIR_COUNTERS_INIT; /* when an attempt was good for the last time */
    uint64_t failing_since_ns = 0;                  /* 0: nothing failed since */
    bool said = false;
    (void)unused;
    while (!patience_wait(&watch.over, LOOK_MS)) {
        struct weir_counters now = WEIR_COUNTERS_INIT;
        uint64_t now_ns = env_mono_ns(env_system());
        (void)weir_client_counters(watch.client, &now);
        if (now.attempts - repeated(&now) != good.attempts - repeated(&good)) {
            good = now;
            failing_since_ns = 0;
            said = false;
        } else if (failing_since_ns == 0 && repeated(&now) > repeated(&good)) {
            failing_since_ns = now_ns;
        } else if (failing_since_ns != 0 && !said && now_ns - failing_since_ns >= SILENCE_NS) {
            say(reason(&now, &good));
            said = true;
        }
    }
    return NULL;
}

void patience_start(const struct cli_args *args, struct weir_client *client)
{
    watch.on_terminal = isatty(STDERR_FILENO) && !cli_has(args, "quiet") && !cli_json(args);
    if (watch.client != NULL || (!watch.on_terminal && !log_enabled(LOG_DEBUG))) {
        return;
    }
    (void)sem_init(&watch.over, 0, 0);
    watch.client = client;
    if (pthread_create(&watch.thread, NULL, run, NULL) != 0) {
        watch.client = NULL; /* it is silent, then */
    }
}

void patience_end(const struct weir_client *client)
{
    if (client != NULL && watch.client == client) {
        (void)sem_post(&watch.over);
        (void)pthread_join(watch.thread, NULL);
        (void)sem_destroy(&watch.over);
        watch.client = NULL;
    }
}
