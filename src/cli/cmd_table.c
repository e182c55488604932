/* SPDX-License-Identifier: Apache-2.0 */

/* weir table ls | desc | wait. */

#include "cli/cmd_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/error.h"
#include "cli/config_internal.h"
#include "cli/grid.h"
#include "client/client.h"

#define EXIT_TRY_AGAIN 75
#define POLL_FIRST_MS 20
#define POLL_MAX_MS 2000
#define WAIT_MS_MAX (3600 * 1000)
#define TEXT_BYTES ((size_t)64 * 1024 * 1024)

const struct cli_option cmd_table_wait_options[] = {
    {"timeout", 0, "TIME", "give up after so long (10m); then exit code 75"},
    {0},
};

/* ---- what a description says ----------------------------------------------------------------- */

const char *table_text(struct data_session *s, const struct weir_value *map, const char *name)
{
    const struct weir_value *member = value_get(map, name);
    return member != NULL && member->type == VALUE_S
               ? arena_printf(s->arena, "%.*s", BYTES_ARG(member->u.bytes))
               : NULL;
}

const struct value_list *table_list(const struct weir_value *map, const char *name)
{
    static const struct value_list none = {0};
    const struct weir_value *member = value_get(map, name);
    return member != NULL && member->type == VALUE_L ? &member->u.list : &none;
}

static const char *type_of(struct data_session *s, const struct weir_value *description,
                           const char *attribute)
{
    const struct value_list *list = table_list(description, "AttributeDefinitions");
    for (uint32_t i = 0; i < list->count; i++) {
        const char *name = table_text(s, &list->at[i], "AttributeName");
        if (name != NULL && strcmp(name, attribute) == 0) {
            return table_text(s, &list->at[i], "AttributeType");
        }
    }
    return "?";
}

/* "pk S, sk N": the keys of a table or an index. */
static const char *keys_text(struct data_session *s, const struct weir_value *description,
                             const struct weir_value *of)
{
    const struct value_list *schema = table_list(of, "KeySchema");
    const char *text = "";
    for (uint32_t i = 0; i < schema->count && text != NULL; i++) {
        const char *name = table_text(s, &schema->at[i], "AttributeName");
        text = arena_printf(s->arena, "%s%s%s %s", text, i > 0 ? ", " : "", name,
                            type_of(s, description, name == NULL ? "" : name));
    }
    return text;
}

static const char *stream_text(struct data_session *s, const struct weir_value *description)
{
    return table_text(s, value_get(description, "StreamSpecification"), "StreamViewType");
}

/* ---- waiting --------------------------------------------------------------------------------- */

enum weir_status table_timeout(struct data_session *s, int64_t *ret_ms)
{
    const char *text = cli_get(s->args, "timeout");
    *ret_ms = TABLE_WAIT_MS_DEFAULT;
    if (text == NULL) {
        return WEIR_OK;
    }
    if (!config_parse_duration(text, ret_ms) || *ret_ms < 1 || *ret_ms > WAIT_MS_MAX) {
        return error_set(&s->err, WEIR_INVALID_ARGUMENT,
                         "--timeout is \"%s\": a time from 1ms to 1h", text);
    }
    return WEIR_OK;
}

static bool is_active(struct data_session *s, const struct weir_value *table)
{
    const char *status = table_text(s, table, "TableStatus");
    const struct value_list *indexes = table_list(table, "GlobalSecondaryIndexes");
    bool active = status != NULL && strcmp(status, "ACTIVE") == 0;
    for (uint32_t i = 0; active && i < indexes->count; i++) {
        status = table_text(s, &indexes->at[i], "IndexStatus");
        active = status == NULL || strcmp(status, "ACTIVE") == 0;
    }
    return active;
}

enum weir_status table_wait(struct data_session *s, const char *table, bool gone,
                            int64_t timeout_ms, const struct weir_value **ret_table)
{
    struct weir_env *env = client_env(s->client);
    uint64_t deadline = env_mono_ns(env) + (uint64_t)timeout_ms * 1000000u;
    for (uint64_t pause_ms = POLL_FIRST_MS;;) {
        struct weir_value *response = NULL;
        enum weir_status status = data_call(s, "DescribeTable", data_request(s, table), &response);
        if (status != WEIR_OK && (status != WEIR_RESOURCE_NOT_FOUND || !gone)) {
            return status;
        }
        const struct weir_value *description = value_get(response, "Table");
        if (gone ? status != WEIR_OK : is_active(s, description)) {
            if (ret_table != NULL) {
                *ret_table = description;
            }
            return WEIR_OK;
        }
        if (env_mono_ns(env) >= deadline) {
            return error_set(&s->err, WEIR_TIMEOUT, "table %s is %s after %.1f s", table,
                             gone ? "still there" : "not ACTIVE", (double)timeout_ms / 1000.0);
        }
        env_sleep_ms(env, pause_ms);
        pause_ms = 2 * pause_ms > POLL_MAX_MS ? POLL_MAX_MS : 2 * pause_ms;
    }
}

int cmd_table_wait(const struct cli_args *args)
{
    struct data_session s;
    int64_t timeout_ms = 0;
    const char *state = args->word_count > 1 ? args->words[1] : "active";
    enum weir_status status = data_begin(&s, args);
    if (status == WEIR_OK && (args->word_count < 1 || args->word_count > 2)) {
        status = data_usage(&s, "one table, and perhaps a state");
    }
    if (status == WEIR_OK && strcmp(state, "active") != 0 && strcmp(state, "gone") != 0) {
        status = data_usage(&s, "the state is active or gone");
    }
    if (status == WEIR_OK) {
        status = table_timeout(&s, &timeout_ms);
    }
    if (status == WEIR_OK) {
        status = data_connect(&s);
    }
    if (status == WEIR_OK) {
        status = table_wait(&s, args->words[0], strcmp(state, "gone") == 0, timeout_ms, NULL);
    }
    int code = data_close(&s, status);
    return status == WEIR_TIMEOUT ? EXIT_TRY_AGAIN : code;
}

/* ---- ls -------------------------------------------------------------------------------------- */

static void add_row(struct data_session *s, struct grid *grid, const struct weir_value *table)
{
    grid_add(grid, table_text(s, table, "TableName"));
    grid_add(grid, table_text(s, table, "TableStatus"));
    grid_add(grid, keys_text(s, table, table));
    grid_add_number(grid, value_get_int(table, "ItemCount"));
    grid_add_number(grid, value_get_int(table, "TableSizeBytes"));
    grid_add(grid, stream_text(s, table));
}

static void add_json(struct data_session *s, struct weir_value *tables,
                     const struct weir_value *table)
{
    struct weir_value *to = value_append(s->arena, tables);
    const char *stream = stream_text(s, table);
    if (to == NULL) {
        return;
    }
    *to = (struct weir_value){.type = VALUE_M};
    value_add_str(s->arena, to, "name", bytes_str(table_text(s, table, "TableName")));
    value_add_str(s->arena, to, "status", bytes_str(table_text(s, table, "TableStatus")));
    value_add_str(s->arena, to, "keys", bytes_str(keys_text(s, table, table)));
    value_add_int(s->arena, to, "items", value_get_int(table, "ItemCount"));
    value_add_int(s->arena, to, "bytes", value_get_int(table, "TableSizeBytes"));
    if (stream != NULL) {
        value_add_str(s->arena, to, "stream", bytes_str(stream));
    }
}

/* One table; one that was deleted since it was listed is left out. */
static enum weir_status list_table(struct data_session *s, const char *name, struct grid *grid,
                                   struct weir_value *tables)
{
    struct weir_value *response = NULL;
    enum weir_status status = data_call(s, "DescribeTable", data_request(s, name), &response);
    if (status == WEIR_RESOURCE_NOT_FOUND) {
        return WEIR_OK;
    }
    const struct weir_value *table = value_get(response, "Table");
    if (status == WEIR_OK && table != NULL) {
        add_row(s, grid, table);
        add_json(s, tables, table);
    }
    return status;
}

static enum weir_status list(struct data_session *s, struct grid *grid, struct weir_value *tables)
{
    const char *start = NULL;
    enum weir_status status = WEIR_OK;
    do {
        struct weir_value *response = NULL;
        struct weir_value *request = value_new_map(s->arena, VALUE_PLAIN);
        if (start != NULL) {
            value_add_str(s->arena, request, "ExclusiveStartTableName", bytes_str(start));
        }
        status = data_call(s, "ListTables", request, &response);
        const struct value_list *names = table_list(response, "TableNames");
        for (uint32_t i = 0; status == WEIR_OK && i < names->count; i++) {
            const char *name = arena_printf(s->arena, "%.*s", BYTES_ARG(names->at[i].u.bytes));
            status = list_table(s, name, grid, tables);
        }
        start = status == WEIR_OK ? table_text(s, response, "LastEvaluatedTableName") : NULL;
    } while (start != NULL);
    return status;
}

int cmd_table_ls(const struct cli_args *args)
{
    static const char *const head[] = {"TABLE", "STATUS", "KEYS", "ITEMS", "BYTES", "STREAM", NULL};
    struct data_session s;
    struct grid grid;
    struct buf text;
    buf_init(&text, TEXT_BYTES);
    enum weir_status status = data_open(&s, args);
    if (status != WEIR_OK) {
        return data_close(&s, status);
    }
    grid_init(&grid, s.arena, 1u << 3 | 1u << 4, head);
    struct weir_value *document = value_new_map(s.arena, VALUE_PLAIN);
    struct weir_value *tables = value_add_list(s.arena, document, "tables");
    status = list(&s, &grid, tables);
    if (status == WEIR_OK && cli_json(args)) {
        json_write(&text, document);
        buf_put_u8(&text, '\n');
    } else if (status == WEIR_OK && grid.count > grid.columns) {
        grid_write(&grid, &text);
    }
    if (status == WEIR_OK && text.len > 0) {
        status = data_print(&s, &text);
    }
    buf_fini(&text);
    return data_close(&s, status);
}

/* ---- desc ------------------------------------------------------------------------------------ */

static void put_line(struct buf *to, const char *name, const char *text)
{
    if (text != NULL) {
        buf_printf(to, "%-10s %s\n", name, text);
    }
}

static const char *created_text(struct data_session *s, const struct weir_value *table)
{
    const struct weir_value *created = value_get(table, "CreationDateTime");
    char iso[ISO8601_SIZE];
    char seconds[64];
    if (created == NULL || created->type != VALUE_N || created->u.bytes.len >= sizeof(seconds)) {
        return NULL;
    }
    snprintf(seconds, sizeof(seconds), "%.*s", BYTES_ARG(created->u.bytes));
    iso8601_ms((int64_t)(strtod(seconds, NULL) * 1000.0), iso);
    return arena_printf(s->arena, "%s", iso);
}

static const char *billing_text(struct data_session *s, const struct weir_value *table)
{
    const struct weir_value *through = value_get(table, "ProvisionedThroughput");
    const char *mode = table_text(s, value_get(table, "BillingModeSummary"), "BillingMode");
    if (mode != NULL && strcmp(mode, "PAY_PER_REQUEST") == 0) {
        return "on-demand";
    }
    return arena_printf(s->arena, "%lld read, %lld write units",
                        (long long)value_get_int(through, "ReadCapacityUnits"),
                        (long long)value_get_int(through, "WriteCapacityUnits"));
}

static void put_indexes(struct data_session *s, const struct weir_value *table, struct buf *to)
{
    static const char *const head[] = {"INDEX",      "KIND",  "STATUS", "KEYS",
                                       "PROJECTION", "ITEMS", NULL};
    static const char *const members[] = {"GlobalSecondaryIndexes", "LocalSecondaryIndexes"};
    struct grid grid;
    grid_init(&grid, s->arena, 1u << 5, head);
    for (unsigned kind = 0; kind < 2; kind++) {
        const struct value_list *indexes = table_list(table, members[kind]);
        for (uint32_t i = 0; i < indexes->count; i++) {
            const struct weir_value *index = &indexes->at[i];
            grid_add(&grid, table_text(s, index, "IndexName"));
            grid_add(&grid, kind == 0 ? "global" : "local");
            grid_add(&grid, table_text(s, index, "IndexStatus"));
            grid_add(&grid, keys_text(s, table, index));
            grid_add(&grid, table_text(s, value_get(index, "Projection"), "ProjectionType"));
            grid_add_number(&grid, value_get_int(index, "ItemCount"));
        }
    }
    if (grid.count > grid.columns) {
        buf_put_u8(to, '\n');
        grid_write(&grid, to);
    }
}

static void put_description(struct data_session *s, const struct weir_value *table,
                            const struct weir_value *ttl, struct buf *to)
{
    const char *attribute = table_text(s, ttl, "AttributeName");
    const char *ttl_status = table_text(s, ttl, "TimeToLiveStatus");
    put_line(to, "table", table_text(s, table, "TableName"));
    put_line(to, "status", table_text(s, table, "TableStatus"));
    put_line(to, "arn", table_text(s, table, "TableArn"));
    put_line(to, "created", created_text(s, table));
    put_line(to, "keys", keys_text(s, table, table));
    put_line(to, "items",
             arena_printf(s->arena, "%lld", (long long)value_get_int(table, "ItemCount")));
    put_line(to, "bytes",
             arena_printf(s->arena, "%lld", (long long)value_get_int(table, "TableSizeBytes")));
    put_line(to, "billing", billing_text(s, table));
    put_line(to, "stream", stream_text(s, table));
    if (attribute != NULL) {
        put_line(to, "ttl", arena_printf(s->arena, "%s (%s)", attribute, ttl_status));
    }
    put_indexes(s, table, to);
}

/* The TimeToLiveDescription; NULL, after saying so, where asking for it is not allowed or not
 * known. */
static enum weir_status describe_ttl(struct data_session *s, const char *name,
                                     const struct weir_value **ret_ttl)
{
    struct weir_value *response = NULL;
    enum weir_status status = data_call(s, "DescribeTimeToLive", data_request(s, name), &response);
    if (status == WEIR_ACCESS_DENIED || status == WEIR_UNKNOWN_OPERATION) {
        fprintf(stderr, "weir: whether items expire is not known: %s\n", s->err.message);
        *ret_ttl = NULL;
        return WEIR_OK;
    }
    *ret_ttl = status == WEIR_OK ? value_get(response, "TimeToLiveDescription") : NULL;
    return status;
}

static enum weir_status describe(struct data_session *s, struct buf *text)
{
    struct weir_value *response = NULL;
    const struct weir_value *ttl = NULL;
    const char *name = s->args->words[0];
    enum weir_status status = data_call(s, "DescribeTable", data_request(s, name), &response);
    if (status == WEIR_OK) {
        status = describe_ttl(s, name, &ttl);
    }
    if (status != WEIR_OK) {
        return status;
    }
    if (cli_json(s->args)) {
        struct weir_value *document = value_new_map(s->arena, VALUE_PLAIN);
        value_add_value(s->arena, document, "Table", value_get(response, "Table"));
        if (ttl != NULL) {
            value_add_value(s->arena, document, "TimeToLiveDescription", ttl);
        }
        json_write(text, document);
        buf_put_u8(text, '\n');
    } else {
        put_description(s, value_get(response, "Table"), ttl, text);
    }
    return data_print(s, text);
}

int cmd_table_desc(const struct cli_args *args)
{
    struct data_session s;
    struct buf text;
    buf_init(&text, TEXT_BYTES);
    enum weir_status status = data_open(&s, args);
    if (status == WEIR_OK && args->word_count != 1) {
        status = data_usage(&s, "one table");
    }
    if (status == WEIR_OK) {
        status = describe(&s, &text);
    }
    buf_fini(&text);
    return data_close(&s, status);
}
