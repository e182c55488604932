/* SPDX-License-Identifier: Apache-2.0 */
/* What sources need to ask somebody: one HTTP call at a time, waited for, and small files. */
#include "aws/credentials_internal.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PROCESS_TIMEOUT_MS 60000

void fetch_init(struct credentials_fetch *fetch, const struct credentials_options *options)
{
    fetch->env = options->env;
    fetch->http = options->http;
    fetch->settings = options->settings;
    fetch->process_timeout_ms =
        options->process_timeout_ms == 0 ? PROCESS_TIMEOUT_MS : options->process_timeout_ms;
    (void)pthread_mutex_init(&fetch->mu, NULL);
    (void)pthread_cond_init(&fetch->over, NULL);
}

void fetch_fini(struct credentials_fetch *fetch)
{
    (void)pthread_cond_destroy(&fetch->over);
    (void)pthread_mutex_destroy(&fetch->mu);
}

/* ---- HTTP --------------------------------------------------------------------------------------
 */

/* @thread the I/O thread's */
static void on_done(struct aws_http_request *request)
{
    struct credentials_fetch *fetch = request->arg;
    pthread_mutex_lock(&fetch->mu);
    fetch->call = NULL;
    (void)pthread_cond_signal(&fetch->over);
    pthread_mutex_unlock(&fetch->mu);
}

/* Under the lock done() cannot return, so the request is alive. */
void fetch_stop(struct credentials_fetch *fetch)
{
    pthread_mutex_lock(&fetch->mu);
    atomic_store(&fetch->stopped, true);
    if (fetch->call != NULL) {
        aws_http_cancel(fetch->http, fetch->call);
    }
    pthread_mutex_unlock(&fetch->mu);
}

static void run_and_wait(struct credentials_fetch *fetch, struct aws_http_request *request)
{
    pthread_mutex_lock(&fetch->mu);
    if (atomic_load(&fetch->stopped)) {
        request->status = WEIR_CANCELLED;
    } else {
        fetch->call = request;
        aws_http_start(fetch->http, request);
        while (fetch->call != NULL) {
            (void)pthread_cond_wait(&fetch->over, &fetch->mu);
        }
    }
    pthread_mutex_unlock(&fetch->mu);
}

static enum weir_status failure(const struct aws_http_request *request, const char *who,
                                struct weir_error *err)
{
    if (request->status == WEIR_CANCELLED) {
        return error_set(err, WEIR_CLOSED, "%s: the client was closed", who);
    }
    if (request->status == WEIR_TOO_LARGE) {
        return error_set(err, WEIR_PROTOCOL, "%s: the answer is longer than %zu bytes", who,
                         FETCH_ANSWER_BYTES_MAX);
    }
    return error_set(err, request->status, "%s: %s: %s", who, request->endpoint->host,
                     request->what);
}

enum weir_status fetch_run(struct credentials_fetch *fetch, struct fetch_call *call,
                           const char *who, struct weir_error *err)
{
    struct aws_endpoint endpoint;
    struct aws_signer signer = {0};
    buf_init(&call->answer, FETCH_ANSWER_BYTES_MAX);
    enum weir_status status = aws_endpoint_init_address(&endpoint, call->url, err);
    if (status != WEIR_OK) {
        return error_wrap(err, status, "%s", who);
    }
    struct aws_http_request request = {.endpoint = &endpoint,
                                       .method = call->method,
                                       .direct = call->direct,
                                       .header_count = call->header_count,
                                       .body = call->body,
                                       .timeout_ms = call->timeout_ms,
                                       .resend = true,
                                       .done = on_done,
                                       .arg = fetch,
                                       .answer = call->answer};
    memcpy(request.headers, call->headers, sizeof(call->headers));
    if (call->signs != NULL) {
        signer.credentials = call->signs->signs;
        signer.region = bytes_str(fetch->region);
        signer.service = bytes_str(call->service);
        request.signer = &signer;
    }
    run_and_wait(fetch, &request);
    call->answer = request.answer;
    call->http_status = request.http_status;
    status = request.status == WEIR_OK ? WEIR_OK : failure(&request, who, err);
    explicit_bzero(&signer.key, sizeof(signer.key));
    aws_endpoint_fini(&endpoint);
    return status;
}

void fetch_call_fini(struct fetch_call *call)
{
    secret_buf_fini(&call->answer);
}

enum weir_status fetch_status_of(int http_status)
{
    if (http_status == 429) {
        return WEIR_THROTTLED;
    }
    if (http_status == 503) {
        return WEIR_UNAVAILABLE;
    }
    return http_status >= 500 ? WEIR_SERVER : WEIR_CREDENTIALS;
}

/* ---- files and secrets -------------------------------------------------------------------------
 */

void secret_buf_fini(struct buf *secret)
{
    if (secret->ptr != NULL) {
        explicit_bzero(secret->ptr, secret->cap);
    }
    buf_fini(secret);
}

void secret_free(char *secret)
{
    if (secret != NULL) {
        explicit_bzero(secret, strlen(secret));
        free(secret);
    }
}

bool secret_is_sendable(struct weir_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 127) {
            return false;
        }
    }
    return true;
}

/* Grows once: what a smaller buffer held would stay in freed memory. */
enum weir_status fetch_file(const char *path, size_t bytes_max, const char *what, struct buf *to,
                            struct weir_error *err)
{
    buf_init(to, bytes_max + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return error_set(err, WEIR_CREDENTIALS, "cannot read %s %.200s: %s", what, path,
                         strerror(errno));
    }
    uint8_t *room = buf_reserve(to, bytes_max + 1);
    ssize_t got = 1;
    while (room != NULL && got > 0 && to->len <= bytes_max) {
        got = read(fd, to->ptr + to->len, bytes_max + 1 - to->len);
        to->len += got > 0 ? (size_t)got : 0;
    }
    int failed = got < 0 ? errno : 0;
    (void)close(fd);
    if (room == NULL || failed != 0 || to->len > bytes_max) {
        return error_set(err, room == NULL ? WEIR_NO_MEMORY : WEIR_CREDENTIALS,
                         "cannot read %s %.200s: %s", what, path,
                         room == NULL  ? "out of memory"
                         : failed != 0 ? strerror(failed)
                                       : "it is too large");
    }
    while (to->len > 0 && (to->ptr[to->len - 1] == '\n' || to->ptr[to->len - 1] == '\r')) {
        to->len--;
    }
    return WEIR_OK;
}

/* ---- text --------------------------------------------------------------------------------------
 */

void query_put(struct buf *to, const char *name, struct weir_bytes value)
{
    static const char unreserved[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
    buf_put_str(to, to->len > 0 ? "&" : "");
    buf_put_str(to, name);
    buf_put_u8(to, '=');
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != 0 && strchr(unreserved, value.ptr[i]) != NULL) {
            buf_put_u8(to, value.ptr[i]);
        } else {
            buf_printf(to, "%%%02X", value.ptr[i]);
        }
    }
}

/* Days since the epoch of a date in the Gregorian calendar, after which years begin in March. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t m = month > 2 ? month - 3 : month + 9;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* The offset that is added to UTC, in minutes. */
static bool offset_parse(const char *text, int *ret_minutes)
{
    unsigned hours = 0, minutes = 0;
    int end = 0;
    char sign = text[0];
    *ret_minutes = 0;
    if (sign == '\0' || strcmp(text, "Z") == 0 || strcmp(text, "UTC") == 0) {
        return true;
    }
    if ((sign != '+' && sign != '-') ||
        (sscanf(text + 1, "%2u:%2u%n", &hours, &minutes, &end) != 2 &&
         sscanf(text + 1, "%2u%2u%n", &hours, &minutes, &end) != 2) ||
        text[1 + end] != '\0' || hours > 23 || minutes > 59) {
        return false;
    }
    *ret_minutes = (sign == '-' ? -1 : 1) * (int)(hours * 60 + minutes);
    return true;
}

bool time_parse(struct weir_bytes text, int64_t *ret_wall_ms)
{
    char copy[48];
    int year, month, day, hour, minute, second, end = 0, offset;
    if (text.len >= sizeof(copy)) {
        return false;
    }
    (void)snprintf(copy, sizeof(copy), "%.*s", BYTES_ARG(text));
    if (sscanf(copy, "%4d-%2d-%2d%*1[T ]%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute,
               &second, &end) != 6 ||
        end == 0 || year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 ||
        hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
        return false;
    }
    const char *rest = copy + end;
    if (*rest == '.') {
        rest += 1 + strspn(rest + 1, "0123456789");
    }
    if (!offset_parse(rest, &offset)) {
        return false;
    }
    int64_t minutes = (days_of(year, month, day) * 24 + hour) * 60 + minute - offset;
    *ret_wall_ms = (minutes * 60 + second) * 1000;
    return true;
}
