/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SINK_SINK_REDIS_GROUP_H
#define WEIR_SINK_SINK_REDIS_GROUP_H

/* A group: the messages of one key that stand together in a batch, and the one command that hands
 * them to the script of sink_redis.c. */

#include "base/bytes.h"
#include "weir/sink.h"

#define REDIS_SHA1_HEX 40

struct redis_group_setup {
    char *stream; /* where messages without a destination go */
    char window_s[16];
    char maxlen[16];               /* "0": not trimmed */
    char sha1[REDIS_SHA1_HEX + 1]; /* the script's, once it is loaded */
};

/* The index behind the group that begins at `from`. */
uint32_t redis_group_end(const struct weir_sink_batch *batch, uint32_t from);
/* In RESP, freed with redisFreeCommand; NULL without memory. */
char *redis_group_command(const struct redis_group_setup *setup,
                          const struct weir_sink_batch *batch, uint32_t from, uint32_t end,
                          size_t *ret_len);

#endif
