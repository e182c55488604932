/* SPDX-License-Identifier: Apache-2.0 */
/* The feed as a whole: opening, phases, what is advanced when, stopping, figures. */
#include "feed/feed_internal.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"

#define NAMES_BYTES (64u * 1024)
#define ROWS_BYTES (64u * 1024 * 1024) /* ids of the shards that have a row */

static const bool moves[FEED_PHASE_COUNT][FEED_PHASE_COUNT] = {
    [FEED_NEW] = {[FEED_STARTING] = true, [FEED_STOPPING] = true},
    [FEED_STARTING] = {[FEED_RUNNING] = true, [FEED_FAILED] = true, [FEED_STOPPING] = true},
    [FEED_RUNNING] = {[FEED_FAILED] = true, [FEED_STOPPING] = true},
    [FEED_FAILED] = {[FEED_STOPPING] = true},
    [FEED_STOPPING] = {[FEED_RELEASING] = true},
    [FEED_RELEASING] = {[FEED_STOPPED] = true},
};

void feed_move(struct feed *feed, enum feed_phase to)
{
    WEIR_ASSERT(moves[feed->phase][to]);
    feed->phase = to;
    feed_turn_soon(feed);
}

static bool is_working(const struct feed *feed)
{
    return feed->phase == FEED_STARTING || feed->phase == FEED_RUNNING;
}

/* ---- lifetime -------------------------------------------------------------------------------- */

static void destroy(struct feed *feed)
{
    while (feed->shards != NULL) {
        struct feed_shard *shard = feed->shards;
        feed->shards = shard->next;
        shard_free(shard);
    }
    call_fini(&feed->admin);
    loop_timer_free(feed->loop, feed->turn_timer);
    loop_timer_free(feed->loop, feed->flush_timer);
    loop_timer_free(feed->loop, feed->refresh_timer);
    loop_timer_free(feed->loop, feed->stop_timer);
    free(feed->page_key);
    free(feed->rows);
    arena_free(feed->rows_arena);
    arena_free(feed->names);
    free(feed);
}

void feed_enter(struct feed *feed)
{
    feed->entered++;
}

void feed_leave(struct feed *feed)
{
    WEIR_ASSERT(feed->entered > 0);
    feed->entered--;
    if (feed->freeing && feed->entered == 0 && feed->busy_count == 0) {
        destroy(feed);
    }
}

void feed_turn_soon(struct feed *feed)
{
    if (!feed->turn_due && !feed->freeing) {
        feed->turn_due = true;
        loop_timer_start(feed->loop, feed->turn_timer, 0);
    }
}

/* ---- failing --------------------------------------------------------------------------------- */

static void end_reading(struct feed *feed)
{
    call_cancel(&feed->admin);
    loop_timer_stop(feed->loop, feed->refresh_timer);
    for (struct feed_shard *s = feed->shards; s != NULL; s = s->next) {
        call_cancel(&s->read);
    }
    feed->at_tip = false;
    feed->tip_due = false;
}

void feed_fail(struct feed *feed, enum weir_status status, const struct weir_error *error)
{
    if (!is_working(feed)) {
        return;
    }
    feed->failure = status;
    feed->failure_error = *error;
    feed->failed_due = true;
    feed_move(feed, FEED_FAILED);
    end_reading(feed);
}

void feed_fail_call(struct feed_call *call, const char *what)
{
    struct feed *feed = call->feed;
    enum weir_status status = call->request.status;
    if (call->shard != NULL) {
        (void)error_wrap(&call->request.error, status, "table %s, shard %.*s: %s",
                         feed->options.table, BYTES_ARG(call->shard->id), what);
    } else {
        (void)error_wrap(&call->request.error, status, "table %s: %s", feed->options.table, what);
    }
    feed_fail(feed, status, &call->request.error);
}

void feed_gap(struct feed_shard *shard, const char *what)
{
    struct weir_error err = {0};
    shard->feed->figures.gaps++;
    (void)error_set(&err, WEIR_GAP, "table %s, shard %.*s, after %.*s: %s: records may be lost",
                    shard->feed->options.table, BYTES_ARG(shard->id),
                    BYTES_ARG(position_text(&shard->read_to)), what);
    feed_fail(shard->feed, WEIR_GAP, &err);
}

/* ---- advancing ------------------------------------------------------------------------------- */

static void admin_advance(struct feed *feed)
{
    if (!is_working(feed) || !call_idle(&feed->admin)) {
        return;
    }
    switch (feed->step) {
    case STEP_TABLE:
        rows_describe_table(feed);
        break;
    case STEP_POSITIONS:
        rows_describe_positions(feed);
        break;
    case STEP_POSITIONS_CREATE:
        rows_create_positions(feed);
        break;
    case STEP_ROWS:
        rows_scan(feed);
        break;
    case STEP_START:
        rows_store_start(feed);
        break;
    case STEP_TABLE_AGAIN:
        rows_describe_table_again(feed);
        break;
    case STEP_LIST:
    case STEP_IDLE:
        shard_list_advance(feed);
        break;
    }
}

static void read_on(struct feed_shard *shard)
{
    switch (shard->state) {
    case SHARD_DISCOVERED:
    case SHARD_BLOCKED:
        if (!shard_is_blocked(shard)) {
            position_take(shard);
        } else if (shard->state == SHARD_DISCOVERED) {
            shard_move(shard, SHARD_BLOCKED);
        }
        break;
    case SHARD_LEASED:
    case SHARD_READING:
        reader_advance(shard);
        break;
    case SHARD_DRAINED:
    case SHARD_ENDED:
    case SHARD_STATE_COUNT:
        break;
    }
}

void shard_advance(struct feed_shard *shard)
{
    struct feed *feed = shard->feed;
    /* Shards of a list that is not complete wait: their parents may be on a later page. */
    bool complete = feed->step != STEP_LIST || shard->state > SHARD_BLOCKED;
    if (feed->phase == FEED_RUNNING && complete) {
        read_on(shard);
    }
    if (is_working(feed) || feed->phase == FEED_FAILED) {
        position_advance(shard);
    }
}

/* Every record up to now was handed out, as far as an empty answer can tell. */
static bool reached_tip(const struct feed *feed)
{
    if (feed->phase != FEED_RUNNING || shard_list_is_due(feed) || feed->stream_enabling) {
        return false;
    }
    for (const struct feed_shard *s = feed->shards; s != NULL; s = s->next) {
        bool read_empty = s->state == SHARD_READING && s->empty_reads > 0;
        if (!read_empty && s->state != SHARD_DRAINED && s->state != SHARD_ENDED) {
            return false;
        }
    }
    return true;
}

/* ---- stopping -------------------------------------------------------------------------------- */

static bool reads_are_over(const struct feed *feed)
{
    for (const struct feed_shard *s = feed->shards; s != NULL; s = s->next) {
        if (s->read.busy) {
            return false;
        }
    }
    return !feed->admin.busy;
}

/* True when no write is under way and none is left to be made. */
static bool writes_are_over(struct feed *feed, void (*write)(struct feed_shard *shard))
{
    bool over = true;
    for (struct feed_shard *s = feed->shards; s != NULL; s = s->next) {
        if (s->store.waiting) {
            call_cancel(&s->store);
        }
        if (!s->store.busy && s->leased && !feed->stop_overdue) {
            write(s);
        }
        over = over && !s->store.busy;
    }
    return over;
}

static void write_last(struct feed_shard *shard)
{
    if (shard->state == SHARD_DRAINED && shard->first == NULL &&
        shard->handled.kind != POSITION_END) {
        shard->handled.kind = POSITION_END;
        shard->dirty = true;
    }
    if (shard->dirty) {
        position_store(shard);
    }
}

static void stop_advance(struct feed *feed)
{
    if (feed->phase == FEED_STOPPING && reads_are_over(feed) && writes_are_over(feed, write_last)) {
        feed_move(feed, FEED_RELEASING);
    }
    if (feed->phase == FEED_RELEASING && writes_are_over(feed, position_release)) {
        feed_move(feed, FEED_STOPPED);
        loop_timer_stop(feed->loop, feed->stop_timer);
        loop_timer_stop(feed->loop, feed->flush_timer);
    }
}

static void on_stop_overdue(void *arg)
{
    struct feed *feed = arg;
    feed->stop_overdue = true;
    for (struct feed_shard *s = feed->shards; s != NULL; s = s->next) {
        call_cancel(&s->store);
    }
    feed_turn_soon(feed);
}

/* ---- the turn -------------------------------------------------------------------------------- */

/* What the handler is owed; each call may lead to anything but destruction. */
static void call_handler(struct feed *feed)
{
    const struct feed_handler *handler = &feed->options.handler;
    if (feed->failed_due) {
        feed->failed_due = false;
        if (handler->on_failed != NULL) {
            handler->on_failed(handler->arg, feed->failure, &feed->failure_error);
        }
    }
    if (feed->tip_due && feed->phase == FEED_RUNNING) {
        feed->tip_due = false;
        if (handler->on_tip != NULL) {
            handler->on_tip(handler->arg);
        }
    }
    if (feed->phase == FEED_STOPPED && feed->stopped_due) {
        feed->stopped_due = false;
        if (feed->stopped != NULL) {
            feed->stopped(feed->stopped_arg);
        }
    }
}

static void on_turn(void *arg)
{
    struct feed *feed = arg;
    feed_enter(feed);
    feed->turn_due = false;
    admin_advance(feed);
    for (struct feed_shard *s = feed->shards; s != NULL; s = s->next) {
        shard_advance(s);
    }
    if (!feed->at_tip && reached_tip(feed)) {
        feed->at_tip = true;
        feed->tip_due = true;
    }
    stop_advance(feed);
    call_handler(feed);
    feed_leave(feed);
}

static void on_flush(void *arg)
{
    struct feed *feed = arg;
    feed->flush_running = false;
    for (struct feed_shard *s = feed->shards; s != NULL; s = s->next) {
        s->due = s->due || s->dirty;
    }
    feed_turn_soon(feed);
}

static void on_refresh(void *arg)
{
    struct feed *feed = arg;
    feed->refresh_due = true;
    feed_turn_soon(feed);
}

/* ---- opening --------------------------------------------------------------------------------- */

static char *keep_text(struct feed *feed, const char *text, const char *otherwise)
{
    return arena_printf(feed->names, "%s", text == NULL ? otherwise : text);
}

static char *make_owner(struct feed *feed)
{
    char host[65] = "";
    char uuid[UUID_TEXT_SIZE];
    (void)gethostname(host, sizeof(host) - 1);
    env_uuid4(feed->loop->env, uuid);
    return arena_printf(feed->names, "%s-%.8s", host[0] == '\0' ? "weir" : host, uuid);
}

static bool keep_options(struct feed *feed, const struct feed_options *options)
{
    struct feed_options *o = &feed->options;
    *o = *options;
    o->table = keep_text(feed, options->table, NULL);
    o->position_table = keep_text(feed, options->position_table, "weir-positions");
    o->pipeline = options->pipeline == NULL ? NULL : keep_text(feed, options->pipeline, NULL);
    o->owner = options->owner == NULL ? make_owner(feed) : keep_text(feed, options->owner, NULL);
    o->flush_count = options->flush_count == 0 ? 1000 : options->flush_count;
    o->flush_ms = options->flush_ms == 0 ? 1000 : options->flush_ms;
    o->poll_ms_max = options->poll_ms_max == 0 ? 1000 : options->poll_ms_max;
    o->unhandled_max = options->unhandled_max == 0 ? 20000 : options->unhandled_max;
    return o->table != NULL && o->position_table != NULL && o->owner != NULL &&
           (options->pipeline == NULL) == (o->pipeline == NULL);
}

static bool init(struct feed *feed, const struct feed_options *options)
{
    feed->loop = options->loop;
    feed->shards_last = &feed->shards;
    feed->first_start = true;
    feed->step = STEP_TABLE;
    feed->names = arena_new(NAMES_BYTES);
    feed->rows_arena = arena_new(ROWS_BYTES);
    feed->turn_timer = loop_timer_new(feed->loop, on_turn, feed);
    feed->flush_timer = loop_timer_new(feed->loop, on_flush, feed);
    feed->refresh_timer = loop_timer_new(feed->loop, on_refresh, feed);
    feed->stop_timer = loop_timer_new(feed->loop, on_stop_overdue, feed);
    return feed->names != NULL && feed->rows_arena != NULL && feed->turn_timer != NULL &&
           feed->flush_timer != NULL && feed->refresh_timer != NULL && feed->stop_timer != NULL &&
           call_init(&feed->admin, feed, NULL) && keep_options(feed, options);
}

static enum weir_status check_options(const struct feed_options *options, struct weir_error *err)
{
    if (options->loop == NULL || options->client == NULL || options->table == NULL ||
        options->handler.on_batch == NULL) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "a feed needs a loop, a client, a table and on_batch");
    }
    /* The slash ends the pipeline's name in leaseKey. */
    if (options->pipeline != NULL &&
        (options->pipeline[0] == '\0' || strchr(options->pipeline, '/') != NULL)) {
        return error_set(err, WEIR_CONFIG,
                         "pipeline \"%s\": a name must not be empty nor hold a slash",
                         options->pipeline);
    }
    return WEIR_OK;
}

enum weir_status feed_new(const struct feed_options *options, struct feed **ret_feed,
                          struct weir_error *err)
{
    enum weir_status status = check_options(options, err);
    if (status != WEIR_OK) {
        return status;
    }
    struct feed *feed = calloc(1, sizeof(*feed));
    if (feed == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a feed");
    }
    if (!init(feed, options)) {
        destroy(feed);
        return error_set(err, WEIR_NO_MEMORY, "no memory for a feed");
    }
    *ret_feed = feed;
    return WEIR_OK;
}

void feed_start(struct feed *feed)
{
    feed_move(feed, FEED_STARTING);
}

void feed_pause(struct feed *feed)
{
    feed->paused = true;
}

void feed_resume(struct feed *feed)
{
    feed->paused = false;
    feed_turn_soon(feed);
}

void feed_stop(struct feed *feed, void (*stopped)(void *arg), void *arg)
{
    feed->stopped = stopped;
    feed->stopped_arg = arg;
    feed->stopped_due = true;
    feed->failed_due = false;
    feed_turn_soon(feed);
    if (feed->phase >= FEED_STOPPING) {
        return;
    }
    feed_move(feed, FEED_STOPPING);
    end_reading(feed);
    loop_timer_start(feed->loop, feed->stop_timer, FEED_STOP_MS);
}

void feed_free(struct feed *feed)
{
    if (feed == NULL) {
        return;
    }
    feed_enter(feed);
    feed->freeing = true;
    loop_timer_stop(feed->loop, feed->turn_timer);
    loop_timer_stop(feed->loop, feed->flush_timer);
    loop_timer_stop(feed->loop, feed->stop_timer);
    end_reading(feed);
    for (struct feed_shard *s = feed->shards; s != NULL; s = s->next) {
        call_cancel(&s->store);
    }
    feed_leave(feed);
}

/* ---- figures --------------------------------------------------------------------------------- */

/* The creation of the oldest record that is not handled, or, short of the tip, of the newest that
 * was read; 0: the shard has no lag. */
static int64_t behind_since_s(const struct feed_shard *shard)
{
    const struct feed_record *oldest = frontier_oldest(shard);
    if (oldest != NULL) {
        return oldest->created_s;
    }
    bool reading = shard->state == SHARD_READING && shard->empty_reads == 0;
    return reading ? shard->last_created_s : 0;
}

void feed_read_figures(const struct feed *feed, struct feed_figures *ret_figures)
{
    struct feed_figures figures = feed->figures;
    int64_t since_s = 0;
    for (const struct feed_shard *s = feed->shards; s != NULL; s = s->next) {
        int64_t shard_s = behind_since_s(s);
        if (shard_s != 0 && (since_s == 0 || shard_s < since_s)) {
            since_s = shard_s;
        }
    }
    int64_t lag_ms = since_s == 0 ? 0 : env_wall_ms(feed->loop->env) - since_s * 1000;
    figures.lag_ms = lag_ms < 0 ? 0 : lag_ms;
    figures.at_tip = feed->at_tip;
    *ret_figures = figures;
}
