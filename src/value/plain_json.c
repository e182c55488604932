/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain JSON to attribute values and back. The JSON reader is one of its own, because the one for
 * requests makes doubles of fractions, and a number here keeps every digit. It reads from a copy of
 * the text in the arena, in which strings are unescaped in place: unescaped they never grow. The
 * tree of plain nodes that it makes is then converted, as only a whole object tells what it stands
 * for.
 */
#include "value/plain_json.h"

#include "base/error.h"
#include "base/utf8.h"
#include "value/attribute.h"
#include "value/json_text.h"
#include "value/number.h"

#define BINARY "$binary"
#define SET "$set"
#define MAP "$map"

/* ---- text to plain nodes --------------------------------------------------------------------- */

struct reader {
    struct arena *arena;
    uint8_t *text; /* the arena's copy */
    size_t len;
    size_t at;
    struct weir_error *err;
};

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "the JSON document needs more memory than a request has");
}

static enum weir_status wrong(const struct reader *r, const char *what)
{
    return error_set(r->err, WEIR_SERIALIZATION, "%s at byte %zu", what, r->at + 1);
}

/* The byte at hand; 0, which JSON has nowhere outside of strings, at the end. */
static uint8_t peek(const struct reader *r)
{
    return r->at < r->len ? r->text[r->at] : 0;
}

static void skip_space(struct reader *r)
{
    while (r->at < r->len && (r->text[r->at] == ' ' || r->text[r->at] == '\t' ||
                              r->text[r->at] == '\n' || r->text[r->at] == '\r')) {
        r->at++;
    }
}

/* Takes the byte if it is the one at hand. */
static bool take(struct reader *r, uint8_t c)
{
    if (peek(r) != c || r->at == r->len) {
        return false;
    }
    r->at++;
    return true;
}

static bool take_hex(struct reader *r, uint32_t *ret_code)
{
    uint32_t code = 0;
    for (unsigned i = 0; i < 4; i++, r->at++) {
        uint8_t c = peek(r);
        if (c >= '0' && c <= '9') {
            code = code << 4 | (uint32_t)(c - '0');
        } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
            code = code << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
        } else {
            return false;
        }
    }
    *ret_code = code;
    return true;
}

static size_t put_utf8(uint8_t *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (uint8_t)(0xC0 | code >> 6);
        to[1] = (uint8_t)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (uint8_t)(0xE0 | code >> 12);
        to[1] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        to[2] = (uint8_t)(0x80 | (code & 0x3F));
        return 3;
    }
    to[0] = (uint8_t)(0xF0 | code >> 18);
    to[1] = (uint8_t)(0x80 | (code >> 12 & 0x3F));
    to[2] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
    to[3] = (uint8_t)(0x80 | (code & 0x3F));
    return 4;
}

/* What stands behind "\u", two halves of a pair included. */
static bool take_code_point(struct reader *r, uint32_t *ret_code)
{
    uint32_t low = 0;
    if (!take_hex(r, ret_code)) {
        return false;
    }
    if (*ret_code < 0xD800 || *ret_code > 0xDFFF) {
        return true;
    }
    if (*ret_code > 0xDBFF || !take(r, '\\') || !take(r, 'u') || !take_hex(r, &low) ||
        low < 0xDC00 || low > 0xDFFF) {
        return false;
    }
    *ret_code = 0x10000 + ((*ret_code - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

/* What stands behind a backslash, to `to`; 0 when it is no escape. */
static size_t take_escape(struct reader *r, uint8_t *to)
{
    static const uint8_t meaning[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                         ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    uint8_t c = peek(r);
    if (meaning[c] != 0) {
        r->at++;
        *to = meaning[c];
        return 1;
    }
    uint32_t code = 0;
    return take(r, 'u') && take_code_point(r, &code) ? put_utf8(to, code) : 0;
}

/* A string whose opening quote was taken. */
static enum weir_status read_string(struct reader *r, struct weir_bytes *ret_text)
{
    uint8_t *begin = r->text + r->at;
    uint8_t *end = begin;
    for (;;) {
        if (r->at >= r->len) {
            return wrong(r, "the text ends inside a string");
        }
        uint8_t c = r->text[r->at];
        if (c < 0x20) {
            return wrong(r, "a control character in a string that is not escaped");
        }
        r->at++;
        if (c == '"') {
            break;
        }
        if (c != '\\') {
            *end++ = c;
            continue;
        }
        size_t put = take_escape(r, end);
        if (put == 0) {
            return wrong(r, "a wrong escape in a string");
        }
        end += put;
    }
    *ret_text = bytes_of(begin, (size_t)(end - begin));
    return WEIR_OK;
}

static size_t take_digits(struct reader *r)
{
    size_t begin = r->at;
    while (peek(r) >= '0' && peek(r) <= '9') {
        r->at++;
    }
    return r->at - begin;
}

static enum weir_status read_number(struct reader *r, struct weir_value *to)
{
    size_t begin = r->at;
    (void)take(r, '-');
    if (!take(r, '0') && take_digits(r) == 0) {
        return wrong(r, "a digit is missing");
    }
    if (take(r, '.') && take_digits(r) == 0) {
        return wrong(r, "a digit is missing behind the point");
    }
    if (take(r, 'e') || take(r, 'E')) {
        (void)(take(r, '+') || take(r, '-'));
        if (take_digits(r) == 0) {
            return wrong(r, "a digit of the exponent is missing");
        }
    }
    *to = (struct weir_value){.type = VALUE_N, .u.bytes = bytes_of(r->text + begin, r->at - begin)};
    return WEIR_OK;
}

static enum weir_status read_word(struct reader *r, const char *word, struct weir_value node,
                                  struct weir_value *to)
{
    if (!bytes_starts_with(bytes_of(r->text + r->at, r->len - r->at), bytes_str(word))) {
        return wrong(r, "no JSON value");
    }
    r->at += strlen(word);
    *to = node;
    return WEIR_OK;
}

static enum weir_status read_value(struct reader *r, unsigned depth, struct weir_value *to);

static enum weir_status read_array(struct reader *r, unsigned depth, struct weir_value *to)
{
    *to = (struct weir_value){.type = VALUE_L};
    skip_space(r);
    if (take(r, ']')) {
        return WEIR_OK;
    }
    do {
        struct weir_value element;
        enum weir_status status = read_value(r, depth + 1, &element);
        if (status != WEIR_OK) {
            return status;
        }
        struct weir_value *node = value_append(r->arena, to);
        if (node == NULL) {
            return no_memory(r->err);
        }
        *node = element;
        skip_space(r);
    } while (take(r, ','));
    return take(r, ']') ? WEIR_OK : wrong(r, "a comma or the end of the array is missing");
}

static enum weir_status read_member(struct reader *r, unsigned depth, struct weir_value *to)
{
    struct weir_bytes name = BYTES_NONE;
    struct weir_value value;
    skip_space(r);
    if (!take(r, '"')) {
        return wrong(r, "a member's name is missing");
    }
    enum weir_status status = read_string(r, &name);
    if (status != WEIR_OK) {
        return status;
    }
    skip_space(r);
    if (!take(r, ':')) {
        return wrong(r, "a colon is missing");
    }
    status = read_value(r, depth + 1, &value);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_value *node = value_add(r->arena, to, name);
    if (node == NULL) {
        return no_memory(r->err);
    }
    *node = value;
    skip_space(r);
    return WEIR_OK;
}

static enum weir_status read_object(struct reader *r, unsigned depth, struct weir_value *to)
{
    *to = (struct weir_value){.type = VALUE_M};
    skip_space(r);
    if (take(r, '}')) {
        return WEIR_OK;
    }
    do {
        enum weir_status status = read_member(r, depth, to);
        if (status != WEIR_OK) {
            return status;
        }
    } while (take(r, ','));
    return take(r, '}') ? WEIR_OK : wrong(r, "a comma or the end of the object is missing");
}

static enum weir_status read_value(struct reader *r, unsigned depth, struct weir_value *to)
{
    skip_space(r);
    if (depth > LIMIT_JSON_DEPTH) {
        return wrong(r, "too many levels");
    }
    if (r->at == r->len) {
        return wrong(r, "the text ends where a value belongs");
    }
    switch (peek(r)) {
    case '{':
        r->at++;
        return read_object(r, depth, to);
    case '[':
        r->at++;
        return read_array(r, depth, to);
    case '"':
        r->at++;
        *to = (struct weir_value){.type = VALUE_S};
        return read_string(r, &to->u.bytes);
    case 't':
        return read_word(r, "true", (struct weir_value){.type = VALUE_BOOL, .truth = true}, to);
    case 'f':
        return read_word(r, "false", (struct weir_value){.type = VALUE_BOOL}, to);
    case 'n':
        return read_word(r, "null", (struct weir_value){.type = VALUE_NULL}, to);
    default:
        return (peek(r) >= '0' && peek(r) <= '9') || peek(r) == '-' ? read_number(r, to)
                                                                    : wrong(r, "no JSON value");
    }
}

static enum weir_status read_document(struct arena *a, struct weir_bytes text,
                                      struct weir_value *to, struct weir_error *err)
{
    if (!utf8_valid(text)) {
        return error_set(err, WEIR_SERIALIZATION, "the text is not UTF-8");
    }
    struct weir_bytes copy = arena_dup(a, text);
    if (copy.ptr == NULL) {
        return no_memory(err);
    }
    struct reader r = {
        .arena = a, .text = (uint8_t *)(uintptr_t)copy.ptr, .len = copy.len, .err = err};
    enum weir_status status = read_value(&r, 1, to);
    skip_space(&r);
    if (status == WEIR_OK && r.at < r.len) {
        return wrong(&r, "more text behind the JSON value");
    }
    return status;
}

/* ---- plain nodes to attribute values --------------------------------------------------------- */

static enum weir_status convert(struct arena *a, const struct weir_value *doc, unsigned level,
                                struct weir_value *to, struct weir_error *err);

/* The value of the only member, if it has that name. */
static const struct weir_value *only_member(const struct weir_value *doc, const char *name)
{
    bool is_it =
        doc->type == VALUE_M && doc->u.map.count == 1 && bytes_eq_str(doc->u.map.at[0].name, name);
    return is_it ? &doc->u.map.at[0].value : NULL;
}

static enum weir_status convert_map(struct arena *a, const struct value_map *from, unsigned level,
                                    enum value_form form, struct weir_value *to,
                                    struct weir_error *err)
{
    *to = (struct weir_value){.type = VALUE_M, .form = (uint8_t)form};
    to->u.map.at = ARENA_ARRAY(a, struct value_member, from->count);
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

static enum weir_status convert_list(struct arena *a, const struct value_list *from, unsigned level,
                                     struct weir_value *to, struct weir_error *err)
{
    *to = (struct weir_value){.type = VALUE_L, .form = VALUE_ATTRIBUTE};
    to->u.list.at = ARENA_ARRAY(a, struct weir_value, from->count);
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

static enum weir_status convert_binary(struct arena *a, const struct weir_value *doc,
                                       struct weir_value *to, struct weir_error *err)
{
    struct weir_bytes raw = BYTES_NONE;
    if (doc->type != VALUE_S) {
        return error_set(err, WEIR_SERIALIZATION, "\"" BINARY "\" wants a string of Base64");
    }
    enum weir_status status = attribute_decode_binary(a, doc->u.bytes, &raw, err);
    if (status == WEIR_OK) {
        value_set_b(to, raw);
    }
    return status;
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

static enum weir_status convert_set(struct arena *a, const struct weir_value *doc,
                                    struct weir_value *to, struct weir_error *err)
{
    if (doc->type != VALUE_L || doc->u.list.count == 0) {
        return error_set(err, WEIR_VALIDATION,
                         "\"" SET "\" wants an array with at least one member");
    }
    enum value_type type = set_type_of(&doc->u.list.at[0]);
    struct weir_value members = {.type = VALUE_L};
    for (uint32_t i = 0; i < doc->u.list.count; i++) {
        const struct weir_value *member = &doc->u.list.at[i];
        if (type == VALUE_TYPE_COUNT || set_type_of(member) != type) {
            return error_set(err, WEIR_VALIDATION,
                             "\"" SET "\" wants only strings, only numbers, or only {\"" BINARY
                             "\": ...}");
        }
        struct weir_value *node = value_append(a, &members);
        if (node == NULL) {
            return no_memory(err);
        }
        *node = type == VALUE_BS ? *only_member(member, BINARY) : *member;
    }
    return attribute_build_set(a, type, &members, to, err);
}

static enum weir_status convert_object(struct arena *a, const struct weir_value *doc,
                                       unsigned level, struct weir_value *to,
                                       struct weir_error *err)
{
    const struct weir_value *inner = only_member(doc, BINARY);
    if (inner != NULL) {
        return convert_binary(a, inner, to, err);
    }
    inner = only_member(doc, SET);
    if (inner != NULL) {
        return convert_set(a, inner, to, err);
    }
    inner = only_member(doc, MAP);
    if (inner != NULL && inner->type != VALUE_M) {
        return error_set(err, WEIR_SERIALIZATION, "\"" MAP "\" wants an object");
    }
    return convert_map(a, inner != NULL ? &inner->u.map : &doc->u.map, level, VALUE_ATTRIBUTE, to,
                       err);
}

static enum weir_status convert(struct arena *a, const struct weir_value *doc, unsigned level,
                                struct weir_value *to, struct weir_error *err)
{
    if (level > LIMIT_NESTING_LEVELS) {
        return error_set(err, WEIR_VALIDATION,
                         "Nesting Levels have exceeded supported limits: Attributes in the item "
                         "have nested levels beyond supported limit");
    }
    switch (doc->type) {
    case VALUE_S:
        value_set_s(to, doc->u.bytes);
        return WEIR_OK;
    case VALUE_N:
        return convert_number(a, doc->u.bytes, to, err);
    case VALUE_BOOL:
        value_set_bool(to, doc->truth);
        return WEIR_OK;
    case VALUE_L:
        return convert_list(a, &doc->u.list, level, to, err);
    case VALUE_M:
        return convert_object(a, doc, level, to, err);
    default:
        value_set_null(to);
        return WEIR_OK;
    }
}

enum weir_status plain_parse_value(struct arena *a, struct weir_bytes text,
                                   struct weir_value **ret_value, struct weir_error *err)
{
    struct weir_value doc;
    enum weir_status status = read_document(a, text, &doc, err);
    struct weir_value *value = ARENA_NEW(a, struct weir_value);
    if (status == WEIR_OK && value == NULL) {
        status = no_memory(err);
    }
    if (status == WEIR_OK) {
        status = convert(a, &doc, 1, value, err);
    }
    if (status == WEIR_OK) {
        *ret_value = value;
    }
    return status;
}

enum weir_status plain_parse_item(struct arena *a, struct weir_bytes text,
                                  struct weir_value **ret_item, struct weir_error *err)
{
    struct weir_value doc;
    enum weir_status status = read_document(a, text, &doc, err);
    struct weir_value *item = ARENA_NEW(a, struct weir_value);
    if (status == WEIR_OK && item == NULL) {
        status = no_memory(err);
    }
    if (status == WEIR_OK && doc.type != VALUE_M) {
        status = error_set(err, WEIR_SERIALIZATION, "an item is a JSON object");
    }
    if (status == WEIR_OK) {
        status = convert_map(a, &doc.u.map, 0, VALUE_ITEM, item, err);
    }
    if (status == WEIR_OK) {
        *ret_item = item;
    }
    return status;
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
