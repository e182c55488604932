/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reading the outbox: pending messages in order of creation, and counts.
 *
 * A row's id need not sort by time, so the order of creation is made here: one pass over the key's
 * rows (or the table's) keeps the `limit` oldest places behind the continuation token, then their
 * rows are read one by one. The pass holds `limit` places in memory, whatever it reads.
 */

#include "outbox/outbox_store.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/error.h"

#define PENDING_LIMIT_MAX 1000
#define PENDING_TEXT_MAX (512u * 1024 * 1024)

/* Where a pending row stands in the order: creation, then key, then id. */
struct place {
    struct weir_bytes created_at, key, id;
};

static int place_compare(const struct place *a, const struct place *b)
{
    int order = bytes_cmp(a->created_at, b->created_at);
    if (order == 0) {
        order = bytes_cmp(a->key, b->key);
    }
    return order != 0 ? order : bytes_cmp(a->id, b->id);
}

/* The oldest places seen so far, in order: at most `max` of them; texts are malloc'ed. */
struct oldest {
    struct place *at;
    uint32_t count, max;
    bool more; /* one was left out */
};

static void place_free(struct place *place)
{
    free((void *)(uintptr_t)place->created_at.ptr); /* the one block that holds all three */
}

static bool place_copy(const struct place *from, struct place *to)
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

static void oldest_fini(struct oldest *oldest)
{
    for (uint32_t i = 0; i < oldest->count; i++) {
        place_free(&oldest->at[i]);
    }
    free(oldest->at);
}

static bool oldest_offer(struct oldest *oldest, const struct place *place)
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
    struct place copy;
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

/* ---- the continuation token: Base64 of the three texts, each behind its length of 4 bytes ---- */

static bool token_decode(struct arena *a, struct weir_bytes token, struct place *ret_after)
{
    uint8_t *text = arena_alloc(a, token.len / 4 * 3 + 1);
    size_t left;
    if (text == NULL || !base64_decode(token, text, &left)) {
        return false;
    }
    struct weir_bytes *targets[] = {&ret_after->created_at, &ret_after->key, &ret_after->id};
    const uint8_t *pos = text;
    for (size_t i = 0; i < 3; i++) {
        size_t len = left < 4 ? 0 : get_be32(pos);
        if (left < 4 || len > left - 4) {
            return false;
        }
        *targets[i] = bytes_of(pos + 4, len);
        pos += 4 + len;
        left -= 4 + len;
    }
    return left == 0;
}

static void token_add(struct arena *a, struct weir_value *page, const struct place *last)
{
    struct weir_bytes parts[] = {last->created_at, last->key, last->id};
    size_t len = 3 * 4 + parts[0].len + parts[1].len + parts[2].len;
    uint8_t *raw = arena_alloc(a, len);
    uint8_t *text = arena_alloc(a, base64_text_len(len));
    if (raw == NULL || text == NULL) {
        return;
    }
    uint8_t *pos = raw;
    for (size_t i = 0; i < 3; i++) {
        put_be32(pos, (uint32_t)parts[i].len);
        if (parts[i].len > 0) {
            memcpy(pos + 4, parts[i].ptr, parts[i].len);
        }
        pos += 4 + parts[i].len;
    }
    base64_encode(bytes_of(raw, len), text);
    value_add_str(a, page, "next", bytes_of(text, base64_text_len(len)));
}

/* ---- reading every row of a key or of the table ---------------------------------------------- */

struct row_visitor {
    bool (*row)(struct row_visitor *visitor, const struct weir_value *item); /* false: no memory */
};

static void add_string_value(struct arena *a, struct weir_value *values, struct weir_bytes name,
                             struct weir_bytes text)
{
    struct weir_value *node = value_add(a, values, name);
    if (node != NULL) {
        value_set_s(node, text);
    }
}

/* Query of one key or Scan of all, consistent, of the attributes that decide. */
static struct weir_value *rows_request(struct arena *a, const struct outbox_layout *layout,
                                       struct weir_bytes key, const struct weir_value *start_key)
{
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", layout->table);
    value_add_bool(a, request, "ConsistentRead", true);
    value_add_str(a, request, "ProjectionExpression",
                  BYTES_LIT("#key, #id, createdAt, isPublished, messageType"));
    struct weir_value *names = value_add_map(a, request, "ExpressionAttributeNames");
    value_add_str(a, names, "#key", layout->partition_name);
    value_add_str(a, names, "#id", layout->sort_name);
    if (key.len > 0) {
        value_add_str(a, request, "KeyConditionExpression", BYTES_LIT("#key = :key"));
        struct weir_value *values = value_new_map(a, VALUE_ITEM);
        add_string_value(a, values, BYTES_LIT(":key"), key);
        value_add_value(a, request, "ExpressionAttributeValues", values);
    }
    if (start_key != NULL) {
        value_add_value(a, request, "ExclusiveStartKey", start_key);
    }
    return request;
}

static enum weir_status visit_page(struct arena *a, const struct weir_value *response,
                                   struct row_visitor *visitor, struct weir_error *err)
{
    const struct weir_value *items = value_get(response, "Items");
    for (uint32_t i = 0; items != NULL && i < items->u.list.count; i++) {
        struct weir_value *item = NULL;
        enum weir_status status = value_to_item(a, &items->u.list.at[i], &item, err);
        if (status != WEIR_OK) {
            return status;
        }
        if (!visitor->row(visitor, item)) {
            return error_set(err, WEIR_NO_MEMORY, "no memory for the list of pending messages");
        }
    }
    return WEIR_OK;
}

/* Two arenas in turn: the start key of the next page lives in the page before. */
static enum weir_status visit_rows(struct weir_outbox *outbox, struct weir_bytes key,
                                   struct row_visitor *visitor, struct weir_error *err)
{
    struct arena *arenas[2] = {arena_new(OUTBOX_CALL_BYTES), arena_new(OUTBOX_CALL_BYTES)};
    const struct weir_value *start_key = NULL;
    enum weir_status status = WEIR_OK;
    if (arenas[0] == NULL || arenas[1] == NULL) {
        status = error_set(err, WEIR_NO_MEMORY, "no memory for reading the outbox");
    }
    for (unsigned turn = 0; status == WEIR_OK; turn = !turn) {
        struct arena *a = arenas[turn];
        struct weir_value *response = NULL;
        arena_reset(a);
        status =
            client_call(outbox->client, key.len > 0 ? "Query" : "Scan",
                        rows_request(a, &outbox->layout, key, start_key), a, &response, NULL, err);
        if (status == WEIR_OK) {
            status = visit_page(a, response, visitor, err);
        }
        start_key = status == WEIR_OK ? value_get(response, "LastEvaluatedKey") : NULL;
        if (start_key == NULL) {
            break;
        }
    }
    arena_free(arenas[0]);
    arena_free(arenas[1]);
    return status;
}

static struct weir_bytes text_of(const struct weir_value *item, struct weir_bytes name)
{
    const struct weir_value *value = value_member(item, name);
    return value != NULL && value->type == VALUE_S ? value->u.bytes : BYTES_NONE;
}

/* Rows without a type are somebody else's in the same table. */
static bool is_message(const struct weir_value *item)
{
    return text_of(item, BYTES_LIT("messageType")).len > 0;
}

static bool is_published(const struct weir_value *item)
{
    const struct weir_value *flag = value_get(item, "isPublished");
    return flag != NULL && flag->type == VALUE_BOOL && flag->truth;
}

/* ---- pending --------------------------------------------------------------------------------- */

struct pending_visitor {
    struct row_visitor visitor; /* first */
    const struct outbox_layout *layout;
    struct oldest oldest;
    struct place after; /* created_at.ptr NULL: from the start */
};

static bool pending_row(struct row_visitor *visitor, const struct weir_value *item)
{
    struct pending_visitor *p = (struct pending_visitor *)visitor;
    if (!is_message(item) || is_published(item)) {
        return true;
    }
    struct place place = {
        .created_at = text_of(item, BYTES_LIT("createdAt")),
        .key = text_of(item, p->layout->partition_name),
        .id = text_of(item, p->layout->sort_name),
    };
    if (p->after.created_at.ptr != NULL && place_compare(&place, &p->after) <= 0) {
        return true;
    }
    return oldest_offer(&p->oldest, &place);
}

static void add_member(struct arena *a, struct weir_value *to, struct weir_bytes name,
                       struct weir_bytes text)
{
    struct weir_value *node = text.ptr == NULL ? NULL : value_add(a, to, name);
    if (node != NULL) {
        *node = (struct weir_value){.type = VALUE_S, .u.bytes = text};
    }
}

/* A row as plain JSON: its keys under `key` and `id`, every other string under its own name. */
static void add_message(struct arena *a, struct weir_value *messages,
                        const struct outbox_layout *layout, const struct weir_value *row)
{
    struct weir_value *message = value_append(a, messages);
    if (message == NULL) {
        return;
    }
    *message = (struct weir_value){.type = VALUE_M};
    add_member(a, message, BYTES_LIT("id"), text_of(row, layout->sort_name));
    add_member(a, message, BYTES_LIT("key"), text_of(row, layout->partition_name));
    for (uint32_t i = 0; i < row->u.map.count; i++) {
        const struct value_member *member = &row->u.map.at[i];
        if (member->value.type == VALUE_S && !bytes_eq(member->name, layout->sort_name) &&
            !bytes_eq(member->name, layout->partition_name)) {
            add_member(a, message, member->name, member->value.u.bytes);
        }
    }
}

static struct weir_value *get_request(struct arena *a, const struct outbox_layout *layout,
                                      const struct place *place)
{
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", layout->table);
    value_add_bool(a, request, "ConsistentRead", true);
    struct weir_value *key = value_new_map(a, VALUE_ITEM);
    add_string_value(a, key, layout->partition_name, place->key);
    add_string_value(a, key, layout->sort_name, place->id);
    if (key == NULL || value_sort_map(key, NULL) != WEIR_OK) {
        return NULL;
    }
    value_add_value(a, request, "Key", key);
    return request;
}

/* Reads the row of a place; one that was published or deleted meanwhile is left out. */
static enum weir_status add_row(struct weir_outbox *outbox, struct arena *a,
                                const struct place *place, struct weir_value *messages,
                                struct weir_error *err)
{
    struct weir_value *response = NULL;
    struct weir_value *item = NULL;
    struct weir_value *request = get_request(a, &outbox->layout, place);
    if (request == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a pending message");
    }
    enum weir_status status =
        client_call(outbox->client, "GetItem", request, a, &response, NULL, err);
    if (status != WEIR_OK || value_get(response, "Item") == NULL) {
        return status;
    }
    status = value_to_item(a, value_get(response, "Item"), &item, err);
    if (status == WEIR_OK && !is_published(item)) {
        add_message(a, messages, &outbox->layout, item);
    }
    return status;
}

enum weir_status outbox_text_of(const struct weir_value *document, char **ret_json,
                                size_t *ret_json_len, struct weir_error *err)
{
    struct buf text;
    buf_init(&text, PENDING_TEXT_MAX);
    json_write(&text, document);
    size_t len = text.len;
    buf_put_u8(&text, 0);
    if (buf_status(&text) != WEIR_OK) {
        buf_fini(&text);
        return error_set(err, WEIR_NO_MEMORY, "no memory for the answer's text");
    }
    *ret_json = (char *)text.ptr;
    *ret_json_len = len;
    return WEIR_OK;
}

static enum weir_status page_of_oldest(struct weir_outbox *outbox, struct arena *a,
                                       const struct oldest *oldest, char **ret_page,
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
        token_add(a, page, &oldest->at[oldest->count - 1]);
    }
    return outbox_text_of(page, ret_page, ret_page_len, err);
}

/* A page holds whole rows of up to 400 KB each, so its arena may be large. */
#define PAGE_BYTES (2 * (size_t)PENDING_TEXT_MAX)

enum weir_status weir_outbox_pending(struct weir_outbox *outbox, const char *key, size_t key_len,
                                     uint32_t limit, const char *token, size_t token_len,
                                     char **ret_page, size_t *ret_page_len, struct weir_error *err)
{
    if (outbox == NULL) {
        return error_set(err, WEIR_CLOSED, "the outbox is not open");
    }
    if (limit == 0 || limit > PENDING_LIMIT_MAX) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "limit is %u, it must be 1 to %d", limit,
                         PENDING_LIMIT_MAX);
    }
    struct pending_visitor visitor = {
        .visitor = {.row = pending_row},
        .layout = &outbox->layout,
        .oldest = {.at = calloc((size_t)limit + 1, sizeof(struct place)), .max = limit},
    };
    struct arena *a = arena_new(PAGE_BYTES);
    enum weir_status status = WEIR_OK;
    if (a == NULL || visitor.oldest.at == NULL) {
        status = error_set(err, WEIR_NO_MEMORY, "no memory for the list of pending messages");
    } else if (token_len > 0 && !token_decode(a, bytes_of(token, token_len), &visitor.after)) {
        status = error_set(err, WEIR_INVALID_ARGUMENT,
                           "token is none that an earlier page returned as \"next\"");
    }
    if (status == WEIR_OK) {
        status = visit_rows(outbox, bytes_of(key, key_len), &visitor.visitor, err);
    }
    if (status == WEIR_OK) {
        status = page_of_oldest(outbox, a, &visitor.oldest, ret_page, ret_page_len, err);
    }
    arena_free(a);
    oldest_fini(&visitor.oldest);
    return status;
}

/* ---- statistics ------------------------------------------------------------------------------ */

struct stats_visitor {
    struct row_visitor visitor; /* first */
    struct weir_outbox_stats stats;
    char oldest[ISO8601_SIZE]; /* the least createdAt of a pending row; "" : none */
};

static bool stats_row(struct row_visitor *visitor, const struct weir_value *item)
{
    struct stats_visitor *s = (struct stats_visitor *)visitor;
    if (!is_message(item)) {
        return true;
    }
    if (is_published(item)) {
        s->stats.published++;
        return true;
    }
    s->stats.pending++;
    struct weir_bytes created = text_of(item, BYTES_LIT("createdAt"));
    if (created.len == ISO8601_SIZE - 1 &&
        (s->oldest[0] == '\0' || bytes_cmp(created, bytes_str(s->oldest)) < 0)) {
        memcpy(s->oldest, created.ptr, created.len);
        s->oldest[created.len] = '\0';
    }
    return true;
}

enum weir_status weir_outbox_stats(struct weir_outbox *outbox, struct weir_outbox_stats *ret_stats,
                                   struct weir_error *err)
{
    if (outbox == NULL) {
        return error_set(err, WEIR_CLOSED, "the outbox is not open");
    }
    struct stats_visitor visitor = {.visitor = {.row = stats_row}};
    enum weir_status status = visit_rows(outbox, BYTES_NONE, &visitor.visitor, err);
    if (status == WEIR_OK) {
        int64_t created_ms;
        visitor.stats.oldest_pending_ms = -1;
        if (iso8601_parse(bytes_str(visitor.oldest), &created_ms)) {
            int64_t age = env_wall_ms(client_env(outbox->client)) - created_ms;
            visitor.stats.oldest_pending_ms = age < 0 ? 0 : age;
        }
        *ret_stats = visitor.stats;
    }
    return status;
}
