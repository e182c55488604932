/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DynamoDB-JSON documents to attribute values, with the service's checks in the service's order:
 * first the JSON types of the whole document, then each value; of an attribute with several types
 * each is checked before their number is.
 */
#include "value/attribute.h"

#include "base/error.h"
#include "value/number.h"

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "no memory for an attribute value");
}

static enum weir_status convert(struct arena *a, const struct weir_value *doc, unsigned level,
                                struct weir_value *to, struct weir_error *err);

static enum weir_status convert_list(struct arena *a, const struct value_list *from, unsigned level,
                                     struct weir_value *to, struct weir_error *err)
{
    *to = (struct weir_value){.type = VALUE_L, .form = VALUE_ATTRIBUTE};
    to->u.list.at = arena_alloc(a, from->count * sizeof(to->u.list.at[0]));
    if (to->u.list.at == NULL) {
        return no_memory(err);
    }
    for (uint32_t i = 0; i < from->count; i++) {
        enum weir_status status = convert(a, &from->at[i], level + 1, &to->u.list.at[i], err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    to->u.list.count = from->count;
    return WEIR_OK;
}

static enum weir_status convert_map(struct arena *a, const struct value_map *from, unsigned level,
                                    enum value_form form, struct weir_value *to,
                                    struct weir_error *err)
{
    *to = (struct weir_value){.type = VALUE_M, .form = (uint8_t)form};
    to->u.map.at = arena_alloc(a, from->count * sizeof(to->u.map.at[0]));
    if (to->u.map.at == NULL) {
        return no_memory(err);
    }
    for (uint32_t i = 0; i < from->count; i++) {
        to->u.map.at[i].name = from->at[i].name;
        enum weir_status status =
            convert(a, &from->at[i].value, level + 1, &to->u.map.at[i].value, err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    to->u.map.count = from->count;
    return value_sort_map(to, err);
}

static enum weir_status convert_number(struct arena *a, struct weir_bytes text,
                                       struct weir_value *to, struct weir_error *err)
{
    struct weir_bytes canonical = BYTES_NONE;
    enum weir_status status = number_canonical(a, text, &canonical, err);
    if (status == WEIR_OK) {
        value_set_n(to, canonical);
    }
    return status;
}

static enum weir_status convert_binary(struct arena *a, struct weir_bytes text,
                                       struct weir_value *to, struct weir_error *err)
{
    struct weir_bytes raw = BYTES_NONE;
    enum weir_status status = attribute_decode_binary(a, text, &raw, err);
    if (status == WEIR_OK) {
        value_set_b(to, raw);
    }
    return status;
}

static enum weir_status convert_null(bool truth, struct weir_value *to, struct weir_error *err)
{
    if (!truth) {
        return error_set(err, WEIR_VALIDATION,
                         "One or more parameter values were invalid: Null attribute value types "
                         "must have the value of true");
    }
    value_set_null(to);
    return WEIR_OK;
}

/* One member {"<type>": doc} of an attribute value, its JSON type known to be right. */
static enum weir_status convert_as(struct arena *a, enum value_type type,
                                   const struct weir_value *doc, unsigned level,
                                   struct weir_value *to, struct weir_error *err)
{
    switch (type) {
    case VALUE_S:
        value_set_s(to, doc->u.bytes);
        return WEIR_OK;
    case VALUE_N:
        return convert_number(a, doc->u.bytes, to, err);
    case VALUE_B:
        return convert_binary(a, doc->u.bytes, to, err);
    case VALUE_BOOL:
        value_set_bool(to, doc->truth);
        return WEIR_OK;
    case VALUE_NULL:
        return convert_null(doc->truth, to, err);
    case VALUE_M:
        return convert_map(a, &doc->u.map, level, VALUE_ATTRIBUTE, to, err);
    case VALUE_L:
        return convert_list(a, &doc->u.list, level, to, err);
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        return attribute_build_set(a, type, doc, to, err);
    case VALUE_TYPE_COUNT:
        break;
    }
    WEIR_ASSERT(type < VALUE_TYPE_COUNT);
    return WEIR_INTERNAL;
}

static enum weir_status convert(struct arena *a, const struct weir_value *doc, unsigned level,
                                struct weir_value *to, struct weir_error *err)
{
    unsigned types = 0;

    if (level > LIMIT_NESTING_LEVELS) {
        return error_set(err, WEIR_VALIDATION,
                         "Nesting Levels have exceeded supported limits: Attributes in the item "
                         "have nested levels beyond supported limit");
    }
    if (doc->form != VALUE_PLAIN) {
        WEIR_ASSERT(doc->form != VALUE_STORED);
        *to = *doc;
        to->form = VALUE_ATTRIBUTE;
        return WEIR_OK;
    }
    for (uint32_t i = 0; doc->type == VALUE_M && i < doc->u.map.count; i++) {
        const struct value_member *member = &doc->u.map.at[i];
        enum value_type type = attribute_type(member->name);
        if (type == VALUE_TYPE_COUNT || member->value.type == VALUE_NULL) {
            continue;
        }
        enum weir_status status = convert_as(a, type, &member->value, level, to, err);
        if (status != WEIR_OK) {
            return status;
        }
        types++;
    }
    if (types == 1) {
        return WEIR_OK;
    }
    return error_set(err, WEIR_VALIDATION,
                     types == 0 ? "Supplied AttributeValue is empty, must contain exactly one of "
                                  "the supported datatypes"
                                : "Supplied AttributeValue has more than one datatypes set, must "
                                  "contain exactly one of the supported datatypes");
}

/* Whether this node is an attribute value or an item already. The cast drops const from what the
 * caller gave and gets back. */
static bool is_ready(const struct weir_value *doc, struct weir_value **ret_value)
{
    if (doc->form == VALUE_PLAIN) {
        return false;
    }
    WEIR_ASSERT(doc->form != VALUE_STORED);
    *ret_value = (struct weir_value *)(uintptr_t)doc;
    return true;
}

enum weir_status value_to_attribute(struct arena *a, const struct weir_value *doc,
                                    struct weir_value **ret_value, struct weir_error *err)
{
    if (is_ready(doc, ret_value)) {
        return WEIR_OK;
    }
    enum weir_status status = attribute_check_types(doc, err);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_value *value = ARENA_NEW(a, struct weir_value);
    if (value == NULL) {
        return no_memory(err);
    }
    status = convert(a, doc, 1, value, err);
    if (status == WEIR_OK) {
        *ret_value = value;
    }
    return status;
}

enum weir_status value_to_item(struct arena *a, const struct weir_value *doc,
                               struct weir_value **ret_item, struct weir_error *err)
{
    if (doc->form == VALUE_STORED) {
        return value_decode_item(a, doc->u.bytes, ret_item, err);
    }
    if (is_ready(doc, ret_item)) {
        return WEIR_OK;
    }
    enum weir_status status = attribute_map_check_types(doc, err);
    if (status != WEIR_OK) {
        return status;
    }
    if (doc->type == VALUE_NULL) {
        return error_set(err, WEIR_SERIALIZATION, "Unexpected field type");
    }
    struct weir_value *item = ARENA_NEW(a, struct weir_value);
    if (item == NULL) {
        return no_memory(err);
    }
    status = convert_map(a, &doc->u.map, 0, VALUE_ITEM, item, err);
    if (status == WEIR_OK) {
        *ret_item = item;
    }
    return status;
}
