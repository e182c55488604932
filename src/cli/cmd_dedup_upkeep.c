/* SPDX-License-Identifier: Apache-2.0 */

/* weir dedup ls|purge: what the deduplication store holds, and deleting of it what is not needed.
 */

#include <string.h>

#include "base/env.h"
#include "base/error.h"
#include "cli/cmd_dedup.h"
#include "cli/config_internal.h"
#include "cli/confirm.h"
#include "cli/progress.h"

#define ARENA_BYTES ((size_t)32 * 1024 * 1024)
#define ANSWER_BYTES ((size_t)64 * 1024)
#define PURGE_STEP_ROWS 5000
#define ROWS_MAX 1000

static const char *const states[] = {
    [WEIR_DEDUP_ANY] = "any",
    [WEIR_DEDUP_IN_PROGRESS] = "in-progress",
    [WEIR_DEDUP_COMPLETED] = "completed",
    [WEIR_DEDUP_FAILED] = "failed",
    [WEIR_DEDUP_EXPIRED] = "expired",
    [WEIR_DEDUP_MALFORMED] = "malformed",
};

const struct cli_option cmd_dedup_ls_options[] = {
    CLI_DEDUP_TABLE,
    {"worker", 'w', "WORKER", "of this worker alone"},
    {"state", 's', "any|in-progress|completed|failed|expired|malformed",
     "in this state alone (any)"},
    {"limit", 'n', "N", "at most so many (100)"},
    {"next", 0, "TOKEN", "go on after an earlier page"},
    {0},
};

const struct cli_option cmd_dedup_purge_options[] = {
    CLI_DEDUP_TABLE,
    {"worker", 'w', "WORKER", "of this worker alone"},
    {"expired", 0, NULL, "what counts as absent already"},
    {"before", 0, "TIME", "what was completed before: 7d (ago), or 2026-11-20T00:00:00.000Z"},
    {"all", 0, NULL, "all of --worker, claims that run among it"},
    {"limit", 'n', "N", "delete at most so many (all)"},
    CLI_OPTION_YES,
    {0},
};

/* ---- ls -------------------------------------------------------------------------------------- */

static enum weir_dedup_state state_of(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(states[i], name) == 0) {
            return (enum weir_dedup_state)i;
        }
    }
    return WEIR_DEDUP_ANY;
}

static void print_row(const struct weir_value *row)
{
    bool done = value_get(row, "completedAt") != NULL;
    printf("%-24.*s  %-10.*s  ", BYTES_ARG(cli_member(row, done ? "completedAt" : "claimedAt")),
           BYTES_ARG(cli_member(row, "status")));
    cli_print_clean(stdout, cli_member(row, "worker"));
    fputs("  ", stdout);
    cli_print_clean(stdout, cli_member(row, "message"));
    putchar('\n');
}

static enum weir_status print_page(const char *page, size_t len, struct weir_error *err)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct weir_value *document = NULL;
    enum weir_status status = a == NULL ? error_set(err, WEIR_NO_MEMORY, "no memory for the list")
                                        : json_parse(a, bytes_of(page, len), &document, err);
    const struct weir_value *rows = value_get(document, "rows");
    for (uint32_t i = 0; status == WEIR_OK && rows != NULL && i < rows->u.list.count; i++) {
        print_row(&rows->u.list.at[i]);
    }
    const struct weir_value *next = value_get(document, "next");
    if (status == WEIR_OK && next != NULL) {
        fprintf(stderr, "there are more: --next %.*s\n", BYTES_ARG(next->u.bytes));
    }
    arena_free(a);
    return status;
}

int cmd_dedup_ls(const struct cli_args *args)
{
    struct dedup_session s = {0};
    struct weir_error err = {0};
    int64_t limit = 0;
    char *page = NULL;
    size_t len = 0;
    const char *worker = cli_get(args, "worker");
    const char *next = cli_get(args, "next");
    enum weir_status status = cli_get_number(args, "limit", 1, ROWS_MAX, 100, &limit, &err);
    if (status == WEIR_OK) {
        status = dedup_session_open(&s, args, false, &err);
    }
    if (status == WEIR_OK) {
        status = weir_dedup_list(s.dedup, worker, worker == NULL ? 0 : strlen(worker),
                                 state_of(cli_get(args, "state")), (uint32_t)limit, next,
                                 next == NULL ? 0 : strlen(next), &page, &len, &err);
    }
    if (status == WEIR_OK && cli_json(args)) {
        (void)(cli_print_text(page, len) && cli_print_text("\n", 1));
    } else if (status == WEIR_OK) {
        status = print_page(page, len, &err);
    }
    weir_free(page);
    dedup_session_close(&s);
    return status == WEIR_OK ? 0 : cli_fail(args, status, &err);
}

/* ---- purge ----------------------------------------------------------------------------------- */

static enum weir_status take_before(const char *text, int64_t *ret_ms, struct weir_error *err)
{
    int64_t ago_ms = 0;
    if (iso8601_parse(bytes_str(text), ret_ms)) {
        return WEIR_OK;
    }
    if (!config_parse_duration(text, &ago_ms)) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "--before is \"%.80s\": so long ago (12h, 7d), or a time such as "
                         "2026-11-20T00:00:00.000Z",
                         text);
    }
    *ret_ms = env_wall_ms(env_system()) - ago_ms;
    return WEIR_OK;
}

static enum weir_status read_purge(const struct cli_args *args,
                                   struct weir_dedup_purge_options *options, struct weir_error *err)
{
    const char *worker = cli_get(args, "worker");
    const char *before = cli_get(args, "before");
    int64_t limit = 0;
    int ways = cli_has(args, "expired") + (before != NULL) + cli_has(args, "all");
    if (ways != 1 || (cli_has(args, "all") && worker == NULL)) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "weir dedup purge: one of --expired, --before TIME, and --all with "
                         "--worker is needed");
    }
    options->what = cli_has(args, "expired") ? WEIR_DEDUP_PURGE_EXPIRED
                    : before != NULL         ? WEIR_DEDUP_PURGE_COMPLETED
                                             : WEIR_DEDUP_PURGE_WORKER;
    options->worker = cli_text(worker);
    enum weir_status status = cli_get_number(args, "limit", 1, UINT32_MAX, 0, &limit, err);
    options->limit = (uint32_t)limit;
    return status == WEIR_OK && before != NULL
               ? take_before(before, &options->completed_before_ms, err)
               : status;
}

static int ask(const struct cli_args *args, const struct weir_dedup_purge_options *options)
{
    static const char *const what[] = {
        [WEIR_DEDUP_PURGE_EXPIRED] = "expired rows",
        [WEIR_DEDUP_PURGE_COMPLETED] = "rows completed before that time",
        [WEIR_DEDUP_PURGE_WORKER] = "all rows, of claims that run, too,",
    };
    char question[512];
    const char *table = cli_get(args, "table");
    snprintf(question, sizeof(question), "delete %s%s%.128s from %.255s", what[options->what],
             options->worker.ptr == NULL ? "" : " of worker ",
             options->worker.ptr == NULL ? "" : options->worker.ptr,
             table == NULL ? "deduplication-table" : table);
    return cli_confirm(args, question);
}

static void print_purged(const struct cli_args *args, const struct weir_dedup_purged *purged)
{
    if (!cli_json(args)) {
        printf("deleted  %llu\n", (unsigned long long)purged->deleted);
        if (purged->kept > 0) {
            printf("kept     %llu that changed meanwhile\n", (unsigned long long)purged->kept);
        }
        if (purged->more != 0) {
            fprintf(stderr, "weir: there are more\n");
        }
        return;
    }
    struct arena *a = arena_new(ANSWER_BYTES);
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    value_add_int(a, document, "deleted", (int64_t)purged->deleted);
    value_add_int(a, document, "kept", (int64_t)purged->kept);
    value_add_bool(a, document, "more", purged->more != 0);
    (void)(document != NULL && cli_print_json(document));
    arena_free(a);
}

/* In steps, so that a person sees how far it is. */
static enum weir_status purge_in_steps(const struct cli_args *args, struct weir_dedup *dedup,
                                       struct weir_dedup_purge_options options,
                                       struct weir_dedup_purged *sum, struct weir_error *err)
{
    struct progress progress;
    struct weir_dedup_purged step = {.more = 1};
    uint64_t limit = options.limit == 0 ? UINT64_MAX : options.limit;
    enum weir_status status = WEIR_OK;
    char *token = NULL;
    progress_init(&progress, args, env_system(), "deleting", 0);
    while (status == WEIR_OK && step.more != 0 && sum->deleted < limit) {
        uint64_t left = limit - sum->deleted;
        step = (struct weir_dedup_purged){0};
        options.limit = left < PURGE_STEP_ROWS ? (uint32_t)left : PURGE_STEP_ROWS;
        options.token = cli_text(token);
        status = weir_dedup_purge(dedup, &options, &step, err);
        weir_free(token);
        token = step.next;
        sum->deleted += step.deleted;
        sum->kept += step.kept;
        progress_update(&progress, sum->deleted, sum->deleted);
    }
    sum->more = step.more;
    weir_free(token);
    progress_end(&progress);
    return status;
}

int cmd_dedup_purge(const struct cli_args *args)
{
    struct dedup_session s = {0};
    struct weir_error err = {0};
    struct weir_dedup_purge_options options = WEIR_DEDUP_PURGE_OPTIONS_INIT;
    struct weir_dedup_purged purged = {0};
    enum weir_status status = read_purge(args, &options, &err);
    int refused = status == WEIR_OK ? ask(args, &options) : 0;
    if (refused != 0) {
        return refused;
    }
    if (status == WEIR_OK) {
        status = dedup_session_open(&s, args, false, &err);
    }
    bool began = status == WEIR_OK;
    if (began) {
        status = purge_in_steps(args, s.dedup, options, &purged, &err);
    }
    if (began && (status == WEIR_OK || purged.deleted > 0)) {
        print_purged(args, &purged);
    }
    dedup_session_close(&s);
    return status == WEIR_OK ? 0 : cli_fail(args, status, &err);
}
