/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BASE_OPTIONS_H
#define WEIR_BASE_OPTIONS_H

/*
 * Public structs whose caller was compiled against another version of the headers. Their first
 * member, struct_size, says how much the caller has: of options, what it lacks is zero, the
 * default, and what it has beyond ours must be zero, since we could not heed it; of results, it is
 * given what it knows.
 *
 *     struct weir_x_options mine;
 *     status = options_take(&mine, sizeof(mine), options, "WEIR_X_OPTIONS_INIT", err);
 */

#include "base/bytes.h"
#include "weir/error.h"

/*
 * Copies *from (NULL: all defaults) into `to`, of `to_size` bytes, and sets its struct_size to
 * that. WEIR_INVALID_ARGUMENT: its size was not set, which names the initializer `init`, or it asks
 * for what is not known here.
 */
enum weir_status options_take(void *to, size_t to_size, const void *from, const char *init,
                              struct weir_error *err);

/* Whether the caller's result struct, which may be NULL, says how much it holds. */
bool options_sized(const void *to);
/* Fills the caller's result struct from ours, of `from_size` bytes, as far as it knows it; what it
 * has beyond ours becomes zero. Its struct_size stays. */
void options_give(void *to, const void *from, size_t from_size);

#endif
