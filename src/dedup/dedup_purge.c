/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Deleting many rows. A row is deleted only as it was read: one that was renewed, completed or
 * claimed anew between the read and the delete stays.
 */

#include "dedup/dedup_batch.h"
#include "dedup/dedup_page.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/options.h"

struct purge {
    struct weir_dedup *dedup;
    const struct weir_dedup_purge_options *options;
    struct weir_bytes worker;
    struct arena *page_arena;
    struct dedup_seen *chosen; /* of the page under way, in its arena */
    uint32_t chosen_count;
    struct weir_dedup_purged done;
    enum weir_status status; /* of the first delete that failed */
    struct weir_error error;
};

/* ---- choosing -------------------------------------------------------------------------------- */

static bool completed_before(const struct dedup_seen *seen, int64_t cutoff_ms)
{
    int64_t completed_ms;
    return seen->state == WEIR_DEDUP_COMPLETED &&
           iso8601_parse(dedup_page_text(seen->item, "completed_at"), &completed_ms) &&
           completed_ms < cutoff_ms;
}

static bool wanted(const struct purge *p, const struct dedup_seen *seen)
{
    switch (p->options->what) {
    case WEIR_DEDUP_PURGE_EXPIRED:
        return seen->state == WEIR_DEDUP_EXPIRED;
    case WEIR_DEDUP_PURGE_COMPLETED:
        return completed_before(seen, p->options->completed_before_ms);
    case WEIR_DEDUP_PURGE_WORKER:
        return seen->state != WEIR_DEDUP_ANY;
    }
    return false;
}

static uint64_t room(const struct purge *p)
{
    return p->options->limit == 0 ? UINT64_MAX : p->options->limit - p->done.deleted;
}

/* The moment by which rows are judged: a completed row is one also after its expiry. */
static int64_t judged_at_ms(const struct purge *p)
{
    return p->options->what == WEIR_DEDUP_PURGE_EXPIRED ? env_wall_ms(p->dedup->env) : 0;
}

static enum weir_status choose(struct purge *p, const struct dedup_page *page,
                               struct weir_error *err)
{
    struct dedup_call call = {.arena = p->page_arena, .now_ms = judged_at_ms(p)};
    uint32_t count = page->rows->u.list.count;
    p->chosen_count = 0;
    p->chosen = arena_alloc(p->page_arena, (count + 1) * sizeof(p->chosen[0]));
    if (p->chosen == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a purge");
    }
    for (uint32_t i = 0; i < count; i++) {
        struct dedup_seen *seen = &p->chosen[p->chosen_count];
        enum weir_status status = dedup_page_look(&call, &page->rows->u.list.at[i], seen, err);
        if (status != WEIR_OK) {
            return status;
        }
        if (!wanted(p, seen)) {
            continue;
        }
        if (p->chosen_count == room(p)) {
            p->done.more = 1;
            return WEIR_OK;
        }
        p->chosen_count++;
    }
    return WEIR_OK;
}

/* ---- deleting -------------------------------------------------------------------------------- */

static struct weir_dedup_id chosen_id(const struct dedup_batch *batch, uint32_t index)
{
    const struct purge *p = batch->arg;
    const struct dedup_seen *seen = &p->chosen[index];
    return (struct weir_dedup_id){(const char *)seen->worker.ptr, seen->worker.len,
                                  (const char *)seen->message.ptr, seen->message.len};
}

static struct weir_value *delete_document(struct dedup_batch *batch, struct dedup_lane *lane,
                                          struct weir_error *error)
{
    const struct purge *p = batch->arg;
    struct weir_value *document = dedup_delete_unchanged(&lane->call, p->chosen[lane->index].item);
    if (document == NULL) {
        (void)error_set(error, WEIR_NO_MEMORY, "no memory for a purge");
    }
    return document;
}

/* A row that is gone may be gone by this call's own attempt whose answer was lost; otherwise
 * somebody else deleted it, and it is neither deleted here nor kept. */
static enum weir_status delete_settle(struct dedup_batch *batch, struct dedup_lane *lane,
                                      enum weir_status status, const struct weir_value *response,
                                      const struct dedup_row *row, struct weir_error *error)
{
    struct purge *p = batch->arg;
    (void)response;
    if (status == WEIR_CONDITION_FAILED) {
        p->done.kept += row->is_there;
        status =
            !row->is_there && error->outcome == WEIR_OUTCOME_UNKNOWN ? WEIR_OK : WEIR_NOT_FOUND;
    }
    if (status == WEIR_OK) {
        dedup_cache_forget(batch->dedup->cache, lane->call.worker, lane->call.message);
    }
    return status;
}

static void delete_result(struct dedup_batch *batch, uint32_t index, enum weir_status status,
                          const struct weir_error *error)
{
    struct purge *p = batch->arg;
    (void)index;
    if (status == WEIR_OK) {
        p->done.deleted++;
    } else if (status != WEIR_NOT_FOUND && p->status == WEIR_OK) {
        p->status = status;
        p->error = *error;
    }
}

static enum weir_status delete_chosen(struct purge *p, struct weir_error *err)
{
    struct dedup_batch batch = {
        .dedup = p->dedup,
        .count = p->chosen_count,
        .operation = "DeleteItem",
        .arg = p,
        .id = chosen_id,
        .document = delete_document,
        .settle = delete_settle,
        .result = delete_result,
    };
    enum weir_status status = p->chosen_count == 0 ? WEIR_OK : dedup_batch_run(&batch, err);
    if (status == WEIR_OK && p->status != WEIR_OK) {
        status = p->status;
        if (err != NULL) {
            *err = p->error;
        }
    }
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Where a later call goes on: behind the last row that was chosen, deleted or not. */
static enum weir_status keep_next(struct purge *p, struct weir_error *err)
{
    struct weir_bytes token = dedup_page_token(p->page_arena, &p->chosen[p->chosen_count - 1]);
    p->done.next = token.ptr == NULL ? NULL : strndup((const char *)token.ptr, token.len);
    return p->done.next != NULL ? WEIR_OK : error_set(err, WEIR_NO_MEMORY, "no memory for a purge");
}

static enum weir_status purge_pages(struct purge *p, struct arena *keys, struct weir_error *err)
{
    const struct weir_text *token = &p->options->token;
    const struct weir_value *after = NULL;
    enum weir_status status = WEIR_OK;
    bool over = false;
    if (token->len > 0) {
        status = dedup_page_after(p->dedup, keys, bytes_of(token->ptr, token->len), &after, err);
    }
    while (status == WEIR_OK && !over) {
        struct dedup_page page = {0};
        arena_reset(p->page_arena);
        status = dedup_page_read(p->dedup, p->page_arena, p->worker, after, &page, err);
        if (status == WEIR_OK) {
            status = choose(p, &page, err);
        }
        if (status == WEIR_OK) {
            status = delete_chosen(p, err);
        }
        if (status != WEIR_OK) {
            return status;
        }
        if (page.next != NULL && room(p) == 0) {
            p->done.more = 1;
        }
        if (p->done.more != 0) {
            return keep_next(p, err);
        }
        over = page.next == NULL;
        arena_reset(keys);
        after = over ? NULL : value_copy(keys, page.next);
        status = over || after != NULL ? WEIR_OK
                                       : error_set(err, WEIR_NO_MEMORY, "no memory for a purge");
    }
    return status;
}

static enum weir_status check_options(const struct weir_dedup_purge_options *options,
                                      struct weir_error *err)
{
    if (options->what < WEIR_DEDUP_PURGE_EXPIRED || options->what > WEIR_DEDUP_PURGE_WORKER) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "what is %d: it says which rows to delete",
                         (int)options->what);
    }
    if (options->what == WEIR_DEDUP_PURGE_WORKER && options->worker.len == 0) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "worker is empty: whose rows to delete?");
    }
    if (options->what == WEIR_DEDUP_PURGE_COMPLETED && options->completed_before_ms <= 0) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "completed_before_ms is not a time");
    }
    return dedup_check_worker(options->worker.len, err);
}

enum weir_status weir_dedup_purge(struct weir_dedup *dedup,
                                  const struct weir_dedup_purge_options *given,
                                  struct weir_dedup_purged *ret_purged, struct weir_error *err)
{
    struct weir_dedup_purge_options options;
    enum weir_status status = dedup_check_open(dedup, err);
    if (status == WEIR_OK) {
        status =
            options_take(&options, sizeof(options), given, "WEIR_DEDUP_PURGE_OPTIONS_INIT", err);
    }
    if (status == WEIR_OK) {
        status = check_options(&options, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    struct arena *keys = arena_new(DEDUP_NAMES_BYTES * 4);
    struct purge p = {
        .dedup = dedup,
        .options = &options,
        .worker = bytes_of(options.worker.ptr, options.worker.len),
        .page_arena = arena_new(DEDUP_BATCH_BYTES),
    };
    status = keys == NULL || p.page_arena == NULL
                 ? error_set(err, WEIR_NO_MEMORY, "no memory for a purge")
                 : purge_pages(&p, keys, err);
    arena_free(p.page_arena);
    arena_free(keys);
    if (ret_purged != NULL) {
        *ret_purged = p.done;
    } else {
        free(p.done.next);
    }
    return status;
}
