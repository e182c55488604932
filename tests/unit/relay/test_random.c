/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 2 000 messages over 50 keys, added while the relay runs, into a sink that fails at random, in
 * batches that complete on a thread of its own and out of turn. WEIR_TEST_SEED repeats the choices.
 */
#include "unit/relay/relay_fixture.h"

#define MESSAGES 2000
#define KEYS 50
#define IN_FLIGHT 4

struct chaos {
    struct weir_env *env;
    pthread_t thread;
    pthread_mutex_t mu;
    pthread_cond_t wake;
    struct weir_sink_batch *waiting[IN_FLIGHT]; /* under mu, as what follows */
    unsigned waiting_count;
    bool stop;
    struct sink *sink;

    /* Of each key: what was taken last, and what was taken at most; 0: nothing. */
    unsigned last[KEYS], most[KEYS];
    const char *broken;
};

static unsigned chance(struct chaos *c, unsigned bound)
{
    return (unsigned)env_random_below(c->env, bound);
}

static unsigned number_of(struct weir_text given)
{
    unsigned number = 0;
    for (size_t i = 1; i < given.len; i++) {
        number = number * 10 + (unsigned)(given.ptr[i] - '0');
    }
    return number;
}

/* The sink takes it: a first delivery is the next of its key, a repeat goes on from where it fell
 * back to. */
static void take(struct chaos *c, const struct weir_sink_message *m)
{
    unsigned key = number_of(m->key), id = number_of(m->id);
    if (id > c->most[key] + 1) {
        c->broken = "a message was left out or overtaken";
    }
    if (id > c->last[key] + 1) {
        c->broken = "a redelivery is no contiguous run";
    }
    c->last[key] = id;
    c->most[key] = id > c->most[key] ? id : c->most[key];
}

static bool same_key(const struct weir_sink_message *a, const struct weir_sink_message *b)
{
    return number_of(a->key) == number_of(b->key);
}

/* What fails in a prefix takes along what stands behind it of its key; what is unreachable may
 * have been taken all the same. */
static void decide(struct chaos *c, struct weir_sink_batch *batch)
{
    unsigned mood = chance(c, 10);
    bool prefix = c->sink->driver.partial == WEIR_PARTIAL_PREFIX;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct weir_sink_message *m = &batch->messages[i];
        enum weir_delivery *delivery = &batch->results[i].delivery;
        bool behind = prefix && i > 0 && same_key(m, m - 1) &&
                      batch->results[i - 1].delivery >= WEIR_REJECTED;
        batch->results[i].reason[0] = '\0';
        if (behind) {
            *delivery = batch->results[i - 1].delivery;
            continue;
        }
        *delivery = mood == 0                        ? WEIR_UNREACHABLE_SINK
                    : mood < 5 && chance(c, 20) == 0 ? WEIR_REJECTED
                                                     : WEIR_DELIVERED;
        if (*delivery == WEIR_DELIVERED ||
            (*delivery == WEIR_UNREACHABLE_SINK && chance(c, 2) == 0)) {
            take(c, m);
        }
    }
    weir_sink_complete(batch);
}

static void *complete_out_of_turn(void *arg)
{
    struct chaos *c = arg;
    pthread_mutex_lock(&c->mu);
    for (;;) {
        while (c->waiting_count == 0 && !c->stop) {
            pthread_cond_wait(&c->wake, &c->mu);
        }
        if (c->waiting_count == 0) {
            break;
        }
        unsigned at = chance(c, c->waiting_count);
        struct weir_sink_batch *batch = c->waiting[at];
        c->waiting[at] = c->waiting[--c->waiting_count];
        decide(c, batch);
    }
    pthread_mutex_unlock(&c->mu);
    return NULL;
}

static void hand_over(struct sink *sink, struct weir_sink_batch *batch)
{
    struct chaos *c = sink->arg;
    pthread_mutex_lock(&c->mu);
    if (c->waiting_count == IN_FLIGHT) {
        c->broken = "more batches than asked for are in flight";
    } else {
        c->waiting[c->waiting_count++] = batch;
    }
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->mu);
}

static uint64_t seed_of_this_run(void)
{
    const char *given = getenv("WEIR_TEST_SEED");
    uint64_t seed;
    env_system()->random(env_system(), &seed, sizeof(seed));
    seed = given != NULL ? strtoull(given, NULL, 10) : seed % 1000000000;
    print_message("WEIR_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static void *run_relay(void *arg)
{
    struct weir_error err = {0};
    return (void *)(intptr_t)weir_relay_run(arg, &err);
}

static void start(struct relay_fixture *r, struct sink *sink, struct chaos *c, pthread_t *relay)
{
    sink->hold = hand_over;
    sink->arg = c;
    sink->driver.in_flight_max = IN_FLIGHT;
    sink->driver.batch_max = 20;
    r->options.retry_attempts = 1000000;
    r->options.once = 0;
    assert_int_equal(pthread_mutex_init(&c->mu, NULL), 0);
    assert_int_equal(pthread_cond_init(&c->wake, NULL), 0);
    assert_int_equal(pthread_create(&c->thread, NULL, complete_out_of_turn, c), 0);
    assert_int_equal(
        weir_relay_open_driver(r->flaky.outer, &r->options, &sink->driver, &sink->relay, &r->f.err),
        WEIR_OK);
    assert_int_equal(pthread_create(relay, NULL, run_relay, sink->relay), 0);
}

static void add_messages(struct relay_fixture *r, struct chaos *c, unsigned added[KEYS])
{
    for (int i = 0; i < MESSAGES; i++) {
        unsigned key = chance(c, KEYS);
        char key_text[16], id[16];
        (void)snprintf(key_text, sizeof(key_text), "k%u", key);
        (void)snprintf(id, sizeof(id), "m%u", ++added[key]);
        add(r, key_text, id);
    }
}

static void end(struct relay_fixture *r, struct sink *sink, struct chaos *c, pthread_t relay)
{
    void *result = NULL;
    while (r->status.marked < MESSAGES) {
        weir_relay_read_status(sink->relay, &r->status);
        (void)usleep(1000);
    }
    weir_relay_stop(sink->relay);
    assert_int_equal(pthread_join(relay, &result), 0);
    assert_int_equal((intptr_t)result, WEIR_OK);
    weir_relay_read_status(sink->relay, &r->status);
    weir_relay_close(sink->relay);
    pthread_mutex_lock(&c->mu);
    c->stop = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->mu);
    assert_int_equal(pthread_join(c->thread, NULL), 0);
    (void)pthread_cond_destroy(&c->wake);
    (void)pthread_mutex_destroy(&c->mu);
}

static void run_with(uint64_t seed, enum weir_partial partial)
{
    struct relay_fixture r;
    struct sink sink;
    struct chaos c = {.env = env_fake_new(seed, 0), .sink = &sink};
    unsigned added[KEYS] = {0};
    pthread_t relay;
    relay_fixture_open(&r);
    sink_init(&sink, partial);
    start(&r, &sink, &c, &relay);
    add_messages(&r, &c, added);
    end(&r, &sink, &c, relay);
    if (c.broken != NULL) {
        fail_msg("%s", c.broken);
    }
    for (unsigned key = 0; key < KEYS; key++) {
        assert_int_equal(c.most[key], added[key]);
        assert_int_equal(c.last[key], added[key]);
    }
    struct weir_outbox_stats stats;
    assert_int_equal(weir_outbox_stats(r.outbox, &stats, &r.f.err), WEIR_OK);
    assert_int_equal(stats.pending, 0);
    assert_int_equal(stats.published, MESSAGES);
    assert_int_equal(r.status.marked, MESSAGES);
    assert_true(r.status.rejected > 0);
    assert_true(r.status.sink_failures > 0);
    env_fake_free(c.env);
    sink_fini(&sink);
    relay_fixture_close(&r);
}

static void nothing_is_lost_and_order_is_kept_per_key(void **state)
{
    (void)state;
    uint64_t seed = seed_of_this_run();
    run_with(seed, WEIR_PARTIAL_PREFIX);
    run_with(seed, WEIR_PARTIAL_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_and_order_is_kept_per_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
