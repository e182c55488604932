/* SPDX-License-Identifier: Apache-2.0 */

/* From the command line to a configuration and to a client. */

#include "cli/cli.h"
#include "cli/config.h"
#include "weir/engine.h"

#define DEFAULT_CONFIG "weir.yaml"
#define TIMEOUT_MS_MAX (3600 * 1000)
#define CONNECT_TIMEOUT_MS 5000

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
    if (options.endpoint_url == NULL) {
        options.endpoint_url = config_text(config, "endpoint");
    }
    options.region = cli_get(args, "region");
    if (options.region == NULL) {
        options.region = config_text(config, "region");
    }
    *ret_options = options;
    return WEIR_OK;
}

enum weir_status cli_open_client(const struct cli_args *args, const struct config *config,
                                 struct weir_client **ret_client, struct weir_error *err)
{
    struct weir_client_options options;
    enum weir_status status = cli_client_options(args, config, &options, err);
    if (status == WEIR_OK) {
        status = weir_engine_register(err);
    }
    return status == WEIR_OK ? weir_client_open(&options, ret_client, err) : status;
}
