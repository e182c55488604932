/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shards and their lineage: a graph kept from the pages of DescribeStream.
 *
 * The pages are no consistent snapshot (a parent may look open while its child is listed), so
 * nothing is concluded from a shard's ending number but at the first start of a feed "from now
 * on"; a shard has ended when it was read to its end. Parents are looked up once a list is
 * complete; one that no complete list shows is beyond the horizon and blocks nothing.
 */
#include "feed/feed_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"

static const bool moves[SHARD_STATE_COUNT][SHARD_STATE_COUNT] = {
    [SHARD_DISCOVERED] = {[SHARD_BLOCKED] = true, [SHARD_LEASED] = true, [SHARD_ENDED] = true},
    [SHARD_BLOCKED] = {[SHARD_LEASED] = true, [SHARD_ENDED] = true},
    [SHARD_LEASED] = {[SHARD_READING] = true},
    [SHARD_READING] = {[SHARD_DRAINED] = true},
    [SHARD_DRAINED] = {[SHARD_ENDED] = true},
};

void shard_move(struct feed_shard *shard, enum shard_state to)
{
    WEIR_ASSERT(moves[shard->state][to]);
    WEIR_ASSERT(to != SHARD_ENDED || shard->first == NULL);
    shard->state = to;
    if (to == SHARD_DRAINED || to == SHARD_ENDED) {
        free(shard->iterator);
        shard->iterator = NULL;
    }
    if (to == SHARD_ENDED) {
        shard->feed->figures.shards_open--;
        shard->feed->figures.shards_ended++;
        shard->ended_ms = env_wall_ms(shard->feed->loop->env);
    }
    feed_turn_soon(shard->feed);
}

/* ---- the set --------------------------------------------------------------------------------- */

static struct feed_shard **bucket_of(struct feed *feed, struct weir_bytes id)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < id.len; i++) {
        hash = (hash ^ id.ptr[i]) * 16777619u;
    }
    return &feed->buckets[hash % FEED_BUCKETS];
}

struct feed_shard *shard_find(struct feed *feed, struct weir_bytes id)
{
    struct feed_shard *shard = *bucket_of(feed, id);
    while (shard != NULL && !bytes_eq(shard->id, id)) {
        shard = shard->bucket_next;
    }
    return shard;
}

void shard_free(struct feed_shard *shard)
{
    frontier_free(shard);
    call_fini(&shard->read);
    call_fini(&shard->store);
    free(shard->iterator);
    free(shard);
}

static struct feed_shard *shard_new(struct feed *feed, struct weir_bytes id,
                                    struct weir_bytes parent_id)
{
    struct feed_shard *shard = calloc(1, sizeof(*shard) + id.len + parent_id.len + 1);
    if (shard == NULL) {
        return NULL;
    }
    uint8_t *text = (uint8_t *)(shard + 1);
    memcpy(text, id.ptr, id.len);
    shard->id = bytes_of(text, id.len);
    if (parent_id.len > 0) {
        memcpy(text + id.len, parent_id.ptr, parent_id.len);
        shard->parent_id = bytes_of(text + id.len, parent_id.len);
    }
    shard->feed = feed;
    shard->last = &shard->first;
    shard->limit = LIMIT_GET_RECORDS;
    if (!call_init(&shard->read, feed, shard) || !call_init(&shard->store, feed, shard)) {
        shard_free(shard);
        return NULL;
    }
    const struct feed_row *row = row_find(feed, shard->id);
    if (row != NULL) {
        shard->row_known = true;
        shard->row = *row;
    }
    return shard;
}

static void shard_add(struct feed *feed, struct feed_shard *shard)
{
    struct feed_shard **bucket = bucket_of(feed, shard->id);
    shard->bucket_next = *bucket;
    *bucket = shard;
    *feed->shards_last = shard;
    feed->shards_last = &shard->next;
    feed->figures.shards_open++;
    feed->at_tip = false;
    feed->tip_due = false;
}

/* ---- lineage --------------------------------------------------------------------------------- */

bool shard_is_blocked(const struct feed_shard *shard)
{
    return shard->parent != NULL && shard->parent->state != SHARD_ENDED;
}

static void link_parents(struct feed *feed)
{
    for (struct feed_shard *s = feed->shards; s != NULL; s = s->next) {
        if (s->parent == NULL && s->parent_id.len > 0) {
            s->parent = shard_find(feed, s->parent_id);
            if (s->parent != NULL) {
                s->parent->has_child = true;
            }
        }
    }
}

static bool lineage_has_loop(const struct feed *feed)
{
    for (const struct feed_shard *s = feed->shards; s != NULL; s = s->next) {
        uint32_t steps = 0, count = feed->figures.shards_open + feed->figures.shards_ended;
        for (const struct feed_shard *p = s->parent; p != NULL; p = p->parent) {
            if (++steps > count) {
                return true;
            }
        }
    }
    return false;
}

/* The first start of a feed "from now on": what is closed is not read, and what is open with all
 * before it closed is read from its latest record. A child that waits for an open parent is read
 * from its beginning, as are all that come later. */
static void begin_now(struct feed *feed)
{
    if (feed->skip_before_s == 0) {
        feed->skip_before_s = env_wall_ms(feed->loop->env) / 1000 - FEED_CLOCK_MARGIN_S;
    }
    for (struct feed_shard *s = feed->shards; s != NULL; s = s->next) {
        bool ancestors_closed = true;
        for (struct feed_shard *p = s->parent; p != NULL; p = p->parent) {
            ancestors_closed = ancestors_closed && p->closed_at_start;
        }
        if (!ancestors_closed) {
            continue;
        }
        if (s->closed_at_start && !s->row_known) {
            shard_move(s, SHARD_ENDED);
        } else if (!s->row_known) {
            s->read_to.kind = POSITION_LATEST;
        }
    }
}

static void first_list_complete(struct feed *feed)
{
    feed->listed = true;
    if (!rows_check_gaps(feed)) {
        return;
    }
    if (feed->options.start == FEED_START_NOW && feed->first_start) {
        begin_now(feed);
    }
    feed_move(feed, FEED_RUNNING);
}

/* ---- forgetting ------------------------------------------------------------------------------ */

static bool may_be_forgotten(const struct feed *feed, const struct feed_shard *shard)
{
    return shard->state == SHARD_ENDED && shard->parent == NULL && !shard->children_wanted &&
           shard->list_number != feed->list_number && call_idle(&shard->read) &&
           call_idle(&shard->store) &&
           env_wall_ms(feed->loop->env) - shard->ended_ms > FEED_FORGET_MS;
}

static void forget(struct feed *feed, struct feed_shard *shard)
{
    struct feed_shard **at = bucket_of(feed, shard->id);
    while (*at != shard) {
        at = &(*at)->bucket_next;
    }
    *at = shard->bucket_next;
    for (struct feed_shard *s = feed->shards; s != NULL; s = s->next) {
        if (s->parent == shard) {
            s->parent = NULL;
        }
    }
    shard_free(shard);
}

/* After a full list: so that what a feed remembers is bounded by what the stream retains. Parents
 * go before their children. */
static void forget_old(struct feed *feed)
{
    struct feed_shard **at = &feed->shards;
    while (*at != NULL) {
        struct feed_shard *shard = *at;
        if (may_be_forgotten(feed, shard)) {
            *at = shard->next;
            forget(feed, shard);
        } else {
            at = &shard->next;
        }
    }
    feed->shards_last = at;
}

/* ---- children of a shard that ended ---------------------------------------------------------- */

void shard_want_children(struct feed_shard *shard)
{
    shard->children_wanted = true;
    shard->children_tries = 0;
}

/* Whether the list that was just read settles who wanted children. A shard of a stream that is not
 * ENABLED has none; after the last try the periodic list goes on looking. */
static void settle_children(struct feed *feed)
{
    for (struct feed_shard *s = feed->shards; s != NULL; s = s->next) {
        if (!s->children_wanted || (feed->children_of != NULL && feed->children_of != s)) {
            continue;
        }
        s->children_tries++;
        if (s->has_child || !feed->stream_enabled || s->children_tries >= FEED_CHILDREN_TRIES) {
            s->children_wanted = false;
        }
    }
}

/* The shard whose children are looked for next: one that was not asked for yet comes first. */
static struct feed_shard *next_wanting(const struct feed *feed)
{
    struct feed_shard *found = NULL;
    for (struct feed_shard *s = feed->shards; s != NULL; s = s->next) {
        if (s->children_wanted && (found == NULL || s->children_tries < found->children_tries)) {
            found = s;
        }
    }
    return found;
}

/* ---- DescribeStream -------------------------------------------------------------------------- */

static enum weir_status merge_shard(struct feed *feed, const struct weir_value *doc,
                                    struct weir_error *err)
{
    struct weir_bytes id, ending, parent_id = BYTES_NONE;
    if (!doc_text(doc, "ShardId", &id) || id.len == 0 || id.len > FEED_SHARD_ID_MAX) {
        return error_set(err, WEIR_PROTOCOL, "DescribeStream lists a shard without a usable id");
    }
    (void)doc_text(doc, "ParentShardId", &parent_id);
    if (parent_id.len > FEED_SHARD_ID_MAX || bytes_eq(parent_id, id)) {
        return error_set(err, WEIR_PROTOCOL, "shard %.*s has no usable parent id", BYTES_ARG(id));
    }
    struct feed_shard *shard = shard_find(feed, id);
    if (shard != NULL) {
        shard->list_number = feed->list_number;
        return WEIR_OK;
    }
    shard = shard_new(feed, id, parent_id);
    if (shard == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a shard");
    }
    shard->list_number = feed->list_number;
    shard->closed_at_start = !feed->listed && doc_text(value_get(doc, "SequenceNumberRange"),
                                                       "EndingSequenceNumber", &ending);
    shard_add(feed, shard);
    return WEIR_OK;
}

static void list_complete(struct feed *feed)
{
    link_parents(feed);
    if (lineage_has_loop(feed)) {
        struct weir_error err = {0};
        (void)error_set(&err, WEIR_PROTOCOL,
                        "DescribeStream lists shards that are their own "
                        "ancestors");
        feed_fail(feed, WEIR_PROTOCOL, &err);
        return;
    }
    settle_children(feed);
    if (feed->children_of == NULL) {
        forget_old(feed);
        bool soon = feed->stream_enabling && feed->shards == NULL;
        feed->refresh_due = false;
        loop_timer_start(feed->loop, feed->refresh_timer,
                         soon ? FEED_ENABLING_MS : FEED_REFRESH_MS);
    }
    bool over = feed->children_of == NULL && feed->listed && feed->figures.shards_open == 0 &&
                !feed->stream_enabled && !feed->stream_enabling;
    feed->children_of = NULL;
    feed->step = over ? STEP_TABLE_AGAIN : STEP_IDLE;
    if (!feed->listed) {
        first_list_complete(feed);
    }
}

static enum weir_status merge_page(struct feed *feed, const struct weir_value *description,
                                   struct weir_error *err)
{
    const struct weir_value *docs = NULL;
    uint32_t count = doc_list(description, "Shards", &docs);
    feed->stream_enabled = doc_text_is(description, "StreamStatus", "ENABLED");
    feed->stream_enabling = doc_text_is(description, "StreamStatus", "ENABLING");
    for (uint32_t i = 0; i < count; i++) {
        enum weir_status status = merge_shard(feed, &docs[i], err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    return WEIR_OK;
}

/* Remembers where the next page starts; false when this was the last. */
static bool keep_page(struct feed *feed, const struct weir_value *description)
{
    struct weir_bytes last;
    free(feed->page_key);
    feed->page_key = NULL;
    if (!doc_text(description, "LastEvaluatedShardId", &last) || last.len == 0) {
        return false;
    }
    feed->page_key = strndup((const char *)last.ptr, last.len);
    return feed->page_key != NULL;
}

static void list_failed(struct feed_call *call)
{
    struct feed *feed = call->feed;
    if (call_may_retry(call)) {
        call_retry(call);
    } else if (feed->children_of != NULL) {
        /* The server does not know the filter, or not this shard any more: a full list follows. */
        feed->no_shard_filter =
            feed->no_shard_filter || call->request.status != WEIR_RESOURCE_NOT_FOUND;
        feed->children_of->children_tries++;
        feed->children_of = NULL;
        feed->step = STEP_IDLE;
    } else {
        feed_fail_call(call, "DescribeStream");
    }
}

static void on_list(struct feed_call *call)
{
    struct feed *feed = call->feed;
    if (feed->phase != FEED_STARTING && feed->phase != FEED_RUNNING) {
        return;
    }
    if (call->request.status != WEIR_OK) {
        list_failed(call);
        return;
    }
    const struct weir_value *description = value_get(call->request.response, "StreamDescription");
    struct weir_error err = {0};
    enum weir_status status = merge_page(feed, description, &err);
    if (status != WEIR_OK) {
        feed_fail(feed, status, &err);
        return;
    }
    if (!keep_page(feed, description)) {
        list_complete(feed);
    }
}

static void send_list(struct feed *feed)
{
    struct arena *a = call_arena(&feed->admin);
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "StreamArn", feed->stream_arn);
    value_add_int(a, request, "Limit", LIMIT_DESCRIBE_STREAM_SHARDS);
    if (feed->page_key != NULL) {
        value_add_str(a, request, "ExclusiveStartShardId", bytes_str(feed->page_key));
    }
    if (feed->children_of != NULL) {
        struct weir_value *filter = value_add_map(a, request, "ShardFilter");
        value_add_str(a, filter, "Type", BYTES_LIT("CHILD_SHARDS"));
        value_add_str(a, filter, "ShardId", feed->children_of->id);
    }
    call_send(&feed->admin, "DescribeStream", request, 0, on_list);
}

/* The pause before the n-th look for children; none before the first. */
static uint64_t children_pause_ms(uint32_t tries)
{
    uint64_t ms = tries == 0 ? 0 : (uint64_t)FEED_CHILDREN_FIRST_MS << (tries - 1);
    return ms > FEED_CHILDREN_MAX_MS ? FEED_CHILDREN_MAX_MS : ms;
}

bool shard_list_is_due(const struct feed *feed)
{
    return feed->refresh_due || feed->step == STEP_LIST || next_wanting(feed) != NULL;
}

void shard_list_advance(struct feed *feed)
{
    if (feed->step == STEP_LIST) {
        send_list(feed);
        return;
    }
    struct feed_shard *wanting = next_wanting(feed);
    if (wanting == NULL && !feed->refresh_due) {
        return;
    }
    bool filtered = wanting != NULL && wanting->children_tries == 0 && !feed->no_shard_filter;
    feed->children_of = filtered ? wanting : NULL;
    feed->list_number += filtered ? 0 : 1;
    feed->step = STEP_LIST;
    uint64_t pause = wanting == NULL ? 0 : children_pause_ms(wanting->children_tries);
    if (pause > 0) {
        call_later(&feed->admin, pause);
    } else {
        send_list(feed);
    }
}
