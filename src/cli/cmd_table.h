/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_CMD_TABLE_H
#define WEIR_CLI_CMD_TABLE_H

/* Inside of the table commands. */

#include "cli/data.h"

#define TABLE_WAIT_MS_DEFAULT (10 * 60 * 1000)

/* The text of a member, NUL-terminated in the session's arena; NULL when there is none. */
const char *table_text(struct data_session *s, const struct weir_value *map, const char *name);
/* The list of a member; an empty one when there is none. */
const struct value_list *table_list(const struct weir_value *map, const char *name);

/* --timeout in milliseconds, TABLE_WAIT_MS_DEFAULT without it. */
enum weir_status table_timeout(struct data_session *s, int64_t *ret_ms);
/* Looks until the table (and its indexes) are ACTIVE, or until it is gone. *ret_table is
 * DescribeTable's Table of the last look, NULL when gone; may be NULL. WEIR_TIMEOUT. */
enum weir_status table_wait(struct data_session *s, const char *table, bool gone,
                            int64_t timeout_ms, const struct weir_value **ret_table);

/* Creates, waits unless --no-wait, turns TTL on. *ret_table as CreateTable or the wait tells it. */
enum weir_status table_create(struct data_session *s, const struct weir_value *request,
                              const char *ttl, const struct weir_value **ret_table);

#define TABLE_WAIT_OPTIONS                                          \
    {"no-wait", 0, NULL, "do not wait until it is done"},           \
    {                                                               \
        "timeout", 0, "TIME", "give up waiting after so long (10m)" \
    }

#endif
