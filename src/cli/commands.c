/* SPDX-License-Identifier: Apache-2.0 */

/* The table of commands: dispatch and help come from it. */

#include "cli/cli.h"

const struct cli_option cli_common_options[] = {
    {"endpoint-url", 0, "URL", "where tables are: http(s)://..., file:DIR, memory:"},
    {"region", 0, "NAME", "AWS region"},
    {"output", 'o', "FORMAT", "text or json"},
    {"quiet", 'q', NULL, "only warnings and errors"},
    {"verbose", 'v', NULL, "debug messages too"},
    {"log-format", 0, "FORMAT", "text or json"},
    {"no-progress", 0, NULL, "no progress on a terminal"},
    {"help", 'h', NULL, "this text"},
    {0},
};

#define SERVER_OPTIONS                                                                             \
    {"data", 'd', "DIR", "folder of the engine's data (.weir)"},                                   \
        {"memory", 0, NULL, "keep nothing on disk"},                                               \
        {"address", 0, "ADDRESS", "address to listen on (127.0.0.1)"},                             \
        {"port", 'p', "N", "port to listen on (8000); 0: any free one"},                           \
        {"port-file", 0, "FILE", "write the port there when it is listening"},                     \
        {"durability", 0, "MODE", "sync (survives power loss) or relaxed (survives the process)"}, \
        {"threads", 0, "N", "threads that answer requests (1)"},                                   \
    {                                                                                              \
        "stream-shards", 0, "N", "shards of a new stream (4)"                                      \
    }

static const struct cli_option serve_options[] = {
    SERVER_OPTIONS,
    {"config", 'f', "FILE", "configuration, for its server keys (weir.yaml, if it is there)"},
    {0},
};

static const struct cli_option dev_options[] = {
    SERVER_OPTIONS,
    {"config", 'f', "FILE", "configuration (weir.yaml, if it is there)"},
    {0},
};

static const struct cli_option config_keys_options[] = {
    {"markdown", 0, NULL, "as docs/CONFIGURATION.md"},
    {0},
};

static const struct cli_option help_options[] = {
    {"markdown", 0, NULL, "of every command, as docs/COMMANDS.md"},
    {0},
};

static const struct cli_option relay_run_options[] = {
    {"config", 'f', "FILE", "configuration (weir.yaml, if it is there)"},
    {"name", 0, "NAME", "which relay of the configuration; without one: its positions' name"},
    {"outbox", 0, "TABLE", "the outbox's table (outbox)"},
    {"to", 0, "SINK", "stdout, file or redis"},
    {"set", 0, "NAME=VALUE", "a setting of the sink; may be repeated"},
    {"mark", 0, "MODE", "update or none"},
    {"start", 0, "PLACE", "horizon or now, where no position is stored"},
    {"once", 0, NULL, "end when everything up to now is delivered"},
    {0},
};

#define OUTBOX_OPTIONS                                       \
    {                                                        \
        "table", 't', "TABLE", "the outbox's table (outbox)" \
    }

static const struct cli_option outbox_options[] = {OUTBOX_OPTIONS, {0}};

static const struct cli_option outbox_ls_options[] = {
    OUTBOX_OPTIONS,
    {"key", 'k', "KEY", "of one ordering key only"},
    {"limit", 'n', "N", "at most so many (100)"},
    {"next", 0, "TOKEN", "go on after an earlier page"},
    {0},
};

static const struct cli_option outbox_put_options[] = {
    OUTBOX_OPTIONS,
    {"type", 0, "TYPE", "message type; required"},
    {"id", 0, "ID", "message id (a UUIDv7)"},
    {"payload", 0, "TEXT", "the payload; - or nothing: standard input"},
    {"headers", 0, "JSON", "a JSON object of strings"},
    {"content-type", 0, "TYPE", "e.g. application/json"},
    {"destination", 0, "NAME", "topic, queue or stream"},
    {"aggregate-id", 0, "ID", ""},
    {"aggregate-type", 0, "TYPE", ""},
    {"correlation-id", 0, "ID", ""},
    {"causation-id", 0, "ID", ""},
    {0},
};

static const struct cli_option stream_tail_options[] = {
    {"follow", 'f', NULL, "go on with changes as they come"},
    {"from", 0, "PLACE", "trim (all that is retained) or latest"},
    {"max", 'n', "N", "end after so many records"},
    {0},
};

const struct cli_command cli_commands[] = {
    {NULL, "serve", NULL, "run the engine: DynamoDB and its Streams over HTTP",
     "Listens on loopback unless told otherwise. SIGTERM finishes what is under way and exits 0.",
     serve_options, cmd_serve},
    {NULL, "dev", NULL, "engine, HTTP and every relay of weir.yaml in one process",
     "Tables of the outboxes named in the configuration are created. Ctrl-C ends it cleanly.",
     dev_options, cmd_dev},
    {"relay", "run", NULL, "carry an outbox's messages to a sink",
     "Runs one relay, of weir.yaml or of the options. SIGTERM finishes what is in hand, stores "
     "the\n"
     "position and exits 0; a kill at any moment loses nothing.",
     relay_run_options, cmd_relay_run},
    {"outbox", "put", "KEY", "add one message", NULL, outbox_put_options, cmd_outbox_put},
    {"outbox", "ls", NULL, "list pending messages, oldest first", NULL, outbox_ls_options,
     cmd_outbox_ls},
    {"outbox", "stats", NULL, "count pending and published messages", NULL, outbox_options,
     cmd_outbox_stats},
    {"stream", "ls", "[TABLE]", "list streams", NULL, NULL, cmd_stream_ls},
    {"stream", "desc", "TABLE", "describe a table's stream and its shards", NULL, NULL,
     cmd_stream_desc},
    {"stream", "tail", "TABLE", "print a stream's records as JSON lines", NULL, stream_tail_options,
     cmd_stream_tail},
    {"config", "keys", NULL, "the keys of weir.yaml", NULL, config_keys_options, cmd_config_keys},
    {NULL, "version", NULL, "the version, and the operations that the engine has", NULL, NULL,
     cmd_version},
    {NULL, "help", "[COMMAND]", "this list, or one command's options", NULL, help_options,
     cmd_help},
};
const size_t cli_command_count = sizeof(cli_commands) / sizeof(cli_commands[0]);
