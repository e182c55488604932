/* SPDX-License-Identifier: Apache-2.0 */

/* What goes out as JSON: a message under the names of its fields, and tokens. */

#include "outbox/outbox_store.h"

#include "base/base64.h"
#include "base/error.h"

/* A document under construction: without memory for a member it has fewer than are wanted. */
struct writing {
    struct arena *arena;
    struct weir_value *to;
    uint32_t wanted;
};

static void add_text(struct writing *w, enum outbox_field field, struct weir_bytes text)
{
    if (text.len == 0) {
        return;
    }
    w->wanted++;
    value_add_str(w->arena, w->to, outbox_fields[field].document, text);
}

static void add_payload(struct writing *w, struct weir_bytes payload)
{
    size_t len = base64_text_len(payload.len);
    uint8_t *text = len == SIZE_MAX ? NULL : arena_alloc(w->arena, len);
    w->wanted++;
    if (text != NULL) {
        base64_encode(payload, text);
        value_add_str(w->arena, w->to, "payload", bytes_of(text, len));
    }
}

static void add_count(struct writing *w, enum outbox_field field, uint64_t count)
{
    if (count > 0) {
        w->wanted++;
        value_add_int(w->arena, w->to, outbox_fields[field].document, (int64_t)count);
    }
}

/* The texts that the decoded message does not hold. */
static void add_stored_texts(struct writing *w, const struct outbox_layout *layout,
                             const struct weir_value *row)
{
    static const enum outbox_field fields[] = {OUTBOX_PUBLISHED_AT, OUTBOX_PENDING,
                                               OUTBOX_LAST_ERROR};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        add_text(w, fields[i], outbox_text(layout, row, fields[i]));
    }
    const struct weir_value *ttl = outbox_value(layout, row, OUTBOX_TTL);
    if (ttl == NULL || ttl->type != VALUE_N) {
        return;
    }
    struct weir_value *node = value_add(w->arena, w->to, BYTES_LIT("ttl"));
    w->wanted++;
    if (node != NULL) {
        *node = (struct weir_value){.type = VALUE_N, .u.bytes = ttl->u.bytes};
    }
}

enum weir_status outbox_document(struct arena *a, const struct outbox_layout *layout,
                                 const struct weir_value *row, struct weir_value *to,
                                 struct weir_error *err)
{
    struct outbox_message message;
    struct writing w = {.arena = a, .to = to};
    enum weir_status status = outbox_decode(a, layout, row, &message, err);
    if (status != WEIR_OK) {
        return status;
    }
    *to = (struct weir_value){.type = VALUE_M};
    add_text(&w, OUTBOX_ID, message.id);
    add_text(&w, OUTBOX_KEY, message.key);
    for (size_t i = 0; i < outbox_text_field_count; i++) {
        struct weir_bytes text;
        memcpy(&text, (const char *)&message + outbox_text_fields[i].to, sizeof(text));
        add_text(&w, outbox_text_fields[i].field, text);
    }
    add_payload(&w, message.payload);
    add_text(&w, OUTBOX_CREATED_AT, message.created_at);
    value_add_bool(a, to, outbox_fields[OUTBOX_PUBLISHED].document, message.published);
    w.wanted++;
    add_stored_texts(&w, layout, row);
    add_count(&w, OUTBOX_DISPATCH_COUNT, message.dispatch_count);
    add_count(&w, OUTBOX_RETRY_COUNT, message.retry_count);
    add_count(&w, OUTBOX_POSITION, message.position);
    add_count(&w, OUTBOX_OF, message.of);
    add_count(&w, OUTBOX_SEQUENCE, message.sequence);
    return to->u.map.count == w.wanted ? WEIR_OK : outbox_no_memory(err);
}

/* ---- tokens: Base64 of texts, each behind its length of 4 bytes ------------------------------ */

struct weir_bytes outbox_token(struct arena *a, const struct weir_bytes *parts, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += 4 + parts[i].len;
    }
    uint8_t *raw = arena_alloc(a, len);
    uint8_t *text = arena_alloc(a, base64_text_len(len) + 1);
    if (raw == NULL || text == NULL) {
        return BYTES_NONE;
    }
    uint8_t *pos = raw;
    for (size_t i = 0; i < count; i++) {
        put_be32(pos, (uint32_t)parts[i].len);
        if (parts[i].len > 0) {
            memcpy(pos + 4, parts[i].ptr, parts[i].len);
        }
        pos += 4 + parts[i].len;
    }
    base64_encode(bytes_of(raw, len), text);
    return bytes_of(text, base64_text_len(len));
}

static bool split_token(struct arena *a, struct weir_bytes token, struct weir_bytes *ret_parts,
                        size_t count)
{
    uint8_t *text = arena_alloc(a, token.len / 4 * 3 + 1);
    size_t left;
    if (text == NULL || !base64_decode(token, text, &left)) {
        return false;
    }
    const uint8_t *pos = text;
    for (size_t i = 0; i < count; i++) {
        size_t len = left < 4 ? 0 : get_be32(pos);
        if (left < 4 || len > left - 4) {
            return false;
        }
        ret_parts[i] = bytes_of(pos + 4, len);
        pos += 4 + len;
        left -= 4 + len;
    }
    return left == 0;
}

enum weir_status outbox_token_decode(struct arena *a, struct weir_bytes token,
                                     struct weir_bytes *ret_parts, size_t count,
                                     struct weir_error *err)
{
    return split_token(a, token, ret_parts, count)
               ? WEIR_OK
               : error_set(err, WEIR_INVALID_ARGUMENT,
                           "token is none that an earlier call returned as \"next\"");
}
