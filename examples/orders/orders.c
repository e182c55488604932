/* SPDX-License-Identifier: Apache-2.0 */

/*
 * orders: writes orders, each in one transaction with the message that tells of it.
 *
 *     orders --endpoint http://127.0.0.1:8000 --messages 1000 --keys 100
 *
 * Several threads share the customers (the ordering keys); each customer's orders are numbered and
 * committed one after the other. The running count of commits goes to stdout, a line each time.
 * With --deliver-to FILE a relay runs in this process too and carries the messages to the file:
 * with the endpoint "memory:" that is the whole installation in one process.
 */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weir/client.h>
#include <weir/engine.h>
#include <weir/outbox.h>
#include <weir/relay.h>

#define THREADS 8
#define ORDERS_TABLE "orders"

struct producer {
    pthread_t thread;
    unsigned index;
    bool failed;
    atomic_llong round; /* how many orders each of its customers has by now */
};

static struct weir_client *client;
static struct weir_outbox *outbox;
static long long keys = 100;
static long long rate;     /* orders a second, all threads; 0: as fast as it goes */
static atomic_llong total; /* orders to write: lowered by SIGTERM */
static atomic_llong committed;
static atomic_bool relay_ended;
static struct producer producers[THREADS];

static void report(const char *doing, const struct weir_error *err)
{
    fprintf(stderr, "orders: %s: %s\n", doing, err->message);
}

static void pause_ns(long long ns)
{
    struct timespec left = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    nanosleep(&left, NULL);
}

/* One order and its message: both, or neither. */
static enum weir_status place_order(long long customer, long long sequence, struct weir_error *err)
{
    char key[32], item[256], payload[256];
    int key_len = snprintf(key, sizeof(key), "customer-%04lld", customer);
    int item_len = snprintf(item, sizeof(item),
                            "{\"pk\":{\"S\":\"%s\"},\"sk\":{\"N\":\"%lld\"},"
                            "\"total\":{\"N\":\"%lld.50\"}}",
                            key, sequence, 10 + (customer * 7 + sequence * 13) % 90);
    int payload_len = snprintf(payload, sizeof(payload),
                               "{\"customer\":\"%s\",\"sequence\":%lld,\"total\":\"%lld.50\"}", key,
                               sequence, 10 + (customer * 7 + sequence * 13) % 90);
    struct weir_message message = WEIR_MESSAGE_INIT;
    message.key = (struct weir_text){key, (size_t)key_len};
    message.type = (struct weir_text){"OrderPlaced", strlen("OrderPlaced")};
    message.content_type = (struct weir_text){"application/json", strlen("application/json")};
    message.payload = (struct weir_text){payload, (size_t)payload_len};

    struct weir_txn *txn = NULL;
    enum weir_status status = weir_txn_new(client, &txn, err);
    if (status == WEIR_OK) {
        status = weir_txn_put(txn, ORDERS_TABLE, strlen(ORDERS_TABLE), item, (size_t)item_len, err);
    }
    if (status == WEIR_OK) {
        status = weir_outbox_stage(outbox, txn, &message, NULL, err);
    }
    /* A transaction whose fate is unknown is committed again: its token keeps it from being applied
     * twice. */
    for (int tries = 0; status == WEIR_OK && tries < 5; tries++) {
        status = weir_txn_commit(txn, err);
        if (status == WEIR_OK || err->outcome != WEIR_OUTCOME_UNKNOWN) {
            break;
        }
        status = tries < 4 ? WEIR_OK : status;
    }
    weir_txn_free(txn);
    return status;
}

static void *produce(void *arg)
{
    struct producer *self = arg;
    struct weir_error err = {0};
    for (long long round = 0;; round++) {
        atomic_store(&self->round, round);
        if (round * keys >= atomic_load(&total)) {
            return NULL;
        }
        for (long long customer = self->index; customer < keys; customer += THREADS) {
            if (round * keys + customer >= atomic_load(&total)) {
                break;
            }
            if (place_order(customer, round + 1, &err) != WEIR_OK) {
                report("placing an order", &err);
                self->failed = true;
                return NULL;
            }
            atomic_fetch_add(&committed, 1);
            if (rate > 0) {
                pause_ns(1000000000LL * THREADS / rate);
            }
        }
    }
}

/* Creates the table of orders unless it is there. */
static enum weir_status create_orders(struct weir_error *err)
{
    static const char create[] =
        "{\"TableName\":\"" ORDERS_TABLE "\",\"BillingMode\":\"PAY_PER_REQUEST\","
        "\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"},"
        "{\"AttributeName\":\"sk\",\"AttributeType\":\"N\"}],"
        "\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},"
        "{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}]}";
    char *answer = NULL;
    size_t answer_len;
    enum weir_status status = weir_call(client, "CreateTable", strlen("CreateTable"), create,
                                        strlen(create), &answer, &answer_len, err);
    weir_free(answer);
    return status == WEIR_RESOURCE_IN_USE ? WEIR_OK : status;
}

/* Ends at a whole number of orders per customer, a little ahead of where every thread is. */
static void stop_soon(void)
{
    long long ahead = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        long long round = atomic_load(&producers[i].round);
        ahead = round > ahead ? round : ahead;
    }
    long long bound = (ahead + 2) * keys;
    if (bound < atomic_load(&total)) {
        atomic_store(&total, bound);
    }
}

static void print_count(void)
{
    printf("%lld\n", atomic_load(&committed));
    fflush(stdout);
}

/* Runs the threads; prints the count of commits until they are done. */
static bool produce_all(const sigset_t *stop_signals)
{
    struct timespec tick = {.tv_nsec = 100000000};
    bool good = true;
    for (unsigned i = 0; i < THREADS; i++) {
        producers[i].index = i;
        if (pthread_create(&producers[i].thread, NULL, produce, &producers[i]) != 0) {
            return false;
        }
    }
    for (unsigned i = 0; i < THREADS;) {
        if (pthread_tryjoin_np(producers[i].thread, NULL) == 0) {
            good = good && !producers[i].failed;
            i++;
        } else if (sigtimedwait(stop_signals, NULL, &tick) > 0) {
            stop_soon();
        } else {
            print_count();
        }
    }
    print_count();
    return good;
}

static void *run_relay(void *relay)
{
    struct weir_error err = {0};
    if (weir_relay_run(relay, &err) != WEIR_OK) {
        report("running the relay", &err);
    }
    atomic_store(&relay_ended, true);
    return NULL;
}

/* Carries on until everything that was committed is delivered, or the relay cannot go on. */
static bool deliver_all(struct weir_relay *relay)
{
    struct weir_relay_status status;
    bool ended;
    do {
        pause_ns(20000000);
        ended = atomic_load(&relay_ended);
        weir_relay_read_status(relay, &status);
    } while (!ended && status.delivered < (uint64_t)atomic_load(&committed));
    return status.delivered == (uint64_t)atomic_load(&committed);
}

static bool produce_with_relay(const char *deliver_to, const sigset_t *stop_signals)
{
    struct weir_relay_options options = WEIR_RELAY_OPTIONS_INIT;
    struct weir_relay *relay = NULL;
    struct weir_error err = {0};
    pthread_t thread;
    char path[4096];
    (void)snprintf(path, sizeof(path), "path=%s", deliver_to);
    const char *settings[] = {path};
    if (weir_relay_open(client, &options, "file", settings, 1, &relay, &err) != WEIR_OK) {
        report("opening the relay", &err);
        return false;
    }
    bool good = pthread_create(&thread, NULL, run_relay, relay) == 0;
    if (good) {
        good = produce_all(stop_signals);
        good = deliver_all(relay) && good;
        weir_relay_stop(relay);
        (void)pthread_join(thread, NULL);
    }
    weir_relay_close(relay);
    return good;
}

static bool work(const char *endpoint, const char *deliver_to, const sigset_t *stop_signals)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    struct weir_error err = {0};
    options.endpoint_url = endpoint;
    bool good = false;
    if (weir_engine_register(&err) != WEIR_OK ||
        weir_client_open(&options, &client, &err) != WEIR_OK) {
        report("opening the client", &err);
    } else if (create_orders(&err) != WEIR_OK ||
               weir_outbox_open(client, NULL, &outbox, &err) != WEIR_OK) {
        report("preparing the tables", &err);
    } else {
        good = deliver_to == NULL ? produce_all(stop_signals)
                                  : produce_with_relay(deliver_to, stop_signals);
    }
    weir_outbox_close(outbox);
    weir_client_close(client);
    return good;
}

int main(int argc, char **argv)
{
    const char *endpoint = NULL;
    const char *deliver_to = NULL;
    long long messages = 1000;
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--endpoint") == 0) {
            endpoint = value;
        } else if (strcmp(argv[i], "--messages") == 0) {
            messages = atoll(value);
        } else if (strcmp(argv[i], "--keys") == 0) {
            keys = atoll(value);
        } else if (strcmp(argv[i], "--rate") == 0) {
            rate = atoll(value);
        } else if (strcmp(argv[i], "--deliver-to") == 0) {
            deliver_to = value;
        } else {
            fprintf(stderr,
                    "usage: orders --endpoint URL [--messages N, 0: until SIGTERM] [--keys N]\n"
                    "              [--rate PER-SECOND] [--deliver-to FILE]\n");
            return 64;
        }
    }
    if (keys < 1 || messages < 0) {
        fprintf(stderr, "orders: --keys must be at least 1, --messages at least 0\n");
        return 64;
    }
    atomic_store(&total, messages == 0 ? (1LL << 62) : messages);

    sigset_t stop_signals;
    sigemptyset(&stop_signals);
    sigaddset(&stop_signals, SIGTERM);
    sigaddset(&stop_signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &stop_signals, NULL);
    return work(endpoint, deliver_to, &stop_signals) ? 0 : 1;
}
