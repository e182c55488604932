/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The outbox as a store: its table, adding and staging, marking. Each call works in an arena of its
 * own, so the handle holds nothing that changes after opening, and any thread may use it.
 */

#include "outbox/outbox_store.h"

#include <stdlib.h>

#include "base/error.h"
#include "client/ensure.h"
#include "value/number.h"

#define DEFAULT_WAIT_MS 60000

/* ---- the table ------------------------------------------------------------------------------- */

static void add_key_attribute(struct arena *a, struct weir_value *schema,
                              struct weir_value *definitions, struct weir_bytes name,
                              const char *key_type)
{
    struct weir_value *key = value_append(a, schema);
    struct weir_value *definition = value_append(a, definitions);
    if (key == NULL || definition == NULL) {
        return;
    }
    *key = (struct weir_value){.type = VALUE_M};
    value_add_str(a, key, "AttributeName", name);
    value_add_str(a, key, "KeyType", bytes_str(key_type));
    *definition = (struct weir_value){.type = VALUE_M};
    value_add_str(a, definition, "AttributeName", name);
    value_add_str(a, definition, "AttributeType", BYTES_LIT("S"));
}

static struct weir_value *create_request(struct arena *a, const struct outbox_layout *layout,
                                         bool stream)
{
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", layout->table);
    value_add_str(a, request, "BillingMode", BYTES_LIT("PAY_PER_REQUEST"));
    struct weir_value *schema = value_new_list(a, VALUE_PLAIN);
    struct weir_value *definitions = value_new_list(a, VALUE_PLAIN);
    add_key_attribute(a, schema, definitions, layout->partition_name, "HASH");
    add_key_attribute(a, schema, definitions, layout->sort_name, "RANGE");
    value_add_value(a, request, "KeySchema", schema);
    value_add_value(a, request, "AttributeDefinitions", definitions);
    if (stream) {
        struct weir_value *specification = value_add_map(a, request, "StreamSpecification");
        value_add_bool(a, specification, "StreamEnabled", true);
        value_add_str(a, specification, "StreamViewType", BYTES_LIT("NEW_AND_OLD_IMAGES"));
    }
    return request;
}

/* A table of other keys than those named would take rows that nobody could find again. */
static enum weir_status check_keys(const struct weir_value *description,
                                   const struct outbox_layout *layout, struct weir_error *err)
{
    const struct weir_value *schema = value_get(description, "KeySchema");
    bool partition = false, sort = false;
    for (uint32_t i = 0; schema != NULL && schema->type == VALUE_L && i < schema->u.list.count;
         i++) {
        const struct weir_value *name = value_get(&schema->u.list.at[i], "AttributeName");
        const struct weir_value *type = value_get(&schema->u.list.at[i], "KeyType");
        if (name != NULL && type != NULL && bytes_eq_str(type->u.bytes, "HASH")) {
            partition = bytes_eq(name->u.bytes, layout->partition_name);
        } else if (name != NULL) {
            sort = bytes_eq(name->u.bytes, layout->sort_name);
        }
    }
    if (partition && sort) {
        return WEIR_OK;
    }
    return error_set(err, WEIR_CONFIG,
                     "table %.*s is no outbox of this layout: its keys must be %.*s (HASH) and "
                     "%.*s (RANGE)",
                     BYTES_ARG(layout->table), BYTES_ARG(layout->partition_name),
                     BYTES_ARG(layout->sort_name));
}

static enum weir_status prepare_table(struct weir_outbox *outbox,
                                      const struct weir_outbox_options *options, struct arena *a,
                                      struct weir_error *err)
{
    const struct weir_value *description = NULL;
    struct client_table_wish wish = {
        .table = outbox->layout.table,
        .create = options->no_create != 0
                      ? NULL
                      : create_request(a, &outbox->layout, options->no_stream == 0),
        .wait_ms = options->wait_ms == 0 ? DEFAULT_WAIT_MS : options->wait_ms,
    };
    if (outbox->layout.retention_s > 0) {
        wish.ttl_attribute = outbox->layout.ttl_name;
    }
    enum weir_status status = client_table_ensure(outbox->client, &wish, a, &description, err);
    return status == WEIR_OK ? check_keys(description, &outbox->layout, err) : status;
}

/* The layout borrows names from the options; the handle keeps them in an arena of its own. */
static bool keep_names(struct weir_outbox *outbox)
{
    struct weir_bytes *names[] = {&outbox->layout.table, &outbox->layout.partition_name,
                                  &outbox->layout.sort_name, &outbox->layout.ttl_name};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        *names[i] = arena_dup(outbox->names, *names[i]);
        if (names[i]->ptr == NULL) {
            return false;
        }
    }
    return true;
}

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "no memory for the outbox");
}

static enum weir_status open_with(struct weir_outbox *outbox,
                                  const struct weir_outbox_options *options, struct weir_error *err)
{
    enum weir_status status = outbox_layout_init(options, &outbox->layout, err);
    if (status != WEIR_OK) {
        return status;
    }
    outbox->names = arena_new(OUTBOX_NAMES_BYTES);
    struct arena *a = arena_new(OUTBOX_CALL_BYTES);
    if (outbox->names == NULL || a == NULL || !keep_names(outbox)) {
        status = no_memory(err);
    } else {
        status = prepare_table(outbox, options, a, err);
    }
    arena_free(a);
    return status;
}

enum weir_status weir_outbox_open(struct weir_client *client,
                                  const struct weir_outbox_options *options,
                                  struct weir_outbox **ret_outbox, struct weir_error *err)
{
    static const struct weir_outbox_options defaults = WEIR_OUTBOX_OPTIONS_INIT;
    if (options == NULL) {
        options = &defaults;
    }
    if (client == NULL) {
        return error_set(err, WEIR_CLOSED, "the client of an outbox must be open");
    }
    if (options->struct_size < sizeof(*options)) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "options.struct_size is %u: begin with WEIR_OUTBOX_OPTIONS_INIT",
                         options->struct_size);
    }
    struct weir_outbox *outbox = calloc(1, sizeof(*outbox));
    if (outbox == NULL) {
        return no_memory(err);
    }
    outbox->client = client;
    enum weir_status status = open_with(outbox, options, err);
    if (status != WEIR_OK) {
        weir_outbox_close(outbox);
        return status;
    }
    *ret_outbox = outbox;
    return WEIR_OK;
}

void weir_outbox_close(struct weir_outbox *outbox)
{
    if (outbox != NULL) {
        arena_free(outbox->names);
        free(outbox);
    }
}

/* ---- adding ---------------------------------------------------------------------------------- */

/* An arena for one call; WEIR_CLOSED for a handle that is not open. */
enum weir_status outbox_call_begin(const struct weir_outbox *outbox, struct arena **ret_arena,
                                   struct weir_error *err)
{
    if (outbox == NULL) {
        return error_set(err, WEIR_CLOSED, "the outbox is not open");
    }
    struct arena *a = arena_new(OUTBOX_CALL_BYTES);
    if (a == NULL) {
        return no_memory(err);
    }
    *ret_arena = a;
    return WEIR_OK;
}

static enum weir_status already_exists(struct weir_error *err, struct weir_bytes id)
{
    enum weir_outcome outcome = err == NULL ? WEIR_NOT_APPLIED : err->outcome;
    (void)error_set(err, WEIR_ALREADY_EXISTS, "message %.*s exists already", BYTES_ARG(id));
    if (err != NULL) {
        err->outcome = outcome;
    }
    return WEIR_ALREADY_EXISTS;
}

static double consumed_units(const struct weir_value *response)
{
    const struct weir_value *capacity = value_get(response, "ConsumedCapacity");
    const struct weir_value *units = value_get(capacity, "CapacityUnits");
    char text[32];
    if (units == NULL || units->type != VALUE_N || units->u.bytes.len >= sizeof(text)) {
        return 0;
    }
    memcpy(text, units->u.bytes.ptr, units->u.bytes.len);
    text[units->u.bytes.len] = '\0';
    return strtod(text, NULL);
}

/* PutItem's request is the Put of a transaction, and the wish to know what it costs. */
static enum weir_status put_now(struct weir_outbox *outbox, struct arena *a,
                                struct weir_value *element, struct weir_bytes id,
                                struct weir_outbox_added *ret_added, struct weir_error *err)
{
    struct weir_value *response = NULL;
    struct weir_value *put = &element->u.map.at[0].value;
    value_add_str(a, put, "ReturnConsumedCapacity", BYTES_LIT("TOTAL"));
    enum weir_status status = client_call(outbox->client, "PutItem", put, a, &response, NULL, err);
    if (status == WEIR_CONDITION_FAILED) {
        return already_exists(err, id);
    }
    if (status == WEIR_OK && ret_added != NULL) {
        memcpy(ret_added->id, id.ptr, id.len);
        ret_added->id[id.len] = '\0';
        ret_added->write_units = consumed_units(response);
    }
    return status;
}

enum weir_status weir_outbox_add(struct weir_outbox *outbox, const struct weir_message *message,
                                 struct weir_outbox_added *ret_added, struct weir_error *err)
{
    struct arena *a = NULL;
    struct weir_value *element = NULL;
    struct weir_bytes id;
    enum weir_status status = outbox_call_begin(outbox, &a, err);
    if (status == WEIR_OK) {
        status = outbox_put_element(a, &outbox->layout, client_env(outbox->client), message,
                                    &element, &id, err);
    }
    if (status == WEIR_OK) {
        status = put_now(outbox, a, element, id, ret_added, err);
    }
    arena_free(a);
    return status;
}

/* ---- staging --------------------------------------------------------------------------------- */

/* The row of a staged message of this outbox and key, or NULL if the element is something else. */
static struct weir_value *staged_row(const struct outbox_layout *layout, struct weir_value *element,
                                     struct weir_bytes key)
{
    const struct weir_value *put = value_get(element, "Put");
    const struct weir_value *table = value_get(put, "TableName");
    const struct weir_value *item = value_get(put, "Item");
    const struct weir_value *row_key = item == NULL || item->form != VALUE_ITEM
                                           ? NULL
                                           : value_member(item, layout->partition_name);
    bool ours = table != NULL && bytes_eq(table->u.bytes, layout->table) && row_key != NULL &&
                value_get(item, "messageType") != NULL && bytes_eq(row_key->u.bytes, key);
    return ours ? (struct weir_value *)item : NULL; /* txn_element's nodes may be amended */
}

static enum weir_status set_count(struct arena *a, struct weir_value *row, const char *name,
                                  uint32_t count, struct weir_error *err)
{
    const struct weir_value *there = value_get(row, name);
    char *text = arena_printf(a, "%u", count);
    struct weir_value *node =
        there != NULL ? (struct weir_value *)there : value_add(a, row, bytes_str(name));
    if (text == NULL || node == NULL) {
        return no_memory(err);
    }
    value_set_n(node, bytes_str(text));
    return value_sort_map(row, err);
}

/* Gives the messages of one key in this transaction their places, when there are several. */
static enum weir_status number_places(const struct outbox_layout *layout, struct weir_txn *txn,
                                      struct weir_bytes key, struct weir_error *err)
{
    struct weir_value *rows[LIMIT_TRANSACT_ITEMS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < weir_txn_count(txn); i++) {
        struct weir_value *row = staged_row(layout, txn_element(txn, i), key);
        if (row != NULL) {
            rows[count++] = row;
        }
    }
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; count > 1 && status == WEIR_OK && i < count; i++) {
        status = set_count(txn_arena(txn), rows[i], "position", i + 1, err);
        if (status == WEIR_OK) {
            status = set_count(txn_arena(txn), rows[i], "of", count, err);
        }
    }
    return status;
}

enum weir_status weir_outbox_stage(struct weir_outbox *outbox, struct weir_txn *txn,
                                   const struct weir_message *message, char *ret_id,
                                   struct weir_error *err)
{
    struct weir_value *element = NULL;
    struct weir_bytes id;
    if (outbox == NULL || txn == NULL) {
        return error_set(err, WEIR_CLOSED, "the %s is not open",
                         outbox == NULL ? "outbox" : "transaction");
    }
    enum weir_status status = outbox_put_element(
        txn_arena(txn), &outbox->layout, client_env(outbox->client), message, &element, &id, err);
    if (status == WEIR_OK) {
        status = txn_add_document(txn, element, WEIR_ALREADY_EXISTS, err);
    }
    if (status == WEIR_OK) {
        status =
            number_places(&outbox->layout, txn, bytes_of(message->key.ptr, message->key.len), err);
    }
    if (status == WEIR_OK && ret_id != NULL) {
        memcpy(ret_id, id.ptr, id.len);
        ret_id[id.len] = '\0';
    }
    return status;
}

enum weir_status weir_outbox_render(struct weir_outbox *outbox, const struct weir_message *message,
                                    char **ret_json, size_t *ret_json_len, struct weir_error *err)
{
    struct arena *a = NULL;
    struct weir_value *element = NULL;
    struct weir_bytes id;
    enum weir_status status = outbox_call_begin(outbox, &a, err);
    if (status == WEIR_OK) {
        status = outbox_put_element(a, &outbox->layout, client_env(outbox->client), message,
                                    &element, &id, err);
    }
    if (status == WEIR_OK) {
        status = outbox_text_of(element, ret_json, ret_json_len, err);
    }
    arena_free(a);
    return status;
}

/* ---- marking --------------------------------------------------------------------------------- */

enum weir_status weir_outbox_mark(struct weir_outbox *outbox, const char *key, size_t key_len,
                                  const char *id, size_t id_len, struct weir_error *err)
{
    struct arena *a = NULL;
    struct weir_value *response = NULL;
    enum weir_status status = outbox_call_begin(outbox, &a, err);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_value *request =
        outbox_mark_request(a, &outbox->layout, bytes_of(key, key_len), bytes_of(id, id_len),
                            env_wall_ms(client_env(outbox->client)));
    status = request == NULL
                 ? no_memory(err)
                 : client_call(outbox->client, "UpdateItem", request, a, &response, NULL, err);
    if (status == WEIR_CONDITION_FAILED) {
        status = error_set(err, WEIR_NOT_FOUND, "there is no message %.*s of key %.*s", (int)id_len,
                           id, (int)key_len, key);
    }
    arena_free(a);
    return status;
}
