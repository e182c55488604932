/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the stores cost an application: orders committed with their messages, messages added,
 * marked, claimed and completed, by some threads, on public headers alone. store_boto3.py and
 * store_sdk.mjs send the same requests with AWS's SDKs.
 *
 *     store_bench --endpoint URL [--count N] [--side-by-side N]
 *
 * Each kind of work is done `count` times; the result is one JSON object per line, with the CPU
 * time of the whole process. Tables are made before, and not counted.
 */
#include <weir/client.h>
#include <weir/dedup.h>
#include <weir/engine.h>
#include <weir/outbox.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT_MAX 1000000
#define THREADS_MAX 64
#define TEXT(s) ((struct weir_text){(s), sizeof(s) - 1})
/* Each program has names of its own, so that several may use one server. */
#define ORDERS "weir-orders"
#define OUTBOX "weir-outbox"
#define DEDUP "weir-dedup"

#define ORDERS_JSON                                                                              \
    "{\"TableName\":\"" ORDERS "\",\"BillingMode\":\"PAY_PER_REQUEST\",\"AttributeDefinitions\"" \
    ":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"},"                                      \
    "{\"AttributeName\":\"sk\",\"AttributeType\":\"N\"}],\"KeySchema\":["                        \
    "{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},"                                           \
    "{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}]}"

struct bench {
    const char *endpoint;
    uint32_t count, threads;
    void (*work)(struct bench *bench, uint32_t number);
    atomic_uint next; /* message, over all threads */
    struct weir_client *client;
    struct weir_outbox *outbox;
    struct weir_dedup *dedup;
};

__attribute__((noreturn)) static void die(const char *doing, const struct weir_error *err)
{
    (void)fprintf(stderr, "store_bench: %s: %s\n", doing, err->message);
    exit(1);
}

static void check(enum weir_status status, const char *doing, const struct weir_error *err)
{
    if (status != WEIR_OK) {
        die(doing, err);
    }
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- the kinds of work: message `number` of one of them -------------------------------------- */

struct text {
    char text[128];
    size_t len;
};

__attribute__((format(printf, 1, 2))) static struct text text_of(const char *format, ...)
{
    struct text text;
    va_list args;
    va_start(args, format);
    text.len = (size_t)vsnprintf(text.text, sizeof(text.text), format, args);
    va_end(args);
    return text;
}

static struct weir_text view(const struct text *text)
{
    return (struct weir_text){text->text, text->len};
}

static struct text key_of(uint32_t number)
{
    return text_of("customer-%04u", number % 1000);
}

static struct weir_message message_of(const struct text *key, const struct text *id,
                                      const struct text *payload)
{
    struct weir_message message = WEIR_MESSAGE_INIT;
    message.key = view(key);
    message.id = view(id);
    message.payload = view(payload);
    message.type = TEXT("OrderPlaced");
    message.content_type = TEXT("application/json");
    message.destination = TEXT("orders");
    return message;
}

static struct text payload_of(uint32_t number)
{
    return text_of("{\"customer\":\"customer-%04u\",\"sequence\":%u,\"total\":\"149.95\"}",
                   number % 1000, number);
}

static void stage(struct bench *bench, uint32_t number)
{
    struct weir_error err = {0};
    struct weir_txn *txn = NULL;
    struct text key = key_of(number);
    struct text id = text_of("staged-%08u", number);
    struct text payload = payload_of(number);
    struct text item = text_of("{\"pk\":{\"S\":\"customer-%04u\"},\"sk\":{\"N\":\"%u\"},"
                               "\"total\":{\"N\":\"149.95\"}}",
                               number % 1000, number);
    struct weir_message message = message_of(&key, &id, &payload);
    check(weir_txn_new(bench->client, &txn, &err), "a transaction", &err);
    check(weir_txn_put(txn, ORDERS, strlen(ORDERS), item.text, item.len, &err), "an order", &err);
    check(weir_outbox_stage(bench->outbox, txn, &message, NULL, &err), "staging", &err);
    check(weir_txn_commit(txn, &err), "committing", &err);
    weir_txn_free(txn);
}

static void add(struct bench *bench, uint32_t number)
{
    struct weir_error err = {0};
    struct weir_outbox_added added;
    struct text key = key_of(number);
    struct text id = text_of("added-%08u", number);
    struct text payload = payload_of(number);
    struct weir_message message = message_of(&key, &id, &payload);
    check(weir_outbox_add(bench->outbox, &message, &added, &err), "adding", &err);
}

static void mark(struct bench *bench, uint32_t number)
{
    struct weir_error err = {0};
    struct text key = key_of(number);
    struct text id = text_of("added-%08u", number);
    check(weir_outbox_mark(bench->outbox, key.text, key.len, id.text, id.len, &err), "marking",
          &err);
}

static void claim(struct bench *bench, uint32_t number)
{
    struct weir_error err = {0};
    struct weir_claim got;
    struct text id = text_of("claimed-%08u", number);
    struct weir_claim_request request = {
        .id = {.worker = "shipping", .worker_len = 8, .message = id.text, .message_len = id.len}};
    check(weir_dedup_claim(bench->dedup, &request, &got, &err), "claiming", &err);
    if (got.outcome != WEIR_CLAIM_ACQUIRED) {
        (void)fprintf(stderr, "store_bench: a new id was not acquired\n");
        exit(1);
    }
    check(weir_dedup_complete(bench->dedup, &request.id, got.token, NULL, 0, &err), "completing",
          &err);
    weir_free(got.result);
}

/* ---- running --------------------------------------------------------------------------------- */

static void *thread(void *arg)
{
    struct bench *bench = arg;
    for (uint32_t number; (number = atomic_fetch_add(&bench->next, 1)) < bench->count;) {
        bench->work(bench, number);
    }
    return NULL;
}

static void run_threads(struct bench *bench)
{
    pthread_t threads[THREADS_MAX];
    for (uint32_t i = 0; i < bench->threads; i++) {
        if (pthread_create(&threads[i], NULL, thread, bench) != 0) {
            (void)fprintf(stderr, "store_bench: cannot start a thread\n");
            exit(1);
        }
    }
    for (uint32_t i = 0; i < bench->threads; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

static void measure(struct bench *bench, const char *name,
                    void (*work)(struct bench *bench, uint32_t number))
{
    double start = seconds_of(CLOCK_MONOTONIC);
    double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    bench->work = work;
    atomic_store(&bench->next, 0);
    run_threads(bench);
    cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    double seconds = seconds_of(CLOCK_MONOTONIC) - start;
    (void)printf("{\"name\": \"%s\", \"messages\": %u, \"per_second\": %.1f, \"cpu_us\": %.2f}\n",
                 name, bench->count, bench->count / seconds, cpu * 1e6 / bench->count);
    (void)fflush(stdout);
}

static void open_all(struct bench *bench)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    struct weir_outbox_options outbox = WEIR_OUTBOX_OPTIONS_INIT;
    struct weir_dedup_options dedup = WEIR_DEDUP_OPTIONS_INIT;
    struct weir_error err = {0};
    options.endpoint_url = bench->endpoint;
    outbox.table = OUTBOX;
    dedup.table = DEDUP;
    check(weir_engine_register(&err), "the engine", &err);
    check(weir_client_open(&options, &bench->client, &err), "the client", &err);
    check(weir_outbox_open(bench->client, &outbox, &bench->outbox, &err), "the outbox", &err);
    check(weir_dedup_open(bench->client, &dedup, &bench->dedup, &err), "the dedup store", &err);
    char *answer = NULL;
    size_t answer_len;
    check(weir_call(bench->client, "CreateTable", strlen("CreateTable"), ORDERS_JSON,
                    strlen(ORDERS_JSON), &answer, &answer_len, &err),
          "the table of orders", &err);
    weir_free(answer);
}

static void read_options(int argc, char **argv, struct bench *bench)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--endpoint") == 0) {
            bench->endpoint = argv[i + 1];
        } else if (strcmp(argv[i], "--count") == 0) {
            bench->count = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--side-by-side") == 0) {
            bench->threads = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        }
    }
    if (bench->endpoint == NULL || bench->count < 1 || bench->count > COUNT_MAX ||
        bench->threads < 1 || bench->threads > THREADS_MAX) {
        (void)fprintf(stderr,
                      "usage: store_bench --endpoint URL [--count 1..%d] [--side-by-side 1..%d]\n",
                      COUNT_MAX, THREADS_MAX);
        exit(64);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = {.count = 1000, .threads = 1};
    read_options(argc, argv, &bench);
    open_all(&bench);
    measure(&bench, "stage and commit", stage);
    measure(&bench, "add", add);
    measure(&bench, "mark", mark);
    measure(&bench, "claim and complete", claim);
    weir_dedup_close(bench.dedup);
    weir_outbox_close(bench.outbox);
    weir_client_close(bench.client);
    return 0;
}
