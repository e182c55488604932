/* SPDX-License-Identifier: Apache-2.0 */

/* Reading members of a request whose shape is checked. See request.h. */

#include "api/request.h"

#include <stdlib.h>

const struct weir_value *request_member(const struct weir_value *map, const char *name)
{
    const struct weir_value *member = value_get(map, name);
    if (member != NULL && member->type == VALUE_NULL && member->form == VALUE_PLAIN) {
        return NULL;
    }
    return member;
}

struct weir_bytes request_string(const struct weir_value *map, const char *name)
{
    const struct weir_value *member = request_member(map, name);
    return member == NULL ? BYTES_NONE : member->u.bytes;
}

bool request_bool(const struct weir_value *map, const char *name, bool otherwise)
{
    const struct weir_value *member = request_member(map, name);
    return member == NULL ? otherwise : member->truth;
}

int64_t request_number(const struct weir_value *number)
{
    char text[64];
    struct weir_bytes bytes = number->u.bytes;
    size_t length = bytes.len < sizeof(text) - 1 ? bytes.len : sizeof(text) - 1;
    memcpy(text, bytes.ptr, length);
    text[length] = '\0';
    double value = strtod(text, NULL);
    if (value >= 9.2e18) {
        return INT64_MAX;
    }
    return value <= -9.2e18 ? INT64_MIN : (int64_t)value;
}

int64_t request_int(const struct weir_value *map, const char *name, int64_t otherwise)
{
    const struct weir_value *member = request_member(map, name);
    return member == NULL ? otherwise : request_number(member);
}

struct weir_bytes request_table_of(struct weir_bytes text)
{
    if (!bytes_starts_with(text, BYTES_LIT("arn:"))) {
        return text;
    }
    const uint8_t *slash = memchr(text.ptr, '/', text.len);
    if (slash == NULL) {
        return text;
    }
    return bytes_of(slash + 1, text.len - (size_t)(slash + 1 - text.ptr));
}

struct weir_bytes request_table(const struct weir_value *map)
{
    return request_table_of(request_string(map, "TableName"));
}

enum weir_status request_item(struct api_call *call, const struct weir_value *map, const char *name,
                              struct weir_value **ret_item)
{
    return value_to_item(call->arena, request_member(map, name), ret_item, &call->error);
}
