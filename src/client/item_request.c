/* SPDX-License-Identifier: Apache-2.0 */
/* The requests that items are sent in: members common to the operations, and their options. */
#include "client/item.h"

#include "base/error.h"

enum weir_status item_no_client(struct weir_error *err)
{
    return error_set(err, WEIR_CLOSED, "no client: it was never opened");
}

/* ---- members --------------------------------------------------------------------------------- */

void item_request_begin(struct item_request *r, struct arena *arena, struct weir_error *err)
{
    *r = (struct item_request){
        .arena = arena, .document = value_new_map(arena, VALUE_PLAIN), .err = err};
}

static struct weir_bytes kept(const struct item_request *r, struct weir_bytes bytes)
{
    return r->copies ? arena_dup(r->arena, bytes) : bytes;
}

void item_request_text(struct item_request *r, const char *name, struct weir_text text)
{
    if (text.len == 0) {
        return;
    }
    struct weir_bytes bytes = kept(r, text_bytes(text));
    r->added++;
    if (bytes.ptr != NULL) {
        value_add_str(r->arena, r->document, name, bytes);
    }
}

/* The item's tree, or NULL once the request is spoilt. */
static const struct weir_value *take(struct item_request *r, const struct weir_item *item,
                                     const char *what)
{
    if (r->status == WEIR_OK) {
        r->status = item_ready(item, what, r->err);
    }
    if (r->status != WEIR_OK) {
        return NULL;
    }
    return r->copies ? value_copy(r->arena, &item->root) : &item->root;
}

void item_request_item(struct item_request *r, const char *name, const struct weir_item *item,
                       const char *what)
{
    const struct weir_value *root = take(r, item, what);
    r->added++;
    if (root != NULL) {
        value_add_value(r->arena, r->document, name, root);
    }
}

void item_request_bool(struct item_request *r, const char *name, bool truth)
{
    r->added++;
    value_add_bool(r->arena, r->document, name, truth);
}

void item_request_names(struct item_request *r, const struct weir_item *names)
{
    if (names == NULL || (r->status == WEIR_OK && weir_item_count(names) == 0 &&
                          weir_item_status(names, NULL) == WEIR_OK)) {
        return;
    }
    const struct weir_value *root = take(r, names, "set of names");
    struct weir_value *map = value_new_map(r->arena, VALUE_PLAIN);
    r->added++;
    for (uint32_t i = 0; root != NULL && i < root->u.map.count; i++) {
        const struct value_member *member = &root->u.map.at[i];
        struct weir_value *node = value_add(r->arena, map, member->name);
        if (node == NULL) {
            return;
        }
        if (member->value.type != VALUE_S) {
            r->status = error_set(r->err, WEIR_INVALID_ARGUMENT,
                                  "what a name of an expression stands for is a string");
            return;
        }
        *node = (struct weir_value){
            .type = VALUE_S, .form = VALUE_PLAIN, .u.bytes = member->value.u.bytes};
    }
    if (root != NULL && map != NULL) {
        value_add_value(r->arena, r->document, "ExpressionAttributeNames", map);
    }
}

void item_request_values(struct item_request *r, const struct weir_item *values)
{
    if (values == NULL || (r->status == WEIR_OK && weir_item_count(values) == 0 &&
                           weir_item_status(values, NULL) == WEIR_OK)) {
        return;
    }
    item_request_item(r, "ExpressionAttributeValues", values, "set of values");
}

void item_request_capacity(struct item_request *r, const struct weir_capacity *wanted)
{
    if (wanted != NULL) {
        item_request_text(r, "ReturnConsumedCapacity", (struct weir_text){WEIR_STR("TOTAL")});
    }
}

enum weir_status item_request_end(struct item_request *r)
{
    if (r->status == WEIR_OK && (r->document == NULL || r->document->u.map.count != r->added)) {
        r->status = error_set(r->err, WEIR_NO_MEMORY, "out of memory for a request");
    }
    return r->status;
}
