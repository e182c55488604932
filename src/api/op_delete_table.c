/* SPDX-License-Identifier: Apache-2.0 */

/* DeleteTable: the table is gone when the answer leaves, although it says DELETING, as AWS does. */

#include "api/describe.h"
#include "api/operations.h"
#include "api/request.h"

static const struct shape_member members[] = {{"TableName", &shape_table, true}, {0}};
const struct shape shape_delete_table = {.kind = SHAPE_STRUCT, .members = members};

enum api_progress op_delete_table_start(struct api_call *call)
{
    call->engine_request.kind = ENGINE_DELETE_TABLE;
    call->engine_request.table_name = request_table(call->request);
    return call_submit(call);
}

enum api_progress op_delete_table_resume(struct api_call *call)
{
    if (call->engine_request.status == WEIR_RESOURCE_NOT_FOUND) {
        (void)call_error(call, WEIR_RESOURCE_NOT_FOUND,
                         "Requested resource not found: Table: %.*s not found",
                         BYTES_ARG(request_table(call->request)));
        return call_fail(call);
    }
    return describe_changed(call, "DELETING");
}
