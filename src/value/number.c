/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimal numbers of up to 38 digits, as DynamoDB has them.
 *
 * Idea: a number is a short string of digits after the point and an exponent; comparing is
 * comparing bytes, and a sum is made in a row of digits wide enough for any two operands, then cut
 * to size.
 */
#include "value/number.h"

#include "base/error.h"

#define NOT_NUMERIC "The parameter cannot be converted to a numeric value"
#define TOO_PRECISE "Attempting to store more than 38 significant digits in a Number"
#define OVERFLOW \
    "Number overflow. Attempting to store a number with magnitude larger than supported range"
#define UNDERFLOW \
    "Number underflow. Attempting to store a number with magnitude smaller than supported range"

/* 0.d1... * 10^exponent has the magnitude d1 * 10^(exponent - 1). */
#define EXPONENT_MAX (LIMIT_NUMBER_EXPONENT_MAX + 1)
#define EXPONENT_MIN (LIMIT_NUMBER_EXPONENT_MIN + 1)

/* Far above any exponent that matters and any length of text, far below an overflow of int64_t. */
#define EXPONENT_SATURATED 1000000000000000LL

_Static_assert(NUMBER_TEXT_MAX >= 1 + 2 - EXPONENT_MIN + LIMIT_NUMBER_DIGITS, "longest fraction");
_Static_assert(NUMBER_TEXT_MAX >= 1 + EXPONENT_MAX, "longest integer");

static enum weir_status refuse_text(struct weir_bytes text, struct weir_error *err)
{
    if (text.len == 0) {
        return error_set(err, WEIR_VALIDATION, NOT_NUMERIC);
    }
    size_t shown = text.len < WEIR_ERROR_MESSAGE_MAX ? text.len : WEIR_ERROR_MESSAGE_MAX;
    return error_set(err, WEIR_VALIDATION, NOT_NUMERIC ": %.*s",
                     BYTES_ARG(bytes_of(text.ptr, shown)));
}

static enum weir_status check_range(int64_t exponent, struct weir_error *err)
{
    if (exponent > EXPONENT_MAX) {
        return error_set(err, WEIR_VALIDATION, OVERFLOW);
    }
    if (exponent < EXPONENT_MIN) {
        return error_set(err, WEIR_VALIDATION, UNDERFLOW);
    }
    return WEIR_OK;
}

/* The digits of a text as they come by, most significant first. */
struct digit_reader {
    struct number n; /* digits and count only */
    uint64_t zeros;  /* zeros since the last digit kept: trailing ones, unless another comes */
    int64_t point;   /* the exponent so far */
    bool after_point;
    bool any;
    bool too_many;
};

static void take_digit(struct digit_reader *r, uint8_t digit)
{
    r->any = true;
    if (r->n.count == 0 && digit == 0) {
        r->point -= r->after_point ? 1 : 0;
        return;
    }
    r->point += r->after_point ? 0 : 1;
    if (digit == 0) {
        r->zeros++;
        return;
    }
    if (r->n.count + r->zeros >= LIMIT_NUMBER_DIGITS) {
        r->too_many = true;
        return;
    }
    for (; r->zeros > 0; r->zeros--) {
        r->n.digits[r->n.count++] = 0;
    }
    r->n.digits[r->n.count++] = digit;
}

/* "e-12" and its like at text[at]; false if it is none that goes to the end. */
static bool read_exponent(struct weir_bytes text, size_t at, int64_t *ret_exponent)
{
    bool negative = false;
    int64_t exponent = 0;

    at++;
    if (at < text.len && (text.ptr[at] == '+' || text.ptr[at] == '-')) {
        negative = text.ptr[at] == '-';
        at++;
    }
    if (at == text.len) {
        return false;
    }
    for (; at < text.len; at++) {
        unsigned digit = (unsigned)text.ptr[at] - '0';
        if (digit > 9) {
            return false;
        }
        exponent = exponent * 10 + (int64_t)digit;
        exponent = exponent > EXPONENT_SATURATED ? EXPONENT_SATURATED : exponent;
    }
    *ret_exponent = negative ? -exponent : exponent;
    return true;
}

enum weir_status number_parse(struct weir_bytes text, struct number *ret_number,
                              struct weir_error *err)
{
    struct digit_reader r = {0};
    int64_t exponent = 0;
    size_t at = 0;
    bool negative = text.len > 0 && text.ptr[0] == '-';

    at += text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+') ? 1 : 0;
    for (; at < text.len; at++) {
        uint8_t c = text.ptr[at];
        if (c >= '0' && c <= '9') {
            take_digit(&r, (uint8_t)(c - '0'));
        } else if (c == '.' && !r.after_point) {
            r.after_point = true;
        } else {
            break;
        }
    }
    if (at < text.len &&
        ((text.ptr[at] != 'e' && text.ptr[at] != 'E') || !read_exponent(text, at, &exponent))) {
        return refuse_text(text, err);
    }
    if (!r.any) {
        return refuse_text(text, err);
    }
    if (r.n.count == 0) {
        *ret_number = (struct number){0};
        return WEIR_OK;
    }
    enum weir_status status = check_range(r.point + exponent, err);
    if (status != WEIR_OK) {
        return status;
    }
    if (r.too_many) {
        return error_set(err, WEIR_VALIDATION, TOO_PRECISE);
    }
    r.n.negative = negative;
    r.n.exponent = (int16_t)(r.point + exponent);
    *ret_number = r.n;
    return WEIR_OK;
}

static char *put_digits(char *to, const uint8_t *digits, int count)
{
    for (int i = 0; i < count; i++) {
        *to++ = (char)('0' + digits[i]);
    }
    return to;
}

static char *put_zeros(char *to, int count)
{
    memset(to, '0', (size_t)count);
    return to + count;
}

size_t number_format(const struct number *n, char to[NUMBER_TEXT_MAX])
{
    char *end = to;

    if (n->count == 0) {
        *to = '0';
        return 1;
    }
    if (n->negative) {
        *end++ = '-';
    }
    if (n->exponent <= 0) {
        *end++ = '0';
        *end++ = '.';
        end = put_zeros(end, -n->exponent);
        end = put_digits(end, n->digits, n->count);
    } else if (n->exponent >= n->count) {
        end = put_digits(end, n->digits, n->count);
        end = put_zeros(end, n->exponent - n->count);
    } else {
        end = put_digits(end, n->digits, n->exponent);
        *end++ = '.';
        end = put_digits(end, n->digits + n->exponent, n->count - n->exponent);
    }
    return (size_t)(end - to);
}

static size_t digit_run(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *start = at;
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return (size_t)(at - start);
}

/* The part behind "0.": zeros, then digits of which the first and the last are not zero. */
static bool is_canonical_fraction(const uint8_t *at, size_t count)
{
    size_t zeros = 0;
    while (zeros < count && at[zeros] == '0') {
        zeros++;
    }
    return zeros < count && at[count - 1] != '0' && zeros <= -EXPONENT_MIN &&
           count - zeros <= LIMIT_NUMBER_DIGITS;
}

static bool is_canonical_integer(const uint8_t *at, size_t count)
{
    size_t significant = count;
    while (significant > 0 && at[significant - 1] == '0') {
        significant--;
    }
    return count <= EXPONENT_MAX && significant <= LIMIT_NUMBER_DIGITS;
}

bool number_is_canonical(struct weir_bytes text)
{
    const uint8_t *at = text.ptr;
    const uint8_t *end = at + text.len;
    bool negative = text.len > 0 && *at == '-';

    at += negative ? 1 : 0;
    size_t whole = digit_run(at, end);
    if (whole == 0 || (*at == '0' && whole > 1)) {
        return false;
    }
    const uint8_t *point = at + whole;
    if (point == end) {
        return *at == '0' ? !negative : is_canonical_integer(at, whole);
    }
    size_t fraction = digit_run(point + 1, end);
    if (*point != '.' || fraction == 0 || point + 1 + fraction != end) {
        return false;
    }
    if (*at == '0') {
        return is_canonical_fraction(point + 1, fraction);
    }
    return end[-1] != '0' && whole + fraction <= LIMIT_NUMBER_DIGITS;
}

enum weir_status number_canonical(struct arena *a, struct weir_bytes text,
                                  struct weir_bytes *ret_canonical, struct weir_error *err)
{
    char formatted[NUMBER_TEXT_MAX];
    struct number n;

    if (number_is_canonical(text)) {
        *ret_canonical = text;
        return WEIR_OK;
    }
    enum weir_status status = number_parse(text, &n, err);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_bytes copy = arena_dup(a, bytes_of(formatted, number_format(&n, formatted)));
    if (copy.ptr == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a number");
    }
    *ret_canonical = copy;
    return WEIR_OK;
}

/* Order of the magnitudes of two numbers that are not zero. */
static int compare_magnitude(const struct number *a, const struct number *b)
{
    if (a->exponent != b->exponent) {
        return a->exponent < b->exponent ? -1 : 1;
    }
    return bytes_cmp(bytes_of(a->digits, a->count), bytes_of(b->digits, b->count));
}

/* -1, 0, 1 */
static int sign_of(const struct number *n)
{
    return n->count == 0 ? 0 : n->negative ? -1 : 1;
}

int number_compare(const struct number *a, const struct number *b)
{
    int sign_a = sign_of(a);
    int sign_b = sign_of(b);

    if (sign_a != sign_b) {
        return sign_a < sign_b ? -1 : 1;
    }
    if (sign_a == 0) {
        return 0;
    }
    return sign_a < 0 ? compare_magnitude(b, a) : compare_magnitude(a, b);
}

/*
 * A row of decimal places for a sum: place[0] is worth 10^(top - 1), one more than either operand
 * needs, for the carry; the last place is that of the least digit of the two.
 */
#define PLACES_MAX (1 + EXPONENT_MAX - EXPONENT_MIN + LIMIT_NUMBER_DIGITS)

struct places {
    int8_t place[PLACES_MAX];
    int count;
    int top;
};

static void add_into(struct places *p, const struct number *n, int factor)
{
    int8_t *to = p->place + (p->top - n->exponent);
    for (int i = 0; i < n->count; i++) {
        to[i] = (int8_t)(to[i] + factor * n->digits[i]);
    }
}

/* Makes every place 0..9, given that the whole is not negative. */
static void carry(struct places *p)
{
    int over = 0;
    for (int i = p->count - 1; i >= 0; i--) {
        int sum = p->place[i] + over;
        over = sum < 0 ? -1 : sum > 9 ? 1 : 0;
        p->place[i] = (int8_t)(sum - 10 * over);
    }
    WEIR_ASSERT(over == 0);
}

static enum weir_status from_places(const struct places *p, bool negative,
                                    struct number *ret_number, struct weir_error *err)
{
    int first = 0;
    int end = p->count;

    while (first < end && p->place[first] == 0) {
        first++;
    }
    while (end > first && p->place[end - 1] == 0) {
        end--;
    }
    if (first == end) {
        *ret_number = (struct number){0};
        return WEIR_OK;
    }
    enum weir_status status = check_range(p->top - first, err);
    if (status != WEIR_OK) {
        return status;
    }
    if (end - first > LIMIT_NUMBER_DIGITS) {
        return error_set(err, WEIR_VALIDATION, TOO_PRECISE);
    }
    struct number n = {.count = (uint8_t)(end - first),
                       .negative = negative,
                       .exponent = (int16_t)(p->top - first)};
    for (int i = first; i < end; i++) {
        n.digits[i - first] = (uint8_t)p->place[i];
    }
    *ret_number = n;
    return WEIR_OK;
}

enum weir_status number_add(const struct number *a, const struct number *b, struct number *ret_sum,
                            struct weir_error *err)
{
    struct places p = {0};

    if (a->count == 0 || b->count == 0) {
        *ret_sum = a->count == 0 ? *b : *a;
        return WEIR_OK;
    }
    const struct number *big = compare_magnitude(a, b) < 0 ? b : a;
    const struct number *small = big == a ? b : a;
    int bottom_big = big->exponent - big->count;
    int bottom_small = small->exponent - small->count;
    int bottom = bottom_big < bottom_small ? bottom_big : bottom_small;

    p.top = big->exponent + 1;
    p.count = p.top - bottom;
    WEIR_ASSERT(p.count <= PLACES_MAX);
    add_into(&p, big, 1);
    add_into(&p, small, big->negative == small->negative ? 1 : -1);
    carry(&p);
    return from_places(&p, big->negative, ret_sum, err);
}

enum weir_status number_subtract(const struct number *a, const struct number *b,
                                 struct number *ret_difference, struct weir_error *err)
{
    struct number negated = *b;
    negated.negative = b->count > 0 && !b->negative;
    return number_add(a, &negated, ret_difference, err);
}

void number_from_int64(int64_t value, struct number *ret_number)
{
    uint8_t reversed[20] = {0};
    uint8_t count = 0;
    uint8_t dropped = 0;
    struct number n = {.negative = value < 0};
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    for (; rest > 0; rest /= 10) {
        reversed[count++] = (uint8_t)(rest % 10);
    }
    while (dropped < count && reversed[dropped] == 0) {
        dropped++;
    }
    n.exponent = count;
    for (int i = count; i > dropped; i--) {
        n.digits[n.count++] = reversed[i - 1];
    }
    *ret_number = n;
}

bool number_to_int64(const struct number *n, int64_t *ret_value)
{
    int64_t value = 0;

    if (n->count == 0) {
        *ret_value = 0;
        return true;
    }
    if (n->exponent < n->count || n->exponent > 19) {
        return false;
    }
    for (int i = 0; i < n->exponent; i++) {
        int64_t digit = i < n->count ? n->digits[i] : 0;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value)) {
            return false;
        }
    }
    /* Summed below zero, where the smallest integer has room. */
    if (!n->negative && value == INT64_MIN) {
        return false;
    }
    *ret_value = n->negative ? value : -value;
    return true;
}
