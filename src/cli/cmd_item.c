/* SPDX-License-Identifier: Apache-2.0 */

/* weir item get | put | update | delete: one item. */

#include <string.h>

#include "base/error.h"
#include "cli/cmd_item.h"

#define KEY_OPTIONS                                                              \
    {"key", 'k', "JSON", "the key, where words do not do: {\"pk\":\"o-1\"}"},    \
    {                                                                            \
        "typed", 't', NULL, "DynamoDB JSON in and out: {\"pk\":{\"S\":\"o-1\"}}" \
    }
#define EXPRESSION_OPTIONS                                                 \
    {"names", 0, "JSON", "names of the expressions: {\"#s\":\"status\"}"}, \
    {                                                                      \
        "values", 0, "JSON", "values of the expressions: {\":n\":5}"       \
    }

const struct cli_option cmd_item_get_options[] = {
    KEY_OPTIONS,
    {"consistent", 0, NULL, "a consistent read"},
    {"projection", 0, "EXPR", "only these attributes"},
    {"names", 0, "JSON", "names of the projection: {\"#s\":\"status\"}"},
    {0},
};

const struct cli_option cmd_item_put_options[] = {
    {"typed", 't', NULL, "DynamoDB JSON in and out: {\"pk\":{\"S\":\"o-1\"}}"},
    {"condition", 0, "EXPR", "only if this holds; exit code 4 if not"},
    EXPRESSION_OPTIONS,
    {"return", 0, "none|old", "print the item that was replaced"},
    {0},
};

const struct cli_option cmd_item_update_options[] = {
    KEY_OPTIONS,
    {"update", 'u', "EXPR", "what to do: SET n = n + :one"},
    {"set", 's', "NAME=JSON", "set one attribute; may be repeated; not with --update"},
    {"remove", 'r', "NAME", "remove one attribute; may be repeated; not with --update"},
    {"condition", 0, "EXPR", "only if this holds; exit code 4 if not"},
    EXPRESSION_OPTIONS,
    {"return", 0, "none|old|new|updated-old|updated-new", "print the item, or what changed"},
    {0},
};

const struct cli_option cmd_item_delete_options[] = {
    KEY_OPTIONS,
    {"condition", 0, "EXPR", "only if this holds; exit code 4 if not"},
    EXPRESSION_OPTIONS,
    {"return", 0, "none|old", "print the item that was deleted"},
    {0},
};

enum weir_status item_open(struct data_session *s, const struct cli_args *args)
{
    enum weir_status status = data_open(s, args);
    if (status == WEIR_OK && args->word_count < 1) {
        return data_usage(s, "a table is needed");
    }
    return status;
}

/* The request with the table and the key. */
static enum weir_status key_request(struct data_session *s, struct weir_value **ret_request)
{
    struct data_keys keys;
    struct weir_value *key = NULL;
    enum weir_status status = data_keys_get(s, s->args->words[0], NULL, &keys);
    if (status == WEIR_OK) {
        status = data_key_from_words(s, &keys, &key);
    }
    if (status == WEIR_OK) {
        *ret_request = data_request(s, s->args->words[0]);
        value_add_value(s->arena, *ret_request, "Key", key);
    }
    return status;
}

/* ---- get ------------------------------------------------------------------------------------- */

static enum weir_status get(struct data_session *s)
{
    struct weir_value *request = NULL;
    struct weir_value *response = NULL;
    struct weir_value *item = NULL;
    enum weir_status status = key_request(s, &request);
    if (status == WEIR_OK) {
        status = data_add_expressions(s, request);
    }
    if (status == WEIR_OK) {
        value_add_bool(s->arena, request, "ConsistentRead", cli_has(s->args, "consistent"));
        status = data_call(s, "GetItem", request, &response);
    }
    if (status == WEIR_OK) {
        status = data_item_of(s, response, "Item", &item);
    }
    if (status == WEIR_OK && item == NULL) {
        return error_set(&s->err, WEIR_NOT_FOUND, "table %s has no item with this key",
                         s->args->words[0]);
    }
    return status == WEIR_OK ? data_print_item(s, item) : status;
}

int cmd_item_get(const struct cli_args *args)
{
    struct data_session s;
    enum weir_status status = item_open(&s, args);
    return data_close(&s, status == WEIR_OK ? get(&s) : status);
}

/* ---- writes ---------------------------------------------------------------------------------- */

/* Adds --return and the expressions, makes the call, prints what came back. */
static enum weir_status write_item(struct data_session *s, const char *operation,
                                   struct weir_value *request)
{
    static const struct {
        const char *word, *value;
    } table[] = {{"none", "NONE"},
                 {"old", "ALL_OLD"},
                 {"new", "ALL_NEW"},
                 {"updated-old", "UPDATED_OLD"},
                 {"updated-new", "UPDATED_NEW"}};
    const char *wanted = cli_get(s->args, "return");
    for (size_t i = 0; wanted != NULL && i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(wanted, table[i].word) == 0) {
            value_add_str(s->arena, request, "ReturnValues", bytes_str(table[i].value));
        }
    }
    struct weir_value *response = NULL;
    struct weir_value *item = NULL;
    enum weir_status status = data_add_expressions(s, request);
    if (status == WEIR_OK) {
        status = data_call(s, operation, request, &response);
    }
    if (status == WEIR_OK) {
        status = data_item_of(s, response, "Attributes", &item);
    }
    return status == WEIR_OK && item != NULL ? data_print_item(s, item) : status;
}

static enum weir_status put(struct data_session *s, struct buf *text)
{
    const struct cli_args *args = s->args;
    const char *given = args->word_count > 1 ? args->words[1] : "-";
    struct weir_value *item = NULL;
    if (args->word_count > 2) {
        return data_usage(s, "one item at a time; in quotes");
    }
    enum weir_status status = WEIR_OK;
    if (strcmp(given, "-") == 0) {
        status = data_read_all(given, text, &s->err);
    } else {
        buf_put_str(text, given);
    }
    if (status == WEIR_OK) {
        status = data_parse_item(s->arena, buf_bytes(text), cli_has(args, "typed"), &item, &s->err);
        status = status == WEIR_OK ? WEIR_OK : error_wrap(&s->err, status, "the item");
    }
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_value *request = data_request(s, args->words[0]);
    value_add_value(s->arena, request, "Item", item);
    return write_item(s, "PutItem", request);
}

int cmd_item_put(const struct cli_args *args)
{
    struct data_session s;
    struct buf text;
    buf_init(&text, DATA_LINE_BYTES);
    enum weir_status status = item_open(&s, args);
    if (status == WEIR_OK) {
        status = put(&s, &text);
    }
    buf_fini(&text);
    return data_close(&s, status);
}

int cmd_item_delete(const struct cli_args *args)
{
    struct data_session s;
    struct weir_value *request = NULL;
    enum weir_status status = item_open(&s, args);
    if (status == WEIR_OK) {
        status = key_request(&s, &request);
    }
    return data_close(&s, status == WEIR_OK ? write_item(&s, "DeleteItem", request) : status);
}

/* ---- update ---------------------------------------------------------------------------------- */

static enum weir_status update(struct data_session *s)
{
    struct weir_value *request = NULL;
    const char *expression = cli_get(s->args, "update");
    bool simple = cli_has(s->args, "set") || cli_has(s->args, "remove");
    if ((expression != NULL) == simple) {
        return data_usage(s, "either --update, or --set and --remove");
    }
    enum weir_status status = key_request(s, &request);
    if (status == WEIR_OK && simple) {
        status = item_add_simple_update(s, request);
    } else if (status == WEIR_OK) {
        value_add_str(s->arena, request, "UpdateExpression", bytes_str(expression));
    }
    return status == WEIR_OK ? write_item(s, "UpdateItem", request) : status;
}

int cmd_item_update(const struct cli_args *args)
{
    struct data_session s;
    enum weir_status status = item_open(&s, args);
    return data_close(&s, status == WEIR_OK ? update(&s) : status);
}
