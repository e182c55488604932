/* SPDX-License-Identifier: Apache-2.0 */
#include "dedup/dedup_batch.h"

#include <stdlib.h>

#include "base/error.h"

static void fill(struct dedup_batch *batch);

static bool same_text(const char *a, size_t a_len, struct weir_bytes b)
{
    return a_len == b.len && (b.len == 0 || memcmp(a, b.ptr, b.len) == 0);
}

/* A lane that may take the next id: none is free, or one has that id, NULL. */
static struct dedup_lane *lane_for(struct dedup_batch *batch, const struct weir_dedup_id *id)
{
    struct dedup_lane *found = NULL;
    for (uint32_t i = 0; i < DEDUP_LANES; i++) {
        struct dedup_lane *lane = &batch->lanes[i];
        if (!lane->busy) {
            found = lane;
        } else if (same_text(id->message, id->message_len, lane->call.message) &&
                   same_text(id->worker, id->worker_len, lane->call.worker)) {
            return NULL;
        }
    }
    return found;
}

static void lane_end(struct dedup_lane *lane, enum weir_status status,
                     const struct weir_error *error)
{
    struct dedup_batch *batch = lane->batch;
    batch->result(batch, lane->index, status, error);
    (void)dedup_call_end(batch->dedup, &lane->call, status, error, NULL);
    lane->busy = false;
    batch->ended++;
}

/* @thread the batch's caller's */
static void on_done(struct client_request *request)
{
    struct dedup_lane *lane = request->arg;
    struct dedup_batch *batch = lane->batch;
    struct weir_error error = {0};
    struct dedup_row row = {0};
    if (request->status != WEIR_OK) {
        error = request->error;
    }
    enum weir_status status =
        dedup_judge(&lane->call, request->status, request->error_members, &row, &error);
    status = batch->settle(batch, lane, status, request->response, &row, &error);
    lane_end(lane, status, &error);
    fill(batch);
}

static void lane_start(struct dedup_lane *lane, struct dedup_batch *batch,
                       const struct weir_dedup_id *id)
{
    struct weir_error error = {0};
    struct weir_value *document = NULL;
    lane->batch = batch;
    lane->index = batch->next++;
    enum weir_status status = dedup_call_begin(batch->dedup, id, &lane->call, &error);
    if (status == WEIR_OK) {
        document = batch->document(batch, lane, &error);
        dedup_want_old_row(lane->call.arena, document);
        status = document == NULL ? error.status : WEIR_OK;
    }
    if (status != WEIR_OK) {
        lane_end(lane, status, &error);
        return;
    }
    lane->busy = true;
    lane->request = (struct client_request){
        .operation = batch->operation,
        .document = document,
        .arena = lane->call.arena,
        .loop = batch->loop,
        .done = on_done,
        .arg = lane,
    };
    client_start(batch->dedup->client, &lane->request);
}

static void fill(struct dedup_batch *batch)
{
    while (batch->next < batch->count) {
        struct weir_dedup_id id = batch->id(batch, batch->next);
        struct dedup_lane *lane = lane_for(batch, &id);
        if (lane == NULL) {
            return;
        }
        lane_start(lane, batch, &id);
    }
    if (batch->ended == batch->count) {
        loop_stop(batch->loop);
    }
}

enum weir_status dedup_batch_run(struct dedup_batch *batch, struct weir_error *err)
{
    batch->lanes = calloc(DEDUP_LANES, sizeof(batch->lanes[0]));
    if (batch->lanes == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a batch");
    }
    enum weir_status status = loop_uv_new(client_env(batch->dedup->client), &batch->loop, err);
    if (status == WEIR_OK) {
        fill(batch);
        loop_run(batch->loop);
        loop_free(batch->loop);
    }
    free(batch->lanes);
    return status;
}
