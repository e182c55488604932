/* SPDX-License-Identifier: Apache-2.0 */
/* Signature Version 4 against vectors of botocore's signer, step by step: what fails first names
 * the step. */
#include "unit/aws/sigv4_vector.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void check_step(const struct vector *v, const char *step, struct buf *made)
{
    buf_put_u8(made, '\0');
    assert_int_equal(buf_status(made), WEIR_OK);
    const char *wanted = vector_text(v, step);
    if (strcmp((const char *)made->ptr, wanted) != 0) {
        fail_msg("%s differs\n--- made\n%s\n--- wanted\n%s", step, (const char *)made->ptr, wanted);
    }
    made->len--;
}

static void check_key(const struct vector *v, const struct sigv4_key *key)
{
    struct buf text;
    buf_init(&text, 128);
    for (size_t i = 0; i < sizeof(key->key); i++) {
        buf_printf(&text, "%02x", key->key[i]);
    }
    check_step(v, "signing_key", &text);
    buf_fini(&text);
}

static bool check_vector(const struct vector *v)
{
    char date[SIGV4_DATE_SIZE];
    struct buf canonical, names, text;
    buf_init(&canonical, 65536);
    buf_init(&names, 65536);
    buf_init(&text, 65536);
    sigv4_date(strtoll(vector_text(v, "wall_ms"), NULL, 10), date);
    assert_string_equal(date, vector_text(v, "date"));
    sigv4_canonical_request(&v->request, &canonical, &names);
    check_step(v, "canonical_request", &canonical);
    sigv4_string_to_sign(&v->request, date, buf_bytes(&canonical), &text);
    check_step(v, "string_to_sign", &text);
    struct sigv4_key key = {0};
    assert_int_equal(
        sigv4_derive_key(&v->credentials, date, v->request.region, v->request.service, &key),
        WEIR_OK);
    check_key(v, &key);
    char signature[65];
    sigv4_signature(&key, buf_bytes(&text), signature);
    assert_string_equal(signature, vector_text(v, "signature"));
    buf_reset(&text);
    assert_int_equal(sigv4_authorization(&v->request, &v->credentials, date, &key, &text), WEIR_OK);
    check_step(v, "authorization", &text);
    buf_fini(&canonical);
    buf_fini(&names);
    buf_fini(&text);
    return true;
}

static void vectors_agree_with_botocore(void **state)
{
    (void)state;
    assert_true(vectors_each(check_vector) >= 25);
}

static void derive(struct sigv4_key *key, const char *secret, const char *date, const char *region)
{
    struct sigv4_credentials credentials = {.access_key_id = BYTES_LIT("AKID"),
                                            .secret_access_key = bytes_str(secret)};
    assert_int_equal(
        sigv4_derive_key(&credentials, date, bytes_str(region), BYTES_LIT("dynamodb"), key),
        WEIR_OK);
}

static void cached_key_is_derived_again_when_day_region_or_secret_changes(void **state)
{
    (void)state;
    struct sigv4_key cached = {0};
    struct sigv4_key fresh = {0};
    static const char *const changes[][3] = {
        {"a", "20261120T000000Z", "us-east-1"}, {"a", "20261121T000000Z", "us-east-1"},
        {"a", "20261121T000000Z", "eu-west-1"}, {"b", "20261121T000000Z", "eu-west-1"},
        {"b", "20261121T235959Z", "eu-west-1"},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        fresh.valid = false;
        derive(&cached, changes[i][0], changes[i][1], changes[i][2]);
        derive(&fresh, changes[i][0], changes[i][1], changes[i][2]);
        assert_memory_equal(cached.key, fresh.key, sizeof(fresh.key));
    }
}

static void cached_key_is_used_while_nothing_changes(void **state)
{
    (void)state;
    struct sigv4_key key = {0};
    derive(&key, "a", "20261120T000000Z", "us-east-1");
    memset(key.key, 7, sizeof(key.key));
    derive(&key, "a", "20261120T120000Z", "us-east-1");
    assert_int_equal(key.key[0], 7);
}

static void scope_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    char region[200];
    memset(region, 'r', sizeof(region));
    struct sigv4_key key = {0};
    struct sigv4_credentials credentials = {.secret_access_key = BYTES_LIT("s")};
    assert_int_equal(sigv4_derive_key(&credentials, "20261120T000000Z",
                                      bytes_of(region, sizeof(region)), BYTES_LIT("dynamodb"),
                                      &key),
                     WEIR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_agree_with_botocore),
        cmocka_unit_test(cached_key_is_derived_again_when_day_region_or_secret_changes),
        cmocka_unit_test(cached_key_is_used_while_nothing_changes),
        cmocka_unit_test(scope_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
