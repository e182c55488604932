/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_OUTBOX_FIXTURE_H
#define WEIR_TESTS_OUTBOX_FIXTURE_H

/* A database of its own for each test, in memory and on disk in turn, and the calls that look at
 * what an outbox left in it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "outbox/outbox.h"
#include "weir/engine.h"

struct fixture {
    struct weir_client *client;
    struct arena *arena; /* answers, until the test's end */
    struct weir_error err;
};

/* True: the tests run over "file:" in a folder of each test's own. */
extern bool fixture_on_disk;

struct weir_client *fixture_client(const char *endpoint);
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);
/* Runs the group in memory, then on disk. */
int fixture_run(const char *name, const struct CMUnitTest *tests, size_t count);

/* The answer as a document; fails the test on another status than OK. */
const struct weir_value *fixture_call(struct fixture *f, const char *operation, const char *json);
/* An outbox with these options (NULL: defaults). */
struct weir_outbox *fixture_outbox(struct fixture *f, const struct weir_outbox_options *options);
/* The row as an item, NULL when there is none. */
const struct weir_value *fixture_row(struct fixture *f, const char *table, const char *key,
                                     const char *id);
/* Rows of a table. */
unsigned fixture_count(struct fixture *f, const char *table);

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

/* The text of a string or number attribute; "" when it is absent. */
const char *fixture_text(struct fixture *f, const struct weir_value *item, const char *name);

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
