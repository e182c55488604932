/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KV_KV_MEM_H
#define WEIR_KV_KV_MEM_H

/*
 * What only the store in memory can do: lose its power. It keeps the version that a disk would
 * have; kv_mem_power_cut goes back to it.
 *
 * Threads: that of kv_commit.
 */

#include "kv/kv.h"

/* KV_SYNC (the default): each commit is synced; KV_RELAXED: only kv_mem_sync syncs. */
void kv_mem_set_durability(struct kv *kv, enum kv_durability durability);

/* What is there now survives a power cut. */
void kv_mem_sync(struct kv *kv);

/*
 * Goes back to the last synced version, as if reopened: a failed commit's stop is over too.
 * Snapshots, iterators and values of before stay readable. Returns the last commit's number.
 */
uint64_t kv_mem_power_cut(struct kv *kv);

#endif
