/* SPDX-License-Identifier: Apache-2.0 */
#include "outbox/outbox_parallel.h"

#include <stdlib.h>

#include "base/error.h"

struct run;

struct slot {
    struct client_request request; /* first */
    struct run *run;
    struct arena *arena;
    struct slot *next; /* idle */
    uint32_t index;
};

struct run {
    const struct outbox_parallel *calls;
    struct loop *loop;
    struct slot slots[OUTBOX_PARALLEL_SIZE];
    struct slot *idle;
    uint32_t busy;
};

static void slot_done(struct client_request *request);

static void send(struct slot *slot, const struct outbox_parallel_call *call)
{
    slot->index = call->index;
    slot->request = (struct client_request){
        .operation = call->operation,
        .document = call->document,
        .arena = slot->arena,
        .loop = slot->run->loop,
        .done = slot_done,
    };
    slot->run->busy++;
    client_start(slot->run->calls->client, &slot->request);
}

static void send_all(struct run *run)
{
    while (run->idle != NULL) {
        struct slot *slot = run->idle;
        struct outbox_parallel_call call = {0};
        arena_reset(slot->arena);
        if (!run->calls->next(run->calls->arg, slot->arena, &call)) {
            break;
        }
        run->idle = slot->next;
        send(slot, &call);
    }
}

static void slot_done(struct client_request *request)
{
    struct slot *slot = (struct slot *)request;
    struct run *run = slot->run;
    run->busy--;
    run->calls->done(run->calls->arg, slot->index, request);
    slot->next = run->idle;
    run->idle = slot;
    send_all(run);
    if (run->busy == 0) {
        loop_stop(run->loop);
    }
}

static bool make_slots(struct run *run)
{
    for (size_t i = 0; i < OUTBOX_PARALLEL_SIZE; i++) {
        struct slot *slot = &run->slots[i];
        slot->run = run;
        slot->arena = arena_new(OUTBOX_PARALLEL_BYTES);
        if (slot->arena == NULL) {
            return false;
        }
        slot->next = run->idle;
        run->idle = slot;
    }
    return true;
}

static void run_free(struct run *run)
{
    for (size_t i = 0; i < OUTBOX_PARALLEL_SIZE; i++) {
        arena_free(run->slots[i].arena);
    }
    loop_free(run->loop);
    free(run);
}

enum weir_status outbox_parallel_run(const struct outbox_parallel *calls, struct weir_error *err)
{
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL) {
        return outbox_no_memory(err);
    }
    run->calls = calls;
    enum weir_status status = loop_uv_new(client_env(calls->client), &run->loop, err);
    if (status == WEIR_OK && !make_slots(run)) {
        status = outbox_no_memory(err);
    }
    if (status == WEIR_OK) {
        send_all(run);
        if (run->busy > 0) {
            loop_run(run->loop);
        }
    }
    run_free(run);
    return status;
}
