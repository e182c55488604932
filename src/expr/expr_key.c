/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key condition says, against the key schema of the table or index: equality on the
 * partition key, and at most one comparison on the sort key.
 */

#include "expr/expr_internal.h"

#include "base/error.h"

static const struct key_part *find_part(const struct key_part *parts, uint32_t count,
                                        struct weir_bytes name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (bytes_eq(parts[i].name, name)) {
            return &parts[i];
        }
    }
    return NULL;
}

static enum weir_status not_supported(struct weir_error *err)
{
    return error_set(err, WEIR_VALIDATION, "Query key condition not supported");
}

static enum weir_status missed(struct weir_bytes name, struct weir_error *err)
{
    return error_set(err, WEIR_VALIDATION, "Query condition missed key schema element: %.*s",
                     BYTES_ARG(name));
}

static enum weir_status check_operand(const struct key_part *part, const struct weir_value *value,
                                      enum value_type type, struct weir_error *err)
{
    if (value->type != type) {
        return error_set(err, WEIR_VALIDATION,
                         "One or more parameter values were invalid: Condition parameter type does "
                         "not match schema type");
    }
    if (value->type != VALUE_N && value->u.bytes.len == 0) {
        return error_set(err, WEIR_VALIDATION,
                         "One or more parameter values are not valid. The AttributeValue for a key "
                         "attribute cannot contain an empty %s value. Key: %.*s",
                         value->type == VALUE_S ? "string" : "binary", BYTES_ARG(part->name));
    }
    return WEIR_OK;
}

static enum weir_status check_part(const struct key_part *part, enum value_type type,
                                   struct weir_error *err)
{
    if (!part->indexable) {
        return error_set(err, WEIR_VALIDATION,
                         "Attempted conditional constraint is not an indexable operation");
    }
    enum weir_status status = check_operand(part, part->low, type, err);
    if (status == WEIR_OK && part->high != NULL) {
        status = check_operand(part, part->high, type, err);
    }
    return status;
}

enum weir_status key_parts_resolve(const struct key_part *parts, uint32_t count,
                                   const struct expr_key_schema *schema,
                                   struct expr_key_condition *ret_condition, struct weir_error *err)
{
    if (count != 1 && count != 2) {
        return error_set(err, WEIR_VALIDATION, "Conditions can be of length 1 or 2 only");
    }
    if (schema->sort_name.len == 0 && count > 1) {
        return not_supported(err);
    }
    const struct key_part *partition = find_part(parts, count, schema->partition_name);
    if (partition == NULL) {
        return missed(schema->partition_name, err);
    }
    enum weir_status status = check_part(partition, schema->partition_type, err);
    if (status != WEIR_OK) {
        return status;
    }
    if (partition->op != EXPR_SORT_EQ) {
        return not_supported(err);
    }
    struct expr_key_condition condition = {.partition = partition->low};
    if (count > 1) {
        const struct key_part *sort = find_part(parts, count, schema->sort_name);
        if (sort == NULL) {
            return missed(schema->sort_name, err);
        }
        status = check_part(sort, schema->sort_type, err);
        condition.sort_op = sort->op;
        condition.low = sort->low;
        condition.high = sort->high;
    }
    if (status == WEIR_OK) {
        *ret_condition = condition;
    }
    return status;
}
