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

/* What one index took part in. */
struct capacity_index {
    struct weir_bytes name; /* in the call's arena */
    bool local;
    double units;
    struct capacity_index *next;
};

/* A table's share of a request; its own units are beside those of its indexes. */
struct capacity_sum {
    struct weir_bytes table_name;
    double units;
    struct capacity_index *indexes;
};
/* Counts units of an index; those of one name are summed. */
void capacity_sum_index(struct api_call *call, struct capacity_sum *sum, struct weir_bytes name,
                        bool local, double units);

/* Adds the member ConsumedCapacity unless the mode is NONE. */
void capacity_add(struct api_call *call, struct weir_value *response, enum capacity_mode mode,
                  struct weir_bytes table_name, double units);
void capacity_add_sum(struct api_call *call, struct weir_value *response, enum capacity_mode mode,
                      const struct capacity_sum *sum);

/* The list of a request over several tables: units are summed by table, in order of appearance. */
struct capacity_sums {
    struct capacity_sum *at;
    uint32_t count;
};
/* `sums->at` has room for as many as there are calls of this. Returns the table's. */
struct capacity_sum *capacity_sum(struct capacity_sums *sums, struct weir_bytes table_name,
                                  double units);
/* The same for a write that was done, with its indexes; transactions count it `times` two. */
void capacity_sum_op(struct api_call *call, struct capacity_sums *sums, const struct engine_op *op,
                     double times);
enum capacity_kind { CAPACITY_PLAIN, CAPACITY_READ, CAPACITY_WRITE };
/* Transactions name the kind of their units beside the sum. */
void capacity_add_sums(struct api_call *call, struct weir_value *response, enum capacity_mode mode,
                       const struct capacity_sums *sums, enum capacity_kind kind);

#endif
