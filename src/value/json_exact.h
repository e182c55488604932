/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VALUE_JSON_EXACT_H
#define WEIR_VALUE_JSON_EXACT_H

/* JSON for people's items, in which a number keeps every digit: json_parse, the reader for
 * requests, makes doubles of fractions. */

#include "value/value.h"

/* What both readers say when the arena is full. */
#define JSON_NO_MEMORY "the JSON document needs more memory than a request has"

/*
 * Text to a document: strict JSON (RFC 8259), UTF-8 checked, at most LIMIT_JSON_DEPTH deep, nothing
 * after the value. A number's text is as it was written. A name may be in an object twice: who
 * sorts the members sees it (value_sort_map). All bytes are copied into the arena.
 * WEIR_SERIALIZATION says what is wrong, and where ("at byte 17"); WEIR_NO_MEMORY. @thread any
 */
enum weir_status json_parse_exact(struct arena *a, struct weir_bytes text,
                                  struct weir_value *ret_doc, struct weir_error *err);

#endif
