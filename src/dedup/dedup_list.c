/* SPDX-License-Identifier: Apache-2.0 */

/* The list of what is remembered, for people and for the command line. */

#include "dedup/dedup_page.h"

#include "base/error.h"

#define LIST_LIMIT_MAX 1000
#define LIST_TEXT_MAX ((size_t)64 * 1024 * 1024)
#define KEPT_BYTES ((size_t)64 * 1024 * 1024)

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "no memory for rows of the dedup table");
}

/* ---- the list -------------------------------------------------------------------------------- */

static const char *state_name(enum weir_dedup_state state)
{
    static const char *const names[] = {
        [WEIR_DEDUP_IN_PROGRESS] = "INPROGRESS", [WEIR_DEDUP_COMPLETED] = "COMPLETED",
        [WEIR_DEDUP_FAILED] = "FAILED",          [WEIR_DEDUP_EXPIRED] = "EXPIRED",
        [WEIR_DEDUP_MALFORMED] = "MALFORMED",
    };
    return names[state];
}

static void add_text(struct arena *a, struct weir_value *map, const char *name,
                     struct weir_bytes text)
{
    if (text.len > 0) {
        value_add_str(a, map, name, arena_dup(a, text));
    }
}

static void add_time(struct arena *a, struct weir_value *map, const char *name, int64_t wall_ms)
{
    char text[ISO8601_SIZE];
    if (wall_ms != 0) {
        iso8601_ms(wall_ms, text);
        value_add_str(a, map, name, arena_dup(a, bytes_str(text)));
    }
}

/* Seconds may be any number in a row that another program wrote. */
static int64_t ms_of(int64_t seconds)
{
    const int64_t max = INT64_MAX / 1000;
    return (seconds > max ? max : seconds < -max ? -max : seconds) * 1000;
}

static void list_add(struct arena *a, struct weir_value *rows, const struct dedup_seen *seen)
{
    struct weir_value *row = value_append(a, rows);
    if (row == NULL) {
        return;
    }
    *row = (struct weir_value){.type = VALUE_M};
    add_text(a, row, "worker", seen->worker);
    add_text(a, row, "message", seen->message);
    value_add_str(a, row, "status", bytes_str(state_name(seen->state)));
    add_text(a, row, "token", dedup_page_text(seen->item, "token"));
    add_text(a, row, "claimedAt", dedup_page_text(seen->item, "claimed_at"));
    add_text(a, row, "completedAt", dedup_page_text(seen->item, "completed_at"));
    add_time(a, row, "leaseUntil", seen->row.lease_until_ms);
    add_time(a, row, "expiresAt", ms_of(seen->row.expires_at_s));
    add_text(a, row, "error", dedup_page_text(seen->item, "error"));
}

/* A list being collected; its texts outlive the pages that they come from. */
struct listing {
    struct weir_dedup *dedup;
    struct weir_bytes worker;
    enum weir_dedup_state state;
    uint32_t limit;
    struct arena *kept, *page_arena;
    struct weir_value *page, *rows;
    const struct weir_value *after; /* in `kept` */
    bool over;
};

/* Takes a page's rows until the list is full; then the page's rest is for the next call. */
static enum weir_status list_take(struct listing *l, const struct dedup_page *page,
                                  struct weir_error *err)
{
    struct dedup_call call = {.arena = l->page_arena, .now_ms = env_wall_ms(l->dedup->env)};
    uint32_t count = page->rows->u.list.count;
    for (uint32_t i = 0; i < count; i++) {
        struct dedup_seen seen;
        enum weir_status status = dedup_page_look(&call, &page->rows->u.list.at[i], &seen, err);
        if (status != WEIR_OK) {
            return status;
        }
        if (seen.state == WEIR_DEDUP_ANY ||
            (l->state != WEIR_DEDUP_ANY && seen.state != l->state)) {
            continue;
        }
        list_add(l->kept, l->rows, &seen);
        if (l->rows != NULL && l->rows->u.list.count == l->limit) {
            l->over = true;
            if (i + 1 < count || page->next != NULL) {
                value_add_str(l->kept, l->page, "next", dedup_page_token(l->kept, &seen));
            }
            return WEIR_OK;
        }
    }
    l->over = page->next == NULL;
    l->after = page->next == NULL ? NULL : value_copy(l->kept, page->next);
    return l->over || l->after != NULL ? WEIR_OK : no_memory(err);
}

static enum weir_status list_collect(struct listing *l, struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    l->page = value_new_map(l->kept, VALUE_PLAIN);
    l->rows = value_new_list(l->kept, VALUE_PLAIN);
    while (status == WEIR_OK && !l->over) {
        struct dedup_page page = {0};
        arena_reset(l->page_arena);
        status = dedup_page_read(l->dedup, l->page_arena, l->worker, l->after, &page, err);
        if (status == WEIR_OK) {
            status = list_take(l, &page, err);
        }
    }
    value_add_value(l->kept, l->page, "rows", l->rows);
    return status;
}

static enum weir_status list_with(struct listing *l, const char *token, size_t token_len,
                                  char **ret_page, size_t *ret_page_len, struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    if (l->kept == NULL || l->page_arena == NULL) {
        return no_memory(err);
    }
    if (token_len > 0) {
        status = dedup_page_after(l->dedup, l->kept, bytes_of(token, token_len), &l->after, err);
    }
    if (status == WEIR_OK) {
        status = list_collect(l, err);
    }
    if (status == WEIR_OK) {
        status = l->page == NULL
                     ? no_memory(err)
                     : dedup_text_of(l->page, LIST_TEXT_MAX, ret_page, ret_page_len, err);
    }
    return status;
}

enum weir_status weir_dedup_list(struct weir_dedup *dedup, const char *worker, size_t worker_len,
                                 enum weir_dedup_state state, uint32_t limit, const char *token,
                                 size_t token_len, char **ret_page, size_t *ret_page_len,
                                 struct weir_error *err)
{
    enum weir_status status = dedup_check_open(dedup, err);
    if (status == WEIR_OK && (limit == 0 || limit > LIST_LIMIT_MAX)) {
        status =
            error_set(err, WEIR_INVALID_ARGUMENT, "limit is %u: 1 to %d", limit, LIST_LIMIT_MAX);
    }
    if (status == WEIR_OK && (unsigned)state > (unsigned)WEIR_DEDUP_MALFORMED) {
        status = error_set(err, WEIR_INVALID_ARGUMENT, "state is %d: 0 to %d", (int)state,
                           WEIR_DEDUP_MALFORMED);
    }
    if (status == WEIR_OK) {
        status = dedup_check_worker(worker_len, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    struct listing l = {
        .dedup = dedup,
        .worker = bytes_of(worker, worker_len),
        .state = state,
        .limit = limit,
        .kept = arena_new(KEPT_BYTES),
        .page_arena = arena_new(DEDUP_BATCH_BYTES),
    };
    status = list_with(&l, token, token_len, ret_page, ret_page_len, err);
    arena_free(l.page_arena);
    arena_free(l.kept);
    return status;
}
