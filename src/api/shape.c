/* SPDX-License-Identifier: Apache-2.0 */

/* Checking a request against its shape. See shape.h. */

#include "api/shape.h"

#include "api/request.h"

#include <ctype.h>
#include <inttypes.h>

/* More than these AWS does not list. */
#define ERRORS_MAX 10
/* Of a list or map in a text; strings are given whole. */
#define SHOWN_BYTES_MAX 256
#define TEXT_BYTES_MAX (64 * 1024)

/* Where the walk is: a chain on the stack, rendered only when something is wrong. */
struct place {
    const struct place *up;
    struct weir_bytes name; /* of a member or a map's key */
    uint32_t index;         /* of a list's element, from 1; 0: it has a name */
    bool member;            /* a struct's member, not a map's value */
};

struct walk {
    struct api_call *call;
    bool attributes; /* look into attribute values too */
    struct buf text;
    unsigned errors;
};

/* ---- types ---------------------------------------------------------------------------------- */

static const char *java_name(enum shape_kind kind)
{
    switch (kind) {
    case SHAPE_STRING:
        return "String";
    case SHAPE_INTEGER:
        return "Integer";
    case SHAPE_LONG:
        return "Long";
    default:
        return "Boolean";
    }
}

static const char *token_name(const struct weir_value *value)
{
    switch (value->type) {
    case VALUE_BOOL:
        return value->truth ? "TRUE_VALUE" : "FALSE_VALUE";
    case VALUE_N: {
        const struct weir_bytes text = value->u.bytes;
        bool decimal = memchr(text.ptr, '.', text.len) != NULL ||
                       memchr(text.ptr, 'e', text.len) != NULL ||
                       memchr(text.ptr, 'E', text.len) != NULL;
        return decimal ? "DECIMAL_VALUE" : "NUMBER_VALUE";
    }
    default:
        return "STRING_VALUE";
    }
}

static enum weir_status type_error(struct walk *walk, const char *text)
{
    return call_error(walk->call, WEIR_SERIALIZATION, "%s", text);
}

static enum weir_status scalar_error(struct walk *walk, enum shape_kind kind,
                                     const struct weir_value *value)
{
    if (value->type == VALUE_L) {
        return call_error(walk->call, WEIR_SERIALIZATION,
                          "Unrecognized collection type class java.lang.%s", java_name(kind));
    }
    if (value->type == VALUE_M) {
        return type_error(walk, "Start of structure or map found where not expected");
    }
    if (kind == SHAPE_BOOLEAN && value->type == VALUE_S) {
        return type_error(walk, "Unexpected token received from parser");
    }
    return call_error(walk->call, WEIR_SERIALIZATION, "%s cannot be converted to %s",
                      token_name(value), java_name(kind));
}

static enum weir_status check_scalar(struct walk *walk, enum shape_kind kind,
                                     const struct weir_value *value)
{
    enum value_type wanted = kind == SHAPE_STRING    ? VALUE_S
                             : kind == SHAPE_BOOLEAN ? VALUE_BOOL
                                                     : VALUE_N;
    return value->type == wanted ? WEIR_OK : scalar_error(walk, kind, value);
}

/* What AWS says of a list or map inside another collection: its parser's own failure. */
#define NESTED_TEXT                                                                               \
    "class sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl cannot be cast to class " \
    "java.lang.Class (sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl and "          \
    "java.lang.Class are in module java.base of loader 'bootstrap')"

static enum weir_status check_type(struct walk *walk, const struct shape *shape,
                                   const struct weir_value *value, bool nested);

static enum weir_status check_list(struct walk *walk, const struct shape *shape,
                                   const struct weir_value *list, bool nested)
{
    if (list->type == VALUE_M) {
        return type_error(walk, "Start of structure or map found where not expected");
    }
    if (list->type != VALUE_L) {
        return type_error(walk, nested ? NESTED_TEXT : "Unexpected field type");
    }
    if (shape->element->kind == SHAPE_ATTRIBUTE && !walk->attributes) {
        return WEIR_OK;
    }
    for (uint32_t i = 0; i < list->u.list.count; i++) {
        enum weir_status status = check_type(walk, shape->element, &list->u.list.at[i], true);
        if (status != WEIR_OK) {
            return status;
        }
    }
    return WEIR_OK;
}

static enum weir_status map_of_error(struct walk *walk, const struct shape *shape)
{
    const struct shape *element = shape->element;
    if (element->kind == SHAPE_STRING) {
        return type_error(walk, "Unrecognized collection type java.util.Map<java.lang.String, "
                                "java.lang.String>");
    }
    bool lists = element->kind == SHAPE_LIST;
    return call_error(walk->call, WEIR_SERIALIZATION,
                      "Unrecognized collection type java.util.Map<java.lang.String, "
                      "%scom.amazonaws.dynamodb.v20120810.%s>%s",
                      lists ? "java.util.List<" : "",
                      lists ? element->element->name : element->name, lists ? ">" : "");
}

static enum weir_status check_map(struct walk *walk, const struct shape *shape,
                                  const struct weir_value *map, bool nested)
{
    if (map->form != VALUE_PLAIN) {
        return WEIR_OK;
    }
    if (map->type == VALUE_L) {
        return map_of_error(walk, shape);
    }
    if (map->type != VALUE_M) {
        return type_error(walk, nested ? NESTED_TEXT : "Unexpected field type");
    }
    if (shape->element->kind == SHAPE_ATTRIBUTE && !walk->attributes) {
        return WEIR_OK;
    }
    for (uint32_t i = 0; i < map->u.map.count; i++) {
        enum weir_status status = check_type(walk, shape->element, &map->u.map.at[i].value, true);
        if (status != WEIR_OK) {
            return status;
        }
    }
    return WEIR_OK;
}

static enum weir_status check_members(struct walk *walk, const struct shape *shape,
                                      const struct weir_value *map)
{
    for (const struct shape_member *m = shape->members; m != NULL && m->name != NULL; m++) {
        const struct weir_value *value = request_member(map, m->name);
        if (value == NULL) {
            continue;
        }
        enum weir_status status = check_type(walk, m->shape, value, false);
        if (status != WEIR_OK) {
            return status;
        }
    }
    return WEIR_OK;
}

static enum weir_status check_struct(struct walk *walk, const struct shape *shape,
                                     const struct weir_value *value, bool nested)
{
    if (value->type == VALUE_L) {
        return call_error(walk->call, WEIR_SERIALIZATION,
                          "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.%s",
                          shape->name);
    }
    if (value->type != VALUE_M) {
        return type_error(walk,
                          nested ? "Unexpected value type in payload" : "Unexpected field type");
    }
    return check_members(walk, shape, value);
}

static enum weir_status check_attribute(struct walk *walk, const struct shape *shape,
                                        const struct weir_value *value, bool nested)
{
    if (!walk->attributes || value->form != VALUE_PLAIN) {
        return WEIR_OK;
    }
    enum weir_status status = check_struct(walk, shape, value, nested);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_value *ignored;
    status = value_to_attribute(walk->call->arena, value, &ignored, &walk->call->error);
    return status == WEIR_SERIALIZATION ? status : WEIR_OK;
}

static enum weir_status check_type(struct walk *walk, const struct shape *shape,
                                   const struct weir_value *value, bool nested)
{
    if (value->type == VALUE_NULL && value->form == VALUE_PLAIN) {
        /* An absent member; but an element must be there. */
        return nested && shape->kind != SHAPE_ATTRIBUTE
                   ? type_error(walk, "Unexpected value type in payload")
                   : WEIR_OK;
    }
    switch (shape->kind) {
    case SHAPE_LIST:
        return check_list(walk, shape, value, nested);
    case SHAPE_MAP:
        return check_map(walk, shape, value, nested);
    case SHAPE_STRUCT:
        return check_struct(walk, shape, value, nested);
    case SHAPE_ATTRIBUTE:
        return check_attribute(walk, shape, value, nested);
    default:
        return check_scalar(walk, shape->kind, value);
    }
}

/* ---- constraints ---------------------------------------------------------------------------- */

static void put_lower_first(struct buf *to, struct weir_bytes name)
{
    if (name.len > 0) {
        buf_put_u8(to, (uint8_t)tolower(name.ptr[0]));
        buf_put(to, bytes_of(name.ptr + 1, name.len - 1));
    }
}

static void put_place(struct buf *to, const struct place *place)
{
    if (place->up != NULL) {
        put_place(to, place->up);
        buf_put_str(to, ".");
    }
    if (place->member) {
        put_lower_first(to, place->name);
    } else if (place->index > 0) {
        buf_printf(to, "%" PRIu32 ".member", place->index);
    } else {
        buf_put(to, place->name);
        buf_put_str(to, ".member");
    }
}

static void put_strings(struct buf *to, const struct weir_value *list)
{
    buf_put_str(to, "[");
    for (uint32_t i = 0; i < list->u.list.count && to->len < TEXT_BYTES_MAX / 2; i++) {
        const struct weir_value *element = &list->u.list.at[i];
        buf_put_str(to, i == 0 ? "" : ", ");
        if (element->type == VALUE_S) {
            buf_put(to, element->u.bytes);
        } else {
            buf_put_str(to, "{}");
        }
    }
    buf_put_str(to, "]");
}

static void put_map(struct buf *to, const struct weir_value *map)
{
    struct buf text;
    buf_init(&text, LIMIT_BODY_BYTES);
    json_write(&text, map);
    struct weir_bytes bytes = buf_bytes(&text);
    if (bytes.len <= SHOWN_BYTES_MAX) {
        buf_put(to, bytes);
    } else {
        buf_put_str(to, "{...}");
    }
    buf_fini(&text);
}

static void put_value(struct buf *to, const struct weir_value *value)
{
    if (value == NULL) {
        buf_put_str(to, "null");
        return;
    }
    buf_put_str(to, "'");
    if (value->type == VALUE_L) {
        put_strings(to, value);
    } else if (value->type == VALUE_M) {
        put_map(to, value);
    } else if (value->type == VALUE_BOOL) {
        buf_put_str(to, value->truth ? "true" : "false");
    } else {
        buf_put(to, value->u.bytes);
    }
    buf_put_str(to, "'");
}

/* Opens a text "Value x at 'y' failed to satisfy constraint: "; false when enough are listed. */
static bool open_error(struct walk *walk, const struct place *place, const struct weir_value *value)
{
    if (walk->errors >= ERRORS_MAX) {
        return false;
    }
    buf_put_str(&walk->text, walk->errors++ == 0 ? "Value " : "; Value ");
    put_value(&walk->text, value);
    buf_put_str(&walk->text, " at '");
    put_place(&walk->text, place);
    buf_put_str(&walk->text, "' failed to satisfy constraint: ");
    return true;
}

static bool is_name(struct weir_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!isalnum(text.ptr[i]) && strchr("_.-", text.ptr[i]) == NULL) {
            return false;
        }
        if (text.ptr[i] == '\0') {
            return false;
        }
    }
    return text.len > 0;
}

static bool is_choice(struct weir_bytes text, const char *choices)
{
    const char *at = choices + 1;
    while (*at != '\0') {
        size_t length = strcspn(at, ",]");
        if (bytes_eq(text, bytes_of(at, length))) {
            return true;
        }
        at += length + 1 + (at[length] == ',' ? 1 : 0);
    }
    return false;
}

static void collect_range(struct walk *walk, const struct place *place, const struct shape *shape,
                          const struct weir_value *value, int64_t figure, const char *what)
{
    if ((shape->checks & SHAPE_MIN) != 0 && figure < shape->min && open_error(walk, place, value)) {
        buf_printf(&walk->text, "Member must have %s greater than or equal to %" PRId64, what,
                   shape->min);
    }
    if ((shape->checks & SHAPE_MAX) != 0 && figure > shape->max && open_error(walk, place, value)) {
        buf_printf(&walk->text, "Member must have %s less than or equal to %" PRId64, what,
                   shape->max);
    }
}

static void collect_string(struct walk *walk, const struct place *place, const struct shape *shape,
                           const struct weir_value *value)
{
    struct weir_bytes text = value->u.bytes;
    if ((shape->checks & SHAPE_TABLE) != 0) {
        text = request_table_of(text);
    }
    if ((shape->checks & SHAPE_NAME) != 0 && !is_name(text) && open_error(walk, place, value)) {
        buf_put_str(&walk->text, "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
    }
    collect_range(walk, place, shape, value, (int64_t)text.len, "length");
    if (shape->choices != NULL && !is_choice(text, shape->choices) &&
        open_error(walk, place, value)) {
        buf_printf(&walk->text, "Member must satisfy enum value set: %s", shape->choices);
    }
}

static void collect(struct walk *walk, const struct place *place, const struct shape *shape,
                    const struct weir_value *value);

static void collect_list(struct walk *walk, const struct place *place, const struct shape *shape,
                         const struct weir_value *list)
{
    collect_range(walk, place, shape, list, list->u.list.count, "length");
    if (shape->element->kind == SHAPE_ATTRIBUTE) {
        return;
    }
    for (uint32_t i = 0; i < list->u.list.count && walk->errors < ERRORS_MAX; i++) {
        struct place element = {.up = place, .index = i + 1};
        collect(walk, &element, shape->element, &list->u.list.at[i]);
    }
}

static void collect_map_keys(struct walk *walk, const struct place *place,
                             const struct weir_value *map)
{
    for (uint32_t i = 0; i < map->u.map.count; i++) {
        struct weir_bytes name = request_table_of(map->u.map.at[i].name);
        if (is_name(name) && name.len >= LIMIT_TABLE_NAME_MIN && name.len <= LIMIT_TABLE_NAME_MAX) {
            continue;
        }
        if (open_error(walk, place, map)) {
            buf_put_str(&walk->text,
                        "Map keys must satisfy constraint: [Member must have length less than or "
                        "equal to 255, Member must have length greater than or equal to 3, Member "
                        "must satisfy regular expression pattern: [a-zA-Z0-9_.-]+]");
        }
        return;
    }
}

static void collect_value_lengths(struct walk *walk, const struct place *place,
                                  const struct shape *shape, const struct weir_value *map)
{
    for (uint32_t i = 0; i < map->u.map.count; i++) {
        const struct weir_value *list = &map->u.map.at[i].value;
        int64_t count = list->type == VALUE_L ? (int64_t)list->u.list.count : 0;
        if (count >= shape->min && count <= shape->max) {
            continue;
        }
        if (open_error(walk, place, map)) {
            buf_printf(&walk->text,
                       "Map value must satisfy constraint: [Member must have length less than or "
                       "equal to %" PRId64 ", Member must have length greater than or equal to "
                       "%" PRId64 "]",
                       shape->max, shape->min);
        }
        return;
    }
}

static void collect_map(struct walk *walk, const struct place *place, const struct shape *shape,
                        const struct weir_value *map)
{
    if (map->form != VALUE_PLAIN || shape->element->kind == SHAPE_ATTRIBUTE) {
        return;
    }
    if ((shape->checks & SHAPE_TABLE_KEYS) != 0) {
        if (map->u.map.count == 0 && open_error(walk, place, map)) {
            buf_put_str(&walk->text, "Member must have length greater than or equal to 1");
        }
        collect_map_keys(walk, place, map);
    }
    if ((shape->checks & SHAPE_VALUE_LENGTH) != 0) {
        collect_value_lengths(walk, place, shape, map);
    }
    for (uint32_t i = 0; i < map->u.map.count && walk->errors < ERRORS_MAX; i++) {
        struct place element = {.up = place, .name = map->u.map.at[i].name};
        collect(walk, &element, shape->element, &map->u.map.at[i].value);
    }
}

static void collect_members(struct walk *walk, const struct place *place, const struct shape *shape,
                            const struct weir_value *map)
{
    for (const struct shape_member *m = shape->members; m != NULL && m->name != NULL; m++) {
        struct place member = {.up = place, .name = bytes_str(m->name), .member = true};
        const struct weir_value *value = request_member(map, m->name);
        if (value != NULL) {
            collect(walk, &member, m->shape, value);
        } else if (m->required && open_error(walk, &member, NULL)) {
            buf_put_str(&walk->text, "Member must not be null");
        }
    }
}

static void collect(struct walk *walk, const struct place *place, const struct shape *shape,
                    const struct weir_value *value)
{
    if (value->type == VALUE_NULL && value->form == VALUE_PLAIN) {
        return;
    }
    switch (shape->kind) {
    case SHAPE_STRING:
        collect_string(walk, place, shape, value);
        break;
    case SHAPE_INTEGER:
    case SHAPE_LONG:
        collect_range(walk, place, shape, value, request_number(value), "value");
        break;
    case SHAPE_LIST:
        collect_list(walk, place, shape, value);
        break;
    case SHAPE_MAP:
        collect_map(walk, place, shape, value);
        break;
    case SHAPE_STRUCT:
        collect_members(walk, place, shape, value);
        break;
    default:
        break;
    }
}

/* ---- both ----------------------------------------------------------------------------------- */

/* Operations on tables check the name's presence and length before everything else. */
static enum weir_status check_first(struct api_call *call, const struct shape *shape)
{
    for (const struct shape_member *m = shape->members; m != NULL && m->name != NULL; m++) {
        if ((m->shape->checks & SHAPE_FIRST) == 0) {
            continue;
        }
        const struct weir_value *value = request_member(call->request, m->name);
        if (value == NULL) {
            return call_invalid(
                call, "The parameter '%s' is required but was not present in the request", m->name);
        }
        size_t length = request_table_of(value->u.bytes).len;
        if (length < LIMIT_TABLE_NAME_MIN || length > LIMIT_TABLE_NAME_MAX) {
            return call_invalid(call,
                                "%s must be at least 3 characters long and at most 255 characters "
                                "long",
                                m->name);
        }
    }
    return WEIR_OK;
}

static enum weir_status constraints_error(struct walk *walk, const struct shape *shape)
{
    walk->attributes = true;
    enum weir_status status = check_members(walk, shape, walk->call->request);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_bytes text = buf_bytes(&walk->text);
    return call_invalid(walk->call, "%u validation error%s detected: %.*s", walk->errors,
                        walk->errors == 1 ? "" : "s", BYTES_ARG(text));
}

enum weir_status shape_check(struct api_call *call, const struct shape *shape)
{
    const struct weir_value *request = call->request;
    if (request == NULL || request->type != VALUE_M) {
        return call_error(call, WEIR_SERIALIZATION, "the request is not a JSON object");
    }
    struct walk walk = {.call = call};
    enum weir_status status = check_members(&walk, shape, request);
    if (status == WEIR_OK) {
        status = check_first(call, shape);
    }
    if (status != WEIR_OK) {
        return status;
    }
    buf_init(&walk.text, TEXT_BYTES_MAX);
    collect_members(&walk, NULL, shape, request);
    if (walk.errors > 0) {
        status = constraints_error(&walk, shape);
    }
    buf_fini(&walk.text);
    return status;
}
