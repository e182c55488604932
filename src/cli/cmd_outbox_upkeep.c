/* SPDX-License-Identifier: Apache-2.0 */

/* weir outbox retry|purge: dispatching again what is stuck, and deleting what was published. */

#include <stdatomic.h>
#include <string.h>

#include "base/env.h"
#include "base/error.h"
#include "cli/cmd_outbox.h"
#include "cli/config_internal.h"
#include "cli/confirm.h"
#include "cli/progress.h"

#define AGE_MS_MAX (3650LL * 24 * 3600 * 1000)
#define PAGE_ROWS 100
#define STUCK_ROWS 1000 /* weir_outbox_redispatch_stuck's limit */
#define PURGE_ROWS 1000 /* between two looks at a stop */

const struct cli_option cmd_outbox_retry_options[] = {
    CLI_OUTBOX_OPTIONS,
    CLI_OUTBOX_MARK,
    {"stuck-for", 0, "TIME", "all that are pending for at least so long: 30s, 5m, 2h"},
    {"published-too", 0, NULL, "the one message also when it is published"},
    {"limit", 'n', "N", "with --stuck-for: at most so many, oldest first (all)"},
    {"dry-run", 0, NULL, "only say which"},
    {0},
};

const struct cli_option cmd_outbox_purge_options[] = {
    CLI_OUTBOX_OPTIONS,
    {"before", 0, "TIME", "published before: 2026-11-20T00:00:00.000Z"},
    {"older-than", 0, "TIME", "published longer ago than: 12h, 7d"},
    {"limit", 'n', "N", "delete at most so many (all)"},
    CLI_OPTION_YES,
    {0},
};

static atomic_bool stop_wanted;

static void want_stop(void *unused)
{
    (void)unused;
    atomic_store(&stop_wanted, true);
}

/* ---- retry ----------------------------------------------------------------------------------- */

struct retry {
    struct outbox_session s;
    struct progress progress;
    int64_t stuck_ms, limit;
    bool dry_run;
    bool more; /* ended before a message that is old enough */
    uint64_t count;
};

static void print_count(const struct cli_args *args, const char *name, const char *text,
                        uint64_t count, bool more)
{
    if (!cli_json(args)) {
        printf("%s  %llu\n", text, (unsigned long long)count);
        return;
    }
    struct arena *a = arena_new(OUTBOX_ANSWER_BYTES);
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    value_add_int(a, document, name, (int64_t)count);
    value_add_bool(a, document, "more", more);
    (void)(document != NULL && cli_print_json(document));
    arena_free(a);
}

static void say_count(const struct retry *r, uint64_t count, bool more)
{
    print_count(r->s.args, r->dry_run ? "wouldDispatch" : "dispatched",
                r->dry_run ? "would dispatch again" : "dispatched again", count, more);
}

/* In a dry run: whether it is there, and may be. */
static enum weir_status look_at_one(struct outbox_session *s, const struct weir_outbox_ref *ref)
{
    char *json = NULL;
    size_t len = 0;
    struct weir_value *document = NULL;
    struct arena *a = arena_new(OUTBOX_LIST_BYTES);
    enum weir_status status = weir_outbox_get(s->outbox, ref->key.ptr, ref->key.len, ref->id.ptr,
                                              ref->id.len, &json, &len, &s->err);
    if (status == WEIR_OK) {
        status = json_parse(a, bytes_of(json, len), &document, &s->err);
    }
    const struct weir_value *published = value_get(document, "isPublished");
    if (status == WEIR_OK && published != NULL && published->truth &&
        !cli_has(s->args, "published-too")) {
        status = error_set(&s->err, WEIR_ALREADY_EXISTS,
                           "message %.*s is published; --published-too dispatches it again",
                           (int)ref->id.len, ref->id.ptr);
    }
    weir_free(json);
    arena_free(a);
    return status;
}

static enum weir_status retry_one(struct retry *r)
{
    struct weir_outbox_ref ref;
    struct outbox_session *s = &r->s;
    enum weir_status status = outbox_take_words(s, &ref);
    if (status != WEIR_OK) {
        return status;
    }
    status = r->dry_run
                 ? look_at_one(s, &ref)
                 : weir_outbox_redispatch(s->outbox, ref.key.ptr, ref.key.len, ref.id.ptr,
                                          ref.id.len, cli_has(s->args, "published-too"), &s->err);
    if (status == WEIR_OK) {
        say_count(r, 1, false);
    }
    return status;
}

/* One that was marked or deleted meanwhile is no failure. */
static enum weir_status retry_message(struct retry *r, const struct weir_value *message)
{
    struct weir_bytes key = cli_member(message, "key"), id = cli_member(message, "id");
    if (r->dry_run) {
        if (!cli_json(r->s.args)) {
            outbox_print_line(message);
            putchar('\n');
        }
        r->count++;
        return WEIR_OK;
    }
    struct weir_error error = {0};
    enum weir_status status = weir_outbox_redispatch(r->s.outbox, (const char *)key.ptr, key.len,
                                                     (const char *)id.ptr, id.len, 0, &error);
    if (status == WEIR_NOT_FOUND || status == WEIR_ALREADY_EXISTS) {
        return WEIR_OK;
    }
    r->count += status == WEIR_OK;
    r->s.err = status == WEIR_OK ? r->s.err : error;
    return status;
}

static bool is_done(const struct retry *r)
{
    return (r->limit > 0 && r->count >= (uint64_t)r->limit) || atomic_load(&stop_wanted);
}

/* *ret_end: at a message that is too young, or at the end. */
static enum weir_status retry_page(struct retry *r, const struct weir_value *document,
                                   struct weir_bytes cutoff, bool *ret_end)
{
    const struct weir_value *messages = value_get(document, "messages");
    enum weir_status status = WEIR_OK;
    bool end = false;
    for (uint32_t i = 0; status == WEIR_OK && !end && i < messages->u.list.count; i++) {
        const struct weir_value *message = &messages->u.list.at[i];
        end = bytes_cmp(cli_member(message, "createdAt"), cutoff) > 0;
        r->more = !end && is_done(r);
        end = end || r->more;
        if (!end) {
            status = retry_message(r, message);
        }
        if (!r->dry_run) { /* whose list is what is seen */
            progress_update(&r->progress, r->count, r->count);
        }
    }
    *ret_end = end || value_get(document, "next") == NULL;
    return status;
}

/* Pages go on behind a place in the order of creation, which dispatching again does not change: no
 * message is met twice. */
static enum weir_status retry_pages(struct retry *r)
{
    struct arena *a = arena_new(OUTBOX_LIST_BYTES);
    char cutoff[ISO8601_SIZE];
    char *page = NULL;
    struct weir_bytes next = BYTES_NONE;
    bool end = false;
    iso8601_ms(env_wall_ms(env_system()) - r->stuck_ms, cutoff);
    enum weir_status status =
        a == NULL ? error_set(&r->s.err, WEIR_NO_MEMORY, "no memory") : WEIR_OK;
    while (status == WEIR_OK && !end) {
        size_t len = 0;
        struct weir_value *document = NULL;
        char *before = page;
        status = weir_outbox_pending(r->s.outbox, NULL, 0, PAGE_ROWS, (const char *)next.ptr,
                                     next.len, &page, &len, &r->s.err);
        if (status == WEIR_OK) {
            weir_free(before);
            arena_reset(a);
            status = json_parse(a, bytes_of(page, len), &document, &r->s.err);
        }
        if (status == WEIR_OK) {
            status = retry_page(r, document, bytes_str(cutoff), &end);
            next = end ? BYTES_NONE : value_get(document, "next")->u.bytes;
        }
    }
    weir_free(page);
    arena_free(a);
    return status;
}

/* Those that an earlier run left half-way are in no list: the store finishes them. Nothing was
 * created before the epoch, so that it takes no others. */
static enum weir_status finish_interrupted(struct retry *r)
{
    uint32_t count = 0;
    uint32_t max = r->limit > 0 && r->limit < STUCK_ROWS ? (uint32_t)r->limit : STUCK_ROWS;
    enum weir_status status = weir_outbox_redispatch_stuck(r->s.outbox, env_wall_ms(env_system()),
                                                           max, &count, &r->s.err);
    r->count += count;
    return status;
}

static enum weir_status retry_stuck(struct retry *r)
{
    if (r->s.options.mark == WEIR_MARK_NONE) {
        return error_set(&r->s.err, WEIR_INVALID_ARGUMENT,
                         "--stuck-for: rows are not marked (mark: none), so published messages "
                         "would be among them");
    }
    progress_init(&r->progress, r->s.args, env_system(), "dispatching again", 0);
    enum weir_status status = r->dry_run ? WEIR_OK : finish_interrupted(r);
    if (status == WEIR_OK) {
        status = retry_pages(r);
    }
    progress_end(&r->progress);
    if (status == WEIR_OK || r->count > 0) {
        say_count(r, r->count, r->more);
    }
    return status;
}

static enum weir_status take_retry(struct retry *r, const struct cli_args *args)
{
    struct weir_error *err = &r->s.err;
    bool stuck = cli_has(args, "stuck-for");
    r->dry_run = cli_has(args, "dry-run");
    if (stuck == (args->word_count > 0) || (stuck && cli_has(args, "published-too")) ||
        (!stuck && cli_has(args, "limit"))) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "weir outbox retry: either [KEY] ID, or --stuck-for TIME with its "
                         "--limit");
    }
    enum weir_status status =
        cli_get_duration(args, "stuck-for", 0, AGE_MS_MAX, 0, &r->stuck_ms, err);
    return status == WEIR_OK ? cli_get_number(args, "limit", 1, INT32_MAX, 0, &r->limit, err)
                             : status;
}

int cmd_outbox_retry(const struct cli_args *args)
{
    struct retry r = {.dry_run = false};
    enum weir_status status = take_retry(&r, args);
    if (status == WEIR_OK) {
        status = cli_on_stop(want_stop, NULL, &r.s.err);
    }
    if (status != WEIR_OK) {
        return cli_fail(args, status, &r.s.err);
    }
    status = outbox_session_open(&r.s, args, false);
    if (status == WEIR_OK) {
        status = cli_has(args, "stuck-for") ? retry_stuck(&r) : retry_one(&r);
    }
    int code = outbox_session_close(&r.s, status);
    return code == 0 && atomic_load(&stop_wanted) ? 1 : code;
}

/* ---- purge ----------------------------------------------------------------------------------- */

struct purge {
    struct outbox_session s;
    int64_t before_ms, limit;
    char before[ISO8601_SIZE];
    uint64_t deleted;
    bool more;
};

static enum weir_status take_purge(struct purge *p, const struct cli_args *args)
{
    struct weir_error *err = &p->s.err;
    const char *before = cli_get(args, "before");
    int64_t ago_ms = 0;
    if ((before == NULL) != cli_has(args, "older-than")) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "weir outbox purge: one of --before TIME and --older-than TIME is needed");
    }
    if (before != NULL && !iso8601_parse(bytes_str(before), &p->before_ms)) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "--before is \"%.80s\": a time such as 2026-11-20T00:00:00.000Z", before);
    }
    enum weir_status status = cli_get_duration(args, "older-than", 0, AGE_MS_MAX, 0, &ago_ms, err);
    if (before == NULL) {
        p->before_ms = env_wall_ms(env_system()) - ago_ms;
    }
    iso8601_ms(p->before_ms, p->before);
    return status == WEIR_OK ? cli_get_number(args, "limit", 1, INT32_MAX, 0, &p->limit, err)
                             : status;
}

static int ask(const struct purge *p, const struct cli_args *args)
{
    char question[512];
    const char *table = cli_get(args, "table");
    snprintf(question, sizeof(question), "delete messages published before %s from %.255s",
             p->before, table == NULL ? OUTBOX_SETUP_TABLE : table);
    return cli_confirm(args, question);
}

static uint32_t rows_wanted(const struct purge *p)
{
    uint64_t left = p->limit == 0 ? PURGE_ROWS : (uint64_t)p->limit - p->deleted;
    return left < PURGE_ROWS ? (uint32_t)left : PURGE_ROWS;
}

static enum weir_status purge_rows(struct purge *p, struct progress *progress)
{
    struct weir_outbox_purged purged = {.next = NULL};
    enum weir_status status = WEIR_OK;
    do {
        char *token = purged.next;
        status = weir_outbox_purge(p->s.outbox, p->before_ms, rows_wanted(p), token,
                                   token == NULL ? 0 : strlen(token), &purged, &p->s.err);
        weir_free(token);
        if (status != WEIR_OK) {
            return status;
        }
        p->deleted += purged.deleted;
        progress_update(progress, p->deleted, p->deleted);
    } while (purged.next != NULL && !atomic_load(&stop_wanted) &&
             (p->limit == 0 || p->deleted < (uint64_t)p->limit));
    p->more = purged.next != NULL;
    weir_free(purged.next);
    return WEIR_OK;
}

int cmd_outbox_purge(const struct cli_args *args)
{
    struct purge p = {.limit = 0};
    struct progress progress;
    enum weir_status status = take_purge(&p, args);
    int refused = status == WEIR_OK ? ask(&p, args) : 0;
    if (refused != 0) {
        return refused;
    }
    if (status == WEIR_OK) {
        status = cli_on_stop(want_stop, NULL, &p.s.err);
    }
    if (status != WEIR_OK) {
        return cli_fail(args, status, &p.s.err);
    }
    status = outbox_session_open(&p.s, args, false);
    if (status == WEIR_OK) {
        progress_init(&progress, args, env_system(), "deleting", 0);
        status = purge_rows(&p, &progress);
        progress_end(&progress);
        if (status == WEIR_OK || p.deleted > 0) {
            print_count(args, "deleted", "deleted", p.deleted, p.more);
        }
    }
    int code = outbox_session_close(&p.s, status);
    return code == 0 && atomic_load(&stop_wanted) && p.more ? 1 : code;
}
