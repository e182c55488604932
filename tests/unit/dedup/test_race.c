/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads, one id: exactly one claim is acquired, round after round, and no effect is had
 * twice. WEIR_SOAK=1 makes it 1000 rounds; a server that was given gets a few. */
#include "unit/dedup/dedup_fixture.h"

#include <pthread.h>

#define THREADS 64

struct race {
    struct fixture *f;
    struct weir_dedup *stores[2]; /* two processes' worth */
    pthread_barrier_t start, end;
    unsigned rounds;

    atomic_uint acquired, in_progress, completed, failures;
    char token[WEIR_CLAIM_TOKEN_SIZE]; /* of the one that acquired; between the barriers its own */
};

struct runner {
    struct race *race;
    unsigned index;
};

static void id_text(unsigned round, char to[32])
{
    (void)snprintf(to, 32, "m-%u", round);
}

static void claim_once(struct race *race, struct weir_dedup *dedup, const char *message)
{
    struct weir_claim_request request = request_of("w", message, "payload");
    struct weir_claim claim = {0};
    struct weir_error err = {0};
    if (weir_dedup_claim(dedup, &request, &claim, &err) != WEIR_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        atomic_fetch_add(&race->failures, 1);
    } else if (claim.outcome == WEIR_CLAIM_ACQUIRED) {
        atomic_fetch_add(&race->acquired, 1);
        memcpy(race->token, claim.token, sizeof(race->token));
    } else {
        atomic_fetch_add(
            claim.outcome == WEIR_CLAIM_IN_PROGRESS ? &race->in_progress : &race->completed, 1);
    }
}

static void *run(void *arg)
{
    struct runner *runner = arg;
    struct race *race = runner->race;
    for (unsigned round = 0; round < race->rounds; round++) {
        char message[32];
        id_text(round, message);
        (void)pthread_barrier_wait(&race->start);
        claim_once(race, race->stores[runner->index % 2], message);
        (void)pthread_barrier_wait(&race->end);
    }
    return NULL;
}

static void judge_round(struct race *race, const char *message)
{
    struct fixture *f = race->f;
    struct weir_dedup_id id = id_of("w", message);
    assert_int_equal(atomic_exchange(&race->failures, 0), 0);
    assert_int_equal(atomic_exchange(&race->acquired, 0), 1);
    assert_int_equal(atomic_exchange(&race->in_progress, 0), THREADS - 1);
    assert_int_equal(atomic_exchange(&race->completed, 0), 0);
    /* The one that won, and no other, is the one that holds it. */
    assert_string_equal(fixture_text(f, fixture_row(f, "w", message), "token"), race->token);
    assert_int_equal(weir_dedup_complete(f->dedup, &id, race->token, NULL, 0, &f->err), WEIR_OK);
    arena_reset(f->arena);
}

static unsigned round_count(void)
{
    const char *soak = getenv("WEIR_SOAK");
    if (fixture_where() == FIXTURE_GIVEN) {
        return 20;
    }
    return soak != NULL && soak[0] == '1' ? 1000 : 200;
}

static void race(bool take_over)
{
    struct fixture f;
    dedup_fixture_open(&f);
    struct race r = {.f = &f, .rounds = round_count()};
    struct runner runners[THREADS];
    pthread_t threads[THREADS];
    r.stores[0] = fixture_dedup(&f, NULL);
    r.stores[1] = fixture_dedup(&f, NULL);
    (void)pthread_barrier_init(&r.start, NULL, THREADS + 1);
    (void)pthread_barrier_init(&r.end, NULL, THREADS + 1);
    for (unsigned i = 0; i < THREADS; i++) {
        runners[i] = (struct runner){&r, i};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
    }
    for (unsigned round = 0; round < r.rounds; round++) {
        char message[32];
        id_text(round, message);
        if (take_over) {
            (void)fixture_claim(&f, f.dedup, "w", message, WEIR_CLAIM_ACQUIRED);
            env_fake_advance(f.clock, 60001);
        }
        (void)pthread_barrier_wait(&r.start);
        (void)pthread_barrier_wait(&r.end);
        judge_round(&r, message);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    (void)pthread_barrier_destroy(&r.start);
    (void)pthread_barrier_destroy(&r.end);
    weir_dedup_close(r.stores[0]);
    weir_dedup_close(r.stores[1]);
    dedup_fixture_close(&f);
}

static void test_H4_of_64_claims_of_one_id_exactly_one_wins(void **state)
{
    (void)state;
    race(false);
}

static void test_H4_of_64_takeovers_of_an_ended_lease_exactly_one_wins(void **state)
{
    (void)state;
    race(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_H4_of_64_claims_of_one_id_exactly_one_wins),
        cmocka_unit_test(test_H4_of_64_takeovers_of_an_ended_lease_exactly_one_wins),
    };
    return fixture_run("race", tests, sizeof(tests) / sizeof(tests[0]));
}
