/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_ENGINE_HOST_H
#define WEIR_CLI_ENGINE_HOST_H

/* The engine with its HTTP front, as `weir serve` and `weir dev` run it. */

#include "cli/cli.h"
#include "cli/config.h"
#include "server/server.h"

struct engine_host {
    struct engine *engine;
    struct api *api;
    struct server *server;
    bool committing;    /* the committer's thread runs */
    char endpoint[320]; /* "http://127.0.0.1:8000" */
    char data[4096];    /* "" : in memory */
    struct kv_opened opened;
};

/* Opens and starts by --data, --memory, --address, --port, ... and the configuration's `server`
 * (NULL: none). Writes --port-file last. Stop it also after a failure. */
enum weir_status engine_host_start(struct engine_host *host, const struct cli_args *args,
                                   const struct config *config, struct weir_error *err);
/* Answers what is under way, flushes, closes. */
void engine_host_stop(struct engine_host *host);
/* One line on stderr: where it listens and what it keeps. */
void engine_host_announce(const struct engine_host *host);

#endif
