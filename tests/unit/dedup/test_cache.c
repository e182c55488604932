/* SPDX-License-Identifier: Apache-2.0 */
/* What this process remembers: bounded, per worker, until it expires, and never what is not so. */
#include "unit/dedup/dedup_fixture.h"

static struct weir_bytes bytes(const char *s)
{
    return bytes_str(s);
}

static void cache_is_bounded_and_drops_the_one_used_the_longest_ago(void **state)
{
    (void)state;
    struct dedup_cache *cache = dedup_cache_new(env_system(), 3);
    assert_non_null(cache);
    dedup_cache_add(cache, bytes("w"), bytes("a"), 0);
    dedup_cache_add(cache, bytes("w"), bytes("b"), 0);
    dedup_cache_add(cache, bytes("w"), bytes("c"), 0);
    assert_true(dedup_cache_knows(cache, bytes("w"), bytes("a"), 1));
    dedup_cache_add(cache, bytes("w"), bytes("d"), 0);
    assert_int_equal(dedup_cache_count(cache), 3);
    assert_false(dedup_cache_knows(cache, bytes("w"), bytes("b"), 1));
    assert_true(dedup_cache_knows(cache, bytes("w"), bytes("a"), 1));
    assert_true(dedup_cache_knows(cache, bytes("w"), bytes("c"), 1));
    assert_true(dedup_cache_knows(cache, bytes("w"), bytes("d"), 1));
    dedup_cache_forget(cache, bytes("w"), bytes("c"));
    assert_int_equal(dedup_cache_count(cache), 2);
    assert_false(dedup_cache_knows(cache, bytes("w"), bytes("c"), 1));
    dedup_cache_free(cache);
}

static void cache_holds_its_bound_under_any_number_of_ids(void **state)
{
    (void)state;
    struct dedup_cache *cache = dedup_cache_new(env_system(), 100);
    char message[32];
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(message, sizeof(message), "m-%u", i);
        dedup_cache_add(cache, bytes("w"), bytes(message), 0);
        assert_true(dedup_cache_knows(cache, bytes("w"), bytes(message), 1));
        assert_int_equal(dedup_cache_count(cache), i < 100 ? i + 1 : 100);
    }
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(message, sizeof(message), "m-%u", i);
        assert_int_equal(dedup_cache_knows(cache, bytes("w"), bytes(message), 1), i >= 4900);
    }
    dedup_cache_free(cache);
}

static void cache_of_one_id_works(void **state)
{
    (void)state;
    struct dedup_cache *cache = dedup_cache_new(env_system(), 1);
    dedup_cache_add(cache, bytes("w"), bytes("a"), 0);
    dedup_cache_add(cache, bytes("w"), bytes("b"), 0);
    assert_int_equal(dedup_cache_count(cache), 1);
    assert_true(dedup_cache_knows(cache, bytes("w"), bytes("b"), 1));
    dedup_cache_free(cache);
    dedup_cache_free(NULL);
    assert_false(dedup_cache_knows(NULL, bytes("w"), bytes("a"), 1));
}

static void cache_tells_workers_apart_also_where_their_texts_join(void **state)
{
    (void)state;
    struct dedup_cache *cache = dedup_cache_new(env_system(), 8);
    dedup_cache_add(cache, bytes("ab"), bytes("c"), 0);
    assert_false(dedup_cache_knows(cache, bytes("a"), bytes("bc"), 1));
    assert_false(dedup_cache_knows(cache, bytes("abc"), bytes(""), 1));
    assert_true(dedup_cache_knows(cache, bytes("ab"), bytes("c"), 1));
    dedup_cache_free(cache);
}

static void cached_id_expires_with_its_row(void **state)
{
    (void)state;
    struct dedup_cache *cache = dedup_cache_new(env_system(), 8);
    dedup_cache_add(cache, bytes("w"), bytes("m"), 100);
    assert_true(dedup_cache_knows(cache, bytes("w"), bytes("m"), 100));
    assert_false(dedup_cache_knows(cache, bytes("w"), bytes("m"), 101));
    assert_int_equal(dedup_cache_count(cache), 0);
    dedup_cache_free(cache);
}

/* ---- in the store ---------------------------------------------------------------------------- */

static uint64_t cache_hits(const struct weir_dedup *dedup)
{
    struct weir_dedup_figures figures;
    weir_dedup_read_figures(dedup, &figures);
    return figures.cache_hits;
}

static int32_t is_duplicate(struct fixture *f, struct weir_dedup *dedup, const char *worker,
                            const char *message)
{
    struct weir_dedup_id id = id_of(worker, message);
    int32_t duplicate = -1;
    if (weir_dedup_check(dedup, &id, &duplicate, &f->err) != WEIR_OK) {
        fail_msg("%s", f->err.message);
    }
    return duplicate;
}

static void redelivery_is_answered_from_memory_and_for_its_worker_alone(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    assert_int_equal(is_duplicate(&f, f.dedup, "w", "m"), 0); /* a new id is not remembered */
    assert_int_equal(is_duplicate(&f, f.dedup, "w", "m"), 0);
    assert_int_equal(cache_hits(f.dedup), 0);
    assert_status(weir_dedup_commit(f.dedup, &id, &f.err), WEIR_OK);
    assert_int_equal(is_duplicate(&f, f.dedup, "w", "m"), 1);
    assert_int_equal(cache_hits(f.dedup), 1);
    assert_int_equal(is_duplicate(&f, f.dedup, "x", "m"), 0);
    assert_int_equal(cache_hits(f.dedup), 1);
    /* Another process reads it once. */
    struct weir_dedup *other = fixture_dedup(&f, NULL);
    assert_int_equal(is_duplicate(&f, other, "w", "m"), 1);
    assert_int_equal(cache_hits(other), 0);
    assert_int_equal(is_duplicate(&f, other, "w", "m"), 1);
    assert_int_equal(cache_hits(other), 1);
    weir_dedup_close(other);
    dedup_fixture_close(&f);
}

static void store_keeps_no_more_ids_than_it_may(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_options options = WEIR_DEDUP_OPTIONS_INIT;
    options.local_cache_max = 4;
    struct weir_dedup *small = fixture_dedup(&f, &options);
    options.local_cache_max = WEIR_DEDUP_NO_CACHE;
    struct weir_dedup *none = fixture_dedup(&f, &options);
    for (unsigned i = 0; i < 20; i++) {
        const char *message = arena_printf(f.arena, "m-%u", i);
        struct weir_dedup_id id = id_of("w", message);
        assert_status(weir_dedup_commit(small, &id, &f.err), WEIR_OK);
        assert_int_equal(is_duplicate(&f, none, "w", message), 1);
    }
    assert_int_equal(dedup_cache_count(small->cache), 4);
    assert_int_equal(dedup_cache_count(none->cache), 0);
    assert_int_equal(cache_hits(none), 0);
    assert_int_equal(is_duplicate(&f, small, "w", "m-0"), 1); /* dropped, so it is read */
    assert_int_equal(cache_hits(small), 0);
    weir_dedup_close(small);
    weir_dedup_close(none);
    dedup_fixture_close(&f);
}

static void claim_that_is_not_completed_is_never_cached(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_claim claim = fixture_claim(&f, f.dedup, "w", "m", WEIR_CLAIM_ACQUIRED);
    (void)fixture_claim(&f, f.dedup, "w", "m", WEIR_CLAIM_IN_PROGRESS);
    assert_status(weir_dedup_fail(f.dedup, &id, claim.token, NULL, 0, 1000, &f.err), WEIR_OK);
    assert_int_equal(dedup_cache_count(f.dedup->cache), 0);
    assert_int_equal(is_duplicate(&f, f.dedup, "w", "m"), 0);
    env_fake_advance(f.clock, 1001);
    claim = fixture_claim(&f, f.dedup, "w", "m", WEIR_CLAIM_ACQUIRED);
    assert_status(weir_dedup_complete(f.dedup, &id, claim.token, NULL, 0, &f.err), WEIR_OK);
    assert_int_equal(is_duplicate(&f, f.dedup, "w", "m"), 1);
    assert_int_equal(cache_hits(f.dedup), 1);
    dedup_fixture_close(&f);
}

static void test_H3_completion_that_is_repeated_does_not_outlive_its_row(void **state)
{
    (void)state;
    struct fixture f;
    dedup_fixture_open(&f);
    struct weir_dedup_id id = id_of("w", "m");
    struct weir_claim claim = fixture_claim(&f, f.dedup, "w", "m", WEIR_CLAIM_ACQUIRED);
    assert_status(weir_dedup_complete(f.dedup, &id, claim.token, NULL, 0, &f.err), WEIR_OK);
    env_fake_advance(f.clock, 3000 * 1000);
    assert_status(weir_dedup_complete(f.dedup, &id, claim.token, NULL, 0, &f.err), WEIR_OK);
    assert_int_equal(is_duplicate(&f, f.dedup, "w", "m"), 1);
    env_fake_advance(f.clock, 602 * 1000); /* 3602 s after the row was written */
    assert_int_equal(is_duplicate(&f, f.dedup, "w", "m"), 0);
    dedup_fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cache_is_bounded_and_drops_the_one_used_the_longest_ago),
        cmocka_unit_test(cache_holds_its_bound_under_any_number_of_ids),
        cmocka_unit_test(cache_of_one_id_works),
        cmocka_unit_test(cache_tells_workers_apart_also_where_their_texts_join),
        cmocka_unit_test(cached_id_expires_with_its_row),
        cmocka_unit_test(redelivery_is_answered_from_memory_and_for_its_worker_alone),
        cmocka_unit_test(store_keeps_no_more_ids_than_it_may),
        cmocka_unit_test(claim_that_is_not_completed_is_never_cached),
        cmocka_unit_test(test_H3_completion_that_is_repeated_does_not_outlive_its_row),
    };
    return fixture_run("cache", tests, sizeof(tests) / sizeof(tests[0]));
}
