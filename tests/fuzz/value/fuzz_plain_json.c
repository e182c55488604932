/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as an item and as a value in plain JSON. What is accepted is written, reads as an equal
 * value, and is written the same again.
 */
#include "base/error.h"
#include "value/plain_json.h"

#define ARENA_BYTES (64 * 1024 * 1024)
#define BUFFER_BYTES (64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef enum weir_status parse_text(struct arena *a, struct weir_bytes text,
                                    struct weir_value **ret_value, struct weir_error *err);
typedef void write_text(struct buf *to, const struct weir_value *value);

static void check(struct weir_bytes text, parse_text *parse, write_text *write)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct weir_value *value = NULL;
    struct weir_value *again = NULL;
    struct buf first;
    struct buf second;

    buf_init(&first, BUFFER_BYTES);
    buf_init(&second, BUFFER_BYTES);
    if (parse(a, text, &value, NULL) == WEIR_OK) {
        write(&first, value);
        WEIR_ASSERT(parse(a, buf_bytes(&first), &again, NULL) == WEIR_OK);
        WEIR_ASSERT(value_equal(value, again));
        write(&second, again);
        WEIR_ASSERT(bytes_eq(buf_bytes(&first), buf_bytes(&second)));
    }
    buf_fini(&first);
    buf_fini(&second);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(bytes_of(data, size), plain_parse_value, plain_write_value);
    check(bytes_of(data, size), plain_parse_item, plain_write_item);
    return 0;
}
