/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KV_KV_TREE_H
#define WEIR_KV_KV_TREE_H

/*
 * A B+tree over bytes whose nodes are shared between versions:
 *
 *     old root    new root
 *        |  \      /  |
 *        A    B --+   A'      a change copies the nodes on its path (root, A) and shares the rest
 *
 * A tree is a pointer to its root, NULL when empty. Nodes and entries are counted; a node that was
 * created by the running transaction (`txn`, a number never used twice) is reachable from its
 * working root only, and is changed in place.
 *
 * A changing function that runs out of memory returns false and leaves a tree that is fit for
 * nothing but tree_unref: the caller drops its working root and still has the old one.
 *
 * Threads: any may read and count references; a working root belongs to one.
 */

#include <stdatomic.h>

#include "base/bytes.h"

struct tree_node;

/* A key and its value, one allocation, never changed. */
struct tree_entry {
    atomic_uint refs;
    uint32_t key_len;
    uint32_t value_len;
    uint8_t bytes[]; /* the key, then the value */
};

/* With one reference, the caller's; NULL without memory or above 4 GiB. */
struct tree_entry *tree_entry_new(struct weir_bytes key, struct weir_bytes value);
struct tree_entry *tree_entry_ref(struct tree_entry *entry); /* accepts NULL */
void tree_entry_unref(struct tree_entry *entry);             /* accepts NULL */

static inline struct weir_bytes tree_entry_key(const struct tree_entry *entry)
{
    return bytes_of(entry->bytes, entry->key_len);
}

static inline struct weir_bytes tree_entry_value(const struct tree_entry *entry)
{
    return bytes_of(entry->bytes + entry->key_len, entry->value_len);
}

struct tree_node *tree_ref(struct tree_node *root); /* accepts NULL */
void tree_unref(struct tree_node *root);            /* accepts NULL */

/* The entry, held by the tree; NULL when it is not there. */
struct tree_entry *tree_find_view(const struct tree_node *root, struct weir_bytes key);

/* Inserts, or replaces the entry of the same key. */
bool tree_put(struct tree_node **root, uint64_t txn, struct tree_entry *take_entry);
bool tree_delete(struct tree_node **root, uint64_t txn, struct weir_bytes key);
/* Keys in [from, to). */
bool tree_delete_range(struct tree_node **root, uint64_t txn, struct weir_bytes from,
                       struct weir_bytes to);

/* Asserts what must hold of every tree: order, separators, equal depth. For tests. */
void tree_check(const struct tree_node *root);

#define TREE_DEPTH_MAX 16

/* A place in a tree that somebody else holds. */
struct tree_cursor {
    const struct tree_node *path[TREE_DEPTH_MAX];
    unsigned index[TREE_DEPTH_MAX];
    unsigned depth; /* nodes in path; 0 = on no entry */
};

/* Each returns whether the cursor stands on an entry afterwards. */
bool tree_cursor_first_from(struct tree_cursor *cursor, const struct tree_node *root,
                            struct weir_bytes key); /* the first >= key */
bool tree_cursor_last_to(struct tree_cursor *cursor, const struct tree_node *root,
                         struct weir_bytes key); /* the last <= key */
bool tree_cursor_last_below(struct tree_cursor *cursor, const struct tree_node *root,
                            struct weir_bytes key); /* the last < key */
bool tree_cursor_last(struct tree_cursor *cursor, const struct tree_node *root);
bool tree_cursor_next(struct tree_cursor *cursor);
bool tree_cursor_prev(struct tree_cursor *cursor);
/* The entry it stands on. */
const struct tree_entry *tree_cursor_entry(const struct tree_cursor *cursor);

#endif
