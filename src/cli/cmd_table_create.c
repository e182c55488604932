/* SPDX-License-Identifier: Apache-2.0 */

/* weir table create: CreateTable's document from options, or from a file; then the wait and TTL. */

#include <ctype.h>
#include <string.h>

#include "base/error.h"
#include "cli/cmd_table.h"

#define NAME_SIZE (LIMIT_KEY_ATTRIBUTE_NAME_MAX + 1)

const struct cli_option cmd_table_create_options[] = {
    {"key", 'k', "NAME:TYPE", "the partition key: pk:S; types are S, N and B"},
    {"sort", 's', "NAME:TYPE", "the sort key: sk:N"},
    {"index", 'i', "SPEC", "a global index: NAME=PART:TYPE[,SORT:TYPE][,all|keys]; repeatable"},
    {"local-index", 0, "SPEC", "a local index: NAME=SORT:TYPE[,all|keys]; may be repeated"},
    {"stream", 0, "new-and-old|new|old|keys", "a stream with these images"},
    {"ttl", 0, "ATTRIBUTE", "items expire at the time (epoch seconds) in this attribute"},
    {"billing", 0, "MODE", "on-demand, or READ,WRITE units (on-demand)"},
    {"json", 0, "FILE", "CreateTable's JSON instead; - is standard input"},
    TABLE_WAIT_OPTIONS,
    {0},
};

struct creation {
    struct data_session *s;
    struct weir_value *request;
    struct weir_value *definitions;
};

static enum weir_status wrong(struct creation *c, const char *option, const char *given,
                              const char *right)
{
    return error_set(&c->s->err, WEIR_INVALID_ARGUMENT, "--%s is \"%s\": %s", option, given, right);
}

/* Declares a key attribute once; the same name with another type is a mistake. */
static enum weir_status define(struct creation *c, struct weir_bytes name, struct weir_bytes type)
{
    struct value_list *list = &c->definitions->u.list;
    for (uint32_t i = 0; i < list->count; i++) {
        if (!bytes_eq(value_get(&list->at[i], "AttributeName")->u.bytes, name)) {
            continue;
        }
        return bytes_eq(value_get(&list->at[i], "AttributeType")->u.bytes, type)
                   ? WEIR_OK
                   : error_set(&c->s->err, WEIR_INVALID_ARGUMENT,
                               "the attribute %.*s is given two types", BYTES_ARG(name));
    }
    struct weir_value *definition = value_append(c->s->arena, c->definitions);
    if (definition == NULL) {
        return error_set(&c->s->err, WEIR_NO_MEMORY, "no memory for the request");
    }
    *definition = (struct weir_value){.type = VALUE_M};
    value_add_str(c->s->arena, definition, "AttributeName", name);
    value_add_str(c->s->arena, definition, "AttributeType", type);
    return WEIR_OK;
}

/* "pk:S" into the schema. */
static enum weir_status add_key(struct creation *c, struct weir_value *schema, const char *option,
                                struct weir_bytes given, const char *kind)
{
    bool good = given.len >= 3 && given.ptr[given.len - 2] == ':' &&
                strchr("SNB", given.ptr[given.len - 1]) != NULL;
    if (!good) {
        const char *text = arena_printf(c->s->arena, "%.*s", BYTES_ARG(given));
        return wrong(c, option, text == NULL ? "" : text, "NAME:TYPE, with type S, N or B");
    }
    struct weir_bytes name = bytes_of(given.ptr, given.len - 2);
    enum weir_status status = define(c, name, bytes_of(given.ptr + given.len - 1, 1));
    struct weir_value *element = value_append(c->s->arena, schema);
    if (status != WEIR_OK || element == NULL) {
        return status != WEIR_OK ? status : WEIR_NO_MEMORY;
    }
    *element = (struct weir_value){.type = VALUE_M};
    value_add_str(c->s->arena, element, "AttributeName", name);
    value_add_str(c->s->arena, element, "KeyType", bytes_str(kind));
    return WEIR_OK;
}

static enum weir_status add_table_keys(struct creation *c)
{
    const char *key = cli_get(c->s->args, "key");
    const char *sort = cli_get(c->s->args, "sort");
    if (key == NULL) {
        return data_usage(c->s, "--key NAME:TYPE is needed, or --json");
    }
    struct weir_value *schema = value_add_list(c->s->arena, c->request, "KeySchema");
    enum weir_status status = add_key(c, schema, "key", bytes_str(key), "HASH");
    return status == WEIR_OK && sort != NULL ? add_key(c, schema, "sort", bytes_str(sort), "RANGE")
                                             : status;
}

/* ---- indexes --------------------------------------------------------------------------------- */

/* The parts of "a,b,c" one by one; false at the end. */
static bool next_part(const char **at, struct weir_bytes *ret_part)
{
    if (**at == '\0') {
        return false;
    }
    size_t len = strcspn(*at, ",");
    *ret_part = bytes_of(*at, len);
    *at += len + ((*at)[len] == ',');
    return true;
}

static void add_projection(struct creation *c, struct weir_value *index, const char *type)
{
    struct weir_value *projection = value_add_map(c->s->arena, index, "Projection");
    value_add_str(c->s->arena, projection, "ProjectionType", bytes_str(type));
}

/* The keys and the projection behind "NAME=". */
static enum weir_status add_index_parts(struct creation *c, struct weir_value *index,
                                        const char *option, const char *given, bool local)
{
    const char *at = strchr(given, '=') + 1;
    const char *projection = "ALL";
    struct weir_bytes part;
    unsigned keys = 0;
    struct weir_value *schema = value_add_list(c->s->arena, index, "KeySchema");
    enum weir_status status = WEIR_OK;
    if (local) {
        const char *key = cli_get(c->s->args, "key");
        status = add_key(c, schema, "key", bytes_str(key), "HASH");
        keys = 1;
    }
    while (status == WEIR_OK && next_part(&at, &part)) {
        if (bytes_eq_str(part, "all") || bytes_eq_str(part, "keys")) {
            projection = bytes_eq_str(part, "all") ? "ALL" : "KEYS_ONLY";
        } else if (keys < 2) {
            status = add_key(c, schema, option, part, keys == 0 ? "HASH" : "RANGE");
            keys++;
        } else {
            return wrong(c, option, given, "two keys at most");
        }
    }
    if (status == WEIR_OK && keys < (local ? 2u : 1u)) {
        return wrong(c, option, given, "a key NAME:TYPE is missing");
    }
    add_projection(c, index, projection);
    return status;
}

static enum weir_status add_index(struct creation *c, struct weir_value *indexes,
                                  const char *option, const char *given, bool local)
{
    const char *equals = strchr(given, '=');
    if (equals == NULL || equals == given) {
        return wrong(c, option, given, "NAME=KEY:TYPE[,SORT:TYPE][,all|keys]");
    }
    struct weir_value *index = value_append(c->s->arena, indexes);
    if (index == NULL) {
        return error_set(&c->s->err, WEIR_NO_MEMORY, "no memory for the request");
    }
    *index = (struct weir_value){.type = VALUE_M};
    value_add_str(c->s->arena, index, "IndexName", bytes_of(given, (size_t)(equals - given)));
    return add_index_parts(c, index, option, given, local);
}

static enum weir_status add_indexes(struct creation *c, const char *option, const char *member,
                                    bool local)
{
    struct weir_value *indexes = NULL;
    enum weir_status status = WEIR_OK;
    for (unsigned i = 0; status == WEIR_OK && i < c->s->args->given_count; i++) {
        if (strcmp(c->s->args->given[i].option->name, option) == 0) {
            if (indexes == NULL) {
                indexes = value_add_list(c->s->arena, c->request, member);
            }
            status = add_index(c, indexes, option, c->s->args->given[i].value, local);
        }
    }
    return status;
}

/* ---- stream, billing ------------------------------------------------------------------------- */

static void add_stream(struct creation *c, const char *view)
{
    static const struct {
        const char *word, *view;
    } table[] = {{"new-and-old", "NEW_AND_OLD_IMAGES"},
                 {"new", "NEW_IMAGE"},
                 {"old", "OLD_IMAGE"},
                 {"keys", "KEYS_ONLY"}};
    for (size_t i = 0; view != NULL && i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(view, table[i].word) == 0) {
            struct weir_value *stream =
                value_add_map(c->s->arena, c->request, "StreamSpecification");
            value_add_bool(c->s->arena, stream, "StreamEnabled", true);
            value_add_str(c->s->arena, stream, "StreamViewType", bytes_str(table[i].view));
        }
    }
}

static void add_throughput(struct creation *c, struct weir_value *to, long read, long write)
{
    struct weir_value *through = value_add_map(c->s->arena, to, "ProvisionedThroughput");
    value_add_int(c->s->arena, through, "ReadCapacityUnits", read);
    value_add_int(c->s->arena, through, "WriteCapacityUnits", write);
}

/* Units are those of the table and of each of its global indexes. */
static enum weir_status add_billing(struct creation *c)
{
    const char *billing = cli_get(c->s->args, "billing");
    int read = 0, write = 0, end = 0;
    if (billing == NULL || strcmp(billing, "on-demand") == 0) {
        value_add_str(c->s->arena, c->request, "BillingMode", BYTES_LIT("PAY_PER_REQUEST"));
        return WEIR_OK;
    }
    if (sscanf(billing, "%9d,%9d%n", &read, &write, &end) != 2 || billing[end] != '\0' ||
        read < 1 || write < 1) {
        return wrong(c, "billing", billing, "on-demand, or READ,WRITE units: 5,5");
    }
    value_add_str(c->s->arena, c->request, "BillingMode", BYTES_LIT("PROVISIONED"));
    add_throughput(c, c->request, read, write);
    for (uint32_t i = 0; i < c->request->u.map.count; i++) {
        struct value_member *member = &c->request->u.map.at[i];
        if (bytes_eq_str(member->name, "GlobalSecondaryIndexes")) {
            for (uint32_t n = 0; n < member->value.u.list.count; n++) {
                add_throughput(c, &member->value.u.list.at[n], read, write);
            }
        }
    }
    return WEIR_OK;
}

/* ---- the request ----------------------------------------------------------------------------- */

static enum weir_status from_options(struct data_session *s, struct weir_value **ret_request)
{
    struct creation c = {.s = s, .request = data_request(s, s->args->words[0])};
    struct weir_value *definitions = value_new_list(s->arena, VALUE_PLAIN);
    c.definitions = definitions;
    if (c.request == NULL || definitions == NULL) {
        return error_set(&s->err, WEIR_NO_MEMORY, "no memory for the request");
    }
    enum weir_status status = add_table_keys(&c);
    if (status == WEIR_OK) {
        status = add_indexes(&c, "index", "GlobalSecondaryIndexes", false);
    }
    if (status == WEIR_OK) {
        status = add_indexes(&c, "local-index", "LocalSecondaryIndexes", true);
    }
    if (status == WEIR_OK) {
        status = add_billing(&c);
    }
    add_stream(&c, cli_get(s->args, "stream"));
    value_add_value(s->arena, c.request, "AttributeDefinitions", definitions);
    *ret_request = c.request;
    return status;
}

static enum weir_status from_json(struct data_session *s, const char *path,
                                  struct weir_value **ret_request)
{
    struct buf text;
    struct weir_value *document = NULL;
    static const char *const others[] = {"key",         "sort",   "index",
                                         "local-index", "stream", "billing"};
    const char *name = s->args->word_count > 0 ? s->args->words[0] : NULL;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (cli_has(s->args, others[i])) {
            return error_set(
                &s->err, WEIR_INVALID_ARGUMENT,
                "--json tells all of the table but its TTL: --%s has no place beside it",
                others[i]);
        }
    }
    buf_init(&text, DATA_LINE_BYTES);
    enum weir_status status = data_read_all(path, &text, &s->err);
    if (status == WEIR_OK) {
        status = json_parse(s->arena, buf_bytes(&text), &document, &s->err);
        status = status == WEIR_OK ? status : error_wrap(&s->err, status, "%s", path);
    }
    buf_fini(&text);
    if (status == WEIR_OK && document->type != VALUE_M) {
        status = error_set(&s->err, WEIR_SERIALIZATION, "%s: no JSON object", path);
    }
    const char *named = status == WEIR_OK ? table_text(s, document, "TableName") : NULL;
    if (status == WEIR_OK && named == NULL && name == NULL) {
        status = data_usage(s, "a name is needed, in the JSON's TableName or as a word");
    }
    if (status == WEIR_OK && named != NULL && name != NULL && strcmp(named, name) != 0) {
        return error_set(&s->err, WEIR_INVALID_ARGUMENT,
                         "the table is %s on the command line and %s in the JSON", name, named);
    }
    if (status == WEIR_OK && named == NULL) {
        value_add_str(s->arena, document, "TableName", bytes_str(name));
    }
    *ret_request = document;
    return status;
}

/* CreateTable's document of the options, or of --json; and TTL's attribute, NULL: none. */
static enum weir_status take_request(struct data_session *s, struct weir_value **ret_request,
                                     const char **ret_ttl)
{
    const char *path = cli_get(s->args, "json");
    *ret_ttl = cli_get(s->args, "ttl");
    if (s->args->word_count > 1 || (s->args->word_count == 0 && path == NULL)) {
        return data_usage(s, "one name of a table is needed");
    }
    return path != NULL ? from_json(s, path, ret_request) : from_options(s, ret_request);
}

/* ---- creating -------------------------------------------------------------------------------- */

static enum weir_status turn_ttl_on(struct data_session *s, const char *table, const char *ttl)
{
    struct weir_value *request = data_request(s, table);
    struct weir_value *specification = value_add_map(s->arena, request, "TimeToLiveSpecification");
    value_add_str(s->arena, specification, "AttributeName", bytes_str(ttl));
    value_add_bool(s->arena, specification, "Enabled", true);
    return data_call(s, "UpdateTimeToLive", request, NULL);
}

enum weir_status table_create(struct data_session *s, const struct weir_value *request,
                              const char *ttl, const struct weir_value **ret_table)
{
    struct weir_value *response = NULL;
    int64_t timeout_ms = 0;
    enum weir_status status = table_timeout(s, &timeout_ms);
    if (status == WEIR_OK) {
        status = data_call(s, "CreateTable", request, &response);
    }
    if (status != WEIR_OK) {
        return status == WEIR_RESOURCE_IN_USE ? WEIR_ALREADY_EXISTS : status;
    }
    *ret_table = value_get(response, "TableDescription");
    const char *name = table_text(s, *ret_table, "TableName");
    if (!cli_has(s->args, "no-wait") || ttl != NULL) {
        status = table_wait(s, name, false, timeout_ms, ret_table);
    }
    return status == WEIR_OK && ttl != NULL ? turn_ttl_on(s, name, ttl) : status;
}

int cmd_table_create(const struct cli_args *args)
{
    struct data_session s;
    struct weir_value *request = NULL;
    const struct weir_value *table = NULL;
    const char *ttl = NULL;
    enum weir_status status = data_begin(&s, args);
    if (status == WEIR_OK) {
        status = take_request(&s, &request, &ttl);
    }
    if (status == WEIR_OK) {
        status = data_connect(&s);
    }
    if (status == WEIR_OK) {
        status = table_create(&s, request, ttl, &table);
    }
    if (status == WEIR_OK && cli_json(args)) {
        (void)cli_print_json(table);
    } else if (status == WEIR_OK) {
        printf("%s  %s\n", table_text(&s, table, "TableName"),
               table_text(&s, table, "TableStatus"));
    }
    return data_close(&s, status);
}
