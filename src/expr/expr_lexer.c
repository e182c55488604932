/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to tokens, one at a time and without state: the parser keeps three of them, which is what
 * the message of a syntax error shows. The keywords of all kinds of expressions are keywords in
 * each.
 */

#include "expr/expr_internal.h"

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(uint8_t c)
{
    return is_letter(c) || is_digit(c) || c == '_';
}

static size_t skip_word(struct weir_bytes text, size_t at)
{
    while (at < text.len && is_word(text.ptr[at])) {
        at++;
    }
    return at;
}

static bool is_keyword(struct weir_bytes word, const char *keyword)
{
    for (size_t i = 0; i < word.len; i++) {
        if ((word.ptr[i] & 0xdf) != (uint8_t)keyword[i]) {
            return false;
        }
    }
    return true;
}

static enum token_type word_type(struct weir_bytes word)
{
    static const struct {
        const char *word;
        size_t len;
        enum token_type type;
    } keywords[] = {
        {"OR", 2, TOKEN_OR},         {"IN", 2, TOKEN_IN},         {"AND", 3, TOKEN_AND},
        {"NOT", 3, TOKEN_NOT},       {"SET", 3, TOKEN_SET},       {"ADD", 3, TOKEN_ADD},
        {"REMOVE", 6, TOKEN_REMOVE}, {"DELETE", 6, TOKEN_DELETE}, {"BETWEEN", 7, TOKEN_BETWEEN},
    };
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        if (keywords[i].len == word.len && is_keyword(word, keywords[i].word)) {
            return keywords[i].type;
        }
    }
    return TOKEN_NAME;
}

static struct token word_token(struct weir_bytes text, size_t start)
{
    size_t end = skip_word(text, start + 1);
    return (struct token){word_type(bytes_of(text.ptr + start, end - start)), start, end};
}

static struct token ref_token(struct weir_bytes text, size_t start)
{
    size_t end = skip_word(text, start + 1);
    enum token_type type = text.ptr[start] == '#' ? TOKEN_NAME_REF : TOKEN_VALUE_REF;
    return (struct token){end == start + 1 ? TOKEN_UNKNOWN : type, start, end};
}

/* No leading zeros: "01" is the index 0 and then 1. */
static struct token index_token(struct weir_bytes text, size_t start)
{
    size_t end = start + 1;
    while (text.ptr[start] != '0' && end < text.len && is_digit(text.ptr[end])) {
        end++;
    }
    return (struct token){TOKEN_INDEX, start, end};
}

/* A literal in quotes is one token that has no place in the grammar; unclosed, the quote is. */
static struct token quoted_token(struct weir_bytes text, size_t start)
{
    for (size_t end = start + 1; end < text.len; end++) {
        if (text.ptr[end] == text.ptr[start]) {
            return (struct token){TOKEN_UNKNOWN, start, end + 1};
        }
    }
    return (struct token){TOKEN_UNKNOWN, start, start + 1};
}

/* One character, all bytes of it, that begins no token. */
static struct token unknown_token(struct weir_bytes text, size_t start)
{
    size_t end = start + 1;
    while (end < text.len && (text.ptr[end] & 0xc0) == 0x80) {
        end++;
    }
    return (struct token){TOKEN_UNKNOWN, start, end};
}

static struct token symbol_token(struct weir_bytes text, size_t start)
{
    uint8_t c = text.ptr[start];
    uint8_t second = start + 1 < text.len ? text.ptr[start + 1] : 0;
    switch (c) {
    case '(':
        return (struct token){TOKEN_OPEN, start, start + 1};
    case ')':
        return (struct token){TOKEN_CLOSE, start, start + 1};
    case '[':
        return (struct token){TOKEN_OPEN_INDEX, start, start + 1};
    case ']':
        return (struct token){TOKEN_CLOSE_INDEX, start, start + 1};
    case ',':
        return (struct token){TOKEN_COMMA, start, start + 1};
    case '.':
        return (struct token){TOKEN_DOT, start, start + 1};
    case '+':
        return (struct token){TOKEN_PLUS, start, start + 1};
    case '-':
        return (struct token){TOKEN_MINUS, start, start + 1};
    case '=':
        return (struct token){TOKEN_EQ, start, start + 1};
    case '<':
        if (second == '>' || second == '=') {
            return (struct token){second == '>' ? TOKEN_NE : TOKEN_LE, start, start + 2};
        }
        return (struct token){TOKEN_LT, start, start + 1};
    case '>':
        if (second == '=') {
            return (struct token){TOKEN_GE, start, start + 2};
        }
        return (struct token){TOKEN_GT, start, start + 1};
    case '"':
    case '\'':
        return quoted_token(text, start);
    default:
        return unknown_token(text, start);
    }
}

struct token token_at(struct weir_bytes text, size_t at)
{
    while (at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\t' || text.ptr[at] == '\n' ||
                             text.ptr[at] == '\r')) {
        at++;
    }
    if (at == text.len) {
        return (struct token){TOKEN_END, at, at};
    }
    uint8_t c = text.ptr[at];
    if (is_letter(c)) {
        return word_token(text, at);
    }
    if (c == '#' || c == ':') {
        return ref_token(text, at);
    }
    if (is_digit(c)) {
        return index_token(text, at);
    }
    return symbol_token(text, at);
}
