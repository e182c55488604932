/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation of the stores under every fault of the network and the service, once and for
 * ever: what the call says is compared with what a clean client then finds in the table. Applied
 * must be applied, not applied must not be, and "unknown" is an answer only where the fault leaves
 * nothing else to say.
 */
#include "unit/support/fault_proxy.h"
#include "unit/support/fixture.h"
#include "unit/support/test_server.h"

#include "dedup/dedup_store.h"
#include "outbox/outbox.h"

#define FOR_EVER 1000000
#define TIMEOUT_MS 400
#define ATTEMPTS 2

/* Opened before any fault: the stores behind the proxy, and a client past it. */
struct faulty {
    struct fixture f; /* its client is the clean one */
    struct fault_proxy *proxy;
    struct weir_client *client; /* through the proxy */
    struct weir_dedup *dedup;
    struct weir_outbox *outbox;
    char token[WEIR_CLAIM_TOKEN_SIZE]; /* of the claim (w, m), where the operation needs one */
};

static struct weir_client *open_client(struct faulty *t)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    struct weir_client *client = NULL;
    char url[64];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", (unsigned)fault_proxy_port(t->proxy));
    options.endpoint_url = url;
    options.timeout_ms = TIMEOUT_MS;
    options.max_attempts = ATTEMPTS;
    assert_int_equal(weir_client_open(&options, &client, &t->f.err), WEIR_OK);
    return client;
}

static void faulty_open(struct faulty *t)
{
    memset(t, 0, sizeof(*t));
    fixture_open(&t->f);
    t->proxy = fault_proxy_start(test_server_port(t->f.server));
    t->client = open_client(t);
    assert_int_equal(weir_dedup_open(t->client, NULL, &t->dedup, &t->f.err), WEIR_OK);
    assert_int_equal(weir_outbox_open(t->client, NULL, &t->outbox, &t->f.err), WEIR_OK);
}

static void faulty_close(struct faulty *t)
{
    weir_dedup_close(t->dedup);
    weir_outbox_close(t->outbox);
    weir_client_close(t->client);
    fault_proxy_stop(t->proxy);
    fixture_close(&t->f);
}

static const struct weir_dedup_id dedup_id = {"w", 1, "m", 1};

static struct weir_message message(void)
{
    struct weir_message made = WEIR_MESSAGE_INIT;
    made.key = (struct weir_text){"k", 1};
    made.id = (struct weir_text){"m", 1};
    made.type = (struct weir_text){"order.placed", 12};
    made.payload = (struct weir_text){"{}", 2};
    return made;
}

static const struct weir_value *dedup_row(struct faulty *t)
{
    return fixture_item(&t->f, "deduplication-table",
                        "{\"worker_id\":{\"S\":\"w\"},\"message_id\":{\"S\":\"m\"}}");
}

static const struct weir_value *outbox_row(struct faulty *t)
{
    return fixture_item(&t->f, "outbox", "{\"pk\":{\"S\":\"k\"},\"sk\":{\"S\":\"m\"}}");
}

static bool dedup_status_is(struct faulty *t, const char *wanted)
{
    return strcmp(fixture_text(&t->f, dedup_row(t), "status"), wanted) == 0;
}

/* ---- the operations -------------------------------------------------------------------------- */

static void nothing_before(struct faulty *t)
{
    (void)t;
}

static void claimed_before(struct faulty *t)
{
    struct weir_claim_request request = {dedup_id, "p", 1};
    struct weir_claim claim;
    assert_int_equal(weir_dedup_claim(t->dedup, &request, &claim, &t->f.err), WEIR_OK);
    memcpy(t->token, claim.token, sizeof(t->token));
}

static void added_before(struct faulty *t)
{
    struct weir_message added = message();
    assert_int_equal(weir_outbox_add(t->outbox, &added, NULL, &t->f.err), WEIR_OK);
}

static enum weir_status run_commit(struct faulty *t, struct weir_error *err)
{
    return weir_dedup_commit(t->dedup, &dedup_id, err);
}

static enum weir_status run_commit_many(struct faulty *t, struct weir_error *err)
{
    struct weir_dedup_result result;
    assert_int_equal(weir_dedup_commit_many(t->dedup, &dedup_id, 1, &result, err), WEIR_OK);
    *err = result.error;
    return result.status;
}

static bool completed(struct faulty *t)
{
    return dedup_status_is(t, "COMPLETED");
}

static enum weir_status run_claim(struct faulty *t, struct weir_error *err)
{
    struct weir_claim_request request = {dedup_id, "p", 1};
    struct weir_claim claim = {0};
    enum weir_status status = weir_dedup_claim(t->dedup, &request, &claim, err);
    if (status == WEIR_OK) {
        assert_int_equal(claim.outcome, WEIR_CLAIM_ACQUIRED);
    }
    return status;
}

static bool claimed(struct faulty *t)
{
    return dedup_status_is(t, "INPROGRESS");
}

static enum weir_status run_complete(struct faulty *t, struct weir_error *err)
{
    return weir_dedup_complete(t->dedup, &dedup_id, t->token, "r", 1, err);
}

static enum weir_status run_release(struct faulty *t, struct weir_error *err)
{
    return weir_dedup_release(t->dedup, &dedup_id, t->token, err);
}

static bool released(struct faulty *t)
{
    return dedup_row(t) == NULL;
}

static enum weir_status run_add(struct faulty *t, struct weir_error *err)
{
    struct weir_message added = message();
    return weir_outbox_add(t->outbox, &added, NULL, err);
}

static bool added(struct faulty *t)
{
    return outbox_row(t) != NULL;
}

static enum weir_status run_mark(struct faulty *t, struct weir_error *err)
{
    return weir_outbox_mark(t->outbox, "k", 1, "m", 1, err);
}

static bool marked(struct faulty *t)
{
    const char *count = fixture_text(&t->f, outbox_row(t), "dispatchCount");
    assert_true(strcmp(count, "") == 0 || strcmp(count, "1") == 0); /* never twice by one call */
    return count[0] != '\0';
}

static enum weir_status run_transaction(struct faulty *t, struct weir_error *err)
{
    struct weir_message staged = message();
    struct weir_txn *txn = NULL;
    assert_int_equal(weir_txn_new(t->client, &txn, err), WEIR_OK);
    assert_int_equal(weir_outbox_stage(t->outbox, txn, &staged, NULL, err), WEIR_OK);
    assert_int_equal(weir_dedup_stage(t->dedup, txn, &dedup_id, err), WEIR_OK);
    enum weir_status status = weir_txn_commit(txn, err);
    weir_txn_free(txn);
    return status;
}

/* Both or neither. */
static bool committed(struct faulty *t)
{
    assert_int_equal(added(t), completed(t));
    return added(t);
}

static const struct operation_case {
    const char *name;
    void (*before)(struct faulty *t);
    enum weir_status (*run)(struct faulty *t, struct weir_error *err);
    bool (*applied)(struct faulty *t);
    bool recovers; /* a fault that passes is got over, whatever the first attempt did */
} operations[] = {
    {"dedup commit", nothing_before, run_commit, completed, true},
    {"dedup commit of many", nothing_before, run_commit_many, completed, true},
    {"dedup claim", nothing_before, run_claim, claimed, true},
    {"dedup complete", claimed_before, run_complete, completed, true},
    {"dedup release", claimed_before, run_release, released, true},
    {"outbox add", nothing_before, run_add, added, false},
    {"outbox mark", added_before, run_mark, marked, false}, /* counts: never sent twice */
    {"stage and commit", nothing_before, run_transaction, committed, true},
};

/* ---- the judgement --------------------------------------------------------------------------- */

static void judge(struct faulty *t, const struct operation_case *op, enum proxy_fault fault,
                  bool for_ever, enum weir_status status, const struct weir_error *err)
{
    bool applied = op->applied(t);
    const char *what =
        arena_printf(t->f.arena, "%s, %s%s: %s %s %s", op->name, proxy_fault_text(fault),
                     for_ever ? ", for ever" : "", weir_status_name(status),
                     status == WEIR_OK                      ? ""
                     : err->outcome == WEIR_OUTCOME_UNKNOWN ? "(unknown)"
                                                            : "(not applied)",
                     status == WEIR_OK ? "" : err->message);
    if (status == WEIR_OK && !applied) {
        fail_msg("%s: it says applied, and it was not", what);
    }
    if (status != WEIR_OK && err->outcome == WEIR_NOT_APPLIED && applied) {
        fail_msg("%s: it says not applied, and it was", what);
    }
    if (status != WEIR_OK && err->outcome == WEIR_OUTCOME_UNKNOWN &&
        proxy_fault_is_definite(fault)) {
        fail_msg("%s: it says unknown, where the fault is a definite answer", what);
    }
    if (fault_proxy_hits(t->proxy) == 0) {
        fail_msg("%s: no request met the fault", what);
    }
    bool must_succeed = fault == PROXY_PASS || fault == PROXY_HALF ||
                        (!for_ever && (op->recovers || proxy_fault_is_definite(fault)));
    if (must_succeed && status != WEIR_OK) {
        fail_msg("%s: another attempt would have got over it", what);
    }
    bool must_fail = for_ever && fault != PROXY_PASS && fault != PROXY_HALF;
    if (must_fail && status == WEIR_OK) {
        fail_msg("%s: it says applied under a fault that never ends", what);
    }
}

static void run_case(const struct operation_case *op, enum proxy_fault fault, bool for_ever)
{
    struct faulty t;
    struct weir_error err = {0};
    faulty_open(&t);
    op->before(&t);
    fault_proxy_arm(t.proxy, fault, for_ever ? FOR_EVER : 1);
    enum weir_status status = op->run(&t, &err);
    judge(&t, op, fault, for_ever, status, &err);
    faulty_close(&t);
}

static void run_all(const struct operation_case *op)
{
    for (int fault = 0; fault < PROXY_FAULT_COUNT; fault++) {
        run_case(op, (enum proxy_fault)fault, false);
        run_case(op, (enum proxy_fault)fault, true);
    }
}

static void truth_of_dedup_commit(void **state)
{
    (void)state;
    run_all(&operations[0]);
}

static void truth_of_dedup_commit_many(void **state)
{
    (void)state;
    run_all(&operations[1]);
}

static void truth_of_dedup_claim(void **state)
{
    (void)state;
    run_all(&operations[2]);
}

static void truth_of_dedup_complete(void **state)
{
    (void)state;
    run_all(&operations[3]);
}

static void truth_of_dedup_release(void **state)
{
    (void)state;
    run_all(&operations[4]);
}

static void truth_of_outbox_add(void **state)
{
    (void)state;
    run_all(&operations[5]);
}

static void truth_of_outbox_mark(void **state)
{
    (void)state;
    run_all(&operations[6]);
}

static void truth_of_a_transaction(void **state)
{
    (void)state;
    run_all(&operations[7]);
}

/* ---- what one table cannot say --------------------------------------------------------------- */

/* Its own first attempt must not be reported as somebody else's message. */
static void add_whose_answer_was_lost_is_not_reported_as_anothers(void **state)
{
    (void)state;
    struct faulty t;
    struct weir_error err = {0};
    faulty_open(&t);
    fault_proxy_arm(t.proxy, PROXY_CLOSE_AFTER, 1);
    assert_int_equal(run_add(&t, &err), WEIR_OK);
    assert_int_equal(fault_proxy_hits(t.proxy), 1);
    assert_true(added(&t));
    faulty_close(&t);
}

/* A transaction of unknown outcome is committed again and applied once. */
static void transaction_of_unknown_outcome_can_be_committed_again(void **state)
{
    (void)state;
    struct faulty t;
    struct weir_txn *txn = NULL;
    struct weir_message staged = message();
    faulty_open(&t);
    assert_int_equal(weir_txn_new(t.client, &txn, &t.f.err), WEIR_OK);
    assert_int_equal(weir_outbox_stage(t.outbox, txn, &staged, NULL, &t.f.err), WEIR_OK);
    fault_proxy_arm(t.proxy, PROXY_CLOSE_AFTER, FOR_EVER);
    assert_int_not_equal(weir_txn_commit(txn, &t.f.err), WEIR_OK);
    assert_int_equal(t.f.err.outcome, WEIR_OUTCOME_UNKNOWN);
    assert_int_equal(weir_txn_count(txn), 1);
    fault_proxy_arm(t.proxy, PROXY_PASS, 0);
    assert_int_equal(weir_txn_commit(txn, &t.f.err), WEIR_OK);
    assert_int_equal(fixture_count(&t.f, "outbox"), 1);
    weir_txn_free(txn);
    faulty_close(&t);
}

/* Reads are never applied: whatever happens, the answer is right or there is none. */
static void check_of_many_is_right_or_an_error_under_every_fault(void **state)
{
    (void)state;
    struct weir_dedup_options no_cache = WEIR_DEDUP_OPTIONS_INIT;
    no_cache.local_cache_max = WEIR_DEDUP_NO_CACHE;
    struct weir_dedup_id ids[] = {{"w", 1, "a", 1}, {"w", 1, "b", 1}, {"w", 1, "c", 1}};
    for (int fault = 0; fault < PROXY_FAULT_COUNT; fault++) {
        struct faulty t;
        struct weir_dedup *dedup = NULL;
        struct weir_dedup_checked results[3];
        faulty_open(&t);
        assert_int_equal(weir_dedup_open(t.client, &no_cache, &dedup, &t.f.err), WEIR_OK);
        assert_int_equal(weir_dedup_commit(t.dedup, &ids[2], &t.f.err), WEIR_OK);
        for (int for_ever = 0; for_ever < 2; for_ever++) {
            fault_proxy_arm(t.proxy, (enum proxy_fault)fault, for_ever ? FOR_EVER : 1);
            assert_int_equal(weir_dedup_check_many(dedup, ids, 3, results, &t.f.err), WEIR_OK);
            bool fails = for_ever && fault != PROXY_PASS && fault != PROXY_HALF;
            for (unsigned i = 0; i < 3; i++) {
                if ((results[i].status != WEIR_OK) != fails ||
                    results[i].duplicate != (!fails && i == 2)) {
                    fail_msg("%s%s: %u: %s, duplicate %d: %s",
                             proxy_fault_text((enum proxy_fault)fault),
                             for_ever ? ", for ever" : "", i, weir_status_name(results[i].status),
                             results[i].duplicate, results[i].error.message);
                }
                assert_int_equal(results[i].error.outcome, fails ? WEIR_NOT_APPLIED : 0);
            }
        }
        weir_dedup_close(dedup);
        faulty_close(&t);
    }
}

/* ---- batches --------------------------------------------------------------------------------- */

#define BATCH 6

static void batch_id(unsigned i, char to[8])
{
    (void)snprintf(to, 8, "m-%u", i);
}

static const struct weir_value *batch_row(struct faulty *t, unsigned i)
{
    char id[8];
    batch_id(i, id);
    return fixture_item(
        &t->f, "outbox",
        arena_printf(t->f.arena, "{\"pk\":{\"S\":\"%s\"},\"sk\":{\"S\":\"%s\"}}", id, id));
}

/* One of many: what is said of it against what is there. */
static void judge_one(const char *what, unsigned i, enum proxy_fault fault, bool applied,
                      const struct weir_outbox_result *result)
{
    bool truthful = result->status == WEIR_OK ? applied
                    : result->error.outcome == WEIR_OUTCOME_UNKNOWN
                        ? !proxy_fault_is_definite(fault)
                        : !applied;
    if (!truthful) {
        fail_msg("%s, %s: %u is %sthere, and the result says %s, outcome %d: %s", what,
                 proxy_fault_text(fault), i, applied ? "" : "not ",
                 weir_status_name(result->status), (int)result->error.outcome,
                 result->error.message);
    }
}

static void add_batch(enum proxy_fault fault, bool for_ever, uint32_t overwrite)
{
    static struct weir_outbox_result results[BATCH];
    struct weir_message messages[BATCH];
    char ids[BATCH][8];
    struct faulty t;
    faulty_open(&t);
    for (unsigned i = 0; i < BATCH; i++) {
        batch_id(i, ids[i]);
        messages[i] = message();
        messages[i].key = messages[i].id = (struct weir_text){ids[i], strlen(ids[i])};
    }
    fault_proxy_arm(t.proxy, fault, for_ever ? FOR_EVER : 1);
    assert_int_equal(weir_outbox_add_many(t.outbox, messages, BATCH, overwrite, results, &t.f.err),
                     WEIR_OK);
    assert_true(fault_proxy_hits(t.proxy) > 0);
    for (unsigned i = 0; i < BATCH; i++) {
        judge_one(overwrite ? "add of many, overwriting" : "add of many", i, fault,
                  batch_row(&t, i) != NULL, &results[i]);
        bool must_succeed = fault == PROXY_PASS || fault == PROXY_HALF ||
                            (!for_ever && (overwrite || proxy_fault_is_definite(fault)));
        if (must_succeed) {
            assert_int_equal(results[i].status, WEIR_OK);
        }
    }
    faulty_close(&t);
}

static void truth_of_outbox_add_many(void **state)
{
    (void)state;
    for (int fault = 0; fault < PROXY_FAULT_COUNT; fault++) {
        add_batch((enum proxy_fault)fault, false, 0);
        add_batch((enum proxy_fault)fault, true, 0);
    }
}

static void truth_of_outbox_add_many_overwriting(void **state)
{
    (void)state;
    for (int fault = 0; fault < PROXY_FAULT_COUNT; fault++) {
        add_batch((enum proxy_fault)fault, false, 1);
        add_batch((enum proxy_fault)fault, true, 1);
    }
}

static void mark_batch(enum proxy_fault fault, bool for_ever)
{
    static struct weir_outbox_result results[BATCH];
    struct weir_outbox_ref refs[BATCH];
    char ids[BATCH][8];
    struct faulty t;
    faulty_open(&t);
    for (unsigned i = 0; i < BATCH; i++) {
        struct weir_message one = message();
        batch_id(i, ids[i]);
        one.key = one.id = refs[i].key = refs[i].id = (struct weir_text){ids[i], strlen(ids[i])};
        assert_int_equal(weir_outbox_add(t.outbox, &one, NULL, &t.f.err), WEIR_OK);
    }
    fault_proxy_arm(t.proxy, fault, for_ever ? FOR_EVER : 1);
    assert_int_equal(weir_outbox_mark_many(t.outbox, refs, BATCH, results, &t.f.err), WEIR_OK);
    assert_true(fault_proxy_hits(t.proxy) > 0);
    for (unsigned i = 0; i < BATCH; i++) {
        const char *count = fixture_text(&t.f, batch_row(&t, i), "dispatchCount");
        assert_true(strcmp(count, "") == 0 || strcmp(count, "1") == 0);
        judge_one("mark of many", i, fault, count[0] != '\0', &results[i]);
        assert_int_equal(results[i].status, results[0].status); /* one transaction */
        if (!for_ever) {
            assert_int_equal(results[i].status, WEIR_OK); /* its token makes it repeatable */
        }
    }
    faulty_close(&t);
}

static void truth_of_outbox_mark_many(void **state)
{
    (void)state;
    for (int fault = 0; fault < PROXY_FAULT_COUNT; fault++) {
        mark_batch((enum proxy_fault)fault, false);
        mark_batch((enum proxy_fault)fault, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truth_of_dedup_commit),
        cmocka_unit_test(truth_of_dedup_commit_many),
        cmocka_unit_test(truth_of_dedup_claim),
        cmocka_unit_test(truth_of_dedup_complete),
        cmocka_unit_test(truth_of_dedup_release),
        cmocka_unit_test(truth_of_outbox_add),
        cmocka_unit_test(truth_of_outbox_mark),
        cmocka_unit_test(truth_of_a_transaction),
        cmocka_unit_test(truth_of_outbox_add_many),
        cmocka_unit_test(truth_of_outbox_add_many_overwriting),
        cmocka_unit_test(truth_of_outbox_mark_many),
        cmocka_unit_test(add_whose_answer_was_lost_is_not_reported_as_anothers),
        cmocka_unit_test(transaction_of_unknown_outcome_can_be_committed_again),
        cmocka_unit_test(check_of_many_is_right_or_an_error_under_every_fault),
    };
    return fixture_run_http("store faults", tests, sizeof(tests) / sizeof(tests[0]));
}
