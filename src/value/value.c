/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes: finding members, building, sorting and copying. The tree is described in value.h. */
#include "value/value.h"

#include <stdlib.h>

#include "base/error.h"
#include "value/json_shim.h"
#include "value/number.h"

#define ROOM_FIRST 4u
/* Up to this many members a linear search, or an insertion sort, is the fastest. */
#define FEW_MEMBERS 16u

const char *value_type_name(enum value_type type)
{
    static const char *const names[VALUE_TYPE_COUNT] = {"S", "N", "B",  "BOOL", "NULL",
                                                        "M", "L", "SS", "NS",   "BS"};
    WEIR_ASSERT((unsigned)type < VALUE_TYPE_COUNT);
    return names[type];
}

static const struct weir_value *search_sorted(const struct value_map *map, struct weir_bytes name)
{
    uint32_t low = 0;
    uint32_t high = map->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = bytes_cmp(map->at[middle].name, name);
        if (order == 0) {
            return &map->at[middle].value;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const struct weir_value *value_member(const struct weir_value *map, struct weir_bytes name)
{
    if (map == NULL || map->type != VALUE_M) {
        return NULL;
    }
    if (map->form != VALUE_PLAIN && map->u.map.count > FEW_MEMBERS) {
        return search_sorted(&map->u.map, name);
    }
    for (uint32_t i = 0; i < map->u.map.count; i++) {
        if (bytes_eq(map->u.map.at[i].name, name)) {
            return &map->u.map.at[i].value;
        }
    }
    return NULL;
}

int64_t value_get_int(const struct weir_value *map, const char *name)
{
    const struct weir_value *member = value_get(map, name);
    struct number number;
    int64_t value = 0;
    if (member != NULL && member->type == VALUE_N &&
        number_parse(member->u.bytes, &number, NULL) == WEIR_OK) {
        (void)number_to_int64(&number, &value);
    }
    return value;
}

static struct weir_value *new_node(struct arena *a, enum value_type type, enum value_form form)
{
    struct weir_value *node = ARENA_NEW(a, struct weir_value);
    if (node != NULL) {
        node->type = (uint8_t)type;
        node->form = (uint8_t)form;
    }
    return node;
}

struct weir_value *value_new_map(struct arena *a, enum value_form form)
{
    return new_node(a, VALUE_M, form);
}

struct weir_value *value_new_list(struct arena *a, enum value_form form)
{
    return new_node(a, VALUE_L, form);
}

/* The array at `old`, of `count` elements, with room for one more; NULL without memory. */
static void *grown(struct arena *a, void *old, uint32_t count, uint32_t *room, size_t size)
{
    if (count < *room) {
        return old;
    }
    if (count > UINT32_MAX / 2) {
        return NULL;
    }
    uint32_t wanted = count < ROOM_FIRST ? ROOM_FIRST : count * 2;
    void *bigger = arena_calloc(a, wanted, size);
    if (bigger == NULL) {
        return NULL;
    }
    if (count > 0) {
        memcpy(bigger, old, count * size);
    }
    *room = wanted;
    return bigger;
}

/* Members of an item are attribute values; those of anything else are like it. */
static uint8_t form_of_members(const struct weir_value *container)
{
    return container->form == VALUE_ITEM ? VALUE_ATTRIBUTE : container->form;
}

struct weir_value *value_add(struct arena *a, struct weir_value *map, struct weir_bytes name)
{
    if (map == NULL) {
        return NULL;
    }
    WEIR_ASSERT(map->type == VALUE_M);
    struct value_map *m = &map->u.map;
    struct value_member *at = grown(a, m->at, m->count, &m->room, sizeof(*at));
    if (at == NULL) {
        return NULL;
    }
    m->at = at;
    struct value_member *member = &m->at[m->count++];
    *member = (struct value_member){.name = name,
                                    .value = {.type = VALUE_NULL, .form = form_of_members(map)}};
    return &member->value;
}

struct weir_value *value_append(struct arena *a, struct weir_value *list)
{
    if (list == NULL) {
        return NULL;
    }
    WEIR_ASSERT(list->type == VALUE_L || list->type >= VALUE_SS);
    struct value_list *l = &list->u.list;
    struct weir_value *at = grown(a, l->at, l->count, &l->room, sizeof(*at));
    if (at == NULL) {
        return NULL;
    }
    l->at = at;
    struct weir_value *node = &l->at[l->count++];
    *node = (struct weir_value){.type = VALUE_NULL, .form = form_of_members(list)};
    return node;
}

static void set_bytes(struct weir_value *to, enum value_type type, enum value_form form,
                      struct weir_bytes bytes)
{
    if (to != NULL) {
        *to = (struct weir_value){.type = (uint8_t)type, .form = (uint8_t)form, .u.bytes = bytes};
    }
}

void value_add_str(struct arena *a, struct weir_value *map, const char *name,
                   struct weir_bytes text)
{
    set_bytes(value_add(a, map, bytes_str(name)), VALUE_S, VALUE_PLAIN, text);
}

/* A plain number member with a copy of this text. */
static void add_number(struct arena *a, struct weir_value *map, const char *name, const char *text,
                       size_t len)
{
    struct weir_bytes copy = arena_dup(a, bytes_of(text, len));
    if (copy.ptr != NULL) {
        set_bytes(value_add(a, map, bytes_str(name)), VALUE_N, VALUE_PLAIN, copy);
    }
}

void value_add_int(struct arena *a, struct weir_value *map, const char *name, int64_t number)
{
    char text[JSON_SHIM_NUMBER_MAX];
    add_number(a, map, name, text, json_shim_format_int(number, text));
}

void value_add_double(struct arena *a, struct weir_value *map, const char *name, double number)
{
    char text[JSON_SHIM_NUMBER_MAX];
    WEIR_ASSERT(__builtin_isfinite(number));
    add_number(a, map, name, text, json_shim_format_double(number, text));
}

void value_add_bool(struct arena *a, struct weir_value *map, const char *name, bool truth)
{
    struct weir_value *node = value_add(a, map, bytes_str(name));
    if (node != NULL) {
        *node = (struct weir_value){.type = VALUE_BOOL, .form = VALUE_PLAIN, .truth = truth};
    }
}

static struct weir_value *add_container(struct arena *a, struct weir_value *map, const char *name,
                                        enum value_type type)
{
    struct weir_value *node = value_add(a, map, bytes_str(name));
    if (node != NULL) {
        *node = (struct weir_value){.type = (uint8_t)type, .form = node->form};
    }
    return node;
}

struct weir_value *value_add_map(struct arena *a, struct weir_value *map, const char *name)
{
    return add_container(a, map, name, VALUE_M);
}

struct weir_value *value_add_list(struct arena *a, struct weir_value *map, const char *name)
{
    return add_container(a, map, name, VALUE_L);
}

void value_add_value(struct arena *a, struct weir_value *map, const char *name,
                     const struct weir_value *value)
{
    struct weir_value *node = value_add(a, map, bytes_str(name));
    if (node == NULL || value == NULL) {
        return;
    }
    *node = *value;
    /* The array is shared now: whoever appends takes a copy of it. */
    if (node->type == VALUE_M) {
        node->u.map.room = 0;
    } else if (node->type >= VALUE_L) {
        node->u.list.room = 0;
    }
}

void value_set_s(struct weir_value *to, struct weir_bytes text)
{
    set_bytes(to, VALUE_S, VALUE_ATTRIBUTE, text);
}

void value_set_n(struct weir_value *to, struct weir_bytes canonical)
{
    set_bytes(to, VALUE_N, VALUE_ATTRIBUTE, canonical);
}

void value_set_b(struct weir_value *to, struct weir_bytes raw)
{
    set_bytes(to, VALUE_B, VALUE_ATTRIBUTE, raw);
}

void value_set_bool(struct weir_value *to, bool truth)
{
    if (to != NULL) {
        *to = (struct weir_value){.type = VALUE_BOOL, .form = VALUE_ATTRIBUTE, .truth = truth};
    }
}

void value_set_null(struct weir_value *to)
{
    if (to != NULL) {
        *to = (struct weir_value){.type = VALUE_NULL, .form = VALUE_ATTRIBUTE};
    }
}

static int compare_names(const void *a, const void *b)
{
    return bytes_cmp(((const struct value_member *)a)->name,
                     ((const struct value_member *)b)->name);
}

static void insertion_sort(struct value_map *map)
{
    for (uint32_t i = 1; i < map->count; i++) {
        if (compare_names(&map->at[i - 1], &map->at[i]) <= 0) {
            continue;
        }
        struct value_member moved = map->at[i];
        uint32_t to = i;
        for (; to > 0 && bytes_cmp(map->at[to - 1].name, moved.name) > 0; to--) {
            map->at[to] = map->at[to - 1];
        }
        map->at[to] = moved;
    }
}

enum weir_status value_sort_map(struct weir_value *map, struct weir_error *err)
{
    if (map == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a map");
    }
    WEIR_ASSERT(map->type == VALUE_M);
    struct value_map *m = &map->u.map;
    if (m->count <= FEW_MEMBERS) {
        insertion_sort(m);
    } else {
        qsort(m->at, m->count, sizeof(m->at[0]), compare_names);
    }
    for (uint32_t i = 1; i < m->count; i++) {
        if (bytes_eq(m->at[i - 1].name, m->at[i].name)) {
            size_t shown = m->at[i].name.len < 200 ? m->at[i].name.len : 200;
            return error_set(err, WEIR_VALIDATION, "The attribute name is given twice: %.*s",
                             BYTES_ARG(bytes_of(m->at[i].name.ptr, shown)));
        }
    }
    return WEIR_OK;
}

static bool copy_into(struct arena *a, const struct weir_value *from, struct weir_value *to);

static bool copy_map(struct arena *a, const struct value_map *from, struct value_map *to)
{
    *to = (struct value_map){.at = ARENA_ARRAY(a, struct value_member, from->count)};
    if (to->at == NULL) {
        return false;
    }
    to->count = from->count;
    for (uint32_t i = 0; i < from->count; i++) {
        to->at[i].name = arena_dup(a, from->at[i].name);
        if (to->at[i].name.ptr == NULL || !copy_into(a, &from->at[i].value, &to->at[i].value)) {
            return false;
        }
    }
    return true;
}

static bool copy_list(struct arena *a, const struct value_list *from, struct value_list *to)
{
    *to = (struct value_list){.at = ARENA_ARRAY(a, struct weir_value, from->count)};
    if (to->at == NULL) {
        return false;
    }
    to->count = from->count;
    for (uint32_t i = 0; i < from->count; i++) {
        if (!copy_into(a, &from->at[i], &to->at[i])) {
            return false;
        }
    }
    return true;
}

static bool copy_into(struct arena *a, const struct weir_value *from, struct weir_value *to)
{
    *to = (struct weir_value){.type = from->type, .form = from->form, .truth = from->truth};
    switch ((enum value_type)from->type) {
    case VALUE_S:
    case VALUE_N:
    case VALUE_B:
        to->u.bytes = arena_dup(a, from->u.bytes);
        return to->u.bytes.ptr != NULL;
    case VALUE_M:
        return copy_map(a, &from->u.map, &to->u.map);
    case VALUE_L:
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        return copy_list(a, &from->u.list, &to->u.list);
    case VALUE_BOOL:
    case VALUE_NULL:
    case VALUE_TYPE_COUNT:
        break;
    }
    return true;
}

struct weir_value *value_copy(struct arena *a, const struct weir_value *value)
{
    struct weir_value *copy = ARENA_NEW(a, struct weir_value);
    return copy != NULL && copy_into(a, value, copy) ? copy : NULL;
}
