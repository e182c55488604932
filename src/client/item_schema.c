/* SPDX-License-Identifier: Apache-2.0 */
/* Which of an item's attributes are its key, as the table's description says. */
#include "client/item.h"

#include "base/error.h"

void item_key_names_add(struct item_key_names *names, struct weir_bytes name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (bytes_eq(names->at[i], name)) {
            return;
        }
    }
    if (names->count < sizeof(names->at) / sizeof(names->at[0])) {
        names->at[names->count++] = name;
    }
}

static void add_schema(struct item_key_names *names, const struct weir_value *described)
{
    const struct weir_value *schema = value_get(described, "KeySchema");
    for (uint32_t i = 0; schema != NULL && i < weir_value_count(schema); i++) {
        const struct weir_value *name = value_get(weir_value_element(schema, i), "AttributeName");
        if (name != NULL && name->type == VALUE_S) {
            item_key_names_add(names, name->u.bytes);
        }
    }
}

static void add_index(struct item_key_names *names, const struct weir_value *indexes,
                      struct weir_text index)
{
    for (uint32_t i = 0; i < weir_value_count(indexes); i++) {
        const struct weir_value *described = weir_value_element(indexes, i);
        const struct weir_value *name = value_get(described, "IndexName");
        if (name != NULL && name->type == VALUE_S && bytes_eq(name->u.bytes, text_bytes(index))) {
            add_schema(names, described);
        }
    }
}

enum weir_status item_key_names_ask(struct weir_client *client, struct arena *a,
                                    struct weir_text table, struct weir_text index,
                                    struct item_key_names *ret_names, struct weir_error *err)
{
    struct item_request r;
    struct weir_value *response = NULL;
    item_request_begin(&r, a, err);
    item_request_text(&r, "TableName", table);
    enum weir_status status = item_request_end(&r);
    if (status == WEIR_OK) {
        status = client_call(client, "DescribeTable", r.document, a, &response, NULL, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    const struct weir_value *described = value_get(response, "Table");
    struct item_key_names names = {.count = 0};
    add_schema(&names, described);
    if (index.len > 0) {
        add_index(&names, value_get(described, "GlobalSecondaryIndexes"), index);
        add_index(&names, value_get(described, "LocalSecondaryIndexes"), index);
    }
    if (names.count == 0) {
        return error_set(err, WEIR_PROTOCOL, "the table's description has no key schema");
    }
    *ret_names = names;
    return WEIR_OK;
}

struct weir_value *item_key_of(struct arena *a, const struct weir_value *item,
                               const struct item_key_names *names)
{
    struct weir_value *key = value_new_map(a, VALUE_ITEM);
    for (uint32_t i = 0; i < names->count; i++) {
        const struct weir_value *value = value_member(item, names->at[i]);
        struct weir_value *node = value == NULL ? NULL : value_add(a, key, names->at[i]);
        if (node == NULL) {
            return NULL;
        }
        *node = *value;
    }
    return value_sort_map(key, NULL) == WEIR_OK ? key : NULL;
}
