/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SINK_SINK_H
#define WEIR_SINK_SINK_H

/*
 * The drivers that come with weir, and the choice among them by name. One file per destination
 * (sink_stdout.c, sink_file.c, sink_redis.c); what several need (the JSON line of a message) stands
 * once in message_json.c.
 */

#include "base/loop.h"
#include "weir/sink.h"

/* One option of a driver, from the configuration or the command line: text only. */
struct sink_setting {
    const char *name;
    const char *value;
};

struct sink_kind {
    const char *name;            /* "redis" */
    const char *summary;         /* for help: one line */
    const char *const *settings; /* names that open() takes, NULL ends */
    /* Opens; `settings` end with {NULL, NULL}. WEIR_CONFIG names the setting that is missing or
     * wrong and what would be right. Does not wait for the sink to be reachable. */
    enum weir_status (*open)(struct loop *loop, const struct sink_setting *settings,
                             struct weir_sink_driver *ret_driver, struct weir_error *err);
};

/* The kinds that are built in, by index from 0; NULL behind the last. */
const struct sink_kind *sink_kind_at(size_t index);
/* NULL when there is none of that name. */
const struct sink_kind *sink_kind_find(struct weir_bytes name);

/* Set by whoever submits: weir_sink_complete calls it. */
struct sink_submission {
    struct weir_sink_batch batch;                          /* first: what the driver sees */
    void (*completed)(struct sink_submission *submission); /* any thread */
    void *arg;
};

#endif
