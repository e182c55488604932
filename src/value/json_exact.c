/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads from a copy of the text in the arena, in which strings are unescaped in place: unescaped
 * they never grow.
 */
#include "value/json_exact.h"

#include "base/error.h"
#include "base/utf8.h"

struct reader {
    struct arena *arena;
    uint8_t *text; /* the arena's copy */
    size_t len;
    size_t at;
    struct weir_error *err;
};

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "%s", JSON_NO_MEMORY);
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

enum weir_status json_parse_exact(struct arena *a, struct weir_bytes text,
                                  struct weir_value *ret_doc, struct weir_error *err)
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
    struct weir_value doc;
    enum weir_status status = read_value(&r, 1, &doc);
    if (status != WEIR_OK) {
        return status;
    }
    skip_space(&r);
    if (r.at < r.len) {
        return wrong(&r, "more text behind the JSON value");
    }
    *ret_doc = doc;
    return WEIR_OK;
}
