/* SPDX-License-Identifier: Apache-2.0 */
/* One set of credentials, and how it is read from the JSON that most sources answer with. */
#include "aws/credentials_internal.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

#define JSON_ARENA_BYTES ((size_t)1024 * 1024)

void credentials_unref(struct credentials *credentials)
{
    if (credentials == NULL || atomic_fetch_sub(&credentials->refs, 1) != 1) {
        return;
    }
    secret_free(credentials->access_key_id);
    secret_free(credentials->secret_access_key);
    secret_free(credentials->session_token);
    free(credentials);
}

static char *copy_of(struct weir_bytes text)
{
    return strndup((const char *)text.ptr, text.len);
}

enum weir_status credentials_new(struct weir_bytes access_key_id,
                                 struct weir_bytes secret_access_key,
                                 struct weir_bytes session_token, int64_t expires_ms,
                                 struct credentials **ret, struct weir_error *err)
{
    if (!secret_is_sendable(access_key_id) || !secret_is_sendable(secret_access_key) ||
        !secret_is_sendable(session_token)) {
        return error_set(err, WEIR_CONFIG, "the credentials hold blanks or control characters");
    }
    struct credentials *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for credentials");
    }
    atomic_init(&made->refs, 1);
    made->expires_ms = expires_ms;
    made->access_key_id = copy_of(access_key_id);
    made->secret_access_key = copy_of(secret_access_key);
    made->session_token = session_token.len == 0 ? NULL : copy_of(session_token);
    if (made->access_key_id == NULL || made->secret_access_key == NULL ||
        (session_token.len > 0 && made->session_token == NULL)) {
        credentials_unref(made);
        return error_set(err, WEIR_NO_MEMORY, "out of memory for credentials");
    }
    made->signs = (struct sigv4_credentials){
        .access_key_id = bytes_str(made->access_key_id),
        .secret_access_key = bytes_str(made->secret_access_key),
        .session_token = bytes_str(made->session_token),
    };
    *ret = made;
    return WEIR_OK;
}

/* ---- from JSON ---------------------------------------------------------------------------------
 */

const struct credentials_names credentials_names_service = {
    .access_key_id = "AccessKeyId",
    .secret_access_key = "SecretAccessKey",
    .session_token = "Token",
    .expiration = "Expiration",
    .token_required = true,
    .expiration_required = true,
};

/* A member's text; of no length when it is not there, or null. False: it is of another type. */
static bool text_member(const struct weir_value *map, const char *name, struct weir_bytes *ret_text)
{
    const struct weir_value *member = name == NULL ? NULL : value_get(map, name);
    *ret_text = BYTES_NONE;
    if (member == NULL || member->type == VALUE_NULL) {
        return true;
    }
    if (member->type != VALUE_S) {
        return false;
    }
    *ret_text = member->u.bytes;
    return true;
}

/* ISO 8601, or a number of milliseconds. */
static bool expiration_member(const struct weir_value *map, const char *name, int64_t *ret_ms)
{
    const struct weir_value *member = value_get(map, name);
    char *end = NULL;
    char copy[24];
    if (member == NULL || member->type == VALUE_NULL) {
        *ret_ms = INT64_MAX;
        return true;
    }
    if (member->type == VALUE_S) {
        return time_parse(member->u.bytes, ret_ms);
    }
    if (member->type != VALUE_N || member->u.bytes.len >= sizeof(copy)) {
        return false;
    }
    (void)snprintf(copy, sizeof(copy), "%.*s", BYTES_ARG(member->u.bytes));
    *ret_ms = strtoll(copy, &end, 10);
    return *end == '\0' && *ret_ms > 0;
}

static enum weir_status from_object(const struct weir_value *map,
                                    const struct credentials_names *names, const char *who,
                                    struct credentials **ret, struct weir_error *err)
{
    struct weir_bytes id, secret, token;
    int64_t expires_ms = INT64_MAX;
    const struct weir_value *version = value_get(map, "Version");
    const char *wrong = NULL;
    if (names->version_1 &&
        (version == NULL || version->type != VALUE_N || !bytes_eq_str(version->u.bytes, "1"))) {
        wrong = "Version (1)";
    } else if (!text_member(map, names->access_key_id, &id) || id.len == 0) {
        wrong = names->access_key_id;
    } else if (!text_member(map, names->secret_access_key, &secret) || secret.len == 0) {
        wrong = names->secret_access_key;
    } else if (!text_member(map, names->session_token, &token) ||
               (names->token_required && token.len == 0)) {
        wrong = names->session_token;
    } else if (!expiration_member(map, names->expiration, &expires_ms) ||
               (names->expiration_required && expires_ms == INT64_MAX)) {
        wrong = names->expiration;
    }
    if (wrong != NULL) {
        return error_set(err, WEIR_PROTOCOL, "%s: the answer has no usable %s", who, wrong);
    }
    enum weir_status status = credentials_new(id, secret, token, expires_ms, ret, err);
    return status == WEIR_OK ? WEIR_OK : error_wrap(err, status, "%s", who);
}

/* The arena's memory is ours to overwrite; strings in it are not shared with anybody. */
static void forget_strings(const struct weir_value *map)
{
    for (uint32_t i = 0; map != NULL && map->type == VALUE_M && i < map->u.map.count; i++) {
        const struct weir_value *value = &map->u.map.at[i].value;
        if (value->type == VALUE_M) {
            for (uint32_t j = 0; j < value->u.map.count; j++) {
                const struct weir_value *inner = &value->u.map.at[j].value;
                if (inner->type == VALUE_S) {
                    explicit_bzero((void *)(uintptr_t)inner->u.bytes.ptr, inner->u.bytes.len);
                }
            }
        } else if (value->type == VALUE_S) {
            explicit_bzero((void *)(uintptr_t)value->u.bytes.ptr, value->u.bytes.len);
        }
    }
}

/* What the parser says is left out: it may quote the text. */
enum weir_status credentials_from_json(struct weir_bytes text, const char *member,
                                       const struct credentials_names *names, const char *who,
                                       struct credentials **ret, struct weir_error *err)
{
    struct weir_value *document = NULL;
    struct arena *arena = arena_new(JSON_ARENA_BYTES);
    if (arena == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for credentials");
    }
    enum weir_status status = json_parse(arena, text, &document, NULL);
    const struct weir_value *map =
        status != WEIR_OK || member == NULL ? document : value_get(document, member);
    if (status != WEIR_OK || map == NULL || map->type != VALUE_M) {
        status = error_set(err, status == WEIR_NO_MEMORY ? WEIR_NO_MEMORY : WEIR_PROTOCOL,
                           "%s: the answer is no JSON object of credentials", who);
    } else {
        status = from_object(map, names, who, ret, err);
    }
    forget_strings(document);
    arena_free(arena);
    return status;
}
