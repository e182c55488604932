/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing many elements. Elements of one key must not meet in one call, and the last one counts: so
 * they go out in rounds, the first of every key in round 0, the second in round 1, and a call holds
 * elements of one round.
 *
 *     elements ──► order (by round, then as given) ──► calls of at most 25 and 16 MB ──► results
 *
 * Every element begins as not applied, and only an answer that does not call it unprocessed makes
 * it applied.
 */
#include "client/item.h"

#include "base/error.h"
#include "base/options.h"

#include <stdlib.h>

/* An element's frame {"PutRequest":{"Item":..}}, and the request's own, in bytes of JSON. */
#define FRAME_BYTES 64
#define REQUEST_BYTES 4096
/* Up to this item size, JSON_FACTOR times it is a bound on its JSON that 25 of them never reach;
 * above, the text is measured. An empty string in a list counts 1 byte and is written in 9. */
#define SMALL_ITEM_BYTES (32 * 1024)
#define JSON_FACTOR 12
#define JSON_BYTES_MAX ((size_t)64 * 1024 * 1024)

struct writing {
    struct weir_client *client;
    struct weir_text table;
    struct weir_batch_options options;
    const struct weir_batch_write *elements;
    struct weir_batch_result *results;
    struct item_keyed *order;
    uint32_t count;
};

static const struct weir_item *item_of(const struct weir_batch_write *element)
{
    return element->put != NULL ? element->put : element->delete_key;
}

/* ---- the order ------------------------------------------------------------------------------- */

/* The names of the key's attributes: given, those of a key at hand, or asked for. None, where the
 * caller may write but not describe: then only equal elements are known to be of one key. */
static enum weir_status key_names(const struct writing *w, struct arena *a,
                                  struct item_key_names *ret_names, struct weir_error *err)
{
    *ret_names = (struct item_key_names){.count = 0};
    if (w->options.partition_key.len > 0) {
        item_key_names_add(ret_names, text_bytes(w->options.partition_key));
        if (w->options.sort_key.len > 0) {
            item_key_names_add(ret_names, text_bytes(w->options.sort_key));
        }
        return WEIR_OK;
    }
    for (uint32_t i = 0; i < w->count; i++) {
        const struct weir_item *key = w->elements[i].delete_key;
        for (uint32_t k = 0; key != NULL && k < key->root.u.map.count; k++) {
            item_key_names_add(ret_names, key->root.u.map.at[k].name);
        }
        if (key != NULL || w->count == 1) {
            return WEIR_OK;
        }
    }
    enum weir_status status =
        item_key_names_ask(w->client, a, w->table, (struct weir_text){NULL, 0}, ret_names, err);
    return status == WEIR_ACCESS_DENIED ? WEIR_OK : status;
}

static int compare_round(const void *a, const void *b)
{
    const struct item_keyed *left = a;
    const struct item_keyed *right = b;
    if (left->rank != right->rank) {
        return left->rank < right->rank ? -1 : 1;
    }
    return (left->index > right->index) - (left->index < right->index);
}

static enum weir_status find_order(struct writing *w, struct arena *a, struct weir_error *err)
{
    struct item_key_names names;
    enum weir_status status = key_names(w, a, &names, err);
    if (status != WEIR_OK) {
        return status;
    }
    w->order = ARENA_ARRAY(a, struct item_keyed, w->count);
    bool whole = w->order != NULL;
    for (uint32_t i = 0; whole && i < w->count; i++) {
        const struct weir_value *root = &item_of(&w->elements[i])->root;
        const struct weir_value *key = names.count > 0 ? item_key_of(a, root, &names) : NULL;
        whole = item_keyed_set(a, key != NULL ? key : root, i, &w->order[i]);
    }
    if (!whole) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a batch of %u elements", w->count);
    }
    item_keyed_rank(w->order, w->count);
    qsort(w->order, w->count, sizeof(w->order[0]), compare_round);
    return WEIR_OK;
}

/* At least the bytes of the element in a request. */
static size_t element_bytes(const struct weir_item *item)
{
    struct buf json;
    size_t bytes = item_size(&item->root);
    if (bytes <= SMALL_ITEM_BYTES) {
        return FRAME_BYTES + bytes * JSON_FACTOR;
    }
    buf_init(&json, JSON_BYTES_MAX);
    json_write(&json, &item->root);
    bytes = buf_status(&json) == WEIR_OK ? json.len : JSON_BYTES_MAX;
    buf_fini(&json);
    return FRAME_BYTES + bytes;
}

/* How many elements from `at` on go into one call: at least one. */
static uint32_t call_count(const struct writing *w, uint32_t at)
{
    size_t bytes = REQUEST_BYTES;
    uint32_t count = 0;
    while (at + count < w->count && count < LIMIT_BATCH_WRITE_ITEMS &&
           w->order[at + count].rank == w->order[at].rank) {
        bytes += element_bytes(item_of(&w->elements[w->order[at + count].index]));
        if (count > 0 && bytes > LIMIT_BATCH_WRITE_BYTES) {
            break;
        }
        count++;
    }
    return count;
}

/* ---- one call -------------------------------------------------------------------------------- */

/* The elements of a call that are not answered yet. */
struct call {
    uint32_t index[LIMIT_BATCH_WRITE_ITEMS]; /* of the elements */
    uint32_t count;
};

static struct weir_value *call_document(const struct writing *w, struct arena *a,
                                        const struct call *call)
{
    struct weir_value *list = value_new_list(a, VALUE_PLAIN);
    for (uint32_t i = 0; i < call->count; i++) {
        const struct weir_batch_write *element = &w->elements[call->index[i]];
        bool puts = element->put != NULL;
        struct weir_value *node = value_append(a, list);
        if (node == NULL) {
            return NULL;
        }
        *node = (struct weir_value){.type = VALUE_M, .form = VALUE_PLAIN};
        struct weir_value *request = value_add_map(a, node, puts ? "PutRequest" : "DeleteRequest");
        value_add_value(a, request, puts ? "Item" : "Key", &item_of(element)->root);
        if (request == NULL || request->u.map.count != 1) {
            return NULL;
        }
    }
    return item_batch_document(a, w->table, list, w->options.capacity);
}

/* The place in the call of what the answer calls unprocessed; the call's count: nowhere. */
static uint32_t place_of(const struct writing *w, const struct call *call, bool puts,
                         const struct weir_value *root)
{
    uint32_t i = 0;
    while (i < call->count) {
        const struct weir_batch_write *element = &w->elements[call->index[i]];
        if ((element->put != NULL) == puts && value_equal(&item_of(element)->root, root)) {
            break;
        }
        i++;
    }
    return i;
}

/* Keeps in the call what is unprocessed. */
static enum weir_status take_unprocessed(const struct writing *w, struct arena *a,
                                         const struct weir_value *list, struct call *call,
                                         struct weir_error *err)
{
    struct call left = {.count = 0};
    for (uint32_t i = 0; i < weir_value_count(list); i++) {
        const struct weir_value *node = weir_value_element(list, i);
        const struct weir_value *put = value_get(node, "PutRequest");
        const struct weir_value *item = put != NULL
                                            ? value_get(put, "Item")
                                            : value_get(value_get(node, "DeleteRequest"), "Key");
        struct weir_value *root = NULL;
        uint32_t place = call->count;
        if (item != NULL && item_of_answer(a, item, &root, err) == WEIR_OK) {
            place = place_of(w, call, put != NULL, root);
        }
        if (place == call->count || left.count == call->count) {
            return error_set(err, WEIR_PROTOCOL,
                             "the answer calls something unprocessed that was not written");
        }
        left.index[left.count++] = call->index[place];
    }
    *call = left;
    return WEIR_OK;
}

/* What may have been applied by an attempt stays so, whatever a later one says but "applied". */
static void set_results(const struct writing *w, const struct call *call, enum weir_status status,
                        enum weir_outcome outcome)
{
    for (uint32_t i = 0; i < call->count; i++) {
        struct weir_batch_result *result = &w->results[call->index[i]];
        bool stays = outcome == WEIR_NOT_APPLIED && result->outcome == WEIR_OUTCOME_UNKNOWN;
        *result = (struct weir_batch_result){status, stays ? WEIR_OUTCOME_UNKNOWN : outcome};
    }
}

/* What was sent and is not left. */
static void set_applied(const struct writing *w, const struct call *sent, const struct call *left)
{
    struct call done = {.count = 0};
    for (uint32_t i = 0; i < sent->count; i++) {
        uint32_t place = 0;
        while (place < left->count && left->index[place] != sent->index[i]) {
            place++;
        }
        if (place == left->count) {
            done.index[done.count++] = sent->index[i];
        }
    }
    set_results(w, &done, WEIR_OK, WEIR_APPLIED);
}

static enum weir_status take_answer(const struct writing *w, struct arena *a,
                                    const struct client_request *request, struct call *call,
                                    struct weir_error *error)
{
    if (w->options.capacity != NULL) {
        client_consumed("BatchWriteItem", request->response, w->options.capacity);
    }
    enum weir_status status = take_unprocessed(
        w, a, item_batch_member(request->response, "UnprocessedItems"), call, error);
    if (status != WEIR_OK) {
        error->outcome = WEIR_OUTCOME_UNKNOWN;
    }
    return status;
}

/* Sends what is in the call, and leaves in it what stayed unprocessed. */
static enum weir_status call_once(const struct writing *w, struct call *call,
                                  struct weir_error *error)
{
    struct client_request request = {.operation = "BatchWriteItem"};
    struct call sent = *call;
    struct arena *a = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    const struct weir_value *document = a == NULL ? NULL : call_document(w, a, call);
    if (document == NULL) {
        arena_free(a);
        return error_set(error, WEIR_NO_MEMORY, "out of memory for a batch");
    }
    request.document = document;
    request.arena = a;
    enum weir_status status = client_run(w->client, &request);
    *error = request.error;
    if (status == WEIR_OK) {
        status = take_answer(w, a, &request, call, error);
    }
    if (status == WEIR_OK) {
        set_applied(w, &sent, call);
        set_results(w, call, WEIR_THROTTLED,
                    request.unknown ? WEIR_OUTCOME_UNKNOWN : WEIR_NOT_APPLIED);
    }
    arena_free(a);
    return status;
}

/* One call, made again for what stays unprocessed. */
static enum weir_status write_call(const struct writing *w, const struct call *elements,
                                   struct weir_error *error)
{
    struct item_patience patience = {.attempts_max = w->options.max_attempts};
    struct call call = *elements;
    enum weir_status status = WEIR_OK;
    while (status == WEIR_OK && call.count > 0) {
        uint32_t before = call.count;
        status = call_once(w, &call, error);
        if (status == WEIR_OK && call.count > 0) {
            status = item_patience_wait(&patience, w->client, before, call.count, error);
        }
    }
    if (status != WEIR_OK) {
        set_results(w, &call, status, error->outcome);
    }
    return status;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Keeps the first failure of a batch; status OK: none yet. */
static void note(struct weir_error *first, const struct weir_error *error)
{
    if (first->status == WEIR_OK) {
        *first = *error;
    }
}

/* A call that is refused as invalid says nothing about its single elements, so each is written
 * alone, but for those that an earlier attempt applied. True: go on, as at least one of them is. */
static bool write_singly(const struct writing *w, const struct call *call, struct weir_error *first)
{
    uint32_t applied = 0;
    for (uint32_t i = 0; i < call->count; i++) {
        struct call one = {.index = {call->index[i]}, .count = 1};
        struct weir_error error = {0};
        bool is_applied = w->results[call->index[i]].status == WEIR_OK;
        enum weir_status status = is_applied ? WEIR_OK : write_call(w, &one, &error);
        applied += status == WEIR_OK ? 1 : 0;
        if (status != WEIR_OK) {
            note(first, &error);
        }
        if (status != WEIR_OK && status != WEIR_VALIDATION) {
            return false;
        }
    }
    return applied > 0;
}

/* True: go on. */
static bool write_group(const struct writing *w, const struct call *call, struct weir_error *first)
{
    struct weir_error error = {0};
    enum weir_status status = write_call(w, call, &error);
    if (status == WEIR_OK) {
        return true;
    }
    if (status == WEIR_VALIDATION && error.outcome == WEIR_NOT_APPLIED && call->count > 1) {
        return write_singly(w, call, first);
    }
    note(first, &error);
    return false;
}

static void write_all(const struct writing *w, struct weir_error *first)
{
    uint32_t at = 0;
    bool going = true;
    while (going && at < w->count) {
        struct call call = {.count = call_count(w, at)};
        for (uint32_t i = 0; i < call.count; i++) {
            call.index[i] = w->order[at + i].index;
        }
        going = write_group(w, &call, first);
        at += call.count;
    }
    for (; at < w->count; at++) {
        w->results[w->order[at].index].status = first->status;
    }
}

static enum weir_status check_elements(const struct weir_batch_write *elements, uint32_t count,
                                       struct weir_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if ((elements[i].put == NULL) == (elements[i].delete_key == NULL)) {
            return error_set(err, WEIR_INVALID_ARGUMENT,
                             "element %u of the batch has not exactly one of an item and a key", i);
        }
        enum weir_status status =
            item_ready(item_of(&elements[i]), elements[i].put != NULL ? "item" : "key", err);
        if (status != WEIR_OK) {
            return error_wrap(err, status, "element %u of the batch", i);
        }
    }
    return WEIR_OK;
}

static bool any_unknown(const struct writing *w)
{
    uint32_t i = 0;
    while (i < w->count && w->results[i].outcome != WEIR_OUTCOME_UNKNOWN) {
        i++;
    }
    return i < w->count;
}

static enum weir_status run(struct writing *w, struct weir_error *err)
{
    struct weir_error first = {0};
    struct arena *a = arena_new(SIZE_MAX);
    enum weir_status status = a == NULL
                                  ? error_set(err, WEIR_NO_MEMORY, "out of memory for a batch")
                                  : find_order(w, a, err);
    if (status == WEIR_OK) {
        for (uint32_t i = 0; i < w->count; i++) {
            w->results[i] = (struct weir_batch_result){WEIR_CANCELLED, WEIR_NOT_APPLIED};
        }
        write_all(w, &first);
        status = first.status;
        if (status != WEIR_OK && err != NULL) {
            first.outcome = any_unknown(w) ? WEIR_OUTCOME_UNKNOWN : WEIR_NOT_APPLIED;
            *err = first;
        }
    }
    arena_free(a);
    return status;
}

enum weir_status weir_batch_write(struct weir_client *client, const char *table, size_t table_len,
                                  const struct weir_batch_write *elements, uint32_t count,
                                  const struct weir_batch_options *options,
                                  struct weir_batch_result *ret_results, struct weir_error *err)
{
    struct writing w = {.client = client,
                        .table = {table, table_len},
                        .elements = elements,
                        .results = ret_results,
                        .count = count};
    if (client == NULL) {
        return item_no_client(err);
    }
    enum weir_status status =
        options_take(&w.options, sizeof(w.options), options, "WEIR_BATCH_OPTIONS_INIT", err);
    if (status == WEIR_OK) {
        status = check_elements(elements, count, err);
    }
    return status != WEIR_OK || count == 0 ? status : run(&w, err);
}
