/* SPDX-License-Identifier: Apache-2.0 */
/* Which source is chosen, and how long what it gave is used. */
#include "unit/aws/credentials_fixture.h"

#include <pthread.h>
#include <sched.h>

/* ---- keys at hand ------------------------------------------------------------------------------
 */

static const char keys_config[] = "[profile dev]\nregion = x\n"
                                  "[profile ignoring]\n"
                                  "aws_access_key_id = CONFIGKEY\n"
                                  "aws_secret_access_key = PLANTED/config\n"
                                  "[profile half]\n"
                                  "aws_access_key_id = ONLY\n";
static const char keys_credentials[] = "[default]\n"
                                       "aws_access_key_id = FILEKEY\n"
                                       "aws_secret_access_key = PLANTED/file=with+signs\n"
                                       "[dev]\n"
                                       "aws_access_key_id = DEVKEY\n"
                                       "aws_secret_access_key = PLANTEDdev\n"
                                       "aws_session_token = PLANTEDdevtoken\n";

static void keys_come_from_environment_then_files(void **state)
{
    (void)state;
    static const struct {
        const char *profile, *env_id, *env_token;
        const char *id, *secret, *token, *provider;
    } cases[] = {
        {NULL, "A", NULL, "A", "PLANTEDenv", NULL, "env"},
        {"dev", "A", "PLANTEDt", "A", "PLANTEDenv", "PLANTEDt", "env"},
        {NULL, NULL, NULL, "FILEKEY", "PLANTED/file=with+signs", NULL, "shared-credentials-file"},
        {"dev", NULL, NULL, "DEVKEY", "PLANTEDdev", "PLANTEDdevtoken", "shared-credentials-file"},
        {"ignoring", NULL, NULL, "CONFIGKEY", "PLANTED/config", NULL, "config-file"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct chain_fixture f;
        fixture_init(&f, NULL, 0, keys_config, keys_credentials);
        if (cases[i].profile != NULL) {
            fixture_set(&f, "AWS_PROFILE", cases[i].profile);
        }
        if (cases[i].env_id != NULL) {
            fixture_set(&f, "AWS_ACCESS_KEY_ID", cases[i].env_id);
            fixture_set(&f, "AWS_SECRET_ACCESS_KEY", "PLANTEDenv");
        }
        if (cases[i].env_token != NULL) {
            fixture_set(&f, "AWS_SESSION_TOKEN", cases[i].env_token);
        }
        fixture_open(&f);
        fixture_got(&f, cases[i].id, cases[i].secret, cases[i].token);
        assert_string_equal(f.got->provider, cases[i].provider);
        fixture_close(&f);
    }
}

static void test_A5_half_a_key_pair_is_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *says;
    } cases[] = {
        {"AWS_ACCESS_KEY_ID", "A", "the access key id is set without the secret access key"},
        {"AWS_SECRET_ACCESS_KEY", "PLANTED", "the secret access key is set without the access key"},
        {"AWS_PROFILE", "half", "\"half\" in the config file"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int local = 0; local < 2; local++) {
            struct chain_fixture f;
            fixture_init(&f, NULL, 0, keys_config, keys_credentials);
            fixture_set(&f, cases[i].name, cases[i].value);
            assert_int_equal(fixture_open_with(&f, (struct credentials_options){.local = local}),
                             WEIR_CONFIG);
            assert_says(&f, cases[i].says);
            fixture_close(&f);
        }
    }
}

static void keys_that_would_end_a_header_are_refused(void **state)
{
    (void)state;
    struct chain_fixture f;
    fixture_init(&f, NULL, 0, "", "");
    fixture_set(&f, "AWS_ACCESS_KEY_ID", "A\r\nx: y");
    fixture_set(&f, "AWS_SECRET_ACCESS_KEY", "PLANTED");
    assert_int_equal(fixture_open_with(&f, (struct credentials_options){0}), WEIR_CONFIG);
    assert_says(&f, "control");
    fixture_close(&f);
}

/* ---- the choice --------------------------------------------------------------------------------
 */

static const struct credentials_finding *finding_of(const struct credentials_finding *findings,
                                                    size_t count, const char *provider)
{
    for (size_t i = 0; i < count; i++) {
        assert_no_secret(findings[i].why);
        if (strcmp(findings[i].provider, provider) == 0) {
            return &findings[i];
        }
    }
    fail_msg("no finding of %s", provider);
    return NULL;
}

#define EVERYTHING                                                                         \
    "source_profile = base\ncredential_process = program PLANTED\nsso_account_id = 1\n"    \
    "sso_role_name = r\nsso_start_url = https://x\nsso_region = eu-west-1\nrole_arn = a\n" \
    "aws_access_key_id = C\naws_secret_access_key = PLANTED\n"

/* Every source is configured; one after the other is taken away, the first first. */
static void sources_are_chosen_in_botocores_order(void **state)
{
    (void)state;
    static const char base[] = "[profile base]\naws_access_key_id = B\n"
                               "aws_secret_access_key = PLANTED\n[profile p]\n";
    static const char shared[] = "[p]\naws_access_key_id = S\naws_secret_access_key = PLANTED\n";
    static const struct {
        const char *provider;
        const char *profile;
        bool env, web, shared;
    } cases[] = {
        {"env", EVERYTHING, true, true, true},
        {"assume-role", EVERYTHING, false, true, true},
        {"assume-role-with-web-identity",
         "sso_account_id = 1\nsso_role_name = r\nsso_start_url = u\nsso_region = x\n", false, true,
         true},
        {"sso", "sso_account_id = 1\nsso_role_name = r\nsso_start_url = u\nsso_region = x\n", false,
         false, true},
        {"shared-credentials-file", "credential_process = x\n", false, false, true},
        {"custom-process",
         "credential_process = x\naws_access_key_id = C\naws_secret_access_key = PLANTED\n", false,
         false, false},
        {"config-file", "aws_access_key_id = C\naws_secret_access_key = PLANTED\n", false, false,
         false},
        {"container-role", "region = x\n", false, false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct chain_fixture f;
        struct credentials_finding findings[CREDENTIALS_PROVIDERS_MAX];
        char config[1024];
        (void)snprintf(config, sizeof(config), "%s%s", base, cases[i].profile);
        fixture_init(&f, NULL, 0, config, cases[i].shared ? shared : "");
        fixture_set(&f, "AWS_PROFILE", "p");
        fixture_set(&f, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/x");
        if (cases[i].env) {
            fixture_set(&f, "AWS_ACCESS_KEY_ID", "E");
            fixture_set(&f, "AWS_SECRET_ACCESS_KEY", "PLANTED");
        }
        if (cases[i].web) {
            fixture_set(&f, "AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere");
            fixture_set(&f, "AWS_ROLE_ARN", "arn");
        }
        fixture_settings(&f, NULL);
        size_t count = credentials_explain(f.settings, false, findings);
        const struct credentials_finding *chosen = finding_of(findings, count, cases[i].provider);
        if (chosen->choice != CREDENTIALS_CHOSEN) {
            fail_msg("%s: %s", cases[i].provider, chosen->why);
        }
        assert_int_equal(finding_of(findings, count, "iam-role")->choice, CREDENTIALS_SHADOWED);
        assert_true(strlen(chosen->why) > 0);
        fixture_close(&f);
    }
}

static void explicit_profile_takes_no_keys_from_the_environment(void **state)
{
    (void)state;
    struct chain_fixture f;
    fixture_init(&f, NULL, 0, keys_config, keys_credentials);
    fixture_set(&f, "AWS_ACCESS_KEY_ID", "E");
    fixture_set(&f, "AWS_SECRET_ACCESS_KEY", "PLANTED");
    fixture_settings(&f, "dev");
    fixture_open(&f);
    fixture_got(&f, "DEVKEY", "PLANTEDdev", "PLANTEDdevtoken");
    fixture_close(&f);
}

static void server_on_this_machine_gets_keys_at_hand_or_none(void **state)
{
    (void)state;
    struct chain_fixture f;
    struct credentials_finding findings[CREDENTIALS_PROVIDERS_MAX];
    fixture_init(&f, NULL, 0, "[default]\ncredential_process = false\n", "");
    fixture_set(&f, "AWS_CONTAINER_CREDENTIALS_FULL_URI", f.url);
    assert_int_equal(fixture_open_with(&f, (struct credentials_options){.local = true}), WEIR_OK);
    assert_true(credentials_none(f.chain));
    fixture_refused(&f, WEIR_CREDENTIALS, "AWS_ACCESS_KEY_ID");
    size_t count = credentials_explain(f.settings, true, findings);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(findings[i].choice, CREDENTIALS_ABSENT);
    }
    assert_int_equal(script_server_count(f.server), 0);
    fixture_close(&f);
}

static void wrong_settings_are_errors_before_anything_is_sent(void **state)
{
    (void)state;
    static const struct {
        const char *profile;
        enum weir_status status;
        const char *says;
    } cases[] = {
        {"role_arn = a\n", WEIR_CONFIG, "neither source_profile"},
        {"role_arn = a\nsource_profile = b\ncredential_source = Environment\n", WEIR_CONFIG,
         "both source_profile"},
        {"role_arn = a\nsource_profile = nobody\n", WEIR_CONFIG, "\"nobody\""},
        {"role_arn = a\nsource_profile = default\n", WEIR_CONFIG, "circle"},
        {"role_arn = a\nsource_profile = b\n[profile b]\nrole_arn = c\nsource_profile = default\n",
         WEIR_CONFIG, "circle"},
        {"role_arn = a\nsource_profile = b\n[profile b]\nregion = x\n", WEIR_CONFIG,
         "\"b\" has no credentials"},
        {"role_arn = a\ncredential_source = Elsewhere\n", WEIR_CONFIG, "\"Elsewhere\""},
        {"role_arn = a\ncredential_source = EcsContainer\n", WEIR_CONFIG, "RELATIVE_URI"},
        {"role_arn = a\nsource_profile = b\nmfa_serial = m\n", WEIR_UNSUPPORTED, "one-time code"},
        {"web_identity_token_file = t\n", WEIR_CONFIG, "AWS_ROLE_ARN"},
        {"sso_account_id = 1\nsso_region = x\n", WEIR_CONFIG, "sso_role_name"},
        {"sso_account_id = 1\nsso_role_name = r\nsso_session = s\n", WEIR_CONFIG, "\"s\""},
        {"sso_account_id = 1\nsso_role_name = r\nsso_start_url = u\nsso_region = x/y\n",
         WEIR_CONFIG, "sso_region"},
        {"login_session = x\n", WEIR_UNSUPPORTED, "export-credentials"},
        {"credential_process = a 'b\n", WEIR_CONFIG, "open quote"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct chain_fixture f;
        struct credentials_finding findings[CREDENTIALS_PROVIDERS_MAX];
        char config[512];
        (void)snprintf(config, sizeof(config), "[default]\n%s", cases[i].profile);
        fixture_init(&f, NULL, 0, config, "");
        if (fixture_open_with(&f, (struct credentials_options){0}) != cases[i].status) {
            fail_msg("case %zu: %s", i, f.err.message);
        }
        assert_says(&f, cases[i].says);
        size_t count = credentials_explain(f.settings, false, findings);
        bool broken = false;
        for (size_t j = 0; j < count; j++) {
            assert_int_not_equal(findings[j].choice, CREDENTIALS_CHOSEN);
            broken |= findings[j].choice == CREDENTIALS_BROKEN;
        }
        assert_true(broken);
        fixture_close(&f);
    }
}

/* ---- expiry and renewal ------------------------------------------------------------------------
 */

static void fixture_init_container(struct chain_fixture *f, const struct script_step *steps,
                                   size_t count)
{
    fixture_init(f, steps, count, "", "");
    fixture_set(f, "AWS_CONTAINER_CREDENTIALS_FULL_URI", f->url);
    fixture_open(f);
}

#define GIVES(id, expiration)                                                         \
    {                                                                                 \
        .action = SCRIPT_ANSWER, .status = 200, .body = CONTAINER_SET(id, expiration) \
    }
#define FAILS(code)                                                  \
    {                                                                \
        .action = SCRIPT_ANSWER, .status = (code), .body = "PLANTED" \
    }

static void opening_sends_nothing_and_one_set_serves_until_its_window(void **state)
{
    (void)state;
    static const struct script_step steps[] = {GIVES("FIRST", IN_AN_HOUR)};
    struct chain_fixture f;
    fixture_init_container(&f, steps, 1);
    assert_null(credentials_peek(f.chain));
    assert_int_equal(script_server_count(f.server), 0);
    fixture_got(&f, "FIRST", "PLANTEDsecret", "PLANTEDtoken");
    assert_string_equal(f.got->provider, "container-role");
    env_fake_advance(f.env, 45 * MINUTE_MS);
    fixture_got(&f, "FIRST", "PLANTEDsecret", "PLANTEDtoken");
    assert_int_equal(script_server_count(f.server), 1);
    fixture_close(&f);
}

/* The old ones are given while new ones are fetched beside. */
static void set_is_renewed_beside_its_use(void **state)
{
    (void)state;
    static const struct script_step steps[] = {GIVES("FIRST", IN_AN_HOUR),
                                               GIVES("SECOND", "2026-01-01T02:00:00Z")};
    struct chain_fixture f;
    fixture_init_container(&f, steps, 2);
    fixture_got(&f, "FIRST", "PLANTEDsecret", "PLANTEDtoken");
    env_fake_advance(f.env, 45 * MINUTE_MS + 1);
    struct credentials *old = credentials_peek(f.chain);
    assert_string_equal(old->access_key_id, "FIRST");
    bool renewed = false;
    while (!renewed) {
        struct credentials *now = credentials_peek(f.chain);
        renewed = strcmp(now->access_key_id, "SECOND") == 0;
        credentials_unref(now);
        (void)sched_yield();
    }
    assert_string_equal(old->secret_access_key, "PLANTEDsecret");
    credentials_unref(old);
    assert_int_equal(script_server_count(f.server), 2);
    fixture_close(&f);
}

static void failed_early_renewal_keeps_the_old_set_and_pauses(void **state)
{
    (void)state;
    static const struct script_step steps[] = {GIVES("FIRST", IN_AN_HOUR), FAILS(500),
                                               GIVES("SECOND", "2026-01-01T02:00:00Z")};
    struct chain_fixture f;
    fixture_init_container(&f, steps, 3);
    fixture_got(&f, "FIRST", "PLANTEDsecret", "PLANTEDtoken");
    env_fake_advance(f.env, 46 * MINUTE_MS);
    for (int i = 0; i < 1000; i++) {
        fixture_got(&f, "FIRST", "PLANTEDsecret", "PLANTEDtoken");
    }
    script_server_await(f.server, 2);
    for (int i = 0; i < 1000; i++) {
        fixture_got(&f, "FIRST", "PLANTEDsecret", "PLANTEDtoken");
    }
    assert_int_equal(script_server_count(f.server), 2);
    env_fake_advance(f.env, 5 * MINUTE_MS);
    while (fixture_get(&f) == WEIR_SERVER) { /* the failing fetch was still under way */
        (void)sched_yield();
    }
    assert_string_equal(f.got->access_key_id, "SECOND");
    assert_int_equal(script_server_count(f.server), 3);
    fixture_close(&f);
}

/* The shortest sessions of STS last 15 minutes, and a service may go on giving what it gave. */
static void set_that_comes_within_its_window_is_not_renewed_at_every_request(void **state)
{
    (void)state;
    static const struct script_step steps[] = {GIVES("SHORT", "2026-01-01T00:14:59Z"),
                                               GIVES("SECOND", "2026-01-01T02:00:00Z")};
    struct chain_fixture f;
    fixture_init_container(&f, steps, 2);
    for (int i = 0; i < 20000; i++) {
        fixture_got(&f, "SHORT", "PLANTEDsecret", "PLANTEDtoken");
        (void)sched_yield();
    }
    assert_int_equal(script_server_count(f.server), 1);
    env_fake_advance(f.env, MINUTE_MS);
    while (strcmp(f.got->access_key_id, "SECOND") != 0) {
        assert_int_equal(fixture_get(&f), WEIR_OK);
        (void)sched_yield();
    }
    assert_int_equal(script_server_count(f.server), 2);
    fixture_close(&f);
}

static void failed_needed_renewal_is_an_error_that_may_pass(void **state)
{
    (void)state;
    static const struct script_step steps[] = {GIVES("FIRST", IN_AN_HOUR), FAILS(503), FAILS(429),
                                               GIVES("SECOND", "2026-01-01T02:00:00Z")};
    struct chain_fixture f;
    fixture_init_container(&f, steps, 4);
    fixture_got(&f, "FIRST", "PLANTEDsecret", "PLANTEDtoken");
    env_fake_advance(f.env, 50 * MINUTE_MS + 1);
    fixture_refused(&f, WEIR_UNAVAILABLE, "503");
    assert_int_equal(f.err.retryable, 1);
    fixture_refused(&f, WEIR_THROTTLED, "429");
    fixture_got(&f, "SECOND", "PLANTEDsecret", "PLANTEDtoken");
    fixture_close(&f);
}

static void set_that_comes_expired_is_an_error(void **state)
{
    (void)state;
    static const struct script_step steps[] = {GIVES("OLD", "2026-01-01T00:00:00Z")};
    struct chain_fixture f;
    fixture_init_container(&f, steps, 1);
    fixture_refused(&f, WEIR_CREDENTIALS, "clock");
    fixture_close(&f);
}

static void *get_in_a_thread(void *arg)
{
    struct chain_fixture *f = arg;
    struct credentials *got = NULL;
    struct weir_error err = {0};
    enum weir_status status = credentials_get(f->chain, &got, &err);
    credentials_unref(got);
    return (void *)(uintptr_t)status;
}

static void many_who_wait_share_one_fetch(void **state)
{
    (void)state;
    static const struct script_step steps[] = {GIVES("FIRST", IN_AN_HOUR), FAILS(500)};
    struct chain_fixture f;
    pthread_t threads[16];
    fixture_init_container(&f, steps, 2);
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, get_in_a_thread, &f), 0);
    }
    for (size_t i = 0; i < 16; i++) {
        void *status = NULL;
        assert_int_equal(pthread_join(threads[i], &status), 0);
        assert_int_equal((uintptr_t)status, WEIR_OK);
    }
    assert_int_equal(script_server_count(f.server), 1);
    fixture_close(&f);
}

static void never_done(struct credentials_waiter *waiter, struct credentials *take_credentials,
                       const struct weir_error *error)
{
    (void)waiter;
    (void)take_credentials;
    (void)error;
    abort();
}

static void closing_ends_a_fetch_and_who_left_is_not_told(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.action = SCRIPT_HANG}};
    struct chain_fixture f;
    pthread_t thread;
    void *status = NULL;
    struct credentials_waiter left = {.done = never_done};
    fixture_init_container(&f, steps, 1);
    assert_int_equal(pthread_create(&thread, NULL, get_in_a_thread, &f), 0);
    script_server_await(f.server, 1); /* the fetch that the thread asked for: so it waits */
    credentials_wait(f.chain, &left);
    assert_true(credentials_unwait(f.chain, &left));
    assert_false(credentials_unwait(f.chain, &left));
    credentials_close(f.chain);
    f.chain = NULL;
    assert_int_equal(pthread_join(thread, &status), 0);
    assert_int_equal((uintptr_t)status, WEIR_CLOSED);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_from_environment_then_files),
        cmocka_unit_test(test_A5_half_a_key_pair_is_an_error),
        cmocka_unit_test(keys_that_would_end_a_header_are_refused),
        cmocka_unit_test(sources_are_chosen_in_botocores_order),
        cmocka_unit_test(explicit_profile_takes_no_keys_from_the_environment),
        cmocka_unit_test(server_on_this_machine_gets_keys_at_hand_or_none),
        cmocka_unit_test(wrong_settings_are_errors_before_anything_is_sent),
        cmocka_unit_test(opening_sends_nothing_and_one_set_serves_until_its_window),
        cmocka_unit_test(set_is_renewed_beside_its_use),
        cmocka_unit_test(failed_early_renewal_keeps_the_old_set_and_pauses),
        cmocka_unit_test(set_that_comes_within_its_window_is_not_renewed_at_every_request),
        cmocka_unit_test(failed_needed_renewal_is_an_error_that_may_pass),
        cmocka_unit_test(set_that_comes_expired_is_an_error),
        cmocka_unit_test(many_who_wait_share_one_fetch),
        cmocka_unit_test(closing_ends_a_fetch_and_who_left_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
