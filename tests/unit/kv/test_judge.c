/* SPDX-License-Identifier: Apache-2.0 */
/* The judgement over damaged stores, case by case. */
#include "kv_test.h"

#include <inttypes.h>
#include <string.h>

#include "kv/kv_recover.h"

static const struct {
    const char *name;
    enum kv_dir_state state;
    enum kv_durability durability;
    struct kv_wal_report wal;
    bool readable_before;
    uint64_t before;
    uint64_t behind;
    enum weir_status status;
    uint64_t lost;
} cases[] = {
    {"sync: nothing behind the torn place",
     KV_DIR_OPEN,
     KV_SYNC,
     {.torn = true},
     true,
     9,
     9,
     WEIR_OK,
     0},
    {"sync: one commit behind it", KV_DIR_OPEN, KV_SYNC, {.torn = true}, true, 9, 10, WEIR_OK, 0},
    {"sync: two commits behind it",
     KV_DIR_OPEN,
     KV_SYNC,
     {.torn = true},
     true,
     9,
     11,
     WEIR_CORRUPTION,
     0},
    {"sync: only the scan sees what is behind",
     KV_DIR_OPEN,
     KV_SYNC,
     {.torn = true, .commit_before = 9, .commit_after = 11},
     true,
     9,
     9,
     WEIR_CORRUPTION,
     0},
    {"sync: a record begins behind it",
     KV_DIR_OPEN,
     KV_SYNC,
     {.torn = true, .damaged = true},
     true,
     9,
     9,
     WEIR_CORRUPTION,
     0},
    {"clean: nothing may be damaged",
     KV_DIR_CLEAN,
     KV_RELAXED,
     {0},
     true,
     9,
     9,
     WEIR_CORRUPTION,
     0},
    {"not readable at all", KV_DIR_OPEN, KV_RELAXED, {0}, false, 0, 9, WEIR_CORRUPTION, 0},
    {"relaxed: the tail is lost",
     KV_DIR_OPEN,
     KV_RELAXED,
     {.torn = true, .damaged = true},
     true,
     9,
     20,
     WEIR_OK,
     11},
    {"relaxed: the scan knows of more",
     KV_DIR_OPEN,
     KV_RELAXED,
     {.torn = true, .damaged = true, .commit_before = 9, .commit_next = 15, .commit_after = 25},
     true,
     9,
     20,
     WEIR_OK,
     16},
    {"relaxed: nothing known to be lost",
     KV_DIR_OPEN,
     KV_RELAXED,
     {.torn = true},
     true,
     9,
     9,
     WEIR_OK,
     0},
    {"relaxed: RocksDB read across the hole",
     KV_DIR_OPEN,
     KV_RELAXED,
     {.torn = true, .damaged = true, .commit_before = 9, .commit_next = 15, .commit_after = 20},
     true,
     20,
     20,
     WEIR_CORRUPTION,
     0},
};

static void judge_follows_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kv_dir dir = {
            .path = (char *)"store", .state = cases[i].state, .durability = cases[i].durability};
        struct kv_evidence evidence = {.dir = &dir,
                                       .wal = cases[i].wal,
                                       .readable_before = cases[i].readable_before,
                                       .readable_behind = true,
                                       .commit_before = cases[i].before,
                                       .commit_behind = cases[i].behind};
        uint64_t lost = 0;
        enum weir_status status = kv_recover_judge(&evidence, &lost, NULL);
        if (status != cases[i].status || lost != cases[i].lost) {
            fail_msg("%s: %s, lost %" PRIu64, cases[i].name, weir_status_name(status), lost);
        }
    }
}

static void a_refusal_names_the_file_and_both_commits(void **state)
{
    (void)state;
    struct kv_dir dir = {.path = (char *)"/x/store", .state = KV_DIR_OPEN, .durability = KV_SYNC};
    struct kv_evidence evidence = {
        .dir = &dir,
        .wal = {true, true, "000012.log", 4711, 90, 92, 120},
        .readable_before = true,
        .commit_before = 120,
    };
    uint64_t lost = 0;
    struct weir_error err = {0};
    assert_int_equal(kv_recover_judge(&evidence, &lost, &err), WEIR_CORRUPTION);
    static const char *const parts[] = {"/x/store/000012.log", "byte 4711", "up to commit 90,",
                                        "up to commit 120;", "nothing was changed"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strstr(err.message, parts[i]) == NULL) {
            fail_msg("'%s' is not in: %s", parts[i], err.message);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judge_follows_the_table),
        cmocka_unit_test(a_refusal_names_the_file_and_both_commits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
