/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SERVER_CHECK_H
#define WEIR_SERVER_CHECK_H

/*
 * What is asked of a request's head before its body is read: unambiguous framing (no request
 * smuggling) and a Host and Origin that a web page of somebody else cannot have (DNS rebinding).
 * Knows no connection: it is fed header by header.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum head_method { METHOD_OTHER, METHOD_GET, METHOD_POST, METHOD_OPTIONS };

/* Views are of the connection's memory, good until its request ends. */
struct request_head {
    enum head_method method;
    bool is_http10;
    struct weir_bytes host;
    struct weir_bytes origin;
    struct weir_bytes target;        /* X-Amz-Target */
    struct weir_bytes asked_headers; /* Access-Control-Request-Headers */
    struct weir_bytes body_coding;   /* Content-Encoding */
    uint64_t body_bytes;             /* Content-Length */
    uint32_t wait_ms;                /* X-Weir-Wait-Ms, cut to LIMIT_WAIT_MS */
    unsigned host_count, length_count, transfer_count;
    bool takes_gzip;    /* Accept-Encoding */
    bool is_bad_name;   /* a header's name holds what no name may */
    bool is_bad_length; /* Content-Length is no number */
    bool is_bad_coding; /* Transfer-Encoding is not "chunked" */
    bool is_bad_wait;   /* X-Weir-Wait-Ms is no number */
};

/* Which names the Host header may have. Immutable once made. */
struct host_rules {
    char *address; /* what the server is bound to, as it was given */
    char **names;  /* further ones; NULL-terminated, or NULL */
    bool is_any;   /* bound to the wildcard: any address literal is ours */
};

/* Why a request is refused: status 0 means it is not. Texts are static and need no escaping. */
struct refusal {
    int status;
    const char *type; /* the error's name with its namespace */
    const char *message;
};

/* Takes in one header. */
void head_add(struct request_head *head, struct weir_bytes name, struct weir_bytes value);
/* The verdict once all headers are in. */
struct refusal head_check(const struct request_head *head, const struct host_rules *rules);

/* Copies; false without memory (then host_rules_fini cleans up). */
bool host_rules_init(struct host_rules *rules, const char *address, const char *const *names);
void host_rules_fini(struct host_rules *rules);
/* Whether a Host header's value ("name", "name:port", "[::1]:port") is one of ours. */
bool host_allowed(const struct host_rules *rules, struct weir_bytes host);
/* Whether an Origin header's value is of a page that came from us or from this machine. */
bool origin_allowed(const struct host_rules *rules, struct weir_bytes origin);
/* Whether an Accept-Encoding header's value takes gzip. */
bool accepts_gzip(struct weir_bytes value);

#endif
