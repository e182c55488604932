/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_CREDENTIALS_FIXTURE_H
#define WEIR_TESTS_CREDENTIALS_FIXTURE_H

/*
 * A chain with a home folder, an environment, a clock and a scripted server of the test's own. In
 * scripts and files, secrets begin with PLANTED, and no message may ever hold one: every fetch and
 * every opening here checks that.
 */

#include "aws/credentials_internal.h"
#include "unit/client/script_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define START_MS 1767225600000 /* 2026-01-01T00:00:00Z */
#define MINUTE_MS ((int64_t)60 * 1000)
#define PAIRS_MAX 24

struct chain_fixture {
    char home[64];
    const char *pairs[PAIRS_MAX][2];
    size_t pair_count;
    struct script_server *server;
    char url[64];
    struct weir_env *env; /* the clock that the test turns */
    struct aws_http *http;
    struct aws_settings *settings;
    struct credentials_chain *chain;
    struct credentials *got;
    struct weir_error err;
};

#define STEPS(...) ((const struct script_step[]){__VA_ARGS__})
#define STEP_COUNT(steps) (sizeof(steps) / sizeof((steps)[0]))

static const char *fixture_getenv(void *arg, const char *name)
{
    const struct chain_fixture *f = arg;
    for (size_t i = 0; i < f->pair_count; i++) {
        if (strcmp(f->pairs[i][0], name) == 0) {
            return f->pairs[i][1];
        }
    }
    return NULL;
}

/* The value is kept by reference. */
static inline void fixture_set(struct chain_fixture *f, const char *name, const char *value)
{
    assert_true(f->pair_count < PAIRS_MAX);
    f->pairs[f->pair_count][0] = name;
    f->pairs[f->pair_count++][1] = value;
}

/* A file below the home folder. */
static inline void fixture_write(const struct chain_fixture *f, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", f->home, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    (void)fclose(file);
}

/* The steps must outlive the fixture. */
static inline void fixture_init(struct chain_fixture *f, const struct script_step *steps,
                                size_t count, const char *config, const char *credentials)
{
    static const char *const folders[] = {".aws", ".aws/sso", ".aws/sso/cache"};
    char path[128];
    *f = (struct chain_fixture){.home = "/tmp/weir-credentials-XXXXXX"};
    assert_non_null(mkdtemp(f->home));
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", f->home, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    fixture_write(f, ".aws/config", config);
    fixture_write(f, ".aws/credentials", credentials);
    f->server = script_server_start(steps, count);
    (void)snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%u", script_server_port(f->server));
    f->env = env_fake_new(1, START_MS);
    struct aws_http_options options = {.env = f->env};
    assert_int_equal(aws_http_open(&options, &f->http, NULL), WEIR_OK);
    fixture_set(f, "HOME", f->home);
}

static inline void assert_no_secret(const char *text)
{
    if (strstr(text, "PLANTED") != NULL) {
        fail_msg("a secret is in \"%s\"", text);
    }
}

static inline void fixture_settings(struct chain_fixture *f, const char *profile)
{
    struct aws_environment environment = {fixture_getenv, f};
    f->err = (struct weir_error){0};
    if (settings_open(&environment, profile, &f->settings, &f->err) != WEIR_OK) {
        fail_msg("%s", f->err.message);
    }
}

static inline enum weir_status fixture_open_with(struct chain_fixture *f,
                                                 struct credentials_options options)
{
    if (f->settings == NULL) {
        fixture_settings(f, NULL);
    }
    options.env = options.env == NULL ? f->env : options.env;
    options.settings = f->settings;
    options.http = f->http;
    options.region = "eu-west-1";
    f->err = (struct weir_error){0};
    enum weir_status status = credentials_open(&options, &f->chain, &f->err);
    assert_no_secret(f->err.message);
    return status;
}

static inline void fixture_open(struct chain_fixture *f)
{
    if (fixture_open_with(f, (struct credentials_options){0}) != WEIR_OK) {
        fail_msg("%s", f->err.message);
    }
}

static inline enum weir_status fixture_get(struct chain_fixture *f)
{
    credentials_unref(f->got);
    f->got = NULL;
    f->err = (struct weir_error){0};
    enum weir_status status = credentials_get(f->chain, &f->got, &f->err);
    assert_int_equal(status, f->err.status);
    assert_no_secret(f->err.message);
    return status;
}

static inline void fixture_got(struct chain_fixture *f, const char *id, const char *secret,
                               const char *token)
{
    if (fixture_get(f) != WEIR_OK) {
        fail_msg("%s", f->err.message);
    }
    assert_string_equal(f->got->access_key_id, id);
    assert_string_equal(f->got->secret_access_key, secret);
    assert_int_equal(f->got->session_token == NULL, token == NULL);
    if (token != NULL) {
        assert_string_equal(f->got->session_token, token);
    }
}

static inline void assert_says(const struct chain_fixture *f, const char *part)
{
    if (strstr(f->err.message, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", f->err.message, part);
    }
}

static inline void fixture_refused(struct chain_fixture *f, enum weir_status status,
                                   const char *part)
{
    enum weir_status got = fixture_get(f);
    if (got != status) {
        fail_msg("%s: %s", weir_status_name(got), f->err.message);
    }
    assert_says(f, part);
}

static inline void assert_asked(struct chain_fixture *f, unsigned index, const char *part)
{
    const char *text = script_server_request(f->server, index);
    if (strstr(text, part) == NULL) {
        fail_msg("request %u has no \"%s\":\n%s", index, part, text);
    }
}

static inline void assert_not_asked(struct chain_fixture *f, unsigned index, const char *part)
{
    assert_null(strcasestr(script_server_request(f->server, index), part));
}

/* Ends the chain, keeps the rest for another. */
static inline void fixture_shut(struct chain_fixture *f)
{
    credentials_unref(f->got);
    credentials_close(f->chain);
    settings_unref(f->settings);
    f->got = NULL;
    f->chain = NULL;
    f->settings = NULL;
}

static inline void fixture_close(struct chain_fixture *f)
{
    char command[128];
    fixture_shut(f);
    aws_http_close(f->http);
    script_server_stop(f->server);
    env_fake_free(f->env);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", f->home);
    assert_int_equal(system(command), 0);
}

/* What the services answer. */
#define CONTAINER_SET(id, expiration)                                              \
    "{\"AccessKeyId\":\"" id "\",\"SecretAccessKey\":\"PLANTEDsecret\",\"Token\":" \
    "\"PLANTEDtoken\",\"Expiration\":\"" expiration "\"}"
#define STS_SET(id, expiration)                                                                   \
    "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"  \
    "<AssumedRoleUser><Arn>arn:x</Arn></AssumedRoleUser><Credentials><AccessKeyId>" id            \
    "</AccessKeyId><SecretAccessKey>PLANTEDsecret/+=</SecretAccessKey><SessionToken>PLANTEDtoken" \
    "</SessionToken><Expiration>" expiration "</Expiration></Credentials></AssumeRoleResult>"     \
    "</AssumeRoleResponse>"
#define IN_AN_HOUR "2026-01-01T01:00:00Z"

#endif
