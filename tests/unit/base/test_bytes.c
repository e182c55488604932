/* SPDX-License-Identifier: Apache-2.0 */
/* Views of bytes: what blanks are, and what stays without them. */
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void trimming_takes_the_blanks_around_and_none_inside(void **state)
{
    static const struct {
        const char *text, *trimmed;
    } table[] = {
        {"word", "word"},         {" \tword\r", "word"}, {"two  words ", "two  words"},
        {"\nword\n", "\nword\n"}, {" \r\t ", ""},        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_true(bytes_eq_str(bytes_trim(bytes_str(table[i].text)), table[i].trimmed));
    }
    assert_int_equal(bytes_trim(BYTES_NONE).len, 0);
}

static void a_byte_is_blank_if_it_parts_the_words_of_a_line(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        bool blank = c == ' ' || c == '\t' || c == '\r';
        assert_true(bytes_is_blank((uint8_t)c) == blank);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trimming_takes_the_blanks_around_and_none_inside),
        cmocka_unit_test(a_byte_is_blank_if_it_parts_the_words_of_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
