/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_ITEM_TEXT_H
#define WEIR_TESTS_ITEM_TEXT_H

/* Items from DynamoDB's JSON, and compared with it. */

#include "client/item.h"

/* An empty item; the caller's. */
struct weir_item *new_item(void);
/* An item of DynamoDB JSON; the caller's. */
struct weir_item *item_of(const char *json);
/* Fails unless it is this item; NULL is no item. */
void assert_item(const struct weir_item *item, const char *json);
/* Fails unless it is this text. */
void assert_text(const char *text, size_t len, const char *wanted);

#endif
