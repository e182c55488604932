/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The dedup table as a store: opening, check and commit, the row in the caller's transaction. Each
 * call works in an arena of its own.
 *
 * Every row carries the token of the call that wrote it. So a write whose answer was lost is simply
 * made again: when its condition then fails, the row in the way tells by its token whether it is
 * our own.
 */

#include "dedup/dedup_store.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/options.h"
#include "client/ensure.h"

#define DEFAULT_TABLE "deduplication-table"
#define DEFAULT_WAIT_MS 60000
#define DEFAULT_LEASE_MS 60000
#define DEFAULT_RETENTION_S 3600
#define RETENTION_S_MAX (1000LL * 366 * 86400) /* far inside what a time can say */
#define DEFAULT_CACHE_MAX 256
#define CACHE_MAX 1000000
#define RENDER_BYTES_MAX (64u * 1024)

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "no memory for the dedup");
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct {
    const char *name, *key_type;
} keys[] = {{"worker_id", "HASH"}, {"message_id", "RANGE"}};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static struct weir_value *create_request(struct arena *a, struct weir_bytes table)
{
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    struct weir_value *schema = value_new_list(a, VALUE_PLAIN);
    struct weir_value *definitions = value_new_list(a, VALUE_PLAIN);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        struct weir_value *key = value_append(a, schema);
        struct weir_value *definition = value_append(a, definitions);
        if (key == NULL || definition == NULL) {
            return NULL;
        }
        *key = *definition = (struct weir_value){.type = VALUE_M};
        value_add_str(a, key, "AttributeName", bytes_str(keys[i].name));
        value_add_str(a, key, "KeyType", bytes_str(keys[i].key_type));
        value_add_str(a, definition, "AttributeName", bytes_str(keys[i].name));
        value_add_str(a, definition, "AttributeType", BYTES_LIT("S"));
    }
    value_add_str(a, request, "TableName", table);
    value_add_str(a, request, "BillingMode", BYTES_LIT("PAY_PER_REQUEST"));
    value_add_value(a, request, "KeySchema", schema);
    value_add_value(a, request, "AttributeDefinitions", definitions);
    return request;
}

static bool member_is(const struct weir_value *map, const char *name, const char *text)
{
    const struct weir_value *member = value_get(map, name);
    return member != NULL && member->type == VALUE_S && bytes_eq_str(member->u.bytes, text);
}

static enum weir_status check_keys(const struct weir_value *description, struct weir_bytes table,
                                   struct weir_error *err)
{
    const struct weir_value *schema = value_get(description, "KeySchema");
    bool good = schema != NULL && schema->type == VALUE_L && schema->u.list.count == KEY_COUNT;
    for (uint32_t i = 0; good && i < KEY_COUNT; i++) {
        good = member_is(&schema->u.list.at[i], "AttributeName", keys[i].name) &&
               member_is(&schema->u.list.at[i], "KeyType", keys[i].key_type);
    }
    return good ? WEIR_OK
                : error_set(err, WEIR_CONFIG,
                            "table %.*s is no dedup table: its keys must be worker_id (HASH) and "
                            "message_id (RANGE)",
                            BYTES_ARG(table));
}

/* TTL comes last: in another's table it would delete what is not ours. */
static enum weir_status prepare_table(const struct weir_dedup *dedup,
                                      const struct weir_dedup_options *options, struct arena *a,
                                      struct weir_error *err)
{
    const struct weir_value *description = NULL;
    struct client_table_wish wish = {
        .table = dedup->policy.table,
        .wait_ms = options->wait_ms == 0 ? DEFAULT_WAIT_MS : options->wait_ms,
    };
    if (options->no_create == 0) {
        wish.create = create_request(a, dedup->policy.table);
        if (wish.create == NULL) {
            return no_memory(err);
        }
    }
    enum weir_status status = client_table_ensure(dedup->client, &wish, a, &description, err);
    if (status == WEIR_OK) {
        status = check_keys(description, dedup->policy.table, err);
    }
    wish.create = NULL;
    wish.ttl_attribute = BYTES_LIT("expires_at");
    return status == WEIR_OK ? client_table_ensure(dedup->client, &wish, a, &description, err)
                             : status;
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum weir_status check_options(const struct weir_dedup_options *options,
                                      struct weir_error *err)
{
    if (options->retention_s < -1 || options->retention_s > RETENTION_S_MAX) {
        return error_set(err, WEIR_CONFIG, "retention_s is %lld: -1, or 0 to %lld",
                         (long long)options->retention_s, RETENTION_S_MAX);
    }
    if (options->local_cache_max > CACHE_MAX && options->local_cache_max != WEIR_DEDUP_NO_CACHE) {
        return error_set(err, WEIR_CONFIG, "local_cache_max is %u, at most %d",
                         options->local_cache_max, CACHE_MAX);
    }
    return WEIR_OK;
}

static bool keep_options(struct weir_dedup *dedup, const struct weir_dedup_options *options)
{
    uint32_t cache_max =
        options->local_cache_max == 0 ? DEFAULT_CACHE_MAX : options->local_cache_max;
    dedup->names = arena_new(DEDUP_NAMES_BYTES);
    if (dedup->names == NULL) {
        return false;
    }
    dedup->policy = (struct dedup_policy){
        .table = arena_dup(dedup->names,
                           bytes_str(options->table == NULL ? DEFAULT_TABLE : options->table)),
        .retention_s = options->retention_s == 0    ? DEFAULT_RETENTION_S
                       : options->retention_s == -1 ? 0
                                                    : options->retention_s,
        .lease_ms = options->lease_ms == 0 ? DEFAULT_LEASE_MS : options->lease_ms,
    };
    if (cache_max != WEIR_DEDUP_NO_CACHE) {
        dedup->cache = dedup_cache_new(dedup->env, cache_max);
    }
    return dedup->policy.table.ptr != NULL &&
           (dedup->cache != NULL || cache_max == WEIR_DEDUP_NO_CACHE);
}

static enum weir_status open_with(struct weir_dedup *dedup,
                                  const struct weir_dedup_options *options, struct weir_error *err)
{
    if (!keep_options(dedup, options)) {
        return no_memory(err);
    }
    struct arena *a = arena_new(DEDUP_CALL_BYTES);
    enum weir_status status = a == NULL ? no_memory(err) : prepare_table(dedup, options, a, err);
    arena_free(a);
    return status;
}

enum weir_status weir_dedup_open(struct weir_client *client, const struct weir_dedup_options *given,
                                 struct weir_dedup **ret_dedup, struct weir_error *err)
{
    struct weir_dedup_options options;
    if (client == NULL) {
        return error_set(err, WEIR_CLOSED, "the client of a dedup must be open");
    }
    enum weir_status status =
        options_take(&options, sizeof(options), given, "WEIR_DEDUP_OPTIONS_INIT", err);
    if (status == WEIR_OK) {
        status = check_options(&options, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_dedup *dedup = calloc(1, sizeof(*dedup));
    if (dedup == NULL) {
        return no_memory(err);
    }
    dedup->client = client;
    dedup->env = client_env(client);
    status = open_with(dedup, &options, err);
    if (status != WEIR_OK) {
        weir_dedup_close(dedup);
        return status;
    }
    *ret_dedup = dedup;
    return WEIR_OK;
}

void weir_dedup_close(struct weir_dedup *dedup)
{
    if (dedup != NULL) {
        dedup_cache_free(dedup->cache);
        arena_free(dedup->names);
        free(dedup);
    }
}

/* ---- one call -------------------------------------------------------------------------------- */

enum weir_status dedup_check_open(const struct weir_dedup *dedup, struct weir_error *err)
{
    return dedup != NULL ? WEIR_OK : error_set(err, WEIR_CLOSED, "the dedup is not open");
}

enum weir_status dedup_call_begin(const struct weir_dedup *dedup, const struct weir_dedup_id *id,
                                  struct dedup_call *ret_call, struct weir_error *err)
{
    *ret_call = (struct dedup_call){0};
    enum weir_status status = dedup_check_open(dedup, err);
    if (status != WEIR_OK) {
        return status;
    }
    struct arena *a = arena_new(DEDUP_CALL_BYTES);
    return a == NULL
               ? no_memory(err)
               : dedup_call_init(ret_call, a, &dedup->policy, env_wall_ms(dedup->env), id, err);
}

enum weir_status dedup_call_begin_in(const struct weir_dedup *dedup, struct weir_txn *txn,
                                     const struct weir_dedup_id *id, struct dedup_call *ret_call,
                                     struct weir_error *err)
{
    enum weir_status status = dedup_check_open(dedup, err);
    if (status != WEIR_OK) {
        return status;
    }
    if (txn == NULL) {
        return error_set(err, WEIR_CLOSED, "the transaction is not open");
    }
    return dedup_call_init(ret_call, txn_arena(txn), &dedup->policy, env_wall_ms(dedup->env), id,
                           err);
}

enum weir_status dedup_write(const struct weir_dedup *dedup, const struct dedup_call *call,
                             const char *operation, struct weir_value *document,
                             struct weir_value **ret_response, struct dedup_row *ret_row,
                             struct weir_error *error)
{
    const struct weir_value *members = NULL;
    dedup_want_old_row(call->arena, document);
    if (document == NULL) {
        return no_memory(error);
    }
    enum weir_status status =
        client_call(dedup->client, operation, document, call->arena, ret_response, &members, error);
    return dedup_judge(call, status, members, ret_row, error);
}

enum weir_status dedup_judge(const struct dedup_call *call, enum weir_status status,
                             const struct weir_value *members, struct dedup_row *ret_row,
                             struct weir_error *error)
{
    enum weir_status decoded = status != WEIR_CONDITION_FAILED
                                   ? WEIR_OK
                                   : dedup_decode(call, value_get(members, "Item"), ret_row, error);
    return decoded == WEIR_OK ? status : decoded;
}

enum weir_status dedup_refuse(const struct dedup_call *call, enum weir_status status,
                              const char *what, struct weir_error *error)
{
    enum weir_outcome outcome = error->outcome;
    (void)error_set(error, status, "message %.*s of worker %.*s %s", BYTES_ARG(call->message),
                    BYTES_ARG(call->worker), what);
    error->outcome = outcome;
    error->code[0] = '\0'; /* in our words, not the service's */
    return status;
}

void dedup_count(struct weir_dedup *dedup, enum weir_status status)
{
    if (status == WEIR_ALREADY_EXISTS || status == WEIR_LEASE_LOST ||
        status == WEIR_IDEMPOTENT_MISMATCH) {
        atomic_fetch_add(&dedup->conflicts, 1);
    } else if (status != WEIR_OK && status != WEIR_NOT_FOUND) {
        atomic_fetch_add(&dedup->errors, 1);
    }
}

enum weir_status dedup_call_end(struct weir_dedup *dedup, struct dedup_call *call,
                                enum weir_status status, const struct weir_error *error,
                                struct weir_error *err)
{
    if (dedup != NULL) {
        dedup_count(dedup, status);
    }
    if (status != WEIR_OK && err != NULL) {
        *err = *error;
    }
    arena_free(call->arena);
    return status;
}

enum weir_status dedup_token_new(const struct weir_dedup *dedup, const struct dedup_call *call,
                                 struct weir_bytes *ret_token, struct weir_error *err)
{
    char token[UUID_TEXT_SIZE];
    env_uuid4(dedup->env, token);
    *ret_token = arena_dup(call->arena, bytes_str(token));
    return ret_token->ptr == NULL ? no_memory(err) : WEIR_OK;
}

void dedup_remember(struct weir_dedup *dedup, const struct dedup_call *call, int64_t expires_at_s)
{
    dedup_cache_add(dedup->cache, call->worker, call->message, expires_at_s);
}

/* ---- check and commit ------------------------------------------------------------------------ */

static enum weir_status read_row(const struct weir_dedup *dedup, const struct dedup_call *call,
                                 struct dedup_row *ret_row, struct weir_error *error)
{
    struct weir_value *request = dedup_get(call);
    struct weir_value *response = NULL;
    if (request == NULL) {
        return no_memory(error);
    }
    enum weir_status status =
        client_call(dedup->client, "GetItem", request, call->arena, &response, NULL, error);
    if (status == WEIR_OK) {
        status = dedup_decode(call, value_get(response, "Item"), ret_row, error);
    }
    if (status == WEIR_OK && ret_row->state == DEDUP_FOREIGN) {
        status = dedup_refuse(call, WEIR_CONFIG, DEDUP_IS_FOREIGN, error);
    }
    return status;
}

/* Reads, unless this process knows. */
static enum weir_status look(struct weir_dedup *dedup, const struct dedup_call *call,
                             bool *ret_duplicate, struct weir_error *error)
{
    struct dedup_row row = {0};
    if (dedup_cache_knows(dedup->cache, call->worker, call->message, call->now_ms / 1000)) {
        atomic_fetch_add(&dedup->cache_hits, 1);
        *ret_duplicate = true;
        return WEIR_OK;
    }
    enum weir_status status = read_row(dedup, call, &row, error);
    if (status == WEIR_OK && row.state == DEDUP_COMPLETED) {
        dedup_remember(dedup, call, row.expires_at_s);
    }
    *ret_duplicate = row.state == DEDUP_COMPLETED;
    return status;
}

enum weir_status weir_dedup_check(struct weir_dedup *dedup, const struct weir_dedup_id *id,
                                  int32_t *ret_duplicate, struct weir_error *err)
{
    struct dedup_call call;
    struct weir_error error = {0};
    bool duplicate = false;
    enum weir_status status = dedup_call_begin(dedup, id, &call, &error);
    if (status == WEIR_OK) {
        status = look(dedup, &call, &duplicate, &error);
    }
    if (status == WEIR_OK) {
        atomic_fetch_add(duplicate ? &dedup->hits : &dedup->misses, 1);
        *ret_duplicate = duplicate;
    }
    return dedup_call_end(dedup, &call, status, &error, err);
}

/* What the row that refused the commit means. */
static enum weir_status settle_commit(struct weir_dedup *dedup, const struct dedup_call *call,
                                      struct weir_bytes token, const struct dedup_row *row,
                                      struct weir_error *error)
{
    switch (row->state) {
    case DEDUP_COMPLETED:
        dedup_remember(dedup, call, row->expires_at_s);
        return bytes_eq(row->token, token)
                   ? WEIR_OK
                   : dedup_refuse(call, WEIR_ALREADY_EXISTS, "was processed already", error);
    case DEDUP_FOREIGN:
        return dedup_refuse(call, WEIR_CONFIG, DEDUP_IS_FOREIGN, error);
    case DEDUP_ABSENT:
        return dedup_refuse(call, WEIR_PROTOCOL, DEDUP_ROW_NOT_SHOWN, error);
    default:
        return dedup_refuse(call, WEIR_LEASE_LOST, "is claimed by another worker", error);
    }
}

struct weir_value *dedup_commit_document(const struct weir_dedup *dedup,
                                         const struct dedup_call *call,
                                         struct dedup_commit *ret_commit, struct weir_error *error)
{
    struct weir_value *document = dedup_token_new(dedup, call, &ret_commit->token, error) == WEIR_OK
                                      ? dedup_completed_put(call, ret_commit->token)
                                      : NULL;
    if (document == NULL) {
        (void)no_memory(error);
    }
    return document;
}

enum weir_status dedup_commit_settle(struct weir_dedup *dedup, const struct dedup_call *call,
                                     const struct dedup_commit *commit, enum weir_status status,
                                     const struct dedup_row *row, struct weir_error *error)
{
    if (status == WEIR_OK) {
        dedup_remember(dedup, call, dedup_completed_expires_at_s(call));
    }
    return status == WEIR_CONDITION_FAILED ? settle_commit(dedup, call, commit->token, row, error)
                                           : status;
}

static enum weir_status commit(struct weir_dedup *dedup, const struct dedup_call *call,
                               struct weir_error *error)
{
    struct dedup_commit state;
    struct dedup_row row = {0};
    struct weir_value *document = dedup_commit_document(dedup, call, &state, error);
    if (document == NULL) {
        return error->status;
    }
    enum weir_status status = dedup_write(dedup, call, "PutItem", document, NULL, &row, error);
    return dedup_commit_settle(dedup, call, &state, status, &row, error);
}

enum weir_status weir_dedup_commit(struct weir_dedup *dedup, const struct weir_dedup_id *id,
                                   struct weir_error *err)
{
    struct dedup_call call;
    struct weir_error error = {0};
    enum weir_status status = dedup_call_begin(dedup, id, &call, &error);
    if (status == WEIR_OK) {
        status = commit(dedup, &call, &error);
    }
    return dedup_call_end(dedup, &call, status, &error, err);
}

enum weir_status weir_dedup_handle(struct weir_dedup *dedup, const struct weir_dedup_id *id,
                                   weir_dedup_handler handler, void *arg,
                                   enum weir_handled *ret_handled, struct weir_error *err)
{
    struct weir_error error = {0};
    int32_t duplicate = 0;
    enum weir_status status = weir_dedup_check(dedup, id, &duplicate, &error);
    if (status == WEIR_OK && duplicate != 0) {
        *ret_handled = WEIR_HANDLED_DUPLICATE;
        return WEIR_OK;
    }
    if (status == WEIR_OK) {
        status = handler(arg, &error);
        if (status != WEIR_OK) {
            (void)error_wrap(&error, status, "the handler");
        }
    }
    if (status == WEIR_OK) {
        bool kept = weir_dedup_commit(dedup, id, &error) == WEIR_OK;
        *ret_handled = kept ? WEIR_HANDLED_RUN : WEIR_HANDLED_NOT_COMMITTED;
        if (kept) {
            return WEIR_OK;
        }
    }
    if (err != NULL) {
        *err = error;
    }
    return status;
}

enum weir_status weir_dedup_forget(struct weir_dedup *dedup, const struct weir_dedup_id *id,
                                   struct weir_error *err)
{
    struct dedup_call call;
    struct dedup_row row = {0};
    struct weir_error error = {0};
    enum weir_status status = dedup_call_begin(dedup, id, &call, &error);
    if (status == WEIR_OK) {
        status = dedup_write(dedup, &call, "DeleteItem", dedup_forget(&call), NULL, &row, &error);
        /* Afterwards: a check may have read the row before it went. */
        dedup_cache_forget(dedup->cache, call.worker, call.message);
    }
    if (status == WEIR_CONDITION_FAILED) {
        bool gone_by_lost_attempt = !row.is_there && error.outcome == WEIR_OUTCOME_UNKNOWN;
        status = gone_by_lost_attempt
                     ? WEIR_OK
                     : dedup_refuse(&call, WEIR_NOT_FOUND, "is not remembered", &error);
    }
    return dedup_call_end(dedup, &call, status, &error, err);
}

/* ---- in the caller's transaction ------------------------------------------------------------- */

struct weir_value *dedup_completed_element(const struct weir_dedup *dedup,
                                           const struct dedup_call *call)
{
    struct weir_bytes token;
    return dedup_token_new(dedup, call, &token, NULL) == WEIR_OK
               ? dedup_element(call->arena, "Put", dedup_completed_put(call, token))
               : NULL;
}

enum weir_status weir_dedup_stage(struct weir_dedup *dedup, struct weir_txn *txn,
                                  const struct weir_dedup_id *id, struct weir_error *err)
{
    struct dedup_call call;
    enum weir_status status = dedup_call_begin_in(dedup, txn, id, &call, err);
    return status == WEIR_OK ? txn_add_document(txn, dedup_completed_element(dedup, &call),
                                                WEIR_ALREADY_EXISTS, err)
                             : status;
}

enum weir_status dedup_text_of(const struct weir_value *document, size_t max, char **ret_json,
                               size_t *ret_json_len, struct weir_error *err)
{
    struct buf text;
    buf_init(&text, max);
    json_write(&text, document);
    size_t len = text.len;
    buf_put_u8(&text, '\0');
    if (buf_status(&text) != WEIR_OK) {
        buf_fini(&text);
        return no_memory(err);
    }
    *ret_json = (char *)text.ptr; /* malloc'ed: weir_free takes it */
    *ret_json_len = len;
    return WEIR_OK;
}

enum weir_status weir_dedup_render(struct weir_dedup *dedup, const struct weir_dedup_id *id,
                                   char **ret_json, size_t *ret_json_len, struct weir_error *err)
{
    struct dedup_call call;
    struct weir_error error = {0};
    enum weir_status status = dedup_call_begin(dedup, id, &call, &error);
    if (status == WEIR_OK) {
        const struct weir_value *element = dedup_completed_element(dedup, &call);
        status = element == NULL
                     ? no_memory(&error)
                     : dedup_text_of(element, RENDER_BYTES_MAX, ret_json, ret_json_len, &error);
    }
    return dedup_call_end(dedup, &call, status, &error, err);
}

/* ---- figures --------------------------------------------------------------------------------- */

void weir_dedup_read_figures(const struct weir_dedup *dedup, struct weir_dedup_figures *ret_figures)
{
    *ret_figures = (struct weir_dedup_figures){0};
    if (dedup == NULL) {
        return;
    }
    ret_figures->hits = atomic_load(&dedup->hits);
    ret_figures->cache_hits = atomic_load(&dedup->cache_hits);
    ret_figures->misses = atomic_load(&dedup->misses);
    ret_figures->takeovers = atomic_load(&dedup->takeovers);
    ret_figures->conflicts = atomic_load(&dedup->conflicts);
    ret_figures->errors = atomic_load(&dedup->errors);
}
