/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paths of an update or projection as a tree of branches.
 *
 * The paths are sorted first. Then a path and those that go on from it stand together, so overlaps
 * and conflicts are found between neighbours, and the tree grows at its right edge only.
 */

#include "expr/expr_internal.h"

#include <stdlib.h>

struct path_ref {
    const struct path *path;
    uint32_t order; /* in the text */
};

static int part_compare(const struct path_part *a, const struct path_part *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    if (a->kind == PART_INDEX) {
        return a->index < b->index ? -1 : a->index > b->index ? 1 : 0;
    }
    return bytes_cmp(a->name, b->name);
}

static uint32_t common_parts(const struct path *a, const struct path *b)
{
    uint32_t count = a->count < b->count ? a->count : b->count;
    uint32_t i = 0;
    while (i < count && part_compare(&a->at[i], &b->at[i]) == 0) {
        i++;
    }
    return i;
}

static int ref_compare(const void *x, const void *y)
{
    const struct path_ref *a = x;
    const struct path_ref *b = y;
    uint32_t common = common_parts(a->path, b->path);
    if (common < a->path->count && common < b->path->count) {
        return part_compare(&a->path->at[common], &b->path->at[common]);
    }
    if (a->path->count != b->path->count) {
        return a->path->count < b->path->count ? -1 : 1;
    }
    return a->order < b->order ? -1 : 1;
}

/* Two paths that must not be in one expression; `first` and `second` in the order of the text. */
struct clash {
    const char *what; /* NULL: none found */
    const struct path_ref *first;
    const struct path_ref *second;
};

/* Of several clashes the one whose second path comes first in the text is reported. */
static void note_clash(struct clash *clash, const char *what, const struct path_ref *a,
                       const struct path_ref *b)
{
    const struct path_ref *first = a->order < b->order ? a : b;
    const struct path_ref *second = a->order < b->order ? b : a;
    if (clash->what == NULL || second->order < clash->second->order) {
        *clash = (struct clash){what, first, second};
    }
}

static void find_overlap(const struct path_ref *refs, uint32_t count, struct clash *clash)
{
    uint32_t held = 0;
    for (uint32_t i = 1; i < count; i++) {
        if (common_parts(refs[held].path, refs[i].path) == refs[held].path->count) {
            note_clash(clash, "overlap", &refs[held], &refs[i]);
        } else {
            held = i;
        }
    }
}

static void find_conflict(const struct path_ref *refs, uint32_t count, struct clash *clash)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t common = common_parts(refs[i - 1].path, refs[i].path);
        if (refs[i - 1].path->at[common].kind != refs[i].path->at[common].kind) {
            note_clash(clash, "conflict", &refs[i - 1], &refs[i]);
        }
    }
}

static bool has_clash(const struct path_ref *refs, uint32_t count, struct path_clash *ret_clash)
{
    struct clash clash = {0};
    find_overlap(refs, count, &clash);
    if (clash.what == NULL) {
        find_conflict(refs, count, &clash);
    }
    if (clash.what == NULL) {
        return false;
    }
    *ret_clash = (struct path_clash){clash.what, clash.first->path, clash.second->path};
    return true;
}

static struct branch *branch_append(struct arena *a, struct branch *parent,
                                    const struct path_part *part)
{
    struct branch *branch = ARENA_NEW(a, struct branch);
    if (branch == NULL) {
        return NULL;
    }
    branch->part = *part;
    if (parent->last == NULL) {
        parent->first = branch;
    } else {
        parent->last->next = branch;
    }
    parent->last = branch;
    parent->count++;
    return branch;
}

static bool grow(struct parser *p, struct branch *root, const struct path_ref *refs, uint32_t count)
{
    struct branch *edge[LIMIT_NESTING_LEVELS + 1] = {root};
    for (uint32_t i = 0; i < count; i++) {
        const struct path *path = refs[i].path;
        uint32_t common = i == 0 ? 0 : common_parts(refs[i - 1].path, path);
        for (uint32_t at = common; at < path->count; at++) {
            edge[at + 1] = branch_append(p->arena, edge[at], &path->at[at]);
            if (edge[at + 1] == NULL) {
                return parser_no_memory(p);
            }
        }
        edge[path->count]->leaf = true;
        edge[path->count]->action = refs[i].order;
    }
    return true;
}

bool branches_build(struct parser *p, const struct path *const *paths, uint32_t count,
                    struct branch *ret_root, struct path_clash *ret_clash)
{
    struct path_ref *refs = ARENA_ARRAY(p->arena, struct path_ref, count);
    if (refs == NULL) {
        return parser_no_memory(p);
    }
    for (uint32_t i = 0; i < count; i++) {
        refs[i] = (struct path_ref){paths[i], i};
    }
    if (count > 1) {
        qsort(refs, count, sizeof(*refs), ref_compare);
    }
    return !has_clash(refs, count, ret_clash) && grow(p, ret_root, refs, count);
}

bool branches_build_checked(struct parser *p, const struct path *const *paths, uint32_t count,
                            struct branch *ret_root)
{
    struct path_clash clash = {0};
    if (branches_build(p, paths, count, ret_root, &clash) || clash.what == NULL) {
        return p->status == WEIR_OK;
    }
    char first[WEIR_ERROR_MESSAGE_MAX / 4];
    char second[WEIR_ERROR_MESSAGE_MAX / 4];
    path_format(clash.first, first, sizeof(first));
    path_format(clash.second, second, sizeof(second));
    return parser_fail(p,
                       "Two document paths %s with each other; must remove or rewrite one of these "
                       "paths; path one: %s, path two: %s",
                       clash.what, first, second);
}
