/* SPDX-License-Identifier: Apache-2.0 */
/* Adding one message: what is stored, what is refused, what is left alone. */
#include "unit/outbox/outbox_fixture.h"

static struct outbox_message decoded(struct fixture *f, const struct weir_value *row)
{
    struct outbox_layout layout;
    struct outbox_message message;
    assert_status(outbox_layout_init(NULL, &layout, &f->err), WEIR_OK);
    if (outbox_decode(f->arena, &layout, row, &message, &f->err) != WEIR_OK) {
        fail_msg("%s", f->err.message);
    }
    return message;
}

#undef assert_status
#define assert_status(call, wanted) assert_int_equal((call), (wanted))
