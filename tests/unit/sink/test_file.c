/* SPDX-License-Identifier: Apache-2.0 */
/* The sinks `file` and `stdout`, and the settings of all sinks. */
#include "unit/sink/sink_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define LINE(id) \
    "{\"id\":\"" id "\",\"key\":\"k\",\"type\":\"t\",\"encoding\":\"raw\",\"data\":\"x\"}\n"

static char folder[64], path[128];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/weir-sink-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/lines", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static void open_file(struct fixture *f, const char *sync)
{
    fixture_open(f, "file",
                 (struct sink_setting[]){
                     {"path", path}, {sync == NULL ? NULL : "sync", sync}, {NULL, NULL}});
}

static void write_file(const char *text_)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text_, 1, strlen(text_), file), strlen(text_));
    assert_int_equal(fclose(file), 0);
}

static void assert_file(const char *wanted)
{
    char content[4096];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    content[fread(content, 1, sizeof(content) - 1, file)] = '\0';
    (void)fclose(file);
    assert_string_equal(content, wanted);
}

static void deliver(struct fixture *f, const char *one, const char *other,
                    enum weir_delivery wanted)
{
    struct fixture_batch *batch = batch_new(f);
    (void)batch_add(batch, "k", one, "x");
    if (other != NULL) {
        (void)batch_add(batch, "k", other, "x");
    }
    batch_deliver(batch);
    assert_all(batch, wanted);
    free(batch);
}

static void batches_are_appended(void **state)
{
    (void)state;
    struct fixture f;
    open_file(&f, "yes");
    deliver(&f, "1", "2", WEIR_DELIVERED);
    deliver(&f, "3", NULL, WEIR_DELIVERED);
    fixture_close(&f);
    open_file(&f, NULL);
    deliver(&f, "4", NULL, WEIR_DELIVERED);
    fixture_close(&f);
    assert_file(LINE("1") LINE("2") LINE("3") LINE("4"));
}

static void torn_tail_is_cut_at_opening(void **state)
{
    (void)state;
    static const char *const before[] = {LINE("0") "{\"id\":", LINE("0"), "torn", ""};
    static const char *const after[] = {LINE("0") LINE("1"), LINE("0") LINE("1"), LINE("1"),
                                        LINE("1")};
    for (size_t i = 0; i < 4; i++) {
        struct fixture f;
        write_file(before[i]);
        open_file(&f, NULL);
        deliver(&f, "1", NULL, WEIR_DELIVERED);
        fixture_close(&f);
        assert_file(after[i]);
    }
    char *tail = malloc(10001); /* longer than the step in which the end is looked for */
    memset(tail, 'x', 10000);
    tail[10000] = '\0';
    memcpy(tail, "whole\n", 6);
    write_file(tail);
    free(tail);
    struct fixture f;
    open_file(&f, NULL);
    fixture_close(&f);
    assert_file("whole\n");
}

static void second_opener_is_told(void **state)
{
    (void)state;
    struct fixture f, second = {0};
    open_file(&f, NULL);
    assert_int_equal(
        fixture_open_status(&second, "file", (struct sink_setting[]){{"path", path}, {NULL, NULL}}),
        WEIR_LOCK_HELD);
    assert_says(second.err.message, path);
    fixture_close(&second);
    fixture_close(&f);
    open_file(&f, NULL); /* free again */
    fixture_close(&f);
}

/* In a child: the limit on a file's size is the process's. */
static void write_until_full(void **state)
{
    (void)state;
    struct fixture f;
    struct rlimit limit = {.rlim_max = RLIM_INFINITY};
    (void)signal(SIGXFSZ, SIG_IGN);
    open_file(&f, NULL);
    deliver(&f, "1", NULL, WEIR_DELIVERED);
    limit.rlim_cur = sizeof(LINE("1") LINE("2") LINE("3")) - 20; /* in the third line */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    deliver(&f, "2", "3", WEIR_UNREACHABLE_SINK);
    deliver(&f, "2", "3", WEIR_UNREACHABLE_SINK);
    deliver(&f, "2", NULL, WEIR_DELIVERED); /* the failed batch left nothing behind */
    assert_file(LINE("1") LINE("2"));
    limit.rlim_cur = RLIM_INFINITY;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    deliver(&f, "3", "4", WEIR_DELIVERED);
    fixture_close(&f);
}

static void full_disk_is_unreachable_and_leaves_no_part_of_a_batch(void **state)
{
    (void)state;
    write_file("");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(write_until_full)};
        _exit(cmocka_run_group_tests_name("in a child", tests, NULL, NULL));
    }
    int how = -1;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    assert_file(LINE("1") LINE("2") LINE("3") LINE("4"));
}

static void reason_of_a_full_disk_is_given(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, "file", (struct sink_setting[]){{"path", "/dev/full"}, {NULL, NULL}});
    struct fixture_batch *batch = batch_new(&f);
    (void)batch_add(batch, "k", "1", "x");
    batch_deliver(batch);
    assert_all(batch, WEIR_UNREACHABLE_SINK);
    assert_says(batch->results[0].reason, "No space");
    free(batch);
    fixture_close(&f);
}

static void file_that_was_emptied_meanwhile_is_gone_on_with(void **state)
{
    (void)state;
    struct fixture f;
    open_file(&f, NULL);
    deliver(&f, "1", "2", WEIR_DELIVERED);
    assert_int_equal(truncate(path, 0), 0);
    deliver(&f, "3", NULL, WEIR_DELIVERED);
    fixture_close(&f);
    assert_file(LINE("3"));
}

static void batch_larger_than_the_buffer_is_written_whole(void **state)
{
    (void)state;
    struct fixture f;
    open_file(&f, NULL);
    struct fixture_batch *batch = batch_new(&f);
    char *payload = malloc(300001);
    memset(payload, 1, 300000); /* \u0001: six times as long */
    payload[300000] = '\0';
    for (int i = 0; i < 20; i++) {
        (void)batch_add(batch, "k", "m", payload);
    }
    batch_deliver(batch);
    assert_all(batch, WEIR_DELIVERED);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_true(info.st_size > 20 * 6 * 300000);
    free(payload);
    free(batch);
    fixture_close(&f);
}

/* ---- stdout ------------------------------------------------------------------------------------
 */

/* Puts `fd` in the place of standard output; gives the old one. */
static int replace_stdout(int fd)
{
    (void)fflush(stdout);
    int old = dup(STDOUT_FILENO);
    assert_true(old >= 0);
    assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    (void)close(fd);
    return old;
}

static void restore_stdout(int old)
{
    assert_int_equal(dup2(old, STDOUT_FILENO), STDOUT_FILENO);
    (void)close(old);
}

static enum weir_delivery print_one(struct fixture *f, const char *id, char reason[256])
{
    struct fixture_batch *batch = batch_new(f);
    (void)batch_add(batch, "k", id, "x");
    batch_deliver(batch);
    enum weir_delivery delivery = batch->results[0].delivery;
    memcpy(reason, batch->results[0].reason, 256);
    free(batch);
    return delivery;
}

static void stdout_takes_lines_and_rejects_when_its_reader_is_gone(void **state)
{
    (void)state;
    int ends[2];
    char got[256] = "", reason[256];
    struct fixture f;
    assert_int_equal(pipe(ends), 0);
    fixture_open(&f, "stdout", (struct sink_setting[]){{NULL, NULL}});
    int old = replace_stdout(ends[1]);
    enum weir_delivery first = print_one(&f, "1", reason);
    ssize_t len = read(ends[0], got, sizeof(got) - 1);
    (void)close(ends[0]);
    /* SIGPIPE has its default action here: the sink must not end the process. */
    enum weir_delivery second = print_one(&f, "2", reason);
    restore_stdout(old);
    assert_int_equal(first, WEIR_DELIVERED);
    assert_int_equal(len, strlen(LINE("1")));
    assert_string_equal(got, LINE("1"));
    assert_int_equal(second, WEIR_REJECTED);
    assert_says(reason, "Broken pipe");
    sigset_t pending;
    assert_int_equal(sigpending(&pending), 0);
    assert_false(sigismember(&pending, SIGPIPE));
    fixture_close(&f);
}

static void print_into_a_small_file(void **state)
{
    (void)state;
    struct fixture f;
    char reason[256];
    struct rlimit limit = {.rlim_cur = sizeof(LINE("1")) - 1 + 6, .rlim_max = RLIM_INFINITY};
    (void)signal(SIGXFSZ, SIG_IGN);
    fixture_open(&f, "stdout", (struct sink_setting[]){{NULL, NULL}});
    int old = replace_stdout(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    enum weir_delivery deliveries[3];
    deliveries[0] = print_one(&f, "1", reason);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    deliveries[1] = print_one(&f, "2", reason);
    limit.rlim_cur = RLIM_INFINITY;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    deliveries[2] = print_one(&f, "2", reason);
    restore_stdout(old);
    assert_int_equal(deliveries[0], WEIR_DELIVERED);
    assert_int_equal(deliveries[1], WEIR_UNREACHABLE_SINK);
    assert_int_equal(deliveries[2], WEIR_DELIVERED);
    fixture_close(&f);
}

static void broken_line_of_stdout_is_not_glued_to_the_next(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(print_into_a_small_file)};
        _exit(cmocka_run_group_tests_name("in a child", tests, NULL, NULL));
    }
    int how = -1;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    assert_file(LINE("1") "{\"id\":\n" LINE("2"));
}

/* ---- settings ----------------------------------------------------------------------------------
 */

static void wrong_settings_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *sink;
        struct sink_setting settings[3];
        const char *says;
    } cases[] = {
        {"file", {{NULL, NULL}}, "path"},
        {"file", {{"path", ""}}, "path"},
        {"file", {{"path", "/tmp/x"}, {"sync", "maybe"}}, "yes or no"},
        {"file", {{"pathh", "/tmp/x"}}, "no setting \"pathh\"; it takes: path, sync"},
        {"stdout", {{"path", "/tmp/x"}}, "no setting \"path\""},
        {"redis", {{NULL, NULL}}, "needs url"},
        {"redis", {{"uri", "x"}}, "it takes: url, stream, maxlen, dedup_window_s"},
        {"redis", {{"url", "http://x"}}, "redis://"},
        {"redis", {{"url", "redis://x"}, {"maxlen", "-1"}}, "maxlen"},
        {"redis", {{"url", "redis://x"}, {"maxlen", "1k"}}, "maxlen"},
        {"redis", {{"url", "redis://x"}, {"dedup_window_s", "0"}}, "dedup_window_s"},
        {"redis", {{"url", "redis://x"}, {"dedup_window_s", ""}}, "dedup_window_s"},
        {"redis", {{"url", "redis://x"}, {"dedup_window_s", "99999999999999999999"}}, "number"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f = {0};
        assert_int_equal(fixture_open_status(&f, cases[i].sink, cases[i].settings), WEIR_CONFIG);
        assert_says(f.err.message, cases[i].says);
        fixture_close(&f);
    }
}

static void file_that_cannot_be_opened_is_named(void **state)
{
    (void)state;
    struct fixture f = {0};
    assert_int_equal(fixture_open_status(
                         &f, "file", (struct sink_setting[]){{"path", "/nowhere/x"}, {NULL, NULL}}),
                     WEIR_IO);
    assert_says(f.err.message, "/nowhere/x");
    fixture_close(&f);
}

static void kinds_are_found_by_name(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct sink_kind *kind; (kind = sink_kind_at(count)) != NULL; count++) {
        assert_ptr_equal(sink_kind_find(bytes_str(kind->name)), kind);
        assert_non_null(kind->summary);
        assert_non_null(kind->settings);
    }
    assert_int_equal(count, 3);
    assert_null(sink_kind_find(BYTES_LIT("carrier pigeon")));
    assert_null(sink_kind_find(BYTES_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(batches_are_appended, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(torn_tail_is_cut_at_opening, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(second_opener_is_told, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(full_disk_is_unreachable_and_leaves_no_part_of_a_batch,
                                        make_folder, remove_folder),
        cmocka_unit_test(reason_of_a_full_disk_is_given),
        cmocka_unit_test_setup_teardown(file_that_was_emptied_meanwhile_is_gone_on_with,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(batch_larger_than_the_buffer_is_written_whole, make_folder,
                                        remove_folder),
        cmocka_unit_test(stdout_takes_lines_and_rejects_when_its_reader_is_gone),
        cmocka_unit_test_setup_teardown(broken_line_of_stdout_is_not_glued_to_the_next, make_folder,
                                        remove_folder),
        cmocka_unit_test(wrong_settings_are_refused_by_name),
        cmocka_unit_test(file_that_cannot_be_opened_is_named),
        cmocka_unit_test(kinds_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
