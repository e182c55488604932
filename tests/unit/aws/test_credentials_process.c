/* SPDX-License-Identifier: Apache-2.0 */
/* A credential_process that prints, fails, hangs, and leaves things behind. */
#include "unit/aws/credentials_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#define SET(rest) "{\"Version\":1,\"AccessKeyId\":\"P\",\"SecretAccessKey\":\"PLANTEDs\"" rest "}"

/* The profile's program is a script with this text. */
static void fixture_init_script(struct chain_fixture *f, const char *script)
{
    char config[256], path[128], text[4096];
    fixture_init(f, NULL, 0, "", "");
    (void)snprintf(path, sizeof(path), "%s/it's a program", f->home);
    (void)snprintf(config, sizeof(config),
                   "[default]\ncredential_process = \"%s\" one 'two three' PLANTED\n", path);
    (void)snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", script);
    fixture_write(f, ".aws/config", config);
    fixture_write(f, "it's a program", text);
    assert_int_equal(chmod(path, 0700), 0);
}

static void fixture_open_process(struct chain_fixture *f, uint32_t timeout_ms)
{
    struct credentials_options options = {.env = env_system(), .process_timeout_ms = timeout_ms};
    if (fixture_open_with(f, options) != WEIR_OK) {
        fail_msg("%s", f->err.message);
    }
}

static void assert_no_child_is_left(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void what_the_program_prints_is_used(void **state)
{
    (void)state;
    struct chain_fixture f;
    fixture_init_script(&f, "[ \"$#\" = 3 ] && [ \"$2\" = 'two three' ] && echo '" SET("") "'");
    fixture_open(&f);
    fixture_got(&f, "P", "PLANTEDs", NULL);
    assert_int_equal(f.got->expires_ms, INT64_MAX);
    assert_string_equal(f.got->provider, "custom-process");
    fixture_close(&f);
    fixture_init_script(&f, "echo '" SET(",\"SessionToken\":\"PLANTEDt\",\"Expiration\":"
                                         "\"2026-01-01T01:00:00+00:00\",\"AccountId\":\"1\"") "'");
    fixture_open(&f);
    fixture_got(&f, "P", "PLANTEDs", "PLANTEDt");
    assert_int_equal(f.got->expires_ms, START_MS + 60 * MINUTE_MS);
    fixture_close(&f);
    assert_no_child_is_left();
}

static void programs_that_fail_are_refused_without_their_output(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        const char *says;
    } cases[] = {
        {"echo 'not logged in' >&2; echo more >&2; echo PLANTED; exit 3", "3: not logged in"},
        {"printf 'a\\033b\\n' >&2; exit 1", "a?b"},
        {"kill -9 $$", "signal 9"},
        {"echo PLANTED", "no JSON object"},
        {":", "no JSON object"},
        {"echo '[\"PLANTED\"]'", "no JSON object"},
        {"echo '{\"Version\":2,\"AccessKeyId\":\"P\",\"SecretAccessKey\":\"PLANTED\"}'", "Version"},
        {"echo '{\"Version\":\"1\",\"AccessKeyId\":\"P\",\"SecretAccessKey\":\"PLANTED\"}'",
         "Version"},
        {"echo '{\"Version\":1,\"AccessKeyId\":\"PLANTED\"}'", "SecretAccessKey"},
        {"echo '" SET(",\"Expiration\":\"PLANTED\"") "'", "Expiration"},
        {"head -c 70000 /dev/zero", "65536"},
        {"exec yes PLANTED", "65536"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct chain_fixture f;
        fixture_init_script(&f, cases[i].script);
        fixture_open(&f);
        fixture_refused(&f, WEIR_CREDENTIALS, cases[i].says);
        assert_int_equal(f.err.retryable, 0);
        fixture_close(&f);
        assert_no_child_is_left();
    }
}

static void program_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct chain_fixture f;
    fixture_init(&f, NULL, 0, "[default]\ncredential_process = /nowhere/program PLANTED\n", "");
    fixture_open(&f);
    fixture_refused(&f, WEIR_CREDENTIALS, "/nowhere/program: No such file");
    fixture_close(&f);
}

/* Waits until the process of that id is gone. */
static void await_end_of(const char *path)
{
    int pid = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    (void)fclose(file);
    assert_true(pid > 1);
    char name[64], status = 'R';
    (void)snprintf(name, sizeof(name), "/proc/%d/stat", pid);
    while (status != 'Z' && (file = fopen(name, "r")) != NULL) {
        if (fscanf(file, "%*d (%*[^)]) %c", &status) != 1) {
            status = 'Z';
        }
        (void)fclose(file);
        (void)sched_yield();
    }
}

/* What it started goes with it. */
static void program_that_hangs_is_killed_with_what_it_started(void **state)
{
    (void)state;
    struct chain_fixture f;
    char path[128];
    fixture_init_script(&f, "sleep 1000 & echo $! >\"${0%/*}/pid\"; wait");
    (void)snprintf(path, sizeof(path), "%s/pid", f.home);
    fixture_open_process(&f, 300);
    fixture_refused(&f, WEIR_CREDENTIALS, "did not end within 300 ms");
    assert_no_child_is_left();
    await_end_of(path);
    fixture_close(&f);
}

/* It closes its output and stays. */
static void program_that_does_not_end_after_its_output_is_killed(void **state)
{
    (void)state;
    struct chain_fixture f;
    fixture_init_script(&f, "echo '" SET("") "'; exec >&- 2>&-; exec sleep 1000");
    fixture_open_process(&f, 300);
    fixture_refused(&f, WEIR_CREDENTIALS, "signal 9");
    assert_no_child_is_left();
    fixture_close(&f);
}

static void *get_in_a_thread(void *arg)
{
    struct chain_fixture *f = arg;
    struct credentials *got = NULL;
    enum weir_status status = credentials_get(f->chain, &got, NULL);
    credentials_unref(got);
    return (void *)(uintptr_t)status;
}

static void closing_ends_a_program(void **state)
{
    (void)state;
    struct chain_fixture f;
    pthread_t thread;
    void *status = NULL;
    char path[128];
    fixture_init_script(&f, "echo >\"${0%/*}/began\"; exec sleep 1000");
    (void)snprintf(path, sizeof(path), "%s/began", f.home);
    fixture_open(&f);
    assert_int_equal(pthread_create(&thread, NULL, get_in_a_thread, &f), 0);
    while (access(path, F_OK) != 0) {
        (void)sched_yield();
    }
    credentials_close(f.chain);
    f.chain = NULL;
    assert_int_equal(pthread_join(thread, &status), 0);
    assert_int_equal((uintptr_t)status, WEIR_CLOSED);
    assert_no_child_is_left();
    fixture_close(&f);
}

/* Neither descriptors nor blocked or ignored signals of ours reach it; its input is empty. */
static void program_inherits_nothing_but_the_environment(void **state)
{
    (void)state;
    struct chain_fixture f;
    int leak = open("/dev/null", O_RDONLY);
    assert_true(leak > 2);
    int high = fcntl(leak, F_DUPFD, 9);
    assert_int_equal(high, 9);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    fixture_init_script(
        &f, "[ -z \"$(cat)\" ] || exit 1\n"
            "ls -l /proc/$$/fd >\"${0%/*}/open\"\n" /* from 10 on they are the shell's */
            "grep -q ' [3-9] -> ' \"${0%/*}/open\" && exit 2\n"
            "grep -q '^SigBlk:.0*$' /proc/self/status || exit 3\n"
            "grep -q '^SigIgn:.*0000000$' /proc/self/status || exit 4\n"
            "[ -n \"$PATH\" ] || exit 5\n"
            "echo '" SET("") "'");
    fixture_open(&f);
    fixture_got(&f, "P", "PLANTEDs", NULL);
    fixture_close(&f);
    (void)signal(SIGPIPE, before);
    (void)close(leak);
    (void)close(high);
}

/* ---- words -------------------------------------------------------------------------------------
 */

static void commands_are_split_as_a_shell_splits_words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *words[6]; /* none: refused */
    } cases[] = {
        {"a", {"a"}},
        {"  a  b\tc ", {"a", "b", "c"}},
        {"a 'b c' \"d e\"", {"a", "b c", "d e"}},
        {"a'b'\"c\"d", {"abcd"}},
        {"a '' \"\"", {"a", "", ""}},
        {"a\\ b c\\\\", {"a b", "c\\"}},
        {"\"a\\\"b\" \"c\\d\"", {"a\"b", "c\\d"}},
        {"'a\\b'", {"a\\b"}},
        {"a $HOME `x` | y", {"a", "$HOME", "`x`", "|", "y"}},
        {"", {NULL}},
        {"   ", {NULL}},
        {"a 'b", {NULL}},
        {"a \"b", {NULL}},
        {"a\\", {NULL}},
        {"a b c d e f", {NULL}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64];
        char *words[6];
        (void)snprintf(text, sizeof(text), "%s", cases[i].text);
        bool split = process_split(text, words, 6);
        if (split != (cases[i].words[0] != NULL)) {
            fail_msg("<%s>", cases[i].text);
        }
        for (size_t j = 0; split && (j == 0 || words[j - 1] != NULL); j++) {
            const char *wanted = cases[i].words[j];
            if ((words[j] == NULL) != (wanted == NULL) ||
                (wanted != NULL && strcmp(words[j], wanted) != 0)) {
                fail_msg("<%s>: word %zu is <%s>", cases[i].text, j,
                         words[j] == NULL ? "none" : words[j]);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_program_prints_is_used),
        cmocka_unit_test(programs_that_fail_are_refused_without_their_output),
        cmocka_unit_test(program_that_is_not_there_is_named),
        cmocka_unit_test(program_that_hangs_is_killed_with_what_it_started),
        cmocka_unit_test(program_that_does_not_end_after_its_output_is_killed),
        cmocka_unit_test(closing_ends_a_program),
        cmocka_unit_test(program_inherits_nothing_but_the_environment),
        cmocka_unit_test(commands_are_split_as_a_shell_splits_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
