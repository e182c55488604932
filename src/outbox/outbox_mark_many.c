/* SPDX-License-Identifier: Apache-2.0 */

/* Marking many: transactions of a hundred, each whole or not at all. */

#include "outbox/outbox_store.h"

#include <stdlib.h>

#include "base/error.h"

/* Commits of one transaction while its outcome is unknown; its token makes them one. */
#define COMMIT_ATTEMPTS 3

struct refs {
    const struct outbox_layout *layout;
    const struct weir_outbox_ref *at;
};

static int by_row(const void *a, const void *b, void *arg)
{
    const struct refs *refs = arg;
    const struct weir_outbox_ref *first = &refs->at[*(const uint32_t *)a];
    const struct weir_outbox_ref *second = &refs->at[*(const uint32_t *)b];
    int order = bytes_cmp(outbox_bytes(first->id), outbox_bytes(second->id));
    return order != 0 || refs->layout->kind->row_prefix != NULL
               ? order
               : bytes_cmp(outbox_bytes(first->key), outbox_bytes(second->key));
}

/* A transaction refuses an item that is in it twice, so it must not come to that. */
static enum weir_status check_twins(const struct outbox_layout *layout,
                                    const struct weir_outbox_ref *refs, uint32_t count,
                                    struct weir_error *err)
{
    struct refs all = {layout, refs};
    uint32_t *order = malloc((size_t)count * sizeof(order[0]));
    enum weir_status status = order == NULL ? outbox_no_memory(err) : WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < count; i++) {
        order[i] = i;
    }
    if (status == WEIR_OK) {
        qsort_r(order, count, sizeof(order[0]), by_row, &all);
    }
    for (uint32_t i = 1; status == WEIR_OK && i < count; i++) {
        if (by_row(&order[i - 1], &order[i], &all) == 0) {
            status = error_set(err, WEIR_INVALID_ARGUMENT, "message %.*s comes twice in this call",
                               (int)refs[order[i]].id.len, refs[order[i]].id.ptr);
        }
    }
    free(order);
    return status;
}

static enum weir_status check_refs(const struct weir_outbox *outbox,
                                   const struct weir_outbox_ref *refs, uint32_t count,
                                   struct weir_error *err)
{
    if (outbox == NULL) {
        return error_set(err, WEIR_CLOSED, "the outbox is not open");
    }
    if (count == 0 || refs == NULL) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "there is no message to mark");
    }
    enum weir_status status = outbox_check_marking(outbox, err);
    for (uint32_t i = 0; status == WEIR_OK && i < count; i++) {
        status = outbox_check_ref(&outbox->layout, outbox_bytes(refs[i].key),
                                  outbox_bytes(refs[i].id), err);
        if (status != WEIR_OK) {
            (void)error_wrap(err, status, "place %u", i);
        }
    }
    return status == WEIR_OK ? check_twins(&outbox->layout, refs, count, err) : status;
}

static enum weir_status add_marks(struct weir_outbox *outbox, struct weir_txn *txn,
                                  const struct weir_outbox_ref *refs, uint32_t count,
                                  struct weir_error *err)
{
    struct arena *a = txn_arena(txn);
    int64_t now_ms = env_wall_ms(client_env(outbox->client));
    const char *action = outbox->layout.mark == WEIR_MARK_DELETE ? "Delete" : "Update";
    enum weir_status status = WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < count; i++) {
        struct weir_value *request = outbox_mark_request(
            a, &outbox->layout, outbox_bytes(refs[i].key), outbox_bytes(refs[i].id), now_ms);
        status = txn_add_document(txn, outbox_element(a, action, request), WEIR_NOT_FOUND, err);
    }
    return status;
}

enum weir_status outbox_commit(struct weir_txn *txn, struct weir_error *error)
{
    enum weir_status status = weir_txn_commit(txn, error);
    for (unsigned i = 1; i < COMMIT_ATTEMPTS && status != WEIR_OK &&
                         error->outcome == WEIR_OUTCOME_UNKNOWN && status != WEIR_CLOSED;
         i++) {
        status = weir_txn_commit(txn, error);
    }
    return status;
}

/* One transaction's end as a result for each of its messages. */
static void spread(const struct weir_outbox *outbox, const struct weir_outbox_ref *refs,
                   uint32_t count, enum weir_status status, int32_t failed,
                   const struct weir_error *error, struct weir_outbox_result *results)
{
    for (uint32_t i = 0; i < count; i++) {
        struct weir_outbox_result *result = &results[i];
        *result = (struct weir_outbox_result){.status = status};
        memcpy(result->id, refs[i].id.ptr, refs[i].id.len);
        if (status == WEIR_OK) {
            continue;
        }
        result->error = *error;
        if (failed == (int32_t)i && status == WEIR_NOT_FOUND) {
            (void)outbox_not_found(&outbox->layout, outbox_bytes(refs[i].key),
                                   outbox_bytes(refs[i].id), &result->error);
        } else if (failed >= 0 && failed != (int32_t)i) {
            result->status =
                outbox_refuse(&result->error, WEIR_TXN_CANCELED,
                              "message %.*s is not marked: message %.*s of its transaction: %s",
                              (int)refs[i].id.len, refs[i].id.ptr, (int)refs[failed].id.len,
                              refs[failed].id.ptr, weir_status_text(status));
        }
    }
}

static void mark_chunk(struct weir_outbox *outbox, const struct weir_outbox_ref *refs,
                       uint32_t count, struct weir_outbox_result *results)
{
    struct weir_error error = {0};
    struct weir_txn *txn = NULL;
    enum weir_status status = outbox_txn_new(outbox, &txn, &error);
    if (status == WEIR_OK) {
        status = add_marks(outbox, txn, refs, count, &error);
    }
    if (status == WEIR_OK) {
        status = outbox_commit(txn, &error);
    }
    spread(outbox, refs, count, status, weir_txn_failed_index(txn), &error, results);
    weir_txn_free(txn);
}

enum weir_status weir_outbox_mark_many(struct weir_outbox *outbox,
                                       const struct weir_outbox_ref *refs, uint32_t count,
                                       struct weir_outbox_result *ret_results,
                                       struct weir_error *err)
{
    enum weir_status status = check_refs(outbox, refs, count, err);
    if (status != WEIR_OK) {
        return status;
    }
    for (uint32_t from = 0; from < count; from += LIMIT_TRANSACT_ITEMS) {
        uint32_t some = count - from < LIMIT_TRANSACT_ITEMS ? count - from : LIMIT_TRANSACT_ITEMS;
        mark_chunk(outbox, refs + from, some, ret_results + from);
    }
    return WEIR_OK;
}
