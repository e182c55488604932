/* SPDX-License-Identifier: Apache-2.0 */
/* The threads that may block: a queue under one mutex. */
#include "server/pool.h"

#include "base/error.h"

#include <stdlib.h>

/* The next job, waiting for it; NULL when stopped and drained. */
static struct pool_job *pool_take(struct pool *pool)
{
    pthread_mutex_lock(&pool->mu);
    while (pool->first == NULL && !pool->is_stopping) {
        pthread_cond_wait(&pool->changed, &pool->mu);
    }
    struct pool_job *job = pool->first;
    if (job != NULL) {
        pool->first = job->next;
        if (pool->first == NULL) {
            pool->last = &pool->first;
        }
    }
    pthread_mutex_unlock(&pool->mu);
    return job;
}

static void *pool_thread(void *arg)
{
    struct pool *pool = arg;
    struct gzip gzip = {0};
    for (struct pool_job *job = pool_take(pool); job != NULL; job = pool_take(pool)) {
        job->fn(job, &gzip);
    }
    gzip_fini(&gzip);
    return NULL;
}

enum weir_status pool_start(struct pool *pool, uint32_t threads, struct weir_error *err)
{
    *pool = (struct pool){0};
    pool->last = &pool->first;
    pool->threads = calloc(threads, sizeof(*pool->threads));
    if (pool->threads == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for %u threads", threads);
    }
    WEIR_ASSERT(pthread_mutex_init(&pool->mu, NULL) == 0);
    WEIR_ASSERT(pthread_cond_init(&pool->changed, NULL) == 0);
    for (uint32_t i = 0; i < threads; i++) {
        if (pthread_create(&pool->threads[i], NULL, pool_thread, pool) != 0) {
            pool_stop(pool);
            return error_set(err, WEIR_IO, "cannot start a thread: too many threads or processes");
        }
        (void)pthread_setname_np(pool->threads[i], "weir-block"); /* only seen by people */
        pool->thread_count++;
    }
    return WEIR_OK;
}

void pool_stop(struct pool *pool)
{
    if (pool->threads == NULL) {
        return;
    }
    pthread_mutex_lock(&pool->mu);
    pool->is_stopping = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->mu);
    for (uint32_t i = 0; i < pool->thread_count; i++) {
        (void)pthread_join(pool->threads[i], NULL);
    }
    (void)pthread_cond_destroy(&pool->changed);
    (void)pthread_mutex_destroy(&pool->mu);
    free(pool->threads);
    *pool = (struct pool){0};
}

void pool_put(struct pool *pool, struct pool_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&pool->mu);
    *pool->last = job;
    pool->last = &job->next;
    pthread_cond_signal(&pool->changed);
    pthread_mutex_unlock(&pool->mu);
}
