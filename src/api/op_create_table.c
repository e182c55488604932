/* SPDX-License-Identifier: Apache-2.0 */

/*
 * CreateTable: the table is there when the answer leaves, although it says CREATING, as AWS does.
 * Tags, TableClass, SSESpecification, OnDemandThroughput and WarmThroughput have no effect here.
 */

#include "api/billing.h"
#include "api/describe.h"
#include "api/indexes.h"
#include "api/key_schema.h"
#include "api/operations.h"
#include "api/request.h"

static const struct shape_member members[] = {
    {"AttributeDefinitions", &shape_key_definitions, true},
    {"TableName", &shape_table, true},
    {"BillingMode", &shape_billing, false},
    {"ProvisionedThroughput", &shape_throughput, false},
    {"KeySchema", &shape_key_schema, true},
    {"LocalSecondaryIndexes", &shape_local_indexes, false},
    {"GlobalSecondaryIndexes", &shape_global_indexes, false},
    {"StreamSpecification", &shape_stream_spec, false},
    {"DeletionProtectionEnabled", &shape_boolean, false},
    {0},
};
const struct shape shape_create_table = {.kind = SHAPE_STRUCT, .members = members};

/* ---- keys ----------------------------------------------------------------------------------- */

static enum weir_status refuse_unsupported(struct api_call *call)
{
    static const char *const parameters[] = {"VectorIndexes", "ResourcePolicy",
                                             "GlobalTableSourceArn"};
    for (unsigned i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        if (request_member(call->request, parameters[i]) != NULL) {
            return call_invalid(call, "weir does not support %s yet", parameters[i]);
        }
    }
    return WEIR_OK;
}

static enum weir_status check_count(struct api_call *call, const struct weir_value *keys,
                                    const struct weir_value *definitions)
{
    if (request_member(call->request, "LocalSecondaryIndexes") != NULL ||
        request_member(call->request, "GlobalSecondaryIndexes") != NULL ||
        keys->u.list.count == definitions->u.list.count) {
        return WEIR_OK;
    }
    return call_invalid(call, "One or more parameter values were invalid: Number of attributes in "
                              "KeySchema does not exactly match number of attributes defined in "
                              "AttributeDefinitions");
}

static enum weir_status read_keys(struct api_call *call, struct engine_table_spec *spec)
{
    const struct weir_value *keys = request_member(call->request, "KeySchema");
    const struct weir_value *definitions = request_member(call->request, "AttributeDefinitions");
    enum weir_status status = key_schema_check_defined(call, keys, definitions);
    if (status == WEIR_OK) {
        status = key_schema_check_types(call, keys);
    }
    if (status == WEIR_OK) {
        status = refuse_unsupported(call);
    }
    if (status == WEIR_OK) {
        status = check_count(call, keys, definitions);
    }
    if (status != WEIR_OK) {
        return status;
    }
    key_schema_read(keys, definitions, &spec->partition, &spec->sort);
    return indexes_read(call, spec);
}

/* ---- the operation -------------------------------------------------------------------------- */

enum api_progress op_create_table_start(struct api_call *call)
{
    struct engine_table_spec *spec = &call->engine_request.spec;
    spec->name = request_table(call->request);
    spec->deletion_protected = request_bool(call->request, "DeletionProtectionEnabled", false);
    bool provisioned =
        !bytes_eq_str(request_string(call->request, "BillingMode"), "PAY_PER_REQUEST");
    if (billing_read(call, provisioned, spec) != WEIR_OK || read_keys(call, spec) != WEIR_OK ||
        describe_read_stream(call, &spec->stream_enabled, &spec->view) != WEIR_OK) {
        return call_fail(call);
    }
    call->engine_request.kind = ENGINE_CREATE_TABLE;
    return call_submit(call);
}

enum api_progress op_create_table_resume(struct api_call *call)
{
    return describe_changed(call, "CREATING");
}
