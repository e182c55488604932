/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a client: which transport an endpoint means. */
#include "client/client_internal.h"
#include "client/retry.h"

#include "aws/http.h"
#include "base/error.h"
#include "base/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- schemes --------------------------------------------------------------------------------- */

#define SCHEMES_MAX 8

struct scheme {
    const char *name;
    client_transport_open open;
};

static pthread_mutex_t schemes_mu = PTHREAD_MUTEX_INITIALIZER;
static struct scheme schemes[SCHEMES_MAX]; /* under schemes_mu */

enum weir_status weir_transport_register(uint64_t interface, const char *scheme,
                                         client_transport_open open, struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    size_t i = 0;
    if (interface != CLIENT_INTERFACE) {
        return client_refuse(CLIENT_INTERFACE, interface, err);
    }
    pthread_mutex_lock(&schemes_mu);
    while (i < SCHEMES_MAX && schemes[i].name != NULL && strcmp(schemes[i].name, scheme) != 0) {
        i++;
    }
    if (i == SCHEMES_MAX) {
        status = error_set(err, WEIR_TOO_LARGE, "more than %d transports", SCHEMES_MAX);
    } else {
        schemes[i] = (struct scheme){scheme, open};
    }
    pthread_mutex_unlock(&schemes_mu);
    return status;
}

static bool endpoint_has_scheme(const char *endpoint, const char *scheme)
{
    size_t len = strlen(scheme);
    return strncmp(endpoint, scheme, len) == 0 && endpoint[len] == ':';
}

static bool is_http(const char *endpoint)
{
    return endpoint_has_scheme(endpoint, "http") || endpoint_has_scheme(endpoint, "https");
}

static client_transport_open scheme_find(const char *endpoint)
{
    client_transport_open found = NULL;
    pthread_mutex_lock(&schemes_mu);
    for (size_t i = 0; i < SCHEMES_MAX && schemes[i].name != NULL && found == NULL; i++) {
        found = endpoint_has_scheme(endpoint, schemes[i].name) ? schemes[i].open : NULL;
    }
    pthread_mutex_unlock(&schemes_mu);
    return found;
}

static enum weir_status unknown_scheme(const char *endpoint, struct weir_error *err)
{
    char shown[AWS_ENDPOINT_SHOWN_SIZE];
    if (endpoint_has_scheme(endpoint, "file") || endpoint_has_scheme(endpoint, "memory")) {
        return error_set(err, WEIR_CONFIG,
                         "the endpoint \"%.200s\" needs weir's engine: call weir_engine_register() "
                         "(libweir-engine) first",
                         endpoint);
    }
    aws_endpoint_show(endpoint, shown);
    return error_set(err, WEIR_CONFIG,
                     "the endpoint \"%s\" is none of http://, https://, file: and memory:", shown);
}

static enum weir_status transport_open(const struct weir_client_options *options,
                                       const struct aws_config *config, struct weir_env *env,
                                       struct client_transport **ret_transport,
                                       struct weir_error *err)
{
    if (is_http(config->endpoint)) {
        return transport_http_open(config, options, env, ret_transport, err);
    }
    client_transport_open open = scheme_find(config->endpoint);
    if (open == NULL) {
        return unknown_scheme(config->endpoint, err);
    }
    return open(strchr(config->endpoint, ':') + 1, options, env, ret_transport, err);
}

/* ---- open and close -------------------------------------------------------------------------- */

static struct weir_client *client_new(struct weir_env *env)
{
    struct weir_client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return NULL;
    }
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&client->mu, NULL);
    (void)pthread_cond_init(&client->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    pace_init(&client->pace, AWS_RETRY_STANDARD, env_mono_ns(env));
    client->interface = client_interface();
    client->env = env;
    client->refs = 1;
    return client;
}

/* A caller's options of any version: what it does not know is left at its default. */
static enum weir_status read_options(const struct weir_client_options *given,
                                     struct weir_client_options *ret_options,
                                     struct weir_error *err)
{
    return options_take(ret_options, sizeof(*ret_options), given, "WEIR_CLIENT_OPTIONS_INIT", err);
}

/* An engine in this process needs neither a region nor credentials, so nothing of AWS is read. */
static enum weir_status load_config(const struct weir_client_options *options,
                                    const struct aws_environment *environment,
                                    struct aws_config *ret_config, struct weir_error *err)
{
    if (options->endpoint_url == NULL || is_http(options->endpoint_url)) {
        return aws_config_load_profile(environment, options->profile, options->endpoint_url,
                                       options->region, ret_config, err);
    }
    *ret_config = (struct aws_config){.endpoint = strdup(options->endpoint_url)};
    if (ret_config->endpoint == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a client");
    }
    enum weir_status status = aws_config_attempts(environment, &ret_config->max_attempts, err);
    if (status == WEIR_OK) {
        status = aws_config_retry_mode(environment, &ret_config->retry_mode, err);
    }
    if (status != WEIR_OK) {
        aws_config_fini(ret_config);
    }
    return status;
}

/* What was given explicitly, then what is configured, then the default. */
static void choose(struct weir_client *client, const struct weir_client_options *options,
                   const struct aws_config *config, enum aws_retry_mode given)
{
    client->max_attempts = options->max_attempts != 0  ? options->max_attempts
                           : config->max_attempts != 0 ? config->max_attempts
                                                       : RETRY_ATTEMPTS;
    client->pace.mode = given != AWS_RETRY_UNSET                ? given
                        : config->retry_mode != AWS_RETRY_UNSET ? config->retry_mode
                                                                : AWS_RETRY_STANDARD;
    client->count_capacity = options->count_capacity != 0;
}

enum weir_status client_open_with(const struct weir_client_options *options,
                                  const struct aws_environment *environment, struct weir_env *env,
                                  struct weir_client **ret_client, struct weir_error *err)
{
    struct weir_client_options known;
    struct aws_config config;
    enum aws_retry_mode mode;
    enum weir_status status = read_options(options, &known, err);
    if (status == WEIR_OK) {
        status = aws_retry_mode_parse(known.retry_mode, &mode, err);
    }
    if (status == WEIR_OK) {
        status = load_config(&known, environment, &config, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_client *client = client_new(env);
    if (client == NULL) {
        status = error_set(err, WEIR_NO_MEMORY, "out of memory for a client");
    } else {
        status = transport_open(&known, &config, env, &client->transport, err);
    }
    if (status == WEIR_OK) {
        choose(client, &known, &config, mode);
        *ret_client = client;
    } else if (client != NULL) {
        client_unref(client);
    }
    aws_config_fini(&config);
    return status;
}

enum weir_status weir_client_open(const struct weir_client_options *options,
                                  struct weir_client **ret_client, struct weir_error *err)
{
    return client_open_with(options, aws_environment_system(), env_system(), ret_client, err);
}

void weir_client_close(struct weir_client *client)
{
    if (client == NULL) {
        return;
    }
    calls_close(client);
    client->transport->ops->close(client->transport);
    client_unref(client);
}
