/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VALUE_JSON_TEXT_H
#define WEIR_VALUE_JSON_TEXT_H

/* The pieces of DynamoDB-JSON that both writers, of nodes and of stored bytes, put out. */

#include "value/value.h"

/* A constant view in an initialiser, where BYTES_LIT is no constant. */
#define BYTES_INIT(s)                       \
    {                                       \
        (const uint8_t *)(s), sizeof(s) - 1 \
    }

/* `before`, the text as a JSON string, and `after`, with room made once in the usual case. */
void json_write_framed(struct buf *to, struct weir_bytes before, struct weir_bytes text,
                       struct weir_bytes after);
/* What stands before the value of an attribute: {"S": and so on; and the same behind the colon
 * of its name. */
struct weir_bytes json_opening(enum value_type type);
struct weir_bytes json_member_opening(enum value_type type);
/* Raw bytes as a Base64 string. */
void json_write_binary(struct buf *to, struct weir_bytes raw);

static inline void json_write_bool(struct buf *to, bool truth)
{
    buf_put(to, truth ? BYTES_LIT("true") : BYTES_LIT("false"));
}

#endif
