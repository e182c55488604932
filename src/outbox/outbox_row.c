/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A message to a row, a row to a message. Everything here walks the fields that the layout has.
 */

#include "outbox/outbox_store.h"

#include "base/base64.h"
#include "base/error.h"
#include "base/utf8.h"
#include "value/number.h"

#define ENCODING_BASE64 "base64"

/* The parked copy's own key, and the elements of its map. */
#define PARKED_BYTES 256
/* Values of counters and times that a row may gain: at most 9 of up to 24 bytes. */
#define GROWN_VALUES_BYTES 256

#define TEXT_FIELD(field, member)                              \
    {                                                          \
        OUTBOX_##field, offsetof(struct weir_message, member), \
            offsetof(struct outbox_message, member)            \
    }

const struct outbox_text_field outbox_text_fields[] = {
    TEXT_FIELD(TYPE, type),
    TEXT_FIELD(DESTINATION, destination),
    TEXT_FIELD(HEADERS, headers),
    TEXT_FIELD(CONTENT_TYPE, content_type),
    TEXT_FIELD(AGGREGATE_ID, aggregate_id),
    TEXT_FIELD(AGGREGATE_TYPE, aggregate_type),
    TEXT_FIELD(CORRELATION_ID, correlation_id),
    TEXT_FIELD(CAUSATION_ID, causation_id),
    TEXT_FIELD(TRACEPARENT, traceparent),
    TEXT_FIELD(TRACESTATE, tracestate),
};
const size_t outbox_text_field_count = sizeof(outbox_text_fields) / sizeof(outbox_text_fields[0]);

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "no memory for the message");
}

/* ---- values ---------------------------------------------------------------------------------- */

void outbox_add_text(struct arena *a, struct weir_value *item, struct weir_bytes name,
                     struct weir_bytes text)
{
    struct weir_value *node = value_add(a, item, name);
    if (node != NULL) {
        value_set_s(node, text);
    }
}

void outbox_add_number(struct arena *a, struct weir_value *item, struct weir_bytes name,
                       int64_t number)
{
    struct weir_value *node = value_add(a, item, name);
    char *text = arena_printf(a, "%lld", (long long)number);
    if (node != NULL && text != NULL) {
        value_set_n(node, bytes_str(text));
    }
}

void outbox_add_bool(struct arena *a, struct weir_value *item, struct weir_bytes name, bool truth)
{
    struct weir_value *node = value_add(a, item, name);
    if (node != NULL) {
        value_set_bool(node, truth);
    }
}

struct weir_bytes outbox_text_at(const struct weir_message *message, size_t offset)
{
    struct weir_text text;
    memcpy(&text, (const char *)message + offset, sizeof(text));
    return outbox_bytes(text);
}

/* FNV-1a of the key: all messages of a key are in one shard, and its number is stored, so nothing
 * else depends on the function. */
static uint32_t shard_of(struct weir_bytes key, uint32_t shards)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < key.len; i++) {
        hash = (hash ^ key.ptr[i]) * 0x100000001b3u;
    }
    return (uint32_t)((hash >> 32) % shards);
}

struct weir_bytes outbox_pending_value(struct arena *a, const struct outbox_layout *layout,
                                       struct weir_bytes key)
{
    if (layout->kind->pending_value != NULL) {
        return bytes_str(layout->kind->pending_value);
    }
    return layout->pending_shards == 0
               ? BYTES_NONE
               : bytes_str(arena_printf(a, "%u", shard_of(key, layout->pending_shards)));
}

/* ---- message to row -------------------------------------------------------------------------- */

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

struct weir_bytes outbox_message_id(struct arena *a, struct weir_env *env,
                                    const struct weir_message *message)
{
    char uuid[UUID_TEXT_SIZE];
    if (message->id.ptr != NULL) {
        return arena_dup(a, outbox_bytes(message->id));
    }
    env_uuid7(env, uuid);
    return arena_dup(a, bytes_str(uuid));
}

/* A row under construction; `names` are copies, since a staged row may outlive the handle. */
struct building {
    struct arena *arena;
    const struct outbox_layout *layout;
    struct weir_value *row;
    bool failed;
};

static struct weir_bytes name_of(struct building *b, enum outbox_field field)
{
    struct weir_bytes name = arena_dup(b->arena, b->layout->names[field]);
    b->failed = b->failed || name.ptr == NULL;
    return name;
}

/* Takes a text over; one without memory spoils the row. */
static void put_text(struct building *b, enum outbox_field field, struct weir_bytes text)
{
    if (outbox_has(b->layout, field)) {
        b->failed = b->failed || text.ptr == NULL;
        outbox_add_text(b->arena, b->row, name_of(b, field), text);
    }
}

static void put_payload(struct building *b, struct weir_bytes payload)
{
    if (b->layout->kind->plain_payload && utf8_valid(payload)) {
        put_text(b, OUTBOX_PAYLOAD, arena_dup(b->arena, payload));
        return;
    }
    put_text(b, OUTBOX_PAYLOAD, base64_in(b->arena, payload));
    put_text(b, OUTBOX_ENCODING, BYTES_LIT(ENCODING_BASE64));
}

static void put_pending(struct building *b, struct weir_bytes key)
{
    struct weir_bytes value = outbox_pending_value(b->arena, b->layout, key);
    if (value.ptr != NULL) {
        put_text(b, OUTBOX_PENDING, value);
    }
}

static void put_fields(struct building *b, struct weir_env *env, const struct weir_message *message,
                       struct weir_bytes id)
{
    struct arena *a = b->arena;
    struct weir_bytes key = arena_dup(a, outbox_bytes(message->key));
    if (outbox_has(b->layout, OUTBOX_ROW)) {
        put_text(b, OUTBOX_ROW, outbox_row_key(a, b->layout, id));
    }
    put_text(b, OUTBOX_KEY, key);
    put_text(b, OUTBOX_ID, id);
    put_text(b, OUTBOX_CREATED_AT, created_at(a, env, message));
    outbox_add_bool(a, b->row, name_of(b, OUTBOX_PUBLISHED), false);
    put_payload(b, outbox_bytes(message->payload));
    put_pending(b, key);
    for (size_t i = 0; i < outbox_text_field_count; i++) {
        struct weir_bytes text = outbox_text_at(message, outbox_text_fields[i].from);
        if (text.len > 0) {
            put_text(b, outbox_text_fields[i].field, arena_dup(a, text));
        }
    }
    if (message->sequence > 0) {
        outbox_add_number(a, b->row, name_of(b, OUTBOX_SEQUENCE), (int64_t)message->sequence);
    }
}

size_t outbox_row_growth(const struct outbox_layout *layout)
{
    static const enum outbox_field grown[] = {
        OUTBOX_PUBLISHED_AT, OUTBOX_DISPATCH_COUNT,
        OUTBOX_TTL,          OUTBOX_LAST_ERROR,
        OUTBOX_RETRY_COUNT,  OUTBOX_POSITION,
        OUTBOX_OF,           OUTBOX_PENDING,
        OUTBOX_PARKED,       OUTBOX_ROW,
        OUTBOX_KEY,          OUTBOX_ID,
    };
    size_t sum = GROWN_VALUES_BYTES + PARKED_BYTES + WEIR_OUTBOX_ERROR_MAX;
    for (size_t i = 0; i < sizeof(grown) / sizeof(grown[0]); i++) {
        sum += layout->names[grown[i]].len;
    }
    return sum;
}

enum weir_status outbox_row_of(struct arena *a, const struct outbox_layout *layout,
                               struct weir_env *env, const struct weir_message *message,
                               struct weir_bytes id, struct weir_value **ret_row,
                               struct weir_error *err)
{
    struct building b = {.arena = a, .layout = layout, .row = value_new_map(a, VALUE_ITEM)};
    if (id.ptr == NULL) {
        return no_memory(err);
    }
    put_fields(&b, env, message, id);
    if (b.failed || b.row == NULL) {
        return no_memory(err);
    }
    enum weir_status status = value_sort_map(b.row, err);
    if (status != WEIR_OK) {
        return status;
    }
    /* A row that filled its item could be added, and then never be marked. The key is parked too.
     */
    size_t bytes = item_size(b.row) + outbox_row_growth(layout) + message->key.len;
    if (bytes > LIMIT_ITEM_BYTES) {
        return error_set(err, WEIR_TOO_LARGE,
                         "message %.*s needs an item of %zu bytes, at most %d fit", BYTES_ARG(id),
                         bytes, LIMIT_ITEM_BYTES);
    }
    *ret_row = b.row;
    return WEIR_OK;
}

enum weir_status outbox_put_element(struct arena *a, const struct outbox_layout *layout,
                                    struct weir_env *env, const struct weir_message *message,
                                    struct weir_value **ret_element, struct weir_bytes *ret_id,
                                    struct weir_error *err)
{
    struct weir_message mine;
    struct weir_value *row = NULL;
    enum weir_status status = outbox_take_message(message, &mine, err);
    if (status == WEIR_OK) {
        status = outbox_check_message(a, layout, &mine, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_bytes id = outbox_message_id(a, env, &mine);
    status = outbox_row_of(a, layout, env, &mine, id, &row, err);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_value *element = outbox_element(a, "Put", outbox_put_of_row(a, layout, row));
    if (element == NULL) {
        return no_memory(err);
    }
    *ret_element = element;
    *ret_id = id;
    return WEIR_OK;
}

/* ---- row to message -------------------------------------------------------------------------- */

static enum weir_status malformed(struct weir_error *err, struct weir_bytes name, const char *what)
{
    return error_set(err, WEIR_MALFORMED_MESSAGE, "attribute %.*s %s", BYTES_ARG(name), what);
}

static enum weir_status take_text(const struct outbox_layout *layout, const struct weir_value *row,
                                  enum outbox_field field, bool required, struct weir_bytes *to,
                                  struct weir_error *err)
{
    const struct weir_value *value = outbox_value(layout, row, field);
    if (value == NULL) {
        return required ? malformed(err, layout->names[field], "is missing") : WEIR_OK;
    }
    if (value->type != VALUE_S) {
        return malformed(err, layout->names[field], "is not a string");
    }
    *to = value->u.bytes;
    return WEIR_OK;
}

static enum weir_status decode_base64(struct arena *a, const struct outbox_layout *layout,
                                      struct weir_bytes text, struct weir_bytes *to,
                                      struct weir_error *err)
{
    uint8_t *raw = arena_alloc(a, text.len / 4 * 3 + 1);
    size_t len;
    if (raw == NULL) {
        return no_memory(err);
    }
    if (!base64_decode(text, raw, &len)) {
        return malformed(err, layout->names[OUTBOX_PAYLOAD], "is not Base64");
    }
    *to = bytes_of(raw, len);
    return WEIR_OK;
}

static enum weir_status take_payload(struct arena *a, const struct outbox_layout *layout,
                                     const struct weir_value *row, struct weir_bytes *to,
                                     struct weir_error *err)
{
    struct weir_bytes text = BYTES_NONE, encoding = BYTES_NONE;
    enum weir_status status = take_text(layout, row, OUTBOX_PAYLOAD, true, &text, err);
    if (status == WEIR_OK) {
        status = take_text(layout, row, OUTBOX_ENCODING, false, &encoding, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    if (encoding.ptr != NULL && !bytes_eq_str(encoding, ENCODING_BASE64)) {
        return malformed(err, layout->names[OUTBOX_ENCODING], "is not \"base64\"");
    }
    if (layout->kind->plain_payload && encoding.ptr == NULL) {
        *to = text;
        return WEIR_OK;
    }
    return decode_base64(a, layout, text, to, err);
}

static enum weir_status take_number(const struct outbox_layout *layout,
                                    const struct weir_value *row, enum outbox_field field,
                                    int64_t max, uint64_t *to, struct weir_error *err)
{
    const struct weir_value *value = outbox_value(layout, row, field);
    struct number number;
    int64_t count;
    if (value == NULL) {
        return WEIR_OK;
    }
    if (value->type != VALUE_N || number_parse(value->u.bytes, &number, NULL) != WEIR_OK ||
        !number_to_int64(&number, &count) || count < 0 || count > max) {
        return malformed(err, layout->names[field], "is not a count");
    }
    *to = (uint64_t)count;
    return WEIR_OK;
}

static enum weir_status take_counts(const struct outbox_layout *layout,
                                    const struct weir_value *row, struct outbox_message *message,
                                    struct weir_error *err)
{
    const struct {
        enum outbox_field field;
        uint32_t *to;
    } counts[] = {{OUTBOX_POSITION, &message->position},
                  {OUTBOX_OF, &message->of},
                  {OUTBOX_DISPATCH_COUNT, &message->dispatch_count},
                  {OUTBOX_RETRY_COUNT, &message->retry_count}};
    enum weir_status status =
        take_number(layout, row, OUTBOX_SEQUENCE, INT64_MAX, &message->sequence, err);
    for (size_t i = 0; status == WEIR_OK && i < sizeof(counts) / sizeof(counts[0]); i++) {
        uint64_t count = 0;
        status = take_number(layout, row, counts[i].field, UINT32_MAX, &count, err);
        *counts[i].to = (uint32_t)count;
    }
    return status;
}

static enum weir_status take_published(const struct outbox_layout *layout,
                                       const struct weir_value *row, bool *to,
                                       struct weir_error *err)
{
    const struct weir_value *value = outbox_value(layout, row, OUTBOX_PUBLISHED);
    if (value != NULL && value->type != VALUE_BOOL) {
        return malformed(err, layout->names[OUTBOX_PUBLISHED], "is not a boolean");
    }
    *to = value != NULL && value->truth;
    return WEIR_OK;
}

static enum weir_status take_text_fields(const struct outbox_layout *layout,
                                         const struct weir_value *row,
                                         struct outbox_message *message, struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && i < outbox_text_field_count; i++) {
        const struct outbox_text_field *field = &outbox_text_fields[i];
        struct weir_bytes *to = (struct weir_bytes *)(void *)((char *)message + field->to);
        status = take_text(layout, row, field->field, field->field == layout->kind->proof, to, err);
    }
    return status;
}

/* In `by-message` the id is in its own attribute and behind the row key's prefix; rows of others
 * may lack the former, and an aggregate: then the message is a key of its own. */
static enum weir_status take_keys(const struct outbox_layout *layout, const struct weir_value *row,
                                  struct outbox_message *message, struct weir_error *err)
{
    const char *prefix = layout->kind->row_prefix;
    bool derived = prefix != NULL;
    struct weir_bytes row_key = BYTES_NONE;
    enum weir_status status = take_text(layout, row, OUTBOX_KEY, !derived, &message->key, err);
    if (status == WEIR_OK) {
        status = take_text(layout, row, OUTBOX_ID, !derived, &message->id, err);
    }
    if (status != WEIR_OK || !derived) {
        return status;
    }
    status = take_text(layout, row, OUTBOX_ROW, true, &row_key, err);
    if (status != WEIR_OK) {
        return status;
    }
    if (!bytes_starts_with(row_key, bytes_str(prefix)) || row_key.len == strlen(prefix)) {
        return malformed(err, layout->names[OUTBOX_ROW], "is no message's");
    }
    message->id = bytes_of(row_key.ptr + strlen(prefix), row_key.len - strlen(prefix));
    message->aggregate_id = message->key;
    if (message->key.len == 0) {
        message->key = message->id;
    }
    return WEIR_OK;
}

bool outbox_is_message(const struct outbox_layout *layout, const struct weir_value *row)
{
    return outbox_value(layout, row, layout->kind->proof) != NULL ||
           outbox_value(layout, row, OUTBOX_PAYLOAD) != NULL;
}

static enum weir_status take_all(struct arena *a, const struct outbox_layout *layout,
                                 const struct weir_value *row, struct outbox_message *message,
                                 struct weir_error *err)
{
    enum weir_status status = take_keys(layout, row, message, err);
    if (status == WEIR_OK) {
        status = take_text(layout, row, OUTBOX_CREATED_AT, false, &message->created_at, err);
    }
    if (status == WEIR_OK) {
        status = take_text_fields(layout, row, message, err);
    }
    if (status == WEIR_OK) {
        status = take_counts(layout, row, message, err);
    }
    if (status == WEIR_OK) {
        status = take_published(layout, row, &message->published, err);
    }
    if (status == WEIR_OK) {
        status = take_payload(a, layout, row, &message->payload, err);
    }
    return status;
}

enum weir_status outbox_decode(struct arena *a, const struct outbox_layout *layout,
                               const struct weir_value *row, struct outbox_message *ret_message,
                               struct weir_error *err)
{
    struct outbox_message message = {0};
    enum weir_status status = take_all(a, layout, row, &message, err);
    if (status == WEIR_OK) {
        if (message.type.len == 0) {
            message.type = message.destination;
        }
        *ret_message = message;
    }
    return status;
}
