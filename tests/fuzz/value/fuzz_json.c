/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a request's document, and as an item. What is accepted comes back the same after it
 * was written and parsed again; an item also after it was stored.
 */
#include "base/error.h"
#include "value/value.h"

#define ARENA_BYTES (64 * 1024 * 1024)
#define BUFFER_BYTES (64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_item(struct arena *a, const struct weir_value *doc)
{
    struct weir_value *item = NULL;
    struct weir_value *back = NULL;
    struct buf bytes;

    if (value_to_item(a, doc, &item, NULL) != WEIR_OK) {
        return;
    }
    buf_init(&bytes, BUFFER_BYTES);
    value_encode_item(&bytes, item);
    WEIR_ASSERT(buf_status(&bytes) == WEIR_OK);
    WEIR_ASSERT(value_decode_item(a, buf_bytes(&bytes), &back, NULL) == WEIR_OK);
    WEIR_ASSERT(value_equal(item, back));
    buf_reset(&bytes);
    json_write(&bytes, item);
    struct weir_value *again = NULL;
    WEIR_ASSERT(json_parse(a, buf_bytes(&bytes), &again, NULL) == WEIR_OK);
    WEIR_ASSERT(value_to_item(a, again, &back, NULL) == WEIR_OK);
    WEIR_ASSERT(value_equal(item, back));
    buf_fini(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct weir_value *doc = NULL;
    struct weir_value *again = NULL;
    struct buf first;
    struct buf second;

    buf_init(&first, BUFFER_BYTES);
    buf_init(&second, BUFFER_BYTES);
    if (json_parse(a, bytes_of(data, size), &doc, NULL) == WEIR_OK) {
        json_write(&first, doc);
        WEIR_ASSERT(json_parse(a, buf_bytes(&first), &again, NULL) == WEIR_OK);
        json_write(&second, again);
        WEIR_ASSERT(bytes_eq(buf_bytes(&first), buf_bytes(&second)));
        check_item(a, doc);
    }
    buf_fini(&first);
    buf_fini(&second);
    arena_free(a);
    return 0;
}
