/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/message_json.h"

#include "base/utf8.h"
#include "value/value.h"

static struct weir_bytes bytes_of_text(struct weir_text text)
{
    return bytes_of(text.ptr, text.len);
}

static void put_member(struct buf *to, const char *name, struct weir_text text)
{
    if (text.len > 0) {
        buf_printf(to, "%s\"%s\":", to->ptr[to->len - 1] == '{' ? "" : ",", name);
        json_write_string(to, bytes_of_text(text));
    }
}

/* Headers were checked to be a JSON object when the message was made, and again here only by their
 * ends: a row that another program wrote may hold anything, and then it goes as text. */
static void put_headers(struct buf *to, struct weir_text headers)
{
    struct weir_bytes text = bytes_of_text(headers);
    bool object = text.len >= 2 && text.ptr[0] == '{' && text.ptr[text.len - 1] == '}' &&
                  memchr(text.ptr, '\n', text.len) == NULL;
    if (!object) {
        put_member(to, "headers", headers);
        return;
    }
    buf_put_str(to, ",\"headers\":");
    buf_put(to, text);
}

void message_json_write(struct buf *to, const struct weir_sink_message *message)
{
    buf_put_u8(to, '{');
    if (buf_status(to) != WEIR_OK) {
        return;
    }
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
    struct weir_bytes payload = bytes_of_text(message->payload);
    if (utf8_valid(payload)) {
        buf_put_str(to, ",\"encoding\":\"raw\",\"data\":");
        json_write_string(to, payload);
    } else {
        buf_put_str(to, ",\"encoding\":\"base64\",\"data\":\"");
        buf_put_base64(to, payload);
        buf_put_u8(to, '"');
    }
    buf_put_u8(to, '}');
}
