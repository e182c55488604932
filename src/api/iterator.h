/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_ITERATOR_H
#define WEIR_API_ITERATOR_H

/*
 * Shard iterators: a position in a shard, written as text that only we read again. Nothing of them
 * is kept, so they survive a restart; they carry when they were issued, and a few bytes of chance,
 * so that two are never the same.
 *
 *     <StreamArn>|1|<40 characters, base64url of 30 bytes>
 *
 *     version 1 | flags 1 | stream id 4 | shard number 4 | position 8 | issued ms 8 | chance 4
 */

#include "api/call.h"

struct shard_iterator {
    struct weir_bytes arn; /* of the stream */
    uint32_t stream_id;
    uint32_t shard_number;
    uint64_t position; /* the commit_seq to go on from */
    int64_t issued_ms;
    bool horizon; /* from the oldest there is: trimming only moves the position */
};

/* The text, in the call's arena; issued now. len 0 without memory. */
struct weir_bytes iterator_format(struct api_call *call, const struct shard_iterator *iterator);
/* WEIR_VALIDATION when the text is none of ours, WEIR_ITERATOR_EXPIRED when it is too old. */
enum weir_status iterator_parse(struct api_call *call, struct weir_bytes text,
                                struct shard_iterator *ret_iterator);

/* The shard of that number; NULL when the stream has it no more. */
const struct engine_shard *iterator_shard(const struct engine_stream *stream, uint32_t number);

#endif
