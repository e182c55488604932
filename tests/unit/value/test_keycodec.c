/* SPDX-License-Identifier: Apache-2.0 */
#include "value/keycodec.h"

#include "cm.h"
#include "random_value.h"

static int sign(int order)
{
    return order < 0 ? -1 : order > 0 ? 1 : 0;
}

static void check_round_trip(struct arena *a, const struct weir_value *value, struct weir_bytes key)
{
    enum value_type type = (enum value_type)value->type;
    struct weir_value back;
    struct weir_bytes rest = key;

    assert_int_equal(keycodec_length(type, key), key.len);
    assert_int_equal(keycodec_take(a, type, &rest, &back, NULL), WEIR_OK);
    assert_int_equal(rest.len, 0);
    assert_int_equal(back.form, VALUE_ATTRIBUTE);
    assert_true(value_equal(value, &back));
}

static void check_pair(struct arena *a, enum value_type type)
{
    struct weir_value left = random_scalar(a, type);
    struct weir_value right = random_scalar(a, type);
    struct buf key_left;
    struct buf key_right;

    buf_init(&key_left, 4096);
    buf_init(&key_right, 4096);
    keycodec_put(&key_left, &left);
    keycodec_put(&key_right, &right);
    assert_int_equal(sign(bytes_cmp(buf_bytes(&key_left), buf_bytes(&key_right))),
                     sign(value_compare(&left, &right)));
    check_round_trip(a, &left, buf_bytes(&key_left));
    if (value_compare(&left, &right) != 0) {
        assert_false(bytes_starts_with(buf_bytes(&key_left), buf_bytes(&key_right)));
    }
    if (type == VALUE_N) {
        assert_true(key_left.len <= KEYCODEC_NUMBER_MAX);
    }
    buf_fini(&key_left);
    buf_fini(&key_right);
}

static void order_of_bytes_is_order_of_values(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);

    (void)state;
    random_start("keycodec");
    for (int round = 0; round < 20000; round++) {
        check_pair(a, VALUE_S);
        check_pair(a, VALUE_B);
        check_pair(a, VALUE_N);
        arena_reset(a);
    }
    arena_free(a);
}

/* Neighbours in this list are the places where an encoding of numbers goes wrong. */
static void numbers_at_the_edges_are_in_order(void **state)
{
    static const char *const ascending[] = {
        "-9.9999999999999999999999999999999999999E+125",
        "-1e125",
        "-1e124",
        "-101",
        "-100.5",
        "-100",
        "-99.99",
        "-99",
        "-10",
        "-9.9",
        "-1.25",
        "-1.2",
        "-1.1",
        "-1.01",
        "-1",
        "-0.99",
        "-0.1",
        "-0.01",
        "-1e-129",
        "-1.0000000000000000000000000000000000001e-130",
        "-1e-130",
        "0",
        "1e-130",
        "1.0000000000000000000000000000000000001e-130",
        "1e-129",
        "1e-128",
        "0.001",
        "0.01",
        "0.0100000001",
        "0.1",
        "0.99",
        "1",
        "1.01",
        "1.1",
        "9.9",
        "10",
        "99",
        "100",
        "100.0000000000000000000000000000000001",
        "101",
        "99999999999999999999999999999999999999",
        "1e38",
        "1e125",
        "9.9999999999999999999999999999999999999E+125",
    };
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct buf last;
    struct buf next;

    (void)state;
    buf_init(&last, 64);
    buf_init(&next, 64);
    for (size_t i = 0; i < sizeof(ascending) / sizeof(ascending[0]); i++) {
        struct weir_value value = {.type = VALUE_N, .u.bytes = bytes_str(ascending[i])};
        buf_reset(&next);
        keycodec_put(&next, &value);
        assert_true(bytes_cmp(buf_bytes(&last), buf_bytes(&next)) < 0);
        buf_reset(&last);
        buf_put(&last, buf_bytes(&next));
    }
    buf_fini(&last);
    buf_fini(&next);
    arena_free(a);
}

static void keys_one_behind_another_are_taken_apart(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    struct weir_value text = {0};
    struct weir_value number = {0};
    struct weir_value binary = {0};
    struct weir_value back;
    struct buf key;

    (void)state;
    value_set_s(&text, bytes_of("a\0b\0", 4));
    value_set_n(&number, BYTES_LIT("-12.5"));
    value_set_b(&binary, BYTES_NONE);
    buf_init(&key, 256);
    keycodec_put(&key, &text);
    keycodec_put(&key, &number);
    keycodec_put(&key, &binary);
    struct weir_bytes rest = buf_bytes(&key);
    assert_int_equal(keycodec_take(a, VALUE_S, &rest, &back, NULL), WEIR_OK);
    assert_true(value_equal(&back, &text));
    assert_int_equal(keycodec_take(a, VALUE_N, &rest, &back, NULL), WEIR_OK);
    assert_bytes_str(back.u.bytes, "-12.5");
    assert_int_equal(keycodec_take(a, VALUE_B, &rest, &back, NULL), WEIR_OK);
    assert_int_equal(back.u.bytes.len, 0);
    assert_int_equal(rest.len, 0);
    buf_fini(&key);
    arena_free(a);
}

static void damaged_keys_are_refused(void **state)
{
    static const struct {
        enum value_type type;
        struct weir_bytes bytes;
    } damaged[] = {
        {VALUE_S, {(const uint8_t *)"", 0}},
        {VALUE_S, {(const uint8_t *)"abc", 3}},
        {VALUE_S, {(const uint8_t *)"abc\0", 4}},
        {VALUE_S, {(const uint8_t *)"abc\0\2", 5}},
        {VALUE_S, {(const uint8_t *)"abc\0\xff", 5}},
        {VALUE_N, {(const uint8_t *)"", 0}},
        {VALUE_N, {(const uint8_t *)"\xc1", 1}},
        {VALUE_N, {(const uint8_t *)"\xc1\x02", 2}},
        {VALUE_N, {(const uint8_t *)"\xc1\x00", 2}},         /* no digits */
        {VALUE_N, {(const uint8_t *)"\x7f\xff", 2}},         /* minus zero */
        {VALUE_N, {(const uint8_t *)"\xc1\x01\x02\x00", 4}}, /* a leading pair 00 */
        {VALUE_N, {(const uint8_t *)"\xc1\x02\x01\x00", 4}}, /* a trailing pair 00 */
        {VALUE_N, {(const uint8_t *)"\xc1\x66\x00", 3}},     /* a pair above 99 */
    };
    struct arena *a = arena_new(TEST_ARENA_BYTES);

    (void)state;
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        struct weir_bytes rest = damaged[i].bytes;
        struct weir_value value;
        assert_int_equal(keycodec_take(a, damaged[i].type, &rest, &value, NULL), WEIR_CORRUPTION);
        assert_int_equal(rest.len, damaged[i].bytes.len);
    }
    arena_free(a);
}

static void random_bytes_are_refused_or_canonical(void **state)
{
    struct arena *a = arena_new(TEST_ARENA_BYTES);

    (void)state;
    random_start("keycodec bytes");
    for (int round = 0; round < 50000; round++) {
        size_t len = random_below(26);
        uint8_t *bytes = malloc(len + 1);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)(random_below(4) == 0 ? random_u64() : random_below(103));
        }
        enum value_type type = (enum value_type)random_below(3);
        struct weir_bytes rest = bytes_of(bytes, len);
        struct weir_value value;
        struct buf again;
        buf_init(&again, 4096);
        if (keycodec_take(a, type, &rest, &value, NULL) == WEIR_OK) {
            keycodec_put(&again, &value);
            assert_true(bytes_eq(buf_bytes(&again), bytes_of(bytes, len - rest.len)));
        }
        buf_fini(&again);
        free(bytes);
        arena_reset(a);
    }
    arena_free(a);
}

/* ---- the golden file: lines of "type value encoding hash", # for comments -----------------------
 */

static struct weir_bytes unhex(struct arena *a, const char *text)
{
    size_t len = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;
    uint8_t *bytes = arena_alloc(a, len);
    for (size_t i = 0; i < len; i++) {
        unsigned byte = 0;
        assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
        bytes[i] = (uint8_t)byte;
    }
    return bytes_of(bytes, len);
}

static void check_golden(struct arena *a, const char *type, const char *value, const char *encoding,
                         unsigned long long hash)
{
    struct weir_value node = {0};
    struct buf key;

    buf_init(&key, 8192);
    if (strcmp(type, "N") == 0) {
        value_set_n(&node, bytes_str(value));
    } else if (strcmp(type, "S") == 0) {
        value_set_s(&node, unhex(a, value));
    } else {
        value_set_b(&node, unhex(a, value));
    }
    keycodec_put(&key, &node);
    assert_true(bytes_eq(buf_bytes(&key), unhex(a, encoding)));
    assert_true(keycodec_hash(buf_bytes(&key)) == hash);
    buf_fini(&key);
}

static void encodings_and_placement_are_frozen(void **state)
{
    FILE *file = fopen(GOLDEN_DIR "/placement_hash.txt", "r");
    struct arena *a = arena_new(TEST_ARENA_BYTES);
    char line[8192];
    int lines = 0;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        char type[2];
        char value[4096];
        char encoding[4096];
        unsigned long long hash;
        if (line[0] == '#') {
            continue;
        }
        assert_int_equal(sscanf(line, "%1s %4095s %4095s %llx", type, value, encoding, &hash), 4);
        check_golden(a, type, value, encoding, hash);
        lines++;
    }
    (void)fclose(file);
    assert_true(lines >= 30);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_of_bytes_is_order_of_values),
        cmocka_unit_test(numbers_at_the_edges_are_in_order),
        cmocka_unit_test(keys_one_behind_another_are_taken_apart),
        cmocka_unit_test(damaged_keys_are_refused),
        cmocka_unit_test(random_bytes_are_refused_or_canonical),
        cmocka_unit_test(encodings_and_placement_are_frozen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
