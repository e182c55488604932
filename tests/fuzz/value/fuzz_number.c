/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two texts, parted by a line feed, as numbers: canonical text is a fixed point; sum and difference
 * undo each other; the key encodings have the order of the numbers and come back.
 */
#include "base/error.h"
#include "value/keycodec.h"
#include "value/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool parse(struct weir_bytes text, struct number *ret_number)
{
    char canonical[NUMBER_TEXT_MAX];
    struct number again;

    if (number_parse(text, ret_number, NULL) != WEIR_OK) {
        WEIR_ASSERT(!number_is_canonical(text));
        return false;
    }
    struct weir_bytes formatted = bytes_of(canonical, number_format(ret_number, canonical));
    WEIR_ASSERT(number_is_canonical(formatted));
    WEIR_ASSERT(number_is_canonical(text) == bytes_eq(text, formatted));
    WEIR_ASSERT(number_parse(formatted, &again, NULL) == WEIR_OK);
    WEIR_ASSERT(number_compare(ret_number, &again) == 0);
    return true;
}

static struct buf key_of(struct arena *a, const struct number *n)
{
    char text[NUMBER_TEXT_MAX];
    struct weir_value value = {0};
    struct weir_value back;
    struct buf key;

    buf_init(&key, KEYCODEC_NUMBER_MAX);
    value_set_n(&value, bytes_of(text, number_format(n, text)));
    keycodec_put(&key, &value);
    WEIR_ASSERT(buf_status(&key) == WEIR_OK);
    struct weir_bytes rest = buf_bytes(&key);
    WEIR_ASSERT(keycodec_take(a, VALUE_N, &rest, &back, NULL) == WEIR_OK && rest.len == 0);
    WEIR_ASSERT(value_equal(&value, &back));
    return key;
}

static int sign(int order)
{
    return order < 0 ? -1 : order > 0 ? 1 : 0;
}

static void check_pair(struct arena *a, const struct number *left, const struct number *right)
{
    struct number sum;
    struct number back;
    struct buf key_left = key_of(a, left);
    struct buf key_right = key_of(a, right);
    int order = number_compare(left, right);

    WEIR_ASSERT(sign(order) == -sign(number_compare(right, left)));
    WEIR_ASSERT(sign(order) == sign(bytes_cmp(buf_bytes(&key_left), buf_bytes(&key_right))));
    if (number_add(left, right, &sum, NULL) == WEIR_OK) {
        WEIR_ASSERT(number_subtract(&sum, right, &back, NULL) == WEIR_OK);
        WEIR_ASSERT(number_compare(&back, left) == 0);
    }
    buf_fini(&key_left);
    buf_fini(&key_right);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *feed = size == 0 ? NULL : memchr(data, '\n', size);
    size_t first = feed == NULL ? size : (size_t)(feed - data);
    struct number left;
    struct number right;
    bool both = parse(bytes_of(data, first), &left);

    if (feed == NULL) {
        return 0;
    }
    both = parse(bytes_of(feed + 1, size - first - 1), &right) && both;
    if (both) {
        struct arena *a = arena_new(64 * 1024);
        check_pair(a, &left, &right);
        arena_free(a);
    }
    return 0;
}
