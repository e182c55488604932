/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_SHAPE_H
#define WEIR_API_SHAPE_H

/*
 * Shapes: what a request must look like, as data. One walk checks the JSON types
 * (SerializationException), a second one collects broken constraints into the one
 * ValidationException that AWS makes of them: "2 validation errors detected: Value ... ; Value
 * ...".
 *
 *     request --types--> --constraints--> operation's own checks
 *
 * Attribute values are only walked here when the request is refused anyway (a wrong JSON type wins
 * over a broken constraint); otherwise value_to_item checks them while it converts.
 */

#include "api/call.h"

enum shape_kind {
    SHAPE_STRING,
    SHAPE_INTEGER,
    SHAPE_LONG,
    SHAPE_BOOLEAN,
    SHAPE_LIST,
    SHAPE_MAP,
    SHAPE_STRUCT,
    SHAPE_ATTRIBUTE,
};

enum {
    SHAPE_MIN = 1,           /* `min` holds: value of a number, length of others */
    SHAPE_MAX = 2,           /* `max` holds */
    SHAPE_TABLE = 4,         /* a table's name, or its ARN */
    SHAPE_FIRST = 8,         /* checked before all constraints, in words of its own */
    SHAPE_NAME = 16,         /* [a-zA-Z0-9_.-]+ */
    SHAPE_TABLE_KEYS = 32,   /* MAP: its keys are names of tables */
    SHAPE_VALUE_LENGTH = 64, /* MAP: `min` and `max` are those of each value */
};

struct shape {
    enum shape_kind kind;
    unsigned checks;
    int64_t min, max;
    const char *choices;                /* STRING: the enum's values as AWS lists them; or NULL */
    const char *name;                   /* STRUCT: AWS's name of it */
    const struct shape *element;        /* LIST, MAP */
    const struct shape_member *members; /* STRUCT; ends with a NULL name */
};

struct shape_member {
    const char *name;
    const struct shape *shape;
    bool required;
};

/* Checks call->request against the shape. WEIR_SERIALIZATION, WEIR_VALIDATION. */
enum weir_status shape_check(struct api_call *call, const struct shape *shape);

/* Shapes that several operations share. */
extern const struct shape shape_string;
extern const struct shape shape_boolean;
extern const struct shape shape_item_table; /* TableName of operations on items */
extern const struct shape shape_table;      /* TableName of operations on tables */
extern const struct shape shape_limit;      /* integer, at least 1 */
extern const struct shape shape_capacity;   /* ReturnConsumedCapacity */
extern const struct shape shape_metrics;    /* ReturnItemCollectionMetrics */
extern const struct shape shape_returns;    /* ReturnValues */
extern const struct shape shape_on_failure; /* ReturnValuesOnConditionCheckFailure */
extern const struct shape shape_operator;   /* ConditionalOperator */
extern const struct shape shape_index_name;
extern const struct shape shape_select;
extern const struct shape shape_item;      /* map of attribute values */
extern const struct shape shape_names;     /* ExpressionAttributeNames */
extern const struct shape shape_name_list; /* AttributesToGet */
extern const struct shape shape_expected;
extern const struct shape shape_conditions; /* KeyConditions, QueryFilter, ScanFilter */
extern const struct shape shape_stream_arn;
extern const struct shape shape_shard_id;
extern const struct shape shape_stream_spec; /* StreamSpecification */

#endif
