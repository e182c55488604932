/* SPDX-License-Identifier: Apache-2.0 */

/* Builders of responses. See document.h. */

#include "api/document.h"

struct weir_value *document_append_map(struct arena *a, struct weir_value *list)
{
    struct weir_value *element = value_append(a, list);
    struct weir_value *map = value_new_map(a, VALUE_PLAIN);
    if (element == NULL || map == NULL) {
        return NULL;
    }
    *element = *map;
    return element;
}

void document_append_str(struct arena *a, struct weir_value *list, struct weir_bytes text)
{
    struct weir_value *element = value_append(a, list);
    if (element != NULL) {
        value_set_s(element, text);
        element->form = VALUE_PLAIN;
    }
}

void document_add_date(struct arena *a, struct weir_value *map, const char *name, int64_t wall_ms)
{
    value_add_double(a, map, name, (double)wall_ms / 1000.0);
}

void document_set_stored(struct weir_value *to, struct weir_bytes stored)
{
    to->type = VALUE_B;
    to->form = VALUE_STORED;
    to->u.bytes = stored;
}

void document_add_stored(struct arena *a, struct weir_value *map, const char *name,
                         struct weir_bytes stored)
{
    struct weir_value *member = value_add(a, map, bytes_str(name));
    if (member != NULL) {
        document_set_stored(member, stored);
    }
}
