/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_CMD_ITEM_H
#define WEIR_CLI_CMD_ITEM_H

/* Inside of the item commands. */

#include "cli/data.h"

/* Opens the session and sees that a table was named; data_close follows in any case. */
enum weir_status item_open(struct data_session *s, const struct cli_args *args);

/* Adds the UpdateExpression that --set and --remove say, with its names and values. */
enum weir_status item_add_simple_update(struct data_session *s, struct weir_value *request);

/* Adds the KeyConditionExpression of the partition key's value (a word) and of --sort, with its
 * names and values. */
enum weir_status item_add_simple_query(struct data_session *s, const struct data_keys *keys,
                                       struct weir_value *request);

#endif
