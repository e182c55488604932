/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OUTBOX_OUTBOX_STORE_H
#define WEIR_OUTBOX_OUTBOX_STORE_H

/* What the store's two files share: the handle, and one call's beginning and result. */

#include "outbox/outbox.h"

/* One call: a message of 400 KB, its Base64, its request, and a page of up to 1 MB. */
#define OUTBOX_CALL_BYTES (64 * 1024 * 1024)
#define OUTBOX_NAMES_BYTES 4096

struct weir_outbox {
    struct weir_client *client;  /* all fields are immutable after open */
    struct outbox_layout layout; /* its bytes are in `names` */
    struct arena *names;
};

/* An arena for one call, the caller's to free; WEIR_CLOSED when the outbox is not open. */
enum weir_status outbox_call_begin(const struct weir_outbox *outbox, struct arena **ret_arena,
                                   struct weir_error *err);
/* A document as NUL-terminated text, freed with weir_free. */
enum weir_status outbox_text_of(const struct weir_value *document, char **ret_json,
                                size_t *ret_json_len, struct weir_error *err);

#endif
