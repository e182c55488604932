/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random requests against a model that is an array. Both are asked the same; at the end the model's
 * own journal of changes must be the change stream, in the same order with the same images, and the
 * indexes must hold what the model's items say, as the entries of TTL must, which is switched on
 * over a table that is filled.
 */
#include "engine_test.h"

#include <stdio.h>
#include <stdlib.h>

#define PARTITIONS 6
#define SORTS 4
#define CELLS (PARTITIONS * SORTS)
#define REQUESTS 1500
#define OPS_MAX 6
#define JOURNAL_MAX (REQUESTS * OPS_MAX)

/* ---- the model --------------------------------------------------------------------------------
 */

struct cell {
    bool exists;
    int n; /* 0: the attribute is absent */
    bool has_s;
    char s;
};

struct change {
    uint32_t at;
    struct cell before, after;
};

enum guard { GUARD_NONE, GUARD_EXISTS, GUARD_MISSING, GUARD_N_BELOW_FIVE, GUARD_COUNT };
static const char *const guards[GUARD_COUNT] = {NULL, "attribute_exists(pk)",
                                                "attribute_not_exists(pk)", "n < :five"};

struct planned {
    enum engine_op_kind kind;
    uint32_t at;
    enum guard guard;
    struct cell put;
    bool adds; /* UPDATE: ADD n, or else REMOVE s or SET s */
    int delta;
    char s; /* 0: REMOVE s */
    /* What the model says. */
    enum weir_status status;
    struct cell before, after;
};

struct planned_request {
    bool transaction;
    bool twice; /* names an item twice: refused */
    uint32_t count;
    struct planned ops[OPS_MAX];
    enum weir_status status;
    struct engine_request *request;
};

struct model {
    struct fixture *f;
    uint64_t seed;
    struct cell cells[CELLS];
    struct change *journal;
    uint32_t journal_count;
};

static bool same(const struct cell *a, const struct cell *b)
{
    return a->exists == b->exists && a->n == b->n && a->has_s == b->has_s &&
           (!a->has_s || a->s == b->s);
}

static bool passes(enum guard guard, const struct cell *cell)
{
    switch (guard) {
    case GUARD_EXISTS:
        return cell->exists;
    case GUARD_MISSING:
        return !cell->exists;
    case GUARD_N_BELOW_FIVE:
        return cell->exists && cell->n != 0 && cell->n < 5;
    default:
        return true;
    }
}

static void evaluate_model(const struct model *m, struct planned *op)
{
    op->before = op->after = m->cells[op->at];
    op->status = passes(op->guard, &op->before) ? WEIR_OK : WEIR_CONDITION_FAILED;
    if (op->status != WEIR_OK) {
        return;
    }
    struct cell *after = &op->after;
    if (op->kind == ENGINE_PUT) {
        *after = op->put;
    } else if (op->kind == ENGINE_DELETE) {
        *after = (struct cell){0};
    } else if (op->kind == ENGINE_UPDATE) {
        after->exists = true;
        if (op->adds) {
            after->n += op->delta;
        } else {
            after->has_s = op->s != 0;
            after->s = op->s;
        }
    }
}

static void apply_model(struct model *m, const struct planned *op)
{
    m->cells[op->at] = op->after;
    if (!same(&op->before, &op->after)) {
        m->journal[m->journal_count++] =
            (struct change){.at = op->at, .before = op->before, .after = op->after};
    }
}

static void run_model(struct model *m, struct planned_request *planned)
{
    planned->status = planned->twice ? WEIR_VALIDATION : WEIR_OK;
    for (uint32_t i = 0; i < planned->count && !planned->twice; i++) {
        struct planned *op = &planned->ops[i];
        evaluate_model(m, op);
        if (!planned->transaction && op->status == WEIR_OK) {
            apply_model(m, op);
        } else if (planned->transaction && op->status != WEIR_OK) {
            planned->status = WEIR_TXN_CANCELED;
        }
    }
    bool commits = planned->transaction && planned->status == WEIR_OK;
    for (uint32_t i = 0; commits && i < planned->count; i++) {
        apply_model(m, &planned->ops[i]);
    }
}

/* ---- both -------------------------------------------------------------------------------------
 */

static char *key_text(struct model *m, uint32_t at)
{
    return arena_printf(m->f->a, "'pk':{'S':'p%u'},'sk':{'S':'%u'}", at / SORTS, at % SORTS);
}

/* As the engine shows it: members by name. */
static const char *cell_text(struct model *m, uint32_t at, const struct cell *cell)
{
    if (!cell->exists) {
        return "";
    }
    char *n = cell->n == 0 ? NULL : arena_printf(m->f->a, "'n':{'N':'%d'},", cell->n);
    char *s = cell->has_s ? arena_printf(m->f->a, ",'s':{'S':'%c'}", cell->s) : NULL;
    /* n < pk < s < sk */
    return arena_printf(m->f->a, "{%s'pk':{'S':'p%u'}%s,'sk':{'S':'%u'}}", n ? n : "", at / SORTS,
                        s ? s : "", at % SORTS);
}

static struct planned plan_op(struct model *m, bool transaction)
{
    uint64_t *seed = &m->seed;
    struct planned op = {.kind = (enum engine_op_kind)test_below(seed, transaction ? 4 : 3),
                         .at = test_below(seed, CELLS),
                         .guard = (enum guard)test_below(seed, GUARD_COUNT)};
    if (test_below(seed, 2) == 0) {
        op.guard = GUARD_NONE;
    }
    op.put = (struct cell){.exists = true,
                           .n = (int)test_below(seed, 9),
                           .has_s = test_below(seed, 2) == 0,
                           .s = (char)('a' + test_below(seed, 3))};
    op.adds = test_below(seed, 2) == 0;
    op.delta = 1 + (int)test_below(seed, 3);
    op.s = test_below(seed, 3) == 0 ? 0 : (char)('a' + test_below(seed, 3));
    if (op.kind == ENGINE_CHECK && op.guard == GUARD_NONE) {
        op.guard = GUARD_EXISTS;
    }
    return op;
}

static void prepare_op(struct model *m, const struct planned *op, struct engine_op *to)
{
    struct fixture *f = m->f;
    struct test_op call = {.kind = op->kind, .table = "things", .condition = guards[op->guard]};
    call.item = op->kind == ENGINE_PUT ? cell_text(m, op->at, &op->put)
                                       : arena_printf(f->a, "{%s}", key_text(m, op->at));
    call.want_old = true;
    const char *five = op->guard == GUARD_N_BELOW_FIVE ? "':five':{'N':'5'}" : "";
    const char *value = "";
    if (op->kind == ENGINE_UPDATE && op->adds) {
        call.update = "ADD n :v";
        value = arena_printf(f->a, "':v':{'N':'%d'}", op->delta);
    } else if (op->kind == ENGINE_UPDATE && op->s != 0) {
        call.update = "SET s = :v";
        value = arena_printf(f->a, "':v':{'S':'%c'}", op->s);
    } else if (op->kind == ENGINE_UPDATE) {
        call.update = "REMOVE s";
    }
    if (*five != '\0' || *value != '\0') {
        call.values =
            arena_printf(f->a, "{%s%s%s}", five, *five != '\0' && *value != '\0' ? "," : "", value);
    }
    struct weir_error err = {0};
    if (test_prepare(f, &call, to, &err) != WEIR_OK) {
        fail_msg("%s", err.message);
    }
}

static void nothing(struct engine_request *request)
{
    (void)request;
}

static void plan_and_submit(struct model *m, struct planned_request *planned)
{
    *planned = (struct planned_request){.transaction = test_below(&m->seed, 2) == 0,
                                        .count = 1 + test_below(&m->seed, OPS_MAX)};
    struct engine_request *request =
        test_request(m->f, planned->transaction ? ENGINE_TRANSACTION : ENGINE_WRITE);
    request->ops = ARENA_ARRAY(m->f->a, struct engine_op, planned->count);
    request->op_count = planned->count;
    request->done = nothing;
    for (uint32_t i = 0; i < planned->count; i++) {
        planned->ops[i] = plan_op(m, planned->transaction);
        for (uint32_t k = 0; k < i; k++) {
            planned->twice |= planned->transaction && planned->ops[k].at == planned->ops[i].at;
        }
        prepare_op(m, &planned->ops[i], &request->ops[i]);
    }
    planned->request = request;
    assert_int_equal(engine_submit(m->f->engine, request, NULL), WEIR_OK);
    run_model(m, planned);
}

static void check_request(struct model *m, struct planned_request *planned)
{
    struct engine_request *request = planned->request;
    assert_int_equal(request->status, planned->status);
    for (uint32_t i = 0; i < planned->count; i++) {
        const struct planned *op = &planned->ops[i];
        if (!planned->twice) {
            assert_int_equal(request->ops[i].status, op->status);
            assert_int_equal(request->ops[i].existed, op->before.exists);
            assert_string_equal(test_value_text(m->f, request->ops[i].old_item),
                                cell_text(m, op->at, &op->before));
            if (op->kind == ENGINE_UPDATE && op->status == WEIR_OK) {
                assert_string_equal(test_value_text(m->f, request->ops[i].new_item),
                                    cell_text(m, op->at, &op->after));
            }
        }
        engine_op_fini(&request->ops[i]);
    }
}

static void check_items(struct model *m)
{
    uint64_t count = 0;
    for (uint32_t at = 0; at < CELLS; at++) {
        count += m->cells[at].exists;
        assert_string_equal(
            test_get(m->f, "things", arena_printf(m->f->a, "{%s}", key_text(m, at))),
            cell_text(m, at, &m->cells[at]));
    }
    struct engine_table *table = test_table(m->f, "things");
    uint64_t items;
    uint64_t bytes;
    engine_table_figures(table, &items, &bytes);
    assert_int_equal(items, count);
    struct engine_page_request request = {.table = table};
    struct engine_page page;
    assert_int_equal(engine_page_read(m->f->engine, NULL, m->f->a, &request, &page, NULL), WEIR_OK);
    assert_int_equal(page.count, count);
    assert_int_equal(page.scanned_bytes, bytes);
    engine_table_unref(table);
}

/* ---- indexes ----------------------------------------------------------------------------------
 */

static const struct engine_index indexes[] = {
    {.name = BYTES_LIT("by-s"),
     .partition = {.name = BYTES_LIT("s"), .type = VALUE_S},
     .sort = {.name = BYTES_LIT("n"), .type = VALUE_N}},
    {.name = BYTES_LIT("by-n"),
     .partition = {.name = BYTES_LIT("n"), .type = VALUE_N},
     .projection = ENGINE_PROJECT_KEYS_ONLY},
};

/* What the index shows of the cell; "": it has no entry. */
static const char *entry_text(struct model *m, uint32_t at, size_t index)
{
    struct cell shown = m->cells[at];
    shown.exists = shown.exists && shown.n != 0 && (index == 1 || shown.has_s);
    shown.has_s = shown.has_s && index == 0;
    return cell_text(m, at, &shown);
}

static uint32_t check_index(struct model *m, size_t index)
{
    struct engine_page page = test_scan(m->f, "things", (const char *)indexes[index].name.ptr);
    bool seen[CELLS] = {false};
    uint32_t count = 0;
    for (uint32_t at = 0; at < CELLS; at++) {
        count += *entry_text(m, at, index) != '\0';
    }
    assert_int_equal(page.count, count);
    for (uint32_t i = 0; i < page.count; i++) {
        const char *text = test_value_text(m->f, &page.items->u.list.at[i]);
        uint32_t at = 0;
        while (at < CELLS && (seen[at] || strcmp(entry_text(m, at, index), text) != 0)) {
            at++;
        }
        assert_true(at < CELLS);
        seen[at] = true;
    }
    struct engine_table *table = test_table(m->f, "things");
    uint64_t items;
    uint64_t bytes;
    engine_index_figures(&table->indexes[index], &items, &bytes);
    assert_int_equal(items, count);
    assert_int_equal(bytes, page.scanned_bytes);
    engine_table_unref(table);
    return count;
}

/* Over memory the rows of the store are counted too, those of TTL among them: n is its attribute,
 * and says a time of the last century. */
static void check_indexes(struct model *m, bool ttl)
{
    uint32_t entries = check_index(m, 0) + check_index(m, 1);
    for (uint32_t at = 0; ttl && at < CELLS; at++) {
        entries += m->cells[at].exists && m->cells[at].n > 0;
    }
    if (m->f->mem != NULL) {
        assert_int_equal(test_stored_rows(m->f, KV_INDEX), entries);
    }
}

static int by_sequence(const void *a, const void *b)
{
    const struct engine_record *one = a;
    const struct engine_record *other = b;
    return one->commit_seq < other->commit_seq ? -1 : one->commit_seq > other->commit_seq;
}

static void check_stream(struct model *m)
{
    uint32_t count;
    struct engine_record *records = test_records(m->f, "things", &count);
    qsort(records, count, sizeof(*records), by_sequence);
    assert_int_equal(count, m->journal_count);
    for (uint32_t i = 0; i < count; i++) {
        const struct change *change = &m->journal[i];
        assert_string_equal(test_text(m->f, records[i].keys),
                            arena_printf(m->f->a, "{%s}", key_text(m, change->at)));
        assert_string_equal(test_text(m->f, records[i].old_image),
                            cell_text(m, change->at, &change->before));
        assert_string_equal(test_text(m->f, records[i].new_image),
                            cell_text(m, change->at, &change->after));
        enum engine_event event = !change->before.exists  ? ENGINE_INSERT
                                  : !change->after.exists ? ENGINE_REMOVE
                                                          : ENGINE_MODIFY;
        assert_int_equal(records[i].event, event);
    }
}

static void engine_agrees_with_the_model(void **state)
{
    struct fixture *f = *state;
    struct model m = {.f = f, .seed = test_seed()};
    m.journal = calloc(JOURNAL_MAX, sizeof(*m.journal));
    test_create_indexed(f, "things", ENGINE_VIEW_NEW_AND_OLD_IMAGES, indexes, 2);
    bool ttl = false;
    struct planned_request planned[5];
    for (int done = 0; done < REQUESTS;) {
        uint32_t count = 1 + test_below(&m.seed, 5);
        for (uint32_t i = 0; i < count; i++) {
            plan_and_submit(&m, &planned[i]);
        }
        while (engine_turn(f->engine)) {
        }
        for (uint32_t i = 0; i < count; i++) {
            check_request(&m, &planned[i]);
        }
        done += (int)count;
        if (test_below(&m.seed, 50) == 0) {
            test_reopen(f);
            check_items(&m);
            (void)check_index(&m, test_below(&m.seed, 2));
        }
        if (done > REQUESTS / 2 && !ttl) {
            check_indexes(&m, false);
            assert_int_equal(test_set_ttl(f, "things", "n"), WEIR_OK);
            ttl = true;
        }
        env_fake_advance(f->env, (int64_t)test_below(&m.seed, 2000));
        arena_reset(f->a);
    }
    check_items(&m);
    check_indexes(&m, true);
    check_stream(&m);
    free(m.journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(engine_agrees_with_the_model)};
    return RUN_BOTH(tests);
}
