/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_ENGINE_TEST_H
#define WEIR_TESTS_ENGINE_TEST_H

/*
 * What the engine's tests share: an engine over either store, on a clock that the test turns, and
 * short calls that run one request to its end. Items are written as DynamoDB-JSON with single
 * quotes: {'pk':{'S':'a'}}.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/engine.h"

#define TEST_PATH_MAX 512
#define TEST_START_MS 1763683440123LL

struct fixture {
    struct weir_env *env;
    char dir[TEST_PATH_MAX];
    struct kv *mem; /* the store in memory, which outlives engines */
    struct engine *engine;
    struct arena *a;
    uint32_t shards;
};

int test_setup(void **state);
int test_teardown(void **state);
/* Over the store in memory: called when a commit is stored, and before the engine knows. */
extern void (*test_stored)(void *arg);
extern void *test_stored_arg;
/* Runs the tests over the store in memory, then over RocksDB. Returns the number that failed. */
int test_run_both(const struct CMUnitTest *tests, size_t count);
/* Those that ask what only the store in memory can show. */
int test_run_in_memory(const struct CMUnitTest *tests, size_t count);
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)
#define RUN_BOTH(tests) test_run_both(tests, sizeof(tests) / sizeof((tests)[0]))
#define RUN_IN_MEMORY(tests) test_run_in_memory(tests, sizeof(tests) / sizeof((tests)[0]))

void test_reopen(struct fixture *f);
void test_open(struct fixture *f);
void test_close(struct fixture *f);

const struct weir_value *test_item(struct fixture *f, const char *json);
/* The stored encoding as DynamoDB-JSON with single quotes; "" for none. */
const char *test_text(struct fixture *f, struct weir_bytes encoding);
const char *test_value_text(struct fixture *f, const struct weir_value *value);

/* Submits and turns until it is done. */
enum weir_status test_run(struct fixture *f, struct engine_request *request);
struct engine_request *test_request(struct fixture *f, enum engine_request_kind kind);

/* Keys pk and sk (sort NULL: none), both S unless said otherwise. */
void test_create(struct fixture *f, const char *name, bool sort, int view);
enum weir_status test_create_typed(struct fixture *f, const char *name, enum value_type partition,
                                   enum value_type sort, int view);
#define TEST_NO_STREAM (-1)
/* Keys pk and sk, both S, and these indexes. */
void test_create_indexed(struct fixture *f, const char *name, int view,
                         const struct engine_index *indexes, uint32_t count);
/* len 0 of the attribute: off. */
enum weir_status test_set_ttl(struct fixture *f, const char *table, const char *attribute);
/* The whole page of an index (NULL: the table). */
struct engine_page test_scan(struct fixture *f, const char *table, const char *index);
uint64_t test_expired(struct fixture *f);
struct engine_table *test_table(struct fixture *f, const char *name);

struct test_op {
    enum engine_op_kind kind;
    const char *table;
    const char *item;      /* PUT: the item, otherwise the key */
    const char *condition; /* NULL: none */
    const char *update;    /* UPDATE */
    const char *values;    /* of both expressions, NULL: none */
    bool want_old;
};
/* Prepares into *ret_op; the status of preparing. */
enum weir_status test_prepare(struct fixture *f, const struct test_op *op, struct engine_op *ret_op,
                              struct weir_error *err);
/* One operation; its results are good until the arena is reset. */
struct engine_op *test_do(struct fixture *f, const struct test_op *op);
enum weir_status test_put(struct fixture *f, const char *table, const char *item);
enum weir_status test_delete(struct fixture *f, const char *table, const char *key);
/* A transaction of these operations. */
struct engine_request *test_transact(struct fixture *f, const struct test_op *ops, uint32_t count,
                                     const char *token, uint8_t hash);
const char *test_get(struct fixture *f, const char *table, const char *key);

/* All records of a stream, shard by shard; asserts that sequence numbers rise within a shard. */
struct engine_record *test_records(struct fixture *f, const char *table, uint32_t *ret_count);
struct engine_record *test_shard_records(struct fixture *f, const struct engine_stream *stream,
                                         const struct engine_shard *shard, uint32_t *ret_count);
void test_set_stream(struct fixture *f, const char *table, bool enabled,
                     enum engine_view_type view);

/* Rows in the store itself, which no trim_seq and no catalog hides. Over RocksDB, which the engine
 * has to itself, always 0. */
uint32_t test_stored_rows(struct fixture *f, enum kv_family family);
/* Over memory, with the engine closed: replaces the first row of the family whose key begins so,
 * with what `change` makes of it. */
void test_rewrite(struct fixture *f, enum kv_family family, uint8_t kind,
                  void (*change)(struct fixture *f, struct weir_bytes value, struct buf *to));

/* A seed: of WEIR_TEST_SEED, or a new one; printed. */
uint64_t test_seed(void);
uint64_t test_random(uint64_t *state);
static inline uint32_t test_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)(test_random(state) % bound);
}

#endif
