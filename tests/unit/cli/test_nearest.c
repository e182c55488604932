/* SPDX-License-Identifier: Apache-2.0 */

/* "Did you mean": a slip of the hand finds its word, anything else finds none. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/nearest.h"

static const char *const words[] = {"get",   "put",    "update",      "delete",
                                    "query", "output", "batch-write", "scan"};

static const char *likely(const char *word)
{
    struct nearest nearest = nearest_to(word);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        nearest_offer(&nearest, words[i]);
    }
    return nearest_likely(&nearest);
}

static void a_slip_of_the_hand_finds_its_word(void **state)
{
    (void)state;
    static const char *const slips[][2] = {
        {"gte", "get"},           {"ptu", "put"},
        {"udpate", "update"},     {"delte", "delete"},
        {"outptu", "output"},     {"qeury", "query"},
        {"scans", "scan"},        {"batchwrite", "batch-write"},
        {"batch", "batch-write"}, {"upd", "update"},
    };
    for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++) {
        const char *found = likely(slips[i][0]);
        assert_non_null(found);
        assert_string_equal(found, slips[i][1]);
    }
}

static void what_is_near_nothing_finds_nothing(void **state)
{
    (void)state;
    static const char *const far[] = {"", "x", "zzzzzz", "relay", "configuration"};
    for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
        assert_null(likely(far[i]));
    }
}

static void of_equally_near_words_the_first_is_taken(void **state)
{
    (void)state;
    struct nearest nearest = nearest_to("aa");
    nearest_offer(&nearest, "ab");
    nearest_offer(&nearest, "ac");
    assert_string_equal(nearest.best, "ab");
    assert_int_equal(nearest.edits, 1);
}

/* 63 bytes are compared, 64 are not; neither reads or writes beyond. */
static void a_word_longer_than_any_name_is_near_nothing(void **state)
{
    (void)state;
    char word[65];
    memset(word, 'a', sizeof(word));
    word[63] = '\0';
    struct nearest nearest = nearest_to(word);
    nearest_offer(&nearest, word);
    assert_ptr_equal(nearest_likely(&nearest), word);
    word[63] = 'a';
    word[64] = '\0';
    nearest = nearest_to(word);
    nearest_offer(&nearest, "a");
    assert_null(nearest_likely(&nearest));
    nearest = nearest_to("a");
    nearest_offer(&nearest, word);
    assert_null(nearest_likely(&nearest));
}

static void without_candidates_there_is_none(void **state)
{
    (void)state;
    struct nearest nearest = nearest_to("get");
    assert_null(nearest_likely(&nearest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_of_the_hand_finds_its_word),
        cmocka_unit_test(what_is_near_nothing_finds_nothing),
        cmocka_unit_test(of_equally_near_words_the_first_is_taken),
        cmocka_unit_test(a_word_longer_than_any_name_is_near_nothing),
        cmocka_unit_test(without_candidates_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
