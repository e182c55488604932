/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature Version 4, step by step:
 *
 *     request ──► canonical request ──► string to sign ──┐
 *     secret, day, region, service ──► signing key ──────┴──► signature ──► Authorization
 *
 * The query is taken as it is sent: names and values are sorted, never encoded again. The path is
 * normalised and encoded once more for every service but S3, as the services themselves do.
 */
#include "aws/sigv4.h"

#include "base/error.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define SHA256_BYTES 32
#define SHA256_HEX 65
#define DAY_LEN 8
#define CANONICAL_BYTES_MAX ((size_t)256 * 1024)
#define CANONICAL_BYTES_USUAL 512 /* of DynamoDB's requests, without a session token */

static void hex(const uint8_t *from, size_t len, char *to)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        to[2 * i] = digits[from[i] >> 4];
        to[2 * i + 1] = digits[from[i] & 15];
    }
    to[2 * len] = '\0';
}

/* Looked up once: libcrypto searches its providers at every EVP_sha256() and HMAC(). Kept for the
 * life of the process; NULL without memory. */
static struct {
    EVP_MD *sha256;
    EVP_MAC_CTX *hmac; /* without a key; each use is of a copy */
} algorithms;

static void algorithms_fetch(void)
{
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
                           OSSL_PARAM_END};
    algorithms.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    if (context != NULL && EVP_MAC_CTX_set_params(context, params) != 1) {
        EVP_MAC_CTX_free(context);
        context = NULL;
    }
    algorithms.hmac = context;
}

static void algorithms_need(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, algorithms_fetch);
}

static bool sha256_hex(struct weir_bytes bytes, char to[SHA256_HEX])
{
    uint8_t digest[SHA256_BYTES];
    algorithms_need();
    if (algorithms.sha256 == NULL ||
        EVP_Digest(bytes.len == 0 ? (const void *)"" : bytes.ptr, bytes.len, digest, NULL,
                   algorithms.sha256, NULL) != 1) {
        return false;
    }
    hex(digest, sizeof(digest), to);
    return true;
}

static bool hmac(struct weir_bytes key, struct weir_bytes text, uint8_t to[SHA256_BYTES])
{
    size_t len = 0;
    algorithms_need();
    EVP_MAC_CTX *context = algorithms.hmac == NULL ? NULL : EVP_MAC_CTX_dup(algorithms.hmac);
    bool done = context != NULL && EVP_MAC_init(context, key.ptr, key.len, NULL) == 1 &&
                EVP_MAC_update(context, text.ptr, text.len) == 1 &&
                EVP_MAC_final(context, to, &len, SHA256_BYTES) == 1 && len == SHA256_BYTES;
    EVP_MAC_CTX_free(context);
    return done;
}

static void fail_no_memory(struct buf *to)
{
    if (to->status == WEIR_OK) {
        to->status = WEIR_NO_MEMORY;
    }
}

static void put_digest(struct buf *to, struct weir_bytes bytes)
{
    char text[SHA256_HEX];
    if (sha256_hex(bytes, text)) {
        buf_put_str(to, text);
    } else {
        fail_no_memory(to);
    }
}

void sigv4_date(int64_t wall_ms, char to[SIGV4_DATE_SIZE])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(to, SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &parts) != SIGV4_DATE_SIZE - 1) {
        memcpy(to, "19700101T000000Z", SIGV4_DATE_SIZE);
    }
}

/* ---- canonical path -------------------------------------------------------------------------- */

static bool is_unreserved(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void put_encoded(struct buf *to, struct weir_bytes segment)
{
    for (size_t i = 0; i < segment.len; i++) {
        if (is_unreserved(segment.ptr[i])) {
            buf_put_u8(to, segment.ptr[i]);
        } else {
            buf_printf(to, "%%%02X", segment.ptr[i]);
        }
    }
}

/* The next segment at *pos, which moves behind its slash. */
static struct weir_bytes next_segment(struct weir_bytes path, size_t *pos)
{
    size_t start = *pos;
    size_t end = start;
    while (end < path.len && path.ptr[end] != '/') {
        end++;
    }
    *pos = end < path.len ? end + 1 : end;
    return bytes_of(path.ptr + start, end - start);
}

/* The segments that stay, in order: "." and empty ones go, ".." takes back the one before. */
static size_t stack_segments(struct weir_bytes path, struct weir_bytes *stack)
{
    size_t depth = 0;
    for (size_t pos = 0; pos < path.len;) {
        struct weir_bytes segment = next_segment(path, &pos);
        if (bytes_eq_str(segment, "..")) {
            depth -= depth > 0;
        } else if (segment.len > 0 && !bytes_eq_str(segment, ".")) {
            stack[depth++] = segment;
        }
    }
    return depth;
}

/* RFC 3986, 5.2.4, and repeated slashes are one. */
static void put_normalized_path(struct buf *to, struct weir_bytes path)
{
    struct weir_bytes *stack = calloc(path.len / 2 + 1, sizeof(*stack));
    if (stack == NULL) {
        fail_no_memory(to);
        return;
    }
    size_t depth = stack_segments(path, stack);
    for (size_t i = 0; i < depth; i++) {
        buf_put_u8(to, '/');
        put_encoded(to, stack[i]);
    }
    if (depth == 0 || path.ptr[path.len - 1] == '/') {
        buf_put_u8(to, '/');
    }
    free(stack);
}

/* ---- canonical query and headers ---------------------------------------------------------------
 */

struct pair {
    struct weir_bytes name;
    struct weir_bytes value;
    size_t index; /* as given: equal header names keep their order */
};

static int query_order(const void *a, const void *b)
{
    const struct pair *left = a;
    const struct pair *right = b;
    int order = bytes_cmp(left->name, right->name);
    return order != 0 ? order : bytes_cmp(left->value, right->value);
}

static int header_order(const void *a, const void *b)
{
    const struct pair *left = a;
    const struct pair *right = b;
    int order = bytes_cmp(left->name, right->name);
    return order != 0 ? order : left->index < right->index ? -1 : 1;
}

static struct pair *pairs_new(size_t count, struct buf *to)
{
    struct pair *pairs = calloc(count == 0 ? 1 : count, sizeof(*pairs));
    if (pairs == NULL) {
        fail_no_memory(to);
    }
    return pairs;
}

static struct pair query_pair(struct weir_bytes text)
{
    const uint8_t *equals = text.len == 0 ? NULL : memchr(text.ptr, '=', text.len);
    size_t name_len = equals == NULL ? text.len : (size_t)(equals - text.ptr);
    struct pair pair = {.name = bytes_of(text.ptr, name_len)};
    if (equals != NULL) {
        pair.value = bytes_of(equals + 1, text.len - name_len - 1);
    }
    return pair;
}

static size_t query_split(struct weir_bytes query, struct pair *pairs)
{
    size_t count = 0;
    size_t start = 0;
    for (size_t i = 0; i <= query.len; i++) {
        if (i == query.len || query.ptr[i] == '&') {
            pairs[count++] = query_pair(bytes_of(query.ptr + start, i - start));
            start = i + 1;
        }
    }
    return count;
}

static void put_query(struct buf *to, struct weir_bytes query)
{
    if (query.len == 0) {
        return;
    }
    size_t count_max = 1;
    for (size_t i = 0; i < query.len; i++) {
        count_max += query.ptr[i] == '&';
    }
    struct pair *pairs = pairs_new(count_max, to);
    if (pairs == NULL) {
        return;
    }
    size_t count = query_split(query, pairs);
    qsort(pairs, count, sizeof(*pairs), query_order);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_put_u8(to, '&');
        }
        buf_put(to, pairs[i].name);
        buf_put_u8(to, '=');
        buf_put(to, pairs[i].value);
    }
    free(pairs);
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Outer whitespace goes, inner runs become one space. */
static void put_folded(struct buf *to, struct weir_bytes value)
{
    bool gap = false;
    bool begun = false;
    for (size_t i = 0; i < value.len; i++) {
        if (is_space(value.ptr[i])) {
            gap = true;
            continue;
        }
        if (gap && begun) {
            buf_put_u8(to, ' ');
        }
        buf_put_u8(to, value.ptr[i]);
        gap = false;
        begun = true;
    }
}

static void put_headers(struct buf *to, struct buf *names, const struct pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && bytes_eq(pairs[i].name, pairs[i - 1].name)) {
            buf_put_u8(to, ',');
        } else {
            buf_put_str(to, i > 0 ? "\n" : "");
            buf_put(to, pairs[i].name);
            buf_put_u8(to, ':');
            buf_put_str(names, i > 0 ? ";" : "");
            buf_put(names, pairs[i].name);
        }
        put_folded(to, pairs[i].value);
    }
}

static void put_sorted_headers(const struct sigv4_request *request, struct buf *to,
                               struct buf *names)
{
    struct pair *pairs = pairs_new(request->header_count, to);
    if (pairs == NULL) {
        return;
    }
    for (size_t i = 0; i < request->header_count; i++) {
        pairs[i] = (struct pair){request->headers[i].name, request->headers[i].value, i};
    }
    qsort(pairs, request->header_count, sizeof(*pairs), header_order);
    put_headers(to, names, pairs, request->header_count);
    free(pairs);
}

void sigv4_canonical_request(const struct sigv4_request *request, struct buf *to,
                             struct buf *ret_signed_headers)
{
    buf_put(to, request->method);
    buf_put_u8(to, '\n');
    if (request->normalize_path) {
        put_normalized_path(to, request->path);
    } else {
        buf_put(to, request->path);
    }
    buf_put_u8(to, '\n');
    put_query(to, request->query);
    buf_put_u8(to, '\n');
    put_sorted_headers(request, to, ret_signed_headers);
    buf_put_str(to, "\n\n");
    buf_put(to, buf_bytes(ret_signed_headers));
    buf_put_u8(to, '\n');
    put_digest(to, request->body);
}

/* ---- string to sign, key, signature ------------------------------------------------------------
 */

static void put_scope(struct buf *to, const char *date, struct weir_bytes region,
                      struct weir_bytes service)
{
    buf_put(to, bytes_of(date, DAY_LEN));
    buf_put_u8(to, '/');
    buf_put(to, region);
    buf_put_u8(to, '/');
    buf_put(to, service);
}

void sigv4_string_to_sign(const struct sigv4_request *request, const char *date,
                          struct weir_bytes canonical_request, struct buf *to)
{
    buf_printf(to, ALGORITHM "\n%s\n", date);
    put_scope(to, date, request->region, request->service);
    buf_put_str(to, "/aws4_request\n");
    put_digest(to, canonical_request);
}

/* What the key depends on, as text: the scope and the secret's digest (never the secret). */
static enum weir_status key_scope(const struct sigv4_credentials *credentials, const char *date,
                                  struct weir_bytes region, struct weir_bytes service, char *to,
                                  size_t size)
{
    struct buf scope;
    buf_init(&scope, size);
    put_scope(&scope, date, region, service);
    buf_put_u8(&scope, '/');
    put_digest(&scope, credentials->secret_access_key);
    buf_put_u8(&scope, '\0');
    enum weir_status status = buf_status(&scope);
    if (status == WEIR_OK) {
        memcpy(to, scope.ptr, scope.len);
    }
    buf_fini(&scope);
    return status;
}

static bool derive(struct weir_bytes secret, const char *date, struct weir_bytes region,
                   struct weir_bytes service, uint8_t key[SHA256_BYTES])
{
    struct buf first;
    buf_init(&first, secret.len + 4);
    buf_put_str(&first, "AWS4");
    buf_put(&first, secret);
    struct weir_bytes view = bytes_of(key, SHA256_BYTES);
    bool done = buf_status(&first) == WEIR_OK &&
                hmac(buf_bytes(&first), bytes_of(date, DAY_LEN), key) && hmac(view, region, key) &&
                hmac(view, service, key) && hmac(view, BYTES_LIT("aws4_request"), key);
    if (first.ptr != NULL) {
        OPENSSL_cleanse(first.ptr, first.len);
    }
    buf_fini(&first);
    return done;
}

enum weir_status sigv4_derive_key(const struct sigv4_credentials *credentials, const char *date,
                                  struct weir_bytes region, struct weir_bytes service,
                                  struct sigv4_key *key)
{
    char scope[sizeof(key->scope)];
    enum weir_status status = key_scope(credentials, date, region, service, scope, sizeof(scope));
    if (status != WEIR_OK) {
        return status;
    }
    if (key->valid && strcmp(key->scope, scope) == 0) {
        return WEIR_OK;
    }
    key->valid = derive(credentials->secret_access_key, date, region, service, key->key);
    if (!key->valid) {
        return WEIR_NO_MEMORY;
    }
    memcpy(key->scope, scope, sizeof(scope));
    return WEIR_OK;
}

/* Without memory the text is empty. */
void sigv4_signature(const struct sigv4_key *key, struct weir_bytes string_to_sign, char to_hex[65])
{
    uint8_t mac[SHA256_BYTES];
    to_hex[0] = '\0';
    if (hmac(bytes_of(key->key, sizeof(key->key)), string_to_sign, mac)) {
        hex(mac, sizeof(mac), to_hex);
    }
}

static void put_authorization(const struct sigv4_request *request,
                              const struct sigv4_credentials *credentials, const char *date,
                              struct weir_bytes signed_headers, const char *signature,
                              struct buf *to)
{
    buf_put_str(to, ALGORITHM " Credential=");
    buf_put(to, credentials->access_key_id);
    buf_put_u8(to, '/');
    put_scope(to, date, request->region, request->service);
    buf_put_str(to, "/aws4_request, SignedHeaders=");
    buf_put(to, signed_headers);
    buf_put_str(to, ", Signature=");
    buf_put_str(to, signature);
}

enum weir_status sigv4_authorization(const struct sigv4_request *request,
                                     const struct sigv4_credentials *credentials, const char *date,
                                     struct sigv4_key *key, struct buf *to)
{
    enum weir_status status =
        sigv4_derive_key(credentials, date, request->region, request->service, key);
    if (status != WEIR_OK) {
        return status;
    }
    struct buf canonical, names, text;
    buf_init(&canonical, CANONICAL_BYTES_MAX);
    buf_init(&names, CANONICAL_BYTES_MAX);
    buf_init(&text, CANONICAL_BYTES_MAX);
    (void)buf_reserve(&canonical, CANONICAL_BYTES_USUAL);
    sigv4_canonical_request(request, &canonical, &names);
    sigv4_string_to_sign(request, date, buf_bytes(&canonical), &text);
    status = canonical.status != WEIR_OK ? canonical.status
             : names.status != WEIR_OK   ? names.status
                                         : text.status;
    if (status == WEIR_OK) {
        char signature[SHA256_HEX];
        sigv4_signature(key, buf_bytes(&text), signature);
        put_authorization(request, credentials, date, buf_bytes(&names), signature, to);
        status = signature[0] == '\0' ? WEIR_NO_MEMORY : buf_status(to);
    }
    buf_fini(&canonical);
    buf_fini(&names);
    buf_fini(&text);
    return status;
}
