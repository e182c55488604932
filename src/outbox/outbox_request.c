/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Documents of requests that name one row: its key, and the marks. Every attribute stands behind a
 * placeholder, since names may be reserved words (`ttl` is one) or anything the options say.
 */

#include "outbox/outbox_store.h"

#include "base/error.h"

struct weir_bytes outbox_row_key(struct arena *a, const struct outbox_layout *layout,
                                 struct weir_bytes id)
{
    size_t prefix = strlen(layout->kind->row_prefix);
    uint8_t *text = arena_alloc(a, prefix + id.len);
    if (text == NULL) {
        return BYTES_NONE;
    }
    memcpy(text, layout->kind->row_prefix, prefix);
    if (id.len > 0) {
        memcpy(text + prefix, id.ptr, id.len);
    }
    return bytes_of(text, prefix + id.len);
}

struct weir_value *outbox_key(struct arena *a, const struct outbox_layout *layout,
                              struct weir_bytes key, struct weir_bytes id)
{
    const struct outbox_kind *kind = layout->kind;
    struct weir_value *item = value_new_map(a, VALUE_ITEM);
    struct weir_bytes hash = key;
    if (kind->row_prefix != NULL) {
        hash = outbox_row_key(a, layout, id);
        if (hash.ptr == NULL) {
            return NULL;
        }
    }
    outbox_add_text(a, item, layout->names[kind->hash], hash);
    if (kind->range != OUTBOX_NO_FIELD) {
        outbox_add_text(a, item, layout->names[kind->range], id);
    }
    return item == NULL || value_sort_map(item, NULL) != WEIR_OK ? NULL : item;
}

struct weir_value *outbox_key_of_row(struct arena *a, const struct outbox_layout *layout,
                                     const struct weir_value *row)
{
    const struct outbox_kind *kind = layout->kind;
    struct weir_value *item = value_new_map(a, VALUE_ITEM);
    outbox_add_text(a, item, layout->names[kind->hash], outbox_text(layout, row, kind->hash));
    if (kind->range != OUTBOX_NO_FIELD) {
        outbox_add_text(a, item, layout->names[kind->range], outbox_text(layout, row, kind->range));
    }
    return item == NULL || value_sort_map(item, NULL) != WEIR_OK ? NULL : item;
}

struct weir_value *outbox_keyed_request(struct arena *a, const struct outbox_layout *layout,
                                        struct weir_value *key)
{
    struct weir_value *request = key == NULL ? NULL : value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", layout->table);
    value_add_value(a, request, "Key", key);
    return request;
}

void outbox_add_name(struct arena *a, struct weir_value *names, const char *placeholder,
                     const struct outbox_layout *layout, enum outbox_field field)
{
    value_add_str(a, names, placeholder, layout->names[field]);
}

void outbox_add_values(struct arena *a, struct weir_value *request, struct weir_value *values)
{
    if (values != NULL) {
        (void)value_sort_map(values, NULL); /* placeholders are distinct */
        value_add_value(a, request, "ExpressionAttributeValues", values);
    }
}

struct weir_value *outbox_element(struct arena *a, const char *action,
                                  const struct weir_value *request)
{
    struct weir_value *element = request == NULL ? NULL : value_new_map(a, VALUE_PLAIN);
    value_add_value(a, element, action, request);
    return element;
}

/* A staged element may outlive the outbox's handle, so it has copies of the names. */
struct weir_value *outbox_put_of_row(struct arena *a, const struct outbox_layout *layout,
                                     const struct weir_value *row)
{
    struct weir_bytes table = arena_dup(a, layout->table);
    struct weir_bytes hash = arena_dup(a, layout->names[layout->kind->hash]);
    struct weir_value *put =
        table.ptr == NULL || hash.ptr == NULL ? NULL : value_new_map(a, VALUE_PLAIN);
    value_add_str(a, put, "TableName", table);
    value_add_value(a, put, "Item", row);
    value_add_str(a, put, "ConditionExpression", BYTES_LIT("attribute_not_exists(#key)"));
    struct weir_value *names = value_add_map(a, put, "ExpressionAttributeNames");
    value_add_str(a, names, "#key", hash);
    return names == NULL ? NULL : put;
}

/* ---- marking --------------------------------------------------------------------------------- */

const char *outbox_mark_operation(const struct outbox_layout *layout)
{
    WEIR_ASSERT(layout->mark != WEIR_MARK_NONE);
    return layout->mark == WEIR_MARK_DELETE ? "DeleteItem" : "UpdateItem";
}

static void add_mark_values(struct arena *a, struct weir_value *request,
                            const struct outbox_layout *layout, int64_t wall_ms)
{
    char now[ISO8601_SIZE];
    iso8601_ms(wall_ms, now);
    struct weir_value *values = value_new_map(a, VALUE_ITEM);
    outbox_add_bool(a, values, BYTES_LIT(":true"), true);
    outbox_add_text(a, values, BYTES_LIT(":now"), arena_dup(a, bytes_str(now)));
    outbox_add_number(a, values, BYTES_LIT(":one"), 1);
    if (layout->retention_s > 0) {
        outbox_add_number(a, values, BYTES_LIT(":ttl"), wall_ms / 1000 + layout->retention_s);
    }
    outbox_add_values(a, request, values);
}

static void add_mark_update(struct arena *a, struct weir_value *request, struct weir_value *names,
                            const struct outbox_layout *layout, int64_t wall_ms)
{
    outbox_add_name(a, names, "#published", layout, OUTBOX_PUBLISHED);
    outbox_add_name(a, names, "#at", layout, OUTBOX_PUBLISHED_AT);
    outbox_add_name(a, names, "#count", layout, OUTBOX_DISPATCH_COUNT);
    /* Removed also where this process knows of no index: another may have written the row. */
    outbox_add_name(a, names, "#pending", layout, OUTBOX_PENDING);
    if (layout->retention_s > 0) {
        outbox_add_name(a, names, "#ttl", layout, OUTBOX_TTL);
    }
    value_add_str(a, request, "UpdateExpression",
                  layout->retention_s > 0
                      ? BYTES_LIT("SET #published = :true, #at = :now, #ttl = :ttl "
                                  "REMOVE #pending ADD #count :one")
                      : BYTES_LIT("SET #published = :true, #at = :now "
                                  "REMOVE #pending ADD #count :one"));
    add_mark_values(a, request, layout, wall_ms);
}

struct weir_value *outbox_mark_request(struct arena *a, const struct outbox_layout *layout,
                                       struct weir_bytes key, struct weir_bytes id, int64_t wall_ms)
{
    struct weir_value *request = outbox_keyed_request(a, layout, outbox_key(a, layout, key, id));
    /* A row of somebody else in the same table must not become half a message, nor go. */
    value_add_str(a, request, "ConditionExpression", BYTES_LIT("attribute_exists(#proof)"));
    struct weir_value *names = value_new_map(a, VALUE_PLAIN);
    outbox_add_name(a, names, "#proof", layout, layout->kind->proof);
    if (layout->mark != WEIR_MARK_DELETE) {
        add_mark_update(a, request, names, layout, wall_ms);
    }
    if (names == NULL) {
        return NULL;
    }
    value_add_value(a, request, "ExpressionAttributeNames", names);
    return request;
}
