/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_OPERATIONS_H
#define WEIR_API_OPERATIONS_H

/*
 * The one table of operations: everything that has to be said about an operation outside its own
 * file. X(name, prefix of its functions, service); those under WAITS have a resume step too. In
 * order of name: the search relies on it.
 */

#include "api/shape.h"

#define OPERATION_TABLE(X, WAITS)                                 \
    WAITS(BatchGetItem, batch_get_item, API_DYNAMODB)             \
    WAITS(BatchWriteItem, batch_write_item, API_DYNAMODB)         \
    WAITS(CreateTable, create_table, API_DYNAMODB)                \
    WAITS(DeleteItem, delete_item, API_DYNAMODB)                  \
    WAITS(DeleteTable, delete_table, API_DYNAMODB)                \
    X(DescribeEndpoints, describe_endpoints, API_DYNAMODB)        \
    X(DescribeLimits, describe_limits, API_DYNAMODB)              \
    X(DescribeStream, describe_stream, API_STREAMS)               \
    X(DescribeTable, describe_table, API_DYNAMODB)                \
    X(DescribeTimeToLive, describe_time_to_live, API_DYNAMODB)    \
    WAITS(GetItem, get_item, API_DYNAMODB)                        \
    WAITS(GetRecords, get_records, API_STREAMS)                   \
    X(GetShardIterator, get_shard_iterator, API_STREAMS)          \
    X(ListStreams, list_streams, API_STREAMS)                     \
    X(ListTables, list_tables, API_DYNAMODB)                      \
    WAITS(PutItem, put_item, API_DYNAMODB)                        \
    WAITS(Query, query, API_DYNAMODB)                             \
    WAITS(Scan, scan, API_DYNAMODB)                               \
    WAITS(TransactGetItems, transact_get_items, API_DYNAMODB)     \
    WAITS(TransactWriteItems, transact_write_items, API_DYNAMODB) \
    WAITS(UpdateItem, update_item, API_DYNAMODB)                  \
    WAITS(UpdateTable, update_table, API_DYNAMODB)                \
    WAITS(UpdateTimeToLive, update_time_to_live, API_DYNAMODB)

#define OPERATION_DECLARE(name, prefix, service) \
    extern const struct shape shape_##prefix;    \
    enum api_progress op_##prefix##_start(struct api_call *call);
#define OPERATION_DECLARE_WAITS(name, prefix, service) \
    OPERATION_DECLARE(name, prefix, service)           \
    enum api_progress op_##prefix##_resume(struct api_call *call);
OPERATION_TABLE(OPERATION_DECLARE, OPERATION_DECLARE_WAITS)
#undef OPERATION_DECLARE
#undef OPERATION_DECLARE_WAITS

#endif
