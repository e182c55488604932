/* SPDX-License-Identifier: Apache-2.0 */
/* What every operation costs, in the service's capacity units, for rows of up to 1 KB: the table of
 * docs/guide/outbox.md. */
#include "unit/outbox/outbox_fixture.h"
#include "unit/support/tap.h"

struct costs {
    struct fixture f;
    struct meter meter;
    struct weir_outbox *outbox;
};

static void costs_open(struct costs *c, const char *layout, uint32_t shards, enum weir_mark mark)
{
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.layout = layout;
    options.pending_shards = shards;
    options.mark = mark;
    fixture_open(&c->f);
    c->outbox = fixture_outbox(&c->f, &options);
    meter_insert(&c->meter, c->f.client);
}

static void costs_close(struct costs *c)
{
    meter_remove(&c->meter);
    weir_outbox_close(c->outbox);
    fixture_close(&c->f);
}

static struct weir_message sized(const char *id, bool correlated)
{
    static char payload[300];
    struct weir_message message = message_of("k", id);
    memset(payload, 'p', sizeof(payload));
    message.payload = (struct weir_text){payload, sizeof(payload)};
    message.created_at_ms = 1700000000000;
    if (correlated) {
        message.correlation_id = text("c");
    }
    return message;
}

/* The write units of one message's life, by what the table has. */
struct life {
    const char *name, *layout;
    uint32_t shards;
    bool correlated;
    double add, stage, mark, mark_many, failure, redispatch, purge;
};

static const struct life lives[] = {
    {"partitioned", "partitioned", 0, false, 1, 2, 1, 2, 1, 8, 1},
    {"with pending index", "partitioned", 4, false, 2, 4, 2, 4, 1, 12, 1},
    {"by-message", "by-message", 0, false, 3, 6, 3, 6, 3, 16, 2},
    {"by-message, correlated", "by-message", 0, true, 4, 8, 4, 8, 4, 20, 3},
};

static void add_in_ways(struct costs *c, const struct life *life)
{
    struct weir_outbox_result results[10];
    struct weir_message messages[10];
    struct weir_message first = sized("first", life->correlated);
    struct weir_outbox_added added;
    assert_int_equal(weir_outbox_add(c->outbox, &first, &added, &c->f.err), WEIR_OK);
    assert_true(added.write_units == life->add);
    assert_cost(&c->meter, "add", 0, life->add, 1);
    for (int overwrite = 0; overwrite < 2; overwrite++) {
        for (int i = 0; i < 10; i++) {
            messages[i] = sized(arena_printf(c->f.arena, "%d-%d", overwrite, i), life->correlated);
            messages[i].key = text(arena_printf(c->f.arena, "k%d", i));
        }
        assert_int_equal(
            weir_outbox_add_many(c->outbox, messages, 10, (uint32_t)overwrite, results, &c->f.err),
            WEIR_OK);
        assert_true(results[9].status == WEIR_OK && results[9].write_units == life->add);
        assert_cost(&c->meter, overwrite ? "add many, overwriting" : "add many", 0, 10 * life->add,
                    overwrite ? 1 : 10);
    }
}

static void stage_and_mark(struct costs *c, const struct life *life)
{
    struct weir_message messages[2] = {sized("a", life->correlated), sized("b", life->correlated)};
    struct weir_outbox_ref refs[2] = {{text("k"), text("a")}, {text("k"), text("b")}};
    struct weir_outbox_result results[2];
    struct weir_txn *txn = NULL;
    assert_int_equal(weir_txn_new(c->f.client, &txn, &c->f.err), WEIR_OK);
    assert_int_equal(weir_outbox_stage_many(c->outbox, txn, messages, 2, NULL, &c->f.err), WEIR_OK);
    assert_int_equal(weir_txn_commit(txn, &c->f.err), WEIR_OK);
    assert_cost(&c->meter, "stage", 0, 2 * life->stage, 1);
    weir_txn_free(txn);
    assert_int_equal(weir_outbox_record_failure(c->outbox, "k", 1, "a", 1, "e", 1, &c->f.err),
                     WEIR_OK);
    assert_cost(&c->meter, "failed attempt", 0, life->failure, 1);
    assert_int_equal(weir_outbox_redispatch(c->outbox, "k", 1, "a", 1, 0, &c->f.err), WEIR_OK);
    assert_cost(&c->meter, "redispatch", 3, life->redispatch, 5);
    fixture_mark(&c->f, c->outbox, "k", "first");
    assert_cost(&c->meter, "mark", 0, life->mark, 1);
    assert_int_equal(weir_outbox_mark_many(c->outbox, refs, 2, results, &c->f.err), WEIR_OK);
    assert_cost(&c->meter, "mark many", 0, 2 * life->mark_many, 1);
}

static void cost_of_a_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
        const struct life *life = &lives[i];
        struct weir_outbox_purged purged;
        struct costs c;
        costs_open(&c, life->layout, life->shards, WEIR_MARK_UPDATE);
        add_in_ways(&c, life);
        stage_and_mark(&c, life);
        int64_t later = env_wall_ms(client_env(c.f.client)) + 1000;
        assert_int_equal(weir_outbox_purge(c.outbox, later, 0, NULL, 0, &purged, &c.f.err),
                         WEIR_OK);
        assert_int_equal(purged.deleted, 3);
        assert_true(c.meter.sum.write_units == 3 * life->purge);
        costs_close(&c);
    }
}

static void deleting_costs_what_adding_did(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
        const struct life *life = &lives[i];
        struct costs c;
        struct weir_message message = sized("m", life->correlated);
        costs_open(&c, life->layout, life->shards, WEIR_MARK_DELETE);
        assert_int_equal(weir_outbox_add(c.outbox, &message, NULL, &c.f.err), WEIR_OK);
        meter_reset(&c.meter);
        fixture_mark(&c.f, c.outbox, "k", "m");
        assert_cost(&c.meter, "mark by deletion", 0, life->add, 1);
        costs_close(&c);
    }
}

static void reading_costs(void **state)
{
    (void)state;
    static const struct {
        const char *layout;
        uint32_t shards;
        double pending; /* of one message among 40, over all keys */
        unsigned requests;
    } cases[] = {
        {"partitioned", 0, 5 + 1, 2}, {"partitioned", 4, 2 + 1, 5}, {"by-message", 0, 0.5 + 1, 2}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct costs c;
        costs_open(&c, cases[i].layout, cases[i].shards, WEIR_MARK_UPDATE);
        for (int j = 0; j < 40; j++) {
            struct weir_message message = sized(arena_printf(c.f.arena, "m%02d", j), false);
            message.created_at_ms += j;
            assert_int_equal(weir_outbox_add(c.outbox, &message, NULL, &c.f.err), WEIR_OK);
        }
        meter_reset(&c.meter);
        const char *token = NULL;
        (void)fixture_get(&c.f, c.outbox, "k", "m01");
        assert_cost(&c.meter, "get", 1, 0, 1);
        (void)fixture_pending(&c.f, c.outbox, NULL, 1, &token);
        assert_cost(&c.meter, "pending", cases[i].pending, 0, cases[i].requests);
        costs_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cost_of_a_message),
        cmocka_unit_test(deleting_costs_what_adding_did),
        cmocka_unit_test(reading_costs),
    };
    return fixture_run("cost", tests, sizeof(tests) / sizeof(tests[0]));
}
