/* SPDX-License-Identifier: Apache-2.0 */
/* Each setting is a question to the environment first and to the two files of the profile then. */
#include "aws/config.h"

#include "aws/region.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ATTEMPTS_MAX 100
#define ACCOUNT_ID_LEN 12

/* Which of AWS's own endpoints of a region. */
struct variant {
    bool fips;
    bool dual_stack;
    char account[ACCOUNT_ID_LEN + 1]; /* "": not the account's */
};

/* ---- region ------------------------------------------------------------------------------------
 */

static char *find_region(const struct aws_settings *settings, const char *given)
{
    if (given != NULL) {
        return strdup(given);
    }
    const char *region = settings_env(settings, "AWS_REGION");
    return region != NULL ? strdup(region)
                          : settings_value(settings, "AWS_DEFAULT_REGION", "region");
}

/* ---- AWS's own endpoints (the services' endpoint rule sets in botocore, 2026-08) ---------------
 */

static char *dynamodb_url(const char *region, const struct variant *variant)
{
    char *text = NULL;
    const char *domain = region_domain_view(region, variant->dual_stack);
    bool fips = variant->fips && (variant->dual_stack || !region_is_government(region));
    int len =
        variant->account[0] != '\0'
            ? asprintf(&text, "https://%s.ddb.%s.%s", variant->account, region, domain)
            : asprintf(&text, "https://dynamodb%s.%s.%s", fips ? "-fips" : "", region, domain);
    return len < 0 ? NULL : text;
}

static char *streams_url(const char *region, const struct variant *variant)
{
    char *text = NULL;
    bool joined = variant->dual_stack && region_has_dual_streams(region);
    bool fips = variant->fips && (variant->dual_stack || !region_is_government(region));
    return asprintf(&text, "https://streams%cdynamodb%s.%s.%s", joined ? '-' : '.',
                    fips ? "-fips" : "", region,
                    region_domain_view(region, variant->dual_stack)) < 0
               ? NULL
               : text;
}

/* The account that the profile's credentials are of, as far as settings alone say; "" otherwise. */
static void find_account(const struct aws_settings *settings, char to[ACCOUNT_ID_LEN + 1])
{
    const char *profile = settings_profile_view(settings);
    char *found = settings_value(settings, "AWS_ACCOUNT_ID", "aws_account_id");
    char *role = found != NULL ? NULL : settings_of_profile(settings, profile, "role_arn");
    to[0] = '\0';
    if (found == NULL && role == NULL) {
        found = settings_of_profile(settings, profile, "sso_account_id");
    }
    if (found != NULL && strlen(found) == ACCOUNT_ID_LEN) {
        (void)snprintf(to, ACCOUNT_ID_LEN + 1, "%s", found);
    } else if (role != NULL) {
        (void)sscanf(role, "arn:%*[a-z-]:iam::%12[0-9]:", to);
    }
    if (strspn(to, "0123456789") != ACCOUNT_ID_LEN) {
        to[0] = '\0';
    }
    free(found);
    free(role);
}

/* Account endpoints are in the partition "aws" only, and never FIPS. */
static enum weir_status choose_account(const struct aws_settings *settings, const char *region,
                                       struct variant *variant, struct weir_error *err)
{
    char *mode =
        settings_value(settings, "AWS_ACCOUNT_ID_ENDPOINT_MODE", "account_id_endpoint_mode");
    bool required = mode != NULL && strcasecmp(mode, "required") == 0;
    bool wanted = required || (mode != NULL && strcasecmp(mode, "preferred") == 0);
    bool known = wanted || mode == NULL || strcasecmp(mode, "disabled") == 0;
    bool possible = !variant->fips &&
                    strncmp(region_domain_view(region, true), "api.aws", 8) == 0 &&
                    !region_is_government(region);
    free(mode);
    if (!known) {
        return error_set(err, WEIR_CONFIG,
                         "AWS_ACCOUNT_ID_ENDPOINT_MODE is none of preferred, disabled, required");
    }
    if (wanted && possible) {
        find_account(settings, variant->account);
    }
    if (required && variant->account[0] == '\0') {
        return error_set(err, WEIR_CONFIG,
                         "an account's endpoint is required "
                         "(AWS_ACCOUNT_ID_ENDPOINT_MODE), but %s",
                         possible ? "neither AWS_ACCOUNT_ID nor the profile gives an account's id"
                                  : "there is none with FIPS or in this region's partition");
    }
    return WEIR_OK;
}

static bool switched_on(const struct aws_settings *settings, const char *variable, const char *key)
{
    char *value = settings_value(settings, variable, key);
    bool on = setting_is_true(value);
    free(value);
    return on;
}

static enum weir_status own_endpoint(const struct aws_settings *settings, struct aws_config *config,
                                     struct weir_error *err)
{
    struct variant variant = {
        .fips = switched_on(settings, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
        .dual_stack = switched_on(settings, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"),
    };
    if (strcmp(config->region, "local") == 0) {
        if (variant.fips || variant.dual_stack) {
            return error_set(err, WEIR_CONFIG,
                             "the region \"local\" has no FIPS or dual-stack endpoint");
        }
        config->endpoint = strdup("http://localhost:8000");
        return WEIR_OK;
    }
    enum weir_status status = choose_account(settings, config->region, &variant, err);
    if (status == WEIR_OK) {
        config->endpoint = dynamodb_url(config->region, &variant);
        if (config->streams_endpoint == NULL) {
            config->streams_endpoint = streams_url(config->region, &variant);
        }
    }
    return status;
}

/* ---- endpoints that were given -----------------------------------------------------------------
 */

static bool is_url(const char *endpoint, char *take_url)
{
    size_t len = take_url == NULL ? 0 : strlen(take_url);
    bool same = len > 0 && strncmp(endpoint, take_url, len) == 0 &&
                (endpoint[len] == '\0' || strcmp(endpoint + len, "/") == 0);
    free(take_url);
    return same;
}

/* Whether the URL is one of AWS's own for DynamoDB: which variant, and of which region. */
static bool is_own_endpoint(const char *endpoint, struct variant *ret_variant,
                            char ret_region[REGION_LEN_MAX + 1])
{
    char account[ACCOUNT_ID_LEN + 1] = "";
    char region[REGION_LEN_MAX + 1] = "";
    if (sscanf(endpoint, "https://dynamodb.%63[a-z0-9-].", region) != 1 &&
        sscanf(endpoint, "https://dynamodb-fips.%63[a-z0-9-].", region) != 1 &&
        sscanf(endpoint, "https://%12[0-9].ddb.%63[a-z0-9-].", account, region) != 2) {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        struct variant variant = {.fips = (i & 1) != 0, .dual_stack = (i & 2) != 0};
        (void)snprintf(variant.account, sizeof(variant.account), "%s", account);
        if (is_url(endpoint, dynamodb_url(region, &variant))) {
            *ret_variant = variant;
            (void)snprintf(ret_region, REGION_LEN_MAX + 1, "%s", region);
            return true;
        }
    }
    return false;
}

/* Streams are beside the table's endpoint on other servers, and at a host of their own on AWS. */
static void complete_given(struct aws_config *config)
{
    struct variant variant;
    char region[REGION_LEN_MAX + 1];
    bool own = is_own_endpoint(config->endpoint, &variant, region);
    if (config->region == NULL) {
        config->region = strdup(own ? region : "us-east-1");
    }
    if (config->streams_endpoint == NULL) {
        config->streams_endpoint = own ? streams_url(region, &variant) : strdup(config->endpoint);
    }
}

static enum weir_status load_endpoints(const struct aws_settings *settings, const char *given,
                                       struct aws_config *config, struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    if (given != NULL) {
        config->endpoint = strdup(given);
    } else {
        config->endpoint = settings_endpoint(settings, "AWS_ENDPOINT_URL_DYNAMODB", "dynamodb");
        config->streams_endpoint =
            settings_endpoint(settings, "AWS_ENDPOINT_URL_DYNAMODB_STREAMS", "dynamodb_streams");
    }
    if (config->endpoint == NULL && config->region == NULL) {
        return error_set(err, WEIR_CONFIG,
                         "neither a region nor an endpoint: set AWS_REGION for Amazon DynamoDB, or "
                         "an endpoint (AWS_ENDPOINT_URL_DYNAMODB) for another server");
    }
    if (config->endpoint == NULL) {
        status = own_endpoint(settings, config, err);
    }
    if (status == WEIR_OK && config->endpoint != NULL) {
        complete_given(config);
    }
    return status;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

static enum weir_status parse_attempts(const char *text, uint32_t *ret_count,
                                       struct weir_error *err)
{
    char *end = NULL;
    unsigned long count = text == NULL ? 0 : strtoul(text, &end, 10);
    if (text != NULL &&
        (text[0] < '0' || text[0] > '9' || *end != '\0' || count == 0 || count > ATTEMPTS_MAX)) {
        return error_set(err, WEIR_CONFIG, "the maximum of attempts is \"%.40s\", not 1 to %d",
                         text, ATTEMPTS_MAX);
    }
    *ret_count = (uint32_t)count;
    return WEIR_OK;
}

enum weir_status aws_config_attempts(const struct aws_environment *environment, uint32_t *ret_count,
                                     struct weir_error *err)
{
    const char *text = environment->get(environment->arg, "AWS_MAX_ATTEMPTS");
    return parse_attempts(text == NULL || text[0] == '\0' ? NULL : text, ret_count, err);
}

enum weir_status aws_retry_mode_parse(const char *name, enum aws_retry_mode *ret_mode,
                                      struct weir_error *err)
{
    static const struct {
        const char *name;
        enum aws_retry_mode mode;
    } modes[] = {{"legacy", AWS_RETRY_LEGACY},
                 {"standard", AWS_RETRY_STANDARD},
                 {"adaptive", AWS_RETRY_ADAPTIVE}};
    if (name == NULL) {
        *ret_mode = AWS_RETRY_UNSET;
        return WEIR_OK;
    }
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcasecmp(name, modes[i].name) == 0) {
            *ret_mode = modes[i].mode;
            return WEIR_OK;
        }
    }
    return error_set(err, WEIR_CONFIG,
                     "the retry mode is \"%.40s\", none of standard, adaptive and legacy", name);
}

enum weir_status aws_config_retry_mode(const struct aws_environment *environment,
                                       enum aws_retry_mode *ret_mode, struct weir_error *err)
{
    const char *name = environment->get(environment->arg, "AWS_RETRY_MODE");
    return aws_retry_mode_parse(name == NULL || name[0] == '\0' ? NULL : name, ret_mode, err);
}

static enum weir_status load_attempts(const struct aws_settings *settings,
                                      struct aws_config *config, struct weir_error *err)
{
    char *attempts = settings_value(settings, "AWS_MAX_ATTEMPTS", "max_attempts");
    char *mode = settings_value(settings, "AWS_RETRY_MODE", "retry_mode");
    enum weir_status status = parse_attempts(attempts, &config->max_attempts, err);
    if (status == WEIR_OK) {
        status = aws_retry_mode_parse(mode, &config->retry_mode, err);
    }
    free(attempts);
    free(mode);
    return status;
}

static enum weir_status load_all(const char *endpoint, const char *region,
                                 struct aws_config *config, struct weir_error *err)
{
    const struct aws_settings *settings = config->settings;
    config->region = find_region(settings, region);
    if (config->region != NULL && !region_is_name(config->region)) {
        return error_set(err, WEIR_CONFIG, "the region \"%.80s\" is not a region's name",
                         config->region);
    }
    enum weir_status status = load_endpoints(settings, endpoint, config, err);
    if (status == WEIR_OK &&
        (config->region == NULL || config->endpoint == NULL || config->streams_endpoint == NULL)) {
        status = error_set(err, WEIR_NO_MEMORY, "out of memory for the configuration");
    }
    if (status == WEIR_OK) {
        status = load_attempts(settings, config, err);
    }
    config->ca_bundle = settings_value(settings, "AWS_CA_BUNDLE", "ca_bundle");
    return status;
}

enum weir_status aws_config_load_profile(const struct aws_environment *environment,
                                         const char *profile, const char *endpoint,
                                         const char *region, struct aws_config *ret_config,
                                         struct weir_error *err)
{
    struct aws_config config = {0};
    enum weir_status status = settings_open(environment, profile, &config.settings, err);
    if (status == WEIR_OK) {
        status = load_all(endpoint, region, &config, err);
    }
    if (status != WEIR_OK) {
        aws_config_fini(&config);
        return status;
    }
    *ret_config = config;
    return WEIR_OK;
}

void aws_config_fini(struct aws_config *config)
{
    settings_unref(config->settings);
    free(config->region);
    free(config->endpoint);
    free(config->streams_endpoint);
    free(config->ca_bundle);
    *config = (struct aws_config){0};
}
