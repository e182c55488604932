/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Deleting published rows: a pass collects some, they are deleted side by side, the pass goes on
 * behind the last of them. Each deletion repeats the pass's question, since the row may have been
 * dispatched again in between.
 */

#include "outbox/outbox_store.h"

#include <stdlib.h>

#include "base/error.h"
#include "client/parallel.h"

#define PURGE_STEP_ROWS 4096
#define PURGE_STEP_BYTES (64 * 1024 * 1024)

struct purge {
    struct weir_outbox *outbox;
    struct weir_bytes before; /* ISO 8601 */
    struct arena *arena;      /* this step's keys */
    struct weir_value **keys;
    uint32_t count, max, sent;
    uint64_t deleted;
    enum weir_status status; /* of the first deletion that failed */
    struct weir_error error;
};

/* The question, in two forms: a scan's filter, a deletion's condition. */
static void add_question(struct arena *a, struct weir_value *request, const char *member,
                         const struct purge *purge)
{
    const struct outbox_layout *layout = &purge->outbox->layout;
    value_add_str(a, request, member,
                  BYTES_LIT("attribute_exists(#proof) AND #published = :true AND #at < :before"));
    struct weir_value *names = value_add_map(a, request, "ExpressionAttributeNames");
    outbox_add_name(a, names, "#proof", layout, layout->kind->proof);
    outbox_add_name(a, names, "#published", layout, OUTBOX_PUBLISHED);
    outbox_add_name(a, names, "#at", layout, OUTBOX_PUBLISHED_AT);
    struct weir_value *values = value_new_map(a, VALUE_ITEM);
    outbox_add_bool(a, values, BYTES_LIT(":true"), true);
    outbox_add_text(a, values, BYTES_LIT(":before"), purge->before);
    outbox_add_values(a, request, values);
}

static struct weir_value *scan_request(struct arena *a, const struct outbox_read *read)
{
    const struct outbox_kind *kind = read->layout->kind;
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", read->layout->table);
    value_add_bool(a, request, "ConsistentRead", true);
    bool ranged = kind->range != OUTBOX_NO_FIELD;
    value_add_str(a, request, "ProjectionExpression",
                  ranged ? BYTES_LIT("#hash, #range") : BYTES_LIT("#hash"));
    add_question(a, request, "FilterExpression", read->arg);
    struct weir_value *names =
        (struct weir_value *)(uintptr_t)value_get(request, "ExpressionAttributeNames");
    outbox_add_name(a, names, "#hash", read->layout, kind->hash);
    if (ranged) {
        outbox_add_name(a, names, "#range", read->layout, kind->range);
    }
    return request;
}

static enum outbox_visit collect(struct outbox_read *read, const struct weir_value *row)
{
    struct purge *purge = read->arg;
    struct weir_value *key = outbox_key_of_row(purge->arena, read->layout, row);
    key = key == NULL ? NULL : value_copy(purge->arena, key);
    if (key == NULL) {
        return OUTBOX_VISIT_NO_MEMORY;
    }
    purge->keys[purge->count++] = key;
    return purge->count == purge->max ? OUTBOX_VISIT_ENOUGH : OUTBOX_VISIT_ON;
}

static bool next_delete(void *arg, struct arena *a, struct parallel_call *ret_call)
{
    struct purge *purge = arg;
    if (purge->sent == purge->count || purge->status != WEIR_OK) {
        return false;
    }
    struct weir_value *request =
        outbox_keyed_request(a, &purge->outbox->layout, purge->keys[purge->sent]);
    if (request == NULL) {
        purge->status = outbox_no_memory(&purge->error);
        return false;
    }
    add_question(a, request, "ConditionExpression", purge);
    value_add_str(a, request, "ReturnValuesOnConditionCheckFailure", BYTES_LIT("ALL_OLD"));
    purge->sent++;
    *ret_call = (struct parallel_call){"DeleteItem", request, NULL};
    return true;
}

/* After a lost answer the condition fails because the row is gone: by that attempt. */
static bool is_deleted(const struct client_request *request)
{
    return request->status == WEIR_OK || (request->status == WEIR_CONDITION_FAILED &&
                                          request->error.outcome == WEIR_OUTCOME_UNKNOWN &&
                                          value_get(request->error_members, "Item") == NULL);
}

static void delete_done(void *arg, void *state, const struct client_request *request)
{
    struct purge *purge = arg;
    (void)state;
    if (is_deleted(request)) {
        purge->deleted++;
    } else if (request->status != WEIR_CONDITION_FAILED && purge->status == WEIR_OK) {
        purge->status = request->status;
        purge->error = request->error;
    }
}

static enum weir_status delete_collected(struct purge *purge, struct weir_error *err)
{
    struct parallel calls = {
        .client = purge->outbox->client,
        .max_attempts = purge->outbox->max_attempts,
        .arena_bytes = OUTBOX_PARALLEL_BYTES,
        .arg = purge,
        .next = next_delete,
        .done = delete_done,
    };
    enum weir_status status = purge->count == 0 ? WEIR_OK : parallel_run(&calls, err);
    if (status == WEIR_OK && purge->status != WEIR_OK) {
        status = purge->status;
        if (err != NULL) {
            *err = purge->error;
        }
    }
    return status;
}

/* One step behind `behind` (NULL: from the start); *ret_last is the key to go on behind, a copy in
 * `to`, or NULL at the end. */
static enum weir_status step(struct purge *purge, const struct weir_value *behind, struct arena *to,
                             struct weir_value **ret_last, struct weir_error *err)
{
    const struct outbox_layout *layout = &purge->outbox->layout;
    struct outbox_read read = {"Scan", scan_request, collect, layout, behind, purge};
    purge->count = 0;
    purge->sent = 0;
    arena_reset(purge->arena);
    enum weir_status status = outbox_read_rows(purge->outbox, &read, err);
    bool ended = purge->count < purge->max;
    if (status == WEIR_OK) {
        status = delete_collected(purge, err);
    }
    *ret_last = NULL;
    if (status == WEIR_OK && !ended) {
        arena_reset(to);
        *ret_last = value_copy(to, purge->keys[purge->count - 1]);
        status = *ret_last == NULL ? outbox_no_memory(err) : WEIR_OK;
    }
    return status;
}

/* Steps until the limit or the end. */
static enum weir_status purge_rows(struct purge *purge, uint32_t limit, struct weir_value *behind,
                                   struct arena *places[2], struct weir_value **ret_last,
                                   struct weir_error *err)
{
    uint64_t collected = 0;
    enum weir_status status;
    unsigned turn = 0;
    do {
        uint64_t left = limit == 0 ? PURGE_STEP_ROWS : limit - collected;
        purge->max = left < PURGE_STEP_ROWS ? (uint32_t)left : PURGE_STEP_ROWS;
        status = step(purge, behind, places[turn], ret_last, err);
        collected += purge->count;
        behind = *ret_last;
        turn = !turn;
    } while (status == WEIR_OK && behind != NULL && (limit == 0 || collected < limit));
    return status;
}

static enum weir_status take_token(const struct outbox_layout *layout, struct arena *a,
                                   struct weir_bytes token, struct weir_value **ret_behind,
                                   struct weir_error *err)
{
    struct weir_bytes parts[2];
    if (token.len == 0) {
        return WEIR_OK;
    }
    enum weir_status status = outbox_token_decode(a, token, parts, 2, err);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_value *key = value_new_map(a, VALUE_ITEM);
    outbox_add_text(a, key, layout->names[layout->kind->hash], parts[0]);
    if (layout->kind->range != OUTBOX_NO_FIELD) {
        outbox_add_text(a, key, layout->names[layout->kind->range], parts[1]);
    }
    *ret_behind = key;
    return value_sort_map(key, err);
}

static char *token_of(const struct outbox_layout *layout, struct arena *a,
                      const struct weir_value *last)
{
    struct weir_bytes parts[2] = {outbox_text(layout, last, layout->kind->hash),
                                  outbox_text(layout, last, layout->kind->range)};
    struct weir_bytes token = outbox_token(a, parts, 2);
    return token.ptr == NULL ? NULL : strndup((const char *)token.ptr, token.len);
}

static enum weir_status purge_with(struct purge *purge, uint32_t limit, struct weir_bytes token,
                                   struct arena *a, struct weir_outbox_purged *ret_purged,
                                   struct weir_error *err)
{
    const struct outbox_layout *layout = &purge->outbox->layout;
    struct arena *places[2] = {arena_new(OUTBOX_CALL_BYTES), arena_new(OUTBOX_CALL_BYTES)};
    struct weir_value *behind = NULL, *last = NULL;
    enum weir_status status = places[0] == NULL || places[1] == NULL
                                  ? outbox_no_memory(err)
                                  : take_token(layout, a, token, &behind, err);
    if (status == WEIR_OK) {
        status = purge_rows(purge, limit, behind, places, &last, err);
    }
    if (status == WEIR_OK) {
        ret_purged->deleted = purge->deleted;
        ret_purged->next = last == NULL ? NULL : token_of(layout, a, last);
    }
    arena_free(places[0]);
    arena_free(places[1]);
    return status;
}

enum weir_status weir_outbox_purge(struct weir_outbox *outbox, int64_t before_ms, uint32_t limit,
                                   const char *token, size_t token_len,
                                   struct weir_outbox_purged *ret_purged, struct weir_error *err)
{
    struct arena *a = NULL;
    char before[ISO8601_SIZE];
    enum weir_status status = outbox_call_begin(outbox, &a, err);
    if (status != WEIR_OK) {
        return status;
    }
    iso8601_ms(before_ms, before);
    struct purge purge = {.outbox = outbox,
                          .before = bytes_str(before),
                          .arena = arena_new(PURGE_STEP_BYTES),
                          .keys = calloc(PURGE_STEP_ROWS, sizeof(purge.keys[0]))};
    status = purge.arena == NULL || purge.keys == NULL
                 ? outbox_no_memory(err)
                 : purge_with(&purge, limit, bytes_of(token, token_len), a, ret_purged, err);
    free(purge.keys);
    arena_free(purge.arena);
    arena_free(a);
    return status;
}
