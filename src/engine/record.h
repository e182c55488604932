/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ENGINE_RECORD_H
#define WEIR_ENGINE_RECORD_H

/*
 * Stream records as they are stored (docs/disk-format.md). A row of KV_STREAM holds the records of
 * one commit in one shard, in order; its key ends with the last one's commit_seq, so that seeking a
 * commit_seq finds the row that it is in, or the next one.
 *
 *     write    record_block_begin, then record_block_put for each        committer
 *     read     record_reader_open, record_reader_next until
 *              record_reader_ended                                       any thread
 *
 * Rows of earlier versions hold a single record; readers do not see the difference.
 */

#include "engine/internal.h"

/* before_seq: any commit_seq below the first record's. */
void record_block_begin(struct buf *to, int64_t commit_ms, uint64_t before_seq);
/* previous_seq: of the record before it in the block, for the first one the block's before_seq.
 * commit_ms is the block's. The images are storage encodings, len 0: left out. */
void record_block_put(struct buf *to, uint64_t previous_seq, const struct engine_record *record);

/* Where reading a row has come to; borrows the row's value. */
struct record_reader {
    struct weir_bytes rest;
    uint64_t seq;      /* of the record read last */
    uint64_t last_seq; /* of the row's last */
    int64_t commit_ms;
    uint8_t version;
};

/* A record in its row: the views of `record` point into it. */
struct stored_record {
    struct engine_record record;
    /* The old image is the new one's first and last bytes around what record.old_image shows. */
    bool shared;
    uint64_t before, behind;
};

/* WEIR_CORRUPTION: a damaged row. */
enum weir_status record_reader_open(struct weir_bytes key, struct weir_bytes value,
                                    struct record_reader *ret_reader, struct weir_error *err);
/* The next record of a row that has one more. */
enum weir_status record_reader_next(struct record_reader *reader, struct stored_record *ret_stored,
                                    struct weir_error *err);
/* Makes record.old_image whole, in the arena. */
enum weir_status stored_record_finish(struct arena *a, struct stored_record *stored,
                                      struct weir_error *err);

static inline bool record_reader_ended(const struct record_reader *reader)
{
    return reader->rest.len == 0;
}

#endif
