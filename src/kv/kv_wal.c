/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scanner of write-ahead logs: kv_wal.h says what for. The format (RocksDB's log_format.h):
 *
 *     block of 32 KiB:  | record | record | ... | fewer than 7 zero bytes |
 *     record:           | crc u32 LE | length u16 LE | type u8 | payload |
 *
 * Types 1 to 4 are a whole batch, and the first, a middle and the last piece of one; 5 to 8 are the
 * same with a log number (u32) behind the type. The checksum is CRC-32C, masked, over everything
 * behind the length. A record never crosses a block's end, so each block can be read on its own.
 *
 * Behind bytes that are no record the next one is searched byte by byte. That costs a checksum for
 * each place that looks like a header, so only in the first such blocks; in later ones only where
 * a block begins, which is always the beginning of a record.
 */
#include "kv/kv_wal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"

#define BLOCK_BYTES 32768
#define HEADER_BYTES 7
#define HEADER_BYTES_RECYCLED 11
#define SEARCHED_BLOCKS_MAX 16

/* How a batch ends on disk: tag "put", key length, key, value length, value. */
#define SUFFIX_HEAD "\x01\x06" KV_COMMIT_KEY "\x08"
#define SUFFIX_HEAD_BYTES (sizeof(SUFFIX_HEAD) - 1)
#define SUFFIX_BYTES (SUFFIX_HEAD_BYTES + 8)

/* A batch without entries (sequence number u64, count u32): RocksDB begins a log with one after it
 * dropped a tail. None of ours is so short. */
#define EMPTY_BATCH_BYTES 12

enum piece { PIECE_NONE, PIECE_WHOLE, PIECE_FIRST, PIECE_MIDDLE, PIECE_LAST, PIECE_OTHER };

struct record {
    enum piece piece; /* PIECE_NONE: no record here */
    size_t size;      /* header and payload */
    struct weir_bytes payload;
};

struct scan {
    struct kv_wal_report *report;
    const char *file;
    bool in_batch;                /* a first piece was read, and no last one */
    uint64_t batch_offset;        /* where it began */
    uint8_t suffix[SUFFIX_BYTES]; /* the batch's last bytes so far */
    size_t suffix_len;
    unsigned searched_blocks;
    uint32_t crc_table[8][256];
    uint8_t block[BLOCK_BYTES];
};

/* Eight bytes at a time (slicing): logs may have hundreds of megabytes. */
static void crc_init(uint32_t table[8][256])
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ UINT32_C(0x82F63B78) : crc >> 1;
        }
        table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++) {
        for (int slice = 1; slice < 8; slice++) {
            uint32_t before = table[slice - 1][i];
            table[slice][i] = table[0][before & 0xFF] ^ before >> 8;
        }
    }
}

static uint32_t get_le32(const uint8_t *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static uint32_t crc32c(const uint32_t table[8][256], const uint8_t *at, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (; size >= 8; size -= 8, at += 8) {
        uint32_t low = crc ^ get_le32(at);
        uint32_t high = get_le32(at + 4);
        crc = table[7][low & 0xFF] ^ table[6][low >> 8 & 0xFF] ^ table[5][low >> 16 & 0xFF] ^
              table[4][low >> 24] ^ table[3][high & 0xFF] ^ table[2][high >> 8 & 0xFF] ^
              table[1][high >> 16 & 0xFF] ^ table[0][high >> 24];
    }
    for (; size > 0; size--, at++) {
        crc = table[0][(crc ^ *at) & 0xFF] ^ crc >> 8;
    }
    return ~crc;
}

static uint32_t crc_mask(uint32_t crc)
{
    return (crc >> 15 | crc << 17) + UINT32_C(0xA282EAD8);
}

static enum piece piece_of(uint8_t type)
{
    if (type >= 1 && type <= 8) {
        return (enum piece)(PIECE_WHOLE + (type - 1) % 4);
    }
    return type >= 9 && type <= 16 ? PIECE_OTHER : PIECE_NONE;
}

/* The record that begins at `at`, with `left` bytes to the end of what the block holds. */
static struct record record_at(const struct scan *scan, const uint8_t *at, size_t left)
{
    struct record none = {.piece = PIECE_NONE};
    if (left < HEADER_BYTES) {
        return none;
    }
    uint8_t type = at[6];
    size_t header = type >= 5 && type <= 8 ? HEADER_BYTES_RECYCLED : HEADER_BYTES;
    size_t length = at[4] | (size_t)at[5] << 8;
    if (piece_of(type) == PIECE_NONE || header + length > left) {
        return none;
    }
    uint32_t crc = crc32c(scan->crc_table, at + 6, header - 6 + length);
    if (crc_mask(crc) != get_le32(at)) {
        return none;
    }
    return (struct record){piece_of(type), header + length, bytes_of(at + header, length)};
}

static void mark_torn(struct scan *scan, uint64_t offset)
{
    if (!scan->report->torn) {
        scan->report->torn = true;
        scan->report->offset = offset;
        (void)snprintf(scan->report->file, sizeof(scan->report->file), "%s", scan->file);
    }
}

static void suffix_add(struct scan *scan, struct weir_bytes piece)
{
    if (piece.len >= SUFFIX_BYTES) {
        memcpy(scan->suffix, piece.ptr + piece.len - SUFFIX_BYTES, SUFFIX_BYTES);
        scan->suffix_len = SUFFIX_BYTES;
        return;
    }
    size_t keep = SUFFIX_BYTES - piece.len;
    keep = keep < scan->suffix_len ? keep : scan->suffix_len;
    memmove(scan->suffix, scan->suffix + scan->suffix_len - keep, keep);
    memcpy(scan->suffix + keep, piece.ptr, piece.len);
    scan->suffix_len = keep + piece.len;
}

/* A batch ends here: its commit number, if it has one, counts before or behind the torn place. */
static void batch_end(struct scan *scan)
{
    if (scan->suffix_len != SUFFIX_BYTES ||
        memcmp(scan->suffix, SUFFIX_HEAD, SUFFIX_HEAD_BYTES) != 0) {
        return;
    }
    uint64_t number = get_be64(scan->suffix + SUFFIX_HEAD_BYTES);
    struct kv_wal_report *report = scan->report;
    if (!report->torn) {
        report->commit_before = number;
        return;
    }
    report->commit_next = report->commit_next == 0 ? number : report->commit_next;
    report->commit_after = number > report->commit_after ? number : report->commit_after;
}

static void take_record(struct scan *scan, const struct record *record, uint64_t offset)
{
    bool empty = record->piece == PIECE_WHOLE && record->payload.len <= EMPTY_BATCH_BYTES;
    if (empty || record->piece == PIECE_OTHER) {
        return;
    }
    bool begins = record->piece == PIECE_WHOLE || record->piece == PIECE_FIRST;
    if (begins && scan->in_batch) {
        mark_torn(scan, scan->batch_offset);
    } else if (!begins && !scan->in_batch) {
        mark_torn(scan, offset);
    }
    if (begins) {
        scan->report->damaged = scan->report->torn;
        scan->suffix_len = 0;
        scan->batch_offset = offset;
    }
    suffix_add(scan, record->payload);
    scan->in_batch = record->piece == PIECE_FIRST || record->piece == PIECE_MIDDLE;
    if (!scan->in_batch) {
        batch_end(scan);
    }
}

/* At bytes that are no record: forgets the batch that was being read, for it has a hole. */
static void take_hole(struct scan *scan, uint64_t offset)
{
    mark_torn(scan, scan->in_batch ? scan->batch_offset : offset);
    scan->in_batch = false;
    scan->suffix_len = 0;
}

static bool all_zero(const uint8_t *at, size_t size)
{
    while (size > 0 && *at == 0) {
        at++;
        size--;
    }
    return size == 0;
}

static void scan_block(struct scan *scan, size_t size, uint64_t block_offset)
{
    size_t at = 0;
    bool searching = false;
    while (at < size) {
        size_t left = size - at;
        bool padding = BLOCK_BYTES - at < HEADER_BYTES;
        if (padding && (searching || all_zero(scan->block + at, left))) {
            return;
        }
        struct record record = record_at(scan, scan->block + at, left);
        if (record.piece != PIECE_NONE) {
            take_record(scan, &record, block_offset + at);
            searching = false;
            at += record.size;
            continue;
        }
        if (!searching) {
            take_hole(scan, block_offset + at);
            if (scan->searched_blocks++ >= SEARCHED_BLOCKS_MAX) {
                return;
            }
            searching = true;
        }
        at++;
    }
}

static enum weir_status scan_file(struct scan *scan, const char *dir, const char *name,
                                  struct weir_error *err)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", dir, name) < 0) {
        return error_set(err, WEIR_NO_MEMORY, "no memory to read '%s/%s'", dir, name);
    }
    scan->file = name;
    FILE *file = fopen(path, "rbe");
    uint64_t offset = 0;
    size_t size = 0;
    while (file != NULL && (size = fread(scan->block, 1, BLOCK_BYTES, file)) > 0) {
        scan_block(scan, size, offset);
        offset += size;
    }
    enum weir_status status = WEIR_OK;
    if (file == NULL || ferror(file)) {
        status = error_set(err, WEIR_IO, "cannot read '%s': %s", path, strerror(errno));
    } else if (scan->in_batch) {
        take_hole(scan, offset);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    free(path);
    return status;
}

static int is_log(const struct dirent *file)
{
    size_t digits = strspn(file->d_name, "0123456789");
    return digits > 0 && strcmp(file->d_name + digits, ".log") == 0;
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
    unsigned long long left = strtoull((*a)->d_name, NULL, 10);
    unsigned long long right = strtoull((*b)->d_name, NULL, 10);
    return (left > right) - (left < right);
}

enum weir_status kv_wal_scan(const char *dir, struct kv_wal_report *ret_report,
                             struct weir_error *err)
{
    struct dirent **files = NULL;
    int count = scandir(dir, &files, is_log, by_number);
    if (count < 0) {
        return error_set(err, WEIR_IO, "cannot list '%s': %s", dir, strerror(errno));
    }
    struct kv_wal_report report = {0};
    struct scan *scan = calloc(1, sizeof(*scan));
    enum weir_status status = WEIR_OK;
    if (scan == NULL) {
        status = error_set(err, WEIR_NO_MEMORY, "no memory to read the logs of '%s'", dir);
    } else {
        scan->report = &report;
        crc_init(scan->crc_table);
    }
    for (int i = 0; i < count; i++) {
        if (status == WEIR_OK) {
            status = scan_file(scan, dir, files[i]->d_name, err);
        }
        free(files[i]);
    }
    free(files);
    free(scan);
    if (status == WEIR_OK) {
        *ret_report = report;
    }
    return status;
}
