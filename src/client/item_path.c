/* SPDX-License-Identifier: Apache-2.0 */
/* Document paths: "address.lines[0]", with a backslash before what a name takes literally. A path
 * is read from left to right without memory of its own; what is wrong at its end is an error even
 * when nothing is found at its beginning. */
#include "client/item.h"

#include "base/error.h"

#define INDEX_DIGITS_MAX 9
#define SHOWN_MAX 200

static enum item_path_read read_index(struct item_path *path, struct item_step *ret_step)
{
    uint32_t index = 0;
    size_t at = 1;
    for (; at < path->rest.len && path->rest.ptr[at] >= '0' && path->rest.ptr[at] <= '9'; at++) {
        if (at > INDEX_DIGITS_MAX) {
            return ITEM_PATH_MALFORMED;
        }
        index = index * 10 + (uint32_t)(path->rest.ptr[at] - '0');
    }
    if (at == 1 || at == path->rest.len || path->rest.ptr[at] != ']') {
        return ITEM_PATH_MALFORMED;
    }
    *ret_step = (struct item_step){.is_index = true, .index = index};
    path->rest = bytes_of(path->rest.ptr + at + 1, path->rest.len - at - 1);
    return ITEM_PATH_STEP;
}

/* The length of the name at the front; 0: there is none. */
static size_t name_length(struct weir_bytes text)
{
    size_t at = 0;
    while (at < text.len && text.ptr[at] != '.' && text.ptr[at] != '[') {
        if (text.ptr[at] == ']' || (text.ptr[at] == '\\' && at + 1 == text.len)) {
            return 0;
        }
        at += text.ptr[at] == '\\' ? 2 : 1;
    }
    return at;
}

enum item_path_read item_path_next(struct item_path *path, struct item_step *ret_step)
{
    if (path->rest.len == 0) {
        return path->started ? ITEM_PATH_END : ITEM_PATH_MALFORMED;
    }
    bool first = !path->started;
    path->started = true;
    if (path->rest.ptr[0] == '[') {
        return read_index(path, ret_step);
    }
    if (!first) {
        if (path->rest.ptr[0] != '.') {
            return ITEM_PATH_MALFORMED;
        }
        path->rest = bytes_of(path->rest.ptr + 1, path->rest.len - 1);
    }
    size_t len = name_length(path->rest);
    if (len == 0) {
        return ITEM_PATH_MALFORMED;
    }
    *ret_step = (struct item_step){.name = bytes_of(path->rest.ptr, len)};
    path->rest = bytes_of(path->rest.ptr + len, path->rest.len - len);
    return ITEM_PATH_STEP;
}

/* Whether `written`, freed of its backslashes, is the name. */
static bool names(struct weir_bytes written, struct weir_bytes name)
{
    size_t to = 0;
    for (size_t from = 0; from < written.len; from++, to++) {
        from += written.ptr[from] == '\\' ? 1 : 0;
        if (to == name.len || written.ptr[from] != name.ptr[to]) {
            return false;
        }
    }
    return to == name.len;
}

static const struct weir_value *member_written(const struct weir_value *map,
                                               struct weir_bytes written)
{
    if (memchr(written.ptr, '\\', written.len) == NULL) {
        return value_member(map, written);
    }
    for (uint32_t i = 0; i < map->u.map.count; i++) {
        if (names(written, map->u.map.at[i].name)) {
            return &map->u.map.at[i].value;
        }
    }
    return NULL;
}

static const struct weir_value *step_into(const struct weir_value *value,
                                          const struct item_step *step)
{
    if (step->is_index) {
        return value->type == VALUE_L && step->index < value->u.list.count
                   ? &value->u.list.at[step->index]
                   : NULL;
    }
    return value->type == VALUE_M ? member_written(value, step->name) : NULL;
}

enum weir_status item_path_find(const struct weir_value *root, struct weir_bytes path,
                                const struct weir_value **ret_value, struct weir_error *err)
{
    struct item_path reading = {.rest = path};
    struct item_step step;
    struct weir_bytes shown = bytes_of(path.ptr, path.len < SHOWN_MAX ? path.len : SHOWN_MAX);
    enum item_path_read read = item_path_next(&reading, &step);
    for (; read == ITEM_PATH_STEP; read = item_path_next(&reading, &step)) {
        root = root == NULL ? NULL : step_into(root, &step);
    }
    if (read == ITEM_PATH_MALFORMED) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "\"%.*s\" is no document path: names joined by dots, indexes in brackets",
                         BYTES_ARG(shown));
    }
    if (root == NULL) {
        return error_set(err, WEIR_NOT_FOUND, "nothing at the path \"%.*s\"", BYTES_ARG(shown));
    }
    *ret_value = root;
    return WEIR_OK;
}
