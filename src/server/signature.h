/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SERVER_SIGNATURE_H
#define WEIR_SERVER_SIGNATURE_H

/*
 * Whether a request was signed (Signature Version 4) with one of the access keys that the server
 * knows. The canonical request is rebuilt from what was received by the code that signs
 * (aws/sigv4.h), so that signer and verifier cannot disagree about it. Pure, but for the keys'
 * cache of derived keys: knows no connection and no clock.
 *
 *     keys file ──► signature_keys ──┐
 *     request as received ───────────┴──► signature_check ──► accepted, or AWS's error
 */

#include "aws/sigv4.h"
#include "base/arena.h"

/* ---- access keys ----------------------------------------------------------------------------- */

#define SIGNATURE_KEYS_MAX 1024
#define SIGNATURE_KEYS_FILE_BYTES ((size_t)1024 * 1024)
/* AWS: access key ids have 16 to 128 characters; shorter ones are usual in tests. */
#define SIGNATURE_KEY_ID_BYTES 128
#define SIGNATURE_SECRET_BYTES 256
#define SIGNATURE_TOKEN_BYTES 8192

struct signature_keys;

/*
 * Reads a file of access keys: either lines of ACCESS_KEY_ID SECRET [SESSION_TOKEN], or the form of
 * AWS's credentials file. WEIR_CONFIG when others than owner and group may read or write it, and
 * for what is wrong in it, by line and without its content; WEIR_IO.
 */
enum weir_status signature_keys_load(const char *path, struct signature_keys **ret_keys,
                                     struct weir_error *err);
/* The same of a text; `path` is for messages. */
enum weir_status signature_keys_parse(struct weir_bytes text, const char *path,
                                      struct signature_keys **ret_keys, struct weir_error *err);
unsigned signature_keys_count(const struct signature_keys *keys);
void signature_keys_free(struct signature_keys *keys); /* accepts NULL; wipes */

/* ---- requests -------------------------------------------------------------------------------- */

/* How far the clocks of client and server may be apart: DynamoDB's 15 minutes. */
#define SIGNATURE_SKEW_MINUTES 15
#define SIGNATURE_SKEW_MS ((int64_t)SIGNATURE_SKEW_MINUTES * 60 * 1000)
/* Names in SignedHeaders. SDKs sign about ten. */
#define SIGNATURE_HEADERS_MAX 64

/* The parts of an Authorization header: views of it. */
struct authorization {
    struct weir_bytes algorithm;
    struct weir_bytes credential;
    struct weir_bytes signed_headers;
    struct weir_bytes signature;
    struct weir_bytes stray; /* the first part that is no key=value pair; ptr NULL: none */
};
/* Splits "ALGORITHM key=value, key=value"; a part that is not there is empty. */
void authorization_parse(struct weir_bytes text, struct authorization *ret_parts);

/* The parts of its Credential, keyid/day/region/service/term; false if it has not five. */
struct credential_scope {
    struct weir_bytes access_key_id, day, region, service, term;
};
bool authorization_scope(struct weir_bytes credential, struct credential_scope *ret_scope);

struct signed_request {
    struct weir_bytes method;
    struct weir_bytes path;
    struct weir_bytes query;            /* without '?' */
    const struct sigv4_header *headers; /* all of them, names in any case */
    size_t header_count;
    struct weir_bytes body; /* as it came: still in gzip, if it was */
};

/* Why a request is refused, always with status 400; type NULL: it is not. */
struct signature_verdict {
    const char *type;    /* the error's name with its namespace; static */
    const char *message; /* printable ASCII and line feeds, in the arena; NULL without memory */
};

/* `region` of len 0: any. @thread any */
struct signature_verdict signature_check(struct signature_keys *keys, struct weir_bytes region,
                                         const struct signed_request *request, int64_t wall_ms,
                                         struct arena *a);

/* ---- inside ---------------------------------------------------------------------------------- */

struct signature_key;

/* NULL when there is no such key. */
struct signature_key *signature_keys_find(struct signature_keys *keys, struct weir_bytes id);
struct weir_bytes signature_key_token(const struct signature_key *key); /* len 0: none */
/* The key that signs for that day and region; derived once and kept. @thread any */
enum weir_status signature_key_derive(struct signature_keys *keys, struct signature_key *key,
                                      const char *date, struct weir_bytes region,
                                      struct weir_bytes service, struct sigv4_key *ret_derived);

#endif
