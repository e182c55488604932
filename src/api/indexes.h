/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_INDEXES_H
#define WEIR_API_INDEXES_H

/* LocalSecondaryIndexes and GlobalSecondaryIndexes of a CreateTable, and their descriptions. */

#include "api/call.h"

extern const struct shape shape_local_indexes;
extern const struct shape shape_global_indexes;

/* Reads both into spec->indexes (of the call's arena), whose table keys and billing are read
 * already; checks that every definition is used. WEIR_VALIDATION. */
enum weir_status indexes_read(struct api_call *call, struct engine_table_spec *spec);

/* Adds the members LocalSecondaryIndexes and GlobalSecondaryIndexes, where the table has any. */
void indexes_describe(struct api_call *call, struct weir_value *to,
                      const struct engine_table *table, const char *status);

#endif
