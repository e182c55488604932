/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXPR_CHANGE_H
#define WEIR_EXPR_CHANGE_H

/*
 * Between the two halves of applying an update: what each action makes of its path (expr_change.c,
 * seeing only the item as it was), and the item built from that (expr_update.c).
 */

#include "expr/expr_internal.h"

enum change_kind { CHANGE_NONE, CHANGE_SET, CHANGE_REMOVE };

struct change {
    enum change_kind kind;
    bool missing; /* a SET whose operand is not in the item */
    struct weir_value value;
};

struct change_context {
    struct arena *arena;
    const struct weir_value *item; /* may be NULL */
    bool legacy;
    struct weir_error *err;
};

/* WEIR_VALIDATION for an operand of the wrong type or a number out of range. */
enum weir_status change_compute(const struct change_context *c, const struct action *action,
                                struct change *ret_change);

#endif
