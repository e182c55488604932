/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_DOCUMENT_H
#define WEIR_API_DOCUMENT_H

/* Small additions to the builders of value.h that responses need. Each takes NULL as they do. */

#include "value/value.h"

/* Appends an object to a list and returns it to be filled. */
struct weir_value *document_append_map(struct arena *a, struct weir_value *list);
void document_append_str(struct arena *a, struct weir_value *list, struct weir_bytes text);
/* Seconds since the epoch with a fraction, as AWS writes its dates. */
void document_add_date(struct arena *a, struct weir_value *map, const char *name, int64_t wall_ms);
/* A stored item: its bytes go to the wire without being decoded. */
void document_add_stored(struct arena *a, struct weir_value *map, const char *name,
                         struct weir_bytes stored);
void document_set_stored(struct weir_value *to, struct weir_bytes stored);

#endif
