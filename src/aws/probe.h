/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_AWS_PROBE_H
#define WEIR_AWS_PROBE_H

/*
 * One unsigned GET of an endpoint, for people: which step of reaching it fails, and what time the
 * server has. Bounded by its time-out, name resolution included.
 *
 *     name ─► connect ─► tls ─► answer ─► done
 */

#include "weir/error.h"

enum aws_probe_step {
    AWS_PROBE_NAME,
    AWS_PROBE_CONNECT,
    AWS_PROBE_TLS,
    AWS_PROBE_ANSWER,
    AWS_PROBE_DONE, /* any HTTP answer */
};

struct aws_probe {
    enum aws_probe_step failed_at;
    char what[256];    /* what failed; "" when done */
    char address[64];  /* that answered, "127.0.0.1:8000"; "" if none did */
    int http_status;   /* 0: none */
    int64_t date_ms;   /* the Date header, to the second; -1: none */
    int64_t passed_ms; /* from the request to the answer's headers */
};

/* `ca_bundle` NULL: the system's. WEIR_OK also when a step failed; WEIR_CONFIG: not a URL of http
 * or https; WEIR_NO_MEMORY. Blocks. @thread any but a loop's */
enum weir_status aws_probe(const char *url, const char *ca_bundle, uint32_t timeout_ms,
                           struct aws_probe *ret_probe, struct weir_error *err);

/* "libcurl/7.88.1 OpenSSL/3.0.15 ...", as they run; static. */
const char *aws_probe_libraries(void);

#endif
