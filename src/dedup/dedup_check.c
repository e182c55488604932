/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Checks of many ids by BatchGetItem, 100 at a time. Only what decides is asked for, so that stored
 * results do not fill the answer; what the service leaves unprocessed is asked for again.
 */

#include "dedup/dedup_page.h"

#include "base/error.h"
#include "client/item.h"

/* One BatchGetItem's worth of the caller's ids, and of retries of what it left unprocessed. */
struct chunk {
    struct weir_dedup *dedup;
    struct dedup_call calls[LIMIT_BATCH_GET_ITEMS]; /* in one arena */
    struct weir_dedup_checked *results[LIMIT_BATCH_GET_ITEMS];
    bool answered[LIMIT_BATCH_GET_ITEMS];
    uint32_t count;
    struct arena *arena;
    struct item_patience patience;
    uint32_t left; /* not answered yet */
};

static bool same_id(const struct dedup_call *a, const struct dedup_call *b)
{
    return bytes_eq(a->message, b->message) && bytes_eq(a->worker, b->worker);
}

static void answer(struct chunk *chunk, uint32_t index, enum weir_status status, bool duplicate,
                   const struct weir_error *error)
{
    struct weir_dedup_checked *result = chunk->results[index];
    chunk->answered[index] = true;
    chunk->left--;
    result->status = status;
    result->duplicate = duplicate;
    if (status != WEIR_OK) {
        result->error = *error;
    }
    dedup_count(chunk->dedup, status);
    if (status == WEIR_OK) {
        atomic_fetch_add(duplicate ? &chunk->dedup->hits : &chunk->dedup->misses, 1);
    }
}

/* All that have no answer yet. */
static void answer_rest(struct chunk *chunk, enum weir_status status,
                        const struct weir_error *error)
{
    for (uint32_t i = 0; i < chunk->count; i++) {
        if (!chunk->answered[i]) {
            answer(chunk, i, status, false, error);
        }
    }
}

static void answer_from_row(struct chunk *chunk, uint32_t index, const struct weir_value *item)
{
    const struct dedup_call *call = &chunk->calls[index];
    struct weir_error error = {0};
    struct dedup_row row = {0};
    enum weir_status status = dedup_decode(call, item, &row, &error);
    if (status == WEIR_OK && row.state == DEDUP_FOREIGN) {
        status = dedup_refuse(call, WEIR_CONFIG, DEDUP_IS_FOREIGN, &error);
    }
    if (status == WEIR_OK && row.state == DEDUP_COMPLETED) {
        dedup_remember(chunk->dedup, call, row.expires_at_s);
    }
    answer(chunk, index, status, row.state == DEDUP_COMPLETED, &error);
}

static bool is_of(const struct weir_value *item, const struct dedup_call *call)
{
    return bytes_eq(dedup_page_text(item, "worker_id"), call->worker) &&
           bytes_eq(dedup_page_text(item, "message_id"), call->message);
}

/* Every id that is the row's, twice in the call or not. */
static enum weir_status take_row(struct chunk *chunk, const struct weir_value *node,
                                 struct weir_error *error)
{
    struct weir_value *item = NULL;
    enum weir_status status = value_to_item(chunk->arena, node, &item, error);
    for (uint32_t i = 0; status == WEIR_OK && i < chunk->count; i++) {
        if (!chunk->answered[i] && is_of(item, &chunk->calls[i])) {
            answer_from_row(chunk, i, item);
        }
    }
    return status;
}

/* Whether the id is among the keys that were not processed. */
static bool is_left(struct chunk *chunk, const struct weir_value *keys, uint32_t index)
{
    for (uint32_t i = 0; i < weir_value_count(keys); i++) {
        struct weir_value *key = NULL;
        if (value_to_item(chunk->arena, weir_value_element(keys, i), &key, NULL) == WEIR_OK &&
            is_of(key, &chunk->calls[index])) {
            return true;
        }
    }
    return false;
}

/* What is neither there nor left has no row. */
static enum weir_status take_answer(struct chunk *chunk, const struct weir_value *response,
                                    struct weir_error *error)
{
    const struct weir_value *rows = item_batch_member(response, "Responses");
    const struct weir_value *left =
        value_get(item_batch_member(response, "UnprocessedKeys"), "Keys");
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < weir_value_count(rows); i++) {
        status = take_row(chunk, weir_value_element(rows, i), error);
    }
    for (uint32_t i = 0; status == WEIR_OK && i < chunk->count; i++) {
        if (!chunk->answered[i] && !is_left(chunk, left, i)) {
            answer_from_row(chunk, i, NULL);
        }
    }
    return status;
}

/* BatchGetItem takes no key twice. */
static bool is_first_of_its_id(const struct chunk *chunk, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (!chunk->answered[i] && same_id(&chunk->calls[i], &chunk->calls[index])) {
            return false;
        }
    }
    return true;
}

static struct weir_value *chunk_document(struct chunk *chunk)
{
    struct arena *a = chunk->arena;
    struct weir_value *keys = value_new_list(a, VALUE_PLAIN);
    for (uint32_t i = 0; i < chunk->count; i++) {
        if (!chunk->answered[i] && is_first_of_its_id(chunk, i)) {
            struct weir_value *node = value_append(a, keys);
            const struct weir_value *key = dedup_key(&chunk->calls[i]);
            if (node == NULL || key == NULL) {
                return NULL;
            }
            *node = *key;
        }
    }
    return dedup_batch_get(a, &chunk->dedup->policy, keys);
}

/* One round; what the service left is for another, after a pause that the client's own retries
 * would make too. */
static enum weir_status chunk_round(struct chunk *chunk, struct weir_error *error)
{
    struct weir_client *client = chunk->dedup->client;
    struct weir_value *response = NULL;
    struct weir_value *document = chunk_document(chunk);
    uint32_t before = chunk->left;
    if (document == NULL) {
        return error_set(error, WEIR_NO_MEMORY, "no memory for a batch");
    }
    enum weir_status status =
        client_call(client, "BatchGetItem", document, chunk->arena, &response, NULL, error);
    if (status == WEIR_OK) {
        status = take_answer(chunk, response, error);
    }
    if (status == WEIR_OK && chunk->left > 0) {
        status = item_patience_wait(&chunk->patience, client, before, chunk->left, error);
    }
    return status;
}

static void chunk_read(struct chunk *chunk)
{
    struct weir_error error = {0};
    enum weir_status status = WEIR_OK;
    while (status == WEIR_OK && chunk->left > 0) {
        status = chunk_round(chunk, &error);
    }
    answer_rest(chunk, status, &error);
}

/* Into the chunk, unless its answer is known already. */
static void chunk_add(struct chunk *chunk, const struct weir_dedup_id *id,
                      struct weir_dedup_checked *result)
{
    struct weir_dedup *dedup = chunk->dedup;
    struct weir_error error = {0};
    uint32_t at = chunk->count++;
    struct dedup_call *call = &chunk->calls[at];
    *result = (struct weir_dedup_checked){0};
    chunk->results[at] = result;
    chunk->answered[at] = false;
    chunk->left++;
    enum weir_status status =
        dedup_call_init(call, chunk->arena, &dedup->policy, env_wall_ms(dedup->env), id, &error);
    if (status != WEIR_OK) {
        answer(chunk, at, status, false, &error);
    } else if (dedup_cache_knows(dedup->cache, call->worker, call->message, call->now_ms / 1000)) {
        atomic_fetch_add(&dedup->cache_hits, 1);
        answer(chunk, at, WEIR_OK, true, NULL);
    }
}

enum weir_status weir_dedup_check_many(struct weir_dedup *dedup, const struct weir_dedup_id *ids,
                                       uint32_t count, struct weir_dedup_checked *ret_results,
                                       struct weir_error *err)
{
    enum weir_status status = dedup_check_count(dedup, count, err);
    if (status != WEIR_OK) {
        return status;
    }
    struct chunk chunk = {.dedup = dedup, .arena = arena_new(DEDUP_BATCH_BYTES)};
    if (chunk.arena == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a batch");
    }
    for (uint32_t next = 0; next < count;) {
        chunk.count = 0;
        chunk.patience = (struct item_patience){0};
        arena_reset(chunk.arena);
        while (next < count && chunk.count < LIMIT_BATCH_GET_ITEMS) {
            chunk_add(&chunk, &ids[next], &ret_results[next]);
            next++;
        }
        chunk_read(&chunk);
    }
    arena_free(chunk.arena);
    return WEIR_OK;
}
