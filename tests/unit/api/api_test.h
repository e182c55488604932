/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_API_TEST_H
#define WEIR_TESTS_API_TEST_H

/*
 * What the API's tests share: an engine in memory without a committer thread, on a clock that the
 * test turns, so that every step of a call is taken by the test itself. Requests are JSON with
 * single quotes.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/api.h"

#define TEST_START_MS 1763683440123LL

struct fixture {
    struct weir_env *env;
    struct engine *engine;
    struct api *api;
    struct arena *a;
    unsigned wakes; /* of all calls */
};

int test_setup(void **state);
int test_teardown(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)

struct weir_value *test_parse(struct fixture *f, const char *json);
/* A call in the fixture's arena, not started. */
struct api_call *test_call(struct fixture *f, const char *request);
/* Turns the engine until it has nothing to do. */
void test_turn(struct fixture *f);
/* Starts the call and takes all its steps, on a thread that may block. */
struct api_call *test_run(struct fixture *f, const char *operation, const char *request);
/* The body of the answer, with single quotes. */
const char *test_body(struct fixture *f, const struct api_call *call);
/* Runs an operation that must succeed; returns the response. */
const struct weir_value *test_ok(struct fixture *f, const char *operation, const char *request);
/* Runs one that must fail so, with this message unless NULL. */
void test_fails(struct fixture *f, const char *operation, const char *request,
                enum weir_status status, const char *message);

/* A table "tab" with the key pk (S), and a stream of new and old images if asked for. */
void test_create(struct fixture *f, bool stream);
void test_put(struct fixture *f, const char *pk);
/* The member's text, "" if it is not there. */
const char *test_text(struct fixture *f, const struct weir_value *map, const char *name);

#endif
