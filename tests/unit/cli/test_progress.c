/* SPDX-License-Identifier: Apache-2.0 */

/* The progress bar's text. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/progress.h"

static void check(uint64_t items, uint64_t done, uint64_t total, uint64_t elapsed_ms,
                  const char *expected)
{
    char line[160];
    progress_render(line, sizeof(line), "importing", items, done, total, elapsed_ms);
    assert_string_equal(line, expected);
}

static void a_known_size_has_a_bar_a_rate_and_a_time_left(void **state)
{
    (void)state;
    check(0, 0, 1000, 0, "importing  [>                   ]   0%  0 items");
    check(1, 1, 1000, 10, "importing  [>                   ]   0%  1 item");
    check(500, 500, 1000, 10000,
          "importing  [==========>         ]  50%  500 items  50/s  0:10 left");
    check(12345, 25, 100, 60000,
          "importing  [=====>              ]  25%  12,345 items  205/s  3:00 left");
    check(1000, 1000, 1000, 2000, "importing  [====================] 100%  1,000 items  500/s");
}

static void an_unknown_size_has_a_rate_alone(void **state)
{
    (void)state;
    check(1234567, 0, 0, 1000, "importing  1,234,567 items  1,234,567/s");
    check(7, 99, 0, 100, "importing  7 items");
}

static void more_than_was_expected_stays_at_the_end(void **state)
{
    (void)state;
    check(2000, 2000, 1000, 1000, "importing  [====================] 100%  2,000 items  2,000/s");
}

static void hours_are_shown(void **state)
{
    (void)state;
    check(1, 1, 3661, 1000, "importing  [>                   ]   0%  1 item  1/s  1:01:00 left");
}

static void no_number_overflows(void **state)
{
    char line[160];
    (void)state;
    progress_render(line, sizeof(line), "importing", UINT64_MAX, 1, UINT64_MAX, UINT64_MAX);
    assert_true(strlen(line) < sizeof(line));
    progress_render(line, 8, "importing", 1, 1, 2, 1000);
    assert_string_equal(line, "importi");
}

static void counts_are_grouped(void **state)
{
    char text[PROGRESS_COUNT_SIZE];
    (void)state;
    assert_string_equal(progress_count(text, 0), "0");
    assert_string_equal(progress_count(text, 999), "999");
    assert_string_equal(progress_count(text, 1000), "1,000");
    assert_string_equal(progress_count(text, UINT64_MAX), "18,446,744,073,709,551,615");
    assert_string_equal(progress_items(text, 1), "1 item");
    assert_string_equal(progress_items(text, 2000), "2,000 items");
    assert_string_equal(progress_items(text, UINT64_MAX), "18,446,744,073,709,551,615 items");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_size_has_a_bar_a_rate_and_a_time_left),
        cmocka_unit_test(an_unknown_size_has_a_rate_alone),
        cmocka_unit_test(more_than_was_expected_stays_at_the_end),
        cmocka_unit_test(hours_are_shown),
        cmocka_unit_test(no_number_overflows),
        cmocka_unit_test(counts_are_grouped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
