/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a stored item: the decoder and the writer of JSON agree whether it is one, and what
 * is one has no other encoding. The same bytes as keys.
 */
#include "base/error.h"
#include "value/keycodec.h"
#include "value/value.h"

#define ARENA_BYTES (64 * 1024 * 1024)
#define BUFFER_BYTES (64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_item(struct arena *a, struct weir_bytes bytes)
{
    struct weir_value *item = NULL;
    struct buf streamed;
    struct buf again;

    buf_init(&streamed, BUFFER_BYTES);
    buf_init(&again, BUFFER_BYTES);
    enum weir_status status = value_decode_item(a, bytes, &item, NULL);
    WEIR_ASSERT(value_stored_to_json(&streamed, bytes, NULL) == status);
    WEIR_ASSERT(status == WEIR_OK || status == WEIR_CORRUPTION);
    if (status == WEIR_OK) {
        json_write(&again, item);
        WEIR_ASSERT(bytes_eq(buf_bytes(&streamed), buf_bytes(&again)));
        buf_reset(&again);
        value_encode_item(&again, item);
        WEIR_ASSERT(bytes_eq(buf_bytes(&again), bytes));
        (void)item_size(item);
    }
    buf_fini(&streamed);
    buf_fini(&again);
}

static void check_key(struct arena *a, enum value_type type, struct weir_bytes bytes)
{
    struct weir_bytes rest = bytes;
    struct weir_value value;
    struct buf again;

    if (keycodec_take(a, type, &rest, &value, NULL) != WEIR_OK) {
        return;
    }
    WEIR_ASSERT(keycodec_length(type, bytes) == bytes.len - rest.len);
    buf_init(&again, BUFFER_BYTES);
    keycodec_put(&again, &value);
    WEIR_ASSERT(bytes_eq(buf_bytes(&again), bytes_of(bytes.ptr, bytes.len - rest.len)));
    buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(ARENA_BYTES);

    check_item(a, bytes_of(data, size));
    check_key(a, VALUE_S, bytes_of(data, size));
    check_key(a, VALUE_N, bytes_of(data, size));
    arena_free(a);
    return 0;
}
