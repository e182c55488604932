/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DEDUP_DEDUP_PAGE_H
#define WEIR_DEDUP_DEDUP_PAGE_H

/* Reading many rows, for the list and the purge: page by page through the table or one worker's
 * rows. An outbox's messages in the same table come as rows of state ANY, to be passed over. */

#include "dedup/dedup_store.h"

struct dedup_page {
    const struct weir_value *rows; /* a list */
    const struct weir_value *next; /* the key to go on behind; NULL: at the end */
};

/* The page behind `after` (NULL: the first), in the arena. */
enum weir_status dedup_page_read(const struct weir_dedup *dedup, struct arena *a,
                                 struct weir_bytes worker, const struct weir_value *after,
                                 struct dedup_page *ret_page, struct weir_error *err);

/* What a row says; one that is malformed says so. */
struct dedup_seen {
    struct weir_value *item;
    struct weir_bytes worker, message;
    struct dedup_row row;
    enum weir_dedup_state state; /* ANY: an outbox's message */
};

/* `call` gives the arena and the moment. */
enum weir_status dedup_page_look(const struct dedup_call *call, const struct weir_value *node,
                                 struct dedup_seen *ret_seen, struct weir_error *err);

/* What to go on behind, for callers: the last row's worker and message. Empty without memory. */
struct weir_bytes dedup_page_token(struct arena *a, const struct dedup_seen *last);
/* The key that a token stands for. WEIR_INVALID_ARGUMENT: it is none. */
enum weir_status dedup_page_after(const struct weir_dedup *dedup, struct arena *a,
                                  struct weir_bytes token, const struct weir_value **ret_after,
                                  struct weir_error *err);

/* The text of a string attribute; empty when it is absent or another type. */
struct weir_bytes dedup_page_text(const struct weir_value *item, const char *name);

enum weir_status dedup_check_worker(size_t worker_len, struct weir_error *err);

#endif
