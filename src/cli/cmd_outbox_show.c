/* SPDX-License-Identifier: Apache-2.0 */

/* weir outbox show|ls|stats: what an outbox holds. */

#include <string.h>

#include "base/base64.h"
#include "base/env.h"
#include "base/error.h"
#include "base/utf8.h"
#include "cli/cmd_outbox.h"

#define ROWS_MAX 1000
#define AGE_MS_MAX (3650LL * 24 * 3600 * 1000)
#define SECOND_MS 1000.0

const struct cli_option cmd_outbox_show_options[] = {CLI_OUTBOX_OPTIONS, {0}};

const struct cli_option cmd_outbox_ls_options[] = {
    CLI_OUTBOX_OPTIONS,
    {"key", 'k', "KEY", "of one ordering key only"},
    {"older-than", 0, "TIME", "created at least so long ago: 30s, 5m, 2h, 7d"},
    {"correlation", 0, "ID", "by-message: published or not, of one correlation id"},
    {"aggregate", 0, "ID", "by-message: published or not, of one aggregate id"},
    {"limit", 'n', "N", "at most so many (100)"},
    {"next", 0, "TOKEN", "go on after an earlier page"},
    {0},
};

const struct cli_option cmd_outbox_stats_options[] = {
    CLI_OUTBOX_OPTIONS,
    CLI_OUTBOX_MARK,
    {"max-age", 0, "TIME", "exit 1 when the oldest pending message is older: 30s, 5m, 2h"},
    {0},
};

/* ---- printing -------------------------------------------------------------------------------- */

void outbox_print_failed(uint64_t line, const struct weir_error *error)
{
    fprintf(stderr, "weir: line %llu: ", (unsigned long long)line);
    cli_print_clean(stderr, bytes_str(error->message));
    fputc('\n', stderr);
}

void outbox_print_line(const struct weir_value *message)
{
    static const char *const columns[] = {"createdAt", "key", "id", "messageType"};
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        fputs(i == 0 ? "" : "  ", stdout);
        cli_print_clean(stdout, cli_member(message, columns[i]));
    }
}

/* ---- show ------------------------------------------------------------------------------------ */

/* The payload as text where it is text that a terminal can show. */
static bool print_payload(struct arena *a, struct weir_bytes base64)
{
    size_t len = 0;
    uint8_t *raw = arena_alloc(a, base64.len + 1);
    if (raw == NULL || !base64_decode(base64, raw, &len)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (cli_is_control(raw[i]) && raw[i] != '\n' && raw[i] != '\t') {
            return false;
        }
    }
    if (!utf8_valid(bytes_of(raw, len))) {
        return false;
    }
    fwrite(raw, 1, len, stdout);
    return true;
}

static void print_member(struct arena *a, struct weir_bytes name, const struct weir_value *value)
{
    printf("%-16.*s  ", BYTES_ARG(name));
    bool is_payload = bytes_eq(name, BYTES_LIT("payload"));
    if (is_payload && value->type == VALUE_S && print_payload(a, value->u.bytes)) {
        putchar('\n');
        return;
    }
    if (value->type == VALUE_BOOL) {
        fputs(value->truth ? "yes" : "no", stdout);
    } else if (value->type == VALUE_S || value->type == VALUE_N) {
        cli_print_clean(stdout, value->u.bytes);
    }
    fputs(is_payload && value->type == VALUE_S ? " (Base64)\n" : "\n", stdout);
}

static enum weir_status print_message(const char *json, size_t len, struct weir_error *err)
{
    struct arena *a = arena_new(OUTBOX_LIST_BYTES);
    struct weir_value *document = NULL;
    enum weir_status status = a == NULL ? error_set(err, WEIR_NO_MEMORY, "no memory for a message")
                                        : json_parse(a, bytes_of(json, len), &document, err);
    for (uint32_t i = 0; status == WEIR_OK && i < document->u.map.count; i++) {
        print_member(a, document->u.map.at[i].name, &document->u.map.at[i].value);
    }
    arena_free(a);
    return status;
}

int cmd_outbox_show(const struct cli_args *args)
{
    struct outbox_session s;
    struct weir_outbox_ref ref;
    char *json = NULL;
    size_t len = 0;
    enum weir_status status = outbox_session_open(&s, args, false);
    if (status == WEIR_OK) {
        status = outbox_take_words(&s, &ref);
    }
    if (status == WEIR_OK) {
        status = weir_outbox_get(s.outbox, ref.key.ptr, ref.key.len, ref.id.ptr, ref.id.len, &json,
                                 &len, &s.err);
    }
    if (status == WEIR_OK && cli_json(args)) {
        (void)(cli_print_text(json, len) && cli_print_text("\n", 1));
    } else if (status == WEIR_OK) {
        status = print_message(json, len, &s.err);
    }
    weir_free(json);
    return outbox_session_close(&s, status);
}

/* ---- ls -------------------------------------------------------------------------------------- */

struct listing {
    struct outbox_session s;
    const char *key, *correlation, *aggregate, *next;
    int64_t limit;
    int64_t older_than_ms; /* -1: of any age */
    char *page;
    size_t len;
};

static enum weir_status take_listing(struct listing *l)
{
    const struct cli_args *args = l->s.args;
    l->key = cli_get(args, "key");
    l->correlation = cli_get(args, "correlation");
    l->aggregate = cli_get(args, "aggregate");
    l->next = cli_get(args, "next");
    bool by_index = l->correlation != NULL || l->aggregate != NULL;
    if (by_index && ((l->correlation != NULL && l->aggregate != NULL) || l->key != NULL ||
                     cli_has(args, "older-than"))) {
        return error_set(&l->s.err, WEIR_INVALID_ARGUMENT,
                         "--correlation and --aggregate stand alone: the index has no pending "
                         "ones apart, and no order");
    }
    enum weir_status status = cli_get_number(args, "limit", 1, ROWS_MAX, 100, &l->limit, &l->s.err);
    return status == WEIR_OK ? cli_get_duration(args, "older-than", 0, AGE_MS_MAX, -1,
                                                &l->older_than_ms, &l->s.err)
                             : status;
}

static enum weir_status read_listing(struct listing *l)
{
    size_t next_len = l->next == NULL ? 0 : strlen(l->next);
    const char *value = l->correlation != NULL ? l->correlation : l->aggregate;
    if (value != NULL) {
        return weir_outbox_find(
            l->s.outbox,
            l->correlation != NULL ? WEIR_OUTBOX_BY_CORRELATION : WEIR_OUTBOX_BY_AGGREGATE, value,
            strlen(value), (uint32_t)l->limit, l->next, next_len, &l->page, &l->len, &l->s.err);
    }
    return weir_outbox_pending(l->s.outbox, l->key, l->key == NULL ? 0 : strlen(l->key),
                               (uint32_t)l->limit, l->next, next_len, &l->page, &l->len, &l->s.err);
}

/* Pages are ordered by creation, so that a page which is cut has none behind it. */
static enum weir_status cut_young(struct listing *l, struct arena *a, struct weir_value **document)
{
    char cutoff[ISO8601_SIZE];
    const struct weir_value *messages = value_get(*document, "messages");
    uint32_t kept = 0;
    iso8601_ms(env_wall_ms(env_system()) - l->older_than_ms, cutoff);
    while (kept < messages->u.list.count &&
           bytes_cmp(cli_member(&messages->u.list.at[kept], "createdAt"), bytes_str(cutoff)) <= 0) {
        kept++;
    }
    if (kept == messages->u.list.count) {
        return WEIR_OK;
    }
    struct weir_value *shorter = value_new_map(a, VALUE_PLAIN);
    struct weir_value *list = value_add_list(a, shorter, "messages");
    for (uint32_t i = 0; i < kept; i++) {
        struct weir_value *node = value_append(a, list);
        if (node == NULL) {
            break;
        }
        *node = messages->u.list.at[i];
    }
    *document = shorter;
    return list == NULL || list->u.list.count < kept
               ? error_set(&l->s.err, WEIR_NO_MEMORY, "no memory for the list")
               : WEIR_OK;
}

static void print_listing(const struct weir_value *document, bool by_index)
{
    const struct weir_value *messages = value_get(document, "messages");
    for (uint32_t i = 0; i < messages->u.list.count; i++) {
        const struct weir_value *message = &messages->u.list.at[i];
        const struct weir_value *published = value_get(message, "isPublished");
        outbox_print_line(message);
        if (by_index) {
            fputs(published != NULL && published->truth ? "  published" : "  pending", stdout);
        }
        putchar('\n');
    }
    const struct weir_value *next = value_get(document, "next");
    if (next != NULL) {
        fprintf(stderr, "there are more: --next %.*s\n", BYTES_ARG(next->u.bytes));
    }
}

static enum weir_status show_listing(struct listing *l)
{
    struct arena *a = arena_new(OUTBOX_LIST_BYTES);
    struct weir_value *document = NULL;
    enum weir_status status = a == NULL
                                  ? error_set(&l->s.err, WEIR_NO_MEMORY, "no memory for the list")
                                  : json_parse(a, bytes_of(l->page, l->len), &document, &l->s.err);
    if (status == WEIR_OK && l->older_than_ms >= 0) {
        status = cut_young(l, a, &document);
    }
    if (status == WEIR_OK && cli_json(l->s.args)) {
        (void)cli_print_json(document);
    } else if (status == WEIR_OK) {
        print_listing(document, l->correlation != NULL || l->aggregate != NULL);
    }
    arena_free(a);
    return status;
}

int cmd_outbox_ls(const struct cli_args *args)
{
    struct listing l = {.s.args = args};
    enum weir_status status = take_listing(&l);
    if (status != WEIR_OK) {
        return cli_fail(args, status, &l.s.err);
    }
    status = outbox_session_open(&l.s, args, false);
    if (status == WEIR_OK) {
        status = read_listing(&l);
    }
    if (status == WEIR_OK) {
        status = show_listing(&l);
    }
    weir_free(l.page);
    return outbox_session_close(&l.s, status);
}

/* ---- stats ----------------------------------------------------------------------------------- */

/* What the numbers mean where they are not all there is. */
static const char *const mark_meanings[] = {
    [WEIR_MARK_UPDATE] = NULL,
    [WEIR_MARK_NONE] = "none: rows do not say what is published, and all without a mark count as "
                       "pending; the relay's position tells which are",
    [WEIR_MARK_DELETE] = "delete: published messages are gone, and not counted",
};

static void print_stats(const struct outbox_session *s, const struct weir_outbox_stats *stats)
{
    printf("pending    %llu\npublished  %llu\n", (unsigned long long)stats->pending,
           (unsigned long long)stats->published);
    if (stats->failing > 0) {
        printf("failing    %llu\n", (unsigned long long)stats->failing);
    }
    if (stats->interrupted > 0) {
        printf("half-way   %u of weir outbox retry, which finishes them\n", stats->interrupted);
    }
    if (stats->oldest_pending_ms >= 0) {
        printf("oldest     %.1f s\n", (double)stats->oldest_pending_ms / SECOND_MS);
    }
    if (mark_meanings[s->options.mark] != NULL) {
        printf("mark       %s\n", mark_meanings[s->options.mark]);
    }
}

static void print_stats_json(const struct outbox_session *s, const struct weir_outbox_stats *stats,
                             bool too_old)
{
    struct arena *a = arena_new(OUTBOX_ANSWER_BYTES);
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    value_add_int(a, document, "pending", (int64_t)stats->pending);
    value_add_int(a, document, "published", (int64_t)stats->published);
    value_add_int(a, document, "failing", (int64_t)stats->failing);
    value_add_int(a, document, "interrupted", stats->interrupted);
    if (stats->oldest_pending_ms >= 0) {
        value_add_int(a, document, "oldestPendingMs", stats->oldest_pending_ms);
    }
    value_add_str(a, document, "mark", bytes_str(outbox_session_mark(s)));
    value_add_bool(a, document, "pendingByCheckpoint", stats->pending_by_checkpoint != 0);
    if (cli_has(s->args, "max-age")) {
        value_add_bool(a, document, "tooOld", too_old);
    }
    (void)(document != NULL && cli_print_json(document));
    arena_free(a);
}

static enum weir_status read_stats(struct outbox_session *s, int64_t max_age_ms,
                                   struct weir_outbox_stats *ret_stats)
{
    if (max_age_ms >= 0 && s->options.mark == WEIR_MARK_NONE) {
        return error_set(&s->err, WEIR_INVALID_ARGUMENT,
                         "--max-age: rows are not marked (mark: none), so their age says nothing; "
                         "the relay's lag does");
    }
    return weir_outbox_stats(s->outbox, ret_stats, &s->err);
}

int cmd_outbox_stats(const struct cli_args *args)
{
    struct outbox_session s = {.args = args};
    struct weir_outbox_stats stats;
    int64_t max_age_ms = -1;
    bool too_old = false;
    enum weir_status status =
        cli_get_duration(args, "max-age", 0, AGE_MS_MAX, -1, &max_age_ms, &s.err);
    if (status != WEIR_OK) {
        return cli_fail(args, status, &s.err);
    }
    status = outbox_session_open(&s, args, false);
    if (status == WEIR_OK) {
        status = read_stats(&s, max_age_ms, &stats);
    }
    if (status == WEIR_OK) {
        too_old = max_age_ms >= 0 && stats.oldest_pending_ms > max_age_ms;
        if (cli_json(args)) {
            print_stats_json(&s, &stats, too_old);
        } else {
            print_stats(&s, &stats);
        }
    }
    if (too_old && !cli_json(args)) {
        fprintf(stderr, "weir: the oldest pending message is %.1f s old, more than --max-age %s\n",
                (double)stats.oldest_pending_ms / SECOND_MS, cli_get(args, "max-age"));
    }
    int code = outbox_session_close(&s, status);
    return code == 0 && too_old ? 1 : code;
}
