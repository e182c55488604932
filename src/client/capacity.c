/* SPDX-License-Identifier: Apache-2.0 */
/* What calls consumed, as the service counted it: facts of ConsumedCapacity, in one place. */
#include "client/client.h"
#include "client/operation.h"

#include <stdlib.h>

#define NUMBER_TEXT_MAX 32

static double units_of(const struct weir_value *capacity, const char *name)
{
    const struct weir_value *units = value_get(capacity, name);
    char text[NUMBER_TEXT_MAX];
    if (units == NULL || units->type != VALUE_N || units->u.bytes.len >= sizeof(text)) {
        return 0;
    }
    memcpy(text, units->u.bytes.ptr, units->u.bytes.len);
    text[units->u.bytes.len] = '\0';
    return strtod(text, NULL);
}

/* Transactions name reads and writes apart; other calls are one or the other. */
static void add_one(bool writes, const struct weir_value *capacity, struct weir_capacity *sum)
{
    if (value_get(capacity, "ReadCapacityUnits") != NULL ||
        value_get(capacity, "WriteCapacityUnits") != NULL) {
        sum->read_units += units_of(capacity, "ReadCapacityUnits");
        sum->write_units += units_of(capacity, "WriteCapacityUnits");
    } else if (writes) {
        sum->write_units += units_of(capacity, "CapacityUnits");
    } else {
        sum->read_units += units_of(capacity, "CapacityUnits");
    }
}

void client_consumed(const char *operation, const struct weir_value *response,
                     struct weir_capacity *sum)
{
    const struct weir_value *consumed = value_get(response, "ConsumedCapacity");
    bool writes = operation_find(bytes_str(operation))->writes;
    if (consumed == NULL) {
        return;
    }
    if (consumed->type != VALUE_L) {
        add_one(writes, consumed, sum);
        return;
    }
    for (uint32_t i = 0; i < consumed->u.list.count; i++) {
        add_one(writes, &consumed->u.list.at[i], sum);
    }
}
