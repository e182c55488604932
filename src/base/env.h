/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BASE_ENV_H
#define WEIR_BASE_ENV_H

/*
 * Clock and chance, as an interface: core code gets them from here and never from the system, so
 * that a whole installation can run under a virtual clock and a seed.
 */

#include "base/bytes.h"

struct weir_env {
    /* Wall clock, milliseconds since the epoch: for what is stored or sent. Any thread. */
    int64_t (*wall_ms)(struct weir_env *env);
    /* Monotonic clock, nanoseconds from an arbitrary start: for timers. Any thread. */
    uint64_t (*mono_ns)(struct weir_env *env);
    /* Fills with unpredictable bytes. Any thread. */
    void (*random)(struct weir_env *env, void *to, size_t size);
    /* Holds the calling thread: for synchronous callers that must wait, never on a loop. */
    void (*sleep_ms)(struct weir_env *env, uint64_t ms);
};

/* The system's clocks and getrandom. Static; never freed. */
struct weir_env *env_system(void);

/* A clock that tests turn (sleeping turns it too), and chance from a seed. Any thread; free with
 * env_fake_free. */
struct weir_env *env_fake_new(uint64_t seed, int64_t wall_ms);
void env_fake_advance(struct weir_env *env, int64_t ms);
void env_fake_free(struct weir_env *env);

static inline int64_t env_wall_ms(struct weir_env *env)
{
    return env->wall_ms(env);
}

static inline uint64_t env_mono_ns(struct weir_env *env)
{
    return env->mono_ns(env);
}

static inline void env_sleep_ms(struct weir_env *env, uint64_t ms)
{
    env->sleep_ms(env, ms);
}

/* A uniform number below `bound` (bound > 0). */
uint64_t env_random_below(struct weir_env *env, uint64_t bound);

/* UUID version 7 (RFC 9562) of the wall clock and chance, 36 characters and NUL. */
#define UUID_TEXT_SIZE 37
void env_uuid7(struct weir_env *env, char to[UUID_TEXT_SIZE]);
/* UUID version 4. */
void env_uuid4(struct weir_env *env, char to[UUID_TEXT_SIZE]);

/* ISO 8601 UTC with milliseconds, "2026-11-20T23:44:00.123Z", 24 characters and NUL. */
#define ISO8601_SIZE 25
void iso8601_ms(int64_t wall_ms, char to[ISO8601_SIZE]);
/* Back, of exactly that form; false if the text is of another. */
bool iso8601_parse(struct weir_bytes text, int64_t *ret_wall_ms);

#endif
