/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stored item straight to DynamoDB-JSON, without nodes in between: what GetItem and GetRecords
 * answer with. It reads with the decoder's own reader, so it refuses the same bytes.
 */
#include "value/storage.h"

#include "base/error.h"
#include "value/json_text.h"

/* A value whose type was read and whose opening was written, and its closing brace. */
static void write_content(struct buf *to, struct storage_reader *r, enum value_type type,
                          bool truth, unsigned level);

/* The type of the value that follows, on that level of nesting; bad if it is too deep, or if there
 * is no use in reading on. */
static enum value_type take_type(struct buf *to, struct storage_reader *r, unsigned level,
                                 bool *ret_truth)
{
    enum value_type type = storage_take_type(r, ret_truth);
    r->bad = r->bad || level > LIMIT_NESTING_LEVELS || buf_status(to) != WEIR_OK;
    return type;
}

static void write_members(struct buf *to, struct storage_reader *r, unsigned level)
{
    uint32_t count = storage_take_count(r, STORAGE_MEMBER_MIN);
    struct weir_bytes last = BYTES_NONE;

    buf_put_u8(to, '{');
    for (uint32_t i = 0; i < count && !r->bad; i++) {
        bool truth = false;
        struct weir_bytes name = storage_take_bytes(r);
        if (i > 0) {
            storage_check_order(r, VALUE_SS, last, name);
        }
        enum value_type type = take_type(to, r, level + 1, &truth);
        if (r->bad) {
            return;
        }
        json_write_framed(to, i > 0 ? BYTES_LIT(",") : BYTES_NONE, name, json_member_opening(type));
        write_content(to, r, type, truth, level + 1);
        last = name;
    }
    buf_put_u8(to, '}');
}

static void write_list(struct buf *to, struct storage_reader *r, unsigned level)
{
    uint32_t count = storage_take_count(r, STORAGE_VALUE_MIN);

    buf_put_u8(to, '[');
    for (uint32_t i = 0; i < count && !r->bad; i++) {
        bool truth = false;
        enum value_type type = take_type(to, r, level + 1, &truth);
        if (r->bad) {
            return;
        }
        if (i > 0) {
            buf_put_u8(to, ',');
        }
        buf_put(to, json_opening(type));
        write_content(to, r, type, truth, level + 1);
    }
    buf_put_u8(to, ']');
}

static struct weir_bytes write_element(struct buf *to, struct storage_reader *r,
                                       enum value_type set)
{
    struct weir_bytes bytes = set == VALUE_NS ? storage_take_number(r) : storage_take_bytes(r);

    if (set == VALUE_BS) {
        json_write_binary(to, bytes);
    } else {
        json_write_string(to, bytes);
    }
    return bytes;
}

static void write_set(struct buf *to, struct storage_reader *r, enum value_type set)
{
    uint32_t count = storage_take_count(r, STORAGE_BYTES_MIN);
    struct weir_bytes last = BYTES_NONE;

    r->bad = r->bad || count == 0;
    buf_put_u8(to, '[');
    for (uint32_t i = 0; i < count && !r->bad; i++) {
        if (i > 0) {
            buf_put_u8(to, ',');
        }
        struct weir_bytes next = write_element(to, r, set);
        if (i > 0) {
            storage_check_order(r, set, last, next);
        }
        last = next;
    }
    buf_put_u8(to, ']');
}

static void write_content(struct buf *to, struct storage_reader *r, enum value_type type,
                          bool truth, unsigned level)
{
    switch (type) {
    case VALUE_S:
        json_write_framed(to, BYTES_NONE, storage_take_bytes(r), BYTES_LIT("}"));
        return;
    case VALUE_N:
        json_write_framed(to, BYTES_NONE, storage_take_number(r), BYTES_LIT("}"));
        return;
    case VALUE_B:
        json_write_binary(to, storage_take_bytes(r));
        break;
    case VALUE_BOOL:
    case VALUE_NULL:
        json_write_bool(to, type == VALUE_NULL || truth);
        break;
    case VALUE_M:
        write_members(to, r, level);
        break;
    case VALUE_L:
        write_list(to, r, level);
        break;
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        write_set(to, r, type);
        break;
    case VALUE_TYPE_COUNT:
        break;
    }
    buf_put_u8(to, '}');
}

enum weir_status value_stored_to_json(struct buf *to, struct weir_bytes bytes,
                                      struct weir_error *err)
{
    struct storage_reader r = storage_open(bytes);

    write_members(to, &r, 0);
    if (buf_status(to) != WEIR_OK) {
        return error_set(err, buf_status(to), "a stored item does not fit the answer's buffer");
    }
    return storage_close(&r, err);
}
