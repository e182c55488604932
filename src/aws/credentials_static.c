/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are at hand: in the environment, the credentials file and the config file. */
#include "aws/credentials_internal.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

struct pair {
    char *id;
    char *secret;
    char *token;
};

static void pair_free(struct pair *pair)
{
    secret_free(pair->id);
    secret_free(pair->secret);
    secret_free(pair->token);
}

/* `where` names the pair in errors. Half of one is an error, not a source that is absent. */
static enum weir_status pair_check(const struct pair *pair, const char *where, bool *ret_found,
                                   struct weir_error *err)
{
    if ((pair->id == NULL) != (pair->secret == NULL)) {
        const char *id = "the access key id";
        const char *secret = "the secret access key";
        return error_set(err, WEIR_CONFIG, "%s: %s is set without %s", where,
                         pair->id != NULL ? id : secret, pair->id != NULL ? secret : id);
    }
    if (!secret_is_sendable(bytes_str(pair->id)) || !secret_is_sendable(bytes_str(pair->secret)) ||
        !secret_is_sendable(bytes_str(pair->token))) {
        return error_set(err, WEIR_CONFIG, "%s: the credentials hold blanks or control characters",
                         where);
    }
    *ret_found = pair->id != NULL;
    return WEIR_OK;
}

/* Takes the pair. */
static enum weir_status pair_find(struct pair pair, const char *where, bool *ret_found,
                                  char why[FINDING_MAX], struct weir_error *err)
{
    enum weir_status status = pair_check(&pair, where, ret_found, err);
    if (status == WEIR_OK) {
        (void)snprintf(why, FINDING_MAX, "%s %s", where,
                       *ret_found ? "has a key pair" : "has no key pair");
    }
    pair_free(&pair);
    return status;
}

static enum weir_status pair_fetch(struct pair pair, struct credentials **ret,
                                   struct weir_error *err)
{
    enum weir_status status = credentials_new(bytes_str(pair.id), bytes_str(pair.secret),
                                              bytes_str(pair.token), INT64_MAX, ret, err);
    pair_free(&pair);
    return status;
}

/* ---- the environment ---------------------------------------------------------------------------
 */

#define WHERE_ENVIRONMENT "the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)"

static char *copy_or_null(const char *text)
{
    return text == NULL ? NULL : strdup(text);
}

static struct pair environment_pair(const struct credentials_scope *scope)
{
    return (struct pair){
        .id = copy_or_null(settings_env(scope->settings, "AWS_ACCESS_KEY_ID")),
        .secret = copy_or_null(settings_env(scope->settings, "AWS_SECRET_ACCESS_KEY")),
        .token = copy_or_null(settings_env(scope->settings, "AWS_SESSION_TOKEN")),
    };
}

static enum weir_status environment_find(const struct credentials_scope *scope, bool *ret_found,
                                         char why[FINDING_MAX], struct weir_error *err)
{
    if (!scope->with_environment) {
        *ret_found = false;
        (void)snprintf(why, FINDING_MAX, "not asked: a profile was given explicitly");
        return WEIR_OK;
    }
    return pair_find(environment_pair(scope), WHERE_ENVIRONMENT, ret_found, why, err);
}

static enum weir_status environment_fetch(struct credentials_fetch *fetch,
                                          const struct credentials_scope *scope,
                                          struct credentials **ret, struct weir_error *err)
{
    (void)fetch;
    return pair_fetch(environment_pair(scope), ret, err);
}

const struct credentials_provider credentials_environment = {
    .name = "env",
    .at_hand = true,
    .find = environment_find,
    .fetch = environment_fetch,
};

/* ---- the two files -----------------------------------------------------------------------------
 */

typedef char *(*file_question)(const struct aws_settings *settings, const char *profile,
                               const char *key);

static struct pair file_pair(const struct credentials_scope *scope, file_question ask)
{
    return (struct pair){
        .id = ask(scope->settings, scope->profile, "aws_access_key_id"),
        .secret = ask(scope->settings, scope->profile, "aws_secret_access_key"),
        .token = ask(scope->settings, scope->profile, "aws_session_token"),
    };
}

static enum weir_status file_find(const struct credentials_scope *scope, file_question ask,
                                  const char *file, bool *ret_found, char why[FINDING_MAX],
                                  struct weir_error *err)
{
    char where[200];
    (void)snprintf(where, sizeof(where), "the profile \"%s\" in the %s file", scope->profile, file);
    return pair_find(file_pair(scope, ask), where, ret_found, why, err);
}

static enum weir_status shared_find(const struct credentials_scope *scope, bool *ret_found,
                                    char why[FINDING_MAX], struct weir_error *err)
{
    return file_find(scope, settings_of_credentials, "credentials", ret_found, why, err);
}

static enum weir_status shared_fetch(struct credentials_fetch *fetch,
                                     const struct credentials_scope *scope,
                                     struct credentials **ret, struct weir_error *err)
{
    (void)fetch;
    return pair_fetch(file_pair(scope, settings_of_credentials), ret, err);
}

const struct credentials_provider credentials_shared_file = {
    .name = "shared-credentials-file",
    .of_profile = true,
    .at_hand = true,
    .find = shared_find,
    .fetch = shared_fetch,
};

static enum weir_status config_find(const struct credentials_scope *scope, bool *ret_found,
                                    char why[FINDING_MAX], struct weir_error *err)
{
    return file_find(scope, settings_of_config, "config", ret_found, why, err);
}

static enum weir_status config_fetch(struct credentials_fetch *fetch,
                                     const struct credentials_scope *scope,
                                     struct credentials **ret, struct weir_error *err)
{
    (void)fetch;
    return pair_fetch(file_pair(scope, settings_of_config), ret, err);
}

const struct credentials_provider credentials_config_file = {
    .name = "config-file",
    .of_profile = true,
    .at_hand = true,
    .find = config_find,
    .fetch = config_fetch,
};
