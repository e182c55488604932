/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transaction: elements gathered in an arena of its own, committed as one TransactWriteItems
 * under one token.
 *
 *     GATHERING ──commit──► applied, or definitely not: emptied, a new token ──► GATHERING
 *         ▲                 unknown: UNCERTAIN ──commit again (same token, 10 minutes)──► ...
 *
 * While it is uncertain nothing can be added: the token stands for exactly these elements.
 */
#include "client/retry.h"
#include "client/txn_internal.h"

#include "base/error.h"

#include <stdlib.h>

/* Commits that are made again because another transaction was in the way. */
#define CONFLICT_ATTEMPTS 5

/* ---- life ------------------------------------------------------------------------------------ */

enum weir_status weir_txn_new(struct weir_client *client, struct weir_txn **ret_txn,
                              struct weir_error *err)
{
    if (client == NULL) {
        return error_set(err, WEIR_CLOSED, "no client: it was never opened");
    }
    struct weir_txn *txn = calloc(1, sizeof(*txn));
    struct arena *arena = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    struct arena *reasons_arena = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    if (txn == NULL || arena == NULL || reasons_arena == NULL) {
        free(txn);
        arena_free(arena);
        arena_free(reasons_arena);
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a transaction");
    }
    client_ref(client);
    txn->client = client;
    txn->arena = arena;
    txn->reasons_arena = reasons_arena;
    txn->failed_index = -1;
    env_uuid4(client->env, txn->token);
    *ret_txn = txn;
    return WEIR_OK;
}

void weir_txn_free(struct weir_txn *txn)
{
    if (txn != NULL) {
        arena_free(txn->arena);
        arena_free(txn->reasons_arena);
        client_unref(txn->client);
        free(txn);
    }
}

/* The next one is another transaction. */
static void txn_clear(struct weir_txn *txn)
{
    arena_reset(txn->arena);
    txn->count = 0;
    txn->uncertain = false;
    env_uuid4(txn->client->env, txn->token);
}

uint32_t weir_txn_count(const struct weir_txn *txn)
{
    return txn == NULL ? 0 : txn->count;
}

void txn_limit_attempts(struct weir_txn *txn, uint32_t max_attempts)
{
    txn->max_attempts = max_attempts;
}

struct arena *txn_arena(struct weir_txn *txn)
{
    return txn->arena;
}

struct weir_value *txn_element(struct weir_txn *txn, uint32_t index)
{
    WEIR_ASSERT(index < txn->count);
    return txn->elements[index].document;
}

enum weir_status txn_missing(struct weir_error *err)
{
    return error_set(err, WEIR_CLOSED, "no transaction: it was never made");
}

/* ---- adding ---------------------------------------------------------------------------------- */

enum weir_status txn_add_document(struct weir_txn *txn, struct weir_value *element,
                                  enum weir_status on_condition, struct weir_error *err)
{
    if (txn->uncertain) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "whether this transaction was applied is unknown: commit it again before "
                         "adding to it");
    }
    if (txn->count == LIMIT_TRANSACT_ITEMS) {
        return error_set(err, WEIR_TOO_LARGE, "a transaction has at most %d elements",
                         LIMIT_TRANSACT_ITEMS);
    }
    if (element == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for an element of a transaction");
    }
    txn->elements[txn->count++] = (struct element){element, on_condition};
    return WEIR_OK;
}

static bool is_element(const struct weir_value *document)
{
    if (document->type != VALUE_M || document->u.map.count != 1) {
        return false;
    }
    const struct value_member *member = &document->u.map.at[0];
    return member->value.type == VALUE_M &&
           (bytes_eq_str(member->name, "Put") || bytes_eq_str(member->name, "Update") ||
            bytes_eq_str(member->name, "Delete") || bytes_eq_str(member->name, "ConditionCheck"));
}

enum weir_status weir_txn_add(struct weir_txn *txn, const char *json, size_t json_len,
                              struct weir_error *err)
{
    struct weir_value *element = NULL;
    if (txn == NULL) {
        return txn_missing(err);
    }
    enum weir_status status = json_parse(txn->arena, bytes_of(json, json_len), &element, err);
    if (status != WEIR_OK) {
        return status;
    }
    if (!is_element(element)) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "an element of a transaction is an object with one of Put, Update, "
                         "Delete and ConditionCheck");
    }
    return txn_add_document(txn, element, WEIR_CONDITION_FAILED, err);
}

/* ---- committing ------------------------------------------------------------------------------ */

/* NULL without memory. */
static struct weir_value *txn_document(const struct weir_txn *txn, struct arena *a)
{
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, document, "ClientRequestToken", bytes_str(txn->token));
    struct weir_value *items = value_add_list(a, document, "TransactItems");
    for (uint32_t i = 0; i < txn->count; i++) {
        struct weir_value *node = value_append(a, items);
        if (node == NULL) {
            return NULL;
        }
        *node = *txn->elements[i].document;
    }
    return items == NULL ? NULL : document;
}

/* One TransactWriteItems, with its retries. */
static enum weir_status commit_once(struct weir_txn *txn, struct weir_error *error)
{
    struct arena *arena = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    struct client_request request = {.operation = "TransactWriteItems",
                                     .arena = arena,
                                     .max_attempts = txn->max_attempts,
                                     .token_since_ns = txn->uncertain_since_ns};
    enum weir_status status;
    reasons_clear(txn);
    request.document = arena == NULL ? NULL : txn_document(txn, arena);
    if (request.document == NULL) {
        status = error_set(error, WEIR_NO_MEMORY, "out of memory for a transaction");
    } else {
        status = client_run(txn->client, &request);
        *error = request.error;
        txn->capacity.read_units += request.capacity.read_units;
        txn->capacity.write_units += request.capacity.write_units;
    }
    if (status == WEIR_TXN_CANCELED) {
        status = reasons_take(txn, request.error_members, error);
    }
    arena_free(arena);
    return status;
}

/* Transient reasons of a cancellation; client_call does not know them. */
static bool commit_again(enum weir_status status, const struct weir_txn *txn)
{
    return txn->failed_index >= 0 && (status == WEIR_TXN_CONFLICT || status == WEIR_THROTTLED ||
                                      status == WEIR_PROVISIONED_EXCEEDED);
}

static enum weir_status commit_with_retries(struct weir_txn *txn, struct weir_error *error)
{
    enum weir_status status = commit_once(txn, error);
    for (uint32_t attempt = 1; attempt < CONFLICT_ATTEMPTS && commit_again(status, txn);
         attempt++) {
        if (!client_sleep(txn->client, retry_delay_ms(txn->client->env, attempt))) {
            break;
        }
        status = commit_once(txn, error);
    }
    return status;
}

/* Had the earlier commit been applied, this one would have succeeded. */
static bool error_settles(const struct weir_error *error)
{
    return strcmp(error->code, status_exception(WEIR_TXN_CANCELED)) == 0;
}

/* The service forgets the token after ten minutes; a later commit could apply it twice. */
static bool token_is_stale(const struct weir_txn *txn)
{
    uint64_t age_ns = env_mono_ns(txn->client->env) - txn->uncertain_since_ns;
    return txn->uncertain && age_ns / 1000000 >= LIMIT_TRANSACT_TOKEN_MS;
}

enum weir_status weir_txn_commit(struct weir_txn *txn, struct weir_error *err)
{
    struct weir_error error = {0};
    if (txn == NULL) {
        return txn_missing(err);
    }
    reasons_clear(txn);
    txn->capacity = (struct weir_capacity){0};
    if (txn->count == 0) {
        return WEIR_OK;
    }
    if (token_is_stale(txn)) {
        (void)error_set(err, WEIR_INVALID_ARGUMENT,
                        "10 minutes have passed since this transaction was first committed: "
                        "committing it again could apply it twice");
        if (err != NULL) {
            err->outcome = WEIR_OUTCOME_UNKNOWN;
        }
        return WEIR_INVALID_ARGUMENT;
    }
    bool was_uncertain = txn->uncertain;
    if (!was_uncertain) {
        txn->uncertain_since_ns = env_mono_ns(txn->client->env);
    }
    enum weir_status status = commit_with_retries(txn, &error);
    if (status != WEIR_OK && was_uncertain && !error_settles(&error)) {
        error.outcome = WEIR_OUTCOME_UNKNOWN;
    }
    if (status != WEIR_OK && error.outcome == WEIR_OUTCOME_UNKNOWN) {
        txn->uncertain = true;
    } else {
        txn_clear(txn);
    }
    if (status != WEIR_OK && err != NULL) {
        *err = error;
    }
    return status;
}
