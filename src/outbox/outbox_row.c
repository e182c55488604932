/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rows of layout `partitioned`: a message to a row, a row to a message, and the update that marks
 * one. The table of text fields below is the layout; everything here walks it.
 */

#include "outbox/outbox.h"

#include "base/base64.h"
#include "base/error.h"
#include "base/utf8.h"
#include "value/number.h"

#define DEFAULT_TABLE "outbox"
#define DEFAULT_PARTITION "pk"
#define DEFAULT_SORT "sk"
#define DEFAULT_TTL "ttl"
#define DEFAULT_RETENTION_S 604800
#define RETENTION_S_MAX                                                       \
    (1000LL * 366 * 86400) /* a thousand years: far inside what a ttl can say \
                            */
/* What numbering its place and marking it add to a row, beside the ttl's name. */
#define ROW_GROWTH_BYTES 256

/* An optional text attribute: where it stands in the public message, and in the decoded one. */
struct text_field {
    const char *name;
    size_t from; /* offset of a struct weir_text in struct weir_message */
    size_t to;   /* offset of a struct weir_bytes in struct outbox_message */
};

#define TEXT_FIELD(attribute, member)                                                             \
    {                                                                                             \
        attribute, offsetof(struct weir_message, member), offsetof(struct outbox_message, member) \
    }

static const struct text_field text_fields[] = {
    TEXT_FIELD("aggregateId", aggregate_id),
    TEXT_FIELD("aggregateType", aggregate_type),
    TEXT_FIELD("causationId", causation_id),
    TEXT_FIELD("contentType", content_type),
    TEXT_FIELD("correlationId", correlation_id),
    TEXT_FIELD("destination", destination),
    TEXT_FIELD("headers", headers),
    TEXT_FIELD("messageType", type),
    TEXT_FIELD("traceparent", traceparent),
    TEXT_FIELD("tracestate", tracestate),
};
#define TEXT_FIELD_COUNT (sizeof(text_fields) / sizeof(text_fields[0]))

/* The attributes that are not in the table above. */
static const char *const other_fields[] = {
    "createdAt", "dispatchCount", "isPublished", "lastError", "of",
    "payload",   "position",      "publishedAt", "retryCount"};
#define OTHER_FIELD_COUNT (sizeof(other_fields) / sizeof(other_fields[0]))

static struct weir_bytes or_default(const char *given, const char *fallback)
{
    return bytes_str(given == NULL ? fallback : given);
}

static enum weir_status check_name(struct weir_bytes name, const char *what, struct weir_error *err)
{
    if (name.len == 0 || name.len > LIMIT_KEY_ATTRIBUTE_NAME_MAX) {
        return error_set(err, WEIR_CONFIG, "%s: an attribute name has 1 to %d bytes, not %zu", what,
                         LIMIT_KEY_ATTRIBUTE_NAME_MAX, name.len);
    }
    bool taken = false;
    for (size_t i = 0; i < TEXT_FIELD_COUNT; i++) {
        taken = taken || bytes_eq_str(name, text_fields[i].name);
    }
    for (size_t i = 0; i < OTHER_FIELD_COUNT; i++) {
        taken = taken || bytes_eq_str(name, other_fields[i]);
    }
    return taken ? error_set(err, WEIR_CONFIG, "%s: \"%.*s\" is another field of the outbox", what,
                             BYTES_ARG(name))
                 : WEIR_OK;
}

static enum weir_status check_layout(const struct outbox_layout *layout, struct weir_error *err)
{
    enum weir_status status = check_name(layout->partition_name, "partition_name", err);
    if (status == WEIR_OK) {
        status = check_name(layout->sort_name, "sort_name", err);
    }
    if (status == WEIR_OK) {
        status = check_name(layout->ttl_name, "ttl_name", err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    if (bytes_eq(layout->partition_name, layout->sort_name) ||
        bytes_eq(layout->partition_name, layout->ttl_name) ||
        bytes_eq(layout->sort_name, layout->ttl_name)) {
        return error_set(err, WEIR_CONFIG,
                         "partition_name \"%.*s\", sort_name \"%.*s\" and ttl_name \"%.*s\" must "
                         "be three names",
                         BYTES_ARG(layout->partition_name), BYTES_ARG(layout->sort_name),
                         BYTES_ARG(layout->ttl_name));
    }
    if (layout->retention_s > RETENTION_S_MAX) {
        return error_set(err, WEIR_CONFIG, "retention_s is %lld, at most %lld",
                         (long long)layout->retention_s, RETENTION_S_MAX);
    }
    return WEIR_OK;
}

enum weir_status outbox_layout_init(const struct weir_outbox_options *options,
                                    struct outbox_layout *ret_layout, struct weir_error *err)
{
    static const struct weir_outbox_options defaults = WEIR_OUTBOX_OPTIONS_INIT;
    if (options == NULL) {
        options = &defaults;
    }
    struct outbox_layout layout = {
        .table = or_default(options->table, DEFAULT_TABLE),
        .partition_name = or_default(options->partition_name, DEFAULT_PARTITION),
        .sort_name = or_default(options->sort_name, DEFAULT_SORT),
        .ttl_name = or_default(options->ttl_name, DEFAULT_TTL),
        .retention_s = options->retention_s == 0  ? DEFAULT_RETENTION_S
                       : options->retention_s < 0 ? 0
                                                  : options->retention_s,
    };
    enum weir_status status = check_layout(&layout, err);
    if (status == WEIR_OK) {
        *ret_layout = layout;
    }
    return status;
}

/* ---- message to row -------------------------------------------------------------------------- */

static struct weir_bytes bytes_of_text(struct weir_text text)
{
    return bytes_of(text.ptr, text.len);
}

static struct weir_bytes text_at(const struct weir_message *message, size_t offset)
{
    struct weir_text text;
    memcpy(&text, (const char *)message + offset, sizeof(text));
    return bytes_of_text(text);
}

static enum weir_status check_required(struct weir_text text, const char *field, size_t max,
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
    enum weir_status status = json_parse(a, bytes_of_text(headers), &document, err);
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
    enum weir_status status = check_text(bytes_of_text(message->key), "key", err);
    if (status == WEIR_OK) {
        status = check_text(bytes_of_text(message->id), "id", err);
    }
    for (size_t i = 0; status == WEIR_OK && i < TEXT_FIELD_COUNT; i++) {
        status = check_text(text_at(message, text_fields[i].from), text_fields[i].name, err);
    }
    return status;
}

static enum weir_status check_message(struct arena *a, const struct weir_message *message,
                                      struct weir_error *err)
{
    if (message == NULL) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "there is no message");
    }
    if (message->struct_size < sizeof(*message)) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "message.struct_size is %u: begin with WEIR_MESSAGE_INIT",
                         message->struct_size);
    }
    enum weir_status status = check_required(message->key, "key", LIMIT_PARTITION_KEY_BYTES, err);
    if (status == WEIR_OK) {
        status = check_required(message->type, "type", LIMIT_ITEM_BYTES, err);
    }
    if (status == WEIR_OK && message->id.ptr != NULL) {
        status = check_required(message->id, "id", LIMIT_SORT_KEY_BYTES, err);
    }
    if (status == WEIR_OK) {
        status = check_texts(message, err);
    }
    if (status == WEIR_OK) {
        status = check_headers(a, message->headers, err);
    }
    return status;
}

static void add_text(struct arena *a, struct weir_value *item, struct weir_bytes name,
                     struct weir_bytes text)
{
    struct weir_value *node = value_add(a, item, name);
    if (node != NULL) {
        value_set_s(node, text);
    }
}

static struct weir_bytes base64_in(struct arena *a, struct weir_bytes raw)
{
    size_t len = base64_text_len(raw.len);
    uint8_t *text = len == SIZE_MAX ? NULL : arena_alloc(a, len);
    if (text == NULL) {
        return BYTES_NONE;
    }
    base64_encode(raw, text);
    return bytes_of(text, len);
}

static struct weir_bytes created_at(struct arena *a, struct weir_env *env,
                                    const struct weir_message *message)
{
    char text[ISO8601_SIZE];
    iso8601_ms(message->created_at_ms != 0 ? message->created_at_ms : env_wall_ms(env), text);
    return arena_dup(a, bytes_str(text));
}

static struct weir_bytes message_id(struct arena *a, struct weir_env *env,
                                    const struct weir_message *message)
{
    char uuid[UUID_TEXT_SIZE];
    if (message->id.ptr != NULL) {
        return arena_dup(a, bytes_of_text(message->id));
    }
    env_uuid7(env, uuid);
    return arena_dup(a, bytes_str(uuid));
}

/* The row, sorted; NULL without memory. Texts are copied: the caller's may go before the commit. */
static struct weir_value *row_of_message(struct arena *a, struct weir_bytes partition_name,
                                         struct weir_bytes sort_name, struct weir_env *env,
                                         const struct weir_message *message, struct weir_bytes id)
{
    struct weir_value *item = value_new_map(a, VALUE_ITEM);
    add_text(a, item, partition_name, arena_dup(a, bytes_of_text(message->key)));
    add_text(a, item, sort_name, id);
    add_text(a, item, BYTES_LIT("createdAt"), created_at(a, env, message));
    struct weir_value *published = value_add(a, item, BYTES_LIT("isPublished"));
    if (published != NULL) {
        value_set_bool(published, false);
    }
    struct weir_bytes payload = base64_in(a, bytes_of_text(message->payload));
    if (payload.ptr == NULL) {
        return NULL;
    }
    add_text(a, item, BYTES_LIT("payload"), payload);
    for (size_t i = 0; i < TEXT_FIELD_COUNT; i++) {
        struct weir_bytes text = text_at(message, text_fields[i].from);
        if (text.len > 0) {
            add_text(a, item, bytes_str(text_fields[i].name), arena_dup(a, text));
        }
    }
    return item;
}

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "no memory for the message");
}

enum weir_status outbox_put_element(struct arena *a, const struct outbox_layout *layout,
                                    struct weir_env *env, const struct weir_message *message,
                                    struct weir_value **ret_element, struct weir_bytes *ret_id,
                                    struct weir_error *err)
{
    enum weir_status status = check_message(a, message, err);
    if (status != WEIR_OK) {
        return status;
    }
    /* A staged element may outlive the outbox's handle. */
    struct weir_bytes table = arena_dup(a, layout->table);
    struct weir_bytes partition_name = arena_dup(a, layout->partition_name);
    struct weir_bytes sort_name = arena_dup(a, layout->sort_name);
    struct weir_bytes id = message_id(a, env, message);
    struct weir_value *item = row_of_message(a, partition_name, sort_name, env, message, id);
    if (table.ptr == NULL || partition_name.ptr == NULL || sort_name.ptr == NULL ||
        id.ptr == NULL || item == NULL) {
        return no_memory(err);
    }
    status = value_sort_map(item, err);
    if (status != WEIR_OK) {
        return status;
    }
    /* A row that filled its item could be added, and then never be marked. */
    size_t bytes = item_size(item) + ROW_GROWTH_BYTES + layout->ttl_name.len;
    if (bytes > LIMIT_ITEM_BYTES) {
        return error_set(err, WEIR_TOO_LARGE,
                         "message %.*s needs an item of %zu bytes, at most %d fit", BYTES_ARG(id),
                         bytes, LIMIT_ITEM_BYTES);
    }
    struct weir_value *element = value_new_map(a, VALUE_PLAIN);
    struct weir_value *put = value_add_map(a, element, "Put");
    value_add_str(a, put, "TableName", table);
    value_add_value(a, put, "Item", item);
    value_add_str(a, put, "ConditionExpression", BYTES_LIT("attribute_not_exists(#key)"));
    struct weir_value *names = value_add_map(a, put, "ExpressionAttributeNames");
    if (names == NULL) {
        return no_memory(err);
    }
    value_add_str(a, names, "#key", partition_name);
    *ret_element = element;
    *ret_id = id;
    return WEIR_OK;
}

/* ---- row to message -------------------------------------------------------------------------- */

static enum weir_status malformed(struct weir_error *err, struct weir_bytes name, const char *what)
{
    return error_set(err, WEIR_MALFORMED_MESSAGE, "attribute %.*s %s", BYTES_ARG(name), what);
}

static enum weir_status take_text(const struct weir_value *row, struct weir_bytes name,
                                  bool required, struct weir_bytes *to, struct weir_error *err)
{
    const struct weir_value *value = value_member(row, name);
    if (value == NULL) {
        return required ? malformed(err, name, "is missing") : WEIR_OK;
    }
    if (value->type != VALUE_S) {
        return malformed(err, name, "is not a string");
    }
    *to = value->u.bytes;
    return WEIR_OK;
}

static enum weir_status take_payload(struct arena *a, const struct weir_value *row,
                                     struct weir_bytes *to, struct weir_error *err)
{
    struct weir_bytes text = BYTES_NONE;
    enum weir_status status = take_text(row, BYTES_LIT("payload"), true, &text, err);
    if (status != WEIR_OK) {
        return status;
    }
    uint8_t *raw = arena_alloc(a, text.len / 4 * 3 + 1);
    if (raw == NULL) {
        return no_memory(err);
    }
    size_t len;
    if (!base64_decode(text, raw, &len)) {
        return malformed(err, BYTES_LIT("payload"), "is not Base64");
    }
    *to = bytes_of(raw, len);
    return WEIR_OK;
}

static enum weir_status take_count(const struct weir_value *row, const char *name, uint32_t *to,
                                   struct weir_error *err)
{
    const struct weir_value *value = value_get(row, name);
    struct number number;
    int64_t count;
    if (value == NULL) {
        return WEIR_OK;
    }
    if (value->type != VALUE_N || number_parse(value->u.bytes, &number, NULL) != WEIR_OK ||
        !number_to_int64(&number, &count) || count < 0 || count > UINT32_MAX) {
        return malformed(err, bytes_str(name), "is not a count");
    }
    *to = (uint32_t)count;
    return WEIR_OK;
}

static enum weir_status take_published(const struct weir_value *row, bool *to,
                                       struct weir_error *err)
{
    const struct weir_value *value = value_get(row, "isPublished");
    if (value != NULL && value->type != VALUE_BOOL) {
        return malformed(err, BYTES_LIT("isPublished"), "is not a boolean");
    }
    *to = value != NULL && value->truth;
    return WEIR_OK;
}

static enum weir_status take_text_fields(const struct weir_value *row,
                                         struct outbox_message *message, struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && i < TEXT_FIELD_COUNT; i++) {
        bool required = text_fields[i].from == offsetof(struct weir_message, type);
        struct weir_bytes *to = (struct weir_bytes *)(void *)((char *)message + text_fields[i].to);
        status = take_text(row, bytes_str(text_fields[i].name), required, to, err);
    }
    return status;
}

static enum weir_status take_counts(const struct weir_value *row, struct outbox_message *message,
                                    struct weir_error *err)
{
    enum weir_status status = take_count(row, "position", &message->position, err);
    if (status == WEIR_OK) {
        status = take_count(row, "of", &message->of, err);
    }
    if (status == WEIR_OK) {
        status = take_count(row, "dispatchCount", &message->dispatch_count, err);
    }
    if (status == WEIR_OK) {
        status = take_count(row, "retryCount", &message->retry_count, err);
    }
    return status;
}

bool outbox_is_message(const struct weir_value *row)
{
    return value_get(row, "messageType") != NULL || value_get(row, "payload") != NULL;
}

enum weir_status outbox_decode(struct arena *a, const struct outbox_layout *layout,
                               const struct weir_value *row, struct outbox_message *ret_message,
                               struct weir_error *err)
{
    struct outbox_message message = {0};
    enum weir_status status = take_text(row, layout->partition_name, true, &message.key, err);
    if (status == WEIR_OK) {
        status = take_text(row, layout->sort_name, true, &message.id, err);
    }
    if (status == WEIR_OK) {
        status = take_text(row, BYTES_LIT("createdAt"), false, &message.created_at, err);
    }
    if (status == WEIR_OK) {
        status = take_text_fields(row, &message, err);
    }
    if (status == WEIR_OK) {
        status = take_counts(row, &message, err);
    }
    if (status == WEIR_OK) {
        status = take_published(row, &message.published, err);
    }
    if (status == WEIR_OK) {
        status = take_payload(a, row, &message.payload, err);
    }
    if (status == WEIR_OK) {
        *ret_message = message;
    }
    return status;
}

/* ---- marking --------------------------------------------------------------------------------- */

static void add_number(struct arena *a, struct weir_value *values, const char *name, int64_t number)
{
    struct weir_value *node = value_add(a, values, bytes_str(name));
    char *text = arena_printf(a, "%lld", (long long)number);
    if (node != NULL && text != NULL) {
        value_set_n(node, bytes_str(text));
    }
}

static void add_mark_values(struct arena *a, struct weir_value *request,
                            const struct outbox_layout *layout, int64_t wall_ms)
{
    char now[ISO8601_SIZE];
    iso8601_ms(wall_ms, now);
    struct weir_value *values = value_new_map(a, VALUE_ITEM);
    struct weir_value *published = value_add(a, values, BYTES_LIT(":true"));
    if (published != NULL) {
        value_set_bool(published, true);
    }
    add_text(a, values, BYTES_LIT(":now"), arena_dup(a, bytes_str(now)));
    add_number(a, values, ":one", 1);
    if (layout->retention_s > 0) {
        add_number(a, values, ":ttl", wall_ms / 1000 + layout->retention_s);
    }
    if (values != NULL) {
        (void)value_sort_map(values, NULL); /* the names above are distinct */
    }
    value_add_value(a, request, "ExpressionAttributeValues", values);
}

struct weir_value *outbox_mark_request(struct arena *a, const struct outbox_layout *layout,
                                       struct weir_bytes key, struct weir_bytes id, int64_t wall_ms)
{
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", layout->table);
    struct weir_value *row_key = value_new_map(a, VALUE_ITEM);
    add_text(a, row_key, layout->partition_name, key);
    add_text(a, row_key, layout->sort_name, id);
    if (row_key == NULL || value_sort_map(row_key, NULL) != WEIR_OK) {
        return NULL;
    }
    value_add_value(a, request, "Key", row_key);
    /* A row of somebody else in the same table must not become half a message. */
    value_add_str(a, request, "ConditionExpression", BYTES_LIT("attribute_exists(messageType)"));
    value_add_str(a, request, "UpdateExpression",
                  layout->retention_s > 0
                      ? BYTES_LIT("SET isPublished = :true, publishedAt = :now, #ttl = :ttl "
                                  "ADD dispatchCount :one")
                      : BYTES_LIT("SET isPublished = :true, publishedAt = :now "
                                  "ADD dispatchCount :one"));
    if (layout->retention_s > 0) {
        struct weir_value *names = value_add_map(a, request, "ExpressionAttributeNames");
        value_add_str(a, names, "#ttl", layout->ttl_name);
    }
    add_mark_values(a, request, layout, wall_ms);
    return request;
}
