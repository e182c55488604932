/* SPDX-License-Identifier: Apache-2.0 */

/* DescribeLimits: AWS's default quotas; nothing here is bounded by them. */

#include "api/operations.h"

#define ACCOUNT_UNITS 80000
#define TABLE_UNITS 40000

const struct shape shape_describe_limits = {.kind = SHAPE_STRUCT};

enum api_progress op_describe_limits_start(struct api_call *call)
{
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    value_add_int(call->arena, response, "AccountMaxReadCapacityUnits", ACCOUNT_UNITS);
    value_add_int(call->arena, response, "AccountMaxWriteCapacityUnits", ACCOUNT_UNITS);
    value_add_int(call->arena, response, "TableMaxReadCapacityUnits", TABLE_UNITS);
    value_add_int(call->arena, response, "TableMaxWriteCapacityUnits", TABLE_UNITS);
    return call_answer(call, response);
}
