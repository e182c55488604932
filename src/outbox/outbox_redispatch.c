/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Dispatching a message again. The relay takes inserts, so the row must go and come back under the
 * same id, and a transaction cannot touch an item twice:
 *
 *     row                       1: one transaction        2: one transaction
 *     ─────────────────────────────────────────────────────────────────────────
 *     (key, id)                 message ──► gone          gone ──► message
 *     (key, weir#redispatch#h)  absent ──► copy           copy ──► gone
 *
 * The message is in exactly one place at any moment. The copy's place follows from the id (h is its
 * hash), so whoever comes later for the message finds it and makes the second step. The copy holds
 * the row inside one attribute, so that nobody takes it for a message.
 */

#include "outbox/outbox_store.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/error.h"

#define HASH_BYTES 32
#define COPY_PREFIX "weir#redispatch#"

/* What is dropped from a row that begins anew. */
static const enum outbox_field dropped[] = {
    OUTBOX_PUBLISHED,  OUTBOX_PUBLISHED_AT, OUTBOX_TTL, OUTBOX_RETRY_COUNT,
    OUTBOX_LAST_ERROR, OUTBOX_POSITION,     OUTBOX_OF,  OUTBOX_PENDING};

struct redispatch {
    struct weir_outbox *outbox;
    const struct outbox_layout *layout;
    struct arena *arena;
    struct weir_bytes key, id;
    struct weir_value *row_key, *copy_key;
    bool published_too;
};

/* ---- keys and rows --------------------------------------------------------------------------- */

static struct weir_bytes copy_name(struct arena *a, struct weir_bytes id)
{
    uint8_t digest[HASH_BYTES];
    char hex[2 * HASH_BYTES + 1];
    if (EVP_Digest(id.ptr, id.len, digest, NULL, EVP_sha256(), NULL) != 1) {
        return BYTES_NONE;
    }
    for (size_t i = 0; i < HASH_BYTES; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[2 * HASH_BYTES] = '\0';
    return bytes_str(arena_printf(a, COPY_PREFIX "%s", hex));
}

struct weir_value *outbox_copy_key(struct arena *a, const struct outbox_layout *layout,
                                   struct weir_bytes key, struct weir_bytes id)
{
    const struct outbox_kind *kind = layout->kind;
    struct weir_bytes name = copy_name(a, id);
    struct weir_value *item = name.ptr == NULL ? NULL : value_new_map(a, VALUE_ITEM);
    bool ranged = kind->range != OUTBOX_NO_FIELD;
    outbox_add_text(a, item, layout->names[kind->hash], ranged ? key : name);
    if (ranged) {
        outbox_add_text(a, item, layout->names[kind->range], name);
    }
    return item == NULL || value_sort_map(item, NULL) != WEIR_OK ? NULL : item;
}

static bool is_dropped(const struct outbox_layout *layout, struct weir_bytes name)
{
    for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
        if (outbox_has(layout, dropped[i]) && bytes_eq(name, layout->names[dropped[i]])) {
            return true;
        }
    }
    return false;
}

/* The row as it was when it was added. NULL without memory. */
static struct weir_value *fresh_row(const struct redispatch *r, const struct weir_value *row)
{
    struct arena *a = r->arena;
    struct weir_value *fresh = value_new_map(a, VALUE_ITEM);
    for (uint32_t i = 0; fresh != NULL && i < row->u.map.count; i++) {
        const struct value_member *member = &row->u.map.at[i];
        struct weir_value *node =
            is_dropped(r->layout, member->name) ? NULL : value_add(a, fresh, member->name);
        if (node != NULL) {
            *node = member->value;
        }
    }
    struct weir_bytes key = outbox_text(r->layout, row, OUTBOX_KEY);
    struct weir_bytes pending = outbox_pending_value(a, r->layout, key);
    outbox_add_bool(a, fresh, r->layout->names[OUTBOX_PUBLISHED], false);
    if (pending.ptr != NULL) {
        outbox_add_text(a, fresh, r->layout->names[OUTBOX_PENDING], pending);
    }
    return fresh == NULL || value_sort_map(fresh, NULL) != WEIR_OK ? NULL : fresh;
}

static struct weir_value *copy_of(const struct redispatch *r, const struct weir_value *fresh)
{
    struct arena *a = r->arena;
    struct weir_value *copy = value_new_map(a, VALUE_ITEM);
    for (uint32_t i = 0; copy != NULL && i < r->copy_key->u.map.count; i++) {
        const struct value_member *member = &r->copy_key->u.map.at[i];
        outbox_add_text(a, copy, member->name, member->value.u.bytes);
    }
    struct weir_value *node = value_add(a, copy, r->layout->names[OUTBOX_PARKED]);
    if (node == NULL) {
        return NULL;
    }
    *node = *fresh;
    node->form = VALUE_ATTRIBUTE;
    return value_sort_map(copy, NULL) == WEIR_OK ? copy : NULL;
}

/* ---- the two steps --------------------------------------------------------------------------- */

static struct weir_value *copy_delete_request(const struct redispatch *r)
{
    struct arena *a = r->arena;
    struct weir_value *request = outbox_keyed_request(a, r->layout, r->copy_key);
    value_add_str(a, request, "ConditionExpression", BYTES_LIT("attribute_exists(#parked)"));
    struct weir_value *names = value_add_map(a, request, "ExpressionAttributeNames");
    outbox_add_name(a, names, "#parked", r->layout, OUTBOX_PARKED);
    return names == NULL ? NULL : request;
}

/* Only the message that was read goes, not one that was added under its id meanwhile: what comes
 * back is what was read. */
static struct weir_value *row_delete_request(const struct redispatch *r,
                                             const struct weir_value *row)
{
    struct arena *a = r->arena;
    struct weir_bytes created = outbox_text(r->layout, row, OUTBOX_CREATED_AT);
    struct weir_value *request = outbox_keyed_request(a, r->layout, r->row_key);
    struct weir_value *values = value_new_map(a, VALUE_ITEM);
    const char *condition = arena_printf(
        a, "attribute_exists(#proof) AND %s%s",
        created.ptr == NULL ? "attribute_not_exists(#created)" : "#created = :created",
        r->published_too ? "" : " AND (attribute_not_exists(#published) OR #published = :false)");
    if (condition == NULL || values == NULL) {
        return NULL;
    }
    value_add_str(a, request, "ConditionExpression", bytes_str(condition));
    struct weir_value *names = value_add_map(a, request, "ExpressionAttributeNames");
    outbox_add_name(a, names, "#proof", r->layout, r->layout->kind->proof);
    outbox_add_name(a, names, "#created", r->layout, OUTBOX_CREATED_AT);
    if (created.ptr != NULL) {
        outbox_add_text(a, values, BYTES_LIT(":created"), created);
    }
    if (!r->published_too) {
        outbox_add_name(a, names, "#published", r->layout, OUTBOX_PUBLISHED);
        outbox_add_bool(a, values, BYTES_LIT(":false"), false);
    }
    if (values->u.map.count > 0) { /* the service refuses an empty map */
        outbox_add_values(a, request, values);
    }
    return names == NULL ? NULL : request;
}

/* Two elements, all or nothing; *ret_failed is the one whose condition failed, or -1. */
static enum weir_status commit_two(const struct redispatch *r, struct weir_value *first,
                                   struct weir_value *second, int32_t *ret_failed,
                                   struct weir_error *error)
{
    struct weir_txn *txn = NULL;
    enum weir_status status = outbox_txn_new(r->outbox, &txn, error);
    if (status == WEIR_OK) {
        status = txn_add_document(txn, first, WEIR_CONDITION_FAILED, error);
    }
    if (status == WEIR_OK) {
        status = txn_add_document(txn, second, WEIR_CONDITION_FAILED, error);
    }
    if (status == WEIR_OK) {
        status = outbox_commit(txn, error);
    }
    *ret_failed = status == WEIR_CONDITION_FAILED ? weir_txn_failed_index(txn) : -1;
    weir_txn_free(txn);
    return status;
}

static enum weir_status take_out(const struct redispatch *r, const struct weir_value *row,
                                 int32_t *ret_failed, struct weir_error *error)
{
    struct arena *a = r->arena;
    struct weir_value *fresh = fresh_row(r, row);
    struct weir_value *copy = fresh == NULL ? NULL : copy_of(r, fresh);
    *ret_failed = -1;
    if (copy == NULL) {
        return outbox_no_memory(error);
    }
    return commit_two(r, outbox_element(a, "Delete", row_delete_request(r, row)),
                      outbox_element(a, "Put", outbox_put_of_row(a, r->layout, copy)), ret_failed,
                      error);
}

static struct weir_value *row_is_there(const struct redispatch *r)
{
    struct arena *a = r->arena;
    struct weir_value *check = outbox_keyed_request(a, r->layout, r->row_key);
    value_add_str(a, check, "ConditionExpression", BYTES_LIT("attribute_exists(#proof)"));
    struct weir_value *names = value_add_map(a, check, "ExpressionAttributeNames");
    outbox_add_name(a, names, "#proof", r->layout, r->layout->kind->proof);
    return names == NULL ? NULL : check;
}

/* The row is there, so the copy has nothing to come back for; unless another took the row out
 * again by now: then the copy is that one's, and all that there is of the message. */
static enum weir_status drop_copy(const struct redispatch *r, struct weir_error *error)
{
    int32_t failed;
    enum weir_status status =
        commit_two(r, outbox_element(r->arena, "ConditionCheck", row_is_there(r)),
                   outbox_element(r->arena, "Delete", copy_delete_request(r)), &failed, error);
    if (failed == 0) {
        return outbox_refuse(error, WEIR_ALREADY_EXISTS,
                             "message %.*s is in another's hands, or another row has its place",
                             BYTES_ARG(r->id));
    }
    return failed == 1 ? WEIR_OK : status;
}

static enum weir_status put_back(const struct redispatch *r, const struct weir_value *copy,
                                 struct weir_error *error)
{
    struct arena *a = r->arena;
    const struct weir_value *held = outbox_value(r->layout, copy, OUTBOX_PARKED);
    int32_t failed;
    if (held == NULL || held->type != VALUE_M) {
        return error_set(error, WEIR_MALFORMED_MESSAGE, "the row kept for message %.*s is damaged",
                         BYTES_ARG(r->id));
    }
    struct weir_value row = *held;
    row.form = VALUE_ITEM;
    enum weir_status status =
        commit_two(r, outbox_element(a, "Put", outbox_put_of_row(a, r->layout, &row)),
                   outbox_element(a, "Delete", copy_delete_request(r)), &failed, error);
    if (failed == 0) {
        return drop_copy(r, error);
    }
    return failed == 1 ? WEIR_OK : status; /* another made the second step */
}

/* ---- one message ----------------------------------------------------------------------------- */

static enum weir_status begin_again(const struct redispatch *r, struct weir_error *error)
{
    struct weir_value *row = NULL;
    int32_t failed = -1;
    enum weir_status status = outbox_read_row(r->outbox, r->arena, r->row_key, &row, error);
    if (status != WEIR_OK) {
        return status;
    }
    if (row == NULL || !outbox_is_message(r->layout, row)) {
        return outbox_not_found(r->layout, r->key, r->id, error);
    }
    if (outbox_is_published(r->layout, row) && !r->published_too) {
        return error_set(error, WEIR_ALREADY_EXISTS, "message %.*s is published already",
                         BYTES_ARG(r->id));
    }
    status = take_out(r, row, &failed, error);
    if (failed == 0) {
        return outbox_refuse(error, WEIR_ALREADY_EXISTS,
                             "message %.*s was published, deleted or replaced in this moment",
                             BYTES_ARG(r->id));
    }
    return failed == 1 ? WEIR_OK : status; /* another took it out: its copy is there */
}

static enum weir_status redispatch(const struct redispatch *r, struct weir_error *error)
{
    struct weir_value *copy = NULL;
    enum weir_status status = outbox_read_row(r->outbox, r->arena, r->copy_key, &copy, error);
    if (status == WEIR_OK && copy == NULL) {
        status = begin_again(r, error);
        if (status == WEIR_OK) {
            status = outbox_read_row(r->outbox, r->arena, r->copy_key, &copy, error);
        }
    }
    return status == WEIR_OK && copy != NULL ? put_back(r, copy, error) : status;
}

static enum weir_status redispatch_one(struct weir_outbox *outbox, struct weir_bytes key,
                                       struct weir_bytes id, bool published_too,
                                       struct weir_error *err)
{
    struct redispatch r = {.outbox = outbox,
                           .layout = &outbox->layout,
                           .key = key,
                           .id = id,
                           .published_too = published_too};
    struct weir_error error = {0};
    enum weir_status status = outbox_call_begin(outbox, &r.arena, &error);
    if (status == WEIR_OK) {
        status = outbox_check_ref(r.layout, key, id, &error);
    }
    if (status == WEIR_OK && !published_too) {
        status = outbox_check_marking(outbox, &error); /* whether it is published is not known */
    }
    if (status == WEIR_OK) {
        r.row_key = outbox_key(r.arena, r.layout, key, id);
        r.copy_key = outbox_copy_key(r.arena, r.layout, key, id);
        status = r.row_key == NULL || r.copy_key == NULL ? outbox_no_memory(&error)
                                                         : redispatch(&r, &error);
    }
    arena_free(r.arena);
    if (status != WEIR_OK && err != NULL) {
        *err = error;
    }
    return status;
}

enum weir_status weir_outbox_redispatch(struct weir_outbox *outbox, const char *key, size_t key_len,
                                        const char *id, size_t id_len, uint32_t published_too,
                                        struct weir_error *err)
{
    return outbox == NULL ? error_set(err, WEIR_CLOSED, "the outbox is not open")
                          : redispatch_one(outbox, bytes_of(key, key_len), bytes_of(id, id_len),
                                           published_too != 0, err);
}

/* ---- all that are stuck ---------------------------------------------------------------------- */

/* Messages whose copy is there: their keys and ids, found by a pass over the table. */
struct interrupted {
    struct arena *arena;
    struct weir_bytes (*at)[2];
    uint32_t count, max;
};

static struct weir_value *copies_request(struct arena *a, const struct outbox_read *read)
{
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", read->layout->table);
    value_add_bool(a, request, "ConsistentRead", true);
    value_add_str(a, request, "FilterExpression", BYTES_LIT("attribute_exists(#parked)"));
    struct weir_value *names = value_add_map(a, request, "ExpressionAttributeNames");
    outbox_add_name(a, names, "#parked", read->layout, OUTBOX_PARKED);
    return names == NULL ? NULL : request;
}

static enum outbox_visit collect_copy(struct outbox_read *read, const struct weir_value *row)
{
    struct interrupted *all = read->arg;
    const struct outbox_layout *layout = read->layout;
    const struct weir_value *held = outbox_value(layout, row, OUTBOX_PARKED);
    struct weir_bytes id = outbox_id_of_row(layout, held);
    if (id.len == 0) {
        return OUTBOX_VISIT_ON;
    }
    all->at[all->count][0] = arena_dup(all->arena, outbox_text(layout, held, OUTBOX_KEY));
    all->at[all->count][1] = arena_dup(all->arena, id);
    if (all->at[all->count][0].ptr == NULL || all->at[all->count][1].ptr == NULL) {
        return OUTBOX_VISIT_NO_MEMORY;
    }
    return ++all->count == all->max ? OUTBOX_VISIT_ENOUGH : OUTBOX_VISIT_ON;
}

/* One that another process dealt with meanwhile is no failure. */
static enum weir_status count_one(struct weir_outbox *outbox, struct weir_bytes key,
                                  struct weir_bytes id, uint32_t *count, struct weir_error *err)
{
    struct weir_error error = {0};
    enum weir_status status = redispatch_one(outbox, key, id, false, &error);
    if (status == WEIR_OK) {
        (*count)++;
    } else if (status == WEIR_NOT_FOUND || status == WEIR_ALREADY_EXISTS) {
        return WEIR_OK;
    } else if (err != NULL) {
        *err = error;
    }
    return status;
}

static enum weir_status finish_interrupted(struct weir_outbox *outbox, struct arena *a,
                                           uint32_t limit, uint32_t *count, struct weir_error *err)
{
    struct interrupted all = {
        .arena = a, .max = limit, .at = arena_calloc(a, limit, sizeof(all.at[0]))};
    struct outbox_read read = {"Scan", copies_request, collect_copy, &outbox->layout, NULL, &all};
    enum weir_status status =
        all.at == NULL ? outbox_no_memory(err) : outbox_read_rows(outbox, &read, err);
    for (uint32_t i = 0; status == WEIR_OK && i < all.count; i++) {
        status = count_one(outbox, all.at[i][0], all.at[i][1], count, err);
    }
    return status;
}

static enum weir_status redispatch_old(struct weir_outbox *outbox, int64_t older_than_ms,
                                       uint32_t limit, uint32_t *count, struct weir_error *err)
{
    struct outbox_oldest oldest;
    struct outbox_place start = {0};
    char cutoff[ISO8601_SIZE];
    iso8601_ms(env_wall_ms(client_env(outbox->client)) - older_than_ms, cutoff);
    enum weir_status status = outbox_oldest_init(&oldest, limit)
                                  ? outbox_collect_pending(outbox, BYTES_NONE, &start, &oldest, err)
                                  : outbox_no_memory(err);
    for (uint32_t i = 0; status == WEIR_OK && i < oldest.count && *count < limit; i++) {
        if (bytes_cmp(oldest.at[i].created_at, bytes_str(cutoff)) > 0) {
            break;
        }
        status = count_one(outbox, oldest.at[i].key, oldest.at[i].id, count, err);
    }
    outbox_oldest_fini(&oldest);
    return status;
}

enum weir_status weir_outbox_redispatch_stuck(struct weir_outbox *outbox, int64_t older_than_ms,
                                              uint32_t limit, uint32_t *ret_count,
                                              struct weir_error *err)
{
    struct arena *a = NULL;
    uint32_t count = 0;
    enum weir_status status = outbox_page_begin(outbox, limit, &a, err);
    if (status == WEIR_OK) {
        status = outbox_check_marking(outbox, err); /* otherwise all would look stuck */
    }
    if (status == WEIR_OK && older_than_ms < 0) {
        status = error_set(err, WEIR_INVALID_ARGUMENT, "older_than_ms is below 0");
    }
    if (status == WEIR_OK) {
        status = finish_interrupted(outbox, a, limit, &count, err);
    }
    if (status == WEIR_OK && count < limit) {
        status = redispatch_old(outbox, older_than_ms, limit, &count, err);
    }
    if (status == WEIR_OK) {
        *ret_count = count;
    }
    arena_free(a);
    return status;
}
