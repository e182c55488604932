/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/message_json.h"

#include "base/utf8.h"
#include "value/value.h"

/* An item's worth of text as nodes. */
#define HEADERS_ARENA_BYTES (32u * 1024 * 1024)

static struct weir_bytes bytes_of_text(struct weir_text text)
{
    return bytes_of(text.ptr, text.len);
}

static void put_name(struct buf *to, const char *name)
{
    if (buf_status(to) == WEIR_OK) {
        buf_printf(to, "%s\"%s\":", to->ptr[to->len - 1] == '{' ? "" : ",", name);
    }
}

static void put_member(struct buf *to, const char *name, struct weir_text text)
{
    if (text.len > 0) {
        put_name(to, name);
        json_write_string(to, bytes_of_text(text));
    }
}

/* Headers were checked when weir made the message; a row that another program wrote may hold
 * anything, and what is no JSON object goes as text. Written anew, so that no line break stays. */
static void put_headers(struct buf *to, struct weir_text headers)
{
    struct weir_value *document = NULL;
    struct arena *a = headers.len == 0 ? NULL : arena_new(HEADERS_ARENA_BYTES);
    if (a != NULL && json_parse(a, bytes_of_text(headers), &document, NULL) == WEIR_OK &&
        document->type == VALUE_M) {
        put_name(to, "headers");
        json_write(to, document);
    } else {
        put_member(to, "headers", headers);
    }
    arena_free(a);
}

static void put_data(struct buf *to, struct weir_bytes payload)
{
    put_name(to, "encoding");
    if (utf8_valid(payload)) {
        buf_put_str(to, "\"raw\",\"data\":");
        json_write_string(to, payload);
    } else {
        buf_put_str(to, "\"base64\",\"data\":\"");
        buf_put_base64(to, payload);
        buf_put_u8(to, '"');
    }
}

void message_json_write(struct buf *to, const struct weir_sink_message *message)
{
    buf_put_u8(to, '{');
    put_member(to, "id", message->id);
    put_member(to, "key", message->key);
    put_member(to, "type", message->type);
    put_member(to, "topic", message->destination);
    put_member(to, "time", message->created_at);
    put_member(to, "contentType", message->content_type);
    put_member(to, "correlationId", message->correlation_id);
    put_member(to, "causationId", message->causation_id);
    put_member(to, "aggregateId", message->aggregate_id);
    put_member(to, "aggregateType", message->aggregate_type);
    put_member(to, "traceparent", message->traceparent);
    put_member(to, "tracestate", message->tracestate);
    put_headers(to, message->headers);
    put_data(to, bytes_of_text(message->payload));
    buf_put_u8(to, '}');
}
