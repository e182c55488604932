/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests as JSON over HTTP: what the API's protocol puts around a document, and what its answers
 * mean. A synchronous call is written, sent and read in its caller's thread; of an asynchronous one
 * the text is written there, and the answer parsed on the I/O thread, which has the request's arena
 * to itself until complete().
 */
#include "client/client_internal.h"
#include "client/operation.h"

#include "aws/credentials.h"
#include "base/error.h"
#include "base/log.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPTS_KEPT 64
#define TIMEOUT_MS_DEFAULT 30000
#define BODY_KEPT_BYTES ((size_t)1024 * 1024)

/* The transport_state of a request that was cancelled while it had no attempt. */
static const char cancelled_early;
#define XML_NAME_BYTES ((size_t)64)

struct attempt {
    struct attempt *next; /* in the free list */
    struct http_transport *transport;
    struct client_request *request;
    struct aws_http_request http;
    struct credentials_waiter waiter;
    struct credentials *credentials; /* NULL: not signed, or not yet */
    struct buf body;
    char target[128];
    char wait_text[16];
};

struct http_transport {
    struct client_transport base;

    /* Immutable after open, but for the signer's key. */
    char *region;
    struct aws_endpoint endpoint;
    struct aws_endpoint streams_endpoint;
    struct aws_signer signer;
    struct aws_http *http;
    struct credentials_chain *credentials;
    uint32_t timeout_ms;
    char user_agent[32];

    pthread_mutex_t mu;
    struct attempt *free_list; /* under mu */
    unsigned free_count;       /* under mu */
};

/* ---- attempts, kept for reuse ------------------------------------------------------------------
 */

static void attempt_free(struct attempt *attempt)
{
    buf_fini(&attempt->body);
    buf_fini(&attempt->http.answer);
    free(attempt);
}

static struct attempt *attempt_take(struct http_transport *t, struct client_request *request)
{
    pthread_mutex_lock(&t->mu);
    struct attempt *attempt = t->free_list;
    if (attempt != NULL) {
        t->free_list = attempt->next;
        t->free_count--;
    }
    pthread_mutex_unlock(&t->mu);
    if (attempt == NULL) {
        attempt = calloc(1, sizeof(*attempt));
        if (attempt == NULL) {
            return NULL;
        }
        buf_init(&attempt->body, LIMIT_BODY_BYTES);
        buf_init(&attempt->http.answer, AWS_HTTP_ANSWER_BYTES_MAX);
    }
    struct buf answer = attempt->http.answer;
    attempt->transport = t;
    attempt->request = request;
    attempt->http = (struct aws_http_request){.answer = answer};
    attempt->waiter = (struct credentials_waiter){0};
    buf_reset(&attempt->body);
    return attempt;
}

/* Large buffers are not kept: one big request would pin its memory. */
static void attempt_give(struct http_transport *t, struct attempt *attempt)
{
    credentials_unref(attempt->credentials);
    attempt->credentials = NULL;
    if (attempt->body.cap > BODY_KEPT_BYTES) {
        buf_fini(&attempt->body);
    }
    if (attempt->http.answer.cap > BODY_KEPT_BYTES) {
        buf_fini(&attempt->http.answer);
    }
    pthread_mutex_lock(&t->mu);
    bool kept = t->free_count < ATTEMPTS_KEPT;
    if (kept) {
        attempt->next = t->free_list;
        t->free_list = attempt;
        t->free_count++;
    }
    pthread_mutex_unlock(&t->mu);
    if (!kept) {
        attempt_free(attempt);
    }
}

/* ---- answers -----------------------------------------------------------------------------------
 */

/* Further names under which the service reports what the table of statuses has. */
static enum weir_status status_from_name(struct weir_bytes name)
{
    static const struct {
        const char *name;
        enum weir_status status;
    } aliases[] = {
        {"RequestLimitExceeded", WEIR_THROTTLED},
        {"Throttling", WEIR_THROTTLED},
        {"ReplicatedWriteConflictException", WEIR_TXN_CONFLICT},
        {"InternalFailure", WEIR_SERVER},
        {"InternalServerException", WEIR_SERVER},
        {"ServiceUnavailableException", WEIR_UNAVAILABLE},
        {"ExpiredTokenException", WEIR_BAD_CREDENTIALS},
        {"IncompleteSignatureException", WEIR_BAD_CREDENTIALS},
        {"InvalidSignatureException", WEIR_BAD_CREDENTIALS},
        {"MissingAuthenticationTokenException", WEIR_BAD_CREDENTIALS},
        {"InvalidClientTokenId", WEIR_BAD_CREDENTIALS},
        {"SignatureDoesNotMatch", WEIR_BAD_CREDENTIALS},
        {"AccessDenied", WEIR_ACCESS_DENIED},
    };
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        if (bytes_eq_str(name, aliases[i].name)) {
            return aliases[i].status;
        }
    }
    return status_from_exception(name);
}

/* What follows the '#' of "com.amazonaws.dynamodb.v20120810#Name", or all of it. */
static struct weir_bytes exception_name(const struct weir_value *body)
{
    const struct weir_value *type = value_get(body, "__type");
    if (type == NULL || type->type != VALUE_S) {
        return BYTES_NONE;
    }
    struct weir_bytes name = type->u.bytes;
    for (size_t i = name.len; i > 0; i--) {
        if (name.ptr[i - 1] == '#') {
            return bytes_of(name.ptr + i, name.len - i);
        }
    }
    return name;
}

static struct weir_bytes exception_message(const struct weir_value *body)
{
    const struct weir_value *message = value_get(body, "message");
    if (message == NULL) {
        message = value_get(body, "Message");
    }
    return message == NULL || message->type != VALUE_S ? BYTES_NONE : message->u.bytes;
}

/* The text of <Code>: what stands before the API and knows AWS's other protocol says no in XML. */
static struct weir_bytes xml_name(struct weir_bytes body)
{
    static const char open[] = "<Code>";
    const uint8_t *start = body.len == 0 ? NULL : memmem(body.ptr, body.len, open, strlen(open));
    if (start == NULL) {
        return BYTES_NONE;
    }
    start += strlen(open);
    size_t left = body.len - (size_t)(start - body.ptr), len = 0;
    while (len < left && len < XML_NAME_BYTES && (isalnum(start[len]) != 0 || start[len] == '.')) {
        len++;
    }
    return len < left && start[len] == '<' ? bytes_of(start, len) : BYTES_NONE;
}

static enum weir_status status_of_answer(struct weir_bytes name, int http_status)
{
    enum weir_status status = status_from_name(name);
    if (status != WEIR_SERVICE_OTHER) {
        return status;
    }
    switch (http_status) {
    case 401:
        return WEIR_BAD_CREDENTIALS;
    case 403:
        return WEIR_ACCESS_DENIED;
    case 413:
        return WEIR_BODY_TOO_LARGE;
    case 429:
        return WEIR_THROTTLED;
    case 503:
        return WEIR_UNAVAILABLE;
    default:
        return http_status >= 500 ? WEIR_SERVER : WEIR_SERVICE_OTHER;
    }
}

/* The service says no. Its 5xx leave open whether a write was applied, and so does another's
 * success that the API does not know. */
static void fill_refusal(struct client_request *request, const struct aws_http_request *http)
{
    struct weir_value *body = NULL;
    if (json_parse(request->arena, buf_bytes(&http->answer), &body, NULL) != WEIR_OK) {
        body = NULL;
    }
    struct weir_bytes name =
        body == NULL ? xml_name(buf_bytes(&http->answer)) : exception_name(body);
    struct weir_bytes message = exception_message(body);
    enum weir_status status = status_of_answer(name, http->http_status);
    if (body == NULL && name.len > 0) {
        (void)error_set(&request->error, status, "the endpoint answered HTTP %d: %.*s",
                        http->http_status, BYTES_ARG(name));
    } else if (name.len == 0) {
        (void)error_set(&request->error, status,
                        "the endpoint answered HTTP %d without an error of the DynamoDB API",
                        http->http_status);
    } else {
        (void)error_set(&request->error, status, "%.*s", BYTES_ARG(message));
    }
    (void)snprintf(request->error.code, sizeof(request->error.code), "%.*s", BYTES_ARG(name));
    request->status = status;
    request->error_members = body;
    if (http->http_status >= 500 || http->http_status < 300) {
        request->error.outcome = WEIR_OUTCOME_UNKNOWN;
    }
}

/* A success that cannot be read says nothing certain about a write. */
static void fill_success(struct client_request *request, const struct aws_http_request *http)
{
    struct weir_value *body = NULL;
    struct weir_error why = {0};
    enum weir_status status = json_parse(request->arena, buf_bytes(&http->answer), &body, &why);
    if (status == WEIR_OK && body->type == VALUE_M) {
        request->status = WEIR_OK;
        request->response = body;
        return;
    }
    status = status == WEIR_NO_MEMORY ? WEIR_NO_MEMORY : WEIR_PROTOCOL;
    request->status =
        error_set(&request->error, status, "%s: the answer cannot be read: %s", request->operation,
                  why.message[0] == '\0' ? "it is no object" : why.message);
    request->error.outcome = WEIR_OUTCOME_UNKNOWN;
}

static void fill_failure(struct client_request *request, const struct aws_http_request *http)
{
    request->status = error_set(&request->error, http->status, "%s: %s: %s", request->operation,
                                http->endpoint->url, http->what);
    if (http->sent) {
        request->error.outcome = WEIR_OUTCOME_UNKNOWN;
    }
}

static void fill(struct client_request *request, const struct aws_http_request *http)
{
    if (http->status != WEIR_OK) {
        fill_failure(request, http);
    } else if (http->http_status == 200) {
        fill_success(request, http);
    } else {
        fill_refusal(request, http);
    }
    memcpy(request->request_id, http->request_id, sizeof(request->request_id));
    if (request->status != WEIR_OK) {
        request->error.http_status = http->http_status;
        memcpy(request->error.request_id, http->request_id, sizeof(request->error.request_id));
    }
}

/* From here on a cancel finds nothing to end. @locks t->mu */
static void retract(struct http_transport *t, struct client_request *request)
{
    pthread_mutex_lock(&t->mu);
    request->transport_state = NULL;
    pthread_mutex_unlock(&t->mu);
}

/* @thread the I/O thread's */
static void on_done(struct aws_http_request *http)
{
    struct attempt *attempt = http->arg;
    struct client_request *request = attempt->request;
    struct http_transport *t = attempt->transport;
    retract(t, request);
    fill(request, http);
    attempt_give(t, attempt);
    request->complete(request);
}

/* ---- requests ----------------------------------------------------------------------------------
 */

static void refuse(struct client_request *request, enum weir_status status, const char *what)
{
    request->status = error_set(&request->error, status, "%s: %s", request->operation, what);
    request->error.http_status = 0;
}

static void add_header(struct sigv4_header *headers, size_t *count, const char *name,
                       const char *value)
{
    headers[(*count)++] = (struct sigv4_header){bytes_str(name), bytes_str(value)};
}

static void attempt_fill(struct attempt *attempt)
{
    struct http_transport *t = attempt->transport;
    struct client_request *request = attempt->request;
    struct aws_http_request *http = &attempt->http;
    const struct operation *operation = operation_find(bytes_str(request->operation));
    (void)snprintf(attempt->target, sizeof(attempt->target), "%s_20120810.%s",
                   operation->streams ? "DynamoDBStreams" : "DynamoDB", request->operation);
    add_header(http->headers, &http->header_count, "content-type", "application/x-amz-json-1.0");
    add_header(http->headers, &http->header_count, "x-amz-target", attempt->target);
    add_header(http->extra, &http->extra_count, "user-agent", t->user_agent);
    if (request->wait_ms > 0) {
        (void)snprintf(attempt->wait_text, sizeof(attempt->wait_text), "%u", request->wait_ms);
        add_header(http->extra, &http->extra_count, "x-weir-wait-ms", attempt->wait_text);
    }
    http->endpoint = operation->streams ? &t->streams_endpoint : &t->endpoint;
    http->signer = credentials_none(t->credentials) ? NULL : &t->signer;
    http->body = buf_bytes(&attempt->body);
    http->timeout_ms =
        (request->timeout_ms != 0 ? request->timeout_ms : t->timeout_ms) + request->wait_ms;
    http->resend = !operation->writes;
    http->done = on_done;
    http->arg = attempt;
}

/* Signs with what is there now; false: there is nothing yet that could. */
static bool attempt_sign(struct attempt *attempt, struct credentials *take_credentials)
{
    attempt->credentials = take_credentials;
    attempt->http.credentials = take_credentials == NULL ? NULL : &take_credentials->signs;
    return take_credentials != NULL || attempt->http.signer == NULL;
}

/* @thread the credentials' */
static void on_credentials(struct credentials_waiter *waiter, struct credentials *take_credentials,
                           const struct weir_error *error)
{
    struct attempt *attempt = (struct attempt *)((char *)waiter - offsetof(struct attempt, waiter));
    struct http_transport *t = attempt->transport;
    struct client_request *request = attempt->request;
    if (attempt_sign(attempt, take_credentials)) {
        aws_http_start(t->http, &attempt->http);
        return;
    }
    retract(t, request);
    attempt_give(t, attempt);
    request->error = *error;
    request->status = error_wrap(&request->error, error->status, "%s", request->operation);
    request->complete(request);
}

/* What keeps a request from being sent, or OK. */
static enum weir_status check(const struct attempt *attempt, struct weir_error *err)
{
    enum weir_status status = buf_status(&attempt->body);
    if (status != WEIR_OK) {
        return error_set(err, status, "the request's text does not fit 16 MiB, or memory");
    }
    if (attempt->http.signer == NULL && !attempt->http.endpoint->loopback) {
        return error_set(err, WEIR_CREDENTIALS,
                         "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a "
                         "profile with keys, a role or SSO");
    }
    return WEIR_OK;
}

/* The request as text, or NULL: it is refused. */
static struct attempt *attempt_make(struct http_transport *t, struct client_request *request)
{
    struct weir_error err;
    struct attempt *attempt = attempt_take(t, request);
    if (attempt == NULL) {
        refuse(request, WEIR_NO_MEMORY, "out of memory for a request");
        return NULL;
    }
    json_write(&attempt->body, request->document);
    attempt_fill(attempt);
    enum weir_status status = check(attempt, &err);
    if (status != WEIR_OK) {
        attempt_give(t, attempt);
        refuse(request, status, err.message);
        return NULL;
    }
    return attempt;
}

static bool attempt_sign_now(struct http_transport *t, struct attempt *attempt)
{
    return attempt_sign(attempt,
                        attempt->http.signer == NULL ? NULL : credentials_peek(t->credentials));
}

static void http_start(struct client_transport *transport, struct client_request *request)
{
    struct http_transport *t = (struct http_transport *)transport;
    struct attempt *attempt = attempt_make(t, request);
    if (attempt == NULL) {
        request->complete(request);
        return;
    }
    attempt->waiter.done = on_credentials;
    bool signs = attempt_sign_now(t, attempt);
    pthread_mutex_lock(&t->mu);
    request->transport_state = attempt;
    if (!signs) {
        credentials_wait(t->credentials, &attempt->waiter);
    }
    pthread_mutex_unlock(&t->mu);
    if (signs) {
        aws_http_start(t->http, &attempt->http);
    }
}

/* A cancel that came before the attempt was there holds for it. @locks t->mu */
static void publish(struct http_transport *t, struct attempt *attempt)
{
    struct client_request *request = attempt->request;
    pthread_mutex_lock(&t->mu);
    if (request->transport_state == &cancelled_early) {
        atomic_store(&attempt->http.cancelled, true);
    }
    request->transport_state = attempt;
    pthread_mutex_unlock(&t->mu);
}

/* One that has to wait for credentials is started instead, and so is one too many. */
static bool http_call(struct client_transport *transport, struct client_request *request)
{
    struct http_transport *t = (struct http_transport *)transport;
    struct attempt *attempt = attempt_make(t, request);
    if (attempt == NULL) {
        return true;
    }
    bool ran = false;
    if (attempt_sign_now(t, attempt)) {
        publish(t, attempt);
        ran = aws_http_run(t->http, &attempt->http);
        retract(t, request);
    }
    if (ran) {
        fill(request, &attempt->http);
    }
    attempt_give(t, attempt);
    return ran;
}

/* The lock keeps on_done, on_credentials and http_call from returning, and so the attempt alive.
 * One that waits for credentials is sent cancelled, which ends it where every attempt ends. */
static void http_cancel(struct client_transport *transport, struct client_request *request)
{
    struct http_transport *t = (struct http_transport *)transport;
    pthread_mutex_lock(&t->mu);
    struct attempt *attempt = request->transport_state;
    if (attempt == NULL) {
        request->transport_state = (void *)&cancelled_early;
    } else if (request->transport_state != &cancelled_early) {
        aws_http_cancel(t->http, &attempt->http);
        if (credentials_unwait(t->credentials, &attempt->waiter)) {
            aws_http_start(t->http, &attempt->http);
        }
    }
    pthread_mutex_unlock(&t->mu);
}

/* ---- open and close ----------------------------------------------------------------------------
 */

static void http_close(struct client_transport *transport)
{
    struct http_transport *t = (struct http_transport *)transport;
    credentials_close(t->credentials);
    aws_http_close(t->http);
    while (t->free_list != NULL) {
        struct attempt *attempt = t->free_list;
        t->free_list = attempt->next;
        attempt_free(attempt);
    }
    aws_endpoint_fini(&t->endpoint);
    aws_endpoint_fini(&t->streams_endpoint);
    free(t->region);
    explicit_bzero(&t->signer.key, sizeof(t->signer.key));
    (void)pthread_mutex_destroy(&t->mu);
    free(t);
}

static const struct client_transport_ops http_ops = {
    .start = http_start,
    .call = http_call,
    .cancel = http_cancel,
    .close = http_close,
};

/* A server on this machine gets the keys that are at hand, or none. */
static enum weir_status credentials_setup(struct http_transport *t, const struct aws_config *config,
                                          struct weir_env *env, struct weir_error *err)
{
    struct credentials_options options = {
        .env = env,
        .settings = config->settings,
        .http = t->http,
        .region = t->region,
        .local = t->endpoint.loopback && !t->endpoint.tls,
    };
    t->signer.region = bytes_str(t->region);
    t->signer.service = BYTES_LIT("dynamodb");
    return credentials_open(&options, &t->credentials, err);
}

enum weir_status transport_http_open(const struct aws_config *config,
                                     const struct weir_client_options *options,
                                     struct weir_env *env, struct client_transport **ret_transport,
                                     struct weir_error *err)
{
    struct http_transport *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a client");
    }
    t->base.ops = &http_ops;
    (void)pthread_mutex_init(&t->mu, NULL);
    t->timeout_ms = options->timeout_ms == 0 ? TIMEOUT_MS_DEFAULT : options->timeout_ms;
    (void)snprintf(t->user_agent, sizeof(t->user_agent), "weir/%s", weir_version());
    struct aws_http_options http_options = {.env = env,
                                            .connect_timeout_ms = options->connect_timeout_ms,
                                            .ca_bundle = config->ca_bundle};
    enum weir_status status = WEIR_OK;
    t->region = strdup(config->region);
    if (t->region == NULL) {
        status = error_set(err, WEIR_NO_MEMORY, "out of memory for a client");
    }
    if (status == WEIR_OK) {
        status = aws_endpoint_init(&t->endpoint, config->endpoint, err);
    }
    if (status == WEIR_OK) {
        status = aws_endpoint_init(&t->streams_endpoint, config->streams_endpoint, err);
    }
    if (status == WEIR_OK) {
        status = aws_http_open(&http_options, &t->http, err);
    }
    if (status == WEIR_OK) {
        status = credentials_setup(t, config, env, err);
    }
    if (status != WEIR_OK) {
        http_close(&t->base);
        return status;
    }
    log_event(LOG_DEBUG, "client opened", "endpoint", config->endpoint, "streams",
              config->streams_endpoint, "region", config->region, (const char *)NULL);
    *ret_transport = &t->base;
    return WEIR_OK;
}
