/* SPDX-License-Identifier: Apache-2.0 */

/* Describing tables. See describe.h. */

#include "api/describe.h"

#include "api/document.h"
#include "api/indexes.h"
#include "api/request.h"

/* Text of the table's own, copied: it may be gone before the answer is written. */
static void add_copy(struct api_call *call, struct weir_value *to, const char *name,
                     struct weir_bytes text)
{
    value_add_str(call->arena, to, name, arena_dup(call->arena, text));
}

static void add_definition(struct api_call *call, struct weir_value *list,
                           const struct engine_key_attribute *attribute)
{
    struct weir_value *definition = document_append_map(call->arena, list);
    add_copy(call, definition, "AttributeName", attribute->name);
    value_add_str(call->arena, definition, "AttributeType",
                  bytes_str(value_type_name(attribute->type)));
}

/* Unless it is there already, or is none. */
static void add_once(struct api_call *call, struct weir_value *list,
                     const struct engine_key_attribute *attribute)
{
    for (uint32_t i = 0; list != NULL && i < list->u.list.count; i++) {
        if (bytes_eq(request_string(&list->u.list.at[i], "AttributeName"), attribute->name)) {
            return;
        }
    }
    if (attribute->name.len > 0) {
        add_definition(call, list, attribute);
    }
}

static void add_definitions(struct api_call *call, struct weir_value *to,
                            const struct engine_table *table)
{
    struct weir_value *list = value_add_list(call->arena, to, "AttributeDefinitions");
    add_once(call, list, &table->partition);
    add_once(call, list, &table->sort);
    for (uint32_t i = 0; i < table->index_count; i++) {
        add_once(call, list, &table->indexes[i].partition);
        add_once(call, list, &table->indexes[i].sort);
    }
}

static void add_key(struct api_call *call, struct weir_value *list,
                    const struct engine_key_attribute *attribute, const char *type)
{
    struct weir_value *key = document_append_map(call->arena, list);
    add_copy(call, key, "AttributeName", attribute->name);
    value_add_str(call->arena, key, "KeyType", bytes_str(type));
}

void describe_key_schema(struct api_call *call, struct weir_value *to,
                         const struct engine_key_attribute *partition,
                         const struct engine_key_attribute *sort)
{
    struct weir_value *list = value_add_list(call->arena, to, "KeySchema");
    add_key(call, list, partition, "HASH");
    if (sort->name.len > 0) {
        add_key(call, list, sort, "RANGE");
    }
}

static void add_billing(struct api_call *call, struct weir_value *to,
                        const struct engine_table *table)
{
    struct arena *a = call->arena;
    struct weir_value *throughput = value_add_map(a, to, "ProvisionedThroughput");
    value_add_int(a, throughput, "NumberOfDecreasesToday", 0);
    value_add_int(a, throughput, "ReadCapacityUnits", (int64_t)table->read_units);
    value_add_int(a, throughput, "WriteCapacityUnits", (int64_t)table->write_units);
    if (!table->provisioned) {
        int64_t since =
            table->billing_changed_ms != 0 ? table->billing_changed_ms : table->created_ms;
        struct weir_value *summary = value_add_map(a, to, "BillingModeSummary");
        value_add_str(a, summary, "BillingMode", BYTES_LIT("PAY_PER_REQUEST"));
        document_add_date(a, summary, "LastUpdateToPayPerRequestDateTime", since);
    }
}

static void add_stream(struct api_call *call, struct weir_value *to,
                       const struct engine_table *table)
{
    struct arena *a = call->arena;
    if (table->stream == NULL) {
        return;
    }
    if (table->stream_enabled) {
        struct weir_value *spec = value_add_map(a, to, "StreamSpecification");
        value_add_bool(a, spec, "StreamEnabled", true);
        value_add_str(a, spec, "StreamViewType",
                      bytes_str(engine_view_type_name(table->stream->view)));
    }
    add_copy(call, to, "LatestStreamArn", table->stream->arn);
    add_copy(call, to, "LatestStreamLabel", bytes_str(table->stream->label));
}

void describe_table(struct api_call *call, struct weir_value *response, const char *name,
                    const struct engine_table *table, const char *status)
{
    struct arena *a = call->arena;
    uint64_t items = 0;
    uint64_t bytes = 0;
    engine_table_figures(table, &items, &bytes);
    struct weir_value *to = value_add_map(a, response, name);
    add_definitions(call, to, table);
    add_copy(call, to, "TableName", table->name);
    describe_key_schema(call, to, &table->partition, &table->sort);
    value_add_str(a, to, "TableStatus", bytes_str(status));
    document_add_date(a, to, "CreationDateTime", table->created_ms);
    add_billing(call, to, table);
    value_add_int(a, to, "TableSizeBytes", (int64_t)bytes);
    value_add_int(a, to, "ItemCount", (int64_t)items);
    value_add_str(a, to, "TableArn", engine_table_arn(call->api->engine, a, table));
    add_copy(call, to, "TableId", bytes_str(table->table_uuid));
    indexes_describe(call, to, table, strcmp(status, "CREATING") == 0 ? "CREATING" : "ACTIVE");
    add_stream(call, to, table);
    value_add_bool(a, to, "DeletionProtectionEnabled", table->deletion_protected);
}

enum api_progress describe_changed(struct api_call *call, const char *status)
{
    struct engine_request *request = &call->engine_request;
    if (request->status != WEIR_OK) {
        call->error = request->error;
        return call_fail(call);
    }
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    describe_table(call, response, "TableDescription", request->table, status);
    engine_table_unref(request->table);
    request->table = NULL;
    return call_answer(call, response);
}

enum weir_status describe_read_stream(struct api_call *call, bool *ret_enabled,
                                      enum engine_view_type *ret_view)
{
    const struct weir_value *spec = request_member(call->request, "StreamSpecification");
    struct weir_bytes view = request_string(spec, "StreamViewType");
    *ret_enabled = request_bool(spec, "StreamEnabled", false);
    if (*ret_enabled && view.len == 0) {
        return call_invalid(call, "One or more parameter values were invalid: StreamViewType is "
                                  "required when StreamEnabled is true");
    }
    if (!*ret_enabled && view.len > 0) {
        return call_invalid(call, "One or more parameter values were invalid: StreamViewType "
                                  "cannot be specified when StreamEnabled is false");
    }
    if (*ret_enabled && !engine_view_type_parse(view, ret_view)) {
        return call_invalid(call,
                            "One or more parameter values were invalid: Unknown "
                            "StreamViewType: %.*s",
                            BYTES_ARG(view));
    }
    return WEIR_OK;
}
