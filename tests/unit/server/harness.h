/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TEST_SERVER_HARNESS_H
#define WEIR_TEST_SERVER_HARNESS_H

/* A server over the fake API, one per test, on a port of its own. */

#include "fake_api.h"
#include "http_client.h"
#include "server/internal.h"

struct harness {
    struct api *api;
    struct server *server;
    uint16_t port;
};

/* cmocka setup and teardown; the state is a struct harness. The teardown releases what holds. */
int harness_setup(void **state);
int harness_setup_two_loops(void **state);
int harness_setup_impatient(void **state); /* deadlines of 300 ms */
int harness_setup_cramped(void **state);   /* 1 MB for large bodies together */
int harness_teardown(void **state);

/* Returns once counter(server) is at least (or exactly) what is asked; fails after a long while. */
void await_counter(struct harness *h, size_t offset_in_counters, uint64_t value);
#define AWAIT(h, field, value) await_counter((h), offsetof(struct front_counters, field), (value))
void await_held(struct harness *h, unsigned count);

/* Sends one request and reads its answer on a connection of its own. */
void exchange(struct harness *h, const char *text, struct http_answer *ret_answer);
/* The same, and the answer's status must be this; the connection must be fit for more if `keeps`.
 */
void assert_status(struct harness *h, const char *text, int status);
void assert_body_is(const struct http_answer *answer, const char *text);
/* x-amz-crc32 is that of the body as it came. */
void assert_crc_is_right(const struct http_answer *answer);

#endif
