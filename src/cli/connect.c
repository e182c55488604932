/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From the command line to a configuration and to a client. Endpoint and region, each for itself:
 *
 *     --endpoint-url               --region
 *     AWS_ENDPOINT_URL_DYNAMODB    AWS_REGION
 *     AWS_ENDPOINT_URL             AWS_DEFAULT_REGION
 *     endpoint of weir.yaml        region of weir.yaml
 *     what aws/config.h has behind the environment: the profile, the region's own
 */

#include <stdlib.h>
#include <string.h>

#include "aws/settings.h"
#include "base/error.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "cli/patience.h"
#include "weir/engine.h"

#define DEFAULT_CONFIG "weir.yaml"
#define TIMEOUT_MS_MAX (3600 * 1000)
#define CONNECT_TIMEOUT_MS 5000
#define CONFIG_ARENA_BYTES ((size_t)32 * 1024 * 1024)

enum weir_status cli_load_config(const struct cli_args *args, struct arena *a,
                                 struct config **ret_config, struct weir_error *err)
{
    const char *path = cli_get(args, "config");
    enum weir_status status = config_load(a, path == NULL ? DEFAULT_CONFIG : path, ret_config, err);
    if (status != WEIR_NOT_FOUND) {
        return status;
    }
    if (path != NULL) {
        return WEIR_CONFIG;
    }
    *ret_config = NULL;
    *err = (struct weir_error){0};
    return WEIR_OK;
}

/* ---- what comes before the file -------------------------------------------------------------- */

/* The first of two variables that is set and not empty. */
static const char *variable(const char *first, const char *second)
{
    const struct aws_environment *environment = aws_environment_system();
    const char *value = environment->get(environment->arg, first);
    if (value == NULL || value[0] == '\0') {
        value = environment->get(environment->arg, second);
    }
    return value == NULL || value[0] == '\0' ? NULL : value;
}

/* A profile that cannot be read is the client's to complain of. */
static bool endpoints_are_ignored(const char *profile)
{
    struct aws_settings *settings = NULL;
    struct weir_error err = {0};
    char *ignore = NULL;
    if (settings_open(aws_environment_system(), profile, &settings, &err) == WEIR_OK) {
        ignore = settings_value(settings, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                                "ignore_configured_endpoint_urls");
    }
    bool ignored = setting_is_true(ignore);
    free(ignore);
    settings_unref(settings);
    return ignored;
}

static const char *endpoint_before_file(const struct cli_args *args)
{
    const char *given = cli_get(args, "endpoint-url");
    if (given != NULL) {
        return given;
    }
    const char *value = variable("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL");
    return value != NULL && endpoints_are_ignored(cli_get(args, "profile")) ? NULL : value;
}

static const char *region_before_file(const struct cli_args *args)
{
    const char *given = cli_get(args, "region");
    return given != NULL ? given : variable("AWS_REGION", "AWS_DEFAULT_REGION");
}

/* An unfinished weir.yaml does not stop a command that would take nothing from it. */
static bool file_may_decide(const struct cli_args *args)
{
    const char *endpoint = endpoint_before_file(args);
    bool in_process = endpoint != NULL &&
                      (strncmp(endpoint, "file:", 5) == 0 || strncmp(endpoint, "memory:", 7) == 0);
    return cli_has(args, "config") || endpoint == NULL ||
           (region_before_file(args) == NULL && !in_process);
}

/* ---- the client ------------------------------------------------------------------------------ */

enum weir_status cli_client_options(const struct cli_args *args, const struct config *config,
                                    struct weir_client_options *ret_options, struct weir_error *err)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    int64_t timeout_ms = 0;
    enum weir_status status =
        cli_get_duration(args, "request-timeout", 1, TIMEOUT_MS_MAX, 0, &timeout_ms, err);
    if (status != WEIR_OK) {
        return status;
    }
    options.timeout_ms = (uint32_t)timeout_ms;
    options.connect_timeout_ms =
        timeout_ms < CONNECT_TIMEOUT_MS ? (uint32_t)timeout_ms : CONNECT_TIMEOUT_MS;
    options.profile = cli_get(args, "profile");
    options.endpoint_url = cli_get(args, "endpoint-url");
    if (endpoint_before_file(args) == NULL) {
        options.endpoint_url = config_text(config, "endpoint");
    }
    options.region = cli_get(args, "region");
    if (region_before_file(args) == NULL) {
        options.region = config_text(config, "region");
    }
    *ret_options = options;
    return WEIR_OK;
}

/* Whether the profile, too, names neither an endpoint nor a region. */
static bool nothing_says_where(const struct weir_client_options *options)
{
    struct aws_settings *settings = NULL;
    struct weir_error err = {0};
    if (options->endpoint_url != NULL || options->region != NULL ||
        settings_open(aws_environment_system(), options->profile, &settings, &err) != WEIR_OK) {
        return false;
    }
    char *endpoint = settings_endpoint(settings, "AWS_ENDPOINT_URL_DYNAMODB", "dynamodb");
    char *region = settings_value(settings, "AWS_DEFAULT_REGION", "region");
    bool nothing =
        endpoint == NULL && region == NULL && settings_env(settings, "AWS_REGION") == NULL;
    free(endpoint);
    free(region);
    settings_unref(settings);
    return nothing;
}

static enum weir_status open_with(const struct weir_client_options *options,
                                  struct weir_client **ret_client, struct weir_error *err)
{
    enum weir_status status = weir_engine_register(err);
    if (status == WEIR_OK) {
        status = weir_client_open(options, ret_client, err);
    }
    if (status == WEIR_CONFIG && nothing_says_where(options)) {
        return error_set(err, WEIR_CONFIG,
                         "nothing says where the tables are: to try weir, run weir dev in another "
                         "terminal and give --endpoint-url http://127.0.0.1:8000; for Amazon "
                         "DynamoDB set AWS_REGION or give --region");
    }
    return status;
}

enum weir_status cli_open_client(const struct cli_args *args, const struct config *config,
                                 struct weir_client **ret_client, struct weir_error *err)
{
    struct weir_client_options options;
    struct config *loaded = NULL;
    struct arena *a = NULL;
    enum weir_status status = WEIR_OK;
    if (config == NULL && file_may_decide(args)) {
        a = arena_new(CONFIG_ARENA_BYTES);
        status = a == NULL ? error_set(err, WEIR_NO_MEMORY, "no memory for the configuration")
                           : cli_load_config(args, a, &loaded, err);
    }
    if (status == WEIR_OK) {
        status = cli_client_options(args, config == NULL ? loaded : config, &options, err);
    }
    if (status == WEIR_OK) {
        status = open_with(&options, ret_client, err);
    }
    if (status == WEIR_OK) {
        patience_start(args, *ret_client);
    }
    arena_free(a);
    return status;
}

void cli_close_client(struct weir_client *client)
{
    patience_end(client);
    weir_client_close(client);
}
