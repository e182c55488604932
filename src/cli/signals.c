/* SPDX-License-Identifier: Apache-2.0 */

/*
 * SIGINT and SIGTERM: blocked everywhere, taken by one thread, so that what a stop does is ordinary
 * code and not a handler's.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cli.h"

static void (*stop_fn)(void *arg); /* written before the thread starts */
static void *stop_arg;

static void *take_signals(void *unused)
{
    (void)unused;
    sigset_t set;
    int signal = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (sigwait(&set, &signal) == 0) {
        stop_fn(stop_arg);
    }
    if (sigwait(&set, &signal) == 0) {
        _exit(signal == SIGINT ? 130 : 143);
    }
    return NULL;
}

enum weir_status cli_on_stop(void (*stop)(void *arg), void *arg, struct weir_error *err)
{
    sigset_t set;
    pthread_t thread;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    int failed = pthread_sigmask(SIG_BLOCK, &set, NULL);
    stop_fn = stop;
    stop_arg = arg;
    if (failed == 0) {
        failed = pthread_create(&thread, NULL, take_signals, NULL);
    }
    if (failed != 0) {
        return error_set(err, WEIR_IO, "cannot wait for signals: %s", strerror(failed));
    }
    (void)pthread_detach(thread);
    return WEIR_OK;
}
