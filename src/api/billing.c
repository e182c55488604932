/* SPDX-License-Identifier: Apache-2.0 */

/* What is paid for. See billing.h. */

#include "api/billing.h"

#include "api/request.h"
#include "api/shape.h"

#include <inttypes.h>

#define THROUGHPUT_MAX 1000000000000

const struct shape shape_billing = {.kind = SHAPE_STRING,
                                    .choices = "[PROVISIONED, PAY_PER_REQUEST]"};
static const struct shape shape_units = {.kind = SHAPE_LONG, .checks = SHAPE_MIN, .min = 1};
static const struct shape_member throughput_members[] = {
    {"WriteCapacityUnits", &shape_units, true},
    {"ReadCapacityUnits", &shape_units, true},
    {0},
};
const struct shape shape_throughput = {
    .kind = SHAPE_STRUCT, .name = "ProvisionedThroughput", .members = throughput_members};

static enum weir_status read_unit(struct api_call *call, const struct weir_value *throughput,
                                  const char *name, uint64_t *ret_units)
{
    int64_t units = request_int(throughput, name, 0);
    if (units > THROUGHPUT_MAX) {
        return call_invalid(call, "Given value %" PRId64 " for %s is out of bounds", units, name);
    }
    *ret_units = (uint64_t)units;
    return WEIR_OK;
}

enum weir_status billing_read_units(struct api_call *call, const struct weir_value *throughput,
                                    uint64_t *ret_read_units, uint64_t *ret_write_units)
{
    enum weir_status status = read_unit(call, throughput, "ReadCapacityUnits", ret_read_units);
    return status == WEIR_OK ? read_unit(call, throughput, "WriteCapacityUnits", ret_write_units)
                             : status;
}

enum weir_status billing_read(struct api_call *call, bool provisioned,
                              struct engine_table_spec *spec)
{
    const struct weir_value *throughput = request_member(call->request, "ProvisionedThroughput");
    spec->provisioned = provisioned;
    if (!provisioned && throughput != NULL) {
        return call_invalid(call, "One or more parameter values were invalid: Neither "
                                  "ReadCapacityUnits nor WriteCapacityUnits can be specified "
                                  "when BillingMode is PAY_PER_REQUEST");
    }
    if (provisioned && throughput == NULL) {
        return call_invalid(call, "One or more parameter values were invalid: ReadCapacityUnits "
                                  "and WriteCapacityUnits must both be specified when BillingMode "
                                  "is PROVISIONED");
    }
    return billing_read_units(call, throughput, &spec->read_units, &spec->write_units);
}
