/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_ITEM_FIXTURE_H
#define WEIR_TESTS_ITEM_FIXTURE_H

/* Two tables and short ways to items, over every endpoint: see unit/support/fixture.h. */

#include "unit/client/item_text.h"
#include "unit/support/fixture.h"

/*
 * "orders" has the keys pk (S) and sk (N), and a global index "by-tag" on tag (S); "simple" has pk
 * (S) alone.
 */
void item_fixture_open(struct fixture *f);

/* {"pk": S pk, "sk": N sk}, the caller's. */
struct weir_item *key_of(const char *pk, int64_t sk);
/* Puts `count` items under one partition key, sk 0 to count - 1, with n = sk and a tag. */
void put_many(struct fixture *f, const char *pk, uint32_t count);
/* The number in an attribute. */
int64_t int_of(const struct weir_item *item, const char *name);

#define TABLE(name) name, strlen(name)

#endif
