/* SPDX-License-Identifier: Apache-2.0 */

/* One page of a table. See page.h. */

#include "api/page.h"

#include "api/request.h"

/* ---- indexes -------------------------------------------------------------------------------- */

enum weir_status page_find_index(struct api_call *call, struct page *page)
{
    struct weir_bytes name = request_string(call->request, "IndexName");
    if (name.len == 0) {
        return WEIR_OK;
    }
    page->request.index = engine_index_view(page->request.table, name);
    if (page->request.index == NULL) {
        return call_invalid(call, "The table does not have the specified index: %.*s",
                            BYTES_ARG(name));
    }
    return WEIR_OK;
}

const struct engine_key_attribute *page_partition(const struct page *page)
{
    return page->request.index != NULL ? &page->request.index->partition
                                       : &page->request.table->partition;
}

const struct engine_key_attribute *page_sort(const struct page *page)
{
    return page->request.index != NULL ? &page->request.index->sort : &page->request.table->sort;
}

struct name_search {
    const struct page *page;
    struct weir_bytes found;
};

static bool is_projected(void *arg, struct weir_bytes name)
{
    struct name_search *search = arg;
    const struct engine_table *table = search->page->request.table;
    const struct engine_index *index = search->page->request.index;
    bool found = index->projection == ENGINE_PROJECT_ALL || bytes_eq(name, table->partition.name) ||
                 bytes_eq(name, table->sort.name) || bytes_eq(name, index->partition.name) ||
                 bytes_eq(name, index->sort.name);
    for (uint32_t i = 0; !found && i < index->included_count; i++) {
        found = bytes_eq(name, index->included[i]);
    }
    if (!found) {
        search->found = name;
    }
    return found;
}

static enum weir_status check_global(struct api_call *call, const struct page *page)
{
    const struct engine_index *index = page->request.index;
    if (request_bool(call->request, "ConsistentRead", false)) {
        return call_invalid(call, "Consistent reads are not supported on global secondary indexes");
    }
    if (bytes_eq_str(request_string(call->request, "Select"), "ALL_ATTRIBUTES") &&
        index->projection != ENGINE_PROJECT_ALL) {
        return call_invalid(call,
                            "One or more parameter values were invalid: Select type ALL_ATTRIBUTES "
                            "is not supported for global secondary index %.*s because its "
                            "projection type is not ALL",
                            BYTES_ARG(index->name));
    }
    struct name_search search = {.page = page};
    if (page->projection != NULL &&
        !expr_projection_each_name(page->projection, is_projected, &search)) {
        return call_invalid(call,
                            "One or more parameter values were invalid: Global secondary index "
                            "%.*s does not project [%.*s]",
                            BYTES_ARG(index->name), BYTES_ARG(search.found));
    }
    return WEIR_OK;
}

/* Whether a local index does not hold all that is asked for. */
static bool needs_items(struct api_call *call, const struct page *page)
{
    struct name_search search = {.page = page};
    if (bytes_eq_str(request_string(call->request, "Select"), "ALL_ATTRIBUTES")) {
        return page->request.index->projection != ENGINE_PROJECT_ALL;
    }
    return (page->projection != NULL &&
            !expr_projection_each_name(page->projection, is_projected, &search)) ||
           (page->filter != NULL && !expr_condition_each_name(page->filter, is_projected, &search));
}

enum weir_status page_check_index(struct api_call *call, struct page *page)
{
    if (page->request.index == NULL) {
        return WEIR_OK;
    }
    if (!page->request.index->local) {
        return check_global(call, page);
    }
    page->request.fetch = needs_items(call, page);
    return WEIR_OK;
}

/* ---- Select --------------------------------------------------------------------------------- */

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
        return status != WEIR_OK || request_string(call->request, "IndexName").len > 0
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

/* The start key has the keys of the table, and of the index, and nothing else. */
static bool names_match(const struct page *page)
{
    const struct engine_table *table = page->request.table;
    const struct weir_bytes names[] = {table->partition.name, table->sort.name,
                                       page_partition(page)->name, page_sort(page)->name};
    uint32_t wanted = 0;
    for (uint32_t i = 0; i < 4; i++) {
        bool is_new = names[i].len > 0;
        for (uint32_t k = 0; is_new && k < i; k++) {
            is_new = !bytes_eq(names[i], names[k]);
        }
        wanted += is_new;
        if (is_new && value_member(page->start_key, names[i]) == NULL) {
            return false;
        }
    }
    return page->start_key->u.map.count == wanted;
}

enum weir_status page_check_start_key(struct api_call *call, const struct page *page,
                                      const char *prefix)
{
    const struct engine_table *table = page->request.table;
    const struct engine_index *index = page->request.index;
    if (page->start_key == NULL) {
        return WEIR_OK;
    }
    if (!names_match(page)) {
        return call_invalid(call, "The provided starting key is invalid");
    }
    struct buf row_key;
    buf_init(&row_key, LIMIT_ITEM_BYTES);
    enum weir_status status =
        index == NULL ? engine_row_key(table, page->start_key, true, &row_key, &call->error)
                      : engine_entry_key(table, index, page->start_key, &row_key, &call->error);
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

static void add_capacity(struct api_call *call, struct weir_value *response,
                         const struct page *page, const struct engine_page *result)
{
    const struct engine_index *index = page->request.index;
    double units = capacity_read_units(result->scanned_bytes, page->consistent);
    struct capacity_sum sum = {.table_name = page->request.table->name, .units = units};
    if (index != NULL) {
        sum.units = (double)result->fetched_blocks * (page->consistent ? 1.0 : 0.5);
        capacity_sum_index(call, &sum, arena_dup(call->arena, index->name), index->local, units);
    }
    capacity_add_sum(call, response, capacity_mode_of(call->request), &sum);
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
    add_capacity(call, response, page, result);
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
