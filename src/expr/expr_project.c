/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of an item that a tree of branches names: for projections, and for what an update's
 * paths hold before and after it. Members and branches are both sorted, so one walk over both is
 * enough. Lists close up: of a[1] and a[5] come two elements.
 */

#include "expr/expr_internal.h"

#include "base/error.h"

static bool select_members(struct arena *a, const struct branch *branch,
                           const struct value_map *map, struct weir_value *to, bool *ret_memory_ok)
{
    uint32_t room = map->count < branch->count ? map->count : branch->count;
    struct value_member *at = ARENA_ARRAY(a, struct value_member, room);
    if (at == NULL) {
        *ret_memory_ok = false;
        return false;
    }
    uint32_t count = 0;
    const struct branch *child = branch->first;
    for (uint32_t i = 0; i < map->count && child != NULL;) {
        int order = bytes_cmp(map->at[i].name, child->part.name);
        if (order == 0) {
            at[count].name = map->at[i].name;
            count += branches_select(a, child, &map->at[i].value, &at[count].value, ret_memory_ok);
        }
        i += order <= 0;
        child = order >= 0 ? child->next : child;
    }
    *to = (struct weir_value){.type = VALUE_M, .form = VALUE_ATTRIBUTE};
    to->u.map = (struct value_map){.at = at, .count = count};
    return count > 0;
}

static bool select_elements(struct arena *a, const struct branch *branch,
                            const struct value_list *list, struct weir_value *to,
                            bool *ret_memory_ok)
{
    struct weir_value *at = ARENA_ARRAY(a, struct weir_value, branch->count);
    if (at == NULL) {
        *ret_memory_ok = false;
        return false;
    }
    uint32_t count = 0;
    for (const struct branch *child = branch->first; child != NULL; child = child->next) {
        if (child->part.index < list->count) {
            count +=
                branches_select(a, child, &list->at[child->part.index], &at[count], ret_memory_ok);
        }
    }
    *to = (struct weir_value){.type = VALUE_L, .form = VALUE_ATTRIBUTE};
    to->u.list = (struct value_list){.at = at, .count = count};
    return count > 0;
}

bool branches_select(struct arena *a, const struct branch *branch, const struct weir_value *value,
                     struct weir_value *to, bool *ret_memory_ok)
{
    if (branch->leaf) {
        *to = *value;
        return true;
    }
    enum part_kind kind = branch->first->part.kind;
    if (kind == PART_NAME && value->type == VALUE_M) {
        return select_members(a, branch, &value->u.map, to, ret_memory_ok);
    }
    if (kind == PART_INDEX && value->type == VALUE_L) {
        return select_elements(a, branch, &value->u.list, to, ret_memory_ok);
    }
    return false;
}

/* An item of what the branches name, empty when nothing is there. */
static enum weir_status select_item(struct arena *a, const struct branch *root,
                                    const struct weir_value *item, struct weir_value **ret_item,
                                    struct weir_error *err)
{
    bool memory_ok = true;
    struct weir_value *selected = value_new_map(a, VALUE_ITEM);
    if (selected != NULL && item != NULL && root->count > 0) {
        (void)select_members(a, root, &item->u.map, selected, &memory_ok);
        selected->form = VALUE_ITEM;
    }
    if (selected == NULL || !memory_ok) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the attributes of an item");
    }
    *ret_item = selected;
    return WEIR_OK;
}

enum weir_status expr_project(struct arena *a, const struct expr_projection *projection,
                              const struct weir_value *item, struct weir_value **ret_item,
                              struct weir_error *err)
{
    return select_item(a, &projection->root, item, ret_item, err);
}

enum weir_status expr_updated_attributes(struct arena *a, const struct expr_update *update,
                                         const struct weir_value *item,
                                         struct weir_value **ret_item, struct weir_error *err)
{
    struct weir_value *selected = NULL;
    enum weir_status status = select_item(a, &update->root, item, &selected, err);
    if (status == WEIR_OK) {
        *ret_item = selected->u.map.count > 0 ? selected : NULL;
    }
    return status;
}

bool expr_projection_each_name(const struct expr_projection *projection,
                               bool (*fn)(void *arg, struct weir_bytes name), void *arg)
{
    const struct branch *child = projection->root.first;
    for (; child != NULL; child = child->next) {
        if (!fn(arg, child->part.name)) {
            return false;
        }
    }
    return true;
}
