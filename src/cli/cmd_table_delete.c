/* SPDX-License-Identifier: Apache-2.0 */

/* weir table delete | truncate: what cannot be undone, after asking. */

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cmd_table.h"
#include "cli/confirm.h"
#include "cli/progress.h"
#include "cli/scan.h"
#include "cli/writer.h"
#include "client/client.h"

#define SEGMENTS 4
#define EXIT_INTERRUPTED 130
#define QUESTION_SIZE 512

const struct cli_option cmd_table_delete_options[] = {
    CLI_OPTION_YES,
    TABLE_WAIT_OPTIONS,
    {0},
};

const struct cli_option cmd_table_truncate_options[] = {
    CLI_OPTION_YES,
    {"recreate", 0, NULL, "delete the table and create it anew: faster, and a new stream"},
    {"timeout", 0, "TIME", "give up waiting for the new table after so long (10m)"},
    {0},
};

/* Opens, sees that the table is there and asks; data_close follows. *ret_code is not 0 when it may
 * not be done. */
static enum weir_status open_and_ask(struct data_session *s, const struct cli_args *args,
                                     const char *before, const char *after,
                                     struct data_keys *ret_keys, int *ret_code)
{
    char text[QUESTION_SIZE];
    enum weir_status status = data_open(s, args);
    if (status == WEIR_OK && args->word_count != 1) {
        status = data_usage(s, "one table");
    }
    if (status == WEIR_OK) {
        status = data_keys_get(s, args->words[0], NULL, ret_keys);
    }
    if (status == WEIR_OK) {
        snprintf(text, sizeof(text), "%s %s%s", before, args->words[0], after);
        *ret_code = cli_confirm(args, text);
    }
    return status;
}

/* ---- delete ---------------------------------------------------------------------------------- */

static enum weir_status delete_table(struct data_session *s, bool wait)
{
    int64_t timeout_ms = 0;
    const char *table = s->args->words[0];
    enum weir_status status = table_timeout(s, &timeout_ms);
    if (status == WEIR_OK) {
        status = data_call(s, "DeleteTable", data_request(s, table), NULL);
    }
    return status == WEIR_OK && wait ? table_wait(s, table, true, timeout_ms, NULL) : status;
}

int cmd_table_delete(const struct cli_args *args)
{
    struct data_session s;
    struct data_keys keys;
    int code = 0;
    enum weir_status status =
        open_and_ask(&s, args, "delete table", " and all its items", &keys, &code);
    if (status == WEIR_OK && code == 0) {
        status = delete_table(&s, !cli_has(args, "no-wait"));
    }
    int closed = data_close(&s, status);
    return closed != 0 ? closed : code;
}

/* ---- truncate: by key ------------------------------------------------------------------------ */

struct truncation {
    struct data_session s;
    struct data_keys keys;
    struct writer *writer;
    struct progress progress;
    pthread_mutex_t mu; /* around the writer's caller side, and read */
    uint64_t read;
};

static atomic_bool stop_wanted;
static atomic_bool deleting; /* before: nothing is to be finished; --recreate goes on to its end */

static void want_stop(void *unused)
{
    (void)unused;
    if (!atomic_load(&deleting)) {
        _exit(EXIT_INTERRUPTED);
    }
    atomic_store(&stop_wanted, true);
}

/* @thread the writer's */
static void on_refused(void *arg, uint64_t origin, enum weir_status status,
                       const struct weir_error *error)
{
    struct truncation *t = arg;
    (void)origin;
    if (cli_json(t->s.args)) {
        struct weir_error named = *error;
        (void)error_wrap(&named, status, "an item was not deleted");
        (void)cli_fail(t->s.args, status, &named);
        return;
    }
    fprintf(stderr, "%sweir: an item was not deleted: %s\n", t->progress.shown ? "\r\033[K" : "",
            error->message);
}

static enum weir_status on_page(void *arg, struct arena *a, const struct value_list *items,
                                const struct weir_value *response, struct weir_error *err)
{
    struct truncation *t = arg;
    enum weir_status status = WEIR_OK;
    (void)response;
    (void)pthread_mutex_lock(&t->mu);
    for (uint32_t i = 0; status == WEIR_OK && i < items->count; i++) {
        struct weir_value *item = NULL;
        status = value_to_item(a, &items->at[i], &item, err);
        if (status == WEIR_OK && !writer_put(t->writer, item, ++t->read)) {
            status = WEIR_CLOSED;
        }
        progress_update(&t->progress, writer_written(t->writer), writer_written(t->writer));
    }
    (void)pthread_mutex_unlock(&t->mu);
    return status;
}

/* Scan's request for the keys alone. */
static struct weir_value *keys_request(struct truncation *t)
{
    static const char *const placeholders[] = {"#weir0", "#weir1"};
    struct data_session *s = &t->s;
    struct weir_value *request = data_request(s, s->args->words[0]);
    value_add_str(s->arena, request, "ProjectionExpression",
                  t->keys.count == 1 ? BYTES_LIT("#weir0") : BYTES_LIT("#weir0, #weir1"));
    struct weir_value *names = value_add_map(s->arena, request, "ExpressionAttributeNames");
    for (unsigned i = 0; i < t->keys.count; i++) {
        value_add_str(s->arena, names, placeholders[i], t->keys.key[i].name);
    }
    value_add_bool(s->arena, request, "ConsistentRead", true);
    return request;
}

static enum weir_status delete_items(struct truncation *t)
{
    struct data_session *s = &t->s;
    struct weir_error err = {0};
    struct writer_options writer = {.client = s->client,
                                    .table = s->args->words[0],
                                    .keys = &t->keys,
                                    .kind = WRITER_DELETE,
                                    .refused = on_refused,
                                    .arg = t};
    struct scan_options scan = {.client = s->client,
                                .operation = "Scan",
                                .request = keys_request(t),
                                .segments = SEGMENTS,
                                .stop = &stop_wanted,
                                .page = on_page,
                                .arg = t};
    enum weir_status status = scan.request == NULL
                                  ? error_set(&s->err, WEIR_NO_MEMORY, "no memory for a request")
                                  : writer_open(&writer, &t->writer, &s->err);
    if (status != WEIR_OK) {
        return status;
    }
    status = scan_run(&scan, &s->err);
    enum weir_status written = writer_finish(t->writer, &err);
    if (written != WEIR_OK && status == WEIR_OK) {
        s->err = err;
        return written;
    }
    return status;
}

static enum weir_status truncate_by_key(struct truncation *t, int *ret_code)
{
    char count[PROGRESS_COUNT_SIZE];
    const struct cli_args *args = t->s.args;
    uint64_t total = (uint64_t)(t->keys.item_count > 0 ? t->keys.item_count : 0);
    atomic_store(&deleting, true);
    progress_init(&t->progress, args, client_env(t->s.client), "deleting", total);
    enum weir_status status = delete_items(t);
    progress_end(&t->progress);
    uint64_t deleted = t->writer == NULL ? 0 : writer_written(t->writer);
    uint64_t left = t->writer == NULL ? 0 : writer_refused_count(t->writer);
    if (cli_json(args)) {
        fprintf(stderr, "{\"deleted\":%llu,\"notDeleted\":%llu,\"elapsedMs\":%llu}\n",
                (unsigned long long)deleted, (unsigned long long)left,
                (unsigned long long)progress_elapsed_ms(&t->progress));
    } else if (!cli_has(args, "quiet")) {
        fprintf(stderr, "weir: deleted %s\n", progress_items(count, deleted));
    }
    *ret_code = left > 0 ? 1 : 0;
    return status;
}

/* ---- truncate: anew -------------------------------------------------------------------------- */

static void copy_member(struct data_session *s, struct weir_value *to,
                        const struct weir_value *from, const char *name)
{
    const struct weir_value *value = value_get(from, name);
    if (value != NULL) {
        value_add_value(s->arena, to, name, value);
    }
}

static bool is_on_demand(struct data_session *s, const struct weir_value *table)
{
    const char *mode = table_text(s, value_get(table, "BillingModeSummary"), "BillingMode");
    return mode != NULL && strcmp(mode, "PAY_PER_REQUEST") == 0;
}

static void copy_throughput(struct data_session *s, struct weir_value *to,
                            const struct weir_value *from)
{
    const struct weir_value *through = value_get(from, "ProvisionedThroughput");
    struct weir_value *copy = value_add_map(s->arena, to, "ProvisionedThroughput");
    copy_member(s, copy, through, "ReadCapacityUnits");
    copy_member(s, copy, through, "WriteCapacityUnits");
}

static void copy_indexes(struct data_session *s, struct weir_value *to,
                         const struct weir_value *table, const char *name, bool provisioned)
{
    const struct value_list *indexes = table_list(table, name);
    struct weir_value *list = indexes->count == 0 ? NULL : value_add_list(s->arena, to, name);
    for (uint32_t i = 0; i < indexes->count; i++) {
        struct weir_value *index = value_append(s->arena, list);
        if (index == NULL) {
            return;
        }
        *index = (struct weir_value){.type = VALUE_M};
        copy_member(s, index, &indexes->at[i], "IndexName");
        copy_member(s, index, &indexes->at[i], "KeySchema");
        copy_member(s, index, &indexes->at[i], "Projection");
        if (provisioned) {
            copy_throughput(s, index, &indexes->at[i]);
        }
    }
}

/* CreateTable's document for a table as this one is. */
static struct weir_value *same_table(struct data_session *s, const struct weir_value *table)
{
    bool on_demand = is_on_demand(s, table);
    struct weir_value *to = data_request(s, s->args->words[0]);
    copy_member(s, to, table, "AttributeDefinitions");
    copy_member(s, to, table, "KeySchema");
    copy_member(s, to, table, "StreamSpecification");
    copy_member(s, to, table, "DeletionProtectionEnabled");
    value_add_str(s->arena, to, "BillingMode",
                  on_demand ? BYTES_LIT("PAY_PER_REQUEST") : BYTES_LIT("PROVISIONED"));
    if (!on_demand) {
        copy_throughput(s, to, table);
    }
    copy_indexes(s, to, table, "GlobalSecondaryIndexes", !on_demand);
    copy_indexes(s, to, table, "LocalSecondaryIndexes", false);
    return to;
}

static enum weir_status wait_and_create(struct data_session *s, const struct weir_value *request,
                                        const char *ttl)
{
    int64_t timeout_ms = 0;
    const struct weir_value *created = NULL;
    enum weir_status status = table_timeout(s, &timeout_ms);
    if (status == WEIR_OK) {
        status = table_wait(s, s->args->words[0], true, timeout_ms, NULL);
    }
    return status == WEIR_OK ? table_create(s, request, ttl, &created) : status;
}

static enum weir_status recreate(struct data_session *s)
{
    struct weir_value *response = NULL;
    struct weir_value *ttl = NULL;
    const char *table = s->args->words[0];
    enum weir_status status = data_call(s, "DescribeTable", data_request(s, table), &response);
    if (status == WEIR_OK) {
        status = data_call(s, "DescribeTimeToLive", data_request(s, table), &ttl);
    }
    if (status != WEIR_OK) {
        return status;
    }
    const struct weir_value *request = same_table(s, value_get(response, "Table"));
    const char *attribute = table_text(s, value_get(ttl, "TimeToLiveDescription"), "AttributeName");
    if (request == NULL) {
        return error_set(&s->err, WEIR_NO_MEMORY, "no memory for the request");
    }
    atomic_store(&deleting, true);
    status = delete_table(s, false);
    if (status != WEIR_OK) {
        return status;
    }
    status = wait_and_create(s, request, attribute);
    if (status != WEIR_OK) { /* half of it is done, whatever became of the other half */
        (void)error_wrap(&s->err, status, "table %s was deleted and is not created anew", table);
        s->err.outcome = WEIR_OUTCOME_UNKNOWN;
    }
    return status;
}

int cmd_table_truncate(const struct cli_args *args)
{
    struct truncation t = {.mu = PTHREAD_MUTEX_INITIALIZER};
    struct weir_error err = {0};
    bool anew = cli_has(args, "recreate");
    int code = 0;
    enum weir_status status = cli_on_stop(want_stop, NULL, &err);
    if (status != WEIR_OK) {
        return cli_fail(args, status, &err);
    }
    status = open_and_ask(&t.s, args, anew ? "delete table" : "delete all items of table",
                          anew ? " and create it anew, empty" : "", &t.keys, &code);
    if (status == WEIR_OK && code == 0) {
        status = anew ? recreate(&t.s) : truncate_by_key(&t, &code);
    }
    writer_close(t.writer);
    int closed = data_close(&t.s, status);
    return closed != 0 ? closed : code;
}
