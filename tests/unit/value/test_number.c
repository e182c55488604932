/* SPDX-License-Identifier: Apache-2.0 */
#include "value/number.h"

#include "cm.h"
#include "random_value.h"

static struct number number_of(const char *text)
{
    struct number n = {0};
    struct weir_error err = {0};
    if (number_parse(bytes_str(text), &n, &err) != WEIR_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return n;
}

static void assert_text(const struct number *n, const char *expected)
{
    char text[NUMBER_TEXT_MAX];
    assert_bytes_str(bytes_of(text, number_format(n, text)), expected);
}

static void assert_canonical(const char *text, const char *expected)
{
    struct number n = number_of(text);
    assert_text(&n, expected);
    assert_true(number_is_canonical(bytes_str(expected)));
    assert_int_equal(number_is_canonical(bytes_str(text)), strcmp(text, expected) == 0);
}

static void assert_refused(const char *text, const char *message)
{
    struct number n;
    struct weir_error err = {0};
    assert_int_equal(number_parse(bytes_str(text), &n, &err), WEIR_VALIDATION);
    assert_string_equal(err.message, message);
    assert_false(number_is_canonical(bytes_str(text)));
}

#define DIGITS_38 "12345678901234567890123456789012345678"
#define NINES_38 "99999999999999999999999999999999999999"
#define ZEROS_40 "0000000000000000000000000000000000000000"
#define ZEROS_125 ZEROS_40 ZEROS_40 ZEROS_40 "00000"
#define ZEROS_88 ZEROS_40 ZEROS_40 "00000000"

static void texts_become_plain_notation(void **state)
{
    (void)state;
    assert_canonical("0", "0");
    assert_canonical("-0", "0");
    assert_canonical("-0.000e10", "0");
    assert_canonical("0e99999999999999999999", "0");
    assert_canonical("1", "1");
    assert_canonical("+1", "1");
    assert_canonical("007", "7");
    assert_canonical("1.", "1");
    assert_canonical(".5", "0.5");
    assert_canonical("1E2", "100");
    assert_canonical("1E-3", "0.001");
    assert_canonical("-12.50e3", "-12500");
    assert_canonical("12.50", "12.5");
    assert_canonical("10.01", "10.01");
    assert_canonical("1000", "1000");
    assert_canonical(DIGITS_38, DIGITS_38);
    assert_canonical("0." DIGITS_38, "0." DIGITS_38);
    assert_canonical("000" DIGITS_38 "000e-3", DIGITS_38);
    assert_canonical("1e125", "1" ZEROS_125);
    assert_canonical("9.9999999999999999999999999999999999999E+125", NINES_38 ZEROS_88);
    assert_canonical("1E-130", "0." ZEROS_125 "00001");
    assert_canonical("-1E-130", "-0." ZEROS_125 "00001");
}

static void numbers_out_of_bounds_are_refused_with_the_service_s_words(void **state)
{
    const char *overflow =
        "Number overflow. Attempting to store a number with magnitude larger than supported range";
    const char *underflow = "Number underflow. Attempting to store a number with magnitude smaller "
                            "than supported range";
    const char *precise = "Attempting to store more than 38 significant digits in a Number";

    (void)state;
    assert_refused(DIGITS_38 "9", precise);
    assert_refused("-1.23456789012345678901234567890123456789", precise);
    assert_refused("1e126", overflow);
    assert_refused("-1e126", overflow);
    assert_refused("10e125", overflow);
    assert_refused("1e-131", underflow);
    assert_refused("-1e-131", underflow);
    assert_refused("0.1e-130", underflow);
    assert_refused("1e99999999999999999999", overflow);
    assert_refused("1e-99999999999999999999", underflow);
    assert_refused("", "The parameter cannot be converted to a numeric value");
    static const char *const words[] = {"b",        "-",   ".",   "e5",   "1e",  "1e+",
                                        "1.2.3",    "1 ",  " 1",  "0x10", "NaN", "1e5x",
                                        "Infinity", "--1", "1,5", "+",    "-.e1"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        char message[128];
        (void)snprintf(message, sizeof(message),
                       "The parameter cannot be converted to a numeric value: %s", words[i]);
        assert_refused(words[i], message);
    }
}

static void canonical_text_is_not_copied(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_bytes text = BYTES_LIT("12.5");
    struct weir_bytes canonical;

    (void)state;
    assert_int_equal(number_canonical(a, text, &canonical, NULL), WEIR_OK);
    assert_ptr_equal(canonical.ptr, text.ptr);
    assert_int_equal(number_canonical(a, BYTES_LIT("012.50"), &canonical, NULL), WEIR_OK);
    assert_bytes_str(canonical, "12.5");
    assert_int_equal(number_canonical(a, BYTES_LIT("x"), &canonical, NULL), WEIR_VALIDATION);
    arena_free(a);
}

static void canonical_without_memory_says_so(void **state)
{
    struct arena *a = arena_new(1);
    struct weir_bytes canonical;

    (void)state;
    assert_int_equal(number_canonical(a, BYTES_LIT("1e125"), &canonical, NULL), WEIR_NO_MEMORY);
    arena_free(a);
}

/* ---- a slow model: a number as a row of 600 places, the point in the middle ---------------------
 */

#define MODEL_PLACES 600
#define MODEL_POINT 300

struct model {
    int place[MODEL_PLACES]; /* place[i] is worth 10^(MODEL_POINT - 1 - i) */
    int sign;
};

static struct model model_of(const char *text)
{
    struct model m = {.sign = 1};
    const char *e = strchr(text, 'e');
    int exponent = e == NULL ? 0 : atoi(e + 1);
    const char *point = strchr(text, '.');
    size_t mantissa = e == NULL ? strlen(text) : (size_t)(e - text);
    size_t whole = point == NULL ? mantissa : (size_t)(point - text);

    for (size_t i = 0; i < mantissa; i++) {
        if (text[i] == '-') {
            m.sign = -1;
        } else if (text[i] != '.') {
            int power = i < whole ? (int)(whole - i) - 1 : -(int)(i - whole);
            m.place[MODEL_POINT - 1 - power - exponent] = text[i] - '0';
        }
    }
    return m;
}

static int model_compare_magnitude(const struct model *a, const struct model *b)
{
    for (int i = 0; i < MODEL_PLACES; i++) {
        if (a->place[i] != b->place[i]) {
            return a->place[i] < b->place[i] ? -1 : 1;
        }
    }
    return 0;
}

static bool model_is_zero(const struct model *m)
{
    static const struct model zero;
    return model_compare_magnitude(m, &zero) == 0;
}

static int model_compare(const struct model *a, const struct model *b)
{
    int sign_a = model_is_zero(a) ? 0 : a->sign;
    int sign_b = model_is_zero(b) ? 0 : b->sign;
    if (sign_a != sign_b) {
        return sign_a < sign_b ? -1 : 1;
    }
    return sign_a * model_compare_magnitude(a, b);
}

/* Schoolbook addition or subtraction, from the right. */
static struct model model_add(const struct model *a, const struct model *b)
{
    const struct model *big = model_compare_magnitude(a, b) < 0 ? b : a;
    const struct model *small = big == a ? b : a;
    struct model sum = {.sign = big->sign};
    int over = 0;

    for (int i = MODEL_PLACES - 1; i >= 0; i--) {
        int digit = big->place[i] + (big->sign == small->sign ? small->place[i] : -small->place[i]);
        digit += over;
        over = digit > 9 ? 1 : digit < 0 ? -1 : 0;
        sum.place[i] = digit - 10 * over;
    }
    return sum;
}

/* Canonical text, or "" when DynamoDB could not hold it. */
static void model_format(const struct model *m, char *to)
{
    int first = 0;
    int last = MODEL_PLACES - 1;
    size_t len = 0;

    to[0] = '\0';
    if (model_is_zero(m)) {
        (void)strcpy(to, "0");
        return;
    }
    for (; m->place[first] == 0; first++) {
    }
    for (; m->place[last] == 0; last--) {
    }
    int magnitude = MODEL_POINT - 1 - first;
    if (last - first + 1 > 38 || magnitude > 125 || magnitude < -130) {
        return;
    }
    if (m->sign < 0) {
        to[len++] = '-';
    }
    int from = first < MODEL_POINT - 1 ? first : MODEL_POINT - 1;
    int end = last >= MODEL_POINT ? last : MODEL_POINT - 1;
    for (int i = from; i <= end; i++) {
        if (i == MODEL_POINT) {
            to[len++] = '.';
        }
        to[len++] = (char)('0' + m->place[i]);
    }
    to[len] = '\0';
}

static int sign(int order)
{
    return order < 0 ? -1 : order > 0 ? 1 : 0;
}

static void check_sum(const struct number *a, const struct number *b, const struct model *model,
                      bool subtract)
{
    struct number sum;
    char expected[MODEL_PLACES + 3];
    enum weir_status status =
        subtract ? number_subtract(a, b, &sum, NULL) : number_add(a, b, &sum, NULL);

    model_format(model, expected);
    assert_int_equal(status, expected[0] == '\0' ? WEIR_VALIDATION : WEIR_OK);
    if (status == WEIR_OK) {
        assert_text(&sum, expected);
    }
}

static void random_numbers_agree_with_a_slow_model(void **state)
{
    (void)state;
    random_start("number");
    for (int round = 0; round < 20000; round++) {
        char text_a[RANDOM_NUMBER_MAX];
        char text_b[RANDOM_NUMBER_MAX];
        char expected[MODEL_PLACES + 3];
        random_number_text(text_a);
        random_number_text(text_b);
        struct number a = number_of(text_a);
        struct number b = number_of(text_b);
        struct model model_a = model_of(text_a);
        struct model model_b = model_of(text_b);

        model_format(&model_a, expected);
        assert_text(&a, expected);
        assert_true(number_is_canonical(bytes_str(expected)));
        assert_int_equal(sign(number_compare(&a, &b)), model_compare(&model_a, &model_b));
        assert_int_equal(sign(number_compare(&b, &a)), -model_compare(&model_a, &model_b));
        struct model sum = model_add(&model_a, &model_b);
        check_sum(&a, &b, &sum, false);
        model_b.sign = -model_b.sign;
        struct model difference = model_add(&model_a, &model_b);
        check_sum(&a, &b, &difference, true);
    }
}

static void sums_are_exact(void **state)
{
    static const struct {
        const char *a, *b, *sum;
    } vectors[] = {
        {"1", "2", "3"},
        {"0.1", "0.2", "0.3"},
        {"1", "-1", "0"},
        {"0", "-0.5", "-0.5"},
        {"99", "1", "100"},
        {"100000000000000000000.00000001", "-1", "99999999999999999999.00000001"},
        {NINES_38, "1", "100000000000000000000000000000000000000"},
        {"1e125", "-1e125", "0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct number a = number_of(vectors[i].a);
        struct number b = number_of(vectors[i].b);
        struct number sum;
        assert_int_equal(number_add(&a, &b, &sum, NULL), WEIR_OK);
        assert_text(&sum, vectors[i].sum);
    }
}

static void sums_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        const char *a, *b, *begins;
    } vectors[] = {
        {"9.9999999999999999999999999999999999999E+125", "1E+125", "Number overflow."},
        {"1.5e-130", "-1e-130", "Number underflow."},
        {"1e125", "1e-130", "Attempting to store more than 38 significant digits"},
        {NINES_38, "0.1", "Attempting to store more than 38 significant digits"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct number a = number_of(vectors[i].a);
        struct number b = number_of(vectors[i].b);
        struct number sum;
        struct weir_error err = {0};
        assert_int_equal(number_add(&a, &b, &sum, &err), WEIR_VALIDATION);
        assert_memory_equal(err.message, vectors[i].begins, strlen(vectors[i].begins));
    }
}

static void integers_of_64_bits_convert_both_ways(void **state)
{
    static const int64_t values[] = {
        0, 1, -1, 10, 120, 1000000, INT64_MAX, INT64_MIN, -9007199254740993};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct number n;
        char expected[32];
        int64_t back;
        number_from_int64(values[i], &n);
        (void)snprintf(expected, sizeof(expected), "%lld", (long long)values[i]);
        assert_text(&n, expected);
        assert_true(number_to_int64(&n, &back));
        assert_true(back == values[i]);
    }
    static const char *const others[] = {
        "0.5", "1.5", "9223372036854775808", "-9223372036854775809", "1e19", "1e125", "1e-130"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct number n = number_of(others[i]);
        int64_t back;
        assert_false(number_to_int64(&n, &back));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_plain_notation),
        cmocka_unit_test(numbers_out_of_bounds_are_refused_with_the_service_s_words),
        cmocka_unit_test(canonical_text_is_not_copied),
        cmocka_unit_test(canonical_without_memory_says_so),
        cmocka_unit_test(random_numbers_agree_with_a_slow_model),
        cmocka_unit_test(sums_are_exact),
        cmocka_unit_test(sums_that_do_not_fit_are_refused),
        cmocka_unit_test(integers_of_64_bits_convert_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
