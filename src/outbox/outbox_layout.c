/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The layouts as data, and an outbox's layout from its options: which attribute each field is, and
 * what is asked of messages. All wrong options end here, by name.
 */

#include "outbox/outbox.h"

#include <stdlib.h>

#include "base/error.h"

#define DEFAULT_TABLE "outbox"
#define DEFAULT_RETENTION_S 604800
#define RETENTION_S_MAX                                                       \
    (1000LL * 366 * 86400) /* a thousand years: far inside what a ttl can say \
                            */

const struct outbox_field_info outbox_fields[OUTBOX_FIELD_COUNT] = {
#define OUTBOX_FIELD_INFO(field, document, partitioned, by_message, type) \
    [OUTBOX_##field] = {document, partitioned, by_message, type},
    OUTBOX_FIELD_TABLE(OUTBOX_FIELD_INFO)
#undef OUTBOX_FIELD_INFO
};

static const struct outbox_kind partitioned = {
    .name = "partitioned",
    .hash = OUTBOX_KEY,
    .range = OUTBOX_ID,
    .proof = OUTBOX_TYPE,
};

static const struct outbox_index by_message_indexes[] = {
    {"CorrelationIdIndex", OUTBOX_CORRELATION_ID, OUTBOX_NO_FIELD, true},
    {"AggregateIdIndex", OUTBOX_KEY, OUTBOX_NO_FIELD, true},
    {"NotDispatchedMessagesIndex", OUTBOX_PENDING, OUTBOX_CREATED_AT, true},
};

static const struct outbox_kind by_message = {
    .name = "by-message",
    .hash = OUTBOX_ROW,
    .range = OUTBOX_NO_FIELD,
    .row_prefix = "MESSAGE#",
    .proof = OUTBOX_PAYLOAD,
    .plain_payload = true,
    .topic_required = true,
    .indexes = by_message_indexes,
    .index_count = sizeof(by_message_indexes) / sizeof(by_message_indexes[0]),
    .pending_value = "x",
};

static const struct outbox_kind *const kinds[] = {&partitioned, &by_message};

/* What one message of a sink may weigh. SQS and SNS: their quotas, 2025; Kinesis: a record's data;
 * EventBridge: an entry of PutEvents. */
static const struct {
    const char *sink;
    size_t max;
} sink_limits[] = {
    {"sqs", 1024 * 1024},
    {"sns", 256 * 1024},
    {"kinesis", 1024 * 1024},
    {"eventbridge", 256 * 1024},
};

/* ---- names ----------------------------------------------------------------------------------- */

static const char *default_name(const struct outbox_kind *kind, size_t field)
{
    return kind == &by_message ? outbox_fields[field].by_message : outbox_fields[field].partitioned;
}

static enum weir_status take_name(struct outbox_layout *layout, enum outbox_field field,
                                  const char *name, const char *what, struct weir_error *err)
{
    const size_t max = LIMIT_KEY_ATTRIBUTE_NAME_MAX;
    struct weir_bytes text = bytes_str(name);
    if (text.len == 0 || text.len > max) {
        return error_set(err, WEIR_CONFIG, "%s: an attribute name has 1 to %zu bytes, not %zu",
                         what, max, text.len);
    }
    layout->names[field] = text;
    return WEIR_OK;
}

static enum weir_status take_custom_name(struct outbox_layout *layout,
                                         const struct weir_outbox_name *custom,
                                         struct weir_error *err)
{
    for (size_t i = 0; custom->field != NULL && i < OUTBOX_FIELD_COUNT; i++) {
        if (strcmp(custom->field, outbox_fields[i].document) == 0 &&
            outbox_has(layout, (enum outbox_field)i)) {
            return take_name(layout, (enum outbox_field)i, custom->name, custom->field, err);
        }
    }
    return error_set(err, WEIR_CONFIG, "names: layout %s has no field \"%s\"", layout->kind->name,
                     custom->field == NULL ? "" : custom->field);
}

static enum weir_status take_key_names(struct outbox_layout *layout,
                                       const struct weir_outbox_options *options,
                                       struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    if (options->partition_name != NULL) {
        status =
            take_name(layout, layout->kind->hash, options->partition_name, "partition_name", err);
    }
    if (status == WEIR_OK && options->sort_name != NULL) {
        status = layout->kind->range == OUTBOX_NO_FIELD
                     ? error_set(err, WEIR_CONFIG, "sort_name: layout %s has no sort key",
                                 layout->kind->name)
                     : take_name(layout, layout->kind->range, options->sort_name, "sort_name", err);
    }
    if (status == WEIR_OK && options->ttl_name != NULL) {
        status = take_name(layout, OUTBOX_TTL, options->ttl_name, "ttl_name", err);
    }
    return status;
}

static enum weir_status check_clashes(const struct outbox_layout *layout, struct weir_error *err)
{
    for (size_t i = 0; i < OUTBOX_FIELD_COUNT; i++) {
        for (size_t j = i + 1; j < OUTBOX_FIELD_COUNT; j++) {
            if (layout->names[i].ptr != NULL && bytes_eq(layout->names[i], layout->names[j])) {
                return error_set(err, WEIR_CONFIG,
                                 "attribute \"%.*s\" would be two fields, %s and %s: fields must "
                                 "have different names",
                                 BYTES_ARG(layout->names[i]), outbox_fields[i].document,
                                 outbox_fields[j].document);
            }
        }
    }
    return WEIR_OK;
}

static enum weir_status take_names(struct outbox_layout *layout,
                                   const struct weir_outbox_options *options,
                                   struct weir_error *err)
{
    for (size_t i = 0; i < OUTBOX_FIELD_COUNT; i++) {
        layout->names[i] = bytes_str(default_name(layout->kind, i));
    }
    enum weir_status status = take_key_names(layout, options, err);
    for (uint32_t i = 0; status == WEIR_OK && i < options->name_count; i++) {
        status = take_custom_name(layout, &options->names[i], err);
    }
    return status == WEIR_OK ? check_clashes(layout, err) : status;
}

/* ---- topics ---------------------------------------------------------------------------------- */

static int topic_order(const void *a, const void *b)
{
    return bytes_cmp(((const struct outbox_topic *)a)->type,
                     ((const struct outbox_topic *)b)->type);
}

static enum weir_status take_topics(struct arena *a, struct outbox_layout *layout,
                                    const struct weir_outbox_options *options,
                                    struct weir_error *err)
{
    struct outbox_topic *topics = ARENA_ARRAY(a, struct outbox_topic, options->topic_count);
    if (topics == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for %u topics", options->topic_count);
    }
    for (uint32_t i = 0; i < options->topic_count; i++) {
        topics[i].type = arena_dup(a, bytes_str(options->topics[i].type));
        topics[i].topic = arena_dup(a, bytes_str(options->topics[i].topic));
        if (topics[i].type.len == 0 || topics[i].topic.len == 0) {
            return error_set(err, WEIR_CONFIG, "topics: place %u lacks its type or its topic", i);
        }
    }
    qsort(topics, options->topic_count, sizeof(topics[0]), topic_order);
    for (uint32_t i = 1; i < options->topic_count; i++) {
        if (bytes_eq(topics[i - 1].type, topics[i].type)) {
            return error_set(err, WEIR_CONFIG, "topics: type %.*s is there twice",
                             BYTES_ARG(topics[i].type));
        }
    }
    layout->topics = topics;
    layout->topic_count = options->topic_count;
    layout->strict_topics = options->strict_topics != 0;
    return WEIR_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum weir_status take_kind(struct outbox_layout *layout, const char *name,
                                  struct weir_error *err)
{
    layout->kind = name == NULL ? kinds[0] : NULL;
    for (size_t i = 0; name != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(name, kinds[i]->name) == 0) {
            layout->kind = kinds[i];
        }
    }
    return layout->kind != NULL
               ? WEIR_OK
               : error_set(err, WEIR_CONFIG, "layout is \"%s\": partitioned or by-message", name);
}

static enum weir_status take_sink(struct outbox_layout *layout, const char *sink,
                                  struct weir_error *err)
{
    for (size_t i = 0; sink != NULL && i < sizeof(sink_limits) / sizeof(sink_limits[0]); i++) {
        if (strcmp(sink, sink_limits[i].sink) == 0) {
            layout->sink = sink_limits[i].sink;
            layout->sink_max = sink_limits[i].max;
        }
    }
    return sink == NULL || layout->sink != NULL
               ? WEIR_OK
               : error_set(err, WEIR_CONFIG,
                           "sink is \"%s\": sqs, sns, kinesis or eventbridge have a known limit",
                           sink);
}

static enum weir_status take_numbers(struct outbox_layout *layout,
                                     const struct weir_outbox_options *options,
                                     struct weir_error *err)
{
    layout->retention_s = options->retention_s == 0  ? DEFAULT_RETENTION_S
                          : options->retention_s < 0 ? 0
                                                     : options->retention_s;
    layout->pending_shards = options->pending_shards;
    layout->payload_max = options->payload_max;
    layout->mark = options->mark;
    if (layout->retention_s > RETENTION_S_MAX) {
        return error_set(err, WEIR_CONFIG, "retention_s is %lld, at most %lld",
                         (long long)layout->retention_s, RETENTION_S_MAX);
    }
    if (layout->pending_shards > OUTBOX_SHARDS_MAX) {
        return error_set(err, WEIR_CONFIG, "pending_shards is %u, at most %d",
                         layout->pending_shards, OUTBOX_SHARDS_MAX);
    }
    if (layout->pending_shards > 0 && layout->kind->pending_value != NULL) {
        return error_set(err, WEIR_CONFIG,
                         "pending_shards: layout %s has an index over pending messages already",
                         layout->kind->name);
    }
    if (options->mark != WEIR_MARK_UPDATE && options->mark != WEIR_MARK_NONE &&
        options->mark != WEIR_MARK_DELETE) {
        return error_set(err, WEIR_CONFIG, "mark is %d: update (0), none (1) or delete (2)",
                         (int)options->mark);
    }
    return WEIR_OK;
}

static enum weir_status keep(struct arena *a, struct outbox_layout *layout, struct weir_error *err)
{
    bool kept = true;
    layout->table = arena_dup(a, layout->table);
    for (size_t i = 0; i < OUTBOX_FIELD_COUNT; i++) {
        if (layout->names[i].ptr != NULL) {
            layout->names[i] = arena_dup(a, layout->names[i]);
            kept = kept && layout->names[i].ptr != NULL;
        }
    }
    return kept && layout->table.ptr != NULL
               ? WEIR_OK
               : error_set(err, WEIR_NO_MEMORY, "no memory for the outbox's names");
}

enum weir_status outbox_layout_init(struct arena *a, const struct weir_outbox_options *options,
                                    struct outbox_layout *ret_layout, struct weir_error *err)
{
    static const struct weir_outbox_options defaults = WEIR_OUTBOX_OPTIONS_INIT;
    if (options == NULL) {
        options = &defaults;
    }
    struct outbox_layout layout = {
        .table = bytes_str(options->table == NULL ? DEFAULT_TABLE : options->table),
    };
    enum weir_status status = take_kind(&layout, options->layout, err);
    if (status == WEIR_OK) {
        status = take_names(&layout, options, err);
    }
    if (status == WEIR_OK) {
        status = take_numbers(&layout, options, err);
    }
    if (status == WEIR_OK) {
        status = take_sink(&layout, options->sink, err);
    }
    if (status == WEIR_OK) {
        status = take_topics(a, &layout, options, err);
    }
    if (status == WEIR_OK) {
        status = keep(a, &layout, err);
    }
    if (status == WEIR_OK) {
        *ret_layout = layout;
    }
    return status;
}

struct weir_bytes outbox_text(const struct outbox_layout *layout, const struct weir_value *row,
                              enum outbox_field field)
{
    const struct weir_value *value = outbox_value(layout, row, field);
    return value != NULL && value->type == VALUE_S ? value->u.bytes : BYTES_NONE;
}
