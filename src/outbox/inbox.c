/* SPDX-License-Identifier: Apache-2.0 */

/* The inbox of layout `by-message`: rows MESSAGE#<id> in a table of its own, and nothing else. */

#include "outbox/outbox_store.h"

#include "base/error.h"
#include "base/utf8.h"
#include "client/ensure.h"

#define DEFAULT_WAIT_MS 60000
#define INBOX_KEY "PK"
#define INBOX_PREFIX "MESSAGE#"

static struct weir_value *create_request(struct arena *a, struct weir_bytes table)
{
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", table);
    value_add_str(a, request, "BillingMode", BYTES_LIT("PAY_PER_REQUEST"));
    struct weir_value *schema = value_new_list(a, VALUE_PLAIN);
    struct weir_value *definitions = value_new_list(a, VALUE_PLAIN);
    struct weir_value *key = value_append(a, schema);
    struct weir_value *definition = value_append(a, definitions);
    if (key == NULL || definition == NULL) {
        return NULL;
    }
    *key = (struct weir_value){.type = VALUE_M};
    value_add_str(a, key, "AttributeName", BYTES_LIT(INBOX_KEY));
    value_add_str(a, key, "KeyType", BYTES_LIT("HASH"));
    *definition = (struct weir_value){.type = VALUE_M};
    value_add_str(a, definition, "AttributeName", BYTES_LIT(INBOX_KEY));
    value_add_str(a, definition, "AttributeType", BYTES_LIT("S"));
    value_add_value(a, request, "KeySchema", schema);
    value_add_value(a, request, "AttributeDefinitions", definitions);
    return request;
}

static enum weir_status check_schema(const struct weir_value *description, const char *table,
                                     struct weir_error *err)
{
    const struct weir_value *schema = value_get(description, "KeySchema");
    bool alone = schema != NULL && schema->type == VALUE_L && schema->u.list.count == 1;
    const struct weir_value *name =
        alone ? value_get(&schema->u.list.at[0], "AttributeName") : NULL;
    return name != NULL && bytes_eq_str(name->u.bytes, INBOX_KEY)
               ? WEIR_OK
               : error_set(err, WEIR_CONFIG,
                           "table %s is no inbox: its key must be " INBOX_KEY " (HASH) alone",
                           table);
}

enum weir_status weir_inbox_create(struct weir_client *client, const char *table, uint32_t wait_ms,
                                   struct weir_error *err)
{
    const struct weir_value *description = NULL;
    if (client == NULL || table == NULL) {
        return error_set(err, client == NULL ? WEIR_CLOSED : WEIR_INVALID_ARGUMENT,
                         client == NULL ? "the client of an inbox must be open"
                                        : "an inbox needs the name of its table");
    }
    struct arena *a = arena_new(OUTBOX_CALL_BYTES);
    struct client_table_wish wish = {
        .table = bytes_str(table),
        .create = a == NULL ? NULL : create_request(a, bytes_str(table)),
        .wait_ms = wait_ms == 0 ? DEFAULT_WAIT_MS : wait_ms,
    };
    enum weir_status status = wish.create == NULL
                                  ? outbox_no_memory(err)
                                  : client_table_ensure(client, &wish, a, &description, err);
    if (status == WEIR_OK) {
        status = check_schema(description, table, err);
    }
    arena_free(a);
    return status;
}

static struct weir_value *stage_element(struct arena *a, const char *table, struct weir_bytes id)
{
    size_t prefix = sizeof(INBOX_PREFIX) - 1;
    uint8_t *key = arena_alloc(a, prefix + id.len);
    struct weir_bytes name = arena_dup(a, bytes_str(table));
    struct weir_value *item = value_new_map(a, VALUE_ITEM);
    if (key == NULL || name.ptr == NULL || item == NULL) {
        return NULL;
    }
    memcpy(key, INBOX_PREFIX, prefix);
    memcpy(key + prefix, id.ptr, id.len);
    outbox_add_text(a, item, BYTES_LIT(INBOX_KEY), bytes_of(key, prefix + id.len));
    struct weir_value *put = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, put, "TableName", name);
    value_add_value(a, put, "Item", item);
    value_add_str(a, put, "ConditionExpression", BYTES_LIT("attribute_not_exists(" INBOX_KEY ")"));
    return outbox_element(a, "Put", put);
}

enum weir_status weir_inbox_stage(struct weir_txn *txn, const char *table, const char *id,
                                  size_t id_len, struct weir_error *err)
{
    if (txn == NULL) {
        return error_set(err, WEIR_CLOSED, "the transaction is not open");
    }
    if (table == NULL || id_len == 0 || id_len > WEIR_MESSAGE_ID_MAX ||
        !utf8_valid(bytes_of(id, id_len))) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "an inbox row needs its table and an id of 1 to %d bytes of UTF-8",
                         WEIR_MESSAGE_ID_MAX);
    }
    return txn_add_document(txn, stage_element(txn_arena(txn), table, bytes_of(id, id_len)),
                            WEIR_ALREADY_EXISTS, err);
}
