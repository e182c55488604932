/* SPDX-License-Identifier: Apache-2.0 */

/* DescribeTimeToLive. */

#include "api/operations.h"
#include "api/request.h"

static const struct shape_member members[] = {{"TableName", &shape_table, true}, {0}};
const struct shape shape_describe_time_to_live = {.kind = SHAPE_STRUCT, .members = members};

enum api_progress op_describe_time_to_live_start(struct api_call *call)
{
    struct engine_table *table;
    if (call_table(call, request_table(call->request), &table) != WEIR_OK) {
        return call_fail(call);
    }
    bool enabled = table->ttl_attribute.len > 0;
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    struct weir_value *to = value_add_map(call->arena, response, "TimeToLiveDescription");
    value_add_str(call->arena, to, "TimeToLiveStatus", bytes_str(enabled ? "ENABLED" : "DISABLED"));
    if (enabled) {
        value_add_str(call->arena, to, "AttributeName",
                      arena_dup(call->arena, table->ttl_attribute));
    }
    engine_table_unref(table);
    return call_answer(call, response);
}
