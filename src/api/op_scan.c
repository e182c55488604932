/* SPDX-License-Identifier: Apache-2.0 */

/* Scan: the items of a table, or of one of its segments, in the order of the storage. */

#include "api/operations.h"
#include "api/page.h"
#include "api/request.h"

#include <inttypes.h>

static const struct shape shape_segment = {.kind = SHAPE_INTEGER,
                                           .checks = SHAPE_MIN | SHAPE_MAX,
                                           .min = 0,
                                           .max = LIMIT_SCAN_SEGMENTS - 1};
static const struct shape shape_segments = {
    .kind = SHAPE_INTEGER, .checks = SHAPE_MIN | SHAPE_MAX, .min = 1, .max = LIMIT_SCAN_SEGMENTS};
static const struct shape_member members[] = {
    {"Select", &shape_select, false},
    {"IndexName", &shape_index_name, false},
    {"ReturnConsumedCapacity", &shape_capacity, false},
    {"TotalSegments", &shape_segments, false},
    {"TableName", &shape_item_table, true},
    {"ConditionalOperator", &shape_operator, false},
    {"AttributesToGet", &shape_name_list, false},
    {"Limit", &shape_limit, false},
    {"Segment", &shape_segment, false},
    {"ScanFilter", &shape_conditions, false},
    {"ExclusiveStartKey", &shape_item, false},
    {"ConsistentRead", &shape_boolean, false},
    {"ProjectionExpression", &shape_string, false},
    {"FilterExpression", &shape_string, false},
    {"ExpressionAttributeNames", &shape_names, false},
    {"ExpressionAttributeValues", &shape_item, false},
    {0},
};
const struct shape shape_scan = {.kind = SHAPE_STRUCT, .members = members};

static enum weir_status read_segments(struct api_call *call, struct page *page)
{
    int64_t segment = request_int(call->request, "Segment", -1);
    int64_t total = request_int(call->request, "TotalSegments", -1);
    if (segment >= 0 && total < 0) {
        return call_invalid(call, "The TotalSegments parameter is required but was not present in "
                                  "the request when Segment parameter is present");
    }
    if (total >= 0 && segment < 0) {
        return call_invalid(call, "The Segment parameter is required but was not present in the "
                                  "request when parameter TotalSegments is present");
    }
    if (total >= 0 && segment >= total) {
        return call_invalid(call,
                            "The Segment parameter is zero-based and must be less than parameter "
                            "TotalSegments: Segment: %" PRId64
                            " is not less than TotalSegments: %" PRId64,
                            segment, total);
    }
    page->request.segment = segment < 0 ? 0 : (uint32_t)segment;
    page->request.segment_count = total < 0 ? 0 : (uint32_t)total;
    return WEIR_OK;
}

static enum weir_status read_expressions(struct api_call *call, struct page *page)
{
    struct expressions e;
    enum weir_status status = expressions_begin(call, call->request, &expression_use_scan, &e);
    if (status == WEIR_OK) {
        status = expressions_filter(&e, "ScanFilter", &page->filter);
    }
    if (status == WEIR_OK) {
        status = expressions_projection(&e, &page->projection);
    }
    return status == WEIR_OK ? expressions_end(&e) : status;
}

static enum weir_status read_before_table(struct api_call *call, struct page *page)
{
    enum weir_status status = expressions_mix(call, call->request, &expression_use_scan);
    if (status == WEIR_OK) {
        status = page_read_start_key(call, &page->start_key);
    }
    if (status == WEIR_OK) {
        status = read_segments(call, page);
    }
    if (status == WEIR_OK) {
        status = page_check_select(call);
    }
    return status == WEIR_OK ? read_expressions(call, page) : status;
}

enum api_progress op_scan_start(struct api_call *call)
{
    struct page *page = ARENA_NEW(call->arena, struct page);
    if (page == NULL) {
        (void)call_no_memory(call);
        return call_fail(call);
    }
    page_read_plain(call, page);
    if (read_before_table(call, page) != WEIR_OK ||
        call_item_table(call, request_table(call->request), &page->request.table) != WEIR_OK) {
        return call_fail(call);
    }
    if (page_find_index(call, page) != WEIR_OK || page_check_index(call, page) != WEIR_OK ||
        page_check_start_key(call, page, "The provided starting key is invalid") != WEIR_OK) {
        engine_table_unref(page->request.table);
        return call_fail(call);
    }
    return page_go(call, page);
}

enum api_progress op_scan_resume(struct api_call *call)
{
    return page_resume(call);
}
