/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLIENT_ENSURE_H
#define WEIR_CLIENT_ENSURE_H

/* A store's table: made when it is missing, waited for until it can be used. */

#include "client/client.h"

struct client_table_wish {
    struct weir_bytes table;
    const struct weir_value *create; /* CreateTable's document; NULL: the table must exist */
    struct weir_bytes ttl_attribute; /* len 0: TTL is not asked for */
    uint32_t wait_ms;                /* for ACTIVE */
};

/*
 * Describes the table; creates it when it is missing and allowed (another's creation at the same
 * time is as good); waits for ACTIVE; turns TTL on where it is off (another's at the same time is
 * as good). *ret_description is DescribeTable's Table, in the arena. WEIR_RESOURCE_NOT_FOUND,
 * WEIR_TIMEOUT, and what the calls give. @thread any but a loop's
 */
enum weir_status client_table_ensure(struct weir_client *client,
                                     const struct client_table_wish *wish, struct arena *arena,
                                     const struct weir_value **ret_description,
                                     struct weir_error *err);

#endif
