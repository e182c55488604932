/* SPDX-License-Identifier: Apache-2.0 */

/* From the command line to a client. */

#include "base/error.h"
#include "cli/cli.h"
#include "weir/engine.h"

enum weir_status cli_open_client(const struct cli_args *args, const char *config_endpoint,
                                 struct weir_client **ret_client, struct weir_error *err)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    options.endpoint_url = cli_get(args, "endpoint-url");
    if (options.endpoint_url == NULL) {
        options.endpoint_url = config_endpoint;
    }
    options.region = cli_get(args, "region");
    enum weir_status status = weir_engine_register(err);
    return status == WEIR_OK ? weir_client_open(&options, ret_client, err) : status;
}
