/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_CAPACITY_H
#define WEIR_API_CAPACITY_H

/*
 * Consumed capacity, as AWS charges it: reads by 4 KB, half of it when eventually consistent,
 * writes by 1 KB of the larger of the old and the new item, transactions twice that.
 */

#include "api/call.h"

enum capacity_mode { CAPACITY_NONE, CAPACITY_TOTAL, CAPACITY_INDEXES };

enum capacity_mode capacity_mode_of(const struct weir_value *request);

double capacity_read_units(size_t bytes, bool consistent);
double capacity_write_units(size_t old_bytes, size_t new_bytes);
/* Of an operation that was done or refused. */
double capacity_op_units(const struct engine_op *op);

/* Adds the member ConsumedCapacity unless the mode is NONE. */
void capacity_add(struct api_call *call, struct weir_value *response, enum capacity_mode mode,
                  struct weir_bytes table_name, double units);

/* The list of a request over several tables: units are summed by table, in order of appearance. */
struct capacity_sum {
    struct weir_bytes table_name;
    double units;
};
struct capacity_sums {
    struct capacity_sum *at;
    uint32_t count;
};
/* `sums->at` has room for as many as there are calls of this. */
void capacity_sum(struct capacity_sums *sums, struct weir_bytes table_name, double units);
enum capacity_kind { CAPACITY_PLAIN, CAPACITY_READ, CAPACITY_WRITE };
/* Transactions name the kind of their units beside the sum. */
void capacity_add_sums(struct api_call *call, struct weir_value *response, enum capacity_mode mode,
                       const struct capacity_sums *sums, enum capacity_kind kind);

#endif
