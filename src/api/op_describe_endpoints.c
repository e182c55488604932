/* SPDX-License-Identifier: Apache-2.0 */

/*
 * DescribeEndpoints: for SDKs that ask where to send their requests. This layer knows no address of
 * its own, and must not send them to AWS.
 */

#include "api/document.h"
#include "api/operations.h"

#define CACHE_MINUTES 1440

const struct shape shape_describe_endpoints = {.kind = SHAPE_STRUCT};

enum api_progress op_describe_endpoints_start(struct api_call *call)
{
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    struct weir_value *list = value_add_list(call->arena, response, "Endpoints");
    struct weir_value *endpoint = document_append_map(call->arena, list);
    value_add_str(call->arena, endpoint, "Address", BYTES_LIT("localhost"));
    value_add_int(call->arena, endpoint, "CachePeriodInMinutes", CACHE_MINUTES);
    return call_answer(call, response);
}
