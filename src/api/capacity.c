/* SPDX-License-Identifier: Apache-2.0 */

/* Consumed capacity. See capacity.h. */

#include "api/capacity.h"

#include "api/document.h"
#include "api/request.h"

#define READ_UNIT_BYTES 4096
#define WRITE_UNIT_BYTES 1024

enum capacity_mode capacity_mode_of(const struct weir_value *request)
{
    struct weir_bytes text = request_string(request, "ReturnConsumedCapacity");
    if (bytes_eq_str(text, "TOTAL")) {
        return CAPACITY_TOTAL;
    }
    return bytes_eq_str(text, "INDEXES") ? CAPACITY_INDEXES : CAPACITY_NONE;
}

static double units_of(size_t bytes, size_t unit_bytes)
{
    size_t units = (bytes + unit_bytes - 1) / unit_bytes;
    return units == 0 ? 1.0 : (double)units;
}

double capacity_read_units(size_t bytes, bool consistent)
{
    return units_of(bytes, READ_UNIT_BYTES) * (consistent ? 1.0 : 0.5);
}

double capacity_write_units(size_t old_bytes, size_t new_bytes)
{
    return units_of(old_bytes > new_bytes ? old_bytes : new_bytes, WRITE_UNIT_BYTES);
}

double capacity_op_units(const struct engine_op *op)
{
    return capacity_write_units(op->old_bytes, op->new_bytes);
}

static void fill(struct api_call *call, struct weir_value *to, enum capacity_mode mode,
                 const struct capacity_sum *sum, enum capacity_kind kind)
{
    const char *name = kind == CAPACITY_READ    ? "ReadCapacityUnits"
                       : kind == CAPACITY_WRITE ? "WriteCapacityUnits"
                                                : NULL;
    /* A copy: the table may be gone before the answer is written. */
    value_add_str(call->arena, to, "TableName", arena_dup(call->arena, sum->table_name));
    value_add_double(call->arena, to, "CapacityUnits", sum->units);
    if (name != NULL) {
        value_add_double(call->arena, to, name, sum->units);
    }
    if (mode == CAPACITY_INDEXES) {
        struct weir_value *table = value_add_map(call->arena, to, "Table");
        value_add_double(call->arena, table, "CapacityUnits", sum->units);
        if (name != NULL) {
            value_add_double(call->arena, table, name, sum->units);
        }
    }
}

void capacity_add(struct api_call *call, struct weir_value *response, enum capacity_mode mode,
                  struct weir_bytes table_name, double units)
{
    if (mode != CAPACITY_NONE) {
        struct capacity_sum sum = {table_name, units};
        fill(call, value_add_map(call->arena, response, "ConsumedCapacity"), mode, &sum,
             CAPACITY_PLAIN);
    }
}

void capacity_sum(struct capacity_sums *sums, struct weir_bytes table_name, double units)
{
    for (uint32_t i = 0; i < sums->count; i++) {
        if (bytes_eq(sums->at[i].table_name, table_name)) {
            sums->at[i].units += units;
            return;
        }
    }
    sums->at[sums->count++] = (struct capacity_sum){table_name, units};
}

void capacity_add_sums(struct api_call *call, struct weir_value *response, enum capacity_mode mode,
                       const struct capacity_sums *sums, enum capacity_kind kind)
{
    if (mode == CAPACITY_NONE) {
        return;
    }
    struct weir_value *list = value_add_list(call->arena, response, "ConsumedCapacity");
    for (uint32_t i = 0; i < sums->count; i++) {
        fill(call, document_append_map(call->arena, list), mode, &sums->at[i], kind);
    }
}
