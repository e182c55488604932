/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of a signed request, in the order in which DynamoDB makes them, with its errors; each
 * check refuses or lets the next one look:
 *
 *     parts ──► date ──► signed headers ──► algorithm ──► scope ──► key id ──► signature ──► token
 *
 * The order and the texts are those recorded by the authors of dynalite from the service. Without a
 * public record, and so in our words: that X-Amz-Date and X-Amz-Target must be signed too (the form
 * is that of the service's text about Host), and the text for a wrong x-amz-content-sha256, which
 * is S3's.
 */
#include "server/signature.h"

#include "base/error.h"

#include <openssl/crypto.h>
#include <strings.h>
#include <time.h>

#define TYPE(name) "com.amazon.coral.service#" name "Exception"
#define ALGORITHM "AWS4-HMAC-SHA256"
#define SERVICE "dynamodb"
#define TERMINATOR "aws4_request"
#define DATE_LEN (SIGV4_DATE_SIZE - 1)
#define DAY_LEN 8
#define SHA256_HEX_LEN 64
#define CANONICAL_BYTES_MAX ((size_t)256 * 1024)
/* What a message repeats of the request. */
#define QUOTE_BYTES_MAX 1024
#define ECHO_BYTES_MAX 4096

static const char type_invalid[] = TYPE("InvalidSignature");
static const char type_incomplete[] = TYPE("IncompleteSignature");
static const char type_missing[] = TYPE("MissingAuthenticationToken");
static const char type_unrecognized[] = TYPE("UnrecognizedClient");

static const char text_token[] = "The security token included in the request is invalid";

/* One request's check: what is known of it so far. */
struct check {
    struct signature_keys *keys;
    struct weir_bytes region; /* the server's; len 0: any */
    const struct signed_request *request;
    int64_t wall_ms;
    struct arena *a;
    struct signature_verdict verdict; /* type NULL: nothing is wrong yet */

    struct weir_bytes header; /* Authorization */
    struct authorization parts;
    char date[SIGV4_DATE_SIZE]; /* X-Amz-Date */
    struct credential_scope scope;
    struct signature_key *key;
    struct sigv4_header *signed_headers; /* names in lower case */
    size_t signed_count;
};

/* ---- texts ----------------------------------------------------------------------------------- */

/* What came from outside, fit for a message. */
static const char *quoted(struct check *c, struct weir_bytes text, size_t len_max)
{
    size_t len = text.len < len_max ? text.len : len_max;
    char *to = arena_alloc(c->a, len + 1);
    if (to == NULL) {
        return "";
    }
    for (size_t i = 0; i < len; i++) {
        bool printable = text.ptr[i] == '\n' || (text.ptr[i] >= ' ' && text.ptr[i] <= '~');
        to[i] = printable ? (char)text.ptr[i] : '?';
    }
    to[len] = '\0';
    return to;
}

static const char *quote(struct check *c, struct weir_bytes text)
{
    return quoted(c, text, QUOTE_BYTES_MAX);
}

static void refuse(struct check *c, const char *type, const char *message)
{
    c->verdict = (struct signature_verdict){type, message};
}

/* ---- the Authorization header ---------------------------------------------------------------- */

static bool parts_end(uint8_t c)
{
    return c == ',' || c == ' ' || c == '\t';
}

static struct weir_bytes take_part(struct weir_bytes *rest)
{
    size_t start = 0;
    while (start < rest->len && parts_end(rest->ptr[start])) {
        start++;
    }
    size_t end = start;
    while (end < rest->len && !parts_end(rest->ptr[end])) {
        end++;
    }
    struct weir_bytes part = bytes_of(rest->ptr + start, end - start);
    *rest = bytes_of(rest->ptr + end, rest->len - end);
    return part;
}

static void add_part(struct authorization *parts, struct weir_bytes part)
{
    const uint8_t *equals = memchr(part.ptr, '=', part.len);
    if (equals == NULL) {
        parts->stray = parts->stray.ptr == NULL ? part : parts->stray;
        return;
    }
    struct weir_bytes name = bytes_of(part.ptr, (size_t)(equals - part.ptr));
    struct weir_bytes value = bytes_of(equals + 1, part.len - name.len - 1);
    if (bytes_eq_str(name, "Credential")) {
        parts->credential = value;
    } else if (bytes_eq_str(name, "SignedHeaders")) {
        parts->signed_headers = value;
    } else if (bytes_eq_str(name, "Signature")) {
        parts->signature = value;
    }
}

void authorization_parse(struct weir_bytes text, struct authorization *ret_parts)
{
    struct authorization parts = {.algorithm = take_part(&text)};
    for (struct weir_bytes part = take_part(&text); part.len > 0; part = take_part(&text)) {
        add_part(&parts, part);
    }
    *ret_parts = parts;
}

bool authorization_scope(struct weir_bytes credential, struct credential_scope *ret_scope)
{
    struct weir_bytes elements[5];
    unsigned count = 0;
    size_t start = 0;
    for (size_t i = 0; i <= credential.len; i++) {
        if (i < credential.len && credential.ptr[i] != '/') {
            continue;
        }
        if (count == 5) {
            return false;
        }
        elements[count++] = bytes_of(credential.ptr + start, i - start);
        start = i + 1;
    }
    if (count != 5) {
        return false;
    }
    *ret_scope =
        (struct credential_scope){elements[0], elements[1], elements[2], elements[3], elements[4]};
    return true;
}

/* ---- headers --------------------------------------------------------------------------------- */

static bool equals_nocase(struct weir_bytes a, const char *b)
{
    return a.len == strlen(b) && strncasecmp((const char *)a.ptr, b, a.len) == 0;
}

/* The first one of that name; ptr NULL when there is none. */
static struct weir_bytes header_value(const struct check *c, const char *name)
{
    for (size_t i = 0; i < c->request->header_count; i++) {
        const struct sigv4_header *header = &c->request->headers[i];
        if (equals_nocase(header->name, name)) {
            return header->value.ptr == NULL ? bytes_str("") : header->value;
        }
    }
    return BYTES_NONE;
}

/* Takes the next name of SignedHeaders off the front of *rest. */
static struct weir_bytes take_name(struct weir_bytes *rest)
{
    const uint8_t *end = memchr(rest->ptr, ';', rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->ptr);
    struct weir_bytes name = bytes_of(rest->ptr, len);
    size_t taken = end == NULL ? len : len + 1;
    *rest = bytes_of(rest->ptr + taken, rest->len - taken);
    return name;
}

static bool same_nocase(struct weir_bytes a, struct weir_bytes b)
{
    return a.len == b.len &&
           (a.len == 0 || strncasecmp((const char *)a.ptr, (const char *)b.ptr, a.len) == 0);
}

static bool is_signed(const struct check *c, struct weir_bytes name)
{
    for (struct weir_bytes rest = c->parts.signed_headers; rest.len > 0;) {
        if (same_nocase(take_name(&rest), name)) {
            return true;
        }
    }
    return false;
}

static struct weir_bytes lower_copy(struct check *c, struct weir_bytes text)
{
    uint8_t *to = arena_alloc(c->a, text.len);
    for (size_t i = 0; to != NULL && i < text.len; i++) {
        to[i] =
            (uint8_t)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + 32 : text.ptr[i]);
    }
    return bytes_of(to, to == NULL ? 0 : text.len);
}

/* Each header at most once, however often SignedHeaders has its name. */
static void collect_signed(struct check *c)
{
    c->signed_headers = ARENA_ARRAY(c->a, struct sigv4_header, c->request->header_count + 1);
    for (size_t i = 0; c->signed_headers != NULL && i < c->request->header_count; i++) {
        const struct sigv4_header *header = &c->request->headers[i];
        if (is_signed(c, header->name)) {
            c->signed_headers[c->signed_count++] =
                (struct sigv4_header){lower_copy(c, header->name), header->value};
        }
    }
}

/* ---- the checks ------------------------------------------------------------------------------ */

static bool has_presigned_query(struct weir_bytes query)
{
    static const char name[] = "X-Amz-Algorithm=";
    return query.len > 0 && memmem(query.ptr, query.len, name, sizeof(name) - 1) != NULL;
}

static void check_presence(struct check *c)
{
    c->header = header_value(c, "authorization");
    if (c->header.ptr != NULL && has_presigned_query(c->request->query)) {
        refuse(c, type_invalid,
               "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP "
               "header.");
    } else if (!bytes_starts_with(c->header, BYTES_LIT("AWS4-"))) {
        refuse(c, type_missing, "Request is missing Authentication Token");
    }
}

static void check_parts(struct check *c)
{
    authorization_parse(c->header, &c->parts);
    if (c->parts.stray.ptr != NULL) {
        refuse(c, type_incomplete,
               arena_printf(c->a,
                            "'%s' not a valid key=value pair (missing equal-sign) in Authorization "
                            "header: '%s'.",
                            quote(c, c->parts.stray), quote(c, c->header)));
        return;
    }
    bool no_credential = c->parts.credential.len == 0;
    bool no_signature = c->parts.signature.len == 0;
    bool no_headers = c->parts.signed_headers.len == 0;
    bool no_date = header_value(c, "x-amz-date").ptr == NULL;
    if (no_credential || no_signature || no_headers || no_date) {
        refuse(c, type_incomplete,
               arena_printf(
                   c->a, "%s%s%s%sAuthorization=%s",
                   no_credential ? "Authorization header requires 'Credential' parameter. " : "",
                   no_signature ? "Authorization header requires 'Signature' parameter. " : "",
                   no_headers ? "Authorization header requires 'SignedHeaders' parameter. " : "",
                   no_date ? "Authorization header requires existence of either a 'X-Amz-Date' or "
                             "a 'Date' header. "
                           : "",
                   quote(c, c->header)));
    }
}

/* 20261120T234400Z, a moment that exists. */
static bool parse_date(struct weir_bytes text, char to[SIGV4_DATE_SIZE], int64_t *ret_wall_ms)
{
    struct tm parts = {0};
    char again[SIGV4_DATE_SIZE];
    if (text.len != DATE_LEN) {
        return false;
    }
    memcpy(to, text.ptr, DATE_LEN);
    to[DATE_LEN] = '\0';
    const char *end = strptime(to, "%Y%m%dT%H%M%SZ", &parts);
    if (end != to + DATE_LEN) {
        return false;
    }
    *ret_wall_ms = (int64_t)timegm(&parts) * 1000;
    sigv4_date(*ret_wall_ms, again);
    return strcmp(to, again) == 0;
}

static void check_date(struct check *c)
{
    int64_t signed_ms = 0;
    struct weir_bytes text = header_value(c, "x-amz-date");
    if (!parse_date(text, c->date, &signed_ms)) {
        refuse(c, type_incomplete,
               arena_printf(c->a,
                            "Date must be in ISO-8601 'basic format'. Got '%s'. See "
                            "http://en.wikipedia.org/wiki/ISO_8601",
                            quote(c, text)));
        return;
    }
    /* The header has seconds. */
    int64_t now_ms = c->wall_ms - c->wall_ms % 1000;
    bool early = signed_ms < now_ms - SIGNATURE_SKEW_MS;
    bool late = signed_ms > now_ms + SIGNATURE_SKEW_MS;
    if (!early && !late) {
        return;
    }
    char now[SIGV4_DATE_SIZE];
    char bound[SIGV4_DATE_SIZE];
    sigv4_date(now_ms, now);
    sigv4_date(now_ms + (early ? -SIGNATURE_SKEW_MS : SIGNATURE_SKEW_MS), bound);
    refuse(c, type_invalid,
           arena_printf(c->a, "Signature %s: %s is %s than %s (%s %c %d min.)",
                        early ? "expired" : "not yet current", c->date,
                        early ? "now earlier" : "still later", bound, now, early ? '-' : '+',
                        SIGNATURE_SKEW_MINUTES));
}

/* What must be signed if it is there; the first three name the request itself. */
static void check_signed_headers(struct check *c)
{
    static const char *const names[] = {"Host", "X-Amz-Date", "X-Amz-Target",
                                        "X-Amz-Content-Sha256", "X-Amz-Security-Token"};
    size_t count = 1;
    for (size_t i = 0; i < c->parts.signed_headers.len; i++) {
        count += c->parts.signed_headers.ptr[i] == ';';
    }
    if (count > SIGNATURE_HEADERS_MAX) {
        refuse(c, type_invalid,
               arena_printf(c->a, "'SignedHeaders' has more than %d names", SIGNATURE_HEADERS_MAX));
        return;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bool is_there = i == 0 || header_value(c, names[i]).ptr != NULL;
        if (is_there && !is_signed(c, bytes_str(names[i]))) {
            refuse(c, type_invalid,
                   arena_printf(c->a, "'%s' must be a 'SignedHeader' in the AWS Authorization.",
                                names[i]));
            return;
        }
    }
}

static void check_algorithm(struct check *c)
{
    if (!bytes_eq_str(c->parts.algorithm, ALGORITHM)) {
        refuse(c, type_incomplete,
               arena_printf(c->a,
                            "Unsupported AWS 'algorithm': '%s' (only " ALGORITHM " for now). ",
                            quote(c, c->parts.algorithm)));
    }
}

static void check_scope(struct check *c)
{
    if (!authorization_scope(c->parts.credential, &c->scope)) {
        refuse(c, type_incomplete,
               arena_printf(c->a,
                            "Credential must have exactly 5 slash-delimited elements, e.g. "
                            "keyid/date/region/service/term, got '%s'",
                            quote(c, c->parts.credential)));
        return;
    }
    const struct credential_scope *scope = &c->scope;
    bool region = c->region.len > 0 && !bytes_eq(scope->region, c->region);
    bool service = !bytes_eq_str(scope->service, SERVICE);
    bool term = !bytes_eq_str(scope->term, TERMINATOR);
    bool day = !bytes_eq(scope->day, bytes_of(c->date, DAY_LEN));
    if (!region && !service && !term && !day) {
        return;
    }
    const char *wrong_region =
        region ? arena_printf(c->a, "Credential should be scoped to a valid region, not '%s'. ",
                              quote(c, scope->region))
               : "";
    const char *wrong_term =
        term ? arena_printf(c->a,
                            "Credential should be scoped with a valid terminator: '" TERMINATOR
                            "', not '%s'. ",
                            quote(c, scope->term))
             : "";
    const char *wrong_day =
        day ? arena_printf(c->a,
                           "Date in Credential scope does not match YYYYMMDD from ISO-8601 version "
                           "of date from HTTP: '%s' != '%.8s', from '%s'.",
                           quote(c, scope->day), c->date, c->date)
            : "";
    bool is_whole = wrong_region != NULL && wrong_term != NULL && wrong_day != NULL;
    refuse(c, type_invalid,
           is_whole
               ? arena_printf(c->a, "%s%s%s%s", wrong_region,
                              service ? "Credential should be scoped to correct service: '" SERVICE
                                        "'. "
                                      : "",
                              wrong_term, wrong_day)
               : NULL);
}

static void check_key(struct check *c)
{
    c->key = signature_keys_find(c->keys, c->scope.access_key_id);
    if (c->key == NULL) {
        refuse(c, type_unrecognized, arena_printf(c->a, "%s.", text_token));
    }
}

/* ---- the signature --------------------------------------------------------------------------- */

struct steps {
    struct buf canonical, names, text;
};

static bool make_steps(struct check *c, struct steps *steps)
{
    struct sigv4_request request = {
        .method = c->request->method,
        .path = c->request->path,
        .query = c->request->query,
        .headers = c->signed_headers,
        .header_count = c->signed_count,
        .body = c->request->body,
        .region = c->scope.region,
        .service = c->scope.service,
        .normalize_path = true,
    };
    sigv4_canonical_request(&request, &steps->canonical, &steps->names);
    sigv4_string_to_sign(&request, c->date, buf_bytes(&steps->canonical), &steps->text);
    return buf_status(&steps->canonical) == WEIR_OK && buf_status(&steps->names) == WEIR_OK &&
           buf_status(&steps->text) == WEIR_OK;
}

/* Helps whoever writes a signer, and says nothing that the client did not send; but its token would
 * end in logs. */
static void refuse_signature(struct check *c, const struct steps *steps)
{
    static const char text[] =
        "The request signature we calculated does not match the signature you provided. Check your "
        "AWS Secret Access Key and signing method. Consult the service documentation for details.";
    if (header_value(c, "x-amz-security-token").ptr != NULL) {
        refuse(c, type_invalid, arena_printf(c->a, "%s", text));
        return;
    }
    refuse(c, type_invalid,
           arena_printf(c->a,
                        "%s\n\nThe Canonical String for this request should have been\n'%s'\n\n"
                        "The String-to-Sign should have been\n'%s'\n",
                        text, quoted(c, buf_bytes(&steps->canonical), ECHO_BYTES_MAX),
                        quoted(c, buf_bytes(&steps->text), ECHO_BYTES_MAX)));
}

static void compare_signature(struct check *c, const struct steps *steps)
{
    struct sigv4_key derived;
    char signature[SHA256_HEX_LEN + 1] = "";
    enum weir_status status =
        signature_key_derive(c->keys, c->key, c->date, c->scope.region, c->scope.service, &derived);
    if (status == WEIR_OK) {
        sigv4_signature(&derived, buf_bytes(&steps->text), signature);
    }
    OPENSSL_cleanse(&derived, sizeof(derived));
    if (strlen(signature) != SHA256_HEX_LEN || c->parts.signature.len != SHA256_HEX_LEN ||
        CRYPTO_memcmp(signature, c->parts.signature.ptr, SHA256_HEX_LEN) != 0) {
        refuse_signature(c, steps);
    }
}

/* The canonical request ends with the body's digest. */
static void compare_body(struct check *c, const struct steps *steps)
{
    struct weir_bytes claimed = header_value(c, "x-amz-content-sha256");
    struct weir_bytes canonical = buf_bytes(&steps->canonical);
    struct weir_bytes digest =
        bytes_of(canonical.ptr + canonical.len - SHA256_HEX_LEN, SHA256_HEX_LEN);
    if (claimed.ptr != NULL && !bytes_eq(claimed, digest)) {
        refuse(c, type_invalid,
               "The provided 'x-amz-content-sha256' header does not match what was computed.");
    }
}

static void check_signature(struct check *c)
{
    struct steps steps;
    buf_init(&steps.canonical, CANONICAL_BYTES_MAX);
    buf_init(&steps.names, CANONICAL_BYTES_MAX);
    buf_init(&steps.text, CANONICAL_BYTES_MAX);
    collect_signed(c);
    if (c->signed_headers == NULL || !make_steps(c, &steps)) {
        refuse(c, type_invalid, "No memory for the signature of the request");
    } else {
        compare_signature(c, &steps);
        if (c->verdict.type == NULL) {
            compare_body(c, &steps);
        }
    }
    buf_fini(&steps.canonical);
    buf_fini(&steps.names);
    buf_fini(&steps.text);
}

/* A key with a token is good with it only, one without is not good with any. */
static void check_token(struct check *c)
{
    struct weir_bytes token = signature_key_token(c->key);
    struct weir_bytes given = header_value(c, "x-amz-security-token");
    bool same = token.len == given.len &&
                (token.len == 0 || CRYPTO_memcmp(token.ptr, given.ptr, token.len) == 0);
    if (!same || (token.len == 0 && given.ptr != NULL)) {
        refuse(c, type_unrecognized, text_token);
    }
}

struct signature_verdict signature_check(struct signature_keys *keys, struct weir_bytes region,
                                         const struct signed_request *request, int64_t wall_ms,
                                         struct arena *a)
{
    static void (*const checks[])(struct check *) = {
        check_presence, check_parts, check_date,      check_signed_headers, check_algorithm,
        check_scope,    check_key,   check_signature, check_token,
    };
    struct check c = {
        .keys = keys, .region = region, .request = request, .wall_ms = wall_ms, .a = a};
    for (size_t i = 0; c.verdict.type == NULL && i < sizeof(checks) / sizeof(checks[0]); i++) {
        checks[i](&c);
    }
    return c.verdict;
}
