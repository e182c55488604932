/* SPDX-License-Identifier: Apache-2.0 */

/*
 * CreateTable: the table is there when the answer leaves, although it says CREATING, as AWS does.
 * Tags, TableClass, SSESpecification, OnDemandThroughput and WarmThroughput have no effect here.
 */

#include "api/describe.h"
#include "api/operations.h"
#include "api/request.h"

#include <inttypes.h>

#define THROUGHPUT_MAX 1000000000000

static const struct shape shape_key_name = {.kind = SHAPE_STRING,
                                            .checks = SHAPE_MIN | SHAPE_MAX,
                                            .min = 1,
                                            .max = LIMIT_KEY_ATTRIBUTE_NAME_MAX};
static const struct shape shape_key_type = {.kind = SHAPE_STRING, .choices = "[HASH, RANGE]"};
static const struct shape shape_scalar_type = {.kind = SHAPE_STRING, .choices = "[B, N, S]"};
static const struct shape shape_billing = {.kind = SHAPE_STRING,
                                           .choices = "[PROVISIONED, PAY_PER_REQUEST]"};
static const struct shape shape_units = {.kind = SHAPE_LONG, .checks = SHAPE_MIN, .min = 1};

static const struct shape_member definition_members[] = {
    {"AttributeName", &shape_key_name, true},
    {"AttributeType", &shape_scalar_type, true},
    {0},
};
static const struct shape shape_definition = {
    .kind = SHAPE_STRUCT, .name = "AttributeDefinition", .members = definition_members};
static const struct shape shape_definitions = {.kind = SHAPE_LIST, .element = &shape_definition};
static const struct shape_member key_members[] = {
    {"AttributeName", &shape_key_name, true},
    {"KeyType", &shape_key_type, true},
    {0},
};
static const struct shape shape_key = {
    .kind = SHAPE_STRUCT, .name = "KeySchemaElement", .members = key_members};
static const struct shape shape_schema = {
    .kind = SHAPE_LIST, .checks = SHAPE_MIN | SHAPE_MAX, .min = 1, .max = 2, .element = &shape_key};
static const struct shape_member throughput_members[] = {
    {"WriteCapacityUnits", &shape_units, true},
    {"ReadCapacityUnits", &shape_units, true},
    {0},
};
static const struct shape shape_throughput = {
    .kind = SHAPE_STRUCT, .name = "ProvisionedThroughput", .members = throughput_members};
static const struct shape shape_index = {.kind = SHAPE_STRUCT, .name = "SecondaryIndex"};
static const struct shape shape_indexes = {.kind = SHAPE_LIST, .element = &shape_index};
static const struct shape_member members[] = {
    {"AttributeDefinitions", &shape_definitions, true},
    {"TableName", &shape_table, true},
    {"BillingMode", &shape_billing, false},
    {"ProvisionedThroughput", &shape_throughput, false},
    {"KeySchema", &shape_schema, true},
    {"LocalSecondaryIndexes", &shape_indexes, false},
    {"GlobalSecondaryIndexes", &shape_indexes, false},
    {"StreamSpecification", &shape_stream_spec, false},
    {"DeletionProtectionEnabled", &shape_boolean, false},
    {0},
};
const struct shape shape_create_table = {.kind = SHAPE_STRUCT, .members = members};

/* ---- billing -------------------------------------------------------------------------------- */

static enum weir_status read_units(struct api_call *call, const struct weir_value *throughput,
                                   const char *name, uint64_t *ret_units)
{
    int64_t units = request_int(throughput, name, 0);
    if (units > THROUGHPUT_MAX) {
        return call_invalid(call, "Given value %" PRId64 " for %s is out of bounds", units, name);
    }
    *ret_units = (uint64_t)units;
    return WEIR_OK;
}

static enum weir_status read_billing(struct api_call *call, struct engine_table_spec *spec)
{
    const struct weir_value *throughput = request_member(call->request, "ProvisionedThroughput");
    spec->provisioned =
        !bytes_eq_str(request_string(call->request, "BillingMode"), "PAY_PER_REQUEST");
    if (!spec->provisioned) {
        return throughput == NULL
                   ? WEIR_OK
                   : call_invalid(call, "One or more parameter values were invalid: Neither "
                                        "ReadCapacityUnits nor WriteCapacityUnits can be specified "
                                        "when BillingMode is PAY_PER_REQUEST");
    }
    if (throughput == NULL) {
        return call_invalid(call, "One or more parameter values were invalid: ReadCapacityUnits "
                                  "and WriteCapacityUnits must both be specified when BillingMode "
                                  "is PROVISIONED");
    }
    enum weir_status status = read_units(call, throughput, "ReadCapacityUnits", &spec->read_units);
    return status == WEIR_OK
               ? read_units(call, throughput, "WriteCapacityUnits", &spec->write_units)
               : status;
}

/* ---- keys ----------------------------------------------------------------------------------- */

static const struct weir_value *definition_of(const struct weir_value *definitions,
                                              struct weir_bytes name)
{
    for (uint32_t i = 0; i < definitions->u.list.count; i++) {
        const struct weir_value *definition = &definitions->u.list.at[i];
        if (bytes_eq(request_string(definition, "AttributeName"), name)) {
            return definition;
        }
    }
    return NULL;
}

static void put_names(struct buf *to, const struct weir_value *list)
{
    for (uint32_t i = 0; i < list->u.list.count; i++) {
        buf_put_str(to, i == 0 ? "" : ", ");
        buf_put(to, request_string(&list->u.list.at[i], "AttributeName"));
    }
}

static enum weir_status undefined_error(struct api_call *call, const struct weir_value *keys,
                                        const struct weir_value *definitions)
{
    struct buf text;
    buf_init(&text, 8192);
    buf_put_str(&text, "Keys: [");
    put_names(&text, keys);
    buf_put_str(&text, "], AttributeDefinitions: [");
    put_names(&text, definitions);
    enum weir_status status =
        call_invalid(call,
                     "One or more parameter values were invalid: Some index key attributes are not "
                     "defined in AttributeDefinitions. %.*s]",
                     BYTES_ARG(buf_bytes(&text)));
    buf_fini(&text);
    return status;
}

static enum weir_status check_defined(struct api_call *call, const struct weir_value *keys,
                                      const struct weir_value *definitions)
{
    if (keys->u.list.count > definitions->u.list.count) {
        return call_invalid(call, "Invalid KeySchema: Some index key attribute have no definition");
    }
    for (uint32_t i = 0; i < keys->u.list.count; i++) {
        struct weir_bytes name = request_string(&keys->u.list.at[i], "AttributeName");
        if (definition_of(definitions, name) == NULL) {
            return undefined_error(call, keys, definitions);
        }
    }
    return WEIR_OK;
}

static enum weir_status check_key_types(struct api_call *call, const struct weir_value *keys)
{
    const struct weir_value *first = &keys->u.list.at[0];
    const struct weir_value *second = keys->u.list.count > 1 ? &keys->u.list.at[1] : NULL;
    if (second != NULL &&
        bytes_eq(request_string(first, "AttributeName"), request_string(second, "AttributeName"))) {
        return call_invalid(call, "Both the Hash Key and the Range Key element in the KeySchema "
                                  "have the same name");
    }
    if (!bytes_eq_str(request_string(first, "KeyType"), "HASH")) {
        return call_invalid(call,
                            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
    }
    if (second != NULL && !bytes_eq_str(request_string(second, "KeyType"), "RANGE")) {
        return call_invalid(
            call, "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type");
    }
    return WEIR_OK;
}

static enum weir_status refuse(struct api_call *call, const char *parameter)
{
    const struct weir_value *value = request_member(call->request, parameter);
    if (value == NULL) {
        return WEIR_OK;
    }
    if (value->type == VALUE_L && value->u.list.count == 0) {
        return call_invalid(call, "One or more parameter values were invalid: List of %s is empty",
                            parameter);
    }
    return call_invalid(call, "weir does not support %s yet", parameter);
}

static enum weir_status refuse_unsupported(struct api_call *call)
{
    static const char *const parameters[] = {"LocalSecondaryIndexes", "GlobalSecondaryIndexes",
                                             "VectorIndexes", "ResourcePolicy",
                                             "GlobalTableSourceArn"};
    enum weir_status status = WEIR_OK;
    for (unsigned i = 0; status == WEIR_OK && i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        status = refuse(call, parameters[i]);
    }
    return status;
}

static enum value_type scalar_type(struct weir_bytes text)
{
    return bytes_eq_str(text, "S") ? VALUE_S : bytes_eq_str(text, "N") ? VALUE_N : VALUE_B;
}

static struct engine_key_attribute key_attribute(const struct weir_value *key,
                                                 const struct weir_value *definitions)
{
    struct weir_bytes name = request_string(key, "AttributeName");
    const struct weir_value *definition = definition_of(definitions, name);
    return (struct engine_key_attribute){name,
                                         scalar_type(request_string(definition, "AttributeType"))};
}

static enum weir_status read_keys(struct api_call *call, struct engine_table_spec *spec)
{
    const struct weir_value *keys = request_member(call->request, "KeySchema");
    const struct weir_value *definitions = request_member(call->request, "AttributeDefinitions");
    enum weir_status status = check_defined(call, keys, definitions);
    if (status == WEIR_OK) {
        status = check_key_types(call, keys);
    }
    if (status == WEIR_OK) {
        status = refuse_unsupported(call);
    }
    if (status != WEIR_OK) {
        return status;
    }
    if (keys->u.list.count != definitions->u.list.count) {
        return call_invalid(call, "One or more parameter values were invalid: Number of attributes "
                                  "in KeySchema does not exactly match number of attributes "
                                  "defined in AttributeDefinitions");
    }
    spec->partition = key_attribute(&keys->u.list.at[0], definitions);
    if (keys->u.list.count > 1) {
        spec->sort = key_attribute(&keys->u.list.at[1], definitions);
    }
    return WEIR_OK;
}

/* ---- the operation -------------------------------------------------------------------------- */

enum api_progress op_create_table_start(struct api_call *call)
{
    struct engine_table_spec *spec = &call->engine_request.spec;
    spec->name = request_table(call->request);
    spec->deletion_protected = request_bool(call->request, "DeletionProtectionEnabled", false);
    if (read_billing(call, spec) != WEIR_OK || read_keys(call, spec) != WEIR_OK ||
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
