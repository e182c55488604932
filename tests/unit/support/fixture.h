/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_SUPPORT_FIXTURE_H
#define WEIR_TESTS_SUPPORT_FIXTURE_H

/*
 * What every store's test needs: a database of the test's own, a client on it, and the calls that
 * look at what the store left there. fixture_run runs a group once per endpoint:
 *
 *     memory:                  the engine in this process
 *     file:DIR                 the same on disk, in a folder of the test's own
 *     http://127.0.0.1:PORT    weir's server over an engine in memory, started for the test
 *
 * With WEIR_TEST_ENDPOINT_URL in the environment it runs once, over that server alone; it must be
 * on loopback, since every test begins by deleting all tables there. Two programs of tests must not
 * use one such server at once.
 *
 * A suite's own fixture adds what its store needs: it calls fixture_open, opens its store in
 * `outbox` or `dedup`, and closes it before fixture_close.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/env.h"
#include "client/client.h"

struct test_server;

struct fixture {
    struct weir_client *client;
    struct weir_env *clock; /* the test turns it; begins at the real time, since the server's own
                               clock judges some of the rows too */
    struct arena *arena;    /* answers, until the test's end */
    struct weir_error err;
    struct test_server *server; /* "http:" alone; otherwise NULL */
    struct weir_outbox *outbox; /* the suite's: neither opened nor closed here */
    struct weir_dedup *dedup;   /* the suite's: neither opened nor closed here */
};

enum fixture_endpoint {
    FIXTURE_MEMORY,
    FIXTURE_FILE,
    FIXTURE_HTTP,
    FIXTURE_GIVEN, /* by WEIR_TEST_ENDPOINT_URL: any server of the API */
};

/* Runs the group once per endpoint, or over the given one; failed tests. */
int fixture_run(const char *name, const struct CMUnitTest *tests, size_t count);
/* The same where only weir's own server will do: its group is left out over a given endpoint. */
int fixture_run_http(const char *name, const struct CMUnitTest *tests, size_t count);
/* Where the group under way runs. */
enum fixture_endpoint fixture_where(void);

void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);

/* A further client on any endpoint; the test closes it. Fails the test when it cannot be opened. */
struct weir_client *fixture_client(const char *endpoint);
/* A clock that shows another time: `off_ms` from the fixture's; free it with env_fake_free. */
struct weir_env *fixture_clock(struct fixture *f, int64_t off_ms);

/* The answer as a document; fails the test on another status than OK. */
const struct weir_value *fixture_call(struct fixture *f, const char *operation, const char *json);
/* The item under a key of JSON ({"pk":{"S":"a"}}), read consistently; NULL when there is none. */
const struct weir_value *fixture_item(struct fixture *f, const char *table, const char *key_json);
/* Rows of a table. */
unsigned fixture_count(struct fixture *f, const char *table);
/* The text of a string or number attribute; "" when it is absent. */
const char *fixture_text(struct fixture *f, const struct weir_value *item, const char *name);
/* The table's description. */
const struct weir_value *fixture_table(struct fixture *f, const char *table);
/* Fails the test unless the member is this text. */
void assert_member(const struct weir_value *map, const char *name, const char *wanted);
/* Fails the test unless these are the table's keys, both strings, and no other attribute is
 * defined. */
void assert_keys_alone(const struct weir_value *table, const char *partition, const char *sort);
/* Runs `open` on the fixture's client in four threads at once; fails the test unless each succeeds.
 */
void fixture_open_at_once(struct fixture *f, enum weir_status (*open)(struct weir_client *client,
                                                                      struct weir_error *err));
/* Whether the table's TTL is on (or turning on) for this attribute; NULL: for any. */
bool fixture_has_ttl(struct fixture *f, const char *table, const char *attribute);

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
