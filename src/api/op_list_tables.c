/* SPDX-License-Identifier: Apache-2.0 */

/* ListTables: names in byte order, in pages. */

#include "api/document.h"
#include "api/operations.h"
#include "api/request.h"

static const struct shape shape_page = {
    .kind = SHAPE_INTEGER, .checks = SHAPE_MIN | SHAPE_MAX, .min = 1, .max = LIMIT_LIST_TABLES};
static const struct shape_member members[] = {
    {"Limit", &shape_page, false},
    {"ExclusiveStartTableName", &shape_item_table, false},
    {0},
};
const struct shape shape_list_tables = {.kind = SHAPE_STRUCT, .members = members};

enum api_progress op_list_tables_start(struct api_call *call)
{
    struct weir_bytes after = request_string(call->request, "ExclusiveStartTableName");
    uint32_t limit = (uint32_t)request_int(call->request, "Limit", LIMIT_LIST_TABLES);
    struct weir_bytes *names = NULL;
    uint32_t count = 0;
    bool more = false;
    if (engine_table_list(call->api->engine, call->arena, after, limit, &names, &count, &more,
                          &call->error) != WEIR_OK) {
        return call_fail(call);
    }
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    struct weir_value *list = value_add_list(call->arena, response, "TableNames");
    for (uint32_t i = 0; i < count; i++) {
        document_append_str(call->arena, list, names[i]);
    }
    if (more && count > 0) {
        value_add_str(call->arena, response, "LastEvaluatedTableName", names[count - 1]);
    }
    return call_answer(call, response);
}
