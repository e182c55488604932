/* SPDX-License-Identifier: Apache-2.0 */
/* Items as JSON, the service's own and the plain one, and out of answers. */
#include "client/item.h"

#include "base/error.h"
#include "value/plain_json.h"

#include <stdlib.h>

/* An item's memory, with every byte of it escaped. */
#define TEXT_BYTES_MAX (8 * ITEM_MEMORY_MAX)

static enum weir_status parse_typed(struct arena *a, struct weir_bytes text,
                                    struct weir_value **ret_root, struct weir_error *err)
{
    struct weir_value *document = NULL;
    enum weir_status status = json_parse(a, text, &document, err);
    return status == WEIR_OK ? value_to_item(a, document, ret_root, err) : status;
}

typedef enum weir_status parse_fn(struct arena *a, struct weir_bytes text,
                                  struct weir_value **ret_root, struct weir_error *err);

static enum weir_status from_text(parse_fn *parse, struct weir_bytes text,
                                  struct weir_item **ret_item, struct weir_error *err)
{
    struct weir_item *item = NULL;
    struct weir_value *root = NULL;
    enum weir_status status = weir_item_new(&item, err);
    if (status != WEIR_OK) {
        return status;
    }
    status = parse(item->build->arena, text, &root, err);
    if (status != WEIR_OK) {
        weir_item_free(item);
        return status;
    }
    item->root = *root;
    *ret_item = item;
    return WEIR_OK;
}

enum weir_status weir_item_from_json(const char *json, size_t json_len, struct weir_item **ret_item,
                                     struct weir_error *err)
{
    return from_text(parse_typed, bytes_of(json, json_len), ret_item, err);
}

enum weir_status weir_item_from_plain_json(const char *json, size_t json_len,
                                           struct weir_item **ret_item, struct weir_error *err)
{
    return from_text(plain_parse_item, bytes_of(json, json_len), ret_item, err);
}

static enum weir_status to_text(void (*write)(struct buf *to, const struct weir_value *root),
                                const struct weir_item *item, char **ret_json, size_t *ret_json_len,
                                struct weir_error *err)
{
    struct buf text;
    enum weir_status status = item_ready(item, "item", err);
    if (status != WEIR_OK) {
        return status;
    }
    buf_init(&text, TEXT_BYTES_MAX);
    write(&text, &item->root);
    buf_put_u8(&text, '\0');
    if (buf_status(&text) != WEIR_OK) {
        buf_fini(&text);
        return error_set(err, WEIR_NO_MEMORY, "out of memory for an item's text");
    }
    *ret_json = (char *)text.ptr;
    if (ret_json_len != NULL) {
        *ret_json_len = text.len - 1;
    }
    return WEIR_OK;
}

enum weir_status weir_item_to_json(const struct weir_item *item, char **ret_json,
                                   size_t *ret_json_len, struct weir_error *err)
{
    return to_text(json_write, item, ret_json, ret_json_len, err);
}

enum weir_status weir_item_to_plain_json(const struct weir_item *item, char **ret_json,
                                         size_t *ret_json_len, struct weir_error *err)
{
    return to_text(plain_write_item, item, ret_json, ret_json_len, err);
}

enum weir_status item_of_answer(struct arena *a, const struct weir_value *doc,
                                struct weir_value **ret_root, struct weir_error *err)
{
    enum weir_status status = value_to_item(a, doc, ret_root, err);
    if (status == WEIR_OK || status == WEIR_NO_MEMORY) {
        return status;
    }
    return error_set(err, WEIR_PROTOCOL, "an item of the answer cannot be read: %s",
                     err == NULL ? "" : err->message);
}
