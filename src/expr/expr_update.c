/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applying an update. Every change is computed from the item as it was; then the new item is built
 * along the tree of paths: what a path passes through is made anew, everything beside it is shared
 * with the old item.
 *
 * The service's order of errors: a path that runs into a value of the wrong kind; operands of the
 * wrong type; then, from the last clause to the first, a path whose parent is not there, and an
 * operand that is not there.
 */

#include "expr/expr_change.h"

#include "base/error.h"

struct update_context {
    struct change_context change;
    struct change *changes; /* one per action */
};

static enum weir_status invalid_path(const struct update_context *u)
{
    return error_set(u->change.err, WEIR_VALIDATION,
                     "The document path provided in the update expression is invalid for update");
}

static enum weir_status no_memory(const struct update_context *u)
{
    return error_set(u->change.err, WEIR_NO_MEMORY, "no memory for the updated item");
}

enum parent { PARENT_FITS, PARENT_MISSING, PARENT_WRONG };

/* Whether the value that holds the path's last part is there, and can hold such a part. */
static enum parent parent_of(const struct update_context *u, const struct path *path)
{
    if (path->count == 1) {
        return PARENT_FITS;
    }
    const struct weir_value *parent = path_resolve(path, path->count - 1, u->change.item);
    if (parent == NULL) {
        return PARENT_MISSING;
    }
    bool name = path->at[path->count - 1].kind == PART_NAME;
    return parent->type == (name ? VALUE_M : VALUE_L) ? PARENT_FITS : PARENT_WRONG;
}

static enum weir_status compute_changes(struct update_context *u, const struct expr_update *update)
{
    for (uint32_t i = 0; i < update->count; i++) {
        if (parent_of(u, &update->actions[i].path) == PARENT_WRONG) {
            return invalid_path(u);
        }
    }
    for (uint32_t i = 0; i < update->count; i++) {
        enum weir_status status = change_compute(&u->change, &update->actions[i], &u->changes[i]);
        if (status != WEIR_OK) {
            return status;
        }
    }
    return WEIR_OK;
}

/* The actions [from, to) of one clause. */
static enum weir_status check_clause(struct update_context *u, const struct expr_update *update,
                                     uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        if (parent_of(u, &update->actions[i].path) != PARENT_FITS) {
            return invalid_path(u);
        }
    }
    for (uint32_t i = from; i < to; i++) {
        if (u->changes[i].missing) {
            return error_set(u->change.err, WEIR_VALIDATION,
                             "The provided expression refers to an attribute that does not exist "
                             "in the item");
        }
    }
    return WEIR_OK;
}

static enum weir_status check_clauses(struct update_context *u, const struct expr_update *update)
{
    for (uint32_t to = update->count; to > 0;) {
        uint32_t from = to - 1;
        while (from > 0 && update->actions[from - 1].clause == update->actions[from].clause) {
            from--;
        }
        enum weir_status status = check_clause(u, update, from, to);
        if (status != WEIR_OK) {
            return status;
        }
        to = from;
    }
    return WEIR_OK;
}

/* A value may become deeper than the service allows only by where it is put. */
static enum weir_status check_depth(struct update_context *u, const struct expr_update *update)
{
    for (uint32_t i = 0; i < update->count; i++) {
        const struct change *change = &u->changes[i];
        if (change->kind == CHANGE_SET &&
            update->actions[i].path.count - 1 + value_depth(&change->value) >
                LIMIT_NESTING_LEVELS) {
            return error_set(u->change.err, WEIR_VALIDATION,
                             "Nesting Levels have exceeded supported limits: Attributes in the "
                             "item have nested levels beyond supported limit");
        }
    }
    return WEIR_OK;
}

static enum weir_status rebuild(const struct update_context *u, const struct branch *branch,
                                const struct weir_value *old, struct weir_value *ret_value);

/* What becomes of the value at the branch (NULL: there is none); *ret_present: whether one is. */
static enum weir_status apply(const struct update_context *u, const struct branch *branch,
                              const struct weir_value *old, struct weir_value *ret_value,
                              bool *ret_present)
{
    *ret_present = old != NULL;
    if (!branch->leaf) {
        return old == NULL ? invalid_path(u) : rebuild(u, branch, old, ret_value);
    }
    const struct change *change = &u->changes[branch->action];
    switch (change->kind) {
    case CHANGE_SET:
        *ret_value = change->value;
        ret_value->form = VALUE_ATTRIBUTE;
        *ret_present = true;
        break;
    case CHANGE_REMOVE:
        *ret_present = false;
        break;
    case CHANGE_NONE:
        if (old != NULL) {
            *ret_value = *old;
        }
        break;
    }
    return WEIR_OK;
}

static enum weir_status rebuild_map(const struct update_context *u, const struct branch *branch,
                                    const struct value_map *old, struct value_map *ret_map)
{
    struct value_member *at =
        ARENA_ARRAY(u->change.arena, struct value_member, (size_t)old->count + branch->count);
    if (at == NULL) {
        return no_memory(u);
    }
    uint32_t count = 0;
    uint32_t i = 0;
    const struct branch *child = branch->first;
    while (i < old->count || child != NULL) {
        int order = child == NULL     ? -1
                    : i == old->count ? 1
                                      : bytes_cmp(old->at[i].name, child->part.name);
        if (order < 0) {
            at[count++] = old->at[i++];
            continue;
        }
        bool present = false;
        enum weir_status status =
            apply(u, child, order == 0 ? &old->at[i].value : NULL, &at[count].value, &present);
        if (status != WEIR_OK) {
            return status;
        }
        at[count].name = child->part.name;
        count += present;
        i += order == 0;
        child = child->next;
    }
    *ret_map = (struct value_map){.at = at, .count = count};
    return WEIR_OK;
}

/* Indexes are those of the old list; what lies beyond its end is appended in their order. */
static enum weir_status rebuild_list(const struct update_context *u, const struct branch *branch,
                                     const struct value_list *old, struct value_list *ret_list)
{
    struct weir_value *at =
        ARENA_ARRAY(u->change.arena, struct weir_value, (size_t)old->count + branch->count);
    if (at == NULL) {
        return no_memory(u);
    }
    uint32_t count = 0;
    uint32_t i = 0;
    for (const struct branch *child = branch->first; child != NULL; child = child->next) {
        while (i < old->count && i < child->part.index) {
            at[count++] = old->at[i++];
        }
        bool present = false;
        const struct weir_value *element = i < old->count ? &old->at[i++] : NULL;
        enum weir_status status = apply(u, child, element, &at[count], &present);
        if (status != WEIR_OK) {
            return status;
        }
        count += present;
    }
    while (i < old->count) {
        at[count++] = old->at[i++];
    }
    *ret_list = (struct value_list){.at = at, .count = count};
    return WEIR_OK;
}

static enum weir_status rebuild(const struct update_context *u, const struct branch *branch,
                                const struct weir_value *old, struct weir_value *ret_value)
{
    bool names = branch->first->part.kind == PART_NAME;
    if (old->type != (names ? VALUE_M : VALUE_L)) {
        return invalid_path(u);
    }
    *ret_value = (struct weir_value){.type = old->type, .form = VALUE_ATTRIBUTE};
    return names ? rebuild_map(u, branch, &old->u.map, &ret_value->u.map)
                 : rebuild_list(u, branch, &old->u.list, &ret_value->u.list);
}

enum weir_status expr_apply_update(struct arena *a, const struct expr_update *update,
                                   const struct weir_value *item, struct weir_value **ret_item,
                                   struct weir_error *err)
{
    struct update_context u = {
        .change = {.arena = a, .item = item, .legacy = update->legacy, .err = err},
        .changes = ARENA_ARRAY(a, struct change, update->count),
    };
    struct weir_value *updated = value_new_map(a, VALUE_ITEM);
    if (u.changes == NULL || updated == NULL) {
        return no_memory(&u);
    }
    enum weir_status status = compute_changes(&u, update);
    if (status == WEIR_OK) {
        status = check_clauses(&u, update);
    }
    if (status == WEIR_OK) {
        status = check_depth(&u, update);
    }
    if (status == WEIR_OK) {
        static const struct value_map no_members = {0};
        status = rebuild_map(&u, &update->root, item == NULL ? &no_members : &item->u.map,
                             &updated->u.map);
    }
    if (status == WEIR_OK) {
        *ret_item = updated;
    }
    return status;
}
