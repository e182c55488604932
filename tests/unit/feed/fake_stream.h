/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_FEED_FAKE_STREAM_H
#define WEIR_TESTS_FEED_FAKE_STREAM_H

/*
 * A transport "fake:" that acts out a stream's bad days. It answers the Streams calls itself, from
 * the shards below, which a test moves about; calls about the position table go to weir's engine in
 * memory, so that conditions are evaluated by the real thing. One at a time per process, used from
 * the loop's thread.
 */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "client/client.h"

#define FAKE_TABLE "orders"
#define FAKE_SHARDS 300
#define FAKE_RECORDS 4000

struct fake_record {
    uint64_t number; /* its sequence number, above all before it in the shard */
    uint32_t value;  /* in the new image */
    int64_t created_s;
    bool by_ttl;   /* a REMOVE of the service */
    bool nameless; /* without an eventName */
};

struct fake_shard {
    char id[64];
    char parent[64]; /* "": none */
    bool listed;
    bool closed;      /* null iterator after its last record */
    bool looks_open;  /* closed, but listed without an ending number */
    bool gone;        /* ResourceNotFoundException */
    uint64_t trimmed; /* numbers up to it are trimmed */
    uint32_t empties; /* that many empty pages come before the next records */
    uint32_t reads;   /* GetRecords calls */
    struct fake_record *records;
    uint32_t count;
};

/* The next `count` calls of an operation fail; the position table's too ("UpdateItem"). */
struct fake_failure {
    const char *operation;
    enum weir_status status;
    uint32_t count;
};

struct fake {
    struct client_transport base;
    struct weir_client *inner; /* "memory:" */
    struct fake_shard shards[FAKE_SHARDS];
    uint32_t shard_count;
    uint64_t next_number;
    const char *view;   /* NULL: no stream */
    const char *status; /* of the stream */
    const char *arn;    /* of the table's newest stream */
    uint32_t list_page; /* shards in a page */
    uint32_t read_page; /* records in a page */
    bool no_filter;     /* ShardFilter is a ValidationException */
    struct fake_failure failures[4];
    const char *hold; /* calls of this operation are not answered until released */
    struct client_request *held[64];
    uint32_t held_count;

    uint32_t lists, filtered_lists, latest_iterators, horizon_iterators, after_iterators;
    uint32_t position_writes;
};

extern struct fake fake;

/* A stream of no shards; registers the transport. */
void fake_init(void);
void fake_fini(void);
struct fake_shard *fake_add_shard(const char *id, const char *parent);
/* Appends `count` records with consecutive values; created now. */
void fake_add_records(struct fake_shard *shard, uint32_t first_value, uint32_t count);
void fake_fail(const char *operation, enum weir_status status, uint32_t count);
/* Every iterator handed out so far is expired. */
void fake_expire_iterators(void);
/* Answers the calls that are held, and holds no more. */
void fake_release(void);

#endif
