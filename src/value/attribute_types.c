/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON types of a DynamoDB-JSON document: that S is a string, L an array, and so on. The
 * service finds a wrong one while it reads the request, before it looks at any value, so this is
 * a walk of its own. The texts are the service's.
 */
#include "value/attribute.h"

#include "base/error.h"

#define COLLECTION "Unrecognized collection type "
#define ATTRIBUTE_CLASS "com.amazonaws.dynamodb.v20120810.AttributeValue"

static enum value_type type_of_letter(uint8_t letter)
{
    switch (letter) {
    case 'S':
        return VALUE_S;
    case 'N':
        return VALUE_N;
    case 'B':
        return VALUE_B;
    case 'M':
        return VALUE_M;
    case 'L':
        return VALUE_L;
    default:
        return VALUE_TYPE_COUNT;
    }
}

enum value_type attribute_type(struct weir_bytes name)
{
    if (name.len == 1) {
        return type_of_letter(name.ptr[0]);
    }
    for (unsigned type = 0; type < VALUE_TYPE_COUNT; type++) {
        if (bytes_eq_str(name, value_type_name((enum value_type)type))) {
            return (enum value_type)type;
        }
    }
    return VALUE_TYPE_COUNT;
}

static enum weir_status wrong(struct weir_error *err, const char *text)
{
    return error_set(err, WEIR_SERIALIZATION, "%s", text);
}

/* How the service's parser names a scalar token. */
static const char *token_name(const struct weir_value *doc)
{
    if (doc->type == VALUE_BOOL) {
        return doc->truth ? "TRUE_VALUE" : "FALSE_VALUE";
    }
    if (doc->type != VALUE_N) {
        return "STRING_VALUE";
    }
    for (size_t i = 0; i < doc->u.bytes.len; i++) {
        uint8_t c = doc->u.bytes.ptr[i];
        if (c == '.' || c == 'e' || c == 'E') {
            return "DECIMAL_VALUE";
        }
    }
    return "NUMBER_VALUE";
}

/* What a container says where a scalar of that Java class belongs. */
static enum weir_status wrong_container(const struct weir_value *doc, const char *class_name,
                                        struct weir_error *err)
{
    if (doc->type == VALUE_L) {
        return error_set(err, WEIR_SERIALIZATION, COLLECTION "class %s", class_name);
    }
    return wrong(err, "Start of structure or map found where not expected");
}

static bool is_container(const struct weir_value *doc)
{
    return doc->type == VALUE_L || doc->type == VALUE_M;
}

static enum weir_status check_string(const struct weir_value *doc, struct weir_error *err)
{
    if (doc->type == VALUE_S || doc->type == VALUE_NULL) {
        return WEIR_OK;
    }
    if (is_container(doc)) {
        return wrong_container(doc, "java.lang.String", err);
    }
    return error_set(err, WEIR_SERIALIZATION, "%s cannot be converted to String", token_name(doc));
}

static enum weir_status check_binary(const struct weir_value *doc, struct weir_error *err)
{
    if (doc->type == VALUE_S || doc->type == VALUE_NULL) {
        return WEIR_OK;
    }
    if (is_container(doc)) {
        return wrong_container(doc, "java.nio.ByteBuffer", err);
    }
    return wrong(err, "only base-64-encoded strings are convertible to bytes");
}

static enum weir_status check_boolean(const struct weir_value *doc, struct weir_error *err)
{
    if (doc->type == VALUE_BOOL || doc->type == VALUE_NULL) {
        return WEIR_OK;
    }
    if (is_container(doc)) {
        return wrong_container(doc, "java.lang.Boolean", err);
    }
    if (doc->type == VALUE_S) {
        return wrong(err, "Unexpected token received from parser");
    }
    return error_set(err, WEIR_SERIALIZATION, "%s cannot be converted to Boolean", token_name(doc));
}

typedef enum weir_status check_node(const struct weir_value *doc, struct weir_error *err);

static enum weir_status check_list(const struct weir_value *doc, check_node *check_element,
                                   struct weir_error *err)
{
    if (doc->type == VALUE_NULL) {
        return WEIR_OK;
    }
    if (doc->type == VALUE_M) {
        return wrong(err, "Start of structure or map found where not expected");
    }
    if (doc->type != VALUE_L) {
        return wrong(err, "Unexpected field type");
    }
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < doc->u.list.count; i++) {
        status = check_element(&doc->u.list.at[i], err);
    }
    return status;
}

enum weir_status attribute_map_check_types(const struct weir_value *doc, struct weir_error *err)
{
    if (doc->type == VALUE_NULL || doc->form != VALUE_PLAIN) {
        return WEIR_OK;
    }
    if (doc->type == VALUE_L) {
        return wrong(err, COLLECTION "java.util.Map<java.lang.String, " ATTRIBUTE_CLASS ">");
    }
    if (doc->type != VALUE_M) {
        return wrong(err, "Unexpected field type");
    }
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < doc->u.map.count; i++) {
        status = attribute_check_types(&doc->u.map.at[i].value, err);
    }
    return status;
}

static enum weir_status check_member(const struct value_member *member, struct weir_error *err)
{
    const struct weir_value *doc = &member->value;

    switch (attribute_type(member->name)) {
    case VALUE_S:
    case VALUE_N:
        return check_string(doc, err);
    case VALUE_B:
        return check_binary(doc, err);
    case VALUE_BOOL:
    case VALUE_NULL:
        return check_boolean(doc, err);
    case VALUE_M:
        return attribute_map_check_types(doc, err);
    case VALUE_L:
        return check_list(doc, attribute_check_types, err);
    case VALUE_SS:
    case VALUE_NS:
        return check_list(doc, check_string, err);
    case VALUE_BS:
        return check_list(doc, check_binary, err);
    case VALUE_TYPE_COUNT:
        break;
    }
    return WEIR_OK;
}

enum weir_status attribute_check_types(const struct weir_value *doc, struct weir_error *err)
{
    if (doc->form != VALUE_PLAIN || doc->type == VALUE_NULL) {
        return WEIR_OK;
    }
    if (doc->type == VALUE_L) {
        return wrong(err, COLLECTION "class " ATTRIBUTE_CLASS);
    }
    if (doc->type != VALUE_M) {
        return wrong(err, "Unexpected value type in payload");
    }
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < doc->u.map.count; i++) {
        status = check_member(&doc->u.map.at[i], err);
    }
    return status;
}
