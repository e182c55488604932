/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines: the Authorization header, X-Amz-Date, the query, then further headers as name:value. The
 * header's parts are views of it, and whatever else the request is, it is refused with a type and
 * a printable text: nobody guesses a signature.
 */
#include "base/error.h"
#include "server/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADERS_MAX 32
#define NOW_MS INT64_C(1795218240000) /* 20261120T234400Z */

static struct weir_bytes take_line(struct weir_bytes *rest)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->ptr);
    struct weir_bytes line = bytes_of(rest->ptr, len);
    size_t taken = end == NULL ? len : len + 1;
    *rest = bytes_of(rest->ptr + taken, rest->len - taken);
    return line;
}

static bool is_within(struct weir_bytes part, struct weir_bytes whole)
{
    return part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static void check_parts(struct weir_bytes text)
{
    struct authorization parts;
    struct credential_scope scope;
    authorization_parse(text, &parts);
    WEIR_ASSERT(is_within(parts.algorithm, text) && is_within(parts.credential, text) &&
                is_within(parts.signed_headers, text) && is_within(parts.signature, text) &&
                is_within(parts.stray, text));
    if (authorization_scope(parts.credential, &scope)) {
        WEIR_ASSERT(is_within(scope.access_key_id, parts.credential) &&
                    is_within(scope.term, parts.credential));
        WEIR_ASSERT(scope.access_key_id.len + scope.day.len + scope.region.len + scope.service.len +
                        scope.term.len + 4 ==
                    parts.credential.len);
    }
}

static size_t read_headers(struct weir_bytes rest, struct sigv4_header *headers, size_t count)
{
    while (rest.len > 0 && count < HEADERS_MAX) {
        struct weir_bytes line = take_line(&rest);
        const uint8_t *colon = line.len == 0 ? NULL : memchr(line.ptr, ':', line.len);
        if (colon != NULL) {
            size_t len = (size_t)(colon - line.ptr);
            headers[count++] = (struct sigv4_header){bytes_of(line.ptr, len),
                                                     bytes_of(colon + 1, line.len - len - 1)};
        }
    }
    return count;
}

static void check_refused(const struct signed_request *request)
{
    struct signature_keys *keys = NULL;
    struct arena *a = arena_new((size_t)64 * 1024 * 1024);
    WEIR_ASSERT(signature_keys_parse(BYTES_LIT("AKID secret\n"), "keys", &keys, NULL) == WEIR_OK);
    struct signature_verdict verdict = signature_check(keys, BYTES_NONE, request, NOW_MS, a);
    WEIR_ASSERT(verdict.type != NULL && verdict.message != NULL);
    for (const char *c = verdict.message; *c != '\0'; c++) {
        WEIR_ASSERT(*c == '\n' || (*c >= ' ' && *c <= '~'));
    }
    arena_free(a);
    signature_keys_free(keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sigv4_header headers[HEADERS_MAX];
    struct weir_bytes rest = bytes_of(data, size);
    struct weir_bytes authorization = take_line(&rest);
    struct weir_bytes date = take_line(&rest);
    struct weir_bytes query = take_line(&rest);
    check_parts(authorization);
    headers[0] = (struct sigv4_header){BYTES_LIT("Authorization"), authorization};
    headers[1] = (struct sigv4_header){BYTES_LIT("X-Amz-Date"), date};
    struct signed_request request = {.method = BYTES_LIT("POST"),
                                     .path = BYTES_LIT("/"),
                                     .query = query,
                                     .headers = headers,
                                     .header_count = read_headers(rest, headers, 2),
                                     .body = BYTES_LIT("{}")};
    check_refused(&request);
    return 0;
}
