/* SPDX-License-Identifier: Apache-2.0 */
#include <semaphore.h>

#include "base/log.h"
#include "cli/engine_host.h"

static sem_t stop_wanted;

static void stop(void *unused)
{
    (void)unused;
    (void)sem_post(&stop_wanted);
}

int cmd_serve(const struct cli_args *args)
{
    struct engine_host host = {0};
    struct weir_error err = {0};
    (void)sem_init(&stop_wanted, 0, 0);
    enum weir_status status = cli_on_stop(stop, NULL, &err);
    if (status == WEIR_OK) {
        status = engine_host_start(&host, args, NULL, &err);
    }
    if (status == WEIR_OK) {
        engine_host_announce(&host);
        while (sem_wait(&stop_wanted) != 0) {
        }
        log_event(LOG_INFO, "stopping", NULL);
    }
    engine_host_stop(&host);
    return status == WEIR_OK ? 0 : cli_fail(args, status, &err);
}
