/* SPDX-License-Identifier: Apache-2.0 */
#include <semaphore.h>

#include "base/log.h"
#include "cli/engine_host.h"

#define ARENA_BYTES (16 * 1024 * 1024)

const struct cli_option cmd_serve_options[] = {
    CLI_SERVER_OPTIONS,
    {0},
};

static sem_t stop_wanted;

static void stop(void *unused)
{
    (void)unused;
    (void)sem_post(&stop_wanted);
}

static enum weir_status run(struct arena *a, const struct cli_args *args, struct weir_error *err)
{
    struct engine_host host = {0};
    struct config *config = NULL;
    enum weir_status status = cli_on_stop(stop, NULL, err);
    if (status == WEIR_OK) {
        status = cli_load_config(args, a, &config, err);
    }
    if (status == WEIR_OK) {
        status = engine_host_start(&host, args, config, err);
    }
    if (status == WEIR_OK) {
        engine_host_announce(&host);
        while (sem_wait(&stop_wanted) != 0) {
        }
        log_event(LOG_INFO, "stopping", NULL);
    }
    engine_host_stop(&host);
    return status;
}

int cmd_serve(const struct cli_args *args)
{
    (void)sem_init(&stop_wanted, 0, 0);
    return cli_run(args, ARENA_BYTES, run);
}
