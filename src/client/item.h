/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLIENT_ITEM_H
#define WEIR_CLIENT_ITEM_H

/*
 * Typed items inside: a struct weir_item is the root of a tree of value.h's nodes, and, when it is
 * not just a view of an answer, the state of building it.
 *
 *     weir_item ─ root (VALUE_ITEM, sorted by name at every moment)
 *          └──── build: arena, sticky error, the open maps and lists, innermost last
 *
 * Replaced values stay in the arena; when it has doubled since the last time, and nothing is open,
 * the live tree moves to a new one.
 */

#include "client/client.h"
#include "weir/item.h"

#define ITEM_MEMORY_MAX ((size_t)64 * 1024 * 1024)
/* Base64 of four key attributes as DynamoDB JSON; more than any real key takes. */
#define PAGER_TOKEN_MAX ((size_t)64 * 1024)

struct item_build {
    struct arena *arena;
    size_t compact_at; /* bytes in the arena */
    uint32_t depth;    /* of `open` */
    struct weir_value *open[LIMIT_NESTING_LEVELS];
    struct weir_error error; /* status OK: none */
};

struct weir_item {
    struct weir_value root;
    struct item_build *build; /* NULL: a view */
};

/* ---- item.c ---------------------------------------------------------------------------------- */

/* An item that holds a deep copy of the map `root`, of form ITEM or ATTRIBUTE. */
enum weir_status item_new_copy(const struct weir_value *root, struct weir_item **ret_item,
                               struct weir_error *err);
/* Whether it can be sent: WEIR_OK, its sticky error, or WEIR_INVALID_ARGUMENT for none at all and
 * for one with an open map. `what` is "key". */
enum weir_status item_ready(const struct weir_item *item, const char *what, struct weir_error *err);
/* An item of an answer, as any transport gives it, to a tree of form ITEM. WEIR_PROTOCOL. */
enum weir_status item_of_answer(struct arena *a, const struct weir_value *doc,
                                struct weir_value **ret_root, struct weir_error *err);

static inline struct weir_bytes text_bytes(struct weir_text text)
{
    return bytes_of(text.ptr, text.len);
}

/* ---- item_path.c ----------------------------------------------------------------------------- */

/* A document path, step by step. */
struct item_path {
    struct weir_bytes rest;
    bool started;
};
struct item_step {
    bool is_index;
    uint32_t index;
    struct weir_bytes name; /* as written, with its backslashes */
};
enum item_path_read { ITEM_PATH_STEP, ITEM_PATH_END, ITEM_PATH_MALFORMED };
enum item_path_read item_path_next(struct item_path *path, struct item_step *ret_step);
/* The value behind the path, seen from `root`, which may be NULL. */
enum weir_status item_path_find(const struct weir_value *root, struct weir_bytes path,
                                const struct weir_value **ret_value, struct weir_error *err);

/* ---- item_request.c -------------------------------------------------------------------------- */

/*
 * A request being put together in an arena; counts what it adds, so that running out of memory on
 * the way is seen once, at the end (item_request_end).
 */
struct item_request {
    struct arena *arena;
    struct weir_value *document;
    uint32_t added;
    enum weir_status status; /* sticky */
    struct weir_error *err;
    bool copies; /* true: everything is copied into the arena, not borrowed */
};

void item_request_begin(struct item_request *r, struct arena *arena, struct weir_error *err);
/* A text member unless it is empty. */
void item_request_text(struct item_request *r, const char *name, struct weir_text text);
/* An item; `what` is for item_ready's message. */
void item_request_item(struct item_request *r, const char *name, const struct weir_item *item,
                       const char *what);
void item_request_bool(struct item_request *r, const char *name, bool truth);
/* ExpressionAttributeNames and ExpressionAttributeValues, unless NULL or empty. */
void item_request_names(struct item_request *r, const struct weir_item *names);
void item_request_values(struct item_request *r, const struct weir_item *values);
/* ReturnConsumedCapacity when it is wanted. */
void item_request_capacity(struct item_request *r, const struct weir_capacity *wanted);
/* WEIR_OK: the document is whole. */
enum weir_status item_request_end(struct item_request *r);

enum weir_status item_no_client(struct weir_error *err);

/* ---- item_schema.c --------------------------------------------------------------------------- */

/* Names of a table's or an index's key attributes, the table's first. */
struct item_key_names {
    struct weir_bytes at[4];
    uint32_t count;
};
void item_key_names_add(struct item_key_names *names, struct weir_bytes name);
/* Asks the service; names are in the arena. `index` may be empty. */
enum weir_status item_key_names_ask(struct weir_client *client, struct arena *a,
                                    struct weir_text table, struct weir_text index,
                                    struct item_key_names *ret_names, struct weir_error *err);
/* The named attributes of an item as an item; NULL: one is missing, or no memory. */
struct weir_value *item_key_of(struct arena *a, const struct weir_value *item,
                               const struct item_key_names *names);

/* ---- item_batch.c ---------------------------------------------------------------------------- */

/* A key by its one encoding, and where it was given. */
struct item_keyed {
    struct weir_bytes key;
    uint32_t index;
    uint32_t rank; /* how many of the same key were given before it */
};
/* Encodes a key or an item; false without memory. */
bool item_keyed_set(struct arena *a, const struct weir_value *key, uint32_t index,
                    struct item_keyed *ret_keyed);
/* Sorts by key, then by place, and ranks. */
void item_keyed_rank(struct item_keyed *keyed, uint32_t count);

/*
 * What an element that a service leaves unprocessed goes through: waits between attempts, and an
 * end after so many in a row that brought nothing forward.
 */
struct item_patience {
    uint32_t attempts_max; /* 0: as the client's calls */
    uint32_t attempts;
};
/* After a call that left `left` of `before` unprocessed: whether to make another, having waited. */
enum weir_status item_patience_wait(struct item_patience *patience, struct weir_client *client,
                                    uint32_t before, uint32_t left, struct weir_error *err);

/* {operation's member: {table: node}}; NULL without memory. */
struct weir_value *item_batch_document(struct arena *a, struct weir_text table,
                                       const struct weir_value *node,
                                       const struct weir_capacity *capacity);
/* The one member of a map of an answer, whatever the table is called in it; NULL: none. */
const struct weir_value *item_batch_member(const struct weir_value *response, const char *name);

#endif
