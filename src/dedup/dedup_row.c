/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rows and requests of the dedup table. Times are compared so that a row lives at least as long as
 * promised: a lease up to and including lease_until, a row up to and including the second
 * expires_at.
 */

#include "dedup/dedup.h"

#include "base/error.h"
#include "base/utf8.h"
#include "value/number.h"

/* A claim that nobody ends is forgotten this long after its lease: TTL must not delete what a
 * holder with a slow clock still works on. */
#define CLAIM_KEPT_S 86400

#define STATUS_IN_PROGRESS "INPROGRESS"
#define STATUS_COMPLETED "COMPLETED"
#define STATUS_FAILED "FAILED"

#define FREE                                        \
    "attribute_not_exists(worker_id) OR "           \
    "expires_at < :now_s AND attribute_not_exists(" \
    "messageType) OR lease_until < :now_ms"
#define FREE_OF_OTHER_PAYLOADS FREE " AND payload_hash = :hash"
#define HELD "#token = :token AND #status = :held"
#define OURS                                                            \
    "attribute_exists(worker_id) AND attribute_not_exists(messageType)" \
    " AND attribute_not_exists(redispatchRow)"

/* What tells an outbox's row, for projections: of a message that is kept whole, its type alone. */
#define FOREIGN_SIGNS "messageType, redispatchRow.messageType"

/* ---- the id ---------------------------------------------------------------------------------- */

static enum weir_status take_id(struct arena *a, const char *field, const char *text, size_t len,
                                size_t max, struct weir_bytes *to, struct weir_error *err)
{
    if (len == 0 || len > max) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "id.%s has %zu bytes: 1 to %zu", field, len,
                         max);
    }
    if (!utf8_valid(bytes_of(text, len))) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "id.%s is not UTF-8", field);
    }
    *to = arena_dup(a, bytes_of(text, len));
    return to->ptr == NULL ? error_set(err, WEIR_NO_MEMORY, "no memory for a message id") : WEIR_OK;
}

enum weir_status dedup_call_init(struct dedup_call *call, struct arena *a,
                                 const struct dedup_policy *policy, int64_t now_ms,
                                 const struct weir_dedup_id *id, struct weir_error *err)
{
    *call = (struct dedup_call){.arena = a, .policy = policy, .now_ms = now_ms};
    if (id == NULL) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "there is no id");
    }
    enum weir_status status = take_id(a, "worker", id->worker, id->worker_len,
                                      LIMIT_PARTITION_KEY_BYTES, &call->worker, err);
    if (status == WEIR_OK) {
        status = take_id(a, "message", id->message, id->message_len, LIMIT_SORT_KEY_BYTES,
                         &call->message, err);
    }
    return status;
}

/* ---- reading a row --------------------------------------------------------------------------- */

static enum weir_status take(const struct weir_value *row, const char *name, enum value_type type,
                             struct weir_bytes *to, struct weir_error *err)
{
    const struct weir_value *value = value_get(row, name);
    *to = BYTES_NONE;
    if (value == NULL) {
        return WEIR_OK;
    }
    if (value->type != type) {
        return error_set(err, WEIR_MALFORMED_MESSAGE, "attribute %s is not of type %s", name,
                         value_type_name(type));
    }
    *to = value->u.bytes;
    return WEIR_OK;
}

static enum weir_status take_time(const struct weir_value *row, const char *name, int64_t *to,
                                  struct weir_error *err)
{
    struct weir_bytes text;
    struct number number;
    enum weir_status status = take(row, name, VALUE_N, &text, err);
    if (status != WEIR_OK || text.ptr == NULL) {
        return status;
    }
    if (number_parse(text, &number, NULL) != WEIR_OK || !number_to_int64(&number, to)) {
        return error_set(err, WEIR_MALFORMED_MESSAGE, "attribute %s is no time", name);
    }
    return WEIR_OK;
}

static enum weir_status take_all(const struct weir_value *row, struct weir_bytes *ret_status,
                                 struct dedup_row *to, struct weir_error *err)
{
    const struct {
        const char *name;
        enum value_type type;
        struct weir_bytes *to;
    } fields[] = {{"status", VALUE_S, ret_status},
                  {"token", VALUE_S, &to->token},
                  {"payload_hash", VALUE_B, &to->payload_hash},
                  {"result", VALUE_B, &to->result},
                  {"error", VALUE_S, &to->error}};
    enum weir_status status = WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && i < sizeof(fields) / sizeof(fields[0]); i++) {
        status = take(row, fields[i].name, fields[i].type, fields[i].to, err);
    }
    if (status == WEIR_OK) {
        status = take_time(row, "lease_until", &to->lease_until_ms, err);
    }
    if (status == WEIR_OK) {
        status = take_time(row, "expires_at", &to->expires_at_s, err);
    }
    return status;
}

static enum weir_status state_of(struct weir_bytes text, enum dedup_state *ret_state,
                                 struct weir_error *err)
{
    if (text.ptr == NULL || bytes_eq_str(text, STATUS_COMPLETED)) {
        *ret_state = DEDUP_COMPLETED;
    } else if (bytes_eq_str(text, STATUS_IN_PROGRESS)) {
        *ret_state = DEDUP_IN_PROGRESS;
    } else if (bytes_eq_str(text, STATUS_FAILED)) {
        *ret_state = DEDUP_FAILED;
    } else {
        return error_set(err, WEIR_MALFORMED_MESSAGE, "attribute status is none that we know");
    }
    return WEIR_OK;
}

/* A message, or one that weir_outbox_redispatch keeps whole between its two steps. */
static bool is_foreign(const struct weir_value *row)
{
    return value_get(row, "messageType") != NULL || value_get(row, "redispatchRow") != NULL;
}

enum weir_status dedup_decode(const struct dedup_call *call, const struct weir_value *item,
                              struct dedup_row *ret_row, struct weir_error *err)
{
    struct weir_value *row = NULL;
    struct weir_bytes text;
    *ret_row = (struct dedup_row){.state = DEDUP_ABSENT};
    if (item == NULL) {
        return WEIR_OK;
    }
    ret_row->is_there = true;
    enum weir_status status = value_to_item(call->arena, item, &row, err);
    if (status == WEIR_OK && is_foreign(row)) {
        ret_row->state = DEDUP_FOREIGN;
        return WEIR_OK;
    }
    if (status == WEIR_OK) {
        status = take_all(row, &text, ret_row, err);
    }
    if (status == WEIR_OK) {
        status = state_of(text, &ret_row->state, err);
    }
    if (status == WEIR_OK && ret_row->expires_at_s != 0 &&
        ret_row->expires_at_s < call->now_ms / 1000) {
        ret_row->state = DEDUP_ABSENT;
    }
    return status;
}

/* ---- building documents ---------------------------------------------------------------------- */

static void add_s(struct arena *a, struct weir_value *map, const char *name, struct weir_bytes text)
{
    struct weir_value *node = value_add(a, map, bytes_str(name));
    if (node != NULL) {
        value_set_s(node, text);
    }
}

static void add_b(struct arena *a, struct weir_value *map, const char *name, struct weir_bytes raw)
{
    struct weir_value *node = value_add(a, map, bytes_str(name));
    if (node != NULL) {
        value_set_b(node, raw);
    }
}

static void add_n(struct arena *a, struct weir_value *map, const char *name, int64_t number)
{
    char *text = arena_printf(a, "%lld", (long long)number);
    struct weir_value *node = text == NULL ? NULL : value_add(a, map, bytes_str(name));
    if (node != NULL) {
        value_set_n(node, bytes_str(text));
    }
}

static void add_time(struct arena *a, struct weir_value *map, const char *name, int64_t wall_ms)
{
    char text[ISO8601_SIZE];
    iso8601_ms(wall_ms, text);
    add_s(a, map, name, arena_dup(a, bytes_str(text)));
}

/* A table, and under `member` a sorted map of attribute values. */
static struct weir_value *document_of(const struct dedup_call *call, const char *member,
                                      struct weir_value *item)
{
    struct weir_value *document = value_new_map(call->arena, VALUE_PLAIN);
    struct weir_bytes table = arena_dup(call->arena, call->policy->table); /* outlives the store */
    if (table.ptr == NULL || value_sort_map(item, NULL) != WEIR_OK) {
        return NULL;
    }
    value_add_str(call->arena, document, "TableName", table);
    value_add_value(call->arena, document, member, item);
    return document;
}

struct weir_value *dedup_key(const struct dedup_call *call)
{
    struct weir_value *key = value_new_map(call->arena, VALUE_ITEM);
    add_s(call->arena, key, "message_id", call->message); /* in the order of names */
    add_s(call->arena, key, "worker_id", call->worker);
    return key;
}

/* The last step of every document whose expressions use values. */
static struct weir_value *with_values(struct arena *a, struct weir_value *document,
                                      struct weir_value *values)
{
    if (values == NULL || value_sort_map(values, NULL) != WEIR_OK) {
        return NULL;
    }
    value_add_value(a, document, "ExpressionAttributeValues", values);
    return document;
}

struct weir_value *dedup_get(const struct dedup_call *call)
{
    struct weir_value *document = document_of(call, "Key", dedup_key(call));
    value_add_bool(call->arena, document, "ConsistentRead", true);
    return document;
}

void dedup_want_old_row(struct arena *a, struct weir_value *document)
{
    value_add_str(a, document, "ReturnValuesOnConditionCheckFailure", BYTES_LIT("ALL_OLD"));
}

struct weir_value *dedup_element(struct arena *a, const char *kind, const struct weir_value *body)
{
    struct weir_value *element = body == NULL ? NULL : value_new_map(a, VALUE_PLAIN);
    value_add_value(a, element, kind, body);
    return element;
}

/* ---- is it free? ----------------------------------------------------------------------------- */

/* The first whole second that is not before. */
static int64_t seconds_after(int64_t wall_ms)
{
    return (wall_ms + 999) / 1000;
}

int64_t dedup_completed_expires_at_s(const struct dedup_call *call)
{
    return call->policy->retention_s == 0 ? 0
                                          : seconds_after(call->now_ms) + call->policy->retention_s;
}

static int64_t claim_expires_at_s(int64_t until_ms)
{
    return seconds_after(until_ms) + CLAIM_KEPT_S;
}

/* `hash` none: whatever the payload was. */
static struct weir_value *put_if_free(const struct dedup_call *call, struct weir_value *item,
                                      struct weir_bytes hash)
{
    struct arena *a = call->arena;
    struct weir_value *document = document_of(call, "Item", item);
    struct weir_value *values = value_new_map(a, VALUE_ITEM);
    add_n(a, values, ":now_ms", call->now_ms);
    add_n(a, values, ":now_s", call->now_ms / 1000);
    if (hash.ptr != NULL) {
        add_b(a, values, ":hash", hash);
    }
    value_add_str(a, document, "ConditionExpression",
                  hash.ptr != NULL ? BYTES_LIT(FREE_OF_OTHER_PAYLOADS) : BYTES_LIT(FREE));
    return with_values(a, document, values);
}

struct weir_value *dedup_claim_put(const struct dedup_call *call, struct weir_bytes token,
                                   struct weir_bytes hash, int64_t until_ms)
{
    struct arena *a = call->arena;
    struct weir_value *item = dedup_key(call);
    add_s(a, item, "status", BYTES_LIT(STATUS_IN_PROGRESS));
    add_s(a, item, "token", token);
    add_b(a, item, "payload_hash", hash);
    add_n(a, item, "lease_until", until_ms);
    add_n(a, item, "expires_at", claim_expires_at_s(until_ms));
    add_time(a, item, "claimed_at", call->now_ms);
    struct weir_value *document = put_if_free(call, item, hash);
    value_add_str(a, document, "ReturnValues", BYTES_LIT("ALL_OLD"));
    return document;
}

struct weir_value *dedup_completed_put(const struct dedup_call *call, struct weir_bytes token)
{
    struct arena *a = call->arena;
    struct weir_value *item = dedup_key(call);
    int64_t expires_at_s = dedup_completed_expires_at_s(call);
    add_s(a, item, "status", BYTES_LIT(STATUS_COMPLETED));
    add_s(a, item, "token", token);
    add_time(a, item, "completed_at", call->now_ms);
    if (expires_at_s != 0) {
        add_n(a, item, "expires_at", expires_at_s);
    }
    return put_if_free(call, item, BYTES_NONE);
}

struct weir_value *dedup_forget(const struct dedup_call *call)
{
    struct weir_value *document = document_of(call, "Key", dedup_key(call));
    value_add_str(call->arena, document, "ConditionExpression", BYTES_LIT(OURS));
    return document;
}

/* ---- is it mine? ----------------------------------------------------------------------------- */

/* The values that the condition HELD needs, for more to be added. */
static struct weir_value *held_values(struct arena *a, struct weir_bytes token)
{
    struct weir_value *values = value_new_map(a, VALUE_ITEM);
    add_s(a, values, ":token", token);
    add_s(a, values, ":held", BYTES_LIT(STATUS_IN_PROGRESS));
    return values;
}

/* `reserved` is a further attribute whose name is a reserved word, or NULL. */
static struct weir_value *if_held(const struct dedup_call *call, const char *update,
                                  const char *reserved, struct weir_value *values)
{
    struct arena *a = call->arena;
    struct weir_value *document = document_of(call, "Key", dedup_key(call));
    value_add_str(a, document, "ConditionExpression", BYTES_LIT(HELD));
    if (update != NULL) {
        value_add_str(a, document, "UpdateExpression", bytes_str(update));
    }
    struct weir_value *names = value_add_map(a, document, "ExpressionAttributeNames");
    value_add_str(a, names, "#token", BYTES_LIT("token"));
    value_add_str(a, names, "#status", BYTES_LIT("status"));
    if (reserved != NULL) {
        value_add_str(a, names, "#text", bytes_str(reserved));
    }
    return with_values(a, names == NULL ? NULL : document, values);
}

struct weir_value *dedup_renew_update(const struct dedup_call *call, struct weir_bytes token,
                                      int64_t until_ms)
{
    struct weir_value *values = held_values(call->arena, token);
    add_n(call->arena, values, ":until", until_ms);
    add_n(call->arena, values, ":expires", claim_expires_at_s(until_ms));
    return if_held(call, "SET lease_until = :until, expires_at = :expires", NULL, values);
}

struct weir_value *dedup_complete_update(const struct dedup_call *call, struct weir_bytes token,
                                         struct weir_bytes result)
{
    struct arena *a = call->arena;
    struct weir_value *values = held_values(a, token);
    int64_t expires_at_s = dedup_completed_expires_at_s(call);
    add_s(a, values, ":completed", BYTES_LIT(STATUS_COMPLETED));
    add_time(a, values, ":now", call->now_ms);
    if (expires_at_s != 0) {
        add_n(a, values, ":expires", expires_at_s);
    }
    if (result.len > 0) {
        add_b(a, values, ":result", result);
    }
    const char *update =
        arena_printf(a, "SET #status = :completed, completed_at = :now%s%s REMOVE lease_until%s",
                     result.len > 0 ? ", #text = :result" : "",
                     expires_at_s != 0 ? ", expires_at = :expires" : "",
                     expires_at_s != 0 ? "" : ", expires_at");
    return update == NULL ? NULL : if_held(call, update, result.len > 0 ? "result" : NULL, values);
}

struct weir_value *dedup_fail_update(const struct dedup_call *call, struct weir_bytes token,
                                     struct weir_bytes text, int64_t until_ms)
{
    struct arena *a = call->arena;
    struct weir_value *values = held_values(a, token);
    add_s(a, values, ":failed", BYTES_LIT(STATUS_FAILED));
    add_s(a, values, ":text", text);
    add_n(a, values, ":until", until_ms);
    add_n(a, values, ":expires", claim_expires_at_s(until_ms));
    return if_held(call,
                   "SET #status = :failed, #text = :text, lease_until = :until, "
                   "expires_at = :expires",
                   "error", values);
}

struct weir_value *dedup_release_delete(const struct dedup_call *call, struct weir_bytes token)
{
    return if_held(call, NULL, NULL, held_values(call->arena, token));
}

/* ---- many rows ------------------------------------------------------------------------------- */

/* The names of `attributes` for expressions: "#status" for "status". */
static void add_names(struct arena *a, struct weir_value *document, const char *const *attributes,
                      size_t count)
{
    struct weir_value *names = value_add_map(a, document, "ExpressionAttributeNames");
    for (size_t i = 0; i < count; i++) {
        char *alias = arena_printf(a, "#%s", attributes[i]);
        if (alias != NULL) {
            value_add_str(a, names, alias, bytes_str(attributes[i]));
        }
    }
}

struct weir_value *dedup_batch_get(struct arena *a, const struct dedup_policy *policy,
                                   const struct weir_value *keys)
{
    static const char *const reserved[] = {"status"};
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    struct weir_value *tables = value_new_map(a, VALUE_PLAIN);
    struct weir_value *table = value_new_map(a, VALUE_PLAIN);
    value_add_value(a, table, "Keys", keys);
    value_add_bool(a, table, "ConsistentRead", true);
    value_add_str(a, table, "ProjectionExpression",
                  BYTES_LIT("worker_id, message_id, " FOREIGN_SIGNS ", #status, expires_at"));
    add_names(a, table, reserved, 1);
    struct weir_value *node = tables == NULL ? NULL : value_add(a, tables, policy->table);
    if (node == NULL || table == NULL) {
        return NULL;
    }
    *node = *table;
    value_add_value(a, document, "RequestItems", tables);
    return document;
}

struct weir_value *dedup_rows(struct arena *a, const struct dedup_policy *policy,
                              struct weir_bytes worker, const struct weir_value *after,
                              uint32_t limit)
{
    static const char *const reserved[] = {"status", "token", "error"};
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, document, "TableName", policy->table);
    value_add_bool(a, document, "ConsistentRead", true);
    value_add_int(a, document, "Limit", limit);
    value_add_str(a, document, "ProjectionExpression",
                  BYTES_LIT("worker_id, message_id, " FOREIGN_SIGNS ", #status, #token, #error, "
                            "lease_until, expires_at, claimed_at, completed_at"));
    add_names(a, document, reserved, sizeof(reserved) / sizeof(reserved[0]));
    if (after != NULL) {
        value_add_value(a, document, "ExclusiveStartKey", after);
    }
    if (worker.len == 0) {
        return document;
    }
    struct weir_value *values = value_new_map(a, VALUE_ITEM);
    add_s(a, values, ":worker", worker);
    value_add_str(a, document, "KeyConditionExpression", BYTES_LIT("worker_id = :worker"));
    return with_values(a, document, values);
}

/* Adds " AND #name = :name" with the item's value, or that the attribute is not there. */
static void add_equality(struct arena *a, struct buf *condition, struct weir_value *values,
                         const struct weir_value *item, const char *name)
{
    const struct weir_value *value = value_get(item, name);
    if (value == NULL) {
        buf_printf(condition, " AND attribute_not_exists(#%s)", name);
        return;
    }
    buf_printf(condition, " AND #%s = :%s", name, name);
    char *alias = arena_printf(a, ":%s", name);
    struct weir_value *node = alias == NULL ? NULL : value_add(a, values, bytes_str(alias));
    if (node != NULL) {
        *node = *value;
    }
}

struct weir_value *dedup_delete_unchanged(const struct dedup_call *call,
                                          const struct weir_value *item)
{
    static const char *const telling[] = {"token", "status", "lease_until", "expires_at"};
    const size_t count = sizeof(telling) / sizeof(telling[0]);
    struct arena *a = call->arena;
    struct buf condition;
    struct weir_value *document = document_of(call, "Key", dedup_key(call));
    struct weir_value *values = value_new_map(a, VALUE_ITEM);
    buf_init(&condition, 1024);
    buf_put_str(&condition, OURS);
    for (size_t i = 0; i < count; i++) {
        add_equality(a, &condition, values, item, telling[i]);
    }
    value_add_str(a, document, "ConditionExpression", arena_dup(a, buf_bytes(&condition)));
    bool good = buf_status(&condition) == WEIR_OK && values != NULL;
    buf_fini(&condition);
    add_names(a, document, telling, count);
    if (!good) {
        return NULL;
    }
    return values->u.map.count == 0 ? document : with_values(a, document, values);
}
