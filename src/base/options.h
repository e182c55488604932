/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BASE_OPTIONS_H
#define WEIR_BASE_OPTIONS_H

/*
 * Public options structs whose caller was compiled against another version of the headers. Their
 * first member, struct_size, says how much the caller has: what it lacks is zero, the default; what
 * it has beyond ours must be zero, since we could not heed it.
 *
 *     struct weir_x_options mine;
 *     status = options_take(&mine, sizeof(mine), options, "weir_x_options", err);
 */

#include "base/bytes.h"
#include "weir/error.h"

/* Copies *from (NULL: all defaults) into `to`, of `to_size` bytes, and sets its struct_size to
 * that. WEIR_INVALID_ARGUMENT names the struct: its size was not set, or it asks for what is not
 * known. */
enum weir_status options_take(void *to, size_t to_size, const void *from, const char *name,
                              struct weir_error *err);

#endif
