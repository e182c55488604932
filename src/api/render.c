/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The body and the HTTP status of a finished call. AWS spreads its errors over three namespaces and
 * two spellings of "message"; the SDKs match on the part behind the '#', other clients on all of
 * it.
 */

#include "api/api.h"
#include "api/call.h"

static const char *error_namespace(enum weir_status status)
{
    switch (status) {
    case WEIR_VALIDATION:
        return "com.amazon.coral.validate#";
    case WEIR_SERIALIZATION:
    case WEIR_UNKNOWN_OPERATION:
    case WEIR_ACCESS_DENIED:
    case WEIR_BAD_CREDENTIALS:
        return "com.amazon.coral.service#";
    default:
        return "com.amazonaws.dynamodb.v20120810#";
    }
}

/* Statuses without a name on the wire are failures of ours. */
static const char *error_name(enum weir_status status)
{
    const char *name = status_exception(status);
    return name[0] == '\0' ? status_exception(WEIR_SERVER) : name;
}

static const char *message_key(enum weir_status status)
{
    switch (status) {
    case WEIR_SERIALIZATION:
    case WEIR_ACCESS_DENIED:
    case WEIR_TXN_CANCELED:
    case WEIR_TXN_IN_PROGRESS:
    case WEIR_IDEMPOTENT_MISMATCH:
        return "Message";
    default:
        return "message";
    }
}

/* A text too long for struct weir_error is kept among the members. */
static struct weir_bytes error_message(const struct api_call *call)
{
    const struct weir_value *whole = value_get(call->error_members, "message");
    return whole != NULL ? whole->u.bytes : bytes_str(call->error.message);
}

static void render_members(const struct weir_value *members, struct buf *to)
{
    if (members == NULL) {
        return;
    }
    for (uint32_t i = 0; i < members->u.map.count; i++) {
        const struct value_member *member = &members->u.map.at[i];
        if (bytes_eq_str(member->name, "message")) {
            continue;
        }
        buf_put_str(to, ",");
        json_write_string(to, member->name);
        buf_put_str(to, ":");
        json_write(to, &member->value);
    }
}

static void render_error(const struct api_call *call, struct buf *to)
{
    enum weir_status status = call->error.status;
    buf_printf(to, "{\"__type\":\"%s%s\",\"%s\":", error_namespace(status), error_name(status),
               message_key(status));
    json_write_string(to, error_message(call));
    render_members(call->error_members, to);
    buf_put_str(to, "}");
}

void api_render(const struct api_call *call, struct buf *to)
{
    if (call->status == WEIR_OK) {
        json_write(to, call->response);
    } else {
        render_error(call, to);
    }
}

int api_http_status(const struct api_call *call)
{
    if (call->status == WEIR_OK) {
        return 200;
    }
    if (status_exception(call->status)[0] == '\0') {
        return status_http(WEIR_SERVER);
    }
    return status_http(call->status);
}
