/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_DEDUP_FIXTURE_H
#define WEIR_TESTS_DEDUP_FIXTURE_H

/* A database of its own for each test, in memory and on disk in turn, stores on it with clocks that
 * the test turns, and the calls that look at what they left. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "dedup/dedup_store.h"
#include "weir/engine.h"

#define TABLE "deduplication-table"

struct fixture {
    struct weir_client *client;
    struct weir_env *clock;   /* every store's, unless the test gives it another */
    struct arena *arena;      /* answers, until the test's end */
    struct weir_dedup *dedup; /* of default options */
    struct weir_error err;
};

void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);
/* Runs the group in memory, then on disk. */
int fixture_run(const char *name, const struct CMUnitTest *tests, size_t count);

/* A further store on the same database; NULL: default options. The test closes it. */
struct weir_dedup *fixture_dedup(struct fixture *f, const struct weir_dedup_options *options);
/* A clock that shows another time: `off_ms` from the fixture's. */
struct weir_env *fixture_clock(struct fixture *f, int64_t off_ms);

/* The answer as a document; fails the test on another status than OK. */
const struct weir_value *fixture_call(struct fixture *f, const char *operation, const char *json);
/* The row as an item, NULL when there is none. */
const struct weir_value *fixture_row(struct fixture *f, const char *worker, const char *message);
/* Rows of a table. */
unsigned fixture_count(struct fixture *f, const char *table);
/* The text of a string or number attribute; "" when it is absent. */
const char *fixture_text(struct fixture *f, const struct weir_value *item, const char *name);

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

#define assert_status(call, wanted)                                          \
    do {                                                                     \
        enum weir_status status_ = (call);                                   \
        if (status_ != (wanted)) {                                           \
            fail_msg("%s: %s, not %s: %s", #call, weir_status_name(status_), \
                     weir_status_name(wanted), f.err.message);               \
        }                                                                    \
    } while (0)
#define assert_says(part)                                                  \
    do {                                                                   \
        if (strstr(f.err.message, (part)) == NULL) {                       \
            fail_msg("\"%s\" does not say \"%s\"", f.err.message, (part)); \
        }                                                                  \
    } while (0)

#endif
