/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VALUE_ATTRIBUTE_H
#define WEIR_VALUE_ATTRIBUTE_H

/* Inside of value_to_attribute: types are checked over the whole document first, then values. */

#include "value/value.h"

/* The type of that name on the wire, or VALUE_TYPE_COUNT. */
enum value_type attribute_type(struct weir_bytes name);

/* WEIR_SERIALIZATION if a JSON type is not the one that DynamoDB-JSON wants there; of an attribute
 * value, and of a map of them. Null is taken for absent. */
enum weir_status attribute_check_types(const struct weir_value *doc, struct weir_error *err);
enum weir_status attribute_map_check_types(const struct weir_value *doc, struct weir_error *err);

/* Base64 to bytes in the arena. */
enum weir_status attribute_decode_binary(struct arena *a, struct weir_bytes text,
                                         struct weir_bytes *ret_raw, struct weir_error *err);

/* An SS, NS or BS from a JSON array whose types were checked; sorted, its members distinct. */
enum weir_status attribute_build_set(struct arena *a, enum value_type type,
                                     const struct weir_value *doc, struct weir_value *to,
                                     struct weir_error *err);

#endif
