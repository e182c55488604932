/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"

#include "base/error.h"

#include <string.h>

#define SIZE_MIN 8         /* struct_size and one more member */
#define SIZE_SANE_MAX 4096 /* far above any struct of ours: more is no size at all */

static bool sane(uint32_t size)
{
    return size >= SIZE_MIN && size <= SIZE_SANE_MAX;
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

enum weir_status options_take(void *to, size_t to_size, const void *from, const char *init,
                              struct weir_error *err)
{
    uint32_t ours = (uint32_t)to_size;
    uint32_t theirs = ours;
    if (from != NULL) {
        memcpy(&theirs, from, sizeof(theirs));
    }
    if (!sane(theirs)) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "struct_size is %u: begin with %s", theirs,
                         init);
    }
    if (theirs > ours && !all_zero((const uint8_t *)from + ours, theirs - ours)) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "what begins with %s has members that this version of weir does not know",
                         init);
    }
    memset(to, 0, to_size);
    if (from != NULL) {
        memcpy(to, from, theirs < ours ? theirs : ours);
    }
    memcpy(to, &ours, sizeof(ours));
    return WEIR_OK;
}

bool options_sized(const void *to)
{
    uint32_t theirs = 0;
    if (to != NULL) {
        memcpy(&theirs, to, sizeof(theirs));
    }
    return sane(theirs);
}

void options_give(void *to, const void *from, size_t from_size)
{
    uint32_t theirs;
    memcpy(&theirs, to, sizeof(theirs));
    memset(to, 0, theirs);
    memcpy(to, from, theirs < from_size ? theirs : from_size);
    memcpy(to, &theirs, sizeof(theirs));
}
