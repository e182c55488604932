/* SPDX-License-Identifier: Apache-2.0 */

/* Many writes, batched and several batches at a time. */

#include "cli/writer.h"

#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/error.h"
#include "client/client.h"

/* A batch is sent when it holds this much, well below what one request may hold. */
#define BATCH_BYTES (2 * 1024 * 1024)
#define BATCH_ARENA_BYTES ((size_t)256 * 1024 * 1024)
/* Of each lane: one that is filled, one that waits, one that is under way. */
#define LANE_BATCHES 3
/* Rounds without any progress for what stays unprocessed, and the wait between them. */
#define ROUNDS_MAX 8
#define ROUND_WAIT_MS 50
#define ROUND_WAIT_MS_MAX 2000

struct batch {
    struct arena *arena;                              /* of the items */
    struct weir_value *item[LIMIT_BATCH_WRITE_ITEMS]; /* of a delete: the key */
    uint64_t origin[LIMIT_BATCH_WRITE_ITEMS];
    uint32_t count;
    size_t bytes;
};

struct lane {
    struct writer *writer;
    pthread_t thread;
    bool running;
    pthread_mutex_t mu;
    pthread_cond_t changed;
    struct batch batches[LANE_BATCHES];
    unsigned first;      /* under mu: index of the oldest full one */
    unsigned full;       /* under mu: that many wait or are under way */
    bool ended;          /* under mu: no more will come */
    struct arena *calls; /* the thread's: requests and answers */
};

struct writer {
    struct writer_options options; /* immutable after open */
    struct lane lanes[WRITER_LANES];
    atomic_uint_fast64_t written;
    atomic_uint_fast64_t refused;
    atomic_uint_fast64_t unknown;
    atomic_bool failed;
    pthread_mutex_t mu;
    enum weir_status status; /* under mu */
    struct weir_error error; /* under mu */
};

uint64_t writer_written(const struct writer *w)
{
    return atomic_load(&w->written);
}

uint64_t writer_refused_count(const struct writer *w)
{
    return atomic_load(&w->refused);
}

uint64_t writer_unknown(const struct writer *w)
{
    return atomic_load(&w->unknown);
}

bool writer_failed(const struct writer *w)
{
    return atomic_load(&w->failed);
}

/* ---- the lane's thread: one batch ------------------------------------------------------------ */

/* The first failure is what is told; of writes whose outcome is not known in any lane it tells,
 * too. `count` is how many items it is about. @locks w->mu */
static void fail(struct writer *w, enum weir_status status, const struct weir_error *error,
                 uint32_t count)
{
    bool unknown = error->outcome == WEIR_OUTCOME_UNKNOWN;
    atomic_fetch_add(&w->unknown, unknown ? count : 0);
    (void)pthread_mutex_lock(&w->mu);
    if (w->status == WEIR_OK) {
        w->status = status;
        w->error = *error;
    } else if (unknown) {
        w->error.outcome = WEIR_OUTCOME_UNKNOWN;
    }
    (void)pthread_mutex_unlock(&w->mu);
    atomic_store(&w->failed, true);
}

/* @locks w->mu */
static void refuse(struct writer *w, uint64_t origin, enum weir_status status,
                   const struct weir_error *error)
{
    atomic_fetch_add(&w->refused, 1);
    (void)pthread_mutex_lock(&w->mu);
    w->options.refused(w->options.arg, origin, status, error);
    (void)pthread_mutex_unlock(&w->mu);
}

/* Whether the service refused the request for what it says, not for how things are. */
static bool is_about_items(enum weir_status status)
{
    return status == WEIR_VALIDATION || status == WEIR_SERIALIZATION || status == WEIR_TOO_LARGE ||
           status == WEIR_BODY_TOO_LARGE || status == WEIR_COLLECTION_TOO_LARGE;
}

static const char *member_name(const struct writer *w)
{
    return w->options.kind == WRITER_PUT ? "Item" : "Key";
}

static struct weir_value *batch_request(struct lane *lane, const struct batch *batch)
{
    struct writer *w = lane->writer;
    struct arena *a = lane->calls;
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    struct weir_value *tables = value_add_map(a, request, "RequestItems");
    struct weir_value *writes = value_add_list(a, tables, w->options.table);
    for (uint32_t i = 0; i < batch->count; i++) {
        struct weir_value *element = value_append(a, writes);
        if (element == NULL) {
            return NULL;
        }
        *element = (struct weir_value){.type = VALUE_M};
        struct weir_value *write = value_add_map(
            a, element, w->options.kind == WRITER_PUT ? "PutRequest" : "DeleteRequest");
        value_add_value(a, write, member_name(w), batch->item[i]);
    }
    return writes == NULL ? NULL : request;
}

static bool same_key(const struct writer *w, const struct weir_value *a, const struct weir_value *b)
{
    const struct data_keys *keys = w->options.keys;
    for (unsigned i = 0; i < keys->count; i++) {
        const struct weir_value *one = value_member(a, keys->key[i].name);
        const struct weir_value *other = value_member(b, keys->key[i].name);
        if (one == NULL || other == NULL || !value_equal(one, other)) {
            return false;
        }
    }
    return true;
}

/* Keeps of the batch what the answer says is unprocessed. False for one it does not hold. */
static bool keep_unprocessed(struct lane *lane, struct batch *batch,
                             const struct weir_value *element)
{
    struct writer *w = lane->writer;
    struct weir_value *item = NULL;
    const struct weir_value *write =
        value_get(element, w->options.kind == WRITER_PUT ? "PutRequest" : "DeleteRequest");
    const struct weir_value *member = value_get(write, member_name(w));
    if (member == NULL || value_to_item(lane->calls, member, &item, NULL) != WEIR_OK) {
        return false;
    }
    for (uint32_t i = batch->count; i < LIMIT_BATCH_WRITE_ITEMS; i++) {
        if (batch->item[i] != NULL && same_key(w, batch->item[i], item)) {
            struct weir_value *kept = batch->item[i];
            uint64_t origin = batch->origin[i];
            batch->item[i] = batch->item[batch->count];
            batch->origin[i] = batch->origin[batch->count];
            batch->item[batch->count] = kept;
            batch->origin[batch->count++] = origin;
            return true;
        }
    }
    return false;
}

/* After a call that succeeded: the batch becomes what is left of it. */
static enum weir_status take_unprocessed(struct lane *lane, struct batch *batch,
                                         const struct weir_value *response, struct weir_error *err)
{
    const struct weir_value *left = value_member(value_get(response, "UnprocessedItems"),
                                                 bytes_str(lane->writer->options.table));
    uint32_t count = left != NULL && left->type == VALUE_L ? left->u.list.count : 0;
    uint32_t before = batch->count;
    batch->count = 0;
    for (uint32_t i = before; i < LIMIT_BATCH_WRITE_ITEMS; i++) {
        batch->item[i] = NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!keep_unprocessed(lane, batch, &left->u.list.at[i])) {
            return error_set(err, WEIR_PROTOCOL,
                             "the service left an item unprocessed that it was not given");
        }
    }
    atomic_fetch_add(&lane->writer->written, before - batch->count);
    return WEIR_OK;
}

/* One item by a call of its own, after the batch it was in was refused. */
static void write_single(struct lane *lane, const struct batch *batch, uint32_t at)
{
    struct writer *w = lane->writer;
    struct weir_error err = {0};
    arena_reset(lane->calls);
    struct weir_value *request = value_new_map(lane->calls, VALUE_PLAIN);
    value_add_str(lane->calls, request, "TableName", bytes_str(w->options.table));
    value_add_value(lane->calls, request, member_name(w), batch->item[at]);
    enum weir_status status =
        request == NULL ? error_set(&err, WEIR_NO_MEMORY, "no memory for a request")
                        : client_call(w->options.client,
                                      w->options.kind == WRITER_PUT ? "PutItem" : "DeleteItem",
                                      request, lane->calls, NULL, NULL, &err);
    if (status == WEIR_OK) {
        atomic_fetch_add(&w->written, 1);
    } else if (is_about_items(status)) {
        refuse(w, batch->origin[at], status, &err);
    } else {
        fail(w, status, &err, 1);
    }
}

static void write_singly(struct lane *lane, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->count && !writer_failed(lane->writer); i++) {
        write_single(lane, batch, i);
    }
}

static void refuse_unprocessed(struct lane *lane, const struct batch *batch)
{
    struct weir_error err = {0};
    (void)error_set(&err, WEIR_UNAVAILABLE, "left unprocessed by the service, %d times in a row",
                    ROUNDS_MAX);
    for (uint32_t i = 0; i < batch->count; i++) {
        refuse(lane->writer, batch->origin[i], WEIR_UNAVAILABLE, &err);
    }
}

static void wait_round(struct lane *lane, unsigned round)
{
    struct weir_env *env = client_env(lane->writer->options.client);
    uint64_t wait_ms = (uint64_t)ROUND_WAIT_MS << round;
    wait_ms = wait_ms > ROUND_WAIT_MS_MAX ? ROUND_WAIT_MS_MAX : wait_ms;
    env_sleep_ms(env, wait_ms / 2 + env_random_below(env, wait_ms / 2 + 1));
}

/* One call with what is in the batch, which becomes what is left of it. */
static enum weir_status call_batch(struct lane *lane, struct batch *batch, struct weir_error *err)
{
    struct weir_value *response = NULL;
    arena_reset(lane->calls);
    struct weir_value *request = batch_request(lane, batch);
    if (request == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a batch");
    }
    enum weir_status status = client_call(lane->writer->options.client, "BatchWriteItem", request,
                                          lane->calls, &response, NULL, err);
    return status == WEIR_OK ? take_unprocessed(lane, batch, response, err) : status;
}

static void write_batch(struct lane *lane, struct batch *batch)
{
    unsigned round = 0;
    while (batch->count > 0 && round < ROUNDS_MAX) {
        struct weir_error err = {0};
        uint32_t before = batch->count;
        enum weir_status status = call_batch(lane, batch, &err);
        if (is_about_items(status)) {
            write_singly(lane, batch);
            return;
        }
        if (status != WEIR_OK) {
            fail(lane->writer, status, &err, batch->count);
            return;
        }
        round = batch->count < before ? 0 : round + 1;
        if (batch->count > 0 && round < ROUNDS_MAX) {
            wait_round(lane, round);
        }
    }
    refuse_unprocessed(lane, batch);
}

static void batch_reset(struct batch *batch)
{
    struct arena *arena = batch->arena;
    arena_reset(arena);
    *batch = (struct batch){.arena = arena};
}

/* The oldest full batch; NULL when there will be none any more. @locks lane->mu */
static struct batch *wait_full(struct lane *lane)
{
    (void)pthread_mutex_lock(&lane->mu);
    while (lane->full == 0 && !lane->ended) {
        (void)pthread_cond_wait(&lane->changed, &lane->mu);
    }
    struct batch *batch = lane->full == 0 ? NULL : &lane->batches[lane->first];
    (void)pthread_mutex_unlock(&lane->mu);
    return batch;
}

static void *lane_run(void *arg)
{
    struct lane *lane = arg;
    struct batch *batch;
    while ((batch = wait_full(lane)) != NULL) {
        if (!writer_failed(lane->writer)) {
            write_batch(lane, batch);
        }
        batch_reset(batch);
        (void)pthread_mutex_lock(&lane->mu);
        lane->first = (lane->first + 1) % LANE_BATCHES;
        lane->full--;
        (void)pthread_cond_broadcast(&lane->changed);
        (void)pthread_mutex_unlock(&lane->mu);
    }
    return NULL;
}

/* ---- the caller's side ----------------------------------------------------------------------- */

/* The batch being filled, which only the caller touches. @locks lane->mu */
static struct batch *filling(struct lane *lane)
{
    (void)pthread_mutex_lock(&lane->mu);
    while (lane->full == LANE_BATCHES) {
        (void)pthread_cond_wait(&lane->changed, &lane->mu);
    }
    struct batch *batch = &lane->batches[(lane->first + lane->full) % LANE_BATCHES];
    (void)pthread_mutex_unlock(&lane->mu);
    return batch;
}

/* Hands the batch being filled to the thread. @locks lane->mu */
static void push(struct lane *lane)
{
    (void)pthread_mutex_lock(&lane->mu);
    lane->full++;
    (void)pthread_cond_broadcast(&lane->changed);
    (void)pthread_mutex_unlock(&lane->mu);
}

static bool holds_key(const struct writer *w, const struct batch *batch,
                      const struct weir_value *item)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        if (same_key(w, batch->item[i], item)) {
            return true;
        }
    }
    return false;
}

/* FNV-1a over the bytes of the key: only spreads, and the same for equal keys. */
static struct lane *lane_of(struct writer *w, const struct weir_value *item)
{
    uint32_t hash = 2166136261u;
    for (unsigned i = 0; i < w->options.keys->count; i++) {
        const struct weir_value *key = value_member(item, w->options.keys->key[i].name);
        for (size_t at = 0; key != NULL && at < key->u.bytes.len; at++) {
            hash = (hash ^ key->u.bytes.ptr[at]) * 16777619u;
        }
    }
    return &w->lanes[(hash >> 16) % WRITER_LANES];
}

bool writer_put(struct writer *w, const struct weir_value *item, uint64_t origin)
{
    struct lane *lane = lane_of(w, item);
    struct batch *batch = filling(lane);
    size_t bytes = item_size(item);
    bool full = batch->count == LIMIT_BATCH_WRITE_ITEMS || batch->bytes + bytes > BATCH_BYTES;
    if (batch->count > 0 && (full || holds_key(w, batch, item))) {
        push(lane);
        batch = filling(lane);
    }
    struct weir_value *copy = w->options.kind == WRITER_PUT
                                  ? value_copy(batch->arena, item)
                                  : data_key_of(batch->arena, w->options.keys, item);
    if (copy != NULL && w->options.kind == WRITER_DELETE) {
        copy = value_copy(batch->arena, copy);
    }
    if (copy == NULL) {
        struct weir_error err = {0};
        fail(w, error_set(&err, WEIR_NO_MEMORY, "no memory for an item"), &err, 1);
        return false;
    }
    batch->item[batch->count] = copy;
    batch->origin[batch->count++] = origin;
    batch->bytes += bytes;
    return !writer_failed(w);
}

static enum weir_status lane_open(struct lane *lane, struct writer *w, struct weir_error *err)
{
    lane->writer = w;
    lane->calls = arena_new(BATCH_ARENA_BYTES);
    bool good = lane->calls != NULL;
    for (unsigned i = 0; i < LANE_BATCHES; i++) {
        lane->batches[i].arena = arena_new(BATCH_ARENA_BYTES);
        good = good && lane->batches[i].arena != NULL;
    }
    if (!good) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for batches");
    }
    int failed = pthread_create(&lane->thread, NULL, lane_run, lane);
    lane->running = failed == 0;
    return failed == 0 ? WEIR_OK
                       : error_set(err, WEIR_IO, "cannot start a thread: %s", strerror(failed));
}

enum weir_status writer_open(const struct writer_options *options, struct writer **ret_writer,
                             struct weir_error *err)
{
    struct writer *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for batches");
    }
    w->options = *options;
    (void)pthread_mutex_init(&w->mu, NULL);
    enum weir_status status = WEIR_OK;
    for (unsigned i = 0; i < WRITER_LANES; i++) {
        (void)pthread_mutex_init(&w->lanes[i].mu, NULL);
        (void)pthread_cond_init(&w->lanes[i].changed, NULL);
    }
    for (unsigned i = 0; status == WEIR_OK && i < WRITER_LANES; i++) {
        status = lane_open(&w->lanes[i], w, err);
    }
    if (status != WEIR_OK) {
        writer_close(w);
        return status;
    }
    *ret_writer = w;
    return WEIR_OK;
}

/* @locks lane->mu */
static void lane_end(struct lane *lane)
{
    if (!lane->running) {
        return;
    }
    (void)pthread_mutex_lock(&lane->mu);
    lane->ended = true;
    (void)pthread_cond_broadcast(&lane->changed);
    (void)pthread_mutex_unlock(&lane->mu);
    (void)pthread_join(lane->thread, NULL);
    lane->running = false;
}

enum weir_status writer_finish(struct writer *w, struct weir_error *err)
{
    for (unsigned i = 0; i < WRITER_LANES; i++) {
        if (filling(&w->lanes[i])->count > 0) {
            push(&w->lanes[i]);
        }
    }
    for (unsigned i = 0; i < WRITER_LANES; i++) {
        lane_end(&w->lanes[i]);
    }
    if (w->status != WEIR_OK) {
        *err = w->error;
    }
    return w->status;
}

void writer_close(struct writer *w)
{
    if (w == NULL) {
        return;
    }
    atomic_store(&w->failed, true);
    for (unsigned i = 0; i < WRITER_LANES; i++) {
        lane_end(&w->lanes[i]);
        arena_free(w->lanes[i].calls);
        for (unsigned n = 0; n < LANE_BATCHES; n++) {
            arena_free(w->lanes[i].batches[n].arena);
        }
        (void)pthread_mutex_destroy(&w->lanes[i].mu);
        (void)pthread_cond_destroy(&w->lanes[i].changed);
    }
    (void)pthread_mutex_destroy(&w->mu);
    free(w);
}
