/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

static bool continues(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The length of the sequence at the front, 0 if there is none. Lead bytes restrict what may follow
 * them; the table is that of the standard's well-formed sequences. */
static size_t sequence_length(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        return left >= 2 && continues(at[1]) ? 2 : 0;
    }
    if (lead >= 0xE0 && lead <= 0xEF) {
        bool good = left >= 3 && continues(at[1]) && continues(at[2]) &&
                    (lead != 0xE0 || at[1] >= 0xA0) && (lead != 0xED || at[1] <= 0x9F);
        return good ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        bool good = left >= 4 && continues(at[1]) && continues(at[2]) && continues(at[3]) &&
                    (lead != 0xF0 || at[1] >= 0x90) && (lead != 0xF4 || at[1] <= 0x8F);
        return good ? 4 : 0;
    }
    return 0;
}

bool utf8_valid(struct weir_bytes bytes)
{
    size_t at = 0;
    while (at < bytes.len) {
        size_t length = sequence_length(bytes.ptr + at, bytes.len - at);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}
