/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DynamoDB-JSON documents to attribute values, with the service's checks in the service's order:
 * first the JSON types of the whole document, then each value; of an attribute with several types
 * each is checked before their number is.
 */
#include "value/attribute.h"

#include "base/error.h"
#include "value/convert.h"

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
static enum weir_status convert_as(const struct conversion *c, enum value_type type,
                                   const struct weir_value *doc, unsigned level,
                                   struct weir_value *to)
{
    switch (type) {
    case VALUE_S:
        value_set_s(to, doc->u.bytes);
        return WEIR_OK;
    case VALUE_N:
        return convert_number(c, doc->u.bytes, to);
    case VALUE_B:
        return convert_binary(c, doc->u.bytes, to);
    case VALUE_BOOL:
        value_set_bool(to, doc->truth);
        return WEIR_OK;
    case VALUE_NULL:
        return convert_null(doc->truth, to, c->err);
    case VALUE_M:
        return convert_map(c, &doc->u.map, level, VALUE_ATTRIBUTE, to);
    case VALUE_L:
        return convert_list(c, &doc->u.list, level, to);
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        return attribute_build_set(c->arena, type, doc, to, c->err);
    case VALUE_TYPE_COUNT:
        break;
    }
    WEIR_ASSERT(type < VALUE_TYPE_COUNT);
    return WEIR_INTERNAL;
}

static enum weir_status convert_node(const struct conversion *c, const struct weir_value *doc,
                                     unsigned level, struct weir_value *to)
{
    unsigned types = 0;

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
        enum weir_status status = convert_as(c, type, &member->value, level, to);
        if (status != WEIR_OK) {
            return status;
        }
        types++;
    }
    if (types == 1) {
        return WEIR_OK;
    }
    return error_set(c->err, WEIR_VALIDATION,
                     types == 0 ? "Supplied AttributeValue is empty, must contain exactly one of "
                                  "the supported datatypes"
                                : "Supplied AttributeValue has more than one datatypes set, must "
                                  "contain exactly one of the supported datatypes");
}

static struct conversion typed_conversion(struct arena *a, struct weir_error *err)
{
    return (struct conversion){a, err, "no memory for an attribute value", convert_node};
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
    struct conversion c = typed_conversion(a, err);
    return convert_new(&c, doc, ret_value);
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
    struct conversion c = typed_conversion(a, err);
    return convert_item(&c, &doc->u.map, ret_item);
}
