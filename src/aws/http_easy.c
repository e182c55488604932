/* SPDX-License-Identifier: Apache-2.0 */
/* Setting an easy handle and reading its end: see http_easy.h. */
#include "aws/http_easy.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

#define HEADER_BYTES_MAX ((size_t)16 * 1024)
#define HEADER_BYTES_USUAL 256

/* ---- callbacks ---------------------------------------------------------------------------------
 */

static size_t on_answer(char *bytes, size_t size, size_t count, void *arg)
{
    struct aws_http_request *request = arg;
    size_t len = size * count;
    buf_put(&request->answer, bytes_of(bytes, len));
    return buf_status(&request->answer) == WEIR_OK ? len : CURL_WRITEFUNC_ERROR;
}

/* Called before each sending. A second one is libcurl's own idea: the connection was dead. */
static int on_begin(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    struct aws_http_request *request = arg;
    (void)ip, (void)local_ip, (void)port, (void)local_port;
    bool again = request->begun && !request->resend;
    request->begun = true;
    return again ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* The value of the header line if its name is `name`, without outer whitespace. */
static bool header_value(struct weir_bytes line, const char *name, struct weir_bytes *ret_value)
{
    size_t name_len = strlen(name);
    if (line.len <= name_len || line.ptr[name_len] != ':' ||
        strncasecmp((const char *)line.ptr, name, name_len) != 0) {
        return false;
    }
    const uint8_t *start = line.ptr + name_len + 1;
    const uint8_t *end = line.ptr + line.len;
    while (start < end && (*start == ' ' || *start == '\t')) {
        start++;
    }
    while (end > start && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ')) {
        end--;
    }
    *ret_value = bytes_of(start, (size_t)(end - start));
    return true;
}

static void take_crc32(struct aws_http_request *request, struct weir_bytes text)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || number > UINT32_MAX) {
            return;
        }
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    request->has_crc32 = text.len > 0 && number <= UINT32_MAX;
    request->crc32 = (uint32_t)number;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct aws_http_request *request = arg;
    struct weir_bytes line = bytes_of(bytes, size * count);
    struct weir_bytes value;
    request->answered = true;
    if (header_value(line, "x-amz-crc32", &value)) {
        take_crc32(request, value);
    } else if (header_value(line, "x-amzn-requestid", &value)) {
        (void)snprintf(request->request_id, sizeof(request->request_id), "%.*s", BYTES_ARG(value));
    }
    return line.len;
}

/* ---- the handle --------------------------------------------------------------------------------
 */

CURL *http_easy_new(uint32_t connect_timeout_ms, const char *ca_bundle)
{
    CURL *easy = curl_easy_init();
    if (easy == NULL) {
        return NULL;
    }
    bool set =
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_timeout_ms) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_begin) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
        (ca_bundle == NULL || curl_easy_setopt(easy, CURLOPT_CAINFO, ca_bundle) == CURLE_OK);
    if (!set) {
        curl_easy_cleanup(easy);
        return NULL;
    }
    return easy;
}

static void list_add(struct aws_http_request *request, bool *failed, const char *line)
{
    struct curl_slist *list = curl_slist_append(request->header_list, line);
    if (list == NULL) {
        *failed = true;
    } else {
        request->header_list = list;
    }
}

/* libcurl sends "name;" as a header without a value. */
static void list_add_header(struct aws_http_request *request, bool *failed, struct buf *line,
                            struct weir_bytes name, struct weir_bytes value)
{
    buf_reset(line);
    buf_put(line, name);
    buf_put_str(line, value.len == 0 ? ";" : ": ");
    buf_put(line, value);
    buf_put_u8(line, '\0');
    if (buf_status(line) != WEIR_OK) {
        *failed = true;
    } else {
        list_add(request, failed, (const char *)line->ptr);
    }
}

struct signed_headers {
    struct sigv4_header at[AWS_HTTP_HEADERS_MAX + 3];
    size_t count;
};

static const struct sigv4_credentials *signing_credentials(const struct aws_http_request *request)
{
    return request->credentials != NULL ? request->credentials : &request->signer->credentials;
}

static void collect_headers(const struct aws_http_request *request, const char *date,
                            struct signed_headers *headers)
{
    WEIR_ASSERT(request->header_count <= AWS_HTTP_HEADERS_MAX);
    headers->at[headers->count++] =
        (struct sigv4_header){BYTES_LIT("host"), bytes_str(request->endpoint->host)};
    headers->at[headers->count++] = (struct sigv4_header){BYTES_LIT("x-amz-date"), bytes_str(date)};
    if (request->signer != NULL && signing_credentials(request)->session_token.len > 0) {
        headers->at[headers->count++] = (struct sigv4_header){
            BYTES_LIT("x-amz-security-token"), signing_credentials(request)->session_token};
    }
    for (size_t i = 0; i < request->header_count; i++) {
        headers->at[headers->count++] = request->headers[i];
    }
}

static enum weir_status authorization(const struct aws_http_request *request,
                                      const struct signed_headers *headers, const char *date,
                                      struct buf *to)
{
    struct sigv4_request signing = {
        .method = bytes_str(request->method == NULL ? "POST" : request->method),
        .path = bytes_str(request->endpoint->path),
        .headers = headers->at,
        .header_count = headers->count,
        .body = request->body,
        .region = request->signer->region,
        .service = request->signer->service,
        .normalize_path = true,
    };
    return sigv4_authorization(&signing, signing_credentials(request), date,
                               request->key != NULL ? request->key : &request->signer->key, to);
}

static bool set_headers(struct aws_http_request *request, struct weir_env *env)
{
    char date[SIGV4_DATE_SIZE];
    struct signed_headers headers = {.count = 0};
    struct buf line, signature;
    bool failed = false;
    buf_init(&line, HEADER_BYTES_MAX);
    buf_init(&signature, HEADER_BYTES_MAX);
    (void)buf_reserve(&line, HEADER_BYTES_USUAL);
    (void)buf_reserve(&signature, HEADER_BYTES_USUAL);
    sigv4_date(env_wall_ms(env), date);
    collect_headers(request, date, &headers);
    for (size_t i = 0; i < headers.count; i++) {
        list_add_header(request, &failed, &line, headers.at[i].name, headers.at[i].value);
    }
    for (size_t i = 0; i < request->extra_count; i++) {
        list_add_header(request, &failed, &line, request->extra[i].name, request->extra[i].value);
    }
    if (request->signer != NULL) {
        failed |= authorization(request, &headers, date, &signature) != WEIR_OK;
        list_add_header(request, &failed, &line, BYTES_LIT("authorization"), buf_bytes(&signature));
    }
    if (request->body.len == 0) {
        list_add(request, &failed, "content-type:"); /* libcurl's own, which says form */
    }
    list_add(request, &failed, "accept-encoding: identity");
    list_add(request, &failed, "Expect:");
    buf_fini(&line);
    buf_fini(&signature);
    return !failed &&
           curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, request->header_list) == CURLE_OK;
}

/* As POSTFIELDS, a small body goes out with the headers in one piece. */
static bool set_body(const struct aws_http_request *request)
{
    const void *fields = request->body.len == 0 ? (const void *)"" : request->body.ptr;
    return curl_easy_setopt(request->easy, CURLOPT_POSTFIELDS, fields) == CURLE_OK &&
           curl_easy_setopt(request->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                            (curl_off_t)request->body.len) == CURLE_OK;
}

/* A PUT is a POST of another name to libcurl, so that its body is sent as one. */
static bool set_method(const struct aws_http_request *request)
{
    CURL *easy = request->easy;
    bool get = request->method != NULL && strcmp(request->method, "GET") == 0;
    return curl_easy_setopt(easy, get ? CURLOPT_HTTPGET : CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, get ? NULL : request->method) == CURLE_OK;
}

bool http_easy_prepare(struct aws_http_request *request, struct weir_env *env)
{
    CURL *easy = request->easy;
    bool straight = request->direct || request->endpoint->loopback;
    buf_reset(&request->answer);
    request->what[0] = '\0';
    request->has_crc32 = false;
    request->begun = false;
    request->answered = false;
    request->header_list = NULL;
    return set_headers(request, env) && set_body(request) && set_method(request) &&
           curl_easy_setopt(easy, CURLOPT_URL, request->endpoint->url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOPROXY, straight ? "*" : NULL) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->what) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, request) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, request) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQDATA, request) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, request) == CURLE_OK;
}

void http_easy_clear(struct aws_http_request *request)
{
    if (request->easy != NULL) {
        (void)curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, NULL);
        (void)curl_easy_setopt(request->easy, CURLOPT_POSTFIELDS, NULL);
        (void)curl_easy_setopt(request->easy, CURLOPT_ERRORBUFFER, NULL);
        (void)curl_easy_setopt(request->easy, CURLOPT_PRIVATE, NULL);
    }
    curl_slist_free_all(request->header_list);
    request->header_list = NULL;
}

/* ---- the end -----------------------------------------------------------------------------------
 */

/* libcurl's count alone is not it: before a transfer begins it is that of the handle's last one,
 * and the CONNECT that asks a proxy for the way is in it. */
bool http_easy_sent(const struct aws_http_request *request)
{
    long bytes = 0;
    if (request->easy == NULL || !request->begun) {
        return false;
    }
    (void)curl_easy_getinfo(request->easy, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0;
}

static enum weir_status status_of_failure(const struct aws_http_request *request, CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return request->sent ? WEIR_TIMEOUT : WEIR_UNREACHABLE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_ABORTED_BY_CALLBACK: /* on_begin */
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return WEIR_UNREACHABLE;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return WEIR_CONFIG;
    case CURLE_WRITE_ERROR:
        return buf_status(&request->answer) == WEIR_OK ? WEIR_PROTOCOL
                                                       : buf_status(&request->answer);
    case CURLE_OUT_OF_MEMORY:
        return WEIR_NO_MEMORY;
    default:
        return WEIR_PROTOCOL;
    }
}

static void check_crc32(struct aws_http_request *request)
{
    if (!request->has_crc32) {
        return;
    }
    uLong sum = crc32_z(crc32_z(0, NULL, 0), request->answer.ptr, request->answer.len);
    if (sum != request->crc32) {
        request->status = WEIR_PROTOCOL;
        (void)snprintf(request->what, sizeof(request->what),
                       "the answer's x-amz-crc32 is %lu, its bytes give %lu",
                       (unsigned long)request->crc32, (unsigned long)sum);
    }
}

void http_easy_end(struct aws_http_request *request, enum weir_status status, const char *what)
{
    request->status = status;
    (void)snprintf(request->what, sizeof(request->what), "%s", what);
}

void http_easy_result(struct aws_http_request *request, CURLcode code)
{
    long http_status = 0;
    request->sent = http_easy_sent(request);
    (void)curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &http_status);
    request->http_status = (int)http_status;
    if (code == CURLE_OK) {
        request->status = WEIR_OK;
        check_crc32(request);
        return;
    }
    request->status = status_of_failure(request, code);
    if (code == CURLE_ABORTED_BY_CALLBACK || code == CURLE_GOT_NOTHING) {
        (void)snprintf(request->what, sizeof(request->what), "%s",
                       "the server closed the connection before it answered");
    } else if (code == CURLE_PARTIAL_FILE) {
        (void)snprintf(request->what, sizeof(request->what), "%s",
                       "the server closed the connection in the middle of its answer");
    } else if (request->what[0] == '\0') {
        (void)snprintf(request->what, sizeof(request->what), "%s", curl_easy_strerror(code));
    }
}
