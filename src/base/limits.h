/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BASE_LIMITS_H
#define WEIR_BASE_LIMITS_H

/* Every bound has a name here, with its source. Bytes unless the name says otherwise. */

/* DynamoDB: "Service, account, and table quotas" and the API models, 2026-08. */
#define LIMIT_ITEM_BYTES (400 * 1024)
#define LIMIT_PARTITION_KEY_BYTES 2048
#define LIMIT_SORT_KEY_BYTES 1024
#define LIMIT_NUMBER_DIGITS 38
#define LIMIT_NUMBER_EXPONENT_MAX 125  /* largest magnitude 9.99..E+125 */
#define LIMIT_NUMBER_EXPONENT_MIN -130 /* smallest magnitude 1E-130 */
#define LIMIT_NESTING_LEVELS 32
#define LIMIT_EXPRESSION_BYTES 4096
#define LIMIT_EXPRESSION_OPERATORS 300
#define LIMIT_EXPRESSION_IN_OPERANDS 100
#define LIMIT_PLACEHOLDER_BYTES 255
#define LIMIT_TABLE_NAME_MIN 3
#define LIMIT_TABLE_NAME_MAX 255
#define LIMIT_ATTRIBUTE_NAME_MAX 65535
#define LIMIT_KEY_ATTRIBUTE_NAME_MAX 255
#define LIMIT_BATCH_WRITE_ITEMS 25
#define LIMIT_BATCH_WRITE_BYTES (16 * 1024 * 1024)
#define LIMIT_BATCH_GET_ITEMS 100
#define LIMIT_BATCH_GET_BYTES (16 * 1024 * 1024)
#define LIMIT_TRANSACT_ITEMS 100
#define LIMIT_TRANSACT_BYTES (4 * 1024 * 1024)
#define LIMIT_TRANSACT_TOKEN_MS (10 * 60 * 1000)
#define LIMIT_PAGE_BYTES (1024 * 1024)
#define LIMIT_SCAN_SEGMENTS 1000000
#define LIMIT_LIST_TABLES 100
#define LIMIT_TTL_PAST_S (5LL * 365 * 24 * 3600)

/* DynamoDB Streams: the same sources. */
#define LIMIT_GET_RECORDS 1000
#define LIMIT_GET_RECORDS_BYTES (1024 * 1024)
#define LIMIT_DESCRIBE_STREAM_SHARDS 100
#define LIMIT_LIST_STREAMS 100
#define LIMIT_ITERATOR_AGE_MS (15 * 60 * 1000)
#define LIMIT_STREAM_RETENTION_MS (24LL * 3600 * 1000)
#define LIMIT_STREAM_ITERATOR_BYTES 2048

/* HTTP front: DynamoDB takes bodies up to 16 MB; headers are ours. */
#define LIMIT_BODY_BYTES (16 * 1024 * 1024)
#define LIMIT_HEADER_BYTES (16 * 1024)
#define LIMIT_REQUEST_DEADLINE_MS 30000
#define LIMIT_CONNECTIONS_PER_LOOP 8192

/* What loop_tcp_write queues for one stream before it gives the stream up. Ours. */
#define LIMIT_TCP_UNSENT_BYTES (256 * 1024 * 1024)

/* JSON: 32 item levels are two JSON levels each, and the request around them. */
#define LIMIT_JSON_DEPTH 128
#define LIMIT_JSON_PARSER_KEEP_BYTES (1024 * 1024)

/* Memory of one request in the API layer: a 16 MB body, its tree and its answer. */
#define LIMIT_REQUEST_ARENA_BYTES (192 * 1024 * 1024)

/* The committer's batch (design: bounded in count and bytes) and its queue. */
#define LIMIT_COMMIT_OPERATIONS 1024
#define LIMIT_COMMIT_BYTES (8 * 1024 * 1024)
#define LIMIT_COMMIT_QUEUE 65536

/* GetRecords over HTTP with X-Weir-Wait-Ms. */
#define LIMIT_WAIT_MS 20000

#endif
