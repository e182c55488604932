/* SPDX-License-Identifier: Apache-2.0 */

/* What the commands on tables and items share: calls, and text in and out. */

#include "cli/data.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "cli/config.h"
#include "client/client.h"
#include "value/plain_json.h"

#define READ_STEP_BYTES 65536

enum weir_status data_begin(struct data_session *s, const struct cli_args *args)
{
    *s = (struct data_session){.args = args, .arena = arena_new(DATA_ARENA_BYTES)};
    return s->arena == NULL ? error_set(&s->err, WEIR_NO_MEMORY, "no memory to begin with")
                            : WEIR_OK;
}

enum weir_status data_connect(struct data_session *s)
{
    return cli_open_client(s->args, NULL, &s->client, &s->err);
}

enum weir_status data_open(struct data_session *s, const struct cli_args *args)
{
    enum weir_status status = data_begin(s, args);
    return status == WEIR_OK ? data_connect(s) : status;
}

int data_close(struct data_session *s, enum weir_status status)
{
    cli_close_client(s->client);
    arena_free(s->arena);
    if (status == WEIR_IO && ferror(stdout) && cli_reader_gone()) {
        return 0; /* it has seen enough */
    }
    return status == WEIR_OK ? 0 : cli_fail(s->args, status, &s->err);
}

enum weir_status data_usage(struct data_session *s, const char *what)
{
    const struct cli_command *command = s->args->command;
    return error_set(&s->err, WEIR_INVALID_ARGUMENT, "%s; usage: weir %s%s%s%s%s", what,
                     command->group == NULL ? "" : command->group,
                     command->group == NULL ? "" : " ", command->name,
                     command->words == NULL ? "" : " ",
                     command->words == NULL ? "" : command->words);
}

enum weir_status data_call(struct data_session *s, const char *operation,
                           const struct weir_value *document, struct weir_value **ret_response)
{
    if (document == NULL) {
        return error_set(&s->err, WEIR_NO_MEMORY, "no memory for the request");
    }
    enum weir_status status =
        client_call(s->client, operation, document, s->arena, ret_response, NULL, &s->err);
    return status == WEIR_RESOURCE_NOT_FOUND ? data_name_table(s, document) : status;
}

enum weir_status data_name_table(struct data_session *s, const struct weir_value *document)
{
    const struct weir_value *table = value_get(document, "TableName");
    return table == NULL ? WEIR_RESOURCE_NOT_FOUND
                         : error_wrap(&s->err, WEIR_RESOURCE_NOT_FOUND, "table %.*s",
                                      BYTES_ARG(table->u.bytes));
}

struct weir_value *data_request(struct data_session *s, const char *table)
{
    struct weir_value *request = value_new_map(s->arena, VALUE_PLAIN);
    value_add_str(s->arena, request, "TableName", bytes_str(table));
    return request;
}

enum weir_status data_print(struct data_session *s, const struct buf *text)
{
    if (buf_status(text) != WEIR_OK) {
        return error_set(&s->err, buf_status(text), "the result is too large to be printed");
    }
    if (!cli_print_text((const char *)text->ptr, text->len)) {
        return error_set(&s->err, WEIR_IO, "standard output: %s", strerror(errno));
    }
    return WEIR_OK;
}

/* ---- items as text --------------------------------------------------------------------------- */

enum weir_status data_parse_item(struct arena *a, struct weir_bytes text, bool typed,
                                 struct weir_value **ret_item, struct weir_error *err)
{
    struct weir_value *document = NULL;
    if (!typed) {
        return plain_parse_item(a, text, ret_item, err);
    }
    enum weir_status status = json_parse(a, text, &document, err);
    return status == WEIR_OK ? value_to_item(a, document, ret_item, err) : status;
}

void data_write_item(struct buf *to, const struct weir_value *item, bool typed)
{
    if (typed) {
        json_write(to, item);
    } else {
        plain_write_item(to, item);
    }
}

enum weir_status data_item_of(struct data_session *s, const struct weir_value *response,
                              const char *member, struct weir_value **ret_item)
{
    const struct weir_value *item = value_get(response, member);
    *ret_item = NULL;
    return item == NULL ? WEIR_OK : value_to_item(s->arena, item, ret_item, &s->err);
}

enum weir_status data_print_item(struct data_session *s, const struct weir_value *item)
{
    struct buf text;
    buf_init(&text, DATA_LINE_BYTES);
    data_write_item(&text, item, cli_has(s->args, "typed"));
    buf_put_u8(&text, '\n');
    enum weir_status status = data_print(s, &text);
    buf_fini(&text);
    return status;
}

/* ---- expressions ----------------------------------------------------------------------------- */

/* Adds the map's members to the request's member of that name, which a short form may have made. */
static void merge(struct data_session *s, struct weir_value *request, const char *member,
                  const struct weir_value *map)
{
    for (uint32_t i = 0; i < request->u.map.count; i++) {
        struct weir_value *to = &request->u.map.at[i].value;
        if (!bytes_eq_str(request->u.map.at[i].name, member)) {
            continue;
        }
        for (uint32_t n = 0; n < map->u.map.count; n++) {
            struct weir_value *node = value_add(s->arena, to, map->u.map.at[n].name);
            if (node != NULL) {
                *node = map->u.map.at[n].value;
            }
        }
        return;
    }
    value_add_value(s->arena, request, member, map);
}

static enum weir_status add_names(struct data_session *s, struct weir_value *request)
{
    struct weir_value *names = NULL;
    const char *text = cli_get(s->args, "names");
    if (text == NULL) {
        return WEIR_OK;
    }
    enum weir_status status = json_parse(s->arena, bytes_str(text), &names, &s->err);
    if (status == WEIR_OK && names->type != VALUE_M) {
        status = error_set(&s->err, WEIR_SERIALIZATION, "no JSON object");
    }
    if (status != WEIR_OK) {
        return error_wrap(&s->err, status, "--names");
    }
    merge(s, request, "ExpressionAttributeNames", names);
    return WEIR_OK;
}

static enum weir_status add_values(struct data_session *s, struct weir_value *request)
{
    struct weir_value *values = NULL;
    const char *text = cli_get(s->args, "values");
    if (text == NULL) {
        return WEIR_OK;
    }
    enum weir_status status =
        data_parse_item(s->arena, bytes_str(text), cli_has(s->args, "typed"), &values, &s->err);
    if (status != WEIR_OK) {
        return error_wrap(&s->err, status, "--values");
    }
    merge(s, request, "ExpressionAttributeValues", values);
    return WEIR_OK;
}

enum weir_status data_add_expressions(struct data_session *s, struct weir_value *request)
{
    static const struct {
        const char *option, *member;
    } table[] = {
        {"condition", "ConditionExpression"},
        {"filter", "FilterExpression"},
        {"projection", "ProjectionExpression"},
    };
    if (request == NULL) {
        return error_set(&s->err, WEIR_NO_MEMORY, "no memory for the request");
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *expression = cli_get(s->args, table[i].option);
        if (expression != NULL) {
            value_add_str(s->arena, request, table[i].member, bytes_str(expression));
        }
    }
    enum weir_status status = add_names(s, request);
    return status == WEIR_OK ? add_values(s, request) : status;
}

/* ---- files ----------------------------------------------------------------------------------- */

enum weir_status data_read_all(const char *path, struct buf *to, struct weir_error *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    char step[READ_STEP_BYTES];
    size_t got;
    FILE *from = is_stdin ? stdin : fopen(path, "rb");
    if (from == NULL) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "%s: %s", path, strerror(errno));
    }
    while (buf_status(to) == WEIR_OK && (got = fread(step, 1, sizeof(step), from)) > 0) {
        buf_put(to, bytes_of(step, got));
    }
    int failed = ferror(from) ? errno : 0;
    if (!is_stdin) {
        (void)fclose(from);
    }
    if (failed != 0) {
        return error_set(err, WEIR_IO, "%s cannot be read: %s", path, strerror(failed));
    }
    return buf_status(to) == WEIR_OK
               ? WEIR_OK
               : error_set(err, WEIR_TOO_LARGE, "%s is larger than %zu bytes", path, to->max);
}
