/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VALUE_PLAIN_JSON_H
#define WEIR_VALUE_PLAIN_JSON_H

/*
 * Plain JSON: items and attribute values as people and their tools write them, exactly and in both
 * directions.
 *
 *     attribute value     plain JSON
 *     S                   "text"
 *     N                   12.5                  the digits as they are, up to 38; never a double
 *     BOOL, NULL          true, false, null
 *     L                   [...]
 *     M                   {...}
 *     B                   {"$binary": "<Base64>"}
 *     SS, NS, BS          {"$set": [...]}       of strings, of numbers, of {"$binary": ...}
 *     M whose one member  {"$map": {...}}       so that it is not taken for one of these
 *       is named $binary,
 *       $set or $map
 *
 * An object is one of the last three exactly if its only member has that name; with other members
 * beside it, it is an M. The outermost object of an item is never looked at in this way: it is the
 * item. Reading what was written gives an equal value (value_equal).
 */

#include "value/value.h"

/*
 * Text to an item or attribute value: strict JSON (RFC 8259), UTF-8 checked, at most
 * LIMIT_JSON_DEPTH deep, nothing after the value; then DynamoDB's own checks (38 digits and range,
 * 32 levels, sets with distinct members). All bytes are in the arena. Invariants as for
 * value_to_attribute: members sorted, no name twice.
 * WEIR_SERIALIZATION: no such JSON, with the place ("at byte 17"); WEIR_VALIDATION: a value that
 * DynamoDB does not take; WEIR_NO_MEMORY. @thread any
 */
enum weir_status plain_parse_item(struct arena *a, struct weir_bytes text,
                                  struct weir_value **ret_item, struct weir_error *err);
enum weir_status plain_parse_value(struct arena *a, struct weir_bytes text,
                                   struct weir_value **ret_value, struct weir_error *err);

/* Back to text, one line, of a node of form ITEM or ATTRIBUTE (value_to_item and
 * value_to_attribute make them of what a client answered). */
void plain_write_item(struct buf *to, const struct weir_value *item);
void plain_write_value(struct buf *to, const struct weir_value *value);

#endif
