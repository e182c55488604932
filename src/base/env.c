/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system's environment, the one for tests, and what is derived from an environment alone:
 * bounded random numbers, UUIDs, and timestamps as text.
 */
#include "base/env.h"

#include "base/bytes.h"
#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static int64_t system_wall_ms(struct weir_env *env)
{
    (void)env;
    struct timespec now;
    int failed = clock_gettime(CLOCK_REALTIME, &now);
    WEIR_ASSERT(failed == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t system_mono_ns(struct weir_env *env)
{
    (void)env;
    struct timespec now;
    int failed = clock_gettime(CLOCK_MONOTONIC, &now);
    WEIR_ASSERT(failed == 0);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Straight from the kernel: a buffer of ours would be repeated by both sides of a fork. */
static void system_random(struct weir_env *env, void *to, size_t size)
{
    (void)env;
    uint8_t *pos = to;
    while (size > 0) {
        ssize_t got = getrandom(pos, size, 0);
        if (got < 0) {
            WEIR_ASSERT(errno == EINTR);
            continue;
        }
        pos += got;
        size -= (size_t)got;
    }
}

static void system_sleep_ms(struct weir_env *env, uint64_t ms)
{
    (void)env;
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0) {
        WEIR_ASSERT(errno == EINTR);
    }
}

struct weir_env *env_system(void)
{
    static struct weir_env env = {system_wall_ms, system_mono_ns, system_random, system_sleep_ms};
    return &env;
}

struct env_fake {
    struct weir_env env;
    pthread_mutex_t mu;
    int64_t wall_ms;  /* under mu */
    uint64_t mono_ns; /* under mu */
    uint64_t state;   /* under mu; of the generator */
};

static struct env_fake *fake_of(struct weir_env *env)
{
    return (struct env_fake *)((char *)env - offsetof(struct env_fake, env));
}

static int64_t fake_wall_ms(struct weir_env *env)
{
    struct env_fake *fake = fake_of(env);
    pthread_mutex_lock(&fake->mu);
    int64_t now = fake->wall_ms;
    pthread_mutex_unlock(&fake->mu);
    return now;
}

static uint64_t fake_mono_ns(struct weir_env *env)
{
    struct env_fake *fake = fake_of(env);
    pthread_mutex_lock(&fake->mu);
    uint64_t now = fake->mono_ns;
    pthread_mutex_unlock(&fake->mu);
    return now;
}

/* SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, every seed is a good one. */
static uint64_t splitmix_next(uint64_t *state)
{
    *state += 0x9E3779B97F4A7C15U;
    uint64_t mixed = *state;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBU;
    return mixed ^ mixed >> 31;
}

static void fake_random(struct weir_env *env, void *to, size_t size)
{
    struct env_fake *fake = fake_of(env);
    uint8_t *pos = to;
    pthread_mutex_lock(&fake->mu);
    while (size > 0) {
        uint8_t word[8];
        put_be64(word, splitmix_next(&fake->state));
        size_t part = size < sizeof(word) ? size : sizeof(word);
        memcpy(pos, word, part);
        pos += part;
        size -= part;
    }
    pthread_mutex_unlock(&fake->mu);
}

static void fake_sleep_ms(struct weir_env *env, uint64_t ms)
{
    env_fake_advance(env, (int64_t)ms);
}

struct weir_env *env_fake_new(uint64_t seed, int64_t wall_ms)
{
    struct env_fake *fake = calloc(1, sizeof(*fake));
    if (fake == NULL) {
        return NULL;
    }
    fake->env = (struct weir_env){fake_wall_ms, fake_mono_ns, fake_random, fake_sleep_ms};
    fake->wall_ms = wall_ms;
    fake->state = seed;
    int failed = pthread_mutex_init(&fake->mu, NULL);
    WEIR_ASSERT(failed == 0);
    return &fake->env;
}

void env_fake_advance(struct weir_env *env, int64_t ms)
{
    WEIR_ASSERT(ms >= 0);
    struct env_fake *fake = fake_of(env);
    pthread_mutex_lock(&fake->mu);
    fake->wall_ms += ms;
    fake->mono_ns += (uint64_t)ms * 1000000U;
    pthread_mutex_unlock(&fake->mu);
}

void env_fake_free(struct weir_env *env)
{
    if (env != NULL) {
        struct env_fake *fake = fake_of(env);
        (void)pthread_mutex_destroy(&fake->mu);
        free(fake);
    }
}

uint64_t env_random_below(struct weir_env *env, uint64_t bound)
{
    WEIR_ASSERT(bound > 0);
    /* Numbers below this are one too many of some remainders; 2^64 mod bound of them. */
    uint64_t surplus = (0 - bound) % bound;
    uint64_t number;
    do {
        env->random(env, &number, sizeof(number));
    } while (number < surplus);
    return number % bound;
}

static void uuid_text(uint8_t uuid[16], uint8_t version, char to[UUID_TEXT_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    uuid[6] = (uint8_t)((uuid[6] & 0x0F) | version << 4);
    uuid[8] = (uint8_t)((uuid[8] & 0x3F) | 0x80);
    char *pos = to;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *pos++ = '-';
        }
        *pos++ = hex[uuid[i] >> 4];
        *pos++ = hex[uuid[i] & 15];
    }
    *pos = '\0';
}

void env_uuid7(struct weir_env *env, char to[UUID_TEXT_SIZE])
{
    uint8_t uuid[16];
    put_be64(uuid, (uint64_t)env_wall_ms(env) << 16);
    env->random(env, uuid + 6, 10);
    uuid_text(uuid, 7, to);
}

void env_uuid4(struct weir_env *env, char to[UUID_TEXT_SIZE])
{
    uint8_t uuid[16];
    env->random(env, uuid, sizeof(uuid));
    uuid_text(uuid, 4, to);
}

#define DAY_MS (24LL * 3600 * 1000)
#define ERA_DAYS 146097        /* 400 Gregorian years, after which the calendar repeats */
#define DAYS_0000_03_01 719468 /* from there to 1970-01-01 */
/* The four digits of the year end here: 0000-01-01T00:00:00.000Z, 9999-12-31T23:59:59.999Z. */
#define ISO8601_MS_MIN (-62167219200000LL)
#define ISO8601_MS_MAX 253402300799999LL

struct civil {
    int64_t year, month, day;
};

/* Counting years from March puts the leap day at the end of the year, where it shifts nothing. */
static struct civil civil_of_days(int64_t days_since_1970)
{
    int64_t days = days_since_1970 + DAYS_0000_03_01;
    int64_t era = (days >= 0 ? days : days - (ERA_DAYS - 1)) / ERA_DAYS;
    int64_t of_era = days - era * ERA_DAYS;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month_from_march = (5 * of_year + 2) / 153;
    struct civil civil = {
        .year = year + era * 400,
        .month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9,
        .day = of_year - (153 * month_from_march + 2) / 5 + 1,
    };
    civil.year += civil.month <= 2;
    return civil;
}

static char *put_digits(char *to, int64_t value, int digits, char after)
{
    for (int i = digits - 1; i >= 0; i--) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
    to[digits] = after;
    return to + digits + 1;
}

void iso8601_ms(int64_t wall_ms, char to[ISO8601_SIZE])
{
    int64_t ms = wall_ms < ISO8601_MS_MIN   ? ISO8601_MS_MIN
                 : wall_ms > ISO8601_MS_MAX ? ISO8601_MS_MAX
                                            : wall_ms;
    int64_t days = (ms >= 0 ? ms : ms - (DAY_MS - 1)) / DAY_MS;
    int64_t of_day = ms - days * DAY_MS;
    struct civil civil = civil_of_days(days);
    char *pos = put_digits(to, civil.year, 4, '-');
    pos = put_digits(pos, civil.month, 2, '-');
    pos = put_digits(pos, civil.day, 2, 'T');
    pos = put_digits(pos, of_day / 3600000, 2, ':');
    pos = put_digits(pos, of_day / 60000 % 60, 2, ':');
    pos = put_digits(pos, of_day / 1000 % 60, 2, '.');
    pos = put_digits(pos, of_day % 1000, 3, 'Z');
    *pos = '\0';
}

static bool take_digits(const uint8_t *from, int digits, uint8_t after, int64_t *ret_value)
{
    int64_t value = 0;
    for (int i = 0; i < digits; i++) {
        if (from[i] < '0' || from[i] > '9') {
            return false;
        }
        value = value * 10 + (from[i] - '0');
    }
    *ret_value = value;
    return from[digits] == after;
}

static int64_t days_of_civil(struct civil civil)
{
    int64_t year = civil.year - (civil.month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t month_from_march = civil.month > 2 ? civil.month - 3 : civil.month + 9;
    int64_t of_year = (153 * month_from_march + 2) / 5 + civil.day - 1;
    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_0000_03_01;
}

bool iso8601_parse(struct weir_bytes text, int64_t *ret_wall_ms)
{
    struct civil civil;
    int64_t hours, minutes, seconds, ms;
    const uint8_t *at = text.ptr;
    if (text.len != ISO8601_SIZE - 1 || !take_digits(at, 4, '-', &civil.year) ||
        !take_digits(at + 5, 2, '-', &civil.month) || !take_digits(at + 8, 2, 'T', &civil.day) ||
        !take_digits(at + 11, 2, ':', &hours) || !take_digits(at + 14, 2, ':', &minutes) ||
        !take_digits(at + 17, 2, '.', &seconds) || !take_digits(at + 20, 3, 'Z', &ms)) {
        return false;
    }
    if (civil.month < 1 || civil.month > 12 || civil.day < 1 || civil.day > 31 || hours > 23 ||
        minutes > 59 || seconds > 59) {
        return false;
    }
    int64_t of_day = ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms;
    int64_t days = days_of_civil(civil);
    if (civil_of_days(days).day != civil.day) {
        return false; /* a day that its month does not have */
    }
    *ret_wall_ms = days * DAY_MS + of_day;
    return true;
}
