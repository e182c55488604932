/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A role that a profile names, assumed with another's credentials: those of another profile, which
 * may be a role again, or of a source that the profile names.
 *
 *     dev: role_arn, source_profile ─► ops: role_arn, source_profile ─► base: keys
 *            ▲ signs last                 ▲ signs with base's             ▲ begins
 *
 * The chain of profiles is walked before anything is sent, so that a circle is an error at open. A
 * profile may name itself, for keys that stand beside its own role.
 */
#include "aws/credentials_internal.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define ROLES_MAX 16
#define FORM_BYTES_MAX ((size_t)16 * 1024)

/* The profiles from the one that was asked for to where the first credentials come from. */
struct walk {
    char *roles[ROLES_MAX]; /* profiles with a role, in order */
    size_t role_count;
    char *base;                                /* the last profile's source; NULL: `source` */
    const struct credentials_provider *source; /* of base, or of credential_source */
};

static void walk_fini(struct walk *walk)
{
    for (size_t i = 0; i < walk->role_count; i++) {
        free(walk->roles[i]);
    }
    free(walk->base);
}

static bool has(const struct aws_settings *settings, const char *profile, const char *key)
{
    char *value = settings_of_profile(settings, profile, key);
    bool there = value != NULL;
    secret_free(value);
    return there;
}

static bool has_role(const struct aws_settings *settings, const char *profile)
{
    return has(settings, profile, "role_arn") && !has(settings, profile, "web_identity_token_file");
}

static bool has_keys(const struct aws_settings *settings, const char *profile)
{
    return has(settings, profile, "aws_access_key_id") ||
           has(settings, profile, "aws_secret_access_key");
}

static enum weir_status no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "out of memory for credentials");
}

/* ---- where the first credentials come from -----------------------------------------------------
 */

static enum weir_status named_source(const char *profile, const char *name,
                                     const struct credentials_provider **ret_source,
                                     struct weir_error *err)
{
    static const struct {
        const char *name;
        const struct credentials_provider *provider;
    } sources[] = {
        {"Environment", &credentials_environment},
        {"EcsContainer", &credentials_container},
        {"Ec2InstanceMetadata", &credentials_instance},
    };
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        if (strcasecmp(name, sources[i].name) == 0) {
            *ret_source = sources[i].provider;
            return WEIR_OK;
        }
    }
    return error_set(err, WEIR_CONFIG,
                     "the profile \"%s\" has the credential_source \"%.60s\", which is none of "
                     "Environment, EcsContainer, Ec2InstanceMetadata",
                     profile, name);
}

/* The scope in which the base's source is asked. */
static struct credentials_scope base_scope(const struct aws_settings *settings,
                                           const struct walk *walk)
{
    return (struct credentials_scope){
        .settings = settings,
        .profile = walk->base != NULL ? walk->base : settings_profile_view(settings),
        .with_environment = walk->base == NULL,
    };
}

static enum weir_status check_base(const struct aws_settings *settings, struct walk *walk,
                                   struct weir_error *err)
{
    char why[FINDING_MAX];
    bool found = false;
    struct credentials_scope scope = base_scope(settings, walk);
    if (walk->base != NULL) {
        enum weir_status status = credentials_profile_provider(&scope, &walk->source, err);
        return status == WEIR_OK && walk->source == NULL
                   ? error_set(err, WEIR_CONFIG, "the source profile \"%s\" has no credentials",
                               walk->base)
                   : status;
    }
    enum weir_status status = walk->source->find(&scope, &found, why, err);
    return status == WEIR_OK && !found
               ? error_set(err, WEIR_CONFIG,
                           "the credential_source of the profile \"%s\" has no credentials: %s",
                           walk->roles[walk->role_count - 1], why)
               : status;
}

/* ---- the walk ----------------------------------------------------------------------------------
 */

static bool visited(const struct walk *walk, const char *profile)
{
    for (size_t i = 0; i < walk->role_count; i++) {
        if (strcmp(walk->roles[i], profile) == 0) {
            return true;
        }
    }
    return false;
}

/* Where a profile with a role gets the credentials to assume it with. */
static enum weir_status step(const struct aws_settings *settings, struct walk *walk,
                             const char *profile, char *source_profile, char *source_name,
                             struct weir_error *err)
{
    if (has(settings, profile, "mfa_serial")) {
        return error_set(err, WEIR_UNSUPPORTED,
                         "the profile \"%s\" needs a one-time code (mfa_serial), which a library "
                         "cannot ask for: use a credential_process that does",
                         profile);
    }
    if ((source_profile == NULL) == (source_name == NULL)) {
        return error_set(err, WEIR_CONFIG,
                         "the profile \"%s\" has a role_arn with %s source_profile and "
                         "credential_source: it needs one of them",
                         profile, source_profile == NULL ? "neither" : "both");
    }
    if (source_name != NULL) {
        return named_source(profile, source_name, &walk->source, err);
    }
    if (!settings_has_profile(settings, source_profile)) {
        return error_set(err, WEIR_CONFIG,
                         "the source_profile \"%.100s\" of the profile \"%s\" does not exist",
                         source_profile, profile);
    }
    bool itself = strcmp(source_profile, profile) == 0 && has_keys(settings, profile);
    if (visited(walk, source_profile) && !itself) {
        return error_set(err, WEIR_CONFIG,
                         "the source_profile \"%.100s\" of the profile \"%s\" leads in a circle",
                         source_profile, profile);
    }
    walk->base = strdup(source_profile);
    return walk->base == NULL ? no_memory(err) : WEIR_OK;
}

static enum weir_status walk_open(const struct credentials_scope *scope, struct walk *walk,
                                  struct weir_error *err)
{
    const struct aws_settings *settings = scope->settings;
    enum weir_status status = WEIR_OK;
    char *next = strdup(scope->profile);
    *walk = (struct walk){0};
    while (status == WEIR_OK && next != NULL) {
        if (walk->role_count == ROLES_MAX) {
            free(next);
            return error_set(err, WEIR_CONFIG, "more than %d roles in a chain of source profiles",
                             ROLES_MAX);
        }
        walk->roles[walk->role_count++] = next;
        char *source_profile = settings_of_profile(settings, next, "source_profile");
        char *source_name = settings_of_profile(settings, next, "credential_source");
        status = step(settings, walk, next, source_profile, source_name, err);
        free(source_profile);
        free(source_name);
        next = NULL;
        if (status == WEIR_OK && walk->base != NULL && !has_keys(settings, walk->base) &&
            has_role(settings, walk->base)) {
            next = walk->base;
            walk->base = NULL;
        }
    }
    if (status == WEIR_OK) {
        status = walk->role_count == 0 ? no_memory(err) : check_base(settings, walk, err);
    }
    return status;
}

static enum weir_status role_find(const struct credentials_scope *scope, bool *ret_found,
                                  char why[FINDING_MAX], struct weir_error *err)
{
    struct walk walk = {0};
    *ret_found = has_role(scope->settings, scope->profile);
    if (!*ret_found) {
        (void)snprintf(why, FINDING_MAX, "the profile \"%s\" has no role_arn", scope->profile);
        return WEIR_OK;
    }
    enum weir_status status = walk_open(scope, &walk, err);
    if (status == WEIR_OK) {
        (void)snprintf(why, FINDING_MAX, "the profile \"%.60s\" has a role; %zu assumed from %s",
                       scope->profile, walk.role_count, walk.source->name);
    }
    walk_fini(&walk);
    return status;
}

/* ---- assuming ----------------------------------------------------------------------------------
 */

static void put_if(struct buf *form, const char *name, char *take_value)
{
    if (take_value != NULL) {
        query_put(form, name, bytes_str(take_value));
        free(take_value);
    }
}

/* Replaces *credentials by those of the profile's role. */
static enum weir_status assume(struct credentials_fetch *fetch, const char *profile,
                               struct credentials **credentials, struct weir_error *err)
{
    const struct aws_settings *settings = fetch->settings;
    struct credentials *assumed = NULL;
    struct buf form;
    buf_init(&form, FORM_BYTES_MAX);
    char *role_arn = settings_of_profile(settings, profile, "role_arn");
    char *session = settings_of_profile(settings, profile, "role_session_name");
    sts_form(&form, "AssumeRole", role_arn, session, fetch->env);
    put_if(&form, "ExternalId", settings_of_profile(settings, profile, "external_id"));
    put_if(&form, "DurationSeconds", settings_of_profile(settings, profile, "duration_seconds"));
    enum weir_status status = sts_call(fetch, *credentials, &form, &assumed, err);
    if (status == WEIR_OK) {
        credentials_unref(*credentials);
        *credentials = assumed;
    } else {
        status = error_wrap(err, status, "the role of the profile \"%s\"", profile);
    }
    secret_buf_fini(&form);
    free(role_arn);
    free(session);
    return status;
}

static enum weir_status role_fetch(struct credentials_fetch *fetch,
                                   const struct credentials_scope *scope, struct credentials **ret,
                                   struct weir_error *err)
{
    struct walk walk = {0};
    struct credentials *credentials = NULL;
    enum weir_status status = walk_open(scope, &walk, err);
    if (status == WEIR_OK) {
        struct credentials_scope base = base_scope(scope->settings, &walk);
        status = walk.source->fetch(fetch, &base, &credentials, err);
    }
    for (size_t i = walk.role_count; status == WEIR_OK && i > 0; i--) {
        status = assume(fetch, walk.roles[i - 1], &credentials, err);
    }
    walk_fini(&walk);
    if (status != WEIR_OK) {
        credentials_unref(credentials);
        return status;
    }
    *ret = credentials;
    return WEIR_OK;
}

const struct credentials_provider credentials_role = {
    .name = "assume-role",
    .find = role_find,
    .fetch = role_fetch,
};
