/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_SUPPORT_TEST_SERVER_H
#define WEIR_TESTS_SUPPORT_TEST_SERVER_H

/* weir's server inside the test process: the real HTTP front and API over an engine in memory, on
 * 127.0.0.1 and any free port. */

#include <stdint.h>

struct test_server;

/* Fails the test when it does not start. */
struct test_server *test_server_start(void);
uint16_t test_server_port(const struct test_server *server);
/* Accepts NULL. */
void test_server_stop(struct test_server *server);

#endif
