/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is asked of a message before anything is sent: its fields, where it goes, and whether its
 * sink could carry it.
 */

#include "outbox/outbox_store.h"

#include "base/error.h"
#include "base/options.h"
#include "base/utf8.h"

enum weir_status outbox_take_message(const struct weir_message *message, struct weir_message *to,
                                     struct weir_error *err)
{
    return message == NULL ? error_set(err, WEIR_INVALID_ARGUMENT, "there is no message")
                           : options_take(to, sizeof(*to), message, "WEIR_MESSAGE_INIT", err);
}

static enum weir_status check_length(struct weir_text text, const char *field, size_t max,
                                     struct weir_error *err)
{
    if (text.len == 0) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "message.%s must not be empty", field);
    }
    if (text.len > max) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "message.%s has %zu bytes, at most %zu", field,
                         text.len, max);
    }
    return WEIR_OK;
}

/* Headers are kept as the text that was given, so they are parsed here only to be judged. */
static enum weir_status check_headers(struct arena *a, struct weir_text headers,
                                      struct weir_error *err)
{
    struct weir_value *document = NULL;
    if (headers.len == 0) {
        return WEIR_OK;
    }
    enum weir_status status = json_parse(a, outbox_bytes(headers), &document, err);
    if (status != WEIR_OK) {
        (void)error_wrap(err, status, "message.headers");
        return status == WEIR_NO_MEMORY
                   ? status
                   : error_set(err, WEIR_INVALID_ARGUMENT, "message.headers must be a JSON object");
    }
    bool strings = document->type == VALUE_M;
    for (uint32_t i = 0; strings && i < document->u.map.count; i++) {
        strings = document->u.map.at[i].value.type == VALUE_S;
    }
    if (!strings) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "message.headers must be a JSON object whose members are strings");
    }
    return WEIR_OK;
}

/* What is stored as a string must be one; only the payload may be any bytes. */
static enum weir_status check_text(struct weir_bytes text, const char *field,
                                   struct weir_error *err)
{
    return utf8_valid(text)
               ? WEIR_OK
               : error_set(err, WEIR_INVALID_ARGUMENT, "message.%s is not UTF-8", field);
}

static enum weir_status check_texts(const struct weir_message *message, struct weir_error *err)
{
    enum weir_status status = check_text(outbox_bytes(message->key), "key", err);
    if (status == WEIR_OK) {
        status = check_text(outbox_bytes(message->id), "id", err);
    }
    for (size_t i = 0; status == WEIR_OK && i < outbox_text_field_count; i++) {
        const struct outbox_text_field *field = &outbox_text_fields[i];
        status = check_text(outbox_text_at(message, field->from),
                            outbox_fields[field->field].document, err);
    }
    return status;
}

static enum weir_status check_keys(const struct outbox_layout *layout,
                                   const struct weir_message *message, struct weir_error *err)
{
    enum weir_status status = check_length(message->key, "key", LIMIT_PARTITION_KEY_BYTES, err);
    if (status == WEIR_OK && message->id.ptr != NULL) {
        status = check_length(message->id, "id", LIMIT_SORT_KEY_BYTES, err);
    }
    if (status == WEIR_OK && layout->kind->index_count > 0 && message->correlation_id.len > 0) {
        status = check_length(message->correlation_id, "correlationId", LIMIT_PARTITION_KEY_BYTES,
                              err); /* it is an index's key */
    }
    return status;
}

/* ---- where it goes --------------------------------------------------------------------------- */

static struct weir_bytes topic_of_type(const struct outbox_layout *layout, struct weir_bytes type)
{
    uint32_t low = 0, high = layout->topic_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = bytes_cmp(layout->topics[middle].type, type);
        if (order == 0) {
            return layout->topics[middle].topic;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return BYTES_NONE;
}

/* The destination given wins, then the topic map; `by-message` has no row without a topic, so there
 * the type stands for it at last. */
static enum weir_status decide_topic(const struct outbox_layout *layout,
                                     struct weir_message *message, struct weir_error *err)
{
    if (message->destination.len > 0) {
        return WEIR_OK;
    }
    struct weir_bytes topic = topic_of_type(layout, outbox_bytes(message->type));
    if (topic.len == 0 && layout->strict_topics) {
        return error_set(err, WEIR_UNKNOWN_TOPIC,
                         "message type %.*s has no topic, and the message names no destination",
                         (int)message->type.len, message->type.ptr);
    }
    if (topic.len > 0) {
        message->destination = (struct weir_text){(const char *)topic.ptr, topic.len};
    } else if (layout->kind->topic_required) {
        message->destination = message->type;
    }
    return WEIR_OK;
}

static enum weir_status check_route(const struct outbox_layout *layout,
                                    struct weir_message *message, struct weir_error *err)
{
    if (message->destination.ptr != NULL && message->destination.len == 0) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "message.destination must not be empty");
    }
    if (message->type.len == 0 && message->destination.len == 0) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "message.type must not be empty, unless there is a destination");
    }
    return decide_topic(layout, message, err);
}

/* What one layout has and the other has not. */
static enum weir_status check_layout(const struct outbox_layout *layout,
                                     struct weir_message *message, struct weir_error *err)
{
    if (!outbox_has(layout, OUTBOX_SEQUENCE) && message->sequence != 0) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "message.sequence: layout %s has none",
                         layout->kind->name);
    }
    if (message->sequence > INT64_MAX) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "message.sequence is above 2^63-1");
    }
    if (outbox_has(layout, OUTBOX_AGGREGATE_ID)) {
        return WEIR_OK;
    }
    if (message->key.len == 0 && message->key.ptr == NULL) {
        message->key = message->aggregate_id;
    }
    if (message->aggregate_id.len > 0 &&
        !bytes_eq(outbox_bytes(message->aggregate_id), outbox_bytes(message->key))) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "message.aggregateId is another than message.key: in layout %s they are "
                         "one",
                         layout->kind->name);
    }
    return WEIR_OK;
}

/* ---- the sink's limits ----------------------------------------------------------------------- */

static size_t sent_bytes(const struct weir_message *message)
{
    size_t sum = message->payload.len + message->key.len + message->id.len;
    for (size_t i = 0; i < outbox_text_field_count; i++) {
        sum += outbox_text_at(message, outbox_text_fields[i].from).len;
    }
    return sum;
}

static enum weir_status check_limits(const struct outbox_layout *layout,
                                     const struct weir_message *message, struct weir_error *err)
{
    struct weir_bytes id = message->id.len > 0 ? outbox_bytes(message->id) : BYTES_LIT("(new)");
    if (layout->payload_max > 0 && message->payload.len > layout->payload_max) {
        return error_set(err, WEIR_TOO_LARGE,
                         "message %.*s has a payload of %zu bytes, at most %zu", BYTES_ARG(id),
                         message->payload.len, layout->payload_max);
    }
    if (layout->sink != NULL && sent_bytes(message) > layout->sink_max) {
        return error_set(err, WEIR_TOO_LARGE,
                         "message %.*s has %zu bytes, a message of %s at most %zu", BYTES_ARG(id),
                         sent_bytes(message), layout->sink, layout->sink_max);
    }
    return WEIR_OK;
}

enum weir_status outbox_check_message(struct arena *a, const struct outbox_layout *layout,
                                      struct weir_message *message, struct weir_error *err)
{
    enum weir_status status = check_layout(layout, message, err);
    if (status == WEIR_OK) {
        status = check_keys(layout, message, err);
    }
    if (status == WEIR_OK) {
        status = check_route(layout, message, err);
    }
    if (status == WEIR_OK) {
        status = check_texts(message, err);
    }
    if (status == WEIR_OK) {
        status = check_headers(a, message->headers, err);
    }
    if (status == WEIR_OK) {
        status = check_limits(layout, message, err);
    }
    if (status == WEIR_OK && message->type.len == 0) {
        message->type = message->destination;
    }
    return status;
}
