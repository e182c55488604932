/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_DOCTOR_H
#define WEIR_CLI_DOCTOR_H

/*
 * weir doctor: findings, each with what a person does about it. Those of the settings are made at
 * once; those that ask somebody are made in a thread that is given up when its time is over, so
 * that nothing outside can hold the command.
 *
 *     cmd_doctor.c       the order of things, the bound
 *     doctor_report.c    findings, and how they are shown
 *     doctor_settings.c  configuration, endpoint, region, credentials: no traffic
 *     doctor_live.c      endpoint, clock, credentials, tables
 *     doctor_places.c    sinks, data folder
 *
 * No finding holds a secret: key ids are shortened, passwords never read.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "aws/config.h"
#include "cli/cli.h"
#include "cli/config.h"

enum doctor_state {
    DOCTOR_OK,
    DOCTOR_WARN,
    DOCTOR_FAIL,
    DOCTOR_NOTE, /* says how things are, asks for nothing */
};

#define DOCTOR_FINDINGS_MAX 256

struct doctor_finding {
    const char *area; /* "endpoint"; static */
    char name[80];
    enum doctor_state state;
    char text[384];
    char repair[256]; /* one sentence; "" when there is nothing to do */
};

struct doctor {
    /* Immutable once the thread runs. */
    const struct cli_args *args;
    struct arena *arena;
    struct config *config;              /* NULL: none, or invalid */
    struct weir_client_options options; /* of the client */
    struct aws_config aws;              /* zeroed: none, or the endpoint is in this process */
    bool local;                         /* a server on this machine, over plain HTTP */
    atomic_bool invalid;                /* the configuration is wrong: exit code 78 */
    uint32_t step_ms;                   /* for each step of the live part */

    pthread_mutex_t mu;
    struct doctor_finding findings[DOCTOR_FINDINGS_MAX]; /* under mu */
    unsigned finding_count;                              /* under mu */
    const char *step; /* under mu: what the thread does now; static */
};

/* Adds one; further ones than there is room for are dropped. `repair` NULL: none. @thread any */
void doctor_add(struct doctor *doctor, const char *area, const char *name, enum doctor_state state,
                const char *repair, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* Says what comes now, for when it does not end. */
void doctor_step(struct doctor *doctor, const char *step);
/* Shows all; whether none failed. */
bool doctor_print(struct doctor *doctor);

/* "AKIA...MPLE". */
#define DOCTOR_KEY_ID_MAX 16
void doctor_short_key_id(const char *key_id, char to[DOCTOR_KEY_ID_MAX]);

void doctor_settings(struct doctor *doctor);
void doctor_live(struct doctor *doctor);
void doctor_sinks(struct doctor *doctor);
void doctor_data_folder(struct doctor *doctor);

#endif
