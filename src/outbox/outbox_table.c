/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The outbox's table: made as its layout says, or checked against it. A table with other keys would
 * take rows that nobody could find again, and one without an index would list too little.
 */

#include "outbox/outbox_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "client/ensure.h"

#define DEFAULT_WAIT_MS 60000

/* ---- creating -------------------------------------------------------------------------------- */

static void add_schema_part(struct arena *a, struct weir_value *schema, struct weir_bytes name,
                            const char *key_type)
{
    struct weir_value *part = value_append(a, schema);
    if (part != NULL) {
        *part = (struct weir_value){.type = VALUE_M};
        value_add_str(a, part, "AttributeName", name);
        value_add_str(a, part, "KeyType", bytes_str(key_type));
    }
}

static void add_schema(struct arena *a, struct weir_value *to, const struct outbox_layout *layout,
                       enum outbox_field hash, enum outbox_field range)
{
    struct weir_value *schema = value_new_list(a, VALUE_PLAIN);
    add_schema_part(a, schema, layout->names[hash], "HASH");
    if (range != OUTBOX_NO_FIELD) {
        add_schema_part(a, schema, layout->names[range], "RANGE");
    }
    value_add_value(a, to, "KeySchema", schema);
}

static void add_index(struct arena *a, struct weir_value *indexes,
                      const struct outbox_layout *layout, const struct outbox_index *index)
{
    struct weir_value *node = value_append(a, indexes);
    if (node == NULL) {
        return;
    }
    *node = (struct weir_value){.type = VALUE_M};
    value_add_str(a, node, "IndexName", arena_dup(a, bytes_str(index->name)));
    add_schema(a, node, layout, index->hash, index->range);
    struct weir_value *projection = value_add_map(a, node, "Projection");
    value_add_str(a, projection, "ProjectionType",
                  index->all ? BYTES_LIT("ALL") : BYTES_LIT("KEYS_ONLY"));
}

/* Key attributes only, each once: the service refuses any other. */
static void add_definitions(struct arena *a, struct weir_value *request,
                            const struct outbox_layout *layout,
                            const bool is_key[OUTBOX_FIELD_COUNT])
{
    struct weir_value *definitions = value_new_list(a, VALUE_PLAIN);
    for (size_t i = 0; i < OUTBOX_FIELD_COUNT; i++) {
        struct weir_value *definition = is_key[i] ? value_append(a, definitions) : NULL;
        if (definition != NULL) {
            *definition = (struct weir_value){.type = VALUE_M};
            value_add_str(a, definition, "AttributeName", layout->names[i]);
            value_add_str(a, definition, "AttributeType", BYTES_LIT("S"));
        }
    }
    value_add_value(a, request, "AttributeDefinitions", definitions);
}

static void mark_keys(bool is_key[OUTBOX_FIELD_COUNT], enum outbox_field hash,
                      enum outbox_field range)
{
    is_key[hash] = true;
    if (range != OUTBOX_NO_FIELD) {
        is_key[range] = true;
    }
}

/* The indexes of a layout: its kind's, and the sharded one where it is asked for. */
struct index_list {
    const struct outbox_index *at;
    size_t count;
    struct outbox_index sharded;
    char name[OUTBOX_INDEX_NAME_SIZE];
};

static void list_indexes(const struct outbox_layout *layout, struct index_list *list)
{
    list->at = layout->kind->indexes;
    list->count = layout->kind->index_count;
    if (layout->pending_shards > 0) {
        outbox_pending_index(layout, list->name);
        list->sharded = (struct outbox_index){list->name, OUTBOX_PENDING, OUTBOX_CREATED_AT, false};
        list->at = &list->sharded;
        list->count = 1;
    }
}

static void add_stream(struct arena *a, struct weir_value *request)
{
    struct weir_value *specification = value_add_map(a, request, "StreamSpecification");
    value_add_bool(a, specification, "StreamEnabled", true);
    value_add_str(a, specification, "StreamViewType", BYTES_LIT("NEW_AND_OLD_IMAGES"));
}

struct weir_value *outbox_create_request(struct arena *a, const struct outbox_layout *layout,
                                         bool stream)
{
    bool is_key[OUTBOX_FIELD_COUNT] = {false};
    struct index_list list;
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", layout->table);
    value_add_str(a, request, "BillingMode", BYTES_LIT("PAY_PER_REQUEST"));
    add_schema(a, request, layout, layout->kind->hash, layout->kind->range);
    mark_keys(is_key, layout->kind->hash, layout->kind->range);
    list_indexes(layout, &list);
    struct weir_value *indexes = value_new_list(a, VALUE_PLAIN);
    for (size_t i = 0; i < list.count; i++) {
        add_index(a, indexes, layout, &list.at[i]);
        mark_keys(is_key, list.at[i].hash, list.at[i].range);
    }
    if (list.count > 0) {
        value_add_value(a, request, "GlobalSecondaryIndexes", indexes);
    }
    add_definitions(a, request, layout, is_key);
    if (stream) {
        add_stream(a, request);
    }
    return request;
}

/* ---- checking -------------------------------------------------------------------------------- */

static struct weir_bytes text_member(const struct weir_value *map, const char *name)
{
    const struct weir_value *text = value_get(map, name);
    return text == NULL || text->type != VALUE_S ? BYTES_NONE : text->u.bytes;
}

/* Whether a described KeySchema is of these attributes. */
static bool has_schema(const struct weir_value *description, const struct outbox_layout *layout,
                       enum outbox_field hash, enum outbox_field range)
{
    const struct weir_value *schema = value_get(description, "KeySchema");
    uint32_t wanted = range == OUTBOX_NO_FIELD ? 1 : 2;
    if (schema == NULL || schema->type != VALUE_L || schema->u.list.count != wanted) {
        return false;
    }
    bool same = true;
    for (uint32_t i = 0; i < wanted; i++) {
        bool is_hash = bytes_eq_str(text_member(&schema->u.list.at[i], "KeyType"), "HASH");
        same = same && bytes_eq(text_member(&schema->u.list.at[i], "AttributeName"),
                                layout->names[is_hash ? hash : range]);
    }
    return same;
}

static enum weir_status check_keys(const struct weir_value *description,
                                   const struct outbox_layout *layout, struct weir_error *err)
{
    const struct outbox_kind *kind = layout->kind;
    if (has_schema(description, layout, kind->hash, kind->range)) {
        return WEIR_OK;
    }
    if (kind->range == OUTBOX_NO_FIELD) {
        return error_set(err, WEIR_CONFIG,
                         "table %.*s is no outbox of layout %s: its key must be %.*s (HASH) alone",
                         BYTES_ARG(layout->table), kind->name,
                         BYTES_ARG(layout->names[kind->hash]));
    }
    return error_set(err, WEIR_CONFIG,
                     "table %.*s is no outbox of this layout: its keys must be %.*s (HASH) and "
                     "%.*s (RANGE)",
                     BYTES_ARG(layout->table), BYTES_ARG(layout->names[kind->hash]),
                     BYTES_ARG(layout->names[kind->range]));
}

static const struct weir_value *find_index(const struct weir_value *description,
                                           struct weir_bytes name)
{
    const struct weir_value *indexes = value_get(description, "GlobalSecondaryIndexes");
    for (uint32_t i = 0; indexes != NULL && i < indexes->u.list.count; i++) {
        if (bytes_eq(text_member(&indexes->u.list.at[i], "IndexName"), name)) {
            return &indexes->u.list.at[i];
        }
    }
    return NULL;
}

/* How many shards the table's pending index has, by its name; 0: it has none. */
static uint32_t shards_of_table(const struct weir_value *description)
{
    const struct weir_value *indexes = value_get(description, "GlobalSecondaryIndexes");
    for (uint32_t i = 0; indexes != NULL && i < indexes->u.list.count; i++) {
        struct weir_bytes name = text_member(&indexes->u.list.at[i], "IndexName");
        char text[8] = "";
        size_t prefix = sizeof(OUTBOX_SHARD_INDEX) - 1;
        if (bytes_starts_with(name, BYTES_LIT(OUTBOX_SHARD_INDEX)) &&
            name.len - prefix < sizeof(text)) {
            memcpy(text, name.ptr + prefix, name.len - prefix);
            unsigned long shards = strtoul(text, NULL, 10);
            return shards <= OUTBOX_SHARDS_MAX ? (uint32_t)shards : 0;
        }
    }
    return 0;
}

/* The number of shards is in the index's name, so that no two programs can disagree about it. */
static enum weir_status take_shards(const struct weir_value *description,
                                    struct outbox_layout *layout, struct weir_error *err)
{
    if (layout->kind->index_count > 0) {
        return WEIR_OK;
    }
    uint32_t there = shards_of_table(description);
    if (layout->pending_shards == 0 || layout->pending_shards == there) {
        layout->pending_shards = there;
        return WEIR_OK;
    }
    if (there == 0) {
        return error_set(err, WEIR_CONFIG,
                         "table %.*s has no index %s%u over pending messages, and an index cannot "
                         "be added to a table yet: leave pending_shards 0, or use a new table",
                         BYTES_ARG(layout->table), OUTBOX_SHARD_INDEX, layout->pending_shards);
    }
    return error_set(err, WEIR_CONFIG,
                     "the pending index of table %.*s has %u shards, not %u: set pending_shards to "
                     "%u, or to 0",
                     BYTES_ARG(layout->table), there, layout->pending_shards, there);
}

static enum weir_status check_indexes(const struct weir_value *description,
                                      const struct outbox_layout *layout, struct weir_error *err)
{
    struct index_list list;
    list_indexes(layout, &list);
    for (size_t i = 0; i < list.count; i++) {
        const struct outbox_index *index = &list.at[i];
        const struct weir_value *there = find_index(description, bytes_str(index->name));
        if (there == NULL || !has_schema(there, layout, index->hash, index->range)) {
            bool ranged = index->range != OUTBOX_NO_FIELD;
            struct weir_bytes range = ranged ? layout->names[index->range] : BYTES_LIT("");
            return error_set(err, WEIR_CONFIG,
                             "table %.*s has no index %s (%.*s%s%.*s): it is no outbox of layout "
                             "%s, and an index cannot be added to a table yet",
                             BYTES_ARG(layout->table), index->name,
                             BYTES_ARG(layout->names[index->hash]), ranged ? ", " : "",
                             BYTES_ARG(range), layout->kind->name);
        }
    }
    return WEIR_OK;
}

/* A table has one TTL attribute: on another than ours, no row of ours would ever go. */
static enum weir_status check_ttl(struct weir_outbox *outbox, struct arena *a,
                                  struct weir_error *err)
{
    const struct outbox_layout *layout = &outbox->layout;
    struct weir_value *response = NULL;
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    if (layout->retention_s == 0) {
        return WEIR_OK;
    }
    value_add_str(a, request, "TableName", layout->table);
    enum weir_status status =
        client_call(outbox->client, "DescribeTimeToLive", request, a, &response, NULL, err);
    struct weir_bytes name =
        text_member(value_get(response, "TimeToLiveDescription"), "AttributeName");
    if (status != WEIR_OK || name.len == 0 || bytes_eq(name, layout->names[OUTBOX_TTL])) {
        return status;
    }
    return error_set(
        err, WEIR_CONFIG,
        "table %.*s has its TTL on attribute %.*s, not on %.*s: set ttl_name to it, or "
        "retention_s to -1",
        BYTES_ARG(layout->table), BYTES_ARG(name), BYTES_ARG(layout->names[OUTBOX_TTL]));
}

/* ---- what a table that is ours may lack ------------------------------------------------------ */

static bool has_stream(const struct weir_value *description)
{
    const struct weir_value *enabled =
        value_get(value_get(description, "StreamSpecification"), "StreamEnabled");
    return enabled != NULL && enabled->type == VALUE_BOOL && enabled->truth;
}

static enum weir_status enable_stream(const struct weir_outbox *outbox, struct arena *a,
                                      struct weir_error *err)
{
    struct weir_value *response = NULL;
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", outbox->layout.table);
    add_stream(a, request);
    return client_call(outbox->client, "UpdateTable", request, a, &response, NULL, err);
}

/* Without a stream no relay could follow the table. A refusal is another instance's success, if the
 * stream is there once the table is ACTIVE again. */
static enum weir_status ensure_stream(const struct weir_outbox *outbox,
                                      const struct client_table_wish *wish, struct arena *a,
                                      const struct weir_value *description, struct weir_error *err)
{
    struct weir_error error = {0};
    if (has_stream(description)) {
        return WEIR_OK;
    }
    enum weir_status enabled = enable_stream(outbox, a, &error);
    enum weir_status status = client_table_ensure(outbox->client, wish, a, &description, err);
    if (status != WEIR_OK || enabled == WEIR_OK || has_stream(description)) {
        return status;
    }
    if (err != NULL) {
        *err = error;
    }
    return error_wrap(err, enabled, "turning on the stream of table %.*s",
                      BYTES_ARG(outbox->layout.table));
}

/* Only once the table is known to be an outbox: in another's, TTL would delete what is not ours. */
static enum weir_status ensure_table_is_whole(struct weir_outbox *outbox,
                                              const struct weir_outbox_options *options,
                                              struct client_table_wish *wish, struct arena *a,
                                              const struct weir_value *description,
                                              struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    bool stream = options->no_stream == 0 && options->no_create == 0;
    wish->create = NULL;
    if (outbox->layout.retention_s > 0) {
        wish->ttl_attribute = outbox->layout.names[OUTBOX_TTL];
        status = client_table_ensure(outbox->client, wish, a, &description, err);
    }
    if (status == WEIR_OK) {
        status = check_ttl(outbox, a, err);
    }
    return status == WEIR_OK && stream ? ensure_stream(outbox, wish, a, description, err) : status;
}

enum weir_status outbox_table_prepare(struct weir_outbox *outbox,
                                      const struct weir_outbox_options *options, struct arena *a,
                                      struct weir_error *err)
{
    const struct weir_value *description = NULL;
    struct client_table_wish wish = {
        .table = outbox->layout.table,
        .create = options->no_create != 0
                      ? NULL
                      : outbox_create_request(a, &outbox->layout, options->no_stream == 0),
        .wait_ms = options->wait_ms == 0 ? DEFAULT_WAIT_MS : options->wait_ms,
    };
    enum weir_status status = client_table_ensure(outbox->client, &wish, a, &description, err);
    if (status == WEIR_OK) {
        status = check_keys(description, &outbox->layout, err);
    }
    if (status == WEIR_OK) {
        status = take_shards(description, &outbox->layout, err);
    }
    if (status == WEIR_OK) {
        status = check_indexes(description, &outbox->layout, err);
    }
    return status == WEIR_OK ? ensure_table_is_whole(outbox, options, &wish, a, description, err)
                             : status;
}

void outbox_pending_index(const struct outbox_layout *layout, char to[OUTBOX_INDEX_NAME_SIZE])
{
    const struct outbox_kind *kind = layout->kind;
    for (size_t i = 0; i < kind->index_count; i++) {
        if (kind->indexes[i].hash == OUTBOX_PENDING) {
            (void)snprintf(to, OUTBOX_INDEX_NAME_SIZE, "%s", kind->indexes[i].name);
            return;
        }
    }
    (void)snprintf(to, OUTBOX_INDEX_NAME_SIZE, "%s%u", OUTBOX_SHARD_INDEX, layout->pending_shards);
}

bool outbox_has_pending_index(const struct outbox_layout *layout)
{
    return layout->kind->pending_value != NULL || layout->pending_shards > 0;
}
