/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building items. Every setter finds the node that is to be filled (slot), which is NULL once the
 * item is spoilt, and fills it. The tree keeps value.h's invariants after each of them: an item is
 * handed to the service, in this process too, as it stands.
 */
#include "client/item.h"

#include "base/base64.h"
#include "base/error.h"
#include "base/utf8.h"
#include "value/number.h"

#include <stdio.h>
#include <stdlib.h>

#define COMPACT_BYTES_FIRST ((size_t)256 * 1024)
#define INTEGER_TEXT_MAX 24

/* ---- life ------------------------------------------------------------------------------------ */

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "out of memory for an item");
}

enum weir_status weir_item_new(struct weir_item **ret_item, struct weir_error *err)
{
    struct weir_item *item = calloc(1, sizeof(*item));
    struct item_build *build = calloc(1, sizeof(*build));
    struct arena *arena = arena_new(ITEM_MEMORY_MAX);
    if (item == NULL || build == NULL || arena == NULL) {
        free(item);
        free(build);
        arena_free(arena);
        return no_memory(err);
    }
    build->arena = arena;
    build->compact_at = COMPACT_BYTES_FIRST;
    item->build = build;
    item->root = (struct weir_value){.type = VALUE_M, .form = VALUE_ITEM};
    *ret_item = item;
    return WEIR_OK;
}

void weir_item_free(struct weir_item *item)
{
    if (item != NULL) {
        arena_free(item->build->arena);
        free(item->build);
        free(item);
    }
}

void weir_item_clear(struct weir_item *item)
{
    if (item == NULL) {
        return;
    }
    arena_reset(item->build->arena);
    item->build->compact_at = COMPACT_BYTES_FIRST;
    item->build->depth = 0;
    item->build->error = (struct weir_error){0};
    item->root = (struct weir_value){.type = VALUE_M, .form = VALUE_ITEM};
}

enum weir_status item_new_copy(const struct weir_value *root, struct weir_item **ret_item,
                               struct weir_error *err)
{
    struct weir_item *item = NULL;
    enum weir_status status = weir_item_new(&item, err);
    if (status != WEIR_OK) {
        return status;
    }
    const struct weir_value *copy = value_copy(item->build->arena, root);
    if (copy == NULL) {
        weir_item_free(item);
        return no_memory(err);
    }
    item->root = *copy;
    item->root.form = VALUE_ITEM;
    *ret_item = item;
    return WEIR_OK;
}

enum weir_status weir_item_copy(const struct weir_item *item, struct weir_item **ret_copy,
                                struct weir_error *err)
{
    enum weir_status status = item_ready(item, "item", err);
    return status == WEIR_OK ? item_new_copy(&item->root, ret_copy, err) : status;
}

/* ---- errors ---------------------------------------------------------------------------------- */

enum weir_status weir_item_status(const struct weir_item *item, struct weir_error *err)
{
    if (item == NULL) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "no item: it was never made");
    }
    if (item->build == NULL || item->build->error.status == WEIR_OK) {
        return WEIR_OK;
    }
    if (err != NULL) {
        *err = item->build->error;
    }
    return item->build->error.status;
}

enum weir_status item_ready(const struct weir_item *item, const char *what, struct weir_error *err)
{
    if (item == NULL) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "no %s is given", what);
    }
    enum weir_status status = weir_item_status(item, err);
    if (status == WEIR_OK && item->build != NULL && item->build->depth > 0) {
        status = error_set(err, WEIR_INVALID_ARGUMENT,
                           "a map or list of the %s is still open: weir_item_end is missing", what);
    }
    return status;
}

/* The error object of an item that may still be changed; a setter's first step. */
static struct weir_error *error_of(struct weir_item *item)
{
    return &item->build->error;
}

static bool is_spoilt(const struct weir_item *item)
{
    return item == NULL || item->build->error.status != WEIR_OK;
}

/* What a setter returns. */
static enum weir_status ended(const struct weir_item *item)
{
    return item == NULL ? WEIR_INVALID_ARGUMENT : item->build->error.status;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Leaves replaced values behind. Without memory for a copy things stay as they are. */
static void compact(struct weir_item *item)
{
    struct item_build *build = item->build;
    struct arena *arena = arena_new(ITEM_MEMORY_MAX);
    const struct weir_value *copy = arena == NULL ? NULL : value_copy(arena, &item->root);
    if (copy == NULL) {
        arena_free(arena);
        return;
    }
    item->root = *copy;
    arena_free(build->arena);
    build->arena = arena;
    size_t twice = 2 * arena_used(arena);
    build->compact_at = twice > COMPACT_BYTES_FIRST ? twice : COMPACT_BYTES_FIRST;
}

/* The end of a setter: what it was given may have been in the tree that is left behind. */
static enum weir_status changed(struct weir_item *item)
{
    struct item_build *build = item->build;
    if (build->error.status == WEIR_OK && build->depth == 0 &&
        arena_used(build->arena) > build->compact_at) {
        compact(item);
    }
    return build->error.status;
}

static bool copy_bytes(struct weir_item *item, const void *ptr, size_t len,
                       struct weir_bytes *ret_copy)
{
    *ret_copy = arena_dup(item->build->arena, bytes_of(ptr, len));
    if (ret_copy->ptr == NULL) {
        (void)error_set(error_of(item), WEIR_NO_MEMORY, "the item needs more than %zu MiB",
                        ITEM_MEMORY_MAX >> 20);
        return false;
    }
    return true;
}

/* ---- the node to be filled ------------------------------------------------------------------- */

static struct weir_value *container(struct weir_item *item)
{
    struct item_build *build = item->build;
    return build->depth == 0 ? &item->root : build->open[build->depth - 1];
}

static bool name_is_good(struct weir_item *item, struct weir_bytes name)
{
    if (name.len == 0) {
        (void)error_set(error_of(item), WEIR_INVALID_ARGUMENT,
                        "an attribute needs a name: only elements of an open list have none");
    } else if (name.len > LIMIT_ATTRIBUTE_NAME_MAX) {
        (void)error_set(error_of(item), WEIR_TOO_LARGE, "a name of %zu bytes: %d is the most",
                        name.len, LIMIT_ATTRIBUTE_NAME_MAX);
    } else if (!utf8_valid(name)) {
        (void)error_set(error_of(item), WEIR_INVALID_ARGUMENT, "a name is not UTF-8");
    }
    return !is_spoilt(item);
}

/* Where the name is, or belongs. */
static uint32_t place_of(const struct value_map *map, struct weir_bytes name)
{
    uint32_t low = 0;
    uint32_t high = map->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (bytes_cmp(map->at[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The member of that name, made in its place if it is not there; NULL without memory. */
static struct weir_value *member_slot(struct weir_item *item, struct weir_value *map,
                                      struct weir_bytes name)
{
    struct value_map *m = &map->u.map;
    uint32_t place = place_of(m, name);
    struct weir_bytes copy = BYTES_NONE;
    if (place < m->count && bytes_eq(m->at[place].name, name)) {
        return &m->at[place].value;
    }
    if (!copy_bytes(item, name.ptr, name.len, &copy) ||
        value_add(item->build->arena, map, copy) == NULL) {
        return NULL;
    }
    struct value_member added = m->at[m->count - 1];
    memmove(&m->at[place + 1], &m->at[place], (m->count - 1 - place) * sizeof(m->at[0]));
    m->at[place] = added;
    return &m->at[place].value;
}

/* `levels` of nesting fit below what is open. */
static bool depth_is_good(struct weir_item *item, unsigned levels)
{
    if (item->build->depth + levels <= LIMIT_NESTING_LEVELS) {
        return true;
    }
    (void)error_set(error_of(item), WEIR_VALIDATION,
                    "Nesting Levels have exceeded supported limits: Attributes in the item have "
                    "nested levels beyond supported limit");
    return false;
}

/* Puts a finished value, whose bytes are in the item's arena, under the name or at the list's end.
 */
static struct weir_value *place_value(struct weir_item *item, const char *name, size_t name_len,
                                      const struct weir_value *value)
{
    struct weir_value *into = container(item);
    struct weir_value *slot = NULL;
    if (!depth_is_good(item, value_depth(value))) {
        return NULL;
    }
    if (into->type == VALUE_M) {
        slot = name_is_good(item, bytes_of(name, name_len))
                   ? member_slot(item, into, bytes_of(name, name_len))
                   : NULL;
    } else if (name_len > 0) {
        (void)error_set(error_of(item), WEIR_INVALID_ARGUMENT,
                        "an element of the open list is given a name");
    } else {
        slot = value_append(item->build->arena, into);
    }
    if (slot == NULL) {
        if (!is_spoilt(item)) {
            (void)no_memory(error_of(item));
        }
        return NULL;
    }
    *slot = *value;
    return slot;
}

static enum weir_status put(struct weir_item *item, const char *name, size_t name_len,
                            const struct weir_value *value)
{
    (void)place_value(item, name, name_len, value);
    return changed(item);
}

/* ---- scalars --------------------------------------------------------------------------------- */

enum weir_status weir_item_set_string(struct weir_item *item, const char *name, size_t name_len,
                                      const char *text, size_t len)
{
    struct weir_value value;
    struct weir_bytes copy;
    if (is_spoilt(item)) {
        return ended(item);
    }
    if (!utf8_valid(bytes_of(text, len))) {
        return error_set(error_of(item), WEIR_INVALID_ARGUMENT,
                         "a string is not UTF-8: other bytes are weir_item_set_binary's");
    }
    if (!copy_bytes(item, text, len, &copy)) {
        return ended(item);
    }
    value_set_s(&value, copy);
    return put(item, name, name_len, &value);
}

enum weir_status weir_item_set_number(struct weir_item *item, const char *name, size_t name_len,
                                      const char *text, size_t len)
{
    struct weir_value value;
    struct number number;
    char canonical[NUMBER_TEXT_MAX];
    struct weir_bytes copy;
    if (is_spoilt(item) || number_parse(bytes_of(text, len), &number, error_of(item)) != WEIR_OK ||
        !copy_bytes(item, canonical, number_format(&number, canonical), &copy)) {
        return ended(item);
    }
    value_set_n(&value, copy);
    return put(item, name, name_len, &value);
}

enum weir_status weir_item_set_int64(struct weir_item *item, const char *name, size_t name_len,
                                     int64_t number)
{
    char text[INTEGER_TEXT_MAX];
    int len = snprintf(text, sizeof(text), "%lld", (long long)number);
    return weir_item_set_number(item, name, name_len, text, (size_t)len);
}

enum weir_status weir_item_set_uint64(struct weir_item *item, const char *name, size_t name_len,
                                      uint64_t number)
{
    char text[INTEGER_TEXT_MAX];
    int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    return weir_item_set_number(item, name, name_len, text, (size_t)len);
}

enum weir_status weir_item_set_binary(struct weir_item *item, const char *name, size_t name_len,
                                      const void *bytes, size_t len)
{
    struct weir_value value;
    struct weir_bytes copy;
    if (is_spoilt(item) || !copy_bytes(item, bytes, len, &copy)) {
        return ended(item);
    }
    value_set_b(&value, copy);
    return put(item, name, name_len, &value);
}

enum weir_status weir_item_set_bool(struct weir_item *item, const char *name, size_t name_len,
                                    int32_t truth)
{
    struct weir_value value;
    if (is_spoilt(item)) {
        return ended(item);
    }
    value_set_bool(&value, truth != 0);
    return put(item, name, name_len, &value);
}

enum weir_status weir_item_set_null(struct weir_item *item, const char *name, size_t name_len)
{
    struct weir_value value;
    if (is_spoilt(item)) {
        return ended(item);
    }
    value_set_null(&value);
    return put(item, name, name_len, &value);
}

enum weir_status weir_item_set_value(struct weir_item *item, const char *name, size_t name_len,
                                     const struct weir_value *value)
{
    if (is_spoilt(item)) {
        return ended(item);
    }
    if (value == NULL) {
        return error_set(error_of(item), WEIR_INVALID_ARGUMENT, "no value is given");
    }
    struct weir_value *copy = value_copy(item->build->arena, value);
    if (copy == NULL) {
        return no_memory(error_of(item));
    }
    copy->form = VALUE_ATTRIBUTE;
    return put(item, name, name_len, copy);
}

/* ---- sets ------------------------------------------------------------------------------------ */

/* A member as DynamoDB JSON has it: Base64 where it is binary. */
static bool member_text(struct weir_item *item, enum value_type type, struct weir_text member,
                        struct weir_bytes *ret_text)
{
    if (type != VALUE_BS) {
        if (type == VALUE_SS && !utf8_valid(text_bytes(member))) {
            (void)error_set(error_of(item), WEIR_INVALID_ARGUMENT,
                            "a member of a string set is not UTF-8");
            return false;
        }
        return copy_bytes(item, member.ptr, member.len, ret_text);
    }
    size_t len = base64_text_len(member.len);
    uint8_t *text = arena_alloc(item->build->arena, len);
    if (text == NULL) {
        (void)no_memory(error_of(item));
        return false;
    }
    base64_encode(text_bytes(member), text);
    *ret_text = bytes_of(text, len);
    return true;
}

/* {"SS":[...]}, to be checked and sorted where all of DynamoDB JSON is. */
static struct weir_value *set_document(struct weir_item *item, enum value_type type,
                                       const struct weir_text *members, uint32_t count)
{
    struct arena *a = item->build->arena;
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    struct weir_value *list = value_add_list(a, document, value_type_name(type));
    for (uint32_t i = 0; i < count; i++) {
        struct weir_bytes text;
        if (!member_text(item, type, members[i], &text)) {
            return NULL;
        }
        struct weir_value *node = value_append(a, list);
        if (node == NULL) {
            break;
        }
        *node = (struct weir_value){.type = VALUE_S, .form = VALUE_PLAIN, .u.bytes = text};
    }
    if (list == NULL || list->u.list.count != count) {
        (void)no_memory(error_of(item));
        return NULL;
    }
    return document;
}

static enum weir_status set_set(struct weir_item *item, enum value_type type, const char *name,
                                size_t name_len, const struct weir_text *members, uint32_t count)
{
    struct weir_value *value = NULL;
    if (is_spoilt(item)) {
        return ended(item);
    }
    const struct weir_value *document = set_document(item, type, members, count);
    if (document == NULL ||
        value_to_attribute(item->build->arena, document, &value, error_of(item)) != WEIR_OK) {
        return ended(item);
    }
    return put(item, name, name_len, value);
}

enum weir_status weir_item_set_string_set(struct weir_item *item, const char *name, size_t name_len,
                                          const struct weir_text *members, uint32_t count)
{
    return set_set(item, VALUE_SS, name, name_len, members, count);
}

enum weir_status weir_item_set_number_set(struct weir_item *item, const char *name, size_t name_len,
                                          const struct weir_text *members, uint32_t count)
{
    return set_set(item, VALUE_NS, name, name_len, members, count);
}

enum weir_status weir_item_set_binary_set(struct weir_item *item, const char *name, size_t name_len,
                                          const struct weir_text *members, uint32_t count)
{
    return set_set(item, VALUE_BS, name, name_len, members, count);
}

/* ---- maps and lists -------------------------------------------------------------------------- */

static enum weir_status begin(struct weir_item *item, enum value_type type, const char *name,
                              size_t name_len)
{
    struct weir_value empty = {.type = (uint8_t)type, .form = VALUE_ATTRIBUTE};
    if (is_spoilt(item)) {
        return ended(item);
    }
    struct weir_value *slot = place_value(item, name, name_len, &empty);
    if (slot != NULL) {
        item->build->open[item->build->depth++] = slot;
    }
    return ended(item);
}

enum weir_status weir_item_begin_map(struct weir_item *item, const char *name, size_t name_len)
{
    return begin(item, VALUE_M, name, name_len);
}

enum weir_status weir_item_begin_list(struct weir_item *item, const char *name, size_t name_len)
{
    return begin(item, VALUE_L, name, name_len);
}

enum weir_status weir_item_end(struct weir_item *item)
{
    if (is_spoilt(item)) {
        return ended(item);
    }
    if (item->build->depth == 0) {
        return error_set(error_of(item), WEIR_INVALID_ARGUMENT, "no map or list is open");
    }
    item->build->depth--;
    return changed(item);
}

enum weir_status weir_item_remove(struct weir_item *item, const char *name, size_t name_len)
{
    if (is_spoilt(item)) {
        return ended(item);
    }
    struct weir_value *from = container(item);
    if (from->type != VALUE_M) {
        return error_set(error_of(item), WEIR_INVALID_ARGUMENT,
                         "an element of the open list cannot be removed by name");
    }
    struct value_map *map = &from->u.map;
    uint32_t place = place_of(map, bytes_of(name, name_len));
    if (place < map->count && bytes_eq(map->at[place].name, bytes_of(name, name_len))) {
        memmove(&map->at[place], &map->at[place + 1],
                (map->count - 1 - place) * sizeof(map->at[0]));
        map->count--;
    }
    return WEIR_OK;
}
