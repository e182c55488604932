/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Security Token Service: a form out, XML in. The answer has no attributes where we read it, no
 * nesting of equal names and no entities in a key, so elements are found by their tags, within the
 * bounds of the element around them.
 */
#include "aws/credentials_internal.h"

#include "aws/region.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

#define STS_TIMEOUT_MS 10000
#define FORM_VERSION "2011-06-15"

/* ---- XML ---------------------------------------------------------------------------------------
 */

/* What is between <name> and the next </name>. */
static bool element(struct weir_bytes text, const char *name, struct weir_bytes *ret_inner)
{
    char open[64], close[64];
    size_t open_len = (size_t)snprintf(open, sizeof(open), "<%s>", name);
    size_t close_len = (size_t)snprintf(close, sizeof(close), "</%s>", name);
    const uint8_t *start = text.len == 0 ? NULL : memmem(text.ptr, text.len, open, open_len);
    if (start == NULL) {
        return false;
    }
    start += open_len;
    size_t left = text.len - (size_t)(start - text.ptr);
    const uint8_t *end = memmem(start, left, close, close_len);
    if (end == NULL) {
        return false;
    }
    *ret_inner = bytes_of(start, (size_t)(end - start));
    return true;
}

static bool plain_element(struct weir_bytes text, const char *name, struct weir_bytes *ret_inner)
{
    return element(text, name, ret_inner) && ret_inner->len > 0 &&
           memchr(ret_inner->ptr, '<', ret_inner->len) == NULL &&
           memchr(ret_inner->ptr, '&', ret_inner->len) == NULL;
}

static enum weir_status read_answer(struct weir_bytes text, struct credentials **ret,
                                    struct weir_error *err)
{
    struct weir_bytes set, id, secret, token, expiration;
    int64_t expires_ms = 0;
    const char *wrong = NULL;
    if (!element(text, "Credentials", &set)) {
        wrong = "Credentials";
    } else if (!plain_element(set, "AccessKeyId", &id)) {
        wrong = "AccessKeyId";
    } else if (!plain_element(set, "SecretAccessKey", &secret)) {
        wrong = "SecretAccessKey";
    } else if (!plain_element(set, "SessionToken", &token)) {
        wrong = "SessionToken";
    } else if (!plain_element(set, "Expiration", &expiration) ||
               !time_parse(expiration, &expires_ms)) {
        wrong = "Expiration";
    }
    if (wrong != NULL) {
        return error_set(err, WEIR_PROTOCOL, "STS: the answer has no usable %s", wrong);
    }
    enum weir_status status = credentials_new(id, secret, token, expires_ms, ret, err);
    return status == WEIR_OK ? WEIR_OK : error_wrap(err, status, "STS");
}

/* What may be asked again although it is a 400. */
static bool is_passing(struct weir_bytes code)
{
    return bytes_eq_str(code, "Throttling") || bytes_eq_str(code, "ThrottlingException") ||
           bytes_eq_str(code, "RequestLimitExceeded") ||
           bytes_eq_str(code, "IDPCommunicationError");
}

/* The message that goes with a wrong signature quotes the signed headers, the token among them. */
static enum weir_status refusal(const struct fetch_call *call, struct weir_error *err)
{
    struct weir_bytes code, message;
    enum weir_status status = fetch_status_of(call->http_status);
    if (!plain_element(buf_bytes(&call->answer), "Code", &code) || code.len > 64) {
        return error_set(err, status, "STS answered HTTP %d without an error of its own",
                         call->http_status);
    }
    status = status == WEIR_CREDENTIALS && is_passing(code) ? WEIR_THROTTLED : status;
    if (memmem(code.ptr, code.len, "Signature", 9) != NULL ||
        !element(buf_bytes(&call->answer), "Message", &message)) {
        message = BYTES_NONE;
    }
    message.len = message.len > 300 ? 300 : message.len;
    return error_set(err, status, "STS refused: %.*s%s%.*s", BYTES_ARG(code),
                     message.len > 0 ? ": " : "", BYTES_ARG(message));
}

/* ---- the call ----------------------------------------------------------------------------------
 */

void sts_form(struct buf *form, const char *action, const char *role_arn, const char *session,
              struct weir_env *env)
{
    char made[48];
    (void)snprintf(made, sizeof(made), "weir-%lld", (long long)(env_wall_ms(env) / 1000));
    query_put(form, "Action", bytes_str(action));
    query_put(form, "Version", BYTES_LIT(FORM_VERSION));
    query_put(form, "RoleArn", bytes_str(role_arn));
    query_put(form, "RoleSessionName", bytes_str(session != NULL ? session : made));
}

static char *sts_url(const struct credentials_fetch *fetch)
{
    char *url = settings_endpoint(fetch->settings, "AWS_ENDPOINT_URL_STS", "sts");
    if (url == NULL && asprintf(&url, "https://sts.%s.%s/", fetch->region,
                                region_domain_view(fetch->region, false)) < 0) {
        url = NULL;
    }
    return url;
}

enum weir_status sts_call(struct credentials_fetch *fetch, const struct credentials *signs,
                          struct buf *form, struct credentials **ret, struct weir_error *err)
{
    char *url = sts_url(fetch);
    if (url == NULL || buf_status(form) != WEIR_OK) {
        free(url);
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a request to STS");
    }
    struct fetch_call call = {
        .method = "POST",
        .url = url,
        .headers = {{BYTES_LIT("content-type"),
                     BYTES_LIT("application/x-www-form-urlencoded; charset=utf-8")}},
        .header_count = 1,
        .body = buf_bytes(form),
        .signs = signs,
        .service = "sts",
        .timeout_ms = STS_TIMEOUT_MS,
    };
    enum weir_status status = fetch_run(fetch, &call, "STS", err);
    if (status == WEIR_OK) {
        status = call.http_status == 200 ? read_answer(buf_bytes(&call.answer), ret, err)
                                         : refusal(&call, err);
    }
    fetch_call_fini(&call);
    free(url);
    return status;
}
