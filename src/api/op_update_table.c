/* SPDX-License-Identifier: Apache-2.0 */

/*
 * UpdateTable: the stream, billing, throughput, deletion protection. What else AWS changes with it
 * is refused by name. Billing and protection go together in one change; the stream is one of its
 * own, as AWS has it.
 */

#include "api/billing.h"
#include "api/describe.h"
#include "api/operations.h"
#include "api/request.h"

static const struct shape_member index_update_members[] = {
    {"IndexName", &shape_index_name, true},
    {"ProvisionedThroughput", &shape_throughput, false},
    {0},
};
static const struct shape shape_index_update = {.kind = SHAPE_STRUCT,
                                                .name = "UpdateGlobalSecondaryIndexAction",
                                                .members = index_update_members};
static const struct shape shape_index_other = {.kind = SHAPE_STRUCT,
                                               .name = "GlobalSecondaryIndexAction"};
static const struct shape_member index_change_members[] = {
    {"Update", &shape_index_update, false},
    {"Create", &shape_index_other, false},
    {"Delete", &shape_index_other, false},
    {0},
};
static const struct shape shape_index_change = {
    .kind = SHAPE_STRUCT, .name = "GlobalSecondaryIndexUpdate", .members = index_change_members};
static const struct shape shape_index_changes = {.kind = SHAPE_LIST,
                                                 .element = &shape_index_change};
static const struct shape_member members[] = {
    {"TableName", &shape_table, true},
    {"BillingMode", &shape_billing, false},
    {"ProvisionedThroughput", &shape_throughput, false},
    {"GlobalSecondaryIndexUpdates", &shape_index_changes, false},
    {"StreamSpecification", &shape_stream_spec, false},
    {"DeletionProtectionEnabled", &shape_boolean, false},
    {0},
};
const struct shape shape_update_table = {.kind = SHAPE_STRUCT, .members = members};

static enum weir_status refuse_unsupported(struct api_call *call)
{
    static const char *const parameters[] = {
        "SSESpecification",
        "ReplicaUpdates",
        "TableClass",
        "MultiRegionConsistency",
        "GlobalTableWitnessUpdates",
        "OnDemandThroughput",
        "WarmThroughput",
        "GlobalTableSettingsReplicationMode",
        "VectorIndexUpdates",
    };
    for (unsigned i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        const struct weir_value *value = request_member(call->request, parameters[i]);
        if (value != NULL && !(value->type == VALUE_L && value->u.list.count == 0)) {
            return call_invalid(call, "weir does not support changing %s with UpdateTable yet",
                                parameters[i]);
        }
    }
    return WEIR_OK;
}

/* The list, NULL when it is absent or empty. */
static const struct weir_value *index_updates(struct api_call *call)
{
    const struct weir_value *list = request_member(call->request, "GlobalSecondaryIndexUpdates");
    return list == NULL || list->u.list.count == 0 ? NULL : list;
}

static bool changes_billing(struct api_call *call)
{
    return request_member(call->request, "BillingMode") != NULL ||
           request_member(call->request, "ProvisionedThroughput") != NULL ||
           index_updates(call) != NULL;
}

static enum weir_status check_any_change(struct api_call *call)
{
    bool stream = request_member(call->request, "StreamSpecification") != NULL;
    bool other =
        changes_billing(call) || request_member(call->request, "DeletionProtectionEnabled") != NULL;
    if (!stream && !other) {
        return call_invalid(call, "At least one of ProvisionedThroughput, BillingMode, "
                                  "UpdateStreamEnabled, GlobalSecondaryIndexUpdates or "
                                  "SSESpecification or ReplicaUpdates is required");
    }
    if (stream && other) {
        return call_invalid(call, "weir changes StreamSpecification in an UpdateTable of its own");
    }
    return WEIR_OK;
}

/* ---- billing and protection ----------------------------------------------------------------- */

static enum weir_status read_index_update(struct api_call *call, const struct engine_table *table,
                                          const struct weir_value *from, struct engine_index *index)
{
    const struct weir_value *update = request_member(from, "Update");
    if (update == NULL) {
        return call_invalid(call, "weir does not support changing GlobalSecondaryIndexUpdates with "
                                  "UpdateTable yet");
    }
    index->name = request_string(update, "IndexName");
    const struct engine_index *found = engine_index_view(table, index->name);
    if (found == NULL || found->local) {
        return call_error(call, WEIR_RESOURCE_NOT_FOUND, "Requested resource not found");
    }
    return billing_read_units(call, request_member(update, "ProvisionedThroughput"),
                              &index->read_units, &index->write_units);
}

static enum weir_status read_index_updates(struct api_call *call, const struct engine_table *table,
                                           struct engine_table_spec *spec)
{
    const struct weir_value *list = index_updates(call);
    if (list == NULL) {
        return WEIR_OK;
    }
    struct engine_index *indexes =
        ARENA_ARRAY(call->arena, struct engine_index, list->u.list.count);
    if (indexes == NULL) {
        return call_no_memory(call);
    }
    spec->indexes = indexes;
    spec->index_count = list->u.list.count;
    for (uint32_t i = 0; i < spec->index_count; i++) {
        enum weir_status status = read_index_update(call, table, &list->u.list.at[i], &indexes[i]);
        if (status != WEIR_OK) {
            return status;
        }
    }
    return WEIR_OK;
}

/* A table that becomes a provisioned one says so for each global index. */
static enum weir_status check_all_indexes(struct api_call *call, const struct engine_table *table,
                                          const struct engine_table_spec *spec)
{
    for (uint32_t i = 0; i < table->index_count; i++) {
        const struct engine_index *index = &table->indexes[i];
        bool given = index->local || table->provisioned || !spec->provisioned;
        for (uint32_t k = 0; !given && k < spec->index_count; k++) {
            given = bytes_eq(spec->indexes[k].name, index->name);
        }
        if (!given) {
            return call_invalid(call,
                                "One or more parameter values were invalid: ProvisionedThroughput "
                                "must be specified for index: %.*s",
                                BYTES_ARG(index->name));
        }
    }
    return WEIR_OK;
}

static enum weir_status read_billing(struct api_call *call, const struct engine_table *table,
                                     struct engine_table_spec *spec)
{
    bool throughput = request_member(call->request, "ProvisionedThroughput") != NULL;
    bool mode = request_member(call->request, "BillingMode") != NULL;
    bool provisioned =
        mode ? bytes_eq_str(request_string(call->request, "BillingMode"), "PROVISIONED")
             : table->provisioned;
    enum weir_status status = WEIR_OK;
    if (throughput || provisioned != table->provisioned) {
        status = billing_read(call, provisioned, spec);
    } else {
        spec->provisioned = table->provisioned;
        spec->read_units = table->read_units;
        spec->write_units = table->write_units;
    }
    if (status == WEIR_OK) {
        status = read_index_updates(call, table, spec);
    }
    return status == WEIR_OK ? check_all_indexes(call, table, spec) : status;
}

static enum weir_status read_changes(struct api_call *call, const struct engine_table *table)
{
    struct engine_request *request = &call->engine_request;
    if (request_member(call->request, "DeletionProtectionEnabled") != NULL) {
        request->changes |= ENGINE_CHANGE_PROTECTION;
        request->spec.deletion_protected =
            request_bool(call->request, "DeletionProtectionEnabled", false);
    }
    if (!changes_billing(call)) {
        return WEIR_OK;
    }
    request->changes |= ENGINE_CHANGE_BILLING;
    return read_billing(call, table, &request->spec);
}

/* ---- the operation -------------------------------------------------------------------------- */

static enum weir_status read_request(struct api_call *call, const struct engine_table *table)
{
    struct engine_request *request = &call->engine_request;
    request->table_name = request_table(call->request);
    if (request_member(call->request, "StreamSpecification") != NULL) {
        request->kind = ENGINE_UPDATE_STREAM;
        return describe_read_stream(call, &request->stream_enabled, &request->view);
    }
    request->kind = ENGINE_UPDATE_TABLE;
    return read_changes(call, table);
}

enum api_progress op_update_table_start(struct api_call *call)
{
    struct engine_table *table;
    if (refuse_unsupported(call) != WEIR_OK || check_any_change(call) != WEIR_OK ||
        call_table(call, request_table(call->request), &table) != WEIR_OK) {
        return call_fail(call);
    }
    enum weir_status status = read_request(call, table);
    engine_table_unref(table);
    return status == WEIR_OK ? call_submit(call) : call_fail(call);
}

enum api_progress op_update_table_resume(struct api_call *call)
{
    return describe_changed(call, "UPDATING");
}
