/* SPDX-License-Identifier: Apache-2.0 */
/* The services that give credentials, each spoken to as a scripted server on this machine. */
#include "unit/aws/credentials_fixture.h"

#define OK_BODY(text)                                          \
    {                                                          \
        .action = SCRIPT_ANSWER, .status = 200, .body = (text) \
    }
#define REFUSAL(code, text)                                       \
    {                                                             \
        .action = SCRIPT_ANSWER, .status = (code), .body = (text) \
    }
#define STS_ERROR(code, text)                                                      \
    "<ErrorResponse><Error><Type>Sender</Type><Code>" code "</Code><Message>" text \
    "</Message></Error><RequestId>r</RequestId></ErrorResponse>"

/* ---- roles -------------------------------------------------------------------------------------
 */

static const char role_config[] = "[default]\nrole_arn = arn:aws:iam::123456789012:role/last\n"
                                  "source_profile = middle\nexternal_id = a b&c\n"
                                  "role_session_name = me\nduration_seconds = 900\n"
                                  "[profile middle]\nrole_arn = arn:aws:iam::1:role/first\n"
                                  "source_profile = base\n"
                                  "[profile base]\n"
                                  "aws_access_key_id = BASEKEY\n"
                                  "aws_secret_access_key = PLANTEDbase\n";

static void roles_are_assumed_one_with_the_other(void **state)
{
    (void)state;
    static const struct script_step steps[] = {OK_BODY(STS_SET("MIDDLEKEY", IN_AN_HOUR)),
                                               OK_BODY(STS_SET("LASTKEY", IN_AN_HOUR))};
    struct chain_fixture f;
    fixture_init(&f, steps, 2, role_config, "");
    fixture_set(&f, "AWS_ENDPOINT_URL_STS", f.url);
    fixture_open(&f);
    fixture_got(&f, "LASTKEY", "PLANTEDsecret/+=", "PLANTEDtoken");
    assert_int_equal(f.got->expires_ms, START_MS + 60 * MINUTE_MS);
    assert_asked(&f, 0, "POST / HTTP/1.1");
    assert_asked(&f, 0, "Credential=BASEKEY/20260101/eu-west-1/sts/aws4_request");
    assert_asked(&f, 0,
                 "\r\n\r\nAction=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3A"
                 "role%2Ffirst&RoleSessionName=weir-1767225600");
    assert_not_asked(&f, 0, "x-amz-security-token");
    assert_asked(&f, 1, "Credential=MIDDLEKEY/20260101/eu-west-1/sts/aws4_request");
    assert_asked(&f, 1, "x-amz-security-token: PLANTEDtoken\r\n");
    assert_asked(&f, 1, "&RoleSessionName=me&ExternalId=a%20b%26c&DurationSeconds=900");
    assert_asked(&f, 1, "content-type: application/x-www-form-urlencoded; charset=utf-8\r\n");
    assert_int_equal(script_server_count(f.server), 2);
    fixture_close(&f);
}

/* The keys beside a profile's own role, and a source that is no profile. */
static void role_begins_with_its_own_keys_or_a_named_source(void **state)
{
    (void)state;
    static const struct script_step steps[] = {OK_BODY(STS_SET("ROLEKEY", IN_AN_HOUR))};
    static const struct {
        const char *profile, *signer;
    } cases[] = {
        {"[default]\nrole_arn = r\nsource_profile = default\naws_access_key_id = OWNKEY\n"
         "aws_secret_access_key = PLANTED\n",
         "Credential=OWNKEY/"},
        {"[default]\nrole_arn = r\ncredential_source = environment\n", "Credential=ENVKEY/"},
    };
    for (size_t i = 0; i < 2; i++) {
        struct chain_fixture f;
        fixture_init(&f, steps, 1, cases[i].profile, "");
        fixture_set(&f, "AWS_ENDPOINT_URL", f.url);
        fixture_set(&f, "AWS_ACCESS_KEY_ID", "ENVKEY");
        fixture_set(&f, "AWS_SECRET_ACCESS_KEY", "PLANTED");
        fixture_settings(&f, "default");
        fixture_open(&f);
        fixture_got(&f, "ROLEKEY", "PLANTEDsecret/+=", "PLANTEDtoken");
        assert_asked(&f, 0, cases[i].signer);
        fixture_close(&f);
    }
}

static void refusals_of_sts_say_what_without_a_secret(void **state)
{
    (void)state;
    static char large[70000];
    memset(large, 'x', sizeof(large) - 1);
    static const struct script_step steps[] = {
        REFUSAL(403, STS_ERROR("AccessDenied", "arn:x is not authorized to assume arn:y")),
        REFUSAL(403, STS_ERROR("SignatureDoesNotMatch", "the canonical request is PLANTED")),
        REFUSAL(400, STS_ERROR("Throttling", "Rate exceeded")),
        REFUSAL(500, "PLANTED"),
        REFUSAL(404, "{\"PLANTED\":1}"),
        OK_BODY("PLANTED"),
        OK_BODY("<Credentials><AccessKeyId>A</AccessKeyId></Credentials>"),
        OK_BODY(STS_SET("A&amp;B", IN_AN_HOUR)),
        OK_BODY(STS_SET("A B", IN_AN_HOUR)),
        OK_BODY(STS_SET("A", "PLANTED")),
        OK_BODY(large),
        {.action = SCRIPT_CUT},
    };
    static const struct {
        enum weir_status status;
        const char *says;
    } wanted[] = {
        {WEIR_CREDENTIALS, "AccessDenied: arn:x is not authorized"},
        {WEIR_CREDENTIALS, "SignatureDoesNotMatch"},
        {WEIR_THROTTLED, "Throttling: Rate exceeded"},
        {WEIR_SERVER, "500"},
        {WEIR_CREDENTIALS, "404"},
        {WEIR_PROTOCOL, "Credentials"},
        {WEIR_PROTOCOL, "SecretAccessKey"},
        {WEIR_PROTOCOL, "AccessKeyId"},
        {WEIR_CONFIG, "blanks"},
        {WEIR_PROTOCOL, "Expiration"},
        {WEIR_PROTOCOL, "65536"},
        {WEIR_UNREACHABLE, "127.0.0.1"},
    };
    _Static_assert(STEP_COUNT(steps) == STEP_COUNT(wanted), "an expectation for each answer");
    struct chain_fixture f;
    fixture_init(&f, steps, STEP_COUNT(steps),
                 "[default]\nrole_arn = r\nsource_profile = default\n",
                 "[default]\naws_access_key_id = K\naws_secret_access_key = PLANTED\n");
    fixture_set(&f, "AWS_ENDPOINT_URL_STS", f.url);
    fixture_open(&f);
    for (size_t i = 0; i < STEP_COUNT(wanted); i++) {
        fixture_refused(&f, wanted[i].status, wanted[i].says);
        assert_says(&f, "the role of the profile \"default\"");
    }
    fixture_close(&f);
}

/* ---- web identity ------------------------------------------------------------------------------
 */

static void web_identity_token_is_read_anew_and_sent_unsigned(void **state)
{
    (void)state;
    static const struct script_step steps[] = {
        OK_BODY(STS_SET("FIRST", IN_AN_HOUR)),
        REFUSAL(400, STS_ERROR("ExpiredTokenException", "Token expired")),
        OK_BODY(STS_SET("SECOND", "2026-01-01T03:00:00Z"))};
    struct chain_fixture f;
    char path[128];
    fixture_init(&f, steps, 3, "", "");
    (void)snprintf(path, sizeof(path), "%s/token", f.home);
    fixture_set(&f, "AWS_ENDPOINT_URL_STS", f.url);
    fixture_set(&f, "AWS_WEB_IDENTITY_TOKEN_FILE", path);
    fixture_set(&f, "AWS_ROLE_ARN", "arn:r");
    fixture_set(&f, "AWS_ROLE_SESSION_NAME", "pod");
    fixture_open(&f);
    fixture_refused(&f, WEIR_CREDENTIALS, "No such file");
    fixture_write(&f, "token", "\n");
    fixture_refused(&f, WEIR_CREDENTIALS, "empty");
    fixture_write(&f, "token", "PLANTED.one=\n");
    fixture_got(&f, "FIRST", "PLANTEDsecret/+=", "PLANTEDtoken");
    assert_not_asked(&f, 0, "\r\nauthorization:");
    assert_asked(&f, 0,
                 "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Ar&"
                 "RoleSessionName=pod&WebIdentityToken=PLANTED.one%3D");
    env_fake_advance(f.env, 55 * MINUTE_MS);
    fixture_refused(&f, WEIR_CREDENTIALS, "ExpiredTokenException: Token expired");
    fixture_write(&f, "token", "PLANTED.two");
    fixture_got(&f, "SECOND", "PLANTEDsecret/+=", "PLANTEDtoken");
    assert_asked(&f, 2, "WebIdentityToken=PLANTED.two");
    fixture_close(&f);
}

static void web_identity_token_is_bounded(void **state)
{
    (void)state;
    struct chain_fixture f;
    fixture_init(&f, NULL, 0, "[default]\nweb_identity_token_file = /dev/zero\nrole_arn = r\n", "");
    fixture_set(&f, "AWS_ENDPOINT_URL_STS", f.url);
    fixture_open(&f);
    fixture_refused(&f, WEIR_CREDENTIALS, "too large");
    fixture_close(&f);
}

/* ---- IAM Identity Center -----------------------------------------------------------------------
 */

#define SSO_TOKEN(expires) \
    "{\"startUrl\":\"u\",\"accessToken\":\"PLANTEDbearer\",\"expiresAt\":\"" expires "\"}"
/* sha1 of "corp", and of "https://corp.example/start" */
#define SSO_SESSION_FILE ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json"
#define SSO_URL_FILE ".aws/sso/cache/f7c9b39d0b4c7a7d82c79307585f77e1c5e74378.json"

static const char sso_config[] =
    "[default]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = read only\n"
    "[sso-session corp]\nsso_start_url = https://corp.example/start\nsso_region = eu-west-1\n"
    "[profile old]\nsso_account_id = 1\nsso_role_name = r\nsso_region = eu-west-1\n"
    "sso_start_url = https://corp.example/start\n";

#define SSO_SET(id)                                                                      \
    "{\"roleCredentials\":{\"accessKeyId\":\"" id "\",\"secretAccessKey\":\"PLANTEDs\"," \
    "\"sessionToken\":\"PLANTEDt\",\"expiration\":1767229200000}}"

static void sso_token_is_exchanged_in_both_forms_of_the_profile(void **state)
{
    (void)state;
    static const struct script_step steps[] = {OK_BODY(SSO_SET("NEWFORM")),
                                               OK_BODY(SSO_SET("OLDFORM"))};
    struct chain_fixture f;
    fixture_init(&f, steps, 2, sso_config, "");
    fixture_write(&f, SSO_SESSION_FILE, SSO_TOKEN("2026-01-01T01:00:00Z"));
    fixture_write(&f, SSO_URL_FILE, SSO_TOKEN("2026-01-01T01:00:00UTC"));
    fixture_set(&f, "AWS_ENDPOINT_URL_SSO", f.url);
    fixture_open(&f);
    fixture_got(&f, "NEWFORM", "PLANTEDs", "PLANTEDt");
    assert_int_equal(f.got->expires_ms, START_MS + 60 * MINUTE_MS);
    assert_asked(&f, 0,
                 "GET /federation/credentials?role_name=read%20only&account_id=123456789012 HTTP");
    assert_asked(&f, 0, "\r\nx-amz-sso_bearer_token: PLANTEDbearer\r\n");
    assert_not_asked(&f, 0, "\r\nauthorization:");
    fixture_shut(&f);
    fixture_settings(&f, "old");
    fixture_open(&f);
    fixture_got(&f, "OLDFORM", "PLANTEDs", "PLANTEDt");
    fixture_close(&f);
}

static void sso_session_that_is_over_asks_for_a_login(void **state)
{
    (void)state;
    static const struct script_step steps[] = {REFUSAL(401, "{\"message\":\"PLANTED\"}"),
                                               REFUSAL(403, "{\"message\":\"PLANTED\"}"),
                                               OK_BODY("{\"roleCredentials\":\"PLANTED\"}")};
    static const char *const tokens[] = {SSO_TOKEN("2026-01-01T00:00:00Z"),
                                         SSO_TOKEN("2026-01-01T00:59:00+01:00"),
                                         SSO_TOKEN("PLANTED"),
                                         "PLANTED",
                                         "{}",
                                         "[\"PLANTED\"]"};
    struct chain_fixture f;
    fixture_init(&f, steps, 3, sso_config, "");
    fixture_set(&f, "AWS_ENDPOINT_URL_SSO", f.url);
    fixture_open(&f);
    fixture_refused(&f, WEIR_CREDENTIALS, "aws sso login --profile default");
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        fixture_write(&f, SSO_SESSION_FILE, tokens[i]);
        fixture_refused(&f, WEIR_CREDENTIALS, "aws sso login --profile default");
    }
    assert_int_equal(script_server_count(f.server), 0);
    fixture_write(&f, SSO_SESSION_FILE, SSO_TOKEN("2026-01-01T01:00:00Z"));
    fixture_refused(&f, WEIR_CREDENTIALS, "aws sso login --profile default");
    fixture_refused(&f, WEIR_CREDENTIALS, "403");
    fixture_refused(&f, WEIR_PROTOCOL, "no JSON object");
    fixture_close(&f);
}

/* ---- containers --------------------------------------------------------------------------------
 */

static void container_is_asked_with_its_token(void **state)
{
    (void)state;
    static const struct script_step steps[] = {OK_BODY(CONTAINER_SET("FIRST", IN_AN_HOUR)),
                                               OK_BODY(CONTAINER_SET("SECOND", IN_AN_HOUR))};
    struct chain_fixture f;
    char url[128], path[128];
    fixture_init(&f, steps, 2, "", "");
    (void)snprintf(url, sizeof(url), "%s/v1/credentials?id=1", f.url);
    (void)snprintf(path, sizeof(path), "%s/token", f.home);
    fixture_set(&f, "AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    fixture_set(&f, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic PLANTEDvariable");
    fixture_open(&f);
    fixture_got(&f, "FIRST", "PLANTEDsecret", "PLANTEDtoken");
    assert_asked(&f, 0, "GET /v1/credentials?id=1 HTTP/1.1");
    assert_asked(&f, 0, "\r\nauthorization: Basic PLANTEDvariable\r\n");
    fixture_shut(&f);
    fixture_set(&f, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path);
    fixture_open(&f);
    fixture_refused(&f, WEIR_CREDENTIALS, "authorization token");
    fixture_write(&f, "token", "PLANTED\nx: y");
    fixture_refused(&f, WEIR_CREDENTIALS, "control");
    fixture_write(&f, "token", "PLANTEDfile\n");
    fixture_got(&f, "SECOND", "PLANTEDsecret", "PLANTEDtoken");
    assert_asked(&f, 1, "\r\nauthorization: PLANTEDfile\r\n");
    fixture_close(&f);
}

static void container_answers_that_are_none_are_refused(void **state)
{
    (void)state;
    static const struct script_step steps[] = {
        REFUSAL(404, "PLANTED"),
        REFUSAL(500, "PLANTED"),
        OK_BODY("PLANTED"),
        OK_BODY("{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"PLANTED\"}"),
        OK_BODY("{\"AccessKeyId\":\"A\",\"SecretAccessKey\":[\"PLANTED\"]}"),
        OK_BODY(CONTAINER_SET("A", "PLANTED")),
        OK_BODY("{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"PLANTED\",\"Token\":\"PLANTED\"}"),
        OK_BODY(CONTAINER_SET("A\\nB", IN_AN_HOUR)),
        {.action = SCRIPT_CUT_MID, .status = 200, .body = CONTAINER_SET("A", IN_AN_HOUR)},
    };
    static const struct {
        enum weir_status status;
        const char *says;
    } wanted[] = {
        {WEIR_CREDENTIALS, "404"},          {WEIR_SERVER, "500"},
        {WEIR_PROTOCOL, "no JSON object"},  {WEIR_PROTOCOL, "Token"},
        {WEIR_PROTOCOL, "SecretAccessKey"}, {WEIR_PROTOCOL, "Expiration"},
        {WEIR_PROTOCOL, "Expiration"},      {WEIR_CONFIG, "control"},
        {WEIR_UNREACHABLE, "127.0.0.1"},
    };
    _Static_assert(STEP_COUNT(steps) == STEP_COUNT(wanted), "an expectation for each answer");
    struct chain_fixture f;
    fixture_init(&f, steps, STEP_COUNT(steps), "", "");
    fixture_set(&f, "AWS_CONTAINER_CREDENTIALS_FULL_URI", f.url);
    fixture_open(&f);
    for (size_t i = 0; i < STEP_COUNT(wanted); i++) {
        fixture_refused(&f, wanted[i].status, wanted[i].says);
    }
    fixture_close(&f);
}

static void keys_are_not_fetched_in_the_clear_from_anywhere(void **state)
{
    (void)state;
    static const struct {
        const char *relative, *full;
        const char *url; /* NULL: refused */
    } cases[] = {
        {"/v2/x", NULL, "http://169.254.170.2/v2/x"},
        {"/v2/x", "http://evil.example/", "http://169.254.170.2/v2/x"},
        {"@evil.example/", NULL, "http://169.254.170.2/@evil.example/"},
        {NULL, "http://169.254.170.2/x", "http://169.254.170.2/x"},
        {NULL, "http://169.254.170.23/v1/credentials", "http://169.254.170.23/v1/credentials"},
        {NULL, "http://[fd00:ec2::23]/x", "http://[fd00:ec2::23]/x"},
        {NULL, "http://localhost:81/x?y=1", "http://localhost:81/x?y=1"},
        {NULL, "http://127.9.9.9/x", "http://127.9.9.9/x"},
        {NULL, "http://[::1]:8/x", "http://[::1]:8/x"},
        {NULL, "https://anywhere.example/x", "https://anywhere.example/x"},
        {NULL, "http://anywhere.example/x", NULL},
        {NULL, "http://169.254.170.24/x", NULL},
        {NULL, "http://169.254.170.2.evil.example/x", NULL},
        {NULL, "http://127.0.0.1.evil.example/x", NULL},
        {NULL, "http://localhost@evil.example/x", NULL},
        {NULL, "ftp://localhost/x", NULL},
        {NULL, "/x", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct chain_fixture f;
        char *url = NULL;
        fixture_init(&f, NULL, 0, "", "");
        if (cases[i].relative != NULL) {
            fixture_set(&f, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", cases[i].relative);
        }
        if (cases[i].full != NULL) {
            fixture_set(&f, "AWS_CONTAINER_CREDENTIALS_FULL_URI", cases[i].full);
        }
        fixture_settings(&f, NULL);
        enum weir_status status = container_address(f.settings, &url, &f.err);
        if (status != (cases[i].url == NULL ? WEIR_CONFIG : WEIR_OK)) {
            fail_msg("case %zu: %s", i, f.err.message);
        }
        if (cases[i].url != NULL) {
            assert_string_equal(url, cases[i].url);
        }
        free(url);
        fixture_close(&f);
    }
}

/* ---- EC2 ---------------------------------------------------------------------------------------
 */

static void fixture_init_instance(struct chain_fixture *f, const struct script_step *steps,
                                  size_t count)
{
    fixture_init(f, steps, count, "", "");
    fixture_set(f, "AWS_EC2_METADATA_SERVICE_ENDPOINT", f->url);
}

static void instance_is_asked_for_token_role_and_keys(void **state)
{
    (void)state;
    static const struct script_step steps[] = {
        OK_BODY("PLANTEDmetadata"), OK_BODY("the-role\n"),
        OK_BODY(CONTAINER_SET("INSTANCE", "2026-01-01T06:00:00Z"))};
    struct chain_fixture f;
    fixture_init_instance(&f, steps, 3);
    fixture_open(&f);
    fixture_got(&f, "INSTANCE", "PLANTEDsecret", "PLANTEDtoken");
    assert_int_equal(f.got->expires_ms, START_MS + 360 * MINUTE_MS);
    assert_asked(&f, 0, "PUT /latest/api/token HTTP/1.1");
    assert_asked(&f, 0, "\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\n");
    assert_not_asked(&f, 0, "\r\ncontent-type:");
    assert_asked(&f, 1, "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1");
    assert_asked(&f, 1, "\r\nx-aws-ec2-metadata-token: PLANTEDmetadata\r\n");
    assert_asked(&f, 2, "GET /latest/meta-data/iam/security-credentials/the-role HTTP/1.1");
    assert_asked(&f, 2, "\r\nx-aws-ec2-metadata-token: PLANTEDmetadata\r\n");
    fixture_close(&f);
}

/* What AWS accepts although its time is over, because it could not renew it. */
static void keys_that_the_instance_could_not_renew_are_used(void **state)
{
    (void)state;
    static const struct script_step steps[] = {
        OK_BODY("t"), OK_BODY("r"), OK_BODY(CONTAINER_SET("STALE", "2025-12-31T23:00:00Z"))};
    struct chain_fixture f;
    fixture_init_instance(&f, steps, 3);
    fixture_open(&f);
    fixture_got(&f, "STALE", "PLANTEDsecret", "PLANTEDtoken");
    assert_in_range(f.got->expires_ms, START_MS + 17 * MINUTE_MS, START_MS + 25 * MINUTE_MS);
    fixture_close(&f);
}

static void version_1_is_asked_only_where_it_is_allowed(void **state)
{
    (void)state;
    static const struct script_step steps[] = {REFUSAL(404, ""), OK_BODY("r"),
                                               OK_BODY(CONTAINER_SET("V1", IN_AN_HOUR))};
    for (int allowed = 0; allowed < 2; allowed++) {
        struct chain_fixture f;
        fixture_init_instance(&f, steps, 3);
        fixture_set(&f, "AWS_EC2_METADATA_V1_DISABLED", allowed == 1 ? "false" : "true");
        fixture_open(&f);
        if (allowed == 1) {
            fixture_got(&f, "V1", "PLANTEDsecret", "PLANTEDtoken");
            assert_not_asked(&f, 1, "x-aws-ec2-metadata-token");
        } else {
            fixture_refused(&f, WEIR_CREDENTIALS, "404 for a token");
            assert_int_equal(script_server_count(f.server), 1);
        }
        fixture_close(&f);
    }
}

static void instance_without_credentials_says_what_would_help(void **state)
{
    (void)state;
    static const struct script_step steps[] = {
        OK_BODY("t"),
        REFUSAL(404, ""),
        OK_BODY("t"),
        OK_BODY("bad role"),
        OK_BODY("t"),
        OK_BODY("r"),
        OK_BODY("{\"Code\":\"Failed\",\"Message\":\"PLANTED\"}"),
        OK_BODY("t\x01x"),
        REFUSAL(503, ""),
        REFUSAL(503, ""),
    };
    static const char *const says[] = {"no role", "role's name", "AccessKeyId", "token", "503"};
    struct chain_fixture f;
    fixture_init_instance(&f, steps, STEP_COUNT(steps));
    fixture_set(&f, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", "2");
    fixture_open(&f);
    for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
        fixture_refused(&f, WEIR_CREDENTIALS, says[i]);
        assert_says(&f, "set AWS_ACCESS_KEY_ID");
        assert_int_equal(f.err.retryable, 0);
    }
    assert_int_equal(script_server_count(f.server), 10);
    fixture_close(&f);
}

static void silence_of_the_instance_ends_in_time(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.action = SCRIPT_HANG}};
    struct chain_fixture f;
    fixture_init_instance(&f, steps, 1);
    fixture_set(&f, "AWS_METADATA_SERVICE_TIMEOUT", "1");
    fixture_open(&f);
    fixture_refused(&f, WEIR_CREDENTIALS, "no credentials");
    fixture_close(&f);
}

static void instance_metadata_can_be_switched_off_and_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
    } wrong[] = {
        {"AWS_METADATA_SERVICE_TIMEOUT", "0"},
        {"AWS_METADATA_SERVICE_NUM_ATTEMPTS", "many"},
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv5"},
    };
    struct chain_fixture f;
    fixture_init_instance(&f, NULL, 0);
    fixture_set(&f, "AWS_EC2_METADATA_DISABLED", "TRUE");
    fixture_open(&f);
    assert_true(credentials_none(f.chain));
    fixture_close(&f);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        fixture_init_instance(&f, NULL, 0);
        fixture_set(&f, wrong[i].name, wrong[i].value);
        assert_int_equal(fixture_open_with(&f, (struct credentials_options){0}), WEIR_CONFIG);
        assert_says(&f, wrong[i].name);
        fixture_close(&f);
    }
}

/* ---- time --------------------------------------------------------------------------------------
 */

static void times_are_read_in_every_form_that_is_sent(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-01-01T00:00:00Z", START_MS},
        {"2026-01-01T00:00:00UTC", START_MS},
        {"2026-01-01T00:00:00.123456Z", START_MS},
        {"2026-01-01T01:30:00+01:30", START_MS},
        {"2025-12-31T23:00:00-0100", START_MS},
        {"2026-01-01 00:00:00", START_MS},
        {"2024-02-29T12:00:00Z", 1709208000000},
        {"2026-13-01T00:00:00Z", -1},
        {"2026-01-01T24:00:00Z", -1},
        {"2026-01-01", -1},
        {"2026-01-01T00:00:00X", -1},
        {"2026-01-01T00:00:00+1:x", -1},
        {"tomorrow", -1},
        {"", -1},
        {"2026-01-01T00:00:00.00000000000000000000000000000000000Z", -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = -1;
        bool read = time_parse(bytes_str(cases[i].text), &ms);
        if (read != (cases[i].ms >= 0) || ms != cases[i].ms) {
            fail_msg("%s: %lld", cases[i].text, (long long)ms);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_are_assumed_one_with_the_other),
        cmocka_unit_test(role_begins_with_its_own_keys_or_a_named_source),
        cmocka_unit_test(refusals_of_sts_say_what_without_a_secret),
        cmocka_unit_test(web_identity_token_is_read_anew_and_sent_unsigned),
        cmocka_unit_test(web_identity_token_is_bounded),
        cmocka_unit_test(sso_token_is_exchanged_in_both_forms_of_the_profile),
        cmocka_unit_test(sso_session_that_is_over_asks_for_a_login),
        cmocka_unit_test(container_is_asked_with_its_token),
        cmocka_unit_test(container_answers_that_are_none_are_refused),
        cmocka_unit_test(keys_are_not_fetched_in_the_clear_from_anywhere),
        cmocka_unit_test(instance_is_asked_for_token_role_and_keys),
        cmocka_unit_test(keys_that_the_instance_could_not_renew_are_used),
        cmocka_unit_test(version_1_is_asked_only_where_it_is_allowed),
        cmocka_unit_test(instance_without_credentials_says_what_would_help),
        cmocka_unit_test(silence_of_the_instance_ends_in_time),
        cmocka_unit_test(instance_metadata_can_be_switched_off_and_is_checked),
        cmocka_unit_test(times_are_read_in_every_form_that_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
