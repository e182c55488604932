/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Half of a batch. Both batch operations have their elements in RequestItems, a list for each
 * table: of writes, or under "Keys" beside members that all keys of the table share.
 *
 *     {orders: [w1 w2 w3], notes: [w4]}  ──►  kept {orders: [w1 w2]}   rest {orders: [w3],
 *                                                                            notes: [w4]}
 */
#include "server/weather.h"

/* The list of a table's entry; NULL when it is not of a batch's form. */
static const struct weir_value *elements_of(const struct weir_value *entry)
{
    const struct weir_value *list =
        entry->type == VALUE_L ? entry : value_member(entry, BYTES_LIT("Keys"));
    return list != NULL && list->type == VALUE_L ? list : NULL;
}

/* How many elements all tables have; 0 when it is not of a batch's form. */
static uint32_t count_elements(const struct weir_value *items)
{
    uint32_t count = 0;
    if (items == NULL || items->type != VALUE_M) {
        return 0;
    }
    for (uint32_t i = 0; i < items->u.map.count; i++) {
        const struct weir_value *list = elements_of(&items->u.map.at[i].value);
        if (list == NULL) {
            return 0;
        }
        count += list->u.list.count;
    }
    return count;
}

/* A copy of the entry with `count` of its elements from `from` on. */
static void copy_slice(struct arena *a, const struct weir_value *entry, uint32_t from,
                       uint32_t count, struct weir_value *to)
{
    if (entry->type == VALUE_L) {
        *to = *entry;
        to->u.list = (struct value_list){.at = entry->u.list.at + from, .count = count};
        return;
    }
    struct weir_value *map = value_new_map(a, VALUE_PLAIN);
    for (uint32_t i = 0; i < entry->u.map.count; i++) {
        const struct value_member *member = &entry->u.map.at[i];
        struct weir_value *copy = value_add(a, map, member->name);
        if (copy == NULL) {
            return;
        }
        *copy = member->value;
        if (bytes_eq_str(member->name, "Keys")) {
            copy->u.list =
                (struct value_list){.at = member->value.u.list.at + from, .count = count};
        }
    }
    if (map != NULL) {
        *to = *map;
    }
}

static void add_slice(struct arena *a, struct weir_value *items, const struct value_member *table,
                      uint32_t from, uint32_t count)
{
    struct weir_value *to = count == 0 ? NULL : value_add(a, items, table->name);
    if (to != NULL) {
        copy_slice(a, &table->value, from, count, to);
    }
}

/* A copy of the document in which that member is another. */
static struct weir_value *replaced(struct arena *a, const struct weir_value *document,
                                   const char *name, const struct weir_value *value)
{
    struct weir_value *copy = value_new_map(a, VALUE_PLAIN);
    for (uint32_t i = 0; i < document->u.map.count; i++) {
        const struct value_member *member = &document->u.map.at[i];
        struct weir_value *to = value_add(a, copy, member->name);
        if (to == NULL) {
            return NULL;
        }
        *to = bytes_eq_str(member->name, name) ? *value : member->value;
    }
    return copy;
}

void weather_halve(struct arena *a, const struct weir_value *request,
                   const struct weir_value **ret_kept, const struct weir_value **ret_rest)
{
    const struct weir_value *items = value_get(request, "RequestItems");
    uint32_t count = count_elements(items);
    uint32_t room = count - count / 2;
    struct weir_value *kept = value_new_map(a, VALUE_PLAIN);
    struct weir_value *rest = value_new_map(a, VALUE_PLAIN);
    *ret_kept = *ret_rest = NULL;
    if (count < 2 || kept == NULL || rest == NULL) {
        return;
    }
    for (uint32_t i = 0; i < items->u.map.count; i++) {
        const struct value_member *table = &items->u.map.at[i];
        uint32_t all = elements_of(&table->value)->u.list.count;
        uint32_t here = all < room ? all : room;
        add_slice(a, kept, table, 0, here);
        add_slice(a, rest, table, here, all - here);
        room -= here;
    }
    if (count_elements(kept) + count_elements(rest) != count) {
        return; /* without memory for one that would be lost */
    }
    *ret_kept = replaced(a, request, "RequestItems", kept);
    *ret_rest = *ret_kept == NULL ? NULL : rest;
}

/* One table's unprocessed elements of both, behind each other. */
static void join(struct arena *a, const struct weir_value *left, const struct weir_value *right,
                 struct weir_value *to)
{
    const struct weir_value *lists[] = {elements_of(left), elements_of(right)};
    struct weir_value *list = value_new_list(a, VALUE_PLAIN);
    for (unsigned l = 0; l < 2 && lists[l] != NULL; l++) {
        for (uint32_t i = 0; i < lists[l]->u.list.count; i++) {
            struct weir_value *copy = value_append(a, list);
            if (copy != NULL) {
                *copy = lists[l]->u.list.at[i];
            }
        }
    }
    if (list == NULL) {
        return;
    }
    struct weir_value *entry = left->type == VALUE_L ? list : replaced(a, left, "Keys", list);
    if (entry != NULL) {
        *to = *entry;
    }
}

static struct weir_value *merge(struct arena *a, const struct weir_value *own,
                                const struct weir_value *rest)
{
    struct weir_value *all = value_new_map(a, VALUE_PLAIN);
    for (uint32_t i = 0; i < own->u.map.count; i++) {
        const struct value_member *table = &own->u.map.at[i];
        if (value_member(rest, table->name) == NULL) {
            struct weir_value *to = value_add(a, all, table->name);
            if (to != NULL) {
                *to = table->value;
            }
        }
    }
    for (uint32_t i = 0; i < rest->u.map.count; i++) {
        const struct value_member *table = &rest->u.map.at[i];
        const struct weir_value *left = value_member(own, table->name);
        struct weir_value *to = value_add(a, all, table->name);
        if (to != NULL && left == NULL) {
            *to = table->value;
        } else if (to != NULL) {
            join(a, left, &table->value, to);
        }
    }
    return all;
}

struct weir_value *weather_add_rest(struct arena *a, const struct weir_value *response,
                                    const struct weir_value *rest)
{
    static const char *const names[] = {"UnprocessedItems", "UnprocessedKeys"};
    for (unsigned i = 0; i < 2; i++) {
        const struct weir_value *own = value_get(response, names[i]);
        if (own != NULL && own->type == VALUE_M) {
            const struct weir_value *all = merge(a, own, rest);
            bool is_whole = count_elements(all) == count_elements(own) + count_elements(rest);
            return is_whole ? replaced(a, response, names[i], all) : NULL;
        }
    }
    return NULL;
}
