/* SPDX-License-Identifier: Apache-2.0 */
/* Each setting is a question to the environment first and to the two files of the profile then. */
#include "aws/config.h"

#include "aws/profile.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define REGION_LEN_MAX 63
#define ATTEMPTS_MAX 100

/* Where settings are looked up; the files as text. */
struct lookup {
    const struct aws_environment *environment;
    struct buf config_file;
    struct buf credentials_file;
    char config_section[160]; /* "default", "profile dev" */
    char profile[128];
    bool ignore_endpoints;
};

static const char *system_get(void *arg, const char *name)
{
    (void)arg;
    return secure_getenv(name);
}

const struct aws_environment *aws_environment_system(void)
{
    static const struct aws_environment environment = {system_get, NULL};
    return &environment;
}

/* NULL also for an empty one: every SDK takes that as not set. */
static const char *env_get(const struct aws_environment *environment, const char *name)
{
    const char *value = environment->get(environment->arg, name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

static bool is_true(const char *value)
{
    return value != NULL && strcasecmp(value, "true") == 0;
}

static char *config_get(const struct lookup *lookup, const char *key)
{
    return profile_get(buf_bytes(&lookup->config_file), lookup->config_section, key, NULL);
}

/* ---- the files ---------------------------------------------------------------------------------
 */

/* The file's path from its variable, or below the home folder; "" when there is no home either. */
static void file_path(const struct lookup *lookup, const char *variable, const char *name, char *to,
                      size_t size)
{
    const char *given = env_get(lookup->environment, variable);
    const char *home = env_get(lookup->environment, "HOME");
    if (given != NULL && !(given[0] == '~' && given[1] == '/' && home != NULL)) {
        (void)snprintf(to, size, "%s", given);
    } else if (given != NULL) {
        (void)snprintf(to, size, "%s%s", home, given + 1);
    } else if (home != NULL) {
        (void)snprintf(to, size, "%s/.aws/%s", home, name);
    } else {
        to[0] = '\0';
    }
}

static enum weir_status load_file(const struct lookup *lookup, const char *variable,
                                  const char *name, struct buf *to, struct weir_error *err)
{
    char path[4096];
    file_path(lookup, variable, name, path, sizeof(path));
    enum weir_status status = path[0] == '\0' ? WEIR_OK : profile_read(path, to, err);
    return status == WEIR_OK ? profile_check(buf_bytes(to), path, err) : status;
}

static enum weir_status choose_profile(struct lookup *lookup, struct weir_error *err)
{
    const char *name = env_get(lookup->environment, "AWS_PROFILE");
    if (name == NULL) {
        name = env_get(lookup->environment, "AWS_DEFAULT_PROFILE");
    }
    bool chosen = name != NULL;
    name = chosen ? name : "default";
    if (strlen(name) >= sizeof(lookup->profile)) {
        return error_set(err, WEIR_CONFIG, "the profile's name is longer than %zu bytes",
                         sizeof(lookup->profile) - 1);
    }
    (void)snprintf(lookup->profile, sizeof(lookup->profile), "%s", name);
    (void)snprintf(lookup->config_section, sizeof(lookup->config_section), "%s%s",
                   strcmp(name, "default") == 0 ? "" : "profile ", name);
    bool there = profile_has_section(buf_bytes(&lookup->config_file), lookup->config_section) ||
                 profile_has_section(buf_bytes(&lookup->credentials_file), lookup->profile);
    if (chosen && !there) {
        return error_set(err, WEIR_CONFIG,
                         "the profile \"%s\" (AWS_PROFILE) is in neither the config nor the "
                         "credentials file",
                         name);
    }
    return WEIR_OK;
}

static enum weir_status lookup_open(struct lookup *lookup,
                                    const struct aws_environment *environment,
                                    struct weir_error *err)
{
    *lookup = (struct lookup){.environment = environment};
    buf_init(&lookup->config_file, PROFILE_FILE_BYTES_MAX);
    buf_init(&lookup->credentials_file, PROFILE_FILE_BYTES_MAX);
    enum weir_status status =
        load_file(lookup, "AWS_CONFIG_FILE", "config", &lookup->config_file, err);
    if (status == WEIR_OK) {
        status = load_file(lookup, "AWS_SHARED_CREDENTIALS_FILE", "credentials",
                           &lookup->credentials_file, err);
    }
    if (status == WEIR_OK) {
        status = choose_profile(lookup, err);
    }
    if (status == WEIR_OK) {
        char *ignore = config_get(lookup, "ignore_configured_endpoint_urls");
        lookup->ignore_endpoints =
            is_true(env_get(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) || is_true(ignore);
        free(ignore);
    }
    return status;
}

static void lookup_close(struct lookup *lookup)
{
    if (lookup->credentials_file.ptr != NULL) {
        explicit_bzero(lookup->credentials_file.ptr, lookup->credentials_file.len);
    }
    buf_fini(&lookup->config_file);
    buf_fini(&lookup->credentials_file);
}

/* ---- region and endpoints ----------------------------------------------------------------------
 */

static char *find_region(const struct lookup *lookup, const char *given)
{
    const char *region = given != NULL ? given : env_get(lookup->environment, "AWS_REGION");
    if (region == NULL) {
        region = env_get(lookup->environment, "AWS_DEFAULT_REGION");
    }
    return region != NULL ? strdup(region) : config_get(lookup, "region");
}

/* A region becomes part of a host's name. */
static bool is_region(const char *region)
{
    size_t len = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return len > 0 && len <= REGION_LEN_MAX && region[len] == '\0';
}

static char *services_endpoint(const struct lookup *lookup, const char *service)
{
    char section[192];
    char *services = config_get(lookup, "services");
    if (services == NULL) {
        return NULL;
    }
    (void)snprintf(section, sizeof(section), "services %s", services);
    free(services);
    return profile_get(buf_bytes(&lookup->config_file), section, service, "endpoint_url");
}

/* What is configured for the service, or NULL. */
static char *configured_endpoint(const struct lookup *lookup, const char *variable,
                                 const char *service)
{
    if (lookup->ignore_endpoints) {
        return NULL;
    }
    const char *value = env_get(lookup->environment, variable);
    if (value == NULL) {
        value = env_get(lookup->environment, "AWS_ENDPOINT_URL");
    }
    if (value != NULL) {
        return strdup(value);
    }
    char *endpoint = services_endpoint(lookup, service);
    return endpoint != NULL ? endpoint : config_get(lookup, "endpoint_url");
}

static char *aws_endpoint_text(const char *prefix, const char *region)
{
    char *text = NULL;
    if (strcmp(region, "local") == 0) {
        return strdup("http://localhost:8000");
    }
    return asprintf(&text, "https://%sdynamodb.%s.amazonaws.com%s", prefix, region,
                    strncmp(region, "cn-", 3) == 0 ? ".cn" : "") < 0
               ? NULL
               : text;
}

/* The region in "https://dynamodb.<region>.amazonaws.com[/]", or NULL. */
static char *region_of_endpoint(const char *endpoint)
{
    char region[REGION_LEN_MAX + 1];
    int end = 0;
    if (sscanf(endpoint, "https://dynamodb.%63[a-z0-9-].amazonaws.com%n", region, &end) != 1 ||
        end == 0) {
        return NULL;
    }
    const char *rest = endpoint + end;
    rest += strncmp(rest, ".cn", 3) == 0 ? 3 : 0;
    return rest[0] == '\0' || strcmp(rest, "/") == 0 ? strdup(region) : NULL;
}

static enum weir_status own_endpoints(const struct lookup *lookup, struct aws_config *config,
                                      struct weir_error *err)
{
    if (is_true(env_get(lookup->environment, "AWS_USE_FIPS_ENDPOINT")) ||
        is_true(env_get(lookup->environment, "AWS_USE_DUALSTACK_ENDPOINT"))) {
        return error_set(err, WEIR_UNSUPPORTED,
                         "FIPS and dual-stack endpoints are not derived from the region: name them "
                         "in AWS_ENDPOINT_URL_DYNAMODB and AWS_ENDPOINT_URL_DYNAMODB_STREAMS");
    }
    config->endpoint = aws_endpoint_text("", config->region);
    return WEIR_OK;
}

/* Streams are beside the table's endpoint on other servers, and at a host of their own on AWS. */
static void streams_beside(struct aws_config *config)
{
    char *region = region_of_endpoint(config->endpoint);
    config->streams_endpoint =
        region != NULL ? aws_endpoint_text("streams.", region) : strdup(config->endpoint);
    free(region);
}

static enum weir_status load_endpoints(const struct lookup *lookup, const char *given,
                                       struct aws_config *config, struct weir_error *err)
{
    config->endpoint = given != NULL
                           ? strdup(given)
                           : configured_endpoint(lookup, "AWS_ENDPOINT_URL_DYNAMODB", "dynamodb");
    if (given == NULL) {
        config->streams_endpoint =
            configured_endpoint(lookup, "AWS_ENDPOINT_URL_DYNAMODB_STREAMS", "dynamodb_streams");
    }
    if (config->endpoint == NULL && config->region == NULL) {
        return error_set(err, WEIR_CONFIG,
                         "neither a region nor an endpoint: set AWS_REGION for Amazon DynamoDB, or "
                         "an endpoint (AWS_ENDPOINT_URL_DYNAMODB) for another server");
    }
    if (config->endpoint == NULL) {
        enum weir_status status = own_endpoints(lookup, config, err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    if (config->endpoint != NULL && config->region == NULL) {
        config->region = region_of_endpoint(config->endpoint);
    }
    if (config->region == NULL) {
        config->region = strdup("us-east-1");
    }
    if (config->endpoint != NULL && config->streams_endpoint == NULL) {
        streams_beside(config);
    }
    return WEIR_OK;
}

/* ---- credentials -------------------------------------------------------------------------------
 */

/* Control characters would end a header's line. */
static bool is_printable(const char *text)
{
    for (; text != NULL && *text != '\0'; text++) {
        if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 127) {
            return false;
        }
    }
    return true;
}

/* Takes the pair over when it is whole; `where` names it in errors. */
static enum weir_status take_pair(struct aws_config *config, char *take_id, char *take_secret,
                                  char *take_token, const char *where, struct weir_error *err)
{
    bool usable = is_printable(take_id) && is_printable(take_secret) && is_printable(take_token);
    if (take_id != NULL && take_secret != NULL && usable) {
        config->access_key_id = take_id;
        config->secret_access_key = take_secret;
        config->session_token = take_token;
        return WEIR_OK;
    }
    enum weir_status status = WEIR_OK;
    if ((take_id == NULL) != (take_secret == NULL)) {
        status = error_set(err, WEIR_CONFIG, "%s: %s is set without %s", where,
                           take_id != NULL ? "the access key id" : "the secret access key",
                           take_id != NULL ? "the secret access key" : "the access key id");
    } else if (take_id != NULL) {
        status = error_set(err, WEIR_CONFIG,
                           "%s: the credentials hold blanks or control "
                           "characters",
                           where);
    }
    free(take_id);
    free(take_secret);
    free(take_token);
    return status;
}

static char *env_dup(const struct aws_environment *environment, const char *name)
{
    const char *value = env_get(environment, name);
    return value == NULL ? NULL : strdup(value);
}

static enum weir_status pair_of_file(struct aws_config *config, struct weir_bytes text,
                                     const char *section, const char *where, struct weir_error *err)
{
    return take_pair(config, profile_get(text, section, "aws_access_key_id", NULL),
                     profile_get(text, section, "aws_secret_access_key", NULL),
                     profile_get(text, section, "aws_session_token", NULL), where, err);
}

static enum weir_status load_credentials(const struct lookup *lookup, struct aws_config *config,
                                         struct weir_error *err)
{
    const struct aws_environment *environment = lookup->environment;
    enum weir_status status = take_pair(config, env_dup(environment, "AWS_ACCESS_KEY_ID"),
                                        env_dup(environment, "AWS_SECRET_ACCESS_KEY"),
                                        env_dup(environment, "AWS_SESSION_TOKEN"),
                                        "the environment (AWS_ACCESS_KEY_ID, "
                                        "AWS_SECRET_ACCESS_KEY)",
                                        err);
    if (status == WEIR_OK && config->access_key_id == NULL) {
        status = pair_of_file(config, buf_bytes(&lookup->credentials_file), lookup->profile,
                              "the profile in the credentials file", err);
    }
    if (status == WEIR_OK && config->access_key_id == NULL) {
        status = pair_of_file(config, buf_bytes(&lookup->config_file), lookup->config_section,
                              "the profile in the config file", err);
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
    return parse_attempts(env_get(environment, "AWS_MAX_ATTEMPTS"), ret_count, err);
}

static enum weir_status load_rest(const struct lookup *lookup, struct aws_config *config,
                                  struct weir_error *err)
{
    enum weir_status status = aws_config_attempts(lookup->environment, &config->max_attempts, err);
    if (status == WEIR_OK && config->max_attempts == 0) {
        char *text = config_get(lookup, "max_attempts");
        status = parse_attempts(text, &config->max_attempts, err);
        free(text);
    }
    config->ca_bundle = env_dup(lookup->environment, "AWS_CA_BUNDLE");
    if (config->ca_bundle == NULL) {
        config->ca_bundle = config_get(lookup, "ca_bundle");
    }
    return status;
}

enum weir_status aws_config_load(const struct aws_environment *environment, const char *endpoint,
                                 const char *region, struct aws_config *ret_config,
                                 struct weir_error *err)
{
    struct lookup lookup;
    struct aws_config config = {0};
    enum weir_status status = lookup_open(&lookup, environment, err);
    if (status != WEIR_OK) {
        goto out;
    }
    config.region = find_region(&lookup, region);
    if (config.region != NULL && !is_region(config.region)) {
        status = error_set(err, WEIR_CONFIG, "the region \"%.80s\" is not a region's name",
                           config.region);
        goto out;
    }
    status = load_endpoints(&lookup, endpoint, &config, err);
    if (status == WEIR_OK &&
        (config.region == NULL || config.endpoint == NULL || config.streams_endpoint == NULL)) {
        status = error_set(err, WEIR_NO_MEMORY, "out of memory for the configuration");
    }
    if (status == WEIR_OK) {
        status = load_credentials(&lookup, &config, err);
    }
    if (status == WEIR_OK) {
        status = load_rest(&lookup, &config, err);
    }
out:
    lookup_close(&lookup);
    if (status != WEIR_OK) {
        aws_config_fini(&config);
        return status;
    }
    *ret_config = config;
    return WEIR_OK;
}

void aws_config_fini(struct aws_config *config)
{
    if (config->secret_access_key != NULL) {
        explicit_bzero(config->secret_access_key, strlen(config->secret_access_key));
    }
    free(config->region);
    free(config->endpoint);
    free(config->streams_endpoint);
    free(config->access_key_id);
    free(config->secret_access_key);
    free(config->session_token);
    free(config->ca_bundle);
    *config = (struct aws_config){0};
}
