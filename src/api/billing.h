/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_BILLING_H
#define WEIR_API_BILLING_H

/* BillingMode and ProvisionedThroughput, of tables and of indexes. */

#include "api/call.h"

extern const struct shape shape_billing;
extern const struct shape shape_throughput;

/* A ProvisionedThroughput's two units; 0 when `throughput` is NULL. */
enum weir_status billing_read_units(struct api_call *call, const struct weir_value *throughput,
                                    uint64_t *ret_read_units, uint64_t *ret_write_units);
/* The request's throughput, for a table that is `provisioned`: they go together. */
enum weir_status billing_read(struct api_call *call, bool provisioned,
                              struct engine_table_spec *spec);

#endif
