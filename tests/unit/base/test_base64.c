/* SPDX-License-Identifier: Apache-2.0 */
/* Base64: the way there and back for every length, and what the strict decoder refuses. */
#include "base/base64.h"
#include "base/env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { LEN_MAX = 200 };

static void decoding_gives_back_what_was_encoded(void **state)
{
    (void)state;
    struct weir_env *env = env_fake_new(12, 0);
    for (size_t len = 0; len < LEN_MAX; len++) {
        uint8_t bytes[LEN_MAX];
        uint8_t text[LEN_MAX * 2];
        uint8_t back[LEN_MAX * 2];
        size_t back_len = 0;
        env->random(env, bytes, len);
        base64_encode(bytes_of(bytes, len), text);
        assert_true(base64_decode(bytes_of(text, base64_text_len(len)), back, &back_len));
        assert_int_equal(back_len, len);
        assert_memory_equal(back, bytes, len);
    }
    env_fake_free(env);
}

static void text_length_is_checked_for_overflow(void **state)
{
    (void)state;
    assert_int_equal(base64_text_len(0), 0);
    assert_int_equal(base64_text_len(1), 4);
    assert_int_equal(base64_text_len(3), 4);
    assert_int_equal(base64_text_len(4), 8);
    assert_true(base64_text_len(SIZE_MAX) == SIZE_MAX);
}

static void decoder_is_strict(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "A",        "AA",       "AAA",    "A===", "====", "=AAA", "AA=A",    "AAAAA",
        "Zg==Zg==", "Zm9v Zm9", "Zm9v\n", "Zh==", "Zm9=", "Z-__", "Zg=\xff", "AA\x80=",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint8_t to[16];
        size_t len = 77;
        assert_false(base64_decode(bytes_str(texts[i]), to, &len));
        assert_int_equal(len, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoding_gives_back_what_was_encoded),
        cmocka_unit_test(text_length_is_checked_for_overflow),
        cmocka_unit_test(decoder_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
