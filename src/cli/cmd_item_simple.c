/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The short forms of `weir item`, made into expressions: --set and --remove of update, the words
 * and --sort of query. Their names and values begin with #weir and :weir, so that they do not meet
 * those of the caller's own expressions.
 */

#include <string.h>

#include "base/error.h"
#include "cli/cmd_item.h"
#include "value/plain_json.h"

#define EXPRESSION_BYTES LIMIT_EXPRESSION_BYTES

struct simple {
    struct data_session *s;
    struct weir_value *names;
    struct weir_value *values;
    struct buf text;
    unsigned count; /* of names and values */
};

/* "#weir0" and so on for the name. */
static const char *add_name(struct simple *simple, struct weir_bytes name)
{
    struct arena *a = simple->s->arena;
    const char *placeholder = arena_printf(a, "#weir%u", simple->count);
    struct weir_value *node =
        placeholder == NULL ? NULL : value_add(a, simple->names, bytes_str(placeholder));
    if (node != NULL) {
        *node = (struct weir_value){.type = VALUE_S, .u.bytes = name};
    }
    return node == NULL ? "" : placeholder;
}

static const char *add_value(struct simple *simple, const struct weir_value *value)
{
    struct arena *a = simple->s->arena;
    const char *placeholder = arena_printf(a, ":weir%u", simple->count);
    if (placeholder == NULL) {
        return "";
    }
    value_add_value(a, simple->values, placeholder, value);
    return placeholder;
}

/* Adds what was gathered to the request, under that name. */
static enum weir_status finish(struct simple *simple, struct weir_value *request,
                               const char *expression)
{
    struct data_session *s = simple->s;
    struct weir_bytes text = arena_dup(s->arena, buf_bytes(&simple->text));
    bool good = buf_status(&simple->text) == WEIR_OK && text.ptr != NULL;
    buf_fini(&simple->text);
    if (!good) {
        return error_set(&s->err, WEIR_TOO_LARGE, "the expression is longer than %d bytes",
                         EXPRESSION_BYTES);
    }
    value_add_str(s->arena, request, expression, text);
    if (simple->names != NULL && simple->names->u.map.count > 0) {
        value_add_value(s->arena, request, "ExpressionAttributeNames", simple->names);
    }
    if (simple->values != NULL && simple->values->u.map.count > 0) {
        value_add_value(s->arena, request, "ExpressionAttributeValues", simple->values);
    }
    return WEIR_OK;
}

static void begin(struct simple *simple, struct data_session *s)
{
    *simple = (struct simple){.s = s,
                              .names = value_new_map(s->arena, VALUE_PLAIN),
                              .values = value_new_map(s->arena, VALUE_PLAIN)};
    buf_init(&simple->text, EXPRESSION_BYTES);
}

/* ---- update ---------------------------------------------------------------------------------- */

static enum weir_status parse_value(struct data_session *s, const char *text,
                                    struct weir_value **ret_value)
{
    struct weir_value *document = NULL;
    if (!cli_has(s->args, "typed")) {
        return plain_parse_value(s->arena, bytes_str(text), ret_value, &s->err);
    }
    enum weir_status status = json_parse(s->arena, bytes_str(text), &document, &s->err);
    return status == WEIR_OK ? value_to_attribute(s->arena, document, ret_value, &s->err) : status;
}

static enum weir_status add_set(struct simple *simple, const char *given)
{
    struct data_session *s = simple->s;
    struct weir_value *value = NULL;
    const char *equals = strchr(given, '=');
    if (equals == NULL || equals == given) {
        return error_set(&s->err, WEIR_INVALID_ARGUMENT, "--set is \"%s\": NAME=JSON", given);
    }
    enum weir_status status = parse_value(s, equals + 1, &value);
    if (status != WEIR_OK) {
        return error_wrap(&s->err, status, "--set %s (text goes in quotes: NAME='\"text\"')",
                          given);
    }
    const char *name = add_name(simple, bytes_of(given, (size_t)(equals - given)));
    buf_printf(&simple->text, "%s%s = %s", simple->text.len == 0 ? "SET " : ", ", name,
               add_value(simple, value));
    simple->count++;
    return WEIR_OK;
}

enum weir_status item_add_simple_update(struct data_session *s, struct weir_value *request)
{
    struct simple simple;
    enum weir_status status = WEIR_OK;
    bool removing = false;
    begin(&simple, s);
    for (unsigned i = 0; status == WEIR_OK && i < s->args->given_count; i++) {
        if (strcmp(s->args->given[i].option->name, "set") == 0) {
            status = add_set(&simple, s->args->given[i].value);
        }
    }
    for (unsigned i = 0; status == WEIR_OK && i < s->args->given_count; i++) {
        if (strcmp(s->args->given[i].option->name, "remove") == 0) {
            const char *name = add_name(&simple, bytes_str(s->args->given[i].value));
            buf_printf(&simple.text, "%s%s", removing ? ", " : " REMOVE ", name);
            simple.count++;
            removing = true;
        }
    }
    if (status != WEIR_OK) {
        buf_fini(&simple.text);
        return status;
    }
    return finish(&simple, request, "UpdateExpression");
}

/* ---- query ----------------------------------------------------------------------------------- */

static enum weir_status wrong_sort(struct data_session *s, const char *sort)
{
    return error_set(&s->err, WEIR_INVALID_ARGUMENT,
                     "--sort is \"%s\": '= V', '< V', '<= V', '> V', '>= V', 'begins V' or "
                     "'between V and V'",
                     sort);
}

static enum weir_status add_key(struct simple *simple, const struct data_key *key, const char *text,
                                const char **ret_placeholder)
{
    struct weir_value *value = ARENA_NEW(simple->s->arena, struct weir_value);
    if (value == NULL) {
        return error_set(&simple->s->err, WEIR_NO_MEMORY, "no memory for a key");
    }
    enum weir_status status =
        data_key_from_text(simple->s->arena, key, text, value, &simple->s->err);
    if (status == WEIR_OK) {
        *ret_placeholder = add_value(simple, value);
        simple->count++;
    }
    return status;
}

static enum weir_status add_between(struct simple *simple, const struct data_key *key,
                                    const char *sort, const char *name, const char *range)
{
    const char *and = strstr(range, " and ");
    const char *low = "", *high = "";
    if (and == NULL) {
        return wrong_sort(simple->s, sort);
    }
    const char *first = arena_printf(simple->s->arena, "%.*s", (int)(and-range), range);
    enum weir_status status = add_key(simple, key, first == NULL ? "" : first, &low);
    if (status == WEIR_OK) {
        status = add_key(simple, key, and+strlen(" and "), &high);
    }
    buf_printf(&simple->text, " AND %s BETWEEN %s AND %s", name, low, high);
    return status;
}

static enum weir_status add_sort(struct simple *simple, const struct data_key *key,
                                 const char *sort)
{
    static const char *const operators[] = {"<= ", ">= ", "= ", "< ", "> "};
    const char *value = "";
    const char *name = add_name(simple, key->name);
    simple->count++;
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        size_t len = strlen(operators[i]);
        if (strncmp(sort, operators[i], len) == 0) {
            enum weir_status status = add_key(simple, key, sort + len, &value);
            buf_printf(&simple->text, " AND %s %s%s", name, operators[i], value);
            return status;
        }
    }
    if (strncmp(sort, "begins ", 7) == 0) {
        enum weir_status status = add_key(simple, key, sort + 7, &value);
        buf_printf(&simple->text, " AND begins_with(%s, %s)", name, value);
        return status;
    }
    if (strncmp(sort, "between ", 8) == 0) {
        return add_between(simple, key, sort, name, sort + 8);
    }
    return wrong_sort(simple->s, sort);
}

enum weir_status item_add_simple_query(struct data_session *s, const struct data_keys *keys,
                                       struct weir_value *request)
{
    struct simple simple;
    const char *sort = cli_get(s->args, "sort");
    const char *value = "";
    if (sort != NULL && keys->count == 1) {
        return data_usage(s, "--sort: there is no sort key");
    }
    begin(&simple, s);
    const char *name = add_name(&simple, keys->key[0].name);
    enum weir_status status = add_key(&simple, &keys->key[0], s->args->words[1], &value);
    buf_printf(&simple.text, "%s = %s", name, value);
    if (status == WEIR_OK && sort != NULL) {
        status = add_sort(&simple, &keys->key[1], sort);
    }
    if (status != WEIR_OK) {
        buf_fini(&simple.text);
        return status;
    }
    return finish(&simple, request, "KeyConditionExpression");
}
