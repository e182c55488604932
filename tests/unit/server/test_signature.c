/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures as a server sees them: what botocore signed is taken, and nothing that was changed. */
#include "server/signature.h"

#include "unit/aws/sigv4_vector.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define NOW_MS INT64_C(1795218240000) /* 20261120T234400Z */
#define DATE "20261120T234400Z"
#define HEADERS_MAX 16
#define KEYS_TEXT                         \
    "# for the tests\n"                   \
    "AKIDEXAMPLE wJalrXUtnFEMI/K7MDENG\n" \
    "TEMPORARY anothersecret thetoken\n"

static const char body_text[] = "{\"TableName\":\"orders\"}";

/* A request, its parts in memory that a test may change. */
struct sample {
    struct signature_keys *keys;
    struct arena *a;
    char method[16], path[64], query[64], body[64];
    char names[HEADERS_MAX][64];
    char values[HEADERS_MAX][1024];
    size_t count;
};

static void add(struct sample *s, const char *name, const char *value)
{
    assert_true(s->count < HEADERS_MAX && strlen(value) < sizeof(s->values[0]));
    (void)snprintf(s->names[s->count], sizeof(s->names[0]), "%s", name);
    (void)snprintf(s->values[s->count++], sizeof(s->values[0]), "%s", value);
}

static char *value_of(struct sample *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcasecmp(s->names[i], name) == 0) {
            return s->values[i];
        }
    }
    fail_msg("no header %s", name);
    return NULL;
}

/* As the signer wants them: names in lower case. */
static void sign_as(struct sample *s, const char *id, const char *secret, const char *date,
                    const char *region, const char *service)
{
    struct sigv4_header headers[HEADERS_MAX];
    char lower[HEADERS_MAX][64];
    for (size_t i = 0; i < s->count; i++) {
        for (size_t j = 0; j <= strlen(s->names[i]); j++) {
            char c = s->names[i][j];
            lower[i][j] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
        headers[i] = (struct sigv4_header){bytes_str(lower[i]), bytes_str(s->values[i])};
    }
    struct sigv4_request request = {
        .method = bytes_str(s->method),
        .path = bytes_str(s->path),
        .query = bytes_str(s->query),
        .headers = headers,
        .header_count = s->count,
        .body = bytes_str(s->body),
        .region = bytes_str(region),
        .service = bytes_str(service),
        .normalize_path = true,
    };
    struct sigv4_credentials credentials = {.access_key_id = bytes_str(id),
                                            .secret_access_key = bytes_str(secret)};
    struct sigv4_key key = {0};
    struct buf value;
    buf_init(&value, 4096);
    assert_int_equal(sigv4_authorization(&request, &credentials, date, &key, &value), WEIR_OK);
    buf_put_u8(&value, '\0');
    add(s, "Authorization", (const char *)value.ptr);
    buf_fini(&value);
}

static void sample_init(struct sample *s)
{
    struct weir_error err = {0};
    *s = (struct sample){.a = arena_new((size_t)16 * 1024 * 1024)};
    assert_int_equal(signature_keys_parse(BYTES_LIT(KEYS_TEXT), "keys", &s->keys, &err), WEIR_OK);
    (void)snprintf(s->method, sizeof(s->method), "POST");
    (void)snprintf(s->path, sizeof(s->path), "/");
    (void)snprintf(s->body, sizeof(s->body), "%s", body_text);
    add(s, "Host", "127.0.0.1:8000");
    add(s, "X-Amz-Date", DATE);
    add(s, "X-Amz-Target", "DynamoDB_20120810.DescribeTable");
    add(s, "Content-Type", "application/x-amz-json-1.0");
}

static void sample_sign(struct sample *s)
{
    sign_as(s, "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", DATE, "us-east-1", "dynamodb");
}

static void sample_fini(struct sample *s)
{
    signature_keys_free(s->keys);
    arena_free(s->a);
}

static struct signature_verdict verdict_at(struct sample *s, const char *region, int64_t now_ms)
{
    struct sigv4_header headers[HEADERS_MAX];
    for (size_t i = 0; i < s->count; i++) {
        headers[i] = (struct sigv4_header){bytes_str(s->names[i]), bytes_str(s->values[i])};
    }
    struct signed_request request = {
        .method = bytes_str(s->method),
        .path = bytes_str(s->path),
        .query = bytes_str(s->query),
        .headers = headers,
        .header_count = s->count,
        .body = bytes_str(s->body),
    };
    return signature_check(s->keys, bytes_str(region), &request, now_ms, s->a);
}

static struct signature_verdict verdict(struct sample *s)
{
    return verdict_at(s, "us-east-1", NOW_MS);
}

static void assert_accepted(struct signature_verdict v)
{
    if (v.type != NULL) {
        fail_msg("refused: %s: %s", v.type, v.message);
    }
}

/* The name of the error and the beginning of its text. */
static void assert_refused(struct signature_verdict v, const char *name, const char *text)
{
    char type[128];
    (void)snprintf(type, sizeof(type), "com.amazon.coral.service#%s", name);
    assert_non_null(v.type);
    assert_string_equal(v.type, type);
    assert_non_null(v.message);
    if (strncmp(v.message, text, strlen(text)) != 0) {
        fail_msg("says: %s\nnot: %s", v.message, text);
    }
}

static void assert_judged(struct signature_verdict v, bool accepted, const char *name,
                          const char *text)
{
    if (accepted) {
        assert_accepted(v);
    } else {
        assert_refused(v, name, text);
    }
}

/* ---- accepted -------------------------------------------------------------------------------- */

/* Each vector as it would arrive: its headers and the Authorization that botocore made. */
static bool arrives(const struct vector *v)
{
    if (strcmp(vector_text(v, "service"), "dynamodb") != 0 || !v->request.normalize_path) {
        return false;
    }
    struct arena *a = arena_new((size_t)16 * 1024 * 1024);
    struct sigv4_header headers[VECTOR_HEADERS_MAX + 1];
    struct weir_bytes token = {NULL, 0};
    size_t count = v->request.header_count;
    memcpy(headers, v->headers, count * sizeof(headers[0]));
    for (size_t i = 0; i < count; i++) {
        if (bytes_eq_str(headers[i].name, "x-amz-security-token")) {
            token = headers[i].value;
        }
    }
    headers[count++] = (struct sigv4_header){BYTES_LIT("Authorization"),
                                             bytes_str(vector_text(v, "authorization"))};
    struct signed_request request = {
        .method = v->request.method,
        .path = v->request.path,
        .query = v->request.query,
        .headers = headers,
        .header_count = count,
        .body = v->request.body,
    };
    struct weir_error err = {0};
    struct signature_keys *keys = NULL;
    const char *line = arena_printf(a, "%s %s %.*s", vector_text(v, "access_key_id"),
                                    vector_text(v, "secret_access_key"), BYTES_ARG(token));
    assert_int_equal(signature_keys_parse(bytes_str(line), "keys", &keys, &err), WEIR_OK);
    assert_accepted(signature_check(keys, v->request.region, &request,
                                    strtoll(vector_text(v, "wall_ms"), NULL, 10), a));
    signature_keys_free(keys);
    arena_free(a);
    return true;
}

static void requests_signed_by_botocore_are_accepted(void **state)
{
    (void)state;
    assert_true(vectors_each(arrives) >= 20);
}

static void derived_keys_serve_every_day_and_region(void **state)
{
    (void)state;
    static const struct {
        const char *date, *region;
        int64_t now_ms;
    } cases[] = {
        {"20261120T235900Z", "us-east-1", NOW_MS + 900000},
        {"20261121T000100Z", "us-east-1", NOW_MS + 900000},
        {"20261121T000100Z", "eu-west-1", NOW_MS + 900000},
        {"20261120T235900Z", "eu-west-1", NOW_MS + 900000},
        {"20261120T235900Z", "eu-west-10", NOW_MS + 900000},
        {"20261120T235900Z", "us-east-1", NOW_MS + 900000},
    };
    struct signature_keys *keys = NULL;
    assert_int_equal(signature_keys_parse(BYTES_LIT(KEYS_TEXT), "keys", &keys, NULL), WEIR_OK);
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            struct sample s;
            sample_init(&s);
            (void)snprintf(value_of(&s, "x-amz-date"), 64, "%s", cases[i].date);
            sign_as(&s, "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", cases[i].date, cases[i].region,
                    "dynamodb");
            signature_keys_free(s.keys);
            s.keys = keys; /* one cache for all */
            assert_accepted(verdict_at(&s, "", cases[i].now_ms));
            s.keys = NULL;
            sample_fini(&s);
        }
    }
    signature_keys_free(keys);
}

static void headers_beside_the_signed_ones_do_not_matter(void **state)
{
    (void)state;
    struct sample s;
    sample_init(&s);
    sample_sign(&s);
    add(&s, "User-Agent", "somebody");
    assert_accepted(verdict(&s));
    sample_fini(&s);
}

/* ---- changed --------------------------------------------------------------------------------- */

/* Each byte of the text, changed, makes the request a refused one; it is put back after. */
static void refuse_every_change(struct sample *s, char *text, const char *what)
{
    size_t len = strlen(text);
    assert_true(len > 0);
    for (size_t i = 0; i < len; i++) {
        char was = text[i];
        text[i] = (char)(was ^ 1);
        struct signature_verdict v = verdict(s);
        if (v.type == NULL) {
            fail_msg("accepted with byte %zu of %s changed: %s", i, what, text);
        }
        text[i] = was;
    }
    assert_accepted(verdict(s));
}

static void every_changed_byte_is_refused(void **state)
{
    (void)state;
    struct sample s;
    sample_init(&s);
    (void)snprintf(s.path, sizeof(s.path), "/a/b%%20c");
    (void)snprintf(s.query, sizeof(s.query), "b=2&a=%%20x");
    add(&s, "X-Amz-Security-Token", "thetoken");
    add(&s, "X-Weir-Wait-Ms", "100");
    sign_as(&s, "TEMPORARY", "anothersecret", DATE, "us-east-1", "dynamodb");
    assert_accepted(verdict(&s));
    refuse_every_change(&s, s.method, "the method");
    refuse_every_change(&s, s.path, "the path");
    refuse_every_change(&s, s.query, "the query");
    refuse_every_change(&s, s.body, "the body");
    for (size_t i = 0; i < s.count; i++) {
        refuse_every_change(&s, s.values[i], s.names[i]);
    }
    sample_fini(&s);
}

static void added_and_missing_bytes_are_refused(void **state)
{
    (void)state;
    struct sample s;
    sample_init(&s);
    sample_sign(&s);
    (void)snprintf(s.body, sizeof(s.body), "%s ", body_text);
    assert_non_null(verdict(&s).type);
    s.body[strlen(body_text) - 1] = '\0';
    assert_non_null(verdict(&s).type);
    (void)snprintf(s.body, sizeof(s.body), "%s", body_text);
    (void)snprintf(s.query, sizeof(s.query), "a");
    assert_non_null(verdict(&s).type);
    s.query[0] = '\0';
    char *authorization = value_of(&s, "Authorization");
    authorization[strlen(authorization) - 1] = '\0';
    assert_non_null(verdict(&s).type);
    sample_fini(&s);
}

/* A second header of a signed name, behind or before, is part of what was signed. */
static void a_signed_header_that_comes_twice_is_refused(void **state)
{
    (void)state;
    struct sample s;
    sample_init(&s);
    sample_sign(&s);
    add(&s, "x-amz-target", "DynamoDB_20120810.DeleteTable");
    assert_refused(verdict(&s), "InvalidSignatureException", "The request signature we calculated");
    sample_fini(&s);
}

static void every_changed_byte_of_the_secret_is_refused(void **state)
{
    (void)state;
    struct sample s;
    sample_init(&s);
    sample_sign(&s);
    static const char secret[] = "wJalrXUtnFEMI/K7MDENG";
    for (size_t i = 0; i < sizeof(secret) - 1; i++) {
        char line[128];
        (void)snprintf(line, sizeof(line), "AKIDEXAMPLE %s", secret);
        line[12 + i] = (char)(line[12 + i] ^ 1);
        signature_keys_free(s.keys);
        assert_int_equal(signature_keys_parse(bytes_str(line), "keys", &s.keys, NULL), WEIR_OK);
        assert_refused(verdict(&s), "InvalidSignatureException",
                       "The request signature we calculated does not match the signature you "
                       "provided. Check your AWS Secret Access Key and signing method. Consult the "
                       "service documentation for details.\n\nThe Canonical String for this "
                       "request should have been\n'POST\n/\n\ncontent-type:");
    }
    sample_fini(&s);
}

/* ---- refused by name ------------------------------------------------------------------------- */

static void a_request_without_signature_is_refused(void **state)
{
    (void)state;
    static const char text[] = "Request is missing Authentication Token";
    struct sample s;
    sample_init(&s);
    assert_refused(verdict(&s), "MissingAuthenticationTokenException", text);
    add(&s, "Authorization", "Bearer token");
    assert_refused(verdict(&s), "MissingAuthenticationTokenException", text);
    sample_fini(&s);
}

static void a_presigned_query_is_not_taken(void **state)
{
    (void)state;
    struct sample s;
    sample_init(&s);
    (void)snprintf(s.query, sizeof(s.query), "X-Amz-Algorithm=AWS4-HMAC-SHA256");
    assert_refused(verdict(&s), "MissingAuthenticationTokenException", "Request is missing");
    sample_sign(&s);
    assert_refused(verdict(&s), "InvalidSignatureException",
                   "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as "
                   "HTTP header.");
    sample_fini(&s);
}

static void refused_with(const char *authorization, const char *name, const char *text)
{
    struct sample s;
    sample_init(&s);
    add(&s, "authorization", authorization);
    assert_refused(verdict(&s), name, text);
    sample_fini(&s);
}

#define SIGNED "SignedHeaders=host;x-amz-date;x-amz-target"

static void what_is_missing_in_the_header_is_named(void **state)
{
    (void)state;
    refused_with("AWS4-HMAC-SHA256", "IncompleteSignatureException",
                 "Authorization header requires 'Credential' parameter. Authorization header "
                 "requires 'Signature' parameter. Authorization header requires 'SignedHeaders' "
                 "parameter. Authorization=AWS4-HMAC-SHA256");
    refused_with("AWS4-HMAC-SHA256 Credential=a, Signature=b", "IncompleteSignatureException",
                 "Authorization header requires 'SignedHeaders' parameter. Authorization=");
    refused_with("AWS4-HMAC-SHA256 Signature=b,   Credential,   SignedHeaders",
                 "IncompleteSignatureException",
                 "'Credential' not a valid key=value pair (missing equal-sign) in Authorization "
                 "header: 'AWS4-HMAC-SHA256 Signature=b,   Credential,   SignedHeaders'.");
    refused_with("AWS4-HMAC-SHA25 Credential=a/20261120/us-east-1/dynamodb/aws4_request, " SIGNED
                 ", Signature=b",
                 "IncompleteSignatureException",
                 "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA25' (only AWS4-HMAC-SHA256 for "
                 "now). ");
    refused_with("AWS4-HMAC-SHA256 Credential=a/b/c/d, " SIGNED ", Signature=b",
                 "IncompleteSignatureException",
                 "Credential must have exactly 5 slash-delimited elements, e.g. "
                 "keyid/date/region/service/term, got 'a/b/c/d'");
    refused_with("AWS4-HMAC-SHA256 Credential=a/b/c/d/e/f, " SIGNED ", Signature=b",
                 "IncompleteSignatureException", "Credential must have exactly 5");
}

static void another_scope_is_refused(void **state)
{
    (void)state;
    refused_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/b/c/d/e, " SIGNED ", Signature=b",
                 "InvalidSignatureException",
                 "Credential should be scoped to a valid region, not 'c'. Credential should be "
                 "scoped to correct service: 'dynamodb'. Credential should be scoped with a valid "
                 "terminator: 'aws4_request', not 'e'. Date in Credential scope does not match "
                 "YYYYMMDD from ISO-8601 version of date from HTTP: 'b' != '20261120', from "
                 "'20261120T234400Z'.");
    static const char *const scopes[][2] = {{"eu-west-1", "dynamodb"}, {"us-east-1", "sqs"}};
    for (size_t i = 0; i < 2; i++) {
        struct sample s;
        sample_init(&s);
        sign_as(&s, "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", DATE, scopes[i][0], scopes[i][1]);
        assert_refused(verdict(&s), "InvalidSignatureException", "Credential should be scoped to");
        sample_fini(&s);
    }
}

static void an_unknown_key_is_refused(void **state)
{
    (void)state;
    struct sample s;
    sample_init(&s);
    sign_as(&s, "NOBODY", "wJalrXUtnFEMI/K7MDENG", DATE, "us-east-1", "dynamodb");
    assert_refused(verdict(&s), "UnrecognizedClientException",
                   "The security token included in the request is invalid.");
    sample_fini(&s);
}

static void a_session_token_must_be_the_keys_own(void **state)
{
    (void)state;
    static const struct {
        const char *id, *secret, *token;
        bool accepted;
    } cases[] = {
        {"TEMPORARY", "anothersecret", "thetoken", true},
        {"TEMPORARY", "anothersecret", "thetokem", false},
        {"TEMPORARY", "anothersecret", "thetoke", false},
        {"TEMPORARY", "anothersecret", "thetokens", false},
        {"TEMPORARY", "anothersecret", NULL, false},
        {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "thetoken", false},
        {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sample s;
        sample_init(&s);
        if (cases[i].token != NULL) {
            add(&s, "X-Amz-Security-Token", cases[i].token);
        }
        sign_as(&s, cases[i].id, cases[i].secret, DATE, "us-east-1", "dynamodb");
        assert_judged(verdict(&s), cases[i].accepted, "UnrecognizedClientException",
                      "The security token included in the request is invalid");
        sample_fini(&s);
    }
}

static void a_token_is_not_repeated_in_the_answer(void **state)
{
    (void)state;
    struct sample s;
    sample_init(&s);
    add(&s, "X-Amz-Security-Token", "thetoken");
    sign_as(&s, "TEMPORARY", "wrong", DATE, "us-east-1", "dynamodb");
    struct signature_verdict v = verdict(&s);
    assert_refused(v, "InvalidSignatureException", "The request signature we calculated");
    assert_null(strstr(v.message, "thetoken"));
    sample_fini(&s);
}

static void a_date_outside_the_skew_is_refused(void **state)
{
    (void)state;
    struct sample s;
    sample_init(&s);
    sample_sign(&s);
    assert_accepted(verdict_at(&s, "us-east-1", NOW_MS + SIGNATURE_SKEW_MS + 999));
    assert_refused(verdict_at(&s, "us-east-1", NOW_MS + SIGNATURE_SKEW_MS + 1000),
                   "InvalidSignatureException",
                   "Signature expired: 20261120T234400Z is now earlier than 20261120T234401Z "
                   "(20261120T235901Z - 15 min.)");
    assert_accepted(verdict_at(&s, "us-east-1", NOW_MS - SIGNATURE_SKEW_MS));
    assert_refused(verdict_at(&s, "us-east-1", NOW_MS - SIGNATURE_SKEW_MS - 1000),
                   "InvalidSignatureException",
                   "Signature not yet current: 20261120T234400Z is still later than "
                   "20261120T234359Z (20261120T232859Z + 15 min.)");
    sample_fini(&s);
}

static void a_date_of_another_form_is_refused(void **state)
{
    (void)state;
    static const char *const dates[] = {"201",
                                        "",
                                        "2026-11-20T23:44:00Z",
                                        "20261120T234400z",
                                        "20261320T234400Z",
                                        "20261131T234400Z",
                                        "20261120T244400Z",
                                        " 2026120T234400Z",
                                        "20261120T234400",
                                        "20261120T23440+Z"};
    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        struct sample s;
        sample_init(&s);
        (void)snprintf(value_of(&s, "X-Amz-Date"), 64, "%s", dates[i]);
        sign_as(&s, "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", DATE, "us-east-1", "dynamodb");
        assert_refused(verdict(&s), "IncompleteSignatureException",
                       "Date must be in ISO-8601 'basic format'. Got '");
        sample_fini(&s);
    }
}

/* Signs without one of the headers, and sends it all the same. */
static void what_names_the_request_must_be_signed(void **state)
{
    (void)state;
    static const char *const names[] = {"Host", "X-Amz-Date", "X-Amz-Target"};
    for (size_t i = 0; i < 3; i++) {
        struct sample s;
        char value[64];
        char text[128];
        sample_init(&s);
        (void)snprintf(value, sizeof(value), "%s", value_of(&s, names[i]));
        char *name = s.names[(size_t)(value_of(&s, names[i]) - s.values[0]) / sizeof(s.values[0])];
        (void)snprintf(name, sizeof(s.names[0]), "other");
        sample_sign(&s);
        add(&s, names[i], value);
        (void)snprintf(text, sizeof(text),
                       "'%s' must be a 'SignedHeader' in the AWS Authorization.", names[i]);
        assert_refused(verdict(&s), "InvalidSignatureException", text);
        sample_fini(&s);
    }
}

static void a_claimed_digest_must_be_the_bodys(void **state)
{
    (void)state;
    static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    static const struct {
        const char *claim, *body;
        bool accepted;
    } cases[] = {{empty, "", true}, {empty, body_text, false}, {"UNSIGNED-PAYLOAD", "", false}};
    for (size_t i = 0; i < 3; i++) {
        struct sample s;
        sample_init(&s);
        (void)snprintf(s.body, sizeof(s.body), "%s", cases[i].body);
        add(&s, "X-Amz-Content-SHA256", cases[i].claim);
        sample_sign(&s);
        assert_judged(verdict(&s), cases[i].accepted, "InvalidSignatureException",
                      "The provided 'x-amz-content-sha256' header does not match");
        sample_fini(&s);
    }
}

static void too_many_signed_names_are_refused(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1000);
    buf_put_str(&text, "AWS4-HMAC-SHA256 Credential=a/20261120/us-east-1/dynamodb/aws4_request, "
                       "Signature=b, SignedHeaders=host");
    for (unsigned i = 0; i < SIGNATURE_HEADERS_MAX; i++) {
        buf_put_str(&text, ";x");
    }
    buf_put_u8(&text, '\0');
    refused_with((const char *)text.ptr, "InvalidSignatureException", "'SignedHeaders' has more");
    buf_fini(&text);
}

static void what_is_quoted_is_printable(void **state)
{
    (void)state;
    refused_with("AWS4-HMAC-SHA256 Credential=a\x80/\xff, " SIGNED ", Signature=b",
                 "IncompleteSignatureException",
                 "Credential must have exactly 5 slash-delimited elements, e.g. "
                 "keyid/date/region/service/term, got 'a?/?'");
}

/* ---- the file of keys ------------------------------------------------------------------------ */

static void keys_are_read_in_both_forms(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "AKID secret\n\n# comment\nTEMP\tother\ttoken\r\n",
        "[default]\naws_access_key_id = AKID\naws_secret_access_key=secret\nregion = x\n"
        "[empty]\nrole_arn = r\n\n; comment\n[b]\naws_secret_access_key = other\n"
        "aws_session_token = token\naws_access_key_id = TEMP",
    };
    for (size_t i = 0; i < 2; i++) {
        struct signature_keys *keys = NULL;
        struct weir_error err = {0};
        enum weir_status status = signature_keys_parse(bytes_str(texts[i]), "keys", &keys, &err);
        if (status != WEIR_OK) {
            fail_msg("%s", err.message);
        }
        assert_int_equal(signature_keys_count(keys), 2);
        assert_int_equal(signature_key_token(signature_keys_find(keys, BYTES_LIT("AKID"))).len, 0);
        assert_true(bytes_eq_str(signature_key_token(signature_keys_find(keys, BYTES_LIT("TEMP"))),
                                 "token"));
        assert_null(signature_keys_find(keys, BYTES_LIT("AKI")));
        signature_keys_free(keys);
    }
}

static void a_wrong_line_is_named_without_its_content(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"AKID\n", "keys:1: "},
        {"AKID hidden\nX\n", "keys:2: "},
        {"AKID hidden token more", "keys:1: "},
        {"AKID hidden\nAKID hidden", "keys:2: this access key id is there a second time"},
        {"AK/ID hidden", "keys:1: the access key id"},
        {"AKID hid\x01en", "keys:1: the secret"},
        {"\n[a]\naws_access_key_id = A\n[b]\n", "keys:2: the section needs"},
        {"[a]\nhidden\n", "keys:2: neither"},
        {"AKID hidden\n[a]\n", "keys:2: "},
        {"", "keys has no access key"},
        {"# only\n", "keys has no access key"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct signature_keys *keys = NULL;
        struct weir_error err = {0};
        assert_int_equal(signature_keys_parse(bytes_str(cases[i][0]), "keys", &keys, &err),
                         WEIR_CONFIG);
        if (strncmp(err.message, cases[i][1], strlen(cases[i][1])) != 0) {
            fail_msg("%zu says: %s", i, err.message);
        }
        assert_null(strstr(err.message, "hid"));
    }
}

static void the_number_of_keys_is_bounded(void **state)
{
    (void)state;
    struct buf text;
    struct weir_error err = {0};
    struct signature_keys *keys = NULL;
    buf_init(&text, SIGNATURE_KEYS_FILE_BYTES);
    for (unsigned i = 0; i < SIGNATURE_KEYS_MAX; i++) {
        buf_printf(&text, "K%u s\n", i);
    }
    assert_int_equal(signature_keys_parse(buf_bytes(&text), "keys", &keys, &err), WEIR_OK);
    signature_keys_free(keys);
    buf_put_str(&text, "one more\n");
    assert_int_equal(signature_keys_parse(buf_bytes(&text), "keys", &keys, &err), WEIR_CONFIG);
    assert_string_equal(err.message, "keys:1025: there are more than 1024 access keys");
    buf_fini(&text);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void a_file_open_to_everybody_is_refused(void **state)
{
    (void)state;
    char folder[] = "/tmp/weir-keys-XXXXXX";
    char path[64];
    struct signature_keys *keys = NULL;
    struct weir_error err = {0};
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/keys", folder);
    static const mode_t open_modes[] = {0604, 0602, 0601, 0644};
    for (size_t i = 0; i < 4; i++) {
        write_file(path, "AKID hidden\n", open_modes[i]);
        assert_int_equal(signature_keys_load(path, &keys, &err), WEIR_CONFIG);
        assert_non_null(strstr(err.message, "chmod o="));
        assert_null(strstr(err.message, "hidden"));
    }
    static const mode_t closed_modes[] = {0600, 0640, 0400};
    for (size_t i = 0; i < 3; i++) {
        write_file(path, "AKID hidden\n", closed_modes[i]);
        assert_int_equal(signature_keys_load(path, &keys, &err), WEIR_OK);
        signature_keys_free(keys);
        (void)chmod(path, 0600);
    }
    assert_int_equal(signature_keys_load(folder, &keys, &err), WEIR_CONFIG);
    (void)unlink(path);
    assert_int_equal(signature_keys_load(path, &keys, &err), WEIR_IO);
    (void)rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_signed_by_botocore_are_accepted),
        cmocka_unit_test(derived_keys_serve_every_day_and_region),
        cmocka_unit_test(headers_beside_the_signed_ones_do_not_matter),
        cmocka_unit_test(every_changed_byte_is_refused),
        cmocka_unit_test(added_and_missing_bytes_are_refused),
        cmocka_unit_test(a_signed_header_that_comes_twice_is_refused),
        cmocka_unit_test(every_changed_byte_of_the_secret_is_refused),
        cmocka_unit_test(a_request_without_signature_is_refused),
        cmocka_unit_test(a_presigned_query_is_not_taken),
        cmocka_unit_test(what_is_missing_in_the_header_is_named),
        cmocka_unit_test(another_scope_is_refused),
        cmocka_unit_test(an_unknown_key_is_refused),
        cmocka_unit_test(a_session_token_must_be_the_keys_own),
        cmocka_unit_test(a_token_is_not_repeated_in_the_answer),
        cmocka_unit_test(a_date_outside_the_skew_is_refused),
        cmocka_unit_test(a_date_of_another_form_is_refused),
        cmocka_unit_test(what_names_the_request_must_be_signed),
        cmocka_unit_test(a_claimed_digest_must_be_the_bodys),
        cmocka_unit_test(too_many_signed_names_are_refused),
        cmocka_unit_test(what_is_quoted_is_printable),
        cmocka_unit_test(keys_are_read_in_both_forms),
        cmocka_unit_test(a_wrong_line_is_named_without_its_content),
        cmocka_unit_test(the_number_of_keys_is_bounded),
        cmocka_unit_test(a_file_open_to_everybody_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
