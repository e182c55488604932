/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_FEED_FIXTURE_H
#define WEIR_TESTS_FEED_FIXTURE_H

/* Each test's own harness over the scripted stream. */

#include "harness.h"

static int fake_setup(void **state)
{
    static struct harness h;
    fake_init();
    harness_init(&h, "fake:");
    *state = &h;
    return 0;
}

static int fake_teardown(void **state)
{
    struct harness *h = *state;
    harness_fini(h);
    fake_fini();
    return 0;
}

#define FAKE_TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

/* Values first, first + 1, ... were handed out, from place `from` on. */
static inline void assert_values(const struct harness *h, uint32_t from, uint32_t first,
                                 uint32_t count)
{
    assert_int_equal(h->seen_count, from + count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(h->seen[from + i].value, first + i);
    }
}

#endif
