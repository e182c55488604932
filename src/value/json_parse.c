/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON text to a tree of plain nodes: simdjson checks the text and makes a tape of it, and the
 * tape is read twice. The first time measures: how many bytes the strings and the numbers' texts
 * need. They are taken from the arena in one piece, the strings copied in one piece too. The
 * second time builds nodes that point into it, and refuses a name that is twice in an object.
 */
#include "value/value.h"

#include <stdlib.h>

#include "base/error.h"
#include "value/json_exact.h"
#include "value/json_shim.h"

/* Up to this many members, comparing each with each is faster than sorting. */
#define FEW_MEMBERS 16u
#define COUNT_SATURATED 0xFFFFFFu

struct walk {
    struct arena *arena;
    struct weir_error *err;
    const uint64_t *words;
    const uint8_t *strings; /* the arena's copy of the string block */
    char *numbers;          /* room for the texts of the numbers to come */
};

static char tag_at(const uint64_t *words, size_t at)
{
    return (char)(words[at] >> 56);
}

static uint64_t payload_at(const uint64_t *words, size_t at)
{
    return words[at] & 0x00FFFFFFFFFFFFFFULL;
}

/* The bytes of the string block in use, and of the texts of all numbers. */
static void measure(const struct json_tape *tape, size_t *ret_strings, size_t *ret_numbers)
{
    size_t end = (size_t)payload_at(tape->words, 0);
    size_t strings = 0;
    size_t numbers = 0;

    for (size_t at = 1; at < end; at++) {
        switch (tag_at(tape->words, at)) {
        case '"': {
            uint32_t len;
            size_t offset = (size_t)payload_at(tape->words, at);
            memcpy(&len, tape->strings + offset, sizeof(len));
            strings = offset + sizeof(len) + len;
            break;
        }
        case 'l':
        case 'u':
        case 'd':
            numbers += JSON_SHIM_NUMBER_MAX;
            at++;
            break;
        default:
            break;
        }
    }
    *ret_strings = strings;
    *ret_numbers = numbers;
}

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "%s", JSON_NO_MEMORY);
}

static struct weir_bytes string_at(const struct walk *w, size_t at)
{
    uint32_t len;
    const uint8_t *string = w->strings + payload_at(w->words, at);
    memcpy(&len, string, sizeof(len));
    return bytes_of(string + sizeof(len), len);
}

static struct weir_bytes number_at(struct walk *w, size_t at)
{
    char *text = w->numbers;
    size_t len;
    int64_t whole;
    double real;

    switch (tag_at(w->words, at)) {
    case 'l':
        memcpy(&whole, &w->words[at + 1], sizeof(whole));
        len = json_shim_format_int(whole, text);
        break;
    case 'u':
        len = json_shim_format_uint(w->words[at + 1], text);
        break;
    default:
        memcpy(&real, &w->words[at + 1], sizeof(real));
        len = json_shim_format_double(real, text);
        break;
    }
    w->numbers += len;
    return bytes_of(text, len);
}

static enum weir_status refuse_duplicate(struct weir_bytes name, struct weir_error *err)
{
    size_t shown = name.len < 200 ? name.len : 200;
    return error_set(err, WEIR_SERIALIZATION, "a member name is twice in one JSON object: %.*s",
                     BYTES_ARG(bytes_of(name.ptr, shown)));
}

static int compare_names(const void *a, const void *b)
{
    return bytes_cmp(*(const struct weir_bytes *)a, *(const struct weir_bytes *)b);
}

static enum weir_status check_many_names(struct walk *w, const struct value_map *map)
{
    struct weir_bytes *names = ARENA_ARRAY(w->arena, struct weir_bytes, map->count);

    if (names == NULL) {
        return no_memory(w->err);
    }
    for (uint32_t i = 0; i < map->count; i++) {
        names[i] = map->at[i].name;
    }
    qsort(names, map->count, sizeof(names[0]), compare_names);
    for (uint32_t i = 1; i < map->count; i++) {
        if (bytes_eq(names[i - 1], names[i])) {
            return refuse_duplicate(names[i], w->err);
        }
    }
    return WEIR_OK;
}

static enum weir_status check_names(struct walk *w, const struct value_map *map)
{
    if (map->count > FEW_MEMBERS) {
        return check_many_names(w, map);
    }
    for (uint32_t i = 1; i < map->count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (bytes_eq(map->at[i].name, map->at[j].name)) {
                return refuse_duplicate(map->at[i].name, w->err);
            }
        }
    }
    return WEIR_OK;
}

static enum weir_status build(struct walk *w, size_t at, struct weir_value *to);

/* The index behind the value that begins at `at`. */
static size_t behind(const struct walk *w, size_t at)
{
    switch (tag_at(w->words, at)) {
    case '{':
    case '[':
        return (size_t)(uint32_t)payload_at(w->words, at);
    case 'l':
    case 'u':
    case 'd':
        return at + 2;
    default:
        return at + 1;
    }
}

/* Number of elements of the container at `at`; false if the tape could not count so far. */
static bool element_count(struct walk *w, size_t at, uint32_t *ret_count)
{
    uint32_t count = (uint32_t)(payload_at(w->words, at) >> 32);
    if (count == COUNT_SATURATED) {
        (void)error_set(w->err, WEIR_SERIALIZATION,
                        "too many elements in one JSON array or object");
        return false;
    }
    *ret_count = count;
    return true;
}

static enum weir_status build_list(struct walk *w, size_t at, struct weir_value *to)
{
    uint32_t count;

    *to = (struct weir_value){.type = VALUE_L, .form = VALUE_PLAIN};
    if (!element_count(w, at, &count)) {
        return WEIR_SERIALIZATION;
    }
    to->u.list.at = arena_alloc(w->arena, count * sizeof(struct weir_value));
    if (to->u.list.at == NULL) {
        return no_memory(w->err);
    }
    at++;
    for (; to->u.list.count < count; to->u.list.count++) {
        enum weir_status status = build(w, at, &to->u.list.at[to->u.list.count]);
        if (status != WEIR_OK) {
            return status;
        }
        at = behind(w, at);
    }
    return WEIR_OK;
}

static enum weir_status build_map(struct walk *w, size_t at, struct weir_value *to)
{
    uint32_t count;

    *to = (struct weir_value){.type = VALUE_M, .form = VALUE_PLAIN};
    if (!element_count(w, at, &count)) {
        return WEIR_SERIALIZATION;
    }
    to->u.map.at = arena_alloc(w->arena, count * sizeof(struct value_member));
    if (to->u.map.at == NULL) {
        return no_memory(w->err);
    }
    at++;
    for (; to->u.map.count < count; to->u.map.count++) {
        struct value_member *member = &to->u.map.at[to->u.map.count];
        member->name = string_at(w, at);
        enum weir_status status = build(w, at + 1, &member->value);
        if (status != WEIR_OK) {
            return status;
        }
        at = behind(w, at + 1);
    }
    return check_names(w, &to->u.map);
}

/* One node and all below it. The depth is bounded: the parser refused what is deeper. */
static enum weir_status build(struct walk *w, size_t at, struct weir_value *to)
{
    switch (tag_at(w->words, at)) {
    case '{':
        return build_map(w, at, to);
    case '[':
        return build_list(w, at, to);
    case '"':
        *to =
            (struct weir_value){.type = VALUE_S, .form = VALUE_PLAIN, .u.bytes = string_at(w, at)};
        return WEIR_OK;
    case 'l':
    case 'u':
    case 'd':
        *to =
            (struct weir_value){.type = VALUE_N, .form = VALUE_PLAIN, .u.bytes = number_at(w, at)};
        return WEIR_OK;
    case 't':
    case 'f':
        *to = (struct weir_value){
            .type = VALUE_BOOL, .form = VALUE_PLAIN, .truth = tag_at(w->words, at) == 't'};
        return WEIR_OK;
    case 'n':
        *to = (struct weir_value){.type = VALUE_NULL, .form = VALUE_PLAIN};
        return WEIR_OK;
    default:
        return error_set(w->err, WEIR_INTERNAL, "the JSON parser made an unknown kind of value");
    }
}

static enum weir_status build_document(struct arena *a, const struct json_tape *tape,
                                       struct weir_value **ret_doc, struct weir_error *err)
{
    size_t string_bytes;
    size_t number_bytes;

    measure(tape, &string_bytes, &number_bytes);
    struct weir_value *doc = arena_alloc(a, sizeof(*doc));
    uint8_t *strings = arena_alloc(a, string_bytes);
    char *numbers = arena_alloc(a, number_bytes);
    if (doc == NULL || strings == NULL || numbers == NULL) {
        return no_memory(err);
    }
    if (string_bytes > 0) {
        memcpy(strings, tape->strings, string_bytes);
    }
    struct walk w = {
        .arena = a, .err = err, .words = tape->words, .strings = strings, .numbers = numbers};
    enum weir_status status = build(&w, 1, doc);
    if (status == WEIR_OK) {
        *ret_doc = doc;
    }
    return status;
}

enum weir_status json_parse(struct arena *a, struct weir_bytes text, struct weir_value **ret_doc,
                            struct weir_error *err)
{
    struct json_tape tape;
    enum weir_status status;

    const char *wrong = json_shim_parse(text.ptr, text.len, LIMIT_JSON_DEPTH, &tape);
    if (wrong == NULL) {
        status = build_document(a, &tape, ret_doc, err);
    } else if (*wrong == '\0') {
        status = no_memory(err);
    } else {
        status = error_set(err, WEIR_SERIALIZATION, "the body is no valid JSON: %s", wrong);
    }
    json_shim_done(LIMIT_JSON_PARSER_KEEP_BYTES);
    return status;
}
