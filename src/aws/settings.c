/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the variables and of the files' text: see settings.h. */
#include "aws/settings.h"

#include "aws/profile.h"
#include "base/error.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define PROFILE_NAME_BYTES_MAX 128
#define SECTION_BYTES_MAX (PROFILE_NAME_BYTES_MAX + 32)

static const char *const variables[] = {
    "AWS_ACCESS_KEY_ID",
    "AWS_ACCOUNT_ID",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_EC2_METADATA_V1_DISABLED",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_DYNAMODB_STREAMS",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_MAX_ATTEMPTS",
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
    "AWS_METADATA_SERVICE_TIMEOUT",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_RETRY_MODE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "HOME",
};
#define VARIABLES (sizeof(variables) / sizeof(variables[0]))

struct aws_settings {
    atomic_uint refs;
    char *values[VARIABLES]; /* NULL: not set, or empty */
    struct buf config_file;
    struct buf credentials_file;
    char profile[PROFILE_NAME_BYTES_MAX];
    bool profile_explicit;
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

bool setting_is_true(const char *value)
{
    return value != NULL && strcasecmp(value, "true") == 0;
}

/* ---- questions ---------------------------------------------------------------------------------
 */

const char *settings_env(const struct aws_settings *settings, const char *name)
{
    size_t i = 0;
    while (i < VARIABLES && strcmp(variables[i], name) != 0) {
        i++;
    }
    WEIR_ASSERT(i < VARIABLES);
    return settings->values[i];
}

char *settings_value(const struct aws_settings *settings, const char *variable, const char *key)
{
    const char *value = settings_env(settings, variable);
    return value != NULL ? strdup(value) : settings_of_profile(settings, settings->profile, key);
}

const char *settings_profile_view(const struct aws_settings *settings)
{
    return settings->profile;
}

bool settings_profile_is_explicit(const struct aws_settings *settings)
{
    return settings->profile_explicit;
}

/* The default profile stands without its kind. False for a name that no section can have. */
static bool section_name(const char *kind, const char *name, char to[SECTION_BYTES_MAX])
{
    bool plain = strcmp(kind, "profile") == 0 && strcmp(name, "default") == 0;
    int len = snprintf(to, SECTION_BYTES_MAX, "%s%s%s", plain ? "" : kind, plain ? "" : " ", name);
    return len > 0 && len < SECTION_BYTES_MAX;
}

bool settings_has_section(const struct aws_settings *settings, const char *kind, const char *name)
{
    char section[SECTION_BYTES_MAX];
    return section_name(kind, name, section) &&
           profile_has_section(buf_bytes(&settings->config_file), section);
}

bool settings_has_profile(const struct aws_settings *settings, const char *profile)
{
    return settings_has_section(settings, "profile", profile) ||
           profile_has_section(buf_bytes(&settings->credentials_file), profile);
}

char *settings_of_section(const struct aws_settings *settings, const char *kind, const char *name,
                          const char *key)
{
    char section[SECTION_BYTES_MAX];
    return section_name(kind, name, section)
               ? profile_get(buf_bytes(&settings->config_file), section, key, NULL)
               : NULL;
}

char *settings_of_config(const struct aws_settings *settings, const char *profile, const char *key)
{
    return settings_of_section(settings, "profile", profile, key);
}

char *settings_of_credentials(const struct aws_settings *settings, const char *profile,
                              const char *key)
{
    return profile_get(buf_bytes(&settings->credentials_file), profile, key, NULL);
}

char *settings_of_profile(const struct aws_settings *settings, const char *profile, const char *key)
{
    char *value = settings_of_credentials(settings, profile, key);
    return value != NULL ? value : settings_of_config(settings, profile, key);
}

static char *services_endpoint(const struct aws_settings *settings, const char *service)
{
    char section[SECTION_BYTES_MAX];
    char *services = settings_of_config(settings, settings->profile, "services");
    char *endpoint = NULL;
    if (services != NULL && section_name("services", services, section)) {
        endpoint = profile_get(buf_bytes(&settings->config_file), section, service, "endpoint_url");
    }
    free(services);
    return endpoint;
}

char *settings_endpoint(const struct aws_settings *settings, const char *variable,
                        const char *service)
{
    if (settings->ignore_endpoints) {
        return NULL;
    }
    const char *value = settings_env(settings, variable);
    if (value == NULL) {
        value = settings_env(settings, "AWS_ENDPOINT_URL");
    }
    if (value != NULL) {
        return strdup(value);
    }
    char *endpoint = services_endpoint(settings, service);
    return endpoint != NULL ? endpoint
                            : settings_of_config(settings, settings->profile, "endpoint_url");
}

bool settings_home_path(const struct aws_settings *settings, const char *path, char *to,
                        size_t size)
{
    const char *home = settings_env(settings, "HOME");
    int len = home == NULL ? -1 : snprintf(to, size, "%s%s", home, path + 1);
    return len > 0 && (size_t)len < size;
}

/* ---- open --------------------------------------------------------------------------------------
 */

static enum weir_status read_environment(struct aws_settings *settings,
                                         const struct aws_environment *environment,
                                         struct weir_error *err)
{
    for (size_t i = 0; i < VARIABLES; i++) {
        const char *value = environment->get(environment->arg, variables[i]);
        if (value == NULL || value[0] == '\0') {
            continue;
        }
        settings->values[i] = strdup(value);
        if (settings->values[i] == NULL) {
            return error_set(err, WEIR_NO_MEMORY, "out of memory for the configuration");
        }
    }
    return WEIR_OK;
}

/* The file's path from its variable, or below the home folder; "" when there is no home either. */
static void file_path(const struct aws_settings *settings, const char *variable, const char *usual,
                      char *to, size_t size)
{
    const char *given = settings_env(settings, variable);
    const char *path = given != NULL ? given : usual;
    to[0] = '\0';
    bool at_home = path[0] == '~' && path[1] == '/' && settings_home_path(settings, path, to, size);
    if (!at_home && given != NULL) {
        (void)snprintf(to, size, "%s", given);
    }
}

static enum weir_status read_file(const struct aws_settings *settings, const char *variable,
                                  const char *usual, struct buf *to, struct weir_error *err)
{
    char path[4096];
    file_path(settings, variable, usual, path, sizeof(path));
    enum weir_status status = path[0] == '\0' ? WEIR_OK : profile_read(path, to, err);
    return status == WEIR_OK ? profile_check(buf_bytes(to), path, err) : status;
}

static enum weir_status choose_profile(struct aws_settings *settings, const char *given,
                                       struct weir_error *err)
{
    const char *name = given;
    settings->profile_explicit = given != NULL;
    if (name == NULL) {
        name = settings_env(settings, "AWS_PROFILE");
    }
    if (name == NULL) {
        name = settings_env(settings, "AWS_DEFAULT_PROFILE");
    }
    bool chosen = name != NULL;
    name = chosen ? name : "default";
    if (strlen(name) >= sizeof(settings->profile)) {
        return error_set(err, WEIR_CONFIG, "the profile's name is longer than %zu bytes",
                         sizeof(settings->profile) - 1);
    }
    (void)snprintf(settings->profile, sizeof(settings->profile), "%s", name);
    if (chosen && !settings_has_profile(settings, name)) {
        return error_set(err, WEIR_CONFIG,
                         "the profile \"%s\"%s is in neither the config nor the credentials file",
                         name, given != NULL ? "" : " (AWS_PROFILE)");
    }
    return WEIR_OK;
}

static void read_ignoring(struct aws_settings *settings)
{
    char *ignore = settings_value(settings, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                                  "ignore_configured_endpoint_urls");
    settings->ignore_endpoints = setting_is_true(ignore);
    free(ignore);
}

enum weir_status settings_open(const struct aws_environment *environment, const char *profile,
                               struct aws_settings **ret_settings, struct weir_error *err)
{
    struct aws_settings *settings = calloc(1, sizeof(*settings));
    if (settings == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for the configuration");
    }
    atomic_init(&settings->refs, 1);
    buf_init(&settings->config_file, PROFILE_FILE_BYTES_MAX);
    buf_init(&settings->credentials_file, PROFILE_FILE_BYTES_MAX);
    enum weir_status status = read_environment(settings, environment, err);
    if (status == WEIR_OK) {
        status =
            read_file(settings, "AWS_CONFIG_FILE", "~/.aws/config", &settings->config_file, err);
    }
    if (status == WEIR_OK) {
        status = read_file(settings, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials",
                           &settings->credentials_file, err);
    }
    if (status == WEIR_OK) {
        status = choose_profile(settings, profile, err);
    }
    if (status != WEIR_OK) {
        settings_unref(settings);
        return status;
    }
    read_ignoring(settings);
    *ret_settings = settings;
    return WEIR_OK;
}

struct aws_settings *settings_ref(struct aws_settings *settings)
{
    (void)atomic_fetch_add(&settings->refs, 1);
    return settings;
}

/* Keys may stand in either file. */
static void file_forget(struct buf *file)
{
    if (file->ptr != NULL) {
        explicit_bzero(file->ptr, file->len);
    }
    buf_fini(file);
}

void settings_unref(struct aws_settings *settings)
{
    if (settings == NULL || atomic_fetch_sub(&settings->refs, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < VARIABLES; i++) {
        if (settings->values[i] != NULL) {
            explicit_bzero(settings->values[i], strlen(settings->values[i]));
            free(settings->values[i]);
        }
    }
    file_forget(&settings->config_file);
    file_forget(&settings->credentials_file);
    free(settings);
}
