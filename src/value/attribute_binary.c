/* SPDX-License-Identifier: Apache-2.0 */
/* Binary values of DynamoDB-JSON: strict Base64, refused with the service's texts. */
#include "value/attribute.h"

#include "base/base64.h"
#include "base/error.h"

/* Whether the last character before the padding has bits that belong to no byte. */
static bool has_loose_bits(struct weir_bytes text)
{
    uint8_t bytes[3];
    size_t len;
    size_t padded = 0;

    while (padded < 2 && text.ptr[text.len - 1 - padded] == '=') {
        padded++;
    }
    const uint8_t last[4] = {'A', 'A', 'A', text.ptr[text.len - 1 - padded]};
    unsigned loose = padded == 2 ? 0x0F : padded == 1 ? 0x03 : 0;
    return last[3] != '=' && base64_decode(bytes_of(last, sizeof(last)), bytes, &len) &&
           (bytes[2] & loose) != 0;
}

static enum weir_status refuse(struct weir_bytes text, struct weir_error *err)
{
    if (text.len % 4 != 0) {
        return error_set(err, WEIR_SERIALIZATION,
                         "Base64 encoded length is expected a multiple of 4 bytes but found: %zu",
                         text.len);
    }
    /* Spelt as the service spells it. */
    return error_set(err, WEIR_SERIALIZATION, "%s",
                     has_loose_bits(text) ? "Invalid last non-pad Base64 character dectected"
                                          : "Invalid Base64 character found");
}

enum weir_status attribute_decode_binary(struct arena *a, struct weir_bytes text,
                                         struct weir_bytes *ret_raw, struct weir_error *err)
{
    size_t len;
    uint8_t *raw = arena_alloc(a, text.len / 4 * 3);

    if (raw == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a binary value");
    }
    if (!base64_decode(text, raw, &len)) {
        return refuse(text, err);
    }
    *ret_raw = bytes_of(raw, len);
    return WEIR_OK;
}
