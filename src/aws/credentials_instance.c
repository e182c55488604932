/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EC2's instance metadata service, version 2: a token first, then the role's name, then its keys.
 * It is the last source and is asked on any machine, so its silence means that there are no
 * credentials. Version 1, without the token, only where AWS_EC2_METADATA_V1_DISABLED is "false".
 */
#include "aws/credentials_internal.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define ENDPOINT_IPV4 "http://169.254.169.254"
#define ENDPOINT_IPV6 "http://[fd00:ec2::254]"
#define TOKEN_PATH "/latest/api/token"
#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"
#define TOKEN_SECONDS "21600"
#define TOKEN_BYTES_MAX 4096
#define ROLE_BYTES_MAX 256
#define ATTEMPTS_MAX 100
#define TIMEOUT_S_MAX 3600
#define EXTENSION_MS ((int64_t)15 * 60 * 1000)
#define WHO "EC2's instance metadata"

struct instance {
    char *endpoint;
    uint32_t timeout_ms;
    uint32_t attempts;
    bool version_1;
    char token[TOKEN_BYTES_MAX + 1]; /* "": version 1 */
};

static bool is_disabled(const struct aws_settings *settings)
{
    return setting_is_true(settings_env(settings, "AWS_EC2_METADATA_DISABLED"));
}

static enum weir_status read_number(const struct aws_settings *settings, const char *variable,
                                    const char *key, uint32_t max, uint32_t *ret_number,
                                    struct weir_error *err)
{
    char *end = NULL;
    char *text = settings_value(settings, variable, key);
    unsigned long number = text == NULL ? 1 : strtoul(text, &end, 10);
    bool usable = text == NULL || (text[0] >= '0' && text[0] <= '9' && *end == '\0' &&
                                   number >= 1 && number <= max);
    free(text);
    if (!usable) {
        return error_set(err, WEIR_CONFIG, "%s is not 1 to %u", variable, max);
    }
    *ret_number = (uint32_t)number;
    return WEIR_OK;
}

static enum weir_status find_endpoint(const struct aws_settings *settings, char **ret_endpoint,
                                      struct weir_error *err)
{
    struct aws_endpoint parts = {0};
    char *text = settings_value(settings, "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                                "ec2_metadata_service_endpoint");
    char *mode = settings_value(settings, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
                                "ec2_metadata_service_endpoint_mode");
    bool ipv6 = mode != NULL && strcasecmp(mode, "ipv6") == 0;
    bool known = mode == NULL || ipv6 || strcasecmp(mode, "ipv4") == 0;
    free(mode);
    if (!known) {
        free(text);
        return error_set(err, WEIR_CONFIG,
                         "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is neither IPv4 nor IPv6");
    }
    if (text == NULL) {
        text = strdup(ipv6 ? ENDPOINT_IPV6 : ENDPOINT_IPV4);
    }
    enum weir_status status = text == NULL
                                  ? error_set(err, WEIR_NO_MEMORY, "out of memory for credentials")
                                  : aws_endpoint_init(&parts, text, err);
    aws_endpoint_fini(&parts);
    if (status != WEIR_OK) {
        free(text);
        return error_wrap(err, status, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    }
    size_t len = strlen(text);
    if (text[len - 1] == '/') {
        text[len - 1] = '\0';
    }
    *ret_endpoint = text;
    return WEIR_OK;
}

static enum weir_status instance_read(const struct aws_settings *settings,
                                      struct instance *instance, struct weir_error *err)
{
    uint32_t timeout_s = 0;
    *instance = (struct instance){0};
    enum weir_status status =
        read_number(settings, "AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout",
                    TIMEOUT_S_MAX, &timeout_s, err);
    if (status == WEIR_OK) {
        status =
            read_number(settings, "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
                        "metadata_service_num_attempts", ATTEMPTS_MAX, &instance->attempts, err);
    }
    if (status == WEIR_OK) {
        status = find_endpoint(settings, &instance->endpoint, err);
    }
    char *off =
        settings_value(settings, "AWS_EC2_METADATA_V1_DISABLED", "ec2_metadata_v1_disabled");
    instance->version_1 = off != NULL && strcasecmp(off, "false") == 0;
    instance->timeout_ms = timeout_s * 1000;
    free(off);
    return status;
}

static enum weir_status instance_find(const struct credentials_scope *scope, bool *ret_found,
                                      char why[FINDING_MAX], struct weir_error *err)
{
    struct instance instance;
    *ret_found = !is_disabled(scope->settings);
    if (!*ret_found) {
        (void)snprintf(why, FINDING_MAX, "not asked: AWS_EC2_METADATA_DISABLED is true");
        return WEIR_OK;
    }
    enum weir_status status = instance_read(scope->settings, &instance, err);
    if (status == WEIR_OK) {
        (void)snprintf(why, FINDING_MAX, "asked at the first request, at %.200s",
                       instance.endpoint);
    }
    free(instance.endpoint);
    return status;
}

/* ---- asking ------------------------------------------------------------------------------------
 */

/* One question, as often as the settings allow; the last answer or failure counts. */
static enum weir_status ask(struct credentials_fetch *fetch, const struct instance *instance,
                            const char *method, const char *path, struct fetch_call *call,
                            struct weir_error *err)
{
    char url[4096];
    bool put = strcmp(method, "PUT") == 0;
    enum weir_status status = WEIR_OK;
    (void)snprintf(url, sizeof(url), "%s%s", instance->endpoint, path);
    *call = (struct fetch_call){
        .method = method, .url = url, .timeout_ms = instance->timeout_ms, .direct = true};
    if (put) {
        call->headers[call->header_count++] = (struct sigv4_header){
            BYTES_LIT("x-aws-ec2-metadata-token-ttl-seconds"), BYTES_LIT(TOKEN_SECONDS)};
    } else if (instance->token[0] != '\0') {
        call->headers[call->header_count++] = (struct sigv4_header){
            BYTES_LIT("x-aws-ec2-metadata-token"), bytes_str(instance->token)};
    }
    for (uint32_t i = 0; i < instance->attempts; i++) {
        fetch_call_fini(call);
        status = fetch_run(fetch, call, WHO, err);
        bool again = status == WEIR_OK ? call->http_status >= 500 : status != WEIR_CLOSED;
        if (!again) {
            break;
        }
    }
    call->url = NULL;
    return status;
}

static enum weir_status unexpected(const struct fetch_call *call, const char *what,
                                   struct weir_error *err)
{
    return error_set(err, fetch_status_of(call->http_status), "%s answered HTTP %d for %s", WHO,
                     call->http_status, what);
}

/* One line of at most `max` bytes that may go into a header or a path. */
static bool take_line(const struct fetch_call *call, char *to, size_t max)
{
    struct weir_bytes text = buf_bytes(&call->answer);
    const uint8_t *end = text.len == 0 ? NULL : memchr(text.ptr, '\n', text.len);
    text.len = end == NULL ? text.len : (size_t)(end - text.ptr);
    if (text.len == 0 || text.len > max || !secret_is_sendable(text)) {
        return false;
    }
    memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
    return true;
}

/* Version 2's token. Where there is none, version 1 goes on without, if it may. */
static enum weir_status take_token(struct credentials_fetch *fetch, struct instance *instance,
                                   struct weir_error *err)
{
    struct fetch_call call;
    enum weir_status status = ask(fetch, instance, "PUT", TOKEN_PATH, &call, err);
    bool refused = status == WEIR_OK &&
                   (call.http_status == 403 || call.http_status == 404 || call.http_status == 405);
    if (status != WEIR_CLOSED && instance->version_1 && (refused || status == WEIR_TIMEOUT)) {
        status = WEIR_OK;
    } else if (status == WEIR_OK && call.http_status != 200) {
        status = unexpected(&call, "a token", err);
    } else if (status == WEIR_OK && !take_line(&call, instance->token, TOKEN_BYTES_MAX)) {
        status = error_set(err, WEIR_PROTOCOL, "%s answered with no usable token", WHO);
    }
    fetch_call_fini(&call);
    return status;
}

static enum weir_status take_role(struct credentials_fetch *fetch, const struct instance *instance,
                                  char role[ROLE_BYTES_MAX + 1], struct weir_error *err)
{
    struct fetch_call call;
    enum weir_status status = ask(fetch, instance, "GET", ROLE_PATH, &call, err);
    if (status == WEIR_OK && call.http_status == 404) {
        status = error_set(err, WEIR_CREDENTIALS, "%s: the instance has no role", WHO);
    } else if (status == WEIR_OK && call.http_status != 200) {
        status = unexpected(&call, "the role's name", err);
    } else if (status == WEIR_OK && !take_line(&call, role, ROLE_BYTES_MAX)) {
        status = error_set(err, WEIR_PROTOCOL, "%s answered with no usable role's name", WHO);
    }
    fetch_call_fini(&call);
    return status;
}

/*
 * The service may go on giving what is old when it cannot renew; AWS accepts such keys for a
 * while. So they are used, and asked for again in 15 minutes and a random part of 2 to 10.
 */
static void extend(struct credentials_fetch *fetch, struct credentials *credentials)
{
    int64_t later = env_wall_ms(fetch->env) + EXTENSION_MS +
                    (int64_t)(120 + env_random_below(fetch->env, 481)) * 1000;
    if (credentials->expires_ms <= later) {
        credentials->expires_ms = later;
    }
}

static enum weir_status take_keys(struct credentials_fetch *fetch, const struct instance *instance,
                                  const char *role, struct credentials **ret,
                                  struct weir_error *err)
{
    struct fetch_call call;
    char path[sizeof(ROLE_PATH) + ROLE_BYTES_MAX];
    (void)snprintf(path, sizeof(path), "%s%s", ROLE_PATH, role);
    enum weir_status status = ask(fetch, instance, "GET", path, &call, err);
    if (status == WEIR_OK && call.http_status != 200) {
        status = unexpected(&call, "the role's keys", err);
    } else if (status == WEIR_OK) {
        status = credentials_from_json(buf_bytes(&call.answer), NULL, &credentials_names_service,
                                       WHO, ret, err);
    }
    if (status == WEIR_OK) {
        extend(fetch, *ret);
    }
    fetch_call_fini(&call);
    return status;
}

/* A machine that has had credentials is one of EC2's, and its silence passes. */
static enum weir_status nobody_there(const struct credentials_fetch *fetch, enum weir_status status,
                                     struct weir_error *err)
{
    if (status == WEIR_CLOSED || status == WEIR_NO_MEMORY || fetch->renewing) {
        return status;
    }
    return error_set(
        err, WEIR_CREDENTIALS,
        "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile "
        "with keys, a role or SSO; the last that was asked: %.250s",
        err->message);
}

static enum weir_status instance_fetch(struct credentials_fetch *fetch,
                                       const struct credentials_scope *scope,
                                       struct credentials **ret, struct weir_error *err)
{
    struct instance instance;
    char role[ROLE_BYTES_MAX + 1];
    enum weir_status status = instance_read(scope->settings, &instance, err);
    if (status == WEIR_OK) {
        status = take_token(fetch, &instance, err);
    }
    if (status == WEIR_OK) {
        status = take_role(fetch, &instance, role, err);
    }
    if (status == WEIR_OK) {
        status = take_keys(fetch, &instance, role, ret, err);
    }
    explicit_bzero(instance.token, sizeof(instance.token));
    free(instance.endpoint);
    return status == WEIR_OK ? WEIR_OK : nobody_there(fetch, status, err);
}

const struct credentials_provider credentials_instance = {
    .name = "iam-role",
    .find = instance_find,
    .fetch = instance_fetch,
};
