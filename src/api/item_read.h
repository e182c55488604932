/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_ITEM_READ_H
#define WEIR_API_ITEM_READ_H

/*
 * Reading items by key: what GetItem, BatchGetItem and TransactGetItems share. Without a projection
 * the stored bytes go into the response as they are.
 */

#include "api/capacity.h"
#include "api/expressions.h"

/* One key to be read. The table's reference is held until item_key_fini. */
struct item_key {
    struct engine_table *table;
    struct weir_bytes row_key; /* in the arena */
    const struct expr_projection *projection;
};

/* Takes the reference over, also when it fails. */
enum weir_status item_key_init(struct api_call *call, struct engine_table *take_table,
                               const struct weir_value *key,
                               const struct expr_projection *projection, struct item_key *ret_key);
void item_key_fini(struct item_key *key); /* accepts a zeroed one */

/* Fills `to` with the stored item, or what the projection leaves of it. */
enum weir_status item_show(struct api_call *call, struct weir_bytes stored,
                           const struct expr_projection *projection, struct weir_value *to);
/* DynamoDB's size of a stored item; 0 for none. */
enum weir_status item_stored_size(struct api_call *call, struct weir_bytes stored,
                                  size_t *ret_bytes);

#endif
