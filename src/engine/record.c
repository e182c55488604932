/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of stream records on the disk; docs/disk-format.md is the reference. The records that
 * one commit puts into one shard stand in one row, a block: a row costs the store a search for its
 * place, and a commit has many records.
 *
 * Most writes change little of an item, so of two images the old one is only what it does not share
 * with the new one's beginning and end.
 */
#include "engine/record.h"

/* Versions of a row. */
#define ROW_WHOLE 1  /* one record, each image by itself */
#define ROW_SHARED 2 /* one record, the old image by what it does not share with the new one */
#define ROW_BLOCK 3

#define WHOLE_BY_TTL 1 /* flags of versions 1 and 2 */

/* A record's kind in a block: its event, and flags. */
#define KIND_EVENT 0x03
#define KIND_BY_TTL 0x04
#define KIND_SHARED 0x08
#define KIND_ALL (KIND_EVENT | KIND_BY_TTL | KIND_SHARED)

void stream_key_put(uint8_t to[STREAM_KEY_BYTES], uint32_t stream_id, uint32_t shard, uint64_t seq)
{
    put_be32(to, stream_id);
    put_be32(to + 4, shard);
    put_be64(to + 8, seq);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static void image_put(struct buf *to, struct weir_bytes image)
{
    buf_put_varint(to, image.len);
    buf_put(to, image);
}

/* How many bytes both begin with. */
static size_t shared_before(struct weir_bytes x, struct weir_bytes y)
{
    size_t max = x.len < y.len ? x.len : y.len;
    size_t at = 0;
    while (at + sizeof(uint64_t) <= max && memcmp(x.ptr + at, y.ptr + at, sizeof(uint64_t)) == 0) {
        at += sizeof(uint64_t);
    }
    while (at < max && x.ptr[at] == y.ptr[at]) {
        at++;
    }
    return at;
}

/* How many bytes both end with. */
static size_t shared_behind(struct weir_bytes x, struct weir_bytes y)
{
    size_t max = x.len < y.len ? x.len : y.len;
    const uint8_t *x_end = x.ptr + x.len;
    const uint8_t *y_end = y.ptr + y.len;
    size_t at = 0;
    while (at + sizeof(uint64_t) <= max &&
           memcmp(x_end - at - sizeof(uint64_t), y_end - at - sizeof(uint64_t), sizeof(uint64_t)) ==
               0) {
        at += sizeof(uint64_t);
    }
    while (at < max && x_end[-1 - (ptrdiff_t)at] == y_end[-1 - (ptrdiff_t)at]) {
        at++;
    }
    return at;
}

static void old_image_put(struct buf *to, struct weir_bytes old, struct weir_bytes new)
{
    size_t before = shared_before(old, new);
    size_t behind = shared_behind(bytes_of(old.ptr + before, old.len - before),
                                  bytes_of(new.ptr + before, new.len - before));
    buf_put_varint(to, before);
    buf_put_varint(to, behind);
    image_put(to, bytes_of(old.ptr + before, old.len - before - behind));
}

void record_block_begin(struct buf *to, int64_t commit_ms, uint64_t before_seq)
{
    buf_put_u8(to, ROW_BLOCK);
    buf_put_be64(to, (uint64_t)commit_ms);
    buf_put_be64(to, before_seq);
}

void record_block_put(struct buf *to, uint64_t previous_seq, const struct engine_record *record)
{
    bool shares = record->new_image.len > 0 && record->old_image.len > 0;
    buf_put_varint(to, record->commit_seq - previous_seq);
    buf_put_u8(to, (uint8_t)((unsigned)record->event | (record->by_ttl ? KIND_BY_TTL : 0U) |
                             (shares ? KIND_SHARED : 0U)));
    buf_put_varint(to, record->size_bytes);
    image_put(to, record->keys);
    image_put(to, record->new_image);
    if (shares) {
        old_image_put(to, record->old_image, record->new_image);
    } else {
        image_put(to, record->old_image);
    }
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static enum weir_status damaged(struct weir_error *err)
{
    return error_set(err, WEIR_CORRUPTION, "a stored stream record is damaged or cut short");
}

static bool u8_take(struct weir_bytes *from, uint8_t *ret_value)
{
    if (from->len == 0) {
        return false;
    }
    *ret_value = from->ptr[0];
    *from = bytes_of(from->ptr + 1, from->len - 1);
    return true;
}

static bool be64_take(struct weir_bytes *from, uint64_t *ret_value)
{
    if (from->len < sizeof(uint64_t)) {
        return false;
    }
    *ret_value = get_be64(from->ptr);
    *from = bytes_of(from->ptr + sizeof(uint64_t), from->len - sizeof(uint64_t));
    return true;
}

static bool image_take(struct weir_bytes *from, struct weir_bytes *ret_image)
{
    uint64_t len;
    if (!varint_take(from, &len) || len > from->len) {
        return false;
    }
    *ret_image = bytes_of(from->ptr, (size_t)len);
    *from = bytes_of(from->ptr + len, from->len - (size_t)len);
    return true;
}

enum weir_status record_reader_open(struct weir_bytes key, struct weir_bytes value,
                                    struct record_reader *ret_reader, struct weir_error *err)
{
    struct record_reader reader = {.rest = value};
    if (key.len != STREAM_KEY_BYTES) {
        return error_set(err, WEIR_CORRUPTION, "a stored stream record has a damaged key");
    }
    reader.last_seq = get_be64(key.ptr + 8);
    uint64_t commit_ms = 0;
    reader.seq = reader.last_seq; /* where a single record is */
    if (!u8_take(&reader.rest, &reader.version) || reader.version < ROW_WHOLE ||
        reader.version > ROW_BLOCK) {
        return damaged(err);
    }
    if (reader.version == ROW_BLOCK &&
        (!be64_take(&reader.rest, &commit_ms) || !be64_take(&reader.rest, &reader.seq) ||
         reader.seq >= reader.last_seq)) {
        return damaged(err);
    }
    reader.commit_ms = (int64_t)commit_ms;
    *ret_reader = reader;
    return reader.rest.len > 0 ? WEIR_OK : damaged(err);
}

static bool single_head_take(struct record_reader *reader, struct stored_record *stored)
{
    uint8_t event;
    uint8_t flags;
    uint64_t commit_ms;
    if (!u8_take(&reader->rest, &event) || event > ENGINE_REMOVE ||
        !u8_take(&reader->rest, &flags) || !be64_take(&reader->rest, &commit_ms)) {
        return false;
    }
    stored->record.event = (enum engine_event)event;
    stored->record.by_ttl = (flags & WHOLE_BY_TTL) != 0;
    stored->record.commit_ms = (int64_t)commit_ms;
    stored->shared = reader->version == ROW_SHARED;
    return true;
}

static bool block_head_take(struct record_reader *reader, struct stored_record *stored)
{
    uint64_t step;
    uint8_t kind;
    if (!varint_take(&reader->rest, &step) || step == 0 || step > reader->last_seq - reader->seq ||
        !u8_take(&reader->rest, &kind) || (kind & ~KIND_ALL) != 0 ||
        (kind & KIND_EVENT) > ENGINE_REMOVE) {
        return false;
    }
    reader->seq += step;
    stored->record.event = (enum engine_event)(kind & KIND_EVENT);
    stored->record.by_ttl = (kind & KIND_BY_TTL) != 0;
    stored->record.commit_ms = reader->commit_ms;
    stored->shared = (kind & KIND_SHARED) != 0;
    return true;
}

/* Everything of a record but its old image's shared bytes, which have to be put together. */
static bool stored_take(struct record_reader *reader, struct stored_record *stored)
{
    struct weir_bytes *rest = &reader->rest;
    bool taken = reader->version == ROW_BLOCK ? block_head_take(reader, stored)
                                              : single_head_take(reader, stored);
    if (!taken || !varint_take(rest, &stored->record.size_bytes) ||
        !image_take(rest, &stored->record.keys) || !image_take(rest, &stored->record.new_image)) {
        return false;
    }
    size_t new_len = stored->record.new_image.len;
    if (stored->shared &&
        (!varint_take(rest, &stored->before) || !varint_take(rest, &stored->behind) ||
         stored->before > new_len || stored->behind > new_len - stored->before)) {
        return false;
    }
    return image_take(rest, &stored->record.old_image);
}

enum weir_status record_reader_next(struct record_reader *reader, struct stored_record *ret_stored,
                                    struct weir_error *err)
{
    struct stored_record stored = {0};
    bool taken = stored_take(reader, &stored);
    if (!taken || record_reader_ended(reader) != (reader->seq == reader->last_seq)) {
        return damaged(err);
    }
    stored.record.commit_seq = reader->seq;
    *ret_stored = stored;
    return WEIR_OK;
}

enum weir_status stored_record_finish(struct arena *a, struct stored_record *stored,
                                      struct weir_error *err)
{
    if (!stored->shared) {
        return WEIR_OK;
    }
    struct weir_bytes new = stored->record.new_image;
    struct weir_bytes middle = stored->record.old_image;
    size_t before = (size_t)stored->before;
    size_t behind = (size_t)stored->behind;
    size_t len = before + middle.len + behind;
    uint8_t *old = arena_alloc(a, len);
    if (old == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "the records need more memory than may be used");
    }
    memcpy(old, new.ptr, before);
    memcpy(old + before, middle.ptr, middle.len);
    memcpy(old + before + middle.len, new.ptr + new.len - behind, behind);
    stored->record.old_image = bytes_of(old, len);
    return WEIR_OK;
}
