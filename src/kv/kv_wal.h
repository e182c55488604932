/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KV_KV_WAL_H
#define WEIR_KV_KV_WAL_H

/*
 * Reads the write-ahead logs of a store that was not closed, before RocksDB does, to tell a write
 * that was cut off (bytes at the end of the last log that are no record) from damage (a record that
 * begins behind such bytes: its predecessor was finished when it was written).
 *
 * RocksDB cannot be asked: in its tolerant mode it takes a damaged length field near the end, or a
 * zeroed stretch, for the end of the log or for padding, and drops what follows without an error.
 *
 * Threads: any; it only reads files that nobody may write meanwhile.
 */

#include <stdbool.h>
#include <stdint.h>

#include "weir/error.h"

/* Every batch ends with an entry of this key in RocksDB's default family: the commit's number,
 * 8 bytes, big-endian. */
#define KV_COMMIT_KEY "commit"
#define KV_COMMIT_KEY_LEN 6

struct kv_wal_report {
    bool torn;              /* bytes that are no record, at `file` and `offset` */
    bool damaged;           /* torn, and a record begins behind them */
    char file[64];          /* the log's name, "" if not torn */
    uint64_t offset;        /* of the first byte that is no record */
    uint64_t commit_before; /* last whole commit before them; 0 if none in the logs */
    uint64_t commit_next;   /* first and last commit that can be read behind them; 0 if none */
    uint64_t commit_after;
};

/* Scans all logs in `dir`, oldest first. WEIR_IO, WEIR_NO_MEMORY. */
enum weir_status kv_wal_scan(const char *dir, struct kv_wal_report *ret_report,
                             struct weir_error *err);

#endif
