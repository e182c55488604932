/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_KEY_SCHEMA_H
#define WEIR_API_KEY_SCHEMA_H

/* KeySchema and AttributeDefinitions, of tables and of indexes. */

#include "api/call.h"

extern const struct shape shape_key_definitions; /* AttributeDefinitions */
extern const struct shape shape_key_schema;
extern const struct shape shape_index_key_schema;

/* Every key is defined; otherwise WEIR_VALIDATION. */
enum weir_status key_schema_check_defined(struct api_call *call, const struct weir_value *keys,
                                          const struct weir_value *definitions);
/* A HASH key, then at most one RANGE key, of different names. */
enum weir_status key_schema_check_types(struct api_call *call, const struct weir_value *keys);
/* Of a schema that passed both checks; names are the request's. */
void key_schema_read(const struct weir_value *keys, const struct weir_value *definitions,
                     struct engine_key_attribute *ret_partition,
                     struct engine_key_attribute *ret_sort);
/* "a, b": the AttributeNames of a list. */
void key_schema_put_names(struct buf *to, const struct weir_value *list);

#endif
