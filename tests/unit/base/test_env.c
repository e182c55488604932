/* SPDX-License-Identifier: Apache-2.0 */
/* Clock and chance, and what is made of them: bounded numbers, UUIDs, timestamps. */
#include "base/env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define WALL_MS 1795218240123LL

static void fake_clock_moves_only_when_turned(void **state)
{
    (void)state;
    struct weir_env *env = env_fake_new(1, WALL_MS);
    uint64_t start_ns = env_mono_ns(env);
    assert_int_equal(env_wall_ms(env), WALL_MS);
    assert_int_equal(env_wall_ms(env), WALL_MS);
    env_fake_advance(env, 1500);
    assert_int_equal(env_wall_ms(env), WALL_MS + 1500);
    assert_int_equal(env_mono_ns(env) - start_ns, 1500000000U);
    env_fake_free(env);
    env_fake_free(NULL);
}

static void fake_chance_is_repeated_by_its_seed_only(void **state)
{
    (void)state;
    uint8_t bytes[3][37];
    static const uint64_t seeds[3] = {5, 5, 6};
    for (int i = 0; i < 3; i++) {
        struct weir_env *env = env_fake_new(seeds[i], 0);
        env->random(env, bytes[i], sizeof(bytes[i]));
        env_fake_free(env);
    }
    assert_memory_equal(bytes[0], bytes[1], sizeof(bytes[0]));
    assert_memory_not_equal(bytes[0], bytes[2], sizeof(bytes[0]));
}

static void system_clocks_go_forward_and_chance_differs(void **state)
{
    (void)state;
    struct weir_env *env = env_system();
    uint64_t before_ns = env_mono_ns(env);
    assert_true(env_mono_ns(env) >= before_ns);
    assert_true(env_wall_ms(env) > 1577836800000LL); /* after 2020 */
    uint8_t one[1000];
    uint8_t two[1000];
    env->random(env, one, sizeof(one));
    env->random(env, two, sizeof(two));
    assert_memory_not_equal(one, two, sizeof(one));
}

static void random_below_reaches_all_and_nothing_else(void **state)
{
    (void)state;
    struct weir_env *env = env_fake_new(7, 0);
    for (uint64_t bound = 1; bound <= 9; bound++) {
        bool seen[9] = {false};
        for (int i = 0; i < 1000; i++) {
            uint64_t number = env_random_below(env, bound);
            assert_true(number < bound);
            seen[number] = true;
        }
        for (uint64_t i = 0; i < bound; i++) {
            assert_true(seen[i]);
        }
    }
    env_fake_free(env);
}

/* Below 3 * 2^62 a plain remainder gives the lowest quarter twice as often as the others. */
static void random_below_is_unbiased_for_large_bounds(void **state)
{
    (void)state;
    struct weir_env *env = env_fake_new(8, 0);
    const uint64_t third = (uint64_t)1 << 62;
    int counts[3] = {0};
    for (int i = 0; i < 30000; i++) {
        counts[env_random_below(env, 3 * third) / third]++;
    }
    for (int i = 0; i < 3; i++) {
        assert_in_range(counts[i], 9500, 10500);
    }
    env_fake_free(env);
}

static void assert_uuid(const char *uuid, char version)
{
    assert_int_equal(strlen(uuid), 36);
    for (int i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            assert_int_equal(uuid[i], '-');
        } else {
            assert_non_null(strchr("0123456789abcdef", uuid[i]));
        }
    }
    assert_int_equal(uuid[14], version);
    assert_non_null(strchr("89ab", uuid[19]));
}

static void uuid7_sorts_by_time(void **state)
{
    (void)state;
    struct weir_env *env = env_fake_new(9, WALL_MS);
    char last[UUID_TEXT_SIZE] = "";
    for (int i = 0; i < 1000; i++) {
        char uuid[UUID_TEXT_SIZE];
        env_uuid7(env, uuid);
        assert_uuid(uuid, '7');
        assert_true(strcmp(last, uuid) < 0);
        memcpy(last, uuid, sizeof(uuid));
        env_fake_advance(env, 1);
    }
    env_fake_free(env);
}

static void uuid7_begins_with_the_milliseconds(void **state)
{
    (void)state;
    struct weir_env *env = env_fake_new(9, WALL_MS);
    char uuid[UUID_TEXT_SIZE];
    char expected[16];
    env_uuid7(env, uuid);
    (void)snprintf(expected, sizeof(expected), "%08llx-%04llx", WALL_MS >> 16, WALL_MS & 0xFFFF);
    assert_memory_equal(uuid, expected, 13);
    env_fake_free(env);
}

static void uuid4_differs_each_time(void **state)
{
    (void)state;
    char one[UUID_TEXT_SIZE];
    char two[UUID_TEXT_SIZE];
    env_uuid4(env_system(), one);
    env_uuid4(env_system(), two);
    assert_uuid(one, '4');
    assert_uuid(two, '4');
    assert_string_not_equal(one, two);
}

static void iso8601_of_known_times(void **state)
{
    (void)state;
    static const struct {
        int64_t wall_ms;
        const char *text;
    } vectors[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {4107542399999, "2100-02-28T23:59:59.999Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {WALL_MS, "2026-11-20T23:44:00.123Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {253402300800000, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        char text[ISO8601_SIZE];
        iso8601_ms(vectors[i].wall_ms, text);
        assert_string_equal(text, vectors[i].text);
    }
}

static void iso8601_agrees_with_the_c_library(void **state)
{
    (void)state;
    struct weir_env *env = env_fake_new(10, 0);
    for (int i = 0; i < 20000; i++) {
        int64_t wall_ms = (int64_t)env_random_below(env, 315569519999999) - 62167219200000;
        time_t seconds = (time_t)((wall_ms - ((wall_ms % 1000) + 1000) % 1000) / 1000);
        struct tm tm;
        assert_non_null(gmtime_r(&seconds, &tm));
        char expected[100];
        (void)snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                       tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                       tm.tm_sec, (int)(wall_ms - (int64_t)seconds * 1000));
        char text[ISO8601_SIZE];
        iso8601_ms(wall_ms, text);
        assert_string_equal(text, expected);
    }
    env_fake_free(env);
}

static void iso8601_parse_is_the_way_back(void **state)
{
    (void)state;
    struct weir_env *env = env_fake_new(11, 0);
    for (int i = 0; i < 20000; i++) {
        int64_t wall_ms = (int64_t)env_random_below(env, 315569520000000) - 62167219200000;
        char text[ISO8601_SIZE];
        int64_t back = 0;
        iso8601_ms(wall_ms, text);
        assert_true(iso8601_parse(bytes_str(text), &back));
        assert_int_equal(back, wall_ms);
    }
    env_fake_free(env);
}

static void iso8601_parse_refuses_every_other_form(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "2026-11-20T23:44:00.123",
        "2026-11-20T23:44:00.123z",
        "2026-11-20T23:44:00.123ZZ",
        "2026-11-20 23:44:00.123Z",
        "2026-11-20T23:44:00.12Z",
        "2026-00-20T23:44:00.123Z",
        "2026-13-20T23:44:00.123Z",
        "2026-11-00T23:44:00.123Z",
        "2026-11-31T23:44:00.123Z",
        "2026-02-29T23:44:00.123Z",
        "2026-11-20T24:44:00.123Z",
        "2026-11-20T23:60:00.123Z",
        "2026-11-20T23:44:60.123Z",
        "+026-11-20T23:44:00.123Z",
        "2026-11-20T23:44:00.-23Z",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int64_t wall_ms = 77;
        assert_false(iso8601_parse(bytes_str(texts[i]), &wall_ms));
        assert_int_equal(wall_ms, 77);
    }
}

static void sleep_turns_the_fake_clock(void **state)
{
    (void)state;
    struct weir_env *env = env_fake_new(1, WALL_MS);
    env_sleep_ms(env, 250);
    assert_int_equal(env_wall_ms(env), WALL_MS + 250);
    env_fake_free(env);
    uint64_t before_ns = env_mono_ns(env_system());
    env_sleep_ms(env_system(), 2);
    assert_true(env_mono_ns(env_system()) - before_ns >= 2000000U);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fake_clock_moves_only_when_turned),
        cmocka_unit_test(fake_chance_is_repeated_by_its_seed_only),
        cmocka_unit_test(system_clocks_go_forward_and_chance_differs),
        cmocka_unit_test(random_below_reaches_all_and_nothing_else),
        cmocka_unit_test(random_below_is_unbiased_for_large_bounds),
        cmocka_unit_test(uuid7_sorts_by_time),
        cmocka_unit_test(uuid7_begins_with_the_milliseconds),
        cmocka_unit_test(uuid4_differs_each_time),
        cmocka_unit_test(iso8601_of_known_times),
        cmocka_unit_test(iso8601_agrees_with_the_c_library),
        cmocka_unit_test(iso8601_parse_is_the_way_back),
        cmocka_unit_test(iso8601_parse_refuses_every_other_form),
        cmocka_unit_test(sleep_turns_the_fake_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
