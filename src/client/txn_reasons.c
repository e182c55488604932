/* SPDX-License-Identifier: Apache-2.0 */
/* Why a transaction was cancelled: the service's reasons, one per element, and what they mean. */
#include "client/txn_internal.h"

#include "base/error.h"
#include "base/options.h"

void reasons_clear(struct weir_txn *txn)
{
    arena_reset(txn->reasons_arena);
    txn->reason_count = 0;
    txn->failed_index = -1;
}

static enum weir_status reason_status(struct weir_bytes code, enum weir_status on_condition)
{
    static const struct {
        const char *code;
        enum weir_status status;
    } codes[] = {
        {"None", WEIR_OK},
        {"TransactionConflict", WEIR_TXN_CONFLICT},
        {"ThrottlingError", WEIR_THROTTLED},
        {"ProvisionedThroughputExceeded", WEIR_PROVISIONED_EXCEEDED},
        {"ItemCollectionSizeLimitExceeded", WEIR_COLLECTION_TOO_LARGE},
        {"ValidationError", WEIR_VALIDATION},
        {"AccessDenied", WEIR_ACCESS_DENIED},
    };
    if (bytes_eq_str(code, "ConditionalCheckFailed")) {
        return on_condition;
    }
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (bytes_eq_str(code, codes[i].code)) {
            return codes[i].status;
        }
    }
    return code.len == 0 ? WEIR_OK : WEIR_TXN_CANCELED;
}

static struct weir_bytes text_member(struct arena *a, const struct weir_value *map,
                                     const char *name)
{
    const struct weir_value *text = value_get(map, name);
    return text == NULL || text->type != VALUE_S ? BYTES_NONE : arena_dup(a, text->u.bytes);
}

static struct weir_bytes item_text(struct arena *a, const struct weir_value *reason)
{
    const struct weir_value *item = value_get(reason, "Item");
    struct weir_bytes copy = BYTES_NONE;
    struct buf text;
    if (item == NULL) {
        return copy;
    }
    buf_init(&text, LIMIT_BODY_BYTES);
    json_write(&text, item);
    if (buf_status(&text) == WEIR_OK) {
        copy = arena_dup(a, buf_bytes(&text));
    }
    buf_fini(&text);
    return copy;
}

static void keep(struct weir_txn *txn, const struct weir_value *reasons)
{
    struct arena *a = txn->reasons_arena;
    txn->reason_count = reasons->u.list.count < txn->count ? reasons->u.list.count : txn->count;
    for (uint32_t i = 0; i < txn->reason_count; i++) {
        const struct weir_value *given = &reasons->u.list.at[i];
        struct reason *reason = &txn->reasons[i];
        reason->code = text_member(a, given, "Code");
        reason->message = text_member(a, given, "Message");
        reason->item_json = item_text(a, given);
        reason->status = reason_status(reason->code, txn->elements[i].on_condition);
        if (reason->status != WEIR_OK && txn->failed_index < 0) {
            txn->failed_index = (int32_t)i;
        }
    }
}

enum weir_status reasons_take(struct weir_txn *txn, const struct weir_value *members,
                              struct weir_error *error)
{
    const struct weir_value *reasons = value_get(members, "CancellationReasons");
    if (reasons != NULL && reasons->type == VALUE_L) {
        keep(txn, reasons);
    }
    if (txn->failed_index < 0) {
        return WEIR_TXN_CANCELED;
    }
    const struct reason *first = &txn->reasons[txn->failed_index];
    struct weir_error whole = *error;
    (void)error_set(error, first->status, "element %d of the transaction: %.*s: %.*s",
                    txn->failed_index, BYTES_ARG(first->code), BYTES_ARG(first->message));
    memcpy(error->code, whole.code, sizeof(error->code));
    memcpy(error->request_id, whole.request_id, sizeof(error->request_id));
    error->http_status = whole.http_status;
    error->outcome = whole.outcome;
    return first->status;
}

/* ---- for the caller -------------------------------------------------------------------------- */

int32_t weir_txn_failed_index(const struct weir_txn *txn)
{
    return txn == NULL ? -1 : txn->failed_index;
}

uint32_t weir_txn_reason_count(const struct weir_txn *txn)
{
    return txn == NULL ? 0 : txn->reason_count;
}

static struct weir_text text_of(struct weir_bytes bytes)
{
    return (struct weir_text){(const char *)bytes.ptr, bytes.len};
}

enum weir_status weir_txn_reason_at(const struct weir_txn *txn, uint32_t index,
                                    struct weir_txn_reason *ret_reason)
{
    if (!options_sized(ret_reason)) {
        return WEIR_INVALID_ARGUMENT;
    }
    if (txn == NULL || index >= txn->reason_count) {
        return txn == NULL ? WEIR_CLOSED : WEIR_NOT_FOUND;
    }
    const struct reason *kept = &txn->reasons[index];
    struct weir_txn_reason reason = {
        .status = (int32_t)kept->status,
        .code = text_of(kept->code),
        .message = text_of(kept->message),
        .item_json = text_of(kept->item_json),
    };
    options_give(ret_reason, &reason, sizeof(reason));
    return WEIR_OK;
}

enum weir_status weir_txn_capacity(const struct weir_txn *txn, struct weir_capacity *ret_capacity)
{
    if (txn == NULL || ret_capacity == NULL) {
        return txn == NULL ? WEIR_CLOSED : WEIR_INVALID_ARGUMENT;
    }
    *ret_capacity = txn->capacity;
    return WEIR_OK;
}
