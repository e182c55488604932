/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes to JSON text. Strings are the bulk of it: they are scanned eight bytes at a time for what
 * needs an escape, and the runs between are copied whole.
 */
#include "value/value.h"

#include "value/json_text.h"

#define WORD_BYTES sizeof(uint64_t)
#define EACH_BYTE(b) (0x0101010101010101ULL * (b))
#define HIGH_BITS EACH_BYTE(0x80)

/* Non-zero if a byte of the word is a control character, a quote or a backslash. */
static uint64_t word_needs_escape(uint64_t word)
{
    uint64_t quote = word ^ EACH_BYTE('"');
    uint64_t backslash = word ^ EACH_BYTE('\\');
    uint64_t found = (word - EACH_BYTE(0x20)) & ~word;
    found |= (quote - EACH_BYTE(1)) & ~quote;
    found |= (backslash - EACH_BYTE(1)) & ~backslash;
    return found & HIGH_BITS;
}

static bool needs_escape(uint8_t c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

static bool word_at_needs_escape(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word_needs_escape(word) != 0;
}

/* The number of bytes at the front that stand for themselves. */
static size_t clean_run(const uint8_t *at, size_t len)
{
    size_t run = 0;

    while (run + WORD_BYTES <= len && !word_at_needs_escape(at + run)) {
        run += WORD_BYTES;
    }
    /* What is left of a long text is in its last word, some of which was seen before. */
    if (run + WORD_BYTES > len && run > 0 && !word_at_needs_escape(at + len - WORD_BYTES)) {
        return len;
    }
    while (run < len && !needs_escape(at[run])) {
        run++;
    }
    return run;
}

static void put_escape(struct buf *to, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    uint8_t letter = c >= 0x20 ? c : (uint8_t)letters[c];

    if (letter != 0) {
        buf_put(to, bytes_of((const uint8_t[]){'\\', letter}, 2));
    } else {
        const uint8_t escape[] = {'\\', 'u', '0', '0', (uint8_t)hex[c >> 4], (uint8_t)hex[c & 15]};
        buf_put(to, bytes_of(escape, sizeof(escape)));
    }
}

static uint8_t *append(uint8_t *to, struct weir_bytes bytes)
{
    if (bytes.len > 0) {
        memcpy(to, bytes.ptr, bytes.len);
    }
    return to + bytes.len;
}

/* Text that needs no escape. */
static void put_clean(struct buf *to, struct weir_bytes before, struct weir_bytes text,
                      struct weir_bytes after)
{
    size_t size = before.len + text.len + after.len + 2;
    uint8_t *at = buf_reserve(to, size);
    if (at == NULL) {
        return;
    }
    at = append(at, before);
    *at++ = '"';
    at = append(at, text);
    *at++ = '"';
    (void)append(at, after);
    to->len += size;
}

/* Text whose first `run` bytes need no escape, and the one behind them does. */
static void put_escaped(struct buf *to, struct weir_bytes text, size_t run)
{
    buf_put_u8(to, '"');
    for (size_t at = 0; at < text.len && buf_status(to) == WEIR_OK;) {
        buf_put(to, bytes_of(text.ptr + at, run));
        at += run;
        if (at < text.len) {
            put_escape(to, text.ptr[at++]);
        }
        run = clean_run(text.ptr + at, text.len - at);
    }
    buf_put_u8(to, '"');
}

void json_write_framed(struct buf *to, struct weir_bytes before, struct weir_bytes text,
                       struct weir_bytes after)
{
    size_t run = clean_run(text.ptr, text.len);

    if (run == text.len) {
        put_clean(to, before, text, after);
        return;
    }
    buf_put(to, before);
    put_escaped(to, text, run);
    buf_put(to, after);
}

void json_write_string(struct buf *to, struct weir_bytes text)
{
    json_write_framed(to, BYTES_NONE, text, BYTES_NONE);
}

void json_write_binary(struct buf *to, struct weir_bytes raw)
{
    buf_put_u8(to, '"');
    buf_put_base64(to, raw);
    buf_put_u8(to, '"');
}

static void write_attribute(struct buf *to, const struct weir_value *value);

/* A scalar's text without its type: a number is a string on the wire. */
static void write_scalar(struct buf *to, const struct weir_value *value)
{
    if (value->type == VALUE_B) {
        json_write_binary(to, value->u.bytes);
    } else {
        json_write_string(to, value->u.bytes);
    }
}

static void write_scalars(struct buf *to, const struct value_list *list)
{
    buf_put_u8(to, '[');
    for (uint32_t i = 0; i < list->count; i++) {
        if (i > 0) {
            buf_put_u8(to, ',');
        }
        write_scalar(to, &list->at[i]);
    }
    buf_put_u8(to, ']');
}

typedef void write_node(struct buf *to, const struct weir_value *value);

static void write_list(struct buf *to, const struct value_list *list, write_node *write)
{
    buf_put_u8(to, '[');
    for (uint32_t i = 0; i < list->count && buf_status(to) == WEIR_OK; i++) {
        if (i > 0) {
            buf_put_u8(to, ',');
        }
        write(to, &list->at[i]);
    }
    buf_put_u8(to, ']');
}

static void write_map(struct buf *to, const struct value_map *map, write_node *write)
{
    buf_put_u8(to, '{');
    for (uint32_t i = 0; i < map->count && buf_status(to) == WEIR_OK; i++) {
        json_write_framed(to, i > 0 ? BYTES_LIT(",") : BYTES_NONE, map->at[i].name, BYTES_LIT(":"));
        write(to, &map->at[i].value);
    }
    buf_put_u8(to, '}');
}

struct weir_bytes json_member_opening(enum value_type type)
{
    static const struct weir_bytes opening[VALUE_TYPE_COUNT] = {
        [VALUE_S] = BYTES_INIT(":{\"S\":"),       [VALUE_N] = BYTES_INIT(":{\"N\":"),
        [VALUE_B] = BYTES_INIT(":{\"B\":"),       [VALUE_BOOL] = BYTES_INIT(":{\"BOOL\":"),
        [VALUE_NULL] = BYTES_INIT(":{\"NULL\":"), [VALUE_M] = BYTES_INIT(":{\"M\":"),
        [VALUE_L] = BYTES_INIT(":{\"L\":"),       [VALUE_SS] = BYTES_INIT(":{\"SS\":"),
        [VALUE_NS] = BYTES_INIT(":{\"NS\":"),     [VALUE_BS] = BYTES_INIT(":{\"BS\":")};
    return opening[type];
}

struct weir_bytes json_opening(enum value_type type)
{
    struct weir_bytes opening = json_member_opening(type);
    return bytes_of(opening.ptr + 1, opening.len - 1);
}

static void write_attribute(struct buf *to, const struct weir_value *value)
{
    buf_put(to, json_opening((enum value_type)value->type));
    switch ((enum value_type)value->type) {
    case VALUE_S:
    case VALUE_N:
    case VALUE_B:
        write_scalar(to, value);
        break;
    case VALUE_BOOL:
        json_write_bool(to, value->truth);
        break;
    case VALUE_NULL:
        json_write_bool(to, true);
        break;
    case VALUE_M:
        write_map(to, &value->u.map, write_attribute);
        break;
    case VALUE_L:
        write_list(to, &value->u.list, write_attribute);
        break;
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        write_scalars(to, &value->u.list);
        break;
    case VALUE_TYPE_COUNT:
        break;
    }
    buf_put_u8(to, '}');
}

/* A node as JSON has it; `write` is for what is in it. */
static void write_bare(struct buf *to, const struct weir_value *value, write_node *write)
{
    switch ((enum value_type)value->type) {
    case VALUE_N:
        buf_put(to, value->u.bytes);
        break;
    case VALUE_S:
    case VALUE_B:
        write_scalar(to, value);
        break;
    case VALUE_BOOL:
        json_write_bool(to, value->truth);
        break;
    case VALUE_NULL:
        buf_put(to, BYTES_LIT("null"));
        break;
    case VALUE_M:
        write_map(to, &value->u.map, write);
        break;
    case VALUE_L:
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        write_list(to, &value->u.list, write);
        break;
    case VALUE_TYPE_COUNT:
        break;
    }
}

/* A stored item; what is damaged must not be served, so it spoils the buffer. */
static void write_stored(struct buf *to, struct weir_bytes bytes)
{
    enum weir_status status = value_stored_to_json(to, bytes, NULL);
    if (status != WEIR_OK && buf_status(to) == WEIR_OK) {
        to->status = status;
    }
}

void json_write(struct buf *to, const struct weir_value *value)
{
    if (value->form == VALUE_STORED) {
        write_stored(to, value->u.bytes);
    } else if (value->form == VALUE_ATTRIBUTE) {
        write_attribute(to, value);
    } else if (value->form == VALUE_ITEM && value->type == VALUE_M) {
        write_map(to, &value->u.map, write_attribute);
    } else {
        write_bare(to, value, json_write);
    }
}

/* For people, so it may take the longer way over nodes. */
static void write_stored_natural(struct buf *to, struct weir_bytes bytes)
{
    struct weir_value *item = NULL;
    struct arena *a = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    enum weir_status status = a == NULL ? WEIR_NO_MEMORY : value_decode_item(a, bytes, &item, NULL);

    if (status == WEIR_OK) {
        json_write_natural(to, item);
    } else if (buf_status(to) == WEIR_OK) {
        to->status = status;
    }
    arena_free(a);
}

void json_write_natural(struct buf *to, const struct weir_value *value)
{
    if (value->form == VALUE_STORED) {
        write_stored_natural(to, value->u.bytes);
    } else {
        write_bare(to, value, json_write_natural);
    }
}
