/* SPDX-License-Identifier: Apache-2.0 */

/* Query: the items of one partition key, in the order of the sort key. */

#include "api/operations.h"
#include "api/page.h"
#include "api/request.h"

static const struct shape_member members[] = {
    {"Select", &shape_select, false},
    {"IndexName", &shape_index_name, false},
    {"ReturnConsumedCapacity", &shape_capacity, false},
    {"QueryFilter", &shape_conditions, false},
    {"TableName", &shape_item_table, true},
    {"ConditionalOperator", &shape_operator, false},
    {"AttributesToGet", &shape_name_list, false},
    {"Limit", &shape_limit, false},
    {"KeyConditions", &shape_conditions, false},
    {"ExclusiveStartKey", &shape_item, false},
    {"ConsistentRead", &shape_boolean, false},
    {"ScanIndexForward", &shape_boolean, false},
    {"ProjectionExpression", &shape_string, false},
    {"FilterExpression", &shape_string, false},
    {"KeyConditionExpression", &shape_string, false},
    {"ExpressionAttributeNames", &shape_names, false},
    {"ExpressionAttributeValues", &shape_item, false},
    {0},
};
const struct shape shape_query = {.kind = SHAPE_STRUCT, .members = members};

static enum weir_status check_key_condition_given(struct api_call *call)
{
    if (request_member(call->request, "KeyConditions") == NULL &&
        request_member(call->request, "KeyConditionExpression") == NULL) {
        return call_invalid(call, "Either the KeyConditions or KeyConditionExpression parameter "
                                  "must be specified in the request.");
    }
    return WEIR_OK;
}

static enum weir_status read_before_table(struct api_call *call, struct page *page)
{
    enum weir_status status = expressions_mix(call, call->request, &expression_use_query);
    if (status == WEIR_OK) {
        status = page_read_start_key(call, &page->start_key);
    }
    if (status == WEIR_OK) {
        status = check_key_condition_given(call);
    }
    return status == WEIR_OK ? page_check_select(call) : status;
}

struct key_use {
    const struct page *page;
    struct weir_bytes found;
};

static bool is_not_key(void *arg, struct weir_bytes name)
{
    struct key_use *use = arg;
    if (bytes_eq(name, page_partition(use->page)->name) ||
        bytes_eq(name, page_sort(use->page)->name)) {
        use->found = name;
        return false;
    }
    return true;
}

static enum weir_status check_filter(struct api_call *call, const struct page *page)
{
    struct key_use use = {.page = page};
    if (page->filter == NULL || expr_condition_each_name(page->filter, is_not_key, &use)) {
        return WEIR_OK;
    }
    const char *what =
        request_member(call->request, "QueryFilter") != NULL ? "QueryFilter" : "Filter Expression";
    return call_invalid(call,
                        "%s can only contain non-primary key attributes: Primary key attribute: "
                        "%.*s",
                        what, BYTES_ARG(use.found));
}

static enum weir_status read_expressions(struct api_call *call, struct page *page)
{
    struct expressions e;
    enum weir_status status = expressions_begin(call, call->request, &expression_use_query, &e);
    if (status == WEIR_OK) {
        status = expressions_key_condition(&e, page_partition(page), page_sort(page), &page->key);
    }
    if (status == WEIR_OK) {
        status = expressions_filter(&e, "QueryFilter", &page->filter);
    }
    if (status == WEIR_OK) {
        status = expressions_projection(&e, &page->projection);
    }
    if (status == WEIR_OK) {
        status = expressions_end(&e);
    }
    return status == WEIR_OK ? check_filter(call, page) : status;
}

/* Whether the sort key is one that the condition selects. */
static bool in_range(const struct expr_key_condition *key, const struct weir_value *sort)
{
    if (key->sort_op == EXPR_SORT_ALL) {
        return true;
    }
    if (key->sort_op == EXPR_SORT_BEGINS_WITH) {
        return bytes_starts_with(sort->u.bytes, key->low->u.bytes);
    }
    int low = value_compare(sort, key->low);
    switch (key->sort_op) {
    case EXPR_SORT_EQ:
        return low == 0;
    case EXPR_SORT_LT:
        return low < 0;
    case EXPR_SORT_LE:
        return low <= 0;
    case EXPR_SORT_GT:
        return low > 0;
    case EXPR_SORT_GE:
        return low >= 0;
    default:
        return low >= 0 && value_compare(sort, key->high) <= 0;
    }
}

static enum weir_status check_start_in_query(struct api_call *call, const struct page *page)
{
    const struct engine_key_attribute *partition = page_partition(page);
    const struct engine_key_attribute *sort = page_sort(page);
    enum weir_status status = page_check_start_key(call, page, NULL);
    if (status != WEIR_OK || page->start_key == NULL) {
        return status;
    }
    if (!value_equal(value_member(page->start_key, partition->name), page->key.partition)) {
        return call_invalid(call, "The provided starting key is outside query boundaries based on "
                                  "provided conditions");
    }
    if (sort->name.len > 0 && !in_range(&page->key, value_member(page->start_key, sort->name))) {
        return call_invalid(call,
                            "The provided starting key does not match the range key predicate");
    }
    return WEIR_OK;
}

static enum weir_status read_with_table(struct api_call *call, struct page *page)
{
    enum weir_status status = page_find_index(call, page);
    if (status == WEIR_OK) {
        status = read_expressions(call, page);
    }
    if (status == WEIR_OK) {
        status = page_check_index(call, page);
    }
    if (status == WEIR_OK) {
        status = check_start_in_query(call, page);
    }
    page_read_plain(call, page);
    page->request.key = &page->key;
    page->request.backward = !request_bool(call->request, "ScanIndexForward", true);
    return status;
}

enum api_progress op_query_start(struct api_call *call)
{
    struct page *page = ARENA_NEW(call->arena, struct page);
    if (page == NULL) {
        (void)call_no_memory(call);
        return call_fail(call);
    }
    if (read_before_table(call, page) != WEIR_OK ||
        call_item_table(call, request_table(call->request), &page->request.table) != WEIR_OK) {
        return call_fail(call);
    }
    if (read_with_table(call, page) != WEIR_OK) {
        engine_table_unref(page->request.table);
        return call_fail(call);
    }
    return page_go(call, page);
}

enum api_progress op_query_resume(struct api_call *call)
{
    return page_resume(call);
}
