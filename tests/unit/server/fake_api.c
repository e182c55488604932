/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_api.h"

#include "base/error.h"

#include <pthread.h>
#include <stdlib.h>

#define HELD_MAX 1024

struct api {
    pthread_mutex_t mu;
    struct api_call *held[HELD_MAX];
    unsigned held_count;
    struct api_call *unflushed[HELD_MAX];
    unsigned unflushed_count;
    bool is_released;
    unsigned done;
};

struct api_operation {
    const char *name;
    enum api_progress (*start)(struct api_call *call);
    enum api_progress (*resume)(struct api_call *call);
};

struct fake_state {
    pthread_t started_by;
    bool has_waited;
};

struct api *fake_api_new(void)
{
    struct api *api = calloc(1, sizeof(*api));
    WEIR_ASSERT(api != NULL);
    (void)pthread_mutex_init(&api->mu, NULL);
    return api;
}

void fake_api_free(struct api *api)
{
    WEIR_ASSERT(api->held_count == 0);
    WEIR_ASSERT(api->unflushed_count == 0);
    (void)pthread_mutex_destroy(&api->mu);
    free(api);
}

unsigned fake_held(struct api *api)
{
    pthread_mutex_lock(&api->mu);
    unsigned count = api->held_count;
    pthread_mutex_unlock(&api->mu);
    return count;
}

unsigned fake_done(struct api *api)
{
    return __atomic_load_n(&api->done, __ATOMIC_SEQ_CST);
}

void fake_release(struct api *api)
{
    pthread_mutex_lock(&api->mu);
    api->is_released = true;
    for (unsigned i = 0; i < api->held_count; i++) {
        api->held[i]->wake(api->held[i]);
    }
    api->held_count = 0;
    pthread_mutex_unlock(&api->mu);
}

static enum api_progress finish(struct api_call *call)
{
    call->status = WEIR_OK;
    if (call->response == NULL) {
        call->response = value_new_map(call->arena, VALUE_PLAIN);
    }
    __atomic_add_fetch(&call->api->done, 1, __ATOMIC_SEQ_CST);
    return API_DONE;
}

static enum api_progress echo(struct api_call *call)
{
    call->response = value_copy(call->arena, call->request);
    return finish(call);
}

static enum api_progress long_answer(struct api_call *call)
{
    size_t len = (size_t)value_get_int(call->request, "Length");
    uint8_t *text = arena_alloc(call->arena, len);
    for (size_t i = 0; i < len; i++) {
        text[i] = (uint8_t)('a' + i % 26);
    }
    call->response = value_new_map(call->arena, VALUE_PLAIN);
    value_add_str(call->arena, call->response, "Text", bytes_of(text, len));
    return finish(call);
}

static enum api_progress wake_at_once(struct api_call *call)
{
    call->wake(call);
    return API_WAITING;
}

static enum api_progress wake_on_flush(struct api_call *call)
{
    struct api *api = call->api;
    WEIR_ASSERT(call->hold); /* on the loop, so there is a flush to come */
    pthread_mutex_lock(&api->mu);
    WEIR_ASSERT(api->unflushed_count < HELD_MAX);
    api->unflushed[api->unflushed_count++] = call;
    pthread_mutex_unlock(&api->mu);
    return API_WAITING;
}

void api_flush(struct api *api)
{
    pthread_mutex_lock(&api->mu);
    for (unsigned i = 0; i < api->unflushed_count; i++) {
        api->unflushed[i]->wake(api->unflushed[i]);
    }
    api->unflushed_count = 0;
    pthread_mutex_unlock(&api->mu);
}

static enum api_progress hold(struct api_call *call)
{
    struct api *api = call->api;
    pthread_mutex_lock(&api->mu);
    if (api->is_released) {
        call->wake(call);
    } else {
        WEIR_ASSERT(api->held_count < HELD_MAX);
        api->held[api->held_count++] = call;
    }
    pthread_mutex_unlock(&api->mu);
    return API_WAITING;
}

static enum api_progress hold_end(struct api_call *call)
{
    call->response = value_new_map(call->arena, VALUE_PLAIN);
    value_add_int(call->arena, call->response, "WaitMs", call->wait_ms);
    return finish(call);
}

static enum api_progress block(struct api_call *call)
{
    struct fake_state *state = call->state;
    state->started_by = pthread_self();
    return API_BLOCKING;
}

static enum api_progress block_end(struct api_call *call)
{
    struct fake_state *state = call->state;
    call->response = value_new_map(call->arena, VALUE_PLAIN);
    value_add_bool(call->arena, call->response, "OnLoop",
                   pthread_equal(state->started_by, pthread_self()) != 0);
    return finish(call);
}

static enum api_progress block_then_wake(struct api_call *call)
{
    struct fake_state *state = call->state;
    WEIR_ASSERT(!call->hold); /* nobody flushes behind a thread of the pool */
    if (!state->has_waited) {
        state->has_waited = true;
        call->wake(call);
        return API_WAITING;
    }
    return block_end(call);
}

static const struct api_operation operations[] = {
    {"Echo", echo, NULL},
    {"Long", long_answer, NULL},
    {"WakeAtOnce", wake_at_once, echo},
    {"WakeOnFlush", wake_on_flush, echo},
    {"Hold", hold, hold_end},
    {"Block", block, block_end},
    {"BlockThenWake", block, block_then_wake},
};

static const char *const names[] = {"Echo", "Long",  "WakeAtOnce",    "WakeOnFlush",
                                    "Hold", "Block", "BlockThenWake", NULL};

const char *const *api_operation_names(void)
{
    return names;
}

enum api_progress api_start(struct api *api, struct api_call *call, struct weir_bytes target)
{
    call->api = api;
    call->state = ARENA_NEW(call->arena, struct fake_state);
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        size_t len = strlen(operations[i].name);
        if (target.len > len &&
            memcmp(target.ptr + target.len - len, operations[i].name, len) == 0 &&
            target.ptr[target.len - len - 1] == '.') {
            call->operation = &operations[i];
            return operations[i].start(call);
        }
    }
    call->status = error_set(&call->error, WEIR_UNKNOWN_OPERATION, "unknown");
    return API_DONE;
}

enum api_progress api_resume(struct api_call *call)
{
    return call->operation->resume(call);
}

void api_render(const struct api_call *call, struct buf *to)
{
    if (call->status == WEIR_OK) {
        json_write(to, call->response);
        return;
    }
    buf_printf(to, "{\"__type\":\"fake#%s\",\"message\":", status_exception(call->status));
    json_write_string(to, bytes_str(call->error.message));
    buf_put_str(to, "}");
}

int api_http_status(const struct api_call *call)
{
    return status_http(call->status);
}
