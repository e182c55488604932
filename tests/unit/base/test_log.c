/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines, read back from a pipe that takes the place of stderr. */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define TIME_LEN 24 /* of "2026-11-20T23:44:00.123Z" */

struct capture {
    int stderr_before;
    int reader;
    char text[256 * 1024];
};

static void capture_start(struct capture *c)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    (void)fflush(stderr);
    c->stderr_before = dup(STDERR_FILENO);
    assert_true(c->stderr_before >= 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    (void)close(ends[1]);
    c->reader = ends[0];
}

static const char *capture_end(struct capture *c)
{
    (void)dup2(c->stderr_before, STDERR_FILENO);
    (void)close(c->stderr_before);
    size_t len = 0;
    for (ssize_t got; (got = read(c->reader, c->text + len, sizeof(c->text) - 1 - len)) > 0;) {
        len += (size_t)got;
    }
    c->text[len] = '\0';
    (void)close(c->reader);
    return c->text;
}

static void text_line_has_time_level_message_and_fields(void **state)
{
    (void)state;
    struct capture c;
    log_configure(LOG_INFO, LOG_TEXT);
    capture_start(&c);
    log_event(LOG_WARN, "the sink is unreachable", "sink", "orders", "error", "refused: no route",
              "shard", NULL, "empty", "", NULL);
    log_event(LOG_ERROR, "plain", NULL);
    const char *text = capture_end(&c);
    assert_int_equal(text[TIME_LEN - 1], 'Z');
    assert_int_equal(text[10], 'T');
    const char *second = strchr(text, '\n') + 1;
    static const char expected[] = " warn  the sink is unreachable sink=orders "
                                   "error=\"refused: no route\" empty=\"\"\n";
    assert_int_equal(second - text, TIME_LEN + sizeof(expected) - 1);
    assert_memory_equal(text + TIME_LEN, expected, sizeof(expected) - 1);
    assert_string_equal(second + TIME_LEN, " error plain\n");
}

static void text_fields_are_quoted_when_they_must_be(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {
        {"a", "a"},
        {"a b", "\"a b\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"two\nlines", "\"two\\u000alines\""},
        {"\x1b[2J", "\"\\u001b[2J\""},
        {"\x7f", "\"\\u007f\""},
        {"\xc2\x9b"
         "1m",
         "\"\\u009b1m\""},
        {"h\xc3\xa9", "h\xc3\xa9"},
        {"bad\xff", "\"bad\\ufffd\""},
        {"cut\xe2\x82", "\"cut\\ufffd\\ufffd\""},
        {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
        {"\xc0\xaf", "\"\\ufffd\\ufffd\""},
    };
    log_configure(LOG_INFO, LOG_TEXT);
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct capture c;
        char expected[100];
        (void)snprintf(expected, sizeof(expected), " info  m k=%s\n", vectors[i][1]);
        capture_start(&c);
        log_event(LOG_INFO, "m", "k", vectors[i][0], NULL);
        assert_string_equal(capture_end(&c) + TIME_LEN, expected);
    }
}

static void messages_cannot_forge_a_line(void **state)
{
    (void)state;
    struct capture c;
    log_configure(LOG_INFO, LOG_TEXT);
    capture_start(&c);
    log_event(LOG_INFO, "one\ntwo", NULL);
    assert_string_equal(capture_end(&c) + TIME_LEN, " info  one\\u000atwo\n");
}

static void json_line_is_escaped(void **state)
{
    (void)state;
    struct capture c;
    log_configure(LOG_INFO, LOG_JSON);
    capture_start(&c);
    log_event(LOG_WARN, "say \"hi\"", "path", "C:\\x", "text", "a\tb\x01\xff\xe2\x82\xac", "none",
              NULL, "last", "", NULL);
    const char *text = capture_end(&c);
    static const char head[] = "{\"time\":\"";
    assert_memory_equal(text, head, sizeof(head) - 1);
    assert_string_equal(text + sizeof(head) - 1 + TIME_LEN,
                        "\",\"level\":\"warn\",\"message\":\"say \\\"hi\\\"\",\"path\":\"C:\\\\x\","
                        "\"text\":\"a\\u0009b\\u0001\\ufffd\xe2\x82\xac\",\"last\":\"\"}\n");
}

static void levels_below_the_configured_one_are_silent(void **state)
{
    (void)state;
    struct capture c;
    log_configure(LOG_WARN, LOG_TEXT);
    assert_true(log_enabled(LOG_ERROR));
    assert_true(log_enabled(LOG_WARN));
    assert_false(log_enabled(LOG_INFO));
    capture_start(&c);
    log_event(LOG_INFO, "quiet", NULL);
    log_event(LOG_DEBUG, "quieter", NULL);
    assert_string_equal(capture_end(&c), "");
}

/* For every length around the end of the line: it ends well and is one write of PIPE_BUF at most.
 */
static void long_lines_are_cut_inside_a_text(void **state)
{
    (void)state;
    static char value[PIPE_BUF + 1];
    for (size_t len = PIPE_BUF - 120; len < PIPE_BUF; len++) {
        memset(value, '"', len);
        memset(value, 'x', len - 8);
        value[len] = '\0';
        struct capture c;
        log_configure(LOG_INFO, LOG_JSON);
        capture_start(&c);
        log_event(LOG_INFO, "m", "k", value, "next", "some text", "last", "more", NULL);
        const char *text = capture_end(&c);
        size_t line_len = strlen(text);
        assert_true(line_len <= PIPE_BUF);
        assert_string_equal(text + line_len - 3, "\"}\n");
        size_t quotes = 0;
        for (const char *s = text; *s != '\0'; s++) {
            quotes += *s == '"' && s[-1] != '\\';
            assert_true(*s != '\n' || s[1] == '\0');
        }
        assert_int_equal(quotes % 4, 0);
    }
}

static void errno_is_left_alone(void **state)
{
    (void)state;
    struct capture c;
    log_configure(LOG_INFO, LOG_TEXT);
    int stderr_before = dup(STDERR_FILENO);
    capture_start(&c);
    (void)close(STDERR_FILENO);
    errno = ERANGE;
    log_event(LOG_INFO, "to nobody", NULL);
    int after = errno;
    (void)dup2(stderr_before, STDERR_FILENO);
    (void)close(stderr_before);
    assert_string_equal(capture_end(&c), "");
    assert_int_equal(after, ERANGE);
}

enum { THREADS = 4, LINES_EACH = 100 };

static void *log_many(void *arg)
{
    for (int i = 0; i < LINES_EACH; i++) {
        log_event(LOG_DEBUG, "line", "thread", arg, NULL);
    }
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    static char names[THREADS][2] = {"a", "b", "c", "d"};
    pthread_t threads[THREADS];
    struct capture *c = malloc(sizeof(*c));
    assert_non_null(c);
    log_configure(LOG_DEBUG, LOG_TEXT); /* where repeats are not held */
    capture_start(c);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, names[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    const char *line = capture_end(c);
    int counts[THREADS] = {0};
    for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        static const char expected[] = " debug line thread=";
        assert_int_equal(end - line, TIME_LEN + sizeof(expected));
        assert_memory_equal(line + TIME_LEN, expected, sizeof(expected) - 1);
        counts[end[-1] - 'a']++;
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(counts[i], LINES_EACH);
    }
    free(c);
}

/* ---- repeats --------------------------------------------------------------------------------- */

/* Times a text stands in another. */
static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

static struct capture *repeats_begin(enum log_format format, struct weir_env **ret_env)
{
    struct capture *c = malloc(sizeof(*c));
    assert_non_null(c);
    *ret_env = env_fake_new(1, 1000000000000);
    log_configure(LOG_DEBUG, format);
    log_clock(*ret_env);
    capture_start(c);
    return c;
}

static const char *repeats_end(struct capture *c, struct weir_env *env)
{
    log_flush_repeats();
    log_clock(NULL);
    env_fake_free(env);
    return capture_end(c);
}

static void test_M3_a_repeat_is_held_and_counted(void **state)
{
    (void)state;
    struct weir_env *env = NULL;
    struct capture *c = repeats_begin(LOG_TEXT, &env);
    for (int i = 0; i < 1000; i++) {
        log_event(LOG_WARN, "held", "relay", "a", "error", "refused", NULL);
    }
    env_fake_advance(env, LOG_REPEAT_MS - 1);
    log_tick();
    log_event(LOG_INFO, "between", NULL);
    env_fake_advance(env, 1);
    log_tick();
    const char *text = repeats_end(c, env);
    assert_int_equal(count_of(text, "warn  held relay=a error=refused"), 2);
    assert_int_equal(count_of(text, "held relay=a error=refused\n"), 1);
    assert_int_equal(count_of(text, "held relay=a error=refused repeats=999\n"), 1);
    assert_true(strstr(text, "between") < strstr(text, "repeats="));
    free(c);
}

static void test_M3_another_id_or_error_is_no_repeat(void **state)
{
    (void)state;
    struct weir_env *env = NULL;
    struct capture *c = repeats_begin(LOG_TEXT, &env);
    log_event(LOG_WARN, "same", "message_id", "1", NULL);
    log_event(LOG_WARN, "same", "message_id", "2", NULL);
    log_event(LOG_WARN, "same", "message_id", "1", "error", "x", NULL);
    log_event(LOG_ERROR, "same", "message_id", "1", NULL);
    log_event(LOG_WARN, "same", "message", "_id1", NULL);
    assert_int_equal(count_of(repeats_end(c, env), " same "), 5);
    free(c);
}

static void test_M3_durations_do_not_make_it_another_line(void **state)
{
    (void)state;
    struct weir_env *env = NULL;
    struct capture *c = repeats_begin(LOG_JSON, &env);
    log_event(LOG_WARN, "slow", "lag_ms", "1", NULL);
    log_event(LOG_WARN, "slow", "lag_ms", "2", NULL);
    log_event(LOG_WARN, "slow", "lag_ms", "3", NULL);
    const char *text = repeats_end(c, env);
    assert_int_equal(count_of(text, "\n"), 2);
    assert_non_null(strstr(text, "\"message\":\"slow\",\"lag_ms\":\"3\",\"repeats\":2}\n"));
    free(c);
}

static void test_M3_after_its_time_a_line_is_written_again(void **state)
{
    (void)state;
    struct weir_env *env = NULL;
    struct capture *c = repeats_begin(LOG_TEXT, &env);
    log_event(LOG_INFO, "again", NULL);
    env_fake_advance(env, LOG_REPEAT_MS);
    log_event(LOG_INFO, "again", NULL);
    const char *text = repeats_end(c, env);
    assert_int_equal(count_of(text, "info  again\n"), 2);
    free(c);
}

static void test_M3_debug_lines_are_never_held(void **state)
{
    (void)state;
    struct weir_env *env = NULL;
    struct capture *c = repeats_begin(LOG_TEXT, &env);
    log_event(LOG_DEBUG, "detail", NULL);
    log_event(LOG_DEBUG, "detail", NULL);
    assert_int_equal(count_of(repeats_end(c, env), "detail\n"), 2);
    free(c);
}

/* More lines than there are places: what is held is written before its place is taken. */
static void test_M3_no_held_line_is_lost(void **state)
{
    (void)state;
    enum { LINES = 100 };
    struct weir_env *env = NULL;
    struct capture *c = repeats_begin(LOG_TEXT, &env);
    for (int i = 0; i < LINES; i++) {
        char id[16];
        snprintf(id, sizeof(id), "%d", i);
        log_event(LOG_INFO, "many", "id", id, NULL);
        log_event(LOG_INFO, "many", "id", id, NULL);
        env_fake_advance(env, 1);
    }
    const char *text = repeats_end(c, env);
    assert_int_equal(count_of(text, "many"), 2 * LINES);
    assert_int_equal(count_of(text, "repeats=1\n"), LINES);
    free(c);
}

static void test_M3_a_cut_line_keeps_its_syntax_with_the_number(void **state)
{
    (void)state;
    struct weir_env *env = NULL;
    struct capture *c = repeats_begin(LOG_JSON, &env);
    char *value = malloc(PIPE_BUF * 2);
    assert_non_null(value);
    memset(value, 'v', PIPE_BUF * 2 - 1);
    value[PIPE_BUF * 2 - 1] = '\0';
    log_event(LOG_INFO, "long", "value", value, NULL);
    log_event(LOG_INFO, "long", "value", value, NULL);
    const char *text = repeats_end(c, env);
    const char *second = strchr(text, '\n') + 1;
    assert_true(strlen(second) <= PIPE_BUF);
    assert_non_null(strstr(second, "v\",\"repeats\":1}\n"));
    free(value);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_M3_a_repeat_is_held_and_counted),
        cmocka_unit_test(test_M3_another_id_or_error_is_no_repeat),
        cmocka_unit_test(test_M3_durations_do_not_make_it_another_line),
        cmocka_unit_test(test_M3_after_its_time_a_line_is_written_again),
        cmocka_unit_test(test_M3_debug_lines_are_never_held),
        cmocka_unit_test(test_M3_no_held_line_is_lost),
        cmocka_unit_test(test_M3_a_cut_line_keeps_its_syntax_with_the_number),
        cmocka_unit_test(text_line_has_time_level_message_and_fields),
        cmocka_unit_test(text_fields_are_quoted_when_they_must_be),
        cmocka_unit_test(messages_cannot_forge_a_line),
        cmocka_unit_test(json_line_is_escaped),
        cmocka_unit_test(levels_below_the_configured_one_are_silent),
        cmocka_unit_test(long_lines_are_cut_inside_a_text),
        cmocka_unit_test(errno_is_left_alone),
        cmocka_unit_test(lines_of_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
