/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_SUPPORT_FAULT_PROXY_H
#define WEIR_TESTS_SUPPORT_FAULT_PROXY_H

/*
 * A network and a service on a bad day: an HTTP proxy in the test process that passes whole
 * requests on to a server on 127.0.0.1, or fails some of them as told.
 */

#include <stdint.h>

struct fault_proxy;

/* What happens to a request. The text says what a client may know of it. */
#define PROXY_FAULTS(X)                                                    \
    X(PASS, "pass", true)                                                  \
    X(THROTTLE, "throttled: 400, not forwarded", true)                     \
    X(ERROR_500, "500, not forwarded", false)                              \
    X(ERROR_500_APPLIED, "500 after the server applied it", false)         \
    X(ERROR_503, "503, not forwarded", false)                              \
    X(CLOSE_BEFORE, "connection closed, not forwarded", false)             \
    X(CLOSE_AFTER, "connection closed after the server applied it", false) \
    X(HANG, "no answer after the server applied it", false)                \
    X(CUT, "connection closed in the middle of the answer", false)         \
    X(HALF, "half of a batch is unprocessed (other requests pass)", true)

enum proxy_fault {
#define PROXY_ENUM(name, text, definite) PROXY_##name,
    PROXY_FAULTS(PROXY_ENUM)
#undef PROXY_ENUM
        PROXY_FAULT_COUNT
};

const char *proxy_fault_text(enum proxy_fault fault);
/* Whether the client can know what became of the request. */
int proxy_fault_is_definite(enum proxy_fault fault);

/* Fails the test when it does not start. */
struct fault_proxy *fault_proxy_start(uint16_t server_port);
uint16_t fault_proxy_port(const struct fault_proxy *proxy);
/* The next `times` requests meet this fault, later ones pass. @thread any */
void fault_proxy_arm(struct fault_proxy *proxy, enum proxy_fault fault, unsigned times);
/* Requests that met a fault since the last arming. @thread any */
unsigned fault_proxy_hits(struct fault_proxy *proxy);
/* Closes every connection. Accepts NULL. */
void fault_proxy_stop(struct fault_proxy *proxy);

#endif
