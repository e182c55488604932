/* SPDX-License-Identifier: Apache-2.0 */

/* One page of a table. See page.h. */

#include "api/page.h"

#include "api/request.h"

enum weir_status page_refuse_index(struct api_call *call)
{
    struct weir_bytes index = request_string(call->request, "IndexName");
    if (index.len == 0) {
        return WEIR_OK;
    }
    return call_invalid(call,
                        "weir does not support GlobalSecondaryIndexes and LocalSecondaryIndexes "
                        "yet: IndexName %.*s cannot be used",
                        BYTES_ARG(index));
}

static enum weir_status refuse_projection(struct api_call *call, const char *choosing)
{
    const char *parameter = request_member(call->request, "AttributesToGet") != NULL
                                ? "AttributesToGet"
                                : "ProjectionExpression";
    if (request_member(call->request, parameter) == NULL) {
        return WEIR_OK;
    }
    return call_invalid(call, "Cannot specify the %s when choosing to get %s", parameter, choosing);
}

enum weir_status page_check_select(struct api_call *call)
{
    struct weir_bytes select = request_string(call->request, "Select");
    if (bytes_eq_str(select, "ALL_ATTRIBUTES")) {
        return refuse_projection(call, "ALL_ATTRIBUTES");
    }
    if (bytes_eq_str(select, "COUNT")) {
        return refuse_projection(call, "only the Count");
    }
    if (bytes_eq_str(select, "ALL_PROJECTED_ATTRIBUTES")) {
        enum weir_status status = refuse_projection(call, "ALL_PROJECTED_ATTRIBUTES");
        return status != WEIR_OK
                   ? status
                   : call_invalid(call, "One or more parameter values were invalid: "
                                        "ALL_PROJECTED_ATTRIBUTES can be used only when Querying "
                                        "using an IndexName");
    }
    if (bytes_eq_str(select, "SPECIFIC_ATTRIBUTES") &&
        request_member(call->request, "AttributesToGet") == NULL &&
        request_member(call->request, "ProjectionExpression") == NULL) {
        return call_invalid(call, "Must specify the AttributesToGet or ProjectionExpression when "
                                  "choosing to get SPECIFIC_ATTRIBUTES");
    }
    return WEIR_OK;
}

/* ---- where to start ------------------------------------------------------------------------- */

/* Texts about numbers and sets come bare, the others behind a prefix. */
static bool is_bare(const char *message)
{
    return strstr(message, "numeric value") != NULL || strstr(message, "Number ") != NULL ||
           strstr(message, "significant digits") != NULL || strstr(message, "number set") != NULL ||
           strstr(message, "duplicates") != NULL;
}

enum weir_status page_read_start_key(struct api_call *call, struct weir_value **ret_key)
{
    *ret_key = NULL;
    if (request_member(call->request, "ExclusiveStartKey") == NULL) {
        return WEIR_OK;
    }
    enum weir_status status = request_item(call, call->request, "ExclusiveStartKey", ret_key);
    if (status == WEIR_VALIDATION && !is_bare(call->error.message)) {
        return error_wrap(&call->error, status, "The provided starting key is invalid");
    }
    return status;
}

enum weir_status page_check_start_key(struct api_call *call, const struct page *page,
                                      const char *prefix)
{
    const struct engine_table *table = page->request.table;
    if (page->start_key == NULL) {
        return WEIR_OK;
    }
    uint32_t wanted = table->sort.name.len > 0 ? 2 : 1;
    if (page->start_key->u.map.count != wanted ||
        value_member(page->start_key, table->partition.name) == NULL ||
        (wanted == 2 && value_member(page->start_key, table->sort.name) == NULL)) {
        return call_invalid(call, "The provided starting key is invalid");
    }
    struct buf row_key;
    buf_init(&row_key, LIMIT_ITEM_BYTES);
    enum weir_status status = engine_row_key(table, page->start_key, true, &row_key, &call->error);
    buf_fini(&row_key);
    if (status == WEIR_VALIDATION && prefix != NULL) {
        return error_wrap(&call->error, status, "%s", prefix);
    }
    return status;
}

/* ---- reading -------------------------------------------------------------------------------- */

void page_read_plain(struct api_call *call, struct page *page)
{
    int64_t limit = request_int(call->request, "Limit", 0);
    page->request.limit = limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit;
    page->request.count_only = bytes_eq_str(request_string(call->request, "Select"), "COUNT");
    page->consistent = request_bool(call->request, "ConsistentRead", false);
}

enum api_progress page_go(struct api_call *call, struct page *page)
{
    page->request.start_key = page->start_key;
    page->request.filter = page->filter;
    page->request.projection = page->projection;
    call->state = page;
    return call_block(call);
}

static struct weir_value *response_of(struct api_call *call, const struct page *page,
                                      const struct engine_page *result)
{
    struct weir_value *response = value_new_map(call->arena, VALUE_PLAIN);
    if (result->items != NULL) {
        value_add_value(call->arena, response, "Items", result->items);
    }
    value_add_int(call->arena, response, "Count", result->count);
    value_add_int(call->arena, response, "ScannedCount", result->scanned_count);
    if (result->last_key != NULL) {
        value_add_value(call->arena, response, "LastEvaluatedKey", result->last_key);
    }
    capacity_add(call, response, capacity_mode_of(call->request), page->request.table->name,
                 capacity_read_units(result->scanned_bytes, page->consistent));
    return response;
}

static enum weir_status read_page(struct api_call *call, const struct page *page,
                                  struct engine_page *ret_result)
{
    struct engine_view *view = engine_view_open(call->api->engine);
    if (view == NULL) {
        return call_no_memory(call);
    }
    enum weir_status status = engine_page_read(call->api->engine, view, call->arena, &page->request,
                                               ret_result, &call->error);
    engine_view_close(view);
    return status;
}

enum api_progress page_resume(struct api_call *call)
{
    struct page *page = call->state;
    struct engine_page result = {0};
    enum api_progress progress = read_page(call, page, &result) == WEIR_OK
                                     ? call_answer(call, response_of(call, page, &result))
                                     : call_fail(call);
    engine_table_unref(page->request.table);
    return progress;
}
