/* SPDX-License-Identifier: Apache-2.0 */

/*
 * consumer: processes messages, each once, however often they are delivered.
 *
 *     consumer --endpoint http://127.0.0.1:8000 --worker billing < delivered.jsonl
 *
 * Reads the lines that the file sink writes. The effect of a message is a count per key, which a
 * second delivery would make wrong; it is in one transaction with the row that remembers the
 * message, so both happen or neither. A message that cannot be processed ends the program, and the
 * same lines may be given to it again.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/client.h>
#include <weir/dedup.h>
#include <weir/engine.h>

#define COMMIT_TRIES 5

struct consumer {
    const char *worker;
    struct weir_client *client;
    struct weir_dedup *dedup;
    unsigned long processed, duplicates;
};

struct text {
    const char *ptr;
    size_t len;
};

/* A string member of the line. As it stands there, escapes included: they do not change which
 * message or key it is, and it can be written into another JSON text as it is. */
static bool find_string(const char *line, const char *member, struct text *ret_text)
{
    const char *start = strstr(line, member);
    if (start == NULL) {
        return false;
    }
    start += strlen(member);
    const char *end = start;
    while (*end != '"' && *end != '\0') {
        end += *end == '\\' && end[1] != '\0' ? 2 : 1;
    }
    *ret_text = (struct text){start, (size_t)(end - start)};
    return *end == '"' && end > start;
}

/* The effect: one more message of this key. */
static enum weir_status add_effect(struct weir_txn *txn, struct text key, struct weir_error *err)
{
    static const char format[] = "{\"Update\":{\"TableName\":\"counts\","
                                 "\"Key\":{\"pk\":{\"S\":\"%.*s\"}},"
                                 "\"UpdateExpression\":\"ADD messages :one\","
                                 "\"ExpressionAttributeValues\":{\":one\":{\"N\":\"1\"}}}}";
    char update[sizeof(format) + 4096];
    int len = snprintf(update, sizeof(update), format, (int)key.len, key.ptr);
    if (len < 0 || (size_t)len >= sizeof(update)) {
        (void)snprintf(err->message, sizeof(err->message), "the key is too long");
        return WEIR_TOO_LARGE;
    }
    return weir_txn_add(txn, update, (size_t)len, err);
}

/* Commits again while nobody knows whether it was: the transaction's token keeps it from being
 * applied twice. */
static enum weir_status commit(struct weir_txn *txn, struct weir_error *err)
{
    enum weir_status status = weir_txn_commit(txn, err);
    for (int tries = 1;
         tries < COMMIT_TRIES && status != WEIR_OK && err->outcome == WEIR_OUTCOME_UNKNOWN;
         tries++) {
        status = weir_txn_commit(txn, err);
    }
    return status;
}

static enum weir_status process(struct consumer *consumer, struct text id, struct text key,
                                struct weir_error *err)
{
    struct weir_dedup_id dedup_id = {consumer->worker, strlen(consumer->worker), id.ptr, id.len};
    struct weir_txn *txn = NULL;
    enum weir_status status = weir_txn_new(consumer->client, &txn, err);
    if (status == WEIR_OK) {
        status = weir_dedup_stage(consumer->dedup, txn, &dedup_id, err);
    }
    if (status == WEIR_OK) {
        status = add_effect(txn, key, err);
    }
    if (status == WEIR_OK) {
        status = commit(txn, err);
    }
    weir_txn_free(txn);
    return status;
}

static bool consume(struct consumer *consumer, const char *line)
{
    struct weir_error err = {0};
    struct text id, key;
    if (!find_string(line, "\"id\":\"", &id) || !find_string(line, "\"key\":\"", &key)) {
        fprintf(stderr, "consumer: a line is no message: it has no id or no key\n");
        return false;
    }
    switch (process(consumer, id, key, &err)) {
    case WEIR_OK:
        consumer->processed++;
        return true;
    case WEIR_ALREADY_EXISTS:
        consumer->duplicates++;
        return true;
    default:
        fprintf(stderr, "consumer: message %.*s: %s\n", (int)id.len, id.ptr, err.message);
        return false;
    }
}

static bool consume_all(struct consumer *consumer)
{
    char *line = NULL;
    size_t size = 0;
    bool good = true;
    while (good && getline(&line, &size, stdin) > 0) {
        good = consume(consumer, line);
    }
    free(line);
    printf("%lu processed, %lu duplicates\n", consumer->processed, consumer->duplicates);
    return good;
}

/* Creates the table of counts unless it is there. */
static enum weir_status create_counts(struct weir_client *client, struct weir_error *err)
{
    static const char create[] =
        "{\"TableName\":\"counts\",\"BillingMode\":\"PAY_PER_REQUEST\","
        "\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}],"
        "\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}]}";
    char *answer = NULL;
    size_t answer_len;
    enum weir_status status = weir_call(client, "CreateTable", strlen("CreateTable"), create,
                                        strlen(create), &answer, &answer_len, err);
    weir_free(answer);
    return status == WEIR_RESOURCE_IN_USE ? WEIR_OK : status;
}

int main(int argc, char **argv)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    struct consumer consumer = {.worker = "consumer"};
    struct weir_error err = {0};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--endpoint") == 0) {
            options.endpoint_url = argv[i + 1];
        } else if (i + 1 < argc && strcmp(argv[i], "--worker") == 0) {
            consumer.worker = argv[i + 1];
        } else {
            fprintf(stderr, "usage: consumer [--endpoint URL] [--worker NAME] < MESSAGES\n");
            return 64;
        }
    }
    bool good = false;
    if (weir_engine_register(&err) != WEIR_OK ||
        weir_client_open(&options, &consumer.client, &err) != WEIR_OK ||
        create_counts(consumer.client, &err) != WEIR_OK ||
        weir_dedup_open(consumer.client, NULL, &consumer.dedup, &err) != WEIR_OK) {
        fprintf(stderr, "consumer: %s\n", err.message);
    } else {
        good = consume_all(&consumer);
    }
    weir_dedup_close(consumer.dedup);
    weir_client_close(consumer.client);
    return good ? 0 : 1;
}
