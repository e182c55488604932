/* SPDX-License-Identifier: Apache-2.0 */
/* The quota of retries and the rate of attempts, under a clock that the test turns. */
#include "client/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <cmocka.h>

#define MS ((uint64_t)1000000)
#define START_MS ((uint64_t)100000)

static void quota_pays_for_a_hundred_retries(void **state)
{
    (void)state;
    struct pace pace;
    struct pace_call call = {0};
    pace_init(&pace, AWS_RETRY_STANDARD, 0);
    for (int i = 0; i < PACE_QUOTA / PACE_RETRY_COST; i++) {
        assert_true(pace_take_retry(&pace, &call, false));
    }
    assert_false(pace_take_retry(&pace, &call, false));
    pace_fini(&pace);
}

static void time_outs_cost_twice_and_a_success_brings_back_its_last_retry(void **state)
{
    (void)state;
    struct pace pace;
    struct pace_call retried = {0}, first = {0};
    pace_init(&pace, AWS_RETRY_STANDARD, 0);
    assert_true(pace_take_retry(&pace, &retried, false));
    assert_true(pace_take_retry(&pace, &retried, true));
    assert_int_equal(pace.quota, PACE_QUOTA - PACE_RETRY_COST - PACE_TIMEOUT_COST);
    pace_attempt_over(&pace, &retried, false, false, 0);
    assert_int_equal(pace.quota, PACE_QUOTA - PACE_RETRY_COST - PACE_TIMEOUT_COST);
    pace_attempt_over(&pace, &retried, true, false, 0);
    assert_int_equal(pace.quota, PACE_QUOTA - PACE_RETRY_COST);
    for (int i = 0; i < 10; i++) {
        pace_attempt_over(&pace, &first, true, false, 0);
    }
    assert_int_equal(pace.quota, PACE_QUOTA);
    pace_fini(&pace);
}

static void legacy_retries_for_nothing_and_is_never_paced(void **state)
{
    (void)state;
    struct pace pace;
    struct pace_call call = {0};
    pace_init(&pace, AWS_RETRY_LEGACY, 0);
    for (int i = 0; i < 1000; i++) {
        assert_true(pace_take_retry(&pace, &call, true));
        pace_attempt_over(&pace, &call, false, true, (uint64_t)i * MS);
        assert_int_equal(pace_wait_ms(&pace, &call, (uint64_t)i * MS), 0);
    }
    pace_fini(&pace);
}

static void standard_is_never_paced(void **state)
{
    (void)state;
    struct pace pace;
    struct pace_call call = {0};
    pace_init(&pace, AWS_RETRY_STANDARD, 0);
    for (int i = 0; i < 100; i++) {
        pace_attempt_over(&pace, &call, false, true, (uint64_t)i * MS);
        assert_int_equal(pace_wait_ms(&pace, &call, (uint64_t)i * MS), 0);
    }
    pace_fini(&pace);
}

/* What botocore's adaptive mode (1.29) makes of the same answers at the same times. */
static void rate_follows_the_curve_of_the_sdks(void **state)
{
    (void)state;
    static const struct {
        uint64_t at_ms;
        bool throttled;
        double measured, rate;
    } answers[] = {
        {100100, false, 0.000000000, 0.500000000}, {100150, false, 0.000000000, 0.500000000},
        {100330, false, 0.000000000, 0.500000000}, {100980, false, 6.400000000, 0.500000000},
        {101000, false, 2.880000000, 0.500000000}, {101020, false, 2.880000000, 0.500000000},
        {101320, false, 2.880000000, 0.919987200}, {101340, false, 2.880000000, 0.962441600},
        {101440, false, 2.880000000, 1.194393600}, {101740, true, 8.576000000, 6.003200000},
        {101760, true, 8.576000000, 4.202240000},  {102060, false, 4.915200000, 5.016298212},
        {102110, false, 4.915200000, 5.121848182}, {102130, false, 4.915200000, 5.161865258},
        {102150, false, 4.915200000, 5.200652327}, {102330, false, 4.915200000, 5.497553646},
        {102510, false, 8.983040000, 5.710376414}, {102530, true, 8.983040000, 3.997263490},
        {102580, true, 8.983040000, 2.798084443},  {102600, false, 8.983040000, 2.847294761},
        {102900, false, 8.983040000, 3.432396287}, {103080, false, 9.796608000, 3.662989274},
        {103100, false, 9.796608000, 3.683833498}, {103400, false, 9.796608000, 3.901043608},
        {103420, false, 9.796608000, 3.910031131}, {103470, false, 9.796608000, 3.930013874},
        {104120, false, 5.959321600, 3.997640882}, {104770, false, 2.791864320, 4.164720401},
        {105070, false, 2.158372864, 4.316745728}, {105090, false, 2.158372864, 4.316745728},
        {105390, true, 2.158372864, 1.510861005},  {105690, false, 5.231674573, 1.891170254},
        {105870, false, 5.231674573, 2.024575145}, {105890, false, 5.231674573, 2.035809917},
        {105940, false, 5.231674573, 2.061107353}, {105960, false, 5.231674573, 2.070160929},
        {106260, false, 9.046334915, 2.147116736}, {106310, false, 9.046334915, 2.151805232},
        {106410, false, 9.046334915, 2.156907249}, {106590, false, 6.609266983, 2.158379761},
    };
    struct pace pace;
    struct pace_call call = {0};
    pace_init(&pace, AWS_RETRY_ADAPTIVE, START_MS * MS);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        pace_attempt_over(&pace, &call, !answers[i].throttled, answers[i].throttled,
                          answers[i].at_ms * MS);
        assert_true(fabs(pace.measured_rate - answers[i].measured) < 1e-6);
        assert_true(fabs(pace.rate - answers[i].rate) < 1e-6);
    }
    pace_fini(&pace);
}

/* Attempts of one call each, as fast as they are let, over so many milliseconds. */
static unsigned attempts_in(struct pace *pace, uint64_t *now_ms, uint64_t for_ms)
{
    unsigned sent = 0;
    struct pace_call call = {0};
    for (uint64_t end = *now_ms + for_ms; *now_ms < end;) {
        uint64_t wait_ms = pace_wait_ms(pace, &call, *now_ms * MS);
        sent += wait_ms == 0;
        *now_ms += wait_ms == 0 ? 1 : wait_ms;
    }
    return sent;
}

static void nothing_is_paced_before_the_first_throttling_and_all_is_after(void **state)
{
    (void)state;
    struct pace pace;
    struct pace_call call = {0};
    uint64_t now_ms = START_MS;
    pace_init(&pace, AWS_RETRY_ADAPTIVE, now_ms * MS);
    for (int i = 0; i < 2000; i++) {
        now_ms += 10;
        assert_int_equal(pace_wait_ms(&pace, &call, now_ms * MS), 0);
        pace_attempt_over(&pace, &call, true, false, now_ms * MS);
    }
    assert_true(fabs(pace.measured_rate - 100) < 3);
    pace_attempt_over(&pace, &call, false, true, now_ms * MS);
    assert_true(fabs(pace.rate - 70) < 3);
    unsigned sent = attempts_in(&pace, &now_ms, 10000);
    assert_in_range(sent, 650, 780); /* 70 a second, and what the bucket held */
    pace_fini(&pace);
}

static void attempts_go_in_the_order_of_their_tickets(void **state)
{
    (void)state;
    struct pace pace;
    struct pace_call calls[4] = {{0}};
    uint64_t now_ms = START_MS;
    pace_init(&pace, AWS_RETRY_ADAPTIVE, now_ms * MS);
    pace_attempt_over(&pace, &calls[0], false, true, now_ms * MS); /* half an attempt a second */
    for (int i = 0; i < 4; i++) {
        assert_int_not_equal(pace_wait_ms(&pace, &calls[i], now_ms * MS), 0);
    }
    for (int turn = 0; turn < 4; turn++) {
        now_ms += 2000;
        for (int i = 3; i > turn; i--) {
            assert_int_not_equal(pace_wait_ms(&pace, &calls[i], now_ms * MS), 0);
        }
        assert_int_equal(pace_wait_ms(&pace, &calls[turn], now_ms * MS), 0);
    }
    pace_fini(&pace);
}

static void a_wait_is_asked_about_again_soon(void **state)
{
    (void)state;
    struct pace pace;
    struct pace_call call = {0};
    pace_init(&pace, AWS_RETRY_ADAPTIVE, START_MS * MS);
    pace_attempt_over(&pace, &call, false, true, START_MS * MS);
    assert_int_equal(pace_wait_ms(&pace, &call, START_MS * MS), PACE_ASK_AGAIN_MS);
    assert_in_range(pace_wait_ms(&pace, &call, (START_MS + 1990) * MS), 1, 11);
    assert_int_equal(pace_wait_ms(&pace, &call, (START_MS + 2000) * MS), 0);
    pace_fini(&pace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quota_pays_for_a_hundred_retries),
        cmocka_unit_test(time_outs_cost_twice_and_a_success_brings_back_its_last_retry),
        cmocka_unit_test(legacy_retries_for_nothing_and_is_never_paced),
        cmocka_unit_test(standard_is_never_paced),
        cmocka_unit_test(rate_follows_the_curve_of_the_sdks),
        cmocka_unit_test(nothing_is_paced_before_the_first_throttling_and_all_is_after),
        cmocka_unit_test(attempts_go_in_the_order_of_their_tickets),
        cmocka_unit_test(a_wait_is_asked_about_again_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
