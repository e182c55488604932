/* SPDX-License-Identifier: Apache-2.0 */
#include "dedup/dedup_batch.h"

#include "base/error.h"
#include "client/parallel.h"

static bool same_text(const char *a, size_t a_len, struct weir_bytes b)
{
    return a_len == b.len && (b.len == 0 || memcmp(a, b.ptr, b.len) == 0);
}

static bool is_under_way(const struct dedup_batch *batch, const struct weir_dedup_id *id)
{
    const struct dedup_lane *lane = batch->lanes;
    while (lane != NULL && !(same_text(id->message, id->message_len, lane->call.message) &&
                             same_text(id->worker, id->worker_len, lane->call.worker))) {
        lane = lane->next;
    }
    return lane != NULL;
}

static void lane_remove(struct dedup_batch *batch, const struct dedup_lane *lane)
{
    struct dedup_lane **at = &batch->lanes;
    while (*at != lane) {
        at = &(*at)->next;
    }
    *at = lane->next;
}

static void id_end(struct dedup_batch *batch, uint32_t index, enum weir_status status,
                   const struct weir_error *error)
{
    batch->result(batch, index, status, error);
    dedup_count(batch->dedup, status);
}

/* A lane with the request of that id; NULL and a filled error when it cannot be sent. */
static struct dedup_lane *lane_new(struct dedup_batch *batch, struct arena *a,
                                   const struct weir_dedup_id *id, uint32_t index,
                                   struct weir_value **ret_document, struct weir_error *error)
{
    struct dedup_lane *lane = ARENA_NEW(a, struct dedup_lane);
    if (lane == NULL) {
        (void)error_set(error, WEIR_NO_MEMORY, "no memory for a batch");
        return NULL;
    }
    *lane = (struct dedup_lane){.index = index};
    enum weir_status status = dedup_call_init(&lane->call, a, &batch->dedup->policy,
                                              env_wall_ms(batch->dedup->env), id, error);
    *ret_document = status == WEIR_OK ? batch->document(batch, lane, error) : NULL;
    return *ret_document == NULL ? NULL : lane;
}

/* The next id that can be sent; those before it that cannot have their result at once. */
static bool next_call(void *arg, struct arena *a, struct parallel_call *ret_call)
{
    struct dedup_batch *batch = arg;
    while (batch->next < batch->count) {
        struct weir_error error = {0};
        struct weir_value *document = NULL;
        struct weir_dedup_id id = batch->id(batch, batch->next);
        if (is_under_way(batch, &id)) {
            return false;
        }
        uint32_t index = batch->next++;
        struct dedup_lane *lane = lane_new(batch, a, &id, index, &document, &error);
        if (lane != NULL) {
            dedup_want_old_row(a, document);
            lane->next = batch->lanes;
            batch->lanes = lane;
            *ret_call = (struct parallel_call){batch->operation, document, lane};
            return true;
        }
        id_end(batch, index, error.status, &error);
        arena_reset(a);
    }
    return false;
}

static void call_done(void *arg, void *state, const struct client_request *request)
{
    struct dedup_batch *batch = arg;
    struct dedup_lane *lane = state;
    struct weir_error error = {0};
    struct dedup_row row = {0};
    if (request->status != WEIR_OK) {
        error = request->error;
    }
    enum weir_status status =
        dedup_judge(&lane->call, request->status, request->error_members, &row, &error);
    status = batch->settle(batch, lane, status, request->response, &row, &error);
    lane_remove(batch, lane);
    id_end(batch, lane->index, status, &error);
}

enum weir_status dedup_batch_run(struct dedup_batch *batch, struct weir_error *err)
{
    const struct parallel calls = {
        .client = batch->dedup->client,
        .arena_bytes = DEDUP_CALL_BYTES,
        .arg = batch,
        .next = next_call,
        .done = call_done,
    };
    return parallel_run(&calls, err);
}
