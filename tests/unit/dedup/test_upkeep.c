/* SPDX-License-Identifier: Apache-2.0 */
/* The list of what is remembered, and the purge of it. */
#include "unit/dedup/dedup_fixture.h"
#include "unit/support/tap.h"

#include "base/error.h"
#include "client/client_internal.h"

static void commit(struct fixture *f, const char *worker, const char *message)
{
    struct weir_dedup_id id = id_of(worker, message);
    if (weir_dedup_commit(f->dedup, &id, &f->err) != WEIR_OK) {
        fail_msg("%s", f->err.message);
    }
}

static void put_outbox_row(struct fixture *f)
{
    (void)fixture_call(f, "PutItem",
                       "{\"TableName\":\"" TABLE "\",\"Item\":{\"worker_id\":{\"S\":\"w\"},"
                       "\"message_id\":{\"S\":\"outbox\"},\"messageType\":{\"S\":\"t\"},"
                       "\"expires_at\":{\"N\":\"1\"}}}");
}

/* The page as a document; `token` NULL: the first. */
static const struct weir_value *list(struct fixture *f, const char *worker,
                                     enum weir_dedup_state state, uint32_t limit, const char *token)
{
    char *text = NULL;
    size_t len = 0;
    struct weir_value *page = NULL;
    if (weir_dedup_list(f->dedup, worker, strlen(worker), state, limit, token,
                        token == NULL ? 0 : strlen(token), &text, &len, &f->err) != WEIR_OK) {
        fail_msg("%s", f->err.message);
    }
    assert_int_equal(strlen(text), len);
    assert_int_equal(json_parse(f->arena, bytes_of(text, len), &page, &f->err), WEIR_OK);
    weir_free(text);
    return page;
}

static const char *member(struct fixture *f, const struct weir_value *map, const char *name)
{
    return value_get(map, name) == NULL ? NULL : fixture_text(f, map, name);
}

/* The ids of one page, joined: "a,b,c"; `*ret_next` may be NULL. */
static const char *ids_of(struct fixture *f, const struct weir_value *page, const char **ret_next)
{
    const struct weir_value *rows = value_get(page, "rows");
    const char *joined = "";
    for (uint32_t i = 0; i < rows->u.list.count; i++) {
        joined = arena_printf(f->arena, "%s%s%s", joined, i == 0 ? "" : ",",
                              member(f, &rows->u.list.at[i], "message"));
    }
    if (ret_next != NULL) {
        *ret_next = member(f, page, "next");
    }
    return joined;
}

static void list_shows_what_every_row_says(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "b");
    commit(&f, "w", "a");
    struct weir_claim claim = fixture_claim(&f, f.dedup, "w", "b", WEIR_CLAIM_ACQUIRED);
    assert_status(weir_dedup_fail(f.dedup, &id, claim.token, "no stock", 8, 5000, &f.err), WEIR_OK);
    claim = fixture_claim(&f, f.dedup, "w", "c", WEIR_CLAIM_ACQUIRED);
    put_outbox_row(&f);
    const struct weir_value *rows = value_get(list(&f, "w", WEIR_DEDUP_ANY, 10, NULL), "rows");
    const struct weir_value *row = rows->u.list.at;
    char until[ISO8601_SIZE];
    assert_int_equal(rows->u.list.count, 3); /* the outbox's message is none of ours */
    assert_string_equal(member(&f, &row[0], "worker"), "w");
    assert_string_equal(member(&f, &row[0], "message"), "a");
    assert_string_equal(member(&f, &row[0], "status"), "COMPLETED");
    assert_non_null(member(&f, &row[0], "completedAt"));
    assert_non_null(member(&f, &row[0], "expiresAt"));
    assert_null(member(&f, &row[0], "leaseUntil"));
    assert_string_equal(member(&f, &row[1], "status"), "FAILED");
    assert_string_equal(member(&f, &row[1], "error"), "no stock");
    assert_string_equal(member(&f, &row[2], "status"), "INPROGRESS");
    assert_string_equal(member(&f, &row[2], "token"), claim.token);
    iso8601_ms(claim.until_ms, until);
    assert_string_equal(member(&f, &row[2], "leaseUntil"), until);
    dedup_fixture_close(&f);
}

static void list_is_of_one_worker_or_all_and_of_one_state(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    commit(&f, "v", "old");
    env_fake_advance(f.clock, 3602 * 1000);
    commit(&f, "v", "a");
    commit(&f, "w", "b");
    (void)fixture_claim(&f, f.dedup, "w", "c", WEIR_CLAIM_ACQUIRED);
    (void)fixture_call(&f, "PutItem",
                       "{\"TableName\":\"" TABLE "\",\"Item\":{\"worker_id\":{\"S\":\"x\"},"
                       "\"message_id\":{\"S\":\"bad\"},\"token\":{\"N\":\"1\"}}}");
    assert_string_equal(ids_of(&f, list(&f, "v", WEIR_DEDUP_ANY, 9, NULL), NULL), "a,old");
    assert_string_equal(ids_of(&f, list(&f, "w", WEIR_DEDUP_ANY, 9, NULL), NULL), "b,c");
    assert_string_equal(ids_of(&f, list(&f, "none", WEIR_DEDUP_ANY, 9, NULL), NULL), "");
    assert_int_equal(value_get(list(&f, "", WEIR_DEDUP_ANY, 9, NULL), "rows")->u.list.count, 5);
    assert_string_equal(ids_of(&f, list(&f, "v", WEIR_DEDUP_COMPLETED, 9, NULL), NULL), "a");
    assert_string_equal(ids_of(&f, list(&f, "", WEIR_DEDUP_IN_PROGRESS, 9, NULL), NULL), "c");
    assert_string_equal(ids_of(&f, list(&f, "", WEIR_DEDUP_EXPIRED, 9, NULL), NULL), "old");
    assert_string_equal(ids_of(&f, list(&f, "", WEIR_DEDUP_MALFORMED, 9, NULL), NULL), "bad");
    assert_string_equal(ids_of(&f, list(&f, "", WEIR_DEDUP_FAILED, 9, NULL), NULL), "");
    dedup_fixture_close(&f);
}

/* A time that another program wrote, in a row that is ours by its keys. */
static void list_shows_a_time_beyond_all_times(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    (void)fixture_call(&f, "PutItem",
                       "{\"TableName\":\"" TABLE "\",\"Item\":{\"worker_id\":{\"S\":\"w\"},"
                       "\"message_id\":{\"S\":\"far\"},\"expires_at\":"
                       "{\"N\":\"9223372036854775807\"}}}");
    const struct weir_value *rows = value_get(list(&f, "w", WEIR_DEDUP_ANY, 9, NULL), "rows");
    assert_string_equal(member(&f, rows->u.list.at, "status"), "COMPLETED");
    assert_string_equal(member(&f, rows->u.list.at, "expiresAt"), "9999-12-31T23:59:59.999Z");
    dedup_fixture_close(&f);
}

static void list_goes_on_with_its_token_to_the_end(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    const char *token = NULL;
    const char *const wanted[] = {"m-0,m-1", "m-2,m-3", "m-4"};
    for (unsigned i = 0; i < 5; i++) {
        commit(&f, "w", arena_printf(f.arena, "m-%u", i));
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(ids_of(&f, list(&f, "w", WEIR_DEDUP_COMPLETED, 2, token), &token),
                            wanted[i]);
        assert_int_equal(token != NULL, i < 2);
    }
    /* One that ends exactly at the end says so. */
    assert_string_equal(ids_of(&f, list(&f, "w", WEIR_DEDUP_ANY, 5, NULL), &token),
                        "m-0,m-1,m-2,m-3,m-4");
    assert_null(token);
    dedup_fixture_close(&f);
}

static void list_refuses_what_it_cannot_do_by_name(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    char *text = NULL;
    size_t len;
    static char worker[2049];
    const struct {
        size_t worker_len;
        int state;
        uint32_t limit;
        const char *token, *says;
    } cases[] = {
        {0, 0, 0, "", "limit is 0"},        {0, 0, 1001, "", "limit is 1001"},
        {0, 6, 1, "", "state is 6"},        {2049, 0, 1, "", "worker has 2049 bytes"},
        {0, 0, 1, "####", "the token"},     {0, 0, 1, "AAAA", "the token"},
        {0, 0, 1, "/////w==", "the token"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_status(weir_dedup_list(f.dedup, worker, cases[i].worker_len,
                                      (enum weir_dedup_state)cases[i].state, cases[i].limit,
                                      cases[i].token, strlen(cases[i].token), &text, &len, &f.err),
                      WEIR_INVALID_ARGUMENT);
        assert_says(cases[i].says);
        assert_null(text);
    }
    assert_status(weir_dedup_list(NULL, "", 0, WEIR_DEDUP_ANY, 1, NULL, 0, &text, &len, &f.err),
                  WEIR_CLOSED);
    dedup_fixture_close(&f);
}

/* ---- purge ----------------------------------------------------------------------------------- */

static struct weir_dedup_purged purge(struct fixture *f, struct weir_dedup_purge_options options)
{
    struct weir_dedup_purged purged = {.deleted = 99};
    options.struct_size = (uint32_t)sizeof(options);
    if (weir_dedup_purge(f->dedup, &options, &purged, &f->err) != WEIR_OK) {
        fail_msg("%s", f->err.message);
    }
    return purged;
}

static void test_H3_purge_deletes_expired_rows_alone(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    commit(&f, "v", "old");
    commit(&f, "w", "old");
    env_fake_advance(f.clock, 3602 * 1000);
    commit(&f, "w", "new");
    (void)fixture_claim(&f, f.dedup, "w", "claimed", WEIR_CLAIM_ACQUIRED);
    put_outbox_row(&f);
    struct weir_dedup_purged purged =
        purge(&f, (struct weir_dedup_purge_options){.what = WEIR_DEDUP_PURGE_EXPIRED,
                                                    .worker = {"w", 1}});
    assert_int_equal(purged.deleted, 1);
    assert_int_equal(fixture_count(&f, TABLE), 4);
    purged = purge(&f, (struct weir_dedup_purge_options){.what = WEIR_DEDUP_PURGE_EXPIRED});
    assert_int_equal(purged.deleted, 1);
    assert_int_equal(purged.kept, 0);
    assert_int_equal(purged.more, 0);
    assert_int_equal(fixture_count(&f, TABLE), 3);
    assert_non_null(fixture_row(&f, "w", "new"));
    assert_non_null(fixture_row(&f, "w", "claimed"));
    assert_non_null(fixture_row(&f, "w", "outbox"));
    dedup_fixture_close(&f);
}

static void purge_of_what_was_completed_before_a_time(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    int32_t duplicate = -1;
    struct weir_dedup_id a = id_of("w", "a");
    commit(&f, "w", "a");
    (void)fixture_claim(&f, f.dedup, "w", "claimed", WEIR_CLAIM_ACQUIRED);
    env_fake_advance(f.clock, 1);
    int64_t cutoff_ms = env_wall_ms(f.clock);
    commit(&f, "w", "b");
    struct weir_dedup_purged purged =
        purge(&f, (struct weir_dedup_purge_options){.what = WEIR_DEDUP_PURGE_COMPLETED,
                                                    .completed_before_ms = cutoff_ms});
    assert_int_equal(purged.deleted, 1);
    assert_null(fixture_row(&f, "w", "a"));
    assert_non_null(fixture_row(&f, "w", "b"));
    assert_non_null(fixture_row(&f, "w", "claimed"));
    /* Not from memory either. */
    assert_status(weir_dedup_check(f.dedup, &a, &duplicate, &f.err), WEIR_OK);
    assert_int_equal(duplicate, 0);
    /* A completed row that expired is one that was completed. */
    env_fake_advance(f.clock, 3602 * 1000);
    purged = purge(&f, (struct weir_dedup_purge_options){.what = WEIR_DEDUP_PURGE_COMPLETED,
                                                         .completed_before_ms = cutoff_ms + 1});
    assert_int_equal(purged.deleted, 1);
    dedup_fixture_close(&f);
}

static void purge_of_a_worker_takes_all_pages_and_nobody_elses(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    static struct weir_dedup_result results[150];
    struct weir_dedup_id ids[150];
    for (unsigned i = 0; i < 150; i++) {
        ids[i] = id_of("w", arena_printf(f.arena, "m-%03u", i));
    }
    assert_status(weir_dedup_commit_many(f.dedup, ids, 150, results, &f.err), WEIR_OK);
    (void)fixture_claim(&f, f.dedup, "w", "claimed", WEIR_CLAIM_ACQUIRED);
    commit(&f, "v", "m");
    put_outbox_row(&f);
    struct weir_dedup_purge_options options = {
        .what = WEIR_DEDUP_PURGE_WORKER, .worker = {"w", 1}, .limit = 100};
    struct weir_dedup_purged purged = purge(&f, options);
    assert_int_equal(purged.deleted, 100);
    assert_int_equal(purged.more, 1);
    weir_free(purged.next);
    purged = purge(&f, options);
    assert_null(purged.next);
    assert_int_equal(purged.deleted, 51);
    assert_int_equal(purged.more, 0);
    assert_int_equal(fixture_count(&f, TABLE), 2);
    assert_non_null(fixture_row(&f, "v", "m"));
    assert_non_null(fixture_row(&f, "w", "outbox"));
    dedup_fixture_close(&f);
}

/* Rows that stay are not read again by the calls that follow. */
static void purge_goes_on_behind_its_token(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    for (unsigned i = 0; i < 40; i++) { /* every other one stays */
        char *message = arena_printf(f.arena, "m-%02u", i);
        if (i % 2 == 0) {
            commit(&f, "w", message);
        } else {
            (void)fixture_claim(&f, f.dedup, "w", message, WEIR_CLAIM_ACQUIRED);
        }
    }
    struct weir_dedup_purge_options options = {
        .what = WEIR_DEDUP_PURGE_COMPLETED,
        .worker = {"w", 1},
        .completed_before_ms = env_wall_ms(f.clock) + 60000,
        .limit = 8,
    };
    struct weir_dedup_purged purged = {0};
    uint64_t deleted = 0;
    unsigned calls = 0;
    char *token = NULL;
    do {
        options.token = (struct weir_text){token, token == NULL ? 0 : strlen(token)};
        purged = purge(&f, options);
        deleted += purged.deleted;
        assert_int_equal(purged.more != 0, purged.next != NULL);
        if (purged.next != NULL) { /* what is before the token does not come back */
            commit(&f, "w", arena_printf(f.arena, "a-%u", calls));
        }
        calls++;
        weir_free(token);
        token = purged.next;
    } while (token != NULL);
    assert_int_equal(deleted, 20);
    assert_int_equal(calls, 3);
    assert_int_equal(fixture_count(&f, TABLE), 20 + 2);
    options.token = (struct weir_text){"no token", 8};
    options.struct_size = sizeof(options);
    assert_status(weir_dedup_purge(f.dedup, &options, NULL, &f.err), WEIR_INVALID_ARGUMENT);
    dedup_fixture_close(&f);
}

/* A page of the scan ends at 1 MB: rows of 390 KB make several. */
static void purge_reads_every_page_of_the_table(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    static char result[390000];
    memset(result, 'r', sizeof(result));
    for (unsigned i = 0; i < 8; i++) {
        char *message = arena_printf(f.arena, "m-%u", i);
        struct weir_dedup_id id = id_of("w", message);
        struct weir_claim claim = fixture_claim(&f, f.dedup, "w", message, WEIR_CLAIM_ACQUIRED);
        assert_status(
            weir_dedup_complete(f.dedup, &id, claim.token, result, sizeof(result), &f.err),
            WEIR_OK);
    }
    struct meter meter;
    meter_insert(&meter, f.client);
    assert_int_equal(value_get(list(&f, "", WEIR_DEDUP_ANY, 9, NULL), "rows")->u.list.count, 8);
    assert_in_range(meter.attempts, 2, 8);
    meter_remove(&meter);
    env_fake_advance(f.clock, 3602 * 1000);
    struct weir_dedup_purged purged =
        purge(&f, (struct weir_dedup_purge_options){.what = WEIR_DEDUP_PURGE_EXPIRED});
    assert_int_equal(purged.deleted, 8);
    assert_int_equal(fixture_count(&f, TABLE), 0);
    dedup_fixture_close(&f);
}

/* Changes the row when its delete is on the way. */
struct meddler {
    struct tap tap; /* first */
    struct weir_dedup *other;
    bool done;
};

static void meddle(struct tap *tap, struct client_request *request)
{
    struct meddler *meddler = (struct meddler *)tap;
    if (strcmp(request->operation, "DeleteItem") == 0 && !meddler->done) {
        struct weir_dedup_id id = id_of("w", "m");
        struct weir_error err;
        meddler->done = true;
        tap->client->transport = tap->inner; /* past the tap */
        assert_int_equal(weir_dedup_commit(meddler->other, &id, &err), WEIR_OK);
        tap->client->transport = &tap->base;
    }
}

static void row_that_changes_meanwhile_stays(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct meddler meddler = {.tap.before = meddle, .other = fixture_dedup(&f, NULL)};
    commit(&f, "w", "m");
    commit(&f, "w", "n");
    env_fake_advance(f.clock, 3602 * 1000);
    tap_insert(&meddler.tap, f.client);
    struct weir_dedup_purged purged =
        purge(&f, (struct weir_dedup_purge_options){.what = WEIR_DEDUP_PURGE_EXPIRED});
    tap_remove(&meddler.tap);
    assert_int_equal(purged.deleted, 1);
    assert_int_equal(purged.kept, 1);
    assert_non_null(fixture_row(&f, "w", "m"));
    weir_dedup_close(meddler.other);
    dedup_fixture_close(&f);
}

/* ---- rows that change under way -------------------------------------------------------------- */

/* Does something to the row, past the tap, when the first delete is on its way; and may lose that
 * delete's answer. */
struct change {
    struct tap tap; /* first */
    struct fixture *f;
    void (*make)(struct fixture *f);
    bool loses_answer;
    unsigned deletes;
};

static void change_before(struct tap *tap, struct client_request *request)
{
    struct change *change = (struct change *)tap;
    if (strcmp(request->operation, "DeleteItem") == 0 && change->deletes++ == 0 &&
        change->make != NULL) {
        tap->client->transport = tap->inner;
        change->make(change->f);
        tap->client->transport = &tap->base;
    }
}

static void change_after(struct tap *tap, struct client_request *request)
{
    struct change *change = (struct change *)tap;
    if (change->loses_answer && change->deletes == 1 &&
        strcmp(request->operation, "DeleteItem") == 0) {
        request->status = error_set(&request->error, WEIR_TIMEOUT, "the answer is lost");
        request->error.outcome = WEIR_OUTCOME_UNKNOWN;
        request->response = NULL;
        request->error_members = NULL;
    }
}

/* Purges the worker's one row while that happens to it. */
static void purge_with(struct fixture *f, void (*make)(struct fixture *f), bool loses_answer,
                       uint64_t deleted, uint64_t kept)
{
    struct change change = {.tap = {.before = change_before, .after = change_after},
                            .f = f,
                            .make = make,
                            .loses_answer = loses_answer};
    tap_insert(&change.tap, f->client);
    struct weir_dedup_purged purged = purge(
        f, (struct weir_dedup_purge_options){.what = WEIR_DEDUP_PURGE_WORKER, .worker = {"w", 1}});
    tap_remove(&change.tap);
    assert_int_equal(purged.deleted, deleted);
    assert_int_equal(purged.kept, kept);
    assert_int_equal(change.deletes, loses_answer ? 2 : 1);
}

static void make_remembered(struct fixture *f)
{
    dedup_cache_add(f->dedup->cache, bytes_str("w"), bytes_str("m"), 0);
}

/* A check that read the row before it went remembers it again. */
static void forgotten_message_is_not_remembered_by_a_check_under_way(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    struct change change = {.tap = {.before = change_before}, .f = &f, .make = make_remembered};
    int32_t duplicate = -1;
    commit(&f, "w", "m");
    tap_insert(&change.tap, f.client);
    assert_status(weir_dedup_forget(f.dedup, &id, &f.err), WEIR_OK);
    tap_remove(&change.tap);
    assert_status(weir_dedup_check(f.dedup, &id, &duplicate, &f.err), WEIR_OK);
    assert_int_equal(duplicate, 0);
    dedup_fixture_close(&f);
}

static void forget_whose_answer_was_lost_did_forget(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    struct change change = {
        .tap = {.before = change_before, .after = change_after}, .f = &f, .loses_answer = true};
    commit(&f, "w", "m");
    tap_insert(&change.tap, f.client);
    assert_status(weir_dedup_forget(f.dedup, &id, &f.err), WEIR_OK);
    tap_remove(&change.tap);
    assert_int_equal(change.deletes, 2);
    assert_null(fixture_row(&f, "w", "m"));
    assert_status(weir_dedup_forget(f.dedup, &id, &f.err), WEIR_NOT_FOUND);
    assert_int_equal(f.err.outcome, WEIR_NOT_APPLIED);
    dedup_fixture_close(&f);
}

static void make_committed_again(struct fixture *f)
{
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_error err;
    assert_int_equal(weir_dedup_forget(f->dedup, &id, &err), WEIR_OK);
    commit(f, "w", "m");
}

static void row_that_differs_in_its_token_alone_stays(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    commit(&f, "w", "m");
    purge_with(&f, make_committed_again, false, 0, 1);
    assert_non_null(fixture_row(&f, "w", "m"));
    dedup_fixture_close(&f);
}

static char held_token[WEIR_CLAIM_TOKEN_SIZE];

static void make_renewed(struct fixture *f)
{
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_error err;
    int64_t until_ms = 0;
    env_fake_advance(f->clock, 1);
    assert_int_equal(weir_dedup_renew(f->dedup, &id, held_token, &until_ms, &err), WEIR_OK);
}

static void claim_that_was_renewed_within_the_second_stays(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    env_fake_advance(f.clock, 1100 - env_wall_ms(f.clock) % 1000);
    struct weir_claim claim = fixture_claim(&f, f.dedup, "w", "m", WEIR_CLAIM_ACQUIRED);
    memcpy(held_token, claim.token, sizeof(held_token));
    purge_with(&f, make_renewed, false, 0, 1);
    assert_non_null(fixture_row(&f, "w", "m"));
    dedup_fixture_close(&f);
}

static void test_A8_row_that_becomes_an_outbox_message_stays(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    (void)fixture_call(&f, "PutItem",
                       "{\"TableName\":\"" TABLE "\",\"Item\":{\"worker_id\":{\"S\":\"w\"},"
                       "\"message_id\":{\"S\":\"outbox\"},\"expires_at\":{\"N\":\"1\"}}}");
    purge_with(&f, put_outbox_row, false, 0, 1);
    assert_non_null(fixture_row(&f, "w", "outbox"));
    dedup_fixture_close(&f);
}

/* What weir_outbox_redispatch keeps between its two steps: a message, whole, in one attribute. */
static void put_redispatch_row(struct fixture *f)
{
    (void)fixture_call(
        f, "PutItem",
        "{\"TableName\":\"" TABLE "\",\"Item\":{\"worker_id\":{\"S\":\"w\"},"
        "\"message_id\":{\"S\":\"outbox\"},\"redispatchRow\":{\"M\":{\"worker_id\":{\"S\":\"w\"},"
        "\"message_id\":{\"S\":\"m\"},\"messageType\":{\"S\":\"t\"}}}}}");
}

static void test_A8_message_in_the_middle_of_a_redispatch_is_left_alone(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "outbox");
    struct weir_claim_request request = request_of("w", "outbox", "p");
    struct weir_claim claim;
    struct weir_dedup_checked checked;
    int32_t duplicate = -1;
    put_redispatch_row(&f);
    assert_string_equal(ids_of(&f, list(&f, "", WEIR_DEDUP_ANY, 9, NULL), NULL), "");
    assert_int_equal(purge(&f, (struct weir_dedup_purge_options){.what = WEIR_DEDUP_PURGE_WORKER,
                                                                 .worker = {"w", 1}})
                         .deleted,
                     0);
    assert_status(weir_dedup_check(f.dedup, &id, &duplicate, &f.err), WEIR_CONFIG);
    assert_status(weir_dedup_check_many(f.dedup, &id, 1, &checked, &f.err), WEIR_OK);
    assert_int_equal(checked.status, WEIR_CONFIG);
    assert_status(weir_dedup_commit(f.dedup, &id, &f.err), WEIR_CONFIG);
    assert_status(weir_dedup_claim(f.dedup, &request, &claim, &f.err), WEIR_CONFIG);
    assert_status(weir_dedup_forget(f.dedup, &id, &f.err), WEIR_NOT_FOUND);
    assert_non_null(fixture_row(&f, "w", "outbox"));
    /* Nor where it comes while the delete is on its way. */
    (void)fixture_call(&f, "PutItem",
                       "{\"TableName\":\"" TABLE "\",\"Item\":{\"worker_id\":{\"S\":\"w\"},"
                       "\"message_id\":{\"S\":\"outbox\"}}}");
    purge_with(&f, put_redispatch_row, false, 0, 1);
    assert_non_null(fixture_row(&f, "w", "outbox"));
    dedup_fixture_close(&f);
}

static void delete_whose_answer_was_lost_counts_once(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    commit(&f, "w", "m");
    purge_with(&f, NULL, true, 1, 0);
    assert_null(fixture_row(&f, "w", "m"));
    dedup_fixture_close(&f);
}

/* The simple store of another program: without a token. */
static void make_simple(struct fixture *f)
{
    (void)fixture_call(f, "PutItem",
                       "{\"TableName\":\"" TABLE "\",\"Item\":{\"worker_id\":{\"S\":\"w\"},"
                       "\"message_id\":{\"S\":\"m\"}}}");
}

static void row_without_a_token_is_not_taken_for_a_deleted_one(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    commit(&f, "w", "m");
    purge_with(&f, make_simple, true, 0, 1);
    assert_non_null(fixture_row(&f, "w", "m"));
    dedup_fixture_close(&f);
}

static void make_forgotten(struct fixture *f)
{
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_error err;
    assert_int_equal(weir_dedup_forget(f->dedup, &id, &err), WEIR_OK);
}

static void row_that_somebody_else_deleted_is_neither_deleted_nor_kept(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    commit(&f, "w", "m");
    purge_with(&f, make_forgotten, false, 0, 0);
    dedup_fixture_close(&f);
}

/* ---- answers that are none ------------------------------------------------------------------- */

static void answer_nonsense(struct tap *tap, struct client_request *request)
{
    if (request->status == WEIR_OK) {
        struct weir_value *document = NULL;
        const char *json = tap->arg;
        assert_int_equal(json_parse(request->arena, bytes_str(json), &document, NULL), WEIR_OK);
        request->response = document;
    }
}

static void answer_without_rows_is_refused(void **state)
{
    static const char *const answers[] = {"{}", "{\"Items\":\"rows\"}", "{\"Items\":{\"a\":1}}",
                                          "{\"Items\":[7]}"};
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        char *page = NULL;
        size_t len = 0;
        struct weir_dedup_purge_options options = WEIR_DEDUP_PURGE_OPTIONS_INIT;
        struct tap tap = {.after = answer_nonsense, .arg = (void *)(uintptr_t)answers[i]};
        options.what = WEIR_DEDUP_PURGE_EXPIRED;
        tap_insert(&tap, f.client);
        assert_int_not_equal(
            weir_dedup_list(f.dedup, NULL, 0, WEIR_DEDUP_ANY, 10, NULL, 0, &page, &len, &f.err),
            WEIR_OK);
        assert_int_not_equal(weir_dedup_purge(f.dedup, &options, NULL, &f.err), WEIR_OK);
        tap_remove(&tap);
        assert_null(page);
    }
    dedup_fixture_close(&f);
}

static void purge_refuses_what_it_cannot_do_by_name(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    const uint32_t size = (uint32_t)sizeof(struct weir_dedup_purge_options);
    const struct {
        struct weir_dedup_purge_options options;
        const char *says;
    } cases[] = {
        {{.what = WEIR_DEDUP_PURGE_EXPIRED}, "WEIR_DEDUP_PURGE_OPTIONS_INIT"},
        {{.struct_size = size}, "what is 0"},
        {{.struct_size = size, .what = WEIR_DEDUP_PURGE_WORKER}, "worker is empty"},
        {{.struct_size = size, .what = WEIR_DEDUP_PURGE_COMPLETED}, "completed_before_ms"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_status(weir_dedup_purge(f.dedup, &cases[i].options, NULL, &f.err),
                      WEIR_INVALID_ARGUMENT);
        assert_says(cases[i].says);
    }
    assert_status(weir_dedup_purge(NULL, &cases[0].options, NULL, &f.err), WEIR_CLOSED);
    dedup_fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_shows_what_every_row_says),
        cmocka_unit_test(list_is_of_one_worker_or_all_and_of_one_state),
        cmocka_unit_test(list_shows_a_time_beyond_all_times),
        cmocka_unit_test(list_goes_on_with_its_token_to_the_end),
        cmocka_unit_test(list_refuses_what_it_cannot_do_by_name),
        cmocka_unit_test(test_H3_purge_deletes_expired_rows_alone),
        cmocka_unit_test(purge_of_what_was_completed_before_a_time),
        cmocka_unit_test(purge_of_a_worker_takes_all_pages_and_nobody_elses),
        cmocka_unit_test(purge_goes_on_behind_its_token),
        cmocka_unit_test(purge_reads_every_page_of_the_table),
        cmocka_unit_test(row_that_changes_meanwhile_stays),
        cmocka_unit_test(row_that_differs_in_its_token_alone_stays),
        cmocka_unit_test(claim_that_was_renewed_within_the_second_stays),
        cmocka_unit_test(test_A8_row_that_becomes_an_outbox_message_stays),
        cmocka_unit_test(test_A8_message_in_the_middle_of_a_redispatch_is_left_alone),
        cmocka_unit_test(forgotten_message_is_not_remembered_by_a_check_under_way),
        cmocka_unit_test(forget_whose_answer_was_lost_did_forget),
        cmocka_unit_test(delete_whose_answer_was_lost_counts_once),
        cmocka_unit_test(row_without_a_token_is_not_taken_for_a_deleted_one),
        cmocka_unit_test(row_that_somebody_else_deleted_is_neither_deleted_nor_kept),
        cmocka_unit_test(answer_without_rows_is_refused),
        cmocka_unit_test(purge_refuses_what_it_cannot_do_by_name),
    };
    return fixture_run("upkeep", tests, sizeof(tests) / sizeof(tests[0]));
}
