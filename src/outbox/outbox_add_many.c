/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Adding many. Messages of one key form a chain: the next one is sent once the one before it is in
 * the table, and never when that one failed. So the heads of chains are ready at first, and each
 * success makes one more ready:
 *
 *     ready ──► sent ──► added or there already ──► the next of its key is ready
 *                  └───► failed ──► the rest of its key is cancelled
 */

#include "outbox/outbox_store.h"

#include <stdlib.h>

#include "base/error.h"
#include "client/parallel.h"

#define NONE UINT32_MAX
/* How often, and with which pauses, what BatchWriteItem left is sent again. */
#define UNPROCESSED_ATTEMPTS 8
#define UNPROCESSED_PAUSE_MS 50
#define UNPROCESSED_PAUSE_MAX_MS 2000

struct many {
    struct weir_outbox *outbox;
    const struct weir_message *messages;
    uint32_t count;
    struct weir_outbox_result *results;
    uint32_t *next;  /* of the same key, or NONE */
    uint32_t *twin;  /* the first of the same id, or NONE */
    uint32_t *order; /* for sorting */
    uint32_t *ready; /* a queue: each place enters it at most once */
    uint32_t ready_first, ready_end;
};

/* ---- checking, before anything is sent ------------------------------------------------------- */

/* Fills the place's id, so that a made one stays the same. */
static enum weir_status check_one(struct many *many, struct arena *a, uint32_t i,
                                  struct weir_error *err)
{
    struct weir_message message;
    struct weir_value *row = NULL;
    struct weir_env *env = client_env(many->outbox->client);
    enum weir_status status =
        outbox_take_message(outbox_message_at(many->messages, i), &message, err);
    if (status == WEIR_OK) {
        status = outbox_check_message(a, &many->outbox->layout, &message, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_bytes id = outbox_message_id(a, env, &message);
    status = outbox_row_of(a, &many->outbox->layout, env, &message, id, &row, err);
    if (status == WEIR_OK) {
        memcpy(many->results[i].id, id.ptr, id.len);
        many->results[i].id[id.len] = '\0';
    }
    return status;
}

static enum weir_status check_all(struct many *many, struct weir_error *err)
{
    struct arena *a = arena_new(OUTBOX_CALL_BYTES);
    enum weir_status status = a == NULL ? outbox_no_memory(err) : WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < many->count; i++) {
        arena_reset(a);
        status = check_one(many, a, i, err);
        if (status != WEIR_OK) {
            (void)error_wrap(err, status, "place %u", i);
        }
    }
    arena_free(a);
    return status;
}

/* ---- chains ---------------------------------------------------------------------------------- */

static struct weir_bytes key_of(const struct many *many, uint32_t i)
{
    const struct weir_message *message = outbox_message_at(many->messages, i);
    bool given = message->key.ptr != NULL;
    return outbox_bytes(given ? message->key : message->aggregate_id);
}

/* An id may hold NUL, where it was given. */
static struct weir_bytes id_of(const struct many *many, uint32_t i)
{
    const struct weir_message *message = outbox_message_at(many->messages, i);
    return message->id.ptr != NULL ? outbox_bytes(message->id) : bytes_str(many->results[i].id);
}

static int place_order(uint32_t a, uint32_t b)
{
    return a < b ? -1 : a > b ? 1 : 0;
}

static int by_key(const void *a, const void *b, void *arg)
{
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    int order = bytes_cmp(key_of(arg, first), key_of(arg, second));
    return order != 0 ? order : place_order(first, second);
}

static int by_id(const void *a, const void *b, void *arg)
{
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    int order = bytes_cmp(id_of(arg, first), id_of(arg, second));
    return order != 0 ? order : by_key(a, b, arg);
}

static bool same_row(const struct many *many, uint32_t a, uint32_t b)
{
    return bytes_eq(id_of(many, a), id_of(many, b)) &&
           (many->outbox->layout.kind->row_prefix != NULL ||
            bytes_eq(key_of(many, a), key_of(many, b)));
}

static void find_twins(struct many *many)
{
    uint32_t first = NONE;
    qsort_r(many->order, many->count, sizeof(many->order[0]), by_id, many);
    for (uint32_t i = 0; i < many->count; i++) {
        uint32_t place = many->order[i];
        if (first != NONE && same_row(many, first, place)) {
            many->twin[place] = first;
        } else {
            first = place;
        }
    }
}

static void link_chains(struct many *many)
{
    uint32_t before = NONE;
    qsort_r(many->order, many->count, sizeof(many->order[0]), by_key, many);
    for (uint32_t i = 0; i < many->count; i++) {
        uint32_t place = many->order[i];
        bool head = before == NONE || !bytes_eq(key_of(many, before), key_of(many, place));
        if (head) {
            many->ready[many->ready_end++] = place;
        } else {
            many->next[before] = place;
        }
        before = place;
    }
}

static void settle(struct many *many, uint32_t i, enum weir_status status,
                   const struct weir_error *error)
{
    many->results[i].status = status;
    if (status != WEIR_OK) {
        many->results[i].error = *error;
    }
    uint32_t next = many->next[i];
    if (status == WEIR_OK || status == WEIR_ALREADY_EXISTS) {
        if (next != NONE) {
            many->ready[many->ready_end++] = next;
        }
        return;
    }
    for (; next != NONE; next = many->next[next]) {
        struct weir_outbox_result *result = &many->results[next];
        result->status = error_set(
            &result->error, WEIR_CANCELLED,
            "message %s was not sent: message %s of its key, earlier in this call, failed",
            result->id, many->results[i].id);
    }
}

/* The next place to send; places that need no call are settled on the way. */
static uint32_t take_ready(struct many *many)
{
    while (many->ready_first < many->ready_end) {
        uint32_t place = many->ready[many->ready_first++];
        if (many->twin[place] == NONE) {
            return place;
        }
        struct weir_error error = {0};
        (void)error_set(&error, WEIR_ALREADY_EXISTS,
                        "message %s comes twice in this call, first at place %u",
                        many->results[place].id, many->twin[place]);
        settle(many, place, WEIR_ALREADY_EXISTS, &error);
    }
    return NONE;
}

/* The row of a place, anew: its message was checked before. */
static enum weir_status row_at(struct many *many, struct arena *a, uint32_t i,
                               struct weir_value **ret_row, struct weir_error *err)
{
    struct weir_message message;
    enum weir_status status =
        outbox_take_message(outbox_message_at(many->messages, i), &message, err);
    if (status == WEIR_OK) {
        status = outbox_check_message(a, &many->outbox->layout, &message, err);
    }
    return status == WEIR_OK
               ? outbox_row_of(a, &many->outbox->layout, client_env(many->outbox->client), &message,
                               id_of(many, i), ret_row, err)
               : status;
}

/* ---- conditional: a PutItem each, side by side ------------------------------------------------
 */

/* What put_done must know of a call. */
struct sent {
    uint32_t place;
    const struct weir_value *put;
};

static bool next_put(void *arg, struct arena *a, struct parallel_call *ret_call)
{
    struct many *many = arg;
    uint32_t place;
    while ((place = take_ready(many)) != NONE) {
        struct weir_value *row = NULL;
        struct weir_error error = {0};
        enum weir_status status = row_at(many, a, place, &row, &error);
        struct weir_value *put =
            status == WEIR_OK ? outbox_put_of_row(a, &many->outbox->layout, row) : NULL;
        struct sent *sent = put == NULL ? NULL : ARENA_NEW(a, struct sent);
        if (sent != NULL) {
            outbox_ask_put(a, put);
            *sent = (struct sent){place, put};
            *ret_call = (struct parallel_call){"PutItem", put, sent};
            return true;
        }
        if (status == WEIR_OK) {
            status = outbox_no_memory(&error);
        }
        settle(many, place, status, &error);
    }
    return false;
}

static void put_done(void *arg, void *state, const struct client_request *request)
{
    struct many *many = arg;
    const struct sent *sent = state;
    struct weir_outbox_result *result = &many->results[sent->place];
    struct weir_error error = request->error;
    enum weir_status status = request->status;
    if (status == WEIR_OK) {
        struct weir_capacity capacity = {0};
        client_consumed("PutItem", request->response, &capacity);
        result->write_units = capacity.write_units;
    } else if (status == WEIR_CONDITION_FAILED) {
        status = outbox_judge_put(request->arena, sent->put, request->error_members,
                                  id_of(many, sent->place), &error);
    }
    settle(many, sent->place, status, &error);
}

static enum weir_status put_all(struct many *many, struct weir_error *err)
{
    struct parallel calls = {
        .client = many->outbox->client,
        .max_attempts = many->outbox->max_attempts,
        .arena_bytes = OUTBOX_PARALLEL_BYTES,
        .arg = many,
        .next = next_put,
        .done = put_done,
    };
    return parallel_run(&calls, err);
}

/* ---- overwriting: BatchWriteItem ------------------------------------------------------------- */

struct chunk {
    uint32_t places[LIMIT_BATCH_WRITE_ITEMS];
    struct weir_value *rows[LIMIT_BATCH_WRITE_ITEMS];
    uint32_t count;
    bool unknown; /* an attempt whose answer was lost may have written any of it */
};

static void fill(struct many *many, struct arena *a, struct chunk *chunk)
{
    *chunk = (struct chunk){.count = 0};
    while (chunk->count < LIMIT_BATCH_WRITE_ITEMS) {
        uint32_t place = take_ready(many);
        struct weir_error error = {0};
        if (place == NONE) {
            return;
        }
        enum weir_status status = row_at(many, a, place, &chunk->rows[chunk->count], &error);
        if (status == WEIR_OK) {
            chunk->places[chunk->count++] = place;
        } else {
            settle(many, place, status, &error);
        }
    }
}

static struct weir_value *batch_request(struct many *many, struct arena *a,
                                        const struct chunk *chunk)
{
    struct weir_value *writes = value_new_list(a, VALUE_PLAIN);
    for (uint32_t i = 0; i < chunk->count; i++) {
        struct weir_value *write = value_append(a, writes);
        if (write == NULL) {
            return NULL;
        }
        *write = (struct weir_value){.type = VALUE_M};
        struct weir_value *put = value_add_map(a, write, "PutRequest");
        value_add_value(a, put, "Item", chunk->rows[i]);
    }
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "ReturnConsumedCapacity", BYTES_LIT("TOTAL"));
    struct weir_value *items = value_add_map(a, request, "RequestItems");
    struct weir_value *node =
        writes == NULL ? NULL : value_add(a, items, many->outbox->layout.table);
    if (node == NULL) {
        return NULL;
    }
    *node = *writes;
    return request;
}

static bool same_key(const struct outbox_layout *layout, const struct weir_value *a,
                     const struct weir_value *b)
{
    const struct outbox_kind *kind = layout->kind;
    return bytes_eq(outbox_text(layout, a, kind->hash), outbox_text(layout, b, kind->hash)) &&
           bytes_eq(outbox_text(layout, a, kind->range), outbox_text(layout, b, kind->range));
}

/* Whether the row is among those that the service left. */
static bool is_left(const struct outbox_layout *layout, struct arena *a,
                    const struct weir_value *response, const struct weir_value *row)
{
    const struct weir_value *left =
        value_member(value_get(response, "UnprocessedItems"), layout->table);
    for (uint32_t i = 0; left != NULL && left->type == VALUE_L && i < left->u.list.count; i++) {
        struct weir_value *item = NULL;
        const struct weir_value *put = value_get(&left->u.list.at[i], "PutRequest");
        const struct weir_value *given = value_get(put, "Item");
        if (given != NULL && value_to_item(a, given, &item, NULL) == WEIR_OK &&
            same_key(layout, item, row)) {
            return true;
        }
    }
    return false;
}

/* Settles what was written; the chunk keeps what was left. */
static void take_written(struct many *many, struct arena *a, const struct weir_value *response,
                         struct chunk *chunk)
{
    struct chunk left = {.unknown = chunk->unknown};
    struct weir_capacity capacity = {0};
    bool is_kept[LIMIT_BATCH_WRITE_ITEMS];
    for (uint32_t i = 0; i < chunk->count; i++) {
        is_kept[i] = is_left(&many->outbox->layout, a, response, chunk->rows[i]);
        if (is_kept[i]) {
            left.places[left.count] = chunk->places[i];
            left.rows[left.count++] = chunk->rows[i];
        }
    }
    client_consumed("BatchWriteItem", response, &capacity);
    for (uint32_t i = 0; i < chunk->count; i++) {
        if (!is_kept[i]) {
            many->results[chunk->places[i]].write_units =
                capacity.write_units / (double)(chunk->count - left.count);
            settle(many, chunk->places[i], WEIR_OK, NULL);
        }
    }
    *chunk = left;
}

static void pause_before(struct many *many, unsigned attempt)
{
    struct weir_env *env = client_env(many->outbox->client);
    uint64_t pause = (uint64_t)UNPROCESSED_PAUSE_MS << (attempt - 1);
    pause = pause > UNPROCESSED_PAUSE_MAX_MS ? UNPROCESSED_PAUSE_MAX_MS : pause;
    env_sleep_ms(env, pause / 2 + env_random_below(env, pause / 2 + 1));
}

/* One call for what is left of the chunk. */
static enum weir_status write_once(struct many *many, struct arena *a, struct chunk *chunk,
                                   struct weir_error *error)
{
    struct client_request call = {.operation = "BatchWriteItem",
                                  .document = batch_request(many, a, chunk),
                                  .arena = a,
                                  .max_attempts = many->outbox->max_attempts};
    if (call.document == NULL) {
        return outbox_no_memory(error);
    }
    enum weir_status status = client_run(many->outbox->client, &call);
    chunk->unknown |= call.unknown;
    if (status == WEIR_OK) {
        take_written(many, a, call.response, chunk);
    } else {
        *error = call.error;
    }
    return status;
}

/* The chunk's rows are in `rows`; each attempt has an arena of its own. */
static void write_chunk(struct many *many, struct arena *attempt_arena, struct chunk *chunk)
{
    struct weir_error error = {0};
    enum weir_status status = WEIR_OK;
    for (unsigned attempt = 0; chunk->count > 0 && attempt < UNPROCESSED_ATTEMPTS; attempt++) {
        if (attempt > 0) {
            pause_before(many, attempt);
        }
        arena_reset(attempt_arena);
        status = write_once(many, attempt_arena, chunk, &error);
        if (status != WEIR_OK) {
            break;
        }
    }
    for (uint32_t i = 0; i < chunk->count; i++) {
        uint32_t place = chunk->places[i];
        enum weir_status own = status;
        if (status == WEIR_OK) {
            own = error_set(&error, WEIR_THROTTLED,
                            "message %s is still unprocessed after %d attempts",
                            many->results[place].id, UNPROCESSED_ATTEMPTS);
        }
        error.outcome = chunk->unknown ? WEIR_OUTCOME_UNKNOWN : error.outcome;
        settle(many, place, own, &error);
    }
}

static enum weir_status overwrite_all(struct many *many, struct weir_error *err)
{
    struct arena *rows = arena_new(OUTBOX_CALL_BYTES);
    struct arena *attempt = arena_new(OUTBOX_CALL_BYTES);
    struct chunk chunk;
    enum weir_status status = rows == NULL || attempt == NULL ? outbox_no_memory(err) : WEIR_OK;
    while (status == WEIR_OK) {
        arena_reset(rows);
        fill(many, rows, &chunk);
        if (chunk.count == 0) {
            break;
        }
        write_chunk(many, attempt, &chunk);
    }
    arena_free(rows);
    arena_free(attempt);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool many_init(struct many *many)
{
    uint32_t *numbers = malloc((size_t)many->count * 4 * sizeof(numbers[0]));
    many->results = calloc(many->count, sizeof(many->results[0]));
    if (numbers == NULL || many->results == NULL) {
        free(numbers);
        return false;
    }
    many->next = numbers;
    many->twin = numbers + many->count;
    many->order = numbers + 2 * (size_t)many->count;
    many->ready = numbers + 3 * (size_t)many->count;
    for (uint32_t i = 0; i < many->count; i++) {
        many->next[i] = NONE;
        many->twin[i] = NONE;
        many->order[i] = i;
    }
    return true;
}

enum weir_status weir_outbox_add_many(struct weir_outbox *outbox,
                                      const struct weir_message *messages, uint32_t count,
                                      uint32_t overwrite, struct weir_outbox_result *ret_results,
                                      struct weir_error *err)
{
    struct many many = {.outbox = outbox, .messages = messages, .count = count};
    if (outbox == NULL) {
        return error_set(err, WEIR_CLOSED, "the outbox is not open");
    }
    if (count == 0 || messages == NULL) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "there is no message to add");
    }
    enum weir_status status = many_init(&many) ? WEIR_OK : outbox_no_memory(err);
    if (status == WEIR_OK) {
        status = check_all(&many, err);
    }
    if (status == WEIR_OK) {
        find_twins(&many);
        link_chains(&many);
        status = overwrite ? overwrite_all(&many, err) : put_all(&many, err);
    }
    if (status == WEIR_OK) {
        memcpy(ret_results, many.results, (size_t)count * sizeof(many.results[0]));
    }
    free(many.next);
    free(many.results);
    return status;
}
