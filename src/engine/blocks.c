/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream records of the open batch, gathered by shard: what one commit puts into a shard is one
 * row, or several when it is large. The store searches a place for each row, so there are to be
 * few.
 */
#include "engine/record.h"

#include <stdlib.h>

/* A block of so many bytes is put into the batch before it grows further, so that reading one
 * record does not mean reading a whole commit. */
#define BLOCK_BYTES ((size_t)32 * 1024)
/* One record more may come on top: two images, and keys. */
#define BLOCK_BYTES_MAX (BLOCK_BYTES + 3 * ENCODING_BYTES_MAX)
/* Memory that is kept for the next batch: of so many blocks, unless one has grown large. */
#define BLOCKS_KEPT 64
#define BLOCK_BYTES_KEPT ((size_t)4 * BLOCK_BYTES)

static void block_put(struct engine *engine, struct open_block *block)
{
    struct open_batch *batch = &engine->batch;
    if (buf_status(&block->bytes) != WEIR_OK) {
        batch->status = buf_status(&block->bytes);
    } else {
        uint8_t key[STREAM_KEY_BYTES];
        stream_key_put(key, block->stream_id, block->shard, block->last_seq);
        kv_batch_put(engine->kv, batch->kv, KV_STREAM, bytes_of(key, sizeof(key)),
                     buf_bytes(&block->bytes));
        batch_touch_shard(engine, block->shard, block->last_seq);
    }
    buf_reset(&block->bytes);
}

static struct open_block *block_new(struct open_batch *batch)
{
    if (batch->block_count == batch->block_cap) {
        uint32_t cap = batch->block_cap == 0 ? BLOCKS_KEPT : batch->block_cap * 2;
        struct open_block *bigger = realloc(batch->blocks, cap * sizeof(*bigger));
        if (bigger == NULL) {
            return NULL;
        }
        for (uint32_t i = batch->block_cap; i < cap; i++) {
            buf_init(&bigger[i].bytes, BLOCK_BYTES_MAX);
        }
        batch->blocks = bigger;
        batch->block_cap = cap;
    }
    return &batch->blocks[batch->block_count++];
}

/* The shard's block; NULL without memory. A batch has few shards, and neighbours share them. */
static struct open_block *block_of(struct open_batch *batch, uint32_t stream_id, uint32_t shard)
{
    for (uint32_t i = batch->block_count; i > 0; i--) {
        if (batch->blocks[i - 1].shard == shard) {
            return &batch->blocks[i - 1];
        }
    }
    struct open_block *block = block_new(batch);
    if (block != NULL) {
        block->stream_id = stream_id;
        block->shard = shard;
    }
    return block;
}

void blocks_add(struct engine *engine, const struct engine_stream *stream, uint32_t shard,
                const struct engine_record *record)
{
    struct open_batch *batch = &engine->batch;
    struct open_block *block = block_of(batch, stream->id, shard);
    if (block == NULL) {
        batch->status = WEIR_NO_MEMORY;
        return;
    }
    size_t len = block->bytes.len;
    if (len == 0) {
        block->last_seq = record->commit_seq - 1;
        record_block_begin(&block->bytes, record->commit_ms, block->last_seq);
    }
    record_block_put(&block->bytes, block->last_seq, record);
    block->last_seq = record->commit_seq;
    batch->bytes += block->bytes.len - len;
    batch->dirty = true;
    if (block->bytes.len >= BLOCK_BYTES) {
        block_put(engine, block);
    }
}

void blocks_put(struct engine *engine)
{
    struct open_batch *batch = &engine->batch;
    for (uint32_t i = 0; i < batch->block_count; i++) {
        if (batch->blocks[i].bytes.len > 0 || buf_status(&batch->blocks[i].bytes) != WEIR_OK) {
            block_put(engine, &batch->blocks[i]);
        }
    }
}

void blocks_clear(struct open_batch *batch)
{
    for (uint32_t i = 0; i < batch->block_count; i++) {
        struct buf *bytes = &batch->blocks[i].bytes;
        if (i < BLOCKS_KEPT && bytes->cap <= BLOCK_BYTES_KEPT) {
            buf_reset(bytes);
        } else {
            buf_fini(bytes);
        }
    }
    batch->block_count = 0;
}

void blocks_fini(struct open_batch *batch)
{
    for (uint32_t i = 0; i < batch->block_cap; i++) {
        buf_fini(&batch->blocks[i].bytes);
    }
    free(batch->blocks);
    batch->blocks = NULL;
    batch->block_count = batch->block_cap = 0;
}
