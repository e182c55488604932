/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BASE_FAULT_H
#define WEIR_BASE_FAULT_H

/*
 * Named fault points: places where tests make the real program fail. One table; a point that is
 * not armed costs one load of a global. Armed from WEIR_FAULTS in the environment,
 *
 *     WEIR_FAULTS=relay.after_publish=kill@3,client.before_send=error@1
 *
 * as <point>=<action>@<n>: at the n-th passage (from 1), `kill` ends the process with SIGKILL,
 * `error` makes fault_hit return true once, `errors` returns true from then on, and `stop` raises
 * SIGSTOP. An unknown point or action ends the program at start with exit code 64.
 */

#include <stdbool.h>

#include "weir/error.h"

#define FAULT_TABLE(X)                                  \
    X(ENGINE_BEFORE_COMMIT, "engine.before_commit")     \
    X(ENGINE_AFTER_COMMIT, "engine.after_commit")       \
    X(KV_COMMIT, "kv.commit")                           \
    X(SERVER_BEFORE_ANSWER, "server.before_answer")     \
    X(CLIENT_BEFORE_SEND, "client.before_send")         \
    X(CLIENT_AFTER_ANSWER, "client.after_answer")       \
    X(FEED_BEFORE_CHECKPOINT, "feed.before_checkpoint") \
    X(FEED_AFTER_CHECKPOINT, "feed.after_checkpoint")   \
    X(RELAY_BEFORE_PUBLISH, "relay.before_publish")     \
    X(RELAY_AFTER_PUBLISH, "relay.after_publish")       \
    X(RELAY_AFTER_MARK, "relay.after_mark")             \
    X(SINK_SUBMIT, "sink.submit")

enum fault_point {
#define FAULT_ENUM(name, text) FAULT_##name,
    FAULT_TABLE(FAULT_ENUM)
#undef FAULT_ENUM
        FAULT_COUNT
};

extern unsigned fault_armed_count; /* written by fault_arm before threads start */

bool fault_hit_slow(enum fault_point point);

/* Passes the point; true when the caller must fail here as if what follows had failed. */
static inline bool fault_hit(enum fault_point point)
{
    return __builtin_expect(fault_armed_count != 0, 0) && fault_hit_slow(point);
}

/* Arms from a text as above (NULL or "": nothing). WEIR_INVALID_ARGUMENT names what is wrong and
 * lists the points. Call before threads start; again to replace. */
enum weir_status fault_arm(const char *text, struct weir_error *err);

#endif
