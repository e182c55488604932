/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Pending messages in order of creation.
 *
 * A row's id need not sort by time, so the order is made here: a pass over the key's rows, the
 * table's, or the shards of the pending index keeps the `limit` oldest places behind the
 * continuation token, then their rows are read one by one, consistently. The pass holds `limit`
 * places in memory, whatever it reads. A shard of the index is in order of creation already, so it
 * is left as soon as its next row cannot be among the oldest.
 */

#include "outbox/outbox_store.h"

#include <stdlib.h>

#include "base/error.h"

static int place_compare(const struct outbox_place *a, const struct outbox_place *b)
{
    int order = bytes_cmp(a->created_at, b->created_at);
    if (order == 0) {
        order = bytes_cmp(a->key, b->key);
    }
    return order != 0 ? order : bytes_cmp(a->id, b->id);
}

static void place_free(struct outbox_place *place)
{
    free((void *)(uintptr_t)place->created_at.ptr); /* the one block that holds all three */
}

static bool place_copy(const struct outbox_place *from, struct outbox_place *to)
{
    uint8_t *block = malloc(from->created_at.len + from->key.len + from->id.len + 1);
    if (block == NULL) {
        return false;
    }
    struct weir_bytes parts[] = {from->created_at, from->key, from->id};
    struct weir_bytes *targets[] = {&to->created_at, &to->key, &to->id};
    uint8_t *pos = block;
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].len > 0) {
            memcpy(pos, parts[i].ptr, parts[i].len);
        }
        *targets[i] = bytes_of(pos, parts[i].len);
        pos += parts[i].len;
    }
    return true;
}

bool outbox_oldest_init(struct outbox_oldest *oldest, uint32_t max)
{
    *oldest =
        (struct outbox_oldest){.at = calloc((size_t)max + 1, sizeof(oldest->at[0])), .max = max};
    return oldest->at != NULL;
}

void outbox_oldest_fini(struct outbox_oldest *oldest)
{
    for (uint32_t i = 0; i < oldest->count; i++) {
        place_free(&oldest->at[i]);
    }
    free(oldest->at);
}

static bool oldest_offer(struct outbox_oldest *oldest, const struct outbox_place *place)
{
    uint32_t low = 0, high = oldest->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (place_compare(&oldest->at[middle], place) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == oldest->max) {
        oldest->more = true;
        return true;
    }
    struct outbox_place copy;
    if (!place_copy(place, &copy)) {
        return false;
    }
    if (oldest->count == oldest->max) {
        oldest->more = true;
        place_free(&oldest->at[--oldest->count]);
    }
    memmove(&oldest->at[low + 1], &oldest->at[low], (oldest->count - low) * sizeof(oldest->at[0]));
    oldest->at[low] = copy;
    oldest->count++;
    return true;
}

/* ---- one pass -------------------------------------------------------------------------------- */

struct pass {
    struct weir_bytes key; /* len 0: all */
    const struct outbox_place *after;
    struct outbox_oldest *oldest;
    uint32_t shard; /* of the pending index */
    bool indexed;
};

static enum outbox_visit offer_row(struct outbox_read *read, const struct weir_value *row)
{
    struct pass *pass = read->arg;
    struct outbox_place place = {
        .created_at = outbox_text(read->layout, row, OUTBOX_CREATED_AT),
        .key = outbox_text(read->layout, row, OUTBOX_KEY),
        .id = outbox_id_of_row(read->layout, row),
    };
    struct outbox_oldest *oldest = pass->oldest;
    if (!pass->indexed &&
        (!outbox_is_message(read->layout, row) || outbox_is_published(read->layout, row))) {
        return OUTBOX_VISIT_ON;
    }
    if (place.id.len == 0 ||
        (pass->after->created_at.ptr != NULL && place_compare(&place, pass->after) <= 0)) {
        return OUTBOX_VISIT_ON;
    }
    if (pass->indexed && oldest->count == oldest->max &&
        bytes_cmp(place.created_at, oldest->at[oldest->max - 1].created_at) > 0) {
        oldest->more = true;
        return OUTBOX_VISIT_ENOUGH;
    }
    return oldest_offer(oldest, &place) ? OUTBOX_VISIT_ON : OUTBOX_VISIT_NO_MEMORY;
}

static struct weir_value *plain_request(struct arena *a, const struct outbox_read *read)
{
    const struct pass *pass = read->arg;
    return outbox_rows_request(a, read->layout, pass->key);
}

static struct weir_bytes shard_value(struct arena *a, const struct outbox_layout *layout,
                                     uint32_t shard)
{
    return layout->kind->pending_value != NULL ? bytes_str(layout->kind->pending_value)
                                               : bytes_str(arena_printf(a, "%u", shard));
}

static void add_shard_values(struct arena *a, struct weir_value *request,
                             const struct outbox_read *read)
{
    const struct pass *pass = read->arg;
    struct weir_value *values = value_new_map(a, VALUE_ITEM);
    outbox_add_text(a, values, BYTES_LIT(":shard"), shard_value(a, read->layout, pass->shard));
    if (pass->after->created_at.len > 0) {
        outbox_add_text(a, values, BYTES_LIT(":after"), pass->after->created_at);
    }
    outbox_add_values(a, request, values);
}

/* One shard of the pending index, from the token's time on. */
static struct weir_value *shard_request(struct arena *a, const struct outbox_read *read)
{
    const struct pass *pass = read->arg;
    const struct outbox_layout *layout = read->layout;
    char index[OUTBOX_INDEX_NAME_SIZE];
    outbox_pending_index(layout, index);
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", layout->table);
    value_add_str(a, request, "IndexName", arena_dup(a, bytes_str(index)));
    value_add_int(a, request, "Limit", (int64_t)pass->oldest->max + 1);
    value_add_str(a, request, "KeyConditionExpression",
                  pass->after->created_at.len > 0 ? BYTES_LIT("#shard = :shard AND #at >= :after")
                                                  : BYTES_LIT("#shard = :shard"));
    bool derived = layout->kind->hash == OUTBOX_ROW;
    value_add_str(a, request, "ProjectionExpression",
                  derived ? BYTES_LIT("#key, #id, #at, #row") : BYTES_LIT("#key, #id, #at"));
    struct weir_value *names = value_new_map(a, VALUE_PLAIN);
    outbox_add_name(a, names, "#shard", layout, OUTBOX_PENDING);
    outbox_add_name(a, names, "#at", layout, OUTBOX_CREATED_AT);
    outbox_add_name(a, names, "#key", layout, OUTBOX_KEY);
    outbox_add_name(a, names, "#id", layout, OUTBOX_ID);
    if (derived) {
        outbox_add_name(a, names, "#row", layout, OUTBOX_ROW);
    }
    if (names == NULL || request == NULL) {
        return NULL;
    }
    value_add_value(a, request, "ExpressionAttributeNames", names);
    add_shard_values(a, request, read);
    return request;
}

static enum weir_status collect_from_index(struct weir_outbox *outbox, struct pass *pass,
                                           struct weir_error *err)
{
    const struct outbox_layout *layout = &outbox->layout;
    uint32_t shards = layout->kind->pending_value != NULL ? 1 : layout->pending_shards;
    struct outbox_read read = {"Query", shard_request, offer_row, layout, NULL, pass};
    enum weir_status status = WEIR_OK;
    for (pass->shard = 0; status == WEIR_OK && pass->shard < shards; pass->shard++) {
        status = outbox_read_rows(outbox, &read, err);
    }
    return status;
}

enum weir_status outbox_collect_pending(struct weir_outbox *outbox, struct weir_bytes key,
                                        const struct outbox_place *after,
                                        struct outbox_oldest *oldest, struct weir_error *err)
{
    struct pass pass = {.key = key, .after = after, .oldest = oldest};
    if (key.len == 0 && outbox_has_pending_index(&outbox->layout)) {
        pass.indexed = true;
        return collect_from_index(outbox, &pass, err);
    }
    struct outbox_read read = {
        key.len > 0 ? "Query" : "Scan", plain_request, offer_row, &outbox->layout, NULL, &pass};
    return outbox_read_rows(outbox, &read, err);
}

/* ---- the page -------------------------------------------------------------------------------- */

/* Reads the row of a place; one that was published or deleted meanwhile is left out. */
static enum weir_status add_row(struct weir_outbox *outbox, struct arena *a,
                                const struct outbox_place *place, struct weir_value *messages,
                                struct weir_error *err)
{
    const struct outbox_layout *layout = &outbox->layout;
    struct weir_value *row = NULL;
    enum weir_status status =
        outbox_read_row(outbox, a, outbox_key(a, layout, place->key, place->id), &row, err);
    if (status != WEIR_OK || row == NULL || !outbox_is_message(layout, row) ||
        outbox_is_published(layout, row)) {
        return status;
    }
    struct weir_value *node = value_append(a, messages);
    return node == NULL ? outbox_no_memory(err) : outbox_document(a, layout, row, node, err);
}

static enum weir_status page_of_oldest(struct weir_outbox *outbox, struct arena *a,
                                       const struct outbox_oldest *oldest, char **ret_page,
                                       size_t *ret_page_len, struct weir_error *err)
{
    struct weir_value *page = value_new_map(a, VALUE_PLAIN);
    struct weir_value *messages = value_new_list(a, VALUE_PLAIN);
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < oldest->count; i++) {
        status = add_row(outbox, a, &oldest->at[i], messages, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    value_add_value(a, page, "messages", messages);
    if (oldest->more) {
        const struct outbox_place *last = &oldest->at[oldest->count - 1];
        struct weir_bytes parts[] = {last->created_at, last->key, last->id};
        value_add_str(a, page, "next", outbox_token(a, parts, 3));
    }
    return outbox_text_of(page, ret_page, ret_page_len, err);
}

static enum weir_status take_token(struct arena *a, struct weir_bytes token,
                                   struct outbox_place *ret_after, struct weir_error *err)
{
    struct weir_bytes parts[3];
    if (token.len == 0) {
        return WEIR_OK;
    }
    enum weir_status status = outbox_token_decode(a, token, parts, 3, err);
    if (status == WEIR_OK) {
        *ret_after = (struct outbox_place){parts[0], parts[1], parts[2]};
    }
    return status;
}

enum weir_status weir_outbox_pending(struct weir_outbox *outbox, const char *key, size_t key_len,
                                     uint32_t limit, const char *token, size_t token_len,
                                     char **ret_page, size_t *ret_page_len, struct weir_error *err)
{
    struct arena *a = NULL;
    struct outbox_oldest oldest = {0};
    struct outbox_place after = {0};
    enum weir_status status = outbox_page_begin(outbox, limit, &a, err);
    if (status == WEIR_OK) {
        status = take_token(a, bytes_of(token, token_len), &after, err);
    }
    if (status == WEIR_OK && !outbox_oldest_init(&oldest, limit)) {
        status = outbox_no_memory(err);
    }
    if (status == WEIR_OK) {
        status = outbox_collect_pending(outbox, bytes_of(key, key_len), &after, &oldest, err);
    }
    if (status == WEIR_OK) {
        status = page_of_oldest(outbox, a, &oldest, ret_page, ret_page_len, err);
    }
    arena_free(a);
    outbox_oldest_fini(&oldest);
    return status;
}
