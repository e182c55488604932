/* SPDX-License-Identifier: Apache-2.0 */
/* What calls consumed, as the service counted it: facts of ConsumedCapacity, in one place. */
#include "client/client.h"
#include "client/operation.h"

#include <math.h>

/* Beyond any call's: a sum must not be spoilt by one answer that is nonsense. */
#define UNITS_MAX 1e9
#define DIGITS_MAX 32

/* Not strtod: that reads by the program's locale. Text of a JSON number; nonsense is 0. */
static double number_read(struct weir_bytes text)
{
    double value = 0;
    int exponent = 0;
    size_t i = 0;
    bool fraction = false;
    for (; i < text.len && i < DIGITS_MAX && text.ptr[i] != 'e' && text.ptr[i] != 'E'; i++) {
        uint8_t c = text.ptr[i];
        if (c == '.') {
            fraction = true;
        } else if (c < '0' || c > '9') {
            return 0;
        } else {
            value = value * 10 + (c - '0');
            exponent -= fraction;
        }
    }
    int given = 0;
    bool negative = i + 1 < text.len && text.ptr[i + 1] == '-';
    bool has_sign = negative || (i + 1 < text.len && text.ptr[i + 1] == '+');
    for (i += has_sign ? 2 : 1; i < text.len && given < DIGITS_MAX; i++) {
        given = given * 10 + (text.ptr[i] - '0');
    }
    exponent += negative ? -given : given;
    return exponent < 0 ? value / pow(10, -exponent) : value * pow(10, exponent);
}

static double units_of(const struct weir_value *capacity, const char *name)
{
    const struct weir_value *units = value_get(capacity, name);
    if (units == NULL || units->type != VALUE_N) {
        return 0;
    }
    double value = number_read(units->u.bytes);
    return value <= UNITS_MAX ? value : 0;
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
    if (consumed == NULL) {
        return;
    }
    bool writes = operation_find(bytes_str(operation))->writes;
    if (consumed->type != VALUE_L) {
        add_one(writes, consumed, sum);
        return;
    }
    for (uint32_t i = 0; i < consumed->u.list.count; i++) {
        add_one(writes, &consumed->u.list.at[i], sum);
    }
}
