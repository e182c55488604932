/* SPDX-License-Identifier: Apache-2.0 */
/* Region, endpoints and attempts from an environment and files of the test's own. */
#include "aws/config.h"
#include "aws/http.h"
#include "aws/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define PAIRS_MAX 12

struct pairs {
    const char *at[PAIRS_MAX][2];
};

static const char *pairs_get(void *arg, const char *name)
{
    const struct pairs *pairs = arg;
    for (size_t i = 0; i < PAIRS_MAX && pairs->at[i][0] != NULL; i++) {
        if (strcmp(pairs->at[i][0], name) == 0) {
            return pairs->at[i][1];
        }
    }
    return NULL;
}

static enum weir_status load(const struct pairs *pairs, const char *endpoint, const char *region,
                             struct aws_config *config, struct weir_error *err)
{
    struct aws_environment environment = {pairs_get, (void *)(uintptr_t)pairs};
    *err = (struct weir_error){0};
    return aws_config_load_profile(&environment, NULL, endpoint, region, config, err);
}

/* A home folder with ~/.aws/config and ~/.aws/credentials. */
struct home {
    char path[64];
};

static void home_write(const struct home *home, const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/.aws/%s", home->path, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    (void)fclose(file);
}

static void home_make(struct home *home, const char *config, const char *credentials)
{
    char command[128];
    (void)snprintf(home->path, sizeof(home->path), "/tmp/weir-aws-XXXXXX");
    assert_non_null(mkdtemp(home->path));
    (void)snprintf(command, sizeof(command), "mkdir '%s/.aws'", home->path);
    assert_int_equal(system(command), 0);
    home_write(home, "config", config);
    home_write(home, "credentials", credentials);
}

static void home_remove(const struct home *home)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", home->path);
    assert_int_equal(system(command), 0);
}

static const char config_text[] = "# comment\n"
                                  "[default]\n"
                                  "region = eu-west-3\n"
                                  "\n"
                                  "[profile dev]\n"
                                  "region=eu-central-1\n"
                                  "endpoint_url = http://profile:1\n"
                                  "services = here\n"
                                  "; comment\n"
                                  "[profile \"plain\"]\n"
                                  "region = us-west-2\n"
                                  "endpoint_url = http://plain:2\n"
                                  "[profile ignoring]\n"
                                  "region = us-west-1\n"
                                  "endpoint_url = http://ignored:3\n"
                                  "ignore_configured_endpoint_urls = true\n"
                                  "max_attempts = 4\n"
                                  "aws_access_key_id = CONFIGKEY\n"
                                  "aws_secret_access_key = config/secret\n"
                                  "[profile half]\n"
                                  "region = us-west-1\n"
                                  "aws_access_key_id = ONLY\n"
                                  "[services here]\n"
                                  "sqs =\n"
                                  "  endpoint_url = http://sqs:4\n"
                                  "dynamodb =\n"
                                  "  endpoint_url = http://services:5\n"
                                  "  other = x\n";

static const char credentials_text[] = "[default]\n"
                                       "aws_access_key_id = FILEKEY\n"
                                       "aws_secret_access_key = file/secret=with+signs\n"
                                       "[dev]\n"
                                       "aws_access_key_id = DEVKEY\n"
                                       "aws_secret_access_key = devsecret\n"
                                       "aws_session_token = devtoken\n";

struct endpoint_case {
    const char *given_endpoint;
    const char *given_region;
    struct pairs pairs;
    const char *region;
    const char *endpoint;
    const char *streams;
};

static const struct endpoint_case endpoint_cases[] = {
    {NULL,
     "eu-west-1",
     {{{NULL, NULL}}},
     "eu-west-1",
     "https://dynamodb.eu-west-1.amazonaws.com",
     "https://streams.dynamodb.eu-west-1.amazonaws.com"},
    {NULL,
     NULL,
     {{{"AWS_REGION", "eu-west-1"}, {"AWS_DEFAULT_REGION", "us-east-2"}}},
     "eu-west-1",
     "https://dynamodb.eu-west-1.amazonaws.com",
     "https://streams.dynamodb.eu-west-1.amazonaws.com"},
    {NULL,
     NULL,
     {{{"AWS_DEFAULT_REGION", "us-east-2"}}},
     "us-east-2",
     "https://dynamodb.us-east-2.amazonaws.com",
     "https://streams.dynamodb.us-east-2.amazonaws.com"},
    {NULL,
     "cn-north-1",
     {{{NULL, NULL}}},
     "cn-north-1",
     "https://dynamodb.cn-north-1.amazonaws.com.cn",
     "https://streams.dynamodb.cn-north-1.amazonaws.com.cn"},
    {NULL, "local", {{{NULL, NULL}}}, "local", "http://localhost:8000", "http://localhost:8000"},
    {"http://127.0.0.1:8000",
     NULL,
     {{{NULL, NULL}}},
     "us-east-1",
     "http://127.0.0.1:8000",
     "http://127.0.0.1:8000"},
    {"http://given:9",
     NULL,
     {{{"AWS_ENDPOINT_URL_DYNAMODB", "http://env:1"}}},
     "us-east-1",
     "http://given:9",
     "http://given:9"},
    {"https://dynamodb.ap-south-1.amazonaws.com",
     NULL,
     {{{NULL, NULL}}},
     "ap-south-1",
     "https://dynamodb.ap-south-1.amazonaws.com",
     "https://streams.dynamodb.ap-south-1.amazonaws.com"},
    {NULL,
     NULL,
     {{{"AWS_ENDPOINT_URL_DYNAMODB", "http://own:1"}, {"AWS_ENDPOINT_URL", "http://all:2"}}},
     "us-east-1",
     "http://own:1",
     "http://all:2"},
    {NULL,
     NULL,
     {{{"AWS_ENDPOINT_URL_DYNAMODB", "http://own:1"}}},
     "us-east-1",
     "http://own:1",
     "http://own:1"},
    {NULL,
     NULL,
     {{{"AWS_ENDPOINT_URL_DYNAMODB", "http://own:1"},
       {"AWS_ENDPOINT_URL_DYNAMODB_STREAMS", "http://streams:3"}}},
     "us-east-1",
     "http://own:1",
     "http://streams:3"},
    {NULL,
     NULL,
     {{{"AWS_ENDPOINT_URL", "http://all:2"}}},
     "us-east-1",
     "http://all:2",
     "http://all:2"},
    {NULL,
     "eu-west-1",
     {{{"AWS_ENDPOINT_URL", "http://all:2"}, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}}},
     "eu-west-1",
     "https://dynamodb.eu-west-1.amazonaws.com",
     "https://streams.dynamodb.eu-west-1.amazonaws.com"},
    {NULL,
     NULL,
     {{{"HOME", "home"}}},
     "eu-west-3",
     "https://dynamodb.eu-west-3.amazonaws.com",
     "https://streams.dynamodb.eu-west-3.amazonaws.com"},
    {NULL,
     NULL,
     {{{"HOME", "home"}, {"AWS_PROFILE", "dev"}}},
     "eu-central-1",
     "http://services:5",
     "http://profile:1"},
    {NULL,
     NULL,
     {{{"HOME", "home"}, {"AWS_DEFAULT_PROFILE", "plain"}}},
     "us-west-2",
     "http://plain:2",
     "http://plain:2"},
    {NULL,
     NULL,
     {{{"HOME", "home"}, {"AWS_PROFILE", "dev"}, {"AWS_ENDPOINT_URL", "http://all:2"}}},
     "eu-central-1",
     "http://all:2",
     "http://all:2"},
    {NULL,
     NULL,
     {{{"HOME", "home"}, {"AWS_PROFILE", "ignoring"}}},
     "us-west-1",
     "https://dynamodb.us-west-1.amazonaws.com",
     "https://streams.dynamodb.us-west-1.amazonaws.com"},
    {NULL,
     "eu-west-1",
     {{{"AWS_USE_FIPS_ENDPOINT", "true"}}},
     "eu-west-1",
     "https://dynamodb-fips.eu-west-1.amazonaws.com",
     "https://streams.dynamodb-fips.eu-west-1.amazonaws.com"},
    {NULL,
     "eu-west-1",
     {{{"AWS_USE_DUALSTACK_ENDPOINT", "true"}}},
     "eu-west-1",
     "https://dynamodb.eu-west-1.api.aws",
     "https://streams-dynamodb.eu-west-1.api.aws"},
    {NULL,
     "eu-west-1",
     {{{"AWS_USE_FIPS_ENDPOINT", "true"}, {"AWS_USE_DUALSTACK_ENDPOINT", "true"}}},
     "eu-west-1",
     "https://dynamodb-fips.eu-west-1.api.aws",
     "https://streams-dynamodb-fips.eu-west-1.api.aws"},
    {NULL,
     "us-gov-west-1",
     {{{"AWS_USE_FIPS_ENDPOINT", "true"}}},
     "us-gov-west-1",
     "https://dynamodb.us-gov-west-1.amazonaws.com",
     "https://streams.dynamodb.us-gov-west-1.amazonaws.com"},
    {NULL,
     "us-gov-west-1",
     {{{"AWS_USE_FIPS_ENDPOINT", "true"}, {"AWS_USE_DUALSTACK_ENDPOINT", "true"}}},
     "us-gov-west-1",
     "https://dynamodb-fips.us-gov-west-1.api.aws",
     "https://streams-dynamodb-fips.us-gov-west-1.api.aws"},
    {NULL,
     "us-iso-east-1",
     {{{NULL, NULL}}},
     "us-iso-east-1",
     "https://dynamodb.us-iso-east-1.c2s.ic.gov",
     "https://streams.dynamodb.us-iso-east-1.c2s.ic.gov"},
    {NULL,
     "us-isob-east-1",
     {{{"AWS_USE_DUALSTACK_ENDPOINT", "true"}}},
     "us-isob-east-1",
     "https://dynamodb.us-isob-east-1.api.aws.scloud",
     "https://streams.dynamodb.us-isob-east-1.api.aws.scloud"},
    {NULL,
     "eu-west-1",
     {{{"AWS_ACCOUNT_ID", "123456789012"}, {"AWS_ACCOUNT_ID_ENDPOINT_MODE", "required"}}},
     "eu-west-1",
     "https://123456789012.ddb.eu-west-1.amazonaws.com",
     "https://streams.dynamodb.eu-west-1.amazonaws.com"},
    {NULL,
     "eu-west-1",
     {{{"AWS_ACCOUNT_ID_ENDPOINT_MODE", "preferred"}}},
     "eu-west-1",
     "https://dynamodb.eu-west-1.amazonaws.com",
     "https://streams.dynamodb.eu-west-1.amazonaws.com"},
    {NULL,
     "eu-west-1",
     {{{"AWS_ACCOUNT_ID", "123456789012"}}},
     "eu-west-1",
     "https://dynamodb.eu-west-1.amazonaws.com",
     "https://streams.dynamodb.eu-west-1.amazonaws.com"},
    {"https://123456789012.ddb.eu-west-1.amazonaws.com",
     NULL,
     {{{NULL, NULL}}},
     "eu-west-1",
     "https://123456789012.ddb.eu-west-1.amazonaws.com",
     "https://streams.dynamodb.eu-west-1.amazonaws.com"},
    {"https://dynamodb.eu-west-1.api.aws/",
     NULL,
     {{{NULL, NULL}}},
     "eu-west-1",
     "https://dynamodb.eu-west-1.api.aws/",
     "https://streams-dynamodb.eu-west-1.api.aws"},
};

/* The case's environment, with the test's folder for "home". */
static struct pairs at_home(const struct pairs *pairs, const struct home *home)
{
    struct pairs filled = *pairs;
    for (size_t i = 0; i < PAIRS_MAX && filled.at[i][0] != NULL; i++) {
        if (strcmp(filled.at[i][0], "HOME") == 0) {
            filled.at[i][1] = home->path;
        }
    }
    return filled;
}

static void region_and_endpoints_follow_the_precedence(void **state)
{
    (void)state;
    struct home home;
    home_make(&home, config_text, credentials_text);
    for (size_t i = 0; i < sizeof(endpoint_cases) / sizeof(endpoint_cases[0]); i++) {
        const struct endpoint_case *c = &endpoint_cases[i];
        struct pairs pairs = at_home(&c->pairs, &home);
        struct aws_config config;
        struct weir_error err;
        print_message("case %zu\n", i);
        if (load(&pairs, c->given_endpoint, c->given_region, &config, &err) != WEIR_OK) {
            fail_msg("%s", err.message);
        }
        assert_string_equal(config.region, c->region);
        assert_string_equal(config.endpoint, c->endpoint);
        assert_string_equal(config.streams_endpoint, c->streams);
        aws_config_fini(&config);
    }
    home_remove(&home);
}

static void refused(const struct pairs *pairs, enum weir_status status, const char *part)
{
    struct aws_config config;
    struct weir_error err;
    assert_int_equal(load(pairs, NULL, NULL, &config, &err), status);
    if (strstr(err.message, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.message, part);
    }
}

static void test_A5_neither_region_nor_endpoint_is_an_error_that_says_so(void **state)
{
    (void)state;
    refused(&(struct pairs){{{NULL, NULL}}}, WEIR_CONFIG, "neither a region nor an endpoint");
}

static void unusable_settings_are_refused(void **state)
{
    (void)state;
    struct home home;
    home_make(&home, config_text, "[default]\nnonsense\n");
    refused(&(struct pairs){{{"AWS_REGION", "eu-west-1.evil.example/"}}}, WEIR_CONFIG, "region");
    refused(&(struct pairs){{{"AWS_REGION", "eu-west-1"}, {"AWS_MAX_ATTEMPTS", "0"}}}, WEIR_CONFIG,
            "attempts");
    refused(&(struct pairs){{{"AWS_REGION", "eu-west-1"}, {"AWS_MAX_ATTEMPTS", "three"}}},
            WEIR_CONFIG, "attempts");
    refused(&(struct pairs){{{"AWS_REGION", "local"}, {"AWS_USE_FIPS_ENDPOINT", "true"}}},
            WEIR_CONFIG, "FIPS");
    refused(&(struct pairs){{{"AWS_REGION", "eu-west-1"},
                             {"AWS_ACCOUNT_ID_ENDPOINT_MODE", "sometimes"}}},
            WEIR_CONFIG, "AWS_ACCOUNT_ID_ENDPOINT_MODE");
    refused(&(struct pairs){{{"AWS_REGION", "eu-west-1"},
                             {"AWS_ACCOUNT_ID_ENDPOINT_MODE", "required"}}},
            WEIR_CONFIG, "account's id");
    refused(&(struct pairs){{{"AWS_REGION", "cn-north-1"},
                             {"AWS_ACCOUNT_ID", "123456789012"},
                             {"AWS_ACCOUNT_ID_ENDPOINT_MODE", "required"}}},
            WEIR_CONFIG, "partition");
    refused(&(struct pairs){{{"AWS_REGION", "eu-west-1"}, {"AWS_PROFILE", "nobody"}}}, WEIR_CONFIG,
            "nobody");
    refused(&(struct pairs){{{"HOME", home.path}}}, WEIR_CONFIG, "credentials:2");
    refused(&(struct pairs){{{"AWS_CONFIG_FILE", home.path}}}, WEIR_CONFIG, home.path);
    refused(&(struct pairs){{{"AWS_CONFIG_FILE", "/dev/zero"}}}, WEIR_CONFIG, "too large");
    home_remove(&home);
}

static void assert_text(const char *made, const char *wanted)
{
    assert_int_equal(made == NULL, wanted == NULL);
    if (wanted != NULL) {
        assert_string_equal(made, wanted);
    }
}

static void attempts_come_from_the_environment_then_the_profile(void **state)
{
    (void)state;
    struct home home;
    struct aws_config config;
    struct weir_error err;
    home_make(&home, config_text, credentials_text);
    struct pairs profile = {{{"HOME", home.path}, {"AWS_PROFILE", "ignoring"}}};
    struct pairs both = {
        {{"HOME", home.path}, {"AWS_PROFILE", "ignoring"}, {"AWS_MAX_ATTEMPTS", "7"}}};
    assert_int_equal(load(&profile, NULL, NULL, &config, &err), WEIR_OK);
    assert_int_equal(config.max_attempts, 4);
    aws_config_fini(&config);
    assert_int_equal(load(&both, NULL, NULL, &config, &err), WEIR_OK);
    assert_int_equal(config.max_attempts, 7);
    aws_config_fini(&config);
    home_remove(&home);
}

static void files_can_be_elsewhere(void **state)
{
    (void)state;
    struct home home;
    struct aws_config config;
    struct weir_error err;
    char path[128];
    home_make(&home, "", credentials_text);
    home_write(&home, "elsewhere", "[default]\r\nregion = sa-east-1\r\n");
    (void)snprintf(path, sizeof(path), "%s/.aws/elsewhere", home.path);
    struct pairs pairs = {{{"AWS_CONFIG_FILE", path},
                           {"AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"},
                           {"HOME", home.path}}};
    assert_int_equal(load(&pairs, NULL, NULL, &config, &err), WEIR_OK);
    assert_string_equal(config.region, "sa-east-1");
    char *key = settings_of_profile(config.settings, "default", "aws_access_key_id");
    assert_text(key, "FILEKEY");
    free(key);
    aws_config_fini(&config);
    home_remove(&home);
}

/* ---- the profile's syntax ----------------------------------------------------------------------
 */

static void profile_syntax_is_checked_with_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *where; /* NULL: fine */
    } cases[] = {
        {"", NULL},
        {"\n# c\n; c\n", NULL},
        {"[a]\nk = v\nk2=\n  s = v\n", NULL},
        {"[a]\nk = v = w\n", NULL},
        {"k = v\n", "f:1"},
        {"[a\n", "f:1"},
        {"[a]\n\nword\n", "f:3"},
        {"[a]\n= v", "f:2"},
        {"]", "f:1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct weir_error err = {0};
        enum weir_status status = profile_check(bytes_str(cases[i].text), "f", &err);
        assert_int_equal(status, cases[i].where == NULL ? WEIR_OK : WEIR_CONFIG);
        assert_int_equal(strncmp(err.message, cases[i].where == NULL ? "" : cases[i].where,
                                 cases[i].where == NULL ? 0 : 3),
                         0);
    }
}

static void profile_values_are_found(void **state)
{
    (void)state;
    struct weir_bytes text =
        BYTES_LIT("[ profile  \"two words\" ]\nKey: a=b\nkey2 =\n\n[b]\nkey = x\n"
                  "key = y");
    char *value = profile_get(text, "profile two words", "key", NULL);
    assert_text(value, "a=b");
    free(value);
    assert_null(profile_get(text, "profile two words", "key2", NULL));
    assert_null(profile_get(text, "profile two words", "key", "sub"));
    assert_null(profile_get(text, "profile two", "key", NULL));
    value = profile_get(text, "b", "key", NULL);
    assert_text(value, "y");
    free(value);
    assert_true(profile_has_section(text, "b"));
    assert_false(profile_has_section(text, "key"));
}

/* ---- endpoints ---------------------------------------------------------------------------------
 */

static void endpoints_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host, *path;
        bool tls, loopback;
    } cases[] = {
        {"http://localhost:8000", "localhost:8000", "/", false, true},
        {"http://127.0.0.1", "127.0.0.1", "/", false, true},
        {"http://127.1.2.3:80/", "127.1.2.3", "/", false, true},
        {"http://[::1]:8000/base/", "[::1]:8000", "/base/", false, true},
        {"https://dynamodb.eu-west-1.amazonaws.com", "dynamodb.eu-west-1.amazonaws.com", "/", true,
         false},
        {"https://example:443", "example", "/", true, false},
        {"https://127.0.0.1.example:8443", "127.0.0.1.example:8443", "/", true, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aws_endpoint endpoint;
        assert_int_equal(aws_endpoint_init(&endpoint, cases[i].url, NULL), WEIR_OK);
        assert_string_equal(endpoint.host, cases[i].host);
        assert_string_equal(endpoint.path, cases[i].path);
        assert_int_equal(endpoint.tls, cases[i].tls);
        assert_int_equal(endpoint.loopback, cases[i].loopback);
        aws_endpoint_fini(&endpoint);
    }
}

static void endpoints_of_another_form_are_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {"",
                                       "localhost:8000",
                                       "ftp://x",
                                       "http://",
                                       "http://u:p@h",
                                       "http://h/?q=1",
                                       "http://h/#f",
                                       "http://h:99999",
                                       "http://a b"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct aws_endpoint endpoint;
        struct weir_error err = {0};
        if (aws_endpoint_init(&endpoint, urls[i], &err) != WEIR_CONFIG) {
            fail_msg("\"%s\" was taken", urls[i]);
        }
        aws_endpoint_fini(&endpoint);
    }
}

/* A password in a URL is refused, and not repeated by the refusal. */
static void refused_endpoints_do_not_show_passwords(void **state)
{
    (void)state;
    static const char *const urls[] = {"http://u:s3cret@h",      "http://u:s3cret@h:99999",
                                       "ftp://u:s3cret@h",       "u:s3cret@h",
                                       "http://u:s3/cret@h:1/p", "http://u:a@s3cret@h"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct aws_endpoint endpoint;
        struct weir_error err = {0};
        assert_int_equal(aws_endpoint_init(&endpoint, urls[i], &err), WEIR_CONFIG);
        assert_null(strstr(err.message, "s3"));
        assert_non_null(strstr(err.message, "@h"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(region_and_endpoints_follow_the_precedence),
        cmocka_unit_test(test_A5_neither_region_nor_endpoint_is_an_error_that_says_so),
        cmocka_unit_test(unusable_settings_are_refused),
        cmocka_unit_test(attempts_come_from_the_environment_then_the_profile),
        cmocka_unit_test(files_can_be_elsewhere),
        cmocka_unit_test(profile_syntax_is_checked_with_the_line),
        cmocka_unit_test(profile_values_are_found),
        cmocka_unit_test(endpoints_are_taken_apart),
        cmocka_unit_test(endpoints_of_another_form_are_refused),
        cmocka_unit_test(refused_endpoints_do_not_show_passwords),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
