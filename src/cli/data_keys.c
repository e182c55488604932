/* SPDX-License-Identifier: Apache-2.0 */

/* A table's keys: from its description, from words of the command line, and of an item. */

#include "cli/data.h"

#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "value/number.h"

static struct weir_bytes text_of(const struct weir_value *map, const char *name)
{
    const struct weir_value *member = value_get(map, name);
    return member != NULL && member->type == VALUE_S ? member->u.bytes : BYTES_NONE;
}

static uint32_t list_count(const struct weir_value *list)
{
    return list != NULL && list->type == VALUE_L ? list->u.list.count : 0;
}

static enum value_type type_of(const struct weir_value *description, struct weir_bytes attribute)
{
    const struct weir_value *list = value_get(description, "AttributeDefinitions");
    for (uint32_t i = 0; i < list_count(list); i++) {
        const struct weir_value *definition = &list->u.list.at[i];
        if (bytes_eq(text_of(definition, "AttributeName"), attribute)) {
            struct weir_bytes type = text_of(definition, "AttributeType");
            return bytes_eq_str(type, "N") ? VALUE_N : bytes_eq_str(type, "B") ? VALUE_B : VALUE_S;
        }
    }
    return VALUE_S;
}

static const struct weir_value *find_index(const struct weir_value *description, const char *name)
{
    static const char *const kinds[] = {"GlobalSecondaryIndexes", "LocalSecondaryIndexes"};
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
        const struct weir_value *list = value_get(description, kinds[kind]);
        for (uint32_t i = 0; i < list_count(list); i++) {
            if (bytes_eq_str(text_of(&list->u.list.at[i], "IndexName"), name)) {
                return &list->u.list.at[i];
            }
        }
    }
    return NULL;
}

enum weir_status data_keys_get(struct data_session *s, const char *table, const char *index,
                               struct data_keys *ret_keys)
{
    struct weir_value *response = NULL;
    enum weir_status status = data_call(s, "DescribeTable", data_request(s, table), &response);
    if (status != WEIR_OK) {
        return status;
    }
    const struct weir_value *description = value_get(response, "Table");
    const struct weir_value *of = index == NULL ? description : find_index(description, index);
    if (of == NULL) {
        return error_set(&s->err, WEIR_NOT_FOUND, "table %s has no index \"%s\"", table, index);
    }
    const struct weir_value *schema = value_get(of, "KeySchema");
    struct data_keys keys = {.item_count = value_get_int(description, "ItemCount"),
                             .table_bytes = value_get_int(description, "TableSizeBytes")};
    for (uint32_t i = 0; i < list_count(schema); i++) {
        struct weir_bytes name = text_of(&schema->u.list.at[i], "AttributeName");
        bool is_hash = bytes_eq_str(text_of(&schema->u.list.at[i], "KeyType"), "HASH");
        keys.key[is_hash ? 0 : 1] = (struct data_key){name, type_of(description, name)};
    }
    keys.count = list_count(schema) > 1 ? 2 : 1;
    if (keys.key[0].name.len == 0) {
        return error_set(&s->err, WEIR_PROTOCOL, "DescribeTable tells no key of table %s", table);
    }
    *ret_keys = keys;
    return WEIR_OK;
}

/* ---- from text ------------------------------------------------------------------------------- */

static enum weir_status binary_from_text(struct arena *a, struct weir_bytes text,
                                         struct weir_value *to, struct weir_error *err)
{
    size_t len = 0;
    uint8_t *raw = arena_alloc(a, text.len / 4 * 3);
    if (raw == NULL || !base64_decode(text, raw, &len)) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "a key of type B is given as Base64");
    }
    value_set_b(to, bytes_of(raw, len));
    return WEIR_OK;
}

enum weir_status data_key_from_text(struct arena *a, const struct data_key *key, const char *text,
                                    struct weir_value *to, struct weir_error *err)
{
    struct weir_bytes bytes = bytes_str(text);
    enum weir_status status = WEIR_OK;
    if (key->type == VALUE_B) {
        status = binary_from_text(a, bytes, to, err);
    } else if (key->type == VALUE_S) {
        value_set_s(to, bytes);
    } else if ((status = number_canonical(a, bytes, &bytes, err)) == WEIR_OK) {
        value_set_n(to, bytes);
    }
    if (status != WEIR_OK) {
        (void)error_set(err, WEIR_INVALID_ARGUMENT, "key %.*s is of type %s, which \"%s\" is not",
                        BYTES_ARG(key->name), value_type_name(key->type), text);
        return WEIR_INVALID_ARGUMENT;
    }
    return WEIR_OK;
}

static enum weir_status key_from_option(struct data_session *s, const struct data_keys *keys,
                                        const char *text, struct weir_value **ret_key)
{
    enum weir_status status =
        data_parse_item(s->arena, bytes_str(text), cli_has(s->args, "typed"), ret_key, &s->err);
    if (status == WEIR_OK) {
        status = data_check_keys(keys, *ret_key, &s->err);
    }
    return status == WEIR_OK ? WEIR_OK : error_wrap(&s->err, status, "--key");
}

enum weir_status data_key_from_words(struct data_session *s, const struct data_keys *keys,
                                     struct weir_value **ret_key)
{
    const char *option = cli_get(s->args, "key");
    unsigned given = s->args->word_count - 1;
    if (option != NULL) {
        return given != 0 ? data_usage(s, "the key is given twice, as words and by --key")
                          : key_from_option(s, keys, option, ret_key);
    }
    if (given != keys->count) {
        return keys->count == 1
                   ? data_usage(s, "the table has a partition key alone: one word behind its name")
                   : data_usage(s, "the table has a partition and a sort key: two words behind its "
                                   "name");
    }
    struct weir_value *key = value_new_map(s->arena, VALUE_ITEM);
    for (unsigned i = 0; i < keys->count; i++) {
        struct weir_value *node = value_add(s->arena, key, keys->key[i].name);
        if (node == NULL) {
            break;
        }
        enum weir_status status =
            data_key_from_text(s->arena, &keys->key[i], s->args->words[1 + i], node, &s->err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    enum weir_status status = value_sort_map(key, &s->err);
    *ret_key = key;
    return status;
}

/* ---- of an item ------------------------------------------------------------------------------ */

static enum weir_status check_key(const struct data_key *key, const struct weir_value *item,
                                  struct weir_error *err)
{
    const struct weir_value *value = value_member(item, key->name);
    const char *type = value_type_name(key->type);
    if (value == NULL) {
        return error_set(err, WEIR_VALIDATION, "the key attribute \"%.*s\" is missing",
                         BYTES_ARG(key->name));
    }
    if (value->type != key->type) {
        return error_set(err, WEIR_VALIDATION,
                         "the key attribute \"%.*s\" is of type %s where the table wants %s",
                         BYTES_ARG(key->name), value_type_name((enum value_type)value->type), type);
    }
    if (value->type != VALUE_N && value->u.bytes.len == 0) {
        return error_set(err, WEIR_VALIDATION, "the key attribute \"%.*s\" is empty",
                         BYTES_ARG(key->name));
    }
    return WEIR_OK;
}

enum weir_status data_check_keys(const struct data_keys *keys, const struct weir_value *item,
                                 struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    for (unsigned i = 0; status == WEIR_OK && i < keys->count; i++) {
        status = check_key(&keys->key[i], item, err);
    }
    return status;
}

struct weir_value *data_key_of(struct arena *a, const struct data_keys *keys,
                               const struct weir_value *item)
{
    struct weir_value *key = value_new_map(a, VALUE_ITEM);
    for (unsigned i = 0; i < keys->count; i++) {
        const struct weir_value *value = value_member(item, keys->key[i].name);
        struct weir_value *node = value == NULL ? NULL : value_add(a, key, keys->key[i].name);
        if (node == NULL) {
            return NULL;
        }
        *node = *value;
    }
    return value_sort_map(key, NULL) == WEIR_OK ? key : NULL;
}
