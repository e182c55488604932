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

/* ---- indexes -------------------------------------------------------------------------------- */

/* An entry that moves is deleted and put; one that does not is written once. */
static double index_units(const struct engine_index_use *use)
{
    if (!use->changed || (use->old_bytes == 0 && use->new_bytes == 0)) {
        return 0;
    }
    if (!use->moved) {
        return capacity_write_units(use->old_bytes, use->new_bytes);
    }
    double deleted = use->old_bytes == 0 ? 0 : units_of(use->old_bytes, WRITE_UNIT_BYTES);
    return deleted + (use->new_bytes == 0 ? 0 : units_of(use->new_bytes, WRITE_UNIT_BYTES));
}

void capacity_sum_index(struct api_call *call, struct capacity_sum *sum, struct weir_bytes name,
                        bool local, double units)
{
    struct capacity_index **at = &sum->indexes;
    for (; *at != NULL; at = &(*at)->next) {
        if (bytes_eq((*at)->name, name)) {
            (*at)->units += units;
            return;
        }
    }
    *at = ARENA_NEW(call->arena, struct capacity_index);
    if (*at != NULL) {
        **at = (struct capacity_index){.name = name, .local = local, .units = units};
    }
}

static void sum_uses(struct api_call *call, struct capacity_sum *sum, const struct engine_op *op,
                     double times)
{
    for (uint32_t i = 0; i < op->index_use_count; i++) {
        const struct engine_index_use *use = &op->index_uses[i];
        double units = index_units(use);
        if (units > 0) {
            capacity_sum_index(call, sum, use->name, use->local, times * units);
        }
    }
}

static double all_units(const struct capacity_sum *sum)
{
    double units = sum->units;
    for (const struct capacity_index *index = sum->indexes; index != NULL; index = index->next) {
        units += index->units;
    }
    return units;
}

/* ---- documents ------------------------------------------------------------------------------ */

static void add_units(struct api_call *call, struct weir_value *to, double units,
                      enum capacity_kind kind)
{
    value_add_double(call->arena, to, "CapacityUnits", units);
    if (kind != CAPACITY_PLAIN) {
        value_add_double(call->arena, to,
                         kind == CAPACITY_READ ? "ReadCapacityUnits" : "WriteCapacityUnits", units);
    }
}

static void add_indexes(struct api_call *call, struct weir_value *to,
                        const struct capacity_sum *sum, bool local, enum capacity_kind kind)
{
    struct weir_value *map = NULL;
    for (const struct capacity_index *index = sum->indexes; index != NULL; index = index->next) {
        if (index->local != local) {
            continue;
        }
        if (map == NULL) {
            map = value_add_map(call->arena, to,
                                local ? "LocalSecondaryIndexes" : "GlobalSecondaryIndexes");
        }
        struct weir_value *units = value_new_map(call->arena, VALUE_PLAIN);
        add_units(call, units, index->units, kind);
        struct weir_value *member = value_add(call->arena, map, index->name);
        if (member != NULL && units != NULL) {
            *member = *units;
        }
    }
}

static void fill(struct api_call *call, struct weir_value *to, enum capacity_mode mode,
                 const struct capacity_sum *sum, enum capacity_kind kind)
{
    /* A copy: the table may be gone before the answer is written. */
    value_add_str(call->arena, to, "TableName", arena_dup(call->arena, sum->table_name));
    add_units(call, to, all_units(sum), kind);
    if (mode == CAPACITY_INDEXES) {
        add_units(call, value_add_map(call->arena, to, "Table"), sum->units, kind);
        add_indexes(call, to, sum, true, kind);
        add_indexes(call, to, sum, false, kind);
    }
}

void capacity_add_sum(struct api_call *call, struct weir_value *response, enum capacity_mode mode,
                      const struct capacity_sum *sum)
{
    if (mode != CAPACITY_NONE) {
        fill(call, value_add_map(call->arena, response, "ConsumedCapacity"), mode, sum,
             CAPACITY_PLAIN);
    }
}

void capacity_add(struct api_call *call, struct weir_value *response, enum capacity_mode mode,
                  struct weir_bytes table_name, double units)
{
    struct capacity_sum sum = {.table_name = table_name, .units = units};
    capacity_add_sum(call, response, mode, &sum);
}

struct capacity_sum *capacity_sum(struct capacity_sums *sums, struct weir_bytes table_name,
                                  double units)
{
    for (uint32_t i = 0; i < sums->count; i++) {
        if (bytes_eq(sums->at[i].table_name, table_name)) {
            sums->at[i].units += units;
            return &sums->at[i];
        }
    }
    sums->at[sums->count] = (struct capacity_sum){.table_name = table_name, .units = units};
    return &sums->at[sums->count++];
}

void capacity_sum_op(struct api_call *call, struct capacity_sums *sums, const struct engine_op *op,
                     double times)
{
    struct capacity_sum *sum = capacity_sum(sums, op->table->name, times * capacity_op_units(op));
    sum_uses(call, sum, op, times);
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
