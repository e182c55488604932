/* SPDX-License-Identifier: Apache-2.0 */

/* weir import, weir item batch-write: items from a file or a pipe into a table. */

#include <string.h>

#include "base/error.h"
#include "cli/loader.h"

const struct cli_option cmd_import_options[] = {
    {"format", 'f', FORMAT_CHOICES, "of the file (csv if it ends in .csv, else jsonl)"},
    {"types", 0, "NAME:TYPE,...", "types of CSV columns: total:N,tags:SS (others are text)"},
    {"infer", 0, NULL, "take CSV cells that read as JSON for it: numbers, true, [...]"},
    {"on-error", 0, "stop|skip", "what to do after a line that is wrong (stop)"},
    {"dry-run", 0, NULL, "read and check all of it, write nothing"},
    {0},
};

const struct cli_option cmd_item_batch_write_options[] = {
    {"typed", 't', NULL, "the lines are DynamoDB JSON"},
    {"delete", 0, NULL, "delete the items with the keys of these lines"},
    {0},
};

static int usage(const struct cli_args *args, const char *text)
{
    struct weir_error err = {0};
    enum weir_status status = error_set(&err, WEIR_INVALID_ARGUMENT, "%s", text);
    return cli_fail(args, status, &err);
}

int cmd_import(const struct cli_args *args)
{
    const char *on_error = cli_get(args, "on-error");
    if (args->word_count != 2) {
        return usage(args, "weir import TABLE FILE: a table and a file (- is standard input)");
    }
    struct load_options options = {
        .verb = "importing",
        .past = "imported",
        .table = args->words[0],
        .path = args->words[1],
        .format = format_of(args, args->words[1]),
        .kind = WRITER_PUT,
        .skip_bad = on_error != NULL && strcmp(on_error, "skip") == 0,
        .dry_run = cli_has(args, "dry-run"),
    };
    return load_run(args, &options);
}

int cmd_item_batch_write(const struct cli_args *args)
{
    bool is_delete = cli_has(args, "delete");
    if (args->word_count < 1 || args->word_count > 2) {
        return usage(args, "weir item batch-write TABLE [FILE]: a table and perhaps a file");
    }
    struct load_options options = {
        .verb = is_delete ? "deleting" : "writing",
        .past = is_delete ? "deleted" : "wrote",
        .table = args->words[0],
        .path = args->word_count > 1 ? args->words[1] : "-",
        .format = cli_has(args, "typed") ? FORMAT_DDB_JSON : FORMAT_JSONL,
        .kind = is_delete ? WRITER_DELETE : WRITER_PUT,
    };
    return load_run(args, &options);
}
