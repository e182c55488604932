/* SPDX-License-Identifier: Apache-2.0 */
/* Judging a damaged store, and RocksDB's error texts: kv_recover.h. */
#include "kv/kv_recover.h"

#include <inttypes.h>

#include "base/error.h"

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends(const char *text, const char *suffix)
{
    size_t text_len = strlen(text);
    size_t len = strlen(suffix);
    return text_len >= len && strcmp(text + text_len - len, suffix) == 0;
}

enum weir_status kv_rocks_status(const char *text)
{
    static const struct {
        const char *prefix;
        enum weir_status status;
    } table[] = {
        {"IO error: No space left on device", WEIR_NO_SPACE},
        {"IO error: Max allowed space was reached", WEIR_NO_SPACE},
        {"IO error: While lock file", WEIR_LOCK_HELD},
        {"IO error: lock hold by current process", WEIR_LOCK_HELD},
        {"IO error", WEIR_IO},
        {"Corruption", WEIR_CORRUPTION},
        {"Result incomplete", WEIR_UNAVAILABLE},
        {"Not implemented", WEIR_UNSUPPORTED},
    };
    /* RocksDB puts only ENOSPC in front; it ends with the system's words for whatever failed. */
    if (ends(text, ": Disk quota exceeded") || ends(text, ": No space left on device")) {
        return WEIR_NO_SPACE;
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (begins(text, table[i].prefix)) {
            return table[i].status;
        }
    }
    return WEIR_IO;
}

static uint64_t last_behind(const struct kv_evidence *evidence)
{
    uint64_t behind = evidence->readable_behind ? evidence->commit_behind : 0;
    return behind > evidence->wal.commit_after ? behind : evidence->wal.commit_after;
}

static enum weir_status refuse(const struct kv_evidence *evidence, struct weir_error *err)
{
    const struct kv_wal_report *wal = &evidence->wal;
    uint64_t behind = last_behind(evidence);
    if (!evidence->readable_before) {
        return error_set(err, WEIR_CORRUPTION, "'%s' is damaged and nothing was changed: %s%s%s",
                         evidence->dir->path, evidence->damage, wal->torn ? "; log " : "",
                         wal->file);
    }
    uint64_t before = evidence->commit_before;
    if (wal->torn && wal->commit_before != 0 && wal->commit_before < before) {
        before = wal->commit_before; /* RocksDB went on across the hole */
    }
    if (wal->torn) {
        return error_set(err, WEIR_CORRUPTION,
                         "'%s/%s' is damaged at byte %" PRIu64 ": the store can be read up to "
                         "commit %" PRIu64 ", and behind the damage up to commit %" PRIu64
                         "; nothing was changed",
                         evidence->dir->path, wal->file, wal->offset, before, behind);
    }
    return error_set(err, WEIR_CORRUPTION,
                     "'%s' is damaged (%s): it can be read up to commit %" PRIu64
                     ", and behind the damage up to commit %" PRIu64 "; nothing was changed",
                     evidence->dir->path, evidence->damage, before, behind);
}

enum weir_status kv_recover_judge(const struct kv_evidence *evidence, uint64_t *ret_lost,
                                  struct weir_error *err)
{
    const struct kv_wal_report *wal = &evidence->wal;
    uint64_t before = evidence->commit_before;
    uint64_t behind = last_behind(evidence);
    if (!evidence->readable_before || evidence->dir->state != KV_DIR_OPEN) {
        return refuse(evidence, err);
    }
    if (evidence->dir->durability == KV_SYNC) {
        if (wal->damaged || behind > before + 1) {
            return refuse(evidence, err);
        }
        *ret_lost = 0;
        return WEIR_OK;
    }
    /* RocksDB takes a zeroed stretch for padding: then reading does not end before the damage, and
     * dropping the rest would leave a hole in the middle. */
    bool crossed = wal->damaged && wal->commit_next != 0 && before >= wal->commit_next;
    if (crossed) {
        return refuse(evidence, err);
    }
    *ret_lost = behind > before ? behind - before : 0;
    return WEIR_OK;
}
