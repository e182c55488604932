/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_PAGE_H
#define WEIR_API_PAGE_H

/*
 * One page of a table: what Query and Scan share. Always read on a thread that may block.
 */

#include "api/capacity.h"
#include "api/expressions.h"

struct page {
    struct engine_page_request request; /* its table is a reference of ours */
    struct expr_key_condition key;
    struct expr_condition *filter;
    struct expr_projection *projection;
    struct weir_value *start_key;
    bool consistent;
};

/* Finds the index that the request names, if any, in the page's table. */
enum weir_status page_find_index(struct api_call *call, struct page *page);
/* Holds ConsistentRead, Select, projection and filter, which are read already, against the index.
 */
enum weir_status page_check_index(struct api_call *call, struct page *page);
/* The keys of what is read: the index's, or the table's. */
const struct engine_key_attribute *page_partition(const struct page *page);
const struct engine_key_attribute *page_sort(const struct page *page);
/* Select against projection and index, as far as no table is needed for it. */
enum weir_status page_check_select(struct api_call *call);
/* ExclusiveStartKey as an item, not yet held against the table; NULL when absent. */
enum weir_status page_read_start_key(struct api_call *call, struct weir_value **ret_key);
/* Holds the start key against the table's keys. `prefix` is what AWS puts before some texts. */
enum weir_status page_check_start_key(struct api_call *call, const struct page *page,
                                      const char *prefix);
/* Parameters without checks of their own: Limit, ConsistentRead, Select. */
void page_read_plain(struct api_call *call, struct page *page);

/* Ends the start step: fills the engine's request from the page, and goes to a blocking thread. */
enum api_progress page_go(struct api_call *call, struct page *page);
/* Reads and answers; the resume step of both operations. */
enum api_progress page_resume(struct api_call *call);

#endif
