/* SPDX-License-Identifier: Apache-2.0 */

/*
 * UpdateTable: switches the stream on and off. What else AWS changes with it is refused by name,
 * unless it asks for what the table has already.
 */

#include "api/describe.h"
#include "api/operations.h"
#include "api/request.h"

static const struct shape shape_billing = {.kind = SHAPE_STRING,
                                           .choices = "[PROVISIONED, PAY_PER_REQUEST]"};
static const struct shape_member members[] = {
    {"TableName", &shape_table, true},
    {"BillingMode", &shape_billing, false},
    {"StreamSpecification", &shape_stream_spec, false},
    {"DeletionProtectionEnabled", &shape_boolean, false},
    {0},
};
const struct shape shape_update_table = {.kind = SHAPE_STRUCT, .members = members};

static enum weir_status refuse(struct api_call *call, const char *parameter)
{
    return call_invalid(call, "weir does not support changing %s with UpdateTable yet", parameter);
}

static enum weir_status refuse_unsupported(struct api_call *call)
{
    static const char *const parameters[] = {
        "ProvisionedThroughput",
        "GlobalSecondaryIndexUpdates",
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
            return refuse(call, parameters[i]);
        }
    }
    return WEIR_OK;
}

static enum weir_status check_unchanged(struct api_call *call, const struct engine_table *table)
{
    const char *billing = table->provisioned ? "PROVISIONED" : "PAY_PER_REQUEST";
    if (request_member(call->request, "BillingMode") != NULL &&
        !bytes_eq_str(request_string(call->request, "BillingMode"), billing)) {
        return refuse(call, "BillingMode");
    }
    if (request_bool(call->request, "DeletionProtectionEnabled", table->deletion_protected) !=
        table->deletion_protected) {
        return refuse(call, "DeletionProtectionEnabled");
    }
    return WEIR_OK;
}

static enum weir_status check_any_change(struct api_call *call)
{
    if (request_member(call->request, "StreamSpecification") == NULL &&
        request_member(call->request, "BillingMode") == NULL &&
        request_member(call->request, "DeletionProtectionEnabled") == NULL) {
        return call_invalid(call, "At least one of ProvisionedThroughput, BillingMode, "
                                  "UpdateStreamEnabled, GlobalSecondaryIndexUpdates or "
                                  "SSESpecification or ReplicaUpdates is required");
    }
    return WEIR_OK;
}

static enum api_progress submit_stream(struct api_call *call)
{
    struct engine_request *request = &call->engine_request;
    if (describe_read_stream(call, &request->stream_enabled, &request->view) != WEIR_OK) {
        return call_fail(call);
    }
    request->kind = ENGINE_UPDATE_STREAM;
    request->table_name = request_table(call->request);
    return call_submit(call);
}

static enum api_progress answer_unchanged(struct api_call *call, const struct engine_table *table)
{
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    describe_table(call, response, "TableDescription", table, "ACTIVE");
    return call_answer(call, response);
}

enum api_progress op_update_table_start(struct api_call *call)
{
    struct engine_table *table;
    if (refuse_unsupported(call) != WEIR_OK || check_any_change(call) != WEIR_OK ||
        call_table(call, request_table(call->request), &table) != WEIR_OK) {
        return call_fail(call);
    }
    enum api_progress progress;
    if (check_unchanged(call, table) != WEIR_OK) {
        progress = call_fail(call);
    } else if (request_member(call->request, "StreamSpecification") == NULL) {
        progress = answer_unchanged(call, table);
    } else {
        progress = submit_stream(call);
    }
    engine_table_unref(table);
    return progress;
}

enum api_progress op_update_table_resume(struct api_call *call)
{
    return describe_changed(call, "UPDATING");
}
