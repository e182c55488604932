/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KV_KV_DIR_H
#define WEIR_KV_KV_DIR_H

/*
 * The folder of a store on disk, around RocksDB's files: who has it open, and how the last user
 * left it. Two side files (docs/disk-format.md):
 *
 *   HOLDER  locked with flock while the store is open; its text tells a second process who it is
 *   STATE   replaced whole; creating -> open -> clean -> open -> ...
 *
 *        creating    the first opening has not finished: nothing was committed
 *        open D      in use, or its user died; D is the durability its commits had
 *        clean N     closed: everything up to commit N is in flushed files
 *
 * Threads: one at a time.
 */

#include <stdbool.h>
#include <stdint.h>

#include "kv/kv.h"

enum kv_dir_state { KV_DIR_CREATING, KV_DIR_OPEN, KV_DIR_CLEAN };

struct kv_dir {
    char *path;
    int fd;   /* of the folder */
    int lock; /* of HOLDER */
    bool locked;
    /* What kv_dir_open found. */
    bool created;                  /* no store was there */
    enum kv_dir_state state;       /* OPEN also when STATE is missing: nothing is known */
    enum kv_durability durability; /* of an OPEN one; KV_SYNC, the stricter, if unknown */
    uint64_t commit_number;        /* of a CLEAN one */
};

/*
 * Creates the folder if its parent exists, locks it and reads its state. WEIR_LOCK_HELD with pid
 * and address of the holder; WEIR_IO, WEIR_NO_SPACE; WEIR_CORRUPTION when files of a store are
 * there but not CURRENT, which names the others; WEIR_UNSUPPORTED for a newer STATE.
 */
enum weir_status kv_dir_open(const char *path, struct kv_dir *ret_dir, struct weir_error *err);

/* Unlocks. Accepts a zeroed one. */
void kv_dir_close(struct kv_dir *dir);

/* Replaces STATE, durably. `durability` counts for OPEN, `commit_number` for CLEAN. */
enum weir_status kv_dir_set(struct kv_dir *dir, enum kv_dir_state state,
                            enum kv_durability durability, uint64_t commit_number,
                            struct weir_error *err);

/* Removes the OPTIONS-*.dbtmp files that RocksDB began and gave up. */
void kv_dir_tidy(const struct kv_dir *dir);

#endif
