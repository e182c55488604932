/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Projection expressions: a list of paths. AttributesToGet is one of plain names.
 */

#include "expr/expr_internal.h"

#include "base/error.h"

struct path_list {
    struct path *at;
    uint32_t count;
    uint32_t capacity;
};

static struct path *list_append(struct parser *p, struct path_list *list)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 4 : 2 * list->capacity;
        struct path *at = ARENA_ARRAY(p->arena, struct path, capacity);
        if (at == NULL) {
            (void)parser_no_memory(p);
            return NULL;
        }
        if (list->count > 0) {
            memcpy(at, list->at, list->count * sizeof(*at));
        }
        list->at = at;
        list->capacity = capacity;
    }
    return &list->at[list->count++];
}

static bool parse_paths(struct parser *p, struct path_list *list)
{
    do {
        struct path *path = list_append(p, list);
        if (path == NULL || !parse_path(p, path)) {
            return false;
        }
    } while (parser_accept(p, TOKEN_COMMA));
    return parser_finish(p);
}

static bool check_paths(struct parser *p, struct path_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (!words_check_path(p, &list->at[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < list->count; i++) {
        if (!resolve_path(p, &list->at[i])) {
            return false;
        }
    }
    return true;
}

static const struct path **path_pointers(struct parser *p, const struct path_list *list)
{
    const struct path **paths = ARENA_ARRAY(p->arena, const struct path *, list->count);
    for (uint32_t i = 0; paths != NULL && i < list->count; i++) {
        paths[i] = &list->at[i];
    }
    return paths;
}

enum weir_status expr_parse_projection(struct arena *a, struct weir_bytes text,
                                       struct expr_names *names,
                                       struct expr_projection **ret_projection,
                                       struct weir_error *err)
{
    struct parser p;
    if (!parser_init(&p, a, EXPR_PROJECTION, text, names, err)) {
        return p.status;
    }
    struct path_list list = {0};
    if (!parse_paths(&p, &list) || !check_paths(&p, &list)) {
        return p.status;
    }
    struct expr_projection *projection = ARENA_NEW(a, struct expr_projection);
    const struct path **paths = path_pointers(&p, &list);
    if (projection == NULL || paths == NULL) {
        (void)parser_no_memory(&p);
        return p.status;
    }
    if (branches_build_checked(&p, paths, list.count, &projection->root)) {
        *ret_projection = projection;
    }
    return p.status;
}

static enum weir_status add_names(struct arena *a, const struct weir_value *names,
                                  struct path_list *list, struct weir_error *err)
{
    struct parser p = {.arena = a, .kind = EXPR_PROJECTION, .err = err};
    for (uint32_t i = 0; i < names->u.list.count; i++) {
        const struct weir_value *name = &names->u.list.at[i];
        if (name->type != VALUE_S || name->form != VALUE_PLAIN) {
            return error_set(err, WEIR_SERIALIZATION, "AttributesToGet must be a list of strings");
        }
        struct path *path = list_append(&p, list);
        struct path_part part = {.kind = PART_NAME, .name = arena_dup(a, name->u.bytes)};
        if (path == NULL || part.name.ptr == NULL || !path_append(a, path, part)) {
            return error_set(err, WEIR_NO_MEMORY, "no memory for AttributesToGet");
        }
    }
    return WEIR_OK;
}

enum weir_status expr_projection_of_names(struct arena *a, const struct weir_value *names,
                                          struct expr_projection **ret_projection,
                                          struct weir_error *err)
{
    if (names->type != VALUE_L) {
        return error_set(err, WEIR_SERIALIZATION, "AttributesToGet must be a list of strings");
    }
    struct path_list list = {0};
    enum weir_status status = add_names(a, names, &list, err);
    if (status != WEIR_OK) {
        return status;
    }
    struct parser p = {.arena = a, .kind = EXPR_PROJECTION, .err = err};
    struct path_clash clash = {0};
    struct expr_projection *projection = ARENA_NEW(a, struct expr_projection);
    const struct path **paths = path_pointers(&p, &list);
    if (projection == NULL || paths == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for AttributesToGet");
    }
    if (branches_build(&p, paths, list.count, &projection->root, &clash)) {
        *ret_projection = projection;
        return WEIR_OK;
    }
    if (clash.what == NULL) {
        return p.status;
    }
    return error_set(err, WEIR_VALIDATION,
                     "One or more parameter values were invalid: Duplicate value in attribute "
                     "name: %.*s",
                     BYTES_ARG(clash.second->at[0].name));
}
