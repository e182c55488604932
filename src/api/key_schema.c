/* SPDX-License-Identifier: Apache-2.0 */

/* Keys and their definitions. See key_schema.h. */

#include "api/key_schema.h"

#include "api/request.h"
#include "api/shape.h"

static const struct shape shape_key_name = {.kind = SHAPE_STRING,
                                            .checks = SHAPE_MIN | SHAPE_MAX,
                                            .min = 1,
                                            .max = LIMIT_KEY_ATTRIBUTE_NAME_MAX};
static const struct shape shape_key_type = {.kind = SHAPE_STRING, .choices = "[HASH, RANGE]"};
static const struct shape shape_scalar_type = {.kind = SHAPE_STRING, .choices = "[B, N, S]"};
static const struct shape_member definition_members[] = {
    {"AttributeName", &shape_key_name, true},
    {"AttributeType", &shape_scalar_type, true},
    {0},
};
static const struct shape shape_definition = {
    .kind = SHAPE_STRUCT, .name = "AttributeDefinition", .members = definition_members};
const struct shape shape_key_definitions = {.kind = SHAPE_LIST, .element = &shape_definition};
static const struct shape_member key_members[] = {
    {"AttributeName", &shape_key_name, true},
    {"KeyType", &shape_key_type, true},
    {0},
};
static const struct shape shape_key = {
    .kind = SHAPE_STRUCT, .name = "KeySchemaElement", .members = key_members};
const struct shape shape_key_schema = {
    .kind = SHAPE_LIST, .checks = SHAPE_MIN | SHAPE_MAX, .min = 1, .max = 2, .element = &shape_key};
/* Keys of several attributes are refused by name, so they are let in here. */
const struct shape shape_index_key_schema = {
    .kind = SHAPE_LIST, .checks = SHAPE_MIN | SHAPE_MAX, .min = 1, .max = 8, .element = &shape_key};

static const struct weir_value *definition_of(const struct weir_value *definitions,
                                              struct weir_bytes name)
{
    for (uint32_t i = 0; i < definitions->u.list.count; i++) {
        const struct weir_value *definition = &definitions->u.list.at[i];
        if (bytes_eq(request_string(definition, "AttributeName"), name)) {
            return definition;
        }
    }
    return NULL;
}

void key_schema_put_names(struct buf *to, const struct weir_value *list)
{
    for (uint32_t i = 0; i < list->u.list.count; i++) {
        buf_put_str(to, i == 0 ? "" : ", ");
        buf_put(to, request_string(&list->u.list.at[i], "AttributeName"));
    }
}

static enum weir_status undefined_error(struct api_call *call, const struct weir_value *keys,
                                        const struct weir_value *definitions)
{
    struct buf text;
    buf_init(&text, 8192);
    buf_put_str(&text, "Keys: [");
    key_schema_put_names(&text, keys);
    buf_put_str(&text, "], AttributeDefinitions: [");
    key_schema_put_names(&text, definitions);
    enum weir_status status =
        call_invalid(call,
                     "One or more parameter values were invalid: Some index key attributes are not "
                     "defined in AttributeDefinitions. %.*s]",
                     BYTES_ARG(buf_bytes(&text)));
    buf_fini(&text);
    return status;
}

enum weir_status key_schema_check_defined(struct api_call *call, const struct weir_value *keys,
                                          const struct weir_value *definitions)
{
    if (keys->u.list.count > definitions->u.list.count) {
        return call_invalid(call, "Invalid KeySchema: Some index key attribute have no definition");
    }
    for (uint32_t i = 0; i < keys->u.list.count; i++) {
        struct weir_bytes name = request_string(&keys->u.list.at[i], "AttributeName");
        if (definition_of(definitions, name) == NULL) {
            return undefined_error(call, keys, definitions);
        }
    }
    return WEIR_OK;
}

enum weir_status key_schema_check_types(struct api_call *call, const struct weir_value *keys)
{
    const struct weir_value *first = &keys->u.list.at[0];
    const struct weir_value *second = keys->u.list.count > 1 ? &keys->u.list.at[1] : NULL;
    if (second != NULL &&
        bytes_eq(request_string(first, "AttributeName"), request_string(second, "AttributeName"))) {
        return call_invalid(call, "Both the Hash Key and the Range Key element in the KeySchema "
                                  "have the same name");
    }
    if (!bytes_eq_str(request_string(first, "KeyType"), "HASH")) {
        return call_invalid(call,
                            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
    }
    if (second != NULL && !bytes_eq_str(request_string(second, "KeyType"), "RANGE")) {
        return call_invalid(
            call, "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type");
    }
    return WEIR_OK;
}

static enum value_type scalar_type(struct weir_bytes text)
{
    return bytes_eq_str(text, "S") ? VALUE_S : bytes_eq_str(text, "N") ? VALUE_N : VALUE_B;
}

static struct engine_key_attribute key_attribute(const struct weir_value *key,
                                                 const struct weir_value *definitions)
{
    struct weir_bytes name = request_string(key, "AttributeName");
    const struct weir_value *definition = definition_of(definitions, name);
    return (struct engine_key_attribute){name,
                                         scalar_type(request_string(definition, "AttributeType"))};
}

void key_schema_read(const struct weir_value *keys, const struct weir_value *definitions,
                     struct engine_key_attribute *ret_partition,
                     struct engine_key_attribute *ret_sort)
{
    *ret_partition = key_attribute(&keys->u.list.at[0], definitions);
    *ret_sort = keys->u.list.count > 1 ? key_attribute(&keys->u.list.at[1], definitions)
                                       : (struct engine_key_attribute){0};
}
