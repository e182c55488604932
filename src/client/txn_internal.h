/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLIENT_TXN_INTERNAL_H
#define WEIR_CLIENT_TXN_INTERNAL_H

/* A transaction's own state, shared by the files that put it together, commit it and explain it. */

#include "client/client_internal.h"

struct element {
    struct weir_value *document;
    enum weir_status on_condition;
};

/* What the service said of one element of the last commit. */
struct reason {
    enum weir_status status;
    struct weir_bytes code;
    struct weir_bytes message;
    struct weir_bytes item_json;
};

struct weir_txn {
    struct weir_client *client; /* a reference */
    struct arena *arena;        /* of the elements */
    struct element elements[LIMIT_TRANSACT_ITEMS];
    uint32_t count;
    uint32_t max_attempts; /* of a commit; 0: the client's */
    bool uncertain;
    uint64_t uncertain_since_ns; /* when the first commit of this token began */
    char token[UUID_TEXT_SIZE];

    /* Of the last commit. */
    struct arena *reasons_arena;
    struct reason reasons[LIMIT_TRANSACT_ITEMS];
    uint32_t reason_count;
    int32_t failed_index;
    struct weir_capacity capacity;
};

/* "No transaction: it was never made." */
enum weir_status txn_missing(struct weir_error *err);

/* Forgets what the last commit came to. */
void reasons_clear(struct weir_txn *txn);
/* Keeps the reasons of a cancelled commit and turns "cancelled" into what its first failing element
 * means, in *error as well; WEIR_TXN_CANCELED when the service does not say. */
enum weir_status reasons_take(struct weir_txn *txn, const struct weir_value *members,
                              struct weir_error *error);

#endif
