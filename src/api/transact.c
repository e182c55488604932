/* SPDX-License-Identifier: Apache-2.0 */
#include "api/transact.h"

#include "api/document.h"

static bool has_type(const struct engine_key_attribute *attribute, const struct weir_value *item,
                     bool required)
{
    if (attribute->name.len == 0) {
        return true;
    }
    const struct weir_value *value = value_member(item, attribute->name);
    return value == NULL ? !required : value->type == (uint8_t)attribute->type;
}

bool transact_fits(const struct engine_table *table, const struct weir_value *item, bool exact)
{
    if (exact && item->u.map.count != (table->sort.name.len > 0 ? 2U : 1U)) {
        return false;
    }
    bool fits = has_type(&table->partition, item, true) && has_type(&table->sort, item, true);
    for (uint32_t i = 0; fits && i < table->index_count; i++) {
        const struct engine_index *index = &table->indexes[i];
        fits = has_type(&index->partition, item, false) && has_type(&index->sort, item, false);
    }
    return fits;
}

static const char *reason_code(enum weir_status status)
{
    switch (status) {
    case WEIR_OK:
        return "None";
    case WEIR_CONDITION_FAILED:
        return "ConditionalCheckFailed";
    case WEIR_TXN_CONFLICT:
        return "TransactionConflict";
    case WEIR_COLLECTION_TOO_LARGE:
        return "ItemCollectionSizeLimitExceeded";
    case WEIR_PROVISIONED_EXCEEDED:
        return "ProvisionedThroughputExceeded";
    case WEIR_THROTTLED:
        return "ThrottlingError";
    default:
        return "ValidationError";
    }
}

struct weir_value *transact_reasons(struct api_call *call)
{
    return value_new_list(call->arena, VALUE_PLAIN);
}

struct weir_value *transact_reason(struct api_call *call, struct weir_value *reasons,
                                   enum weir_status status, const char *message)
{
    struct weir_value *reason = document_append_map(call->arena, reasons);
    value_add_str(call->arena, reason, "Code", bytes_str(reason_code(status)));
    if (status != WEIR_OK && message != NULL) {
        value_add_str(call->arena, reason, "Message", bytes_str(message));
    }
    return reason;
}

enum api_progress transact_cancel(struct api_call *call, const struct weir_value *reasons)
{
    struct buf codes;
    buf_init(&codes, 64 * LIMIT_TRANSACT_ITEMS);
    for (uint32_t i = 0; reasons != NULL && i < reasons->u.list.count; i++) {
        const struct weir_value *code = value_get(&reasons->u.list.at[i], "Code");
        buf_printf(&codes, "%s%.*s", i == 0 ? "" : ", ", BYTES_ARG(code->u.bytes));
    }
    (void)call_error(call, WEIR_TXN_CANCELED,
                     "Transaction cancelled, please refer cancellation reasons for specific "
                     "reasons [%.*s]",
                     BYTES_ARG(buf_bytes(&codes)));
    buf_fini(&codes);
    if (call->error_members == NULL) { /* else they have the message, which is a long one */
        call->error_members = value_new_map(call->arena, VALUE_PLAIN);
    }
    struct weir_value *to =
        value_add(call->arena, call->error_members, BYTES_LIT("CancellationReasons"));
    if (to != NULL && reasons != NULL) {
        *to = *reasons;
    }
    return call_fail(call);
}
