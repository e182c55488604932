/* SPDX-License-Identifier: Apache-2.0 */
/* A role for a token that somebody else signed (Kubernetes service accounts, CI): the token is in a
 * file, read anew each time, as its writer replaces it. */
#include "aws/credentials_internal.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

#define TOKEN_BYTES_MAX 20000 /* STS: WebIdentityToken */
#define FORM_BYTES_MAX ((size_t)128 * 1024)

struct web {
    char *token_file; /* NULL: not configured */
    char *role_arn;
    char *session;
};

static char *ask(const struct credentials_scope *scope, const char *variable, const char *key)
{
    const char *value = scope->with_environment ? settings_env(scope->settings, variable) : NULL;
    return value != NULL ? strdup(value)
                         : settings_of_profile(scope->settings, scope->profile, key);
}

static struct web web_read(const struct credentials_scope *scope)
{
    return (struct web){
        .token_file = ask(scope, "AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file"),
        .role_arn = ask(scope, "AWS_ROLE_ARN", "role_arn"),
        .session = ask(scope, "AWS_ROLE_SESSION_NAME", "role_session_name"),
    };
}

static void web_free(struct web *web)
{
    free(web->token_file);
    free(web->role_arn);
    free(web->session);
}

static enum weir_status web_find(const struct credentials_scope *scope, bool *ret_found,
                                 char why[FINDING_MAX], struct weir_error *err)
{
    struct web web = web_read(scope);
    enum weir_status status = WEIR_OK;
    *ret_found = web.token_file != NULL;
    if (web.token_file == NULL) {
        (void)snprintf(why, FINDING_MAX,
                       "neither AWS_WEB_IDENTITY_TOKEN_FILE nor web_identity_token_file is set");
    } else if (web.role_arn == NULL) {
        status = error_set(err, WEIR_CONFIG,
                           "a web identity token's file is set without a role: set AWS_ROLE_ARN, "
                           "or role_arn in the profile \"%s\"",
                           scope->profile);
    } else {
        (void)snprintf(why, FINDING_MAX, "the role %.100s with the token in %.100s", web.role_arn,
                       web.token_file);
    }
    web_free(&web);
    return status;
}

static enum weir_status web_fetch(struct credentials_fetch *fetch,
                                  const struct credentials_scope *scope, struct credentials **ret,
                                  struct weir_error *err)
{
    struct web web = web_read(scope);
    struct buf token, form;
    buf_init(&form, FORM_BYTES_MAX);
    enum weir_status status =
        fetch_file(web.token_file, TOKEN_BYTES_MAX, "the web identity token", &token, err);
    if (status == WEIR_OK && token.len == 0) {
        status = error_set(err, WEIR_CREDENTIALS, "the web identity token %.200s is empty",
                           web.token_file);
    }
    if (status == WEIR_OK) {
        sts_form(&form, "AssumeRoleWithWebIdentity", web.role_arn, web.session, fetch->env);
        query_put(&form, "WebIdentityToken", buf_bytes(&token));
        status = sts_call(fetch, NULL, &form, ret, err);
    }
    secret_buf_fini(&token);
    secret_buf_fini(&form);
    web_free(&web);
    return status;
}

const struct credentials_provider credentials_web = {
    .name = "assume-role-with-web-identity",
    .of_profile = true,
    .find = web_find,
    .fetch = web_fetch,
};
