/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SINK_MESSAGE_JSON_H
#define WEIR_SINK_MESSAGE_JSON_H

#include "base/buf.h"
#include "weir/sink.h"

/*
 * A message as one JSON object without line breaks:
 *
 *     {"id":..,"key":..,"type":..,"topic":..,"time":..,"contentType":..,"correlationId":..,
 *      "causationId":..,"aggregateId":..,"aggregateType":..,"traceparent":..,"tracestate":..,
 *      "headers":{..},"encoding":"raw"|"base64","data":..}
 *
 * Absent fields are left out. `data` is the payload as text when it is UTF-8 (encoding raw), its
 * Base64 otherwise. Sticky errors in `to`.
 */
void message_json_write(struct buf *to, const struct weir_sink_message *message);

#endif
