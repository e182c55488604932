/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_AWS_SIGV4_H
#define WEIR_AWS_SIGV4_H

/*
 * AWS Signature Version 4 for requests whose body is at hand. Pure: no clock, no network. The
 * signing key of (secret, day, region, service) is cached by the caller in struct sigv4_key.
 *
 * Every intermediate can be had, so that a vector that fails names the step: canonical request,
 * string to sign, signing key, signature.
 */

#include "base/buf.h"
#include "base/bytes.h"
#include "weir/error.h"

struct sigv4_header {
    struct weir_bytes name; /* lower case */
    struct weir_bytes value;
};

struct sigv4_request {
    struct weir_bytes method;           /* "POST" */
    struct weir_bytes path;             /* as sent, "/" at least */
    struct weir_bytes query;            /* as sent, without '?' */
    const struct sigv4_header *headers; /* to be signed, host and x-amz-date among them */
    size_t header_count;
    struct weir_bytes body;
    struct weir_bytes region;
    struct weir_bytes service;
    bool normalize_path; /* every service but S3 */
};

struct sigv4_credentials {
    struct weir_bytes access_key_id;
    struct weir_bytes secret_access_key;
    struct weir_bytes session_token; /* len 0: none; the caller sends it as a signed header */
};

#define SIGV4_DATE_SIZE 17 /* 20261120T234400Z and NUL */
void sigv4_date(int64_t wall_ms, char to[SIGV4_DATE_SIZE]);

/* A derived key and what it was derived for; zeroed = empty. */
struct sigv4_key {
    uint8_t key[32];
    char scope[160]; /* "20261120/us-east-1/dynamodb" and a digest of the secret */
    bool valid;
};

/* The steps. Sticky errors in the buffers. */
void sigv4_canonical_request(const struct sigv4_request *request, struct buf *to,
                             struct buf *ret_signed_headers);
void sigv4_string_to_sign(const struct sigv4_request *request, const char *date,
                          struct weir_bytes canonical_request, struct buf *to);
enum weir_status sigv4_derive_key(const struct sigv4_credentials *credentials, const char *date,
                                  struct weir_bytes region, struct weir_bytes service,
                                  struct sigv4_key *key);
void sigv4_signature(const struct sigv4_key *key, struct weir_bytes string_to_sign,
                     char to_hex[65]);

/* The value of the Authorization header; derives the key again only when day, region, service or
 * secret changed. */
enum weir_status sigv4_authorization(const struct sigv4_request *request,
                                     const struct sigv4_credentials *credentials, const char *date,
                                     struct sigv4_key *key, struct buf *to);

#endif
