/* SPDX-License-Identifier: Apache-2.0 */

/* UpdateTimeToLive: names the attribute that holds an item's time of expiry, or none. */

#include "api/operations.h"
#include "api/request.h"

static const struct shape shape_attribute_name = {
    .kind = SHAPE_STRING, .checks = SHAPE_MAX, .max = LIMIT_KEY_ATTRIBUTE_NAME_MAX};
static const struct shape_member specification_members[] = {
    {"Enabled", &shape_boolean, true},
    {"AttributeName", &shape_attribute_name, true},
    {0},
};
static const struct shape shape_specification = {
    .kind = SHAPE_STRUCT, .name = "TimeToLiveSpecification", .members = specification_members};
static const struct shape_member members[] = {
    {"TableName", &shape_table, true},
    {"TimeToLiveSpecification", &shape_specification, true},
    {0},
};
const struct shape shape_update_time_to_live = {.kind = SHAPE_STRUCT, .members = members};

static enum weir_status check_change(struct api_call *call, const struct engine_table *table,
                                     bool enable, struct weir_bytes attribute)
{
    struct weir_bytes current = table->ttl_attribute;
    if (current.len == 0) {
        return enable ? WEIR_OK : call_invalid(call, "TimeToLive is already disabled");
    }
    if (!bytes_eq(current, attribute)) {
        return call_invalid(call,
                            "TimeToLive is active on a different AttributeName: current "
                            "AttributeName is %.*s",
                            BYTES_ARG(current));
    }
    return enable ? call_invalid(call, "TimeToLive is already enabled") : WEIR_OK;
}

static enum weir_status read_request(struct api_call *call)
{
    const struct weir_value *spec = request_member(call->request, "TimeToLiveSpecification");
    struct weir_bytes attribute = request_string(spec, "AttributeName");
    bool enable = request_bool(spec, "Enabled", false);
    struct engine_table *table;
    if (attribute.len == 0) {
        return call_invalid(call, "TimeToLiveSpecification.AttributeName must be non empty");
    }
    enum weir_status status = call_table(call, request_table(call->request), &table);
    if (status != WEIR_OK) {
        return status;
    }
    status = check_change(call, table, enable, attribute);
    engine_table_unref(table);
    call->engine_request.kind = ENGINE_UPDATE_TTL;
    call->engine_request.table_name = request_table(call->request);
    call->engine_request.ttl_attribute = enable ? attribute : BYTES_NONE;
    return status;
}

enum api_progress op_update_time_to_live_start(struct api_call *call)
{
    return read_request(call) == WEIR_OK ? call_submit(call) : call_fail(call);
}

enum api_progress op_update_time_to_live_resume(struct api_call *call)
{
    struct engine_request *request = &call->engine_request;
    if (request->status != WEIR_OK) {
        call->error = request->error;
        return call_fail(call);
    }
    engine_table_unref(request->table);
    bool enabled = request->ttl_attribute.len > 0;
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    struct weir_value *to = value_add_map(call->arena, response, "TimeToLiveSpecification");
    value_add_bool(call->arena, to, "Enabled", enabled);
    if (enabled) {
        value_add_str(call->arena, to, "AttributeName", request->ttl_attribute);
    }
    return call_answer(call, response);
}
