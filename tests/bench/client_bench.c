/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an application sees that has the engine inside: puts, gets, transactions of an order and its
 * message, and reading the whole stream of them, by some threads, on public headers alone.
 *
 *     client_bench --endpoint file:DIR|memory: [--threads N] [--seconds N] [--keys N]
 *
 * Each kind of work runs for so many seconds, one after the other; the result is one JSON object
 * per line, with the CPU time of the whole process (the calling threads' JSON included).
 */
#include <weir/client.h>
#include <weir/engine.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define THREADS_MAX 64
#define JSON_BYTES 1024
#define PAGE_RECORDS 1000
#define ITERATOR_BYTES 1024
#define SHARDS_MAX 64

#define TABLE_JSON                                                                            \
    "{\"TableName\":\"bench\",\"BillingMode\":\"PAY_PER_REQUEST\",\"AttributeDefinitions\":[" \
    "{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"},"                                     \
    "{\"AttributeName\":\"sk\",\"AttributeType\":\"S\"}],\"KeySchema\":["                     \
    "{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},"                                        \
    "{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}],\"StreamSpecification\":{"             \
    "\"StreamEnabled\":true,\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"}}"

/* About 450 bytes, as tests/bench/load.c sends them. */
#define ITEM_FORMAT                                                                             \
    "{\"pk\":{\"S\":\"order#%09u\"},\"sk\":{\"S\":\"%s\"},\"type\":{\"S\":\"order\"},"          \
    "\"version\":{\"N\":\"%u\"},\"status\":{\"S\":\"accepted\"},\"customer\":{\"M\":{"          \
    "\"id\":{\"S\":\"c-4711\"},\"name\":{\"S\":\"Astrid Lindqvist\"},"                          \
    "\"city\":{\"S\":\"Uppsala\"}}},\"total\":{\"N\":\"149.95\"},\"currency\":{\"S\":\"SEK\"}," \
    "\"paid\":{\"BOOL\":true},\"createdAt\":{\"S\":\"2025-03-01T12:34:56.789Z\"},"              \
    "\"note\":{\"S\":\"leave it with the neighbours at number twelve please"                    \
    " and ring twice, since the bell of the house is low\"}}"

struct bench {
    struct weir_client *client;
    const char *endpoint;
    uint32_t threads, keys;
    double seconds;
    void (*work)(struct bench *bench, uint32_t number);
    uint64_t deadline_ns;
    atomic_uint number; /* of the next operation, over all threads */
    atomic_uint done;
    char stream_arn[256];
};

__attribute__((noreturn)) static void die(const char *doing, const struct weir_error *err)
{
    (void)fprintf(stderr, "client_bench: %s: %s\n", doing, err->message);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* The answer is the caller's, see weir_free. (Inlined, gcc 12 takes it for the pointer itself.) */
__attribute__((noinline)) static char *call(struct bench *bench, const char *operation,
                                            const char *json)
{
    struct weir_error err = {0};
    char *answer = NULL;
    size_t answer_len = 0;
    if (weir_call(bench->client, operation, strlen(operation), json, strlen(json), &answer,
                  &answer_len, &err) != WEIR_OK) {
        die(operation, &err);
    }
    return answer;
}

/* ---- the kinds of work ------------------------------------------------------------------------
 */

/* Spreads the numbers over the keys, each as often as the others. */
static uint32_t key_of(const struct bench *bench, uint32_t number)
{
    return (uint32_t)((uint64_t)number * 2654435761u % bench->keys);
}

static void put(struct bench *bench, uint32_t number)
{
    char json[JSON_BYTES];
    (void)snprintf(json, sizeof(json), "{\"TableName\":\"bench\",\"Item\":" ITEM_FORMAT "}",
                   key_of(bench, number), "order", number);
    weir_free(call(bench, "PutItem", json));
}

static void get(struct bench *bench, uint32_t number)
{
    char json[JSON_BYTES];
    (void)snprintf(json, sizeof(json),
                   "{\"TableName\":\"bench\",\"Key\":{\"pk\":{\"S\":\"order#%09u\"},"
                   "\"sk\":{\"S\":\"order\"}}}",
                   key_of(bench, number));
    weir_free(call(bench, "GetItem", json));
}

static void transact(struct bench *bench, uint32_t number)
{
    static const char *const sorts[] = {"order", "message"};
    struct weir_error err = {0};
    struct weir_txn *txn = NULL;
    char json[JSON_BYTES];
    enum weir_status status = weir_txn_new(bench->client, &txn, &err);
    for (size_t i = 0; status == WEIR_OK && i < 2; i++) {
        int len = snprintf(json, sizeof(json), ITEM_FORMAT, bench->keys + number, sorts[i], number);
        status = weir_txn_put(txn, "bench", strlen("bench"), json, (size_t)len, &err);
    }
    if (status == WEIR_OK) {
        status = weir_txn_commit(txn, &err);
    }
    if (status != WEIR_OK) {
        die("the transaction", &err);
    }
    weir_txn_free(txn);
}

/* ---- the stream -------------------------------------------------------------------------------
 */

/* Copies the text behind "name":" and returns what follows it; NULL when it is not there. */
static const char *take_text(const char *json, const char *name, char *to, size_t room)
{
    char marker[64];
    (void)snprintf(marker, sizeof(marker), "\"%s\":\"", name);
    const char *begin = strstr(json, marker);
    if (begin == NULL) {
        return NULL;
    }
    begin += strlen(marker);
    size_t len = strcspn(begin, "\"");
    if (len >= room) {
        return NULL;
    }
    memcpy(to, begin, len);
    to[len] = '\0';
    return begin + len;
}

static uint32_t count_records(const char *page)
{
    uint32_t count = 0;
    for (const char *at = page; (at = strstr(at, "\"eventID\"")) != NULL; at++) {
        count++;
    }
    return count;
}

static uint32_t read_shard(struct bench *bench, const char *shard)
{
    char json[ITERATOR_BYTES + JSON_BYTES];
    char iterator[ITERATOR_BYTES];
    (void)snprintf(json, sizeof(json),
                   "{\"StreamArn\":\"%s\",\"ShardId\":\"%s\","
                   "\"ShardIteratorType\":\"TRIM_HORIZON\"}",
                   bench->stream_arn, shard);
    char *answer = call(bench, "GetShardIterator", json);
    bool more = take_text(answer, "ShardIterator", iterator, sizeof(iterator)) != NULL;
    weir_free(answer);
    uint32_t total = 0;
    while (more) {
        (void)snprintf(json, sizeof(json), "{\"ShardIterator\":\"%s\",\"Limit\":%d}", iterator,
                       PAGE_RECORDS);
        answer = call(bench, "GetRecords", json);
        uint32_t count = count_records(answer);
        total += count;
        more =
            count > 0 && take_text(answer, "NextShardIterator", iterator, sizeof(iterator)) != NULL;
        weir_free(answer);
    }
    return total;
}

/* Every record of every shard, once; an operation is a record. */
static void read_stream(struct bench *bench)
{
    char json[JSON_BYTES];
    char shard[128];
    char *table = call(bench, "DescribeTable", "{\"TableName\":\"bench\"}");
    if (take_text(table, "LatestStreamArn", bench->stream_arn, sizeof(bench->stream_arn)) == NULL) {
        (void)fprintf(stderr, "client_bench: the table has no stream\n");
        exit(1);
    }
    weir_free(table);
    (void)snprintf(json, sizeof(json), "{\"StreamArn\":\"%s\"}", bench->stream_arn);
    char *stream = call(bench, "DescribeStream", json);
    const char *at = stream;
    while ((at = take_text(at, "ShardId", shard, sizeof(shard))) != NULL) {
        atomic_fetch_add(&bench->done, read_shard(bench, shard));
    }
    weir_free(stream);
}

/* ---- running ----------------------------------------------------------------------------------
 */

static void *thread(void *arg)
{
    struct bench *bench = arg;
    while (now_ns() < bench->deadline_ns) {
        bench->work(bench, atomic_fetch_add(&bench->number, 1));
        atomic_fetch_add(&bench->done, 1);
    }
    return NULL;
}

static void run_threads(struct bench *bench)
{
    pthread_t threads[THREADS_MAX];
    for (uint32_t i = 0; i < bench->threads; i++) {
        if (pthread_create(&threads[i], NULL, thread, bench) != 0) {
            (void)fprintf(stderr, "client_bench: cannot start a thread\n");
            exit(1);
        }
    }
    for (uint32_t i = 0; i < bench->threads; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

/* Without work: reads the stream. */
static void measure(struct bench *bench, const char *name,
                    void (*work)(struct bench *bench, uint32_t number))
{
    bench->work = work;
    atomic_store(&bench->done, 0);
    uint64_t start_ns = now_ns();
    double cpu = cpu_seconds();
    bench->deadline_ns = start_ns + (uint64_t)(bench->seconds * 1e9);
    if (work == NULL) {
        read_stream(bench);
    } else {
        run_threads(bench);
    }
    cpu = cpu_seconds() - cpu;
    double seconds = (double)(now_ns() - start_ns) / 1e9;
    uint32_t done = atomic_load(&bench->done);
    (void)printf("{\"name\": \"%s\", \"operations\": %u, \"seconds\": %.3f, "
                 "\"per_second\": %.1f, \"cpu_us\": %.2f}\n",
                 name, done, seconds, done / seconds, done == 0 ? 0 : cpu * 1e6 / done);
    (void)fflush(stdout);
}

/* So that every get finds an item. */
static void fill(struct bench *bench)
{
    char json[JSON_BYTES];
    weir_free(call(bench, "CreateTable", TABLE_JSON));
    for (uint32_t key = 0; key < bench->keys; key++) {
        (void)snprintf(json, sizeof(json), "{\"TableName\":\"bench\",\"Item\":" ITEM_FORMAT "}",
                       key, "order", 0u);
        weir_free(call(bench, "PutItem", json));
    }
}

static void read_options(int argc, char **argv, struct bench *bench)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--endpoint") == 0) {
            bench->endpoint = argv[i + 1];
        } else if (strcmp(argv[i], "--threads") == 0) {
            bench->threads = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            bench->seconds = strtod(argv[i + 1], NULL);
        } else if (strcmp(argv[i], "--keys") == 0) {
            bench->keys = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        }
    }
    if (bench->endpoint == NULL || bench->threads < 1 || bench->threads > THREADS_MAX ||
        bench->keys < 1 || bench->keys > 1000000 || !(bench->seconds > 0 && bench->seconds <= 60)) {
        (void)fprintf(stderr,
                      "usage: client_bench --endpoint URL [--threads 1..%d] "
                      "[--seconds ..60] [--keys ..1000000]\n",
                      THREADS_MAX);
        exit(64);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = {.threads = 4, .keys = 2000, .seconds = 1};
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    struct weir_error err = {0};
    read_options(argc, argv, &bench);
    options.endpoint_url = bench.endpoint;
    if (weir_engine_register(&err) != WEIR_OK ||
        weir_client_open(&options, &bench.client, &err) != WEIR_OK) {
        die("opening", &err);
    }
    fill(&bench);
    measure(&bench, "put", put);
    measure(&bench, "get", get);
    measure(&bench, "transaction", transact);
    measure(&bench, "stream record", NULL);
    weir_client_close(bench.client);
    return 0;
}
