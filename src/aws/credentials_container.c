/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The credentials service beside a container: Amazon ECS, EKS Pod Identity, and what speaks like
 * them. Keys travel in its answer, so plain HTTP goes only to this machine and to the link-local
 * addresses of the two services.
 */
#include "aws/credentials_internal.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

#define ECS_ADDRESS "http://169.254.170.2"
#define CONTAINER_TIMEOUT_MS 2000
#define TOKEN_BYTES_MAX ((size_t)16 * 1024)
#define WHO "the container's credentials service"

/* Host of a Host header: without its port. */
static bool host_is(const char *host, const char *wanted)
{
    size_t len = strlen(wanted);
    return strncmp(host, wanted, len) == 0 && (host[len] == '\0' || host[len] == ':');
}

static bool may_be_asked(const struct aws_endpoint *endpoint)
{
    return endpoint->tls || endpoint->loopback || host_is(endpoint->host, "169.254.170.2") ||
           host_is(endpoint->host, "169.254.170.23") || host_is(endpoint->host, "[fd00:ec2::23]");
}

static char *address_text(const struct aws_settings *settings)
{
    const char *relative = settings_env(settings, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = settings_env(settings, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    char *text = NULL;
    if (relative == NULL) {
        return full == NULL ? NULL : strdup(full);
    }
    return asprintf(&text, "%s%s%s", ECS_ADDRESS, relative[0] == '/' ? "" : "/", relative) < 0
               ? NULL
               : text;
}

enum weir_status container_address(const struct aws_settings *settings, char **ret_url,
                                   struct weir_error *err)
{
    struct aws_endpoint endpoint;
    char *text = address_text(settings);
    enum weir_status status = text == NULL
                                  ? error_set(err, WEIR_NO_MEMORY, "out of memory for credentials")
                                  : aws_endpoint_init_address(&endpoint, text, err);
    if (status != WEIR_OK) {
        free(text);
        return error_wrap(err, status, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    }
    if (!may_be_asked(&endpoint)) {
        status = error_set(err, WEIR_CONFIG,
                           "AWS_CONTAINER_CREDENTIALS_FULL_URI: keys are not fetched over plain "
                           "HTTP from %.200s, only from a loopback address and from 169.254.170.2, "
                           "169.254.170.23 and [fd00:ec2::23]",
                           endpoint.host);
    }
    aws_endpoint_fini(&endpoint);
    if (status != WEIR_OK) {
        free(text);
        return status;
    }
    *ret_url = text;
    return WEIR_OK;
}

static enum weir_status container_find(const struct credentials_scope *scope, bool *ret_found,
                                       char why[FINDING_MAX], struct weir_error *err)
{
    char *url = address_text(scope->settings);
    *ret_found = url != NULL;
    free(url);
    if (!*ret_found) {
        (void)snprintf(why, FINDING_MAX,
                       "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor "
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI is set");
        return WEIR_OK;
    }
    enum weir_status status = container_address(scope->settings, &url, err);
    if (status == WEIR_OK) {
        (void)snprintf(why, FINDING_MAX, "the service at %.200s", url);
        free(url);
    }
    return status;
}

/* The token that the service wants, from its file or variable; of no length when it wants none. */
static enum weir_status authorization(const struct aws_settings *settings, struct buf *to,
                                      struct weir_error *err)
{
    const char *path = settings_env(settings, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = settings_env(settings, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    enum weir_status status = WEIR_OK;
    if (path != NULL) {
        status = fetch_file(path, TOKEN_BYTES_MAX, "the container's authorization token", to, err);
    } else {
        buf_init(to, TOKEN_BYTES_MAX);
        buf_put_str(to, token == NULL ? "" : token);
    }
    for (size_t i = 0; status == WEIR_OK && i < to->len; i++) {
        if (to->ptr[i] < ' ' || to->ptr[i] >= 127) {
            status = error_set(err, WEIR_CREDENTIALS,
                               "the container's authorization token holds control characters");
        }
    }
    return status == WEIR_OK ? buf_status(to) : status;
}

static enum weir_status ask(struct credentials_fetch *fetch, const char *url,
                            struct weir_bytes token, struct credentials **ret,
                            struct weir_error *err)
{
    struct fetch_call call = {
        .method = "GET",
        .url = url,
        .headers = {{BYTES_LIT("accept"), BYTES_LIT("application/json")},
                    {BYTES_LIT("authorization"), token}},
        .header_count = token.len > 0 ? 2 : 1,
        .timeout_ms = CONTAINER_TIMEOUT_MS,
        .direct = true,
    };
    enum weir_status status = fetch_run(fetch, &call, WHO, err);
    if (status == WEIR_OK && call.http_status != 200) {
        status = error_set(err, fetch_status_of(call.http_status), "%s answered HTTP %d", WHO,
                           call.http_status);
    } else if (status == WEIR_OK) {
        status = credentials_from_json(buf_bytes(&call.answer), NULL, &credentials_names_service,
                                       WHO, ret, err);
    }
    fetch_call_fini(&call);
    return status;
}

static enum weir_status container_fetch(struct credentials_fetch *fetch,
                                        const struct credentials_scope *scope,
                                        struct credentials **ret, struct weir_error *err)
{
    char *url = NULL;
    struct buf token = {0};
    enum weir_status status = container_address(scope->settings, &url, err);
    if (status == WEIR_OK) {
        status = authorization(scope->settings, &token, err);
    }
    if (status == WEIR_OK) {
        status = ask(fetch, url, buf_bytes(&token), ret, err);
    }
    secret_buf_fini(&token);
    free(url);
    return status;
}

const struct credentials_provider credentials_container = {
    .name = "container-role",
    .find = container_find,
    .fetch = container_fetch,
};
