/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading many keys. Equal keys share one entry; entries go out in calls of a hundred, and each
 * call's answer says of every entry in it: an item, unprocessed, or neither, which is "none".
 *
 *     keys ──► places[i] ──► entries (distinct) ──► calls, each with an arena of its own
 */
#include "client/item.h"

#include "base/error.h"
#include "base/options.h"

#include <stdio.h>
#include <stdlib.h>

/* Placeholders for the names of the keys in a projection. */
#define KEY_PLACEHOLDER "#weir_key_%u"

struct entry {
    const struct weir_item *key; /* the caller's; not looked at once the batch is returned */
    struct weir_item item;       /* a view */
    enum weir_status status;
    bool pending;
};

struct weir_batch {
    uint32_t count;
    uint32_t entry_count;
    struct arena *arena; /* of the places and the entries */
    uint32_t *places;    /* key -> entry */
    struct entry *entries;
    struct arena **calls; /* what the items are in */
    uint32_t call_count;
};

/* What is the same for every call. */
struct reading {
    struct weir_client *client;
    struct weir_text table;
    struct weir_read_options options;
    struct weir_batch *batch;
    struct weir_value *frame; /* of the request for the table, without Keys */
};

/* ---- the frame ------------------------------------------------------------------------------- */

/* Whether the projection has this attribute as one of its paths. */
static bool projects(const struct weir_read_options *options, struct weir_bytes name)
{
    const char *at = options->projection.ptr;
    const char *end = at + options->projection.len;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma == NULL ? end : comma;
        while (at < stop && strchr(" \t\r\n", *at) != NULL) {
            at++;
        }
        size_t len = (size_t)(stop - at);
        while (len > 0 && strchr(" \t\r\n", at[len - 1]) != NULL) {
            len--;
        }
        const struct weir_value *meant =
            len > 0 && *at == '#' ? weir_item_get(options->names, at, len) : NULL;
        if (bytes_eq(bytes_of(at, len), name) ||
            (meant != NULL && meant->type == VALUE_S && bytes_eq(meant->u.bytes, name))) {
            return true;
        }
        at = comma == NULL ? end : comma + 1;
    }
    return false;
}

/* Adds the attributes of the key to the projection: items are told apart by them. */
static enum weir_status project_keys(const struct reading *reading, struct weir_item *names,
                                     struct arena *a, struct weir_text *projection,
                                     struct weir_error *err)
{
    const struct weir_value *key = &reading->batch->entries[0].key->root;
    for (uint32_t i = 0; i < key->u.map.count; i++) {
        char placeholder[32];
        struct weir_bytes name = key->u.map.at[i].name;
        if (projects(&reading->options, name)) {
            continue;
        }
        int len = snprintf(placeholder, sizeof(placeholder), KEY_PLACEHOLDER, i);
        (void)weir_item_set_string(names, placeholder, (size_t)len, (const char *)name.ptr,
                                   name.len);
        char *text =
            arena_printf(a, "%.*s, %s", (int)projection->len, projection->ptr, placeholder);
        if (text == NULL) {
            return error_set(err, WEIR_NO_MEMORY, "out of memory for a projection");
        }
        *projection = (struct weir_text){WEIR_STR(text)};
    }
    return weir_item_status(names, err);
}

static enum weir_status build_frame(struct reading *reading, struct arena *a,
                                    struct weir_error *err)
{
    struct item_request r;
    struct weir_item *names = NULL;
    struct weir_text projection = reading->options.projection;
    enum weir_status status = WEIR_OK;
    if (reading->options.names != NULL) {
        status = weir_item_copy(reading->options.names, &names, err);
    } else {
        status = weir_item_new(&names, err);
    }
    if (status == WEIR_OK && projection.len > 0) {
        status = project_keys(reading, names, a, &projection, err);
    }
    if (status == WEIR_OK) {
        item_request_begin(&r, a, err);
        r.copies = true;
        item_request_text(&r, "ProjectionExpression", projection);
        item_request_names(&r, names);
        if (reading->options.consistent != 0) {
            item_request_bool(&r, "ConsistentRead", true);
        }
        status = item_request_end(&r);
        reading->frame = r.document;
    }
    weir_item_free(names);
    return status;
}

/* ---- one call -------------------------------------------------------------------------------- */

/* The request for those of the entries that are pending; NULL without memory. */
static struct weir_value *call_document(const struct reading *reading, struct arena *a,
                                        const struct entry *entries, uint32_t count,
                                        uint32_t *ret_pending)
{
    struct weir_value *node = value_new_map(a, VALUE_PLAIN);
    const struct value_map *frame = &reading->frame->u.map;
    uint32_t pending = 0;
    for (uint32_t i = 0; i < frame->count; i++) {
        struct weir_value *member = value_add(a, node, frame->at[i].name);
        if (member != NULL) {
            *member = frame->at[i].value;
        }
    }
    struct weir_value *keys = value_add_list(a, node, "Keys");
    for (uint32_t i = 0; i < count; i++) {
        struct weir_value *key = entries[i].pending ? value_append(a, keys) : NULL;
        if (key != NULL) {
            *key = entries[i].key->root;
        }
        pending += entries[i].pending ? 1 : 0;
    }
    *ret_pending = pending;
    bool whole =
        keys != NULL && keys->u.list.count == pending && node->u.map.count == frame->count + 1;
    return item_batch_document(a, reading->table, whole ? node : NULL, reading->options.capacity);
}

static bool has_key(const struct weir_value *item, const struct weir_value *key)
{
    for (uint32_t i = 0; i < key->u.map.count; i++) {
        const struct weir_value *value = value_member(item, key->u.map.at[i].name);
        if (value == NULL || !value_equal(value, &key->u.map.at[i].value)) {
            return false;
        }
    }
    return true;
}

static struct entry *entry_of(struct entry *entries, uint32_t count, const struct weir_value *item)
{
    for (uint32_t i = 0; i < count; i++) {
        if (entries[i].pending && has_key(item, &entries[i].key->root)) {
            return &entries[i];
        }
    }
    return NULL;
}

/* Every element of the answer's list to its entry: an item, or, where `items` is false, a key that
 * is not answered yet. */
static enum weir_status take_list(struct arena *a, const struct weir_value *list,
                                  struct entry *entries, uint32_t count, bool items,
                                  struct weir_error *err)
{
    for (uint32_t i = 0; i < weir_value_count(list); i++) {
        struct weir_value *root = NULL;
        enum weir_status status = item_of_answer(a, weir_value_element(list, i), &root, err);
        struct entry *entry = status == WEIR_OK ? entry_of(entries, count, root) : NULL;
        if (status == WEIR_OK && entry == NULL) {
            status = error_set(err, WEIR_PROTOCOL, "the answer has a key that was not asked for");
        }
        if (status != WEIR_OK) {
            return status;
        }
        if (items) {
            entry->item.root = *root;
            entry->status = WEIR_OK;
            entry->pending = false;
        } else {
            entry->status = WEIR_THROTTLED;
        }
    }
    return WEIR_OK;
}

/* What is neither there nor unprocessed does not exist. */
static enum weir_status take_answer(struct arena *a, const struct weir_value *response,
                                    struct entry *entries, uint32_t count, uint32_t *ret_left,
                                    struct weir_error *err)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < count; i++) {
        entries[i].status = entries[i].pending ? WEIR_NOT_FOUND : entries[i].status;
    }
    enum weir_status status =
        take_list(a, item_batch_member(response, "Responses"), entries, count, true, err);
    if (status == WEIR_OK) {
        status = take_list(a, value_get(item_batch_member(response, "UnprocessedKeys"), "Keys"),
                           entries, count, false, err);
    }
    for (uint32_t i = 0; i < count && status == WEIR_OK; i++) {
        entries[i].pending = entries[i].pending && entries[i].status == WEIR_THROTTLED;
        left += entries[i].pending ? 1 : 0;
    }
    *ret_left = left;
    return status;
}

/* The items of one call stay in its arena. */
static enum weir_status call_once(const struct reading *reading, struct entry *entries,
                                  uint32_t count, uint32_t *ret_before, uint32_t *ret_left,
                                  struct weir_error *err)
{
    struct weir_batch *batch = reading->batch;
    struct weir_value *response = NULL;
    struct arena *a = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    struct arena **calls =
        a == NULL ? NULL
                  : realloc(batch->calls, ((size_t)batch->call_count + 1) * sizeof(calls[0]));
    if (calls == NULL) {
        arena_free(a);
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a batch");
    }
    batch->calls = calls;
    batch->calls[batch->call_count++] = a;
    const struct weir_value *document = call_document(reading, a, entries, count, ret_before);
    if (document == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a batch");
    }
    enum weir_status status =
        client_call(reading->client, "BatchGetItem", document, a, &response, NULL, err);
    if (status == WEIR_OK && reading->options.capacity != NULL) {
        client_consumed("BatchGetItem", response, reading->options.capacity);
    }
    return status == WEIR_OK ? take_answer(a, response, entries, count, ret_left, err) : status;
}

static enum weir_status read_entries(const struct reading *reading, struct entry *entries,
                                     uint32_t count, struct weir_error *err)
{
    struct item_patience patience = {0};
    uint32_t before = count;
    uint32_t left = count;
    enum weir_status status = WEIR_OK;
    while (status == WEIR_OK && left > 0) {
        status = call_once(reading, entries, count, &before, &left, err);
        if (status == WEIR_OK && left > 0) {
            status = item_patience_wait(&patience, reading->client, before, left, err);
        }
    }
    for (uint32_t i = 0; i < count && status != WEIR_OK; i++) {
        entries[i].status = entries[i].pending ? status : entries[i].status;
    }
    return status;
}

/* After a failure no further call is made: what is behind it has the same status. */
static enum weir_status read_all(const struct reading *reading, struct weir_error *err)
{
    struct weir_batch *batch = reading->batch;
    enum weir_status status = WEIR_OK;
    uint32_t at = 0;
    while (at < batch->entry_count && status == WEIR_OK) {
        uint32_t left = batch->entry_count - at;
        uint32_t count = left < LIMIT_BATCH_GET_ITEMS ? left : LIMIT_BATCH_GET_ITEMS;
        status = read_entries(reading, &batch->entries[at], count, err);
        at += count;
    }
    for (; at < batch->entry_count; at++) {
        batch->entries[at].status = status;
    }
    return status;
}

/* ---- the batch ------------------------------------------------------------------------------- */

static enum weir_status check_keys(const struct weir_item *const *keys, uint32_t count,
                                   struct weir_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        enum weir_status status = item_ready(keys[i], "key", err);
        if (status != WEIR_OK) {
            return error_wrap(err, status, "key %u", i);
        }
    }
    return WEIR_OK;
}

/* Gives every key its entry; the first of equal ones makes it. False without memory. */
static bool find_entries(struct weir_batch *batch, const struct weir_item *const *keys)
{
    struct item_keyed *keyed = ARENA_ARRAY(batch->arena, struct item_keyed, batch->count);
    batch->places = ARENA_ARRAY(batch->arena, uint32_t, batch->count);
    batch->entries = ARENA_ARRAY(batch->arena, struct entry, batch->count);
    if (keyed == NULL || batch->places == NULL || batch->entries == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!item_keyed_set(batch->arena, &keys[i]->root, i, &keyed[i])) {
            return false;
        }
    }
    item_keyed_rank(keyed, batch->count);
    for (uint32_t i = 0; i < batch->count; i++) {
        if (keyed[i].rank == 0) {
            batch->entries[batch->entry_count++] =
                (struct entry){.key = keys[keyed[i].index], .pending = true};
        }
        batch->places[keyed[i].index] = batch->entry_count - 1;
    }
    return true;
}

static enum weir_status make_batch(const struct weir_item *const *keys, uint32_t count,
                                   struct weir_batch **ret_batch, struct weir_error *err)
{
    struct weir_batch *batch = calloc(1, sizeof(*batch));
    if (batch != NULL) {
        batch->count = count;
        batch->arena = arena_new(SIZE_MAX);
    }
    if (batch == NULL || batch->arena == NULL || !find_entries(batch, keys)) {
        weir_batch_free(batch);
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a batch of %u keys", count);
    }
    *ret_batch = batch;
    return WEIR_OK;
}

enum weir_status weir_batch_get(struct weir_client *client, const char *table, size_t table_len,
                                const struct weir_item *const *keys, uint32_t count,
                                const struct weir_read_options *options,
                                struct weir_batch **ret_batch, struct weir_error *err)
{
    struct reading reading = {.client = client, .table = {table, table_len}};
    *ret_batch = NULL;
    if (client == NULL) {
        return item_no_client(err);
    }
    enum weir_status status = options_take(&reading.options, sizeof(reading.options), options,
                                           "WEIR_READ_OPTIONS_INIT", err);
    if (status == WEIR_OK) {
        status = check_keys(keys, count, err);
    }
    if (status == WEIR_OK) {
        status = make_batch(keys, count, &reading.batch, err);
    }
    if (status == WEIR_OK && count > 0) {
        status = build_frame(&reading, reading.batch->arena, err);
    }
    if (status != WEIR_OK) {
        weir_batch_free(reading.batch);
        return status;
    }
    *ret_batch = reading.batch;
    return read_all(&reading, err);
}

enum weir_status weir_batch_item(const struct weir_batch *batch, uint32_t index,
                                 const struct weir_item **ret_item)
{
    if (batch == NULL || index >= batch->count) {
        return WEIR_INVALID_ARGUMENT;
    }
    const struct entry *entry = &batch->entries[batch->places[index]];
    if (entry->status == WEIR_OK) {
        *ret_item = &entry->item;
    }
    return entry->status;
}

uint32_t weir_batch_count(const struct weir_batch *batch)
{
    return batch == NULL ? 0 : batch->count;
}

void weir_batch_free(struct weir_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    for (uint32_t i = 0; i < batch->call_count; i++) {
        arena_free(batch->calls[i]);
    }
    free(batch->calls);
    arena_free(batch->arena);
    free(batch);
}
