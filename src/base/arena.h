/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BASE_ARENA_H
#define WEIR_BASE_ARENA_H

/*
 * Memory that lives as long as one request. Pieces are never freed singly; all go at arena_reset
 * or arena_free. An arena has a limit: an allocation over it returns NULL, which fails the request
 * (WEIR_NO_MEMORY), not the process. Under AddressSanitizer every piece is a malloc of its own, so
 * that an overrun inside the arena is seen.
 *
 * Threads: one at a time.
 */

#include "base/bytes.h"

struct arena;

/* An arena of at most `max_bytes`; NULL without memory. The first block is allocated lazily. */
struct arena *arena_new(size_t max_bytes);
void arena_free(struct arena *a);  /* accepts NULL */
void arena_reset(struct arena *a); /* everything is given back; one block is kept for reuse */

/* `size` bytes aligned for any type, uninitialised; NULL over the limit or without memory.
 * Size 0 gives a valid unique pointer. */
void *arena_alloc(struct arena *a, size_t size);
/* The same for count * size, checked for overflow, zeroed. */
void *arena_calloc(struct arena *a, size_t count, size_t size);
/* A copy; ptr is NULL only when memory ran out (an empty input gives a non-NULL ptr). */
struct weir_bytes arena_dup(struct arena *a, struct weir_bytes bytes);
/* A formatted, NUL-terminated string; NULL without memory. */
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *a);

#define ARENA_NEW(a, type) ((type *)arena_calloc((a), 1, sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_calloc((a), (count), sizeof(type)))

#endif
