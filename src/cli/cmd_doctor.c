/* SPDX-License-Identifier: Apache-2.0 */

/* weir doctor: what the program would use, whether it works, and what to do where it does not. */

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "aws/probe.h"
#include "base/error.h"
#include "cli/doctor.h"

#define ARENA_BYTES ((size_t)32 * 1024 * 1024)
#define BOUND_STEPS 10 /* of their time-out, for the whole */

const struct cli_option cmd_doctor_options[] = {
    {"data", 'd', "DIR", "folder of the engine's data (.weir)"},
    {"offline", 0, NULL, "only what can be known without any traffic"},
    {0},
};

static struct doctor doctor; /* outlives a thread that is given up */

static void *run_live(void *arg)
{
    doctor_live(arg);
    return NULL;
}

static const char *step_now(void)
{
    pthread_mutex_lock(&doctor.mu);
    const char *step = doctor.step;
    pthread_mutex_unlock(&doctor.mu);
    return step == NULL ? "starting" : step;
}

/* Whether it ended in time. */
static bool run_bounded(void)
{
    pthread_t thread;
    struct timespec until;
    int failed = pthread_create(&thread, NULL, run_live, &doctor);
    if (failed != 0) {
        doctor_add(&doctor, "time", "thread", DOCTOR_FAIL, "Raise the limit of threads.",
                   "cannot start a thread: %s", strerror(failed));
        return true;
    }
    (void)clock_gettime(CLOCK_REALTIME, &until);
    uint64_t bound_ms = (uint64_t)doctor.step_ms * BOUND_STEPS;
    until.tv_nsec += (long)(bound_ms % 1000) * 1000000L;
    until.tv_sec += (time_t)(bound_ms / 1000) + until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    if (pthread_timedjoin_np(thread, NULL, &until) == 0) {
        return true;
    }
    doctor_add(&doctor, "time", "bound", DOCTOR_FAIL,
               "Look at what this step needs; --offline shows the rest.",
               "given up after %.1f s while %s", (double)bound_ms / 1000.0, step_now());
    return false;
}

static void show_libraries(void)
{
    doctor_add(&doctor, "versions", "weir", DOCTOR_NOTE, NULL, "%s", weir_version());
    doctor_add(&doctor, "versions", "libraries", DOCTOR_NOTE, NULL, "%s", aws_probe_libraries());
}

int cmd_doctor(const struct cli_args *args)
{
    struct weir_error err = {0};
    bool ended = true;
    doctor.args = args;
    doctor.arena = arena_new(ARENA_BYTES);
    (void)pthread_mutex_init(&doctor.mu, NULL);
    if (doctor.arena == NULL) {
        return cli_fail(args, error_set(&err, WEIR_NO_MEMORY, "no memory"), &err);
    }
    doctor_settings(&doctor);
    doctor_data_folder(&doctor);
    if (!cli_has(args, "offline")) {
        ended = run_bounded();
    }
    show_libraries();
    bool good = doctor_print(&doctor);
    int code = doctor.invalid ? cli_exit_code(WEIR_CONFIG) : good ? 0 : 1;
    if (!ended) {
        _exit(cli_finish(code)); /* the thread still uses what ending would free */
    }
    aws_config_fini(&doctor.aws);
    arena_free(doctor.arena);
    return code;
}
