/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_ENGINE_HOST_H
#define WEIR_CLI_ENGINE_HOST_H

/* The engine with its HTTP front, as `weir serve` and `weir dev` run it. */

#include "cli/cli.h"
#include "cli/config.h"
#include "server/server.h"
#include "server/signature.h"

struct engine_host {
    struct engine *engine;
    struct api *api;
    struct server *server;
    struct signature_keys *keys; /* NULL: signatures are not required */
    bool committing;             /* the committer's thread runs */
    char endpoint[320];          /* "http://127.0.0.1:8000" */
    char data[4096];             /* "" : in memory */
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

/* The options that engine_host_start reads. */
#define CLI_SERVER_OPTIONS                                                     \
    {"data", 'd', "DIR", "folder of the engine's data (.weir)"},               \
        {"memory", 0, NULL, "keep nothing on disk"},                           \
        {"address", 0, "ADDRESS", "address to listen on (127.0.0.1)"},         \
        {"port", 'p', "N", "port to listen on (8000); 0: any free one"},       \
        {"port-file", 0, "FILE", "write the port there when it is listening"}, \
        {"durability", 0, "sync|relaxed",                                      \
         "what a write survives: power loss, or the process (sync)"},          \
        {"threads", 0, "N", "threads that answer requests (1)"},               \
        {"require-signature", 0, "FILE",                                       \
         "take only calls signed with an access key of this file"},            \
        {"faults", 0, "RULES",                                                 \
         "make calls fail, for tests: PutItem:throttle@1-3,*:500%10?seed=7"},  \
    {                                                                          \
        "stream-shards", 0, "N", "shards of a new stream (4)"                  \
    }

#endif
