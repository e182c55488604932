/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: tasks, stop, timers and descriptors. What happened is a string of letters, in order. */
#include "base/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
    struct loop *loop;
    char log[64];
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    *state = &f;
    return loop_uv_new(env_system(), &f.loop, NULL) == WEIR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    loop_free(f->loop);
    return 0;
}

static void note(struct fixture *f, char letter)
{
    size_t len = strlen(f->log);
    assert_true(len + 1 < sizeof(f->log));
    f->log[len] = letter;
}

/* A task that notes its letter, may post another, and may stop the loop. */
struct step {
    struct loop_task task;
    struct fixture *f;
    char letter;
    struct step *then;
    bool stops;
};

static void step_run(void *arg)
{
    struct step *s = arg;
    note(s->f, s->letter);
    if (s->then != NULL) {
        loop_post(s->f->loop, &s->then->task);
        note(s->f, '.');
    }
    if (s->stops) {
        loop_stop(s->f->loop);
    }
}

static struct step step_of(struct fixture *f, char letter, struct step *then, bool stops)
{
    return (struct step){
        .f = f, .letter = letter, .then = then, .stops = stops, .task.fn = step_run};
}

static void step_post(struct step *s)
{
    s->task.arg = s;
    if (s->then != NULL) {
        s->then->task.arg = s->then;
    }
    loop_post(s->f->loop, &s->task);
}

static void tasks_run_in_order_of_posting(void **state)
{
    struct fixture *f = *state;
    struct step a = step_of(f, 'a', NULL, false);
    struct step b = step_of(f, 'b', NULL, false);
    struct step c = step_of(f, 'c', NULL, true);
    step_post(&a);
    step_post(&b);
    step_post(&c);
    assert_string_equal(f->log, "");
    loop_run(f->loop);
    assert_string_equal(f->log, "abc");
}

static void task_posted_by_a_task_runs_in_a_later_turn(void **state)
{
    struct fixture *f = *state;
    struct step later = step_of(f, 'z', NULL, true);
    struct step a = step_of(f, 'a', &later, false);
    struct step b = step_of(f, 'b', NULL, false);
    step_post(&a);
    step_post(&b);
    loop_run(f->loop);
    assert_string_equal(f->log, "a.bz");
}

static void tasks_posted_before_the_stop_are_run(void **state)
{
    struct fixture *f = *state;
    struct step b = step_of(f, 'b', NULL, false);
    struct step a = step_of(f, 'a', &b, true);
    step_post(&a);
    loop_run(f->loop);
    assert_string_equal(f->log, "a.b");
}

static void stop_before_run_is_kept_and_used_up(void **state)
{
    struct fixture *f = *state;
    struct step a = step_of(f, 'a', NULL, false);
    struct step b = step_of(f, 'b', NULL, true);
    step_post(&a);
    loop_stop(f->loop);
    loop_stop(f->loop);
    loop_run(f->loop);
    assert_string_equal(f->log, "a");
    step_post(&b);
    loop_run(f->loop);
    assert_string_equal(f->log, "ab");
}

static void *stop_from_thread(void *arg)
{
    loop_stop(arg);
    return NULL;
}

static void stop_works_from_another_thread(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, stop_from_thread, f->loop), 0);
        loop_run(f->loop);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
}

/* The loop is freed while the thread that stopped it may still be inside loop_stop. */
static void loop_may_be_freed_as_soon_as_run_returns(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct loop *loop = NULL;
        pthread_t thread;
        assert_int_equal(loop_uv_new(env_system(), &loop, NULL), WEIR_OK);
        assert_int_equal(pthread_create(&thread, NULL, stop_from_thread, loop), 0);
        loop_run(loop);
        loop_free(loop);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
}

static struct loop *volatile signalled_loop;

static void on_signal(int number)
{
    (void)number;
    loop_stop(signalled_loop);
}

static void raise_usr1(void *arg)
{
    (void)arg;
    (void)raise(SIGUSR1);
}

static void stop_works_from_a_signal_handler(void **state)
{
    struct fixture *f = *state;
    signalled_loop = f->loop;
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction before;
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    struct loop_task task = {.fn = raise_usr1};
    loop_post(f->loop, &task);
    loop_run(f->loop);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

enum { POSTERS = 3, TASKS_EACH = 3000 };

struct poster {
    struct loop *loop;
    int *left; /* loop thread only */
    int next;  /* loop thread only */
    struct poster_task {
        struct loop_task task;
        struct poster *poster;
        int number;
    } tasks[TASKS_EACH];
};

static void poster_task_run(void *arg)
{
    struct poster_task *t = arg;
    assert_int_equal(t->number, t->poster->next);
    t->poster->next++;
    if (--*t->poster->left == 0) {
        loop_stop(t->poster->loop);
    }
}

static void *post_all(void *arg)
{
    struct poster *p = arg;
    for (int i = 0; i < TASKS_EACH; i++) {
        p->tasks[i] = (struct poster_task){
            .task = {.fn = poster_task_run, .arg = &p->tasks[i]}, .poster = p, .number = i};
        loop_post(p->loop, &p->tasks[i].task);
    }
    return NULL;
}

static void each_thread_keeps_its_order_of_posting(void **state)
{
    struct fixture *f = *state;
    static struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    int left = POSTERS * TASKS_EACH;
    for (int i = 0; i < POSTERS; i++) {
        posters[i].loop = f->loop;
        posters[i].left = &left;
        posters[i].next = 0;
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
    }
    loop_run(f->loop);
    for (int i = 0; i < POSTERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(left, 0);
}

struct alarm {
    struct fixture *f;
    struct loop_timer *timer;
    char letter;
    bool frees;
    bool stops;
    uint64_t due_ns;
};

static void alarm_ring(void *arg)
{
    struct alarm *a = arg;
    assert_true(loop_now_ns(a->f->loop) >= a->due_ns);
    note(a->f, a->letter);
    if (a->frees) {
        loop_timer_free(a->f->loop, a->timer);
    }
    if (a->stops) {
        loop_stop(a->f->loop);
    }
}

static void alarm_set(struct alarm *a, uint64_t after_ms)
{
    if (a->timer == NULL) {
        a->timer = loop_timer_new(a->f->loop, alarm_ring, a);
        assert_non_null(a->timer);
    }
    a->due_ns = loop_now_ns(a->f->loop) + after_ms * 1000000U;
    loop_timer_start(a->f->loop, a->timer, after_ms);
}

static void timers_fire_once_in_order_of_their_times_and_never_early(void **state)
{
    struct fixture *f = *state;
    struct alarm a = {.f = f, .letter = 'a'};
    struct alarm b = {.f = f, .letter = 'b', .frees = true};
    struct alarm c = {.f = f, .letter = 'c', .stops = true};
    alarm_set(&c, 60);
    alarm_set(&b, 20);
    alarm_set(&a, 0);
    assert_string_equal(f->log, "");
    loop_run(f->loop);
    assert_string_equal(f->log, "abc");
}

static void timers_that_are_stopped_or_freed_do_not_fire(void **state)
{
    struct fixture *f = *state;
    struct alarm a = {.f = f, .letter = 'a'};
    struct alarm b = {.f = f, .letter = 'b'};
    struct alarm c = {.f = f, .letter = 'c', .stops = true};
    alarm_set(&a, 1);
    alarm_set(&b, 1);
    alarm_set(&c, 30);
    loop_timer_stop(f->loop, a.timer);
    loop_timer_free(f->loop, b.timer);
    loop_timer_free(f->loop, NULL);
    loop_run(f->loop);
    assert_string_equal(f->log, "c");
}

static void starting_a_timer_again_replaces_its_time(void **state)
{
    struct fixture *f = *state;
    struct alarm a = {.f = f, .letter = 'a', .stops = true};
    struct alarm b = {.f = f, .letter = 'b'};
    alarm_set(&a, 1);
    alarm_set(&b, 20);
    alarm_set(&a, 60);
    loop_run(f->loop);
    assert_string_equal(f->log, "ba");
    alarm_set(&a, 1);
    loop_run(f->loop);
    assert_string_equal(f->log, "baa");
}

struct watch {
    struct fixture *f;
    struct loop_poll *poll;
    int fd;
    int left;
};

/* Reads one byte a time, so that only a level-triggered watch comes back for the next. */
static void on_readable(void *arg, int events)
{
    struct watch *w = arg;
    char letter;
    assert_int_equal(events, LOOP_READABLE);
    assert_int_equal(read(w->fd, &letter, 1), 1);
    note(w->f, letter);
    if (--w->left == 0) {
        loop_poll_free(w->f->loop, w->poll);
        loop_stop(w->f->loop);
    }
}

static void readable_descriptor_is_reported_until_it_is_read_empty(void **state)
{
    struct fixture *f = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct watch w = {.f = f, .fd = ends[0], .left = 3};
    w.poll = loop_poll_new(f->loop, ends[0], on_readable, &w);
    assert_non_null(w.poll);
    loop_poll_set(f->loop, w.poll, LOOP_READABLE);
    assert_int_equal(write(ends[1], "xyz!", 4), 4);
    loop_run(f->loop);
    assert_string_equal(f->log, "xyz");
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void on_any_event(void *arg, int events)
{
    struct watch *w = arg;
    note(w->f, events & LOOP_WRITABLE ? 'w' : 'r');
    loop_poll_set(w->f->loop, w->poll, 0);
}

static void watch_of_no_events_is_silent(void **state)
{
    struct fixture *f = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct watch w = {.f = f, .fd = ends[1]};
    w.poll = loop_poll_new(f->loop, ends[1], on_any_event, &w);
    loop_poll_set(f->loop, w.poll, LOOP_WRITABLE);
    struct alarm end = {.f = f, .letter = 'e', .stops = true};
    alarm_set(&end, 20);
    loop_run(f->loop);
    assert_string_equal(f->log, "we");
    loop_poll_free(f->loop, w.poll);
    loop_poll_free(f->loop, NULL);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void on_broken(void *arg, int events)
{
    struct watch *w = arg;
    assert_int_equal(events, LOOP_WRITABLE);
    note(w->f, 'w');
    if (--w->left == 0) {
        loop_poll_free(w->f->loop, w->poll);
        loop_stop(w->f->loop);
    }
}

static void broken_descriptor_is_reported_as_ready(void **state)
{
    struct fixture *f = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    (void)close(ends[0]);
    struct watch w = {.f = f, .fd = ends[1], .left = 2};
    w.poll = loop_poll_new(f->loop, ends[1], on_broken, &w);
    loop_poll_set(f->loop, w.poll, LOOP_WRITABLE);
    loop_run(f->loop);
    assert_string_equal(f->log, "ww");
    (void)close(ends[1]);
}

static void free_closes_what_is_open(void **state)
{
    struct fixture *f = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct alarm a = {.f = f, .letter = 'a'};
    alarm_set(&a, 0);
    struct watch w = {.f = f, .fd = ends[1]};
    w.poll = loop_poll_new(f->loop, ends[1], on_any_event, &w);
    loop_poll_set(f->loop, w.poll, LOOP_WRITABLE);
    struct step never = step_of(f, 'n', NULL, false);
    step_post(&never);
    loop_free(f->loop);
    f->loop = NULL;
    assert_string_equal(f->log, "");
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tasks_run_in_order_of_posting, setup, teardown),
        cmocka_unit_test_setup_teardown(task_posted_by_a_task_runs_in_a_later_turn, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(tasks_posted_before_the_stop_are_run, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_before_run_is_kept_and_used_up, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_works_from_another_thread, setup, teardown),
        cmocka_unit_test(loop_may_be_freed_as_soon_as_run_returns),
        cmocka_unit_test_setup_teardown(stop_works_from_a_signal_handler, setup, teardown),
        cmocka_unit_test_setup_teardown(each_thread_keeps_its_order_of_posting, setup, teardown),
        cmocka_unit_test_setup_teardown(timers_fire_once_in_order_of_their_times_and_never_early,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(timers_that_are_stopped_or_freed_do_not_fire, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(starting_a_timer_again_replaces_its_time, setup, teardown),
        cmocka_unit_test_setup_teardown(readable_descriptor_is_reported_until_it_is_read_empty,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(watch_of_no_events_is_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_descriptor_is_reported_as_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(free_closes_what_is_open, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
