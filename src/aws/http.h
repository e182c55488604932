/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_AWS_HTTP_H
#define WEIR_AWS_HTTP_H

/*
 * HTTP/1.1 requests, signed on the way out, over keep-alive connections. Knows bytes and headers;
 * what they mean, and whether to try again, is decided above.
 *
 *     aws_http_start ──► inbox ──► I/O thread: sign, send, receive ──► request->done (I/O thread)
 *     aws_http_run   ──► sign, send, receive, in the caller's thread (http_lane.h)
 *
 * A request that is started shares one thread, with its own loop and pool of connections (libcurl's
 * multi interface), with all others; one that is run has a connection to itself.
 *
 * The question that a caller of a write asks is answered by `sent`: false means that nothing
 * reached the service. For that, requests with `resend` unset are never sent a second time below
 * us either: libcurl repeats a request by itself when a kept connection turns out to be dead, and
 * is stopped when it begins one of these again.
 */

#include "aws/sigv4.h"
#include "base/env.h"
#include "base/mailbox.h"

#include <stdatomic.h>

/* Where requests go, taken apart once. */
struct aws_endpoint {
    char *url;  /* as given, with a path */
    char *host; /* the Host header: no port when it is the scheme's own */
    char *path;
    bool tls;
    bool loopback; /* localhost, 127.0.0.0/8, ::1: no proxy is used */
};

/* WEIR_CONFIG says what is wrong with the URL. */
enum weir_status aws_endpoint_init(struct aws_endpoint *endpoint, const char *url,
                                   struct weir_error *err);
/* The same of a whole address: a query is let through, which no signature covers. */
enum weir_status aws_endpoint_init_address(struct aws_endpoint *endpoint, const char *url,
                                           struct weir_error *err);
void aws_endpoint_fini(struct aws_endpoint *endpoint); /* accepts a zeroed one */
/* A URL for messages, cut to fit, and without a user and password that stand in it. */
#define AWS_ENDPOINT_SHOWN_SIZE 201
void aws_endpoint_show(const char *url, char to[AWS_ENDPOINT_SHOWN_SIZE]);

/* Who signs for which service; shared by requests, outlives them. The views are the owner's. */
struct aws_signer {
    struct sigv4_credentials credentials;
    struct weir_bytes region;
    struct weir_bytes service;
    struct sigv4_key key; /* the I/O thread's; a request that is run has its lane's */
};

struct aws_http;

struct aws_http_options {
    struct weir_env *env;        /* outlives it */
    uint32_t connect_timeout_ms; /* 0: 5000 */
    const char *ca_bundle;       /* a file of certificates; NULL: the system's */
};

#define AWS_HTTP_HEADERS_MAX 8
#define AWS_HTTP_ANSWER_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* One request: the caller's storage, zeroed first, untouched from aws_http_start until done(). */
struct aws_http_request {
    /* In. Everything is borrowed until done(). */
    const struct aws_endpoint *endpoint;
    const char *method;                          /* NULL: "POST"; others are "GET" and "PUT" */
    bool direct;                                 /* never by way of a proxy */
    struct aws_signer *signer;                   /* NULL: unsigned */
    const struct sigv4_credentials *credentials; /* NULL: the signer's */
    /* Signed with the request; host and x-amz-date are added. */
    struct sigv4_header headers[AWS_HTTP_HEADERS_MAX];
    size_t header_count;
    /* Sent beside them. */
    struct sigv4_header extra[AWS_HTTP_HEADERS_MAX];
    size_t extra_count;
    struct weir_bytes body;
    uint32_t timeout_ms;
    bool resend;                                    /* may be sent twice without harm: a read */
    void (*done)(struct aws_http_request *request); /* @thread the I/O thread's */
    void *arg;

    /* Out. OK: a whole answer came, whatever it says. Otherwise UNREACHABLE, TIMEOUT, PROTOCOL (its
     * checksum is wrong), TOO_LARGE, CANCELLED, CLOSED, CONFIG (TLS), NO_MEMORY; `what` says more.
     */
    enum weir_status status;
    char what[256];
    bool sent; /* some of it may have reached the service */
    int http_status;
    struct buf answer; /* initialised by aws_http_start if it was not; the caller's to free */
    char request_id[WEIR_REQUEST_ID_MAX];

    /* The I/O thread's, or the thread's that runs it. */
    struct mail mail;
    struct aws_http_request *prev, *next;
    struct aws_http *http;
    void *easy;
    void *header_list;
    struct sigv4_key *key; /* NULL: the signer's */
    struct lane *lane;     /* under the lanes' mu */
    bool begun;            /* libcurl has begun to send it */
    bool answered;         /* some of an answer came */
    uint32_t crc32;
    bool has_crc32;
    atomic_bool cancelled;
};

/* Starts the thread. WEIR_NO_MEMORY, WEIR_IO. */
enum weir_status aws_http_open(const struct aws_http_options *options, struct aws_http **ret_http,
                               struct weir_error *err);
/* Ends what is under way with WEIR_CLOSED and the thread; nobody may be inside a function of it.
 * Accepts NULL. */
void aws_http_close(struct aws_http *http);

/* @thread any */
void aws_http_start(struct aws_http *http, struct aws_http_request *request);
/* The same in the calling thread: it is over when this returns, and done() is not called. False
 * when 256 are run already: nothing was done, and it may be started. @thread any but a loop's */
bool aws_http_run(struct aws_http *http, struct aws_http_request *request);
/* Asks for an early end: WEIR_CANCELLED, unless it is over by then. The caller makes sure that
 * done(), or aws_http_run, has not returned. @thread any */
void aws_http_cancel(struct aws_http *http, struct aws_http_request *request);

#endif
