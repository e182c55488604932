/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_DESCRIBE_H
#define WEIR_API_DESCRIBE_H

/* TableDescription, and the parts of it that describe streams too. */

#include "api/call.h"

/* Adds the description of the table under `name`. `status` is AWS's TableStatus: "ACTIVE", or what
 * it says while a change is under way. */
void describe_table(struct api_call *call, struct weir_value *response, const char *name,
                    const struct engine_table *table, const char *status);
void describe_key_schema(struct api_call *call, struct weir_value *to,
                         const struct engine_key_attribute *partition,
                         const struct engine_key_attribute *sort);
/* Ends a call that changed a table: its new description under TableDescription. */
enum api_progress describe_changed(struct api_call *call, const char *status);

/* The StreamSpecification of a CreateTable or UpdateTable. WEIR_VALIDATION. */
enum weir_status describe_read_stream(struct api_call *call, bool *ret_enabled,
                                      enum engine_view_type *ret_view);

#endif
