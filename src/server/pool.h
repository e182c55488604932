/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SERVER_POOL_H
#define WEIR_SERVER_POOL_H

/* A few threads that may block, and one queue of jobs for them, first in, first out. */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/gzip.h"
#include "weir/error.h"

/* The caller's storage, the pool's from pool_put until fn is called. */
struct pool_job {
    struct pool_job *next;
    void (*fn)(struct pool_job *job, struct gzip *gzip); /* gzip: the thread's own */
};

struct pool {
    pthread_mutex_t mu;
    pthread_cond_t changed;
    struct pool_job *first; /* under mu */
    struct pool_job **last; /* under mu */
    bool is_stopping;       /* under mu */
    pthread_t *threads;     /* immutable after start */
    uint32_t thread_count;
};

enum weir_status pool_start(struct pool *pool, uint32_t threads, struct weir_error *err);
/* Runs what is queued, then ends. Accepts a zeroed one. */
void pool_stop(struct pool *pool);
void pool_put(struct pool *pool, struct pool_job *job); /* @thread any */

#endif
