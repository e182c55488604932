/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_OUTBOX_FIXTURE_H
#define WEIR_TESTS_OUTBOX_FIXTURE_H

/* The stores' fixture (unit/support/fixture.h), and the calls that look at what an outbox left. */

#include "unit/support/fixture.h"

#include "outbox/outbox_store.h"
#include "weir/outbox.h"

/* An outbox with these options (NULL: defaults); the test closes it. */
struct weir_outbox *fixture_outbox(struct fixture *f, const struct weir_outbox_options *options);
/* Options of layout `by-message`. */
struct weir_outbox_options by_message(void);
/* The row as an item, NULL when there is none: of `partitioned`, and of `by-message`. */
const struct weir_value *fixture_row(struct fixture *f, const char *table, const char *key,
                                     const char *id);
const struct weir_value *fixture_message(struct fixture *f, const char *table, const char *id);
/* The row of either layout, in table "outbox". */
const struct weir_value *fixture_row_of(struct fixture *f, const struct weir_outbox *outbox,
                                        const char *key, const char *id);
/* Adds; fails the test when it does not work. */
void fixture_add(struct fixture *f, struct weir_outbox *outbox, const char *key, const char *id,
                 int64_t created_ms);
void fixture_mark(struct fixture *f, struct weir_outbox *outbox, const char *key, const char *id);
/* A message with every optional text but headers, and its time 2023-11-14T22:13:20.123Z. */
struct weir_message full_message_of(const char *key, const char *id);
/* Fails the test unless the row has these attributes: name and text. */
void fixture_assert_texts(struct fixture *f, const struct weir_value *row,
                          const char *const (*wanted)[2], size_t count);
/* One page of pending messages; *token is replaced by the page's own, NULL at the end. */
const struct weir_value *fixture_pending(struct fixture *f, struct weir_outbox *outbox,
                                         const char *key, uint32_t limit, const char **token);
/* "id id id" of a page; and of all that is pending, in pages of `limit`. */
const char *fixture_ids(struct fixture *f, const struct weir_value *messages);
const char *fixture_all_pending(struct fixture *f, struct weir_outbox *outbox, const char *key,
                                uint32_t limit);
/* weir_outbox_get's document. */
const struct weir_value *fixture_get(struct fixture *f, struct weir_outbox *outbox, const char *key,
                                     const char *id);
/* Runs `test` over an outbox of each layout. */
void fixture_each_layout(void (*test)(struct fixture *f, struct weir_outbox *outbox));
/* The member's text; "" when it is absent. */
const char *member_text(struct fixture *f, const struct weir_value *map, const char *name);

static inline struct weir_text text(const char *s)
{
    return (struct weir_text){s, s == NULL ? 0 : strlen(s)};
}

static inline struct weir_message message_of(const char *key, const char *id)
{
    struct weir_message message = WEIR_MESSAGE_INIT;
    message.key = text(key);
    message.id = text(id);
    message.type = text("order.placed");
    message.payload = text("{\"n\":1}");
    return message;
}

#endif
