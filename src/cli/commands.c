/* SPDX-License-Identifier: Apache-2.0 */

/* The table of commands: dispatch, help, man pages and completion come from it. A command's options
 * stand in its own file. */

#include "cli/cli.h"

const struct cli_option cli_common_options[] = {
    {"config", 'f', "FILE", "configuration (weir.yaml, if it is there)"},
    {"endpoint-url", 0, "URL", "where tables are: http(s)://..., file:DIR, memory:"},
    {"region", 0, "REGION", "AWS region"},
    {"profile", 0, "PROFILE", "of AWS's configuration files; before keys of the environment"},
    {"request-timeout", 0, "TIME", "for one request: 500ms, 5s, 1m (30s)"},
    {"output", 'o', "text|json", "how results and errors are written (text)"},
    {"quiet", 'q', NULL, "only warnings and errors"},
    {"verbose", 'v', NULL, "debug messages too"},
    {"log-format", 0, "text|json", "how log lines are written (text)"},
    {"color", 0, "auto|always|never", "colour; NO_COLOR and CLICOLOR_FORCE count, too (auto)"},
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
    {"outbox", "put", "[KEY]", "add one message, or many",
     "With --many each line of standard input is a message: {\"key\": ..., \"type\": ..., "
     "\"payload\":\n"
     "...} with id, headers, destination, contentType, aggregateId, aggregateType, correlationId,\n"
     "causationId, traceparent, tracestate, createdAt and sequence where wanted; a payload that is "
     "no\n"
     "text is stored as JSON, payloadBase64 as bytes. Prints an id per line; exits 1 when some "
     "were\n"
     "not added, each named. What exists already stays as it is, so a file can be put again.",
     cmd_outbox_put_options, cmd_outbox_put},
    {"outbox", "ls", NULL, "list pending messages, oldest first", NULL, cmd_outbox_ls_options,
     cmd_outbox_ls},
    {"outbox", "show", "[KEY] ID", "print one message",
     "Exits 3 when there is none. In layout by-message the id alone names it.",
     cmd_outbox_show_options, cmd_outbox_show},
    {"outbox", "stats", NULL, "count pending and published messages",
     "Reads the whole table. --max-age makes it a check: exit 1 when the oldest is older.",
     cmd_outbox_stats_options, cmd_outbox_stats},
    {"outbox", "retry", "[[KEY] ID]", "make the relay see messages again",
     "One message, or with --stuck-for all that are pending for so long, oldest first. A relay "
     "that\n"
     "holds a message at this moment publishes it twice, with the same id. Exits 3 when there is "
     "no\n"
     "such message, 4 when it is published.",
     cmd_outbox_retry_options, cmd_outbox_retry},
    {"outbox", "mark", "[[KEY] ID]", "mark messages as published",
     "One message, or those that the lines of standard input name: KEY, a tab, ID, or a JSON "
     "object\n"
     "with key and id. Lines go in transactions of 100, each marked whole or not at all; exits 1 "
     "when\n"
     "some were not, each named. With mark: delete the rows are deleted.",
     cmd_outbox_mark_options, cmd_outbox_mark},
    {"outbox", "purge", NULL, "delete messages that were published before a time",
     "Asks on a terminal; elsewhere --yes is needed. Pending messages stay.",
     cmd_outbox_purge_options, cmd_outbox_purge},
    {"stream", "ls", "[TABLE]", "list streams", NULL, NULL, cmd_stream_ls},
    {"stream", "desc", "TABLE", "describe a table's stream and its shards", NULL, NULL,
     cmd_stream_desc},
    {"stream", "tail", "TABLE", "print a stream's records as JSON lines",
     "Ends with what there is now, or goes on with --follow. Keeps no position.",
     cmd_stream_tail_options, cmd_stream_tail},
    {"dedup", "check", "WORKER MESSAGE", "whether a worker has processed a message",
     "Prints new and exits 0, or prints duplicate and exits 4. A claim that is not completed is "
     "no\n"
     "duplicate.",
     cmd_dedup_check_options, cmd_dedup_check},
    {"dedup", "claim", "WORKER MESSAGE", "claim a message for processing",
     "Prints the claim's token, which complete, release, fail and renew need, and exits 0. Exits "
     "4\n"
     "when it was processed before (its result is printed), 75 when another claim holds it or it\n"
     "failed and waits.",
     cmd_dedup_claim_options, cmd_dedup_claim},
    {"dedup", "renew", "WORKER MESSAGE", "make a claim's lease begin anew", NULL,
     cmd_dedup_renew_options, cmd_dedup_renew},
    {"dedup", "complete", "WORKER MESSAGE", "remember a claimed message as processed", NULL,
     cmd_dedup_complete_options, cmd_dedup_complete},
    {"dedup", "release", "WORKER MESSAGE", "give a claim back: anybody may claim at once", NULL,
     cmd_dedup_release_options, cmd_dedup_release},
    {"dedup", "fail", "WORKER MESSAGE", "end a claim that failed", NULL, cmd_dedup_fail_options,
     cmd_dedup_fail},
    {"dedup", "forget", "WORKER MESSAGE", "delete what is remembered of a message",
     "The next delivery is a new one.", cmd_dedup_forget_options, cmd_dedup_forget},
    {"dedup", "run", "WORKER MESSAGE COMMAND...", "run a command once per message",
     "weir dedup run WORKER MESSAGE -- COMMAND... claims the message, runs the command and renews\n"
     "the lease meanwhile; exit 0 completes the message, anything else gives it back. Exits as "
     "the\n"
     "command did; 0 without running it when the message was processed before, 75 when another\n"
     "claim holds it, 1 when the claim was lost meanwhile.",
     cmd_dedup_run_options, cmd_dedup_run},
    {"dedup", "ls", NULL, "list what is remembered, and the claims that run", NULL,
     cmd_dedup_ls_options, cmd_dedup_ls},
    {"dedup", "purge", NULL, "delete what is not needed any more",
     "Asks on a terminal; elsewhere --yes is needed. What changes while it runs stays.",
     cmd_dedup_purge_options, cmd_dedup_purge},
    {"table", "ls", NULL, "list tables", NULL, NULL, cmd_table_ls},
    {"table", "desc", "TABLE", "describe a table, its indexes and its TTL",
     "--output json prints DescribeTable's Table and DescribeTimeToLive's TimeToLiveDescription.",
     NULL, cmd_table_desc},
    {"table", "create", "[TABLE]", "create a table and wait until it is ACTIVE",
     "weir table create orders --key pk:S --sort sk:N --index by-day=day:S,at:N --stream "
     "new-and-old",
     cmd_table_create_options, cmd_table_create},
    {"table", "delete", "TABLE", "delete a table and wait until it is gone",
     "Asks on a terminal; elsewhere --yes is needed.", cmd_table_delete_options, cmd_table_delete},
    {"table", "truncate", "TABLE", "delete all items of a table",
     "One by one, by their keys, so that a stream tells of each; or all at once by --recreate.\n"
     "Asks on a terminal; elsewhere --yes is needed.",
     cmd_table_truncate_options, cmd_table_truncate},
    {"table", "wait", "TABLE [active|gone]", "wait until a table can be used, or is gone", NULL,
     cmd_table_wait_options, cmd_table_wait},
    {"item", "get", "TABLE PARTITION-KEY [SORT-KEY]", "print one item",
     "Exits 3 when there is none. Items are plain JSON, one a line: numbers keep every digit,\n"
     "{\"$binary\": BASE64} is a binary value and {\"$set\": [...]} a set.",
     cmd_item_get_options, cmd_item_get},
    {"item", "put", "TABLE [JSON]", "write one item; - or nothing is standard input", NULL,
     cmd_item_put_options, cmd_item_put},
    {"item", "update", "TABLE PARTITION-KEY [SORT-KEY]", "change one item, or make it",
     "weir item update orders o-1 --set 'status=\"shipped\"' --remove draft --return new",
     cmd_item_update_options, cmd_item_update},
    {"item", "delete", "TABLE PARTITION-KEY [SORT-KEY]", "delete one item",
     "There being none is no error; --condition 'attribute_exists(pk)' makes it one.",
     cmd_item_delete_options, cmd_item_delete},
    {"item", "query", "TABLE PARTITION-KEY", "print the items of one partition key",
     "weir item query orders o-1 --sort 'begins line#'\n"
     "One item a line, as they come.",
     cmd_item_query_options, cmd_item_query},
    {"item", "scan", "TABLE", "print all items", "One item a line, as they come.",
     cmd_item_scan_options, cmd_item_scan},
    {"item", "batch-write", "TABLE [FILE]", "write the items of a file's lines",
     "One item a line, as query and scan print them; - or nothing is standard input. Of lines "
     "with\n"
     "the same key the last one wins. Ends at the first line that is wrong, with exit code 65 and\n"
     "its number on standard error; what stood before it is written. Items that the service "
     "leaves\n"
     "unprocessed are tried again, then named, with exit code 1.",
     cmd_item_batch_write_options, cmd_item_batch_write},
    {NULL, "import", "TABLE FILE", "write a file's items into a table; - is standard input",
     "Formats: jsonl, plain JSON lines; ddb-json, lines of DynamoDB JSON, also as AWS exports "
     "them\n"
     "to S3, {\"Item\": {...}}; csv, with a header of attribute names. Nothing is dropped "
     "silently:\n"
     "each line that is wrong is named. Exits 0 when all is written, 65 when a wrong line ended\n"
     "it, 1 when lines were skipped or a signal stopped it.",
     cmd_import_options, cmd_import},
    {NULL, "export", "TABLE [FILE]", "write all items of a table to a file",
     "- or nothing is standard output. A file is written as FILE.part and renamed when it is\n"
     "complete. Formats as for import. Ended by a signal it says how far it came and exits 1.",
     cmd_export_options, cmd_export},
    {"config", "keys", NULL, "the keys of weir.yaml", NULL, cmd_config_keys_options,
     cmd_config_keys},
    {NULL, "doctor", NULL, "which endpoint and credentials are used, and what fails",
     "Shows every place that could decide, in order, then tries each step: reaching the endpoint,\n"
     "clock, credentials, the tables and sinks of weir.yaml, the data folder. Each request has\n"
     "--request-timeout (3s), the whole ten times that.\n"
     "Exits 0 when nothing fails, 1 when something does, 78 when the configuration is wrong.",
     cmd_doctor_options, cmd_doctor},
    {NULL, "env", NULL, "where AWS's SDKs find the tables, as lines for a shell",
     "eval \"$(weir env)\" sets endpoint and region, and for a server on this machine keys that "
     "it\n"
     "takes. The endpoint is --endpoint-url, weir.yaml's, or where weir serve listens by default.\n"
     "The AWS CLI reads it from 2.13 on, boto3 from 1.28 on.",
     cmd_env_options, cmd_env},
    {NULL, "completion", "bash|zsh|fish", "completion of the command line, as a script for a shell",
     "source <(weir completion bash) switches it on; installing weir installs it for every user.",
     NULL, cmd_completion},
    {NULL, "man", "[COMMAND...]", "the manual's pages, as roff",
     "weir.1, or a command's page, or weir.yaml's with `weir man weir.yaml`. On a terminal the "
     "page\n"
     "is shown by man.",
     cmd_man_options, cmd_man},
    {NULL, "version", NULL, "the version, and the operations that the engine has", NULL, NULL,
     cmd_version},
    {NULL, "help", "[COMMAND...]", "this list, or one command's options", NULL, cmd_help_options,
     cmd_help},
};
const size_t cli_command_count = sizeof(cli_commands) / sizeof(cli_commands[0]);
