/* SPDX-License-Identifier: Apache-2.0 */
/* A window of slots, each with one request under way: see parallel.h. */
#include "client/parallel.h"

#include "base/error.h"

#include <stdlib.h>

struct run;

struct slot {
    struct client_request request; /* first */
    struct run *run;
    struct arena *arena;
    struct slot *next; /* idle */
    void *state;       /* the caller's */
};

struct run {
    const struct parallel *calls;
    struct loop *loop;
    struct slot slots[PARALLEL_SIZE];
    struct slot *idle;
    uint32_t busy;
};

static void on_done(struct client_request *request);

static void send_all(struct run *run)
{
    while (run->idle != NULL) {
        struct slot *slot = run->idle;
        struct parallel_call call = {0};
        arena_reset(slot->arena);
        if (!run->calls->next(run->calls->arg, slot->arena, &call)) {
            return;
        }
        run->idle = slot->next;
        run->busy++;
        slot->state = call.state;
        slot->request = (struct client_request){
            .operation = call.operation,
            .document = call.document,
            .arena = slot->arena,
            .max_attempts = run->calls->max_attempts,
            .loop = run->loop,
            .done = on_done,
        };
        client_start(run->calls->client, &slot->request);
    }
}

/* @thread the caller of parallel_run's */
static void on_done(struct client_request *request)
{
    struct slot *slot = (struct slot *)request;
    struct run *run = slot->run;
    run->calls->done(run->calls->arg, slot->state, request);
    run->busy--;
    slot->next = run->idle;
    run->idle = slot;
    send_all(run);
    if (run->busy == 0) {
        loop_stop(run->loop);
    }
}

/* As many as there is memory for; false when that is none. */
static bool make_slots(struct run *run)
{
    for (size_t i = 0; i < PARALLEL_SIZE; i++) {
        struct slot *slot = &run->slots[i];
        slot->run = run;
        slot->arena = arena_new(run->calls->arena_bytes);
        if (slot->arena == NULL) {
            break;
        }
        slot->next = run->idle;
        run->idle = slot;
    }
    return run->idle != NULL;
}

static void run_free(struct run *run)
{
    for (size_t i = 0; i < PARALLEL_SIZE; i++) {
        arena_free(run->slots[i].arena);
    }
    loop_free(run->loop);
    free(run);
}

enum weir_status parallel_run(const struct parallel *calls, struct weir_error *err)
{
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for calls side by side");
    }
    run->calls = calls;
    enum weir_status status = loop_uv_new(client_env(calls->client), &run->loop, err);
    if (status == WEIR_OK && !make_slots(run)) {
        status = error_set(err, WEIR_NO_MEMORY, "out of memory for calls side by side");
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
