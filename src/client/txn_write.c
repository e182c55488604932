/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of a transaction from their parts, so that nobody pastes texts into JSON by hand. */
#include "client/txn_internal.h"

#include "base/error.h"
#include "base/options.h"

/* What each kind of element is made of. */
struct kind {
    const char *name;    /* "Update" */
    const char *subject; /* the member that the json becomes */
    bool update;
    bool condition; /* must have one */
};

static struct weir_bytes bytes_from(struct weir_text text)
{
    return bytes_of(text.ptr, text.len);
}

static enum weir_status needs(const struct kind *kind, const char *what, struct weir_error *err)
{
    return error_set(err, WEIR_INVALID_ARGUMENT, "a transaction's %s needs %s", kind->name, what);
}

static enum weir_status check(const struct kind *kind, const struct weir_txn_write *write,
                              struct weir_error *err)
{
    if (write->table.len == 0) {
        return needs(kind, "a table", err);
    }
    if (write->json.len == 0) {
        return needs(kind, kind->subject[0] == 'I' ? "an item" : "a key", err);
    }
    if (kind->update && write->update.len == 0) {
        return needs(kind, "an update expression", err);
    }
    if (kind->condition && write->condition.len == 0) {
        return needs(kind, "a condition", err);
    }
    if (!kind->update && write->update.len != 0) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "a transaction's %s has no update expression",
                         kind->name);
    }
    return WEIR_OK;
}

static void add_text(struct arena *a, struct weir_value *map, const char *name,
                     struct weir_text text)
{
    if (text.len > 0) {
        value_add_str(a, map, name, arena_dup(a, bytes_from(text)));
    }
}

/* An object of the caller's as a member. */
static enum weir_status add_object(struct arena *a, struct weir_value *map, const char *name,
                                   struct weir_text json, struct weir_error *err)
{
    struct weir_value *object = NULL;
    if (json.len == 0) {
        return WEIR_OK;
    }
    enum weir_status status = json_parse(a, bytes_from(json), &object, err);
    if (status != WEIR_OK) {
        return error_wrap(err, status, "%s", name);
    }
    if (object->type != VALUE_M) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "%s is not a JSON object", name);
    }
    value_add_value(a, map, name, object);
    return WEIR_OK;
}

/* The members that were given, as many as there must be: a builder that ran out of memory has
 * fewer. */
static uint32_t member_count(const struct weir_txn_write *write)
{
    return 2U + (write->update.len > 0) + (write->condition.len > 0) + (write->names_json.len > 0) +
           (write->values_json.len > 0) + (write->return_item != 0);
}

static enum weir_status build(struct arena *a, const struct kind *kind,
                              const struct weir_txn_write *write, struct weir_value **ret_element,
                              struct weir_error *err)
{
    struct weir_value *element = value_new_map(a, VALUE_PLAIN);
    struct weir_value *body = value_add_map(a, element, kind->name);
    add_text(a, body, "TableName", write->table);
    add_text(a, body, "UpdateExpression", write->update);
    add_text(a, body, "ConditionExpression", write->condition);
    enum weir_status status = add_object(a, body, kind->subject, write->json, err);
    if (status == WEIR_OK) {
        status = add_object(a, body, "ExpressionAttributeNames", write->names_json, err);
    }
    if (status == WEIR_OK) {
        status = add_object(a, body, "ExpressionAttributeValues", write->values_json, err);
    }
    if (write->return_item != 0) {
        value_add_str(a, body, "ReturnValuesOnConditionCheckFailure", BYTES_LIT("ALL_OLD"));
    }
    *ret_element = body == NULL || body->u.map.count != member_count(write) ? NULL : element;
    return status;
}

static enum weir_status add(struct weir_txn *txn, const struct kind *kind,
                            const struct weir_txn_write *given, struct weir_error *err)
{
    struct weir_txn_write write;
    struct weir_value *element = NULL;
    if (txn == NULL) {
        return txn_missing(err);
    }
    enum weir_status status =
        options_take(&write, sizeof(write), given, "WEIR_TXN_WRITE_INIT", err);
    if (status == WEIR_OK) {
        status = check(kind, &write, err);
    }
    if (status == WEIR_OK) {
        status = build(txn->arena, kind, &write, &element, err);
    }
    return status != WEIR_OK ? status : txn_add_document(txn, element, WEIR_CONDITION_FAILED, err);
}

enum weir_status weir_txn_put_with(struct weir_txn *txn, const struct weir_txn_write *write,
                                   struct weir_error *err)
{
    static const struct kind kind = {"Put", "Item", false, false};
    return add(txn, &kind, write, err);
}

enum weir_status weir_txn_update(struct weir_txn *txn, const struct weir_txn_write *write,
                                 struct weir_error *err)
{
    static const struct kind kind = {"Update", "Key", true, false};
    return add(txn, &kind, write, err);
}

enum weir_status weir_txn_delete(struct weir_txn *txn, const struct weir_txn_write *write,
                                 struct weir_error *err)
{
    static const struct kind kind = {"Delete", "Key", false, false};
    return add(txn, &kind, write, err);
}

enum weir_status weir_txn_check(struct weir_txn *txn, const struct weir_txn_write *write,
                                struct weir_error *err)
{
    static const struct kind kind = {"ConditionCheck", "Key", false, true};
    return add(txn, &kind, write, err);
}

enum weir_status weir_txn_put(struct weir_txn *txn, const char *table, size_t table_len,
                              const char *item_json, size_t item_json_len, struct weir_error *err)
{
    struct weir_txn_write write = WEIR_TXN_WRITE_INIT;
    write.table = (struct weir_text){table, table_len};
    write.json = (struct weir_text){item_json, item_json_len};
    return weir_txn_put_with(txn, &write, err);
}
