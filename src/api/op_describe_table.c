/* SPDX-License-Identifier: Apache-2.0 */

/* DescribeTable. */

#include "api/describe.h"
#include "api/operations.h"
#include "api/request.h"

static const struct shape_member members[] = {{"TableName", &shape_table, true}, {0}};
const struct shape shape_describe_table = {.kind = SHAPE_STRUCT, .members = members};

enum api_progress op_describe_table_start(struct api_call *call)
{
    struct engine_table *table;
    if (call_table(call, request_table(call->request), &table) != WEIR_OK) {
        return call_fail(call);
    }
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    describe_table(call, response, "Table", table, "ACTIVE");
    engine_table_unref(table);
    return call_answer(call, response);
}
