/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a document path: an item made so that the path must lead to its end, if it is one,
 * is found there; and what is no path is refused whatever the item is.
 */
#include "base/error.h"
#include "client/item.h"

#define ARENA_BYTES (64 * 1024 * 1024)
#define INDEX_MAX 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct weir_bytes unescaped(struct arena *a, struct weir_bytes written)
{
    uint8_t *name = arena_alloc(a, written.len);
    size_t len = 0;
    WEIR_ASSERT(name != NULL);
    for (size_t i = 0; i < written.len; i++) {
        i += written.ptr[i] == '\\' ? 1 : 0;
        WEIR_ASSERT(i < written.len);
        name[len++] = written.ptr[i];
    }
    return bytes_of(name, len);
}

/* Puts a container of the step's kind into the node, and gives the node behind the step; NULL: the
 * index is larger than is worth building. */
static struct weir_value *build(struct arena *a, struct weir_value *node,
                                const struct item_step *step)
{
    *node =
        (struct weir_value){.type = step->is_index ? VALUE_L : VALUE_M, .form = VALUE_ATTRIBUTE};
    if (!step->is_index) {
        return value_add(a, node, unescaped(a, step->name));
    }
    struct weir_value *last = NULL;
    for (uint32_t i = 0; i <= step->index && i <= INDEX_MAX; i++) {
        last = value_append(a, node);
    }
    return step->index <= INDEX_MAX ? last : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct item_path path = {.rest = bytes_of(data, size)};
    struct item_step step;
    struct weir_value root = {.type = VALUE_NULL, .form = VALUE_ATTRIBUTE};
    struct weir_value *end = &root;
    const struct weir_value *found = NULL;
    enum item_path_read read = item_path_next(&path, &step);

    for (; read == ITEM_PATH_STEP; read = item_path_next(&path, &step)) {
        end = end == NULL ? NULL : build(a, end, &step);
    }
    enum weir_status status = item_path_find(&root, bytes_of(data, size), &found, NULL);
    if (read == ITEM_PATH_MALFORMED) {
        WEIR_ASSERT(status == WEIR_INVALID_ARGUMENT && found == NULL);
        WEIR_ASSERT(item_path_find(NULL, bytes_of(data, size), &found, NULL) ==
                    WEIR_INVALID_ARGUMENT);
    } else if (end != NULL) {
        WEIR_ASSERT(status == WEIR_OK && found == end);
        WEIR_ASSERT(item_path_find(NULL, bytes_of(data, size), &found, NULL) == WEIR_NOT_FOUND);
    } else {
        WEIR_ASSERT(status == WEIR_NOT_FOUND);
    }
    arena_free(a);
    return 0;
}
