/* SPDX-License-Identifier: Apache-2.0 */

/* weir stream ls | desc: what DynamoDB Streams tells of streams and shards. */

#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "client/client.h"

#define ARENA_BYTES (64 * 1024 * 1024)

static enum weir_status call(struct weir_client *client, const char *operation,
                             const struct weir_value *request, struct arena *a,
                             struct weir_value **ret_response, struct weir_error *err)
{
    return client_call(client, operation, request, a, ret_response, NULL, err);
}

/* ---- ls -------------------------------------------------------------------------------------- */

static enum weir_status list_streams(struct weir_client *client, const char *table, struct arena *a,
                                     struct weir_value *all, struct weir_error *err)
{
    const struct weir_value *last = NULL;
    do {
        struct weir_value *response = NULL;
        struct weir_value *request = value_new_map(a, VALUE_PLAIN);
        if (table != NULL) {
            value_add_str(a, request, "TableName", bytes_str(table));
        }
        if (last != NULL) {
            value_add_str(a, request, "ExclusiveStartStreamArn", last->u.bytes);
        }
        enum weir_status status = call(client, "ListStreams", request, a, &response, err);
        if (status != WEIR_OK) {
            return status;
        }
        const struct weir_value *page = value_get(response, "Streams");
        for (uint32_t i = 0; page != NULL && i < page->u.list.count; i++) {
            struct weir_value *node = value_append(a, all);
            if (node != NULL) {
                *node = page->u.list.at[i];
            }
        }
        last = value_get(response, "LastEvaluatedStreamArn");
    } while (last != NULL);
    return WEIR_OK;
}

static void print_streams(const struct weir_value *all)
{
    for (uint32_t i = 0; i < all->u.list.count; i++) {
        const struct weir_value *stream = &all->u.list.at[i];
        printf("%.*s  %.*s  %.*s\n", BYTES_ARG(cli_member(stream, "TableName")),
               BYTES_ARG(cli_member(stream, "StreamLabel")),
               BYTES_ARG(cli_member(stream, "StreamArn")));
    }
}

int cmd_stream_ls(const struct cli_args *args)
{
    struct weir_client *client = NULL;
    struct weir_error err = {0};
    if (args->word_count > 1) {
        (void)error_set(&err, WEIR_INVALID_ARGUMENT, "weir stream ls [TABLE]: one table at most");
        return cli_fail(args, WEIR_INVALID_ARGUMENT, &err);
    }
    struct arena *a = arena_new(ARENA_BYTES);
    struct weir_value *all = value_new_list(a, VALUE_PLAIN);
    enum weir_status status = cli_open_client(args, NULL, &client, &err);
    if (status == WEIR_OK) {
        status = list_streams(client, args->word_count > 0 ? args->words[0] : NULL, a, all, &err);
    }
    if (status == WEIR_OK && cli_json(args)) {
        (void)cli_print_json(all);
    } else if (status == WEIR_OK) {
        print_streams(all);
    }
    cli_close_client(client);
    arena_free(a);
    return status == WEIR_OK ? 0 : cli_fail(args, status, &err);
}

/* ---- desc ------------------------------------------------------------------------------------ */

static enum weir_status find_stream(struct weir_client *client, const char *table, struct arena *a,
                                    struct weir_bytes *ret_arn, struct weir_error *err)
{
    struct weir_value *response = NULL;
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, request, "TableName", bytes_str(table));
    enum weir_status status = call(client, "DescribeTable", request, a, &response, err);
    if (status != WEIR_OK) {
        return status;
    }
    const struct weir_value *arn = value_get(value_get(response, "Table"), "LatestStreamArn");
    if (arn == NULL) {
        return error_set(err, WEIR_NOT_FOUND, "table %s has no stream", table);
    }
    *ret_arn = arn->u.bytes;
    return WEIR_OK;
}

/* All pages in one description: its Shards are those of every page. */
static enum weir_status describe(struct weir_client *client, struct weir_bytes arn, struct arena *a,
                                 struct weir_value **ret_description, struct weir_value *shards,
                                 struct weir_error *err)
{
    const struct weir_value *last = NULL;
    do {
        struct weir_value *response = NULL;
        struct weir_value *request = value_new_map(a, VALUE_PLAIN);
        value_add_str(a, request, "StreamArn", arn);
        if (last != NULL) {
            value_add_str(a, request, "ExclusiveStartShardId", last->u.bytes);
        }
        enum weir_status status = call(client, "DescribeStream", request, a, &response, err);
        if (status != WEIR_OK) {
            return status;
        }
        *ret_description = (struct weir_value *)(uintptr_t)value_get(response, "StreamDescription");
        const struct weir_value *page = value_get(*ret_description, "Shards");
        for (uint32_t i = 0; page != NULL && i < page->u.list.count; i++) {
            struct weir_value *node = value_append(a, shards);
            if (node != NULL) {
                *node = page->u.list.at[i];
            }
        }
        last = value_get(*ret_description, "LastEvaluatedShardId");
    } while (last != NULL);
    return WEIR_OK;
}

static void print_description(const struct weir_value *description, const struct weir_value *shards)
{
    printf("stream  %.*s\nstatus  %.*s\nview    %.*s\n",
           BYTES_ARG(cli_member(description, "StreamArn")),
           BYTES_ARG(cli_member(description, "StreamStatus")),
           BYTES_ARG(cli_member(description, "StreamViewType")));
    for (uint32_t i = 0; i < shards->u.list.count; i++) {
        const struct weir_value *shard = &shards->u.list.at[i];
        const struct weir_value *range = value_get(shard, "SequenceNumberRange");
        printf("shard   %.*s  parent %.*s  from %.*s to %.*s\n",
               BYTES_ARG(cli_member(shard, "ShardId")),
               BYTES_ARG(cli_member(shard, "ParentShardId")),
               BYTES_ARG(cli_member(range, "StartingSequenceNumber")),
               BYTES_ARG(cli_member(range, "EndingSequenceNumber")));
    }
}

static void print_description_json(struct arena *a, const struct weir_value *description,
                                   const struct weir_value *shards)
{
    struct weir_value *whole = value_new_map(a, VALUE_PLAIN);
    for (uint32_t i = 0; i < description->u.map.count; i++) {
        const struct value_member *member = &description->u.map.at[i];
        bool of_one_page = bytes_eq_str(member->name, "Shards") ||
                           bytes_eq_str(member->name, "LastEvaluatedShardId");
        struct weir_value *node = of_one_page ? NULL : value_add(a, whole, member->name);
        if (node != NULL) {
            *node = member->value;
        }
    }
    value_add_value(a, whole, "Shards", shards);
    (void)(whole != NULL && cli_print_json(whole));
}

int cmd_stream_desc(const struct cli_args *args)
{
    struct weir_client *client = NULL;
    struct weir_error err = {0};
    struct weir_value *description = NULL;
    struct weir_bytes arn;
    if (args->word_count != 1) {
        (void)error_set(&err, WEIR_INVALID_ARGUMENT, "weir stream desc TABLE: a table is needed");
        return cli_fail(args, WEIR_INVALID_ARGUMENT, &err);
    }
    struct arena *a = arena_new(ARENA_BYTES);
    struct weir_value *shards = value_new_list(a, VALUE_PLAIN);
    enum weir_status status = cli_open_client(args, NULL, &client, &err);
    if (status == WEIR_OK) {
        status = find_stream(client, args->words[0], a, &arn, &err);
    }
    if (status == WEIR_OK) {
        status = describe(client, arn, a, &description, shards, &err);
    }
    if (status == WEIR_OK && cli_json(args)) {
        print_description_json(a, description, shards);
    } else if (status == WEIR_OK) {
        print_description(description, shards);
    }
    cli_close_client(client);
    arena_free(a);
    return status == WEIR_OK ? 0 : cli_fail(args, status, &err);
}
