/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arena: blocks that double in size, and a pointer that moves through the newest.
 *
 *     blocks ──► [newest | pos ... end] ──► [older, full] ──► [a large piece of its own] ──► ...
 *
 * `end` is already cut to what the limit leaves, so the fast path makes one comparison for both
 * the block and the limit. The limit counts bytes handed out (rounded for alignment), not the tails
 * of blocks. Under AddressSanitizer the same interface hands out one malloc per piece.
 */
#include "base/arena.h"

#include "base/error.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_OF_MALLOCS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_OF_MALLOCS 1
#endif
#endif

#define ARENA_ALIGN alignof(max_align_t)

/* What a piece counts for; a piece of size 0 has an address of its own too. 0 on overflow. */
static inline size_t piece_size(size_t size)
{
    if (size == 0) {
        return ARENA_ALIGN;
    }
    return size > SIZE_MAX - (ARENA_ALIGN - 1) ? 0 : (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
}

#ifdef ARENA_OF_MALLOCS

struct arena {
    size_t max;
    size_t used;
    void **pieces;
    size_t piece_count;
    size_t piece_cap;
};

struct arena *arena_new(size_t max_bytes)
{
    struct arena *a = calloc(1, sizeof(*a));
    if (a != NULL) {
        a->max = max_bytes;
    }
    return a;
}

void arena_reset(struct arena *a)
{
    for (size_t i = 0; i < a->piece_count; i++) {
        free(a->pieces[i]);
    }
    a->piece_count = 0;
    a->used = 0;
}

void arena_free(struct arena *a)
{
    if (a != NULL) {
        arena_reset(a);
        free(a->pieces);
        free(a);
    }
}

static bool pieces_grow(struct arena *a)
{
    if (a->piece_count < a->piece_cap) {
        return true;
    }
    size_t cap = a->piece_cap == 0 ? 64 : a->piece_cap * 2;
    void **pieces = realloc(a->pieces, cap * sizeof(*pieces));
    if (pieces == NULL) {
        return false;
    }
    a->pieces = pieces;
    a->piece_cap = cap;
    return true;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t counted = piece_size(size);
    if (counted == 0 || counted > a->max - a->used || !pieces_grow(a)) {
        return NULL;
    }
    void *piece = malloc(size);
    if (piece != NULL) {
        a->pieces[a->piece_count++] = piece;
        a->used += counted;
    }
    return piece;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

#else

#define BLOCK_BYTES_FIRST ((size_t)4 * 1024)
#define BLOCK_BYTES_MAX ((size_t)1024 * 1024)
/* The largest block that a reset keeps, so that one huge request does not pin its memory. */
#define BLOCK_BYTES_KEPT ((size_t)64 * 1024)

struct block {
    struct block *next; /* older */
    size_t size;        /* of data */
    alignas(max_align_t) uint8_t data[];
};

struct arena {
    uint8_t *pos; /* in the newest block; NULL without one */
    uint8_t *end; /* of the newest block, or where the limit ends in it */
    size_t max;
    size_t used_elsewhere; /* bytes handed out in other blocks */
    struct block *blocks;  /* newest first: pos and end are in the first */
};

struct arena *arena_new(size_t max_bytes)
{
    struct arena *a = calloc(1, sizeof(*a));
    if (a != NULL) {
        a->max = max_bytes & ~(ARENA_ALIGN - 1);
    }
    return a;
}

size_t arena_used(const struct arena *a)
{
    return a->used_elsewhere + (a->blocks == NULL ? 0 : (size_t)(a->pos - a->blocks->data));
}

/* Cuts `end` to the limit, after used_elsewhere or the newest block changed. */
static void end_cut(struct arena *a)
{
    size_t room = (size_t)(a->blocks->data + a->blocks->size - a->pos);
    size_t left = a->max - arena_used(a);
    a->end = a->pos + (room < left ? room : left);
}

static struct block *block_new(size_t size)
{
    if (size > SIZE_MAX - sizeof(struct block)) {
        return NULL;
    }
    struct block *block = malloc(sizeof(*block) + size);
    if (block != NULL) {
        block->next = NULL;
        block->size = size;
    }
    return block;
}

/* A block for this piece alone, behind the newest, whose room stays in use. */
static void *alloc_alone(struct arena *a, size_t counted)
{
    struct block *block = block_new(counted);
    if (block == NULL) {
        return NULL;
    }
    block->next = a->blocks->next;
    a->blocks->next = block;
    a->used_elsewhere += counted;
    end_cut(a);
    return block->data;
}

static void *alloc_slow(struct arena *a, size_t counted)
{
    if (counted == 0 || counted > a->max - arena_used(a)) {
        return NULL;
    }
    size_t size = BLOCK_BYTES_FIRST;
    if (a->blocks != NULL) {
        size = a->blocks->size < BLOCK_BYTES_MAX / 2 ? a->blocks->size * 2 : BLOCK_BYTES_MAX;
        if (counted > size / 2) {
            return alloc_alone(a, counted);
        }
    }
    struct block *block = block_new(counted > size ? counted : size);
    if (block == NULL) {
        return NULL;
    }
    a->used_elsewhere = arena_used(a);
    block->next = a->blocks;
    a->blocks = block;
    a->pos = block->data + counted;
    end_cut(a);
    return block->data;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t counted = piece_size(size);
    if (__builtin_expect(counted == 0 || counted > (size_t)(a->end - a->pos), 0)) {
        return alloc_slow(a, counted);
    }
    uint8_t *piece = a->pos;
    a->pos += counted;
    return piece;
}

void arena_reset(struct arena *a)
{
    struct block *kept = NULL;
    for (struct block *block = a->blocks, *next; block != NULL; block = next) {
        next = block->next;
        struct block *worse = block;
        if (block->size <= BLOCK_BYTES_KEPT && (kept == NULL || block->size > kept->size)) {
            worse = kept;
            kept = block;
        }
        free(worse);
    }
    a->blocks = kept;
    a->used_elsewhere = 0;
    a->pos = NULL;
    a->end = NULL;
    if (kept != NULL) {
        kept->next = NULL;
        a->pos = kept->data;
        end_cut(a);
    }
}

void arena_free(struct arena *a)
{
    if (a == NULL) {
        return;
    }
    for (struct block *block = a->blocks, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    free(a);
}

#endif

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    void *piece = arena_alloc(a, total);
    if (piece != NULL) {
        memset(piece, 0, total);
    }
    return piece;
}

struct weir_bytes arena_dup(struct arena *a, struct weir_bytes bytes)
{
    uint8_t *copy = arena_alloc(a, bytes.len);
    if (copy == NULL) {
        return BYTES_NONE;
    }
    if (bytes.len > 0) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    return bytes_of(copy, bytes.len);
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_alloc(a, (size_t)len + 1);
    if (text != NULL) {
        va_start(args, format);
        (void)vsnprintf(text, (size_t)len + 1, format, args);
        va_end(args);
    }
    return text;
}
