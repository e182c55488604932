/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "weir/engine.h"

#define DEADLINE_MS 60000

/* ---- the handler ----------------------------------------------------------------------------- */

static uint32_t value_of(const struct feed_record *record)
{
    const struct weir_value *pk = value_get(record->keys, "pk");
    char text[16] = "";
    assert_non_null(pk);
    assert_true(pk->u.bytes.len < sizeof(text));
    memcpy(text, pk->u.bytes.ptr, pk->u.bytes.len);
    return (uint32_t)strtoul(text, NULL, 10);
}

static void on_batch(void *arg, struct feed_batch *batch)
{
    struct harness *h = arg;
    uint32_t count = batch->count;
    struct feed_record *records = batch->records;
    h->batches++;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(h->seen_count < SEEN_MAX);
        struct seen *seen = &h->seen[h->seen_count++];
        *seen = (struct seen){.value = value_of(&records[i]),
                              .event = records[i].event,
                              .by_ttl = records[i].by_ttl,
                              .has_new = records[i].new_image != NULL,
                              .has_old = records[i].old_image != NULL,
                              .record = &records[i]};
        assert_int_equal(records[i].index, i);
        (void)snprintf(seen->shard, sizeof(seen->shard), "%.*s", BYTES_ARG(batch->shard_id));
    }
    if (h->free_in_batch) {
        feed_free(h->feed);
        h->feed = NULL;
        return;
    }
    for (uint32_t i = h->seen_count - count; !h->hold && i < h->seen_count; i++) {
        done_at(h, i);
    }
}

static void on_failed(void *arg, enum weir_status status, const struct weir_error *error)
{
    struct harness *h = arg;
    h->failures++;
    h->failure = status;
    h->failure_error = *error;
}

static void on_tip(void *arg)
{
    struct harness *h = arg;
    h->tips++;
}

static void on_stopped(void *arg)
{
    struct harness *h = arg;
    h->stops++;
}

void done_at(struct harness *h, uint32_t index)
{
    assert_true(index < h->seen_count);
    assert_non_null(h->seen[index].record);
    const struct feed_record *record = h->seen[index].record;
    h->seen[index].record = NULL;
    feed_done(record);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void on_check(void *arg)
{
    struct harness *h = arg;
    if (h->until(h)) {
        loop_stop(h->loop);
    } else {
        loop_timer_start(h->loop, h->check, 1);
    }
}

static void on_deadline(void *arg)
{
    struct harness *h = arg;
    (void)fprintf(stderr, "waited for too long: %u records, %u tips, %u failures (%s)\n",
                  h->seen_count, h->tips, h->failures, h->failure_error.message);
    abort();
}

void run_until(struct harness *h, bool (*until)(struct harness *h))
{
    h->until = until;
    loop_timer_start(h->loop, h->deadline, DEADLINE_MS);
    loop_timer_start(h->loop, h->check, 0);
    loop_run(h->loop);
    loop_timer_stop(h->loop, h->deadline);
}

bool saw_wanted(struct harness *h)
{
    return h->seen_count >= h->wanted;
}

bool saw_tip(struct harness *h)
{
    return figures(h).at_tip;
}

bool saw_failure(struct harness *h)
{
    return h->failures > 0;
}

static bool saw_stop(struct harness *h)
{
    return h->stops > 0;
}

void run_until_seen(struct harness *h, uint32_t count)
{
    h->wanted = count;
    run_until(h, saw_wanted);
}

static uint64_t run_end_ns;
static bool time_is_over(struct harness *h)
{
    return loop_now_ns(h->loop) >= run_end_ns;
}

void run_for(struct harness *h, uint32_t ms)
{
    run_end_ns = loop_now_ns(h->loop) + (uint64_t)ms * 1000000u;
    run_until(h, time_is_over);
}

static int64_t shifted_wall_ms(struct weir_env *env)
{
    return env_wall_ms(env_system()) + ((struct shifted_env *)env)->shift_ms;
}

static uint64_t mono_ns(struct weir_env *env)
{
    (void)env;
    return env_mono_ns(env_system());
}

static void random_bytes(struct weir_env *env, void *to, size_t size)
{
    (void)env;
    env_system()->random(env_system(), to, size);
}

/* ---- lifetime -------------------------------------------------------------------------------- */

void harness_init(struct harness *h, const char *endpoint)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    struct weir_error err = {0};
    *h = (struct harness){
        .env = {.env = {.wall_ms = shifted_wall_ms, .mono_ns = mono_ns, .random = random_bytes}}};
    options.endpoint_url = endpoint;
    assert_int_equal(weir_engine_register(NULL), WEIR_OK);
    assert_int_equal(loop_uv_new(&h->env.env, &h->loop, &err), WEIR_OK);
    if (weir_client_open(&options, &h->client, &err) != WEIR_OK) {
        fail_msg("%s", err.message);
    }
    h->seen = calloc(SEEN_MAX, sizeof(h->seen[0]));
    h->check = loop_timer_new(h->loop, on_check, h);
    h->deadline = loop_timer_new(h->loop, on_deadline, h);
    h->options = (struct feed_options){
        .loop = h->loop,
        .client = h->client,
        .table = FAKE_TABLE,
        .pipeline = "p",
        .poll_ms_max = 5,
        .flush_ms = 5,
        .handler = {on_batch, on_failed, on_tip, h},
    };
}

void harness_fini(struct harness *h)
{
    assert_null(h->feed);
    loop_timer_free(h->loop, h->check);
    loop_timer_free(h->loop, h->deadline);
    weir_client_close(h->client);
    loop_free(h->loop);
    free(h->seen);
}

void harness_open(struct harness *h)
{
    struct weir_error err = {0};
    if (feed_new(&h->options, &h->feed, &err) != WEIR_OK) {
        fail_msg("%s", err.message);
    }
    feed_start(h->feed);
}

void harness_close(struct harness *h)
{
    h->stops = 0;
    feed_stop(h->feed, on_stopped, h);
    assert_int_equal(h->stops, 0); /* never inside the call */
    run_until(h, saw_stop);
    feed_free(h->feed);
    h->feed = NULL;
    run_for(h, 1);
}

void harness_crash(struct harness *h)
{
    feed_free(h->feed);
    h->feed = NULL;
    for (uint32_t i = 0; i < h->seen_count; i++) {
        h->seen[i].record = NULL;
    }
    run_for(h, 300); /* the engine in memory ends a cancelled read within a slice of 200 ms */
}

void harness_forget(struct harness *h)
{
    h->seen_count = 0;
    h->batches = 0;
    h->tips = 0;
    h->failures = 0;
}

struct feed_figures figures(struct harness *h)
{
    struct feed_figures f;
    feed_read_figures(h->feed, &f);
    return f;
}

/* ---- the position table ---------------------------------------------------------------------- */

static void copy_text(const struct weir_value *item, const char *attribute, char *to, size_t size)
{
    const struct weir_value *member = value_get(item, attribute);
    if (member != NULL && (member->type == VALUE_S || member->type == VALUE_N)) {
        (void)snprintf(to, size, "%.*s", BYTES_ARG(member->u.bytes));
    }
    if (member != NULL && member->type == VALUE_SS) {
        (void)snprintf(to, size, "%.*s", BYTES_ARG(member->u.list.at[0].u.bytes));
    }
}

const char *stored_attribute(struct harness *h, const char *pipeline, const char *shard,
                             const char *attribute)
{
    static char text[128];
    struct arena *a = arena_new(1024 * 1024);
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    struct weir_value *response = NULL;
    struct weir_value *item = NULL;
    struct weir_client *client = fake.inner != NULL ? fake.inner : h->client;
    const char *table = h->options.position_table;
    text[0] = '\0';
    value_add_str(a, request, "TableName", bytes_str(table == NULL ? "weir-positions" : table));
    value_add_bool(a, request, "ConsistentRead", true);
    struct weir_value *key = value_add_map(a, value_add_map(a, request, "Key"), "leaseKey");
    value_add_str(a, key, "S", bytes_str(arena_printf(a, "%s/%s", pipeline, shard)));
    struct weir_error err = {0};
    if (client_call(client, "GetItem", request, a, &response, NULL, &err) == WEIR_OK) {
        const struct weir_value *doc = value_get(response, "Item");
        if (doc != NULL && value_to_item(a, doc, &item, &err) == WEIR_OK) {
            copy_text(item, attribute, text, sizeof(text));
        }
    }
    arena_free(a);
    return text;
}

const char *stored(struct harness *h, const char *pipeline, const char *shard)
{
    return stored_attribute(h, pipeline, shard, "checkpoint");
}
