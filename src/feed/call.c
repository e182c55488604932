/* SPDX-License-Identifier: Apache-2.0 */
/* A slot for calls: one at a time, its memory, and the pause before the next attempt. */
#include "feed/feed_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"

static void advance(struct feed_call *call)
{
    if (call->feed->freeing) {
        return;
    }
    if (call->shard != NULL) {
        shard_advance(call->shard);
    }
    feed_turn_soon(call->feed);
}

static void on_timer(void *arg)
{
    struct feed_call *call = arg;
    struct feed *feed = call->feed;
    feed_enter(feed);
    call->waiting = false;
    advance(call);
    feed_leave(feed);
}

static void on_done(struct client_request *request)
{
    struct feed_call *call = request->arg;
    struct feed *feed = call->feed;
    feed_enter(feed);
    call->busy = false;
    feed->busy_count--;
    if (!feed->freeing) {
        if (request->status == WEIR_OK) {
            call->failures = 0;
        }
        call->then(call);
        advance(call);
    }
    feed_leave(feed);
}

bool call_init(struct feed_call *call, struct feed *feed, struct feed_shard *shard)
{
    call->feed = feed;
    call->shard = shard;
    call->timer = loop_timer_new(feed->loop, on_timer, call);
    return call->timer != NULL;
}

void call_fini(struct feed_call *call)
{
    WEIR_ASSERT(!call->busy);
    if (call->feed != NULL) {
        loop_timer_free(call->feed->loop, call->timer);
    }
    call->timer = NULL;
    call->waiting = false;
    arena_free(call->arena);
    call->arena = NULL;
}

bool call_idle(const struct feed_call *call)
{
    return !call->busy && !call->waiting;
}

struct arena *call_arena(struct feed_call *call)
{
    if (call->arena == NULL) {
        call->arena = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    } else {
        arena_reset(call->arena);
    }
    return call->arena;
}

void call_send(struct feed_call *call, const char *operation, const struct weir_value *document,
               uint32_t wait_ms, void (*then)(struct feed_call *call))
{
    struct feed *feed = call->feed;
    WEIR_ASSERT(call_idle(call));
    if (call->arena == NULL || document == NULL) {
        call_retry(call);
        return;
    }
    call->then = then;
    call->busy = true;
    feed->busy_count++;
    memset(&call->request, 0, sizeof(call->request));
    call->request.operation = operation;
    call->request.document = document;
    call->request.arena = call->arena;
    call->request.wait_ms = wait_ms;
    call->request.max_attempts = FEED_ATTEMPTS;
    call->request.loop = feed->loop;
    call->request.done = on_done;
    call->request.arg = call;
    client_start(feed->options.client, &call->request);
}

void call_later(struct feed_call *call, uint64_t ms)
{
    WEIR_ASSERT(!call->busy);
    call->waiting = true;
    loop_timer_start(call->feed->loop, call->timer, ms);
}

/* Exponential, the upper half of it by chance, so that shards that failed together spread. */
void call_retry(struct feed_call *call)
{
    uint32_t doublings = call->failures < 6 ? call->failures : 6;
    uint64_t ms = (uint64_t)FEED_BACKOFF_FIRST_MS << doublings;
    ms = ms > FEED_BACKOFF_MAX_MS ? FEED_BACKOFF_MAX_MS : ms;
    call->failures++;
    call->feed->figures.retries++;
    call_later(call, ms / 2 + env_random_below(call->feed->loop->env, ms / 2 + 1));
}

void call_cancel(struct feed_call *call)
{
    if (call->waiting) {
        loop_timer_stop(call->feed->loop, call->timer);
        call->waiting = false;
    }
    if (call->busy) {
        client_cancel(&call->request);
    }
}

bool call_may_retry(const struct feed_call *call)
{
    /* DynamoDB Streams answers LimitExceededException when it is asked too often. */
    return weir_status_retryable(call->request.status) != 0 ||
           call->request.status == WEIR_LIMIT_EXCEEDED;
}

bool doc_text(const struct weir_value *map, const char *name, struct weir_bytes *ret_text)
{
    const struct weir_value *member = value_get(map, name);
    if (member == NULL || member->type != VALUE_S) {
        return false;
    }
    *ret_text = member->u.bytes;
    return true;
}

bool doc_text_is(const struct weir_value *map, const char *name, const char *text)
{
    struct weir_bytes member;
    return doc_text(map, name, &member) && bytes_eq_str(member, text);
}

uint32_t doc_list(const struct weir_value *map, const char *name, const struct weir_value **ret_at)
{
    const struct weir_value *member = value_get(map, name);
    if (member == NULL || member->type != VALUE_L) {
        return 0;
    }
    *ret_at = member->u.list.at;
    return member->u.list.count;
}

void attribute_add_s(struct arena *a, struct weir_value *map, const char *name,
                     struct weir_bytes text)
{
    struct weir_value *value = value_add(a, map, bytes_str(name));
    if (value != NULL) {
        value_set_s(value, text);
    }
}

void attribute_add_n(struct arena *a, struct weir_value *map, const char *name, int64_t number)
{
    struct weir_value *value = value_add(a, map, bytes_str(name));
    char *text = arena_printf(a, "%" PRId64, number);
    if (value != NULL && text != NULL) {
        value_set_n(value, bytes_str(text));
    }
}
