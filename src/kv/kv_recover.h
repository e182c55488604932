/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KV_KV_RECOVER_H
#define WEIR_KV_KV_RECOVER_H

/*
 * The judgement over a store that RocksDB does not open as it is, or whose logs are damaged. Pure:
 * the evidence comes in, the verdict goes out. docs/disk-format.md, "Store, log and recovery".
 *
 * Threads: any.
 */

#include "kv/kv_dir.h"
#include "kv/kv_wal.h"

struct kv_evidence {
    const struct kv_dir *dir;            /* how the last user left the store */
    struct kv_wal_report wal;            /* what the scan of the logs found */
    bool readable_before;                /* the store opens, read-only, up to the first damage */
    bool readable_behind;                /* ... and with everything readable behind it */
    uint64_t commit_before;              /* the last commit then; 0 if not readable */
    uint64_t commit_behind;              /* the same */
    char damage[WEIR_ERROR_MESSAGE_MAX]; /* RocksDB's own words, "" if it has none */
};

/*
 * WEIR_OK: what is behind the damage may be dropped; *ret_lost is the number of commits that are
 * known to be among it (always 0 for a synced store). WEIR_CORRUPTION: refuse; err names the file
 * and both commits.
 */
enum weir_status kv_recover_judge(const struct kv_evidence *evidence, uint64_t *ret_lost,
                                  struct weir_error *err);

/* Which status RocksDB's error text stands for; its C interface has no codes. Never WEIR_OK. */
enum weir_status kv_rocks_status(const char *text);

#endif
