/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A relay over a database on disk into a file, ended by SIGKILL at each of its steps, several
 * times; then one that runs to its end. Nothing may be missing, and order per key is kept: a
 * repeat goes on from where it fell back to.
 */
#include "unit/relay/relay_fixture.h"

#include "base/fault.h"

#include <ftw.h>
#include <signal.h>
#include <sys/wait.h>

#define KEYS 3
#define EACH 8

static char folder[64], endpoint[128], setting[128];

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* Each step is a process of its own: the engine's threads do not live on in a fork. */
static int in_child(int (*step)(const char *fault), const char *fault)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(step(fault));
    }
    int how = -1;
    assert_int_equal(waitpid(child, &how, 0), child);
    return how;
}

static int produce(const char *fault)
{
    (void)fault;
    struct fixture f = {.client = fixture_client(endpoint)};
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    for (int i = 0; i < KEYS * EACH; i++) {
        char key[16], id[16];
        (void)snprintf(key, sizeof(key), "k%d", i % KEYS);
        (void)snprintf(id, sizeof(id), "%d", i / KEYS);
        struct weir_message message = message_of(key, id);
        if (weir_outbox_add(outbox, &message, NULL, &f.err) != WEIR_OK) {
            return 1;
        }
    }
    weir_outbox_close(outbox);
    weir_client_close(f.client);
    return 0;
}

static int relay_once(const char *fault)
{
    const char *settings = setting;
    struct weir_relay *relay = NULL;
    struct weir_relay_options options = WEIR_RELAY_OPTIONS_INIT;
    struct weir_error err = {0};
    if (fault_arm(fault, &err) != WEIR_OK) {
        return 2;
    }
    struct weir_client *client = fixture_client(endpoint);
    options.once = 1;
    enum weir_status status = weir_relay_open(client, &options, "file", &settings, 1, &relay, &err);
    if (status == WEIR_OK) {
        status = weir_relay_run(relay, &err);
    }
    weir_relay_close(relay);
    weir_client_close(client);
    if (status != WEIR_OK) {
        print_error("%s: %s\n", fault, err.message);
    }
    return status == WEIR_OK ? 0 : 1;
}

static void assert_lines(const char *fault)
{
    char path[128], line[1024];
    int last[KEYS] = {-1, -1, -1}, most[KEYS] = {-1, -1, -1};
    (void)snprintf(path, sizeof(path), "%s/lines", folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        int key = -1, id = -1;
        assert_int_equal(sscanf(line, "{\"id\":\"%d\",\"key\":\"k%d\"", &id, &key), 2);
        if (id > last[key] + 1) {
            fail_msg("%s: k%d: %d after %d", fault, key, id, last[key]);
        }
        last[key] = id;
        most[key] = id > most[key] ? id : most[key];
    }
    (void)fclose(file);
    for (int key = 0; key < KEYS; key++) {
        assert_int_equal(most[key], EACH - 1);
        assert_int_equal(last[key], EACH - 1);
    }
}

static int all_marked(const char *fault)
{
    (void)fault;
    struct fixture f = {.client = fixture_client(endpoint)};
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    struct weir_outbox_stats stats = {0};
    (void)weir_outbox_stats(outbox, &stats, &f.err);
    weir_outbox_close(outbox);
    weir_client_close(f.client);
    return stats.pending == 0 && stats.published == KEYS * EACH ? 0 : 1;
}

static bool was_killed(int how)
{
    return WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL;
}

static void killed_relay_loses_nothing_and_keeps_order(void **state)
{
    (void)state;
    static const struct {
        const char *fault;
        bool again; /* the next relay comes to it, wherever a checkpoint was in between */
    } cases[] = {{"relay.before_publish=kill@1", true},  {"relay.after_publish=kill@1", true},
                 {"relay.after_mark=kill@1", true},      {"relay.after_mark=kill@10", false},
                 {"relay.after_mark=kill@24", false},    {"feed.before_checkpoint=kill@1", true},
                 {"feed.after_checkpoint=kill@1", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *fault = cases[i].fault;
        (void)snprintf(folder, sizeof(folder), "/tmp/weir-kill-XXXXXX");
        assert_non_null(mkdtemp(folder));
        (void)snprintf(endpoint, sizeof(endpoint), "file:%s/data?durability=relaxed", folder);
        (void)snprintf(setting, sizeof(setting), "path=%s/lines", folder);
        assert_int_equal(in_child(produce, NULL), 0);
        if (!was_killed(in_child(relay_once, fault))) {
            fail_msg("%s was not reached", fault);
        }
        int again = in_child(relay_once, fault);
        assert_true(was_killed(again) || (again == 0 && !cases[i].again));
        assert_int_equal(in_child(relay_once, ""), 0);
        assert_lines(fault);
        assert_int_equal(in_child(all_marked, NULL), 0);
        assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_relay_loses_nothing_and_keeps_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
