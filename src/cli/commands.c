/* SPDX-License-Identifier: Apache-2.0 */

/* The table of commands: dispatch, help, man pages and completion come from it. A command's options
 * stand in its own file. */

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

const struct cli_command cli_commands[] = {
    {NULL, "serve", NULL, "run the engine: DynamoDB and its Streams over HTTP",
     "Listens on loopback unless told otherwise. SIGTERM finishes what is under way and exits 0.",
     cmd_serve_options, cmd_serve},
    {NULL, "dev", NULL, "engine, HTTP and every relay of weir.yaml in one process",
     "Tables of the outboxes named in the configuration are created. Ctrl-C ends it cleanly.",
     cmd_dev_options, cmd_dev},
    {"relay", "run", NULL, "carry an outbox's messages to a sink",
     "Runs one relay, of weir.yaml or of the options. SIGTERM finishes what is in hand, stores "
     "the\n"
     "position and exits 0; a kill at any moment loses nothing.",
     cmd_relay_run_options, cmd_relay_run},
    {"outbox", "put", "KEY", "add one message", NULL, cmd_outbox_put_options, cmd_outbox_put},
    {"outbox", "ls", NULL, "list pending messages, oldest first", NULL, cmd_outbox_ls_options,
     cmd_outbox_ls},
    {"outbox", "stats", NULL, "count pending and published messages", NULL,
     cmd_outbox_stats_options, cmd_outbox_stats},
    {"stream", "ls", "[TABLE]", "list streams", NULL, NULL, cmd_stream_ls},
    {"stream", "desc", "TABLE", "describe a table's stream and its shards", NULL, NULL,
     cmd_stream_desc},
    {"stream", "tail", "TABLE", "print a stream's records as JSON lines", NULL,
     cmd_stream_tail_options, cmd_stream_tail},
    {"config", "keys", NULL, "the keys of weir.yaml", NULL, cmd_config_keys_options,
     cmd_config_keys},
    {NULL, "version", NULL, "the version, and the operations that the engine has", NULL, NULL,
     cmd_version},
    {NULL, "help", "[COMMAND]", "this list, or one command's options", NULL, cmd_help_options,
     cmd_help},
};
const size_t cli_command_count = sizeof(cli_commands) / sizeof(cli_commands[0]);
