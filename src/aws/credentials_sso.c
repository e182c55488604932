/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM Identity Center: the token that `aws sso login` left in its cache, exchanged for a role's
 * credentials. The token itself is not renewed here; when it is over, a person logs in again.
 *
 *     [profile dev]                              ~/.aws/sso/cache/<sha1 of "corp">.json
 *     sso_session = corp    ─► [sso-session corp]    (older form: sso_start_url in the profile,
 *     sso_account_id = ...       sso_start_url        and the sha1 of that)
 *     sso_role_name = ...        sso_region
 */
#include "aws/credentials_internal.h"

#include "aws/region.h"
#include "base/error.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define TOKEN_FILE_BYTES_MAX ((size_t)64 * 1024)
#define TOKEN_ARENA_BYTES ((size_t)1024 * 1024)
#define SSO_TIMEOUT_MS 10000
#define WHO "IAM Identity Center"

struct sso {
    char *session; /* NULL: the older form */
    char *start_url;
    char *region;
    char *account;
    char *role;
};

static void sso_free(struct sso *sso)
{
    free(sso->session);
    free(sso->start_url);
    free(sso->region);
    free(sso->account);
    free(sso->role);
}

static char *session_or_profile(const struct credentials_scope *scope, const char *session,
                                const char *key)
{
    return session != NULL ? settings_of_section(scope->settings, "sso-session", session, key)
                           : settings_of_profile(scope->settings, scope->profile, key);
}

static struct sso sso_read(const struct credentials_scope *scope)
{
    char *session = settings_of_profile(scope->settings, scope->profile, "sso_session");
    return (struct sso){
        .session = session,
        .start_url = session_or_profile(scope, session, "sso_start_url"),
        .region = session_or_profile(scope, session, "sso_region"),
        .account = settings_of_profile(scope->settings, scope->profile, "sso_account_id"),
        .role = settings_of_profile(scope->settings, scope->profile, "sso_role_name"),
    };
}

static enum weir_status sso_check(const struct credentials_scope *scope, const struct sso *sso,
                                  struct weir_error *err)
{
    const char *missing = sso->account == NULL     ? "sso_account_id"
                          : sso->role == NULL      ? "sso_role_name"
                          : sso->start_url == NULL ? "sso_start_url"
                          : sso->region == NULL    ? "sso_region"
                                                   : NULL;
    if (sso->session != NULL &&
        !settings_has_section(scope->settings, "sso-session", sso->session)) {
        return error_set(err, WEIR_CONFIG,
                         "the sso_session \"%.100s\" of the profile \"%s\" does not exist",
                         sso->session, scope->profile);
    }
    if (missing != NULL) {
        return error_set(err, WEIR_CONFIG, "the profile \"%s\" is for SSO, but has no %s",
                         scope->profile, missing);
    }
    if (!region_is_name(sso->region)) {
        return error_set(err, WEIR_CONFIG, "the sso_region of the profile \"%s\" is no region",
                         scope->profile);
    }
    return WEIR_OK;
}

static enum weir_status sso_find(const struct credentials_scope *scope, bool *ret_found,
                                 char why[FINDING_MAX], struct weir_error *err)
{
    struct sso sso = sso_read(scope);
    enum weir_status status = WEIR_OK;
    *ret_found = sso.account != NULL || sso.role != NULL;
    if (*ret_found) {
        status = sso_check(scope, &sso, err);
        (void)snprintf(why, FINDING_MAX,
                       "the profile \"%.60s\" has the role %.60s of account %.20s", scope->profile,
                       sso.role, sso.account);
    } else {
        (void)snprintf(why, FINDING_MAX,
                       "the profile \"%s\" has neither sso_account_id nor sso_role_name",
                       scope->profile);
    }
    sso_free(&sso);
    return status;
}

/* ---- the token ---------------------------------------------------------------------------------
 */

static bool token_path(const struct aws_settings *settings, const char *key, char *to, size_t size)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    char name[128] = "~/.aws/sso/cache/";
    size_t at = strlen(name);
    if (EVP_Digest(key, strlen(key), digest, &len, EVP_sha1(), NULL) != 1) {
        return false;
    }
    for (unsigned i = 0; i < len; i++) {
        at += (size_t)snprintf(name + at, sizeof(name) - at, "%02x", digest[i]);
    }
    (void)snprintf(name + at, sizeof(name) - at, ".json");
    return settings_home_path(settings, name, to, size);
}

static enum weir_status log_in_again(const struct credentials_scope *scope, const char *why,
                                     struct weir_error *err)
{
    return error_set(err, WEIR_CREDENTIALS,
                     "%s: %s: run `aws sso login --profile %s`, then try again", WHO, why,
                     scope->profile);
}

static enum weir_status token_of(const struct credentials_fetch *fetch,
                                 const struct credentials_scope *scope,
                                 const struct weir_value *map, struct weir_bytes *ret_token,
                                 struct weir_error *err)
{
    const struct weir_value *token = value_get(map, "accessToken");
    const struct weir_value *expires = value_get(map, "expiresAt");
    int64_t expires_ms = 0;
    if (token == NULL || token->type != VALUE_S || token->u.bytes.len == 0 || expires == NULL ||
        expires->type != VALUE_S || !time_parse(expires->u.bytes, &expires_ms) ||
        !secret_is_sendable(token->u.bytes)) {
        return log_in_again(scope, "the cached token cannot be read", err);
    }
    if (expires_ms <= env_wall_ms(fetch->env)) {
        return log_in_again(scope, "the session is over", err);
    }
    *ret_token = token->u.bytes;
    return WEIR_OK;
}

/* The token, in the arena. */
static enum weir_status token_load(const struct credentials_fetch *fetch,
                                   const struct credentials_scope *scope, const struct sso *sso,
                                   struct arena *arena, struct weir_bytes *ret_token,
                                   struct weir_error *err)
{
    char path[4096];
    struct buf text;
    struct weir_value *map = NULL;
    if (!token_path(scope->settings, sso->session != NULL ? sso->session : sso->start_url, path,
                    sizeof(path))) {
        return error_set(err, WEIR_CREDENTIALS, "%s: there is no HOME with a cached token", WHO);
    }
    enum weir_status status =
        fetch_file(path, TOKEN_FILE_BYTES_MAX, "the cached token", &text, NULL);
    if (status != WEIR_OK) {
        status = log_in_again(scope, "there is no cached token", err);
    } else if (json_parse(arena, buf_bytes(&text), &map, NULL) != WEIR_OK) {
        status = log_in_again(scope, "the cached token cannot be read", err);
    } else {
        status = token_of(fetch, scope, map, ret_token, err);
    }
    secret_buf_fini(&text);
    return status;
}

/* ---- the exchange ------------------------------------------------------------------------------
 */

static bool portal_url(const struct credentials_fetch *fetch, const struct sso *sso, struct buf *to)
{
    struct buf query;
    char *base = settings_endpoint(fetch->settings, "AWS_ENDPOINT_URL_SSO", "sso");
    size_t len = base == NULL ? 0 : strlen(base);
    buf_init(&query, 4096);
    query_put(&query, "role_name", bytes_str(sso->role));
    query_put(&query, "account_id", bytes_str(sso->account));
    if (base != NULL) {
        buf_put(to, bytes_of(base, len - (base[len - 1] == '/')));
    } else {
        buf_printf(to, "https://portal.sso.%s.%s", sso->region,
                   region_domain_view(sso->region, false));
    }
    buf_put_str(to, "/federation/credentials?");
    buf_put(to, buf_bytes(&query));
    buf_put_u8(to, '\0');
    bool made = buf_status(&query) == WEIR_OK && buf_status(to) == WEIR_OK;
    buf_fini(&query);
    free(base);
    return made;
}

static enum weir_status read_portal(const struct credentials_scope *scope,
                                    const struct fetch_call *call, struct credentials **ret,
                                    struct weir_error *err)
{
    static const struct credentials_names names = {
        .access_key_id = "accessKeyId",
        .secret_access_key = "secretAccessKey",
        .session_token = "sessionToken",
        .expiration = "expiration",
        .token_required = true,
        .expiration_required = true,
    };
    if (call->http_status == 200) {
        return credentials_from_json(buf_bytes(&call->answer), "roleCredentials", &names, WHO, ret,
                                     err);
    }
    if (call->http_status == 401) {
        return log_in_again(scope, "the session is no longer accepted", err);
    }
    return error_set(err, fetch_status_of(call->http_status),
                     "%s answered HTTP %d for the role and account of the profile \"%s\"", WHO,
                     call->http_status, scope->profile);
}

static enum weir_status exchange(struct credentials_fetch *fetch,
                                 const struct credentials_scope *scope, const struct sso *sso,
                                 struct weir_bytes token, struct credentials **ret,
                                 struct weir_error *err)
{
    struct buf url;
    buf_init(&url, 8192);
    if (!portal_url(fetch, sso, &url)) {
        buf_fini(&url);
        return error_set(err, WEIR_NO_MEMORY, "out of memory for credentials");
    }
    struct fetch_call call = {
        .method = "GET",
        .url = (const char *)url.ptr,
        .headers = {{BYTES_LIT("x-amz-sso_bearer_token"), token},
                    {BYTES_LIT("accept"), BYTES_LIT("application/json")}},
        .header_count = 2,
        .timeout_ms = SSO_TIMEOUT_MS,
    };
    enum weir_status status = fetch_run(fetch, &call, WHO, err);
    if (status == WEIR_OK) {
        status = read_portal(scope, &call, ret, err);
    }
    fetch_call_fini(&call);
    buf_fini(&url);
    return status;
}

static enum weir_status sso_fetch(struct credentials_fetch *fetch,
                                  const struct credentials_scope *scope, struct credentials **ret,
                                  struct weir_error *err)
{
    struct weir_bytes token = BYTES_NONE;
    struct sso sso = sso_read(scope);
    struct arena *arena = arena_new(TOKEN_ARENA_BYTES);
    enum weir_status status = arena == NULL
                                  ? error_set(err, WEIR_NO_MEMORY, "out of memory for credentials")
                                  : token_load(fetch, scope, &sso, arena, &token, err);
    if (status == WEIR_OK) {
        status = exchange(fetch, scope, &sso, token, ret, err);
        explicit_bzero((void *)(uintptr_t)token.ptr, token.len);
    }
    arena_free(arena);
    sso_free(&sso);
    return status;
}

const struct credentials_provider credentials_sso = {
    .name = "sso",
    .of_profile = true,
    .find = sso_find,
    .fetch = sso_fetch,
};

/* ---- aws login ---------------------------------------------------------------------------------
 */

/* Signing in with a browser gives a key of its own for each request of a token, which is the
 * command line's business. */
static enum weir_status login_find(const struct credentials_scope *scope, bool *ret_found,
                                   char why[FINDING_MAX], struct weir_error *err)
{
    char *session = settings_of_profile(scope->settings, scope->profile, "login_session");
    *ret_found = session != NULL;
    free(session);
    if (*ret_found) {
        return error_set(err, WEIR_UNSUPPORTED,
                         "the profile \"%s\" is one of `aws login`: use a profile with "
                         "credential_process = aws configure export-credentials --profile %s "
                         "--format process",
                         scope->profile, scope->profile);
    }
    (void)snprintf(why, FINDING_MAX, "the profile \"%s\" has no login_session", scope->profile);
    return WEIR_OK;
}

const struct credentials_provider credentials_login = {
    .name = "login",
    .of_profile = true,
    .find = login_find,
};
