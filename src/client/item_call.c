/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations on one item, alone and as elements of a transaction. What is given back is a deep
 * copy: in this process an answer may share nodes with the request, and so with the caller's items.
 */
#include "client/item.h"

#include "base/error.h"
#include "base/options.h"

/* The members that a write consists of. */
struct write {
    const char *operation;
    const char *item_name; /* "Item" or "Key" */
    struct weir_text table;
    const struct weir_item *item;
    struct weir_text update;
    struct weir_write_options options;
};

static struct weir_text text_of(const char *ptr, size_t len)
{
    return (struct weir_text){ptr, len};
}

/* The item in that member of an answer; NULL if it has none. */
static enum weir_status copy_answer(struct arena *a, const struct weir_value *answer,
                                    const char *name, struct weir_item **ret_item,
                                    struct weir_error *err)
{
    const struct weir_value *found = value_get(answer, name);
    struct weir_value *root = NULL;
    if (found == NULL) {
        *ret_item = NULL;
        return WEIR_OK;
    }
    enum weir_status status = item_of_answer(a, found, &root, err);
    return status == WEIR_OK ? item_new_copy(root, ret_item, err) : status;
}

/* ---- reading --------------------------------------------------------------------------------- */

static enum weir_status get_in(struct arena *a, struct weir_client *client, struct weir_text table,
                               const struct weir_item *key, const struct weir_read_options *options,
                               struct weir_item **ret_item, struct weir_error *err)
{
    struct item_request r;
    struct weir_value *response = NULL;
    struct weir_item *item = NULL;
    item_request_begin(&r, a, err);
    item_request_text(&r, "TableName", table);
    item_request_item(&r, "Key", key, "key");
    item_request_text(&r, "ProjectionExpression", options->projection);
    item_request_names(&r, options->names);
    item_request_capacity(&r, options->capacity);
    if (options->consistent != 0) {
        item_request_bool(&r, "ConsistentRead", true);
    }
    enum weir_status status = item_request_end(&r);
    if (status == WEIR_OK) {
        status = client_call(client, "GetItem", r.document, a, &response, NULL, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    if (options->capacity != NULL) {
        client_consumed("GetItem", response, options->capacity);
    }
    status = copy_answer(a, response, "Item", &item, err);
    if (status == WEIR_OK && item == NULL) {
        return error_set(err, WEIR_NOT_FOUND, "no item of this key");
    }
    if (status == WEIR_OK) {
        *ret_item = item;
    }
    return status;
}

static enum weir_status no_arena(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "out of memory for a request");
}

enum weir_status weir_get_item(struct weir_client *client, const char *table, size_t table_len,
                               const struct weir_item *key, const struct weir_read_options *options,
                               struct weir_item **ret_item, struct weir_error *err)
{
    struct weir_read_options known = {0};
    if (client == NULL) {
        return item_no_client(err);
    }
    enum weir_status status =
        options_take(&known, sizeof(known), options, "WEIR_READ_OPTIONS_INIT", err);
    if (status != WEIR_OK) {
        return status;
    }
    struct arena *a = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    status = a == NULL ? no_arena(err)
                       : get_in(a, client, text_of(table, table_len), key, &known, ret_item, err);
    arena_free(a);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

static const char *returned_name(const struct write *w)
{
    static const char *const names[] = {"ALL_NEW", "ALL_OLD", "UPDATED_NEW", "UPDATED_OLD"};
    return strcmp(w->operation, "UpdateItem") == 0 ? names[w->options.returned] : "ALL_OLD";
}

/* What a call and an element of a transaction have in common. */
static void add_write(struct item_request *r, const struct write *w)
{
    item_request_text(r, "TableName", w->table);
    item_request_item(r, w->item_name, w->item, w->item_name[0] == 'K' ? "key" : "item");
    item_request_text(r, "UpdateExpression", w->update);
    item_request_text(r, "ConditionExpression", w->options.condition);
    item_request_names(r, w->options.names);
    item_request_values(r, w->options.values);
}

static enum weir_status build_call(struct item_request *r, const struct write *w, bool returned)
{
    add_write(r, w);
    item_request_capacity(r, w->options.capacity);
    if (returned) {
        item_request_text(r, "ReturnValues", text_of(returned_name(w), strlen(returned_name(w))));
    }
    if (w->options.existing != NULL) {
        item_request_text(r, "ReturnValuesOnConditionCheckFailure", text_of(WEIR_STR("ALL_OLD")));
    }
    return item_request_end(r);
}

/* The item that made the condition fail. One that cannot be read does not change what the caller
 * must see first, the failure; the message says it. */
static void give_existing(struct arena *a, const struct weir_value *members,
                          struct weir_item **ret_item, struct weir_error *err)
{
    struct weir_item *item = NULL;
    if (copy_answer(a, members, "Item", &item, NULL) != WEIR_OK) {
        (void)error_wrap(err, WEIR_CONDITION_FAILED, "the item that is there cannot be read");
    }
    *ret_item = item;
}

static enum weir_status write_in(struct arena *a, struct weir_client *client, const struct write *w,
                                 struct weir_item **ret_item, struct weir_error *err)
{
    struct item_request r;
    struct weir_value *response = NULL;
    const struct weir_value *members = NULL;
    item_request_begin(&r, a, err);
    enum weir_status status = build_call(&r, w, ret_item != NULL);
    if (status != WEIR_OK) {
        return status;
    }
    status = client_call(client, w->operation, r.document, a, &response, &members, err);
    if (status == WEIR_CONDITION_FAILED && w->options.existing != NULL) {
        give_existing(a, members, w->options.existing, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    if (w->options.capacity != NULL) {
        client_consumed(w->operation, response, w->options.capacity);
    }
    status = ret_item == NULL ? WEIR_OK : copy_answer(a, response, "Attributes", ret_item, err);
    if (status != WEIR_OK && err != NULL) {
        err->outcome = WEIR_APPLIED;
    }
    return status;
}

static enum weir_status take_options(struct write *w, const struct weir_write_options *options,
                                     struct weir_error *err)
{
    enum weir_status status =
        options_take(&w->options, sizeof(w->options), options, "WEIR_WRITE_OPTIONS_INIT", err);
    if (status != WEIR_OK) {
        return status;
    }
    bool updates = strcmp(w->operation, "UpdateItem") == 0;
    if (w->options.returned > WEIR_RETURN_UPDATED_OLD || (!updates && w->options.returned != 0)) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "options.returned is %u", w->options.returned);
    }
    return WEIR_OK;
}

static enum weir_status run_write(struct weir_client *client, struct write *w,
                                  const struct weir_write_options *options,
                                  struct weir_item **ret_item, struct weir_error *err)
{
    if (client == NULL) {
        return item_no_client(err);
    }
    enum weir_status status = take_options(w, options, err);
    if (status != WEIR_OK) {
        return status;
    }
    struct arena *a = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    status = a == NULL ? no_arena(err) : write_in(a, client, w, ret_item, err);
    arena_free(a);
    return status;
}

enum weir_status weir_put_item(struct weir_client *client, const char *table, size_t table_len,
                               const struct weir_item *item,
                               const struct weir_write_options *options,
                               struct weir_item **ret_item, struct weir_error *err)
{
    struct write w = {"PutItem", "Item", text_of(table, table_len), item, {NULL, 0}, {0}};
    return run_write(client, &w, options, ret_item, err);
}

enum weir_status weir_update_item(struct weir_client *client, const char *table, size_t table_len,
                                  const struct weir_item *key, const char *update,
                                  size_t update_len, const struct weir_write_options *options,
                                  struct weir_item **ret_item, struct weir_error *err)
{
    struct write w = {
        "UpdateItem", "Key", text_of(table, table_len), key, text_of(update, update_len), {0}};
    return run_write(client, &w, options, ret_item, err);
}

enum weir_status weir_delete_item(struct weir_client *client, const char *table, size_t table_len,
                                  const struct weir_item *key,
                                  const struct weir_write_options *options,
                                  struct weir_item **ret_item, struct weir_error *err)
{
    struct write w = {"DeleteItem", "Key", text_of(table, table_len), key, {NULL, 0}, {0}};
    return run_write(client, &w, options, ret_item, err);
}

/* ---- transactions ---------------------------------------------------------------------------- */

/* `member` is "Put"; w->operation only says what the options may hold. */
static enum weir_status stage(struct weir_txn *txn, const char *member, struct write *w,
                              const struct weir_write_options *options, struct weir_error *err)
{
    struct item_request r;
    if (txn == NULL) {
        return error_set(err, WEIR_CLOSED, "no transaction: it was never made");
    }
    enum weir_status status =
        options_take(&w->options, sizeof(w->options), options, "WEIR_WRITE_OPTIONS_INIT", err);
    if (status != WEIR_OK) {
        return status;
    }
    if (w->options.returned != 0 || w->options.capacity != NULL || w->options.existing != NULL) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "an element of a transaction has a condition, names and values, and no "
                         "other options");
    }
    item_request_begin(&r, txn_arena(txn), err);
    r.copies = true;
    add_write(&r, w);
    status = item_request_end(&r);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_value *element = value_new_map(txn_arena(txn), VALUE_PLAIN);
    value_add_value(txn_arena(txn), element, member, r.document);
    bool whole = element != NULL && element->u.map.count == 1;
    return txn_add_document(txn, whole ? element : NULL, WEIR_CONDITION_FAILED, err);
}

enum weir_status weir_txn_put_item(struct weir_txn *txn, const char *table, size_t table_len,
                                   const struct weir_item *item,
                                   const struct weir_write_options *options, struct weir_error *err)
{
    struct write w = {"PutItem", "Item", text_of(table, table_len), item, {NULL, 0}, {0}};
    return stage(txn, "Put", &w, options, err);
}

enum weir_status weir_txn_update_item(struct weir_txn *txn, const char *table, size_t table_len,
                                      const struct weir_item *key, const char *update,
                                      size_t update_len, const struct weir_write_options *options,
                                      struct weir_error *err)
{
    struct write w = {
        "UpdateItem", "Key", text_of(table, table_len), key, text_of(update, update_len), {0}};
    return stage(txn, "Update", &w, options, err);
}

enum weir_status weir_txn_delete_item(struct weir_txn *txn, const char *table, size_t table_len,
                                      const struct weir_item *key,
                                      const struct weir_write_options *options,
                                      struct weir_error *err)
{
    struct write w = {"DeleteItem", "Key", text_of(table, table_len), key, {NULL, 0}, {0}};
    return stage(txn, "Delete", &w, options, err);
}

enum weir_status weir_txn_check_item(struct weir_txn *txn, const char *table, size_t table_len,
                                     const struct weir_item *key,
                                     const struct weir_write_options *options,
                                     struct weir_error *err)
{
    struct write w = {"DeleteItem", "Key", text_of(table, table_len), key, {NULL, 0}, {0}};
    return stage(txn, "ConditionCheck", &w, options, err);
}
