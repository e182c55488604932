/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The item encoding: version, then members in the order of their names. Everything is written in
 * one way only (shortest varints, sorted members, sorted sets, canonical numbers), so two items
 * are equal exactly if their bytes are; and the reader refuses what is not written that way.
 */
#include "value/storage.h"

#include "base/error.h"
#include "value/number.h"

/* ---- writing -------------------------------------------------------------------------------- */

static void encode_value(struct buf *to, const struct weir_value *value, unsigned level);

static size_t varint_size(size_t value)
{
    size_t size = 1;
    for (; value > 0x7F; value >>= 7) {
        size++;
    }
    return size;
}

static uint8_t *write_varint(uint8_t *to, size_t value)
{
    for (; value > 0x7F; value >>= 7) {
        *to++ = (uint8_t)(value | 0x80);
    }
    *to++ = (uint8_t)value;
    return to;
}

/* A tag, or none if `tag_size` is 0, then length and bytes, with room made once. */
static void encode_run(struct buf *to, size_t tag_size, uint8_t tag, struct weir_bytes bytes)
{
    size_t size = tag_size + varint_size(bytes.len) + bytes.len;
    uint8_t *at = buf_reserve(to, size);

    if (at == NULL) {
        return;
    }
    *at = tag;
    at = write_varint(at + tag_size, bytes.len);
    if (bytes.len > 0) {
        memcpy(at, bytes.ptr, bytes.len);
    }
    to->len += size;
}

static void encode_bytes(struct buf *to, struct weir_bytes bytes)
{
    encode_run(to, 0, 0, bytes);
}

static void encode_tagged(struct buf *to, enum storage_tag tag, struct weir_bytes bytes)
{
    encode_run(to, 1, (uint8_t)tag, bytes);
}

static void encode_set(struct buf *to, enum storage_tag tag, const struct value_list *set)
{
    buf_put_u8(to, (uint8_t)tag);
    buf_put_varint(to, set->count);
    for (uint32_t i = 0; i < set->count; i++) {
        encode_bytes(to, set->at[i].u.bytes);
    }
}

static void encode_list(struct buf *to, const struct value_list *list, unsigned level)
{
    buf_put_u8(to, STORAGE_L);
    buf_put_varint(to, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        encode_value(to, &list->at[i], level + 1);
    }
}

static void encode_members(struct buf *to, const struct value_map *map, unsigned level)
{
    buf_put_varint(to, map->count);
    for (uint32_t i = 0; i < map->count; i++) {
        WEIR_ASSERT(i == 0 || bytes_cmp(map->at[i - 1].name, map->at[i].name) < 0);
        encode_bytes(to, map->at[i].name);
        encode_value(to, &map->at[i].value, level + 1);
    }
}

static void encode_value(struct buf *to, const struct weir_value *value, unsigned level)
{
    if (level > LIMIT_NESTING_LEVELS) {
        to->status = buf_status(to) == WEIR_OK ? WEIR_TOO_LARGE : buf_status(to);
        return;
    }
    switch ((enum value_type)value->type) {
    case VALUE_S:
        encode_tagged(to, STORAGE_S, value->u.bytes);
        break;
    case VALUE_N:
        encode_tagged(to, STORAGE_N, value->u.bytes);
        break;
    case VALUE_B:
        encode_tagged(to, STORAGE_B, value->u.bytes);
        break;
    case VALUE_BOOL:
        buf_put_u8(to, value->truth ? STORAGE_TRUE : STORAGE_FALSE);
        break;
    case VALUE_NULL:
        buf_put_u8(to, STORAGE_NULL);
        break;
    case VALUE_M:
        buf_put_u8(to, STORAGE_M);
        encode_members(to, &value->u.map, level);
        break;
    case VALUE_L:
        encode_list(to, &value->u.list, level);
        break;
    case VALUE_SS:
        encode_set(to, STORAGE_SS, &value->u.list);
        break;
    case VALUE_NS:
        encode_set(to, STORAGE_NS, &value->u.list);
        break;
    case VALUE_BS:
        encode_set(to, STORAGE_BS, &value->u.list);
        break;
    case VALUE_TYPE_COUNT:
        WEIR_ASSERT(value->type < VALUE_TYPE_COUNT);
        break;
    }
}

void value_encode_item(struct buf *to, const struct weir_value *item)
{
    if (item->form == VALUE_STORED) {
        buf_put(to, item->u.bytes);
        return;
    }
    WEIR_ASSERT(item->type == VALUE_M && item->form != VALUE_PLAIN);
    buf_put_u8(to, STORAGE_VERSION);
    encode_members(to, &item->u.map, 0);
}

/* ---- reading -------------------------------------------------------------------------------- */

static size_t left(const struct storage_reader *r)
{
    return (size_t)(r->end - r->at);
}

static void fail(struct storage_reader *r)
{
    r->bad = true;
    r->at = r->end;
}

/* A varint of at most 32 bits, in its shortest form. */
static uint32_t take_varint(struct storage_reader *r)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 35 && r->at < r->end; shift += 7) {
        uint8_t byte = *r->at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            if ((byte == 0 && shift > 0) || value > UINT32_MAX) {
                break;
            }
            return (uint32_t)value;
        }
    }
    fail(r);
    return 0;
}

struct storage_reader storage_open(struct weir_bytes bytes)
{
    struct storage_reader r = {.at = bytes.ptr, .end = bytes.ptr + bytes.len};

    if (bytes.len == 0 || *r.at != STORAGE_VERSION) {
        fail(&r);
    } else {
        r.at++;
    }
    return r;
}

enum value_type storage_take_type(struct storage_reader *r, bool *ret_truth)
{
    uint8_t tag = r->at < r->end ? *r->at++ : 0;

    switch (tag) {
    case STORAGE_S:
        return VALUE_S;
    case STORAGE_N:
        return VALUE_N;
    case STORAGE_B:
        return VALUE_B;
    case STORAGE_FALSE:
    case STORAGE_TRUE:
        *ret_truth = tag == STORAGE_TRUE;
        return VALUE_BOOL;
    case STORAGE_NULL:
        return VALUE_NULL;
    case STORAGE_M:
        return VALUE_M;
    case STORAGE_L:
        return VALUE_L;
    case STORAGE_SS:
        return VALUE_SS;
    case STORAGE_NS:
        return VALUE_NS;
    case STORAGE_BS:
        return VALUE_BS;
    default:
        fail(r);
        return VALUE_TYPE_COUNT;
    }
}

struct weir_bytes storage_take_bytes(struct storage_reader *r)
{
    uint32_t len = take_varint(r);

    if (len > left(r)) {
        fail(r);
        return BYTES_NONE;
    }
    struct weir_bytes bytes = bytes_of(r->at, len);
    r->at += len;
    return bytes;
}

struct weir_bytes storage_take_number(struct storage_reader *r)
{
    struct weir_bytes text = storage_take_bytes(r);

    if (!number_is_canonical(text)) {
        fail(r);
        return BYTES_NONE;
    }
    return text;
}

uint32_t storage_take_count(struct storage_reader *r, size_t element_min)
{
    uint32_t count = take_varint(r);

    if (count > left(r) / element_min) {
        fail(r);
        return 0;
    }
    return count;
}

void storage_check_order(struct storage_reader *r, enum value_type set, struct weir_bytes last,
                         struct weir_bytes next)
{
    struct number a;
    struct number b;
    int order;

    if (r->bad) {
        return;
    }
    if (set == VALUE_NS) {
        WEIR_ASSERT(number_parse(last, &a, NULL) == WEIR_OK);
        WEIR_ASSERT(number_parse(next, &b, NULL) == WEIR_OK);
        order = number_compare(&a, &b);
    } else {
        order = bytes_cmp(last, next);
    }
    if (order >= 0) {
        fail(r);
    }
}

enum weir_status storage_close(const struct storage_reader *r, struct weir_error *err)
{
    if (r->bad || r->at != r->end) {
        return error_set(err, WEIR_CORRUPTION, "a stored item is damaged");
    }
    return WEIR_OK;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

struct decoder {
    struct storage_reader r;
    struct arena *arena;
    bool no_memory;
};

static void decode_value(struct decoder *d, unsigned level, struct weir_value *to);

/* An array of the arena; the reader is done without memory. */
static void *decoded_array(struct decoder *d, uint32_t count, size_t size)
{
    void *at = arena_alloc(d->arena, count * size);
    if (at == NULL) {
        d->no_memory = true;
        fail(&d->r);
    }
    return at;
}

static void decode_members(struct decoder *d, unsigned level, struct value_map *to)
{
    uint32_t count = storage_take_count(&d->r, STORAGE_MEMBER_MIN);

    *to = (struct value_map){.at = decoded_array(d, count, sizeof(struct value_member))};
    for (uint32_t i = 0; i < count && !d->r.bad; i++) {
        to->at[i].name = storage_take_bytes(&d->r);
        if (i > 0) {
            storage_check_order(&d->r, VALUE_SS, to->at[i - 1].name, to->at[i].name);
        }
        decode_value(d, level + 1, &to->at[i].value);
        to->count++;
    }
}

static void decode_list(struct decoder *d, unsigned level, struct value_list *to)
{
    uint32_t count = storage_take_count(&d->r, STORAGE_VALUE_MIN);

    *to = (struct value_list){.at = decoded_array(d, count, sizeof(struct weir_value))};
    for (; to->count < count && !d->r.bad; to->count++) {
        decode_value(d, level + 1, &to->at[to->count]);
    }
}

static void decode_set(struct decoder *d, enum value_type set, struct value_list *to)
{
    enum value_type element = set == VALUE_SS ? VALUE_S : set == VALUE_NS ? VALUE_N : VALUE_B;
    uint32_t count = storage_take_count(&d->r, STORAGE_BYTES_MIN);

    if (count == 0) {
        fail(&d->r);
    }
    *to = (struct value_list){.at = decoded_array(d, count, sizeof(struct weir_value))};
    for (uint32_t i = 0; i < count && !d->r.bad; i++) {
        struct weir_bytes bytes =
            set == VALUE_NS ? storage_take_number(&d->r) : storage_take_bytes(&d->r);
        if (i > 0) {
            storage_check_order(&d->r, set, to->at[i - 1].u.bytes, bytes);
        }
        to->at[i] = (struct weir_value){
            .type = (uint8_t)element, .form = VALUE_ATTRIBUTE, .u.bytes = bytes};
        to->count++;
    }
}

static void decode_value(struct decoder *d, unsigned level, struct weir_value *to)
{
    bool truth = false;
    enum value_type type = storage_take_type(&d->r, &truth);

    *to = (struct weir_value){.type = (uint8_t)type, .form = VALUE_ATTRIBUTE, .truth = truth};
    if (level > LIMIT_NESTING_LEVELS) {
        fail(&d->r);
        return;
    }
    switch (type) {
    case VALUE_S:
    case VALUE_B:
        to->u.bytes = storage_take_bytes(&d->r);
        break;
    case VALUE_N:
        to->u.bytes = storage_take_number(&d->r);
        break;
    case VALUE_M:
        decode_members(d, level, &to->u.map);
        break;
    case VALUE_L:
        decode_list(d, level, &to->u.list);
        break;
    case VALUE_SS:
    case VALUE_NS:
    case VALUE_BS:
        decode_set(d, type, &to->u.list);
        break;
    case VALUE_BOOL:
    case VALUE_NULL:
    case VALUE_TYPE_COUNT:
        break;
    }
}

enum weir_status value_decode_item(struct arena *a, struct weir_bytes bytes,
                                   struct weir_value **ret_item, struct weir_error *err)
{
    struct decoder d = {.r = storage_open(bytes), .arena = a};
    struct weir_value *item = decoded_array(&d, 1, sizeof(*item));

    if (item != NULL) {
        *item = (struct weir_value){.type = VALUE_M, .form = VALUE_ITEM};
        decode_members(&d, 0, &item->u.map);
    }
    if (d.no_memory) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a stored item");
    }
    enum weir_status status = storage_close(&d.r, err);
    if (status == WEIR_OK) {
        *ret_item = item;
    }
    return status;
}
