/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are lost, refused or half: what is said of each message is true. */
#include "unit/outbox/outbox_fixture.h"

#include "base/error.h"
#include "client/client_internal.h"
#include "unit/support/tap.h"

struct faults {
    struct tap tap; /* first */
    struct fixture f;
    struct weir_outbox *outbox;
    const char *operation; /* the one that fails */
    const char *id;        /* only of this message; NULL: of all */
    unsigned times;        /* how often */
    bool whatever;         /* whatever the answer was; otherwise a success */
    enum weir_status status;
    enum weir_outcome outcome;
    unsigned attempts; /* of that operation */
    unsigned left_for; /* BatchWriteItem: attempts that leave `id` unprocessed */
    struct weir_value *left;
};

static bool names(const struct client_request *request, const char *id)
{
    struct buf request_text;
    buf_init(&request_text, 64u << 20);
    json_write(&request_text, request->document);
    buf_put_u8(&request_text, 0);
    bool found = id == NULL || strstr((const char *)request_text.ptr, id) != NULL;
    buf_fini(&request_text);
    return found;
}

static void fail_answer(struct tap *tap, struct client_request *request)
{
    struct faults *faults = (struct faults *)tap;
    if (strcmp(request->operation, faults->operation) != 0) {
        return;
    }
    faults->attempts++;
    if (faults->times > 0 && (faults->whatever || request->status == WEIR_OK) &&
        names(request, faults->id)) {
        faults->times--;
        request->status = error_set(&request->error, faults->status, "planted");
        request->error.outcome = faults->outcome;
    }
}

static void faults_open(struct faults *faults, const char *layout, const char *operation)
{
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.layout = layout;
    *faults = (struct faults){.operation = operation, .tap = {.after = fail_answer}};
    fixture_open(&faults->f);
    faults->outbox = fixture_outbox(&faults->f, &options);
    tap_insert(&faults->tap, faults->f.client);
}

/* The next answers of the operation are lost; what they answer was done. */
static void lose_answers(struct faults *faults, unsigned times)
{
    faults->attempts = 0;
    faults->times = times;
    faults->status = WEIR_TIMEOUT;
    faults->outcome = WEIR_OUTCOME_UNKNOWN;
}

static void faults_close(struct faults *faults)
{
    tap_remove(&faults->tap);
    weir_outbox_close(faults->outbox);
    fixture_close(&faults->f);
}

static void test_E9_what_follows_a_failed_message_of_its_key_is_not_sent(void **state)
{
    (void)state;
    for (uint32_t overwrite = 0; overwrite < 2; overwrite++) {
        struct faults faults;
        struct weir_message messages[6];
        struct weir_outbox_result results[6];
        faults_open(&faults, NULL, overwrite ? "BatchWriteItem" : "PutItem");
        for (int i = 0; i < 6; i++) { /* keys: a b a b a b */
            messages[i] =
                message_of(i % 2 == 0 ? "a" : "b", arena_printf(faults.f.arena, "message-%d", i));
        }
        faults.id = "message-2";
        faults.times = 1;
        faults.status = WEIR_ACCESS_DENIED;
        faults.outcome = WEIR_NOT_APPLIED;
        assert_int_equal(
            weir_outbox_add_many(faults.outbox, messages, 6, overwrite, results, &faults.f.err),
            WEIR_OK);
        assert_int_equal(results[0].status, WEIR_OK);
        assert_int_equal(results[2].status, WEIR_ACCESS_DENIED);
        assert_int_equal(results[4].status, WEIR_CANCELLED);
        assert_non_null(strstr(results[4].error.message, "message-2"));
        assert_int_equal(results[4].error.outcome, WEIR_NOT_APPLIED);
        assert_null(fixture_row(&faults.f, "outbox", "a", "message-4"));
        /* Overwriting, message-3 shares a call with the failing one. */
        assert_int_equal(results[1].status, WEIR_OK);
        assert_int_equal(results[3].status, overwrite ? WEIR_ACCESS_DENIED : WEIR_OK);
        assert_int_equal(results[5].status, overwrite ? WEIR_CANCELLED : WEIR_OK);
        faults_close(&faults);
    }
}

/* The put is applied, its answer lost; the second attempt meets the first one's row. */
static void lost_answer(const char *layout)
{
    struct faults faults;
    struct weir_message message = message_of("k", "m"), other = message_of("k", "m");
    struct weir_outbox_result result;
    struct weir_outbox_added added;
    faults_open(&faults, layout, "PutItem");
    lose_answers(&faults, 1);
    assert_int_equal(weir_outbox_add(faults.outbox, &message, &added, &faults.f.err), WEIR_OK);
    assert_int_equal(faults.attempts, 2);
    assert_string_equal(added.id, "m");
    message.id = text("n");
    lose_answers(&faults, 1);
    assert_int_equal(weir_outbox_add_many(faults.outbox, &message, 1, 0, &result, &faults.f.err),
                     WEIR_OK);
    assert_int_equal(result.status, WEIR_OK);
    assert_int_equal(faults.attempts, 2);
    assert_int_equal(fixture_count(&faults.f, "outbox"), 2);
    other.payload = text("another");
    assert_int_equal(weir_outbox_add(faults.outbox, &other, NULL, &faults.f.err),
                     WEIR_ALREADY_EXISTS);
    assert_int_equal(faults.f.err.outcome, WEIR_NOT_APPLIED);
    lose_answers(&faults, 1);
    faults.whatever = true; /* also a lost refusal: the row is no more its own for that */
    assert_int_equal(weir_outbox_add(faults.outbox, &other, NULL, &faults.f.err),
                     WEIR_ALREADY_EXISTS);
    assert_int_equal(faults.attempts, 2);
    faults_close(&faults);
}

static void test_B2_put_whose_answer_was_lost_is_not_taken_for_anothers(void **state)
{
    (void)state;
    lost_answer("partitioned");
    lost_answer("by-message");
}

/* ---- BatchWriteItem -------------------------------------------------------------------------- */

/* Takes the message out of the request, so that it is left truly; a stand-in keeps the list from
 * being empty. */
static void withhold(struct tap *tap, struct client_request *request)
{
    struct faults *faults = (struct faults *)tap;
    faults->left = NULL;
    if (strcmp(request->operation, "BatchWriteItem") != 0 || faults->left_for == 0 ||
        faults->times > 0 || !names(request, faults->id)) {
        return;
    }
    faults->left_for--;
    struct arena *a = request->arena;
    struct weir_value *copy = value_copy(a, request->document);
    struct weir_value *writes =
        (struct weir_value *)(uintptr_t)value_get(value_get(copy, "RequestItems"), "outbox");
    uint32_t kept = 0;
    for (uint32_t i = 0; i < writes->u.list.count; i++) {
        const struct weir_value *item =
            value_get(value_get(&writes->u.list.at[i], "PutRequest"), "Item");
        if (bytes_eq_str(value_get(item, "sk")->u.bytes, faults->id)) {
            faults->left = value_copy(a, &writes->u.list.at[i]);
        } else {
            writes->u.list.at[kept++] = writes->u.list.at[i];
        }
    }
    if (kept == 0) {
        struct weir_value *stand_in = NULL;
        static const char json[] = "{\"PutRequest\":{\"Item\":{\"pk\":{\"S\":\"nobody\"},"
                                   "\"sk\":{\"S\":\"stand-in\"}}}}";
        assert_int_equal(json_parse(a, BYTES_LIT(json), &stand_in, NULL), WEIR_OK);
        writes->u.list.at[kept++] = *stand_in;
    }
    writes->u.list.count = kept;
    request->document = copy;
}

static void leave(struct tap *tap, struct client_request *request)
{
    struct faults *faults = (struct faults *)tap;
    if (strcmp(request->operation, "BatchWriteItem") == 0) {
        faults->attempts++;
        if (faults->times > 0) {
            faults->times--;
            request->status = error_set(&request->error, WEIR_TIMEOUT, "planted");
            request->error.outcome = WEIR_OUTCOME_UNKNOWN;
        }
    }
    if (faults->left == NULL || request->status != WEIR_OK) {
        return;
    }
    struct weir_value *response = value_new_map(request->arena, VALUE_PLAIN);
    for (uint32_t i = 0; i < request->response->u.map.count; i++) {
        const struct value_member *member = &request->response->u.map.at[i];
        if (!bytes_eq_str(member->name, "UnprocessedItems")) {
            *value_add(request->arena, response, member->name) = member->value;
        }
    }
    struct weir_value *tables = value_new_map(request->arena, VALUE_PLAIN);
    struct weir_value *list = value_new_list(request->arena, VALUE_PLAIN);
    *value_append(request->arena, list) = *faults->left;
    value_add_value(request->arena, tables, "outbox", list);
    value_add_value(request->arena, response, "UnprocessedItems", tables);
    request->response = response;
}

/* Adds m00 to m29, each of a key of its own but for m29, which is of m00's; the first `left_for`
 * attempts leave the message `id` unprocessed, and the answers of `lost` before them are lost. */
static void add_thirty(struct faults *faults, const char *id, unsigned left_for, unsigned lost,
                       struct weir_outbox_result results[30])
{
    struct weir_message messages[30];
    faults_open(faults, NULL, "");
    faults->tap.before = withhold;
    faults->tap.after = leave;
    faults->id = id;
    faults->left_for = left_for;
    faults->times = lost;
    for (int i = 0; i < 30; i++) {
        messages[i] = message_of(arena_printf(faults->f.arena, "k%d", i % 29),
                                 arena_printf(faults->f.arena, "m%02d", i));
    }
    /* The pauses between attempts are on the test's clock. */
    struct weir_env *env = faults->f.client->env;
    faults->f.client->env = faults->f.clock;
    assert_int_equal(weir_outbox_add_many(faults->outbox, messages, 30, 1, results, &faults->f.err),
                     WEIR_OK);
    faults->f.client->env = env;
}

static void test_B8_unprocessed_items_are_sent_again(void **state)
{
    (void)state;
    struct faults faults;
    struct weir_outbox_result results[30];
    add_thirty(&faults, "m07", 3, 0, results);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(results[i].status, WEIR_OK);
    }
    assert_int_equal(faults.attempts, 2 + 3);
    assert_non_null(fixture_row(&faults.f, "outbox", "k7", "m07"));
    faults_close(&faults);
}

static void test_B8_still_unprocessed_items_are_reported_one_by_one(void **state)
{
    (void)state;
    struct faults faults;
    struct weir_outbox_result results[30];
    add_thirty(&faults, "m00", 1000, 0, results);
    assert_int_equal(results[0].status, WEIR_THROTTLED);
    assert_int_equal(results[0].error.outcome, WEIR_NOT_APPLIED);
    assert_non_null(strstr(results[0].error.message, "message m00 is still unprocessed"));
    for (int i = 1; i < 29; i++) {
        assert_int_equal(results[i].status, WEIR_OK);
    }
    assert_int_equal(results[29].status, WEIR_CANCELLED);
    assert_null(fixture_row(&faults.f, "outbox", "k0", "m00"));
    assert_null(fixture_row(&faults.f, "outbox", "k0", "m29"));
    faults_close(&faults);
}

/* The attempt whose answer is lost writes all; those behind it leave m00 out. */
static void test_B8_what_a_lost_answer_may_have_written_is_unknown(void **state)
{
    (void)state;
    struct faults faults;
    struct weir_outbox_result results[30];
    add_thirty(&faults, "m00", 1000, 1, results);
    assert_int_equal(results[0].status, WEIR_THROTTLED);
    assert_int_equal(results[0].error.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_non_null(fixture_row(&faults.f, "outbox", "k0", "m00"));
    for (int i = 1; i < 29; i++) {
        assert_int_equal(results[i].status, WEIR_OK);
    }
    faults_close(&faults);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void test_D3_mark_whose_answer_was_lost_is_made_once(void **state)
{
    (void)state;
    struct faults faults;
    struct weir_outbox_ref refs[2] = {{text("k"), text("a")}, {text("k"), text("b")}};
    struct weir_outbox_result results[2];
    faults_open(&faults, NULL, "TransactWriteItems");
    fixture_add(&faults.f, faults.outbox, "k", "a", 0);
    fixture_add(&faults.f, faults.outbox, "k", "b", 0);
    lose_answers(&faults, 1);
    assert_int_equal(weir_outbox_mark_many(faults.outbox, refs, 2, results, &faults.f.err),
                     WEIR_OK);
    assert_int_equal(results[0].status, WEIR_OK);
    const struct weir_value *document = fixture_get(&faults.f, faults.outbox, "k", "a");
    assert_string_equal(member_text(&faults.f, document, "dispatchCount"), "1");
    faults_close(&faults);
}

static void test_C6_redispatch_survives_lost_answers(void **state)
{
    (void)state;
    for (unsigned lost = 1; lost <= 2; lost++) {
        struct faults faults;
        faults_open(&faults, NULL, "TransactWriteItems");
        fixture_add(&faults.f, faults.outbox, "k", "m", 1);
        const struct weir_value *before = fixture_row(&faults.f, "outbox", "k", "m");
        lose_answers(&faults, lost);
        assert_int_equal(weir_outbox_redispatch(faults.outbox, "k", 1, "m", 1, 0, &faults.f.err),
                         WEIR_OK);
        assert_true(value_equal(before, fixture_row(&faults.f, "outbox", "k", "m")));
        assert_int_equal(fixture_count(&faults.f, "outbox"), 1);
        faults_close(&faults);
    }
}

static void test_D5_delete_whose_answer_was_lost_did_mark(void **state)
{
    (void)state;
    struct faults faults;
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    faults_open(&faults, NULL, "DeleteItem");
    weir_outbox_close(faults.outbox);
    options.mark = WEIR_MARK_DELETE;
    faults.outbox = fixture_outbox(&faults.f, &options);
    fixture_add(&faults.f, faults.outbox, "k", "m", 0);
    lose_answers(&faults, 1);
    assert_int_equal(weir_outbox_mark(faults.outbox, "k", 1, "m", 1, &faults.f.err), WEIR_OK);
    assert_int_equal(faults.attempts, 2);
    assert_int_equal(fixture_count(&faults.f, "outbox"), 0);
    assert_int_equal(weir_outbox_mark(faults.outbox, "k", 1, "m", 1, &faults.f.err),
                     WEIR_NOT_FOUND);
    assert_int_equal(faults.f.err.outcome, WEIR_NOT_APPLIED);
    /* Another's row in that place is no deleted message, whatever became of an answer. */
    (void)fixture_call(&faults.f, "PutItem",
                       "{\"TableName\":\"outbox\",\"Item\":{\"pk\":{\"S\":\"k\"},"
                       "\"sk\":{\"S\":\"m\"}}}");
    lose_answers(&faults, 1);
    faults.whatever = true;
    assert_int_equal(weir_outbox_mark(faults.outbox, "k", 1, "m", 1, &faults.f.err),
                     WEIR_NOT_FOUND);
    assert_int_equal(fixture_count(&faults.f, "outbox"), 1);
    faults_close(&faults);
}

/* ---- two who dispatch one message again ------------------------------------------------------ */

/* Takes the row out, past the tap, before the second write of the call under way. */
struct rival {
    struct tap tap; /* first */
    struct fixture *f;
    unsigned writes;
};

static void take_out_before_second_write(struct tap *tap, struct client_request *request)
{
    struct rival *rival = (struct rival *)tap;
    bool write = strcmp(request->operation, "TransactWriteItems") == 0 ||
                 strcmp(request->operation, "DeleteItem") == 0;
    if (write && ++rival->writes == 2) {
        tap->client->transport = tap->inner;
        (void)fixture_call(rival->f, "DeleteItem",
                           "{\"TableName\":\"outbox\",\"Key\":{\"pk\":{\"S\":\"k\"},"
                           "\"sk\":{\"S\":\"m\"}}}");
        tap->client->transport = &tap->base;
    }
}

/* A row and its copy: what a second one sees that read the copy before the first put the row back,
 * and looks again after a third took it out. Then the copy is all that there is of the message. */
static void test_C6_stalled_redispatch_never_drops_the_only_copy(void **state)
{
    (void)state;
    struct fixture f;
    struct rival rival = {.tap.before = take_out_before_second_write, .f = &f};
    fixture_open(&f);
    struct weir_outbox *outbox = fixture_outbox(&f, NULL);
    fixture_add(&f, outbox, "k", "m", 1);
    const struct weir_value *row = fixture_row(&f, "outbox", "k", "m");
    struct buf item;
    buf_init(&item, 1 << 16);
    json_write(&item, row);
    buf_put_u8(&item, 0);
    const struct weir_value *place =
        outbox_copy_key(f.arena, &outbox->layout, BYTES_LIT("k"), BYTES_LIT("m"));
    (void)fixture_call(&f, "PutItem",
                       arena_printf(f.arena,
                                    "{\"TableName\":\"outbox\",\"Item\":{\"pk\":{\"S\":\"k\"},"
                                    "\"sk\":{\"S\":\"%s\"},\"redispatchRow\":{\"M\":%s}}}",
                                    fixture_text(&f, place, "sk"), (const char *)item.ptr));
    buf_fini(&item);
    tap_insert(&rival.tap, f.client);
    assert_status(weir_outbox_redispatch(outbox, "k", 1, "m", 1, 0, &f.err), WEIR_ALREADY_EXISTS);
    assert_says("in another's hands");
    tap_remove(&rival.tap);
    assert_int_equal(rival.writes, 2);
    assert_int_equal(fixture_count(&f, "outbox"), 1);
    assert_status(weir_outbox_redispatch(outbox, "k", 1, "m", 1, 0, &f.err), WEIR_OK);
    assert_true(value_equal(row, fixture_row(&f, "outbox", "k", "m")));
    assert_int_equal(fixture_count(&f, "outbox"), 1);
    weir_outbox_close(outbox);
    fixture_close(&f);
}

static void replace_before_first_write(struct tap *tap, struct client_request *request)
{
    struct rival *rival = (struct rival *)tap;
    if (strcmp(request->operation, "TransactWriteItems") == 0 && ++rival->writes == 1) {
        tap->client->transport = tap->inner;
        (void)fixture_call(rival->f, "PutItem",
                           "{\"TableName\":\"outbox\",\"Item\":{\"pk\":{\"S\":\"k\"},"
                           "\"sk\":{\"S\":\"m\"},\"messageType\":{\"S\":\"t\"},"
                           "\"createdAt\":{\"S\":\"2025-01-01T00:00:00.000Z\"},"
                           "\"payload\":{\"S\":\"bmV3\"}}}");
        tap->client->transport = &tap->base;
    }
}

/* What was read is not put back over what was added, or overwritten, meanwhile. */
static void test_C6_redispatch_never_brings_back_a_message_that_was_replaced(void **state)
{
    (void)state;
    for (uint32_t published_too = 0; published_too < 2; published_too++) {
        struct fixture f;
        struct rival rival = {.tap.before = replace_before_first_write, .f = &f};
        fixture_open(&f);
        struct weir_outbox *outbox = fixture_outbox(&f, NULL);
        fixture_add(&f, outbox, "k", "m", 1);
        tap_insert(&rival.tap, f.client);
        assert_status(weir_outbox_redispatch(outbox, "k", 1, "m", 1, published_too, &f.err),
                      WEIR_ALREADY_EXISTS);
        assert_says("replaced");
        tap_remove(&rival.tap);
        assert_string_equal(fixture_text(&f, fixture_row(&f, "outbox", "k", "m"), "payload"),
                            "bmV3");
        assert_int_equal(fixture_count(&f, "outbox"), 1);
        weir_outbox_close(outbox);
        fixture_close(&f);
    }
}

static void test_C4_clean_up_that_fails_says_so_and_may_go_on(void **state)
{
    (void)state;
    struct faults faults;
    struct weir_outbox_purged purged = {0};
    faults_open(&faults, NULL, "DeleteItem");
    for (int i = 0; i < 60; i++) {
        const char *id = arena_printf(faults.f.arena, "m%02d", i);
        fixture_add(&faults.f, faults.outbox, "k", id, 0);
        fixture_mark(&faults.f, faults.outbox, "k", id);
    }
    int64_t later = env_wall_ms(client_env(faults.f.client)) + 1000;
    faults.times = 1;
    faults.status = WEIR_ACCESS_DENIED;
    assert_int_equal(weir_outbox_purge(faults.outbox, later, 0, NULL, 0, &purged, &faults.f.err),
                     WEIR_ACCESS_DENIED);
    assert_int_equal(weir_outbox_purge(faults.outbox, later, 0, NULL, 0, &purged, &faults.f.err),
                     WEIR_OK);
    assert_int_equal(fixture_count(&faults.f, "outbox"), 0);
    faults_close(&faults);
}

/* ---- the table ------------------------------------------------------------------------------- */

/* A purge whose answers are lost counts what it deleted. */
static void test_C4_clean_up_counts_what_lost_answers_deleted(void **state)
{
    (void)state;
    struct faults faults;
    struct weir_outbox_purged purged;
    faults_open(&faults, NULL, "DeleteItem");
    for (int i = 0; i < 3; i++) {
        const char *id = arena_printf(faults.f.arena, "m-%d", i);
        struct weir_message message = message_of("k", id);
        assert_int_equal(weir_outbox_add(faults.outbox, &message, NULL, &faults.f.err), WEIR_OK);
        assert_int_equal(weir_outbox_mark(faults.outbox, "k", 1, id, strlen(id), &faults.f.err),
                         WEIR_OK);
    }
    lose_answers(&faults, 2);
    int64_t later = env_wall_ms(client_env(faults.f.client)) + 60000;
    assert_int_equal(weir_outbox_purge(faults.outbox, later, 0, NULL, 0, &purged, &faults.f.err),
                     WEIR_OK);
    assert_int_equal(purged.deleted, 3);
    assert_int_equal(fixture_count(&faults.f, "outbox"), 0);
    faults_close(&faults);
}

/* How often each kind of call is tried while the service throttles. */
static void assert_attempts(uint32_t retries, unsigned attempts)
{
    struct weir_message message = message_of("k", "m");
    struct weir_outbox_ref ref = {text("k"), text("m")};
    struct weir_outbox_result result;
    static const char *const operations[] = {"PutItem", "PutItem", "BatchWriteItem", "UpdateItem",
                                             "TransactWriteItems"};
    for (unsigned i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        struct faults faults;
        enum weir_status status;
        faults_open(&faults, NULL, operations[i]);
        weir_outbox_close(faults.outbox);
        struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
        options.retries = retries;
        faults.outbox = fixture_outbox(&faults.f, &options);
        if (i > 2) {
            assert_int_equal(weir_outbox_add(faults.outbox, &message, NULL, &faults.f.err),
                             WEIR_OK);
        }
        faults.times = 100;
        faults.whatever = true;
        faults.status = WEIR_THROTTLED;
        faults.outcome = WEIR_NOT_APPLIED;
        faults.attempts = 0;
        if (i == 0) {
            status = weir_outbox_add(faults.outbox, &message, NULL, &faults.f.err);
        } else if (i < 3) {
            status =
                weir_outbox_add_many(faults.outbox, &message, 1, i == 2, &result, &faults.f.err);
            assert_int_equal(status, WEIR_OK);
            status = result.status;
        } else if (i == 3) {
            status = weir_outbox_mark(faults.outbox, "k", 1, "m", 1, &faults.f.err);
        } else {
            status = weir_outbox_mark_many(faults.outbox, &ref, 1, &result, &faults.f.err);
            assert_int_equal(status, WEIR_OK);
            status = result.status;
        }
        assert_int_equal(status, WEIR_THROTTLED);
        assert_int_equal(faults.attempts, attempts);
        faults_close(&faults);
    }
}

static void test_A5_a_store_call_is_retried_three_times_unless_told_otherwise(void **state)
{
    (void)state;
    assert_attempts(0, 4);
    assert_attempts(1, 2);
    assert_attempts(WEIR_OUTBOX_NO_RETRIES, 1);
}

static void make_without_stream(struct fixture *f)
{
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.no_stream = 1;
    weir_outbox_close(fixture_outbox(f, &options));
}

/* Another instance is a moment ahead: the service refuses to turn on what is on. */
static void turn_stream_on_before(struct tap *tap, struct client_request *request)
{
    if (strcmp(request->operation, "UpdateTable") == 0) {
        tap->client->transport = tap->inner;
        (void)fixture_call(tap->arg, "UpdateTable",
                           "{\"TableName\":\"outbox\",\"StreamSpecification\":"
                           "{\"StreamEnabled\":true,\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"}}");
        tap->client->transport = &tap->base;
    }
}

static void note_refusal(struct tap *tap, struct client_request *request)
{
    struct faults *faults = (struct faults *)tap;
    if (strcmp(request->operation, "UpdateTable") == 0) {
        assert_int_not_equal(request->status, WEIR_OK);
        faults->attempts++;
    }
}

static void test_A2_stream_that_another_turned_on_meanwhile_is_as_good(void **state)
{
    (void)state;
    struct faults faults = {.tap = {.before = turn_stream_on_before, .after = note_refusal}};
    fixture_open(&faults.f);
    make_without_stream(&faults.f);
    faults.tap.arg = &faults.f;
    tap_insert(&faults.tap, faults.f.client);
    weir_outbox_close(fixture_outbox(&faults.f, NULL));
    tap_remove(&faults.tap);
    assert_true(faults.attempts > 0);
    fixture_close(&faults.f);
}

/* The service finds something wrong, and the table stays without. */
static void spoil_update(struct tap *tap, struct client_request *request)
{
    struct weir_value *document = NULL;
    (void)tap;
    if (strcmp(request->operation, "UpdateTable") == 0) {
        static const char json[] = "{\"TableName\":\"outbox\"}";
        assert_int_equal(json_parse(request->arena, BYTES_LIT(json), &document, NULL), WEIR_OK);
        request->document = document;
    }
}

static void test_A2_stream_that_cannot_be_turned_on_is_an_error(void **state)
{
    (void)state;
    struct fixture f;
    struct tap tap = {.before = spoil_update};
    struct weir_outbox *outbox = NULL;
    fixture_open(&f);
    make_without_stream(&f);
    tap_insert(&tap, f.client);
    assert_status(weir_outbox_open(f.client, NULL, &outbox, &f.err), WEIR_VALIDATION);
    assert_says("turning on the stream of table outbox: ");
    assert_null(outbox);
    tap_remove(&tap);
    fixture_close(&f);
}

static void say_creating(struct tap *tap, struct client_request *request)
{
    (void)tap;
    if (request->status == WEIR_OK && strcmp(request->operation, "DescribeTable") == 0) {
        struct weir_value *copy = value_copy(request->arena, request->response);
        struct weir_value *status =
            (struct weir_value *)(uintptr_t)value_get(value_get(copy, "Table"), "TableStatus");
        status->u.bytes = BYTES_LIT("CREATING");
        request->response = copy;
    }
}

static void test_A3_waiting_for_active_has_a_limit(void **state)
{
    (void)state;
    struct fixture f;
    struct tap tap = {.after = say_creating};
    struct weir_outbox *outbox = NULL;
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    fixture_open(&f);
    options.wait_ms = 5000;
    tap_insert(&tap, f.client);
    struct weir_env *env = f.client->env;
    f.client->env = f.clock; /* waiting turns it */
    assert_status(weir_outbox_open(f.client, &options, &outbox, &f.err), WEIR_TIMEOUT);
    assert_says("not ACTIVE after 5000 ms");
    assert_null(outbox);
    f.client->env = env;
    tap_remove(&tap);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_A5_a_store_call_is_retried_three_times_unless_told_otherwise),
        cmocka_unit_test(test_C4_clean_up_counts_what_lost_answers_deleted),
        cmocka_unit_test(test_A2_stream_that_another_turned_on_meanwhile_is_as_good),
        cmocka_unit_test(test_A2_stream_that_cannot_be_turned_on_is_an_error),
        cmocka_unit_test(test_A3_waiting_for_active_has_a_limit),
        cmocka_unit_test(test_B2_put_whose_answer_was_lost_is_not_taken_for_anothers),
        cmocka_unit_test(test_B8_still_unprocessed_items_are_reported_one_by_one),
        cmocka_unit_test(test_B8_what_a_lost_answer_may_have_written_is_unknown),
        cmocka_unit_test(test_B8_unprocessed_items_are_sent_again),
        cmocka_unit_test(test_C4_clean_up_that_fails_says_so_and_may_go_on),
        cmocka_unit_test(test_C6_redispatch_survives_lost_answers),
        cmocka_unit_test(test_C6_stalled_redispatch_never_drops_the_only_copy),
        cmocka_unit_test(test_C6_redispatch_never_brings_back_a_message_that_was_replaced),
        cmocka_unit_test(test_D3_mark_whose_answer_was_lost_is_made_once),
        cmocka_unit_test(test_D5_delete_whose_answer_was_lost_did_mark),
        cmocka_unit_test(test_E9_what_follows_a_failed_message_of_its_key_is_not_sent),
    };
    return fixture_run("faults", tests, sizeof(tests) / sizeof(tests[0]));
}
