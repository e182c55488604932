/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The relay's life: opening, running, stopping, and what run returns. weir_relay_run turns the loop
 * until the phase is STOPPED; everything in between happens in callbacks on it.
 */

#include "relay/relay.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/options.h"

#define DEFAULT_NAME "relay"
#define DEFAULT_DRAIN_MS 10000
#define DEFAULT_LANES 1024
#define DEFAULT_RETRY_FIRST_MS 200
#define DEFAULT_RETRY_MAX_MS 10000
#define DEFAULT_RETRY_ATTEMPTS 3
#define NAMES_BYTES (4 * 1024 * 1024) /* a topic map of thousands of types */

uint64_t relay_backoff_ms(struct weir_relay *relay, uint32_t attempt)
{
    uint64_t max = relay->options.retry_max_ms;
    uint64_t wait = relay->options.retry_first_ms;
    for (uint32_t i = 0; i < attempt && wait < max; i++) {
        wait *= 2;
    }
    wait = wait > max ? max : wait;
    return wait / 2 + env_random_below(relay->loop->env, wait / 2 + 1);
}

/* ---- status ---------------------------------------------------------------------------------- */

#define STATUS_EVERY_MS 200

static void publish_status(struct weir_relay *relay)
{
    struct feed_figures figures;
    feed_read_figures(relay->feed, &figures);
    pthread_mutex_lock(&relay->mu);
    relay->status.in_hand = relay->in_hand;
    relay->status.lag_ms = figures.lag_ms;
    relay->status.at_tip = relay->at_tip && relay->in_hand == 0;
    pthread_mutex_unlock(&relay->mu);
}

static void status_timer_over(void *arg)
{
    struct weir_relay *relay = arg;
    publish_status(relay);
    loop_timer_start(relay->loop, relay->status_timer, STATUS_EVERY_MS);
}

/* ---- ending ---------------------------------------------------------------------------------- */

static void feed_has_stopped(void *arg)
{
    struct weir_relay *relay = arg;
    relay->phase = RELAY_STOPPED;
    loop_stop(relay->loop);
}

static void drain(struct weir_relay *relay)
{
    if (relay->phase != RELAY_RUNNING) {
        return;
    }
    relay->phase = RELAY_DRAINING;
    feed_pause(relay->feed);
    loop_timer_start(relay->loop, relay->drain_timer, relay->options.drain_ms);
    relay_settle(relay);
}

void relay_settle(struct weir_relay *relay)
{
    if (relay->phase == RELAY_RUNNING && relay->options.once && relay->at_tip &&
        relay->in_hand == 0) {
        drain(relay);
        return;
    }
    if (relay->phase == RELAY_DRAINING && relay->submissions == 0 && relay_marks_idle(relay)) {
        relay->phase = RELAY_STOPPING;
        feed_stop(relay->feed, feed_has_stopped, relay);
    }
}

static void drain_overdue(void *arg)
{
    struct weir_relay *relay = arg;
    relay->overdue = true;
    relay_marks_abandon(relay);
    if (relay->submissions > 0 && relay->driver.abandon != NULL) {
        relay->driver.abandon(relay->driver.sink);
    }
    relay_settle(relay);
}

void relay_fail(struct weir_relay *relay, enum weir_status status, const struct weir_error *error)
{
    if (relay->failure == WEIR_OK) {
        relay->failure = status;
        relay->failure_error = *error;
    }
    drain(relay);
}

/* ---- entries --------------------------------------------------------------------------------- */

void relay_entry_done(struct relay_entry *entry)
{
    struct relay_arrival *arrival = entry->arrival;
    arrival->relay->in_hand--;
    feed_done(entry->record);
    relay_arrival_release(arrival);
}

void relay_entry_abandon(struct relay_entry *entry)
{
    entry->arrival->relay->in_hand--;
    relay_arrival_release(entry->arrival);
}

/* ---- what the feed and the timers say -------------------------------------------------------- */

static void on_failed(void *arg, enum weir_status status, const struct weir_error *error)
{
    relay_fail(arg, status, error);
}

static void on_tip(void *arg)
{
    struct weir_relay *relay = arg;
    relay->at_tip = true;
    relay_settle(relay);
}

static void sink_timer_over(void *arg)
{
    struct weir_relay *relay = arg;
    relay->sink_down = false; /* the next batch finds out */
    relay_pump(relay);
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "no memory for the relay");
}

static uint32_t or_default(uint32_t given, uint32_t fallback)
{
    return given == 0 ? fallback : given;
}

static const char *keep(struct weir_relay *relay, const char *given, const char *fallback)
{
    const char *text = given != NULL ? given : fallback;
    return text == NULL ? NULL : arena_printf(relay->names, "%s", text);
}

/* The layout has what the outbox's options say, in memory of the relay's own. */
static enum weir_status keep_layout(struct weir_relay *relay,
                                    const struct weir_outbox_options *options,
                                    struct weir_error *err)
{
    struct weir_outbox_options outbox;
    enum weir_status status =
        options_take(&outbox, sizeof(outbox), options, "WEIR_OUTBOX_OPTIONS_INIT", err);
    if (status == WEIR_OK) {
        status = outbox_layout_init(relay->names, &outbox, &relay->layout, err);
    }
    relay->options.outbox = NULL;
    relay->table = status == WEIR_OK ? keep(relay, outbox.table, "outbox") : NULL;
    return status == WEIR_OK && relay->table == NULL ? no_memory(err) : status;
}

/* Takes the options over: numbers with their defaults, names into memory of the relay's own. */
static enum weir_status keep_options(struct weir_relay *relay,
                                     const struct weir_relay_options *options,
                                     struct weir_error *err)
{
    struct weir_relay_options *o = &relay->options;
    *o = *options;
    o->drain_ms = or_default(o->drain_ms, DEFAULT_DRAIN_MS);
    o->lanes = or_default(o->lanes, DEFAULT_LANES);
    o->retry_first_ms = or_default(o->retry_first_ms, DEFAULT_RETRY_FIRST_MS);
    o->retry_max_ms = or_default(o->retry_max_ms, DEFAULT_RETRY_MAX_MS);
    o->retry_attempts = or_default(o->retry_attempts, DEFAULT_RETRY_ATTEMPTS);
    o->name = keep(relay, options->name, DEFAULT_NAME);
    o->position_table = keep(relay, options->position_table, NULL);
    if (o->name == NULL || (o->position_table == NULL) != (options->position_table == NULL)) {
        return no_memory(err);
    }
    return keep_layout(relay, options->outbox, err);
}

static enum weir_status open_feed(struct weir_relay *relay, struct weir_error *err)
{
    struct feed_options options = {
        .loop = relay->loop,
        .client = relay->client,
        .table = relay->table,
        .position_table = relay->options.position_table,
        .pipeline = relay->options.name,
        .start = relay->options.start_now ? FEED_START_NOW : FEED_START_HORIZON,
        .need_new_image = true,
        .handler = {.on_batch = relay_on_batch,
                    .on_failed = on_failed,
                    .on_tip = on_tip,
                    .arg = relay},
    };
    return feed_new(&options, &relay->feed, err);
}

static enum weir_status open_loop(struct weir_relay *relay, struct weir_error *err)
{
    enum weir_status status = loop_uv_new(client_env(relay->client), &relay->loop, err);
    if (status != WEIR_OK) {
        return status;
    }
    relay->sink_timer = loop_timer_new(relay->loop, sink_timer_over, relay);
    relay->mark_timer = loop_timer_new(relay->loop, relay_marks_resume, relay);
    relay->drain_timer = loop_timer_new(relay->loop, drain_overdue, relay);
    relay->status_timer = loop_timer_new(relay->loop, status_timer_over, relay);
    bool good = relay->sink_timer != NULL && relay->mark_timer != NULL &&
                relay->drain_timer != NULL && relay->status_timer != NULL;
    return good ? WEIR_OK : no_memory(err);
}

static enum weir_status open_without_sink(struct weir_client *client,
                                          const struct weir_relay_options *options,
                                          struct weir_relay **ret_relay, struct weir_error *err)
{
    struct weir_relay_options ours;
    if (client == NULL) {
        return error_set(err, WEIR_CLOSED, "the client of a relay must be open");
    }
    enum weir_status status =
        options_take(&ours, sizeof(ours), options, "WEIR_RELAY_OPTIONS_INIT", err);
    if (status == WEIR_OK) {
        status = client_check(client, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_relay *relay = calloc(1, sizeof(*relay));
    if (relay == NULL) {
        return no_memory(err);
    }
    relay->client = client;
    (void)pthread_mutex_init(&relay->mu, NULL);
    relay->marks_waiting_last = &relay->marks_waiting;
    relay_lanes_init(&relay->lanes);
    relay->names = arena_new(NAMES_BYTES);
    status = relay->names == NULL ? no_memory(err) : WEIR_OK;
    if (status == WEIR_OK) {
        status = keep_options(relay, &ours, err);
    }
    if (status == WEIR_OK) {
        status = open_loop(relay, err);
    }
    if (status != WEIR_OK) {
        weir_relay_close(relay);
        return status;
    }
    *ret_relay = relay;
    return WEIR_OK;
}

enum weir_status weir_relay_open_driver(struct weir_client *client,
                                        const struct weir_relay_options *options,
                                        const struct weir_sink_driver *driver,
                                        struct weir_relay **ret_relay, struct weir_error *err)
{
    struct weir_relay *relay = NULL;
    if (driver == NULL || driver->struct_size < sizeof(*driver) || driver->submit == NULL ||
        driver->close == NULL || driver->name == NULL) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "the driver needs struct_size, name, submit and close");
    }
    enum weir_status status = open_without_sink(client, options, &relay, err);
    if (status == WEIR_OK) {
        relay->driver = *driver;
        *ret_relay = relay;
    }
    return status;
}

/* "name=value" texts to settings, in `a`; the list ends with NULLs. */
static enum weir_status split_settings(struct arena *a, const char *const *texts, uint32_t count,
                                       struct sink_setting **ret_settings, struct weir_error *err)
{
    struct sink_setting *settings = ARENA_ARRAY(a, struct sink_setting, (size_t)count + 1);
    for (uint32_t i = 0; settings != NULL && i < count; i++) {
        const char *equals = strchr(texts[i], '=');
        if (equals == NULL || equals == texts[i]) {
            return error_set(err, WEIR_CONFIG, "sink setting \"%s\" is not of the form name=value",
                             texts[i]);
        }
        settings[i].name = arena_printf(a, "%.*s", (int)(equals - texts[i]), texts[i]);
        settings[i].value = arena_printf(a, "%s", equals + 1);
        if (settings[i].name == NULL || settings[i].value == NULL) {
            return no_memory(err);
        }
    }
    *ret_settings = settings;
    return settings == NULL ? no_memory(err) : WEIR_OK;
}

static enum weir_status unknown_sink(const char *sink, struct weir_error *err)
{
    char known[256] = "";
    size_t len = 0;
    for (size_t i = 0; sink_kind_at(i) != NULL && len < sizeof(known); i++) {
        len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", i == 0 ? "" : ", ",
                                sink_kind_at(i)->name);
    }
    return error_set(err, WEIR_CONFIG, "there is no sink \"%s\"; weir has %s",
                     sink == NULL ? "" : sink, known);
}

static enum weir_status open_sink(struct weir_relay *relay, const char *sink,
                                  const char *const *texts, uint32_t count, struct weir_error *err)
{
    struct sink_setting *settings = NULL;
    const struct sink_kind *kind = sink_kind_find(bytes_str(sink));
    if (kind == NULL) {
        return unknown_sink(sink, err);
    }
    enum weir_status status = split_settings(relay->names, texts, count, &settings, err);
    return status == WEIR_OK ? kind->open(relay->loop, settings, &relay->driver, err) : status;
}

enum weir_status weir_relay_open(struct weir_client *client,
                                 const struct weir_relay_options *options, const char *sink,
                                 const char *const *settings, uint32_t settings_count,
                                 struct weir_relay **ret_relay, struct weir_error *err)
{
    struct weir_relay *relay = NULL;
    enum weir_status status = open_without_sink(client, options, &relay, err);
    if (status != WEIR_OK) {
        return status;
    }
    status = open_sink(relay, sink, settings, settings_count, err);
    if (status != WEIR_OK) {
        weir_relay_close(relay);
        return status;
    }
    *ret_relay = relay;
    return WEIR_OK;
}

/* ---- running --------------------------------------------------------------------------------- */

enum weir_status weir_relay_run(struct weir_relay *relay, struct weir_error *err)
{
    if (relay == NULL || relay->phase != RELAY_RUNNING || relay->feed != NULL) {
        return error_set(err, WEIR_CLOSED, "a relay runs once, between open and close");
    }
    enum weir_status status = open_feed(relay, err);
    if (status != WEIR_OK) {
        return status;
    }
    feed_start(relay->feed);
    loop_timer_start(relay->loop, relay->status_timer, STATUS_EVERY_MS);
    while (relay->phase != RELAY_STOPPED) {
        loop_run(relay->loop);
        if (atomic_load(&relay->stop_wanted)) {
            drain(relay);
        }
    }
    publish_status(relay);
    if (relay->failure != WEIR_OK && err != NULL) {
        *err = relay->failure_error;
    }
    return relay->failure;
}

enum weir_relay_order weir_relay_promised_order(const struct weir_relay *relay)
{
    return relay->layout.kind->row_prefix == NULL ? WEIR_ORDER_PER_KEY : WEIR_ORDER_NONE;
}

void weir_relay_stop(struct weir_relay *relay)
{
    if (relay != NULL) {
        atomic_store(&relay->stop_wanted, true);
        loop_stop(relay->loop);
    }
}

void weir_relay_read_status(const struct weir_relay *relay, struct weir_relay_status *ret_status)
{
    struct weir_relay *r = (struct weir_relay *)(uintptr_t)relay; /* the lock is not const */
    pthread_mutex_lock(&r->mu);
    *ret_status = r->status;
    pthread_mutex_unlock(&r->mu);
}

void weir_relay_close(struct weir_relay *relay)
{
    if (relay == NULL) {
        return;
    }
    WEIR_ASSERT(relay->feed == NULL || relay->phase == RELAY_STOPPED);
    relay_lanes_fini(relay);
    feed_free(relay->feed);
    if (relay->driver.close != NULL) {
        relay->driver.close(relay->driver.sink);
    }
    if (relay->loop != NULL) {
        loop_timer_free(relay->loop, relay->sink_timer);
        loop_timer_free(relay->loop, relay->mark_timer);
        loop_timer_free(relay->loop, relay->drain_timer);
        loop_timer_free(relay->loop, relay->status_timer);
        loop_free(relay->loop);
    }
    arena_free(relay->names);
    (void)pthread_mutex_destroy(&relay->mu);
    free(relay);
}
