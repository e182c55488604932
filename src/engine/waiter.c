/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits at the tip of a shard. The newest record of each shard is compared and the waiter is
 * linked under one lock, and a commit moves the newest record under the same lock before it looks
 * for waiters: so no wake is lost. Shard numbers are dense, and only grow.
 *
 * A closed shard has UINT64_MAX as its newest, so nobody starts to wait there; nor does anybody
 * once the engine stops: engine_wait answers false, and the caller has to look at what it follows
 * again.
 */
#include "engine/internal.h"

#include <stdlib.h>

static struct engine_waiter *waiter_of(struct mail *mail)
{
    return (struct engine_waiter *)((char *)mail - offsetof(struct engine_waiter, mail));
}

bool waiters_add_shards(struct engine *engine, uint32_t number_max)
{
    pthread_mutex_lock(&engine->wait_mu);
    uint32_t count = number_max + 1;
    bool grown = count <= engine->shard_newest_count;
    if (!grown) {
        uint64_t *bigger =
            realloc(engine->shard_newest, (size_t)count * sizeof(*engine->shard_newest));
        grown = bigger != NULL;
        for (uint32_t i = engine->shard_newest_count; grown && i < count; i++) {
            bigger[i] = 0;
        }
        engine->shard_newest = grown ? bigger : engine->shard_newest;
        engine->shard_newest_count = grown ? count : engine->shard_newest_count;
    }
    pthread_mutex_unlock(&engine->wait_mu);
    return grown;
}

bool engine_wait(struct engine *engine, struct engine_waiter *waiter)
{
    uint32_t number = waiter->shard_number;
    bool earlier = false;
    pthread_mutex_lock(&engine->wait_mu);
    bool waits = !engine->waiters_closed && number < engine->shard_newest_count &&
                 engine->shard_newest[number] < waiter->from_seq;
    if (waits) {
        struct mail **bucket = &engine->waiters[number % WAITER_BUCKETS];
        waiter->mail.next = *bucket;
        *bucket = &waiter->mail;
        earlier = waiter->deadline_ns < engine->next_deadline_ns;
        engine->next_deadline_ns = earlier ? waiter->deadline_ns : engine->next_deadline_ns;
    }
    pthread_mutex_unlock(&engine->wait_mu);
    if (earlier) {
        pthread_mutex_lock(&engine->queue_mu);
        thread_wake_locked(engine);
        pthread_mutex_unlock(&engine->queue_mu);
    }
    return waits;
}

/* Moves the waiters that are due from one bucket to `fired`, and lowers *nearest_ns to the nearest
 * deadline of those that stay. @locks wait_mu is held */
static void take_due(struct engine *engine, struct mail **bucket, uint64_t now_ns,
                     struct mail **fired, uint64_t *nearest_ns)
{
    struct mail **at = bucket;
    while (*at != NULL) {
        struct mail *mail = *at;
        const struct engine_waiter *waiter = waiter_of(mail);
        if (waiter->deadline_ns <= now_ns ||
            engine->shard_newest[waiter->shard_number] >= waiter->from_seq) {
            *at = mail->next;
            mail->next = *fired;
            *fired = mail;
            continue;
        }
        *nearest_ns = waiter->deadline_ns < *nearest_ns ? waiter->deadline_ns : *nearest_ns;
        at = &mail->next;
    }
}

/* Each waiter may be gone, or wait again, once its fn is called. */
static void call(struct mail *fired)
{
    while (fired != NULL) {
        struct engine_waiter *waiter = waiter_of(fired);
        fired = fired->next;
        waiter->fn(waiter);
    }
}

void waiters_wake(struct engine *engine, const struct shard_touch *shards, uint32_t count)
{
    if (count == 0) {
        return;
    }
    struct mail *fired = NULL;
    uint64_t nearest_ns = UINT64_MAX; /* of single buckets: next_deadline_ns stays a lower bound */
    pthread_mutex_lock(&engine->wait_mu);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t *newest = &engine->shard_newest[shards[i].number];
        *newest = shards[i].newest_seq > *newest ? shards[i].newest_seq : *newest;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct mail **bucket = &engine->waiters[shards[i].number % WAITER_BUCKETS];
        if (*bucket != NULL) {
            take_due(engine, bucket, 0, &fired, &nearest_ns);
        }
    }
    pthread_mutex_unlock(&engine->wait_mu);
    call(fired);
}

void waiters_expire(struct engine *engine)
{
    uint64_t now_ns = env_mono_ns(engine->env);
    struct mail *fired = NULL;
    pthread_mutex_lock(&engine->wait_mu);
    if (engine->next_deadline_ns <= now_ns) {
        uint64_t nearest_ns = UINT64_MAX;
        for (size_t i = 0; i < WAITER_BUCKETS; i++) {
            take_due(engine, &engine->waiters[i], now_ns, &fired, &nearest_ns);
        }
        engine->next_deadline_ns = nearest_ns;
    }
    pthread_mutex_unlock(&engine->wait_mu);
    call(fired);
}

void engine_end_waits(struct engine *engine)
{
    struct mail *fired = NULL;
    uint64_t nearest_ns = UINT64_MAX;
    pthread_mutex_lock(&engine->wait_mu);
    engine->waiters_closed = true;
    for (size_t i = 0; i < WAITER_BUCKETS; i++) {
        take_due(engine, &engine->waiters[i], UINT64_MAX, &fired, &nearest_ns);
    }
    engine->next_deadline_ns = UINT64_MAX;
    pthread_mutex_unlock(&engine->wait_mu);
    call(fired);
}

uint64_t waiters_deadline_ns(struct engine *engine)
{
    pthread_mutex_lock(&engine->wait_mu);
    uint64_t deadline_ns = engine->next_deadline_ns;
    pthread_mutex_unlock(&engine->wait_mu);
    return deadline_ns;
}
