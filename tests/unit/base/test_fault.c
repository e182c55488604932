/* SPDX-License-Identifier: Apache-2.0 */
/* Fault points: each action at its passage, and texts that arm nothing. */
#include "base/fault.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void unarmed_points_are_never_hit(void **state)
{
    (void)state;
    assert_int_equal(fault_arm("sink.submit=errors@1", NULL), WEIR_OK);
    assert_int_equal(fault_arm(NULL, NULL), WEIR_OK);
    assert_int_equal(fault_armed_count, 0);
    assert_false(fault_hit(FAULT_SINK_SUBMIT));
    assert_int_equal(fault_arm("", NULL), WEIR_OK);
    assert_false(fault_hit(FAULT_SINK_SUBMIT));
}

static void error_is_hit_at_its_passage_only(void **state)
{
    (void)state;
    assert_int_equal(fault_arm("kv.commit=error@3,sink.submit=error@1", NULL), WEIR_OK);
    assert_int_equal(fault_armed_count, 2);
    for (int passage = 1; passage <= 5; passage++) {
        assert_int_equal(fault_hit(FAULT_KV_COMMIT), passage == 3);
        assert_int_equal(fault_hit(FAULT_SINK_SUBMIT), passage == 1);
        assert_false(fault_hit(FAULT_CLIENT_BEFORE_SEND));
    }
}

static void errors_are_hit_from_their_passage_on(void **state)
{
    (void)state;
    assert_int_equal(fault_arm("client.before_send=errors@2", NULL), WEIR_OK);
    for (int passage = 1; passage <= 5; passage++) {
        assert_int_equal(fault_hit(FAULT_CLIENT_BEFORE_SEND), passage >= 2);
    }
}

static void arming_again_counts_from_the_start(void **state)
{
    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(fault_arm("kv.commit=error@2", NULL), WEIR_OK);
        assert_false(fault_hit(FAULT_KV_COMMIT));
        assert_true(fault_hit(FAULT_KV_COMMIT));
    }
}

/* Passes relay.after_publish twice in a process of its own, which exits with 0 if it still can. */
static pid_t pass_twice(const char *faults)
{
    pid_t pid = fork();
    if (pid == 0) {
        bool hit = fault_arm(faults, NULL) != WEIR_OK;
        hit |= fault_hit(FAULT_RELAY_AFTER_PUBLISH);
        hit |= fault_hit(FAULT_RELAY_AFTER_PUBLISH);
        _exit(hit ? 1 : 0);
    }
    assert_true(pid > 0);
    return pid;
}

static void kill_ends_the_process_at_its_passage(void **state)
{
    (void)state;
    int status = 0;
    pid_t pid = pass_twice("relay.after_publish=kill@2");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    pid = pass_twice("relay.after_publish=kill@3");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void stop_halts_the_process_until_continued(void **state)
{
    (void)state;
    int status = 0;
    pid_t pid = pass_twice("relay.after_publish=stop@1");
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void unknown_point_is_refused_with_all_that_there_are(void **state)
{
    (void)state;
    struct weir_error err = {0};
    assert_int_equal(fault_arm("relay.after_lunch=kill@1", &err), WEIR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "'relay.after_lunch'"));
#define LISTED(name, text) assert_non_null(strstr(err.message, text));
    FAULT_TABLE(LISTED)
#undef LISTED
}

static void malformed_texts_arm_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "kv.commit",
        "kv.commit=",
        "kv.commit=error",
        "kv.commit=error@",
        "kv.commit=error@0",
        "kv.commit=error@-1",
        "kv.commit=error@1x",
        "kv.commit=error@1000000000",
        "kv.commit=explode@1",
        "=error@1",
        ",",
        "kv.commit=error@1,,sink.submit=error@1",
        "kv.commit=error@1,kv.commit=error@2",
        " kv.commit=error@1",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct weir_error err = {0};
        assert_int_equal(fault_arm("sink.submit=errors@1", NULL), WEIR_OK);
        assert_int_equal(fault_arm(texts[i], &err), WEIR_INVALID_ARGUMENT);
        assert_true(strlen(err.message) > 0);
        assert_false(fault_hit(FAULT_KV_COMMIT));
        assert_true(fault_hit(FAULT_SINK_SUBMIT));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unarmed_points_are_never_hit),
        cmocka_unit_test(error_is_hit_at_its_passage_only),
        cmocka_unit_test(errors_are_hit_from_their_passage_on),
        cmocka_unit_test(arming_again_counts_from_the_start),
        cmocka_unit_test(kill_ends_the_process_at_its_passage),
        cmocka_unit_test(stop_halts_the_process_until_continued),
        cmocka_unit_test(unknown_point_is_refused_with_all_that_there_are),
        cmocka_unit_test(malformed_texts_arm_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
