/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VALUE_CONVERT_H
#define WEIR_VALUE_CONVERT_H

/*
 * What the ways from a document to attribute values share: attribute.c reads DynamoDB-JSON,
 * plain_json.c plain JSON. They go down a document in the same manner and differ in what one node
 * stands for:
 *
 *     convert_item, convert_new ──► convert_value ──► conversion.node, one per notation
 *                                         ▲                 │
 *                                         └── convert_map, convert_list
 */

#include "value/value.h"

struct conversion {
    struct arena *arena;
    struct weir_error *err;
    const char *no_memory; /* what is said when the arena is full */
    /* One node as an attribute value; its level is allowed. Fills all of `to`, or fails. */
    enum weir_status (*node)(const struct conversion *c, const struct weir_value *doc,
                             unsigned level, struct weir_value *to);
};

/* WEIR_NO_MEMORY, said in the conversion's words. */
enum weir_status convert_no_memory(const struct conversion *c);

/* The outermost value, at level 1, as a new node; and an item of the map's members. */
enum weir_status convert_new(const struct conversion *c, const struct weir_value *doc,
                             struct weir_value **ret_value);
enum weir_status convert_item(const struct conversion *c, const struct value_map *from,
                              struct weir_value **ret_item);

/* What a map or a list at that level holds is one level deeper. WEIR_VALIDATION for too many
 * levels, and for a name that is in a map twice; the map's members are sorted. */
enum weir_status convert_map(const struct conversion *c, const struct value_map *from,
                             unsigned level, enum value_form form, struct weir_value *to);
enum weir_status convert_list(const struct conversion *c, const struct value_list *from,
                              unsigned level, struct weir_value *to);
/* From a number's text, which becomes canonical, and from Base64. */
enum weir_status convert_number(const struct conversion *c, struct weir_bytes text,
                                struct weir_value *to);
enum weir_status convert_binary(const struct conversion *c, struct weir_bytes text,
                                struct weir_value *to);

#endif
