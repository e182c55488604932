/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy-on-write B+tree: kv_tree.h says what it is.
 *
 * An inner node has as many keys as children; keys[i] is a lower bound of what is below child i and
 * above everything below child i - 1. keys[0] decides nothing (child 0 takes whatever is smaller
 * than keys[1]) and may be NULL. A bound may be the key of an entry that is gone: it is an entry of
 * its own without a value, so that it keeps no value in memory.
 *
 * A node that became small is merged with a neighbour when both fit into one node. If they do not
 * fit, two neighbours together are more than one full node, so the tree stays shallow either way.
 */
#include "kv/kv_tree.h"

#include <stdlib.h>

#include "base/error.h"

enum { NODE_MAX = 32, NODE_SMALL = 8 };

struct tree_node {
    atomic_uint refs;
    uint16_t level; /* 0 = leaf */
    uint16_t count;
    uint64_t txn; /* the transaction that created it */
    struct tree_entry *keys[NODE_MAX];
    struct tree_node *children[]; /* NODE_MAX in inner nodes, none in leaves */
};

struct tree_entry *tree_entry_new(struct weir_bytes key, struct weir_bytes value)
{
    if (key.len > UINT32_MAX || value.len > UINT32_MAX) {
        return NULL;
    }
    struct tree_entry *entry = malloc(sizeof(*entry) + key.len + value.len);
    if (entry == NULL) {
        return NULL;
    }
    atomic_init(&entry->refs, 1);
    entry->key_len = (uint32_t)key.len;
    entry->value_len = (uint32_t)value.len;
    if (key.len > 0) {
        memcpy(entry->bytes, key.ptr, key.len);
    }
    if (value.len > 0) {
        memcpy(entry->bytes + key.len, value.ptr, value.len);
    }
    return entry;
}

struct tree_entry *tree_entry_ref(struct tree_entry *entry)
{
    if (entry != NULL) {
        atomic_fetch_add_explicit(&entry->refs, 1, memory_order_relaxed);
    }
    return entry;
}

void tree_entry_unref(struct tree_entry *entry)
{
    if (entry != NULL && atomic_fetch_sub_explicit(&entry->refs, 1, memory_order_acq_rel) == 1) {
        free(entry);
    }
}

struct tree_node *tree_ref(struct tree_node *root)
{
    if (root != NULL) {
        atomic_fetch_add_explicit(&root->refs, 1, memory_order_relaxed);
    }
    return root;
}

void tree_unref(struct tree_node *root)
{
    if (root == NULL || atomic_fetch_sub_explicit(&root->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (unsigned i = 0; i < root->count; i++) {
        tree_entry_unref(root->keys[i]);
        if (root->level > 0) {
            tree_unref(root->children[i]);
        }
    }
    free(root);
}

static struct tree_node *node_new(unsigned level, uint64_t txn)
{
    size_t children = level > 0 ? NODE_MAX : 0;
    struct tree_node *node = malloc(sizeof(*node) + children * sizeof(node->children[0]));
    if (node != NULL) {
        atomic_init(&node->refs, 1);
        node->level = (uint16_t)level;
        node->count = 0;
        node->txn = txn;
    }
    return node;
}

/* Copies `count` slots of `from`, from `first` on, to the end of `to`, and counts them again. */
static void append_shared(struct tree_node *to, const struct tree_node *from, unsigned first,
                          unsigned count)
{
    WEIR_ASSERT(to->count + count <= NODE_MAX);
    for (unsigned i = 0; i < count; i++) {
        to->keys[to->count + i] = tree_entry_ref(from->keys[first + i]);
        if (from->level > 0) {
            to->children[to->count + i] = tree_ref(from->children[first + i]);
        }
    }
    to->count = (uint16_t)(to->count + count);
}

/* Makes the node in `slot` one that this transaction may change; NULL without memory. */
static struct tree_node *node_own(struct tree_node **slot, uint64_t txn)
{
    if ((*slot)->txn == txn) {
        return *slot;
    }
    struct tree_node *copy = node_new((*slot)->level, txn);
    if (copy != NULL) {
        append_shared(copy, *slot, 0, (*slot)->count);
        tree_unref(*slot);
        *slot = copy;
    }
    return copy;
}

/* The first place in a leaf whose key is not below `key`. */
static unsigned leaf_index(const struct tree_node *leaf, struct weir_bytes key)
{
    unsigned low = 0;
    unsigned high = leaf->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (bytes_cmp(tree_entry_key(leaf->keys[middle]), key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The child below which `key` belongs. */
static unsigned child_index(const struct tree_node *node, struct weir_bytes key)
{
    unsigned low = 1;
    unsigned high = node->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (bytes_cmp(tree_entry_key(node->keys[middle]), key) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low - 1;
}

static bool leaf_has(const struct tree_node *leaf, unsigned index, struct weir_bytes key)
{
    return index < leaf->count && bytes_eq(tree_entry_key(leaf->keys[index]), key);
}

struct tree_entry *tree_find_view(const struct tree_node *root, struct weir_bytes key)
{
    if (root == NULL) {
        return NULL;
    }
    while (root->level > 0) {
        root = root->children[child_index(root, key)];
    }
    unsigned index = leaf_index(root, key);
    return leaf_has(root, index, key) ? root->keys[index] : NULL;
}

/* Opens a gap and puts key and child (NULL in a leaf) into it. Takes both over. */
static void slot_insert(struct tree_node *node, unsigned index, struct tree_entry *take_key,
                        struct tree_node *take_child)
{
    unsigned behind = node->count - index;
    memmove(&node->keys[index + 1], &node->keys[index], behind * sizeof(node->keys[0]));
    node->keys[index] = take_key;
    if (node->level > 0) {
        memmove(&node->children[index + 1], &node->children[index],
                behind * sizeof(node->children[0]));
        node->children[index] = take_child;
    }
    node->count++;
}

/* Drops the slots [first, end) and closes the gap. */
static void slots_remove(struct tree_node *node, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        tree_entry_unref(node->keys[i]);
        if (node->level > 0) {
            tree_unref(node->children[i]);
        }
    }
    unsigned behind = node->count - end;
    memmove(&node->keys[first], &node->keys[end], behind * sizeof(node->keys[0]));
    if (node->level > 0) {
        memmove(&node->children[first], &node->children[end], behind * sizeof(node->children[0]));
    }
    node->count = (uint16_t)(node->count - (end - first));
}

/*
 * Inserts into a node that is owned, splitting it when it is full; *ret_right is then the new
 * right half. A split at the very end leaves the left one full: ascending keys fill the tree.
 */
static bool node_insert(struct tree_node *node, unsigned index, struct tree_entry *take_key,
                        struct tree_node *take_child, struct tree_node **ret_right)
{
    if (node->count < NODE_MAX) {
        slot_insert(node, index, take_key, take_child);
        return true;
    }
    struct tree_node *right = node_new(node->level, node->txn);
    if (right == NULL) {
        tree_entry_unref(take_key);
        tree_unref(take_child);
        return false;
    }
    unsigned keep = index == NODE_MAX ? NODE_MAX : NODE_MAX / 2;
    append_shared(right, node, keep, NODE_MAX - keep);
    slots_remove(node, keep, NODE_MAX);
    if (index >= keep) {
        slot_insert(right, index - keep, take_key, take_child);
    } else {
        slot_insert(node, index, take_key, take_child);
    }
    *ret_right = right;
    return true;
}

/* The bound that a parent keeps for a node split off to the right. */
static struct tree_entry *bound_of(const struct tree_node *right)
{
    if (right->level > 0) {
        return tree_entry_ref(right->keys[0]);
    }
    return tree_entry_new(tree_entry_key(right->keys[0]), BYTES_NONE);
}

static bool put_below(struct tree_node **slot, uint64_t txn, struct tree_entry *take_entry,
                      struct tree_node **ret_right)
{
    struct tree_node *node = node_own(slot, txn);
    if (node == NULL) {
        tree_entry_unref(take_entry);
        return false;
    }
    struct weir_bytes key = tree_entry_key(take_entry);
    if (node->level == 0) {
        unsigned index = leaf_index(node, key);
        if (!leaf_has(node, index, key)) {
            return node_insert(node, index, take_entry, NULL, ret_right);
        }
        tree_entry_unref(node->keys[index]);
        node->keys[index] = take_entry;
        return true;
    }
    unsigned index = child_index(node, key);
    struct tree_node *right = NULL;
    if (!put_below(&node->children[index], txn, take_entry, &right)) {
        return false;
    }
    if (right == NULL) {
        return true;
    }
    struct tree_entry *bound = bound_of(right);
    if (bound == NULL) {
        tree_unref(right);
        return false;
    }
    return node_insert(node, index + 1, bound, right, ret_right);
}

/* A new root above the two halves of the old one. */
static bool grow(struct tree_node **root, uint64_t txn, struct tree_node *take_right)
{
    unsigned level = (*root)->level + 1U;
    WEIR_ASSERT(level < TREE_DEPTH_MAX);
    struct tree_entry *bound = bound_of(take_right);
    struct tree_node *top = bound == NULL ? NULL : node_new(level, txn);
    if (top == NULL) {
        tree_entry_unref(bound);
        tree_unref(take_right);
        return false;
    }
    slot_insert(top, 0, NULL, *root);
    slot_insert(top, 1, bound, take_right);
    *root = top;
    return true;
}

bool tree_put(struct tree_node **root, uint64_t txn, struct tree_entry *take_entry)
{
    if (*root == NULL) {
        *root = node_new(0, txn);
        if (*root == NULL) {
            tree_entry_unref(take_entry);
            return false;
        }
    }
    struct tree_node *right = NULL;
    if (!put_below(root, txn, take_entry, &right)) {
        return false;
    }
    return right == NULL || grow(root, txn, right);
}

/* Merges child `left` with the next one, if both are there and fit. */
static bool merge(struct tree_node *node, uint64_t txn, unsigned left)
{
    if (left + 1 >= node->count || node->children[left] == NULL ||
        node->children[left + 1] == NULL) {
        return false;
    }
    struct tree_node *right = node->children[left + 1];
    if (node->children[left]->count + right->count > NODE_MAX) {
        return false;
    }
    struct tree_node *into = node_own(&node->children[left], txn);
    if (into == NULL) {
        return false; /* only the tree's shape would have gained */
    }
    unsigned seam = into->count;
    append_shared(into, right, 0, right->count);
    if (into->level > 0) {
        tree_entry_unref(into->keys[seam]);
        into->keys[seam] = tree_entry_ref(node->keys[left + 1]);
    }
    slots_remove(node, left + 1, left + 2);
    return true;
}

/* After child `index` of an owned node shrank: drops it when empty, merges it when small. */
static void repair(struct tree_node *node, uint64_t txn, unsigned index)
{
    if (index >= node->count) {
        return;
    }
    if (node->children[index] == NULL) {
        slots_remove(node, index, index + 1);
    } else if (node->children[index]->count < NODE_SMALL && !merge(node, txn, index) && index > 0) {
        (void)merge(node, txn, index - 1);
    }
}

/* An empty node becomes NULL in its slot. */
static void drop_if_empty(struct tree_node **slot)
{
    if ((*slot)->count == 0) {
        tree_unref(*slot);
        *slot = NULL;
    }
}

static bool delete_below(struct tree_node **slot, uint64_t txn, struct weir_bytes key)
{
    struct tree_node *node = node_own(slot, txn);
    if (node == NULL) {
        return false;
    }
    if (node->level == 0) {
        unsigned index = leaf_index(node, key);
        slots_remove(node, index, index + 1);
    } else {
        unsigned index = child_index(node, key);
        if (!delete_below(&node->children[index], txn, key)) {
            return false;
        }
        repair(node, txn, index);
    }
    drop_if_empty(slot);
    return true;
}

/* An inner root with one child gives its place to it. */
static void shrink(struct tree_node **root)
{
    while (*root != NULL && (*root)->level > 0 && (*root)->count == 1) {
        struct tree_node *only = tree_ref((*root)->children[0]);
        tree_unref(*root);
        *root = only;
    }
}

bool tree_delete(struct tree_node **root, uint64_t txn, struct weir_bytes key)
{
    if (tree_find_view(*root, key) == NULL) {
        return true;
    }
    if (!delete_below(root, txn, key)) {
        return false;
    }
    shrink(root);
    return true;
}

static bool delete_range_below(struct tree_node **slot, uint64_t txn, struct weir_bytes from,
                               struct weir_bytes to)
{
    struct tree_node *node = node_own(slot, txn);
    if (node == NULL) {
        return false;
    }
    if (node->level == 0) {
        slots_remove(node, leaf_index(node, from), leaf_index(node, to));
        drop_if_empty(slot);
        return true;
    }
    unsigned first = child_index(node, from);
    unsigned last = child_index(node, to);
    if (!delete_range_below(&node->children[first], txn, from, to)) {
        return false;
    }
    if (last > first) {
        if (!delete_range_below(&node->children[last], txn, from, to)) {
            return false;
        }
        slots_remove(node, first + 1, last);
        repair(node, txn, first + 1);
    }
    repair(node, txn, first);
    drop_if_empty(slot);
    return true;
}

bool tree_delete_range(struct tree_node **root, uint64_t txn, struct weir_bytes from,
                       struct weir_bytes to)
{
    if (*root == NULL || bytes_cmp(from, to) >= 0) {
        return true;
    }
    if (!delete_range_below(root, txn, from, to)) {
        return false;
    }
    shrink(root);
    return true;
}

static void check_below(const struct tree_node *node, const struct tree_entry *low,
                        const struct tree_entry *high)
{
    WEIR_ASSERT(node->count > 0 && node->count <= NODE_MAX);
    for (unsigned i = 0; i < node->count; i++) {
        const struct tree_entry *key = node->keys[i];
        bool decides = node->level == 0 || i > 0;
        WEIR_ASSERT(!decides || low == NULL ||
                    bytes_cmp(tree_entry_key(low), tree_entry_key(key)) <= 0);
        WEIR_ASSERT(!decides || high == NULL ||
                    bytes_cmp(tree_entry_key(key), tree_entry_key(high)) < 0);
        if (node->level == 0) {
            WEIR_ASSERT(i == 0 ||
                        bytes_cmp(tree_entry_key(node->keys[i - 1]), tree_entry_key(key)) < 0);
        } else {
            WEIR_ASSERT(node->children[i]->level + 1 == node->level);
            check_below(node->children[i], i == 0 ? low : key,
                        i + 1U < node->count ? node->keys[i + 1] : high);
        }
    }
}

void tree_check(const struct tree_node *root)
{
    if (root != NULL) {
        check_below(root, NULL, NULL);
    }
}

/* Below the last node of the path, goes down along first or last children to an entry. */
static bool cursor_descend(struct tree_cursor *cursor, const struct tree_node *node, bool last)
{
    for (;;) {
        cursor->path[cursor->depth] = node;
        cursor->index[cursor->depth] = last ? node->count - 1U : 0;
        cursor->depth++;
        if (node->level == 0) {
            return true;
        }
        node = node->children[cursor->index[cursor->depth - 1]];
    }
}

bool tree_cursor_next(struct tree_cursor *cursor)
{
    while (cursor->depth > 0) {
        const struct tree_node *node = cursor->path[cursor->depth - 1];
        unsigned *index = &cursor->index[cursor->depth - 1];
        if (*index + 1 < node->count) {
            (*index)++;
            return node->level == 0 || cursor_descend(cursor, node->children[*index], false);
        }
        cursor->depth--;
    }
    return false;
}

bool tree_cursor_prev(struct tree_cursor *cursor)
{
    while (cursor->depth > 0) {
        const struct tree_node *node = cursor->path[cursor->depth - 1];
        unsigned *index = &cursor->index[cursor->depth - 1];
        if (*index > 0) {
            (*index)--;
            return node->level == 0 || cursor_descend(cursor, node->children[*index], true);
        }
        cursor->depth--;
    }
    return false;
}

/* Goes to the leaf where `key` belongs; the index there may be one past its end. */
static bool cursor_to_leaf(struct tree_cursor *cursor, const struct tree_node *root,
                           struct weir_bytes key)
{
    cursor->depth = 0;
    if (root == NULL) {
        return false;
    }
    for (;;) {
        bool leaf = root->level == 0;
        unsigned index = leaf ? leaf_index(root, key) : child_index(root, key);
        cursor->path[cursor->depth] = root;
        cursor->index[cursor->depth] = index;
        cursor->depth++;
        if (leaf) {
            return true;
        }
        root = root->children[index];
    }
}

bool tree_cursor_first_from(struct tree_cursor *cursor, const struct tree_node *root,
                            struct weir_bytes key)
{
    if (!cursor_to_leaf(cursor, root, key)) {
        return false;
    }
    unsigned place = cursor->depth - 1;
    return cursor->index[place] < cursor->path[place]->count || tree_cursor_next(cursor);
}

bool tree_cursor_last_below(struct tree_cursor *cursor, const struct tree_node *root,
                            struct weir_bytes key)
{
    return cursor_to_leaf(cursor, root, key) && tree_cursor_prev(cursor);
}

bool tree_cursor_last_to(struct tree_cursor *cursor, const struct tree_node *root,
                         struct weir_bytes key)
{
    if (!cursor_to_leaf(cursor, root, key)) {
        return false;
    }
    unsigned place = cursor->depth - 1;
    return leaf_has(cursor->path[place], cursor->index[place], key) || tree_cursor_prev(cursor);
}

bool tree_cursor_last(struct tree_cursor *cursor, const struct tree_node *root)
{
    cursor->depth = 0;
    return root != NULL && cursor_descend(cursor, root, true);
}

const struct tree_entry *tree_cursor_entry(const struct tree_cursor *cursor)
{
    WEIR_ASSERT(cursor->depth > 0);
    return cursor->path[cursor->depth - 1]->keys[cursor->index[cursor->depth - 1]];
}
