/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_DEDUP_FIXTURE_H
#define WEIR_TESTS_DEDUP_FIXTURE_H

/* The stores' fixture (unit/support/fixture.h) with a dedup of default options in f->dedup, whose
 * clock the test turns, and the calls that look at its rows. */

#include "unit/support/fixture.h"

#include "dedup/dedup_store.h"

#define TABLE "deduplication-table"

void dedup_fixture_open(struct fixture *f);
void dedup_fixture_close(struct fixture *f);

/* A further store on the same database; NULL: default options. The test closes it. */
struct weir_dedup *fixture_dedup(struct fixture *f, const struct weir_dedup_options *options);

/* The row as an item, NULL when there is none. */
const struct weir_value *fixture_row(struct fixture *f, const char *worker, const char *message);

static inline struct weir_dedup_id id_of(const char *worker, const char *message)
{
    return (struct weir_dedup_id){worker, strlen(worker), message, strlen(message)};
}

static inline struct weir_claim_request request_of(const char *worker, const char *message,
                                                   const char *payload)
{
    return (struct weir_claim_request){id_of(worker, message), payload, strlen(payload)};
}

/* Fails the test unless the claim has this outcome. */
struct weir_claim fixture_claim(struct fixture *f, struct weir_dedup *dedup, const char *worker,
                                const char *message, enum weir_claim_outcome wanted);

#endif
