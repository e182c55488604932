/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain JSON to attribute values and back. The text becomes a tree of plain nodes first, which is
 * then converted, as only a whole object tells what it stands for.
 */
#include "value/plain_json.h"

#include "base/error.h"
#include "value/attribute.h"
#include "value/convert.h"
#include "value/json_exact.h"
#include "value/json_text.h"

#define BINARY "$binary"
#define SET "$set"
#define MAP "$map"

/* ---- plain nodes to attribute values --------------------------------------------------------- */

/* The value of the only member, if it has that name. */
static const struct weir_value *only_member(const struct weir_value *doc, const char *name)
{
    bool is_it =
        doc->type == VALUE_M && doc->u.map.count == 1 && bytes_eq_str(doc->u.map.at[0].name, name);
    return is_it ? &doc->u.map.at[0].value : NULL;
}

static enum weir_status from_binary(const struct conversion *c, const struct weir_value *doc,
                                    struct weir_value *to)
{
    return doc->type == VALUE_S
               ? convert_binary(c, doc->u.bytes, to)
               : error_set(c->err, WEIR_SERIALIZATION, "\"" BINARY "\" wants a string of Base64");
}

/* What a set with such a member is; VALUE_TYPE_COUNT: none. */
static enum value_type set_type_of(const struct weir_value *member)
{
    const struct weir_value *binary = only_member(member, BINARY);
    if (binary != NULL && binary->type == VALUE_S) {
        return VALUE_BS;
    }
    return member->type == VALUE_S   ? VALUE_SS
           : member->type == VALUE_N ? VALUE_NS
                                     : VALUE_TYPE_COUNT;
}

static enum weir_status from_set(const struct conversion *c, const struct weir_value *doc,
                                 struct weir_value *to)
{
    if (doc->type != VALUE_L || doc->u.list.count == 0) {
        return error_set(c->err, WEIR_VALIDATION,
                         "\"" SET "\" wants an array with at least one member");
    }
    enum value_type type = set_type_of(&doc->u.list.at[0]);
    struct weir_value members = {.type = VALUE_L};
    for (uint32_t i = 0; i < doc->u.list.count; i++) {
        const struct weir_value *member = &doc->u.list.at[i];
        if (type == VALUE_TYPE_COUNT || set_type_of(member) != type) {
            return error_set(c->err, WEIR_VALIDATION,
                             "\"" SET "\" wants only strings, only numbers, or only {\"" BINARY
                             "\": ...}");
        }
        struct weir_value *node = value_append(c->arena, &members);
        if (node == NULL) {
            return convert_no_memory(c);
        }
        *node = type == VALUE_BS ? *only_member(member, BINARY) : *member;
    }
    return attribute_build_set(c->arena, type, &members, to, c->err);
}

static enum weir_status from_object(const struct conversion *c, const struct weir_value *doc,
                                    unsigned level, struct weir_value *to)
{
    const struct weir_value *inner = only_member(doc, BINARY);
    if (inner != NULL) {
        return from_binary(c, inner, to);
    }
    inner = only_member(doc, SET);
    if (inner != NULL) {
        return from_set(c, inner, to);
    }
    inner = only_member(doc, MAP);
    if (inner != NULL && inner->type != VALUE_M) {
        return error_set(c->err, WEIR_SERIALIZATION, "\"" MAP "\" wants an object");
    }
    return convert_map(c, inner != NULL ? &inner->u.map : &doc->u.map, level, VALUE_ATTRIBUTE, to);
}

static enum weir_status from_node(const struct conversion *c, const struct weir_value *doc,
                                  unsigned level, struct weir_value *to)
{
    switch (doc->type) {
    case VALUE_S:
        value_set_s(to, doc->u.bytes);
        return WEIR_OK;
    case VALUE_N:
        return convert_number(c, doc->u.bytes, to);
    case VALUE_BOOL:
        value_set_bool(to, doc->truth);
        return WEIR_OK;
    case VALUE_L:
        return convert_list(c, &doc->u.list, level, to);
    case VALUE_M:
        return from_object(c, doc, level, to);
    default:
        value_set_null(to);
        return WEIR_OK;
    }
}

static struct conversion plain_conversion(struct arena *a, struct weir_error *err)
{
    return (struct conversion){a, err, JSON_NO_MEMORY, from_node};
}

enum weir_status plain_parse_value(struct arena *a, struct weir_bytes text,
                                   struct weir_value **ret_value, struct weir_error *err)
{
    struct weir_value doc;
    struct conversion c = plain_conversion(a, err);
    enum weir_status status = json_parse_exact(a, text, &doc, err);
    return status == WEIR_OK ? convert_new(&c, &doc, ret_value) : status;
}

enum weir_status plain_parse_item(struct arena *a, struct weir_bytes text,
                                  struct weir_value **ret_item, struct weir_error *err)
{
    struct weir_value doc;
    struct conversion c = plain_conversion(a, err);
    enum weir_status status = json_parse_exact(a, text, &doc, err);
    if (status == WEIR_OK && doc.type != VALUE_M) {
        return error_set(err, WEIR_SERIALIZATION, "an item is a JSON object");
    }
    return status == WEIR_OK ? convert_item(&c, &doc.u.map, ret_item) : status;
}

/* ---- attribute values to text ---------------------------------------------------------------- */

static void write_map(struct buf *to, const struct value_map *map)
{
    buf_put_u8(to, '{');
    for (uint32_t i = 0; i < map->count && buf_status(to) == WEIR_OK; i++) {
        json_write_framed(to, i > 0 ? BYTES_LIT(",") : BYTES_NONE, map->at[i].name, BYTES_LIT(":"));
        plain_write_value(to, &map->at[i].value);
    }
    buf_put_u8(to, '}');
}

static void write_values(struct buf *to, const struct value_list *list)
{
    buf_put_u8(to, '[');
    for (uint32_t i = 0; i < list->count && buf_status(to) == WEIR_OK; i++) {
        if (i > 0) {
            buf_put_u8(to, ',');
        }
        plain_write_value(to, &list->at[i]);
    }
    buf_put_u8(to, ']');
}

/* Whether its plain object would be read as something else. */
static bool is_mistakable(const struct weir_value *map)
{
    return only_member(map, BINARY) != NULL || only_member(map, SET) != NULL ||
           only_member(map, MAP) != NULL;
}

void plain_write_value(struct buf *to, const struct weir_value *value)
{
    switch ((enum value_type)value->type) {
    case VALUE_S:
        json_write_string(to, value->u.bytes);
        break;
    case VALUE_N:
        buf_put(to, value->u.bytes);
        break;
    case VALUE_B:
        buf_put_str(to, "{\"" BINARY "\":");
        json_write_binary(to, value->u.bytes);
        buf_put_u8(to, '}');
        break;
    case VALUE_BOOL:
        json_write_bool(to, value->truth);
        break;
    case VALUE_M:
        buf_put_str(to, is_mistakable(value) ? "{\"" MAP "\":" : "");
        write_map(to, &value->u.map);
        buf_put_str(to, is_mistakable(value) ? "}" : "");
        break;
    case VALUE_L:
        write_values(to, &value->u.list);
        break;
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        buf_put_str(to, "{\"" SET "\":");
        write_values(to, &value->u.list);
        buf_put_u8(to, '}');
        break;
    default:
        buf_put_str(to, "null");
        break;
    }
}

void plain_write_item(struct buf *to, const struct weir_value *item)
{
    write_map(to, &item->u.map);
}
