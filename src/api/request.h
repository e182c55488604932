/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_REQUEST_H
#define WEIR_API_REQUEST_H

/*
 * Reading members of a request whose shape is checked: so a member is absent or has its type. A
 * JSON null is an absent member, as AWS takes it.
 */

#include "api/call.h"

/* NULL when absent; `map` may be NULL. */
const struct weir_value *request_member(const struct weir_value *map, const char *name);
/* len 0 when absent. */
struct weir_bytes request_string(const struct weir_value *map, const char *name);
bool request_bool(const struct weir_value *map, const char *name, bool otherwise);
/* Fractions are cut off, values out of range end at the range, as AWS does. */
int64_t request_int(const struct weir_value *map, const char *name, int64_t otherwise);
int64_t request_number(const struct weir_value *number);
/* The table's name in `text`, which may be its ARN. */
struct weir_bytes request_table_of(struct weir_bytes text);
/* The same of the member TableName. */
struct weir_bytes request_table(const struct weir_value *map);

/* A map of attribute values (Key, Item) as an item. WEIR_VALIDATION, WEIR_SERIALIZATION. */
enum weir_status request_item(struct api_call *call, const struct weir_value *map, const char *name,
                              struct weir_value **ret_item);

#endif
